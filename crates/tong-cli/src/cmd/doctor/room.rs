//! What a namespace lies on: the file system, and whether there is room.

use super::files;
use super::finding::{quoted, Finding};
use nix::errno::Errno;
use nix::fcntl::{fallocate, open, FallocateFlags, OFlag};
use nix::sys::resource::{getrlimit, Resource};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{statvfs, FsFlags};
use std::path::Path;

const GROUP: &str = "namespace";
/// What a few objects and a wait table take.
const SPACE_LEAST: u64 = 1 << 20;
const SPACE_GOOD: u64 = 16 << 20;
const INODES_LEAST: u64 = 16;
const INODES_GOOD: u64 = 1000;
/// What is put behind a file to see whether there is room.
const SAMPLE: u64 = 64 << 10;

/// What the namespace lies on.
pub(super) fn file_system(root: &Path) -> Option<Finding> {
    const CHECK: &str = "file system";
    const ELSEWHERE: &str =
        "set TONG_DIR to a directory on a local file system, best in memory: /run or /dev/shm";
    let there = files::existing(root)?;
    let numbers = statvfs(there).ok()?;
    let mount = files::mount_of(root);
    let kind = mount.map_or("unknown".to_owned(), |mount| mount.fs_type);
    if numbers.flags().contains(FsFlags::ST_RDONLY) {
        let found = format!("{kind}, read-only: nothing can be made");
        return Some(Finding::error(GROUP, CHECK, found).advise(ELSEWHERE));
    }
    let network = [
        "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs",
    ];
    if network.contains(&kind.as_str()) || kind.starts_with("fuse") {
        let found = format!("{kind}, where locks and shared memory may not work as on a local one");
        return Some(Finding::warning(GROUP, CHECK, found).advise(ELSEWHERE));
    }
    Some(Finding::ok(GROUP, CHECK, kind))
}

/// Room for files, tried with a file that never has a name.
pub(super) fn check(root: &Path, is_there: bool) -> Option<Finding> {
    const CHECK: &str = "room";
    let numbers = statvfs(files::existing(root)?).ok()?;
    if numbers.flags().contains(FsFlags::ST_RDONLY) {
        return None;
    }
    let free = numbers.blocks_available() * numbers.fragment_size();
    let inodes = match numbers.files() {
        0 => u64::MAX,
        _ => numbers.files_available(),
    };
    let found = match inodes {
        u64::MAX => format!("{} free", crate::text::size(free)),
        _ => format!("{} and {inodes} files free", crate::text::size(free)),
    };
    let clean = match files::mount_of(root) {
        Some(mount) => format!("make room on {}", quoted(&mount.mount_point)),
        None => "make room".to_owned(),
    };
    let advice = format!("{clean}, or set TONG_DIR to a directory elsewhere");
    let refused = is_there.then(|| sample(root)).flatten();
    let finding = if let Some(error) = refused {
        let found = format!(
            "{found}; a file of {} KiB could not be made: {}",
            SAMPLE >> 10,
            error.desc()
        );
        Finding::error(GROUP, CHECK, found)
    } else if free < SPACE_LEAST || inodes < INODES_LEAST {
        Finding::error(GROUP, CHECK, found)
    } else if free < SPACE_GOOD || inodes < INODES_GOOD {
        Finding::warning(GROUP, CHECK, found)
    } else {
        return Some(Finding::ok(GROUP, CHECK, found));
    };
    Some(finding.advise(advice))
}

/// Why a small file cannot be made, if that is so.
fn sample(root: &Path) -> Option<Errno> {
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let file = match open(root, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(file) => file,
        // Not every file system can do it without a name.
        Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL | Errno::ENOENT) => return None,
        Err(error) => return Some(error),
    };
    // Beyond the limit on file sizes the attempt would end this process.
    let limit = getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(soft, _)| soft);
    if limit < SAMPLE {
        return None;
    }
    let len = i64::try_from(SAMPLE).unwrap_or(i64::MAX);
    match fallocate(&file, FallocateFlags::empty(), 0, len) {
        Ok(()) | Err(Errno::EOPNOTSUPP) => None,
        Err(error) => Some(error),
    }
}
