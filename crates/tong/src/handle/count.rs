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
    let mut handles = 0;
    for start in (first..end).step_by(BLOCK) {
        let rows = ((end - start) as usize).min(BLOCK);
        let at = ROWS_AT as u64 + u64::from(start) * record::LEN as u64;
        let Ok(len) = page.read(&mut bytes[..rows * record::LEN], at) else {
            break;
        };
        let rows = bytes[..len].chunks_exact(record::LEN);
        let used = (start..)
            .zip(rows)
            .filter(|(index, row)| is_used(row, *index));
        handles += u32::try_from(used.count()).unwrap_or(0);
    }
    handles
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
