//! What a thread that sleeps says of its wait, for those who look from outside.
//!
//! Signalers find waiters by the slots that these leave in the objects. Who looks on cannot go that way: an object without
//! a name lies in the arena of some process, and a wait for descriptors, or a call on a mailslot or pipe, leaves no slots
//! at all. So a thread that is about to sleep writes into its record what it waits for, and clears that when it has woken.
//! Nobody acts on it.
//!
//! ```text
//! 0x58  63..33 generation │ 32..18 how many things │ 17..11 kind of the second │ 10..4 kind of the first
//!       3 alertable │ 2 deadline │ 1 for all │ 0 waits
//! 0x60  first thing      of a cell: device and inode of its file (mixed), its offset; of a descriptor: its number, 0;
//!                        of a mailslot or pipe: its identity, as in handle tables
//! 0x70  second thing
//! ```
//!
//! Only the thread itself writes it, one note at a time: the head last, and cleared first. A thread that is killed leaves
//! it behind, with a generation that has ended by the time that anybody else has the record.

use std::sync::atomic::AtomicU64 as LocalWord;
use std::sync::OnceLock;

use tong_sys::clock;
use tong_sys::map::{AtomicU64, Ordering};

use super::commit::Decided;
use super::engine::Entry;
use super::kind::CellKind;
use super::record::{Me, Record, Table, GENERATION_MASK};
use crate::namespace;
use crate::wait::Deadline;

/// The kinds of calls that sleep by themselves, each from here on with the number of its [`Doing`].
const DOING: u64 = 0x20;
/// The kind of a descriptor.
const DESCRIPTOR: u64 = 0x7f;
const KIND_BITS: u32 = 7;
const FIRST_KIND: u32 = 4;
const COUNT: u32 = 18;
const COUNT_MASK: u64 = (1 << 15) - 1;
const GENERATION: u32 = 33;

const WAITS: u64 = 1;
const FOR_ALL: u64 = 2;
const HAS_DEADLINE: u64 = 4;
const ALERTABLE: u64 = 8;
/// Things that are told of.
const TOLD: usize = 2;

/// How long a thread that cannot tell of its waits, for want of a table or record, does not try again.
const PAUSE_NS: u64 = 1_000_000_000;

/// The words of a note in a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub(super) head: &'static AtomicU64,
    pub(super) things: [&'static AtomicU64; 2 * TOLD],
}

/// A call that sleeps by itself, without a wait function; the numbers are part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// The server of a mailslot waits for a message.
    Receive = 0,
    /// An end of a pipe waits for something to read.
    Read = 1,
    /// An end of a pipe waits for room, or for the reader.
    Write = 2,
    /// The server of a pipe waits for a client.
    Connect = 3,
}

impl Doing {
    const ALL: [Doing; 4] = [Doing::Receive, Doing::Read, Doing::Write, Doing::Connect];
}

/// One thing that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// What a call on a mailslot or pipe waits for; the object's identity in handle tables.
    Call(Doing, [u64; 2]),
    /// A shared object: its kind, the file that it lies in (device and inode, mixed), and where.
    Cell(CellKind, [u64; 2]),
    /// A descriptor of the process, by its number.
    Descriptor(i32),
}

/// A wait as its thread tells of it. Two that are equal are one and the same wait, in which the thread slept from the one
/// look to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The record, and which of its threads.
    pub(crate) record: u32,
    generation: u32,
    /// Process and thread id, as their own PID namespace counts.
    pub(crate) thread: (i32, i32),
    /// The first things that it waits for.
    pub(crate) things: Vec<Thing>,
    pub(crate) count: u32,
    pub(crate) all: bool,
    pub(crate) has_deadline: bool,
    /// Calls that are queued to the thread end the wait.
    pub(crate) alertable: bool,
    /// When the wait began, as a reading of the monotonic clock.
    pub(crate) since_ns: u64,
}

/// A note that stands in the thread's record, until this is dropped.
#[derive(Debug)]
pub(crate) struct Note(Me);

/// What a note says besides the things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) all: bool,
    pub(super) alertable: bool,
    pub(super) deadline: Deadline,
}

impl Note {
    pub(super) fn write(me: Me, entries: &[Entry<'_>], terms: Terms) -> Note {
        let things = entries.iter().take(TOLD).map(|entry| match entry {
            Entry::Cell(cell) => (cell.kind().code(), cell.place()),
            Entry::Fd(fd) => {
                use std::os::fd::AsRawFd;
                let number = u64::from(fd.as_raw_fd().unsigned_abs());
                (DESCRIPTOR, [number, 0])
            }
        });
        Note::put(me, things, entries.len(), terms)
    }

    /// The note of a wait for descriptors alone.
    pub(super) fn of_descriptors(entries: &[Entry<'_>], deadline: Deadline) -> Option<Note> {
        Some(Note::write(begin()?, entries, Terms::of_call(deadline)))
    }

    /// The note of a call that sleeps by itself, on the object with this identity.
    pub(crate) fn of_call(doing: Doing, identity: [u64; 2], deadline: Deadline) -> Option<Note> {
        let thing = (DOING + doing as u64, identity);
        let terms = Terms::of_call(deadline);
        Some(Note::put(begin()?, [thing].into_iter(), 1, terms))
    }

    fn put(
        me: Me,
        things: impl Iterator<Item = (u64, [u64; 2])>,
        count: usize,
        terms: Terms,
    ) -> Note {
        let words = me.record().note();
        let mut head = WAITS
            | u64::from(me.who.generation) << GENERATION
            | (count as u64 & COUNT_MASK) << COUNT;
        for (index, (kind, halves)) in things.enumerate() {
            head |= kind << (FIRST_KIND + KIND_BITS * index as u32);
            let places = words.things.iter().skip(2 * index);
            for (word, half) in places.zip(halves) {
                word.store(half, Ordering::Relaxed);
            }
        }
        head |= if terms.all { FOR_ALL } else { 0 };
        head |= if terms.alertable { ALERTABLE } else { 0 };
        head |= match terms.deadline {
            Deadline::Never => 0,
            _ => HAS_DEADLINE,
        };
        // Release: whoever sees the head sees the things.
        words.head.store(head, Ordering::Release);
        Note(me)
    }
}

impl Terms {
    fn of_call(deadline: Deadline) -> Terms {
        Terms {
            all: false,
            alertable: false,
            deadline,
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.0.record().note().head.store(0, Ordering::Release);
    }
}

/// The calling thread's record, which says that a wait begins now. `None` where it cannot be seen: there is no namespace,
/// which is not made for this (its wait table is), or no room in the table. That is believed for a while.
fn begin() -> Option<Me> {
    static TABLE: OnceLock<&'static Table> = OnceLock::new();
    static FAILED: LocalWord = LocalWord::new(0);
    let now = clock::now_ns();
    let find = || {
        let table = match TABLE.get() {
            Some(table) => *table,
            None => {
                let table = namespace::existing()?.table().ok()?;
                *TABLE.get_or_init(|| table)
            }
        };
        Me::in_table(table).ok()
    };
    let failed = FAILED.load(Ordering::Relaxed);
    if failed != 0 && now.saturating_sub(failed) < PAUSE_NS {
        return None;
    }
    let me = find();
    match me {
        Some(me) => me.record().ticket().store(now, Ordering::Relaxed),
        None => FAILED.store(now, Ordering::Relaxed),
    }
    me
}

impl Record {
    /// What its thread says that it waits for; `None` if it does not wait, is about to, or has been given what it wanted.
    fn told(self, number: u32) -> Option<Told> {
        let words = self.note();
        let head = words.head.load(Ordering::Acquire);
        let generation = (head >> GENERATION) as u32 & GENERATION_MASK;
        if head & WAITS == 0 || generation != self.generation() || !self.life().lives() {
            return None;
        }
        let thing = |index: usize| {
            let [one, other] =
                [2 * index, 2 * index + 1].map(|at| words.things[at].load(Ordering::Acquire));
            let kind = head >> (FIRST_KIND + KIND_BITS * index as u32) & ((1 << KIND_BITS) - 1);
            match kind {
                0 => None,
                DOING..=0x2f => {
                    let doing = *Doing::ALL.get((kind - DOING) as usize)?;
                    Some(Thing::Call(doing, [one, other]))
                }
                DESCRIPTOR => i32::try_from(one).ok().map(Thing::Descriptor),
                kind => Some(Thing::Cell(CellKind::from_code(kind)?, [one, other])),
            }
        };
        let told = Told {
            record: number,
            generation,
            thread: self.ids(),
            things: (0..TOLD).filter_map(thing).collect(),
            count: (head >> COUNT & COUNT_MASK) as u32,
            all: head & FOR_ALL != 0,
            has_deadline: head & HAS_DEADLINE != 0,
            alertable: head & ALERTABLE != 0,
            since_ns: self.ticket().load(Ordering::Relaxed),
        };
        let waits_still = match self.commit().decided() {
            // What it waited for is its own already, it only has not run since.
            Some(Decided::Object { .. } | Decided::TimedOut | Decided::All) => false,
            // A call or a wait for descriptors, which nobody else decides.
            Some(Decided::Rest) | Some(Decided::Nudged) | None => true,
        };
        // A thread that went on meanwhile may have begun another wait.
        (waits_still && words.head.load(Ordering::Acquire) == head).then_some(told)
    }
}

impl Table {
    /// What the threads of the table that wait at this moment say of it, by record.
    pub(crate) fn told(&'static self) -> Vec<Told> {
        (0..self.used())
            .filter_map(|number| self.record(number).told(number))
            .collect()
    }
}
