//! The commands, a file each.

pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod gc;
pub(crate) mod global;
pub(crate) mod graph;
pub(crate) mod handles;
pub(crate) mod info;
mod keep;
pub(crate) mod kp;
pub(crate) mod lp;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod mutex;
pub(crate) mod pipe;
mod program;
pub(crate) mod prompt;
pub(crate) mod read;
mod record;
pub(crate) mod relay;
pub(crate) mod run;
pub(crate) mod semaphore;
pub(crate) mod timer;
pub(crate) mod top;
pub(crate) mod tour;
pub(crate) mod wait;
pub(crate) mod write;

pub(crate) use ls::table;
pub(crate) use program::describe;

use crate::args::AccessArgs;
use crate::exit::{Code, Failure};
use crate::output;
use serde::Serialize;
use std::io::IsTerminal;
use tong::{Access, ErrorKind, MailslotName, ObjectName, PipeName};

/// Reads a mailslot's name as people write it at a prompt.
pub(crate) fn mailslot_name(text: &str) -> Result<MailslotName, Failure> {
    check_backslashes(text, "mailslot")?;
    Ok(MailslotName::short(text)?)
}

/// Reads a pipe's name as people write it at a prompt.
pub(crate) fn pipe_name(text: &str) -> Result<PipeName, Failure> {
    check_backslashes(text, "pipe")?;
    Ok(PipeName::short(text)?)
}

/// What a shell leaves of \\.\mailslot\box without quotes or in double ones would be a valid short name.
fn check_backslashes(text: &str, kind: &str) -> Result<(), Failure> {
    if text.starts_with(r"\.") && text.to_ascii_lowercase().contains(kind) {
        let why = format!(
            "the shell took backslashes out of the name {text}; write //./{kind}/NAME, or just NAME"
        );
        return Err(Failure::Own(Code::Usage, why));
    }
    Ok(())
}

/// Who is to be let in.
fn access(args: &AccessArgs) -> Access {
    match (args.everyone, args.group) {
        (true, _) => Access::Everyone,
        (false, Some(group)) => Access::Group(group),
        (false, None) => Access::Private,
    }
}

/// Reads the name of an event, mutex, semaphore or timer.
fn object_name(text: &str) -> Result<ObjectName, Failure> {
    ObjectName::parse(text).map_err(|error| match error.kind() {
        // "Another kind" means a directory of names here, which is a mistake in the command line.
        ErrorKind::WrongKind | ErrorKind::PathNotFound => {
            Failure::Own(Code::Usage, error.to_string())
        }
        _ => error.into(),
    })
}

/// A call that was made, as `--json` prints it.
#[derive(Serialize)]
struct Done<'a> {
    kind: &'static str,
    name: &'a str,
    done: &'static str,
}

impl<'a> Done<'a> {
    fn new(kind: &'static str, name: &'a ObjectName, done: &'static str) -> Done<'a> {
        Done {
            kind,
            name: name.as_str(),
            done,
        }
    }

    /// Prints it, if somebody wants it; people see no news as good news.
    fn tell(&self, as_json: bool) -> Result<(), Failure> {
        match as_json {
            true => output::print_json(self),
            false => Ok(()),
        }
    }
}

/// Tells the person at the terminal what is going on; scripts and logs are not told.
fn note(quiet: bool, text: &str) {
    if !quiet && std::io::stderr().is_terminal() {
        crate::exit::complain(text);
    }
}
