//! Waitable timers: signaled when their time has come, once or again and again.
//!
//! A timer needs no thread: whoever waits for it wakes up when it is due. A *manual* timer stays signaled until it is set
//! anew, an *auto* timer (Windows: synchronization timer) until one wait ended with it. Times that pass without a wait do
//! not add up (W-113).
//!
//! # Death
//! A timer belongs to nobody; it goes on when the thread that set it ends.
//!
//! # References
//! Win32: CreateWaitableTimer, SetWaitableTimer, "Waitable Timer Objects". Rules W-106 to W-123.

use std::time::{Duration, SystemTime};

use tong_sys::clock;

use super::shared::{shared_object, Made, Reset, Shared};
use crate::waits::{CellKind, Schedule, Start};
use crate::{Error, ErrorKind, ObjectName, Result};

/// A waitable timer. A clone is the same timer.
///
/// ```
/// use std::time::Duration;
/// use tong::{object::timer::Due, Reset, Timer};
///
/// let timer = Timer::new(Reset::Auto)?;
/// timer.set(Due::After(Duration::from_millis(5)), None)?;
/// timer.wait(None)?;
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Timer {
    shared: Shared,
}

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// So long from now, whatever happens to the system's clock.
    After(Duration),
    /// When the system's clock shows this; at once if that is past.
    At(SystemTime),
}

shared_object!(Timer, CellKind::AutoTimer | CellKind::ManualTimer);

impl Timer {
    /// Makes an inactive timer without a name. It needs no descriptor.
    ///
    /// # Errors
    /// No memory.
    pub fn new(reset: Reset) -> Result<Timer> {
        Ok(Timer {
            shared: Shared::unnamed(start(reset))?,
        })
    }

    /// Makes the timer of that name, or opens the one that exists, whose kind and schedule stay as they are.
    ///
    /// # Errors
    /// As [`Event::create`](crate::Event::create).
    pub fn create(name: &ObjectName, reset: Reset) -> Result<(Timer, Made)> {
        let (shared, made) = Shared::create(name, "create timer", start(reset), Timer::fits)?;
        Ok((Timer { shared }, made))
    }

    /// Sets the timer: clears it, and replaces its schedule (W-110). With a `period` it is due again each time so much later,
    /// whenever waits happen (W-114). Periods count in whole milliseconds.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for a period of less than a millisecond or more than 2^31 - 1.
    pub fn set(&self, due: Due, period: Option<Duration>) -> Result<()> {
        self.set_counted(due, period).map(|_setting| ())
    }

    /// As [`Timer::set`]; returns the number of the setting.
    pub(crate) fn set_counted(&self, due: Due, period: Option<Duration>) -> Result<u64> {
        let period_ms = period.map_or(Ok(0), period_ms)?;
        let (due, realtime) = match due {
            Due::After(time) => (after(clock::now_ns(), time), false),
            Due::At(time) => (since_1970(time), true),
        };
        self.shared.cell().set_timer(Some(Schedule {
            due,
            period_ms,
            realtime,
        }))
    }

    /// Stops the timer. It stays signaled if it is (W-115).
    ///
    /// # Errors
    /// Only if the calling thread cannot be entered into the wait table.
    pub fn cancel(&self) -> Result<()> {
        self.shared.cell().set_timer(None).map(|_setting| ())
    }

    /// Waits until the timer is signaled, `None` for ever; resets an auto timer.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut).
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        self.shared.wait(timeout).map(|_abandoned| ())
    }

    /// Ends a wait without blocking, if the timer is signaled: returns whether it was, and resets an auto timer.
    ///
    /// # Errors
    /// Only if the calling thread cannot be entered into the wait table.
    #[inline]
    pub fn try_wait(&self) -> Result<bool> {
        Ok(self.shared.try_take()?.is_some())
    }

    /// Whether a wait would end at once. Takes nothing.
    #[must_use]
    pub fn is_signaled(&self) -> bool {
        self.shared.cell().is_signaled().unwrap_or(false)
    }

    /// How long until the timer is due next; `None` if it is inactive.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        let schedule = self.shared.cell().schedule()?;
        let now = match schedule.realtime {
            true => clock::realtime_ns(),
            false => clock::now_ns(),
        };
        Some(Duration::from_nanos(schedule.due.saturating_sub(now)))
    }

    /// The time from one expiry to the next, `None` for a timer that expires once or not at all.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        let schedule = self.shared.cell().schedule()?;
        (schedule.period_ms != 0).then(|| Duration::from_millis(schedule.period_ms.into()))
    }
}

fn start(reset: Reset) -> Start {
    Start {
        kind: match reset {
            Reset::Auto => CellKind::AutoTimer,
            Reset::Manual => CellKind::ManualTimer,
        },
        maximum: 0,
        tokens: 0,
        owned: false,
    }
}

fn period_ms(period: Duration) -> Result<u32> {
    let ms = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    if (1..=i32::MAX as u32).contains(&ms) {
        return Ok(ms);
    }
    Err(Error::new("set timer", ErrorKind::InvalidParameter)
        .because("a period must be from 1 ms to 2^31 - 1 ms"))
}

fn after(now: u64, time: Duration) -> u64 {
    now.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1, |since| after(0, since).max(1))
}
