//! The waits of a view: what the threads say in the wait table, and what that leads to.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tong_sys::clock;

use super::{Awaited, PipeWait, Waiting};
use crate::handle::{Kind, ObjectId};
use crate::namespace::{self, About, Channel, Entry, Namespace, PipeInstance, Survey, ThreadId};
use crate::object::pipe::CLIENT_MARK;
use crate::waits::{self, CellKind, Doing, Seen, Table, Thing, Told};

/// The notes of all threads that can be seen, with the table of each.
pub(super) fn told(namespace: &Namespace, has_shared: bool) -> Notes {
    let own = namespace.known_table();
    let shared = || Some(namespace::global_objects().ok()??.1);
    let shared = has_shared.then(shared).flatten();
    let tables = own.into_iter().chain(shared);
    let notes = tables.flat_map(|table| {
        let told = table.told().into_iter();
        told.map(move |told| (table, told))
    });
    notes.collect()
}

pub(super) type Notes = Vec<(&'static Table, Told)>;

/// What a look knows when it turns notes into waits.
struct Resolver<'a> {
    survey: &'a Survey,
    objects: &'a [Entry],
    /// The named objects that each thread waits for.
    named: HashMap<ThreadId, Vec<usize>>,
    /// The pipes' connections, by the inode of their memory: object, and place in its list of instances.
    connections: HashMap<u64, (usize, usize)>,
    /// Arenas that were opened in this look, by device and inode, mixed.
    arenas: HashMap<u64, Option<OwnedFd>>,
}

/// Turns notes into waits, in the same order.
pub(super) fn collect(notes: &Notes, survey: &Survey, objects: &[Entry]) -> Vec<Waiting> {
    let mut resolver = Resolver::new(survey, objects);
    notes
        .iter()
        .map(|(table, told)| resolver.waiting(told, table))
        .collect()
}

/// Lets no wait count as stuck whose very note does not stand in all these as well, which were taken before and after the
/// objects were looked at: otherwise its thread did not sleep all the time, and what was seen of them need not belong
/// together.
pub(super) fn confirm(waits: &mut [Waiting], notes: &Notes, others: [&Notes; 2]) {
    let key = |table: &'static Table, told: &Told| (table.id(), told.record);
    let others = others.map(|notes| {
        let keyed = notes.iter().map(|(table, told)| (key(table, told), told));
        keyed.collect::<HashMap<_, _>>()
    });
    for (wait, (table, told)) in waits.iter_mut().zip(notes) {
        let stands = |notes: &HashMap<_, &Told>| notes.get(&key(table, told)) == Some(&told);
        wait.may_be_stuck &= others.iter().all(stands);
    }
}

impl<'a> Resolver<'a> {
    fn new(survey: &'a Survey, objects: &'a [Entry]) -> Resolver<'a> {
        let (mut named, mut connections) = (HashMap::<_, Vec<usize>>::new(), HashMap::new());
        for (index, object) in objects.iter().enumerate() {
            for thread in object.about.waiters().unwrap_or_default() {
                named.entry(*thread).or_default().push(index);
            }
            if let About::Pipe { instances, .. } = &object.about {
                for (place, instance) in instances.iter().enumerate() {
                    if instance.memory != 0 {
                        connections.insert(instance.memory, (index, place));
                    }
                }
            }
        }
        Resolver {
            survey,
            objects,
            named,
            connections,
            arenas: HashMap::new(),
        }
    }

    fn waiting(&mut self, told: &Told, table: &'static Table) -> Waiting {
        let (pid, tid) = told.thread;
        let thread = ThreadId { pid, tid };
        let waited = Duration::from_nanos(clock::now_ns().saturating_sub(told.since_ns));
        let mut awaited = Vec::with_capacity(told.things.len());
        for thing in &told.things {
            awaited.push(match thing {
                Thing::Cell(kind, place) => self.cell(*kind, *place, table),
                Thing::Descriptor(number) => descriptor(pid, *number),
                Thing::Call(doing, identity) => self.call(*doing, *identity),
            });
        }
        // Named objects know who waits for them, so also those beyond the first few are found.
        if told.count as usize > awaited.len() {
            for index in self.named.get(&thread).into_iter().flatten() {
                let more = Awaited::Named(*index);
                if !awaited.contains(&more) {
                    awaited.push(more);
                }
            }
        }
        Waiting {
            thread,
            awaited,
            count: told.count,
            all: told.all,
            waited,
            has_deadline: told.has_deadline,
            may_be_stuck: !told.alertable && told.count > 0,
            // Whoever had the pipe's other end then has it still, for all that this thread knows.
            is_older_than_walk: waited > self.survey.walk_age(),
        }
    }

    fn cell(&mut self, kind: CellKind, place: [u64; 2], table: &'static Table) -> Awaited {
        if let Some(index) = self.survey.named(place) {
            return Awaited::Named(index);
        }
        let id = |(pid, tid)| ThreadId { pid, tid };
        let kind = match kind {
            CellKind::AutoEvent | CellKind::ManualEvent => Kind::Event,
            CellKind::Semaphore => Kind::Semaphore,
            CellKind::AutoTimer | CellKind::ManualTimer => Kind::Timer,
            CellKind::Mutex => Kind::Mutex,
            CellKind::Thread => match self.unnamed(place, table).and_then(|seen| seen.thread) {
                Some(thread) => return Awaited::Thread(id(thread)),
                None => Kind::Thread,
            },
        };
        let owner = match kind {
            Kind::Mutex => self.unnamed(place, table).and_then(|seen| seen.owner),
            _ => None,
        };
        Awaited::Unnamed {
            kind,
            id: ObjectId(place),
            owner: owner.map(id),
        }
    }

    /// What an object without a name says, if the arena that it lies in can be seen.
    fn unnamed(&mut self, place: [u64; 2], table: &'static Table) -> Option<Seen> {
        let [file, at] = place;
        let open = || self.survey.open_arena(file);
        let arena = self.arenas.entry(file).or_insert_with(open).as_ref()?;
        waits::peek_unit(arena, usize::try_from(at).ok()?, table)
    }

    /// What a call on a mailslot or pipe waits for.
    fn call(&self, doing: Doing, identity: [u64; 2]) -> Awaited {
        let what = match doing {
            Doing::Receive => {
                let known = self.survey.channel(Channel::Mailslot(identity));
                return known.map_or(unknown(Kind::MailslotServer, identity), Awaited::Named);
            }
            Doing::Read => PipeWait::Read,
            Doing::Write => PipeWait::Write,
            Doing::Connect => PipeWait::Connect,
        };
        let server = identity[0] != CLIENT_MARK;
        let found = match server {
            true => self.instance_of_server(identity),
            false => {
                let connection = self.connections.get(&identity[1]);
                connection.and_then(|(object, place)| {
                    Some((*object, instances(self.objects.get(*object)?).get(*place)?))
                })
            }
        };
        let Some((object, instance)) = found else {
            let kind = match server {
                true => Kind::PipeServer,
                false => Kind::PipeClient,
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

    fn instance_of_server(&self, identity: [u64; 2]) -> Option<(usize, &'a PipeInstance)> {
        let object = self.survey.channel(Channel::Pipe(identity[0]))?;
        let is_it = |instance: &&PipeInstance| u64::from(instance.slot) == identity[1];
        let instance = instances(self.objects.get(object)?).iter().find(is_it)?;
        Some((object, instance))
    }
}

fn instances(entry: &Entry) -> &[PipeInstance] {
    match &entry.about {
        About::Pipe { instances, .. } => instances,
        _ => &[],
    }
}

fn unknown(kind: Kind, identity: [u64; 2]) -> Awaited {
    Awaited::Unnamed {
        kind,
        id: ObjectId(identity),
        owner: None,
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
