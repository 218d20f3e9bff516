//! How an operation ended, and waiting for its end.

#![allow(
    unsafe_code,
    reason = "exported C symbols that use pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tong::wait::{self, Outcome};
use tong::{ErrorKind, Event, Reset};

use crate::border::{object, put, succeeds};
use crate::desk::Desk;
use crate::error::Code;
use crate::status::{self, STATUS_PENDING};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, OVERLAPPED};
use crate::wait::{time, wait_for_one};

const INFINITE: DWORD = DWORD::MAX;

/// Tells how an operation ended, and how many bytes it moved; waits for its end if asked to.
#[no_mangle]
pub unsafe extern "C" fn GetOverlappedResult(
    file: HANDLE,
    at: *mut OVERLAPPED,
    bytes: *mut DWORD,
    wait: BOOL,
) -> BOOL {
    let milliseconds = if wait == FALSE { 0 } else { INFINITE };
    // SAFETY: C passes what the function below asks for.
    unsafe { GetOverlappedResultEx(file, at, bytes, milliseconds, FALSE) }
}

/// As GetOverlappedResult; waits for so long, and if alertable, calls that were queued for the thread end the wait with 192.
#[no_mangle]
pub unsafe extern "C" fn GetOverlappedResultEx(
    file: HANDLE,
    at: *mut OVERLAPPED,
    bytes: *mut DWORD,
    milliseconds: DWORD,
    alertable: BOOL,
) -> BOOL {
    succeeds(|| {
        if at.is_null() || !at.is_aligned() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes the structure, which stays there during the call; operations change this word as an atomic.
        let internal = unsafe { AtomicUsize::from_ptr(&raw mut (*at).Internal) };
        if internal.load(Ordering::Acquire) == STATUS_PENDING {
            if milliseconds == 0 {
                return Err(Code::IO_INCOMPLETE);
            }
            // SAFETY: nobody but the program writes this member.
            let event = unsafe { (*at).event() };
            if event.is_none() {
                // What the wait would be for.
                object(file)?;
            }
            let pending = || internal.load(Ordering::Acquire) == STATUS_PENDING;
            let asleep = || await_end(internal, milliseconds, alertable != FALSE);
            wait::spin_then(|| !pending(), asleep).unwrap_or(Ok(()))?;
            // The event, if there is one, is set before this returns.
            Desk::of(internal.as_ptr().addr()).await_endings();
            if let Some(event) = event {
                // An event that releases one thread has released this one.
                wait_for_one(event, 0, false)?;
            }
        }
        // SAFETY: the operation has ended, and the program leaves the structure alone until this call has.
        let moved = unsafe { (*at).InternalHigh };
        // SAFETY: C passes room for the number, or null.
        unsafe { put(bytes, DWORD::try_from(moved).unwrap_or(DWORD::MAX)) };
        status::to_result(internal.load(Ordering::Acquire))
    })
}

/// Waits until the operation has ended that this is the status of.
fn await_end(internal: &AtomicUsize, milliseconds: DWORD, alertable: bool) -> Result<(), Code> {
    let deadline = time(milliseconds).and_then(|time| Instant::now().checked_add(time));
    let address = internal.as_ptr().addr();
    let waiting = Desk::of(address).wait_with(address, Event::new(Reset::Auto, false)?);
    // In one order with the end, which changes the status first and looks for those who wait then.
    while internal.load(Ordering::SeqCst) == STATUS_PENDING {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let ended = match alertable {
            true => wait::any_alertable(&[&waiting.event], left),
            false => wait::any(&[&waiting.event], left).map(Outcome::Satisfied),
        };
        match ended {
            Ok(Outcome::Satisfied(_)) => {}
            Ok(Outcome::Alerted) => return Err(Code::WAIT_IO_COMPLETION),
            Ok(Outcome::TimedOut) => return Err(Code::WAIT_TIMEOUT),
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Code::WAIT_TIMEOUT),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
