//! The processes that use the namespace: whether they stand in each other's way.

use super::finding::Finding;
use std::collections::BTreeSet;
use tong::inspect::{Deadlock, Inspector, View};
use tong::namespace::{About, Entry};
use tong::process::list::State;
use tong::Namespace;

const GROUP: &str = "namespace";

pub(super) fn check() -> Vec<Finding> {
    // What keeps it from looking was found before.
    let look = Namespace::current().and_then(|namespace| Inspector::of(namespace).look());
    let Ok(view) = look else {
        return Vec::new();
    };
    let mut findings = vec![deadlocks(&view)];
    findings.extend(stopped(&view));
    findings
}

fn deadlocks(view: &View) -> Finding {
    const CHECK: &str = "deadlocks";
    let deadlocks = view.deadlocks();
    let rings: Vec<String> = deadlocks.iter().map(|ring| members(view, ring)).collect();
    if rings.is_empty() {
        return Finding::ok(GROUP, CHECK, "none");
    }
    let found = format!("these wait for each other: {}", rings.join("; "));
    Finding::warning(GROUP, CHECK, found)
        .advise("tong graph shows on what; tong kp PID ends one of them, which frees the others")
}

/// The processes in a ring, each once.
fn members(view: &View, deadlock: &Deadlock) -> String {
    let waits = deadlock
        .ring
        .iter()
        .filter_map(|index| view.waits.get(*index));
    let mut pids: Vec<i32> = Vec::new();
    for wait in waits {
        if !pids.contains(&wait.thread.pid) {
            pids.push(wait.thread.pid);
        }
    }
    pids.iter()
        .map(|pid| with_program(view, *pid))
        .collect::<Vec<_>>()
        .join(", ")
}

fn with_program(view: &View, pid: i32) -> String {
    let mut users = view.processes.iter();
    let user = users.find(|user| i32::try_from(user.process.pid) == Ok(pid));
    user.map_or(pid.to_string(), |user| {
        format!("{pid} {}", user.process.program)
    })
}

/// A stopped process keeps what it owns, and nobody is told.
fn stopped(view: &View) -> Option<Finding> {
    const CHECK: &str = "stopped processes";
    let mut here: BTreeSet<i32> = view.waits.iter().map(|wait| wait.thread.pid).collect();
    here.extend(view.objects.iter().flat_map(users));
    let is_stopped = |pid: &i32| {
        let mut users = view.processes.iter();
        users.any(|user| {
            i32::try_from(user.process.pid) == Ok(*pid) && user.process.state == State::Stopped
        })
    };
    here.retain(is_stopped);
    if here.is_empty() {
        return None;
    }
    let names: Vec<String> = here.iter().map(|pid| with_program(view, *pid)).collect();
    let pids: Vec<String> = here.iter().map(i32::to_string).collect();
    let found = format!("{}: what they own, others wait for", names.join(", "));
    Some(Finding::warning(GROUP, CHECK, found).advise(format!("kill -CONT {}", pids.join(" "))))
}

/// The processes that have an object open.
fn users(entry: &Entry) -> Vec<i32> {
    let mut pids = entry.holders.clone();
    match &entry.about {
        About::Mailslot { writers, .. } => pids.extend(writers),
        About::Pipe { instances, .. } => {
            for instance in instances {
                pids.push(instance.server_pid);
                pids.extend(instance.client_pid);
            }
        }
        _ => {}
    }
    pids
}
