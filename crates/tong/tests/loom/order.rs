//! Arrival order over several writers: a message is never delivered before one whose write had returned before.
//!
//! The mirror follows `object/mailslot/rings.rs` (`oldest`, `look_at_all`, `look_at`, `has_news`, `make_all_idle`,
//! `is_idle_now`, `tired_of`, `handle`), `server.rs` (`State::oldest`, `look_outside`, `Slot::sleep`) and `client.rs`
//! (`End::wake`), line by line, over real rings. Bells in an epoll set are a locked list of the rings that rang; a ring
//! that looks empty once is tired already, so that models stay small.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Mutex, Notify};
use loom::thread;
use tong::channel::ring::{self, Consumer, Frame, Producer};

use crate::{explore, message};

/// `SECOND_LOOKS` of `rings.rs`. Two are enough here: fewer messages than that can appear.
const SECOND_LOOKS: usize = 8;
/// `OUTSIDE_LOOKS` of `server.rs`.
const OUTSIDE_LOOKS: usize = 8;

/// What reader and writers share beside the rings.
#[derive(Default)]
struct Outside {
    /// The page's activity word.
    activity: AtomicU64,
    /// The epoll set's list of members to report.
    rang: Mutex<Vec<usize>>,
    /// Wakes the reader that sleeps on the set.
    woken: Notify,
}

/// A client handle: `MailslotClient`.
struct Writer {
    place: usize,
    producer: Producer,
    outside: Arc<Outside>,
}

impl Writer {
    /// `End::send` with `End::wake`.
    fn send(&mut self, stamp: u64) {
        if self.producer.push(stamp, &message(stamp as u8, 8)).unwrap() {
            self.outside.rang.lock().unwrap().push(self.place);
            self.outside.woken.notify();
            self.outside.activity.fetch_add(1, Ordering::Release);
        }
    }
}

/// `Ring` of `rings.rs`.
struct Ring {
    consumer: Consumer,
    active: bool,
    front: Option<Frame>,
}

/// `State` of `server.rs` with `Rings`.
struct Reader {
    rings: Vec<Ring>,
    active: Vec<usize>,
    outside: Arc<Outside>,
    seen: u64,
    /// Whether a ring that looks empty becomes idle at once.
    tires: bool,
}

impl Reader {
    fn activity_changed(&self) -> bool {
        self.outside.activity.load(Ordering::Acquire) != self.seen
    }

    /// `State::look_outside`.
    fn look_outside(&mut self) {
        self.seen = self.outside.activity.load(Ordering::Acquire);
        self.handle();
    }

    /// `State::handle` with `Rings::handle` and `activate`.
    fn handle(&mut self) {
        let rang = std::mem::take(&mut *self.outside.rang.lock().unwrap());
        for place in rang {
            if !self.rings[place].active {
                self.rings[place].active = true;
                self.active.push(place);
            }
        }
    }

    /// `State::oldest`.
    fn oldest(&mut self) -> Option<(usize, Frame)> {
        for _ in 0..OUTSIDE_LOOKS {
            if self.activity_changed() {
                self.look_outside();
            }
            if let Some(found) = self.oldest_of_active() {
                return Some(found);
            }
            if !self.activity_changed() {
                return None;
            }
        }
        unreachable!("there are fewer messages than looks");
    }

    /// `Rings::oldest`.
    fn oldest_of_active(&mut self) -> Option<(usize, Frame)> {
        let mut best = self.look_at_all()?;
        for _ in 0..SECOND_LOOKS {
            if self.activity_changed() {
                return None;
            }
            if !self.has_news() {
                return Some(best);
            }
            best = self.look_at_all()?;
        }
        unreachable!("there are fewer messages than looks");
    }

    /// `Rings::look_at_all` with `look_at` and `tired_of`.
    fn look_at_all(&mut self) -> Option<(usize, Frame)> {
        let mut best: Option<(usize, Frame)> = None;
        let mut index = 0;
        while index < self.active.len() {
            let place = self.active[index];
            let ring = &mut self.rings[place];
            if ring.front.is_none() {
                ring.front = ring.consumer.front().unwrap();
            }
            let front = ring.front;
            match front {
                Some(frame) => {
                    if best.is_none_or(|(_, other)| frame.stamp < other.stamp) {
                        best = Some((place, frame));
                    }
                }
                None if self.tires && self.tired_of(place) => {
                    self.active.swap_remove(index);
                    continue;
                }
                None => {}
            }
            index += 1;
        }
        best
    }

    /// `Rings::has_news`.
    fn has_news(&self) -> bool {
        self.active.iter().any(|place| {
            self.rings[*place].front.is_none() && self.rings[*place].consumer.has_news()
        })
    }

    /// `Rings::make_all_idle`.
    fn make_all_idle(&mut self, sleepy: bool) -> bool {
        let mut news_to_some = false;
        for place in &self.active {
            news_to_some |= self.rings[*place].consumer.ask_to_ring(sleepy);
        }
        if news_to_some {
            ring::settle();
        }
        let places = std::mem::take(&mut self.active);
        self.active = places
            .into_iter()
            .filter(|place| !self.is_idle_now(*place))
            .collect();
        self.active.is_empty()
    }

    /// `Rings::is_idle_now`.
    fn is_idle_now(&mut self, place: usize) -> bool {
        let ring = &mut self.rings[place];
        ring.active = ring.front.is_some() || !ring.consumer.may_sleep();
        !ring.active
    }

    /// `Rings::tired_of`, of a ring that looked empty long enough.
    fn tired_of(&mut self, place: usize) -> bool {
        if self.rings[place].consumer.ask_to_ring(false) {
            ring::settle();
        }
        self.is_idle_now(place)
    }

    /// `State::take`; the stamp says which message it was.
    fn try_recv(&mut self) -> Option<u64> {
        let (place, frame) = self.oldest()?;
        let ring = &mut self.rings[place];
        let mut got = Vec::new();
        ring.consumer.append_to(frame, &mut got);
        assert_eq!(got, message(frame.stamp as u8, 8));
        ring.consumer.advance(frame);
        ring.front = None;
        Some(frame.stamp)
    }

    /// `Slot::receive` with `Slot::sleep`, without spinning.
    fn recv(&mut self, sleepy: bool) -> u64 {
        loop {
            if let Some(stamp) = self.try_recv() {
                return stamp;
            }
            if self.make_all_idle(sleepy) && !self.activity_changed() {
                self.outside.woken.wait();
                self.handle();
            }
        }
    }
}

/// A mailslot with as many writers as `active` says, whose rings are active at first or idle.
fn mailslot<const N: usize>(active: [bool; N], tires: bool) -> ([Writer; N], Reader) {
    let outside = Arc::new(Outside::default());
    let mut rings = Vec::new();
    let writers = std::array::from_fn(|place| {
        let (producer, consumer) = crate::ring(256, 256);
        rings.push(Ring {
            consumer,
            active: active[place],
            front: None,
        });
        Writer {
            place,
            producer,
            outside: Arc::clone(&outside),
        }
    });
    for ring in &mut rings {
        assert!(ring.active || ring.consumer.sleep_until_written());
    }
    let active = (0..N).filter(|place| active[*place]).collect();
    (
        writers,
        Reader {
            rings,
            active,
            outside,
            seen: 0,
            tires,
        },
    )
}

/// One thread writes to each ring in turn, message 1 to the first; the reader polls meanwhile.
fn poll_while_writers_follow_each_other<const N: usize>(active: [bool; N], tires: bool) {
    let (mut writers, mut reader) = mailslot(active, tires);
    let thread = thread::spawn(move || {
        for (stamp, writer) in (1..).zip(&mut writers) {
            writer.send(stamp);
        }
        writers
    });
    let mut got = Vec::new();
    got.extend(reader.try_recv());
    got.extend(reader.try_recv());
    thread.join().unwrap();
    while let Some(stamp) = reader.try_recv() {
        got.push(stamp);
    }
    assert!(got.iter().copied().eq(1..=N as u64), "delivered {got:?}");
}

#[test]
fn active_rings_are_read_in_the_order_of_their_writes() {
    explore("active, active", None, || {
        poll_while_writers_follow_each_other([true, true], false)
    });
}

#[test]
fn ring_that_was_idle_is_read_before_what_was_written_after() {
    explore("idle, active", None, || {
        poll_while_writers_follow_each_other([false, true], false)
    });
}

#[test]
fn ring_that_becomes_idle_meanwhile_is_read_in_order() {
    explore("tired", Some(3), || {
        poll_while_writers_follow_each_other([true, true], true)
    });
}

#[test]
fn three_rings_are_read_in_the_order_of_their_writes() {
    explore("three", Some(3), || {
        poll_while_writers_follow_each_other([true, false, true], false)
    });
}

#[test]
fn writers_in_threads_of_their_own_are_read_in_order() {
    explore("own threads", Some(3), || {
        let ([mut first, mut second], mut reader) = mailslot([false, true], false);
        let returned = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&returned);
        let one = thread::spawn(move || {
            first.send(1);
            returned.store(1, Ordering::Release);
        });
        let two = thread::spawn(move || {
            let after = seen.load(Ordering::Acquire) == 1;
            second.send(2);
            after
        });
        let mut got = Vec::new();
        got.extend(reader.try_recv());
        one.join().unwrap();
        let after = two.join().unwrap();
        while let Some(stamp) = reader.try_recv() {
            got.push(stamp);
        }
        assert!(
            got == [1, 2] || (!after && got == [2, 1]),
            "delivered {got:?}, the second after the first: {after}"
        );
    });
}

#[test]
fn reader_that_sleeps_is_woken_by_any_writer_and_keeps_the_order() {
    for sleepy in [false, true] {
        sleep_while_writers_follow_each_other(sleepy);
    }
}

fn sleep_while_writers_follow_each_other(sleepy: bool) {
    explore(
        &format!("reader sleeps, sleepy {sleepy}"),
        Some(3),
        move || {
            let ([mut first, mut second], mut reader) = mailslot([true, true], false);
            let writer = thread::spawn(move || {
                first.send(1);
                second.send(2);
                (first, second)
            });
            assert_eq!([reader.recv(sleepy), reader.recv(sleepy)], [1, 2]);
            writer.join().unwrap();
        },
    );
}
