//! User APCs: calls that wait in a thread's queue until that thread is in an alertable wait.
//!
//! Any thread of the process can queue a call to any other ([`Thread::queue_apc`](crate::Thread::queue_apc)). The target
//! runs it when it next waits alertably for something that is not there yet: first all calls that are queued, in order, also
//! those that are queued meanwhile; then the wait ends and says that it was alerted. A wait that is satisfied at once runs none.
//!
//! # Routines of timers
//! [`Timer::set_with_routine`] has a routine called on the thread that set the timer, at each expiry. Nothing watches the
//! clock for that: an alertable wait of that thread also ends when such a timer is due, and an expiry that has come takes its place
//! in the queue by its time. Of each timer at most one call is queued. Setting or cancelling the timer, by anybody, takes it out.
//!
//! # Lifetime and death
//! What is queued when the thread ends is dropped, and a timer whose routine it was is cancelled. A thread that is killed
//! cannot cancel its timers: they go on without calling anybody.
//!
//! # References
//! Win32: "Asynchronous Procedure Calls", QueueUserAPC, SleepEx, "Using a Waitable Timer with an Asynchronous Procedure Call".

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tong_sys::clock;
use tong_sys::thread::{steady, Steady};

use crate::object::thread::{self, Own};
use crate::object::timer::{Due, Timer};
use crate::waits::{Alert, Me, WeakCell};
use crate::{Error, ErrorKind, Result};

/// A call in a queue.
type Call = Box<dyn FnOnce() + Send>;

/// What is called with the time of each expiry of a timer.
type OnExpiry = Arc<dyn Fn(SystemTime) + Send + Sync>;

/// The calls that wait for one thread.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Where the thread waits alertably now.
    waits: Mutex<Vec<Me>>,
}

/// A locked part of a queue. Nobody can suspend its thread meanwhile, who would then wait for the lock himself.
struct Locked<'a, T> {
    // In this order: the lock is let go of first.
    part: MutexGuard<'a, T>,
    _steady: Steady,
}

impl<T> std::ops::Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.part
    }
}

impl<T> std::ops::DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.part
    }
}

fn lock<T>(part: &Mutex<T>) -> Locked<'_, T> {
    let steady = steady();
    Locked {
        part: part.lock().unwrap_or_else(PoisonError::into_inner),
        _steady: steady,
    }
}

struct State {
    /// The thread has ended, or is about to.
    closed: bool,
    calls: VecDeque<(Instant, Queued)>,
    routines: Vec<Routine>,
    /// Tells routines apart.
    last_number: u64,
}

enum Queued {
    User(Call),
    /// The expiry of the timer whose routine has this number, at this time.
    Timer(u64, SystemTime),
}

/// A timer that calls somebody on this thread.
struct Routine {
    number: u64,
    /// The timer, which lives for as long as others hold it.
    timer: WeakCell,
    /// Which setting of the timer this is; another one makes the routine void.
    setting: u64,
    /// The next expiry, if there is one.
    next: Option<Expiry>,
    period: Option<Duration>,
    call: OnExpiry,
}

/// A time on the clock that counts for it.
#[derive(Clone, Copy)]
enum Expiry {
    Monotonic(Instant),
    System(SystemTime),
}

impl Expiry {
    /// How long until then; zero if it has come.
    fn left(self) -> Duration {
        match self {
            Expiry::Monotonic(at) => at.saturating_duration_since(Instant::now()),
            Expiry::System(at) => at.duration_since(SystemTime::now()).unwrap_or_default(),
        }
    }

    /// The time on both clocks, if it has come. The other clock's reading supposes that it was not set since.
    fn come(self) -> Option<(Instant, SystemTime)> {
        let (now, now_system) = (Instant::now(), SystemTime::now());
        let ago = match self {
            Expiry::Monotonic(at) => now.checked_duration_since(at)?,
            Expiry::System(at) => now_system.duration_since(at).ok()?,
        };
        Some((
            now.checked_sub(ago).unwrap_or(now),
            now_system.checked_sub(ago).unwrap_or(now_system),
        ))
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Queue")
            .field("closed", &state.closed)
            .field("calls", &state.calls.len())
            .field("routines", &state.routines.len())
            .finish()
    }
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new() -> Queue {
        Queue {
            state: Mutex::new(State {
                closed: false,
                calls: VecDeque::new(),
                routines: Vec::new(),
                last_number: 0,
            }),
            waits: Mutex::default(),
        }
    }

    /// Adds a call, and calls the thread out of its alertable wait if it is in one.
    ///
    /// # Errors
    /// [`ErrorKind::Ended`] if the thread has ended or is about to.
    pub(crate) fn push(&self, call: Call) -> Result<()> {
        {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(Error::new("queue APC", ErrorKind::Ended));
            }
            state.calls.push_back((Instant::now(), Queued::User(call)));
        }
        lock(&self.waits).iter().for_each(|me| me.nudge());
        Ok(())
    }

    /// Drops all that is queued and takes nothing more.
    pub(crate) fn close(&self) {
        let (calls, routines) = {
            let mut state = lock(&self.state);
            state.closed = true;
            (
                std::mem::take(&mut state.calls),
                std::mem::take(&mut state.routines),
            )
        };
        // Outside of the lock, because dropping a call may run anything.
        drop(calls);
        for routine in routines {
            if let Some(timer) = routine.timer.upgrade() {
                // Without a place in the wait table for this thread, the timer goes on without calling anybody.
                let _ = timer.cancel_setting(routine.setting);
            }
        }
    }

    /// Takes the next call, having queued the expiries that have come.
    fn take(&self) -> Option<Call> {
        let mut state = lock(&self.state);
        state.queue_expiries();
        match state.calls.pop_front()?.1 {
            Queued::User(call) => Some(call),
            Queued::Timer(number, time) => {
                // Whatever void routines had queued is gone.
                let call = Arc::clone(&state.routine(number)?.call);
                state.forget_finished(number);
                Some(Box::new(move || call(time)))
            }
        }
    }

    fn is_empty(&self) -> bool {
        let mut state = lock(&self.state);
        state.queue_expiries();
        state.calls.is_empty()
    }

    fn next_due(&self) -> Option<Duration> {
        let state = lock(&self.state);
        let expiries = state.routines.iter().filter_map(|routine| routine.next);
        expiries.map(Expiry::left).min()
    }

    fn add_routine(&self, mut routine: Routine) -> Result<()> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Error::new("set timer", ErrorKind::Ended));
        }
        state.last_number += 1;
        routine.number = state.last_number;
        state.routines.push(routine);
        Ok(())
    }
}

impl State {
    /// Gives each expiry that has come its place among the calls, and forgets routines whose timer was set anew or cancelled.
    fn queue_expiries(&mut self) {
        if self.routines.is_empty() {
            return;
        }
        self.routines.retain(Routine::is_valid);
        let State {
            calls, routines, ..
        } = self;
        calls.retain(|(_, call)| match call {
            Queued::User(_) => true,
            Queued::Timer(number, _) => routines.iter().any(|routine| routine.number == *number),
        });
        for routine in routines {
            let Some((at, time)) = routine.expire() else {
                continue;
            };
            let is_queued = |call: &Queued| matches!(call, Queued::Timer(number, _) if *number == routine.number);
            if calls.iter().any(|(_, call)| is_queued(call)) {
                continue;
            }
            let place = calls.partition_point(|(queued, _)| *queued <= at);
            calls.insert(place, (at, Queued::Timer(routine.number, time)));
        }
    }

    fn routine(&self, number: u64) -> Option<&Routine> {
        self.routines
            .iter()
            .find(|routine| routine.number == number)
    }

    /// Forgets a routine that will not be called again.
    fn forget_finished(&mut self, number: u64) {
        self.routines
            .retain(|routine| routine.number != number || routine.next.is_some());
    }
}

impl Routine {
    /// Whether the timer is there and was neither set anew nor cancelled.
    fn is_valid(&self) -> bool {
        let timer = self.timer.upgrade();
        timer.is_some_and(|timer| timer.setting() == self.setting)
    }

    /// If the timer has expired: when it did so first since it was last asked. The next expiry is set.
    fn expire(&mut self) -> Option<(Instant, SystemTime)> {
        let came = self.next?.come()?;
        self.next = self.period.and_then(|period| {
            // Those that were missed meanwhile give no calls: one is queued at most.
            let period_ns = period.as_nanos().max(1);
            let missed = came.0.elapsed().as_nanos() / period_ns;
            let ahead = period_ns.checked_mul(missed + 1)?;
            let ahead = Duration::from_nanos(u64::try_from(ahead).ok()?);
            // Periods are not moved by changes of the system's clock.
            came.0.checked_add(ahead).map(Expiry::Monotonic)
        });
        Some(came)
    }
}

impl Timer {
    /// Sets the timer as [`set`](Timer::set) does, and has `routine` called on the calling thread at each expiry, in an
    /// alertable wait, with the time of the expiry.
    ///
    /// At most one call is queued: an expiry that comes before the last one's call was made gives none. If the thread ends, the
    /// timer is cancelled.
    ///
    /// # Errors
    /// Those of [`set`](Timer::set); what making the thread's own [`Thread`](crate::Thread) fails with.
    pub fn set_with_routine(
        &self,
        due: Due,
        period: Option<Duration>,
        routine: impl Fn(SystemTime) + Send + Sync + 'static,
    ) -> Result<()> {
        let thread = thread::own()?;
        let next = match due {
            Due::After(time) => Instant::now().checked_add(time).map(Expiry::Monotonic),
            Due::At(time) => Some(Expiry::System(time)),
        };
        let setting = self.set_counted(due, period)?;
        thread.apcs().add_routine(Routine {
            number: 0,
            timer: self.shared().cell().downgrade(),
            setting,
            next,
            period,
            call: Arc::new(routine),
        })
    }
}

/// What calls the calling thread out of alertable waits.
#[derive(Debug)]
pub(crate) struct Alertable {
    own: Arc<Own>,
}

impl Alertable {
    /// The calling thread; `None` if nobody can queue anything to it, because it has no object.
    pub(crate) fn of_thread() -> Option<Alertable> {
        thread::own_if_any().map(|own| Alertable { own })
    }
}

impl Alert for Alertable {
    fn is_pending(&self) -> bool {
        !self.own.apcs().is_empty()
    }

    fn due_ns(&self) -> Option<u64> {
        let left = self.own.apcs().next_due()?;
        let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        Some(clock::now_ns().saturating_add(left))
    }

    fn waits_with(&self, records: &[Me]) {
        let mut waits = lock(&self.own.apcs().waits);
        waits.clear();
        waits.extend_from_slice(records);
    }
}

/// Runs all calls that wait for the calling thread, in order, also those that are queued meanwhile. Returns whether
/// there were any.
pub(crate) fn run_all() -> bool {
    let Some(own) = thread::own_if_any() else {
        return false;
    };
    let mut any = false;
    // Each call runs with no lock held: it may wait, queue and set timers itself.
    while let Some(call) = own.apcs().take() {
        call();
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn run(queue: &Queue) {
        while let Some(call) = queue.take() {
            call();
        }
    }

    /// W-56, W-60.
    #[test]
    fn calls_run_in_order_with_those_queued_meanwhile() {
        let queue = Arc::new(Queue::new());
        let order = Arc::new(Mutex::new(Vec::new()));
        let push = |number: i32| {
            let order = Arc::clone(&order);
            queue
                .push(Box::new(move || order.lock().unwrap().push(number)))
                .unwrap();
        };
        push(1);
        let (again, order_again) = (Arc::downgrade(&queue), Arc::clone(&order));
        queue
            .push(Box::new(move || {
                order_again.lock().unwrap().push(2);
                let last = Arc::clone(&order_again);
                let queue = again.upgrade().unwrap();
                queue
                    .push(Box::new(move || last.lock().unwrap().push(4)))
                    .unwrap();
            }))
            .unwrap();
        push(3);
        run(&queue);
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4]);
        assert!(queue.is_empty());
    }

    /// W-57, W-67.
    #[test]
    fn closed_queue_drops_what_it_has_and_refuses_more() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        struct Noisy;
        impl Drop for Noisy {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
        let queue = Queue::new();
        let noisy = Noisy;
        queue.push(Box::new(move || drop(noisy))).unwrap();
        queue.close();
        assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
        let refused = queue.push(Box::new(|| ())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Ended);
    }
}
