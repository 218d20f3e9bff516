//! The same without a screen: tables for logs, and JSON for programs.

use super::columns::Columns;
use super::known::Known;
use super::list::List;
use super::look::{Look, Object, Process};
use super::rates::Rates;
use super::waits::Wait;
use crate::args::{Pane, TopArgs};
use crate::cmd::ls;
use crate::exit::Failure;
use crate::{output, text};
use serde::Serialize;
use std::thread;
use std::time::{Instant, SystemTime};
use tong::inspect::Inspector;

/// A look, as `--json` prints it.
#[derive(Serialize)]
struct Record<'a> {
    time: String,
    objects: Vec<ObjectRecord<'a>>,
    processes: Vec<ProcessRecord<'a>>,
    waits: Vec<WaitRecord<'a>>,
    deadlocks: Vec<DeadlockRecord>,
}

/// An object, as `tong ls --json` prints it, and how fast things go through it.
#[derive(Serialize)]
struct ObjectRecord<'a> {
    #[serde(flatten)]
    object: Option<ls::Record<'a>>,
    /// `null` unless it is a mailslot or pipe that was seen before.
    rates: Option<RatesRecord>,
}

/// Each second, since the look before.
#[derive(Serialize)]
struct RatesRecord {
    bytes_in: f64,
    bytes_out: f64,
    messages: f64,
}

/// A process that uses tong.
#[derive(Serialize)]
struct ProcessRecord<'a> {
    pid: u32,
    parent: u32,
    program: &'a str,
    command: &'a str,
    user: &'a str,
    threads: u32,
    handles: Option<u32>,
    objects: usize,
    owns: usize,
    waits: usize,
    deadlocked: bool,
    suspended: bool,
    memory_bytes: u64,
    /// The part of a processor that it takes.
    load: Option<f64>,
}

/// A thread that waits.
#[derive(Serialize)]
struct WaitRecord<'a> {
    pid: i32,
    tid: i32,
    program: &'a str,
    waits_for: &'a str,
    held_by: Option<&'a str>,
    waited_ms: u128,
    has_deadline: bool,
    /// The index of its deadlock.
    deadlock: Option<usize>,
}

/// Threads that wait for each other, each for something of the next.
#[derive(Serialize)]
struct DeadlockRecord {
    /// Process and thread.
    threads: Vec<(i32, i32)>,
    will_end: bool,
}

/// Characters of a cell.
const CELL_MAX: usize = 50;

/// Prints what there is, again and again.
pub(super) fn run(args: &TopArgs) -> Result<(), Failure> {
    let mut inspector = Inspector::new()?;
    let (mut rates, mut known) = (Rates::default(), Known::default());
    let mut left = args.count;
    loop {
        let begun = Instant::now();
        let look = Look::of(inspector.look()?, &mut rates, &mut known);
        match args.json {
            true => output::print_json(&record(&look, &args.filter))?,
            false => output::print(&tables(&look, args)?)?,
        }
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return Ok(());
        }
        thread::sleep(args.interval.saturating_sub(begun.elapsed()));
    }
}

fn record<'a>(look: &'a Look, filter: &str) -> Record<'a> {
    Record {
        time: text::rfc3339(SystemTime::now()),
        objects: chosen(&look.objects, filter).map(object).collect(),
        processes: chosen(&look.processes, filter).map(process).collect(),
        waits: chosen(&look.waits, filter).map(wait).collect(),
        deadlocks: (0..look.rings.len())
            .map(|ring| deadlock(look, ring))
            .collect(),
    }
}

/// The lines that a filter lets through, in the usual order.
fn chosen<'a, L: Columns>(lines: &'a [L], filter: &str) -> impl Iterator<Item = &'a L> {
    let mut list = List::default();
    filter.clone_into(&mut list.filter);
    list.settle(lines);
    let shown: Vec<&L> = list
        .on_screen(lines.len(), lines)
        .map(|(_, line)| line)
        .collect();
    shown.into_iter()
}

fn object(object: &Object) -> ObjectRecord<'_> {
    ObjectRecord {
        object: object.entry.as_ref().map(ls::record),
        rates: object.rate.map(|rate| RatesRecord {
            bytes_in: rate.bytes_in,
            bytes_out: rate.bytes_out,
            messages: rate.messages,
        }),
    }
}

fn process(process: &Process) -> ProcessRecord<'_> {
    ProcessRecord {
        pid: process.key.0,
        parent: process.parent,
        program: &process.program,
        command: &process.command,
        user: &process.user,
        threads: process.threads,
        handles: process.handles,
        objects: process.objects,
        owns: process.owns,
        waits: process.waits,
        deadlocked: process.is_stuck,
        suspended: process.is_suspended,
        memory_bytes: process.memory,
        load: process.load,
    }
}

fn wait(wait: &Wait) -> WaitRecord<'_> {
    WaitRecord {
        pid: wait.key.0,
        tid: wait.key.1,
        program: &wait.program,
        waits_for: &wait.target,
        held_by: Some(&*wait.held_by).filter(|who| *who != "-"),
        waited_ms: wait.waited.as_millis(),
        has_deadline: wait.has_deadline,
        deadlock: wait.ring.map(|(ring, _)| ring),
    }
}

fn deadlock(look: &Look, ring: usize) -> DeadlockRecord {
    let mut members: Vec<(usize, (i32, i32))> = look
        .waits
        .iter()
        .filter_map(|wait| wait.ring.map(|(own, place)| (own, place, wait.key)))
        .filter(|(own, _, _)| *own == ring)
        .map(|(_, place, key)| (place, key))
        .collect();
    members.sort_unstable();
    DeadlockRecord {
        threads: members.into_iter().map(|(_, key)| key).collect(),
        will_end: look.rings[ring].will_end,
    }
}

/// One line about the look, and a table for each list that has lines; of a view that was asked for also an empty one.
fn tables(look: &Look, args: &TopArgs) -> Result<String, Failure> {
    let mut text = format!(
        "{}  {}  {}, {}, {}",
        text::rfc3339(SystemTime::now()),
        super::place()?,
        text::count(look.objects.len() as u64, "object"),
        processes(look.processes.len()),
        text::count(look.waits.len() as u64, "wait"),
    );
    for ring in &look.rings {
        let end = if ring.will_end {
            "until a time-out"
        } else {
            "for ever"
        };
        text.push_str(&format!("\ndeadlock of {} {end}: {}", ring.len, ring.story));
    }
    text.push('\n');
    match args.view {
        Some(Pane::Objects) => text.push_str(&table(&look.objects, &args.filter)),
        Some(Pane::Processes) => text.push_str(&table(&look.processes, &args.filter)),
        Some(Pane::Waits) => text.push_str(&table(&look.waits, &args.filter)),
        None => {
            text.push_str(&table(&look.objects, &args.filter));
            text.push_str(&table(&look.processes, &args.filter));
            text.push_str(&table(&look.waits, &args.filter));
        }
    }
    text.push('\n');
    Ok(text)
}

fn processes(count: usize) -> String {
    match count {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    }
}

/// No more of a text than a line has room for; `--json` has all of it.
fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CELL_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A table of all columns, each as wide as it must be; nothing if there are no lines.
fn table<L: Columns>(lines: &[L], filter: &str) -> String {
    let lines: Vec<&L> = chosen(lines, filter).collect();
    if lines.is_empty() {
        return String::new();
    }
    let columns = L::COLUMNS;
    let mut rows = vec![columns.iter().map(|it| it.title.to_owned()).collect()];
    for line in lines {
        let cells = (0..columns.len()).map(|column| short(line.cell(column).0));
        rows.push(cells.collect::<Vec<_>>());
    }
    let width = |column: usize| {
        let widths = rows
            .iter()
            .map(|row| unicode_width::UnicodeWidthStr::width(&*row[column]));
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::from("\n");
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let own = unicode_width::UnicodeWidthStr::width(&**cell);
            let blanks = " ".repeat(widths[column] - own);
            let separator = if column == 0 { "" } else { "  " };
            match columns[column].is_number {
                true => line.push_str(&format!("{separator}{blanks}{cell}")),
                false => line.push_str(&format!("{separator}{cell}{blanks}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
