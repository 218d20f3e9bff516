//! Two-way channels: two ends, each with a sender and a receiver that block.
//!
//! The connecting end may send at once, before the other side has accepted. A send that finds its quota used up waits
//! until the peer has read; a receive waits for a message. Both spin a little first if that has paid lately.
//!
//! # Lifetime and death
//! When an end is dropped, or its process dies, the other end receives what was sent before, then [`ErrorKind::Closed`];
//! its sends fail with the same kind.
//!
//! Neither end is of use in a child that was forked and runs on without exec.
//!
//! # Limits
//! A listener takes one client at a time in: one that connects and then stops before its greeting, holds up the others.
//! A message has at most the quota less 32 bytes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tong_sys::bell::{self, Bell, BellSet};
use tong_sys::dir::{Dir, Trust};
use tong_sys::{clock, errno, socket};

use super::greeting::{self, Greeting, Waker};
use super::layout::Geometry;
use super::ring::{self, ChannelMemory, Consumer, Corrupt, Producer, PushError};
use super::{FIRST_LEN, TRUST_NS};
use crate::wait::{Deadline, Spinner};
use crate::{namespace, Error, ErrorKind, Result};

/// Direction of the ring that the connecting side writes.
const TO_ACCEPTOR: u32 = 0;
/// Direction of the ring that the accepting side writes.
const TO_CONNECTOR: u32 = 1;

/// Bytes that each side may have queued unless it says otherwise.
pub const DEFAULT_QUOTA: u64 = 1 << 20;

/// What a report's token stands for.
const BELL: u64 = 0;
const SOCKET: u64 = 1;

/// What both halves of an end share.
#[derive(Debug)]
struct Link {
    socket: OwnedFd,
    waker: Waker,
    /// Heard by this end.
    own_bell: Bell,
}

impl Link {
    fn set(&self) -> Result<BellSet> {
        let failed = |error| Error::from_io("wait on channel", error);
        let set = BellSet::create().map_err(failed)?;
        set.add(&self.own_bell, BELL).map_err(failed)?;
        set.add(&self.socket, SOCKET).map_err(failed)?;
        Ok(set)
    }

    fn wake_peer(&self) {
        self.waker.wake(&self.socket);
    }

    fn peer_gone(&self) -> bool {
        bell::hung_up(&self.socket)
    }
}

/// One end of a two-way channel.
#[derive(Debug)]
pub struct Channel {
    sender: Sender,
    receiver: Receiver,
}

impl Channel {
    /// Connects to the listener at `path`, with room for `quota_bytes` each way. Does not wait for an accept.
    ///
    /// # Errors
    /// In this order: the directory of `path` is not usable; nobody listens there ([`ErrorKind::NotFound`]); too many
    /// wait to be accepted; no descriptors or memory.
    pub fn connect(path: &Path, quota_bytes: u64) -> Result<Channel> {
        const OP: &str = "connect channel";
        let failed = |error| Error::from_io(OP, error).on(path.display().to_string());
        let (dir, name) = place(path)?;
        let socket = socket::connect(dir.as_fd(), &name).map_err(failed)?;
        let geometry = Geometry::new(2, FIRST_LEN, quota_bytes);
        let memory = ChannelMemory::create(c"tong-channel", geometry).map_err(failed)?;
        let bells = (
            Bell::create().map_err(failed)?,
            Bell::create().map_err(failed)?,
        );
        let greeting = Greeting {
            memory,
            bell: bells.0,
            answer_bell: Some(bells.1),
            quota_bytes,
        };
        greeting
            .send(&socket)
            .map_err(|error| match error.raw_os_error() {
                // It went between the connect and now.
                Some(errno::EPIPE | errno::ECONNRESET) => {
                    Error::new(OP, ErrorKind::NotFound).on(path.display().to_string())
                }
                _ => failed(error),
            })?;
        let Greeting {
            memory,
            bell,
            answer_bell,
            ..
        } = greeting;
        let own = answer_bell.ok_or_else(|| Error::new(OP, ErrorKind::Corrupt))?;
        Channel::assemble(socket, &memory, bell, own, TO_ACCEPTOR, quota_bytes)
    }

    fn assemble(
        socket: OwnedFd,
        memory: &ChannelMemory,
        theirs: Bell,
        own: Bell,
        outgoing: u32,
        quota_bytes: u64,
    ) -> Result<Channel> {
        let waker = Waker::new(&socket, theirs)
            .map_err(|error| Error::from_io("connect channel", error))?;
        let link = Arc::new(Link {
            socket,
            waker,
            own_bell: own,
        });
        let producer = memory.producer(outgoing, quota_bytes);
        let consumer = memory.consumer(1 - outgoing);
        Ok(Channel {
            sender: Sender {
                producer,
                link: Arc::clone(&link),
                spinner: Spinner::new(),
                sleep: Sleep::default(),
            },
            receiver: Receiver {
                consumer,
                link,
                spinner: Spinner::new(),
                sleep: Sleep::default(),
                looked_ns: 0,
            },
        })
    }

    /// Sends one message; see [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.sender.send(message)
    }

    /// Receives one message; see [`Receiver::recv`].
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub fn recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.receiver.recv(buf)
    }

    /// Takes the end apart, so that two threads can use the halves.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// The sending half of an end.
#[derive(Debug)]
pub struct Sender {
    producer: Producer,
    link: Arc<Link>,
    spinner: Spinner,
    sleep: Sleep,
}

impl Sender {
    /// Sends one whole message.
    ///
    /// # Blocking
    /// Returns at once if the message fits beside what the peer has not read; else sleeps until it does, or the peer is
    /// gone.
    ///
    /// # Errors
    /// In this order: [`ErrorKind::Closed`]; [`ErrorKind::MessageTooLong`]; [`ErrorKind::Corrupt`];
    /// [`ErrorKind::NoMemory`].
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        loop {
            match self.try_send(message) {
                Err(error) if error.kind() == ErrorKind::QueueFull => self.wait_for_room()?,
                done => return done,
            }
        }
    }

    /// Sends one whole message if it fits now.
    ///
    /// # Errors
    /// As [`Sender::send`], and [`ErrorKind::QueueFull`] after `MessageTooLong`.
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        const OP: &str = "send";
        if self.producer.peer_closed() {
            return Err(Error::new(OP, ErrorKind::Closed));
        }
        match self.producer.push(0, message) {
            Ok(asleep) => {
                self.spinner.ended();
                if asleep {
                    self.link.wake_peer();
                }
                Ok(())
            }
            Err(PushError::Full) if self.producer.never_fits(message.len()) => {
                let limit = self.producer.longest_message();
                Err(Error::new(OP, ErrorKind::MessageTooLong { limit }))
            }
            Err(error) => Err(push_failed(OP, error)),
        }
    }

    /// Waits until the peer has read something, or is gone.
    fn wait_for_room(&mut self) -> Result<()> {
        const OP: &str = "send";
        let producer = &self.producer;
        if self
            .spinner
            .spin(|| producer.peer_moved() || producer.peer_closed())
        {
            return Ok(());
        }
        if !self
            .producer
            .sleep_until_read()
            .map_err(|_| Error::new(OP, ErrorKind::Corrupt))?
        {
            return Ok(());
        }
        // A peer that closed before it could see that we sleep did not ring.
        if self.producer.peer_closed() {
            return Ok(());
        }
        if self.sleep.peer_gone {
            return Err(Error::new(OP, ErrorKind::Closed));
        }
        self.sleep.until(&self.link, Deadline::Never)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // If both halves go, the hang-up wakes the peer as well; if only this one does, nothing else would.
        if self.producer.close() {
            self.link.wake_peer();
        }
    }
}

/// The receiving half of an end.
#[derive(Debug)]
pub struct Receiver {
    consumer: Consumer,
    link: Arc<Link>,
    spinner: Spinner,
    sleep: Sleep,
    /// When a receive that does not wait asked last whether the peer lives.
    looked_ns: u64,
}

impl Receiver {
    /// Receives one whole message into `buf` and returns its length, waiting for it.
    ///
    /// # Blocking
    /// Returns at once if a message is queued, else sleeps until one comes or the peer is gone.
    ///
    /// # Errors
    /// In this order: [`ErrorKind::Corrupt`]; [`ErrorKind::BufferTooSmall`], the message stays; [`ErrorKind::Closed`]
    /// when everything was received and nobody can send more.
    pub fn recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Never)
    }

    /// Receives one whole message if one is queued.
    ///
    /// # Errors
    /// As [`Receiver::recv`], and [`ErrorKind::TimedOut`] if none is queued.
    pub fn try_recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Now)
    }

    /// Receives one whole message, waiting at most `timeout` for it.
    ///
    /// # Errors
    /// As [`Receiver::recv`], and [`ErrorKind::TimedOut`].
    pub fn recv_timeout(&mut self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_until(buf, Deadline::after(Some(timeout)))
    }

    fn recv_until(&mut self, buf: &mut [u8], deadline: Deadline) -> Result<usize> {
        const OP: &str = "receive";
        let mut first = true;
        loop {
            if let Some(len) = self.take(buf)? {
                self.spinner.ended();
                return Ok(len);
            }
            if self.consumer.peer_closed() && !self.consumer.has_news() {
                return Err(Error::new(OP, ErrorKind::Closed));
            }
            if deadline == Deadline::Now {
                return Err(self.nothing());
            }
            // A peer that makes much ado about nothing must not keep us beyond the deadline.
            if !first && deadline.passed() {
                self.spinner.ended();
                return Err(Error::new(OP, ErrorKind::TimedOut));
            }
            first = false;
            let consumer = &self.consumer;
            if self
                .spinner
                .spin(|| consumer.has_news() || consumer.peer_closed())
            {
                continue;
            }
            if self.consumer.ask_to_ring(self.spinner.is_sleepy()) {
                ring::settle();
            }
            // A peer that closed before it could see that we sleep did not ring.
            if !self.consumer.may_sleep() || self.consumer.peer_closed() {
                continue;
            }
            // It was known to be gone before the last look at the ring, so nothing more can come.
            if self.sleep.peer_gone {
                return Err(Error::new(OP, ErrorKind::Closed));
            }
            if deadline.passed() {
                self.spinner.ended();
                return Err(Error::new(OP, ErrorKind::TimedOut));
            }
            self.sleep.until(&self.link, deadline)?;
        }
    }

    /// Why a receive that does not wait has nothing. Asks the kernel only now and then, because that costs more than all
    /// the rest.
    fn nothing(&mut self) -> Error {
        let now = clock::now_ns();
        let look = now.wrapping_sub(self.looked_ns) >= TRUST_NS;
        if look {
            self.looked_ns = now;
        }
        let gone = look && self.link.peer_gone() && !self.consumer.has_news();
        Error::new(
            "receive",
            if gone {
                ErrorKind::Closed
            } else {
                ErrorKind::TimedOut
            },
        )
    }

    fn take(&mut self, buf: &mut [u8]) -> Result<Option<usize>> {
        const OP: &str = "receive";
        let front = self
            .consumer
            .front()
            .map_err(|Corrupt| Error::new(OP, ErrorKind::Corrupt))?;
        let Some(frame) = front else { return Ok(None) };
        if frame.len > buf.len() {
            return Err(Error::new(
                OP,
                ErrorKind::BufferTooSmall { needed: frame.len },
            ));
        }
        self.consumer.copy_to(frame, buf);
        if self.consumer.advance_and_see(frame) {
            self.link.wake_peer();
        }
        Ok(Some(frame.len))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.consumer.close() {
            self.link.wake_peer();
        }
    }
}

/// How one half of an end sleeps.
#[derive(Debug, Default)]
struct Sleep {
    /// Made at the first sleep; what rang or hung up before is reported by its first wait.
    set: Option<BellSet>,
    /// The peer hung up. A set reports that once.
    peer_gone: bool,
}

impl Sleep {
    /// Sleeps until the bell rings, the peer hangs up, or the deadline passes; may return early.
    fn until(&mut self, link: &Link, deadline: Deadline) -> Result<()> {
        let set = match &self.set {
            Some(set) => set,
            None => self.set.insert(link.set()?),
        };
        let mut reports = Vec::new();
        set.wait(&mut reports, deadline.left())
            .map_err(|error| Error::from_io("wait on channel", error))?;
        for report in reports.iter().filter(|report| report.token == SOCKET) {
            self.peer_gone |= report.hung_up;
            if report.readable && !report.hung_up {
                greeting::drain(&link.socket);
            }
        }
        Ok(())
    }
}

pub(crate) fn push_failed(op: &'static str, error: PushError) -> Error {
    match error {
        PushError::Full => Error::new(op, ErrorKind::QueueFull),
        PushError::Corrupt => Error::new(op, ErrorKind::Corrupt),
        PushError::NoMemory(source) => Error::from_io(op, source),
    }
}

/// Where clients connect.
#[derive(Debug)]
pub struct Listener {
    dir: Dir,
    name: String,
    socket: OwnedFd,
}

impl Listener {
    /// Listens at `path`, whose directory must be the caller's own and closed to others.
    ///
    /// # Errors
    /// In this order: the directory is not usable; something stands at `path`; no space.
    pub fn bind(path: &Path) -> Result<Listener> {
        let failed = |error| Error::from_io("listen", error).on(path.display().to_string());
        let (dir, name) = place(path)?;
        let socket = socket::bind(dir.as_fd(), &name).map_err(failed)?;
        socket::listen(&socket, 4096).map_err(failed)?;
        Ok(Listener { dir, name, socket })
    }

    /// Takes the next client, waiting up to `timeout` (for ever if `None`) for one to connect.
    ///
    /// A client that broke the rules of the greeting is dropped, and the wait goes on.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]; no descriptors.
    pub fn accept(&self, timeout: Option<Duration>) -> Result<Channel> {
        const OP: &str = "accept";
        let deadline = Deadline::after(timeout);
        loop {
            if let Some(client) =
                socket::accept(&self.socket).map_err(|error| Error::from_io(OP, error))?
            {
                match Listener::admit(client, deadline) {
                    Ok(channel) => return Ok(channel),
                    Err(error) => tracing::debug!(%error, "client dropped"),
                }
            } else if deadline.passed() {
                return Err(Error::new(OP, ErrorKind::TimedOut));
            } else {
                bell::wait_readable(&self.socket, deadline.left())
                    .map_err(|error| Error::from_io(OP, error))?;
            }
        }
    }

    fn admit(client: OwnedFd, deadline: Deadline) -> Result<Channel> {
        const OP: &str = "accept";
        const MOST_LEN: u64 = 8 << 30;
        let failed = |error| Error::from_io(OP, error);
        loop {
            if let Some(greeting) = Greeting::receive(&client, 2, MOST_LEN).map_err(failed)? {
                let Greeting {
                    memory,
                    bell: own,
                    answer_bell,
                    quota_bytes,
                } = greeting;
                let theirs = answer_bell.ok_or_else(|| Error::new(OP, ErrorKind::Corrupt))?;
                return Channel::assemble(client, &memory, theirs, own, TO_CONNECTOR, quota_bytes);
            }
            if deadline.passed() {
                return Err(Error::new(OP, ErrorKind::TimedOut));
            }
            bell::wait_readable(&client, deadline.left()).map_err(failed)?;
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.dir.remove(&self.name);
    }
}

fn place(path: &Path) -> Result<(Dir, String)> {
    const OP: &str = "find channel";
    let (Some(parent), Some(name)) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) else {
        return Err(Error::new(OP, ErrorKind::InvalidName).on(path.display().to_string()));
    };
    let dir = Dir::open(parent, Trust::Private)
        .map_err(|refusal| namespace::refused(OP, refusal).on(path.display().to_string()))?;
    Ok((dir, name.to_owned()))
}

#[cfg(test)]
mod tests;
