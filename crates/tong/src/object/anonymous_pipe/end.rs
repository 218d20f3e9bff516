//! What both ends of an anonymous pipe have.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use rustix::fs::{self, FileType, OFlags};
use tong_sys::pipe;

use super::turn::{Turn, Working};
use super::{flow, Stop};
use crate::object::event::Event;
use crate::{Error, ErrorKind, Result};

/// In the bits that travel with an end: its calls do not wait.
const NOWAIT: u16 = 1;

/// What both ends know of each other, as long as they are in the process that made the pipe.
#[derive(Debug, Default)]
pub(super) struct Pair {
    /// The server end has been disconnected.
    pub(super) disconnected: AtomicBool,
    /// How many bytes the read asks for that is waiting.
    pub(super) wanted: AtomicU64,
}

/// One end, in this process: one open, however many handles or clones lead to it.
#[derive(Debug)]
pub(super) struct End {
    fd: OwnedFd,
    quota: u32,
    nowait: AtomicBool,
    turn: Turn,
    pub(super) pair: Arc<Pair>,
}

impl End {
    pub(super) fn new(fd: OwnedFd, quota: u32, pair: Arc<Pair>) -> End {
        End {
            fd,
            quota,
            nowait: AtomicBool::new(false),
            turn: Turn::default(),
            pair,
        }
    }

    /// The end of a pipe that tong did not make, or that it made in another process.
    pub(super) fn adopt(fd: OwnedFd, access: OFlags, quota: Option<u32>) -> Result<End> {
        const OP: &str = "use descriptor as pipe end";
        let fail = |errno: rustix::io::Errno| Error::from_io(OP, errno.into());
        let stat = fs::fstat(&fd).map_err(fail)?;
        let flags = fs::fcntl_getfl(&fd).map_err(fail)?;
        let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        if !is_pipe || flags & OFlags::RWMODE != access {
            return Err(Error::new(OP, ErrorKind::InvalidParameter)
                .because("the descriptor is of no pipe, or of the other end, or of both"));
        }
        let quota = match quota {
            Some(quota) => quota,
            None => u32::try_from(pipe::capacity(&fd).map_err(fail)?).unwrap_or(u32::MAX),
        };
        Ok(End::new(fd, quota, Arc::default()))
    }

    /// The end that another process has handed over, with what it said of it.
    pub(super) fn passed(
        fd: OwnedFd,
        access: OFlags,
        bits: u16,
        identity: [u64; 2],
    ) -> Result<End> {
        let quota = u32::try_from(identity[1]).unwrap_or(u32::MAX);
        let end = End::adopt(fd, access, Some(quota))?;
        if end.identity() != identity {
            return Err(
                Error::new("take over pipe end", ErrorKind::InvalidParameter)
                    .because("the descriptor leads to another pipe"),
            );
        }
        end.set_nowait(bits & NOWAIT != 0);
        Ok(end)
    }

    /// What [`passed`](Self::passed) needs beside the descriptor.
    pub(super) fn bits(&self) -> u16 {
        match self.is_nowait() {
            true => NOWAIT,
            false => 0,
        }
    }

    /// Tells this pipe from all others, in whatever process, and its quota.
    pub(super) fn identity(&self) -> [u64; 2] {
        let pipe = fs::fstat(&self.fd).map_or(0, |stat| stat.st_ino ^ stat.st_dev.rotate_right(16));
        [pipe, self.quota.into()]
    }

    pub(super) fn quota(&self) -> u32 {
        self.quota
    }

    pub(super) fn is_nowait(&self) -> bool {
        self.nowait.load(Ordering::Relaxed)
    }

    pub(super) fn set_nowait(&self, nowait: bool) {
        self.nowait.store(nowait, Ordering::Relaxed);
    }

    pub(super) fn signal(&self) -> Result<&Event> {
        self.turn.signal()
    }

    /// Waits until no other operation is going on, and begins one.
    pub(super) fn begin(&self) -> Working<'_> {
        self.turn.begin()
    }

    pub(super) fn is_disconnected(&self) -> bool {
        self.pair.disconnected.load(Ordering::Acquire)
    }

    pub(super) fn require_connected(&self) -> std::result::Result<(), Stop> {
        match self.is_disconnected() {
            true => Err(Stop::Is(ErrorKind::NotConnected)),
            false => Ok(()),
        }
    }

    /// Throws away what is unread and cuts the connection: the descriptor of the reading end gets to lead nowhere.
    pub(super) fn disconnect(&self) -> std::result::Result<(), Stop> {
        let (nowhere, _) = pipe::create()?;
        // Before the cut: whoever finds no reader any more looks here for the reason.
        self.pair.disconnected.store(true, Ordering::Release);
        if let Err(errno) = pipe::replace(&self.fd, &nowhere) {
            self.pair.disconnected.store(false, Ordering::Release);
            return Err(errno.into());
        }
        Ok(())
    }

    /// A descriptor of the same end, for a program that knows nothing of tong.
    pub(super) fn to_fd(&self) -> Result<OwnedFd> {
        let fd = self.fd.try_clone();
        fd.map_err(|error| Error::from_io("duplicate pipe end", error))
    }

    /// Whether the last reading end is closed.
    pub(super) fn has_reader(&self) -> std::result::Result<bool, Stop> {
        flow::has_reader(&self.fd)
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
