//! Duplicates across processes: from the table of any process of this user into that of any other.
//!
//! The caller may be the source, the target, both or neither. Into another process a handle is *pushed*: its record and
//! descriptor go into that process's inbox, under a value that its page says is free. Out of another process it is *pulled*:
//! its row says what the handle leads to. What can be opened anew is opened through `/proc`; the open of a file is the
//! process's own, and is fetched from it as a debugger would (`pidfd_getfd`).
//!
//! Nobody waits for the other process: it takes in what was pushed when it next uses any handle, and it closes then what it was
//! asked to close.
//!
//! # Rights
//! Whether the caller's handle of the other process allows this is for who keeps that handle to check. The kernel
//! lets only processes of the same user see each other's pages. To fetch an open file it may be set to ask for more
//! (`kernel.yama.ptrace_scope`): then only ancestors and the administrator can.
//!
//! # Death
//! A process that ends takes its inbox with it, and everything that was pushed and not taken in. If the caller is
//! killed in between, the target has the handle or has it not; the source keeps it.
//!
//! # References
//! Win32: DuplicateHandle. Linux: pidfd_getfd(2), proc_pid_fd(5), ptrace(2) "Ptrace access mode checking".

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::PidfdGetfdFlags;

use super::entry::DuplicateRights;
use super::mirror::Shown;
use super::record::Record;
use super::table::{stale, Table};
use super::{inbox, parcel, Flags, Handle, Kind, Object, Rights};
use crate::object::process::Process;
use crate::object::thread::Thread;
use crate::process::page::Page;
use crate::{Error, ErrorKind, Result};

const OP: &str = "duplicate handle";

/// Whose table.
#[derive(Clone, Copy, Debug)]
pub enum Party<'a> {
    /// That of this process.
    This,
    /// That of the process which the object leads to; it may be this one.
    Process(&'a Process),
}

/// What to duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The object of this handle.
    Handle(Handle),
    /// The process that is the source itself.
    Itself,
    /// The calling thread.
    CallingThread,
}

/// What the duplicate is to be like, and whether the source stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its rights.
    pub rights: DuplicateRights,
    /// Its inherit flag.
    pub inherit: bool,
    /// Closes the source, whatever the outcome, unless it is protected from closing.
    pub close_source: bool,
}

/// Makes a handle in `to` of what `source` leads to in `from`, and returns its value there.
///
/// Between handles of one table, [`close_source`](Wish::close_source) keeps the value, if that table is this
/// process's own.
///
/// # Errors
/// In this order: [`AccessDenied`](ErrorKind::AccessDenied) if one of the processes has ended;
/// [`InvalidHandle`](ErrorKind::InvalidHandle) if `from` has no such handle; [`AccessDenied`](ErrorKind::AccessDenied) if
/// the rights are more than there can be, if the kernel does not let this process fetch the object, or if `to` knows nothing
/// of handles; [`Unsupported`](ErrorKind::Unsupported) for objects that stay in their process;
/// [`NoResources`](ErrorKind::NoResources) if the table is full, or too many handles wait for its process.
pub fn duplicate(from: Party<'_>, source: Source, to: Party<'_>, wish: Wish) -> Result<Handle> {
    let (from, to) = (from.known(), to.known());
    let made = make(from, source, to, wish);
    if let (Source::Handle(handle), true) = (source, wish.close_source) {
        let in_place = matches!((from, to), (Party::This, Party::This));
        // The source goes whatever the outcome, and what there is to be said about it was said already.
        let _ = (!in_place).then(|| close(from, handle));
    }
    made
}

fn make(from: Party<'_>, source: Source, to: Party<'_>, wish: Wish) -> Result<Handle> {
    from.require_alive()?;
    to.require_alive()?;
    let table = Table::of_process();
    match (from, source, to) {
        (Party::This, Source::Handle(handle), Party::This) if wish.close_source => {
            table.replace(handle, wish.rights, wish.inherit)
        }
        (Party::This, Source::Handle(handle), Party::This) => {
            table.duplicate(handle, wish.rights, wish.inherit)
        }
        (Party::This, Source::Handle(handle), Party::Process(target)) => {
            let found = table.get(handle)?;
            let granted = wish.rights.of(found.object().kind(), found.granted())?;
            push(target, found.object(), granted, wish.inherit)
        }
        _ => {
            let (object, granted) = fetch(from, source)?;
            let granted = wish.rights.of(object.kind(), granted)?;
            match to {
                Party::This => table.insert(object, granted, wish.inherit),
                Party::Process(target) => push(target, &object, granted, wish.inherit),
            }
        }
    }
}

/// Closes a handle in whosever table it is. One that is protected from closing stays, and that is no failure.
///
/// Another process finds it closed when it next uses its table.
///
/// # Errors
/// [`AccessDenied`](ErrorKind::AccessDenied) if the process has ended; [`InvalidHandle`](ErrorKind::InvalidHandle) if it
/// has no such handle.
pub fn close(of: Party<'_>, handle: Handle) -> Result<()> {
    let of = of.known();
    of.require_alive()?;
    match of {
        Party::This => {
            let table = Table::of_process();
            match table.flags(handle)?.protect_from_close {
                true => Ok(()),
                false => table.close(handle),
            }
        }
        Party::Process(process) => {
            let page = page_of(process, ErrorKind::InvalidHandle)?;
            let shown = Shown::new(&page);
            let record = shown.find(handle).ok_or_else(|| stale(handle))?;
            if record.flags.protect_from_close {
                return Ok(());
            }
            let name = shown.inbox().ok_or_else(|| no_table(process))?;
            inbox::close(name, &record)?;
            shown.hide(&record);
            shown.ring();
            Ok(())
        }
    }
}

impl<'a> Party<'a> {
    /// The same; this process if it is meant by way of an object.
    fn known(self) -> Party<'a> {
        match self {
            Party::Process(process) if process.id() == std::process::id() => Party::This,
            other => other,
        }
    }

    fn require_alive(self) -> Result<()> {
        match self {
            Party::Process(process) if !process.is_running()? => {
                Err(Error::new(OP, ErrorKind::AccessDenied)
                    .because(format!("process {} has ended", process.id())))
            }
            _ => Ok(()),
        }
    }
}

/// The object itself, for a handle that is to be made elsewhere.
fn fetch(from: Party<'_>, source: Source) -> Result<(Object, Rights)> {
    match (from, source) {
        (Party::Process(process), Source::Handle(handle)) => pull(process, handle),
        (Party::Process(process), Source::Itself) => {
            let object = Object::Process(process.clone());
            Ok((object, Kind::Process.generic().all))
        }
        (Party::This, Source::Itself) => {
            let object = Object::Process(Process::current()?);
            Ok((object, Kind::Process.generic().all))
        }
        (Party::This, Source::CallingThread) => {
            let object = Object::Thread(Thread::current()?);
            Ok((object, Kind::Thread.generic().all))
        }
        (Party::Process(_), Source::CallingThread) => Err(Error::new(OP, ErrorKind::InvalidHandle)
            .because("the calling thread is none of the source process")),
        (Party::This, Source::Handle(handle)) => Err(stale(handle)),
    }
}

/// Puts a handle of the object into the table of another process.
fn push(target: &Process, object: &Object, granted: Rights, inherit: bool) -> Result<Handle> {
    let carrier = parcel::pack(object)?;
    let page = page_of(target, ErrorKind::AccessDenied)?;
    let shown = Shown::new(&page);
    let name = shown.inbox().ok_or_else(|| no_table(target))?;
    let flags = Flags {
        inherit,
        protect_from_close: false,
    };
    let handle = shown.reserve_value()?;
    let record = Record {
        // Numbers of this process's descriptors mean nothing there.
        descriptor: None,
        ..Record::new(handle, object, granted, flags)
    };
    let fds = [carrier.fd(object), carrier.companion(object)];
    let fds: Vec<BorrowedFd<'_>> = fds.into_iter().flatten().collect();
    // Shown first: the process itself writes the row anew when it takes the handle in.
    shown.write(&record)?;
    if let Err(error) = inbox::put(name, &record, &fds) {
        shown.hide(&record);
        return Err(error);
    }
    shown.ring();
    Ok(handle)
}

/// Makes this process's own reference to the object of a handle in another process.
pub(super) fn pull(process: &Process, handle: Handle) -> Result<(Object, Rights)> {
    let page = page_of(process, ErrorKind::InvalidHandle)?;
    let shown = Shown::new(&page);
    let record = shown.find(handle).ok_or_else(|| stale(handle))?;
    shown.note_pull();
    let (fd, companion) = match (record.kind, record.descriptor) {
        (Kind::File, Some(number)) => (Some(take_descriptor(process, number)?), None),
        (Kind::AnonymousReader | Kind::AnonymousWriter, Some(number)) => {
            (Some(take_pipe_end(process, number, record.kind)?), None)
        }
        (Kind::Process, _) => {
            let companion = (record.bits != 0).then(|| open_again(process, record.bits.into()));
            (
                Some(pidfd_of(process, &record)?),
                companion.and_then(Result::ok),
            )
        }
        (Kind::PipeServer | Kind::PipeClient, Some(number)) => {
            (Some(take_descriptor(process, number)?), None)
        }
        (Kind::PipeServer | Kind::PipeClient, None) => return Err(never_handed_over(process)),
        (_, Some(number)) => (Some(open_again(process, number)?), None),
        (Kind::MailslotClient, None) => (None, None),
        (_, None) => return Err(not_taken_in(process)),
    };
    let object = parcel::unpack(&record, fd, companion);
    // If the handle was closed meanwhile, the number may have stood for something else, and so may the object.
    if shown.find(handle) != Some(record) {
        return Err(stale(handle));
    }
    Ok((object?, record.granted))
}

/// Only its own process can make what a pipe's end travels in.
fn never_handed_over(process: &Process) -> Error {
    Error::new(OP, ErrorKind::Unsupported).because(format!(
        "only process {} itself can hand this pipe's end over, by DuplicateHandle into another process or by inheritance",
        process.id()
    ))
}

/// The descriptor of what was pushed is still on its way.
fn not_taken_in(process: &Process) -> Error {
    Error::new(OP, ErrorKind::AccessDenied).because(format!(
        "process {} was given the handle by another one, and takes it in when it next uses any handle",
        process.id()
    ))
}

/// A pidfd of the process that a handle of another process leads to: that one's own, or else opened anew by the id.
fn pidfd_of(holder: &Process, record: &Record) -> Result<OwnedFd> {
    let own = record
        .descriptor
        .map(|number| take_descriptor(holder, number));
    if let Some(Ok(fd)) = own {
        return Ok(fd);
    }
    let again = u32::try_from(record.identity[0] & u64::from(u32::MAX))
        .ok()
        .and_then(|pid| Process::open(pid).ok())
        .filter(|again| again.identity() == record.identity);
    let again = again.ok_or_else(|| stale(record.handle))?;
    (again.as_fd().try_clone_to_owned()).map_err(|error| Error::from_io(OP, error))
}

/// A copy of another process's descriptor, of the same open.
fn take_descriptor(process: &Process, number: i32) -> Result<OwnedFd> {
    let taken = rustix::process::pidfd_getfd(process.as_fd(), number, PidfdGetfdFlags::empty());
    taken.map_err(|errno| match errno {
        rustix::io::Errno::PERM => Error::from_io(OP, errno.into()).because(format!(
            "the system lets only ancestors and the administrator take an open file out of process {}; let it push the \
             handle, or set kernel.yama.ptrace_scope to 0",
            process.id()
        )),
        rustix::io::Errno::SRCH => Error::new(OP, ErrorKind::AccessDenied)
            .because(format!("process {} has ended", process.id())),
        _ => Error::from_io(OP, errno.into()),
    })
}

/// A descriptor of the end of a pipe that another process has. Where it cannot be taken it is opened anew, which for a pipe
/// is the same, as all there is to know is in the pipe.
fn take_pipe_end(process: &Process, number: i32, kind: Kind) -> Result<OwnedFd> {
    let access = match kind {
        Kind::AnonymousReader => OFlags::RDONLY,
        _ => OFlags::WRONLY,
    };
    take_descriptor(process, number).or_else(|error| {
        // Opening the writing end would wait for a reader.
        let link = format!("/proc/{}/fd/{number}", process.id());
        let flags = access | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = rustix::fs::open(link, flags, Mode::empty()).map_err(|_| error)?;
        rustix::fs::fcntl_setfl(&opened, access)
            .map_err(|errno| Error::from_io(OP, errno.into()))?;
        Ok(opened)
    })
}

/// A new open of what another process's descriptor leads to.
fn open_again(process: &Process, number: i32) -> Result<OwnedFd> {
    let link = format!("/proc/{}/fd/{number}", process.id());
    rustix::fs::open(link, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::from_io(OP, errno.into()))
}

/// The page of another process, or a failure of this kind: a process without a page has no handles.
fn page_of(process: &Process, kind: ErrorKind) -> Result<Page> {
    Page::of(process.id()).ok_or_else(|| Error::new(OP, kind).because(unknown(process)))
}

fn no_table(process: &Process) -> Error {
    Error::new(OP, ErrorKind::AccessDenied).because(unknown(process))
}

fn unknown(process: &Process) -> String {
    format!(
        "process {} keeps no handle table that this one could see",
        process.id()
    )
}
