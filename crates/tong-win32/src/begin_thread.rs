//! Threads as Microsoft's C run-time makes them.
//!
//! On failure `errno` says why, as the run-time does: EAGAIN for too many threads, EINVAL for a wrong argument, EACCES for
//! too little memory.

#![allow(
    unsafe_code,
    reason = "exported C symbols that call and write through pointers of C callers"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;

use tong::handle::{Handle, Table};

use crate::border::{call, put, wants_inheritance};
use crate::error::Code;
use crate::thread::{create, ExitThread, ThreadStart};
use crate::types::{DWORD, HANDLE, SECURITY_ATTRIBUTES};

thread_local! {
    /// The handle that closes itself when the thread ends; 0 if there is none.
    static OWN_HANDLE: Cell<usize> = const { Cell::new(0) };
}

/// What [`_beginthread`] tells its thread.
struct Begin {
    start: extern "C-unwind" fn(*mut c_void),
    parameter: usize,
}

/// Makes a thread, and returns a handle that the caller closes; 0 on failure.
#[no_mangle]
pub unsafe extern "C" fn _beginthreadex(
    security: *const SECURITY_ATTRIBUTES,
    stack_size: c_uint,
    start: Option<ThreadStart>,
    parameter: *mut c_void,
    flags: c_uint,
    id: *mut c_uint,
) -> usize {
    // SAFETY: C passes null or the structure.
    let inherit = unsafe { wants_inheritance(security) };
    let made = call(Err(Code::INTERNAL_ERROR), || {
        Ok(begin(stack_size, start, parameter, flags, inherit))
    });
    match made {
        Ok((handle, thread)) => {
            // SAFETY: C passes null or room for the id.
            unsafe { put(id, thread) };
            handle as usize
        }
        Err(code) => {
            set_errno(code);
            0
        }
    }
}

/// Makes a thread whose handle closes itself when the thread ends; -1 on failure.
#[no_mangle]
pub unsafe extern "C" fn _beginthread(
    start: Option<extern "C-unwind" fn(*mut c_void)>,
    stack_size: c_uint,
    parameter: *mut c_void,
) -> usize {
    let made = call(Err(Code::INTERNAL_ERROR), || {
        Ok(begin_alone(stack_size, start, parameter))
    });
    match made {
        Ok(handle) => handle as usize,
        Err(code) => {
            set_errno(code);
            usize::MAX
        }
    }
}

fn begin(
    stack_size: c_uint,
    start: Option<ThreadStart>,
    parameter: *mut c_void,
    flags: DWORD,
    inherit: bool,
) -> Result<(HANDLE, DWORD), Code> {
    let start = start.ok_or(Code::INVALID_PARAMETER)?;
    let (handle, thread) = create(stack_size as usize, start, parameter, flags, inherit)?;
    Ok((handle, thread.id()))
}

/// The thread is held until it knows its handle, so that it can close it.
fn begin_alone(
    stack_size: c_uint,
    start: Option<extern "C-unwind" fn(*mut c_void)>,
    parameter: *mut c_void,
) -> Result<HANDLE, Code> {
    const CREATE_SUSPENDED: DWORD = 4;
    let start = start.ok_or(Code::INVALID_PARAMETER)?;
    let parameter = parameter.expose_provenance();
    let begin = Box::into_raw(Box::new((Begin { start, parameter }, Cell::new(0_usize))));
    let made = create(
        stack_size as usize,
        run_alone,
        begin.cast(),
        CREATE_SUSPENDED,
        false,
    );
    let (handle, thread) = made.inspect_err(|_| {
        // SAFETY: no thread was made that could have taken it.
        drop(unsafe { Box::from_raw(begin) });
    })?;
    // SAFETY: the thread is suspended and does not look before it is resumed.
    unsafe { &*begin }.1.set(handle as usize);
    thread.resume()?;
    Ok(handle)
}

extern "C-unwind" fn run_alone(begin: *mut c_void) -> DWORD {
    // SAFETY: made by `begin_alone` for this thread alone.
    let (begin, handle) = *unsafe { Box::from_raw(begin.cast::<(Begin, Cell<usize>)>()) };
    OWN_HANDLE.set(handle.get());
    (begin.start)(ptr::with_exposed_provenance_mut(begin.parameter));
    close_own_handle();
    0
}

fn close_own_handle() {
    let handle = OWN_HANDLE.replace(0);
    if handle != 0 {
        // The program may have closed it, which it should not.
        let _ = u32::try_from(handle).map(|raw| Table::of_process().close(Handle::from_raw(raw)));
    }
}

/// Ends a thread that [`_beginthread`] made, and closes its handle.
#[no_mangle]
pub extern "C-unwind" fn _endthread() -> ! {
    close_own_handle();
    ExitThread(0)
}

/// Ends a thread that [`_beginthreadex`] made, with this exit code.
#[no_mangle]
pub extern "C-unwind" fn _endthreadex(code: c_uint) -> ! {
    ExitThread(code)
}

fn set_errno(code: Code) {
    let number: c_int = match code {
        Code::INVALID_PARAMETER => libc::EINVAL,
        Code::NOT_ENOUGH_MEMORY => libc::EACCES,
        _ => libc::EAGAIN,
    };
    // SAFETY: the address of the thread's own errno.
    unsafe { *libc::__errno_location() = number };
}
