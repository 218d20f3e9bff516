//! The arenas of a process: memory files for its unnamed objects, so that none of them needs a descriptor.
//!
//! Only the process that made an arena gives its units out and takes them back; processes that an object was handed to
//! map the arena and may add blocks of slots. Who they are is kept by the kernel: each holds a shared lock on the object's
//! byte of the arena file ([`lend_byte`]), and the maker gives a unit to a new object only when nobody else holds it.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tong_sys::fork::Birth;
use tong_sys::lock::{self, Kind};
use tong_sys::map::Ordering;
use tong_sys::memory::Memory;

use super::cell::Keep;
use super::ground::Ground;
use super::record::Table;
use crate::{Error, ErrorKind, Result};

/// Bytes of an arena; memory stands behind what is used only.
pub(super) const LEN: u64 = 64 << 20;
const FIRST: usize = 4096;
/// Memory is taken in steps of so many bytes.
const STEP: u64 = 256 << 10;
/// First word of an arena.
const MAGIC: u64 = u64::from_le_bytes(*b"tongare1");

/// An arena and the units of it that are free again.
#[derive(Debug)]
pub(crate) struct Arena {
    ground: Arc<Ground>,
    table: &'static Table,
    free: Mutex<Free>,
    birth: Birth,
    /// What a cell without a body of its own answers.
    keep: OnceLock<Keep>,
}

#[derive(Debug, Default)]
struct Free {
    units: Vec<u32>,
    /// Given up here, but handed to others once, who may still have them.
    lent: VecDeque<u32>,
}

impl Arena {
    /// A unit of one of the process's arenas, all zero: the arena, and where the unit starts.
    pub(crate) fn unit() -> Result<(&'static Arena, usize)> {
        let mut arenas = ARENAS.lock().unwrap_or_else(PoisonError::into_inner);
        for arena in arenas.iter().rev().filter(|arena| arena.is_here()) {
            if let Some(unit) = arena.take()? {
                return Ok((arena, unit));
            }
        }
        let arena: &'static Arena = Box::leak(Box::new(Arena::make()?));
        arenas.push(arena);
        let unit = arena.take()?;
        unit.map(|unit| (arena, unit))
            .ok_or_else(|| Error::new("make object", ErrorKind::NoResources))
    }

    fn make() -> Result<Arena> {
        let failed = |error| Error::from_io("make arena", error);
        let memory = Memory::create(c"tong-arena", LEN).map_err(failed)?;
        memory.reserve(0, FIRST as u64).map_err(failed)?;
        let ground = Ground::open(memory.into_fd(), LEN, FIRST, STEP)?;
        let table = Table::of_process()?;
        ground.begin(FIRST as u64, table.id());
        ground.word(0).store(MAGIC, Ordering::Release);
        Ok(Arena {
            ground: Arc::new(ground),
            table,
            free: Mutex::default(),
            birth: Birth::here(),
            keep: OnceLock::new(),
        })
    }

    #[inline]
    pub(crate) fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// The wait table of the arena's objects.
    #[inline]
    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }

    /// Whether this is the process that made the arena, and not a child that was forked from it.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.birth.is_here()
    }

    pub(crate) fn keep(&'static self) -> &'static Keep {
        self.keep.get_or_init(|| Keep::Arena(self))
    }

    /// Where a unit starts that nobody has, all zero; `None` if there is none left.
    fn take(&self) -> Result<Option<usize>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let known = free.units.pop();
        if let Some(unit) = known.or_else(|| self.take_lent(&mut free)) {
            return Ok(Some(self.ground.place(unit)));
        }
        drop(free);
        match self.ground.fresh() {
            Ok(unit) => Ok(Some(self.ground.place(unit))),
            Err(error) if error.kind() == ErrorKind::NoResources => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A unit that was handed to others, who have all let go of it since. Looks at a few.
    fn take_lent(&self, free: &mut Free) -> Option<u32> {
        for _ in 0..free.lent.len().min(4) {
            let unit = free.lent.pop_front()?;
            let held = lock::would_conflict(self.ground.fd(), Kind::Exclusive, lend_byte(unit), 1);
            if held.is_ok_and(|held| !held) {
                self.clear(unit, free);
                return Some(unit);
            }
            free.lent.push_back(unit);
        }
        None
    }

    /// Takes back the unit that starts there, whose last handle here was closed; `lent` if it was ever handed to another
    /// process.
    pub(crate) fn give_back(&self, at: usize, lent: bool) {
        let Some(unit) = self.ground.unit_at(at).filter(|_| self.is_here()) else {
            return;
        };
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if lent {
            free.lent.push_back(unit);
        } else {
            self.clear(unit, &mut free);
            free.units.push(unit);
        }
    }

    /// Makes the unit zero again, and frees the blocks that hang on it.
    fn clear(&self, unit: u32, free: &mut Free) {
        let at = self.ground.place(unit);
        let mut next = super::slots::first_block(&self.ground, at);
        super::cell::wipe(&self.ground, at);
        while let Some(block) = next {
            let at = self.ground.place(block);
            next = super::slots::next_block(&self.ground, at);
            super::cell::wipe(&self.ground, at);
            free.units.push(block);
        }
    }
}

/// The arenas that this process and its parents made, the newest last. They stay: objects come back.
static ARENAS: Mutex<Vec<&'static Arena>> = Mutex::new(Vec::new());

/// The byte of an arena's file on which whoever was handed the unit holds a shared lock.
pub(crate) fn lend_byte(unit: u32) -> u64 {
    (1 << 62) + u64::from(unit)
}

/// The ground of another process's arena, mapped once however many of its objects are here; or of an own one.
pub(super) fn borrowed(file: &OwnedFd) -> Result<Arc<Ground>> {
    static BORROWED: Mutex<super::handover::Borrowed> = Mutex::new(Vec::new());
    let failed = |error| Error::from_io("hand over object", error);
    let identity = tong_sys::dir::look_at(file).map_err(failed)?.inode;
    let mut grounds = BORROWED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(ground) = super::handover::known(&mut grounds, identity) {
        return Ok(ground);
    }
    let own = ARENAS.lock().unwrap_or_else(PoisonError::into_inner);
    let own = own
        .iter()
        .find(|arena| arena.ground.identity() == identity)
        .map(|arena| Arc::clone(&arena.ground));
    if let Some(ground) = own {
        return Ok(ground);
    }
    let copy = file.try_clone().map_err(failed)?;
    let ground = Arc::new(Ground::open(copy, LEN, FIRST, STEP)?);
    if ground.word(0).load(Ordering::Acquire) != MAGIC {
        return Err(Error::new("hand over object", ErrorKind::Corrupt)
            .because("its memory is not an arena"));
    }
    grounds.push(Arc::downgrade(&ground));
    Ok(ground)
}
