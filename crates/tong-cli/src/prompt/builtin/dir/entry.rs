//! A file or directory as `dir` sees it.

use crate::text;
use serde::Serialize;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    /// With a word for it.
    Other(&'static str),
}

/// A file or directory, and what there is to know about it.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it is shown.
    pub(super) name: OsString,
    path: PathBuf,
    /// Of itself: a link is not followed.
    meta: Metadata,
    /// Where a link leads.
    pub(super) target: Option<PathBuf>,
    leads_to_directory: bool,
}

/// It as JSON.
#[derive(Serialize)]
pub(super) struct Record {
    name: String,
    path: String,
    r#type: &'static str,
    size_bytes: u64,
    modified: String,
    mode: String,
    uid: u32,
    gid: u32,
    target: Option<String>,
}

impl Entry {
    /// Looks at what is at a path.
    pub(super) fn look(name: &Path, path: &Path) -> io::Result<Entry> {
        let meta = path.symlink_metadata()?;
        Ok(Entry {
            name: name.as_os_str().to_owned(),
            target: fs::read_link(path).ok(),
            leads_to_directory: path.is_dir(),
            path: path.to_owned(),
            meta,
        })
    }

    pub(super) fn kind(&self) -> Kind {
        let kind = self.meta.file_type();
        match () {
            () if kind.is_file() => Kind::File,
            () if kind.is_dir() => Kind::Directory,
            () if kind.is_symlink() => Kind::Link,
            () if kind.is_fifo() => Kind::Other("fifo"),
            () if kind.is_socket() => Kind::Other("socket"),
            () => Kind::Other("device"),
        }
    }

    /// Is it a directory, or a link to one?
    pub(super) fn is_directory(&self) -> bool {
        self.leads_to_directory
    }

    pub(super) fn is_executable(&self) -> bool {
        self.meta.mode() & 0o111 != 0
    }

    pub(super) fn size(&self) -> u64 {
        self.meta.len()
    }

    pub(super) fn modified(&self) -> SystemTime {
        self.meta.modified().unwrap_or(UNIX_EPOCH)
    }

    /// When it was changed, on the clock of the person.
    pub(super) fn local_time(&self) -> String {
        let seconds = self.meta.mtime();
        let moment = chrono::DateTime::from_timestamp(seconds, 0);
        let local = moment.map(|moment| moment.with_timezone(&chrono::Local));
        local.map_or("?".to_owned(), |local| {
            local.format("%Y-%m-%d %H:%M").to_string()
        })
    }

    /// What it is and who may do what with it, as ten characters.
    pub(super) fn mode(&self) -> String {
        let kind = match self.kind() {
            Kind::File => '-',
            Kind::Directory => 'd',
            Kind::Link => 'l',
            Kind::Other(word) => word.chars().next().unwrap_or('?'),
        };
        let mode = self.meta.mode();
        let right = |bit: u32| match (mode >> (8 - bit) & 1, bit % 3) {
            (0, _) => '-',
            (_, 0) => 'r',
            (_, 1) => 'w',
            _ => 'x',
        };
        std::iter::once(kind).chain((0..9).map(right)).collect()
    }

    pub(super) fn record(&self) -> Record {
        let utf8 = |path: &Path| path.to_string_lossy().into_owned();
        let path = std::path::absolute(&self.path);
        Record {
            name: self.name.to_string_lossy().into_owned(),
            path: utf8(path.as_deref().unwrap_or(&self.path)),
            r#type: match self.kind() {
                Kind::File => "file",
                Kind::Directory => "directory",
                Kind::Link => "link",
                Kind::Other(word) => word,
            },
            size_bytes: self.size(),
            modified: text::rfc3339(self.modified()),
            mode: format!("{:04o}", self.meta.mode() & 0o7777),
            uid: self.meta.uid(),
            gid: self.meta.gid(),
            target: self.target.as_deref().map(utf8),
        }
    }
}
