//! Work items, timer queues and registered waits: when callbacks run, and what deleting one means.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::Mutex;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use tong_win32::event::{CreateEventA, ResetEvent, SetEvent};
use tong_win32::pool::QueueUserWorkItem;
use tong_win32::registered_wait::*;
use tong_win32::thread::Sleep;
use tong_win32::timer_queue::*;
use tong_win32::wait::WaitForSingleObject;

use crate::*;

const LONG: u32 = 30_000;
const WAIT_TIMEOUT: u32 = 258;
const IN_WAIT_THREAD: u32 = 4;
const ONLY_ONCE: u32 = 8;
const IN_TIMER_THREAD: u32 = 0x20;
const NULL: HANDLE = ptr::null_mut();

/// What a callback notes, and what it waits for before it returns.
struct Note {
    runs: AtomicU32,
    timed_out: Mutex<Vec<bool>>,
    threads: Mutex<Vec<ThreadId>>,
    /// Signaled by each run.
    ran: HANDLE,
    /// If not null, each run waits for it.
    gate: HANDLE,
    /// A handle that a callback works on.
    own: AtomicPtr<c_void>,
}

impl Note {
    /// Leaked, because callbacks of failed tests may come late.
    fn new(gate: HANDLE) -> &'static Note {
        namespace();
        Box::leak(Box::new(Note {
            runs: AtomicU32::new(0),
            timed_out: Mutex::default(),
            threads: Mutex::default(),
            ran: event(0),
            gate,
            own: AtomicPtr::new(NULL),
        }))
    }

    fn context(&'static self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn wait_for(&self, runs: u32) {
        while self.runs() < runs {
            assert_eq!(WaitForSingleObject(self.ran, LONG), 0);
        }
    }

    fn run(&self, timed_out: bool) {
        self.timed_out.lock().unwrap().push(timed_out);
        self.threads
            .lock()
            .unwrap()
            .push(std::thread::current().id());
        self.runs.fetch_add(1, Ordering::SeqCst);
        SetEvent(self.ran);
        if !self.gate.is_null() {
            WaitForSingleObject(self.gate, LONG);
        }
    }
}

fn event(manual: i32) -> HANDLE {
    unsafe { CreateEventA(ptr::null(), manual, 0, ptr::null()) }
}

fn note(context: *mut c_void) -> &'static Note {
    unsafe { &*context.cast::<Note>() }
}

extern "C-unwind" fn callback(context: *mut c_void, timed_out: u8) {
    note(context).run(timed_out != 0);
}

extern "C-unwind" fn work(context: *mut c_void) -> u32 {
    note(context).run(false);
    0
}

fn queue() -> HANDLE {
    let queue = CreateTimerQueue();
    assert!(!queue.is_null());
    queue
}

fn timer(queue: HANDLE, note: &'static Note, due: u32, period: u32, flags: u32) -> HANDLE {
    let mut timer = NULL;
    succeeds(|| unsafe {
        CreateTimerQueueTimer(
            &mut timer,
            queue,
            Some(callback),
            note.context(),
            due,
            period,
            flags,
        )
    });
    assert!(!timer.is_null());
    timer
}

fn register(object: HANDLE, note: &'static Note, time: u32, flags: u32) -> HANDLE {
    let mut wait = NULL;
    succeeds(|| unsafe {
        RegisterWaitForSingleObject(
            &mut wait,
            object,
            Some(callback),
            note.context(),
            time,
            flags,
        )
    });
    assert!(!wait.is_null());
    wait
}

/// Waits until callbacks have finished.
fn delete_and_wait(queue: HANDLE, timer: HANDLE) {
    succeeds(|| DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
}

#[test]
fn work_items_run_at_once_even_if_they_wait_for_each_other() {
    let gate = event(1);
    let note = Note::new(gate);
    for _ in 0..20 {
        succeeds(|| QueueUserWorkItem(Some(work), note.context(), 0));
    }
    note.wait_for(20);
    succeeds(|| SetEvent(gate));
    fails(87, || QueueUserWorkItem(None, NULL, 0));
}

/// W-124 to W-126: once with period 0, else again and again, the argument always TRUE.
#[test]
fn timers_fire_when_due_and_every_period() {
    let queue = queue();
    let (once, often) = (Note::new(NULL), Note::new(NULL));
    let started = Instant::now();
    let one = timer(queue, once, 30, 0, 0);
    let other = timer(NULL, often, 0, 10, 0);
    once.wait_for(1);
    assert!(started.elapsed() >= Duration::from_millis(30));
    often.wait_for(4);
    assert_eq!(once.runs(), 1);
    delete_and_wait(queue, one);
    delete_and_wait(NULL, other);
    let runs = often.runs();
    Sleep(40);
    assert_eq!(often.runs(), runs);
    assert!(often
        .timed_out
        .lock()
        .unwrap()
        .iter()
        .all(|timed_out| *timed_out));
    succeeds(|| DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
}

/// W-126: the next run does not wait for the last one.
#[test]
fn periods_go_on_while_a_callback_runs() {
    let gate = event(1);
    let note = Note::new(gate);
    let timer = timer(NULL, note, 0, 10, 0);
    note.wait_for(3);
    succeeds(|| SetEvent(gate));
    delete_and_wait(NULL, timer);
}

/// W-127.
#[test]
fn timer_flags() {
    let mut handle = NULL;
    fails(87, || unsafe {
        CreateTimerQueueTimer(&mut handle, NULL, Some(callback), NULL, 1, 1, ONLY_ONCE)
    });
    let notes = [Note::new(NULL), Note::new(NULL)];
    let timers = notes.map(|note| timer(NULL, note, 1, 0, IN_TIMER_THREAD));
    notes.iter().for_each(|note| note.wait_for(1));
    let threads = notes.map(|note| note.threads.lock().unwrap()[0]);
    assert_eq!(threads[0], threads[1]);
    for timer in timers {
        delete_and_wait(NULL, timer);
    }
}

/// W-128: before it fires a timer can be changed, afterwards nothing happens.
#[test]
fn one_shot_timer_changes_only_before_it_fires() {
    let note = Note::new(NULL);
    let timer = timer(NULL, note, FOREVER, 0, 0);
    succeeds(|| ChangeTimerQueueTimer(NULL, timer, 5, 0));
    note.wait_for(1);
    succeeds(|| ChangeTimerQueueTimer(NULL, timer, 0, 0));
    Sleep(30);
    assert_eq!(note.runs(), 1);
    delete_and_wait(NULL, timer);
}

extern "C-unwind" fn change_own(context: *mut c_void, timed_out: u8) {
    let note = note(context);
    note.run(timed_out != 0);
    let own = note.own.load(Ordering::SeqCst);
    succeeds(|| ChangeTimerQueueTimer(NULL, own, 5, 0));
}

/// W-129, W-134: from its own callback a periodic timer becomes one that fires once more; the queue need not be the right one.
#[test]
fn periodic_timer_can_be_changed_by_its_callback() {
    let note = Note::new(NULL);
    let (queue, mut timer) = (queue(), NULL);
    succeeds(|| unsafe {
        let context = note.context();
        CreateTimerQueueTimer(
            &mut timer,
            queue,
            Some(change_own),
            context,
            FOREVER,
            200,
            0,
        )
    });
    note.own.store(timer, Ordering::SeqCst);
    succeeds(|| ChangeTimerQueueTimer(queue, timer, 0, 200));
    note.wait_for(2);
    Sleep(250);
    assert_eq!(note.runs(), 2);
    delete_and_wait(NULL, timer);
    succeeds(|| DeleteTimerQueue(queue));
}

/// W-130, W-131: while a callback runs.
#[test]
fn deleting_a_timer_while_its_callback_runs() {
    let gate = event(1);
    let note = Note::new(gate);
    let timers = [(); 3].map(|()| timer(NULL, note, 0, 0, 0));
    fails(997, || DeleteTimerQueueTimer(NULL, timers[0], NULL));
    let done = event(1);
    fails(997, || DeleteTimerQueueTimer(NULL, timers[1], done));
    note.wait_for(3);
    assert_eq!(WaitForSingleObject(done, 20), WAIT_TIMEOUT);
    succeeds(|| SetEvent(gate));
    assert_eq!(WaitForSingleObject(done, LONG), 0);
    delete_and_wait(NULL, timers[2]);
    assert_eq!(note.runs(), 3);
}

/// W-130: while none runs.
#[test]
fn deleting_a_quiet_timer() {
    let note = Note::new(NULL);
    let timers = [(); 3].map(|()| timer(NULL, note, FOREVER, 0, 0));
    succeeds(|| DeleteTimerQueueTimer(NULL, timers[0], NULL));
    let done = event(1);
    succeeds(|| DeleteTimerQueueTimer(NULL, timers[1], done));
    assert_eq!(WaitForSingleObject(done, 0), 0);
    delete_and_wait(NULL, timers[2]);
    fails(6, || DeleteTimerQueueTimer(NULL, timers[0], NULL));
    assert_eq!(note.runs(), 0);
}

extern "C-unwind" fn delete_own(context: *mut c_void, timed_out: u8) {
    let note = note(context);
    note.run(timed_out != 0);
    let own = note.own.load(Ordering::SeqCst);
    fails(997, || DeleteTimerQueueTimer(NULL, own, NULL));
}

/// W-132.
#[test]
fn timer_can_delete_itself() {
    let note = Note::new(NULL);
    let mut timer = NULL;
    succeeds(|| unsafe {
        let context = note.context();
        CreateTimerQueueTimer(&mut timer, NULL, Some(delete_own), context, FOREVER, 10, 0)
    });
    note.own.store(timer, Ordering::SeqCst);
    succeeds(|| ChangeTimerQueueTimer(NULL, timer, 0, 50));
    note.wait_for(1);
    Sleep(120);
    assert_eq!(note.runs(), 1);
}

/// W-133.
#[test]
fn queue_goes_with_its_timers() {
    fails(6, || DeleteTimerQueueEx(NULL, NULL));
    let gate = event(1);
    let (blocked, never) = (Note::new(gate), Note::new(NULL));
    let (queue, done) = (queue(), event(1));
    timer(queue, blocked, 0, 0, 0);
    timer(queue, never, 50, 0, 0);
    blocked.wait_for(1);
    fails(997, || DeleteTimerQueueEx(queue, done));
    assert_eq!(WaitForSingleObject(done, 80), WAIT_TIMEOUT);
    succeeds(|| SetEvent(gate));
    assert_eq!(WaitForSingleObject(done, LONG), 0);
    assert_eq!(never.runs(), 0);
    fails(6, || DeleteTimerQueueEx(queue, NULL));
}

/// W-7, H-42: no kernel objects.
#[test]
fn handles_of_callbacks_are_no_handles() {
    let note = Note::new(NULL);
    let (queue, object) = (queue(), event(0));
    let timer = timer(queue, note, FOREVER, 0, 0);
    let wait = register(object, note, FOREVER, 0);
    for handle in [queue, timer, wait] {
        assert_eq!(
            last_error_of(|| WaitForSingleObject(handle, 0)),
            (u32::MAX, 6)
        );
        fails(6, || CloseHandle(handle));
    }
    succeeds(|| UnregisterWait(wait));
    delete_and_wait(queue, timer);
    succeeds(|| DeleteTimerQueue(queue));
}

/// W-135 to W-137: each signal is consumed, and the wait goes on.
#[test]
fn registered_wait_calls_for_each_signal() {
    let object = event(0);
    let note = Note::new(NULL);
    let wait = register(object, note, FOREVER, 0);
    for run in 1..=5 {
        succeeds(|| SetEvent(object));
        note.wait_for(run);
        assert_eq!(WaitForSingleObject(object, 0), WAIT_TIMEOUT);
    }
    assert!(note
        .timed_out
        .lock()
        .unwrap()
        .iter()
        .all(|timed_out| !timed_out));
    succeeds(|| UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    // From here on the signal is nobody's.
    succeeds(|| SetEvent(object));
    assert_eq!(WaitForSingleObject(object, 0), 0);
    assert_eq!(note.runs(), 5);
    fails(6, || UnregisterWait(wait));
}

/// W-137, W-139: once, and an endless run of callbacks for an object that stays signaled.
#[test]
fn registered_wait_for_once_and_for_ever() {
    let object = event(1);
    succeeds(|| SetEvent(object));
    let (once, often) = (Note::new(NULL), Note::new(NULL));
    let first = register(object, once, FOREVER, ONLY_ONCE);
    let second = register(object, often, FOREVER, 0);
    often.wait_for(20);
    assert_eq!(once.runs(), 1);
    succeeds(|| ResetEvent(object));
    succeeds(|| UnregisterWaitEx(second, INVALID_HANDLE_VALUE));
    succeeds(|| UnregisterWait(first));
}

/// W-135, W-138.
#[test]
fn registered_wait_calls_with_true_when_time_passes() {
    let object = event(0);
    let (now, later) = (Note::new(NULL), Note::new(NULL));
    let started = Instant::now();
    let first = register(object, now, 0, ONLY_ONCE);
    let second = register(object, later, 30, 0);
    now.wait_for(1);
    later.wait_for(3);
    assert!(started.elapsed() >= Duration::from_millis(90));
    assert!(now.timed_out.lock().unwrap()[0]);
    assert!(later
        .timed_out
        .lock()
        .unwrap()
        .iter()
        .all(|timed_out| *timed_out));
    succeeds(|| UnregisterWait(first));
    succeeds(|| UnregisterWaitEx(second, INVALID_HANDLE_VALUE));
}

/// W-140, W-141.
#[test]
fn unregistering_while_the_callback_runs() {
    let (gate, done) = (event(1), event(1));
    let note = Note::new(gate);
    let objects = [(); 2].map(|()| event(0));
    let waits = objects.map(|object| register(object, note, FOREVER, ONLY_ONCE));
    for object in objects {
        succeeds(|| SetEvent(object));
    }
    note.wait_for(2);
    fails(997, || UnregisterWait(waits[0]));
    fails(997, || UnregisterWaitEx(waits[1], done));
    assert_eq!(WaitForSingleObject(done, 20), WAIT_TIMEOUT);
    succeeds(|| SetEvent(gate));
    assert_eq!(WaitForSingleObject(done, LONG), 0);
    fails(6, || UnregisterWait(NULL));
}

extern "C-unwind" fn unregister_own(context: *mut c_void, timed_out: u8) {
    let note = note(context);
    let own = note.own.load(Ordering::SeqCst);
    assert!(!own.is_null(), "the handle is there when the callback runs");
    fails(997, || UnregisterWait(own));
    note.run(timed_out != 0);
}

/// W-142: on one thread, with the handle assigned, even if the object was signaled from the start.
#[test]
fn callbacks_on_the_waiting_thread() {
    let object = event(1);
    succeeds(|| SetEvent(object));
    let notes = [(); 3].map(|()| Note::new(NULL));
    for note in notes {
        succeeds(|| unsafe {
            RegisterWaitForSingleObject(
                note.own.as_ptr(),
                object,
                Some(unregister_own),
                note.context(),
                FOREVER,
                IN_WAIT_THREAD,
            )
        });
    }
    notes.iter().for_each(|note| note.wait_for(1));
    let threads = notes.map(|note| note.threads.lock().unwrap()[0]);
    assert!(threads.iter().all(|thread| *thread == threads[0]));
    assert_ne!(threads[0], std::thread::current().id());
}

/// More than the 64 objects of one wait in C.
#[test]
fn hundreds_of_waits_are_served() {
    let waits: Vec<_> = (0..300)
        .map(|_| {
            let (object, note) = (event(0), Note::new(NULL));
            (object, note, register(object, note, FOREVER, 0))
        })
        .collect();
    for (object, ..) in &waits {
        succeeds(|| SetEvent(*object));
    }
    for (object, note, wait) in waits {
        note.wait_for(1);
        succeeds(|| UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
        assert_eq!(note.runs(), 1);
        close(object);
        close(note.ran);
    }
}
