//! Writing a text so that it is one word, in the way the person has begun it.

use crate::prompt::language::WordAt;

/// Where a text is to be written.
pub(super) enum Place<'a> {
    /// In the place of a word, which was written like this.
    Word(&'a WordAt, &'a str),
    /// A variable that starts here; nothing in its name needs quotes.
    Variable(usize),
}

impl Place<'_> {
    /// Where it starts.
    pub(super) fn start(&self) -> usize {
        match self {
            Place::Word(word, _) => word.span.start,
            Place::Variable(start) => *start,
        }
    }

    /// The text as it is written there.
    pub(super) fn write(&self, text: &str) -> String {
        match self {
            Place::Variable(_) => text.to_owned(),
            Place::Word(word, raw) => {
                let home = text.strip_prefix("~/").filter(|_| raw.starts_with('~'));
                match home {
                    Some(inside) => format!("~/{}", quoted(inside, word)),
                    None => quoted(text, word),
                }
            }
        }
    }
}

fn quoted(text: &str, word: &WordAt) -> String {
    let is_quoted = word.quote.is_some();
    if !is_quoted && !needs_quotes(text) {
        return text.to_owned();
    }
    let has_variables = text.contains(['%', '$', '"']);
    let is_single = word.quote == Some('\'') || has_variables;
    match is_single && !text.contains('\'') {
        true => format!("'{text}'"),
        false => format!("\"{}\"", for_double_quotes(text)),
    }
}

/// Would the text be several words, or mean something else?
fn needs_quotes(text: &str) -> bool {
    let begins = text.starts_with(['\'', '~', '#']) || text.starts_with("::");
    begins || text.contains(|c: char| c.is_whitespace() || "\"&|<>;^%$*?[".contains(c))
}

/// Backslashes before a quotation mark count double.
fn for_double_quotes(text: &str) -> String {
    let mut written = String::new();
    let mut backslashes = 0;
    for character in text.chars() {
        if character == '"' {
            written.push_str(&"\\".repeat(backslashes + 1));
        }
        backslashes = match character {
            '\\' => backslashes + 1,
            _ => 0,
        };
        written.push(character);
    }
    written + &"\\".repeat(backslashes)
}
