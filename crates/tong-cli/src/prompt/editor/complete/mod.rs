//! What could come next.
//!
//! | module | what it offers |
//! |---|---|
//! | `commands` | built-ins and programs |
//! | `files` | files and directories |
//! | `flags` | what a command of tong or a built-in takes, from the definition of its command line |
//! | `living` | objects by name, processes, jobs |
//! | `variables` | the environment |
//! | `quotes` | writes a text so that it is one word |
//!
//! Where a word stands decides what fits it. Everything is looked up when it is asked for, by reading only.

mod commands;
mod files;
mod flags;
mod living;
mod quotes;
mod variables;

use crate::prompt::language::{lex, Kind, WordAt};
use crate::prompt::Shell;
use quotes::Place;
use reedline::{Completer, Span, Suggestion};
use std::sync::{Arc, Mutex, PoisonError};

/// The most suggestions that are told about. More are shown in columns, in which there is no room for it.
const TOLD_MAX: usize = 24;

/// The most characters of what is told about one.
const ABOUT_MAX: usize = 48;

/// The most suggestions.
const OFFERED_MAX: usize = 1000;

/// What the editor has been told of the prompt.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Numbers of jobs, and what they are.
    jobs: Vec<(u32, String)>,
}

impl Known {
    pub(super) fn of(shell: &Shell) -> Known {
        let tell = |job: &crate::prompt::jobs::Job| {
            (
                job.number(),
                format!("{}: {}", job.state().word(), job.text()),
            )
        };
        Known {
            jobs: shell.jobs().iter().map(tell).collect(),
        }
    }
}

/// Something that could stand in the place of a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Candidate {
    /// What it says, without quotes.
    text: String,
    /// What of it is shown, if not all.
    shown: Option<String>,
    /// What is told about it.
    about: Option<String>,
    /// Does the word go on behind it?
    goes_on: bool,
}

impl Candidate {
    fn new(text: impl Into<String>) -> Candidate {
        Candidate {
            text: text.into(),
            ..Candidate::default()
        }
    }

    fn about(self, about: impl Into<String>) -> Candidate {
        Candidate {
            about: Some(about.into()),
            ..self
        }
    }
}

/// Keeps those that begin with what is written: exactly, or if none does, whatever the case.
fn beginning_with(mut all: Vec<Candidate>, text: &str) -> Vec<Candidate> {
    let folded = text.to_lowercase();
    let is_exact = |candidate: &Candidate| candidate.text.starts_with(text);
    match all.iter().any(is_exact) {
        true => all.retain(is_exact),
        false => all.retain(|candidate| candidate.text.to_lowercase().starts_with(&folded)),
    }
    all
}

/// Looks for what could come next.
pub(super) struct Completions {
    known: Arc<Mutex<Known>>,
}

impl Completions {
    pub(super) fn new(known: Arc<Mutex<Known>>) -> Completions {
        Completions { known }
    }
}

impl Completer for Completions {
    fn complete(&mut self, line: &str, at: usize) -> Vec<Suggestion> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        suggestions(line, at, &known)
    }
}

fn suggestions(line: &str, at: usize, known: &Known) -> Vec<Suggestion> {
    let Some(line) = line.get(..at) else {
        return Vec::new();
    };
    let lexed = lex(line);
    let is_comment = |kind| kind == Kind::Comment;
    if lexed
        .tokens
        .last()
        .is_some_and(|last| is_comment(last.kind) && last.span.end == at)
    {
        return Vec::new();
    }
    let word = lexed.word_at(line, at);
    let raw = &line[word.span.clone()];
    let (mut candidates, place) = match variables::written_last(raw) {
        Some((start, candidates)) => (candidates, Place::Variable(word.span.start + start)),
        None => (fitting(&word, raw, known), Place::Word(&word, raw)),
    };
    candidates.truncate(OFFERED_MAX);
    let is_told = candidates.len() <= TOLD_MAX;
    candidates
        .into_iter()
        .map(|candidate| suggestion(candidate, &place, at, is_told))
        .collect()
}

fn suggestion(candidate: Candidate, place: &Place<'_>, at: usize, is_told: bool) -> Suggestion {
    Suggestion {
        value: place.write(&candidate.text),
        display_override: candidate.shown,
        description: candidate.about.filter(|_| is_told).map(shortened),
        span: Span::new(place.start(), at),
        append_whitespace: !candidate.goes_on,
        ..Suggestion::default()
    }
}

/// The start of a text that is too long for the rest of a line.
fn shortened(text: String) -> String {
    match text.char_indices().nth(ABOUT_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// What fits where the word stands.
fn fitting(word: &WordAt, raw: &str, known: &Known) -> Vec<Candidate> {
    let text = word.text.as_str();
    let has_home = raw.starts_with('~');
    if word.is_file {
        return files::all(text, has_home);
    }
    let Some((program, before)) = word.before.split_first() else {
        return commands::all(text, has_home);
    };
    if living::is_full_name(text) {
        return living::full_names(text);
    }
    match program.to_ascii_lowercase().as_str() {
        "cd" => files::directories(text, has_home),
        "help" => commands::topics(text),
        "set" => variables::names(text),
        "fg" | "bg" | "wait" => jobs(text, known),
        "start" if before.iter().all(|word| word.starts_with('/')) => commands::all(text, has_home),
        _ => match flags::command(program) {
            Some(command) => flags::fitting(command, before, text, has_home),
            None if text.starts_with('-') => flags::json(program, text),
            None => files::all(text, has_home),
        },
    }
}

fn jobs(text: &str, known: &Known) -> Vec<Candidate> {
    let job = |(number, about): &(u32, String)| Candidate::new(number.to_string()).about(about);
    beginning_with(known.jobs.iter().map(job).collect(), text)
}

#[cfg(test)]
mod tests;
