//! `tong prompt`: commands from a person, an argument, a file or standard input.

use super::program::in_8_bits;
use crate::args::{PromptArgs, PromptBuiltinArgs};
use crate::exit::{Code, Failure};
use crate::prompt::language::Positions;
use crate::prompt::{builtin, editor, keeper, script, Options, Shell, ENDED_BY_CTRL_C};
use nix::sys::signal::Signal;
use std::io::{self, IsTerminal};

pub(crate) fn run(args: &PromptArgs) -> Result<(), Failure> {
    let is_script = args.command.is_some() || args.script.is_some();
    let is_interactive = !is_script && io::stdin().is_terminal();
    let positions = is_script.then(|| {
        let name = args.script.as_ref().filter(|_| args.command.is_none());
        let name = name.map_or("tong".to_owned(), |file| file.display().to_string());
        // With a text the first argument is not a file but the first of its arguments.
        let first = args.script.iter().filter(|_| args.command.is_some());
        let first = first.map(|path| path.display().to_string());
        let rest = first.chain(args.arguments.iter().cloned());
        Positions(std::iter::once(name).chain(rest).collect())
    });
    let mut shell = Shell::new(Options {
        is_interactive,
        stop_at_failure: args.stop_at_failure,
        positions,
    })?;
    let code = match (&args.command, &args.script) {
        (Some(text), _) => script::run_text(&mut shell, text, "-c")?,
        (None, Some(file)) => script::run_file(&mut shell, file)?,
        (None, None) if is_interactive => editor::interact(&mut shell)?,
        (None, None) => script::run_input(&mut shell)?,
    };
    if !is_interactive && code == ENDED_BY_CTRL_C {
        // So that a shell whose script we are stops, too.
        return Err(Failure::Signal(Signal::SIGINT));
    }
    end(code)
}

/// Ends with all 32 bits for those who ask tong, unless the lowest 8 would look like success to all others.
fn end(code: u32) -> Result<(), Failure> {
    match in_8_bits(code) {
        low if u32::from(low) == code & 0xff => tong::process::exit(code),
        low => Err(Failure::Passed(low)),
    }
}

/// A built-in as a process of its own.
pub(crate) fn run_builtin(args: &PromptBuiltinArgs) -> Result<(), Failure> {
    match builtin::find(&args.name) {
        Some(_) => builtin::run_apart(&args.name, &args.arguments),
        None => {
            let why = format!("there is no built-in {}", args.name);
            Err(Failure::Own(Code::Usage, why))
        }
    }
}

/// The process that ends a pipeline if the prompt is killed.
pub(crate) fn run_keeper() -> Result<(), Failure> {
    keeper::run()
}
