//! Which program a name means.
//!
//! | a name | means |
//! |---|---|
//! | with a `/`, `\` or drive | that file, else with `.exe` behind it, else without |
//! | without | the first in `PATH` of that name, else of these variations; else, in the current directory, a file of that name |
//!
//! `cmd` looks into the current directory first. Here that comes last, and only for files that belong to the user or to
//! root: in a directory where others can write, a program called `ls` must not run in place of the real one.

use crate::prompt::path_of;
use nix::unistd::{access, geteuid, AccessFlags};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tong::environment;

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Program(PathBuf),
    /// There is something that cannot be run, and why.
    Unfit(String),
    Nothing,
}

/// Does a name mean a program?
pub(crate) fn is_program(name: &str) -> bool {
    matches!(find(name), Found::Program(_))
}

/// Finds the program that a name means.
pub(super) fn find(name: &str) -> Found {
    let mut unfit = None;
    for candidate in candidates(name) {
        match look(&candidate) {
            Found::Nothing => {}
            Found::Unfit(why) => unfit = unfit.or(Some(why)),
            found @ Found::Program(_) => return found,
        }
    }
    unfit.map_or(Found::Nothing, Found::Unfit)
}

fn candidates(name: &str) -> Vec<PathBuf> {
    if name.is_empty() {
        return Vec::new();
    }
    if name.contains(['/', '\\']) || name.contains(':') {
        let path = path_of(name);
        // Without a directory it would be looked for in PATH.
        let path = match path.components().count() {
            1 => Path::new(".").join(path),
            _ => path,
        };
        return variations(&path.to_string_lossy())
            .map(PathBuf::from)
            .collect();
    }
    let path = environment::get(OsStr::new("PATH")).unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|place| place.is_absolute())
        .collect();
    let listed = variations(name).flat_map(|name| {
        let join = move |place: &PathBuf| place.join(&name);
        places.iter().map(join).collect::<Vec<_>>()
    });
    let here = variations(name).map(|name| Path::new(".").join(name));
    listed.chain(here.filter(|path| is_trusted(path))).collect()
}

/// Does `PATH` name directories alone that do not depend on the current one, and is it spelled in capitals?
pub(super) fn is_path_plain() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_the_one = environment::get(OsStr::new("PATH")).is_none_or(|known| known == path);
    is_the_one && std::env::split_paths(&path).all(|place| place.is_absolute())
}

/// The name as it is, and with or without the ending that Windows' programs have.
fn variations(name: &str) -> impl Iterator<Item = String> {
    let stem = name.len().checked_sub(4).filter(|at| {
        let ending = name.get(*at..);
        *at > 0 && ending.is_some_and(|ending| ending.eq_ignore_ascii_case(".exe"))
    });
    let other = match stem {
        Some(at) => name[..at].to_owned(),
        None => format!("{name}.exe"),
    };
    [name.to_owned(), other].into_iter()
}

/// Does it belong to the user or to root?
fn is_trusted(path: &Path) -> bool {
    let owner = path.metadata().map(|meta| meta.uid());
    owner.is_ok_and(|owner| owner == 0 || owner == geteuid().as_raw())
}

fn look(path: &Path) -> Found {
    let Ok(meta) = path.metadata() else {
        return Found::Nothing;
    };
    let shown = path.display();
    if meta.is_dir() {
        return Found::Unfit(format!("{shown} is a directory; cd goes there"));
    }
    match access(path, AccessFlags::X_OK) {
        Ok(()) => Found::Program(path.to_owned()),
        Err(_) => Found::Unfit(format!("{shown} may not be run; chmod +x allows it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_found_with_and_without_its_ending() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("adder.exe");
        fs::write(&file, "").unwrap();
        let name = |ending: &str| format!("{}/adder{ending}", place.path().display());
        assert!(matches!(find(&name("")), Found::Unfit(_)));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        for ending in ["", ".exe"] {
            assert_eq!(find(&name(ending)), Found::Program(file.clone()));
        }
        assert_eq!(find(&name(".com")), Found::Nothing);
        assert!(matches!(
            find(place.path().to_str().unwrap()),
            Found::Unfit(_)
        ));
        assert_eq!(find(""), Found::Nothing);
    }
}
