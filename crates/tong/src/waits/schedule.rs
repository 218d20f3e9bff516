//! When timers are due.
//!
//! A timer's schedule is two words of its cell. Nobody watches the clock: whoever waits wakes up when the timer is due, and does
//! then, under the cell's lock, what the expiry brings about (see signal.rs).

use std::time::Duration;

use tong_sys::clock;
use tong_sys::map::Ordering;

use super::cell::Cell;
use crate::Result;

/// When a timer is due, and how often after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Nanoseconds of the clock.
    pub(crate) due: u64,
    /// Milliseconds from one time to the next, 0 for once.
    pub(crate) period_ms: u32,
    /// By the system's clock since 1970, not by the monotonic one.
    pub(crate) realtime: bool,
}

impl Schedule {
    /// What a timer's two words say; `None` while it is inactive.
    pub(super) fn from_words(due: u64, second: u64) -> Option<Schedule> {
        (due != 0).then_some(Schedule {
            due,
            period_ms: second as u32,
            realtime: second & REALTIME != 0,
        })
    }

    /// How long until it is due; zero if it is.
    pub(super) fn due_in(self) -> Duration {
        Duration::from_nanos(self.due.saturating_sub(self.now(clock::now_ns())))
    }

    fn now(self, monotonic: u64) -> u64 {
        if self.realtime {
            clock::realtime_ns()
        } else {
            monotonic
        }
    }

    pub(super) fn is_due(self, monotonic: u64) -> bool {
        self.due <= self.now(monotonic)
    }

    /// Whether the time has come by now.
    pub(super) fn is_over(self) -> bool {
        self.is_due(clock::now_ns())
    }

    /// The schedule after an expiry.
    pub(super) fn next(self, monotonic: u64) -> Option<Schedule> {
        let period = u64::from(self.period_ms) * 1_000_000;
        if period == 0 {
            return None;
        }
        let late = self.now(monotonic).saturating_sub(self.due) / period;
        Some(Schedule {
            due: self.due.saturating_add((late + 1) * period),
            ..self
        })
    }
}

/// A timer's second word: period, clock, and how often it was set or stopped.
const REALTIME: u64 = 1 << 32;
const SETTING_SHIFT: u32 = 33;

impl Cell {
    /// Notes that a timer is set or stopped now.
    pub(super) fn count_setting(&self) {
        self.second()
            .fetch_add(1 << SETTING_SHIFT, Ordering::AcqRel);
    }

    /// A timer's schedule; `None` while it is inactive.
    pub(crate) fn schedule(&self) -> Option<Schedule> {
        let due = self.first().load(Ordering::Acquire);
        let second = self.second().load(Ordering::Acquire);
        Schedule::from_words(due, second)
    }

    pub(super) fn set_schedule(&self, schedule: Option<Schedule>) {
        // Inactive in between, so that a due time is never read with another schedule's clock.
        self.first().store(0, Ordering::Release);
        if let Some(schedule) = schedule {
            let clock = if schedule.realtime { REALTIME } else { 0 };
            let setting = self.setting() << SETTING_SHIFT;
            self.second().store(
                u64::from(schedule.period_ms) | clock | setting,
                Ordering::Release,
            );
            self.first().store(schedule.due.max(1), Ordering::Release);
        }
    }

    /// Sets or stops a timer. Setting clears it, stopping does not (W-110, W-115). Returns the number of the setting.
    ///
    /// # Errors
    /// As [`Cell::set`].
    pub(crate) fn set_timer(&self, schedule: Option<Schedule>) -> Result<u64> {
        let clear = schedule.is_some();
        let mut section = self.lock()?;
        section.schedule(schedule, clear);
        Ok(self.setting())
    }

    /// The number of a timer's present setting.
    pub(crate) fn setting(&self) -> u64 {
        self.second().load(Ordering::Acquire) >> SETTING_SHIFT
    }

    /// Stops a timer if that is still its setting.
    ///
    /// # Errors
    /// As [`Cell::set`].
    pub(crate) fn cancel_setting(&self, setting: u64) -> Result<()> {
        let mut section = self.lock()?;
        if self.setting() == setting {
            section.schedule(None, false);
        }
        Ok(())
    }
}
