//! Looking again and again: what stays open between two looks, and what has gone through each object by now.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::traces::{open_arena, Traces};
use super::{pages, Entry, Found, Namespace, Space, Traffic};
use crate::channel::{RingStatus, Unread};
use crate::namespace::{self, CELL_AT};
use crate::object::pipe::registry::pipe_word;
use crate::waits::{self, Seen, Table};
use crate::Result;

/// The walk through all descriptors may take one part in so many of the time, if looks come faster.
const WALK_SHARE: u32 = 100;
/// Longest time between two walks.
const WALK_AGE_MAX: Duration = Duration::from_secs(5);

/// Looks at a namespace, and remembers what makes the next look cheap.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    traces: Traces,
    /// When the last walk through the descriptors ended, and how long it took.
    walked: Option<(Instant, Duration)>,
    totals: Totals,
    /// Where the named objects of the last look lie, for those who meet them by place.
    places: Vec<(u64, usize)>,
    /// The mailslots and pipes of the last look, as handle tables identify them.
    channels: HashMap<Channel, usize>,
}

/// A mailslot, by the halves of its file's name, or a pipe, by the first half of an instance's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Mailslot([u64; 2]),
    Pipe(u64),
}

/// What has gone through the objects, by their pages' inodes.
#[derive(Debug, Default)]
struct Totals {
    objects: HashMap<(u64, u64), Traffic>,
    /// What stood in each ring and connection at the last look, by inode.
    before: HashMap<u64, Traffic>,
    now: HashMap<u64, Traffic>,
}

impl Totals {
    /// Counts what a ring or connection carried since the last look.
    fn count(&mut self, object: (u64, u64), memory: u64, carried: Traffic) {
        let before = self.before.get(&memory).copied().unwrap_or_default();
        let total = self.objects.entry(object).or_default();
        // The numbers are claims of the users of that memory.
        let add = |total: &mut u64, now: u64, before: u64| {
            *total = total.saturating_add(now.saturating_sub(before));
        };
        add(&mut total.bytes_in, carried.bytes_in, before.bytes_in);
        add(&mut total.bytes_out, carried.bytes_out, before.bytes_out);
        add(&mut total.messages, carried.messages, before.messages);
        self.now.insert(memory, carried);
    }

    /// Forgets objects and memory that are gone.
    fn next(&mut self, is_there: impl Fn((u64, u64)) -> bool) {
        self.before = std::mem::take(&mut self.now);
        self.objects.retain(|object, _| is_there(*object));
    }
}

impl Survey {
    /// Looks at all objects, by name.
    pub(crate) fn look(&mut self, namespace: &Namespace) -> Result<Vec<Entry>> {
        let mut found: Vec<(Found, Option<&'static Table>)> = Vec::new();
        for space in [Space::Mailslot, Space::Pipe, Space::Object] {
            let own = pages(namespace.dir(space), space)?;
            let global = namespace::global(space).unwrap_or_default();
            let global = global.map(|dir| pages(&dir, space)).transpose()?;
            // The tables exist if an object does; looking makes none.
            let is_object = space == Space::Object;
            let table = (is_object && !own.is_empty())
                .then(|| namespace.table().ok())
                .flatten();
            let shared = || Some(namespace::global_objects().ok()??.1);
            let is_there = |found: &Vec<Found>| is_object && !found.is_empty();
            let shared = global
                .as_ref()
                .filter(|it| is_there(it))
                .and_then(|_| shared());
            found.extend(own.into_iter().map(|it| (it, table)));
            found.extend(global.into_iter().flatten().map(|it| (it, shared)));
        }
        self.walk();
        let mut entries: Vec<(Entry, u64, Option<Channel>)> = found
            .into_iter()
            .filter_map(|(found, table)| {
                let (file, channel) = (waits::mixed(found.inode), found.channel());
                Some((self.entry(found, table)?, file, channel))
            })
            .collect();
        entries.sort_by(|(one, ..), (other, ..)| one.name.cmp(&other.name));
        let numbered = || entries.iter().enumerate();
        self.places = numbered()
            .map(|(index, (_, file, _))| (*file, index))
            .collect();
        self.places.sort_unstable();
        let channel = |(index, (_, _, channel)): (usize, &(Entry, u64, Option<Channel>))| {
            Some(((*channel)?, index))
        };
        self.channels = numbered().filter_map(channel).collect();
        let places = &self.places;
        self.totals.next(|object| {
            let file = waits::mixed(object);
            places
                .binary_search_by_key(&file, |(file, _)| *file)
                .is_ok()
        });
        Ok(entries.into_iter().map(|(entry, ..)| entry).collect())
    }

    /// Walks through the descriptors again if that is due, else reads again what the last walk found.
    fn walk(&mut self) {
        let is_due = self
            .walked
            .is_none_or(|(when, cost)| when.elapsed() >= (cost * WALK_SHARE).min(WALK_AGE_MAX));
        if !is_due {
            self.traces.refresh();
            return;
        }
        let start = Instant::now();
        self.traces = Traces::collect();
        self.walked = Some((Instant::now(), start.elapsed()));
    }

    fn entry(&mut self, found: Found, table: Option<&'static Table>) -> Option<Entry> {
        let inode = found.inode;
        match found.space {
            Space::Mailslot => {
                let mark = namespace::ring_mark(&found.stem, found.info.created_ns);
                for (memory, ring) in &self.traces.rings {
                    if ring.mark == mark {
                        self.totals.count(inode, *memory, carried(ring.status));
                    }
                }
            }
            Space::Pipe => {
                for memory in found.memories() {
                    if let Some(connection) = self.traces.connection(memory) {
                        let carried = carried_both(connection.directions);
                        self.totals.count(inode, memory, carried);
                    }
                }
            }
            Space::Object => {}
        }
        let has_traffic = found.space != Space::Object;
        let traffic = has_traffic.then(|| self.totals.objects.get(&inode).copied());
        let mut entry = match found.space {
            Space::Mailslot => found.into_mailslot(&self.traces),
            Space::Pipe => found.into_pipe(&self.traces)?,
            Space::Object => found.into_object(&self.traces, table),
        };
        entry.traffic = traffic.map(Option::unwrap_or_default);
        Some(entry)
    }

    /// The index of the named object that lies at this place, among those of the last look.
    pub(crate) fn named(&self, place: [u64; 2]) -> Option<usize> {
        let [file, at] = place;
        let found = self
            .places
            .binary_search_by_key(&file, |(file, _)| *file)
            .ok()?;
        (at == CELL_AT as u64).then(|| self.places[found].1)
    }

    /// The index of a mailslot or pipe among the objects of the last look.
    pub(crate) fn channel(&self, channel: Channel) -> Option<usize> {
        self.channels.get(&channel).copied()
    }

    /// What an object without a name says, if the arena that it lies in can be seen.
    pub(crate) fn unnamed(&self, place: [u64; 2], table: &'static Table) -> Option<Seen> {
        let [mixed, at] = place;
        let file = self
            .traces
            .arenas()
            .find(|file| waits::mixed(*file) == mixed)?;
        let (_, path) = self.traces.arena(file)?;
        let arena: OwnedFd = open_arena(path, file)?.into();
        waits::peek_unit(&arena, usize::try_from(at).ok()?, table)
    }

    /// The processes that use tong, as the last walk found them.
    pub(crate) fn users(&self) -> Vec<i32> {
        self.traces.users()
    }

    /// Whether the process may have a handle table.
    pub(crate) fn may_have_table(&self, pid: i32) -> bool {
        self.traces.has_page(pid)
    }
}

impl Found {
    /// What handle tables call it, if it is a mailslot or pipe.
    fn channel(&self) -> Option<Channel> {
        match self.space {
            Space::Mailslot => {
                let (high, low) = self.stem.split_at(self.stem.len() / 2);
                let half = |text| u64::from_str_radix(text, 16).ok();
                Some(Channel::Mailslot([half(high)?, half(low)?]))
            }
            Space::Pipe => Some(Channel::Pipe(pipe_word(self.inode))),
            Space::Object => None,
        }
    }
}

fn carried(ring: RingStatus) -> Traffic {
    Traffic {
        bytes_in: ring.bytes_written,
        bytes_out: 0,
        messages: ring.messages_written,
    }
}

fn carried_both([to_server, to_client]: [Unread; 2]) -> Traffic {
    Traffic {
        bytes_in: to_server.written,
        bytes_out: to_client.written,
        messages: 0,
    }
}
