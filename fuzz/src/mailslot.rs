//! A mailslot and several clients, used in any order by one thread, against one plain queue.
//!
//! In one thread every write follows the one before it, so the order over all writers is exact.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};
use tong_sys::bell::BellSet;

use crate::input::Input;
use crate::message::Message;
use crate::place;

/// Most bytes that move frames can add to a writer's queue.
const MOVES: u64 = 16 * 22;

/// Drives a mailslot with random limits.
///
/// # Panics
/// If messages do not come out in the order of their writes, whole and once; if a call fails that must not, or the other
/// way round; if what the mailslot says about itself is not so.
pub fn mailslot_operations(data: &[u8]) {
    let mut input = Input::new(data);
    let mut slot = Slot::new(&mut input);
    while input.more() {
        slot.step(&mut input);
    }
    while slot.read(usize::MAX) {}
}

struct Slot {
    name: MailslotName,
    server: MailslotServer,
    ready: Option<BellSet>,
    max_message: usize,
    quota: u64,
    timeout: Option<Duration>,
    clients: Vec<Client>,
    queue: VecDeque<(u32, Message)>,
    next_message: u32,
    next_client: u32,
}

struct Client {
    id: u32,
    handle: MailslotClient,
    /// Its server is gone.
    orphan: bool,
}

impl Slot {
    fn new(input: &mut Input<'_>) -> Slot {
        let name = place::fresh_name();
        let max_message = if input.one_in(2) {
            0
        } else {
            1 + input.below(3000)
        };
        let quota = 4096 << input.below(6);
        let timeout = Some(Duration::ZERO);
        let server = create(&name, max_message, quota, timeout);
        Slot {
            name,
            server,
            ready: None,
            max_message,
            quota,
            timeout,
            clients: Vec::new(),
            queue: VecDeque::new(),
            next_message: 0,
            next_client: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(20) {
            0..=6 => self.write(input),
            7..=10 => {
                self.read(usize::MAX);
            }
            11 => {
                let room = input.below(100);
                self.read(room);
            }
            12 => self.info(),
            13 => self.set_timeout(input),
            14 | 15 => self.open(),
            16 => self.close_client(input),
            17 => self.watch(),
            18 if input.one_in(8) => self.reopen(),
            18 => self.duplicate(),
            _ => self.burst(input),
        }
        self.check_readiness();
    }

    fn open(&mut self) {
        if self.clients.len() < 12 {
            let handle = MailslotClient::open(&self.name).expect("the mailslot is there");
            assert_eq!(handle.max_message_len() as usize, self.max_message);
            self.clients.push(Client {
                id: self.next_client,
                handle,
                orphan: false,
            });
            self.next_client += 1;
        }
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let which = input.below(self.clients.len().max(1));
        let limit = if self.max_message == 0 {
            usize::try_from(self.quota).expect("64 bits")
        } else {
            self.max_message
        };
        let len = input.len(limit);
        self.write_len(which, len);
    }

    fn burst(&mut self, input: &mut Input<'_>) {
        let len = input.below(100);
        for _ in 0..input.below(100) {
            let which = input.below(self.clients.len().max(1));
            self.write_len(which, len);
        }
    }

    fn write_len(&mut self, which: usize, len: usize) {
        let Some(client) = self.clients.get(which) else {
            return;
        };
        let message = Message {
            number: self.next_message,
            len,
        };
        let queued: u64 = self
            .queue
            .iter()
            .filter(|(id, _)| *id == client.id)
            .map(|(_, other)| other.frame_len())
            .sum();
        let sent = client
            .handle
            .send(&message.bytes())
            .map_err(|error| error.kind());
        let too_long = self.max_message != 0 && len > self.max_message;
        match sent {
            Err(ErrorKind::MessageTooLong { limit }) => {
                assert!(too_long && limit == self.max_message)
            }
            Err(ErrorKind::Closed) => assert!(client.orphan && !too_long),
            Err(ErrorKind::QueueFull) => {
                assert!(
                    queued + message.frame_len() + MOVES > self.quota,
                    "{len} bytes refused beside {queued}"
                );
            }
            Ok(()) => {
                assert!(!too_long && !client.orphan && queued + message.frame_len() <= self.quota);
                self.queue.push_back((client.id, message));
                self.next_message += 1;
            }
            Err(kind) => panic!("write of {len} bytes: {kind:?}"),
        }
    }

    /// Reads into at most `room` bytes; returns whether there was a message that fitted.
    fn read(&mut self, room: usize) -> bool {
        let expected = self.queue.front().map(|(_, message)| *message);
        let mut buf = vec![0; room.min(expected.map_or(0, |message| message.len) + 8)];
        let got = if self.timeout == Some(Duration::ZERO) {
            self.server.read(&mut buf)
        } else {
            self.server.try_recv(&mut buf)
        };
        match (got.map_err(|error| error.kind()), expected) {
            (Err(ErrorKind::TimedOut), None) => false,
            (Err(ErrorKind::BufferTooSmall { needed }), Some(message)) => {
                assert!(needed == message.len && needed > buf.len());
                false
            }
            (Ok(len), Some(message)) => {
                message.check(&buf[..len]);
                self.queue.pop_front();
                true
            }
            (got, expected) => panic!("read {got:?} where {expected:?} was next"),
        }
    }

    fn info(&mut self) {
        let info = self.server.info().expect("open");
        let queued: u64 = self
            .queue
            .iter()
            .map(|(_, message)| message.frame_len())
            .sum();
        assert_eq!(info.max_message_len as usize, self.max_message);
        assert_eq!(
            info.next_len,
            self.queue.front().map(|(_, message)| message.len)
        );
        assert_eq!(info.message_count, self.queue.len() as u64);
        assert!(
            info.queued_bytes >= queued
                && info.queued_bytes <= queued + MOVES * u64::from(self.next_client)
        );
        assert_eq!(info.read_timeout, self.timeout);
        let open = self.clients.iter().filter(|client| !client.orphan).count();
        assert!(
            info.writers >= open,
            "{} writers, {open} open",
            info.writers
        );
    }

    fn set_timeout(&mut self, input: &mut Input<'_>) {
        self.timeout = match input.below(4) {
            0 => None,
            1 => Some(Duration::from_millis(1 + input.below(1000) as u64)),
            _ => Some(Duration::ZERO),
        };
        self.server.set_read_timeout(self.timeout).expect("open");
    }

    fn close_client(&mut self, input: &mut Input<'_>) {
        if !self.clients.is_empty() {
            let which = input.below(self.clients.len());
            self.clients.swap_remove(which);
        }
    }

    fn duplicate(&mut self) {
        let other = self.server.clone();
        assert!(other.same_object(&self.server));
        // The first handle goes; the mailslot stays, and so does the descriptor that is watched.
        self.server = other;
    }

    fn reopen(&mut self) {
        assert_eq!(
            MailslotServer::create(&self.name)
                .map_err(|error| error.kind())
                .err(),
            Some(ErrorKind::AlreadyExists)
        );
        self.ready = None;
        self.server.close();
        assert_eq!(
            self.server.info().map_err(|error| error.kind()).err(),
            Some(ErrorKind::Closed)
        );
        self.server = create(&self.name, self.max_message, self.quota, self.timeout);
        self.queue.clear();
        for client in &mut self.clients {
            client.orphan = true;
        }
    }

    fn watch(&mut self) {
        if self.ready.is_none() {
            let set = BellSet::create().expect("descriptors");
            set.add_level(self.server.as_fd(), 1)
                .expect("a descriptor that can be polled");
            self.ready = Some(set);
        }
    }

    /// The descriptor is readable exactly while a message is queued.
    fn check_readiness(&mut self) {
        if self.ready.is_none() || self.readable() != self.queue.is_empty() {
            return;
        }
        assert!(
            self.queue.is_empty(),
            "silent with {} messages",
            self.queue.len()
        );
        // Something came that was no message, such as a client. Reads that find nothing look at it, some time soon.
        for _ in 0..1000 {
            assert!(!self.read(0));
            if !self.readable() {
                return;
            }
            std::thread::sleep(Duration::from_micros(20));
        }
        panic!("readable without a message");
    }

    fn readable(&self) -> bool {
        let mut reports = Vec::new();
        if let Some(set) = &self.ready {
            set.wait(&mut reports, Some(Duration::ZERO)).expect("a set");
        }
        !reports.is_empty()
    }
}

fn create(
    name: &MailslotName,
    max_message: usize,
    quota: u64,
    timeout: Option<Duration>,
) -> MailslotServer {
    MailslotServer::options()
        .max_message_len(u32::try_from(max_message).expect("small"))
        .quota_bytes(quota)
        .read_timeout(timeout)
        .create(name)
        .expect("a fresh name")
}
