//! What a word is made of.

use std::ops::Range;

/// A word as it was written, not yet expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands in the text, with its quotes.
    pub(crate) span: Range<usize>,
    /// Its pieces, which join without anything between them.
    pub(crate) parts: Vec<Part>,
}

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Characters, and whether they were written so that nothing in them is special.
    Text(String, Quoting),
    /// The value of a variable.
    Variable(Reference),
}

/// Was a piece in quotes, or behind a `^`?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    Plain,
    Quoted,
}

/// Where a word takes the value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    /// As it was written, which it stays in the percent style if there is no such variable.
    pub(crate) written: String,
    pub(crate) style: Style,
    pub(crate) quoting: Quoting,
}

/// How a variable was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `%NAME%`
    Percent,
    /// `$NAME` or `${NAME}`
    Dollar,
}

impl Word {
    /// Appends a character, to the last piece if that is of the same sort.
    pub(super) fn push(&mut self, character: char, quoting: Quoting) {
        match self.parts.last_mut() {
            Some(Part::Text(text, last)) if *last == quoting => text.push(character),
            _ => self.parts.push(Part::Text(character.into(), quoting)),
        }
    }

    /// Notes that there were quotes, even if nothing is between them: an empty word is a word.
    pub(super) fn note_quotes(&mut self) {
        let last = self.parts.last();
        if !matches!(last, Some(Part::Text(_, Quoting::Quoted))) {
            self.parts.push(Part::Text(String::new(), Quoting::Quoted));
        }
    }

    /// What it says, with variables as they were written.
    pub(crate) fn text(&self) -> String {
        let piece = |part: &Part| match part {
            Part::Text(text, _) => text.clone(),
            Part::Variable(reference) => reference.written.clone(),
        };
        self.parts.iter().map(piece).collect()
    }
}

/// The name of the variable that a text begins with, how long that is, and how it is written.
pub(super) fn reference(text: &str, quoting: Quoting) -> Option<(&str, usize, Style)> {
    // Not across lines, and outside quotes not across words: a lone percent sign is an ordinary character.
    let ends_name = |character: char| match quoting {
        Quoting::Quoted => matches!(character, '\n' | '"'),
        Quoting::Plain => " \t\r\n\"|&<>;^".contains(character),
    };
    if let Some(rest) = text.strip_prefix('%') {
        return match rest.as_bytes() {
            [b'0'..=b'9' | b'*', ..] => Some((&rest[..1], 2, Style::Percent)),
            _ => {
                let len = rest.find(|it| it == '%' || ends_name(it))?;
                let is_name = len > 0 && rest[len..].starts_with('%');
                is_name.then(|| (&rest[..len], len + 2, Style::Percent))
            }
        };
    }
    let rest = text.strip_prefix('$')?;
    if let Some(braced) = rest.strip_prefix('{') {
        let len = braced.find(|it| it == '}' || ends_name(it))?;
        let is_name = len > 0 && braced[len..].starts_with('}');
        return is_name.then(|| (&braced[..len], len + 3, Style::Dollar));
    }
    let len = match rest.as_bytes() {
        [b'?' | b'*' | b'@' | b'#' | b'0'..=b'9', ..] => 1,
        _ => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            rest.bytes().take_while(|byte| is_part(byte)).count()
        }
    };
    (len > 0).then(|| (&rest[..len], len + 1, Style::Dollar))
}
