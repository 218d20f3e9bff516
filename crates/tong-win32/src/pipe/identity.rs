//! Who is at the ends of a pipe.
//!
//! Taking on the security context of a client is not offered: a server that must act as another user starts a process that is
//! that user.

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

use std::fs;

use tong::object::pipe::PipeEnd;
use tong::{Error, ErrorKind};

use super::{anonymous, End};
use crate::border::{object, put, succeeds};
use crate::error::Code;
use crate::types::{BOOL, DWORD, HANDLE, LPSTR, LPWSTR, TRUE};

/// The session of a process that belongs to none, as Linux says it.
const NO_SESSION: DWORD = DWORD::MAX;

/// Tells the id of the process that opened the client end.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeClientProcessId(pipe: HANDLE, id: *mut DWORD) -> BOOL {
    // SAFETY: C passes room for the id, or null.
    succeeds(|| unsafe { tell(pipe, id, |end| end.client_process_id()) })
}

/// Tells the id of the process that created the instance.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeServerProcessId(pipe: HANDLE, id: *mut DWORD) -> BOOL {
    // SAFETY: C passes room for the id, or null.
    succeeds(|| unsafe { tell(pipe, id, |end| end.server_process_id()) })
}

/// Tells the login session of the process that opened the client end; 0 for none.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeClientSessionId(pipe: HANDLE, session: *mut DWORD) -> BOOL {
    // SAFETY: C passes room for the number, or null.
    succeeds(|| unsafe { tell(pipe, session, |end| end.client_process_id().map(session_of)) })
}

/// Tells the login session of the process that created the instance; 0 for none.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeServerSessionId(pipe: HANDLE, session: *mut DWORD) -> BOOL {
    // SAFETY: C passes room for the number, or null.
    succeeds(|| unsafe { tell(pipe, session, |end| end.server_process_id().map(session_of)) })
}

/// # Safety
/// `out` is null or leads to room for a number.
unsafe fn tell(
    pipe: HANDLE,
    out: *mut DWORD,
    number: impl FnOnce(&PipeEnd) -> Result<DWORD, Error>,
) -> Result<(), Code> {
    let pipe = object(pipe)?;
    let end = End::of(&pipe)?;
    if out.is_null() {
        return Err(Code::INSUFFICIENT_BUFFER);
    }
    let end = end.named().map_err(|unnamed| match unnamed {
        anonymous::End::File(_) => Code::INVALID_FUNCTION,
        // Who made a pipe without a name, nobody has noted.
        _ => Code::NOT_FOUND,
    })?;
    let number = number(end).map_err(|error| match error.kind() {
        // It is a client that is not there, not a name.
        ErrorKind::NotFound => Code::NOT_FOUND,
        kind => Code::from(kind),
    })?;
    // SAFETY: the caller vouches for it.
    unsafe { put(out, number) };
    Ok(())
}

/// The login session of a process; 0 if it has none, or is gone.
fn session_of(process: DWORD) -> DWORD {
    let told = fs::read_to_string(format!("/proc/{process}/sessionid"));
    let session = told.ok().and_then(|text| text.trim().parse().ok());
    session.filter(|id| *id != NO_SESSION).unwrap_or(0)
}

/// Would tell the name of the client's machine if it were another one; every client is local, which is F 229.
#[no_mangle]
pub extern "C" fn GetNamedPipeClientComputerNameA(pipe: HANDLE, _: LPSTR, _: DWORD) -> BOOL {
    succeeds(|| is_local(pipe))
}

/// Would tell the name of the client's machine if it were another one; every client is local, which is F 229.
#[no_mangle]
pub extern "C" fn GetNamedPipeClientComputerNameW(pipe: HANDLE, _: LPWSTR, _: DWORD) -> BOOL {
    succeeds(|| is_local(pipe))
}

fn is_local(pipe: HANDLE) -> Result<(), Code> {
    let pipe = object(pipe)?;
    End::of(&pipe)?;
    Err(Code::PIPE_LOCAL)
}

/// Would take on the client's security context, which is not offered: F 1368.
#[no_mangle]
pub extern "C" fn ImpersonateNamedPipeClient(pipe: HANDLE) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        End::of(&pipe)?;
        Err(Code::CANNOT_IMPERSONATE)
    })
}

/// Ends an impersonation. A thread is always itself here, so there is nothing to end.
#[no_mangle]
pub extern "C" fn RevertToSelf() -> BOOL {
    TRUE
}
