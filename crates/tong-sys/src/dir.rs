//! The directories behind the names, checked for owner, mode and type.
//!
//! A namespace directory is trusted because of what the kernel says about it, not because of where it is: it must belong
//! to the caller and be closed to everybody else. Entries are reached relative to its descriptor and never through a
//! symbolic link, so nobody can slip another object under a name.
//!
//! # References
//! Linux: openat(2), path_resolution(7).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};

/// Why a directory or an entry is not used.
#[derive(Debug)]
pub enum Refusal {
    /// The system said so.
    Io(io::Error),
    /// What stands there is not ours; the text says what it is and what it should be.
    NotOurs(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Io(error)
    }
}

impl From<rustix::io::Errno> for Refusal {
    fn from(error: rustix::io::Errno) -> Refusal {
        Refusal::Io(error.into())
    }
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A socket.
    Socket,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// What the kernel says about an entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Device and number of the file, by which two looks are known to have met the same one.
    pub inode: (u64, u64),
    /// How many names it has; 0 once it was removed.
    pub links: u64,
}

/// Who owns a directory and may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The caller owns it and nobody else has any access.
    Private,
    /// The administrator (or the caller) owns it, and if others may write to it, nobody can remove what is not theirs.
    MachineWide,
}

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Dir {
    /// Opens the directory at `path`, made first if it does not exist, and checks it.
    ///
    /// # Errors
    /// In this order: the system's refusal to make or open it (`ENOENT` if its parent does not exist); not a directory,
    /// or a link to one; a wrong owner; a wrong mode.
    pub fn open_or_make(path: &Path) -> Result<Dir, Refusal> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) => give_mode(rustix::fs::CWD, path, Mode::RWXU)?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let dir = Dir::open_unchecked(rustix::fs::CWD, path)?;
        dir.check(Trust::Private, &path.display().to_string())?;
        Ok(dir)
    }

    /// Opens the directory at `path` and checks it.
    ///
    /// # Errors
    /// As [`Dir::open_or_make`].
    pub fn open(path: &Path, trust: Trust) -> Result<Dir, Refusal> {
        let dir = Dir::open_unchecked(rustix::fs::CWD, path)?;
        dir.check(trust, &path.display().to_string())?;
        Ok(dir)
    }

    /// Opens the directory `name` inside this one, made with `mode` first if it does not exist.
    ///
    /// # Errors
    /// As [`Dir::open_or_make`].
    pub fn sub(&self, name: &str, trust: Trust, mode: u32) -> Result<Dir, Refusal> {
        let mode = Mode::from_bits_truncate(mode);
        match rustix::fs::mkdirat(&self.fd, name, mode) {
            Ok(()) => give_mode(self.fd.as_fd(), Path::new(name), mode)?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let dir = Dir::open_unchecked(self.fd.as_fd(), Path::new(name))?;
        dir.check(trust, name)?;
        Ok(dir)
    }

    fn open_unchecked(base: BorrowedFd<'_>, path: &Path) -> Result<Dir, Refusal> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        match rustix::fs::openat(base, path, flags, Mode::empty()) {
            Ok(fd) => Ok(Dir { fd }),
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => Err(Refusal::NotOurs(format!(
                "{} is not a directory (a link to one does not count); remove it or set TONG_DIR to a directory",
                path.display()
            ))),
            Err(error) => Err(error.into()),
        }
    }

    fn check(&self, trust: Trust, name: &str) -> Result<(), Refusal> {
        let (stat, me) = (rustix::fs::fstat(&self.fd)?, effective_uid());
        let mode = stat.st_mode & 0o7777;
        let wrong = match trust {
            Trust::Private if stat.st_uid != me => Some(format!("belongs to user {}, not to {me}", stat.st_uid)),
            Trust::Private if mode & 0o077 != 0 || mode & 0o700 != 0o700 => {
                Some(format!("has mode {mode:04o}; set it with chmod 700"))
            }
            Trust::MachineWide if stat.st_uid != 0 && stat.st_uid != me => {
                Some(format!("belongs to user {}, not to the administrator", stat.st_uid))
            }
            Trust::MachineWide if mode & 0o022 != 0 && mode & 0o1000 == 0 => {
                Some(format!("has mode {mode:04o}: others could remove what is not theirs; set it with chmod 1777"))
            }
            _ => None,
        };
        match wrong {
            Some(wrong) => Err(Refusal::NotOurs(format!("the directory {name} {wrong}"))),
            None => Ok(()),
        }
    }

    /// Asks cleaners that honour a shared lock on a directory to stay out, for as long as this `Dir` is open.
    pub fn keep_cleaners_out(&self) {
        // Not essential: a server whose name was cleaned away publishes it again.
        let _ = rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockShared);
    }

    /// Looks at the entry `name` without following it, `None` if there is none.
    ///
    /// # Errors
    /// What fstatat reports.
    pub fn look(&self, name: &str) -> io::Result<Option<Entry>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(entry(&stat))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the regular file `name` for reading and writing; with `mode` it is made if it does not exist.
    ///
    /// # Errors
    /// `ENOENT` without `mode`; `ELOOP` for a link, `ENXIO` for a socket, `EISDIR` for a directory; `ENOSPC`.
    pub fn open_file(&self, name: &str, mode: Option<u32>) -> io::Result<OwnedFd> {
        let mut flags =
            OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        if mode.is_some() {
            flags |= OFlags::CREATE;
        }
        let mode = Mode::from_bits_truncate(mode.unwrap_or(0));
        Ok(rustix::fs::openat(&self.fd, name, flags, mode)?)
    }

    /// Opens the regular file `name` for reading only.
    ///
    /// # Errors
    /// As [`Dir::open_file`].
    pub fn open_to_read(&self, name: &str) -> io::Result<OwnedFd> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?)
    }

    /// Removes the entry `name`, which is not a directory; no entry is no error.
    ///
    /// # Errors
    /// What unlinkat reports.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets who may use the entry `name`, which is one of our own making: permission bits, and the group if given.
    ///
    /// # Errors
    /// What chmod and chown report: `EPERM` if the caller is not a member of the group.
    pub fn set_access(&self, name: &str, mode: u32, group: Option<u32>) -> io::Result<()> {
        if let Some(group) = group {
            let group = Some(rustix::fs::Gid::from_raw(group));
            rustix::fs::chownat(&self.fd, name, None, group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(rustix::fs::chmodat(
            &self.fd,
            name,
            Mode::from_bits_truncate(mode),
            AtFlags::empty(),
        )?)
    }

    /// The names in the directory, without `.` and `..`, in no order. Names that are not UTF-8 are none of ours.
    ///
    /// # Errors
    /// What getdents reports.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str() {
                if name != "." && name != ".." {
                    names.push(name.to_owned());
                }
            }
        }
        Ok(names)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Gives a directory that was just made the mode that it should have: a umask may have taken bits, even from the owner.
fn give_mode(base: BorrowedFd<'_>, path: &Path, mode: Mode) -> Result<(), Refusal> {
    // A path descriptor needs no rights on the directory, and does not follow a link that was put there since.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(base, path, flags, Mode::empty())?;
    Ok(rustix::fs::chmod(
        format!("/proc/self/fd/{}", fd.as_raw_fd()),
        mode,
    )?)
}

/// What the kernel says about an open file.
///
/// # Errors
/// What fstat reports.
pub fn look_at(fd: impl AsFd) -> io::Result<Entry> {
    Ok(entry(&rustix::fs::fstat(fd)?))
}

/// Length of an open file in bytes.
///
/// # Errors
/// What fstat reports.
pub fn file_len(fd: impl AsFd) -> io::Result<u64> {
    Ok(u64::try_from(rustix::fs::fstat(fd)?.st_size).unwrap_or(0))
}

/// Gives a file its length and reserves the space, so that a mapping of it can be touched without fear of a full disk.
///
/// # Errors
/// What ftruncate and fallocate report: `ENOSPC`, `EFBIG`.
pub fn give_length(fd: impl AsFd, len: u64) -> io::Result<()> {
    check_file_limit(len)?;
    rustix::io::retry_on_intr(|| {
        rustix::fs::fallocate(&fd, rustix::fs::FallocateFlags::empty(), 0, len)
    })?;
    Ok(rustix::fs::ftruncate(&fd, len)?)
}

/// Gives a file a length without putting memory behind it. A file that is as long or longer stays as it is.
///
/// # Errors
/// What ftruncate reports: `EFBIG`, `ENOSPC`.
pub fn stretch(fd: impl AsFd, len: u64) -> io::Result<()> {
    if file_len(&fd)? >= len {
        return Ok(());
    }
    check_file_limit(len)?;
    Ok(rustix::fs::ftruncate(&fd, len)?)
}

/// Says whether the process may make a file of `len` bytes. Growing one beyond the limit would raise SIGXFSZ, which kills.
///
/// # Errors
/// `EFBIG`.
pub(crate) fn check_file_limit(len: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| limit < len) {
        return Err(io::Error::from_raw_os_error(crate::errno::EFBIG));
    }
    Ok(())
}

/// Reads into `bytes` from `offset` of the file; returns how many there were.
///
/// # Errors
/// What pread reports.
pub fn read_at(fd: impl AsFd, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| {
        rustix::io::pread(&fd, &mut *bytes, offset)
    })?)
}

/// The user that the process acts as.
#[must_use]
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn entry(stat: &rustix::fs::Stat) -> Entry {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Socket => EntryKind::Socket,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Other,
    };
    Entry {
        kind,
        uid: stat.st_uid,
        mode: stat.st_mode & 0o7777,
        inode: (stat.st_dev, stat.st_ino),
        links: stat.st_nlink,
    }
}
