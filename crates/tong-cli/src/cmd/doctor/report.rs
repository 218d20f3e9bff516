//! Findings for people: by group, the level in colour, what to do below.

use super::finding::{Finding, Level};
use crate::exit::Failure;
use crate::{output, text};
use anstyle::{AnsiColor, Effects, Style};
use std::io::IsTerminal;

/// Columns in front of what was found: indentation, level, check.
const LEVEL_WIDTH: usize = 9;
const CHECK_WIDTH: usize = 19;
const INDENT: usize = 2 + LEVEL_WIDTH + CHECK_WIDTH;
/// A narrower terminal gets long lines.
const WIDTH_MIN: usize = INDENT + 30;

pub(super) fn print<'a>(findings: impl Iterator<Item = &'a Finding>) -> Result<(), Failure> {
    let width = width();
    let mut report = String::new();
    let mut group = "";
    let bold = Style::new().effects(Effects::BOLD);
    for finding in findings {
        if finding.group != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            report.push_str(&format!("{gap}{bold}{}{bold:#}\n", finding.group));
            group = &finding.group;
        }
        report.push_str(&lines(finding, width));
    }
    output::print(&report)
}

/// Columns that text may take; a reader that is no terminal gets one line for each finding and advice.
fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(crossterm::terminal::size);
    let columns = usize::from(size?.ok()?.0);
    (columns >= WIDTH_MIN).then_some(columns)
}

fn lines(finding: &Finding, width: Option<usize>) -> String {
    let style = style(finding.level);
    let (level, check) = (finding.level.word(), &finding.check);
    let found = folded(&finding.found, INDENT, width);
    let mut lines =
        format!("  {style}{level:<LEVEL_WIDTH$}{style:#}{check:<CHECK_WIDTH$}{found}\n");
    if let Some(advice) = &finding.advice {
        let dim = Style::new().effects(Effects::BOLD);
        let advice = folded(advice, INDENT + 3, width);
        lines.push_str(&format!("{:INDENT$}{dim}->{dim:#} {advice}\n", ""));
    }
    lines
}

fn style(level: Level) -> Style {
    let colour = match level {
        Level::Ok => AnsiColor::Green,
        Level::Warning => AnsiColor::Yellow,
        Level::Error => AnsiColor::Red,
    };
    Style::new()
        .fg_color(Some(colour.into()))
        .effects(Effects::BOLD)
}

/// A text that others may have had a hand in, on lines that fit.
fn folded(shown: &str, indent: usize, width: Option<usize>) -> String {
    let shown = text::line(shown.as_bytes());
    let Some(width) = width.and_then(|width| width.checked_sub(indent)) else {
        return shown;
    };
    let mut lines = vec![String::new()];
    for word in shown.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        let used = unicode_width::UnicodeWidthStr::width(line.as_str());
        let needed = unicode_width::UnicodeWidthStr::width(word);
        if used == 0 {
            line.push_str(word);
        } else if used + 1 + needed <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_folded_below_themselves_and_cannot_move_the_cursor() {
        assert_eq!(folded("one two three", 2, Some(9)), "one two\n  three");
        assert_eq!(folded("a\x1b[2Jb\nc", 0, None), r"a\x1b[2Jb\nc");
    }
}
