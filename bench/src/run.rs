//! Runs the programme: every case of a group in turn, round after round, each sample in processes of its own.
//!
//! Turns make a slow second of the machine hit all contenders alike, and the ratio is taken within a round. A case
//! that fails or hangs is reported as such and does not stop the others.

use crate::case::{Case, Group, Unit};
use crate::report::{Figure, Outcome};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the whole of it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) sample_ms: u32,
}

/// What a sample may take on top of its budget before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures all groups; `root` is the namespace in which tong's objects are made.
pub(crate) fn all(groups: &[Group], effort: Effort, root: &OsStr) -> Vec<Outcome> {
    let mut progress =
        Progress::new(groups.iter().map(|group| group.cases.len()).sum::<usize>() * effort.rounds);
    let outcomes = groups
        .iter()
        .map(|group| one_group(group, effort, root, &mut progress))
        .collect();
    progress.clear();
    outcomes
}

fn one_group(group: &Group, effort: Effort, root: &OsStr, progress: &mut Progress) -> Outcome {
    let cases = group.cases.iter().map(|case| Case {
        sample_ms: effort.sample_ms,
        ..case.clone()
    });
    let mut figures: Vec<Figure> = cases.map(Figure::new).collect();
    for round in 0..effort.rounds {
        for figure in &mut figures {
            progress.step(group, round);
            if figure.failure.is_some() {
                continue;
            }
            match sample(&figure.case, root) {
                Ok(seconds) => figure
                    .samples
                    .push(in_unit(group.unit, &figure.case, seconds)),
                Err(error) => figure.failure = Some(error.to_string()),
            }
        }
    }
    Outcome::new(group, figures)
}

/// Turns seconds for one into the group's unit.
fn in_unit(unit: Unit, case: &Case, seconds: f64) -> f64 {
    match unit {
        Unit::Seconds | Unit::Load | Unit::Bytes => seconds,
        Unit::PerSecond => 1.0 / seconds,
        Unit::BytesPerSecond => {
            u32::try_from(case.message_len).map_or(f64::NAN, f64::from) / seconds
        }
    }
}

/// Takes one sample in a process of its own.
fn sample(case: &Case, root: &OsStr) -> io::Result<f64> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["measure", &serde_json::to_string(case)?])
        .env("TONG_DIR", root)
        // The last line that a panic leaves should be its message.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + PATIENCE + 4 * Duration::from_millis(u64::from(case.sample_ms));
    let reply = read_until(&mut child, deadline);
    if reply.is_err() {
        // Its peers end with it. An error here means that it has ended already.
        let _ = child.kill();
    }
    let mut complaint = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        stderr.read_to_string(&mut complaint)?;
    }
    child.wait()?;
    match reply?.trim().parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(io::Error::other(last_words(&complaint))),
    }
}

/// Everything the child prints, or an error if it has not ended by then.
fn read_until(child: &mut Child, deadline: Instant) -> io::Result<String> {
    let stdout: &mut ChildStdout = child.stdout.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut text = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec {
            tv_sec: seconds,
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&*stdout, PollFlags::IN)];
        if rustix::event::poll(&mut fds, Some(&timeout))? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it hung, and was ended",
            ));
        }
        let mut piece = [0; 256];
        match stdout.read(&mut piece)? {
            0 => return String::from_utf8(text).map_err(io::Error::other),
            count => text.extend_from_slice(&piece[..count]),
        }
    }
}

/// The last line of what a failing process said.
fn last_words(complaint: &str) -> String {
    let line = complaint
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("note:"));
    line.unwrap_or("it ended without a word").to_owned()
}

/// A line on the terminal that says how far the run is.
#[derive(Debug)]
struct Progress {
    total: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    fn new(total: usize) -> Progress {
        Progress {
            total,
            done: 0,
            shown: io::stderr().is_terminal(),
        }
    }

    fn step(&mut self, group: &Group, round: usize) {
        if self.shown {
            let percent = 100 * self.done / self.total.max(1);
            eprint!(
                "\r\x1b[K{percent:3} %  round {} of {}",
                round + 1,
                group.title
            );
            // A lost line of progress is no reason to stop.
            let _ = io::stderr().flush();
        }
        self.done += 1;
    }

    fn clear(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
