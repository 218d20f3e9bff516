//! `tong mailslot info`: the state of one mailslot, seen from outside.

use super::ls::{or_unknown, pids, record};
use super::mailslot_name;
use crate::args::InfoArgs;
use crate::exit::Failure;
use crate::{output, text};
use std::time::{Duration, SystemTime};
use tong::namespace::{Entry, Namespace, State};
use tong::{Error, ErrorKind, MailslotName};

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let name = mailslot_name(&args.name)?;
    let entries = Namespace::current()?.list()?;
    let found = entries.iter().find(|entry| is_live_mailslot(entry, &name));
    let entry =
        found.ok_or_else(|| Error::new("look at mailslot", ErrorKind::NotFound).on(name.full()))?;
    if args.json {
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
    let largest = match entry.max_message_len {
        0 => "any size".to_owned(),
        bytes => text::count(bytes.into(), "byte"),
    };
    let timeout = match entry.read_timeout {
        None => "waits for ever".to_owned(),
        Some(Duration::ZERO) => "never waits".to_owned(),
        Some(timeout) => format!("waits {} ms at most", timeout.as_millis()),
    };
    let quota = format!("{} for each writer", text::count(entry.quota_bytes, "byte"));
    let program = entry.program.as_deref().unwrap_or("unknown program");
    let unread = match (entry.messages, entry.bytes) {
        (Some(messages), Some(bytes)) => {
            format!(
                "{} ({} with headers)",
                text::count(messages, "message"),
                text::count(bytes, "byte")
            )
        }
        _ => "? (the queues cannot be seen from here)".to_owned(),
    };
    let lines = [
        ("name", entry.name.clone()),
        (
            "owner",
            format!(
                "process {} ({program}) of user {}",
                or_unknown(entry.owner_pid),
                entry.uid
            ),
        ),
        (
            "created",
            format!("{} ({} ago)", text::rfc3339(entry.created), text::age(age)),
        ),
        ("largest message", largest),
        ("quota", quota),
        ("a read", timeout),
        ("unread", unread),
        ("writers", pids(&entry.writers)),
    ];
    let line =
        |(label, value): &(&str, String)| format!("{label:<16} {}\n", text::line(value.as_bytes()));
    lines.iter().map(line).collect()
}
