//! Events.

use super::waits::*;
use super::*;
use std::thread;
use std::time::Duration;
use tong_win32::event::*;

pub(super) const EVENT_ALL_ACCESS: u32 = 0x1F_0003;

/// An unnamed event.
pub(super) fn event(manual: bool, set: bool) -> HANDLE {
    let create = || unsafe { CreateEventA(ptr::null(), manual.into(), set.into(), ptr::null()) };
    let (event, code) = last_error_of(create);
    assert!(!event.is_null(), "{code}");
    assert_eq!(code, 0, "the last error says that it is new");
    event
}

/// W-71, W-72, W-73.
#[test]
fn manual_event_stays_set_until_it_is_reset() {
    let event = event(true, false);
    assert_eq!(look(event), TIMEOUT);
    succeeds(|| ResetEvent(event));
    succeeds(|| SetEvent(event));
    succeeds(|| SetEvent(event));
    assert_eq!((look(event), look(event)), (0, 0));
    succeeds(|| ResetEvent(event));
    assert_eq!(look(event), TIMEOUT);
    close(event);
}

/// W-43, W-74: signals do not add up.
#[test]
fn auto_event_releases_one_wait() {
    let event = event(false, true);
    assert_eq!((look(event), look(event)), (0, TIMEOUT));
    succeeds(|| SetEvent(event));
    succeeds(|| SetEvent(event));
    assert_eq!((look(event), look(event)), (0, TIMEOUT));
    close(event);
}

/// W-71: the flags of CreateEventEx.
#[test]
fn flags_choose_type_and_state() {
    let create = |flags| {
        last_error_of(|| unsafe {
            CreateEventExW(ptr::null(), ptr::null(), flags, EVENT_ALL_ACCESS)
        })
    };
    let (manual_set, code) = create(3);
    assert_eq!(code, 0);
    assert_eq!((look(manual_set), look(manual_set)), (0, 0));
    let (auto_set, _) = create(2);
    assert_eq!((look(auto_set), look(auto_set)), (0, TIMEOUT));
    assert_eq!(create(4), (ptr::null_mut(), 87));
    [manual_set, auto_set].into_iter().for_each(close);
}

/// W-73: all waiters of a manual event; W-74: one of an auto event.
#[test]
fn set_releases_all_or_one_of_those_that_wait() {
    for (manual, released) in [(true, 3), (false, 1)] {
        let event = event(manual, false);
        let waiters: Vec<_> = (0..3).map(|_| waiter(event, 500)).collect();
        until_they_wait();
        succeeds(|| SetEvent(event));
        let results: Vec<u32> = waiters.into_iter().map(|w| w.join().unwrap()).collect();
        assert_eq!(results.iter().filter(|r| **r == 0).count(), released);
        assert_eq!(look(event), if manual { 0 } else { TIMEOUT });
        close(event);
    }
}

/// W-42: the waiter has the signal before SetEvent returns.
#[test]
fn setter_cannot_take_its_signal_back() {
    let event = event(false, false);
    let waiter = waiter(event, FOREVER);
    until_they_wait();
    succeeds(|| SetEvent(event));
    assert_eq!(look(event), TIMEOUT);
    assert_eq!(waiter.join().unwrap(), 0);
    close(event);
}

/// W-76, W-77.
#[test]
fn pulse_releases_who_waits_and_leaves_the_event_reset() {
    for (manual, released) in [(true, 2), (false, 1)] {
        let event = event(manual, true);
        succeeds(|| PulseEvent(event));
        assert_eq!(look(event), TIMEOUT, "a pulse without waiters resets");
        let waiters: Vec<_> = (0..2).map(|_| waiter(event, 1_000)).collect();
        until_they_wait();
        succeeds(|| PulseEvent(event));
        assert_eq!(look(event), TIMEOUT);
        let results: Vec<u32> = waiters.into_iter().map(|w| w.join().unwrap()).collect();
        assert_eq!(results.iter().filter(|r| **r == 0).count(), released);
        close(event);
    }
}

/// W-78, H-27, H-29: handle, kind, right, in this order.
#[test]
fn changes_need_an_event_and_the_right_to_modify_it() {
    let event = event(true, false);
    let waiting_only = duplicate(event, 0x10_0000, 0, 0).unwrap();
    let mutex = super::mutexes::mutex(false);
    for change in [SetEvent, ResetEvent, PulseEvent] {
        succeeds(|| change(event));
        fails(5, || change(waiting_only));
        fails(6, || change(mutex));
        fails(6, || change(ptr::null_mut()));
        fails(6, || change(0x7654 as HANDLE));
        fails(6, || change(-1_isize as HANDLE));
    }
    let modify_only = duplicate(event, 2, 0, 0).unwrap();
    succeeds(|| SetEvent(modify_only));
    assert_eq!(last_error_of(|| look(modify_only)), (FAILED, 5));
    assert_eq!(look(waiting_only), 0);
    [event, waiting_only, modify_only, mutex]
        .into_iter()
        .for_each(close);
}

/// H-48, W-17: whoever waits goes on when another thread closes the handle.
#[test]
fn wait_outlives_its_handle() {
    let event = event(false, false);
    let other = duplicate(event, 0, 0, 2).unwrap();
    let waiter = waiter(event, FOREVER);
    until_they_wait();
    close(event);
    thread::sleep(Duration::from_millis(20));
    assert!(!waiter.is_finished());
    succeeds(|| SetEvent(other));
    assert_eq!(waiter.join().unwrap(), 0);
    close(other);
}
