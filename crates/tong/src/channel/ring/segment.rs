//! What both ends of a ring know: the words that they share, and the stretch of the file that frames are in now.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use tong_sys::barrier;
use tong_sys::map::{AtomicU64, Block, Map, Ordering};

use super::{usize_of, Reach};
use crate::channel::layout::{self, Geometry};

/// Mappings start at multiples of this: the largest page of any processor that Linux runs on. The file's division is the
/// same everywhere, so segments start inside a page where pages are larger than 4 KiB.
pub(super) const MAP_STEP: u64 = 64 << 10;

/// Where a frame lies that was pushed, for a writer that changes its stamp later. Keeps the place mapped.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) segment: Segment,
    pub(super) position: u64,
}

impl Place {
    /// Position of the frame.
    pub(in crate::channel) fn position(&self) -> u64 {
        self.position
    }

    /// The frame's stamp. It is that of another frame once the consumer has passed this one.
    pub(in crate::channel) fn stamp(&self) -> &AtomicU64 {
        self.segment.stamp(self.position)
    }
}

/// Offset of the stamp in a frame.
const STAMP: usize = 8;

/// The stretch of the file that frames are in now.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) index: u32,
    map: Arc<Map>,
    /// Offset of the segment in `map`.
    start: usize,
    pub(super) len: u64,
    /// Position of the first byte ever written to the segment since it was entered.
    pub(super) base: u64,
}

impl Segment {
    pub(super) fn first(geometry: Geometry, direction: u32, base_map: &Arc<Map>) -> Segment {
        let start = usize_of(geometry.segment_offset(direction, 0));
        Segment {
            index: 0,
            map: Arc::clone(base_map),
            start,
            len: geometry.segment_len(0),
            base: 0,
        }
    }

    /// The segment `index`, entered at position `base`.
    pub(super) fn open(shared: &Shared, index: u32, base: u64) -> io::Result<Segment> {
        let (offset, len) = (shared.offset(index), shared.geometry.segment_len(index));
        if index == 0 {
            return Ok(Segment {
                index,
                map: Arc::clone(&shared.base),
                start: usize_of(offset),
                len,
                base,
            });
        }
        let lead = offset % MAP_STEP;
        let map = Arc::new(shared.memory.map(offset - lead, usize_of(lead + len))?);
        Ok(Segment {
            index,
            map,
            start: usize_of(lead),
            len,
            base,
        })
    }

    /// Offset in the map of a position; always inside the segment.
    pub(super) fn at(&self, position: u64) -> usize {
        self.start + usize_of(position.wrapping_sub(self.base) & (self.len - 1))
    }

    pub(super) fn set_header(&self, position: u64, kind: u32, len: u32, stamp: u64) {
        let at = self.at(position);
        // Published by the store of the tail.
        self.map
            .word(at)
            .store(u64::from(len) | u64::from(kind) << 32, Ordering::Relaxed);
        self.map.word(at + STAMP).store(stamp, Ordering::Relaxed);
    }

    pub(super) fn stamp(&self, position: u64) -> &AtomicU64 {
        self.map.word(self.at(position) + STAMP)
    }

    pub(super) fn place(&self, position: u64) -> Place {
        Place {
            segment: self.clone(),
            position,
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the word is cut into its two halves"
    )]
    pub(super) fn header(&self, position: u64) -> (u32, u32, u64) {
        let at = self.at(position);
        let word = self.map.word(at).load(Ordering::Relaxed);
        (
            (word >> 32) as u32,
            word as u32,
            self.map.word(at + STAMP).load(Ordering::Relaxed),
        )
    }

    /// The stretches of the segment that a range of positions covers: to the end, and on from the start.
    pub(super) fn stretches(&self, positions: Range<u64>) -> [Range<u64>; 2] {
        let start = positions.start.wrapping_sub(self.base) & (self.len - 1);
        let end = start + (positions.end - positions.start).min(self.len);
        [start..end.min(self.len), 0..end.saturating_sub(self.len)]
    }

    /// Bytes from `position` to the end of the segment, where the ring wraps.
    pub(super) fn until_wrap(&self, position: u64) -> usize {
        self.start + usize_of(self.len) - self.at(position)
    }

    pub(super) fn copy_in(&self, position: u64, bytes: &[u8]) {
        let (before, after) = bytes.split_at(bytes.len().min(self.until_wrap(position)));
        self.map.copy_in(self.at(position), before);
        if !after.is_empty() {
            self.map.copy_in(self.start, after);
        }
    }

    pub(super) fn copy_out(&self, position: u64, bytes: &mut [u8]) {
        let split = bytes.len().min(self.until_wrap(position));
        let (before, after) = bytes.split_at_mut(split);
        self.map.copy_out(self.at(position), before);
        if !after.is_empty() {
            self.map.copy_out(self.start, after);
        }
    }

    pub(super) fn append_to(&self, position: u64, len: usize, target: &mut Vec<u8>) {
        let before = len.min(self.until_wrap(position));
        self.map.append_to(self.at(position), before, target);
        self.map.append_to(self.start, len - before, target);
    }
}

/// What both ends keep about one direction of a channel's memory.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) memory: Arc<Reach>,
    pub(super) base: Arc<Map>,
    pub(super) geometry: Geometry,
    pub(super) direction: u32,
    /// The direction's control block.
    pub(super) control: Block,
}

impl Shared {
    #[inline]
    pub(super) fn word(&self, which: usize) -> &AtomicU64 {
        self.control.word(which)
    }

    /// The word of the direction's list of stretches that were taken back.
    pub(super) fn gap_word(&self, which: usize) -> &AtomicU64 {
        self.base.word(layout::gap_list(self.direction) + which)
    }

    pub(super) fn offset(&self, index: u32) -> u64 {
        self.geometry.segment_offset(self.direction, index)
    }

    pub(super) fn flag(&self, bit: u64) -> bool {
        // Acquire: whoever sees that the other side has closed also sees what it published before.
        self.word(layout::FLAGS).load(Ordering::Acquire) & bit != 0
    }

    /// Sets the flag; returns all flags as they were.
    pub(super) fn set_flag(&self, bit: u64) -> u64 {
        self.word(layout::FLAGS).fetch_or(bit, Ordering::AcqRel)
    }

    /// Clears the flag; returns whether it was set.
    pub(super) fn clear_flag(&self, bit: u64) -> bool {
        self.word(layout::FLAGS).fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// After a store of our position: whether the other side asked to be woken.
    ///
    /// `promised`: the other side runs a barrier here before it sleeps. Once promised it holds for good.
    #[inline]
    pub(super) fn asked_to_wake(
        &self,
        asleep: u64,
        sleepy: u64,
        barrier_bit: u64,
        promised: &mut bool,
    ) -> bool {
        // Keeps the store of the position before the load of the flags.
        if *promised {
            barrier::light();
        } else {
            barrier::full();
        }
        let flags = self.word(layout::FLAGS).load(Ordering::Relaxed);
        if !*promised && flags & barrier_bit != 0 {
            *promised = barrier::ready();
        }
        flags & sleepy != 0 || (flags & asleep != 0 && self.clear_flag(asleep))
    }
}
