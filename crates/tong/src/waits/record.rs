//! Records: the threads that wait or own, as every process of a namespace sees them.
//!
//! A record is named by its number and a generation, together a [`Who`]. The generation goes up when another thread takes
//! the record and when its thread ends, so a name that stands somewhere long after is known to be dead.
//!
//! # Layout
//! See `docs/layout.md`, "Wait table".

use std::cell::Cell as StdCell;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;

use tong_sys::clock;
use tong_sys::fork::Birth;
use tong_sys::futex::Watched;
use tong_sys::map::{AtomicU64, Map, Ordering};
use tong_sys::robust::Life;

use super::commit::{Commit, Decided};
use super::note::Words;
use crate::{Error, ErrorKind, Result};

/// Most records of a table.
pub(crate) const RECORDS: u32 = 1 << 16;
/// Where record 0 starts.
const FIRST: usize = 4096;
/// Bytes of a record.
const RECORD: usize = 128;
/// Bytes of a table's file.
pub(crate) const TABLE_LEN: u64 = FIRST as u64 + RECORDS as u64 * RECORD as u64;

/// First word of a table.
const MAGIC: u64 = u64::from_le_bytes(*b"tongwai1");
const AT_MAGIC: usize = 0x00;
/// Tells tables apart, also after one was removed and made anew.
const AT_ID: usize = 0x08;
/// How many records were ever used.
const AT_USED: usize = 0x10;
/// How many bytes have memory behind them.
const AT_RESERVED: usize = 0x18;

const AT_GENERATION: usize = 56;
const AT_COMMIT: usize = 64;
const AT_TICKET: usize = 72;
const AT_IDS: usize = 80;
/// What the thread waits for, see `note.rs`.
const AT_NOTE: usize = 88;

/// Bits of a generation. It is never 0.
pub(crate) const GENERATION_MASK: u32 = 0x7fff_ffff;
const NUMBER_BITS: u32 = 17;

/// A thread, by record and generation. As a word: 0 is nobody, else 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

impl Who {
    /// The bits of a word that hold a [`Who`].
    pub(crate) const BITS: u64 = (1 << 48) - 1;

    pub(crate) fn word(self) -> u64 {
        u64::from(self.number + 1) | u64::from(self.generation) << NUMBER_BITS
    }

    /// Who a word names; other bits of the word do not matter. A number that no table has is nobody.
    pub(crate) fn from_word(word: u64) -> Option<Who> {
        let number = (word & ((1 << NUMBER_BITS) - 1)) as u32;
        let generation = (word >> NUMBER_BITS) as u32 & GENERATION_MASK;
        (1..=RECORDS).contains(&number).then(|| Who {
            number: number - 1,
            generation,
        })
    }
}

/// The records of a namespace. Lives as long as the process: threads hold locks in it until they end.
#[derive(Debug)]
pub(crate) struct Table {
    map: Map,
    file: OwnedFd,
    /// Device and inode of the file.
    identity: (u64, u64),
}

impl Table {
    /// Maps a table whose file has [`TABLE_LEN`] bytes, and writes its head if nobody has; the caller keeps others out
    /// meanwhile if the file is new.
    pub(crate) fn open(file: OwnedFd) -> Result<&'static Table> {
        let failed = |error| Error::from_io("open wait table", error);
        let identity = tong_sys::dir::look_at(&file).map_err(failed)?.inode;
        let mut tables = TABLES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(table) = tables.iter().find(|table| table.identity == identity) {
            return Ok(table);
        }
        let len = usize::try_from(TABLE_LEN).unwrap_or(usize::MAX);
        let map = Map::new(&file, 0, len).map_err(failed)?;
        let table = Table {
            map,
            file,
            identity,
        };
        table.check_head()?;
        let table = Box::leak(Box::new(table));
        tables.push(table);
        Ok(table)
    }

    /// The table for objects without a name: the namespace's, or one of this process if there is no usable namespace.
    ///
    /// # Errors
    /// No memory, no descriptors.
    pub(crate) fn of_process() -> Result<&'static Table> {
        static TABLE: std::sync::OnceLock<&'static Table> = std::sync::OnceLock::new();
        if let Some(table) = TABLE.get() {
            return Ok(table);
        }
        let shared = crate::Namespace::current().and_then(|namespace| namespace.table());
        let table = match shared {
            Ok(table) => table,
            Err(error) => {
                tracing::debug!(%error, "no namespace: waits stay inside this process and its children");
                let memory = tong_sys::memory::Memory::create(c"tong-waits", TABLE_LEN)
                    .map_err(|error| Error::from_io("make wait table", error))?;
                Table::open(memory.into_fd())?
            }
        };
        Ok(TABLE.get_or_init(|| table))
    }

    /// The table of that id, if this process has it open or it is its namespace's.
    pub(crate) fn by_id(id: u64) -> Option<&'static Table> {
        let known =
            |tables: &Vec<&'static Table>| tables.iter().copied().find(|table| table.id() == id);
        let lock = || {
            TABLES
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        if let Some(table) = known(&lock()) {
            return Some(table);
        }
        Table::of_process().ok().filter(|table| table.id() == id)
    }

    /// Whether the file is a table, or empty and may become one. Looks only.
    pub(crate) fn may_be_one(file: &OwnedFd) -> std::io::Result<bool> {
        let mut head = [0; 8];
        let len = tong_sys::dir::read_at(file, 0, &mut head)?;
        let word = u64::from_le_bytes(head);
        Ok(word == 0 || (len == head.len() && word == MAGIC))
    }

    fn check_head(&self) -> Result<()> {
        tong_sys::memory::reserve(&self.file, 0, FIRST as u64)
            .map_err(|error| Error::from_io("open wait table", error))?;
        let magic = self.map.word(AT_MAGIC);
        if magic.load(Ordering::Acquire) == 0 {
            self.map.word(AT_ID).store(
                clock::now_ns() ^ u64::from(std::process::id()) << 32,
                Ordering::Relaxed,
            );
            self.map
                .word(AT_RESERVED)
                .store(FIRST as u64, Ordering::Relaxed);
            magic.store(MAGIC, Ordering::Release);
        }
        if magic.load(Ordering::Acquire) == MAGIC {
            return Ok(());
        }
        Err(Error::new("open wait table", ErrorKind::Foreign).because(
            "the file of the wait table holds something else; remove it when no tong program runs",
        ))
    }

    /// What tells this table from any other.
    pub(crate) fn id(&self) -> u64 {
        self.map.word(AT_ID).load(Ordering::Relaxed)
    }

    pub(crate) fn same(&self, other: &Table) -> bool {
        std::ptr::eq(self, other)
    }

    pub(crate) fn record(&'static self, number: u32) -> Record {
        Record {
            table: self,
            at: FIRST + number as usize * RECORD,
        }
    }

    /// The record of `who`, if that thread still lives.
    pub(crate) fn living(&'static self, who: Who) -> Option<Record> {
        let record = self.record(who.number);
        record.is(who).then_some(record)
    }

    /// How many records were ever used: those beyond need not be looked at.
    pub(crate) fn used(&self) -> u32 {
        u32::try_from(self.map.word(AT_USED).load(Ordering::Acquire))
            .map_or(RECORDS, |used| used.min(RECORDS))
    }

    /// Takes a record for the calling thread, for as long as it lives.
    fn claim(&'static self) -> Result<Who> {
        /// Where the last thread of this process found one: those before are most likely taken.
        static HINT: AtomicU32 = AtomicU32::new(0);
        let (used, hint) = (self.used(), HINT.load(Ordering::Relaxed));
        let hint = hint.min(used);
        for number in (hint..used).chain(0..hint).chain(used..RECORDS) {
            if number >= self.used() {
                self.use_one_more(number)?;
            }
            let record = self.record(number);
            if record.retire() && record.life().take().is_some() {
                HINT.store(number + 1, Ordering::Relaxed);
                return Ok(record.begin(number));
            }
        }
        Err(Error::new("wait", ErrorKind::NoResources)
            .because("65,536 threads of this namespace wait or own already"))
    }

    /// Puts memory behind the record, and counts it as used.
    fn use_one_more(&self, number: u32) -> Result<()> {
        let end = (FIRST + (number as usize + 1) * RECORD) as u64;
        let reserved = self.map.word(AT_RESERVED);
        if reserved.load(Ordering::Acquire) < end {
            let end = end.next_multiple_of(4096);
            tong_sys::memory::reserve(&self.file, 0, end)
                .map_err(|error| Error::from_io("extend wait table", error))?;
            reserved.fetch_max(end, Ordering::AcqRel);
        }
        self.map
            .word(AT_USED)
            .fetch_max(u64::from(number) + 1, Ordering::AcqRel);
        Ok(())
    }
}

/// The tables that this process has opened.
static TABLES: std::sync::Mutex<Vec<&'static Table>> = std::sync::Mutex::new(Vec::new());

/// The shared bytes of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    table: &'static Table,
    at: usize,
}

impl Record {
    fn word(self, offset: usize) -> &'static AtomicU64 {
        self.table.map.word(self.at + offset)
    }

    pub(crate) fn life(self) -> Life {
        Life::at(&self.table.map, self.at)
    }

    pub(crate) fn commit(self) -> Commit {
        Commit::new(self.word(AT_COMMIT))
    }

    /// When the thread's present wait began; smaller waits longer.
    pub(crate) fn ticket(self) -> &'static AtomicU64 {
        self.word(AT_TICKET)
    }

    /// Process and thread id, as their own PID namespace counts.
    pub(crate) fn ids(self) -> (i32, i32) {
        let ids = self.word(AT_IDS).load(Ordering::Relaxed);
        ((ids >> 32) as i32, ids as i32)
    }

    /// Where the thread says what it waits for.
    pub(super) fn note(self) -> Words {
        Words {
            head: self.word(AT_NOTE),
            things: [8, 16, 24, 32].map(|more| self.word(AT_NOTE + more)),
        }
    }

    pub(crate) fn generation(self) -> u32 {
        self.word(AT_GENERATION).load(Ordering::SeqCst) as u32 & GENERATION_MASK
    }

    /// Whether this is `who`, living.
    #[inline]
    pub(crate) fn is(self, who: Who) -> bool {
        // In this order: the next thread to have the record ends the old name before it takes the lock.
        self.life().lives() && self.generation() == who.generation
    }

    /// What to sleep on to hear of the end of `who`; `None` if it has ended.
    pub(crate) fn watch(self, who: Who) -> Option<Watched<'static>> {
        let watched = self.life().watch()?;
        // Asked again: whoever makes the generation go up wakes those who were on the word before.
        self.is(who).then_some(watched)
    }

    /// Ends the name of a thread that has ended, so that nobody takes it for living while the record has its next owner
    /// and still the old name. `false` if the record cannot be had.
    fn retire(self) -> bool {
        let word = self.word(AT_GENERATION);
        // Read in this order: it is this generation's thread, or one that never got a name, that has ended.
        let generation = word.load(Ordering::SeqCst);
        if self.life().lives() {
            return false;
        }
        if self.commit().decided() == Some(Decided::All) {
            // Killed while it took several objects: whoever finds their locks still asks the commit word.
            return false;
        }
        let next = u64::from(generation_after(generation as u32 & GENERATION_MASK));
        // If that fails, somebody else has done it.
        let _ = word.compare_exchange(generation, next, Ordering::SeqCst, Ordering::SeqCst);
        true
    }

    fn begin(self, number: u32) -> Who {
        let generation = self.next_generation();
        self.commit().rest();
        let ids = u64::from(std::process::id()) << 32 | u64::from(tong_sys::thread_id());
        self.word(AT_IDS).store(ids, Ordering::Relaxed);
        Who { number, generation }
    }

    /// Ends the name that the record had, and tells those who wait for that.
    fn next_generation(self) -> u32 {
        let next = generation_after(self.generation());
        self.word(AT_GENERATION)
            .store(u64::from(next), Ordering::SeqCst);
        self.life().pass_on();
        next
    }
}

fn generation_after(generation: u32) -> u32 {
    match (generation + 1) & GENERATION_MASK {
        0 => 1,
        next => next,
    }
}

/// The calling thread's record in one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me {
    pub(crate) table: &'static Table,
    pub(crate) who: Who,
    birth: Birth,
}

/// Most tables that one thread can be in.
const TABLES_MAX: usize = 8;

// Neither has a destructor. Destructors of the program's own, which may run after any of ours (those of static objects in
// C++ always do), still are the same thread, and the kernel ends the records when the thread ends.
thread_local! {
    /// The record used last.
    static LAST: StdCell<Option<Me>> = const { StdCell::new(None) };
    /// All records of the thread.
    static MINE: StdCell<[Option<Me>; TABLES_MAX]> = const { StdCell::new([None; TABLES_MAX]) };
}

impl Me {
    /// The calling thread in `table`; takes a record when the thread has none.
    #[inline]
    pub(crate) fn in_table(table: &'static Table) -> Result<Me> {
        match LAST.get() {
            Some(me) if me.table.same(table) && me.birth.is_here() => Ok(me),
            _ => Me::look_up(table),
        }
    }

    #[cold]
    fn look_up(table: &'static Table) -> Result<Me> {
        // After a fork they are the parent's.
        let mut mine = MINE.get().map(|me| me.filter(|me| me.birth.is_here()));
        let known = mine.iter().flatten().find(|me| me.table.same(table));
        let me = match known {
            Some(me) => *me,
            None => {
                let Some(free) = mine.iter_mut().find(|me| me.is_none()) else {
                    return Err(Error::new("wait", ErrorKind::NoResources).because(format!(
                        "one thread can use objects of at most {TABLES_MAX} namespaces"
                    )));
                };
                let who = table.claim()?;
                let birth = Birth::here();
                *free.insert(Me { table, who, birth })
            }
        };
        MINE.set(mine);
        LAST.set(Some(me));
        Ok(me)
    }

    /// Ends the calling thread for all that it owns, before it ends for itself: that is abandoned from here on.
    pub(crate) fn end_all() {
        LAST.set(None);
        let mine = MINE.replace([None; TABLES_MAX]);
        for me in mine.iter().flatten().filter(|me| me.birth.is_here()) {
            me.record().next_generation();
        }
    }

    pub(crate) fn record(self) -> Record {
        self.table.record(self.who.number)
    }

    /// Has the thread look again, if it is in a wait.
    pub(crate) fn nudge(self) {
        let commit = self.record().commit();
        commit.decide_and_wake(self.who.generation, Decided::Nudged);
    }
}
