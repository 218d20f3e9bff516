//! Sleeping on shared words until somebody changes them.
//!
//! A sleeper names a word and the value that it saw there. The kernel puts it to sleep only if the value still stands, so
//! a change that comes first is never slept through. Words are 64 bits wide elsewhere in tong; the kernel looks at the
//! lower half.
//!
//! # References
//! Linux: futex(2), futex_waitv(2) (since 5.16).

#[cfg(target_endian = "big")]
compile_error!("the lower half of a shared word must come first in memory");

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::{ClockId, Timespec};

/// Most words that [`wait_many`] can watch.
pub const MANY: usize = 128;

/// When a sleep ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Changed,
    /// At this reading of the monotonic clock, in nanoseconds.
    Monotonic(u64),
    /// At this reading of the system's clock, in nanoseconds since 1970; moves with the clock.
    Realtime(u64),
}

impl Until {
    fn clock(self) -> ClockId {
        match self {
            Until::Changed | Until::Monotonic(_) => ClockId::Monotonic,
            Until::Realtime(_) => ClockId::Realtime,
        }
    }

    fn time(self) -> Option<Timespec> {
        let ns = match self {
            Until::Changed => return None,
            Until::Monotonic(ns) | Until::Realtime(ns) => ns,
        };
        Some(Timespec {
            tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
            #[allow(clippy::cast_possible_truncation, reason = "less than a billion")]
            tv_nsec: (ns % 1_000_000_000) as _,
        })
    }
}

/// A word that somebody sleeps on, and the value of its lower half that the sleeper saw.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    word: &'a AtomicU32,
    seen: u32,
}

impl<'a> Watched<'a> {
    /// Watches the lower half of a 64-bit word.
    #[must_use]
    pub fn low(word: &'a AtomicU64, seen: u32) -> Watched<'a> {
        Watched {
            word: low_half(word),
            seen,
        }
    }

    /// Watches a 32-bit word.
    #[must_use]
    pub fn half(word: &'a AtomicU32, seen: u32) -> Watched<'a> {
        Watched { word, seen }
    }
}

/// Sleeps while the word stands as it was seen. May return early.
pub fn wait(watched: Watched<'_>, until: Until) {
    let flags = match until {
        Until::Realtime(_) => futex::Flags::CLOCK_REALTIME,
        _ => futex::Flags::empty(),
    };
    let any = NonZeroU32::MAX;
    // Whatever the outcome, the caller looks at the word again.
    let _ = futex::wait_bitset(
        watched.word,
        flags,
        watched.seen,
        until.time().as_ref(),
        any,
    );
}

/// Sleeps while all words stand as they were seen; at most [`MANY`] count. May return early.
///
/// Returns `false` if this system cannot do it, at once.
#[must_use]
pub fn wait_many(watched: &[Watched<'_>], until: Until) -> bool {
    if let [only] = watched {
        wait(*only, until);
        return true;
    }
    let waits: Vec<futex::Wait> = watched.iter().take(MANY).map(to_wait).collect();
    let outcome = futex::waitv(
        &waits,
        futex::WaitvFlags::empty(),
        until.time().as_ref(),
        until.clock(),
    );
    !matches!(outcome, Err(Errno::NOSYS | Errno::PERM | Errno::NOMEM))
}

fn to_wait(watched: &Watched<'_>) -> futex::Wait {
    let mut wait = futex::Wait::new();
    wait.val = u64::from(watched.seen);
    wait.uaddr = futex::WaitPtr::new(watched.word.as_ptr().cast());
    wait.flags = futex::WaitFlags::SIZE_U32;
    wait
}

/// Wakes one sleeper of the lower half of a word.
pub fn wake_one(word: &AtomicU64) {
    // Waking fails only for an address that is not mapped.
    let _ = futex::wake(low_half(word), futex::Flags::empty(), 1);
}

/// Wakes all sleepers of the lower half of a word.
pub fn wake_all(word: &AtomicU64) {
    wake_all_half(low_half(word));
}

/// Wakes all sleepers of a 32-bit word.
pub fn wake_all_half(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
}

#[allow(
    unsafe_code,
    reason = "the kernel sleeps on 32 bits, which are half of a word"
)]
pub(crate) fn low_half(word: &AtomicU64) -> &AtomicU32 {
    // SAFETY:
    // 1. The lower half of a little-endian word starts where the word does, which is aligned for 32 bits too.
    // 2. Both are atomics; the half is only handed to the kernel, which reads it like another processor would.
    unsafe { AtomicU32::from_ptr(word.as_ptr().cast::<u32>()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn word_that_changed_is_not_slept_on() {
        let word = AtomicU64::new(7);
        wait(Watched::low(&word, 6), Until::Changed);
        assert!(wait_many(
            &[Watched::low(&word, 7), Watched::low(&word, 6)],
            Until::Changed
        ));
    }

    #[test]
    fn sleeper_wakes_when_the_time_comes_or_the_word_changes() {
        let word = AtomicU64::new(1);
        wait(
            Watched::low(&word, 1),
            Until::Monotonic(crate::clock::now_ns() + 1_000_000),
        );
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while word.load(Ordering::Acquire) == 1 {
                    wait(Watched::low(&word, 1), Until::Changed);
                }
            });
            word.store(2, Ordering::Release);
            wake_one(&word);
        });
    }
}
