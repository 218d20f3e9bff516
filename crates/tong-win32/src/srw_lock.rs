//! Slim reader/writer locks: one exclusive owner, or many shared ones.
//!
//! The lock is a word of the program as wide as a pointer; zero is free. It has no handle and no name and it is not recursive:
//! a thread that asks for what it has already waits for ever. It does not know who owns it.
//!
//! # The word
//! ```text
//! bit  63 ............ 32   31   30   29 ............ 0
//!      turn of the writers  W    R    holders
//! ```
//! `holders` counts shared owners; all ones is an exclusive owner. W and R say that somebody who wants the lock
//! exclusively or shared may sleep: the latter on the low half of the word, the former on the high half, which counts
//! the wake-ups of writers.
//!
//! # Order
//! A thread that finds the lock free gets it, also before those that sleep. While anybody sleeps, new readers
//! queue up too, so that a stream of readers does not keep a writer out for ever.
//!
//! # References
//! Win32: "Slim Reader/Writer (SRW) Locks". The plan of two futexes is that of Rust's standard library,
//! `sys/sync/rwlock/futex.rs`.

#![allow(
    unsafe_code,
    reason = "exported C symbols that use structures of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use crate::futex::{self, Deadline};

const HOLDERS: u32 = (1 << 30) - 1;
const EXCLUSIVE: u32 = HOLDERS;
const READERS_SLEEP: u32 = 1 << 30;
const WRITERS_SLEEP: u32 = 1 << 31;
const SLEEPERS: u32 = READERS_SLEEP | WRITERS_SLEEP;
/// How often the word is looked at before a thread sleeps.
const SPINS: u32 = 100;

/// The lock, in memory of the program.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct SRWLOCK {
    state: AtomicU32,
    writers_turn: AtomicU32,
}

const _: () = assert!(size_of::<SRWLOCK>() == 8);

fn is_free(state: u32) -> bool {
    state & HOLDERS == 0
}

/// May one more share the lock? Not while others sleep for it.
fn is_open_to_readers(state: u32) -> bool {
    state & HOLDERS < HOLDERS - 1 && state & SLEEPERS == 0
}

impl SRWLOCK {
    pub(crate) fn acquire_exclusive(&self) {
        if self
            .state
            .compare_exchange(0, EXCLUSIVE, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.wait_exclusive();
        }
    }

    fn try_acquire_exclusive(&self) -> bool {
        let take = |state: u32| is_free(state).then_some(state | EXCLUSIVE);
        self.state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
            .is_ok()
    }

    #[cold]
    fn wait_exclusive(&self) {
        let mut state = self.spin(|state| is_free(state) || state & SLEEPERS != 0);
        // Whoever has slept cannot know whether other writers still do, and must not lose their mark.
        let mut others = 0;
        loop {
            if is_free(state) {
                match self.replace(state, state | EXCLUSIVE | others) {
                    Ok(()) => return,
                    Err(now) => state = now,
                }
                continue;
            }
            if state & WRITERS_SLEEP == 0 {
                if let Err(now) = self.replace(state, state | WRITERS_SLEEP) {
                    state = now;
                    continue;
                }
            }
            others = WRITERS_SLEEP;
            // Acquire: the turn is read before the second look at the state, so that no wake-up falls between them.
            let turn = self.writers_turn.load(Ordering::Acquire);
            state = self.state.load(Ordering::Relaxed);
            if is_free(state) || state & WRITERS_SLEEP == 0 {
                continue;
            }
            futex::wait(&self.writers_turn, turn, Deadline::NEVER);
            state = self.spin(|state| is_free(state) || state & SLEEPERS != 0);
        }
    }

    pub(crate) fn acquire_shared(&self) {
        if !self.try_acquire_shared() {
            self.wait_shared();
        }
    }

    fn try_acquire_shared(&self) -> bool {
        let take = |state: u32| is_open_to_readers(state).then(|| state + 1);
        self.state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
            .is_ok()
    }

    #[cold]
    fn wait_shared(&self) {
        let mut state = self.spin(|state| state & HOLDERS != EXCLUSIVE || state & SLEEPERS != 0);
        loop {
            if is_open_to_readers(state) {
                match self.replace(state, state + 1) {
                    Ok(()) => return,
                    Err(now) => state = now,
                }
                continue;
            }
            if state & READERS_SLEEP == 0 {
                if let Err(now) = self.replace(state, state | READERS_SLEEP) {
                    state = now;
                    continue;
                }
            }
            futex::wait(&self.state, state | READERS_SLEEP, Deadline::NEVER);
            state = self.spin(|state| state & HOLDERS != EXCLUSIVE || state & SLEEPERS != 0);
        }
    }

    pub(crate) fn release_exclusive(&self) {
        let state = self.state.fetch_sub(EXCLUSIVE, Ordering::Release) - EXCLUSIVE;
        if state & SLEEPERS != 0 {
            self.wake(state);
        }
    }

    pub(crate) fn release_shared(&self) {
        let state = self.state.fetch_sub(1, Ordering::Release) - 1;
        // Readers sleep only while a writer holds the lock or wants it; then the mark of the writers is set.
        if is_free(state) && state & WRITERS_SLEEP != 0 {
            self.wake(state);
        }
    }

    /// Wakes one writer or, if there is none, all readers. The lock was free when it looked like `state`.
    #[cold]
    fn wake(&self, mut state: u32) {
        if state == WRITERS_SLEEP {
            match self.replace(state, 0) {
                Ok(()) => {
                    self.wake_writer();
                    return;
                }
                Err(now) => state = now,
            }
        }
        if state == SLEEPERS {
            if self.replace(state, READERS_SLEEP).is_err() {
                // Somebody has taken the lock and will do this when it is released.
                return;
            }
            if self.wake_writer() {
                return;
            }
            state = READERS_SLEEP;
        }
        if state == READERS_SLEEP && self.replace(state, 0).is_ok() {
            futex::wake_all(&self.state);
        }
    }

    fn wake_writer(&self) -> bool {
        self.writers_turn.fetch_add(1, Ordering::Release);
        futex::wake_one(&self.writers_turn)
    }

    fn replace(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            .map(drop)
    }

    /// Looks for a while whether `enough` comes true, and returns what was seen last.
    fn spin(&self, enough: impl Fn(u32) -> bool) -> u32 {
        let mut left = if futex::may_spin() { SPINS } else { 0 };
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if left == 0 || enough(state) {
                return state;
            }
            std::hint::spin_loop();
            left -= 1;
        }
    }
}

/// Makes a lock ready for use, as SRWLOCK_INIT does.
#[no_mangle]
pub unsafe extern "C" fn InitializeSRWLock(lock: *mut SRWLOCK) {
    let free = SRWLOCK {
        state: AtomicU32::new(0),
        writers_turn: AtomicU32::new(0),
    };
    // SAFETY: C passes room for the lock, which nobody uses yet.
    unsafe { lock.write(free) };
}

/// Waits until the lock is the caller's alone.
#[no_mangle]
pub unsafe extern "C" fn AcquireSRWLockExclusive(lock: *mut SRWLOCK) {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.acquire_exclusive();
}

/// Waits until the caller shares the lock.
#[no_mangle]
pub unsafe extern "C" fn AcquireSRWLockShared(lock: *mut SRWLOCK) {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.acquire_shared();
}

/// Takes the lock for the caller alone if nobody has it.
#[no_mangle]
pub unsafe extern "C" fn TryAcquireSRWLockExclusive(lock: *mut SRWLOCK) -> u8 {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.try_acquire_exclusive().into()
}

/// Takes a share of the lock if nobody has it alone, or waits for it.
#[no_mangle]
pub unsafe extern "C" fn TryAcquireSRWLockShared(lock: *mut SRWLOCK) -> u8 {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.try_acquire_shared().into()
}

/// Gives up what AcquireSRWLockExclusive took.
#[no_mangle]
pub unsafe extern "C" fn ReleaseSRWLockExclusive(lock: *mut SRWLOCK) {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.release_exclusive();
}

/// Gives up what AcquireSRWLockShared took.
#[no_mangle]
pub unsafe extern "C" fn ReleaseSRWLockShared(lock: *mut SRWLOCK) {
    // SAFETY: C passes a lock that is in use; all of it is atomic.
    unsafe { &*lock }.release_shared();
}
