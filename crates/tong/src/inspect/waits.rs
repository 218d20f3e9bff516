//! The waits of a view: what the threads say in the wait table, and what that leads to.

use std::fs;
use std::time::Duration;

use tong_sys::clock;

use super::{Awaited, PipeWait, Waiting};
use crate::handle::{Kind, ObjectId};
use crate::namespace::{self, About, Channel, Entry, Namespace, PipeInstance, Survey, ThreadId};
use crate::object::pipe::CLIENT_MARK;
use crate::waits::{CellKind, Doing, Table, Thing, Told};

/// Collects the waits of the namespace's threads.
pub(super) fn collect(namespace: &Namespace, survey: &Survey, objects: &[Entry]) -> Vec<Waiting> {
    let own = namespace.known_table();
    let shared = || Some(namespace::global_objects().ok()??.1);
    let has_shared = objects
        .iter()
        .any(|object| object.name.starts_with("Global"));
    let shared = has_shared.then(shared).flatten();
    let tables = own.into_iter().chain(shared);
    tables
        .flat_map(|table| table.told().into_iter().map(move |told| (table, told)))
        .map(|(table, told)| waiting(told, table, survey, objects))
        .collect()
}

fn waiting(told: Told, table: &'static Table, survey: &Survey, objects: &[Entry]) -> Waiting {
    let (pid, tid) = told.thread;
    let thread = ThreadId { pid, tid };
    let things = told.things.iter();
    let mut awaited: Vec<Awaited> = things
        .map(|thing| awaited(*thing, pid, table, survey, objects))
        .collect();
    // Named objects know who waits for them, so also those beyond the first few are found.
    if told.count as usize > awaited.len() {
        for (index, object) in objects.iter().enumerate() {
            let waiters = object.about.waiters().unwrap_or_default();
            let more = Awaited::Named(index);
            if waiters.contains(&thread) && !awaited.contains(&more) {
                awaited.push(more);
            }
        }
    }
    Waiting {
        thread,
        awaited,
        count: told.count,
        all: told.all,
        waited: Duration::from_nanos(clock::now_ns().saturating_sub(told.since_ns)),
        has_deadline: told.has_deadline,
    }
}

fn awaited(
    thing: Thing,
    pid: i32,
    table: &'static Table,
    survey: &Survey,
    objects: &[Entry],
) -> Awaited {
    let (kind, place) = match thing {
        Thing::Cell(kind, place) => (kind, place),
        Thing::Descriptor(number) => return descriptor(pid, number),
        Thing::Call(doing, identity) => {
            return call(doing, identity, survey, objects);
        }
    };
    if let Some(index) = survey.named(place) {
        return Awaited::Named(index);
    }
    let id = |(pid, tid)| ThreadId { pid, tid };
    let seen = || survey.unnamed(place, table);
    let kind = match kind {
        CellKind::AutoEvent | CellKind::ManualEvent => Kind::Event,
        CellKind::Semaphore => Kind::Semaphore,
        CellKind::AutoTimer | CellKind::ManualTimer => Kind::Timer,
        CellKind::Mutex => Kind::Mutex,
        CellKind::Thread => match seen().and_then(|seen| seen.thread) {
            Some(thread) => return Awaited::Thread(id(thread)),
            None => Kind::Thread,
        },
    };
    let owner = (kind == Kind::Mutex).then(|| seen()?.owner).flatten();
    Awaited::Unnamed {
        kind,
        id: ObjectId(place),
        owner: owner.map(id),
    }
}

/// What a call on a mailslot or pipe waits for.
fn call(doing: Doing, identity: [u64; 2], survey: &Survey, objects: &[Entry]) -> Awaited {
    let what = match doing {
        Doing::Receive => {
            let known = survey.channel(Channel::Mailslot(identity));
            return known.map_or(unknown(Kind::MailslotServer, identity), Awaited::Named);
        }
        Doing::Read => PipeWait::Read,
        Doing::Write => PipeWait::Write,
        Doing::Connect => PipeWait::Connect,
    };
    let server = identity[0] != CLIENT_MARK;
    let found = match server {
        true => {
            let slot = |instance: &PipeInstance| u64::from(instance.slot) == identity[1];
            let object = survey.channel(Channel::Pipe(identity[0]));
            object.and_then(|object| Some((object, instance(&objects[object], slot)?)))
        }
        false => {
            let memory = |instance: &PipeInstance| instance.memory == identity[1];
            let mut numbered = objects.iter().enumerate();
            numbered.find_map(|(object, entry)| Some((object, instance(entry, memory)?)))
        }
    };
    let Some((object, instance)) = found else {
        let kind = if server {
            Kind::PipeServer
        } else {
            Kind::PipeClient
        };
        return unknown(kind, identity);
    };
    let peer = match server {
        true => instance.client_pid,
        false => Some(instance.server_pid),
    };
    Awaited::Pipe {
        object,
        slot: instance.slot,
        server,
        what,
        peer: peer.and_then(|pid| u32::try_from(pid).ok()),
    }
}

fn unknown(kind: Kind, identity: [u64; 2]) -> Awaited {
    Awaited::Unnamed {
        kind,
        id: ObjectId(identity),
        owner: None,
    }
}

fn instance(entry: &Entry, is_it: impl Fn(&PipeInstance) -> bool) -> Option<&PipeInstance> {
    match &entry.about {
        About::Pipe { instances, .. } => instances.iter().find(|instance| is_it(instance)),
        _ => None,
    }
}

/// What a descriptor of a process is; the process may have ended or closed it meanwhile.
fn descriptor(pid: i32, number: i32) -> Awaited {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let of_process = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    match of_process.and_then(|id| id.trim().parse().ok()) {
        Some(awaited) => Awaited::Process(awaited),
        None => {
            let link = fs::read_link(format!("/proc/{pid}/fd/{number}"));
            let what = link.map_or("?".to_owned(), |link| link.to_string_lossy().into_owned());
            Awaited::Descriptor { number, what }
        }
    }
}
