//! What a thread that sleeps says of its wait, for those who look from outside.
//!
//! Signalers find waiters by the slots that these leave in the objects. Who looks on cannot go that way: an object without
//! a name lies in the arena of some process, and a wait for descriptors, or a call on a mailslot or pipe, leaves no slots at all. So a thread that is about
//! to sleep writes into its record what it waits for, and clears that when it has woken. Nobody acts on it.
//!
//! ```text
//! 0x58  63..32 how many things │ 23..16 kind of the second │ 15..8 kind of the first │ 2 deadline │ 1 for all │ 0 waits
//! 0x60  first thing      of a cell: device and inode of its file (mixed), its offset; of a descriptor: its number, 0;
//!                        of a mailslot or pipe: its identity, as in handle tables
//! 0x70  second thing
//! ```
//!
//! The head is written last and cleared first. A thread that is killed leaves it, in a record that says that its thread
//! has ended.

use std::sync::OnceLock;

use tong_sys::map::{AtomicU64, Ordering};

use super::engine::Entry;
use super::kind::CellKind;
use super::record::{Me, Record, Table};
use crate::namespace;
use crate::wait::Deadline;

/// The kind of a descriptor.
const DESCRIPTOR: u64 = 0xff;
/// The kinds of calls that sleep by themselves, each from here on with the number of its [`Doing`].
const DOING: u64 = 0x20;
const WAITS: u64 = 1;
const FOR_ALL: u64 = 2;
const HAS_DEADLINE: u64 = 4;
/// Things that are told of.
const TOLD: usize = 2;

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

/// A wait as its thread tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Process and thread id, as their own PID namespace counts.
    pub(crate) thread: (i32, i32),
    /// The first things that it waits for.
    pub(crate) things: Vec<Thing>,
    pub(crate) count: u32,
    pub(crate) all: bool,
    pub(crate) has_deadline: bool,
    /// When the wait began, as a reading of the monotonic clock.
    pub(crate) since_ns: u64,
}

/// A note that stands in the thread's record, until this is dropped.
#[derive(Debug)]
pub(crate) struct Note(Me);

impl Note {
    pub(super) fn write(me: Me, entries: &[Entry<'_>], all: bool, deadline: Deadline) -> Note {
        let words = me.record().note();
        let mut head = WAITS | (entries.len() as u64) << 32;
        for (index, entry) in entries.iter().take(TOLD).enumerate() {
            let (kind, [one, other]) = match entry {
                Entry::Cell(cell) => (cell.kind().code(), cell.place()),
                Entry::Fd(fd) => {
                    use std::os::fd::AsRawFd;
                    (DESCRIPTOR, [u64::from(fd.as_raw_fd().unsigned_abs()), 0])
                }
            };
            head |= kind << (8 * (index + 1));
            words.things[2 * index].store(one, Ordering::Relaxed);
            words.things[2 * index + 1].store(other, Ordering::Relaxed);
        }
        head |= if all { FOR_ALL } else { 0 };
        head |= deadline_bit(deadline);
        // Release: whoever sees the head sees the things.
        words.head.store(head, Ordering::Release);
        Note(me)
    }

    /// The note of a wait for descriptors alone.
    pub(super) fn of_descriptors(entries: &[Entry<'_>], deadline: Deadline) -> Option<Note> {
        let me = Note::begin()?;
        Some(Note::write(me, entries, false, deadline))
    }

    /// The note of a call that sleeps by itself, on the object with this identity.
    pub(crate) fn of_call(doing: Doing, identity: [u64; 2], deadline: Deadline) -> Option<Note> {
        let me = Note::begin()?;
        let words = me.record().note();
        for (word, half) in words.things.iter().zip(identity) {
            word.store(half, Ordering::Relaxed);
        }
        let kind = DOING + doing as u64;
        let head = WAITS | kind << 8 | 1 << 32 | deadline_bit(deadline);
        words.head.store(head, Ordering::Release);
        Some(Note(me))
    }

    /// The calling thread's record, which says that a wait begins now. `None` where there is no namespace to be seen in;
    /// for this none is made.
    fn begin() -> Option<Me> {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        let table = match TABLE.get() {
            Some(table) => *table,
            None => {
                let table = namespace::existing()?.table().ok()?;
                *TABLE.get_or_init(|| table)
            }
        };
        let me = Me::in_table(table).ok()?;
        let now = tong_sys::clock::now_ns();
        me.record().ticket().store(now, Ordering::Relaxed);
        Some(me)
    }
}

fn deadline_bit(deadline: Deadline) -> u64 {
    match deadline {
        Deadline::Never => 0,
        _ => HAS_DEADLINE,
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.0.record().note().head.store(0, Ordering::Release);
    }
}

impl Record {
    /// What its thread says that it waits for; `None` if it does not wait, or is about to.
    pub(super) fn told(self) -> Option<Told> {
        let words = self.note();
        let head = words.head.load(Ordering::Acquire);
        if head & WAITS == 0 || !self.life().lives() {
            return None;
        }
        let thing = |index: usize| {
            let [one, other] =
                [2 * index, 2 * index + 1].map(|at| words.things[at].load(Ordering::Acquire));
            let kind = head >> (8 * (index + 1)) & 0xff;
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
            thread: self.ids(),
            things: (0..TOLD).filter_map(thing).collect(),
            count: (head >> 32) as u32,
            all: head & FOR_ALL != 0,
            has_deadline: head & HAS_DEADLINE != 0,
            since_ns: self.ticket().load(Ordering::Relaxed),
        };
        // A thread that went on meanwhile may have begun another wait.
        (words.head.load(Ordering::Acquire) == head).then_some(told)
    }
}

impl Table {
    /// What the threads of the table that wait at this moment say of it, by record.
    pub(crate) fn told(&'static self) -> Vec<Told> {
        (0..self.used())
            .filter_map(|number| self.record(number).told())
            .collect()
    }
}
