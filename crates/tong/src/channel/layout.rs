//! Where everything lies in a channel's memory file.
//!
//! The bytes are drawn in `docs/layout.md`. A file holds one or two *directions*; each has a control block in the first
//! page and a chain of *segments*. Segment 0 is small and lies in the first page too, so that a connection that carries
//! little costs one page. Segment 1 has `first_len` bytes, each further one twice as many. Only the pages that were used
//! ever take memory.

use tong_sys::map::Map;

/// Version of the drawing in `docs/layout.md`; the two ends of a channel must agree on it.
pub const VERSION: u32 = 1;

/// First word of every channel memory file.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"tongchn1");

/// Length of the first page: header, control blocks, and segment 0 of each direction.
pub(crate) const HEADER_LEN: usize = 4096;
/// Where the first direction's segment 0 starts.
const INNER_START: u64 = 2048;

/// Offset of the magic word.
pub(crate) const AT_MAGIC: usize = 0x00;
/// Offset of the word with the layout version, the directions, and the segments after segment 0.
pub(crate) const AT_SHAPE: usize = 0x08;
/// Offset of the word with the length of segment 1.
pub(crate) const AT_FIRST_LEN: usize = 0x10;

const CONTROL_START: usize = 0x100;
const CONTROL_LEN: usize = 0x100;

/// Tail position, written by the producer.
pub(crate) const TAIL: usize = 0x00;
/// Messages published so far, written by the producer.
pub(crate) const WRITTEN: usize = 0x08;
/// Payload bytes of all entries put so far; stored before the tail.
pub(crate) const PUT: usize = 0x10;
/// The same, stored after the tail.
pub(crate) const PUT_DONE: usize = 0x18;
/// The tail before the put that is under way, or was last.
pub(crate) const TAIL_BEFORE: usize = 0x20;
/// Bytes that cancelled writes took back.
pub(crate) const WITHDRAWN: usize = 0x28;
/// Payload bytes that were promised to waiting reads when they were put.
pub(crate) const PROMISED: usize = 0x30;
/// Position after the last empty entry.
pub(crate) const LAST_EMPTY: usize = 0x38;
/// Head position, written by the consumer.
pub(crate) const HEAD: usize = 0x40;
/// Messages consumed so far, written by the consumer.
pub(crate) const READ: usize = 0x48;
/// Payload bytes taken or skipped so far.
pub(crate) const PASSED: usize = 0x50;
/// How much of the front entry was taken, marked with the low half of the number of its row.
pub(crate) const OFFSET: usize = 0x58;
/// Payload bytes before the front entry, if any of it was taken.
pub(crate) const START: usize = 0x60;
/// Payload bytes that were skipped because they had been taken back.
pub(crate) const SKIPPED: usize = 0x68;
/// Bytes that waiting reads ask for.
pub(crate) const WANTED: usize = 0x70;
/// The consumer's segment and its base; see [`seat`].
pub(crate) const CONSUMER_SEAT: usize = 0x78;
/// What the two ends tell each other once in a while, a bit each; see the `flag` constants.
pub(crate) const FLAGS: usize = 0x80;
/// The producer's segment and its base, in one of two words that take turns; see [`seat`].
pub(crate) const PRODUCER_SEATS: [usize; 2] = [0xc0, 0xc8];
/// The larger segment that the producer left last, and where its move frame is; as a seat.
pub(crate) const LEFT_ABOVE: usize = 0xd0;
/// Stretches of payload that were taken back and not passed yet: how many, then a pair of words each. Relative to
/// [`gap_list`].
pub(crate) const GAP_COUNT: usize = 0x00;
/// First pair.
pub(crate) const GAPS: usize = 0x10;
/// Most pairs.
pub(crate) const MOST_GAPS: usize = 32;

const GAP_LISTS: usize = 0x300;
const GAP_LIST_LEN: usize = 0x280;

/// Most segments after segment 0.
const MOST_LATER: u32 = 20;

/// Bits of the flags word.
///
/// | bit | set by | cleared by |
/// |---|---|---|
/// | `CONSUMER_CLOSED` | consumer: it will take no more | nobody |
/// | `PRODUCER_CLOSED` | producer: it will write no more | nobody |
/// | `CONSUMER_ASLEEP` | consumer: ring my bell when you publish | producer that rings, consumer that does not sleep after all |
/// | `PRODUCER_ASLEEP` | producer: ring my bell when you have read | consumer that rings, producer that does not sleep after all |
/// | `CONSUMER_SLEEPY` | consumer: ring my bell whenever you publish | consumer that reads many messages between its sleeps |
/// | `CONSUMER_BARRIER` | consumer: before sleeping I run a barrier on your processor | nobody |
/// | `PRODUCER_BARRIER` | producer: the same the other way | nobody |
pub(crate) mod flag {
    pub(crate) const CONSUMER_CLOSED: u64 = 1;
    pub(crate) const PRODUCER_CLOSED: u64 = 2;
    pub(crate) const CONSUMER_ASLEEP: u64 = 4;
    pub(crate) const PRODUCER_ASLEEP: u64 = 8;
    pub(crate) const CONSUMER_BARRIER: u64 = 16;
    pub(crate) const PRODUCER_BARRIER: u64 = 32;
    pub(crate) const CONSUMER_SLEEPY: u64 = 64;
}

/// Frames start at multiples of this, and have a header of this many bytes.
pub(crate) const FRAME_ALIGN: u64 = 16;

/// How a channel's memory file is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// One direction, or two.
    pub(crate) directions: u32,
    /// Length of segment 0 in bytes, a power of two.
    inner_len: u64,
    /// Length of segment 1 in bytes, a power of two.
    pub(crate) first_len: u64,
    /// Segments after segment 0.
    pub(crate) later: u32,
}

impl Geometry {
    /// The division for a queue that has `first_len` bytes in segment 1, and may grow until it holds `quota_bytes`.
    ///
    /// Two segments can hold it all: while the consumer is still in one of them, the producer can move to the other.
    #[must_use]
    pub fn new(directions: u32, first_len: u64, quota_bytes: u64) -> Geometry {
        let mut later = 2;
        while later < MOST_LATER && first_len << (later - 2) < quota_bytes {
            later += 1;
        }
        Geometry {
            directions,
            inner_len: INNER_START / u64::from(directions),
            first_len,
            later,
        }
    }

    /// Checks a division that a peer claims; everything computed from a checked one is in range.
    #[must_use]
    pub fn checked(directions: u32, first_len: u64, later: u32) -> Option<Geometry> {
        let sound = (1..=2).contains(&directions)
            && first_len.is_power_of_two()
            && (4096..=1 << 24).contains(&first_len)
            && (1..=MOST_LATER).contains(&later);
        sound.then(|| Geometry {
            directions,
            inner_len: INNER_START / u64::from(directions),
            first_len,
            later,
        })
    }

    /// The same with another length of segment 0, so that a model of few messages sees it full.
    #[must_use]
    pub fn with_inner_len(self, inner_len: u64) -> Geometry {
        Geometry {
            inner_len: inner_len
                .clamp(4 * FRAME_ALIGN, INNER_START / 2)
                .next_power_of_two(),
            ..self
        }
    }

    /// Length of the whole file.
    #[must_use]
    pub fn file_len(self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.directions) * self.later_len()
    }

    pub(crate) fn segment_len(self, index: u32) -> u64 {
        match index.checked_sub(1) {
            None => self.inner_len,
            Some(doublings) => self.first_len << doublings,
        }
    }

    /// Offset in the file of a segment.
    pub(crate) fn segment_offset(self, direction: u32, index: u32) -> u64 {
        match index.checked_sub(1) {
            None => INNER_START + u64::from(direction) * self.inner_len,
            Some(doublings) => {
                let before = self.first_len * ((1 << doublings) - 1);
                HEADER_LEN as u64 + u64::from(direction) * self.later_len() + before
            }
        }
    }

    /// Bytes of one direction's segments after segment 0.
    fn later_len(self) -> u64 {
        self.first_len * ((1 << self.later) - 1)
    }

    /// Writes the header that tells tools what the file is.
    pub(crate) fn sign(self, base: &Map) {
        use tong_sys::map::Ordering::Relaxed;
        base.word(AT_FIRST_LEN).store(self.first_len, Relaxed);
        let shape =
            u64::from(VERSION) | u64::from(self.directions) << 32 | u64::from(self.later) << 40;
        base.word(AT_SHAPE).store(shape, Relaxed);
        base.word(AT_MAGIC).store(MAGIC, Relaxed);
    }
}

/// Offset of a direction's control block; the same in every file.
pub(crate) fn control(direction: u32) -> usize {
    CONTROL_START + direction as usize * CONTROL_LEN
}

/// Offset of a direction's list of stretches that were taken back.
pub(crate) fn gap_list(direction: u32) -> usize {
    GAP_LISTS + direction as usize * GAP_LIST_LEN
}

/// A segment and a position in one word: positions are multiples of 16 and stay far below 2^60.
pub(crate) fn seat(index: u32, position: u64) -> u64 {
    (position / FRAME_ALIGN) << 8 | u64::from(index)
}

/// The segment and the position of a seat, unchecked.
pub(crate) fn unseat(word: u64) -> (u32, u64) {
    ((word & 0xff) as u32, (word >> 8) * FRAME_ALIGN)
}

/// Space in the ring that a message of `len` bytes takes: a header, and whole 16-byte rows.
pub(crate) fn frame_len(len: usize) -> u64 {
    FRAME_ALIGN + (len as u64).next_multiple_of(FRAME_ALIGN)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn segments_cover_the_file_without_overlap() {
        for directions in 1..=2 {
            let geometry = Geometry::new(directions, 65536, 64 << 20);
            assert_eq!(geometry.later, 12);
            let mut ranges: Vec<(u64, u64)> = (0..directions)
                .flat_map(|direction| (0..=12).map(move |index| (direction, index)))
                .map(|(direction, index)| {
                    (
                        geometry.segment_offset(direction, index),
                        geometry.segment_len(index),
                    )
                })
                .collect();
            ranges.sort_unstable();
            let mut end = INNER_START;
            for (start, len) in ranges {
                assert_eq!(start, end);
                end = start + len;
            }
            assert_eq!(end, geometry.file_len());
        }
    }

    #[test]
    fn control_blocks_end_before_the_first_segment() {
        let geometry = Geometry::new(2, 65536, 1 << 20);
        assert!(control(1) + CONTROL_LEN <= gap_list(0));
        const { assert!(GAPS + 16 * MOST_GAPS <= GAP_LIST_LEN) };
        assert!((gap_list(1) + GAP_LIST_LEN) as u64 <= INNER_START);
        assert_eq!(geometry.segment_offset(0, 1) % 4096, 0);
    }

    #[test]
    fn absurd_claims_about_the_division_are_refused() {
        assert!(Geometry::checked(1, 65536, 10).is_some());
        for (directions, first_len, later) in [
            (0, 65536, 1),
            (3, 65536, 1),
            (1, 65537, 1),
            (1, 0, 1),
            (1, 2048, 1),
            (1, 1 << 25, 1),
            (1, 65536, 0),
            (1, 65536, 21),
        ] {
            assert!(Geometry::checked(directions, first_len, later).is_none());
        }
    }
}
