//! tong's channel as a link: the writer's process connects, the reader's accepts.
//!
//! A channel has one writer each way, so cases with several writers are not for it.

use crate::case::Case;
use crate::link::{unsupported, Link, Ticket};
use std::io;
use std::path::{Path, PathBuf};
use tong::channel::duplex::{self, Listener, Receiver, Sender};
use tong::ErrorKind;

/// One end; the reader's has its halves once the writer has connected.
#[derive(Debug)]
pub(crate) struct Channel {
    listener: Option<Listener>,
    halves: Option<(Sender, Receiver)>,
    case: Case,
}

/// A path in the run's private directory that no other process of the run uses.
fn path(word: &str) -> PathBuf {
    let directory = std::env::var_os("TONG_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    directory.join(format!("bench-{}-{word}", std::process::id()))
}

/// Listens for channels; returns the path too.
pub(crate) fn listen(word: &str) -> io::Result<(Listener, String)> {
    let path = path(word);
    Ok((Listener::bind(&path)?, path.to_string_lossy().into_owned()))
}

/// Accepts one client, receives its message if the case has one, and closes.
pub(crate) fn serve(listener: &Listener, buf: &mut [u8]) -> io::Result<()> {
    let mut channel = listener.accept(None)?;
    if !buf.is_empty() {
        channel.recv(buf)?;
    }
    Ok(())
}

/// Connects, sends `message` if there is one, and closes.
pub(crate) fn visit(path: &Path, message: &[u8], case: &Case) -> io::Result<()> {
    let mut channel = duplex::Channel::connect(path, case.queue_bytes())?;
    if !message.is_empty() {
        channel.send(message)?;
    }
    Ok(())
}

/// The whole life of a name in one thread: listen, connect, send, accept, receive, close all.
pub(crate) fn name_to_message(case: &Case, message: &[u8], buf: &mut [u8]) -> io::Result<()> {
    let (listener, path) = listen("life")?;
    visit(path.as_ref(), message, case)?;
    serve(&listener, buf)
}

impl Link for Channel {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 {
            return Err(unsupported(case.contender, case.task));
        }
        let (listener, path) = listen("link")?;
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![path],
        };
        let channel = Channel {
            listener: Some(listener),
            halves: None,
            case: case.clone(),
        };
        Ok((channel, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let path = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
        let channel = duplex::Channel::connect(path.as_ref(), case.queue_bytes())?;
        Ok(Channel {
            listener: None,
            halves: Some(channel.split()),
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        if let Some(listener) = &self.listener {
            self.halves = Some(listener.accept(None)?.split());
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (sender, _) = self.halves.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if !self.case.spins() {
            return Ok(sender.send(message)?);
        }
        loop {
            match sender.try_send(message) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::QueueFull => self.case.relax(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[inline]
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let (_, receiver) = self.halves.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if !self.case.spins() {
            receiver.recv(buf)?;
            return Ok(());
        }
        loop {
            match receiver.try_recv(buf) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::TimedOut => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
