//! The word under the cursor, for completing it.

use super::lexer::lex;
use super::token::{Lexed, What};
use super::word::Word;
use std::ops::Range;

/// The word at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WordAt {
    /// Where it stands, up to the place asked for.
    pub(crate) span: Range<usize>,
    /// What it says up to there, without quotes.
    pub(crate) text: String,
    /// The quotation mark it begins with, if any.
    pub(crate) quote: Option<char>,
    /// The words of the same command before it, the program first; empty if it is the program itself.
    pub(crate) before: Vec<String>,
    /// Is it the file of a redirection?
    pub(crate) is_file: bool,
}

impl Lexed {
    /// The word that ends at this place, or an empty one if none does: what a person is about to write there.
    pub(crate) fn word_at(&self, text: &str, at: usize) -> WordAt {
        // Only what stands before the place counts.
        let text = &text[..floor(text, at)];
        let lexed = lex(text);
        let mut before = Vec::new();
        let mut is_file = false;
        let mut found = None;
        for item in &lexed.items {
            match &item.what {
                What::Word(word) if item.span.end == text.len() => found = Some(word.clone()),
                What::Word(_) if is_file => is_file = false,
                What::Word(word) => before.push(word.text()),
                What::Redirect(..) => is_file = true,
                What::Same(..) | What::Error(_) => {}
                What::Pipe | What::And | What::Or | What::Next => {
                    before.clear();
                    is_file = false;
                }
            }
        }
        let word = found.unwrap_or_else(|| Word {
            span: text.len()..text.len(),
            parts: Vec::new(),
        });
        let quote = text[word.span.start..].chars().next();
        WordAt {
            text: word.text(),
            quote: quote.filter(|mark| matches!(mark, '"' | '\'')),
            span: word.span,
            before,
            is_file,
        }
    }
}

/// The last boundary of a character at or before a place.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
