//! The client's side: opening a pipe by its name, waiting for an instance, and whole calls.

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

use std::ffi::c_void;
use std::time::Duration;

use tong::handle::{Kind, Object, Rights, Table};
use tong::object::pipe::{self, PipeClient, WaitTime};
use tong::{Error, ErrorKind, PipeName};

use super::name_code;
use crate::border::{input, output, put, succeeds, to_c};
use crate::error::Code;
use crate::exit;
use crate::string::{narrow, wide};
use crate::types::{BOOL, DWORD, HANDLE, LPCSTR, LPCWSTR};

const NMPWAIT_USE_DEFAULT_WAIT: DWORD = 0;
const NMPWAIT_WAIT_FOREVER: DWORD = DWORD::MAX;

/// Opens a client handle, for CreateFile.
pub(crate) fn open(
    name: &str,
    access: Rights,
    overlapped: bool,
    inherit: bool,
) -> Result<HANDLE, Code> {
    let name = PipeName::parse(name).map_err(name_code)?;
    let granted =
        access.mapped(Kind::PipeClient)? | Rights::FILE_READ_ATTRIBUTES | Rights::SYNCHRONIZE;
    exit::note_owner();
    let (client, granted) = match access.contains(Rights::MAXIMUM_ALLOWED) {
        false => (connect(&name, granted, overlapped)?, granted),
        true => connect_with_most(&name, granted, overlapped)?,
    };
    let handle = Table::of_process().insert(Object::PipeClient(client), granted, inherit)?;
    Ok(to_c(handle))
}

fn connect(name: &PipeName, granted: Rights, overlapped: bool) -> Result<PipeClient, Error> {
    let reads = granted.contains(Rights::FILE_READ_DATA);
    let writes = granted.contains(Rights::FILE_WRITE_DATA);
    PipeClient::options()
        .access(reads, writes)
        .synchronous(!overlapped)
        .open(name)
}

/// Opens with all rights that the pipe's direction leaves; a refused attempt takes no instance.
fn connect_with_most(
    name: &PipeName,
    granted: Rights,
    overlapped: bool,
) -> Result<(PipeClient, Rights), Error> {
    let generic = Kind::PipeClient.generic();
    let attempts = [generic.read | generic.write, generic.read, generic.write];
    let mut refused = Error::new("open pipe", ErrorKind::AccessDenied);
    for more in attempts {
        match connect(name, granted | more, overlapped) {
            Ok(client) => return Ok((client, granted | more)),
            Err(error) if error.kind() == ErrorKind::AccessDenied => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

/// Waits until an instance of a pipe listens; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn WaitNamedPipeA(name: LPCSTR, timeout: DWORD) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow(name) }?;
        wait(&name.unwrap_or_default(), timeout)
    })
}

/// Waits until an instance of a pipe listens; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn WaitNamedPipeW(name: LPCWSTR, timeout: DWORD) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide(name) }?;
        wait(&name.unwrap_or_default(), timeout)
    })
}

fn wait(name: &str, timeout: DWORD) -> Result<(), Code> {
    Ok(pipe::wait(&name_of_a_pipe(name)?, to_wait_time(timeout))?)
}

/// The name of a pipe, and nothing else: who waits cannot mean a file.
fn name_of_a_pipe(name: &str) -> Result<PipeName, Code> {
    match PipeName::leads_to_pipe(name) {
        true => PipeName::parse(name).map_err(name_code),
        false => Err(Code::PATH_NOT_FOUND),
    }
}

fn to_wait_time(timeout: DWORD) -> WaitTime {
    match timeout {
        NMPWAIT_USE_DEFAULT_WAIT => WaitTime::Default,
        NMPWAIT_WAIT_FOREVER => WaitTime::Forever,
        milliseconds => WaitTime::For(Duration::from_millis(milliseconds.into())),
    }
}

/// Opens a message pipe, sends a request, receives the reply, and closes the pipe; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CallNamedPipeA(
    name: LPCSTR,
    request: *const c_void,
    request_len: DWORD,
    reply: *mut c_void,
    reply_len: DWORD,
    read: *mut DWORD,
    timeout: DWORD,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow(name) }?.unwrap_or_default();
        let message = (request, request_len);
        // SAFETY: C passes the buffers and room for the count.
        unsafe { call_pipe(&name, message, (reply, reply_len), read, timeout) }
    })
}

/// Opens a message pipe, sends a request, receives the reply, and closes the pipe; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CallNamedPipeW(
    name: LPCWSTR,
    request: *const c_void,
    request_len: DWORD,
    reply: *mut c_void,
    reply_len: DWORD,
    read: *mut DWORD,
    timeout: DWORD,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide(name) }?.unwrap_or_default();
        let message = (request, request_len);
        // SAFETY: C passes the buffers and room for the count.
        unsafe { call_pipe(&name, message, (reply, reply_len), read, timeout) }
    })
}

/// # Safety
/// The buffers are null or have these lengths, and `read` is null or leads to room for the count.
unsafe fn call_pipe(
    name: &str,
    request: (*const c_void, DWORD),
    reply: (*mut c_void, DWORD),
    read: *mut DWORD,
    timeout: DWORD,
) -> Result<(), Code> {
    let name = name_of_a_pipe(name)?;
    // SAFETY: the caller vouches for both.
    let (request, reply) = unsafe {
        (
            input(request.0, request.1).ok_or(Code::INVALID_USER_BUFFER)?,
            output(reply.0, reply.1).ok_or(Code::NOACCESS)?,
        )
    };
    exit::note_owner();
    let received = pipe::call(&name, request, reply, to_wait_time(timeout))?;
    // SAFETY: the caller vouches for it.
    unsafe { put(read, crate::buffer::saturated(received.bytes)) };
    match received.more {
        true => Err(Code::MORE_DATA),
        false => Ok(()),
    }
}
