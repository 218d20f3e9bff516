//! The watcher: one thread of the process that looks after descriptors for threads that wait for other things as well.
//!
//! A thread can sleep on memory or on descriptors, not on both. Who waits for both registers the descriptors here; the
//! watcher, started when first needed, nudges the waiting thread when one of them is ready, and the thread looks for
//! itself. It also reaps children whose last handle was closed while they ran.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tong_sys::bell::{self, BellSet};
use tong_sys::fork::Birth;

use super::engine::Entry;
use super::record::Me;
use crate::{Error, Result};

/// Whether there is something to read, or the other side is gone.
pub(super) fn is_ready(fd: BorrowedFd<'_>) -> bool {
    bell::is_readable(fd)
}

/// What the watcher does when a descriptor is ready.
enum Task {
    /// Wakes a waiting thread.
    Nudge(Vec<Me>),
    /// Runs once.
    Call(Box<dyn FnOnce() + Send>),
}

struct Watcher {
    set: BellSet,
    tasks: Mutex<HashMap<u64, (OwnedFd, Task)>>,
    next: AtomicU64,
    birth: Birth,
}

static WATCHER: Mutex<Option<Arc<Watcher>>> = Mutex::new(None);

impl Watcher {
    /// The watcher of the process, started if there is none.
    fn of_process() -> Result<Arc<Watcher>> {
        let mut watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.as_ref().filter(|watcher| watcher.birth.is_here()) {
            return Ok(Arc::clone(watcher));
        }
        let failed = |error: io::Error| Error::from_io("start watcher thread", error);
        let new = Arc::new(Watcher {
            set: BellSet::create().map_err(failed)?,
            tasks: Mutex::default(),
            next: AtomicU64::new(0),
            birth: Birth::here(),
        });
        let running = Arc::clone(&new);
        tong_sys::without_signals(|| {
            std::thread::Builder::new()
                .name("tong-watcher".to_owned())
                .spawn(move || running.run())
        })
        .map_err(failed)?;
        *watcher = Some(Arc::clone(&new));
        Ok(new)
    }

    fn run(&self) {
        tong_sys::thread::mark_servant();
        let mut reports = Vec::new();
        loop {
            reports.clear();
            if self.set.wait(&mut reports, None).is_err() {
                return;
            }
            for report in &reports {
                self.serve(report.token);
            }
        }
    }

    fn serve(&self, token: u64) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, Task::Nudge(mes))) = tasks.get(&token) {
            // Under the lock, so that the wait does not end meanwhile and another of the thread's waits is nudged. The
            // descriptor stays in the set, which reports each change: somebody else may read what came.
            mes.iter().for_each(|me| me.nudge());
            return;
        }
        if let Some((fd, Task::Call(call))) = tasks.remove(&token) {
            let _ = self.set.remove(&fd);
            drop(tasks);
            call();
        }
    }

    fn add(&self, fd: BorrowedFd<'_>, task: Task) -> Result<u64> {
        let failed = |error: io::Error| Error::from_io("wait", error);
        // A copy, so that nobody can close it while it is watched.
        let fd = fd.try_clone_to_owned().map_err(failed)?;
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        self.set.add(&fd, token).map_err(failed)?;
        tasks.insert(token, (fd, task));
        Ok(token)
    }

    fn remove(&self, token: u64) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((fd, _)) = tasks.remove(&token) {
            let _ = self.set.remove(&fd);
        }
    }
}

/// Descriptors that are watched for one wait, until this is dropped.
pub(super) struct Watch {
    watcher: Arc<Watcher>,
    tokens: Vec<u64>,
}

impl Watch {
    /// Has the descriptors of a wait watched, if there are any.
    pub(super) fn start(entries: &[Entry<'_>], mes: &[Me]) -> Result<Option<Watch>> {
        let mut watch: Option<Watch> = None;
        for entry in entries {
            let Entry::Fd(fd) = entry else {
                continue;
            };
            if watch.is_none() {
                watch = Some(Watch {
                    watcher: Watcher::of_process()?,
                    tokens: Vec::new(),
                });
            }
            if let Some(watch) = &mut watch {
                let token = watch.watcher.add(*fd, Task::Nudge(mes.to_vec()))?;
                watch.tokens.push(token);
            }
        }
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for token in &self.tokens {
            self.watcher.remove(*token);
        }
    }
}

/// Runs `call` on the watcher's thread when the descriptor is ready.
///
/// # Errors
/// The watcher cannot be started, or the descriptor not watched.
pub(crate) fn when_ready(fd: impl AsFd, call: impl FnOnce() + Send + 'static) -> Result<()> {
    let watcher = Watcher::of_process()?;
    watcher.add(fd.as_fd(), Task::Call(Box::new(call)))?;
    Ok(())
}
