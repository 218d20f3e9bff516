//! LocalAlloc, LocalSize and LocalFree, GlobalAlloc, GlobalSize and GlobalFree: the C heap under its old names.
//!
//! Memory is never moved, so a movable block is its own pointer. Blocks from malloc and from here may be freed by
//! either side.

#![allow(unsafe_code, reason = "exported C symbols over the C heap")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ffi::c_void;

use crate::border::call;
use crate::error::Code;
use crate::types::HANDLE;

/// Asks for memory full of zeroes.
const LMEM_ZEROINIT: u32 = 0x40;

/// Allocates `bytes` bytes; NULL and 8 if there is no memory. Also a block of no bytes has an address of its own.
#[no_mangle]
pub extern "C" fn LocalAlloc(flags: u32, bytes: usize) -> HANDLE {
    let bytes = bytes.max(1);
    call(std::ptr::null_mut(), || {
        // SAFETY: both functions may be called with any size.
        let block: *mut c_void = unsafe {
            match flags & LMEM_ZEROINIT {
                0 => libc::malloc(bytes),
                _ => libc::calloc(1, bytes),
            }
        };
        match block.is_null() {
            true => Err(Code::NOT_ENOUGH_MEMORY),
            false => Ok(block),
        }
    })
}

/// Returns the size of a block in bytes, which may be more than was asked for; 0 and 6 for NULL.
#[no_mangle]
pub unsafe extern "C" fn LocalSize(block: HANDLE) -> usize {
    call(0, || match block.is_null() {
        true => Err(Code::INVALID_HANDLE),
        // SAFETY: C passes a block of the C heap.
        false => Ok(unsafe { libc::malloc_usable_size(block) }),
    })
}

/// Frees a block from LocalAlloc or malloc, or does nothing for NULL. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn LocalFree(block: HANDLE) -> HANDLE {
    // SAFETY: C passes null or a block that it does not use any more.
    unsafe { libc::free(block) };
    std::ptr::null_mut()
}

/// As LocalAlloc; the two have been one for long.
#[no_mangle]
pub extern "C" fn GlobalAlloc(flags: u32, bytes: usize) -> HANDLE {
    LocalAlloc(flags, bytes)
}

/// As LocalSize.
#[no_mangle]
pub unsafe extern "C" fn GlobalSize(block: HANDLE) -> usize {
    // SAFETY: C passes what that function asks for.
    unsafe { LocalSize(block) }
}

/// As LocalFree.
#[no_mangle]
pub unsafe extern "C" fn GlobalFree(block: HANDLE) -> HANDLE {
    // SAFETY: C passes what that function asks for.
    unsafe { LocalFree(block) }
}
