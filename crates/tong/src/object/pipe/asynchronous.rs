//! What a task does with an end: tries, and if that has to wait, asks the other end to wake it.
//!
//! The descriptor that a task waits for is the connection's socket; ends of tasks are woken through it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::calls::Received;
use super::end::{Now, Open, PipeEnd, Writing};
use super::registry::Instance;
use super::transfer::{asked_to_wake, idle, may_sleep, Try};
use super::PipeType;
use crate::channel::conduit::{Placed, Put};
use crate::{ErrorKind, Result};

/// How a step of a task's operation went.
pub(crate) enum Step<T> {
    /// It is done.
    Done(T),
    /// The other end wakes this one when there is more to do.
    Wait,
}

/// What of a write a task puts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// All or nothing.
    Whole,
    /// As much as fits, but something.
    Some,
}

impl PipeEnd {
    /// The descriptor that reports the wake-ups of this end, of a connection that there is.
    pub(crate) fn socket(&self) -> Option<Arc<OwnedFd>> {
        match &self.open.line().now {
            Now::Open(link) => Some(Arc::clone(link.socket())),
            Now::Arriving(socket) => Some(Arc::clone(socket)),
            Now::Listening | Now::Void | Now::Disconnected => None,
        }
    }

    /// The descriptor that reports a client.
    pub(crate) fn listener(&self) -> Option<Arc<OwnedFd>> {
        self.open.instance.as_ref().and_then(Instance::listener)
    }

    /// Whether a client has come.
    ///
    /// # Errors
    /// No descriptors or memory.
    pub(crate) fn has_client(&self) -> Result<bool> {
        self.open.look()?;
        let listening = matches!(self.open.line().now, Now::Listening);
        Ok(!listening)
    }

    /// Whether the client's greeting has come, on a connection that there is.
    ///
    /// # Errors
    /// No descriptors or memory.
    pub(crate) fn arrived(&self) -> Result<Step<()>> {
        self.open.look()?;
        Ok(match self.open.line().now {
            Now::Arriving(_) => Step::Wait,
            _ => Step::Done(()),
        })
    }

    /// Takes note of what the socket reported.
    ///
    /// Wake-ups can stay in the socket, because each is reported when it comes whether older ones are there or not. But a
    /// socket that is full takes no more, so they are taken out long before that.
    pub(crate) fn heard(&self, hung_up: bool) {
        const UNHEARD: u64 = 16;
        let link = match &self.open.line().now {
            Now::Open(link) => Arc::clone(link),
            _ => return,
        };
        if hung_up {
            link.is_gone();
        }
        if tong_sys::socket::unread_bytes(link.socket()) > UNHEARD {
            link.drain();
        }
    }

    /// Reads, or has the other end wake this one when there is something to read.
    ///
    /// # Errors
    /// As [`PipeEnd::receive`].
    pub(crate) fn receive_or_arm(&self, buf: &mut [u8]) -> Result<Step<Received>> {
        const OP: &str = "read from pipe";
        let open = &self.open;
        open.may_read(OP)?;
        let mut waited = false;
        loop {
            let step = open.with_reading(|reading| {
                if !reading.reads.is_empty() {
                    return Try::Behind;
                }
                let step = open.attempt_read(reading, buf, waited);
                match step {
                    Try::Wait(_) if may_sleep(reading, buf.len(), true) => Try::Behind,
                    step => step,
                }
            });
            waited = true;
            match step {
                Try::Done(received) => return Ok(Step::Done(received)),
                Try::Behind => return Ok(Step::Wait),
                step => {
                    if open.settle(OP, step)? {
                        return Ok(Step::Wait);
                    }
                }
            }
        }
    }

    /// Writes what fits, or has the other end wake this one when it has read something. What would never fit is put when
    /// nothing else is unread.
    ///
    /// # Errors
    /// As [`PipeEnd::send`].
    pub(crate) fn send_or_arm(&self, bytes: &[u8], portion: Portion) -> Result<Step<usize>> {
        const OP: &str = "write to pipe";
        let open = &self.open;
        open.may_write(OP)?;
        let quota = open.outgoing_quota();
        loop {
            let step = open.with_writing(|writing| {
                let room = match writing.ring.as_mut().map(|ring| ring.unread()) {
                    Some(Ok(0)) => u64::MAX,
                    Some(Ok(unread)) => quota.saturating_sub(unread),
                    // Whatever is wrong is found by the attempt.
                    _ => u64::MAX,
                };
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                let part = match portion {
                    Portion::Whole if bytes.len() > room => None,
                    Portion::Whole => Some(bytes),
                    Portion::Some if room == 0 => None,
                    // A first write is no longer than what the program said was enough for it.
                    Portion::Some => {
                        let most = room.min(usize::try_from(quota.max(1)).unwrap_or(usize::MAX));
                        Some(&bytes[..bytes.len().min(most)])
                    }
                };
                let part = part.unwrap_or(&[]);
                if !part.is_empty() || bytes.is_empty() {
                    return open.attempt_write(writing, part, Put::Unlimited);
                }
                match open.attempt_state(writing) {
                    Try::Wait(_) if asked_to_wake(writing) => Try::Behind,
                    step => step,
                }
            });
            match step {
                Try::Done(placed) => return Ok(Step::Done(placed.taken)),
                Try::Behind => return Ok(Step::Wait),
                step => {
                    if open.settle(OP, step.map(drop))? {
                        return Ok(Step::Wait);
                    }
                }
            }
        }
    }

    /// Whether all that was written has been read, or has the other end wake this one when it reads.
    ///
    /// # Errors
    /// As [`PipeEnd::flush`].
    pub(crate) fn flushed_or_arm(&self) -> Result<Step<()>> {
        const OP: &str = "flush pipe";
        let open = &self.open;
        open.may_write(OP)?;
        loop {
            let step = open.with_writing(|writing| {
                let mark = writing.ring.as_ref().map(|ring| ring.mark());
                let flushed = match (writing.ring.as_mut(), mark) {
                    (Some(ring), Some(mark)) => ring.is_flushed(&mark).unwrap_or(true),
                    _ => true,
                };
                if flushed {
                    return Try::Done(());
                }
                match open.attempt_state(writing) {
                    Try::Wait(_) if asked_to_wake(writing) => Try::Behind,
                    Try::Fail(ErrorKind::PipeClosing) => Try::Fail(ErrorKind::BrokenPipe),
                    step => step.map(drop),
                }
            });
            match step {
                Try::Done(()) => return Ok(Step::Done(())),
                Try::Behind => return Ok(Step::Wait),
                step => {
                    if open.settle(OP, step)? {
                        return Ok(Step::Wait);
                    }
                }
            }
        }
    }

    /// Sends the first half of a transaction.
    ///
    /// # Errors
    /// As [`PipeEnd::transact`].
    pub(crate) fn send_request(&self, request: &[u8]) -> Result<()> {
        self.open.request("transact on pipe", request, false)
    }
}

impl Open {
    /// Whether a write could be made if there was room.
    fn attempt_state(&self, writing: &mut Writing) -> Try<Placed> {
        // Nothing of a stream of bytes is nothing at all.
        match self.attributes.pipe_type {
            PipeType::Byte => match self.attempt_write(writing, &[], Put::NoWait) {
                Try::Done(_) => self.waiting(writing),
                step => step,
            },
            PipeType::Message => match &writing.ring {
                Some(ring) if ring.reader_closed() => Try::Fail(ErrorKind::PipeClosing),
                _ => self.waiting(writing),
            },
        }
    }

    fn waiting<T>(&self, writing: &Writing) -> Try<T> {
        match &writing.now {
            Now::Open(link) if link.is_disconnected() => Try::Disconnected,
            Now::Open(link) if link.known_gone() => Try::Fail(ErrorKind::PipeClosing),
            Now::Open(link) => Try::Wait(Arc::clone(link)),
            other => idle(other, ErrorKind::PipeClosing),
        }
    }

    /// Does what an attempt calls for; returns whether it is to be waited for.
    fn settle<T>(&self, op: &'static str, step: Try<T>) -> Result<bool> {
        match step {
            Try::Arriving(_) => {
                self.look()?;
                let arriving = matches!(self.line().now, Now::Arriving(_));
                Ok(arriving)
            }
            Try::Wait(link) => {
                link.is_gone();
                Ok(false)
            }
            step => self.elsewhere(op, step).map(|()| false),
        }
    }
}
