//! A look at a process page from outside, for those who only want to read a few words of it.
//!
//! The page is neither mapped nor sealed, and of most processes, which have none, this is found out with few system calls.
//! So it can be done for every process of the machine. What is read was true at some moment during the call.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{openat, Mode, OFlags, RawDir};
use tong_sys::pidfd;

use super::page::{self, AT_MAGIC, AT_NAMESPACE, AT_PID, AT_START_TIME, AT_VERSION};
use crate::handle::Inheritance;

/// Bytes at the start of a page that are read at once.
const HEAD: usize = 0x140;
/// The page's name as the kernel shows it, with what it writes before memory files and behind removed ones.
const BEFORE: &[u8] = b"/memfd:";
const BEHIND: &[u8] = b" (deleted)";

/// The page of a process, opened for reading.
#[derive(Debug)]
pub(crate) struct Glance {
    file: File,
    head: [u8; HEAD],
}

impl Glance {
    /// The page of the process with this id. `None` if it has none, or if it is not to be seen.
    pub(crate) fn of(pid: u32) -> Option<Glance> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fds = rustix::fs::open(format!("/proc/{pid}/fd"), flags, Mode::empty()).ok()?;
        Glance::among(&fds, pid)
    }

    /// The page at the usual descriptor of a process, by a descriptor of `/proc`: that of a child of ours is always there,
    /// and one that a process made itself often.
    pub(super) fn at_usual_place(proc: &OwnedFd, pid: u32) -> Option<Glance> {
        let link = format!("{pid}/fd/{}", Inheritance::FIRST_FD);
        Glance::at(proc, &link).filter(|page| page.is_of(pid))
    }

    /// The page of the process among its descriptors.
    fn among(fds: &OwnedFd, pid: u32) -> Option<Glance> {
        let mut buffer = [MaybeUninit::uninit(); 2048];
        let mut entries = RawDir::new(fds, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_str().unwrap_or_default();
            // The directory itself and the one above it.
            if name.starts_with('.') {
                continue;
            }
            let page = Glance::at(fds, name).filter(|page| page.is_of(pid));
            if page.is_some() {
                return page;
            }
        }
        None
    }

    /// The page that a link leads to, if it leads to one.
    fn at(dir: &OwnedFd, link: &str) -> Option<Glance> {
        let mut buffer = [MaybeUninit::uninit(); 64];
        let (target, _) = rustix::fs::readlinkat_raw(dir, link, &mut buffer).ok()?;
        let name = target.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
        if name != page::NAME.to_bytes() {
            return None;
        }
        // Not blocking, should the descriptor have become that of a pipe since.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(openat(dir, link, flags, Mode::empty()).ok()?);
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).ok()?;
        Some(Glance { file, head })
    }

    /// A word near the start of the page.
    pub(crate) fn word(&self, at: usize) -> u64 {
        word(&self.head, at)
    }

    /// Reads bytes of the page; fewer at its end.
    pub(crate) fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(bytes, at)
    }

    /// Where the next bytes are, from here on, that somebody has written; `None` if there are none, or this is not told.
    pub(crate) fn next_data(&self, at: u64) -> Option<u64> {
        rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(at)).ok()
    }

    /// A file in place of a page.
    #[cfg(test)]
    pub(crate) fn with(file: File) -> Glance {
        let head = [0; HEAD];
        Glance { file, head }
    }

    /// Is this the page of the process, rather than one of another process that it holds or had from one by forking?
    fn is_of(&self, pid: u32) -> bool {
        is_of(&self.head, pid, pidfd::own_namespace(), || {
            pidfd::start_time(pid).ok()
        })
    }
}

/// The same for the start of a page, with the PID namespace of this process and the start time of that one.
fn is_of(
    head: &[u8; HEAD],
    pid: u32,
    namespace: u64,
    start_time: impl FnOnce() -> Option<u64>,
) -> bool {
    if [word(head, AT_MAGIC), word(head, AT_VERSION)] != [page::MAGIC, page::VERSION] {
        return false;
    }
    if word(head, AT_NAMESPACE) == namespace {
        return word(head, AT_PID) == pid.into();
    }
    // Ids of another namespace cannot be compared.
    let noted = word(head, AT_START_TIME);
    noted != 0 && start_time() == Some(noted)
}

fn word(bytes: &[u8; HEAD], at: usize) -> u64 {
    let bytes = bytes[at..].first_chunk::<8>();
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-98: the page names the creator of just one process.
    #[test]
    fn page_belongs_to_one_process() {
        let head = |pid: u64, namespace: u64, started: u64| {
            let mut head = [0; HEAD];
            let mut put =
                |at: usize, word: u64| head[at..at + 8].copy_from_slice(&word.to_le_bytes());
            put(AT_MAGIC, page::MAGIC);
            put(AT_VERSION, page::VERSION);
            put(AT_PID, pid);
            put(AT_NAMESPACE, namespace);
            put(AT_START_TIME, started);
            head
        };
        let belongs = |head: &[u8; HEAD]| is_of(head, 7, 1, || Some(50));
        assert!(belongs(&head(7, 1, 50)) && belongs(&head(7, 1, 0)));
        assert!(!belongs(&head(8, 1, 50)), "that of its parent");
        assert!(belongs(&head(3, 2, 50)), "its id in its own namespace");
        assert!(!belongs(&head(7, 2, 51)) && !belongs(&head(7, 2, 0)));
        assert!(!is_of(&[0; HEAD], 0, 0, || Some(0)));
    }

    #[test]
    fn own_page_is_found_and_other_processes_have_none() {
        page::Page::own().unwrap();
        let glance = Glance::of(std::process::id()).unwrap();
        assert_eq!(glance.word(AT_PID), u64::from(std::process::id()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(Glance::of(child.id()).is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Glance::of(child.id()).is_none());
    }
}
