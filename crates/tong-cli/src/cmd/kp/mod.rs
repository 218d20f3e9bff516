//! `tong kp`.

use crate::args::KpArgs;
use crate::exit::{Code, Failure};
use std::io::{BufRead, Write};
use std::time::Duration;

/// Where the command says things, and asks.
pub(crate) struct Streams<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    /// Where answers come from, if somebody is there to answer: a terminal.
    pub(crate) answers: Option<&'a mut dyn BufRead>,
}

/// Who ends processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A command of its own, which has no reason to end itself.
    Command,
    /// A prompt, which ends itself if it is told to.
    Prompt,
}

pub(crate) fn run(args: &KpArgs) -> Result<(), Failure> {
    let mut streams = Streams {
        out: &mut std::io::stdout(),
        err: &mut std::io::stderr(),
        answers: None,
    };
    write(args, &mut streams, Caller::Command)
}

/// Ends the processes. What went wrong with single ones has been said when this returns `Failure::Passed`.
pub(crate) fn write(
    _args: &KpArgs,
    _streams: &mut Streams<'_>,
    _caller: Caller,
) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}

/// A process that is held, and may be ended.
#[derive(Debug)]
pub(crate) struct Victim {}

impl Victim {
    /// Takes hold of a process, if it is one that may be ended, and the one that started then.
    pub(crate) fn open(_pid: u32, _started: Option<Duration>) -> Result<Victim, Failure> {
        Err(Failure::Own(Code::Other, "not there yet".to_owned()))
    }

    /// Ends it, and says how it ended.
    pub(crate) fn end(&self, _code: u32, _wait: Duration) -> Result<String, Failure> {
        Err(Failure::Own(Code::Other, "not there yet".to_owned()))
    }
}
