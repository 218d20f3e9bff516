//! The reading end, which counts as the server's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::Arc;

use rustix::fs::OFlags;
use tong_sys::pipe;

use super::end::End;
use super::{failure, flow, Stop};
use crate::handle::Rights;
use crate::object::event::Event;
use crate::object::pipe::Peeked;
use crate::{ErrorKind, Result};

/// The reading end of an anonymous pipe. A clone is the same end.
#[derive(Clone, Debug)]
pub struct AnonymousReader {
    end: Arc<End>,
}

impl AnonymousReader {
    /// The rights of the first handle to it: to read, and to ask and set how it behaves.
    pub const RIGHTS: Rights = Rights::from_bits(0x0012_0189);

    pub(super) fn new(end: End) -> AnonymousReader {
        AnonymousReader { end: Arc::new(end) }
    }

    /// Makes a reading end of a descriptor, such as a standard stream.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it is no pipe, or not open for reading only.
    pub fn from_fd(fd: OwnedFd) -> Result<AnonymousReader> {
        Ok(AnonymousReader::new(End::adopt(fd, OFlags::RDONLY, None)?))
    }

    pub(crate) fn passed(fd: OwnedFd, bits: u16, identity: [u64; 2]) -> Result<AnonymousReader> {
        let end = End::passed(fd, OFlags::RDONLY, bits, identity)?;
        Ok(AnonymousReader::new(end))
    }

    pub(crate) fn bits(&self) -> u16 {
        self.end.bits()
    }

    pub(crate) fn identity(&self) -> [u64; 2] {
        self.end.identity()
    }

    /// Takes what is there, at most as much as `buf` has room for, and waits until something is. Returns the bytes taken.
    ///
    /// For an empty `buf` it waits too, takes nothing and returns 0; otherwise it never returns 0.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) after [`disconnect`](Self::disconnect);
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) if everything is read and nobody has the writing end any more;
    /// [`PipeEmpty`](ErrorKind::PipeEmpty) if nothing is there and calls do not wait;
    /// [`Canceled`](ErrorKind::Canceled).
    pub fn receive(&self, buf: &mut [u8]) -> Result<usize> {
        self.take(buf, self.end.is_nowait())
    }

    /// As [`receive`](Self::receive), but never waits for data.
    ///
    /// # Errors
    /// As [`receive`](Self::receive) of an end whose calls do not wait.
    pub fn try_receive(&self, buf: &mut [u8]) -> Result<usize> {
        self.take(buf, true)
    }

    fn take(&self, buf: &mut [u8], at_once: bool) -> Result<usize> {
        let _working = self.end.begin();
        let taken = self.end.require_connected().and_then(|()| {
            if let Some(bytes) = flow::take(&*self.end, buf)? {
                return Ok(bytes);
            }
            match at_once {
                true => Err(Stop::Is(ErrorKind::PipeEmpty)),
                false => self.await_bytes(buf),
            }
        });
        taken.map_err(failure("read from pipe"))
    }

    fn await_bytes(&self, buf: &mut [u8]) -> std::result::Result<usize, Stop> {
        let wanted = &self.end.pair.wanted;
        wanted.store(buf.len() as u64, Ordering::Relaxed);
        let taken = flow::await_bytes(&*self.end, buf);
        wanted.store(0, Ordering::Relaxed);
        taken
    }

    /// Copies what is at the front into `buf`, as much as it has room for, and leaves it there. Never waits for data.
    ///
    /// # Errors
    /// [`BadPipe`](ErrorKind::BadPipe) after [`disconnect`](Self::disconnect); [`BrokenPipe`](ErrorKind::BrokenPipe) if
    /// everything is read and nobody has the writing end any more; no descriptors or memory.
    pub fn peek(&self, buf: &mut [u8]) -> Result<Peeked> {
        let _working = self.end.begin();
        if self.end.is_disconnected() {
            return Err(failure("look into pipe")(Stop::Is(ErrorKind::BadPipe)));
        }
        peek(&*self.end, buf).map_err(failure("look into pipe"))
    }

    /// Says who is at the other end, as an error: [`PipeConnected`](ErrorKind::PipeConnected) while anybody has it.
    ///
    /// # Errors
    /// Always: the above, or [`PipeClosing`](ErrorKind::PipeClosing) if nobody has it any more, or
    /// [`BadPipe`](ErrorKind::BadPipe) after [`disconnect`](Self::disconnect), because nobody can come.
    pub fn connect(&self) -> Result<()> {
        let _working = self.end.begin();
        let stop = match (self.end.is_disconnected(), flow::is_hung_up(&*self.end)) {
            (true, _) => Stop::Is(ErrorKind::BadPipe),
            (_, Ok(true)) => Stop::Is(ErrorKind::PipeClosing),
            (_, Ok(false)) => Stop::Is(ErrorKind::PipeConnected),
            (_, Err(stop)) => stop,
        };
        Err(failure("connect pipe")(stop))
    }

    /// Throws away what is unread and closes the pipe for both ends.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected) if that was done before; no descriptors.
    pub fn disconnect(&self) -> Result<()> {
        let _working = self.end.begin();
        let done = self
            .end
            .require_connected()
            .and_then(|()| self.end.disconnect());
        done.map_err(failure("disconnect pipe"))
    }

    /// Whether calls wait: `true` if they do not. Shared by all clones in this process.
    #[must_use]
    pub fn is_nowait(&self) -> bool {
        self.end.is_nowait()
    }

    /// Says whether calls shall not wait, once the call that is going on has ended.
    pub fn set_nowait(&self, nowait: bool) {
        let _working = self.end.begin();
        self.end.set_nowait(nowait);
    }

    /// The quota as it was given, in bytes; of a pipe that tong did not make, what it can hold.
    #[must_use]
    pub fn quota(&self) -> u32 {
        self.end.quota()
    }

    /// How many server ends there are: 1, this one.
    #[must_use]
    pub fn instances(&self) -> u32 {
        1
    }

    /// The event that is set while no call is going on. It says nothing of data.
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

/// What can be seen at the front of a pipe.
pub(crate) fn peek(fd: impl AsFd, buf: &mut [u8]) -> std::result::Result<Peeked, Stop> {
    let fd = fd.as_fd();
    let bytes = pipe::copy(fd, buf)?;
    // Others may write meanwhile, or read at another duplicate.
    let available = usize::try_from(pipe::unread(fd)?)
        .unwrap_or(usize::MAX)
        .max(bytes);
    if available == 0 && flow::is_hung_up(fd)? && pipe::unread(fd)? == 0 {
        return Err(Stop::Is(ErrorKind::BrokenPipe));
    }
    Ok(Peeked {
        bytes,
        available,
        left: left_of(bytes),
    })
}

/// What Windows says is left of a byte stream's message: nothing less what was copied.
#[allow(
    clippy::cast_possible_truncation,
    reason = "it is a number of 32 bits that wraps around"
)]
fn left_of(copied: usize) -> u32 {
    0u32.wrapping_sub(copied as u32)
}

impl AsFd for AnonymousReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// As files are read: the end is `Ok(0)`.
impl io::Read for &AnonymousReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.receive(buf) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
            result => Ok(result?),
        }
    }
}

/// As files are read: the end is `Ok(0)`.
impl io::Read for AnonymousReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}
