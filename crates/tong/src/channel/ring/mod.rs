//! The ring: one producer and one consumer pass frames through shared memory.
//!
//! This is the only module that moves ring positions. A *position* counts the bytes ever written; it only grows, and a
//! frame never changes its place once published. Each side owns one position word and keeps its own copy of it; what it
//! reads of the other side's word is a claim, checked once and then used.
//!
//! # Publishing
//! The producer writes a frame beyond the tail, then stores the tail. A producer killed before the store leaves nothing;
//! after it, the whole message.
//!
//! # Sleeping
//! A consumer about to sleep sets its flag, then looks at the tail once more; a producer stores the tail, then looks at the
//! flag. With a full barrier between the two steps on both sides, at least one sees the other, and no wake-up is lost
//! (`tests/loom.rs` checks it). The producer's barrier would cost more than all else, so where the kernel can, the sleeper
//! pays for both: it runs the producer's barrier on the producer's processor ([`barrier`]), says so
//! with a flag of its own, and the producer leaves its barrier out. The same holds the other way round, for a producer
//! that waits for room.
//!
//! A consumer that sleeps for nearly every message would pay that much each time. It sets another flag once, "ring
//! whenever you publish", and then needs no barrier at all: whatever is not in the tail yet will ring after it is.
//!
//! # Growing
//! A producer that finds no room moves to a segment of at least twice the length: it leaves a *move* frame, for which 16
//! bytes are always kept, and goes on in the new segment. The consumer follows when it gets there and gives the old
//! segment's memory back. A ring that was found nearly empty many times in a row moves back the same way.
//!
//! # Hostile peers
//! A position that runs ahead of what the file can hold, a frame that is longer than what was published, an unknown kind
//! or a move that leads nowhere is [`Corrupt`]: the ring is given up. Nothing read from shared memory is used as an index
//! before it was checked, every offset is masked to the segment, and each step consumes at least one claimed row, so a
//! peer can make its own messages nonsense and nothing else.

mod consumer;
mod producer;
mod segment;

use std::io;
use std::sync::Arc;

use tong_sys::barrier;
use tong_sys::map::Map;
use tong_sys::memory::Memory;

pub use consumer::{Consumer, Frame};
pub use producer::Producer;
use segment::Shared;

use super::layout::{self, Geometry};

/// Frame kind: a whole message.
const DATA: u32 = 1;
/// Frame kind: the next frame is in the segment whose index stands in the length field.
const MOVE: u32 = 2;

/// The peer's words make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Why a message was not published. Nothing of it is visible to the consumer.
#[derive(Debug)]
pub enum PushError {
    /// It does not fit beside what is queued, within the quota.
    Full,
    /// The consumer's words make no sense.
    Corrupt,
    /// The system has no memory to stand behind the ring.
    NoMemory(io::Error),
}

impl From<Corrupt> for PushError {
    fn from(_: Corrupt) -> PushError {
        PushError::Corrupt
    }
}

/// Runs between asking to be woken and the last look before the sleep; one run serves any number of rings. What the other
/// side stored before is seen by that look, and what it stores later it follows with a look at the flag.
pub fn settle() {
    if barrier::ready() {
        barrier::heavy();
    } else {
        barrier::full();
    }
}

/// The memory of a channel, mapped, from which its ends are made.
#[derive(Clone, Debug)]
pub struct ChannelMemory {
    memory: Arc<Memory>,
    base: Arc<Map>,
    geometry: Geometry,
}

impl ChannelMemory {
    /// Makes the memory file of a new channel.
    ///
    /// # Errors
    /// What the system reports: no descriptors, no memory.
    pub fn create(name: &std::ffi::CStr, geometry: Geometry) -> io::Result<ChannelMemory> {
        let memory = Memory::create(name, geometry.file_len())?;
        memory.reserve(0, layout::HEADER_LEN as u64)?;
        let opened = ChannelMemory::open(memory, geometry)?;
        geometry.sign(&opened.base);
        Ok(opened)
    }

    /// Maps memory that a peer made and divided as `geometry` says.
    ///
    /// # Errors
    /// `InvalidData` if the file's length is another; else what mmap reports.
    pub fn open(memory: Memory, geometry: Geometry) -> io::Result<ChannelMemory> {
        if memory.len() != geometry.file_len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let base = Arc::new(memory.map(0, layout::HEADER_LEN)?);
        Ok(ChannelMemory {
            memory: Arc::new(memory),
            base,
            geometry,
        })
    }

    /// The memory file.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How the file is divided.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The producing end of a direction whose ring is fresh. It keeps at most `quota_bytes` queued, headers included.
    #[must_use]
    pub fn producer(&self, direction: u32, quota_bytes: u64) -> Producer {
        Producer::new(self.shared(direction), quota_bytes)
    }

    /// The consuming end of a direction, from the first frame on.
    #[must_use]
    pub fn consumer(&self, direction: u32) -> Consumer {
        Consumer::new(self.shared(direction))
    }

    fn shared(&self, direction: u32) -> Shared {
        Shared {
            memory: Arc::clone(&self.memory),
            base: Arc::clone(&self.base),
            geometry: self.geometry,
            direction,
            control: layout::control(direction),
        }
    }
}

/// Lengths of segments are at most 8 TiB by geometry, and a usize has 64 bits on every platform that tong runs on.
#[allow(
    clippy::cast_possible_truncation,
    reason = "64-bit platforms only, see below"
)]
fn usize_of(value: u64) -> usize {
    const { assert!(usize::BITS >= 64, "tong needs a 64-bit platform") };
    value as usize
}

#[cfg(all(test, not(loom)))]
mod tests;
