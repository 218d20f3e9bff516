//! Who holds what: the descriptors of all processes that can be seen.
//!
//! Walking through them is most of what a look costs, and grows with what runs on the machine, so the walk may be older
//! than the look. What it found open (rings, connections) is read again at each look. A few of those files are kept open
//! for that, never so many that the caller runs out of descriptors; the others are opened again where they were found.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{openat, readlinkat, statat, AtFlags, Mode, OFlags};

use super::is_stem;
use crate::channel::{RingStatus, Unread};
use crate::process::page;
use crate::waits::mixed;

/// A memory file that a process has open.
#[derive(Debug)]
struct Memory {
    path: PathBuf,
    identity: (u64, u64),
    kept: Option<File>,
}

impl Memory {
    /// Reads from the file; `None` if it is not there any more.
    fn read<T>(&self, read: impl FnOnce(&File) -> Option<T>) -> Option<T> {
        match &self.kept {
            Some(file) => read(file),
            None => read(&open_again(&self.path, self.identity)?),
        }
    }
}

/// A ring that some process holds.
#[derive(Debug)]
pub(super) struct RingTrace {
    /// Which mailslot it belongs to; see [`ring_mark`](crate::namespace::ring_mark).
    mark: String,
    pub(super) status: RingStatus,
    memory: Memory,
    /// A process for each descriptor of the ring.
    holders: Vec<i32>,
}

impl RingTrace {
    /// The holders that are not the server; the server counts if it has more than its own descriptor.
    pub(super) fn writers(&self, server: Option<i32>) -> Vec<i32> {
        let mut writers = self.holders.clone();
        if let Some(index) = writers.iter().position(|pid| Some(*pid) == server) {
            writers.swap_remove(index);
        }
        writers
    }
}

/// What the descriptors of all visible processes tell.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// Who has a page open, by the page's inode: the processes that keep objects alive.
    pages: HashMap<(u64, u64), Vec<i32>>,
    rings: HashMap<u64, RingTrace>,
    /// The rings of each mailslot, by mark.
    by_mark: HashMap<String, Vec<u64>>,
    /// The connections of pipes, by the inode of their memory.
    connections: HashMap<u64, Connection>,
    /// Where the arenas are found, by device and inode, mixed.
    arenas: HashMap<u64, ((u64, u64), PathBuf)>,
    /// Who has an arena.
    with_arena: HashSet<i32>,
    /// The processes that have a process page open, their own or another's.
    with_page: HashSet<i32>,
    /// How many files may be kept open.
    keep: usize,
}

/// A connection of a pipe that some process holds.
#[derive(Debug)]
pub(super) struct Connection {
    /// What goes to the server, and to the client.
    pub(super) directions: [Unread; 2],
    memory: Memory,
    /// A process for each descriptor of its memory.
    holders: Vec<i32>,
    /// One of its two ends is gone. One that is only just being made looks the same for a moment, so of walks that follow
    /// one another two must have seen it.
    pub(super) lost_an_end: bool,
}

impl Connection {
    /// Whether no other processes than these two have an end of it.
    pub(super) fn is_between(&self, one: i32, other: i32) -> bool {
        self.holders.iter().all(|pid| *pid == one || *pid == other)
    }
}

impl Traces {
    /// The processes that keep the object alive whose page has this inode, by id.
    pub(super) fn holders(&self, page: (u64, u64)) -> Vec<i32> {
        let mut holders = self.pages.get(&page).cloned().unwrap_or_default();
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    /// The connection whose memory file has this inode, if a process holds it that can be seen.
    pub(super) fn connection(&self, memory: u64) -> Option<&Connection> {
        self.connections.get(&memory)
    }

    /// The rings of the mailslot with this mark, by inode.
    pub(super) fn rings(&self, mark: &str) -> impl Iterator<Item = (u64, &RingTrace)> {
        let inodes = self.by_mark.get(mark).into_iter().flatten();
        inodes.map(|inode| (*inode, &self.rings[inode]))
    }

    /// Opens the arena whose device and inode, mixed, make this word.
    pub(super) fn open_arena(&self, mixed: u64) -> Option<File> {
        let (identity, path) = self.arenas.get(&mixed)?;
        open_again(path, *identity)
    }

    /// The processes that hold anything of ours, by id.
    pub(super) fn users(&self) -> Vec<i32> {
        let pages = self.pages.values().flatten().copied();
        let rings = self.rings.values().flat_map(|ring| ring.holders.clone());
        let mut users: Vec<i32> = pages.chain(rings).collect();
        users.extend(self.with_arena.union(&self.with_page));
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Whether the process has a process page open.
    pub(super) fn has_page(&self, pid: i32) -> bool {
        self.with_page.contains(&pid)
    }

    /// Walks through the descriptors of all processes, after another walk or as the first one, and keeps up to so many
    /// files open.
    pub(super) fn collect(before: Option<Traces>, keep: usize) -> Traces {
        let lost = |connection: &Connection| connection.holders.len() < 2;
        let known = before.map(|before| {
            let connections = before.connections.iter();
            let seen = connections.map(|(inode, connection)| (*inode, lost(connection)));
            // The files that it keeps open are closed here, before others are opened.
            seen.collect::<HashMap<u64, bool>>()
        });
        let mut traces = Traces::walk(keep);
        for (inode, connection) in &mut traces.connections {
            let twice = known
                .as_ref()
                .is_none_or(|known| known.get(inode) == Some(&true));
            connection.lost_an_end = lost(connection) && twice;
        }
        traces
    }

    fn walk(keep: usize) -> Traces {
        let mut traces = Traces {
            keep,
            ..Traces::default()
        };
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = process.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let dir = process.path().join("fd");
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // Another user's, or ended.
            let Ok(open) = rustix::fs::open(&dir, flags, Mode::empty()) else {
                continue;
            };
            let Ok(entries) = rustix::fs::Dir::read_from(&open) else {
                continue;
            };
            for entry in entries.flatten() {
                if let Ok(fd) = entry.file_name().to_str() {
                    traces.note(pid, &open, &dir, fd);
                }
            }
        }
        traces
    }

    /// Reads what stands in the rings and connections now.
    pub(super) fn refresh(&mut self) {
        for ring in self.rings.values_mut() {
            let now = ring.memory.read(|file| RingStatus::read(file));
            ring.status = now.unwrap_or(ring.status);
        }
        for connection in self.connections.values_mut() {
            if let Some(directions) = connection.memory.read(directions) {
                connection.directions = directions;
            }
        }
    }

    fn note(&mut self, pid: i32, fds: &impl AsFd, dir: &Path, fd: &str) {
        let Ok(target) = readlinkat(fds, fd, Vec::with_capacity(128)) else {
            return;
        };
        let Ok(target) = target.to_str() else {
            return;
        };
        let memory = target.strip_prefix("/memfd:tong-");
        let is_page = || target.rsplit('/').next().is_some_and(is_stem);
        if memory.is_none() && !is_page() {
            return;
        }
        // Who holds an object or a ring can write to it; others who look, as we do, only read.
        let link = statat(fds, fd, AtFlags::SYMLINK_NOFOLLOW);
        if !link.is_ok_and(|link| link.st_mode & 0o200 != 0) {
            return;
        }
        match memory {
            // Behind the name stands " (deleted)".
            Some(memory) => {
                let name = memory.split(' ').next().unwrap_or(memory);
                self.note_memory(pid, fds, dir, fd, name);
            }
            None => {
                if let Some(file) = identity(fds, fd) {
                    self.pages.entry(file).or_default().push(pid);
                }
            }
        }
    }

    fn note_memory(&mut self, pid: i32, fds: &impl AsFd, dir: &Path, fd: &str, name: &str) {
        if let Some(mark) = name.strip_prefix("mailslot-") {
            self.note_ring(pid, fds, dir, fd, mark);
            return;
        }
        match name {
            "pipe" => self.note_connection(pid, fds, dir, fd),
            "arena" => {
                if let Some(file) = identity(fds, fd) {
                    let found = || (file, dir.join(fd));
                    self.arenas.entry(mixed(file)).or_insert_with(found);
                    self.with_arena.insert(pid);
                }
            }
            _ if page::NAME.to_bytes().strip_prefix(b"tong-") == Some(name.as_bytes()) => {
                self.with_page.insert(pid);
            }
            _ => {}
        }
    }

    fn note_connection(&mut self, pid: i32, fds: &impl AsFd, dir: &Path, fd: &str) {
        let Some(identity) = identity(fds, fd) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(&identity.1) {
            connection.holders.push(pid);
            return;
        }
        let Some((directions, memory)) = self.read(fds, dir, fd, identity, directions) else {
            return;
        };
        let connection = Connection {
            directions,
            memory,
            holders: vec![pid],
            lost_an_end: false,
        };
        self.connections.insert(identity.1, connection);
    }

    fn note_ring(&mut self, pid: i32, fds: &impl AsFd, dir: &Path, fd: &str, mark: &str) {
        let Some(identity) = identity(fds, fd) else {
            return;
        };
        if let Some(ring) = self.rings.get_mut(&identity.1) {
            ring.holders.push(pid);
            return;
        }
        let status = |file: &File| RingStatus::read(file);
        let Some((status, memory)) = self.read(fds, dir, fd, identity, status) else {
            return;
        };
        let ring = RingTrace {
            mark: mark.to_owned(),
            status,
            memory,
            holders: vec![pid],
        };
        let of_mark = self.by_mark.entry(ring.mark.clone()).or_default();
        of_mark.push(identity.1);
        self.rings.insert(identity.1, ring);
    }

    /// Reads a memory file that was found, and keeps it open if that may be.
    fn read<T>(
        &mut self,
        fds: &impl AsFd,
        dir: &Path,
        fd: &str,
        identity: (u64, u64),
        read: impl FnOnce(&File) -> Option<T>,
    ) -> Option<(T, Memory)> {
        // Not to be kept waiting by a pipe that only has the name of a memory file.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(openat(fds, fd, flags, Mode::empty()).ok()?);
        let found = read(&file)?;
        let kept = self.keep.checked_sub(1);
        self.keep = kept.unwrap_or(0);
        let memory = Memory {
            path: dir.join(fd),
            identity,
            kept: kept.map(|_| file),
        };
        Some((found, memory))
    }
}

fn directions(file: &File) -> Option<[Unread; 2]> {
    Some([Unread::read(file, 0)?, Unread::read(file, 1)?])
}

/// Device and inode of what a descriptor leads to.
fn identity(fds: &impl AsFd, fd: &str) -> Option<(u64, u64)> {
    let meta = statat(fds, fd, AtFlags::empty()).ok()?;
    Some((meta.st_dev, meta.st_ino))
}

/// Opens a memory file where it was found, unless the descriptor's number leads elsewhere by now.
fn open_again(path: &Path, identity: (u64, u64)) -> Option<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .ok()?;
    let meta = file.metadata().ok()?;
    ((meta.dev(), meta.ino()) == identity).then_some(file)
}

/// What runs in a process.
pub(super) fn program(pid: i32) -> Option<String> {
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
