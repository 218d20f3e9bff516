//! The pool's callbacks for ended operations of an open.
//!
//! The program says before each operation that it is going to start one, and takes that back if none goes on, so that whoever
//! waits for the callbacks also waits for operations that have not ended yet.

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
use std::ptr;
use std::sync::Arc;

use tong::io::CompletionPort;

use super::item::{Callback, Cause, IoCallback, Item};
use super::{borrowed, item, TP_CALLBACK_ENVIRON};
use crate::border::call;
use crate::completion_port;
use crate::error::Code;
use crate::types::{BOOL, FALSE, HANDLE};

/// Makes an object for the operations of an open.
#[no_mangle]
pub unsafe extern "C" fn CreateThreadpoolIo(
    file: HANDLE,
    callback: Option<IoCallback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> *const Item {
    call(ptr::null(), || {
        let callback = Callback::Io(callback.ok_or(Code::INVALID_PARAMETER)?);
        // SAFETY: C passes null or the structure.
        let io = unsafe { item(callback, context, environment) };
        let told = Arc::downgrade(&io);
        let port = CompletionPort::with_sink(move |packet| {
            if let Some(io) = told.upgrade() {
                io.completed(Cause {
                    result: packet.error.map_or(0, |kind| Code::from(kind).0),
                    at: packet.tag,
                    bytes: packet.bytes as usize,
                });
            }
        });
        match completion_port::tie(file, &port, 0) {
            Ok(()) => Ok(Arc::into_raw(io)),
            Err(code) => {
                // SAFETY: nobody else knows of it.
                unsafe { Item::close(Arc::into_raw(io)) };
                Err(code)
            }
        }
    })
}

/// Says that an operation is about to be started.
#[no_mangle]
pub unsafe extern "C" fn StartThreadpoolIo(io: *const Item) {
    // SAFETY: C passes such an object.
    unsafe { borrowed(io) }.expect_completion();
}

/// Takes that back: the operation failed at once, or tells no port.
#[no_mangle]
pub unsafe extern "C" fn CancelThreadpoolIo(io: *const Item) {
    // SAFETY: C passes such an object.
    unsafe { borrowed(io) }.expect_no_completion();
}

/// Waits for the callbacks of all operations that were started; or cancels those that have not begun, and waits for the others.
#[no_mangle]
pub unsafe extern "C" fn WaitForThreadpoolIoCallbacks(io: *const Item, cancel_pending: BOOL) {
    // SAFETY: C passes such an object.
    unsafe { borrowed(io) }.wait(cancel_pending != FALSE);
}

/// Closes such an object; callbacks that are queued still run.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolIo(io: *const Item) {
    // SAFETY: C passes an object that it does not use any more.
    unsafe { Item::close(io) };
}
