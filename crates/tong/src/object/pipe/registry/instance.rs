//! A server end's place in its pipe: the slot, the door, and the words that all holders of the end share.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tong_sys::door;
use tong_sys::fork::Birth;
use tong_sys::map::{AtomicU64, Ordering};

use super::kept::{Kept, Pipe};
use super::making::{add, adopt, in_the_way, join, open_door};
use super::{failed, stem, Attributes, Quotas};
use crate::name::PipeName;
use crate::namespace::pipe::{self, Column, Hint};
use crate::object::pipe::options::PipeOptions;
use crate::{Error, ErrorKind, Namespace, Result};

const CREATE: &str = "create pipe";
const LISTEN: &str = "listen at pipe";

/// What tools show of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Listening = 1,
    Connected = 2,
    Closing = 3,
    Disconnected = 4,
}

impl Shown {
    pub(crate) fn from_word(word: u64) -> Option<Shown> {
        match word {
            1 => Some(Shown::Listening),
            2 => Some(Shown::Connected),
            3 => Some(Shown::Closing),
            4 => Some(Shown::Disconnected),
            _ => None,
        }
    }
}

/// An instance of a pipe, kept alive by this process. When the last process drops its own, the instance is gone at once;
/// and with the last instance, the pipe.
#[derive(Debug)]
pub(crate) struct Instance {
    kept: Kept,
    pipe: Arc<Pipe>,
    slot: u32,
    birth: Birth,
    door: Mutex<Option<Door>>,
    is_given_up: AtomicBool,
}

/// The door of an instance that listens.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: Arc<OwnedFd>,
    pub(super) turn: u64,
}

/// What another process needs to hold the same server end: it keeps the instance alive while it is under way.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// An open of the page, with the locks of the pipe and the instance.
    pub(crate) page: OwnedFd,
    pub(crate) slot: u32,
    pub(crate) listener: Option<OwnedFd>,
    pub(crate) turn: u64,
}

/// The word that identifies a pipe in handle tables: device and inode of its page.
pub(crate) fn pipe_word((device, inode): (u64, u64)) -> u64 {
    // Pages are few and devices fewer: what is cut off of them is zero.
    device << 48 ^ inode
}

impl Instance {
    /// Makes an instance that listens, and the pipe with it if there is none.
    ///
    /// # Errors
    /// In this order (P4.13): the options contradict one another; the namespace cannot be used, or something that is not
    /// ours stands there; another user's pipe ([`ErrorKind::AccessDenied`]); as many instances as there may be
    /// ([`ErrorKind::PipeBusy`]); the pipe exists, and a first instance was asked for, or it has another direction
    /// ([`ErrorKind::AccessDenied`]); no descriptors or no space.
    pub(crate) fn create(name: &PipeName, options: &PipeOptions) -> Result<Instance> {
        let named = |error: Error| error.on(name.full());
        options.check().map_err(named)?;
        let namespace = Namespace::current().map_err(named)?;
        let dir = tong_sys::dir::look_at(&**namespace.pipes()).map_err(failed(CREATE, name))?;
        let kept = Kept::at((dir.inode, stem(name)));
        let mut known = kept.lock();
        let made = match &*known {
            Some(pipe) if pipe.held.is_named() => add(Arc::clone(pipe), options),
            _ => join(&namespace, name, options),
        };
        let (pipe, slot, door) = made.map_err(named)?;
        *known = Some(Arc::clone(&pipe));
        drop(known);
        Ok(Instance {
            kept,
            pipe,
            slot,
            birth: Birth::here(),
            door: Mutex::new(Some(door)),
            is_given_up: AtomicBool::new(false),
        })
    }

    /// What all instances of the pipe have in common.
    pub(crate) fn attributes(&self) -> &Arc<Attributes> {
        &self.pipe.attributes
    }

    /// The quotas of this instance.
    pub(crate) fn quotas(&self) -> Quotas {
        Quotas::from_word(self.word(Column::Quotas).load(Ordering::Relaxed))
    }

    /// Two numbers that tell the instance apart from all others: its page, and its place there.
    pub(crate) fn identity(&self) -> [u64; 2] {
        [pipe_word(self.pipe.held.inode()), u64::from(self.slot)]
    }

    /// The pipe's page, as this process has it open.
    pub(crate) fn page(&self) -> &OwnedFd {
        self.pipe.held.file()
    }

    /// The number of the instance in its pipe.
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// The process that made the instance, as its own PID namespace counts (P21.1).
    pub(crate) fn server_pid(&self) -> u32 {
        low(self.word(Column::Server))
    }

    /// A word that all processes share which hold this server end; 0 at first.
    pub(crate) fn modes_word(&self) -> &AtomicU64 {
        self.word(Column::Modes)
    }

    /// One more such word.
    pub(crate) fn shared_word(&self) -> &AtomicU64 {
        self.word(Column::Shared)
    }

    /// Remembers which process opened the client end, for all holders of this end; 0 for none.
    pub(crate) fn note_client(&self, pid: u32) {
        let word = self.word(Column::Client);
        word.store(u64::from(pid), Ordering::Release);
    }

    /// Tells tools the state of the instance, and the inode of the connection's memory file, 0 if there is none.
    pub(crate) fn set_shown(&self, shown: Shown, memory: u64) {
        self.word(Column::Memory).store(memory, Ordering::Relaxed);
        let word = self.word(Column::Shown);
        word.store(shown as u64, Ordering::Release);
    }

    /// The socket that becomes readable when a client is in; `None` if the instance does not listen.
    pub(crate) fn listener(&self) -> Option<Arc<OwnedFd>> {
        let door = self.door();
        door.as_ref().map(|door| Arc::clone(&door.listener))
    }

    /// Takes the client that is in, after which the instance listens no more; `None` if nobody is in, or the instance does
    /// not listen. Never waits.
    ///
    /// # Errors
    /// No descriptor is left; the client stays in, and can be taken later.
    pub(crate) fn accept(&self) -> Result<Option<OwnedFd>> {
        let mut door = self.door();
        match &*door {
            Some(open) if door::is_taken(&open.listener) => self.shut(&mut door),
            _ => Ok(None),
        }
    }

    /// Stops listening, and makes the instance disconnected. Returns the client that had come in already, if one had.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub(crate) fn stop_listening(&self) -> Result<Option<OwnedFd>> {
        let client = self.shut(&mut self.door())?;
        self.set_disconnected();
        Ok(client)
    }

    /// Says that the server has disconnected the client.
    pub(crate) fn set_disconnected(&self) {
        self.pipe.held.table.set_hint(self.slot, Hint::Disconnected);
        self.set_shown(Shown::Disconnected, 0);
        self.note_client(0);
    }

    /// Begins to listen again, as the last in the order, and wakes who waits for an instance (P8.7). Does nothing if it
    /// listens.
    ///
    /// # Errors
    /// No descriptor or no space is left, or somebody has put something where the door should be.
    pub(crate) fn listen_again(&self) -> Result<()> {
        self.check_birth(LISTEN)?;
        let mut door = self.door();
        if door.is_none() {
            let opened = open_door(&self.pipe, self.slot);
            let opened = opened.map_err(failed(LISTEN, &self.attributes().name))?;
            let in_the_way = || in_the_way(LISTEN).on(self.attributes().name.full());
            *door = Some(opened.ok_or_else(in_the_way)?);
        }
        Ok(())
    }

    /// How many instances the pipe has now, whatever their states (P4.4).
    pub(crate) fn count(&self) -> u32 {
        self.pipe.count()
    }

    fn shut(&self, door: &mut Option<Door>) -> Result<Option<OwnedFd>> {
        let Some(open) = &*door else {
            return Ok(None);
        };
        self.check_birth(LISTEN)?;
        let client = door::shut(&open.listener).map_err(failed(LISTEN, &self.attributes().name))?;
        self.pipe.held.close_door(self.slot);
        let table = &self.pipe.held.table;
        table.change_hint(
            self.slot,
            Hint::Listening(open.turn),
            Hint::Taken(open.turn),
        );
        *door = None;
        Ok(client)
    }

    /// What another process needs to hold this server end too.
    ///
    /// # Errors
    /// No descriptor is left; the pipe's page has lost its name.
    pub(crate) fn export(&self) -> Result<Parcel> {
        const OP: &str = "hand over pipe";
        self.check_birth(OP)?;
        let failed = failed(OP, &self.attributes().name);
        let door = self.door();
        let listener = match &*door {
            Some(door) => Some(door.listener.try_clone().map_err(&failed)?),
            None => None,
        };
        Ok(Parcel {
            page: self.pipe.held.share(self.slot)?,
            slot: self.slot,
            listener,
            turn: door.as_ref().map_or(0, |door| door.turn),
        })
    }

    /// Takes up what [`export`](Self::export) gave, in this process.
    ///
    /// # Errors
    /// In this order: the page is not one; the namespace is another one, or the pipe's page has lost its name
    /// ([`ErrorKind::NotFound`]); no descriptor is left.
    pub(crate) fn import(parcel: Parcel) -> Result<Instance> {
        const OP: &str = "take over pipe";
        let info = pipe::read_name(&parcel.page)
            .map_err(|error| Error::from_io(OP, error))?
            .ok_or_else(|| Error::new(OP, ErrorKind::Foreign))?;
        let name = PipeName::parse(&info)?;
        let named = |error: Error| error.on(name.full());
        let namespace = Namespace::current().map_err(named)?;
        let dir = tong_sys::dir::look_at(&**namespace.pipes()).map_err(failed(OP, &name))?;
        let kept = Kept::at((dir.inode, stem(&name)));
        let mut known = kept.lock();
        let inode = tong_sys::dir::look_at(&parcel.page)
            .map_err(failed(OP, &name))?
            .inode;
        let pipe = match &*known {
            Some(pipe) if pipe.held.inode() == inode => Arc::clone(pipe),
            _ => adopt(&namespace, &name, inode).map_err(named)?,
        };
        pipe.held
            .lock_slot(parcel.slot)
            .map_err(failed(OP, &name))?;
        *pipe.own().entry(parcel.slot).or_default() += 1;
        *known = Some(Arc::clone(&pipe));
        drop(known);
        let door = parcel.listener.map(|listener| Door {
            listener: Arc::new(listener),
            turn: parcel.turn,
        });
        Ok(Instance {
            kept,
            pipe,
            slot: parcel.slot,
            birth: Birth::here(),
            door: Mutex::new(door),
            is_given_up: AtomicBool::new(false),
        })
    }

    /// Takes up what another holder of this end has made of its door: the listening socket and its turn, or that it does not
    /// listen.
    pub(crate) fn adopt_door(&self, door: Option<(OwnedFd, u64)>) {
        *self.door() = door.map(|(listener, turn)| Door {
            listener: Arc::new(listener),
            turn,
        });
    }

    fn word(&self, column: Column) -> &AtomicU64 {
        self.pipe.held.table.row(self.slot, column)
    }

    fn door(&self) -> MutexGuard<'_, Option<Door>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_birth(&self, op: &'static str) -> Result<()> {
        if self.birth.is_here() {
            return Ok(());
        }
        Err(Error::new(op, ErrorKind::InvalidHandle)
            .on(self.attributes().name.full())
            .because(
                "the process was forked since; a child that runs on has none of its parent's pipes",
            ))
    }
}

impl Instance {
    /// Gives the instance up, as far as this process goes, once: when it is dropped, or when the process ends while a call is
    /// still blocked in it.
    pub(crate) fn give_up(&self) {
        if !self.birth.is_here() || self.is_given_up.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut known = self.kept.lock();
        let held = &self.pipe.held;
        let (last_object, last_slot) = {
            let mut own = self.pipe.own();
            let left = own.get_mut(&self.slot).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                own.remove(&self.slot);
            }
            (left == 0, own.is_empty())
        };
        if !last_object {
            return;
        }
        // Without the lock, what is left is dead, and the next user of the name finds it so.
        let change = held.lock_change("close pipe").ok();
        if held.leave_slot(self.slot) {
            if let Some(door) = self.door().take() {
                // A client that is in is hung up on, whoever still has a copy of the listener.
                let _ = door::shut(&door.listener);
                held.close_door(self.slot);
            }
            if let Some(change) = &change {
                held.free_slot(self.slot, change);
            }
        }
        if last_slot {
            match &change {
                Some(change) => held.leave(change),
                None => held.let_go(),
            }
            if known
                .as_ref()
                .is_some_and(|known| Arc::ptr_eq(known, &self.pipe))
            {
                *known = None;
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the upper half is not used"
)]
fn low(word: &AtomicU64) -> u32 {
    word.load(Ordering::Acquire) as u32
}
