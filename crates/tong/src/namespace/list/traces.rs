//! Who holds what: the descriptors of all processes that can be seen.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use super::is_stem;
use crate::channel::{RingStatus, Unread};

/// A ring that some process holds.
pub(super) struct RingTrace {
    /// Which mailslot it belongs to; see [`ring_mark`](crate::namespace::ring_mark).
    pub(super) mark: String,
    pub(super) status: RingStatus,
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
pub(super) struct Traces {
    /// Who has a page open, by the page's inode: the processes that keep objects alive.
    pages: HashMap<(u64, u64), Vec<i32>>,
    pub(super) rings: HashMap<u64, RingTrace>,
    /// The connections of pipes, by the inode of their memory.
    connections: HashMap<u64, Connection>,
}

/// A connection of a pipe that some process holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Payload bytes to the server and to the client that were not read yet.
    pub(super) unread: [u64; 2],
    /// Descriptors of its memory.
    pub(super) ends: usize,
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
    pub(super) fn connection(&self, memory: u64) -> Option<Connection> {
        self.connections.get(&memory).copied()
    }

    pub(super) fn collect() -> Traces {
        let mut traces = Traces {
            pages: HashMap::new(),
            rings: HashMap::new(),
            connections: HashMap::new(),
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
        } else if target.starts_with(CONNECTION) {
            self.note_connection(fd);
        } else if target.rsplit('/').next().is_some_and(is_stem) {
            if let Ok(meta) = fs::metadata(fd) {
                let page = (meta.dev(), meta.ino());
                self.pages.entry(page).or_default().push(pid);
            }
        }
    }

    fn note_connection(&mut self, fd: &std::path::Path) {
        let Ok(meta) = fs::metadata(fd) else { return };
        if let Some(connection) = self.connections.get_mut(&meta.ino()) {
            connection.ends += 1;
            return;
        }
        let Some((file, meta)) = open(fd) else { return };
        let unread = [0, 1].map(|direction| Unread::read(&file, direction));
        if let [Some(inbound), Some(outbound)] = unread {
            let connection = Connection {
                unread: [inbound.bytes, outbound.bytes],
                ends: 1,
            };
            self.connections.insert(meta.ino(), connection);
        }
    }

    fn note_ring(&mut self, pid: i32, fd: &std::path::Path, mark: &str) {
        let Some((file, meta)) = open(fd) else { return };
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

/// What the memory files of pipes' connections are called.
const CONNECTION: &str = "/memfd:tong-pipe ";

/// Opens what a process has open, to look at it.
fn open(fd: &std::path::Path) -> Option<(fs::File, fs::Metadata)> {
    // Not to be kept waiting by a pipe that only has the name of a ring.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = fs::File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(fd)
        .ok()?;
    let meta = file.metadata().ok()?;
    Some((file, meta))
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
