//! The line in colours while it is written.
//!
//! What will be run is told apart from what will not be found, so that a slip is seen before Enter is pressed.

use crate::prompt::language::{lex, Kind, Lexed, Token};
use crate::prompt::{builtin, is_program};
use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};
use std::cell::RefCell;
use std::collections::HashMap;

/// Colours lines by what their parts mean.
#[derive(Default)]
pub(super) struct Colours {
    looks: RefCell<Looks>,
}

/// How the programs of the last line looked, so that they are not looked for again at each key.
type Looks = HashMap<String, Style>;

impl Highlighter for Colours {
    fn highlight(&self, line: &str, _: usize) -> StyledText {
        let mut styled = StyledText::new();
        for (style, text) in pieces(line, &mut self.looks.borrow_mut()) {
            styled.push((style, text.to_owned()));
        }
        styled
    }
}

/// The whole line, in pieces of one style each.
fn pieces<'a>(line: &'a str, looks: &mut Looks) -> Vec<(Style, &'a str)> {
    let known = std::mem::take(looks);
    let mut pieces = Vec::new();
    let mut shown = 0;
    let lexed = lex(line);
    for word in lexed.tokens.chunk_by(is_same_word) {
        let program = program(&lexed, line, word).map(|name| {
            let look = known.get(&name).copied();
            let look = look.unwrap_or_else(|| style_of_program(&name));
            *looks.entry(name).or_insert(look)
        });
        for token in word {
            if token.span.start > shown {
                pieces.push((Style::new(), &line[shown..token.span.start]));
            }
            let style = program.filter(|_| token.kind != Kind::Variable);
            pieces.push((
                style.unwrap_or(style_of(token.kind)),
                &line[token.span.clone()],
            ));
            shown = token.span.end;
        }
    }
    if shown < line.len() {
        pieces.push((Style::new(), &line[shown..]));
    }
    pieces
}

fn is_same_word(one: &Token, next: &Token) -> bool {
    is_of_word(one.kind) && is_of_word(next.kind) && one.span.end == next.span.start
}

fn is_of_word(kind: Kind) -> bool {
    matches!(kind, Kind::Word | Kind::Quoted | Kind::Variable)
}

/// What the word names, if that is to be run.
fn program(lexed: &Lexed, line: &str, word: &[Token]) -> Option<String> {
    let last = word.last().filter(|token| is_of_word(token.kind))?;
    let word = lexed.word_at(line, last.span.end);
    let is_program = word.before.is_empty() && !word.is_file;
    is_program.then_some(word.text)
}

fn style_of_program(name: &str) -> Style {
    // What variables and patterns stand for is not known before the line is run.
    let is_open = name.contains(['%', '$', '*', '?', '~']);
    if is_open {
        Style::new()
    } else if builtin::find(name).is_some() {
        Style::new().fg(Color::Cyan).bold()
    } else if is_program(name) {
        Style::new().fg(Color::Green).bold()
    } else {
        Style::new().fg(Color::Red)
    }
}

fn style_of(kind: Kind) -> Style {
    match kind {
        Kind::Word => Style::new(),
        Kind::Quoted => Style::new().fg(Color::Yellow),
        Kind::Operator | Kind::Redirect => Style::new().fg(Color::Purple).bold(),
        Kind::Variable => Style::new().fg(Color::Blue).bold(),
        Kind::Comment => Style::new().fg(Color::DarkGray),
        Kind::Error => Style::new().fg(Color::Red).underline(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces that are coloured, with their colours.
    fn coloured(line: &str) -> Vec<(Color, &str)> {
        let pieces = pieces(line, &mut Looks::new()).into_iter();
        let whole: String = pieces.clone().map(|(_, text)| text).collect();
        assert_eq!(whole, line);
        pieces
            .filter_map(|(style, text)| Some((style.foreground?, text)))
            .collect()
    }

    #[test]
    fn programs_builtins_and_slips_look_different() {
        assert_eq!(
            coloured("echo a | /bin/sh -c b && no-such-program-here"),
            [
                (Color::Cyan, "echo"),
                (Color::Purple, "|"),
                (Color::Green, "/bin/sh"),
                (Color::Purple, "&&"),
                (Color::Red, "no-such-program-here"),
            ]
        );
    }

    #[test]
    fn quotes_variables_and_redirections_have_their_colours() {
        assert_eq!(
            coloured("echo \"a %B% c\" > file # why"),
            [
                (Color::Cyan, "echo"),
                (Color::Yellow, "\"a "),
                (Color::Blue, "%B%"),
                (Color::Yellow, " c\""),
                (Color::Purple, ">"),
                (Color::DarkGray, "# why"),
            ]
        );
    }

    #[test]
    fn a_program_behind_a_redirection_is_one_and_the_file_is_none() {
        assert_eq!(
            coloured("< echo echo echo"),
            [(Color::Purple, "<"), (Color::Cyan, "echo")]
        );
    }

    #[test]
    fn any_text_is_shown_whole() {
        for text in [
            "", " ", "\"", "'", "a^", "a\nb\n", "$", "%%", "9>", ">&", "é | ü",
        ] {
            coloured(text);
        }
    }
}
