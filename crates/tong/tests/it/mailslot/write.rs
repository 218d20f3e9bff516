//! Section 6: writing, and how much a writer may have queued.

use std::thread;
use std::time::{Duration, Instant};

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{drain, kind, next, pair, pattern, waiting, LIMIT};
use crate::support::{self, Actor, Watchdog};

/// Empty, rows of 16, the limit of remote mailslots, pages, a ring's first segment with and without its 16-byte rows, and
/// what is far beyond.
const LENGTHS: [usize; 33] = [
    0,
    1,
    15,
    16,
    17,
    423,
    424,
    425,
    426,
    4_079,
    4_080,
    4_095,
    4_096,
    4_097,
    32_768,
    65_487,
    65_488,
    65_503,
    65_504,
    65_505,
    65_519,
    65_520,
    65_521,
    65_535,
    65_536,
    65_537,
    131_040,
    131_072,
    1_048_575,
    1_048_576,
    1_048_577,
    8 << 20,
    16 << 20,
];

#[test]
fn m6_1_write_of_any_length_queues_one_message_of_that_length() {
    let _watchdog = Watchdog::new("m6_1", LIMIT);
    let (server, client) = pair("m6_1");
    for len in LENGTHS {
        client.send(&pattern(len)).unwrap();
        let info = server.info().unwrap();
        assert_eq!((info.message_count, info.next_len), (1, Some(len)));
        assert!(
            next(&server) == pattern(len),
            "{len} bytes came out changed"
        );
    }
}

#[test]
fn m6_1_messages_of_another_process_are_whole_whatever_their_lengths() {
    let _watchdog = Watchdog::new("m6_1 process", LIMIT);
    let name = support::name("m6_1-process");
    let server = MailslotServer::create(&name).unwrap();
    let lengths = LENGTHS.map(|len| len.to_string());
    let mut args = vec![name.path()];
    args.extend(lengths.iter().map(String::as_str));
    let mut writer = Actor::start("write_lengths", &args);
    for len in LENGTHS {
        assert!(
            server.recv_vec(None).unwrap() == pattern(len),
            "{len} bytes came out changed"
        );
    }
    writer.expect("written");
}

#[test]
fn m6_1_all_lengths_can_be_queued_behind_one_another() {
    let _watchdog = Watchdog::new("m6_1 queued", LIMIT);
    let (server, client) = pair("m6_1-queued");
    for len in (0..2000).chain(LENGTHS) {
        client.send(&pattern(len)).unwrap();
    }
    for len in (0..2000).chain(LENGTHS) {
        assert!(
            next(&server) == pattern(len),
            "{len} bytes came out changed"
        );
    }
}

#[test]
fn m6_2_empty_message_counts_keeps_its_place_and_is_read() {
    let _watchdog = Watchdog::new("m6_2", LIMIT);
    let (server, client) = pair("m6_2");
    for message in [&b""[..], b"a", b"", b"", b"b", b""] {
        client.send(message).unwrap();
    }
    assert_eq!(server.info().unwrap().message_count, 6);
    assert_eq!(drain(&server), [&b""[..], b"a", b"", b"", b"b", b""]);
}

#[test]
fn m6_3_m6_4_message_beyond_the_limit_fails_and_one_as_long_is_queued() {
    let _watchdog = Watchdog::new("m6_3", LIMIT);
    let name = support::name("m6_3");
    let server = MailslotServer::options()
        .max_message_len(10)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    assert_eq!(
        kind(client.send(&[1; 11])),
        ErrorKind::MessageTooLong { limit: 10 }
    );
    assert_eq!(server.info().unwrap().message_count, 0);
    client.send(&[2; 10]).unwrap();
    client.send(&[]).unwrap();
    assert_eq!(drain(&server), [vec![2; 10], vec![]]);
}

#[test]
fn m6_5_write_never_waits_for_a_reader() {
    let _watchdog = Watchdog::new("m6_5", LIMIT);
    let (server, client) = pair("m6_5");
    let started = Instant::now();
    for _ in 0..10_000 {
        client.send(&[5; 100]).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(server.info().unwrap().message_count, 10_000);
}

/// A mailslot whose writers may have 64 KiB queued.
fn small_quota(test: &str) -> (MailslotServer, MailslotClient) {
    let name = support::name(test);
    let server = MailslotServer::options()
        .quota_bytes(64 << 10)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    (server, client)
}

/// Writes numbers of 1,000 bytes, from `first` on, until the quota is used up; returns the first that was refused.
fn fill(client: &MailslotClient, first: u32) -> u32 {
    let refused = (first..).find_map(|number| {
        let error = client.send(&number.to_le_bytes().repeat(250)).err()?;
        Some((number, error.kind()))
    });
    let (number, kind) = refused.unwrap();
    assert_eq!(kind, ErrorKind::QueueFull);
    number
}

fn assert_numbers(server: &MailslotServer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(
            next(server),
            number.to_le_bytes().repeat(250),
            "message {number}"
        );
    }
}

#[test]
fn m6_6_write_beyond_the_quota_fails_and_nothing_is_lost() {
    let _watchdog = Watchdog::new("m6_6", LIMIT);
    let (server, client) = small_quota("m6_6");
    let count = fill(&client, 0);
    assert!((60..=64).contains(&count), "{count} messages fitted");
    assert_eq!(fill(&client, count), count, "it stays full");
    assert_eq!(server.info().unwrap().message_count, u64::from(count));
    assert_numbers(&server, 0..count);
    assert_eq!(server.info().unwrap().message_count, 0);
}

#[test]
fn m6_6_quota_of_one_writer_is_not_used_up_by_another() {
    let _watchdog = Watchdog::new("m6_6 other", LIMIT);
    let (server, full) = small_quota("m6_6-other");
    let count = fill(&full, 0);
    let other = MailslotClient::open(full.name()).unwrap();
    assert_eq!(fill(&other, 1000), 1000 + count);
    let mut process = Actor::start("write", &[full.name().path(), "third"]);
    process.expect("written");
    assert_numbers(&server, 0..count);
    assert_numbers(&server, 1000..1000 + count);
    assert_eq!(drain(&server), [b"third"]);
}

#[test]
fn m6_6_full_writer_goes_on_as_soon_as_something_is_read() {
    let _watchdog = Watchdog::new("m6_6 again", LIMIT);
    let (server, client) = small_quota("m6_6-again");
    let (mut oldest, mut next_number) = (0, fill(&client, 0));
    for batch in [1, 2, 30, 1, 61, 7, 1, 1, 45, 60, 3] {
        assert_numbers(&server, oldest..oldest + batch);
        oldest += batch;
        let refused = fill(&client, next_number);
        assert!(
            refused >= next_number + batch - 1,
            "room for {batch}, taken {}",
            refused - next_number
        );
        next_number = refused;
    }
    assert_numbers(&server, oldest..next_number);
    assert_eq!(server.info().unwrap().message_count, 0);
}

#[test]
fn m6_6_message_that_no_reading_makes_room_for_fails_too() {
    let _watchdog = Watchdog::new("m6_6 huge", LIMIT);
    let (server, client) = small_quota("m6_6-huge");
    client.send(b"before").unwrap();
    assert_eq!(kind(client.send(&[0; 64 << 10])), ErrorKind::QueueFull);
    client.send(b"after").unwrap();
    assert_eq!(drain(&server), [&b"before"[..], b"after"]);
    client.send(&pattern(65_000)).unwrap();
    assert!(next(&server) == pattern(65_000));
}

#[test]
fn m6_6_quota_set_by_the_creator_is_what_one_message_may_nearly_fill() {
    let _watchdog = Watchdog::new("m6_6 creator", LIMIT);
    for quota in [4096, 100_000, 1 << 20, 3 << 20] {
        let name = support::name(&format!("m6_6-{quota}"));
        let server = MailslotServer::options()
            .quota_bytes(quota)
            .create(&name)
            .unwrap();
        let client = MailslotClient::open(&name).unwrap();
        let most = pattern(usize::try_from(quota).unwrap() - 64);
        for _ in 0..3 {
            client.send(&most).unwrap();
            assert_eq!(kind(client.send(&most)), ErrorKind::QueueFull);
            assert!(next(&server) == most, "quota {quota}");
        }
    }
}

#[test]
fn m6_6_default_quota_is_64_mib() {
    let _watchdog = Watchdog::new("m6_6 default", LIMIT);
    let (server, client) = pair("m6_6-default");
    let message = pattern(1 << 20);
    let count = (0..100)
        .take_while(|_| client.send(&message).is_ok())
        .count();
    assert_eq!(count, 63, "with its header the 64th is beyond 64 MiB");
    for _ in 0..count {
        assert!(next(&server) == message);
    }
    client.send(b"again").unwrap();
    assert_eq!(drain(&server), [b"again"]);
}

#[test]
fn m6_7_writer_killed_while_writing_leaves_whole_messages_only() {
    let _watchdog = Watchdog::new("m6_7", LIMIT);
    let (server, _client) = pair("m6_7");
    let mut random = fastrand::Rng::with_seed(67);
    let lengths = ["3000000", "70000", "1"].repeat(20);
    let args = [&[server.name().path()][..], &lengths].concat();
    for _ in 0..15 {
        let mut writer = Actor::start("write_lengths", &args);
        let mut got = vec![server.recv_vec(None).unwrap()];
        thread::sleep(Duration::from_micros(random.u64(..3000)));
        writer.kill();
        got.extend(drain(&server));
        for (message, len) in got.iter().zip(&lengths) {
            assert!(
                *message == pattern(len.parse().unwrap()),
                "not the whole message of {len} bytes"
            );
        }
        assert!(got.len() <= lengths.len());
    }
}

#[test]
fn m6_8_message_goes_to_the_waiting_read_and_the_next_one_is_queued() {
    let _watchdog = Watchdog::new("m6_8", LIMIT);
    let (server, client) = pair("m6_8");
    let reader = server.clone();
    let reader = waiting(move || reader.recv_vec(None).unwrap());
    client.send(b"for the reader").unwrap();
    assert_eq!(reader.join().unwrap(), b"for the reader");
    assert_eq!(server.info().unwrap().message_count, 0);
    client.send(b"queued").unwrap();
    assert_eq!(drain(&server), [b"queued"]);
}

#[test]
fn m6_9_waiting_read_with_too_small_a_buffer_fails_and_the_next_one_gets_the_message() {
    let _watchdog = Watchdog::new("m6_9", LIMIT);
    let (server, client) = pair("m6_9");
    let read = |len: usize| {
        let server = server.clone();
        waiting(move || server.recv(&mut vec![0; len]))
    };
    let (small, empty, fits) = (read(4), read(0), read(5));
    client.send(b"hello").unwrap();
    assert_eq!(
        kind(small.join().unwrap()),
        ErrorKind::BufferTooSmall { needed: 5 }
    );
    assert_eq!(
        kind(empty.join().unwrap()),
        ErrorKind::BufferTooSmall { needed: 5 }
    );
    assert_eq!(fits.join().unwrap().unwrap(), 5);
    assert_eq!(server.info().unwrap().message_count, 0);
}

#[test]
fn m6_9_message_that_fits_no_waiting_read_is_queued() {
    let _watchdog = Watchdog::new("m6_9 queued", LIMIT);
    let (server, client) = pair("m6_9-queued");
    let reader = server.clone();
    let small = waiting(move || reader.recv(&mut [0; 2]));
    client.send(b"hello").unwrap();
    assert_eq!(
        kind(small.join().unwrap()),
        ErrorKind::BufferTooSmall { needed: 5 }
    );
    assert_eq!(drain(&server), [b"hello"]);
}

#[test]
fn client_can_be_shared_by_threads_and_each_keeps_its_order() {
    let _watchdog = Watchdog::new("threads", LIMIT);
    let (server, client) = pair("threads");
    thread::scope(|scope| {
        for thread in 0..4u8 {
            let client = client.clone();
            scope.spawn(move || {
                (0..500u16).for_each(|n| {
                    client
                        .send(&[&[thread][..], &n.to_le_bytes()].concat())
                        .unwrap()
                })
            });
        }
    });
    let messages = drain(&server);
    for thread in 0..4u8 {
        let numbers: Vec<u16> = messages
            .iter()
            .filter(|message| message[0] == thread)
            .map(|message| u16::from_le_bytes([message[1], message[2]]))
            .collect();
        assert!(numbers.into_iter().eq(0..500), "thread {thread}");
    }
}
