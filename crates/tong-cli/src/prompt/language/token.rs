//! What a text is taken apart into.

use super::word::Word;
use std::ops::Range;

/// A stretch of the text, for colouring. Blanks belong to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What a stretch of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted piece of a word.
    Word,
    /// A quoted piece of a word, with its quotes.
    Quoted,
    /// `|`, `||`, `&&`, `&`, `;`, the end of a line.
    Operator,
    /// `<`, `>`, `>>`, `2>`, `2>&1` and the like, without the file.
    Redirect,
    /// `%NAME%`, `$NAME`, `${NAME}`.
    Variable,
    /// `# ...`, `:: ...`, `rem ...`.
    Comment,
    /// What can mean nothing.
    Error,
}

/// What the parser reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Word(Word),
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `&`, `;`, the end of a line.
    Next,
    /// The start of a redirection; a word follows, the file.
    Redirect(u8, Mode),
    /// This stream goes where that one goes.
    Same(u8, u8),
    /// What can mean nothing, and why.
    Error(&'static str),
}

/// What a redirection does with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
    Append,
}

/// Why a text needs another line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// This quotation mark, at this place, has no partner.
    Quote(char, usize),
    /// It ends in `^`.
    Joined,
    /// It ends in `|`, `&&` or `||`.
    Operator,
}

/// A text that was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) items: Vec<Item>,
    /// Why it needs another line, if it does.
    pub(crate) open: Option<Open>,
}
