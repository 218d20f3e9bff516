//! Thread pools: work, timers, waits, groups.

use super::events::event;
use super::semaphores::semaphore;
use super::waits::{look, look_for, TIMEOUT};
use super::*;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use tong_win32::event::{ResetEvent, SetEvent};
use tong_win32::threadpool::*;

/// What a callback notes, and where it may be held up.
struct Note {
    calls: AtomicU32,
    running: AtomicU32,
    most: AtomicU32,
    result: AtomicU32,
    gate: HANDLE,
}

impl Note {
    fn new(gate: HANDLE) -> Box<Note> {
        Box::new(Note {
            calls: AtomicU32::new(0),
            running: AtomicU32::new(0),
            most: AtomicU32::new(0),
            result: AtomicU32::new(77),
            gate,
        })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    fn context(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    /// Waits until so many calls run, and a little longer; returns how many run then.
    fn settled(&self, running: u32) -> u32 {
        while self.running.load(Ordering::SeqCst) < running {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(30));
        self.running.load(Ordering::SeqCst)
    }

    fn call(&self) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        if !self.gate.is_null() {
            look_for(self.gate, FOREVER);
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

unsafe extern "C-unwind" fn simple(_: *mut Instance, note: *mut c_void) {
    unsafe { &*note.cast::<Note>() }.call();
}

unsafe extern "C-unwind" fn item(_: *mut Instance, note: *mut c_void, _: *const Item) {
    unsafe { &*note.cast::<Note>() }.call();
}

unsafe extern "C-unwind" fn wait(_: *mut Instance, note: *mut c_void, _: *const Item, result: u32) {
    let note = unsafe { &*note.cast::<Note>() };
    note.result.store(result, Ordering::SeqCst);
    note.call();
}

/// The layout of TP_CALLBACK_ENVIRON, as the header's inline functions fill it in.
fn environment(pool: *mut Pool, group: *const Group) -> [usize; 9] {
    [3, pool as usize, group as usize, 0, 0, 0, 0, 1 << 32, 72]
}

const NULL: *const TP_CALLBACK_ENVIRON = ptr::null();

#[test]
fn work_runs_as_often_as_it_is_submitted() {
    let note = Note::new(ptr::null_mut());
    unsafe {
        let work = CreateThreadpoolWork(Some(item), note.context(), NULL);
        (0..20).for_each(|_| SubmitThreadpoolWork(work));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        assert_eq!(note.calls(), 20);
        CloseThreadpoolWork(work);
        let none = last_error_of(|| CreateThreadpoolWork(None, ptr::null_mut(), NULL));
        assert_eq!(none, (ptr::null(), 87));
    }
}

#[test]
fn maximum_of_a_pool_bounds_its_callbacks() {
    let note = Note::new(event(true, false));
    unsafe {
        let pool = CreateThreadpool(ptr::null_mut());
        SetThreadpoolThreadMaximum(pool, 1);
        assert_eq!(SetThreadpoolThreadMinimum(pool, 1), TRUE);
        let environment = environment(pool, ptr::null());
        let work = CreateThreadpoolWork(Some(item), note.context(), environment.as_ptr().cast());
        (0..5).for_each(|_| SubmitThreadpoolWork(work));
        assert_eq!(note.settled(1), 1);
        succeeds(|| SetEvent(note.gate));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        assert_eq!((note.calls(), note.most.load(Ordering::SeqCst)), (5, 1));
        succeeds(|| ResetEvent(note.gate));
        (0..5).for_each(|_| SubmitThreadpoolWork(work));
        assert_eq!(note.settled(1), 1);
        SetThreadpoolThreadMaximum(pool, 3);
        assert_eq!(note.settled(3), 3);
        succeeds(|| SetEvent(note.gate));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CloseThreadpoolWork(work);
        CloseThreadpool(pool);
    }
    close(note.gate);
}

#[test]
fn queued_callbacks_can_be_cancelled() {
    let note = Note::new(event(true, false));
    unsafe {
        let pool = CreateThreadpool(ptr::null_mut());
        SetThreadpoolThreadMaximum(pool, 1);
        let environment = environment(pool, ptr::null());
        let work = CreateThreadpoolWork(Some(item), note.context(), environment.as_ptr().cast());
        (0..5).for_each(|_| SubmitThreadpoolWork(work));
        while note.running.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        let gate = note.gate as usize;
        let opener = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            succeeds(|| SetEvent(gate as HANDLE));
        });
        WaitForThreadpoolWorkCallbacks(work, TRUE);
        assert_eq!(note.calls(), 1, "the one that ran already");
        opener.join().unwrap();
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        assert_eq!(note.calls(), 2);
        CloseThreadpoolWork(work);
        CloseThreadpool(pool);
    }
    close(note.gate);
}

#[test]
fn timer_of_a_pool_fires_once_or_again_and_again() {
    let note = Note::new(ptr::null_mut());
    unsafe {
        let timer = CreateThreadpoolTimer(Some(item), note.context(), NULL);
        assert_eq!(IsThreadpoolTimerSet(timer), FALSE);
        let due = -20 * 10_000_i64;
        SetThreadpoolTimer(timer, &due, 0, 0);
        assert_eq!(IsThreadpoolTimerSet(timer), TRUE);
        thread::sleep(Duration::from_millis(10));
        assert_eq!(note.calls(), 0);
        while note.calls() == 0 {
            thread::yield_now();
        }
        SetThreadpoolTimer(timer, &0, 5, 0);
        while note.calls() < 4 {
            thread::yield_now();
        }
        SetThreadpoolTimer(timer, ptr::null(), 0, 0);
        WaitForThreadpoolTimerCallbacks(timer, TRUE);
        let calls = note.calls();
        thread::sleep(Duration::from_millis(30));
        assert_eq!(note.calls(), calls);
        CloseThreadpoolTimer(timer);
    }
}

#[test]
fn wait_of_a_pool_calls_once_for_each_setting() {
    let note = Note::new(ptr::null_mut());
    let object = event(false, false);
    let until = |calls| {
        while note.calls() < calls {
            thread::yield_now();
        }
        note.result.load(Ordering::SeqCst)
    };
    unsafe {
        let waiting = CreateThreadpoolWait(Some(wait), note.context(), NULL);
        SetThreadpoolWait(waiting, object, ptr::null());
        succeeds(|| SetEvent(object));
        assert_eq!(until(1), 0);
        succeeds(|| SetEvent(object));
        thread::sleep(Duration::from_millis(20));
        assert_eq!(note.calls(), 1, "set anew for each callback");
        assert_eq!(look(object), 0);
        let timeout = -10 * 10_000_i64;
        SetThreadpoolWait(waiting, object, &timeout);
        assert_eq!(until(2), TIMEOUT);
        SetThreadpoolWait(waiting, object, ptr::null());
        SetThreadpoolWait(waiting, ptr::null_mut(), ptr::null());
        succeeds(|| SetEvent(object));
        WaitForThreadpoolWaitCallbacks(waiting, FALSE);
        assert_eq!((note.calls(), look(object)), (2, 0));
        CloseThreadpoolWait(waiting);
    }
    close(object);
}

static CANCELLED: AtomicU32 = AtomicU32::new(0);

unsafe extern "C-unwind" fn cancelled(_object: *mut c_void, cleanup: *mut c_void) {
    CANCELLED.fetch_add(cleanup as u32, Ordering::SeqCst);
}

#[test]
fn group_closes_its_members_and_waits_for_them() {
    let note = Note::new(event(true, false));
    unsafe {
        let group = CreateThreadpoolCleanupGroup();
        let pool = CreateThreadpool(ptr::null_mut());
        SetThreadpoolThreadMaximum(pool, 1);
        let mut environment = environment(pool, group);
        environment[3] = cancelled as *const () as usize;
        let environment = environment.as_ptr().cast();
        let first = CreateThreadpoolWork(Some(item), note.context(), environment);
        let second = CreateThreadpoolWork(Some(item), note.context(), environment);
        CreateThreadpoolTimer(Some(item), note.context(), environment);
        SubmitThreadpoolWork(first);
        while note.running.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        SubmitThreadpoolWork(second);
        succeeds(|| TrySubmitThreadpoolCallback(Some(simple), note.context(), environment));
        let gate = note.gate as usize;
        let opener = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            succeeds(|| SetEvent(gate as HANDLE));
        });
        CloseThreadpoolCleanupGroupMembers(group, TRUE, 100_usize as *mut c_void);
        assert_eq!(note.calls(), 1);
        assert_eq!(
            CANCELLED.load(Ordering::SeqCst),
            200,
            "told of both that were queued"
        );
        opener.join().unwrap();
        CloseThreadpoolCleanupGroup(group);
        CloseThreadpool(pool);
    }
    close(note.gate);
}

unsafe extern "C-unwind" fn at_the_end(instance: *mut Instance, handles: *mut c_void) {
    let [event, semaphore] = unsafe { *handles.cast::<[HANDLE; 2]>() };
    unsafe {
        assert_eq!(CallbackMayRunLong(instance), TRUE);
        SetEventWhenCallbackReturns(instance, event);
        ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, 2);
    }
    assert_eq!(look(event), TIMEOUT, "not before the callback returns");
}

#[test]
fn callback_leaves_work_for_its_end() {
    let handles = [event(true, false), semaphore(0, 3)];
    let context = handles.as_ptr().cast_mut().cast();
    succeeds(|| unsafe { TrySubmitThreadpoolCallback(Some(at_the_end), context, NULL) });
    assert_eq!(look_for(handles[1], FOREVER), 0);
    assert_eq!(
        (look(handles[0]), look(handles[1]), look(handles[1])),
        (0, 0, TIMEOUT)
    );
    handles.into_iter().for_each(close);
}
