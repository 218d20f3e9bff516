//! Conduits: the writer that takes an entry back against the reader that takes it, writers that sleep until enough was read,
//! and ends that go on where a process was killed.
//!
//! Entries have multiples of 8 bytes and are taken in such parts, as modelled memory is copied. Ends are made before the
//! threads: the checker goes by the last access to a word, and the loads of an end that is made in a thread would hide those
//! of others from the stores that follow.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use loom::sync::Notify;
use loom::thread;
use tong::channel::conduit::{Inlet, Outlet, PipeType, Put, ReadMode, Ticket};
use tong::channel::layout::Geometry;
use tong::channel::ring::{self, ChannelMemory};
use tong_sys::map::{die_after, Killed};

use crate::{explore, message};

fn memory() -> ChannelMemory {
    let geometry = Geometry::new(1, 64, 512).with_inner_len(64);
    ChannelMemory::create(c"tong-model", geometry).unwrap()
}

fn inlet(memory: &ChannelMemory, quota: u64) -> Inlet {
    Inlet::new(memory, 0, quota, PipeType::Message).unwrap()
}

fn outlet(memory: &ChannelMemory, quota: u64) -> Outlet {
    Outlet::new(memory, 0, quota, PipeType::Message).unwrap()
}

fn ends(quota: u64) -> (Inlet, Outlet) {
    let memory = memory();
    (inlet(&memory, quota), outlet(&memory, quota))
}

fn put(inlet: &mut Inlet, number: u8, len: usize) -> Option<Ticket> {
    let placed = inlet.put(&message(number, len), Put::Wait).unwrap();
    placed.ticket
}

/// One part of at most 8 bytes.
fn take(outlet: &mut Outlet, mode: ReadMode) -> Option<Vec<u8>> {
    let mut buf = [0; 8];
    let taken = outlet.take(&mut buf, mode).expect("honest words");
    taken.map(|taken| buf[..taken.bytes].to_vec())
}

/// Everything that is there, in parts.
fn take_all(outlet: &mut Outlet) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(part) = take(outlet, ReadMode::Byte) {
        all.extend(part);
    }
    all
}

#[test]
fn each_byte_is_taken_or_taken_back() {
    for quota in [0, 8] {
        explore(&format!("withdraw, quota {quota}"), Some(5), move || {
            let (mut inlet, mut outlet) = ends(quota);
            let writer = thread::spawn(move || {
                let ticket = put(&mut inlet, 1, 16).expect("beyond the quota");
                let complete = inlet.withdraw(ticket).was_complete;
                put(&mut inlet, 2, 8);
                (inlet, complete)
            });
            let mut got = Vec::new();
            for _ in 0..2 {
                got.extend(take(&mut outlet, ReadMode::Byte).into_iter().flatten());
            }
            let (mut inlet, complete) = writer.join().unwrap();
            got.extend(take_all(&mut outlet));
            let of_first = got.iter().filter(|byte| **byte == 1).count();
            assert_eq!(got, [message(1, of_first), message(2, 8)].concat());
            assert!(if complete {
                of_first == 16
            } else {
                16 - of_first as u64 > quota
            });
            assert_eq!(inlet.unread(), Ok(0));
        });
    }
}

#[test]
fn reader_skips_what_was_taken_back_beside_it() {
    explore("skip", Some(5), || {
        let (mut inlet, mut outlet) = ends(8);
        let first = put(&mut inlet, 1, 16).unwrap();
        let second = put(&mut inlet, 2, 8).unwrap();
        let writer = thread::spawn(move || {
            let first = inlet.withdraw(first).was_complete;
            let second = inlet.is_complete(&second).unwrap();
            (inlet, first, second)
        });
        let mut got = Vec::new();
        got.extend(take(&mut outlet, ReadMode::Byte).into_iter().flatten());
        let (mut inlet, first, second) = writer.join().unwrap();
        assert!(second || first, "8 bytes fit when the first is gone");
        got.extend(take_all(&mut outlet));
        let of_first = got.iter().filter(|byte| **byte == 1).count();
        assert_eq!(got, [message(1, of_first), message(2, 8)].concat());
        assert!(first == (of_first == 16) && (first || of_first < 8 + 1));
        assert_eq!(inlet.unread(), Ok(0));
    });
}

#[test]
fn look_at_the_queue_counts_what_is_there() {
    explore("peek", Some(4), || {
        let (mut inlet, mut outlet) = ends(0);
        put(&mut inlet, 1, 8);
        let writer = thread::spawn(move || {
            let ticket = put(&mut inlet, 2, 16).unwrap();
            inlet.withdraw(ticket);
        });
        let mut buf = [0; 8];
        let seen = outlet.peek(&mut buf).unwrap();
        assert!(seen.any && seen.bytes == 8 && seen.left_of_first == 0);
        assert!(seen.available == 8 || seen.available == 24);
        writer.join().unwrap();
        assert_eq!(outlet.peek(&mut buf).unwrap().available, 8);
    });
}

#[test]
fn waiting_read_makes_room_for_one_write() {
    explore("wanted", Some(5), || {
        let (mut inlet, mut outlet) = ends(0);
        let writer = thread::spawn(move || {
            let taken = (0..2).map(|_| {
                let placed = inlet.put(&message(1, 8), Put::NoWait).unwrap();
                placed.taken
            });
            taken.sum::<usize>()
        });
        outlet.set_wanted(8);
        let first = take(&mut outlet, ReadMode::Message);
        outlet.set_wanted(0);
        let written = writer.join().unwrap();
        let rest = take_all(&mut outlet).len();
        assert!(written <= 8, "only one read waited");
        assert_eq!(first.map_or(0, |first| first.len()) + rest, written);
    });
}

/// What pumps the writing end of a pipe, in its smallest form.
fn wait_until_complete(inlet: &mut Inlet, ticket: &Ticket, bell: &Notify) -> bool {
    loop {
        if inlet.is_complete(ticket).unwrap() {
            return true;
        }
        if inlet.reader_closed() {
            return false;
        }
        if inlet.ask_to_wake().unwrap() && !inlet.reader_closed() {
            bell.wait();
        }
    }
}

#[test]
fn writer_that_sleeps_is_woken_by_a_read_of_part() {
    explore("writer sleeps", Some(4), || {
        let (mut inlet, mut outlet) = ends(8);
        let bell = Arc::new(Notify::new());
        let heard = Arc::clone(&bell);
        let writer = thread::spawn(move || {
            let ticket = put(&mut inlet, 1, 24).unwrap();
            assert!(wait_until_complete(&mut inlet, &ticket, &heard));
            inlet
        });
        let mut left = 2;
        while left > 0 {
            let mut buf = [0; 8];
            match outlet.take(&mut buf, ReadMode::Message).unwrap() {
                Some(taken) => {
                    assert!(taken.more);
                    left -= 1;
                    if taken.wake {
                        bell.notify();
                    }
                }
                None => thread::yield_now(),
            }
        }
        // 8 are unread: only the reads can have ended the wait.
        let mut inlet = writer.join().unwrap();
        assert_eq!(inlet.unread(), Ok(8));
    });
}

#[test]
fn writer_that_sleeps_is_woken_by_the_close() {
    explore("reader closes", Some(5), || {
        let (mut inlet, mut outlet) = ends(0);
        let bell = Arc::new(Notify::new());
        let heard = Arc::clone(&bell);
        let writer = thread::spawn(move || {
            let ticket = put(&mut inlet, 1, 16).unwrap();
            assert!(!wait_until_complete(&mut inlet, &ticket, &heard));
        });
        if outlet
            .take(&mut [0; 8], ReadMode::Message)
            .unwrap()
            .is_some_and(|taken| taken.wake)
        {
            bell.notify();
        }
        if outlet.close() {
            bell.notify();
        }
        writer.join().unwrap();
    });
}

#[test]
fn reader_that_sleeps_is_woken_and_gets_what_was_complete() {
    explore("reader sleeps", Some(2), || {
        let (mut inlet, mut outlet) = ends(8);
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let writer = thread::spawn(move || {
            if inlet.put(&message(1, 8), Put::Wait).unwrap().wake {
                ring.notify();
            }
            if inlet.put(&message(2, 16), Put::Wait).unwrap().wake {
                ring.notify();
            }
            if inlet.close() {
                ring.notify();
            }
        });
        let mut got = Vec::new();
        loop {
            let closed = outlet.writer_closed();
            if let Some(part) = take(&mut outlet, ReadMode::Byte) {
                got.extend(part);
                continue;
            }
            if closed && !outlet.has_news() {
                break;
            }
            if outlet.ask_to_ring(false) {
                ring::settle();
            }
            if outlet.may_sleep() && !outlet.writer_closed() {
                bell.wait();
            }
        }
        writer.join().unwrap();
        assert_eq!(got, [message(1, 8), message(2, 16)].concat());
    });
}

/// Runs `model` with each number of steps until it says that nobody was killed any more.
fn kill_at_every_step(
    name: &str,
    preemptions: usize,
    model: impl Fn(u32) -> bool + Clone + Send + Sync + 'static,
) {
    for steps in 0.. {
        let finished = Arc::new(AtomicBool::new(false));
        let (seen, model) = (Arc::clone(&finished), model.clone());
        explore(
            &format!("{name}, {steps} steps"),
            Some(preemptions),
            move || {
                seen.fetch_or(model(steps), Relaxed);
            },
        );
        if finished.load(Relaxed) {
            return;
        }
    }
}

/// Whether `life` came to its end before the thread had made so many steps.
fn live(steps: u32, life: impl FnOnce()) -> bool {
    die_after(steps);
    let life = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
    if let Err(end) = &life {
        assert!(end.is::<Killed>());
    }
    life.is_ok()
}

#[test]
fn writer_goes_on_where_another_was_killed() {
    kill_at_every_step("killed writer", 3, |steps| {
        let memory = memory();
        let mut outlet = outlet(&memory, 8);
        let mut dying = inlet(&memory, 8);
        let writer = thread::spawn(move || {
            live(steps, || {
                put(&mut dying, 1, 8);
                // To another segment.
                put(&mut dying, 2, 56);
                dying.put(&[], Put::Wait).unwrap();
            })
        });
        let mut got = Vec::new();
        got.extend(take(&mut outlet, ReadMode::Byte).into_iter().flatten());
        let lived = writer.join().unwrap();
        let mut other = inlet(&memory, 8);
        let mark = other.mark();
        put(&mut other, 3, 8);
        let unread = other.unread().unwrap();
        assert_eq!(outlet.peek(&mut []).unwrap().available, unread);
        let rest = take_rest(&mut outlet);
        assert_eq!(rest.len() as u64, unread);
        got.extend(rest);
        let whole =
            |lens: [usize; 2]| [message(1, lens[0]), message(2, lens[1]), message(3, 8)].concat();
        assert!([whole([0, 0]), whole([8, 0]), whole([8, 56])].contains(&got));
        assert!(other.is_flushed(&mark).unwrap());
        assert_eq!(other.unread(), Ok(0));
        lived
    });
}

/// Everything, over empty messages.
fn take_rest(outlet: &mut Outlet) -> Vec<u8> {
    let mut all = Vec::new();
    while outlet.peek(&mut []).unwrap().any {
        all.extend(take(outlet, ReadMode::Byte).unwrap());
    }
    all
}

#[test]
fn writer_goes_on_where_another_was_killed_taking_back() {
    kill_at_every_step("killed withdrawer", 3, |steps| {
        let memory = memory();
        let mut outlet = outlet(&memory, 0);
        let mut dying = inlet(&memory, 0);
        let writer = thread::spawn(move || {
            let ticket = put(&mut dying, 1, 16).unwrap();
            live(steps, || {
                dying.withdraw(ticket);
            })
        });
        let mut got = Vec::new();
        got.extend(take(&mut outlet, ReadMode::Byte).into_iter().flatten());
        let lived = writer.join().unwrap();
        let mut other = inlet(&memory, 0);
        let mark = other.mark();
        put(&mut other, 2, 8);
        got.extend(take_all(&mut outlet));
        let of_first = got.iter().filter(|byte| **byte == 1).count();
        assert_eq!(got, [message(1, of_first), message(2, 8)].concat());
        assert_eq!(other.unread(), Ok(0));
        assert!(other.is_flushed(&mark).unwrap());
        lived
    });
}

#[test]
fn reader_goes_on_where_another_was_killed() {
    kill_at_every_step("killed reader", 3, |steps| {
        let memory = memory();
        let mut inlet = inlet(&memory, 8);
        put(&mut inlet, 1, 8);
        // In another segment.
        let second = put(&mut inlet, 2, 64).unwrap();
        let third = put(&mut inlet, 3, 16).unwrap();
        let mut dying = outlet(&memory, 8);
        let reader = thread::spawn(move || {
            let mut got = 0;
            let mut buf = [0; 48];
            let lived = live(steps, || {
                for _ in 0..4 {
                    let taken = dying.take(&mut buf, ReadMode::Message).unwrap();
                    got += taken.map_or(0, |taken| taken.bytes);
                }
            });
            (lived, got)
        });
        assert!(inlet.is_complete(&second).is_ok());
        let taken_back = !inlet.withdraw(third).was_complete;
        let (lived, got) = reader.join().unwrap();
        let mut other = outlet(&memory, 8);
        let left = inlet.unread().expect("honest words");
        assert_eq!(other.peek(&mut []).unwrap().available, left);
        let rest = take_all(&mut other);
        assert_eq!(rest.len() as u64, left);
        let all = if taken_back { 72 } else { 88 };
        // What the dead one had taken and not told anybody is lost with it: one entry at most.
        let lost = all - got - rest.len();
        assert!([0, 8, 48, 16].contains(&lost), "lost {lost}");
        assert!(!lived || lost == 0);
        let whole = [message(1, 8), message(2, 64), message(3, all - 72)].concat();
        assert!(whole.ends_with(&rest));
        assert_eq!(inlet.unread(), Ok(0));
        lived
    });
}
