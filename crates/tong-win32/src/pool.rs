//! Threads that run callbacks: work items, and the callbacks of timers and registered waits.
//!
//! A callback runs at once, on an idle thread or a new one, as long as there are fewer than 512; then it waits
//! for its turn. A thread that finds nothing to do for ten seconds ends. So callbacks may wait for each other.
//!
//! A callback must return: ExitThread in it ends the process, as it would the pool on Windows.

#![allow(unsafe_code, reason = "an exported C symbol")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tong::object::thread::set_servant;

use crate::border::succeeds;
use crate::error::Code;
use crate::thread::ThreadStart;
use crate::types::{BOOL, DWORD};

/// Most threads, as on Windows unless a program asks for more.
const THREADS_MAX: usize = 512;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// All flags of work items, timers and registered waits. Which thread of the pool runs a callback makes no difference.
pub(crate) const KNOWN_FLAGS: DWORD = 0x01ff;
/// The upper half says how many threads there may be; accepted, without effect.
const LIMIT_MASK: DWORD = 0xffff_0000;

/// Something to run.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    jobs: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static WORK: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks the flags of a callback.
pub(crate) fn check_flags(flags: DWORD) -> Result<(), Code> {
    match flags & !(KNOWN_FLAGS | LIMIT_MASK) {
        0 => Ok(()),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

/// Has a thread of the pool run the job.
pub(crate) fn submit(job: Job) -> Result<(), Code> {
    let mut pool = lock();
    pool.jobs.push_back(job);
    if pool.idle >= pool.jobs.len() || pool.threads >= THREADS_MAX {
        WORK.notify_one();
        return Ok(());
    }
    pool.threads += 1;
    let started = std::thread::Builder::new()
        .name("tong-pool".to_owned())
        .spawn(work);
    if started.is_err() {
        pool.threads -= 1;
        // Without any thread nobody would ever run it; otherwise it waits for its turn.
        if pool.threads == 0 {
            pool.jobs.pop_back();
            return Err(Code::NOT_ENOUGH_MEMORY);
        }
    }
    Ok(())
}

/// What a thread of the pool does.
fn work() {
    let mut pool = lock();
    loop {
        if let Some(job) = pool.jobs.pop_front() {
            drop(pool);
            job();
            pool = lock();
            continue;
        }
        pool.idle += 1;
        // An idle thread must not keep a process alive that has ended otherwise.
        set_servant(true);
        let (back, waited) = WORK
            .wait_timeout(pool, IDLE)
            .unwrap_or_else(PoisonError::into_inner);
        pool = back;
        pool.idle -= 1;
        set_servant(false);
        if waited.timed_out() && pool.jobs.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

/// Has a thread of the pool call `function` with `context`.
#[no_mangle]
pub extern "C" fn QueueUserWorkItem(
    function: Option<ThreadStart>,
    context: *mut c_void,
    flags: DWORD,
) -> BOOL {
    succeeds(|| {
        let function = function.ok_or(Code::INVALID_PARAMETER)?;
        check_flags(flags)?;
        let context = context.expose_provenance();
        submit(Box::new(move || {
            function(ptr::with_exposed_provenance_mut(context));
        }))
    })
}
