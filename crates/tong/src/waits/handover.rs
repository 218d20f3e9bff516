//! Handing objects to other processes.
//!
//! What travels is a descriptor of the object's memory, freshly opened so that it has locks of its own, with the lock on it
//! that keeps the object: on the life byte of a named object's page, on the unit's byte of an arena. The receiver checks
//! what it is told before it maps anything.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tong_sys::lock::{self, Kind};
use tong_sys::memory::Memory;

use super::arena::{self, lend_byte};
use super::cell::{Cell, Keep};
use super::ground::Ground;
use super::named;
use super::record::Table;
use crate::namespace::{self, CELL_AT};
use crate::{Error, ErrorKind, Result};

const OP: &str = "hand over object";

/// A descriptor that keeps the object for whoever gets it.
///
/// # Errors
/// No descriptors; `/proc` is not mounted.
pub(crate) fn export(cell: &Cell) -> Result<OwnedFd> {
    let file = namespace::reopen(cell.ground().fd())?;
    keep(&file, cell.offset(), cell)?;
    Ok(file)
}

fn keep(file: &OwnedFd, at: usize, cell: &Cell) -> Result<()> {
    match cell.keep() {
        Keep::Named(_) => namespace::keep_alive(file),
        Keep::Arena(_) => {
            cell.lend();
            keep_unit(file, unit(cell.ground(), at)?)
        }
        Keep::Borrowed { .. } => keep_unit(file, unit(cell.ground(), at)?),
    }
}

fn unit(ground: &Ground, at: usize) -> Result<u32> {
    ground
        .unit_at(at)
        .filter(|unit| ground.has(*unit))
        .ok_or_else(|| {
            Error::new(OP, ErrorKind::Corrupt).because("there is no object at that place")
        })
}

fn keep_unit(file: impl AsFd, unit: u32) -> Result<()> {
    let kept = lock::try_lock(file, Kind::Shared, lend_byte(unit), 1);
    match kept.map_err(|error| Error::from_io(OP, error))? {
        true => Ok(()),
        false => Err(Error::new(OP, ErrorKind::Ended)),
    }
}

/// Takes over an object: `file` is a descriptor from [`export`], or one of the same file that this process opened itself,
/// and `at` the cell's place.
///
/// # Errors
/// The file is neither a named object's page nor an arena of this user; nothing lives at the place; no memory.
pub(crate) fn import(file: OwnedFd, at: u64) -> Result<Cell> {
    let failed = |error| Error::from_io(OP, error);
    let entry = tong_sys::dir::look_at(&file).map_err(failed)?;
    if entry.uid != tong_sys::dir::effective_uid() {
        return Err(
            Error::new(OP, ErrorKind::Foreign).because("its memory belongs to another user")
        );
    }
    let info = namespace::read_page(&file)?;
    if let Some(info) = info.filter(|_| at == CELL_AT as u64) {
        namespace::keep_alive(&file)?;
        return named::adopt(file, &info.name);
    }
    let at = usize::try_from(at).map_err(|_| Error::new(OP, ErrorKind::Corrupt))?;
    import_unit(file, at)
}

fn import_unit(file: OwnedFd, at: usize) -> Result<Cell> {
    let failed = |error| Error::from_io(OP, error);
    let memory = Memory::adopt(file).map_err(failed)?;
    if memory.len() != arena::LEN {
        return Err(Error::new(OP, ErrorKind::Corrupt).because("its memory is not an arena"));
    }
    let file = memory.into_fd();
    let ground = arena::borrowed(&file)?;
    let unit = unit(&ground, at)?;
    keep_unit(&file, unit)?;
    let table = Table::by_id(ground.table_id()).ok_or_else(|| {
        Error::new(OP, ErrorKind::Foreign)
            .because("the object belongs to another namespace (TONG_DIR), whose waits are not reachable from here")
    })?;
    Cell::at(ground, at, table, Keep::Borrowed { _lock: file })
        .ok_or_else(|| Error::new(OP, ErrorKind::Ended))
}

/// Grounds of other processes' arenas, mapped once.
pub(super) type Borrowed = Vec<std::sync::Weak<Ground>>;

/// Finds a ground that is mapped already.
pub(super) fn known(grounds: &mut Borrowed, identity: (u64, u64)) -> Option<Arc<Ground>> {
    grounds.retain(|ground| ground.strong_count() > 0);
    grounds
        .iter()
        .filter_map(std::sync::Weak::upgrade)
        .find(|ground| ground.identity() == identity)
}
