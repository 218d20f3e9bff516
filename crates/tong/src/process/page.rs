//! The process page: what a process shows of itself to others, and what its creator told it.
//!
//! One memory file per process, drawn in `docs/layout.md`. Whoever starts a program of ours makes the page and gives
//! it to the child; a process that was started by somebody else makes its own when it first needs one. It holds:
//!
//! - the *exit code* with all its 32 bits, of which Linux keeps eight: set once, by whoever ends the process first,
//! - the *start information*: the command line, character for character, and the start-up settings of the creator,
//! - the handle table's own words (0x100 to 0x400) and its *rows*, 32 bytes each, which `handle` writes and reads.
//!
//! Others of the same user find it among the open files of the process ([`Page::of`]), also if the process hangs.
//!
//! # Trust
//! Whoever may open the page may also trace or kill the process. Still nothing in it is believed unseen: its length is
//! sealed, numbers are checked after they were read, and what follows from a wrong one is a wrong answer, no more.
//!
//! # Death
//! The page lives as long as somebody holds its descriptor: the process itself, and every process with a handle to it.
//! So an exit code can be read as long as anybody has such a handle, whoever is left.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

use tong_sys::map::Map;
use tong_sys::memory::Memory;
use tong_sys::{exit_code, pidfd};

use super::start::Start;
use crate::{Error, Result};

/// The name of the memory file, by which it is found in `/proc`.
pub(crate) const NAME: &std::ffi::CStr = c"tong-process";

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"tongprc1");
pub(super) const VERSION: u64 = 1;

pub(super) const AT_MAGIC: usize = 0x00;
pub(super) const AT_VERSION: usize = 0x08;
/// The process id, as its own PID namespace counts; 0 while the process does not exist.
pub(super) const AT_PID: usize = exit_code::AT_PID;
/// The inode of that namespace.
pub(super) const AT_NAMESPACE: usize = 0x18;
/// When the process started, in clock ticks since the machine did; 0 until the process said so itself.
pub(super) const AT_START_TIME: usize = 0x20;
/// 0, or `ENDED | code`.
const AT_EXIT_CODE: usize = exit_code::AT_CODE;
/// The process id of the creator; 0 if the page was not made by a creator.
pub(super) const AT_CREATOR: usize = 0x30;
/// The first word of the start information.
pub(super) const AT_START: usize = 0x400;

/// Set beside an exit code: 0 is a code too.
const ENDED: u64 = exit_code::KNOWN;

/// The texts of the start information, up to the rows.
pub(super) const AT_TEXTS: usize = 0x1000;
/// The first row of the handle table.
pub(crate) const ROWS_AT: usize = 0x8_0000;
/// Bytes of a row.
pub(crate) const ROW_LEN: usize = 32;
/// Rows of the table; row 0 is never used.
pub(crate) const ROWS: u32 = 1 << 24;
/// Length of the file.
pub(super) const LEN: u64 = ROWS_AT as u64 + ROWS as u64 * ROW_LEN as u64;

/// The page of this process, made when first needed. A forked copy of the process sees the page of its parent, and
/// keeps its hands off it.
static OWN: OnceLock<io::Result<Page>> = OnceLock::new();

/// A process page, mapped.
#[derive(Debug)]
pub(crate) struct Page {
    memory: Memory,
    /// Everything before the rows. Memory stands behind the first 4096 bytes and what was written of the texts.
    head: Map,
}

impl Page {
    /// Makes the page of a process that does not exist yet.
    ///
    /// # Errors
    /// `InvalidInput` if the texts are too long; else what the system reports: no descriptors, no
    /// memory, `EFBIG` for a limit on file sizes below 513 MiB.
    pub(crate) fn create(start: &Start) -> io::Result<Page> {
        let memory = Memory::create(NAME, LEN)?;
        memory.reserve(0, 0x1000)?;
        let page = Page::map(memory)?;
        page.word(AT_VERSION).store(VERSION, Ordering::Relaxed);
        page.word(AT_NAMESPACE)
            .store(pidfd::own_namespace(), Ordering::Relaxed);
        page.word(AT_CREATOR)
            .store(start.creator.into(), Ordering::Relaxed);
        start.store(&page.memory, &page.head)?;
        page.word(AT_MAGIC).store(MAGIC, Ordering::Release);
        Ok(page)
    }

    /// Accepts a page that somebody else made.
    ///
    /// # Errors
    /// `InvalidData` if the descriptor is something else, or of another version.
    pub(crate) fn adopt(fd: OwnedFd) -> io::Result<Page> {
        let memory = Memory::adopt(fd)?;
        if memory.len() != LEN {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let page = Page::map(memory)?;
        let ours = page.word(AT_MAGIC).load(Ordering::Acquire) == MAGIC
            && page.word(AT_VERSION).load(Ordering::Relaxed) == VERSION;
        match ours {
            true => Ok(page),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// The page of this process: the one that its creator gave, or else one that is made now.
    ///
    /// # Errors
    /// What the system reports, always the same: no memory or descriptors, or a limit on file sizes.
    pub(crate) fn own() -> Result<&'static Page> {
        let own = OWN.get_or_init(|| {
            let page = match Page::given() {
                Some(page) => page,
                None => Page::create(&Start::default())?,
            };
            page.settle();
            Ok(page)
        });
        own.as_ref().map_err(|error| {
            let copy = error.raw_os_error().map(io::Error::from_raw_os_error);
            Error::from_io("make process page", copy.unwrap_or(error.kind().into()))
        })
    }

    /// The page of this process if it has one: if its creator gave one, or one was needed already.
    pub(crate) fn own_if_any() -> Option<&'static Page> {
        match OWN.get() {
            Some(own) => own.as_ref().ok(),
            None if tong_sys::start::has_page() => Page::own().ok(),
            None => None,
        }
    }

    /// Notes that this process ends with this code, unless another one was noted. A forked copy of a process that has a page
    /// has nowhere to note it.
    pub(crate) fn note_own_end(code: u32) {
        if let Some(page) = Page::own_if_any().filter(|page| page.pid() == std::process::id()) {
            page.set_exit_code(code);
        }
    }

    /// The page that the creator of this process gave it, unless it was meant for a process that did not take it.
    fn given() -> Option<Page> {
        let page = Page::adopt(tong_sys::start::page()?).ok()?;
        page.claim(std::process::id()).then_some(page)
    }

    /// The page of another process, which is looked for among its open files; if it has ended and its parent still knows
    /// it, among those of the parent.
    ///
    /// `None` if it has none, or if it is not to be seen (another user, a process that hides).
    pub(crate) fn of(pid: u32) -> Option<Page> {
        let among = |holder: u32| {
            pidfd::memory_files(holder, NAME)
                .filter_map(|file| Page::adopt(file).ok())
                .find(|page| page.belongs_to(pid))
        };
        among(pid).or_else(|| pidfd::parent_of_ended(pid).and_then(among))
    }

    /// Is this the page of the process, rather than one of another process that it holds?
    fn belongs_to(&self, pid: u32) -> bool {
        let [namespace, of, start_time] =
            [AT_NAMESPACE, AT_PID, AT_START_TIME].map(|at| self.word(at).load(Ordering::Relaxed));
        // Ids of another namespace cannot be compared; the start time still can.
        let same_id = namespace != pidfd::own_namespace() || of == u64::from(pid);
        let same_time = start_time == 0 || pidfd::start_time(pid).is_ok_and(|it| it == start_time);
        same_id && same_time && (start_time != 0 || namespace == pidfd::own_namespace())
    }

    /// Says that the page belongs to the process `pid`: told by its creator, which knows the id first, and by the process
    /// itself. True unless it belongs to another one.
    pub(crate) fn claim(&self, pid: u32) -> bool {
        let claimed =
            self.word(AT_PID)
                .compare_exchange(0, pid.into(), Ordering::AcqRel, Ordering::Acquire);
        claimed.is_ok() || claimed == Err(pid.into())
    }

    /// Settles in as the process that the page belongs to: fills in what others compare, and has the exit code recorded.
    fn settle(&self) {
        self.claim(std::process::id());
        if let Ok(time) = pidfd::start_time(std::process::id()) {
            self.word(AT_START_TIME).store(time, Ordering::Relaxed);
        }
        tong_sys::exit_code::record(&self.memory);
    }

    /// The id of the process, 0 while it has none.
    pub(crate) fn pid(&self) -> u32 {
        low_half(self.word(AT_PID).load(Ordering::Acquire))
    }

    /// The id of the process that created this one, 0 if nobody said.
    pub(crate) fn creator(&self) -> u32 {
        low_half(self.word(AT_CREATOR).load(Ordering::Relaxed))
    }

    /// The exit code, once somebody has set it. The process may still be running for a moment.
    pub(crate) fn exit_code(&self) -> Option<u32> {
        let word = self.word(AT_EXIT_CODE).load(Ordering::Acquire);
        (word & ENDED != 0).then(|| low_half(word))
    }

    /// Sets the exit code, unless it is set: the first cause wins. Returns the code that counts.
    pub(crate) fn set_exit_code(&self, code: u32) -> u32 {
        let set = self.word(AT_EXIT_CODE).compare_exchange(
            0,
            ENDED | u64::from(code),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        set.map_or_else(low_half, |_| code)
    }

    /// Takes back an exit code that was set for an end that did not come.
    pub(crate) fn unset_exit_code(&self, code: u32) {
        let _ = self.word(AT_EXIT_CODE).compare_exchange(
            ENDED | u64::from(code),
            0,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }

    /// What the creator said, as far as it makes sense.
    pub(crate) fn start(&self) -> Start {
        Start::load(&self.head, self.creator())
    }

    /// The file.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Everything before the rows, mapped.
    pub(crate) fn header(&self) -> &Map {
        &self.head
    }

    fn map(memory: Memory) -> io::Result<Page> {
        let head = memory.map(0, ROWS_AT)?;
        Ok(Page { memory, head })
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        self.head.word(offset)
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

/// The lower 32 bits of a word.
pub(super) fn low_half(word: u64) -> u32 {
    (word & 0xFFFF_FFFF) as u32
}
