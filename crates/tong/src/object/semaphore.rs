//! Semaphores: a count that waits lower and releases raise, up to a maximum.
//!
//! # Death
//! A semaphore belongs to nobody. What a process took before it was killed stays taken (W-104); one that is killed inside
//! [`Semaphore::release`] has released all, or nothing.
//!
//! # References
//! Win32: CreateSemaphore, ReleaseSemaphore, "Semaphore Objects". Rules W-98 to W-105.

use std::time::Duration;

use super::shared::{shared_object, Made, Shared};
use crate::waits::{CellKind, Start};
use crate::{Error, ErrorKind, ObjectName, Result};

/// A semaphore. A clone is the same semaphore.
///
/// ```
/// use tong::Semaphore;
///
/// let places = Semaphore::new(2, 2)?;
/// places.acquire(None)?;
/// assert_eq!(places.release(1)?, 1, "the count before");
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Semaphore {
    shared: Shared,
}

shared_object!(Semaphore, CellKind::Semaphore);

impl Semaphore {
    /// The largest count that a semaphore can have.
    pub const MAX: u32 = i32::MAX as u32;

    /// Makes a semaphore without a name. It needs no descriptor.
    ///
    /// # Errors
    /// In this order: [`InvalidParameter`](ErrorKind::InvalidParameter) if `maximum` is 0 or above [`MAX`](Self::MAX), or
    /// `initial` above `maximum`; no memory.
    pub fn new(initial: u32, maximum: u32) -> Result<Semaphore> {
        Ok(Semaphore {
            shared: Shared::unnamed(start(initial, maximum)?)?,
        })
    }

    /// Makes the semaphore of that name, or opens the one that exists, whose count and maximum stay as they are (W-105).
    ///
    /// # Errors
    /// In this order: as [`Semaphore::new`], also if the name exists; as [`Event::create`](crate::Event::create).
    pub fn create(name: &ObjectName, initial: u32, maximum: u32) -> Result<(Semaphore, Made)> {
        let start = start(initial, maximum)?;
        let (shared, made) = Shared::create(name, "create semaphore", start, Semaphore::fits)?;
        Ok((Semaphore { shared }, made))
    }

    /// Raises the count by `count`, releasing as many waits; returns the count before. Never blocks.
    ///
    /// # Errors
    /// In this order: [`InvalidParameter`](ErrorKind::InvalidParameter) if `count` is 0;
    /// [`TooManyPosts`](ErrorKind::TooManyPosts) if the count would pass the maximum: it stays as it is.
    #[inline]
    pub fn release(&self, count: u32) -> Result<u32> {
        if count == 0 {
            return Err(Error::new("release semaphore", ErrorKind::InvalidParameter)
                .because("nothing would be released; release at least 1"));
        }
        self.shared.cell().release(count)
    }

    /// Waits until the count is above 0, `None` for ever, and lowers it.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut).
    #[inline]
    pub fn acquire(&self, timeout: Option<Duration>) -> Result<()> {
        self.shared.wait(timeout).map(|_abandoned| ())
    }

    /// Lowers the count without blocking, if it is above 0; returns whether it was.
    ///
    /// # Errors
    /// Only if the calling thread cannot be entered into the wait table.
    #[inline]
    pub fn try_acquire(&self) -> Result<bool> {
        Ok(self.shared.try_take()?.is_some())
    }

    /// The count at this moment.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.shared.cell().count()
    }

    /// The largest count.
    #[must_use]
    pub fn maximum(&self) -> u32 {
        self.shared.cell().maximum()
    }
}

fn start(initial: u32, maximum: u32) -> Result<Start> {
    if maximum == 0 || maximum > Semaphore::MAX || initial > maximum {
        let why = format!(
            "the maximum must be from 1 to {}, and the initial count no more than that",
            Semaphore::MAX
        );
        return Err(Error::new("create semaphore", ErrorKind::InvalidParameter).because(why));
    }
    Ok(Start {
        kind: CellKind::Semaphore,
        maximum,
        tokens: initial,
        owned: false,
    })
}
