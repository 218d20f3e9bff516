//! `tong ls`: the objects of the namespace.
//!
//! What cannot be seen from here (another user's process, another container) is shown as `?`, in JSON as `null`.

use super::note;
use crate::args::LsArgs;
use crate::exit::Failure;
use crate::{output, text};
use anstyle::{Effects, Style};
use comfy_table::{presets, CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use std::time::SystemTime;
use tong::namespace::{Entry, Namespace, State};

const HEADER: [&str; 8] = [
    "NAME", "STATE", "PID", "PROGRAM", "MESSAGES", "BYTES", "WRITERS", "AGE",
];
/// The columns of numbers, which are aligned to the right.
const NUMBERS: [usize; 4] = [2, 4, 5, 7];

/// An object as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    kind: &'a str,
    name: &'a str,
    state: &'static str,
    uid: u32,
    owner_pid: Option<i32>,
    program: Option<&'a str>,
    created: String,
    max_message_bytes: u32,
    quota_bytes: u64,
    /// `null` is for ever.
    read_timeout_ms: Option<u128>,
    messages: Option<u64>,
    bytes: Option<u64>,
    writers: &'a [i32],
}

pub(crate) fn run(args: &LsArgs) -> Result<(), Failure> {
    let namespace = Namespace::current()?;
    let entries = namespace.list()?;
    if args.json {
        return entries
            .iter()
            .map(record)
            .try_for_each(|record| output::print_json(&record));
    }
    if entries.is_empty() {
        note(
            false,
            &format!("no objects in {}", namespace.root().display()),
        );
        return Ok(());
    }
    output::print(&format!("{}\n", table(&entries)))
}

/// The JSON form of an object.
pub(super) fn record(entry: &Entry) -> Record<'_> {
    Record {
        kind: entry.kind,
        name: &entry.name,
        state: state(entry),
        uid: entry.uid,
        owner_pid: entry.owner_pid,
        program: entry.program.as_deref(),
        created: text::rfc3339(entry.created),
        max_message_bytes: entry.max_message_len,
        quota_bytes: entry.quota_bytes,
        read_timeout_ms: entry.read_timeout.map(|timeout| timeout.as_millis()),
        messages: entry.messages,
        bytes: entry.bytes,
        writers: &entry.writers,
    }
}

fn table(entries: &[Entry]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(HEADER);
    for entry in entries {
        table.add_row(row(entry));
    }
    for index in NUMBERS {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    let text = table.trim_fmt();
    let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
    let bold = Style::new().effects(Effects::BOLD);
    format!("{bold}{header}{bold:#}\n{rows}")
}

fn row(entry: &Entry) -> [String; 8] {
    let age = SystemTime::now()
        .duration_since(entry.created)
        .unwrap_or_default();
    [
        text::line(entry.name.as_bytes()),
        state(entry).to_owned(),
        or_unknown(entry.owner_pid),
        entry
            .program
            .as_ref()
            .map_or("?".to_owned(), |program| text::line(program.as_bytes())),
        or_unknown(entry.messages),
        or_unknown(entry.bytes),
        pids(&entry.writers),
        text::age(age),
    ]
}

fn state(entry: &Entry) -> &'static str {
    match entry.state {
        State::Live => "live",
        State::Dead => "dead",
        _ => "?",
    }
}

/// A number, or a sign that it is not known.
pub(super) fn or_unknown(number: Option<impl ToString>) -> String {
    number.map_or("?".to_owned(), |number| number.to_string())
}

/// Process ids in one word.
pub(super) fn pids(pids: &[i32]) -> String {
    if pids.is_empty() {
        return "-".to_owned();
    }
    pids.iter()
        .map(i32::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
