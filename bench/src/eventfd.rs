//! The bare doorbell: an eventfd per direction, both sides asleep in `read` between messages.
//!
//! It carries no message but the first eight bytes, which is what makes it the least that a sleeper can cost.

use crate::case::Case;
use crate::link::{Link, Ticket};
use rustix::event::EventfdFlags;
use std::io;
use std::os::fd::OwnedFd;

/// One end.
#[derive(Debug)]
pub(crate) struct Eventfd {
    out: OwnedFd,
    inward: OwnedFd,
}

impl Link for Eventfd {
    fn create(_case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let there = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let back = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let ticket = Ticket {
            fds: vec![back.try_clone()?, there.try_clone()?],
            names: Vec::new(),
        };
        Ok((
            Eventfd {
                out: there,
                inward: back,
            },
            vec![ticket],
        ))
    }

    fn join(_case: &Case, ticket: Ticket) -> io::Result<Self> {
        let mut fds = ticket.fds.into_iter();
        match (fds.next(), fds.next()) {
            (Some(out), Some(inward)) => Ok(Eventfd { out, inward }),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        rustix::io::write(&self.out, &message[..8])?;
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        rustix::io::read(&self.inward, &mut buf[..8])?;
        Ok(())
    }
}
