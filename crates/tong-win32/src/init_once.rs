//! One-time initialization: of all threads that come, one does the work, and the others find its result.
//!
//! The structure is a word of the program as wide as a pointer; zero is the beginning.
//!
//! | low two bits | state |
//! |---|---|
//! | 0 | nobody has begun |
//! | 1 | one thread is at work; others sleep on the low half of the word |
//! | 2 | done; the other bits are the context |
//! | 3 | any number of threads are at work (asynchronous), and the first result counts |
//!
//! A thread that ends while it is at work leaves the others asleep, as on Windows.
//!
//! # References
//! Win32: "One-Time Initialization".

#![allow(
    unsafe_code,
    reason = "exported C symbols that use structures of C callers"
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
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::border::{call, put, succeeds};
use crate::error::Code;
use crate::futex::{self, Deadline};
use crate::types::{BOOL, DWORD, FALSE, TRUE};

const INIT_ONCE_CHECK_ONLY: DWORD = 1;
const INIT_ONCE_ASYNC: DWORD = 2;
const INIT_ONCE_INIT_FAILED: DWORD = 4;

const STATE: usize = 3;
const FRESH: usize = 0;
const AT_WORK: usize = 1;
/// The low half of the word while one thread is at work.
const LOW_AT_WORK: u32 = 1;
const DONE: usize = 2;
const ASYNC_AT_WORK: usize = 3;

/// What a program initializes once, in its memory.
#[repr(C)]
#[derive(Debug)]
pub struct INIT_ONCE {
    word: AtomicUsize,
}

/// Does the work; TRUE if it succeeds. May put a context through its third argument.
pub type PINIT_ONCE_FN = Option<
    unsafe extern "C-unwind" fn(
        once: *mut INIT_ONCE,
        parameter: *mut c_void,
        context: *mut *mut c_void,
    ) -> BOOL,
>;

/// What a thread that comes finds.
enum Turn {
    /// It is to do the work.
    Work,
    /// The work is done, and this is the context.
    Done(usize),
}

impl INIT_ONCE {
    fn begin(&self, flags: DWORD) -> Result<Turn, Code> {
        if flags == INIT_ONCE_CHECK_ONLY {
            return self.check();
        }
        if flags & !INIT_ONCE_ASYNC != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let mine = match flags {
            INIT_ONCE_ASYNC => ASYNC_AT_WORK,
            _ => AT_WORK,
        };
        loop {
            let begun =
                self.word
                    .compare_exchange(FRESH, mine, Ordering::Acquire, Ordering::Acquire);
            let Err(word) = begun else {
                return Ok(Turn::Work);
            };
            match word & STATE {
                DONE => return Ok(Turn::Done(word & !STATE)),
                // Several may be at work at once if they all say so.
                ASYNC_AT_WORK if mine == ASYNC_AT_WORK => return Ok(Turn::Work),
                AT_WORK if mine == AT_WORK => self.sleep(),
                _ => return Err(Code::INVALID_PARAMETER),
            }
        }
    }

    fn check(&self) -> Result<Turn, Code> {
        let word = self.word.load(Ordering::Acquire);
        match word & STATE {
            DONE => Ok(Turn::Done(word & !STATE)),
            _ => Err(Code::GEN_FAILURE),
        }
    }

    fn complete(&self, flags: DWORD, context: usize) -> Result<(), Code> {
        let failed = flags & INIT_ONCE_INIT_FAILED != 0;
        let from = match flags & INIT_ONCE_ASYNC {
            0 => AT_WORK,
            _ => ASYNC_AT_WORK,
        };
        let is_known = flags & !(INIT_ONCE_INIT_FAILED | INIT_ONCE_ASYNC) == 0;
        let is_possible = !failed || (from == AT_WORK && context == 0);
        if !is_known || !is_possible || context & STATE != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let to = if failed { FRESH } else { context | DONE };
        match self
            .word
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => {
                futex::wake_all(self.low_half());
                Ok(())
            }
            Err(ASYNC_AT_WORK) => Err(Code::INVALID_PARAMETER),
            Err(_) => Err(Code::GEN_FAILURE),
        }
    }

    fn sleep(&self) {
        futex::wait(self.low_half(), LOW_AT_WORK, Deadline::NEVER);
    }

    #[cfg(target_endian = "little")]
    fn low_half(&self) -> &AtomicU32 {
        // SAFETY: the low half of a word comes first in memory, is aligned, and both views of it are atomic. What the kernel
        // reads through it is only compared.
        unsafe { &*self.word.as_ptr().cast::<AtomicU32>() }
    }
}

/// Makes a structure ready for use, as INIT_ONCE_STATIC_INIT does.
#[no_mangle]
pub unsafe extern "C" fn InitOnceInitialize(once: *mut INIT_ONCE) {
    let fresh = INIT_ONCE {
        word: AtomicUsize::new(FRESH),
    };
    // SAFETY: C passes room for the structure, which nobody uses yet.
    unsafe { once.write(fresh) };
}

/// Begins the work, or waits for the thread that has begun it. `pending` becomes TRUE if the work is the caller's to do.
#[no_mangle]
pub unsafe extern "C" fn InitOnceBeginInitialize(
    once: *mut INIT_ONCE,
    flags: DWORD,
    pending: *mut BOOL,
    context: *mut *mut c_void,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes a structure that is in use; all of it is atomic.
        let turn = unsafe { &*once }.begin(flags)?;
        // SAFETY: C passes room for both results, or null.
        unsafe {
            match turn {
                Turn::Work => put(pending, TRUE),
                Turn::Done(result) => {
                    put(pending, FALSE);
                    put(context, result as *mut c_void);
                }
            }
        }
        Ok(())
    })
}

/// Ends the work that the caller has begun, with its result or with INIT_ONCE_INIT_FAILED.
#[no_mangle]
pub unsafe extern "C" fn InitOnceComplete(
    once: *mut INIT_ONCE,
    flags: DWORD,
    context: *mut c_void,
) -> BOOL {
    // SAFETY: C passes a structure that is in use; all of it is atomic.
    succeeds(|| unsafe { &*once }.complete(flags, context as usize))
}

/// Calls the function in the first thread that comes; the others wait until it is done. If it fails, so does this, and
/// the next thread tries. The last error of a failure is the function's own.
#[no_mangle]
pub unsafe extern "C-unwind" fn InitOnceExecuteOnce(
    once: *mut INIT_ONCE,
    function: PINIT_ONCE_FN,
    parameter: *mut c_void,
    context: *mut *mut c_void,
) -> BOOL {
    // SAFETY: C passes a structure that is in use; all of it is atomic.
    let shared = unsafe { &*once };
    let Some(turn) = call(None, || shared.begin(0).map(Some)) else {
        return FALSE;
    };
    let result = match turn {
        Turn::Done(result) => result,
        Turn::Work => {
            let mut result = std::ptr::null_mut();
            // SAFETY: C passes a function of this type; the context it is given is ours for the length of the call.
            let succeeded = function
                .is_some_and(|function| unsafe { function(once, parameter, &mut result) } != FALSE);
            if !succeeded {
                // It was begun by this thread, so it can be given back.
                let _ = shared.complete(INIT_ONCE_INIT_FAILED, 0);
                return FALSE;
            }
            let result = result as usize;
            if succeeds(|| shared.complete(0, result)) == FALSE {
                return FALSE;
            }
            result
        }
    };
    // SAFETY: C passes room for the context, or null.
    unsafe { put(context, result as *mut c_void) };
    TRUE
}
