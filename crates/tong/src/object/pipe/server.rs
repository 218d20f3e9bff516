//! The server's end of a pipe instance.

use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use super::end::{Now, Open, Parts, PipeEnd};
use super::link::{throw_out, Link, Side};
use super::registry::Instance;
use super::shared::Part;
use super::transfer::Waiter;
use super::PipeOptions;
use crate::io::{Completion, Started};
use crate::wait::Deadline;
use crate::waits::{Doing, Note};
use crate::{Error, ErrorKind, PipeName, Result};

/// The server's end of one instance of a pipe: serves one client at a time.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// use tong::pipe::{PipeServer, PipeType, ReadMode};
///
/// let server = PipeServer::options()
///     .pipe_type(PipeType::Message)
///     .read_mode(ReadMode::Message)
///     .create(&tong::PipeName::short("answers")?)?;
/// server.connect()?;
/// let mut request = [0; 512];
/// let received = server.receive(&mut request)?;
/// server.send(&request[..received.bytes])?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PipeServer {
    end: PipeEnd,
}

impl Deref for PipeServer {
    type Target = PipeEnd;

    fn deref(&self) -> &PipeEnd {
        &self.end
    }
}

impl PipeServer {
    /// The server's end that came from another process.
    ///
    /// # Errors
    /// As [`PipeEnd::import`].
    pub(crate) fn import(reader: OwnedFd, identity: [u64; 2]) -> Result<PipeServer> {
        let end = PipeEnd::import(reader, Side::Server, identity)?;
        Ok(PipeServer { end })
    }

    /// How instances can be made.
    #[must_use]
    pub fn options() -> PipeOptions {
        PipeOptions::new()
    }

    /// Makes an instance; [`PipeOptions::create`].
    pub(super) fn create(
        name: &PipeName,
        options: &PipeOptions,
        by_socket: bool,
    ) -> Result<PipeServer> {
        options.check()?;
        let instance = Instance::create(name, options)?;
        let attributes = instance.attributes().clone();
        let (reads, writes) = Open::access_of(Side::Server, attributes.direction);
        let modes = options.modes_on(attributes.pipe_type);
        let open = Open::new(Parts {
            side: Side::Server,
            quotas: instance.quotas(),
            reads,
            writes,
            synchronous: options.synchronous,
            by_socket,
            server_pid: instance.server_pid(),
            opened_by: std::process::id(),
            instance: Some(instance),
            view: None,
            link: None,
            attributes,
        });
        open.store_modes(modes);
        Ok(PipeServer {
            end: PipeEnd::new(open),
        })
    }

    /// Gives the instance up because the process ends, whoever is still blocked in it: its files go now.
    #[doc(hidden)]
    pub fn abandon(&self) {
        if let Some(instance) = &self.end.open.instance {
            instance.give_up();
        }
    }

    /// The end, without what only servers can do.
    #[must_use]
    pub fn end(&self) -> &PipeEnd {
        &self.end
    }

    /// Waits until a client has opened the instance.
    ///
    /// A client can do so from the creation of the instance on, and after [`PipeServer::disconnect`] from this call on; it
    /// need not wait for this call, nor does reading and writing.
    ///
    /// # Errors
    /// In this order: a client is there already ([`ErrorKind::PipeConnected`], which is as good as success); the last
    /// one has closed, and [`PipeServer::disconnect`] was not called since ([`ErrorKind::PipeClosing`]); the end does not
    /// wait ([`ErrorKind::PipeListening`]); another thread disconnected meanwhile ([`ErrorKind::NotConnected`]); no
    /// descriptors or memory.
    ///
    /// # References
    /// Win32: ConnectNamedPipe. Rules P8.1 to P8.13.
    pub fn connect(&self) -> Result<()> {
        self.connect_until(Deadline::Never)
    }

    /// As [`PipeServer::connect`], but waits at most `timeout`.
    ///
    /// # Errors
    /// As [`PipeServer::connect`], and [`ErrorKind::TimedOut`].
    pub fn connect_timeout(&self, timeout: Duration) -> Result<()> {
        self.connect_until(Deadline::after(Some(timeout)))
    }

    fn connect_until(&self, deadline: Deadline) -> Result<()> {
        const OP: &str = "wait for a pipe client";
        let open = &self.end.open;
        open.at_home(OP)?;
        let _turn = open.turn();
        if !open.begin_connect(OP)? {
            return Err(open.connected(OP));
        }
        if open.modes().nowait {
            return Err(open.failure(OP, ErrorKind::PipeListening));
        }
        let mut waiter = Waiter::new(open, OP, deadline);
        waiter.note_blocked();
        let _note = Note::of_call(Doing::Connect, open.identity(), deadline);
        loop {
            open.look()?;
            match open.line().now {
                Now::Listening => {}
                Now::Disconnected => return Err(open.failure(OP, ErrorKind::NotConnected)),
                _ => return Ok(()),
            }
            waiter.check()?;
            match open.listener() {
                Some(listener) => open.wait_readable(listener.as_fd(), deadline)?,
                // Another holder of the end is just changing that.
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Starts to wait for a client.
    ///
    /// # Errors
    /// As [`PipeServer::connect`]; then nothing was started, and the completion is dropped.
    pub fn start_connect(&self, completion: Box<dyn Completion>) -> Result<Started> {
        const OP: &str = "wait for a pipe client";
        let open = &self.end.open;
        open.at_home(OP)?;
        if !open.begin_connect(OP)? {
            return Err(open.connected(OP));
        }
        if open.modes().nowait {
            return Err(open.failure(OP, ErrorKind::PipeListening));
        }
        let listener = open.listener();
        let mut line = open.line();
        match (&line.now, listener) {
            (Now::Listening, Some(listener)) => {
                open.queue_connect(&mut line, listener, completion)?;
                Ok(Started::Pending)
            }
            (Now::Listening | Now::Disconnected, _) => {
                Err(open.failure(OP, ErrorKind::NotConnected))
            }
            _ => {
                drop(line);
                Err(open.connected(OP))
            }
        }
    }

    /// Throws the client out: what was not read of either direction is lost, operations that wait end with
    /// [`ErrorKind::NotConnected`], and the client's further calls fail with that. To serve the next client call
    /// [`PipeServer::connect`]. A server that wants its last words read calls [`PipeEnd::flush`] before.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] if the instance is disconnected already.
    ///
    /// # References
    /// Win32: DisconnectNamedPipe. Rules P9.1 to P9.10.
    pub fn disconnect(&self) -> Result<()> {
        const OP: &str = "disconnect pipe";
        let open = &self.end.open;
        open.at_home(OP)?;
        let _turn = open.turn();
        open.disconnect(OP)
    }
}

impl Open {
    /// Listens if the instance is disconnected; returns whether no client is there.
    fn begin_connect(&self, op: &'static str) -> Result<bool> {
        let Some(instance) = &self.instance else {
            return Err(self.failure(op, ErrorKind::InvalidFunction));
        };
        let mut line = self.line();
        let guard = self.sharing.guard(Part::Line);
        self.catch_up_in(&mut line);
        if matches!(line.now, Now::Disconnected) {
            instance.listen_again()?;
            self.change(&mut line, Now::Listening);
            self.publish_phase(&line);
            return Ok(true);
        }
        drop(guard);
        drop(line);
        self.look()?;
        let listening = matches!(self.line().now, Now::Listening);
        Ok(listening)
    }

    /// How a connect ends that finds a client, or that one was there.
    fn connected(&self, op: &'static str) -> Error {
        let gone = match &self.line().now {
            Now::Open(link) => link.is_gone(),
            Now::Arriving(socket) => tong_sys::bell::hung_up(socket),
            _ => true,
        };
        self.failure(
            op,
            match gone {
                true => ErrorKind::PipeClosing,
                false => ErrorKind::PipeConnected,
            },
        )
    }

    /// The descriptor that tells of a client, to be waited for without holding anything.
    fn listener(&self) -> Option<Arc<OwnedFd>> {
        self.instance.as_ref().and_then(Instance::listener)
    }

    fn disconnect(&self, op: &'static str) -> Result<()> {
        let Some(instance) = &self.instance else {
            return Err(self.failure(op, ErrorKind::InvalidFunction));
        };
        // A client that is here already is thrown out, not kept from coming.
        self.look()?;
        let mut line = self.line();
        let guard = self.sharing.guard(Part::Line);
        self.catch_up_in(&mut line);
        match &line.now {
            Now::Disconnected => return Err(self.failure(op, ErrorKind::NotConnected)),
            Now::Listening => {
                // Whoever came in at this very moment is thrown out like the others.
                if let Some(socket) = instance.stop_listening()?.map(Arc::new) {
                    match Link::receive(&socket, self.by_socket) {
                        Ok(Some(link)) => link.disconnect(),
                        _ => throw_out(&socket),
                    }
                }
            }
            Now::Open(link) => link.disconnect(),
            Now::Arriving(socket) => throw_out(socket),
            Now::Void => {}
        }
        line.peer_pid = None;
        line.peer_uid = None;
        instance.set_disconnected();
        // Before a quick client of the next connection could feed them.
        self.fail_half_ends(ErrorKind::NotConnected);
        self.change(&mut line, Now::Disconnected);
        self.publish_phase(&line);
        drop(guard);
        drop(line);
        if let Some(caller) = self.caller.get() {
            caller.ring();
        }
        self.fail_all(ErrorKind::NotConnected);
        self.ended.deliver();
        Ok(())
    }
}

impl PipeOptions {
    /// Makes an instance of the pipe, and the pipe with it if there is none of that name. Clients can open it at once.
    ///
    /// # Errors
    /// In this order: the options do not fit together ([`ErrorKind::InvalidParameter`]); no usable namespace; something
    /// stands at the name that is not tong's ([`ErrorKind::Foreign`]); another user's pipe, or a private one
    /// ([`ErrorKind::AccessDenied`]); as many instances as the pipe may have exist ([`ErrorKind::PipeBusy`]); the first
    /// instance was asked for and is not, or the direction is another than the pipe's ([`ErrorKind::AccessDenied`]); no
    /// descriptors or memory.
    ///
    /// # References
    /// Win32: CreateNamedPipe. Rules P3 and P4.
    pub fn create(&self, name: &PipeName) -> Result<PipeServer> {
        PipeServer::create(name, self, false)
    }

    /// The same, with an end whose connections are woken through their sockets.
    #[cfg(feature = "tokio")]
    pub(crate) fn create_by_socket(&self, name: &PipeName) -> Result<PipeServer> {
        PipeServer::create(name, self, true)
    }
}
