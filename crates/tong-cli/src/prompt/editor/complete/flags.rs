//! What the commands of tong take, and built-ins whose command line is defined in the same way.

use super::{beginning_with, commands, files, living, Candidate};
use crate::args::Args;
use crate::prompt::builtin;
use clap::{Arg, Command, CommandFactory};
use std::path::Path;

/// The definition of a command line, if there is one for what this names.
pub(super) fn command(program: &str) -> Option<Command> {
    if let Some(command) = builtin::command(program) {
        return Some(command);
    }
    let name = Path::new(program).file_name()?;
    (name == "tong").then(Args::command)
}

/// The one flag of a built-in without such a definition.
pub(super) fn json(program: &str, text: &str) -> Vec<Candidate> {
    let usage = builtin::NAMES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(program));
    let has_json = usage.is_some_and(|(_, usage, _)| usage.contains("--json"));
    let json = Candidate::new("--json").about("print JSON");
    beginning_with(Vec::from_iter(has_json.then_some(json)), text)
}

/// What fits behind these words.
pub(super) fn fitting(
    command: Command,
    before: &[String],
    text: &str,
    has_home: bool,
) -> Vec<Candidate> {
    let state = State::behind(command, before);
    if let Some(flag) = &state.open_flag {
        return state.values(flag, text, has_home);
    }
    if text.starts_with('-') && !state.only_values {
        return beginning_with(state.flags(), text);
    }
    let subcommands = state.subcommands();
    if !subcommands.is_empty() {
        return beginning_with(subcommands, text);
    }
    match state.argument() {
        Some(argument) => state.values(argument, text, has_home),
        None => Vec::new(),
    }
}

/// How far a command line has come.
struct State {
    /// The command above, such as `mailslot`.
    above: String,
    command: Command,
    /// How many values there are already.
    values: usize,
    /// A flag whose value comes next.
    open_flag: Option<Arg>,
    /// Behind `--` there are no flags.
    only_values: bool,
}

impl State {
    fn behind(command: Command, before: &[String]) -> State {
        let mut state = State {
            above: String::new(),
            command,
            values: 0,
            open_flag: None,
            only_values: false,
        };
        before.iter().for_each(|word| state.take(word));
        state
    }

    fn take(&mut self, word: &str) {
        if self.open_flag.take().is_some() {
            return;
        }
        if word == "--" && !self.only_values {
            self.only_values = true;
        } else if word.starts_with('-') && !self.only_values {
            let flag = self
                .command
                .get_arguments()
                .find(|flag| is_called(flag, word));
            self.open_flag = flag
                .filter(|flag| flag.get_action().takes_values())
                .cloned();
        } else if let Some(inner) = self.command.find_subcommand(word) {
            let inner = inner.clone();
            self.above = self.command.get_name().to_owned();
            self.command = inner;
        } else {
            self.values += 1;
        }
    }

    fn flags(&self) -> Vec<Candidate> {
        let flag = |flag: &Arg| {
            let about = flag.get_help().map(ToString::to_string);
            let candidate = Candidate::new(format!("--{}", flag.get_long()?));
            Some(candidate.about(about.unwrap_or_default()))
        };
        let flags = self
            .command
            .get_arguments()
            .filter(|flag| !flag.is_hide_set());
        flags.filter_map(flag).collect()
    }

    fn subcommands(&self) -> Vec<Candidate> {
        let candidate = |inner: &Command| {
            let about = inner.get_about().map(ToString::to_string);
            Candidate::new(inner.get_name()).about(about.unwrap_or_default())
        };
        let shown = self.command.get_subcommands();
        let shown = shown.filter(|inner| !inner.is_hide_set());
        shown.map(candidate).collect()
    }

    /// The value that comes next.
    fn argument(&self) -> Option<&Arg> {
        let positions: Vec<&Arg> = self.command.get_positionals().collect();
        let next = positions.get(self.values).copied();
        // The last one may be for several values.
        next.or_else(|| {
            let last = positions.last().copied()?;
            let is_list = matches!(last.get_action(), clap::ArgAction::Append);
            is_list.then_some(last)
        })
    }

    /// What fits as a value.
    fn values(&self, argument: &Arg, text: &str, has_home: bool) -> Vec<Candidate> {
        let possible = argument.get_possible_values();
        if !possible.is_empty() {
            let candidate = |value: &clap::builder::PossibleValue| {
                let about = value.get_help().map(ToString::to_string);
                Candidate::new(value.get_name()).about(about.unwrap_or_default())
            };
            return beginning_with(possible.iter().map(candidate).collect(), text);
        }
        let name = argument.get_value_names().and_then(|names| names.first());
        let name = name.map_or(argument.get_id().as_str(), |name| name.as_str());
        match name.to_ascii_uppercase().as_str() {
            "NAME" => living::of_kind(&self.above, text),
            "OBJECT" => living::awaited(text),
            "PID" => beginning_with(living::pids(), text),
            "PROCESS" | "PATTERN" => living::processes(text),
            "PROGRAM" => commands::all(text, has_home),
            "DIR" | "DIRECTORY" => files::directories(text, has_home),
            _ => files::all(text, has_home),
        }
    }
}

/// Is this how the flag is written?
fn is_called(flag: &Arg, word: &str) -> bool {
    let long = word.strip_prefix("--");
    let mut short = word.strip_prefix('-').unwrap_or_default().chars();
    let short = short.next().filter(|_| short.next().is_none());
    long.is_some_and(|long| flag.get_long() == Some(long))
        || short.is_some_and(|short| flag.get_short() == Some(short))
}
