//! Grounds: the shared memory that cells lie in.
//!
//! A ground is a file with a head, and units of 64 bytes behind it. A unit is a cell, or a block of waiters' slots that a
//! cell was extended by. Units are handed out in order, by whichever process needs one, with memory put behind them first;
//! those that are free again are known to the process whose arena it is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tong_sys::map::{AtomicU64, Map, Ordering};

use crate::{Error, ErrorKind, Result};

/// Bytes of a cell or block.
pub(crate) const UNIT: usize = 64;

/// How many units were ever handed out.
pub(super) const AT_FRESH: usize = 0xc0;
/// Up to where memory stands behind the file.
const AT_RESERVED: usize = 0xc8;

/// Which wait table the records of waiters are in.
pub(super) const AT_TABLE: usize = 0xd0;

/// A mapped file with cells in it.
#[derive(Debug)]
pub(crate) struct Ground {
    map: Map,
    fd: OwnedFd,
    /// Where unit 0 starts.
    first: usize,
    units: u32,
    /// Memory is put behind the file in steps of so many bytes.
    step: u64,
    identity: (u64, u64),
}

impl Ground {
    /// Maps a ground of `len` bytes whose units start at `first`.
    pub(crate) fn open(fd: OwnedFd, len: u64, first: usize, step: u64) -> Result<Ground> {
        let failed = |error| Error::from_io("map object", error);
        let identity = tong_sys::dir::look_at(&fd).map_err(failed)?.inode;
        let len =
            usize::try_from(len).map_err(|_| Error::new("map object", ErrorKind::NoMemory))?;
        let map = Map::new(&fd, 0, len).map_err(failed)?;
        let units = u32::try_from((len - first) / UNIT).unwrap_or(u32::MAX);
        Ok(Ground {
            map,
            fd,
            first,
            units,
            step,
            identity,
        })
    }

    /// Writes the head of a new ground, memory behind which ends at `reserved`.
    pub(crate) fn begin(&self, reserved: u64, table: u64) {
        self.word(AT_FRESH).store(0, Ordering::Relaxed);
        self.word(AT_RESERVED).store(reserved, Ordering::Relaxed);
        self.word(AT_TABLE).store(table, Ordering::Release);
    }

    /// The wait table that the ground's waiters are in, by its id.
    pub(crate) fn table_id(&self) -> u64 {
        self.word(AT_TABLE).load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn word(&self, at: usize) -> &AtomicU64 {
        self.map.word(at)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Device and inode of the file.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Where a unit starts.
    pub(crate) fn place(&self, unit: u32) -> usize {
        self.first + unit as usize * UNIT
    }

    /// The unit that starts there; `None` for an offset that no unit has.
    pub(crate) fn unit_at(&self, at: usize) -> Option<u32> {
        let from_first = at.checked_sub(self.first)?;
        let unit = u32::try_from(from_first / UNIT).ok()?;
        (from_first % UNIT == 0 && unit < self.units).then_some(unit)
    }

    /// Whether `unit` was ever handed out: what stands in shared memory is a claim until asked.
    pub(crate) fn has(&self, unit: u32) -> bool {
        unit < self.units && u64::from(unit) < self.word(AT_FRESH).load(Ordering::Acquire)
    }

    /// Hands out a unit that was never used, all zero.
    pub(crate) fn fresh(&self) -> Result<u32> {
        let full = || {
            Error::new("make object", ErrorKind::NoResources)
                .because("the memory for objects and waiters of this ground is full")
        };
        let fresh = self.word(AT_FRESH);
        loop {
            let next = fresh.load(Ordering::Acquire);
            let unit = u32::try_from(next).ok().filter(|unit| *unit < self.units);
            let unit = unit.ok_or_else(full)?;
            // Memory first: a unit that there is no memory for is not used up by asking for it.
            self.reserve((self.place(unit) + UNIT) as u64)?;
            let taken = fresh.compare_exchange(next, next + 1, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return Ok(unit);
            }
        }
    }

    /// Puts memory behind the file up to `end`, so that touching it cannot fail.
    fn reserve(&self, end: u64) -> Result<()> {
        let reserved = self.word(AT_RESERVED);
        let from = reserved.load(Ordering::Acquire);
        if from >= end {
            return Ok(());
        }
        let end = end.next_multiple_of(self.step).min(self.map.len() as u64);
        tong_sys::memory::reserve(&self.fd, 0, end)
            .map_err(|error| Error::from_io("make object", error))?;
        reserved.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }
}
