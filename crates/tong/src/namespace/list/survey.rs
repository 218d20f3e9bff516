//! Looking again and again: what stays open between two looks, and what has gone through each object by now.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::traces::Traces;
use super::{pages, Entry, Found, Namespace, Space, Traffic};
use crate::channel::{RingStatus, Unread};
use crate::namespace::{self, CELL_AT};
use crate::object::pipe::registry::pipe_word;
use crate::waits::{self, Table};
use crate::Result;

/// The walk through all descriptors may take one part in so many of the time, if looks come faster.
const WALK_SHARE: u32 = 100;
/// Longest time between two walks.
const WALK_AGE_MAX: Duration = Duration::from_secs(5);
/// Memory files that stay open from look to look.
const KEPT: usize = 256;

/// Looks at a namespace, and remembers what makes the next look cheap.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// How many files may stay open.
    keep: usize,
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

/// An object of whose file no other one has this identity: device and inode, and when it was made.
type Lasting = ((u64, u64), u64);

/// What has gone through the objects.
#[derive(Debug, Default)]
struct Totals {
    objects: HashMap<Lasting, Total>,
}

/// What has gone through one object.
#[derive(Debug, Default)]
struct Total {
    sum: Traffic,
    /// What stood in each of its rings and connections when it was seen last, by inode, and how many looks ago that was.
    before: HashMap<u64, (Traffic, u32)>,
    seen: bool,
}

/// After so many looks in which a ring or connection was not seen it is taken for gone.
const GONE_AFTER: u32 = 20;

impl Totals {
    /// Counts what a ring or connection carried since it was seen last.
    fn count(&mut self, object: Lasting, memory: u64, carried: Traffic) {
        let total = self.objects.entry(object).or_default();
        total.seen = true;
        let (before, _) = total
            .before
            .insert(memory, (carried, 0))
            .unwrap_or_default();
        // The numbers are claims of the users of that memory.
        let add = |total: &mut u64, now: u64, before: u64| {
            *total = total.saturating_add(now.saturating_sub(before));
        };
        let sum = &mut total.sum;
        add(&mut sum.bytes_in, carried.bytes_in, before.bytes_in);
        add(&mut sum.bytes_out, carried.bytes_out, before.bytes_out);
        add(&mut sum.messages, carried.messages, before.messages);
    }

    fn of(&mut self, object: Lasting) -> Traffic {
        let total = self.objects.entry(object).or_default();
        total.seen = true;
        total.sum
    }

    /// Forgets the objects that were not seen in this look, and what is long gone of the others.
    fn end_look(&mut self) {
        self.objects
            .retain(|_, total| std::mem::take(&mut total.seen));
        for total in self.objects.values_mut() {
            total.before.retain(|_, (_, unseen)| {
                *unseen += 1;
                *unseen <= GONE_AFTER
            });
        }
    }
}

impl Survey {
    /// For looking once: nothing stays open.
    pub(crate) fn once() -> Survey {
        Survey::default()
    }

    /// For looking again and again.
    pub(crate) fn repeated() -> Survey {
        Survey {
            keep: KEPT,
            ..Survey::default()
        }
    }

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
        self.totals.end_look();
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
        let before = self.walked.map(|_| std::mem::take(&mut self.traces));
        self.traces = Traces::collect(before, self.keep);
        self.walked = Some((Instant::now(), start.elapsed()));
    }

    fn entry(&mut self, found: Found, table: Option<&'static Table>) -> Option<Entry> {
        let object = (found.inode, found.info.created_ns);
        match found.space {
            Space::Mailslot => {
                let mark = namespace::ring_mark(&found.stem, found.info.created_ns);
                for (memory, ring) in self.traces.rings(&mark) {
                    self.totals.count(object, memory, carried(ring.status));
                }
            }
            Space::Pipe => {
                for memory in found.memories() {
                    if let Some(connection) = self.traces.connection(memory) {
                        let carried = carried_both(connection.directions);
                        self.totals.count(object, memory, carried);
                    }
                }
            }
            Space::Object => {}
        }
        let has_traffic = found.space != Space::Object;
        let traffic = has_traffic.then(|| self.totals.of(object));
        let mut entry = match found.space {
            Space::Mailslot => found.into_mailslot(&self.traces),
            Space::Pipe => found.into_pipe(&self.traces)?,
            Space::Object => found.into_object(&self.traces, table),
        };
        entry.traffic = traffic;
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

    /// Opens the arena with this device and inode, mixed, if it can be seen.
    pub(crate) fn open_arena(&self, mixed: u64) -> Option<OwnedFd> {
        self.traces.open_arena(mixed).map(OwnedFd::from)
    }

    /// How long ago the last walk through the descriptors ended.
    pub(crate) fn walk_age(&self) -> Duration {
        self.walked
            .map_or(Duration::ZERO, |(when, _)| when.elapsed())
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
