//! Styles of a terminal as words, so that a person can read a kept screen, and so that how the terminal wrote a style
//! (in one escape or three) makes no difference.

use std::fmt::Write;

/// How characters look.
#[derive(Clone, Debug, Default, PartialEq)]
struct Style {
    attributes: [bool; 5],
    foreground: Option<String>,
    background: Option<String>,
}

/// The attributes that have a number from 1 on, and what takes them away.
const ATTRIBUTES: [(&str, u16, u16); 5] = [
    ("bold", 1, 22),
    ("dim", 2, 22),
    ("italic", 3, 23),
    ("underline", 4, 24),
    ("reverse", 7, 27),
];

const COLOURS: [&str; 8] = [
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
];

/// The text with each change of style as its words in braces; `{}` is the plain style.
///
/// Each line ends in the plain style and a change without a character in between is not mentioned.
pub(crate) fn named(raw: &str) -> String {
    let (mut style, mut text) = (Style::default(), String::new());
    for line in raw.lines() {
        let mut shown = Style::default();
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            if let Some((codes, after)) = escape(rest) {
                style.apply(codes);
                rest = after;
                continue;
            }
            rest = &rest[character.len_utf8()..];
            // The sign by which the terminal switches to line drawing and back.
            if matches!(character, '\x0e' | '\x0f') {
                continue;
            }
            if style != shown {
                write!(text, "{{{}}}", style.words()).expect("a text grows");
                shown = style.clone();
            }
            text.push(character);
        }
        if shown != Style::default() {
            text.push_str("{}");
        }
        text.push('\n');
    }
    text
}

/// The parameters of the escape sequence that the text begins with, and what comes after it.
fn escape(text: &str) -> Option<(&str, &str)> {
    let (codes, rest) = text.strip_prefix("\x1b[")?.split_once('m')?;
    let is_style = codes
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, ';' | ':'));
    is_style.then_some((codes, rest))
}

impl Style {
    fn apply(&mut self, codes: &str) {
        let mut codes = codes
            .split([';', ':'])
            .map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Style::default(),
                30..=37 => self.foreground = Some(colour(code - 30)),
                38 => self.foreground = extended(&mut codes),
                39 => self.foreground = None,
                40..=47 => self.background = Some(colour(code - 40)),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                90..=97 => self.foreground = Some(colour(code - 90 + 8)),
                100..=107 => self.background = Some(colour(code - 100 + 8)),
                _ => self.switch(code),
            }
        }
    }

    fn switch(&mut self, code: u16) {
        for (is_on, (_, on, off)) in self.attributes.iter_mut().zip(ATTRIBUTES) {
            if code == on || code == off {
                *is_on = code == on;
            }
        }
    }

    fn words(&self) -> String {
        let set = self.attributes.iter().zip(ATTRIBUTES);
        let mut words: Vec<String> = set
            .filter(|(is_on, _)| **is_on)
            .map(|(_, (name, ..))| name.to_owned())
            .collect();
        words.extend(self.foreground.clone());
        words.extend(self.background.iter().map(|name| format!("on-{name}")));
        words.join(" ")
    }
}

/// The name of one of the first sixteen colours.
fn colour(number: u16) -> String {
    match COLOURS.get(usize::from(number)) {
        Some(name) => (*name).to_owned(),
        None => format!("bright-{}", COLOURS[usize::from(number - 8)]),
    }
}

/// A colour by its number, or by its red, green and blue.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<String> {
    match codes.next()? {
        5 => match codes.next()? {
            number @ 0..=15 => Some(colour(number)),
            number => Some(format!("colour{number}")),
        },
        _ => {
            let mut part = || codes.next().unwrap_or(0);
            Some(format!("#{:02x}{:02x}{:02x}", part(), part(), part()))
        }
    }
}

#[test]
fn styles_are_words_however_they_were_written() {
    assert_eq!(
        named("\x1b[1m\x1b[31mred\x1b[0m plain"),
        "{bold red}red{} plain\n"
    );
    assert_eq!(named("\x1b[1;38;5;1mred\x1b[m."), "{bold red}red{}.\n");
    assert_eq!(
        named("a\x1b[92;40mb\n\x1b[39;49mc"),
        "a{bright-green on-black}b{}\nc\n"
    );
    assert_eq!(
        named("\x1b[38;5;208mx\x1b[38;2;1;2;255my\x1b[0m"),
        "{colour208}x{#0102ff}y{}\n"
    );
}
