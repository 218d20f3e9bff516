//! Doing what a line means.

mod children;
mod foreground;
mod launch;
mod program;
mod streams;

pub(super) use children::Children;
pub(crate) use program::is_program;

use super::builtin;
use super::jobs::{Job, Member};
use super::keeper::Keeper;
use super::language::{Command, Expander, Link, Pipeline, Step};
use super::{Outcome, Shell, ENDED_BY_CTRL_C};
use crate::exit::complain;
use launch::Stage;
pub(super) use streams::Streams;

/// The code of a line that means nothing.
pub(super) const SYNTAX_ERROR: u32 = 2;
/// The code of a command whose redirection failed.
const FAILED: u32 = 1;

/// A code in both notations, and what it means.
pub(crate) fn describe_end(code: u32) -> String {
    format!("exit code {}", crate::cmd::describe(code))
}

/// How a pipeline is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Foreground,
    Background,
}

impl Shell {
    /// Runs the pipelines of a list, each if it is its turn.
    pub(super) fn run_steps(&mut self, steps: &[Step], text: &str) -> Outcome {
        for (index, step) in steps.iter().enumerate() {
            if !self.is_due(step.link) {
                continue;
            }
            self.last_code = self.run_pipeline(&step.pipeline, text);
            if let Some(code) = self.exit {
                return Outcome::Exit(code);
            }
            if self.children.take_interrupted() {
                return match self.options.is_interactive {
                    true => Outcome::GoOn,
                    false => Outcome::Exit(ENDED_BY_CTRL_C),
                };
            }
            let next = steps.get(index + 1).map_or(Link::Always, |step| step.link);
            let is_tested = next != Link::Always;
            if self.options.stop_at_failure && self.last_code != 0 && !is_tested {
                return Outcome::Exit(self.last_code);
            }
        }
        Outcome::GoOn
    }

    fn is_due(&self, link: Link) -> bool {
        match link {
            Link::Always => true,
            Link::IfOk => self.last_code == 0,
            Link::IfFailed => self.last_code != 0,
        }
    }

    /// Runs a pipeline, or starts it in the background; returns its code.
    fn run_pipeline(&mut self, pipeline: &Pipeline, text: &str) -> u32 {
        let mut commands: Vec<Vec<String>> = {
            let expander = self.expander();
            let words = |command: &Command| expander.arguments(&command.words);
            pipeline.commands.iter().map(words).collect()
        };
        let (place, taken) = match take_start(&mut commands[0]) {
            Ok(found) => found,
            Err(why) => {
                complain(&why);
                return SYNTAX_ERROR;
            }
        };
        if let ([command], [words], Place::Foreground) =
            (&pipeline.commands[..], &commands[..], place)
        {
            if !launch::is_process_alone(words) {
                return self.run_here(command, words);
            }
        }
        // What was taken is not part of the job.
        let first = pipeline.commands[0].words.get(taken);
        let start = first.filter(|_| taken > 0).map(|word| word.span.start);
        let text = &text[start.unwrap_or(pipeline.span.start)..pipeline.span.end];
        self.run_job(&pipeline.commands, &commands, text, place)
    }

    /// Runs a command that needs no process, alone.
    fn run_here(&mut self, command: &Command, words: &[String]) -> u32 {
        let targets = streams::targets(&command.redirects, &self.expander());
        let redirected = Streams::own().redirect(&targets, &mut self.children);
        let settled = redirected.and_then(|streams| streams.settle(&mut self.children));
        let streams = match settled {
            Ok(streams) => streams,
            Err(why) => {
                complain(&why);
                return FAILED;
            }
        };
        match words.split_first() {
            Some((name, arguments)) => builtin::call(self, name, arguments, streams),
            // Only redirections: the files are made.
            None => 0,
        }
    }

    /// Starts a pipeline, and waits for it if it is to run in the foreground.
    fn run_job(
        &mut self,
        commands: &[Command],
        words: &[Vec<String>],
        text: &str,
        place: Place,
    ) -> u32 {
        // While the keys still come to us: opening a FIFO may take for ever.
        let streams = self.prepare(commands, place);
        if self.children.is_interrupted() {
            return ENDED_BY_CTRL_C;
        }
        let mut keeper = match Keeper::start() {
            Ok(keeper) => keeper,
            Err(error) => {
                complain(&format!("cannot start another process: {error}"));
                return FAILED;
            }
        };
        if place == Place::Background {
            keeper.let_go();
        }
        let mut job = Job::new(text, Some(keeper));
        for (words, streams) in words.iter().zip(streams) {
            let member = match streams {
                Ok(streams) => self.start_stage(Stage { words, streams }, job.group()),
                Err(why) => {
                    complain(&why);
                    Member::Done(FAILED)
                }
            };
            job.add(member);
        }
        match place {
            Place::Foreground => {
                // Only now: a key that stops a child before it is a program would stop us with it. One that has already
                // asked for the terminal in vain was stopped.
                let is_handed_on = self.terminal.as_ref().is_some_and(|it| it.is_handed_on);
                let group = job.group().filter(|_| is_handed_on);
                let has_terminal = group.is_some_and(|group| self.give_terminal(group));
                if has_terminal {
                    job.go_on();
                }
                self.finish_in_foreground(job, has_terminal)
            }
            Place::Background => self.leave_in_background(job),
        }
    }

    /// Makes the pipes between commands, and redirects streams.
    fn prepare(&mut self, commands: &[Command], place: Place) -> Vec<Result<Streams, String>> {
        let mut prepared = Vec::new();
        let mut input = None;
        for (index, command) in commands.iter().enumerate() {
            let mut streams = Streams::own();
            if place == Place::Background && !self.options.is_interactive && index == 0 {
                // Else it would read what is meant for the prompt.
                streams = streams.without_input();
            }
            if let Some(input) = input.take() {
                streams = streams.reading(input);
            }
            if index + 1 < commands.len() {
                match std::io::pipe() {
                    Ok((reader, writer)) => {
                        streams = streams.writing(writer);
                        input = Some(reader);
                    }
                    Err(error) => {
                        // No part of a pipeline runs that would read or write elsewhere.
                        let failed = || Err(format!("cannot make a pipe: {error}"));
                        return commands.iter().map(|_| failed()).collect();
                    }
                }
            }
            let targets = streams::targets(&command.redirects, &self.expander());
            prepared.push(streams.redirect(&targets, &mut self.children));
        }
        // Only now: one end of a FIFO may wait for the other, which is in the same pipeline.
        let settle = |streams: Result<Streams, String>| streams?.settle(&mut self.children);
        prepared.into_iter().map(settle).collect()
    }

    fn expander(&self) -> Expander<'_> {
        Expander {
            last_code: self.last_code,
            positions: self.options.positions.as_ref(),
        }
    }
}

/// Takes `start` and its flags from the front of a pipeline; says what they ask for and how many words they were.
fn take_start(words: &mut Vec<String>) -> Result<(Place, usize), String> {
    let first = words.first();
    if !first.is_some_and(|word| word.eq_ignore_ascii_case("start")) {
        return Ok((Place::Foreground, 0));
    }
    // An empty title of a window, and the wish for no window, mean nothing here. Other titles are words like others.
    let is_flag = |word: &&String| {
        let known = ["", "/b", "/wait"];
        known.iter().any(|flag| word.eq_ignore_ascii_case(flag))
    };
    let taken = 1 + words[1..].iter().take_while(is_flag).count();
    let mut flags = words.drain(..taken);
    let place = match flags.any(|flag| flag.eq_ignore_ascii_case("/wait")) {
        true => Place::Foreground,
        false => Place::Background,
    };
    drop(flags);
    match words.is_empty() {
        true => Err("start needs a program: start [/B] [/WAIT] PROGRAM [ARGUMENTS]".to_owned()),
        false => Ok((place, taken)),
    }
}
