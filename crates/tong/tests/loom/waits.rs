//! Waits: the real code of `waits::{lock, signal, journal, calls, commit, kind, slots, schedule}` over modelled memory, with
//! threads that are killed at their steps.
//!
//! What lies around that code has small stand-ins with the same faces: `waits/ground.rs` and `waits/record.rs` without files
//! and processes, `waits/cell.rs` with the words of a cell and the take without a lock, and `waits/wait.rs`, which mirrors
//! the loop of `waits::sleeper`. All orders of steps, without regard to the memory model but with every death, are gone
//! through by the model in `tests/waits_model.rs`.

#![allow(dead_code, reason = "not every call of the real code has a model")]

#[path = "../../src/waits/calls.rs"]
mod calls;
#[path = "waits/cell.rs"]
mod cell;
#[path = "../../src/waits/commit.rs"]
mod commit;
#[path = "waits/ground.rs"]
mod ground;
#[path = "../../src/waits/journal.rs"]
mod journal;
#[path = "../../src/waits/kind.rs"]
mod kind;
#[path = "../../src/waits/lock.rs"]
mod lock;
#[path = "waits/record.rs"]
mod record;
#[path = "../../src/waits/schedule.rs"]
mod schedule;
#[path = "../../src/waits/signal.rs"]
mod signal;
#[path = "../../src/waits/slots.rs"]
mod slots;
#[path = "waits/wait.rs"]
mod wait;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use loom::thread;
use tong_sys::map::{die_after, Killed};
use tong_sys::robust;

use crate::explore;
use cell::Cell;
use kind::CellKind;
use record::{Me, Who};
use wait::wait_any;

/// A thread of the model with a record; the kernel ends it when `life` returns or is killed after so many steps. `None`
/// if it was killed.
fn thread<T: 'static>(
    number: u32,
    steps: Option<u32>,
    life: impl FnOnce() -> T + 'static,
) -> thread::JoinHandle<Option<T>> {
    thread::spawn(move || {
        Me::begin(cell::table(), number);
        if let Some(steps) = steps {
            die_after(steps);
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
        robust::end();
        match ended {
            Ok(outcome) => Some(outcome),
            Err(end) => {
                assert!(end.is::<Killed>(), "a check failed");
                None
            }
        }
    })
}

/// Runs the model with a thread that is killed after 0, 1, 2, ... steps, until it lives to its end in all orders.
fn kill_at_every_step(name: &str, model: impl Fn(u32, &AtomicBool) + Send + Sync + Copy + 'static) {
    for steps in 0.. {
        let killed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&killed);
        explore(&format!("{name} after {steps} steps"), Some(1), move || {
            model(steps, &seen);
        });
        if !killed.load(Relaxed) {
            return;
        }
    }
}

/// The record that the model's own thread takes.
const MAIN: u32 = 0;

#[test]
fn event_that_is_set_wakes_its_waiter() {
    explore("set and wait", Some(4), || {
        Me::begin(cell::table(), MAIN);
        let event = Cell::new(CellKind::AutoEvent, None);
        let waiter = thread(1, None, move || wait_any(&[event]));
        event.set().unwrap();
        assert_eq!(waiter.join().unwrap(), Some((0, false)));
        assert_eq!(event.left(), 0);
    });
}

#[test]
fn released_semaphore_wakes_as_many_as_it_has_tokens() {
    explore("release two", Some(1), || {
        Me::begin(cell::table(), MAIN);
        let semaphore = Cell::new(CellKind::Semaphore, None);
        let waiters = [1, 2].map(|number| thread(number, None, move || wait_any(&[semaphore])));
        semaphore.release(2).unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Some((0, false)));
        }
        assert_eq!(semaphore.left(), 0);
    });
}

#[test]
fn wait_for_any_takes_one_token_of_two_signalers() {
    explore("two signalers", Some(1), || {
        Me::begin(cell::table(), MAIN);
        let cells = [CellKind::AutoEvent; 2].map(|kind| Cell::new(kind, None));
        let waiter = thread(1, None, move || wait_any(&cells));
        let other = thread(2, None, move || cells[1].set().unwrap());
        cells[0].set().unwrap();
        let (index, _) = waiter.join().unwrap().unwrap();
        assert!(other.join().unwrap().is_some());
        assert_eq!(cells[index].left(), 0);
        assert_eq!(cells[1 - index].left(), 1);
    });
}

#[test]
fn mutex_is_owned_by_one_at_a_time() {
    explore("mutex", Some(1), || {
        let me = Me::begin(cell::table(), MAIN);
        let mutex = Cell::new(CellKind::Mutex, Some(me.who));
        let inside = Arc::new(loom::cell::UnsafeCell::new(()));
        let waiters = [1, 2].map(|number| {
            let inside = Arc::clone(&inside);
            thread(number, None, move || {
                let taken = wait_any(&[mutex]);
                // Fails the model if nothing orders this after the other one's.
                inside.with_mut(|_| ());
                mutex.release_mutex().unwrap();
                taken
            })
        });
        inside.with_mut(|_| ());
        mutex.release_mutex().unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Some((0, false)));
        }
    });
}

#[test]
fn mutex_of_a_killed_owner_is_abandoned_once() {
    kill_at_every_step("owner killed", |steps, killed| {
        let owner = Who {
            number: 1,
            generation: 1,
        };
        Me::begin(cell::table(), MAIN);
        let mutex = Cell::new(CellKind::Mutex, None);
        let owner = thread(owner.number, Some(steps), move || {
            if let Some(take) = mutex.try_take().unwrap() {
                assert!(!take.abandoned);
                mutex.release_mutex().unwrap();
            }
        });
        // It may come before the owner, so it is told now or later.
        let (_, told_first) = wait_any(&[mutex]);
        mutex.release_mutex().unwrap();
        let lived = owner.join().unwrap().is_some();
        killed.fetch_or(!lived, Relaxed);
        let told_then = mutex.try_take().unwrap().unwrap().abandoned;
        assert!(!told_first || !told_then);
        assert!(!lived || !told_first && !told_then);
        mutex.release_mutex().unwrap();
        assert!(!mutex.try_take().unwrap().unwrap().abandoned);
    });
}

#[test]
fn signal_of_a_killed_thread_counts_wholly_or_not() {
    kill_at_every_step("signaler killed", |steps, killed| {
        Me::begin(cell::table(), MAIN);
        let semaphore = Cell::new(CellKind::Semaphore, None);
        let signaler = thread(1, Some(steps), move || semaphore.release(1).unwrap());
        let waiter = thread(2, None, move || wait_any(&[semaphore]));
        let lived = signaler.join().unwrap().is_some();
        killed.fetch_or(!lived, Relaxed);
        if !lived {
            // As much again, so that the waiter gets something whatever became of the first.
            semaphore.release(1).unwrap();
        }
        assert_eq!(waiter.join().unwrap(), Some((0, false)));
        drop(semaphore.lock().unwrap());
        assert!(semaphore.left() <= u64::from(!lived));
    });
}
