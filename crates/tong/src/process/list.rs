//! The processes of this machine, as far as `/proc` shows them.
//!
//! Everybody may list all processes, whoever they belong to; opening one is another matter. A list is what was found
//! while walking through `/proc` once: processes that start or end meanwhile may be in it or not. Processes that have
//! ended are not listed, whoever still holds on to them.
//!
//! # Cost
//! About 15 µs a process: its state and the link to its program are read, nothing else.
//!
//! # Parents
//! Linux gives a process whose parent ends to another, and forgets the creator. Programs of ours that tong created carry
//! its id in their process page, which is looked at here; for all others the parent is the one that Linux knows.
//!
//! # References
//! Linux: proc_pid_stat(5), proc_pid_exe(5), proc_pid_task(5).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{openat, readlinkat, Mode, OFlags};
use tong_sys::pidfd;

use super::page::{self, AT_CREATOR, AT_MAGIC, AT_NAMESPACE, AT_PID, AT_VERSION};
use crate::handle::Inheritance;
use crate::object::thread::INITIAL;
use crate::{Error, Result};

/// The kernel keeps so many bytes of a program's name, and a link to the rest.
const SHORT_NAME_MAX: usize = 15;
/// What the kernel writes behind the path of a program whose file was removed.
const REMOVED: &[u8] = b" (deleted)";
/// A line of numbers fits, with the name in front; what does not is cut off behind the numbers that matter.
const STATUS_MAX: usize = 1024;
/// Bytes of a process page that tell whose it is.
const PAGE_HEAD: usize = 64;

/// A process that was alive when the list was made.
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
    let proc = open_proc().map_err(failure)?;
    let mut listed = Vec::new();
    for pid in ids(Path::new("/proc")).map_err(failure)? {
        listed.extend(process(&proc, pid).map_err(failure)?);
    }
    listed.sort_unstable_by_key(|process| process.pid);
    Ok(listed)
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
    Ok(Some(Listed {
        pid,
        parent: creator(proc, pid).unwrap_or(status.parent),
        threads: status.threads,
        priority: status.priority,
        program: program(proc, pid, status.name),
        started: status.started,
    }))
}

/// The creator of a process, if the process has a page that says so. The page of a child always has the same descriptor,
/// so one look is enough for most processes. None if the process is another user's.
fn creator(proc: &OwnedFd, pid: u32) -> Option<u32> {
    let link = format!("{pid}/fd/{}", Inheritance::FIRST_FD);
    let target = readlinkat(proc, &*link, Vec::with_capacity(64)).ok()?;
    let name = target.as_bytes().strip_prefix(b"/memfd:")?;
    if name.strip_suffix(REMOVED)? != page::NAME.to_bytes() {
        return None;
    }
    // Not blocking, should the descriptor have become that of a pipe since.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat(proc, &*link, flags, Mode::empty()).ok()?;
    let mut head = [0; PAGE_HEAD];
    let len = rustix::io::pread(&file, &mut head, 0).ok()?;
    (len == PAGE_HEAD).then_some(())?;
    creator_in(&head, pid, pidfd::own_namespace())
}

/// The creator that the page of process `pid` names: a copy of the page that a fork took along is another process's, and
/// the ids of other PID namespaces say nothing here.
fn creator_in(head: &[u8; PAGE_HEAD], pid: u32, namespace: u64) -> Option<u32> {
    let word = |at: usize| {
        let bytes = head[at..].first_chunk::<8>();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let ours = [
        word(AT_MAGIC),
        word(AT_VERSION),
        word(AT_NAMESPACE),
        word(AT_PID),
    ] == [page::MAGIC, page::VERSION, namespace, pid.into()];
    let creator = u32::try_from(word(AT_CREATOR)).ok()?;
    (ours && creator != 0).then_some(creator)
}

fn thread(proc: &OwnedFd, pid: u32, tid: u32) -> io::Result<Option<ListedThread>> {
    let mut bytes = [0; STATUS_MAX];
    let status = status(proc, &format!("{pid}/task/{tid}/stat"), &mut bytes)?;
    Ok(status.map(|status| ListedThread {
        id: if tid == pid { tid | INITIAL } else { tid },
        pid,
        priority: status.priority,
    }))
}

/// Reads the status of a process or thread; `None` if it has ended.
fn status<'a>(proc: &OwnedFd, path: &str, bytes: &'a mut [u8]) -> io::Result<Option<Status<'a>>> {
    let read = openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| rustix::io::read(file, &mut *bytes));
    match read {
        Ok(len) => Ok(Status::parse(&bytes[..len]).filter(Status::is_alive)),
        // Ended meanwhile, or hidden from us by the way `/proc` is mounted.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::SRCH | rustix::io::Errno::ACCESS) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What matters of a line of `/proc/PID/stat`.
#[derive(Debug)]
struct Status<'a> {
    name: &'a [u8],
    state: u8,
    parent: u32,
    threads: u32,
    priority: Priority,
    started: Duration,
}

impl<'a> Status<'a> {
    /// Reads the line `PID (NAME) STATE PARENT ...`. The name may hold anything, parentheses too.
    fn parse(line: &'a [u8]) -> Option<Status<'a>> {
        let start = line.iter().position(|byte| *byte == b'(')? + 1;
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let name = line.get(start..end)?;
        let numbers = std::str::from_utf8(&line[end + 1..]).ok()?;
        // The manual counts from 1, and the state is the third.
        let mut fields = numbers.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let scheduled: i64 = fields.nth(18 - 5)?.parse().ok()?;
        let nice = fields.next()?.parse().ok()?;
        let threads = fields.next()?.parse().ok()?;
        let ticks: u64 = fields.nth(22 - 21)?.parse().ok()?;
        Some(Status {
            name,
            state,
            parent,
            threads,
            priority: match scheduled {
                ..0 => Priority::RealTime,
                0.. => Priority::Nice(nice),
            },
            started: since_boot(ticks),
        })
    }

    /// A process whose first thread has ended goes on if it has others.
    fn is_alive(&self) -> bool {
        self.threads > 1 || !matches!(self.state, b'Z' | b'X' | b'x')
    }
}

fn since_boot(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let nanoseconds = (ticks % per_second) * 1_000_000_000 / per_second;
    Duration::from_secs(ticks / per_second) + Duration::from_nanos(nanoseconds)
}

/// The file name of a program. Where its file is hidden from us or there is none, its short name has to do, in full length
/// if the command line has it.
fn program(proc: &OwnedFd, pid: u32, short: &[u8]) -> String {
    let path = readlinkat(proc, format!("{pid}/exe"), Vec::with_capacity(256));
    let name = match path {
        Ok(path) => file_name(path.as_bytes()).to_vec(),
        Err(_) if short.len() < SHORT_NAME_MAX => short.to_vec(),
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

    const LINE: &[u8] =
        b"42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 -5 3 0 12345 99 \n";

    #[test]
    fn status_is_found_behind_any_name() {
        let status = Status::parse(LINE).unwrap();
        assert_eq!(status.name, b"a) (b c");
        assert_eq!((status.parent, status.threads), (7, 3));
        assert_eq!(status.priority, Priority::Nice(-5));
        assert_eq!(status.started, since_boot(12_345));
        assert!(status.is_alive());
    }

    #[test]
    fn broken_status_is_none() {
        for len in 0..LINE.len() - 6 {
            if let Some(status) = Status::parse(&LINE[..len]) {
                assert_eq!(status.parent, 7, "cut off behind {len} bytes");
            }
        }
        assert!(Status::parse(b") (").is_none());
    }

    /// P-99.
    #[test]
    fn ended_process_is_one_without_running_threads() {
        let with = |state, threads| Status {
            state,
            threads,
            ..Status::parse(LINE).unwrap()
        };
        assert!(!with(b'Z', 1).is_alive());
        assert!(with(b'Z', 2).is_alive());
        assert!(with(b'T', 1).is_alive());
    }

    /// P-96.
    #[test]
    fn program_is_named_without_its_directory() {
        assert_eq!(file_name(b"/usr/bin/tong"), b"tong");
        assert_eq!(file_name(b"/usr/bin/tong (deleted)"), b"tong");
        assert_eq!(file_name(b"tong"), b"tong");
    }

    /// P-98.
    #[test]
    fn creator_is_the_one_that_the_page_of_just_this_process_names() {
        let head = |pid: u64, namespace: u64, creator: u64| {
            let mut head = [0; PAGE_HEAD];
            let mut put =
                |at: usize, word: u64| head[at..at + 8].copy_from_slice(&word.to_le_bytes());
            put(AT_MAGIC, page::MAGIC);
            put(AT_VERSION, page::VERSION);
            put(AT_PID, pid);
            put(AT_NAMESPACE, namespace);
            put(AT_CREATOR, creator);
            head
        };
        assert_eq!(creator_in(&head(7, 1, 5), 7, 1), Some(5));
        assert_eq!(creator_in(&head(7, 1, 0), 7, 1), None);
        assert_eq!(creator_in(&head(8, 1, 5), 7, 1), None);
        assert_eq!(creator_in(&head(7, 2, 5), 7, 1), None);
        assert_eq!(creator_in(&head(7, 1, 1 << 32), 7, 1), None);
        assert_eq!(creator_in(&[0; PAGE_HEAD], 0, 0), None);
    }
}
