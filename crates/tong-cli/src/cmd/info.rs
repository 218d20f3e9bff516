//! `tong mailslot info`, `tong event info` and so on: the state of one object, seen from outside.

use super::ls::{holders, or_unknown, owner, pids, record, shown, state, waiters};
use super::{mailslot_name, object_name};
use crate::args::{InfoArgs, LookArgs};
use crate::exit::Failure;
use crate::{output, text};
use std::time::{Duration, SystemTime};
use tong::namespace::{About, Entry, Namespace, State};
use tong::{Error, ErrorKind, MailslotName, Reset};

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let name = mailslot_name(&args.name)?;
    let entries = Namespace::current()?.list()?;
    let found = entries.iter().find(|entry| is_live_mailslot(entry, &name));
    let entry =
        found.ok_or_else(|| Error::new("look at mailslot", ErrorKind::NotFound).on(name.full()))?;
    show(entry, args.json)
}

/// Shows the event, mutex, semaphore or timer of that name.
pub(super) fn object(kind: &str, args: &LookArgs) -> Result<(), Failure> {
    let name = object_name(&args.name)?;
    let failed = |kind| Error::new("look at object", kind).on(name.as_str());
    let entries = Namespace::current()?.list()?;
    let is_it = |entry: &&Entry| {
        entry.kind != "mailslot" && entry.state == State::Live && entry.name == name.as_str()
    };
    let entry = entries.iter().find(is_it);
    let entry = entry.ok_or_else(|| failed(ErrorKind::NotFound))?;
    if entry.kind != kind && !matches!(entry.about, About::Unknown) {
        let why = format!(
            "the name belongs to an object of another kind: {}",
            entry.kind
        );
        return Err(failed(ErrorKind::WrongKind).because(why).into());
    }
    show(entry, args.json)
}

fn show(entry: &Entry, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::print_json(&record(entry));
    }
    output::print(&describe(entry))
}

fn is_live_mailslot(entry: &Entry, name: &MailslotName) -> bool {
    let is_live = entry.kind == "mailslot" && entry.state == State::Live;
    is_live && MailslotName::parse(&entry.name).is_ok_and(|own| own == *name)
}

/// A line for each thing that is known.
fn describe(entry: &Entry) -> String {
    let age = SystemTime::now()
        .duration_since(entry.created)
        .unwrap_or_default();
    let mut lines = vec![
        ("name", entry.name.clone()),
        ("kind", entry.kind.to_owned()),
        (
            "created",
            format!(
                "{} ({} ago) by user {}",
                text::rfc3339(entry.created),
                text::age(age),
                entry.uid
            ),
        ),
        ("state", state(entry)),
    ];
    lines.extend(details(entry));
    if entry.about.waiters().is_some() {
        lines.push(("waiters", waiters(entry)));
    }
    lines.push(("open in", holders(entry)));
    let line = |(label, value): &(&str, String)| format!("{label:<16} {}\n", shown(value));
    lines.iter().map(line).collect()
}

/// What only objects of its kind have.
fn details(entry: &Entry) -> Vec<(&'static str, String)> {
    match &entry.about {
        About::Mailslot { .. } => mailslot(entry),
        About::Event { reset, .. } => vec![("reset", reset_text(*reset))],
        About::Mutex { times, .. } => vec![
            ("owner", owner(entry)),
            ("acquired", text::count(*times, "time")),
        ],
        About::Timer { reset, .. } => vec![("reset", reset_text(*reset))],
        _ => Vec::new(),
    }
}

fn reset_text(reset: Reset) -> String {
    let text = match reset {
        Reset::Auto => "auto: a signal releases one wait",
        Reset::Manual => "manual: a signal releases all waits, and stays",
    };
    text.to_owned()
}

fn mailslot(entry: &Entry) -> Vec<(&'static str, String)> {
    let About::Mailslot {
        max_message_len,
        quota_bytes,
        read_timeout,
        messages,
        bytes,
        writers,
    } = &entry.about
    else {
        return Vec::new();
    };
    let largest = match max_message_len {
        0 => "any size".to_owned(),
        bytes => text::count((*bytes).into(), "byte"),
    };
    let timeout = match read_timeout {
        None => "waits for ever".to_owned(),
        Some(Duration::ZERO) => "never waits".to_owned(),
        Some(timeout) => format!("waits {} ms at most", timeout.as_millis()),
    };
    let program = entry.program.as_deref().unwrap_or("unknown program");
    let unread = match (messages, bytes) {
        (Some(messages), Some(bytes)) => format!(
            "{} ({} with headers)",
            text::count(*messages, "message"),
            text::count(*bytes, "byte")
        ),
        _ => "? (the queues cannot be seen from here)".to_owned(),
    };
    let server = format!("process {} ({program})", or_unknown(entry.owner_pid));
    let quota = format!("{} for each writer", text::count(*quota_bytes, "byte"));
    vec![
        ("owner", server),
        ("largest message", largest),
        ("quota", quota),
        ("a read", timeout),
        ("unread", unread),
        ("writers", pids(writers)),
    ]
}
