//! The process's handle table as others see it: its part of the process page.
//!
//! Every change of the table is written down as a [`Record`] in the row of its index, before the handle is known to
//! anybody. The process itself writes its rows, but for those that others put in or hide, which it sets right when it takes in
//! what they sent. A reader takes a row whose value did not change while it was read.
//!
//! The header words beside them are drawn in `docs/layout.md`. They serve those who put handles into this table: which values
//! of the upper half are free, where to send to, and a count that tells the process that something was sent.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{fence, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use tong_sys::fork::Birth;
use tong_sys::map::Map;
use tong_sys::memory::Memory;

use super::inbox::{self, Inbox, Mail};
use super::record::{self, Record};
use super::slots::UPPER;
use super::table::Table;
use super::{parcel, Handle, Object, ObjectId, Row};
use crate::object::file;
use crate::process::page::{Page, ROWS, ROWS_AT};
use crate::{Error, ErrorKind, Result};

/// One more than the highest index of the lower half that the table has used.
pub(super) const AT_LOWER_END: usize = 0x100;
/// How many indices of the upper half have been used.
pub(super) const AT_PUSHED: usize = 0x108;
/// How often others have sent something.
const AT_MAIL: usize = 0x110;
/// Not 0 once another process has taken a descriptor of this one: opens may be shared without this process knowing.
const AT_PULLED: usize = 0x118;
/// The two halves of a random number, after which the inbox is called; 0 without an inbox.
const AT_INBOX: usize = 0x120;
/// Values of the upper half that may be given out again, or 0.
const AT_FREE: usize = 0x140;
const FREE: usize = 32;

/// Rows that are mapped at once.
const BLOCK: u32 = 1 << 15;
const BLOCK_LEN: usize = BLOCK as usize * record::LEN;

/// The rows of one table, mapped piece by piece.
#[derive(Debug)]
pub(super) struct Rows {
    blocks: Box<[OnceLock<Option<Map>>]>,
}

impl Rows {
    pub(super) fn new() -> Rows {
        let blocks = (0..ROWS / BLOCK).map(|_| OnceLock::new()).collect();
        Rows { blocks }
    }

    /// The map that the row of this index is in, and where; `None` if it cannot be mapped.
    #[inline]
    fn find(&self, memory: &Memory, index: u32) -> Option<(&Map, usize)> {
        let block = self.blocks.get((index / BLOCK) as usize)?;
        let map = block.get_or_init(|| {
            let offset = ROWS_AT as u64 + u64::from(index / BLOCK) * BLOCK_LEN as u64;
            memory.map(offset, BLOCK_LEN).ok()
        });
        Some((map.as_ref()?, (index % BLOCK) as usize * record::LEN))
    }

    pub(super) fn write(&self, memory: &Memory, index: u32, record: &Record) {
        let Some((map, at)) = self.find(memory, index) else {
            return;
        };
        let [first, rest @ ..] = record.encode();
        let rest_at = (at + 8..).step_by(8);
        for (at, word) in rest_at.zip(rest) {
            map.word(at).store(word, Ordering::Relaxed);
        }
        // Release: whoever sees the value sees the rest.
        map.word(at).store(first, Ordering::Release);
    }

    fn clear(&self, memory: &Memory, index: u32) {
        if let Some((map, at)) = self.find(memory, index) {
            map.word(at).store(0, Ordering::Release);
        }
    }

    /// The record in a row, if there is one and it stands still.
    pub(super) fn read(&self, memory: &Memory, index: u32) -> Option<Record> {
        let (map, at) = self.find(memory, index)?;
        for _ in 0..100 {
            let first = map.word(at).load(Ordering::Acquire);
            let rest = [8, 16, 24].map(|more| map.word(at + more).load(Ordering::Acquire));
            if map.word(at).load(Ordering::Acquire) == first {
                let record = Record::decode([first, rest[0], rest[1], rest[2]])?;
                return (record.handle.index() == index).then_some(record);
            }
        }
        None
    }
}

/// What the page of a process, this or another, says of its table.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    page: &'a Page,
    rows: Rows,
}

impl<'a> Shown<'a> {
    pub(super) fn new(page: &'a Page) -> Shown<'a> {
        Shown {
            page,
            rows: Rows::new(),
        }
    }

    /// The record of a handle, if the process has it.
    pub(super) fn find(&self, handle: Handle) -> Option<Record> {
        let record = self.rows.read(self.page.memory(), handle.index())?;
        (record.handle == handle).then_some(record)
    }

    /// All records, by index.
    pub(super) fn all(&self) -> Vec<Record> {
        let end = |at| u32::try_from(word(self.page, at).load(Ordering::Acquire)).unwrap_or(UPPER);
        let (lower, pushed) = (end(AT_LOWER_END).min(UPPER), end(AT_PUSHED).min(UPPER));
        (1..lower.max(1))
            .chain(UPPER..UPPER + pushed)
            .filter_map(|index| self.rows.read(self.page.memory(), index))
            .collect()
    }

    /// Writes the record of a handle that the process is going to have.
    pub(super) fn write(&self, record: &Record) -> Result<()> {
        let index = record.handle.index();
        let offset = ROWS_AT as u64 + u64::from(index) * record::LEN as u64;
        let reserved = self.page.memory().reserve(offset, record::LEN as u64);
        reserved.map_err(|error| Error::from_io("pass handles on", error))?;
        self.rows.write(self.page.memory(), index, record);
        note_end(self.page, index);
        Ok(())
    }

    /// Gives the process an inbox before it exists; returns the listener, which must become one of its descriptors.
    pub(super) fn make_inbox(&self) -> Result<OwnedFd> {
        inbox::make([word(self.page, AT_INBOX), word(self.page, AT_INBOX + 8)])
    }

    /// Where to send to, if the process has an inbox.
    pub(super) fn inbox(&self) -> Option<inbox::Name> {
        inbox::Name::read([word(self.page, AT_INBOX), word(self.page, AT_INBOX + 8)])
    }

    /// Hides a handle that the process has been asked to close.
    pub(super) fn hide(&self, record: &Record) {
        if let Some((map, at)) = self.rows.find(self.page.memory(), record.handle.index()) {
            let [first, ..] = record.encode();
            // If it changed meanwhile it is not that handle any more.
            let _ = map
                .word(at)
                .compare_exchange(first, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Says that something was sent.
    pub(super) fn ring(&self) {
        // Release: whoever sees the count finds what was sent before.
        word(self.page, AT_MAIL).fetch_add(1, Ordering::Release);
    }

    /// Says that a descriptor of the process is about to be taken.
    pub(super) fn note_pull(&self) {
        word(self.page, AT_PULLED).store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// A value that the process does not use, for a handle that is to be put into its table.
    pub(super) fn reserve_value(&self) -> Result<Handle> {
        for index in 0..FREE {
            let value = word(self.page, AT_FREE + 8 * index).swap(0, Ordering::AcqRel);
            let handle = Handle::from_raw(u32::try_from(value).unwrap_or(0));
            if handle.index() >= UPPER {
                return Ok(handle);
            }
        }
        let count = word(self.page, AT_PUSHED).fetch_add(1, Ordering::AcqRel);
        match u32::try_from(count) {
            Ok(count) if count < UPPER => Ok(Handle::new(UPPER + count, 0)),
            _ => Err(Error::new("duplicate handle", ErrorKind::NoResources)
                .because("the table of the target process is full")),
        }
    }
}

fn word(page: &Page, at: usize) -> &AtomicU64 {
    page.header().word(at)
}

fn note_end(page: &Page, index: u32) {
    let (at, count) = match index.checked_sub(UPPER) {
        None => (AT_LOWER_END, u64::from(index) + 1),
        // Given out already, unless it is inherited.
        Some(index) => (AT_PUSHED, u64::from(index) + 1),
    };
    let end = word(page, at);
    if end.load(Ordering::Relaxed) < count {
        end.fetch_max(count, Ordering::Release);
    }
}

/// What others see of this process's table, and what they sent.
#[derive(Debug)]
pub(super) struct Mirror {
    page: &'static Page,
    rows: Rows,
    /// The count of what others sent, which they add to.
    mail: &'static AtomicU64,
    /// The count up to which it was taken in.
    taken: AtomicU64,
    inbox: Mutex<Inbox>,
    birth: Birth,
}

impl Mirror {
    /// The mirror of this process's table, and the handles that its creator put there, as far as their objects could be
    /// made. No mirror if the process cannot have a page.
    pub(super) fn of_process() -> (Option<Mirror>, Vec<(Record, Option<Object>)>) {
        let page = Page::own();
        let descriptors = tong_sys::start::others();
        // A forked copy of a process with a page has that of its parent, and keeps its hands off it.
        let Some(page) = page.ok().filter(|page| page.pid() == std::process::id()) else {
            return (None, Vec::new());
        };
        file::keep_claims_after(word(page, AT_PULLED));
        let shown = Shown::new(page);
        let follows = |fd: &OwnedFd| fd.as_raw_fd() == page.as_fd().as_raw_fd() + 1;
        let (listener, inherited) = match descriptors.first().is_some_and(follows) {
            true => parcel::take_inherited(&shown, descriptors),
            false => (shown.make_inbox().ok(), Vec::new()),
        };
        let mirror = Mirror {
            page,
            rows: Rows::new(),
            mail: word(page, AT_MAIL),
            taken: AtomicU64::new(0),
            inbox: Mutex::new(Inbox::new(listener)),
            birth: Birth::here(),
        };
        (Some(mirror), inherited)
    }

    pub(super) fn show(&self, index: u32, record: &Record) {
        // A forked copy has the same page, which is its parent's.
        if self.birth.is_here() {
            note_end(self.page, index);
            self.rows.write(self.page.memory(), index, record);
        }
    }

    /// Takes a handle back; `next` is what its place gives next.
    pub(super) fn clear(&self, index: u32, next: Handle) {
        if !self.birth.is_here() {
            return;
        }
        self.rows.clear(self.page.memory(), index);
        if index >= UPPER {
            let value = u64::from(next.raw());
            // If no word is free the value is never used again: there are eight million of them.
            let _ = (0..FREE).find(|free| {
                word(self.page, AT_FREE + 8 * free)
                    .compare_exchange(0, value, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            });
        }
    }

    /// May another process have reached for an object of this one by itself? Ask after taking the handle back.
    pub(super) fn was_pulled(&self) -> bool {
        // Either this sees the note, or whoever made it sees the row gone.
        fence(Ordering::SeqCst);
        word(self.page, AT_PULLED).load(Ordering::Relaxed) != 0
    }

    /// Can the page have given out this value?
    fn gave_out(&self, handle: Handle) -> bool {
        let pushed = word(self.page, AT_PUSHED).load(Ordering::Acquire);
        let index = handle.index();
        index >= UPPER && u64::from(index - UPPER) < pushed
    }

    /// Has anything been sent that was not taken in?
    #[inline]
    pub(super) fn has_mail(&self) -> bool {
        // Acquire: whoever sees the count sees the handles that were taken in.
        self.mail.load(Ordering::Relaxed) != self.taken.load(Ordering::Acquire)
    }

    /// Takes in what was sent.
    pub(super) fn take_mail(&self, table: &Table) {
        if !self.birth.is_here() {
            return;
        }
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        // Acquire: pairs with the release in `ring`. Looked at under the lock: another thread may have done it all.
        let count = self.mail.load(Ordering::Acquire);
        if count == self.taken.load(Ordering::Relaxed) {
            return;
        }
        let (mails, all) = inbox.take();
        for mail in mails {
            // A mail that asks for what cannot be is nobody's failure here.
            let _ = match mail {
                Mail::Put(record, object) if self.gave_out(record.handle) => {
                    table.insert_at(record, object).map(drop)
                }
                Mail::Put(..) => Ok(()),
                Mail::Close(handle) => table.remove(handle),
            };
        }
        if !all {
            return;
        }
        // Last: whoever looks up a handle meanwhile comes here and waits.
        self.taken.store(count, Ordering::Release);
    }
}

/// The handles of another process of this user, or of this one, whatever it is doing.
///
/// A row is as it was at some moment during the call. Files are named as the system names them.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) if there is no such process, or if it has no handle table, or hides it from
/// this user.
pub fn read_table(pid: u32) -> Result<Vec<Row>> {
    const OP: &str = "read handle table";
    let page = Page::of(pid).ok_or_else(|| {
        Error::new(OP, ErrorKind::NotFound).because(format!(
            "process {pid} has no handle table, has ended, or belongs to another user"
        ))
    })?;
    let rows = Shown::new(&page).all().into_iter();
    Ok(rows.map(|record| row(pid, record)).collect())
}

fn row(pid: u32, record: Record) -> Row {
    Row {
        handle: record.handle,
        kind: record.kind,
        granted: record.granted,
        flags: record.flags,
        name: parcel::name_of(pid, &record),
        id: ObjectId(record.identity),
    }
}
