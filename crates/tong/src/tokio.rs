//! Waiting in an asynchronous program: the same objects under tokio.
//!
//! A type here wraps the blocking type of the same name and registers its descriptor with the runtime's reactor. No
//! thread is started, and any runtime flavour will do, as long as its I/O driver is enabled.
//!
//! # Cancel safety
//! A future that is dropped before it was ready has taken nothing: messages stay queued, and the next receive gets them.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ::tokio::io::unix::AsyncFd;

use tong_sys::reactor;

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
    server: crate::MailslotServer,
    /// Holds a descriptor of its own for the reactor.
    readiness: AsyncFd<OwnedFd>,
}

impl MailslotServer {
    /// Registers the mailslot with the reactor of the current runtime.
    ///
    /// # Errors
    /// No descriptor is left, or the reactor refuses it.
    ///
    /// # Panics
    /// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
    pub fn new(server: crate::MailslotServer) -> Result<MailslotServer> {
        let readiness = reactor::register(&server)
            .map_err(|error| Error::from_io("register mailslot", error).on(server.name().full()))?;
        Ok(MailslotServer { server, readiness })
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
        &self.server
    }

    /// Takes the mailslot back from the reactor.
    #[must_use]
    pub fn into_inner(self) -> crate::MailslotServer {
        self.server
    }

    async fn ready(&self) -> Result<::tokio::io::unix::AsyncFdReadyGuard<'_, OwnedFd>> {
        self.readiness.readable().await.map_err(|error| {
            Error::from_io("wait for mailslot", error).on(self.get_ref().name().full())
        })
    }
}
