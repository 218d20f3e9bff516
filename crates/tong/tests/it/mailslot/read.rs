//! Section 7: reading, by one reader.

use std::thread;
use std::time::{Duration, Instant};

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{drain, kind, next, pair, pattern, waiting, LIMIT};
use crate::support::{self, Actor, Watchdog};

/// A mailslot with a read time-out, and a client of it.
fn pair_with_timeout(test: &str, timeout: Option<Duration>) -> (MailslotServer, MailslotClient) {
    let name = support::name(test);
    let server = MailslotServer::options()
        .read_timeout(timeout)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    (server, client)
}

#[test]
fn m7_1_read_takes_the_oldest_message_and_only_that() {
    let _watchdog = Watchdog::new("m7_1", LIMIT);
    let (server, client) = pair("m7_1");
    client.send(b"first").unwrap();
    client.send(b"second").unwrap();
    let mut buf = [0; 64];
    assert_eq!(server.read(&mut buf).unwrap(), 5);
    assert_eq!(&buf[..5], b"first");
    assert_eq!(server.info().unwrap().message_count, 1);
    assert_eq!(server.read(&mut buf).unwrap(), 6);
    assert_eq!(&buf[..6], b"second");
}

#[test]
fn m7_2_rest_of_a_larger_buffer_is_untouched() {
    let _watchdog = Watchdog::new("m7_2", LIMIT);
    let (server, client) = pair("m7_2");
    client.send(b"abc").unwrap();
    let mut buf = [0xee; 6];
    assert_eq!(server.read(&mut buf).unwrap(), 3);
    assert_eq!(&buf, b"abc\xee\xee\xee");
}

#[test]
fn m7_3_m7_4_m7_5_too_small_a_buffer_gets_nothing_and_the_message_stays_whole() {
    let _watchdog = Watchdog::new("m7_3", LIMIT);
    let (server, client) = pair("m7_3");
    client.send(b"message").unwrap();
    client.send(b"behind").unwrap();
    let mut small = [0xee; 6];
    for _ in 0..3 {
        assert_eq!(
            kind(server.read(&mut small)),
            ErrorKind::BufferTooSmall { needed: 7 }
        );
        assert_eq!(small, [0xee; 6], "no part of it is delivered");
        assert_eq!(server.info().unwrap().message_count, 2);
    }
    let mut exact = [0; 7];
    assert_eq!(server.read(&mut exact).unwrap(), 7);
    assert_eq!(&exact, b"message");
    assert_eq!(drain(&server), [b"behind"]);
}

#[test]
fn m7_4_buffer_sized_by_the_information_always_fits_a_single_reader() {
    let _watchdog = Watchdog::new("m7_4", LIMIT);
    let (server, client) = pair("m7_4");
    let mut random = fastrand::Rng::with_seed(74);
    let lengths: Vec<usize> = (0..100).map(|_| random.usize(..3000)).collect();
    for len in &lengths {
        client.send(&pattern(*len)).unwrap();
    }
    for len in lengths {
        let mut buf = vec![0; server.info().unwrap().next_len.unwrap()];
        assert_eq!(server.read(&mut buf).unwrap(), len);
        assert_eq!(buf, pattern(len));
    }
}

#[test]
fn m7_6_empty_message_is_read_with_any_buffer_and_removed() {
    let _watchdog = Watchdog::new("m7_6", LIMIT);
    let (server, client) = pair("m7_6");
    for len in [0, 1, 100] {
        client.send(b"").unwrap();
        assert_eq!(server.read(&mut vec![0; len]).unwrap(), 0);
        assert_eq!(server.info().unwrap().message_count, 0);
    }
}

#[test]
fn m7_7_empty_buffer_is_too_small_for_a_message_that_is_not_empty() {
    let _watchdog = Watchdog::new("m7_7", LIMIT);
    let (server, client) = pair("m7_7");
    client.send(b"x").unwrap();
    assert_eq!(
        kind(server.read(&mut [])),
        ErrorKind::BufferTooSmall { needed: 1 }
    );
    assert_eq!(drain(&server), [b"x"]);
}

#[test]
fn m7_8_m7_9_read_of_an_empty_queue_without_timeout_fails_at_once_also_for_no_bytes() {
    let _watchdog = Watchdog::new("m7_8", LIMIT);
    let (server, client) = pair_with_timeout("m7_8", Some(Duration::ZERO));
    for len in [0, 1, 100] {
        let started = Instant::now();
        assert_eq!(kind(server.read(&mut vec![0; len])), ErrorKind::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    client.send(b"now").unwrap();
    assert_eq!(
        server.read(&mut [0; 3]).unwrap(),
        3,
        "what is there is read without waiting"
    );
}

#[test]
fn m7_10_read_waits_for_its_timeout_and_not_noticeably_less() {
    let _watchdog = Watchdog::new("m7_10", LIMIT);
    let timeout = Duration::from_millis(300);
    let (server, _client) = pair_with_timeout("m7_10", Some(timeout));
    let started = Instant::now();
    assert_eq!(kind(server.read(&mut [0; 8])), ErrorKind::TimedOut);
    assert!(started.elapsed() >= timeout);
    let started = Instant::now();
    assert_eq!(
        kind(server.read(&mut [])),
        ErrorKind::TimedOut,
        "a read of no bytes waits too"
    );
    assert!(started.elapsed() >= timeout);
}

#[test]
fn m7_10_every_form_of_reading_keeps_its_own_timeout() {
    let _watchdog = Watchdog::new("m7_10 forms", LIMIT);
    let (server, _client) = pair("m7_10-forms");
    let time = Duration::from_millis(60);
    let started = Instant::now();
    assert_eq!(
        kind(server.recv_timeout(&mut [0; 8], time)),
        ErrorKind::TimedOut
    );
    assert_eq!(kind(server.recv_vec(Some(time))), ErrorKind::TimedOut);
    assert!(started.elapsed() >= time * 2);
    let deadline = Instant::now() + time;
    assert_eq!(
        kind(server.recv_deadline(&mut [0; 8], deadline)),
        ErrorKind::TimedOut
    );
    assert!(Instant::now() >= deadline);
    assert_eq!(
        kind(server.recv_deadline(&mut [0; 8], deadline)),
        ErrorKind::TimedOut,
        "it has passed"
    );
    assert_eq!(kind(server.try_recv(&mut [0; 8])), ErrorKind::TimedOut);
}

#[test]
fn m7_10_many_short_timeouts_are_never_too_short() {
    let _watchdog = Watchdog::new("m7_10 short", LIMIT);
    let (server, _client) = pair("m7_10-short");
    for micros in (1..2000).step_by(37) {
        let (time, started) = (Duration::from_micros(micros), Instant::now());
        assert_eq!(
            kind(server.recv_timeout(&mut [0; 8], time)),
            ErrorKind::TimedOut
        );
        assert!(started.elapsed() >= time, "{micros} us");
    }
}

#[test]
fn m7_11_read_without_limit_waits_until_a_message_comes() {
    let _watchdog = Watchdog::new("m7_11", LIMIT);
    let (server, client) = pair_with_timeout("m7_11", None);
    let reader = waiting(move || server.read(&mut [0; 8]));
    thread::sleep(Duration::from_millis(200));
    assert!(!reader.is_finished());
    client.send(b"four").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 4);
}

#[test]
fn m7_11_first_client_that_opens_after_the_read_began_ends_the_wait() {
    let _watchdog = Watchdog::new("m7_11 first", LIMIT);
    let name = support::name("m7_11-first");
    let server = MailslotServer::create(&name).unwrap();
    let reader = waiting(move || server.recv_vec(None).unwrap());
    let mut writer = Actor::start("write", &[name.path(), "from outside"]);
    assert_eq!(reader.join().unwrap(), b"from outside");
    writer.expect("written");
}

#[test]
fn m7_12_message_ends_the_wait_at_once() {
    let _watchdog = Watchdog::new("m7_12", LIMIT);
    let (server, client) = pair_with_timeout("m7_12", Some(Duration::from_secs(100)));
    let reader = waiting(move || server.read(&mut [0; 8]));
    client.send(b"").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0, "an empty one does too");
}

#[test]
fn m7_12_message_from_another_process_ends_the_wait_though_it_is_killed_then() {
    let _watchdog = Watchdog::new("m7_12 process", LIMIT);
    let name = support::name("m7_12-process");
    let server = MailslotServer::create(&name).unwrap();
    let mut writer = Actor::start("write", &[name.path(), "hello", "world"]);
    assert_eq!(server.recv_vec(None).unwrap(), b"hello");
    writer.expect("written");
    writer.kill();
    assert_eq!(next(&server), b"world");
    assert_eq!(
        kind(server.recv_vec(Some(Duration::from_millis(30)))),
        ErrorKind::TimedOut
    );
}

#[test]
fn m7_12_wake_up_is_never_lost_however_the_write_meets_the_wait() {
    let _watchdog = Watchdog::new("m7_12 meet", LIMIT);
    let (server, client) = pair("m7_12-meet");
    const ROUNDS: u64 = 3000;
    let writer = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(712);
        for round in 0..ROUNDS {
            let until = Instant::now() + Duration::from_nanos(random.u64(..150_000));
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            client.send(&round.to_le_bytes()).unwrap();
        }
    });
    for round in 0..ROUNDS {
        let message = server.recv_vec(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(message, round.to_le_bytes());
    }
    writer.join().unwrap();
}

#[test]
fn m7_13_timeout_counts_for_each_read_from_its_start() {
    let _watchdog = Watchdog::new("m7_13", LIMIT);
    let timeout = Duration::from_millis(100);
    let (server, client) = pair_with_timeout("m7_13", Some(timeout));
    thread::sleep(timeout * 2);
    for _ in 0..2 {
        let started = Instant::now();
        assert_eq!(kind(server.read(&mut [0; 8])), ErrorKind::TimedOut);
        assert!(started.elapsed() >= timeout);
    }
    client.send(b"x").unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
    let started = Instant::now();
    assert_eq!(kind(server.read(&mut [0; 8])), ErrorKind::TimedOut);
    assert!(started.elapsed() >= timeout);
}
