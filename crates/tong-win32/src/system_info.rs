//! What machine this is.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions and fields have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ffi::c_void;

use crate::border::{call, put};
use crate::types::DWORD;

/// PROCESSOR_ARCHITECTURE_AMD64 and PROCESSOR_AMD_X8664, or what ARM64 has instead.
const ARCHITECTURE: (u16, DWORD) = match cfg!(target_arch = "aarch64") {
    true => (12, 0),
    false => (9, 8_664),
};
/// The lowest address that Windows gives to programs, and its step between reservations.
const RESERVATION: DWORD = 0x1_0000;
/// Where the half of the address space ends that belongs to programs.
const USER_END: usize = 0x8000_0000_0000;

/// The processors and the memory of a machine.
#[repr(C)]
#[derive(Debug)]
pub struct SYSTEM_INFO {
    /// The sort of processors.
    pub wProcessorArchitecture: u16,
    /// Zero.
    pub wReserved: u16,
    /// Bytes of a page.
    pub dwPageSize: DWORD,
    /// The lowest address of a program's memory.
    pub lpMinimumApplicationAddress: *mut c_void,
    /// The highest.
    pub lpMaximumApplicationAddress: *mut c_void,
    /// A bit for each processor, of 64 at most.
    pub dwActiveProcessorMask: usize,
    /// How many processors this process may use.
    pub dwNumberOfProcessors: DWORD,
    /// The sort of processors, in another numbering.
    pub dwProcessorType: DWORD,
    /// Memory is reserved in multiples of this.
    pub dwAllocationGranularity: DWORD,
    /// Not told.
    pub wProcessorLevel: u16,
    /// Not told.
    pub wProcessorRevision: u16,
}

const _: () = assert!(size_of::<SYSTEM_INFO>() == 48);

/// Describes the machine. The processors are those that the process may use.
#[no_mangle]
pub unsafe extern "C" fn GetSystemInfo(info: *mut SYSTEM_INFO) {
    call((), || {
        // SAFETY: C passes room for the structure.
        unsafe { put(info, describe()) };
        Ok(())
    });
}

/// Describes the machine. There is no emulation that it could see through, so it is GetSystemInfo.
#[no_mangle]
pub unsafe extern "C" fn GetNativeSystemInfo(info: *mut SYSTEM_INFO) {
    // SAFETY: C passes room for the structure.
    unsafe { GetSystemInfo(info) }
}

fn describe() -> SYSTEM_INFO {
    let page = rustix::param::page_size();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (architecture, kind) = ARCHITECTURE;
    SYSTEM_INFO {
        wProcessorArchitecture: architecture,
        wReserved: 0,
        dwPageSize: DWORD::try_from(page).unwrap_or(DWORD::MAX),
        lpMinimumApplicationAddress: RESERVATION as usize as *mut c_void,
        lpMaximumApplicationAddress: (USER_END - RESERVATION as usize - 1) as *mut c_void,
        dwActiveProcessorMask: usize::MAX >> (64 - processors.min(64)),
        dwNumberOfProcessors: DWORD::try_from(processors).unwrap_or(DWORD::MAX),
        dwProcessorType: kind,
        dwAllocationGranularity: RESERVATION,
        wProcessorLevel: 0,
        wProcessorRevision: 0,
    }
}
