//! MessageBox, for programs without windows: what it says goes to standard error.
//!
//! There is nobody who could press a button, so a box with one button is over at once, and one that asks something fails.

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

use std::io::Write as _;

use crate::border::call;
use crate::error::Code;
use crate::string::{narrow, wide};
use crate::types::{DWORD, HANDLE, LPCSTR, LPCWSTR};

/// The bits that say which buttons there are; without any there is one.
const BUTTONS: DWORD = 0xF;
/// The answer of the one button.
const IDOK: i32 = 1;
/// What a box without a title is about.
const DEFAULT_CAPTION: &str = "Error";

/// Writes title and text, which are UTF-8, to standard error, and returns 1; 0 and 50 if there should be several buttons.
#[no_mangle]
pub unsafe extern "C" fn MessageBoxA(_: HANDLE, text: LPCSTR, caption: LPCSTR, kind: DWORD) -> i32 {
    call(0, || {
        // SAFETY: C passes strings, or null.
        let (text, caption) = unsafe { (narrow(text)?, narrow(caption)?) };
        show(text.as_deref(), caption.as_deref(), kind)
    })
}

/// Writes title and text, which are UTF-16, to standard error, and returns 1; 0 and 50 if there should be several buttons.
#[no_mangle]
pub unsafe extern "C" fn MessageBoxW(
    _: HANDLE,
    text: LPCWSTR,
    caption: LPCWSTR,
    kind: DWORD,
) -> i32 {
    call(0, || {
        // SAFETY: C passes strings, or null.
        let (text, caption) = unsafe { (wide(text)?, wide(caption)?) };
        show(text.as_deref(), caption.as_deref(), kind)
    })
}

fn show(text: Option<&str>, caption: Option<&str>, kind: DWORD) -> Result<i32, Code> {
    if kind & BUTTONS != 0 {
        return Err(Code::NOT_SUPPORTED);
    }
    let (text, caption) = (text.unwrap_or_default(), caption.unwrap_or(DEFAULT_CAPTION));
    // In one piece, because other threads write too. Nobody is left to be told if it fails.
    let line = format!("{caption}: {}\n", text.trim_end());
    let _ = std::io::stderr().write_all(line.as_bytes());
    Ok(IDOK)
}
