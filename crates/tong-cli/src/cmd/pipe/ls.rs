//! `tong pipe ls` and `tong pipe info`: the pipes, seen from outside.
//!
//! An instance is in use if no client can open it at the moment: one is connected, or its server has not yet put away the
//! last.

use super::super::ls::{holders, or_unknown, pids, record, shown, table};
use super::super::{note, pipe_name};
use crate::args::{PipeInfoArgs, PipeLsArgs};
use crate::exit::Failure;
use crate::{output, text};
use serde::Serialize;
use std::fs;
use std::time::SystemTime;
use tong::namespace::{About, Entry, InstanceState, Namespace, PipeInstance, State};
use tong::pipe::{Direction, PipeType};
use tong::{Error, ErrorKind, PipeName};

const HEADER: [&str; 8] = [
    "NAME",
    "IN USE",
    "MAX",
    "TYPE",
    "DIRECTION",
    "UNREAD",
    "SERVERS",
    "CLIENTS",
];
const INSTANCE_HEADER: [&str; 6] = [
    "INSTANCE",
    "STATE",
    "SERVER",
    "CLIENT",
    "UNREAD IN",
    "UNREAD OUT",
];

/// What only pipes have, as `--json` prints it.
#[derive(Serialize)]
pub(in crate::cmd) struct Details {
    r#type: &'static str,
    direction: &'static str,
    in_use: usize,
    instance_count: usize,
    /// `null` for any number.
    max_instances: Option<u32>,
    default_timeout_ms: u128,
    /// Unread bytes of all instances, `null` if they cannot be seen.
    queued_in: Option<u64>,
    queued_out: Option<u64>,
    instances: Vec<Instance>,
}

/// An instance, as `--json` prints it.
#[derive(Serialize)]
struct Instance {
    number: u32,
    state: &'static str,
    server_pid: i32,
    client_pid: Option<i32>,
    in_quota: u32,
    out_quota: u32,
    queued_in: Option<u64>,
    queued_out: Option<u64>,
}

pub(super) fn run(args: &PipeLsArgs) -> Result<(), Failure> {
    let pipes = list()?;
    if args.json {
        return pipes
            .iter()
            .map(record)
            .try_for_each(|record| output::print_json(&record));
    }
    let rows: Vec<_> = pipes.iter().filter_map(row).collect();
    if rows.is_empty() {
        note(false, "no pipes");
        return Ok(());
    }
    output::print(&format!("{}\n", table(&HEADER, &rows, &[])))
}

/// Shows one pipe.
pub(super) fn info(args: &PipeInfoArgs) -> Result<(), Failure> {
    let name = pipe_name(&args.name)?;
    let is_it = |entry: &&Entry| {
        entry.state == State::Live && PipeName::parse(&entry.name).is_ok_and(|own| own == name)
    };
    let pipes = list()?;
    let missing = || Error::new("look at pipe", ErrorKind::NotFound).on(name.full());
    let entry = pipes.iter().find(is_it).ok_or_else(missing)?;
    if args.json {
        return output::print_json(&record(entry));
    }
    output::print(&describe(entry))
}

fn list() -> Result<Vec<Entry>, Failure> {
    let mut entries = Namespace::current()?.list()?;
    entries.retain(|entry| entry.kind == "pipe");
    Ok(entries)
}

/// What only pipes have.
pub(in crate::cmd) fn details(about: &About) -> Option<Details> {
    let About::Pipe {
        pipe_type,
        direction,
        max_instances,
        default_timeout,
        instances,
    } = about
    else {
        return None;
    };
    let total = |of: fn(&PipeInstance) -> Option<u64>| instances.iter().map(of).sum();
    Some(Details {
        r#type: match pipe_type {
            PipeType::Byte => "byte",
            PipeType::Message => "message",
        },
        direction: match direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Duplex => "duplex",
        },
        in_use: instances.iter().filter(|it| is_used(it)).count(),
        instance_count: instances.len(),
        max_instances: *max_instances,
        default_timeout_ms: default_timeout.as_millis(),
        queued_in: total(|it| seen(it, it.queued_in)),
        queued_out: total(|it| seen(it, it.queued_out)),
        instances: instances.iter().map(instance).collect(),
    })
}

fn is_used(instance: &PipeInstance) -> bool {
    instance.state != InstanceState::Listening
}

/// Nothing is queued where nobody is; elsewhere it may be impossible to see.
fn seen(instance: &PipeInstance, queued: Option<u64>) -> Option<u64> {
    match instance.state {
        InstanceState::Listening | InstanceState::Disconnected => Some(queued.unwrap_or(0)),
        _ => queued,
    }
}

fn instance(instance: &PipeInstance) -> Instance {
    Instance {
        number: instance.slot,
        state: match instance.state {
            InstanceState::Listening => "listening",
            InstanceState::Connected => "connected",
            InstanceState::Closing => "closing",
            InstanceState::Disconnected => "disconnected",
            _ => "?",
        },
        server_pid: instance.server_pid,
        client_pid: instance.client_pid,
        in_quota: instance.in_quota,
        out_quota: instance.out_quota,
        queued_in: seen(instance, instance.queued_in),
        queued_out: seen(instance, instance.queued_out),
    }
}

/// How many instances are in use, and of how many.
pub(in crate::cmd) fn state(about: &About) -> Option<String> {
    let details = details(about)?;
    Some(format!(
        "{} of {} in use",
        details.in_use, details.instance_count
    ))
}

/// The processes that serve it and those that have it open, each once.
pub(in crate::cmd) fn processes(about: &About) -> Option<[Vec<i32>; 2]> {
    let About::Pipe { instances, .. } = about else {
        return None;
    };
    let servers = instances.iter().map(|it| it.server_pid).collect();
    let clients = instances.iter().filter_map(|it| it.client_pid).collect();
    Some([servers, clients].map(|mut pids: Vec<i32>| {
        pids.retain(|pid| *pid != 0);
        pids.sort_unstable();
        pids.dedup();
        pids
    }))
}

fn row(entry: &Entry) -> Option<[String; 8]> {
    let details = details(&entry.about)?;
    let [servers, clients] = processes(&entry.about)?;
    let in_use = match entry.state {
        State::Dead => "dead".to_owned(),
        _ => format!("{} of {}", details.in_use, details.instance_count),
    };
    Some([
        shown(&entry.name),
        in_use,
        most(&details),
        details.r#type.to_owned(),
        details.direction.to_owned(),
        format!(
            "{} in, {} out",
            or_unknown(details.queued_in),
            or_unknown(details.queued_out)
        ),
        programs(&servers),
        programs(&clients),
    ])
}

fn most(details: &Details) -> String {
    let most = details.max_instances.map(|most| most.to_string());
    most.unwrap_or_else(|| "any".to_owned())
}

/// Processes and, if it is one, its program.
fn programs(ids: &[i32]) -> String {
    match ids {
        [pid] => process(Some(*pid)),
        ids => pids(ids),
    }
}

/// A process and its program.
fn process(pid: Option<i32>) -> String {
    let Some(pid) = pid else {
        return "-".to_owned();
    };
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{pid} {}", shown(program.trim_end()))
        .trim_end()
        .to_owned()
}

/// A line for each thing that is known, and a table of the instances.
fn describe(entry: &Entry) -> String {
    let Some(details) = details(&entry.about) else {
        return String::new();
    };
    let age = SystemTime::now()
        .duration_since(entry.created)
        .unwrap_or_default();
    let created = format!(
        "{} ({} ago) by user {}",
        text::rfc3339(entry.created),
        text::age(age),
        entry.uid
    );
    let lines = [
        ("name", shown(&entry.name)),
        (
            "kind",
            format!("{} pipe, {}", details.r#type, details.direction),
        ),
        ("created", created),
        (
            "instances",
            format!(
                "{} in use, {} in all, most: {}",
                details.in_use,
                details.instance_count,
                most(&details)
            ),
        ),
        ("default wait", format!("{} ms", details.default_timeout_ms)),
        ("open in", holders(entry)),
    ];
    let line = |(label, value): &(&str, String)| format!("{label:<16} {value}\n");
    let lines: String = lines.iter().map(line).collect();
    let rows: Vec<_> = details.instances.iter().map(instance_row).collect();
    format!("{lines}\n{}\n", table(&INSTANCE_HEADER, &rows, &[]))
}

fn instance_row(instance: &Instance) -> [String; 6] {
    let of = |queued: Option<u64>, quota: u32| format!("{} of {quota}", or_unknown(queued));
    [
        instance.number.to_string(),
        instance.state.to_owned(),
        process(Some(instance.server_pid)),
        process(instance.client_pid),
        of(instance.queued_in, instance.in_quota),
        of(instance.queued_out, instance.out_quota),
    ]
}
