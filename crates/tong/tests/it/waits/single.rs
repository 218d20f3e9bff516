//! Waiting for one object.

use std::time::{Duration, Instant};

use tong::wait::{self, Fd};
use tong::{Acquired, Process, Thread};

use super::{
    auto, blocked, manual, mutex, other_thread_gets, semaphore, timed_out, LONG, NOW, SHORT,
};
use crate::support::{eventually, namespace, Actor, Watchdog};

/// W-1 and the table of section 1: what a wait that ends does to its object, kind by kind.
#[test]
fn satisfied_wait_takes_what_its_kind_says() {
    let event = manual(true);
    event.wait(NOW).unwrap();
    assert!(event.is_signaled(), "a manual event stays set");

    let event = auto(true);
    event.wait(NOW).unwrap();
    assert!(!event.is_signaled(), "an auto event is reset");

    let semaphore = semaphore(3, 5);
    semaphore.acquire(NOW).unwrap();
    assert_eq!(semaphore.count(), 2);

    let mutex = mutex();
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean);
    assert!(!other_thread_gets(&mutex), "owned by this thread");
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean);
    mutex.release().unwrap();
    assert!(!other_thread_gets(&mutex), "still owned once");
    mutex.release().unwrap();
    assert!(other_thread_gets(&mutex));
}

/// W-2, W-9: a wait that ends with nothing changes nothing, and without time it tests once.
#[test]
fn wait_that_times_out_changes_nothing() {
    let (event, semaphore, mutex) = (auto(false), semaphore(0, 1), mutex());
    for patience in [NOW, SHORT] {
        assert!(timed_out(event.wait(patience)));
        assert!(timed_out(semaphore.acquire(patience)));
        let guard = mutex.lock().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(timed_out(mutex.acquire(patience))));
        });
        drop(guard);
    }
    assert_eq!((event.waiters(), mutex.waiters()), (0, 0));
    assert_eq!(semaphore.release(1).unwrap(), 0);
    semaphore.acquire(NOW).unwrap();
    assert!(other_thread_gets(&mutex));
}

/// W-3, W-146, W-153: a thread and a process that ended stay signaled, for everybody.
#[test]
fn what_has_ended_stays_signaled_for_all_waits() {
    namespace();
    let thread = Thread::spawn(|| 5).unwrap();
    for _ in 0..3 {
        thread.wait(LONG).unwrap();
    }
    assert!(other_thread_gets(&thread));
    let mut actor = Actor::start("player", &[]);
    let process = Process::open(actor.pid().unsigned_abs()).unwrap();
    assert!(timed_out(process.wait(NOW)));
    actor.kill();
    for _ in 0..3 {
        process.wait(LONG).unwrap();
    }
    assert!(other_thread_gets(&process));
}

/// W-10: without a time-out a wait lasts until the signal.
#[test]
fn wait_without_a_limit_lasts_until_the_signal() {
    let _watchdog = Watchdog::new("wait_without_a_limit", Duration::from_secs(60));
    let event = auto(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| event.wait(None));
        blocked(&event, 1);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiter.is_finished());
        event.set().unwrap();
        waiter.join().unwrap().unwrap();
    });
}

/// W-10: 0xFFFF_FFFE milliseconds are an ordinary interval, and more than the clock can count is for ever.
#[test]
fn very_long_time_outs_are_no_errors_and_do_not_end_early() {
    let event = auto(false);
    for patience in [Duration::from_millis(0xffff_fffe), Duration::MAX] {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait(Some(patience)));
            blocked(&event, 1);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiter.is_finished());
            event.set().unwrap();
            waiter.join().unwrap().unwrap();
        });
    }
}

/// W-11, W-13: an interval is not cut short by more than a millisecond, on the clock that nobody sets.
#[test]
fn time_out_does_not_come_early() {
    let (event, mutex) = (auto(false), mutex());
    let _owner = mutex.lock().unwrap();
    for ms in [1, 7, 20, 60] {
        let started = Instant::now();
        assert!(timed_out(event.wait(Some(Duration::from_millis(ms)))));
        let least = Duration::from_millis(ms - 1);
        assert!(
            started.elapsed() >= least,
            "{ms} ms, {:?}",
            started.elapsed()
        );
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let started = Instant::now();
                assert!(timed_out(mutex.acquire(Some(Duration::from_millis(ms)))));
                assert!(
                    started.elapsed() >= least,
                    "{ms} ms, {:?}",
                    started.elapsed()
                );
            });
        });
    }
}

/// W-12: what is signaled when the time is up counts, so a signal before the end is never lost to it.
#[test]
fn signal_counts_more_than_the_end_of_the_time() {
    let _watchdog = Watchdog::new("signal_counts_more", Duration::from_secs(60));
    let event = auto(false);
    let (mut by_signal, mut by_time) = (0, 0);
    for round in 0..400 {
        let outcome = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait(Some(Duration::from_micros(300))));
            std::thread::sleep(Duration::from_micros(100 + round % 300));
            event.set().unwrap();
            waiter.join().unwrap()
        });
        // Either the waiter has the token, or it is there still.
        match timed_out(outcome) {
            true => {
                by_time += 1;
                event.wait(NOW).expect("the token is there");
            }
            false => {
                by_signal += 1;
                assert!(!event.is_signaled(), "round {round}: one token became two");
            }
        }
    }
    println!("{by_signal} by the signal, {by_time} by time");
}

/// H-54: nobody sees its own end.
#[test]
fn own_process_and_thread_never_end_for_themselves() {
    namespace();
    assert!(timed_out(Process::current().unwrap().wait(SHORT)));
    assert!(timed_out(Thread::current().unwrap().wait(SHORT)));
    let current = Process::current().unwrap();
    assert!(timed_out(wait::any(&[&current], NOW)));
}

/// W-17, H-48, H-50: a handle that another thread closes meanwhile neither ends nor breaks the wait.
#[test]
fn handle_closed_during_the_wait_disturbs_nobody() {
    let event = auto(false);
    let other = event.clone();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            let outcome = other.wait(LONG);
            drop(other);
            outcome
        });
        blocked(&event, 1);
        let more = event.clone();
        drop(more);
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        event.set().unwrap();
        waiter.join().unwrap().unwrap();
    });
}

/// Any descriptor can be waited for, alone as well.
#[test]
fn descriptor_is_signaled_while_there_is_something_to_read() {
    use std::io::Write;
    namespace();
    let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let wait_far = |patience| wait::any(&[&Fd::of(&far)], patience);
    assert!(timed_out(wait_far(SHORT)));
    near.write_all(b"x").unwrap();
    assert_eq!(wait_far(LONG).unwrap().index, 0);
    assert_eq!(wait_far(NOW).unwrap().index, 0, "a wait takes nothing");
}

/// A wait leaves no trace: thousands of them leave the objects, the descriptors and the waiters as they were.
#[test]
fn waits_leave_no_trace_at_the_object() {
    let (event, mutex) = (auto(false), mutex());
    for _ in 0..200 {
        assert!(timed_out(event.wait(Some(Duration::from_micros(50)))));
        let both = wait::all(&[&event, &mutex], Some(Duration::from_micros(50)));
        assert!(timed_out(both));
    }
    eventually("nobody waits", || {
        event.waiters() == 0 && mutex.waiters() == 0
    });
    assert!(other_thread_gets(&mutex));
}
