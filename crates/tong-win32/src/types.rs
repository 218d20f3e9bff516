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
/// Room for a narrow string, or a string that may be changed.
pub type LPSTR = *mut std::ffi::c_char;
/// Room for a wide string, or a string that may be changed.
pub type LPWSTR = *mut u16;

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

/// Hundreds of nanoseconds since the start of 1601, in two halves.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FILETIME {
    /// The low half.
    pub dwLowDateTime: DWORD,
    /// The high half.
    pub dwHighDateTime: DWORD,
}

/// A date and a time of day.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SYSTEMTIME {
    /// The year, from 1601.
    pub wYear: u16,
    /// The month, from 1.
    pub wMonth: u16,
    /// The day of the week; 0 is Sunday.
    pub wDayOfWeek: u16,
    /// The day of the month, from 1.
    pub wDay: u16,
    /// The hour, to 23.
    pub wHour: u16,
    /// The minute.
    pub wMinute: u16,
    /// The second, to 59.
    pub wSecond: u16,
    /// The millisecond.
    pub wMilliseconds: u16,
}

impl OVERLAPPED {
    /// The offset in the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.OffsetHigh) << 32 | u64::from(self.Offset)
    }

    /// The event to be signaled, if there is one. The lowest bit of the handle speaks to completion ports only.
    #[must_use]
    pub fn event(&self) -> Option<HANDLE> {
        (self.hEvent.addr() > 1).then_some(self.hEvent)
    }
}

const _: () = assert!(size_of::<SECURITY_ATTRIBUTES>() == 24);
const _: () = assert!(size_of::<OVERLAPPED>() == 32);
const _: () = assert!(size_of::<FILETIME>() == 8);
const _: () = assert!(size_of::<SYSTEMTIME>() == 16);
