//! Files: what an open does to them, and what others may do meanwhile.

use super::tell;
use serde::{Deserialize, Serialize};
use tong::handle::Rights;
use tong::object::file::{Disposition, File, FileOptions, FilePath, Outcome, Share};
use tong::{ErrorKind, Result};

/// What a worker may be told to do with files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Filing {
    /// Open the file at this path for writing in this way, report what that did, and close it.
    Try(How, String),
    /// Open the file at this path for writing, let others read, and keep it open.
    Write(String),
    /// Open the file at this path for reading, let others do anything, and keep it open.
    Read(String),
}

/// What to do if the file exists, and if it does not.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in super::super) enum How {
    CreateNew,
    CreateAlways,
    OpenExisting,
    OpenAlways,
    TruncateExisting,
}

impl How {
    /// As Windows calls it.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            How::CreateNew => "CREATE_NEW",
            How::CreateAlways => "CREATE_ALWAYS",
            How::OpenExisting => "OPEN_EXISTING",
            How::OpenAlways => "OPEN_ALWAYS",
            How::TruncateExisting => "TRUNCATE_EXISTING",
        }
    }

    fn disposition(self) -> Disposition {
        match self {
            How::CreateNew => Disposition::CreateNew,
            How::CreateAlways => Disposition::CreateAlways,
            How::OpenExisting => Disposition::OpenExisting,
            How::OpenAlways => Disposition::OpenAlways,
            How::TruncateExisting => Disposition::TruncateExisting,
        }
    }
}

/// What a worker has open.
#[derive(Default)]
pub(super) struct Files {
    open: Vec<File>,
}

impl Files {
    pub(super) fn work(&mut self, order: &Filing) -> Result<()> {
        let read = Share {
            read: true,
            write: false,
            delete: false,
        };
        match order {
            Filing::Try(how, path) => {
                let what = open(path, Rights::GENERIC_WRITE, Share::ALL, how.disposition())?.1;
                tell(&format!("{}: {what}", how.name()));
            }
            Filing::Write(path) => {
                let options = (Rights::GENERIC_WRITE, read, Disposition::OpenExisting);
                self.keep(open(path, options.0, options.1, options.2)?, "may write");
            }
            Filing::Read(path) => {
                let options = (Rights::GENERIC_READ, Share::ALL, Disposition::OpenExisting);
                self.keep(open(path, options.0, options.1, options.2)?, "may read");
            }
        }
        Ok(())
    }

    /// Keeps a file open that could be opened.
    fn keep(&mut self, (file, what): (Option<File>, &'static str), permitted: &str) {
        tell(if file.is_some() { permitted } else { what });
        self.open.extend(file);
    }
}

/// Opens a file, if that is possible, and says in a word what that did, or why not.
fn open(
    path: &str,
    access: Rights,
    share: Share,
    disposition: Disposition,
) -> Result<(Option<File>, &'static str)> {
    let opened = FileOptions::new()
        .access(access)
        .share(share)
        .disposition(disposition)
        .open(&FilePath::native(path));
    match opened {
        Ok(opened) => {
            let what = match opened.outcome {
                Outcome::Created => "made",
                Outcome::Opened => "opened",
                Outcome::Truncated => "emptied",
            };
            Ok((Some(opened.file), what))
        }
        Err(error) => match error.kind() {
            ErrorKind::FileExists | ErrorKind::AlreadyExists => Ok((None, "80")),
            ErrorKind::NotFound => Ok((None, "2")),
            ErrorKind::SharingViolation => Ok((None, "32: in use")),
            _ => Err(error),
        },
    }
}
