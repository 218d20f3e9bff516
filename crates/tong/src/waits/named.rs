//! Named objects: a cell in the page of a name.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tong_sys::dir::Dir;

use super::cell::{Cell, Keep, Named, Start};
use super::ground::Ground;
use super::record::Table;
use crate::namespace::{self, Hold, Namespace, PageInfo, Space, CELL_AT};
use crate::object_name::ObjectName;
use crate::{Error, ErrorKind, Result};

/// Memory for waiters is taken in steps of so many bytes.
const STEP: u64 = 4096;

/// Opens the object of a name, or makes it if a start is given; says whether it existed.
///
/// # Errors
/// See [`namespace::hold`]; the existing object is of another kind.
pub(crate) fn open(
    name: &ObjectName,
    op: &'static str,
    start: Option<Start>,
    fits: impl Fn(super::CellKind) -> bool,
) -> Result<(Cell, bool)> {
    let (dir, table) = place(name)?;
    let write = |file: &OwnedFd, len: u64, room_at: usize| -> Result<()> {
        let file = file
            .try_clone()
            .map_err(|error| Error::from_io(op, error))?;
        let ground = Ground::open(file, len, room_at, STEP)?;
        ground.begin(room_at as u64, table.id());
        if let Some(start) = start {
            start.write(&ground, CELL_AT, table)?;
        }
        Ok(())
    };
    let info = PageInfo {
        name: name.as_str().to_owned(),
        pid: i32::try_from(std::process::id()).unwrap_or(0),
        created_ns: namespace::created_now(),
        max_message: 0,
        quota_bytes: 0,
        read_timeout_ms: 0,
    };
    let stem = namespace::stem(Space::Object, name.as_str());
    let make: Option<namespace::Fill<'_>> = match start {
        Some(_) => Some(&write),
        None => None,
    };
    let held =
        namespace::hold(&dir, &stem, &info, op, make).map_err(|error| error.on(name.as_str()))?;
    if !held.existed {
        namespace::sweep_sometimes(&dir);
    }
    let ground = Arc::new(Ground::open(held.file, held.len, held.room_at, STEP)?);
    if ground.table_id() != table.id() {
        return Err(Error::new(op, ErrorKind::Foreign).on(name.as_str()).because(
            "the wait table of the namespace was removed while programs used it; end them, or use another TONG_DIR",
        ));
    }
    let named = Named {
        hold: held.hold,
        name: name.clone(),
    };
    let cell = Cell::at(ground, CELL_AT, table, Keep::Named(Box::new(named)))
        .ok_or_else(|| Error::new(op, ErrorKind::Corrupt).on(name.as_str()))?;
    if !fits(cell.kind()) {
        return Err(Error::new(op, ErrorKind::WrongKind)
            .on(name.as_str())
            .because("the name belongs to an object of another kind"));
    }
    Ok((cell, held.existed))
}

/// The directory and the wait table that a name belongs to.
fn place(name: &ObjectName) -> Result<(Arc<Dir>, &'static Table)> {
    if name.is_global() {
        if let Some(place) = namespace::global_objects()? {
            return Ok(place);
        }
    }
    let namespace = Namespace::current()?;
    Ok((Arc::clone(namespace.objects()), namespace.table()?))
}

/// Takes over a named object whose page another process handed over.
///
/// # Errors
/// The file is not the page of a living object of this namespace.
pub(super) fn adopt(file: OwnedFd, name: &str) -> Result<Cell> {
    const OP: &str = "take over object";
    let name = ObjectName::parse(name)?;
    let (dir, table) = place(&name)?;
    let stem = namespace::stem(Space::Object, name.as_str());
    let hold = Hold::adopt(&dir, &stem, file.as_fd())?;
    let len = tong_sys::dir::file_len(&file).map_err(|error| Error::from_io(OP, error))?;
    let room_at = usize::try_from(namespace::page_len(name.as_str())).unwrap_or(usize::MAX);
    let ground = Arc::new(Ground::open(file, len, room_at, STEP)?);
    if ground.table_id() != table.id() {
        return Err(Error::new(OP, ErrorKind::Foreign)
            .on(name.as_str())
            .because("the object belongs to another namespace (TONG_DIR)"));
    }
    let named = Box::new(Named { hold, name });
    let corrupt = Error::new(OP, ErrorKind::Corrupt).on(named.name.as_str());
    Cell::at(ground, CELL_AT, table, Keep::Named(named)).ok_or(corrupt)
}
