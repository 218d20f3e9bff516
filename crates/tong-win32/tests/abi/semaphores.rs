//! Semaphores.

use super::waits::*;
use super::*;
use tong_win32::semaphore::*;

/// An unnamed semaphore.
pub(super) fn semaphore(initial: i32, maximum: i32) -> HANDLE {
    create(initial, maximum).unwrap()
}

fn create(initial: i32, maximum: i32) -> Result<HANDLE, u32> {
    let create = || unsafe { CreateSemaphoreA(ptr::null(), initial, maximum, ptr::null()) };
    match last_error_of(create) {
        (semaphore, 0) => Ok(semaphore),
        (semaphore, code) => {
            assert!(semaphore.is_null());
            Err(code)
        }
    }
}

/// Releases; returns the count before, or the last error with the out parameter as it was.
fn release(semaphore: HANDLE, count: i32) -> Result<i32, u32> {
    let mut previous = -7;
    match last_error_of(|| unsafe { ReleaseSemaphore(semaphore, count, &mut previous) }) {
        (TRUE, code) => {
            assert_eq!(code, UNTOUCHED);
            Ok(previous)
        }
        (_, code) => {
            assert_eq!(previous, -7, "a failure tells no count");
            Err(code)
        }
    }
}

/// W-98, H-93: arguments are checked before the name.
#[test]
fn counts_of_a_new_semaphore_are_checked_first() {
    for (initial, maximum) in [(0, 0), (0, -1), (-1, 1), (2, 1)] {
        assert_eq!(create(initial, maximum), Err(87), "{initial} of {maximum}");
    }
    namespace();
    let name = c("abi semaphore counts");
    let semaphore = unsafe { CreateSemaphoreA(ptr::null(), 1, 1, name.as_ptr()) };
    let again = last_error_of(|| unsafe { CreateSemaphoreA(ptr::null(), 2, 1, name.as_ptr()) });
    assert_eq!(again, (ptr::null_mut(), 87));
    close(semaphore);
}

/// W-99, W-100, W-102, W-103.
#[test]
fn release_tells_the_count_before_and_stops_at_the_maximum() {
    let semaphore = semaphore(0, 3);
    assert_eq!(release(semaphore, 1), Ok(0));
    assert_eq!(release(semaphore, 1), Ok(1));
    assert_eq!(release(semaphore, 2), Err(298));
    assert_eq!(release(semaphore, i32::MAX), Err(298));
    assert_eq!(release(semaphore, 0), Err(87));
    assert_eq!(release(semaphore, -1), Err(87));
    succeeds(|| unsafe { ReleaseSemaphore(semaphore, 1, ptr::null_mut()) });
    assert_eq!([(); 4].map(|()| look(semaphore)), [0, 0, 0, TIMEOUT]);
    assert_eq!(release(semaphore, 3), Ok(0));
    close(semaphore);
}

/// W-44, W-101.
#[test]
fn release_serves_those_that_wait() {
    let semaphore = semaphore(0, 10);
    let waiters: Vec<_> = (0..2).map(|_| waiter(semaphore, FOREVER)).collect();
    until_they_wait();
    assert_eq!(release(semaphore, 3), Ok(0));
    assert_eq!(
        release(semaphore, 1),
        Ok(1),
        "three less the two that waited"
    );
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), 0);
    }
    close(semaphore);
}

/// H-27, H-29: handle, kind, right, in this order.
#[test]
fn release_needs_a_semaphore_and_the_right_to_modify_it() {
    let semaphore = semaphore(0, 2);
    let waiting_only = duplicate(semaphore, 0x10_0000, 0, 0).unwrap();
    let modify_only = duplicate(semaphore, 2, 0, 0).unwrap();
    let event = super::events::event(true, false);
    assert_eq!(release(waiting_only, 1), Err(5));
    assert_eq!(release(event, 1), Err(6));
    assert_eq!(release(ptr::null_mut(), 1), Err(6));
    assert_eq!(release(modify_only, 1), Ok(0));
    assert_eq!(last_error_of(|| look(modify_only)), (FAILED, 5));
    assert_eq!(look(waiting_only), 0);
    [semaphore, waiting_only, modify_only, event]
        .into_iter()
        .for_each(close);
}

/// CreateSemaphoreEx has no flags.
#[test]
fn flags_of_a_semaphore_must_be_zero() {
    let create = |flags| {
        last_error_of(|| unsafe {
            CreateSemaphoreExW(ptr::null(), 1, 1, ptr::null(), flags, 0x1F_0003)
        })
    };
    let (semaphore, code) = create(0);
    assert_eq!((code, look(semaphore)), (0, 0));
    assert_eq!(create(1), (ptr::null_mut(), 87));
    close(semaphore);
}
