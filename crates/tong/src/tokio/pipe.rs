//! Named pipes under tokio.
//!
//! A [`PipeListener`] accepts clients one after another and keeps some instances listening meanwhile; a [`PipeStream`] is one
//! end of a connection. Each connection costs one descriptor (two before Linux 5.14) and, while it is idle, a page or two of
//! memory, so thousands of them can be served by one thread.
//!
//! ```no_run
//! use tong::pipe::{PipeServer, PipeType, ReadMode};
//! use tong::tokio::PipeListener;
//!
//! # async fn example() -> tong::Result<()> {
//! let mut options = PipeServer::options();
//! options.pipe_type(PipeType::Message).read_mode(ReadMode::Message);
//! let listener = PipeListener::bind(&tong::PipeName::short("answers")?, &options)?;
//! loop {
//!     let client = listener.accept().await?;
//!     tokio::spawn(async move {
//!         let mut request = [0; 512];
//!         while let Ok(received) = client.recv(&mut request).await {
//!             client.send(&request[..received.bytes]).await?;
//!         }
//!         tong::Result::Ok(())
//!     });
//! }
//! # }
//! ```
//!
//! # Cancel safety
//! A receive that is dropped has taken nothing, a send that is dropped has queued nothing, and an accept that is dropped
//! leaves the client for the next. A transaction that is dropped may have sent its request.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ::tokio::io::unix::AsyncFd;
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tong_sys::reactor;

use crate::object::pipe::{Portion, Step};
use crate::pipe::{ClientOptions, Peeked, PipeClient, PipeEnd, PipeOptions, PipeServer, Received};
use crate::{Error, ErrorKind, PipeName, Result};

/// Instances that listen at the same time unless told otherwise.
const BACKLOG: usize = 16;

/// Accepts the clients of a pipe.
///
/// Some instances listen at any time, so that clients that come together need not wait for each other. To a client that
/// comes when all of them are taken the pipe is busy ([`ErrorKind::PipeBusy`]) until the next accept.
#[derive(Debug)]
pub struct PipeListener {
    name: PipeName,
    options: PipeOptions,
    listening: Mutex<Vec<Listening>>,
    backlog: usize,
}

#[derive(Debug)]
struct Listening {
    server: PipeServer,
    readiness: AsyncFd<Arc<OwnedFd>>,
}

impl PipeListener {
    /// Makes the pipe, or further instances of it, and listens.
    ///
    /// # Errors
    /// As [`PipeOptions::create`].
    ///
    /// # Panics
    /// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
    pub fn bind(name: &PipeName, options: &PipeOptions) -> Result<PipeListener> {
        PipeListener::bind_with_backlog(name, options, BACKLOG)
    }

    /// As [`PipeListener::bind`], with another number of instances that listen at the same time, at least 1. Fewer do if the
    /// pipe may not have so many.
    ///
    /// # Errors
    /// As [`PipeListener::bind`].
    ///
    /// # Panics
    /// As [`PipeListener::bind`].
    pub fn bind_with_backlog(
        name: &PipeName,
        options: &PipeOptions,
        backlog: usize,
    ) -> Result<PipeListener> {
        let first = Listening::start(name, options)?;
        let mut options = options.clone();
        options.first_instance(false);
        let listener = PipeListener {
            name: name.clone(),
            options,
            listening: Mutex::new(vec![first]),
            backlog: backlog.max(1),
        };
        listener.fill(&mut listener.lock())?;
        Ok(listener)
    }

    /// Waits for the next client. Cancel-safe.
    ///
    /// # Errors
    /// No descriptors or memory; the client, if there is one, waits for the next accept.
    pub async fn accept(&self) -> Result<PipeStream> {
        std::future::poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`PipeListener::accept`], for hand-written futures. Only the task that called last is woken.
    ///
    /// # Errors
    /// As [`PipeListener::accept`].
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<Result<PipeStream>> {
        let mut listening = self.lock();
        self.fill(&mut listening)?;
        let mut index = 0;
        while index < listening.len() {
            match listening[index].poll(context)? {
                Poll::Ready(()) => {
                    let Listening { server, .. } = listening.remove(index);
                    // Before the client is served, so that the next one finds an instance.
                    self.fill(&mut listening)?;
                    drop(listening);
                    return Poll::Ready(PipeStream::new(server.end().clone()));
                }
                Poll::Pending => index += 1,
            }
        }
        Poll::Pending
    }

    /// The name as it was given.
    #[must_use]
    pub fn name(&self) -> &PipeName {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Listening>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes instances listen until there are enough, or as many as there may be.
    fn fill(&self, listening: &mut Vec<Listening>) -> Result<()> {
        while listening.len() < self.backlog {
            match Listening::start(&self.name, &self.options) {
                Ok(more) => listening.push(more),
                Err(error) if error.kind() == ErrorKind::PipeBusy => break,
                // What listens goes on; what is missing is tried again at the next accept.
                Err(_) if !listening.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Listening {
    fn start(name: &PipeName, options: &PipeOptions) -> Result<Listening> {
        let server = options.create_by_socket(name)?;
        let listener = server
            .end()
            .listener()
            .ok_or_else(|| Error::new("listen", ErrorKind::BadPipe))?;
        let readiness = register(&listener, name)?;
        Ok(Listening { server, readiness })
    }

    fn poll(&self, context: &mut Context<'_>) -> Result<Poll<()>> {
        loop {
            match self.readiness.poll_read_ready(context) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(ready) => {
                    let mut ready = ready.map_err(|error| Error::from_io("accept", error))?;
                    if self.server.end().has_client()? {
                        return Ok(Poll::Ready(()));
                    }
                    ready.clear_ready();
                }
            }
        }
    }
}

/// One end of a pipe's connection, server or client, used by tasks.
///
/// Bytes are moved by [`AsyncRead`] and [`AsyncWrite`], messages by [`PipeStream::recv`] and [`PipeStream::send`]. One task may
/// read while another writes; several that do the same wait in no order.
#[derive(Debug)]
pub struct PipeStream {
    end: PipeEnd,
    readiness: AsyncFd<Arc<OwnedFd>>,
    /// Tasks to be woken when the socket reports something.
    sleepers: Arc<Sleepers>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Sleepers {
    tasks: Mutex<Vec<Waker>>,
}

impl Sleepers {
    fn add(&self, waker: &Waker) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if !tasks.iter().any(|task| task.will_wake(waker)) {
            tasks.push(waker.clone());
        }
    }
}

impl Sleepers {
    /// Wakes all tasks but the one that asks.
    fn wake_others(&self, own: &Waker) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if !task.will_wake(own) {
                task.wake();
            }
        }
    }
}

impl Wake for Sleepers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.wake();
        }
    }
}

impl PipeStream {
    fn new(end: PipeEnd) -> Result<PipeStream> {
        let socket = end
            .socket()
            .ok_or_else(|| Error::new("use pipe", ErrorKind::NotConnected).on(end.name().full()))?;
        let sleepers = Arc::new(Sleepers::default());
        Ok(PipeStream {
            readiness: register(&socket, end.name())?,
            end,
            waker: Waker::from(Arc::clone(&sleepers)),
            sleepers,
        })
    }

    /// Opens the pipe. Never waits: if all instances are taken the pipe is busy ([`ErrorKind::PipeBusy`]).
    ///
    /// # Errors
    /// As [`ClientOptions::open`].
    ///
    /// # Panics
    /// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
    pub fn connect(name: &PipeName) -> Result<PipeStream> {
        PipeStream::connect_with(name, &PipeClient::options())
    }

    /// As [`PipeStream::connect`], with options.
    ///
    /// # Errors
    /// As [`PipeStream::connect`].
    ///
    /// # Panics
    /// As [`PipeStream::connect`].
    pub fn connect_with(name: &PipeName, options: &ClientOptions) -> Result<PipeStream> {
        let mut options = options.clone();
        let client = options.by_socket().open(name)?;
        PipeStream::new(client.end().clone())
    }

    /// Receives what is there, by the end's read mode, waiting until there is something. Cancel-safe.
    ///
    /// # Errors
    /// As [`PipeEnd::receive`].
    pub async fn recv(&self, buf: &mut [u8]) -> Result<Received> {
        std::future::poll_fn(|context| self.poll_step(context, || self.end.receive_or_arm(buf)))
            .await
    }

    /// Sends one write, whole, waiting until it fits beside what the other end has not read. One that is larger than the
    /// quota waits until nothing is unread. Cancel-safe.
    ///
    /// # Errors
    /// As [`PipeEnd::send`].
    pub async fn send(&self, bytes: &[u8]) -> Result<()> {
        std::future::poll_fn(|context| {
            self.poll_step(context, || self.end.send_or_arm(bytes, Portion::Whole))
        })
        .await
        .map(drop)
    }

    /// Sends one message and waits for the first one that comes. If it is dropped meanwhile the request may have been sent.
    ///
    /// # Errors
    /// As [`PipeEnd::transact`].
    pub async fn transact(&self, request: &[u8], reply: &mut [u8]) -> Result<Received> {
        std::future::poll_fn(|context| self.poll_step(context, || self.end.arrived())).await?;
        self.end.send_request(request)?;
        self.recv(reply).await
    }

    /// Waits until the other end has read everything that was written. Cancel-safe.
    ///
    /// # Errors
    /// As [`PipeEnd::flush`].
    pub async fn flush_read(&self) -> Result<()> {
        std::future::poll_fn(|context| self.poll_step(context, || self.end.flushed_or_arm())).await
    }

    /// Looks at what can be read; see [`PipeEnd::peek`].
    ///
    /// # Errors
    /// As [`PipeEnd::peek`].
    pub fn peek(&self, buf: &mut [u8]) -> Result<Peeked> {
        self.end.peek(buf)
    }

    /// The end, for what does not wait.
    #[must_use]
    pub fn get_ref(&self) -> &PipeEnd {
        &self.end
    }

    /// Does a step until it is done or has to wait for the other end.
    fn poll_step<T>(
        &self,
        context: &mut Context<'_>,
        mut step: impl FnMut() -> Result<Step<T>>,
    ) -> Poll<Result<T>> {
        loop {
            // Before the step: what is reported after it, to whichever task, must find this one.
            self.sleepers.add(context.waker());
            match step() {
                Ok(Step::Done(value)) => return Poll::Ready(Ok(value)),
                Err(error) => return Poll::Ready(Err(error)),
                Ok(Step::Wait) => {}
            }
            let mut all = Context::from_waker(&self.waker);
            match self.readiness.poll_read_ready(&mut all) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(
                        Error::from_io("wait for pipe", error).on(self.end.name().full())
                    ))
                }
                Poll::Ready(Ok(mut ready)) => {
                    let hung_up = ready.ready().is_read_closed();
                    ready.clear_ready();
                    self.end.heard(hung_up);
                    // Another task may wait for what was just cleared.
                    self.sleepers.wake_others(context.waker());
                }
            }
        }
    }
}

impl AsyncRead for PipeStream {
    /// Reads bytes. The end of what the other end wrote reads as nothing; an empty message is passed over.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let space = buf.initialize_unfilled();
        loop {
            let received = self.poll_step(context, || self.end.receive_or_arm(space));
            match received {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Received { bytes: 0, .. })) => {}
                Poll::Ready(Ok(received)) => {
                    buf.advance(received.bytes);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::BrokenPipe => {
                    return Poll::Ready(Ok(()))
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for PipeStream {
    /// Writes as much as fits beside what is unread; on a pipe of messages that is a message.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_step(context, || self.end.send_or_arm(bytes, Portion::Some))
            .map_err(Into::into)
    }

    /// Nothing is held back; see [`PipeStream::flush_read`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// A pipe's directions are closed together, when the end is dropped. This waits until the other end has read everything.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_step(context, || self.end.flushed_or_arm())
            .map(|flushed| match flushed {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                flushed => flushed.map_err(Into::into),
            })
    }
}

fn register(fd: &Arc<OwnedFd>, name: &PipeName) -> Result<AsyncFd<Arc<OwnedFd>>> {
    reactor::register_shared(fd)
        .map_err(|error| Error::from_io("register pipe", error).on(name.full()))
}
