//! Keeping an object, or holding a mutex, for as long as somebody wants it.

use super::program::{self, in_8_bits};
use crate::args::{KeepArgs, MakeArgs};
use crate::exit::{Code, Failure};
use crate::output;
use crate::signals::Signals;
use nix::sys::signal::Signal;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Instant;
use tong::{wait, Error, ErrorKind, Made, ObjectName};

/// What `create --json` prints.
#[derive(Serialize)]
struct Record<'a> {
    kind: &'a str,
    name: &'a str,
    new: bool,
}

/// Says that an object is there, and keeps it as the flags want it.
pub(super) fn tell_and_keep(
    kind: &str,
    name: &ObjectName,
    made: Made,
    args: &MakeArgs,
    signals: &Signals,
) -> Result<(), Failure> {
    let new = made == Made::New;
    if args.new && !new {
        return Err(Error::new("create object", ErrorKind::AlreadyExists)
            .on(name.as_str())
            .into());
    }
    if args.json {
        let name = name.as_str();
        output::print_json(&Record { kind, name, new })?;
    } else {
        let shown = crate::text::line(name.as_str().as_bytes());
        let what = if new {
            "created"
        } else {
            "opened the existing"
        };
        output::print(&format!("{what} {kind} {shown}\n"))?;
    }
    keep(&args.keep, signals)?.pass_on()
}

/// Why the keeping is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The program ended with this exit code.
    Program(u32),
    /// The time has passed, or there is no more input.
    Done,
    /// This signal came.
    Signal(Signal),
}

impl End {
    /// Ends the command accordingly; what was kept must be put away by then.
    pub(super) fn pass_on(self) -> Result<(), Failure> {
        match self {
            End::Done | End::Program(0) => Ok(()),
            End::Program(code) => Err(Failure::Passed(in_8_bits(code))),
            End::Signal(signal) => Err(Failure::Signal(signal)),
        }
    }
}

/// Waits until there is no reason any more to keep something.
pub(super) fn keep(args: &KeepArgs, signals: &Signals) -> Result<End, Failure> {
    let Some((program, rest)) = args.program.split_first() else {
        return sit(args, signals);
    };
    let process = program::start(program, rest)?;
    match program::wait(&process, signals, args.hold)? {
        Some(code) => Ok(End::Program(code)),
        None => Err(Failure::Own(
            Code::ProgramTimedOut,
            format!(
                "{} still runs as process {}, and was left running",
                program.to_string_lossy(),
                process.id()
            ),
        )),
    }
}

/// Waits for a signal, the end of the time, or the end of standard input.
fn sit(args: &KeepArgs, signals: &Signals) -> Result<End, Failure> {
    let start = Instant::now();
    let input = io::stdin();
    let (asked, more) = (wait::Fd::of(signals), wait::Fd::of(&input));
    let objects: [&dyn wait::Waitable; 2] = [&asked, &more];
    let count = if input_ends() { 2 } else { 1 };
    loop {
        let left = args.hold.map(|hold| hold.saturating_sub(start.elapsed()));
        match wait::any(&objects[..count], left) {
            Ok(satisfied) if satisfied.index == 0 => {
                if let Some(caught) = signals.next() {
                    return Ok(End::Signal(caught.signal));
                }
            }
            Ok(_) if is_at_end() => return Ok(End::Done),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(End::Done),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Does the end of standard input mean anything? Not that of a terminal, which a command in the background must not read,
/// nor that of `/dev/null`, which such commands are often given.
pub(super) fn input_ends() -> bool {
    let input = io::stdin().as_fd().try_clone_to_owned();
    let meta = input.and_then(|input| File::from(input).metadata());
    meta.is_ok_and(|meta| !meta.file_type().is_char_device())
}

/// Reads what there is, and says whether that was the end.
fn is_at_end() -> bool {
    let mut input = io::stdin().lock();
    let len = input.fill_buf().map_or(0, <[u8]>::len);
    input.consume(len);
    len == 0
}
