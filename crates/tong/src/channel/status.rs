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
}

impl RingStatus {
    /// Reads the file's header; `None` if it is not a channel's memory. The numbers are claims of the file's users.
    pub(crate) fn read(file: impl AsFd) -> Option<RingStatus> {
        let mut header = [0u8; HEADER_LEN / 8];
        if dir::read_at(file, 0, &mut header).ok()? < header.len() {
            return None;
        }
        let word =
            |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap_or_default());
        if word(layout::AT_MAGIC) != layout::MAGIC {
            return None;
        }
        let control = layout::control(0);
        let position = |which: usize| word(control + which);
        Some(RingStatus {
            messages: word(control + layout::WRITTEN).saturating_sub(word(control + layout::READ)),
            bytes: position(layout::TAIL).saturating_sub(position(layout::HEAD)),
        })
    }
}
