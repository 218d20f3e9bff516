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
//! The process itself uses the lower half of the indices; those of the upper half are for handles that other processes put
//! into the table, so that they can name the value before this process knows. The generation of a slot goes up when the slot is emptied, and emptied slots wait in line before they are used
//! again, so that a stale value is noticed for at least the next thousand handles. Bit 31 is clear: values are the same
//! in 32 bits and sign-extended to 64, and never meet a pseudo handle.
//!
//! # What others see
//! The table of a process is written down in its process page as it changes: [`read_table`] shows the handles of any process
//! of the same user, even of one that hangs. Handles that are marked so are passed to child processes, which find them under
//! the same values ([`Inheritance`]). [`duplicate()`] makes a handle in this or any other running process from one in this
//! or any other.
//!
//! # Lifetime and death
//! An object is ended when the last handle to it is closed, even if a call in another thread still works on it: that
//! call then returns, or finishes on what it holds. The table is memory of its process and dies with it; what the
//! objects keep in the kernel (locks, descriptors) is dropped by the kernel.
//!
//! # Limits
//! 2^23 - 1 handles of a process's own making, and 2^23 that others put into its table.
//!
//! # References
//! Win32: "Handles and Objects", CloseHandle, DuplicateHandle, GetHandleInformation, CompareObjectHandles, "Handle Inheritance".

mod count;
mod duplicate;
mod entry;
mod inbox;
mod inherit;
mod mirror;
mod object;
mod parcel;
mod record;
mod rights;
mod slots;
mod table;

pub use count::count;
pub use duplicate::{close, duplicate, Party, Source, Wish};
pub use entry::{DuplicateRights, Ref};
pub use inherit::Inheritance;
pub use mirror::read_table;
pub use object::Object;
pub use rights::{Generic, Kind, Rights};
pub use table::Table;

use std::fmt;

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

/// One line of [`Table::rows`] and [`read_table`].
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
    /// Which object it is, among those of its kind.
    pub id: ObjectId,
}

/// Tells the objects of one kind apart: handles of whatever processes lead to the same object if kind and this are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub(crate) [u64; 2]);

impl std::fmt::Display for ObjectId {
    /// A short sign for people: equal objects have equal signs, different ones almost never.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [one, other] = self.0;
        let mixed = (one ^ other.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(f, "#{:06x}", mixed >> 40)
    }
}
