//! What reads and peeks get.

use super::*;

/// P11.3, P11.4.
#[test]
fn byte_read_crosses_the_borders_of_writes_and_never_has_more() {
    for kind in [PipeType::Byte, PipeType::Message] {
        let (mut inlet, mut outlet) = ends(100, kind);
        put(&mut inlet, b"hello world");
        put(&mut inlet, b"0123456789");
        assert_eq!(
            read(&mut outlet, 4, ReadMode::Byte),
            whole(b"hell"),
            "{kind:?}"
        );
        assert_eq!(
            read(&mut outlet, 32, ReadMode::Byte),
            whole(b"o world0123456789")
        );
        assert_eq!(read(&mut outlet, 32, ReadMode::Byte), None);
    }
}

/// P11.2, second half.
#[test]
fn read_that_waited_gets_bytes_of_the_first_write_only() {
    let (mut inlet, mut outlet) = bytes(100);
    put(&mut inlet, b"abc");
    put(&mut inlet, b"def");
    let mut buf = [0; 10];
    let taken = outlet.take_waiting(&mut buf, ReadMode::Byte).unwrap();
    assert_eq!(taken.map(|taken| taken.bytes), Some(3));
    assert_eq!(read(&mut outlet, 10, ReadMode::Byte), whole(b"def"));
}

/// P11.5, P11.6, P11.8.
#[test]
fn message_read_returns_a_long_message_in_parts() {
    let (mut inlet, mut outlet) = messages(100);
    put(&mut inlet, b"abcdefgh");
    put(&mut inlet, b"xy");
    assert_eq!(read(&mut outlet, 3, ReadMode::Message), part(b"abc"));
    assert_eq!(read(&mut outlet, 3, ReadMode::Message), part(b"def"));
    assert_eq!(read(&mut outlet, 2, ReadMode::Message), whole(b"gh"));
    assert_eq!(read(&mut outlet, 99, ReadMode::Message), whole(b"xy"));
    assert_eq!(read(&mut outlet, 99, ReadMode::Message), None);
}

/// P11.9.
#[test]
fn change_of_read_mode_applies_in_the_middle_of_a_message() {
    let (mut inlet, mut outlet) = messages(100);
    put(&mut inlet, b"abcdef");
    put(&mut inlet, b"xyz");
    assert_eq!(read(&mut outlet, 2, ReadMode::Message), part(b"ab"));
    assert_eq!(read(&mut outlet, 2, ReadMode::Byte), whole(b"cd"));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"ef"));
    assert_eq!(read(&mut outlet, 1, ReadMode::Message), part(b"x"));
    assert_eq!(read(&mut outlet, 9, ReadMode::Byte), whole(b"yz"));
}

/// P12.1, P12.3.
#[test]
fn empty_message_is_taken_alone_in_either_mode() {
    for mode in [ReadMode::Message, ReadMode::Byte] {
        let (mut inlet, mut outlet) = messages(0);
        assert!(put(&mut inlet, b"full").is_some());
        assert!(
            put(&mut inlet, b"").is_none(),
            "complete although the queue is full"
        );
        assert_eq!(try_put(&mut inlet, b""), 0);
        assert_eq!(read(&mut outlet, 4, mode), whole(b"full"));
        assert_eq!(read(&mut outlet, 0, mode), whole(b""), "{mode:?}");
        assert_eq!(read(&mut outlet, 9, mode), whole(b""));
        assert_eq!(read(&mut outlet, 9, mode), None);
    }
}

/// P12.2.
#[test]
fn zero_bytes_of_a_byte_pipe_are_nothing_and_wake_nobody() {
    let (mut inlet, mut outlet) = bytes(10);
    outlet.ask_to_ring(false);
    assert!(outlet.may_sleep());
    let placed = inlet.put(b"", Put::Wait).unwrap();
    assert!(!placed.wake && placed.ticket.is_none());
    assert_eq!(read(&mut outlet, 9, ReadMode::Byte), None);
    assert!(!peek(&mut outlet, 9).3);
}

/// P12.5.
#[test]
fn byte_read_stops_before_an_empty_message() {
    for room in [5, 50] {
        let (mut inlet, mut outlet) = messages(100);
        for message in [&b"abc"[..], b"de", b"", b"f"] {
            put(&mut inlet, message);
        }
        assert_eq!(
            read(&mut outlet, room, ReadMode::Byte),
            whole(b"abcde"),
            "room {room}"
        );
        assert_eq!(read(&mut outlet, room, ReadMode::Byte), whole(b""));
        assert_eq!(read(&mut outlet, room, ReadMode::Byte), whole(b"f"));
    }
}

/// P12.6, P12.7, P12.8.
#[test]
fn zero_byte_read_takes_nothing() {
    let (mut inlet, mut outlet) = messages(100);
    assert_eq!(read(&mut outlet, 0, ReadMode::Message), None);
    put(&mut inlet, b"abc");
    assert_eq!(read(&mut outlet, 0, ReadMode::Message), part(b""));
    assert_eq!(read(&mut outlet, 0, ReadMode::Byte), whole(b""));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"abc"));
}

/// P16.3, P16.4, P16.10.
#[test]
fn peek_at_bytes_crosses_writes_and_counts_all() {
    let (mut inlet, mut outlet) = bytes(4);
    assert_eq!(peek(&mut outlet, 9), (vec![], 0, 0, false));
    put(&mut inlet, b"abc");
    put(&mut inlet, b"pending");
    assert_eq!(peek(&mut outlet, 5), (b"abcpe".to_vec(), 10, 0, true));
    assert_eq!(peek(&mut outlet, 99), (b"abcpending".to_vec(), 10, 0, true));
    assert_eq!(peek(&mut outlet, 0), (vec![], 10, 0, true));
    read(&mut outlet, 2, ReadMode::Byte).unwrap();
    assert_eq!(peek(&mut outlet, 2), (b"cp".to_vec(), 8, 0, true));
}

/// P16.5, P16.6, P16.8.
#[test]
fn peek_at_messages_shows_the_rest_of_the_first() {
    let (mut inlet, mut outlet) = messages(100);
    put(&mut inlet, b"abcdef");
    put(&mut inlet, b"xy");
    assert_eq!(peek(&mut outlet, 4), (b"abcd".to_vec(), 8, 2, true));
    assert_eq!(peek(&mut outlet, 99), (b"abcdef".to_vec(), 8, 0, true));
    read(&mut outlet, 2, ReadMode::Message).unwrap();
    assert_eq!(peek(&mut outlet, 3), (b"cde".to_vec(), 6, 1, true));
}

/// P16.9.
#[test]
fn peek_at_an_empty_message_shows_nothing_of_it() {
    let (mut inlet, mut outlet) = messages(100);
    put(&mut inlet, b"");
    assert_eq!(peek(&mut outlet, 9), (vec![], 0, 0, true));
    put(&mut inlet, b"abc");
    assert_eq!(peek(&mut outlet, 9), (vec![], 3, 0, true));
}
