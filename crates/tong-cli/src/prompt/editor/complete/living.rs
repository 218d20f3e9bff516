//! What lives at the moment: objects and processes.

use super::{beginning_with, Candidate};
use crate::text;
use std::collections::BTreeMap;
use tong::namespace::{Entry, Namespace, Place};
use tong::process::list::{self, Listed};

/// How names of mailslots and pipes begin in full, as Windows and as shells like them.
const PREFIXES: [&str; 2] = [r"\\.\", "//./"];

/// Is it the beginning of a full name?
pub(super) fn is_full_name(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// Mailslots and pipes by their full names, written with the person's slashes.
pub(super) fn full_names(text: &str) -> Vec<Candidate> {
    let has_slashes = text.starts_with('/');
    let all = objects().into_iter();
    let named = all
        .filter(|object| is_full_name(&object.name))
        .map(|object| {
            let name = match has_slashes {
                true => object.name.replace('\\', "/"),
                false => object.name.clone(),
            };
            Candidate::new(name).about(told(&object))
        });
    beginning_with(named.collect(), text)
}

/// The objects of a kind by their short names.
pub(super) fn of_kind(kind: &str, text: &str) -> Vec<Candidate> {
    if is_full_name(text) {
        return full_names(text);
    }
    let all = objects().into_iter();
    let named = all
        .filter(|object| object.kind == kind)
        .map(|object| Candidate::new(short(&object)).about(told(&object)));
    beginning_with(named.collect(), text)
}

/// What `tong wait` can wait for, as it wants it written: `event:ready`, `pid:123`.
pub(super) fn awaited(text: &str) -> Vec<Candidate> {
    if text.starts_with("pid:") {
        let pid = |candidate: Candidate| Candidate {
            text: format!("pid:{}", candidate.text),
            ..candidate
        };
        return beginning_with(pids().into_iter().map(pid).collect(), text);
    }
    let all = objects().into_iter();
    let mut candidates: Vec<Candidate> = all
        .filter(|object| !matches!(object.kind, "pipe" | "object"))
        .map(|object| {
            Candidate::new(format!("{}:{}", object.kind, short(&object))).about(told(&object))
        })
        .collect();
    candidates.push(Candidate {
        goes_on: true,
        ..Candidate::new("pid:").about("a process by its id")
    });
    beginning_with(candidates, text)
}

fn objects() -> Vec<Entry> {
    // Opening a namespace would make it.
    let is_there = Place::current().is_ok_and(|place| place.root.is_dir());
    if !is_there {
        return Vec::new();
    }
    let namespace = Namespace::current();
    let listed = namespace.and_then(|namespace| namespace.list());
    let mut objects = listed.unwrap_or_default();
    // Whoever can type a name can read it without harm.
    objects.retain(|object| !object.name.contains(char::is_control));
    objects
}

/// The name as it is used where the kind is known.
fn short(object: &Entry) -> String {
    let prefix = format!(r"\\.\{}\", object.kind);
    let name = object.name.strip_prefix(&prefix);
    name.unwrap_or(&object.name).to_owned()
}

fn told(object: &Entry) -> String {
    let program = object.program.as_deref().unwrap_or_default();
    match object.owner_pid {
        Some(pid) => format!(
            "{} of {pid} {}",
            object.kind,
            text::line(program.as_bytes())
        ),
        None => object.kind.to_owned(),
    }
}

/// Processes by program and by id: programs for whoever writes letters, ids for whoever writes digits or nothing.
pub(super) fn processes(text: &str) -> Vec<Candidate> {
    let is_id = text.chars().all(|c| c.is_ascii_digit());
    let all = if is_id { pids() } else { programs() };
    beginning_with(all, text)
}

/// Processes by id, the newest first.
pub(super) fn pids() -> Vec<Candidate> {
    let mut listed = listed();
    listed.sort_by_key(|process| std::cmp::Reverse((process.started, process.pid)));
    let candidate = |process: &Listed| {
        let (pid, program) = (process.pid, text::line(process.program.as_bytes()));
        Candidate {
            shown: Some(format!("{pid} {program}")),
            ..Candidate::new(pid.to_string())
        }
    };
    listed.iter().map(candidate).collect()
}

fn programs() -> Vec<Candidate> {
    let mut ids: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for process in listed() {
        ids.entry(process.program).or_default().push(process.pid);
    }
    let candidate = |(program, ids): (String, Vec<u32>)| {
        let about = match ids[..] {
            [id] => format!("process {id}"),
            _ => format!("{} processes", ids.len()),
        };
        Candidate::new(program).about(about)
    };
    let all = ids
        .into_iter()
        .filter(|(program, _)| !program.contains(char::is_control));
    all.map(candidate).collect()
}

/// The processes of this user but this one.
fn listed() -> Vec<Listed> {
    let own = (std::process::id(), nix::unistd::geteuid().as_raw());
    let mut listed = list::processes().unwrap_or_default();
    listed.retain(|process| !process.is_kernel && process.pid != own.0 && process.uid == own.1);
    listed
}
