//! From words to arguments: variables, the home directory, patterns.

use super::glob;
use super::word::{Part, Quoting, Reference, Style, Word};
use std::ffi::OsStr;
use tong::environment;

/// The arguments of a script: its name, then the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(pub(crate) Vec<String>);

/// Knows the values that words are made with.
#[derive(Debug)]
pub(crate) struct Expander<'a> {
    /// The code of the last command.
    pub(crate) last_code: u32,
    /// `None` outside scripts.
    pub(crate) positions: Option<&'a Positions>,
}

/// What a word is while it is expanded: characters, and which of them may be part of a pattern.
#[derive(Default)]
struct Expanded {
    text: String,
    /// The same text as a pattern, in which what was quoted is escaped.
    pattern: String,
    /// Something was written there, be it an empty pair of quotes.
    exists: bool,
}

impl Expander<'_> {
    /// The arguments that the words of a command become.
    pub(crate) fn arguments(&self, words: &[Word]) -> Vec<String> {
        words.iter().flat_map(|word| self.word(word)).collect()
    }

    /// The one name that a word becomes where only one makes sense. Patterns are not looked up.
    pub(crate) fn single(&self, word: &Word) -> String {
        self.fill(word).text
    }

    fn word(&self, word: &Word) -> Vec<String> {
        if let Some(all) = self.all_positions(word) {
            return all;
        }
        let filled = self.fill(word);
        if !filled.exists {
            return Vec::new();
        }
        match glob::is_pattern(&filled.pattern) {
            true => {
                let found = glob::matches(&filled.pattern);
                if found.is_empty() {
                    vec![filled.text]
                } else {
                    found
                }
            }
            false => vec![filled.text],
        }
    }

    /// A word that is `%*` or `$*` alone becomes as many words as there are arguments.
    fn all_positions(&self, word: &Word) -> Option<Vec<String>> {
        let positions = self.positions?;
        match word.parts.as_slice() {
            [Part::Variable(it)] if matches!(&*it.name, "*" | "@") => {
                Some(positions.0.iter().skip(1).cloned().collect())
            }
            _ => None,
        }
    }

    fn fill(&self, word: &Word) -> Expanded {
        let mut expanded = Expanded::default();
        for (index, part) in word.parts.iter().enumerate() {
            match part {
                Part::Text(text, Quoting::Plain) if index == 0 && text.starts_with('~') => {
                    let is_whole = word.parts.len() == 1;
                    expanded.plain_with_home(text, is_whole);
                }
                Part::Text(text, Quoting::Plain) => expanded.plain(text),
                Part::Text(text, Quoting::Quoted) => {
                    expanded.exists = true;
                    expanded.exact(text);
                }
                Part::Variable(reference) => {
                    let value = self.value(reference);
                    expanded.exists |= !value.is_empty();
                    expanded.exact(&value);
                }
            }
        }
        expanded
    }

    /// The value of a variable, or what stands for one that does not exist.
    fn value(&self, reference: &Reference) -> String {
        let known = self.special(reference).or_else(|| {
            let value = environment::get(OsStr::new(&reference.name));
            value.map(|value| value.to_string_lossy().into_owned())
        });
        known.unwrap_or_else(|| match reference.style {
            Style::Percent => reference.written.clone(),
            Style::Dollar => String::new(),
        })
    }

    /// The values that the prompt itself has.
    fn special(&self, reference: &Reference) -> Option<String> {
        let name = &*reference.name;
        if name == "?" || name.eq_ignore_ascii_case("errorlevel") {
            return Some(self.last_code.to_string());
        }
        let positions = &self.positions?.0;
        match name {
            "#" => Some(positions.len().saturating_sub(1).to_string()),
            "*" | "@" => Some(positions.get(1..).unwrap_or_default().join(" ")),
            _ => {
                let digit = name.parse::<usize>().ok().filter(|_| name.len() == 1)?;
                Some(positions.get(digit).cloned().unwrap_or_default())
            }
        }
    }
}

impl Expanded {
    fn plain(&mut self, text: &str) {
        self.exists = true;
        self.text.push_str(text);
        self.pattern.push_str(text);
    }

    /// A piece in which nothing is part of a pattern.
    fn exact(&mut self, text: &str) {
        self.text.push_str(text);
        glob::escape_into(&mut self.pattern, text);
    }

    /// A piece that begins with `~`, which is the home directory if nothing or a separator follows.
    fn plain_with_home(&mut self, text: &str, is_whole: bool) {
        let rest = &text[1..];
        let is_home = match rest.chars().next() {
            None => is_whole,
            Some(character) => matches!(character, '/' | '\\'),
        };
        let home = environment::get(OsStr::new("HOME")).filter(|home| !home.is_empty());
        match home.filter(|_| is_home) {
            Some(home) => {
                self.exact(&home.to_string_lossy());
                self.plain(rest);
            }
            None => self.plain(text),
        }
    }
}
