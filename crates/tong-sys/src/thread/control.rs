//! Suspending, resuming and killing a thread of this process, from any other.
//!
//! Linux can stop a whole process but not one of its threads. So the thread stops itself: it gets a signal, whose handler
//! sleeps while the thread's suspend count is not zero, or ends the thread on the spot. All that the handler does is
//! allowed in a signal handler: it reads atomics, makes the system calls futex and exit, and keeps `errno`.
//!
//! # The signal
//! One real-time signal, `SIGRTMIN + 15`, is taken when a thread is suspended or killed for the first time: above those that
//! the C library keeps for itself and the low ones that programs like to use. It is never taken from a program: if it has a
//! handler or is ignored then, the call fails. From then on a program must not handle it, and must not block it in threads that
//! shall be suspended or killed; [`Control::suspend`] gives up waiting for such a thread after a second, and the thread stops
//! when it unblocks the signal.
//! The signal interrupts what the thread sleeps in; the handler asks for system calls to be restarted, which poll(2),
//! epoll_wait(2) and nanosleep(2) are not.
//!
//! # Where a thread is stopped
//! Anywhere, except while it holds a [`Steady`]: a thread that is stopped with a lock that other processes need would stop
//! them too. What it was told meanwhile, it obeys when it lets go of the last one.
//!
//! # Being killed
//! The thread makes the system call exit, nothing else: no destructor runs, locks of the program and of the C library stay
//! locked for ever. What the kernel knows the thread by (its robust mutexes) is let go of by the kernel. Its stack is freed
//! when another thread is started or killed later.
//!
//! # References
//! Linux: signal-safety(7), sigaction(2), tgkill(2), futex(2), get_robust_list(2), nptl(7).

use std::cell::Cell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::futex;

/// The most times that a thread can be suspended at once.
pub const SUSPEND_MAX: u32 = 127;

/// The signal's distance from SIGRTMIN.
const SIGNAL_OFFSET: i32 = 15;

/// How long a suspender waits for the thread to stop.
const STOP_WAIT: Duration = Duration::from_secs(1);

// What becomes of a thread.
const RUNNING: u32 = 0;
/// It ends by itself, or has.
const ENDING: u32 = 1;
/// It was killed: it makes no step more in its program, or has ended.
const KILLED: u32 = 2;

/// Set in the suspend count of a thread that was killed, so that it does not fall asleep on the count any more.
const DOOMED: u32 = 1 << 31;

thread_local! {
    // None of these has a destructor or needs to be initialised: the signal handler can use them.
    /// The control that the thread is under, kept by a reference that was leaked.
    static CURRENT: Cell<*const Control> = const { Cell::new(ptr::null()) };
    /// How many `Steady` the thread holds.
    static STEADY: Cell<u32> = const { Cell::new(0) };
    /// Whether a signal came while it held one.
    static PUT_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Why a thread was not suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspendError {
    /// It is suspended [`SUSPEND_MAX`] times already.
    TooOften,
    /// It has ended, is about to, or was killed.
    Ended,
    /// The signal could not be had, with this error number: `EBUSY` if the program uses it itself.
    Signal(i32),
}

/// What other threads want of one thread.
#[derive(Debug)]
pub struct Control {
    /// The kernel's id; 0 before the thread runs.
    thread: AtomicU32,
    /// The suspend count and `DOOMED`, on which the stopped thread sleeps.
    suspended: AtomicU32,
    /// 1 while the thread is stopped, on which its suspender sleeps.
    stopped: AtomicU32,
    /// `RUNNING`, then for ever `ENDING` or `KILLED`.
    fate: AtomicU32,
    /// The C library's name of a thread that we made, which must be detached or joined; else 0.
    made: AtomicUsize,
}

impl Control {
    /// The control for a thread to be made, with this suspend count.
    #[must_use]
    pub fn new(suspended: u32) -> Arc<Control> {
        Arc::new(Control {
            thread: AtomicU32::new(0),
            suspended: AtomicU32::new(suspended),
            stopped: AtomicU32::new(0),
            fate: AtomicU32::new(RUNNING),
            made: AtomicUsize::new(0),
        })
    }

    /// Brings the calling thread, which somebody else made, under a new control.
    #[must_use]
    pub fn adopt() -> Arc<Control> {
        let control = Control::new(0);
        enter(Arc::clone(&control), false);
        control
    }

    /// The kernel's id of the thread; 0 before it runs.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.thread.load(Ordering::Acquire)
    }

    /// Whether the thread was killed; it may still be on its way out.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.fate.load(Ordering::Acquire) == KILLED
    }

    fn is_over(&self) -> bool {
        self.fate.load(Ordering::Acquire) != RUNNING
    }

    /// Adds one to the suspend count and returns what it was. The thread has stopped when this returns, if it could.
    ///
    /// A thread that suspends itself goes on in here when it is resumed.
    ///
    /// # Errors
    /// [`SuspendError::Ended`], then [`SuspendError::Signal`], then [`SuspendError::TooOften`]; the count stays as it is.
    pub fn suspend(&self) -> Result<u32, SuspendError> {
        if self.is_over() {
            return Err(SuspendError::Ended);
        }
        ready().map_err(SuspendError::Signal)?;
        let one_more = |count: u32| (count < SUSPEND_MAX).then_some(count + 1);
        // SeqCst: the thread sets `stopped` to 0 and then looks at the count again, we the other way round.
        let before = self
            .suspended
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .map_err(|_| SuspendError::TooOften)?;
        self.have_it_stop();
        Ok(before)
    }

    /// Tells the thread to look, and waits until it has stopped.
    fn have_it_stop(&self) {
        if ptr::eq(CURRENT.get(), self) {
            heed();
            return;
        }
        self.tell();
        let until = Instant::now() + STOP_WAIT;
        // A thread that ends meanwhile, or is resumed by another, need not be waited for.
        while self.stopped.load(Ordering::SeqCst) == 0
            && self.suspended.load(Ordering::Relaxed) > 0
            && !self.is_over()
            && Instant::now() < until
        {
            let look = rustix::time::Timespec {
                tv_sec: 0,
                tv_nsec: 10_000_000,
            };
            let _ = futex::wait(&self.stopped, futex::Flags::PRIVATE, 0, Some(&look));
        }
    }

    /// Takes one from the suspend count, if it is not zero, and returns what it was. At zero the thread goes on.
    pub fn resume(&self) -> u32 {
        if self.is_over() {
            return 0;
        }
        let one_less = |count: u32| (count & DOOMED == 0).then(|| count.checked_sub(1))?;
        let before = self
            .suspended
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .unwrap_or(0);
        if before == 1 {
            wake(&self.suspended);
        }
        before
    }

    /// Ends the thread where it is; returns whether this call did it. It does not return if the thread is the caller.
    ///
    /// The thread may take a moment to end.
    ///
    /// # Errors
    /// `EBUSY` if the program uses the signal itself; what the system says otherwise.
    pub fn kill(&self) -> io::Result<bool> {
        ready().map_err(io::Error::from_raw_os_error)?;
        let killed =
            self.fate
                .compare_exchange(RUNNING, KILLED, Ordering::AcqRel, Ordering::Acquire);
        if killed.is_err() {
            return Ok(false);
        }
        free_killed();
        self.bury();
        if ptr::eq(CURRENT.get(), self) {
            heed();
        }
        self.suspended.fetch_or(DOOMED, Ordering::SeqCst);
        wake(&self.suspended);
        self.tell();
        Ok(true)
    }

    /// Leaves the stack of a thread that we made to be freed when the thread is gone.
    fn bury(&self) {
        let made = self.made.load(Ordering::Acquire);
        if made != 0 {
            let _steady = steady();
            GRAVES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(made);
        }
    }

    /// Sends the signal. If the thread has ended, it reaches nobody, or another thread of ours, which finds nothing to do.
    fn tell(&self) {
        let thread = self.thread();
        if thread == 0 {
            return;
        }
        // SAFETY: a system call on integers; the signal has a handler. Process ids and thread ids fit an int.
        let _ = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal()) };
    }
}

/// Threads that were killed, and whose stacks the C library still keeps for whoever joins them.
static GRAVES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

extern "C" {
    fn pthread_tryjoin_np(thread: libc::pthread_t, value: *mut *mut libc::c_void) -> libc::c_int;
}

/// Frees the stacks of threads that were killed and have ended by now.
pub(super) fn free_killed() {
    let _steady = steady();
    let mut graves = GRAVES.lock().unwrap_or_else(PoisonError::into_inner);
    graves.retain(|thread| {
        // SAFETY: nobody else joins or detaches a thread that is on the list, and it leaves the list when it is joined.
        let outcome = unsafe { pthread_tryjoin_np(*thread as libc::pthread_t, ptr::null_mut()) };
        outcome == libc::EBUSY
    });
}

fn signal() -> i32 {
    libc::SIGRTMIN() + SIGNAL_OFFSET
}

/// Installs the signal handler, once; or the number of the error that made it fail.
fn ready() -> Result<(), i32> {
    static READY: OnceLock<Result<(), i32>> = OnceLock::new();
    *READY.get_or_init(|| install().map_err(|error| error.raw_os_error().unwrap_or(0)))
}

fn install() -> io::Result<()> {
    // SAFETY: all zeros is a valid value of the structure.
    let mut present: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: asks for the present action only, into a local.
    if unsafe { libc::sigaction(signal(), ptr::null(), &raw mut present) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if present.sa_sigaction != libc::SIG_DFL {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: fills in the mask of a local structure; a stopped thread runs no other handlers.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    // SAFETY: the handler lives as long as the program and does only what a handler may.
    match unsafe { libc::sigaction(signal(), &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the calling thread be reached under `control`.
pub(super) fn enter(control: Arc<Control>, made_here: bool) {
    if made_here {
        // SAFETY: no arguments.
        let this = unsafe { libc::pthread_self() };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a number as wide as a pointer with one C library, a pointer with the other"
        )]
        control.made.store(this as usize, Ordering::Release);
    }
    control.thread.store(super::id(), Ordering::Release);
    let outlived = CURRENT.replace(Arc::into_raw(control));
    if !outlived.is_null() {
        // A child of fork comes under a new control; the old one belonged to the parent's thread.
        // SAFETY: the pointer came from `Arc::into_raw` in an earlier call, and nothing refers to it any more.
        drop(unsafe { Arc::from_raw(outlived) });
    }
    if made_here {
        unblock_signal();
    }
}

/// Takes the calling thread, which is about to end by itself, out of reach. If it was killed meanwhile, it does not return.
pub fn leave() {
    let current = CURRENT.get();
    if current.is_null() {
        return;
    }
    // SAFETY: came from `Arc::into_raw` in `enter`; taken back once, because the pointer is null afterwards.
    let control = unsafe { Arc::from_raw(current) };
    let ending =
        control
            .fate
            .compare_exchange(RUNNING, ENDING, Ordering::AcqRel, Ordering::Acquire);
    if ending == Err(KILLED) {
        exit_now();
    }
    CURRENT.set(ptr::null());
    wake(&control.stopped);
    let made = control.made.load(Ordering::Relaxed);
    if made != 0 {
        // SAFETY: the calling thread, which nobody joins: only killed threads are joined.
        let _ = unsafe { libc::pthread_detach(made as libc::pthread_t) };
    }
}

/// Keeps its thread from being stopped or killed until it is dropped.
#[derive(Debug)]
#[must_use = "the thread can be stopped again as soon as this is dropped"]
pub struct Steady {
    /// It counts for the thread that made it.
    _here: std::marker::PhantomData<*const ()>,
}

/// Keeps the calling thread from being stopped or killed while the result lives. For moments, and never across a sleep.
#[inline]
pub fn steady() -> Steady {
    STEADY.set(STEADY.get() + 1);
    // The handler runs on this thread; only the compiler could move what follows before the count.
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    Steady {
        _here: std::marker::PhantomData,
    }
}

impl Drop for Steady {
    #[inline]
    fn drop(&mut self) {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        let left = STEADY.get() - 1;
        STEADY.set(left);
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        if left == 0 && PUT_OFF.get() {
            PUT_OFF.set(false);
            heed();
        }
    }
}

extern "C" fn on_signal(_signal: libc::c_int) {
    if STEADY.get() > 0 {
        PUT_OFF.set(true);
        return;
    }
    // SAFETY: the address of the thread's own errno, which the interrupted code must find as it was.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let kept = unsafe { *errno };
    heed();
    // SAFETY: as above.
    unsafe { *errno = kept };
}

/// Does what others want of the calling thread: ends it, or stops until its suspend count is zero.
pub fn heed() {
    let current = CURRENT.get();
    if current.is_null() {
        return;
    }
    // SAFETY: the reference leaked by `enter` keeps it until `leave`, which this thread runs itself, after it set the pointer
    // to null.
    let control = unsafe { &*current };
    loop {
        if control.fate.load(Ordering::Acquire) == KILLED {
            exit_now();
        }
        let count = control.suspended.load(Ordering::SeqCst);
        if count & DOOMED != 0 {
            exit_now();
        }
        if count > 0 {
            control.stopped.store(1, Ordering::SeqCst);
            wake(&control.stopped);
            // Any outcome leads to another look.
            let _ = futex::wait(&control.suspended, futex::Flags::PRIVATE, count, None);
            continue;
        }
        control.stopped.store(0, Ordering::SeqCst);
        // A suspender that found us stopped counted before it looked, so that we see its count here.
        if control.suspended.load(Ordering::SeqCst) == 0 {
            return;
        }
    }
}

/// Ends the calling thread on the spot, as [`Control::kill`] would. If it was made here, its stack is freed later.
pub fn end_here() -> ! {
    // SAFETY: what the pointer leads to is kept by the reference that `enter` leaked, and this thread does not go on.
    if let Some(control) = unsafe { CURRENT.get().as_ref() } {
        let fate = &control.fate;
        let ours = fate.compare_exchange(RUNNING, KILLED, Ordering::AcqRel, Ordering::Acquire);
        if ours.is_ok() {
            control.bury();
        }
    }
    exit_now()
}

/// Ends the calling thread without a word to anybody but the kernel.
fn exit_now() -> ! {
    loop {
        // SAFETY: ends this thread alone. Its stack stays: whoever joins it frees it afterwards.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

fn wake(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::PRIVATE, u32::MAX >> 1);
}

/// Lets the signal through to the calling thread, whatever mask it was born with.
fn unblock_signal() {
    // SAFETY: all zeros is a valid value, and the next call empties it properly.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: a local set and a valid signal; changes only this thread's mask.
    unsafe {
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
    }
}

/// Keeps all signals away from the calling thread.
pub(super) fn block_signals() {
    // SAFETY: all zeros is a valid value, and the next call fills it properly.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: a local set; changes only this thread's mask.
    unsafe {
        libc::sigfillset(&raw mut set);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests;
