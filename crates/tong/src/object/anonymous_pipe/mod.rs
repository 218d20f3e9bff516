//! Anonymous pipes: bytes from one end to the other, through a pipe of the kernel.
//!
//! # Purpose
//! A pipe without a name, for processes that get their ends from each other: by inheritance, by a duplicate, or as a
//! standard stream. Because it is the kernel's pipe, the program at the other end need not know anything of tong.
//!
//! ```
//! use tong::pipe;
//!
//! let (reader, writer) = pipe::anonymous(0)?;
//! writer.send(b"hello")?;
//! drop(writer);
//! let mut text = [0; 16];
//! assert_eq!(reader.receive(&mut text)?, 5);
//! assert_eq!(reader.receive(&mut text).unwrap_err().kind(), tong::ErrorKind::BrokenPipe);
//! # Ok::<(), tong::Error>(())
//! ```
//!
//! # Ends
//! A clone is the same end, as a duplicate of its handle is. An end is open as long as any process has it; a parent that
//! keeps its copy of the child's writing end never comes to the end of what the child writes.
//!
//! The ends are synchronous: of all calls through one end in one process, one is carried out at a time, and the others
//! wait for it, [`peek`](AnonymousReader::peek) included. A call that waits can be called away by
//! [`Thread::cancel_synchronous`](crate::Thread::cancel_synchronous).
//!
//! # Quota
//! A write is complete when no more than the quota is unread. The kernel's pipe is made large enough that a write that fits
//! always goes in without waiting; for the end of one that does not, the writer looks what has been read, every few
//! milliseconds at most. A quota of more than half of what the system lets a user have in one pipe
//! (`/proc/sys/fs/pipe-max-size`, 1 MiB) is reported as given, but small pieces may fill the pipe before.
//!
//! # Differences from Windows
//! - What a writer that was killed or called away has put in stays in, and all of a write that is larger than the kernel's pipe
//!   is not to be seen at once.
//! - The reading end can be disconnected, which the writer is told of with 233 only in the same process; elsewhere it finds
//!   the reading end closed.
//! - Whether calls wait ([`set_nowait`](AnonymousReader::set_nowait)) travels with an end, but later changes are the
//!   process's own. The same goes for the one call at a time.
//! - That a read waits is known to a writer that does not wait in the same process only.
//! - Two processes that write more than 4096 bytes at once through duplicates of one end may come between each other.
//! - A read that waits may get the bytes of several writes, if they come faster than it wakes up.
//!
//! # Death
//! The kernel closes what a killed process had open. Its reader gets all that was written, then
//! [`BrokenPipe`](crate::ErrorKind::BrokenPipe); its writer finds the pipe closed. No signal is raised by any of it.
//!
//! # References
//! Win32: CreatePipe, "Anonymous Pipe Operations", "Creating a Child Process with Redirected Input and Output".
//! Linux: pipe(7), tee(2). Rules A1 to A20.

mod end;
mod fifo;
pub(crate) mod flow;
pub(crate) mod nap;
mod reader;
mod turn;
mod writer;

use std::sync::Arc;

use crate::{Error, Result};

pub use fifo::Fifo;
pub use reader::AnonymousReader;
pub use writer::AnonymousWriter;

use end::{End, Pair};
pub(crate) use flow::Stop;
pub(crate) use reader::peek;

/// The quota of a pipe whose maker left it open.
const DEFAULT_QUOTA: u32 = 4096;
/// Bytes of a page, the unit in which the kernel's pipe keeps what was written.
const PAGE: usize = 4096;

/// Makes a pipe; `quota` is how many unread bytes a write leaves behind without waiting, 0 for the usual 4096.
///
/// # Errors
/// No descriptors or memory.
pub fn anonymous(quota: u32) -> Result<(AnonymousReader, AnonymousWriter)> {
    let fail = |errno: rustix::io::Errno| Error::from_io("make pipe", errno.into());
    let quota = match quota {
        0 => DEFAULT_QUOTA,
        quota => quota,
    };
    let (reader, writer) = tong_sys::pipe::create().map_err(fail)?;
    tong_sys::pipe::make_room(&writer, room_for(quota)).map_err(fail)?;
    let pair = Arc::<Pair>::default();
    Ok((
        AnonymousReader::new(End::new(reader, quota, Arc::clone(&pair))),
        AnonymousWriter::new(End::new(writer, quota, pair)),
    ))
}

/// How large the kernel's pipe must be so that the quota always fits in.
///
/// A piece shares the last page if it fits there, and begins a page of its own otherwise. So of two pages that follow each
/// other, what is in them is more than one page; the first one may be read in part, and the last one is just begun.
fn room_for(quota: u32) -> usize {
    let pages = (quota as usize).div_ceil(PAGE);
    (2 * pages + 2) * PAGE
}

/// The error of an operation on an end.
fn failure(op: &'static str) -> impl Fn(Stop) -> Error {
    move |stop| stop.error(op)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A8, P13.4: whatever the pieces, and however the front was read, what the quota allows goes in without waiting.
    #[test]
    fn every_sequence_of_pieces_within_the_quota_fits() {
        let mut random = fastrand::Rng::with_seed(4);
        for quota in [1, 512, 4096, 5000, 32_792, 65_536, 200_000] {
            let (reader, writer) = anonymous(quota).unwrap();
            let mut unread = 0;
            for _ in 0..300 {
                let most = [2049, 4095, quota][random.usize(..3)].min(quota - unread);
                let piece = random.u32(0..=most);
                assert_eq!(
                    tong_sys::pipe::write_now(&writer, &vec![1; piece as usize]),
                    Ok(piece as usize),
                    "{piece} bytes behind {unread} of {quota}"
                );
                unread += piece;
                let mut taken = vec![0; random.usize(0..=unread as usize)];
                unread -= match taken.is_empty() {
                    true => 0,
                    false => u32::try_from(reader.receive(&mut taken).unwrap()).unwrap(),
                };
            }
        }
    }
}
