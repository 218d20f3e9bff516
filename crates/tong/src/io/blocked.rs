//! Threads that are blocked in a synchronous operation, and can be called out of it by others.
//!
//! # References
//! Win32: CancelSynchronousIo.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tong_sys::thread::steady;

use crate::object::thread::{self, Own};

/// What blocked threads sleep in.
pub(crate) trait Wake: Send + Sync {
    /// Has all threads that sleep there look whether they are canceled ([`Blocked::is_canceled`]). No sleep that begins before
    /// the look may miss this.
    fn wake(&self);
}

/// What a thread is blocked in at the moment, as others see it.
#[derive(Default)]
pub(crate) struct Blockage {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    place: Option<Arc<dyn Wake>>,
    canceled: bool,
}

impl fmt::Debug for Blockage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blockage").finish_non_exhaustive()
    }
}

impl Blockage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancels the operation that the thread is blocked in; `false` if there is none, or it is canceled already.
    pub(crate) fn cancel(&self) -> bool {
        let steady = steady();
        let place = {
            let mut state = self.lock();
            if state.canceled {
                return false;
            }
            let Some(place) = state.place.clone() else {
                return false;
            };
            state.canceled = true;
            place
        };
        drop(steady);
        place.wake();
        true
    }
}

/// A blocked operation of the calling thread, until this is dropped. Made before the thread sleeps for the first time: an
/// operation that does not wait needs none.
///
/// A thread that nobody can have a handle of, because it has no object, is not noted at all.
#[derive(Debug)]
pub(crate) struct Blocked {
    own: Option<Arc<Own>>,
}

impl Blocked {
    /// Notes that the calling thread is about to sleep in `place`.
    pub(crate) fn enter(place: Arc<dyn Wake>) -> Blocked {
        let own = thread::own_if_any();
        if let Some(own) = &own {
            let _steady = steady();
            *own.blockage().lock() = State {
                place: Some(place),
                canceled: false,
            };
        }
        Blocked { own }
    }

    /// Whether anybody could cancel what the calling thread does. If not, it may sleep where nobody finds it.
    pub(crate) fn is_possible() -> bool {
        thread::own_if_any().is_some()
    }

    /// Whether somebody has canceled the operation since. Then it takes nothing, and fails with
    /// [`ErrorKind::Canceled`](crate::ErrorKind::Canceled).
    pub(crate) fn is_canceled(&self) -> bool {
        let own = self.own.as_ref();
        own.is_some_and(|own| {
            let _steady = steady();
            own.blockage().lock().canceled
        })
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            let steady = steady();
            let left = std::mem::take(&mut *own.blockage().lock());
            drop(steady);
            // Whatever goes with the place goes without the lock.
            drop(left);
        }
    }
}
