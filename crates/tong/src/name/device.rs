//! Names of devices: the clean-up, the machine that a name speaks of, and what makes two names one.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::{Error, ErrorKind, Result};

/// The most UTF-16 units that a full name may have, prefix included.
pub(super) const MAX_UNITS: usize = 256;

/// A kind of names: the device that they all lead to.
#[derive(Debug)]
pub(super) struct Device {
    /// The first component of every name of the kind.
    pub(super) word: &'static str,
    /// What people call an object of the kind, with its article.
    pub(super) noun: &'static str,
    /// The operation that errors speak of.
    pub(super) op: &'static str,
}

impl Device {
    /// What a full name starts with on this machine.
    pub(super) fn prefix(&self) -> String {
        format!(r"\\.\{}\", self.word)
    }

    /// Finds the target of a full name, or says why there is none: `stranger` if it does not lead to the device.
    pub(super) fn locate<'a>(&self, full: &'a str, stranger: ErrorKind) -> Result<Target<'a>> {
        if full.is_empty() {
            let prefix = self.prefix();
            let why = format!(
                "the name is empty; the name of {} looks like {prefix}NAME",
                self.noun
            );
            return Err(self.failure(ErrorKind::PathNotFound, full).because(why));
        }
        let target = self
            .locate_any_length(full)
            .ok_or_else(|| self.stranger(stranger, full))?;
        let units = full.encode_utf16().count();
        if units > MAX_UNITS {
            let why =
                format!("the full name has {units} UTF-16 units; at most {MAX_UNITS} are allowed");
            return Err(self.failure(ErrorKind::NameTooLong, full).because(why));
        }
        Ok(target)
    }

    /// Finds the target of a full name of any length; `None` if it does not lead to the device.
    pub(super) fn locate_any_length<'a>(&self, full: &'a str) -> Option<Target<'a>> {
        if let Some(rest) = full.strip_prefix(r"\\?\") {
            return self.local_target(rest.into());
        }
        let rest = strip_two_separators(full)?;
        let (server, rest) = rest.split_once(is_separator)?;
        if server == "." || server == "?" {
            return self.local_target(clean(rest).into());
        }
        // Below another machine, the device is a share, and `..` does not lead out of a share.
        let rest = rest.trim_start_matches(is_separator);
        let (share, path) = rest.split_once(is_separator).unwrap_or((rest, ""));
        let leads_here = !server.is_empty() && share.eq_ignore_ascii_case(self.word);
        leads_here.then(|| Target {
            server: Server::Named(server),
            path: clean(path),
        })
    }

    /// Finds the target of a device path of this machine, such as `mailslot\a\b`.
    fn local_target(&self, device_path: Cow<'_, str>) -> Option<Target<'static>> {
        let (word, path) = device_path.split_once('\\').unwrap_or((&device_path, ""));
        let path = path.to_owned();
        word.eq_ignore_ascii_case(self.word).then_some(Target {
            server: Server::Period,
            path,
        })
    }

    /// Takes the target of an opener: this machine, by the period or by its host name, and a path that is not empty.
    pub(super) fn path_to_open(
        &self,
        target: Target<'_>,
        full: &str,
        empty: ErrorKind,
    ) -> Result<DevicePath> {
        if !target.server.is_here() {
            return Err(self.failure(ErrorKind::Remote, full));
        }
        if target.path.is_empty() {
            let why = format!(
                "the name ends where the own name of {} should begin",
                self.noun
            );
            return Err(self.failure(empty, full).because(why));
        }
        self.path(target.path, full)
    }

    /// Takes the target of a creator: the period, and a path that is not empty.
    pub(super) fn path_to_create(&self, target: Target<'_>, full: &str) -> Result<DevicePath> {
        if !matches!(target.server, Server::Period) {
            let why = format!(
                "{} is created on this machine only; its name looks like {}NAME",
                self.noun,
                self.prefix()
            );
            return Err(self.failure(ErrorKind::InvalidName, full).because(why));
        }
        if target.path.is_empty() {
            return Err(self.stranger(ErrorKind::InvalidName, full));
        }
        self.path(target.path, full)
    }

    /// Parses a name as people write it: a full name, or a bare one, which gets the prefix.
    pub(super) fn short<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
        if strip_two_separators(name).is_some() {
            return parse(name);
        }
        match parse(&format!("{}{name}", self.prefix())) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(self.stranger(ErrorKind::InvalidName, name))
            }
            result => result,
        }
    }

    /// Makes the path of a text that is cleaned up and not empty; `full` is what errors show.
    fn path(&self, path: String, full: &str) -> Result<DevicePath> {
        if path.contains('\0') {
            let why = "a name holds no NUL character";
            return Err(self.failure(ErrorKind::InvalidName, full).because(why));
        }
        let folded = path.chars().map(upper).collect::<String>();
        Ok(DevicePath {
            path: path.into(),
            folded: folded.into(),
        })
    }

    /// A failure to parse `name`, which errors show.
    fn failure(&self, kind: ErrorKind, name: &str) -> Error {
        Error::new(self.op, kind).on(name)
    }

    /// The failure of a text that does not name an object of the kind.
    fn stranger(&self, kind: ErrorKind, name: &str) -> Error {
        let why = format!(
            "that is not the name of {}; one looks like {}NAME",
            self.noun,
            self.prefix()
        );
        self.failure(kind, name).because(why)
    }
}

/// What follows the device's prefix: as written, after clean-up, and as it is compared.
#[derive(Clone)]
pub(super) struct DevicePath {
    pub(super) path: Box<str>,
    pub(super) folded: Box<str>,
}

impl DevicePath {
    /// Writes the full name, which is read back as this one.
    pub(super) fn write(&self, device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that clean-up would change is taken as it is after the other prefix.
        let start = if clean(&self.path) == *self.path {
            '.'
        } else {
            '?'
        };
        write!(f, r"\\{start}\{}\{}", device.word, self.path)
    }
}

impl PartialEq for DevicePath {
    fn eq(&self, other: &DevicePath) -> bool {
        self.folded == other.folded
    }
}

impl Eq for DevicePath {}

impl Hash for DevicePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

/// The machine that a full name speaks of.
pub(super) enum Server<'a> {
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

/// Where a full name leads: the machine, and the cleaned-up path below the device (empty if there is none).
pub(super) struct Target<'a> {
    pub(super) server: Server<'a>,
    pub(super) path: String,
}

/// Cleans a path up as Windows does before it looks for a device.
///
/// `/` becomes `\`, empty components vanish, `.` and `..` are resolved, and periods and spaces at the end are
/// dropped, as is a single period at the end of an inner component. A separator at the end stays. What comes out
/// is not changed by a second clean-up.
pub(super) fn clean(path: &str) -> String {
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
pub(super) fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = text.trim_end_matches('\n');
    (!name.is_empty() && name != "(none)").then(|| name.to_owned())
}
