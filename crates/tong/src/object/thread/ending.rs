//! How threads end, and the process with its last one.
//!
//! An orderly end is noted when all destructors of the thread have run; first its queue of calls is closed, then nobody
//! can suspend or kill it any more, then what it owns is abandoned, and last its object becomes signaled.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;

use tong_sys::thread;

use super::own::{self, Frames, Own};
use super::INITIAL;
use crate::Result;

/// The exit code of the thread that ended last.
static LAST_CODE: AtomicU32 = AtomicU32::new(0);

/// Whether the initial thread was killed: then the last of the others has to end the process.
static INITIAL_KILLED: AtomicBool = AtomicBool::new(false);

/// Sets the exit code of the calling thread, unless it has one.
pub(super) fn note_code(code: u32) {
    if let Some(own) = own::own_if_any() {
        own.set_code(code);
    }
}

/// Sets the exit code of the calling thread and tells how to end it. If it is the initial one, it ends here.
pub(super) fn note_exit(code: u32) -> Frames {
    // Without an object nobody asks for the code.
    let own = own::own().ok();
    if let Some(own) = &own {
        own.set_code(code);
    }
    if thread::is_initial() {
        end_initial(own, code);
    }
    own.map_or(Frames::Foreign, |own| own.frames())
}

/// Ends the initial thread for all others, and the process when they have ended.
fn end_initial(own: Option<Arc<Own>>, code: u32) -> ! {
    LAST_CODE.store(code, Ordering::Relaxed);
    if let Some(own) = own {
        let _ = own::take_current();
        end(&own);
    }
    thread::linger();
    exit_process(LAST_CODE.load(Ordering::Relaxed))
}

fn exit_process(code: u32) -> ! {
    std::process::exit(code as i32)
}

/// Runs on each thread with an object when it ends in an orderly way, after its destructors.
pub(super) fn orderly() {
    let id = thread::id();
    // After a fork, the only thread of the child may be one that was not initial in the parent.
    let Some(own) = own::find(id).or_else(|| own::find(id | INITIAL)) else {
        return;
    };
    end(&own);
    end_process_if_last();
}

/// Ends the process if no other thread is left and the initial one was killed; otherwise that one sees to it.
fn end_process_if_last() {
    if INITIAL_KILLED.load(Ordering::Relaxed) && !thread::others_live().unwrap_or(true) {
        exit_process(LAST_CODE.load(Ordering::Relaxed));
    }
}

/// Ends the calling thread for all others.
fn end(own: &Own) {
    own.apcs().close();
    // A thread that set no code, as threads of others do, has code 0.
    drop(own::let_go(own.id()));
    // From here on nobody can kill it; if somebody has, it does not come back from there.
    thread::control::leave();
    // If it fails, the kernel signals the object in a moment.
    let _ = own.cell().end(0);
    note_last(own);
}

/// Keeps the exit code for the process, in case nobody comes after.
fn note_last(own: &Own) {
    if let Ok(Some(code)) = own.exit_code() {
        LAST_CODE.store(code, Ordering::Relaxed);
    }
}

/// Ends a thread of this process where it is.
///
/// # Errors
/// `EBUSY` if the program uses the signal itself.
pub(super) fn terminate(own: &Arc<Own>, code: u32) -> Result<()> {
    if own.control().thread() == thread::id() {
        terminate_self(own, code);
    }
    if own.has_ended() {
        return Ok(());
    }
    // Before the kill, because the thread is signaled as soon as it is gone.
    own.set_code(code);
    if own.id() & INITIAL != 0 {
        INITIAL_KILLED.store(true, Ordering::Relaxed);
    }
    let killed = own.control().kill().map_err(|error| {
        own::signal_taken("terminate thread", error.raw_os_error().unwrap_or(0))
    })?;
    if killed {
        LAST_CODE.store(code, Ordering::Relaxed);
        own.apcs().close();
        drop(own::let_go(own.id()));
    }
    Ok(())
}

/// Ends the calling thread without running any more of its code.
fn terminate_self(own: &Arc<Own>, code: u32) -> ! {
    own.set_code(code);
    if own.id() & INITIAL != 0 {
        end_initial(Some(Arc::clone(own)), code);
    }
    LAST_CODE.store(code, Ordering::Relaxed);
    end_process_if_last();
    own.apcs().close();
    drop(own::let_go(own.id()));
    thread::control::end_here()
}
