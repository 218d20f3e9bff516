//! `tong ls`: the objects of the namespace.
//!
//! What cannot be seen from here (another user's process, another container) is shown as `?`, in JSON as `null`.

use super::{note, pipe};
use crate::args::LsArgs;
use crate::exit::Failure;
use crate::{output, text};
use anstyle::{Effects, Style};
use comfy_table::{presets, CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use std::time::{Duration, SystemTime};
use tong::namespace::{About, Entry, Namespace, State, ThreadId};
use tong::Reset;

const HEADER: [&str; 7] = [
    "KIND", "NAME", "STATE", "OWNER", "WAITERS", "OPEN IN", "AGE",
];

/// The fewest columns that a table is fitted into.
const WIDTH_MIN: u16 = 40;

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
    holders: &'a [i32],
    #[serde(flatten)]
    about: Details<'a>,
}

/// What only objects of one kind have.
#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Mailslot {
        max_message_bytes: u32,
        quota_bytes: u64,
        /// `null` is for ever.
        read_timeout_ms: Option<u128>,
        messages: Option<u64>,
        bytes: Option<u64>,
        writers: &'a [i32],
    },
    Pipe(pipe::ls::Details),
    Event {
        reset: &'static str,
        signaled: bool,
        waiters: Vec<Waiter>,
    },
    Mutex {
        signaled: bool,
        owner_tid: Option<i32>,
        /// How often the owner has acquired it.
        times: u64,
        abandoned: bool,
        waiters: Vec<Waiter>,
    },
    Semaphore {
        signaled: bool,
        count: u32,
        maximum: u32,
        waiters: Vec<Waiter>,
    },
    Timer {
        reset: &'static str,
        signaled: bool,
        /// `null` for an inactive timer.
        due_in_ms: Option<u128>,
        /// `null` if it is due once.
        period_ms: Option<u128>,
        waiters: Vec<Waiter>,
    },
    Unknown {},
}

/// A thread that waits.
#[derive(Serialize)]
struct Waiter {
    pid: i32,
    tid: i32,
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
    let rows: Vec<_> = entries.iter().map(row).collect();
    output::print(&format!("{}\n", table(&HEADER, &rows, &[6])))
}

/// The JSON form of an object.
pub(super) fn record(entry: &Entry) -> Record<'_> {
    Record {
        kind: entry.kind,
        name: &entry.name,
        state: match entry.state {
            State::Live => "live",
            State::Dead => "dead",
            _ => "?",
        },
        uid: entry.uid,
        owner_pid: entry.owner_pid,
        program: entry.program.as_deref(),
        created: text::rfc3339(entry.created),
        holders: &entry.holders,
        about: details(&entry.about),
    }
}

fn details(about: &About) -> Details<'_> {
    let ms = |time: &Option<Duration>| time.map(|time| time.as_millis());
    match about {
        About::Mailslot {
            max_message_len,
            quota_bytes,
            read_timeout,
            messages,
            bytes,
            writers,
        } => Details::Mailslot {
            max_message_bytes: *max_message_len,
            quota_bytes: *quota_bytes,
            read_timeout_ms: ms(read_timeout),
            messages: *messages,
            bytes: *bytes,
            writers,
        },
        About::Event {
            reset,
            signaled,
            waiters,
        } => Details::Event {
            reset: reset_word(*reset),
            signaled: *signaled,
            waiters: threads(waiters),
        },
        About::Mutex {
            owner,
            times,
            abandoned,
            waiters,
        } => Details::Mutex {
            signaled: owner.is_none(),
            owner_tid: owner.map(|owner| owner.tid),
            times: *times,
            abandoned: *abandoned,
            waiters: threads(waiters),
        },
        About::Semaphore {
            count,
            maximum,
            waiters,
        } => Details::Semaphore {
            signaled: *count > 0,
            count: *count,
            maximum: *maximum,
            waiters: threads(waiters),
        },
        About::Timer {
            reset,
            signaled,
            due_in,
            period,
            waiters,
        } => Details::Timer {
            reset: reset_word(*reset),
            signaled: *signaled,
            due_in_ms: ms(due_in),
            period_ms: ms(period),
            waiters: threads(waiters),
        },
        other => pipe::ls::details(other).map_or(Details::Unknown {}, Details::Pipe),
    }
}

fn reset_word(reset: Reset) -> &'static str {
    match reset {
        Reset::Auto => "auto",
        Reset::Manual => "manual",
    }
}

fn threads(threads: &[ThreadId]) -> Vec<Waiter> {
    let waiter = |thread: &ThreadId| Waiter {
        pid: thread.pid,
        tid: thread.tid,
    };
    threads.iter().map(waiter).collect()
}

/// A table with a bold head; the columns of `numbers` are aligned to the right.
pub(crate) fn table<const N: usize>(
    header: &[&str; N],
    rows: &[[String; N]],
    numbers: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    // A terminal that does not know its size says 0; lines that are broken at every letter help nobody.
    if table.width().is_none_or(|width| width >= WIDTH_MIN) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for index in numbers {
        if let Some(column) = table.column_mut(*index) {
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

fn row(entry: &Entry) -> [String; 7] {
    let age = SystemTime::now()
        .duration_since(entry.created)
        .unwrap_or_default();
    [
        entry.kind.to_owned(),
        shown(&entry.name),
        state(entry),
        owner(entry),
        waiters(entry),
        holders(entry),
        text::age(age),
    ]
}

/// Text that somebody else made up, so that it cannot move the cursor.
pub(super) fn shown(text: &str) -> String {
    text::line(text.as_bytes())
}

/// The state in a few words.
pub(super) fn state(entry: &Entry) -> String {
    if entry.state == State::Dead {
        return "dead".to_owned();
    }
    match &entry.about {
        About::Mailslot {
            messages: Some(messages),
            bytes: Some(bytes),
            ..
        } => format!(
            "{}, {}",
            text::count(*messages, "message"),
            text::count(*bytes, "byte")
        ),
        About::Event { signaled, .. } => signaled_text(*signaled).to_owned(),
        About::Mutex { owner: Some(_), .. } => "owned".to_owned(),
        About::Mutex {
            abandoned: true, ..
        } => "abandoned".to_owned(),
        About::Mutex { .. } => "free".to_owned(),
        About::Semaphore { count, maximum, .. } => format!("{count} of {maximum}"),
        About::Timer {
            signaled,
            due_in,
            period,
            ..
        } => timer_text(*signaled, *due_in, *period),
        other => pipe::ls::state(other).unwrap_or_else(|| "?".to_owned()),
    }
}

fn signaled_text(signaled: bool) -> &'static str {
    if signaled {
        "signaled"
    } else {
        "not signaled"
    }
}

fn timer_text(signaled: bool, due_in: Option<Duration>, period: Option<Duration>) -> String {
    let mut text = match (signaled, due_in) {
        (false, None) => return "inactive".to_owned(),
        (true, _) => "signaled".to_owned(),
        (false, Some(due_in)) => format!("due in {}", text::span(due_in)),
    };
    if let Some(period) = period {
        text.push_str(&format!(", every {}", text::span(period)));
    }
    text
}

/// Who owns or serves it: process, for a mutex also the thread, and program.
pub(super) fn owner(entry: &Entry) -> String {
    let thread = match &entry.about {
        About::Mailslot { .. } | About::Pipe { .. } => String::new(),
        About::Mutex {
            owner: Some(owner), ..
        } => format!("/{}", owner.tid),
        _ => return "-".to_owned(),
    };
    let program = entry.program.as_deref().map_or("?".to_owned(), shown);
    format!("{}{thread} {program}", or_unknown(entry.owner_pid))
}

/// How many threads wait, and of which processes.
pub(super) fn waiters(entry: &Entry) -> String {
    match entry.about.waiters() {
        None if matches!(entry.about, About::Mailslot { .. } | About::Pipe { .. }) => {
            "-".to_owned()
        }
        None => "?".to_owned(),
        Some([]) => "-".to_owned(),
        Some(waiters) => {
            let mut ids: Vec<i32> = waiters.iter().map(|thread| thread.pid).collect();
            ids.sort_unstable();
            ids.dedup();
            format!("{}: {}", waiters.len(), pids(&ids))
        }
    }
}

/// The processes that have it open, in words.
pub(super) fn holders(entry: &Entry) -> String {
    pids(&all_holders(entry))
}

/// The processes that have it open, each once.
pub(super) fn all_holders(entry: &Entry) -> Vec<i32> {
    let mut all = entry.holders.clone();
    if let About::Mailslot { writers, .. } = &entry.about {
        all.extend(writers);
    }
    if let Some([servers, clients]) = pipe::ls::processes(&entry.about) {
        all.extend(servers);
        all.extend(clients);
    }
    all.sort_unstable();
    all.dedup();
    all
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
