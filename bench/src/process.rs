//! The processes of a sample: where they run, what they inherit, how they start together and end together.
//!
//! ```text
//!   run (this command)          sleeps while a sample runs; kills one that hangs
//!    `- measure (per sample)    the reader, on the first processor; prints one line of JSON
//!        `- peer (per writer)   a writer, on the second, or on the same
//! ```
//!
//! A peer says `ready` on its standard output, then reads counts from its standard input, a line each, and does its
//! part of the task that many times. The end of its input ends it. Whoever dies takes its children along.

#![allow(
    unsafe_code,
    reason = "a peer takes over the descriptors named on its command line"
)]

use crate::case::Case;
use crate::link::Ticket;
use rustix::io::FdFlags;
use rustix::process::{Resource, Signal};
use rustix::thread::CpuSet;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// The task's writer.
    Writer,
    /// Connects once less than the case has writers, and then keeps still.
    Bystanders,
    /// Serves clients until it is told to end.
    Server,
}

/// A peer's whole command line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) case: Case,
    pub(crate) role: Role,
    pub(crate) processors: Vec<usize>,
    fds: Vec<RawFd>,
    names: Vec<String>,
}

impl Orders {
    /// Takes what the parent handed over. Once only: the descriptors are owned from here on.
    pub(crate) fn take_ticket(&mut self) -> io::Result<Ticket> {
        let names = std::mem::take(&mut self.names);
        let mut fds = Vec::new();
        for fd in self.fds.drain(..) {
            // SAFETY: the parent left exactly these descriptors open for this process, nothing else here knows them,
            // and draining the list makes sure that none is taken twice.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
            fds.push(fd);
        }
        Ok(Ticket { fds, names })
    }
}

/// The processors this process may use, lowest first.
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&cpu| allowed.is_set(cpu))
        .collect())
}

/// Binds this process to these processors, to its parent's life, and lifts its limit of descriptors.
pub(crate) fn settle(processors: &[usize]) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut set = CpuSet::new();
    for &processor in processors {
        set.set(processor);
    }
    rustix::thread::sched_setaffinity(None, &set)?;
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)
}

/// The peers of a measuring process. Dropping it ends them and waits for each.
#[derive(Debug)]
pub(crate) struct Peers {
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    child: Child,
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Peers {
    /// Starts a peer per ticket on `processors`. They may not have joined yet; see [`ready`](Peers::ready).
    pub(crate) fn spawn(
        case: &Case,
        processors: &[usize],
        tickets: Vec<(Role, Ticket)>,
    ) -> io::Result<Peers> {
        let mut peers = Peers { peers: Vec::new() };
        for (role, ticket) in tickets {
            peers
                .peers
                .push(Peer::spawn(case, processors, role, ticket)?);
        }
        Ok(peers)
    }

    /// Waits until each peer has joined.
    pub(crate) fn ready(&mut self) -> io::Result<()> {
        for peer in &mut self.peers {
            let mut line = String::new();
            peer.replies.read_line(&mut line)?;
            if line.trim_end() != "ready" {
                return Err(io::Error::other("a peer ended before it was ready"));
            }
        }
        Ok(())
    }

    /// The ids of the processes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.peers.iter().map(|peer| peer.child.id())
    }

    /// Lets each peer do its part `count` times.
    pub(crate) fn go(&mut self, count: u64) -> io::Result<()> {
        for orders in self
            .peers
            .iter_mut()
            .filter_map(|peer| peer.orders.as_mut())
        {
            writeln!(orders, "{count}")?;
        }
        Ok(())
    }
}

impl Peer {
    fn spawn(case: &Case, processors: &[usize], role: Role, ticket: Ticket) -> io::Result<Peer> {
        let fds = ticket.fds.iter().map(AsRawFd::as_raw_fd).collect();
        let orders = Orders {
            case: case.clone(),
            role,
            processors: processors.to_vec(),
            fds,
            names: ticket.names,
        };
        for fd in &ticket.fds {
            // Inheritable until the ticket is dropped at the end of this function, so for this child only.
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        let mut child = Command::new(std::env::current_exe()?)
            .args(["peer", &serde_json::to_string(&orders)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (orders, replies) = (child.stdin.take(), child.stdout.take());
        let replies = BufReader::new(replies.ok_or(io::ErrorKind::BrokenPipe)?);
        Ok(Peer {
            child,
            orders,
            replies,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.orders = None;
        // The figure is taken already; how the peer ends does not matter, only that it is gone.
        let _ = self.child.wait();
    }
}

/// A peer's main loop: reports readiness, then runs `part` with each count that the measuring process sends.
pub(crate) fn serve(mut part: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    println!("ready");
    for line in io::stdin().lock().lines() {
        part(line?.trim().parse().map_err(io::Error::other)?)?;
    }
    Ok(())
}
