//! `sort`: sorts lines, as Windows' own does without regard to case.
//!
//! Lines that differ in case only, or in nothing that counts, are in the order of their bytes, so that the result is always
//! the same. A carriage return at the end of a line does not count.

use super::{arguments, Context};
use crate::exit::Failure;
use crate::prompt::path_of;
use crate::text;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(name = "sort", no_binary_name = true, about = "Sort lines")]
#[command(
    after_help = "/R, /C and /UNIQUE are --reverse, --case and --unique, as in Windows' sort."
)]
pub(super) struct SortArgs {
    /// The files; without any, or for -, standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Sort the other way round
    #[arg(short, long)]
    reverse: bool,
    /// Sort by the number that each line begins with; lines without one come first
    #[arg(short, long)]
    numeric: bool,
    /// Write equal lines once
    #[arg(short, long)]
    unique: bool,
    /// Upper and lower case are different
    #[arg(short, long)]
    case: bool,
}

pub(super) fn run(context: &mut Context<'_>, words: &[String]) -> Result<u32, Failure> {
    let switches = [
        ("/r", "--reverse"),
        ("/reverse", "--reverse"),
        ("/c", "--case"),
        ("/case_sensitive", "--case"),
        ("/uniq", "--unique"),
        ("/unique", "--unique"),
    ];
    let Some(args) = arguments::<SortArgs>(context, words, &switches)? else {
        return Ok(0);
    };
    let input = ["-".to_owned()];
    let named = match args.files.is_empty() {
        true => &input[..],
        false => &args.files[..],
    };
    let (mut text, mut code) = (Vec::new(), 0);
    for name in named {
        if let Err(error) = read(context, name, &mut text) {
            context.complain(&format!("cannot read {name}: {error}"));
            code = super::code_of(&error);
        }
    }
    let sorted = sorted(&text, &args);
    match context.is_terminal {
        true => context.print(&harmless(&sorted))?,
        false => context.print_raw(&sorted)?,
    }
    Ok(code)
}

/// The lines as a terminal can show them: nothing in them moves its cursor.
fn harmless(lines: &[u8]) -> String {
    let Some(lines) = lines.strip_suffix(b"\n") else {
        return text::line(lines);
    };
    let shown = lines.split(|byte| *byte == b'\n').map(text::line);
    let shown: Vec<_> = shown.collect();
    shown.join("\n") + "\n"
}

/// Reads a file to its end, and ends its last line.
fn read(context: &mut Context<'_>, name: &str, text: &mut Vec<u8>) -> io::Result<()> {
    match name {
        "-" => context.input.read_to_end(text)?,
        _ => File::open(path_of(name))?.read_to_end(text)?,
    };
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    Ok(())
}

fn sorted(text: &[u8], args: &SortArgs) -> Vec<u8> {
    let mut lines: Vec<Line<'_>> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| Line::new(line, args))
        .collect();
    lines.sort_unstable_by(Line::compare);
    if args.unique {
        lines.dedup_by_key(|line| line.content);
    }
    if args.reverse {
        lines.reverse();
    }
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.whole).collect();
    lines.concat()
}

/// A line, and what counts of it.
struct Line<'a> {
    whole: &'a [u8],
    content: &'a [u8],
    number: Option<f64>,
    folded: Option<String>,
}

impl<'a> Line<'a> {
    fn new(whole: &'a [u8], args: &SortArgs) -> Line<'a> {
        let content = whole.strip_suffix(b"\n").unwrap_or(whole);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        Line {
            whole,
            content,
            number: if args.numeric { number(content) } else { None },
            folded: (!args.case).then(|| String::from_utf8_lossy(content).to_lowercase()),
        }
    }

    fn compare(&self, other: &Line<'_>) -> Ordering {
        let numbers = match (self.number, other.number) {
            (Some(one), Some(two)) => one.total_cmp(&two),
            (one, two) => one.is_some().cmp(&two.is_some()),
        };
        numbers
            .then_with(|| self.folded.cmp(&other.folded))
            .then_with(|| self.content.cmp(other.content))
    }
}

/// The number that a line begins with.
fn number(line: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(line.trim_ascii_start()).ok();
    let text = text.unwrap_or_default();
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_in = |c: char| c.is_ascii_digit() || c == '.';
    let length = body.find(|c| !is_in(c)).unwrap_or(body.len());
    text[..text.len() - body.len() + length].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn sort(flags: &[&str], text: &str) -> String {
        let args = SortArgs::parse_from(flags);
        String::from_utf8(sorted(text.as_bytes(), &args)).unwrap()
    }

    #[test]
    fn case_counts_only_if_wanted() {
        assert_eq!(sort(&[], "b\nA\na\nB\n"), "A\na\nB\nb\n");
        assert_eq!(sort(&["-c"], "b\nA\na\nB\n"), "A\nB\na\nb\n");
        assert_eq!(sort(&["-r"], "b\nA\nc\n"), "c\nb\nA\n");
    }

    #[test]
    fn numbers_are_sorted_by_value() {
        assert_eq!(
            sort(&["-n"], "10 b\n9 a\n -2\nnone\n1.5\n"),
            "none\n -2\n1.5\n9 a\n10 b\n"
        );
    }

    #[test]
    fn equal_lines_are_written_once() {
        assert_eq!(sort(&["-u"], "b\na\nb\nB\n"), "a\nB\nb\n");
        assert_eq!(sort(&["-nu"], "1 b\n1 a\n1 b\n"), "1 a\n1 b\n");
    }

    #[test]
    fn line_ends_of_windows_stay_and_do_not_count() {
        assert_eq!(sort(&[], "a!\r\na\r\n"), "a\r\na!\r\n");
        assert_eq!(sort(&[], ""), "");
    }
}
