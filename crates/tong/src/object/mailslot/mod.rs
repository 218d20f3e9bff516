//! Mailslots: a named, one-way queue of whole messages with one reader and any number of writers.
//!
//! # Purpose
//! The server creates the mailslot and reads; clients open it by name and write. Writers and reader need not be related,
//! and need not run at the same time: a message stays when its writer has closed or died.
//!
//! # How
//! A listening socket at the name, and a one-way [channel](crate::channel) per writer, made by the writer. Writers never
//! see each other's bytes and cannot hold each other up. Every message carries the time at which it was written, and the
//! reader takes the oldest, so that messages come out in the order in which they were written, whoever wrote them.
//!
//! # When it is ready
//! The server is a descriptor ([`AsFd`](std::os::fd::AsFd)) that is readable exactly while a message is queued, once its
//! descriptor has been asked for. With feature `tokio` it can be awaited (`tong::tokio`).
//!
//! # Rights
//! The server reads, the client writes; neither can do the other's part. Only processes of the creator's user reach the
//! mailslot, unless the creator widens [`Access`].
//!
//! # Limits
//! A message has 0 bytes to just under the quota, or [`MailslotOptions::max_message_len`] if that is less. A writer has
//! at most [`MailslotOptions::quota_bytes`] queued (64 MiB unless set otherwise), 16 bytes a message and rounding to 16
//! included; beyond that its writes fail and nothing is lost. Each writer takes three descriptors on either side.
//! As many writers as `net.core.somaxconn` allows (4,096 usually) can wait to be taken in by a server that does nothing, and of
//! a user who is not the administrator half as many as `RLIMIT_NOFILE`, because their descriptors are under way.
//!
//! # Lifetime and death
//! The mailslot lives as long as a server handle. When the last one closes, or its process dies, unread messages and the
//! name are gone at once, and writes fail with [`ErrorKind::Closed`]. A write may still succeed
//! within 20 microseconds of the server's death by a signal, as if it had been queued just before. A writer killed while
//! writing leaves no message or the whole message; one whose write returned leaves the whole message.
//!
//! Handles are of no use in a child that was forked and runs on without exec: they fail with
//! [`ErrorKind::InvalidHandle`] there, and dropping them does nothing to the parent's.
//!
//! # Trust
//! A writer that breaks the rules of the shared memory is cut off, and its unread messages with it; nobody else notices.
//! A writer can claim a false time for its own messages, and so jump the queue or stay behind in it.
//!
//! # Differences from Windows
//! Writes are bounded by the quota. In a mailslot with widened access, messages of a writer that was idle are ordered
//! against those of others only to within the reader's next look at its descriptors. See `docs/differences.md`.
//!
//! # References
//! Win32: "About Mailslots", CreateMailslot, GetMailslotInfo, SetMailslotInfo.

mod client;
mod line;
mod published;
mod queue;
mod rings;
mod server;

pub use client::MailslotClient;
pub use server::MailslotServer;

use std::time::Duration;

use crate::namespace::{self, Openness, Space};
use crate::{Error, ErrorKind, MailslotName, Namespace, Result};

/// Bytes that one writer may have queued unless the creator says otherwise.
pub const DEFAULT_QUOTA: u64 = 64 << 20;

/// Smallest and largest quota that a creator can set.
const QUOTA_RANGE: std::ops::RangeInclusive<u64> = 4096..=4 << 30;

/// Who may open a client handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Only processes of the creator's own user.
    #[default]
    Private,
    /// Also processes of the group with this id, of which the creator must be a member.
    Group(u32),
    /// Every user of the machine.
    Everyone,
}

impl Access {
    pub(crate) fn openness(self) -> Openness {
        match self {
            Access::Private => Openness::Private,
            Access::Group(gid) => Openness::Group(gid),
            Access::Everyone => Openness::Everyone,
        }
    }
}

/// How a mailslot is to be made.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// let name = tong::MailslotName::short("mailbox")?;
/// let server = tong::MailslotServer::options().max_message_len(424).create(&name)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MailslotOptions {
    max_message_len: u32,
    read_timeout: Option<Duration>,
    quota_bytes: u64,
    access: Access,
}

impl MailslotOptions {
    pub(crate) fn new() -> MailslotOptions {
        MailslotOptions {
            max_message_len: 0,
            read_timeout: None,
            quota_bytes: DEFAULT_QUOTA,
            access: Access::Private,
        }
    }

    /// Sets the largest message in bytes; 0, the default, is any size.
    pub fn max_message_len(&mut self, bytes: u32) -> &mut Self {
        self.max_message_len = bytes;
        self
    }

    /// Sets the mailslot's read time-out: how long [`MailslotServer::read`] waits. `None`, the default, is for ever;
    /// zero is not at all. Kept in whole milliseconds, rounded up.
    pub fn read_timeout(&mut self, timeout: Option<Duration>) -> &mut Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets how many bytes each writer may have queued, 4 KiB to 4 GiB; values outside are moved to the nearer end.
    pub fn quota_bytes(&mut self, bytes: u64) -> &mut Self {
        self.quota_bytes = bytes.clamp(*QUOTA_RANGE.start(), *QUOTA_RANGE.end());
        self
    }

    /// Sets who may open a client handle.
    pub fn access(&mut self, access: Access) -> &mut Self {
        self.access = access;
        self
    }

    /// Creates the mailslot.
    ///
    /// # Errors
    /// In this order: no usable namespace, or no machine-wide one though access is widened
    /// ([`ErrorKind::PathNotFound`]); the name is taken
    /// ([`ErrorKind::AlreadyExists`]); something that is not tong's stands in the way
    /// ([`ErrorKind::Foreign`]); no space, no descriptors.
    ///
    /// # References
    /// Win32: CreateMailslot.
    pub fn create(&self, name: &MailslotName) -> Result<MailslotServer> {
        MailslotServer::make(name, self)
    }
}

/// What the files of the mailslot are called.
fn stem(name: &MailslotName) -> String {
    namespace::stem(Space::Mailslot, name.folded())
}

/// The name's hash as two numbers: what other processes are told of a handle.
pub(crate) fn identity(name: &MailslotName) -> [u64; 2] {
    let stem = stem(name);
    let (high, low) = stem.split_at(stem.len() / 2);
    [high, low].map(|half| u64::from_str_radix(half, 16).unwrap_or(0))
}

/// The name of the live mailslot whose name has this hash.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) if there is none; else what the namespace reports.
pub(crate) fn name_of(identity: [u64; 2]) -> Result<MailslotName> {
    const OP: &str = "find mailslot";
    let stem = format!("{:016x}{:016x}", identity[0], identity[1]);
    let space = Space::Mailslot;
    let current = Namespace::current()?;
    let own = namespace::open_page(current.dir(space), space, &stem, true)?;
    let found = match (own, namespace::global(space)?) {
        (None, Some(global)) => namespace::open_page(&global, space, &stem, false)?,
        (own, _) => own,
    };
    let (_, info) = found.ok_or_else(|| Error::new(OP, ErrorKind::NotFound))?;
    MailslotName::parse(&info.name)
}

/// Whether `written`, as a page has it, is this name.
fn is_name(name: &MailslotName, written: &str) -> bool {
    MailslotName::parse(written).is_ok_and(|written| written == *name)
}

/// Why a handle is of no use in a child that was forked without running another program.
fn forked(op: &'static str) -> Error {
    Error::new(op, ErrorKind::InvalidHandle)
        .because("the handle belongs to the process that this one was forked from; open one here")
}

/// What a mailslot says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailslotInfo {
    /// Largest message in bytes, 0 for any.
    pub max_message_len: u32,
    /// Length in bytes of the oldest message, `None` if the queue is empty.
    pub next_len: Option<usize>,
    /// Messages queued.
    pub message_count: u64,
    /// Bytes queued, 16 bytes a message and rounding to 16 included.
    pub queued_bytes: u64,
    /// How long [`MailslotServer::read`] waits, `None` for ever.
    pub read_timeout: Option<Duration>,
    /// Writers that are connected, or have left messages.
    pub writers: usize,
}
