//! The processes that this one holds, by id: whoever opens one that is held already gets the same object.
//!
//! So its suspensions are counted in one place, and one that has ended can be opened for as long as it is held here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::{Held, Process};

static HELD: Mutex<Option<HashMap<u32, Weak<Held>>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<HashMap<u32, Weak<Held>>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a process. An older one of the same id has ended, and is only known to those who hold it.
pub(super) fn note(process: &Process) {
    let mut held = held();
    let held = held.get_or_insert_with(HashMap::new);
    held.insert(process.id(), std::sync::Arc::downgrade(&process.held));
}

/// The process of that id that started then.
pub(super) fn running(pid: u32, start_time: u64) -> Option<Process> {
    find(pid).filter(|process| {
        // The last reference must not be dropped under the lock; `find` has let go of it.
        process.held.birth.is_here() && process.identity()[1] == start_time
    })
}

/// The process that had that id, which leads to none any more.
pub(super) fn ended(pid: u32) -> Option<Process> {
    find(pid).filter(|process| !process.is_running().unwrap_or(true))
}

fn find(pid: u32) -> Option<Process> {
    let found = held().as_ref()?.get(&pid)?.upgrade()?;
    Some(Process { held: found })
}

/// The last reference to a process of that id is gone.
pub(super) fn forget(pid: u32) {
    if let Some(held) = held().as_mut() {
        // It may be another one's entry by now.
        if held.get(&pid).is_some_and(|held| held.strong_count() == 0) {
            held.remove(&pid);
        }
    }
}
