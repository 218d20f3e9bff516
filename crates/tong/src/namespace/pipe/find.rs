//! Pipes as clients find them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tong_sys::dir::{self, Dir, EntryKind};
use tong_sys::errno;
use tong_sys::lock::{self, Kind};
use tong_sys::map::Ordering;

use super::table::{self, Copy, Table};
use super::{is_live, sweep, Facts, ELSEWHERE};
use crate::namespace::claim::CHANGE;
use crate::namespace::page::{self, Page};
use crate::namespace::{claim, global, Namespace, Space};
use crate::{Error, ErrorKind, Result};

/// A pipe that lives, as a client finds it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) dir: Arc<Dir>,
    pub(crate) stem: String,
    /// User who made the pipe.
    pub(crate) uid: u32,
    pub(crate) facts: Facts,
    pub(crate) sight: Sight,
    /// Of the page.
    pub(crate) inode: (u64, u64),
}

/// What a client sees of a page.
#[derive(Debug)]
pub(crate) enum Sight {
    /// The page itself: it is the client's own user's.
    Mapped(Table),
    /// A copy of another user's page, as it was when it was found.
    Copied(Copy),
}

/// Finds the live pipe of that name: the user's own, else one that another user opened to others. Takes no lock.
///
/// # Errors
/// In this order: something that is not ours stands there; [`ErrorKind::NotFound`].
pub(crate) fn find(
    namespace: &Namespace,
    stem: &str,
    op: &'static str,
    same: &dyn Fn(&str) -> bool,
) -> Result<Found> {
    let found = match look_in(namespace.pipes(), stem, op)? {
        Looked::Found(found) => Some(*found),
        Looked::Elsewhere | Looked::Nothing => match global(Space::Pipe)? {
            Some(there) => match look_in(&Arc::new(there), stem, op)? {
                Looked::Found(found) => Some(*found),
                Looked::Elsewhere | Looked::Nothing => None,
            },
            None => None,
        },
    };
    let found = found.ok_or_else(|| Error::new(op, ErrorKind::NotFound))?;
    if !same(&found.facts.name) {
        return Err(Error::new(op, ErrorKind::NotFound).because(format!(
            "the hash of the name is that of another one, {}",
            found.facts.name
        )));
    }
    Ok(found)
}

enum Looked {
    Found(Box<Found>),
    Elsewhere,
    Nothing,
}

fn look_in(dir: &Arc<Dir>, stem: &str, op: &'static str) -> Result<Looked> {
    let failed = |error: io::Error| Error::from_io(op, error);
    let Some((file, entry)) = open_page(dir, stem, op)? else {
        return Ok(Looked::Nothing);
    };
    let own = entry.uid == dir::effective_uid();
    let Some(info) = page::read(&file, Space::Pipe).map_err(failed)? else {
        return Ok(Looked::Nothing);
    };
    if !is_live(&file) {
        // Whoever finds it dead buries it, so that names that nobody makes again do not add up; but waits for nobody.
        let at_work = || lock::would_conflict(&file, Kind::Exclusive, CHANGE, 1).unwrap_or(true);
        if own && !at_work() {
            let _ = sweep(dir, stem);
        }
        return Ok(Looked::Nothing);
    }
    if info.max_message & ELSEWHERE != 0 {
        return Ok(Looked::Elsewhere);
    }
    let len = Page::len_for(&info.name);
    let sight = if own {
        Sight::Mapped(Table::open(&file, len).map_err(failed)?)
    } else {
        Sight::Copied(Copy::read(&file, len).map_err(failed)?)
    };
    let openness = match &sight {
        Sight::Mapped(table) => table.page_word(table::AT_OPENNESS).load(Ordering::Relaxed),
        Sight::Copied(copy) => copy.page_word(table::AT_OPENNESS),
    };
    Ok(Looked::Found(Box::new(Found {
        dir: Arc::clone(dir),
        stem: stem.to_owned(),
        uid: entry.uid,
        facts: Facts::read(&info, openness),
        sight,
        inode: entry.inode,
    })))
}

/// Opens the file at a page's name, to write to it if it is the caller's own; `None` if there is none, or one that is not
/// open to the caller.
fn open_page(dir: &Dir, stem: &str, op: &'static str) -> Result<Option<(OwnedFd, dir::Entry)>> {
    let opened = match dir.open_file(stem, None) {
        Err(error) if error.raw_os_error() == Some(errno::EACCES) => dir.open_to_read(stem),
        result => result,
    };
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(errno::ENOENT) => return Ok(None),
        Err(error) if error.raw_os_error() == Some(errno::EACCES) => {
            return Err(Error::new(op, ErrorKind::AccessDenied)
                .because("its creator did not open it to this user"))
        }
        Err(error) => return Err(claim::not_openable(error, op)),
    };
    let entry = dir::look_at(&file).map_err(|error| Error::from_io(op, error))?;
    if entry.kind != EntryKind::File {
        return Err(claim::foreign(op, "something that is not a file"));
    }
    Ok(Some((file, entry)))
}

impl Found {
    /// Opens the page once more, to ask for locks; `None` if it has lost its name.
    pub(crate) fn reopen(&self) -> Option<OwnedFd> {
        let file = self.dir.open_to_read(&self.stem).ok()?;
        let entry = dir::look_at(&file).ok()?;
        (entry.inode == self.inode).then_some(file)
    }

    /// A new copy of the page; the open shows that it is still the same.
    pub(crate) fn copy(&self, file: impl AsFd) -> io::Result<Copy> {
        Copy::read(file, Page::len_for(&self.facts.name))
    }
}
