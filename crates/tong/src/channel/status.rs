//! What a ring holds, read from outside.

use std::os::fd::AsFd;

use tong_sys::dir;

use super::layout::{self, HEADER_LEN};

/// What is queued in the first direction of a channel's memory file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingStatus {
    /// Messages.
    pub(crate) messages: u64,
    /// Bytes, frame headers included.
    pub(crate) bytes: u64,
    /// Messages that were ever written.
    pub(crate) messages_written: u64,
    /// Bytes that were ever written, frame headers included.
    pub(crate) bytes_written: u64,
}

impl RingStatus {
    /// Reads the file's header; `None` if it is not a channel's memory. The numbers are claims of the file's users.
    pub(crate) fn read(file: impl AsFd) -> Option<RingStatus> {
        let word = header(file)?;
        let control = layout::control(0);
        let position = |which: usize| word(control + which);
        Some(RingStatus {
            messages: word(control + layout::WRITTEN).saturating_sub(word(control + layout::READ)),
            bytes: position(layout::TAIL).saturating_sub(position(layout::HEAD)),
            messages_written: word(control + layout::WRITTEN),
            bytes_written: position(layout::TAIL),
        })
    }
}

/// What is unread in one direction of a pipe's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Payload bytes, those of writes that wait included.
    pub(crate) bytes: u64,
    /// Payload bytes that were ever written, but for those taken back.
    pub(crate) written: u64,
}

impl Unread {
    /// Reads the file's header; `None` if it is not a channel's memory. The numbers are claims of the file's users.
    pub(crate) fn read(file: impl AsFd, direction: u32) -> Option<Unread> {
        let word = header(file)?;
        let control = layout::control(direction);
        let word = |which: usize| word(control + which);
        // What was taken back counts until the reader has skipped it.
        let taken_back = word(layout::WITHDRAWN).saturating_sub(word(layout::SKIPPED));
        let bytes = word(layout::PUT_DONE)
            .saturating_sub(word(layout::PASSED))
            .saturating_sub(taken_back);
        Some(Unread {
            bytes,
            written: word(layout::PUT_DONE).saturating_sub(word(layout::WITHDRAWN)),
        })
    }
}

/// The words of a channel's header.
fn header(file: impl AsFd) -> Option<impl Fn(usize) -> u64> {
    let mut header = [0u8; HEADER_LEN / 4];
    if dir::read_at(file, 0, &mut header).ok()? < header.len() {
        return None;
    }
    let word =
        move |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap_or_default());
    (word(layout::AT_MAGIC) == layout::MAGIC).then_some(word)
}
