//! Which process the caller is, and what time it is.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use rustix::time::{clock_gettime, ClockId};

use crate::types::DWORD;

/// Returns the id of the calling process.
#[no_mangle]
pub extern "C" fn GetCurrentProcessId() -> DWORD {
    std::process::id()
}

/// Returns the milliseconds since the machine started, time asleep included; starts again at 0 after 49.7 days.
#[no_mangle]
#[allow(
    clippy::cast_possible_truncation,
    reason = "starting again at 0 is the function's contract"
)]
pub extern "C" fn GetTickCount() -> DWORD {
    GetTickCount64() as DWORD
}

/// Returns the milliseconds since the machine started, time asleep included.
#[no_mangle]
pub extern "C" fn GetTickCount64() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000 + now.tv_nsec.unsigned_abs() / 1_000_000
}
