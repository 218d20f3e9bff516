//! Order and hand-over: a token finds its waiter inside the signaling call, in this process and in others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tong::wait;
use tong::{Acquired, ErrorKind};

use super::{auto, blocked, index, manual, mutex, player, semaphore, timed_out, LONG, NOW, SHORT};
use crate::puppet::{fresh_root, Puppet};
use crate::support::{eventually, Watchdog};

/// Waits until so many threads of any process wait for what the puppet calls `word`.
fn eventually_wait(puppet: &mut Puppet, word: &str, threads: usize) {
    eventually("they wait", || {
        puppet.must(&["waiters", word]) == threads.to_string()
    });
}

/// W-39: first in, first out, as long as nobody is disturbed.
#[test]
fn longest_waiter_is_served_first() {
    let _watchdog = Watchdog::new("longest_waiter_is_served_first", Duration::from_secs(60));
    let semaphore = semaphore(0, 10);
    let served = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for place in 0..5 {
            let (semaphore, served) = (&semaphore, &served);
            scope.spawn(move || {
                semaphore.acquire(LONG).unwrap();
                served.lock().unwrap().push(place);
            });
            eventually("it waits", || semaphore.waiters() == place + 1);
        }
        for count in 1..=5 {
            semaphore.release(1).unwrap();
            eventually("one is served", || served.lock().unwrap().len() == count);
        }
    });
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4]);
}

/// W-40, W-41, W-86: a mutex that is released with somebody blocked is that one's; the releaser does not get it back.
#[test]
fn released_mutex_is_the_waiters_at_once() {
    let _watchdog = Watchdog::new("released_mutex_is_the_waiters", Duration::from_secs(60));
    for _ in 0..100 {
        let mutex = mutex();
        let _ = mutex.acquire(NOW).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                assert_eq!(mutex.acquire(LONG).unwrap(), Acquired::Clean);
                // Long enough for the other to look.
                std::thread::sleep(Duration::from_millis(2));
                mutex.release().unwrap();
            });
            eventually("it waits", || mutex.waiters() == 1);
            mutex.release().unwrap();
            assert!(timed_out(mutex.acquire(NOW)), "W-41: it was handed over");
            waiter.join().unwrap();
        });
    }
}

/// W-42, W-74: the same for an auto event.
#[test]
fn signal_of_an_auto_event_is_the_waiters_at_once() {
    let _watchdog = Watchdog::new("signal_of_an_auto_event", Duration::from_secs(60));
    let event = auto(false);
    for _ in 0..200 {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait(LONG));
            blocked(&event, 1);
            event.set().unwrap();
            assert!(timed_out(event.wait(NOW)), "W-42: it was handed over");
            waiter.join().unwrap().unwrap();
        });
    }
}

/// W-41, W-42, W-47, W-97: the same with a blocked waiter in another process, and no difference to be seen.
#[test]
fn hand_over_reaches_into_other_processes() {
    let _watchdog = Watchdog::new("hand_over_reaches_into_others", Duration::from_secs(120));
    let root = fresh_root();
    let (mut here, mut there) = (player(root.path()), player(root.path()));
    for each in [&mut here, &mut there] {
        each.must(&["mutex", "m"]);
        each.must(&["event", "e", "auto", "0"]);
        each.must(&["semaphore", "s", "0", "100"]);
    }
    for _ in 0..30 {
        here.must(&["wait", "m", "5000"]);
        there.begin(&["wait", "m", "30000"]);
        eventually_wait(&mut here, "m", 1);
        here.must(&["release", "m"]);
        assert_eq!(here.fails(&["wait", "m", "0"]), "TimedOut", "W-41");
        assert_eq!(there.answer().unwrap(), "0");
        assert_eq!(here.fails(&["release", "m"]), "NotOwner", "W-84");
        there.must(&["release", "m"]);

        there.begin(&["wait", "e", "30000"]);
        eventually_wait(&mut here, "e", 1);
        here.must(&["set", "e"]);
        assert_eq!(here.fails(&["wait", "e", "0"]), "TimedOut", "W-42");
        assert_eq!(there.answer().unwrap(), "0");

        there.begin(&["any", "30000", "e", "s"]);
        eventually_wait(&mut here, "s", 1);
        assert_eq!(here.must(&["release", "s", "3"]), "0", "W-101");
        assert_eq!(here.must(&["peek", "s"]), "2", "W-44");
        assert_eq!(there.answer().unwrap(), "1");
        for _ in 0..2 {
            here.must(&["wait", "s", "0"]);
        }
    }
}

/// W-43: one set releases one, and signals do not add up.
#[test]
fn one_set_releases_one() {
    let _watchdog = Watchdog::new("one_set_releases_one", Duration::from_secs(60));
    let event = auto(false);
    let released = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                event.wait(LONG).unwrap();
                released.fetch_add(1, Ordering::SeqCst);
            });
        }
        blocked(&event, 4);
        for expected in 1..=4 {
            event.set().unwrap();
            eventually("one more", || released.load(Ordering::SeqCst) == expected);
            std::thread::sleep(Duration::from_millis(10));
            assert_eq!(released.load(Ordering::SeqCst), expected);
        }
    });
    event.set().unwrap();
    event.set().unwrap();
    event.wait(NOW).unwrap();
    assert!(timed_out(event.wait(NOW)), "two sets, one signal");
}

/// W-44, W-101: a release serves up to that many waiters, and what is left is the count.
#[test]
fn release_serves_as_many_as_wait_and_keeps_the_rest() {
    let _watchdog = Watchdog::new("release_serves_as_many", Duration::from_secs(60));
    for (waiters, released) in [(3, 1), (3, 3), (3, 7), (12, 5)] {
        let semaphore = semaphore(0, 100);
        let got = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..waiters {
                scope.spawn(|| {
                    semaphore.acquire(LONG).unwrap();
                    got.fetch_add(1, Ordering::SeqCst);
                });
            }
            eventually("they wait", || semaphore.waiters() == waiters as usize);
            assert_eq!(semaphore.release(released).unwrap(), 0, "W-101");
            let served = released.min(waiters);
            eventually("served", || got.load(Ordering::SeqCst) == served);
            assert_eq!(semaphore.count(), released - served);
            assert_eq!(semaphore.waiters(), (waiters - served) as usize);
            if waiters > served {
                semaphore.release(waiters - served).unwrap();
            }
        });
        assert_eq!(semaphore.waiters(), 0);
    }
}

/// W-45: what a waiter got stays its own, whatever happens to the object before it runs.
#[test]
fn reset_after_set_does_not_take_a_release_back() {
    let _watchdog = Watchdog::new("reset_after_set", Duration::from_secs(60));
    let event = manual(false);
    for _ in 0..100 {
        std::thread::scope(|scope| {
            let waiters = [(); 3].map(|()| scope.spawn(|| event.wait(LONG)));
            blocked(&event, 3);
            event.set().unwrap();
            event.reset().unwrap();
            for waiter in waiters {
                waiter.join().unwrap().unwrap();
            }
        });
        assert!(timed_out(event.wait(NOW)));
    }
}

/// W-28: blocked, and woken by the object whose signal came.
#[test]
fn object_that_was_signaled_is_the_one_reported() {
    let _watchdog = Watchdog::new("object_that_was_signaled", Duration::from_secs(60));
    let (low, high) = (auto(false), auto(false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| index(wait::any(&[&low, &high], LONG)));
        blocked(&high, 1);
        high.set().unwrap();
        low.set().unwrap();
        assert_eq!(waiter.join().unwrap(), 1);
    });
    assert!(low.is_signaled(), "the later signal is there still");
}

/// W-84, W-96: nobody releases for another, in this process or from another.
#[test]
fn nobody_releases_for_another() {
    let root = fresh_root();
    let (mut owner, mut other) = (player(root.path()), player(root.path()));
    owner.must(&["mutex", "m", "1"]);
    other.must(&["open-mutex", "m"]);
    assert_eq!(other.fails(&["release", "m"]), "NotOwner");
    assert_eq!(other.fails(&["wait", "m", "20"]), "TimedOut");
    owner.must(&["release", "m"]);
    assert_eq!(owner.fails(&["release", "m"]), "NotOwner");
    let mutex = mutex();
    let _guard = mutex.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let kind = mutex.release().unwrap_err().kind();
            assert_eq!(kind, ErrorKind::NotOwner);
        });
    });
}

/// W-52 to W-55: signal one, then wait for another, as the C call of that name does it.
#[test]
fn signal_then_wait_meets_its_partner() {
    let _watchdog = Watchdog::new("signal_then_wait", Duration::from_secs(60));
    let (ping, pong) = (auto(false), auto(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2_000 {
                ping.wait(LONG).unwrap();
                pong.set().unwrap();
            }
        });
        for _ in 0..2_000 {
            ping.set().unwrap();
            pong.wait(LONG).unwrap();
        }
    });
    // W-54: the same event signals and satisfies.
    for _ in 0..10_000 {
        ping.set().unwrap();
        ping.wait(LONG).unwrap();
    }
    assert!(!ping.is_signaled());
    // W-55: the first was signaled although the second never came.
    ping.set().unwrap();
    assert!(timed_out(pong.wait(SHORT)));
    assert!(ping.is_signaled());
}

/// W-47: threads of several processes wait for one event and each set releases one of them, whoever that is.
#[test]
fn waiters_of_many_processes_stand_in_one_queue() {
    let _watchdog = Watchdog::new("waiters_of_many_processes", Duration::from_secs(120));
    let root = fresh_root();
    let mut crowd: Vec<Puppet> = (0..5).map(|_| player(root.path())).collect();
    for each in &mut crowd {
        each.must(&["event", "e", "auto", "0"]);
        each.must(&["event", "m", "manual", "0"]);
    }
    let (signaler, waiters) = crowd.split_first_mut().unwrap();
    for (count, waiter) in waiters.iter_mut().enumerate() {
        waiter.begin(&["wait", "e", "30000"]);
        eventually_wait(signaler, "e", count + 1);
    }
    for waiter in waiters.iter_mut() {
        signaler.must(&["set", "e"]);
        assert_eq!(waiter.answer().unwrap(), "0", "in order");
    }
    for waiter in waiters.iter_mut() {
        waiter.begin(&["any", "30000", "e", "m"]);
    }
    eventually_wait(signaler, "m", 4);
    signaler.must(&["set", "m"]);
    for waiter in waiters.iter_mut() {
        assert_eq!(waiter.answer().unwrap(), "1", "W-73: all are released");
    }
    assert_eq!(signaler.must(&["waiters", "e"]), "0");
}
