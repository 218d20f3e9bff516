//! Going on with an end that another process had before.
//!
//! # Order
//! A producer that moves stores where to (in the older of two words), then publishes the tail: the word whose base is the
//! greatest that the tail covers is the right one, whenever it was killed. A consumer that follows a move stores where it
//! is, gives the old segment's memory back, and publishes its head with the next message: a base one row beyond the
//! head says that the move was followed.

use std::io;

use tong_sys::map::Ordering;

use super::consumer::Consumer;
use super::producer::Producer;
use super::segment::{Segment, Shared};
use crate::channel::layout::{self, flag, FRAME_ALIGN};

/// Positions that are not believed: no direction ever carries so much.
pub(in crate::channel) const BEYOND: u64 = 1 << 60;

fn nonsense() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl Producer {
    /// Takes up the state of the shared words, which whoever had this end before left there.
    ///
    /// # Errors
    /// `InvalidData` if they make no sense; what mmap reports. Then this end is as it was.
    pub fn reload(&mut self) -> io::Result<()> {
        let tail = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        let head = self.shared.word(layout::HEAD).load(Ordering::Acquire);
        let (seat, index, base) = self.covered_seat(tail)?;
        let sound = tail < BEYOND
            && tail % FRAME_ALIGN == 0
            && head % FRAME_ALIGN == 0
            && head <= tail
            && tail - head.max(base) + FRAME_ALIGN <= self.shared.geometry.segment_len(index);
        if !sound {
            return Err(nonsense());
        }
        if (index, base) != (self.segment.index, self.segment.base) {
            self.segment = Segment::open(&self.shared, index, base)?;
            self.low_looks = 0;
            self.holes.clear();
            // At least that much was reserved, and a lie about it must not make us reserve what nobody writes.
            self.reserved = (tail - base + FRAME_ALIGN).min(self.segment.len);
            if index == 0 {
                self.reserved = self.segment.len;
            }
        }
        let (left, at) =
            layout::unseat(self.shared.word(layout::LEFT_ABOVE).load(Ordering::Relaxed));
        self.left_above = (left != 0).then_some((left, at));
        self.seat = seat;
        self.tail = tail;
        self.head = head;
        let written = self.shared.word(layout::WRITTEN).load(Ordering::Relaxed);
        self.written = written.min(BEYOND);
        Ok(())
    }

    /// Which word says where the segment is, and what it says.
    fn covered_seat(&self, tail: u64) -> io::Result<(usize, u32, u64)> {
        let read = |which: usize| {
            let word = self.shared.word(layout::PRODUCER_SEATS[which]);
            let (index, base) = layout::unseat(word.load(Ordering::Relaxed));
            (which, index, base)
        };
        [read(0), read(1)]
            .into_iter()
            .filter(|(_, _, base)| *base <= tail)
            .max_by_key(|(_, _, base)| *base)
            .filter(|(_, index, _)| *index <= self.shared.geometry.later)
            .ok_or_else(nonsense)
    }
}

impl Consumer {
    /// Takes up the state of the shared words, which whoever had this end before left there.
    ///
    /// # Errors
    /// `InvalidData` if they make no sense; what mmap reports. Then this end is as it was.
    pub fn reload(&mut self) -> io::Result<()> {
        let mut head = self.shared.word(layout::HEAD).load(Ordering::Acquire);
        let (index, base) = layout::unseat(
            self.shared
                .word(layout::CONSUMER_SEAT)
                .load(Ordering::Acquire),
        );
        if head >= BEYOND || head % FRAME_ALIGN != 0 || index > self.shared.geometry.later {
            return Err(nonsense());
        }
        if base > head {
            head += FRAME_ALIGN;
        }
        if base > head {
            return Err(nonsense());
        }
        if (index, base) != (self.segment.index, self.segment.base) {
            self.segment = Segment::open(&self.shared, index, base)?;
        }
        self.just_moved = base == head && base != 0;
        self.head = head;
        // Whatever the tail is, it is looked at anew.
        self.tail = head;
        let read = self.shared.word(layout::READ).load(Ordering::Relaxed);
        self.read = read.min(BEYOND);
        self.sleepy &= Shared::flag(&self.shared, flag::CONSUMER_SLEEPY);
        Ok(())
    }
}
