//! Threads of this process: starting them, and knowing when they end.
//!
//! [`spawn`] starts a thread under a [`Control`], through which any thread of the process can suspend, resume or kill it
//! (see [`control`]). A thread that was started by somebody else comes under a control with [`Control::adopt`]. [`at_end`]
//! runs something when the calling thread ends in an orderly way, after the destructors of its C++ and Rust
//! thread-local variables.
//!
//! # The initial thread
//! When the initial thread of a process exits alone, the kernel keeps it as a zombie until the others have ended, and
//! what `/proc/PID` says of the process is gone with it. So a program that ends its initial thread early should let it
//! [`linger`] instead.
//!
//! # References
//! Linux: pthread_create(3), pthread_exit(3), pthread_key_create(3), pthread_tryjoin_np(3), gettid(2), `proc_pid_task(5)`.
//! RFC 2945 (C-unwind) for which frames pthread_exit may pass.

#![allow(unsafe_code, reason = "threads of the C library have no safe form")]

pub mod control;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::fork::Birth;

pub use control::{steady, Control, Steady, SuspendError};

/// Smallest stack that a thread gets: what the C library and a signal frame of any processor need, with room to work.
const STACK_MIN: usize = 64 * 1024;

/// How often a lingering initial thread looks whether the others have ended.
const LINGER_LOOK: Duration = Duration::from_millis(10);

/// The round of destructors in which the end of a thread is noted. The C library makes at least four; destructors of a
/// program's own keys have had their turn by the third.
const END_ROUND: usize = 3;

thread_local! {
    /// The thread's id, whether it is the process's too, and the process that this was asked in.
    static ID: Cell<Option<(Birth, u32, bool)>> = const { Cell::new(None) };
}

/// The kernel's id of the calling thread, unique in its process id namespace among living threads.
#[must_use]
#[inline]
pub fn id() -> u32 {
    known().0
}

/// Whether the calling thread is the one that the process began with (or, after fork, the one that forked).
#[must_use]
#[inline]
pub fn is_initial() -> bool {
    known().1
}

#[inline]
fn known() -> (u32, bool) {
    match ID.get() {
        Some((birth, id, initial)) if birth.is_here() => (id, initial),
        _ => ask(),
    }
}

#[cold]
fn ask() -> (u32, bool) {
    // Thread ids are positive.
    let id = rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs();
    let initial = id == std::process::id();
    ID.set(Some((Birth::here(), id, initial)));
    (id, initial)
}

/// What a new thread needs to begin.
struct Start<P, F> {
    control: Arc<Control>,
    prologue: P,
    body: F,
}

/// Starts a thread under `control`, with at least `stack_len` bytes of stack, or the system's usual size.
///
/// The thread first runs `prologue`, in which it can be neither stopped nor killed. Then it heeds `control`: if that
/// says suspended, it stops, else it runs `body`, unless `prologue` said no. If `body` owns nothing that must be dropped, it
/// may end the thread with [`exit`].
///
/// # Errors
/// The system's: `EAGAIN` if it has no room for another thread.
pub fn spawn<P, F>(
    stack_len: Option<usize>,
    control: Arc<Control>,
    prologue: P,
    body: F,
) -> io::Result<()>
where
    P: FnOnce() -> bool + Send + 'static,
    F: FnOnce() + Send + 'static,
{
    control::free_killed();
    let attributes = Attributes::new(stack_len)?;
    let start = Box::into_raw(Box::new(Start {
        control,
        prologue,
        body,
    }));
    let mut thread = 0;
    // SAFETY: `begin` has the calling convention that is asked for (C-unwind differs from C in what may unwind out of it,
    // and nothing but the C library's own exit does).
    let begin = unsafe {
        std::mem::transmute::<
            extern "C-unwind" fn(*mut c_void) -> *mut c_void,
            extern "C" fn(*mut c_void) -> *mut c_void,
        >(begin::<P, F>)
    };
    // SAFETY: the attributes are initialised, and `start` belongs to the new thread if there is one.
    let failed = unsafe {
        libc::pthread_create(
            &raw mut thread,
            &raw const attributes.0,
            begin,
            start.cast(),
        )
    };
    if failed != 0 {
        // SAFETY: no thread was made that could have taken it.
        drop(unsafe { Box::from_raw(start) });
        return Err(io::Error::from_raw_os_error(failed));
    }
    Ok(())
}

/// The first function of a thread. Nothing in its frame needs dropping while `body` runs, so that the thread may end in
/// its middle.
extern "C-unwind" fn begin<P: FnOnce() -> bool, F: FnOnce()>(start: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn` made it for this thread alone.
    let Start {
        control,
        prologue,
        body,
    } = *unsafe { Box::from_raw(start.cast::<Start<P, F>>()) };
    if prepare(control, prologue) {
        body();
    }
    ptr::null_mut()
}

fn prepare(control: Arc<Control>, prologue: impl FnOnce() -> bool) -> bool {
    let steady = steady();
    control::enter(control, true);
    let go_on = prologue();
    drop(steady);
    control::heed();
    go_on
}

/// Attributes of a thread to be made.
struct Attributes(libc::pthread_attr_t);

impl Attributes {
    fn new(stack_len: Option<usize>) -> io::Result<Attributes> {
        // SAFETY: any bytes will do for what the next call fills in.
        let mut attributes = Attributes(unsafe { std::mem::zeroed() });
        // SAFETY: room for the attributes.
        check(unsafe { libc::pthread_attr_init(&raw mut attributes.0) })?;
        if let Some(len) = stack_len {
            // Whole pages of any size that Linux uses.
            let len = len.max(STACK_MIN).saturating_add(0xffff) & !0xffff;
            // SAFETY: initialised above.
            check(unsafe { libc::pthread_attr_setstacksize(&raw mut attributes.0, len) })?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used again. It cannot fail.
        let _ = unsafe { libc::pthread_attr_destroy(&raw mut self.0) };
    }
}

fn check(error: c_int) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

extern "C-unwind" {
    fn pthread_exit(value: *mut c_void) -> !;
}

/// Ends the calling thread as the C library does: cleanup handlers and C++ destructors of its frames, then those of its
/// thread-local variables, then what [`at_end`] registered.
///
/// No frame of Rust code between here and the thread's first function may own anything that must be dropped, or catch
/// panics: the process would abort.
pub fn exit() -> ! {
    // SAFETY: the C library's own way to end a thread; what passes through frames is the caller's duty, and failing it aborts.
    unsafe { pthread_exit(ptr::null_mut()) }
}

/// What runs at the end of threads.
type Hook = fn();

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Runs `hook` when the calling thread ends in an orderly way: by returning, by [`exit`] or by being cancelled. It runs
/// on that thread, after the destructors of thread-local variables, and must not use such variables itself. When the process
/// exits it does not run.
///
/// There is one hook for all threads, the first that was given.
///
/// # Errors
/// `EAGAIN` or `ENOMEM` if the C library has no key or memory left.
pub fn at_end(hook: Hook) -> io::Result<()> {
    static KEY: OnceLock<Result<libc::pthread_key_t, c_int>> = OnceLock::new();
    HOOK.get_or_init(|| hook);
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: room for the key, and a destructor that lives as long as the program.
        match unsafe { libc::pthread_key_create(&raw mut key, Some(ending)) } {
            0 => {
                END_KEY.store(key, Ordering::Release);
                Ok(key)
            }
            error => Err(error),
        }
    });
    let key = (*key).map_err(io::Error::from_raw_os_error)?;
    set_round(key, 1)
}

static END_KEY: AtomicU32 = AtomicU32::new(0);

/// Lets the destructor run with this number of its round.
fn set_round(key: libc::pthread_key_t, round: usize) -> io::Result<()> {
    // SAFETY: the key exists. The value is a number that nobody follows as a pointer.
    check(unsafe { libc::pthread_setspecific(key, ptr::without_provenance(round)) })
}

/// The destructor of the key: waits for its round, then runs the hook.
extern "C" fn ending(round: *mut c_void) {
    let round = round.addr();
    let key = END_KEY.load(Ordering::Acquire);
    if round < END_ROUND && set_round(key, round + 1).is_ok() {
        return;
    }
    if let Some(hook) = HOOK.get() {
        hook();
    }
}

/// Threads of the library's own, which do not keep a process alive.
static SERVANTS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Says that the calling thread serves the others and does not keep the process alive on its own.
pub fn mark_servant() {
    set_servant(true);
}

/// Says whether the calling thread, from now on, only serves the others and does not keep the process alive on its own.
pub fn set_servant(yes: bool) {
    let this = id();
    let _steady = steady();
    let mut servants = SERVANTS.lock().unwrap_or_else(PoisonError::into_inner);
    servants.retain(|servant| *servant != this);
    if yes {
        servants.push(this);
    }
}

/// Whether any thread lives besides the caller, the library's own and the initial one.
///
/// # Errors
/// The system's, if `/proc` cannot be read.
pub fn others_live() -> io::Result<bool> {
    let this = id();
    let initial = std::process::id();
    let _steady = steady();
    let servants = SERVANTS.lock().unwrap_or_else(PoisonError::into_inner);
    let tasks = std::fs::read_dir("/proc/self/task")?;
    let ids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut others = ids.filter(|id| *id != this && *id != initial && !servants.contains(id));
    Ok(others.next().is_some())
}

/// Keeps the initial thread out of the way until all others have ended, and returns then.
///
/// It handles no more signals that other threads can handle.
pub fn linger() {
    control::block_signals();
    let mut quiet = 0;
    // Twice, because a servant may just have been given something to do.
    while quiet < 2 {
        std::thread::sleep(LINGER_LOOK);
        // Without /proc there is no telling; then the process lives until somebody ends it.
        quiet = match others_live().unwrap_or(true) {
            true => 0,
            false => quiet + 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn join<T>(receiver: &mpsc::Receiver<T>) -> T {
        receiver.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    #[test]
    fn new_thread_runs_its_body_on_a_stack_of_the_asked_size() {
        let (tell, told) = mpsc::channel();
        let stack = Some(3 << 20);
        spawn(
            stack,
            Control::new(0),
            || true,
            move || {
                let room = std::hint::black_box([1_u8; 2 << 20]);
                tell.send((id(), room.len())).unwrap();
            },
        )
        .unwrap();
        let (thread, len) = join(&told);
        assert_ne!(thread, id());
        assert_eq!(len, 2 << 20);
    }

    #[test]
    fn hook_runs_after_thread_locals_also_when_the_thread_exits_in_the_middle() {
        static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        struct Noisy;
        impl Drop for Noisy {
            fn drop(&mut self) {
                ORDER.lock().unwrap().push("local");
            }
        }
        thread_local!(static LOCAL: Noisy = const { Noisy });
        spawn(
            None,
            Control::new(0),
            || true,
            || {
                LOCAL.with(|_| ());
                at_end(|| ORDER.lock().unwrap().push("hook")).unwrap();
                exit();
            },
        )
        .unwrap();
        for _ in 0..3_000 {
            if ORDER.lock().unwrap().len() == 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(*ORDER.lock().unwrap(), ["local", "hook"]);
    }

    #[test]
    fn servants_do_not_count_as_others() {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        spawn(
            None,
            Control::new(0),
            || true,
            move || {
                mark_servant();
                tell.send(id()).unwrap();
                let _ = stopped.recv();
            },
        )
        .unwrap();
        let servant = join(&told);
        assert!(SERVANTS.lock().unwrap().contains(&servant));
        // The threads of the test harness are others.
        assert!(others_live().unwrap() || is_initial());
        drop(stop);
    }
}
