//! Section 10: closing, and data that was not read.

use tong::pipe::PipeEnd;
use tong::ErrorKind;

use super::op::{joined, nothing, poll, read, read_later, transact_later, whole, write_later};
use super::{kinds, messages, pair, unread, with_quota, LIMIT};
use crate::support::{kind, waiting, Watchdog};

/// Runs `check` with each end as the one that stays, on each kind of pipe; it drops the other one itself.
fn both_ways(test: &str, quota: u32, check: impl Fn(PipeEnd, Closer)) {
    for (options, round) in kinds().into_iter().zip(0..) {
        for side in ["server", "client"] {
            let test = format!("{test}-{round}-{side}");
            let (server, client) = pair(&test, &with_quota(options.clone(), quota));
            let (stays, goes) = match side {
                "server" => ((*server).clone(), (*client).clone()),
                _ => ((*client).clone(), (*server).clone()),
            };
            drop((server, client));
            check(stays, Closer { end: Some(goes) });
        }
    }
}

/// The end that is going to be closed.
struct Closer {
    end: Option<PipeEnd>,
}

impl Closer {
    fn end(&self) -> &PipeEnd {
        self.end.as_ref().unwrap()
    }

    fn close(&mut self) {
        self.end = None;
    }
}

/// P10.1.
#[test]
fn completed_writes_survive_their_writer() {
    let _watchdog = Watchdog::new("p10_1", LIMIT);
    both_ways("p10_1", 1 << 16, |end, mut peer| {
        for number in 0..100 {
            peer.end().send(&[number; 10]).unwrap();
        }
        peer.close();
        for number in 0..100 {
            assert_eq!(read(&end, 10), whole([number; 10]));
        }
        for _ in 0..3 {
            assert_eq!(read(&end, 10), Err(ErrorKind::BrokenPipe));
        }
    });
}

/// P10.2.
#[test]
fn empty_message_survives_its_writer() {
    let _watchdog = Watchdog::new("p10_2", LIMIT);
    for side in 0..2 {
        let (server, client) = pair(&format!("p10_2-{side}"), &messages());
        let end = [&*server, &*client][side].clone();
        let peer = [&*client, &*server][side].clone();
        drop((server, client));
        peer.send(b"").unwrap();
        drop(peer);
        assert_eq!(read(&end, 8), whole(b""));
        assert_eq!(read(&end, 8), Err(ErrorKind::BrokenPipe));
    }
}

/// P10.3.
#[test]
fn writer_is_not_told_that_nobody_read() {
    let _watchdog = Watchdog::new("p10_3", LIMIT);
    both_ways("p10_3", 100, |end, mut peer| {
        assert_eq!(end.send(b"never read").unwrap(), 10);
        peer.close();
        assert_eq!(kind(end.send(b"x")), ErrorKind::PipeClosing);
    });
}

/// P10.4, P10.7.
#[test]
fn write_that_waits_breaks_when_the_reader_closes() {
    let _watchdog = Watchdog::new("p10_4", LIMIT);
    both_ways("p10_4", 4, |end, mut peer| {
        let started = write_later(&end, b"too much");
        let twin = end.clone();
        let blocked = waiting(move || twin.send(b"me too").map_err(|error| error.kind()));
        peer.close();
        assert_eq!(started.wrote(), Err(ErrorKind::BrokenPipe));
        assert_eq!(joined(blocked), Err(ErrorKind::BrokenPipe));
        assert_eq!(kind(end.send(b"x")), ErrorKind::PipeClosing);
    });
}

/// P10.5.
#[test]
fn read_that_waits_breaks_when_the_writer_closes() {
    let _watchdog = Watchdog::new("p10_5", LIMIT);
    both_ways("p10_5", 100, |end, mut peer| {
        let started = [read_later(&end, 8), read_later(&end, 0)];
        peer.close();
        for read in started {
            assert_eq!(read.read(), Err(ErrorKind::BrokenPipe));
        }
    });
    both_ways("p10_5-blocked", 100, |end, mut peer| {
        let twin = end.clone();
        let blocked = waiting(move || twin.receive(&mut [0; 8]).map_err(|error| error.kind()));
        peer.close();
        assert_eq!(joined(blocked), Err(ErrorKind::BrokenPipe));
    });
}

/// P10.6.
#[test]
fn flush_that_waits_breaks_when_the_reader_closes() {
    let _watchdog = Watchdog::new("p10_6", LIMIT);
    both_ways("p10_6", 100, |end, mut peer| {
        end.send(b"unread").unwrap();
        let flush = waiting(move || end.flush().map_err(|error| error.kind()));
        peer.close();
        assert_eq!(joined(flush), Err(ErrorKind::BrokenPipe));
    });
}

/// P10.7, P12.9.
#[test]
fn after_the_close_writes_are_closing_and_reads_broken() {
    let _watchdog = Watchdog::new("p10_7", LIMIT);
    both_ways("p10_7", 100, |end, mut peer| {
        peer.close();
        assert_eq!(kind(end.send(b"x")), ErrorKind::PipeClosing);
        assert_eq!(poll(&end, 8), Err(ErrorKind::BrokenPipe));
        assert_eq!(read(&end, 0), Err(ErrorKind::BrokenPipe));
        assert_eq!(kind(end.peek(&mut [])), ErrorKind::BrokenPipe);
        assert!(end.flush().is_ok());
    });
}

/// P10.9.
#[test]
fn read_that_waits_breaks_when_its_own_end_closes() {
    let _watchdog = Watchdog::new("p10_9", LIMIT);
    both_ways("p10_9", 100, |end, peer| {
        let read = read_later(&end, 8);
        drop(end);
        assert_eq!(read.read(), Err(ErrorKind::BrokenPipe));
        assert_eq!(kind(peer.end().send(b"x")), ErrorKind::PipeClosing);
    });
}

/// P10.10.
#[test]
fn operation_goes_on_while_one_handle_is_left() {
    let _watchdog = Watchdog::new("p10_10", LIMIT);
    both_ways("p10_10", 4, |end, peer| {
        let twin = end.clone();
        let reads = [read_later(&end, 4), read_later(&end, 4)];
        drop(end);
        reads[0].waits();
        peer.end().send(b"abcd").unwrap();
        let [first, second] = reads;
        assert_eq!(first.read(), whole(b"abcd"));
        assert!(second.cancel(&twin), "by the other handle");
        assert_eq!(second.read(), Err(ErrorKind::Canceled));
    });
}

/// P10.11.
#[test]
fn write_that_waits_is_dropped_when_its_own_end_closes() {
    let _watchdog = Watchdog::new("p10_11", LIMIT);
    both_ways("p10_11", 4, |end, peer| {
        end.send(b"kept").unwrap();
        let write = write_later(&end, b"dropped");
        assert_eq!(unread(peer.end()), 11);
        drop(end);
        assert_eq!(write.wrote(), Err(ErrorKind::BrokenPipe));
        assert_eq!(read(peer.end(), 4), whole(b"kept"));
        assert_eq!(read(peer.end(), 64), Err(ErrorKind::BrokenPipe));
    });
}

/// P10.13 for a cancel instead of a death: the pipe stays usable.
#[test]
fn pipe_works_on_after_half_a_write_was_taken_back() {
    let _watchdog = Watchdog::new("p10_13", LIMIT);
    both_ways("p10_13", 4, |end, peer| {
        let write = write_later(&end, b"half of this");
        assert_eq!(read(peer.end(), 4).unwrap().0, b"half");
        assert!(write.cancel(&end));
        assert_eq!(write.wrote(), Err(ErrorKind::Canceled));
        nothing(peer.end());
        end.send(b"next").unwrap();
        assert_eq!(read(peer.end(), 8), whole(b"next"));
    });
}

/// P10.14 is in `open.rs`; here: both ends at once.
#[test]
fn both_ends_can_close_with_everything_unread() {
    let _watchdog = Watchdog::new("p10 both", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p10-both-{round}"), &with_quota(options, 4));
        let name = server.name().clone();
        server.send(b"abcd").unwrap();
        client.send(b"abcd").unwrap();
        let ops = [write_later(&server, b"more"), write_later(&client, b"more")];
        std::thread::scope(|scope| {
            scope.spawn(move || drop(server));
            scope.spawn(move || drop(client));
        });
        for op in ops {
            assert_eq!(op.wrote(), Err(ErrorKind::BrokenPipe));
        }
        let opened = tong::pipe::PipeClient::open(&name);
        assert_eq!(kind(opened), ErrorKind::NotFound);
    }
}

/// P17.14.
#[test]
fn transaction_breaks_when_the_other_end_closes() {
    let _watchdog = Watchdog::new("p17_14", LIMIT);
    let (server, client) = pair("p17_14", &messages());
    let started = transact_later(&client, b"?", 8);
    drop(server);
    assert_eq!(started.read(), Err(ErrorKind::BrokenPipe));
    let (server, client) = pair("p17_14-blocked", &messages());
    let blocked = waiting(move || {
        client
            .transact(b"?", &mut [0; 8])
            .map_err(|error| error.kind())
    });
    drop(server);
    assert_eq!(joined(blocked), Err(ErrorKind::BrokenPipe));
}
