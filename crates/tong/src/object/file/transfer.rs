//! Reading and writing: whole transfers over system calls that may do less.
//!
//! Regular files are read until the buffer is full or the file ends, and written until everything is written. From
//! devices, pipes and terminals a read takes what one system call gives. Interrupted calls are made again; a
//! descriptor that somebody else has set to not waiting is waited for here.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::{self, Errno, ReadWriteFlags};

/// Where a transfer starts.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// At the file pointer, which it moves.
    Pointer,
    /// At an offset in bytes; the pointer stays.
    Offset(u64),
    /// At the end of the file; the pointer moves there (writes only).
    End,
}

impl Place {
    /// The place after `bytes` more were transferred.
    fn advanced(self, bytes: usize) -> Place {
        match self {
            Place::Offset(offset) => Place::Offset(offset.saturating_add(bytes as u64)),
            other => other,
        }
    }
}

/// Reads until `buf` is full or the file ends, or just once if `whole` is false.
pub(super) fn read(fd: impl AsFd, buf: &mut [u8], place: Place, whole: bool) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match read_once(fd.as_fd(), &mut buf[done..], place.advanced(done)) {
            Ok(0) => break,
            Ok(bytes) => done += bytes,
            // What was read before the failure counts; the next read meets the failure again.
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno),
        }
        if !whole {
            break;
        }
    }
    Ok(done)
}

/// Writes all of `buf`.
pub(super) fn write(fd: impl AsFd, buf: &[u8], place: Place) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match write_once(fd.as_fd(), &buf[done..], place.advanced(done))? {
            0 => return Err(Errno::IO),
            bytes => done += bytes,
        }
    }
    Ok(())
}

fn read_once(fd: BorrowedFd<'_>, buf: &mut [u8], place: Place) -> io::Result<usize> {
    retry(fd, PollFlags::IN, || match place {
        Place::Offset(offset) => io::pread(fd, &mut *buf, offset),
        Place::Pointer | Place::End => io::read(fd, &mut *buf),
    })
}

fn write_once(fd: BorrowedFd<'_>, buf: &[u8], place: Place) -> io::Result<usize> {
    retry(fd, PollFlags::OUT, || match place {
        Place::Pointer => io::write(fd, buf),
        Place::Offset(offset) => io::pwrite(fd, buf, offset),
        // The offset -1 means the file pointer, which the kernel sets to the end before it writes, in one step.
        Place::End => io::pwritev2(fd, &[IoSlice::new(buf)], u64::MAX, ReadWriteFlags::APPEND),
    })
}

/// Makes the call until it is neither interrupted nor told to come back later.
fn retry(
    fd: BorrowedFd<'_>,
    until: PollFlags,
    mut call: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => ready(fd, until)?,
            result => return result,
        }
    }
}

/// Waits without limit until the descriptor is ready.
fn ready(fd: BorrowedFd<'_>, until: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::new(&fd, until)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
