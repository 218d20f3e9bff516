//! The client's end of a pipe, and the calls that make one for a moment.

use std::ops::Deref;
use std::os::fd::OwnedFd;

use super::end::{Now, Open, Parts, PipeEnd};
use super::link::{was_thrown_out, Link, Side};
use super::registry::{wait_for_instance, Opened, Wanted};
use super::{Modes, PipeType, ReadMode, Received, WaitTime};
use crate::{Error, ErrorKind, PipeName, Result};
use std::sync::Arc;

/// The client's end of a pipe.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// let client = tong::pipe::PipeClient::open(&tong::PipeName::short("answers")?)?;
/// client.send(b"question")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PipeClient {
    end: PipeEnd,
}

impl Deref for PipeClient {
    type Target = PipeEnd;

    fn deref(&self) -> &PipeEnd {
        &self.end
    }
}

/// How a client's end is to be opened.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    reads: Option<bool>,
    writes: Option<bool>,
    read_mode: ReadMode,
    nowait: bool,
    synchronous: bool,
    by_socket: bool,
}

impl ClientOptions {
    /// Whether the end is for reading and for writing; if never said, for all that the pipe's direction allows.
    pub fn access(&mut self, reads: bool, writes: bool) -> &mut Self {
        (self.reads, self.writes) = (Some(reads), Some(writes));
        self
    }

    /// How the end reads at first; bytes if never said. A pipe of bytes is always read as bytes.
    pub fn read_mode(&mut self, read_mode: ReadMode) -> &mut Self {
        self.read_mode = read_mode;
        self
    }

    /// Whether reads and writes of the end never wait.
    pub fn nowait(&mut self, nowait: bool) -> &mut Self {
        self.nowait = nowait;
        self
    }

    /// Whether the open does one operation at a time.
    pub fn synchronous(&mut self, synchronous: bool) -> &mut Self {
        self.synchronous = synchronous;
        self
    }

    /// Opens the pipe.
    ///
    /// # Blocking
    /// Never waits: the kernel lets this client into an instance, whatever its server does.
    ///
    /// # Errors
    /// In this order: no usable namespace; no pipe of that name ([`ErrorKind::NotFound`]); its creator did not allow it,
    /// or its direction ([`ErrorKind::AccessDenied`]); all instances are taken ([`ErrorKind::PipeBusy`], see
    /// [`wait`](super::wait)); no descriptors or memory.
    ///
    /// # References
    /// Win32: CreateFile. Rules P5.1 to P5.14.
    pub fn open(&self, name: &PipeName) -> Result<PipeClient> {
        const OP: &str = "open pipe";
        let wanted = Wanted {
            read: self.reads,
            write: self.writes,
        };
        let failed = |error| Error::from_io(OP, error).on(name.full());
        let (attributes, quotas, server_pid, view, link) = loop {
            let opened = Opened::connect(name, wanted)?;
            let attributes = Arc::clone(opened.attributes());
            let (quotas, server_pid) = (opened.quotas(), opened.server_pid());
            let (socket, view) = opened.into_parts();
            let socket = Arc::new(socket);
            let link = Link::make(&socket, self.by_socket).map_err(failed)?;
            match link.send_greeting() {
                Ok(()) => break (attributes, quotas, server_pid, view, link),
                // The server disconnected, or went, between the connect and now. If it went there may be another instance.
                Err(error) if is_hang_up(&error) => {
                    if was_thrown_out(&socket) {
                        link.disconnect();
                        break (attributes, quotas, server_pid, view, link);
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        };
        let link = match self.by_socket {
            true => link.without_descriptor(),
            false => link,
        };
        let (may_read, may_write) = Open::access_of(Side::Client, attributes.direction);
        let messages = attributes.pipe_type == PipeType::Message;
        let open = Open::new(Parts {
            side: Side::Client,
            quotas,
            reads: self.reads.unwrap_or(may_read),
            writes: self.writes.unwrap_or(may_write),
            synchronous: self.synchronous,
            by_socket: self.by_socket,
            server_pid,
            opened_by: std::process::id(),
            instance: None,
            view: Some(view),
            link: Some(Arc::new(link)),
            attributes,
        });
        open.store_modes(Modes {
            read: match messages {
                true => self.read_mode,
                false => ReadMode::Byte,
            },
            nowait: self.nowait,
        });
        Ok(PipeClient {
            end: PipeEnd::new(open),
        })
    }

    /// Has the end be woken through its socket: one descriptor instead of three, and slower by half a microsecond a wake.
    #[cfg(feature = "tokio")]
    pub(crate) fn by_socket(&mut self) -> &mut Self {
        self.by_socket = true;
        self
    }
}

fn is_hang_up(error: &std::io::Error) -> bool {
    use tong_sys::errno::{ECONNRESET, EPIPE};
    matches!(error.raw_os_error(), Some(EPIPE | ECONNRESET))
}

impl PipeClient {
    /// The client's end that came from another process.
    ///
    /// # Errors
    /// As [`PipeEnd::import`].
    pub(crate) fn import(reader: OwnedFd, identity: [u64; 2]) -> Result<PipeClient> {
        let end = PipeEnd::import(reader, Side::Client, identity)?;
        Ok(PipeClient { end })
    }

    /// How a client's end can be opened.
    #[must_use]
    pub fn options() -> ClientOptions {
        ClientOptions {
            reads: None,
            writes: None,
            read_mode: ReadMode::Byte,
            nowait: false,
            synchronous: false,
            by_socket: false,
        }
    }

    /// Opens the pipe for all that its direction allows; reads are of bytes, and wait. See [`ClientOptions::open`].
    ///
    /// # Errors
    /// As [`ClientOptions::open`].
    pub fn open(name: &PipeName) -> Result<PipeClient> {
        PipeClient::options().open(name)
    }

    /// The end, without what only clients can do.
    #[must_use]
    pub fn end(&self) -> &PipeEnd {
        &self.end
    }

    /// Whether the server has thrown this end out.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        match &self.end.open.line().now {
            Now::Open(link) => link.is_disconnected(),
            _ => true,
        }
    }
}

/// Waits until an instance of the pipe can be opened. It reserves nothing: another client may be faster.
///
/// # Errors
/// In this order: no pipe of that name, at once or when its last server end closes meanwhile ([`ErrorKind::NotFound`]);
/// [`ErrorKind::TimedOut`].
///
/// # References
/// Win32: WaitNamedPipe. Rules P19.1 to P19.8.
pub fn wait(name: &PipeName, time: WaitTime) -> Result<()> {
    wait_for_instance(name, time)
}

/// Opens the pipe, waiting for an instance if need be, sends one message, waits for one, and closes. What of the reply
/// does not fit is lost.
///
/// `time` covers the wait for an instance only; the reply is waited for without limit.
///
/// # Errors
/// In this order: as [`wait()`]; as [`ClientOptions::open`]; the pipe is one of bytes ([`ErrorKind::InvalidParameter`]); as
/// [`PipeEnd::transact`].
///
/// # References
/// Win32: CallNamedPipe. Rules P18.1 to P18.10.
pub fn call(name: &PipeName, request: &[u8], reply: &mut [u8], time: WaitTime) -> Result<Received> {
    let mut options = PipeClient::options();
    options.access(true, true);
    let started = std::time::Instant::now();
    let client = loop {
        match options.open(name) {
            Err(error) if error.kind() == ErrorKind::PipeBusy => {
                let left = match time {
                    WaitTime::For(time) => WaitTime::For(time.saturating_sub(started.elapsed())),
                    other => other,
                };
                wait(name, left)?;
            }
            opened => break opened?,
        }
    };
    client.set_modes(Modes {
        read: ReadMode::Message,
        nowait: false,
    })?;
    client.transact(request, reply)
}
