//! Section 7 with several reads at once: who gets which message, and who waits how long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{drain, kind, pair, waiting, LIMIT};
use crate::support::Watchdog;

/// A thread that waits for a message, up to a time.
fn reader(server: &MailslotServer, timeout: Option<Duration>) -> JoinHandle<tong::Result<Vec<u8>>> {
    let server = server.clone();
    waiting(move || server.recv_vec(timeout))
}

#[test]
fn m7_15_each_message_goes_to_the_read_that_began_first() {
    let _watchdog = Watchdog::new("m7_15", LIMIT);
    let (server, client) = pair("m7_15");
    let readers: Vec<_> = (0..5).map(|_| reader(&server, None)).collect();
    for number in 0..5u8 {
        client.send(&[number]).unwrap();
    }
    for (number, reader) in (0..5u8).zip(readers) {
        assert_eq!(reader.join().unwrap().unwrap(), [number]);
    }
    assert_eq!(server.info().unwrap().message_count, 0);
}

#[test]
fn m7_15_read_behind_another_keeps_its_own_timeout() {
    let _watchdog = Watchdog::new("m7_15 behind", LIMIT);
    let (server, client) = pair("m7_15-behind");
    let first = reader(&server, None);
    let time = Duration::from_millis(200);
    let started = Instant::now();
    let second = reader(&server, Some(time));
    let third = reader(&server, None);
    assert_eq!(kind(second.join().unwrap()), ErrorKind::TimedOut);
    assert!(started.elapsed() >= time);
    client.send(b"one").unwrap();
    client.send(b"two").unwrap();
    assert_eq!(first.join().unwrap().unwrap(), b"one");
    assert_eq!(third.join().unwrap().unwrap(), b"two");
}

#[test]
fn m7_15_when_the_oldest_read_times_out_the_next_one_is_the_oldest() {
    let _watchdog = Watchdog::new("m7_15 oldest", LIMIT);
    let (server, client) = pair("m7_15-oldest");
    let first = reader(&server, Some(Duration::from_millis(300)));
    let (second, third) = (reader(&server, None), reader(&server, None));
    assert_eq!(kind(first.join().unwrap()), ErrorKind::TimedOut);
    client.send(b"one").unwrap();
    assert_eq!(second.join().unwrap().unwrap(), b"one");
    client.send(b"two").unwrap();
    assert_eq!(third.join().unwrap().unwrap(), b"two");
}

#[test]
fn m7_15_read_that_does_not_wait_leaves_the_message_to_the_one_that_waits() {
    let _watchdog = Watchdog::new("m7_15 no wait", LIMIT);
    let (server, client) = pair("m7_15-no-wait");
    for round in 0..200u8 {
        let waits = server.clone();
        let waits = thread::spawn(move || waits.recv_vec(None).unwrap());
        if round == 0 {
            // In the other rounds whoever comes first.
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(kind(server.try_recv(&mut [0; 8])), ErrorKind::TimedOut);
        client.send(&[round]).unwrap();
        assert_eq!(waits.join().unwrap(), [round]);
    }
}

#[test]
fn m7_15_several_readers_share_what_several_writers_write_without_loss() {
    let _watchdog = Watchdog::new("m7_15 share", LIMIT);
    const WRITERS: u32 = 3;
    const MESSAGES: u32 = 4000;
    let (server, client) = pair("m7_15-share");
    let readers: Vec<_> = (0..4).map(|number| read_all(&server, number)).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| write_all(&client, writer, MESSAGES))
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    let mut got: Vec<(u32, u32)> = Vec::new();
    for reader in readers {
        let part = reader.join().unwrap();
        for writer in 0..WRITERS {
            let numbers = part.iter().filter(|(from, _)| *from == writer);
            assert!(
                numbers.is_sorted(),
                "one reader saw one writer's messages in their order"
            );
        }
        got.extend(part);
    }
    got.sort_unstable();
    let expected =
        (0..WRITERS).flat_map(|writer| (0..MESSAGES).map(move |number| (writer, number)));
    assert!(
        got.into_iter().eq(expected),
        "each message went to exactly one reader"
    );
}

/// A thread that reads until nothing comes for a while, each with another way to wait.
fn read_all(server: &MailslotServer, number: u64) -> JoinHandle<Vec<(u32, u32)>> {
    let server = server.clone();
    thread::spawn(move || {
        let mut got = Vec::new();
        let mut last = Instant::now();
        while last.elapsed() < Duration::from_secs(2) {
            let Ok(message) = server.recv_vec(Some(Duration::from_micros(number * 300))) else {
                continue;
            };
            let half = |at: usize| u32::from_le_bytes(message[at..at + 4].try_into().unwrap());
            got.push((half(0), half(4)));
            last = Instant::now();
        }
        got
    })
}

fn write_all(client: &MailslotClient, writer: u32, count: u32) -> JoinHandle<()> {
    let client = MailslotClient::open(client.name()).unwrap();
    thread::spawn(move || {
        for number in 0..count {
            client
                .send(&[writer.to_le_bytes(), number.to_le_bytes()].concat())
                .unwrap();
            if number % 64 == 0 {
                thread::yield_now();
            }
        }
    })
}

#[test]
fn m7_27_change_of_the_timeout_does_not_change_a_read_that_waits() {
    let _watchdog = Watchdog::new("m7_27", LIMIT);
    let (server, client) = pair("m7_27");
    server
        .set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    let timed = server.clone();
    let started = Instant::now();
    let timed = waiting(move || timed.read(&mut [0; 8]));
    server.set_read_timeout(None).unwrap();
    assert_eq!(kind(timed.join().unwrap()), ErrorKind::TimedOut);
    assert!(started.elapsed() >= Duration::from_millis(400));
    let endless = server.clone();
    let endless = waiting(move || endless.read(&mut [0; 8]));
    server.set_read_timeout(Some(Duration::ZERO)).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(!endless.is_finished());
    client.send(b"x").unwrap();
    assert_eq!(endless.join().unwrap().unwrap(), 1);
}

#[test]
fn information_and_reads_of_other_threads_take_no_wake_up_from_the_reader_that_waits() {
    let _watchdog = Watchdog::new("information", LIMIT);
    let (server, client) = pair("information");
    let stop = Arc::new(AtomicBool::new(false));
    let (asks, stopped) = (server.clone(), Arc::clone(&stop));
    let asks = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            asks.info().unwrap();
            let _ = asks.try_recv(&mut []);
        }
    });
    for round in 0..500u32 {
        let reader = server.clone();
        let reader = thread::spawn(move || reader.recv_vec(Some(Duration::from_secs(60))).unwrap());
        if round % 4 == 0 {
            thread::sleep(Duration::from_micros(500));
        }
        client.send(&round.to_le_bytes()).unwrap();
        assert_eq!(reader.join().unwrap(), round.to_le_bytes());
    }
    stop.store(true, Ordering::Relaxed);
    asks.join().unwrap();
    assert!(drain(&server).is_empty());
}
