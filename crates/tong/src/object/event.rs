//! Events: a flag that threads of any process wait for.
//!
//! A *manual* event stays signaled until it is reset, and releases everybody. An *auto* event releases one thread and is
//! reset by that. Setting an event that is set changes nothing: signals do not add up (W-43).
//!
//! # Death
//! An event belongs to nobody. A process that is killed while it waits takes no signal with it; one that is killed inside
//! [`Event::set`] has set the event, or has not.
//!
//! # References
//! Win32: CreateEvent, SetEvent, ResetEvent, PulseEvent, "Event Objects". Rules W-71 to W-79.

use std::time::Duration;

use super::shared::{shared_object, Shared};
use crate::waits::{CellKind, Start};
use crate::{ObjectName, Result};

pub use super::shared::{Made, Reset};

/// An event. A clone is the same event.
///
/// ```
/// use tong::{Event, Reset};
///
/// let ready = Event::new(Reset::Auto, false)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| ready.set());
///     ready.wait(None)
/// })?;
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    shared: Shared,
}

shared_object!(Event, CellKind::AutoEvent | CellKind::ManualEvent);

impl Event {
    /// Makes an event without a name. It needs no descriptor.
    ///
    /// # Errors
    /// No memory.
    pub fn new(reset: Reset, signaled: bool) -> Result<Event> {
        Ok(Event {
            shared: Shared::unnamed(start(reset, signaled))?,
        })
    }

    /// Makes the event of that name, or opens the one that exists, whose kind and state stay as they are (W-79).
    ///
    /// # Errors
    /// In this order: the namespace cannot be used; another user's object, or something that is not tong's, has the name;
    /// no space; [`WrongKind`](crate::ErrorKind::WrongKind) if the name belongs to another kind of object.
    pub fn create(name: &ObjectName, reset: Reset, signaled: bool) -> Result<(Event, Made)> {
        let (shared, made) =
            Shared::create(name, "create event", start(reset, signaled), Event::fits)?;
        Ok((Event { shared }, made))
    }

    /// Signals the event. Never blocks.
    ///
    /// # Errors
    /// Only if the calling thread cannot be entered into the wait table.
    #[inline]
    pub fn set(&self) -> Result<()> {
        self.shared.cell().set()
    }

    /// Clears the event. Never blocks.
    ///
    /// # Errors
    /// As [`Event::set`].
    #[inline]
    pub fn reset(&self) -> Result<()> {
        self.shared.cell().reset()
    }

    /// Releases those who wait at this moment (one of them, if the event is an auto event) and clears the event.
    ///
    /// A thread that is between two looks misses it (W-77), and so does a wait for all: prefer [`Event::set`].
    ///
    /// # Errors
    /// As [`Event::set`].
    pub fn pulse(&self) -> Result<()> {
        self.shared.cell().pulse()
    }

    /// Waits until the event is signaled, `None` for ever; resets an auto event.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut); or as [`Event::set`].
    #[inline]
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        self.shared.wait(timeout).map(|_abandoned| ())
    }

    /// Ends a wait without blocking, if the event is signaled: returns whether it was, and resets an auto event.
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

    /// Whether one wait or all waits are released by a signal.
    #[must_use]
    pub fn reset_mode(&self) -> Reset {
        match self.shared.cell().kind() {
            CellKind::ManualEvent => Reset::Manual,
            _ => Reset::Auto,
        }
    }
}

fn start(reset: Reset, signaled: bool) -> Start {
    let kind = match reset {
        Reset::Auto => CellKind::AutoEvent,
        Reset::Manual => CellKind::ManualEvent,
    };
    Start {
        kind,
        maximum: 0,
        tokens: u32::from(signaled),
        owned: false,
    }
}
