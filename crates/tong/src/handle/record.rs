//! A handle as 32 bytes: how it is shown to others, and how it travels.
//!
//! ```text
//!         0               4       5       6       8
//! 0x00    value           │ kind  │ flags │ bits  │
//! 0x08    rights          │ descriptor            │
//! 0x10    identity
//! 0x18    identity
//! ```
//!
//! The same four words stand in a process page for each handle of the process, go to a child for each handle that it
//! inherits, and go through the inbox of a process when another one gives it a handle. What comes from
//! elsewhere is a claim: [`Record::decode`] accepts only what makes sense.

use super::{Flags, Handle, Kind, Object, Rights};

/// Words of a record.
pub(super) const WORDS: usize = 4;
/// Bytes of a record.
pub(super) const LEN: usize = 8 * WORDS;
/// In place of a descriptor's number: there is none.
const NO_DESCRIPTOR: u32 = u32::MAX;

const INHERIT: u8 = 1;
const PROTECT: u8 = 2;

/// All kinds, by number; the numbers are part of the layout.
const KINDS: [Kind; 17] = [
    Kind::Event,
    Kind::Mutex,
    Kind::Semaphore,
    Kind::Timer,
    Kind::Section,
    Kind::Process,
    Kind::Thread,
    Kind::Job,
    Kind::File,
    Kind::MailslotServer,
    Kind::MailslotClient,
    Kind::Completion,
    Kind::Snapshot,
    Kind::AnonymousReader,
    Kind::AnonymousWriter,
    Kind::PipeServer,
    Kind::PipeClient,
];

/// What is known of a handle from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) handle: Handle,
    pub(super) kind: Kind,
    pub(super) flags: Flags,
    /// What the kind needs beside its descriptor; see [`Object::bits`].
    pub(super) bits: u16,
    pub(super) granted: Rights,
    /// The number of the descriptor in the process whose handle it is.
    pub(super) descriptor: Option<i32>,
    pub(super) identity: [u64; 2],
}

impl Record {
    /// The record of a handle to this object.
    pub(super) fn new(handle: Handle, object: &Object, granted: Rights, flags: Flags) -> Record {
        use std::os::fd::AsRawFd;
        Record {
            handle,
            kind: object.kind(),
            flags,
            bits: object.bits(),
            granted,
            descriptor: object.descriptor().map(|fd| fd.as_raw_fd()),
            identity: object.identity(),
        }
    }

    /// The record as words.
    pub(super) fn encode(&self) -> [u64; WORDS] {
        let flags = self.flags.bits();
        let kind = KINDS
            .iter()
            .position(|kind| *kind == self.kind)
            .unwrap_or(0) as u64
            + 1;
        let descriptor = self
            .descriptor
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(NO_DESCRIPTOR);
        [
            u64::from(self.handle.raw())
                | kind << 32
                | u64::from(flags) << 40
                | u64::from(self.bits) << 48,
            u64::from(self.granted.bits()) | u64::from(descriptor) << 32,
            self.identity[0],
            self.identity[1],
        ]
    }

    /// The record in these words, if they are one.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "takes the words apart into their fields"
    )]
    pub(super) fn decode(words: [u64; WORDS]) -> Option<Record> {
        let [what, which, ..] = words;
        let value = what as u32;
        let kind = *KINDS.get(((what >> 32) as u8).checked_sub(1)? as usize)?;
        let handle = Handle::from_raw(value);
        let granted = Rights::from_bits(which as u32);
        let sensible = value != 0
            && handle.raw() == value
            && value >> 31 == 0
            && kind.generic().all.contains(granted);
        sensible.then_some(Record {
            handle,
            kind,
            flags: Flags::from_bits((what >> 40) as u8),
            bits: (what >> 48) as u16,
            granted,
            descriptor: i32::try_from((which >> 32) as u32).ok(),
            identity: [words[2], words[3]],
        })
    }

    /// The record as bytes.
    pub(super) fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.encode()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The record in these bytes, if they are one.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Record> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        Record::decode(words)
    }
}

impl Flags {
    pub(super) fn bits(self) -> u8 {
        let inherit = if self.inherit { INHERIT } else { 0 };
        let protect = if self.protect_from_close { PROTECT } else { 0 };
        inherit | protect
    }

    pub(super) fn from_bits(bits: u8) -> Flags {
        Flags {
            inherit: bits & INHERIT != 0,
            protect_from_close: bits & PROTECT != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            handle: Handle::from_raw(0x0400_0010),
            kind: Kind::File,
            flags: Flags {
                inherit: true,
                protect_from_close: false,
            },
            bits: 0x8001,
            granted: Kind::File.generic().read,
            descriptor: Some(17),
            identity: [1 << 63, 7],
        }
    }

    #[test]
    fn records_survive_their_travel() {
        let other = Record {
            descriptor: None,
            flags: Flags::default(),
            ..record()
        };
        for record in [record(), other] {
            assert_eq!(Record::decode(record.encode()), Some(record));
            assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        }
    }

    #[test]
    fn nonsense_is_no_record() {
        let good = record().encode();
        for (word, bits) in [(0, 1), (0, 1 << 31), (0, 0xFF << 32), (1, 1 << 30)] {
            let mut words = good;
            words[word] |= bits;
            assert_eq!(Record::decode(words), None, "{word} {bits:#x}");
        }
        assert_eq!(Record::decode([0; WORDS]), None);
        assert_eq!(Record::from_bytes(&[0; 31]), None);
    }
}
