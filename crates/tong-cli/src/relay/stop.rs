//! Telling threads to stop, whatever they wait for.
//!
//! A stop is a socket pair of which one end is closed: everyone who polls the other wakes. Stops form a tree: that of the
//! whole command stops those of its connections.

use crate::exit::Failure;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

type Hook = Box<dyn FnOnce() + Send>;

/// A request to stop, which comes once or never. Clones are the same.
#[derive(Clone)]
pub(crate) struct Stop {
    shared: Arc<Shared>,
}

struct Shared {
    /// Hangs up when the stop has come.
    ear: UnixStream,
    state: Mutex<State>,
}

struct State {
    /// Closed, and so heard, when the stop comes.
    mouth: Option<UnixStream>,
    hooks: Vec<(u64, Hook)>,
    next: u64,
}

impl Stop {
    pub(crate) fn new() -> Result<Stop, Failure> {
        let (ear, mouth) = UnixStream::pair()
            .map_err(|error| Failure::Io("cannot make a socket pair".to_owned(), error))?;
        let state = Mutex::new(State {
            mouth: Some(mouth),
            hooks: Vec::new(),
            next: 0,
        });
        let shared = Arc::new(Shared { ear, state });
        Ok(Stop { shared })
    }

    /// Stops everyone who listens to this one.
    pub(crate) fn set(&self) {
        let hooks = {
            let mut state = self.lock();
            state.mouth = None;
            std::mem::take(&mut state.hooks)
        };
        for (_, hook) in hooks {
            hook();
        }
    }

    /// Has the stop come?
    pub(crate) fn is_set(&self) -> bool {
        self.lock().mouth.is_none()
    }

    /// Has this called when the stop comes, at once if it has, until the guard is dropped.
    pub(crate) fn on_stop(&self, hook: impl FnOnce() + Send + 'static) -> Hooked {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        if state.mouth.is_some() {
            state.hooks.push((id, Box::new(hook)));
        } else {
            drop(state);
            hook();
        }
        Hooked {
            stop: self.clone(),
            id,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.ear.as_fd()
    }
}

/// Keeps a hook in place.
pub(crate) struct Hooked {
    stop: Stop,
    id: u64,
}

impl Drop for Hooked {
    fn drop(&mut self) {
        // Dropped outside the lock: what a hook holds may itself want the stop.
        let mut state = self.stop.lock();
        let at = state.hooks.iter().position(|(id, _)| *id == self.id);
        let hook = at.map(|at| state.hooks.swap_remove(at));
        drop(state);
        drop(hook);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_stop_wakes_who_polls_it_and_calls_the_hooks_that_are_left() {
        let stop = Stop::new().expect("descriptors");
        let called = Arc::new(AtomicUsize::new(0));
        let count = |by: usize| {
            let called = Arc::clone(&called);
            move || {
                called.fetch_add(by, Ordering::Relaxed);
            }
        };
        let _kept = stop.on_stop(count(1));
        drop(stop.on_stop(count(10)));
        assert!(!stop.is_set());
        stop.set();
        assert!(stop.is_set());
        assert_eq!((&stop.shared.ear).read(&mut [0]).expect("its end"), 0);
        let _late = stop.on_stop(count(100));
        assert_eq!(called.load(Ordering::Relaxed), 101);
    }
}
