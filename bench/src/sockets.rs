//! Unix sockets: a SEQPACKET pair as a link, and a stream listener for the cost of connecting.

use crate::case::Case;
use crate::link::{Link, Ticket};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io::{self, Read, Write};
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
