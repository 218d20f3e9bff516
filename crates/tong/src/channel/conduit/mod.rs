//! The conduit: one direction of a pipe, over a ring.
//!
//! A ring passes frames; a conduit makes entries of them: what one write put, all of it at once and in one piece, whatever
//! its length. The ring grows as long as the system has memory. What a pipe calls its quota only decides when a write is
//! complete; an entry that is not can be taken back.
//!
//! # Counting
//! Each side counts the payload bytes of the direction from the beginning: *put* is what entries brought, *passed* is what
//! the reader took or skipped. An entry ends at the number that put had after it. The entry is complete when what is unread
//! from `passed` to its end is at most the quota. Bytes that waiting reads will take at once (they are *wanted*) count as
//! passed, but only for an entry that meets an empty queue.
//!
//! # State of an entry
//! The stamp of a complete entry is 0. One that was not complete when it was put has `PENDING` and how much of it was
//! taken. The reader commits each take of such an entry, and the writer takes the rest back, by exchanging that word, so
//! exactly one of them has each byte. The reader skips what was taken back.
//!
//! # Order of stores
//! Whoever continues an end where a process was killed must find the words in an order that makes sense.
//!
//! - Writer: the tail before, put, the frame, the tail, put once more (*done*). If the tail is still the one before, the
//!   entry does not exist and *done* counts, else *put* does. Seats: see `ring/resume.rs`.
//! - Writer that takes back: the entry's state, the stretch in the list, the sum of bytes taken back. One that was killed
//!   in between leaves an entry that others count as unread until the reader skips it.
//! - Reader: where the entry starts (before its first take), the exchange of the state if it has one, how much was taken,
//!   passed, and the head if it was the last part. If the word that says how much is that of the front entry, passed is
//!   the start and what was taken; else the word for it is right.
//!
//! # Sleeping
//! As in the ring, with one difference: a writer that waits looks at *passed*, because a reader that takes part of an
//! entry does not move the head.
//!
//! # Hostile peers
//! As in the ring. Numbers of the other side that are out of range are [`Corrupt`]. A reader that
//! lies about what it passed or wants deceives writers of this connection about the queue, by at most one entry beyond
//! what they wrote and waited for.

mod gaps;
mod inlet;
mod outlet;

#[cfg(all(test, not(loom)))]
mod tests;

pub use inlet::{Inlet, Mark, Placed, Put, Ticket, Withdrawn};
pub use outlet::{Outlet, Peek, Taken};

use std::io;

use super::layout::{self, Geometry};
use super::ring::Corrupt;
use tong_sys::map::{AtomicU64, Ordering};

/// What a pipe carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeType {
    /// Bytes; the borders of writes mean nothing.
    Byte,
    /// Messages, each as it was written.
    Message,
}

/// How an end reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// As many bytes as there are, whatever writes they came by.
    Byte,
    /// From one message at a time.
    Message,
}

/// Most bytes of an entry.
pub const LONGEST: usize = u32::MAX as usize;

/// State of an entry that was not complete when it was put.
const PENDING: u64 = 1 << 63;
/// State of an entry that was taken back.
const GONE: u64 = 1 << 62;
/// The part of the state that says how much was taken.
const TAKEN: u64 = u32::MAX as u64;

/// Numbers that are not believed: no direction ever carries so much.
const BEYOND: u64 = 1 << 60;

/// The division of a memory file for two conduits whose segment 1 has `first_len` bytes. Its last segment is longer than
/// any entry.
#[must_use]
pub fn geometry(first_len: u64) -> Geometry {
    Geometry::new(2, first_len, 16 << 30)
}

/// How many payload bytes were put, as of the tail that is returned with it. Right for the side that owns the words, and
/// for others if the tail is still the same afterwards.
fn put_count<'a>(word: impl Fn(usize) -> &'a AtomicU64) -> (u64, u64) {
    // Acquire: who sees a tail sees what was stored before it; who sees the put of the next entry sees the tail before it.
    let tail = word(layout::TAIL).load(Ordering::Acquire);
    let put = word(layout::PUT).load(Ordering::Acquire);
    let before = word(layout::TAIL_BEFORE).load(Ordering::Acquire);
    let done = word(layout::PUT_DONE).load(Ordering::Acquire);
    (tail, if before == tail { done } else { put })
}

fn nonsense(_: Corrupt) -> io::Error {
    io::ErrorKind::InvalidData.into()
}
