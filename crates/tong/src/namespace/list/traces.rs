//! Who holds what: the descriptors of all processes that can be seen.
//!
//! Walking through them is most of what a look costs, and grows with what runs on the machine, so the walk may be older
//! than the look. What it found open (rings, connections) is read again at each look.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{openat, readlinkat, statat, AtFlags, Mode, OFlags};

use super::is_stem;
use crate::channel::{RingStatus, Unread};
use crate::process::page;

/// A ring that some process holds.
#[derive(Debug)]
pub(super) struct RingTrace {
    /// Which mailslot it belongs to; see [`ring_mark`](crate::namespace::ring_mark).
    pub(super) mark: String,
    pub(super) status: RingStatus,
    file: File,
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
    pub(super) rings: HashMap<u64, RingTrace>,
    /// The connections of pipes, by the inode of their memory.
    connections: HashMap<u64, Connection>,
    /// Where the arenas are found, by device and inode.
    arenas: HashMap<(u64, u64), (i32, PathBuf)>,
    /// The processes that have a process page open, their own or another's.
    with_page: HashSet<i32>,
}

/// A connection of a pipe that some process holds.
#[derive(Debug)]
pub(super) struct Connection {
    /// What goes to the server, and to the client.
    pub(super) directions: [Unread; 2],
    /// Descriptors of its memory.
    pub(super) ends: usize,
    file: File,
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

    /// The process that has the arena with this device and inode open, and the descriptor's path.
    pub(super) fn arena(&self, file: (u64, u64)) -> Option<&(i32, PathBuf)> {
        self.arenas.get(&file)
    }

    /// All arenas, by device and inode.
    pub(super) fn arenas(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.arenas.keys().copied()
    }

    /// The processes that hold anything of ours, by id.
    pub(super) fn users(&self) -> Vec<i32> {
        let pages = self.pages.values().flatten().copied();
        let rings = self.rings.values().flat_map(|ring| ring.holders.clone());
        let arenas = self.arenas.values().map(|(pid, _)| *pid);
        let mut users: Vec<i32> = pages.chain(rings).chain(arenas).collect();
        users.extend(&self.with_page);
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Whether the process has a process page open.
    pub(super) fn has_page(&self, pid: i32) -> bool {
        self.with_page.contains(&pid)
    }

    /// Walks through the descriptors of all processes.
    pub(super) fn collect() -> Traces {
        let mut traces = Traces::default();
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
            ring.status = RingStatus::read(&ring.file).unwrap_or(ring.status);
        }
        for connection in self.connections.values_mut() {
            if let Some(directions) = directions(&connection.file) {
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
            self.note_ring(pid, fds, fd, mark);
            return;
        }
        match name {
            "pipe" => self.note_connection(fds, fd),
            "arena" => {
                if let Some(file) = identity(fds, fd) {
                    let found = || (pid, dir.join(fd));
                    self.arenas.entry(file).or_insert_with(found);
                }
            }
            _ if page::NAME.to_bytes().strip_prefix(b"tong-") == Some(name.as_bytes()) => {
                self.with_page.insert(pid);
            }
            _ => {}
        }
    }

    fn note_connection(&mut self, fds: &impl AsFd, fd: &str) {
        let Some((_, inode)) = identity(fds, fd) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(&inode) {
            connection.ends += 1;
            return;
        }
        let Some(file) = open(fds, fd) else { return };
        if let Some(directions) = directions(&file) {
            let connection = Connection {
                directions,
                ends: 1,
                file,
            };
            self.connections.insert(inode, connection);
        }
    }

    fn note_ring(&mut self, pid: i32, fds: &impl AsFd, fd: &str, mark: &str) {
        let Some((_, inode)) = identity(fds, fd) else {
            return;
        };
        if let Some(ring) = self.rings.get_mut(&inode) {
            ring.holders.push(pid);
            return;
        }
        let Some(file) = open(fds, fd) else { return };
        if let Some(status) = RingStatus::read(&file) {
            let ring = RingTrace {
                mark: mark.to_owned(),
                status,
                file,
                holders: vec![pid],
            };
            self.rings.insert(inode, ring);
        }
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

/// Opens what a process has open, to look at it.
fn open(fds: &impl AsFd, fd: &str) -> Option<File> {
    // Not to be kept waiting by a pipe that only has the name of a ring.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat(fds, fd, flags, Mode::empty()).ok().map(File::from)
}

/// Opens an arena that was found, unless the descriptor's number leads elsewhere by now.
pub(super) fn open_arena(path: &Path, file: (u64, u64)) -> Option<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let arena = File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .ok()?;
    let meta = arena.metadata().ok()?;
    ((meta.dev(), meta.ino()) == file).then_some(arena)
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
