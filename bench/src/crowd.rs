//! What it costs that many are connected and one is active.
//!
//! One peer holds all the idle connections, another one is the active writer. Every writer says hello once, so that
//! the reader has accepted all of them before the clock starts. The neighbour is what one would write without tong: a
//! SEQPACKET listener, its connections in an epoll set.

use crate::case::{Case, Contender, Task};
use crate::link::{unsupported, Ticket};
use crate::mailslot;
use crate::measure::{phases, to_f64, warm_up};
use crate::process::{self, Peers, Role};
use rustix::event::{epoll, EventfdFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use rustix::time::ClockId;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tong::{ErrorKind, MailslotClient, MailslotServer};

/// The reader's side of a crowd.
trait Crowd: Sized {
    type Writer;
    fn listen(name: &str, case: &Case) -> io::Result<Self>;
    fn recv(&mut self, buf: &mut [u8], case: &Case) -> io::Result<()>;
    /// Blocks for `time` although nothing will come.
    fn idle(&mut self, buf: &mut [u8], time: Duration) -> io::Result<()>;
    fn connect(name: &str) -> io::Result<Self::Writer>;
    fn send(writer: &Self::Writer, message: &[u8], case: &Case) -> io::Result<()>;
}

/// Seconds per message, or processor seconds per second for an idle crowd.
pub(crate) fn sample(case: &Case, writer_processors: &[usize]) -> io::Result<f64> {
    match case.contender {
        Contender::Mailslot => sample_crowd::<MailslotServer>(case, writer_processors),
        Contender::Seqpacket => sample_crowd::<EpollSockets>(case, writer_processors),
        other => Err(unsupported(other, case.task)),
    }
}

/// The active writer, or the idle ones.
pub(crate) fn peer(case: &Case, role: Role, ticket: Ticket) -> io::Result<()> {
    match case.contender {
        Contender::Mailslot => crowd_peer::<MailslotServer>(case, role, ticket),
        Contender::Seqpacket => crowd_peer::<EpollSockets>(case, role, ticket),
        other => Err(unsupported(other, case.task)),
    }
}

fn sample_crowd<C: Crowd>(case: &Case, writer_processors: &[usize]) -> io::Result<f64> {
    let name = mailslot::unique_name("crowd");
    let mut crowd = C::listen(&name, case)?;
    let turn = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
    let mut tickets = vec![(
        Role::Writer,
        Ticket {
            fds: vec![turn.try_clone()?],
            names: vec![name.clone()],
        },
    )];
    if case.writers > 1 {
        tickets.push((
            Role::Bystanders,
            Ticket {
                fds: Vec::new(),
                names: vec![name],
            },
        ));
    }
    let mut peers = Peers::spawn(case, writer_processors, tickets)?;
    let mut buf = vec![6; case.message_len];
    for _ in 0..case.writers {
        crowd.recv(&mut buf, case)?;
    }
    peers.ready()?;
    if case.task == Task::CrowdIdle {
        return idle_load(&mut crowd, &mut buf, case);
    }
    phases(case, |count| {
        peers.go(count)?;
        messages(&mut crowd, &turn, &mut buf, count, case)
    })
}

fn messages<C: Crowd>(
    crowd: &mut C,
    turn: &OwnedFd,
    buf: &mut [u8],
    count: u64,
    case: &Case,
) -> io::Result<f64> {
    let warm = warm_up(count);
    let mut start = Instant::now();
    for done in 0..count {
        if done == warm {
            start = Instant::now();
        }
        crowd.recv(buf, case)?;
        if case.task == Task::CrowdTurns {
            rustix::io::write(turn, &1u64.to_ne_bytes())?;
        }
    }
    Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
}

/// The processor time that this process takes per second while it waits for a silent crowd.
fn idle_load<C: Crowd>(crowd: &mut C, buf: &mut [u8], case: &Case) -> io::Result<f64> {
    // Falling asleep costs something once; over a quarter of a second it hardly counts.
    let time = Duration::from_millis(u64::from(case.sample_ms.max(250)));
    let (start, spent) = (Instant::now(), processor_time());
    crowd.idle(buf, time)?;
    let spent = processor_time().saturating_sub(spent);
    Ok(spent.as_secs_f64() / start.elapsed().as_secs_f64())
}

fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
}

fn crowd_peer<C: Crowd>(case: &Case, role: Role, ticket: Ticket) -> io::Result<()> {
    let name = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
    let message = vec![7; case.message_len];
    let count = if role == Role::Writer {
        1
    } else {
        case.writers - 1
    };
    let mut writers = Vec::new();
    for _ in 0..count {
        let writer = C::connect(name)?;
        C::send(&writer, &message, case)?;
        writers.push(writer);
    }
    process::serve(|count| {
        let Some(turn) = ticket.fds.first() else {
            return Ok(());
        };
        for _ in 0..count {
            C::send(&writers[0], &message, case)?;
            if case.task == Task::CrowdTurns {
                rustix::io::read(turn, &mut [0; 8])?;
            }
        }
        Ok(())
    })
}

impl Crowd for MailslotServer {
    type Writer = MailslotClient;

    fn listen(name: &str, case: &Case) -> io::Result<Self> {
        mailslot::create(name, case)
    }

    fn recv(&mut self, buf: &mut [u8], case: &Case) -> io::Result<()> {
        mailslot::recv(self, buf, case)
    }

    fn idle(&mut self, buf: &mut [u8], time: Duration) -> io::Result<()> {
        match self.recv_timeout(buf, time) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn connect(name: &str) -> io::Result<MailslotClient> {
        mailslot::open(name)
    }

    fn send(writer: &MailslotClient, message: &[u8], case: &Case) -> io::Result<()> {
        mailslot::send(writer, message, case)
    }
}

/// A listener and its connections, all in one epoll set; the number of an event is the connection's index.
#[derive(Debug)]
struct EpollSockets {
    epoll: OwnedFd,
    listener: OwnedFd,
    connections: Vec<OwnedFd>,
    /// Stays with the connection that had something, as the mailslot's reader may do too.
    current: Option<usize>,
}

const LISTENER: u64 = u64::MAX;

impl EpollSockets {
    /// The index of a connection that has something, or `None` if `timeout` passed.
    fn ready(&mut self, timeout: Option<&Timespec>) -> io::Result<Option<usize>> {
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); 1];
        let (found, _) = epoll::wait(&self.epoll, &mut events, timeout)?;
        match found.first().map(|event| event.data.u64()) {
            None => Ok(None),
            Some(LISTENER) => {
                self.accept()?;
                self.ready(timeout)
            }
            Some(index) => Ok(usize::try_from(index).ok()),
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let connection = rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC)?;
        let index = u64::try_from(self.connections.len()).map_err(io::Error::other)?;
        epoll::add(
            &self.epoll,
            &connection,
            epoll::EventData::new_u64(index),
            epoll::EventFlags::IN,
        )?;
        self.connections.push(connection);
        Ok(())
    }
}

impl Crowd for EpollSockets {
    type Writer = OwnedFd;

    fn listen(name: &str, _case: &Case) -> io::Result<Self> {
        let listener = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::bind(
            &listener,
            &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        )?;
        rustix::net::listen(&listener, 4096)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            epoll::EventData::new_u64(LISTENER),
            epoll::EventFlags::IN,
        )?;
        Ok(EpollSockets {
            epoll,
            listener,
            connections: Vec::new(),
            current: None,
        })
    }

    fn recv(&mut self, buf: &mut [u8], case: &Case) -> io::Result<()> {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let timeout = case.spins().then_some(&now);
        loop {
            if let Some(current) = self.current {
                match rustix::net::recv(&self.connections[current], &mut *buf, RecvFlags::DONTWAIT)
                {
                    Ok(_) => return Ok(()),
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.current = self.ready(timeout)?;
        }
    }

    fn idle(&mut self, _buf: &mut [u8], time: Duration) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: time.subsec_nanos().into(),
        };
        self.ready(Some(&timeout))?;
        Ok(())
    }

    fn connect(name: &str) -> io::Result<OwnedFd> {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::connect(
            &socket,
            &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        )?;
        Ok(socket)
    }

    fn send(writer: &OwnedFd, message: &[u8], _case: &Case) -> io::Result<()> {
        rustix::net::send(writer, message, SendFlags::empty())?;
        Ok(())
    }
}
