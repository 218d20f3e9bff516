//! The wait functions, and what the tests of all objects use of them.

use super::events::event;
use super::mutexes::mutex;
use super::semaphores::semaphore;
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tong_win32::apc::QueueUserAPC;
use tong_win32::event::*;
use tong_win32::mutex::*;
use tong_win32::semaphore::*;
use tong_win32::thread::{GetCurrentThread, SleepEx};
use tong_win32::wait::*;

pub(super) const TIMEOUT: u32 = 258;
pub(super) const FAILED: u32 = u32::MAX;
pub(super) const ABANDONED: u32 = 128;
const ALERTED: u32 = 192;

/// Waits not at all.
pub(super) fn look(handle: HANDLE) -> u32 {
    WaitForSingleObject(handle, 0)
}

pub(super) fn look_for(handle: HANDLE, milliseconds: u32) -> u32 {
    WaitForSingleObject(handle, milliseconds)
}

/// A thread that waits, and returns the result.
pub(super) fn waiter(handle: HANDLE, milliseconds: u32) -> JoinHandle<u32> {
    let number = handle as usize;
    thread::spawn(move || look_for(number as HANDLE, milliseconds))
}

/// Gives threads that were just started the time to fall asleep.
pub(super) fn until_they_wait() {
    thread::sleep(Duration::from_millis(80));
}

fn many(handles: &[HANDLE], all: bool, milliseconds: u32) -> u32 {
    let count = handles.len() as u32;
    unsafe { WaitForMultipleObjects(count, handles.as_ptr(), all.into(), milliseconds) }
}

fn any(handles: &[HANDLE]) -> u32 {
    many(handles, false, 0)
}

fn all(handles: &[HANDLE]) -> u32 {
    many(handles, true, 0)
}

fn close_all(handles: &[HANDLE]) {
    handles.iter().copied().for_each(close);
}

/// W-15, H-149: a wait leaves the last error alone unless it fails.
#[test]
fn only_a_failed_wait_sets_the_last_error() {
    let event = event(true, true);
    assert_eq!(last_error_of(|| look(event)), (0, UNTOUCHED));
    succeeds(|| ResetEvent(event));
    assert_eq!(last_error_of(|| look(event)), (TIMEOUT, UNTOUCHED));
    assert_eq!(last_error_of(|| look_for(event, 5)), (TIMEOUT, UNTOUCHED));
    assert_eq!(last_error_of(|| any(&[event])), (TIMEOUT, UNTOUCHED));
    assert_eq!(last_error_of(|| all(&[event, event])), (FAILED, 87));
    close(event);
    assert_eq!(last_error_of(|| look(event)), (FAILED, 6));
}

/// W-8, W-9, W-11, W-13: a wait does not end early.
#[test]
fn wait_lasts_as_long_as_it_says() {
    let event = event(false, false);
    for milliseconds in [1, 50] {
        let start = Instant::now();
        assert_eq!(look_for(event, milliseconds), TIMEOUT);
        assert!(
            start.elapsed() + Duration::from_millis(1)
                >= Duration::from_millis(milliseconds.into())
        );
    }
    let waiter = waiter(event, 0xFFFF_FFFE);
    until_they_wait();
    assert!(!waiter.is_finished(), "W-10: 49.7 days are a long time");
    succeeds(|| SetEvent(event));
    assert_eq!(waiter.join().unwrap(), 0);
    close(event);
}

/// W-14, W-16, H-4, H-7, H-8, H-53.
#[test]
fn handles_of_a_wait_are_checked() {
    let event = event(true, true);
    for low_bits in 0..4 {
        assert_eq!(look((event as usize + low_bits) as HANDLE), 0);
    }
    for invalid in [
        0,
        0x7654,
        0x7657,
        0xFFFF_FFFF,
        -4_isize as usize,
        1 << 32 | event as usize,
    ] {
        let wait = || look(invalid as HANDLE);
        assert_eq!(last_error_of(wait), (FAILED, 6), "{invalid:#x}");
    }
    for own in [-1_isize, -2] {
        assert_eq!(last_error_of(|| look(own as HANDLE)), (TIMEOUT, UNTOUCHED));
        assert_eq!(look_for(own as HANDLE, 10), TIMEOUT);
    }
    close(event);
}

/// W-4, H-16: SYNCHRONIZE comes from GENERIC_EXECUTE and GENERIC_ALL only.
#[test]
fn wait_needs_the_right_to_synchronize() {
    let event = event(true, true);
    for (access, expected) in [
        (0xC000_0000, (FAILED, 5)),
        (3, (FAILED, 5)),
        (0x2000_0000, (0, UNTOUCHED)),
        (0x1000_0000, (0, UNTOUCHED)),
        (0x10_0000, (0, UNTOUCHED)),
    ] {
        let handle = duplicate(event, access, 0, 0).unwrap();
        assert_eq!(last_error_of(|| look(handle)), expected, "{access:#x}");
        assert_eq!(last_error_of(|| any(&[event, handle])).0, expected.0);
        close(handle);
    }
    close(event);
}

/// W-19 to W-21, H-53.
#[test]
fn handles_of_a_wait_for_many_are_all_checked_first() {
    let auto = event(false, true);
    let no_right = duplicate(auto, 3, 0, 0).unwrap();
    let wait = |handles: &[HANDLE]| last_error_of(|| any(handles));
    assert_eq!(wait(&[]), (FAILED, 87));
    assert_eq!(wait(&[auto; 65]), (FAILED, 87));
    assert_eq!(wait(&[auto, ptr::null_mut()]), (FAILED, 6));
    assert_eq!(wait(&[auto, -1_isize as HANDLE]), (FAILED, 6));
    assert_eq!(wait(&[-2_isize as HANDLE]), (FAILED, 6));
    assert_eq!(wait(&[auto, no_right]), (FAILED, 5));
    let none = || unsafe { WaitForMultipleObjects(1, ptr::null(), 0, 0) };
    assert_eq!(last_error_of(none), (FAILED, 998));
    assert_eq!(look(auto), 0, "nothing was taken");
    close_all(&[auto, no_right]);
}

/// W-22, W-25, W-27: the first signaled one, one at a time.
#[test]
fn wait_for_any_takes_the_first_signaled_object_alone() {
    let mut events = vec![event(true, true)];
    events.extend((1..64).map(|_| event(false, true)));
    assert_eq!((any(&events), any(&events)), (0, 0));
    succeeds(|| ResetEvent(events[0]));
    for expected in 1..64 {
        assert_eq!(any(&events), expected);
    }
    assert_eq!(any(&events), TIMEOUT);
    close_all(&events);
}

/// W-24: in any-mode a duplicate is harmless.
#[test]
fn same_object_twice_is_taken_once_by_any_and_refused_by_all() {
    let semaphore = semaphore(2, 2);
    let other = duplicate(semaphore, 0, 0, 2).unwrap();
    assert_eq!(any(&[semaphore, other, semaphore]), 0);
    assert_eq!(last_error_of(|| all(&[semaphore, other])), (FAILED, 87));
    assert_eq!((look(semaphore), look(semaphore)), (0, TIMEOUT));
    close_all(&[semaphore, other]);
}

/// W-23, W-30, W-31, W-36, W-37: all at one instant, or none.
#[test]
fn wait_for_all_takes_all_or_nothing() {
    let (auto, mutex, semaphore) = (event(false, true), mutex(false), semaphore(1, 1));
    let last = event(false, false);
    let handles = [auto, mutex, semaphore, last];
    assert_eq!(all(&handles), TIMEOUT);
    assert_eq!(many(&handles, true, 20), TIMEOUT);
    fails(288, || ReleaseMutex(mutex));
    assert_eq!(any(&[auto]), 0, "nothing was held back");
    succeeds(|| SetEvent(auto));
    succeeds(|| SetEvent(last));
    assert_eq!(last_error_of(|| all(&handles)), (0, UNTOUCHED));
    assert_eq!([auto, semaphore, last].map(look), [TIMEOUT; 3]);
    succeeds(|| ReleaseMutex(mutex));
    fails(288, || ReleaseMutex(mutex));

    assert_eq!(look(mutex), 0);
    assert_eq!(
        all(&[mutex]),
        0,
        "W-38: one object, and it is the caller's already"
    );
    succeeds(|| ReleaseMutex(mutex));
    succeeds(|| ReleaseMutex(mutex));
    close_all(&handles);
}

/// W-33, W-75: a signal is not absorbed by a wait for all that cannot end. W-34: nor does a pulse last.
#[test]
fn signal_for_an_incomplete_wait_for_all_stays() {
    let (first, second) = (event(false, false), event(false, false));
    let numbers = [first as usize, second as usize];
    let waiter = thread::spawn(move || many(&numbers.map(|n| n as HANDLE), true, FOREVER));
    until_they_wait();
    succeeds(|| PulseEvent(first));
    assert_eq!(look(first), TIMEOUT);
    succeeds(|| SetEvent(first));
    thread::sleep(Duration::from_millis(30));
    assert_eq!(look(first), 0, "W-32: others may take it");
    succeeds(|| SetEvent(second));
    thread::sleep(Duration::from_millis(30));
    assert!(!waiter.is_finished());
    succeeds(|| SetEvent(first));
    assert_eq!(waiter.join().unwrap(), 0);
    assert_eq!([first, second].map(look), [TIMEOUT; 2]);
    close_all(&[first, second]);
}

/// W-26, W-28, W-46: the index of what ended the wait, and nothing else is taken.
#[test]
fn blocked_wait_for_any_reports_what_released_it() {
    let (first, second) = (event(false, false), semaphore(0, 2));
    let numbers = [first as usize, second as usize];
    let waiter = thread::spawn(move || many(&numbers.map(|n| n as HANDLE), false, FOREVER));
    until_they_wait();
    succeeds(|| unsafe { ReleaseSemaphore(second, 1, ptr::null_mut()) });
    assert_eq!(waiter.join().unwrap(), 1);
    succeeds(|| SetEvent(first));
    assert_eq!([first, second].map(look), [0, TIMEOUT]);
    close_all(&[first, second]);
}

/// W-26, W-35: an abandoned mutex is told by 128 plus its index, or by exactly 128 for all.
#[test]
fn abandoned_mutex_is_told_by_its_index() {
    let (mutexes, never) = ([mutex(false), mutex(false)], event(false, false));
    let numbers = mutexes.map(|mutex| mutex as usize);
    let abandon = || {
        let own = move || numbers.map(|number| look(number as HANDLE));
        assert_eq!(thread::spawn(own).join().unwrap(), [0, 0]);
    };
    abandon();
    assert_eq!(any(&[never, mutexes[1]]), ABANDONED + 1);
    assert_eq!(any(&[never, mutexes[0], mutexes[1]]), ABANDONED + 1);
    for mutex in mutexes {
        succeeds(|| ReleaseMutex(mutex));
    }
    abandon();
    let set = event(true, true);
    assert_eq!(all(&[set, mutexes[1], mutexes[0]]), ABANDONED);
    assert_eq!(all(&[mutexes[0], mutexes[1]]), 0, "told once");
    for mutex in mutexes {
        succeeds(|| ReleaseMutex(mutex));
        succeeds(|| ReleaseMutex(mutex));
        fails(288, || ReleaseMutex(mutex));
    }
    close_all(&[mutexes[0], mutexes[1], never, set]);
}

fn signal_and_wait(signal: HANDLE, wait: HANDLE, milliseconds: u32) -> (u32, u32) {
    last_error_of(|| SignalObjectAndWait(signal, wait, milliseconds, FALSE))
}

/// W-49, W-50, W-52, W-55.
#[test]
fn signal_and_wait_signals_an_event_a_mutex_or_a_semaphore() {
    let (event, other) = (event(true, false), event(true, false));
    let (mutex, semaphore) = (mutex(true), semaphore(0, 1));
    assert_eq!(signal_and_wait(event, other, 0), (TIMEOUT, UNTOUCHED));
    assert_eq!(look(event), 0, "signaled all the same");
    assert_eq!(signal_and_wait(semaphore, event, FOREVER), (0, UNTOUCHED));
    assert_eq!(signal_and_wait(semaphore, event, 0), (FAILED, 298));
    assert_eq!(look(semaphore), 0);
    assert_eq!(signal_and_wait(mutex, event, 0), (0, UNTOUCHED));
    assert_eq!(signal_and_wait(mutex, event, 0), (FAILED, 288));
    close_all(&[event, other, mutex, semaphore]);
}

/// W-49 to W-51: both handles are checked before anything is signaled.
#[test]
fn signal_and_wait_checks_both_handles_first() {
    let (event, other) = (event(true, false), event(true, true));
    let file = create_file("/dev/null", GENERIC_READ, 3, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let no_right = duplicate(other, 3, 0, 0).unwrap();
    let no_modify = duplicate(event, 0x10_0000, 0, 0).unwrap();
    let null = ptr::null_mut();
    assert_eq!(signal_and_wait(null, other, 0), (FAILED, 6));
    assert_eq!(signal_and_wait(event, null, 0), (FAILED, 6));
    assert_eq!(signal_and_wait(file, other, 0), (FAILED, 6));
    assert_eq!(signal_and_wait(event, no_right, 0), (FAILED, 5));
    assert_eq!(signal_and_wait(no_modify, other, 0), (FAILED, 5));
    assert_eq!(look(event), TIMEOUT, "nothing was signaled");
    assert_eq!(
        signal_and_wait(event, -1_isize as HANDLE, 0),
        (TIMEOUT, UNTOUCHED)
    );
    assert_eq!(look(event), 0);
    close_all(&[event, other, file, no_right, no_modify]);
}

/// W-54.
#[test]
fn event_can_be_signaled_and_waited_for_at_once() {
    let event = event(false, false);
    for _ in 0..10_000 {
        assert_eq!(signal_and_wait(event, event, FOREVER), (0, UNTOUCHED));
    }
    assert_eq!(look(event), TIMEOUT);
    close(event);
}

extern "C-unwind" fn add(number: usize) {
    let counter = number as *const AtomicUsize;
    unsafe { &*counter }.fetch_add(1, Ordering::SeqCst);
}

fn queue(counter: &AtomicUsize) {
    let number = (&raw const *counter) as usize;
    assert_ne!(QueueUserAPC(Some(add), GetCurrentThread(), number), 0);
}

/// W-58, W-60 to W-64.
#[test]
fn queued_calls_run_in_alertable_waits_that_would_sleep() {
    let (counter, auto) = (AtomicUsize::new(0), event(false, true));
    let count = || counter.load(Ordering::SeqCst);
    queue(&counter);
    queue(&counter);
    let single = |alertable| last_error_of(|| WaitForSingleObjectEx(auto, 0, alertable));
    assert_eq!(single(TRUE), (0, UNTOUCHED), "what is signaled comes first");
    assert_eq!(single(FALSE), (TIMEOUT, UNTOUCHED));
    assert_eq!(count(), 0);
    assert_eq!(single(TRUE), (ALERTED, UNTOUCHED));
    assert_eq!(count(), 2, "all of them in one wait");
    assert_eq!(single(TRUE), (TIMEOUT, UNTOUCHED));

    queue(&counter);
    let handles = [auto, auto];
    let wait = |count, all| unsafe {
        WaitForMultipleObjectsEx(count, handles.as_ptr(), all, FOREVER, TRUE)
    };
    assert_eq!(wait(2, FALSE), ALERTED);
    queue(&counter);
    assert_eq!(wait(1, TRUE), ALERTED);
    queue(&counter);
    assert_eq!(
        SignalObjectAndWait(auto, GetCurrentThread(), FOREVER, TRUE),
        ALERTED
    );
    assert_eq!((look(auto), count()), (0, 5));
    queue(&counter);
    assert_eq!(SleepEx(0, FALSE), 0);
    assert_eq!(
        (SleepEx(0, TRUE), SleepEx(0, TRUE), count()),
        (ALERTED, 0, 6)
    );
    close(auto);
}

/// H-145, W-58: reading and writing are not alertable.
#[test]
fn transfers_make_no_queued_calls() {
    let counter = AtomicUsize::new(0);
    let file = create_file(
        "/dev/zero",
        GENERIC_READ | GENERIC_WRITE,
        3,
        OPEN_EXISTING,
        0,
    )
    .unwrap()
    .0;
    queue(&counter);
    assert_eq!(read(file, 3).unwrap(), [0; 3]);
    assert_eq!(write(file, b"abc"), Ok(3));
    assert_eq!(counter.load(Ordering::SeqCst), 0);
    assert_eq!(SleepEx(0, TRUE), ALERTED);
    assert_eq!(counter.load(Ordering::SeqCst), 1);
    close(file);
}

/// Files count as signaled while there is something to read.
#[test]
fn regular_file_is_signaled() {
    let file = create_file("/dev/null", GENERIC_READ, 3, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let (never, set) = (event(false, false), event(false, true));
    assert_eq!(look(file), 0);
    assert_eq!(any(&[never, file]), 1);
    assert_eq!(all(&[set, file]), 0);
    assert_eq!(look(set), TIMEOUT);
    close_all(&[file, never, set]);
}
