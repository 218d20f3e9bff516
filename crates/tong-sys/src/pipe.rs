//! Pipes of the kernel: making them, how much is in them, looking at it, and moving bytes without waiting.
//!
//! Whether a call waits is not a matter of the descriptor here, whose `O_NONBLOCK` is shared with every process that has
//! the same open, but of the call: [`read_now`] and [`write_now`] do not. Where the kernel cannot be asked for that (FIFOs,
//! kernels before 6.5) the pipe is asked whether it is ready first, and only what fits then is moved; if another process
//! comes between, the call waits for it.
//!
//! Writing never raises SIGPIPE.
//!
//! # References
//! Linux: pipe(7), fifo(7), tee(2), preadv2(2), fcntl(2) "Changing the capacity of a pipe", ioctl_tty(2) "FIONREAD".

#![allow(
    unsafe_code,
    reason = "puts another open behind a descriptor that others may be using"
)]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, ReadWriteFlags, Result};
use rustix::pipe::{PipeFlags, SpliceFlags, PIPE_BUF};

use crate::sigpipe;

/// For calls that take an offset: none, the descriptor has no positions.
const NO_OFFSET: u64 = u64::MAX;
/// `RWF_NOSIGNAL`, known since Linux 6.18.
const NO_SIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// Makes a pipe: its reading and its writing end.
///
/// # Errors
/// No descriptors, no memory.
pub fn create() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
}

/// How many bytes the pipe can hold, if each of its pages is full.
///
/// # Errors
/// [`Errno::BADF`] if this is no pipe.
pub fn capacity(pipe: impl AsFd) -> Result<usize> {
    rustix::pipe::fcntl_getpipe_size(pipe)
}

/// Gives the pipe room for that many bytes, or as many as the system lets this user have; returns the room there is.
///
/// # Errors
/// As [`capacity`].
pub fn make_room(pipe: impl AsFd, bytes: usize) -> Result<usize> {
    let pipe = pipe.as_fd();
    let before = capacity(pipe)?;
    let mut wanted = bytes;
    // Beyond what the user may have in one pipe or in all, the kernel refuses instead of giving what it can.
    while wanted > before {
        match rustix::pipe::fcntl_setpipe_size(pipe, wanted) {
            Ok(got) => return Ok(got),
            Err(_) => wanted /= 2,
        }
    }
    Ok(before)
}

/// How many bytes are in the pipe. Either end may ask.
///
/// # Errors
/// What ioctl reports, if this is no pipe.
#[inline]
pub fn unread(pipe: impl AsFd) -> Result<u64> {
    rustix::io::ioctl_fionread(pipe)
}

/// What poll says of the descriptor at this moment, beside errors and hang-ups of what is in `asked`.
///
/// # Errors
/// No memory.
pub fn look(pipe: impl AsFd, asked: PollFlags) -> Result<PollFlags> {
    let pipe = pipe.as_fd();
    let mut polled = [PollFd::new(&pipe, asked)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, Some(&at_once)))?;
    Ok(polled[0].revents())
}

/// Takes bytes out, as many as there are and `buf` has room for. 0 if nobody writes (any more, or yet, at a FIFO).
///
/// # Errors
/// [`Errno::AGAIN`] if there is nothing; else what preadv2 reports.
pub fn read_now(pipe: impl AsFd, buf: &mut [u8]) -> Result<usize> {
    let pipe = pipe.as_fd();
    let now = ReadWriteFlags::NOWAIT;
    let read = rustix::io::retry_on_intr(|| {
        rustix::io::preadv2(pipe, &mut [IoSliceMut::new(buf)], NO_OFFSET, now)
    });
    match read {
        Err(Errno::OPNOTSUPP) => {
            if look(pipe, PollFlags::IN)?.is_empty() {
                // Nothing to read, and no hang-up: a FIFO without a writer reads as at its end, without waiting.
                return Err(Errno::AGAIN);
            }
            rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *buf))
        }
        result => result,
    }
}

/// Puts bytes in, from the front of `data` as many as fit. Up to [`PIPE_BUF`] bytes go together or not at all.
///
/// # Errors
/// [`Errno::AGAIN`] if nothing fits; [`Errno::PIPE`] if nobody reads any more; else what pwritev2 reports.
pub fn write_now(pipe: impl AsFd, data: &[u8]) -> Result<usize> {
    let pipe = pipe.as_fd();
    let with = |flags| {
        let slices = [IoSlice::new(data)];
        rustix::io::retry_on_intr(|| rustix::io::pwritev2(pipe, &slices, NO_OFFSET, flags))
    };
    let written = match knows_no_signal() {
        true => with(ReadWriteFlags::NOWAIT | NO_SIGNAL),
        false => sigpipe::without(|| with(ReadWriteFlags::NOWAIT)),
    };
    match written {
        Err(Errno::OPNOTSUPP) => {
            if look(pipe, PollFlags::OUT)?.is_empty() {
                return Err(Errno::AGAIN);
            }
            let fits = &data[..data.len().min(PIPE_BUF)];
            sigpipe::without(|| rustix::io::retry_on_intr(|| rustix::io::write(pipe, fits)))
        }
        result => result,
    }
}

/// As [`read_now`], but waits until there is something, unless somebody has set the descriptor to not waiting.
///
/// # Errors
/// As [`read_now`].
pub fn read(pipe: impl AsFd, buf: &mut [u8]) -> Result<usize> {
    let pipe = pipe.as_fd();
    rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *buf))
}

/// Puts all of `data` in and waits for room, unless somebody has set the descriptor to not waiting. A signal, or the end of the
/// last reader, can make it fewer bytes.
///
/// # Errors
/// As [`write_now`].
pub fn write(pipe: impl AsFd, data: &[u8]) -> Result<usize> {
    let pipe = pipe.as_fd();
    let slices = [IoSlice::new(data)];
    let quietly = || rustix::io::pwritev2(pipe, &slices, NO_OFFSET, NO_SIGNAL);
    let plainly = || rustix::io::write(pipe, data);
    match knows_no_signal() {
        true => rustix::io::retry_on_intr(quietly),
        false => sigpipe::without(|| rustix::io::retry_on_intr(plainly)),
    }
}

/// Whether the kernel can be told not to raise SIGPIPE. It is asked once, with a pipe that nobody knows.
fn knows_no_signal() -> bool {
    static KNOWS: OnceLock<bool> = OnceLock::new();
    *KNOWS.get_or_init(|| {
        let tried = create().and_then(|(_reader, writer)| {
            rustix::io::pwritev2(writer, &[IoSlice::new(b"?")], NO_OFFSET, NO_SIGNAL)
        });
        tried.is_ok()
    })
}

/// Copies what is at the front of the pipe, and leaves it there. Returns how many bytes were copied: as many as there are
/// and `buf` has room for.
///
/// # Errors
/// No descriptors or memory for the second pipe that this takes; [`Errno::BADF`] if this is no reading end.
pub fn copy(reader: impl AsFd, buf: &mut [u8]) -> Result<usize> {
    let reader = reader.as_fd();
    if buf.is_empty() || unread(reader)? == 0 {
        return Ok(0);
    }
    let (copied, copy) = create()?;
    // The copy has the same pieces, so it needs as many places.
    make_room(&copy, capacity(reader)?)?;
    let (wanted, now) = (buf.len(), SpliceFlags::NONBLOCK);
    match rustix::io::retry_on_intr(|| rustix::pipe::tee(reader, &copy, wanted, now)) {
        Ok(bytes) => rustix::io::read(&copied, &mut buf[..bytes.min(wanted)]),
        // Somebody else has just read it.
        Err(Errno::AGAIN) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// Puts another open behind the descriptor; what was there is closed. Whoever is using the descriptor in a call goes on with
/// what was there until that call ends.
///
/// # Errors
/// What dup3 reports.
pub fn replace(descriptor: &OwnedFd, by: &OwnedFd) -> Result<()> {
    // SAFETY: both numbers are open, and stay so: the first is only given another meaning, which can break what relies on
    // it but touches no memory.
    let done = unsafe { libc::dup3(by.as_raw_fd(), descriptor.as_raw_fd(), libc::O_CLOEXEC) };
    match done {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_leaves_everything_where_it_is() {
        let (reader, writer) = create().unwrap();
        let mut buf = [0; 8];
        assert_eq!(copy(&reader, &mut buf), Ok(0));
        // Two pieces in one page and one in the next.
        for piece in [&b"abc"[..], b"de", &[b'x'; 4094]] {
            assert_eq!(write_now(&writer, piece), Ok(piece.len()));
        }
        for _ in 0..2 {
            assert_eq!(copy(&reader, &mut buf), Ok(8));
            assert_eq!(&buf, b"abcdexxx");
            assert_eq!(unread(&writer), Ok(4099));
        }
        let mut all = [0; 5_000];
        assert_eq!(copy(&reader, &mut all), Ok(4099));
        assert_eq!(read_now(&reader, &mut all), Ok(4099));
        assert_eq!(read_now(&reader, &mut all), Err(Errno::AGAIN));
    }

    #[test]
    fn nothing_waits() {
        let (reader, writer) = create().unwrap();
        let capacity = capacity(&writer).unwrap();
        let data = vec![7; capacity + 1];
        assert_eq!(write_now(&writer, &data), Ok(capacity));
        assert_eq!(write_now(&writer, &data), Err(Errno::AGAIN));
        drop(reader);
        assert_eq!(write_now(&writer, &data), Err(Errno::PIPE));
    }

    #[test]
    fn room_is_made_as_far_as_the_system_allows() {
        let (_reader, writer) = create().unwrap();
        assert!(make_room(&writer, 100_000).unwrap() >= 100_000);
        let most = make_room(&writer, 1 << 40).unwrap();
        assert!(most >= 100_000, "{most}");
    }

    /// SIGPIPE would kill the process of the test, which has it ignored unless told otherwise.
    #[test]
    fn writing_without_readers_raises_no_signal() {
        // SAFETY: no handler is installed, only the default, and what was there is put back.
        let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (_, writer) = create().unwrap();
        assert_eq!(write_now(&writer, b"x"), Err(Errno::PIPE));
        assert_eq!(write(&writer, b"x"), Err(Errno::PIPE));
        let held = sigpipe::without(|| rustix::io::write(&writer, b"x"));
        assert_eq!(held, Err(Errno::PIPE));
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGPIPE, before) };
    }

    #[test]
    fn descriptor_gets_another_meaning() {
        let (reader, writer) = create().unwrap();
        let (other, _) = create().unwrap();
        replace(&reader, &other).unwrap();
        assert_eq!(write_now(&writer, b"x"), Err(Errno::PIPE));
        assert_eq!(read_now(&reader, &mut [0]), Ok(0));
    }
}
