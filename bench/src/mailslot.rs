//! tong's mailslots as a link: one each way, because a mailslot has one direction.
//!
//! A mailslot's writer never waits: a full queue is an error. The benchmark's writer tries again until the reader has
//! caught up, and unless the case says "default quota" the quota keeps the queue inside the processor's cache, as the
//! fixed size of a ring or a pipe does for the others.

use crate::case::{Case, Contender, Task};
use crate::link::{Link, Ticket};
use std::io;
use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

/// One end: the mailslot it reads, and the client of the mailslot that its peer reads.
#[derive(Debug)]
pub(crate) struct Mailslot {
    server: Option<MailslotServer>,
    client: Option<MailslotClient>,
    /// The peer's mailslot, until it exists and is opened.
    peer_name: Option<String>,
    case: Case,
}

/// The full name of a mailslot that no other process of the run uses.
pub(crate) fn unique_name(word: &str) -> String {
    format!(r"\\.\mailslot\bench-{}-{word}", std::process::id())
}

/// Makes the mailslot `name` with the quota that the case asks for.
pub(crate) fn create(name: &str, case: &Case) -> io::Result<MailslotServer> {
    let mut options = MailslotServer::options();
    if case.contender != Contender::MailslotDefaultQuota {
        options.quota_bytes(case.queue_bytes());
    }
    Ok(options.create(&MailslotName::parse(name)?)?)
}

/// Opens the mailslot `name` for writing.
pub(crate) fn open(name: &str) -> io::Result<MailslotClient> {
    Ok(MailslotClient::open(&MailslotName::parse(name)?)?)
}

/// Sends one message, trying again while the queue is full.
#[inline]
pub(crate) fn send(client: &MailslotClient, message: &[u8], case: &Case) -> io::Result<()> {
    loop {
        match client.send(message) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::QueueFull => case.relax(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives one message the case's way.
#[inline]
pub(crate) fn recv(server: &MailslotServer, buf: &mut [u8], case: &Case) -> io::Result<()> {
    if !case.spins() {
        server.recv(buf)?;
        return Ok(());
    }
    loop {
        match server.try_recv(buf) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The whole life of a name in one thread: create, open, send, receive, close both.
pub(crate) fn name_to_message(case: &Case, message: &[u8], buf: &mut [u8]) -> io::Result<()> {
    let name = unique_name("life");
    let server = create(&name, case)?;
    let client = open(&name)?;
    client.send(message)?;
    server.recv(buf)?;
    Ok(())
}

/// Only round trips need the way back.
fn answers(case: &Case) -> bool {
    matches!(case.task, Task::RoundTrip | Task::PausedRoundTrip)
}

impl Link for Mailslot {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let (there, back) = (unique_name("there"), unique_name("back"));
        let server = Some(create(&back, case)?);
        let ticket = || Ticket {
            fds: Vec::new(),
            names: vec![back.clone(), there.clone()],
        };
        let tickets = (0..case.writers).map(|_| ticket()).collect();
        let peer_name = answers(case).then_some(there);
        Ok((
            Mailslot {
                server,
                client: None,
                peer_name,
                case: case.clone(),
            },
            tickets,
        ))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let [out, inward] = ticket.names.as_slice() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let server = if answers(case) {
            Some(create(inward, case)?)
        } else {
            None
        };
        Ok(Mailslot {
            server,
            client: Some(open(out)?),
            peer_name: None,
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        if let Some(name) = self.peer_name.take() {
            self.client = Some(open(&name)?);
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let client = self.client.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        send(client, message, &self.case)
    }

    #[inline]
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let server = self.server.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        recv(server, buf, &self.case)
    }
}
