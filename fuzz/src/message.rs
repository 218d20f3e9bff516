//! Messages that can be told apart by any of their bytes.

/// What a message was, kept in the reference instead of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Which one, over all writers.
    pub(crate) number: u32,
    /// Length in bytes.
    pub(crate) len: usize,
}

impl Message {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let start = self.number.wrapping_mul(0x9e37_79b1).to_le_bytes();
        (0..self.len)
            .map(|at| start[at % 4].wrapping_add((at / 4).to_le_bytes()[0]))
            .collect()
    }

    /// What the message takes in a ring.
    pub(crate) fn frame_len(self) -> u64 {
        16 + (self.len as u64).next_multiple_of(16)
    }

    /// Panics unless these are the bytes of this message.
    pub(crate) fn check(self, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.len, "length of message {}", self.number);
        assert!(
            bytes == self.bytes(),
            "message {} came out changed",
            self.number
        );
    }
}
