//! Waitable timers: made, opened, set, cancelled.
//!
//! # Times
//! A due time counts in units of 100 nanoseconds: a negative one from now, a positive one from the start of the year 1601,
//! UTC, on the system's clock, whose changes it follows. Zero is now. Periods are milliseconds.
//!
//! # Waking the system
//! Nothing wakes a sleeping machine here. Who asks for it gets TRUE with last error 50, as on Windows machines that cannot.

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
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tong::handle::{Object, Rights};
use tong::{Due, Made, ObjectName, Reset, Timer};

use crate::border::{call, object, succeeds, with};
use crate::error::{Code, SetLastError};
use crate::names::{
    check_flags, narrow_name, narrow_name_to_open, require, wide_name, wide_name_to_open, Wanted,
};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

const CREATE_WAITABLE_TIMER_MANUAL_RESET: DWORD = 1;
/// All timers here have the resolution of the system's clock.
const CREATE_WAITABLE_TIMER_HIGH_RESOLUTION: DWORD = 2;
const TIMER_MODIFY_STATE: Rights = Rights::from_bits(2);
/// From the start of 1601 to that of 1970, in units of 100 nanoseconds.
const EPOCHS_APART: u64 = 116_444_736_000_000_000;

/// What is called on the thread that set a timer when that expires: an argument, and the two halves of the time.
pub type TimerRoutine = unsafe extern "C-unwind" fn(argument: *mut c_void, low: DWORD, high: DWORD);

/// Makes a timer, or opens the one of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateWaitableTimerA(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    name: LPCSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::all(attributes)) };
        create(name, flags(manual_reset), wanted)
    })
}

/// Makes a timer, or opens the one of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateWaitableTimerW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    name: LPCWSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::all(attributes)) };
        create(name, flags(manual_reset), wanted)
    })
}

/// As CreateWaitableTimerA, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateWaitableTimerExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: LPCSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::some(attributes, access)) };
        create(name, flags, wanted)
    })
}

/// As CreateWaitableTimerW, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateWaitableTimerExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: LPCWSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::some(attributes, access)) };
        create(name, flags, wanted)
    })
}

fn flags(manual_reset: BOOL) -> DWORD {
    match manual_reset {
        FALSE => 0,
        _ => CREATE_WAITABLE_TIMER_MANUAL_RESET,
    }
}

fn create(name: Option<ObjectName>, flags: DWORD, wanted: Wanted) -> Result<HANDLE, Code> {
    let known = CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
    check_flags(flags, known)?;
    let reset = match flags & CREATE_WAITABLE_TIMER_MANUAL_RESET {
        0 => Reset::Auto,
        _ => Reset::Manual,
    };
    let (timer, made) = match &name {
        Some(name) => Timer::create(name, reset)?,
        None => (Timer::new(reset)?, Made::New),
    };
    wanted.made(Object::Timer(timer), made)
}

/// Opens the timer of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn OpenWaitableTimerA(access: DWORD, inherit: BOOL, name: LPCSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Timer(Timer::open(&name)?))
    })
}

/// Opens the timer of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn OpenWaitableTimerW(access: DWORD, inherit: BOOL, name: LPCWSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Timer(Timer::open(&name)?))
    })
}

/// Sets a timer, which becomes nonsignaled, to a due time and perhaps a period; a routine is called on this thread at each
/// expiry, when the thread waits alertably.
#[no_mangle]
pub unsafe extern "C" fn SetWaitableTimer(
    timer: HANDLE,
    due_time: *const i64,
    period: i32,
    routine: Option<TimerRoutine>,
    argument: *mut c_void,
    resume: BOOL,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a time.
        let due_time = unsafe { due_time.as_ref() }.copied();
        let routine = routine.map(|routine| Routine { routine, argument });
        set(timer, due_time, period, routine)?;
        if resume != FALSE {
            SetLastError(Code::NOT_SUPPORTED.0);
        }
        Ok(())
    })
}

/// As SetWaitableTimer. A reason to wake the system for means that it is to be woken; the tolerable delay is not made use of.
#[no_mangle]
pub unsafe extern "C" fn SetWaitableTimerEx(
    timer: HANDLE,
    due_time: *const i64,
    period: i32,
    routine: Option<TimerRoutine>,
    argument: *mut c_void,
    wake_context: *const c_void,
    _tolerable_delay: DWORD,
) -> BOOL {
    let resume = (!wake_context.is_null()).into();
    // SAFETY: C passes what SetWaitableTimer asks for.
    unsafe { SetWaitableTimer(timer, due_time, period, routine, argument, resume) }
}

/// A routine of the program, and what it is called with.
#[derive(Clone, Copy)]
struct Routine {
    routine: TimerRoutine,
    argument: *mut c_void,
}

// SAFETY: the argument goes back to the program's routine on the thread that gave it; whatever it leads to is the program's
// business.
unsafe impl Send for Routine {}
// SAFETY: as above.
unsafe impl Sync for Routine {}

impl Routine {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the routine takes the two halves"
    )]
    fn call(self, expiry: SystemTime) {
        let ticks = to_ticks(expiry);
        // SAFETY: the program gave this routine to be called with this argument.
        unsafe { (self.routine)(self.argument, ticks as DWORD, (ticks >> 32) as DWORD) };
    }
}

fn set(
    timer: HANDLE,
    due_time: Option<i64>,
    period: i32,
    routine: Option<Routine>,
) -> Result<(), Code> {
    let timer = object(timer)?;
    let Object::Timer(set) = timer.object() else {
        return Err(Code::INVALID_HANDLE);
    };
    require(timer.granted(), TIMER_MODIFY_STATE)?;
    let due = to_due(due_time.ok_or(Code::NOACCESS)?);
    let period = u64::try_from(period).map_err(|_| Code::INVALID_PARAMETER)?;
    let period = (period > 0).then(|| Duration::from_millis(period));
    match routine {
        None => set.set(due, period)?,
        Some(routine) => set.set_with_routine(due, period, move |expiry| routine.call(expiry))?,
    }
    Ok(())
}

/// The due time that a number of 100 nanoseconds stands for.
pub(crate) fn to_due(due_time: i64) -> Due {
    let ticks = due_time.unsigned_abs();
    match due_time {
        ..=0 => Due::After(ticks_long(ticks)),
        _ => Due::At(match ticks.checked_sub(EPOCHS_APART) {
            Some(since_1970) => UNIX_EPOCH + ticks_long(since_1970),
            None => UNIX_EPOCH - ticks_long(EPOCHS_APART - ticks),
        }),
    }
}

fn ticks_long(ticks: u64) -> Duration {
    Duration::new(ticks / 10_000_000, (ticks % 10_000_000) as u32 * 100)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "64 bits reach to the year 60,000"
)]
fn to_ticks(time: SystemTime) -> u64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => EPOCHS_APART + (since.as_nanos() / 100) as u64,
        Err(before) => EPOCHS_APART.saturating_sub((before.duration().as_nanos() / 100) as u64),
    }
}

/// Stops a timer. Its state stays as it is.
#[no_mangle]
pub extern "C" fn CancelWaitableTimer(timer: HANDLE) -> BOOL {
    succeeds(|| {
        with(timer, |object, granted| {
            let Object::Timer(timer) = object else {
                return Err(Code::INVALID_HANDLE);
            };
            require(granted, TIMER_MODIFY_STATE)?;
            Ok(timer.cancel()?)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-107: negative times count from now, positive ones from 1601.
    #[test]
    fn due_times_are_relative_or_since_1601() {
        assert_eq!(
            to_due(-15_000_000),
            Due::After(Duration::from_millis(1_500))
        );
        assert_eq!(to_due(0), Due::After(Duration::ZERO));
        assert_eq!(to_due(i64::MIN), Due::After(ticks_long(1 << 63)));
        assert_eq!(to_due(116_444_736_000_000_000), Due::At(UNIX_EPOCH));
        let first_tick = UNIX_EPOCH - Duration::from_secs(11_644_473_600) + ticks_long(1);
        assert_eq!(to_due(1), Due::At(first_tick));
        assert_eq!(to_ticks(first_tick), 1);
        assert_eq!(to_ticks(UNIX_EPOCH + ticks_long(5)), EPOCHS_APART + 5);
    }
}
