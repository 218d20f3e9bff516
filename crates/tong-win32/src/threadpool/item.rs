//! What callbacks are for: a work object, a timer, a wait, or a single callback; and the groups they belong to.

#![allow(
    unsafe_code,
    reason = "calls functions and keeps references of C callers"
)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::limit::Limit;
use crate::critical_section::CRITICAL_SECTION;
use crate::error::Code;
use crate::event::SetEvent;
use crate::mutex::ReleaseMutex;
use crate::semaphore::ReleaseSemaphore;
use crate::types::{DWORD, HANDLE};

/// A callback without an object.
pub type SimpleCallback = unsafe extern "C-unwind" fn(*mut Instance, *mut c_void);
/// The callback of a work object or of a timer.
pub type ItemCallback = unsafe extern "C-unwind" fn(*mut Instance, *mut c_void, *const Item);
/// The callback of a wait.
pub type WaitCallback = unsafe extern "C-unwind" fn(*mut Instance, *mut c_void, *const Item, DWORD);
/// The callback of an operation that has ended.
pub type IoCallback =
    unsafe extern "C-unwind" fn(*mut Instance, *mut c_void, *mut c_void, DWORD, usize, *const Item);
/// What is called for a callback that will not run because its group is closed.
pub type CancelCallback = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void);

/// A function of the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callback {
    Simple(SimpleCallback),
    Item(ItemCallback),
    Wait(WaitCallback),
    Io(IoCallback),
}

/// Why a callback runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cause {
    /// The result of a wait, or the error code of an operation.
    pub(super) result: DWORD,
    /// The address of the operation's OVERLAPPED.
    pub(super) at: usize,
    /// The bytes that it moved.
    pub(super) bytes: usize,
}

impl From<DWORD> for Cause {
    fn from(result: DWORD) -> Cause {
        Cause {
            result,
            ..Cause::default()
        }
    }
}

/// A work object, a timer, a wait, or a single callback.
#[derive(Debug)]
pub struct Item {
    callback: Callback,
    /// What the program wants to be given, as an address.
    context: usize,
    limit: Arc<Limit>,
    group: Option<(Arc<Group>, Option<CancelCallback>)>,
    state: Mutex<State>,
    changed: Condvar,
    /// What brings the next callback about: a timer of a timer queue or a registered wait, and its number here.
    schedule: Mutex<Option<Schedule>>,
    pub(super) is_set: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    queued: usize,
    running: usize,
    /// Operations that were started and have not ended.
    expected: usize,
    /// Of those that end next, so many get no callback.
    skipped: usize,
    /// Goes up when what is queued is cancelled.
    round: u64,
}

/// Something that will call [`Item::fire`], and how to stop it.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) number: usize,
    pub(super) handle: usize,
    pub(super) stop: fn(HANDLE),
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limit")
    }
}

/// The items that a schedule leads to, by its number: none any more once it was stopped.
static SCHEDULED: Mutex<Option<HashMap<usize, Weak<Item>>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Item {
    pub(super) fn new(
        callback: Callback,
        context: *mut c_void,
        limit: Arc<Limit>,
        group: Option<(Arc<Group>, Option<CancelCallback>)>,
    ) -> Arc<Item> {
        let item = Arc::new(Item {
            callback,
            context: context.expose_provenance(),
            limit,
            group,
            state: Mutex::default(),
            changed: Condvar::new(),
            schedule: Mutex::new(None),
            is_set: AtomicBool::new(false),
        });
        if let Some((group, _)) = &item.group {
            lock(&group.members).push(Arc::clone(&item));
        }
        item
    }

    /// Has the callback run once.
    pub(super) fn submit(self: &Arc<Item>, cause: impl Into<Cause>) -> Result<(), Code> {
        let round = {
            let mut state = lock(&self.state);
            state.queued += 1;
            state.round
        };
        self.queue(round, cause.into())
    }

    /// Queues a run that is counted.
    fn queue(self: &Arc<Item>, round: u64, cause: Cause) -> Result<(), Code> {
        let item = Arc::clone(self);
        let submitted = self.limit.submit(Box::new(move || item.run(round, cause)));
        submitted.inspect_err(|_| {
            let mut state = lock(&self.state);
            // Unless it was cancelled, and is not counted any more.
            if state.round == round {
                state.queued -= 1;
            }
        })
    }

    fn run(self: Arc<Item>, round: u64, cause: Cause) {
        {
            let mut state = lock(&self.state);
            if state.round != round {
                return;
            }
            state.queued -= 1;
            state.running += 1;
        }
        let mut instance = Instance {
            item: Arc::clone(&self),
            is_apart: Cell::new(false),
            at_end: RefCell::default(),
        };
        self.call(&mut instance, cause);
        instance.end();
        if let (Callback::Simple(_), Some((group, _))) = (self.callback, &self.group) {
            group.forget(&self);
        }
    }

    fn call(self: &Arc<Item>, instance: &mut Instance, cause: Cause) {
        let context = ptr::with_exposed_provenance_mut(self.context);
        // SAFETY: the program gave the function for this context; the instance lives until it returns, the item longer.
        unsafe {
            match self.callback {
                Callback::Simple(function) => function(instance, context),
                Callback::Item(function) => function(instance, context, Arc::as_ptr(self)),
                Callback::Wait(function) => {
                    function(instance, context, Arc::as_ptr(self), cause.result);
                }
                Callback::Io(function) => {
                    let at = ptr::with_exposed_provenance_mut(cause.at);
                    let (result, bytes) = (cause.result, cause.bytes);
                    function(instance, context, at, result, bytes, Arc::as_ptr(self));
                }
            }
        }
    }

    /// A callback has returned, or is not waited for any longer.
    fn ended(&self) {
        lock(&self.state).running -= 1;
        self.changed.notify_all();
    }

    /// Takes back what is queued; says whether there was anything.
    fn cancel(&self) -> bool {
        let mut state = lock(&self.state);
        state.round += 1;
        state.skipped += std::mem::take(&mut state.expected);
        self.changed.notify_all();
        std::mem::take(&mut state.queued) > 0
    }

    /// Waits until no callback runs or is queued.
    pub(super) fn wait(&self, cancel_queued: bool) {
        if cancel_queued {
            self.cancel();
        }
        let busy = |state: &mut State| state.queued + state.running + state.expected > 0;
        drop(self.changed.wait_while(lock(&self.state), busy));
    }

    /// An operation is going to be started.
    pub(super) fn expect_completion(&self) {
        lock(&self.state).expected += 1;
    }

    /// It was not, or will not be heard of.
    pub(super) fn expect_no_completion(&self) {
        let mut state = lock(&self.state);
        match state.expected {
            0 => state.skipped = state.skipped.saturating_sub(1),
            expected => state.expected = expected - 1,
        }
        self.changed.notify_all();
    }

    /// An operation has ended.
    pub(super) fn completed(self: &Arc<Item>, cause: Cause) {
        let round = {
            let mut state = lock(&self.state);
            if state.skipped > 0 {
                state.skipped -= 1;
                return;
            }
            // In one step: whoever waits for the callbacks waits for this one.
            state.expected = state.expected.saturating_sub(1);
            state.queued += 1;
            state.round
        };
        // There is nobody to be told that there is no thread for it.
        let _ = self.queue(round, cause);
    }

    /// Replaces what brings the next callback about. `start` gets the number that it is to call [`Item::fire`] with.
    pub(super) fn schedule(self: &Arc<Item>, start: Option<&dyn Fn(usize) -> Option<Schedule>>) {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let mut schedule = lock(&self.schedule);
        if let Some(old) = schedule.take() {
            lock(&SCHEDULED).get_or_insert_default().remove(&old.number);
            (old.stop)(ptr::with_exposed_provenance_mut(old.handle));
        }
        let Some(start) = start else {
            return;
        };
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&SCHEDULED)
            .get_or_insert_default()
            .insert(number, Arc::downgrade(self));
        *schedule = start(number);
    }

    /// A schedule has come: its item's callback is to run.
    pub(super) fn fire(number: usize, result: DWORD) {
        let item = lock(&SCHEDULED)
            .get_or_insert_default()
            .get(&number)
            .and_then(Weak::upgrade);
        if let Some(item) = item {
            // There is nobody to be told that there is no thread for it.
            let _ = item.submit(result);
        }
    }

    /// Ends the item for the program, but for callbacks that are under way.
    ///
    /// # Safety
    /// `item` came from [`Arc::into_raw`] and is not used any more.
    pub(super) unsafe fn close(item: *const Item) {
        // SAFETY: the caller gives back its reference.
        let item = unsafe { Arc::from_raw(item) };
        item.schedule(None);
        if let Some((group, _)) = &item.group {
            group.forget(&item);
        }
    }
}

/// Items that are closed together.
#[derive(Debug, Default)]
pub struct Group {
    members: Mutex<Vec<Arc<Item>>>,
}

impl Group {
    fn forget(&self, item: &Arc<Item>) {
        lock(&self.members).retain(|member| !Arc::ptr_eq(member, item));
    }

    /// Closes all items, and waits for their callbacks.
    pub(super) fn close_members(&self, cancel_queued: bool, cleanup_context: *mut c_void) {
        let members = std::mem::take(&mut *lock(&self.members));
        // First for all of them, so that the end of one does not let what another has queued begin.
        for item in &members {
            item.schedule(None);
            let cancelled = cancel_queued && item.cancel();
            let callback = item.group.as_ref().and_then(|(_, callback)| *callback);
            if let (true, Some(callback)) = (cancelled, callback) {
                let context = ptr::with_exposed_provenance_mut(item.context);
                // SAFETY: the program gave the function for the contexts of the group's items.
                unsafe { callback(context, cleanup_context) };
            }
        }
        for item in members {
            item.wait(false);
            if !matches!(item.callback, Callback::Simple(_)) {
                // SAFETY: the program's reference, which it must not use after this call.
                unsafe { Arc::decrement_strong_count(Arc::as_ptr(&item)) };
            }
        }
    }
}

/// One run of a callback.
#[derive(Debug)]
pub struct Instance {
    item: Arc<Item>,
    /// Nobody waits for this run any longer.
    is_apart: Cell<bool>,
    at_end: RefCell<Vec<AtEnd>>,
}

/// What is to be done when a callback returns.
#[derive(Debug)]
pub(super) enum AtEnd {
    Set(HANDLE),
    Release(HANDLE, i32),
    ReleaseMutex(HANDLE),
    Leave(*mut CRITICAL_SECTION),
}

impl Instance {
    pub(super) fn add(&self, at_end: AtEnd) {
        self.at_end.borrow_mut().push(at_end);
    }

    /// Stops counting this run among those that are waited for.
    pub(super) fn set_apart(&self) {
        if !self.is_apart.replace(true) {
            self.item.ended();
        }
    }

    fn end(&self) {
        for at_end in self.at_end.take() {
            // Whatever fails is the program's doing, which asked for it and is not there to be told.
            match at_end {
                AtEnd::Set(event) => {
                    SetEvent(event);
                }
                AtEnd::Release(semaphore, count) => {
                    // SAFETY: no count is asked for.
                    unsafe { ReleaseSemaphore(semaphore, count, ptr::null_mut()) };
                }
                AtEnd::ReleaseMutex(mutex) => {
                    ReleaseMutex(mutex);
                }
                // SAFETY: the program entered the section in its callback.
                AtEnd::Leave(section) => unsafe { &*section }.leave(),
            }
        }
        self.set_apart();
    }
}
