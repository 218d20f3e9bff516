//! Events (W-71 to W-79).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tong::wait;
use tong::{Event, Made, Reset};

use crate::support::{eventually, namespace, Watchdog};
use crate::waits::{auto, blocked, index, manual, object_name, timed_out, LONG, NOW};

/// W-71: made in each of four states.
#[test]
fn event_starts_as_it_is_told() {
    namespace();
    for reset in [Reset::Auto, Reset::Manual] {
        for signaled in [false, true] {
            let event = Event::new(reset, signaled).unwrap();
            assert_eq!(event.reset_mode(), reset);
            assert_eq!(event.is_signaled(), signaled);
            assert_eq!(timed_out(event.wait(NOW)), !signaled);
            assert_eq!(event.is_signaled(), signaled && reset == Reset::Manual);
        }
    }
}

/// W-72: setting what is set and resetting what is reset succeeds and changes nothing.
#[test]
fn setting_and_resetting_twice_changes_nothing() {
    for event in [auto(false), manual(false)] {
        event.reset().unwrap();
        assert!(!event.is_signaled());
        event.set().unwrap();
        event.set().unwrap();
        assert!(event.is_signaled());
        event.reset().unwrap();
        event.reset().unwrap();
        assert!(timed_out(event.wait(NOW)));
    }
}

/// W-73: a manual event releases all who wait, and stays set.
#[test]
fn manual_event_releases_all_and_stays_set() {
    let _watchdog = Watchdog::new("manual_event_releases_all", Duration::from_secs(60));
    let event = manual(false);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            let waiters = [(); 6].map(|()| scope.spawn(|| event.wait(LONG)));
            blocked(&event, 6);
            event.set().unwrap();
            for waiter in waiters {
                waiter.join().unwrap().unwrap();
            }
        });
        event.wait(NOW).unwrap();
        event.reset().unwrap();
    }
}

/// W-43, W-74: an auto event releases one of those who wait and ends reset; without them it stays for one.
#[test]
fn auto_event_releases_one() {
    let _watchdog = Watchdog::new("auto_event_releases_one", Duration::from_secs(60));
    let event = auto(false);
    let released = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                event.wait(LONG).unwrap();
                released.fetch_add(1, Ordering::SeqCst);
            });
        }
        blocked(&event, 3);
        for expected in 1..=3 {
            event.set().unwrap();
            assert!(!event.is_signaled());
            eventually("one is released", || {
                released.load(Ordering::SeqCst) == expected
            });
        }
    });
    event.set().unwrap();
    assert!(event.is_signaled());
    event.wait(NOW).unwrap();
    assert!(!event.is_signaled());
}

/// W-76: without anybody to release, a pulse leaves the event reset, whatever it was.
#[test]
fn pulse_without_waiters_resets() {
    for event in [auto(true), manual(true), auto(false), manual(false)] {
        event.pulse().unwrap();
        assert!(!event.is_signaled());
        assert!(timed_out(event.wait(NOW)));
    }
}

/// W-76, W-77: a pulse releases all who wait steadily for a manual event, and one for an auto event.
#[test]
fn pulse_releases_who_waits_steadily() {
    let _watchdog = Watchdog::new("pulse_releases_who_waits", Duration::from_secs(60));
    for (event, released_at_once) in [(manual(false), 4), (auto(false), 1)] {
        let released = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for place in 0..4 {
                let (event, released) = (&event, &released);
                scope.spawn(move || {
                    match place {
                        0 => event.wait(LONG).unwrap(),
                        _ => drop(wait::any(&[event, &auto(false)], LONG).unwrap()),
                    }
                    released.fetch_add(1, Ordering::SeqCst);
                });
            }
            blocked(&event, 4);
            event.pulse().unwrap();
            assert!(!event.is_signaled());
            eventually("released", || {
                released.load(Ordering::SeqCst) == released_at_once
            });
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(released.load(Ordering::SeqCst), released_at_once);
            for _ in released_at_once..4 {
                event.pulse().unwrap();
            }
        });
        assert_eq!(released.load(Ordering::SeqCst), 4);
    }
}

/// W-79, H-92: a second creator's type and state are ignored.
#[test]
fn second_creator_finds_the_event_as_it_is() {
    let name = object_name("second_creator_finds_the_event");
    let (first, made) = Event::create(&name, Reset::Manual, false).unwrap();
    assert_eq!(made, Made::New);
    let (second, made) = Event::create(&name, Reset::Auto, true).unwrap();
    assert_eq!(made, Made::Existing);
    assert_eq!(second.reset_mode(), Reset::Manual);
    assert!(!second.is_signaled());
    second.set().unwrap();
    first.wait(NOW).unwrap();
    assert!(second.is_signaled());
    assert!(first.same_object(&second) && first.same_object(&first.clone()));
    assert!(!first.same_object(&manual(false)));
}

/// W-43 under load: sets and waits of several threads keep to one token at most, and the last set is never lost.
#[test]
fn last_set_is_never_lost() {
    let _watchdog = Watchdog::new("last_set_is_never_lost", Duration::from_secs(60));
    let (ping, pong) = (auto(false), auto(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..3_000 {
                    assert_eq!(index(wait::any(&[&ping], LONG)), 0);
                    pong.set().unwrap();
                }
            });
        }
        for _ in 0..6_000 {
            ping.set().unwrap();
            pong.wait(LONG).unwrap();
        }
    });
    assert!(!ping.is_signaled() && !pong.is_signaled());
}
