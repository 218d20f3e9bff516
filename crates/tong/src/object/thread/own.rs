//! What a process knows of a thread of its own, and where it finds it.
//!
//! The thread itself holds its [`Own`] from its thread-local storage, where other threads cannot reach, and the
//! register holds it for all others: strongly while the thread runs, weakly afterwards.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::AtomicI32;
use std::sync::{mpsc, Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tong_sys::fork::Birth;
use tong_sys::thread::{self, Control, Steady, SuspendError};

use super::ending;
use crate::apc::Queue;
use crate::io::Blockage;
use crate::waits::ThreadCell;
use crate::{Error, ErrorKind, Result};

/// What lies on the stack of a thread, as far as ending it in the middle is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// Rust code, which unwinds, up to a function that catches panics.
    Rust,
    /// Code of another language, or nobody knows.
    Foreign,
}

/// A thread of this process.
#[derive(Debug)]
pub(crate) struct Own {
    id: OnceLock<u32>,
    control: Arc<Control>,
    cell: ThreadCell,
    apcs: Queue,
    frames: Frames,
    birth: Birth,
    /// What was last set; it has no effect.
    pub(super) priority: AtomicI32,
    /// What the program calls it.
    description: Mutex<String>,
    /// What it is blocked in.
    blockage: Blockage,
}

impl Own {
    fn new(control: Arc<Control>, frames: Frames) -> Result<Arc<Own>> {
        Ok(Arc::new(Own {
            id: OnceLock::new(),
            control,
            cell: ThreadCell::new()?,
            apcs: Queue::new(),
            frames,
            birth: Birth::here(),
            priority: AtomicI32::new(0),
            description: Mutex::default(),
            blockage: Blockage::default(),
        }))
    }

    pub(super) fn id(&self) -> u32 {
        self.id.get().copied().unwrap_or(0)
    }

    pub(crate) fn cell(&self) -> &ThreadCell {
        &self.cell
    }

    pub(crate) fn apcs(&self) -> &Queue {
        &self.apcs
    }

    pub(crate) fn blockage(&self) -> &Blockage {
        &self.blockage
    }

    pub(super) fn description(&self) -> MutexGuard<'_, String> {
        self.description
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn frames(&self) -> Frames {
        self.frames
    }

    /// Sets the exit code, unless there is one already.
    pub(super) fn set_code(&self, code: u32) {
        self.cell.set_code(code);
    }

    /// The exit code, if the thread has ended.
    ///
    /// # Errors
    /// Those of looking at the object.
    pub(super) fn exit_code(&self) -> Result<Option<u32>> {
        self.cell.code()
    }

    /// Whether it has ended, or nobody can tell.
    pub(crate) fn has_ended(&self) -> bool {
        self.exit_code().is_ok_and(|code| code.is_some())
    }

    pub(super) fn suspend(&self) -> Result<u32> {
        let refused = |error| match error {
            SuspendError::Ended => Error::new("suspend thread", ErrorKind::AccessDenied)
                .because("the thread has ended"),
            SuspendError::TooOften => Error::new("suspend thread", ErrorKind::TooManySuspensions),
            SuspendError::Signal(number) => signal_taken("suspend thread", number),
        };
        self.control.suspend().map_err(refused)
    }

    pub(super) fn resume(&self) -> u32 {
        self.control.resume()
    }

    /// Makes this the calling thread's own, which others can find from here on.
    fn enter(self: &Arc<Own>) -> Result<()> {
        let id = super::current_id();
        let _ = self.id.set(id);
        self.cell.begin()?;
        thread::at_end(ending::orderly).map_err(|error| Error::from_io("begin thread", error))?;
        CURRENT.set(Some(Arc::clone(self)));
        register()
            .threads
            .insert(id, Entry::Running(Arc::clone(self)));
        Ok(())
    }
}

/// Suspending and killing a thread need a signal that could not be had.
pub(super) fn signal_taken(op: &'static str, number: i32) -> Error {
    let error = Error::from_io(op, std::io::Error::from_raw_os_error(number));
    match number {
        tong_sys::errno::EBUSY => error.because(
            "the program itself uses the signal SIGRTMIN+15; it must leave that one to tong",
        ),
        _ => error,
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Own>>> = const { RefCell::new(None) };
}

/// What the calling thread knows of itself, if it has asked before and is not about to end.
pub(crate) fn own_if_any() -> Option<Arc<Own>> {
    let current = CURRENT.try_with(|current| current.borrow().clone());
    current.ok()?.filter(|own| own.birth.is_here())
}

/// What the calling thread knows of itself.
///
/// # Errors
/// Those of taking part in waits, and of installing the signal handler for suspending.
pub(crate) fn own() -> Result<Arc<Own>> {
    if let Some(own) = own_if_any() {
        return Ok(own);
    }
    if CURRENT.try_with(|_| ()).is_err() {
        return Err(Error::new("look at the own thread", ErrorKind::Ended));
    }
    let own = Own::new(Control::adopt(), Frames::Foreign)?;
    own.enter()?;
    Ok(own)
}

/// Starts a thread that runs `body`.
pub(super) fn start(
    stack_len: Option<usize>,
    suspended: bool,
    frames: Frames,
    body: impl FnOnce() -> u32 + Send + 'static,
) -> Result<Arc<Own>> {
    let control = Control::new(u32::from(suspended));
    let own = Own::new(Arc::clone(&control), frames)?;
    let (tell, told) = mpsc::sync_channel(1);
    let prologue = {
        let own = Arc::clone(&own);
        move || {
            let entered = own.enter();
            let go_on = entered.is_ok();
            // The starter is waiting.
            let _ = tell.send(entered);
            go_on
        }
    };
    // Nothing of ours lives in this frame while `body` runs, so that it may end in the middle.
    let body = move || {
        super::begin_calls();
        let code = body();
        ending::note_code(code);
    };
    thread::spawn(stack_len, control, prologue, body)
        .map_err(|error| Error::from_io("start thread", error))?;
    told.recv()
        .unwrap_or_else(|_| Err(Error::new("start thread", ErrorKind::Ended)))?;
    Ok(own)
}

/// The threads of this process that have objects.
struct Register {
    birth: Birth,
    threads: HashMap<u32, Entry>,
    /// How many entries there may be before those of ended threads are looked through.
    sweep_at: usize,
}

enum Entry {
    Running(Arc<Own>),
    Ended(Weak<Own>),
}

impl Entry {
    fn own(&self) -> Option<Arc<Own>> {
        match self {
            Entry::Running(own) => Some(Arc::clone(own)),
            Entry::Ended(own) => own.upgrade(),
        }
    }
}

impl Register {
    fn sweep(&mut self) {
        if self.threads.len() < self.sweep_at {
            return;
        }
        self.threads.retain(|_, entry| match entry {
            Entry::Running(own) => {
                // A thread that was killed could not say goodbye.
                if own.has_ended() {
                    *entry = Entry::Ended(Arc::downgrade(own));
                }
                true
            }
            Entry::Ended(own) => own.strong_count() > 0,
        });
        self.sweep_at = (self.threads.len() * 2).max(SWEEP_MIN);
    }
}

const SWEEP_MIN: usize = 64;

static REGISTER: Mutex<Option<Register>> = Mutex::new(None);

fn register() -> RegisterGuard {
    let steady = thread::steady();
    let mut guard = REGISTER.lock().unwrap_or_else(PoisonError::into_inner);
    match guard.as_mut() {
        Some(register) if register.birth.is_here() => register.sweep(),
        // None yet, or the parent's.
        _ => {
            *guard = Some(Register {
                birth: Birth::here(),
                threads: HashMap::new(),
                sweep_at: SWEEP_MIN,
            });
        }
    }
    RegisterGuard(guard, steady)
}

/// The locked register. Nobody can suspend the thread that has it.
struct RegisterGuard(MutexGuard<'static, Option<Register>>, Steady);

impl std::ops::Deref for RegisterGuard {
    type Target = Register;

    fn deref(&self) -> &Register {
        self.0.as_ref().expect("filled in when locked")
    }
}

impl std::ops::DerefMut for RegisterGuard {
    fn deref_mut(&mut self) -> &mut Register {
        self.0.as_mut().expect("filled in when locked")
    }
}

/// The thread of this process with that id, if it has an object.
pub(super) fn find(id: u32) -> Option<Arc<Own>> {
    register().threads.get(&id)?.own()
}

/// Takes the strong hold off a thread that ends; returns it.
pub(super) fn let_go(id: u32) -> Option<Arc<Own>> {
    let mut register = register();
    let entry = register.threads.get_mut(&id)?;
    let own = entry.own()?;
    *entry = Entry::Ended(Arc::downgrade(&own));
    Some(own)
}

/// What the calling thread holds of itself, taken out of its thread-local storage.
pub(super) fn take_current() -> Option<Arc<Own>> {
    CURRENT.try_with(RefCell::take).ok()?
}
