//! Starting a program with exactly the descriptors, directory and environment it is to have.
//!
//! The child is made by `clone`, which gives its pidfd at once, so that nobody who waits for children behind our back can
//! make us take another process for it. It shares our memory, and we stand still, until it has become the program: as
//! fast as `posix_spawn`, which is made the same way, and whatever goes wrong in the child is known before the call
//! returns. A child that is to start *suspended* gets a copy of our memory instead, closes all that is not for the
//! program, and stops itself just before it becomes the program.
//!
//! In the child only plain system calls are made, on memory that was set up before: no allocation, no lock, nothing that
//! another thread could have left half-done.
//!
//! # What the program gets
//! The descriptors that are listed, and no others, whatever else is open in this process at that moment in any thread.
//! All signals unblocked, those that had a handler back to their default; `SIGPIPE` too, which Rust programs ignore.
//! Those that were ignored otherwise stay ignored.
//!
//! # References
//! Linux: clone(2), execve(2), close_range(2), dup(2); `posix_spawn` in glibc, sysdeps/unix/sysv/linux/spawni.c.

#![allow(
    unsafe_code,
    reason = "making a process that shares memory has no safe form"
)]

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::{waitid, WaitId, WaitIdOptions};

/// Bytes of stack for what the child does before it becomes the program.
const STACK: usize = 64 << 10;
/// The highest descriptor that is looked at where the kernel has no `close_range`.
const FD_MAX: u32 = 1 << 16;
/// The number behind the last signal.
const SIGNALS_END: c_int = 65;

/// What to start, and how.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The file of the program.
    pub program: &'a CStr,
    /// Its arguments, the name of the program first.
    pub arguments: &'a [CString],
    /// Its environment, `name=value` each.
    pub environment: &'a [CString],
    /// Its current directory; `None` is that of the caller.
    pub directory: Option<&'a CStr>,
    /// The descriptors it gets, each under the number beside it. No two numbers may be the same.
    pub descriptors: &'a [(BorrowedFd<'a>, RawFd)],
    /// Does it stop before its first instruction, until it is sent `SIGCONT`?
    pub suspended: bool,
    /// Is it to be the first of a process group of its own, which ignores the interrupt key?
    pub new_group: bool,
    /// Is it to have no controlling terminal?
    pub new_session: bool,
    /// The process group that it joins before it does anything else; it is of the same session.
    pub group: Option<u32>,
}

/// A process that was started.
#[derive(Debug)]
pub struct Child {
    /// Its id.
    pub pid: u32,
    /// The descriptor by which it is known for good.
    pub process: OwnedFd,
}

/// Why a program was not started.
#[derive(Debug)]
pub enum Failure {
    /// There can be no further process.
    Process(io::Error),
    /// The process group cannot be joined.
    Group(io::Error),
    /// The descriptors cannot be handed over.
    Descriptors(io::Error),
    /// The directory cannot be entered.
    Directory(io::Error),
    /// The file cannot be run.
    Program(io::Error),
}

/// What the child was doing when it failed; 0 if it did not.
const AT_DESCRIPTORS: i32 = 1;
const AT_DIRECTORY: i32 = 2;
const AT_PROGRAM: i32 = 3;
const AT_GROUP: i32 = 4;

/// What the child works with. Everything in it was made before the child is.
struct Plan {
    program: *const c_char,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    directory: *const c_char,
    moves: Vec<(RawFd, RawFd)>,
    /// Above every number that the program is to get.
    base: RawFd,
    /// The numbers below it that the program is not to get.
    gaps: Vec<RawFd>,
    suspended: bool,
    new_group: bool,
    new_session: bool,
    /// 0 to stay in the group of the caller.
    group: libc::pid_t,
    /// Where a suspended child, which shares no memory with us, says what failed; -1 for the others.
    report: RawFd,
    failed_at: i32,
    errno: i32,
}

impl Spawn<'_> {
    /// Starts the program. A suspended one has stopped when this returns.
    ///
    /// # Errors
    /// See [`Failure`]. A file that the kernel cannot run is `ENOEXEC`, one that may not be run `EACCES`. Of a suspended
    /// program this is not known yet: if it cannot be run after all, it exits with 127 when it is resumed.
    pub fn start(&self) -> Result<Child, Failure> {
        let mut plan = self.plan();
        if !self.suspended {
            let child = clone(&mut plan, libc::CLONE_VM | libc::CLONE_VFORK)?;
            return match plan.failure() {
                None => Ok(child),
                Some(failure) => {
                    crate::pidfd::reap(&child.process);
                    Err(failure)
                }
            };
        }
        let (report, told) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| Failure::Process(error.into()))?;
        plan.report = told.as_raw_fd();
        let child = clone(&mut plan, 0)?;
        drop(told);
        match wait_until_stopped(&child.process) {
            true => Ok(child),
            false => Err(read_report(&mut plan, &report)),
        }
    }

    fn plan(&self) -> Plan {
        let list = |strings: &[CString]| -> Vec<*const c_char> {
            let pointers = strings.iter().map(|string| string.as_ptr());
            pointers.chain([ptr::null()]).collect()
        };
        let moves: Vec<_> = self
            .descriptors
            .iter()
            .map(|(from, to)| (from.as_raw_fd(), *to))
            .collect();
        let mut taken: Vec<RawFd> = moves.iter().map(|(_, to)| *to).collect();
        taken.sort_unstable();
        // Not below the standard streams, which may be closed here.
        let base = taken.last().map_or(0, |last| last + 1).max(3);
        Plan {
            program: self.program.as_ptr(),
            arguments: list(self.arguments),
            environment: list(self.environment),
            directory: self.directory.map_or(ptr::null(), CStr::as_ptr),
            base,
            gaps: (0..base)
                .filter(|number| taken.binary_search(number).is_err())
                .collect(),
            moves,
            suspended: self.suspended,
            new_group: self.new_group,
            new_session: self.new_session,
            // What can be no id, 0 too, is no group's, and cannot be joined.
            group: self.group.map_or(0, |group| match group {
                0 => libc::pid_t::MAX,
                _ => libc::pid_t::try_from(group).unwrap_or(libc::pid_t::MAX),
            }),
            report: -1,
            failed_at: 0,
            errno: 0,
        }
    }
}

/// Makes the child, with all signals held back: a handler that ran in it would run in our memory.
fn clone(plan: &mut Plan, flags: c_int) -> Result<Child, Failure> {
    let mut stack: Vec<u128> = Vec::with_capacity(STACK / size_of::<u128>());
    let top = stack.spare_capacity_mut().as_mut_ptr_range().end;
    let mut pidfd: c_int = -1;
    let held = Held::all();
    // SAFETY:
    // 1. The stack grows down from `top`, is aligned for every machine, and outlives the child's use of it: we stand still
    //    until the child has become another program, or it has a copy of it.
    // 2. `run` gets the plan, which nobody else touches meanwhile, and whose pointers lead to strings borrowed by the caller.
    // 3. `run` makes plain system calls only.
    let pid = unsafe {
        libc::clone(
            run,
            top.cast(),
            flags | libc::CLONE_PIDFD | libc::SIGCHLD,
            ptr::from_mut(plan).cast(),
            &raw mut pidfd,
        )
    };
    let error = io::Error::last_os_error();
    drop(held);
    let pid = u32::try_from(pid).map_err(|_| Failure::Process(error))?;
    // SAFETY: the call succeeded, and so has opened this descriptor for us, which nobody else knows.
    let process = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child { pid, process })
}

/// All signals are held back in this thread while this lives.
struct Held {
    before: libc::sigset_t,
}

impl Held {
    fn all() -> Held {
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: the calls initialise both sets, and cannot fail with valid arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Held {
                before: before.assume_init(),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by the system; the call cannot fail.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}

/// Waits until a child has stopped itself. False if it ended instead; then it is reaped.
fn wait_until_stopped(process: &OwnedFd) -> bool {
    use std::os::fd::AsFd as _;
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let stopped = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(process.as_fd()), options))
        .is_ok_and(|status| status.is_some_and(|status| status.stopped()));
    if !stopped {
        crate::pidfd::reap(process);
    }
    stopped
}

/// What a suspended child said before it ended without having stopped.
fn read_report(plan: &mut Plan, report: &OwnedFd) -> Failure {
    let mut said = [0; 8];
    let len = rustix::io::retry_on_intr(|| rustix::io::read(report, &mut said[..]));
    if len == Ok(8) {
        let [at, errno] = [0, 4].map(|i| {
            let bytes = [said[i], said[i + 1], said[i + 2], said[i + 3]];
            i32::from_ne_bytes(bytes)
        });
        (plan.failed_at, plan.errno) = (at, errno);
    }
    // Somebody may have killed it.
    let killed = || Failure::Process(io::ErrorKind::Interrupted.into());
    plan.failure().unwrap_or_else(killed)
}

impl Plan {
    fn failure(&self) -> Option<Failure> {
        let error = || io::Error::from_raw_os_error(self.errno);
        match self.failed_at {
            0 => None,
            AT_DESCRIPTORS => Some(Failure::Descriptors(error())),
            AT_DIRECTORY => Some(Failure::Directory(error())),
            AT_GROUP => Some(Failure::Group(error())),
            _ => Some(Failure::Program(error())),
        }
    }

    /// In the child: notes what failed and why.
    fn fail(&mut self, at: i32) {
        self.failed_at = at;
        self.errno = errno();
        if self.report >= 0 {
            let mut said = [0; 8];
            said[..4].copy_from_slice(&self.failed_at.to_ne_bytes());
            said[4..].copy_from_slice(&self.errno.to_ne_bytes());
            // SAFETY: the descriptor is the child's own, the bytes are on its stack.
            unsafe { libc::write(self.report, said.as_ptr().cast(), said.len()) };
        }
    }
}

fn errno() -> i32 {
    // SAFETY: the address is that of this thread's error number, which is always there.
    unsafe { *libc::__errno_location() }
}

/// The child, from its first instruction until it is the program. Returning ends it.
extern "C" fn run(plan: *mut c_void) -> c_int {
    // SAFETY: `clone` passes the plan, and its owner stands still or has another copy.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    leave_groups(plan);
    // Before any descriptor is closed: whoever waits for the last copy of one to go finds us in the group.
    // SAFETY: integers.
    if plan.group != 0 && unsafe { libc::setpgid(0, plan.group) } != 0 {
        plan.fail(AT_GROUP);
        return 127;
    }
    if !hand_over(plan) {
        plan.fail(AT_DESCRIPTORS);
        return 127;
    }
    // SAFETY: the directory is null or a string of the caller's.
    if !plan.directory.is_null() && unsafe { libc::chdir(plan.directory) } != 0 {
        plan.fail(AT_DIRECTORY);
        return 127;
    }
    reset_signals(plan.new_group);
    if plan.suspended {
        stop(plan);
    }
    // SAFETY: the three are strings and lists of strings that end in null, made by `plan`.
    unsafe {
        libc::execve(
            plan.program,
            plan.arguments.as_ptr(),
            plan.environment.as_ptr(),
        );
    }
    plan.fail(AT_PROGRAM);
    127
}

fn leave_groups(plan: &Plan) {
    // SAFETY: the calls take integers. They fail for nothing that a new process can be.
    unsafe {
        if plan.new_session {
            libc::setsid();
        } else if plan.new_group {
            libc::setpgid(0, 0);
        }
    }
}

/// Puts the descriptors where the program expects them, and sees to it that it gets no others.
fn hand_over(plan: &mut Plan) -> bool {
    // What stands where another is to go steps aside first, so that no move covers the source of a later one.
    for index in 0..plan.moves.len() {
        let (from, to) = plan.moves[index];
        if from < plan.base && from != to {
            // SAFETY: integers.
            let aside = unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, plan.base) };
            if aside < 0 {
                return false;
            }
            plan.moves[index].0 = aside;
        }
    }
    if plan.report >= 0 && plan.report < plan.base {
        // SAFETY: integers.
        plan.report = unsafe { libc::fcntl(plan.report, libc::F_DUPFD_CLOEXEC, plan.base) };
        if plan.report < 0 {
            return false;
        }
    }
    let handed = plan.moves.iter().all(|(from, to)| {
        // SAFETY: integers.
        unsafe {
            match from == to {
                true => libc::fcntl(*from, libc::F_SETFD, 0) == 0,
                false => libc::dup2(*from, *to) == *to,
            }
        }
    });
    if handed {
        close_others(plan);
    }
    handed
}

/// Closes what is not for the program. Becoming the program would do so too, but only after it has let us go on: for a
/// moment the child would still hold what we believe to be ours alone.
fn close_others(plan: &Plan) {
    for fd in &plan.gaps {
        // SAFETY: the descriptors of the child are its own; it has a copy of our table.
        unsafe { libc::close(*fd) };
    }
    match u32::try_from(plan.report) {
        Ok(report) => {
            close_range(plan.base as u32, report - 1);
            close_range(report + 1, u32::MAX);
        }
        Err(_) => close_range(plan.base as u32, u32::MAX),
    }
}

/// Closes the descriptors from `first` to `last` of the child.
fn close_range(first: u32, last: u32) {
    // SAFETY: integers only.
    unsafe {
        if first <= last && libc::syscall(libc::SYS_close_range, first, last, 0) != 0 {
            for fd in first..=last.min(fd_end()) {
                libc::close(fd as RawFd);
            }
        }
    }
}

/// The highest number that a descriptor can have.
fn fd_end() -> u32 {
    // SAFETY: an integer.
    let open_max = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
    u32::try_from(open_max).map_or(FD_MAX, |max| max.min(FD_MAX))
}

fn reset_signals(ignore_interrupt: bool) {
    // SAFETY: the structures are filled in before they are used; numbers that are no signals are refused by the calls. No
    // signal can come in between, because all are held back until the last call.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..SIGNALS_END {
            let mut now: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, ptr::null(), &raw mut now) == 0;
            let keep = matches!(now.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
            if known && (!keep || signal == libc::SIGPIPE) {
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
        }
        if ignore_interrupt {
            let mut ignore: libc::sigaction = std::mem::zeroed();
            ignore.sa_sigaction = libc::SIG_IGN;
            libc::sigaction(libc::SIGINT, &raw const ignore, ptr::null_mut());
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Stops the child until somebody sends it SIGCONT.
fn stop(plan: &mut Plan) {
    // SAFETY: the descriptor is the child's own; the name is a string; the rest are integers.
    unsafe {
        libc::close(plan.report);
        plan.report = -1;
        libc::prctl(libc::PR_SET_NAME, base_name(plan.program));
        libc::kill(libc::getpid(), libc::SIGSTOP);
    }
}

/// What follows the last slash, which people see as the name of the process.
///
/// # Safety
/// `path` leads to a string.
unsafe fn base_name(path: *const c_char) -> *const c_char {
    // SAFETY: the caller vouches for the string; the call looks for the last slash in it.
    let slash = unsafe { libc::strrchr(path, c_int::from(b'/')) };
    match slash.is_null() {
        true => path,
        // SAFETY: a character of the string, or its end, follows the slash.
        false => unsafe { slash.add(1) },
    }
}

#[cfg(test)]
#[path = "spawn/tests.rs"]
mod tests;
