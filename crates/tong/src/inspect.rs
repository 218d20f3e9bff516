//! Seeing everything at once, again and again: objects, processes, handle tables, traffic, and who waits on whom.
//!
//! An [`Inspector`] looks at a namespace from outside, as [`Namespace::list`] does: it asks no process, holds nobody up,
//! and changes no object. It remembers what it has open between two looks, so that looking often costs little.
//!
//! ```
//! use tong::inspect::Inspector;
//! # let place = tempfile::tempdir().unwrap();
//! # std::env::set_var("TONG_DIR", place.path().join("tong"));
//!
//! let view = Inspector::new()?.look()?;
//! for deadlock in view.deadlocks() {
//!     let threads = deadlock.ring.iter().map(|wait| view.waits[*wait].thread.tid);
//!     println!("these wait for each other: {:?}", threads.collect::<Vec<_>>());
//! }
//! # Ok::<(), tong::Error>(())
//! ```
//!
//! # What is seen
//! Objects as [`Namespace::list`] sees them. Waits of threads that sleep in a wait function of this library, for objects
//! with or without a name, processes, threads and descriptors, or in a call on a mailslot or pipe, if they belong to this
//! namespace and the caller's user. Not waits under tokio, of overlapped operations, and of other libraries.
//! Who holds what is found by walking through the descriptors of all processes; when looks come fast this is done less
//! often than at each look, so that it takes one part in a hundred of the time, and at least every five seconds.
//!
//! Ids of processes and threads are those of their own PID namespace; where several share a directory, they may mean a
//! stranger here. The process that looks is not among [`View::processes`].
//!
//! # Deadlocks
//! A thread is stuck if what it waits for can only be given by threads that are stuck: the owner of a mutex; a thread; a
//! process, whose end or whose end of a pipe is waited for, by any of its threads. What anybody can signal, such as an
//! event, makes nobody stuck, and nor does a wait that queued calls can end. Of a wait for any of several things all must
//! be so, of a wait for all one. Believed are only waits that lasted through the whole look, so a ring that is reported
//! was one; a thread of the program's own that could still break it, by ending the process, say, keeps it from being
//! reported.

mod stuck;
mod waits;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handle::{self, Kind, ObjectId};
use crate::namespace::{About, Entry, Survey, ThreadId};
use crate::process::list::{self, Listed};
use crate::{Namespace, Result};

/// Looks at a namespace, as often as asked.
#[derive(Debug)]
pub struct Inspector {
    namespace: Arc<Namespace>,
    survey: Survey,
    /// The last look met objects in the machine-wide directory.
    has_shared: bool,
}

/// What there was at one moment, or nearly: each thing was looked at by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// When the look ended.
    pub taken: Instant,
    /// The named objects, by name.
    pub objects: Vec<Entry>,
    /// The processes that use tong, as far as they can be seen: they have a handle table, hold an object, or wait. By id.
    pub processes: Vec<User>,
    /// The threads that wait, by process and thread id.
    pub waits: Vec<Waiting>,
    /// Of processes that others wait for: how many threads they have that can do something of their own accord.
    able_threads: HashMap<u32, u32>,
}

/// A process that uses tong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct User {
    /// The process.
    pub process: Listed,
    /// How many handles its table has; `None` if it has no table, or hides it.
    pub handles: Option<u32>,
}

/// A thread that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The thread.
    pub thread: ThreadId,
    /// What it waits for: all that have a name, and of the others those among the first two.
    pub awaited: Vec<Awaited>,
    /// How many things it waits for, known or not.
    pub count: u32,
    /// Whether it waits for all of them together, rather than for any.
    pub all: bool,
    /// How long it has waited.
    pub waited: Duration,
    /// Whether it stops waiting by itself at some time.
    pub has_deadline: bool,
    /// It slept through the whole look, and only what it waits for ends the wait.
    may_be_stuck: bool,
    /// It began before the last walk through the descriptors.
    is_older_than_walk: bool,
}

/// What a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// A named object: its index in [`View::objects`].
    Named(usize),
    /// An object without a name, or one of another namespace.
    Unnamed {
        /// What sort of object.
        kind: Kind,
        /// Which one.
        id: ObjectId,
        /// The thread that owns it, if it is a mutex.
        owner: Option<ThreadId>,
    },
    /// What the other side of a pipe does.
    Pipe {
        /// The pipe: its index in [`View::objects`].
        object: usize,
        /// The instance.
        slot: u32,
        /// Whether the server waits, rather than the client.
        server: bool,
        /// What for.
        what: PipeWait,
        /// The process on the other side, if there is one that can be seen.
        peer: Option<u32>,
    },
    /// The end of a process.
    Process(u32),
    /// The end of a thread.
    Thread(ThreadId),
    /// Something to read at a descriptor.
    Descriptor {
        /// Its number in the process that waits.
        number: i32,
        /// What it is, as `/proc` shows it, such as `socket:[4711]`.
        what: String,
    },
}

/// What an end of a pipe waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeWait {
    /// For something to read.
    Read,
    /// For room to write, or for what was written to be read.
    Write,
    /// For a client.
    Connect,
}

/// Threads that wait for each other in a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlock {
    /// Indices in [`View::waits`]: each waits for something that the next one has, the last for something of the first.
    pub ring: Vec<usize>,
    /// Whether one of them has a deadline, which will end it.
    pub will_end: bool,
}

impl Inspector {
    /// Looks at the namespace of this process.
    ///
    /// # Errors
    /// As [`Namespace::current`].
    pub fn new() -> Result<Inspector> {
        Ok(Inspector::of(Namespace::current()?))
    }

    /// Looks at this namespace.
    #[must_use]
    pub fn of(namespace: Arc<Namespace>) -> Inspector {
        Inspector {
            namespace,
            survey: Survey::repeated(),
            has_shared: false,
        }
    }

    /// Looks.
    ///
    /// # Errors
    /// A directory of the namespace, or `/proc`, cannot be read.
    pub fn look(&mut self) -> Result<View> {
        let before = waits::told(&self.namespace, self.has_shared);
        let objects = self.survey.look(&self.namespace)?;
        let is_shared = |object: &Entry| object.name.starts_with("Global");
        self.has_shared = objects.iter().any(is_shared);
        let notes = waits::told(&self.namespace, self.has_shared);
        let mut waits = waits::collect(&notes, &self.survey, &objects);
        // Of objects without names what was seen was seen just now.
        let after = waits::told(&self.namespace, self.has_shared);
        waits::confirm(&mut waits, &notes, [&before, &after]);
        waits.sort_unstable_by_key(|wait| (wait.thread.pid, wait.thread.tid));
        let processes = self.users(&objects, &waits);
        let able_threads = able_threads(&waits);
        Ok(View {
            taken: Instant::now(),
            objects,
            processes,
            waits,
            able_threads,
        })
    }

    fn users(&self, objects: &[Entry], waits: &[Waiting]) -> Vec<User> {
        let mut pids = self.survey.users();
        pids.extend(waits.iter().map(|wait| wait.thread.pid));
        pids.extend(objects.iter().flat_map(ends));
        pids.sort_unstable();
        pids.dedup();
        // Looking makes no user.
        let own = std::process::id();
        let pids = pids.iter().filter_map(|pid| u32::try_from(*pid).ok());
        let mut users = Vec::new();
        for pid in pids.filter(|pid| *pid != own) {
            // It may have ended, or be hidden from this user.
            let Ok(Some(process)) = list::find(pid) else {
                continue;
            };
            let has_table = self.survey.may_have_table(i32::try_from(pid).unwrap_or(0));
            let handles = has_table.then(|| handle::count(pid)).flatten();
            users.push(User { process, handles });
        }
        users
    }
}

/// How many threads those processes have, whose end or whose end of a pipe somebody waits for, that also wait themselves.
/// Threads of the library, which only serve others, do not count.
fn able_threads(waits: &[Waiting]) -> HashMap<u32, u32> {
    let waiting: HashSet<u32> = waits
        .iter()
        .filter_map(|wait| u32::try_from(wait.thread.pid).ok())
        .collect();
    let awaited = waits.iter().flat_map(|wait| &wait.awaited);
    let needed: HashSet<u32> = awaited
        .filter_map(|awaited| match awaited {
            Awaited::Process(pid) => Some(*pid),
            Awaited::Pipe { peer, .. } => *peer,
            _ => None,
        })
        .filter(|pid| waiting.contains(pid))
        .collect();
    needed.into_iter().map(|pid| (pid, able(pid))).collect()
}

/// How many threads of a process are not the library's servants, by their names.
fn able(pid: u32) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let is_able = |task: &fs::DirEntry| {
        let name = fs::read_to_string(task.path().join("comm"));
        !name.is_ok_and(|name| name.starts_with("tong-"))
    };
    let able = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter(is_able)
        .count();
    u32::try_from(able).unwrap_or(u32::MAX)
}

/// The processes at the ends of a pipe.
fn ends(entry: &Entry) -> Vec<i32> {
    let About::Pipe { instances, .. } = &entry.about else {
        return Vec::new();
    };
    let both = |instance: &crate::namespace::PipeInstance| {
        [Some(instance.server_pid), instance.client_pid]
    };
    instances.iter().flat_map(both).flatten().collect()
}

impl View {
    /// The rings of threads each of which can only go on if the next one does.
    #[must_use]
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        stuck::rings(self)
    }

    /// The thread that a wait for this needs to act, if it is a certain one: the owner of a mutex, a thread, the first
    /// thread of a process, though any of them may end it. Any thread of a process can serve its end of a pipe.
    #[must_use]
    pub fn who_must_act(&self, awaited: &Awaited) -> Option<ThreadId> {
        match awaited {
            Awaited::Named(index) => match self.objects.get(*index)?.about {
                About::Mutex { owner, .. } => owner,
                _ => None,
            },
            Awaited::Unnamed { owner, .. } => *owner,
            Awaited::Process(pid) => {
                let pid = i32::try_from(*pid).ok()?;
                Some(ThreadId { pid, tid: pid })
            }
            Awaited::Thread(thread) => Some(*thread),
            Awaited::Pipe { .. } | Awaited::Descriptor { .. } => None,
        }
    }
}
