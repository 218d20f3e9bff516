//! `tong pipe`.

mod call;
mod connect;
pub(in crate::cmd) mod ls;
mod serve;

use super::{access, pipe_name};
use crate::args::{MakePipe, PipeCommand, WaitForArgs};
use crate::exit::{Code, Failure};
use tong::pipe::{PipeOptions, PipeServer, PipeType, ReadMode, WaitTime};
use tong::ErrorKind;

pub(crate) fn run(command: &PipeCommand) -> Result<(), Failure> {
    match command {
        PipeCommand::Serve(args) => serve::run(args),
        PipeCommand::Connect(args) => connect::run(args),
        PipeCommand::Call(args) => call::run(args),
        PipeCommand::Wait(args) => wait(args),
        PipeCommand::Ls(args) => ls::run(args),
        PipeCommand::Info(args) => ls::info(args),
    }
}

/// How the flags want a pipe to be created.
pub(super) fn options(args: &MakePipe) -> PipeOptions {
    let mut options = PipeServer::options();
    options
        .in_quota(args.buffer)
        .out_quota(args.buffer)
        .access(access(&args.access));
    if args.message {
        options
            .pipe_type(PipeType::Message)
            .read_mode(ReadMode::Message);
    }
    options
}

/// Waits until an instance is free.
fn wait(args: &WaitForArgs) -> Result<(), Failure> {
    let name = pipe_name(&args.name)?;
    let time = args.timeout.map_or(WaitTime::Forever, WaitTime::For);
    match tong::pipe::wait(&name, time) {
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            let ms = args.timeout.unwrap_or_default().as_millis();
            let why = format!("no instance of {} was free within {ms} ms", name.full());
            Err(Failure::Own(Code::TimedOut, why))
        }
        outcome => Ok(outcome?),
    }
}
