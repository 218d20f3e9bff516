//! Handles: the numbers under which a process knows its objects.
//!
//! A [`Table`] maps a [`Handle`] to an [`Object`], the [`Rights`] that were granted when the handle was made, and two
//! [`Flags`]. Rights and flags belong to the handle, all else to the object: two handles of one object may differ in
//! what they allow. Every call checks in one order: is the handle in the table, is its object of the right kind, was the
//! right granted.
//!
//! # Values
//! A value is a multiple of 4 that is made of an index and a generation:
//!
//! ```text
//! bit  31   30 ...... 26   25 .................... 2   1   0
//!       0   generation     index (1 to 2^24 - 1)       ignored
//! ```
//!
//! The generation of a slot goes up when the slot is emptied, and emptied slots wait in line before they are used
//! again, so that a stale value is noticed for at least the next thousand handles. Bit 31 is clear: values are the same
//! in 32 bits and sign-extended to 64, and never meet a pseudo handle.
//!
//! # Lifetime and death
//! An object is ended when the last handle to it is closed, even if a call in another thread still works on it: that
//! call then returns, or finishes on what it holds. The table is memory of its process and dies with it; what the
//! objects keep in the kernel (locks, descriptors) is dropped by the kernel.
//!
//! # Limits
//! 2^24 - 1 handles per process.
//!
//! Each slot's state is a few integers beside the reference to the object ([`Table::rows`] lists them), and a slot can be
//! filled at any index: what it takes to publish the table to other processes, and to give a child the same values.
//!
//! # References
//! Win32: "Handles and Objects", CloseHandle, DuplicateHandle, GetHandleInformation, CompareObjectHandles.

mod rights;
mod slots;

pub use rights::{Generic, Kind, Rights};

use crate::object::file::File;
use crate::{Error, ErrorKind, MailslotClient, MailslotServer, Result};
use slots::Slots;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 5;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

/// The number of an entry in a [`Table`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(u32);

impl Handle {
    /// The handle that a number stands for. The two lowest bits are ignored.
    #[must_use]
    pub const fn from_raw(value: u32) -> Handle {
        Handle(value & !3)
    }

    /// The number, a multiple of 4.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    fn new(index: u32, generation: u32) -> Handle {
        Handle((generation & GENERATION_MASK) << (INDEX_BITS + 2) | index << 2)
    }

    fn index(self) -> u32 {
        self.0 >> 2 & ((1 << INDEX_BITS) - 1)
    }

    /// The generation bits and the bit above them, which is clear in every handle that exists.
    fn generation(self) -> u32 {
        self.0 >> (INDEX_BITS + 2)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({:#x})", self.0)
    }
}

/// What a handle can lead to.
#[non_exhaustive]
#[derive(Debug)]
pub enum Object {
    /// A regular file, a device, a directory or a standard stream.
    File(File),
    /// The reading end of a mailslot.
    MailslotServer(MailslotServer),
    /// A writing end of a mailslot.
    MailslotClient(MailslotClient),
}

impl Object {
    /// What sort of object this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Object::File(_) => Kind::File,
            Object::MailslotServer(_) => Kind::MailslotServer,
            Object::MailslotClient(_) => Kind::MailslotClient,
        }
    }

    /// The name it was made or opened with, if it has one.
    fn name(&self) -> Option<String> {
        match self {
            Object::File(file) => file.name().map(str::to_owned),
            Object::MailslotServer(server) => Some(server.name().to_string()),
            Object::MailslotClient(client) => Some(client.name().to_string()),
        }
    }

    /// The last handle is closed: whoever still works on the object must not be left waiting.
    fn end(&self) {
        match self {
            Object::MailslotServer(server) => server.close(),
            Object::File(_) | Object::MailslotClient(_) => {}
        }
    }
}

/// The two settings of a handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Does a child process get the handle?
    pub inherit: bool,
    /// Is closing the handle refused?
    pub protect_from_close: bool,
}

/// A change of some of a handle's [`Flags`]; `None` leaves a flag alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagChange {
    /// What to set [`Flags::inherit`] to.
    pub inherit: Option<bool>,
    /// What to set [`Flags::protect_from_close`] to.
    pub protect_from_close: Option<bool>,
}

/// An object and the number of handles to it, in one process.
#[derive(Debug)]
struct Held {
    object: Object,
    handles: AtomicUsize,
}

impl Held {
    /// Counts a handle more, unless the last one was closed meanwhile: an object that has ended gets no new handles.
    fn count_one_more(&self) -> bool {
        let one_more = |count: usize| (count > 0).then_some(count + 1);
        let counted = self
            .handles
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        counted.is_ok()
    }
}

/// One handle's share of a table.
#[derive(Debug)]
struct Entry {
    held: Arc<Held>,
    granted: Rights,
    flags: Flags,
}

/// An object as one handle shows it, for the length of a call.
///
/// The reference keeps the object in memory, not alive: closing the last handle ends it under a call's feet.
#[derive(Clone, Debug)]
pub struct Ref {
    held: Arc<Held>,
    granted: Rights,
}

impl Ref {
    /// The object.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.held.object
    }

    /// The rights that the handle carries.
    #[must_use]
    pub fn granted(&self) -> Rights {
        self.granted
    }

    /// Checks that the handle carries at least one of `rights`.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if it carries none of them.
    pub fn require_any(&self, rights: Rights) -> Result<()> {
        if self.granted.intersects(rights) {
            return Ok(());
        }
        let why = format!("the handle was opened without {rights:?}");
        Err(Error::new("use handle", ErrorKind::AccessDenied).because(why))
    }
}

/// Which rights a duplicate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateRights {
    /// Those of the source.
    Same,
    /// These, generic ones included. For files and mailslots they must all be in the source.
    Exactly(Rights),
}

/// One line of [`Table::rows`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The handle.
    pub handle: Handle,
    /// What sort of object it leads to.
    pub kind: Kind,
    /// The rights it carries.
    pub granted: Rights,
    /// Its flags.
    pub flags: Flags,
    /// The name that the object was made or opened with.
    pub name: Option<String>,
}

/// The handles of a process.
#[derive(Debug)]
pub struct Table {
    slots: Slots,
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

impl Table {
    /// The most handles that a table can hold.
    pub const MAX_HANDLES: u32 = (1 << INDEX_BITS) - 1;

    /// An empty table.
    #[must_use]
    pub fn new() -> Table {
        Table::with_limit(Table::MAX_HANDLES)
    }

    /// An empty table that holds at most `handles` handles, or [`MAX_HANDLES`](Self::MAX_HANDLES).
    #[must_use]
    pub fn with_limit(handles: u32) -> Table {
        Table {
            slots: Slots::new(handles.min(Table::MAX_HANDLES)),
        }
    }

    /// The table of this process, which the C interface uses.
    #[must_use]
    pub fn of_process() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::new);
        &TABLE
    }

    /// Makes the first handle of an object.
    ///
    /// # Errors
    /// [`NoResources`](ErrorKind::NoResources) if the table is full; the object is ended.
    pub fn insert(&self, object: Object, granted: Rights, inherit: bool) -> Result<Handle> {
        let held = Arc::new(Held {
            object,
            handles: AtomicUsize::new(1),
        });
        self.add(held, granted, inherit)
    }

    /// The object of a handle and the rights the handle carries.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    #[inline]
    pub fn get(&self, handle: Handle) -> Result<Ref> {
        let slot = self.slots.read(handle.index());
        let entry = slot.as_ref().and_then(|slot| slot.current(handle));
        match entry {
            Some(entry) => Ok(Ref {
                held: Arc::clone(&entry.held),
                granted: entry.granted,
            }),
            None => Err(stale(handle)),
        }
    }

    /// Takes a handle out of the table. The last handle of an object ends it.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table, or is protected from closing.
    pub fn close(&self, handle: Handle) -> Result<()> {
        let entry = self.with_entry(handle, |slot| {
            if slot
                .entry
                .as_ref()
                .is_some_and(|entry| entry.flags.protect_from_close)
            {
                let why = "the handle is protected from closing; clear that flag first";
                return Err(Error::new("close handle", ErrorKind::InvalidHandle).because(why));
            }
            slot.generation = slot.generation.wrapping_add(1);
            Ok(slot.entry.take())
        })?;
        self.slots.give_back(handle.index());
        if let Some(entry) = entry {
            release(entry);
        }
        Ok(())
    }

    /// The flags of a handle.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    pub fn flags(&self, handle: Handle) -> Result<Flags> {
        let slot = self.slots.read(handle.index());
        let entry = slot.as_ref().and_then(|slot| slot.current(handle));
        entry.map(|entry| entry.flags).ok_or_else(|| stale(handle))
    }

    /// Changes some flags of a handle.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    pub fn set_flags(&self, handle: Handle, change: FlagChange) -> Result<()> {
        self.with_entry(handle, |slot| {
            if let Some(entry) = &mut slot.entry {
                let flags = &mut entry.flags;
                flags.inherit = change.inherit.unwrap_or(flags.inherit);
                flags.protect_from_close = change
                    .protect_from_close
                    .unwrap_or(flags.protect_from_close);
            }
            Ok(())
        })
    }

    /// Makes another handle of the same object. Its inherit flag is `inherit`, and closing it is not refused.
    ///
    /// # Errors
    /// In this order: [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if rights are asked for that the kind does not have, or that the
    /// source would have to have and has not; [`NoResources`](ErrorKind::NoResources) if the table is full.
    pub fn duplicate(
        &self,
        source: Handle,
        rights: DuplicateRights,
        inherit: bool,
    ) -> Result<Handle> {
        let found = self.get(source)?;
        let granted = duplicate_rights(found.object().kind(), found.granted, rights)?;
        if !found.held.count_one_more() {
            return Err(stale(source));
        }
        self.add(found.held, granted, inherit)
    }

    /// Gives a handle other rights and another inherit flag in place: a duplicate that closes its source and keeps its
    /// value. A handle that is protected from closing stays as it is, and a new one is made.
    ///
    /// # Errors
    /// As [`duplicate`](Self::duplicate). The source is closed even then, unless it is protected.
    pub fn replace(
        &self,
        source: Handle,
        rights: DuplicateRights,
        inherit: bool,
    ) -> Result<Handle> {
        let changed = self.with_entry(source, |slot| {
            let Some(entry) = slot
                .entry
                .as_mut()
                .filter(|entry| !entry.flags.protect_from_close)
            else {
                return Ok(false);
            };
            entry.granted = duplicate_rights(entry.held.object.kind(), entry.granted, rights)?;
            entry.flags.inherit = inherit;
            Ok(true)
        });
        match changed {
            Ok(true) => Ok(source),
            Ok(false) => self.duplicate(source, rights, inherit),
            Err(error) => {
                // The source goes whatever the outcome; if it was not there at all, `error` says so already.
                let _ = self.close(source);
                Err(error)
            }
        }
    }

    /// Says whether two handles lead to the same object.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if either handle is not in the table.
    pub fn same_object(&self, one: Handle, other: Handle) -> Result<bool> {
        let (one, other) = (self.get(one)?, self.get(other)?);
        Ok(Arc::ptr_eq(&one.held, &other.held))
    }

    /// All handles of the table, by index. Handles that come and go meanwhile may be missed.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        (1..self.slots.end())
            .filter_map(|index| self.row(index))
            .collect()
    }

    fn row(&self, index: u32) -> Option<Row> {
        let slot = self.slots.read(index)?;
        let entry = slot.entry.as_ref()?;
        Some(Row {
            handle: Handle::new(index, slot.generation),
            kind: entry.held.object.kind(),
            granted: entry.granted,
            flags: entry.flags,
            name: entry.held.object.name(),
        })
    }

    /// Adds a handle that is already counted in its object.
    fn add(&self, held: Arc<Held>, granted: Rights, inherit: bool) -> Result<Handle> {
        let entry = Entry {
            held,
            granted,
            flags: Flags {
                inherit,
                protect_from_close: false,
            },
        };
        let Some(index) = self.slots.take() else {
            release(entry);
            return Err(Error::new("make handle", ErrorKind::NoResources)
                .because("the handle table is full"));
        };
        let mut slot = self.slots.write_new(index);
        slot.entry = Some(entry);
        Ok(Handle::new(index, slot.generation))
    }

    /// Runs `change` on the slot of a handle that is in the table, with nobody else in that slot.
    fn with_entry<T>(
        &self,
        handle: Handle,
        change: impl FnOnce(&mut slots::Slot) -> Result<T>,
    ) -> Result<T> {
        match self.slots.write(handle.index()) {
            Some(mut slot) if slot.current(handle).is_some() => change(&mut slot),
            _ => Err(stale(handle)),
        }
    }
}

impl slots::Slot {
    /// The entry, if `handle` is the one that leads to it.
    #[inline]
    fn current(&self, handle: Handle) -> Option<&Entry> {
        let same = self.generation & GENERATION_MASK == handle.generation();
        self.entry.as_ref().filter(|_| same)
    }
}

/// The mask of a duplicate.
fn duplicate_rights(kind: Kind, source: Rights, wanted: DuplicateRights) -> Result<Rights> {
    let DuplicateRights::Exactly(wanted) = wanted else {
        return Ok(source);
    };
    let mut granted = wanted.mapped(kind)?;
    if wanted.contains(Rights::MAXIMUM_ALLOWED) {
        granted = granted | source;
    }
    if kind.rights_only_shrink() && !source.contains(granted) {
        let why =
            format!("a duplicate cannot have more rights than its source, which has {source:?}");
        return Err(Error::new("duplicate handle", ErrorKind::AccessDenied).because(why));
    }
    Ok(granted)
}

/// Lets go of an entry that is no longer in the table.
fn release(entry: Entry) {
    // AcqRel: the thread that ends the object has seen what all others did before they closed their handles.
    if entry.held.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
        entry.held.object.end();
    }
}

#[cold]
fn stale(handle: Handle) -> Error {
    Error::new("use handle", ErrorKind::InvalidHandle).because(format!("{handle:?} is not open"))
}
