//! Timers: one that ticks, and one that lets everybody go.

use super::worker::name;
use super::{tell, PATIENCE};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tong::{Due, ErrorKind, Reset, Result, Timer};

/// The timer that all share.
pub(in super::super) const TIMER: &str = "tour-timer";

/// What a worker may be told to do with timers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Clocking {
    /// Make a timer that is due after so many milliseconds and then every so many, and wait so often.
    Tick(u64, u64, u32),
    /// Make a timer that stays signaled, and keep it.
    Prepare,
    /// Set it: due after so many milliseconds.
    Set(u64),
    /// Set it, and stop it at once.
    SetAndCancel(u64),
    /// Wait for it.
    Await,
    /// Wait for it for so many milliseconds, in which it is not to come.
    AwaitInVain(u64),
}

/// What a worker has of timers.
#[derive(Default)]
pub(super) struct Clocks {
    timer: Option<Timer>,
}

impl Clocks {
    pub(super) fn work(&mut self, order: &Clocking) -> Result<()> {
        match order {
            Clocking::Tick(first, every, times) => tick(*first, *every, *times),
            Clocking::Prepare => {
                self.timer = Some(Timer::create(&name(TIMER)?, Reset::Manual)?.0);
                tell("makes a timer");
                Ok(())
            }
            Clocking::Set(ms) => {
                tell("sets the timer");
                self.set(*ms)
            }
            Clocking::SetAndCancel(ms) => {
                self.set(*ms)?;
                self.timer.as_ref().map_or(Ok(()), Timer::cancel)?;
                tell("sets and stops it");
                Ok(())
            }
            Clocking::Await => {
                let timer = Timer::open(&name(TIMER)?)?;
                tell("waits");
                timer.wait(Some(PATIENCE))?;
                tell("may go");
                Ok(())
            }
            Clocking::AwaitInVain(ms) => {
                let timer = Timer::open(&name(TIMER)?)?;
                match timer.wait(Some(Duration::from_millis(*ms))) {
                    Ok(()) => tell("may go"),
                    Err(error) if error.kind() == ErrorKind::TimedOut => tell("timed out"),
                    Err(error) => return Err(error),
                }
                Ok(())
            }
        }
    }

    fn set(&self, ms: u64) -> Result<()> {
        let due = Due::After(Duration::from_millis(ms));
        self.timer
            .as_ref()
            .map_or(Ok(()), |timer| timer.set(due, None))
    }
}

fn tick(first_ms: u64, every_ms: u64, times: u32) -> Result<()> {
    let timer = Timer::new(Reset::Auto)?;
    let begun = Instant::now();
    let due = Due::After(Duration::from_millis(first_ms));
    timer.set(due, Some(Duration::from_millis(every_ms)))?;
    for number in 1..=times {
        timer.wait(Some(PATIENCE))?;
        tell(&format!(
            "tick {number} after {} ms",
            begun.elapsed().as_millis()
        ));
    }
    timer.cancel()
}
