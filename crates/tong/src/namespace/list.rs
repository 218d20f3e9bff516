//! Seeing what there is: the objects of a namespace, who holds them, what is queued, and what a crash left.
//!
//! Nothing is asked of the processes that are looked at, so a hanging one can be seen as well. What is queued stands in
//! the memory files of the writers' rings; they are found through `/proc`, in the writers' and in the server's
//! descriptors, and only read. A process that belongs to another user, or lives where its `/proc` entry cannot be seen,
//! is missing from the picture, and then so are its numbers. So are messages of writers that are gone and that the server
//! has not taken in yet: only the kernel holds those.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tong_sys::dir::{self, Dir, EntryKind};

use super::claim::{self, Standing};
use super::{page, Namespace, Space};
use crate::channel::RingStatus;
use crate::{Error, Result};

/// Whether an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// At least one process keeps it alive.
    Live,
    /// Its last process died and left its files; the next use of the name, or [`Namespace::gc`], removes them.
    Dead,
}

/// One object of a namespace, as seen from outside at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The kind of object: `"mailslot"`.
    pub kind: &'static str,
    /// Its full name, such as `\\.\mailslot\box`.
    pub name: String,
    /// Whether it lives.
    pub state: State,
    /// User who made it.
    pub uid: u32,
    /// Process that keeps it alive, if that can be seen from here.
    pub owner_pid: Option<i32>,
    /// Program of that process.
    pub program: Option<String>,
    /// When it was made.
    pub created: SystemTime,
    /// Largest message in bytes, 0 for any.
    pub max_message_len: u32,
    /// Most bytes that one writer may have queued.
    pub quota_bytes: u64,
    /// How long a read with the object's own time-out waits, `None` for ever.
    pub read_timeout: Option<Duration>,
    /// Messages queued, if the rings can be seen from here.
    pub messages: Option<u64>,
    /// Bytes queued, frame headers included, if the rings can be seen from here.
    pub bytes: Option<u64>,
    /// Processes that hold a writing end, as far as they can be seen from here.
    pub writers: Vec<i32>,
}

/// Something in the namespace's directory that no live object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leftover {
    /// Files of an object whose processes all died; removed, unless only looked for.
    Dead {
        /// The object's name, if its page can still be read; else the file's.
        name: String,
    },
    /// Something that tong did not make. Never removed.
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl Namespace {
    /// Lists the objects of the namespace, and those of the machine-wide directory that the caller may see.
    ///
    /// Takes no locks and asks no process; what changes meanwhile may be seen before or after.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let global = super::global(Space::Mailslot).unwrap_or_default();
        let mut found = pages(self.dir(Space::Mailslot), Space::Mailslot)?;
        if let Some(global) = &global {
            found.extend(pages(global, Space::Mailslot)?);
        }
        let traces = Traces::collect();
        let mut entries: Vec<Entry> = found
            .into_iter()
            .map(|page| page.into_entry(&traces))
            .collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Finds what no live object needs, and removes what dead objects left (unless `dry_run`). Normally there is
    /// nothing: whoever next uses a name cleans up after its dead owner.
    ///
    /// Looks at the user's own names, and at what the user has in the machine-wide directory.
    ///
    /// # Errors
    /// The directory cannot be read, or a file cannot be removed.
    pub fn gc(&self, dry_run: bool) -> Result<Vec<Leftover>> {
        let inner = Space::Mailslot.dir_name();
        let own = self.root().join(inner);
        let mut leftovers = Search {
            dir: self.dir(Space::Mailslot),
            path: own,
            shared: false,
            dry_run,
        }
        .run()?;
        if let Some(global) = super::global(Space::Mailslot).unwrap_or_default() {
            let path = super::global_path().join(inner);
            leftovers.extend(
                Search {
                    dir: &global,
                    path,
                    shared: true,
                    dry_run,
                }
                .run()?,
            );
        }
        Ok(leftovers)
    }
}

/// A search for leftovers in one directory.
struct Search<'a> {
    dir: &'a Dir,
    path: PathBuf,
    /// Others have files here too, which are none of our business.
    shared: bool,
    dry_run: bool,
}

impl Search<'_> {
    fn run(&self) -> Result<Vec<Leftover>> {
        let mut leftovers = Vec::new();
        for name in self
            .dir
            .names()
            .map_err(|error| Error::from_io("read namespace", error))?
        {
            let Ok(Some(entry)) = self.dir.look(&name) else {
                continue;
            };
            if self.shared && entry.uid != dir::effective_uid() {
                continue;
            }
            let stem = name.strip_suffix(".s").unwrap_or(&name);
            if !is_stem(stem) {
                leftovers.push(self.foreign(&name));
            } else if name == stem || matches!(self.dir.look(stem), Ok(None)) {
                leftovers.extend(self.judge(stem)?);
            }
        }
        Ok(leftovers)
    }

    fn foreign(&self, name: &str) -> Leftover {
        Leftover::Foreign {
            path: self.path.join(name),
        }
    }

    /// Judges the files of one name, and removes them if they are dead.
    fn judge(&self, stem: &str) -> Result<Option<Leftover>> {
        let failed = |error| Error::from_io("read namespace", error);
        let mut name = stem.to_owned();
        if let Some(entry) = self.dir.look(stem).map_err(failed)? {
            let own = entry.kind == EntryKind::File && entry.uid == dir::effective_uid();
            let page = own.then(|| self.dir.open_to_read(stem).ok()).flatten();
            let Some(page) = page else {
                return Ok(Some(self.foreign(stem)));
            };
            let ours = page::is_ours(&page).unwrap_or(false);
            // In this order: a page that is being written does not look like ours, but it is live.
            if claim::is_live(&page) {
                return Ok(None);
            }
            if !ours {
                return Ok(Some(self.foreign(stem)));
            }
            if let Ok(Some(info)) = page::read(&page, Space::Mailslot) {
                name = info.name;
            }
        }
        match claim::socket_standing(self.dir, stem).map_err(failed)? {
            Standing::Live => return Ok(None),
            Standing::Foreign(_) => return Ok(Some(self.foreign(&super::socket_name(stem)))),
            Standing::Nothing | Standing::Dead => {}
        }
        if self.dry_run || claim::sweep(self.dir, stem)? {
            return Ok(Some(Leftover::Dead { name }));
        }
        Ok(None)
    }
}

/// A page found in a directory.
struct Found {
    stem: String,
    info: page::PageInfo,
    uid: u32,
    inode: (u64, u64),
    live: bool,
}

impl Found {
    fn into_entry(self, traces: &Traces) -> Entry {
        let owner_pid = traces.pages.get(&self.inode).copied();
        let mark = super::ring_mark(&self.stem, self.info.created_ns);
        let rings: Vec<&RingTrace> = traces
            .rings
            .values()
            .filter(|ring| ring.mark == mark)
            .collect();
        let mut writers: Vec<i32> = rings
            .iter()
            .flat_map(|ring| ring.writers(owner_pid))
            .collect();
        writers.sort_unstable();
        writers.dedup();
        let visible = owner_pid.is_some();
        Entry {
            kind: "mailslot",
            name: self.info.name,
            state: if self.live { State::Live } else { State::Dead },
            uid: self.uid,
            owner_pid,
            program: owner_pid.and_then(program),
            created: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.info.created_ns),
            max_message_len: self.info.max_message,
            quota_bytes: self.info.quota_bytes,
            read_timeout: (self.info.read_timeout_ms != page::FOREVER)
                .then(|| Duration::from_millis(self.info.read_timeout_ms)),
            messages: visible.then(|| sum(rings.iter().map(|ring| ring.status.messages))),
            bytes: visible.then(|| sum(rings.iter().map(|ring| ring.status.bytes))),
            writers,
        }
    }
}

/// The numbers are claims of the rings' users.
fn sum(claims: impl Iterator<Item = u64>) -> u64 {
    claims.fold(0, u64::saturating_add)
}

fn pages(dir: &Dir, space: Space) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for stem in dir
        .names()
        .map_err(|error| Error::from_io("read namespace", error))?
    {
        // A file that is gone, not ours to read, or not a page (yet) is no object.
        let Ok(file) = dir.open_to_read(&stem) else {
            continue;
        };
        let Ok(entry) = dir::look_at(&file) else {
            continue;
        };
        if entry.kind != EntryKind::File || !is_stem(&stem) {
            continue;
        }
        // A live page without a socket only holds the name of an object that is in the machine-wide directory.
        let live = claim::is_live(&file);
        if live && matches!(dir.look(&super::socket_name(&stem)), Ok(None)) {
            continue;
        }
        if let Ok(Some(info)) = page::read(file.as_fd(), space) {
            found.push(Found {
                stem,
                info,
                uid: entry.uid,
                inode: entry.inode,
                live,
            });
        }
    }
    Ok(found)
}

fn is_stem(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A ring that some process holds.
struct RingTrace {
    /// Which mailslot it belongs to; see [`super::ring_mark`].
    mark: String,
    status: RingStatus,
    /// A process for each descriptor of the ring.
    holders: Vec<i32>,
}

impl RingTrace {
    /// The holders that are not the server; the server counts if it has more than its own descriptor.
    fn writers(&self, server: Option<i32>) -> Vec<i32> {
        let mut writers = self.holders.clone();
        if let Some(index) = writers.iter().position(|pid| Some(*pid) == server) {
            writers.swap_remove(index);
        }
        writers
    }
}

/// What the descriptors of all visible processes tell.
struct Traces {
    /// Who has a page open, by the page's inode: the processes that keep objects alive.
    pages: HashMap<(u64, u64), i32>,
    rings: HashMap<u64, RingTrace>,
}

impl Traces {
    fn collect() -> Traces {
        let mut traces = Traces {
            pages: HashMap::new(),
            rings: HashMap::new(),
        };
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            for fd in fs::read_dir(process.path().join("fd"))
                .into_iter()
                .flatten()
                .flatten()
            {
                traces.note(pid, &fd.path());
            }
        }
        traces
    }

    fn note(&mut self, pid: i32, fd: &std::path::Path) {
        // Who holds an object or a ring can write to it; others who look, as we do, only read.
        if !fs::symlink_metadata(fd).is_ok_and(|link| link.mode() & 0o200 != 0) {
            return;
        }
        let Ok(target) = fs::read_link(fd) else {
            return;
        };
        let Some(target) = target.to_str() else {
            return;
        };
        if let Some(mark) = target.strip_prefix("/memfd:tong-mailslot-") {
            // Behind the name stands " (deleted)".
            self.note_ring(pid, fd, mark.split(' ').next().unwrap_or(mark));
        } else if target.rsplit('/').next().is_some_and(is_stem) {
            if let Ok(meta) = fs::metadata(fd) {
                self.pages.insert((meta.dev(), meta.ino()), pid);
            }
        }
    }

    fn note_ring(&mut self, pid: i32, fd: &std::path::Path, mark: &str) {
        // Not to be kept waiting by a pipe that only has the name of a ring.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let file = fs::File::options()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(fd);
        let Ok(file) = file else { return };
        let Ok(meta) = file.metadata() else { return };
        if let Some(ring) = self.rings.get_mut(&meta.ino()) {
            ring.holders.push(pid);
        } else if let Some(status) = RingStatus::read(&file) {
            self.rings.insert(
                meta.ino(),
                RingTrace {
                    mark: mark.to_owned(),
                    status,
                    holders: vec![pid],
                },
            );
        }
    }
}

fn program(pid: i32) -> Option<String> {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let from_exe = exe.and_then(|path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    });
    from_exe.or_else(|| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()
            .map(|name| name.trim().to_owned())
    })
}
