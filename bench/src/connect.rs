//! What it costs to meet: connect, perhaps one message, close, over and over.
//!
//! Client and server are two processes on one processor. The client does not wait for the server, so a figure is the
//! work of both sides and no time lost in between; that is also why the clock runs on the server's side, which ends
//! last.

use crate::case::{Case, Contender, Task};
use crate::link::{unsupported, Ticket};
use crate::measure::{phases, to_f64, warm_up};
use crate::process::{self, Peers, Role};
use crate::{channel, local_socket, mailslot, named_pipe, servo_channel, sockets};
use interprocess::local_socket::Listener as LocalListener;
use std::io;
use std::path::PathBuf;
use std::time::Instant;
use tong::channel::duplex::Listener;
use tong::MailslotServer;

/// What clients come to.
#[derive(Debug)]
enum Place {
    Socket(sockets::Door),
    Local(LocalListener),
    Pipe(named_pipe::Place),
    Channel(Listener),
    Mailslot(MailslotServer),
}

impl Place {
    /// Makes the place, and the name by which clients find it.
    fn create(case: &Case) -> io::Result<(Place, String)> {
        match case.contender {
            Contender::UnixStream => {
                let path = socket_path("door");
                Ok((
                    Place::Socket(sockets::Door::open(&path)?),
                    path.to_string_lossy().into_owned(),
                ))
            }
            Contender::Interprocess => {
                let path = socket_path("local");
                Ok((
                    Place::Local(local_socket::listen(&path)?),
                    path.to_string_lossy().into_owned(),
                ))
            }
            Contender::PipeMessages => {
                let name = named_pipe::unique_name("door");
                Ok((Place::Pipe(named_pipe::Place::open(&name, case)?), name))
            }
            Contender::Channel => {
                let (listener, path) = channel::listen("door")?;
                Ok((Place::Channel(listener), path))
            }
            Contender::Mailslot if case.task == Task::FirstMessage => {
                let name = mailslot::unique_name("door");
                Ok((Place::Mailslot(mailslot::create(&name, case)?), name))
            }
            other => Err(unsupported(other, case.task)),
        }
    }

    /// Takes care of one client.
    fn serve(&self, buf: &mut [u8]) -> io::Result<()> {
        match self {
            Place::Socket(door) => door.serve(buf),
            Place::Local(listener) => local_socket::serve(listener, buf),
            Place::Pipe(place) => place.serve(buf),
            Place::Channel(listener) => channel::serve(listener, buf),
            Place::Mailslot(server) => {
                server.recv(buf)?;
                Ok(())
            }
        }
    }
}

/// A file in the run's private directory.
pub(crate) fn socket_path(word: &str) -> PathBuf {
    let directory = std::env::var_os("TONG_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    directory.join(format!("bench-{}-{word}.sock", std::process::id()))
}

/// No message when only the connection is measured.
fn buffer(case: &Case) -> Vec<u8> {
    vec![
        5;
        if case.task == Task::Connect {
            0
        } else {
            case.message_len
        }
    ]
}

/// The server: seconds per client.
pub(crate) fn sample(case: &Case, client_processors: &[usize]) -> io::Result<f64> {
    let (place, name) = Place::create(case)?;
    let ticket = Ticket {
        fds: Vec::new(),
        names: vec![name],
    };
    let mut peers = Peers::spawn(case, client_processors, vec![(Role::Writer, ticket)])?;
    peers.ready()?;
    let mut buf = buffer(case);
    phases(case, |count| {
        peers.go(count)?;
        let warm = warm_up(count);
        let mut start = Instant::now();
        for done in 0..count {
            if done == warm {
                start = Instant::now();
            }
            place.serve(&mut buf)?;
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
    })
}

/// The client.
pub(crate) fn peer(case: &Case, ticket: Ticket) -> io::Result<()> {
    let name = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
    let message = buffer(case);
    process::serve(|count| {
        for _ in 0..count {
            match case.contender {
                Contender::UnixStream => sockets::visit(name.as_ref(), &message)?,
                Contender::Channel => channel::visit(name.as_ref(), &message, case)?,
                Contender::Interprocess => local_socket::visit(name.as_ref(), &message)?,
                Contender::PipeMessages => named_pipe::visit(name, &message, case)?,
                _ => mailslot::send(&mailslot::open(name)?, &message, case)?,
            }
        }
        Ok(())
    })
}

/// The whole life of a name in one thread: seconds per life.
pub(crate) fn sample_names(case: &Case) -> io::Result<f64> {
    let message = buffer(case);
    let mut buf = buffer(case);
    let path = socket_path("life");
    phases(case, |count| {
        let start = Instant::now();
        for _ in 0..count {
            match case.contender {
                Contender::UnixStream => sockets::name_to_message(&path, &message, &mut buf)?,
                Contender::Interprocess => {
                    local_socket::name_to_message(&path, &message, &mut buf)?
                }
                Contender::IpcChannel => servo_channel::name_to_message(&message)?,
                Contender::PipeMessages => named_pipe::name_to_message(case, &message, &mut buf)?,
                Contender::Channel => channel::name_to_message(case, &message, &mut buf)?,
                Contender::Mailslot => mailslot::name_to_message(case, &message, &mut buf)?,
                other => return Err(unsupported(other, case.task)),
            }
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(count))
    })
}
