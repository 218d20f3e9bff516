//! The ring: one producer and one consumer pass frames through shared memory.
//!
//! This is the only module that moves ring positions. A *position* counts the bytes ever written; it only grows, and a
//! frame never changes its place once published. Each side owns one position word and keeps its own copy of it; what it
//! reads of the other side's word is a claim, checked once and then used.
//!
//! # Publishing
//! The producer writes a frame beyond the tail, then stores the tail. A producer killed before the store leaves nothing;
//! after it, the whole message.
//!
//! # Sleeping
//! A consumer about to sleep sets its flag, then looks at the tail once more; a producer stores the tail, then looks at the
//! flag. With a full barrier between the two steps on both sides, at least one sees the other, and no wake-up is lost
//! (`tests/loom.rs` checks it). The producer's barrier would cost more than all else, so where the kernel can, the sleeper
//! pays for both: it runs the producer's barrier on the producer's processor ([`barrier`](tong_sys::barrier)), says so
//! with a flag of its own, and the producer leaves its barrier out. The same holds the other way round, for a producer
//! that waits for room.
//!
//! A consumer that sleeps for nearly every message would pay that much each time. It sets another flag once, "ring
//! whenever you publish", and then needs no barrier at all: whatever is not in the tail yet will ring after it is.
//!
//! # Growing
//! A producer that finds no room moves to a segment of at least twice the length: it leaves a *move* frame, for which 16
//! bytes are always kept, and goes on in the new segment. The consumer follows when it gets there and gives the old
//! segment's memory back. A ring that was found nearly empty many times in a row moves back the same way.
//!
//! # Hostile peers
//! A position that runs ahead of what the file can hold, a frame that is longer than what was published, an unknown kind
//! or a move that leads nowhere is [`Corrupt`]: the ring is given up. Nothing read from shared memory is used as an index
//! before it was checked, every offset is masked to the segment, and each step consumes at least one claimed row, so a
//! peer can make its own messages nonsense and nothing else.

use std::io;
use std::sync::Arc;

use tong_sys::barrier;
use tong_sys::map::{Map, Ordering};
use tong_sys::memory::Memory;

use super::layout::{self, flag, Geometry, FRAME_ALIGN};

/// Frame kind: a whole message.
const DATA: u32 = 1;
/// Frame kind: the next frame is in the segment whose index stands in the length field.
const MOVE: u32 = 2;

/// Looks at the head, in a row, that find the ring nearly empty before the producer moves to a smaller segment.
const LOW_LOOKS: u32 = 16;

/// Messages read between two sleeps beyond which ringing at each of them is a waste.
const STREAK: u32 = 8;

/// Memory is reserved behind a segment in steps that double from this.
const RESERVE_MIN: u64 = 16 << 10;
/// Largest such step.
const RESERVE_MAX: u64 = 1 << 20;

/// The peer's words make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Why a message was not published. Nothing of it is visible to the consumer.
#[derive(Debug)]
pub enum PushError {
    /// It does not fit beside what is queued, within the quota.
    Full,
    /// The consumer's words make no sense.
    Corrupt,
    /// The system has no memory to stand behind the ring.
    NoMemory(io::Error),
}

impl From<Corrupt> for PushError {
    fn from(_: Corrupt) -> PushError {
        PushError::Corrupt
    }
}

/// The stretch of the file that frames are in now.
#[derive(Debug)]
struct Segment {
    index: u32,
    map: Arc<Map>,
    /// Offset of the segment in `map`.
    start: usize,
    len: u64,
    /// Position of the first byte ever written to the segment since it was entered.
    base: u64,
}

impl Segment {
    fn first(geometry: Geometry, direction: u32, base_map: &Arc<Map>) -> Segment {
        let start = usize_of(geometry.segment_offset(direction, 0));
        Segment {
            index: 0,
            map: Arc::clone(base_map),
            start,
            len: geometry.segment_len(0),
            base: 0,
        }
    }

    /// The segment `index`, entered at position `base`.
    fn open(shared: &Shared, index: u32, base: u64) -> io::Result<Segment> {
        let (offset, len) = (shared.offset(index), shared.geometry.segment_len(index));
        if index == 0 {
            return Ok(Segment {
                index,
                map: Arc::clone(&shared.base),
                start: usize_of(offset),
                len,
                base,
            });
        }
        let map = Arc::new(shared.memory.map(offset, usize_of(len))?);
        Ok(Segment {
            index,
            map,
            start: 0,
            len,
            base,
        })
    }

    /// Offset in the map of a position; always inside the segment.
    fn at(&self, position: u64) -> usize {
        self.start + usize_of(position.wrapping_sub(self.base) & (self.len - 1))
    }

    fn set_header(&self, position: u64, kind: u32, len: u32, stamp: u64) {
        let at = self.at(position);
        // Published by the store of the tail.
        self.map
            .word(at)
            .store(u64::from(len) | u64::from(kind) << 32, Ordering::Relaxed);
        self.map.word(at + 8).store(stamp, Ordering::Relaxed);
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the word is cut into its two halves"
    )]
    fn header(&self, position: u64) -> (u32, u32, u64) {
        let at = self.at(position);
        let word = self.map.word(at).load(Ordering::Relaxed);
        (
            (word >> 32) as u32,
            word as u32,
            self.map.word(at + 8).load(Ordering::Relaxed),
        )
    }

    /// Bytes from `position` to the end of the segment, where the ring wraps.
    fn until_wrap(&self, position: u64) -> usize {
        self.start + usize_of(self.len) - self.at(position)
    }

    fn copy_in(&self, position: u64, bytes: &[u8]) {
        let (before, after) = bytes.split_at(bytes.len().min(self.until_wrap(position)));
        self.map.copy_in(self.at(position), before);
        if !after.is_empty() {
            self.map.copy_in(self.start, after);
        }
    }

    fn copy_out(&self, position: u64, bytes: &mut [u8]) {
        let split = bytes.len().min(self.until_wrap(position));
        let (before, after) = bytes.split_at_mut(split);
        self.map.copy_out(self.at(position), before);
        if !after.is_empty() {
            self.map.copy_out(self.start, after);
        }
    }

    fn append_to(&self, position: u64, len: usize, target: &mut Vec<u8>) {
        let before = len.min(self.until_wrap(position));
        self.map.append_to(self.at(position), before, target);
        self.map.append_to(self.start, len - before, target);
    }
}

/// What both ends keep about one direction of a channel's memory.
#[derive(Debug)]
struct Shared {
    memory: Arc<Memory>,
    base: Arc<Map>,
    geometry: Geometry,
    direction: u32,
    control: usize,
}

impl Shared {
    fn word(&self, which: usize) -> &tong_sys::map::AtomicU64 {
        self.base.word(self.control + which)
    }

    fn offset(&self, index: u32) -> u64 {
        self.geometry.segment_offset(self.direction, index)
    }

    fn flag(&self, bit: u64) -> bool {
        // Acquire: whoever sees that the other side has closed also sees what it published before.
        self.word(layout::FLAGS).load(Ordering::Acquire) & bit != 0
    }

    fn set_flag(&self, bit: u64) {
        self.word(layout::FLAGS).fetch_or(bit, Ordering::AcqRel);
    }

    /// Clears the flag; returns whether it was set.
    fn clear_flag(&self, bit: u64) -> bool {
        self.word(layout::FLAGS).fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// After a store of our position: whether the other side asked to be woken.
    ///
    /// `promised`: the other side runs a barrier here before it sleeps. Once promised it holds for good.
    #[inline]
    fn asked_to_wake(
        &self,
        asleep: u64,
        sleepy: u64,
        barrier_bit: u64,
        promised: &mut bool,
    ) -> bool {
        // Keeps the store of the position before the load of the flags.
        if *promised {
            barrier::light();
        } else {
            barrier::full();
        }
        let flags = self.word(layout::FLAGS).load(Ordering::Relaxed);
        if !*promised && flags & barrier_bit != 0 {
            *promised = barrier::ready();
        }
        flags & sleepy != 0 || (flags & asleep != 0 && self.clear_flag(asleep))
    }

    /// Asks to be woken. What the other side stored before is seen by a load after [`settle`], and what it stores later
    /// it follows with a look at the flag.
    fn ask_to_wake(&self, asleep: u64) {
        self.set_flag(asleep);
    }
}

/// Runs between asking to be woken and the last look before the sleep; one run serves any number of rings.
pub fn settle() {
    if barrier::ready() {
        barrier::heavy();
    } else {
        barrier::full();
    }
}

/// The memory of a channel, mapped, from which its ends are made.
#[derive(Clone, Debug)]
pub struct ChannelMemory {
    memory: Arc<Memory>,
    base: Arc<Map>,
    geometry: Geometry,
}

impl ChannelMemory {
    /// Makes the memory file of a new channel.
    ///
    /// # Errors
    /// What the system reports: no descriptors, no memory.
    pub fn create(name: &std::ffi::CStr, geometry: Geometry) -> io::Result<ChannelMemory> {
        let memory = Memory::create(name, geometry.file_len())?;
        memory.reserve(0, layout::HEADER_LEN as u64)?;
        let opened = ChannelMemory::open(memory, geometry)?;
        geometry.sign(&opened.base);
        Ok(opened)
    }

    /// Maps memory that a peer made and divided as `geometry` says.
    ///
    /// # Errors
    /// `InvalidData` if the file's length is another; else what mmap reports.
    pub fn open(memory: Memory, geometry: Geometry) -> io::Result<ChannelMemory> {
        if memory.len() != geometry.file_len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let base = Arc::new(memory.map(0, layout::HEADER_LEN)?);
        Ok(ChannelMemory {
            memory: Arc::new(memory),
            base,
            geometry,
        })
    }

    /// The memory file.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How the file is divided.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The producing end of a direction whose ring is fresh. It keeps at most `quota_bytes` queued, headers included.
    #[must_use]
    pub fn producer(&self, direction: u32, quota_bytes: u64) -> Producer {
        let shared = self.shared(direction);
        let segment = Segment::first(self.geometry, direction, &self.base);
        if barrier::ready() {
            shared.set_flag(flag::PRODUCER_BARRIER);
        }
        Producer {
            promised: false,
            shared,
            segment,
            tail: 0,
            head: 0,
            written: 0,
            reserved: self.geometry.segment_len(0),
            quota_bytes,
            low_looks: 0,
        }
    }

    /// The consuming end of a direction, from the first frame on.
    #[must_use]
    pub fn consumer(&self, direction: u32) -> Consumer {
        let shared = self.shared(direction);
        let segment = Segment::first(self.geometry, direction, &self.base);
        if barrier::ready() {
            shared.set_flag(flag::CONSUMER_BARRIER);
        }
        Consumer {
            shared,
            segment,
            head: 0,
            tail: 0,
            read: 0,
            just_moved: false,
            promised: false,
            sleepy: false,
            streak: 0,
        }
    }

    fn shared(&self, direction: u32) -> Shared {
        Shared {
            memory: Arc::clone(&self.memory),
            base: Arc::clone(&self.base),
            geometry: self.geometry,
            direction,
            control: self.geometry.control(direction),
        }
    }
}

/// The writing end of one direction.
#[derive(Debug)]
pub struct Producer {
    shared: Shared,
    segment: Segment,
    /// Ours; the shared word follows it.
    tail: u64,
    /// The consumer's position as last seen, checked.
    head: u64,
    written: u64,
    /// Bytes from the start of the segment that memory stands behind.
    reserved: u64,
    quota_bytes: u64,
    low_looks: u32,
    /// The consumer runs our barrier for us before it sleeps.
    promised: bool,
}

impl Producer {
    /// Publishes one message; returns whether the consumer sleeps and wants its bell rung.
    ///
    /// # Errors
    /// In this order: the consumer's words make no sense; the message does not fit within the quota; no memory.
    pub fn push(&mut self, stamp: u64, message: &[u8]) -> Result<bool, PushError> {
        let Ok(len) = u32::try_from(message.len()) else {
            return Err(PushError::Full);
        };
        let need = layout::frame_len(message.len());
        let at = if self.fits(need) {
            self.tail
        } else {
            self.make_room(need)?
        };
        self.reserve(at + need)?;
        self.segment.set_header(at, DATA, len, stamp);
        self.segment.copy_in(at + FRAME_ALIGN, message);
        Ok(self.publish(at + need))
    }

    /// Whether the consumer has closed.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        self.shared.flag(flag::CONSUMER_CLOSED)
    }

    /// Tells the consumer that no more will come.
    pub fn close(&self) {
        self.shared.set_flag(flag::PRODUCER_CLOSED);
    }

    /// Whether everything written was consumed, by the consumer's word.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.word(layout::HEAD).load(Ordering::Acquire) == self.tail
    }

    /// Whether the consumer has moved on since the last look. Cheap: one load.
    #[must_use]
    pub fn peer_moved(&self) -> bool {
        self.shared.word(layout::HEAD).load(Ordering::Relaxed) != self.head
    }

    /// Length in bytes of the longest message that fits when nothing else is queued.
    #[must_use]
    pub fn longest_message(&self) -> usize {
        let geometry = self.shared.geometry;
        // A frame needs its own header, and the segment keeps room for a move frame.
        let segment = geometry.segment_len(geometry.later) - 2 * FRAME_ALIGN;
        usize_of(segment.min(self.quota_bytes.saturating_sub(FRAME_ALIGN)) & !(FRAME_ALIGN - 1))
            .min(u32::MAX as usize)
    }

    /// Whether a message of that length can never be pushed.
    #[must_use]
    pub fn never_fits(&self, len: usize) -> bool {
        len > self.longest_message()
    }

    /// Asks the consumer to ring when it moves on; returns `false` if it has already gone beyond the last look.
    ///
    /// # Errors
    /// [`Corrupt`] if its position makes no sense.
    pub fn sleep_until_read(&mut self) -> Result<bool, Corrupt> {
        self.shared.ask_to_wake(flag::PRODUCER_ASLEEP);
        settle();
        let (seen, claim) = (
            self.head,
            self.shared.word(layout::HEAD).load(Ordering::Acquire),
        );
        if claim == seen {
            return Ok(true);
        }
        self.shared.clear_flag(flag::PRODUCER_ASLEEP);
        self.accept_head(claim)?;
        Ok(false)
    }

    /// Room in the segment beside what is queued, with 16 bytes kept for a move, and room in the quota.
    fn fits(&self, need: u64) -> bool {
        // Frames of earlier segments take no room in this one.
        let used = self.tail - self.head.max(self.segment.base);
        used + need + FRAME_ALIGN <= self.segment.len
            && self.tail - self.head + need <= self.quota_bytes
    }

    /// Looks at the head again, and moves to another segment if that is called for; returns where the frame goes.
    fn make_room(&mut self, need: u64) -> Result<u64, PushError> {
        let claim = self.shared.word(layout::HEAD).load(Ordering::Acquire);
        self.accept_head(claim)?;
        if self.tail - self.head + need > self.quota_bytes {
            return Err(PushError::Full);
        }
        if !self.fits(need) {
            return self.move_to(self.larger(need)?, need);
        }
        match self.smaller(need) {
            Some(index) => self.move_to(index, need),
            None => Ok(self.tail),
        }
    }

    fn accept_head(&mut self, claim: u64) -> Result<(), Corrupt> {
        if claim < self.head || claim > self.tail || claim % FRAME_ALIGN != 0 {
            return Err(Corrupt);
        }
        self.head = claim;
        Ok(())
    }

    /// The next segment in which the frame has room and some to spare.
    fn larger(&self, need: u64) -> Result<u32, PushError> {
        let geometry = self.shared.geometry;
        let wanted = need.saturating_mul(4);
        (self.segment.index + 1..=geometry.later)
            .find(|index| geometry.segment_len(*index) >= wanted || *index == geometry.later)
            .filter(|index| geometry.segment_len(*index) >= need + FRAME_ALIGN)
            .ok_or(PushError::Full)
    }

    /// A smaller segment, if the last looks found this one nearly empty.
    fn smaller(&mut self, need: u64) -> Option<u32> {
        let used = self.tail - self.head + need;
        let only_this_segment = self.head >= self.segment.base;
        if self.segment.index <= 1 || !only_this_segment || used > self.segment.len / 8 {
            self.low_looks = 0;
            return None;
        }
        self.low_looks += 1;
        if self.low_looks < LOW_LOOKS {
            return None;
        }
        self.low_looks = 0;
        (1..self.segment.index).find(|index| self.shared.geometry.segment_len(*index) >= used * 4)
    }

    /// Leaves a move frame and enters the segment; returns where its first frame, of `need` bytes, goes. Nothing is
    /// published yet.
    fn move_to(&mut self, index: u32, need: u64) -> Result<u64, PushError> {
        let base = self.tail + FRAME_ALIGN;
        let next = Segment::open(&self.shared, index, base).map_err(PushError::NoMemory)?;
        // The 16 bytes for this frame were kept free and reserved with the frame before it.
        self.reserve(base)?;
        // Before the move: a push that failed after it would leave it behind, and the next one might move again.
        let reserved = (need + FRAME_ALIGN).max(RESERVE_MIN).min(next.len);
        self.shared
            .memory
            .reserve(self.shared.offset(index), reserved)
            .map_err(PushError::NoMemory)?;
        self.segment.set_header(self.tail, MOVE, index, 0);
        self.segment = next;
        self.tail = base;
        self.reserved = reserved;
        Ok(base)
    }

    /// Makes sure that memory stands behind the segment up to the position `end`, and for a move frame after it.
    fn reserve(&mut self, end: u64) -> Result<(), PushError> {
        let wanted = (end - self.segment.base + FRAME_ALIGN).min(self.segment.len);
        if wanted <= self.reserved {
            return Ok(());
        }
        let step = self.reserved.clamp(RESERVE_MIN, RESERVE_MAX);
        let until = wanted.max(self.reserved + step).min(self.segment.len);
        let offset = self.shared.offset(self.segment.index) + self.reserved;
        self.shared
            .memory
            .reserve(offset, until - self.reserved)
            .map_err(PushError::NoMemory)?;
        self.reserved = until;
        Ok(())
    }

    fn publish(&mut self, tail: u64) -> bool {
        self.tail = tail;
        self.written += 1;
        self.shared
            .word(layout::WRITTEN)
            .store(self.written, Ordering::Relaxed);
        // Release: the frame before the position.
        self.shared
            .word(layout::TAIL)
            .store(tail, Ordering::Release);
        self.shared.asked_to_wake(
            flag::CONSUMER_ASLEEP,
            flag::CONSUMER_SLEEPY,
            flag::CONSUMER_BARRIER,
            &mut self.promised,
        )
    }
}

/// A message at the head of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Length of the message in bytes.
    pub len: usize,
    /// When it was written, by its writer's word.
    pub stamp: u64,
}

/// The reading end of one direction.
#[derive(Debug)]
pub struct Consumer {
    shared: Shared,
    segment: Segment,
    /// Ours; the shared word follows it.
    head: u64,
    /// The producer's position as last seen, checked.
    tail: u64,
    read: u64,
    /// A move was followed and no message has come since; a second move would be nonsense.
    just_moved: bool,
    /// The producer was asked to ring at every message.
    sleepy: bool,
    /// Messages read since the last sleep.
    streak: u32,
    /// The producer runs our barrier for us before it sleeps.
    promised: bool,
}

impl Consumer {
    /// The oldest message, if there is one. It stays until [`Consumer::advance`].
    ///
    /// # Errors
    /// [`Corrupt`] if the producer's words make no sense; the ring is of no more use.
    #[inline]
    pub fn front(&mut self) -> Result<Option<Frame>, Corrupt> {
        loop {
            if self.head == self.tail && !self.look()? {
                return Ok(None);
            }
            let (kind, len, stamp) = self.segment.header(self.head);
            match kind {
                DATA => return self.checked(len as usize, stamp).map(Some),
                MOVE if !self.just_moved => self.follow(len)?,
                _ => return Err(Corrupt),
            }
        }
    }

    /// Copies the message of [`Consumer::front`] to the start of `buf`, which has room for it.
    pub fn copy_to(&self, frame: Frame, buf: &mut [u8]) {
        self.segment
            .copy_out(self.head + FRAME_ALIGN, &mut buf[..frame.len]);
    }

    /// Appends the message of [`Consumer::front`] to `target`.
    pub fn append_to(&self, frame: Frame, target: &mut Vec<u8>) {
        self.segment
            .append_to(self.head + FRAME_ALIGN, frame.len, target);
    }

    /// Consumes the message of [`Consumer::front`]. The producer of this ring never sleeps.
    pub fn advance(&mut self, frame: Frame) {
        self.step(frame);
        // Release: our copy out before the producer may overwrite.
        self.shared
            .word(layout::HEAD)
            .store(self.head, Ordering::Release);
    }

    /// Consumes the message of [`Consumer::front`]; returns whether the producer sleeps and wants its bell rung.
    pub fn advance_and_see(&mut self, frame: Frame) -> bool {
        self.advance(frame);
        self.shared.asked_to_wake(
            flag::PRODUCER_ASLEEP,
            0,
            flag::PRODUCER_BARRIER,
            &mut self.promised,
        )
    }

    /// Asks the producer to ring at its next message; returns `false` if one is here already.
    #[must_use]
    pub fn sleep_until_written(&mut self) -> bool {
        if self.ask_to_ring(false) {
            settle();
        }
        self.may_sleep()
    }

    /// The first of the steps of [`Consumer::sleep_until_written`], for many rings at once: returns whether a [`settle`]
    /// must follow, one for all; then comes [`Consumer::may_sleep`] of each.
    ///
    /// `always` asks for a ring at every message, until many are read between two sleeps; asking again costs nothing.
    pub fn ask_to_ring(&mut self, always: bool) -> bool {
        if self.sleepy {
            return false;
        }
        self.sleepy = always;
        self.shared.set_flag(if always {
            flag::CONSUMER_SLEEPY
        } else {
            flag::CONSUMER_ASLEEP
        });
        true
    }

    /// The last of the steps: `false`, and the producer need not ring, if a message is here.
    #[must_use]
    pub fn may_sleep(&mut self) -> bool {
        self.streak = 0;
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        let empty = claim == self.head && self.head == self.tail;
        if !empty && !self.sleepy {
            self.shared.clear_flag(flag::CONSUMER_ASLEEP);
        }
        empty
    }

    /// Whether something was written that the last look did not see. Cheap: one load.
    #[must_use]
    #[inline]
    pub fn has_news(&self) -> bool {
        self.shared.word(layout::TAIL).load(Ordering::Relaxed) != self.tail
    }

    /// The producer's position as of the last look at it. What lies beyond was published after that look.
    #[must_use]
    #[inline]
    pub fn seen(&self) -> u64 {
        self.tail
    }

    /// Messages queued, by the producer's count.
    #[must_use]
    pub fn message_count(&self) -> u64 {
        // Acquire orders the count after a position at least as new as any we know.
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        if claim == self.head {
            return 0;
        }
        let most = claim
            .wrapping_sub(self.head)
            .min(self.shared.geometry.file_len())
            / FRAME_ALIGN;
        self.shared
            .word(layout::WRITTEN)
            .load(Ordering::Relaxed)
            .saturating_sub(self.read)
            .clamp(1, most.max(1))
    }

    /// Bytes queued, headers included, by the producer's word.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        let claim = self.shared.word(layout::TAIL).load(Ordering::Relaxed);
        claim
            .wrapping_sub(self.head)
            .min(self.shared.geometry.file_len())
    }

    /// Whether the producer has closed.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        self.shared.flag(flag::PRODUCER_CLOSED)
    }

    /// Tells the producer that no more will be taken.
    pub fn close(&self) {
        self.shared.set_flag(flag::CONSUMER_CLOSED);
    }

    fn step(&mut self, frame: Frame) {
        self.head += layout::frame_len(frame.len);
        self.read += 1;
        self.just_moved = false;
        self.streak = self.streak.saturating_add(1);
        if self.sleepy && self.streak > STREAK {
            self.sleepy = false;
            self.shared.clear_flag(flag::CONSUMER_SLEEPY);
        }
        self.shared
            .word(layout::READ)
            .store(self.read, Ordering::Relaxed);
    }

    /// Takes a new look at the tail; returns whether there is something beyond the head.
    fn look(&mut self) -> Result<bool, Corrupt> {
        // Acquire: pairs with the store that published the frames.
        let claim = self.shared.word(layout::TAIL).load(Ordering::Acquire);
        let ahead = claim.wrapping_sub(self.head);
        if ahead > self.shared.geometry.file_len() || claim % FRAME_ALIGN != 0 {
            return Err(Corrupt);
        }
        self.tail = claim;
        Ok(ahead != 0)
    }

    fn checked(&self, len: usize, stamp: u64) -> Result<Frame, Corrupt> {
        let need = layout::frame_len(len);
        if need > self.tail.wrapping_sub(self.head) || need > self.segment.len {
            return Err(Corrupt);
        }
        Ok(Frame { len, stamp })
    }

    /// Follows the producer into segment `index`, and gives the memory of the one left behind back.
    fn follow(&mut self, index: u32) -> Result<(), Corrupt> {
        if index > self.shared.geometry.later || index == self.segment.index {
            return Err(Corrupt);
        }
        let base = self.head + FRAME_ALIGN;
        let next = Segment::open(&self.shared, index, base).map_err(|_| Corrupt)?;
        let left = std::mem::replace(&mut self.segment, next);
        if left.index != 0 {
            // Before the head is published: after that the producer may come back to this segment.
            let _ = self
                .shared
                .memory
                .release(self.shared.offset(left.index), left.len);
        }
        self.head = base;
        self.just_moved = true;
        Ok(())
    }
}

/// Lengths of segments are at most 16 TiB by geometry, and a usize has 64 bits on every platform that tong runs on.
#[allow(
    clippy::cast_possible_truncation,
    reason = "64-bit platforms only, see below"
)]
fn usize_of(value: u64) -> usize {
    const { assert!(usize::BITS >= 64, "tong needs a 64-bit platform") };
    value as usize
}

#[cfg(all(test, not(loom)))]
#[path = "ring_tests.rs"]
mod tests;
