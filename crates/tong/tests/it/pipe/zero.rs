//! Section 12: reads and writes of no bytes.

use tong::pipe::ReadMode;
use tong::ErrorKind;

use super::op::{
    begin, joined, nothing, part, poll, read, read_later, whole, write_later, write_now,
};
use super::{both, bytes, kinds, messages, pair, read_as, unread, with_quota, LIMIT};
use crate::support::{waiting, Watchdog};

/// P12.1, P14.14.
#[test]
fn empty_message_is_written_at_once_into_a_full_queue() {
    let _watchdog = Watchdog::new("p12_1", LIMIT);
    let (server, client) = pair("p12_1", &with_quota(messages(), 4));
    for (end, peer) in both(&server, &client) {
        peer.send(b"full").unwrap();
        assert_eq!(peer.send(b"").unwrap(), 0);
        assert_eq!(write_now(peer, b""), 0);
        assert_eq!(peer.try_send(b"").unwrap(), 0);
        assert_eq!(read(end, 8), whole(b"full"));
        for _ in 0..3 {
            assert_eq!(read(end, 8), whole(b""));
        }
        nothing(end);
    }
}

/// P12.1: an empty message keeps its place behind a write that waits.
#[test]
fn empty_message_comes_after_what_was_written_before() {
    let _watchdog = Watchdog::new("p12_1 order", LIMIT);
    let (server, client) = pair("p12_1-order", &with_quota(messages(), 4));
    let write = write_later(&client, b"too much");
    let _ = begin(0, |completion| client.start_send(b"", completion)).unwrap();
    write.waits();
    assert_eq!(read(&server, 64), whole(b"too much"));
    assert_eq!(write.wrote(), Ok(8));
    assert_eq!(read(&server, 64), whole(b""));
    nothing(&server);
}

/// P12.2.
#[test]
fn empty_write_of_bytes_is_nothing_at_all() {
    let _watchdog = Watchdog::new("p12_2", LIMIT);
    let (server, client) = pair("p12_2", &bytes());
    for (end, peer) in both(&server, &client) {
        let read = read_later(end, 8);
        assert_eq!(peer.send(b"").unwrap(), 0);
        assert_eq!(write_now(peer, b""), 0);
        assert_eq!(peer.try_send(b"").unwrap(), 0);
        read.waits();
        peer.send(b"x").unwrap();
        assert_eq!(read.read(), whole(b"x"));
        nothing(end);
    }
}

/// P12.3, P12.10.
#[test]
fn empty_message_is_read_once_in_both_modes() {
    let _watchdog = Watchdog::new("p12_3", LIMIT);
    let (server, client) = pair("p12_3", &messages());
    for (end, peer) in both(&server, &client) {
        for mode in [ReadMode::Message, ReadMode::Byte] {
            for len in [8, 0] {
                read_as(end, mode);
                peer.send(b"").unwrap();
                assert_eq!(read(end, len), whole(b""));
                nothing(end);
            }
        }
    }
}

/// P12.4.
#[test]
fn empty_message_ends_exactly_the_oldest_read() {
    let _watchdog = Watchdog::new("p12_4", LIMIT);
    let (server, client) = pair("p12_4", &messages());
    for mode in [ReadMode::Message, ReadMode::Byte] {
        read_as(&server, mode);
        for len in [8, 0] {
            let oldest = read_later(&server, len);
            let second = read_later(&server, 8);
            client.send(b"").unwrap();
            assert_eq!(oldest.read(), whole(b""));
            second.waits();
            client.send(b"x").unwrap();
            assert_eq!(second.read(), whole(b"x"));
            nothing(&server);
        }
    }
}

/// P12.5.
#[test]
fn read_of_the_bytes_before_leaves_the_empty_message() {
    let _watchdog = Watchdog::new("p12_5", LIMIT);
    let (server, client) = pair("p12_5", &messages());
    read_as(&server, ReadMode::Byte);
    for (len, behind) in [(6, "behind"), (64, "behind")] {
        client.send(b"before").unwrap();
        client.send(b"").unwrap();
        client.send(behind.as_bytes()).unwrap();
        assert_eq!(read(&server, 6), whole(b"before"));
        assert_eq!(read(&server, len), whole(b""));
        assert_eq!(read(&server, 64), whole(behind));
    }
}

/// P12.6, P12.7.
#[test]
fn empty_read_waits_for_data_and_leaves_it() {
    let _watchdog = Watchdog::new("p12_7", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p12_7-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            for mode in [ReadMode::Byte, ReadMode::Message]
                .into_iter()
                .take(round + 1)
            {
                read_as(end, mode);
                let started = read_later(end, 0);
                started.waits();
                peer.send(b"stays").unwrap();
                let expected = match mode {
                    ReadMode::Byte => whole(b""),
                    ReadMode::Message => part(b""),
                };
                assert_eq!(started.read(), expected);
                assert_eq!(read(end, 8), whole(b"stays"));
            }
        }
    }
}

/// P12.6, P12.7 for a thread that is blocked.
#[test]
fn thread_that_reads_nothing_waits_for_data_too() {
    let _watchdog = Watchdog::new("p12_7 blocked", LIMIT);
    let (server, client) = pair("p12_7-blocked", &bytes());
    let twin = server.clone();
    let reader = waiting(move || read(&twin, 0));
    client.send(b"stays").unwrap();
    assert_eq!(joined(reader), whole(b""));
    assert_eq!(read(&server, 8), whole(b"stays"));
}

/// P12.8.
#[test]
fn empty_read_of_a_message_is_a_part_of_it() {
    let _watchdog = Watchdog::new("p12_8", LIMIT);
    let (server, client) = pair("p12_8", &messages());
    client.send(b"stays").unwrap();
    for _ in 0..2 {
        assert_eq!(read(&server, 0), part(b""));
        read_as(&server, ReadMode::Byte);
        assert_eq!(read(&server, 0), whole(b""));
        read_as(&server, ReadMode::Message);
        assert_eq!(unread(&server), 5);
    }
    let (server, client) = pair("p12_8-bytes", &bytes());
    client.send(b"stays").unwrap();
    assert_eq!(read(&server, 0), whole(b""));
    assert_eq!(unread(&server), 5);
}

/// P12.9.
#[test]
fn empty_read_after_everything_is_broken() {
    let _watchdog = Watchdog::new("p12_9", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p12_9-{round}"), &options);
        client.send(b"x").unwrap();
        drop(client);
        assert_eq!(read(&server, 0).unwrap().0, b"");
        assert_eq!(read(&server, 8), whole(b"x"));
        assert_eq!(read(&server, 0), Err(ErrorKind::BrokenPipe));
        assert_eq!(poll(&server, 0), Err(ErrorKind::BrokenPipe));
    }
}
