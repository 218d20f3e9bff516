//! The bytes of a case, read as decisions.

/// Reads a case from its front; zeroes follow its end.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Input<'a> {
        Input { rest: data }
    }

    /// Whether there are bytes left.
    pub(crate) fn more(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let bytes = if end <= 256 { 1 } else { 4 };
        let number = self
            .take(bytes)
            .iter()
            .fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        number % end
    }

    /// True in one of `in_how_many` cases.
    pub(crate) fn one_in(&mut self, in_how_many: usize) -> bool {
        self.below(in_how_many) == 0
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.take(8)
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// At most `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A length that is often small, sometimes near `limit`, now and then beyond it.
    pub(crate) fn len(&mut self, limit: usize) -> usize {
        match self.below(16) {
            0..=7 => self.below(64),
            8..=12 => self.below(limit.clamp(1, 6000)),
            13 => self.below(limit.saturating_add(100)),
            14 => limit.saturating_sub(self.below(64)),
            _ => 16 * self.below(20),
        }
    }

    /// A value that code tends to trip over, or any.
    pub(crate) fn odd_word(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => (1u64 << self.below(64)).wrapping_neg(),
            4 => 16 * self.below(1 << 20) as u64,
            5 => self.below(256) as u64,
            6 => (1 + self.below(2) as u64) << 32 | self.below(1 << 16) as u64,
            _ => self.word(),
        }
    }
}
