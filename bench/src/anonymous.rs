//! tong's anonymous pipes as a link, one each way: kernel pipes with the rules of Windows on top.

use crate::case::Case;
use crate::link::{unsupported, Link, Ticket};
use std::io;
use tong::pipe::{self, AnonymousReader, AnonymousWriter};

/// One end.
#[derive(Debug)]
pub(crate) struct Anonymous {
    out: AnonymousWriter,
    inward: AnonymousReader,
}

/// How much may be unread.
fn quota(case: &Case) -> u32 {
    u32::try_from(case.queue_bytes()).unwrap_or(u32::MAX)
}

/// A pipe of its own in one thread.
pub(crate) fn pair(case: &Case) -> io::Result<(AnonymousReader, AnonymousWriter)> {
    Ok(pipe::anonymous(quota(case))?)
}

impl Link for Anonymous {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 || case.spins() {
            return Err(unsupported(case.contender, case.task));
        }
        let (there_read, out) = pair(case)?;
        let (inward, back_write) = pair(case)?;
        let ticket = Ticket {
            fds: vec![back_write.to_fd()?, there_read.to_fd()?],
            names: Vec::new(),
        };
        Ok((Anonymous { out, inward }, vec![ticket]))
    }

    fn join(_case: &Case, ticket: Ticket) -> io::Result<Self> {
        let mut fds = ticket.fds.into_iter();
        match (fds.next(), fds.next()) {
            (Some(out), Some(inward)) => Ok(Anonymous {
                out: AnonymousWriter::from_fd(out)?,
                inward: AnonymousReader::from_fd(inward)?,
            }),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.out.send(message)?;
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            filled += self.inward.receive(&mut buf[filled..])?;
        }
        Ok(())
    }
}
