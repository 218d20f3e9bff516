//! Columns: titles, widths, and the ways in which cells say little or nothing.

use super::list::Line;
use crate::text;
use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// The fewest and the most cells that it is given.
    pub(super) least: u16,
    pub(super) most: u16,
    /// Numbers stand at the right.
    pub(super) is_number: bool,
    /// Where there is too little room the columns of the highest rank go first.
    pub(super) rank: u8,
    /// Which of the list's orders is by this column.
    pub(super) sort: Option<usize>,
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Usual,
    /// Nothing of interest.
    Faint,
    /// Something is going on.
    Lively,
    /// Something is wrong.
    Bad,
}

/// A line that has columns.
pub(super) trait Columns: Line {
    const COLUMNS: &'static [Column];

    fn cell(&self, column: usize) -> (String, Tone);

    /// Is the whole line about something that is wrong?
    fn is_bad(&self) -> bool {
        false
    }
}

pub(super) const ANY: u16 = u16::MAX;

pub(super) const fn words(title: &'static str, least: u16, most: u16, rank: u8) -> Column {
    Column {
        title,
        least,
        most,
        is_number: false,
        rank,
        sort: None,
    }
}

pub(super) const fn number(title: &'static str, width: u16, rank: u8) -> Column {
    Column {
        is_number: true,
        ..words(title, width, width, rank)
    }
}

pub(super) const fn sorted(column: Column, sort: usize) -> Column {
    Column {
        sort: Some(sort),
        ..column
    }
}

pub(super) fn usual(text: &str) -> (String, Tone) {
    (text.to_owned(), Tone::Usual)
}

pub(super) fn faint(text: &str) -> (String, Tone) {
    (text.to_owned(), Tone::Faint)
}

pub(super) fn nothing() -> (String, Tone) {
    faint("-")
}

pub(super) fn dash_is_faint(text: &str) -> (String, Tone) {
    match text {
        "-" => nothing(),
        _ => usual(text),
    }
}

pub(super) fn zero_is_faint(count: usize) -> (String, Tone) {
    match count {
        0 => faint("0"),
        _ => usual(&count.to_string()),
    }
}

pub(super) fn busy(count: u64) -> (String, Tone) {
    match count {
        0 => faint("0"),
        _ => (count.to_string(), Tone::Lively),
    }
}

pub(super) fn flow(amount: f64, text: fn(f64) -> String) -> (String, Tone) {
    match amount > 0.0 {
        true => (text(amount), Tone::Lively),
        false => faint("0"),
    }
}

/// The order of two names in which box9 comes before box10.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut one_rest, mut other_rest) = (one.chars(), other.chars());
    loop {
        let numbers = [&one_rest, &other_rest].map(|rest| number_at(rest.as_str()));
        if let [Some(first), Some(second)] = numbers {
            // Without zeros in front the longer number is the larger one.
            let order = (first.len(), first).cmp(&(second.len(), second));
            if order != Ordering::Equal {
                return order;
            }
        }
        match (one_rest.next(), other_rest.next()) {
            (None, None) => return one.cmp(other),
            (first, second) if first != second => return first.cmp(&second),
            _ => {}
        }
    }
}

/// The number that a text begins with, without zeros in front.
fn number_at(text: &str) -> Option<&str> {
    let end = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].trim_start_matches('0'))
}

/// A number in five cells.
pub(super) fn short_number(number: f64) -> String {
    match number {
        ..9.95 => format!("{number:.1}"),
        ..99_999.5 => format!("{number:.0}"),
        ..9_999_500.0 => format!("{:.0}k", number / 1e3),
        _ => format!("{:.0}M", number / 1e6),
    }
}

/// How long ago that was.
pub(super) fn age(moment: SystemTime) -> String {
    let since = SystemTime::now().duration_since(moment);
    text::age(since.unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_are_in_the_order_of_the_numbers() {
        let mut names = [
            "b2", "box10", "box9", "box", "box010", "a99", "a100b", "a100a", "ab",
        ];
        names.sort_by(|one, other| natural(one, other));
        let expected = [
            "a99", "a100a", "a100b", "ab", "b2", "box", "box9", "box010", "box10",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn short_numbers_fit_five_cells() {
        let texts = [0.0, 0.25, 9.96, 123.4, 99_999.0, 123_456.0, 5e8].map(short_number);
        assert_eq!(texts, ["0.0", "0.2", "10", "123", "99999", "123k", "500M"]);
    }
}
