//! File names as Windows programs write them, and the Linux paths they mean.
//!
//! | name | path |
//! |---|---|
//! | `dir\file`, `dir/file` | `dir/file`, seen from the current directory |
//! | `\dir\file`, `/dir/file`, `C:\dir\file` | `/dir/file`: drive C is the root |
//! | `C:file` | `file`, seen from the current directory |
//! | `D:\file` and other drives | none: path not found |
//! | `\\?\C:\dir\file` | `/dir/file`, taken as it is |
//! | `\\.\C:\dir\file` | `/dir/file` |
//! | `NUL`, `NUL:`, `\\.\NUL` | `/dev/null` |
//! | `\\server\share\file` | none: another machine |
//!
//! Names are cleaned up as Windows does it, before anything is looked up: repeated separators count as one, `.` and
//! `..` are resolved by text alone (so `none\..\file` is `file`, and links on the way do not matter), a component loses
//! one period at its end, the last one all its periods and spaces. A name after `\\?\` is not cleaned up; only so can
//! a file be reached whose own name ends in a period.
//!
//! Case is compared as the file system does it, exactly on most: the one rule of Windows' file names that is not kept
//! here, because keeping it would cost a listing of every directory on the way for every file that is made.

use crate::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The most UTF-16 units of a component.
const MAX_COMPONENT_UNITS: usize = 255;
/// The most UTF-16 units of a whole name.
const MAX_UNITS: usize = 32_767;

/// A file name that was understood: where it leads, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    path: PathBuf,
    text: Box<str>,
    names_directory: bool,
}

impl FilePath {
    /// Understands a name as a Windows program writes it (see the module's page for the forms).
    ///
    /// # Errors
    /// In this order: [`PathNotFound`](ErrorKind::PathNotFound) if the name is empty;
    /// [`NameTooLong`](ErrorKind::NameTooLong) beyond 32,767 UTF-16 units; [`Remote`](ErrorKind::Remote) for another
    /// machine; [`NotFound`](ErrorKind::NotFound) for a device that does not exist here;
    /// [`PathNotFound`](ErrorKind::PathNotFound) for a drive other than C; [`InvalidName`](ErrorKind::InvalidName) for a
    /// control character, one of `< > : " | ? *`, or a component of more than 255 UTF-16 units.
    pub fn parse(text: &str) -> Result<FilePath> {
        if text.is_empty() {
            return Err(failure(ErrorKind::PathNotFound, text));
        }
        if text.encode_utf16().count() > MAX_UNITS {
            return Err(failure(ErrorKind::NameTooLong, text));
        }
        if let Some(rest) = text.strip_prefix(r"\\?\") {
            return verbatim(rest, text);
        }
        match strip_separators(text) {
            Some(rest) => from_server(rest, text),
            None if is_null_device(text) => Ok(FilePath::new("/dev/null".into(), text, false)),
            None => from_drive(text, text),
        }
    }

    /// Takes a Linux path as it is.
    pub fn native(path: impl AsRef<Path>) -> FilePath {
        let path = path.as_ref();
        FilePath::new(path.to_owned(), &path.to_string_lossy(), false)
    }

    /// Where the name leads.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Does the name end with a separator, so that only a directory can be meant?
    pub(super) fn names_directory(&self) -> bool {
        self.names_directory
    }

    /// The directory that holds the last component, and that component; `None` for `/`, `.` and `..`.
    pub(super) fn split(&self) -> Option<(&Path, &std::ffi::OsStr)> {
        let name = self.path.file_name()?;
        let parent = self
            .path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Some((parent.unwrap_or(Path::new(".")), name))
    }

    fn new(path: PathBuf, text: &str, names_directory: bool) -> FilePath {
        FilePath {
            path,
            text: text.into(),
            names_directory,
        }
    }
}

fn failure(kind: ErrorKind, text: &str) -> Error {
    Error::new("find file", kind).on(text)
}

fn is_separator(c: char) -> bool {
    matches!(c, '\\' | '/')
}

/// What follows two separators at the start.
fn strip_separators(text: &str) -> Option<&str> {
    text.strip_prefix(is_separator)?.strip_prefix(is_separator)
}

fn is_null_device(text: &str) -> bool {
    text.strip_suffix(':')
        .unwrap_or(text)
        .eq_ignore_ascii_case("nul")
}

/// A name after two separators: this machine's devices, or another machine.
fn from_server(rest: &str, text: &str) -> Result<FilePath> {
    let (server, rest) = rest.split_once(is_separator).unwrap_or((rest, ""));
    if !matches!(server, "." | "?") {
        let why = "files of other machines are reached through a mounted file system, under a path of this machine";
        return Err(failure(ErrorKind::Remote, text).because(why));
    }
    if is_null_device(rest) {
        return Ok(FilePath::new("/dev/null".into(), text, false));
    }
    match drive(rest) {
        Some(_) => from_drive(rest, text),
        None => Err(failure(ErrorKind::NotFound, text).because("no such device exists here")),
    }
}

/// The drive letter in front of a name, and what follows its colon.
fn drive(name: &str) -> Option<(char, &str)> {
    let mut chars = name.chars();
    let letter = chars.next().filter(char::is_ascii_alphabetic)?;
    let rest = chars.as_str().strip_prefix(':')?;
    Some((letter.to_ascii_uppercase(), rest))
}

/// Drops the drive from a name; only drive C exists.
fn without_drive<'a>(name: &'a str, text: &str) -> Result<&'a str> {
    match drive(name) {
        None => Ok(name),
        Some(('C', rest)) => Ok(rest),
        Some((letter, _)) => {
            let why = format!("there is no drive {letter}: here; drive C: is the root directory");
            Err(failure(ErrorKind::PathNotFound, text).because(why))
        }
    }
}

/// A name that may start with a drive, to be cleaned up.
fn from_drive(name: &str, text: &str) -> Result<FilePath> {
    let name = without_drive(name, text)?;
    let absolute = name.starts_with(is_separator);
    let names_directory = name.ends_with(is_separator);
    let mut components: Vec<&str> = Vec::new();
    for component in name.split(is_separator) {
        match component {
            "" | "." => {}
            ".." if components.last().is_some_and(|last| *last != "..") => drop(components.pop()),
            ".." if absolute => {}
            ".." => components.push(".."),
            other => components.push(without_one_period(other)),
        }
    }
    if !names_directory {
        trim_last(&mut components);
    }
    check(&components, text)?;
    Ok(FilePath::new(
        join(absolute, &components),
        text,
        names_directory,
    ))
}

/// A name after `\\?\`: only backslashes separate, and every component means itself.
fn verbatim(rest: &str, text: &str) -> Result<FilePath> {
    if rest
        .get(..4)
        .is_some_and(|unc| unc.eq_ignore_ascii_case(r"unc\"))
    {
        return Err(failure(ErrorKind::Remote, text));
    }
    let name = match drive(rest) {
        Some(_) => without_drive(rest, text)?,
        None => {
            return Err(failure(ErrorKind::PathNotFound, text)
                .because(r"after \\?\ a drive must follow, as in \\?\C:\"))
        }
    };
    let names_directory = name.ends_with('\\');
    let components: Vec<&str> = name
        .split('\\')
        .filter(|component| !component.is_empty())
        .collect();
    if components
        .iter()
        .any(|component| matches!(*component, "." | "..") || component.contains('/'))
    {
        return Err(failure(ErrorKind::InvalidName, text));
    }
    check(&components, text)?;
    Ok(FilePath::new(
        join(true, &components),
        text,
        names_directory,
    ))
}

/// A component that ends in exactly one period loses it.
fn without_one_period(component: &str) -> &str {
    match component.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest,
        _ => component,
    }
}

/// The last component loses all periods and spaces at its end, and goes if nothing is left.
fn trim_last(components: &mut Vec<&str>) {
    let Some(last) = components.pop() else { return };
    let trimmed = if last == ".." {
        last
    } else {
        last.trim_end_matches(['.', ' '])
    };
    if !trimmed.is_empty() {
        components.push(trimmed);
    }
}

/// Refuses what no file of Windows can be called.
fn check(components: &[&str], text: &str) -> Result<()> {
    let forbidden = |c: char| c < ' ' || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    for component in components {
        if component.contains(forbidden) {
            let why = "a file's name holds no control character and none of < > : \" | ? *";
            return Err(failure(ErrorKind::InvalidName, text).because(why));
        }
        if component.encode_utf16().count() > MAX_COMPONENT_UNITS {
            let why = "a component of the path has more than 255 characters";
            return Err(failure(ErrorKind::InvalidName, text).because(why));
        }
    }
    Ok(())
}

fn join(absolute: bool, components: &[&str]) -> PathBuf {
    let start = PathBuf::from(if absolute { "/" } else { "" });
    let path = components
        .iter()
        .fold(start, |path, component| path.join(component));
    if path.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> String {
        FilePath::parse(text)
            .unwrap()
            .path()
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn kind(text: &str) -> ErrorKind {
        FilePath::parse(text).unwrap_err().kind()
    }

    #[test]
    fn both_separators_and_drive_c_lead_to_linux_paths() {
        assert_eq!(path(r"C:\dir/sub\file.txt"), "/dir/sub/file.txt");
        assert_eq!(path(r"c:/"), "/");
        assert_eq!(path(r"c:file"), "file");
        assert_eq!(path(r"dir\file"), "dir/file");
        assert_eq!(path(r"\dir\\file"), "/dir/file");
        assert_eq!(path(r"\\?\C:\dir\file."), "/dir/file.");
        assert_eq!(path(r"\\.\C:\dir\file"), "/dir/file");
    }

    #[test]
    fn clean_up_works_on_the_text_alone() {
        assert_eq!(path(r"none\..\file"), "file");
        assert_eq!(path(r"..\a\.\b\..\..\..\c"), "../../c");
        assert_eq!(path(r"\..\a"), "/a");
        assert_eq!(path(r"dir.\file. . "), "dir/file");
        assert_eq!(path(r"."), ".");
        assert_eq!(path(r"a\.."), ".");
        assert_eq!(path(r".."), "..");
        assert_eq!(path(".hidden"), ".hidden");
    }

    #[test]
    fn null_device_has_three_names() {
        for name in ["NUL", "nul:", r"\\.\NUL", "//./nul"] {
            assert_eq!(path(name), "/dev/null", "{name}");
        }
        assert_eq!(path("null"), "null");
    }

    #[test]
    fn names_that_lead_nowhere_say_why() {
        assert_eq!(kind(""), ErrorKind::PathNotFound);
        assert_eq!(kind(r"D:\file"), ErrorKind::PathNotFound);
        assert_eq!(kind(r"\\host\share\file"), ErrorKind::Remote);
        assert_eq!(kind(r"\\?\UNC\host\share"), ErrorKind::Remote);
        assert_eq!(kind(r"\\.\pipe\x"), ErrorKind::NotFound);
        assert_eq!(kind(&"x".repeat(32_768)), ErrorKind::NameTooLong);
    }

    /// H-120, H-121.
    #[test]
    fn forbidden_characters_and_long_components_are_invalid_names() {
        for name in [
            "a*",
            "?",
            "a<b",
            "a>b",
            "a|b",
            "a\"b",
            "ab:stream",
            "dir\\a*b\\c",
            "a\tb",
            "a\0b",
            r"\\?\C:\a*",
        ] {
            assert_eq!(kind(name), ErrorKind::InvalidName, "{name:?}");
        }
        assert_eq!(kind(&"x".repeat(256)), ErrorKind::InvalidName);
        assert_eq!(path(&"x".repeat(255)).len(), 255);
        assert_eq!(kind(r"\\?\C:\a\..\b"), ErrorKind::InvalidName);
    }

    #[test]
    fn split_finds_the_directory_of_the_last_component() {
        let split = |text: &str| {
            let path = FilePath::parse(text).unwrap();
            path.split()
                .map(|(dir, name)| format!("{} {}", dir.display(), name.to_str().unwrap()))
        };
        assert_eq!(split(r"a\b").as_deref(), Some("a b"));
        assert_eq!(split("b").as_deref(), Some(". b"));
        assert_eq!(split(r"\b").as_deref(), Some("/ b"));
        assert_eq!(split(r"\"), None);
        assert_eq!(split(".."), None);
    }
}
