//! Waitable timers (W-106 to W-123). Times are checked from below, and from above by seconds only.

use std::time::{Duration, Instant, SystemTime};

use tong::wait;
use tong::{Due, ErrorKind, Made, Reset, Timer};

use crate::puppet::fresh_root;
use crate::support::{eventually, namespace, Watchdog};
use crate::waits::{auto, index, object_name, player, timed_out, LONG, NOW, SHORT};

const RESETS: [Reset; 2] = [Reset::Auto, Reset::Manual];

fn timer(reset: Reset) -> Timer {
    namespace();
    Timer::new(reset).unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// W-106, W-123: a new timer is inactive, and a wait for it blocks.
#[test]
fn new_timer_is_inactive() {
    for reset in RESETS {
        let timer = timer(reset);
        assert!(!timer.is_signaled());
        assert_eq!((timer.due_in(), timer.period()), (None, None));
        assert!(timed_out(timer.wait(SHORT)));
    }
}

/// W-107: relative times, and zero is now.
#[test]
fn timer_is_signaled_when_its_time_has_come() {
    for reset in RESETS {
        let timer = timer(reset);
        timer.set(Due::After(Duration::ZERO), None).unwrap();
        timer.wait(NOW).unwrap();
        let started = Instant::now();
        timer.set(Due::After(ms(60)), None).unwrap();
        assert!(!timer.is_signaled() && timed_out(timer.wait(NOW)));
        timer.wait(LONG).unwrap();
        assert!(started.elapsed() >= ms(59), "{:?}", started.elapsed());
    }
}

/// W-107, W-108, W-119: absolute times, and past ones are now.
#[test]
fn absolute_times_count_by_the_systems_clock() {
    for reset in RESETS {
        let timer = timer(reset);
        for past in [
            SystemTime::now() - ms(5_000),
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH - ms(1),
        ] {
            timer.set(Due::At(past), None).unwrap();
            timer.wait(NOW).unwrap();
        }
        let due = SystemTime::now() + ms(80);
        timer.set(Due::At(due), None).unwrap();
        assert!(timed_out(timer.wait(NOW)));
        timer.wait(LONG).unwrap();
        assert!(SystemTime::now() >= due - ms(1));
    }
}

/// W-109: periods of less than a millisecond, and beyond 2^31 - 1 ms, are refused, and the schedule stays.
#[test]
fn impossible_periods_are_refused() {
    let timer = timer(Reset::Auto);
    timer.set(Due::After(ms(20)), None).unwrap();
    for period in [
        Duration::ZERO,
        Duration::from_micros(999),
        ms(1 << 31),
        Duration::MAX,
    ] {
        let error = timer.set(Due::After(ms(0)), Some(period)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter, "{period:?}");
    }
    assert!(!timer.is_signaled());
    timer.wait(LONG).unwrap();
}

/// W-110: setting clears the signal and replaces the schedule; whoever is blocked stays so and gets the new one.
#[test]
fn setting_clears_and_replaces() {
    let _watchdog = Watchdog::new("setting_clears_and_replaces", Duration::from_secs(60));
    for reset in RESETS {
        let timer = timer(reset);
        timer.set(Due::After(Duration::ZERO), None).unwrap();
        assert!(timer.is_signaled());
        timer.set(Due::After(ms(3_600_000)), None).unwrap();
        assert!(!timer.is_signaled());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| timer.wait(LONG));
            eventually("it waits", || timer.waiters() == 1);
            timer.set(Due::After(ms(3_600_000)), None).unwrap();
            std::thread::sleep(ms(20));
            assert!(!waiter.is_finished());
            timer.set(Due::After(ms(20)), None).unwrap();
            waiter.join().unwrap().unwrap();
        });
    }
}

/// W-111: a manual timer releases all and stays signaled, with a period or without.
#[test]
fn manual_timer_releases_all_and_stays() {
    let _watchdog = Watchdog::new("manual_timer_releases_all", Duration::from_secs(60));
    for period in [None, Some(ms(10))] {
        let timer = timer(Reset::Manual);
        timer.set(Due::After(ms(40)), period).unwrap();
        std::thread::scope(|scope| {
            let waiters = [(); 4].map(|()| scope.spawn(|| timer.wait(LONG)));
            for waiter in waiters {
                waiter.join().unwrap().unwrap();
            }
        });
        for _ in 0..3 {
            timer.wait(NOW).unwrap();
        }
        timer.set(Due::After(ms(3_600_000)), None).unwrap();
        assert!(timed_out(timer.wait(NOW)), "W-110");
    }
}

/// W-112: an expiry of an auto timer is one wait's.
#[test]
fn auto_timer_releases_one() {
    let _watchdog = Watchdog::new("auto_timer_releases_one", Duration::from_secs(60));
    let timer = timer(Reset::Auto);
    timer.set(Due::After(ms(20)), None).unwrap();
    std::thread::scope(|scope| {
        let waiters = [(); 3].map(|()| scope.spawn(|| timer.wait(Some(ms(300)))));
        let released = waiters.map(|waiter| !timed_out(waiter.join().unwrap()));
        assert_eq!(released.iter().filter(|released| **released).count(), 1);
    });
    // Without waiters it stays for one.
    timer.set(Due::After(ms(1)), None).unwrap();
    std::thread::sleep(ms(30));
    timer.wait(NOW).unwrap();
    assert!(timed_out(timer.wait(NOW)));
}

/// W-113: what passes without a wait gives one signal.
#[test]
fn expiries_do_not_add_up() {
    let timer = timer(Reset::Auto);
    timer.set(Due::After(ms(1)), Some(ms(200))).unwrap();
    std::thread::sleep(ms(450));
    timer.wait(NOW).unwrap();
    assert!(timed_out(timer.wait(NOW)));
    assert_eq!(timer.period(), Some(ms(200)));
}

/// W-114: due, due + period, due + 2 periods, however late the waits come.
#[test]
fn periods_count_from_the_first_time_and_not_from_the_waits() {
    let _watchdog = Watchdog::new("periods_count_from_the_first_time", Duration::from_secs(60));
    let timer = timer(Reset::Auto);
    let started = Instant::now();
    timer.set(Due::After(ms(50)), Some(ms(100))).unwrap();
    let set = started.elapsed();
    for expected in [50, 150, 250] {
        timer.wait(LONG).unwrap();
        assert!(
            started.elapsed() >= ms(expected - 1),
            "{:?}",
            started.elapsed()
        );
        // Late, but not by a period.
        std::thread::sleep(ms(30));
    }
    let before = started.elapsed();
    let next = timer.due_in().unwrap();
    let after = started.elapsed();
    // However slowly this thread runs, a time of the schedule lies between what it knows.
    let (least, most) = ((before + next).saturating_sub(set), after + next);
    let on_schedule = (0..600).any(|count| {
        let due = ms(50 + 100 * count);
        least <= due && due <= most
    });
    assert!(on_schedule, "next between {least:?} and {most:?}");
}

/// W-115, W-116: cancelling stops the schedule and leaves the signal as it is; who waits waits on.
#[test]
fn cancelling_stops_and_leaves_the_signal() {
    let _watchdog = Watchdog::new("cancelling_stops", Duration::from_secs(60));
    for reset in RESETS {
        let timer = timer(reset);
        timer.cancel().unwrap();
        timer.set(Due::After(Duration::ZERO), Some(ms(5))).unwrap();
        assert!(timer.is_signaled());
        timer.cancel().unwrap();
        assert!(timer.is_signaled());
        timer.wait(NOW).unwrap();
        assert_eq!(timer.due_in(), None);
        if reset == Reset::Auto {
            assert!(timed_out(timer.wait(SHORT)), "it expires no more");
        }
        timer.set(Due::After(ms(50)), None).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| timer.wait(Some(ms(200))));
            eventually("it waits", || timer.waiters() == 1);
            timer.cancel().unwrap();
            assert!(timed_out(waiter.join().unwrap()), "W-116");
        });
    }
}

/// W-118: a timer goes on when the thread or the process that set it ends, as long as somebody has it.
#[test]
fn timer_outlives_who_set_it() {
    let _watchdog = Watchdog::new("timer_outlives_who_set_it", Duration::from_secs(60));
    let root = fresh_root();
    let (mut setter, mut waiter) = (player(root.path()), player(root.path()));
    for each in [&mut setter, &mut waiter] {
        each.must(&["timer", "t", "auto"]);
    }
    setter.must(&["due", "t", "300"]);
    waiter.begin(&["wait", "t", "30000"]);
    setter.actor.kill();
    assert_eq!(waiter.answer().unwrap(), "0");
    assert_eq!(waiter.fails(&["wait", "t", "0"]), "TimedOut");
}

/// W-122, H-46: with the last handle the timer goes; under its name there is a new, inactive one.
#[test]
fn last_handle_takes_the_schedule_along() {
    let name = object_name("last_handle_takes_the_schedule");
    let (timer, made) = Timer::create(&name, Reset::Auto).unwrap();
    assert_eq!(made, Made::New);
    timer.set(Due::After(ms(1)), Some(ms(5))).unwrap();
    let (second, made) = Timer::create(&name, Reset::Manual).unwrap();
    assert_eq!(made, Made::Existing);
    drop(timer);
    second.wait(LONG).unwrap();
    drop(second);
    let (timer, made) = Timer::create(&name, Reset::Auto).unwrap();
    assert_eq!(made, Made::New);
    assert!(timed_out(timer.wait(SHORT)));
}

/// W-28, W-112: timers in waits with others, and two timers of which the earlier comes first.
#[test]
fn timers_end_waits_for_any_and_all() {
    let _watchdog = Watchdog::new("timers_end_waits", Duration::from_secs(60));
    let (early, late, event) = (timer(Reset::Auto), timer(Reset::Auto), auto(false));
    late.set(Due::After(ms(400)), None).unwrap();
    early.set(Due::After(ms(30)), None).unwrap();
    assert_eq!(index(wait::any(&[&event, &late, &early], LONG)), 2);
    early.set(Due::After(ms(30)), None).unwrap();
    let both = wait::all(&[&early, &late], LONG).unwrap();
    assert!(!both.abandoned);
    assert!(!early.is_signaled() && !late.is_signaled());
}
