//! Which program a command line means.
//!
//! The rules stand on the page of [`process`](super).
//!
//! # References
//! Win32: CreateProcess, SearchPath.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{access, Access};
use tong_sys::exe::{self, Format};

use super::command_line;
use crate::object::file::FilePath;
use crate::{Error, ErrorKind, Result};

/// The most characters of a program's name in a command line.
const NAME_MAX: usize = 260;
/// The most UTF-16 units of a command line.
const LINE_MAX: usize = 32_766;

const OP: &str = "create process";

/// The program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its file, by an absolute path.
    pub(crate) program: PathBuf,
    /// The command line that the process gets.
    pub(crate) line: String,
}

/// Finds the program that an application name and a command line mean, either of which may be missing.
///
/// # Errors
/// In this order: [`InvalidParameter`](ErrorKind::InvalidParameter) if both are missing, or the only one is an empty
/// command line; [`NameTooLong`](ErrorKind::NameTooLong); then what is wrong with the file:
/// [`PathNotFound`](ErrorKind::PathNotFound), [`NotFound`](ErrorKind::NotFound),
/// [`AccessDenied`](ErrorKind::AccessDenied) for a directory or a program that may not be run,
/// [`NotAProgram`](ErrorKind::NotAProgram).
pub(crate) fn find(application: Option<&str>, line: Option<&str>) -> Result<Found> {
    let line = line.unwrap_or_default();
    if line.encode_utf16().count() > LINE_MAX {
        let why = "a command line has at most 32,766 characters";
        return Err(Error::new(OP, ErrorKind::NameTooLong).because(why));
    }
    let found = match application {
        Some(name) => named(name, line)?,
        None if line.is_empty() => {
            let why = "give an application name or a command line";
            return Err(Error::new(OP, ErrorKind::InvalidParameter).because(why));
        }
        None => in_line(line)?,
    };
    by_interpreter(found)
}

/// Finds the program at a path or, for a name without a slash, in the directories of `PATH`, as other programs of Linux do.
///
/// # Errors
/// As [`find`].
pub(crate) fn native(program: &OsStr) -> Result<PathBuf> {
    let path = Path::new(program);
    let name = || program.to_string_lossy().into_owned();
    let candidates: Vec<PathBuf> = match program.as_bytes().contains(&b'/') {
        true => vec![from_here(path)],
        false => listed().map(|place| place.join(path)).collect(),
    };
    let mut refused = None;
    for candidate in candidates.into_iter().filter(|_| !program.is_empty()) {
        match look(&candidate) {
            Look::Program => return Ok(candidate),
            Look::Nothing => {}
            Look::Refused(kind) => refused = refused.or(Some(kind)),
        }
    }
    Err(Error::new(OP, refused.unwrap_or(ErrorKind::NotFound)).on(name()))
}

/// The program of an application name.
fn named(name: &str, line: &str) -> Result<Found> {
    if name.is_empty() {
        return Err(
            Error::new(OP, ErrorKind::PathNotFound).because("the application name is empty")
        );
    }
    let program = at_path(name)?;
    let line = match line.is_empty() {
        true => format!("\"{name}\""),
        false => line.to_owned(),
    };
    Ok(Found { program, line })
}

/// The program that a command line begins with.
fn in_line(line: &str) -> Result<Found> {
    if line.starts_with('"') {
        let (name, _) = command_line::split_program(line.as_bytes());
        // Cut at a quote or the end, so it is text still.
        let name = String::from_utf8_lossy(name);
        return Ok(Found {
            program: by_name(&name)?,
            line: line.to_owned(),
        });
    }
    let blanks = line.match_indices([' ', '\t']).map(|(at, _)| at);
    let mut failure = None;
    for end in blanks.chain([line.len()]) {
        let (name, rest) = line.split_at(end);
        if name.is_empty() || name.ends_with([' ', '\t']) {
            continue;
        }
        if name.chars().count() > NAME_MAX {
            break;
        }
        match by_name(name) {
            Ok(program) => {
                let line = match name.contains([' ', '\t']) {
                    true => format!("\"{name}\"{rest}"),
                    false => line.to_owned(),
                };
                return Ok(Found { program, line });
            }
            // What went wrong with the shortest name says most; but the others are tried.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| not_found(line)))
}

/// The program of a name in a command line.
fn by_name(name: &str) -> Result<PathBuf> {
    if name.chars().count() > NAME_MAX {
        return Err(Error::new(OP, ErrorKind::NameTooLong).on(name));
    }
    match name.contains(['/', '\\', ':']) {
        true => at_path(name),
        false => search(name),
    }
}

/// The program at a path as Windows programs write it; nothing is searched.
fn at_path(name: &str) -> Result<PathBuf> {
    let path = FilePath::parse(name).map_err(|error| Error::new(OP, error.kind()).on(name))?;
    let path = from_here(path.path());
    let mut refused = None;
    for candidate in [Some(path.clone()), without_extension(&path)]
        .into_iter()
        .flatten()
    {
        match look(&candidate) {
            Look::Program => return Ok(candidate),
            Look::Nothing => {}
            Look::Refused(kind) => refused = refused.or(Some(kind)),
        }
    }
    let missing = || match path.parent().is_none_or(Path::is_dir) {
        true => ErrorKind::NotFound,
        false => ErrorKind::PathNotFound,
    };
    Err(Error::new(OP, refused.unwrap_or_else(missing)).on(name))
}

/// The program of a name without a directory.
fn search(name: &str) -> Result<PathBuf> {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, Some(extension)),
        None => (name, None),
    };
    let with = format!("{name}.exe");
    let candidates: &[&str] = match extension {
        None => &[&with, name],
        Some("") => &[stem],
        Some(exe) if exe.eq_ignore_ascii_case("exe") => &[name, stem],
        Some(_) => &[name],
    };
    let mut refused = None;
    for place in places() {
        for candidate in candidates.iter().filter(|it| !it.is_empty()) {
            let path = place.join(candidate);
            match look(&path) {
                Look::Program => return Ok(path),
                Look::Nothing => {}
                Look::Refused(kind) => refused = refused.or(Some(kind)),
            }
        }
    }
    match refused {
        Some(kind) => Err(Error::new(OP, kind).on(name)),
        None => Err(not_found(name)),
    }
}

/// Where names without a directory are looked for, in order.
fn places() -> impl Iterator<Item = PathBuf> {
    let own = env::current_exe().ok();
    let own = own.and_then(|exe| exe.parent().map(Path::to_owned));
    own.into_iter().chain(env::current_dir()).chain(listed())
}

/// The directories of `PATH`.
fn listed() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let listed: Vec<PathBuf> = env::split_paths(&path)
        .filter(|place| !place.as_os_str().is_empty())
        .map(|place| from_here(&place))
        .collect();
    listed.into_iter()
}

fn from_here(path: &Path) -> PathBuf {
    // Without a current directory there is nothing that a relative path could mean; it is then not found.
    env::current_dir().map_or_else(|_| path.to_owned(), |here| here.join(path))
}

/// `adder` for `adder.exe`.
fn without_extension(path: &Path) -> Option<PathBuf> {
    let extension = path.extension()?;
    extension
        .eq_ignore_ascii_case("exe")
        .then(|| path.with_extension(""))
}

/// What stands at a path.
enum Look {
    Program,
    Nothing,
    /// Something that cannot be run, and why.
    Refused(ErrorKind),
}

fn look(path: &Path) -> Look {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Look::Refused(ErrorKind::AccessDenied),
        Ok(_) if access(path, Access::EXEC_OK).is_ok() => Look::Program,
        Ok(_) => Look::Refused(match exe::format(path) {
            Format::Other => ErrorKind::NotAProgram,
            Format::Elf { .. } | Format::Script => ErrorKind::AccessDenied,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Look::Refused(ErrorKind::AccessDenied)
        }
        Err(_) => Look::Nothing,
    }
}

/// Puts the command interpreter that `COMSPEC` names before a batch file, if there is one.
fn by_interpreter(found: Found) -> Result<Found> {
    let is_batch = found.program.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("bat") || extension.eq_ignore_ascii_case("cmd")
    });
    match env::var("COMSPEC") {
        Ok(interpreter) if is_batch => Ok(Found {
            program: at_path(&interpreter)?,
            line: format!("\"{interpreter}\" /c \"{}\"", found.line),
        }),
        _ => Ok(found),
    }
}

fn not_found(name: &str) -> Error {
    let why = "no such program here, in the directory of this program, nor in those of PATH";
    Error::new(OP, ErrorKind::NotFound).on(name).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, mode, text) in [
            ("adder", 0o755, "#!/bin/sh\n"),
            ("both", 0o755, "#!/bin/sh\n"),
            ("both.exe", 0o755, "#!/bin/sh\n"),
            ("a b.exe", 0o755, "#!/bin/sh\n"),
            ("a b c", 0o755, "#!/bin/sh\n"),
            ("notes.txt", 0o644, "text"),
            ("shut", 0o644, "#!/bin/sh\n"),
        ] {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(place.path().join("folder")).unwrap();
        place
    }

    fn kind(application: Option<&str>, line: Option<&str>) -> ErrorKind {
        find(application, line).unwrap_err().kind()
    }

    /// P-1, P-12.
    #[test]
    fn nothing_to_start_is_refused() {
        assert_eq!(kind(None, None), ErrorKind::InvalidParameter);
        assert_eq!(kind(None, Some("")), ErrorKind::InvalidParameter);
        assert_eq!(kind(Some(""), None), ErrorKind::PathNotFound);
        assert_eq!(kind(Some(""), Some("")), ErrorKind::PathNotFound);
        assert_eq!(kind(None, Some("\"\" x")), ErrorKind::NotFound);
    }

    /// P-2, P-3, P-4, P-11: nothing is appended but for the extension that Linux programs lack; the line stays as it is.
    #[test]
    fn application_name_is_a_path_and_leaves_the_line_alone() {
        let place = place();
        let at = |name: &str| format!("{}/{name}", place.path().display());
        let found = find(Some(&at("adder.exe")), Some("dummy  one ")).unwrap();
        assert_eq!(found.program, place.path().join("adder"));
        assert_eq!(found.line, "dummy  one ");
        let windows = at("adder").replace('/', "\\");
        let found = find(Some(&windows), None).unwrap();
        assert_eq!(found.program, place.path().join("adder"));
        assert_eq!(found.line, format!("\"{windows}\""));
        assert_eq!(kind(Some(&at("adde")), None), ErrorKind::NotFound);
        assert_eq!(
            kind(Some("sh"), None),
            ErrorKind::NotFound,
            "not searched for"
        );
    }

    /// P-5, P-6, P-7.
    #[test]
    fn blanks_belong_to_the_name_if_there_is_such_a_file() {
        let place = place();
        let dir = place.path().display();
        let quoted = format!("\"{dir}/a b.exe\"x y");
        let found = find(None, Some(&quoted)).unwrap();
        assert_eq!(found.program, place.path().join("a b.exe"));
        assert_eq!(found.line, quoted);
        let found = find(None, Some(&format!("{dir}/a b c d"))).unwrap();
        assert_eq!(found.program, place.path().join("a b c"));
        assert_eq!(found.line, format!("\"{dir}/a b c\" d"));
        let found = find(None, Some(&format!("{dir}/both one"))).unwrap();
        assert_eq!(
            found.program,
            place.path().join("both"),
            "P-8: nothing is appended"
        );
        assert_eq!(found.line, format!("{dir}/both one"));
    }

    /// P-8, P-10: the directory of this program and the current one need no test of their own processes; PATH is what
    /// is left.
    #[test]
    fn bare_names_are_searched_for() {
        let shell = find(None, Some("sh -c true")).unwrap();
        assert_eq!(shell.program.file_name().unwrap(), "sh");
        assert!(shell.program.is_absolute());
        assert_eq!(find(None, Some("sh.exe x")).unwrap().program, shell.program);
        assert_eq!(find(None, Some("sh. x")).unwrap().program, shell.program);
        assert_eq!(
            kind(None, Some("no-such-program-here x")),
            ErrorKind::NotFound
        );
    }

    /// P-12.
    #[test]
    fn what_cannot_be_run_says_why() {
        let place = place();
        let at = |name: &str| format!("{}/{name}", place.path().display());
        for (name, expected) in [
            ("notes.txt", ErrorKind::NotAProgram),
            ("shut", ErrorKind::AccessDenied),
            ("folder", ErrorKind::AccessDenied),
            ("nowhere/adder", ErrorKind::PathNotFound),
            ("nothing", ErrorKind::NotFound),
        ] {
            assert_eq!(kind(Some(&at(name)), None), expected, "{name}");
            assert_eq!(kind(None, Some(&at(name))), expected, "{name}");
        }
    }

    /// P-13.
    #[test]
    fn names_and_lines_have_limits() {
        let long = "x".repeat(261);
        assert_eq!(
            kind(None, Some(&format!("\"{long}\""))),
            ErrorKind::NameTooLong
        );
        let line = format!("sh {}", "x".repeat(32_764));
        assert_eq!(kind(None, Some(&line)), ErrorKind::NameTooLong);
        assert!(find(None, Some(&line[..32_766])).is_ok());
    }
}
