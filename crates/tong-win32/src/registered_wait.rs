//! Registered waits: a function that is called when an object is signaled, or when a time has passed without.
//!
//! One thread, made with the first registered wait, waits for all objects at once, as a normal wait does that takes them in
//! turns. The callbacks run on the threads of the [`pool`], or on that thread itself if asked for
//! (WT_EXECUTEINWAITTHREAD); such a callback holds up all other registered waits of the process.
//!
//! A wait is not armed while its callback is under way. Unless it is for once (WT_EXECUTEONLYONCE) it is armed again afterwards,
//! with its time starting anew. A mutex would be owned by the thread that waits, which never releases it: wait for events.
//!
//! The handles are not handles of the process's table.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

mod waiter;

use std::ffi::c_void;
use std::ptr;

use tong::handle::Rights;

use crate::border::{object, put, succeeds};
use crate::completion::Notice;
use crate::error::Code;
use crate::pool;
use crate::timer_queue::{
    handle_of, milliseconds, number_of, WaitOrTimerCallback, WT_EXECUTEONLYONCE,
};
use crate::types::{BOOL, DWORD, HANDLE};
use crate::wait::Source;
use waiter::Registered;

const WT_EXECUTEINWAITTHREAD: DWORD = 0x4;

/// Has `callback` called with `context` when the object is signaled (FALSE) or the time has passed (TRUE).
#[no_mangle]
pub unsafe extern "C" fn RegisterWaitForSingleObject(
    new: *mut HANDLE,
    handle: HANDLE,
    callback: Option<WaitOrTimerCallback>,
    context: *mut c_void,
    time: DWORD,
    flags: DWORD,
) -> BOOL {
    succeeds(|| {
        let callback = callback.ok_or(Code::INVALID_PARAMETER)?;
        pool::check_flags(flags)?;
        if new.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        let awaited = object(handle)?;
        awaited.require_any(Rights::SYNCHRONIZE)?;
        // Refuses what there is no waiting for.
        Source::of_object(awaited.object())?;
        let registered = Registered::new(
            awaited,
            callback,
            context.expose_provenance(),
            milliseconds(time),
            flags & WT_EXECUTEONLYONCE != 0,
            flags & WT_EXECUTEINWAITTHREAD != 0,
        );
        let number = waiter::reserve();
        // Before the wait begins, so that its callback finds the handle where the program keeps it.
        // SAFETY: C passes room for the handle.
        unsafe { put(new, handle_of(number)) };
        waiter::add(number, registered)
    })
}

/// Ends a registered wait. FALSE with 997 means that its callback is still under way, and that it ends when that returns.
#[no_mangle]
pub extern "C" fn UnregisterWait(wait: HANDLE) -> BOOL {
    UnregisterWaitEx(wait, ptr::null_mut())
}

/// Ends a registered wait: at once, with an event to be set at the end, or waiting for it (INVALID_HANDLE_VALUE).
#[no_mangle]
pub extern "C" fn UnregisterWaitEx(wait: HANDLE, event: HANDLE) -> BOOL {
    succeeds(|| {
        let number = number_of(wait);
        let notice = Notice::from_c(event)?;
        match waiter::remove(number)?.notify(notice) {
            true => Ok(()),
            false => Err(Code::IO_PENDING),
        }
    })
}
