//! The storage under a handle table: places that never move, found by index in a few instructions.
//!
//! The indices are two halves. The table itself hands out those of the lower one; those of the upper one are chosen by
//! other processes that push handles into this one, so that neither has to ask the other.
//!
//! The places of a half come in chunks, each twice as large as the one before, made when first needed. A chunk stays where it
//! is, so a look-up takes no lock at all.
//!
//! Free places are used again in the order in which they became free, and only while more than [`QUARANTINE`] of them
//! wait: that spreads the generations, so that a stale handle is noticed for as long as possible.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use tong_sys::latch::Latch;
use tong_sys::slot::Slot;

use super::entry::Entry;
use super::{Handle, INDEX_BITS};

/// The first index of the upper half.
pub(super) const UPPER: u32 = 1 << (INDEX_BITS - 1);
/// Places of the first chunk.
const FIRST: u32 = 64;
/// Chunks of a half at most: 64 + 128 + ... reach 2^23 places with the eighteenth.
const CHUNKS: usize = 18;
/// Free places that are kept out of use.
const QUARANTINE: usize = 32;

/// One place of the table.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Counts how often the place was emptied; the lowest bits are in the handle's value.
    generation: AtomicU32,
    /// What the handle leads to, under the handle's value.
    pub(super) slot: Slot<Entry>,
}

impl Place {
    /// The handle that this place gives next, or gives now.
    pub(super) fn handle(&self, index: u32) -> Handle {
        Handle::new(index, self.generation.load(Ordering::Relaxed))
    }

    /// Makes the place give this handle next.
    pub(super) fn expect(&self, handle: Handle) {
        self.generation
            .store(handle.generation(), Ordering::Relaxed);
    }

    /// Notes that the place was emptied.
    pub(super) fn age(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

type Chunk = OnceLock<Box<[Place]>>;

/// All places of a table.
#[derive(Debug)]
pub(super) struct Slots {
    halves: [[Chunk; CHUNKS]; 2],
    free: Latch<Free>,
}

/// Which places of the lower half may be taken next.
#[derive(Debug)]
struct Free {
    /// Emptied places, the one that waits longest in front.
    emptied: VecDeque<u32>,
    /// The first place that was never used.
    unused: u32,
    /// Below `unused`, places that were jumped over. Highest first.
    skipped: Vec<u32>,
    /// Places that there may be.
    limit: u32,
}

impl Slots {
    /// Storage for at most `limit` entries. Place 0 is never used, so that no handle is zero.
    pub(super) fn new(limit: u32) -> Slots {
        let free = Free {
            emptied: VecDeque::new(),
            unused: 1,
            skipped: Vec::new(),
            limit: limit.min(UPPER - 1),
        };
        Slots {
            halves: [const { [const { OnceLock::new() }; CHUNKS] }; 2],
            free: Latch::new(free),
        }
    }

    /// Reserves a place that nobody else will take until it is given back; `None` if all are taken.
    pub(super) fn take(&self) -> Option<u32> {
        self.free.with(|free| {
            if let Some(index) = free.skipped.pop() {
                return Some(index);
            }
            let full = free.unused > free.limit;
            if free.emptied.len() > QUARANTINE || full {
                return free.emptied.pop_front();
            }
            free.unused += 1;
            Some(free.unused - 1)
        })
    }

    /// Reserves a certain place of the lower half in a table that has handed out none behind it; `false` if it has.
    pub(super) fn take_at(&self, index: u32) -> bool {
        self.free.with(|free| {
            if index < free.unused || index > free.limit {
                return false;
            }
            let skipped = (free.unused..index).rev();
            free.skipped.splice(0..0, skipped);
            free.unused = index + 1;
            true
        })
    }

    /// Gives back a place of the lower half that was emptied.
    pub(super) fn give_back(&self, index: u32) {
        self.free.with(|free| free.emptied.push_back(index));
    }

    /// One more than the highest index of the lower half ever taken.
    pub(super) fn end(&self) -> u32 {
        self.free.with(|free| free.unused)
    }

    /// The place of this index; `None` if its chunk was never needed.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Place> {
        let (half, chunk, offset) = locate(index);
        self.halves[half].get(chunk)?.get()?.get(offset)
    }

    /// The place of an index that was taken; makes its chunk if need be.
    pub(super) fn get_or_make(&self, index: u32) -> &Place {
        let (half, chunk, offset) = locate(index);
        &self.halves[half][chunk].get_or_init(|| new_chunk(chunk))[offset]
    }

    /// The indices of all places that exist. Chunks in between may be missing: a child makes those that it inherits into.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let end = self.end();
        let lower = self.made(0).filter(move |index| (1..end).contains(index));
        lower.chain(self.made(1))
    }

    /// The indices of the places that one half has.
    fn made(&self, half: usize) -> impl Iterator<Item = u32> + '_ {
        let first = if half == 0 { 0 } else { UPPER };
        let chunks = self.halves[half].iter().enumerate();
        let made = chunks.filter_map(move |(chunk, places)| {
            let len = u32::try_from(places.get()?.len()).ok()?;
            let start = first + (FIRST << chunk) - FIRST;
            Some(start..start + len)
        });
        made.flatten()
    }
}

fn new_chunk(chunk: usize) -> Box<[Place]> {
    (0..(FIRST as usize) << chunk)
        .map(|_| Place::default())
        .collect()
}

/// Half, chunk and offset of an index: chunk `k` of a half begins at its index 64 * (2^k - 1).
#[inline]
fn locate(index: u32) -> (usize, usize, usize) {
    let half = index >> (INDEX_BITS - 1) & 1;
    let shifted = (index & (UPPER - 1)) + FIRST;
    let chunk = shifted.ilog2() - FIRST.ilog2();
    let offset = shifted - (FIRST << chunk);
    (half as usize, chunk as usize, offset as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_without_gap_or_overlap() {
        for half in 0..2 {
            let mut expected = (half as usize, 0, 0);
            for index in 0..100_000 {
                assert_eq!(locate(half * UPPER + index), expected, "index {index}");
                expected.2 += 1;
                if expected.2 == (FIRST as usize) << expected.1 {
                    expected = (half as usize, expected.1 + 1, 0);
                }
            }
        }
        assert!(locate(UPPER - 1).1 < CHUNKS);
        assert!(locate((1 << INDEX_BITS) - 1).1 < CHUNKS);
    }

    #[test]
    fn places_are_found_behind_chunks_that_were_never_made() {
        let slots = Slots::new(10_000);
        assert!(slots.take_at(5_000));
        slots.get_or_make(5_000);
        slots.get_or_make(UPPER + 300);
        let found: Vec<u32> = slots.indices().collect();
        assert!(found.contains(&5_000) && found.contains(&(UPPER + 300)));
        assert!(!found.contains(&0) && !found.contains(&64));
    }

    #[test]
    fn emptied_places_wait_before_they_are_used_again() {
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

    #[test]
    fn places_that_were_jumped_over_are_used_first() {
        let slots = Slots::new(1_000);
        assert!(slots.take_at(3));
        assert!(slots.take_at(6));
        assert!(!slots.take_at(6) && !slots.take_at(2));
        let taken: Vec<_> = (0..5).map(|_| slots.take().unwrap()).collect();
        assert_eq!(taken, [1, 2, 4, 5, 7]);
    }
}
