//! What events, mutexes, semaphores and timers have in common: a cell, and perhaps a name.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::wait::Deadline;
use crate::waits::{self, Cell, CellKind, Ending, Entry, Start};
use crate::{Error, ErrorKind, ObjectName, Result};

/// What ends the signaled state of an event or timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The end of one wait.
    Auto,
    /// A call.
    Manual,
}

/// What a create call found at the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Nothing: the object is new.
    New,
    /// An object of the same kind, which was opened as it is.
    Existing,
}

/// A shared object, with its name if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    cell: Cell,
}

impl Shared {
    pub(crate) fn unnamed(start: Start) -> Result<Shared> {
        Ok(Shared {
            cell: Cell::unnamed(start)?,
        })
    }

    pub(crate) fn create(
        name: &ObjectName,
        op: &'static str,
        start: Start,
        fits: fn(CellKind) -> bool,
    ) -> Result<(Shared, Made)> {
        let (cell, existed) = waits::open_named(name, op, Some(start), fits)?;
        let made = match existed {
            true => Made::Existing,
            false => Made::New,
        };
        Ok((Shared { cell }, made))
    }

    pub(crate) fn open(
        name: &ObjectName,
        op: &'static str,
        fits: fn(CellKind) -> bool,
    ) -> Result<Shared> {
        let (cell, _) = waits::open_named(name, op, None, fits)?;
        Ok(Shared { cell })
    }

    /// Takes over an object that another process handed over: a descriptor of its memory, and where in it.
    ///
    /// # Errors
    /// The descriptor leads to something else; the object has ended; it is of another kind.
    pub(crate) fn import(fd: OwnedFd, at: u64, fits: fn(CellKind) -> bool) -> Result<Shared> {
        let cell = waits::import(fd, at)?;
        if !fits(cell.kind()) {
            return Err(Error::new("take over object", ErrorKind::WrongKind));
        }
        Ok(Shared { cell })
    }

    #[inline]
    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    pub(crate) fn name(&self) -> Option<&ObjectName> {
        self.cell.name()
    }

    /// Waits for the object alone; whether it was an abandoned mutex.
    #[inline]
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        if let Some(take) = self.cell.try_take()? {
            return Ok(take.abandoned);
        }
        self.wait_longer(timeout)
    }

    /// Takes the object if it is signaled now; whether it was an abandoned mutex.
    #[inline]
    pub(crate) fn try_take(&self) -> Result<Option<bool>> {
        Ok(self.cell.try_take()?.map(|take| take.abandoned))
    }

    #[cold]
    fn wait_longer(&self, timeout: Option<Duration>) -> Result<bool> {
        let entries = [Entry::Cell(&self.cell)];
        match waits::wait_any(&entries, Deadline::after(timeout), None)? {
            Ending::Object { abandoned, .. } => Ok(abandoned),
            Ending::TimedOut | Ending::Alerted => {
                let timed_out = Error::new("wait", ErrorKind::TimedOut);
                Err(match self.name() {
                    Some(name) => timed_out.on(name.as_str()),
                    None => timed_out,
                })
            }
        }
    }

    /// A descriptor of the object's memory, with a lock of its own that keeps the object for whoever gets it.
    pub(crate) fn export(&self) -> Result<OwnedFd> {
        waits::export(&self.cell)
    }

    /// The descriptor of the object's memory in this process.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.cell.ground().fd()
    }

    /// Equal if, and only if, the object is the same, in any process: file, and place in it.
    pub(crate) fn identity(&self) -> [u64; 2] {
        self.cell.place()
    }

    /// The last handle is closed: the name goes at once, even if somebody still waits.
    pub(crate) fn end(&self) {
        self.cell.give_name_up();
    }

    /// Says that the object's place may be known to other processes from now on.
    pub(crate) fn lend(&self) {
        self.cell.lend();
    }
}

/// The calls that all kinds of shared objects have.
macro_rules! shared_object {
    ($object:ident, $kinds:pat) => {
        impl $object {
            pub(crate) fn fits(kind: CellKind) -> bool {
                matches!(kind, $kinds)
            }

            /// Opens the object of that name.
            ///
            /// # Errors
            /// In this order: the namespace cannot be used; [`NotFound`](crate::ErrorKind::NotFound);
            /// [`AccessDenied`](crate::ErrorKind::AccessDenied) if it is another user's;
            /// [`WrongKind`](crate::ErrorKind::WrongKind) if the name belongs to another kind of object.
            pub fn open(name: &ObjectName) -> Result<$object> {
                let shared = Shared::open(name, "open object", $object::fits)?;
                Ok($object { shared })
            }

            /// The name, if it has one.
            #[must_use]
            pub fn name(&self) -> Option<&ObjectName> {
                self.shared.name()
            }

            /// Whether the two are one object, however they were reached.
            #[must_use]
            pub fn same_object(&self, other: &$object) -> bool {
                self.shared.identity() == other.shared.identity()
            }

            /// How many threads wait for it at this moment.
            #[must_use]
            pub fn waiters(&self) -> usize {
                self.shared.cell().waiters()
            }

            pub(crate) fn shared(&self) -> &Shared {
                &self.shared
            }

            #[allow(dead_code, reason = "not every kind is handed over")]
            pub(crate) fn import(fd: std::os::fd::OwnedFd, at: u64) -> Result<$object> {
                let shared = Shared::import(fd, at, $object::fits)?;
                Ok($object { shared })
            }
        }

        impl crate::wait::Waitable for $object {}

        impl crate::wait::sealed::Sealed for $object {
            fn entry(&self) -> crate::wait::sealed::Source<'_> {
                crate::wait::sealed::Source(crate::waits::Entry::Cell(self.shared.cell()))
            }
        }
    };
}
pub(crate) use shared_object;
