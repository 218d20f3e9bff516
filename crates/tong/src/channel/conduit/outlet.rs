//! The reading end of a conduit.

mod peek;

pub use peek::Peek;

use std::io;

use super::{nonsense, PipeType, ReadMode, BEYOND, GONE, PENDING, TAKEN};
use crate::channel::layout::{self, FRAME_ALIGN};
use crate::channel::ring::{ChannelMemory, Consumer, Corrupt, Frame};
use tong_sys::map::Ordering;

/// What a read got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many bytes.
    pub bytes: usize,
    /// The message has more.
    pub more: bool,
    /// The writer sleeps and wants its bell rung.
    pub wake: bool,
}

/// The state of the counts when the last writer was found gone.
#[derive(Clone, Copy, Debug)]
struct End {
    /// What the writer took for passed.
    passed: u64,
    /// Bytes beyond that were skipped since because they had been taken back.
    skipped: u64,
}

impl End {
    /// Counts what was taken back from `from` to `to`.
    fn skip(&mut self, from: u64, to: u64) {
        self.skipped += to.saturating_sub(from.max(self.passed));
    }

    /// What was unread up to `to`.
    fn unread(&self, to: u64) -> u64 {
        to.saturating_sub(self.passed).saturating_sub(self.skipped)
    }
}

/// Entries that were taken back or dropped which are skipped in a row. No program has so many writes waiting.
pub(super) const MOST_SKIPPED: u32 = 1 << 22;

/// The front entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    frame: Frame,
    /// It was not complete when it was put.
    pending: bool,
    /// How much of it is unread.
    rest: u64,
}

/// The reading end of a conduit.
#[derive(Debug)]
pub struct Outlet {
    consumer: Consumer,
    pub(super) kind: PipeType,
    quota: u64,
    /// How much of the front entry was taken.
    offset: u64,
    /// Payload bytes taken or skipped.
    passed: u64,
    skipped: u64,
    wanted: bool,
    end: Option<End>,
}

impl Outlet {
    /// The reading end of a direction with the given quota in bytes: fresh, or as whoever had it before left it.
    ///
    /// # Errors
    /// `InvalidData` if the words make no sense, which they do in memory that nobody has touched; what mmap reports.
    pub fn new(
        memory: &ChannelMemory,
        direction: u32,
        quota: u64,
        kind: PipeType,
    ) -> io::Result<Outlet> {
        let mut outlet = Outlet {
            consumer: memory.consumer(direction),
            kind,
            quota,
            offset: 0,
            passed: 0,
            skipped: 0,
            wanted: true,
            end: None,
        };
        outlet.reload()?;
        Ok(outlet)
    }

    /// Takes up what other holders of this end did. Each holder does that under a lock of theirs before each use; what it
    /// does itself is published as it happens.
    ///
    /// # Errors
    /// As [`Outlet::new`].
    pub fn reload(&mut self) -> io::Result<()> {
        self.consumer.reload()?;
        let front = self.consumer.front().map_err(nonsense)?;
        let load = |which: usize| self.consumer.word(which).load(Ordering::Acquire);
        let (mut passed, skipped) = (load(layout::PASSED), load(layout::SKIPPED));
        let (offset, begun) = front.map_or((0, false), |frame| self.offset_of(frame));
        if begun {
            passed = load(layout::START).saturating_add(offset);
        }
        if passed >= BEYOND || front.is_some_and(|frame| offset > frame.len as u64) {
            return Err(nonsense(Corrupt));
        }
        self.passed = passed;
        self.skipped = skipped;
        self.offset = offset;
        self.wanted = true;
        // What a killed reader had taken, and had not said so yet.
        match front {
            Some(frame) if offset != 0 && offset == frame.len as u64 => self.pass(frame),
            Some(_) if begun => self.publish_passed(),
            _ => {}
        }
        Ok(())
    }

    /// Takes what there is, up to the length of `buf`: in message mode of the first entry, in byte mode of all up to an
    /// empty message. An empty message at the front is taken alone.
    ///
    /// A buffer without room takes nothing, except for an empty message; in message mode there is `more` then.
    ///
    /// # Errors
    /// [`Corrupt`] if the writer's words make no sense.
    pub fn take(&mut self, buf: &mut [u8], mode: ReadMode) -> Result<Option<Taken>, Corrupt> {
        self.take_from(buf, mode, usize::MAX, &mut || true)
    }

    /// The same for a read that has waited: it gets of the first entry only, in either mode.
    ///
    /// # Errors
    /// As [`Outlet::take`].
    pub fn take_waiting(
        &mut self,
        buf: &mut [u8],
        mode: ReadMode,
    ) -> Result<Option<Taken>, Corrupt> {
        self.take_from(buf, mode, 1, &mut || true)
    }

    /// The same as either of them, but asks whether the writer is still there before it takes of an entry that is not complete:
    /// if it is not, the entry is dropped ([`Outlet::writer_gone`]).
    ///
    /// # Errors
    /// As [`Outlet::take`].
    #[inline]
    pub fn take_from_living(
        &mut self,
        buf: &mut [u8],
        mode: ReadMode,
        waited: bool,
        mut alive: impl FnMut() -> bool,
    ) -> Result<Option<Taken>, Corrupt> {
        let most_entries = if waited { 1 } else { usize::MAX };
        self.take_from(buf, mode, most_entries, &mut alive)
    }

    /// Says how many bytes waiting reads ask for: a write that meets an empty queue counts so many less. Each take that gets
    /// anything sets it to 0.
    pub fn set_wanted(&mut self, bytes: u64) {
        self.wanted = bytes != 0;
        self.consumer
            .word(layout::WANTED)
            .store(bytes, Ordering::Release);
    }

    /// Asks the writer to ring at its next entry, or at every one from now on; returns whether a
    /// [`settle`](crate::channel::ring::settle) must follow. Then comes [`Outlet::may_sleep`].
    pub fn ask_to_ring(&mut self, always: bool) -> bool {
        self.consumer.ask_to_ring(always)
    }

    /// The last look before the sleep: `false`, and the writer need not ring, if an entry is here.
    #[must_use]
    pub fn may_sleep(&mut self) -> bool {
        self.consumer.may_sleep_among_others()
    }

    /// Whether an entry came that the last look did not see. Cheap: one load.
    #[must_use]
    #[inline]
    pub fn has_news(&self) -> bool {
        self.consumer.has_news()
    }

    /// Whether the writer has closed.
    #[must_use]
    pub fn writer_closed(&self) -> bool {
        self.consumer.peer_closed()
    }

    /// Says that nobody holds the writing end any more: entries that are not complete by now are dropped.
    pub fn writer_gone(&mut self) {
        if self.end.is_none() {
            let promised = self.consumer.word(layout::PROMISED).load(Ordering::Acquire);
            self.end = Some(End {
                passed: self.passed.max(promised),
                skipped: 0,
            });
        }
    }

    /// Tells the writer that no more will be taken; returns whether it sleeps and wants its bell rung.
    pub fn close(&self) -> bool {
        self.consumer.close()
    }

    fn take_from(
        &mut self,
        buf: &mut [u8],
        mode: ReadMode,
        most_entries: usize,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Taken>, Corrupt> {
        let (mut bytes, mut entries) = (0, 0);
        let (mut lives, mut vanished) = (false, 0);
        while entries < most_entries {
            let entry = match self.front() {
                Ok(Some(entry)) => entry,
                // Whatever is wrong after what was taken is still wrong at the next take.
                Err(_) if entries > 0 => break,
                Ok(None) => break,
                Err(error) => return Err(error),
            };
            if entry.pending && !lives && self.end.is_none() {
                lives = alive();
                if !lives {
                    self.writer_gone();
                    continue;
                }
            }
            if entry.rest == 0 {
                if entries == 0 {
                    self.lower_wanted();
                    self.pass(entry.frame);
                    entries = 1;
                }
                break;
            }
            let part = clip(entry.rest, buf.len() - bytes);
            self.consumer
                .copy_part(self.offset, &mut buf[bytes..bytes + part]);
            if part != 0 {
                match self.commit(entry, part as u64) {
                    Ok(true) => {}
                    // A writer that takes entries back as fast as they are read is not believed for ever.
                    Ok(false) if vanished < MOST_SKIPPED => {
                        vanished += 1;
                        continue;
                    }
                    Ok(false) => return Err(Corrupt),
                    Err(_) if entries > 0 => break,
                    Err(error) => return Err(error),
                }
            }
            bytes += part;
            entries += 1;
            let more = (part as u64) < entry.rest;
            if mode == ReadMode::Message || more || bytes == buf.len() {
                return Ok(Some(self.taken(bytes, more && mode == ReadMode::Message)));
            }
        }
        Ok((entries > 0).then(|| self.taken(bytes, false)))
    }

    fn taken(&mut self, bytes: usize, more: bool) -> Taken {
        Taken {
            bytes,
            more,
            wake: self.consumer.asked_to_wake(),
        }
    }

    /// The front entry that can be read, if there is one. What was taken back or dropped before it is skipped.
    fn front(&mut self) -> Result<Option<Entry>, Corrupt> {
        for _ in 0..MOST_SKIPPED {
            let Some(frame) = self.consumer.front()? else {
                return Ok(None);
            };
            let rest = (frame.len as u64).checked_sub(self.offset).ok_or(Corrupt)?;
            let state = Outlet::checked(frame, self.kind, self.offset)?;
            if rest == 0 && frame.len != 0 {
                return Err(Corrupt);
            }
            if state == GONE {
                self.skip(frame, rest, true);
            } else if state == PENDING && self.is_dropped(rest) {
                self.skip(frame, rest, false);
            } else {
                return Ok(Some(Entry {
                    frame,
                    pending: state == PENDING,
                    rest,
                }));
            }
        }
        Err(Corrupt)
    }

    /// Whether there is something to read that cannot be got at, because this process has no memory for it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        !self.consumer.is_drained()
    }

    /// The entry's state without what was taken of it, which must be what this end knows.
    fn checked(frame: Frame, kind: PipeType, offset: u64) -> Result<u64, Corrupt> {
        if frame.len == 0 && (kind == PipeType::Byte || frame.stamp != 0) {
            return Err(Corrupt);
        }
        match frame.stamp {
            0 => Ok(0),
            state if state == PENDING | offset => Ok(PENDING),
            state if state == GONE | offset => Ok(GONE),
            _ => Err(Corrupt),
        }
    }

    /// Whether an entry, of which that much is unread, was not complete when its writer was found gone.
    fn is_dropped(&self, rest: u64) -> bool {
        self.end
            .is_some_and(|end| end.unread(self.passed + rest) > self.quota)
    }

    /// Takes part of the front entry; returns `false` if it was taken back meanwhile.
    fn commit(&mut self, entry: Entry, part: u64) -> Result<bool, Corrupt> {
        self.lower_wanted();
        self.begin();
        let offset = self.offset + part;
        if entry.pending {
            let exchanged = self.consumer.stamp().compare_exchange(
                PENDING | self.offset,
                PENDING | offset,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match exchanged {
                Ok(_) => {}
                Err(state) if state == GONE | self.offset => return Ok(false),
                Err(_) => return Err(Corrupt),
            }
        }
        self.mark(offset);
        self.offset = offset;
        self.passed += part;
        if part == entry.rest {
            self.pass(entry.frame);
        } else {
            self.publish_passed();
        }
        Ok(true)
    }

    /// Leaves the front entry behind.
    fn pass(&mut self, frame: Frame) {
        self.publish_passed();
        self.offset = 0;
        self.consumer.advance(frame);
    }

    /// Leaves the front entry behind, of which `rest` was not taken, or was taken back.
    fn skip(&mut self, frame: Frame, rest: u64, taken_back: bool) {
        self.begin();
        self.mark(self.offset);
        let from = self.passed;
        self.passed += rest;
        if taken_back {
            self.skipped = self.skipped.wrapping_add(rest);
            self.consumer
                .word(layout::SKIPPED)
                .store(self.skipped, Ordering::Release);
            if let Some(end) = &mut self.end {
                end.skip(from, self.passed);
            }
        }
        self.pass(frame);
    }

    /// Before anything is done to the front entry: whoever continues here counts from its start.
    fn begin(&self) {
        if self.offset == 0 {
            self.consumer
                .word(layout::START)
                .store(self.passed, Ordering::Release);
        }
    }

    /// Says that something was done to the front entry, and how much of it was taken.
    fn mark(&self, offset: u64) {
        self.consumer
            .word(layout::OFFSET)
            .store(row_mark(self.consumer.head()) | offset, Ordering::Release);
    }

    fn publish_passed(&self) {
        self.consumer
            .word(layout::PASSED)
            .store(self.passed, Ordering::Release);
    }

    /// Before anything is passed: what was wanted may be what is taken.
    fn lower_wanted(&mut self) {
        if self.wanted {
            self.set_wanted(0);
        }
    }

    /// How much was taken of the front entry, by the words, and whether anything was done to it.
    fn offset_of(&self, frame: Frame) -> (u64, bool) {
        let word = self.consumer.word(layout::OFFSET).load(Ordering::Acquire);
        let marked = word & !TAKEN == row_mark(self.consumer.head());
        let offset = match frame.stamp {
            0 if marked => word & TAKEN,
            0 => 0,
            state => state & TAKEN,
        };
        (offset, marked || offset != 0)
    }
}

/// The lower of two lengths.
fn clip(rest: u64, room: usize) -> usize {
    usize::try_from(rest).unwrap_or(usize::MAX).min(room)
}

/// What marks the offset word as that of the entry at the head.
fn row_mark(head: u64) -> u64 {
    (head / FRAME_ALIGN) << 32
}
