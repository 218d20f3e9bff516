//! Unix sockets: SEQPACKET and stream pairs as links, and a stream listener for the cost of connecting.

use crate::case::Case;
use crate::link::{unsupported, Link, Ticket};
use crate::local_socket::{recv_all, send_all};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// The longest packet; longer messages go in pieces, because a packet must fit the socket's buffer.
const LARGEST_PACKET: usize = 64 * 1024;

/// One end of a SEQPACKET pair. Several writers hold the same end.
#[derive(Debug)]
pub(crate) struct Seqpacket {
    socket: OwnedFd,
    case: Case,
}

impl Link for Seqpacket {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        if case.message_len > 4096 {
            // What the machine allows to an ordinary user may be less; the kernel then takes that.
            rustix::net::sockopt::set_socket_send_buffer_size(&theirs, 1024 * 1024)?;
        }
        let mut tickets = Vec::new();
        for _ in 0..case.writers {
            tickets.push(Ticket {
                fds: vec![theirs.try_clone()?],
                names: Vec::new(),
            });
        }
        Ok((
            Seqpacket {
                socket: ours,
                case: case.clone(),
            },
            tickets,
        ))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let socket = ticket
            .fds
            .into_iter()
            .next()
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Seqpacket {
            socket,
            case: case.clone(),
        })
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let flags = if self.case.spins() {
            SendFlags::DONTWAIT
        } else {
            SendFlags::empty()
        };
        for packet in message.chunks(LARGEST_PACKET) {
            loop {
                match rustix::net::send(&self.socket, packet, flags) {
                    Ok(_) => break,
                    Err(Errno::AGAIN) => self.case.relax(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let flags = if self.case.spins() {
            RecvFlags::DONTWAIT
        } else {
            RecvFlags::empty()
        };
        for packet in buf.chunks_mut(LARGEST_PACKET) {
            loop {
                match rustix::net::recv(&self.socket, &mut *packet, flags) {
                    Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => break,
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// One end of a stream pair, which keeps no borders; all messages of a case have one length.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: UnixStream,
    case: Case,
}

impl Stream {
    fn new(socket: UnixStream, case: &Case) -> io::Result<Stream> {
        socket.set_nonblocking(case.spins())?;
        if case.message_len > 4096 {
            rustix::net::sockopt::set_socket_send_buffer_size(&socket, 1024 * 1024)?;
        }
        Ok(Stream {
            socket,
            case: case.clone(),
        })
    }
}

impl Link for Stream {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 {
            return Err(unsupported(case.contender, case.task));
        }
        let (ours, theirs) = UnixStream::pair()?;
        let ticket = Ticket {
            fds: vec![theirs.into()],
            names: Vec::new(),
        };
        Ok((Stream::new(ours, case)?, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let socket = ticket.fds.into_iter().next();
        Stream::new(socket.ok_or(io::ErrorKind::InvalidInput)?.into(), case)
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        send_all(&mut self.socket, message, &self.case)
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        recv_all(&mut self.socket, buf)
    }
}

/// One end of a SEQPACKET pair that is read when epoll says so: what servers with many connections do.
#[derive(Debug)]
pub(crate) struct EpollPair {
    pair: Seqpacket,
    epoll: OwnedFd,
}

impl EpollPair {
    fn new(pair: Seqpacket) -> io::Result<EpollPair> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(0);
        epoll::add(&epoll, &pair.socket, data, epoll::EventFlags::IN)?;
        Ok(EpollPair { pair, epoll })
    }
}

impl Link for EpollPair {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let (pair, tickets) = Seqpacket::create(case)?;
        Ok((EpollPair::new(pair)?, tickets))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        EpollPair::new(Seqpacket::join(case, ticket)?)
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.pair.send(message)
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        loop {
            match rustix::net::recv(&self.pair.socket, &mut *buf, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            let mut events = [MaybeUninit::<epoll::Event>::uninit(); 1];
            epoll::wait(&self.epoll, &mut events, None)?;
        }
    }
}

/// The listening side of the connecting tasks.
#[derive(Debug)]
pub(crate) struct Door {
    listener: UnixListener,
}

impl Door {
    /// Makes the socket file `path` and listens there.
    pub(crate) fn open(path: &Path) -> io::Result<Door> {
        Ok(Door {
            listener: UnixListener::bind(path)?,
        })
    }

    /// Accepts one client, receives its message if the case has one, and closes.
    pub(crate) fn serve(&self, buf: &mut [u8]) -> io::Result<()> {
        let (mut stream, _) = self.listener.accept()?;
        if buf.is_empty() {
            Ok(())
        } else {
            stream.read_exact(buf)
        }
    }
}

/// Connects to `path`, sends `message` if there is one, and closes.
pub(crate) fn visit(path: &Path, message: &[u8]) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    if message.is_empty() {
        Ok(())
    } else {
        stream.write_all(message)
    }
}

/// The whole life of a name in one thread: bind, connect, send, accept, receive, close, unlink.
pub(crate) fn name_to_message(path: &Path, message: &[u8], buf: &mut [u8]) -> io::Result<()> {
    let door = Door::open(path)?;
    visit(path, message)?;
    door.serve(buf)?;
    std::fs::remove_file(path)
}
