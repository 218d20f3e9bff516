//! ReadFile and WriteFile and their alertable forms, for every kind of handle that knows them.
//!
//! Checks come in one order: the count is set to 0, the handle exists, is of the right kind, carries the right, the buffer is
//! there, the OVERLAPPED can be served.

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

use tong::handle::{Object, Ref, Rights};
use tong::io::{Completion, Outcome, Started};
use tong::object::file::{File, FileKind};
use tong::pipe::{PipeEnd, Received};
use tong::{Error, ErrorKind, MailslotClient};

use crate::border::{input, object, put, succeeds};
use crate::error::Code;
use crate::overlapped::{operate, operate_with_routine, Room};
use crate::status::STATUS_END_OF_FILE;
use crate::types::{BOOL, DWORD, HANDLE, OVERLAPPED};

/// What the thread that started an operation calls when it has ended.
pub type CompletionRoutine = unsafe extern "C-unwind" fn(DWORD, DWORD, *mut OVERLAPPED);

/// The offset of an OVERLAPPED that asks for the end of the file.
const END_OF_FILE: u64 = u64::MAX;
/// The rights of which a writer needs one.
const WRITES: Rights = Rights::FILE_WRITE_DATA.union(Rights::FILE_APPEND_DATA);

/// Reads the next message of a mailslot or pipe, or bytes of a pipe or file.
#[no_mangle]
pub unsafe extern "C" fn ReadFile(
    file: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    read: *mut DWORD,
    at: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the count, or null.
        unsafe { put(read, 0) };
        let handle = readable(file)?;
        let room = Room::new(buffer, len)?;
        // SAFETY: C passes null or the structure, and leaves it and the buffer to an operation that goes on.
        unsafe {
            match handle.object() {
                Object::MailslotServer(server) => operate(
                    &handle,
                    at,
                    read,
                    room,
                    |buffer| server.read(buffer).map(Outcome::success),
                    |completion| server.start_read(completion),
                ),
                Object::File(file) => {
                    let offset = offset(file, at)?;
                    let outcome = operate(
                        &handle,
                        at,
                        read,
                        room,
                        |buffer| read_bytes(file, buffer, offset),
                        |completion| start_reading(file, completion, offset),
                    );
                    note_end_of_file(file, at, outcome)
                }
                Object::AnonymousReader(reader) => operate(
                    &handle,
                    at,
                    read,
                    room,
                    |buffer| reader.receive(buffer).map(Outcome::success),
                    |_| Err(synchronous()),
                ),
                pipe => {
                    let end = end_of(pipe)?;
                    operate(
                        &handle,
                        at,
                        read,
                        room,
                        |buffer| end.receive(buffer).map(Received::outcome),
                        |completion| end.start_receive(completion),
                    )
                }
            }
        }
    })
}

/// As ReadFile, on an overlapped open, with a function that the calling thread calls in an alertable wait when it has ended.
#[no_mangle]
pub unsafe extern "C" fn ReadFileEx(
    file: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    at: *mut OVERLAPPED,
    routine: Option<CompletionRoutine>,
) -> BOOL {
    succeeds(|| {
        let handle = readable(file)?;
        let room = Room::new(buffer, len)?;
        // SAFETY: C passes null or the structure, and leaves it and the buffer to the operation.
        unsafe {
            match handle.object() {
                Object::MailslotServer(server) => {
                    operate_with_routine(&handle, at, room, routine, |completion| {
                        server.start_read(completion)
                    })
                }
                Object::File(file) => {
                    let offset = offset(file, at)?;
                    operate_with_routine(&handle, at, room, routine, |completion| {
                        start_reading(file, completion, offset)
                    })
                }
                Object::AnonymousReader(_) => Err(Code::INVALID_PARAMETER),
                pipe => {
                    let end = end_of(pipe)?;
                    operate_with_routine(&handle, at, room, routine, |completion| {
                        end.start_receive(completion)
                    })
                }
            }
        }
    })
}

/// Writes a message to a mailslot or pipe, or bytes to a pipe or file.
#[no_mangle]
pub unsafe extern "C" fn WriteFile(
    file: HANDLE,
    buffer: *const c_void,
    len: DWORD,
    written: *mut DWORD,
    at: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the count, or null.
        unsafe { put(written, 0) };
        let handle = writable(file)?;
        // SAFETY: C passes the buffer, or null.
        let buffer = unsafe { input(buffer, len) }.ok_or(Code::INVALID_USER_BUFFER)?;
        // SAFETY: C passes null or the structure, and leaves it to an operation that goes on.
        unsafe {
            match handle.object() {
                Object::MailslotClient(client) => operate(
                    &handle,
                    at,
                    written,
                    Room::NONE,
                    |_| send(client, buffer),
                    |completion| Ok(Started::Now(send(client, buffer)?, completion)),
                ),
                Object::File(regular) => {
                    let offset = offset(regular, at)?;
                    let write = || write_bytes(regular, buffer, handle.granted(), offset);
                    operate(
                        &handle,
                        at,
                        written,
                        Room::NONE,
                        |_| write(),
                        |completion| Ok(Started::Now(write()?, completion)),
                    )
                }
                Object::AnonymousWriter(writer) => operate(
                    &handle,
                    at,
                    written,
                    Room::NONE,
                    |_| writer.send(buffer).map(Outcome::success),
                    |_| Err(synchronous()),
                ),
                pipe => {
                    let end = end_of(pipe)?;
                    operate(
                        &handle,
                        at,
                        written,
                        Room::NONE,
                        |_| end.send(buffer).map(Outcome::success),
                        |completion| end.start_send(buffer, completion),
                    )
                }
            }
        }
    })
}

/// As WriteFile, on an overlapped open, with a function that the calling thread calls in an alertable wait when it has ended.
#[no_mangle]
pub unsafe extern "C" fn WriteFileEx(
    file: HANDLE,
    buffer: *const c_void,
    len: DWORD,
    at: *mut OVERLAPPED,
    routine: Option<CompletionRoutine>,
) -> BOOL {
    succeeds(|| {
        let handle = writable(file)?;
        // SAFETY: C passes the buffer, or null.
        let buffer = unsafe { input(buffer, len) }.ok_or(Code::INVALID_USER_BUFFER)?;
        // SAFETY: C passes null or the structure, and leaves it to the operation.
        unsafe {
            match handle.object() {
                Object::MailslotClient(client) => {
                    operate_with_routine(&handle, at, Room::NONE, routine, |completion| {
                        Ok::<_, Error>(Started::Now(send(client, buffer)?, completion))
                    })
                }
                Object::File(regular) => {
                    let offset = offset(regular, at)?;
                    operate_with_routine(&handle, at, Room::NONE, routine, |completion| {
                        let written = write_bytes(regular, buffer, handle.granted(), offset)?;
                        Ok::<_, Code>(Started::Now(written, completion))
                    })
                }
                Object::AnonymousWriter(_) => Err(Code::INVALID_PARAMETER),
                pipe => {
                    let end = end_of(pipe)?;
                    operate_with_routine(&handle, at, Room::NONE, routine, |completion| {
                        end.start_send(buffer, completion)
                    })
                }
            }
        }
    })
}

/// The object of a handle that may be read from.
fn readable(handle: HANDLE) -> Result<Ref, Code> {
    let handle = object(handle)?;
    if matches!(handle.object(), Object::MailslotClient(_)) {
        return Err(Code::ACCESS_DENIED);
    }
    handle.require_any(Rights::FILE_READ_DATA)?;
    Ok(handle)
}

/// The object of a handle that may be written to.
fn writable(handle: HANDLE) -> Result<Ref, Code> {
    let handle = object(handle)?;
    if matches!(handle.object(), Object::MailslotServer(_)) {
        return Err(Code::ACCESS_DENIED);
    }
    handle.require_any(WRITES)?;
    Ok(handle)
}

/// The pipe end that a handle leads to.
fn end_of(object: &Object) -> Result<&PipeEnd, Code> {
    match object {
        Object::PipeServer(server) => Ok(server.end()),
        Object::PipeClient(client) => Ok(client.end()),
        _ => Err(Code::INVALID_HANDLE),
    }
}

/// Why nothing is started on an anonymous pipe. Its opens are synchronous, so nobody tries to.
fn synchronous() -> Error {
    Error::new("start operation", ErrorKind::Unsupported)
}

fn send(client: &MailslotClient, message: &[u8]) -> tong::Result<Outcome> {
    client.send(message)?;
    Ok(Outcome::success(message.len()))
}

/// Where a transfer of a file starts: at the file pointer without an OVERLAPPED, which an overlapped file needs.
///
/// # Safety
/// `at` is null or leads to the structure.
unsafe fn offset(file: &File, at: *const OVERLAPPED) -> Result<Option<u64>, Code> {
    // SAFETY: the caller vouches for the structure.
    match unsafe { at.as_ref() } {
        Some(at) => Ok(Some(at.offset())),
        None if file.is_overlapped() && file.kind() == FileKind::Disk => {
            Err(Code::INVALID_PARAMETER)
        }
        None => Ok(None),
    }
}

/// Reads at an offset, where the end of the file is a failure, or at the file pointer, where it is not.
fn read_bytes(file: &File, buffer: &mut [u8], offset: Option<u64>) -> Result<Outcome, Code> {
    if buffer.is_empty() {
        return Ok(Outcome::success(0));
    }
    let read = match offset {
        Some(offset) => file.read_at(buffer, offset),
        None => file.read(buffer),
    };
    match read.map_err(|error| transfer_code(&error, Code::NOACCESS))? {
        0 if offset.is_some() => Err(Code::HANDLE_EOF),
        bytes => Ok(Outcome::success(bytes)),
    }
}

/// Starts a read. What is on a disk is read at once; of anything else, what is not there yet is read later.
fn start_reading(
    file: &File,
    mut completion: Box<dyn Completion>,
    offset: Option<u64>,
) -> Result<Started, Code> {
    if file.kind() != FileKind::Disk {
        let started = file.start_read(completion);
        return started.map_err(|error| transfer_code(&error, Code::NOACCESS));
    }
    let outcome = read_bytes(file, completion.room(), offset)?;
    Ok(Started::Now(outcome, completion))
}

/// Leaves the status of a read that met the end of a file in its OVERLAPPED.
///
/// # Safety
/// `at` is null or leads to the structure.
unsafe fn note_end_of_file(
    file: &File,
    at: *mut OVERLAPPED,
    outcome: Result<(), Code>,
) -> Result<(), Code> {
    if outcome == Err(Code::HANDLE_EOF) && file.kind() == FileKind::Disk {
        // SAFETY: the caller vouches for the structure, and the operation has ended.
        if let Some(at) = unsafe { at.as_mut() } {
            at.Internal = STATUS_END_OF_FILE;
            at.InternalHigh = 0;
        }
    }
    outcome
}

/// Writes at the end of the file if the handle may only append, else at an offset or the file pointer.
fn write_bytes(
    file: &File,
    buffer: &[u8],
    granted: Rights,
    offset: Option<u64>,
) -> Result<Outcome, Code> {
    if buffer.is_empty() {
        return Ok(Outcome::success(0));
    }
    let write = || match offset {
        _ if !granted.contains(Rights::FILE_WRITE_DATA) => file.append(buffer),
        Some(END_OF_FILE) => file.append(buffer),
        Some(offset) => file.write_at(buffer, offset),
        None => file.write(buffer),
    };
    write().map_err(|error| transfer_code(&error, Code::INVALID_USER_BUFFER))?;
    Ok(Outcome::success(buffer.len()))
}

/// The number for a failed transfer of a file: pipes without readers and bad buffers have their own.
fn transfer_code(error: &Error, bad_buffer: Code) -> Code {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::Closed, _) => Code::NO_DATA,
        (_, Some(libc::EFAULT)) => bad_buffer,
        (kind, _) => Code::from(kind),
    }
}
