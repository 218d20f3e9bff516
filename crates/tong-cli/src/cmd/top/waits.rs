//! Who waits for what and whom, as rows and in words.

use super::look::{short, shown, ObjectKey, ThreadKey};
use std::collections::HashMap;
use std::time::Duration;
use tong::inspect::{Awaited, PipeWait, User, View, Waiting};
use tong::namespace::{About, ThreadId};

/// A thread that waits.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) key: ThreadKey,
    pub(super) program: String,
    /// What it waits for, in words.
    pub(super) target: String,
    /// The same things, to go to.
    pub(super) leads_to: Option<Target>,
    /// Who has it.
    pub(super) held_by: String,
    pub(super) waited: Duration,
    pub(super) has_deadline: bool,
    /// The ring that it is part of, and its place in it.
    pub(super) ring: Option<(usize, usize)>,
    /// How many there are in that ring.
    pub(super) ring_len: usize,
}

impl Wait {
    /// All of it in a few words.
    pub(super) fn sentence(&self) -> String {
        let mut text = match self.key {
            (pid, tid) if pid == tid => "first thread".to_owned(),
            (_, tid) => format!("thread {tid}"),
        };
        text.push_str(&format!(" waits for {}", self.target));
        if self.held_by != "-" {
            text.push_str(&format!(" of {}", self.held_by));
        }
        text.push_str(&format!(", since {}", crate::text::span(self.waited)));
        if self.ring.is_some() {
            text.push_str(", in a deadlock");
        }
        text
    }

    /// What joins the lines of a ring.
    pub(super) fn bracket(&self) -> &'static str {
        let len = self.ring_len;
        match self.ring {
            Some((_, 0)) if len > 1 => "┌>",
            Some((_, place)) if place + 1 < len => "│",
            Some(_) if len > 1 => "└<",
            Some(_) => "<>",
            None => "",
        }
    }
}

/// Something to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Object(ObjectKey),
    Process(u32),
}

/// Threads that wait for each other.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) len: usize,
    pub(super) will_end: bool,
    /// Who waits for what of whom, in words.
    pub(super) story: String,
}

/// The waits of a view, and the rings that they form.
pub(super) fn of(view: &View) -> (Vec<Wait>, Vec<Ring>) {
    let rings = view.deadlocks();
    let names = Names::of(view);
    let mut waits: Vec<Wait> = view.waits.iter().map(|it| names.wait(it)).collect();
    for (number, deadlock) in rings.iter().enumerate() {
        for (place, index) in deadlock.ring.iter().enumerate() {
            if let Some(wait) = waits.get_mut(*index) {
                wait.ring = Some((number, place));
                wait.ring_len = deadlock.ring.len();
            }
        }
    }
    let rings = rings.iter().map(|deadlock| Ring {
        len: deadlock.ring.len(),
        will_end: deadlock.will_end,
        story: story(deadlock.ring.iter().filter_map(|at| waits.get(*at))),
    });
    let rings = rings.collect();
    (waits, rings)
}

/// A thread: its process, and which one of it, unless it is the first.
pub(super) fn thread((pid, tid): ThreadKey) -> String {
    match pid == tid {
        true => pid.to_string(),
        false => format!("{pid}/{tid}"),
    }
}

/// What waits are told with.
struct Names<'a> {
    view: &'a View,
    programs: HashMap<u32, String>,
}

impl<'a> Names<'a> {
    fn of(view: &'a View) -> Names<'a> {
        let program = |user: &User| (user.process.pid, shown(&user.process.program));
        Names {
            view,
            programs: view.processes.iter().map(program).collect(),
        }
    }

    fn program(&self, pid: i32) -> String {
        let pid = u32::try_from(pid).unwrap_or(0);
        let known = self.programs.get(&pid).cloned();
        let program = known.or_else(|| super::known::program(pid));
        program.unwrap_or_else(|| "?".to_owned())
    }

    fn thread(&self, thread: ThreadId) -> String {
        let program = self.program(thread.pid);
        format!("{} {program}", self::thread((thread.pid, thread.tid)))
    }

    fn wait(&self, waiting: &Waiting) -> Wait {
        let thread = waiting.thread;
        let mut held_by = Vec::new();
        for awaited in &waiting.awaited {
            held_by.extend(self.holder(awaited));
        }
        Wait {
            key: (thread.pid, thread.tid),
            program: self.program(thread.pid),
            target: self.targets(waiting),
            leads_to: waiting
                .awaited
                .iter()
                .find_map(|awaited| self.target(awaited)),
            held_by: match held_by.is_empty() {
                true => "-".to_owned(),
                false => held_by.join(", "),
            },
            waited: waiting.waited,
            has_deadline: waiting.has_deadline,
            ring: None,
            ring_len: 0,
        }
    }

    fn targets(&self, waiting: &Waiting) -> String {
        let mut words: Vec<String> = waiting
            .awaited
            .iter()
            .map(|awaited| self.words(awaited))
            .collect();
        let known = u32::try_from(words.len()).unwrap_or(u32::MAX);
        match waiting.count.saturating_sub(known) {
            0 => {}
            more if words.is_empty() => words.push(crate::text::count(more.into(), "thing")),
            more => words.push(format!("{more} more")),
        }
        if words.is_empty() {
            return "time to pass".to_owned();
        }
        let joint = if waiting.all { " and " } else { " or " };
        words.join(joint)
    }

    fn object(&self, index: usize) -> String {
        match self.view.objects.get(index) {
            Some(entry) => format!("{} {}", entry.kind, short(entry.kind, &entry.name)),
            None => "?".to_owned(),
        }
    }

    fn words(&self, awaited: &Awaited) -> String {
        match awaited {
            Awaited::Named(index) => self.object(*index),
            Awaited::Pipe { object, what, .. } => {
                let what = match what {
                    PipeWait::Read => "data in",
                    PipeWait::Write => "room in",
                    PipeWait::Connect => "a client of",
                    _ => "something of",
                };
                format!("{what} {}", self.object(*object))
            }
            Awaited::Descriptor { number, what } => {
                format!("{} (descriptor {number})", readable(what))
            }
            Awaited::Unnamed { kind, id, .. } => format!("{kind} {id}"),
            Awaited::Process(pid) => format!("end of process {pid}"),
            Awaited::Thread(it) => format!("end of thread {}", thread((it.pid, it.tid))),
            _ => "?".to_owned(),
        }
    }

    /// Who has it: the owner of a mutex, the other side of a pipe, or what has to end.
    fn holder(&self, awaited: &Awaited) -> Option<String> {
        match awaited {
            Awaited::Named(index) => match &self.view.objects.get(*index)?.about {
                About::Mutex { owner, .. } => owner.map(|owner| self.thread(owner)),
                _ => None,
            },
            Awaited::Unnamed { owner, .. } => owner.map(|owner| self.thread(owner)),
            Awaited::Process(pid)
            | Awaited::Pipe {
                peer: Some(pid), ..
            } => {
                let id = i32::try_from(*pid).unwrap_or(0);
                Some(format!("{pid} {}", self.program(id)))
            }
            Awaited::Thread(thread) => Some(self.thread(*thread)),
            _ => None,
        }
    }

    fn target(&self, awaited: &Awaited) -> Option<Target> {
        match awaited {
            Awaited::Named(index) | Awaited::Pipe { object: index, .. } => {
                let entry = self.view.objects.get(*index)?;
                let key = (entry.kind, entry.name.clone(), entry.created);
                Some(Target::Object(key))
            }
            Awaited::Process(pid) => Some(Target::Process(*pid)),
            Awaited::Thread(thread) => u32::try_from(thread.pid).ok().map(Target::Process),
            Awaited::Unnamed { owner, .. } => owner
                .and_then(|owner| u32::try_from(owner.pid).ok())
                .map(Target::Process),
            _ => None,
        }
    }
}

/// What a descriptor is for, as far as its name says so.
fn readable(what: &str) -> String {
    let is = |start: &str| what.starts_with(start);
    match what {
        "anon_inode:[signalfd]" => "a signal".to_owned(),
        "anon_inode:[eventfd]" => "an eventfd".to_owned(),
        "anon_inode:[timerfd]" => "a timer".to_owned(),
        "anon_inode:[pidfd]" => "a process".to_owned(),
        _ if is("socket:") => "a socket".to_owned(),
        _ if is("pipe:") => "a pipe without name".to_owned(),
        _ => shown(what),
    }
}

/// A ring of waits, in words.
fn story<'a>(waits: impl Iterator<Item = &'a Wait>) -> String {
    let mut story = String::new();
    let mut first = None;
    for wait in waits {
        let who = format!("{} {}", wait.key.0, wait.program);
        story.push_str(&format!("{who} waits for {} of ", wait.target));
        first.get_or_insert(who);
    }
    story.push_str(&first.unwrap_or_default());
    story
}
