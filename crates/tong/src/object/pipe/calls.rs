//! What programs do with an end: transfer, look, ask.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::end::{Now, Open, PipeEnd};
use super::link::Side;
use super::transfer::{idle, is_gone_now, Patience, Try, Waiter};
use super::{Modes, Peeked, PipeClient, PipeServer, PipeType, ReadMode};
use crate::channel::conduit::Put;
use crate::channel::ring::Corrupt;
use crate::io::Outcome;
use crate::wait::Deadline;
use crate::{ErrorKind, Result};

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes put into the buffer. 0 is an empty message, never the end.
    pub bytes: usize,
    /// The message goes on; its rest is what comes next.
    pub more: bool,
}

impl Received {
    /// The same, as an operation's outcome.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        Outcome {
            bytes: self.bytes,
            error: self.more.then_some(ErrorKind::MoreData),
        }
    }
}

/// What a pipe is, as one of its ends sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipeInfo {
    /// Whether it carries bytes or messages.
    pub pipe_type: PipeType,
    /// How many instances it may have; `None` for any number.
    pub max_instances: Option<u32>,
    /// Bytes that the other end can write without waiting.
    pub in_quota: u32,
    /// Bytes that this end can write without waiting.
    pub out_quota: u32,
}

impl PipeEnd {
    /// Reads what is there, up to the buffer's length, waiting until there is something.
    ///
    /// In byte mode that is bytes of any number of writes; in message mode it is one message or its next part
    /// ([`Received::more`]). A read into an empty buffer waits for something to read and takes nothing.
    ///
    /// # Errors
    /// In this order: not opened for reading ([`ErrorKind::AccessDenied`]); no client yet ([`ErrorKind::PipeListening`]);
    /// disconnected ([`ErrorKind::NotConnected`]); everything was read and the other end is closed
    /// ([`ErrorKind::BrokenPipe`]); nothing is there and the end does not wait ([`ErrorKind::PipeEmpty`]); canceled.
    ///
    /// # References
    /// Win32: ReadFile. Rules P11, P12, P14.
    #[inline]
    pub fn receive(&self, buf: &mut [u8]) -> Result<Received> {
        self.receive_until(buf, Deadline::Never)
    }

    /// As [`PipeEnd::receive`], but never waits.
    ///
    /// # Errors
    /// As [`PipeEnd::receive`]; [`ErrorKind::PipeEmpty`] if nothing is there.
    pub fn try_receive(&self, buf: &mut [u8]) -> Result<Received> {
        self.receive_until(buf, Deadline::Now)
    }

    /// As [`PipeEnd::receive`], but waits at most `timeout`.
    ///
    /// # Errors
    /// As [`PipeEnd::receive`], and [`ErrorKind::TimedOut`].
    pub fn receive_timeout(
        &self,
        buf: &mut [u8],
        timeout: std::time::Duration,
    ) -> Result<Received> {
        self.receive_until(buf, Deadline::after(Some(timeout)))
    }

    #[inline]
    fn receive_until(&self, buf: &mut [u8], deadline: Deadline) -> Result<Received> {
        const OP: &str = "read from pipe";
        let open = &self.open;
        open.may_read(OP)?;
        let _turn = open.turn();
        let first = open.with_reading(|reading| match reading.reads.is_empty() {
            true => open.attempt_read(reading, buf, false),
            false => Try::Behind,
        });
        match first {
            Try::Done(received) => Ok(received),
            Try::Fail(kind) => Err(open.failure(OP, kind)),
            Try::Wait(link) if deadline == Deadline::Now && !open.is_writer_gone(&link) => {
                Err(open.failure(OP, ErrorKind::PipeEmpty))
            }
            _ => {
                let nowait = open.modes().nowait;
                open.await_read(OP, buf, Patience { deadline, nowait })
            }
        }
    }

    /// Writes, as one message on a pipe of messages, waiting until what the other end has not read fits its quota.
    ///
    /// Returns how many bytes were written: all, but for an end that does not wait, whose write may not have fitted.
    ///
    /// # Errors
    /// In this order: not opened for writing ([`ErrorKind::AccessDenied`]); no client yet ([`ErrorKind::PipeListening`]);
    /// disconnected ([`ErrorKind::NotConnected`]); the other end is closed ([`ErrorKind::PipeClosing`]), or closes while
    /// the write waits ([`ErrorKind::BrokenPipe`]); no memory; canceled, and what was not read was taken back.
    ///
    /// # References
    /// Win32: WriteFile. Rules P12, P13, P14.
    #[inline]
    pub fn send(&self, bytes: &[u8]) -> Result<usize> {
        const OP: &str = "write to pipe";
        let open = &self.open;
        open.may_write(OP)?;
        let _turn = open.turn();
        let how = match open.modes().nowait {
            true => Put::NoWait,
            false => Put::Wait,
        };
        open.put(OP, bytes, how)
    }

    /// As [`PipeEnd::send`], but never waits: what does not fit is not written, and the count says so (P14.7 to P14.11).
    ///
    /// # Errors
    /// As [`PipeEnd::send`].
    pub fn try_send(&self, bytes: &[u8]) -> Result<usize> {
        const OP: &str = "write to pipe";
        self.open.may_write(OP)?;
        let _turn = self.open.turn();
        self.open.put(OP, bytes, Put::NoWait)
    }

    /// Looks at what can be read, and copies its beginning; takes nothing, never waits for data.
    ///
    /// Of a pipe of messages only the first message is copied, whatever the read mode.
    ///
    /// # Errors
    /// In this order: not opened for reading ([`ErrorKind::AccessDenied`]); no client yet, or a disconnected server end
    /// ([`ErrorKind::BadPipe`]); a disconnected client end ([`ErrorKind::NotConnected`]); everything was read and the
    /// other end is closed ([`ErrorKind::BrokenPipe`]).
    ///
    /// # References
    /// Win32: PeekNamedPipe. Rules P16.1 to P16.14.
    pub fn peek(&self, buf: &mut [u8]) -> Result<Peeked> {
        const OP: &str = "peek at pipe";
        let open = &self.open;
        open.may_read(OP)?;
        let _turn = open.turn();
        loop {
            match open.with_reading(|reading| open.attempt_peek(reading, buf)) {
                Try::Done(peeked) => return Ok(peeked),
                Try::Wait(link) if open.is_writer_gone(&link) => {}
                Try::Wait(_) => return Ok(NOTHING),
                Try::Arriving(_) => {
                    open.look()?;
                    if matches!(open.line().now, Now::Arriving(_)) {
                        return Ok(NOTHING);
                    }
                }
                Try::Listening => {
                    open.look()?;
                    if matches!(open.line().now, Now::Listening) {
                        return Err(open.failure(OP, ErrorKind::BadPipe));
                    }
                }
                Try::Fail(ErrorKind::NotConnected) if open.side == Side::Server => {
                    return Err(open.failure(OP, ErrorKind::BadPipe))
                }
                other => Waiter::new(open, OP, Deadline::Never).elsewhere(other)?,
            }
        }
    }

    /// Sends one message and waits for the first one that comes, whether it answers this one or not.
    ///
    /// # Errors
    /// In this order: not opened for both directions ([`ErrorKind::AccessDenied`]); no client, or the other end is closed
    /// ([`ErrorKind::BadPipe`]); disconnected ([`ErrorKind::BadPipe`] at the server's end, [`ErrorKind::NotConnected`] at
    /// the client's); not in message mode ([`ErrorKind::BadPipe`]); something is there to be read, or read by others
    /// already ([`ErrorKind::PipeBusy`]), and nothing was sent; the other end closes before it answered
    /// ([`ErrorKind::BrokenPipe`]).
    ///
    /// # References
    /// Win32: TransactNamedPipe. Rules P17.1 to P17.15.
    pub fn transact(&self, request: &[u8], reply: &mut [u8]) -> Result<Received> {
        const OP: &str = "transact on pipe";
        let open = &self.open;
        open.at_home(OP)?;
        let _turn = open.turn();
        open.request(OP, request, true)?;
        // The answer is waited for in either wait mode (P14.13).
        let (deadline, nowait) = (Deadline::Never, false);
        open.await_read(OP, reply, Patience { deadline, nowait })
    }

    /// Waits until the other end has read everything that was written before the call.
    ///
    /// # Errors
    /// In this order: not opened for writing ([`ErrorKind::AccessDenied`]); a disconnected client end
    /// ([`ErrorKind::NotConnected`]); the other end closes meanwhile ([`ErrorKind::BrokenPipe`]); the server disconnects
    /// meanwhile ([`ErrorKind::NotConnected`]); canceled. An end without a connection has nothing to wait for.
    ///
    /// # References
    /// Win32: FlushFileBuffers. Rules P15.1 to P15.8.
    pub fn flush(&self) -> Result<()> {
        const OP: &str = "flush pipe";
        let open = &self.open;
        open.may_write(OP)?;
        let _turn = open.turn();
        open.alive(OP)?;
        open.await_flush(OP)
    }

    /// What the pipe is.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] at a client's end that was disconnected.
    pub fn info(&self) -> Result<PipeInfo> {
        const OP: &str = "ask about pipe";
        let open = &self.open;
        open.at_home(OP)?;
        let _turn = open.turn();
        open.alive(OP)?;
        let quota = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        Ok(PipeInfo {
            pipe_type: open.attributes.pipe_type,
            max_instances: open.attributes.max_instances,
            in_quota: quota(open.incoming_quota()),
            out_quota: quota(open.outgoing_quota()),
        })
    }

    /// How the end reads and waits.
    ///
    /// # Errors
    /// As [`PipeEnd::info`].
    pub fn modes(&self) -> Result<Modes> {
        const OP: &str = "ask about pipe";
        self.open.at_home(OP)?;
        let _turn = self.open.turn();
        self.open.alive(OP)?;
        Ok(self.open.modes())
    }

    /// Changes how the end reads and waits, from the next operation on.
    ///
    /// # Errors
    /// In this order: [`ErrorKind::NotConnected`] at a client's end that was disconnected; a pipe of bytes has no
    /// messages ([`ErrorKind::InvalidParameter`]); operations wait that an end which does not wait could not have
    /// ([`ErrorKind::PipeBusy`]).
    ///
    /// # References
    /// Win32: SetNamedPipeHandleState. Rules P20.11 to P20.18.
    pub fn set_modes(&self, modes: Modes) -> Result<()> {
        const OP: &str = "set pipe modes";
        let open = &self.open;
        open.at_home(OP)?;
        let _turn = open.turn();
        open.alive(OP)?;
        if modes.read == ReadMode::Message && open.attributes.pipe_type == PipeType::Byte {
            return Err(open
                .failure(OP, ErrorKind::InvalidParameter)
                .because("a pipe that carries bytes has no messages to read"));
        }
        if modes.nowait && !open.modes().nowait && open.has_pending() {
            return Err(open.failure(OP, ErrorKind::PipeBusy));
        }
        open.store_modes(modes);
        Ok(())
    }

    /// How many instances the pipe has now, whatever they do.
    ///
    /// # Errors
    /// As [`PipeEnd::info`].
    pub fn instances(&self) -> Result<u32> {
        const OP: &str = "ask about pipe";
        let open = &self.open;
        open.at_home(OP)?;
        open.alive(OP)?;
        Ok(match (&open.instance, &open.view) {
            (Some(instance), _) => instance.count(),
            (None, Some(view)) => view.count(),
            (None, None) => 0,
        })
    }

    /// Id of the process that opened the client's end, as the kernel saw it. The process may be gone.
    ///
    /// # Errors
    /// In this order: [`ErrorKind::NotConnected`] at a client's end that was disconnected; no client is there, or it was
    /// disconnected ([`ErrorKind::NotFound`]).
    pub fn client_process_id(&self) -> Result<u32> {
        const OP: &str = "ask who is connected";
        let open = &self.open;
        open.at_home(OP)?;
        open.alive(OP)?;
        match open.side {
            Side::Client => Ok(open.client_pid()),
            Side::Server => {
                open.look()?;
                let pid = open.line().peer_pid;
                pid.ok_or_else(|| open.failure(OP, ErrorKind::NotFound))
            }
        }
    }

    /// Id of the user at the other end, as the kernel saw it.
    ///
    /// # Errors
    /// As [`PipeEnd::client_process_id`].
    pub fn peer_user(&self) -> Result<u32> {
        const OP: &str = "ask who is connected";
        let open = &self.open;
        open.at_home(OP)?;
        open.alive(OP)?;
        open.look()?;
        let uid = open.line().peer_uid;
        uid.ok_or_else(|| open.failure(OP, ErrorKind::NotFound))
    }

    /// Id of the process that made the instance. The process may be gone.
    ///
    /// # Errors
    /// As [`PipeEnd::info`].
    pub fn server_process_id(&self) -> Result<u32> {
        const OP: &str = "ask who is connected";
        self.open.at_home(OP)?;
        self.open.alive(OP)?;
        Ok(self.open.server_pid)
    }
}

const NOTHING: Peeked = Peeked {
    bytes: 0,
    available: 0,
    left: 0,
};

impl Open {
    /// Puts one write, and waits until it is complete.
    #[inline]
    fn put(&self, op: &'static str, bytes: &[u8], how: Put) -> Result<usize> {
        loop {
            let step = self.with_writing(|writing| {
                let step = self.attempt_write(writing, bytes, how);
                let link = match (&writing.now, &step) {
                    (Now::Open(link), Try::Done(placed)) if placed.ticket.is_some() => {
                        Some(Arc::clone(link))
                    }
                    _ => None,
                };
                step.map(|placed| (placed, link))
            });
            match step {
                Try::Done((placed, link)) => {
                    if let (Some(ticket), Some(link)) = (placed.ticket, link) {
                        self.await_completion(op, &link, ticket)?;
                    }
                    return Ok(placed.taken);
                }
                Try::Arriving(_) if how == Put::NoWait => {
                    self.look()?;
                    if matches!(self.line().now, Now::Arriving(_)) {
                        return Ok(0);
                    }
                }
                other => Waiter::new(self, op, Deadline::Never).elsewhere(other)?,
            }
        }
    }

    fn attempt_peek(&self, reading: &mut super::end::Reading, buf: &mut [u8]) -> Try<Peeked> {
        let link = match &reading.now {
            Now::Open(link) => link,
            other => return idle(other, ErrorKind::BrokenPipe),
        };
        if link.is_disconnected() {
            return Try::Disconnected;
        }
        let Some(ring) = reading.ring.as_mut() else {
            return Try::Fail(ErrorKind::BrokenPipe);
        };
        if !reading.gone && link.known_gone() {
            reading.gone = true;
            ring.writer_gone();
        }
        loop {
            match ring.peek(buf) {
                // Some of it was not complete, and is lost if its writer is gone.
                Ok(peek)
                    if peek.available > self.incoming_quota()
                        && !reading.gone
                        && is_gone_now(&mut reading.checked, link) =>
                {
                    reading.gone = true;
                    ring.writer_gone();
                }
                Ok(peek) if peek.any => {
                    let left = match self.attributes.pipe_type {
                        PipeType::Message => u32::try_from(peek.left_of_first).unwrap_or(u32::MAX),
                        // At most as long as a C caller's buffer.
                        PipeType::Byte => {
                            0u32.wrapping_sub(u32::try_from(peek.bytes).unwrap_or(u32::MAX))
                        }
                    };
                    return Try::Done(Peeked {
                        bytes: peek.bytes,
                        available: usize::try_from(peek.available).unwrap_or(usize::MAX),
                        left,
                    });
                }
                Ok(_) if reading.gone => return Try::Fail(ErrorKind::BrokenPipe),
                Ok(_) if ring.writer_closed() || link.known_gone() => {
                    reading.gone = true;
                    ring.writer_gone();
                }
                Ok(_) => return Try::Wait(Arc::clone(link)),
                Err(Corrupt) => {
                    link.cut();
                    return Try::Fail(ErrorKind::BrokenPipe);
                }
            }
        }
    }

    /// Checks whether a transaction can be made, and sends its first half. `patient`: waits for a client whose greeting is
    /// under way; else the pipe has no client yet.
    pub(super) fn request(&self, op: &'static str, request: &[u8], patient: bool) -> Result<()> {
        self.may_read(op)?;
        self.may_write(op)?;
        loop {
            // The state comes before the mode (P7.5).
            self.look()?;
            let state = match &self.line().now {
                Now::Open(link) if self.side == Side::Client && link.is_disconnected() => {
                    Some(ErrorKind::NotConnected)
                }
                Now::Disconnected if self.side == Side::Client => Some(ErrorKind::NotConnected),
                Now::Open(link) if link.is_gone() => Some(ErrorKind::BadPipe),
                Now::Arriving(_) if !patient => Some(ErrorKind::BadPipe),
                Now::Open(_) | Now::Arriving(_) => None,
                Now::Listening | Now::Void | Now::Disconnected => Some(ErrorKind::BadPipe),
            };
            if let Some(kind) = state {
                return Err(self.failure(op, kind));
            }
            if self.modes().read == ReadMode::Byte {
                return Err(self.failure(op, ErrorKind::BadPipe));
            }
            let step = self.with_reading(|reading| {
                if !reading.reads.is_empty() {
                    return Try::Fail(ErrorKind::PipeBusy);
                }
                let unread = match reading.ring.as_mut() {
                    Some(ring) => ring.peek(&mut []).is_ok_and(|peek| peek.any),
                    None => false,
                };
                if unread {
                    return Try::Fail(ErrorKind::PipeBusy);
                }
                self.with_writing_here(|writing| {
                    self.attempt_write(writing, request, Put::Unlimited)
                })
            });
            match step {
                Try::Done(_) => return Ok(()),
                Try::Fail(ErrorKind::PipeClosing) => {
                    return Err(self.failure(op, ErrorKind::BadPipe))
                }
                other => Waiter::new(self, op, Deadline::Never).elsewhere(other)?,
            }
        }
    }

    /// Refuses what a client's end can no more do once it was disconnected.
    fn alive(&self, op: &'static str) -> Result<()> {
        if self.side == Side::Server {
            return Ok(());
        }
        let disconnected = match &self.line().now {
            Now::Open(link) => link.is_disconnected(),
            _ => true,
        };
        match disconnected {
            true => Err(self.failure(op, ErrorKind::NotConnected)),
            false => Ok(()),
        }
    }

    fn has_pending(&self) -> bool {
        self.with_reading(|reading| !reading.reads.is_empty())
            || self.with_writing(|writing| !writing.writes.is_empty())
    }

    /// Reads behind those that wait already.
    pub(super) fn read_behind(
        &self,
        op: &'static str,
        buf: &mut [u8],
        Patience { deadline, nowait }: Patience,
    ) -> Result<Received> {
        if deadline == Deadline::Now || nowait {
            return Err(self.failure(op, ErrorKind::PipeEmpty));
        }
        super::behind::read(self, op, buf, deadline)
    }
}

impl Read for &PipeEnd {
    /// Reads bytes; a message that is longer than the buffer goes on with the next read. The end of what the other end wrote
    /// reads as 0 bytes; an empty message is passed over.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.receive(buf) {
                Ok(Received { bytes: 0, .. }) => {}
                Ok(received) => return Ok(received.bytes),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(0),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for &PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.send(bytes) {
            Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            Ok(written) => Ok(written),
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing is held back on this side; [`PipeEnd::flush`] waits for the reader.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The half of an end that reads; see [`PipeEnd::split`].
#[derive(Clone, Debug)]
pub struct PipeReader(PipeEnd);

/// The half of an end that writes; see [`PipeEnd::split`].
#[derive(Clone, Debug)]
pub struct PipeWriter(PipeEnd);

impl PipeEnd {
    /// Two references to the end, one to read and one to write, for two threads. The end is closed when both, and all
    /// others, are gone.
    #[must_use]
    pub fn split(&self) -> (PipeReader, PipeWriter) {
        (PipeReader(self.clone()), PipeWriter(self.clone()))
    }
}

impl PipeReader {
    /// The end that this is half of.
    #[must_use]
    pub fn end(&self) -> &PipeEnd {
        &self.0
    }
}

impl PipeWriter {
    /// The end that this is half of.
    #[must_use]
    pub fn end(&self) -> &PipeEnd {
        &self.0
    }
}

impl Read for PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&mut &self.0).read(buf)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! streams {
    ($($end:ty),*) => {$(
        impl Read for $end {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&mut self.end()).read(buf)
            }
        }

        impl Write for $end {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                (&mut self.end()).write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

streams!(PipeServer, PipeClient, &PipeServer, &PipeClient);
