//! Random walks against a plain model: a queue of entries.

use std::collections::VecDeque;

use super::*;

struct Entry {
    id: u64,
    bytes: Vec<u8>,
    taken: usize,
    /// Bytes from its start that count as read already.
    promised: usize,
    complete: bool,
}

impl Entry {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

/// What the queue should be.
struct Model {
    kind: PipeType,
    quota: usize,
    queue: VecDeque<Entry>,
    wanted: usize,
    next: u64,
}

impl Model {
    fn unread(&self) -> usize {
        self.queue.iter().map(|entry| entry.rest().len()).sum()
    }

    /// What counts against the quota.
    fn weight(&self) -> usize {
        self.queue.iter().map(weight).sum()
    }

    /// Entries become complete, and stay so.
    fn settle(&mut self) {
        let mut before = 0;
        for entry in &mut self.queue {
            before += weight(entry);
            entry.complete |= before <= self.quota;
        }
    }

    /// What a put takes, and whether it is complete.
    fn put(&mut self, bytes: &[u8], mode: Put) -> (usize, bool) {
        if bytes.is_empty() && self.kind == PipeType::Byte {
            return (0, true);
        }
        let mut promised = 0;
        if !bytes.is_empty() && self.weight() + bytes.len() > self.quota {
            // Only now waiting reads count: they get the first entry.
            match self.queue.front_mut() {
                None => promised = bytes.len().min(self.wanted),
                Some(first) if self.wanted > first.promised => {
                    first.promised = self.wanted.min(first.bytes.len());
                }
                Some(_) => {}
            }
            self.settle();
        }
        let fits = bytes.is_empty() || self.weight() + bytes.len() - promised <= self.quota;
        let (len, complete) = match mode {
            _ if fits => (bytes.len(), true),
            Put::Wait => (bytes.len(), false),
            Put::Unlimited => (bytes.len(), true),
            Put::NoWait if self.kind == PipeType::Message || promised == 0 => return (0, true),
            Put::NoWait => (promised, true),
        };
        self.next += 1;
        self.queue.push_back(Entry {
            id: self.next,
            bytes: bytes[..len].to_vec(),
            taken: 0,
            promised,
            complete,
        });
        self.settle();
        (len, complete)
    }

    fn take(&mut self, room: usize, mode: ReadMode, most: usize) -> Option<(Vec<u8>, bool)> {
        let first = self.queue.front()?;
        if first.bytes.is_empty() {
            self.queue.pop_front();
            self.wanted = 0;
            return Some((Vec::new(), false));
        }
        let mut got = Vec::new();
        let mut more = false;
        let most = if mode == ReadMode::Message { 1 } else { most };
        for _ in 0..most {
            let Some(entry) = self.queue.front_mut() else {
                break;
            };
            let part = entry.rest().len().min(room - got.len());
            if part == 0 && !(got.is_empty() && room == 0) {
                break;
            }
            got.extend(&entry.rest()[..part]);
            entry.taken += part;
            more = !entry.rest().is_empty();
            if more {
                break;
            }
            self.queue.pop_front();
        }
        if !got.is_empty() {
            self.wanted = 0;
        }
        self.settle();
        Some((got, more && mode == ReadMode::Message))
    }

    fn peek(&self, room: usize) -> (Vec<u8>, u64, u64, bool) {
        let Some(first) = self.queue.front() else {
            return (Vec::new(), 0, 0, false);
        };
        let available = self.unread() as u64;
        let mut seen: Vec<u8> = match self.kind {
            PipeType::Message => first.rest().to_vec(),
            PipeType::Byte => self.queue.iter().flat_map(Entry::rest).copied().collect(),
        };
        let all = seen.len();
        seen.truncate(room);
        let left = match self.kind {
            PipeType::Message => (all - seen.len()) as u64,
            PipeType::Byte => 0,
        };
        (seen, available, left, true)
    }
}

fn weight(entry: &Entry) -> usize {
    entry.bytes.len() - entry.taken.max(entry.promised)
}

/// Both, side by side.
struct Walk {
    random: fastrand::Rng,
    memory: ChannelMemory,
    inlet: Inlet,
    outlet: Outlet,
    model: Model,
    tickets: Vec<(u64, Ticket)>,
    marks: Vec<(u64, Mark)>,
}

impl Walk {
    fn new(seed: u64) -> Walk {
        let mut random = fastrand::Rng::with_seed(seed);
        let kind = *random.choice(&[PipeType::Byte, PipeType::Message]).unwrap();
        let quota = *random.choice(&[0, 1, 40, 300, 4096]).unwrap();
        let geometry =
            Geometry::new(1, 4096, 1 << 24).with_inner_len(*random.choice(&[64, 256]).unwrap());
        let memory = ChannelMemory::create(c"tong-test", geometry).unwrap();
        Walk {
            inlet: Inlet::new(&memory, 0, quota, kind).unwrap(),
            outlet: Outlet::new(&memory, 0, quota, kind).unwrap(),
            memory,
            random,
            model: Model {
                kind,
                quota: usize::try_from(quota).unwrap(),
                queue: VecDeque::new(),
                wanted: 0,
                next: 0,
            },
            tickets: Vec::new(),
            marks: Vec::new(),
        }
    }

    fn len(&mut self) -> usize {
        match self.random.u8(..10) {
            0 => 0,
            1 => self.model.quota,
            2 => self.model.quota + self.random.usize(..5),
            3 => self.random.usize(..5000),
            _ => self.random.usize(..50),
        }
    }

    fn step(&mut self) {
        match self.random.u8(..20) {
            // Not faster in than out, in the long run.
            0..=5 if self.model.queue.len() < 60 => self.put(),
            0..=10 => self.take(),
            11..=12 => self.withdraw(),
            13..=14 => self.peek(),
            15 => self.want(),
            16 => self.marks.push((self.model.next, self.inlet.mark())),
            17 => self.continue_writer(),
            18 => self.continue_reader(),
            _ => self.reload(),
        }
        self.compare();
    }

    fn put(&mut self) {
        // What waiting reads are going to get is only known of a first entry that stands in the writer's segment and was not
        // taken back; in life they have read it long before that changes.
        let known = self.inlet.producer.front_len();
        let first = self.model.queue.front();
        if first.is_some_and(|first| known != Some(first.bytes.len() as u64)) {
            self.outlet.set_wanted(0);
            self.model.wanted = 0;
        }
        let len = self.len();
        let bytes: Vec<u8> = (0..len).map(|_| self.random.u8(..)).collect();
        let mode = *self
            .random
            .choice(&[Put::Wait, Put::Wait, Put::NoWait, Put::Unlimited])
            .unwrap();
        let placed = self.inlet.put(&bytes, mode).unwrap();
        let expected = self.model.put(&bytes, mode);
        assert_eq!(
            (placed.taken, placed.ticket.is_none()),
            expected,
            "put {len} {mode:?}"
        );
        if let Some(ticket) = placed.ticket {
            self.tickets.push((self.model.next, ticket));
        }
    }

    fn take(&mut self) {
        let room = self.len();
        let mode = match self.model.kind {
            PipeType::Message if self.random.bool() => ReadMode::Message,
            _ => ReadMode::Byte,
        };
        let mut buf = vec![0; room];
        let (taken, most) = if self.random.bool() {
            (self.outlet.take(&mut buf, mode), usize::MAX)
        } else {
            (self.outlet.take_waiting(&mut buf, mode), 1)
        };
        let taken = taken
            .unwrap()
            .map(|taken| (buf[..taken.bytes].to_vec(), taken.more));
        assert_eq!(
            taken,
            self.model.take(room, mode, most),
            "take {room} {mode:?} {most}"
        );
    }

    fn withdraw(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        let (id, ticket) = self
            .tickets
            .swap_remove(self.random.usize(..self.tickets.len()));
        let pending = self
            .model
            .queue
            .iter()
            .position(|entry| entry.id == id && !entry.complete);
        assert_eq!(
            self.inlet.withdraw(ticket).was_complete,
            pending.is_none(),
            "withdraw {id}"
        );
        if let Some(index) = pending {
            self.model.queue.remove(index);
            self.model.settle();
        }
    }

    fn peek(&mut self) {
        let room = self.len();
        assert_eq!(
            peek(&mut self.outlet, room),
            self.model.peek(room),
            "peek {room}"
        );
    }

    fn want(&mut self) {
        // Reads wait only while nothing is there.
        if self.model.queue.is_empty() && peek(&mut self.outlet, 0) == (vec![], 0, 0, false) {
            self.model.wanted = self.random.usize(..60);
            self.outlet.set_wanted(self.model.wanted as u64);
        }
    }

    /// Another process goes on with the writing end.
    fn continue_writer(&mut self) {
        if self.inlet.gaps.count() <= layout::MOST_GAPS {
            let quota = self.model.quota as u64;
            self.inlet = Inlet::new(&self.memory, 0, quota, self.model.kind).unwrap();
        }
    }

    /// Another process goes on with the reading end.
    fn continue_reader(&mut self) {
        let quota = self.model.quota as u64;
        self.outlet = Outlet::new(&self.memory, 0, quota, self.model.kind).unwrap();
    }

    fn reload(&mut self) {
        if self.inlet.gaps.count() <= layout::MOST_GAPS {
            self.inlet.reload().unwrap();
        }
        self.outlet.reload().unwrap();
    }

    fn compare(&mut self) {
        assert_eq!(self.inlet.unread().unwrap(), self.model.unread() as u64);
        let model = &self.model;
        let inlet = &mut self.inlet;
        self.tickets.retain(|(id, ticket)| {
            let pending = model
                .queue
                .iter()
                .any(|entry| entry.id == *id && !entry.complete);
            let complete = inlet.is_complete(ticket).unwrap();
            assert_eq!(complete, !pending, "ticket {id}");
            pending
        });
        self.marks.retain(|(id, mark)| {
            let unread = model.queue.iter().any(|entry| entry.id <= *id);
            assert_eq!(inlet.is_flushed(mark).unwrap(), !unread, "mark after {id}");
            unread
        });
    }

    /// The writer goes; what was complete is read.
    fn end(mut self) {
        self.inlet.close();
        self.outlet.writer_gone();
        self.model.queue.retain(|entry| entry.complete);
        loop {
            self.peek();
            self.take();
            if self.model.queue.is_empty() {
                break;
            }
        }
        assert_eq!(
            self.outlet.take(&mut [0; 10], ReadMode::Byte).unwrap(),
            None
        );
    }
}

/// P10.1, P11.3 to P11.9, P12.1 to P12.8, P13.1 to P13.12, P14.6 to P14.9, P15.1 to P15.8, P16.3 to P16.9.
#[test]
fn conduit_does_what_a_plain_queue_does() {
    for seed in 0..300 {
        let mut walk = Walk::new(seed);
        let steps = 300 + walk.random.usize(..700);
        for step in 0..steps {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk.step()));
            if caught.is_err() {
                panic!("seed {seed}, step {step}");
            }
        }
        walk.end();
    }
}
