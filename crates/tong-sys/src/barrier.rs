//! A memory barrier on other processors, paid for by the side that is about to sleep.
//!
//! Two sides that each write a word and then read the other's need a full barrier in between, or both may read old
//! values. On the side that passes a message every few nanoseconds that barrier is most of the cost. Linux can execute it
//! there on behalf of the other side: [`heavy`] makes every running thread of every registered process pass a full
//! barrier, and threads that do not run have passed one when they were switched out. So the frequent side gets by with
//! [`light`], which only keeps the compiler from reordering.
//!
//! A light side must belong to a process that registered ([`ready`]); for anything else it must use a real fence.
//!
//! # References
//! Linux: membarrier(2), `MEMBARRIER_CMD_GLOBAL_EXPEDITED` (since 4.16).

#![allow(unsafe_code, reason = "membarrier has no safe form")]

use std::sync::atomic::{compiler_fence, fence, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

const GLOBAL_EXPEDITED: libc::c_int = 1 << 1;
const REGISTER_GLOBAL_EXPEDITED: libc::c_int = 1 << 2;

/// Time in which a store that was made on another processor is visible here, with a large margin.
const STORES_ARRIVE: Duration = Duration::from_millis(1);

/// Registers the process, once; returns whether its threads pass a barrier when any process calls [`heavy`], and whether
/// [`heavy`] works for it.
#[must_use]
pub fn ready() -> bool {
    static READY: OnceLock<bool> = OnceLock::new();
    *READY.get_or_init(|| membarrier(REGISTER_GLOBAL_EXPEDITED) && membarrier(GLOBAL_EXPEDITED))
}

/// The frequent side's half of a barrier.
#[inline]
pub fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The rare side's half of a barrier, and a full barrier here. Only for a process that is [`ready`].
pub fn heavy() {
    fence(Ordering::SeqCst);
    if !membarrier(GLOBAL_EXPEDITED) {
        // It worked when the process registered, but the kernel may be out of memory, or the process has forbidden itself
        // the call since. The other side leaves its barrier out on our word, so wait until its store has long arrived:
        // processors do not hold stores back for anything like so long.
        std::thread::sleep(STORES_ARRIVE);
    }
    fence(Ordering::SeqCst);
}

/// A full barrier here.
#[inline]
pub fn full() {
    fence(Ordering::SeqCst);
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the call takes integers only and touches no memory of the process.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
