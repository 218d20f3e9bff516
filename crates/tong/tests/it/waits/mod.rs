//! Waiting: any, all, order, hand-over, death, and the stress in which nothing may be lost.
//!
//! Rules W-1 to W-55 as far as they are not about C's arguments; the objects themselves are tested in `objects`.

mod all;
mod any;
mod death;
mod handover;
mod mixed;
mod opposite;
mod player;
mod single;
mod stress;
mod waiters;

use std::time::Duration;

use tong::wait::{self, AllSatisfied, Satisfied, Waitable};
use tong::{ErrorKind, Event, Mutex, ObjectName, Reset, Result, Semaphore};

use crate::support::{eventually, namespace};

pub(crate) use death::{role_abandon, role_own_until_killed};
pub(crate) use opposite::{role_take_pairs, role_wait_in_opposite_order};
pub(crate) use player::{object_files, player, player_by, role_player};
pub(crate) use stress::{role_stress_coordinator, role_stress_worker};

/// No waiting at all.
pub(crate) const NOW: Option<Duration> = Some(Duration::ZERO);

/// As long as the slowest machine may need for something that must happen.
pub(crate) const LONG: Option<Duration> = Some(Duration::from_secs(30));

/// Long enough for something to happen that must not.
pub(crate) const SHORT: Option<Duration> = Some(Duration::from_millis(30));

pub(crate) fn auto(signaled: bool) -> Event {
    namespace();
    Event::new(Reset::Auto, signaled).unwrap()
}

pub(crate) fn manual(signaled: bool) -> Event {
    namespace();
    Event::new(Reset::Manual, signaled).unwrap()
}

pub(crate) fn mutex() -> Mutex {
    namespace();
    Mutex::new(false).unwrap()
}

pub(crate) fn semaphore(initial: u32, maximum: u32) -> Semaphore {
    namespace();
    Semaphore::new(initial, maximum).unwrap()
}

/// An object name that no other test uses.
pub(crate) fn object_name(test: &str) -> ObjectName {
    namespace();
    ObjectName::parse(&format!("{test}-{}", std::process::id())).unwrap()
}

/// References to objects of one kind, as a wait takes them.
pub(crate) fn list<T: Waitable>(objects: &[T]) -> Vec<&dyn Waitable> {
    objects
        .iter()
        .map(|object| object as &dyn Waitable)
        .collect()
}

/// Whether the outcome is a time-out; any other failure is a failure of the test.
#[track_caller]
pub(crate) fn timed_out<T: std::fmt::Debug>(outcome: Result<T>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::TimedOut => true,
        Err(error) => panic!("{error}"),
    }
}

/// The index that ended a wait for any, which must not have been an abandoned mutex.
#[track_caller]
pub(crate) fn index(outcome: Result<Satisfied>) -> usize {
    let satisfied = outcome.unwrap();
    assert!(!satisfied.abandoned);
    satisfied.index
}

/// A wait for all that must have succeeded without an abandoned mutex.
#[track_caller]
pub(crate) fn clean(outcome: Result<AllSatisfied>) {
    assert_eq!(outcome.unwrap(), AllSatisfied { abandoned: false });
}

/// Waits until so many threads wait for the event.
pub(crate) fn blocked(event: &Event, threads: usize) {
    eventually("they wait", || event.waiters() == threads);
}

/// Has another thread try to take the object, for which it does not wait.
pub(crate) fn other_thread_gets(object: &impl Waitable) -> bool {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| !timed_out(wait::any(&[object], NOW)));
        other.join().unwrap()
    })
}

/// How many rounds: few in everyday tests, all of them when asked for.
pub(crate) fn rounds(everyday: u32, all: u32) -> u32 {
    if std::env::var_os("TONG_STRESS").is_some() {
        all
    } else {
        everyday
    }
}
