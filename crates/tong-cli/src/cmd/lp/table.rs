//! Rows as lines for people.

use super::Shown;
use crate::args::{LpArgs, SortKey};
use crate::text;
use anstyle::{AnsiColor, Color, Effects, Style};
use std::fmt::Write as _;
use std::time::Duration;
use tong::process::list::{Priority, State};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The fewest columns of a terminal that lines are cut for: below that nothing useful would be left.
const WIDTH_MIN: usize = 40;
/// The fewest columns that a program's name gets.
const PROGRAM_MIN: usize = 12;
/// The most columns that a user's name gets.
const USER_MAX: usize = 16;
const GAP: &str = "  ";

/// How to show a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// The width that lines are cut to.
    pub(super) width: Option<usize>,
    pub(super) colours: bool,
}

/// A column before the last one, which is the program's name.
struct Column {
    head: &'static str,
    is_number: bool,
    cell: fn(&Shown<'_>) -> String,
}

const fn number(head: &'static str, cell: fn(&Shown<'_>) -> String) -> Column {
    Column {
        head,
        is_number: true,
        cell,
    }
}

const fn word(head: &'static str, cell: fn(&Shown<'_>) -> String) -> Column {
    Column {
        head,
        is_number: false,
        cell,
    }
}

fn columns(args: &LpArgs) -> Vec<Column> {
    let mut columns = vec![
        number("PID", |row| row.process().pid.to_string()),
        number("PARENT", |row| row.process().parent.to_string()),
        word("USER", |row| cut(&plain(&row.user), USER_MAX)),
        number("MEMORY", memory),
    ];
    if args.long || args.sort == SortKey::Cpu {
        columns.push(number("CPU", cpu));
    }
    if args.long {
        columns.push(number("AGE", |row| text::age(row.age)));
        columns.push(word("PRIORITY", |row| match row.process().priority {
            Priority::Nice(nice) => nice.to_string(),
            Priority::RealTime => "real-time".to_owned(),
        }));
        columns.push(word("STATE", |row| row.state().to_owned()));
    }
    columns.extend([
        number("THREADS", |row| row.process().threads.to_string()),
        number("HANDLES", |row| {
            row.row.handles.map_or("-".to_owned(), |it| it.to_string())
        }),
        word("SIGNALED", |row| {
            if row.is_signaled() { "yes" } else { "no" }.to_owned()
        }),
    ]);
    columns
}

fn memory(row: &Shown<'_>) -> String {
    match row.process().is_kernel || row.is_signaled() {
        true => "-".to_owned(),
        false => text::size(row.process().memory),
    }
}

/// Processor time is counted in hundredths of a second.
fn cpu(row: &Shown<'_>) -> String {
    match row.process().processor_time {
        Duration::ZERO => "0 ms".to_owned(),
        time => text::span(time),
    }
}

/// The table, with a head.
pub(super) fn table(rows: &[Shown<'_>], args: &LpArgs, look: Look) -> String {
    let columns = columns(args);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|column| (column.cell)(row)).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let widest = cells.iter().map(|cells| cells[index].width()).max();
            widest.unwrap_or(0).max(column.head.width())
        })
        .collect();
    let used: usize = widths.iter().map(|width| width + GAP.len()).sum();
    let room = look
        .width
        .filter(|width| *width >= WIDTH_MIN)
        .map(|width| width.saturating_sub(used).max(PROGRAM_MIN));

    let mut text = String::new();
    let line = |cells: &[String]| line(&columns, &widths, cells);
    let heads: Vec<_> = columns
        .iter()
        .map(|column| column.head.to_owned())
        .collect();
    let head = format!("{}PROGRAM", line(&heads));
    push(&mut text, look, Style::new().effects(Effects::BOLD), &head);
    text.push('\n');
    for (row, cells) in rows.iter().zip(&cells) {
        let program = program(row);
        let program = room.map_or(program.clone(), |room| cut(&program, room));
        let style = style(row);
        push(&mut text, look, style, &format!("{}{program}", line(cells)));
        text.push('\n');
    }
    text
}

fn line(columns: &[Column], widths: &[usize], cells: &[String]) -> String {
    let mut text = String::new();
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        // Writing to a string cannot fail.
        let _ = match column.is_number {
            true => write!(text, "{blanks}{cell}{GAP}"),
            false => write!(text, "{cell}{blanks}{GAP}"),
        };
    }
    text
}

/// What matters stands out: programs that use tong, and what has stopped or ended.
fn style(row: &Shown<'_>) -> Style {
    let colour = |colour| Style::new().fg_color(Some(Color::Ansi(colour)));
    match row.process().state {
        _ if row.is_beside => Style::new().effects(Effects::DIMMED),
        State::Ended => colour(AnsiColor::Red),
        State::Stopped => colour(AnsiColor::Yellow),
        _ if row.row.handles.is_some() => colour(AnsiColor::Cyan),
        _ if row.process().is_kernel => Style::new().effects(Effects::DIMMED),
        _ => Style::new(),
    }
}

fn push(text: &mut String, look: Look, style: Style, line: &str) {
    let _ = match look.colours && !style.is_plain() {
        true => write!(text, "{style}{line}{style:#}"),
        false => write!(text, "{line}"),
    };
}

/// The program's name, behind the lines of the tree. Threads of the kernel have no program, which brackets say.
fn program(row: &Shown<'_>) -> String {
    let name = plain(&row.process().program);
    match row.process().is_kernel {
        true => format!("{}[{name}]", row.branch),
        false => format!("{}{name}", row.branch),
    }
}

/// Text that others made up, in which nothing moves the cursor.
fn plain(text: &str) -> String {
    text::line(text.as_bytes()).replace('\t', r"\t")
}

/// As much of a text as fits, with a sign that there is more.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = width.saturating_sub(1);
    for character in text.chars() {
        let needed = character.width().unwrap_or(0);
        if needed > left {
            break;
        }
        left -= needed;
        kept.push(character);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_text_is_cut_to_columns_and_not_to_characters() {
        assert_eq!(cut("sleep", 5), "sleep");
        assert_eq!(cut("sleeper", 5), "slee…");
        assert_eq!(cut("통통통", 6), "통통통");
        assert_eq!(cut("통통통", 5), "통통…");
        assert_eq!(cut("통통통", 4), "통…");
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(plain("a\tb\x1b[2J\n"), r"a\tb\x1b[2J\n");
    }
}
