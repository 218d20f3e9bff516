//! Slots of which each thread has its own, with a function that is called for what is left in them: FlsAlloc and its kin.
//!
//! There are no fibers here, so a slot belongs to a thread. When a thread ends, in whatever way but being killed, the slot's
//! function is called in it for each value that is not NULL; when the slot is freed, it is called for the values of all
//! threads, in the thread that frees it.
//!
//! # References
//! Win32: FlsAlloc, FlsFree, FlsGetValue, FlsSetValue.

#![allow(
    unsafe_code,
    reason = "exported C symbols that call functions of C callers"
)]
#![allow(
    non_snake_case,
    non_camel_case_types,
    reason = "functions and types have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::border::{call, succeeds};
use crate::error::{Code, SetLastError};
use crate::types::{BOOL, DWORD};

/// Slots per process; index 0 is never given out.
const SLOTS: usize = 4_080;
const FLS_OUT_OF_INDEXES: DWORD = DWORD::MAX;

/// What is called for a value that is left in a slot.
pub type PFLS_CALLBACK_FUNCTION = Option<unsafe extern "C" fn(value: *mut c_void)>;

/// A slot that is taken.
#[derive(Clone, Copy)]
struct Slot {
    callback: PFLS_CALLBACK_FUNCTION,
}

/// The values of one thread, by slot, as addresses.
type Values = Mutex<Vec<usize>>;

/// All slots, and the threads that have stored something.
struct Process {
    slots: Vec<Option<Slot>>,
    threads: Vec<Weak<Values>>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    slots: Vec::new(),
    threads: Vec::new(),
});

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values of the calling thread. At its end, the slots' functions are called for what is left.
struct OfThread(Arc<Values>);

thread_local! {
    static VALUES: OfThread = OfThread::new();
}

impl OfThread {
    fn new() -> OfThread {
        let values = Arc::new(Values::default());
        let mut process = lock(&PROCESS);
        process.threads.retain(|thread| thread.strong_count() > 0);
        process.threads.push(Arc::downgrade(&values));
        OfThread(values)
    }
}

impl Drop for OfThread {
    fn drop(&mut self) {
        let values = std::mem::take(&mut *lock(&self.0));
        for (index, value) in values.into_iter().enumerate() {
            let slot = lock(&PROCESS).slots.get(index).copied().flatten();
            if let Some(slot) = slot {
                slot.end(value);
            }
        }
    }
}

impl Slot {
    /// Calls the slot's function for a value that is left. No lock is held: the function may use slots itself.
    fn end(self, value: usize) {
        if let (Some(callback), true) = (self.callback, value != 0) {
            // SAFETY: the program gave this function for the values that it stores in this slot.
            unsafe { callback(value as *mut c_void) };
        }
    }
}

/// Takes a slot, empty in all threads, and returns its index. The function, if any, is called for what is left in it.
#[no_mangle]
#[allow(
    clippy::cast_possible_truncation,
    reason = "there are few enough slots"
)]
pub unsafe extern "C" fn FlsAlloc(callback: PFLS_CALLBACK_FUNCTION) -> DWORD {
    call(FLS_OUT_OF_INDEXES, || {
        let mut process = lock(&PROCESS);
        let slots = &mut process.slots;
        if slots.is_empty() {
            slots.push(None);
        }
        let free = slots.iter().skip(1).position(Option::is_none);
        let index = free.map_or(slots.len(), |place| place + 1);
        if index >= SLOTS {
            return Err(Code::NOT_ENOUGH_MEMORY);
        }
        if index == slots.len() {
            slots.push(None);
        }
        slots[index] = Some(Slot { callback });
        Ok(index as DWORD)
    })
}

/// Frees a slot, after its function was called for the values of all threads.
#[no_mangle]
pub extern "C" fn FlsFree(index: DWORD) -> BOOL {
    succeeds(|| {
        let index = index as usize;
        let (slot, threads) = {
            let mut process = lock(&PROCESS);
            let slot = process.slots.get_mut(index).and_then(Option::take);
            let slot = slot.ok_or(Code::INVALID_PARAMETER)?;
            let threads: Vec<_> = process.threads.iter().filter_map(Weak::upgrade).collect();
            (slot, threads)
        };
        for thread in threads {
            let value = lock(&thread).get_mut(index).map(std::mem::take);
            slot.end(value.unwrap_or_default());
        }
        Ok(())
    })
}

/// Returns what the calling thread has in a slot. The last error becomes 0, so that NULL can be told from a failure.
#[no_mangle]
pub extern "C" fn FlsGetValue(index: DWORD) -> *mut c_void {
    call(ptr::null_mut(), || {
        let index = index as usize;
        if index == 0 || index >= SLOTS {
            return Err(Code::INVALID_PARAMETER);
        }
        // At the very end of a thread its values are gone.
        let value = VALUES.try_with(|values| lock(&values.0).get(index).copied());
        SetLastError(0);
        Ok(value.ok().flatten().unwrap_or(0) as *mut c_void)
    })
}

/// Sets what the calling thread has in a slot that is taken.
#[no_mangle]
pub extern "C" fn FlsSetValue(index: DWORD, value: *mut c_void) -> BOOL {
    succeeds(|| {
        let index = index as usize;
        let is_taken = matches!(lock(&PROCESS).slots.get(index), Some(Some(_)));
        if !is_taken {
            return Err(Code::INVALID_PARAMETER);
        }
        let stored = VALUES.try_with(|values| {
            let mut values = lock(&values.0);
            if values.len() <= index {
                values.resize(index + 1, 0);
            }
            values[index] = value as usize;
        });
        stored.map_err(|_| Code::NOT_ENOUGH_MEMORY)
    })
}
