//! Sleeping on a word of this process until another thread changes it.
//!
//! What the locks of this crate sleep on. The words are never shared between processes, which the kernel is told.
//!
//! # References
//! Linux: futex(2).

use std::sync::atomic::AtomicU32;
use std::sync::LazyLock;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use rustix::time::{clock_gettime, ClockId, Timespec};

use crate::types::DWORD;

/// No end.
const INFINITE: DWORD = DWORD::MAX;

/// When a sleep ends by itself: a reading of the monotonic clock, or never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Timespec>);

impl Deadline {
    /// Never.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// So many milliseconds from now; INFINITE is never.
    pub(crate) fn after(milliseconds: DWORD) -> Deadline {
        if milliseconds == INFINITE {
            return Deadline::NEVER;
        }
        let now = clock_gettime(ClockId::Monotonic);
        let ns = now.tv_nsec + i64::from(milliseconds % 1_000) * 1_000_000;
        Deadline(Some(Timespec {
            tv_sec: now.tv_sec + i64::from(milliseconds / 1_000) + ns / 1_000_000_000,
            tv_nsec: ns % 1_000_000_000,
        }))
    }
}

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The word changed, or may have changed: look again.
    Awake,
    /// The deadline passed.
    TimedOut,
}

/// Sleeps while the word is `seen`, until the deadline.
pub(crate) fn wait(word: &AtomicU32, seen: u32, deadline: Deadline) -> Outcome {
    let always = std::num::NonZeroU32::MAX;
    match futex::wait_bitset(word, Flags::PRIVATE, seen, deadline.0.as_ref(), always) {
        Err(Errno::TIMEDOUT) => Outcome::TimedOut,
        _ => Outcome::Awake,
    }
}

/// Wakes one sleeper; says whether there was one.
pub(crate) fn wake_one(word: &AtomicU32) -> bool {
    futex::wake(word, Flags::PRIVATE, 1).is_ok_and(|woken| woken > 0)
}

/// Wakes all sleepers.
pub(crate) fn wake_all(word: &AtomicU32) {
    // It fails only for words that are no memory.
    let _ = futex::wake(word, Flags::PRIVATE, i32::MAX.unsigned_abs());
}

/// Is it of any use to spin, because whoever is waited for can run at the same time?
pub(crate) fn may_spin() -> bool {
    static MANY: LazyLock<bool> =
        LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1));
    *MANY
}
