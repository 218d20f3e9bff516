//! What watching costs, measured as the kernel counts it.

use nix::sys::resource::{getrusage, UsageWho};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over so many looks the cost is averaged.
const LOOKS: usize = 8;

/// The processor time of this process, as of the last looks.
#[derive(Debug, Default)]
pub(super) struct Cost {
    used: VecDeque<(Instant, Duration)>,
}

impl Cost {
    /// The part of a processor that this process has taken lately. To be asked after each look.
    pub(super) fn note(&mut self) -> Option<f64> {
        self.used.push_back((Instant::now(), used()?));
        if self.used.len() > LOOKS {
            self.used.pop_front();
        }
        let (from, before) = *self.used.front()?;
        let (until, after) = *self.used.back()?;
        let between = until.saturating_duration_since(from).as_secs_f64();
        (between > 0.0).then(|| after.saturating_sub(before).as_secs_f64() / between)
    }
}

/// The time that processors have worked for this process.
fn used() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let times = [usage.user_time(), usage.system_time()];
    let time = |it: nix::sys::time::TimeVal| {
        let seconds = Duration::from_secs(u64::try_from(it.tv_sec()).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(it.tv_usec()).unwrap_or(0))
    };
    Some(times.map(time).iter().sum())
}
