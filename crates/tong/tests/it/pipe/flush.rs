//! Section 15: waiting until everything was read.

use std::thread::JoinHandle;

use tong::pipe::PipeEnd;
use tong::ErrorKind;

use super::op::{joined, poll, read, whole, write_later};
use super::{both, kinds, messages, pair, with_quota, LIMIT};
use crate::support::{waiting, Watchdog};

/// Starts a flush that has to wait.
fn flushing(end: &PipeEnd) -> JoinHandle<Result<(), ErrorKind>> {
    let twin = end.clone();
    waiting(move || twin.flush().map_err(|error| error.kind()))
}

fn each_way(test: &str, quota: u32, check: impl Fn(&PipeEnd, &PipeEnd)) {
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("{test}-{round}"), &with_quota(options, quota));
        for (end, peer) in both(&server, &client) {
            check(end, peer);
        }
    }
}

/// P15.1, P15.4.
#[test]
fn flush_waits_until_everything_was_read() {
    let _watchdog = Watchdog::new("p15_1", LIMIT);
    each_way("p15_1", 10, |end, peer| {
        peer.send(b"complete").unwrap();
        let write = write_later(peer, b"and one that waits");
        let flush = flushing(peer);
        read(end, 8).unwrap();
        read(end, 17).unwrap();
        assert_eq!(write.wrote(), Ok(18));
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(!flush.is_finished(), "a byte is left");
        read(end, 17).unwrap();
        assert_eq!(joined(flush), Ok(()));
    });
}

/// P15.2.
#[test]
fn flush_of_nothing_returns_at_once() {
    let _watchdog = Watchdog::new("p15_2", LIMIT);
    each_way("p15_2", 100, |end, peer| {
        peer.flush().unwrap();
        peer.send(b"x").unwrap();
        read(end, 8).unwrap();
        peer.flush().unwrap();
    });
}

/// P15.3.
#[test]
fn flush_does_not_wait_for_what_was_written_later() {
    let _watchdog = Watchdog::new("p15_3", LIMIT);
    each_way("p15_3", 100, |end, peer| {
        peer.send(b"before").unwrap();
        let flush = flushing(peer);
        peer.send(b"after").unwrap();
        assert_eq!(read(end, 6), whole(b"before"));
        assert_eq!(joined(flush), Ok(()));
        assert_eq!(read(end, 8), whole(b"after"));
    });
}

/// P15.5.
#[test]
fn flush_says_why_nothing_is_read_any_more() {
    let _watchdog = Watchdog::new("p15_5", LIMIT);
    for (disconnect, expected) in [
        (false, ErrorKind::BrokenPipe),
        (true, ErrorKind::NotConnected),
    ] {
        let (server, client) = pair(&format!("p15_5-{disconnect}"), &messages());
        client.send(b"x").unwrap();
        let flush = flushing(&client);
        if disconnect {
            server.disconnect().unwrap();
        }
        drop(server);
        assert_eq!(joined(flush), Err(expected));
    }
}

/// P15.6, P13.12.
#[test]
fn flush_is_content_when_the_write_was_taken_back() {
    let _watchdog = Watchdog::new("p15_6", LIMIT);
    each_way("p15_6", 4, |end, peer| {
        let write = write_later(peer, b"taken back");
        let flush = flushing(peer);
        assert!(write.cancel(peer));
        assert_eq!(joined(flush), Ok(()));
        assert_eq!(write.wrote(), Err(ErrorKind::Canceled));
        assert_eq!(poll(end, 8), Err(ErrorKind::PipeEmpty));
    });
}

/// P15.6 with something else before it.
#[test]
fn flush_still_waits_for_what_stands_before_a_write_that_was_taken_back() {
    let _watchdog = Watchdog::new("p15_6 before", LIMIT);
    each_way("p15_6-before", 4, |end, peer| {
        peer.send(b"kept").unwrap();
        let write = write_later(peer, b"taken back");
        let flush = flushing(peer);
        assert!(write.cancel(peer));
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(!flush.is_finished());
        assert_eq!(read(end, 8), whole(b"kept"));
        assert_eq!(joined(flush), Ok(()));
    });
}

/// P15.7.
#[test]
fn flush_does_not_look_at_the_other_direction() {
    let _watchdog = Watchdog::new("p15_7", LIMIT);
    each_way("p15_7", 100, |end, peer| {
        end.send(b"unread").unwrap();
        peer.flush().unwrap();
        read(peer, 8).unwrap();
    });
}

/// P15.8.
#[test]
fn empty_message_is_unread_until_it_was_read() {
    let _watchdog = Watchdog::new("p15_8", LIMIT);
    let (server, client) = pair("p15_8", &messages());
    for (end, peer) in both(&server, &client) {
        peer.send(b"").unwrap();
        let flush = flushing(peer);
        assert_eq!(read(end, 8), whole(b""));
        assert_eq!(joined(flush), Ok(()));
        // Behind other data it is what is left at last.
        peer.send(b"x").unwrap();
        peer.send(b"").unwrap();
        let flush = flushing(peer);
        assert_eq!(read(end, 8), whole(b"x"));
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(!flush.is_finished());
        assert_eq!(read(end, 8), whole(b""));
        assert_eq!(joined(flush), Ok(()));
    }
}
