//! Waiting for one, any or all of several objects.
//!
//! Everything that can be signaled is [`Waitable`]: events, mutexes, semaphores, timers, threads, processes, mailslots with
//! a message, and any descriptor with something to read ([`Fd`]). [`any`] and [`all`] take any mixture of them.
//!
//! ```
//! use tong::{wait, Event, Reset, Semaphore};
//!
//! let (stop, work) = (Event::new(Reset::Manual, false)?, Semaphore::new(1, 10)?);
//! let satisfied = wait::any(&[&stop, &work], None)?;
//! assert_eq!(satisfied.index, 1);
//! # Ok::<(), tong::Error>(())
//! ```
//!
//! # Deadlines and spinning
//! A call turns its time-out into one deadline on entry; nothing below adds up intervals. Spinning is worth its power only
//! while signals come faster than a sleeping processor can be woken, so a spinner remembers how long the last waits were and
//! spins only if they were short, and never on a single processor.
//!
//! # References
//! Win32: WaitForSingleObject, WaitForMultipleObjects, "Wait Functions". Rules W-1 to W-48.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::waits::{self, Ending, Entry};
use crate::{Error, ErrorKind, Result};

/// An object that a wait can be for.
pub trait Waitable: sealed::Sealed + Send + Sync {}

pub(crate) mod sealed {
    /// What the wait looks at.
    #[derive(Clone, Copy, Debug)]
    pub struct Source<'a>(pub(crate) super::Entry<'a>);

    /// Keeps other crates from making kinds of objects.
    pub trait Sealed {
        /// What a wait for the object looks at.
        fn entry(&self) -> Source<'_>;
    }
}

/// A descriptor: signaled while there is something to read or accept at it, or its other side is gone. A wait takes nothing
/// from it.
#[derive(Clone, Copy, Debug)]
pub struct Fd<'a>(pub BorrowedFd<'a>);

impl<'a> Fd<'a> {
    /// The descriptor of something that has one.
    pub fn of(object: &'a impl AsFd) -> Fd<'a> {
        Fd(object.as_fd())
    }
}

impl Waitable for Fd<'_> {}

impl sealed::Sealed for Fd<'_> {
    fn entry(&self) -> sealed::Source<'_> {
        sealed::Source(Entry::Fd(self.0))
    }
}

impl Waitable for crate::MailslotServer {}

impl sealed::Sealed for crate::MailslotServer {
    fn entry(&self) -> sealed::Source<'_> {
        sealed::Source(Entry::Fd(self.as_fd()))
    }
}

impl Waitable for crate::object::process::Process {}

impl sealed::Sealed for crate::object::process::Process {
    fn entry(&self) -> sealed::Source<'_> {
        sealed::Source(Entry::Fd(self.as_fd()))
    }
}

impl Waitable for crate::object::thread::Thread {}

impl sealed::Sealed for crate::object::thread::Thread {
    fn entry(&self) -> sealed::Source<'_> {
        sealed::Source(self.wait_entry())
    }
}

/// Which object ended a wait for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Satisfied {
    /// Its place in the list.
    pub index: usize,
    /// It is a mutex that its last owner abandoned; the caller owns it all the same.
    pub abandoned: bool,
}

/// How a wait for all ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllSatisfied {
    /// At least one of the objects is a mutex that its last owner abandoned.
    pub abandoned: bool,
}

/// Waits until one of the objects is signaled, `None` for ever, and takes that one. If several are signaled at the start the
/// first in the list is taken, and the others keep their state (W-25, W-27).
///
/// An empty list waits for the time to pass. Up to 32,767 objects.
///
/// # Errors
/// [`TimedOut`](ErrorKind::TimedOut), with a mutex that its owner acquired too often
/// [`TooManyRecursions`](ErrorKind::TooManyRecursions), or the thread cannot be entered into the wait table.
pub fn any(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Satisfied> {
    let entries = entries(objects);
    match waits::wait_any(&entries, Deadline::after(timeout), None)? {
        Ending::Object { index, abandoned } => Ok(Satisfied { index, abandoned }),
        Ending::TimedOut | Ending::Alerted => Err(Error::new("wait for any", ErrorKind::TimedOut)),
    }
}

/// Waits until all objects are signaled at one instant, `None` for ever, and takes them together. Until then it takes
/// nothing (W-30, W-31).
///
/// # Errors
/// In this order: [`InvalidParameter`](ErrorKind::InvalidParameter) if one object stands in the list twice, even through
/// different handles (W-24); as [`any`].
pub fn all(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<AllSatisfied> {
    let entries = entries(objects);
    match waits::wait_all(&entries, Deadline::after(timeout), None)? {
        Ending::Object { abandoned, .. } => Ok(AllSatisfied { abandoned }),
        Ending::TimedOut | Ending::Alerted => Err(Error::new("wait for all", ErrorKind::TimedOut)),
    }
}

/// As [`any`], but routines that were queued to the calling thread call it away: they run, and the wait ends without having
/// taken anything (W-60, W-61). Objects that are signaled at the start come first (W-62).
///
/// # Errors
/// As [`any`], but a time-out is an outcome.
pub fn any_alertable(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Outcome> {
    let entries = entries(objects);
    alertable(timeout, |deadline, alert| {
        waits::wait_any(&entries, deadline, alert)
    })
}

/// As [`all`], called away as [`any_alertable`] is.
///
/// # Errors
/// As [`all`], but a time-out is an outcome.
pub fn all_alertable(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Outcome> {
    let entries = entries(objects);
    alertable(timeout, |deadline, alert| {
        waits::wait_all(&entries, deadline, alert)
    })
}

fn alertable(
    timeout: Option<Duration>,
    wait: impl Fn(Deadline, Option<&dyn waits::Alert>) -> Result<Ending>,
) -> Result<Outcome> {
    let deadline = Deadline::after(timeout);
    let own = crate::apc::Alertable::of_thread();
    let alert = own.as_ref().map(|own| own as &dyn waits::Alert);
    loop {
        let ending = wait(deadline, alert)?;
        // What was queued may have been taken back meanwhile, such as the routine of a timer.
        if ending != Ending::Alerted || crate::apc::run_all() {
            return Ok(ending.into());
        }
    }
}

fn entries<'a>(objects: &[&'a dyn Waitable]) -> Vec<Entry<'a>> {
    objects.iter().map(|object| object.entry().0).collect()
}

/// What an alertable wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an object; for a wait for all, index 0.
    Satisfied(Satisfied),
    /// Routines that were queued to the thread have run ([`Thread::queue_apc`](crate::Thread::queue_apc)).
    Alerted,
    /// With nothing.
    TimedOut,
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Outcome {
        match ending {
            Ending::Object { index, abandoned } => {
                Outcome::Satisfied(Satisfied { index, abandoned })
            }
            Ending::TimedOut => Outcome::TimedOut,
            Ending::Alerted => Outcome::Alerted,
        }
    }
}

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

thread_local! {
    /// How long the thread's last waits for ends of operations were.
    static SPINNER: std::cell::RefCell<Spinner> = const { std::cell::RefCell::new(Spinner::new()) };
}

/// Waits until `ready`: spins first, if the thread's last waits of this sort were short, and then has it `sleep`, which
/// returns when it is ready, or another reason to end has come.
#[doc(hidden)]
pub fn spin_then<T>(ready: impl FnMut() -> bool, sleep: impl FnOnce() -> T) -> Option<T> {
    let spin = |spinner: &std::cell::RefCell<Spinner>| spinner.borrow_mut().spin(ready);
    let slept = match SPINNER.with(spin) {
        true => None,
        false => Some(sleep()),
    };
    SPINNER.with_borrow_mut(Spinner::ended);
    slept
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
    pub(crate) const fn new() -> Spinner {
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
