//! The process's heap: blocks that know their size, over the C heap.
//!
//! There is one heap; its handle is no handle of the process's table. A block is preceded by its size, so these blocks must
//! be freed here, not with `free` or LocalFree.
//!
//! # References
//! Win32: HeapAlloc, HeapReAlloc, HeapFree, HeapSize, GetProcessHeap.

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
use std::ptr;

use crate::border::{call, succeeds};
use crate::error::Code;
use crate::types::{BOOL, DWORD, HANDLE};

/// The value that stands for the heap: odd, and beyond all that fits into a handle of the table.
const PROCESS_HEAP: usize = 0x1_0000_0001;
/// Asks for memory full of zeroes.
const HEAP_ZERO_MEMORY: DWORD = 0x8;
/// HeapReAlloc: fail rather than move the block.
const HEAP_REALLOC_IN_PLACE_ONLY: DWORD = 0x10;
/// What HeapSize returns when it fails.
const NO_SIZE: usize = usize::MAX;
/// Room for the size before a block, such that the block begins at a multiple of 16 like its room.
const BEFORE: usize = 16;

/// Returns the heap of the process.
#[no_mangle]
pub extern "C" fn GetProcessHeap() -> HANDLE {
    ptr::without_provenance_mut(PROCESS_HEAP)
}

fn check(heap: HANDLE) -> Result<(), Code> {
    match heap.addr() {
        PROCESS_HEAP => Ok(()),
        _ => Err(Code::INVALID_HANDLE),
    }
}

/// Allocates a block of `bytes` bytes; NULL if there is no memory.
#[no_mangle]
pub extern "C" fn HeapAlloc(heap: HANDLE, flags: DWORD, bytes: usize) -> *mut c_void {
    call(ptr::null_mut(), || {
        check(heap)?;
        let room = bytes.checked_add(BEFORE).ok_or(Code::NOT_ENOUGH_MEMORY)?;
        // SAFETY: both functions may be called with any size.
        let start: *mut c_void = unsafe {
            match flags & HEAP_ZERO_MEMORY {
                0 => libc::malloc(room),
                _ => libc::calloc(1, room),
            }
        };
        // SAFETY: the room was just allocated, if there was memory for it.
        unsafe { finish(start, bytes) }
    })
}

/// Notes the size of a block before it.
///
/// # Safety
/// `start` is null or leads to the room of a block of `bytes` bytes, which nobody uses yet.
unsafe fn finish(start: *mut c_void, bytes: usize) -> Result<*mut c_void, Code> {
    if start.is_null() {
        return Err(Code::NOT_ENOUGH_MEMORY);
    }
    // SAFETY: the room is that much longer than the block, and aligned for everything.
    unsafe {
        start.cast::<usize>().write(bytes);
        Ok(start.byte_add(BEFORE))
    }
}

/// Makes a block longer or shorter, perhaps in another place. NULL, and the block as it was, if there is no memory.
#[no_mangle]
pub unsafe extern "C" fn HeapReAlloc(
    heap: HANDLE,
    flags: DWORD,
    block: *mut c_void,
    bytes: usize,
) -> *mut c_void {
    call(ptr::null_mut(), || {
        check(heap)?;
        if block.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        let room = bytes.checked_add(BEFORE).ok_or(Code::NOT_ENOUGH_MEMORY)?;
        // SAFETY: C passes a block of this heap, before which its size stands.
        unsafe {
            let old = size(block);
            let start = block.byte_sub(BEFORE);
            if flags & HEAP_REALLOC_IN_PLACE_ONLY != 0 {
                return match bytes <= old {
                    true => finish(start, bytes),
                    false => Err(Code::NOT_ENOUGH_MEMORY),
                };
            }
            let block = finish(libc::realloc(start, room), bytes)?;
            if flags & HEAP_ZERO_MEMORY != 0 && bytes > old {
                block.byte_add(old).write_bytes(0, bytes - old);
            }
            Ok(block)
        }
    })
}

/// # Safety
/// `block` is a block of the heap.
unsafe fn size(block: *const c_void) -> usize {
    // SAFETY: the size stands before the block.
    unsafe { block.byte_sub(BEFORE).cast::<usize>().read() }
}

/// Frees a block; NULL is nothing to free.
#[no_mangle]
pub unsafe extern "C" fn HeapFree(heap: HANDLE, _flags: DWORD, block: *mut c_void) -> BOOL {
    succeeds(|| {
        check(heap)?;
        if !block.is_null() {
            // SAFETY: C passes a block of this heap that it does not use any more.
            unsafe { libc::free(block.byte_sub(BEFORE)) };
        }
        Ok(())
    })
}

/// Returns the size that a block was allocated with.
#[no_mangle]
pub unsafe extern "C" fn HeapSize(heap: HANDLE, _flags: DWORD, block: *const c_void) -> usize {
    call(NO_SIZE, || {
        check(heap)?;
        match block.is_null() {
            true => Err(Code::INVALID_PARAMETER),
            // SAFETY: C passes a block of this heap.
            false => Ok(unsafe { size(block) }),
        }
    })
}
