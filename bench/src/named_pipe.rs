//! tong's named pipes as a link, in message and in byte mode, and as a place to connect to.

use crate::case::{Case, Contender};
use crate::link::{unsupported, Link, Ticket};
use std::cell::Cell;
use std::io;
use std::time::Duration;
use tong::pipe::{self, PipeClient, PipeEnd, PipeServer, PipeType, ReadMode, WaitTime};
use tong::{ErrorKind, PipeName};

/// Instances of a place to connect to: as many clients can come before the server has looked.
const INSTANCES: usize = 32;

/// One end.
#[derive(Debug)]
pub(crate) struct NamedPipe {
    /// The server's end, until its client is there.
    server: Option<PipeServer>,
    end: PipeEnd,
    case: Case,
}

/// The full name of a pipe that no other process of the run uses.
pub(crate) fn unique_name(word: &str) -> String {
    format!(r"\\.\pipe\bench-{}-{word}", std::process::id())
}

/// What the case's pipe carries, and how it is read.
fn mode(case: &Case) -> (PipeType, ReadMode) {
    match case.contender {
        Contender::PipeBytes => (PipeType::Byte, ReadMode::Byte),
        _ => (PipeType::Message, ReadMode::Message),
    }
}

/// Makes an instance of the pipe `name`.
pub(crate) fn create(name: &str, case: &Case) -> io::Result<PipeServer> {
    let (pipe_type, read_mode) = mode(case);
    let quota = u32::try_from(case.queue_bytes()).unwrap_or(u32::MAX);
    let mut options = PipeServer::options();
    options
        .pipe_type(pipe_type)
        .read_mode(read_mode)
        .in_quota(quota)
        .out_quota(quota);
    Ok(options.create(&PipeName::parse(name)?)?)
}

/// Opens the pipe `name`, waiting for an instance if all are taken.
pub(crate) fn open(name: &str, case: &Case) -> io::Result<PipeClient> {
    let name = PipeName::parse(name)?;
    let mut options = PipeClient::options();
    options.read_mode(mode(case).1);
    loop {
        match options.open(&name) {
            Err(error) if error.kind() == ErrorKind::PipeBusy => {
                pipe::wait(&name, WaitTime::Forever)?;
            }
            opened => return Ok(opened?),
        }
    }
}

/// Waits for the client of an instance, which may have come, or come and gone, before.
fn connect(server: &PipeServer) -> io::Result<()> {
    match server.connect() {
        Err(error) if !is_there(error.kind()) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PipeConnected | ErrorKind::PipeClosing)
}

/// What clients connect to: some instances, served in the order in which they listen.
#[derive(Debug)]
pub(crate) struct Place {
    servers: Vec<PipeServer>,
    turn: Cell<usize>,
}

impl Place {
    pub(crate) fn open(name: &str, case: &Case) -> io::Result<Place> {
        let servers: io::Result<_> = (0..INSTANCES).map(|_| create(name, case)).collect();
        Ok(Place {
            servers: servers?,
            turn: Cell::new(0),
        })
    }

    /// Takes one client in, receives its message if the case has one, or else the news that it has left, and lets the
    /// next one come. A client that is thrown out before it has said who it is tries again, and would count twice.
    pub(crate) fn serve(&self, buf: &mut [u8]) -> io::Result<()> {
        let turn = self.turn.get();
        let server = &self.servers[turn];
        connect(server)?;
        match server.receive(buf) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
        server.disconnect()?;
        // Listens again, and does not wait.
        match server.connect_timeout(Duration::ZERO) {
            Err(error) if error.kind() != ErrorKind::TimedOut && !is_there(error.kind()) => {
                return Err(error.into())
            }
            _ => {}
        }
        self.turn.set((turn + 1) % INSTANCES);
        Ok(())
    }
}

/// Connects, sends `message` if there is one, and closes.
pub(crate) fn visit(name: &str, message: &[u8], case: &Case) -> io::Result<()> {
    let client = open(name, case)?;
    if !message.is_empty() {
        client.send(message)?;
    }
    Ok(())
}

/// The whole life of a name in one thread: create, open, send, receive, close both.
pub(crate) fn name_to_message(case: &Case, message: &[u8], buf: &mut [u8]) -> io::Result<()> {
    let name = unique_name("life");
    let server = create(&name, case)?;
    let client = open(&name, case)?;
    client.send(message)?;
    server.receive(buf)?;
    Ok(())
}

impl Link for NamedPipe {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 {
            return Err(unsupported(case.contender, case.task));
        }
        let name = unique_name("link");
        let server = create(&name, case)?;
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![name],
        };
        let pipe = NamedPipe {
            end: server.end().clone(),
            server: Some(server),
            case: case.clone(),
        };
        Ok((pipe, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let name = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
        let client = open(name, case)?;
        Ok(NamedPipe {
            server: None,
            end: client.end().clone(),
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        match self.server.take() {
            Some(server) => connect(&server),
            None => Ok(()),
        }
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if !self.case.spins() {
            self.end.send(message)?;
            return Ok(());
        }
        // It is written whole or not at all.
        while self.end.try_send(message)? == 0 {
            self.case.relax();
        }
        Ok(())
    }

    #[inline]
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            let rest = &mut buf[filled..];
            let received = match self.case.spins() {
                true => self.end.try_receive(rest),
                false => self.end.receive(rest),
            };
            match received {
                Ok(received) => filled += received.bytes,
                Err(error) if error.kind() == ErrorKind::PipeEmpty => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
