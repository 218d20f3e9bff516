//! Locks on byte ranges of a file that belong to the open file, not to the process.
//!
//! Linux calls them open file description locks. They are dropped by the kernel when the last descriptor of that open
//! is closed, however the process ends: a lock held is a life felt. Two opens of one file exclude each other even
//! inside one process, and closing another descriptor of the same file drops nothing, which is where the older POSIX
//! locks fail.
//!
//! Offsets may lie beyond the end of the file. Shared locks need a readable descriptor, exclusive ones a writable one.
//!
//! # References
//! Linux: fcntl_locking(2), section "Open file description locks".

#![allow(
    unsafe_code,
    reason = "fcntl with a flock structure has no safe form for open file description locks"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::errno;

/// How a lock excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any number of shared locks may cover a byte, and no exclusive one beside them.
    Shared,
    /// The only lock on its bytes.
    Exclusive,
}

/// Takes the lock, or changes the kind of one that this open already has; returns `false` if another open prevents it.
///
/// Never blocks. A lock that this open has on the bytes is kept when the change is refused.
///
/// # Errors
/// What fcntl reports, such as `EBADF` for a descriptor without the access that the kind needs, or `ENOLCK`.
pub fn try_lock(fd: impl AsFd, kind: Kind, start: u64, len: u64) -> io::Result<bool> {
    match set(fd, kind_code(kind), start, len) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(errno::EAGAIN | errno::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Takes the lock, sleeping until no other open prevents it. Signals do not end the sleep.
///
/// # Errors
/// As [`try_lock`].
pub fn lock(fd: impl AsFd, kind: Kind, start: u64, len: u64) -> io::Result<()> {
    let lock = range(kind_code(kind), start, len);
    loop {
        // SAFETY: `fcntl` reads the structure, which lives through the call.
        if unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_OFD_SETLKW, &lock) } != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(errno::EINTR) {
            return Err(error);
        }
    }
}

/// Gives up what this open holds on the bytes; doing so without holding anything is fine.
///
/// # Errors
/// What fcntl reports.
pub fn unlock(fd: impl AsFd, start: u64, len: u64) -> io::Result<()> {
    set(fd, libc::F_UNLCK, start, len)
}

/// Says whether taking the lock would be refused now because of another open. Takes nothing.
///
/// # Errors
/// What fcntl reports.
pub fn would_conflict(fd: impl AsFd, kind: Kind, start: u64, len: u64) -> io::Result<bool> {
    Ok(in_the_way(fd, kind, start, len)? != libc::F_UNLCK)
}

/// Says how other opens hold some of the bytes: [`Kind::Exclusive`] if one is known to, `None` if none does. Takes nothing.
///
/// # Errors
/// What fcntl reports.
pub fn held_as(fd: impl AsFd, start: u64, len: u64) -> io::Result<Option<Kind>> {
    Ok(match in_the_way(fd, Kind::Exclusive, start, len)? {
        libc::F_UNLCK => None,
        libc::F_WRLCK => Some(Kind::Exclusive),
        _ => Some(Kind::Shared),
    })
}

/// The code of a lock that prevents one of this kind, `F_UNLCK` if none does.
fn in_the_way(fd: impl AsFd, kind: Kind, start: u64, len: u64) -> io::Result<libc::c_int> {
    let mut lock = range(kind_code(kind), start, len);
    // SAFETY: the descriptor is open for the length of the borrow, and `lock` is a whole flock structure that the
    // kernel reads and overwrites.
    let result = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_OFD_GETLK, &mut lock) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(i32::from(lock.l_type))
}

fn set(fd: impl AsFd, code: libc::c_int, start: u64, len: u64) -> io::Result<()> {
    let lock = range(code, start, len);
    loop {
        // SAFETY: the descriptor is open for the length of the borrow, and `lock` is a whole flock structure that the
        // kernel only reads.
        if unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &lock) } != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(errno::EINTR) {
            return Err(error);
        }
    }
}

fn kind_code(kind: Kind) -> libc::c_int {
    match kind {
        Kind::Shared => libc::F_RDLCK,
        Kind::Exclusive => libc::F_WRLCK,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the constants are small; the structure has short fields for them"
)]
fn range(code: libc::c_int, start: u64, len: u64) -> libc::flock {
    // SAFETY: flock is a C structure of integers, for which all zeroes is a value; `l_pid` must be zero here.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = code as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start.min(i64::MAX as u64) as i64;
    lock.l_len = len.min(i64::MAX as u64) as i64;
    lock
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn two_opens() -> (File, File, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!(
            "tong-lock-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let first = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        let second = File::options().read(true).write(true).open(&path).unwrap();
        (first, second, path)
    }

    #[test]
    fn exclusive_lock_excludes_another_open_of_the_same_process() {
        let (first, second, path) = two_opens();
        assert!(try_lock(&first, Kind::Exclusive, 0, 1).unwrap());
        assert!(!try_lock(&second, Kind::Shared, 0, 1).unwrap());
        assert!(would_conflict(&second, Kind::Shared, 0, 1).unwrap());
        assert_eq!(held_as(&second, 0, 1).unwrap(), Some(Kind::Exclusive));
        assert_eq!(held_as(&second, 1, 1).unwrap(), None);
        assert!(
            try_lock(&second, Kind::Exclusive, 1, 1).unwrap(),
            "the next byte is free"
        );
        drop(first);
        assert!(
            try_lock(&second, Kind::Exclusive, 0, 1).unwrap(),
            "closing the open drops its locks"
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn refused_upgrade_keeps_the_shared_lock() {
        let (first, second, path) = two_opens();
        assert!(try_lock(&first, Kind::Shared, 0, 1).unwrap());
        assert!(try_lock(&second, Kind::Shared, 0, 1).unwrap());
        assert!(!try_lock(&first, Kind::Exclusive, 0, 1).unwrap());
        assert_eq!(held_as(&second, 0, 1).unwrap(), Some(Kind::Shared));
        unlock(&second, 0, 1).unwrap();
        assert!(
            would_conflict(&second, Kind::Exclusive, 0, 1).unwrap(),
            "the first open still shares"
        );
        assert!(try_lock(&first, Kind::Exclusive, 0, 1).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
