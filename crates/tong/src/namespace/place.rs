//! Where a namespace is, and what stands there. Looks only: nothing is made, so that a machine can be checked that tong
//! was never used on.

use std::io;
use std::path::{Path, PathBuf};

use tong_sys::dir::{self, Dir, EntryKind, Refusal, Trust};

use super::{absolute, global_path, non_empty, Space};
use crate::waits::Table;
use crate::Result;

/// The name of the wait table's file.
pub(super) const WAIT_TABLE: &str = "waits";

/// Where the namespace of the process's user is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The directory, which may not exist yet: it is made when first needed.
    pub root: PathBuf,
    /// What decided that it is there.
    pub chosen: Chosen,
}

/// What decides where a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chosen {
    /// The variable `TONG_DIR` names the directory.
    Environment,
    /// It is beside the user's other run-time files, in `XDG_RUNTIME_DIR`.
    RunTime,
    /// There is neither: it is among the machine's shared memory files.
    SharedMemory,
}

/// What stands where the wait table of a directory should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitTable {
    /// Nothing: it is made when first needed.
    Absent,
    /// A table that this version can use, or an empty file that becomes one.
    Usable,
    /// Something else, such as the table of another version. It is never overwritten.
    Foreign,
}

impl Place {
    /// The place that the environment says now.
    ///
    /// # Errors
    /// `TONG_DIR` is not an absolute path.
    pub fn current() -> Result<Place> {
        let place = |root, chosen| Ok(Place { root, chosen });
        if let Some(dir) = non_empty("TONG_DIR") {
            return place(absolute("TONG_DIR", dir)?, Chosen::Environment);
        }
        if let Some(dir) = non_empty("XDG_RUNTIME_DIR") {
            // Under sudo the variable may still name another user's directory, which must not get a directory of ours.
            let own = std::fs::metadata(&dir).is_ok_and(|meta| {
                meta.is_dir() && std::os::unix::fs::MetadataExt::uid(&meta) == dir::effective_uid()
            });
            if own && dir.is_absolute() {
                return place(dir.join("tong"), Chosen::RunTime);
            }
        }
        let root = format!("/dev/shm/tong-{}", dir::effective_uid());
        place(PathBuf::from(root), Chosen::SharedMemory)
    }

    /// The machine-wide directory, which exists if an administrator made it.
    #[must_use]
    pub fn machine_wide() -> PathBuf {
        global_path()
    }

    /// The directories in a root, or in the machine-wide directory, that hold the names.
    #[must_use]
    pub fn parts(dir: &Path) -> [PathBuf; 3] {
        [Space::Mailslot, Space::Object, Space::Pipe].map(|space| dir.join(space.dir_name()))
    }

    /// What stands where the wait table should be.
    ///
    /// # Errors
    /// The directory or the file cannot be read.
    pub fn wait_table(&self) -> io::Result<WaitTable> {
        let root = Dir::open(&self.root, Trust::Private).map_err(|refusal| match refusal {
            Refusal::Io(error) => error,
            Refusal::NotOurs(what) => io::Error::other(what),
        })?;
        let Some(entry) = root.look(WAIT_TABLE)? else {
            return Ok(WaitTable::Absent);
        };
        if entry.kind != EntryKind::File || entry.uid != dir::effective_uid() {
            return Ok(WaitTable::Foreign);
        }
        match Table::may_be_one(&root.open_to_read(WAIT_TABLE)?)? {
            true => Ok(WaitTable::Usable),
            false => Ok(WaitTable::Foreign),
        }
    }
}
