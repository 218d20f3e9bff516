//! The ring in one thread: what goes in comes out, whatever the sizes, the growth and the peer.

#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers of messages are cut down to bytes that fill them"
)]

use super::segment::Segment;
use super::*;
use tong_sys::map::Ordering;

const QUOTA: u64 = 1 << 20;

fn ring() -> (Producer, Consumer) {
    let memory = ChannelMemory::create(c"tong-test", Geometry::new(1, 4096, QUOTA)).unwrap();
    (memory.producer(0, QUOTA), memory.consumer(0))
}

fn pop(consumer: &mut Consumer) -> Option<Vec<u8>> {
    let frame = consumer.front().unwrap()?;
    let mut message = Vec::new();
    consumer.append_to(frame, &mut message);
    consumer.advance(frame);
    Some(message)
}

#[test]
fn messages_come_out_whole_and_in_order() {
    let (mut producer, mut consumer) = ring();
    let mut expected = std::collections::VecDeque::new();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20_000u32 {
        if random.bool() {
            let message = vec![round as u8; random.usize(..300)];
            producer.push(u64::from(round), &message).unwrap();
            expected.push_back(message);
        } else {
            assert_eq!(pop(&mut consumer), expected.pop_front());
        }
    }
    while let Some(message) = expected.pop_front() {
        assert_eq!(pop(&mut consumer), Some(message));
    }
    assert_eq!(pop(&mut consumer), None);
}

#[test]
fn empty_message_is_a_message() {
    let (mut producer, mut consumer) = ring();
    producer.push(5, b"").unwrap();
    assert_eq!(consumer.message_count(), 1);
    assert_eq!(consumer.front().unwrap(), Some(Frame { len: 0, stamp: 5 }));
    assert_eq!(pop(&mut consumer), Some(Vec::new()));
    assert_eq!(consumer.message_count(), 0);
}

#[test]
fn ring_grows_to_its_quota_and_then_refuses_without_loss() {
    let (mut producer, mut consumer) = ring();
    let mut sent = 0u32;
    let refused = loop {
        match producer.push(0, &[sent as u8; 1000]) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, PushError::Full));
    assert!(
        u64::from(sent) * 1024 > QUOTA - 2048,
        "only {sent} messages fit"
    );
    assert_eq!(consumer.message_count(), u64::from(sent));
    for number in 0..sent {
        assert_eq!(pop(&mut consumer), Some(vec![number as u8; 1000]));
    }
    producer.push(0, b"again").unwrap();
    assert_eq!(pop(&mut consumer).as_deref(), Some(&b"again"[..]));
}

#[test]
fn one_message_may_take_nearly_the_whole_quota_and_no_more() {
    let (mut producer, mut consumer) = ring();
    let big = vec![9; QUOTA as usize - 32];
    producer.push(0, &big).unwrap();
    assert_eq!(pop(&mut consumer), Some(big));
    assert!(matches!(
        producer.push(0, &vec![0; QUOTA as usize]),
        Err(PushError::Full)
    ));
}

#[test]
fn ring_moves_back_to_a_small_segment_after_a_burst() {
    let (mut producer, mut consumer) = ring();
    for _ in 0..500 {
        producer.push(0, &[1; 1000]).unwrap();
    }
    while pop(&mut consumer).is_some() {}
    assert!(producer.segment.index > 4);
    for _ in 0..200_000 {
        producer.push(0, &[2; 100]).unwrap();
        pop(&mut consumer).unwrap();
    }
    assert_eq!(producer.segment.index, 1);
    assert_eq!(consumer.segment.index, 1);
}

#[test]
fn burst_right_after_the_ring_moved_back_spares_what_was_not_read() {
    let (mut producer, mut consumer) = ring();
    for _ in 0..900 {
        producer.push(0, &[1; 1000]).unwrap();
    }
    while pop(&mut consumer).is_some() {}
    let largest = producer.segment.index;
    let mut sent = 0u64;
    let mut read = 0u64;
    while producer.segment.index == largest {
        producer.push(sent, &[2; 1000]).unwrap();
        sent += 1;
        // One stays unread, behind which the ring moves.
        if sent > 1 {
            assert_eq!(consumer.front().unwrap().unwrap().stamp, read);
            pop(&mut consumer).unwrap();
            read += 1;
        }
    }
    assert_eq!(consumer.segment.index, largest);
    while producer.push(sent, &[3; 1000]).is_ok() {
        sent += 1;
    }
    assert!(
        (sent - read) * 1024 > QUOTA - 8192,
        "only {} messages fit",
        sent - read
    );
    while read < sent {
        assert_eq!(consumer.front().unwrap().unwrap().stamp, read);
        pop(&mut consumer).unwrap();
        read += 1;
    }
}

#[test]
fn request_to_be_woken_is_seen_by_the_next_message_only() {
    let (mut producer, mut consumer) = ring();
    assert!(consumer.sleep_until_written());
    assert!(producer.push(0, b"a").unwrap());
    assert!(!producer.push(0, b"b").unwrap());
    assert!(!consumer.sleep_until_written(), "messages are here");
    pop(&mut consumer);
    pop(&mut consumer);
}

#[test]
fn closing_is_seen_by_the_other_side() {
    let (producer, consumer) = ring();
    assert!(!producer.peer_closed() && !consumer.peer_closed());
    consumer.close();
    producer.close();
    assert!(producer.peer_closed() && consumer.peer_closed());
}

#[test]
fn nonsense_in_the_tail_is_corrupt() {
    for claim in [8, 17 * 8, 1 << 40, u64::MAX - 15, 1 << 62] {
        let (producer, mut consumer) = ring();
        producer
            .shared
            .word(layout::TAIL)
            .store(claim, Ordering::Relaxed);
        assert_eq!(consumer.front(), Err(Corrupt), "claim {claim:#x}");
    }
}

#[test]
fn nonsense_in_the_head_is_corrupt() {
    for claim in [24, 1 << 40, u64::MAX - 15] {
        let (mut producer, _consumer) = ring();
        producer
            .shared
            .word(layout::HEAD)
            .store(claim, Ordering::Relaxed);
        let result = (0..10).find_map(|_| producer.push(0, &[0; 1000]).err());
        assert!(
            matches!(result, Some(PushError::Corrupt)),
            "claim {claim:#x}: {result:?}"
        );
    }
}

#[test]
fn nonsense_in_a_frame_is_corrupt() {
    for (kind, len) in [
        (DATA, u32::MAX),
        (DATA, 65),
        (0, 0),
        (3, 0),
        (MOVE, 0),
        (MOVE, 99),
    ] {
        let (mut producer, mut consumer) = ring();
        producer.push(0, &[0; 64]).unwrap();
        producer.segment.set_header(0, kind, len, 0);
        assert_eq!(consumer.front(), Err(Corrupt), "kind {kind}, length {len}");
    }
}

#[test]
fn endless_moves_are_corrupt() {
    let (producer, mut consumer) = ring();
    producer.segment.set_header(0, MOVE, 1, 0);
    let second = Segment::open(&producer.shared, 1, 16).unwrap();
    second.set_header(16, MOVE, 2, 0);
    producer
        .shared
        .word(layout::TAIL)
        .store(64, Ordering::Relaxed);
    assert_eq!(consumer.front(), Err(Corrupt));
}
