//! The slots of a cell: who waits for it.
//!
//! A slot is one word, so it is there or not, whenever its writer is killed:
//!
//! ```text
//! bit  63        62       61 .......... 47   46 .. 31   30 ....... 0
//!      settled   nudge    index in the wait  -          -
//! ```
//!
//! Slots stand seven to a block of 64 bytes, whose first word leads to the next block. Blocks are added when the others
//! are full, and stay with the cell. Only the holder of the cell's lock writes slots.

use tong_sys::map::{AtomicU64, Ordering};

use super::cell::AT_WAITERS;
use super::ground::{Ground, UNIT};
use super::record::{Who, GENERATION_MASK};
use crate::Result;

/// Words of a block, the first of which leads on.
const WORDS: usize = UNIT / 8;

const INDEX_BITS: u32 = 15;
/// Most objects of a wait.
pub(crate) const INDEX_MAX: usize = (1 << INDEX_BITS) - 1;

/// One waiter's place at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) who: Who,
    /// The object's place in the waiter's list.
    pub(super) index: u32,
    /// The waiter is to be woken, not given the token.
    pub(super) nudge: bool,
    /// The waiter watches the present owner and looks for no other.
    pub(super) settled: bool,
}

impl Slot {
    pub(super) fn word(self) -> u64 {
        // The generation is never 0, so neither is the word.
        u64::from(self.who.generation)
            | u64::from(self.who.number) << 31
            | u64::from(self.index) << 47
            | u64::from(self.nudge) << 62
            | u64::from(self.settled) << 63
    }

    pub(super) fn from_word(word: u64) -> Option<Slot> {
        (word != 0).then_some(Slot {
            who: Who {
                number: (word >> 31) as u32 & 0xffff,
                generation: word as u32 & GENERATION_MASK,
            },
            index: (word >> 47) as u32 & ((1 << INDEX_BITS) - 1),
            nudge: word >> 62 & 1 == 1,
            settled: word >> 63 == 1,
        })
    }
}

/// The first block of the cell at `at`, if it has any that exists.
pub(super) fn first_block(ground: &Ground, at: usize) -> Option<u32> {
    block(ground, ground.word(at + AT_WAITERS))
}

/// The block after the one at `at`.
pub(super) fn next_block(ground: &Ground, at: usize) -> Option<u32> {
    block(ground, ground.word(at))
}

fn block(ground: &Ground, link: &AtomicU64) -> Option<u32> {
    let unit = u32::try_from(link.load(Ordering::Acquire).checked_sub(1)?).ok()?;
    ground.has(unit).then_some(unit)
}

/// The offsets of all slots of a cell, in the order of their making.
#[derive(Debug)]
pub(super) struct Places<'a> {
    ground: &'a Ground,
    block: Option<u32>,
    word: usize,
    /// Blocks left to visit: a chain that somebody bent into a ring must end too.
    left: u32,
}

impl<'a> Places<'a> {
    pub(super) fn of(ground: &'a Ground, at: usize) -> Places<'a> {
        Places {
            ground,
            block: first_block(ground, at),
            word: 1,
            left: 1 << 16,
        }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.word == WORDS {
            self.left = self.left.checked_sub(1)?;
            self.block = next_block(self.ground, self.ground.place(self.block?));
            self.word = 1;
        }
        let at = self.ground.place(self.block?) + self.word * 8;
        self.word += 1;
        Some(at)
    }
}

/// Writes a slot into the first free place, adding a block if there is none; returns where.
pub(super) fn add(ground: &Ground, at: usize, slot: Slot) -> Result<usize> {
    let free =
        Places::of(ground, at).find(|place| ground.word(*place).load(Ordering::Relaxed) == 0);
    let place = match free {
        Some(place) => place,
        None => ground.place(add_block(ground, at)?) + 8,
    };
    ground.word(place).store(slot.word(), Ordering::Release);
    Ok(place)
}

/// Hangs a new block at the end of the chain.
fn add_block(ground: &Ground, at: usize) -> Result<u32> {
    let unit = ground.fresh()?;
    let mut link = at + AT_WAITERS;
    while let Some(block) = block(ground, ground.word(link)) {
        link = ground.place(block);
    }
    ground
        .word(link)
        .store(u64::from(unit) + 1, Ordering::Release);
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_survives_its_word() {
        for slot in [
            Slot {
                who: Who {
                    number: 0xffff,
                    generation: 1,
                },
                index: 0,
                nudge: false,
                settled: true,
            },
            Slot {
                who: Who {
                    number: 0,
                    generation: GENERATION_MASK,
                },
                index: INDEX_MAX as u32,
                nudge: true,
                settled: false,
            },
        ] {
            assert_eq!(Slot::from_word(slot.word()), Some(slot));
        }
        assert_eq!(Slot::from_word(0), None);
    }
}
