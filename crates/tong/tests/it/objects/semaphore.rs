//! Semaphores (W-98 to W-105).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tong::{ErrorKind, Made, Semaphore};

use crate::support::{namespace, Watchdog};
use crate::waits::{object_name, semaphore, timed_out, LONG, NOW};

/// W-98, H-93: bad counts are refused, also if the name exists; what exists stays as it is.
#[test]
fn bad_counts_are_refused_before_the_name_is_looked_at() {
    namespace();
    let name = object_name("bad_counts");
    let (existing, _) = Semaphore::create(&name, 1, 2).unwrap();
    let too_many = Semaphore::MAX + 1;
    for (initial, maximum) in [(0, 0), (1, 0), (2, 1), (0, too_many), (too_many, too_many)] {
        let kinds = [
            Semaphore::new(initial, maximum).unwrap_err().kind(),
            Semaphore::create(&name, initial, maximum)
                .unwrap_err()
                .kind(),
        ];
        assert_eq!(
            kinds,
            [ErrorKind::InvalidParameter; 2],
            "{initial} of {maximum}"
        );
    }
    assert_eq!((existing.count(), existing.maximum()), (1, 2));
    let largest = Semaphore::new(Semaphore::MAX, Semaphore::MAX).unwrap();
    assert_eq!(
        largest.release(1).unwrap_err().kind(),
        ErrorKind::TooManyPosts
    );
    assert_eq!(largest.count(), Semaphore::MAX);
}

/// W-99: nothing is released by 0 or by more than fits, however large: no part of it either.
#[test]
fn release_that_does_not_fit_changes_nothing() {
    let semaphore = semaphore(2, 5);
    assert_eq!(
        semaphore.release(0).unwrap_err().kind(),
        ErrorKind::InvalidParameter
    );
    for tokens in [4, 5, Semaphore::MAX, u32::MAX] {
        let kind = semaphore.release(tokens).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::TooManyPosts, "{tokens}");
        assert_eq!(semaphore.count(), 2);
    }
    assert_eq!(semaphore.release(3).unwrap(), 2);
    assert_eq!(semaphore.count(), 5);
}

/// W-99 with waiters: they make room for nothing beforehand; the count is what is checked.
#[test]
fn limit_counts_the_count_and_not_the_waiters() {
    let _watchdog = Watchdog::new("limit_counts_the_count", Duration::from_secs(60));
    let semaphore = semaphore(0, 2);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| semaphore.acquire(LONG));
        crate::support::eventually("it waits", || semaphore.waiters() == 1);
        assert_eq!(
            semaphore.release(3).unwrap_err().kind(),
            ErrorKind::TooManyPosts
        );
        assert!(!waiter.is_finished());
        assert_eq!(semaphore.release(2).unwrap(), 0);
        waiter.join().unwrap().unwrap();
    });
    assert_eq!(semaphore.count(), 1);
}

/// W-100: what is returned is the count before.
#[test]
fn release_tells_the_count_before() {
    let semaphore = semaphore(0, 10);
    for (tokens, before) in [(1, 0), (1, 1), (5, 2), (3, 7)] {
        assert_eq!(semaphore.release(tokens).unwrap(), before);
    }
    semaphore.acquire(NOW).unwrap();
    assert_eq!(semaphore.release(1).unwrap(), 9);
}

/// W-102: anybody releases, more often than anybody waited.
#[test]
fn anybody_releases() {
    let semaphore = semaphore(0, 50);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let _ = semaphore.release(1).unwrap();
                }
            });
        }
    });
    assert_eq!(semaphore.count(), 50);
    assert_eq!(
        semaphore.release(1).unwrap_err().kind(),
        ErrorKind::TooManyPosts
    );
}

/// W-103: only waits lower the count.
#[test]
fn only_waits_lower_the_count() {
    let semaphore = semaphore(3, 3);
    for left in (0..3).rev() {
        semaphore.acquire(NOW).unwrap();
        assert_eq!(semaphore.count(), left);
    }
    assert!(timed_out(semaphore.acquire(NOW)));
}

/// W-105, H-92: a second creator's counts are ignored, as long as they are possible ones.
#[test]
fn second_creator_finds_the_counts_as_they_are() {
    let name = object_name("second_creator_counts");
    let (first, made) = Semaphore::create(&name, 1, 4).unwrap();
    assert_eq!(made, Made::New);
    first.acquire(NOW).unwrap();
    let (second, made) = Semaphore::create(&name, 9, 9).unwrap();
    assert_eq!(made, Made::Existing);
    assert_eq!((second.count(), second.maximum()), (0, 4));
    assert_eq!(
        second.release(5).unwrap_err().kind(),
        ErrorKind::TooManyPosts
    );
}

/// W-44 under load: as many tokens are taken as were released, by threads that come and go.
#[test]
fn tokens_are_neither_lost_nor_made() {
    let _watchdog = Watchdog::new("tokens_are_neither_lost_nor_made", Duration::from_secs(60));
    let semaphore = semaphore(0, 1_000_000);
    let taken = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while semaphore.acquire(Some(Duration::from_millis(500))).is_ok() {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            for round in 0..4_000 {
                let _ = semaphore.release(1 + round % 3).unwrap();
            }
        });
    });
    let released: u32 = (0..4_000).map(|round| 1 + round % 3).sum();
    assert_eq!(taken.into_inner() + semaphore.count(), released);
}
