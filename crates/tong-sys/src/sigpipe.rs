//! Writing to a pipe that nobody reads, without SIGPIPE.
//!
//! A library may not change what the program does with signals. So the signal is held back in the calling thread for the
//! length of one write, and taken away if the write raised it. That touches no other thread, because SIGPIPE goes to
//! the thread that writes.
//!
//! # References
//! Linux: pipe(7), signal(7), sigtimedwait(2).

#![allow(unsafe_code, reason = "signal masks have no safe form")]

use std::mem::MaybeUninit;
use std::ptr;

/// Runs `write`; a SIGPIPE that it raises is dropped.
pub fn without<T>(write: impl FnOnce() -> T) -> T {
    let held = Held::new();
    let result = write();
    drop(held);
    result
}

/// SIGPIPE is held back in this thread while this lives.
struct Held {
    only_sigpipe: libc::sigset_t,
    mask_before: libc::sigset_t,
    was_pending: bool,
}

impl Held {
    fn new() -> Held {
        let only_sigpipe = sigpipe_alone();
        let was_pending = is_pending();
        let mut mask_before = MaybeUninit::uninit();
        // SAFETY: both sets are valid for the call, which initialises `mask_before`; with valid arguments it cannot fail.
        let mask_before = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &only_sigpipe, mask_before.as_mut_ptr());
            mask_before.assume_init()
        };
        Held {
            only_sigpipe,
            mask_before,
            was_pending,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: all pointers are null where that is allowed, or lead to values that live through the calls.
        unsafe {
            // A signal that waited before the write is not ours to take.
            if !self.was_pending && is_pending() {
                libc::sigtimedwait(&self.only_sigpipe, ptr::null_mut(), &at_once);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask_before, ptr::null_mut());
        }
    }
}

fn sigpipe_alone() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, sigaddset changes it; SIGPIPE is a signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

/// Does a SIGPIPE wait for this thread to take it?
fn is_pending() -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigpending initialises the set, which sigismember reads.
    unsafe {
        libc::sigpending(set.as_mut_ptr());
        libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1
    }
}
