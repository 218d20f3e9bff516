//! Writing to a terminal.
//!
//! A handle that leads to anything else is refused, as on Windows: what was redirected is written to with WriteFile.

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
use std::os::fd::AsFd;

use tong::handle::{Object, Rights};

use crate::border::{input, object, put, succeeds};
use crate::error::Code;
use crate::standard;
use crate::types::{BOOL, DWORD, HANDLE};

/// Writes `count` bytes of UTF-8 to a terminal.
#[no_mangle]
pub unsafe extern "C" fn WriteConsoleA(
    console: HANDLE,
    buffer: *const c_void,
    count: DWORD,
    written: *mut DWORD,
    _reserved: *mut c_void,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes so many bytes, and room for the count or null.
        unsafe {
            let text = input(buffer, count).ok_or(Code::NOACCESS)?;
            write(console, text)?;
            put(written, count);
        }
        Ok(())
    })
}

/// Writes `count` units of UTF-16 to a terminal. Half a surrogate pair comes out as U+FFFD.
#[no_mangle]
pub unsafe extern "C" fn WriteConsoleW(
    console: HANDLE,
    buffer: *const c_void,
    count: DWORD,
    written: *mut DWORD,
    _reserved: *mut c_void,
) -> BOOL {
    succeeds(|| {
        if buffer.is_null() && count > 0 {
            return Err(Code::NOACCESS);
        }
        let units = match count {
            0 => &[][..],
            // SAFETY: not null, and C passes so many units.
            _ => unsafe { std::slice::from_raw_parts(buffer.cast::<u16>(), count as usize) },
        };
        write(console, String::from_utf16_lossy(units).as_bytes())?;
        // SAFETY: C passes room for the count, or null.
        unsafe { put(written, count) };
        Ok(())
    })
}

fn write(console: HANDLE, mut text: &[u8]) -> Result<(), Code> {
    let console = object(standard::translated(console))?;
    let Object::File(file) = console.object() else {
        return Err(Code::INVALID_HANDLE);
    };
    if !rustix::termios::isatty(file.as_fd()) {
        return Err(Code::INVALID_HANDLE);
    }
    console.require_any(Rights::FILE_WRITE_DATA)?;
    while !text.is_empty() {
        match rustix::io::write(file.as_fd(), text) {
            Ok(count) => text = &text[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Code::GEN_FAILURE),
        }
    }
    Ok(())
}
