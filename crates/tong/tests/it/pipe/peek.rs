//! Section 16: looking at what can be read.

use tong::pipe::{PipeEnd, ReadMode};
use tong::ErrorKind;

use super::op::{part, read, whole, write_later};
use super::{both, bytes, kinds, messages, never_wait, pair, read_as, with_quota, LIMIT};
use crate::support::{kind, Watchdog};

/// What a peek into `len` bytes brings: the bytes, all that is there, and what is left of the first message.
fn peek(end: &PipeEnd, len: usize) -> (Vec<u8>, usize, u32) {
    let mut room = vec![0xEE; len];
    let peeked = end.peek(&mut room).unwrap();
    assert!(room[peeked.bytes..].iter().all(|byte| *byte == 0xEE));
    room.truncate(peeked.bytes);
    (room, peeked.available, peeked.left)
}

/// P16.1.
#[test]
fn peek_never_waits_and_removes_nothing() {
    let _watchdog = Watchdog::new("p16_1", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p16_1-{round}"), &options);
        for (end, peer) in both(&server, &client) {
            for nowait in [false, true] {
                never_wait(end, nowait);
                assert_eq!(peek(end, 8), (vec![], 0, 0));
                peer.send(b"stays").unwrap();
                let first = peek(end, 3);
                assert_eq!(peek(end, 3), first);
                assert_eq!(first.0, b"sta");
                assert_eq!(read(end, 8), whole(b"stays"));
            }
        }
    }
}

/// P16.3, P13.7.
#[test]
fn everything_counts_blocked_writes_too() {
    let _watchdog = Watchdog::new("p16_3", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p16_3-{round}"), &with_quota(options, 6));
        client.send(b"12345").unwrap();
        let _writes = [
            write_later(&client, b"more"),
            write_later(&client, b"and more"),
        ];
        assert_eq!(peek(&server, 0).1, 17);
        read(&server, 2).unwrap();
        assert_eq!(peek(&server, 0).1, 15);
    }
}

/// P16.4, P16.7.
#[test]
fn peek_at_bytes_goes_across_writes() {
    let _watchdog = Watchdog::new("p16_4", LIMIT);
    let (server, client) = pair("p16_4", &bytes());
    for (end, peer) in both(&server, &client) {
        peer.send(b"abc").unwrap();
        peer.send(b"defg").unwrap();
        assert_eq!(peek(end, 4), (b"abcd".to_vec(), 7, 0xFFFF_FFFC));
        assert_eq!(peek(end, 64), (b"abcdefg".to_vec(), 7, 0xFFFF_FFF9));
        assert_eq!(peek(end, 0), (vec![], 7, 0));
        read(end, 2).unwrap();
        assert_eq!(peek(end, 3), (b"cde".to_vec(), 5, 0xFFFF_FFFD));
        read(end, 64).unwrap();
    }
}

/// P16.5, P16.6: whatever the read mode.
#[test]
fn peek_at_messages_shows_the_first() {
    let _watchdog = Watchdog::new("p16_5", LIMIT);
    let (server, client) = pair("p16_5", &messages());
    for (end, peer) in both(&server, &client) {
        for mode in [ReadMode::Message, ReadMode::Byte] {
            read_as(end, mode);
            peer.send(b"first").unwrap();
            peer.send(b"second").unwrap();
            assert_eq!(peek(end, 64), (b"first".to_vec(), 11, 0));
            assert_eq!(peek(end, 5), (b"first".to_vec(), 11, 0));
            assert_eq!(peek(end, 2), (b"fi".to_vec(), 11, 3));
            assert_eq!(peek(end, 0), (vec![], 11, 5));
            read(end, 5).unwrap();
            assert_eq!(peek(end, 64), (b"second".to_vec(), 6, 0));
            read(end, 64).unwrap();
        }
    }
}

/// P16.8.
#[test]
fn peek_goes_on_where_a_partial_read_stopped() {
    let _watchdog = Watchdog::new("p16_8", LIMIT);
    let (server, client) = pair("p16_8", &messages());
    client.send(b"one two").unwrap();
    client.send(b"three").unwrap();
    assert_eq!(read(&server, 4), part(b"one "));
    assert_eq!(peek(&server, 2), (b"tw".to_vec(), 8, 1));
    assert_eq!(peek(&server, 64), (b"two".to_vec(), 8, 0));
    assert_eq!(read(&server, 64), whole(b"two"));
}

/// P16.9.
#[test]
fn empty_message_looks_like_nothing() {
    let _watchdog = Watchdog::new("p16_9", LIMIT);
    let (server, client) = pair("p16_9", &messages());
    client.send(b"").unwrap();
    assert_eq!(peek(&server, 8), (vec![], 0, 0));
    client.send(b"other").unwrap();
    assert_eq!(peek(&server, 8), (vec![], 5, 0));
    assert_eq!(read(&server, 8), whole(b""));
    assert_eq!(peek(&server, 8), (b"other".to_vec(), 5, 0));
}

/// P16.13.
#[test]
fn peek_shows_what_a_closed_writer_left() {
    let _watchdog = Watchdog::new("p16_13", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p16_13-{round}"), &with_quota(options, 8));
        client.send(b"left").unwrap();
        // Never complete, so not left.
        let _write = write_later(&client, b"unfinished");
        assert_eq!(peek(&server, 8).1, 14);
        drop(client);
        assert_eq!(peek(&server, 8).0, b"left");
        assert_eq!(peek(&server, 8).1, 4);
        assert_eq!(read(&server, 8), whole(b"left"));
        assert_eq!(kind(server.peek(&mut [])), ErrorKind::BrokenPipe);
    }
}

/// P16.13: an empty message is left, too, and then nothing is.
#[test]
fn peek_at_the_last_empty_message_succeeds() {
    let _watchdog = Watchdog::new("p16_13 empty", LIMIT);
    let (server, client) = pair("p16_13-empty", &messages());
    client.send(b"").unwrap();
    drop(client);
    assert_eq!(peek(&server, 8), (vec![], 0, 0));
    assert_eq!(read(&server, 8), whole(b""));
    assert_eq!(kind(server.peek(&mut [])), ErrorKind::BrokenPipe);
}
