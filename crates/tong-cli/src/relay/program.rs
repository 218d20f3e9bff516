//! A program as an end: its standard input and output.

use super::stream::{just_close, Nature, Reader, Writer};
use super::{End, Got, Keeper, Source, Stop};
use crate::exit::{Code, Failure};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to end when its streams have, before it is asked to, and then before it is killed.
const LEAVING: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a program that has closed its output usually takes to be gone.
const CLOSING: Duration = Duration::from_millis(200);

/// A child of ours.
struct Program {
    child: Mutex<Child>,
}

/// Starts a program, whose messages go where ours go.
pub(crate) fn start(words: &[OsString]) -> Result<End, Failure> {
    let label = format!("exec:{}", words[0].to_string_lossy());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| not_started(&label, error))?;
    let (stdin, stdout, id) = (child.stdin.take(), child.stdout.take(), child.id());
    let program = Arc::new(Program {
        child: Mutex::new(child),
    });
    let mut end = End::new(label.clone());
    end.sink = Some(Box::new(Writer {
        to: stdin,
        label: label.clone(),
        finish: just_close,
    }));
    end.source = stdout.map(|from| {
        let output = Output {
            bytes: Reader {
                from,
                label,
                nature: Nature::OneWay,
            },
            program: Arc::clone(&program),
        };
        Box::new(output) as Box<dyn Source>
    });
    end.is_drained = true;
    end.keeper = program;
    end.peer = Some(id);
    Ok(end)
}

fn not_started(label: &str, error: std::io::Error) -> Failure {
    let code = match error.kind() {
        ErrorKind::NotFound => Code::NoProgram,
        ErrorKind::PermissionDenied => Code::NotRunnable,
        _ => Code::NotRun,
    };
    let hint = match code {
        Code::NoProgram => "there is no such program; give its path, or a name that is in PATH",
        _ => return Failure::Own(code, format!("cannot start {label}: {error}")),
    };
    Failure::Own(code, format!("cannot start {label}: {hint}"))
}

/// What the program prints.
struct Output {
    bytes: Reader<ChildStdout>,
    program: Arc<Program>,
}

impl Source for Output {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        match self.bytes.next(chunk, stop)? {
            // One that has ended reads nothing more either; one that has only closed its output may.
            Got::End if self.program.ends_within(CLOSING) => Ok(Got::Gone),
            got => Ok(got),
        }
    }
}

impl Program {
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its end, for a short time.
    fn ends_within(&self, time: Duration) -> bool {
        let start = Instant::now();
        loop {
            if !matches!(self.lock().try_wait(), Ok(None)) {
                return true;
            }
            if start.elapsed() >= time {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Keeper for Program {
    fn interrupt(&self) {
        let child = self.lock();
        if let Ok(id) = i32::try_from(child.id()) {
            // It is still our child, so the id is its own, or that of nobody.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }

    fn part(&self) {
        if !self.ends_within(LEAVING) {
            self.interrupt();
        }
        if !self.ends_within(LEAVING) {
            let _ = self.lock().kill();
            let _ = self.lock().wait();
        }
    }
}
