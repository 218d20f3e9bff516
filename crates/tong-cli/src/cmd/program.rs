//! Running a program: starting it, waiting for its end, passing signals on, and its exit code in 8 bits.

use crate::exit::Failure;
use crate::signals::{pass_on, Signals};
use std::ffi::OsStr;
use std::time::{Duration, Instant};
use tong::{wait, Error, ErrorKind, Process, ProcessOptions};

/// Starts a program with our streams.
pub(super) fn start<S: AsRef<OsStr>>(program: &OsStr, args: &[S]) -> Result<Process, Failure> {
    let options = ProcessOptions::new(program).args(args);
    options.spawn().map_err(|error| {
        Failure::NotStarted(match error.kind() {
            ErrorKind::NotFound | ErrorKind::PathNotFound => Error::new("run", error.kind())
                .on(program.to_string_lossy())
                .because("there is no such program; give its path, or a name that is in PATH"),
            _ => error,
        })
    })
}

/// Waits for the end of a program; `None` if it still runs after `timeout`. Signals that we get go to the program.
pub(super) fn wait(
    process: &Process,
    signals: &Signals,
    timeout: Option<Duration>,
) -> Result<Option<u32>, Failure> {
    let start = Instant::now();
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        match wait::any(&[process, &wait::Fd::of(signals)], left) {
            Ok(satisfied) if satisfied.index == 0 => return Ok(process.exit_code()?),
            Ok(_) => pass_signals(process, signals),
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Passes the signals on that came.
fn pass_signals(process: &Process, signals: &Signals) {
    while let Some(caught) = signals.next() {
        // What the terminal sends goes to the program as well, and twice might mean more to it than once.
        if !caught.from_terminal {
            // One that is ending at this moment needs no signal.
            let _ = pass_on(caught.signal, process.id());
        }
    }
}

/// An exit code as far as a shell can see it: 0 only for 0.
pub(super) fn in_8_bits(code: u32) -> u8 {
    match u8::try_from(code & 0xff) {
        Ok(0) if code != 0 => 1,
        low => low.unwrap_or(u8::MAX),
    }
}

/// The exit code without sign, in hexadecimal, and what it means if Windows gives it a meaning.
pub(crate) fn describe(code: u32) -> String {
    let meaning = match code {
        0xC000_0005 => ", access violation",
        0xC000_0006 => ", in-page error",
        0xC000_001D => ", illegal instruction",
        0xC000_0094 => ", division by zero",
        0x8000_0003 => ", breakpoint",
        0xC000_013A => ", ended by Ctrl-C",
        0xC000_0409 => ", aborted",
        0xC000_0001 => ", unknown end",
        _ => "",
    };
    format!("{code} (0x{code:08x}{meaning})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_looks_like_success_in_8_bits() {
        let codes = [0, 1, 255, 256, 259, 5050, 0xC000_0005, u32::MAX].map(in_8_bits);
        assert_eq!(codes, [0, 1, 255, 1, 3, 186, 5, 255]);
    }
}
