//! Reading the small files in which the kernel says things.

use procfs::process::MountInfo;
use std::fs;
use std::path::Path;

/// The text of a small file, without the end of its line; `None` if there is no such file here.
pub(super) fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim_end().to_owned())
}

/// The number in a small file.
pub(super) fn number(path: impl AsRef<Path>) -> Option<u64> {
    text(path)?.parse().ok()
}

/// A field of `/proc/self/status`.
pub(super) fn status(field: &str) -> Option<String> {
    let status = text("/proc/self/status")?;
    let value = |line: &str| {
        Some(
            line.strip_prefix(field)?
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    };
    status.lines().find_map(value)
}

/// The mount that a path lies on; `None` if that cannot be seen.
pub(super) fn mount_of(path: &Path) -> Option<MountInfo> {
    let path = existing(path)?.canonicalize().ok()?;
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    // Of those at one place, the last one hides the others.
    mounts
        .0
        .into_iter()
        .filter(|mount| path.starts_with(&mount.mount_point))
        .max_by_key(|mount| mount.mount_point.components().count())
}

/// The path, or the closest directory above it that exists.
pub(super) fn existing(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|ancestor| ancestor.symlink_metadata().is_ok())
}
