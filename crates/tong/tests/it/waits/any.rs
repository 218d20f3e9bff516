//! Waiting for any of several objects.

use std::time::Duration;

use tong::wait::{self, Waitable};
use tong::{Acquired, ErrorKind, Event, Mutex};

use super::{
    auto, blocked, index, list, manual, mutex, other_thread_gets, semaphore, timed_out, LONG, NOW,
    SHORT,
};
use crate::support::{eventually, namespace, Watchdog};

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| auto(false)).collect()
}

/// W-25, W-27: the first signaled object in order ends the wait, and the others keep their state.
#[test]
fn first_in_the_list_is_taken_and_nothing_else() {
    let mut objects = vec![manual(true)];
    objects.extend((1..64).map(|_| auto(true)));
    let all = list(&objects);
    assert_eq!(index(wait::any(&all, NOW)), 0);
    assert_eq!(index(wait::any(&all, NOW)), 0, "manual: it stays");
    objects[0].reset().unwrap();
    for expected in 1..64 {
        assert_eq!(index(wait::any(&all, NOW)), expected);
        assert!(objects[expected + 1..].iter().all(Event::is_signaled));
    }
    assert!(timed_out(wait::any(&all, NOW)));
}

/// W-22, W-28, demand C5 and coreclr#630: 1, 64, 65 and 1,000 objects in one wait, each of them found, blocked or not.
#[test]
fn every_place_of_long_lists_is_found() {
    let _watchdog = Watchdog::new("every_place_of_long_lists", Duration::from_secs(120));
    for count in [1, 2, 64, 65, 1_000] {
        let objects = events(count);
        let all = list(&objects);
        for place in [0, count / 2, count - 1] {
            objects[place].set().unwrap();
            assert_eq!(index(wait::any(&all, NOW)), place, "of {count}");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| index(wait::any(&list(&objects), LONG)));
                blocked(&objects[count - 1], 1);
                objects[place].set().unwrap();
                assert_eq!(waiter.join().unwrap(), place, "of {count}, blocked");
            });
            assert!(timed_out(wait::any(&all, NOW)), "consumed once");
            assert!(objects.iter().all(|object| object.waiters() == 0));
        }
    }
}

/// W-19 is Windows' limit for C; the Rust call takes what an index can name, and an empty list waits for the time.
#[test]
fn longest_and_shortest_lists() {
    let event = auto(false);
    let many: Vec<&dyn Waitable> = std::iter::repeat_n(&event as &dyn Waitable, 32_768).collect();
    let error = wait::any(&many, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    event.set().unwrap();
    assert_eq!(index(wait::any(&many[..32_767], NOW)), 0);
    namespace();
    assert!(timed_out(wait::any(&[], SHORT)));
}

/// W-24: a duplicate is harmless: the lowest index is reported, and the object is taken once.
#[test]
fn duplicates_report_the_lowest_place_and_take_once() {
    let _watchdog = Watchdog::new("duplicates_report", Duration::from_secs(60));
    let semaphore = semaphore(0, 10);
    let again = semaphore.clone();
    let event = auto(false);
    let twice: [&dyn Waitable; 4] = [&event, &semaphore, &again, &semaphore];
    semaphore.release(5).unwrap();
    assert_eq!(index(wait::any(&twice, NOW)), 1);
    assert_eq!(semaphore.count(), 4, "taken once");
    for _ in 0..4 {
        semaphore.acquire(NOW).unwrap();
    }
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| index(wait::any(&[&event, &again, &semaphore], LONG)));
        eventually("it waits", || {
            semaphore.waiters() > 0 && event.waiters() > 0
        });
        semaphore.release(3).unwrap();
        assert_eq!(waiter.join().unwrap(), 1, "blocked: the lowest as well");
    });
    assert_eq!(semaphore.count(), 2, "taken once");
}

/// W-26, W-89: an abandoned mutex counts at its place, neither earlier nor later.
#[test]
fn abandoned_mutex_has_no_precedence() {
    let (event, mutex) = (auto(true), mutex());
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| mutex.acquire(None)).join().unwrap().unwrap();
    });
    assert_eq!(index(wait::any(&[&event, &mutex], NOW)), 0);
    let satisfied = wait::any(&[&event, &mutex], NOW).unwrap();
    assert_eq!((satisfied.index, satisfied.abandoned), (1, true));
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean, "told once");
}

/// W-29: a low place that is always signaled starves the others.
#[test]
fn signaled_low_place_starves_the_others() {
    let (always, semaphore) = (manual(true), semaphore(1, 1));
    for _ in 0..100 {
        assert_eq!(index(wait::any(&[&always, &semaphore], NOW)), 0);
    }
    assert_eq!(semaphore.count(), 1);
}

/// W-23: kinds are mixed freely, and each is taken as its kind says.
#[test]
fn kinds_are_mixed_freely() {
    let (event, mutex, semaphore) = (auto(false), mutex(), semaphore(0, 1));
    let all: [&dyn Waitable; 3] = [&event, &semaphore, &mutex];
    assert_eq!(index(wait::any(&all, NOW)), 2);
    assert!(!other_thread_gets(&mutex));
    mutex.release().unwrap();
    semaphore.release(1).unwrap();
    assert_eq!(index(wait::any(&all, NOW)), 1);
    event.set().unwrap();
    assert_eq!(index(wait::any(&all, NOW)), 0);
    assert_eq!(semaphore.count(), 0);
    assert!(other_thread_gets(&mutex), "not taken by the last waits");
}

/// W-46: a waiter that several signals reach at once takes one of the objects; the other tokens stay.
#[test]
fn waiter_never_takes_two() {
    let _watchdog = Watchdog::new("waiter_never_takes_two", Duration::from_secs(60));
    for round in 0..300 {
        let objects = events(4);
        let won = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| index(wait::any(&list(&objects), LONG)));
            if round % 2 == 0 {
                blocked(&objects[3], 1);
            }
            for object in &objects {
                scope.spawn(|| object.set().unwrap());
            }
            waiter.join().unwrap()
        });
        let left: Vec<usize> = (0..4)
            .filter(|place| !timed_out(objects[*place].wait(NOW)))
            .collect();
        assert_eq!(left.len(), 3, "round {round}: won {won}, left {left:?}");
        assert!(!left.contains(&won));
    }
}

/// W-2, W-46: time-outs race with signals, and each token is taken exactly once or stays.
#[test]
fn tokens_survive_time_outs_of_waits_for_any() {
    let _watchdog = Watchdog::new("tokens_survive_time_outs", Duration::from_secs(60));
    let semaphores = [semaphore(0, 1_000_000), semaphore(0, 1_000_000)];
    let taken = std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = [0; 2];
                    for round in 0..3_000u64 {
                        let patience = Duration::from_micros(round % 60);
                        match wait::any(&list(&semaphores), Some(patience)) {
                            Ok(satisfied) => taken[satisfied.index] += 1,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
                        }
                    }
                    taken
                })
            })
            .collect();
        for round in 0..3_000 {
            semaphores[round % 2].release(1).unwrap();
            if round % 8 == 0 {
                std::thread::yield_now();
            }
        }
        waiters
            .into_iter()
            .map(|waiter| waiter.join().unwrap())
            .fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    });
    for place in 0..2 {
        assert_eq!(taken[place] + semaphores[place].count(), 1_500, "{place}");
        assert_eq!(semaphores[place].waiters(), 0);
    }
}

/// W-2, W-20: a call that is refused for one of its arguments changes no object.
#[test]
fn refused_list_changes_nothing() {
    let (event, mutex) = (auto(true), Mutex::new(false).unwrap());
    let mut many: Vec<&dyn Waitable> = vec![&event, &mutex];
    many.extend(std::iter::repeat_n(&event as &dyn Waitable, 40_000));
    assert!(wait::any(&many, NOW).is_err());
    assert!(wait::all(&many, NOW).is_err());
    assert!(event.is_signaled());
    assert!(other_thread_gets(&mutex));
}
