//! A page that this process keeps alive: its locks, and the doors beside it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tong_sys::dir::Dir;
use tong_sys::lock::{self, Kind};
use tong_sys::map::Ordering;
use tong_sys::{door, errno};

use super::enter::Fresh;
use super::table::{self, Hint, Table};
use super::{door_name, is_dead, lock_slot, remove_door, stands, Facts, CREATE, SLOTS_AT};
use crate::namespace::claim::{self, lock_change, Locked, CHANGE, LIFE};
use crate::namespace::page::{Page, PageInfo};
use crate::namespace::reopen;
use crate::{Error, Result};

/// A page that this process has locked, and so keeps alive.
#[derive(Debug)]
pub(crate) struct Held {
    dir: Arc<Dir>,
    stem: String,
    file: OwnedFd,
    inode: (u64, u64),
    pub(crate) table: Table,
    pub(crate) facts: Facts,
    /// The page in the user's own directory, if the pipe is machine-wide.
    sign: Option<Sign>,
}

/// A page that only says that the pipe is in the machine-wide directory.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) dir: Arc<Dir>,
    pub(super) file: OwnedFd,
    pub(super) inode: (u64, u64),
}

/// The names of a pipe are locked against change for as long as this lives.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    held: &'a Held,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let _ = lock::unlock(&self.held.file, CHANGE, 1);
        if let Some(sign) = &self.held.sign {
            let _ = lock::unlock(&sign.file, CHANGE, 1);
        }
    }
}
impl Held {
    pub(super) fn open(
        dir: &Arc<Dir>,
        stem: &str,
        locked: Locked,
        info: &PageInfo,
        sign: Option<Sign>,
    ) -> Result<Held> {
        let table = Table::open(&locked.file, Page::len_for(&info.name))
            .map_err(|error| Error::from_io(CREATE, error))?;
        let openness = table.page_word(table::AT_OPENNESS);
        let facts = Facts::read(info, openness.load(Ordering::Relaxed));
        Ok(Held {
            dir: Arc::clone(dir),
            stem: stem.to_owned(),
            inode: locked.inode,
            file: locked.file,
            table,
            facts,
            sign,
        })
    }

    /// Takes over the lock that [`enter`] left.
    pub(crate) fn is_changing(&self) -> Change<'_> {
        Change { held: self }
    }

    /// Locks the names against change.
    ///
    /// # Errors
    /// Another process does not let go of them ([`ErrorKind::TimedOut`]).
    pub(crate) fn lock_change(&self, op: &'static str) -> Result<Change<'_>> {
        let failed = |error| Error::from_io(op, error);
        // In the order in which whoever enters locks them.
        let sign = self.sign.as_ref().map(|sign| &sign.file);
        for file in sign.into_iter().chain([&self.file]) {
            let locked = lock_change(file).map_err(failed);
            if !matches!(locked, Ok(true)) {
                drop(Change { held: self });
                return Err(locked.err().unwrap_or_else(|| claim::being_changed(op)));
            }
        }
        Ok(Change { held: self })
    }

    /// Whether the page still has its name: nobody has removed it under us.
    pub(crate) fn is_named(&self) -> bool {
        stands(&self.dir, &self.stem, self.inode)
            && self
                .sign
                .as_ref()
                .is_none_or(|sign| stands(&sign.dir, &self.stem, sign.inode))
    }

    /// Lets others see the new pipe. The names are locked against change.
    pub(crate) fn publish(&self, fresh: &Fresh) -> io::Result<()> {
        for file in self.files() {
            lock::try_lock(file, Kind::Shared, LIFE, 1)?;
        }
        fresh.0.iter().for_each(Page::set_ready);
        Ok(())
    }

    /// Gives the pipe up as far as this process goes. If no other keeps it, it has ended, and its name is free.
    pub(crate) fn leave(&self, change: &Change<'_>) {
        debug_assert!(std::ptr::eq(change.held, self));
        if lock::try_lock(&self.file, Kind::Exclusive, LIFE, 1).unwrap_or(false) {
            // Of instances whose processes died before us.
            for slot in self.table.taken() {
                remove_door(&self.dir, &self.door_name(slot));
            }
            if stands(&self.dir, &self.stem, self.inode) {
                let _ = self.dir.remove(&self.stem);
            }
            if let Some(sign) = &self.sign {
                if stands(&sign.dir, &self.stem, sign.inode) {
                    let _ = sign.dir.remove(&self.stem);
                }
            }
            self.table.end();
        }
        self.let_go();
    }

    /// Lets go of the page, for the next user of the name to find it dead if nobody else keeps it.
    pub(crate) fn let_go(&self) {
        // Explicitly, because a process that is being started may have copies of the descriptors for a moment.
        for file in self.files() {
            let _ = lock::unlock(file, LIFE, 1);
        }
    }

    fn files(&self) -> impl Iterator<Item = &OwnedFd> {
        let sign = self.sign.as_ref().map(|sign| &sign.file);
        [&self.file].into_iter().chain(sign)
    }

    /// The page, as this process has it open.
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(crate) fn inode(&self) -> (u64, u64) {
        self.inode
    }

    /// Takes a slot for a new instance, with memory behind it, and its life locked; none before `from`.
    pub(crate) fn take_slot(&self, from: u32, change: &Change<'_>) -> io::Result<u32> {
        debug_assert!(std::ptr::eq(change.held, self));
        let slot = match self.table.free_slot(from) {
            Some(slot) => slot,
            None => self.table.grow(&self.file)?,
        };
        self.table.set_hint(slot, Hint::Made);
        self.lock_slot(slot)?;
        Ok(slot)
    }

    /// Keeps the instance in the slot alive, for as long as the open lives or until [`leave_slot`](Self::leave_slot).
    pub(crate) fn lock_slot(&self, slot: u32) -> io::Result<()> {
        lock_slot(&self.file, slot)
    }

    /// Opens the page once more, to keep the pipe and an instance alive while another process comes to hold it.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn share(&self, slot: u32) -> Result<OwnedFd> {
        let file = reopen(&self.file)?;
        lock::try_lock(&file, Kind::Shared, LIFE, 1)
            .and_then(|_| lock_slot(&file, slot))
            .map_err(|error| Error::from_io("hand over pipe", error))?;
        Ok(file)
    }

    /// Lets go of a slot; returns whether no other process holds the same server end.
    pub(crate) fn leave_slot(&self, slot: u32) -> bool {
        let _ = lock::unlock(&self.file, SLOTS_AT + u64::from(slot), 1);
        self.is_dead(slot)
    }

    /// Frees a slot that nobody holds, with what a dead server left of its door. The names are locked against change.
    pub(crate) fn bury_slot(&self, slot: u32, change: &Change<'_>) {
        remove_door(&self.dir, &self.door_name(slot));
        self.free_slot(slot, change);
    }

    /// Frees a slot that nobody holds, and that has no door. The names are locked against change.
    pub(crate) fn free_slot(&self, slot: u32, change: &Change<'_>) {
        debug_assert!(std::ptr::eq(change.held, self));
        self.table.set_hint(slot, Hint::Free);
    }

    /// Whether no other process holds the server end in the slot.
    pub(crate) fn is_dead(&self, slot: u32) -> bool {
        is_dead(&self.file, slot)
    }

    /// Opens the door of a slot; `None` if something stands at its name that is not a dead door.
    pub(crate) fn open_door(&self, slot: u32) -> io::Result<Option<OwnedFd>> {
        let name = self.door_name(slot);
        let openness = self.facts.openness;
        let open = || door::open(&self.dir, &name, openness.socket_mode(), openness.group());
        let is_taken = |error: &io::Error| error.raw_os_error() == Some(errno::EADDRINUSE);
        let opened = match open() {
            Err(error) if is_taken(&error) && remove_door(&self.dir, &name) => open(),
            result => result,
        };
        match opened {
            Err(error) if is_taken(&error) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Removes the name of a door that was open.
    pub(crate) fn close_door(&self, slot: u32) {
        let _ = self.dir.remove(&self.door_name(slot));
    }

    fn door_name(&self, slot: u32) -> String {
        door_name(&self.stem, self.table.tag(), slot)
    }
}
