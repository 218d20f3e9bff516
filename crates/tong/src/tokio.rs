//! Waiting in an asynchronous program: the same objects under tokio.
//!
//! A type here wraps the blocking type of the same name and registers its descriptor with the runtime's reactor. No
//! thread is started, and any runtime flavour will do, as long as its I/O driver is enabled.
//!
//! # Cancel safety
//! A future that is dropped before it was ready has taken nothing: messages stay queued, and the next receive gets them.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use ::tokio::io::unix::AsyncFd;
use ::tokio::io::Interest;

use crate::{Error, ErrorKind, MailslotInfo, Result};

/// A mailslot's server handle whose reads are awaited.
///
/// ```no_run
/// # async fn example() -> tong::Result<()> {
/// let server = tong::MailslotServer::create(&tong::MailslotName::short("mailbox")?)?;
/// let server = tong::tokio::MailslotServer::new(server)?;
/// let message = server.recv_vec().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MailslotServer {
    inner: AsyncFd<Registered>,
}

/// What the reactor holds; it asks for a bare number.
#[derive(Debug)]
struct Registered(crate::MailslotServer);

impl AsRawFd for Registered {
    fn as_raw_fd(&self) -> RawFd {
        // The same for as long as the mailslot's handle lives, which is longer than the registration.
        self.0.as_fd().as_raw_fd()
    }
}

impl MailslotServer {
    /// Registers the mailslot with the reactor of the current runtime.
    ///
    /// # Errors
    /// The reactor refuses the descriptor.
    ///
    /// # Panics
    /// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
    pub fn new(server: crate::MailslotServer) -> Result<MailslotServer> {
        let name = server.name().full();
        let inner = AsyncFd::with_interest(Registered(server), Interest::READABLE)
            .map_err(|error| Error::from_io("register mailslot", error).on(name))?;
        Ok(MailslotServer { inner })
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one without limit. Cancel-safe.
    ///
    /// # Errors
    /// As [`crate::MailslotServer::recv`].
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        loop {
            let mut ready = self.ready().await?;
            match self.get_ref().try_recv(buf) {
                Err(error) if error.kind() == ErrorKind::TimedOut => ready.clear_ready(),
                done => return done,
            }
        }
    }

    /// Receives the oldest message into a vector of its length, waiting for one without limit. Cancel-safe.
    ///
    /// # Errors
    /// As [`crate::MailslotServer::recv_vec`].
    pub async fn recv_vec(&self) -> Result<Vec<u8>> {
        loop {
            let mut ready = self.ready().await?;
            match self.get_ref().recv_vec(Some(Duration::ZERO)) {
                Err(error) if error.kind() == ErrorKind::TimedOut => ready.clear_ready(),
                done => return done,
            }
        }
    }

    /// Receives the oldest message into `buf` if one is queued.
    ///
    /// # Errors
    /// As [`crate::MailslotServer::try_recv`].
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.get_ref().try_recv(buf)
    }

    /// Describes the queue and the settings.
    ///
    /// # Errors
    /// As [`crate::MailslotServer::info`].
    pub fn info(&self) -> Result<MailslotInfo> {
        self.get_ref().info()
    }

    /// The blocking handle, for what does not wait.
    #[must_use]
    pub fn get_ref(&self) -> &crate::MailslotServer {
        &self.inner.get_ref().0
    }

    /// Takes the mailslot back from the reactor.
    #[must_use]
    pub fn into_inner(self) -> crate::MailslotServer {
        self.inner.into_inner().0
    }

    async fn ready(&self) -> Result<::tokio::io::unix::AsyncFdReadyGuard<'_, Registered>> {
        self.inner.readable().await.map_err(|error| {
            Error::from_io("wait for mailslot", error).on(self.get_ref().name().full())
        })
    }
}
