//! The writing end of a conduit.

use std::io;

use super::gaps::Gaps;
use super::{nonsense, put_count, PipeType, BEYOND, GONE, LONGEST, PENDING, TAKEN};
use crate::channel::layout;
use crate::channel::ring::{ChannelMemory, Corrupt, Place, Producer, PushError};
use tong_sys::map::Ordering;

/// Attempts to take an entry back that its reader is taking at the same time. An honest reader takes an entry in few parts
/// that are that quick.
const MOST_TRIES: u32 = 100;

/// Bytes taken back whose memory is given back at once, and not only when the reader passes them.
const WORTH_GIVING_BACK: u64 = 16 << 10;

/// How an entry is put that exceeds the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// All the same, but it is not complete before enough was read.
    Wait,
    /// Not at all, except for what waiting reads take of bytes.
    NoWait,
    /// All the same, and it is complete.
    Unlimited,
}

/// What became of an entry.
#[derive(Debug)]
pub struct Placed {
    /// How many of the bytes are in the queue.
    pub taken: usize,
    /// The reader sleeps and wants its bell rung.
    pub wake: bool,
    /// For an entry that is not complete.
    pub ticket: Option<Ticket>,
}

/// An entry that was not complete when it was put.
#[derive(Debug)]
pub struct Ticket(pub(super) Box<Held>);

/// What a ticket stands for; apart, so that the answer of a put is small.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: Place,
    /// Payload bytes before the entry.
    start: u64,
    /// Payload bytes up to its end.
    end: u64,
}

/// What became of taking an entry back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The reader sleeps and wants its bell rung.
    pub wake: bool,
    /// The entry was complete before; nothing was taken back.
    pub was_complete: bool,
}

/// A place in the stream up to which a flush waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    put: u64,
    /// Position after the last empty entry before.
    empty: u64,
}

/// The writing end of a conduit.
#[derive(Debug)]
pub struct Inlet {
    pub(super) producer: Producer,
    kind: PipeType,
    quota: u64,
    /// Payload bytes put.
    put: u64,
    /// Payload bytes passed by the reader, as last seen and checked.
    passed: u64,
    /// Payload bytes that waiting reads were going to take when they were put.
    promised: u64,
    /// Payload bytes taken back, ever.
    withdrawn: u64,
    last_empty: u64,
    pub(super) gaps: Gaps,
    /// Payload bytes put, and the tail, at some time: what the reader's claims are checked with.
    checkpoint: (u64, u64),
}

impl Inlet {
    /// The writing end of a direction with the given quota in bytes: fresh, or as whoever had it before left it.
    ///
    /// # Errors
    /// `InvalidData` if the words make no sense, which they do in memory that nobody has touched; what mmap reports.
    pub fn new(
        memory: &ChannelMemory,
        direction: u32,
        quota: u64,
        kind: PipeType,
    ) -> io::Result<Inlet> {
        let mut inlet = Inlet {
            producer: memory.producer(direction, u64::MAX),
            kind,
            quota,
            put: 0,
            passed: 0,
            promised: 0,
            withdrawn: 0,
            last_empty: 0,
            gaps: Gaps::default(),
            checkpoint: (0, 0),
        };
        inlet.reload()?;
        Ok(inlet)
    }

    /// Takes up what other holders of this end did. Each holder does that under a lock of theirs before each use; what it
    /// does itself is published as it happens.
    ///
    /// # Errors
    /// As [`Inlet::new`].
    pub fn reload(&mut self) -> io::Result<()> {
        self.producer.reload()?;
        let producer = &self.producer;
        let load = |which: usize| producer.word(which).load(Ordering::Acquire);
        let (_, put) = put_count(|which| producer.word(which));
        let passed = load(layout::PASSED);
        if put >= BEYOND || passed > put {
            return Err(nonsense(Corrupt));
        }
        self.gaps = Gaps::load(put, |which| producer.gap_word(which));
        self.promised = load(layout::PROMISED).min(put);
        // Stored before the entry: one that did not come to be leaves a position that no entry has.
        self.last_empty = load(layout::LAST_EMPTY).min(producer.tail());
        self.withdrawn = load(layout::WITHDRAWN);
        self.put = put;
        self.passed = passed;
        self.checkpoint = (put, self.producer.tail());
        Ok(())
    }

    /// Puts one entry, or as much of it as `mode` allows. Never waits.
    ///
    /// Zero bytes are an empty entry of messages, which is always complete, and nothing at all of bytes.
    ///
    /// # Errors
    /// In this order: it has more than [`LONGEST`] bytes ([`PushError::Full`]); the reader's words make no sense; no
    /// memory. Nothing was put then.
    pub fn put(&mut self, bytes: &[u8], mode: Put) -> Result<Placed, PushError> {
        if bytes.len() > LONGEST {
            return Err(PushError::Full);
        }
        if bytes.is_empty() {
            return self.put_empty();
        }
        let len = bytes.len() as u64;
        if self.unread_to(self.put) + len <= self.quota {
            return self.publish(bytes, 0).map(Placed::whole);
        }
        self.look()?;
        if self.unread_to(self.put) + len <= self.quota {
            return self.publish(bytes, 0).map(Placed::whole);
        }
        self.put_beyond(bytes, mode)
    }

    /// Whether the entry is complete: what is unread up to its end fits the quota.
    ///
    /// # Errors
    /// [`Corrupt`] if the reader's words make no sense.
    pub fn is_complete(&mut self, ticket: &Ticket) -> Result<bool, Corrupt> {
        if self.unread_to(ticket.0.end) <= self.quota {
            return Ok(true);
        }
        self.look()?;
        Ok(self.unread_to(ticket.0.end) <= self.quota)
    }

    /// Takes back what is unread of an entry that is not complete.
    pub fn withdraw(&mut self, ticket: Ticket) -> Withdrawn {
        let Some(taken) = self.take_back(&ticket) else {
            return Withdrawn {
                wake: false,
                was_complete: true,
            };
        };
        let from = ticket.0.start + taken;
        self.gaps.add(from, ticket.0.end);
        if ticket.0.end - from >= WORTH_GIVING_BACK {
            let len = ticket.0.end - ticket.0.start;
            self.producer.discard(&ticket.0.place, taken, len);
        }
        let producer = &self.producer;
        self.gaps.store(|which| producer.gap_word(which));
        self.withdrawn = self.withdrawn.wrapping_add(ticket.0.end - from);
        producer
            .word(layout::WITHDRAWN)
            .store(self.withdrawn, Ordering::Release);
        Withdrawn {
            wake: self.producer.asked_to_wake(),
            was_complete: false,
        }
    }

    /// The end of what was put so far.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            put: self.put,
            empty: self.last_empty,
        }
    }

    /// Whether nothing that was put before the mark is unread.
    ///
    /// # Errors
    /// [`Corrupt`] if the reader's words make no sense.
    pub fn is_flushed(&mut self, mark: &Mark) -> Result<bool, Corrupt> {
        self.look()?;
        Ok(self.truly_unread(mark.put) == 0 && self.producer.seen_head() >= mark.empty)
    }

    /// Bytes in the queue that are unread.
    ///
    /// # Errors
    /// [`Corrupt`] if the reader's words make no sense.
    pub fn unread(&mut self) -> Result<u64, Corrupt> {
        self.look()?;
        Ok(self.truly_unread(self.put))
    }

    /// Asks the reader to ring when it takes anything; returns `false` if it has since the last look.
    ///
    /// # Errors
    /// [`Corrupt`] if the reader's words make no sense.
    pub fn ask_to_wake(&mut self) -> Result<bool, Corrupt> {
        self.producer.ask_to_ring();
        let seen = (self.passed, self.producer.seen_head());
        let looked = self.look();
        if looked.is_ok() && seen == (self.passed, self.producer.seen_head()) {
            return Ok(true);
        }
        // The request stays: another one may sleep who made it too.
        looked.map(|()| false)
    }

    /// Whether the reader has taken anything since the last look. Cheap.
    #[must_use]
    #[inline]
    pub fn reader_moved(&self) -> bool {
        let passed = self.producer.word(layout::PASSED).load(Ordering::Relaxed);
        passed != self.passed || self.producer.peer_moved()
    }

    /// Whether the reader has closed.
    #[must_use]
    pub fn reader_closed(&self) -> bool {
        self.producer.peer_closed()
    }

    /// Tells the reader that no more will come; returns whether it sleeps and wants its bell rung.
    pub fn close(&self) -> bool {
        self.producer.close()
    }

    /// What is unread before `end`, by the last look.
    fn truly_unread(&self, end: u64) -> u64 {
        end.saturating_sub(self.passed)
            .saturating_sub(self.gaps.between(self.passed, end))
    }

    /// The same without what waiting reads were going to take: this is what counts against the quota.
    #[inline]
    fn unread_to(&self, end: u64) -> u64 {
        self.unread_between(0, end)
    }

    /// The same if the reader has passed at least `passed`.
    #[inline]
    fn unread_between(&self, passed: u64, end: u64) -> u64 {
        let passed = passed.max(self.passed).max(self.promised);
        end.saturating_sub(passed)
            .saturating_sub(self.gaps.between(passed, end))
    }

    /// Looks at how far the reader is.
    fn look(&mut self) -> Result<(), Corrupt> {
        // Acquire: before the head, which moves later.
        let claim = self.producer.word(layout::PASSED).load(Ordering::Acquire);
        if claim < self.passed || claim > self.put {
            return Err(Corrupt);
        }
        self.passed = claim;
        self.gaps.prune(claim);
        self.producer.look()?;
        // A reader leaves an entry behind before it begins the next one, so it cannot have passed what was put after a
        // place that its head has not reached. One that claims to would make the ring grow without bound.
        let (put, tail) = self.checkpoint;
        if claim > put {
            if self.producer.seen_head() < tail {
                return Err(Corrupt);
            }
            self.checkpoint = (self.put, self.producer.tail());
        }
        Ok(())
    }

    /// Puts an entry that exceeds the quota, unless waiting reads are about to make room.
    #[cold]
    fn put_beyond(&mut self, bytes: &[u8], mode: Put) -> Result<Placed, PushError> {
        let len = bytes.len() as u64;
        // After the look at what was passed: a reader lowers this first.
        let wanted = self.producer.word(layout::WANTED).load(Ordering::Acquire);
        let mut credit = 0;
        if self.truly_unread(self.put) == 0 && self.producer.seen_head() >= self.last_empty {
            credit = wanted.min(len);
        } else if wanted != 0 {
            // They wait, so they have not yet seen the first entry.
            let first = self.producer.front_len().unwrap_or(0);
            self.promise((self.passed + wanted.min(first)).min(self.put));
        }
        let start = self.put;
        let fits = self.unread_to(start) + len - credit <= self.quota;
        let placed = match mode {
            _ if fits => self.publish(bytes, 0).map(Placed::whole),
            Put::Unlimited => self.publish(bytes, 0).map(Placed::whole),
            Put::NoWait => self.put_part(bytes, credit),
            Put::Wait => self.put_pending(bytes),
        }?;
        if credit != 0 && self.put != start {
            self.promise(start + credit);
        }
        Ok(placed)
    }

    /// Counts what waiting reads will take as passed.
    fn promise(&mut self, up_to: u64) {
        if up_to > self.promised.max(self.passed) {
            self.promised = up_to;
            self.producer
                .word(layout::PROMISED)
                .store(up_to, Ordering::Relaxed);
        }
    }

    fn put_empty(&mut self) -> Result<Placed, PushError> {
        if self.kind == PipeType::Byte {
            return Ok(Placed::nothing());
        }
        let tail = self.producer.tail();
        // Where it ends at the latest: after a move. Only ever compared with heads that have passed it or not.
        let end = tail + layout::frame_len(0);
        self.producer
            .word(layout::LAST_EMPTY)
            .store(end, Ordering::Relaxed);
        let placed = self.publish(&[], 0).map(Placed::whole)?;
        self.last_empty = end;
        Ok(placed)
    }

    /// Puts what waiting reads take, if that can be cut off.
    fn put_part(&mut self, bytes: &[u8], credit: u64) -> Result<Placed, PushError> {
        let part = usize::try_from(credit)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        if self.kind == PipeType::Message || part == 0 {
            return Ok(Placed::nothing());
        }
        self.publish(&bytes[..part], 0).map(Placed::whole)
    }

    fn put_pending(&mut self, bytes: &[u8]) -> Result<Placed, PushError> {
        let start = self.put;
        let mut placed = self.publish(bytes, PENDING).map(Placed::whole)?;
        placed.ticket = Some(Ticket(Box::new(Held {
            place: self.producer.last_place(bytes.len()),
            start,
            end: self.put,
        })));
        Ok(placed)
    }

    /// Puts an entry in that state, and returns its length and whether the reader wants its bell rung.
    #[inline]
    fn publish(&mut self, bytes: &[u8], state: u64) -> Result<(usize, bool), PushError> {
        let put = self.put + bytes.len() as u64;
        let word = |which: usize| self.producer.word(which);
        // Release: each after what was stored before it, for whoever continues this end.
        word(layout::TAIL_BEFORE).store(self.producer.tail(), Ordering::Release);
        word(layout::PUT).store(put, Ordering::Release);
        let wake = self
            .producer
            .push(state, bytes)
            .map_err(|error| match error {
                PushError::Full => PushError::NoMemory(io::ErrorKind::OutOfMemory.into()),
                other => other,
            })?;
        self.producer
            .word(layout::PUT_DONE)
            .store(put, Ordering::Release);
        self.put = put;
        Ok((bytes.len(), wake))
    }

    /// Takes the entry back; returns how much of it was taken before, or nothing if it is complete.
    fn take_back(&mut self, ticket: &Ticket) -> Option<u64> {
        // A reader whose words make no sense has nothing more to say about it.
        let _ = self.look();
        if self.producer.seen_head() > ticket.0.place.position() {
            return None;
        }
        let stamp = ticket.0.place.stamp();
        let mut state = stamp.load(Ordering::Acquire);
        for _ in 0..MOST_TRIES {
            let taken = state & TAKEN;
            if state != PENDING | taken || taken > ticket.0.end - ticket.0.start {
                return None;
            }
            // Whoever took of this entry has passed all before it, and may not have said so yet.
            let passed = if taken == 0 {
                0
            } else {
                ticket.0.start + taken
            };
            if self.unread_between(passed, ticket.0.end) <= self.quota {
                return None;
            }
            match stamp.compare_exchange(state, GONE | taken, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(taken),
                Err(other) => state = other,
            }
        }
        None
    }
}

impl Placed {
    fn whole((taken, wake): (usize, bool)) -> Placed {
        Placed {
            taken,
            wake,
            ticket: None,
        }
    }

    fn nothing() -> Placed {
        Placed::whole((0, false))
    }
}
