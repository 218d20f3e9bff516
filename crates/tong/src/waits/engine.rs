//! Waiting for one, any or all of several objects.
//!
//! The wait tries, spins a little if waits of this thread were short lately, and then leaves slots and sleeps. Objects
//! that are descriptors (processes, mailslots, anything that can be polled) have no slots: the [`watcher`] of the process
//! looks after them and nudges the waiting thread. A wait for descriptors alone polls them.

use std::os::fd::BorrowedFd;

use tong_sys::bell;
use tong_sys::map::Ordering;

use super::cell::Cell;
use super::note::Note;
use super::record::Me;
use super::sleeper::Wait;
use super::slots::INDEX_MAX;
use super::watcher;
use crate::wait::Deadline;
use crate::{Error, ErrorKind, Result};

/// One object of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// A shared object.
    Cell(&'a Cell),
    /// A descriptor: signaled while there is something to read or its other side is gone.
    Fd(BorrowedFd<'a>),
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the object at this place; for a wait for all, 0.
    Object {
        index: usize,
        abandoned: bool,
    },
    TimedOut,
    /// Called away, see [`Alert`].
    Alerted,
}

/// What can call a thread away from a wait.
pub(crate) trait Alert {
    /// Whether there is something to do instead of waiting.
    fn is_pending(&self) -> bool;
    /// When there will be by itself, as a reading of the monotonic clock.
    fn due_ns(&self) -> Option<u64>;
    /// The thread starts (with its commit words) or stops (with none) to be in a wait that may be called away.
    fn waits_with(&self, records: &[Me]);
}

/// Waits until one of the objects is signaled, and takes that one: the first in order if several are at the start.
///
/// # Errors
/// Too many objects; the thread gets no record or slot.
pub(crate) fn wait_any(
    entries: &[Entry<'_>],
    deadline: Deadline,
    alert: Option<&dyn Alert>,
) -> Result<Ending> {
    check_count(entries)?;
    if let Some(ending) = try_any(entries)? {
        return Ok(ending);
    }
    if alert.is_some_and(Alert::is_pending) {
        return Ok(Ending::Alerted);
    }
    if deadline == Deadline::Now {
        return Ok(Ending::TimedOut);
    }
    if alert.is_none() && entries.iter().all(|entry| matches!(entry, Entry::Fd(_))) {
        return poll_any(entries, deadline);
    }
    if let Some(ending) = spin_any(entries)? {
        return Ok(ending);
    }
    let ended = Wait::new(entries, false, deadline, alert)?.run();
    SPINNER.with_borrow_mut(crate::wait::Spinner::ended);
    ended
}

/// Waits until all objects are signaled at once, and takes them together.
///
/// # Errors
/// As [`wait_any`]; the same object twice.
pub(crate) fn wait_all(
    entries: &[Entry<'_>],
    deadline: Deadline,
    alert: Option<&dyn Alert>,
) -> Result<Ending> {
    check_count(entries)?;
    check_different(entries)?;
    if let [_] = entries {
        return wait_any(entries, deadline, alert);
    }
    let mut wait = Wait::new(entries, true, deadline, alert)?;
    if let Some(ending) = wait.try_all()? {
        return Ok(ending);
    }
    if alert.is_some_and(Alert::is_pending) {
        return Ok(Ending::Alerted);
    }
    if deadline == Deadline::Now {
        return Ok(Ending::TimedOut);
    }
    wait.run()
}

fn check_count(entries: &[Entry<'_>]) -> Result<()> {
    if entries.len() <= INDEX_MAX {
        return Ok(());
    }
    Err(Error::new("wait", ErrorKind::InvalidParameter)
        .because(format!("at most {INDEX_MAX} objects can be waited for")))
}

fn check_different(entries: &[Entry<'_>]) -> Result<()> {
    let mut seen: Vec<_> = cells(entries).map(|(_, cell)| cell.identity()).collect();
    seen.sort_unstable();
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::new("wait for all", ErrorKind::InvalidParameter)
            .because("the same object stands in the list twice"));
    }
    Ok(())
}

pub(super) fn cells<'a>(entries: &'a [Entry<'a>]) -> impl Iterator<Item = (usize, &'a Cell)> {
    entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| match entry {
            Entry::Cell(cell) => Some((index, *cell)),
            _ => None,
        })
}

fn try_any(entries: &[Entry<'_>]) -> Result<Option<Ending>> {
    for (index, entry) in entries.iter().enumerate() {
        let abandoned = match entry {
            Entry::Cell(cell) => cell.try_take()?.map(|take| take.abandoned),
            Entry::Fd(fd) => watcher::is_ready(*fd).then_some(false),
        };
        if let Some(abandoned) = abandoned {
            return Ok(Some(Ending::Object { index, abandoned }));
        }
    }
    Ok(None)
}

thread_local! {
    static SPINNER: std::cell::RefCell<crate::wait::Spinner> =
        const { std::cell::RefCell::new(crate::wait::Spinner::new()) };
}

/// Looks again for a moment, if that paid lately. Only for single objects: more are better slept on.
fn spin_any(entries: &[Entry<'_>]) -> Result<Option<Ending>> {
    let [Entry::Cell(cell)] = entries else {
        return Ok(None);
    };
    let may_take = || cell.kind().take_hint(cell.state().load(Ordering::Relaxed));
    let seen = SPINNER.with_borrow_mut(|spinner| spinner.spin(may_take));
    if !seen {
        return Ok(None);
    }
    let ending = try_any(entries)?;
    if ending.is_some() {
        SPINNER.with_borrow_mut(crate::wait::Spinner::ended);
    }
    Ok(ending)
}

fn poll_any(entries: &[Entry<'_>], deadline: Deadline) -> Result<Ending> {
    let fds: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Fd(fd) => Some(*fd),
            _ => None,
        })
        .collect();
    let _note = Note::of_descriptors(entries, deadline);
    loop {
        bell::wait_any_readable(&fds, deadline.left())
            .map_err(|error| Error::from_io("wait", error))?;
        if let Some(ending) = try_any(entries)? {
            return Ok(ending);
        }
        if deadline.passed() {
            return Ok(Ending::TimedOut);
        }
    }
}
