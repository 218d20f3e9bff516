//! Opens that more than one process has: what is told of them, and what is made of it.
//!
//! The open itself is the kernel's: its pointer and its share claim are common to all who have a descriptor of it. So the
//! claim of an open that was ever given away is nobody's to drop; it goes with the last descriptor.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::sync::atomic::Ordering;

use rustix::fs::{self, FileType};

use super::File;
use crate::{Error, ErrorKind, Result};

/// In the bits that travel with an open: it was opened overlapped.
const OVERLAPPED: u16 = 1;

impl File {
    /// The open that another process has handed over, with what it said of it.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if the descriptor is of another file than the identity says.
    pub(crate) fn passed(fd: OwnedFd, bits: u16, identity: [u64; 2]) -> Result<File> {
        const OP: &str = "take over file";
        let stat = fs::fstat(&fd).map_err(|errno| Error::from_io(OP, errno.into()))?;
        if file_id(&stat) != identity[1] {
            return Err(Error::new(OP, ErrorKind::InvalidParameter)
                .because("the descriptor leads to another file"));
        }
        let name = name_behind(&format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let name = name.as_deref();
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let mut file = File::new(fd, file_type, bits & OVERLAPPED == 0, name, None);
        file.open_id = identity[0];
        file.note_shared();
        Ok(file)
    }

    /// What [`passed`](Self::passed) needs beside the descriptor.
    pub(crate) fn bits(&self) -> u16 {
        if self.positioned {
            0
        } else {
            OVERLAPPED
        }
    }

    /// Tells this open from all others, in whatever process.
    pub(crate) fn identity(&self) -> [u64; 2] {
        let file = fs::fstat(&self.fd).map_or(0, |stat| file_id(&stat));
        [self.open_id, file]
    }

    /// Notes that another process gets the open: what it claims is no longer this process's to drop.
    pub(crate) fn note_shared(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }
}

/// The name of the file that a link in `/proc` stands for, if it has one.
pub(crate) fn name_behind(link: &str) -> Option<String> {
    let target = std::fs::read_link(link).ok()?;
    let text = target.to_str()?;
    let nameless = target.file_name().and_then(|name| name.to_str());
    if !nameless.is_some_and(|name| name.starts_with('#') && name.ends_with(" (deleted)")) {
        return Some(text.to_owned());
    }
    // It was made without a name and got one later, which the link does not tell.
    let inode = std::fs::metadata(link).ok()?.ino();
    let entries = std::fs::read_dir(target.parent()?).ok()?;
    let found = entries
        .filter_map(|entry| entry.ok())
        .find(|entry| entry.ino() == inode);
    Some(found?.path().to_str()?.to_owned())
}

/// Tells one file from another.
fn file_id(stat: &fs::Stat) -> u64 {
    stat.st_ino ^ stat.st_dev.rotate_right(16)
}
