//! What a place of the table holds: an object, how many handles it has here, and what this one allows.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

use super::record::Record;
use super::{FlagChange, Flags, Handle, Kind, Object, Rights};
use crate::{Error, ErrorKind, Result};

/// An object and the number of handles to it, in one process.
#[derive(Debug)]
struct Held {
    object: Object,
    handles: AtomicUsize,
}

/// One handle's share of a table.
#[derive(Debug)]
pub(super) struct Entry {
    held: Arc<Held>,
    /// The rights in the upper half, the flags in the lower: a change of both is one store.
    mask: AtomicU64,
}

impl Entry {
    /// The first handle of an object.
    pub(super) fn first(object: Object, granted: Rights, flags: Flags) -> Entry {
        let held = Arc::new(Held {
            object,
            handles: AtomicUsize::new(1),
        });
        Entry::new(held, granted, flags)
    }

    fn new(held: Arc<Held>, granted: Rights, flags: Flags) -> Entry {
        Entry {
            held,
            mask: AtomicU64::new(mask(granted, flags)),
        }
    }

    #[inline]
    pub(super) fn object(&self) -> &Object {
        &self.held.object
    }

    #[inline]
    pub(super) fn granted(&self) -> Rights {
        Rights::from_bits((self.mask.load(Ordering::Relaxed) >> 32) as u32)
    }

    pub(super) fn flags(&self) -> Flags {
        flags_in(self.mask.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, granted: Rights, flags: Flags) {
        self.mask.store(mask(granted, flags), Ordering::Relaxed);
    }

    pub(super) fn change_flags(&self, change: FlagChange) {
        let changed = |word: u64| {
            let flags = flags_in(word);
            let flags = Flags {
                inherit: change.inherit.unwrap_or(flags.inherit),
                protect_from_close: change
                    .protect_from_close
                    .unwrap_or(flags.protect_from_close),
            };
            Some(word & !0xFF | u64::from(flags.bits()))
        };
        let _ = self
            .mask
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    pub(super) fn reference(&self) -> Ref {
        Ref {
            held: Arc::clone(&self.held),
            granted: self.granted(),
        }
    }

    pub(super) fn record(&self, handle: Handle) -> Record {
        Record::new(handle, self.object(), self.granted(), self.flags())
    }

    /// Lets go of an entry that is no longer in the table. The last one ends the object.
    pub(super) fn release(&self) {
        // AcqRel: the thread that ends the object has seen what all others did before they closed their handles.
        if self.held.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.held.object.end();
        }
    }
}

fn mask(granted: Rights, flags: Flags) -> u64 {
    u64::from(granted.bits()) << 32 | u64::from(flags.bits())
}

fn flags_in(mask: u64) -> Flags {
    let [lowest, ..] = mask.to_le_bytes();
    Flags::from_bits(lowest)
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
        self.granted.require_any(rights)
    }
}

impl Ref {
    /// Another handle of the object, unless the last one was closed meanwhile: an object that has ended gets no new ones.
    pub(super) fn another(&self, granted: Rights, flags: Flags) -> Option<Entry> {
        let one_more = |count: usize| (count > 0).then_some(count + 1);
        let handles = &self.held.handles;
        let counted = handles.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        counted.ok()?;
        Some(Entry::new(Arc::clone(&self.held), granted, flags))
    }

    /// Whether both are handles of one object in this table.
    pub(super) fn is_same(&self, other: &Ref) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
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

impl DuplicateRights {
    /// The mask of a duplicate.
    pub(super) fn of(self, kind: Kind, source: Rights) -> Result<Rights> {
        let DuplicateRights::Exactly(wanted) = self else {
            return Ok(source);
        };
        let mut granted = wanted.mapped(kind)?;
        if wanted.contains(Rights::MAXIMUM_ALLOWED) {
            granted = granted | source;
        }
        if kind.rights_only_shrink() && !source.contains(granted) {
            let why = format!(
                "a duplicate cannot have more rights than its source, which has {source:?}"
            );
            return Err(Error::new("duplicate handle", ErrorKind::AccessDenied).because(why));
        }
        Ok(granted)
    }
}
