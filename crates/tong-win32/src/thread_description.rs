//! What a program calls its threads, for people who look at them with a debugger or `ps`.

#![allow(
    unsafe_code,
    reason = "exported C symbols that read and write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::panic::{catch_unwind, AssertUnwindSafe};

use tong::handle::Rights;

use crate::border::put;
use crate::error::Code;
use crate::memory::LocalAlloc;
use crate::string::wide;
use crate::thread::target;
use crate::types::{HANDLE, LPCWSTR};

const SET_LIMITED_INFORMATION: Rights = Rights::from_bits(0x400);
const QUERY_LIMITED_INFORMATION: Rights = Rights::from_bits(0x800);

/// The result of a call that leaves the last error alone: 0, or 0x8007 over the number of an error.
fn result(body: impl FnOnce() -> Result<(), Code>) -> i32 {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Code::INTERNAL_ERROR));
    match outcome {
        Ok(()) => 0,
        Err(Code(code)) => (0x8007_0000 | code & 0xffff) as i32,
    }
}

/// Gives a thread a description. The kernel gets its first 15 bytes as the thread's name.
#[no_mangle]
pub unsafe extern "C" fn SetThreadDescription(thread: HANDLE, description: LPCWSTR) -> i32 {
    result(|| {
        let thread = target(thread, SET_LIMITED_INFORMATION)?;
        // SAFETY: C passes null or a string.
        let text = unsafe { wide(description) }?;
        Ok(thread.set_description(&text.unwrap_or_default())?)
    })
}

/// Gives a copy of a thread's description, empty if it has none. The caller frees it with LocalFree.
#[no_mangle]
pub unsafe extern "C" fn GetThreadDescription(thread: HANDLE, description: *mut *mut u16) -> i32 {
    result(|| {
        let thread = target(thread, QUERY_LIMITED_INFORMATION)?;
        if description.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        let text: Vec<u16> = thread.description().encode_utf16().chain([0]).collect();
        let copy = LocalAlloc(0, size_of_val(text.as_slice())).cast::<u16>();
        if copy.is_null() {
            return Err(Code::NOT_ENOUGH_MEMORY);
        }
        // SAFETY: the block is new, has room for the text, and memory from malloc is aligned for it.
        unsafe { copy.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
        // SAFETY: C passes room for the pointer.
        unsafe { put(description, copy) };
        Ok(())
    })
}
