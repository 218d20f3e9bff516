//! The processes of this machine, as far as `/proc` shows them.
//!
//! Everybody may list all processes, whoever they belong to; opening one is another matter. A list is what was found
//! while walking through `/proc` once: processes that start or end meanwhile may be in it or not. Processes that have
//! ended are not listed by [`processes`], whoever still holds on to them; [`all`] lists also those.
//!
//! # Cost
//! About 15 µs a process: its state, its user and the link to its program are read, nothing else.
//!
//! # Memory
//! What a process has in memory is told as `/proc/PID/stat` does, which may lag behind by a few dozen pages; the exact number
//! would cost more than all the rest.
//!
//! # Parents
//! Linux gives a process whose parent ends to another, and forgets the creator. Programs of ours that tong created carry
//! its id in their process page, which is looked at here; for all others the parent is the one that Linux knows.
//!
//! # References
//! Linux: proc_pid_stat(5), proc_pid_exe(5), proc_pid_task(5).

mod status;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{openat, readlinkat, statat, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use tong_sys::pidfd;

use status::Status;

use super::glance::Glance;
use super::page::{AT_CREATOR, AT_NAMESPACE};
use crate::object::thread::INITIAL;
use crate::{Error, Result};

/// The kernel keeps so many bytes of a program's name, and a link to the rest.
const SHORT_NAME_MAX: usize = 15;
/// What the kernel writes behind the path of a program whose file was removed.
const REMOVED: &[u8] = b" (deleted)";
/// A line of numbers fits, with the name in front; what does not is cut off behind the numbers that matter.
const STATUS_MAX: usize = 1024;

/// A process that was there when the list was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The process id.
    pub pid: u32,
    /// The process id of the creator, which may have ended, and then may be a stranger's by now: one that started later.
    pub parent: u32,
    /// How many threads it has.
    pub threads: u32,
    /// How it is scheduled.
    pub priority: Priority,
    /// The file name of the program, without directory. What is not UTF-8 shows as U+FFFD.
    pub program: String,
    /// When it started: the time that the machine had been up by then.
    pub started: Duration,
    /// The user that it acts for.
    pub uid: u32,
    /// How many bytes of it are in memory, about.
    pub memory: u64,
    /// For how long processors have worked for it, in its own code and in the kernel.
    pub processor_time: Duration,
    /// What it does.
    pub state: State,
    /// Whether it is a thread of the kernel, which has no program and cannot be ended.
    pub is_kernel: bool,
}

/// What a process does, or its first thread if it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It runs, or could if there was a processor for it.
    Running,
    /// It waits for something.
    Sleeping,
    /// It waits in the kernel for something that comes soon, and cannot be interrupted.
    Blocked,
    /// It is suspended, or a debugger has stopped it.
    Stopped,
    /// It is a thread of the kernel with nothing to do.
    Idle,
    /// It has ended, and nobody has waited for it yet.
    Ended,
}

/// A thread that was alive when the list was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedThread {
    /// The thread id: the kernel's, with [`INITIAL`] set in that of the first thread, which would be the process's.
    pub id: u32,
    /// The process that it belongs to.
    pub pid: u32,
    /// How it is scheduled.
    pub priority: Priority,
}

/// How the kernel shares processors among threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Fairly; the number is the thread's niceness, from -20 (gets most) to 19.
    Nice(i8),
    /// Before all that are scheduled fairly.
    RealTime,
}

/// Lists all processes, in ascending order of their ids.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if `/proc` is not mounted; else what the system reports, such as
/// [`NoResources`](crate::ErrorKind::NoResources).
pub fn processes() -> Result<Vec<Listed>> {
    let mut listed = all()?;
    listed.retain(|process| process.state != State::Ended);
    Ok(listed)
}

/// Lists all processes, and those that have ended but that nobody has waited for, in ascending order of their ids.
///
/// # Errors
/// As [`processes`].
pub fn all() -> Result<Vec<Listed>> {
    let proc = open_proc().map_err(failure)?;
    let ids = ids(Path::new("/proc")).map_err(failure)?;
    let mut listed = Vec::with_capacity(ids.len());
    for pid in ids {
        listed.extend(process(&proc, pid).map_err(failure)?);
    }
    listed.sort_unstable_by_key(|process| process.pid);
    Ok(listed)
}

/// What a list would say of the process with this id, also if it has ended but nobody has waited for it. `None` if there is
/// none, or it is hidden from this user.
///
/// # Errors
/// As [`processes`].
pub fn find(pid: u32) -> Result<Option<Listed>> {
    let proc = open_proc().map_err(failure)?;
    // A thread can be looked at as if it was a process.
    if process_of_thread(pid) != Some(pid) {
        return Ok(None);
    }
    process(&proc, pid).map_err(failure)
}

/// The process that has a thread with this id, which is the process's own id for its first thread. `None` if there is no
/// such thread, or it is hidden from this user.
#[must_use]
pub fn process_of_thread(tid: u32) -> Option<u32> {
    let text = fs::read(format!("/proc/{tid}/status")).ok()?;
    // The program's name may be anything, but has no line feed.
    let text = String::from_utf8_lossy(&text);
    let id = text.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    id.trim().parse().ok()
}

/// Lists the threads of all processes, in ascending order of the ids of their processes.
///
/// # Errors
/// As [`processes`].
pub fn threads() -> Result<Vec<ListedThread>> {
    let proc = open_proc().map_err(failure)?;
    let mut pids = ids(Path::new("/proc")).map_err(failure)?;
    pids.sort_unstable();
    let mut listed = Vec::new();
    for pid in pids {
        // The process may have ended.
        for tid in ids(Path::new(&format!("/proc/{pid}/task"))).unwrap_or_default() {
            listed.extend(thread(&proc, pid, tid).map_err(failure)?);
        }
    }
    Ok(listed)
}

fn failure(error: io::Error) -> Error {
    Error::from_io("list processes", error).on("/proc")
}

fn open_proc() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/proc", flags, Mode::empty())?)
}

/// The numbers among the names in a directory.
fn ids(dir: &Path) -> io::Result<Vec<u32>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(ids)
}

fn process(proc: &OwnedFd, pid: u32) -> io::Result<Option<Listed>> {
    let mut bytes = [0; STATUS_MAX];
    let Some(status) = status(proc, &format!("{pid}/stat"), &mut bytes)? else {
        return Ok(None);
    };
    // The directory always belongs to the user; the files of a process that hides belong to the administrator.
    let Ok(dir) = statat(proc, format!("{pid}"), AtFlags::empty()) else {
        return Ok(None);
    };
    Ok(Some(Listed {
        pid,
        parent: creator(proc, pid).unwrap_or(status.parent),
        threads: status.threads,
        priority: status.priority,
        program: program(proc, pid, &status),
        started: status.started,
        uid: dir.st_uid,
        memory: status.memory,
        processor_time: status.processor_time,
        state: status.state,
        is_kernel: status.is_kernel,
    }))
}

/// The creator of a process, if the process has a page that says so. The page of a child always has the same descriptor,
/// so one look is enough for most processes. `None` if the process is another user's.
fn creator(proc: &OwnedFd, pid: u32) -> Option<u32> {
    let page = Glance::at_usual_place(proc, pid)?;
    // Ids of other PID namespaces say nothing here.
    let is_here = page.word(AT_NAMESPACE) == pidfd::own_namespace();
    let creator = u32::try_from(page.word(AT_CREATOR)).ok()?;
    (is_here && creator != 0).then_some(creator)
}

fn thread(proc: &OwnedFd, pid: u32, tid: u32) -> io::Result<Option<ListedThread>> {
    let mut bytes = [0; STATUS_MAX];
    let status = status(proc, &format!("{pid}/task/{tid}/stat"), &mut bytes)?;
    let alive = status.filter(|status| status.state != State::Ended);
    Ok(alive.map(|status| ListedThread {
        id: if tid == pid { tid | INITIAL } else { tid },
        pid,
        priority: status.priority,
    }))
}

/// Reads the status of a process or thread; `None` if it is gone.
fn status<'a>(proc: &OwnedFd, path: &str, bytes: &'a mut [u8]) -> io::Result<Option<Status<'a>>> {
    let read = openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| rustix::io::read(file, &mut *bytes));
    match read {
        Ok(len) => Ok(Status::parse(&bytes[..len])),
        // Ended meanwhile, or hidden from us by the way `/proc` is mounted.
        Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The file name of a program. Where its file is hidden from us or there is none, its short name has to do, in full length
/// if the command line has it.
fn program(proc: &OwnedFd, pid: u32, status: &Status<'_>) -> String {
    let short = status.name;
    let path = readlinkat(proc, format!("{pid}/exe"), Vec::with_capacity(256));
    let name = match path {
        Ok(path) => file_name(path.as_bytes()).to_vec(),
        Err(_) if status.is_kernel || short.len() < SHORT_NAME_MAX => short.to_vec(),
        Err(_) => long_name(pid, short).unwrap_or_else(|| short.to_vec()),
    };
    String::from_utf8_lossy(&name).into_owned()
}

fn file_name(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(REMOVED).unwrap_or(path);
    let start = path.iter().rposition(|byte| *byte == b'/');
    &path[start.map_or(0, |slash| slash + 1)..]
}

/// The name whose first bytes are `short`, from the command line, to which its process may have written anything.
fn long_name(pid: u32, short: &[u8]) -> Option<Vec<u8>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = line.split(|byte| *byte == 0).next()?;
    let name = file_name(first);
    name.starts_with(short).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-96.
    #[test]
    fn program_is_named_without_its_directory() {
        assert_eq!(file_name(b"/usr/bin/tong"), b"tong");
        assert_eq!(file_name(b"/usr/bin/tong (deleted)"), b"tong");
        assert_eq!(file_name(b"tong"), b"tong");
    }
}
