//! `tong run`: starts a program, waits for it, and tells its exit code.

use super::program::{describe, in_8_bits, start, wait};
use crate::args::RunArgs;
use crate::exit::{complain, Code, Failure};
use crate::output;
use crate::signals::Signals;
use serde::Serialize;
use std::time::Duration;
use tong::Process;

/// What Windows calls a wait that timed out; the exit code of a program that is ended because of it.
const WAIT_TIMEOUT: u32 = 258;
/// How long a program that was killed may take to be gone.
const DYING: Duration = Duration::from_secs(10);

/// What `--json` prints.
#[derive(Serialize)]
struct Record {
    pid: u32,
    /// It was left running.
    running: bool,
    /// `null` while it runs.
    exit_code: Option<u32>,
    hex: Option<String>,
    timed_out: bool,
}

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let process = start(&args.program, &args.args)?;
    let code = wait(&process, &signals, args.timeout)?;
    let Some(code) = code else {
        return too_late(&process, args);
    };
    tell(&process, Some(code), false, args)?;
    match in_8_bits(code) {
        0 => Ok(()),
        number => Err(Failure::Passed(number)),
    }
}

/// Ends or leaves a program that did not end in time.
fn too_late(process: &Process, args: &RunArgs) -> Result<(), Failure> {
    if args.kill {
        // It may have ended by itself at this very moment.
        let _ = process.terminate(WAIT_TIMEOUT);
        process.wait(Some(DYING))?;
    }
    tell(process, process.exit_code()?, true, args)?;
    Err(Failure::Passed(Code::ProgramTimedOut.number()))
}

/// Tells how the program ended, if it did.
fn tell(
    process: &Process,
    code: Option<u32>,
    timed_out: bool,
    args: &RunArgs,
) -> Result<(), Failure> {
    let program = args.program.to_string_lossy();
    if !args.quiet {
        let late = if timed_out { " out of time" } else { "" };
        complain(&match code {
            Some(code) => format!("{program} ended{late} with exit code {}", describe(code)),
            None => format!(
                "{program} still runs as process {}, and was left running",
                process.id()
            ),
        });
    }
    if !args.json {
        return Ok(());
    }
    output::print_json(&Record {
        pid: process.id(),
        running: code.is_none(),
        exit_code: code,
        hex: code.map(|code| format!("0x{code:08x}")),
        timed_out,
    })
}
