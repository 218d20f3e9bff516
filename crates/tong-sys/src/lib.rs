//! The Linux layer under tong.
//!
//! All `unsafe` code of the core lives here, in small modules with safe faces, so that `tong` can forbid it. The modules
//! know Linux and nothing of Windows:
//!
//! | module | what it supplies |
//! |---|---|
//! | [`map`] | shared mappings: words as atomics, bytes by copying in and out |
//! | [`memory`] | sealed memory files, ours and those that a peer hands us |
//! | [`socket`] | rendezvous by name, passing descriptors, who the peer is |
//! | [`dir`](mod@dir) | the directories behind the names, checked for owner, mode and type |
//! | [`lock`] | locks that belong to an open file and vanish with it |
//! | [`bell`] | wake-ups: event descriptors and the set of them that one thread sleeps on |
//! | [`barrier`] | a barrier on other processors, paid for by the side that sleeps |
//! | [`clock`] | one monotonic clock for stamps and deadlines |
//! | `reactor` | registering with tokio, under the feature of that name |
//! | [`thread`] | threads of this process: starting, suspending, killing them |
//! | [`cpu`] | may this thread spin? |
//! | [`fork`] | has the process forked since? |
//! | [`latch`] | a lock for moments |
//! | [`slot`] | a place that threads look into without a lock |
//! | [`start`] | what a process was given at its start |
//! | [`mod@spawn`] | starting a program with exactly what it is to have |
//! | [`pidfd`] | processes by descriptor: signals, ends, start times |
//! | [`pipe`] | pipes of the kernel, without waiting and without SIGPIPE |
//! | [`sigpipe`] | writing without SIGPIPE |
//! | [`exe`] | is a program one of ours? |
//! | [`exit_code`] | the exit code with all its bits |
//! | [`futex`] | sleeping on shared words |
//! | [`robust`] | words that the kernel changes when a thread ends, and wakes that it delivers for a dead one |
//! | [`errno`] | error numbers to match on |

#[cfg(not(loom))]
pub mod barrier;
#[cfg(loom)]
#[path = "barrier_loom.rs"]
pub mod barrier;
#[cfg(not(loom))]
pub mod bell;
pub mod clock;
#[cfg(not(loom))]
pub mod cpu;
#[cfg(not(loom))]
pub mod dir;
#[cfg(not(loom))]
pub mod door;
pub mod errno;
#[cfg(not(loom))]
pub mod exe;
#[cfg(not(loom))]
pub mod exit_code;
#[cfg(not(loom))]
pub mod fork;
#[cfg(not(loom))]
pub mod futex;
#[cfg(loom)]
#[path = "futex_loom.rs"]
pub mod futex;
#[cfg(not(loom))]
pub mod latch;
#[cfg(not(loom))]
pub mod lock;
#[cfg(not(loom))]
pub mod map;
#[cfg(loom)]
#[path = "map_loom.rs"]
pub mod map;
#[cfg(not(loom))]
pub mod memory;
#[cfg(loom)]
#[path = "memory_loom.rs"]
pub mod memory;
#[cfg(not(loom))]
pub mod pidfd;
#[cfg(not(loom))]
pub mod pipe;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod reactor;
#[cfg(not(loom))]
pub mod robust;
#[cfg(loom)]
#[path = "robust_loom.rs"]
pub mod robust;
#[cfg(not(loom))]
pub mod sigpipe;
#[cfg(not(loom))]
pub mod slot;
#[cfg(not(loom))]
pub mod socket;
#[cfg(not(loom))]
pub mod spawn;
#[cfg(not(loom))]
pub mod start;
#[cfg(not(loom))]
pub mod thread;
#[cfg(loom)]
#[path = "thread_loom.rs"]
pub mod thread;

/// The kernel's id of the calling thread, in its own PID namespace.
#[cfg(not(loom))]
#[must_use]
pub fn thread_id() -> u32 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
}

/// Runs `call` with all signals blocked. Threads started meanwhile keep them blocked, so that the program's signals go
/// to the program's own threads.
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "signal masks have no safe form")]
pub fn without_signals<T>(call: impl FnOnce() -> T) -> T {
    use std::mem::MaybeUninit;
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: the first call fills `all`, the second reads it and fills `before`.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let outcome = call();
    // SAFETY: `before` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    outcome
}
