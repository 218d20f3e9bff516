//! Files and directories.

use super::{beginning_with, Candidate, OFFERED_MAX};
use std::fs::DirEntry;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Files and directories whose path begins like this.
pub(super) fn all(text: &str, has_home: bool) -> Vec<Candidate> {
    entries(text, has_home, |_| true)
}

/// Directories.
pub(super) fn directories(text: &str, has_home: bool) -> Vec<Candidate> {
    entries(text, has_home, is_directory)
}

/// Programs, and directories in which there could be some.
pub(super) fn programs(text: &str, has_home: bool) -> Vec<Candidate> {
    entries(text, has_home, |entry| {
        is_directory(entry) || is_executable(entry)
    })
}

fn entries(text: &str, has_home: bool, is_wanted: fn(&DirEntry) -> bool) -> Vec<Candidate> {
    let (dir, begun) = text.split_at(text.rfind('/').map_or(0, |at| at + 1));
    let Some(place) = place(dir, has_home) else {
        return Vec::new();
    };
    let Ok(entries) = place.read_dir() else {
        return Vec::new();
    };
    let folded = begun.to_lowercase();
    // Names first: a look at a file costs more, and far away it costs much.
    let mut found: Vec<Candidate> = entries
        .flatten()
        .filter(|entry| could_be(entry, begun, &folded))
        .filter(is_wanted)
        .take(OFFERED_MAX)
        .filter_map(|entry| candidate(dir, &entry))
        .collect();
    found.sort_by_cached_key(|found| (found.text.to_lowercase(), found.text.clone()));
    beginning_with(found, text)
}

/// Does its name begin like this, whatever the case? Hidden names must be begun with their dot.
fn could_be(entry: &DirEntry, begun: &str, folded: &str) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let is_shown = begun.starts_with('.') || !name.starts_with('.');
    is_shown && name.to_lowercase().starts_with(folded)
}

/// The directory that is meant by the part of a path up to its last slash.
fn place(dir: &str, has_home: bool) -> Option<PathBuf> {
    match dir.strip_prefix("~/").filter(|_| has_home) {
        Some(inside) => {
            let home = tong::environment::get("HOME".as_ref())?;
            Some(PathBuf::from(home).join(inside))
        }
        None if dir.is_empty() => Some(PathBuf::from(".")),
        None => Some(PathBuf::from(dir)),
    }
}

fn candidate(dir: &str, entry: &DirEntry) -> Option<Candidate> {
    // A name that is no text cannot be typed.
    let name = entry.file_name().into_string().ok()?;
    if name.contains(char::is_control) {
        return None;
    }
    let is_directory = is_directory(entry);
    let end = if is_directory { "/" } else { "" };
    Some(Candidate {
        text: format!("{dir}{name}{end}"),
        shown: Some(format!("{name}{end}")),
        about: None,
        goes_on: is_directory,
    })
}

fn is_directory(entry: &DirEntry) -> bool {
    match entry.file_type() {
        // Links lead on to what they name.
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}

pub(super) fn is_executable(entry: &DirEntry) -> bool {
    let meta = entry.path().metadata();
    meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
