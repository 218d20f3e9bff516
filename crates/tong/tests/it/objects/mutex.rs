//! Mutexes (W-80 to W-97); what concerns the death of owners is in `waits::death`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tong::wait;
use tong::{Acquired, ErrorKind, Made, Mutex};

use crate::support::{namespace, Watchdog};
use crate::waits::{clean, index, mutex, object_name, other_thread_gets, timed_out, LONG, NOW};

/// W-80, W-81: a new mutex can be owned from the start; for one that exists that is not so, and says so.
#[test]
fn initial_ownership_is_for_new_mutexes() {
    namespace();
    let owned = Mutex::new(true).unwrap();
    assert!(!other_thread_gets(&owned));
    owned.release().unwrap();
    assert_eq!(owned.release().unwrap_err().kind(), ErrorKind::NotOwner);

    let name = object_name("initial_ownership");
    let (first, made) = Mutex::create(&name, false).unwrap();
    assert_eq!(made, Made::New);
    let (second, made) = Mutex::create(&name, true).unwrap();
    assert_eq!(made, Made::Existing);
    assert_eq!(second.release().unwrap_err().kind(), ErrorKind::NotOwner);
    assert!(other_thread_gets(&first));
}

/// W-82: it is the thread that owns, and any handle to the mutex serves it.
#[test]
fn any_handle_serves_the_owning_thread() {
    let name = object_name("any_handle_serves");
    let (one, _) = Mutex::create(&name, true).unwrap();
    let two = Mutex::open(&name).unwrap();
    assert_eq!(two.acquire(NOW).unwrap(), Acquired::Clean);
    two.release().unwrap();
    assert!(!other_thread_gets(&one));
    two.release().unwrap();
    assert!(other_thread_gets(&one) && other_thread_gets(&two));
}

/// W-83, W-36: each acquisition, by whatever wait, needs its release.
#[test]
fn acquisitions_are_counted() {
    let mutex = mutex();
    let other = crate::waits::auto(true);
    for _ in 0..10 {
        assert_eq!(mutex.acquire(LONG).unwrap(), Acquired::Clean);
        assert_eq!(index(wait::any(&[&mutex, &other], NOW)), 0);
        clean(wait::all(&[&mutex, &other], NOW));
        other.set().unwrap();
    }
    for _ in 0..30 {
        assert!(!other_thread_gets(&mutex));
        mutex.release().unwrap();
    }
    assert_eq!(mutex.release().unwrap_err().kind(), ErrorKind::NotOwner);
    assert!(other_thread_gets(&mutex));
}

/// W-84: who does not own it cannot release it, and its state stays.
#[test]
fn release_by_another_changes_nothing() {
    let mutex = mutex();
    assert_eq!(
        mutex.release().unwrap_err().kind(),
        ErrorKind::NotOwner,
        "free"
    );
    let _ = mutex.acquire(NOW).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(mutex.release().unwrap_err().kind(), ErrorKind::NotOwner);
            assert!(timed_out(mutex.acquire(NOW)));
        });
    });
    mutex.release().unwrap();
}

/// W-89, W-90: the one who is told owns it once, and the flag is gone from then on.
#[test]
fn told_owner_owns_it_once() {
    let mutex = mutex();
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            for _ in 0..3 {
                let _ = mutex.acquire(NOW).unwrap();
            }
        });
        owner.join().unwrap();
    });
    let guard = mutex.lock().unwrap();
    assert!(guard.abandoned());
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean, "W-90");
    mutex.release().unwrap();
    drop(guard);
    assert_eq!(mutex.release().unwrap_err().kind(), ErrorKind::NotOwner);
    assert!(!mutex.lock().unwrap().abandoned());
}

/// W-86: many threads that want it have it one at a time, and nobody waits for ever.
#[test]
fn one_owner_at_a_time() {
    let _watchdog = Watchdog::new("one_owner_at_a_time", Duration::from_secs(120));
    let mutex = mutex();
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let guard = mutex.lock_for(Duration::from_secs(60)).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(mutex.waiters(), 0);
    assert_eq!(mutex.owner(), None);
}

/// A guard releases what it acquired, and says who the owner is meanwhile.
#[test]
fn guard_releases_and_tells_the_owner() {
    let mutex = mutex();
    let guard = mutex.lock().unwrap();
    let (pid, _thread) = mutex.owner().unwrap();
    assert_eq!(pid.unsigned_abs(), std::process::id());
    let again = mutex.try_lock().unwrap();
    drop(guard);
    assert!(!other_thread_gets(&mutex));
    drop(again);
    assert!(other_thread_gets(&mutex));
    assert_eq!(mutex.owner(), None);
}
