//! Inheritance: what a child process gets of its parent's handles.
//!
//! The child has the same values, rights and flags, and the objects are the same. Whoever starts the child takes stock of
//! the table ([`Inheritance::all`], [`Inheritance::listed`]), writes the records into the child's process page, and passes
//! the descriptors that the objects need. Before its main function runs, or when it first uses its table, the child makes
//! its own objects of them.
//!
//! Stock is taken at one moment: handles that are made or closed later, in whatever thread, change nothing.
//!
//! # Limits
//! Mailslot servers stay where they are. A mailslot client that is inherited is a writer of its own.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::entry::Ref;
use super::mirror::Shown;
use super::parcel::{self, Carrier};
use super::record::Record;
use super::table::Table;
use super::{duplicate, Handle, Kind, Object};
use crate::object::process::Process;
use crate::process::page::Page;
use crate::{Error, ErrorKind, Result};

const OP: &str = "pass handles on";

/// One handle that the child is going to have.
#[derive(Debug)]
struct Parcel {
    record: Record,
    object: Kept,
    carrier: Carrier,
}

/// Keeps an object until the child has it.
#[derive(Debug)]
enum Kept {
    /// An object of the table.
    Ref(Ref),
    /// One that was fetched from another process.
    Own(Object),
}

impl Kept {
    fn object(&self) -> &Object {
        match self {
            Kept::Ref(found) => found.object(),
            Kept::Own(object) => object,
        }
    }
}

impl Parcel {
    /// `None` for objects that cannot be passed on.
    fn new((record, object): (Record, Kept)) -> Option<Result<Parcel>> {
        match parcel::pack(object.object()) {
            Ok(carrier) => Some(Ok(Parcel {
                record,
                object,
                carrier,
            })),
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.carrier.fd(self.object.object())
    }

    fn companion(&self) -> Option<BorrowedFd<'_>> {
        self.carrier.companion(self.object.object())
    }
}

/// The handles that a new process inherits. Keep it until the process has been started.
#[derive(Debug)]
pub struct Inheritance {
    parcels: Vec<Parcel>,
    inbox: Option<OwnedFd>,
}

impl Inheritance {
    /// The number of the first descriptor that a child gets beyond the standard streams: that of its page. The others
    /// follow it.
    pub(crate) const FIRST_FD: i32 = 3;

    /// No handle.
    pub(crate) fn none() -> Inheritance {
        Inheritance {
            parcels: Vec::new(),
            inbox: None,
        }
    }

    /// Every inheritable handle of the table.
    ///
    /// # Errors
    /// What the system reports when an object is made ready.
    pub(crate) fn all(table: &Table) -> Result<Inheritance> {
        Inheritance::of(table.inheritable())
    }

    /// These handles of the table, and no others.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if one of them is not in the table or not inheritable; else what
    /// the system reports when an object is made ready.
    pub(crate) fn listed(table: &Table, handles: &[Handle]) -> Result<Inheritance> {
        let mut handles = handles.to_vec();
        handles.sort_by_key(|handle| handle.index());
        handles.dedup();
        let listed = handles.into_iter().map(|handle| {
            let found = table.record(handle).ok();
            found
                .filter(|(record, _)| record.flags.inherit)
                .ok_or_else(|| {
                    Error::new(OP, ErrorKind::InvalidParameter).because(format!(
                        "{handle:?} is listed, but not open or not inheritable"
                    ))
                })
        });
        Inheritance::of(listed.collect::<Result<_>>()?)
    }

    /// Every inheritable handle of another process's table, or those of them that are listed, under the values that they
    /// have there.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if one that is listed is not in that table or not inheritable;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if the kernel does not let this process fetch an object; else what
    /// the system reports when an object is made ready.
    pub(crate) fn of_process(process: &Process, listed: Option<&[Handle]>) -> Result<Inheritance> {
        let shown = process.page().map(|page| Shown::new(page).all());
        let mut records: Vec<Record> = shown.unwrap_or_default();
        records.retain(|record| record.flags.inherit);
        if let Some(listed) = listed {
            let known = |handle: &&Handle| records.iter().any(|record| record.handle == **handle);
            if !listed.iter().all(|handle| known(&handle)) {
                return Err(Error::new(OP, ErrorKind::InvalidParameter)
                    .because("a listed handle is not open or not inheritable there"));
            }
            records.retain(|record| listed.contains(&record.handle));
        }
        let fetched = records.into_iter().filter_map(|record| {
            match duplicate::pull(process, record.handle) {
                Ok((object, _)) => Some(Ok((record, Kept::Own(object)))),
                // It stays there, or was closed meanwhile.
                Err(error) if error.kind() == ErrorKind::Unsupported => None,
                Err(error) if error.kind() == ErrorKind::InvalidHandle => None,
                Err(error) => Some(Err(error)),
            }
        });
        Inheritance::of_kept(fetched.collect::<Result<_>>()?)
    }

    fn of(handles: Vec<(Record, Ref)>) -> Result<Inheritance> {
        let kept = handles.into_iter();
        Inheritance::of_kept(
            kept.map(|(record, found)| (record, Kept::Ref(found)))
                .collect(),
        )
    }

    fn of_kept(handles: Vec<(Record, Kept)>) -> Result<Inheritance> {
        Ok(Inheritance {
            parcels: handles
                .into_iter()
                .filter_map(Parcel::new)
                .collect::<Result<_>>()?,
            inbox: None,
        })
    }

    /// Is there no handle to be passed on?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// Will the child have this handle?
    #[must_use]
    pub fn carries(&self, handle: Handle) -> bool {
        self.parcels
            .iter()
            .any(|parcel| parcel.record.handle == handle)
    }

    /// Writes the handles into the page of the child, which does not run yet, and makes its inbox.
    ///
    /// # Errors
    /// What the system reports: no memory, no descriptors.
    pub(crate) fn write_to(&mut self, page: &Page) -> Result<()> {
        let shown = Shown::new(page);
        self.inbox = Some(shown.make_inbox()?);
        let number = self.numbers();
        for parcel in &self.parcels {
            let bits = match parcel.record.kind {
                Kind::Process => parcel.companion().and_then(&number).unwrap_or(0),
                _ => parcel.record.bits.into(),
            };
            shown.write(&Record {
                descriptor: parcel.fd().and_then(&number),
                bits: u16::try_from(bits).unwrap_or(0),
                ..parcel.record
            })?;
        }
        Ok(())
    }

    /// What the child is to have behind its page's descriptor, in this order. Complete once the page was written.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let inbox = self.inbox.iter().map(AsFd::as_fd);
        inbox.chain(self.distinct()).collect()
    }

    /// The descriptors of the handles, each once.
    fn distinct(&self) -> Vec<BorrowedFd<'_>> {
        let fds = self
            .parcels
            .iter()
            .flat_map(|parcel| [parcel.fd(), parcel.companion()]);
        let mut fds: Vec<BorrowedFd<'_>> = fds.flatten().collect();
        fds.sort_by_key(AsRawFd::as_raw_fd);
        fds.dedup_by_key(|fd| fd.as_raw_fd());
        fds
    }

    /// What number each of these descriptors has in the child.
    fn numbers(&self) -> impl Fn(BorrowedFd<'_>) -> Option<i32> {
        let distinct: Vec<i32> = self.distinct().iter().map(AsRawFd::as_raw_fd).collect();
        move |fd| {
            let place = distinct.binary_search(&fd.as_raw_fd()).ok()?;
            // Behind the page and the inbox.
            i32::try_from(place).ok()?.checked_add(Self::FIRST_FD + 2)
        }
    }
}
