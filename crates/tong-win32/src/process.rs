//! Processes: opening, ending and asking them. Making them is in `create`, what they are told in `startup`.
//!
//! The pseudo handle -1 means the calling process in every function here.
//!
//! # Priority classes
//! A class is a nice value here. Setting one that the user may not have (above normal, without a privilege) succeeds and
//! changes nothing.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

pub mod arguments;
pub mod attributes;
pub mod create;
pub mod startup;

use std::ffi::c_char;
use std::sync::atomic::{AtomicU32, Ordering};

use tong::handle::{Kind, Object, Rights, Table};
use tong::Process;

use crate::border::{argument, call, put, succeeds, to_c, Argument};
use crate::buffer::Unit;
use crate::error::Code;
use crate::thread::GetCurrentThreadId;
use crate::types::{BOOL, DWORD, FALSE, HANDLE};

const TERMINATE: Rights = Rights::from_bits(0x1);
const CREATE_PROCESS: Rights = Rights::from_bits(0x80);
const SET_INFORMATION: Rights = Rights::from_bits(0x200);
const QUERY_LIMITED_INFORMATION: Rights = Rights::from_bits(0x1000);
/// What anybody may do with any process.
const FOR_ALL: Rights = Rights::from_bits(0x0012_1000);

const STILL_ACTIVE: DWORD = 259;
const PROCESS_NAME_NATIVE: DWORD = 1;

/// The process that a handle leads to, if the handle carries `right`. `None` is the calling process, by its pseudo handle.
fn target(handle: HANDLE, right: Rights) -> Result<Option<Process>, Code> {
    match argument(handle)? {
        Argument::Pseudo(-1) => Ok(None),
        Argument::Pseudo(_) => Err(Code::INVALID_HANDLE),
        Argument::Value(handle) => {
            let found = Table::of_process().get(handle)?;
            let Object::Process(process) = found.object() else {
                return Err(Code::INVALID_HANDLE);
            };
            found.require_any(right)?;
            Ok(Some(process.clone()))
        }
    }
}

/// Opens a process by its id; NULL and 87 if there is none.
#[no_mangle]
pub extern "C" fn OpenProcess(access: DWORD, inherit: BOOL, id: DWORD) -> HANDLE {
    call(std::ptr::null_mut(), || {
        let process = Process::open(id)?;
        let granted = granted(Rights::from_bits(access), process.is_controllable())?;
        let object = Object::Process(process);
        let handle = Table::of_process().insert(object, granted, inherit != FALSE)?;
        Ok(to_c(handle))
    })
}

/// The rights of a handle that is opened with this access.
fn granted(wanted: Rights, controllable: bool) -> Result<Rights, Code> {
    let entitled = match controllable {
        true => Kind::Process.generic().all,
        false => FOR_ALL,
    };
    let granted = match wanted.contains(Rights::MAXIMUM_ALLOWED) {
        true => entitled,
        false => wanted.mapped(Kind::Process)?,
    };
    match granted.is_empty() || !entitled.contains(granted) {
        true => Err(Code::ACCESS_DENIED),
        false => Ok(granted),
    }
}

/// Ends a process with this exit code. It may take a moment to end; wait for it.
#[no_mangle]
pub extern "C" fn TerminateProcess(process: HANDLE, code: u32) -> BOOL {
    succeeds(|| {
        let process = match target(process, TERMINATE)? {
            Some(process) => process,
            None => Process::current()?,
        };
        Ok(process.terminate(code)?)
    })
}

/// Gives the exit code of a process, 259 while it runs.
#[no_mangle]
pub unsafe extern "C" fn GetExitCodeProcess(process: HANDLE, code: *mut DWORD) -> BOOL {
    succeeds(|| {
        let known = match target(process, QUERY_LIMITED_INFORMATION)? {
            Some(process) => process.exit_code()?,
            None => None,
        };
        if code.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes room for the code.
        unsafe { put(code, known.unwrap_or(STILL_ACTIVE)) };
        Ok(())
    })
}

/// Returns the id of a process, also after it ended; 0 on failure.
#[no_mangle]
pub extern "C" fn GetProcessId(process: HANDLE) -> DWORD {
    call(0, || {
        let process = target(process, QUERY_LIMITED_INFORMATION)?;
        Ok(process.map_or_else(std::process::id, |process| process.id()))
    })
}

/// Ends the calling process as returning `code` from its main function does.
#[no_mangle]
pub extern "C" fn ExitProcess(code: u32) -> ! {
    /// The thread that ends the process; 0 while none does.
    static EXITING: AtomicU32 = AtomicU32::new(0);
    let this = GetCurrentThreadId();
    match EXITING.compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => tong::process::exit(code),
        // One of the program's own exit functions calls this: nothing is left to be run.
        Err(exiting) if exiting == this => tong::process::end_now(code),
        Err(_) => loop {
            std::thread::park();
        },
    }
}

/// Gives the path of the program of a process, in UTF-8. `len` is the room, and becomes the length without the zero.
#[no_mangle]
pub unsafe extern "C" fn QueryFullProcessImageNameA(
    process: HANDLE,
    flags: DWORD,
    path: *mut c_char,
    len: *mut DWORD,
) -> BOOL {
    // SAFETY: C passes room for as many bytes as `len` says.
    succeeds(|| unsafe { image_name(process, flags, path.cast::<u8>(), len) })
}

/// Gives the path of the program of a process, in UTF-16. `len` is the room, and becomes the length without the zero.
#[no_mangle]
pub unsafe extern "C" fn QueryFullProcessImageNameW(
    process: HANDLE,
    flags: DWORD,
    path: *mut u16,
    len: *mut DWORD,
) -> BOOL {
    // SAFETY: C passes room for as many units as `len` says.
    succeeds(|| unsafe { image_name(process, flags, path, len) })
}

/// # Safety
/// `len` is null or leads to a number, and `to` to room for as many units.
unsafe fn image_name<U: Unit>(
    process: HANDLE,
    flags: DWORD,
    to: *mut U,
    len: *mut DWORD,
) -> Result<(), Code> {
    let process = match target(process, QUERY_LIMITED_INFORMATION)? {
        Some(process) => process,
        None => Process::current()?,
    };
    if len.is_null() || to.is_null() || flags & !PROCESS_NAME_NATIVE != 0 {
        return Err(Code::INVALID_PARAMETER);
    }
    let path = U::encode(process.image_path()?.as_os_str());
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        if path.len() >= len.read() as usize {
            return Err(Code::INSUFFICIENT_BUFFER);
        }
        put(len, crate::buffer::fill(&path, to, len.read()));
    }
    Ok(())
}

/// The classes, from the highest, with the nice values they stand for.
const CLASSES: [(DWORD, i32); 6] = [
    (0x100, -20),
    (0x80, -10),
    (0x8000, -5),
    (0x20, 0),
    (0x4000, 10),
    (0x40, 19),
];

/// Returns the priority class of a process; 0 on failure.
#[no_mangle]
pub extern "C" fn GetPriorityClass(process: HANDLE) -> DWORD {
    call(0, || {
        let id = target(process, QUERY_LIMITED_INFORMATION)?.map_or(0, |process| process.id());
        // SAFETY: the call takes integers.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, id) };
        let nearest = CLASSES.iter().min_by_key(|(_, value)| value.abs_diff(nice));
        Ok(nearest.map_or(0, |(class, _)| *class))
    })
}

/// Sets the priority class of a process.
#[no_mangle]
pub extern "C" fn SetPriorityClass(process: HANDLE, class: DWORD) -> BOOL {
    succeeds(|| {
        let id = target(process, SET_INFORMATION)?.map_or(0, |process| process.id());
        set_class(id, class)
    })
}

/// Sets the class of the process with this id, 0 for the caller, as far as the user may.
fn set_class(id: u32, class: DWORD) -> Result<(), Code> {
    let found = CLASSES.iter().find(|(known, _)| *known == class);
    let (_, nice) = found.ok_or(Code::INVALID_PARAMETER)?;
    // SAFETY: the call takes integers. It fails for what the user may not have, and for a process that has ended.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, id, *nice) };
    Ok(())
}
