//! Cancelling operations that are pending, or that threads are blocked in.
//!
//! What is meant goes by the open, not by the handle: an operation is found through any handle of the open that it was
//! started on.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use tong::handle::{Object, Rights};
use tong::io::Key;
use tong::object::thread;
use tong::ErrorKind;

use crate::border::{object, succeeds};
use crate::error::Code;
use crate::overlapped::Open;
use crate::thread::target;
use crate::types::{BOOL, HANDLE, OVERLAPPED};

const THREAD_TERMINATE: Rights = Rights::from_bits(1);

/// Cancels the operations on an open that the calling thread has started.
#[no_mangle]
pub extern "C" fn CancelIo(file: HANDLE) -> BOOL {
    let me = thread::current_id();
    succeeds(|| cancel(file, &|key| key.thread == me).map(drop))
}

/// Cancels the operations on an open that were started with this OVERLAPPED, or all of this process.
#[no_mangle]
pub extern "C" fn CancelIoEx(file: HANDLE, at: *mut OVERLAPPED) -> BOOL {
    succeeds(|| {
        let count = match at.addr() {
            0 => cancel(file, &|_| true)?,
            tag => cancel(file, &|key| key.tag == tag)?,
        };
        match count {
            0 => Err(Code::NOT_FOUND),
            _ => Ok(()),
        }
    })
}

fn cancel(file: HANDLE, chosen: &dyn Fn(Key) -> bool) -> Result<usize, Code> {
    let handle = object(file)?;
    match handle.object() {
        Object::MailslotServer(server) => Ok(server.cancel(chosen)),
        Object::File(file) => Ok(file.cancel(chosen)),
        Object::PipeServer(server) => Ok(server.end().cancel(chosen)),
        Object::PipeClient(client) => Ok(client.end().cancel(chosen)),
        // On opens of these kinds nothing is ever pending.
        other if Open::of(other).is_some() => Ok(0),
        _ => Err(Code::INVALID_HANDLE),
    }
}

/// Cancels the operation that a thread of the process is blocked in.
#[no_mangle]
pub extern "C" fn CancelSynchronousIo(thread: HANDLE) -> BOOL {
    succeeds(|| {
        let canceled = target(thread, THREAD_TERMINATE)?.cancel_synchronous();
        canceled.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Code::NOT_FOUND,
            kind => kind.into(),
        })
    })
}
