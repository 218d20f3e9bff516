//! The storage under a handle table: slots that never move, found by index in a few instructions.
//!
//! Slots come in chunks, each twice as large as the one before, made when first needed. A chunk stays where it is, so a
//! look-up takes no lock of the table, only the read lock of its one slot.
//!
//! Free slots are used again in the order in which they became free, and only while more than [`QUARANTINE`] of them
//! wait: that spreads the generations, so that a stale handle is noticed for as long as possible.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Entry;

/// Slots of the first chunk.
const FIRST: u32 = 64;
/// Chunks at most: 64 + 128 + ... reach 2^24 slots with the nineteenth.
const CHUNKS: usize = 19;
/// Free slots that are kept out of use.
const QUARANTINE: usize = 32;

/// One place of the table.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Counts how often the slot was emptied; the lowest bits are in the handle's value.
    pub(super) generation: u32,
    /// What the handle leads to, if the slot is taken.
    pub(super) entry: Option<Entry>,
}

/// All places of a table.
#[derive(Debug)]
pub(super) struct Slots {
    chunks: [OnceLock<Box<[RwLock<Slot>]>>; CHUNKS],
    free: Mutex<Free>,
}

/// Which places may be taken next.
#[derive(Debug)]
struct Free {
    /// Emptied slots, the one that waits longest in front.
    emptied: VecDeque<u32>,
    /// The first slot that was never used.
    unused: u32,
    /// Slots that there may be.
    limit: u32,
}

impl Slots {
    /// Storage for at most `limit` entries. Slot 0 is never used, so that no handle is zero.
    pub(super) fn new(limit: u32) -> Slots {
        let free = Free {
            emptied: VecDeque::new(),
            unused: 1,
            limit,
        };
        Slots {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(free),
        }
    }

    /// Reserves a slot that nobody else will take until it is given back; `None` if all are taken.
    pub(super) fn take(&self) -> Option<u32> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let full = free.unused > free.limit;
        if free.emptied.len() > QUARANTINE || full {
            return free.emptied.pop_front();
        }
        free.unused += 1;
        Some(free.unused - 1)
    }

    /// Gives back a slot that was emptied.
    pub(super) fn give_back(&self, index: u32) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.emptied.push_back(index);
    }

    /// One more than the highest index ever taken.
    pub(super) fn end(&self) -> u32 {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unused
    }

    /// The slot of this index for reading; `None` if its chunk was never needed.
    #[inline]
    pub(super) fn read(&self, index: u32) -> Option<RwLockReadGuard<'_, Slot>> {
        let slot = self.slot(index)?;
        Some(slot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The slot of this index for writing; `None` if its chunk was never needed.
    pub(super) fn write(&self, index: u32) -> Option<RwLockWriteGuard<'_, Slot>> {
        let slot = self.slot(index)?;
        Some(slot.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The slot of an index that was taken, for writing; makes its chunk if need be.
    pub(super) fn write_new(&self, index: u32) -> RwLockWriteGuard<'_, Slot> {
        let (chunk, offset) = place(index);
        let slots = self.chunks[chunk].get_or_init(|| new_chunk(chunk));
        slots[offset]
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn slot(&self, index: u32) -> Option<&RwLock<Slot>> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }
}

fn new_chunk(chunk: usize) -> Box<[RwLock<Slot>]> {
    (0..(FIRST as usize) << chunk)
        .map(|_| RwLock::default())
        .collect()
}

/// Chunk and offset of an index: chunk `k` begins at index 64 * (2^k - 1).
#[inline]
fn place(index: u32) -> (usize, usize) {
    let shifted = index + FIRST;
    let chunk = shifted.ilog2() - FIRST.ilog2();
    (chunk as usize, (shifted - (FIRST << chunk)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_without_gap_or_overlap() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(place(index), expected, "index {index}");
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place((1 << 24) - 1).0 < CHUNKS);
    }

    #[test]
    fn emptied_slots_wait_before_they_are_used_again() {
        let slots = Slots::new(1_000);
        let first = slots.take().unwrap();
        slots.give_back(first);
        assert_ne!(slots.take(), Some(first));
    }

    #[test]
    fn full_storage_hands_out_what_waits_and_then_nothing() {
        let slots = Slots::new(3);
        let taken: Vec<_> = (0..3).map(|_| slots.take().unwrap()).collect();
        assert_eq!(slots.take(), None);
        slots.give_back(taken[1]);
        assert_eq!(slots.take(), Some(taken[1]));
        assert_eq!(slots.take(), None);
    }
}
