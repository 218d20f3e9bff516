//! `cargo xtask c-test`: compiles the C programs against an installed tree as a user would, with the
//! flags that pkg-config gives, and runs those that judge themselves.
//!
//! Each program runs in a directory and a namespace of its own and is ended if it hangs. Its output is
//! shown only if it fails. What a missing compiler or tool makes impossible is skipped and counted.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::c_program::{self, Language, Variant};
use crate::command::{is_installed, last_lines, Failure, Outcome, Program};
use crate::install;
use crate::installed_tree::{self, Flags};
use crate::library::{c_compiler, cxx_compiler};
use crate::report::{self, Counts, Report};
use crate::tree::Tree;

/// Far more than any of the programs needs on a slow machine.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Installs, then does all of it.
pub(crate) fn run(tree: &Tree) -> Outcome<()> {
    let mut report = Report::start(tree.made("skipped"))?;
    let log = report.skip_log().to_path_buf();
    report.step("install", |_| install::install(tree, &tree.c_prefix()));
    report.step("c programs", |counts| check(tree, &log, counts));
    report.finish(false)
}

/// Compiles and runs against the tree that is installed already.
pub(crate) fn check(tree: &Tree, skip_log: &Path, counts: &mut Counts) -> Outcome<()> {
    let start = Instant::now();
    let programs = tree.made("c");
    fs::create_dir_all(&programs).map_err(|e| Failure::file("create", &programs, &e))?;
    let mut run = Run {
        prefix: tree.c_prefix(),
        programs,
        skip_log,
        counts: Counts::default(),
    };
    let variants = c_program::all(&tree.c_tests())?;
    println!(
        "\nrunning {} C tests",
        variants.len() + installed_tree::TESTS.len()
    );
    run.installed_tree();
    run.variants(&variants);
    run.close(start.elapsed());
    // The table counts what was skipped by the log.
    *counts = Counts {
        ignored: 0,
        ..run.counts
    };
    if counts.failed == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} C tests failed; to repeat them:\n  cargo xtask c-test",
            counts.failed
        )))
    }
}

struct Run<'a> {
    prefix: PathBuf,
    programs: PathBuf,
    skip_log: &'a Path,
    counts: Counts,
}

/// How a test ended that did not fail.
pub(crate) enum Verdict {
    Passed,
    Skipped(String),
}

impl Run<'_> {
    fn installed_tree(&mut self) {
        for (name, test) in installed_tree::TESTS {
            let result = test(&self.prefix);
            self.note(&format!("installed tree: {name}"), result);
        }
    }

    fn variants(&mut self, variants: &[Variant]) {
        let flags = Flags::of(&self.prefix, "tong");
        for variant in variants {
            let result = match &flags {
                Ok(flags) => self.try_variant(variant, flags),
                Err(failure) => Err(Failure::new(failure.to_string())),
            };
            self.note(&variant.to_string(), result);
        }
    }

    fn try_variant(&self, variant: &Variant, flags: &Flags) -> Outcome<Verdict> {
        if let Some(compiler) = missing_compiler(variant.language) {
            return Ok(Verdict::Skipped(format!("{compiler} is not installed")));
        }
        let program = self.programs.join(variant.file_name());
        variant.compile(&program).args(&flags.0).output()?;
        if variant.judges_itself {
            run_alone(&program, &self.prefix.join("lib"))?;
        }
        Ok(Verdict::Passed)
    }

    fn note(&mut self, name: &str, result: Outcome<Verdict>) {
        match result {
            Ok(Verdict::Passed) => {
                self.counts.passed += 1;
                println!("test {name} ... {}", report::verdict(true));
            }
            Ok(Verdict::Skipped(reason)) => {
                self.counts.ignored += 1;
                report::skip(self.skip_log, name, &reason);
            }
            Err(failure) => {
                self.counts.failed += 1;
                println!("test {name} ... {}\n{failure}", report::verdict(false));
            }
        }
    }

    /// The closing line has cargo's form, so that whoever reads those reads this one too.
    fn close(&self, took: Duration) {
        let result = if self.counts.failed == 0 {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "\ntest result: {result}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
            self.counts.passed,
            self.counts.failed,
            self.counts.ignored,
            took.as_secs_f64(),
        );
    }
}

/// Names the compiler that a language needs if it is not there.
pub(crate) fn missing_compiler(language: Language) -> Option<String> {
    let compiler = match language {
        Language::C => c_compiler(),
        Language::Cxx => cxx_compiler(),
    };
    let command = compiler.command();
    let name = command.get_program();
    (!is_installed(name)).then(|| name.to_string_lossy().into_owned())
}

/// Runs a program that must exit with 0, in an empty directory and a namespace of its own.
pub(crate) fn run_alone(program: &Path, library_dir: &Path) -> Outcome<()> {
    let room =
        tempfile::tempdir().map_err(|e| Failure::file("create a directory for", program, &e))?;
    let at = |name: &str| room.path().join(name);
    let prepare = || -> std::io::Result<(File, File)> {
        for dir in ["tong", "work"] {
            fs::create_dir(at(dir))?;
            fs::set_permissions(at(dir), Permissions::from_mode(0o700))?;
        }
        let output = File::create(at("output"))?;
        Ok((output.try_clone()?, output))
    };
    let (output, errors) = prepare().map_err(|e| Failure::file("prepare", room.path(), &e))?;
    let command = Program::new(program)
        .env("LD_LIBRARY_PATH", library_dir)
        .env("TONG_DIR", at("tong"))
        .dir(&at("work"));
    let mut child = command
        .command()
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(|e| Failure::file("run", program, &e))?;
    let problem = match watch(&mut child, program)? {
        Some(status) if status.success() => return Ok(()),
        Some(status) => status.to_string(),
        None => format!("hung for {} s", WATCHDOG.as_secs()),
    };
    let said = fs::read(at("output")).unwrap_or_default();
    let said = last_lines(&String::from_utf8_lossy(&said), 60);
    Err(Failure::new(format!(
        "{}: {problem}\n{said}",
        program.display()
    )))
}

/// Waits for a process, and ends it if it takes far too long.
fn watch(child: &mut Child, program: &Path) -> Outcome<Option<ExitStatus>> {
    let end = Instant::now() + WATCHDOG;
    loop {
        let status = child
            .try_wait()
            .map_err(|e| Failure::file("wait for", program, &e))?;
        if status.is_some() {
            return Ok(status);
        }
        if Instant::now() >= end {
            // It may just have ended; then there is nothing to kill and the wait returns at once.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_shown_with_what_it_said() {
        let failure = run_alone(Path::new("/bin/false"), Path::new("/")).unwrap_err();
        assert!(failure.to_string().contains("exit status: 1"));
    }

    #[test]
    fn a_program_that_succeeds_passes() {
        assert!(run_alone(Path::new("/bin/true"), Path::new("/")).is_ok());
    }
}
