//! One monotonic clock for stamps and deadlines.
//!
//! `CLOCK_MONOTONIC` never goes back, is the same for every process of the machine, and is read without entering the
//! kernel. Its order agrees with cause and effect across processors: if one process reads it after it could know of
//! another's read, it sees no smaller value. Mailslots rely on that.

#![allow(
    unsafe_code,
    reason = "reading the time stamp counter has no safe form"
)]

use rustix::time::{clock_gettime, ClockId};

/// Nanoseconds of the monotonic clock. All processes of the machine count from the same start.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Both parts are never negative for this clock.
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

/// Counts up with time, at a rate of one to several for each nanosecond: for "a while ago" where reading the clock costs more
/// than what is guarded by it. Readings of different processors may differ a little.
#[must_use]
#[inline]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every processor of this architecture has the instruction, which only reads a counter.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        now_ns()
    }
}

/// Nanoseconds since 1970 by the system's clock, which people and daemons set.
#[must_use]
pub fn realtime_ns() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    u64::try_from(now.tv_sec)
        .unwrap_or(0)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn clock_does_not_go_back() {
        let first = super::now_ns();
        assert!(super::now_ns() >= first);
    }
}
