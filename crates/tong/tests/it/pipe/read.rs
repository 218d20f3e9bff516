//! Section 11: reading.

use std::io::Read;

use tong::pipe::ReadMode;
use tong::ErrorKind;

use super::op::{joined, nothing, part, poll, read, read_later, whole, write_later};
use super::{both, bytes, kinds, messages, pair, read_as, unread, with_quota, LIMIT};
use crate::support::{kind, pattern, waiting, Watchdog};

/// P11.1.
#[test]
fn read_returns_what_is_there_and_does_not_wait_for_more() {
    let _watchdog = Watchdog::new("p11_1", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_1-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            peer.send(b"abc").unwrap();
            assert_eq!(read(end, 1000), whole(b"abc"));
            nothing(end);
        }
    }
}

/// P11.2: also if the next write follows at once.
#[test]
fn read_that_waits_gets_the_bytes_of_one_write() {
    let _watchdog = Watchdog::new("p11_2", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_2-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            for _ in 0..300 {
                let op = read_later(end, 32);
                peer.send(b"first").unwrap();
                peer.send(b"second").unwrap();
                assert_eq!(op.read(), whole(b"first"));
                assert_eq!(read(end, 32), whole(b"second"));
            }
        }
    }
}

/// P11.2 for a thread that is blocked.
#[test]
fn thread_that_waits_to_read_gets_the_bytes_of_one_write() {
    let _watchdog = Watchdog::new("p11_2 blocked", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_2-blocked-{round}"), &options);
        for _ in 0..10 {
            let twin = server.clone();
            let reader = waiting(move || read(&twin, 32));
            client.send(b"first").unwrap();
            client.send(b"second").unwrap();
            assert_eq!(joined(reader), whole(b"first"));
            assert_eq!(read(&server, 32), whole(b"second"));
        }
    }
}

/// P11.3, P5.10.
#[test]
fn bytes_are_read_across_the_borders_of_writes() {
    let _watchdog = Watchdog::new("p11_3", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_3-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            read_as(end, ReadMode::Byte);
            peer.send(b"eleven char").unwrap();
            peer.send(b"ten chars!").unwrap();
            assert_eq!(read(end, 32), whole(b"eleven charten chars!"));
        }
    }
}

/// P11.4.
#[test]
fn bytes_never_have_a_rest() {
    let _watchdog = Watchdog::new("p11_4", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_4-{round}"), &options);
        read_as(&server, ReadMode::Byte);
        client.send(b"twelve bytes").unwrap();
        for expected in ["twelv", "e byt", "es"] {
            assert_eq!(read(&server, 5), whole(expected));
        }
        nothing(&server);
    }
}

/// P11.5, P11.8.
#[test]
fn messages_are_read_one_by_one() {
    let _watchdog = Watchdog::new("p11_5", LIMIT);
    let (server, client) = pair("p11_5", &messages());
    for (end, peer) in both(&server, &client) {
        peer.send(b"first").unwrap();
        peer.send(b"exact").unwrap();
        peer.send(b"last").unwrap();
        assert_eq!(read(end, 100), whole(b"first"));
        assert_eq!(read(end, 5), whole(b"exact"));
        assert_eq!(read(end, 100), whole(b"last"));
        nothing(end);
    }
}

/// P11.6.
#[test]
fn rest_of_a_message_is_what_comes_next() {
    let _watchdog = Watchdog::new("p11_6", LIMIT);
    let (server, client) = pair("p11_6", &messages());
    for (end, peer) in both(&server, &client) {
        peer.send(b"a message of 23 bytes!!").unwrap();
        peer.send(b"behind").unwrap();
        assert_eq!(read(end, 10), part(b"a message "));
        assert_eq!(unread(end), 19);
        assert_eq!(poll(end, 10), part(b"of 23 byte"));
        assert_eq!(read(end, 3), whole(b"s!!"));
        assert_eq!(read(end, 10), whole(b"behind"));
    }
}

/// P11.7.
#[test]
fn another_thread_and_another_handle_get_the_rest() {
    let _watchdog = Watchdog::new("p11_7", LIMIT);
    let (server, client) = pair("p11_7", &messages());
    client.send(b"one two three").unwrap();
    assert_eq!(read(&server, 4), part(b"one "));
    let twin = server.clone();
    let thread = std::thread::spawn(move || read(&twin, 4));
    assert_eq!(joined(thread), part(b"two "));
    let op = super::op::begin(64, |completion| server.start_receive(completion)).unwrap();
    assert_eq!(op.now(), whole(b"three"));
}

/// P11.9.
#[test]
fn read_modes_of_the_ends_are_their_own_and_can_change_within_a_message() {
    let _watchdog = Watchdog::new("p11_9", LIMIT);
    let (server, client) = pair("p11_9", &messages());
    read_as(&server, ReadMode::Byte);
    assert_eq!(client.modes().unwrap().read, ReadMode::Message);
    client.send(b"one two three").unwrap();
    client.send(b"four").unwrap();
    assert_eq!(read(&server, 4), whole(b"one "));
    read_as(&server, ReadMode::Message);
    assert_eq!(read(&server, 4), part(b"two "));
    read_as(&server, ReadMode::Byte);
    assert_eq!(read(&server, 7), whole(b"threefo"));
    read_as(&server, ReadMode::Message);
    assert_eq!(read(&server, 7), whole(b"ur"));
}

/// P11.10, P22.15.
#[test]
fn reads_that_wait_are_served_in_their_order() {
    let _watchdog = Watchdog::new("p11_10", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_10-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            let reads: Vec<_> = (0..20).map(|_| read_later(end, 8)).collect();
            for number in 0..20 {
                peer.send(&[number]).unwrap();
            }
            for (read, number) in reads.into_iter().zip(0..) {
                assert_eq!(read.read(), whole([number]));
            }
            nothing(end);
        }
    }
}

/// P11.10: one write can serve several reads.
#[test]
fn reads_that_wait_share_a_long_write() {
    let _watchdog = Watchdog::new("p11_10 long", LIMIT);
    let (server, client) = pair("p11_10-bytes", &bytes());
    let reads = [2, 3, 4].map(|len| read_later(&server, len));
    client.send(b"abcdefg").unwrap();
    let [a, b, c] = reads.map(|read| read.read());
    assert_eq!((a, b, c), (whole(b"ab"), whole(b"cde"), whole(b"fg")));
    let (server, client) = pair("p11_10-messages", &messages());
    let reads = [2, 3, 4].map(|len| read_later(&server, len));
    client.send(b"abcdefg").unwrap();
    let [a, b, c] = reads.map(|read| read.read());
    assert_eq!((a, b, c), (part(b"ab"), part(b"cde"), whole(b"fg")));
}

/// P11.10 for threads: several wait, and each message goes to one of them.
#[test]
fn threads_that_wait_get_one_message_each() {
    let _watchdog = Watchdog::new("p11_10 threads", LIMIT);
    let (server, client) = pair("p11_10-threads", &messages());
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let twin = server.clone();
            waiting(move || read(&twin, 8))
        })
        .collect();
    for number in 0..6 {
        client.send(&[number]).unwrap();
    }
    let mut got: Vec<u8> = threads
        .into_iter()
        .map(|thread| joined(thread).unwrap().0[0])
        .collect();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
}

/// P11.13.
#[test]
fn data_of_writes_that_wait_can_be_read() {
    let _watchdog = Watchdog::new("p11_13", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11_13-{round}"), &with_quota(options, 3));
        for (end, peer) in both(&server, &client) {
            let write = write_later(peer, b"more than 3");
            write.waits();
            assert_eq!(read(end, 100), whole(b"more than 3"));
            assert_eq!(write.wrote(), Ok(11));
        }
    }
}

/// P11.1 with a time-out, which is ours: nothing is taken by a read that gave up.
#[test]
fn read_that_gave_up_has_taken_nothing() {
    let _watchdog = Watchdog::new("p11 time", LIMIT);
    let (server, client) = pair("p11-time", &messages());
    let time = std::time::Duration::from_millis(60);
    let started = std::time::Instant::now();
    let gave_up = server.receive_timeout(&mut [0; 8], time);
    assert_eq!(kind(gave_up), ErrorKind::TimedOut);
    assert!(started.elapsed() >= time);
    // Behind another that waits.
    let first = read_later(&server, 8);
    let gave_up = server.receive_timeout(&mut [0; 8], time);
    assert_eq!(kind(gave_up), ErrorKind::TimedOut);
    client.send(b"first").unwrap();
    client.send(b"second").unwrap();
    assert_eq!(first.read(), whole(b"first"));
    assert_eq!(read(&server, 8), whole(b"second"));
}

/// The byte view of the Rust interface: the end of the data reads as 0 bytes, an empty message does not.
#[test]
fn std_read_sees_bytes_and_then_the_end() {
    let _watchdog = Watchdog::new("p11 std", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p11-std-{round}"), &options);
        client.send(&pattern(10_000)).unwrap();
        client.send(b"").unwrap();
        client.send(b"end").unwrap();
        drop(client);
        let mut all = Vec::new();
        (&server).read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 10_003);
        assert_eq!(all[..10_000], pattern(10_000));
        assert_eq!(&all[10_000..], b"end");
    }
}
