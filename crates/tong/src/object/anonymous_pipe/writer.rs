//! The writing end, which counts as the client's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;
use tong_sys::pipe;

use super::end::End;
use super::nap::Nap;
use super::{failure, flow, Stop};
use crate::handle::Rights;
use crate::object::event::Event;
use crate::{ErrorKind, Result};

/// The writing end of an anonymous pipe. A clone is the same end.
#[derive(Clone, Debug)]
pub struct AnonymousWriter {
    end: Arc<End>,
}

impl AnonymousWriter {
    /// The rights of the first handle to it: to write, and to ask and set how it behaves.
    pub const RIGHTS: Rights = Rights::from_bits(0x0012_0196);

    pub(super) fn new(end: End) -> AnonymousWriter {
        AnonymousWriter { end: Arc::new(end) }
    }

    /// Makes a writing end of a descriptor, such as a standard stream. Its quota is what the pipe can hold.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it is no pipe, or not open for writing only.
    pub fn from_fd(fd: OwnedFd) -> Result<AnonymousWriter> {
        Ok(AnonymousWriter::new(End::adopt(fd, OFlags::WRONLY, None)?))
    }

    pub(crate) fn passed(fd: OwnedFd, bits: u16, identity: [u64; 2]) -> Result<AnonymousWriter> {
        let end = End::passed(fd, OFlags::WRONLY, bits, identity)?;
        Ok(AnonymousWriter::new(end))
    }

    pub(crate) fn bits(&self) -> u16 {
        self.end.bits()
    }

    pub(crate) fn identity(&self) -> [u64; 2] {
        self.end.identity()
    }

    /// Writes all of `data`, and waits until no more than the quota is unread. Returns the bytes written, which are all
    /// unless calls do not wait. Empty data goes nowhere and wakes nobody.
    ///
    /// If calls do not wait: all is written if it fits, counting what a read asks for that is waiting; else nothing
    /// beyond what that read asks for. Both are successes.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) if the reading end was disconnected;
    /// [`PipeClosing`](ErrorKind::PipeClosing) if nobody has the reading end any more;
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) if that came while this waited; [`Canceled`](ErrorKind::Canceled), and
    /// what was written so far stays.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        let _working = self.end.begin();
        let sent = match self.end.is_nowait() || data.is_empty() {
            true => self.put(data),
            false => self.push(data),
        };
        sent.map_err(|stop| failure("write to pipe")(self.cause(stop)))
    }

    /// As [`send`](Self::send) of an end whose calls do not wait.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn try_send(&self, data: &[u8]) -> Result<usize> {
        let _working = self.end.begin();
        let sent = self.put(data);
        sent.map_err(|stop| failure("write to pipe")(self.cause(stop)))
    }

    fn push(&self, data: &[u8]) -> std::result::Result<usize, Stop> {
        let (fd, mut nap) = (self.as_fd(), Nap::new());
        self.end.require_connected()?;
        flow::send(fd, data, &mut nap)?;
        flow::drained(fd, self.end.quota().into(), &mut nap)?;
        Ok(data.len())
    }

    /// Writes what can be written without waiting.
    fn put(&self, data: &[u8]) -> std::result::Result<usize, Stop> {
        self.end.require_connected()?;
        if !self.end.has_reader()? {
            return Err(Stop::Is(ErrorKind::PipeClosing));
        }
        let taken = &data[..self.fitting(data.len())?];
        if taken.is_empty() {
            return Ok(0);
        }
        match pipe::write_now(self.as_fd(), taken) {
            Ok(bytes) => Ok(bytes),
            Err(Errno::AGAIN) => Ok(0),
            Err(Errno::PIPE) => Err(Stop::Is(ErrorKind::PipeClosing)),
            Err(errno) => Err(errno.into()),
        }
    }

    /// How much of `len` bytes is taken at once: all, or what a waiting read asks for.
    fn fitting(&self, len: usize) -> std::result::Result<usize, Stop> {
        let (unread, len) = (pipe::unread(self.as_fd())?, len as u64);
        let wanted = match unread {
            0 => self.end.pair.wanted.load(Ordering::Relaxed),
            _ => 0,
        };
        let room = (u64::from(self.end.quota()) + wanted).saturating_sub(unread);
        let taken = if len <= room { len } else { wanted.min(len) };
        Ok(usize::try_from(taken).unwrap_or(usize::MAX))
    }

    /// A disconnected reading end is found closed; in the process that did it there is more to tell.
    fn cause(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Is(ErrorKind::PipeClosing | ErrorKind::BrokenPipe)
                if self.end.is_disconnected() =>
            {
                Stop::Is(ErrorKind::NotConnected)
            }
            stop => stop,
        }
    }

    /// Waits until everything that was written has been read.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) if the reading end was disconnected;
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) if it is closed meanwhile. If it was closed before, that is no
    /// failure: nobody is going to read the rest. [`Canceled`](ErrorKind::Canceled).
    pub fn flush(&self) -> Result<()> {
        let _working = self.end.begin();
        let flushed = self
            .end
            .require_connected()
            .and_then(|()| match self.end.has_reader()? {
                true => flow::drained(self.as_fd(), 0, &mut Nap::new()),
                false => Ok(()),
            });
        flushed.map_err(|stop| failure("flush pipe")(self.cause(stop)))
    }

    /// Whether calls wait: `true` if they do not. Shared by all clones in this process.
    #[must_use]
    pub fn is_nowait(&self) -> bool {
        self.end.is_nowait()
    }

    /// Says whether calls shall not wait, once the call that is going on has ended.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) if the reading end was disconnected.
    pub fn set_nowait(&self, nowait: bool) -> Result<()> {
        let _working = self.end.begin();
        self.require_connected("set mode of pipe")?;
        self.end.set_nowait(nowait);
        Ok(())
    }

    /// The quota as it was given, in bytes; of a pipe that tong did not make, what it can hold.
    #[must_use]
    pub fn quota(&self) -> u32 {
        self.end.quota()
    }

    /// How many server ends there are: 1, or 0 if the reading end is closed.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) if the reading end was disconnected.
    pub fn instances(&self) -> Result<u32> {
        self.require_connected("ask pipe")?;
        self.end
            .has_reader()
            .map(u32::from)
            .map_err(failure("ask pipe"))
    }

    fn require_connected(&self, op: &'static str) -> Result<()> {
        self.end.require_connected().map_err(failure(op))
    }

    /// The event that is set while no call is going on. It says nothing of room.
    ///
    /// # Errors
    /// No memory for it.
    pub fn signal(&self) -> Result<&Event> {
        self.end.signal()
    }

    /// A descriptor of the same end, for a program that knows nothing of tong.
    ///
    /// # Errors
    /// No descriptors.
    pub fn to_fd(&self) -> Result<OwnedFd> {
        self.end.to_fd()
    }
}

impl AsFd for AnonymousWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// Flushing does nothing: what was written can be read already. To wait for the reader there is
/// [`AnonymousWriter::flush`].
impl io::Write for &AnonymousWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.send(data)? {
            0 if !data.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for a reference.
impl io::Write for AnonymousWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
