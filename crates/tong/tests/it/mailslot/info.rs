//! Section 9: what a mailslot says about itself, and the one thing that can be changed.

use std::time::{Duration, Instant};

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{drain, kind, next, pair, pattern, waiting, LIMIT};
use crate::support::{self, Actor, Watchdog};

#[test]
fn m9_2_m9_7_new_mailslot_reports_what_it_was_made_with_and_an_empty_queue() {
    let _watchdog = Watchdog::new("m9_2", LIMIT);
    let name = support::name("m9_7");
    let time = Some(Duration::from_millis(1234));
    let server = MailslotServer::options()
        .max_message_len(99)
        .read_timeout(time)
        .create(&name)
        .unwrap();
    let info = server.info().unwrap();
    assert_eq!(
        (info.max_message_len, info.next_len, info.message_count),
        (99, None, 0)
    );
    assert_eq!(
        (info.read_timeout, info.queued_bytes, info.writers),
        (time, 0, 0)
    );
}

#[test]
fn m9_3_m9_4_next_length_tells_an_empty_message_from_none() {
    let _watchdog = Watchdog::new("m9_3", LIMIT);
    let (server, client) = pair("m9_3");
    assert_eq!(server.info().unwrap().next_len, None);
    client.send(b"").unwrap();
    assert_eq!(server.info().unwrap().next_len, Some(0));
    client.send(b"behind").unwrap();
    assert_eq!(server.info().unwrap().next_len, Some(0));
    next(&server);
    assert_eq!(server.info().unwrap().next_len, Some(6));
    next(&server);
    assert_eq!(server.info().unwrap().next_len, None);
}

#[test]
fn m9_5_count_is_of_all_messages_of_all_writers_empty_ones_included() {
    let _watchdog = Watchdog::new("m9_5", LIMIT);
    let (server, client) = pair("m9_5");
    for (count, message) in (1..).zip([&b"a"[..], b"bb", b""]) {
        client.send(message).unwrap();
        assert_eq!(server.info().unwrap().message_count, count);
    }
    let mut other = Actor::start("write", &[client.name().path(), "x", "", "y"]);
    other.expect("written");
    assert_eq!(server.info().unwrap().message_count, 6);
    other.kill();
    let info = server.info().unwrap();
    assert_eq!(
        (info.message_count, info.writers),
        (6, 2),
        "a dead writer counts while it has messages"
    );
}

#[test]
fn m9_6_m9_10_timeout_that_is_set_is_reported_and_kept_on_every_handle() {
    let _watchdog = Watchdog::new("m9_10", LIMIT);
    let (server, _client) = pair("m9_10");
    let other = server.clone();
    let hour = Duration::from_secs(3600);
    for time in [
        Some(Duration::ZERO),
        Some(Duration::from_millis(70)),
        None,
        Some(hour),
        Some(Duration::ZERO),
    ] {
        server.set_read_timeout(time).unwrap();
        assert_eq!(other.info().unwrap().read_timeout, time);
    }
    assert_eq!(
        kind(other.read(&mut [0; 8])),
        ErrorKind::TimedOut,
        "zero is in force"
    );
    server
        .set_read_timeout(Some(Duration::from_millis(70)))
        .unwrap();
    let started = Instant::now();
    assert_eq!(kind(other.read(&mut [0; 8])), ErrorKind::TimedOut);
    assert!(started.elapsed() >= Duration::from_millis(70));
}

#[test]
fn m9_8_after_a_read_the_rest_of_the_queue_is_described_at_once() {
    let _watchdog = Watchdog::new("m9_8", LIMIT);
    let (server, client) = pair("m9_8");
    let lengths = [5, 0, 70_000, 16];
    for len in lengths {
        client.send(&pattern(len)).unwrap();
    }
    for (read, len) in lengths.into_iter().enumerate() {
        let info = server.info().unwrap();
        assert_eq!(
            (info.next_len, info.message_count),
            (Some(len), 4 - read as u64)
        );
        next(&server);
    }
    let info = server.info().unwrap();
    assert_eq!(
        (info.next_len, info.message_count, info.queued_bytes),
        (None, 0, 0)
    );
}

#[test]
fn m9_9_asking_changes_nothing_and_does_not_wait_for_a_reader_that_waits() {
    let _watchdog = Watchdog::new("m9_9", LIMIT);
    let (server, client) = pair("m9_9");
    client.send(b"one").unwrap();
    client.send(b"two").unwrap();
    let first = server.info().unwrap();
    assert!((0..100).all(|_| server.info().unwrap() == first));
    assert_eq!(drain(&server), [b"one", b"two"]);
    let reader = server.clone();
    let reader = waiting(move || reader.recv_vec(None).unwrap());
    assert_eq!(server.info().unwrap().message_count, 0);
    client.send(b"three").unwrap();
    assert_eq!(reader.join().unwrap(), b"three");
}

#[test]
fn m9_11_setting_the_timeout_changes_nothing_else() {
    let _watchdog = Watchdog::new("m9_11", LIMIT);
    let name = support::name("m9_11");
    let server = MailslotServer::options()
        .max_message_len(8)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"kept").unwrap();
    let before = server.info().unwrap();
    server
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let mut after = server.info().unwrap();
    after.read_timeout = before.read_timeout;
    assert_eq!(after, before);
    assert_eq!(
        kind(client.send(&[0; 9])),
        ErrorKind::MessageTooLong { limit: 8 }
    );
}

#[test]
fn m9_12_answer_may_be_stale_when_another_reader_was_faster() {
    let _watchdog = Watchdog::new("m9_12", LIMIT);
    let (server, client) = pair("m9_12");
    client.send(b"x").unwrap();
    client.send(b"longer").unwrap();
    let other = server.clone();
    let len = server.info().unwrap().next_len.unwrap();
    assert_eq!(next(&other), b"x");
    assert_eq!(
        kind(server.try_recv(&mut vec![0; len])),
        ErrorKind::BufferTooSmall { needed: 6 }
    );
    assert_eq!(next(&other), b"longer");
    assert_eq!(kind(server.try_recv(&mut [0; 6])), ErrorKind::TimedOut);
}
