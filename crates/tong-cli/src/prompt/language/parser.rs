//! From words and operators to pipelines, and from pipelines to a list.
//!
//! `&&` and `||` bind equally, from left to right, and tighter than `&`, `;` and the end of a line, which are the same
//! thing. A line that ends in `|`, `&&` or `||` goes on in the next one.

use super::lexer::lex;
use super::token::{Item, Mode, Open, What};
use super::word::Word;
use std::ops::Range;

/// A pipeline, and when it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) link: Link,
    pub(crate) pipeline: Pipeline,
}

/// What has to be so for a pipeline to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Always,
    /// The code is 0.
    IfOk,
    /// The code is not 0.
    IfFailed,
}

/// Commands, each of which reads what the one before it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) commands: Vec<Command>,
    /// Where it stands.
    pub(crate) span: Range<usize>,
}

/// A program or built-in with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    /// In the order in which they stand, which is that in which they happen.
    pub(crate) redirects: Vec<Redirect>,
}

/// Where a stream goes instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) stream: u8,
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read(Word),
    Write(Word),
    Append(Word),
    /// Where this stream goes at that moment.
    Same(u8),
}

/// Why a text means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where in the text.
    pub(crate) at: usize,
    pub(crate) what: String,
}

/// Finds out what a text means. An open quote ends with the text.
///
/// # Errors
/// The first thing in it that can mean nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, Problem> {
    let lexed = lex(text);
    if lexed.open == Some(Open::Operator) {
        let last = lexed
            .items
            .iter()
            .rev()
            .find(|item| item.what != What::Next);
        let at = last.map_or(text.len(), |item| item.span.start);
        let end = last.map_or(text.len(), |item| item.span.end);
        return Err(Problem {
            at,
            what: format!("a command has to follow {}", &text[at..end]),
        });
    }
    let mut parser = Parser {
        text,
        items: &lexed.items,
        steps: Vec::new(),
    };
    parser.list()?;
    Ok(parser.steps)
}

struct Parser<'a> {
    text: &'a str,
    items: &'a [Item],
    steps: Vec<Step>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Item> {
        let (first, rest) = self.items.split_first()?;
        self.items = rest;
        Some(first)
    }

    fn peek(&self) -> Option<&'a What> {
        self.items.first().map(|item| &item.what)
    }

    fn is_line_end(&self) -> bool {
        let first = self.items.first();
        first.is_some_and(|item| item.what == What::Next && &self.text[item.span.clone()] == "\n")
    }

    fn list(&mut self) -> Result<(), Problem> {
        let mut link = Link::Always;
        loop {
            while self.peek() == Some(&What::Next) && (link == Link::Always || self.is_line_end()) {
                self.next();
            }
            if self.items.is_empty() {
                return Ok(());
            }
            let pipeline = self.pipeline()?;
            self.steps.push(Step { link, pipeline });
            link = match self.next().map(|item| &item.what) {
                Some(What::And) => Link::IfOk,
                Some(What::Or) => Link::IfFailed,
                _ => Link::Always,
            };
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Problem> {
        let start = self.items.first().map_or(0, |item| item.span.start);
        let mut commands = Vec::new();
        loop {
            while !commands.is_empty() && self.is_line_end() {
                self.next();
            }
            let (command, end) = self.command()?;
            commands.push(command);
            if self.peek() != Some(&What::Pipe) {
                return Ok(Pipeline {
                    commands,
                    span: start..end,
                });
            }
            self.next();
        }
    }

    /// A command, and where it ends.
    fn command(&mut self) -> Result<(Command, usize), Problem> {
        let mut command = Command::default();
        let mut end = None;
        while let Some(item) = self.items.first() {
            match &item.what {
                What::Word(word) => command.words.push(word.clone()),
                What::Redirect(stream, mode) => {
                    self.next();
                    end = Some(self.redirect(&mut command, *stream, *mode, item)?);
                    continue;
                }
                What::Same(stream, to) => command.redirects.push(Redirect {
                    stream: *stream,
                    action: Action::Same(*to),
                }),
                What::Error(why) => return Err(problem(item, (*why).to_owned())),
                What::Pipe | What::And | What::Or | What::Next => break,
            }
            end = Some(item.span.end);
            self.next();
        }
        match end {
            Some(end) => Ok((command, end)),
            None => Err(self.no_command()),
        }
    }

    /// The file of a redirection; returns where it ends.
    fn redirect(
        &mut self,
        command: &mut Command,
        stream: u8,
        mode: Mode,
        sign: &Item,
    ) -> Result<usize, Problem> {
        let Some(What::Word(file)) = self.peek() else {
            let sign_text = &self.text[sign.span.clone()];
            return Err(problem(sign, format!("a file has to follow {sign_text}")));
        };
        self.next();
        let action = match mode {
            Mode::Read => Action::Read,
            Mode::Write => Action::Write,
            Mode::Append => Action::Append,
        };
        command.redirects.push(Redirect {
            stream,
            action: action(file.clone()),
        });
        Ok(file.span.end)
    }

    fn no_command(&self) -> Problem {
        match self.items.first() {
            Some(item) => {
                let sign = self.text[item.span.clone()].replace('\n', "the end of the line");
                problem(item, format!("a command has to stand before {sign}"))
            }
            None => Problem {
                at: self.text.len(),
                what: "a command is missing at the end".to_owned(),
            },
        }
    }
}

fn problem(item: &Item, what: String) -> Problem {
    Problem {
        at: item.span.start,
        what,
    }
}
