//! Mutexes: owned by one thread of any process at a time.
//!
//! The owner may acquire its mutex again, and must release it as often. Only the owning thread can release.
//!
//! # Death
//! When the owning thread ends without releasing, by a return, a kill or a crash, the mutex is *abandoned*: whoever acquires
//! it next gets it, and is told, once ([`Acquired::Abandoned`], [`MutexGuard::abandoned`]). What the mutex guards may be
//! half-changed then.
//!
//! # References
//! Win32: CreateMutex, ReleaseMutex, "Mutex Objects". Rules W-80 to W-97.

use std::marker::PhantomData;
use std::time::Duration;

use super::shared::{shared_object, Made, Shared};
use crate::waits::{CellKind, Start};
use crate::{ObjectName, Result};

/// A mutex. A clone is the same mutex.
///
/// ```
/// use tong::Mutex;
///
/// let mutex = Mutex::new(false)?;
/// let guard = mutex.lock()?;
/// assert!(!guard.abandoned());
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mutex {
    shared: Shared,
}

/// How a mutex was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an abandoned mutex guards something that may be half-changed"]
pub enum Acquired {
    /// Its last owner released it.
    Clean,
    /// Its last owner ended without releasing it. The caller owns it all the same.
    Abandoned,
}

impl Acquired {
    fn of(abandoned: bool) -> Acquired {
        match abandoned {
            false => Acquired::Clean,
            true => Acquired::Abandoned,
        }
    }
}

shared_object!(Mutex, CellKind::Mutex);

impl Mutex {
    /// Makes a mutex without a name, owned by the calling thread or by nobody. It needs no descriptor.
    ///
    /// # Errors
    /// No memory; the thread cannot be entered into the wait table.
    pub fn new(owned: bool) -> Result<Mutex> {
        Ok(Mutex {
            shared: Shared::unnamed(start(owned))?,
        })
    }

    /// Makes the mutex of that name, or opens the one that exists; that one is not acquired, whatever `owned` says (W-81).
    ///
    /// # Errors
    /// As [`Event::create`](crate::Event::create).
    pub fn create(name: &ObjectName, owned: bool) -> Result<(Mutex, Made)> {
        let (shared, made) = Shared::create(name, "create mutex", start(owned), Mutex::fits)?;
        Ok((Mutex { shared }, made))
    }

    /// Waits until the mutex is free, `None` for ever, and makes the calling thread its owner.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut); [`TooManyRecursions`](crate::ErrorKind::TooManyRecursions) beyond 2^31
    /// acquisitions by one owner.
    #[inline]
    pub fn acquire(&self, timeout: Option<Duration>) -> Result<Acquired> {
        self.shared.wait(timeout).map(Acquired::of)
    }

    /// Acquires the mutex without blocking; `None` if another thread owns it.
    ///
    /// # Errors
    /// [`TooManyRecursions`](crate::ErrorKind::TooManyRecursions).
    #[inline]
    pub fn try_acquire(&self) -> Result<Option<Acquired>> {
        Ok(self.shared.try_take()?.map(Acquired::of))
    }

    /// Releases one acquisition by the calling thread. Never blocks.
    ///
    /// # Errors
    /// [`NotOwner`](crate::ErrorKind::NotOwner) if the calling thread does not own the mutex.
    #[inline]
    pub fn release(&self) -> Result<()> {
        self.shared.cell().release_mutex()
    }

    /// Acquires the mutex for as long as the guard lives.
    ///
    /// # Errors
    /// As [`Mutex::acquire`].
    pub fn lock(&self) -> Result<MutexGuard<'_>> {
        self.guard(None)
    }

    /// The same, for at most `timeout`.
    ///
    /// # Errors
    /// As [`Mutex::acquire`].
    pub fn lock_for(&self, timeout: Duration) -> Result<MutexGuard<'_>> {
        self.guard(Some(timeout))
    }

    /// The same, without waiting.
    ///
    /// # Errors
    /// As [`Mutex::acquire`].
    pub fn try_lock(&self) -> Result<MutexGuard<'_>> {
        self.guard(Some(Duration::ZERO))
    }

    fn guard(&self, timeout: Option<Duration>) -> Result<MutexGuard<'_>> {
        let acquired = self.acquire(timeout)?;
        Ok(self.adopt(acquired))
    }

    /// A guard for an acquisition that the calling thread made already, such as by [`wait::any`](crate::wait::any).
    pub fn adopt(&self, acquired: Acquired) -> MutexGuard<'_> {
        MutexGuard {
            mutex: self,
            acquired,
            _thread: PhantomData,
        }
    }

    /// Process and thread id of the owner, as its own PID namespace counts, if there is one and it lives.
    #[must_use]
    pub fn owner(&self) -> Option<(i32, i32)> {
        let cell = self.shared.cell();
        let owner = cell.owner()?;
        Some(cell.table().record(owner.number).ids())
    }
}

fn start(owned: bool) -> Start {
    Start {
        kind: CellKind::Mutex,
        maximum: 0,
        tokens: 0,
        owned,
    }
}

/// An acquisition of a mutex. Dropping it releases; it cannot leave its thread.
#[derive(Debug)]
pub struct MutexGuard<'a> {
    mutex: &'a Mutex,
    acquired: Acquired,
    _thread: PhantomData<*const ()>,
}

impl MutexGuard<'_> {
    /// Whether the last owner ended without releasing: what the mutex guards may be half-changed.
    #[must_use]
    pub fn abandoned(&self) -> bool {
        self.acquired == Acquired::Abandoned
    }
}

impl Drop for MutexGuard<'_> {
    fn drop(&mut self) {
        // It fails only if the program released too often by hand.
        let _ = self.mutex.release();
    }
}
