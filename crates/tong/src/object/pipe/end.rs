//! One end of a named pipe: the open that handles lead to.
//!
//! Clones of a [`PipeEnd`] are duplicates of one open: they share the read mode, the wait mode, the operations that wait,
//! and the place in the queue. What the end has to do with a connection is in two halves, one for each direction, so that
//! a thread that reads and one that writes do not meet; only a change of the connection itself touches both.
//!
//! # States
//! A client end is connected from its opening on. A server end listens, takes the client that the kernel let in when
//! somebody first asks, is disconnected by its program, and listens again. A *void* connection is one whose client came
//! and went without a word, or was cut off because its greeting made no sense: to the program it is a client that has
//! closed.
//!
//! # Synchronous opens
//! A synchronous open does one operation at a time (P24.1): each takes the turn for as long as it lasts, also while it
//! waits. Ends of the Rust interface are not synchronous unless asked to be.
//!
//! # Death
//! If this process dies the kernel hangs up, and the other end reads what was completely written. If the other end's
//! process dies, so does this one.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use tong_sys::bell::Bell;
use tong_sys::fork::Birth;
use tong_sys::latch::Latch;
use tong_sys::map::{AtomicU64, Ordering};

use super::link::{throw_out, Link, Side, Sleep};
use super::pending::{Ended, PendingConnect, PendingRead, PendingWrite};
use super::registry::{Attributes, Instance, Quotas, SeenPipe, Shown};
use super::shared::{Guard, Part, Sharing};
use super::{Direction, Modes, PipeType, ReadMode};
use crate::channel::conduit::{Inlet, Outlet};
use crate::io::{Pump, Tie, Timer, Wake, Watch};
use crate::object::event::{Event, Reset};
use crate::wait::Spinner;
use crate::{Error, ErrorKind, PipeName, Result};

/// What a half of an end knows of its connection.
#[derive(Clone, Debug)]
pub(super) enum Now {
    /// Nobody has opened the instance, as far as it is known.
    Listening,
    /// A client is there whose greeting is not.
    Arriving(Arc<OwnedFd>),
    /// A connection.
    Open(Arc<Link>),
    /// The client came and went.
    Void,
    /// The server has thrown the client out, or this client was thrown out.
    Disconnected,
}

/// The half that reads.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) now: Now,
    pub(super) ring: Option<Outlet>,
    /// The other end is gone, and what it did not complete was dropped.
    pub(super) gone: bool,
    pub(super) reads: VecDeque<PendingRead>,
    /// Signaled when a read would not wait.
    pub(super) watchers: Vec<Event>,
    pub(super) spinner: Option<Spinner>,
    pub(super) sleep: Option<Sleep>,
    /// When the peer was last known to live, in ticks.
    pub(super) checked: u64,
}

/// The half that writes.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) now: Now,
    pub(super) ring: Option<Inlet>,
    pub(super) writes: VecDeque<PendingWrite>,
    pub(super) spinner: Option<Spinner>,
    pub(super) sleep: Option<Sleep>,
    /// When the peer was last known to live, in ticks.
    pub(super) checked: u64,
}

/// What only changes with the connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) now: Now,
    pub(super) connects: VecDeque<PendingConnect>,
    /// Reports the greeting, while it is waited for.
    pub(super) arrival: Option<Watch>,
    /// When the client was accepted whose greeting is waited for.
    pub(super) accepted: Option<Instant>,
    /// Has the servant look again.
    pub(super) later: Option<Timer>,
    /// The process at the other end, until the instance is disconnected.
    pub(super) peer_pid: Option<u32>,
    pub(super) peer_uid: Option<u32>,
}

/// An open of a pipe.
pub(super) struct Open {
    pub(super) birth: Birth,
    pub(super) me: Weak<Open>,
    pub(super) side: Side,
    pub(super) attributes: Arc<Attributes>,
    /// The full name, for errors.
    full_name: Arc<str>,
    pub(super) quotas: Quotas,
    /// What the end was opened for.
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) synchronous: bool,
    /// Before the instance: what is in its box keeps the instance alive.
    pub(super) sharing: Sharing,
    /// Connections of this end are woken through their sockets, and so need one descriptor each.
    pub(super) by_socket: bool,
    /// Of a server end.
    pub(super) instance: Option<Instance>,
    /// Of a client end: what it asks for the number of instances.
    pub(super) view: Option<Arc<SeenPipe>>,
    /// The process that made the instance.
    pub(super) server_pid: u32,
    /// The process that made this open.
    opened_by: u32,
    /// Modes of an end that has no memory to share them in.
    own_modes: AtomicU64,
    /// Where a client end's modes are.
    pub(super) link: Option<Arc<Link>>,
    pub(super) line: Mutex<Line>,
    pub(super) reading: Latch<Reading>,
    pub(super) writing: Latch<Writing>,
    pub(super) ended: Ended,
    turn: Mutex<()>,
    signal: OnceLock<Event>,
    pub(super) tie: Tie,
    /// Calls threads out of a wait for a client.
    pub(super) caller: OnceLock<Bell>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeEnd")
            .field("name", &self.attributes.name.full())
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// What an end is made of, beside its connection.
pub(super) struct Parts {
    pub(super) side: Side,
    pub(super) attributes: Arc<Attributes>,
    pub(super) quotas: Quotas,
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) synchronous: bool,
    pub(super) by_socket: bool,
    pub(super) instance: Option<Instance>,
    pub(super) view: Option<Arc<SeenPipe>>,
    pub(super) server_pid: u32,
    /// The process that made the open.
    pub(super) opened_by: u32,
    pub(super) link: Option<Arc<Link>>,
}

/// One end of a named pipe, server or client.
///
/// Clones are duplicates: they refer to the same open. All calls can be made from several threads; reads and writes do
/// not hinder each other unless the open is synchronous.
#[derive(Clone, Debug)]
pub struct PipeEnd {
    pub(super) open: Arc<Hold>,
}

/// First number of a client end's identity; no pipe's page has it.
pub(crate) const CLIENT_MARK: u64 = u64::MAX;

/// How long a client may take from its connect to its greeting, which an honest one sends at once.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);
/// After how long it is tried again to take a client in for which there were no descriptors or memory.
pub(super) const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);

/// Bits of a modes word.
const NOWAIT: u64 = 1;
const MESSAGE: u64 = 2;

impl Open {
    /// Two numbers that are the same for all duplicates of one open, and for no other.
    pub(super) fn identity(&self) -> [u64; 2] {
        match (&self.instance, &self.link) {
            (Some(instance), _) => instance.identity(),
            (None, Some(link)) => [CLIENT_MARK, link.memory_inode()],
            (None, None) => [CLIENT_MARK, 0],
        }
    }

    pub(super) fn new(parts: Parts) -> Arc<Open> {
        let now = match &parts.link {
            Some(link) => Now::Open(Arc::clone(link)),
            None => Now::Listening,
        };
        let peer = parts.link.as_ref().map(|link| link.peer());
        Arc::new_cyclic(|me| {
            let open = Open {
                birth: Birth::here(),
                me: me.clone(),
                side: parts.side,
                full_name: parts.attributes.name.full().into(),
                attributes: parts.attributes,
                quotas: parts.quotas,
                reads: parts.reads,
                writes: parts.writes,
                synchronous: parts.synchronous,
                sharing: Sharing::default(),
                by_socket: parts.by_socket,
                instance: parts.instance,
                view: parts.view,
                server_pid: parts.server_pid,
                opened_by: parts.opened_by,
                own_modes: AtomicU64::new(0),
                link: parts.link,
                line: Mutex::new(Line {
                    now: now.clone(),
                    connects: VecDeque::new(),
                    arrival: None,
                    accepted: None,
                    later: None,
                    peer_pid: peer.and_then(|peer| u32::try_from(peer.pid).ok()),
                    peer_uid: peer.map(|peer| peer.uid),
                }),
                reading: Latch::new(Reading {
                    now: Now::Listening,
                    ring: None,
                    gone: false,
                    reads: VecDeque::new(),
                    watchers: Vec::new(),
                    spinner: Some(Spinner::new()),
                    sleep: None,
                    checked: 0,
                }),
                writing: Latch::new(Writing {
                    now: Now::Listening,
                    ring: None,
                    writes: VecDeque::new(),
                    spinner: Some(Spinner::new()),
                    sleep: None,
                    checked: 0,
                }),
                ended: Ended::default(),
                turn: Mutex::new(()),
                signal: OnceLock::new(),
                tie: Tie::default(),
                caller: OnceLock::new(),
            };
            open.spread(&now);
            open
        })
    }

    /// Tells both halves how the connection stands.
    fn spread(&self, now: &Now) {
        let (mut now, rings) = match now {
            Now::Open(link) => match self.rings(link) {
                Ok((outlet, inlet)) => (now.clone(), Some((outlet, inlet))),
                Err(error) => {
                    tracing::warn!(%error, "the memory of a pipe's connection is of no use");
                    (Now::Void, None)
                }
            },
            other => (other.clone(), None),
        };
        let (outlet, inlet) = rings.unzip();
        self.reading.with(|reading| {
            reading.ring = outlet;
            reading.now = now.clone();
            reading.gone = false;
            reading.checked = 0;
            reading.sleep = None;
        });
        self.writing.with(|writing| {
            writing.ring = inlet;
            std::mem::swap(&mut writing.now, &mut now);
            writing.sleep = None;
            writing.checked = 0;
            self.put_unsent(writing);
        });
    }

    fn rings(&self, link: &Link) -> std::io::Result<(Outlet, Inlet)> {
        let (memory, kind) = (link.memory(), self.attributes.pipe_type);
        Ok((
            Outlet::new(memory, self.side.incoming(), self.incoming_quota(), kind)?,
            Inlet::new(memory, self.side.outgoing(), self.outgoing_quota(), kind)?,
        ))
    }

    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of a synchronous open, for the whole of an operation.
    #[inline]
    pub(super) fn turn(&self) -> Option<(MutexGuard<'_, ()>, Option<Guard<'_>>)> {
        self.synchronous.then(|| {
            let here = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            (here, self.sharing.guard(Part::Turn))
        })
    }

    /// Uses the half that reads, as whoever holds the end too has left it.
    #[inline]
    pub(super) fn with_reading<R>(&self, using: impl FnOnce(&mut Reading) -> R) -> R {
        self.catch_up();
        self.reading.with(|reading| {
            let guard = self.sharing.guard(Part::Reading);
            if let (Some(_), Some(ring), Now::Open(link)) =
                (&guard, reading.ring.as_mut(), &reading.now)
            {
                if ring.reload().is_err() {
                    link.cut();
                }
            }
            using(reading)
        })
    }

    /// Uses the half that writes, as whoever holds the end too has left it.
    #[inline]
    pub(super) fn with_writing<R>(&self, using: impl FnOnce(&mut Writing) -> R) -> R {
        self.catch_up();
        self.with_writing_here(using)
    }

    /// The same inside of the use of the half that reads, where the phase cannot change.
    #[inline]
    pub(super) fn with_writing_here<R>(&self, using: impl FnOnce(&mut Writing) -> R) -> R {
        self.writing.with(|writing| {
            let guard = self.sharing.guard(Part::Writing);
            if let (Some(_), Some(ring), Now::Open(link)) =
                (&guard, writing.ring.as_mut(), &writing.now)
            {
                if ring.reload().is_err() {
                    link.cut();
                }
            }
            using(writing)
        })
    }

    pub(super) fn incoming_quota(&self) -> u64 {
        u64::from(match self.side {
            Side::Server => self.quotas.inbound,
            Side::Client => self.quotas.outbound,
        })
    }

    pub(super) fn outgoing_quota(&self) -> u64 {
        u64::from(match self.side {
            Side::Server => self.quotas.outbound,
            Side::Client => self.quotas.inbound,
        })
    }

    /// Refuses what is of no use in a child that was forked.
    #[inline]
    pub(super) fn at_home(&self, op: &'static str) -> Result<()> {
        match self.birth.is_here() {
            true => Ok(()),
            false => Err(Error::new(op, ErrorKind::InvalidHandle).because(
                "the handle belongs to the process that this one was forked from; open one here",
            )),
        }
    }

    #[inline]
    pub(super) fn may_read(&self, op: &'static str) -> Result<()> {
        self.at_home(op)?;
        match self.reads {
            true => Ok(()),
            false => Err(Error::new(op, ErrorKind::AccessDenied)
                .because("this end of the pipe was not opened for reading")),
        }
    }

    #[inline]
    pub(super) fn may_write(&self, op: &'static str) -> Result<()> {
        self.at_home(op)?;
        match self.writes {
            true => Ok(()),
            false => Err(Error::new(op, ErrorKind::AccessDenied)
                .because("this end of the pipe was not opened for writing")),
        }
    }

    /// Id of the process that opened a client end.
    pub(super) fn client_pid(&self) -> u32 {
        self.opened_by
    }

    pub(super) fn failure(&self, op: &'static str, kind: ErrorKind) -> Error {
        Error::new(op, kind).on(Arc::clone(&self.full_name))
    }

    fn modes_word(&self) -> &AtomicU64 {
        match (&self.instance, &self.link) {
            (Some(instance), _) => instance.modes_word(),
            (None, Some(link)) => link.client_modes(),
            (None, None) => &self.own_modes,
        }
    }

    #[inline]
    pub(super) fn modes(&self) -> Modes {
        let word = self.modes_word().load(Ordering::Relaxed);
        // What a hostile peer writes there cannot turn a byte pipe into another.
        let messages = word & MESSAGE != 0 && self.attributes.pipe_type == PipeType::Message;
        Modes {
            read: match messages {
                true => ReadMode::Message,
                false => ReadMode::Byte,
            },
            nowait: word & NOWAIT != 0,
        }
    }

    pub(super) fn store_modes(&self, modes: Modes) {
        let message = u64::from(modes.read == ReadMode::Message) * MESSAGE;
        let nowait = u64::from(modes.nowait) * NOWAIT;
        self.modes_word().store(message | nowait, Ordering::Relaxed);
    }

    /// Whether the end can be of use to `direction`'s writer or reader: P5.6 in numbers.
    pub(super) fn access_of(side: Side, direction: Direction) -> (bool, bool) {
        match (side, direction) {
            (_, Direction::Duplex) => (true, true),
            (Side::Server, Direction::Inbound) | (Side::Client, Direction::Outbound) => {
                (true, false)
            }
            (Side::Server, Direction::Outbound) | (Side::Client, Direction::Inbound) => {
                (false, true)
            }
        }
    }

    /// Looks whether a client has come, and takes its greeting.
    ///
    /// # Errors
    /// What the system reports: no descriptors, no memory. The client stays where it is.
    pub(super) fn look(&self) -> Result<()> {
        let Some(instance) = &self.instance else {
            return Ok(());
        };
        let result = self.look_at(instance);
        match result {
            // Reads and writes that were started meanwhile may be possible now.
            Ok(true) => self.progress(),
            _ => self.ended.deliver(),
        }
        result.map(drop)
    }

    /// Returns whether the connection has become another one.
    fn look_at(&self, instance: &Instance) -> Result<bool> {
        let mut line = self.line();
        // Of several holders one accepts, and the others find its client.
        let guard = self.sharing.guard(Part::Line);
        self.catch_up_in(&mut line);
        if matches!(line.now, Now::Listening) {
            let Some(socket) = instance.accept()? else {
                return Ok(false);
            };
            let peer = tong_sys::socket::peer(&socket).ok();
            line.peer_pid = peer.and_then(|peer| u32::try_from(peer.pid).ok());
            line.peer_uid = peer.map(|peer| peer.uid);
            instance.note_client(line.peer_pid.unwrap_or(0));
            self.change(&mut line, Now::Arriving(Arc::new(socket)));
            self.publish_phase(&line);
            self.ended
                .add_all(line.connects.drain(..).map(PendingConnect::succeed));
        }
        if let Now::Arriving(socket) = &line.now {
            let arrived = match Link::receive(socket, self.by_socket) {
                Ok(None) => {
                    let waited = line.accepted.map_or(Duration::ZERO, |at| at.elapsed());
                    if let Some(left) = GREETING_PATIENCE.checked_sub(waited) {
                        line.later = self.look_later(left);
                        return Ok(false);
                    }
                    throw_out(socket);
                    Now::Void
                }
                Ok(Some(link)) if self.by_socket => Now::Open(Arc::new(link.without_descriptor())),
                Ok(Some(link)) => Now::Open(Arc::new(link)),
                Err(error) if is_shortage(&error) => {
                    return Err(
                        Error::from_io("accept client", error).on(self.attributes.name.full())
                    );
                }
                Err(error) => {
                    tracing::debug!(%error, "a client of a pipe came without a sound greeting");
                    Now::Void
                }
            };
            let memory = match &arrived {
                Now::Open(link) => link.memory_inode(),
                _ => 0,
            };
            self.change(&mut line, arrived);
            self.publish_phase(&line);
            drop(guard);
            instance.set_shown(Shown::Connected, memory);
            self.watch_if_waiting();
            return Ok(true);
        }
        Ok(false)
    }

    /// Has the servant look again after a while.
    pub(super) fn look_later(&self, after: Duration) -> Option<Timer> {
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let due = tong_sys::clock::now_ns().saturating_add(after);
        Some(crate::io::servant().ok()?.at(due, self.pump_handle()))
    }

    /// The connection has become another one.
    pub(super) fn change(&self, line: &mut Line, now: Now) {
        self.spread(&now);
        line.arrival = None;
        line.later = None;
        line.accepted = matches!(now, Now::Arriving(_)).then(Instant::now);
        line.now = now;
    }

    /// Has the servant look after the operations that wait already, on a connection that has just come.
    pub(super) fn watch_if_waiting(&self) {
        let reads = self.reading.with(|reading| match &reading.now {
            Now::Open(link) if !reading.reads.is_empty() || !reading.watchers.is_empty() => {
                Some(Arc::clone(link))
            }
            _ => None,
        });
        let writes = self.writing.with(|writing| match &writing.now {
            Now::Open(link) if !writing.writes.is_empty() => Some(Arc::clone(link)),
            _ => None,
        });
        if let Some(link) = reads.or(writes) {
            if let Err(error) = link.watch(self.pump_handle()) {
                // Nobody would look after them: better a failure than no end at all.
                self.fail_half_ends(error.kind());
            }
        }
    }

    pub(super) fn pump_handle(&self) -> Weak<dyn Pump> {
        let me: Weak<Open> = self.me.clone();
        me
    }

    pub(super) fn wake_handle(&self) -> Option<Arc<dyn Wake>> {
        let me: Arc<Open> = self.me.upgrade()?;
        Some(me)
    }

    /// The connection was thrown away: operations that wait end with that, and those to come fail. A server end learns of
    /// it only if another holder has done it, who may have died in the middle.
    pub(super) fn note_disconnected(&self) {
        let mut line = self.line();
        let guard = self.sharing.guard(Part::Line);
        self.catch_up_in(&mut line);
        match &line.now {
            Now::Open(link) if link.is_disconnected() => {}
            _ => return,
        }
        if let Some(instance) = &self.instance {
            instance.set_disconnected();
        }
        self.change(&mut line, Now::Disconnected);
        self.publish_phase(&line);
        drop(guard);
        drop(line);
        if let Some(signal) = self.signal.get() {
            let _ = signal.reset();
        }
        self.fail_all(ErrorKind::NotConnected);
        self.ended.deliver();
    }

    pub(super) fn signal(&self) -> Result<&Event> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal);
        }
        let fresh = Event::new(Reset::Manual, true)?;
        Ok(self.signal.get_or_init(|| fresh))
    }

    /// Has every thread that sleeps in this end look again.
    pub(super) fn wake_sleepers(&self) {
        if let Some(caller) = self.caller.get() {
            caller.ring();
        }
        if let Now::Open(link) = &self.line().now {
            link.wake_own();
        }
    }

    /// Ends everything that waits, because the last handle is closed.
    pub(super) fn close(&self) {
        if !self.birth.is_here() {
            return;
        }
        self.withdraw_all();
        self.fail_all(ErrorKind::BrokenPipe);
        self.ended.deliver();
    }
}

impl Wake for Open {
    fn wake(&self) {
        self.wake_sleepers();
    }
}

/// The handles of an open, counted: when the last is gone, the end is closed, whoever may still be looking at the open.
#[derive(Debug)]
pub(super) struct Hold {
    open: Arc<Open>,
}

impl Deref for Hold {
    type Target = Open;

    fn deref(&self) -> &Open {
        &self.open
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let open = &self.open;
        if !open.birth.is_here() {
            return;
        }
        open.close();
        // Others may still read and write; what keeps the instance goes with the open's box.
        if open.sharing.is_shared() {
            return;
        }
        let read = open
            .reading
            .with(|reading| reading.ring.as_ref().is_some_and(Outlet::close));
        let written = open
            .writing
            .with(|writing| writing.ring.as_ref().is_some_and(Inlet::close));
        if let (true, Now::Open(link)) = (read || written, &open.line().now) {
            link.wake_peer();
        }
        if let Some(instance) = &open.instance {
            instance.give_up();
        }
        // The servant may be looking at the open at this moment: what hangs up must not wait for it.
        let mut line = open.line();
        match &line.now {
            Now::Open(link) => tong_sys::socket::shut_down(&**link.socket()),
            Now::Arriving(socket) => tong_sys::socket::shut_down(&**socket),
            Now::Listening | Now::Void | Now::Disconnected => {}
        }
        open.change(&mut line, Now::Void);
    }
}

impl PipeEnd {
    pub(super) fn new(open: Arc<Open>) -> PipeEnd {
        PipeEnd {
            open: Arc::new(Hold { open }),
        }
    }

    /// The name as it was given.
    #[must_use]
    pub fn name(&self) -> &PipeName {
        &self.open.attributes.name
    }

    /// Whether this is the end that was made with the instance.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.open.side == Side::Server
    }

    /// Whether the open does one operation at a time.
    #[must_use]
    pub fn is_synchronous(&self) -> bool {
        self.open.synchronous
    }

    /// Whether both are duplicates of one open.
    #[must_use]
    pub fn same_object(&self, other: &PipeEnd) -> bool {
        Arc::ptr_eq(&self.open, &other.open)
    }

    /// Two numbers that are the same for all duplicates of one open, and for no other.
    pub(crate) fn identity(&self) -> [u64; 2] {
        self.open.identity()
    }

    /// The last handle is closed: operations that wait come to an end (P10.9, P10.11, P8.12).
    pub(crate) fn close(&self) {
        self.open.close();
    }

    /// The event that stands for the end in waits, as Windows defines it: it says that no operation is in progress that
    /// began without an event of its own. It is no sign of readiness; see [`PipeEnd::readable`] for that.
    ///
    /// # Errors
    /// No memory.
    pub fn signal(&self) -> Result<&Event> {
        self.open.signal()
    }

    /// Where operations of this open report.
    #[must_use]
    pub fn tie(&self) -> &Tie {
        &self.open.tie
    }
}

fn is_shortage(error: &std::io::Error) -> bool {
    use tong_sys::errno::{EMFILE, ENFILE, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOMEM))
}
