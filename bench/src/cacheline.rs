//! The least that two processors can say to each other: one word per direction, each in a cache line of its own.

use crate::case::Case;
use crate::link::{Link, Ticket};
use crate::shared::Shared;
use std::io;
use std::sync::atomic::Ordering;

/// Two lines apart, because the processor fetches lines in pairs.
const APART: usize = 128;
const LEN: usize = 4096;

/// One end: it counts up the word it sends by, and waits for the other to count up.
#[derive(Debug)]
pub(crate) struct CacheLine {
    shared: Shared,
    out: usize,
    sent: u64,
    seen: u64,
}

impl CacheLine {
    fn end(shared: Shared, out: usize) -> CacheLine {
        CacheLine {
            shared,
            out,
            sent: 0,
            seen: 0,
        }
    }
}

impl Link for CacheLine {
    fn create(_case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let (shared, fd) = Shared::create(LEN)?;
        let ticket = Ticket {
            fds: vec![fd],
            names: Vec::new(),
        };
        Ok((CacheLine::end(shared, 0), vec![ticket]))
    }

    fn join(_case: &Case, ticket: Ticket) -> io::Result<Self> {
        Ok(CacheLine::end(Shared::map(&ticket.fds[0], LEN)?, APART))
    }

    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        self.sent += 1;
        self.shared
            .word(self.out)
            .store(self.sent, Ordering::Release);
        Ok(())
    }

    fn recv(&mut self, _buf: &mut [u8]) -> io::Result<()> {
        let word = self.shared.word(APART - self.out);
        while word.load(Ordering::Acquire) == self.seen {
            std::hint::spin_loop();
        }
        self.seen += 1;
        Ok(())
    }
}
