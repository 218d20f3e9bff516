//! Waiting for those who come, and serving many of them at once.

use super::{End, Stop};
use crate::exit::Failure;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Where others come to: a listening socket, or a pipe instance.
pub(crate) trait Door: Send {
    /// What it is called in messages.
    fn label(&self) -> &str;

    /// Waits for the next who comes; `None` if we are to stop.
    ///
    /// The one before must have left.
    fn accept(&mut self, stop: &Stop) -> Result<Option<End>, Failure>;

    /// One more of the same.
    fn another(&self) -> Result<Box<dyn Door>, Failure>;

    /// How many should be waiting at any time, so that nobody is sent away who comes at the same time as others.
    fn spare_count(&self) -> usize {
        1
    }
}

/// What is done with each who comes.
pub(crate) trait Host: Send + Sync {
    fn serve(&self, guest: End, stop: &Stop);
}

/// How many are served at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crowd {
    /// As many as come.
    Any,
    /// So many; the others wait outside.
    AtMost(usize),
}

struct Pool {
    host: Arc<dyn Host>,
    crowd: Crowd,
    stop: Stop,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    workers: usize,
    waiting: usize,
    failure: Option<Failure>,
}

/// Serves all who come until `stop`, each in a thread. Fails with what went wrong at a door.
pub(crate) fn serve(
    door: Box<dyn Door>,
    crowd: Crowd,
    host: Arc<dyn Host>,
    stop: &Stop,
) -> Result<(), Failure> {
    let pool = Arc::new(Pool {
        host,
        crowd,
        stop: stop.clone(),
        state: Mutex::default(),
        changed: Condvar::new(),
    });
    let spare = match crowd {
        Crowd::Any => door.spare_count(),
        Crowd::AtMost(count) => count,
    };
    let mut doors = Vec::with_capacity(spare);
    for _ in 1..spare {
        doors.push(door.another()?);
    }
    doors.push(door);
    doors.into_iter().for_each(|door| pool.employ(door));
    let mut state = pool.lock();
    while state.workers > 0 {
        state = pool
            .changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
    state.failure.take().map_or(Ok(()), Err)
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread that waits at this door.
    fn employ(self: &Arc<Pool>, door: Box<dyn Door>) {
        let mut state = self.lock();
        state.workers += 1;
        state.waiting += 1;
        drop(state);
        let pool = Arc::clone(self);
        thread::spawn(move || {
            let outcome = pool.work(door);
            let mut state = pool.lock();
            state.workers -= 1;
            if let Err(failure) = outcome {
                state.failure.get_or_insert(failure);
                drop(state);
                pool.stop.set();
            }
            pool.changed.notify_all();
        });
    }

    /// Serves one after the other, until there are enough others who wait.
    fn work(self: &Arc<Pool>, mut door: Box<dyn Door>) -> Result<(), Failure> {
        while let Some(guest) = door.accept(&self.stop)? {
            self.lock().waiting -= 1;
            self.replace(&*door)?;
            self.host.serve(guest, &self.stop);
            if self.stop.is_set() || !self.is_wanted(&*door) {
                break;
            }
        }
        Ok(())
    }

    /// Sees to it that enough others wait while this one serves.
    fn replace(self: &Arc<Pool>, door: &dyn Door) -> Result<(), Failure> {
        if matches!(self.crowd, Crowd::AtMost(_)) || self.lock().waiting >= door.spare_count() {
            return Ok(());
        }
        self.employ(door.another()?);
        Ok(())
    }

    /// Goes back to waiting, unless there are enough who do.
    fn is_wanted(&self, door: &dyn Door) -> bool {
        let mut state = self.lock();
        let is_wanted = match self.crowd {
            Crowd::Any => state.waiting < door.spare_count(),
            Crowd::AtMost(_) => true,
        };
        state.waiting += usize::from(is_wanted);
        is_wanted
    }
}
