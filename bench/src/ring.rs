//! The bare ring: the smallest single-producer single-consumer queue in shared memory.
//!
//! Slots of fixed size, a position per side, each side remembering what it last saw of the other's. No lengths, no
//! checks of what the other wrote, no notion of death, no sleeping: that is what tong's figures are compared with. A
//! message longer than a slot goes through in pieces, copied in on one side and out on the other at the same time.
//!
//! With several writers each has its own ring ("lane"), and the reader stays with a lane while it yields.
//!
//! ```text
//! a direction:     0        128       4096
//!                  +--------+---------+--------+--------+- -
//!                  | head   | tail    | slot 0 | slot 1 |
//!                  +--------+---------+--------+--------+- -
//! ```

use crate::case::Case;
use crate::link::{Link, Ticket};
use crate::shared::Shared;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

const HEAD: usize = 0;
const TAIL: usize = 128;
const SLOTS: usize = 4096;

/// Sizes of a direction.
#[derive(Clone, Copy, Debug)]
struct Shape {
    slot_len: usize,
    slots: u64,
    direction_len: usize,
}

impl Shape {
    /// Rings of 64 KiB for small messages, of 512 KiB for large ones: both fit the second-level cache.
    fn of(case: &Case) -> Shape {
        let slot_len = case.message_len.clamp(64, 64 * 1024);
        let slots: u64 = if slot_len == 64 { 1024 } else { 8 };
        let bytes = slot_len * if slot_len == 64 { 1024 } else { 8 };
        Shape {
            slot_len,
            slots,
            direction_len: SLOTS + bytes.next_multiple_of(4096),
        }
    }

    fn slot(self, position: u64) -> usize {
        let index = usize::try_from(position % self.slots).unwrap_or(0);
        SLOTS + index * self.slot_len
    }
}

/// Both directions to one peer, seen from one side.
#[derive(Debug)]
struct Lane {
    shared: Shared,
    shape: Shape,
    out_base: usize,
    in_base: usize,
    head: u64,
    tail: u64,
    /// The peer's positions as last read.
    peer_tail: u64,
    peer_head: u64,
}

impl Lane {
    fn new(shared: Shared, shape: Shape, reader: bool) -> Lane {
        let (out_base, in_base) = if reader {
            (shape.direction_len, 0)
        } else {
            (0, shape.direction_len)
        };
        Lane {
            shared,
            shape,
            out_base,
            in_base,
            head: 0,
            tail: 0,
            peer_tail: 0,
            peer_head: 0,
        }
    }

    #[inline]
    fn try_push(&mut self, piece: &[u8]) -> bool {
        if self.head - self.peer_tail == self.shape.slots {
            self.peer_tail = self
                .shared
                .word(self.out_base + TAIL)
                .load(Ordering::Acquire);
            if self.head - self.peer_tail == self.shape.slots {
                return false;
            }
        }
        self.shared
            .put(self.out_base + self.shape.slot(self.head), piece);
        self.head += 1;
        self.shared
            .word(self.out_base + HEAD)
            .store(self.head, Ordering::Release);
        true
    }

    #[inline]
    fn try_pop(&mut self, piece: &mut [u8]) -> bool {
        if self.tail == self.peer_head {
            self.peer_head = self
                .shared
                .word(self.in_base + HEAD)
                .load(Ordering::Acquire);
            if self.tail == self.peer_head {
                return false;
            }
        }
        self.shared
            .take(self.in_base + self.shape.slot(self.tail), piece);
        self.tail += 1;
        self.shared
            .word(self.in_base + TAIL)
            .store(self.tail, Ordering::Release);
        true
    }
}

/// One end: a lane per peer.
#[derive(Debug)]
pub(crate) struct BareRing {
    lanes: Vec<Lane>,
    turn: usize,
    case: Case,
}

impl BareRing {
    /// Moves on to the lane that has something, and takes the first piece of a message from it.
    fn first_piece(&mut self, piece: &mut [u8]) {
        while !self.lanes[self.turn].try_pop(piece) {
            self.turn = if self.turn + 1 == self.lanes.len() {
                0
            } else {
                self.turn + 1
            };
            std::hint::spin_loop();
        }
    }
}

impl Link for BareRing {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let shape = Shape::of(case);
        let mut ring = BareRing {
            lanes: Vec::new(),
            turn: 0,
            case: case.clone(),
        };
        let mut tickets = Vec::new();
        for _ in 0..case.writers {
            let (shared, fd) = Shared::create(2 * shape.direction_len)?;
            ring.lanes.push(Lane::new(shared, shape, true));
            tickets.push(Ticket {
                fds: vec![fd],
                names: Vec::new(),
            });
        }
        Ok((ring, tickets))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let shape = Shape::of(case);
        let shared = Shared::map(ticket.fds[0].as_fd(), 2 * shape.direction_len)?;
        Ok(BareRing {
            lanes: vec![Lane::new(shared, shape, false)],
            turn: 0,
            case: case.clone(),
        })
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let lane = &mut self.lanes[0];
        for piece in message.chunks(lane.shape.slot_len) {
            while !lane.try_push(piece) {
                self.case.relax();
            }
        }
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let slot_len = self.lanes[0].shape.slot_len;
        let (first, rest) = buf.split_at_mut(slot_len.min(buf.len()));
        self.first_piece(first);
        let lane = &mut self.lanes[self.turn];
        for piece in rest.chunks_mut(slot_len) {
            while !lane.try_pop(piece) {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}
