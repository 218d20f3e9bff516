//! Bytes into and out of a kernel pipe, as far as waiting and its ends go: the part that FIFOs and anonymous pipes share.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use tong_sys::pipe;

use super::nap::Nap;
use crate::{Error, ErrorKind};

/// How many looks for what a reader has taken are made without sleeping: a reader that is at work is done by then.
const QUICK_LOOKS: u32 = 20;
/// How long the first look after that is put off, and how long the later ones are at most.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(4);

/// Why an operation ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// By the rules of pipes.
    Is(ErrorKind),
    /// By the system's refusal.
    System(Errno),
}

impl Stop {
    /// The refusal that is in an error of the standard library.
    pub(super) fn from_io(error: &std::io::Error) -> Stop {
        Stop::System(Errno::from_io_error(error).unwrap_or(Errno::IO))
    }

    /// The error that a caller gets.
    #[cold]
    pub(crate) fn error(self, op: &'static str) -> Error {
        match self {
            Stop::Is(kind) => Error::new(op, kind),
            Stop::System(errno) => Error::from_io(op, errno.into()),
        }
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::System(errno)
    }
}

/// Takes what is there, at most as much as `buf` has room for. `None` if nothing is there yet. Nothing is taken for an empty
/// buffer, and 0 says that something is there.
pub(crate) fn take(fd: impl AsFd, buf: &mut [u8]) -> Result<Option<usize>, Stop> {
    let fd = fd.as_fd();
    if buf.is_empty() {
        let seen = pipe::look(fd, PollFlags::IN)?;
        return match seen.contains(PollFlags::IN) {
            true => Ok(Some(0)),
            false => at_end(seen),
        };
    }
    match pipe::read_now(fd, buf) {
        Ok(0) => at_end(pipe::look(fd, PollFlags::empty())?),
        Ok(bytes) => Ok(Some(bytes)),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Nothing is there. Without a hang-up nobody has opened the FIFO for writing yet, and the beginning is still to come.
fn at_end(seen: PollFlags) -> Result<Option<usize>, Stop> {
    match seen.intersects(PollFlags::HUP | PollFlags::ERR) {
        true => Err(Stop::Is(ErrorKind::BrokenPipe)),
        false => Ok(None),
    }
}

/// Takes what is there, and waits until something is.
pub(crate) fn receive(fd: impl AsFd, buf: &mut [u8]) -> Result<usize, Stop> {
    let fd = fd.as_fd();
    match take(fd, buf)? {
        Some(bytes) => Ok(bytes),
        None => await_bytes(fd, buf),
    }
}

/// Waits until something is there, and takes it.
pub(crate) fn await_bytes(fd: impl AsFd, buf: &mut [u8]) -> Result<usize, Stop> {
    let (fd, mut nap) = (fd.as_fd(), Nap::new());
    if !nap.can_be_canceled() && !buf.is_empty() {
        // Reading can wait by itself, except for the first writer of a FIFO.
        match pipe::read(fd, buf) {
            Ok(0) | Err(Errno::AGAIN) => {}
            result => return Ok(result?),
        }
    }
    loop {
        if let Some(bytes) = take(fd, buf)? {
            return Ok(bytes);
        }
        nap.until(fd, PollFlags::IN, None)?;
    }
}

/// Puts all of `data` in, and waits for room where there is none.
///
/// Once it has begun, the end of the last reader is [`BrokenPipe`](ErrorKind::BrokenPipe), before that
/// [`PipeClosing`](ErrorKind::PipeClosing).
pub(crate) fn send(fd: impl AsFd, data: &[u8], nap: &mut Nap) -> Result<(), Stop> {
    let fd = fd.as_fd();
    let (mut left, mut begun) = (data, false);
    // The first time it must not wait, so that it is known what came first, the write or the reader's end.
    let waits = !nap.can_be_canceled();
    while !left.is_empty() {
        let written = match begun && waits {
            true => pipe::write(fd, left),
            false => pipe::write_now(fd, left),
        };
        match written {
            Ok(bytes) => left = &left[bytes..],
            Err(Errno::AGAIN) if waits && !begun => {}
            Err(Errno::AGAIN) => {
                nap.until(fd, PollFlags::OUT, None)?;
            }
            Err(Errno::PIPE) if begun => return Err(Stop::Is(ErrorKind::BrokenPipe)),
            Err(Errno::PIPE) => return Err(Stop::Is(ErrorKind::PipeClosing)),
            Err(errno) => return Err(errno.into()),
        }
        begun = true;
    }
    Ok(())
}

/// Waits until at most `limit` bytes are unread; [`BrokenPipe`](ErrorKind::BrokenPipe) if the last reader goes before that.
///
/// The kernel tells a writer when a full pipe gets room, and of nothing else that a reader takes. So this looks again and
/// again, soon at first and then every few milliseconds.
pub(crate) fn drained(fd: impl AsFd, limit: u64, nap: &mut Nap) -> Result<(), Stop> {
    let fd = fd.as_fd();
    for _ in 0..QUICK_LOOKS {
        if pipe::unread(fd)? <= limit {
            return Ok(());
        }
        std::thread::yield_now();
    }
    let mut pause = FIRST_PAUSE;
    while pipe::unread(fd)? > limit {
        let seen = nap.until(fd, PollFlags::empty(), Some(pause))?;
        if seen.contains(PollFlags::ERR) && pipe::unread(fd)? > limit {
            return Err(Stop::Is(ErrorKind::BrokenPipe));
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// Whether anybody has the other end open for reading.
pub(crate) fn has_reader(writer: impl AsFd) -> Result<bool, Stop> {
    let seen = pipe::look(writer, PollFlags::empty())?;
    Ok(!seen.contains(PollFlags::ERR))
}

/// Whether nobody has the other end open for writing any more, so that after what is unread comes the end.
pub(crate) fn is_hung_up(reader: impl AsFd) -> Result<bool, Stop> {
    let seen = pipe::look(reader, PollFlags::empty())?;
    Ok(seen.intersects(PollFlags::HUP | PollFlags::ERR))
}
