//! Timer queues: functions that are called at a time, once or again and again.
//!
//! One thread, made with the first timer that is not due at once, sleeps until the next timer is due; the callbacks run on
//! the threads of the [`pool`], or on that thread itself if asked for (WT_EXECUTEINTIMERTHREAD). Each expiry calls the
//! function, whether or not its last call has returned. A timer that is late by more than a period leaves expiries out.
//!
//! The handles of queues and timers are not handles of the process's table: they cannot be waited for, duplicated, inherited or
//! closed with CloseHandle.

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

mod clock;

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::border::{call, put, succeeds};
use crate::completion::Notice;
use crate::error::Code;
use crate::pool;
use crate::types::{BOOL, DWORD, HANDLE};
use clock::{Clock, Timer};

/// What a timer or a registered wait calls: with its parameter, and TRUE for a time that has passed.
pub type WaitOrTimerCallback = extern "C-unwind" fn(*mut c_void, u8);

pub(crate) const WT_EXECUTEONLYONCE: DWORD = 0x8;
const WT_EXECUTEINTIMERTHREAD: DWORD = 0x20;
const INFINITE: DWORD = DWORD::MAX;

/// A time in milliseconds; `None` for ever.
pub(crate) fn milliseconds(value: DWORD) -> Option<Duration> {
    (value != INFINITE).then(|| Duration::from_millis(value.into()))
}

/// The handle that a number stands for, and back. The numbers are beyond those of the process's table.
pub(crate) fn handle_of(number: u64) -> HANDLE {
    ptr::without_provenance_mut(usize::try_from(number << 36).unwrap_or(0))
}

pub(crate) fn number_of(handle: HANDLE) -> u64 {
    let value = handle.addr();
    match value & ((1 << 36) - 1) {
        0 => (value >> 36) as u64,
        _ => 0,
    }
}

/// Makes a queue for timers.
#[no_mangle]
pub extern "C" fn CreateTimerQueue() -> HANDLE {
    call(ptr::null_mut(), || Ok(handle_of(Clock::lock().add_queue())))
}

/// Makes a timer in a queue, or in the process's own if `queue` is null.
#[no_mangle]
pub unsafe extern "C" fn CreateTimerQueueTimer(
    new: *mut HANDLE,
    queue: HANDLE,
    callback: Option<WaitOrTimerCallback>,
    parameter: *mut c_void,
    due: DWORD,
    period: DWORD,
    flags: DWORD,
) -> BOOL {
    succeeds(|| {
        let callback = callback.ok_or(Code::INVALID_PARAMETER)?;
        pool::check_flags(flags)?;
        if new.is_null() || flags & WT_EXECUTEONLYONCE != 0 && period != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let timer = Timer::new(
            callback,
            parameter.expose_provenance(),
            Duration::from_millis(period.into()),
            flags & WT_EXECUTEINTIMERTHREAD != 0,
        );
        let number = Clock::add(number_of_queue(queue)?, Arc::clone(&timer))?;
        // Before the timer can fire, so that its callback finds the handle where the program keeps it.
        // SAFETY: C passes room for the handle.
        unsafe { put(new, handle_of(number)) };
        Clock::set(number, milliseconds(due), None).inspect_err(|_| Clock::forget(number))
    })
}

/// 0 for the process's own queue.
fn number_of_queue(queue: HANDLE) -> Result<u64, Code> {
    match (queue.is_null(), number_of(queue)) {
        (true, _) => Ok(0),
        (false, 0) => Err(Code::INVALID_HANDLE),
        (false, number) => Ok(number),
    }
}

/// Gives a timer another time and period. One that has fired its only time stays as it is.
#[no_mangle]
pub extern "C" fn ChangeTimerQueueTimer(
    _queue: HANDLE,
    timer: HANDLE,
    due: DWORD,
    period: DWORD,
) -> BOOL {
    let period = Duration::from_millis(period.into());
    succeeds(|| Clock::set(number_of(timer), milliseconds(due), Some(period)))
}

/// Deletes a timer. FALSE with 997 means that a callback is still under way, and that the timer goes when it returns.
#[no_mangle]
pub extern "C" fn DeleteTimerQueueTimer(_queue: HANDLE, timer: HANDLE, event: HANDLE) -> BOOL {
    succeeds(|| {
        let notice = Notice::from_c(event)?;
        let timer = Clock::lock().take(number_of(timer))?;
        match timer.ended().notify(notice) {
            true => Ok(()),
            false => Err(Code::IO_PENDING),
        }
    })
}

/// Deletes a queue with all its timers.
#[no_mangle]
pub extern "C" fn DeleteTimerQueueEx(queue: HANDLE, event: HANDLE) -> BOOL {
    succeeds(|| {
        let notice = Notice::from_c(event)?;
        let asked = matches!(notice, Notice::Event(_));
        let ended = Clock::lock().take_queue(number_of(queue))?;
        match ended.notify(notice) || !asked {
            true => Ok(()),
            false => Err(Code::IO_PENDING),
        }
    })
}

/// Deletes a queue with all its timers, and does not say when the last callback has returned.
#[no_mangle]
pub extern "C" fn DeleteTimerQueue(queue: HANDLE) -> BOOL {
    DeleteTimerQueueEx(queue, ptr::null_mut())
}
