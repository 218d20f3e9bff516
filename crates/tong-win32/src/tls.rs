//! Slots of which each thread has its own: TlsAlloc and its kin.
//!
//! There are 1,088 slots per process. A slot that is freed and taken again is empty in every thread: each value carries
//! the number of the taking that it was stored in, and one with another number counts as NULL. So nothing has to be done in
//! other threads when a slot is taken or freed.
//!
//! The first 64 slots lie in each thread from its start, the others from the first value that it stores in one.
//!
//! # References
//! Win32: "Thread Local Storage", TlsAlloc, TlsGetValue.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::border::{call, succeeds};
use crate::error::{Code, SetLastError};
use crate::types::{BOOL, DWORD};

const FIRST_SLOTS: usize = 64;
const SLOTS: usize = 1_088;
const TLS_OUT_OF_INDEXES: DWORD = DWORD::MAX;

/// What one thread has in one slot, and in which taking of the slot it stored that.
#[derive(Clone, Copy, Debug)]
struct Value {
    taking: u32,
    pointer: *mut c_void,
}

const EMPTY: Value = Value {
    taking: 0,
    pointer: ptr::null_mut(),
};

/// How often each slot was taken or freed: odd while it is taken.
static TAKINGS: [AtomicU32; SLOTS] = [const { AtomicU32::new(0) }; SLOTS];

thread_local! {
    static FIRST: [Cell<Value>; FIRST_SLOTS] = const { [const { Cell::new(EMPTY) }; FIRST_SLOTS] };
    static OTHERS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Takes a slot, empty in all threads, and returns its index.
#[no_mangle]
#[allow(
    clippy::cast_possible_truncation,
    reason = "there are few enough slots"
)]
pub extern "C" fn TlsAlloc() -> DWORD {
    call(TLS_OUT_OF_INDEXES, || {
        let taken = TAKINGS.iter().position(|taking| step(taking, 0));
        taken.map(|index| index as DWORD).ok_or(Code::NO_MORE_ITEMS)
    })
}

/// Frees a slot.
#[no_mangle]
pub extern "C" fn TlsFree(index: DWORD) -> BOOL {
    succeeds(|| match step(&TAKINGS[slot(index)?], 1) {
        true => Ok(()),
        false => Err(Code::INVALID_PARAMETER),
    })
}

/// Moves a slot on from free (0) to taken or from taken (1) to free, if that is what it is.
fn step(taking: &AtomicU32, from: u32) -> bool {
    let next = |taking: u32| (taking & 1 == from).then_some(taking.wrapping_add(1));
    taking
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        .is_ok()
}

/// Returns what the calling thread has in a slot. The last error becomes 0, so that NULL can be told from a failure.
#[no_mangle]
pub extern "C" fn TlsGetValue(index: DWORD) -> *mut c_void {
    call(ptr::null_mut(), || {
        let index = slot(index)?;
        let value = load(index);
        SetLastError(0);
        match value.taking == TAKINGS[index].load(Ordering::Relaxed) {
            true => Ok(value.pointer),
            false => Ok(ptr::null_mut()),
        }
    })
}

/// Sets what the calling thread has in a slot.
#[no_mangle]
pub extern "C" fn TlsSetValue(index: DWORD, pointer: *mut c_void) -> BOOL {
    succeeds(|| {
        let index = slot(index)?;
        let taking = TAKINGS[index].load(Ordering::Relaxed);
        store(index, Value { taking, pointer })
    })
}

/// The slot of an index. Whether it is taken is not asked, as on Windows: the check would cost more than the work.
fn slot(index: DWORD) -> Result<usize, Code> {
    match index as usize {
        index if index < SLOTS => Ok(index),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

fn load(index: usize) -> Value {
    if index < FIRST_SLOTS {
        return FIRST.with(|first| first[index].get());
    }
    // At the very end of a thread its other slots are gone; they count as empty then.
    let value = OTHERS.try_with(|others| others.borrow().get(index - FIRST_SLOTS).copied());
    value.ok().flatten().unwrap_or(EMPTY)
}

fn store(index: usize, value: Value) -> Result<(), Code> {
    if index < FIRST_SLOTS {
        FIRST.with(|first| first[index].set(value));
        return Ok(());
    }
    let stored = OTHERS.try_with(|others| {
        let mut others = others.borrow_mut();
        others.resize(SLOTS - FIRST_SLOTS, EMPTY);
        others[index - FIRST_SLOTS] = value;
    });
    stored.map_err(|_| Code::NOT_ENOUGH_MEMORY)
}
