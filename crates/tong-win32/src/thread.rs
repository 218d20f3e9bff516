//! Threads: making, opening, suspending and ending them; sleeping.
//!
//! The pseudo handle -2 means the calling thread in every function here.
//!
//! # Priorities and descriptions
//! A priority is checked, kept and returned, and has no effect: raising one needs a privilege on Linux. A description also
//! becomes the name that tools show, cut to 15 bytes.
//!
//! # Ending in the middle
//! ExitThread ends a thread as the C library does: destructors of C++ objects on the stack run, and a `catch (...)` that
//! does not throw again, or a `noexcept` function, in its way ends the process. TerminateThread runs nothing at all.

#![allow(
    unsafe_code,
    reason = "exported C symbols that call and write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use tong::handle::{Kind, Object, Rights, Table};
use tong::object::thread::{self, Thread, ThreadOptions};
use tong::wait::{self, Outcome};

use crate::border::{argument, call, put, succeeds, to_c, wants_inheritance, Argument};
use crate::error::Code;
use crate::types::{BOOL, DWORD, FALSE, HANDLE, SECURITY_ATTRIBUTES, TRUE};

const TERMINATE: Rights = Rights::from_bits(0x1);
const SUSPEND_RESUME: Rights = Rights::from_bits(0x2);
pub(crate) const SET_CONTEXT: Rights = Rights::from_bits(0x10);
const SET_LIMITED_INFORMATION: Rights = Rights::from_bits(0x400);
const QUERY_LIMITED_INFORMATION: Rights = Rights::from_bits(0x800);

const CREATE_SUSPENDED: DWORD = 0x4;
const STACK_SIZE_PARAM_IS_A_RESERVATION: DWORD = 0x1_0000;
const STILL_ACTIVE: DWORD = 259;
const INFINITE: DWORD = DWORD::MAX;
const WAIT_IO_COMPLETION: DWORD = 192;
/// What GetThreadPriority returns when it fails.
const PRIORITY_ERROR: i32 = i32::MAX;
/// Entering and leaving background mode.
const BACKGROUND: [i32; 2] = [0x1_0000, 0x2_0000];

/// The first function of a thread.
pub type ThreadStart = extern "C-unwind" fn(*mut c_void) -> DWORD;

/// The thread that a handle leads to, if the handle carries `right`.
pub(crate) fn target(handle: HANDLE, right: Rights) -> Result<Thread, Code> {
    match argument(handle)? {
        Argument::Pseudo(-2) => Ok(Thread::current()?),
        Argument::Pseudo(_) => Err(Code::INVALID_HANDLE),
        Argument::Value(handle) => {
            let found = Table::of_process().get(handle)?;
            let Object::Thread(thread) = found.object() else {
                return Err(Code::INVALID_HANDLE);
            };
            found.require_any(right)?;
            Ok(thread.clone())
        }
    }
}

/// Makes a thread that calls `start` with `parameter`, and returns a handle with full access to it.
#[no_mangle]
pub unsafe extern "C" fn CreateThread(
    attributes: *const SECURITY_ATTRIBUTES,
    stack_size: usize,
    start: Option<ThreadStart>,
    parameter: *mut c_void,
    flags: DWORD,
    id: *mut DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        let start = start.ok_or(Code::INVALID_PARAMETER)?;
        // SAFETY: C passes null or the structure.
        let inherit = unsafe { wants_inheritance(attributes) };
        let (handle, thread) = create(stack_size, start, parameter, flags, inherit)?;
        // SAFETY: C passes null or room for the id.
        unsafe { put(id, thread.id()) };
        Ok(handle)
    })
}

/// [`CreateThread`] with its pointers read.
pub(crate) fn create(
    stack_size: usize,
    start: ThreadStart,
    parameter: *mut c_void,
    flags: DWORD,
    inherit: bool,
) -> Result<(HANDLE, Thread), Code> {
    if flags & !(CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION) != 0 {
        return Err(Code::INVALID_PARAMETER);
    }
    let mut options = ThreadOptions::new().suspended(flags & CREATE_SUSPENDED != 0);
    if let Some(len) = stack_len(stack_size, flags) {
        options = options.stack_len(len);
    }
    // As a number, because it is for the other thread alone.
    let parameter = parameter.expose_provenance();
    let thread =
        options.spawn_foreign(move || start(ptr::with_exposed_provenance_mut(parameter)))?;
    let object = Object::Thread(thread.clone());
    let handle = Table::of_process().insert(object, Kind::Thread.generic().all, inherit)?;
    Ok((to_c(handle), thread))
}

/// The stack to ask for. Memory that nobody touches costs nothing here, so a size that only says how much of the stack
/// is to have memory at once makes no stack smaller.
fn stack_len(stack_size: usize, flags: DWORD) -> Option<usize> {
    const USUAL: usize = 8 << 20;
    let reserve = flags & STACK_SIZE_PARAM_IS_A_RESERVATION != 0;
    (stack_size > USUAL || reserve && stack_size > 0).then_some(stack_size)
}

/// Opens a thread by its id: one of the calling process, or the initial one of another.
#[no_mangle]
pub extern "C" fn OpenThread(access: DWORD, inherit: BOOL, id: DWORD) -> HANDLE {
    call(ptr::null_mut(), || {
        let thread = Thread::open(id)?;
        let wanted = Rights::from_bits(access);
        let granted = match wanted.contains(Rights::MAXIMUM_ALLOWED) {
            true => Kind::Thread.generic().all,
            false => wanted.mapped(Kind::Thread)?,
        };
        if granted.is_empty() {
            return Err(Code::ACCESS_DENIED);
        }
        let object = Object::Thread(thread);
        let handle = Table::of_process().insert(object, granted, inherit != FALSE)?;
        Ok(to_c(handle))
    })
}

/// Ends the calling thread.
#[no_mangle]
pub extern "C-unwind" fn ExitThread(code: DWORD) -> ! {
    Thread::exit_frames(code)
}

/// Ends a thread where it is; no more of its code runs.
#[no_mangle]
pub extern "C" fn TerminateThread(thread: HANDLE, code: DWORD) -> BOOL {
    succeeds(|| Ok(target(thread, TERMINATE)?.terminate(code)?))
}

/// Gives a thread's exit code: 259 while it has not ended.
#[no_mangle]
pub unsafe extern "C" fn GetExitCodeThread(thread: HANDLE, code: *mut DWORD) -> BOOL {
    succeeds(|| {
        let thread = target(thread, QUERY_LIMITED_INFORMATION)?;
        if code.is_null() {
            return Err(Code::NOACCESS);
        }
        let value = thread.exit_code()?.unwrap_or(STILL_ACTIVE);
        // SAFETY: C passes room for the code.
        unsafe { put(code, value) };
        Ok(())
    })
}

/// Adds one to a thread's suspend count and returns what it was; -1 on failure.
#[no_mangle]
pub extern "C" fn SuspendThread(thread: HANDLE) -> DWORD {
    call(
        DWORD::MAX,
        || Ok(target(thread, SUSPEND_RESUME)?.suspend()?),
    )
}

/// Takes one from a thread's suspend count, unless it is 0, and returns what it was; -1 on failure.
#[no_mangle]
pub extern "C" fn ResumeThread(thread: HANDLE) -> DWORD {
    call(DWORD::MAX, || Ok(target(thread, SUSPEND_RESUME)?.resume()?))
}

/// Returns the pseudo handle of the calling thread, which is -2.
#[no_mangle]
pub extern "C" fn GetCurrentThread() -> HANDLE {
    -2_isize as HANDLE
}

thread_local! {
    /// Whether others can open the thread by its id.
    static CAN_BE_OPENED: Cell<bool> = const { Cell::new(false) };
}

/// Returns the id of the calling thread, which no other thread or process of the machine has. From then on other threads of
/// the process can open it by its id.
#[no_mangle]
pub extern "C" fn GetCurrentThreadId() -> DWORD {
    if !CAN_BE_OPENED.replace(true) {
        // Without that it still has its id.
        let _ = std::panic::catch_unwind(|| Thread::current().is_ok());
    }
    thread::current_id()
}

/// Returns a thread's id; 0 on failure.
#[no_mangle]
pub extern "C" fn GetThreadId(thread: HANDLE) -> DWORD {
    call(0, || Ok(target(thread, QUERY_LIMITED_INFORMATION)?.id()))
}

/// Returns the id of the process that a thread belongs to; 0 on failure.
#[no_mangle]
pub extern "C" fn GetProcessIdOfThread(thread: HANDLE) -> DWORD {
    call(0, || {
        Ok(target(thread, QUERY_LIMITED_INFORMATION)?.process_id())
    })
}

/// Keeps a priority for a thread: -15, -2 to 2, or 15.
#[no_mangle]
pub extern "C" fn SetThreadPriority(thread: HANDLE, priority: i32) -> BOOL {
    succeeds(|| {
        let thread = target(thread, SET_LIMITED_INFORMATION)?;
        match priority {
            -15 | -2..=2 | 15 => thread.set_priority(priority),
            mode if BACKGROUND.contains(&mode) => {}
            _ => return Err(Code::INVALID_PARAMETER),
        }
        Ok(())
    })
}

/// Returns the priority that was set for a thread; 0x7fffffff on failure.
#[no_mangle]
pub extern "C" fn GetThreadPriority(thread: HANDLE) -> i32 {
    call(PRIORITY_ERROR, || {
        Ok(target(thread, QUERY_LIMITED_INFORMATION)?.priority())
    })
}

/// Accepts whether a thread's priority shall be raised for moments; without effect.
#[no_mangle]
pub extern "C" fn SetThreadPriorityBoost(thread: HANDLE, _disable: BOOL) -> BOOL {
    succeeds(|| target(thread, SET_LIMITED_INFORMATION).map(drop))
}

/// Says that no thread's priority is ever raised for moments.
#[no_mangle]
pub unsafe extern "C" fn GetThreadPriorityBoost(thread: HANDLE, disabled: *mut BOOL) -> BOOL {
    succeeds(|| {
        target(thread, QUERY_LIMITED_INFORMATION)?;
        if disabled.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes room for the answer.
        unsafe { put(disabled, TRUE) };
        Ok(())
    })
}

/// Lets another thread run, and says whether one did.
#[no_mangle]
pub extern "C" fn SwitchToThread() -> BOOL {
    let before = times_put_aside();
    std::thread::yield_now();
    BOOL::from(times_put_aside() != before)
}

/// How often the calling thread was ready to run and had to make room for another.
fn times_put_aside() -> i64 {
    // SAFETY: all zeros is a valid value of the structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: fills in a local structure; if it fails the count stays 0.
    let _ = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_nivcsw
}

/// Sleeps for at least this many milliseconds; 0 lets other threads run first, INFINITE never returns.
#[no_mangle]
pub extern "C" fn Sleep(milliseconds: DWORD) {
    match milliseconds {
        0 => std::thread::yield_now(),
        INFINITE => loop {
            std::thread::park();
        },
        milliseconds => std::thread::sleep(Duration::from_millis(milliseconds.into())),
    }
}

/// [`Sleep`], but if `alertable` is TRUE, calls queued for the thread are made meanwhile, and end the sleep with 192.
#[no_mangle]
pub extern "C" fn SleepEx(milliseconds: DWORD, alertable: BOOL) -> DWORD {
    if alertable == FALSE {
        Sleep(milliseconds);
        return 0;
    }
    let time = (milliseconds != INFINITE).then(|| Duration::from_millis(milliseconds.into()));
    call(0, || {
        let outcome = wait::any_alertable(&[], time)?;
        Ok(match outcome {
            Outcome::Alerted => WAIT_IO_COMPLETION,
            _ => 0,
        })
    })
}
