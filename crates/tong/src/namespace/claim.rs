//! Holding a name: at most one live object has it, and a dead one never blocks it.
//!
//! # Protocol
//! Two bytes of an object's page are locked, with locks that belong to the open file and vanish with it:
//!
//! | byte | held | by |
//! |---|---|---|
//! | [`LIFE`] | shared, for as long as it has the object | every process that keeps the object alive |
//! | [`CHANGE`] | exclusive, for a moment | whoever makes, removes or replaces the files of the name |
//!
//! To make: open or create the page, lock `CHANGE`, look whether the name still leads to the file that was locked (else
//! start again), then try `LIFE` exclusively. If that fails the name is taken. If it succeeds, whatever stands there is
//! dead, and is replaced; `LIFE` becomes shared, and `CHANGE` is let go when the object can be opened.
//!
//! To close: lock `CHANGE`, try to make `LIFE` exclusive; whoever gets that was last, and removes the files.
//!
//! To clean up after a death: the same as closing, by somebody who never had the object.
//!
//! # Death
//! Killed while making: the page has no "ready", the lock is gone, the next maker replaces it. Killed while closing: some
//! of the files remain, dead. Killed while holding `CHANGE`: the kernel lets it go. A *stopped* process that holds
//! `CHANGE` keeps makers of that one name waiting; they give up after [`CHANGE_PATIENCE`] and say so.
//!
//! # Limits
//! A shared lock takes no more than the right to read. Whoever may read a page, that is, the users to whom its maker
//! opened the object, can therefore keep the name from its maker for as long as they like; they cannot take it over.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use tong_sys::dir::{self, Dir, EntryKind};
use tong_sys::errno;
use tong_sys::lock::{self, Kind};
use tong_sys::socket;

use super::page::{self, Page, PageInfo};
use super::{socket_name, without_proc, Space};
use crate::{Error, ErrorKind, Result};

/// Offset of the byte that says "the object lives".
pub(super) const LIFE: u64 = 1 << 62;
/// Offset of the byte that says "the files of this name are being changed".
pub(super) const CHANGE: u64 = LIFE + 1;

/// How long a maker waits for another one who is at the same name.
const CHANGE_PATIENCE: Duration = Duration::from_secs(5);

/// Clients that can be in before the server takes them; the system's own limit (`net.core.somaxconn`) also applies.
const BACKLOG: i32 = 65_535;

/// To whom the files of an object are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Openness {
    /// The maker's user.
    Private,
    /// Members of a group too.
    Group(u32),
    /// Everybody.
    Everyone,
}

impl Openness {
    pub(super) fn page_mode(self) -> u32 {
        match self {
            Openness::Private => 0o600,
            Openness::Group(_) => 0o640,
            Openness::Everyone => 0o644,
        }
    }

    pub(super) fn socket_mode(self) -> u32 {
        match self {
            Openness::Private => 0o600,
            Openness::Group(_) => 0o660,
            Openness::Everyone => 0o666,
        }
    }

    pub(super) fn group(self) -> Option<u32> {
        match self {
            Openness::Group(gid) => Some(gid),
            Openness::Private | Openness::Everyone => None,
        }
    }
}

/// A name that is ours for as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim {
    file: OwnedFd,
    stem: String,
    inode: (u64, u64),
    socket_inode: (u64, u64),
}

/// What a maker got: the name, its page, and the listening socket.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) claim: Claim,
    pub(crate) page: Page,
    pub(crate) listener: OwnedFd,
}

impl Claim {
    /// Takes the name for a new object, or says why not. Nothing of a live object is touched.
    ///
    /// # Errors
    /// In this order: something that is not ours stands there; the name is being changed by a process that does not
    /// finish; the name is taken; no space.
    pub(crate) fn make(
        dir: &Dir,
        space: Space,
        stem: &str,
        openness: Openness,
        info: &PageInfo,
        same: impl Fn(&str) -> bool,
    ) -> Result<Made> {
        const OP: &str = "create mailslot";
        let failed = |error: io::Error| Error::from_io(OP, error);
        let locked = Locked::acquire(dir, stem, Some(openness.page_mode()), OP)?
            .ok_or_else(|| Error::new(OP, ErrorKind::NotFound))?;
        if !lock::try_lock(&locked.file, Kind::Exclusive, LIFE, 1).map_err(failed)? {
            let holder = page::read(&locked.file, space).map_err(failed)?;
            return Err(match holder {
                Some(holder) if !same(&holder.name) => Error::new(OP, ErrorKind::NoResources)
                    .because(format!(
                        "its hash collides with that of the live object {}",
                        holder.name
                    )),
                _ => Error::new(OP, ErrorKind::AlreadyExists),
            });
        }
        if let Err(error) = remove_dead_socket(dir, stem, OP) {
            let _ = dir.remove(stem);
            return Err(error);
        }
        let made = locked.make_files(dir, stem, space, openness, info);
        if made.is_err() {
            // We hold both locks and the name leads here, so this is our own half-made file.
            let _ = dir.remove(stem);
        }
        let (page, listener, socket_inode) =
            made.map_err(|error| without_proc(OP).unwrap_or_else(|| failed(error)))?;
        let claim = Claim {
            file: locked.file,
            stem: stem.to_owned(),
            inode: locked.inode,
            socket_inode,
        };
        Ok(Made {
            claim,
            page,
            listener,
        })
    }

    /// Whether the name still leads to our files.
    pub(crate) fn still_named(&self, dir: &Dir) -> bool {
        self.page_stands(dir) && self.socket_stands(dir)
    }

    /// Removes what is left of our files, so that the name can be claimed anew after somebody removed the others.
    pub(crate) fn clear_rest(&self, dir: &Dir) {
        // Failing here leaves the rest, and the new claim fails; it is tried again later.
        let Ok(true) = lock_change(&self.file) else {
            return;
        };
        self.remove_files(dir);
        let _ = lock::unlock(&self.file, CHANGE, 1);
    }

    /// Gives the name up. The files go if no other process keeps the object alive.
    pub(crate) fn give_up(self, dir: &Dir) {
        // Failing here leaves files that are dead when our descriptor closes; the next maker replaces them.
        let Ok(true) = lock_change(&self.file) else {
            return;
        };
        if lock::try_lock(&self.file, Kind::Exclusive, LIFE, 1).unwrap_or(false) {
            self.remove_files(dir);
        }
    }

    /// Removes those of our files that still have their names.
    fn remove_files(&self, dir: &Dir) {
        if self.socket_stands(dir) {
            let _ = dir.remove(&socket_name(&self.stem));
        }
        if self.page_stands(dir) {
            let _ = dir.remove(&self.stem);
        }
    }

    fn page_stands(&self, dir: &Dir) -> bool {
        dir.look(&self.stem)
            .ok()
            .flatten()
            .is_some_and(|entry| entry.inode == self.inode)
    }

    fn socket_stands(&self, dir: &Dir) -> bool {
        dir.look(&socket_name(&self.stem))
            .ok()
            .flatten()
            .is_some_and(|entry| entry.inode == self.socket_inode)
    }
}

/// Removes what a dead object left at the name; returns whether there was anything. A live one is left alone.
pub(crate) fn sweep(dir: &Dir, stem: &str) -> Result<bool> {
    const OP: &str = "clean up";
    let failed = |error: io::Error| Error::from_io(OP, error);
    // A socket that lost its page still needs the page's lock, or it could be taken from a maker who is at work.
    let orphan = dir.look(stem).map_err(failed)?.is_none()
        && dir.look(&socket_name(stem)).map_err(failed)?.is_some();
    let Some(locked) = Locked::acquire(dir, stem, orphan.then_some(0o600), OP)? else {
        return Ok(false);
    };
    if !lock::try_lock(&locked.file, Kind::Exclusive, LIFE, 1).map_err(failed)? {
        return Ok(false);
    }
    let socket = remove_dead_socket(dir, stem, OP);
    dir.remove(stem).map_err(failed)?;
    match socket {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a dead page, if a look without locks says that it is one: a live object is not kept from its users.
pub(super) fn sweep_dead(dir: &Dir, stem: &str) -> Result<bool> {
    let looks_dead = dir
        .open_to_read(stem)
        .is_ok_and(|file| !is_live(&file) && page::is_ours(&file).unwrap_or(false));
    if !looks_dead {
        return Ok(false);
    }
    sweep(dir, stem)
}

/// Whether an object lives at the name. Takes no lock.
pub(crate) fn is_live(file: impl AsFd) -> bool {
    lock::would_conflict(file, Kind::Exclusive, LIFE, 1).unwrap_or(true)
}

/// A page whose name nobody else changes at the moment.
pub(super) struct Locked {
    pub(super) file: OwnedFd,
    pub(super) inode: (u64, u64),
}

impl Locked {
    /// Opens the page (made if `mode` is given) and locks its name against change; `None` if it does not exist.
    pub(super) fn acquire(
        dir: &Dir,
        stem: &str,
        mode: Option<u32>,
        op: &'static str,
    ) -> Result<Option<Locked>> {
        let failed = |error: io::Error| Error::from_io(op, error);
        loop {
            let file = match dir.open_file(stem, mode) {
                Ok(file) => file,
                Err(error) if mode.is_none() && error.raw_os_error() == Some(errno::ENOENT) => {
                    return Ok(None)
                }
                Err(error) => return Err(not_openable(error, op)),
            };
            let entry = dir::look_at(&file).map_err(failed)?;
            if entry.kind != EntryKind::File || entry.uid != dir::effective_uid() {
                return Err(foreign(op, "a file that is not this user's own"));
            }
            let ours = page::is_ours(&file).map_err(failed)?;
            if !lock_change(&file).map_err(failed)? {
                return Err(if ours {
                    being_changed(op)
                } else {
                    foreign(op, NOT_WRITTEN_BY_US)
                });
            }
            // Asked again under the lock, because whoever writes a page holds it.
            if !ours && !page::is_ours(&file).map_err(failed)? {
                return Err(foreign(op, NOT_WRITTEN_BY_US));
            }
            // Whoever removed the file while we came here made a new one possible: start again with that.
            let named = dir.look(stem).map_err(failed)?;
            if named.is_some_and(|named| named.inode == entry.inode) {
                return Ok(Some(Locked {
                    file,
                    inode: entry.inode,
                }));
            }
        }
    }

    fn make_files(
        &self,
        dir: &Dir,
        stem: &str,
        space: Space,
        openness: Openness,
        info: &PageInfo,
    ) -> io::Result<(Page, OwnedFd, (u64, u64))> {
        let page = Page::fill(&self.file, space, info)?;
        dir.set_access(stem, openness.page_mode(), openness.group())?;
        let name = socket_name(stem);
        let listener = socket::bind(dir.as_fd(), &name)?;
        let opened = self.open_to_clients(dir, &name, openness, &listener, &page);
        if opened.is_err() {
            // It got its name from us a moment ago; had the name been taken, bind would have failed.
            let _ = dir.remove(&name);
        }
        Ok((page, listener, opened?))
    }

    fn open_to_clients(
        &self,
        dir: &Dir,
        name: &str,
        openness: Openness,
        listener: &OwnedFd,
        page: &Page,
    ) -> io::Result<(u64, u64)> {
        // Nobody can connect before it listens, so there is no moment at which it is open wider than asked.
        dir.set_access(name, openness.socket_mode(), openness.group())?;
        let inode = dir.look(name)?.ok_or(io::ErrorKind::NotFound)?.inode;
        socket::listen(listener, BACKLOG)?;
        // Shared from now on: other processes may come to hold the object too.
        lock::try_lock(&self.file, Kind::Shared, LIFE, 1)?;
        page.set_ready();
        lock::unlock(&self.file, CHANGE, 1)?;
        Ok(inode)
    }
}

/// Locks the name against change by others; `false` if somebody else does not let go.
pub(super) fn lock_change(file: impl AsFd) -> io::Result<bool> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(20);
    while !lock::try_lock(&file, Kind::Exclusive, CHANGE, 1)? {
        if started.elapsed() > CHANGE_PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    Ok(true)
}

/// What stands where an object's socket should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    /// A socket of ours that nobody listens to. One that another program of the same user left looks the same.
    Dead,
    /// A socket that a server listens to: of an object whose page was cleaned away.
    Live,
    /// Something that tong did not make.
    Foreign(&'static str),
}

/// Looks at what stands where the socket of `stem` should be, and knocks if it is a socket of this user.
pub(super) fn socket_standing(dir: &Dir, stem: &str) -> io::Result<Standing> {
    let name = socket_name(stem);
    let Some(entry) = dir.look(&name)? else {
        return Ok(Standing::Nothing);
    };
    if entry.kind != EntryKind::Socket || entry.uid != dir::effective_uid() {
        return Ok(Standing::Foreign(
            "something that is not a socket of this user",
        ));
    }
    match socket::connect(dir.as_fd(), &name) {
        Ok(_) => Ok(Standing::Live),
        Err(error) => match error.raw_os_error() {
            Some(errno::EAGAIN) => Ok(Standing::Live),
            Some(errno::ECONNREFUSED) => Ok(Standing::Dead),
            Some(errno::ENOENT) => Ok(Standing::Nothing),
            Some(errno::EMFILE | errno::ENFILE | errno::ENOMEM) => Err(error),
            _ => Ok(Standing::Foreign("a socket that is not tong's")),
        },
    }
}

/// Makes sure that a connect to the socket of `stem` would not be led elsewhere: connect(2) follows links.
///
/// # Errors
/// [`ErrorKind::Foreign`] if something other than a socket stands there. Nothing at all is fine.
pub(crate) fn check_socket(dir: &Dir, stem: &str) -> Result<()> {
    const OP: &str = "open mailslot";
    match dir.look(&socket_name(stem)) {
        Ok(Some(entry)) if entry.kind != EntryKind::Socket => {
            Err(foreign(OP, "something that is not a socket"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Error::from_io(OP, error)),
    }
}

/// Removes the socket beside a page that we hold locked and that is dead.
fn remove_dead_socket(dir: &Dir, stem: &str, op: &'static str) -> Result<()> {
    let failed = |error: io::Error| Error::from_io(op, error);
    match socket_standing(dir, stem).map_err(failed)? {
        Standing::Nothing => Ok(()),
        Standing::Dead => dir.remove(&socket_name(stem)).map_err(failed),
        Standing::Live => Err(Error::new(op, ErrorKind::AlreadyExists)),
        Standing::Foreign(what) => Err(foreign(op, what)),
    }
}

/// What a page turns out to be if it does not start like one.
const NOT_WRITTEN_BY_US: &str = "a file that tong did not write";

pub(super) fn being_changed(op: &'static str) -> Error {
    Error::new(op, ErrorKind::TimedOut).because(
        "another process has been changing this name for seconds; is one stopped? (see fuser on the file)",
    )
}

pub(super) fn not_openable(error: io::Error, op: &'static str) -> Error {
    match error.raw_os_error() {
        Some(errno::ELOOP) => foreign(op, "a symbolic link"),
        Some(errno::EISDIR) => foreign(op, "a directory"),
        Some(errno::ENXIO) => foreign(op, "a socket or device"),
        Some(errno::EACCES | errno::EPERM) => foreign(op, "a file that is not this user's own"),
        _ => Error::from_io(op, error),
    }
}

pub(super) fn foreign(op: &'static str, what: &str) -> Error {
    Error::new(op, ErrorKind::Foreign)
        .because(format!("{what} stands where the object's file should be; it was left alone, remove it if it is not needed"))
}

/// Now, in nanoseconds since 1970, for people.
pub(crate) fn created_now() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
