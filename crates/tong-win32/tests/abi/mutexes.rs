//! Mutexes.

use super::waits::*;
use super::*;
use std::thread;
use tong_win32::mutex::*;

/// An unnamed mutex.
pub(super) fn mutex(owned: bool) -> HANDLE {
    let create = || unsafe { CreateMutexW(ptr::null(), owned.into(), ptr::null()) };
    let (mutex, code) = last_error_of(create);
    assert!(!mutex.is_null(), "{code}");
    assert_eq!(code, 0);
    mutex
}

fn elsewhere<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(call).join().unwrap())
}

/// W-80 to W-84: as many releases as acquisitions, by the owner only.
#[test]
fn mutex_is_recursive_and_only_its_owner_releases_it() {
    let mutex = mutex(true);
    let number = mutex as usize;
    for _ in 0..31 {
        assert_eq!(look(mutex), 0);
    }
    assert_eq!(elsewhere(|| look(number as HANDLE)), TIMEOUT);
    elsewhere(|| fails(288, || ReleaseMutex(number as HANDLE)));
    for _ in 0..31 {
        succeeds(|| ReleaseMutex(mutex));
    }
    assert_eq!(elsewhere(|| look(number as HANDLE)), TIMEOUT);
    succeeds(|| ReleaseMutex(mutex));
    fails(288, || ReleaseMutex(mutex));
    close(mutex);
}

/// W-80: CREATE_MUTEX_INITIAL_OWNER, and nothing else.
#[test]
fn flags_give_the_mutex_to_its_maker() {
    let create = |flags| {
        last_error_of(|| unsafe { CreateMutexExA(ptr::null(), ptr::null(), flags, 0x1F_0001) })
    };
    let (mutex, code) = create(1);
    assert_eq!(code, 0);
    succeeds(|| ReleaseMutex(mutex));
    fails(288, || ReleaseMutex(mutex));
    assert_eq!(create(2), (ptr::null_mut(), 87));
    close(mutex);
}

/// W-85, H-29: any handle of a mutex will do, and nothing but a mutex.
#[test]
fn release_needs_no_right() {
    let mutex = mutex(true);
    let read_control = duplicate(mutex, 0x2_0000, 0, 0).unwrap();
    succeeds(|| ReleaseMutex(read_control));
    assert_eq!(last_error_of(|| look(read_control)), (FAILED, 5));
    let event = super::events::event(true, false);
    fails(6, || ReleaseMutex(event));
    fails(6, || ReleaseMutex(ptr::null_mut()));
    [mutex, read_control, event].into_iter().for_each(close);
}

/// W-41, W-86: the blocked thread has the mutex before ReleaseMutex returns.
#[test]
fn release_hands_the_mutex_over() {
    let mutex = mutex(true);
    let waiter = {
        let number = mutex as usize;
        thread::spawn(move || {
            let result = look_for(number as HANDLE, FOREVER);
            succeeds(|| ReleaseMutex(number as HANDLE));
            result
        })
    };
    until_they_wait();
    succeeds(|| ReleaseMutex(mutex));
    let mine = look(mutex);
    assert_eq!(waiter.join().unwrap(), 0);
    if mine != TIMEOUT {
        // The waiter was as quick as it can be: it has taken and released the mutex before this thread looked.
        assert_eq!(mine, 0);
    }
    close(mutex);
}

/// W-88 to W-92, W-94: the end of a thread abandons all its mutexes, and the next owner of each is told, once.
#[test]
fn end_of_the_owner_abandons_its_mutexes() {
    let (first, second) = (mutex(false), mutex(false));
    let numbers = [first as usize, second as usize];
    let own_both = move || numbers.map(|number| look(number as HANDLE));
    assert_eq!(thread::spawn(own_both).join().unwrap(), [0, 0]);
    for mutex in [first, second] {
        assert_eq!(last_error_of(|| look(mutex)), (ABANDONED, UNTOUCHED));
        assert_eq!(look(mutex), 0, "told once, at the acquisition");
        succeeds(|| ReleaseMutex(mutex));
        succeeds(|| ReleaseMutex(mutex));
        fails(288, || ReleaseMutex(mutex));
        assert_eq!(look(mutex), 0);
        succeeds(|| ReleaseMutex(mutex));
        close(mutex);
    }
}

/// W-89, W-91: of several waiters one is told.
#[test]
fn one_waiter_gets_the_abandoned_mutex() {
    let mutex = mutex(false);
    let number = mutex as usize;
    let owner = thread::spawn(move || {
        assert_eq!(look(number as HANDLE), 0);
        thread::sleep(std::time::Duration::from_millis(100));
    });
    until_they_wait();
    let take = move || {
        let result = look_for(number as HANDLE, FOREVER);
        succeeds(|| ReleaseMutex(number as HANDLE));
        result
    };
    let waiters: Vec<_> = (0..3).map(|_| thread::spawn(take)).collect();
    owner.join().unwrap();
    let mut results: Vec<u32> = waiters.into_iter().map(|w| w.join().unwrap()).collect();
    results.sort_unstable();
    assert_eq!(results, [0, 0, ABANDONED]);
    close(mutex);
}

/// W-93: closing a handle releases nothing.
#[test]
fn close_does_not_release() {
    let mutex = mutex(true);
    let other = duplicate(mutex, 0, 0, 2).unwrap() as usize;
    close(mutex);
    assert_eq!(elsewhere(|| look(other as HANDLE)), TIMEOUT);
    succeeds(|| ReleaseMutex(other as HANDLE));
    close(other as HANDLE);
}
