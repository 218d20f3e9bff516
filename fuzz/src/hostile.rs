//! Peers that write anything anywhere into the shared memory.

use std::time::Duration;

use tong::channel::duplex::Listener;
use tong::channel::layout::Geometry;
use tong::channel::ring::{self, ChannelMemory, Consumer, Producer};
use tong::{ErrorKind, MailslotClient, MailslotServer};

use crate::forged::{self, Forged};
use crate::input::Input;
use crate::place;

/// Messages read at once. A corrupt ring can hold as many as rows; more is an endless loop.
const MOST: usize = 1 << 22;

/// Uses both ends of a ring while its memory is written at random.
///
/// # Panics
/// If an end does, or believes a message that is longer than the memory.
pub fn hostile_ring(data: &[u8]) {
    let mut input = Input::new(data);
    let quota = 4096 << input.below(6);
    let geometry =
        Geometry::new(1, 4096 << input.below(3), quota).with_inner_len(64 << input.below(5));
    let memory = ChannelMemory::create(c"tong-fuzz", geometry).expect("memory");
    let map = forged::whole(&memory);
    let (mut producer, mut consumer) = (memory.producer(0, quota), memory.consumer(0));
    let mut sound = true;
    while sound && input.more() {
        sound = match input.below(8) {
            0..=2 => {
                forged::scribble(&memory, &map, &mut input);
                true
            }
            3 | 4 => push(&mut producer, &mut input),
            5 => sleep(&mut producer, &mut consumer, input.one_in(2)),
            _ => pop(&mut consumer, &mut input, map.len()),
        };
    }
}

fn push(producer: &mut Producer, input: &mut Input<'_>) -> bool {
    let len = input.len(producer.longest_message().min(1 << 17));
    for _ in 0..input.below(20) {
        match producer.push(input.odd_word(), &vec![1; len]) {
            Ok(_) | Err(ring::PushError::Full) => {}
            Err(_) => return false,
        }
    }
    let _ = (
        producer.is_drained(),
        producer.peer_closed(),
        producer.peer_moved(),
    );
    true
}

fn sleep(producer: &mut Producer, consumer: &mut Consumer, always: bool) -> bool {
    if consumer.ask_to_ring(always) {
        ring::settle();
    }
    let _ = (
        consumer.may_sleep(),
        consumer.has_news(),
        consumer.peer_closed(),
    );
    producer.sleep_until_read().is_ok()
}

fn pop(consumer: &mut Consumer, input: &mut Input<'_>, most: usize) -> bool {
    let rows = (most / 16) as u64;
    assert!(consumer.message_count() <= rows && consumer.queued_bytes() <= most as u64);
    for _ in 0..input.below(40) {
        match consumer.front() {
            Ok(None) => return true,
            Ok(Some(frame)) => {
                assert!(frame.len <= most);
                let mut bytes = Vec::new();
                consumer.append_to(frame, &mut bytes);
                assert_eq!(bytes.len(), frame.len);
                consumer.advance(frame);
            }
            Err(ring::Corrupt) => return false,
        }
    }
    true
}

/// A mailslot with two honest writers and one that lies, scribbles, rings and leaves as it likes.
///
/// # Panics
/// If a message of an honest writer is lost, changed or out of the order over both, or the server stops serving.
pub fn hostile_mailslot(data: &[u8]) {
    let mut input = Input::new(data);
    let name = place::fresh_name();
    let quota = 4096 << input.below(8);
    let server = MailslotServer::options()
        .quota_bytes(quota)
        .create(&name)
        .expect("a fresh name");
    let mut honest = Honest {
        clients: [(); 2].map(|()| MailslotClient::open(&name).expect("the mailslot is there")),
        server,
        sent: 0,
        read: 0,
    };
    let mut foe = None;
    while input.more() {
        let forged = foe.get_or_insert_with(|| {
            let forged = Forged::greet(forged::connect_to_mailslot(&name), 1, quota);
            let producer = forged.memory.producer(0, quota);
            (forged, producer)
        });
        match input.below(12) {
            0..=2 => forged.0.scribble(&mut input),
            3 | 4 => {
                // A proper frame with any time in it.
                let _ = forged.1.push(input.odd_word(), input.take(24));
            }
            5 => forged.0.bell.ring(),
            6 if input.one_in(4) => foe = None,
            6 => {
                let _ = tong_sys::socket::send(&forged.0.socket, input.take(50), &[]);
            }
            7..=9 => honest.send(&mut input),
            _ => {
                for _ in 0..input.below(8) {
                    honest.read();
                }
            }
        }
    }
    drop(foe);
    honest.finish();
}

struct Honest {
    server: MailslotServer,
    clients: [MailslotClient; 2],
    sent: u32,
    read: u32,
}

impl Honest {
    const MARK: &'static [u8] = b"I am honest, and this is my message number ";

    fn send(&mut self, input: &mut Input<'_>) {
        let message = [Honest::MARK, &self.sent.to_le_bytes()].concat();
        match self.clients[input.below(2)].send(&message) {
            Ok(()) => self.sent += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::QueueFull, "{error}"),
        }
    }

    /// Reads one message, of whomever; returns whether there was one.
    fn read(&mut self) -> bool {
        let message = match self.server.recv_vec(Some(Duration::ZERO)) {
            Ok(message) => message,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                return false;
            }
        };
        if let Some(number) = message.strip_prefix(Honest::MARK) {
            assert_eq!(
                number,
                self.read.to_le_bytes(),
                "an honest message is missing or out of order"
            );
            self.read += 1;
        }
        true
    }

    fn finish(mut self) {
        for _ in 0..MOST {
            // What a foe wrote without ringing is found by a look at the descriptors, which `info` takes.
            if !self.read() && self.server.info().expect("open").next_len.is_none() {
                assert_eq!(self.read, self.sent, "honest messages were lost");
                return;
            }
        }
        panic!("messages without end");
    }
}

/// The accepting end of a two-way channel whose client scribbles.
///
/// # Panics
/// If the end does, or believes a message that is longer than its buffer.
pub fn hostile_channel(data: &[u8]) {
    let mut input = Input::new(data);
    let quota = 4096 << input.below(8);
    let path = place::fresh_path();
    let listener = Listener::bind(&path).expect("a fresh path");
    let foe = Forged::greet(forged::connect(&path), 2, quota);
    let channel = listener
        .accept(Some(Duration::from_secs(60)))
        .expect("a proper greeting");
    let (mut sender, mut receiver) = channel.split();
    let mut buf = vec![0; 1 << 16];
    while input.more() {
        let done = match input.below(6) {
            0..=2 => {
                foe.scribble(&mut input);
                Ok(0)
            }
            3 => sender.try_send(&vec![2; input.len(1 << 14)]).map(|()| 0),
            4 => receiver.recv_timeout(&mut buf, Duration::from_micros(1)),
            _ => receiver.try_recv(&mut buf),
        };
        match done.map_err(|error| error.kind()) {
            Ok(len) => assert!(len <= buf.len()),
            Err(ErrorKind::BufferTooSmall { needed }) => assert!(needed > buf.len()),
            Err(
                ErrorKind::Closed
                | ErrorKind::Corrupt
                | ErrorKind::TimedOut
                | ErrorKind::QueueFull
                | ErrorKind::MessageTooLong { .. },
            ) => {}
            Err(kind) => panic!("{kind:?}"),
        }
    }
}
