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
//! # Continuing
//! What an end must know to go on lies in shared words, each stored before what depends on it, so that another process
//! can continue where one was killed (`resume.rs`). The words are those of this side, but the peer can write them too:
//! they are claims like all others.
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
mod resume;
mod segment;
mod walk;

use std::io;
use std::sync::Arc;

use tong_sys::barrier;
use tong_sys::map::{Block, Map};
use tong_sys::memory::Memory;

pub use consumer::{Consumer, Frame};
pub use producer::Producer;
pub use segment::Place;
use segment::Shared;
pub(in crate::channel) use walk::Walk;

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
    memory: Arc<Reach>,
    base: Arc<Map>,
    geometry: Geometry,
}

/// How a part of the memory file is got at that is not mapped yet.
#[derive(Debug)]
enum Reach {
    /// Through the file.
    File(Memory),
    /// Through a mapping of the file's start, which costs no descriptor.
    #[cfg(not(loom))]
    Start(Arc<Map>),
}

impl Reach {
    fn map(&self, offset: u64, len: usize) -> io::Result<Map> {
        match self {
            Reach::File(memory) => memory.map(offset, len),
            #[cfg(not(loom))]
            Reach::Start(start) => start.again(usize_of(offset), len),
        }
    }

    fn reserve(&self, offset: u64, len: u64) -> io::Result<()> {
        match self {
            Reach::File(memory) => memory.reserve(offset, len),
            #[cfg(not(loom))]
            Reach::Start(_) => {
                let (map, lead) = self.around(offset, len)?;
                map.populate(lead)
            }
        }
    }

    fn release(&self, offset: u64, len: u64) -> io::Result<()> {
        match self {
            Reach::File(memory) => memory.release(offset, len),
            #[cfg(not(loom))]
            Reach::Start(_) => {
                let (map, lead) = self.around(offset, len)?;
                map.discard(lead)
            }
        }
    }

    /// A mapping that ends with the part, and where in it the part starts.
    #[cfg(not(loom))]
    fn around(&self, offset: u64, len: u64) -> io::Result<(Map, usize)> {
        let lead = offset % segment::MAP_STEP;
        let map = self.map(offset - lead, usize_of(lead + len))?;
        Ok((map, usize_of(lead)))
    }
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
            memory: Arc::new(Reach::File(memory)),
            base,
            geometry,
        })
    }

    /// The memory file, unless its descriptor was closed.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        match &*self.memory {
            Reach::File(memory) => Some(memory),
            #[cfg(not(loom))]
            Reach::Start(_) => None,
        }
    }

    /// The same without a descriptor of the memory file, where the kernel can do what it is needed for by other means.
    #[cfg(not(loom))]
    #[must_use]
    pub(crate) fn without_descriptor(self) -> ChannelMemory {
        match self.base.populate(0) {
            Ok(()) => ChannelMemory {
                memory: Arc::new(Reach::Start(Arc::clone(&self.base))),
                ..self
            },
            Err(_) => self,
        }
    }

    /// A word of the header page that is not the rings'.
    #[cfg(not(loom))]
    pub(crate) fn word(&self, offset: usize) -> &tong_sys::map::AtomicU64 {
        self.base.word(offset)
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
            control: Block::new(Arc::clone(&self.base), layout::control(direction)),
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
