//! The reading end of a mailslot.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::published::timeout_ms;
use super::queue::Slot;
use super::{forked, MailslotInfo, MailslotOptions};
use crate::io::{Completion, Key, Started, Tie};
use crate::name::MailslotName;
use crate::wait::Deadline;
use crate::{ErrorKind, Result};

/// A server handle: creates a mailslot, and reads from it.
///
/// Clones are duplicates of the handle: they read from the same queue, and the mailslot lives until the last is dropped
/// or [closed](MailslotServer::close). A handle can be used from several threads; each message goes to one reader.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// let server = tong::MailslotServer::create(&tong::MailslotName::short("mailbox")?)?;
/// let mut buf = [0; 424];
/// loop {
///     let len = server.recv(&mut buf)?;
///     println!("{}", String::from_utf8_lossy(&buf[..len]));
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct MailslotServer {
    slot: Arc<Slot>,
    closed: AtomicBool,
}

impl MailslotServer {
    /// Creates the mailslot with no limit on messages but the quota, for the creator's user only.
    ///
    /// # Errors
    /// As [`MailslotOptions::create`].
    pub fn create(name: &MailslotName) -> Result<MailslotServer> {
        MailslotServer::options().create(name)
    }

    /// Options to create a mailslot with.
    #[must_use]
    pub fn options() -> MailslotOptions {
        MailslotOptions::new()
    }

    pub(super) fn make(name: &MailslotName, options: &MailslotOptions) -> Result<MailslotServer> {
        let slot = Slot::new(name, options).map_err(|error| error.on(name.full()))?;
        Ok(MailslotServer {
            slot: Arc::new(slot),
            closed: AtomicBool::new(false),
        })
    }

    /// The mailslot's name as it was given.
    #[must_use]
    pub fn name(&self) -> &MailslotName {
        &self.slot.name
    }

    /// Receives the oldest message into `buf` and returns its length, waiting as long as the mailslot's own read time-out
    /// says. This is what ReadFile does.
    ///
    /// # Blocking
    /// Returns at once if a message is queued, else sleeps until one comes or the time-out passes. The time-out counts
    /// from the start of this call; changing it does not change a wait that has begun.
    ///
    /// # Errors
    /// In this order: the mailslot's last handle was closed ([`ErrorKind::Closed`]); the message is longer than `buf` and
    /// stays queued ([`ErrorKind::BufferTooSmall`]); [`ErrorKind::TimedOut`].
    ///
    /// # References
    /// Win32: ReadFile, "Reading from a Mailslot".
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.check_open()?;
        let timeout = self.slot.lock().read_timeout();
        self.recv_until(buf, Deadline::after(timeout))
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one without limit.
    ///
    /// # Errors
    /// As [`MailslotServer::read`], without the time-out.
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Never)
    }

    /// Receives the oldest message into `buf` and returns its length, if one is queued.
    ///
    /// # Errors
    /// As [`MailslotServer::read`]; [`ErrorKind::TimedOut`] if none is queued.
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Now)
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one up to `timeout`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`].
    pub fn recv_timeout(&self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_until(buf, Deadline::after(Some(timeout)))
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`].
    pub fn recv_deadline(&self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.recv_until(buf, Deadline::At(deadline))
    }

    /// Receives the oldest message into a vector of its length, waiting up to `timeout`, for ever if `None`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`], but no buffer is too small.
    pub fn recv_vec(&self, timeout: Option<Duration>) -> Result<Vec<u8>> {
        self.check_open()?;
        self.slot
            .receive(Deadline::after(timeout), |consumer, frame| {
                let mut message = Vec::with_capacity(frame.len);
                consumer.append_to(frame, &mut message);
                Ok(message)
            })
    }

    fn recv_until(&self, buf: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.check_open()?;
        self.slot.receive(deadline, |consumer, frame| {
            if frame.len > buf.len() {
                return Err(ErrorKind::BufferTooSmall { needed: frame.len });
            }
            consumer.copy_to(frame, buf);
            Ok(frame.len)
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.slot.error(ErrorKind::Closed));
        }
        if !self.slot.birth.is_here() {
            return Err(forked("use mailslot").on(Arc::clone(&self.slot.full_name)));
        }
        Ok(())
    }

    /// Starts a read of the oldest message into the room of `completion`, as [`read`](Self::read) does one, and goes on without
    /// waiting for it. Reads that wait are served in the order in which they came, whichever way they were started.
    ///
    /// # Errors
    /// As [`read`](Self::read), if it fails at once; then nothing was started. No descriptors or threads are left for one that
    /// has to wait.
    pub fn start_read(&self, completion: Box<dyn Completion>) -> Result<Started> {
        self.check_open()?;
        self.slot.start_read(completion)
    }

    /// Ends reads that wait with [`ErrorKind::Canceled`]: those that were started, and threads inside of [`read`](Self::read) and its
    /// like, whose tag is 0. Returns how many there were. No message is lost.
    pub fn cancel(&self, chosen: &dyn Fn(Key) -> bool) -> usize {
        match self.check_open() {
            Ok(()) => self.slot.cancel(chosen),
            Err(_) => 0,
        }
    }

    /// What the open is tied to. Its reads do not look at that: who is told of their ends does.
    #[must_use]
    pub fn tie(&self) -> &Tie {
        &self.slot.tie
    }

    /// Describes the queue and the settings. Never waits and never changes the queue.
    ///
    /// # Errors
    /// The mailslot's last handle was closed ([`ErrorKind::Closed`]).
    ///
    /// # References
    /// Win32: GetMailslotInfo.
    pub fn info(&self) -> Result<MailslotInfo> {
        self.check_open()?;
        let mut state = self.slot.lock();
        self.slot.check_open(&state)?;
        state.look_outside(&self.slot);
        let next_len = state.oldest(&self.slot).map(|(_, frame)| frame.len);
        let (message_count, queued_bytes, writers) = state.rings.count();
        let info = MailslotInfo {
            max_message_len: self.slot.max_message,
            next_len,
            message_count,
            queued_bytes,
            read_timeout: state.read_timeout(),
            writers,
        };
        state.settle(&self.slot, true);
        Ok(info)
    }

    /// Sets the mailslot's read time-out for reads that start later, on every handle of the mailslot.
    ///
    /// `None` is for ever, zero not at all; else whole milliseconds, rounded up.
    ///
    /// # Errors
    /// The mailslot's last handle was closed ([`ErrorKind::Closed`]).
    ///
    /// # References
    /// Win32: SetMailslotInfo.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.check_open()?;
        let mut state = self.slot.lock();
        self.slot.check_open(&state)?;
        if let Some(held) = &mut state.name {
            held.info.read_timeout_ms = timeout_ms(timeout);
            held.page
                .read_timeout_ms()
                .store(timeout_ms(timeout), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Closes this handle before it is dropped. If it was the last one, the mailslot is gone at once: unread messages are
    /// discarded, the name is free, writers get [`ErrorKind::Closed`], and so do reads that wait in other threads.
    pub fn close(&self) {
        let was_open = !self.closed.swap(true, Ordering::AcqRel);
        if !was_open || !self.slot.birth.is_here() {
            return;
        }
        if self.slot.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.slot.shut();
        }
    }

    /// Whether both are handles of the same mailslot.
    #[must_use]
    pub fn same_object(&self, other: &MailslotServer) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl Clone for MailslotServer {
    /// Duplicates the handle. The duplicate of a closed handle is closed.
    fn clone(&self) -> MailslotServer {
        let closed = self.closed.load(Ordering::Acquire);
        if !closed {
            self.slot.handles.fetch_add(1, Ordering::Relaxed);
        }
        MailslotServer {
            slot: Arc::clone(&self.slot),
            closed: AtomicBool::new(closed),
        }
    }
}

impl Drop for MailslotServer {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsFd for MailslotServer {
    /// A descriptor that is readable exactly while a message is queued: poll it, or register it with a reactor.
    ///
    /// It may be reported readable once without need, when a writer came or went or another thread has taken the message;
    /// it is never silent while a message is queued. Do not read from it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        if self.slot.birth.is_here() && !self.slot.watched.swap(true, Ordering::AcqRel) {
            let mut state = self.slot.lock();
            state.look_outside(&self.slot);
            state.settle(&self.slot, true);
        }
        self.slot.set.as_fd()
    }
}
