//! Both ends of a ring, used in any order by one thread, against a plain queue.

use std::collections::VecDeque;

use tong::channel::layout::Geometry;
use tong::channel::ring::{self, ChannelMemory, Consumer, Frame, Producer, PushError};

use crate::input::Input;
use crate::message::Message;

/// Most bytes that move frames can add to a queue: one for each of at most 20 segments.
const MOVES: u64 = 16 * 22;

/// Drives a ring with random quota and division.
///
/// # Panics
/// If a message is lost, doubled, changed or out of order, is refused though it fits, or accepted though it does not; if a
/// count is wrong; if a request to be woken is not heard, or heard where there was none.
pub fn ring_operations(data: &[u8]) {
    let mut input = Input::new(data);
    let mut ring = Ring::new(&mut input);
    while input.more() {
        ring.step(&mut input);
    }
    while ring.pop(false) {}
    assert!(ring.producer.is_drained());
}

/// Whether the other side is to be told that it must ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    No,
    Yes,
    /// After a request to ring always, which the consumer takes back when it likes.
    Either,
}

struct Ring {
    producer: Producer,
    consumer: Consumer,
    quota: u64,
    queue: VecDeque<Message>,
    next: u32,
    consumer_wants: Wake,
    producer_wants: Wake,
    closed: (bool, bool),
}

impl Ring {
    fn new(input: &mut Input<'_>) -> Ring {
        let quota = match input.below(4) {
            0 => 64 + input.below(4096) as u64,
            1 => 4096 << input.below(5),
            _ => 1 << 17,
        };
        let geometry =
            Geometry::new(1, 4096 << input.below(3), quota).with_inner_len(64 << input.below(5));
        let memory = ChannelMemory::create(c"tong-fuzz", geometry).expect("memory");
        Ring {
            producer: memory.producer(0, quota),
            consumer: memory.consumer(0),
            quota,
            queue: VecDeque::new(),
            next: 0,
            consumer_wants: Wake::No,
            producer_wants: Wake::No,
            closed: (false, false),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=5 => self.push(input),
            6..=9 => {
                self.pop(input.one_in(2));
            }
            10 => self.burst(input),
            11 => self.pop_in_vain(input),
            12 => self.consumer_sleeps(input.one_in(4)),
            13 => self.producer_sleeps(),
            14 => self.count(),
            15 if input.one_in(4) => self.close(input.one_in(2)),
            15 if input.one_in(2) => self.trickle(input),
            _ => while self.pop(true) {},
        }
    }

    fn push(&mut self, input: &mut Input<'_>) {
        let len = input.len(self.producer.longest_message());
        self.push_len(len);
    }

    fn burst(&mut self, input: &mut Input<'_>) {
        let len = input.below(800);
        for _ in 0..input.below(250) {
            self.push_len(len);
        }
    }

    /// Message after message, read at once: lets the ring move back to a smaller segment. A burst may follow when it has
    /// just moved, and the consumer has not.
    fn trickle(&mut self, input: &mut Input<'_>) {
        let len = input.below(400);
        let burst = input.one_in(2);
        while self.pop(true) {}
        for _ in 0..input.below(3000) {
            self.push_len(len);
            let moved = self.consumer.queued_bytes()
                > self.queue.iter().map(|message| message.frame_len()).sum();
            if moved && burst {
                return self.burst(input);
            }
            self.pop(false);
        }
    }

    fn push_len(&mut self, len: usize) {
        let message = Message {
            number: self.next,
            len,
        };
        let queued: u64 = self.queue.iter().map(|message| message.frame_len()).sum();
        let never = self.producer.never_fits(len);
        match self
            .producer
            .push(u64::from(message.number), &message.bytes())
        {
            Ok(asleep) => {
                assert!(!never, "{len} bytes never fit, and did");
                assert!(
                    queued + message.frame_len() <= self.quota,
                    "beyond the quota"
                );
                self.woken(asleep);
                self.queue.push_back(message);
                self.next += 1;
            }
            Err(PushError::Full) => {
                let fits = queued + message.frame_len() + MOVES <= self.quota;
                assert!(
                    never || (!fits && !self.queue.is_empty()),
                    "{len} bytes refused beside {queued}"
                );
            }
            Err(error) => panic!("honest ends: {error:?}"),
        }
    }

    fn woken(&mut self, asleep: bool) {
        match self.consumer_wants {
            Wake::No => assert!(!asleep, "nobody sleeps"),
            Wake::Yes => {
                assert!(asleep, "the consumer sleeps on");
                self.consumer_wants = Wake::No;
            }
            Wake::Either => {}
        }
    }

    fn front(&mut self) -> Option<Frame> {
        let frame = self.consumer.front().expect("an honest ring");
        assert_eq!(
            frame,
            self.queue.front().map(|message| Frame {
                len: message.len,
                stamp: u64::from(message.number)
            })
        );
        frame
    }

    fn pop(&mut self, seeing: bool) -> bool {
        let Some(frame) = self.front() else {
            assert!(!self.consumer.has_news());
            return false;
        };
        let mut bytes = Vec::new();
        self.consumer.append_to(frame, &mut bytes);
        let Some(message) = self.queue.pop_front() else {
            return false;
        };
        message.check(&bytes);
        if !seeing {
            self.consumer.advance(frame);
            return true;
        }
        let asleep = self.consumer.advance_and_see(frame);
        assert_eq!(
            asleep,
            self.producer_wants == Wake::Yes,
            "the producer sleeps, or not"
        );
        self.producer_wants = Wake::No;
        true
    }

    /// What a receiver with too small a buffer does: looks and leaves the message where it is.
    fn pop_in_vain(&mut self, input: &mut Input<'_>) {
        let Some(frame) = self.front() else { return };
        let mut buf = vec![0xee; frame.len + input.below(8)];
        self.consumer.copy_to(frame, &mut buf);
        if let Some(message) = self.queue.front() {
            message.check(&buf[..frame.len]);
        }
        assert!(
            buf[frame.len..].iter().all(|byte| *byte == 0xee),
            "wrote beyond the message"
        );
    }

    fn consumer_sleeps(&mut self, always: bool) {
        if self.consumer.ask_to_ring(always) {
            ring::settle();
        }
        if always {
            self.consumer_wants = Wake::Either;
        }
        let sleeps = self.consumer.may_sleep();
        // What it has not looked at, it may take for news even if it was read away since; it never sleeps on a message.
        assert!(
            !sleeps || self.queue.is_empty(),
            "sleeps on {} messages",
            self.queue.len()
        );
        if self.consumer_wants != Wake::Either {
            self.consumer_wants = if sleeps { Wake::Yes } else { Wake::No };
        }
    }

    fn producer_sleeps(&mut self) {
        let mut sleeps = self.producer.sleep_until_read().expect("an honest ring");
        if !sleeps {
            // The first look took in what had been read; nothing was since.
            sleeps = self.producer.sleep_until_read().expect("an honest ring");
        }
        assert!(sleeps);
        self.producer_wants = Wake::Yes;
    }

    fn count(&mut self) {
        let queued: u64 = self.queue.iter().map(|message| message.frame_len()).sum();
        assert_eq!(self.consumer.message_count(), self.queue.len() as u64);
        assert!((queued..=queued + MOVES).contains(&self.consumer.queued_bytes()));
        assert_eq!(self.producer.is_drained(), self.queue.is_empty());
    }

    fn close(&mut self, consumer: bool) {
        let (asleep, wants) = if consumer {
            self.closed.0 = true;
            (self.consumer.close(), self.producer_wants)
        } else {
            self.closed.1 = true;
            (self.producer.close(), self.consumer_wants)
        };
        // The flag stays, so both may ring: the close and what is written or read after it.
        assert!(wants == Wake::Either || asleep == (wants == Wake::Yes));
        assert_eq!(
            (self.producer.peer_closed(), self.consumer.peer_closed()),
            self.closed
        );
    }
}
