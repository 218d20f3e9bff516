//! Looking at messages beyond the head without consuming any.

use std::ops::Range;

use tong_sys::map::Ordering;

use super::consumer::Frame;
use super::segment::{Segment, Shared};
use super::{Corrupt, DATA, MOVE};
use crate::channel::layout::{self, FRAME_ALIGN};

/// A walk over queued messages. Follows moves, and gives nothing back to the system.
#[derive(Debug)]
pub(in crate::channel) struct Walk<'a> {
    shared: &'a Shared,
    segment: Segment,
    /// Position of the message that was found last.
    found: u64,
    next: u64,
    tail: u64,
    just_moved: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        segment: &Segment,
        range: Range<u64>,
        just_moved: bool,
    ) -> Walk<'a> {
        Walk {
            shared,
            segment: segment.clone(),
            found: range.start,
            next: range.start,
            tail: range.end,
            just_moved,
        }
    }

    /// The next message, if there is one, and if its segment can be mapped.
    pub(in crate::channel) fn step(&mut self) -> Result<Option<Frame>, Corrupt> {
        // Ends: each turn goes on by a row at least.
        while self.next != self.tail {
            let (kind, len, stamp) = self.segment.header(self.next);
            match kind {
                DATA => return self.arrive(len as usize, stamp).map(Some),
                MOVE if !self.just_moved => {
                    if !self.follow(len)? {
                        return Ok(None);
                    }
                }
                _ => return Err(Corrupt),
            }
        }
        Ok(None)
    }

    /// The stamp of the message that was found last, as it is now.
    pub(in crate::channel) fn stamp(&self) -> u64 {
        self.segment.stamp(self.found).load(Ordering::Acquire)
    }

    /// Copies part of the message that was found last, which has so many bytes from `offset` on.
    pub(in crate::channel) fn copy_part(&self, offset: u64, buf: &mut [u8]) {
        self.segment
            .copy_out(self.found + FRAME_ALIGN + offset, buf);
    }

    fn arrive(&mut self, len: usize, stamp: u64) -> Result<Frame, Corrupt> {
        let need = layout::frame_len(len);
        if need > self.tail.wrapping_sub(self.next) || need > self.segment.len {
            return Err(Corrupt);
        }
        self.found = self.next;
        self.next += need;
        self.just_moved = false;
        Ok(Frame { len, stamp })
    }

    fn follow(&mut self, index: u32) -> Result<bool, Corrupt> {
        if index > self.shared.geometry.later || index == self.segment.index {
            return Err(Corrupt);
        }
        let base = self.next + FRAME_ALIGN;
        let Ok(segment) = Segment::open(self.shared, index, base) else {
            return Ok(false);
        };
        self.segment = segment;
        self.next = base;
        self.just_moved = true;
        Ok(true)
    }
}
