//! One connection of a pipe: socket, shared memory, and how its two ends wake each other.
//!
//! # Greeting
//! The client makes everything and sends it right after its connect, in one message: the memory file, and unless it wants
//! to be woken through the socket, a bell for each end. It does not wait for an answer, and may write at once. A client
//! that is killed before it has sent the greeting was there and went, and has written nothing.
//!
//! # Waking
//! A bell is quicker; the socket costs no further descriptor, so ends that are many ask for that with a bit of the
//! memory's link word. A peer of another user is always woken through the socket: whoever else holds a bell can make
//! ringing it block.
//!
//! # Disconnecting
//! The server sets a bit of the link word, wakes the client and closes. A client that sees the bit was disconnected; one
//! that sees the hang-up without it has lost its server.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tong_sys::bell::{self, Bell, BellSet};
use tong_sys::dir;
use tong_sys::map::AtomicU64;
use tong_sys::memory::Memory;
use tong_sys::socket::{self, Peer};

use crate::channel::conduit;
use crate::channel::greeting::is_stranger;
use crate::channel::layout::{self, Geometry};
use crate::channel::ring::ChannelMemory;
use crate::channel::FIRST_LEN;
use crate::io::{self, Pump, Watch};
use crate::wait::Deadline;
use crate::Error;

type Result<T, E = Error> = std::result::Result<T, E>;

const MAGIC: [u8; 8] = *b"tongpip1";
/// Length of a greeting: the magic, the version of the memory's layout, and whether the client wants no bells.
const GREETING_LEN: usize = 16;

/// Offset of the link word in the memory's header.
const AT_LINK: usize = 0x18;
/// Offset of the word with the client's modes.
const AT_CLIENT_MODES: usize = 0x20;

/// Offset of the word that counts the phases of a client end that several processes hold.
const AT_CLIENT_PHASE: usize = 0x28;

const DISCONNECTED: u64 = 1;
/// What a server sends to a client that it disconnects before it has received its greeting.
const THROWN_OUT: u8 = 1;
const SERVER_BY_SOCKET: u64 = 2;
const CLIENT_BY_SOCKET: u64 = 4;

/// Wake-ups that a socket can hold.
const UNHEARD: u32 = 1024;

/// What a report's token stands for.
const BELL: u64 = 0;
const SOCKET: u64 = 1;

/// Which end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that was made with the instance.
    Server,
    /// The one that was opened.
    Client,
}

impl Side {
    /// The direction that this end writes.
    pub(super) fn outgoing(self) -> u32 {
        match self {
            Side::Client => 0,
            Side::Server => 1,
        }
    }

    /// The direction that this end reads.
    pub(super) fn incoming(self) -> u32 {
        1 - self.outgoing()
    }

    fn by_socket(self) -> u64 {
        match self {
            Side::Server => SERVER_BY_SOCKET,
            Side::Client => CLIENT_BY_SOCKET,
        }
    }
}

/// A connection, as one of its ends has it.
#[derive(Debug)]
pub(crate) struct Link {
    side: Side,
    socket: Arc<OwnedFd>,
    memory: ChannelMemory,
    memory_inode: u64,
    /// Heard by this end; `None` if it is woken through the socket.
    own_bell: Option<Arc<Bell>>,
    /// Heard by the other end.
    peer_bell: Option<Bell>,
    peer: Peer,
    stranger: bool,
    /// The socket hung up: nobody holds the other end any more.
    gone: AtomicBool,
    /// This process has thrown the client out.
    thrown_out: AtomicBool,
    /// Other processes hold this end too.
    shared: AtomicBool,
    /// Wakes sleepers of this process where there is no bell of our own.
    interrupt: OnceLock<Bell>,
    /// What the servant watches for this end.
    watches: OnceLock<[Option<Watch>; 2]>,
    watching: Mutex<()>,
}

impl Link {
    /// The client's side: makes everything that the two ends share. The server knows nothing of it yet.
    ///
    /// # Errors
    /// What the system reports: no descriptors, no memory.
    pub(super) fn make(socket: &Arc<OwnedFd>, by_socket: bool) -> std::io::Result<Link> {
        let memory = ChannelMemory::create(c"tong-pipe", geometry())?;
        // A stranger gets no bell of ours, which it could make block.
        let by_socket = by_socket || is_stranger(socket)?;
        let bells = match by_socket {
            true => None,
            false => Some((Bell::create()?, Bell::create()?)),
        };
        if by_socket {
            let both = SERVER_BY_SOCKET | CLIENT_BY_SOCKET;
            memory.word(AT_LINK).store(both, Ordering::Relaxed);
        }
        let (peer_bell, own_bell) = bells.unzip();
        Link::assemble(
            Side::Client,
            Arc::clone(socket),
            memory,
            own_bell,
            peer_bell,
        )
    }

    /// Closes the descriptor of the memory file, for an end that has many neighbours.
    #[must_use]
    pub(super) fn without_descriptor(self) -> Link {
        Link {
            memory: self.memory.without_descriptor(),
            ..self
        }
    }

    /// Gives the server what was made.
    ///
    /// # Errors
    /// `EPIPE` or `ECONNRESET` if the server went, or disconnected, meanwhile; else what sendmsg reports.
    pub(super) fn send_greeting(&self) -> std::io::Result<()> {
        let mut bytes = [0u8; GREETING_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&layout::VERSION.to_le_bytes());
        bytes[12] = u8::from(self.own_bell.is_none());
        let memory = self
            .memory
            .memory()
            .ok_or(std::io::ErrorKind::Unsupported)?;
        let mut fds = vec![memory.as_fd()];
        if let (Some(server), Some(client)) = (&self.peer_bell, &self.own_bell) {
            fds.extend([server.as_fd(), client.as_fd()]);
        }
        socket::send(&*self.socket, &bytes, &fds)
    }

    /// The server's side: receives a greeting and checks all of it; gives the socket back if it is not there yet.
    ///
    /// `by_socket`: this end keeps no bells and is woken through the socket.
    ///
    /// # Errors
    /// `InvalidData` if anything is not as it should be, `ConnectionReset` if the client went without a greeting; else
    /// what the system reports: if it is out of descriptors the greeting stays and can be received later.
    pub(super) fn receive(socket: &Arc<OwnedFd>, by_socket: bool) -> std::io::Result<Option<Link>> {
        let mut bytes = [0u8; GREETING_LEN + 1];
        let Some((len, fds)) = socket::receive(socket, &mut bytes)? else {
            return Ok(None);
        };
        if len == 0 && fds.is_empty() {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        let known = len == GREETING_LEN
            && bytes[..8] == MAGIC
            && bytes[8..12] == layout::VERSION.to_le_bytes()
            && bytes[12] <= 1
            && bytes[13..16] == [0; 3];
        let mut fds = fds.into_iter();
        let memory = fds
            .next()
            .filter(|_| known)
            .ok_or(std::io::ErrorKind::InvalidData)?;
        let (own, peers, more) = (fds.next(), fds.next(), fds.next());
        let without = bytes[12] == 1;
        if own.is_some() == without || peers.is_some() == without || more.is_some() {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let memory = ChannelMemory::open(Memory::adopt(memory)?, geometry())?;
        let (own, peers) = (own.map(Bell::adopt), peers.map(Bell::adopt));
        let stranger = is_stranger(socket)?;
        if stranger && ![&own, &peers].into_iter().flatten().all(Bell::is_genuine) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        // Whoever else holds a bell can make ringing it block, and this end rings its own too.
        let own = own.filter(|_| !by_socket && !stranger);
        if own.is_none() {
            memory
                .word(AT_LINK)
                .fetch_or(SERVER_BY_SOCKET, Ordering::AcqRel);
        }
        Link::assemble(
            Side::Server,
            Arc::clone(socket),
            memory,
            own,
            peers.filter(|_| !by_socket),
        )
        .map(Some)
    }

    /// A link that another process made, taken over with all its descriptors.
    pub(super) fn adopt(
        side: Side,
        socket: OwnedFd,
        memory: OwnedFd,
        bells: Option<(OwnedFd, OwnedFd)>,
    ) -> std::io::Result<Link> {
        let memory = ChannelMemory::open(Memory::adopt(memory)?, geometry())?;
        let (own, peers) = bells.unzip();
        let (own, peers) = (own.map(Bell::adopt), peers.map(Bell::adopt));
        let link = Link::assemble(side, Arc::new(socket), memory, own, peers)?;
        link.note_shared();
        Ok(link)
    }

    fn assemble(
        side: Side,
        socket: Arc<OwnedFd>,
        memory: ChannelMemory,
        own_bell: Option<Bell>,
        peer_bell: Option<Bell>,
    ) -> std::io::Result<Link> {
        let peer = socket::peer(&socket)?;
        let inode = memory.memory().and_then(|file| dir::look_at(file).ok());
        Ok(Link {
            memory_inode: inode.map_or(0, |entry| entry.inode.1),
            side,
            stranger: is_stranger(&socket)?,
            peer,
            socket,
            memory,
            own_bell: own_bell.map(Arc::new),
            peer_bell,
            gone: AtomicBool::new(false),
            thrown_out: AtomicBool::new(false),
            shared: AtomicBool::new(false),
            interrupt: OnceLock::new(),
            watches: OnceLock::new(),
            watching: Mutex::new(()),
        })
    }

    /// The memory that both ends share.
    pub(super) fn memory(&self) -> &ChannelMemory {
        &self.memory
    }

    /// The inode of the memory file, by which tools find it.
    pub(super) fn memory_inode(&self) -> u64 {
        self.memory_inode
    }

    /// The socket: what hangs up, and may carry wake-ups.
    pub(super) fn socket(&self) -> &Arc<OwnedFd> {
        &self.socket
    }

    /// The bell that this end hears, if it has one.
    pub(super) fn own_bell(&self) -> Option<&Bell> {
        self.own_bell.as_deref()
    }

    /// The bell that the other end hears, if this end knows it.
    pub(super) fn peer_bell(&self) -> Option<&Bell> {
        self.peer_bell.as_ref()
    }

    /// The process at the other end, as the kernel saw it come.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// The word with the client's read mode and wait mode.
    pub(super) fn client_modes(&self) -> &AtomicU64 {
        self.memory.word(AT_CLIENT_MODES)
    }

    /// The word that counts the phases of a client end.
    pub(super) fn client_phase(&self) -> &AtomicU64 {
        self.memory.word(AT_CLIENT_PHASE)
    }

    /// Wakes whoever sleeps at the other end. Never blocks, never fails: a peer that is gone needs no waking.
    pub(super) fn wake_peer(&self) {
        let other = match self.side {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        };
        let by_socket =
            || self.memory.word(AT_LINK).load(Ordering::Relaxed) & other.by_socket() != 0;
        match &self.peer_bell {
            Some(bell) if !self.stranger && !by_socket() => bell.ring(),
            _ => {
                let _ = socket::send(&*self.socket, &[0], &[]);
            }
        }
    }

    /// Wakes every sleeper of this end, in whatever process: something has changed on this side.
    pub(super) fn wake_own(&self) {
        match &self.own_bell {
            Some(bell) => bell.ring(),
            None => {
                if let Some(bell) = self.interrupt.get() {
                    bell.ring();
                }
            }
        }
    }

    /// The server has thrown this connection away. A server's end believes its own process, and the word only if other
    /// processes hold the end too, because the client can write there as well.
    #[inline]
    pub(super) fn is_disconnected(&self) -> bool {
        let told = || self.memory.word(AT_LINK).load(Ordering::Acquire) & DISCONNECTED != 0;
        match self.side {
            Side::Client => told(),
            Side::Server => {
                self.thrown_out.load(Ordering::Acquire)
                    || self.shared.load(Ordering::Relaxed) && told()
            }
        }
    }

    /// Other processes hold this end too.
    pub(super) fn note_shared(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    /// Throws the connection away, so that the client knows.
    pub(super) fn disconnect(&self) {
        self.thrown_out.store(true, Ordering::Release);
        self.set_disconnected();
        self.wake_peer();
        self.wake_own();
    }

    /// Whether somebody noticed already that nobody holds the other end any more.
    #[inline]
    pub(super) fn known_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Whether nobody holds the other end any more; asks the kernel.
    pub(super) fn is_gone(&self) -> bool {
        self.known_gone() || {
            let gone = bell::hung_up(&*self.socket);
            if gone {
                self.note_gone();
            }
            gone
        }
    }

    fn note_gone(&self) {
        if self.side == Side::Client && !self.is_disconnected() && was_thrown_out(&self.socket) {
            self.set_disconnected();
        }
        self.gone.store(true, Ordering::Release);
    }

    /// The connection is of no more use: the peer broke the rules.
    pub(super) fn cut(&self) {
        self.gone.store(true, Ordering::Release);
        socket::shut_down(&*self.socket);
        self.wake_own();
    }

    /// A position word of one direction.
    pub(super) fn position(&self, direction: u32, which: usize) -> &AtomicU64 {
        self.memory.word(layout::control(direction) + which)
    }

    /// Whether the side that `bit` stands for has closed the direction, or the connection was thrown away.
    pub(super) fn closed(&self, direction: u32, bit: u64) -> bool {
        let flags = self.position(direction, layout::FLAGS);
        flags.load(Ordering::Relaxed) & bit != 0 || self.is_disconnected()
    }

    /// Takes wake-ups that came through the socket out of it.
    pub(super) fn drain(&self) {
        let mut byte = [0];
        // More than a socket's buffer usually holds (278): a wake-up that does not fit into a full one is lost, and no later
        // one is noticed. A stranger can send without end, so there is an end here.
        for _ in 0..1024 {
            match socket::receive_plain(&*self.socket, &mut byte) {
                Ok(Some(1..)) if byte[0] == THROWN_OUT && self.side == Side::Client => {
                    self.set_disconnected();
                }
                Ok(Some(1..)) => {}
                _ => return,
            }
        }
    }

    fn set_disconnected(&self) {
        self.memory
            .word(AT_LINK)
            .fetch_or(DISCONNECTED, Ordering::AcqRel);
    }

    /// Has the servant call `pump` whenever this end is woken or the peer hangs up.
    pub(super) fn watch(&self, pump: Weak<dyn Pump>) -> Result<()> {
        let _one_at_a_time = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if self.watches.get().is_some() {
            return Ok(());
        }
        let servant = io::servant()?;
        let bell = match &self.own_bell {
            Some(bell) => Some(servant.watch(Arc::clone(bell), pump.clone())?),
            None => None,
        };
        let socket = servant.watch(Arc::clone(&self.socket), pump)?;
        let _ = self.watches.set([bell, Some(socket)]);
        Ok(())
    }

    /// Whether the servant looks after this end.
    pub(super) fn is_watched(&self) -> bool {
        self.watches.get().is_some()
    }

    /// Takes in what the servant was called for.
    pub(super) fn take_calls(&self) {
        if self.own_bell.is_none() || self.stranger {
            self.drain();
        }
    }

    /// A set that reports wake-ups of this end, and the hang-up.
    fn set(&self) -> std::io::Result<BellSet> {
        let set = BellSet::create()?;
        match &self.own_bell {
            Some(bell) => set.add(&**bell, BELL)?,
            None => {
                let fresh = Bell::create()?;
                set.add(self.interrupt.get_or_init(|| fresh), BELL)?;
            }
        }
        set.add(&*self.socket, SOCKET)?;
        Ok(set)
    }
}

/// How one half of an end sleeps.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    /// Made at the first sleep; what rang or hung up before is reported by its first wait.
    set: Option<BellSet>,
}

impl Sleep {
    /// Makes what is needed to sleep, so that nothing is missed from now on.
    pub(super) fn prepare(&mut self, link: &Link) -> Result<()> {
        if self.set.is_none() {
            let set = link
                .set()
                .map_err(|error| Error::from_io("wait on pipe", error))?;
            self.set = Some(set);
        }
        Ok(())
    }

    /// Sleeps until somebody wakes this end, the peer hangs up, or the deadline passes; may return early.
    pub(super) fn until(&mut self, link: &Link, deadline: Deadline) -> Result<()> {
        self.prepare(link)?;
        let Some(set) = &self.set else { return Ok(()) };
        let mut reports = Vec::new();
        set.wait(&mut reports, deadline.left())
            .map_err(|error| Error::from_io("wait on pipe", error))?;
        for report in reports.iter().filter(|report| report.token == SOCKET) {
            if report.hung_up {
                link.note_gone();
            } else if report.readable {
                link.drain();
            }
        }
        Ok(())
    }
}

/// Throws a client out whose greeting has not come.
pub(super) fn throw_out(socket: &OwnedFd) {
    let _ = socket::send(socket, &[THROWN_OUT], &[]);
}

/// Whether the server said that it throws this client out, on a connection that has hung up.
pub(super) fn was_thrown_out(socket: impl AsFd) -> bool {
    let (mut byte, mut ends) = ([0], 0);
    for _ in 0..UNHEARD {
        match socket::receive_plain(&socket, &mut byte) {
            Ok(Some(1..)) if byte[0] == THROWN_OUT => return true,
            // A hang-up with something unread is told once, before what came.
            Ok(Some(0)) if ends == 0 => ends = 1,
            Ok(Some(0) | None) => return false,
            _ => {}
        }
    }
    false
}

/// The division of a pipe's memory: the same for all.
fn geometry() -> Geometry {
    conduit::geometry(FIRST_LEN)
}
