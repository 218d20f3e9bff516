//! Names that several processes hold at once: named events, mutexes, semaphores and timers.
//!
//! The page of such an object is also its memory. Every process that has the object open holds a shared lock on the page's
//! life byte; whoever closes tries to make it exclusive, and the one who gets that is the last and removes the file. See
//! `claim.rs` for the two lock bytes.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;

use tong_sys::dir::Dir;
use tong_sys::fork::Birth;
use tong_sys::lock::{self, Kind};

use super::claim::{lock_change, not_openable, Locked, CHANGE, LIFE};
use super::page::{self, Page, PageInfo};
use super::Space;
use crate::waits::{Table, TABLE_LEN};
use crate::{Error, ErrorKind, Result};

/// Where in the page the object's cell lies.
pub(crate) const CELL_AT: usize = 0x80;

/// How much longer than its page the file of an object is: room for waiters.
const ROOM: u64 = 64 << 10;

/// A name that this process holds, with others.
#[derive(Debug)]
pub(crate) struct Hold {
    dir: Arc<Dir>,
    stem: String,
    inode: (u64, u64),
    birth: Birth,
    given_up: AtomicBool,
}

/// What fills the file of a new object, which has this length, and room for waiters from this offset on.
pub(crate) type Fill<'a> = &'a dyn Fn(&OwnedFd, u64, usize) -> Result<()>;

/// What [`hold`] found.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) file: OwnedFd,
    pub(crate) hold: Hold,
    pub(crate) existed: bool,
    /// Length of the file, and where the room for waiters starts.
    pub(crate) len: u64,
    pub(crate) room_at: usize,
}

/// Opens the object of a name, or makes it if `make` is given. Atomic: of all who make one name at once, one makes it.
///
/// `make` fills the cell of a new object.
///
/// # Errors
/// In this order: something that is not ours stands there; another user's object; no such object; no space.
pub(crate) fn hold(
    dir: &Arc<Dir>,
    stem: &str,
    info: &PageInfo,
    op: &'static str,
    make: Option<Fill<'_>>,
) -> Result<Held> {
    let failed = |error| Error::from_io(op, error);
    let mode = make.is_some().then_some(0o600);
    let locked =
        Locked::acquire(dir, stem, mode, op)?.ok_or_else(|| Error::new(op, ErrorKind::NotFound))?;
    let dead = lock::try_lock(&locked.file, Kind::Exclusive, LIFE, 1).map_err(failed)?;
    match make {
        None if dead => {
            // We hold both locks and the name leads here: a dead object's file.
            let _ = dir.remove(stem);
            return Err(Error::new(op, ErrorKind::NotFound));
        }
        Some(make) if dead => {
            let made = fill(&locked.file, info, make);
            if let Err(error) = made {
                let _ = dir.remove(stem);
                return Err(error);
            }
        }
        _ => {}
    }
    let found = page::read(&locked.file, Space::Object)
        .map_err(failed)?
        .ok_or_else(|| foreign(op))?;
    if found.name != info.name {
        return Err(Error::new(op, ErrorKind::NoResources)
            .because(format!("its hash collides with that of {}", found.name)));
    }
    lock::try_lock(&locked.file, Kind::Shared, LIFE, 1).map_err(failed)?;
    lock::unlock(&locked.file, CHANGE, 1).map_err(failed)?;
    let (len, room_at) = lengths(&info.name);
    Ok(Held {
        hold: Hold::new(dir, stem, locked.inode),
        file: locked.file,
        existed: !dead,
        len,
        room_at,
    })
}

fn foreign(op: &'static str) -> Error {
    Error::new(op, ErrorKind::Foreign).because("the object was made by another version of tong")
}

/// Length of an object's file, and where its room for waiters starts.
fn lengths(name: &str) -> (u64, usize) {
    let page = Page::len_for(name);
    (page + ROOM, usize::try_from(page).unwrap_or(usize::MAX))
}

fn fill(file: &OwnedFd, info: &PageInfo, make: Fill<'_>) -> Result<()> {
    let failed = |error| Error::from_io("make object", error);
    let page = Page::fill(file, Space::Object, info).map_err(failed)?;
    let (len, room_at) = lengths(&info.name);
    tong_sys::dir::stretch(file, len).map_err(failed)?;
    make(file, len, room_at)?;
    page.set_ready();
    Ok(())
}

impl Hold {
    fn new(dir: &Arc<Dir>, stem: &str, inode: (u64, u64)) -> Hold {
        Hold {
            dir: Arc::clone(dir),
            stem: stem.to_owned(),
            inode,
            birth: Birth::here(),
            given_up: AtomicBool::new(false),
        }
    }

    /// Takes up a name with a page that another process handed over, on which the life byte is locked.
    pub(crate) fn adopt(dir: &Arc<Dir>, stem: &str, file: impl AsFd) -> Result<Hold> {
        let entry = tong_sys::dir::look_at(file)
            .map_err(|error| Error::from_io("take over object", error))?;
        Ok(Hold::new(dir, stem, entry.inode))
    }

    /// Lets the name go; the file goes if no other process has the object open. `file` is the open that holds the lock.
    pub(crate) fn give_up(&self, file: impl AsFd) {
        if self.given_up.swap(true, Ordering::AcqRel) || !self.birth.is_here() {
            return;
        }
        // Failing here leaves a file that is dead when our descriptor closes; the next maker replaces it.
        let Ok(true) = lock_change(&file) else {
            return;
        };
        if lock::try_lock(&file, Kind::Exclusive, LIFE, 1).unwrap_or(false) {
            let stands = self.dir.look(&self.stem).ok().flatten();
            if stands.is_some_and(|entry| entry.inode == self.inode) {
                let _ = self.dir.remove(&self.stem);
            }
        }
        // Explicitly, because a process that is being started may have copies of the descriptor for a moment.
        let _ = lock::unlock(&file, LIFE, 2);
    }
}

/// How many of the other files [`sweep_sometimes`] looks at.
const SWEPT: usize = 32;
/// It looks at the first object that a process makes, and at every so many more.
const SWEEP_EVERY: u32 = 64;

/// Now and then, when an object was made, removes a few files of objects whose processes were killed, so that names that
/// nobody uses again do not add up.
pub(crate) fn sweep_sometimes(dir: &Dir) {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    if made % SWEEP_EVERY != 0 {
        return;
    }
    let Ok(names) = dir.names() else {
        return;
    };
    // From a place that differs from process to process and time to time.
    let start = (std::process::id().wrapping_add(made) as usize) % names.len().max(1);
    let some = names
        .iter()
        .cycle()
        .skip(start)
        .take(names.len().min(SWEPT));
    for stem in some.filter(|name| is_stem(name)) {
        // What is refused belongs to somebody else, or lives.
        let _ = super::claim::sweep_dead(dir, stem);
    }
}

/// Whether a file name is that of a page.
fn is_stem(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Opens the file behind a descriptor once more, with locks of its own.
pub(crate) fn reopen(file: impl AsFd) -> Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(path, flags, rustix::fs::Mode::empty())
        .map_err(|error| Error::from_io("hand over object", error.into()))
}

/// Locks the life byte of a page for as long as the open lives.
pub(crate) fn keep_alive(file: impl AsFd) -> Result<()> {
    let failed = |error| Error::from_io("hand over object", error);
    match lock::try_lock(file, Kind::Shared, LIFE, 1).map_err(failed)? {
        true => Ok(()),
        false => Err(Error::new("hand over object", ErrorKind::Ended)),
    }
}

/// What the page of a named object says; `None` if the file is something else.
pub(crate) fn read_page(file: impl AsFd) -> Result<Option<PageInfo>> {
    page::read(file, Space::Object).map_err(|error| Error::from_io("hand over object", error))
}

/// Opens the wait table in a directory, making it if need be.
pub(super) fn table(dir: &Dir, name: &str) -> Result<&'static Table> {
    const OP: &str = "open wait table";
    let failed = |error| Error::from_io(OP, error);
    let file = dir
        .open_file(name, Some(0o600))
        .map_err(|error| not_openable(error, OP).on(name))?;
    let entry = tong_sys::dir::look_at(&file).map_err(failed)?;
    if entry.kind != tong_sys::dir::EntryKind::File || entry.uid != tong_sys::dir::effective_uid() {
        return Err(Error::new(OP, ErrorKind::Foreign)
            .on(name)
            .because("the wait table's name is taken by something that is not this user's own"));
    }
    // One at a time: a new table gets its head from the first.
    if !lock_change(&file).map_err(failed)? {
        return Err(Error::new(OP, ErrorKind::NoResources)
            .because("another process does not finish making it"));
    }
    if !Table::may_be_one(&file).map_err(failed)? {
        return Err(Error::new(OP, ErrorKind::Foreign).on(name).because(
            "a file that tong did not write stands where the wait table should be; it was left alone",
        ));
    }
    tong_sys::dir::stretch(&file, TABLE_LEN).map_err(failed)?;
    // An open of its own, so that letting go of the lock does not wait for copies of the descriptor.
    let table = Table::open(reopen(&file)?);
    let _ = lock::unlock(&file, CHANGE, 1);
    table
}
