//! All timers of the process, and the thread that sleeps until the next one is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tong::object::thread::set_servant;

use super::WaitOrTimerCallback;
use crate::completion::Ended;
use crate::error::Code;
use crate::pool;
use crate::types::TRUE;

/// The timers and queues by their numbers.
#[derive(Default)]
pub(super) struct Clock {
    last_number: u64,
    queues: HashMap<u64, Arc<Ended>>,
    timers: HashMap<u64, Arc<Timer>>,
    /// When which timer is due. An entry counts only if its timer says the same.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    has_thread: bool,
}

static CLOCK: Mutex<Option<Clock>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// The present clock, locked.
pub(super) struct Locked(MutexGuard<'static, Option<Clock>>);

impl std::ops::Deref for Locked {
    type Target = Clock;

    fn deref(&self) -> &Clock {
        self.0.as_ref().expect("filled in when locked")
    }
}

impl std::ops::DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut Clock {
        self.0.as_mut().expect("filled in when locked")
    }
}

/// A function to be called, and when.
pub(super) struct Timer {
    callback: WaitOrTimerCallback,
    parameter: usize,
    /// Runs its callback on the clock's thread.
    on_clock: bool,
    schedule: Mutex<Schedule>,
    /// Callbacks of this timer.
    ended: Arc<Ended>,
    /// Callbacks of all timers of its queue.
    queue: Mutex<Option<Arc<Ended>>>,
}

#[derive(Clone, Copy)]
struct Schedule {
    due: Option<Instant>,
    period: Duration,
    /// It has fired its only time, or was deleted.
    over: bool,
}

impl Timer {
    pub(super) fn new(
        callback: WaitOrTimerCallback,
        parameter: usize,
        period: Duration,
        on_clock: bool,
    ) -> Arc<Timer> {
        let schedule = Schedule {
            due: None,
            period,
            over: false,
        };
        Arc::new(Timer {
            callback,
            parameter,
            on_clock,
            schedule: Mutex::new(schedule),
            ended: Arc::default(),
            queue: Mutex::new(None),
        })
    }

    pub(super) fn ended(&self) -> &Ended {
        &self.ended
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> Option<Arc<Ended>> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clone()
    }

    /// Counts a callback that is going to run.
    fn begin(&self) {
        self.ended.begin();
        if let Some(queue) = self.queue() {
            queue.begin();
        }
    }

    fn end(&self) {
        self.ended.end();
        if let Some(queue) = self.queue() {
            queue.end();
        }
    }

    /// Runs a callback that was counted.
    fn run(&self) {
        #[allow(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "it is 1"
        )]
        (self.callback)(ptr::with_exposed_provenance_mut(self.parameter), TRUE as u8);
        self.end();
    }

    /// Runs a callback that was counted, on the pool.
    fn submit(self: &Arc<Timer>) -> Result<(), Code> {
        let timer = Arc::clone(self);
        pool::submit(Box::new(move || timer.run())).inspect_err(|_| self.end())
    }

    /// Notes an expiry at `now` and sets the next one; returns whether the timer was due.
    fn expire(&self, now: Instant) -> bool {
        let mut schedule = self.schedule();
        let Some(due) = schedule.due.filter(|due| *due <= now && !schedule.over) else {
            return false;
        };
        if schedule.period.is_zero() {
            schedule.due = None;
            schedule.over = true;
        } else {
            let next = due + schedule.period;
            schedule.due = Some(if next > now {
                next
            } else {
                now + schedule.period
            });
        }
        true
    }
}

impl Clock {
    pub(super) fn lock() -> Locked {
        let mut guard = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
        guard.get_or_insert_default();
        Locked(guard)
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn add_queue(&mut self) -> u64 {
        let number = self.next_number();
        self.queues.insert(number, Arc::default());
        number
    }

    /// Adds a timer that is never due yet, to a queue or, with 0, to the process's own.
    pub(super) fn add(queue: u64, timer: Arc<Timer>) -> Result<u64, Code> {
        let mut clock = Clock::lock();
        if queue != 0 {
            let ended = clock.queues.get(&queue).ok_or(Code::INVALID_HANDLE)?;
            *timer.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(ended));
        }
        let number = clock.next_number();
        clock.timers.insert(number, timer);
        Ok(number)
    }

    pub(super) fn forget(number: u64) {
        Clock::lock().timers.remove(&number);
    }

    /// Sets when a timer is due, and its period if there is a new one. A timer that is over stays so.
    pub(super) fn set(
        number: u64,
        after: Option<Duration>,
        period: Option<Duration>,
    ) -> Result<(), Code> {
        let mut clock = Clock::lock();
        let timer = Arc::clone(clock.timers.get(&number).ok_or(Code::INVALID_HANDLE)?);
        let now = Instant::now();
        {
            let mut schedule = timer.schedule();
            if schedule.over {
                return Ok(());
            }
            schedule.due = after.and_then(|after| now.checked_add(after));
            schedule.period = period.unwrap_or(schedule.period);
        }
        // What is due at once is on its way before this returns, whatever becomes of the timer then.
        if after == Some(Duration::ZERO) && !timer.on_clock && timer.expire(now) {
            timer.begin();
            timer.submit()?;
        }
        clock.note_due(number, &timer)
    }

    /// Lets the thread know when the timer is due, and makes the thread if there is none.
    fn note_due(&mut self, number: u64, timer: &Timer) -> Result<(), Code> {
        let Some(due) = timer.schedule().due else {
            return Ok(());
        };
        self.due.push(Reverse((due, number)));
        if !self.has_thread {
            std::thread::Builder::new()
                .name("tong-timers".to_owned())
                .spawn(run)
                .map_err(|_| Code::NOT_ENOUGH_MEMORY)?;
            self.has_thread = true;
        }
        CHANGED.notify_one();
        Ok(())
    }

    /// Deletes a timer: nothing new begins.
    pub(super) fn take(&mut self, number: u64) -> Result<Arc<Timer>, Code> {
        let timer = self.timers.remove(&number).ok_or(Code::INVALID_HANDLE)?;
        timer.schedule().over = true;
        Ok(timer)
    }

    /// Deletes a queue and its timers: nothing new begins.
    pub(super) fn take_queue(&mut self, number: u64) -> Result<Arc<Ended>, Code> {
        let ended = self.queues.remove(&number).ok_or(Code::INVALID_HANDLE)?;
        self.timers.retain(|_, timer| {
            let same = timer
                .queue()
                .is_some_and(|queue| Arc::ptr_eq(&queue, &ended));
            timer.schedule().over |= same;
            !same
        });
        Ok(ended)
    }

    /// When the next timer is due.
    fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            let timer = self.timers.get(&number);
            if timer.is_some_and(|timer| timer.schedule().due == Some(due)) {
                return Some(due);
            }
            self.due.pop();
        }
        None
    }

    /// Takes the timers that are due at `now`, their callbacks counted.
    fn take_due(&mut self, now: Instant) -> Vec<Arc<Timer>> {
        let mut taken = Vec::new();
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now {
                break;
            }
            self.due.pop();
            let Some(timer) = self.timers.get(&number) else {
                continue;
            };
            let current = timer.schedule().due;
            // Set anew since; that entry is there too.
            if current != Some(due) || !timer.expire(now) {
                continue;
            }
            timer.begin();
            taken.push(Arc::clone(timer));
            if let Some(next) = timer.schedule().due {
                self.due.push(Reverse((next, number)));
            }
        }
        taken
    }
}

/// What the clock's thread does.
fn run() {
    let mut clock = Clock::lock();
    loop {
        let due = clock.take_due(Instant::now());
        if !due.is_empty() {
            drop(clock);
            for timer in due {
                match timer.on_clock {
                    true => timer.run(),
                    // Without memory for a thread this expiry is lost.
                    false => drop(timer.submit()),
                }
            }
            clock = Clock::lock();
            continue;
        }
        let next = clock.next_due();
        // Without a timer to look after, the thread must not keep a process alive that has ended otherwise.
        set_servant(next.is_none());
        clock = match next {
            Some(next) => {
                let left = next.saturating_duration_since(Instant::now());
                let waited = CHANGED.wait_timeout(clock.0, left);
                Locked(waited.unwrap_or_else(PoisonError::into_inner).0)
            }
            None => Locked(
                CHANGED
                    .wait(clock.0)
                    .unwrap_or_else(PoisonError::into_inner),
            ),
        };
    }
}
