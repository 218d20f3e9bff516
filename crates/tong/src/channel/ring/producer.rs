//! The writing end of one direction.

use std::ops::Range;

use tong_sys::barrier;
use tong_sys::map::{AtomicU64, Ordering};

use super::segment::{Place, Segment, Shared};
use super::{settle, usize_of, Corrupt, PushError, DATA, MOVE};
use crate::channel::layout::{self, flag, FRAME_ALIGN};

/// Looks at the head, in a row, that find the ring nearly empty before the producer moves to a smaller segment.
const LOW_LOOKS: u32 = 16;

/// Memory is reserved behind a segment in steps that double from this.
const RESERVE_MIN: u64 = 16 << 10;
/// Largest such step.
const RESERVE_MAX: u64 = 1 << 20;
/// Most stretches whose memory is given back before the consumer leaves them behind.
const MOST_HOLES: usize = 64;

/// The writing end of one direction.
#[derive(Debug)]
pub struct Producer {
    pub(super) shared: Shared,
    pub(super) segment: Segment,
    /// Which of the two words says where the segment is.
    pub(super) seat: usize,
    /// Ours; the shared word follows it.
    pub(super) tail: u64,
    /// The consumer's position as last seen, checked.
    pub(super) head: u64,
    pub(super) written: u64,
    /// Bytes from the start of the segment that memory stands behind.
    pub(super) reserved: u64,
    quota_bytes: u64,
    pub(super) low_looks: u32,
    /// The larger segment that was left last, and where in it the move frame is. Not entered again before the consumer
    /// has passed that frame: until then it reads there, and then it gives the memory back.
    pub(super) left_above: Option<(u32, u64)>,
    /// Stretches of the segment whose memory was given back although it is reserved.
    pub(super) holes: Vec<Range<u64>>,
    /// The consumer runs our barrier for us before it sleeps.
    promised: bool,
}

impl Producer {
    pub(super) fn new(shared: Shared, quota_bytes: u64) -> Producer {
        let segment = Segment::first(shared.geometry, shared.direction, &shared.base);
        if barrier::ready() {
            shared.set_flag(flag::PRODUCER_BARRIER);
        }
        let inner_len = shared.geometry.segment_len(0);
        Producer {
            promised: false,
            shared,
            segment,
            seat: 0,
            tail: 0,
            head: 0,
            written: 0,
            reserved: inner_len,
            quota_bytes,
            low_looks: 0,
            left_above: None,
            holes: Vec::new(),
        }
    }

    /// Publishes one message; returns whether the consumer sleeps and wants its bell rung.
    ///
    /// # Errors
    /// In this order: the consumer's words make no sense; the message does not fit within the quota; no memory.
    pub fn push(&mut self, stamp: u64, message: &[u8]) -> Result<bool, PushError> {
        let Ok(len) = u32::try_from(message.len()) else {
            return Err(PushError::Full);
        };
        let need = layout::frame_len(message.len());
        let at = if self.fits(need) {
            self.tail
        } else {
            self.make_room(need)?
        };
        self.reserve(at + need)?;
        self.segment.set_header(at, DATA, len, stamp);
        self.segment.copy_in(at + FRAME_ALIGN, message);
        Ok(self.publish(at + need))
    }

    /// Where the frame of the last push is, whose message had `len` bytes.
    pub(in crate::channel) fn last_place(&self, len: usize) -> Place {
        self.segment.place(self.tail - layout::frame_len(len))
    }

    /// Gives the memory behind part of a message back that nobody will read, from `offset` of its `len` bytes on.
    pub(in crate::channel) fn discard(&mut self, place: &Place, offset: u64, len: u64) {
        let start = place.position + FRAME_ALIGN;
        let segment = &place.segment;
        let here = (segment.index, segment.base) == (self.segment.index, self.segment.base);
        for hole in segment.stretches(start + offset..start + len) {
            if hole.is_empty() || segment.index == 0 || (here && self.holes.len() >= MOST_HOLES) {
                continue;
            }
            let at = self.shared.offset(segment.index) + hole.start;
            // If it fails, the memory comes back when the consumer leaves the segment.
            let given = self.shared.memory.release(at, hole.end - hole.start);
            if here && given.is_ok() {
                self.note_hole(hole);
            }
        }
    }

    /// Remembers a stretch without memory; one that follows another across a header or two lengthens that.
    fn note_hole(&mut self, hole: Range<u64>) {
        match self.holes.last_mut() {
            Some(last) if hole.start.wrapping_sub(last.end) <= 4 * FRAME_ALIGN => {
                last.end = hole.end;
            }
            _ => self.holes.push(hole),
        }
    }

    /// A word of the direction's control block.
    #[inline]
    pub(in crate::channel) fn word(&self, which: usize) -> &AtomicU64 {
        self.shared.word(which)
    }

    /// A word of the direction's list of stretches that were taken back.
    pub(in crate::channel) fn gap_word(&self, which: usize) -> &AtomicU64 {
        self.shared.gap_word(which)
    }

    /// Position after the last frame.
    pub(in crate::channel) fn tail(&self) -> u64 {
        self.tail
    }

    /// The consumer's position as last seen.
    pub(in crate::channel) fn seen_head(&self) -> u64 {
        self.head
    }

    /// Length of the message at the consumer's position as last seen, if it is in the producer's segment.
    pub(in crate::channel) fn front_len(&self) -> Option<u64> {
        let base = self.segment.base;
        // The base follows a move frame, which a consumer passes together with the next message.
        let front = if self.head + FRAME_ALIGN == base {
            base
        } else {
            self.head
        };
        if front < base || front >= self.tail {
            return None;
        }
        let (kind, len, _) = self.segment.header(front);
        (kind == DATA).then_some(u64::from(len))
    }

    /// Takes a new look at the consumer's position.
    pub(in crate::channel) fn look(&mut self) -> Result<u64, Corrupt> {
        let claim = self.shared.word(layout::HEAD).load(Ordering::Acquire);
        self.accept_head(claim)?;
        Ok(claim)
    }

    /// Asks the consumer to ring when it moves on; whoever did looks once more before it sleeps.
    pub(in crate::channel) fn ask_to_ring(&self) {
        self.shared.set_flag(flag::PRODUCER_ASLEEP);
        settle();
    }

    /// Takes the question of [`Producer::ask_to_ring`] back.
    pub(in crate::channel) fn stay_awake(&self) {
        self.shared.clear_flag(flag::PRODUCER_ASLEEP);
    }

    /// After a store that concerns the consumer: whether it sleeps and wants its bell rung.
    #[inline]
    pub(in crate::channel) fn asked_to_wake(&mut self) -> bool {
        self.shared.asked_to_wake(
            flag::CONSUMER_ASLEEP,
            flag::CONSUMER_SLEEPY,
            flag::CONSUMER_BARRIER,
            &mut self.promised,
        )
    }

    /// Whether the consumer has closed.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        self.shared.flag(flag::CONSUMER_CLOSED)
    }

    /// Tells the consumer that no more will come; returns whether it sleeps and wants its bell rung.
    pub fn close(&self) -> bool {
        let asleep = flag::CONSUMER_ASLEEP | flag::CONSUMER_SLEEPY;
        self.shared.set_flag(flag::PRODUCER_CLOSED) & asleep != 0
    }

    /// Whether everything written was consumed, by the consumer's word.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.word(layout::HEAD).load(Ordering::Acquire) == self.tail
    }

    /// Whether the consumer has moved on since the last look. Cheap: one load.
    #[must_use]
    pub fn peer_moved(&self) -> bool {
        self.shared.word(layout::HEAD).load(Ordering::Relaxed) != self.head
    }

    /// Length in bytes of the longest message that fits when nothing else is queued.
    #[must_use]
    pub fn longest_message(&self) -> usize {
        let geometry = self.shared.geometry;
        // A frame needs its own header, and the segment keeps room for a move frame. One of the two largest is always
        // there to move to.
        let segment = geometry.segment_len((geometry.later - 1).max(1)) - 2 * FRAME_ALIGN;
        usize_of(segment.min(self.quota_bytes.saturating_sub(FRAME_ALIGN)) & !(FRAME_ALIGN - 1))
            .min(u32::MAX as usize)
    }

    /// Whether a message of that length can never be pushed.
    #[must_use]
    pub fn never_fits(&self, len: usize) -> bool {
        len > self.longest_message()
    }

    /// Asks the consumer to ring when it moves on; returns `false` if it has already gone beyond the last look.
    ///
    /// # Errors
    /// [`Corrupt`] if its position makes no sense.
    pub fn sleep_until_read(&mut self) -> Result<bool, Corrupt> {
        self.ask_to_ring();
        let (seen, claim) = (
            self.head,
            self.shared.word(layout::HEAD).load(Ordering::Acquire),
        );
        if claim == seen {
            return Ok(true);
        }
        self.stay_awake();
        self.accept_head(claim)?;
        Ok(false)
    }

    /// Room in the segment beside what is queued, with 16 bytes kept for a move, and room in the quota.
    fn fits(&self, need: u64) -> bool {
        // Frames of earlier segments take no room in this one.
        let used = self.tail - self.head.max(self.segment.base);
        used + need + FRAME_ALIGN <= self.segment.len
            && self.tail - self.head + need <= self.quota_bytes
    }

    /// Looks at the head again, and moves to another segment if that is called for; returns where the frame goes.
    fn make_room(&mut self, need: u64) -> Result<u64, PushError> {
        self.look()?;
        if self.tail - self.head + need > self.quota_bytes {
            return Err(PushError::Full);
        }
        if !self.fits(need) {
            return self.move_to(self.larger(need)?, need);
        }
        match self.smaller(need) {
            Some(index) => self.move_to(index, need),
            None => Ok(self.tail),
        }
    }

    fn accept_head(&mut self, claim: u64) -> Result<(), Corrupt> {
        if claim < self.head || claim > self.tail || claim % FRAME_ALIGN != 0 {
            return Err(Corrupt);
        }
        self.head = claim;
        Ok(())
    }

    /// The next segment in which the frame has room and some to spare, or else the last.
    fn larger(&self, need: u64) -> Result<u32, PushError> {
        let geometry = self.shared.geometry;
        let in_use = match self.left_above {
            Some((index, move_frame)) if self.head <= move_frame => Some(index),
            _ => None,
        };
        let mut above =
            (self.segment.index + 1..=geometry.later).filter(|index| Some(*index) != in_use);
        let wanted = need.saturating_mul(4);
        let found = above
            .clone()
            .find(|index| geometry.segment_len(*index) >= wanted);
        found
            .or_else(|| above.next_back())
            .filter(|index| geometry.segment_len(*index) >= need + FRAME_ALIGN)
            .ok_or(PushError::Full)
    }

    /// A smaller segment, if the last looks found this one nearly empty.
    fn smaller(&mut self, need: u64) -> Option<u32> {
        let used = self.tail - self.head + need;
        let only_this_segment = self.head >= self.segment.base;
        if self.segment.index <= 1 || !only_this_segment || used > self.segment.len / 8 {
            self.low_looks = 0;
            return None;
        }
        self.low_looks += 1;
        if self.low_looks < LOW_LOOKS {
            return None;
        }
        self.low_looks = 0;
        (1..self.segment.index).find(|index| self.shared.geometry.segment_len(*index) >= used * 4)
    }

    /// Leaves a move frame and enters the segment; returns where its first frame, of `need` bytes, goes. Nothing is
    /// published yet.
    fn move_to(&mut self, index: u32, need: u64) -> Result<u64, PushError> {
        let base = self.tail + FRAME_ALIGN;
        let next = Segment::open(&self.shared, index, base).map_err(PushError::NoMemory)?;
        // The 16 bytes for this frame were kept free and reserved with the frame before it.
        self.reserve(base)?;
        // Before the move: a push that failed after it would leave it behind, and the next one might move again.
        let reserved = (need + FRAME_ALIGN).max(RESERVE_MIN).min(next.len);
        self.shared
            .memory
            .reserve(self.shared.offset(index), reserved)
            .map_err(PushError::NoMemory)?;
        self.segment.set_header(self.tail, MOVE, index, 0);
        if index < self.segment.index {
            self.left_above = Some((self.segment.index, self.tail));
            self.shared.word(layout::LEFT_ABOVE).store(
                layout::seat(self.segment.index, self.tail),
                Ordering::Relaxed,
            );
        }
        // Counts from the tail that covers its base on; until then the other word does.
        self.seat = 1 - self.seat;
        self.shared
            .word(layout::PRODUCER_SEATS[self.seat])
            .store(layout::seat(index, base), Ordering::Relaxed);
        self.segment = next;
        self.holes.clear();
        self.tail = base;
        self.reserved = reserved;
        Ok(base)
    }

    /// Makes sure that memory stands behind the segment up to the position `end`, and for a move frame after it.
    fn reserve(&mut self, end: u64) -> Result<(), PushError> {
        if !self.holes.is_empty() {
            self.fill_holes(self.tail..end + FRAME_ALIGN)?;
        }
        let wanted = (end - self.segment.base + FRAME_ALIGN).min(self.segment.len);
        if wanted <= self.reserved {
            return Ok(());
        }
        let step = self.reserved.clamp(RESERVE_MIN, RESERVE_MAX);
        let until = wanted.max(self.reserved + step).min(self.segment.len);
        let offset = self.shared.offset(self.segment.index) + self.reserved;
        self.shared
            .memory
            .reserve(offset, until - self.reserved)
            .map_err(PushError::NoMemory)?;
        self.reserved = until;
        Ok(())
    }

    /// Puts memory behind the stretches again that a range of positions touches.
    #[cold]
    fn fill_holes(&mut self, positions: Range<u64>) -> Result<(), PushError> {
        let wanted = self.segment.stretches(positions);
        let touches = |hole: &Range<u64>| {
            wanted
                .iter()
                .any(|range| hole.start < range.end && range.start < hole.end)
        };
        let base = self.shared.offset(self.segment.index);
        while let Some(index) = self.holes.iter().position(touches) {
            let hole = &self.holes[index];
            self.shared
                .memory
                .reserve(base + hole.start, hole.end - hole.start)
                .map_err(PushError::NoMemory)?;
            self.holes.swap_remove(index);
        }
        Ok(())
    }

    fn publish(&mut self, tail: u64) -> bool {
        self.tail = tail;
        self.written += 1;
        self.shared
            .word(layout::WRITTEN)
            .store(self.written, Ordering::Relaxed);
        // Release: the frame before the position.
        self.shared
            .word(layout::TAIL)
            .store(tail, Ordering::Release);
        self.asked_to_wake()
    }
}
