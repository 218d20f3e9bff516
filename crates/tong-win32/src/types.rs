//! The C types that the functions are declared with, as the headers define them for 64-bit Windows.

#![allow(
    non_snake_case,
    clippy::upper_case_acronyms,
    reason = "types and fields have the names that Win32 gives them"
)]

use std::ffi::c_void;

/// Zero is FALSE, anything else TRUE.
pub type BOOL = i32;
/// An unsigned number of 32 bits.
pub type DWORD = u32;
/// A handle of the process, or a pseudo handle.
pub type HANDLE = *mut c_void;
/// A narrow string: UTF-8, ended by a zero.
pub type LPCSTR = *const std::ffi::c_char;
/// A wide string: UTF-16, ended by a zero.
pub type LPCWSTR = *const u16;

/// Success.
pub const TRUE: BOOL = 1;
/// Failure.
pub const FALSE: BOOL = 0;
/// What functions return that fail to make a file or mailslot.
pub const INVALID_HANDLE_VALUE: HANDLE = -1_isize as HANDLE;
/// Half of a 64-bit number that says that the call failed, if the last error says so too.
pub const INVALID_DWORD: DWORD = DWORD::MAX;

/// How a new handle and object are to be protected.
#[repr(C)]
#[derive(Debug)]
pub struct SECURITY_ATTRIBUTES {
    /// The size of this structure in bytes.
    pub nLength: DWORD,
    /// Who may do what with the object. Not read.
    pub lpSecurityDescriptor: *mut c_void,
    /// Do child processes get the handle?
    pub bInheritHandle: BOOL,
}

/// Where an operation on a file starts, and how it ended.
#[repr(C)]
#[derive(Debug)]
pub struct OVERLAPPED {
    /// The status: 0, or the kernel's number of what went wrong.
    pub Internal: usize,
    /// The number of bytes transferred.
    pub InternalHigh: usize,
    /// The low half of the offset in the file.
    pub Offset: DWORD,
    /// The high half of the offset in the file.
    pub OffsetHigh: DWORD,
    /// An event to be signaled at the end.
    pub hEvent: HANDLE,
}

impl OVERLAPPED {
    /// The offset in the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.OffsetHigh) << 32 | u64::from(self.Offset)
    }
}

const _: () = assert!(size_of::<SECURITY_ATTRIBUTES>() == 24);
const _: () = assert!(size_of::<OVERLAPPED>() == 32);
