//! Threads: started, suspended, waited for and ended, by any thread of their process.
//!
//! # When it is signaled
//! From the moment the thread has ended, for ever. What it owned is abandoned before that: who saw a thread end gets its
//! mutexes without waiting. The exit code is there from that moment on.
//!
//! # Which threads there are
//! Those made by [`Thread::spawn`], and every other thread of the process (of `std::thread`, of C) from the time on when it
//! first asks for itself ([`Thread::current`]). Of other processes there is the initial thread only: it stands
//! for the whole process, ends with it, and is suspended with all others of it.
//!
//! # Ids
//! An id is the kernel's, unique on the machine among living threads, except that the initial thread of a process, which for
//! the kernel has the process's id, has [`INITIAL`] set as well. So no thread's id is ever that of a process, and both come from
//! one space of numbers. Neither is ever 0.
//!
//! # Exit codes
//! The first cause counts: the value that the thread's function returned, or the code of [`Thread::exit`] or
//! [`Thread::terminate`]. A thread that panicked has [`PANICKED`].
//!
//! # The end of the process
//! When the last thread ends, the process ends with its exit code. The initial thread ends the process by returning from the
//! program's main function, as everywhere; by [`Thread::exit`] it ends itself, and the process goes on.
//!
//! # Lifetime and death
//! A thread does not need anybody to hold its object. Terminating a thread runs none of its code: locks that it holds
//! (that of the memory allocator, of a `std::sync::Mutex`) stay locked for ever. It is for threads that cannot be asked.
//!
//! # Differences from Windows
//! A suspended thread that waits for an object can still be chosen, and keeps what it got until it goes on. Suspending and
//! terminating use a signal: see `tong_sys::thread::control` for what a program must leave alone.
//!
//! # References
//! Win32: CreateThread, OpenThread, ExitThread, TerminateThread, SuspendThread, "Thread Handles and Identifiers".

mod ending;
mod own;

use std::fmt;
use std::os::fd::AsFd;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use crate::object::process::Process;
use crate::{apc, Error, ErrorKind, Result};

pub(crate) use own::{own, own_if_any, Own};
#[doc(hidden)]
pub use tong_sys::thread::steady;

/// Set in the id of the initial thread of a process, beside the process's own.
pub const INITIAL: u32 = 0x4000_0000;

/// The exit code of a thread that panicked, as of a Rust program that did.
pub const PANICKED: u32 = 101;

/// A thread.
///
/// A clone leads to the same thread.
#[derive(Clone)]
pub struct Thread {
    who: Who,
}

#[derive(Clone)]
enum Who {
    /// A thread of this process.
    Own(Arc<Own>),
    /// The initial thread of a process, known only through that.
    Initial(Process),
}

/// How a thread is to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadOptions {
    stack_len: Option<usize>,
    suspended: bool,
}

impl ThreadOptions {
    /// A thread with the system's usual stack (see `ulimit -s`) that runs at once.
    #[must_use]
    pub fn new() -> ThreadOptions {
        ThreadOptions::default()
    }

    /// Gives the thread at least `bytes` of stack, and never less than 64 KiB.
    #[must_use]
    pub fn stack_len(mut self, bytes: usize) -> ThreadOptions {
        self.stack_len = Some(bytes);
        self
    }

    /// Makes the thread with suspend count 1: it runs nothing before [`Thread::resume`].
    #[must_use]
    pub fn suspended(mut self, yes: bool) -> ThreadOptions {
        self.suspended = yes;
        self
    }

    /// Starts a thread that runs `body` and ends with the exit code that it returns.
    ///
    /// Calls queued to it before it runs are made before `body`.
    ///
    /// # Errors
    /// [`NoResources`](ErrorKind::NoResources) or [`NoMemory`](ErrorKind::NoMemory) if there is no room for a thread;
    /// [`Io`](ErrorKind::Io) if the program uses the signal that suspending needs.
    pub fn spawn(self, body: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread> {
        let body = move || match catch_unwind(AssertUnwindSafe(body)) {
            Ok(code) => code,
            Err(payload) => payload
                .downcast_ref::<Exit>()
                .map_or(PANICKED, |exit| exit.0),
        };
        let own = own::start(self.stack_len, self.suspended, own::Frames::Rust, body)?;
        Ok(Thread::of(own))
    }

    /// Starts a thread for a language without panics: as [`spawn`](Self::spawn), but [`Thread::exit_frames`] ends it as the
    /// C library does. `body` must own nothing that has to be dropped, and must not panic.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_foreign(
        self,
        body: impl FnOnce() -> u32 + Send + Copy + 'static,
    ) -> Result<Thread> {
        let own = own::start(self.stack_len, self.suspended, own::Frames::Foreign, body)?;
        Ok(Thread::of(own))
    }
}

/// What [`Thread::exit`] unwinds with.
struct Exit(u32);

impl Thread {
    /// Starts a thread that runs `body` and ends with the exit code that it returns. See [`ThreadOptions`] for more.
    ///
    /// # Errors
    /// Those of [`ThreadOptions::spawn`].
    pub fn spawn(body: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread> {
        ThreadOptions::new().spawn(body)
    }

    /// The calling thread.
    ///
    /// # Errors
    /// [`NoResources`](ErrorKind::NoResources) or [`NoMemory`](ErrorKind::NoMemory) if it has no object yet and none can be
    /// made.
    pub fn current() -> Result<Thread> {
        own().map(Thread::of)
    }

    /// The thread with this id: one of this process that has an object, or the initial one of another process.
    ///
    /// A thread that has ended is found as long as anybody holds its object.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if there is none;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if it is another user's process.
    pub fn open(id: u32) -> Result<Thread> {
        if let Some(own) = own::find(id) {
            return Ok(Thread::of(own));
        }
        let pid = id & !INITIAL;
        if id & INITIAL == 0 || pid == std::process::id() {
            return Err(Error::new("open thread", ErrorKind::InvalidParameter)
                .because(format!("no thread with an object has id {id}")));
        }
        Process::open(pid).map(Thread::initial_of)
    }

    /// The initial thread of another process, which stands for the process.
    pub(crate) fn initial_of(process: Process) -> Thread {
        Thread {
            who: Who::Initial(process),
        }
    }

    fn of(own: Arc<Own>) -> Thread {
        Thread { who: Who::Own(own) }
    }

    /// The id, also after the thread ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.who {
            Who::Own(own) => own.id(),
            Who::Initial(process) => process.id() | INITIAL,
        }
    }

    /// The id of the process that the thread belongs to.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        match &self.who {
            Who::Own(_) => std::process::id(),
            Who::Initial(process) => process.id(),
        }
    }

    /// The exit code, once the thread has ended.
    ///
    /// # Errors
    /// For the initial thread of another process, those of [`Process::exit_code`].
    pub fn exit_code(&self) -> Result<Option<u32>> {
        match &self.who {
            Who::Own(own) => own.exit_code(),
            Who::Initial(process) => process.exit_code(),
        }
    }

    /// Adds one to the suspend count and returns what it was. While it is not zero the thread does not run.
    ///
    /// A thread that suspends itself goes on in here when another has resumed it. A thread that holds a lock of
    /// tong's own for a moment stops when it lets go.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the thread has ended;
    /// [`TooManySuspensions`](ErrorKind::TooManySuspensions) if the count is 127.
    pub fn suspend(&self) -> Result<u32> {
        match &self.who {
            Who::Own(own) => own.suspend(),
            Who::Initial(process) => process.suspend(),
        }
    }

    /// Takes one from the suspend count, if it is not zero, and returns what it was. At zero the thread goes on. For a
    /// thread that has ended, 0.
    ///
    /// # Errors
    /// For the initial thread of another process, what signaling that process fails with.
    pub fn resume(&self) -> Result<u32> {
        match &self.who {
            Who::Own(own) => Ok(own.resume()),
            Who::Initial(process) => process.resume(),
        }
    }

    /// Ends the thread where it is, with this exit code; the initial thread of another process with that process.
    ///
    /// It may take the thread a moment to end; wait for it. A thread that has ended, or is about to, stays as it is. If the
    /// calling thread is meant, this does not return.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the program uses the signal that this needs. For the initial thread of another process, those
    /// of [`Process::terminate`].
    pub fn terminate(&self, code: u32) -> Result<()> {
        match &self.who {
            Who::Own(own) => ending::terminate(own, code),
            Who::Initial(process) => process.terminate(code),
        }
    }

    /// Queues a call, which the thread makes in its next alertable wait. See [`wait`](crate::wait) for those.
    ///
    /// # Errors
    /// [`Ended`](ErrorKind::Ended) if the thread has ended or is about to;
    /// [`Unsupported`](ErrorKind::Unsupported) if it belongs to another process.
    pub fn queue_apc(&self, call: impl FnOnce() + Send + 'static) -> Result<()> {
        let Who::Own(own) = &self.who else {
            return Err(Error::new("queue APC", ErrorKind::Unsupported)
                .because("calls can be queued to threads of the own process only"));
        };
        if own.has_ended() {
            return Err(Error::new("queue APC", ErrorKind::Ended));
        }
        own.apcs().push(Box::new(call))
    }

    /// Cancels the synchronous operation that the thread is blocked in: a read of a mailslot, or a read, write or connect of a
    /// synchronous pipe end. It fails with [`Canceled`](ErrorKind::Canceled), having moved nothing.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is blocked in none, and for a thread of another process.
    pub fn cancel_synchronous(&self) -> Result<()> {
        let canceled = match &self.who {
            Who::Own(own) => own.blockage().cancel(),
            Who::Initial(_) => false,
        };
        match canceled {
            true => Ok(()),
            false => Err(
                Error::new("cancel synchronous operation", ErrorKind::NotFound)
                    .because("the thread is not blocked in an operation that can be canceled"),
            ),
        }
    }

    /// Ends the calling thread with this exit code, dropping what its frames hold.
    ///
    /// The initial thread drops nothing and stays out of the way until all others have ended; then the process ends with the
    /// exit code of the last one. A thread of `std::thread` ends as if it had panicked, without a message.
    pub fn exit(code: u32) -> ! {
        ending::note_exit(code);
        resume_unwind(Box::new(Exit(code)))
    }

    /// Ends the calling thread with this exit code, for callers in another language: unless the thread was made by
    /// [`Thread::spawn`], it ends as the C library's threads do, and no frame of Rust code may be between here and the
    /// thread's first function that owns anything or catches panics.
    pub fn exit_frames(code: u32) -> ! {
        match ending::note_exit(code) {
            own::Frames::Rust => resume_unwind(Box::new(Exit(code))),
            own::Frames::Foreign => tong_sys::thread::exit(),
        }
    }

    /// The priority that was last set; without effect.
    #[must_use]
    pub fn priority(&self) -> i32 {
        match &self.who {
            Who::Own(own) => own.priority.load(Ordering::Relaxed),
            Who::Initial(_) => 0,
        }
    }

    /// Keeps a priority for whoever asks. It has no effect: raising one needs a privilege on Linux.
    pub fn set_priority(&self, priority: i32) {
        if let Who::Own(own) = &self.who {
            own.priority.store(priority, Ordering::Relaxed);
        }
    }

    /// What the program calls the thread; empty if nothing.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.who {
            Who::Own(own) => own.description().clone(),
            Who::Initial(_) => String::new(),
        }
    }

    /// Calls the thread something, for people. The kernel, and with it `ps` and debuggers, knows the first 15 bytes.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for a thread of another process.
    pub fn set_description(&self, text: &str) -> Result<()> {
        let Who::Own(own) = &self.who else {
            return Err(Error::new("describe thread", ErrorKind::Unsupported));
        };
        text.clone_into(&mut own.description());
        let kernel_id = own.id() & !INITIAL;
        // The kernel's name is only a help; a thread that has ended has none.
        let _ = std::fs::write(format!("/proc/self/task/{kernel_id}/comm"), text);
        Ok(())
    }

    /// What tells the thread from all others that live.
    pub(crate) fn identity(&self) -> [u64; 2] {
        match &self.who {
            Who::Own(own) => [u64::from(own.id()), Arc::as_ptr(own).addr() as u64],
            Who::Initial(process) => {
                let [id, start] = process.identity();
                [id | u64::from(INITIAL), start]
            }
        }
    }

    /// What a wait for the thread looks at.
    pub(crate) fn wait_entry(&self) -> crate::waits::Entry<'_> {
        match &self.who {
            Who::Own(own) => crate::waits::Entry::Cell(own.cell().cell()),
            Who::Initial(process) => crate::waits::Entry::Fd(process.as_fd()),
        }
    }

    /// Waits until the thread has ended, at most for `timeout`.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut); those of taking part in waits.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        crate::wait::any(&[self], timeout).map(drop)
    }

    /// Whether both lead to the same thread.
    #[must_use]
    pub fn same_object(&self, other: &Thread) -> bool {
        match (&self.who, &other.who) {
            (Who::Own(one), Who::Own(other)) => Arc::ptr_eq(one, other),
            (Who::Initial(one), Who::Initial(other)) => one.same_object(other),
            _ => false,
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("process", &self.process_id())
            .finish_non_exhaustive()
    }
}

/// The id of the calling thread, as [`Thread::id`], for a few instructions and without making an object.
#[must_use]
#[inline]
pub fn current_id() -> u32 {
    match tong_sys::thread::is_initial() {
        true => tong_sys::thread::id() | INITIAL,
        false => tong_sys::thread::id(),
    }
}

/// Says whether the calling thread, from now on, only serves others: then it does not keep the process alive when the last of
/// all others has ended. Say no before such a thread ends.
pub fn set_servant(yes: bool) {
    tong_sys::thread::set_servant(yes);
}

/// Makes the calls that were queued before the thread began.
fn begin_calls() {
    apc::run_all();
}
