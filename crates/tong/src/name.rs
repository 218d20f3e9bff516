//! Names of mailslots and pipes, parsed once.
//!
//! A [`MailslotName`] is the part of a name after `\\.\mailslot\`, a [`PipeName`] the part after `\\.\pipe\`, cleaned
//! up the way Windows cleans up device paths, together with its folded form. Whoever holds one need not check it again:
//! it is not empty, its full form has at most 256 UTF-16 units, it holds no NUL character, and it means this machine.
//! Backslashes in it are characters of one flat name: no levels need to exist, and none do.
//!
//! Two names are one mailslot, or one pipe, if their folded forms are equal; `Eq` and `Hash` follow that.
//!
//! - [`MailslotName::parse`] reads a full name as an opener gives it, [`MailslotName::parse_for_create`] as a
//!   creator does. They differ in what they refuse, and how. Pipes have [`PipeName::parse_for_wait`] besides.
//! - [`MailslotName::short`], `TryFrom<&str>` and `FromStr` also take a bare name and put the prefix before it.
//!
//! # Case
//! Names are compared after upper-casing one code unit by one, whatever the locale, and without normalisation:
//! `é` written as one character and as two are different names. Characters beyond U+FFFF are two code units, which
//! have no case of their own, so they are compared exactly. The upper-case forms come from the Unicode tables of
//! the compiler that built the library; they only ever grow, by letters of newly encoded scripts.
//!
//! # References
//! Win32: CreateMailslot, "Mailslot Names", "Pipe Names", "Naming Files, Paths, and Namespaces"; .NET: "File path formats on
//! Windows systems" for the clean-up.

mod device;
mod pipe;

use crate::{Error, ErrorKind, Result};
use device::{Device, DevicePath};
use std::fmt;
use std::str::FromStr;

pub(crate) use device::upper;
pub use pipe::PipeName;

/// Where mailslots live.
const MAILSLOT: Device = Device {
    word: "mailslot",
    noun: "a mailslot",
    op: "parse mailslot name",
};

/// The name of a mailslot on this machine.
///
/// ```
/// use tong::MailslotName;
///
/// let name = MailslotName::parse("//./MailSlot/Sensors//Room1.")?;
/// assert_eq!(name.path(), r"Sensors\Room1");
/// assert_eq!(name, MailslotName::try_from(r"SENSORS\room1")?);
/// assert_eq!(name.to_string(), r"\\.\mailslot\Sensors\Room1");
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MailslotName {
    path: DevicePath,
}

impl MailslotName {
    /// The most UTF-16 units that a full name may have, prefix included.
    pub const MAX_UNITS: usize = device::MAX_UNITS;

    /// Parses a full name as an opener of a mailslot gives it.
    ///
    /// The name has the form `\\.\mailslot\[path\]name`; `/` may stand for `\`, and this machine's host name for
    /// the period. A name that starts with `\\?\mailslot\` is taken as it is, without clean-up.
    ///
    /// # Errors
    /// In this order: [`PathNotFound`](ErrorKind::PathNotFound) if the name is empty;
    /// [`InvalidName`](ErrorKind::InvalidName) if it does not lead to a mailslot at all;
    /// [`NameTooLong`](ErrorKind::NameTooLong) beyond [`MAX_UNITS`](Self::MAX_UNITS);
    /// [`Remote`](ErrorKind::Remote) if its server part is `*` or another machine;
    /// [`NotFound`](ErrorKind::NotFound) if nothing follows the prefix;
    /// [`InvalidName`](ErrorKind::InvalidName) if it holds a NUL character.
    pub fn parse(full: &str) -> Result<MailslotName> {
        let target = MAILSLOT.locate(full, ErrorKind::InvalidName)?;
        let path = MAILSLOT.path_to_open(target, full, ErrorKind::NotFound)?;
        Ok(MailslotName { path })
    }

    /// Parses a full name as the creator of a mailslot gives it.
    ///
    /// The form is that of [`parse`](Self::parse), but the server part must be the period: a mailslot is always
    /// made on the machine of its creator.
    ///
    /// # Errors
    /// In this order: [`PathNotFound`](ErrorKind::PathNotFound) if the name is empty;
    /// [`InvalidName`](ErrorKind::InvalidName) if it does not lead to a mailslot;
    /// [`NameTooLong`](ErrorKind::NameTooLong) beyond [`MAX_UNITS`](Self::MAX_UNITS);
    /// [`InvalidName`](ErrorKind::InvalidName) if its server part is not the period, if nothing follows the
    /// prefix, or if it holds a NUL character.
    pub fn parse_for_create(full: &str) -> Result<MailslotName> {
        let target = MAILSLOT.locate(full, ErrorKind::InvalidName)?;
        let path = MAILSLOT.path_to_create(target, full)?;
        Ok(MailslotName { path })
    }

    /// Parses a name as people write it: a full name, or a bare one that stands for `\\.\mailslot\NAME`.
    ///
    /// A text that starts with two slashes or backslashes is a full name.
    ///
    /// # Errors
    /// [`InvalidName`](ErrorKind::InvalidName) for an empty text or one that leads out of the mailslots with `..`;
    /// else as [`parse`](Self::parse).
    pub fn short(name: &str) -> Result<MailslotName> {
        MAILSLOT.short(name, MailslotName::parse)
    }

    /// Tells whether a full name leads to a mailslot, on this or another machine, rather than to a file or a pipe.
    ///
    /// The name need not be a valid one: `\\.\mailslot\` and names that are too long lead to mailslots too, and
    /// [`parse`](Self::parse) then says what is wrong with them.
    #[must_use]
    pub fn leads_to_mailslot(full: &str) -> bool {
        MAILSLOT.locate_any_length(full).is_some()
    }

    /// The name as written, after clean-up, without `\\.\mailslot\`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.path
    }

    /// The form that is compared: two names are the same mailslot if this is equal, byte for byte.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.path.folded
    }

    /// The full name, which [`parse`](Self::parse) reads back as this one.
    ///
    /// It starts with `\\.\mailslot\`, or with `\\?\mailslot\` if clean-up would change the name.
    #[must_use]
    pub fn full(&self) -> String {
        self.to_string()
    }
}

impl TryFrom<&str> for MailslotName {
    type Error = Error;

    /// Does what [`MailslotName::short`] does.
    fn try_from(name: &str) -> Result<MailslotName> {
        MailslotName::short(name)
    }
}

impl FromStr for MailslotName {
    type Err = Error;

    /// Does what [`MailslotName::short`] does.
    fn from_str(name: &str) -> Result<MailslotName> {
        MailslotName::short(name)
    }
}

impl fmt::Display for MailslotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.write(&MAILSLOT, f)
    }
}

impl fmt::Debug for MailslotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MailslotName").field(&self.path()).finish()
    }
}

#[cfg(test)]
mod tests;
