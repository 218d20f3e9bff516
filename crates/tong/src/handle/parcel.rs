//! Objects on their way from one process to another: what is sent of them, and what is made of it there.
//!
//! | kind | what travels | the receiver's |
//! |---|---|---|
//! | event, mutex, semaphore, timer | a descriptor of the memory that it is in, with a lock that keeps it alive | the same |
//! | file | the descriptor of the open itself | position, share mode and all else are the same |
//! | end of an anonymous pipe | the descriptor of the end | the same, but for later changes of whether calls wait |
//! | snapshot | the descriptor of its memory file | the same |
//! | process | its pidfd, and its page | the same, also if it has ended |
//! | thread | the pidfd of its process, if it is the initial thread | the initial thread of that process |
//! | pipe server, pipe client | the reading side of its box ([`object::pipe`](crate::object::pipe)), which holds the rest | the same open |
//! | mailslot client | its identity, which leads to the name | is a writer of its own, with its own quota |
//! | mailslot server | nothing: its queue is memory of its process | - |

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::mirror::Shown;
use super::record::Record;
use super::{Kind, Object};
use crate::object::anonymous_pipe::{AnonymousReader, AnonymousWriter};
use crate::object::event::Event;
use crate::object::file::{self, File};
use crate::object::mailslot;
use crate::object::mutex::Mutex;
use crate::object::pipe::{PipeClient, PipeServer};
use crate::object::process::Process;
use crate::object::semaphore::Semaphore;
use crate::object::snapshot::Snapshot;
use crate::object::thread::{Thread, INITIAL};
use crate::object::timer::Timer;
use crate::{namespace, Error, ErrorKind, MailslotClient, Result};

/// The descriptors that go with a record.
#[derive(Debug)]
pub(super) enum Carrier {
    /// Those of the object, if it has any.
    Object,
    /// One that was made for the journey.
    Own(OwnedFd),
}

impl Carrier {
    /// The descriptor, of a parcel that `object` is in.
    pub(super) fn fd<'a>(&'a self, object: &'a Object) -> Option<BorrowedFd<'a>> {
        match self {
            Carrier::Object => object.descriptor(),
            Carrier::Own(fd) => Some(fd.as_fd()),
        }
    }

    /// The second descriptor, if there is a first.
    pub(super) fn companion<'a>(&'a self, object: &'a Object) -> Option<BorrowedFd<'a>> {
        match self {
            Carrier::Object => object.companion(),
            Carrier::Own(_) => None,
        }
    }
}

/// Makes an object ready to be known in another process too.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for objects that only their own process can have; else what the system
/// reports.
pub(super) fn pack(object: &Object) -> Result<Carrier> {
    match object {
        Object::File(file) => {
            file.note_shared();
            Ok(Carrier::Object)
        }
        Object::Snapshot(_)
        | Object::Process(_)
        | Object::MailslotClient(_)
        | Object::AnonymousReader(_)
        | Object::AnonymousWriter(_) => Ok(Carrier::Object),
        Object::Thread(thread) if thread.id() & INITIAL != 0 => {
            let process = Process::open(thread.process_id())?;
            let fd = process.as_fd().try_clone_to_owned();
            fd.map(Carrier::Own)
                .map_err(|error| Error::from_io("hand thread over", error))
        }
        Object::PipeServer(server) => server.export().map(Carrier::Own),
        Object::PipeClient(client) => client.export().map(Carrier::Own),
        object => match object.shared() {
            Some(shared) => {
                shared.lend();
                shared.export().map(Carrier::Own)
            }
            None => Err(only_here(object.kind())),
        },
    }
}

/// Makes the object of a record, and of the descriptors that came with it.
///
/// # Errors
/// [`InvalidParameter`](ErrorKind::InvalidParameter) if the record and the descriptors do not make sense together;
/// [`Unsupported`](ErrorKind::Unsupported) for kinds that cannot travel; else what opening the object reports.
pub(super) fn unpack(
    record: &Record,
    fd: Option<OwnedFd>,
    companion: Option<OwnedFd>,
) -> Result<Object> {
    let descriptor = || {
        fd.ok_or_else(|| {
            Error::new("take over handle", ErrorKind::InvalidParameter)
                .because("the descriptor is missing")
        })
    };
    let [_, at] = record.identity;
    Ok(match record.kind {
        Kind::Event => Object::Event(Event::import(descriptor()?, at)?),
        Kind::Mutex => Object::Mutex(Mutex::import(descriptor()?, at)?),
        Kind::Semaphore => Object::Semaphore(Semaphore::import(descriptor()?, at)?),
        Kind::Timer => Object::Timer(Timer::import(descriptor()?, at)?),
        Kind::File => Object::File(File::passed(descriptor()?, record.bits, record.identity)?),
        Kind::AnonymousReader => {
            let reader = AnonymousReader::passed(descriptor()?, record.bits, record.identity)?;
            Object::AnonymousReader(reader)
        }
        Kind::AnonymousWriter => {
            let writer = AnonymousWriter::passed(descriptor()?, record.bits, record.identity)?;
            Object::AnonymousWriter(writer)
        }
        Kind::Snapshot => Object::Snapshot(Snapshot::adopt(descriptor()?)?),
        Kind::Process => Object::Process(Process::import(descriptor()?, companion)?),
        Kind::Thread => Object::Thread(Thread::initial_of(Process::import(descriptor()?, None)?)),
        Kind::MailslotClient => {
            let name = mailslot::name_of(record.identity)?;
            Object::MailslotClient(MailslotClient::open(&name)?)
        }
        Kind::PipeServer => Object::PipeServer(PipeServer::import(descriptor()?, record.identity)?),
        Kind::PipeClient => Object::PipeClient(PipeClient::import(descriptor()?, record.identity)?),
        kind => return Err(only_here(kind)),
    })
}

fn only_here(kind: Kind) -> Error {
    Error::new("hand object over", ErrorKind::Unsupported)
        .because(format!("this {kind} can only be used in its own process"))
}

/// What the object of a record is called that another process has.
pub(super) fn name_of(pid: u32, record: &Record) -> Option<String> {
    match record.kind {
        Kind::Process => Some((record.identity[0] & u64::from(u32::MAX)).to_string()),
        Kind::Thread => Some(record.identity[0].to_string()),
        Kind::MailslotServer | Kind::MailslotClient => {
            Some(mailslot::name_of(record.identity).ok()?.to_string())
        }
        kind => {
            let link = format!("/proc/{pid}/fd/{}", record.descriptor?);
            match kind {
                Kind::File | Kind::AnonymousReader | Kind::AnonymousWriter => {
                    file::name_behind(&link)
                }
                Kind::Event | Kind::Mutex | Kind::Semaphore | Kind::Timer => {
                    let page = std::fs::File::open(link).ok()?;
                    Some(namespace::read_page(&page).ok()??.name)
                }
                _ => None,
            }
        }
    }
}

/// The inbox and the handles that the creator of this process gave it; no object where it could not be made.
pub(super) fn take_inherited(
    shown: &Shown<'_>,
    descriptors: Vec<OwnedFd>,
) -> (Option<OwnedFd>, Vec<(Record, Option<Object>)>) {
    let mut descriptors = descriptors.into_iter();
    let inbox = descriptors.next();
    let descriptors: HashMap<i32, OwnedFd> = descriptors.map(|fd| (fd.as_raw_fd(), fd)).collect();
    // Several handles may have come by one descriptor, so each gets a copy.
    let copy = |number: i32| descriptors.get(&number)?.try_clone().ok();
    let object = |record: &Record| {
        let fd = record.descriptor.and_then(copy);
        let companion = (record.kind == Kind::Process).then(|| copy(record.bits.into()));
        unpack(record, fd, companion.flatten()).ok()
    };
    // What others have put in since is on its way by the inbox.
    let complete =
        |record: &Record| record.descriptor.is_some() || record.kind == Kind::MailslotClient;
    let records = shown.all().into_iter().filter(complete);
    (
        inbox,
        records.map(|record| (record, object(&record))).collect(),
    )
}
