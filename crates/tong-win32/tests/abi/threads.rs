//! Threads and queued calls through C.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tong_win32::apc::QueueUserAPC;
use tong_win32::begin_thread::{_beginthread, _beginthreadex, _endthreadex};
use tong_win32::event::{CreateEventA, SetEvent};
use tong_win32::handle::CompareObjectHandles;
use tong_win32::memory::LocalFree;
use tong_win32::thread::*;
use tong_win32::thread_description::{GetThreadDescription, SetThreadDescription};
use tong_win32::wait::{WaitForSingleObject, WaitForSingleObjectEx};

use crate::*;

const LONG: u32 = 30_000;
const WAIT_TIMEOUT: u32 = 258;
const WAIT_IO_COMPLETION: u32 = 192;
const CREATE_SUSPENDED: u32 = 4;
const STILL_ACTIVE: u32 = 259;
const THREAD_ALL: u32 = 0x001F_FFFF;

fn thread(start: ThreadStart, parameter: usize, flags: u32) -> (HANDLE, u32) {
    namespace();
    let mut id = 0;
    let call = || unsafe {
        CreateThread(
            ptr::null(),
            0,
            Some(start),
            parameter as *mut c_void,
            flags,
            &mut id,
        )
    };
    let (handle, code) = last_error_of(call);
    assert!(!handle.is_null(), "{code}");
    // W-144, H-149: the last error stays.
    assert_eq!(code, UNTOUCHED);
    (handle, id)
}

fn exit_code(handle: HANDLE) -> u32 {
    let mut code = 0;
    succeeds(|| unsafe { GetExitCodeThread(handle, &mut code) });
    code
}

fn event() -> HANDLE {
    unsafe { CreateEventA(ptr::null(), 0, 0, ptr::null()) }
}

extern "C-unwind" fn return_parameter(parameter: *mut c_void) -> u32 {
    parameter as usize as u32
}

extern "C-unwind" fn exit_in_the_middle(parameter: *mut c_void) -> u32 {
    ExitThread(parameter as usize as u32)
}

extern "C-unwind" fn sleep_for_ever(_: *mut c_void) -> u32 {
    Sleep(FOREVER);
    1
}

extern "C-unwind" fn own_id(_: *mut c_void) -> u32 {
    assert_eq!(GetThreadId(GetCurrentThread()), GetCurrentThreadId());
    GetCurrentThreadId()
}

/// W-144 to W-146: by returning and by ExitThread, with all 32 bits.
#[test]
fn threads_end_with_their_exit_codes() {
    for start in [return_parameter as ThreadStart, exit_in_the_middle] {
        let (handle, id) = thread(start, 0xDEAD_BEEF, 0);
        assert_ne!(id, 0);
        assert_eq!(
            last_error_of(|| WaitForSingleObject(handle, LONG)),
            (0, UNTOUCHED)
        );
        assert_eq!(exit_code(handle), 0xDEAD_BEEF);
        close(handle);
    }
    let mut code = 0;
    fails(6, || unsafe {
        GetExitCodeThread(ptr::null_mut(), &mut code)
    });
}

/// W-144: the id is the thread's own, and the process's stays apart (P-92, P-86).
#[test]
fn ids_are_what_threads_think_of_themselves() {
    let (handle, id) = thread(own_id, 0, 0);
    assert_eq!(GetThreadId(handle), id);
    assert_eq!(GetProcessIdOfThread(handle), std::process::id());
    WaitForSingleObject(handle, LONG);
    assert_eq!(exit_code(handle), id);
    assert_ne!(id, std::process::id());
    close(handle);
}

/// W-147 to W-149.
#[test]
fn suspend_counts_and_their_errors() {
    let (handle, _) = thread(return_parameter, 3, CREATE_SUSPENDED);
    assert_eq!(WaitForSingleObject(handle, 20), WAIT_TIMEOUT);
    assert_eq!(exit_code(handle), STILL_ACTIVE);
    assert_eq!(last_error_of(|| SuspendThread(handle)), (1, UNTOUCHED));
    assert_eq!(last_error_of(|| ResumeThread(handle)), (2, UNTOUCHED));
    for count in 1..127 {
        assert_eq!(SuspendThread(handle), count);
    }
    assert_eq!(last_error_of(|| SuspendThread(handle)), (u32::MAX, 156));
    for count in (1..=127).rev() {
        assert_eq!(ResumeThread(handle), count);
    }
    assert_eq!(WaitForSingleObject(handle, LONG), 0);
    assert_eq!(last_error_of(|| SuspendThread(handle)), (u32::MAX, 5));
    assert_eq!(last_error_of(|| ResumeThread(handle)), (0, UNTOUCHED));
    close(handle);
}

/// W-150.
#[test]
fn terminated_threads_have_the_code() {
    for flags in [0, CREATE_SUSPENDED] {
        let (handle, _) = thread(sleep_for_ever, 0, flags);
        succeeds(|| TerminateThread(handle, 77));
        assert_eq!(WaitForSingleObject(handle, LONG), 0);
        assert_eq!(exit_code(handle), 77);
        close(handle);
    }
}

/// W-151, H-23, and the rights of an opened thread.
#[test]
fn threads_are_opened_by_id_with_rights() {
    let open = |access, id| last_error_of(|| OpenThread(access, 0, id));
    assert_eq!(open(THREAD_ALL, 3), (ptr::null_mut(), 87));
    assert_eq!(open(THREAD_ALL, std::process::id()), (ptr::null_mut(), 87));
    let (handle, id) = thread(sleep_for_ever, 0, 0);
    assert_eq!(open(0, id), (ptr::null_mut(), 5));
    let (may_query, code) = open(0x800, id);
    assert_eq!(code, UNTOUCHED);
    succeeds(|| CompareObjectHandles(handle, may_query));
    assert_eq!(exit_code(may_query), STILL_ACTIVE);
    assert_eq!(last_error_of(|| SuspendThread(may_query)), (u32::MAX, 5));
    fails(5, || TerminateThread(may_query, 1));
    assert_eq!(
        last_error_of(|| WaitForSingleObject(may_query, 0)),
        (u32::MAX, 5)
    );
    let queued = last_error_of(|| QueueUserAPC(Some(count), may_query, 0));
    assert_eq!(queued, (0, 5));
    succeeds(|| TerminateThread(handle, 1));
    WaitForSingleObject(handle, LONG);
    close(may_query);
    close(handle);
}

/// H-52 to H-54, H-47: -2 is whoever uses it.
#[test]
fn pseudo_handle_is_the_caller() {
    namespace();
    assert_eq!(GetCurrentThread() as isize, -2);
    assert_eq!(exit_code(GetCurrentThread()), STILL_ACTIVE);
    assert_eq!(WaitForSingleObject(GetCurrentThread(), 20), WAIT_TIMEOUT);
    let real = duplicate(GetCurrentThread(), 0, 0, 2).unwrap();
    succeeds(|| CompareObjectHandles(real, GetCurrentThread()));
    assert_eq!(GetThreadId(real), GetCurrentThreadId());
    close(real);
}

static RUN: AtomicUsize = AtomicUsize::new(0);

extern "C-unwind" fn count(data: usize) {
    RUN.fetch_add(data, Ordering::SeqCst);
}

extern "C-unwind" fn sleep_alertably(parameter: *mut c_void) -> u32 {
    succeeds(|| SetEvent(parameter));
    SleepEx(FOREVER, 1)
}

/// W-56 to W-60, W-63, W-64, and H-53: -2 is accepted.
#[test]
fn queued_calls_run_in_alertable_sleeps_only() {
    namespace();
    let before = RUN.load(Ordering::SeqCst);
    let run = || RUN.load(Ordering::SeqCst) - before;
    for _ in 0..2 {
        assert_ne!(QueueUserAPC(Some(count), GetCurrentThread(), 10), 0);
    }
    Sleep(1);
    assert_eq!(SleepEx(1, 0), 0);
    assert_eq!(run(), 0);
    assert_eq!(
        last_error_of(|| SleepEx(0, 1)),
        (WAIT_IO_COMPLETION, UNTOUCHED)
    );
    assert_eq!(run(), 20);
    assert_eq!(SleepEx(0, 1), 0);

    let ready = event();
    let (handle, _) = thread(sleep_alertably, ready as usize, 0);
    WaitForSingleObject(ready, LONG);
    assert_ne!(QueueUserAPC(Some(count), handle, 100), 0);
    assert_eq!(WaitForSingleObject(handle, LONG), 0);
    assert_eq!(exit_code(handle), WAIT_IO_COMPLETION);
    assert_eq!(run(), 120);
    // W-57.
    assert_eq!(
        last_error_of(|| QueueUserAPC(Some(count), handle, 1)),
        (0, 31)
    );
    close(handle);
    close(ready);
}

/// W-61, W-62.
#[test]
fn signaled_objects_come_before_queued_calls() {
    namespace();
    let set = event();
    succeeds(|| SetEvent(set));
    QueueUserAPC(Some(count_nothing), GetCurrentThread(), 0);
    assert_eq!(WaitForSingleObjectEx(set, LONG, 1), 0);
    let alerted = last_error_of(|| WaitForSingleObjectEx(set, LONG, 1));
    assert_eq!(alerted, (WAIT_IO_COMPLETION, UNTOUCHED));
    assert_eq!(WaitForSingleObjectEx(set, 0, 1), WAIT_TIMEOUT);
    close(set);
}

extern "C-unwind" fn count_nothing(_: usize) {}

/// W-64, W-65: the interval passes, and nothing runs.
#[test]
fn sleeps_last_at_least_as_long_as_asked() {
    for alertable in [0, 1] {
        let started = Instant::now();
        assert_eq!(SleepEx(30, alertable), 0);
        assert!(started.elapsed() >= Duration::from_millis(29));
    }
    let (handle, _) = thread(sleep_for_ever, 0, 0);
    assert_eq!(WaitForSingleObject(handle, 50), WAIT_TIMEOUT);
    succeeds(|| TerminateThread(handle, 0));
    close(handle);
}

#[test]
fn priorities_are_kept_and_checked() {
    let (handle, _) = thread(sleep_for_ever, 0, 0);
    assert_eq!(GetThreadPriority(handle), 0);
    for priority in [-15, -2, -1, 0, 1, 2, 15] {
        succeeds(|| SetThreadPriority(handle, priority));
        assert_eq!(GetThreadPriority(handle), priority);
    }
    fails(87, || SetThreadPriority(handle, 3));
    assert_eq!(
        last_error_of(|| GetThreadPriority(ptr::null_mut())),
        (i32::MAX, 6)
    );
    succeeds(|| TerminateThread(handle, 0));
    close(handle);
}

#[test]
fn descriptions_are_kept() {
    namespace();
    let this = duplicate(GetCurrentThread(), 0, 0, 2).unwrap();
    assert_eq!(unsafe { SetThreadDescription(this, w("höre").as_ptr()) }, 0);
    let mut text = ptr::null_mut();
    assert_eq!(unsafe { GetThreadDescription(this, &mut text) }, 0);
    let copy = unsafe { std::slice::from_raw_parts(text, 5) };
    assert_eq!(copy, w("höre"));
    unsafe { LocalFree(text.cast()) };
    let failed = unsafe { SetThreadDescription(ptr::null_mut(), w("x").as_ptr()) };
    assert_eq!(failed as u32, 0x8007_0006);
    close(this);
}

#[test]
fn wrong_arguments_make_no_thread() {
    let mut id = 77;
    let make = |start, flags, id: &mut u32| {
        last_error_of(|| unsafe { CreateThread(ptr::null(), 0, start, ptr::null_mut(), flags, id) })
    };
    assert_eq!(make(None, 0, &mut id), (ptr::null_mut(), 87));
    assert_eq!(
        make(Some(return_parameter), 0x40, &mut id),
        (ptr::null_mut(), 87)
    );
    assert_eq!(id, 77);
}

static LAST: AtomicU32 = AtomicU32::new(0);

extern "C-unwind" fn note(parameter: *mut c_void) {
    LAST.store(parameter as usize as u32, Ordering::SeqCst);
}

extern "C-unwind" fn end_with_nine(_: *mut c_void) -> u32 {
    _endthreadex(9)
}

/// The C run-time's functions.
#[test]
fn run_time_makes_threads_too() {
    namespace();
    let mut id = 0;
    let handle = unsafe {
        _beginthreadex(
            ptr::null(),
            0,
            Some(end_with_nine),
            ptr::null_mut(),
            0,
            &mut id,
        )
    } as HANDLE;
    assert_ne!(id, 0);
    assert_eq!(WaitForSingleObject(handle, LONG), 0);
    assert_eq!(exit_code(handle), 9);
    close(handle);

    let handle = unsafe { _beginthread(Some(note), 0, 5 as *mut c_void) } as HANDLE;
    assert_ne!(handle as isize, -1);
    let started = Instant::now();
    // The handle closes itself when the thread ends.
    while last_error_of(|| unsafe { GetExitCodeThread(handle, &mut id) }).1 != 6 {
        assert!(started.elapsed() < Duration::from_secs(30));
        Sleep(1);
    }
    assert_eq!(LAST.load(Ordering::SeqCst), 5);
}
