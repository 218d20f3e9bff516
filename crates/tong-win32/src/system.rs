//! Who the caller is, what time it is, and doing nothing for a while.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use std::time::Duration;

use rustix::time::{clock_gettime, ClockId};

use crate::types::DWORD;

/// No end.
const INFINITE: DWORD = DWORD::MAX;

/// Returns the id of the calling process.
#[no_mangle]
pub extern "C" fn GetCurrentProcessId() -> DWORD {
    std::process::id()
}

/// Returns the id of the calling thread, which no other thread of the machine has.
#[no_mangle]
pub extern "C" fn GetCurrentThreadId() -> DWORD {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
}

/// Sleeps for at least this many milliseconds; 0 lets other threads run first, INFINITE never returns.
#[no_mangle]
pub extern "C" fn Sleep(milliseconds: DWORD) {
    match milliseconds {
        0 => std::thread::yield_now(),
        INFINITE => loop {
            std::thread::park();
        },
        milliseconds => std::thread::sleep(Duration::from_millis(milliseconds.into())),
    }
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
