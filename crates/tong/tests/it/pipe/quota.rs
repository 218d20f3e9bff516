//! Section 13: when a write is complete, and what becomes of one that is taken back.

use tong::pipe::ReadMode;
use tong::ErrorKind;

use super::op::{joined, nothing, part, poll, read, read_later, whole, write_later, write_now, Op};
use super::{both, kinds, messages, pair, read_as, unread, with_quota, LIMIT};
use crate::support::{pattern, waiting, Watchdog};

/// Runs `check(reader, writer)` for both directions of both kinds of pipes, on fresh pipes.
fn each_way(test: &str, quota: u32, check: impl Fn(&tong::pipe::PipeEnd, &tong::pipe::PipeEnd)) {
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("{test}-{round}"), &with_quota(options, quota));
        for (end, peer) in both(&server, &client) {
            check(end, peer);
        }
    }
}

/// P13.1.
#[test]
fn writes_of_several_threads_are_not_mixed() {
    let _watchdog = Watchdog::new("p13_1", LIMIT);
    let (server, client) = pair("p13_1", &with_quota(messages(), 1000));
    std::thread::scope(|scope| {
        for letter in [b'a', b'b', b'c', b'd'] {
            let client = &client;
            scope.spawn(move || {
                for len in 1..200 {
                    assert_eq!(client.send(&vec![letter; len * 3]).unwrap(), len * 3);
                }
            });
        }
        let mut next = [1; 4];
        for _ in 0..4 * 199 {
            let (message, _) = read(&server, 1 << 12).unwrap();
            let letter = message[0];
            assert!(message.iter().all(|byte| *byte == letter));
            let len = &mut next[usize::from(letter - b'a')];
            assert_eq!(message.len(), *len * 3, "in the order of its thread");
            *len += 1;
        }
    });
    nothing(&server);
}

/// P13.2.
#[test]
fn bytes_that_a_waiting_read_takes_do_not_count() {
    let _watchdog = Watchdog::new("p13_2", LIMIT);
    each_way("p13_2", 10, |end, peer| {
        let read_op = read_later(end, 20);
        assert_eq!(write_now(peer, &pattern(20)), 20);
        assert_eq!(read_op.read(), whole(pattern(20)));
        let read_op = read_later(end, 5);
        assert_eq!(write_now(peer, &[7; 15]), 15);
        assert_eq!(read_op.read().unwrap().0, [7; 5]);
        assert_eq!(read(end, 64), whole([7; 10]));
        let reads = [read_later(end, 5), read_later(end, 5)];
        let write = write_later(peer, &[8; 21]);
        for read in reads {
            assert_eq!(read.read().unwrap().0, [8; 5]);
        }
        write.waits();
        assert_eq!(read(end, 64), whole([8; 11]));
        assert_eq!(write.wrote(), Ok(21));
    });
}

/// P13.3, P13.4, P13.8.
#[test]
fn write_is_complete_when_what_is_unread_fits_the_quota() {
    let _watchdog = Watchdog::new("p13_4", LIMIT);
    each_way("p13_4", 5000, |end, peer| {
        assert_eq!(write_now(peer, &[1; 3000]), 3000);
        assert_eq!(write_now(peer, &[2; 2000]), 2000);
        let write = write_later(peer, &[3; 1]);
        write.waits();
        assert_eq!(read(end, 3000).unwrap().0, [1; 3000]);
        assert_eq!(write.wrote(), Ok(1));
        while poll(end, 1 << 13).is_ok() {}
        assert_eq!(write_now(peer, &[1; 3000]), 3000);
        let write = write_later(peer, &[2; 2001]);
        write.waits();
        assert_eq!(read(end, 1).unwrap().0, [1]);
        assert_eq!(write.wrote(), Ok(2001));
        while poll(end, 1 << 13).is_ok() {}
    });
}

/// P13.5, P13.7, P13.10.
#[test]
fn write_beyond_the_quota_need_not_be_read_to_its_end() {
    let _watchdog = Watchdog::new("p13_5", LIMIT);
    each_way("p13_5", 5000, |end, peer| {
        let write = write_later(peer, &pattern(7000));
        assert_eq!(unread(end), 7000);
        assert_eq!(read(end, 1999).unwrap().0, pattern(7000)[..1999]);
        write.waits();
        assert_eq!(read(end, 1).unwrap().0, pattern(7000)[1999..2000]);
        assert_eq!(write.wrote(), Ok(7000));
        assert_eq!(read(end, 1 << 13), whole(&pattern(7000)[2000..]));
    });
}

/// P13.5 for a thread that is blocked.
#[test]
fn thread_that_writes_beyond_the_quota_comes_out_as_soon() {
    let _watchdog = Watchdog::new("p13_5 blocked", LIMIT);
    each_way("p13_5-blocked", 5000, |end, peer| {
        let twin = peer.clone();
        let writer = waiting(move || twin.send(&pattern(7000)).unwrap());
        assert_eq!(unread(end), 7000);
        read(end, 1999).unwrap();
        assert!(!writer.is_finished());
        read(end, 1).unwrap();
        assert_eq!(joined(writer), 7000);
        read(end, 1 << 13).unwrap();
    });
}

/// P13.6, P22.15.
#[test]
fn small_write_waits_behind_an_earlier_one() {
    let _watchdog = Watchdog::new("p13_6", LIMIT);
    each_way("p13_6", 10, |end, peer| {
        let first = write_later(peer, &[1; 30]);
        let second = write_later(peer, &[2]);
        let third = write_later(peer, &[3]);
        read(end, 20).unwrap();
        assert_eq!(first.wrote(), Ok(30));
        second.waits();
        third.waits();
        read(end, 1).unwrap();
        assert_eq!(second.wrote(), Ok(1));
        third.waits();
        read(end, 1).unwrap();
        assert_eq!(third.wrote(), Ok(1));
        while poll(end, 64).is_ok() {}
    });
}

/// P13.9.
#[test]
fn without_a_quota_a_write_is_complete_when_it_was_read() {
    let _watchdog = Watchdog::new("p13_9", LIMIT);
    each_way("p13_9", 0, |end, peer| {
        let write = write_later(peer, b"abc");
        assert_eq!(read(end, 2).unwrap().0, b"ab");
        write.waits();
        assert_eq!(read(end, 2), whole(b"c"));
        assert_eq!(write.wrote(), Ok(3));
        let reader = read_later(end, 3);
        assert_eq!(write_now(peer, b"def"), 3);
        assert_eq!(reader.read(), whole(b"def"));
    });
}

fn take_back(op: Op, end: &tong::pipe::PipeEnd) {
    assert!(op.cancel(end));
    assert_eq!(op.wrote(), Err(ErrorKind::Canceled));
}

/// P13.11.
#[test]
fn canceled_write_takes_its_unread_bytes_back() {
    let _watchdog = Watchdog::new("p13_11", LIMIT);
    each_way("p13_11", 4, |end, peer| {
        peer.send(b"kept").unwrap();
        let write = write_later(peer, b"taken back");
        assert_eq!(unread(end), 14);
        take_back(write, peer);
        assert_eq!(unread(end), 4);
        assert_eq!(read(end, 64), whole(b"kept"));
        nothing(end);
    });
}

/// P13.11 for one that was read in part.
#[test]
fn canceled_write_may_leave_a_beginning_without_an_end() {
    let _watchdog = Watchdog::new("p13_11 part", LIMIT);
    let (server, client) = pair("p13_11-part", &with_quota(messages(), 4));
    for (end, peer) in both(&server, &client) {
        let write = write_later(peer, b"begin and end");
        let next = write_later(peer, b"next entry");
        assert_eq!(read(end, 5), part(b"begin"));
        take_back(write, peer);
        assert_eq!(unread(end), 10);
        assert_eq!(read(end, 64), whole(b"next entry"));
        assert_eq!(next.wrote(), Ok(10));
        nothing(end);
    }
}

/// P13.11 in the middle of others.
#[test]
fn canceled_writes_in_the_middle_leave_their_neighbours() {
    let _watchdog = Watchdog::new("p13_11 middle", LIMIT);
    each_way("p13_11-middle", 0, |end, peer| {
        let mut writes: Vec<Op> = (0..9)
            .map(|number| write_later(peer, &[number; 3]))
            .collect();
        for number in [1, 4, 5, 8] {
            assert!(writes[number].cancel(peer));
        }
        assert_eq!(unread(end), 15);
        let mut left = Vec::new();
        while let Ok((bytes, _)) = poll(end, 64) {
            left.extend(bytes);
        }
        let kept = [0, 2, 3, 6, 7];
        assert_eq!(left, kept.map(|number| [number; 3]).concat());
        for (number, write) in writes.drain(..).enumerate() {
            let expected = match kept.contains(&(u8::try_from(number).unwrap())) {
                true => Ok(3),
                false => Err(ErrorKind::Canceled),
            };
            assert_eq!(write.wrote(), expected);
        }
    });
}

/// P13.11, P22.22: one that is complete cannot be taken back.
#[test]
fn complete_write_cannot_be_canceled() {
    let _watchdog = Watchdog::new("p13_11 complete", LIMIT);
    each_way("p13_11-complete", 4, |end, peer| {
        let write = write_later(peer, b"123456");
        read(end, 2).unwrap();
        let canceled = write.cancel(peer);
        assert!(!canceled);
        assert_eq!(write.wrote(), Ok(6));
        assert_eq!(read(end, 64), whole(b"3456"));
    });
}

/// P13.12.
#[test]
fn later_writes_complete_when_one_before_them_was_taken_back() {
    let _watchdog = Watchdog::new("p13_12", LIMIT);
    each_way("p13_12", 4, |end, peer| {
        let long = write_later(peer, b"much too long");
        let small = write_later(peer, b"ok");
        small.waits();
        take_back(long, peer);
        assert_eq!(small.wrote(), Ok(2));
        assert_eq!(read(end, 64), whole(b"ok"));
    });
}

/// P13.12: a thread that is blocked behind it comes out as well.
#[test]
fn thread_behind_a_write_that_was_taken_back_comes_out() {
    let _watchdog = Watchdog::new("p13_12 blocked", LIMIT);
    each_way("p13_12-blocked", 4, |end, peer| {
        let long = write_later(peer, b"much too long");
        let twin = peer.clone();
        let small = waiting(move || twin.send(b"ok").unwrap());
        take_back(long, peer);
        assert_eq!(joined(small), 2);
        assert_eq!(read(end, 64), whole(b"ok"));
    });
}

/// P13.13.
#[test]
fn write_that_is_complete_need_not_have_been_read() {
    let _watchdog = Watchdog::new("p13_13", LIMIT);
    each_way("p13_13", 100, |end, peer| {
        assert_eq!(peer.send(&[1; 100]).unwrap(), 100);
        assert_eq!(unread(end), 100);
        read(end, 100).unwrap();
    });
}

/// P13.7, P11.3: bytes are read across the border of a write that waits.
#[test]
fn bytes_run_from_complete_writes_into_one_that_waits() {
    let _watchdog = Watchdog::new("p13_7", LIMIT);
    each_way("p13_7", 4, |end, peer| {
        read_as(end, ReadMode::Byte);
        peer.send(b"done").unwrap();
        let write = write_later(peer, b" and not");
        assert_eq!(read(end, 7), whole(b"done an"));
        write.waits();
        assert_eq!(read(end, 64), whole(b"d not"));
        assert_eq!(write.wrote(), Ok(8));
    });
}
