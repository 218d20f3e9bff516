//! Which process the caller is, and what time it is.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use rustix::time::{clock_gettime, ClockId};

use crate::types::DWORD;

/// Does nothing. The headers refer to it, so that a program that includes them has this library even if it calls nothing of
/// it: the library keeps all 32 bits of its exit code.
#[no_mangle]
pub extern "C" fn tong_runtime() {}

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
