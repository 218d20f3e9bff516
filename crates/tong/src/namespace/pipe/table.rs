//! The memory of a pipe's page: words for all, and a hint and a row for each instance.
//!
//! The drawing is in `docs/layout.md`. Behind the page lie blocks of 512 slots, first their hints, close together because
//! clients go through all of them, then their rows. The file grows, and gets its memory, before a slot is used for the first
//! time; the mapping covers what the file may become.

use std::io;
use std::os::fd::AsFd;

use tong_sys::futex;
use tong_sys::map::{AtomicU64, Map, Ordering};
use tong_sys::{dir, memory};

/// Most instances that a pipe can have.
pub(crate) const SLOTS: u32 = 1 << 16;

const BLOCK_SLOTS: usize = 512;
const HINTS_LEN: usize = 8 * BLOCK_SLOTS;
const ROW_LEN: usize = 64;
const BLOCK_LEN: usize = HINTS_LEN + ROW_LEN * BLOCK_SLOTS;
/// Slots whose rows get their memory together, as many as fit 4 KiB.
const STEP: u32 = 64;

const AT_NEWS: usize = 0x80;
const AT_SLEEPERS: usize = 0x88;
const AT_ENDED: usize = 0x90;
pub(super) const AT_TAG: usize = 0x98;
pub(super) const AT_OPENNESS: usize = 0xa0;
const AT_SEQUENCE: usize = 0xc0;
const AT_USED: usize = 0xc8;
const AT_FIRST_FREE: usize = 0xd0;

/// What a slot's hint says of its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// No instance.
    Free,
    /// One that is being made, or that listens no more since it was this one's turn.
    Made,
    /// It listens, and has done so since this turn.
    Listening(u64),
    /// A client came at this turn.
    Taken(u64),
    /// The server disconnected its client.
    Disconnected,
}

const STATE_AT: u32 = 60;
const TURN: u64 = (1 << STATE_AT) - 1;

impl Hint {
    pub(crate) fn from_word(word: u64) -> Hint {
        match word >> STATE_AT {
            0 => Hint::Free,
            2 => Hint::Listening(word & TURN),
            3 => Hint::Taken(word & TURN),
            4 => Hint::Disconnected,
            _ => Hint::Made,
        }
    }

    fn word(self) -> u64 {
        match self {
            Hint::Free => 0,
            Hint::Made => 1 << STATE_AT,
            Hint::Listening(turn) => 2 << STATE_AT | turn & TURN,
            Hint::Taken(turn) => 3 << STATE_AT | turn & TURN,
            Hint::Disconnected => 4 << STATE_AT,
        }
    }
}

/// A word of a slot's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Process that made the instance, in its PID namespace.
    Server = 0x00,
    /// Quotas: to the server in the lower half, to the client in the upper.
    Quotas = 0x08,
    /// The server end's modes and whatever else its holders share.
    Modes = 0x10,
    /// Process of the client; 0 none.
    Client = 0x18,
    /// What to show of its state: 0 nothing, else the end's own numbers.
    Shown = 0x20,
    /// Inode of the connection's memory file; 0 none.
    Memory = 0x28,
    /// More words that the holders of the server end share.
    Shared = 0x30,
}

/// A mapped page with its slots.
#[derive(Debug)]
pub(crate) struct Table {
    map: Map,
    base: usize,
}

impl Table {
    /// Maps the file of a pipe whose page has `page_len` bytes, for as many slots as it may come to have.
    pub(super) fn open(file: impl AsFd, page_len: u64) -> io::Result<Table> {
        let base = usize::try_from(page_len).map_err(|_| io::ErrorKind::InvalidData)?;
        let blocks = SLOTS as usize / BLOCK_SLOTS;
        let map = Map::new(file, 0, base + blocks * BLOCK_LEN)?;
        Ok(Table { map, base })
    }

    /// Counts what those who wait for an instance wait for: instances that began to listen, and the pipe's end.
    pub(crate) fn news(&self) -> &AtomicU64 {
        self.map.word(AT_NEWS)
    }

    /// Says that there is news, and wakes whoever waits for it.
    pub(crate) fn tell_news(&self) {
        // Both in one order with the waiter's: it announces itself, then looks whether the news it knows is the last.
        self.news().fetch_add(1, Ordering::SeqCst);
        if self.map.word(AT_SLEEPERS).swap(0, Ordering::SeqCst) != 0 {
            futex::wake_all(self.news());
        }
    }

    /// Sleeps until there is other news than `seen`, or `until`. May return early.
    pub(crate) fn wait_for_news(&self, seen: u64, until: u64) {
        self.map.word(AT_SLEEPERS).store(1, Ordering::SeqCst);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the kernel looks at the lower half"
        )]
        let watched = futex::Watched::low(self.news(), seen as u32);
        if self.news().load(Ordering::SeqCst) == seen {
            futex::wait(watched, futex::Until::Monotonic(until));
        }
    }

    /// Whether the pipe's last server end was closed, or found dead. One that was killed is not known by this.
    pub(crate) fn has_ended(&self) -> bool {
        self.map.word(AT_ENDED).load(Ordering::Acquire) != 0
    }

    pub(super) fn end(&self) {
        self.map.word(AT_ENDED).store(1, Ordering::Release);
        self.tell_news();
    }

    /// The next turn in the order of listening instances.
    pub(crate) fn next_turn(&self) -> u64 {
        self.map.word(AT_SEQUENCE).fetch_add(1, Ordering::AcqRel) + 1
    }

    /// How many turns there were.
    pub(crate) fn turns(&self) -> u64 {
        self.map.word(AT_SEQUENCE).load(Ordering::Relaxed)
    }

    /// Differs between pipes that have the same name one after the other.
    pub(crate) fn tag(&self) -> u64 {
        self.map.word(AT_TAG).load(Ordering::Relaxed)
    }

    pub(super) fn page_word(&self, at: usize) -> &AtomicU64 {
        self.map.word(at)
    }

    /// How many slots were ever used: the others have no memory yet.
    pub(crate) fn used(&self) -> u32 {
        let used = self.map.word(AT_USED).load(Ordering::Acquire);
        u32::try_from(used).unwrap_or(SLOTS).min(SLOTS)
    }

    pub(crate) fn hint(&self, slot: u32) -> Hint {
        Hint::from_word(self.hint_word(slot).load(Ordering::Acquire))
    }

    pub(crate) fn set_hint(&self, slot: u32, hint: Hint) {
        self.hint_word(slot).store(hint.word(), Ordering::Release);
        if hint == Hint::Free {
            let first = self.map.word(AT_FIRST_FREE);
            first.fetch_min(u64::from(slot), Ordering::AcqRel);
        }
    }

    /// Changes the hint if it still stands as it was seen; returns whether it did.
    pub(crate) fn change_hint(&self, slot: u32, seen: Hint, hint: Hint) -> bool {
        self.hint_word(slot)
            .compare_exchange(
                seen.word(),
                hint.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// The listening instance that is next after turn `after`, with its turn.
    pub(crate) fn next_listening(&self, after: u64) -> Option<(u64, u32)> {
        (0..self.used())
            .filter_map(|slot| match self.hint(slot) {
                Hint::Listening(turn) if turn > after => Some((turn, slot)),
                _ => None,
            })
            .min()
    }

    /// The slots that have an instance, or had one that died.
    pub(crate) fn taken(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.used()).filter(|slot| self.hint(*slot) != Hint::Free)
    }

    pub(crate) fn row(&self, slot: u32, column: Column) -> &AtomicU64 {
        self.map.word(row_at(self.base, slot) + column as usize)
    }

    fn hint_word(&self, slot: u32) -> &AtomicU64 {
        self.map.word(hint_at(self.base, slot))
    }

    /// Finds a free slot from `from` on, among those that were used before. The name is locked against change.
    pub(super) fn free_slot(&self, from: u32) -> Option<u32> {
        let first = self.map.word(AT_FIRST_FREE).load(Ordering::Acquire);
        let start = u32::try_from(first).unwrap_or(SLOTS).max(from);
        let found = (start..self.used()).find(|slot| self.hint(*slot) == Hint::Free);
        if from == 0 {
            // Nobody frees a slot meanwhile: that takes the same lock.
            let next = found.unwrap_or_else(|| self.used());
            let first = self.map.word(AT_FIRST_FREE);
            first.store(u64::from(next), Ordering::Release);
        }
        found
    }

    /// Puts memory behind one more slot. The name is locked against change.
    ///
    /// # Errors
    /// All slots are used (`ENOSPC` too), or no memory is left.
    pub(super) fn grow(&self, file: impl AsFd) -> io::Result<u32> {
        let slot = self.used();
        if slot >= SLOTS {
            return Err(io::Error::from_raw_os_error(tong_sys::errno::ENFILE));
        }
        if slot % STEP == 0 {
            let (hints, rows) = (
                hint_at(self.base, slot) as u64,
                row_at(self.base, slot) as u64,
            );
            dir::stretch(&file, rows + 4096)?;
            // The first rows of a block lie right behind its hints.
            let from = if slot as usize % BLOCK_SLOTS == 0 {
                hints
            } else {
                rows
            };
            memory::reserve(&file, from, rows + 4096 - from)?;
        }
        let used = self.map.word(AT_USED);
        used.store(u64::from(slot) + 1, Ordering::Release);
        Ok(slot)
    }
}

/// Where the hint of a slot lies in a file whose page has `base` bytes.
fn hint_at(base: usize, slot: u32) -> usize {
    let slot = slot as usize;
    base + slot / BLOCK_SLOTS * BLOCK_LEN + slot % BLOCK_SLOTS * 8
}

fn row_at(base: usize, slot: u32) -> usize {
    let slot = slot as usize;
    base + slot / BLOCK_SLOTS * BLOCK_LEN + HINTS_LEN + slot % BLOCK_SLOTS * ROW_LEN
}

/// A copy of a page with its slots, for whoever may only read the file.
#[derive(Debug)]
pub(crate) struct Copy {
    bytes: Vec<u8>,
    base: usize,
}

impl Copy {
    /// Copies what the file holds now.
    pub(super) fn read(file: impl AsFd, page_len: u64) -> io::Result<Copy> {
        let base = usize::try_from(page_len).map_err(|_| io::ErrorKind::InvalidData)?;
        let most = base + SLOTS as usize / BLOCK_SLOTS * BLOCK_LEN;
        let len = usize::try_from(dir::file_len(&file)?).unwrap_or(most);
        let mut bytes = vec![0; len.min(most)];
        let read = dir::read_at(&file, 0, &mut bytes)?;
        bytes.truncate(read);
        Ok(Copy { bytes, base })
    }

    fn word(&self, at: usize) -> u64 {
        let word = self.bytes.get(at..at + 8);
        word.and_then(|word| word.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    }

    pub(super) fn page_word(&self, at: usize) -> u64 {
        self.word(at)
    }

    pub(crate) fn tag(&self) -> u64 {
        self.word(AT_TAG)
    }

    pub(crate) fn news(&self) -> u64 {
        self.word(AT_NEWS)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.word(AT_ENDED) != 0
    }

    pub(crate) fn used(&self) -> u32 {
        let used = self.word(AT_USED);
        u32::try_from(used).unwrap_or(SLOTS).min(SLOTS)
    }

    pub(crate) fn hint(&self, slot: u32) -> Hint {
        Hint::from_word(self.word(hint_at(self.base, slot)))
    }

    pub(crate) fn row(&self, slot: u32, column: Column) -> u64 {
        self.word(row_at(self.base, slot) + column as usize)
    }

    pub(crate) fn next_listening(&self, after: u64) -> Option<(u64, u32)> {
        (0..self.used())
            .filter_map(|slot| match self.hint(slot) {
                Hint::Listening(turn) if turn > after => Some((turn, slot)),
                _ => None,
            })
            .min()
    }

    pub(crate) fn taken(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.used()).filter(|slot| self.hint(*slot) != Hint::Free)
    }
}
