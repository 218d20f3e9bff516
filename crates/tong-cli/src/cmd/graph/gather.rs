//! From what was seen to what is drawn.

use super::picture::{plural, Link, Node, Picture, Ring, Step, Wait};
use crate::cmd::ls;
use std::collections::BTreeMap;
use tong::handle::{Kind, ObjectId, Row};
use tong::inspect::{Awaited, Deadlock, PipeWait, View, Waiting};
use tong::namespace::{About, Entry, State, ThreadId};

/// The handle tables of processes.
pub(super) type Tables = BTreeMap<i32, Vec<Row>>;

pub(super) fn picture(place: String, view: &View, tables: &Tables) -> Picture {
    let mut gathering = Gathering {
        view,
        tables,
        picture: Picture {
            place,
            ..Picture::default()
        },
        processes: BTreeMap::new(),
        objects: Vec::new(),
        unnamed: BTreeMap::new(),
    };
    gathering.processes();
    gathering.objects();
    gathering.unnamed();
    for (index, entry) in view.objects.iter().enumerate() {
        gathering.links(gathering.objects[index], entry);
    }
    gathering.handles();
    for waiting in &view.waits {
        gathering.wait(waiting);
    }
    for deadlock in view.deadlocks() {
        gathering.ring(&deadlock);
    }
    gathering.picture.mark_stuck();
    gathering.picture
}

struct Gathering<'a> {
    view: &'a View,
    tables: &'a Tables,
    picture: Picture,
    /// Nodes of processes, by id.
    processes: BTreeMap<i32, usize>,
    /// Nodes of [`View::objects`].
    objects: Vec<usize>,
    /// Nodes of objects without a name.
    unnamed: BTreeMap<(String, ObjectId), usize>,
}

impl Gathering<'_> {
    fn add(&mut self, node: Node) -> usize {
        self.picture.nodes.push(node);
        self.picture.nodes.len() - 1
    }

    /// All processes that anything below names, by id, so that they come first.
    fn processes(&mut self) {
        let mut programs: BTreeMap<i32, Option<String>> = BTreeMap::new();
        for entry in &self.view.objects {
            for (pid, _, _) in parties(entry) {
                let program = entry.program.clone();
                let known = program.filter(|_| entry.owner_pid == Some(pid));
                programs
                    .entry(pid)
                    .or_default()
                    .get_or_insert_with(|| known.unwrap_or_default());
            }
        }
        for waiting in &self.view.waits {
            let threads = waiting.awaited.iter();
            let threads = threads.filter_map(|awaited| self.view.who_must_act(awaited));
            for thread in threads.chain([waiting.thread]) {
                programs.entry(thread.pid).or_default();
            }
        }
        let mut states = BTreeMap::new();
        for user in &self.view.processes {
            let pid = i32::try_from(user.process.pid).unwrap_or(0);
            programs.insert(pid, Some(user.process.program.clone()));
            states.insert(pid, handles_in_words(user.handles));
        }
        for (pid, program) in programs {
            let program = program.filter(|program| !program.is_empty());
            let node = Node {
                pid: Some(pid),
                kind: "process".to_owned(),
                name: program.unwrap_or_else(|| program_of(pid)),
                state: states.remove(&pid).unwrap_or_default(),
                is_dead: false,
                is_stuck: false,
            };
            let node = self.add(node);
            self.processes.insert(pid, node);
        }
    }

    fn objects(&mut self) {
        for entry in &self.view.objects {
            let node = self.add(Node {
                pid: None,
                kind: entry.kind.to_owned(),
                name: entry.name.clone(),
                state: ls::state(entry),
                is_dead: entry.state == State::Dead,
                is_stuck: false,
            });
            self.objects.push(node);
        }
    }

    /// Objects without a name that are waited for, or that several processes have handles of.
    fn unnamed(&mut self) {
        let mut found: BTreeMap<(String, ObjectId), Option<ThreadId>> = BTreeMap::new();
        for awaited in self.view.waits.iter().flat_map(|waiting| &waiting.awaited) {
            if let Awaited::Unnamed { kind, id, owner } = awaited {
                let known = found.entry((kind.to_string(), *id)).or_default();
                *known = known.or(*owner);
            }
        }
        let mut holders: BTreeMap<(String, ObjectId), Vec<i32>> = BTreeMap::new();
        for (pid, rows) in self.tables {
            for row in rows.iter().filter(|row| can_be_shared(row)) {
                let holders = holders.entry((row.kind.to_string(), row.id)).or_default();
                if holders.last() != Some(pid) {
                    holders.push(*pid);
                }
            }
        }
        for (object, _) in holders.into_iter().filter(|(_, pids)| pids.len() > 1) {
            found.entry(object).or_default();
        }
        for ((kind, id), owner) in found {
            let node = self.add(Node {
                pid: None,
                kind: kind.clone(),
                name: id.to_string(),
                state: match owner {
                    Some(_) => "unnamed, owned".to_owned(),
                    None => "unnamed".to_owned(),
                },
                is_dead: false,
                is_stuck: false,
            });
            self.unnamed.insert((kind, id), node);
            if let Some(owner) = owner {
                self.link(owner.pid, node, Link::Owns, &thread_label(owner));
            }
        }
    }

    /// Links a process, if it is in the picture.
    fn link(&mut self, pid: i32, node: usize, link: Link, label: &str) {
        if let Some(process) = self.processes.get(&pid).copied() {
            self.picture.link(process, node, link, label);
        }
    }

    fn links(&mut self, node: usize, entry: &Entry) {
        for (pid, link, label) in parties(entry) {
            self.link(pid, node, link, &label);
        }
    }

    /// The values of handles, at the lines to what they lead to.
    fn handles(&mut self) {
        for (pid, rows) in self.tables {
            let mut without_name = 0;
            for row in rows {
                match self.object_of(row) {
                    Some(node) => {
                        let value = format!("{:#x}", row.handle.raw());
                        self.link(*pid, node, Link::Opens, &value);
                    }
                    None => without_name += 1,
                }
            }
            let Some(process) = self.processes.get(pid).copied() else {
                continue;
            };
            if without_name > 0 {
                let state = &mut self.picture.nodes[process].state;
                state.push_str(&format!(" ({without_name} not drawn)"));
            }
        }
    }

    /// The node that a handle leads to.
    fn object_of(&self, row: &Row) -> Option<usize> {
        if row.kind == Kind::Process {
            let pid = row.name.as_ref()?.parse().ok()?;
            return self.processes.get(&pid).copied();
        }
        if let Some(node) = self.unnamed.get(&(row.kind.to_string(), row.id)) {
            return Some(*node);
        }
        let kind = match row.kind {
            Kind::MailslotServer | Kind::MailslotClient => "mailslot".to_owned(),
            Kind::PipeServer | Kind::PipeClient => "pipe".to_owned(),
            kind => kind.to_string(),
        };
        let name = row.name.as_ref()?;
        // Of these, case does not matter in names.
        let folds = ["mailslot", "pipe"].contains(&kind.as_str());
        let same = |other: &str| other == name || (folds && other.eq_ignore_ascii_case(name));
        let mut objects = self.view.objects.iter();
        let index = objects.position(|entry| entry.kind == kind && same(&entry.name))?;
        Some(self.objects[index])
    }

    fn wait(&mut self, waiting: &Waiting) {
        let thread = waiting.thread;
        let Some(process) = self.processes.get(&thread.pid).copied() else {
            return;
        };
        let awaited: Vec<_> = waiting.awaited.iter().map(|it| self.awaited(it)).collect();
        for (what, node) in waiting
            .awaited
            .iter()
            .zip(awaited.iter().map(|(_, node)| *node))
        {
            let Some(node) = node else { continue };
            self.link(thread.pid, node, Link::Waits, &thread_label(thread));
            if let Awaited::Pipe { what, .. } = what {
                self.link(thread.pid, node, Link::Waits, for_what(*what));
            }
        }
        self.picture.waits.push(Wait {
            process,
            tid: thread.tid,
            awaited,
            count: waiting.count,
            all: waiting.all,
            waited: waiting.waited,
            has_deadline: waiting.has_deadline,
        });
    }

    /// What is waited for: in words, and its node.
    fn awaited(&self, awaited: &Awaited) -> (String, Option<usize>) {
        let process = |pid: i32| {
            let node = self.processes.get(&pid).copied();
            let title = node.map(|node| self.picture.nodes[node].title());
            (title.unwrap_or_else(|| pid.to_string()), node)
        };
        match awaited {
            Awaited::Named(index) => {
                let node = self.objects.get(*index).copied();
                let title = node.map(|node| self.picture.nodes[node].title());
                (title.unwrap_or_default(), node)
            }
            Awaited::Unnamed { kind, id, .. } => {
                let kind = kind.to_string();
                let text = format!("{kind} {id}");
                (text, self.unnamed.get(&(kind, *id)).copied())
            }
            Awaited::Pipe { object, what, .. } => {
                let node = self.objects.get(*object).copied();
                let title = node.map(|node| self.picture.nodes[node].title());
                (
                    format!("{} {}", title.unwrap_or_default(), for_what(*what)),
                    node,
                )
            }
            Awaited::Process(pid) => {
                let (title, node) = process(i32::try_from(*pid).unwrap_or(0));
                (format!("the end of {title}"), node)
            }
            Awaited::Thread(thread) => {
                let (title, node) = process(thread.pid);
                (format!("the end of thread {} of {title}", thread.tid), node)
            }
            Awaited::Descriptor { what, .. } if what == "anon_inode:[signalfd]" => {
                ("a signal".to_owned(), None)
            }
            Awaited::Descriptor { number, what } => {
                let what = crate::text::line(what.as_bytes());
                (format!("descriptor {number} ({what})"), None)
            }
            other => (format!("{other:?}"), None),
        }
    }

    fn ring(&mut self, deadlock: &Deadlock) {
        let waits = |index: usize| self.view.waits.get(index);
        let mut steps = Vec::new();
        for (place, index) in deadlock.ring.iter().enumerate() {
            let next = deadlock.ring[(place + 1) % deadlock.ring.len()];
            let (Some(waiting), Some(next)) = (waits(*index), waits(next)) else {
                return;
            };
            let Some(process) = self.processes.get(&waiting.thread.pid).copied() else {
                return;
            };
            // Of several things, the one that the next one has.
            let has = |awaited: &&Awaited| match awaited {
                Awaited::Pipe { peer, .. } => {
                    peer.is_some_and(|peer| i32::try_from(peer) == Ok(next.thread.pid))
                }
                awaited => self.view.who_must_act(awaited) == Some(next.thread),
            };
            let wanted = waiting.awaited.iter().find(has);
            let Some(wanted) = wanted.or(waiting.awaited.first()) else {
                return;
            };
            steps.push(Step {
                process,
                tid: waiting.thread.tid,
                awaited: self.awaited(wanted),
            });
        }
        self.picture.rings.push(Ring {
            steps,
            will_end: deadlock.will_end,
        });
    }
}

/// The processes that have to do with an object, how, and what more there is to say.
fn parties(entry: &Entry) -> Vec<(i32, Link, String)> {
    let mut parties: Vec<(i32, Link, String)> = Vec::new();
    let mut add = |pid: i32, link: Link, label: String| parties.push((pid, link, label));
    match &entry.about {
        About::Mailslot { writers, .. } => {
            if let Some(pid) = entry.owner_pid {
                add(pid, Link::Serves, String::new());
            }
            for pid in writers {
                add(*pid, Link::Uses, String::new());
            }
        }
        About::Pipe { instances, .. } => {
            for instance in instances {
                add(instance.server_pid, Link::Serves, String::new());
                if let Some(pid) = instance.client_pid {
                    add(pid, Link::Uses, String::new());
                }
            }
        }
        About::Mutex {
            owner: Some(owner), ..
        } => add(owner.pid, Link::Owns, thread_label(*owner)),
        _ => {}
    }
    for thread in entry.about.waiters().unwrap_or_default() {
        add(thread.pid, Link::Waits, thread_label(*thread));
    }
    for pid in &entry.holders {
        add(*pid, Link::Opens, String::new());
    }
    parties
}

/// What is waited for at a pipe.
fn for_what(what: PipeWait) -> &'static str {
    match what {
        PipeWait::Read => "to read",
        PipeWait::Write => "to write",
        _ => "for a client",
    }
}

/// A thread that is not the first of its process has to be named.
fn thread_label(thread: ThreadId) -> String {
    match thread.tid == thread.pid {
        true => String::new(),
        false => format!("thread {}", thread.tid),
    }
}

/// Objects without a name that live in shared memory can be told apart across processes.
fn can_be_shared(row: &Row) -> bool {
    let kinds = [Kind::Event, Kind::Mutex, Kind::Semaphore, Kind::Timer];
    row.name.is_none() && kinds.contains(&row.kind)
}

fn handles_in_words(handles: Option<u32>) -> String {
    match handles {
        None => String::new(),
        Some(0) => "no handles".to_owned(),
        Some(number) => plural(number as usize, "handle", "handles"),
    }
}

/// The program of a process that is not known to use tong.
fn program_of(pid: i32) -> String {
    let pid = u32::try_from(pid).unwrap_or(0);
    match tong::process::list::find(pid) {
        Ok(Some(process)) => process.program,
        _ => "?".to_owned(),
    }
}
