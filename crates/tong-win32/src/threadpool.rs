//! Thread pools: work, timers and waits whose callbacks run on threads of the library.
//!
//! The threads are those of the one [pool](crate::pool). A timer is one of a [timer queue](crate::timer_queue), a wait a
//! [registered wait](crate::registered_wait) for once; both only queue the callback.
//!
//! A callback that is queued keeps its object in memory; closing the object leaves it to run. Waiting for the callbacks of
//! an object from one of them never ends.
//!
//! # References
//! Win32: "Thread Pool API".

#![allow(
    unsafe_code,
    reason = "exported C symbols that use pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions and members have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

pub mod io;
mod item;
mod limit;

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tong::Due;

use crate::border::{call, succeeds};
use crate::critical_section::CRITICAL_SECTION;
use crate::error::Code;
use crate::registered_wait::{RegisterWaitForSingleObject, UnregisterWait};
use crate::timer::to_due;
use crate::timer_queue::{CreateTimerQueueTimer, DeleteTimerQueueTimer};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, TRUE};
use item::{AtEnd, Callback, Schedule};
use limit::Limit;

pub use item::{
    CancelCallback, Group, Instance, IoCallback, Item, ItemCallback, SimpleCallback, WaitCallback,
};

const WT_EXECUTEINWAITTHREAD: DWORD = 0x4;
const WT_EXECUTEONLYONCE: DWORD = 0x8;
const WT_EXECUTEINTIMERTHREAD: DWORD = 0x20;
const INFINITE: DWORD = DWORD::MAX;
const WAIT_OBJECT_0: DWORD = 0;
const WAIT_TIMEOUT: DWORD = 258;

/// Where callbacks are to run, and what their objects belong to.
#[repr(C)]
#[derive(Debug)]
pub struct TP_CALLBACK_ENVIRON {
    Version: DWORD,
    Pool: *const Pool,
    CleanupGroup: *const Group,
    CleanupGroupCancelCallback: Option<CancelCallback>,
    RaceDll: *mut c_void,
    ActivationContext: *mut c_void,
    FinalizationCallback: Option<SimpleCallback>,
    Flags: DWORD,
    CallbackPriority: i32,
    Size: DWORD,
}

const _: () = assert!(size_of::<TP_CALLBACK_ENVIRON>() == 72);

/// A pool of the program's own.
#[derive(Debug)]
pub struct Pool(Arc<Limit>);

/// Makes a pool.
#[no_mangle]
pub extern "C" fn CreateThreadpool(_reserved: *mut c_void) -> *mut Pool {
    Box::into_raw(Box::new(Pool(Limit::new())))
}

/// Closes a pool. What is queued there still runs.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpool(pool: *mut Pool) {
    // SAFETY: C passes a pool that it does not use any more.
    drop(unsafe { Box::from_raw(pool) });
}

/// Sets how many callbacks of the pool run at a time.
#[no_mangle]
pub unsafe extern "C" fn SetThreadpoolThreadMaximum(pool: *mut Pool, most: DWORD) {
    // SAFETY: C passes a pool.
    unsafe { &*pool }.0.set_maximum(most as usize);
}

/// Always TRUE: threads are made when they are needed.
#[no_mangle]
pub extern "C" fn SetThreadpoolThreadMinimum(_pool: *mut Pool, _least: DWORD) -> BOOL {
    TRUE
}

/// Makes a group.
#[no_mangle]
pub extern "C" fn CreateThreadpoolCleanupGroup() -> *const Group {
    Arc::into_raw(Arc::new(Group::default()))
}

/// Closes a group whose members are closed.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolCleanupGroup(group: *const Group) {
    // SAFETY: C passes a group that it does not use any more.
    drop(unsafe { Arc::from_raw(group) });
}

/// Closes all objects of a group, and waits for their callbacks. What is queued runs, or is cancelled.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolCleanupGroupMembers(
    group: *const Group,
    cancel_pending: BOOL,
    cleanup_context: *mut c_void,
) {
    // SAFETY: C passes a group.
    unsafe { &*group }.close_members(cancel_pending != FALSE, cleanup_context);
}

/// Makes what a callback is for.
///
/// # Safety
/// `environment` is null or leads to the structure, with a pool and a group that are in use or null.
unsafe fn item(
    callback: Callback,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Arc<Item> {
    // SAFETY: the caller vouches for all three pointers.
    unsafe {
        let environment = environment.as_ref();
        let pool = environment.and_then(|environment| environment.Pool.as_ref());
        let limit = pool.map_or_else(Limit::of_process, |pool| Arc::clone(&pool.0));
        let group = environment
            .filter(|environment| !environment.CleanupGroup.is_null())
            .map(|environment| {
                Arc::increment_strong_count(environment.CleanupGroup);
                let group = Arc::from_raw(environment.CleanupGroup);
                (group, environment.CleanupGroupCancelCallback)
            });
        Item::new(callback, context, limit, group)
    }
}

/// A reference to an object of the program, for the length of a call.
///
/// # Safety
/// `object` is an object that is not closed.
unsafe fn borrowed(object: *const Item) -> ManuallyDrop<Arc<Item>> {
    // SAFETY: it came from `Arc::into_raw`, and its reference is not given up here.
    ManuallyDrop::new(unsafe { Arc::from_raw(object) })
}

/// Has a callback run once.
#[no_mangle]
pub unsafe extern "C" fn TrySubmitThreadpoolCallback(
    callback: Option<SimpleCallback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> BOOL {
    succeeds(|| {
        let callback = Callback::Simple(callback.ok_or(Code::INVALID_PARAMETER)?);
        // SAFETY: C passes null or the structure.
        unsafe { item(callback, context, environment) }.submit(WAIT_OBJECT_0)
    })
}

/// Makes an object for a callback of work or of a timer.
unsafe fn create(
    callback: Option<Callback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> *const Item {
    call(ptr::null(), || {
        let callback = callback.ok_or(Code::INVALID_PARAMETER)?;
        // SAFETY: C passes null or the structure.
        Ok(Arc::into_raw(unsafe {
            item(callback, context, environment)
        }))
    })
}

/// Makes a work object.
#[no_mangle]
pub unsafe extern "C" fn CreateThreadpoolWork(
    callback: Option<ItemCallback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> *const Item {
    // SAFETY: C passes null or the structure.
    unsafe { create(callback.map(Callback::Item), context, environment) }
}

/// Makes a timer, which is not set.
#[no_mangle]
pub unsafe extern "C" fn CreateThreadpoolTimer(
    callback: Option<ItemCallback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> *const Item {
    // SAFETY: C passes null or the structure.
    unsafe { create(callback.map(Callback::Item), context, environment) }
}

/// Makes a wait, which is not set.
#[no_mangle]
pub unsafe extern "C" fn CreateThreadpoolWait(
    callback: Option<WaitCallback>,
    context: *mut c_void,
    environment: *const TP_CALLBACK_ENVIRON,
) -> *const Item {
    // SAFETY: C passes null or the structure.
    unsafe { create(callback.map(Callback::Wait), context, environment) }
}

/// Has the callback of a work object run once more.
#[no_mangle]
pub unsafe extern "C" fn SubmitThreadpoolWork(work: *const Item) {
    // SAFETY: C passes a work object.
    let work = unsafe { borrowed(work) };
    // The function has no way to say that there is no thread for it.
    let _ = work.submit(WAIT_OBJECT_0);
}

/// Sets a timer to a due time and perhaps a period in milliseconds; without a due time, stops it.
#[no_mangle]
pub unsafe extern "C" fn SetThreadpoolTimer(
    timer: *const Item,
    due_time: *const i64,
    period: DWORD,
    _window: DWORD,
) {
    // SAFETY: C passes a timer, and null or a FILETIME, which may lie at any multiple of four.
    let (timer, due) = unsafe { (borrowed(timer), time(due_time)) };
    timer.is_set.store(due.is_some(), Ordering::Relaxed);
    let start = |number| start_timer(number, due?, period);
    timer.schedule(due.is_some().then_some(&start));
}

fn start_timer(number: usize, due: DWORD, period: DWORD) -> Option<Schedule> {
    let mut handle = ptr::null_mut();
    let (queue, flags) = (ptr::null_mut(), WT_EXECUTEINTIMERTHREAD);
    // SAFETY: room for the handle, and a function that knows its parameter to be a number.
    let made = unsafe {
        let parameter = ptr::without_provenance_mut(number);
        let fire = Some(timer_fires as _);
        CreateTimerQueueTimer(&mut handle, queue, fire, parameter, due, period, flags)
    };
    let stop = |timer| {
        // That a callback is under way does not matter: it only queues one of ours, or finds its number gone.
        let _ = DeleteTimerQueueTimer(ptr::null_mut(), timer, ptr::null_mut());
    };
    (made != FALSE).then(|| Schedule {
        number,
        handle: handle.expose_provenance(),
        stop,
    })
}

extern "C-unwind" fn timer_fires(number: *mut c_void, _timed_out: u8) {
    Item::fire(number.addr(), WAIT_OBJECT_0);
}

/// Says whether a timer was set and not stopped since.
#[no_mangle]
pub unsafe extern "C" fn IsThreadpoolTimerSet(timer: *const Item) -> BOOL {
    // SAFETY: C passes a timer.
    unsafe { borrowed(timer) }
        .is_set
        .load(Ordering::Relaxed)
        .into()
}

/// Has the callback of a wait run once when the object is signaled or the time has passed; without a handle, stops it.
#[no_mangle]
pub unsafe extern "C" fn SetThreadpoolWait(wait: *const Item, handle: HANDLE, timeout: *const i64) {
    // SAFETY: C passes a wait, and null or a FILETIME, which may lie at any multiple of four.
    let (wait, time) = unsafe { (borrowed(wait), time(timeout)) };
    let start = |number| start_wait(number, handle, time.unwrap_or(INFINITE));
    wait.schedule((!handle.is_null()).then_some(&start));
}

fn start_wait(number: usize, handle: HANDLE, time: DWORD) -> Option<Schedule> {
    let mut registered = ptr::null_mut();
    let flags = WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD;
    // SAFETY: room for the handle, and a function that knows its parameter to be a number.
    let made = unsafe {
        let parameter = ptr::without_provenance_mut(number);
        let fire = Some(wait_fires as _);
        RegisterWaitForSingleObject(&mut registered, handle, fire, parameter, time, flags)
    };
    let stop = |wait| {
        // As for timers.
        let _ = UnregisterWait(wait);
    };
    (made != FALSE).then(|| Schedule {
        number,
        handle: registered.expose_provenance(),
        stop,
    })
}

extern "C-unwind" fn wait_fires(number: *mut c_void, timed_out: u8) {
    let result = match timed_out {
        0 => WAIT_OBJECT_0,
        _ => WAIT_TIMEOUT,
    };
    Item::fire(number.addr(), result);
}

/// The milliseconds until a due time; `None` if there is none.
///
/// # Safety
/// `due_time` is null or leads to a FILETIME.
unsafe fn time(due_time: *const i64) -> Option<DWORD> {
    if due_time.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it.
    let left = match to_due(unsafe { due_time.read_unaligned() }) {
        Due::After(time) => time,
        Due::At(time) => time.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    // Never early: what is left of a millisecond counts as a whole one.
    let ms = (left + Duration::from_nanos(999_999)).as_millis();
    Some(DWORD::try_from(ms).map_or(INFINITE - 1, |ms| ms.min(INFINITE - 1)))
}

/// Waits for the callbacks of a work object; what is queued runs, or is cancelled.
#[no_mangle]
pub unsafe extern "C" fn WaitForThreadpoolWorkCallbacks(work: *const Item, cancel_pending: BOOL) {
    // SAFETY: C passes a work object.
    unsafe { borrowed(work) }.wait(cancel_pending != FALSE);
}

/// Waits for the callbacks of a timer; what is queued runs, or is cancelled.
#[no_mangle]
pub unsafe extern "C" fn WaitForThreadpoolTimerCallbacks(timer: *const Item, cancel_pending: BOOL) {
    // SAFETY: C passes a timer.
    unsafe { borrowed(timer) }.wait(cancel_pending != FALSE);
}

/// Waits for the callbacks of a wait; what is queued runs, or is cancelled.
#[no_mangle]
pub unsafe extern "C" fn WaitForThreadpoolWaitCallbacks(wait: *const Item, cancel_pending: BOOL) {
    // SAFETY: C passes a wait.
    unsafe { borrowed(wait) }.wait(cancel_pending != FALSE);
}

/// Closes a work object; callbacks that are queued still run.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolWork(work: *const Item) {
    // SAFETY: C passes a work object that it does not use any more.
    unsafe { Item::close(work) };
}

/// Closes a timer; callbacks that are queued still run.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolTimer(timer: *const Item) {
    // SAFETY: C passes a timer that it does not use any more.
    unsafe { Item::close(timer) };
}

/// Closes a wait; callbacks that are queued still run.
#[no_mangle]
pub unsafe extern "C" fn CloseThreadpoolWait(wait: *const Item) {
    // SAFETY: C passes a wait that it does not use any more.
    unsafe { Item::close(wait) };
}

/// Sets an event when the callback returns.
#[no_mangle]
pub unsafe extern "C" fn SetEventWhenCallbackReturns(instance: *mut Instance, event: HANDLE) {
    // SAFETY: C passes the instance that its callback was given, and is still in that.
    unsafe { &*instance }.add(AtEnd::Set(event));
}

/// Releases a semaphore when the callback returns.
#[no_mangle]
pub unsafe extern "C" fn ReleaseSemaphoreWhenCallbackReturns(
    instance: *mut Instance,
    semaphore: HANDLE,
    count: DWORD,
) {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    // SAFETY: C passes the instance that its callback was given, and is still in that.
    unsafe { &*instance }.add(AtEnd::Release(semaphore, count));
}

/// Releases a mutex when the callback returns.
#[no_mangle]
pub unsafe extern "C" fn ReleaseMutexWhenCallbackReturns(instance: *mut Instance, mutex: HANDLE) {
    // SAFETY: C passes the instance that its callback was given, and is still in that.
    unsafe { &*instance }.add(AtEnd::ReleaseMutex(mutex));
}

/// Leaves a critical section when the callback returns.
#[no_mangle]
pub unsafe extern "C" fn LeaveCriticalSectionWhenCallbackReturns(
    instance: *mut Instance,
    section: *mut CRITICAL_SECTION,
) {
    // SAFETY: C passes the instance that its callback was given, and is still in that.
    unsafe { &*instance }.add(AtEnd::Leave(section));
}

/// Always TRUE: a callback may run as long as it likes.
#[no_mangle]
pub extern "C" fn CallbackMayRunLong(_instance: *mut Instance) -> BOOL {
    TRUE
}

/// Ends the waiting for this callback.
#[no_mangle]
pub unsafe extern "C" fn DisassociateCurrentThreadFromCallback(instance: *mut Instance) {
    // SAFETY: C passes the instance that its callback was given, and is still in that.
    unsafe { &*instance }.set_apart();
}
