//! The reading end of one direction.

use tong_sys::barrier;
use tong_sys::map::{AtomicU64, Ordering};

use super::segment::{Segment, Shared};
use super::{settle, Corrupt, Walk, DATA, MOVE};
use crate::channel::layout::{self, flag, FRAME_ALIGN};

/// Messages read between two sleeps beyond which ringing at each of them is a waste.
const STREAK: u32 = 8;

/// A message at the head of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Length of the message in bytes.
    pub len: usize,
    /// When it was written, by its writer's word.
    pub stamp: u64,
}

/// The reading end of one direction.
#[derive(Debug)]
pub struct Consumer {
    pub(super) shared: Shared,
    pub(super) segment: Segment,
    /// Ours; the shared word follows it.
    pub(super) head: u64,
    /// The producer's position as last seen, checked.
    pub(super) tail: u64,
    pub(super) read: u64,
    /// A move was followed and no message has come since; a second move would be nonsense.
    pub(super) just_moved: bool,
    /// The producer was asked to ring at every message.
    pub(super) sleepy: bool,
    /// Messages read since the last sleep.
    streak: u32,
    /// The producer runs our barrier for us before it sleeps.
    promised: bool,
}

impl Consumer {
    pub(super) fn new(shared: Shared) -> Consumer {
        let segment = Segment::first(shared.geometry, shared.direction, &shared.base);
        if barrier::ready() {
            shared.set_flag(flag::CONSUMER_BARRIER);
        }
        Consumer {
            shared,
            segment,
            head: 0,
            tail: 0,
            read: 0,
            just_moved: false,
            promised: false,
            sleepy: false,
            streak: 0,
        }
    }

    /// The oldest message, if there is one. It stays until [`Consumer::advance`].
    ///
    /// # Errors
    /// [`Corrupt`] if the producer's words make no sense; the ring is of no more use.
    #[inline]
    pub fn front(&mut self) -> Result<Option<Frame>, Corrupt> {
        loop {
            if self.head == self.tail && !self.look()? {
                return Ok(None);
            }
            let (kind, len, stamp) = self.segment.header(self.head);
            match kind {
                DATA => return self.checked(len as usize, stamp).map(Some),
                MOVE if !self.just_moved => {
                    if !self.follow(len)? {
                        return Ok(None);
                    }
                }
                _ => return Err(Corrupt),
            }
        }
    }

    /// Whether everything that was seen so far has been consumed. [`Consumer::front`] may have nothing although this is
    /// not so: when its next segment cannot be mapped for want of memory.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.head == self.tail
    }

    /// Copies the message of [`Consumer::front`] to the start of `buf`, which has room for it.
    pub fn copy_to(&self, frame: Frame, buf: &mut [u8]) {
        self.segment
            .copy_out(self.head + FRAME_ALIGN, &mut buf[..frame.len]);
    }

    /// Appends the message of [`Consumer::front`] to `target`.
    pub fn append_to(&self, frame: Frame, target: &mut Vec<u8>) {
        self.segment
            .append_to(self.head + FRAME_ALIGN, frame.len, target);
    }

    /// Consumes the message of [`Consumer::front`]. The producer of this ring never sleeps.
    pub fn advance(&mut self, frame: Frame) {
        self.step(frame);
        // Release: our copy out before the producer may overwrite.
        self.shared
            .word(layout::HEAD)
            .store(self.head, Ordering::Release);
    }

    /// Consumes the message of [`Consumer::front`]; returns whether the producer sleeps and wants its bell rung.
    pub fn advance_and_see(&mut self, frame: Frame) -> bool {
        self.advance(frame);
        self.asked_to_wake()
    }

    /// After a store that concerns the producer: whether it sleeps and wants its bell rung.
    #[inline]
    pub(in crate::channel) fn asked_to_wake(&mut self) -> bool {
        self.shared.asked_to_wake(
            flag::PRODUCER_ASLEEP,
            0,
            flag::PRODUCER_BARRIER,
            &mut self.promised,
        )
    }

    /// A word of the direction's control block.
    #[inline]
    pub(in crate::channel) fn word(&self, which: usize) -> &AtomicU64 {
        self.shared.word(which)
    }

    /// Our position.
    pub(in crate::channel) fn head(&self) -> u64 {
        self.head
    }

    /// The stamp of the message of [`Consumer::front`].
    pub(in crate::channel) fn stamp(&self) -> &AtomicU64 {
        self.segment.stamp(self.head)
    }

    /// Copies part of the message of [`Consumer::front`] out, which has so many bytes from `offset` on.
    pub(in crate::channel) fn copy_part(&self, offset: u64, buf: &mut [u8]) {
        self.segment.copy_out(self.head + FRAME_ALIGN + offset, buf);
    }

    /// A walk over the messages seen so far that consumes none.
    pub(in crate::channel) fn walk(&self) -> Walk<'_> {
        Walk::new(
            &self.shared,
            &self.segment,
            self.head..self.tail,
            self.just_moved,
        )
    }

    /// Asks the producer to ring at its next message; returns `false` if one is here already.
    #[must_use]
    pub fn sleep_until_written(&mut self) -> bool {
        if self.ask_to_ring(false) {
            settle();
        }
        self.may_sleep()
    }

    /// The first of the steps of [`Consumer::sleep_until_written`], for many rings at once: returns whether a [`settle`]
    /// must follow, one for all; then comes [`Consumer::may_sleep`] of each.
    ///
    /// `always` asks for a ring at every message, until many are read between two sleeps; asking again costs nothing.
    pub fn ask_to_ring(&mut self, always: bool) -> bool {
        if self.sleepy {
            return false;
        }
        self.sleepy = always;
        self.shared.set_flag(if always {
            flag::CONSUMER_SLEEPY
        } else {
            flag::CONSUMER_ASLEEP
        });
        true
    }

    /// The last of the steps: `false`, and the producer need not ring, if a message is here.
    #[must_use]
    pub fn may_sleep(&mut self) -> bool {
        self.streak = 0;
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        let empty = claim == self.head && self.head == self.tail;
        if !empty && !self.sleepy {
            self.shared.clear_flag(flag::CONSUMER_ASLEEP);
        }
        empty
    }

    /// As [`Consumer::may_sleep`], but whoever asked to be rung is rung: it may be another sleeper than the one that looks.
    #[must_use]
    pub(in crate::channel) fn may_sleep_among_others(&mut self) -> bool {
        self.streak = 0;
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        claim == self.head && self.head == self.tail
    }

    /// Whether something was written that the last look did not see. Cheap: one load.
    #[must_use]
    #[inline]
    pub fn has_news(&self) -> bool {
        self.shared.word(layout::TAIL).load(Ordering::Relaxed) != self.tail
    }

    /// The producer's position as of the last look at it. What lies beyond was published after that look.
    #[must_use]
    #[inline]
    pub fn seen(&self) -> u64 {
        self.tail
    }

    /// Messages queued, by the producer's count.
    #[must_use]
    pub fn message_count(&self) -> u64 {
        // Acquire orders the count after a position at least as new as any we know.
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        if claim == self.head {
            return 0;
        }
        let most = claim
            .wrapping_sub(self.head)
            .min(self.shared.geometry.file_len())
            / FRAME_ALIGN;
        self.shared
            .word(layout::WRITTEN)
            .load(Ordering::Relaxed)
            .saturating_sub(self.read)
            .clamp(1, most.max(1))
    }

    /// Bytes queued, headers included, by the producer's word.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        let claim = self.shared.word(layout::TAIL).load(Ordering::Relaxed);
        claim
            .wrapping_sub(self.head)
            .min(self.shared.geometry.file_len())
    }

    /// Whether the producer has closed.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        self.shared.flag(flag::PRODUCER_CLOSED)
    }

    /// Tells the producer that no more will be taken; returns whether it sleeps and wants its bell rung.
    pub fn close(&self) -> bool {
        self.shared.set_flag(flag::CONSUMER_CLOSED) & flag::PRODUCER_ASLEEP != 0
    }

    fn step(&mut self, frame: Frame) {
        self.head += layout::frame_len(frame.len);
        self.read += 1;
        self.just_moved = false;
        self.streak = self.streak.saturating_add(1);
        if self.sleepy && self.streak > STREAK {
            self.sleepy = false;
            self.shared.clear_flag(flag::CONSUMER_SLEEPY);
        }
        self.shared
            .word(layout::READ)
            .store(self.read, Ordering::Relaxed);
    }

    /// Takes a new look at the tail; returns whether there is something beyond the head.
    pub(in crate::channel) fn look(&mut self) -> Result<bool, Corrupt> {
        // Acquire: pairs with the store that published the frames.
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        let ahead = claim.wrapping_sub(self.head);
        if ahead > self.shared.geometry.file_len() || claim % FRAME_ALIGN != 0 {
            return Err(Corrupt);
        }
        self.tail = claim;
        Ok(ahead != 0)
    }

    fn checked(&self, len: usize, stamp: u64) -> Result<Frame, Corrupt> {
        let need = layout::frame_len(len);
        if need > self.tail.wrapping_sub(self.head) || need > self.segment.len {
            return Err(Corrupt);
        }
        Ok(Frame { len, stamp })
    }

    /// Follows the producer into segment `index`, and gives the memory of the one left behind back.
    ///
    /// Returns `false` if the segment cannot be mapped now, because this process has too many mappings or no memory. That
    /// is our shortage and not the producer's fault, so its messages stay, and the next look tries again.
    fn follow(&mut self, index: u32) -> Result<bool, Corrupt> {
        if index > self.shared.geometry.later || index == self.segment.index {
            return Err(Corrupt);
        }
        let base = self.head + FRAME_ALIGN;
        let Ok(next) = Segment::open(&self.shared, index, base) else {
            return Ok(false);
        };
        // Before the memory is gone, so that whoever continues does not look for the move there.
        self.shared
            .word(layout::CONSUMER_SEAT)
            .store(layout::seat(index, base), Ordering::Release);
        let left = std::mem::replace(&mut self.segment, next);
        if left.index != 0 {
            // Before the head is published: after that the producer may come back to this segment.
            let _ = self
                .shared
                .memory
                .release(self.shared.offset(left.index), left.len);
        }
        self.head = base;
        self.just_moved = true;
        Ok(true)
    }
}
