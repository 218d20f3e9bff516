//! Children that nobody holds any more.
//!
//! The system keeps a child that has ended until its parent waits for it. As long as somebody in this process holds a
//! [`Process`](crate::Process) of the child, that is welcome: its id is not used again, and others can still open it.
//! Afterwards the child is nobody's business, and must not stay: one that has ended is waited for at once, one that still
//! runs is noted here, and the watcher of this process is asked to tell of its end; if there can be none, it is looked at
//! whenever this process does something with processes.
//!
//! # Death
//! If this process ends first, its children get another parent, which waits for them.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use tong_sys::fork::Birth;
use tong_sys::pidfd;

static LEFT_ALONE: Mutex<Vec<(Birth, OwnedFd)>> = Mutex::new(Vec::new());

/// Takes over a child that nobody holds any more.
pub(crate) fn leave_alone(child: OwnedFd) {
    if pidfd::reap(&child).is_none() && !pidfd::has_ended(&child).unwrap_or(true) {
        let mut left = LEFT_ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // It sweeps once more if the child ends between these lines: the watcher looks at what is already ready, too.
        let _ = crate::waits::when_ready(&child, sweep);
        left.push((Birth::here(), child));
    }
    sweep();
}

/// Waits for those that have ended meanwhile.
pub(crate) fn sweep() {
    let mut left = LEFT_ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain(|(birth, child)| {
        // After a fork they are the children of another process.
        birth.is_here() && pidfd::reap(child).is_none() && !pidfd::has_ended(child).unwrap_or(true)
    });
}
