//! Access masks: what a handle allows.
//!
//! A mask has 32 bits. The low sixteen belong to the kind of the object, the next eight are common to all kinds, and
//! the top four are *generic*: they stand for a set of the others that depends on the kind and are replaced by it when a
//! handle is made, so that no stored mask ever holds one.
//!
//! # References
//! Win32: "Access Mask Format", "Standard Access Rights", "Generic Access Rights".

use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// A set of rights, as the 32-bit mask of Windows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights(u32);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);

    /// Delete the object.
    pub const DELETE: Rights = Rights(0x0001_0000);
    /// Read who may do what with the object.
    pub const READ_CONTROL: Rights = Rights(0x0002_0000);
    /// Change who may do what with the object.
    pub const WRITE_DAC: Rights = Rights(0x0004_0000);
    /// Change the object's owner.
    pub const WRITE_OWNER: Rights = Rights(0x0008_0000);
    /// Wait on the object.
    pub const SYNCHRONIZE: Rights = Rights(0x0010_0000);
    /// Read or change what the system logs about the object. Nobody has the privilege for that here.
    pub const ACCESS_SYSTEM_SECURITY: Rights = Rights(0x0100_0000);
    /// Asks for all that the caller is entitled to.
    pub const MAXIMUM_ALLOWED: Rights = Rights(0x0200_0000);
    /// Stands for every right of the kind.
    pub const GENERIC_ALL: Rights = Rights(0x1000_0000);
    /// Stands for the execute rights of the kind.
    pub const GENERIC_EXECUTE: Rights = Rights(0x2000_0000);
    /// Stands for the write rights of the kind.
    pub const GENERIC_WRITE: Rights = Rights(0x4000_0000);
    /// Stands for the read rights of the kind.
    pub const GENERIC_READ: Rights = Rights(0x8000_0000);

    /// The four standard rights that every kind may ask for.
    pub const STANDARD_RIGHTS_REQUIRED: Rights = Rights(0x000F_0000);
    /// The four standard rights and the right to wait.
    pub const STANDARD_RIGHTS_ALL: Rights = Rights(0x001F_0000);

    /// Files: read data. Mailslots: take messages (server).
    pub const FILE_READ_DATA: Rights = Rights(0x1);
    /// Files: write data anywhere. Mailslots: queue messages (client).
    pub const FILE_WRITE_DATA: Rights = Rights(0x2);
    /// Files: write at the end. Mailslots: queue messages (client).
    pub const FILE_APPEND_DATA: Rights = Rights(0x4);
    /// Files: read extended attributes.
    pub const FILE_READ_EA: Rights = Rights(0x8);
    /// Files: write extended attributes.
    pub const FILE_WRITE_EA: Rights = Rights(0x10);
    /// Files: run as a program.
    pub const FILE_EXECUTE: Rights = Rights(0x20);
    /// Files: read times, size and attributes.
    pub const FILE_READ_ATTRIBUTES: Rights = Rights(0x80);
    /// Files: change times and attributes.
    pub const FILE_WRITE_ATTRIBUTES: Rights = Rights(0x100);

    /// All four generic bits.
    const GENERIC: Rights = Rights(0xF000_0000);

    /// The set with exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Rights {
        Rights(bits)
    }

    /// The mask as a number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Says whether every right of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Says whether any right of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }

    /// The rights of this set and of `other`.
    #[must_use]
    pub const fn union(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// Says whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Checks that at least one of `needed` is in this set.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if none is.
    #[inline]
    pub fn require_any(self, needed: Rights) -> Result<()> {
        match self.intersects(needed) {
            true => Ok(()),
            false => Err(missing(needed)),
        }
    }

    /// The mask to store in a handle of `kind` when these rights are asked for: generic bits replaced, implied
    /// rights added. [`MAXIMUM_ALLOWED`](Self::MAXIMUM_ALLOWED) is left out: what it means only the object knows.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if a bit is asked for that objects of `kind` do not have.
    pub fn mapped(self, kind: Kind) -> Result<Rights> {
        let map = kind.generic();
        let allowed = map.all | Rights::GENERIC | Rights::MAXIMUM_ALLOWED;
        if !allowed.contains(self) {
            let why = format!("objects of kind {kind} do not have all rights of {self:?}");
            return Err(Error::new("translate rights", ErrorKind::AccessDenied).because(why));
        }
        let mut result = self & !(Rights::GENERIC | Rights::MAXIMUM_ALLOWED);
        let generic = [
            (Rights::GENERIC_READ, map.read),
            (Rights::GENERIC_WRITE, map.write),
            (Rights::GENERIC_EXECUTE, map.execute),
            (Rights::GENERIC_ALL, map.all),
        ];
        for (bit, rights) in generic {
            if self.contains(bit) {
                result = result | rights;
            }
        }
        Ok(result.with_implied(kind))
    }

    /// Adds the lesser rights that some greater ones carry with them.
    fn with_implied(self, kind: Kind) -> Rights {
        let implied: &[(u32, u32)] = match kind {
            Kind::Process => &[(0x400, 0x1000)],
            Kind::Thread => &[(0x40, 0x800), (0x20, 0x400)],
            _ => &[],
        };
        implied
            .iter()
            .filter(|(greater, _)| self.contains(Rights(*greater)))
            .fold(self, |rights, (_, lesser)| rights | Rights(*lesser))
    }
}

#[cold]
fn missing(needed: Rights) -> Error {
    let why = format!("the handle was opened without {needed:?}");
    Error::new("use handle", ErrorKind::AccessDenied).because(why)
}

impl BitOr for Rights {
    type Output = Rights;

    fn bitor(self, other: Rights) -> Rights {
        self.union(other)
    }
}

impl BitAnd for Rights {
    type Output = Rights;

    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl Not for Rights {
    type Output = Rights;

    fn not(self) -> Rights {
        Rights(!self.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({:#010x})", self.0)
    }
}

/// What sort of object a handle leads to, as far as rights are concerned.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An event.
    Event,
    /// A mutex.
    Mutex,
    /// A semaphore.
    Semaphore,
    /// A waitable timer.
    Timer,
    /// A section (Win32: file mapping).
    Section,
    /// A process.
    Process,
    /// A thread.
    Thread,
    /// A job.
    Job,
    /// A regular file or a device.
    File,
    /// The reading end of a mailslot.
    MailslotServer,
    /// A writing end of a mailslot.
    MailslotClient,
    /// The server's end of a pipe instance.
    PipeServer,
    /// The client's end of a pipe.
    PipeClient,
    /// The reading end of an anonymous pipe.
    AnonymousReader,
    /// The writing end of an anonymous pipe.
    AnonymousWriter,
    /// An I/O completion port.
    Completion,
    /// A frozen list of processes and threads.
    Snapshot,
}

/// What the generic rights stand for in objects of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generic {
    /// What `GENERIC_READ` stands for.
    pub read: Rights,
    /// What `GENERIC_WRITE` stands for.
    pub write: Rights,
    /// What `GENERIC_EXECUTE` stands for.
    pub execute: Rights,
    /// What `GENERIC_ALL` stands for: every right that the kind has.
    pub all: Rights,
}

impl Kind {
    /// What the generic rights stand for in objects of this kind.
    #[must_use]
    pub const fn generic(self) -> Generic {
        let [read, write, execute, all] = match self {
            Kind::Event | Kind::Semaphore | Kind::Timer | Kind::Completion => {
                [0x0002_0001, 0x0002_0002, 0x0012_0000, 0x001F_0003]
            }
            Kind::Mutex => [0x0002_0001, 0x0002_0000, 0x0012_0000, 0x001F_0001],
            Kind::Section | Kind::Snapshot => [0x0002_0005, 0x0002_0002, 0x0002_0008, 0x000F_001F],
            Kind::Process => [0x0002_0410, 0x0002_0BEA, 0x0012_1001, 0x001F_FFFF],
            Kind::Thread => [0x0002_0048, 0x0002_0437, 0x0012_1800, 0x001F_FFFF],
            Kind::Job => [0x0002_0004, 0x0002_000B, 0x0012_0000, 0x001F_003F],
            Kind::File
            | Kind::MailslotServer
            | Kind::MailslotClient
            | Kind::PipeServer
            | Kind::PipeClient
            | Kind::AnonymousReader
            | Kind::AnonymousWriter => [0x0012_0089, 0x0012_0116, 0x0012_00A0, 0x001F_01FF],
        };
        Generic {
            read: Rights(read),
            write: Rights(write),
            execute: Rights(execute),
            all: Rights(all),
        }
    }

    /// May a duplicate of a handle of this kind never have more rights than its source?
    ///
    /// So it is for everything that was opened like a file; the rights of other kinds depend on the object's owner.
    pub(crate) const fn rights_only_shrink(self) -> bool {
        matches!(
            self,
            Kind::File
                | Kind::MailslotServer
                | Kind::MailslotClient
                | Kind::PipeServer
                | Kind::PipeClient
                | Kind::AnonymousReader
                | Kind::AnonymousWriter
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Event => "event",
            Kind::Mutex => "mutex",
            Kind::Semaphore => "semaphore",
            Kind::Timer => "timer",
            Kind::Section => "section",
            Kind::Process => "process",
            Kind::Thread => "thread",
            Kind::Job => "job",
            Kind::File => "file",
            Kind::MailslotServer => "mailslot server",
            Kind::MailslotClient => "mailslot client",
            Kind::PipeServer => "pipe server",
            Kind::PipeClient => "pipe client",
            Kind::AnonymousReader => "anonymous pipe, reading end",
            Kind::AnonymousWriter => "anonymous pipe, writing end",
            Kind::Completion => "completion port",
            Kind::Snapshot => "snapshot",
        })
    }
}
