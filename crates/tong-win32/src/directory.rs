//! Where the process is: its current directory, and the file of its program.
//!
//! Both are Linux paths. A directory may be set by any name that CreateFile takes; a change is one for the whole process,
//! and C's `getcwd` sees it.

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

use std::io;
use std::path::Path;

use tong::object::file::FilePath;

use crate::border::{call, succeeds};
use crate::buffer::{fill, Unit};
use crate::error::{Code, SetLastError};
use crate::string::{narrow, wide};
use crate::types::{BOOL, DWORD, HANDLE, LPCSTR, LPCWSTR, LPSTR, LPWSTR};

/// Copies the current directory to a buffer of `size` bytes and returns its length; or returns the size it needs.
#[no_mangle]
pub unsafe extern "C" fn GetCurrentDirectoryA(size: DWORD, buffer: LPSTR) -> DWORD {
    // SAFETY: C passes room for `size` bytes, or null.
    unsafe { current(size, buffer.cast::<u8>()) }
}

/// Copies the current directory to a buffer of `size` units and returns its length; or returns the size it needs.
#[no_mangle]
pub unsafe extern "C" fn GetCurrentDirectoryW(size: DWORD, buffer: LPWSTR) -> DWORD {
    // SAFETY: C passes room for `size` units, or null.
    unsafe { current(size, buffer) }
}

/// # Safety
/// `buffer` is null or leads to room for `size` units.
unsafe fn current<U: Unit>(size: DWORD, buffer: *mut U) -> DWORD {
    call(0, || {
        let path = std::env::current_dir().map_err(|_| Code::FILE_NOT_FOUND)?;
        // SAFETY: the caller vouches for the room.
        Ok(unsafe { fill(&U::encode(path.as_os_str()), buffer, size) })
    })
}

/// Changes the current directory; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn SetCurrentDirectoryA(name: LPCSTR) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes a string, or null.
        let name = unsafe { narrow(name)? };
        change(&name.unwrap_or_default())
    })
}

/// Changes the current directory; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn SetCurrentDirectoryW(name: LPCWSTR) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes a string, or null.
        let name = unsafe { wide(name)? };
        change(&name.unwrap_or_default())
    })
}

fn change(name: &str) -> Result<(), Code> {
    if name.is_empty() {
        return Err(Code::INVALID_NAME);
    }
    let path = FilePath::parse(name)?;
    let path = path.path();
    std::env::set_current_dir(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Code::ACCESS_DENIED,
        _ if path.exists() => Code::DIRECTORY,
        _ if is_in_directory(path) => Code::FILE_NOT_FOUND,
        _ => Code::PATH_NOT_FOUND,
    })
}

fn is_in_directory(path: &Path) -> bool {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.is_dir(),
        _ => true,
    }
}

/// Copies the path of the program to a buffer of `size` bytes and returns its length. What does not fit is cut off; then
/// `size` is returned, with the last error 122. There are no modules but the program, so `module` is null.
#[no_mangle]
pub unsafe extern "C" fn GetModuleFileNameA(module: HANDLE, buffer: LPSTR, size: DWORD) -> DWORD {
    // SAFETY: C passes room for `size` bytes, or null.
    unsafe { program(module, buffer.cast::<u8>(), size) }
}

/// Copies the path of the program to a buffer of `size` units and returns its length. What does not fit is cut off; then
/// `size` is returned, with the last error 122. There are no modules but the program, so `module` is null.
#[no_mangle]
pub unsafe extern "C" fn GetModuleFileNameW(module: HANDLE, buffer: LPWSTR, size: DWORD) -> DWORD {
    // SAFETY: C passes room for `size` units, or null.
    unsafe { program(module, buffer, size) }
}

/// # Safety
/// `buffer` is null or leads to room for `size` units.
unsafe fn program<U: Unit>(module: HANDLE, buffer: *mut U, size: DWORD) -> DWORD {
    call(0, || {
        if !module.is_null() {
            return Err(Code::MOD_NOT_FOUND);
        }
        let path = std::env::current_exe().map_err(|_| Code::FILE_NOT_FOUND)?;
        let path = U::encode(path.as_os_str());
        let room = if buffer.is_null() { 0 } else { size as usize };
        if path.len() < room {
            // SAFETY: the caller vouches for the room.
            return Ok(unsafe { fill(&path, buffer, size) });
        }
        if room > 0 {
            // SAFETY: as above; the part and its zero fill the room exactly.
            unsafe { fill(&path[..room - 1], buffer, size) };
        }
        SetLastError(Code::INSUFFICIENT_BUFFER.0);
        Ok(size)
    })
}
