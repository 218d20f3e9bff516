//! Joining a live pipe, or making one.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tong_sys::dir::{self, Dir};
use tong_sys::lock::{self, Kind};
use tong_sys::map::Ordering;

use super::held::{Held, Sign};
use super::table::{self, Table};
use super::{bury, openness_word, Facts, CREATE, ELSEWHERE};
use crate::namespace::claim::{self, Locked, Openness, LIFE};
use crate::namespace::page::{self, Page, PageInfo};
use crate::namespace::{global, Namespace, Space};
use crate::{Error, ErrorKind, Result};

/// What [`enter`] found or made. The name is locked against change until [`Held::is_changing`] is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) held: Held,
    /// The pages of a new pipe, which nobody can open before [`Held::publish`].
    pub(crate) fresh: Option<Fresh>,
}

/// Pages that do not say "ready" yet, in the order in which they are to say it.
#[derive(Debug)]
pub(crate) struct Fresh(pub(super) Vec<Page>);
/// Joins the live pipe of that name, or makes a new one in place of a dead one; `same` says whether a name is this one.
///
/// # Errors
/// In this order: something that is not ours stands there; the name is being changed by a process that does not finish;
/// another user's pipe ([`ErrorKind::AccessDenied`]); no machine-wide directory; no space.
pub(crate) fn enter(
    namespace: &Namespace,
    stem: &str,
    make: &Facts,
    same: &dyn Fn(&str) -> bool,
) -> Result<Entered> {
    let own = namespace.pipes();
    let (locked, dead) = acquire(own, stem, 0o600)?;
    if !dead {
        let held = join(own, stem, locked, same)?;
        return Ok(Entered { held, fresh: None });
    }
    let made = match make.openness {
        Openness::Private => make_here(&locked, make).map(|made| (made, None)),
        _ => make_elsewhere(stem, &locked, make).map(|(made, there)| (made, Some(there))),
    };
    let (made, there) = made.inspect_err(|_| {
        // We hold both locks and the name leads here: it is our own half-made file.
        let _ = own.remove(stem);
    })?;
    let held = match there {
        None => Held::open(own, stem, locked, &made.info, None)?,
        Some((dir, page)) => {
            let sign = Sign {
                dir: Arc::clone(own),
                file: locked.file,
                inode: locked.inode,
            };
            Held::open(&dir, stem, page, &made.info, Some(sign))?
        }
    };
    Ok(Entered {
        held,
        fresh: Some(Fresh(made.pages)),
    })
}

/// What a maker wrote.
struct Written {
    info: PageInfo,
    pages: Vec<Page>,
}

/// Locks the name; says whether it is free, with an empty file at it and the life byte locked.
fn acquire(dir: &Dir, stem: &str, mode: u32) -> Result<(Locked, bool)> {
    let failed = |error: io::Error| Error::from_io(CREATE, error);
    loop {
        let locked = Locked::acquire(dir, stem, Some(mode), CREATE)?
            .ok_or_else(|| Error::new(CREATE, ErrorKind::NotFound))?;
        if !lock::try_lock(&locked.file, Kind::Exclusive, LIFE, 1).map_err(failed)? {
            return Ok((locked, false));
        }
        if dir::file_len(&locked.file).map_err(failed)? == 0 {
            return Ok((locked, true));
        }
        bury(dir, stem, &locked.file).map_err(failed)?;
    }
}

fn join(own: &Arc<Dir>, stem: &str, locked: Locked, same: &dyn Fn(&str) -> bool) -> Result<Held> {
    let failed = |error: io::Error| Error::from_io(CREATE, error);
    let info = page::read(&locked.file, Space::Pipe)
        .map_err(failed)?
        .ok_or_else(other_version)?;
    if !same(&info.name) {
        return Err(Error::new(CREATE, ErrorKind::NoResources).because(format!(
            "its hash collides with that of the live pipe {}",
            info.name
        )));
    }
    lock::try_lock(&locked.file, Kind::Shared, LIFE, 1).map_err(failed)?;
    if info.max_message & ELSEWHERE == 0 {
        return Held::open(own, stem, locked, &info, None);
    }
    let lost = || {
        Error::new(CREATE, ErrorKind::NotFound)
            .because("somebody removed the pipe's page from the machine-wide directory; close the pipe's servers")
    };
    let there = Arc::new(global(Space::Pipe)?.ok_or_else(lost)?);
    let page = Locked::acquire(&there, stem, None, CREATE)?.ok_or_else(lost)?;
    let info = page::read(&page.file, Space::Pipe)
        .map_err(failed)?
        .ok_or_else(lost)?;
    lock::try_lock(&page.file, Kind::Shared, LIFE, 1).map_err(failed)?;
    let sign = Sign {
        dir: Arc::clone(own),
        file: locked.file,
        inode: locked.inode,
    };
    Held::open(&there, stem, page, &info, Some(sign))
}

fn make_here(locked: &Locked, make: &Facts) -> Result<Written> {
    let info = make.info(false);
    let page = fill(&locked.file, &info, make).map_err(|error| Error::from_io(CREATE, error))?;
    let pages = vec![page];
    Ok(Written { info, pages })
}

/// Makes a pipe in the machine-wide directory, and a sign in the page that is locked.
fn make_elsewhere(
    stem: &str,
    locked: &Locked,
    make: &Facts,
) -> Result<(Written, (Arc<Dir>, Locked))> {
    let there = global(Space::Pipe)?.ok_or_else(|| {
        Error::new(CREATE, ErrorKind::PathNotFound).because(
            "there is no machine-wide directory for what other users may open; an administrator makes it with \
             `tong global init`",
        )
    })?;
    let denied = |why: &str| Error::new(CREATE, ErrorKind::AccessDenied).because(why);
    let (mode, group) = (make.openness.page_mode(), make.openness.group());
    let (page, dead) = acquire(&there, stem, mode).map_err(|error| match error.kind() {
        ErrorKind::Foreign => denied("another user has a pipe of this name"),
        _ => error,
    })?;
    if !dead {
        return Err(denied(
            "a pipe of this name lives in the machine-wide directory, made with another TONG_DIR",
        ));
    }
    let info = make.info(false);
    let written = (|| {
        let filled = fill(&page.file, &info, make)?;
        there.set_access(stem, mode, group)?;
        let sign = Page::fill(&locked.file, Space::Pipe, &make.info(true))?;
        Ok(vec![filled, sign])
    })();
    let pages = written.map_err(|error| {
        let _ = there.remove(stem);
        Error::from_io(CREATE, error)
    })?;
    Ok((Written { info, pages }, (Arc::new(there), page)))
}

/// Fills the page of a new pipe.
fn fill(file: &OwnedFd, info: &PageInfo, make: &Facts) -> io::Result<Page> {
    let page = Page::fill(file, Space::Pipe, info)?;
    let table = Table::open(file, Page::len_for(&info.name))?;
    table
        .page_word(table::AT_TAG)
        .store(new_tag(), Ordering::Relaxed);
    table
        .page_word(table::AT_OPENNESS)
        .store(openness_word(make.openness), Ordering::Relaxed);
    Ok(page)
}

/// A number that no earlier pipe of the name had, but by a chance of one in 2^32.
fn new_tag() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(claim::created_now());
    hasher.finish() & u64::from(u32::MAX)
}

fn other_version() -> Error {
    Error::new(CREATE, ErrorKind::Foreign).because("the pipe was made by another version of tong")
}
/// Joins the live pipe of the name if it has this page; `same` says whether a name is this one.
///
/// # Errors
/// As [`enter`]; no such pipe ([`ErrorKind::NotFound`]).
pub(crate) fn adopt(
    namespace: &Namespace,
    stem: &str,
    inode: (u64, u64),
    same: &dyn Fn(&str) -> bool,
) -> Result<Held> {
    let gone = || Error::new("take over pipe", ErrorKind::NotFound);
    let own = namespace.pipes();
    let locked = Locked::acquire(own, stem, None, CREATE)?.ok_or_else(gone)?;
    let held = join(own, stem, locked, same)?;
    drop(held.is_changing());
    if held.inode() != inode {
        held.let_go();
        return Err(gone());
    }
    Ok(held)
}
