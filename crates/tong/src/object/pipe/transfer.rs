//! Reading and writing: one attempt, and waiting for the next.
//!
//! An attempt is made under the latch of its half and never waits. What cannot be done yet is waited for outside of the
//! latch: by spinning if that has paid lately, else by sleeping until the other end wakes this one, hangs up, or somebody
//! of this process changes the connection. Before every sleep the other end is asked to wake, and looked at once more.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tong_sys::map::Ordering;
use tong_sys::{bell, clock};

use super::end::{Now, Open, Reading, Writing};
use super::link::{Link, Sleep};
use super::Received;
use crate::channel::conduit::{Placed, Put, Ticket};
use crate::channel::layout::{self, flag};
use crate::channel::ring::{self, Corrupt, PushError};
use crate::io::Blocked;
use crate::wait::{Deadline, Spinner};
use crate::waits::{Doing, Note};
use crate::{Error, ErrorKind, Result};

/// For how long a peer that lived is trusted to live on: 20 us or less, by any processor's count.
const TRUST_TICKS: u64 = 20_000;

/// How long a read waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) deadline: Deadline,
    /// Not at all, because the end does not.
    pub(super) nowait: bool,
}

/// What became of an attempt.
pub(super) enum Try<T> {
    Done(T),
    Fail(ErrorKind),
    /// Not yet: the other end of this connection must do something first.
    Wait(Arc<Link>),
    /// Not yet: the client's greeting is under way.
    Arriving(Arc<OwnedFd>),
    /// No client is known; perhaps one has come.
    Listening,
    /// The connection was thrown away, which this half does not know yet.
    Disconnected,
    /// Others wait already, and this one has to wait behind them.
    Behind,
    /// The system has no memory.
    NoMemory(std::io::Error),
}

impl<T> Try<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Try<U> {
        match self {
            Try::Done(value) => Try::Done(change(value)),
            Try::Fail(kind) => Try::Fail(kind),
            Try::Wait(link) => Try::Wait(link),
            Try::Arriving(socket) => Try::Arriving(socket),
            Try::Listening => Try::Listening,
            Try::Disconnected => Try::Disconnected,
            Try::Behind => Try::Behind,
            Try::NoMemory(error) => Try::NoMemory(error),
        }
    }
}

impl Open {
    /// Reads what is there. A read that has `waited` gets no more than what one write brought (P11.2).
    #[inline]
    pub(super) fn attempt_read(
        &self,
        reading: &mut Reading,
        buf: &mut [u8],
        waited: bool,
    ) -> Try<Received> {
        let link = match &reading.now {
            Now::Open(link) => link,
            other => return idle(other, ErrorKind::BrokenPipe),
        };
        if link.is_disconnected() {
            return Try::Disconnected;
        }
        let Some(ring) = reading.ring.as_mut() else {
            return Try::Fail(ErrorKind::BrokenPipe);
        };
        let mode = self.modes().read;
        if !reading.gone && link.known_gone() {
            reading.gone = true;
            ring.writer_gone();
        }
        loop {
            // An entry that was never complete is lost with its writer (P10.11).
            let (checked, gone) = (&mut reading.checked, &mut reading.gone);
            let taken = ring.take_from_living(buf, mode, waited, || {
                *gone = is_gone_now(checked, link);
                !*gone
            });
            match taken {
                Ok(Some(taken)) => {
                    if taken.wake {
                        link.wake_peer();
                    }
                    return Try::Done(Received {
                        bytes: taken.bytes,
                        more: taken.more,
                    });
                }
                Ok(None) if ring.is_stuck() => {
                    return Try::NoMemory(std::io::ErrorKind::OutOfMemory.into())
                }
                Ok(None) if reading.gone => return Try::Fail(ErrorKind::BrokenPipe),
                // In this order: what was written before the end was noticed is seen by the next look.
                Ok(None) if ring.writer_closed() || link.known_gone() => {
                    reading.gone = true;
                    ring.writer_gone();
                }
                Ok(None) => return Try::Wait(Arc::clone(link)),
                Err(Corrupt) => {
                    link.cut();
                    return Try::Fail(ErrorKind::BrokenPipe);
                }
            }
        }
    }

    /// Queues one write.
    #[inline]
    pub(super) fn attempt_write(
        &self,
        writing: &mut Writing,
        bytes: &[u8],
        how: Put,
    ) -> Try<Placed> {
        let link = match &writing.now {
            Now::Open(link) => link,
            other => return idle(other, ErrorKind::PipeClosing),
        };
        if link.is_disconnected() {
            return Try::Disconnected;
        }
        let Some(ring) = writing.ring.as_mut() else {
            return Try::Fail(ErrorKind::PipeClosing);
        };
        if ring.reader_closed() || is_gone_now(&mut writing.checked, link) {
            return Try::Fail(ErrorKind::PipeClosing);
        }
        match ring.put(bytes, how) {
            Ok(placed) => {
                if placed.wake {
                    link.wake_peer();
                }
                Try::Done(placed)
            }
            Err(PushError::Corrupt) => {
                link.cut();
                Try::Fail(ErrorKind::PipeClosing)
            }
            Err(PushError::Full) => Try::Fail(ErrorKind::NoMemory),
            Err(PushError::NoMemory(error)) => Try::NoMemory(error),
        }
    }

    /// Whether a write that waits has ended.
    pub(super) fn attempt_completion(
        &self,
        writing: &mut Writing,
        link: &Arc<Link>,
        ticket: &Ticket,
    ) -> Try<()> {
        match &writing.now {
            Now::Open(now) if Arc::ptr_eq(now, link) => {}
            _ => return Try::Fail(ErrorKind::NotConnected),
        }
        if link.is_disconnected() {
            return Try::Disconnected;
        }
        let Some(ring) = writing.ring.as_mut() else {
            return Try::Fail(ErrorKind::BrokenPipe);
        };
        match ring.is_complete(ticket) {
            Ok(true) => Try::Done(()),
            Ok(false) if ring.reader_closed() || link.known_gone() => {
                Try::Fail(ErrorKind::BrokenPipe)
            }
            Ok(false) => Try::Wait(Arc::clone(link)),
            Err(Corrupt) => {
                link.cut();
                Try::Fail(ErrorKind::BrokenPipe)
            }
        }
    }

    /// Reads, waiting for something to read.
    pub(super) fn await_read(
        &self,
        op: &'static str,
        buf: &mut [u8],
        patience: Patience,
    ) -> Result<Received> {
        let mut waiter = Waiter::new(self, op, patience.deadline);
        let received = self.read_loop(&mut waiter, buf, patience.nowait);
        let (spinner, sleep) = waiter.lessons();
        if spinner.is_some() {
            self.with_reading(|reading| {
                if let Some(ring) = reading.ring.as_mut().filter(|_| waiter.slept) {
                    ring.set_wanted(reading.reads.iter().map(|read| read.room).sum());
                }
                reading.spinner = spinner;
                waiter.put_back(&reading.now, sleep, &mut reading.sleep);
            });
        }
        received
    }

    fn read_loop(&self, waiter: &mut Waiter<'_>, buf: &mut [u8], nowait: bool) -> Result<Received> {
        let (mut asleep_next, mut waited) = (false, false);
        loop {
            let step = self.with_reading(|reading| {
                if !reading.reads.is_empty() {
                    return Try::Behind;
                }
                if !waiter.is_for(&reading.now) {
                    return Try::Fail(ErrorKind::NotConnected);
                }
                let step = self.attempt_read(reading, buf, waited);
                if let Try::Wait(link) = &step {
                    waiter.take_over(link, &mut reading.spinner, &mut reading.sleep);
                    if asleep_next && !may_sleep(reading, buf.len(), waiter.sleepy()) {
                        asleep_next = false;
                    }
                }
                step
            });
            let link = match step {
                Try::Done(received) => return Ok(received),
                Try::Behind => {
                    let deadline = waiter.deadline;
                    return self.read_behind(waiter.op, buf, Patience { deadline, nowait });
                }
                Try::Wait(link) => link,
                other => {
                    waiter.elsewhere(other)?;
                    continue;
                }
            };
            if nowait || waiter.deadline == Deadline::Now {
                if self.is_writer_gone(&link) {
                    continue;
                }
                return Err(self.failure(waiter.op, ErrorKind::PipeEmpty));
            }
            if asleep_next {
                waiter.sleep_on(&link, Doing::Read)?;
                asleep_next = false;
                continue;
            }
            waited = true;
            let tail = link.position(self.side.incoming(), layout::TAIL);
            let seen = tail.load(Ordering::Relaxed);
            let spun = waiter.spin(|| {
                tail.load(Ordering::Relaxed) != seen
                    || link.closed(self.side.incoming(), flag::PRODUCER_CLOSED)
            });
            if !spun {
                waiter.prepare(&link)?;
                asleep_next = true;
            }
        }
    }

    /// Whether nobody holds the other end of a connection that has nothing to read, and nobody has noticed yet. The kernel is
    /// asked now and then only.
    pub(super) fn is_writer_gone(&self, link: &Link) -> bool {
        if link.known_gone() {
            return false;
        }
        self.reading
            .with(|reading| is_gone_now(&mut reading.checked, link))
    }

    /// Waits until a write that was queued is complete.
    pub(super) fn await_completion(
        &self,
        op: &'static str,
        link: &Arc<Link>,
        ticket: Ticket,
    ) -> Result<()> {
        let ended = self.await_writing(op, link, |writing| {
            self.attempt_completion(writing, link, &ticket)
        });
        match ended {
            Err(error) if error.kind() == ErrorKind::Canceled => {
                self.take_back(link, ticket).map_or(Err(error), |()| Ok(()))
            }
            ended => ended,
        }
    }

    /// Withdraws a write; `Some` if it had been completed before.
    fn take_back(&self, link: &Arc<Link>, ticket: Ticket) -> Option<()> {
        let withdrawn = self.with_writing(|writing| match &writing.now {
            Now::Open(now) if Arc::ptr_eq(now, link) => {
                Some(writing.ring.as_mut()?.withdraw(ticket))
            }
            _ => None,
        })?;
        if withdrawn.wake {
            link.wake_peer();
        }
        // Whoever waits for what was taken back need not wait for the reader any more.
        link.wake_own();
        withdrawn.was_complete.then_some(())
    }

    /// Makes an attempt at something that the reader brings about, until it is done.
    fn await_writing(
        &self,
        op: &'static str,
        link: &Arc<Link>,
        attempt: impl Fn(&mut Writing) -> Try<()>,
    ) -> Result<()> {
        let mut waiter = Waiter::new(self, op, Deadline::Never);
        let ended = self.writing_loop(&mut waiter, link, attempt);
        let (spinner, sleep) = waiter.lessons();
        if spinner.is_some() {
            self.with_writing(|writing| {
                writing.spinner = spinner;
                waiter.put_back(&writing.now, sleep, &mut writing.sleep);
            });
        }
        ended
    }

    fn writing_loop(
        &self,
        waiter: &mut Waiter<'_>,
        link: &Arc<Link>,
        attempt: impl Fn(&mut Writing) -> Try<()>,
    ) -> Result<()> {
        let mut asleep_next = false;
        loop {
            let step = self.with_writing(|writing| {
                let step = attempt(writing);
                if let Try::Wait(link) = &step {
                    waiter.take_over(link, &mut writing.spinner, &mut writing.sleep);
                    if asleep_next && !asked_to_wake(writing) {
                        asleep_next = false;
                    }
                }
                step
            });
            match step {
                Try::Done(()) => return Ok(()),
                Try::Wait(_) => {}
                other => {
                    waiter.elsewhere(other)?;
                    continue;
                }
            }
            if asleep_next {
                waiter.sleep_on(link, Doing::Write)?;
                asleep_next = false;
                continue;
            }
            let taken = link.position(self.side.outgoing(), layout::PASSED);
            let seen = taken.load(Ordering::Relaxed);
            let spun = waiter.spin(|| {
                taken.load(Ordering::Relaxed) != seen
                    || link.closed(self.side.outgoing(), flag::CONSUMER_CLOSED)
            });
            if !spun {
                waiter.prepare(link)?;
                asleep_next = true;
            }
        }
    }

    /// Waits until the other end has read everything that was written before the call.
    pub(super) fn await_flush(&self, op: &'static str) -> Result<()> {
        let started = self.with_writing(|writing| match (&writing.now, &mut writing.ring) {
            (Now::Open(link), Some(ring)) => Some((Arc::clone(link), ring.mark())),
            _ => None,
        });
        let Some((link, mark)) = started else {
            return Ok(());
        };
        if link.is_disconnected() {
            return Err(self.failure(op, ErrorKind::NotConnected));
        }
        if link.is_gone() {
            return Ok(());
        }
        self.await_writing(op, &link, |writing| {
            match &writing.now {
                Now::Open(now) if Arc::ptr_eq(now, &link) && !link.is_disconnected() => {}
                _ => return Try::Fail(ErrorKind::NotConnected),
            }
            let Some(ring) = writing.ring.as_mut() else {
                return Try::Done(());
            };
            match ring.is_flushed(&mark) {
                Ok(true) => Try::Done(()),
                Ok(false) if !ring.reader_closed() && !link.known_gone() => {
                    Try::Wait(Arc::clone(&link))
                }
                Ok(false) | Err(Corrupt) => Try::Fail(ErrorKind::BrokenPipe),
            }
        })
    }
}

/// One thread's wait in one operation.
pub(super) struct Waiter<'a> {
    open: &'a Open,
    pub(super) op: &'static str,
    pub(super) deadline: Deadline,
    spinner: Option<Spinner>,
    sleep: Option<Sleep>,
    /// The connection that `sleep` is for.
    link: Option<Arc<Link>>,
    blocked: Option<Blocked>,
    slept: bool,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(open: &'a Open, op: &'static str, deadline: Deadline) -> Waiter<'a> {
        Waiter {
            open,
            op,
            deadline,
            spinner: None,
            sleep: None,
            link: None,
            blocked: None,
            slept: false,
        }
    }

    /// Takes over what the half has learned and made for its waits. Another thread may have it: then this one starts anew.
    fn take_over(
        &mut self,
        link: &Arc<Link>,
        spinner: &mut Option<Spinner>,
        sleep: &mut Option<Sleep>,
    ) {
        self.link.get_or_insert_with(|| Arc::clone(link));
        if self.spinner.is_none() {
            self.spinner = Some(spinner.take().unwrap_or_else(Spinner::new));
        }
        if self.sleep.is_none() {
            self.sleep = sleep.take();
        }
    }

    /// Whether the connection is still the one that this wait began on.
    fn is_for(&self, now: &Now) -> bool {
        match (&self.link, now) {
            (None, _) => true,
            (Some(link), Now::Open(now)) => Arc::ptr_eq(now, link),
            (Some(_), _) => false,
        }
    }

    fn put_back(&mut self, now: &Now, sleep: Option<Sleep>, place: &mut Option<Sleep>) {
        let same = match (now, &self.link) {
            (Now::Open(now), Some(link)) => Arc::ptr_eq(now, link),
            _ => false,
        };
        if same {
            *place = sleep;
        }
    }

    /// What the wait has learned and made, for the next one.
    fn lessons(&mut self) -> (Option<Spinner>, Option<Sleep>) {
        if let Some(spinner) = &mut self.spinner {
            spinner.ended();
        }
        (self.spinner.take(), self.sleep.take())
    }

    fn sleepy(&self) -> bool {
        self.spinner.as_ref().is_some_and(Spinner::is_sleepy)
    }

    fn spin(&mut self, ready: impl FnMut() -> bool) -> bool {
        self.spinner.get_or_insert_with(Spinner::new).spin(ready)
    }

    /// Makes everything ready for a sleep, so that nothing that happens from now on is missed.
    fn prepare(&mut self, link: &Arc<Link>) -> Result<()> {
        self.note_blocked();
        self.link = Some(Arc::clone(link));
        self.sleep.get_or_insert_with(Sleep::default).prepare(link)
    }

    /// Notes that a synchronous operation is in progress (P22.25, P23.6).
    pub(super) fn note_blocked(&mut self) {
        if self.blocked.is_none() && self.open.synchronous {
            self.blocked = self.open.wake_handle().map(Blocked::enter);
            if let Ok(signal) = self.open.signal() {
                let _ = signal.reset();
            }
        }
    }

    /// Sleeps; an error if the operation was canceled or its time is over.
    fn sleep_on(&mut self, link: &Arc<Link>, doing: Doing) -> Result<()> {
        // Also if it does not come to that: writers have been told by now what this read has room for.
        self.slept = true;
        self.check()?;
        let _note = Note::of_call(doing, self.open.identity(), self.deadline);
        self.sleep
            .get_or_insert_with(Sleep::default)
            .until(link, self.deadline)
    }

    /// An error if the operation was canceled or its time is over.
    pub(super) fn check(&self) -> Result<()> {
        if self.blocked.as_ref().is_some_and(Blocked::is_canceled) {
            return Err(self.open.failure(self.op, ErrorKind::Canceled));
        }
        match self.deadline.passed() {
            true => Err(self.open.failure(self.op, ErrorKind::TimedOut)),
            false => Ok(()),
        }
    }

    /// Whatever else an attempt came to: an error, or a change after which it is to be made again.
    pub(super) fn elsewhere<T>(&mut self, step: Try<T>) -> Result<()> {
        match step {
            Try::Arriving(socket) => self.wait_for_greeting(&socket),
            step => self.open.elsewhere(self.op, step),
        }
    }

    fn wait_for_greeting(&mut self, socket: &Arc<OwnedFd>) -> Result<()> {
        self.open.look()?;
        if !matches!(self.open.line().now, Now::Arriving(_)) {
            return Ok(());
        }
        if self.open.modes().nowait || self.deadline == Deadline::Now {
            return Err(self.open.failure(self.op, ErrorKind::PipeEmpty));
        }
        self.note_blocked();
        self.check()?;
        let _note = Note::of_call(Doing::Connect, self.open.identity(), self.deadline);
        self.open.wait_readable(socket.as_fd(), self.deadline)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.blocked.take().is_some() {
            if let Ok(signal) = self.open.signal() {
                let _ = signal.set();
            }
        }
    }
}

impl Open {
    /// Sleeps until `fd` can be read, somebody calls this end's threads, or a short time has passed.
    pub(super) fn wait_readable(
        &self,
        fd: std::os::fd::BorrowedFd<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        /// Two threads can sleep here, and one can take the call of the other.
        const BACKSTOP: std::time::Duration = std::time::Duration::from_millis(50);
        let failed = |error| Error::from_io("wait on pipe", error);
        let caller = match self.caller.get() {
            Some(caller) => caller,
            None => {
                let fresh = bell::Bell::create().map_err(failed)?;
                self.caller.get_or_init(|| fresh)
            }
        };
        let time = deadline.left().unwrap_or(BACKSTOP).min(BACKSTOP);
        bell::wait_any_readable(&[fd, caller.as_fd()], Some(time)).map_err(failed)?;
        if bell::is_readable(caller) {
            caller.silence();
        }
        Ok(())
    }
}

/// An attempt without a connection.
pub(super) fn idle<T>(now: &Now, void: ErrorKind) -> Try<T> {
    match now {
        Now::Listening => Try::Listening,
        Now::Arriving(socket) => Try::Arriving(Arc::clone(socket)),
        Now::Void => Try::Fail(void),
        Now::Disconnected | Now::Open(_) => Try::Fail(ErrorKind::NotConnected),
    }
}

/// Asks the writer to ring; `false` if it has written meanwhile, or closed.
pub(super) fn may_sleep(reading: &mut Reading, wanted: usize, always: bool) -> bool {
    let (Now::Open(link), Some(ring)) = (&reading.now, reading.ring.as_mut()) else {
        return false;
    };
    let queued: u64 = reading.reads.iter().map(|read| read.room).sum();
    ring.set_wanted(queued + wanted as u64);
    if ring.ask_to_ring(always) {
        ring::settle();
    }
    ring.may_sleep() && !ring.writer_closed() && !link.is_disconnected()
}

/// Asks the reader to ring; `false` if it has read meanwhile, or closed.
pub(super) fn asked_to_wake(writing: &mut Writing) -> bool {
    let (Now::Open(link), Some(ring)) = (&writing.now, writing.ring.as_mut()) else {
        return false;
    };
    // Nonsense in the reader's words is found by the next attempt.
    ring.ask_to_wake().unwrap_or(false) && !ring.reader_closed() && !link.is_disconnected()
}

/// Whether nobody holds the other end. The kernel is asked only now and then, because asking costs more than writing.
#[inline]
pub(super) fn is_gone_now(checked: &mut u64, link: &Link) -> bool {
    if link.known_gone() {
        return true;
    }
    let now = clock::ticks();
    if now.wrapping_sub(*checked) < TRUST_TICKS {
        return false;
    }
    *checked = now;
    link.is_gone()
}
