//! What a handle can lead to.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::{Kind, Rights};
use crate::io::CompletionPort;
use crate::object::anonymous_pipe::{AnonymousReader, AnonymousWriter};
use crate::object::event::Event;
use crate::object::file::{File, FileKind, Standard};
use crate::object::mailslot;
use crate::object::mutex::Mutex;
use crate::object::pipe::{PipeClient, PipeServer};
use crate::object::process::Process;
use crate::object::semaphore::Semaphore;
use crate::object::shared::Shared;
use crate::object::snapshot::Snapshot;
use crate::object::thread::Thread;
use crate::object::timer::Timer;
use crate::wait::Waitable;
use crate::{MailslotClient, MailslotServer, Result};

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
    /// The reading end of an anonymous pipe, or of a pipe that is a standard stream.
    AnonymousReader(AnonymousReader),
    /// The writing end of an anonymous pipe, or of a pipe that is a standard stream.
    AnonymousWriter(AnonymousWriter),
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
    /// A completion port.
    CompletionPort(CompletionPort),
    /// The server's end of a pipe instance.
    PipeServer(PipeServer),
    /// The client's end of a pipe.
    PipeClient(PipeClient),
}

impl Object {
    /// One of the process's standard streams, and the rights its descriptor allows: the end of a pipe, or a file.
    ///
    /// # Errors
    /// What the system reports, if the descriptor is closed or none is free.
    pub fn standard(stream: Standard) -> Result<(Object, Rights)> {
        let (file, granted) = File::standard(stream)?;
        let copy =
            || (file.as_fd().try_clone_to_owned().ok()).filter(|_| file.kind() == FileKind::Pipe);
        if let Some(reader) = copy().and_then(|fd| AnonymousReader::from_fd(fd).ok()) {
            return Ok((Object::AnonymousReader(reader), AnonymousReader::RIGHTS));
        }
        if let Some(writer) = copy().and_then(|fd| AnonymousWriter::from_fd(fd).ok()) {
            return Ok((Object::AnonymousWriter(writer), AnonymousWriter::RIGHTS));
        }
        Ok((Object::File(file), granted))
    }

    /// What sort of object this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Object::File(_) => Kind::File,
            Object::MailslotServer(_) => Kind::MailslotServer,
            Object::MailslotClient(_) => Kind::MailslotClient,
            Object::AnonymousReader(_) => Kind::AnonymousReader,
            Object::AnonymousWriter(_) => Kind::AnonymousWriter,
            Object::Snapshot(_) => Kind::Snapshot,
            Object::Process(_) => Kind::Process,
            Object::Thread(_) => Kind::Thread,
            Object::Event(_) => Kind::Event,
            Object::Mutex(_) => Kind::Mutex,
            Object::Semaphore(_) => Kind::Semaphore,
            Object::Timer(_) => Kind::Timer,
            Object::CompletionPort(_) => Kind::Completion,
            Object::PipeServer(_) => Kind::PipeServer,
            Object::PipeClient(_) => Kind::PipeClient,
        }
    }

    /// The name it was made or opened with, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Object::File(file) => file.name().map(str::to_owned),
            Object::MailslotServer(server) => Some(server.name().to_string()),
            Object::MailslotClient(client) => Some(client.name().to_string()),
            Object::PipeServer(server) => Some(server.name().full()),
            Object::PipeClient(client) => Some(client.name().full()),
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
            Object::AnonymousReader(reader) => Some(reader.as_fd()),
            Object::AnonymousWriter(writer) => Some(writer.as_fd()),
            Object::Snapshot(snapshot) => Some(snapshot.as_fd()),
            Object::PipeServer(server) => server.descriptor(),
            Object::PipeClient(client) => client.descriptor(),
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
            Object::AnonymousReader(reader) => reader.bits(),
            Object::AnonymousWriter(writer) => writer.bits(),
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
            Object::AnonymousReader(reader) => reader.identity(),
            Object::AnonymousWriter(writer) => writer.identity(),
            Object::Snapshot(snapshot) => snapshot.identity(),
            Object::Process(process) => process.identity(),
            Object::Thread(thread) => thread.identity(),
            Object::CompletionPort(port) => port.identity(),
            Object::PipeServer(server) => server.identity(),
            Object::PipeClient(client) => client.identity(),
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
            (Object::CompletionPort(one), Object::CompletionPort(other)) => one.same_object(other),
            (Object::PipeServer(one), Object::PipeServer(other)) => one.same_object(other),
            (Object::PipeClient(one), Object::PipeClient(other)) => one.same_object(other),
            _ => self.kind() == other.kind() && self.identity() == other.identity(),
        }
    }

    /// The last handle is closed: whoever still works on the object must not be left waiting.
    pub(super) fn end(&self) {
        match self {
            Object::MailslotServer(server) => server.close(),
            Object::CompletionPort(port) => port.close(),
            Object::PipeServer(server) => server.end().close(),
            Object::PipeClient(client) => client.end().close(),
            Object::File(file) => {
                file.cancel(&|_| true);
            }
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
            Object::PipeServer(server) => waitable(server.signal()),
            Object::PipeClient(client) => waitable(client.signal()),
            Object::AnonymousReader(reader) => waitable(reader.signal()),
            Object::AnonymousWriter(writer) => waitable(writer.signal()),
            _ => None,
        }
    }
}

/// Without memory for its signal nobody can wait for the object.
fn waitable(signal: Result<&Event>) -> Option<&dyn Waitable> {
    signal.ok().map(|event| event as &dyn Waitable)
}
