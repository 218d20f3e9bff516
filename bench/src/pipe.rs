//! The kernel pipe, one per direction; several writers share one, as shells do it.
//!
//! A pipe knows bytes only. Messages keep their borders here because all have one length, which up to 4 KiB the
//! kernel writes whole.

use crate::case::Case;
use crate::link::{Link, Ticket};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use std::io;
use std::os::fd::OwnedFd;

/// One end: what it writes to and what it reads from.
#[derive(Debug)]
pub(crate) struct Pipe {
    out: OwnedFd,
    inward: OwnedFd,
    case: Case,
}

impl Link for Pipe {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        // Spinning ends must not block; the flag sits on the descriptions, so both processes get it.
        let nonblock = if case.spins() {
            PipeFlags::NONBLOCK
        } else {
            PipeFlags::empty()
        };
        let (there_read, there_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | nonblock)?;
        let (back_read, back_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | nonblock)?;
        if case.message_len > 4096 {
            rustix::pipe::fcntl_setpipe_size(&back_write, 512 * 1024)?;
        }
        let mut tickets = Vec::new();
        for _ in 0..case.writers {
            tickets.push(Ticket {
                fds: vec![back_write.try_clone()?, there_read.try_clone()?],
                names: Vec::new(),
            });
        }
        Ok((
            Pipe {
                out: there_write,
                inward: back_read,
                case: case.clone(),
            },
            tickets,
        ))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let mut fds = ticket.fds.into_iter();
        match (fds.next(), fds.next()) {
            (Some(out), Some(inward)) => Ok(Pipe {
                out,
                inward,
                case: case.clone(),
            }),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut rest = message;
        while !rest.is_empty() {
            match rustix::io::write(&self.out, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::AGAIN) => self.case.relax(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            match rustix::io::read(&self.inward, &mut buf[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
