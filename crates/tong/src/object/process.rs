//! Processes: programs that run, and what is left of them when they have ended.
//!
//! # Purpose
//! A [`Process`] is made by starting a program ([`ProcessOptions`]), by its id ([`Process::open`]), or for the caller
//! itself ([`Process::current`]). It can be waited for, ended, asked for its exit code; it stands for the same process for
//! good, because it holds a descriptor of it (a pidfd) and not only an id.
//!
//! # When it is signaled
//! From the moment that nothing of the process runs any more, for good. Its descriptor ([`AsFd`]) becomes readable then.
//!
//! # Exit codes
//! An exit code has 32 bits. Linux keeps eight; a program that uses tong writes the whole code into its
//! [process page](crate::process) when it exits, and whoever ends it with [`Process::terminate`] writes there first. The
//! first cause wins. For programs without a page there is what the kernel keeps: the low eight bits of the code, or for
//! one that was killed by a signal the code that Windows has for such an end:
//!
//! | signal | code | | signal | code |
//! |---|---|---|---|---|
//! | `SIGSEGV` | 0xC0000005 access violation | | `SIGTRAP` | 0x80000003 breakpoint |
//! | `SIGBUS` | 0xC0000006 in-page error | | `SIGINT` | 0xC000013A interrupted |
//! | `SIGILL` | 0xC000001D illegal instruction | | `SIGABRT` | 0xC0000409 fail-fast |
//! | `SIGFPE` | 0xC0000094 divided by zero | | any other | 1 |
//!
//! If not even that can be known (somebody else has waited for it, and the kernel is older than 6.15): 0xC0000001.
//!
//! # Lifetime and death
//! Dropping a `Process` does nothing to the process. A child stays known to the system until it has ended and the last
//! `Process` of it in its parent is dropped: until then its id is not used again, and others can open it. No zombies stay
//! after that. If the parent ends first, its children run on.
//!
//! # Limits
//! One descriptor each, two for a process that has a page. Linux 5.4.
//!
//! # Differences from Windows
//! A process can be found by its id after it ended only while its parent holds it. Only the user's own processes (and all,
//! for the administrator) can be ended.
//!
//! # References
//! Win32: "Processes and Threads", OpenProcess, TerminateProcess, GetExitCodeProcess. Linux: pidfd_open(2), waitid(2).

mod options;
mod registry;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tong_sys::exit_code;
use tong_sys::fork::Birth;
use tong_sys::pidfd::{self, signals, Ending};

use crate::object::thread::Thread;
use crate::process::children;
use crate::process::page::Page;
use crate::wait;
use crate::{Error, ErrorKind, Result};

pub use options::{Inherit, ProcessOptions, Stream};

/// The exit code of a process of which nobody can say how it ended: Windows' "unsuccessful".
const UNKNOWN: u32 = 0xC000_0001;
/// Set beside a code in a word, because 0 is a code too.
const KNOWN: u64 = 1 << 32;
/// The most suspensions of a process at a time.
const SUSPENSIONS_MAX: u32 = 127;

/// A process that runs or has ended. Clones stand for the same process.
#[derive(Clone, Debug)]
pub struct Process {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    /// Taken when this is dropped.
    process: Option<OwnedFd>,
    pid: u32,
    start_time: OnceLock<u64>,
    page: Option<Page>,
    image: OnceLock<PathBuf>,
    /// `KNOWN | code` once the process was seen to have ended.
    code: AtomicU64,
    /// `KNOWN | code` if this process ends that one, which has no page to write it into.
    planned: AtomicU64,
    suspensions: AtomicU32,
    is_child: bool,
    birth: Birth,
}

impl Process {
    /// The calling process.
    ///
    /// # Errors
    /// The system is out of descriptors or memory.
    pub fn current() -> Result<Process> {
        Process::open(std::process::id())
    }

    /// Opens the process with this id. One that has ended can be opened for as long as its parent holds it.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if there is no such process, or the id is a thread's; else the
    /// system is out of descriptors or memory.
    pub fn open(pid: u32) -> Result<Process> {
        children::sweep();
        let failed = |error| {
            let error = Error::from_io("open process", error);
            match error.kind() {
                ErrorKind::NoResources | ErrorKind::NoMemory => error,
                _ => Error::new("open process", ErrorKind::InvalidParameter)
                    .because(format!("there is no process with id {pid}")),
            }
        };
        let process = match pidfd::open(pid) {
            Ok(process) => process,
            Err(error) => return registry::ended(pid).ok_or_else(|| failed(error)),
        };
        Ok(Process::of(process, pid, None))
    }

    /// The process that a pidfd stands for.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if the descriptor is no pidfd, or stands for a process that has
    /// ended and that nobody knows any more.
    pub fn from_pidfd(process: OwnedFd) -> Result<Process> {
        Process::import(process, None)
    }

    /// The process that a pidfd stands for, with its page if whoever sent it had that.
    pub(crate) fn import(process: OwnedFd, page: Option<OwnedFd>) -> Result<Process> {
        let page = page.and_then(|page| Page::adopt(page).ok());
        let pid = pidfd::id_of(&process).or_else(|| {
            // It has ended. A page of it says what its id was.
            let ended = pidfd::has_ended(&process).unwrap_or(false);
            page.as_ref().filter(|_| ended).map(Page::pid)
        });
        let Some(pid) = pid.filter(|pid| *pid != 0) else {
            return Err(Error::new("open process", ErrorKind::InvalidParameter)
                .because("the descriptor stands for no process that is known here"));
        };
        Ok(Process::of(process, pid, page))
    }

    /// The one object of this process for that one, which may exist already.
    fn of(process: OwnedFd, pid: u32, page: Option<Page>) -> Process {
        let start_time = pidfd::start_time(pid).ok();
        if let Some(same) = start_time.and_then(|time| registry::running(pid, time)) {
            return same;
        }
        let own = pid == std::process::id();
        let found = Process::new(Held {
            process: Some(process),
            pid,
            start_time: start_time.map(OnceLock::from).unwrap_or_default(),
            page: page.or_else(|| Page::of(pid).filter(|_| !own)),
            image: OnceLock::new(),
            code: AtomicU64::new(0),
            planned: AtomicU64::new(0),
            suspensions: AtomicU32::new(0),
            is_child: false,
            birth: Birth::here(),
        });
        // Later it may not be found out any more.
        let _ = found.image_path();
        found
    }

    fn new(held: Held) -> Process {
        let process = Process {
            held: Arc::new(held),
        };
        registry::note(&process);
        process
    }

    /// The id, also after the process ended. Never 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.held.pid
    }

    /// The exit code, if the process has ended; `None` while it runs or is suspended.
    ///
    /// Does not wait. If it gives a code, the process is signaled.
    ///
    /// # Errors
    /// [`NoMemory`](ErrorKind::NoMemory).
    pub fn exit_code(&self) -> Result<Option<u32>> {
        let known = self.held.code.load(Ordering::Acquire);
        if known & KNOWN != 0 {
            return Ok(Some(code_in(known)));
        }
        if self.is_running()? {
            return Ok(None);
        }
        let code = self.held.code_of_ended();
        // The same for every thread that asks at once: what is known first stays.
        let noted = self.held.code.compare_exchange(
            0,
            KNOWN | u64::from(code),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        Ok(Some(noted.map_or_else(code_in, |_| code)))
    }

    /// Does the process exist still, running or suspended?
    ///
    /// # Errors
    /// [`NoMemory`](ErrorKind::NoMemory).
    pub fn is_running(&self) -> Result<bool> {
        let ended = pidfd::has_ended(self);
        Ok(!ended.map_err(|error| Error::from_io("ask for process", error))?)
    }

    /// Waits until the process has ended, for at most `timeout`; for ever if it is `None`.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if it still runs then.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        wait::any(&[self], timeout).map(|_| ())
    }

    /// Ends the process with this exit code: none of its code runs any more, and its children are not touched.
    ///
    /// It may take the process a moment to end; wait for it. The calling process does not come back from ending itself.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the process has ended already, in which case its exit code stays what
    /// it was, or if it is another user's.
    pub fn terminate(&self, code: u32) -> Result<()> {
        if self.is_own() {
            Page::note_own_end(code);
            exit_code::end_now(code);
        }
        let refused = || Error::new("end process", ErrorKind::AccessDenied);
        if !self.is_running()? {
            return Err(refused().because("the process has ended already"));
        }
        pidfd::send_signal(self, 0).map_err(|_| refused())?;
        self.held.plan_end(code);
        // Between the question and the plan it may have ended by itself.
        let sent = self
            .is_running()
            .is_ok_and(|running| running && pidfd::send_signal(self, signals::SIGKILL).is_ok());
        match sent {
            true => Ok(()),
            false => {
                self.held.unplan_end(code);
                Err(refused())
            }
        }
    }

    /// Adds one to the suspend count and returns what it was. While it is not zero nothing of the process runs.
    ///
    /// Only suspensions through this process are counted.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the process has ended or is another user's;
    /// [`TooManySuspensions`](ErrorKind::TooManySuspensions) if the count is 127.
    pub fn suspend(&self) -> Result<u32> {
        if !self.is_running()? {
            return Err(Error::new("suspend process", ErrorKind::AccessDenied)
                .because("the process has ended already"));
        }
        let one_more = |count| (count < SUSPENSIONS_MAX).then_some(count + 1);
        let counted = self.held.count_suspensions(one_more);
        let before =
            counted.map_err(|_| Error::new("suspend process", ErrorKind::TooManySuspensions))?;
        if before == 0 {
            self.signal(signals::SIGSTOP)?;
        }
        Ok(before)
    }

    /// Takes one from the suspend count, if it is not zero, and returns what it was. At zero the process goes on.
    ///
    /// A process that was suspended by somebody else goes on at once, and counts as suspended once.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the process is another user's.
    pub fn resume(&self) -> Result<u32> {
        if !self.is_running()? {
            return Ok(0);
        }
        let one_less = |count: u32| count.checked_sub(1);
        match self.held.count_suspensions(one_less) {
            Ok(1) => self.signal(signals::SIGCONT).map(|()| 1),
            Ok(before) => Ok(before),
            Err(_) if pidfd::is_stopped(self.id()) => self.signal(signals::SIGCONT).map(|()| 1),
            Err(_) => Ok(0),
        }
    }

    /// The initial thread of the process, which stands for the process: suspending it suspends the process, and it ends
    /// with it.
    #[must_use]
    pub fn initial_thread(&self) -> Thread {
        Thread::initial_of(self.clone())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) -> Result<()> {
        let refused = |_| Error::new("signal process", ErrorKind::AccessDenied);
        pidfd::send_signal(self, signal).map_err(refused)
    }

    /// May the caller end, suspend and resume the process? True if it has ended.
    #[must_use]
    pub fn is_controllable(&self) -> bool {
        pidfd::send_signal(self, 0).is_ok() || !self.is_running().unwrap_or(true)
    }

    /// The path of the program, also after the process ended.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the system does not tell: the process is another user's, or ended before
    /// it was opened.
    pub fn image_path(&self) -> Result<&Path> {
        if let Some(image) = self.held.image.get() {
            return Ok(image);
        }
        let image = std::fs::read_link(format!("/proc/{}/exe", self.id()));
        // While a pidfd knows its process, the id has not led to another one.
        let same = pidfd::send_signal(self, 0).is_ok();
        match image {
            Ok(image) if same => Ok(self.held.image.get_or_init(|| image)),
            _ => Err(Error::new(
                "find program of process",
                ErrorKind::AccessDenied,
            )),
        }
    }

    /// The id of the process that created this one, as far as it is known. That one may have ended, and its id may be
    /// another's by now.
    #[must_use]
    pub fn creator_id(&self) -> Option<u32> {
        let told = self.held.page.as_ref().map(Page::creator);
        told.filter(|creator| *creator != 0)
            .or_else(|| pidfd::parent(self.id()).ok())
    }

    /// Whether both stand for the same process.
    #[must_use]
    pub fn same_object(&self, other: &Process) -> bool {
        Arc::ptr_eq(&self.held, &other.held) || self.identity() == other.identity()
    }

    /// Two numbers that no other process of the machine has: id and PID namespace, and when it started.
    pub(crate) fn identity(&self) -> [u64; 2] {
        let pid = self.id();
        let start = self.held.start_time.get_or_init(|| {
            // Unknown only if somebody else has waited for our child.
            pidfd::start_time(pid).unwrap_or(0)
        });
        [u64::from(pid) | pidfd::own_namespace() << 32, *start]
    }

    /// The page of the process, if it has one that is known here.
    pub(crate) fn page(&self) -> Option<&Page> {
        match self.is_own() {
            true => Page::own_if_any(),
            false => self.held.page.as_ref(),
        }
    }

    /// The descriptor of that page.
    pub(crate) fn page_fd(&self) -> Option<BorrowedFd<'_>> {
        self.page().map(AsFd::as_fd)
    }

    fn is_own(&self) -> bool {
        self.id() == std::process::id()
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held.as_fd()
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let process = self.process.as_ref();
        // Taken by the drop of this alone, after which nobody can ask.
        process.expect("a process keeps its descriptor").as_fd()
    }
}

impl Held {
    fn code_of_ended(&self) -> u32 {
        if let Some(code) = self.page.as_ref().and_then(Page::exit_code) {
            return code;
        }
        let planned = self.planned.load(Ordering::Acquire);
        match pidfd::how_it_ended(self, self.pid) {
            Some(Ending::Killed(signals::SIGKILL)) if planned & KNOWN != 0 => code_in(planned),
            Some(ending) => code_of(ending),
            None if planned & KNOWN != 0 => code_in(planned),
            None => UNKNOWN,
        }
    }

    /// Notes the code that the process is about to be ended with, where others see it if it has a page.
    fn plan_end(&self, code: u32) {
        match &self.page {
            Some(page) => {
                page.set_exit_code(code);
            }
            None => {
                let value = KNOWN | u64::from(code);
                let _ =
                    self.planned
                        .compare_exchange(0, value, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }

    fn unplan_end(&self, code: u32) {
        match &self.page {
            Some(page) => page.unset_exit_code(code),
            None => self.planned.store(0, Ordering::Release),
        }
    }

    fn count_suspensions(
        &self,
        change: impl Fn(u32) -> Option<u32>,
    ) -> std::result::Result<u32, u32> {
        self.suspensions
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, change)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        registry::forget(self.pid);
        if let Some(process) = self.process.take() {
            if self.is_child && self.birth.is_here() {
                children::leave_alone(process);
            }
        }
    }
}

fn code_in(word: u64) -> u32 {
    (word & 0xFFFF_FFFF) as u32
}

/// The code that stands for an ending of which only the kernel knows.
fn code_of(ending: Ending) -> u32 {
    match ending {
        Ending::Exited(code) => code.into(),
        Ending::Killed(signals::SIGSEGV) => 0xC000_0005,
        Ending::Killed(signals::SIGBUS) => 0xC000_0006,
        Ending::Killed(signals::SIGILL) => 0xC000_001D,
        Ending::Killed(signals::SIGFPE) => 0xC000_0094,
        Ending::Killed(signals::SIGTRAP) => 0x8000_0003,
        Ending::Killed(signals::SIGINT) => 0xC000_013A,
        Ending::Killed(signals::SIGABRT) => 0xC000_0409,
        Ending::Killed(_) => 1,
    }
}
