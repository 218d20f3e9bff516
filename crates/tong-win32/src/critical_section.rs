//! Critical sections: recursive locks between the threads of one process.
//!
//! The lock is the structure itself; it has no handle and no name, and its end is the program's business. The thread that
//! owns it may enter again, and leaves as often as it entered.
//!
//! # Members
//! | `LockCount` | the lock is |
//! |---|---|
//! | -1 | free |
//! | -2 | owned, and nobody sleeps |
//! | -6 | owned, and somebody may sleep on this word |
//!
//! That is how debuggers of newer Windows read it. `OwningThread` holds the owner's thread id and `RecursionCount` how
//! often it entered; only the owner changes either. `DebugInfo` is -1 in every section that is in use, `LockSemaphore` 0.
//!
//! # Order and death
//! Whoever comes when the lock is free gets it, also before threads that sleep. A thread that ends as owner leaves the
//! section locked for ever, as on Windows.
//!
//! # References
//! Win32: "Critical Section Objects". Ulrich Drepper, "Futexes Are Tricky", the mutex with three states.

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

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use tong::object::thread::current_id;

use crate::border::succeeds;
use crate::error::Code;
use crate::futex::{self, Deadline};
use crate::types::{BOOL, DWORD, FALSE, TRUE};

const FREE: u32 = -1_i32 as u32;
const OWNED: u32 = -2_i32 as u32;
const CONTENDED: u32 = -6_i32 as u32;

/// What InitializeCriticalSectionEx accepts: no debug information, a spin count of the system's choice, debug
/// information in any case. None of them makes a difference here.
const KNOWN_FLAGS: DWORD = 0x0100_0000 | 0x0200_0000 | 0x1000_0000;
/// The bits of a spin count; those above are flags.
const SPIN_MASK: DWORD = 0x00FF_FFFF;

/// The lock, in memory of the program.
#[repr(C)]
#[derive(Debug)]
pub struct CRITICAL_SECTION {
    DebugInfo: AtomicUsize,
    LockCount: AtomicU32,
    RecursionCount: AtomicI32,
    OwningThread: AtomicUsize,
    LockSemaphore: AtomicUsize,
    SpinCount: AtomicUsize,
}

const _: () = assert!(size_of::<CRITICAL_SECTION>() == 40);

impl CRITICAL_SECTION {
    fn new(spin_count: DWORD) -> CRITICAL_SECTION {
        CRITICAL_SECTION {
            DebugInfo: AtomicUsize::new(usize::MAX),
            LockCount: AtomicU32::new(FREE),
            RecursionCount: AtomicI32::new(0),
            OwningThread: AtomicUsize::new(0),
            LockSemaphore: AtomicUsize::new(0),
            SpinCount: AtomicUsize::new((spin_count & SPIN_MASK) as usize),
        }
    }

    /// Takes the lock, or enters it once more.
    pub(crate) fn enter(&self) {
        if self.try_enter() {
            return;
        }
        if !self.spin() {
            // From here on the word says that somebody may sleep, also if it is this thread that gets the lock.
            while self.LockCount.swap(CONTENDED, Ordering::Acquire) != FREE {
                futex::wait(&self.LockCount, CONTENDED, Deadline::NEVER);
            }
        }
        self.own();
    }

    /// Takes the lock if it is free, or enters it once more if it is the caller's.
    fn try_enter(&self) -> bool {
        if self.is_mine() {
            self.RecursionCount.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let taken = self.take();
        if taken {
            self.own();
        }
        taken
    }

    fn take(&self) -> bool {
        self.LockCount
            .compare_exchange(FREE, OWNED, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Tries as often as the spin count says.
    fn spin(&self) -> bool {
        let count = self.SpinCount.load(Ordering::Relaxed);
        let mut rounds = 0..if futex::may_spin() { count } else { 0 };
        rounds.any(|_| {
            std::hint::spin_loop();
            self.LockCount.load(Ordering::Relaxed) == FREE && self.take()
        })
    }

    /// Leaves once. Does nothing for a thread that is not the owner; what Windows makes of that is undefined.
    pub(crate) fn leave(&self) {
        if !self.is_mine() || self.RecursionCount.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        self.OwningThread.store(0, Ordering::Relaxed);
        if self.LockCount.swap(FREE, Ordering::Release) == CONTENDED {
            futex::wake_one(&self.LockCount);
        }
    }

    fn own(&self) {
        self.RecursionCount.store(1, Ordering::Relaxed);
        self.OwningThread
            .store(current_id() as usize, Ordering::Relaxed);
    }

    /// Only the owner finds its own id here, so that no order is needed.
    fn is_mine(&self) -> bool {
        self.OwningThread.load(Ordering::Relaxed) == current_id() as usize
    }
}

/// Makes a section ready for use.
#[no_mangle]
pub unsafe extern "C" fn InitializeCriticalSection(section: *mut CRITICAL_SECTION) {
    // SAFETY: C passes room for the structure, which nobody uses yet.
    unsafe { section.write(CRITICAL_SECTION::new(0)) };
}

/// Makes a section ready for use that is tried so often before a thread sleeps. Always TRUE.
#[no_mangle]
pub unsafe extern "C" fn InitializeCriticalSectionAndSpinCount(
    section: *mut CRITICAL_SECTION,
    spin_count: DWORD,
) -> BOOL {
    // SAFETY: C passes room for the structure, which nobody uses yet.
    unsafe { section.write(CRITICAL_SECTION::new(spin_count)) };
    TRUE
}

/// As InitializeCriticalSectionAndSpinCount, with flags that make no difference.
#[no_mangle]
pub unsafe extern "C" fn InitializeCriticalSectionEx(
    section: *mut CRITICAL_SECTION,
    spin_count: DWORD,
    flags: DWORD,
) -> BOOL {
    succeeds(|| {
        if flags & !KNOWN_FLAGS != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: C passes room for the structure, which nobody uses yet.
        unsafe { section.write(CRITICAL_SECTION::new(spin_count)) };
        Ok(())
    })
}

/// Changes how often the section is tried before a thread sleeps, and returns the number before.
#[no_mangle]
#[allow(
    clippy::cast_possible_truncation,
    reason = "only numbers of 24 bits are stored"
)]
pub unsafe extern "C" fn SetCriticalSectionSpinCount(
    section: *mut CRITICAL_SECTION,
    spin_count: DWORD,
) -> DWORD {
    // SAFETY: C passes a section that is in use; all of it is atomic.
    let section = unsafe { &*section };
    let count = (spin_count & SPIN_MASK) as usize;
    section.SpinCount.swap(count, Ordering::Relaxed) as DWORD
}

/// Waits until the section is the caller's.
#[no_mangle]
pub unsafe extern "C" fn EnterCriticalSection(section: *mut CRITICAL_SECTION) {
    // SAFETY: C passes a section that is in use; all of it is atomic.
    unsafe { &*section }.enter();
}

/// Enters the section if that needs no waiting.
#[no_mangle]
pub unsafe extern "C" fn TryEnterCriticalSection(section: *mut CRITICAL_SECTION) -> BOOL {
    // SAFETY: C passes a section that is in use; all of it is atomic.
    match unsafe { &*section }.try_enter() {
        true => TRUE,
        false => FALSE,
    }
}

/// Leaves the section once.
#[no_mangle]
pub unsafe extern "C" fn LeaveCriticalSection(section: *mut CRITICAL_SECTION) {
    // SAFETY: C passes a section that is in use; all of it is atomic.
    unsafe { &*section }.leave();
}

/// Ends the use of a section that nobody owns.
#[no_mangle]
pub unsafe extern "C" fn DeleteCriticalSection(section: *mut CRITICAL_SECTION) {
    let deleted = CRITICAL_SECTION {
        DebugInfo: AtomicUsize::new(0),
        ..CRITICAL_SECTION::new(0)
    };
    // SAFETY: C passes a section that nobody uses any more.
    unsafe { section.write(deleted) };
}
