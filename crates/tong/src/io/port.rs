//! Completion ports: a queue of packets that tell of ended operations, and the threads that wait for them.
//!
//! Packets come out in the order in which they came. Of the threads that wait, the one that came last gets the next packet,
//! because its memory is still in the processor's caches; the others can sleep on. A packet is handed to a thread
//! while that sleeps, so nobody who comes later can snatch it.
//!
//! A port is not limited in length. It belongs to its process: others cannot get a handle of it.
//!
//! # Lifetime and death
//! Closing a port drops its packets and ends all waits for it. Opens that are tied to it go on without. A thread that is
//! killed takes the packet with it that it was given; one that was killed while it waited is passed over.
//!
//! # References
//! Win32: "I/O Completion Ports", CreateIoCompletionPort, GetQueuedCompletionStatus.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tong_sys::clock;
use tong_sys::fork::Birth;
use tong_sys::futex::{self, Until, Watched};
use tong_sys::thread::{steady, Steady};

use crate::object::thread::{self, Own};
use crate::wait::{self, Outcome};
use crate::{Error, ErrorKind, Event, Reset, Result};

const OP: &str = "use completion port";

/// What a port tells of one operation, or what somebody posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What the port calls the open.
    pub key: usize,
    /// Bytes moved.
    pub bytes: u32,
    /// What the starter calls the operation: the address of its OVERLAPPED in C.
    pub tag: usize,
    /// What went wrong, if something did.
    pub error: Option<ErrorKind>,
}

/// How a wait that can be called away ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// With so many packets.
    Packets(usize),
    /// Calls that were queued to the thread have run.
    Alerted,
}

/// A completion port. A clone is the same port.
///
/// ```
/// use tong::io::{CompletionPort, Packet};
///
/// let port = CompletionPort::new();
/// port.post(Packet { key: 7, bytes: 0, tag: 0, error: None })?;
/// assert_eq!(port.get(None)?.key, 7);
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone)]
pub struct CompletionPort {
    shared: Arc<Shared>,
}

struct Shared {
    birth: Birth,
    /// Takes the packets instead of the queue.
    sink: Option<Box<dyn Fn(Packet) + Send + Sync>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    packets: VecDeque<Packet>,
    /// Who waits; the last one is served first.
    waiters: Vec<Arc<Waiter>>,
}

/// The locked state. Nobody can suspend the thread that has it.
struct Locked<'a>(
    MutexGuard<'a, State>,
    #[allow(dead_code, reason = "held")] Steady,
);

impl std::ops::Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

const WAITING: u64 = 0;
const SERVED: u64 = 1;

/// A thread that waits for a packet.
struct Waiter {
    /// Slept on.
    state: AtomicU64,
    /// What the waiter was served with; `None` if the port was closed. Written before it is served, read afterwards.
    given: Mutex<Option<Packet>>,
    /// What an alertable wait sleeps on instead.
    event: Option<Event>,
    /// The thread, if others can have a handle of it, and with it the means to kill it.
    own: Option<Arc<Own>>,
}

impl Waiter {
    fn new(event: Option<Event>) -> Arc<Waiter> {
        Arc::new(Waiter {
            state: AtomicU64::new(WAITING),
            given: Mutex::new(None),
            event,
            own: thread::own_if_any(),
        })
    }

    fn lives(&self) -> bool {
        self.own.as_ref().is_none_or(|own| !own.has_ended())
    }

    /// Ends the wait. Under the port's lock, after the waiter was taken off the list.
    fn give(&self, packet: Option<Packet>) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = packet;
        self.state.store(SERVED, Ordering::Release);
    }

    /// Lets the thread find out; without the lock.
    fn wake(&self) {
        match &self.event {
            // Without a place in the wait table for this thread the waiter sleeps on until it looks by itself.
            Some(event) => drop(event.set()),
            None => futex::wake_one(&self.state),
        }
    }

    fn is_served(&self) -> bool {
        self.state.load(Ordering::Acquire) == SERVED
    }

    fn take(&self) -> Option<Packet> {
        self.given
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl fmt::Debug for CompletionPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("CompletionPort")
            .field("closed", &state.closed)
            .field("packets", &state.packets.len())
            .field("waiters", &state.waiters.len())
            .finish()
    }
}

impl Default for CompletionPort {
    fn default() -> CompletionPort {
        CompletionPort::new()
    }
}

impl CompletionPort {
    /// Makes an empty port.
    #[must_use]
    pub fn new() -> CompletionPort {
        CompletionPort::make(None)
    }

    /// Makes a port that keeps nothing: each packet is given to `sink` by the thread that posts it.
    #[must_use]
    pub fn with_sink(sink: impl Fn(Packet) + Send + Sync + 'static) -> CompletionPort {
        CompletionPort::make(Some(Box::new(sink)))
    }

    fn make(sink: Option<Box<dyn Fn(Packet) + Send + Sync>>) -> CompletionPort {
        CompletionPort {
            shared: Arc::new(Shared {
                birth: Birth::here(),
                sink,
                state: Mutex::default(),
            }),
        }
    }

    fn lock(&self) -> Locked<'_> {
        let steady = steady();
        let state = &self.shared.state;
        Locked(state.lock().unwrap_or_else(PoisonError::into_inner), steady)
    }

    /// Queues a packet, and wakes a thread that waits for one.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) if the port was closed; [`InvalidHandle`](ErrorKind::InvalidHandle) in a forked child.
    pub fn post(&self, packet: Packet) -> Result<()> {
        self.check_birth()?;
        if let Some(sink) = &self.shared.sink {
            sink(packet);
            return Ok(());
        }
        let waiter = {
            let mut state = self.lock();
            if state.closed {
                return Err(Error::new(OP, ErrorKind::Closed));
            }
            match state.waiter() {
                Some(waiter) => {
                    waiter.give(Some(packet));
                    waiter
                }
                None => {
                    state.packets.push_back(packet);
                    return Ok(());
                }
            }
        };
        waiter.wake();
        Ok(())
    }

    /// Takes the oldest packet, waiting for one up to `timeout`, `None` for ever.
    ///
    /// # Errors
    /// In this order: [`InvalidHandle`](ErrorKind::InvalidHandle) in a forked child; [`Closed`](ErrorKind::Closed) if the
    /// port was closed, before or meanwhile; [`TimedOut`](ErrorKind::TimedOut).
    #[inline]
    pub fn get(&self, timeout: Option<Duration>) -> Result<Packet> {
        self.check_birth()?;
        let waiter = {
            let mut state = self.lock();
            if let Some(packet) = state.packets.pop_front() {
                return Ok(packet);
            }
            state.check_open()?;
            if timeout == Some(Duration::ZERO) {
                return Err(timed_out());
            }
            let waiter = Waiter::new(None);
            state.waiters.push(Arc::clone(&waiter));
            waiter
        };
        let until = until(timeout);
        let asleep = || self.sleep(&waiter, until);
        wait::spin_then(|| waiter.is_served(), asleep).unwrap_or(Ok(()))?;
        waiter
            .take()
            .ok_or_else(|| Error::new(OP, ErrorKind::Closed))
    }

    /// Sleeps until the waiter is served.
    fn sleep(&self, waiter: &Arc<Waiter>, until: Until) -> Result<()> {
        while !waiter.is_served() {
            #[allow(clippy::cast_possible_truncation, reason = "it is 0")]
            futex::wait(Watched::low(&waiter.state, WAITING as u32), until);
            if has_passed(until) && self.leave(waiter) {
                return Err(timed_out());
            }
        }
        Ok(())
    }

    /// Takes up to `most` packets, at least one, as [`get`](Self::get), and appends them to `packets`. Returns how many.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_many(
        &self,
        packets: &mut Vec<Packet>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        packets.push(self.get(timeout)?);
        Ok(1 + self.take_more(packets, most.saturating_sub(1)))
    }

    /// As [`get_many`](Self::get_many), called away by calls that were queued to the thread, if there is no packet yet.
    ///
    /// # Errors
    /// As [`get`](Self::get); those of taking part in waits.
    pub fn get_many_alertable(
        &self,
        packets: &mut Vec<Packet>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<Got> {
        self.check_birth()?;
        // Not made under the lock, and not needed if there are packets; but then this call is seldom made.
        let event = Event::new(Reset::Manual, false)?;
        let waiter = {
            let mut state = self.lock();
            let count = state.packets.len().min(most);
            if count > 0 {
                packets.extend(state.packets.drain(..count));
                return Ok(Got::Packets(count));
            }
            state.check_open()?;
            let waiter = Waiter::new(Some(event.clone()));
            state.waiters.push(Arc::clone(&waiter));
            waiter
        };
        let ended = wait::any_alertable(&[&event], timeout);
        if self.leave(&waiter) {
            return match ended? {
                Outcome::Alerted => Ok(Got::Alerted),
                Outcome::TimedOut | Outcome::Satisfied(_) => Err(timed_out()),
            };
        }
        let packet = waiter.take();
        packets.push(packet.ok_or_else(|| Error::new(OP, ErrorKind::Closed))?);
        Ok(Got::Packets(
            1 + self.take_more(packets, most.saturating_sub(1)),
        ))
    }

    fn take_more(&self, packets: &mut Vec<Packet>, most: usize) -> usize {
        let mut state = self.lock();
        let count = state.packets.len().min(most);
        packets.extend(state.packets.drain(..count));
        count
    }

    /// Stops waiting; `false` if the waiter was served.
    fn leave(&self, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.lock();
        let place = state
            .waiters
            .iter()
            .position(|other| Arc::ptr_eq(other, waiter));
        place.map(|place| state.waiters.remove(place)).is_some()
    }

    /// Closes the port: packets are dropped, and all who wait get [`Closed`](ErrorKind::Closed).
    pub fn close(&self) {
        if !self.shared.birth.is_here() {
            return;
        }
        let waiters = {
            let mut state = self.lock();
            state.closed = true;
            state.packets.clear();
            let waiters = std::mem::take(&mut state.waiters);
            waiters.iter().for_each(|waiter| waiter.give(None));
            waiters
        };
        waiters.iter().for_each(|waiter| waiter.wake());
    }

    /// Whether both are the same port.
    #[must_use]
    pub fn same_object(&self, other: &CompletionPort) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// What tells the port from all others of the process.
    pub(crate) fn identity(&self) -> [u64; 2] {
        [Arc::as_ptr(&self.shared).addr() as u64, 0]
    }

    fn check_birth(&self) -> Result<()> {
        match self.shared.birth.is_here() {
            true => Ok(()),
            false => Err(Error::new(OP, ErrorKind::InvalidHandle)
                .because("the port belongs to the process that this one was forked from")),
        }
    }
}

impl State {
    fn check_open(&self) -> Result<()> {
        match self.closed {
            false => Ok(()),
            true => Err(Error::new(OP, ErrorKind::Closed)),
        }
    }

    /// Takes the next thread to be served off the list.
    fn waiter(&mut self) -> Option<Arc<Waiter>> {
        loop {
            let waiter = self.waiters.pop()?;
            if waiter.lives() {
                return Some(waiter);
            }
        }
    }
}

fn timed_out() -> Error {
    Error::new("wait for completion", ErrorKind::TimedOut)
}

fn until(timeout: Option<Duration>) -> Until {
    let ns = timeout.and_then(|time| u64::try_from(time.as_nanos()).ok());
    ns.and_then(|ns| clock::now_ns().checked_add(ns))
        .map_or(Until::Changed, Until::Monotonic)
}

fn has_passed(until: Until) -> bool {
    matches!(until, Until::Monotonic(ns) if clock::now_ns() >= ns)
}
