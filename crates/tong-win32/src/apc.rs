//! Calls queued to a thread, which it makes in its next alertable wait.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use crate::border::call;
use crate::error::Code;
use crate::thread::{target, SET_CONTEXT};
use crate::types::{DWORD, HANDLE};

/// A queued function.
pub type ApcFunction = extern "C-unwind" fn(usize);

/// Queues a call of `function` with `data` to a thread of the calling process; 0 on failure.
#[no_mangle]
pub extern "C" fn QueueUserAPC(
    function: Option<ApcFunction>,
    thread: HANDLE,
    data: usize,
) -> DWORD {
    call(0, || {
        let thread = target(thread, SET_CONTEXT)?;
        let function = function.ok_or(Code::INVALID_PARAMETER)?;
        thread.queue_apc(move || function(data))?;
        Ok(1)
    })
}
