//! A pool of a program's own: no more than so many of its callbacks run at a time.
//!
//! All run on the threads of the one [pool](crate::pool); a pool of one's own only holds back what is too much.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::error::Code;
use crate::pool::{self, Job};

/// Most callbacks at a time in the process's pool, and in one's own before a maximum is set.
const MAXIMUM: usize = 500;

/// Callbacks that share a maximum.
pub(super) struct Limit {
    state: Mutex<State>,
}

struct State {
    running: usize,
    maximum: usize,
    waiting: VecDeque<Job>,
}

impl Limit {
    pub(super) fn new() -> Arc<Limit> {
        let state = State {
            running: 0,
            maximum: MAXIMUM,
            waiting: VecDeque::new(),
        };
        Arc::new(Limit {
            state: Mutex::new(state),
        })
    }

    /// The process's own pool.
    pub(super) fn of_process() -> Arc<Limit> {
        static LIMIT: LazyLock<Arc<Limit>> = LazyLock::new(Limit::new);
        Arc::clone(&LIMIT)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how many run at a time; at least one.
    pub(super) fn set_maximum(self: &Arc<Limit>, maximum: usize) {
        self.lock().maximum = maximum.max(1);
        while let Some(job) = self.next_if_room() {
            let limit = Arc::clone(self);
            // It fails only if there is no thread at all; but some job made this one wait.
            let _ = pool::submit(Box::new(move || limit.run(job)));
        }
    }

    fn next_if_room(&self) -> Option<Job> {
        let mut state = self.lock();
        if state.running >= state.maximum {
            return None;
        }
        let job = state.waiting.pop_front()?;
        state.running += 1;
        Some(job)
    }

    /// Has the job run as soon as there is room for it.
    pub(super) fn submit(self: &Arc<Limit>, job: Job) -> Result<(), Code> {
        {
            let mut state = self.lock();
            if state.running >= state.maximum {
                state.waiting.push_back(job);
                return Ok(());
            }
            state.running += 1;
        }
        let limit = Arc::clone(self);
        pool::submit(Box::new(move || limit.run(job))).inspect_err(|_| self.lock().running -= 1)
    }

    /// Runs a job, and those that waited for the room it takes.
    fn run(&self, job: Job) {
        job();
        loop {
            let mut state = self.lock();
            let next = match state.running <= state.maximum {
                true => state.waiting.pop_front(),
                false => None,
            };
            let Some(job) = next else {
                state.running -= 1;
                return;
            };
            drop(state);
            job();
        }
    }
}
