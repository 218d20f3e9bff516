//! `kp`, as the prompt's own call.
//!
//! An ordinary program has no place where whoever ends it could leave a code of 32 bits; but who ends it knows the code, and
//! so does the rest of its process. So the prompt itself ends processes: then its jobs have the codes that were given.
//! In a pipeline `kp` is a process like others.
//!
//! # References
//! Win32: TerminateProcess.

use super::Context;
use crate::args::{Args, Command, KpArgs};
use crate::cmd;
use crate::exit::Failure;
use crate::prompt::run::Streams;
use clap::Parser;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// `kp PROCESS...`.
pub(super) fn kp(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let words = ["tong", "kp"].map(str::to_owned);
    let parsed = Args::try_parse_from(words.iter().chain(arguments));
    let args = match parsed.map(|args| args.command) {
        Ok(Command::Kp(args)) => args,
        Ok(_) => return Ok(0),
        Err(answer) => return explain(context, &answer),
    };
    let (ended, ends_itself) = run(&args, context.streams)?;
    if ends_itself {
        context.shell.exit = Some(args.code);
    }
    match ended {
        Ok(()) if ends_itself => Ok(args.code),
        Ok(()) => Ok(0),
        Err(Failure::Passed(code)) => Ok(code.into()),
        Err(failure) => Err(failure),
    }
}

/// Help, or what is wrong with the arguments.
fn explain(context: &mut Context<'_>, answer: &clap::Error) -> Result<u32, Failure> {
    let text = answer.render().ansi().to_string();
    if !answer.use_stderr() {
        return context.print_styled(&text).map(|()| 0);
    }
    let text = anstream::adapter::strip_str(&text).to_string();
    context.complain(text.trim_start_matches("error: ").trim_end());
    Ok(crate::exit::Code::Usage.number().into())
}

/// Runs it with these streams in place of the prompt's own.
fn run(args: &KpArgs, streams: &Streams) -> Result<(Result<(), Failure>, bool), Failure> {
    let failed = |error| Failure::Io("cannot redirect kp".to_owned(), error);
    let own = Own::keep().map_err(failed)?;
    own.replace(streams).map_err(failed)?;
    let ended = cmd::kp::run_in_prompt(args);
    own.restore().map_err(failed)?;
    Ok(ended)
}

/// The prompt's own streams, while others are in their place.
struct Own([OwnedFd; 3]);

impl Own {
    fn keep() -> io::Result<Own> {
        Ok(Own([
            io::stdin().as_fd().try_clone_to_owned()?,
            io::stdout().as_fd().try_clone_to_owned()?,
            io::stderr().as_fd().try_clone_to_owned()?,
        ]))
    }

    fn replace(&self, streams: &Streams) -> io::Result<()> {
        put([streams.copy(0)?, streams.copy(1)?, streams.copy(2)?])
    }

    fn restore(self) -> io::Result<()> {
        put(self.0)
    }
}

fn put([input, output, errors]: [OwnedFd; 3]) -> io::Result<()> {
    dup2_stdin(input)?;
    dup2_stdout(output)?;
    dup2_stderr(errors)?;
    Ok(())
}
