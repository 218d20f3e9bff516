//! The commands of the prompt itself.
//!
//! A built-in is a function that gets a [`Context`] and its arguments and returns its code. Where it runs stands in the
//! table: those that need the prompt run in it and never read their input; the others run as a process of this program,
//! so that they can be interrupted like any program. `lp`, `kp`, `objects`, `handles` and `tong` are this program's own
//! commands; `kp` runs in the prompt if it is alone (see `kill`).

mod arguments;
mod control;
mod dir;
mod directory;
mod environment;
mod help;
mod kill;
mod list;
mod show;
mod sort;
mod type_;

pub(crate) use arguments::command;

use super::run::Streams;
use super::Shell;
use crate::exit::{Code, Failure};
use arguments::{arguments, code_of};
use serde::Serialize;
use std::io::{self, Read, Write};

/// A built-in's function.
pub(crate) type Function = fn(&mut Context<'_>, &[String]) -> Result<u32, Failure>;

/// Where a built-in runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// In the prompt. Must not read its input.
    Here(Function),
    /// As a process of its own, in which the prompt has no jobs and no history.
    Apart(Function),
    /// As this program, with these arguments before its own.
    Tong(&'static [&'static str]),
    /// In the prompt if it is alone, else as this program with these arguments before its own.
    Either(Function, &'static [&'static str]),
}

/// A built-in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
}

/// The name of each built-in, how it is used, and what it does.
pub(crate) const NAMES: &[(&str, &str, &str)] = &[
    ("bg", "bg [JOB]", "continue a stopped job in the background"),
    (
        "cd",
        "cd [DIRECTORY | -]",
        "go to a directory, or back to the last one; show where we are",
    ),
    ("cls", "cls", "clear the screen"),
    (
        "dir",
        "dir [-a] [-s KEY] [--json] [FILE...]",
        "list directories and files",
    ),
    ("echo", "echo [TEXT...]", "write text"),
    ("exit", "exit [CODE]", "leave the prompt"),
    ("fg", "fg [JOB]", "continue a job in the foreground"),
    (
        "handles",
        "handles PID [--json]",
        "show the handles of a process",
    ),
    (
        "help",
        "help [NAME | keys | syntax]",
        "tell about the built-ins, one of them, the keys, or the language",
    ),
    (
        "history",
        "history [--json] [COUNT]",
        "list the lines that were entered",
    ),
    (
        "jobs",
        "jobs [--json]",
        "list what runs in the background or is stopped",
    ),
    ("kp", "kp PID | NAME ...", "end processes"),
    ("lp", "lp [PATTERN...]", "list the running processes"),
    (
        "objects",
        "objects [--json]",
        "list the objects of the namespace",
    ),
    ("pwd", "pwd [--json]", "show the current directory"),
    ("rem", "rem [TEXT]", "do nothing: a comment"),
    (
        "set",
        "set [--json] [NAME[=[VALUE]]]",
        "show, set and remove environment variables",
    ),
    ("sort", "sort [-r] [-n] [-u] [FILE...]", "sort lines"),
    (
        "start",
        "start [/B] [/WAIT] COMMAND",
        "run a command, or a pipeline, in the background",
    ),
    ("tong", "tong COMMAND ...", "run a command of tong"),
    ("type", "type [FILE...]", "write out files"),
    (
        "wait",
        "wait [JOB...]",
        "wait until jobs have ended; the code is that of the last one",
    ),
];

/// The built-in of a name, in which case does not matter.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    let known = NAMES.iter().map(|(known, ..)| *known);
    let name = known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    let run = match name {
        "bg" => Run::Here(control::bg),
        "cd" => Run::Here(directory::cd),
        "cls" => Run::Here(show::cls),
        "dir" => Run::Here(dir::run),
        "echo" => Run::Here(show::echo),
        "exit" => Run::Here(control::exit),
        "fg" => Run::Here(control::fg),
        "handles" => Run::Tong(&["handles"]),
        "help" => Run::Here(help::run),
        "history" => Run::Here(list::history),
        "jobs" => Run::Here(list::jobs),
        "kp" => Run::Either(kill::kp, &["kp"]),
        "lp" => Run::Tong(&["lp"]),
        // Not by the name of its command: in a pipeline of ordinary programs that means files.
        "objects" => Run::Tong(&["ls"]),
        "pwd" => Run::Here(directory::pwd),
        "rem" => Run::Here(show::rem),
        "set" => Run::Here(environment::set),
        "sort" => Run::Apart(sort::run),
        "start" => Run::Here(control::start),
        "tong" => Run::Tong(&[]),
        "type" => Run::Apart(type_::run),
        "wait" => Run::Here(control::wait),
        _ => return None,
    };
    Some(Builtin { name, run })
}

/// What a built-in works with. Its directory and environment are those of this process.
pub(crate) struct Context<'a> {
    pub(crate) shell: &'a mut Shell,
    /// Read by built-ins that run as a process of their own.
    pub(crate) input: Box<dyn Read>,
    pub(crate) output: Box<dyn Write + 'a>,
    pub(crate) errors: Box<dyn Write>,
    /// Does a person see the output at once?
    pub(crate) is_terminal: bool,
    /// Where all of these lead.
    streams: &'a Streams,
}

impl Context<'_> {
    /// Writes a text as it is, and flushes.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.print_raw(text.as_bytes())
    }

    /// Writes bytes as they are, and flushes.
    pub(crate) fn print_raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.output.write_all(bytes);
        written.and_then(|()| self.output.flush()).map_err(failure)
    }

    /// Writes a text with colours, without them where they have no place.
    pub(crate) fn print_styled(&mut self, text: &str) -> Result<(), Failure> {
        let choice = anstream::AutoStream::choice(&io::stdout());
        match self.is_terminal && choice != anstream::ColorChoice::Never {
            true => self.print(text),
            false => self.print(&anstream::adapter::strip_str(text).to_string()),
        }
    }

    /// Writes a value as a line of JSON.
    pub(crate) fn print_json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| failure(error.into()))?;
        line.push(b'\n');
        self.print_raw(&line)
    }

    /// Says on the error stream what is wrong, and goes on.
    pub(crate) fn complain(&mut self, text: &str) {
        // A message that cannot be written is lost: there is nowhere left to say so.
        let _ = writeln!(self.errors, "tong: {}", crate::text::visible(text));
    }
}

/// A mistake in the arguments of a built-in.
pub(crate) fn usage(name: &str, what: &str) -> Failure {
    let row = NAMES.iter().find(|(known, ..)| *known == name);
    let usage = row.map_or(name, |(_, usage, _)| *usage);
    Failure::Own(Code::Usage, format!("{name}: {what}; usage: {usage}"))
}

/// Takes `--json` out of the arguments of a built-in. Other flags are mistakes.
pub(super) fn take_json<'a>(
    name: &str,
    arguments: &'a [String],
) -> Result<(bool, Vec<&'a str>), Failure> {
    let (flags, rest): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with("--"));
    match flags.iter().find(|flag| **flag != "--json") {
        Some(flag) => Err(usage(name, &format!("{flag} is no flag of it"))),
        None => Ok((!flags.is_empty(), rest)),
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Io("cannot write".to_owned(), error),
    }
}

/// Runs a built-in in this process with these streams; returns its code.
pub(super) fn call(shell: &mut Shell, name: &str, arguments: &[String], streams: Streams) -> u32 {
    match streams.writer(1) {
        Ok(output) => call_with(
            shell,
            name,
            arguments,
            &streams,
            output,
            streams.is_terminal(),
        ),
        Err(error) => not_run(error),
    }
}

/// Runs a built-in in this process and keeps what it writes.
pub(super) fn collect(
    shell: &mut Shell,
    name: &str,
    arguments: &[String],
    streams: &Streams,
) -> (u32, Vec<u8>) {
    let mut kept = Vec::new();
    let output = Box::new(&mut kept);
    let code = call_with(shell, name, arguments, streams, output, false);
    (code, kept)
}

fn call_with(
    shell: &mut Shell,
    name: &str,
    arguments: &[String],
    streams: &Streams,
    output: Box<dyn Write + '_>,
    is_terminal: bool,
) -> u32 {
    let (Some(builtin), Ok(input), Ok(errors)) = (find(name), streams.reader(), streams.writer(2))
    else {
        return not_run(io::ErrorKind::NotFound.into());
    };
    let (Run::Here(function) | Run::Apart(function) | Run::Either(function, _)) = builtin.run
    else {
        return not_run(io::ErrorKind::Unsupported.into());
    };
    let mut context = Context {
        shell,
        input,
        output,
        errors,
        is_terminal,
        streams,
    };
    let (function, arguments) = match asks_for_help(builtin.name, arguments) {
        true => (help::run as Function, &[builtin.name.to_owned()][..]),
        false => (function, arguments),
    };
    let is_asked = matches!(arguments, [word] if word == "--help" || word == "/?");
    let about = if is_asked { help::short(name) } else { None };
    let done = match about {
        Some(about) => context.print_styled(&about).map(|()| 0),
        None => function(&mut context, arguments),
    };
    match done {
        Ok(code) => code,
        Err(Failure::ReaderGone) => 0,
        Err(Failure::Io(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(failure) => {
            context.complain(&failure.text());
            failure.number().into()
        }
    }
}

/// Is that `NAME /?` or `NAME --help`? Those with more flags answer it themselves, and a text is a text.
fn asks_for_help(name: &str, arguments: &[String]) -> bool {
    let is_plain = command(name).is_none() && !matches!(name, "echo" | "rem" | "kp");
    is_plain && matches!(arguments, [flag] if flag == "/?" || flag == "--help")
}

fn not_run(error: io::Error) -> u32 {
    crate::exit::complain(&format!("cannot run the built-in: {error}"));
    1
}

/// Is the process that a built-in runs as.
pub(crate) fn run_apart(name: &str, arguments: &[String]) -> Result<(), Failure> {
    let mut shell = Shell::new(super::Options::default())?;
    let code = call(&mut shell, name, arguments, Streams::own());
    tong::process::exit(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_built_in_whatever_its_case() {
        for (name, usage, help) in NAMES {
            assert!(find(name).is_some() && find(&name.to_uppercase()).is_some());
            assert!(usage.starts_with(name) && !help.is_empty());
        }
        assert!(find("no-such-name").is_none());
        assert!(NAMES.is_sorted_by_key(|(name, ..)| name));
    }
}
