//! An object's page: the small file that says what the object is.
//!
//! The bytes are drawn in `docs/layout.md`. The maker writes everything before the state word says "ready". Only the
//! words marked *live* change afterwards. Processes of the maker's own user map the page; others (where access was
//! widened) only read the file.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::fence;

use tong_sys::dir;
use tong_sys::map::{AtomicU64, Map, Ordering};

use super::Space;

/// First word of every page.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"tongpag1");
/// Version of the drawing in `docs/layout.md`.
const VERSION: u32 = 1;

const AT_MAGIC: usize = 0x00;
const AT_VERSION_SPACE: usize = 0x08;
const AT_STATE: usize = 0x10;
const AT_PID: usize = 0x18;
const AT_CREATED: usize = 0x20;
const AT_NAME_LEN: usize = 0x28;
const AT_MAX_MESSAGE: usize = 0x30;
const AT_QUOTA: usize = 0x38;
const AT_READ_TIMEOUT: usize = 0x40;
const AT_ACTIVITY: usize = 0x80;
const AT_NAME: usize = 0x100;

const READY: u64 = 1;
/// Names are at most 32,767 UTF-16 units, each at most 3 bytes of UTF-8.
const NAME_MAX: usize = 3 * 32_767;
/// The read time-out word for "for ever".
pub(crate) const FOREVER: u64 = u64::MAX;

/// What a page says, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageInfo {
    /// The object's name as its maker wrote it.
    pub(crate) name: String,
    /// The maker's process id, in the maker's PID namespace.
    pub(crate) pid: i32,
    /// When it was made, in nanoseconds since 1970.
    pub(crate) created_ns: u64,
    /// Largest message in bytes, 0 for any.
    pub(crate) max_message: u32,
    /// Most bytes that one writer may have queued.
    pub(crate) quota_bytes: u64,
    /// Read time-out in milliseconds, or [`FOREVER`].
    pub(crate) read_timeout_ms: u64,
}

/// A mapped page.
#[derive(Debug)]
pub(crate) struct Page {
    map: Map,
}

impl Page {
    /// Length of the file for an object of that name.
    pub(super) fn len_for(name: &str) -> u64 {
        ((AT_NAME + name.len()) as u64).next_multiple_of(4096)
    }

    /// Gives the file its length, with space reserved, and writes everything but the state.
    pub(super) fn fill(fd: impl AsFd, space: Space, info: &PageInfo) -> io::Result<Page> {
        let len = Page::len_for(&info.name);
        dir::give_length(&fd, len)?;
        let map = Map::new(
            &fd,
            0,
            usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?,
        )?;
        let page = Page { map };
        let set = |at: usize, value: u64| page.map.word(at).store(value, Ordering::Relaxed);
        // First of all, so that a file with anything in it is known as ours, at whatever instant we are killed.
        set(AT_MAGIC, MAGIC);
        fence(Ordering::Release);
        set(AT_STATE, 0);
        set(
            AT_VERSION_SPACE,
            u64::from(VERSION) | u64::from(space.code()) << 32,
        );
        set(AT_PID, u64::from(info.pid.unsigned_abs()));
        set(AT_CREATED, info.created_ns);
        set(AT_NAME_LEN, info.name.len() as u64);
        set(AT_MAX_MESSAGE, u64::from(info.max_message));
        set(AT_QUOTA, info.quota_bytes);
        set(AT_READ_TIMEOUT, info.read_timeout_ms);
        page.map.copy_in(AT_NAME, info.name.as_bytes());
        Ok(page)
    }

    /// Maps the page of a live object.
    pub(super) fn open(fd: impl AsFd) -> io::Result<Page> {
        let info_len = dir::file_len(&fd)?;
        let len = usize::try_from(info_len).map_err(|_| io::ErrorKind::InvalidData)?;
        if !(4096..=NAME_MAX + 8192).contains(&len) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Page {
            map: Map::new(fd, 0, len)?,
        })
    }

    pub(super) fn set_ready(&self) {
        self.map.word(AT_STATE).store(READY, Ordering::Release);
    }

    /// The count of things that a reader must look into: clients that connected, rings that were idle and are not.
    pub(crate) fn activity(&self) -> &AtomicU64 {
        self.map.word(AT_ACTIVITY)
    }

    /// The read time-out in milliseconds, or [`FOREVER`].
    pub(crate) fn read_timeout_ms(&self) -> &AtomicU64 {
        self.map.word(AT_READ_TIMEOUT)
    }
}

/// Reads a page through its descriptor, `None` if it is not (yet) one of ours.
pub(crate) fn read(fd: impl AsFd, space: Space) -> io::Result<Option<PageInfo>> {
    read_in_state(fd, space, READY)
}

/// Reads a page that its maker never finished, `None` if it is not even begun, or was finished.
pub(super) fn read_unfinished(fd: impl AsFd, space: Space) -> io::Result<Option<PageInfo>> {
    read_in_state(fd, space, 0)
}

fn read_in_state(fd: impl AsFd, space: Space, state: u64) -> io::Result<Option<PageInfo>> {
    let mut head = [0u8; AT_NAME];
    if dir::read_at(&fd, 0, &mut head)? < AT_NAME {
        return Ok(None);
    }
    let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap_or_default());
    let version = u64::from(VERSION) | u64::from(space.code()) << 32;
    if word(AT_MAGIC) != MAGIC || word(AT_VERSION_SPACE) != version || word(AT_STATE) != state {
        return Ok(None);
    }
    let name_len = usize::try_from(word(AT_NAME_LEN)).unwrap_or(usize::MAX);
    if name_len > NAME_MAX {
        return Ok(None);
    }
    let mut name = vec![0; name_len];
    if dir::read_at(&fd, AT_NAME as u64, &mut name)? < name_len {
        return Ok(None);
    }
    let Ok(name) = String::from_utf8(name) else {
        return Ok(None);
    };
    Ok(Some(PageInfo {
        name,
        pid: i32::try_from(word(AT_PID)).unwrap_or(0),
        created_ns: word(AT_CREATED),
        max_message: u32::try_from(word(AT_MAX_MESSAGE)).unwrap_or(u32::MAX),
        quota_bytes: word(AT_QUOTA),
        read_timeout_ms: word(AT_READ_TIMEOUT),
    }))
}

/// Whether the file starts like a page, or holds nothing yet: only such a file is ever taken over.
///
/// A file that is being written at this moment may seem not to be ours; ask again when its writer cannot be at it.
pub(super) fn is_ours(fd: impl AsFd) -> io::Result<bool> {
    let mut head = [0u8; AT_NAME];
    let len = dir::read_at(&fd, 0, &mut head)?;
    if head[..len].starts_with(&MAGIC.to_le_bytes()) {
        return Ok(true);
    }
    // A maker killed between reserving space and writing leaves zeroes, of which a whole page is made at most.
    if head != [0; AT_NAME] || dir::file_len(&fd)? > Page::len_for("") + NAME_MAX as u64 {
        return Ok(false);
    }
    let mut rest = vec![0; NAME_MAX + 8192];
    let len = dir::read_at(&fd, 0, &mut rest)?;
    Ok(rest[..len].iter().all(|byte| *byte == 0))
}
