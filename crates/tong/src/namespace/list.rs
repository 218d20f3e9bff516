//! Seeing what there is: the objects of a namespace, who holds and who waits for them, what is queued, and what a crash left.
//!
//! Nothing is asked of the processes that are looked at, so a hanging one can be seen as well. The state of an event, mutex,
//! semaphore or timer, and who waits for it, is read from a copy of its page and from the wait table. What is queued in a
//! mailslot stands in the memory files of the writers' rings; they are found through `/proc`, in the writers' and in the
//! server's descriptors, and only read. A process that belongs to another user, or lives where its `/proc` entry cannot be
//! seen, is missing from the picture, and then so are its numbers. So are messages of writers that are gone and that the
//! server has not taken in yet: only the kernel holds those.

mod leftovers;
mod pipes;
mod survey;
mod traces;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tong_sys::dir::{self, Dir, EntryKind};

use super::{claim, page, Namespace, Space, CELL_AT};
use crate::channel::conduit::PipeType;
use crate::object::pipe::Direction;
use crate::waits::{self, CellKind, Seen, Table};
use crate::{Error, Reset, Result};
use leftovers::Search;
pub use pipes::{InstanceState, PipeInstance};
pub(crate) use survey::{Channel, Survey};
use traces::{program, RingTrace, Traces};

/// Whether an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// At least one process keeps it alive.
    Live,
    /// Its last process died and left its files; the next use of the name, or [`Namespace::gc`], removes them.
    Dead,
}

/// A thread, as its own PID namespace counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId {
    /// The id of its process.
    pub pid: i32,
    /// Its own id, which is that of its process if it is the initial thread.
    pub tid: i32,
}

/// One object of a namespace, as seen from outside at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The kind of object: `"mailslot"`, `"pipe"`, `"event"`, `"mutex"`, `"semaphore"`, `"timer"`, or `"object"` if it
    /// cannot be seen which of the last four.
    pub kind: &'static str,
    /// Its full name, such as `\\.\mailslot\box`, or `ready` for an event.
    pub name: String,
    /// Whether it lives.
    pub state: State,
    /// User who made it.
    pub uid: u32,
    /// Process that serves the mailslot, if that can be seen from here, that made the first of the pipe's instances, or that
    /// owns the mutex.
    pub owner_pid: Option<i32>,
    /// Program of that process.
    pub program: Option<String>,
    /// When it was made.
    pub created: SystemTime,
    /// Processes that have the object open, as far as they can be seen from here: they keep it alive.
    pub holders: Vec<i32>,
    /// What has gone through it since it was made, as far as it could be seen; only mailslots and pipes have traffic.
    pub traffic: Option<Traffic>,
    /// What only objects of its kind have.
    pub about: About,
}

/// What has gone through a mailslot or pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes written by clients; of a mailslot with what is stored around each message.
    pub bytes_in: u64,
    /// Bytes written by the server.
    pub bytes_out: u64,
    /// Messages written by clients to a mailslot; 0 for a pipe.
    pub messages: u64,
}

/// What only objects of one kind have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum About {
    /// Of a mailslot.
    Mailslot {
        /// Largest message in bytes, 0 for any.
        max_message_len: u32,
        /// Most bytes that one writer may have queued.
        quota_bytes: u64,
        /// How long a read with the object's own time-out waits, `None` for ever.
        read_timeout: Option<Duration>,
        /// Messages queued, if the rings can be seen from here.
        messages: Option<u64>,
        /// Bytes queued, frame headers included, if the rings can be seen from here.
        bytes: Option<u64>,
        /// Processes that hold a writing end, as far as they can be seen from here.
        writers: Vec<i32>,
    },
    /// Of a pipe.
    Pipe {
        /// What it carries.
        pipe_type: PipeType,
        /// Which way data goes.
        direction: Direction,
        /// Most instances at once; `None` any number.
        max_instances: Option<u32>,
        /// How long a client that says nothing else waits for an instance.
        default_timeout: Duration,
        /// Its instances, by number.
        instances: Vec<PipeInstance>,
    },
    /// Of an event.
    Event {
        /// What ends its signaled state.
        reset: Reset,
        /// Would a wait end at once?
        signaled: bool,
        /// The threads that wait for it.
        waiters: Vec<ThreadId>,
    },
    /// Of a mutex.
    Mutex {
        /// The thread that owns it, if one does and lives.
        owner: Option<ThreadId>,
        /// How often that thread has acquired it.
        times: u64,
        /// The last owner ended without releasing it, and nobody has acquired it since.
        abandoned: bool,
        /// The threads that wait for it.
        waiters: Vec<ThreadId>,
    },
    /// Of a semaphore.
    Semaphore {
        /// Its count.
        count: u32,
        /// The largest count that it can have.
        maximum: u32,
        /// The threads that wait for it.
        waiters: Vec<ThreadId>,
    },
    /// Of a waitable timer.
    Timer {
        /// What ends its signaled state.
        reset: Reset,
        /// Would a wait end at once?
        signaled: bool,
        /// How long until it is due next; `None` if it is inactive.
        due_in: Option<Duration>,
        /// The time from one expiry to the next, if there is more than one.
        period: Option<Duration>,
        /// The threads that wait for it.
        waiters: Vec<ThreadId>,
    },
    /// Nothing can be seen: the object's wait table is another.
    Unknown,
}

impl About {
    /// The threads that wait for the object; `None` if that cannot be seen.
    #[must_use]
    pub fn waiters(&self) -> Option<&[ThreadId]> {
        match self {
            About::Event { waiters, .. }
            | About::Mutex { waiters, .. }
            | About::Semaphore { waiters, .. }
            | About::Timer { waiters, .. } => Some(waiters),
            About::Mailslot { .. } | About::Pipe { .. } | About::Unknown => None,
        }
    }
}

/// Something in the namespace's directory that no live object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leftover {
    /// Files of an object whose processes all died; removed, unless only looked for.
    Dead {
        /// The object's name, if its page can still be read; else the file's.
        name: String,
    },
    /// Something that tong did not make. Never removed.
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl Namespace {
    /// Lists the objects of the namespace, and those of the machine-wide directory that the caller may see, by name.
    ///
    /// Takes no locks and asks no process; what changes meanwhile may be seen before or after.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        Survey::once().look(self)
    }

    /// Finds what no live object needs, and removes what dead objects left (unless `dry_run`). Normally there is
    /// nothing: whoever next uses a name cleans up after its dead owner.
    ///
    /// Looks at the user's own names, and at what the user has in the machine-wide directory.
    ///
    /// # Errors
    /// A directory cannot be read, or a file cannot be removed.
    pub fn gc(&self, dry_run: bool) -> Result<Vec<Leftover>> {
        let mut leftovers = Vec::new();
        for space in [Space::Mailslot, Space::Object, Space::Pipe] {
            let inner = space.dir_name();
            let own = Search {
                dir: self.dir(space),
                space,
                path: self.root().join(inner),
                shared: false,
                dry_run,
            };
            leftovers.extend(own.run()?);
            if let Some(global) = super::global(space).unwrap_or_default() {
                let shared = Search {
                    dir: &global,
                    space,
                    path: super::global_path().join(inner),
                    shared: true,
                    dry_run,
                };
                leftovers.extend(shared.run()?);
            }
        }
        Ok(leftovers)
    }
}

/// A page found in a directory.
struct Found {
    space: Space,
    stem: String,
    info: page::PageInfo,
    /// Of an object whose page is its memory: the bytes in use.
    image: Vec<u8>,
    /// Of a pipe.
    slots: Option<pipes::Slots>,
    uid: u32,
    inode: (u64, u64),
    live: bool,
}

impl Found {
    fn into_mailslot(self, traces: &Traces) -> Entry {
        let owner_pid = traces.holders(self.inode).first().copied();
        let mark = super::ring_mark(&self.stem, self.info.created_ns);
        let rings: Vec<&RingTrace> = traces.rings(&mark).map(|(_, ring)| ring).collect();
        let mut writers: Vec<i32> = rings
            .iter()
            .flat_map(|ring| ring.writers(owner_pid))
            .collect();
        writers.sort_unstable();
        writers.dedup();
        let visible = owner_pid.is_some();
        let about = About::Mailslot {
            max_message_len: self.info.max_message,
            quota_bytes: self.info.quota_bytes,
            read_timeout: (self.info.read_timeout_ms != page::FOREVER)
                .then(|| Duration::from_millis(self.info.read_timeout_ms)),
            messages: visible.then(|| sum(rings.iter().map(|ring| ring.status.messages))),
            bytes: visible.then(|| sum(rings.iter().map(|ring| ring.status.bytes))),
            writers,
        };
        self.into_entry(traces, "mailslot", owner_pid, about)
    }

    /// An event, mutex, semaphore or timer, whose threads are in `table`.
    fn into_object(self, traces: &Traces, table: Option<&'static Table>) -> Entry {
        let seen = table.and_then(|table| self.look(table));
        let owner = seen.as_ref().and_then(|seen| seen.owner);
        let (kind, about) = seen.map_or(("object", About::Unknown), about);
        self.into_entry(traces, kind, owner.map(|(pid, _)| pid), about)
    }

    /// What the object's cell says.
    fn look(&self, table: &'static Table) -> Option<Seen> {
        waits::peek(&self.image, CELL_AT, room_at(&self.info)?, table)
    }

    fn into_entry(
        self,
        traces: &Traces,
        kind: &'static str,
        owner_pid: Option<i32>,
        about: About,
    ) -> Entry {
        let holders = traces.holders(self.inode);
        // An id from another PID namespace is another process's here.
        let known = owner_pid.filter(|pid| holders.contains(pid));
        Entry {
            kind,
            name: self.info.name,
            state: if self.live { State::Live } else { State::Dead },
            uid: self.uid,
            owner_pid,
            program: known.and_then(program),
            created: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.info.created_ns),
            holders,
            traffic: None,
            about,
        }
    }
}

/// Where in the file of an object the room for waiters starts.
fn room_at(info: &page::PageInfo) -> Option<usize> {
    usize::try_from(page::Page::len_for(&info.name)).ok()
}

/// The bytes of an object's file that are in use; nothing, if it cannot be read.
fn image(file: &OwnedFd, info: &page::PageInfo) -> Vec<u8> {
    let read = || {
        let room_at = room_at(info)?;
        let mut bytes = vec![0; room_at];
        dir::read_at(file, 0, &mut bytes).ok()?;
        bytes.resize(room_at + waits::room_in_use(&bytes), 0);
        let len = dir::read_at(file, 0, &mut bytes).ok()?;
        bytes.truncate(len);
        Some(bytes)
    };
    read().unwrap_or_default()
}

/// What a cell says, by its kind.
fn about(seen: Seen) -> (&'static str, About) {
    let thread = |(pid, tid)| ThreadId { pid, tid };
    let waiters = seen.waiters.into_iter().map(thread).collect();
    let reset = match seen.kind {
        CellKind::ManualEvent | CellKind::ManualTimer => Reset::Manual,
        _ => Reset::Auto,
    };
    let signaled = seen.signaled;
    match seen.kind {
        CellKind::AutoEvent | CellKind::ManualEvent => {
            let about = About::Event {
                reset,
                signaled,
                waiters,
            };
            ("event", about)
        }
        CellKind::Mutex => {
            let about = About::Mutex {
                owner: seen.owner.map(thread),
                times: seen.times,
                abandoned: seen.abandoned,
                waiters,
            };
            ("mutex", about)
        }
        CellKind::Semaphore => {
            let about = About::Semaphore {
                count: seen.count,
                maximum: seen.maximum,
                waiters,
            };
            ("semaphore", about)
        }
        CellKind::AutoTimer | CellKind::ManualTimer => {
            let about = About::Timer {
                reset,
                signaled,
                due_in: seen.schedule.map(|(due_in, _)| due_in),
                period: seen.schedule.and_then(|(_, period)| period),
                waiters,
            };
            ("timer", about)
        }
        // A thread has no name.
        CellKind::Thread => ("object", About::Unknown),
    }
}

/// The numbers are claims of the rings' users.
fn sum(claims: impl Iterator<Item = u64>) -> u64 {
    claims.fold(0, u64::saturating_add)
}

fn pages(dir: &Dir, space: Space) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for stem in dir
        .names()
        .map_err(|error| Error::from_io("read namespace", error))?
    {
        if !is_stem(&stem) {
            continue;
        }
        // A file that is gone, not ours to read, or not a page (yet) is no object.
        let Ok(file) = dir.open_to_read(&stem) else {
            continue;
        };
        let Ok(entry) = dir::look_at(&file) else {
            continue;
        };
        if entry.kind != EntryKind::File {
            continue;
        }
        // A live page of a mailslot without a socket only holds the name of one that is in the machine-wide directory.
        let live = claim::is_live(&file);
        let connects = space == Space::Mailslot;
        if connects && live && matches!(dir.look(&super::socket_name(&stem)), Ok(None)) {
            continue;
        }
        if let Ok(Some(info)) = page::read(file.as_fd(), space) {
            let image = match space {
                Space::Mailslot | Space::Pipe => Vec::new(),
                Space::Object => image(&file, &info),
            };
            let slots = (space == Space::Pipe).then(|| pipes::Slots::read(&file));
            found.push(Found {
                space,
                stem,
                info,
                image,
                slots: slots.flatten(),
                uid: entry.uid,
                inode: entry.inode,
                live,
            });
        }
    }
    Ok(found)
}

fn is_stem(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
