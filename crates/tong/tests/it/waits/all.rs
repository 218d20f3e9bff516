//! Waiting for all of several objects at once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tong::wait::{self, Waitable};
use tong::{ErrorKind, Event};

use super::{
    auto, blocked, clean, list, manual, mutex, object_name, other_thread_gets, semaphore,
    timed_out, LONG, NOW, SHORT,
};
use crate::support::{eventually, namespace, Watchdog};

/// W-30: all at one instant, and then all are taken together.
#[test]
fn succeeds_when_all_are_signaled_and_takes_all() {
    let _watchdog = Watchdog::new("succeeds_when_all_are_signaled", Duration::from_secs(60));
    let (event, semaphore, mutex) = (auto(false), semaphore(0, 5), mutex());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            clean(wait::all(&[&event, &semaphore, &mutex], LONG));
            mutex.release().unwrap();
        });
        blocked(&event, 1);
        event.set().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        semaphore.release(2).unwrap();
        waiter.join().unwrap();
    });
    assert!(!event.is_signaled());
    assert_eq!(semaphore.count(), 1);
    assert!(other_thread_gets(&mutex));
}

/// W-31, W-33, W-75: until then nothing is taken or kept for it: others get what it waits for.
#[test]
fn reserves_nothing_while_it_waits() {
    let _watchdog = Watchdog::new("reserves_nothing_while_it_waits", Duration::from_secs(60));
    let (never, event, semaphore, mutex) = (auto(false), auto(false), semaphore(1, 5), mutex());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            clean(wait::all(&[&event, &semaphore, &mutex, &never], None));
            mutex.release().unwrap();
        });
        blocked(&never, 1);
        event.set().unwrap();
        assert!(event.is_signaled(), "W-75: it stays set");
        event.wait(NOW).expect("and others can have it");
        assert_eq!(semaphore.release(1).unwrap(), 1, "W-33: it keeps its count");
        semaphore.acquire(NOW).unwrap();
        let guard = mutex.try_lock().expect("a free mutex is free");
        drop(guard);
        // Now everything at once.
        event.set().unwrap();
        never.set().unwrap();
        waiter.join().unwrap();
    });
    assert_eq!(semaphore.count(), 0);
}

/// W-32: whoever takes one of the objects meanwhile has it, and the wait goes on.
#[test]
fn goes_on_when_another_takes_one() {
    let _watchdog = Watchdog::new("goes_on_when_another_takes_one", Duration::from_secs(60));
    let (one, two) = (auto(false), auto(false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| clean(wait::all(&[&one, &two], LONG)));
        blocked(&two, 1);
        for _ in 0..50 {
            one.set().unwrap();
            one.wait(NOW).expect("nobody else could take it");
            two.set().unwrap();
            two.wait(NOW).expect("nobody else could take it");
        }
        one.set().unwrap();
        two.set().unwrap();
        waiter.join().unwrap();
    });
}

/// W-34: a pulse is too short for a wait that lacks another object, and leaves nothing.
#[test]
fn pulse_does_not_count_for_an_incomplete_wait() {
    let _watchdog = Watchdog::new("pulse_does_not_count", Duration::from_secs(60));
    let (pulsed, other) = (auto(false), auto(false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| clean(wait::all(&[&pulsed, &other], LONG)));
        blocked(&other, 1);
        pulsed.pulse().unwrap();
        assert!(!pulsed.is_signaled());
        other.set().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiter.is_finished());
        pulsed.set().unwrap();
        waiter.join().unwrap();
    });
}

/// W-35: one abandoned mutex among the objects, or several, are told as one outcome, once.
#[test]
fn abandoned_mutexes_are_told_once_for_all() {
    let (event, mutexes) = (auto(true), [mutex(), mutex(), mutex()]);
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            mutexes[1..]
                .iter()
                .try_for_each(|one| one.acquire(None).map(drop))
        });
        owner.join().unwrap().unwrap();
    });
    let all: [&dyn Waitable; 4] = [&event, &mutexes[0], &mutexes[1], &mutexes[2]];
    assert!(wait::all(&all, NOW).unwrap().abandoned);
    event.set().unwrap();
    clean(wait::all(&all, NOW));
    for _ in 0..2 {
        for mutex in &mutexes {
            mutex.release().unwrap();
        }
    }
    assert!(mutexes.iter().all(other_thread_gets));
}

/// W-36: what the caller owns already counts, and is owned once more.
#[test]
fn own_mutexes_count_and_are_owned_once_more() {
    let (event, mutex) = (auto(true), mutex());
    let _ = mutex.acquire(NOW).unwrap();
    clean(wait::all(&[&mutex, &event], NOW));
    mutex.release().unwrap();
    assert!(!other_thread_gets(&mutex), "owned once still");
    mutex.release().unwrap();
    assert!(other_thread_gets(&mutex));
    assert_eq!(mutex.release().unwrap_err().kind(), ErrorKind::NotOwner);
}

/// W-37, W-2: a wait that times out leaves everything as if it had not been.
#[test]
fn time_out_leaves_everything() {
    let (never, event, semaphore, mutex) = (auto(false), auto(true), semaphore(2, 2), mutex());
    for patience in [NOW, SHORT] {
        let all: [&dyn Waitable; 4] = [&event, &semaphore, &mutex, &never];
        assert!(timed_out(wait::all(&all, patience)));
        assert!(event.is_signaled());
        assert_eq!(semaphore.count(), 2);
        assert!(other_thread_gets(&mutex));
        assert_eq!(never.waiters(), 0);
    }
}

/// W-38: with one object both waits are the same.
#[test]
fn one_object_is_as_in_a_wait_for_any() {
    let event = auto(true);
    clean(wait::all(&[&event], NOW));
    assert!(timed_out(wait::all(&[&event], NOW)));
    let mutex = mutex();
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| mutex.acquire(None)).join().unwrap().unwrap();
    });
    assert!(wait::all(&[&mutex], NOW).unwrap().abandoned);
}

/// W-24: the same object twice is refused, however it was reached, and nothing changes.
#[test]
fn duplicates_are_refused() {
    let name = object_name("duplicates_are_refused");
    let (event, _) = Event::create(&name, tong::Reset::Auto, true).unwrap();
    let (same, other) = (Event::open(&name).unwrap(), auto(true));
    for second in [&event.clone(), &same] {
        let error = wait::all(&[&event, &other, second], NOW).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(event.is_signaled() && other.is_signaled());
    }
}

/// W-22, demand C5: 1, 64, 65 and 1,000 objects; the last signal completes the wait, and not one is taken before.
#[test]
fn long_lists_are_taken_together() {
    let _watchdog = Watchdog::new("long_lists_are_taken_together", Duration::from_secs(120));
    for count in [1, 2, 64, 65, 1_000] {
        let events: Vec<Event> = (0..count).map(|_| auto(false)).collect();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| clean(wait::all(&list(&events), LONG)));
            blocked(&events[count - 1], 1);
            for event in &events[1..] {
                event.set().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
            assert!(events[1..].iter().all(Event::is_signaled), "of {count}");
            assert!(!waiter.is_finished());
            events[0].set().unwrap();
            waiter.join().unwrap();
        });
        assert!(!events.iter().any(Event::is_signaled), "of {count}");
    }
}

/// WinPR's wait.c, demand N14: waits for all in opposite orders over the same objects come to an end, all of them.
#[test]
fn opposite_orders_do_not_block_each_other() {
    let _watchdog = Watchdog::new("opposite_orders", Duration::from_secs(120));
    let mutexes = [mutex(), mutex(), mutex()];
    let inside = AtomicU32::new(0);
    let orders = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]];
    std::thread::scope(|scope| {
        for order in orders {
            let (mutexes, inside) = (&mutexes, &inside);
            scope.spawn(move || {
                let mine = order.map(|place| &mutexes[place] as &dyn Waitable);
                for _ in 0..500 {
                    clean(wait::all(&mine, LONG));
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    for place in order {
                        mutexes[place].release().unwrap();
                    }
                }
            });
        }
    });
}

/// W-30, W-31: nobody ever sees half a take: two events that are set and taken together are seen both or neither.
#[test]
fn nobody_sees_half_a_take() {
    let _watchdog = Watchdog::new("nobody_sees_half_a_take", Duration::from_secs(120));
    let (one, two) = (semaphore(0, 1_000_000), semaphore(0, 1_000_000));
    let done = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_millis(500);
    std::thread::scope(|scope| {
        for flip in [false, true] {
            let (one, two, done) = (&one, &two, &done);
            scope.spawn(move || {
                let pair: [&dyn Waitable; 2] = if flip { [two, one] } else { [one, two] };
                while !done.load(Ordering::SeqCst) {
                    match wait::all(&pair, Some(Duration::from_millis(20))) {
                        Ok(_) => {
                            one.release(1).unwrap();
                            two.release(1).unwrap();
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
                    }
                }
            });
        }
        one.release(3).unwrap();
        two.release(3).unwrap();
        while Instant::now() < until {
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!((one.count(), two.count()), (3, 3), "not one more or less");
}

/// W-23, W-30: a wait for all over events of which one is manual takes from the others only.
#[test]
fn manual_events_stay_set() {
    let (gate, token) = (manual(true), auto(true));
    clean(wait::all(&[&gate, &token], NOW));
    assert!(gate.is_signaled() && !token.is_signaled());
}

/// W-37: a wait that timed out is in nobody's queue any more.
#[test]
fn waiters_are_gone_after_the_wait() {
    namespace();
    let events: Vec<Event> = (0..9).map(|_| auto(false)).collect();
    for _ in 0..50 {
        assert!(timed_out(wait::all(
            &list(&events),
            Some(Duration::from_micros(100))
        )));
    }
    eventually("nobody waits", || {
        events.iter().all(|event| event.waiters() == 0)
    });
}
