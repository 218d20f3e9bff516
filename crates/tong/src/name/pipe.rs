//! Names of pipes.

use std::fmt;
use std::str::FromStr;

use super::device::{Device, DevicePath, MAX_UNITS};
use crate::{Error, ErrorKind, Result};

/// Where pipes live.
const PIPE: Device = Device {
    word: "pipe",
    noun: "a pipe",
    op: "parse pipe name",
};

/// The name of a pipe on this machine.
///
/// ```
/// use tong::PipeName;
///
/// let name = PipeName::parse("//./Pipe/Sensors//Room1.")?;
/// assert_eq!(name.path(), r"Sensors\Room1");
/// assert_eq!(name, PipeName::try_from(r"SENSORS\room1")?);
/// assert_eq!(name.to_string(), r"\\.\pipe\Sensors\Room1");
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PipeName {
    path: DevicePath,
}

impl PipeName {
    /// The most UTF-16 units that a full name may have, prefix included.
    pub const MAX_UNITS: usize = MAX_UNITS;

    /// Parses a full name as a client that opens a pipe gives it.
    ///
    /// The name has the form `\\.\pipe\name`; `/` may stand for `\`, and this machine's host name for the period. A name
    /// that starts with `\\?\pipe\` is taken as it is, without clean-up.
    ///
    /// # Errors
    /// In this order: [`PathNotFound`](ErrorKind::PathNotFound) if the name is empty;
    /// [`InvalidName`](ErrorKind::InvalidName) if it does not lead to a pipe at all;
    /// [`NameTooLong`](ErrorKind::NameTooLong) beyond [`MAX_UNITS`](Self::MAX_UNITS);
    /// [`Remote`](ErrorKind::Remote) if its server part is another machine; [`NotFound`](ErrorKind::NotFound) if nothing
    /// follows the prefix; [`InvalidName`](ErrorKind::InvalidName) if it holds a NUL character.
    pub fn parse(full: &str) -> Result<PipeName> {
        let target = PIPE.locate(full, ErrorKind::InvalidName)?;
        let path = PIPE.path_to_open(target, full, ErrorKind::NotFound)?;
        Ok(PipeName { path })
    }

    /// Parses a full name as the creator of a pipe gives it.
    ///
    /// The form is that of [`parse`](Self::parse), but the server part must be the period.
    ///
    /// # Errors
    /// In this order: [`PathNotFound`](ErrorKind::PathNotFound) if the name is empty;
    /// [`InvalidName`](ErrorKind::InvalidName) if it does not lead to a pipe;
    /// [`NameTooLong`](ErrorKind::NameTooLong) beyond [`MAX_UNITS`](Self::MAX_UNITS);
    /// [`InvalidName`](ErrorKind::InvalidName) if its server part is not the period, if nothing follows the prefix, or if
    /// it holds a NUL character.
    pub fn parse_for_create(full: &str) -> Result<PipeName> {
        let target = PIPE.locate(full, ErrorKind::InvalidName)?;
        let path = PIPE.path_to_create(target, full)?;
        Ok(PipeName { path })
    }

    /// Parses a full name as a client that waits for an instance of a pipe gives it. The form is that of
    /// [`parse`](Self::parse).
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but [`PathNotFound`](ErrorKind::PathNotFound) if the name does not lead to a pipe, and if
    /// nothing follows the prefix.
    pub fn parse_for_wait(full: &str) -> Result<PipeName> {
        let target = PIPE.locate(full, ErrorKind::PathNotFound)?;
        let path = PIPE.path_to_open(target, full, ErrorKind::PathNotFound)?;
        Ok(PipeName { path })
    }

    /// Parses a name as people write it: a full name, or a bare one that stands for `\\.\pipe\NAME`.
    ///
    /// A text that starts with two slashes or backslashes is a full name.
    ///
    /// # Errors
    /// [`InvalidName`](ErrorKind::InvalidName) for an empty text or one that leads out of the pipes with `..`; else as
    /// [`parse`](Self::parse).
    pub fn short(name: &str) -> Result<PipeName> {
        PIPE.short(name, PipeName::parse)
    }

    /// Tells whether a full name leads to a pipe, on this or another machine, rather than to a file or a mailslot.
    ///
    /// The name need not be a valid one: `\\.\pipe\` and names that are too long lead to pipes too, and
    /// [`parse`](Self::parse) then says what is wrong with them.
    #[must_use]
    pub fn leads_to_pipe(full: &str) -> bool {
        PIPE.locate_any_length(full).is_some()
    }

    /// The name as written, after clean-up, without `\\.\pipe\`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.path
    }

    /// The form that is compared: two names are the same pipe if this is equal, byte for byte.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.path.folded
    }

    /// The full name, which [`parse`](Self::parse) reads back as this one.
    ///
    /// It starts with `\\.\pipe\`, or with `\\?\pipe\` if clean-up would change the name.
    #[must_use]
    pub fn full(&self) -> String {
        self.to_string()
    }
}

impl TryFrom<&str> for PipeName {
    type Error = Error;

    /// Does what [`PipeName::short`] does.
    fn try_from(name: &str) -> Result<PipeName> {
        PipeName::short(name)
    }
}

impl FromStr for PipeName {
    type Err = Error;

    /// Does what [`PipeName::short`] does.
    fn from_str(name: &str) -> Result<PipeName> {
        PipeName::short(name)
    }
}

impl fmt::Display for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.write(&PIPE, f)
    }
}

impl fmt::Debug for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeName").field(&self.path()).finish()
    }
}

#[cfg(test)]
mod tests;
