//! Names of pipes: many server ends in many processes, clients that come and go, and one page that all of them share.
//!
//! # Protocol
//! A pipe's page is locked at three kinds of bytes; see `claim.rs` for the first two.
//!
//! | byte | held | by |
//! |---|---|---|
//! | [`LIFE`] | shared | every process that has a server end of the pipe |
//! | `CHANGE` | exclusive, for a moment | whoever makes or closes a server end, or the pipe |
//! | [`SLOTS_AT`] + slot | shared | every process that has the server end in that slot |
//!
//! A process has one open of the page, whatever number of server ends it holds there, and all locks belong to that open.
//! Nothing else says that an instance lives: a slot whose byte nobody holds is dead, whatever its words say, and so is a
//! page whose life byte nobody holds. Clients hold no byte at all.
//!
//! A dead page is never filled anew. It is marked as ended, for clients that still have it mapped, and removed, and the new
//! pipe gets a new file with another tag. The doors of a page are called after the tag, so that nobody who has an old page
//! before him can come to a door of the new pipe.
//!
//! # Pipes that other users may open
//! The page and the doors are in the machine-wide directory, open as the first creator said. The creator's own directory has
//! a page of the same name that only says so; it is locked first. Server ends are made by the creator's user alone.
//!
//! # Death
//! Killed while making the pipe: the page says nothing, or is not ready, and nobody holds its life; the next maker removes
//! it. Killed while making or closing a server end: its slot is dead. Killed in between: whoever looks at dead things next
//! removes them, in no particular order, because the page goes last.

mod enter;
mod find;
mod held;
mod table;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tong_sys::dir::{self, Dir, EntryKind};
use tong_sys::lock::{self, Kind};

use super::claim::{self, Locked, Openness, LIFE};
use super::page::{self, Page, PageInfo};
use super::Space;
use crate::{Error, Result};

pub(crate) use enter::{adopt, enter};
pub(crate) use find::{find, Found, Sight};
pub(crate) use held::{Change, Held};
pub(crate) use table::{Column, Copy, Hint, Table};

/// Offset of the byte that says that the instance in slot 0 lives; the others follow.
const SLOTS_AT: u64 = LIFE + (1 << 32);

/// In the flags of a page: the pipe carries messages; which ways data goes; the pipe itself is machine-wide.
const MESSAGES: u32 = 1;
const INBOUND: u32 = 2;
const OUTBOUND: u32 = 4;
const ELSEWHERE: u32 = 1 << 8;

/// In a page's openness: everyone, and this much with a group's id.
const EVERYONE: u64 = 1;
const GROUP: u64 = 1 << 32;

/// What a page says of its pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) messages: bool,
    pub(crate) inbound: bool,
    pub(crate) outbound: bool,
    /// Most instances; `None` any number.
    pub(crate) limit: Option<u32>,
    pub(crate) default_timeout_ms: u64,
    pub(crate) openness: Openness,
}

impl Facts {
    fn info(&self, elsewhere: bool) -> PageInfo {
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        PageInfo {
            name: self.name.clone(),
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            created_ns: claim::created_now(),
            max_message: flag(self.messages, MESSAGES)
                | flag(self.inbound, INBOUND)
                | flag(self.outbound, OUTBOUND)
                | flag(elsewhere, ELSEWHERE),
            quota_bytes: self.limit.map_or(0, u64::from),
            read_timeout_ms: self.default_timeout_ms,
        }
    }

    /// Reads the page's part of what `openness` says besides.
    fn read(info: &PageInfo, openness: u64) -> Facts {
        let is_set = |flag: u32| info.max_message & flag != 0;
        let limit = u32::try_from(info.quota_bytes).unwrap_or(0);
        Facts {
            name: info.name.clone(),
            messages: is_set(MESSAGES),
            inbound: is_set(INBOUND),
            outbound: is_set(OUTBOUND),
            limit: (limit != 0).then_some(limit),
            default_timeout_ms: info.read_timeout_ms,
            openness: match openness {
                0 => Openness::Private,
                #[allow(clippy::cast_possible_truncation, reason = "a group's id has 32 bits")]
                group if group & GROUP != 0 => Openness::Group(group as u32),
                _ => Openness::Everyone,
            },
        }
    }
}

fn openness_word(openness: Openness) -> u64 {
    match openness {
        Openness::Private => 0,
        Openness::Everyone => EVERYONE,
        Openness::Group(group) => GROUP | u64::from(group),
    }
}

const CREATE: &str = "create pipe";

fn lock_slot(file: impl AsFd, slot: u32) -> io::Result<()> {
    lock::try_lock(file, Kind::Shared, SLOTS_AT + u64::from(slot), 1).map(|_| ())
}

/// Whether no process but the caller holds the server end in the slot.
pub(crate) fn is_dead(file: impl AsFd, slot: u32) -> bool {
    // Not known is not dead.
    !lock::would_conflict(file, Kind::Exclusive, SLOTS_AT + u64::from(slot), 1).unwrap_or(true)
}

/// The file name of a slot's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DoorName {
    /// That of the page.
    pub(crate) stem: String,
    pub(crate) tag: u64,
    pub(crate) slot: u32,
}

impl fmt::Display for DoorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&door_name(&self.stem, self.tag, self.slot))
    }
}

/// The file name of a slot's door.
pub(crate) fn door_name(stem: &str, tag: u64, slot: u32) -> String {
    format!("{stem}.{tag:08x}.{slot:x}")
}

fn stands(dir: &Dir, name: &str, inode: (u64, u64)) -> bool {
    dir.look(name)
        .ok()
        .flatten()
        .is_some_and(|entry| entry.inode == inode)
}

/// Removes a dead door; `false` if something is there that is not one.
fn remove_door(dir: &Dir, name: &str) -> bool {
    match dir.look(name) {
        Ok(None) => true,
        Ok(Some(entry)) if entry.kind == EntryKind::Socket && entry.uid == dir::effective_uid() => {
            dir.remove(name).is_ok()
        }
        _ => false,
    }
}

/// Removes a dead pipe's files. Both bytes of its page are locked.
fn bury(dir: &Dir, stem: &str, file: &OwnedFd) -> io::Result<()> {
    // A maker that was killed may have come as far as its first door.
    let info = match page::read(file, Space::Pipe)? {
        None => page::read_unfinished(file, Space::Pipe)?,
        info => info,
    };
    if let Some(info) = info.filter(|info| info.max_message & ELSEWHERE == 0) {
        let table = Table::open(file, Page::len_for(&info.name))?;
        for slot in table.taken() {
            remove_door(dir, &door_name(stem, table.tag(), slot));
        }
        table.end();
    }
    dir.remove(stem)
}

/// Removes what a dead pipe left at the name; returns whether there was anything. A live one is left alone.
pub(crate) fn sweep(dir: &Dir, stem: &str) -> Result<bool> {
    const OP: &str = "clean up";
    let failed = |error: io::Error| Error::from_io(OP, error);
    let Some(locked) = Locked::acquire(dir, stem, None, OP)? else {
        return Ok(false);
    };
    if !lock::try_lock(&locked.file, Kind::Exclusive, LIFE, 1).map_err(failed)? {
        return Ok(false);
    }
    bury(dir, stem, &locked.file).map_err(failed)?;
    Ok(true)
}

/// Removes the door of an instance that is dead, and frees its slot. A live one is left alone.
pub(crate) fn sweep_door(dir: &Dir, door: &DoorName) -> Result<()> {
    const OP: &str = "clean up";
    let failed = |error: io::Error| Error::from_io(OP, error);
    let locked = Locked::acquire(dir, &door.stem, None, OP)?;
    let page = locked.as_ref().and_then(|locked| read(&locked.file));
    if let (Some(locked), Some((facts, copy))) = (&locked, page) {
        if copy.tag() == door.tag {
            if !is_dead(&locked.file, door.slot) {
                return Ok(());
            }
            let table = Table::open(&locked.file, Page::len_for(&facts.name)).map_err(failed)?;
            remove_door(dir, &door.to_string());
            if door.slot < table.used() {
                table.set_hint(door.slot, Hint::Free);
            }
            return Ok(());
        }
    }
    remove_door(dir, &door.to_string());
    Ok(())
}

/// The name of the pipe whose page the file is, if it is one.
pub(crate) fn read_name(file: impl AsFd) -> io::Result<Option<String>> {
    Ok(page::read(file, Space::Pipe)?.map(|info| info.name))
}

/// What the file says, if it is the page of a pipe that is ready, and not only a sign that the pipe is in another directory.
pub(crate) fn read(file: impl AsFd) -> Option<(Facts, Copy)> {
    let info = page::read(&file, Space::Pipe).ok().flatten()?;
    let copy = Copy::read(&file, Page::len_for(&info.name)).ok()?;
    let facts = Facts::read(&info, copy.page_word(table::AT_OPENNESS));
    (info.max_message & ELSEWHERE == 0).then_some((facts, copy))
}

/// Whether some process keeps the pipe alive. One that is being made or buried is not alive: its maker, or whoever buries it,
/// has its life locked for itself.
pub(crate) fn is_live(file: impl AsFd) -> bool {
    // Not known is not dead.
    let held = lock::held_as(file, LIFE, 1).unwrap_or(Some(Kind::Shared));
    held == Some(Kind::Shared)
}
