//! Condition variables: sleeping until another thread says that something has changed, without the lock that guards it.
//!
//! The variable is a word of the program as wide as a pointer; zero is a fresh one. Its low half counts the wake-ups and is
//! what sleepers sleep on; its high half counts the sleepers, so that a wake-up for nobody costs no system call.
//!
//! A sleeper reads the count of wake-ups while it still has the lock; a wake-up after that moment ends its sleep. It may
//! also wake for no reason, as on Windows: programs ask again for what they wait for.
//!
//! # References
//! Win32: "Condition Variables".

#![allow(
    unsafe_code,
    reason = "exported C symbols that use structures of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use crate::border::succeeds;
use crate::critical_section::CRITICAL_SECTION;
use crate::error::Code;
use crate::futex::{self, Deadline, Outcome};
use crate::srw_lock::SRWLOCK;
use crate::types::{BOOL, DWORD};

/// SleepConditionVariableSRW: the lock is shared.
const CONDITION_VARIABLE_LOCKMODE_SHARED: u32 = 1;

/// The variable, in memory of the program.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct CONDITION_VARIABLE {
    wakes: AtomicU32,
    sleepers: AtomicU32,
}

const _: () = assert!(size_of::<CONDITION_VARIABLE>() == 8);

impl CONDITION_VARIABLE {
    /// Sleeps between giving up a lock and taking it again.
    fn sleep(
        &self,
        milliseconds: DWORD,
        unlock: impl FnOnce(),
        lock: impl FnOnce(),
    ) -> Result<(), Code> {
        let deadline = Deadline::after(milliseconds);
        // Relaxed: whoever changes what the lock guards sees both, because it takes the lock after `unlock`.
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        let wakes = self.wakes.load(Ordering::Relaxed);
        unlock();
        let outcome = futex::wait(&self.wakes, wakes, deadline);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        lock();
        match outcome {
            Outcome::Awake => Ok(()),
            Outcome::TimedOut => Err(Code::TIMEOUT),
        }
    }

    fn wake(&self, wake: impl FnOnce(&AtomicU32)) {
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            self.wakes.fetch_add(1, Ordering::Relaxed);
            wake(&self.wakes);
        }
    }
}

/// Makes a variable ready for use, as CONDITION_VARIABLE_INIT does.
#[no_mangle]
pub unsafe extern "C" fn InitializeConditionVariable(variable: *mut CONDITION_VARIABLE) {
    let fresh = CONDITION_VARIABLE {
        wakes: AtomicU32::new(0),
        sleepers: AtomicU32::new(0),
    };
    // SAFETY: C passes room for the variable, which nobody uses yet.
    unsafe { variable.write(fresh) };
}

/// Leaves a critical section that the caller has entered once, sleeps until woken, and enters it again. FALSE and 1460
/// after so many milliseconds.
#[no_mangle]
pub unsafe extern "C" fn SleepConditionVariableCS(
    variable: *mut CONDITION_VARIABLE,
    section: *mut CRITICAL_SECTION,
    milliseconds: DWORD,
) -> BOOL {
    // SAFETY: C passes a variable and a section that are in use; all of both is atomic.
    let (variable, section) = unsafe { (&*variable, &*section) };
    succeeds(|| variable.sleep(milliseconds, || section.leave(), || section.enter()))
}

/// Gives up a lock that the caller has, sleeps until woken, and takes it again. FALSE and 1460 after so many
/// milliseconds.
#[no_mangle]
pub unsafe extern "C" fn SleepConditionVariableSRW(
    variable: *mut CONDITION_VARIABLE,
    lock: *mut SRWLOCK,
    milliseconds: DWORD,
    flags: u32,
) -> BOOL {
    // SAFETY: C passes a variable and a lock that are in use; all of both is atomic.
    let (variable, lock) = unsafe { (&*variable, &*lock) };
    succeeds(|| match flags {
        0 => variable.sleep(
            milliseconds,
            || lock.release_exclusive(),
            || lock.acquire_exclusive(),
        ),
        CONDITION_VARIABLE_LOCKMODE_SHARED => variable.sleep(
            milliseconds,
            || lock.release_shared(),
            || lock.acquire_shared(),
        ),
        _ => Err(Code::INVALID_PARAMETER),
    })
}

/// Wakes one sleeper, if there is one.
#[no_mangle]
pub unsafe extern "C" fn WakeConditionVariable(variable: *mut CONDITION_VARIABLE) {
    // SAFETY: C passes a variable that is in use; all of it is atomic.
    unsafe { &*variable }.wake(|wakes| {
        futex::wake_one(wakes);
    });
}

/// Wakes all sleepers.
#[no_mangle]
pub unsafe extern "C" fn WakeAllConditionVariable(variable: *mut CONDITION_VARIABLE) {
    // SAFETY: C passes a variable that is in use; all of it is atomic.
    unsafe { &*variable }.wake(futex::wake_all);
}
