//! One operation at a time on one open, and the signal that says whether one is going on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use tong_sys::clock;
use tong_sys::futex::{self, Until, Watched};
use tong_sys::latch::Latch;
use tong_sys::thread::steady;

use crate::object::event::{Event, Reset};
use crate::Result;

/// How often one who waits looks whether the thread that he waits for still lives.
const LOOK_NS: u64 = 100_000_000;

/// Who is at work on the open.
#[derive(Debug, Default)]
pub(super) struct Turn {
    at_work: Latch<AtWork>,
    /// How many turns have ended: what those sleep on who wait for theirs.
    ended: AtomicU32,
    signal: OnceLock<Event>,
}

#[derive(Debug, Default)]
struct AtWork {
    /// The id of the thread whose turn it is; 0 if it is nobody's.
    thread: u32,
    waiting: u32,
}

impl Turn {
    /// Uses what is behind the latch. A thread cannot be suspended meanwhile, so others need not wait for its return.
    fn with<R>(&self, using: impl FnOnce(&mut AtWork) -> R) -> R {
        let _steady = steady();
        self.at_work.with(using)
    }

    /// Waits until nobody else is at work, and begins.
    pub(super) fn begin(&self) -> Working<'_> {
        let this = tong_sys::thread::id();
        if self.try_begin(this).is_err() {
            self.await_turn(this);
        }
        Working { turn: self }
    }

    /// Begins, or says who is at work.
    fn try_begin(&self, this: u32) -> std::result::Result<(), u32> {
        self.with(|at_work| {
            if at_work.thread != 0 {
                return Err(at_work.thread);
            }
            at_work.thread = this;
            self.show(false);
            Ok(())
        })
    }

    #[cold]
    fn await_turn(&self, this: u32) {
        self.with(|at_work| at_work.waiting += 1);
        loop {
            let seen = self.ended.load(Ordering::Acquire);
            let Err(other) = self.try_begin(this) else {
                break;
            };
            let until = Until::Monotonic(clock::now_ns() + LOOK_NS);
            futex::wait(Watched::half(&self.ended, seen), until);
            // Threads that are killed end no turns.
            if self.ended.load(Ordering::Acquire) == seen && !lives(other) {
                self.with(|at_work| {
                    if at_work.thread == other {
                        at_work.thread = 0;
                    }
                });
            }
        }
        self.with(|at_work| at_work.waiting -= 1);
    }

    fn end(&self) {
        let wakes = self.with(|at_work| {
            at_work.thread = 0;
            self.show(true);
            self.ended.fetch_add(1, Ordering::Release);
            at_work.waiting > 0
        });
        if wakes {
            futex::wake_all_half(&self.ended);
        }
    }

    /// The event that is set while nobody is at work.
    pub(super) fn signal(&self) -> Result<&Event> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal);
        }
        let made = Event::new(Reset::Manual, false)?;
        self.with(|at_work| {
            let signal = self.signal.get_or_init(|| made);
            if at_work.thread == 0 {
                signal.set()?;
            }
            Ok(signal)
        })
    }

    /// Sets or resets the event, if anybody has ever asked for it.
    fn show(&self, idle: bool) {
        if let Some(signal) = self.signal.get() {
            // It fails only for a thread that can use no objects at all, and then nobody waits for this one.
            let _ = match idle {
                true => signal.set(),
                false => signal.reset(),
            };
        }
    }
}

fn lives(thread: u32) -> bool {
    std::fs::exists(format!("/proc/self/task/{thread}")).unwrap_or(true)
}

/// The turn is the caller's until this is dropped.
#[derive(Debug)]
pub(super) struct Working<'a> {
    turn: &'a Turn,
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.turn.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_is_set_while_nobody_works() {
        let turn = Turn::default();
        let working = turn.begin();
        assert!(!turn.signal().unwrap().is_signaled());
        drop(working);
        assert!(turn.signal().unwrap().is_signaled());
        let working = turn.begin();
        assert!(!turn.signal().unwrap().is_signaled());
        drop(working);
    }

    #[test]
    fn one_works_at_a_time_and_everybody_gets_his_turn() {
        let turn = Turn::default();
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let _working = turn.begin();
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        inside.fetch_sub(1, Ordering::Relaxed);
                    }
                });
            }
        });
    }
}
