//! ReadFile and WriteFile, for every kind of handle that knows them.
//!
//! Checks come in one order: the count is set to 0, the handle exists, is of the right kind, carries the right, the
//! OVERLAPPED can be served, the buffer is there.

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

use tong::handle::{Object, Rights};
use tong::object::file::{File, FileKind};
use tong::{Error, ErrorKind, Event, MailslotServer};

use crate::border::{input, object, output, overlapped, put, succeeds};
use crate::error::Code;
use crate::event;
use crate::sigpipe;
use crate::types::{BOOL, DWORD, HANDLE, OVERLAPPED};

/// The offset of an OVERLAPPED that asks for the end of the file.
const END_OF_FILE: u64 = u64::MAX;
/// The kernel's number for the end of a file, in `OVERLAPPED::Internal`.
const STATUS_END_OF_FILE: usize = 0xC000_0011;
/// The rights of which a writer needs one.
const WRITES: Rights = Rights::FILE_WRITE_DATA.union(Rights::FILE_APPEND_DATA);

/// Reads the next message of a mailslot, or bytes of a file.
#[no_mangle]
pub unsafe extern "C" fn ReadFile(
    file: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    read: *mut DWORD,
    overlapped_: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the count, or null.
        unsafe { put(read, 0) };
        let file = object(file)?;
        if matches!(file.object(), Object::MailslotClient(_)) {
            return Err(Code::ACCESS_DENIED);
        }
        file.require_any(Rights::FILE_READ_DATA)?;
        // SAFETY: C passes the structure and the buffer, each of which may be null.
        let (mut at, buffer) = unsafe {
            (
                overlapped(overlapped_)?,
                output(buffer, len).ok_or(Code::NOACCESS)?,
            )
        };
        let bytes = match file.object() {
            Object::MailslotServer(server) => read_message(server, buffer, at.is_some())?,
            Object::File(file) => read_bytes(file, buffer, at.as_deref_mut())?,
            _ => return Err(Code::INVALID_HANDLE),
        };
        // SAFETY: as above.
        unsafe { put(read, finish(at, bytes)) };
        Ok(())
    })
}

/// Writes a message to a mailslot, or bytes to a file.
#[no_mangle]
pub unsafe extern "C" fn WriteFile(
    file: HANDLE,
    buffer: *const c_void,
    len: DWORD,
    written: *mut DWORD,
    overlapped_: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the count, or null.
        unsafe { put(written, 0) };
        let file = object(file)?;
        if matches!(file.object(), Object::MailslotServer(_)) {
            return Err(Code::ACCESS_DENIED);
        }
        file.require_any(WRITES)?;
        // SAFETY: C passes the structure and the buffer, each of which may be null.
        let (at, buffer) = unsafe {
            (
                overlapped(overlapped_)?,
                input(buffer, len).ok_or(Code::INVALID_USER_BUFFER)?,
            )
        };
        match file.object() {
            Object::MailslotClient(client) => client.send(buffer)?,
            Object::File(regular) => write_bytes(regular, buffer, file.granted(), at.as_deref())?,
            _ => return Err(Code::INVALID_HANDLE),
        }
        // SAFETY: as above.
        unsafe { put(written, finish(at, buffer.len())) };
        Ok(())
    })
}

/// Notes a success in the OVERLAPPED, signals its event, and returns the count.
fn finish(at: Option<&mut OVERLAPPED>, bytes: usize) -> DWORD {
    if let Some(at) = at {
        at.Internal = 0;
        at.InternalHigh = bytes;
        if let Some(event) = at.event() {
            // It was there when the call began; whoever has closed it since does not wait for it.
            let _ = event::change(event, Event::set);
        }
    }
    // A transfer is never longer than its buffer, whose length came as a DWORD.
    DWORD::try_from(bytes).unwrap_or(DWORD::MAX)
}

/// Reads a message, waiting as the mailslot says. A read with an OVERLAPPED must not wait, and fails with 50 if it would have to.
fn read_message(server: &MailslotServer, buffer: &mut [u8], at_once: bool) -> Result<usize, Code> {
    if !at_once {
        return Ok(server.read(buffer)?);
    }
    match server.try_recv(buffer) {
        Err(error) if error.kind() == ErrorKind::TimedOut => match server.info()?.read_timeout {
            Some(Duration::ZERO) => Err(Code::SEM_TIMEOUT),
            _ => Err(Code::NOT_SUPPORTED),
        },
        result => Ok(result?),
    }
}

/// Reads at the offset of an OVERLAPPED, where the end of the file is a failure, or at the file pointer, where it is not.
fn read_bytes(file: &File, buffer: &mut [u8], at: Option<&mut OVERLAPPED>) -> Result<usize, Code> {
    if buffer.is_empty() {
        return Ok(0);
    }
    let bad_buffer = |error: Error| transfer_code(&error, Code::NOACCESS);
    let Some(at) = at else {
        return match file.is_overlapped() {
            true => Err(Code::INVALID_PARAMETER),
            false => file.read(buffer).map_err(bad_buffer),
        };
    };
    match file.read_at(buffer, at.offset()).map_err(bad_buffer)? {
        0 => {
            at.Internal = STATUS_END_OF_FILE;
            at.InternalHigh = 0;
            Err(Code::HANDLE_EOF)
        }
        bytes => Ok(bytes),
    }
}

/// Writes at the end of the file if the handle may only append, else at the offset of an OVERLAPPED or the file pointer.
fn write_bytes(
    file: &File,
    buffer: &[u8],
    granted: Rights,
    at: Option<&OVERLAPPED>,
) -> Result<(), Code> {
    if buffer.is_empty() {
        return Ok(());
    }
    if at.is_none() && file.is_overlapped() {
        return Err(Code::INVALID_PARAMETER);
    }
    let write = || match at.map(OVERLAPPED::offset) {
        _ if !granted.contains(Rights::FILE_WRITE_DATA) => file.append(buffer),
        Some(END_OF_FILE) => file.append(buffer),
        Some(offset) => file.write_at(buffer, offset),
        None => file.write(buffer),
    };
    let result = match file.kind() {
        FileKind::Disk => write(),
        FileKind::Character | FileKind::Pipe => sigpipe::without(write),
    };
    result.map_err(|error| transfer_code(&error, Code::INVALID_USER_BUFFER))
}

/// The number for a failed transfer of a file: pipes without readers and bad buffers have their own.
fn transfer_code(error: &Error, bad_buffer: Code) -> Code {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::Closed, _) => Code::NO_DATA,
        (_, Some(libc::EFAULT)) => bad_buffer,
        (kind, _) => Code::from(kind),
    }
}
