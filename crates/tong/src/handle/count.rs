//! How many handles a process has, without looking at each.

use super::mirror::{AT_LOWER_END, AT_PUSHED};
use super::record::{self, Record};
use super::slots::UPPER;
use crate::process::glance::Glance;
use crate::process::page::ROWS_AT;

/// Rows that are read at once.
const BLOCK: usize = 128;

/// How many handles the table of a process has, this or another, whatever it is doing.
///
/// Cheaper than [`read_table`](super::read_table), so that it can be asked of every process: about 5 µs for one without a
/// table, and as much for each further descriptor of it beyond a few. The table is only read.
///
/// `None` if there is no such process, or if it has no handle table, or hides it from this user.
#[must_use]
pub fn count(pid: u32) -> Option<u32> {
    let page = Glance::of(pid)?;
    let end = |at| u32::try_from(page.word(at)).unwrap_or(UPPER).min(UPPER);
    Some(count_rows(&page, 1, end(AT_LOWER_END)) + count_rows(&page, UPPER, UPPER + end(AT_PUSHED)))
}

/// How many rows from `first` up to `end` have a handle.
fn count_rows(page: &Glance, first: u32, end: u32) -> u32 {
    let mut bytes = [0; BLOCK * record::LEN];
    let (mut handles, mut start) = (0, first);
    while start < end {
        let wanted = ((end - start) as usize).min(BLOCK);
        let len = page.read(&mut bytes[..wanted * record::LEN], place(start));
        let rows = bytes[..len.unwrap_or(0)].chunks_exact(record::LEN);
        if rows.len() == 0 {
            break;
        }
        let next = start.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let used = (start..)
            .zip(rows)
            .filter(|(index, row)| is_used(row, *index));
        let used = u32::try_from(used.count()).unwrap_or(0);
        handles += used;
        start = match used {
            // A page may claim millions of rows that it does not have.
            0 => page.next_data(place(next)).map_or(end, row_at).max(next),
            _ => next,
        };
    }
    handles
}

/// Where a row begins.
fn place(index: u32) -> u64 {
    ROWS_AT as u64 + u64::from(index) * record::LEN as u64
}

/// The row in which a byte is.
fn row_at(place: u64) -> u32 {
    let row = place.saturating_sub(ROWS_AT as u64) / record::LEN as u64;
    u32::try_from(row).unwrap_or(u32::MAX)
}

fn is_used(row: &[u8], index: u32) -> bool {
    let mut words = [0; record::WORDS];
    for (word, bytes) in words.iter_mut().zip(row.chunks_exact(8)) {
        *word = bytes
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
    words[0] != 0 && Record::decode(words).is_some_and(|record| record.handle.index() == index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    /// A table of the utmost size is a file with hardly anything in it; what there is, is found.
    #[test]
    fn holes_are_skipped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(place(2 * UPPER)).unwrap();
        let page = Glance::with(file.try_clone().unwrap());
        let begun = std::time::Instant::now();
        assert_eq!(count_rows(&page, 1, 2 * UPPER), 0);
        for index in [1, 2, 5_000_000, 2 * UPPER - 1] {
            // An event with no rights, and the value that the place makes.
            let value = u64::from(index) << 2 | 1 << 32;
            file.write_all_at(&value.to_le_bytes(), place(index))
                .unwrap();
        }
        assert_eq!(count_rows(&page, 1, 2 * UPPER), 4);
        assert_eq!(count_rows(&page, 2, 5_000_000), 1);
        assert!(begun.elapsed().as_secs() < 2, "half a gigabyte was read");
    }
}
