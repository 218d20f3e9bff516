//! The table at the end of a run: which steps there were, how long each took, what failed, what was
//! skipped.
//!
//! Tests that cannot run on this machine append a line to the file named by `TONG_SKIP_LOG`; the test
//! harness would swallow what they print. The table counts those lines.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::command::{Failure, Outcome};

/// Counts of tests, in the words of cargo's own closing line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Counts {
    /// Adds the numbers of a line like `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some((_, numbers)) = line.trim_start().split_once("test result: ") else {
            return;
        };
        let words: Vec<&str> = numbers
            .split([' ', ';', '.'])
            .filter(|w| !w.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    counts: Counts,
    failure: Option<Failure>,
}

/// The steps of a run so far.
#[derive(Debug)]
pub(crate) struct Report {
    steps: Vec<Step>,
    skip_log: PathBuf,
}

impl Report {
    /// Starts a run whose tests note in `skip_log` what they cannot do.
    pub(crate) fn start(skip_log: PathBuf) -> Outcome<Self> {
        if let Some(dir) = skip_log.parent() {
            fs::create_dir_all(dir).map_err(|e| Failure::file("create", dir, &e))?;
        }
        fs::write(&skip_log, "").map_err(|e| Failure::file("write", &skip_log, &e))?;
        Ok(Self {
            steps: Vec::new(),
            skip_log,
        })
    }

    pub(crate) fn skip_log(&self) -> &Path {
        &self.skip_log
    }

    /// Does one step and notes how it went; a failure does not keep the next ones from being tried.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Counts) -> Outcome<()>,
    ) {
        headline(name);
        let start = Instant::now();
        let mut counts = Counts::default();
        let failure = work(&mut counts).err();
        if let Some(failure) = &failure {
            eprintln!("\n{name}: {failure}");
        }
        self.steps.push(Step {
            name,
            took: start.elapsed(),
            counts,
            failure,
        });
    }

    /// Prints the table.
    ///
    /// # Errors
    /// If a step failed, or if tests were skipped although `no_skips` forbids it.
    pub(crate) fn finish(self, no_skips: bool) -> Outcome<()> {
        let skipped = self.skipped();
        self.print(&skipped);
        let failed: Vec<&Step> = self.steps.iter().filter(|s| s.failure.is_some()).collect();
        if !failed.is_empty() {
            let names: Vec<&str> = failed.iter().map(|step| step.name).collect();
            return Err(Failure::new(format!("failed: {}", names.join(", "))));
        }
        if no_skips && !skipped.is_empty() {
            return Err(Failure::new(format!(
                "{} tests were skipped, and --no-skips allows none",
                skipped.len()
            )));
        }
        Ok(())
    }

    fn skipped(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.skip_log).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn print(&self, skipped: &[String]) {
        headline("summary");
        println!(
            "{:<16} {:>8}  {:>7} {:>7}  result",
            "step", "time", "passed", "failed"
        );
        let mut total = Counts::default();
        for step in &self.steps {
            total.add(step.counts);
            println!(
                "{:<16} {:>7.1}s  {:>7} {:>7}  {}",
                step.name,
                step.took.as_secs_f64(),
                count(step.counts, step.counts.passed),
                count(step.counts, step.counts.failed),
                verdict(step.failure.is_none()),
            );
        }
        let time: Duration = self.steps.iter().map(|step| step.took).sum();
        println!(
            "{:<16} {:>7.1}s  {:>7} {:>7}  {} ignored, {} skipped",
            "all",
            time.as_secs_f64(),
            total.passed,
            total.failed,
            total.ignored,
            skipped.len(),
        );
        for line in skipped {
            println!("SKIPPED {line}");
        }
        for step in &self.steps {
            if let Some(failure) = &step.failure {
                println!("\n{}: {failure}", step.name);
            }
        }
        let _ = io::stdout().flush();
    }
}

/// Notes that a test cannot run here, for the table and for whoever reads along.
pub(crate) fn skip(log: &Path, test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
    let line = format!("{test}: {reason}\n");
    let file = fs::OpenOptions::new().append(true).create(true).open(log);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!("cannot note the skipped test in {}: {error}", log.display());
    }
}

/// Separates the output of one step from that of the next.
pub(crate) fn headline(text: &str) {
    println!("\n{}", painted("1", &format!("== {text}")));
    let _ = io::stdout().flush();
}

/// `ok` in green or `FAILED` in red.
pub(crate) fn verdict(ok: bool) -> String {
    if ok {
        painted("32", "ok")
    } else {
        painted("31;1", "FAILED")
    }
}

/// A step that ran no tests shows a dash rather than a nought.
fn count(counts: Counts, number: u64) -> String {
    if counts == Counts::default() {
        "-".to_owned()
    } else {
        number.to_string()
    }
}

fn painted(code: &str, text: &str) -> String {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_the_closing_lines_of_test_programs() {
        let mut counts = Counts::default();
        counts.add_line(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out",
        );
        counts.add_line("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured");
        counts.add_line("test channel::keeps_order ... ok");
        let expected = Counts {
            passed: 14,
            failed: 1,
            ignored: 1,
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_failed_step_fails_the_run_but_not_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let mut report = Report::start(dir.path().join("skips")).unwrap();
        report.step("first", |_| Err(Failure::new("no")));
        let mut reached = false;
        report.step("second", |_| {
            reached = true;
            Ok(())
        });
        assert!(reached);
        assert!(report
            .finish(false)
            .unwrap_err()
            .to_string()
            .contains("first"));
    }

    #[test]
    fn a_skipped_test_fails_the_run_only_where_none_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let start = || Report::start(dir.path().join("skips")).unwrap();
        let (lax, strict) = (start(), start());
        skip(lax.skip_log(), "some test", "no compiler");
        assert!(lax.finish(false).is_ok());
        assert!(strict.finish(true).is_err());
    }
}
