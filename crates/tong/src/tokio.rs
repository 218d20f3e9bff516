//! Waiting in an asynchronous program: the same objects under tokio.
//!
//! A type here wraps the blocking type of the same name and registers its descriptor with the runtime's reactor. No
//! thread is started, and any runtime flavour will do, as long as its I/O driver is enabled.
//!
//! Events, semaphores, timers, threads and processes are awaited with [`wait`], [`any`] and [`all`]. One thread of the process
//! sleeps on behalf of all tasks that wait for shared objects; processes and mailslots are left to the reactor. Mutexes belong
//! to threads, not to tasks, so they cannot be awaited.
//!
//! # Cancel safety
//! A future that is dropped before it was ready has taken nothing: messages stay queued, and the next receive gets them; a
//! signal stays with its object, for whoever waits next.
//!
//! # Hand-over
//! A task takes what it waits for when it is polled, so a thread that comes in between may be faster. Tasks among themselves
//! are served in no particular order.

mod pipe;

pub use pipe::{PipeListener, PipeStream};

use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use ::tokio::io::unix::AsyncFd;

use tong_sys::reactor;

use crate::wait::{AllSatisfied, Deadline, Satisfied, Waitable};
use crate::waits::{self, AsyncWatch, CellKind, Ending, Entry};
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

/// Waits until the object is signaled, and takes what a wait takes. Cancel-safe.
///
/// ```no_run
/// # async fn example() -> tong::Result<()> {
/// let event = tong::Event::new(tong::Reset::Auto, false)?;
/// tong::tokio::wait(&event).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`InvalidParameter`](ErrorKind::InvalidParameter) for a mutex; the helper thread cannot be started, or no descriptors.
///
/// # Panics
/// For a process or mailslot outside of a runtime whose I/O driver is enabled.
pub async fn wait(object: &dyn Waitable) -> Result<()> {
    any(&[object]).await.map(drop)
}

/// Waits until one of the objects is signaled, and takes that one: the first in the list if there are several. Cancel-safe.
///
/// # Errors
/// As [`wait`].
///
/// # Panics
/// As [`wait`].
pub async fn any(objects: &[&dyn Waitable]) -> Result<Satisfied> {
    let mut waiting = Waiting::new(objects)?;
    let ended = std::future::poll_fn(|context| {
        waiting.poll(context, |entries| {
            waits::wait_any(entries, Deadline::Now, None)
        })
    });
    let (index, abandoned) = ended.await?;
    Ok(Satisfied { index, abandoned })
}

/// Waits until all objects are signaled at one instant, and takes them together. Cancel-safe.
///
/// # Errors
/// As [`wait`]; [`InvalidParameter`](ErrorKind::InvalidParameter) if one object stands in the list twice.
///
/// # Panics
/// As [`wait`].
pub async fn all(objects: &[&dyn Waitable]) -> Result<AllSatisfied> {
    let mut waiting = Waiting::new(objects)?;
    let ended = std::future::poll_fn(|context| {
        waiting.poll(context, |entries| {
            waits::wait_all(entries, Deadline::Now, None)
        })
    });
    let (_, abandoned) = ended.await?;
    Ok(AllSatisfied { abandoned })
}

/// A task's wait.
struct Waiting<'a> {
    entries: Vec<Entry<'a>>,
    watches: Vec<AsyncWatch>,
    descriptors: Vec<AsyncFd<OwnedFd>>,
    watched: bool,
}

impl<'a> Waiting<'a> {
    fn new(objects: &[&'a dyn Waitable]) -> Result<Waiting<'a>> {
        let entries: Vec<_> = objects.iter().map(|object| object.entry().0).collect();
        let is_mutex = |entry: &Entry<'_>| matches!(entry, Entry::Cell(cell) if cell.kind() == CellKind::Mutex);
        if entries.iter().any(is_mutex) {
            return Err(Error::new("wait", ErrorKind::InvalidParameter)
                .because("a mutex belongs to a thread, and a task may change its thread; acquire it in a blocking thread"));
        }
        Ok(Waiting {
            entries,
            watches: Vec::new(),
            descriptors: Vec::new(),
            watched: false,
        })
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        look: impl Fn(&[Entry<'_>]) -> Result<Ending>,
    ) -> Poll<Result<(usize, bool)>> {
        if let Some(ended) = ended(look(&self.entries)) {
            return Poll::Ready(ended);
        }
        if let Err(error) = self.watch(context) {
            return Poll::Ready(Err(error));
        }
        // What was signaled before it was watched woke nobody.
        match ended(look(&self.entries)) {
            Some(ended) => Poll::Ready(ended),
            None => Poll::Pending,
        }
    }

    /// Has the task woken when there may be something to look at.
    fn watch(&mut self, context: &mut Context<'_>) -> Result<()> {
        if !self.watched {
            for entry in &self.entries {
                match entry {
                    Entry::Cell(cell) => {
                        self.watches.push(AsyncWatch::start(cell, context.waker())?);
                    }
                    Entry::Fd(fd) => self.descriptors.push(
                        reactor::register(fd).map_err(|error| Error::from_io("wait", error))?,
                    ),
                }
            }
            self.watched = true;
        }
        for watch in &self.watches {
            watch.wake_instead(context.waker());
        }
        for descriptor in &self.descriptors {
            // Ready now and looked at in vain: ask to be told of the next time.
            while let Poll::Ready(ready) = descriptor.poll_read_ready(context) {
                ready
                    .map_err(|error| Error::from_io("wait", error))?
                    .clear_ready();
            }
        }
        Ok(())
    }
}

fn ended(outcome: Result<Ending>) -> Option<Result<(usize, bool)>> {
    match outcome {
        Ok(Ending::Object { index, abandoned }) => Some(Ok((index, abandoned))),
        Ok(Ending::TimedOut | Ending::Alerted) => None,
        Err(error) => Some(Err(error)),
    }
}
