//! What every contender supplies: a two-way connection between a reader process and its writers.
//!
//! The reader creates the link and gets a [`Ticket`] per writer. A ticket goes to the writer's process as inherited
//! descriptors and names on its command line, and is turned into the other end there. Tasks are written once over
//! this trait and compiled for each contender, so no virtual call blurs a figure.

use crate::case::{Case, Contender, Task};
use std::io;
use std::os::fd::OwnedFd;

/// What a peer needs to join a link.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    pub(crate) fds: Vec<OwnedFd>,
    pub(crate) names: Vec<String>,
}

/// One end of a two-way connection for whole messages of one length.
pub(crate) trait Link: Sized {
    /// Makes the link, and a ticket for each writer of the case.
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)>;

    /// Turns a ticket into the writer's end, in the writer's process.
    fn join(case: &Case, ticket: Ticket) -> io::Result<Self>;

    /// Completes the reader's end, once every writer has joined.
    fn complete(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Sends one message, waiting while the queue is full.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives one message of the case's length into `buf`, waiting the case's way.
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()>;
}

/// Something to do with the link of whatever contender a case names.
pub(crate) trait WithLink {
    type Out;
    fn run<L: Link>(self, case: &Case) -> io::Result<Self::Out>;
}

/// Runs `action` with the link type of the case's contender.
pub(crate) fn dispatch<A: WithLink>(case: &Case, action: A) -> io::Result<A::Out> {
    match case.contender {
        Contender::CacheLine => action.run::<crate::cacheline::CacheLine>(case),
        Contender::BareRing => action.run::<crate::ring::BareRing>(case),
        Contender::Eventfd => action.run::<crate::eventfd::Eventfd>(case),
        Contender::Seqpacket => action.run::<crate::sockets::Seqpacket>(case),
        Contender::UnixStream => action.run::<crate::sockets::Stream>(case),
        Contender::Interprocess => action.run::<crate::local_socket::LocalSocket>(case),
        Contender::IpcChannel => action.run::<crate::servo_channel::ServoChannel>(case),
        Contender::EpollPair => action.run::<crate::sockets::EpollPair>(case),
        Contender::PipeMessages | Contender::PipeBytes => {
            action.run::<crate::named_pipe::NamedPipe>(case)
        }
        Contender::PipeHandle | Contender::PipeOverlapped | Contender::PipePort => {
            action.run::<crate::pipe_handles::PipeHandles>(case)
        }
        Contender::Anonymous => action.run::<crate::anonymous::Anonymous>(case),
        Contender::Pipe => action.run::<crate::pipe::Pipe>(case),
        Contender::Mq => action.run::<crate::mq::Mq>(case),
        Contender::Mailslot | Contender::MailslotDefaultQuota => {
            action.run::<crate::mailslot::Mailslot>(case)
        }
        Contender::Channel => action.run::<crate::channel::Channel>(case),
        Contender::NamedEvent => action.run::<crate::sync::EventPair>(case),
        _ => Err(unsupported(case.contender, case.task)),
    }
}

/// The error for a pair that no group should contain.
pub(crate) fn unsupported(contender: Contender, task: Task) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{} does not do {task:?}", contender.label()),
    )
}
