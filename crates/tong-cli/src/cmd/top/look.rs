//! A look at the namespace, as rows: what there is, and how fast things go since the look before.
//!
//! Everything that others made up (names, programs) is visible text from here on.

use super::super::ls;
use super::known::{self, Known};
use super::rates::{Rate, Rates};
use super::waits::{thread, Ring, Wait};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use tong::inspect::{User, View};
use tong::namespace::{About, Entry, InstanceState, PipeInstance, State, ThreadId};

/// What there was at one moment.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) objects: Vec<Object>,
    pub(super) processes: Vec<Process>,
    pub(super) waits: Vec<Wait>,
    pub(super) rings: Vec<Ring>,
}

/// Which object it is, from one look to the next: kind, full name, and when it was made.
pub(super) type ObjectKey = (&'static str, String, SystemTime);
/// Which process it is: its id, and when it started, because ids are given out again.
pub(super) type ProcessKey = (u32, Duration);
/// Which thread it is: process and thread.
pub(super) type ThreadKey = (i32, i32);

/// A named object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) key: ObjectKey,
    pub(super) entry: Option<Entry>,
    /// Without what says the kind once more.
    pub(super) short: String,
    pub(super) state: String,
    pub(super) mood: Mood,
    pub(super) owner: String,
    pub(super) owner_pid: Option<i32>,
    /// `None` if that cannot be seen, or nobody waits for such objects.
    pub(super) waiters: Option<usize>,
    /// Bytes that are unread; `None` if that cannot be seen.
    pub(super) queued: Option<u64>,
    pub(super) carries: bool,
    pub(super) rate: Option<Rate>,
    pub(super) holders: usize,
}

/// What is worth a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Usual,
    /// Signaled, in use, busy.
    Lively,
    /// Somebody died over it.
    Broken,
}

/// A process that uses tong.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) key: ProcessKey,
    pub(super) parent: u32,
    pub(super) program: String,
    /// The program and its arguments.
    pub(super) command: String,
    pub(super) threads: u32,
    pub(super) handles: Option<u32>,
    /// How many named objects it has open.
    pub(super) objects: usize,
    /// How many mutexes it owns.
    pub(super) owns: usize,
    /// How many of its threads wait.
    pub(super) waits: usize,
    pub(super) is_stuck: bool,
    pub(super) user: String,
    /// Bytes of it that are in memory.
    pub(super) memory: u64,
    /// The part of a processor that it takes; known from the second look on.
    pub(super) load: Option<f64>,
    pub(super) is_suspended: bool,
    /// How long ago it started.
    pub(super) age: Option<Duration>,
}

impl Look {
    /// Turns a view into rows.
    pub(super) fn of(view: View, rates: &mut Rates, known: &mut Known) -> Look {
        let (waits, rings) = super::waits::of(&view);
        rates.begin(view.taken);
        let counts = Counts::of(&view.objects, &waits);
        let up = up_time();
        let process = |user: &User| {
            let listed = &user.process;
            let key = (listed.pid, listed.started);
            Process {
                user: known.user(listed.uid),
                command: known.command(listed),
                load: rates.load(key, listed.processor_time),
                age: up.map(|up| up.saturating_sub(listed.started)),
                ..counts.process(user)
            }
        };
        let processes = view.processes.iter().map(process);
        let processes: Vec<Process> = processes.filter(Process::takes_part).collect();
        // All of them, so that those that are left out are not asked again each time.
        let all = view.processes.iter().map(|user| &user.process);
        known.keep(all.map(|listed| (listed.pid, listed.started)));
        let objects = view.objects.into_iter();
        let objects = objects.map(|entry| Object::of(entry, rates)).collect();
        rates.end();
        Look {
            objects,
            processes,
            waits,
            rings,
        }
    }

    pub(super) fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.iter().find(|object| object.key == *key)
    }

    pub(super) fn process(&self, key: &ProcessKey) -> Option<&Process> {
        self.processes.iter().find(|process| process.key == *key)
    }

    /// The key of a process that is known by its id only.
    pub(super) fn process_key(&self, pid: u32) -> Option<ProcessKey> {
        let same = |process: &&Process| process.key.0 == pid;
        self.processes.iter().find(same).map(|process| process.key)
    }

    /// The program of a process, if it is one that uses tong.
    pub(super) fn program(&self, pid: i32) -> String {
        let same = |process: &&Process| u32::try_from(pid) == Ok(process.key.0);
        let found = self.processes.iter().find(same);
        let other = || u32::try_from(pid).ok().and_then(known::program);
        let program = found.map(|process| process.program.clone()).or_else(other);
        program.unwrap_or_else(|| "?".to_owned())
    }
}

impl Object {
    fn of(entry: Entry, rates: &mut Rates) -> Object {
        let key = (entry.kind, entry.name.clone(), entry.created);
        let (queued, carries) = queued(&entry.about);
        let owner = owner(&entry);
        Object {
            short: short(entry.kind, &entry.name),
            state: state(&entry),
            mood: mood(&entry),
            owner,
            owner_pid: entry.owner_pid,
            waiters: entry.about.waiters().map(<[ThreadId]>::len),
            queued,
            carries,
            rate: carries
                .then(|| rates.note(&key, entry.traffic.as_ref(), queued))
                .flatten(),
            holders: ls::all_holders(&entry).len(),
            key,
            entry: Some(entry),
        }
    }
}

/// The name without what says the kind once more.
pub(super) fn short(kind: &str, name: &str) -> String {
    let prefix = format!(r"\\.\{kind}\");
    let has_it = name
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(&prefix));
    shown(if has_it { &name[prefix.len()..] } else { name })
}

/// Who owns or serves it.
fn owner(entry: &Entry) -> String {
    let owner = match &entry.about {
        About::Mutex {
            owner: Some(owner), ..
        } => thread((owner.pid, owner.tid)),
        About::Mailslot { .. } | About::Pipe { .. } => ls::or_unknown(entry.owner_pid),
        _ => return "-".to_owned(),
    };
    let program = entry.program.as_deref().map_or("?".to_owned(), shown);
    format!("{owner} {program}")
}

/// Text of others in one line, with nothing in it that moves a cursor or turns the direction of writing.
pub(super) fn shown(text: &str) -> String {
    let text = ls::shown(text);
    let is_odd = |character: char| matches!(character, '\t' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if !text.contains(is_odd) {
        return text;
    }
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\t' => safe.push_str(r"\t"),
            _ if is_odd(character) => {
                safe.push_str(&format!(r"\u{{{:x}}}", u32::from(character)));
            }
            _ => safe.push(character),
        }
    }
    safe
}

/// The state in a few words. What is queued has a column of its own.
fn state(entry: &Entry) -> String {
    match &entry.about {
        About::Mailslot {
            messages: Some(messages),
            ..
        } if entry.state != State::Dead => crate::text::count(*messages, "message"),
        _ => ls::state(entry),
    }
}

fn mood(entry: &Entry) -> Mood {
    if entry.state == State::Dead {
        return Mood::Broken;
    }
    match &entry.about {
        About::Mutex {
            abandoned: true, ..
        } => Mood::Broken,
        About::Mutex { owner: Some(_), .. }
        | About::Event { signaled: true, .. }
        | About::Timer { signaled: true, .. } => Mood::Lively,
        About::Semaphore { count, .. } if *count > 0 => Mood::Lively,
        About::Mailslot {
            messages: Some(1..),
            ..
        } => Mood::Lively,
        About::Pipe { instances, .. }
            if instances
                .iter()
                .any(|it| it.state != InstanceState::Listening) =>
        {
            Mood::Lively
        }
        _ => Mood::Usual,
    }
}

/// The bytes that are unread, and whether an object of this kind carries any.
fn queued(about: &About) -> (Option<u64>, bool) {
    match about {
        About::Mailslot { bytes, .. } => (*bytes, true),
        About::Pipe { instances, .. } => (instances.iter().map(unread).sum(), true),
        _ => (None, false),
    }
}

/// The unread bytes of an instance, both ways. Nothing is unread where nobody is.
fn unread(instance: &PipeInstance) -> Option<u64> {
    match instance.state {
        InstanceState::Listening | InstanceState::Disconnected => Some(0),
        _ => Some(instance.queued_in? + instance.queued_out?),
    }
}

/// What the processes have to do with objects and waits, counted once for all of them.
#[derive(Debug, Default)]
struct Counts {
    objects: HashMap<i32, usize>,
    owns: HashMap<i32, usize>,
    waits: HashMap<i32, (usize, bool)>,
}

impl Counts {
    fn of(objects: &[Entry], waits: &[Wait]) -> Counts {
        let mut counts = Counts::default();
        for entry in objects {
            for pid in ls::all_holders(entry) {
                *counts.objects.entry(pid).or_default() += 1;
            }
            if let About::Mutex {
                owner: Some(owner), ..
            } = &entry.about
            {
                *counts.owns.entry(owner.pid).or_default() += 1;
            }
        }
        for wait in waits {
            let (count, is_stuck) = counts.waits.entry(wait.key.0).or_default();
            *count += 1;
            *is_stuck |= wait.ring.is_some();
        }
        counts
    }

    fn process(&self, user: &User) -> Process {
        let listed = &user.process;
        let pid = i32::try_from(listed.pid).unwrap_or(-1);
        let (waits, is_stuck) = self.waits.get(&pid).copied().unwrap_or_default();
        Process {
            key: (listed.pid, listed.started),
            parent: listed.parent,
            program: shown(&listed.program),
            command: String::new(),
            threads: listed.threads,
            handles: user.handles,
            objects: self.objects.get(&pid).copied().unwrap_or(0),
            owns: self.owns.get(&pid).copied().unwrap_or(0),
            waits,
            is_stuck,
            user: String::new(),
            memory: listed.memory,
            load: None,
            is_suspended: listed.state == tong::process::list::State::Stopped,
            age: None,
        }
    }
}

impl Process {
    /// Processes that use tong elsewhere, in another namespace, would only be in the way here.
    fn takes_part(&self) -> bool {
        self.objects > 0 || self.waits > 0 || self.handles.is_some_and(|count| count > 0)
    }
}

/// For how long the machine has been up.
fn up_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
