//! Waiting: one deadline from top to bottom, and when to spin before sleeping.
//!
//! A call turns its time-out into one [`Deadline`] on entry; nothing below adds up intervals. Spinning is worth its power
//! only while messages come faster than a sleeping processor can be woken, so a [`Spinner`] remembers how long the last
//! waits were and spins only if they were short, and never on a single processor.

use std::time::{Duration, Instant};

/// Longest spin before a sleep. Waking a sleeping processor costs about as much.
const SPIN_MAX: Duration = Duration::from_micros(50);

/// A wait that took at most this long, waking included, would have been short enough to spin through.
const SHORT_WAIT: Duration = Duration::from_micros(120);

/// How many short waits in a row a spinner remembers.
const CREDIT_MAX: u8 = 4;

/// Until when a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Not at all.
    Now,
    /// Until this instant.
    At(Instant),
    /// For ever.
    Never,
}

impl Deadline {
    /// The deadline `timeout` from now; `None` is for ever, and so is a time beyond what the clock can count.
    pub(crate) fn after(timeout: Option<Duration>) -> Deadline {
        match timeout {
            None => Deadline::Never,
            Some(Duration::ZERO) => Deadline::Now,
            Some(time) => Instant::now()
                .checked_add(time)
                .map_or(Deadline::Never, Deadline::At),
        }
    }

    /// What is left: zero when it has passed, `None` for ever.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(instant) => Some(instant.saturating_duration_since(Instant::now())),
            Deadline::Never => None,
        }
    }

    /// Whether nothing is left.
    pub(crate) fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// Looks before the clock is read for the first time; a message that is on its way is here by then.
const QUICK_LOOKS: u32 = 128;

/// Decides, for one reader, whether to spin before it sleeps.
#[derive(Debug)]
pub(crate) struct Spinner {
    credit: u8,
    /// When the present wait began, once it has lasted longer than the quick looks.
    started: Option<Instant>,
}

impl Spinner {
    /// A spinner that gives spinning a first chance.
    pub(crate) fn new() -> Spinner {
        Spinner {
            credit: 1,
            started: None,
        }
    }

    /// Spins until `ready`, if that is likely to pay; returns whether it became ready.
    #[inline]
    pub(crate) fn spin(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        if self.is_sleepy() {
            self.started.get_or_insert_with(Instant::now);
            return false;
        }
        if look(&mut ready, QUICK_LOOKS) {
            return true;
        }
        let started = *self.started.get_or_insert_with(Instant::now);
        while started.elapsed() < SPIN_MAX {
            if look(&mut ready, 64) {
                return true;
            }
        }
        false
    }

    /// Whether this reader sleeps for nearly every message.
    pub(crate) fn is_sleepy(&self) -> bool {
        self.credit == 0 || !tong_sys::cpu::several()
    }

    /// Says that the wait ended, by spinning or by sleeping, so that the next one is judged by its length.
    #[inline]
    pub(crate) fn ended(&mut self) {
        let Some(started) = self.started.take() else {
            return;
        };
        if started.elapsed() <= SHORT_WAIT {
            self.credit = (self.credit + 1).min(CREDIT_MAX);
        } else {
            self.credit = self.credit.saturating_sub(1);
        }
    }
}

#[inline]
fn look(ready: &mut impl FnMut() -> bool, times: u32) -> bool {
    for _ in 0..times {
        if ready() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_beyond_the_clock_is_for_ever() {
        assert_eq!(Deadline::after(Some(Duration::MAX)), Deadline::Never);
        assert_eq!(Deadline::after(None), Deadline::Never);
        assert!(Deadline::after(Some(Duration::ZERO)).passed());
        assert!(!Deadline::after(Some(Duration::from_secs(60))).passed());
    }

    #[test]
    fn spinner_gives_up_after_long_waits_and_learns_from_short_ones() {
        let mut spinner = Spinner::new();
        for _ in 0..CREDIT_MAX {
            assert!(!spinner.spin(|| false));
            std::thread::sleep(SHORT_WAIT);
            spinner.ended();
        }
        let mut looks = 0;
        spinner.spin(|| {
            looks += 1;
            true
        });
        assert_eq!(looks, 0, "no spinning after long waits");
        spinner.ended();
        if tong_sys::cpu::several() {
            assert!(spinner.spin(|| true), "the short wait was noticed");
        }
    }
}
