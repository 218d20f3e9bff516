//! Ends that several processes hold: what travels, and how their holders agree.
//!
//! An end that only one process knows pays nothing for this. Once it is handed over, by inheritance or duplication, it has a
//! *box*: a pair of sockets of which one holds a single message that nobody takes out. The message carries the descriptors of
//! the end's present phase, and whoever looks at it gets copies of them. The box is what travels.
//!
//! | phase | descriptors in the box, behind the box's own writing side and, for a server end, its pipe's page |
//! |---|---|
//! | listening | the listening socket |
//! | arriving | the client's socket, whose greeting has not come |
//! | connected | the socket, the memory file, and if it has them, the bells of server and client |
//! | void, disconnected | none |
//!
//! A holder that changes the phase, by accepting a client, disconnecting or listening again, puts a new message in and counts
//! up the end's phase word, which all holders see. Each operation compares that word with what it knows.
//!
//! # Taking turns
//! Between processes, operations on the rings exclude each other by a lock on a byte of a file that each holder has opened
//! for itself: the pipe's page for a server end, the memory file for a client end. Under it, a ring is taken up as the others
//! left it. The two rings, the phase, and the turn of a synchronous open have a byte each, because inside a process a thread
//! for each of them may be at work, and locks of this sort do not tell threads apart.
//!
//! # Death
//! The kernel drops a dead holder's locks. What it was in the middle of is as the conduit's order of stores leaves it; its
//! pending operations are gone, and its pending writes can be read by the other end like completed ones. When the last
//! holder is gone the box goes, and with it everything in it.
//!
//! # Limits
//! The completion port and the settings that belong to an open's completions stay with the process. A read that waits in one
//! process and one in another are served in no particular order.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tong_sys::lock::{self, Kind};
use tong_sys::map::Ordering;
use tong_sys::memory::Memory;
use tong_sys::socket;

use super::end::{Hold, Line, Now, Open, Parts, PipeEnd};
use super::link::{Link, Side};
use super::registry::{Attributes, Instance, Parcel, Quotas};
use super::{Direction, PipeType};
use crate::namespace;
use crate::{Error, ErrorKind, PipeName, Result};

const OP: &str = "hand pipe over";
const MAGIC: [u8; 8] = *b"tongbox1";
/// Bytes of a message before the name.
const HEAD_LEN: usize = 64;
/// Longest message, name included.
const LONGEST: usize = HEAD_LEN + (128 << 10);
/// First of the lock bytes: four for each slot, see [`Part`].
const GUARDS: u64 = 3 << 61;

/// What of an end a lock between processes is for. Inside a process each has a lock of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The ring that is read.
    Reading = 0,
    /// The ring that is written.
    Writing = 1,
    /// The phase.
    Line = 2,
    /// The turn of a synchronous open.
    Turn = 3,
}

/// What an end has that several processes know.
#[derive(Debug)]
pub(super) struct Common {
    /// Puts messages in.
    writer: OwnedFd,
    /// Holds the message; a copy of this descriptor is what travels.
    reader: OwnedFd,
    /// The locks' file, opened by this process.
    guard: OwnedFd,
    /// The first of this end's lock bytes.
    guard_at: u64,
    /// The phase word as it was when the phase was taken from the box, or put in.
    known: std::sync::atomic::AtomicU64,
}

/// Whether, and how, an end is shared.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    yes: AtomicBool,
    common: OnceLock<Common>,
}

/// A lock between processes, for as long as it lives.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    file: &'a OwnedFd,
    at: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let _ = lock::unlock(self.file, self.at, 1);
    }
}

impl Sharing {
    #[inline]
    fn common(&self) -> Option<&Common> {
        match self.yes.load(Ordering::Acquire) {
            true => self.common.get(),
            false => None,
        }
    }

    /// Whether other processes may hold the end too.
    pub(super) fn is_shared(&self) -> bool {
        self.common().is_some()
    }

    /// The lock on a part of the end; `None` if nobody else holds the end.
    #[inline]
    pub(super) fn guard(&self, part: Part) -> Option<Guard<'_>> {
        self.common()?.lock(part)
    }

    /// The descriptor that leads to the end from outside of this process.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.common()?.reader.as_fd())
    }
}

impl Common {
    fn lock(&self, part: Part) -> Option<Guard<'_>> {
        let at = self.guard_at + part as u64;
        match lock::lock(&self.guard, Kind::Exclusive, at, 1) {
            Ok(()) => Some(Guard {
                file: &self.guard,
                at,
            }),
            Err(error) => {
                tracing::error!(%error, "a pipe's end that several processes hold could not be locked");
                None
            }
        }
    }

    /// Replaces the message.
    fn put(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        let failed = |error| Error::from_io(OP, error);
        let mut all = vec![self.writer.as_fd()];
        all.extend(fds);
        // First the new one, then away with the old: a holder that is killed in between leaves one that can be looked at.
        socket::send(&self.writer, bytes, &all).map_err(failed)?;
        while socket::unread_bytes(&self.reader) > bytes.len() as u64 {
            socket::receive_plain(&self.reader, &mut [0; 1]).map_err(failed)?;
        }
        Ok(())
    }
}

/// What a message says.
struct Message {
    side: Side,
    phase: u8,
    synchronous: bool,
    by_socket: bool,
    reads: bool,
    writes: bool,
    messages: bool,
    direction: Direction,
    max_instances: Option<u32>,
    slot: u32,
    turn: u64,
    quotas: Quotas,
    server_pid: u32,
    opened_by: u32,
    name: String,
}

const LISTENING: u8 = 0;
const ARRIVING: u8 = 1;
const OPEN: u8 = 2;
const OPEN_WITH_BELLS: u8 = 3;
const VOID: u8 = 4;
const DISCONNECTED: u8 = 5;

impl Message {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        let flags = [
            self.side == Side::Server,
            self.synchronous,
            self.by_socket,
            self.reads,
            self.writes,
            self.messages,
        ];
        for (at, flag) in flags.into_iter().enumerate() {
            bytes[8 + at] = u8::from(flag);
        }
        bytes[14] = self.phase;
        bytes[15] = match self.direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
            Direction::Duplex => 3,
        };
        let words = [
            self.max_instances.unwrap_or(0),
            self.slot,
            self.quotas.inbound,
            self.quotas.outbound,
            self.server_pid,
            self.opened_by,
        ];
        for (at, word) in words.into_iter().enumerate() {
            bytes[16 + 4 * at..20 + 4 * at].copy_from_slice(&word.to_le_bytes());
        }
        bytes[40..48].copy_from_slice(&self.turn.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Message> {
        if bytes.len() < HEAD_LEN || bytes[..8] != MAGIC {
            return None;
        }
        let flag = |at: usize| bytes[8 + at] != 0;
        let word = |at: usize| {
            let at = 16 + 4 * at;
            bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok()
        };
        Some(Message {
            side: match flag(0) {
                true => Side::Server,
                false => Side::Client,
            },
            synchronous: flag(1),
            by_socket: flag(2),
            reads: flag(3),
            writes: flag(4),
            messages: flag(5),
            phase: bytes[14],
            direction: match bytes[15] {
                1 => Direction::Inbound,
                2 => Direction::Outbound,
                3 => Direction::Duplex,
                _ => return None,
            },
            max_instances: word(0).filter(|most| *most != 0),
            slot: word(1)?,
            quotas: Quotas {
                inbound: word(2)?,
                outbound: word(3)?,
            },
            server_pid: word(4)?,
            opened_by: word(5)?,
            turn: u64::from_le_bytes(bytes[40..48].try_into().ok()?),
            name: String::from_utf8(bytes[HEAD_LEN..].to_vec()).ok()?,
        })
    }
}

/// What a look into a box shows.
struct Look {
    message: Message,
    writer: OwnedFd,
    /// The page of a server end's pipe.
    page: Option<OwnedFd>,
    rest: Vec<OwnedFd>,
}

fn look_into(reader: impl AsFd) -> Result<Look> {
    let foreign = || Error::new(OP, ErrorKind::InvalidParameter).because("it is not a pipe's end");
    let mut bytes = vec![0; LONGEST];
    let seen = socket::peek(&reader, &mut bytes).map_err(|error| Error::from_io(OP, error))?;
    let (len, fds) = seen.ok_or_else(foreign)?;
    let message = Message::parse(&bytes[..len]).ok_or_else(foreign)?;
    let mut fds = fds.into_iter();
    let writer = fds.next().ok_or_else(foreign)?;
    let page = match message.side {
        Side::Server => Some(fds.next().ok_or_else(foreign)?),
        Side::Client => None,
    };
    Ok(Look {
        message,
        writer,
        page,
        rest: fds.collect(),
    })
}

/// The ends of this process that others may hold too, so that one that comes twice is still one open.
fn known() -> &'static Mutex<HashMap<[u64; 2], Weak<Hold>>> {
    static KNOWN: OnceLock<Mutex<HashMap<[u64; 2], Weak<Hold>>>> = OnceLock::new();
    KNOWN.get_or_init(Mutex::default)
}

fn remember(open: &Arc<Hold>, identity: [u64; 2]) {
    let mut known = known().lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|_, open| open.strong_count() > 0);
    known.insert(identity, Arc::downgrade(open));
}

impl PipeEnd {
    /// The descriptor that leads to the end from outside of this process, if it has been handed over before.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.open.sharing.descriptor()
    }

    /// Makes the end ready to be known in another process too; returns what travels.
    ///
    /// # Errors
    /// No descriptors; for a server end, its pipe's page has lost its name.
    pub(crate) fn export(&self) -> Result<OwnedFd> {
        let open = &self.open;
        open.at_home(OP)?;
        let failed = |error| open.failed(error);
        let line = open.line();
        if open.sharing.common.get().is_none() {
            let _ = open.sharing.common.set(open.make_common()?);
        }
        let common = open
            .sharing
            .common
            .get()
            .ok_or_else(|| open.failure(OP, ErrorKind::BadPipe))?;
        if !open.sharing.yes.load(Ordering::Acquire) {
            open.fill_box(common, &line)?;
            open.sharing.yes.store(true, Ordering::Release);
            remember(open, self.identity());
        }
        common.reader.try_clone().map_err(failed)
    }

    /// The end that `reader`, which came from another process, leads to.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it leads to none, or to one of the other side; else what the
    /// system reports.
    pub(super) fn import(reader: OwnedFd, side: Side, identity: [u64; 2]) -> Result<PipeEnd> {
        let mut known = known().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = known.get(&identity).and_then(Weak::upgrade) {
            return Ok(PipeEnd { open });
        }
        let look = look_into(&reader)?;
        if look.message.side != side {
            return Err(
                Error::new(OP, ErrorKind::InvalidParameter).because("it is another kind of end")
            );
        }
        let open = Open::from_look(look, reader)?;
        let end = PipeEnd::new(open);
        known.insert(end.identity(), Arc::downgrade(&end.open));
        Ok(end)
    }
}

impl Open {
    fn failed(&self, error: std::io::Error) -> Error {
        Error::from_io(OP, error).on(self.attributes.name.full())
    }

    fn make_common(&self) -> Result<Common> {
        let (writer, reader) = socket::pair().map_err(|error| self.failed(error))?;
        let (guard, guard_at) = match (&self.instance, &self.link) {
            (Some(instance), _) => (
                namespace::reopen(instance.page())?,
                GUARDS + 4 * u64::from(instance.slot()),
            ),
            (None, Some(link)) => (namespace::reopen(self.memory_of(link)?)?, GUARDS),
            (None, None) => return Err(self.failure(OP, ErrorKind::BadPipe)),
        };
        Ok(Common {
            writer,
            reader,
            guard,
            guard_at,
            known: 0.into(),
        })
    }

    /// The memory file of a connection, which ends of tasks have not kept.
    fn memory_of<'a>(&self, link: &'a Link) -> Result<&'a Memory> {
        link.memory().memory().ok_or_else(|| {
            self.failure(OP, ErrorKind::Unsupported)
                .because("ends that tasks use stay in their process")
        })
    }

    /// The word that counts the changes of the end's phase.
    fn phase_word(&self) -> Option<&tong_sys::map::AtomicU64> {
        match (&self.instance, &self.link) {
            (Some(instance), _) => Some(instance.shared_word()),
            (None, Some(link)) => Some(link.client_phase()),
            (None, None) => None,
        }
    }

    /// Puts the present phase into the box. Under the line's lock.
    fn fill_box(&self, common: &Common, line: &Line) -> Result<()> {
        let parcel = match &self.instance {
            Some(instance) => Some(instance.export()?),
            None => None,
        };
        let attributes = &self.attributes;
        let mut message = Message {
            side: self.side,
            phase: VOID,
            synchronous: self.synchronous,
            by_socket: self.by_socket,
            reads: self.reads,
            writes: self.writes,
            messages: attributes.pipe_type == PipeType::Message,
            direction: attributes.direction,
            max_instances: attributes.max_instances,
            slot: parcel.as_ref().map_or(0, |parcel| parcel.slot),
            turn: parcel.as_ref().map_or(0, |parcel| parcel.turn),
            quotas: self.quotas,
            server_pid: self.server_pid,
            opened_by: self.client_pid(),
            name: attributes.name.full(),
        };
        let mut fds: Vec<BorrowedFd<'_>> = Vec::new();
        if let Some(parcel) = &parcel {
            fds.push(parcel.page.as_fd());
        }
        match &line.now {
            Now::Listening => {
                message.phase = LISTENING;
                let listener = parcel.as_ref().and_then(|parcel| parcel.listener.as_ref());
                fds.extend(listener.map(AsFd::as_fd));
            }
            Now::Arriving(socket) => {
                message.phase = ARRIVING;
                fds.push(socket.as_fd());
            }
            Now::Open(link) => {
                message.phase = OPEN;
                link.note_shared();
                fds.extend([link.socket().as_fd(), self.memory_of(link)?.as_fd()]);
                if let (Some(own), Some(peers)) = (link.own_bell(), link.peer_bell()) {
                    message.phase = OPEN_WITH_BELLS;
                    fds.extend([own.as_fd(), peers.as_fd()]);
                }
            }
            Now::Void => {}
            Now::Disconnected => message.phase = DISCONNECTED,
        }
        common.put(&message.to_bytes(), &fds)
    }

    /// Tells the other holders that the phase has changed. Under the line's lock.
    pub(super) fn publish_phase(&self, line: &Line) {
        let (Some(common), Some(word)) = (self.sharing.common(), self.phase_word()) else {
            return;
        };
        if let Err(error) = self.fill_box(common, line) {
            tracing::error!(%error, "other holders of a pipe's end could not be told of a change");
        }
        let known = word.fetch_add(1, Ordering::AcqRel) + 1;
        common.known.store(known, Ordering::Release);
    }

    /// Takes up what another holder has made of the connection.
    #[inline]
    pub(super) fn catch_up(&self) {
        if let Some(common) = self.sharing.common() {
            let stale = self.phase_word().is_some_and(|word| {
                word.load(Ordering::Acquire) != common.known.load(Ordering::Acquire)
            });
            // Whoever has the line's lock does this, or is changing the phase.
            if let (true, Ok(mut line)) = (stale, self.line.try_lock()) {
                let guard = common.lock(Part::Line);
                self.catch_up_with(common, &mut line);
                drop(guard);
                drop(line);
                self.watch_if_waiting();
                self.ended.deliver();
            }
        }
    }

    /// The same, under the line's lock, of this process and between processes.
    pub(super) fn catch_up_in(&self, line: &mut Line) {
        if let Some(common) = self.sharing.common() {
            self.catch_up_with(common, line);
        }
    }

    fn catch_up_with(&self, common: &Common, line: &mut Line) {
        let Some(word) = self.phase_word() else {
            return;
        };
        let now = word.load(Ordering::Acquire);
        if now == common.known.load(Ordering::Acquire) {
            return;
        }
        let taken = look_into(&common.reader).and_then(|look| self.phase_in(look));
        match taken {
            Ok(phase) => {
                common.known.store(now, Ordering::Release);
                self.adopt_phase(line, phase);
            }
            // Short of descriptors, or the message is just being replaced: the next operation looks again.
            Err(error) => {
                tracing::debug!(%error, "the phase of a pipe's end could not be taken up yet")
            }
        }
    }

    fn adopt_phase(&self, line: &mut Line, phase: Now) {
        let same = match (&line.now, &phase) {
            (Now::Open(now), Now::Open(new)) => now.memory_inode() == new.memory_inode(),
            (Now::Disconnected, Now::Disconnected) | (Now::Void, Now::Void) => true,
            _ => false,
        };
        if same {
            return;
        }
        match &phase {
            Now::Open(link) => {
                line.peer_pid = u32::try_from(link.peer().pid).ok();
                line.peer_uid = Some(link.peer().uid);
            }
            Now::Disconnected | Now::Listening => {
                line.peer_pid = None;
                line.peer_uid = None;
            }
            Now::Arriving(_) | Now::Void => {}
        }
        let disconnected = matches!(phase, Now::Disconnected);
        if !matches!(phase, Now::Listening | Now::Disconnected) {
            let connects = line.connects.drain(..);
            self.ended
                .add_all(connects.map(super::pending::PendingConnect::succeed));
        }
        self.change(line, phase);
        if disconnected {
            self.fail_half_ends(ErrorKind::NotConnected);
        }
    }

    /// The phase that a message tells of.
    fn phase_in(&self, look: Look) -> Result<Now> {
        let Look { message, rest, .. } = look;
        let mut rest = rest.into_iter();
        if let Some(instance) = &self.instance {
            let door = match message.phase {
                LISTENING => rest.next().map(|listener| (listener, message.turn)),
                _ => None,
            };
            instance.adopt_door(door);
        }
        to_phase(self.side, message.phase, rest)
    }

    fn from_look(look: Look, reader: OwnedFd) -> Result<Arc<Open>> {
        let failed = |error| Error::from_io(OP, error);
        let foreign =
            || Error::new(OP, ErrorKind::InvalidParameter).because("it is not a pipe's end");
        let Look {
            message,
            writer,
            page,
            rest,
        } = look;
        let mut rest = rest.into_iter();
        let (instance, guard, guard_at) = match page {
            Some(page) => {
                let guard = namespace::reopen(&page)?;
                let listener = match message.phase {
                    LISTENING => rest.next(),
                    _ => None,
                };
                let instance = Instance::import(Parcel {
                    page,
                    slot: message.slot,
                    listener,
                    turn: message.turn,
                })?;
                let at = GUARDS + 4 * u64::from(message.slot);
                (Some(instance), Some(guard), at)
            }
            None => (None, None, GUARDS),
        };
        let phase = to_phase(message.side, message.phase, rest)?;
        let link = match (&phase, message.side) {
            (Now::Open(link), Side::Client) => Some(Arc::clone(link)),
            (_, Side::Client) => return Err(foreign()),
            _ => None,
        };
        let guard = match (guard, &link) {
            (Some(guard), _) => guard,
            (None, Some(link)) => namespace::reopen(link.memory().memory().ok_or_else(foreign)?)?,
            (None, None) => return Err(foreign()),
        };
        let attributes = match &instance {
            Some(instance) => Arc::clone(instance.attributes()),
            None => Arc::new(Attributes::of_client(
                PipeName::parse(&message.name)?,
                match message.messages {
                    true => PipeType::Message,
                    false => PipeType::Byte,
                },
                message.direction,
                message.max_instances,
            )),
        };
        let common = Common {
            writer,
            reader,
            guard,
            guard_at,
            known: 0.into(),
        };
        socket::peer(&common.writer).map_err(failed)?;
        let open = Open::new(Parts {
            side: message.side,
            quotas: message.quotas,
            reads: message.reads,
            writes: message.writes,
            synchronous: message.synchronous,
            by_socket: message.by_socket,
            view: None,
            server_pid: message.server_pid,
            opened_by: message.opened_by,
            attributes,
            instance,
            link,
        });
        let known = open
            .phase_word()
            .map_or(0, |word| word.load(Ordering::Acquire));
        common.known.store(known, Ordering::Release);
        let _ = open.sharing.common.set(common);
        open.sharing.yes.store(true, Ordering::Release);
        if open.side == Side::Server {
            let mut line = open.line();
            open.adopt_phase(&mut line, phase);
        }
        // The phase may have changed between the look and now.
        open.catch_up();
        Ok(open)
    }
}

/// The phase that a message's number and descriptors stand for.
fn to_phase(side: Side, phase: u8, mut fds: impl Iterator<Item = OwnedFd>) -> Result<Now> {
    let missing = || Error::new(OP, ErrorKind::InvalidParameter).because("a descriptor is missing");
    Ok(match phase {
        LISTENING => Now::Listening,
        ARRIVING => Now::Arriving(Arc::new(fds.next().ok_or_else(missing)?)),
        OPEN | OPEN_WITH_BELLS => {
            let (socket, memory) = (
                fds.next().ok_or_else(missing)?,
                fds.next().ok_or_else(missing)?,
            );
            let bells = match phase {
                OPEN_WITH_BELLS => Some((
                    fds.next().ok_or_else(missing)?,
                    fds.next().ok_or_else(missing)?,
                )),
                _ => None,
            };
            let link = Link::adopt(side, socket, memory, bells);
            Now::Open(Arc::new(link.map_err(|error| Error::from_io(OP, error))?))
        }
        DISCONNECTED => Now::Disconnected,
        _ => Now::Void,
    })
}
