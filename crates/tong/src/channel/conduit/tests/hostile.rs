//! A peer that writes what it likes over everything that is shared disturbs this connection and nothing else: no panic, no
//! loop without end.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tong_sys::map::Map;

use super::*;

/// Everything that the peer can write: the first page, and the start of segment 1.
struct Peer {
    random: fastrand::Rng,
    pages: Map,
    words: usize,
}

impl Peer {
    fn new(memory: &ChannelMemory, seed: u64) -> Peer {
        let len = layout::HEADER_LEN + 4096;
        Peer {
            random: fastrand::Rng::with_seed(seed),
            pages: memory.memory().unwrap().map(0, len).unwrap(),
            words: len / 8,
        }
    }

    /// A value that somebody could fall for.
    fn value(&mut self) -> u64 {
        let small = self.random.u64(..5000);
        match self.random.u8(..12) {
            0 => 0,
            1 => small,
            2 => small * 16,
            3 => PENDING | small,
            4 => GONE | small,
            5 => 1 << 32 | small,
            6 => 2 << 32 | self.random.u64(..24),
            7 => layout::seat(self.random.u32(..24), small * 16),
            8 => u64::MAX - small,
            9 => 1 << self.random.u32(..64),
            10 => (small / 16) << 32 | self.random.u64(..100),
            _ => self.random.u64(..),
        }
    }

    fn scribble(&mut self) {
        let value = self.value();
        let at = match self.random.u8(..4) {
            0 => layout::control(0) + 8 * self.random.usize(..32),
            1 => layout::gap_list(0) + 8 * self.random.usize(..8),
            2 => 2048 + 8 * self.random.usize(..32),
            _ => 8 * self.random.usize(8..self.words),
        };
        self.pages.word(at).store(value, Relaxed);
    }
}

/// Uses both ends in every way; what comes of it is not looked at.
struct Victim {
    random: fastrand::Rng,
    memory: ChannelMemory,
    inlet: Inlet,
    outlet: Outlet,
    tickets: Vec<Ticket>,
    buf: Vec<u8>,
}

impl Victim {
    fn new(seed: u64) -> Victim {
        let random = fastrand::Rng::with_seed(seed);
        let kind = if seed % 2 == 0 {
            PipeType::Byte
        } else {
            PipeType::Message
        };
        let memory = memory();
        Victim {
            random,
            inlet: Inlet::new(&memory, 0, 100, kind).unwrap(),
            outlet: Outlet::new(&memory, 0, 100, kind).unwrap(),
            memory,
            tickets: Vec::new(),
            buf: vec![0; 3000],
        }
    }

    fn write(&mut self) {
        match self.random.u8(..10) {
            0..=4 => {
                let len = self.random.usize(..200);
                let mode = *self
                    .random
                    .choice(&[Put::Wait, Put::NoWait, Put::Unlimited])
                    .unwrap();
                let placed = self.inlet.put(&self.buf[..len], mode);
                self.tickets
                    .extend(placed.ok().and_then(|placed| placed.ticket));
            }
            5 => {
                self.tickets.pop().map(|ticket| self.inlet.withdraw(ticket));
            }
            6 => {
                let _ = self.inlet.reload();
            }
            7 => {
                let mark = self.inlet.mark();
                let _ = (self.inlet.is_flushed(&mark), self.inlet.unread());
            }
            8 => {
                let _ = (self.inlet.ask_to_wake(), self.inlet.reader_moved());
            }
            _ => {
                for ticket in &self.tickets {
                    let _ = self.inlet.is_complete(ticket);
                }
                self.tickets.truncate(50);
            }
        }
    }

    fn read(&mut self) {
        let room = self.random.usize(..300);
        let mode = if self.random.bool() {
            ReadMode::Byte
        } else {
            ReadMode::Message
        };
        match self.random.u8(..12) {
            0..=5 => {
                let _ = self.outlet.take(&mut self.buf[..room], mode);
            }
            6 => {
                let _ = self.outlet.take_waiting(&mut self.buf[..room], mode);
            }
            7..=8 => {
                let _ = self.outlet.peek(&mut self.buf[..room]);
            }
            9 => {
                let _ = self.outlet.reload();
            }
            10 => {
                let _ = (self.outlet.ask_to_ring(false), self.outlet.may_sleep());
            }
            _ if self.random.u8(..20) == 0 => self.outlet.writer_gone(),
            _ => self.outlet.set_wanted(room as u64),
        }
    }

    /// An end that has found nonsense is given up; start over with it.
    fn renew(&mut self) {
        let kind = self.outlet.kind;
        if let Ok(inlet) = Inlet::new(&self.memory, 0, 100, kind) {
            self.inlet = inlet;
            self.tickets.clear();
        }
        if let Ok(outlet) = Outlet::new(&self.memory, 0, 100, kind) {
            self.outlet = outlet;
        }
    }
}

#[test]
fn nonsense_between_any_two_steps_is_survived() {
    for seed in 0..400 {
        let mut victim = Victim::new(seed);
        let mut peer = Peer::new(&victim.memory, seed + 1000);
        for step in 0..500 {
            // Mostly honest, so that it gets somewhere between two lies.
            if step % 8 == 0 {
                peer.scribble();
            }
            victim.write();
            victim.read();
            if step % 100 == 99 {
                victim.renew();
            }
        }
    }
}

#[test]
fn nonsense_at_any_moment_is_survived() {
    for seed in 0..20 {
        let mut victim = Victim::new(seed);
        let mut peer = Peer::new(&victim.memory, seed);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    for _ in 0..8 {
                        peer.scribble();
                    }
                    std::thread::yield_now();
                }
            });
            for step in 0..2000 {
                victim.write();
                victim.read();
                if step % 20 == 0 {
                    victim.renew();
                }
            }
            done.store(true, Relaxed);
        });
    }
}

#[test]
fn reader_that_passes_more_than_was_put_is_corrupt() {
    for claim in [6, 1 << 40, u64::MAX] {
        let (mut inlet, _outlet) = bytes(4);
        let ticket = put(&mut inlet, b"abcde").unwrap();
        inlet.producer.word(layout::PASSED).store(claim, Relaxed);
        assert_eq!(inlet.is_complete(&ticket), Err(Corrupt), "claim {claim:#x}");
    }
}

#[test]
fn reader_that_goes_back_is_corrupt() {
    let (mut inlet, mut outlet) = bytes(4);
    put(&mut inlet, b"abcde");
    read(&mut outlet, 3, ReadMode::Byte);
    assert_eq!(inlet.unread(), Ok(2));
    inlet.producer.word(layout::PASSED).store(2, Relaxed);
    assert_eq!(inlet.unread(), Err(Corrupt));
}

#[test]
fn entry_in_an_unknown_state_is_corrupt() {
    for state in [
        1,
        PENDING | 1,
        GONE | 1,
        PENDING | GONE,
        PENDING | 1 << 40,
        u64::MAX,
    ] {
        let (mut inlet, mut outlet) = messages(4);
        let ticket = put(&mut inlet, b"abcde").unwrap();
        ticket.0.place.stamp().store(state, Relaxed);
        let taken = outlet.take(&mut [0; 9], ReadMode::Message);
        assert_eq!(taken, Err(Corrupt), "state {state:#x}");
        assert!(inlet.withdraw(ticket).was_complete || state == PENDING | 1);
    }
}

#[test]
fn entry_that_shrinks_while_it_is_read_is_corrupt() {
    let memory = memory();
    let mut inlet = Inlet::new(&memory, 0, 9, PipeType::Message).unwrap();
    let mut outlet = Outlet::new(&memory, 0, 9, PipeType::Message).unwrap();
    put(&mut inlet, b"abcdefgh");
    read(&mut outlet, 5, ReadMode::Message);
    // The header's first word is before the stamp.
    let page = memory.memory().unwrap().map(0, layout::HEADER_LEN).unwrap();
    page.word(2048).store(1 << 32 | 3, Relaxed);
    assert_eq!(outlet.take(&mut [0; 9], ReadMode::Message), Err(Corrupt));
}

#[test]
fn empty_entry_of_a_byte_pipe_is_corrupt() {
    let memory = memory();
    let mut inlet = Inlet::new(&memory, 0, 9, PipeType::Message).unwrap();
    let mut outlet = Outlet::new(&memory, 0, 9, PipeType::Byte).unwrap();
    put(&mut inlet, b"");
    assert_eq!(outlet.take(&mut [0; 9], ReadMode::Byte), Err(Corrupt));
}

#[test]
fn what_was_read_before_the_nonsense_is_not_lost() {
    let (mut inlet, mut outlet) = bytes(4);
    put(&mut inlet, b"abc");
    let ticket = put(&mut inlet, b"def").unwrap();
    ticket.0.place.stamp().store(u64::MAX, Relaxed);
    assert_eq!(read(&mut outlet, 9, ReadMode::Byte), whole(b"abc"));
    assert_eq!(outlet.take(&mut [0; 9], ReadMode::Byte), Err(Corrupt));
}

#[test]
fn nonsense_in_the_words_of_an_end_is_not_continued() {
    for (word, value) in [
        (layout::TAIL, 8),
        (layout::TAIL, 1 << 61),
        (layout::HEAD, 32),
        (layout::PUT_DONE, u64::MAX),
        (layout::PASSED, 1),
        (layout::PRODUCER_SEATS[0], layout::seat(1, 32)),
        (layout::CONSUMER_SEAT, layout::seat(1, 64)),
        (layout::CONSUMER_SEAT, layout::seat(99, 0)),
    ] {
        let memory = memory();
        memory.word(layout::control(0) + word).store(value, Relaxed);
        let other = layout::control(0) + layout::PRODUCER_SEATS[1];
        memory.word(other).store(layout::seat(1, 64), Relaxed);
        let refused = [
            Inlet::new(&memory, 0, 9, PipeType::Byte).err(),
            Outlet::new(&memory, 0, 9, PipeType::Byte).err(),
        ];
        let kinds: Vec<_> = refused.iter().flatten().map(io::Error::kind).collect();
        assert!(!kinds.is_empty(), "word {word:#x}");
        assert!(kinds.iter().all(|kind| *kind == io::ErrorKind::InvalidData));
    }
}
