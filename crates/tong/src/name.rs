//! Names, parsed once.
//!
//! A [`MailslotName`] is the part of a name after `\\.\mailslot\`, cleaned up the way Windows cleans up device
//! paths, together with its folded form. Whoever holds one need not check it again: it is not empty, its full
//! form has at most [`MailslotName::MAX_UNITS`] UTF-16 units, it holds no NUL character, and it means this machine.
//!
//! Two names are one mailslot if their folded forms are equal; `Eq` and `Hash` follow that.
//!
//! - [`MailslotName::parse`] reads a full name as an opener gives it, [`MailslotName::parse_for_create`] as a
//!   creator does. They differ in what they refuse, and how.
//! - [`MailslotName::short`], `TryFrom<&str>` and `FromStr` also take a bare name and put the prefix before it.
//!
//! # Case
//! Names are compared after upper-casing one code unit by one, whatever the locale, and without normalisation:
//! `é` written as one character and as two are different names. Characters beyond U+FFFF are two code units, which
//! have no case of their own, so they are compared exactly. The upper-case forms come from the Unicode tables of
//! the compiler that built the library; they only ever grow, by letters of newly encoded scripts.
//!
//! # References
//! Win32: CreateMailslot, "Mailslot Names", "Naming Files, Paths, and Namespaces"; .NET: "File path formats on
//! Windows systems" for the clean-up.

use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// What a full name starts with on this machine.
const PREFIX: &str = r"\\.\mailslot\";
/// The same for a name that is taken as it is, without clean-up.
const VERBATIM_PREFIX: &str = r"\\?\mailslot\";
/// The first component of every mailslot name.
const WORD: &str = "mailslot";

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
#[derive(Clone)]
pub struct MailslotName {
    path: Box<str>,
    folded: Box<str>,
}

impl MailslotName {
    /// The most UTF-16 units that a full name may have, prefix included.
    pub const MAX_UNITS: usize = 256;

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
        let target = locate(full)?;
        if !target.server.is_here() {
            return Err(failure(ErrorKind::Remote, full));
        }
        if target.path.is_empty() {
            let why = r"the name ends where the mailslot's own name should begin";
            return Err(failure(ErrorKind::NotFound, full).because(why));
        }
        MailslotName::from_path(target.path, full)
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
        let target = locate(full)?;
        if !matches!(target.server, Server::Period) {
            let why = r"a mailslot is created on this machine only; its name looks like \\.\mailslot\NAME";
            return Err(failure(ErrorKind::InvalidName, full).because(why));
        }
        if target.path.is_empty() {
            return Err(invalid(full));
        }
        MailslotName::from_path(target.path, full)
    }

    /// Parses a name as people write it: a full name, or a bare one that stands for `\\.\mailslot\NAME`.
    ///
    /// A text that starts with two slashes or backslashes is a full name.
    ///
    /// # Errors
    /// [`InvalidName`](ErrorKind::InvalidName) for an empty text or one that leads out of the mailslots with `..`;
    /// else as [`parse`](Self::parse).
    pub fn short(name: &str) -> Result<MailslotName> {
        if strip_two_separators(name).is_some() {
            return MailslotName::parse(name);
        }
        match MailslotName::parse(&format!("{PREFIX}{name}")) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(invalid(name)),
            result => result,
        }
    }

    /// Tells whether a full name leads to a mailslot, on this or another machine, rather than to a file or a pipe.
    ///
    /// The name need not be a valid one: `\\.\mailslot\` and names that are too long lead to mailslots too, and
    /// [`parse`](Self::parse) then says what is wrong with them.
    #[must_use]
    pub fn leads_to_mailslot(full: &str) -> bool {
        locate_any_length(full).is_some()
    }

    /// The name as written, after clean-up, without `\\.\mailslot\`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The form that is compared: two names are the same mailslot if this is equal, byte for byte.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The full name, which [`parse`](Self::parse) reads back as this one.
    ///
    /// It starts with `\\.\mailslot\`, or with `\\?\mailslot\` if clean-up would change the name.
    #[must_use]
    pub fn full(&self) -> String {
        self.to_string()
    }

    /// Makes the name of a path that is cleaned up and not empty; `full` is what errors show.
    fn from_path(path: String, full: &str) -> Result<MailslotName> {
        if path.contains('\0') {
            let why = "a name holds no NUL character";
            return Err(failure(ErrorKind::InvalidName, full).because(why));
        }
        let folded = path.chars().map(upper).collect::<String>();
        Ok(MailslotName {
            path: path.into(),
            folded: folded.into(),
        })
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
        let prefix = if clean(&self.path) == *self.path {
            PREFIX
        } else {
            VERBATIM_PREFIX
        };
        write!(f, "{prefix}{}", self.path)
    }
}

impl fmt::Debug for MailslotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MailslotName").field(&self.path).finish()
    }
}

impl PartialEq for MailslotName {
    fn eq(&self, other: &MailslotName) -> bool {
        self.folded == other.folded
    }
}

impl Eq for MailslotName {}

impl Hash for MailslotName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

/// The machine that a full name speaks of.
enum Server<'a> {
    /// The period, which is this machine.
    Period,
    /// A machine or domain by name, or `*`.
    Named(&'a str),
}

impl Server<'_> {
    /// Is it this machine, by the period or by its host name?
    fn is_here(&self) -> bool {
        match self {
            Server::Period => true,
            Server::Named(name) => host_name().is_some_and(|host| same_text(name, &host)),
        }
    }
}

/// Where a full name leads: the machine, and the cleaned-up path below `mailslot\` (empty if there is none).
struct Target<'a> {
    server: Server<'a>,
    path: String,
}

/// Finds the target of a full name, or says why there is none.
fn locate(full: &str) -> Result<Target<'_>> {
    if full.is_empty() {
        let why = r"the name is empty; a mailslot's name looks like \\.\mailslot\NAME";
        return Err(failure(ErrorKind::PathNotFound, full).because(why));
    }
    let target = locate_any_length(full).ok_or_else(|| invalid(full))?;
    let units = full.encode_utf16().count();
    if units > MailslotName::MAX_UNITS {
        let most = MailslotName::MAX_UNITS;
        let why = format!("the full name has {units} UTF-16 units; at most {most} are allowed");
        return Err(failure(ErrorKind::NameTooLong, full).because(why));
    }
    Ok(target)
}

/// Finds the target of a full name of any length; `None` if it does not lead to a mailslot.
fn locate_any_length(full: &str) -> Option<Target<'_>> {
    if let Some(rest) = full.strip_prefix(r"\\?\") {
        return local_target(rest.to_owned());
    }
    let rest = strip_two_separators(full)?;
    let (server, rest) = rest.split_once(is_separator)?;
    if server == "." || server == "?" {
        return local_target(clean(rest));
    }
    // Below another machine, `mailslot` is a share, and `..` does not lead out of a share.
    let rest = rest.trim_start_matches(is_separator);
    let (share, path) = rest.split_once(is_separator).unwrap_or((rest, ""));
    let is_mailslot = !server.is_empty() && share.eq_ignore_ascii_case(WORD);
    is_mailslot.then(|| Target {
        server: Server::Named(server),
        path: clean(path),
    })
}

/// Finds the target of a device path of this machine, such as `mailslot\a\b`.
fn local_target(device_path: String) -> Option<Target<'static>> {
    let (word, path) = device_path.split_once('\\').unwrap_or((&device_path, ""));
    let path = path.to_owned();
    word.eq_ignore_ascii_case(WORD).then_some(Target {
        server: Server::Period,
        path,
    })
}

/// Cleans a path up as Windows does before it looks for a device.
///
/// `/` becomes `\`, empty components vanish, `.` and `..` are resolved, and periods and spaces at the end are
/// dropped, as is a single period at the end of an inner component. A separator at the end stays. What comes out
/// is not changed by a second clean-up.
fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_separator = false;
    let mut components = path.split(is_separator).peekable();
    while let Some(component) = components.next() {
        let is_last = components.peek().is_none();
        ends_in_separator = is_last && component.is_empty();
        match component {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ if is_last => kept.push(component),
            _ => kept.push(without_single_period(component)),
        }
    }
    let mut cleaned = kept.join(r"\");
    if !ends_in_separator {
        cleaned.truncate(cleaned.trim_end_matches(['.', ' ']).len());
    } else if !cleaned.is_empty() {
        cleaned.push('\\');
    }
    cleaned
}

/// Drops the period at the end of an inner component, unless more than one stands there.
fn without_single_period(component: &str) -> &str {
    match component.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest,
        _ => component,
    }
}

/// What follows two separators at the start of a name.
fn strip_two_separators(name: &str) -> Option<&str> {
    name.strip_prefix(is_separator)?.strip_prefix(is_separator)
}

fn is_separator(character: char) -> bool {
    matches!(character, '\\' | '/')
}

/// Are two texts equal but for case?
fn same_text(a: &str, b: &str) -> bool {
    a.chars().map(upper).eq(b.chars().map(upper))
}

/// The simple upper-case form of a character: always one code unit for one, and itself beyond U+FFFF.
///
/// The standard library knows the full forms, which may be longer (`ß` becomes `SS`). A letter with such a form
/// has no simple one, except the Greek letters with iota below, whose simple form is the title-case letter.
pub(crate) fn upper(character: char) -> char {
    let is_single_unit = |c: &char| c.len_utf16() == 1;
    let mut full = character.to_uppercase();
    match (full.next().filter(is_single_unit), full.next()) {
        (Some(upper), None) if is_single_unit(&character) => upper,
        _ => upper_with_iota_below(character),
    }
}

/// The simple upper-case form of a small Greek letter with iota below; every other character is left alone.
fn upper_with_iota_below(character: char) -> char {
    let distance = match character {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(character) + distance).unwrap_or(character)
}

/// The name that this machine goes by; `None` if the system does not tell.
fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = text.trim_end_matches('\n');
    (!name.is_empty() && name != "(none)").then(|| name.to_owned())
}

/// A failure to parse `name`, which errors show.
fn failure(kind: ErrorKind, name: &str) -> Error {
    Error::new("parse mailslot name", kind).on(name)
}

/// The failure of a text that names no mailslot.
fn invalid(name: &str) -> Error {
    let why = r"that is no mailslot's name; one looks like \\.\mailslot\NAME";
    failure(ErrorKind::InvalidName, name).because(why)
}

#[cfg(test)]
mod tests;
