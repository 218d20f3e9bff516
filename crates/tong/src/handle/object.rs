//! What a handle can lead to.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::Kind;
use crate::object::event::Event;
use crate::object::file::File;
use crate::object::mailslot;
use crate::object::mutex::Mutex;
use crate::object::process::Process;
use crate::object::semaphore::Semaphore;
use crate::object::shared::Shared;
use crate::object::snapshot::Snapshot;
use crate::object::thread::Thread;
use crate::object::timer::Timer;
use crate::wait::Waitable;
use crate::{MailslotClient, MailslotServer};

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
    /// A frozen list of processes and threads.
    Snapshot(Snapshot),
    /// A process.
    Process(Process),
    /// A thread of this process, or the initial one of another.
    Thread(Thread),
    /// An event.
    Event(Event),
    /// A mutex.
    Mutex(Mutex),
    /// A semaphore.
    Semaphore(Semaphore),
    /// A waitable timer.
    Timer(Timer),
}

impl Object {
    /// What sort of object this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Object::File(_) => Kind::File,
            Object::MailslotServer(_) => Kind::MailslotServer,
            Object::MailslotClient(_) => Kind::MailslotClient,
            Object::Snapshot(_) => Kind::Snapshot,
            Object::Process(_) => Kind::Process,
            Object::Thread(_) => Kind::Thread,
            Object::Event(_) => Kind::Event,
            Object::Mutex(_) => Kind::Mutex,
            Object::Semaphore(_) => Kind::Semaphore,
            Object::Timer(_) => Kind::Timer,
        }
    }

    /// The name it was made or opened with, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Object::File(file) => file.name().map(str::to_owned),
            Object::MailslotServer(server) => Some(server.name().to_string()),
            Object::MailslotClient(client) => Some(client.name().to_string()),
            Object::Snapshot(_) => None,
            Object::Process(process) => Some(process.id().to_string()),
            Object::Thread(thread) => Some(thread.id().to_string()),
            object => Some(object.shared()?.name()?.to_string()),
        }
    }

    /// The descriptor that stands for it in this process, if there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Object::File(file) => Some(file.as_fd()),
            Object::Snapshot(snapshot) => Some(snapshot.as_fd()),
            Object::Process(process) => Some(process.as_fd()),
            object => Some(object.shared()?.descriptor()),
        }
    }

    /// A second descriptor that belongs to it.
    pub(super) fn companion(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Object::Process(process) => process.page_fd(),
            _ => None,
        }
    }

    /// What is told of the object beside its descriptor; see [`parcel`](super::parcel).
    pub(super) fn bits(&self) -> u16 {
        match self {
            Object::File(file) => file.bits(),
            // The number of the companion, 0 if there is none (or none that has room here).
            object => object
                .companion()
                .and_then(|fd| u16::try_from(fd.as_raw_fd()).ok())
                .unwrap_or(0),
        }
    }

    /// Two numbers that are the same for two references to one object, whichever processes they are in. For mailslots
    /// they tell the mailslot, not the handle.
    pub(super) fn identity(&self) -> [u64; 2] {
        match self {
            Object::File(file) => file.identity(),
            Object::MailslotServer(server) => mailslot::identity(server.name()),
            Object::MailslotClient(client) => mailslot::identity(client.name()),
            Object::Snapshot(snapshot) => snapshot.identity(),
            Object::Process(process) => process.identity(),
            Object::Thread(thread) => thread.identity(),
            object => object.shared().map_or([0; 2], Shared::identity),
        }
    }

    /// Whether both are the same object.
    #[must_use]
    pub fn same_object(&self, other: &Object) -> bool {
        match (self, other) {
            // The reading end is known in one process, by one reference.
            (Object::MailslotServer(_), _) => false,
            (Object::MailslotClient(one), Object::MailslotClient(other)) => one.same_object(other),
            (Object::Process(one), Object::Process(other)) => one.same_object(other),
            (Object::Thread(one), Object::Thread(other)) => one.same_object(other),
            _ => self.kind() == other.kind() && self.identity() == other.identity(),
        }
    }

    /// The last handle is closed: whoever still works on the object must not be left waiting.
    pub(super) fn end(&self) {
        match self {
            Object::MailslotServer(server) => server.close(),
            object => {
                if let Some(shared) = object.shared() {
                    shared.end();
                }
            }
        }
    }

    /// The cell of an event, mutex, semaphore or timer.
    #[inline]
    pub(super) fn shared(&self) -> Option<&Shared> {
        match self {
            Object::Event(event) => Some(event.shared()),
            Object::Mutex(mutex) => Some(mutex.shared()),
            Object::Semaphore(semaphore) => Some(semaphore.shared()),
            Object::Timer(timer) => Some(timer.shared()),
            _ => None,
        }
    }

    /// What a wait for the object waits for; `None` if it is of a kind that nobody can wait for.
    #[must_use]
    #[inline]
    pub fn as_waitable(&self) -> Option<&dyn Waitable> {
        match self {
            Object::Event(event) => Some(event),
            Object::Mutex(mutex) => Some(mutex),
            Object::Semaphore(semaphore) => Some(semaphore),
            Object::Timer(timer) => Some(timer),
            Object::Process(process) => Some(process),
            Object::Thread(thread) => Some(thread),
            Object::MailslotServer(server) => Some(server),
            _ => None,
        }
    }
}
