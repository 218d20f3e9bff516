//! Frames: what was pushed comes out whole, once and in order, whatever the place, the segment and the death.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::Arc;

use loom::thread;
use tong::channel::ring::{Consumer, Producer, PushError};
use tong_sys::map::{die_after, Killed};

use crate::{explore, message, pop, ring};

/// Pushes messages 1, 2, ... of these lengths, trying again while the ring is full.
fn push_all(producer: &mut Producer, lens: &[usize]) {
    for (number, len) in (1u8..).zip(lens) {
        while let Err(error) = producer.push(0, &message(number, *len)) {
            assert!(matches!(error, PushError::Full), "{error:?}");
            thread::yield_now();
        }
    }
}

/// Pops messages 1, 2, ... of these lengths, and nothing else.
fn pop_all(consumer: &mut Consumer, lens: &[usize]) {
    for (number, len) in (1u8..).zip(lens) {
        let got = loop {
            match pop(consumer) {
                Some((got, _)) => break got,
                None => thread::yield_now(),
            }
        };
        assert_eq!(got, message(number, *len));
    }
    assert!(pop(consumer).is_none());
}

fn pass(first_len: u64, quota: u64, lens: &'static [usize]) {
    let (mut producer, mut consumer) = ring(first_len, quota);
    let writer = thread::spawn(move || {
        push_all(&mut producer, lens);
        producer
    });
    pop_all(&mut consumer, lens);
    let producer = writer.join().unwrap();
    assert!(producer.is_drained());
    assert_eq!(consumer.message_count(), 0);
}

#[test]
fn messages_come_out_whole_and_in_order() {
    explore("three messages", None, || pass(256, 256, &[16, 0, 24]));
}

#[test]
fn messages_that_wrap_around_the_end_come_out_whole() {
    // A frame takes 48 bytes of 64, so the second is cut in two and the third overwrites both.
    explore("wrap", None, || pass(64, 64, &[32, 32, 32]));
}

#[test]
fn messages_follow_the_ring_into_larger_segments() {
    // 64 bytes, then 128, then 512; the one of 128 is given back on the way.
    explore("growth", Some(4), || pass(64, 256, &[16, 16, 80, 8]));
}

/// A ring after a burst, in a segment of 256 bytes and empty.
fn ring_after_burst() -> (Producer, Consumer) {
    let (mut producer, mut consumer) = ring(64, 256);
    // One in segment 0, three in segment 2, the last in segment 3.
    push_all(&mut producer, &[16; 5]);
    pop_all(&mut consumer, &[16; 5]);
    (producer, consumer)
}

/// How many messages of 16 bytes, each read at once, such a ring takes before it moves back.
fn messages_before_the_return() -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    explore("alone", Some(0), move || {
        let (mut producer, mut consumer) = ring_after_burst();
        for number in 0..1000 {
            let before = consumer.seen();
            push_all(&mut producer, &[16]);
            pop_all(&mut consumer, &[16]);
            // A frame takes 32 bytes, and 48 with a move.
            if consumer.seen() - before == 48 {
                return counted.store(number, Relaxed);
            }
        }
        panic!("it does not move back");
    });
    count.load(Relaxed)
}

#[test]
fn segment_that_was_left_is_used_again_only_when_the_reader_has_left_it() {
    let alone = messages_before_the_return();
    explore("return", Some(2), move || {
        let (mut producer, mut consumer) = ring_after_burst();
        for _ in 0..alone {
            push_all(&mut producer, &[16]);
            pop_all(&mut consumer, &[16]);
        }
        // The first moves to segment 2, where three have room; the next goes up again, while the reader is anywhere.
        let lens = &[16; 6];
        let writer = thread::spawn(move || push_all(&mut producer, lens));
        pop_all(&mut consumer, lens);
        writer.join().unwrap();
    });
}

#[test]
fn count_of_messages_is_never_zero_while_one_can_be_read() {
    explore("count", None, || {
        let (mut producer, mut consumer) = ring(256, 256);
        let writer = thread::spawn(move || push_all(&mut producer, &[8, 8]));
        let counted = consumer.message_count();
        assert!(counted <= 2);
        if counted > 0 {
            assert!(pop(&mut consumer).is_some(), "counted {counted}");
        } else if pop(&mut consumer).is_some() {
            assert!(consumer.message_count() <= 1);
        }
        writer.join().unwrap();
    });
}

/// Kills a writer before each of its steps in turn; the reader sees whole messages, and all whose push returned.
fn kill_at_every_step(name: &str, first_len: u64, quota: u64, lens: &'static [usize]) {
    for steps in 0.. {
        let finished = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&finished);
        explore(&format!("{name}, {steps} steps"), None, move || {
            let (producer, mut consumer) = ring(first_len, quota);
            let writer = thread::spawn(move || write_until_killed(producer, lens, steps));
            let mut read = 0;
            for _ in 0..2 {
                read += pop_next(&mut consumer, lens, read);
            }
            let returned = writer.join().unwrap();
            while pop_next(&mut consumer, lens, read) == 1 {
                read += 1;
            }
            assert!(
                read == returned || read == returned + 1,
                "read {read}, written {returned}"
            );
            assert!(returned < lens.len() || read == returned);
            seen.fetch_or(returned == lens.len(), Relaxed);
        });
        if finished.load(Relaxed) {
            return;
        }
    }
}

/// How many pushes returned before the writer died.
fn write_until_killed(mut producer: Producer, lens: &[usize], steps: u32) -> usize {
    let mut returned = 0;
    die_after(steps);
    let life = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for (number, len) in (1u8..).zip(lens) {
            producer.push(0, &message(number, *len)).unwrap();
            returned += 1;
        }
    }));
    if let Err(end) = life {
        assert!(end.is::<Killed>());
    }
    returned
}

fn pop_next(consumer: &mut Consumer, lens: &[usize], read: usize) -> usize {
    match pop(consumer) {
        Some((got, _)) => {
            assert_eq!(got, message(read as u8 + 1, lens[read]));
            1
        }
        None => 0,
    }
}

#[test]
fn killed_writer_leaves_whole_messages_only() {
    kill_at_every_step("killed", 256, 256, &[16, 8]);
}

#[test]
fn killed_writer_leaves_whole_messages_only_while_the_ring_moves() {
    kill_at_every_step("killed in a move", 64, 128, &[16, 24]);
}
