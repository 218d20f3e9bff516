//! The table itself: making, finding, changing and closing handles.

use std::sync::LazyLock;

use tong_sys::slot::Look;

use super::entry::{DuplicateRights, Entry, Ref};
use super::mirror::Mirror;
use super::record::Record;
use super::slots::{Place, Slots, UPPER};
use super::{FlagChange, Flags, Handle, Object, ObjectId, Rights, Row, INDEX_BITS};
use crate::{Error, ErrorKind, Result};

/// The handles of a process.
#[derive(Debug)]
pub struct Table {
    slots: Slots,
    /// What other processes see of the table and send to it; a table that is not the process's own is private.
    mirror: Option<Mirror>,
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

impl Table {
    /// The most handles that a table can hold of its own making; other processes can put as many more into it.
    pub const MAX_HANDLES: u32 = UPPER - 1;

    /// An empty table.
    #[must_use]
    pub fn new() -> Table {
        Table::with_limit(Table::MAX_HANDLES)
    }

    /// An empty table that holds at most `handles` handles, or [`MAX_HANDLES`](Self::MAX_HANDLES).
    #[must_use]
    pub fn with_limit(handles: u32) -> Table {
        Table {
            slots: Slots::new(handles),
            mirror: None,
        }
    }

    /// The table of this process, which the C interface uses. It begins with the handles that the process inherited.
    #[must_use]
    pub fn of_process() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let mut table = Table::new();
            let (mirror, inherited) = Mirror::of_process();
            table.mirror = mirror;
            for (record, object) in inherited {
                let made = object.map(|object| table.insert_at(record, object));
                // What cannot be made is not there. Nobody can be told before main, but nobody shall see it.
                if let (None | Some(Err(_)), Some(mirror)) = (made, &table.mirror) {
                    mirror.clear(record.handle.index(), record.handle);
                }
            }
            table
        });
        &TABLE
    }

    /// Makes the handles that the creator of this process gave it, if it gave any. They are there at the first use of the
    /// table in any case; this makes them be seen from outside before.
    pub fn take_over_inherited() {
        if tong_sys::start::look() {
            let _ = Table::of_process();
        }
    }

    /// Makes the first handle of an object.
    ///
    /// # Errors
    /// [`NoResources`](ErrorKind::NoResources) if the table is full; the object is ended.
    pub fn insert(&self, object: Object, granted: Rights, inherit: bool) -> Result<Handle> {
        self.add(Entry::first(object, granted, unprotected(inherit)))
    }

    /// Makes a handle with a certain value, which the record has, in a table that never used its place.
    pub(super) fn insert_at(&self, record: Record, object: Object) -> Result<Handle> {
        let handle = record.handle;
        let index = handle.index();
        let entry = Entry::first(object, record.granted, record.flags);
        let reserved = index >= UPPER || (index != 0 && self.slots.take_at(index));
        let place = reserved.then(|| self.slots.get_or_make(index));
        let Some(place) = place.filter(|place| place.slot.tag().is_none()) else {
            entry.release();
            return Err(in_use(handle));
        };
        place.expect(handle);
        self.put(place, handle, entry)
    }

    /// Looks at the object of a handle and the rights that the handle carries.
    ///
    /// This is the cheap way, for calls that return at once: whoever closes the handle meanwhile waits for `look`. For
    /// anything that may wait take a reference ([`get`](Self::get)), and never close the handle from inside.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table; else what `look` returns.
    #[inline]
    pub fn with<R>(
        &self,
        handle: Handle,
        look: impl FnOnce(&Object, Rights) -> Result<R>,
    ) -> Result<R> {
        let entry = self.look(handle)?;
        look(entry.object(), entry.granted())
    }

    /// The object of a handle and the rights the handle carries.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    #[inline]
    pub fn get(&self, handle: Handle) -> Result<Ref> {
        Ok(self.look(handle)?.reference())
    }

    /// Takes a handle out of the table. The last handle of an object ends it.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table, or is protected from closing.
    pub fn close(&self, handle: Handle) -> Result<()> {
        self.attend();
        self.remove(handle)
    }

    /// [`close`](Self::close) without looking at what others sent.
    pub(super) fn remove(&self, handle: Handle) -> Result<()> {
        let index = handle.index();
        let place = self.slots.get(index).ok_or_else(|| stale(handle))?;
        let flags = place.slot.look(handle.raw()).map(|entry| entry.flags());
        if flags.is_some_and(|flags| flags.protect_from_close) {
            let why = "the handle is protected from closing; clear that flag first";
            return Err(Error::new("close handle", ErrorKind::InvalidHandle).because(why));
        }
        let entry = place.slot.take(handle.raw()).ok_or_else(|| stale(handle))?;
        place.age();
        if let Some(mirror) = &self.mirror {
            mirror.clear(index, place.handle(index));
            if let Some(shared) = entry.object().shared() {
                if mirror.was_pulled() {
                    shared.lend();
                }
            }
        }
        if index < UPPER {
            self.slots.give_back(index);
        }
        entry.release();
        Ok(())
    }

    /// The flags of a handle.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    pub fn flags(&self, handle: Handle) -> Result<Flags> {
        Ok(self.look(handle)?.flags())
    }

    /// Changes some flags of a handle.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if the handle is not in the table.
    pub fn set_flags(&self, handle: Handle, change: FlagChange) -> Result<()> {
        let entry = self.look(handle)?;
        entry.change_flags(change);
        self.show(handle, &entry);
        Ok(())
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
        let granted = rights.of(found.object().kind(), found.granted())?;
        let entry = found.another(granted, unprotected(inherit));
        self.add(entry.ok_or_else(|| stale(source))?)
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
        match self.change(source, rights, inherit) {
            Ok(true) => Ok(source),
            Ok(false) => self.duplicate(source, rights, inherit),
            Err(error) => {
                // The source goes whatever the outcome.
                let _ = self.close(source);
                Err(error)
            }
        }
    }

    /// Gives a handle other rights and another inherit flag, unless it is protected.
    fn change(&self, handle: Handle, rights: DuplicateRights, inherit: bool) -> Result<bool> {
        let entry = self.look(handle)?;
        if entry.flags().protect_from_close {
            return Ok(false);
        }
        let granted = rights.of(entry.object().kind(), entry.granted())?;
        entry.set(granted, unprotected(inherit));
        self.show(handle, &entry);
        Ok(true)
    }

    /// Says whether two handles lead to the same object, also if they came by different ways: two opens of one name, or a
    /// duplicate that was in another process meanwhile.
    ///
    /// # Errors
    /// [`InvalidHandle`](ErrorKind::InvalidHandle) if either handle is not in the table.
    pub fn same_object(&self, one: Handle, other: Handle) -> Result<bool> {
        let (one, other) = (self.get(one)?, self.get(other)?);
        Ok(one.is_same(&other) || one.object().same_object(other.object()))
    }

    /// All handles of the table, by index. Handles that come and go meanwhile may be missed.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.attend();
        self.slots
            .indices()
            .filter_map(|index| self.row(index))
            .collect()
    }

    fn row(&self, index: u32) -> Option<Row> {
        let slot = &self.slots.get(index)?.slot;
        let tag = slot.tag()?;
        let entry = slot.look(tag)?;
        Some(Row {
            handle: Handle::from_raw(tag),
            kind: entry.object().kind(),
            granted: entry.granted(),
            flags: entry.flags(),
            name: entry.object().name(),
            id: ObjectId(entry.object().identity()),
        })
    }

    /// References to the objects of all inheritable handles, with what there is to tell of each.
    pub(super) fn inheritable(&self) -> Vec<(Record, Ref)> {
        self.attend();
        let look = |index| {
            let slot = &self.slots.get(index)?.slot;
            let tag = slot.tag()?;
            let entry = slot.look(tag)?;
            Some((entry.record(Handle::from_raw(tag)), entry.reference()))
        };
        (self.slots.indices().filter_map(look))
            .filter(|(record, _)| record.flags.inherit)
            .collect()
    }

    /// What there is to tell of a handle, and its object.
    pub(super) fn record(&self, handle: Handle) -> Result<(Record, Ref)> {
        let entry = self.look(handle)?;
        Ok((entry.record(handle), entry.reference()))
    }

    /// Adds a handle that is already counted in its object.
    fn add(&self, entry: Entry) -> Result<Handle> {
        let Some(index) = self.slots.take() else {
            entry.release();
            return Err(Error::new("make handle", ErrorKind::NoResources)
                .because("the handle table is full"));
        };
        let place = self.slots.get_or_make(index);
        self.put(place, place.handle(index), entry)
    }

    /// Fills a place that is this call's own.
    fn put(&self, place: &Place, handle: Handle, entry: Entry) -> Result<Handle> {
        // Shown first: once it is in the slot, another thread may close it.
        self.show(handle, &entry);
        match place.slot.fill(handle.raw(), entry) {
            Ok(()) => Ok(handle),
            Err(entry) => {
                entry.release();
                Err(in_use(handle))
            }
        }
    }

    fn show(&self, handle: Handle, entry: &Entry) {
        if let Some(mirror) = &self.mirror {
            mirror.show(handle.index(), &entry.record(handle));
        }
    }

    /// The entry of a handle, which stays until the look is dropped.
    #[inline]
    fn look(&self, handle: Handle) -> Result<Look<'_, Entry>> {
        self.attend();
        let place = self.slots.get(handle.index());
        match place.and_then(|place| place.slot.look(handle.raw())) {
            Some(entry) => Ok(entry),
            None => Err(stale(handle)),
        }
    }

    /// Takes in what other processes have sent.
    #[inline]
    fn attend(&self) {
        if let Some(mirror) = &self.mirror {
            if mirror.has_mail() {
                self.take_in(mirror);
            }
        }
    }

    #[cold]
    fn take_in(&self, mirror: &Mirror) {
        // From inside a look at one entry, it could be the one that is to be closed.
        if !tong_sys::slot::is_looking() {
            mirror.take_mail(self);
        }
    }
}

fn unprotected(inherit: bool) -> Flags {
    Flags {
        inherit,
        protect_from_close: false,
    }
}

#[cold]
fn in_use(handle: Handle) -> Error {
    Error::new("make handle", ErrorKind::AlreadyExists).because(format!("{handle:?} is in use"))
}

#[cold]
pub(super) fn stale(handle: Handle) -> Error {
    Error::new("use handle", ErrorKind::InvalidHandle).because(format!("{handle:?} is not open"))
}

const _: () = assert!(UPPER < 1 << INDEX_BITS);
