//! Sleeping: nobody sleeps while there is something to do, and closing ends every wait without losing a message.
//!
//! The kernel's part, an event descriptor in an epoll set that reports each edge, is a `Notify` that remembers a ring. A
//! wake-up that is lost shows as a deadlock, which the checker reports.

use std::sync::Arc;

use loom::sync::Notify;
use loom::thread;
use tong::channel::ring::{self, Consumer, Producer, PushError};

use crate::{explore, message, pop};

/// Both ends' bells.
struct Link {
    to_reader: Notify,
    to_writer: Notify,
}

impl Link {
    fn new() -> Arc<Link> {
        Arc::new(Link {
            to_reader: Notify::new(),
            to_writer: Notify::new(),
        })
    }
}

/// `Sender` of `channel/duplex.rs` without spinning.
struct Sender {
    producer: Producer,
    link: Arc<Link>,
}

impl Sender {
    /// `Sender::send` with `try_send` and `wait_for_room`; `false` when the reader has closed.
    fn send(&mut self, message: &[u8]) -> bool {
        loop {
            if self.producer.peer_closed() {
                return false;
            }
            match self.producer.push(0, message) {
                Ok(asleep) => {
                    if asleep {
                        self.link.to_reader.notify();
                    }
                    return true;
                }
                Err(PushError::Full) => {}
                Err(error) => panic!("{error:?}"),
            }
            if self.producer.sleep_until_read().unwrap() && !self.producer.peer_closed() {
                self.link.to_writer.wait();
            }
        }
    }

    /// `Drop for Sender`.
    fn close(self) {
        if self.producer.close() {
            self.link.to_reader.notify();
        }
    }
}

/// `Receiver` of `channel/duplex.rs` without spinning.
struct Receiver {
    consumer: Consumer,
    link: Arc<Link>,
    /// What its spinner says.
    sleepy: bool,
}

impl Receiver {
    /// `Receiver::recv_until`; `None` when everything was received and the writer has closed.
    fn recv(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((message, asleep)) = pop(&mut self.consumer) {
                if asleep {
                    self.link.to_writer.notify();
                }
                return Some(message);
            }
            if self.consumer.peer_closed() && !self.consumer.has_news() {
                return None;
            }
            if self.consumer.ask_to_ring(self.sleepy) {
                ring::settle();
            }
            if self.consumer.may_sleep() && !self.consumer.peer_closed() {
                self.link.to_reader.wait();
            }
        }
    }

    /// `Drop for Receiver`.
    fn close(self) {
        if self.consumer.close() {
            self.link.to_writer.notify();
        }
    }
}

fn ends(first_len: u64, quota: u64, sleepy: bool) -> (Sender, Receiver) {
    let (producer, consumer) = crate::ring(first_len, quota);
    let link = Link::new();
    (
        Sender {
            producer,
            link: Arc::clone(&link),
        },
        Receiver {
            consumer,
            link,
            sleepy,
        },
    )
}

#[test]
fn reader_that_sleeps_is_woken() {
    for sleepy in [false, true] {
        sleep_for_two_messages(sleepy);
    }
}

fn sleep_for_two_messages(sleepy: bool) {
    explore(
        &format!("reader sleeps, sleepy {sleepy}"),
        Some(4),
        move || {
            let (mut sender, mut receiver) = ends(256, 256, sleepy);
            let writer = thread::spawn(move || {
                for number in 1..=2 {
                    assert!(sender.send(&message(number, 8)));
                }
                // Not closed: only the two wake-ups can end the reader's waits.
                sender
            });
            for number in 1..=2 {
                assert_eq!(receiver.recv(), Some(message(number, 8)));
            }
            writer.join().unwrap();
        },
    );
}

#[test]
fn writer_that_waits_for_room_is_woken() {
    // One frame of 48 bytes fits at a time, so both sides sleep in turn.
    explore("writer sleeps", Some(2), || {
        let (mut sender, mut receiver) = ends(64, 64, false);
        let writer = thread::spawn(move || {
            for number in 1..=3 {
                assert!(sender.send(&message(number, 32)));
            }
            sender
        });
        for number in 1..=3 {
            assert_eq!(receiver.recv(), Some(message(number, 32)));
        }
        writer.join().unwrap();
    });
}

#[test]
fn what_was_written_before_the_close_is_read() {
    for sleepy in [false, true] {
        read_to_the_close(sleepy);
    }
}

fn read_to_the_close(sleepy: bool) {
    explore(&format!("close, sleepy {sleepy}"), Some(3), move || {
        let (mut sender, mut receiver) = ends(256, 256, sleepy);
        let writer = thread::spawn(move || {
            for number in 1..=2 {
                assert!(sender.send(&message(number, 8)));
            }
            sender.close();
        });
        for number in 1..=2 {
            assert_eq!(receiver.recv(), Some(message(number, 8)));
        }
        assert_eq!(receiver.recv(), None);
        writer.join().unwrap();
    });
}

#[test]
fn reader_that_polls_does_not_miss_what_was_written_before_the_close() {
    // Without the edges of bells and locks, only the words themselves order the close after the message.
    explore("close, polled", None, || {
        let (mut producer, mut consumer) = crate::ring(256, 256);
        let writer = thread::spawn(move || {
            producer.push(0, &message(1, 8)).unwrap();
            producer.close();
        });
        let mut got = Vec::new();
        loop {
            if let Some((message, _)) = pop(&mut consumer) {
                got.push(message);
            } else if consumer.peer_closed() && !consumer.has_news() {
                break;
            } else {
                thread::yield_now();
            }
        }
        assert_eq!(got, [message(1, 8)]);
        writer.join().unwrap();
    });
}

#[test]
fn writer_that_waits_for_room_is_woken_by_the_close() {
    explore("reader closes", Some(3), || {
        let (mut sender, mut receiver) = ends(64, 64, false);
        let writer = thread::spawn(move || {
            let mut sent = 0;
            while sent < 3 && sender.send(&message(sent + 1, 32)) {
                sent += 1;
            }
            sent
        });
        assert_eq!(receiver.recv(), Some(message(1, 32)));
        receiver.close();
        let sent = writer.join().unwrap();
        assert!((1..=3).contains(&sent));
    });
}

#[test]
fn reader_that_was_asked_for_every_ring_takes_that_back_and_is_woken_still() {
    // More messages in a row than a sleepy reader wants rung for; then it sleeps again, and only one ring may come.
    explore("streak", Some(3), || {
        let (mut sender, mut receiver) = ends(1024, 1024, true);
        assert!(receiver.consumer.ask_to_ring(true));
        ring::settle();
        assert!(receiver.consumer.may_sleep());
        for number in 0..STREAK {
            assert!(
                sender.producer.push(0, &message(number, 8)).unwrap(),
                "it is sleepy"
            );
        }
        let writer = thread::spawn(move || {
            assert!(sender.send(&message(STREAK, 8)));
            assert!(sender.send(&message(STREAK + 1, 8)));
            sender
        });
        for number in 0..STREAK + 2 {
            assert_eq!(receiver.recv(), Some(message(number, 8)));
        }
        writer.join().unwrap();
    });
}

/// `STREAK` of `channel/ring.rs`, and one.
const STREAK: u8 = 9;
