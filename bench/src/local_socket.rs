//! Local sockets of the crate `interprocess`: what portable Rust programs use where Windows programs use pipes.
//!
//! On Linux they are Unix stream sockets; the figure is what the crate adds to them.

use crate::case::Case;
use crate::link::{unsupported, Link, Ticket};
use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Listener, ListenerOptions, Name, Stream};
use std::io::{self, Read, Write};
use std::path::Path;

/// One end; the reader's has its stream once the writer has connected.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    listener: Option<Listener>,
    stream: Option<Stream>,
    case: Case,
}

fn name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// Listens at `path`.
pub(crate) fn listen(path: &Path) -> io::Result<Listener> {
    ListenerOptions::new().name(name(path)?).create_sync()
}

/// Accepts one client, receives its message if the case has one, and closes.
pub(crate) fn serve(listener: &Listener, buf: &mut [u8]) -> io::Result<()> {
    let mut stream = listener.accept()?;
    if buf.is_empty() {
        Ok(())
    } else {
        stream.read_exact(buf)
    }
}

/// Connects to `path`, sends `message` if there is one, and closes.
pub(crate) fn visit(path: &Path, message: &[u8]) -> io::Result<()> {
    let mut stream = Stream::connect(name(path)?)?;
    if message.is_empty() {
        Ok(())
    } else {
        stream.write_all(message)
    }
}

/// The whole life of a name in one thread: listen, connect, send, accept, receive, close all.
pub(crate) fn name_to_message(path: &Path, message: &[u8], buf: &mut [u8]) -> io::Result<()> {
    let listener = listen(path)?;
    visit(path, message)?;
    serve(&listener, buf)
}

impl Link for LocalSocket {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 {
            return Err(unsupported(case.contender, case.task));
        }
        let path = crate::connect::socket_path("local");
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![path.to_string_lossy().into_owned()],
        };
        let socket = LocalSocket {
            listener: Some(listen(&path)?),
            stream: None,
            case: case.clone(),
        };
        Ok((socket, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let path = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
        let stream = Stream::connect(name(path.as_ref())?)?;
        stream.set_nonblocking(case.spins())?;
        Ok(LocalSocket {
            listener: None,
            stream: Some(stream),
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        if let Some(listener) = self.listener.take() {
            let stream = listener.accept()?;
            stream.set_nonblocking(self.case.spins())?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        send_all(stream, message, &self.case)
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        recv_all(stream, buf)
    }
}

/// Writes all of a message, trying again while a stream that does not block is full.
#[inline]
pub(crate) fn send_all(stream: &mut impl Write, message: &[u8], case: &Case) -> io::Result<()> {
    let mut rest = message;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => case.relax(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `buf` is full, trying again while a stream that does not block is empty.
#[inline]
pub(crate) fn recv_all(stream: &mut impl Read, buf: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buf.len() {
        match stream.read(&mut buf[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
