//! Singly linked lists whose head several threads change at once: the last one in is the first one out.
//!
//! Head and entries are memory of the program, laid out as on 64-bit Windows; entries begin at multiples of 16.
//!
//! ```text
//! bit  63 .................... 16   15 ...... 0
//!      sequence (changes so far)     depth          first word
//!      first entry, bits 63 ... 4    0 0 0 lock     second word
//! ```
//! A change takes the lock bit of the second word for a few instructions. With the whole head replaced at once there
//! would be no lock, but a thread that takes an entry would then read the link of an entry that another has taken and
//! freed meanwhile; Windows lives with that by catching the fault, which Linux programs cannot ask for.
//!
//! # Limits
//! The depth is counted modulo 65,536. A thread that is stopped or killed in these few instructions holds everyone else up.
//!
//! # References
//! Win32: "Interlocked Singly Linked Lists".

#![allow(
    unsafe_code,
    reason = "exported C symbols that use structures of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions and members have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

const DEPTH: u64 = 0xFFFF;
const ONE_CHANGE: u64 = 0x1_0000;
const LOCKED: u64 = 1;
/// How often a busy head is looked at before other threads are let run.
const SPINS: u32 = 100;

/// The head of a list, in memory of the program.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct SLIST_HEADER {
    depth_and_sequence: AtomicU64,
    first_and_lock: AtomicU64,
}

/// What an entry of a list begins with.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct SLIST_ENTRY {
    /// The entry below; null in the last one.
    pub Next: AtomicPtr<SLIST_ENTRY>,
}

const _: () = assert!(size_of::<SLIST_HEADER>() == 16 && size_of::<SLIST_ENTRY>() == 16);

impl SLIST_HEADER {
    /// Puts another entry first, with nobody else at the head: `change` gets the first entry and the depth and returns
    /// the new ones. Returns the entry that was first.
    fn change(
        &self,
        change: impl FnOnce(*mut SLIST_ENTRY, u64) -> (*mut SLIST_ENTRY, u64),
    ) -> *mut SLIST_ENTRY {
        let first = self.lock();
        let counts = self.depth_and_sequence.load(Ordering::Relaxed);
        let (new_first, new_depth) = change(first, counts & DEPTH);
        let counts = (counts & !DEPTH).wrapping_add(ONE_CHANGE) | (new_depth & DEPTH);
        self.depth_and_sequence.store(counts, Ordering::Relaxed);
        // Release: whoever locks next sees the counts, and what the entries hold.
        self.first_and_lock
            .store(new_first as u64, Ordering::Release);
        first
    }

    fn lock(&self) -> *mut SLIST_ENTRY {
        let mut tries = 0;
        loop {
            let before = self.first_and_lock.fetch_or(LOCKED, Ordering::Acquire);
            if before & LOCKED == 0 {
                return before as *mut SLIST_ENTRY;
            }
            while self.first_and_lock.load(Ordering::Relaxed) & LOCKED != 0 {
                tries += 1;
                match tries % SPINS {
                    0 => std::thread::yield_now(),
                    _ => std::hint::spin_loop(),
                }
            }
        }
    }
}

/// Makes an empty list.
#[no_mangle]
pub unsafe extern "C" fn InitializeSListHead(head: *mut SLIST_HEADER) {
    let empty = SLIST_HEADER {
        depth_and_sequence: AtomicU64::new(0),
        first_and_lock: AtomicU64::new(0),
    };
    // SAFETY: C passes room for the head, which nobody uses yet.
    unsafe { head.write(empty) };
}

/// Puts an entry first, and returns the one that was first before.
#[no_mangle]
pub unsafe extern "C" fn InterlockedPushEntrySList(
    head: *mut SLIST_HEADER,
    entry: *mut SLIST_ENTRY,
) -> *mut SLIST_ENTRY {
    // SAFETY: C passes a head and an entry that is in no list, which is a list of one.
    unsafe { InterlockedPushListSListEx(head, entry, entry, 1) }
}

/// Puts `count` entries first that are linked from `list` to `end`, and returns the one that was first before.
#[no_mangle]
pub unsafe extern "C" fn InterlockedPushListSListEx(
    head: *mut SLIST_HEADER,
    list: *mut SLIST_ENTRY,
    end: *mut SLIST_ENTRY,
    count: u32,
) -> *mut SLIST_ENTRY {
    // SAFETY: C passes a head that is in use; all of it is atomic.
    unsafe { &*head }.change(|first, depth| {
        // SAFETY: C passes the last of entries that are in no list yet, so that nobody else uses it.
        unsafe { &*end }.Next.store(first, Ordering::Relaxed);
        (list, depth.wrapping_add(count.into()))
    })
}

/// Takes the first entry out of the list; null if there is none.
#[no_mangle]
pub unsafe extern "C" fn InterlockedPopEntrySList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    // SAFETY: C passes a head that is in use; all of it is atomic.
    let head = unsafe { &*head };
    if head.first_and_lock.load(Ordering::Acquire) == 0 {
        return ptr::null_mut();
    }
    // SAFETY: the first entry belongs to the list as long as the head is locked, and so to nobody else.
    head.change(|first, depth| match unsafe { first.as_ref() } {
        Some(entry) => (entry.Next.load(Ordering::Relaxed), depth.wrapping_sub(1)),
        None => (first, depth),
    })
}

/// Takes all entries out of the list and returns the first; null if there is none.
#[no_mangle]
pub unsafe extern "C" fn InterlockedFlushSList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    // SAFETY: C passes a head that is in use; all of it is atomic.
    unsafe { &*head }.change(|_, _| (ptr::null_mut(), 0))
}

/// Returns the number of entries, modulo 65,536.
#[no_mangle]
#[allow(clippy::cast_possible_truncation, reason = "the depth has 16 bits")]
pub unsafe extern "C" fn QueryDepthSList(head: *mut SLIST_HEADER) -> u16 {
    // SAFETY: C passes a head that is in use; all of it is atomic.
    let counts = unsafe { &*head }.depth_and_sequence.load(Ordering::Acquire);
    (counts & DEPTH) as u16
}
