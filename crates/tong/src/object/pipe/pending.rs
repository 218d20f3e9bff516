//! Operations that were started and go on: the queues, and who makes them progress.
//!
//! Reads are served in the order in which they were started, and so are writes, each direction for itself (P22.14,
//! P22.15). Progress is made by [`Open::pump`], called by the servant whenever this end was woken, and by every call that
//! may have made progress possible. Endings are told outside of all latches, by one thread at a time and in their order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::end::{Now, Open, PipeEnd, Reading, Writing, SHORTAGE_PAUSE};
use super::link::Link;
use super::transfer::{asked_to_wake, may_sleep, Try};
use crate::channel::conduit::{Put, Ticket};
use crate::io::{Completion, Key, Outcome, Pump, Started, Watch};
use crate::object::event::{Event, Reset};
use crate::{Error, ErrorKind, Result};

/// A read, or the second half of a transaction.
pub(super) struct PendingRead {
    completion: Box<dyn Completion>,
    /// Bytes that it has room for.
    pub(super) room: u64,
}

/// A write that waits for the reader.
pub(super) struct PendingWrite {
    completion: Box<dyn Completion>,
    /// `None` until its bytes are in the ring, which comes with the client's greeting.
    ticket: Option<Ticket>,
    unsent: Vec<u8>,
    len: usize,
    /// It was put after all, and needed no ticket.
    complete: bool,
}

/// A server that waits for a client.
pub(super) struct PendingConnect {
    completion: Box<dyn Completion>,
    /// Reports that a client is there.
    _watch: Watch,
}

impl PendingConnect {
    pub(super) fn succeed(self) -> Ending {
        (self.completion, Outcome::success(0))
    }
}

impl fmt::Debug for PendingRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingRead").field(&self.room).finish()
    }
}

impl fmt::Debug for PendingWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingWrite").field(&self.len).finish()
    }
}

impl fmt::Debug for PendingConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingConnect").finish_non_exhaustive()
    }
}

type Ending = (Box<dyn Completion>, Outcome);

/// What became of a write that found no greeting.
enum Sent {
    Started(Started),
    /// The greeting is here by now; the write is to be tried again.
    Not(Box<dyn Completion>),
}

/// Operations that have ended, until their completions have been told.
#[derive(Default)]
pub(super) struct Ended {
    state: Mutex<EndedState>,
}

#[derive(Default)]
struct EndedState {
    queue: VecDeque<Ending>,
    /// A thread is at it.
    busy: bool,
}

impl Ended {
    pub(super) fn add_all(&self, endings: impl Iterator<Item = Ending>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.queue.extend(endings);
    }

    /// Tells all completions. If another thread is at it, that one tells these too.
    pub(super) fn deliver(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy {
            return;
        }
        state.busy = true;
        while let Some((completion, outcome)) = state.queue.pop_front() {
            drop(state);
            completion.done(outcome);
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        state.busy = false;
    }
}

impl Pump for Open {
    fn pump(&self) {
        if let Err(error) = self.look() {
            tracing::warn!(%error, "a client of a pipe has to wait");
            // The report that brought us here does not come again.
            self.line().later = self.look_later(SHORTAGE_PAUSE);
        }
        let link = match &self.line().now {
            Now::Open(link) => Some(Arc::clone(link)),
            _ => None,
        };
        if let Some(link) = link {
            link.take_calls();
            if link.is_disconnected() {
                self.note_disconnected();
                return;
            }
            link.is_gone();
        }
        self.progress();
    }
}

impl Open {
    /// Makes what progress is possible, and tells who has come to an end.
    pub(super) fn progress(&self) {
        self.with_reading(|reading| self.pump_reads(reading));
        self.with_writing(|writing| self.pump_writes(writing));
        self.ended.deliver();
    }

    fn pump_reads(&self, reading: &mut Reading) {
        self.tell_watchers(reading);
        loop {
            while let Some(mut read) = reading.reads.pop_front() {
                let outcome = match self.attempt_read(reading, read.completion.room(), true) {
                    Try::Done(received) => received.outcome(),
                    Try::Fail(kind) => Outcome::failure(kind),
                    Try::NoMemory(_) => Outcome::failure(ErrorKind::NoMemory),
                    _ => {
                        reading.reads.push_front(read);
                        break;
                    }
                };
                self.ended
                    .add_all(std::iter::once((read.completion, outcome)));
            }
            let waits = !reading.reads.is_empty() || !reading.watchers.is_empty();
            if !waits || !matches!(reading.now, Now::Open(_)) || may_sleep(reading, 0, true) {
                return;
            }
            self.tell_watchers(reading);
            if reading.reads.is_empty() && reading.watchers.is_empty() {
                return;
            }
            if let Now::Open(link) = &reading.now {
                if link.is_disconnected() {
                    // Whoever sees that next ends them all.
                    return;
                }
            }
        }
    }

    fn pump_writes(&self, writing: &mut Writing) {
        loop {
            while let Some(write) = writing.writes.pop_front() {
                let outcome = match self.attempt_write_end(writing, &write) {
                    Try::Done(()) => Outcome::success(write.len),
                    Try::Fail(kind) => Outcome::failure(kind),
                    _ => {
                        writing.writes.push_front(write);
                        break;
                    }
                };
                self.ended
                    .add_all(std::iter::once((write.completion, outcome)));
            }
            if writing.writes.is_empty()
                || !matches!(writing.now, Now::Open(_))
                || asked_to_wake(writing)
            {
                return;
            }
            if let Now::Open(link) = &writing.now {
                if link.is_disconnected() {
                    return;
                }
            }
        }
    }

    fn attempt_write_end(&self, writing: &mut Writing, write: &PendingWrite) -> Try<()> {
        match (&writing.now, &write.ticket) {
            _ if write.complete => Try::Done(()),
            (Now::Open(link), Some(ticket)) => {
                let link = Arc::clone(link);
                self.attempt_completion(writing, &link, ticket)
            }
            (Now::Arriving(_), None) => Try::Behind,
            (Now::Open(_) | Now::Void, _) => Try::Fail(ErrorKind::BrokenPipe),
            _ => Try::Fail(ErrorKind::NotConnected),
        }
    }

    /// Puts the writes that were started before the greeting came, on a connection that has just been opened.
    pub(super) fn put_unsent(&self, writing: &mut Writing) {
        let mut writes = std::mem::take(&mut writing.writes);
        for write in &mut writes {
            if let (None, false) = (&write.ticket, write.complete) {
                let bytes = std::mem::take(&mut write.unsent);
                if let Try::Done(placed) = self.attempt_write(writing, &bytes, Put::Wait) {
                    write.complete = placed.ticket.is_none();
                    write.ticket = placed.ticket;
                }
            }
        }
        writing.writes = writes;
    }

    /// Signals those who wait for something to read.
    fn tell_watchers(&self, reading: &mut Reading) {
        if !reading.watchers.is_empty() && self.is_readable(reading) {
            for event in reading.watchers.drain(..) {
                let _ = event.set();
            }
        }
    }

    /// Whether a read would not wait.
    fn is_readable(&self, reading: &mut Reading) -> bool {
        match (&reading.now, reading.ring.as_mut()) {
            (Now::Open(link), Some(ring)) => {
                ring.writer_closed()
                    || link.known_gone()
                    || link.is_disconnected()
                    || ring.peek(&mut []).map_or(true, |peek| peek.any)
            }
            (Now::Arriving(_) | Now::Listening, _) => false,
            _ => true,
        }
    }

    /// Ends everything that waits with `kind`.
    pub(super) fn fail_all(&self, kind: ErrorKind) {
        let fail = |completion| (completion, Outcome::failure(kind));
        let connects = std::mem::take(&mut self.line().connects);
        let (reads, watchers) = self.with_reading(|reading| {
            (
                std::mem::take(&mut reading.reads),
                std::mem::take(&mut reading.watchers),
            )
        });
        let writes = self.with_writing(|writing| std::mem::take(&mut writing.writes));
        for event in watchers {
            let _ = event.set();
        }
        self.ended
            .add_all(connects.into_iter().map(|connect| fail(connect.completion)));
        self.ended
            .add_all(reads.into_iter().map(|read| fail(read.completion)));
        self.ended
            .add_all(writes.into_iter().map(|write| fail(write.completion)));
    }

    /// Ends the reads and writes that wait with `kind`, by whoever has the line's lock.
    pub(super) fn fail_half_ends(&self, kind: ErrorKind) {
        let fail = |completion| (completion, Outcome::failure(kind));
        let reads = self
            .reading
            .with(|reading| std::mem::take(&mut reading.reads));
        let writes = self
            .writing
            .with(|writing| std::mem::take(&mut writing.writes));
        self.ended
            .add_all(reads.into_iter().map(|read| fail(read.completion)));
        self.ended
            .add_all(writes.into_iter().map(|write| fail(write.completion)));
    }

    /// Takes the bytes of all writes that wait back (P10.11).
    pub(super) fn withdraw_all(&self) {
        self.withdraw_some(&|_| true, ErrorKind::BrokenPipe);
    }

    /// Takes back the writes that `which` picks; they end with `kind` unless they turn out to be complete. Returns how
    /// many ended that way.
    fn withdraw_some(&self, which: &dyn Fn(Key) -> bool, kind: ErrorKind) -> usize {
        let (mut count, mut wake) = (0, None);
        self.with_writing(|writing| {
            let writes = std::mem::take(&mut writing.writes);
            for write in writes {
                if !which(write.completion.key()) {
                    writing.writes.push_back(write);
                    continue;
                }
                let withdrawn = match (&writing.now, writing.ring.as_mut(), write.ticket) {
                    (Now::Open(link), Some(ring), Some(ticket)) => {
                        let withdrawn = ring.withdraw(ticket);
                        wake = Some((Arc::clone(link), withdrawn.wake));
                        withdrawn.was_complete
                    }
                    _ => write.complete,
                };
                let outcome = match withdrawn {
                    true => Outcome::success(write.len),
                    false => Outcome::failure(kind),
                };
                count += usize::from(!withdrawn);
                self.ended
                    .add_all(std::iter::once((write.completion, outcome)));
            }
        });
        if let Some((link, peer)) = wake {
            if peer {
                link.wake_peer();
            }
            // Whoever waits for what was taken back, to flush, need not wait for the reader any more.
            link.wake_own();
        }
        count
    }

    /// Lets the servant look after this end's operations on the connection as it is now.
    fn watch(&self, link: &Arc<Link>) -> Result<()> {
        link.watch(self.pump_handle())
    }

    /// Puts a read behind those that wait, or does it if there are none and it need not wait. A read with `nowait` is never
    /// left pending.
    pub(super) fn start_read(
        &self,
        op: &'static str,
        mut completion: Box<dyn Completion>,
        nowait: bool,
    ) -> Result<Started> {
        loop {
            let mut kept = Some(completion);
            let step = self.with_reading(|reading| {
                let Some(mut mine) = kept.take() else {
                    return Try::Behind;
                };
                if reading.reads.is_empty() {
                    let step = self.attempt_read(reading, mine.room(), false);
                    let watched = match &step {
                        Try::Wait(link) => link.is_watched() && !nowait,
                        _ => false,
                    };
                    if !watched {
                        kept = Some(mine);
                        return step;
                    }
                } else if !matches!(reading.now, Now::Open(_)) {
                    kept = Some(mine);
                    return self.attempt_read(reading, &mut [], false);
                }
                let room = mine.room().len() as u64;
                reading.reads.push_back(PendingRead {
                    completion: mine,
                    room,
                });
                Try::Behind
            });
            let Some(back) = kept else {
                // It is queued; if something came meanwhile it may have ended by now.
                self.progress();
                return Ok(Started::Pending);
            };
            completion = back;
            match step {
                Try::Done(received) => return Ok(Started::Now(received.outcome(), completion)),
                Try::Wait(link) if nowait => {
                    if !self.is_writer_gone(&link) {
                        return Err(self.failure(op, ErrorKind::PipeEmpty));
                    }
                }
                Try::Wait(link) => {
                    self.watch(&link)?;
                    link.is_gone();
                }
                Try::Arriving(_) => match self.wait_for_arrival(op, completion, nowait)? {
                    Some(back) => completion = back,
                    None => return Ok(Started::Pending),
                },
                other => self.elsewhere(op, other)?,
            }
        }
    }

    /// Queues a read for a connection whose greeting is under way.
    fn wait_for_arrival(
        &self,
        op: &'static str,
        mut completion: Box<dyn Completion>,
        nowait: bool,
    ) -> Result<Option<Box<dyn Completion>>> {
        self.look()?;
        let mut line = self.line();
        let Now::Arriving(socket) = &line.now else {
            return Ok(Some(completion));
        };
        if nowait {
            return Err(self.failure(op, ErrorKind::PipeEmpty));
        }
        if line.arrival.is_none() {
            let watch = crate::io::servant()?.watch(Arc::clone(socket), self.pump_handle())?;
            line.arrival = Some(watch);
        }
        let room = completion.room().len() as u64;
        self.with_reading(|reading| {
            reading.reads.push_back(PendingRead { completion, room });
        });
        Ok(None)
    }

    /// Queues a write for a connection whose greeting is under way: where its bytes go is in the greeting.
    fn write_on_arrival(
        &self,
        bytes: &[u8],
        how: Put,
        completion: Box<dyn Completion>,
    ) -> Result<Sent> {
        self.look()?;
        let mut line = self.line();
        let Now::Arriving(socket) = &line.now else {
            return Ok(Sent::Not(completion));
        };
        if how == Put::NoWait {
            return Ok(Sent::Started(Started::Now(Outcome::success(0), completion)));
        }
        if line.arrival.is_none() {
            let watch = crate::io::servant()?.watch(Arc::clone(socket), self.pump_handle())?;
            line.arrival = Some(watch);
        }
        self.writing.with(|writing| {
            writing.writes.push_back(PendingWrite {
                completion,
                ticket: None,
                unsent: bytes.to_vec(),
                len: bytes.len(),
                complete: false,
            });
        });
        Ok(Sent::Started(Started::Pending))
    }

    /// What an attempt that did not wait has come to: an error, or a change after which it is to be made again.
    pub(super) fn elsewhere<T>(&self, op: &'static str, step: Try<T>) -> Result<()> {
        match step {
            Try::Fail(kind) => Err(self.failure(op, kind)),
            Try::NoMemory(error) => Err(Error::from_io(op, error)),
            Try::Disconnected => {
                self.note_disconnected();
                Ok(())
            }
            Try::Listening => {
                self.look()?;
                match self.line().now {
                    Now::Listening => Err(self.failure(op, ErrorKind::PipeListening)),
                    _ => Ok(()),
                }
            }
            Try::Done(_) | Try::Wait(_) | Try::Behind | Try::Arriving(_) => Ok(()),
        }
    }
}

impl PipeEnd {
    /// Starts a read into the completion's room.
    ///
    /// A message that is longer than the room ends it with [`ErrorKind::MoreData`]. An end that does not wait
    /// ([`Modes::nowait`](super::Modes)) never leaves a read pending.
    ///
    /// # Errors
    /// As [`PipeEnd::receive`]; then nothing was started, and the completion is dropped.
    pub fn start_receive(&self, completion: Box<dyn Completion>) -> Result<Started> {
        const OP: &str = "read from pipe";
        self.open.may_read(OP)?;
        let nowait = self.open.modes().nowait;
        self.open.start_read(OP, completion, nowait)
    }

    /// Starts a write. The bytes are taken over before the call returns; it stays pending for as long as the quota does
    /// not cover it, and until then it can be canceled, which takes its unread bytes back.
    ///
    /// # Errors
    /// As [`PipeEnd::send`]; then nothing was started, and the completion is dropped.
    pub fn start_send(&self, bytes: &[u8], completion: Box<dyn Completion>) -> Result<Started> {
        const OP: &str = "write to pipe";
        let open = &self.open;
        open.may_write(OP)?;
        let how = match open.modes().nowait {
            true => Put::NoWait,
            false => Put::Wait,
        };
        let key = completion.key();
        let mut completion = Some(completion);
        loop {
            let step = open.with_writing(|writing| {
                let placed = open.attempt_write(writing, bytes, how);
                if let Try::Done(placed) = placed {
                    let link = match &writing.now {
                        Now::Open(link) => Some(Arc::clone(link)),
                        _ => None,
                    };
                    return match (placed.ticket, completion.take()) {
                        (None, _back @ None) => Try::Behind,
                        (None, back) => {
                            completion = back;
                            Try::Done((placed.taken, None))
                        }
                        (Some(ticket), Some(mine)) => {
                            writing.writes.push_back(PendingWrite {
                                completion: mine,
                                ticket: Some(ticket),
                                unsent: Vec::new(),
                                len: bytes.len(),
                                complete: false,
                            });
                            Try::Done((placed.taken, link))
                        }
                        (Some(_), None) => Try::Behind,
                    };
                }
                placed.map(|_| (0, None))
            });
            match (step, completion.take()) {
                (Try::Done((_, Some(link))), _) => {
                    if let Err(error) = open.watch(&link) {
                        // It is queued, and nobody would look after it: it ends as an operation that has begun.
                        open.withdraw_some(&|found| found == key, error.kind());
                    }
                    open.progress();
                    return Ok(Started::Pending);
                }
                (Try::Done((taken, None)), Some(back)) => {
                    return Ok(Started::Now(Outcome::success(taken), back))
                }
                (Try::Arriving(_), Some(back)) => match open.write_on_arrival(bytes, how, back)? {
                    Sent::Started(started) => return Ok(started),
                    Sent::Not(back) => completion = Some(back),
                },
                (other, back) => {
                    completion = back;
                    open.elsewhere(OP, other)?;
                }
            }
        }
    }

    /// Starts a transaction: sends one message, and then waits for the first one that comes.
    ///
    /// # Errors
    /// As [`PipeEnd::transact`]; then nothing was started, and the completion is dropped.
    pub fn start_transact(
        &self,
        request: &[u8],
        completion: Box<dyn Completion>,
    ) -> Result<Started> {
        const OP: &str = "transact on pipe";
        self.open.request(OP, request, false)?;
        // The answer is waited for in either wait mode (P14.13).
        self.open.start_read(OP, completion, false)
    }

    /// Cancels the pending operations that `which` picks, and returns how many there were. They end with
    /// [`ErrorKind::Canceled`].
    pub fn cancel(&self, which: &dyn Fn(Key) -> bool) -> usize {
        self.open.cancel(which)
    }

    /// An event that becomes signaled, and stays so, once a read would not wait: when there is something to read, or the
    /// other end is gone. It tells that once; ask again for the next time. The event can be waited for together with
    /// others ([`wait::any`](crate::wait::any)).
    ///
    /// # Errors
    /// In this order: the end was not opened for reading ([`ErrorKind::AccessDenied`]); no client is there
    /// ([`ErrorKind::PipeListening`]); no memory or descriptors.
    pub fn readable(&self) -> Result<Event> {
        const OP: &str = "wait for pipe";
        let open = &self.open;
        open.may_read(OP)?;
        let event = Event::new(Reset::Manual, false)?;
        open.look()?;
        let link = match &open.line().now {
            Now::Listening => return Err(open.failure(OP, ErrorKind::PipeListening)),
            Now::Open(link) => Some(Arc::clone(link)),
            _ => None,
        };
        let twin = event.clone();
        open.with_reading(|reading| reading.watchers.push(twin));
        if let Some(link) = link {
            open.watch(&link)?;
            link.is_gone();
        }
        open.progress();
        Ok(event)
    }
}

impl Open {
    /// See [`PipeEnd::cancel`].
    pub(super) fn cancel(&self, which: &dyn Fn(Key) -> bool) -> usize {
        let open = self;
        if !open.birth.is_here() {
            return 0;
        }
        let mut canceled = Vec::new();
        {
            let mut line = open.line();
            let connects = std::mem::take(&mut line.connects);
            for connect in connects {
                match which(connect.completion.key()) {
                    true => canceled.push(connect.completion),
                    false => line.connects.push_back(connect),
                }
            }
        }
        open.with_reading(|reading| {
            let reads = std::mem::take(&mut reading.reads);
            for read in reads {
                match which(read.completion.key()) {
                    true => canceled.push(read.completion),
                    false => reading.reads.push_back(read),
                }
            }
            // Writes no more count on those that were canceled (P14.8).
            if let Some(ring) = reading.ring.as_mut().filter(|_| !canceled.is_empty()) {
                ring.set_wanted(reading.reads.iter().map(|read| read.room).sum());
            }
        });
        let mut count = canceled.len();
        let end = |completion| (completion, Outcome::failure(ErrorKind::Canceled));
        open.ended.add_all(canceled.into_iter().map(end));
        count += open.withdraw_some(which, ErrorKind::Canceled);
        // What stood behind a write that was taken back may fit now.
        open.progress();
        count
    }

    /// Puts a pending wait for a client into the line.
    pub(super) fn queue_connect(
        &self,
        line: &mut super::end::Line,
        listener: Arc<std::os::fd::OwnedFd>,
        completion: Box<dyn Completion>,
    ) -> Result<()> {
        let listener = match line.connects.is_empty() {
            true => listener,
            // A descriptor can be watched once, and this one is.
            false => Arc::new(
                listener
                    .try_clone()
                    .map_err(|error| Error::from_io("wait for a pipe client", error))?,
            ),
        };
        let watch = crate::io::servant()?.watch(listener, self.pump_handle())?;
        line.connects.push_back(PendingConnect {
            completion,
            _watch: watch,
        });
        Ok(())
    }
}
