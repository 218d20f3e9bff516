//! The namespace: names to files. Only this module turns a name into a path.
//!
//! # Where
//! A user's names live in one directory, the *root*: `$TONG_DIR`, else `tong` in `$XDG_RUNTIME_DIR` if that belongs to
//! the user, else `/dev/shm/tong-<uid>`. It is made when first needed, must belong to the caller and be closed to
//! everybody else (mode 0700), or it is refused. Objects that other users may open live in the *machine-wide* directory,
//! which an administrator makes once (`tong global init`): `$TONG_GLOBAL_DIR`, else `/run/tong`.
//!
//! # Files
//! An object is a *page* (a small file with its real name, its maker and its settings) and, where clients connect, a
//! *socket*. Both are called after a hash of the folded name, so that neither the length of a name nor its characters
//! meet the limits of file names and socket addresses. The real name stands in the page and is compared.
//!
//! # Lifetime and death
//! See `claim.rs`: a name is held by a lock that the kernel drops when the last holder's descriptor closes, for whatever
//! reason. What a crash leaves behind is found dead by the next one who wants the name, and replaced.
//!
//! # Attacks
//! Whatever stands where a file of ours should be (a link, a directory, somebody's file or socket) is neither followed
//! nor removed nor overwritten; the call fails and says what it met.
//!
//! # Differences from Windows
//! The namespace is per user, not per machine, unless the creator of an object widens access to it.

mod claim;
mod list;
mod page;
pub(crate) mod pipe;
mod place;
mod shared;

use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher24};
use tong_sys::dir::{self, Dir, EntryKind, Refusal, Trust};

pub(crate) use claim::{check_socket, created_now, sweep, Claim, Made, Openness};
pub use list::{About, Entry, InstanceState, Leftover, PipeInstance, State, ThreadId, Traffic};
pub(crate) use list::{Channel, Survey};
pub(crate) use page::{Page, PageInfo, FOREVER};
pub use place::{Chosen, Place, WaitTable};
pub(crate) use shared::{
    hold, keep_alive, read_page, reopen, sweep_sometimes, Fill, Hold, CELL_AT,
};

use crate::waits::Table;
use crate::{Error, ErrorKind, Result};

/// The kinds of names that do not collide with one another. Each has a directory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// `\\.\mailslot\...`
    Mailslot,
    /// Events, mutexes, semaphores, timers: one space for all of them.
    Object,
    /// `\\.\pipe\...`
    Pipe,
}

impl Space {
    fn dir_name(self) -> &'static str {
        match self {
            Space::Mailslot => "mailslot",
            Space::Object => "object",
            Space::Pipe => "pipe",
        }
    }

    pub(crate) fn code(self) -> u32 {
        match self {
            Space::Mailslot => 1,
            Space::Object => 2,
            Space::Pipe => 3,
        }
    }
}

/// A directory of names.
#[derive(Debug)]
pub struct Namespace {
    root: PathBuf,
    mailslots: Dir,
    objects: Arc<Dir>,
    pipes: Arc<Dir>,
    /// The root itself, open for as long as the namespace is used, so that cleaners stay out.
    top: Dir,
    table: OnceLock<&'static Table>,
}

impl Namespace {
    /// The namespace of the process's user, as the environment says now.
    ///
    /// # Errors
    /// In this order: no usable place for the root; the root cannot be made or opened; it is not the caller's own or not
    /// closed to others ([`ErrorKind::Foreign`]).
    pub fn current() -> Result<Arc<Namespace>> {
        static CURRENT: Mutex<Option<Arc<Namespace>>> = Mutex::new(None);
        let root = Place::current()?.root;
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(namespace) if namespace.root == root && namespace.still_there() => {
                Ok(Arc::clone(namespace))
            }
            _ => {
                let namespace = Arc::new(Namespace::at(&root)?);
                *current = Some(Arc::clone(&namespace));
                Ok(namespace)
            }
        }
    }

    /// The namespace whose root is the directory `root`, which is made if it does not exist.
    ///
    /// # Errors
    /// As [`Namespace::current`].
    pub fn at(root: &Path) -> Result<Namespace> {
        const OP: &str = "open namespace";
        let failed = |refusal| root_refused(OP, root, refusal);
        let dir = Dir::open_or_make(root).map_err(failed)?;
        dir.keep_cleaners_out();
        let mailslots = dir
            .sub(Space::Mailslot.dir_name(), Trust::Private, 0o700)
            .map_err(failed)?;
        mailslots.keep_cleaners_out();
        let objects = dir
            .sub(Space::Object.dir_name(), Trust::Private, 0o700)
            .map_err(failed)?;
        objects.keep_cleaners_out();
        let pipes = dir
            .sub(Space::Pipe.dir_name(), Trust::Private, 0o700)
            .map_err(failed)?;
        pipes.keep_cleaners_out();
        Ok(Namespace {
            root: root.to_owned(),
            mailslots,
            objects: Arc::new(objects),
            pipes: Arc::new(pipes),
            top: dir,
            table: OnceLock::new(),
        })
    }

    /// The directory of the namespace.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn dir(&self, space: Space) -> &Dir {
        match space {
            Space::Mailslot => &self.mailslots,
            Space::Object => &self.objects,
            Space::Pipe => &self.pipes,
        }
    }

    /// The directory of the user's named objects.
    pub(crate) fn objects(&self) -> &Arc<Dir> {
        &self.objects
    }

    /// The directory of the user's pipes.
    pub(crate) fn pipes(&self) -> &Arc<Dir> {
        &self.pipes
    }

    /// The wait table of the namespace.
    ///
    /// # Errors
    /// Its file cannot be made, or is not ours.
    pub(crate) fn table(&self) -> Result<&'static Table> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let table = shared::table(&self.top, place::WAIT_TABLE)?;
        Ok(self.table.get_or_init(|| table))
    }

    /// The wait table, if some process has made it already.
    pub(crate) fn known_table(&self) -> Option<&'static Table> {
        let exists = || matches!(self.top.look(place::WAIT_TABLE), Ok(Some(_)));
        let known = self.table.get().copied();
        known.or_else(|| exists().then(|| self.table().ok()).flatten())
    }

    /// Whether the directories still have names, or were removed under us.
    fn still_there(&self) -> bool {
        let stands = |dir: &Dir| dir::look_at(dir).is_ok_and(|entry| entry.links > 0);
        stands(&self.mailslots) && stands(&self.pipes)
    }
}

/// The machine-wide directory for names of this kind, or `None` if no administrator made one.
pub(crate) fn global(space: Space) -> Result<Option<Dir>> {
    const OP: &str = "open machine-wide directory";
    let path = global_path();
    let open = Dir::open(&path, Trust::MachineWide)
        .and_then(|_| Dir::open(&path.join(space.dir_name()), Trust::MachineWide));
    match open {
        Ok(dir) => Ok(Some(dir)),
        Err(Refusal::Io(error)) if error.raw_os_error() == Some(tong_sys::errno::ENOENT) => {
            Ok(None)
        }
        Err(refusal) => Err(refused(OP, refusal).on(path.display().to_string())),
    }
}

/// The machine-wide directory of named objects, and the wait table of the user's objects in it; `None` if no
/// administrator made one.
pub(crate) fn global_objects() -> Result<Option<(Arc<Dir>, &'static Table)>> {
    static OPENED: Mutex<Vec<(PathBuf, Arc<Dir>, &'static Table)>> = Mutex::new(Vec::new());
    let path = global_path();
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, dir, table)) = opened.iter().find(|(known, dir, _)| {
        *known == path && dir::look_at(&**dir).is_ok_and(|entry| entry.links > 0)
    }) {
        return Ok(Some((Arc::clone(dir), table)));
    }
    let Some(dir) = global(Space::Object)? else {
        return Ok(None);
    };
    // One table for each user: no user's waits can be spoiled by another.
    let table = shared::table(&dir, &format!("waits-{}", dir::effective_uid()))?;
    let dir = Arc::new(dir);
    opened.push((path, Arc::clone(&dir), table));
    Ok(Some((dir, table)))
}

/// Makes the machine-wide directory, in which users publish the objects that others may open. Needs the administrator.
///
/// Doing it again is fine. The directory does not survive a restart of the machine if it lies on a memory file system.
///
/// # Errors
/// In this order: the directory cannot be made ([`ErrorKind::AccessDenied`] without the administrator's rights); what
/// stands there is not a directory, or belongs to an ordinary user.
pub fn init_global() -> Result<PathBuf> {
    const OP: &str = "make machine-wide directory";
    let path = global_path();
    let failed = |refusal| refused(OP, refusal).on(path.display().to_string());
    let (parent, name) = match (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(parent), Some(name)) => (parent, name),
        _ => {
            return Err(Error::new(OP, ErrorKind::InvalidParameter)
                .because("TONG_GLOBAL_DIR names no directory"))
        }
    };
    let parent = Dir::open(parent, Trust::MachineWide).map_err(failed)?;
    let top = parent
        .sub(name, Trust::MachineWide, 0o755)
        .map_err(failed)?;
    for space in [Space::Mailslot, Space::Object, Space::Pipe] {
        top.sub(space.dir_name(), Trust::MachineWide, 0o1777)
            .map_err(failed)?;
    }
    Ok(path)
}

/// Opens the page of a live object: mapped if it is the caller's `own`, and what it says.
///
/// `None` if the page is gone or half made, that is, if the object died just now.
pub(crate) fn open_page(
    dir: &Dir,
    space: Space,
    stem: &str,
    own: bool,
) -> Result<Option<(Option<Page>, PageInfo)>> {
    let failed = |error: std::io::Error| Error::from_io("open object", error);
    let file = match if own {
        dir.open_file(stem, None)
    } else {
        dir.open_to_read(stem)
    } {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(tong_sys::errno::ENOENT) => return Ok(None),
        Err(error) if error.raw_os_error() == Some(tong_sys::errno::ELOOP) => {
            return Err(Error::new("open object", ErrorKind::Foreign));
        }
        Err(error) => return Err(failed(error)),
    };
    // Where others can make files, one of them may have put anything there.
    if !own && dir::look_at(&file).map_err(failed)?.kind != EntryKind::File {
        return Err(Error::new("open object", ErrorKind::Foreign));
    }
    let Some(info) = page::read(&file, space).map_err(failed)? else {
        return Ok(None);
    };
    let page = if own {
        Some(Page::open(&file).map_err(failed)?)
    } else {
        None
    };
    Ok(Some((page, info)))
}

/// The file name of an object: a hash of its kind and its folded name.
pub(crate) fn stem(space: Space, folded: &str) -> String {
    // The keys are part of the layout: changing them changes every file name.
    let mut hasher = SipHasher24::new_with_keys(0x746f_6e67_2d6e_616d, 0x6573_7061_6365_2d31);
    hasher.write(space.dir_name().as_bytes());
    hasher.write(&[0]);
    hasher.write(folded.as_bytes());
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

/// What the memory files of a mailslot's rings are called after: its file name, and when it was made.
pub(crate) fn ring_mark(stem: &str, created_ns: u64) -> String {
    format!("{stem}-{created_ns:x}")
}

/// Length of a page that holds `name`.
pub(crate) fn page_len(name: &str) -> u64 {
    Page::len_for(name)
}

/// The socket's file name beside the page called `stem`.
pub(crate) fn socket_name(stem: &str) -> String {
    format!("{stem}.s")
}

pub(crate) fn refused(op: &'static str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Io(error) => Error::from_io(op, error),
        Refusal::NotOurs(what) => Error::new(op, ErrorKind::Foreign).because(what),
    }
}

/// Says which directory cannot be used and what to do; what the caller wanted is only a name in it.
fn root_refused(op: &'static str, root: &Path, refusal: Refusal) -> Error {
    if let Some(error) = without_proc(op) {
        return error;
    }
    let root = root.display();
    match refusal {
        Refusal::Io(error) if error.raw_os_error() == Some(tong_sys::errno::ENOENT) => {
            Error::new(op, ErrorKind::PathNotFound).because(format!(
                "the namespace's directory {root} cannot be made, because the one above it does not exist; make that \
                 one, or set TONG_DIR to a directory of your own"
            ))
        }
        Refusal::Io(error) => Error::from_io(op, error).because(format!(
            "the namespace's directory {root} cannot be made or opened; set TONG_DIR to a directory of your own"
        )),
        refusal => refused(op, refusal),
    }
}

/// Why nothing can work on this machine, if that is the reason for a failure: sockets are bound by way of `/proc`.
pub(crate) fn without_proc(op: &'static str) -> Option<Error> {
    let missing = !Path::new("/proc/self/fd").exists();
    missing.then(|| {
        Error::new(op, ErrorKind::Unsupported).because("/proc is needed and not mounted here")
    })
}

/// The namespace of the process's user, if somebody has made it already.
pub(crate) fn existing() -> Option<Arc<Namespace>> {
    let place = Place::current().ok()?;
    place.root.is_dir().then(Namespace::current)?.ok()
}

fn global_path() -> PathBuf {
    non_empty("TONG_GLOBAL_DIR").unwrap_or_else(|| PathBuf::from("/run/tong"))
}

fn non_empty(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn absolute(variable: &str, dir: PathBuf) -> Result<PathBuf> {
    if dir.is_absolute() {
        return Ok(dir);
    }
    Err(Error::new("open namespace", ErrorKind::InvalidParameter)
        .on(dir.display().to_string())
        .because(format!(
            "{variable} must be an absolute path, so that every process means the same directory"
        )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_short_and_differ_by_name() {
        let long = "x".repeat(1000);
        let stems =
            ["a", "b", "", "a\\b", long.as_str(), "통"].map(|name| stem(Space::Mailslot, name));
        for (index, stem) in stems.iter().enumerate() {
            assert_eq!(stem.len(), 32);
            assert!(!stems[..index].contains(stem));
        }
    }

    #[test]
    fn file_names_do_not_change_between_versions() {
        // The layout version must change with this value: processes with two versions would not meet.
        assert_eq!(
            stem(Space::Mailslot, "MAILBOX"),
            "367acbe02b88fc0b81abb2d977650a9a"
        );
        assert_eq!(socket_name("abc"), "abc.s");
    }
}
