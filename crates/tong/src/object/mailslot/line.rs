//! The line of reads that wait for a message: threads that sleep, and operations that were started and left.
//!
//! The first in the line is the *front*; it alone looks for messages. A thread at the front sleeps on the descriptors. For an
//! operation at the front the process's servant does so, and serves it, and all operations behind it up to the next thread. So
//! each message goes to the read that has waited longest, whichever kind it is.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tong_sys::clock;

use super::queue::{Slot, State, SHORTAGE_PAUSE};
use crate::channel::ring::{Consumer, Frame};
use crate::io::{self, Blocked, Completion, Key, Outcome, Pump, Started, Timer, Wake};
use crate::object::thread;
use crate::wait::Deadline;
use crate::{Error, ErrorKind, Result};

/// A place in the line.
#[derive(Debug)]
pub(super) enum Place {
    Thread(Arc<Turn>),
    Operation(Pending),
}

/// A thread that waits.
#[derive(Debug)]
pub(super) struct Turn {
    slot: Weak<Slot>,
    /// Its id.
    thread: u32,
    come: AtomicBool,
    canceled: AtomicBool,
    changed: Condvar,
}

impl Turn {
    fn new(slot: &Arc<Slot>) -> Arc<Turn> {
        Arc::new(Turn {
            slot: Arc::downgrade(slot),
            thread: thread::current_id(),
            come: AtomicBool::new(false),
            canceled: AtomicBool::new(false),
            changed: Condvar::new(),
        })
    }

    fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }

    /// Makes the thread the front. Under the lock of the state.
    fn call(&self) {
        self.come.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn key(&self) -> Key {
        Key {
            tag: 0,
            thread: self.thread,
        }
    }
}

impl Wake for Turn {
    fn wake(&self) {
        if let Some(slot) = self.slot.upgrade() {
            let mut state = slot.lock();
            state.cancel_thread(&slot, self);
        }
    }
}

/// A thread that waits, as long as it does.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) turn: Arc<Turn>,
    _blocked: Blocked,
}

impl Waiting {
    pub(super) fn new(slot: &Arc<Slot>) -> Waiting {
        let turn = Turn::new(slot);
        let _blocked = Blocked::enter(Arc::clone(&turn) as Arc<dyn Wake>);
        Waiting { turn, _blocked }
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.turn.is_canceled()
    }
}

/// An operation that waits.
pub(super) struct Pending {
    completion: Box<dyn Completion>,
    /// When it gives up by itself.
    due_ns: Option<u64>,
    /// Has the servant look then.
    _timer: Option<Timer>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("key", &self.completion.key())
            .finish_non_exhaustive()
    }
}

/// Operations that have ended, to be told so when no lock is held.
#[derive(Default)]
pub(super) struct Ended(Vec<(Box<dyn Completion>, Outcome)>);

impl Ended {
    fn add(&mut self, pending: Pending, outcome: Outcome) {
        self.0.push((pending.completion, outcome));
    }

    pub(super) fn tell(self) {
        for (completion, outcome) in self.0 {
            completion.done(outcome);
        }
    }
}

/// Copies the message into the room if that is large enough.
fn copy(
    completion: &mut dyn Completion,
    consumer: &Consumer,
    frame: Frame,
) -> std::result::Result<usize, ErrorKind> {
    let room = completion.room();
    if frame.len > room.len() {
        return Err(ErrorKind::BufferTooSmall { needed: frame.len });
    }
    consumer.copy_to(frame, room);
    Ok(frame.len)
}

impl Slot {
    /// Starts a read that may go on after the call.
    pub(super) fn start_read(
        self: &Arc<Slot>,
        mut completion: Box<dyn Completion>,
    ) -> Result<Started> {
        let mut state = self.lock();
        self.check_open(&state)?;
        let mut take = |consumer: &Consumer, frame: Frame| copy(&mut *completion, consumer, frame);
        let taken = match state.front_taken {
            true => state.take_spare(self, &mut take),
            false => state.take_at_once(self, &mut take),
        };
        if let Some(taken) = taken {
            state.settle(self, taken.is_err());
            let bytes = taken.map_err(|kind| self.error(kind))?;
            return Ok(Started::Now(Outcome::success(bytes), completion));
        }
        let timeout = state.read_timeout();
        if timeout == Some(Duration::ZERO) {
            state.settle(self, true);
            return Err(self.error(ErrorKind::TimedOut));
        }
        let pending = self.pending(completion, timeout)?;
        state.watch(self)?;
        state.line.push_back(Place::Operation(pending));
        let mut ended = Ended::default();
        if !state.front_taken {
            state.call_next(self, &mut ended);
        }
        state.settle(self, true);
        drop(state);
        ended.tell();
        Ok(Started::Pending)
    }

    fn pending(
        self: &Arc<Slot>,
        completion: Box<dyn Completion>,
        timeout: Option<Duration>,
    ) -> Result<Pending> {
        let ns = timeout.and_then(|time| u64::try_from(time.as_nanos()).ok());
        let due_ns = ns.and_then(|ns| clock::now_ns().checked_add(ns));
        let timer = match due_ns {
            Some(due) => Some(io::servant()?.at(due, self.as_pump())),
            None => None,
        };
        Ok(Pending {
            completion,
            due_ns,
            _timer: timer,
        })
    }

    fn as_pump(self: &Arc<Slot>) -> Weak<dyn Pump> {
        let weak: Weak<Slot> = Arc::downgrade(self);
        weak
    }

    /// Cancels reads that wait, of threads and operations alike; returns how many.
    pub(super) fn cancel(&self, chosen: &dyn Fn(Key) -> bool) -> usize {
        let mut ended = Ended::default();
        let mut state = self.lock();
        let mut count = state.cancel_operations(self, chosen, &mut ended);
        for turn in state.turns() {
            if chosen(turn.key()) && !turn.is_canceled() {
                state.cancel_thread(self, &turn);
                count += 1;
            }
        }
        drop(state);
        ended.tell();
        count
    }

    /// Waits behind the front until it is the thread's turn.
    pub(super) fn stand_in_line<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        turn: &Arc<Turn>,
        deadline: Deadline,
    ) -> Result<MutexGuard<'a, State>> {
        state.line.push_back(Place::Thread(Arc::clone(turn)));
        while !turn.come.load(Ordering::Relaxed) {
            let left = deadline.left();
            let gives_up = match turn.is_canceled() {
                true => Some(ErrorKind::Canceled),
                false => (left == Some(Duration::ZERO)).then_some(ErrorKind::TimedOut),
            };
            if let Some(kind) = gives_up {
                state.line.retain(|place| !place.is_of(turn));
                return Err(self.error(kind));
            }
            state = match left {
                Some(left) => {
                    turn.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => turn
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        Ok(state)
    }
}

impl Pump for Slot {
    fn pump(&self) {
        let mut ended = Ended::default();
        let mut state = self.lock();
        // A thread at the front hears for itself.
        if state.name.is_some() && state.operation.is_some() {
            state.serve(self, &mut ended);
            state.settle(self, true);
        }
        state.expire(&mut ended);
        drop(state);
        ended.tell();
    }
}

impl Place {
    fn is_of(&self, turn: &Arc<Turn>) -> bool {
        matches!(self, Place::Thread(other) if Arc::ptr_eq(other, turn))
    }
}

impl State {
    /// The front has left, or nobody was there: the next in the line is served, or called.
    pub(super) fn call_next(&mut self, slot: &Slot, ended: &mut Ended) {
        self.front_taken = false;
        self.front_turn = None;
        if !self.line.is_empty() {
            self.serve(slot, ended);
        }
    }

    /// Serves the operation at the front and all behind it, until there is no message for one, or a thread is the front.
    fn serve(&mut self, slot: &Slot, ended: &mut Ended) {
        self.front_sleeps = false;
        loop {
            let Some(mut pending) = self.operation.take().or_else(|| self.next_operation()) else {
                return;
            };
            let mut take =
                |consumer: &Consumer, frame: Frame| copy(&mut *pending.completion, consumer, frame);
            match self.take_at_once(slot, &mut take) {
                Some(Ok(bytes)) => ended.add(pending, Outcome::success(bytes)),
                Some(Err(kind)) => ended.add(pending, Outcome::failure(kind)),
                None if pending.is_due() => {
                    ended.add(pending, Outcome::failure(ErrorKind::TimedOut))
                }
                None => {
                    self.operation = Some(pending);
                    if self.may_leave_to_servant(slot) {
                        self.front_sleeps = true;
                        return;
                    }
                }
            }
        }
    }

    /// Gives the front, which is free, to the next in the line; `None` if that is a thread, or nobody.
    fn next_operation(&mut self) -> Option<Pending> {
        let next = self.line.pop_front();
        self.front_taken = next.is_some();
        match next? {
            Place::Operation(pending) => Some(pending),
            Place::Thread(turn) => {
                turn.call();
                self.front_turn = Some(turn);
                None
            }
        }
    }

    /// Asks all writers to ring; `false` if there is something to read instead.
    fn may_leave_to_servant(&mut self, slot: &Slot) -> bool {
        self.keep_name(slot);
        if !self.rings.make_all_idle(true) || self.activity_changed() {
            return false;
        }
        let short = self.rings.is_short();
        self.retry = short.then(|| self.retry_later()).flatten();
        true
    }

    /// Has the servant come again for writers that could not be taken in.
    fn retry_later(&self) -> Option<Timer> {
        let pause = u64::try_from(SHORTAGE_PAUSE.as_nanos()).unwrap_or(u64::MAX);
        let due = clock::now_ns().saturating_add(pause);
        Some(io::servant().ok()?.at(due, self.pump.clone()?))
    }

    /// Has the servant watch the descriptors, from now on.
    fn watch(&mut self, slot: &Arc<Slot>) -> Result<()> {
        if self.watch.is_none() {
            let fd = slot.set.as_fd().try_clone_to_owned();
            let fd = fd.map_err(|error| Error::from_io("start read", error))?;
            self.pump = Some(slot.as_pump());
            self.watch = Some(io::servant()?.watch(fd, slot.as_pump())?);
        }
        Ok(())
    }

    /// Stops the servant from looking, if there are no operations: a thread is about to sleep on the descriptors.
    pub(super) fn unwatch(&mut self) {
        let is_operation = |place: &Place| matches!(place, Place::Operation(_));
        if self.watch.is_some() && !self.line.iter().any(is_operation) {
            self.watch = None;
        }
    }

    /// Ends operations behind the front whose time has passed.
    fn expire(&mut self, ended: &mut Ended) {
        let is_due = |place: &Place| matches!(place, Place::Operation(pending) if pending.is_due());
        self.take_out(is_due, ErrorKind::TimedOut, ended);
    }

    fn cancel_operations(
        &mut self,
        slot: &Slot,
        chosen: &dyn Fn(Key) -> bool,
        ended: &mut Ended,
    ) -> usize {
        let is_chosen = |place: &Place| match place {
            Place::Operation(pending) => chosen(pending.completion.key()),
            Place::Thread(_) => false,
        };
        let mut count = self.take_out(is_chosen, ErrorKind::Canceled, ended);
        let front = self.operation.take();
        match front {
            Some(pending) if chosen(pending.completion.key()) => {
                ended.add(pending, Outcome::failure(ErrorKind::Canceled));
                count += 1;
                self.front_sleeps = false;
                self.call_next(slot, ended);
            }
            front => self.operation = front,
        }
        count
    }

    /// Ends operations behind the front; returns how many.
    fn take_out(
        &mut self,
        is_chosen: impl Fn(&Place) -> bool,
        kind: ErrorKind,
        ended: &mut Ended,
    ) -> usize {
        if !self.line.iter().any(&is_chosen) {
            return 0;
        }
        let (chosen, others): (Vec<_>, Vec<_>) = self.line.drain(..).partition(is_chosen);
        self.line.extend(others);
        let count = chosen.len();
        for place in chosen {
            if let Place::Operation(pending) = place {
                ended.add(pending, Outcome::failure(kind));
            }
        }
        count
    }

    /// The threads that wait.
    fn turns(&self) -> Vec<Arc<Turn>> {
        let of_place = |place: &Place| match place {
            Place::Thread(turn) => Some(Arc::clone(turn)),
            Place::Operation(_) => None,
        };
        let behind = self.line.iter().filter_map(of_place);
        self.front_turn.iter().cloned().chain(behind).collect()
    }

    fn cancel_thread(&mut self, slot: &Slot, turn: &Turn) {
        turn.canceled.store(true, Ordering::Relaxed);
        turn.changed.notify_one();
        let front = self.front_turn.as_ref();
        if front.is_some_and(|front| std::ptr::eq(Arc::as_ptr(front), turn)) {
            self.ring(slot);
        }
    }

    /// The mailslot is closed: everybody finds out.
    pub(super) fn dismiss(&mut self, ended: &mut Ended) {
        if let Some(pending) = self.operation.take() {
            self.front_taken = false;
            ended.add(pending, Outcome::failure(ErrorKind::Closed));
        }
        for place in self.line.drain(..) {
            match place {
                Place::Thread(turn) => turn.call(),
                Place::Operation(pending) => {
                    ended.add(pending, Outcome::failure(ErrorKind::Closed));
                }
            }
        }
        self.retry = None;
        self.watch = None;
    }
}

impl Pending {
    fn is_due(&self) -> bool {
        self.due_ns.is_some_and(|due| clock::now_ns() >= due)
    }
}
