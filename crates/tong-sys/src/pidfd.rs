//! Processes by descriptor: a process id may be used again, a pidfd stays with its process for good.
//!
//! A pidfd becomes readable when its process has ended. How it ended is known from three places, none of which always
//! knows: `waitid`, if the process is our child and nobody has waited for it; `/proc`, until somebody did; and the pidfd
//! itself afterwards, on newer kernels ([`how_it_ended`]).
//!
//! # Requirements
//! Linux 5.4. What the pidfd itself knows of an ended process needs 6.15.
//!
//! # References
//! Linux: pidfd_open(2), pidfd_send_signal(2), waitid(2), proc_pid_stat(5), `PIDFD_GET_INFO` in linux/pidfd.h.

#![allow(
    unsafe_code,
    reason = "the ioctl of pidfds and sending any signal number have no safe form"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::OnceLock;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::{pidfd_open, waitid, Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus};

/// The numbers of the signals that matter to processes.
pub mod signals {
    pub use libc::{
        SIGABRT, SIGBUS, SIGCONT, SIGFPE, SIGILL, SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTRAP,
    };
}

/// How a process ended, as far as the kernel keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By exiting, with the low eight bits of its exit code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl Ending {
    /// From the number that `wait` and `/proc` use.
    fn from_status(status: i32) -> Ending {
        match status & 0x7f {
            0 => Ending::Exited((status >> 8 & 0xff) as u8),
            signal => Ending::Killed(signal),
        }
    }

    fn from_wait(status: &WaitIdStatus) -> Option<Ending> {
        let exited = status
            .exit_status()
            .map(|code| Ending::Exited((code & 0xff) as u8));
        exited.or_else(|| status.terminating_signal().map(Ending::Killed))
    }
}

/// Opens the process with this id, which may have ended but must not have been waited for.
///
/// # Errors
/// `ESRCH` if there is none; `EINVAL` or, on newer kernels, `ENOENT` if the id is a thread's; `EINVAL` for 0 and for what
/// can be no id; else `EMFILE` and the like.
pub fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Has the process ended? True as soon as it runs nothing any more, whether or not somebody waited for it.
///
/// # Errors
/// `ENOMEM` only.
pub fn has_ended(process: impl AsFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(&process, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    Ok(rustix::io::retry_on_intr(|| poll(&mut fds, Some(&at_once)))? > 0)
}

/// Sends a signal; 0 sends none and only asks whether it could be sent.
///
/// # Errors
/// `ESRCH` if the process has ended and was waited for; `EPERM` if it may not be signaled; `EINVAL` for no signal.
pub fn send_signal(process: impl AsFd, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes integers and a null pointer, which stands for ordinary signal information.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match sent {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits for a child that has ended, so that the system can forget it. `None` if it is no child of ours, or not any more,
/// or has not ended.
pub fn reap(process: impl AsFd) -> Option<Ending> {
    wait_for(process, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

/// Looks at how a child ended without letting the system forget it.
fn peek(process: impl AsFd) -> Option<Ending> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    wait_for(process, options)
}

fn wait_for(process: impl AsFd, options: WaitIdOptions) -> Option<Ending> {
    let id = || WaitId::PidFd(process.as_fd());
    let status = rustix::io::retry_on_intr(|| waitid(id(), options)).ok()??;
    Ending::from_wait(&status)
}

/// How the process ended that has this id; `None` if it has not, or if nobody can say any more.
///
/// It does not matter whose child it is. A child of ours is not reaped.
pub fn how_it_ended(process: impl AsFd, pid: u32) -> Option<Ending> {
    let process = process.as_fd();
    if !has_ended(process).unwrap_or(false) {
        return None;
    }
    let asked = peek(process).or_else(|| ask_pidfd(process));
    // It may have been waited for by somebody else just now, which makes it known to the pidfd.
    asked
        .or_else(|| read_zombie(process, pid))
        .or_else(|| ask_pidfd(process))
}

/// The start of the kernel's `struct pidfd_info`, in its first published length.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

const _: () = assert!(size_of::<PidfdInfo>() == 64);
/// The exit code is wanted, and given.
const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xFF, 11, struct pidfd_info)` of that length.
const PIDFD_GET_INFO: libc::c_ulong = 0xC040_FF0B;

/// Asks the pidfd of a process that has been waited for.
fn ask_pidfd(process: impl AsFd) -> Option<Ending> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the request carries the length of the structure, which the kernel reads and fills in; on a descriptor of
    // another sort, and on older kernels, it fails.
    let asked = unsafe {
        libc::ioctl(
            process.as_fd().as_raw_fd(),
            PIDFD_GET_INFO as _,
            &raw mut info,
        )
    };
    (asked == 0 && info.mask & PIDFD_INFO_EXIT != 0).then(|| Ending::from_status(info.exit_code))
}

/// Reads how a process ended that nobody has waited for yet.
fn read_zombie(process: impl AsFd, pid: u32) -> Option<Ending> {
    let stat = Stat::read(pid).ok()?;
    // If the id still led to our process after the reading, it did so before.
    send_signal(process, 0).ok()?;
    let status = stat.field(52)?.parse().ok()?;
    (stat.state() == Some("Z")).then_some(Ending::from_status(status))
}

/// When the process with this id started, in clock ticks since the machine did.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = Stat::read(pid)?;
    let time = stat.field(22).and_then(|field| field.parse().ok());
    time.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The id of the parent of a process that has ended but that nobody has waited for.
#[must_use]
pub fn parent_of_ended(pid: u32) -> Option<u32> {
    let stat = Stat::read(pid).ok()?;
    match stat.state() {
        Some("Z") => stat.field(4)?.parse().ok(),
        _ => None,
    }
}

/// The id of the parent of the process with this id.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn parent(pid: u32) -> io::Result<u32> {
    let stat = Stat::read(pid)?;
    let parent = stat.field(4).and_then(|field| field.parse().ok());
    parent.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The id of the process that a pidfd stands for; `None` if it has ended and was waited for, or if it has no id here.
#[must_use]
pub fn id_of(process: impl AsFd) -> Option<u32> {
    let path = format!("/proc/self/fdinfo/{}", process.as_fd().as_raw_fd());
    let info = std::fs::read_to_string(path).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    id.trim().parse().ok().filter(|id| *id > 0)
}

/// Is the process with this id stopped by a signal?
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.state() == Some("T"))
}

/// The line that `/proc` has about a process.
struct Stat(String);

impl Stat {
    fn read(pid: u32) -> io::Result<Stat> {
        let line = std::fs::read(format!("/proc/{pid}/stat"))?;
        // The program's name, in parentheses, may hold anything.
        Ok(Stat(String::from_utf8_lossy(&line).into_owned()))
    }

    /// The field with this number, as proc_pid_stat(5) counts, from 3 on.
    fn field(&self, number: usize) -> Option<&str> {
        let (_, after_name) = self.0.rsplit_once(')')?;
        after_name.split_ascii_whitespace().nth(number - 3)
    }

    fn state(&self) -> Option<&str> {
        self.field(3)
    }
}

/// The inode of the PID namespace of this process: ids from namespaces of different inodes cannot be compared. 0 if `/proc`
/// does not say.
#[must_use]
pub fn own_namespace() -> u64 {
    static INODE: OnceLock<u64> = OnceLock::new();
    *INODE.get_or_init(|| std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino()))
}

/// Opens the memory files of this name that the process with this id has open. None if we may not look.
pub fn memory_files(pid: u32, name: &CStr) -> impl Iterator<Item = OwnedFd> {
    let link = format!("/memfd:{} (deleted)", name.to_string_lossy());
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let paths = entries.into_iter().flatten().flatten();
    paths.filter_map(move |entry| {
        let path = entry.path();
        let target = std::fs::read_link(&path).ok()?;
        if target.as_os_str() != link.as_str() {
            return None;
        }
        rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn shell(script: &str) -> (Child, OwnedFd) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let process = open(child.id()).unwrap();
        (child, process)
    }

    fn wait(process: &OwnedFd) {
        let mut fds = [PollFd::new(process, PollFlags::IN)];
        poll(&mut fds, None).unwrap();
    }

    #[test]
    fn ending_is_known_before_and_after_the_child_is_waited_for() {
        for (script, ending) in [
            ("exit 7", Ending::Exited(7)),
            ("kill -SEGV $$", Ending::Killed(libc::SIGSEGV)),
        ] {
            let (mut child, process) = shell(script);
            wait(&process);
            assert_eq!(how_it_ended(&process, child.id()), Some(ending));
            assert_eq!(read_zombie(&process, child.id()), Some(ending));
            let _ = child.wait().unwrap();
            assert_eq!(reap(&process), None, "it has been reaped");
            let later = how_it_ended(&process, child.id());
            assert!(
                later.is_none_or(|it| it == ending),
                "only newer kernels know"
            );
        }
    }

    #[test]
    fn running_process_has_not_ended_and_takes_signals() {
        let (mut child, process) = shell("sleep 60");
        assert!(!has_ended(&process).unwrap());
        assert_eq!(how_it_ended(&process, child.id()), None);
        assert!(!is_stopped(child.id()));
        send_signal(&process, 0).unwrap();
        send_signal(&process, libc::SIGKILL).unwrap();
        wait(&process);
        assert!(has_ended(&process).unwrap());
        let _ = child.wait();
        let gone = send_signal(&process, 0).unwrap_err();
        assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn ids_that_no_process_has_are_refused() {
        for pid in [0, u32::MAX, 0x3fff_fffe] {
            assert!(open(pid).is_err());
        }
        let thread = std::thread::spawn(|| {
            let id = rustix::thread::gettid().as_raw_nonzero().get();
            open(id.unsigned_abs()).is_err()
        });
        assert!(thread.join().unwrap(), "a thread is not a process");
    }

    #[test]
    fn start_time_and_namespace_are_those_of_proc() {
        let own = start_time(std::process::id()).unwrap();
        assert!(own > 0);
        let (mut child, _process) = shell("sleep 60");
        assert!(start_time(child.id()).unwrap() >= own);
        let _ = child.kill();
        let _ = child.wait();
        assert_ne!(own_namespace(), 0);
    }

    #[test]
    fn memory_files_are_found_by_name() {
        let memory = crate::memory::Memory::create(c"tong-pidfd-test", 4096).unwrap();
        memory.map(0, 4096).unwrap().copy_in(0, b"here");
        let found: Vec<_> = memory_files(std::process::id(), c"tong-pidfd-test").collect();
        assert_eq!(found.len(), 1);
        let mut bytes = [0; 4];
        rustix::io::pread(&found[0], &mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"here");
        assert_eq!(memory_files(std::process::id(), c"tong-pidfd").count(), 0);
    }
}
