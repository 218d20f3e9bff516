//! The end of timers and registered waits: when no callback of theirs runs any more.
//!
//! What deletes one may return at once, have an event set at the end, or wait for the end. [`Ended`] is what all three
//! look at: how many callbacks run or are about to, and whom to tell when the last one has returned.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tong::handle::{Object, Ref, Rights};

use crate::border::object;
use crate::error::Code;
use crate::types::{HANDLE, INVALID_HANDLE_VALUE};

const EVENT_MODIFY_STATE: Rights = Rights::from_bits(0x2);

/// What the caller of a deletion wants to hear of its end.
pub(crate) enum Notice {
    /// Nothing.
    None,
    /// The event that this leads to shall be set.
    Event(Ref),
    /// It waits for the end.
    Wait,
}

impl Notice {
    /// Reads the completion event of a call: null, a handle, or INVALID_HANDLE_VALUE to wait.
    pub(crate) fn from_c(event: HANDLE) -> Result<Notice, Code> {
        if event.is_null() {
            return Ok(Notice::None);
        }
        if event == INVALID_HANDLE_VALUE {
            return Ok(Notice::Wait);
        }
        let found = object(event)?;
        let Object::Event(_) = found.object() else {
            return Err(Code::INVALID_HANDLE);
        };
        found.require_any(EVENT_MODIFY_STATE)?;
        Ok(Notice::Event(found))
    }
}

/// Callbacks under way, and who waits for their end.
#[derive(Default)]
pub(crate) struct Ended {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    under_way: usize,
    events: Vec<Ref>,
}

impl Ended {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A callback is about to run.
    pub(crate) fn begin(&self) {
        self.lock().under_way += 1;
    }

    /// A callback has returned, or will not run after all.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            state.events.drain(..).for_each(|event| set(&event));
            self.changed.notify_all();
        }
    }

    /// Arranges for the notice; nothing new begins any more. Returns whether all is over already.
    pub(crate) fn notify(&self, notice: Notice) -> bool {
        let mut state = self.lock();
        let quiet = state.under_way == 0;
        match notice {
            Notice::None => quiet,
            Notice::Event(event) if quiet => {
                set(&event);
                true
            }
            Notice::Event(event) => {
                state.events.push(event);
                false
            }
            Notice::Wait => {
                let quiet = |state: &mut State| state.under_way > 0;
                drop(self.changed.wait_while(state, quiet));
                true
            }
        }
    }
}

fn set(event: &Ref) {
    if let Object::Event(event) = event.object() {
        // Nobody is left to be told if it fails.
        let _ = event.set();
    }
}
