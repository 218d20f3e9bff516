//! Channels of the crate `ipc-channel`: what Servo's processes talk by.
//!
//! Its byte channels, one each way, because they leave out the serializing that its typed ones add. Received messages
//! come in buffers of their own, which belongs to the figure.

use crate::case::Case;
use crate::link::{unsupported, Link, Ticket};
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};
use ipc_channel::TryRecvError;
use std::io;

/// The two ends that a writer makes for its reader.
type Halves = (IpcBytesSender, IpcBytesReceiver);

/// One end; the reader's has its halves once the writer has connected.
pub(crate) struct ServoChannel {
    server: Option<IpcOneShotServer<Halves>>,
    halves: Option<Halves>,
    case: Case,
}

fn failed(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("{error:?}"))
}

/// The whole life of a name in one thread: make a server, connect, send, accept, close all.
pub(crate) fn name_to_message(message: &[u8]) -> io::Result<()> {
    let (server, name) = IpcOneShotServer::<Vec<u8>>::new()?;
    let sender = IpcSender::connect(name)?;
    sender.send(message.to_vec()).map_err(failed)?;
    let (_, received) = server.accept().map_err(failed)?;
    std::hint::black_box(received);
    Ok(())
}

impl Link for ServoChannel {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 {
            return Err(unsupported(case.contender, case.task));
        }
        let (server, name) = IpcOneShotServer::new()?;
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![name],
        };
        let channel = ServoChannel {
            server: Some(server),
            halves: None,
            case: case.clone(),
        };
        Ok((channel, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let name = ticket.names.into_iter().next();
        let name = name.ok_or(io::ErrorKind::InvalidInput)?;
        let (there, their_receiver) = ipc::bytes_channel()?;
        let (their_sender, back) = ipc::bytes_channel()?;
        let introduction = IpcSender::<Halves>::connect(name)?;
        introduction
            .send((their_sender, their_receiver))
            .map_err(failed)?;
        Ok(ServoChannel {
            server: None,
            halves: Some((there, back)),
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        if let Some(server) = self.server.take() {
            self.halves = Some(server.accept().map_err(failed)?.1);
        }
        Ok(())
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (sender, _) = self.halves.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        sender.send(message)
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let (_, receiver) = self.halves.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let message = loop {
            if !self.case.spins() {
                break receiver.recv().map_err(failed)?;
            }
            match receiver.try_recv() {
                Ok(message) => break message,
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
                Err(error) => return Err(failed(error)),
            }
        };
        std::hint::black_box(&message);
        if message.len() == buf.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}
