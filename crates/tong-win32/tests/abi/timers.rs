//! Waitable timers.

use super::waits::*;
use super::*;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tong_win32::thread::SleepEx;
use tong_win32::timer::*;

/// An unnamed timer.
fn timer(manual: bool) -> HANDLE {
    let create = || unsafe { CreateWaitableTimerA(ptr::null(), manual.into(), ptr::null()) };
    let (timer, code) = last_error_of(create);
    assert!(!timer.is_null(), "{code}");
    assert_eq!(code, 0);
    timer
}

fn set(timer: HANDLE, due: i64, period: i32) {
    succeeds(|| unsafe { SetWaitableTimer(timer, &due, period, None, ptr::null_mut(), 0) });
}

/// Milliseconds from now, as a due time.
fn in_ms(ms: i64) -> i64 {
    -ms * 10_000
}

/// W-106, W-123, W-111, W-112: a new timer never fires; a manual one then stays signaled, the other releases one wait.
#[test]
fn timer_of_either_type_fires_when_it_is_due() {
    for manual in [true, false] {
        let timer = timer(manual);
        assert_eq!(look_for(timer, 20), TIMEOUT);
        let start = Instant::now();
        set(timer, in_ms(60), 0);
        assert_eq!(look(timer), TIMEOUT);
        assert_eq!(look_for(timer, FOREVER), 0);
        assert!(start.elapsed() >= Duration::from_millis(59));
        assert_eq!(look(timer), if manual { 0 } else { TIMEOUT });
        close(timer);
    }
}

/// W-107, W-108: zero is now, and a time that is past is past.
#[test]
fn due_times_that_have_come_fire_at_once() {
    for due in [0, 1, 130_000_000_000_000_000] {
        let timer = timer(false);
        set(timer, due, 0);
        assert_eq!(look(timer), 0, "{due}");
        close(timer);
    }
}

/// W-107, W-119: absolute times are on the system's clock.
#[test]
fn absolute_time_counts_from_1601() {
    let timer = timer(true);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ticks = (since_1970 + Duration::from_millis(80)).as_nanos() / 100;
    let start = Instant::now();
    set(
        timer,
        116_444_736_000_000_000 + i64::try_from(ticks).unwrap(),
        0,
    );
    assert_eq!(look(timer), TIMEOUT);
    assert_eq!(look_for(timer, FOREVER), 0);
    assert!(start.elapsed() >= Duration::from_millis(75));
    close(timer);
}

/// W-113, W-114: expiries without a wait do not add up, and the schedule does not depend on waits.
#[test]
fn periodic_timer_fires_again_and_again() {
    let timer = timer(false);
    let start = Instant::now();
    set(timer, in_ms(20), 20);
    thread::sleep(Duration::from_millis(75));
    assert_eq!((look(timer), look(timer)), (0, TIMEOUT));
    for _ in 0..3 {
        assert_eq!(look_for(timer, FOREVER), 0);
    }
    assert!(start.elapsed() >= Duration::from_millis(119));
    close(timer);
}

/// W-110: a timer that is set is nonsignaled, and forgets what it was set to.
#[test]
fn set_clears_and_replaces() {
    let timer = timer(true);
    set(timer, 0, 0);
    assert_eq!(look(timer), 0);
    set(timer, in_ms(10_000_000), 0);
    assert_eq!(look(timer), TIMEOUT);
    set(timer, in_ms(10), 0);
    assert_eq!(look_for(timer, FOREVER), 0);
    close(timer);
}

/// W-115, W-116.
#[test]
fn cancel_stops_the_schedule_and_keeps_the_state() {
    let timer = timer(true);
    succeeds(|| CancelWaitableTimer(timer));
    set(timer, in_ms(20), 0);
    succeeds(|| CancelWaitableTimer(timer));
    assert_eq!(look_for(timer, 60), TIMEOUT);
    set(timer, 0, 0);
    assert_eq!(look(timer), 0);
    succeeds(|| CancelWaitableTimer(timer));
    assert_eq!(look(timer), 0);
    close(timer);
}

/// W-109, W-121, H-27: handle, kind, right, then the arguments.
#[test]
fn arguments_of_a_timer_are_checked() {
    let timer = timer(true);
    let waiting_only = duplicate(timer, 0x10_0000, 0, 0).unwrap();
    let event = super::events::event(true, true);
    let set = |timer, due: *const i64, period| {
        last_error_of(|| unsafe { SetWaitableTimer(timer, due, period, None, ptr::null_mut(), 0) })
    };
    let due = 0;
    assert_eq!(set(timer, &due, -1), (FALSE, 87));
    assert_eq!(set(timer, ptr::null(), 0), (FALSE, 998));
    assert_eq!(set(waiting_only, &due, 0), (FALSE, 5));
    assert_eq!(set(event, &due, 0), (FALSE, 6));
    assert_eq!(set(ptr::null_mut(), &due, 0), (FALSE, 6));
    fails(5, || CancelWaitableTimer(waiting_only));
    fails(6, || CancelWaitableTimer(event));
    assert_eq!(look(timer), TIMEOUT, "none of these has set it");
    let create = |flags| {
        last_error_of(|| unsafe {
            CreateWaitableTimerExW(ptr::null(), ptr::null(), flags, 0x1F_0003)
        })
    };
    let (high_resolution, code) = create(3);
    assert_eq!((code, look(high_resolution)), (0, TIMEOUT));
    assert_eq!(create(4), (ptr::null_mut(), 87));
    [timer, waiting_only, event, high_resolution]
        .into_iter()
        .for_each(close);
}

/// W-120, H-148.
#[test]
fn who_asks_to_wake_the_system_is_told_that_nothing_can() {
    let timer = timer(true);
    let due = 0;
    let resume =
        last_error_of(|| unsafe { SetWaitableTimer(timer, &due, 0, None, ptr::null_mut(), 1) });
    assert_eq!(resume, (TRUE, 50));
    let reason = [0_u64; 4];
    let resume = last_error_of(|| unsafe {
        let reason = reason.as_ptr().cast();
        SetWaitableTimerEx(timer, &due, 0, None, ptr::null_mut(), reason, 0)
    });
    assert_eq!(resume, (TRUE, 50));
    succeeds(|| unsafe {
        SetWaitableTimerEx(timer, &due, 0, None, ptr::null_mut(), ptr::null(), 100)
    });
    close(timer);
}

static CALLS: AtomicUsize = AtomicUsize::new(0);
static CALLED_AT: AtomicU64 = AtomicU64::new(0);

unsafe extern "C-unwind" fn note(argument: *mut c_void, low: u32, high: u32) {
    CALLS.fetch_add(argument as usize, Ordering::SeqCst);
    CALLED_AT.store(u64::from(high) << 32 | u64::from(low), Ordering::SeqCst);
}

/// W-117, W-110: the routine is called in an alertable wait of the thread, and not for a setting that was replaced.
#[test]
fn routine_of_a_timer_is_called_on_the_thread_that_set_it() {
    let timer = timer(false);
    let set = |due: i64, argument: usize| {
        let argument = argument as *mut c_void;
        succeeds(|| unsafe { SetWaitableTimer(timer, &due, 0, Some(note), argument, 0) });
    };
    set(0, 1_000);
    thread::sleep(Duration::from_millis(20));
    set(in_ms(20), 1);
    assert_eq!(SleepEx(FOREVER, TRUE), 192);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    let year_2020 = 132_223_104_000_000_000;
    assert!(CALLED_AT.load(Ordering::SeqCst) > year_2020);
    set(in_ms(10), 1);
    succeeds(|| CancelWaitableTimer(timer));
    assert_eq!(SleepEx(40, TRUE), 0);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    close(timer);
}
