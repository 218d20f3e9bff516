//! Names of events, mutexes, semaphores and timers, parsed once.
//!
//! All these kinds share one space of names (H-88). Names compare exactly, letter case included (H-100). `Local\X` and `X`
//! are the same name, in the user's own namespace; `Global\X` is another one, in the machine-wide directory if there is
//! one (H-101). Apart from these two prefixes a name has no backslash; any other character may be in it (H-108).
//!
//! # Differences from Windows
//! `Global\` names belong to the user who made them: another user's open is refused, whatever the object's security.
//!
//! # References
//! Win32: "Kernel object namespaces", "Object Names".

use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

const GLOBAL: &str = "Global\\";
const LOCAL: &str = "Local\\";

/// The name of an event, mutex, semaphore or timer.
///
/// ```
/// use tong::ObjectName;
///
/// let name = ObjectName::parse(r"Local\ready")?;
/// assert_eq!(name, ObjectName::parse("ready")?);
/// assert_ne!(name, ObjectName::parse("Ready")?);
/// assert_eq!(name.to_string(), "ready");
/// # Ok::<(), tong::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// Without `Local\`.
    full: Arc<str>,
}

impl ObjectName {
    /// The most UTF-16 units that a name may have after its prefix.
    pub const MAX_UNITS: usize = 32_766;

    /// Parses a name.
    ///
    /// # Errors
    /// In this order: [`WrongKind`](ErrorKind::WrongKind) if the name is empty or only a prefix, which name directories;
    /// [`InvalidName`](ErrorKind::InvalidName) if it holds a NUL character;
    /// [`BadPath`](ErrorKind::BadPath) if it starts with a backslash; [`PathNotFound`](ErrorKind::PathNotFound) if it holds
    /// another backslash, such as that of an unknown prefix; [`InvalidName`](ErrorKind::InvalidName) beyond
    /// [`MAX_UNITS`](Self::MAX_UNITS).
    pub fn parse(name: &str) -> Result<ObjectName> {
        let failed = |kind| Error::new("parse object name", kind).on(shown(name));
        if matches!(name, "" | "Global" | "Local") {
            return Err(failed(ErrorKind::WrongKind)
                .because("this names a directory of names; put the object's own name behind it"));
        }
        if name.contains('\0') {
            return Err(
                failed(ErrorKind::InvalidName).because("a name cannot hold a NUL character")
            );
        }
        if name.starts_with('\\') {
            return Err(failed(ErrorKind::BadPath));
        }
        let (global, rest) = match name.strip_prefix(GLOBAL) {
            Some(rest) => (true, rest),
            None => (false, name.strip_prefix(LOCAL).unwrap_or(name)),
        };
        if rest.is_empty() || rest.contains('\\') {
            return Err(failed(ErrorKind::PathNotFound)
                .because(r"a backslash can only stand in the prefixes Local\ and Global\"));
        }
        if rest.encode_utf16().count() > ObjectName::MAX_UNITS {
            return Err(
                failed(ErrorKind::InvalidName).because("the name is longer than 32,766 units")
            );
        }
        Ok(ObjectName {
            full: match global {
                true => name.into(),
                false => rest.into(),
            },
        })
    }

    /// Whether the name is in the machine-wide directory.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.full.starts_with(GLOBAL)
    }

    /// The whole name, without `Local\`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

/// A name for an error message: the start of a very long one.
fn shown(name: &str) -> String {
    match name.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl FromStr for ObjectName {
    type Err = Error;

    fn from_str(name: &str) -> Result<ObjectName> {
        ObjectName::parse(name)
    }
}

impl TryFrom<&str> for ObjectName {
    type Error = Error;

    fn try_from(name: &str) -> Result<ObjectName> {
        ObjectName::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H-101, H-103 to H-109.
    #[test]
    fn prefixes_are_exact_and_backslashes_stand_nowhere_else() {
        let kind = |name: &str| ObjectName::parse(name).map_err(|error| error.kind());
        assert_eq!(kind("X"), kind(r"Local\X"));
        assert_ne!(kind("X"), kind(r"Global\X"));
        assert_ne!(kind("X"), kind("x"));
        for bad in [
            r"local\X",
            r"a\b",
            r"Global\a\b",
            r"Session\1\X",
            r"X\",
            r"Global\",
        ] {
            assert_eq!(kind(bad), Err(ErrorKind::PathNotFound), "{bad}");
        }
        assert_eq!(kind(r"\X"), Err(ErrorKind::BadPath));
        for directory in ["", "Global", "Local"] {
            assert_eq!(kind(directory), Err(ErrorKind::WrongKind));
        }
        for odd in ["a b", "a/b", "a:b", "*", "통", "."] {
            assert!(kind(odd).is_ok(), "{odd}");
        }
        assert!(kind(&"x".repeat(32_766)).is_ok());
        assert_eq!(kind(&"x".repeat(32_767)), Err(ErrorKind::InvalidName));
        assert_eq!(kind("a\0b"), Err(ErrorKind::InvalidName));
    }
}
