//! Is a program one of ours?
//!
//! A child that uses tong is told things by its creator; any other gets nothing that it did not ask for. Which of the two
//! a program is stands in its file: it needs the shared library `libtong.so`, or it carries the note that this crate puts
//! into every program it is linked into. A program that gets at the library in another way (through a library of its own, or
//! while it runs) is taken for an ordinary one.
//!
//! What the file says is read with checks of every length and place; a file that makes no sense is an ordinary program.
//!
//! # References
//! Linux: elf(5).

#![allow(unsafe_code, reason = "names the section that the note lies in")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The note: length of the owner's name, of the contents, a type, the name, the contents.
#[used]
#[link_section = ".note.tong"]
static NOTE: [u32; 6] = [5, 4, 1, u32::from_ne_bytes(*b"tong"), 0, 1];

/// The name of the shared library, up to its version.
const LIBRARY: &[u8] = b"libtong.so";
/// The owner of the note.
const OWNER: &[u8] = b"tong\0";

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;

/// The most bytes of any one table that are looked at.
const TABLE_MAX: u64 = 1 << 20;

/// What the start of a file says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A program that the kernel runs itself.
    Elf {
        /// Does it use tong?
        uses_tong: bool,
    },
    /// A script that names its interpreter in the first line.
    Script,
    /// Anything else, which the kernel may have been taught to run.
    Other,
}

/// Looks what a file is. A file that cannot be read is [`Format::Other`].
#[must_use]
pub fn format(path: &Path) -> Format {
    let Ok(file) = File::open(path) else {
        return Format::Other;
    };
    let mut start = [0; 64];
    let len = file.read_at(&mut start, 0).unwrap_or(0);
    match &start[..len] {
        [0x7f, b'E', b'L', b'F', ..] => Format::Elf {
            uses_tong: uses_tong(&file, &start).unwrap_or(false),
        },
        [b'#', b'!', ..] => Format::Script,
        _ => Format::Other,
    }
}

/// A row of the table of program headers.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    len: u64,
}

/// `None` if the file makes no sense, or is not for machines of this word length and byte order.
fn uses_tong(file: &File, header: &[u8; 64]) -> Option<bool> {
    let (class, order) = (header[4], header[5]);
    let own_order = if cfg!(target_endian = "little") { 1 } else { 2 };
    if (class, order) != (2, own_order) {
        return None;
    }
    let (table, row_len, rows) = (word(header, 32)?, half(header, 54)?, half(header, 56)?);
    let bytes = read(file, table, u64::from(row_len) * u64::from(rows))?;
    if row_len < 56 {
        return None;
    }
    let segments: Vec<Segment> = bytes
        .chunks_exact(row_len.into())
        .filter_map(segment)
        .collect();
    let of_kind = |kind| segments.iter().filter(move |segment| segment.kind == kind);
    if of_kind(PT_NOTE).any(|notes| has_note(file, notes).unwrap_or(false)) {
        return Some(true);
    }
    let dynamic = of_kind(PT_DYNAMIC).next()?;
    needs_library(file, dynamic, &segments)
}

fn segment(row: &[u8]) -> Option<Segment> {
    Some(Segment {
        kind: u32::from_ne_bytes(row.get(..4)?.try_into().ok()?),
        offset: word(row, 8)?,
        address: word(row, 16)?,
        len: word(row, 32)?,
    })
}

fn has_note(file: &File, notes: &Segment) -> Option<bool> {
    let bytes = read(file, notes.offset, notes.len)?;
    let mut rest = &bytes[..];
    while rest.len() >= 12 {
        let len = |at: usize| u32::from_ne_bytes(rest[at..at + 4].try_into().unwrap_or_default());
        let (name_len, contents_len) = (len(0) as usize, len(4) as usize);
        if rest[12..].starts_with(OWNER) && name_len == OWNER.len() {
            return Some(true);
        }
        let next = 12 + name_len.next_multiple_of(4) + contents_len.next_multiple_of(4);
        rest = rest.get(next..)?;
    }
    Some(false)
}

fn needs_library(file: &File, dynamic: &Segment, segments: &[Segment]) -> Option<bool> {
    let bytes = read(file, dynamic.offset, dynamic.len)?;
    let entries = || {
        let entries = bytes.chunks_exact(16);
        entries
            .filter_map(|entry| Some((word(entry, 0)?, word(entry, 8)?)))
            .take_while(|(tag, _)| *tag != DT_NULL)
    };
    let (_, names_at) = entries().find(|(tag, _)| *tag == DT_STRTAB)?;
    let names = segments.iter().find(|segment| {
        segment.kind == PT_LOAD
            && (segment.address..segment.address.checked_add(segment.len).unwrap_or(0))
                .contains(&names_at)
    })?;
    let names_offset = names.offset.checked_add(names_at - names.address)?;
    let mut needed = entries().filter(|(tag, _)| *tag == DT_NEEDED);
    Some(needed.any(|(_, name)| {
        let name = names_offset.checked_add(name);
        name.and_then(|at| read(file, at, LIBRARY.len() as u64 + 1))
            .is_some_and(|name| {
                name.starts_with(LIBRARY) && matches!(name[LIBRARY.len()], 0 | b'.')
            })
    }))
}

fn read(file: &File, offset: u64, len: u64) -> Option<Vec<u8>> {
    let len = usize::try_from(len.min(TABLE_MAX)).ok()?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_carries_the_note() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(format(&own), Format::Elf { uses_tong: true });
    }

    #[test]
    fn programs_of_the_system_do_not() {
        let shell = std::fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(format(&shell), Format::Elf { uses_tong: false });
    }

    #[test]
    fn damaged_programs_are_ordinary_ones() {
        let dir = std::env::temp_dir().join(format!("tong-exe-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("program");
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for len in [0, 1, 4, 5, 63, 64, 100, 500, 1000, 4096] {
            std::fs::write(&path, &own[..len]).unwrap();
            let _ = format(&path);
        }
        for at in 4..200 {
            let mut spoiled = own[..4096.min(own.len())].to_vec();
            spoiled[at] = 0xff;
            std::fs::write(&path, &spoiled).unwrap();
            let _ = format(&path);
        }
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(format(&path), Format::Script);
        std::fs::write(&path, "MZ").unwrap();
        assert_eq!(format(&path), Format::Other);
        assert_eq!(format(&dir.join("none")), Format::Other);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
