//! Section 7.1: reads that were started and left, and how they share the queue with threads that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::Duration;

use tong::io::{Completion, Key, Outcome, Started};
use tong::{ErrorKind, MailslotClient, MailslotServer, Thread};

use super::{pair, LIMIT};
use crate::support::{self, Watchdog};

/// How an operation of this number ended, and what it read.
type End = (usize, Outcome, Vec<u8>);

/// A read that tells its end.
struct Told {
    number: usize,
    room: [u8; 8],
    tell: mpsc::Sender<End>,
}

impl Completion for Told {
    fn key(&self) -> Key {
        Key {
            tag: self.number,
            thread: tong::object::thread::current_id(),
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn done(self: Box<Self>, outcome: Outcome) {
        let bytes = self.room[..outcome.bytes].to_vec();
        // The test may be over.
        let _ = self.tell.send((self.number, outcome, bytes));
    }
}

fn start(
    server: &MailslotServer,
    number: usize,
    tell: &mpsc::Sender<End>,
) -> tong::Result<Started> {
    server.start_read(Box::new(Told {
        number,
        room: [0; 8],
        tell: tell.clone(),
    }))
}

#[track_caller]
fn pends(server: &MailslotServer, number: usize, tell: &mpsc::Sender<End>) {
    let started = start(server, number, tell).unwrap();
    assert!(matches!(started, Started::Pending), "{started:?}");
}

fn success(number: usize, bytes: &[u8]) -> End {
    (number, Outcome::success(bytes.len()), bytes.to_vec())
}

fn failure(number: usize, kind: ErrorKind) -> End {
    (number, Outcome::failure(kind), Vec::new())
}

/// M7.21, M7.22, M7.15.
#[test]
fn started_reads_get_the_messages_in_their_order() {
    let _watchdog = Watchdog::new("started reads", LIMIT);
    let (server, client) = pair("started");
    let (tell, told) = mpsc::channel();
    client.send(b"there").unwrap();
    match start(&server, 0, &tell).unwrap() {
        Started::Now(outcome, _) => assert_eq!(outcome, Outcome::success(5)),
        Started::Pending => panic!("the message is there"),
    }
    for number in 1..=3 {
        pends(&server, number, &tell);
    }
    for message in [b"a", b"b"] {
        client.send(message).unwrap();
    }
    assert_eq!(told.recv().unwrap(), success(1, b"a"));
    assert_eq!(told.recv().unwrap(), success(2, b"b"));
    // M6.9: the message is too long for this one, and stays for the next.
    client.send(b"ten bytes!").unwrap();
    let needed = 10;
    assert_eq!(
        told.recv().unwrap(),
        failure(3, ErrorKind::BufferTooSmall { needed })
    );
    assert_eq!(server.recv_vec(None).unwrap(), b"ten bytes!");
}

/// A second writer, which the server has not heard of when the read starts, is heard too.
#[test]
fn started_read_hears_of_new_writers() {
    let _watchdog = Watchdog::new("new writers", LIMIT);
    let (server, first) = pair("new-writers");
    let (tell, told) = mpsc::channel();
    pends(&server, 1, &tell);
    drop(first);
    for number in 1..50 {
        let client = MailslotClient::open(server.name()).unwrap();
        client.send(b"new").unwrap();
        drop(client);
        assert_eq!(told.recv().unwrap(), success(number, b"new"));
        pends(&server, number + 1, &tell);
    }
}

/// M7.23, M7.22.
#[test]
fn time_of_the_mailslot_ends_started_reads() {
    let _watchdog = Watchdog::new("timed", LIMIT);
    let (server, _client) = pair("timed");
    let (tell, told) = mpsc::channel();
    server.set_read_timeout(Some(Duration::ZERO)).unwrap();
    let error = start(&server, 1, &tell).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    server
        .set_read_timeout(Some(Duration::from_millis(60)))
        .unwrap();
    pends(&server, 1, &tell);
    server
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    pends(&server, 2, &tell);
    server.set_read_timeout(None).unwrap();
    pends(&server, 3, &tell);
    assert_eq!(told.recv().unwrap(), failure(2, ErrorKind::TimedOut));
    assert_eq!(told.recv().unwrap(), failure(1, ErrorKind::TimedOut));
    assert_eq!(server.cancel(&|key| key.tag == 3), 1);
    assert_eq!(told.recv().unwrap(), failure(3, ErrorKind::Canceled));
}

/// M7.25, M8.4.
#[test]
fn started_reads_are_canceled_or_end_with_the_mailslot() {
    let _watchdog = Watchdog::new("ends", LIMIT);
    let (server, client) = pair("ends");
    let (tell, told) = mpsc::channel();
    for number in 1..=3 {
        pends(&server, number, &tell);
    }
    assert_eq!(server.cancel(&|_| false), 0);
    assert_eq!(server.cancel(&|key| key.tag == 1), 1);
    assert_eq!(told.recv().unwrap(), failure(1, ErrorKind::Canceled));
    client.send(b"2").unwrap();
    assert_eq!(told.recv().unwrap(), success(2, b"2"));
    server.close();
    assert_eq!(told.recv().unwrap(), failure(3, ErrorKind::Closed));
    assert_eq!(server.cancel(&|_| true), 0);
}

/// Threads that are called out of their reads lose no message, wherever in the line they stand.
#[test]
fn canceled_threads_leave_the_line() {
    let _watchdog = Watchdog::new("canceled threads", LIMIT);
    let (server, client) = pair("canceled-threads");
    let (tell, told) = mpsc::channel();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (server, tell) = (server.clone(), tell.clone());
            thread::spawn(move || {
                tell.send(Thread::current().unwrap()).unwrap();
                server.read(&mut [0; 8]).map_err(|error| error.kind())
            })
        })
        .collect();
    for _ in 0..3 {
        let thread = told.recv().unwrap();
        support::eventually("it is blocked and canceled", || {
            thread.cancel_synchronous().is_ok()
        });
    }
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Err(ErrorKind::Canceled));
    }
    let reader = {
        let server = server.clone();
        thread::spawn(move || server.recv_vec(None).map_err(|error| error.kind()))
    };
    support::eventually("it waits", || server.cancel(&|key| key.tag == 0) == 1);
    assert_eq!(reader.join().unwrap(), Err(ErrorKind::Canceled));
    client.send(b"kept").unwrap();
    assert_eq!(server.recv_vec(None).unwrap(), b"kept");
}

/// Threads and operations that read at the same time get every message once, also while operations are canceled.
#[test]
fn no_message_is_lost_or_doubled_in_a_mixed_line() {
    const MESSAGES: usize = 3000;
    let _watchdog = Watchdog::new("mixed line", LIMIT);
    let (server, client) = pair("mixed-line");
    let (tell, told) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let (read, canceler, over) = (tell.clone(), Arc::clone(&stop), Arc::clone(&stop));
    let (other, cancels) = (server.clone(), server.clone());
    let reader = thread::spawn(move || {
        let mut room = [0; 8];
        while !over.load(Ordering::Relaxed) {
            let timeout = Duration::from_millis(50);
            if let Ok(bytes) = other.recv_timeout(&mut room, timeout) {
                let end = (0, Outcome::success(bytes), room[..bytes].to_vec());
                read.send(end).unwrap();
            }
        }
    });
    let canceler = thread::spawn(move || {
        while !canceler.load(Ordering::Relaxed) {
            cancels.cancel(&|key| key.tag % 3 == 1);
            thread::sleep(Duration::from_micros(300));
        }
    });
    let writer = thread::spawn(move || {
        for number in 0..MESSAGES as u64 {
            client.send(&number.to_le_bytes()).unwrap();
            if number % 7 == 0 {
                thread::sleep(Duration::from_micros(50));
            }
        }
        client
    });
    let mut seen = vec![false; MESSAGES];
    let mut note = |bytes: &[u8]| {
        let number = usize::from_le_bytes(bytes.try_into().unwrap());
        assert!(!std::mem::replace(&mut seen[number], true), "twice");
    };
    let (mut count, mut next) = (0, 1);
    let mut restart = 4;
    while count < MESSAGES {
        for _ in 0..std::mem::take(&mut restart) {
            next += 1;
            let started = start(&server, next, &tell).unwrap();
            if let Started::Now(outcome, mut completion) = started {
                note(&completion.room()[..outcome.bytes]);
                count += 1;
                restart += 1;
            }
        }
        if restart > 0 || count == MESSAGES {
            continue;
        }
        let (number, outcome, bytes) = told.recv().unwrap();
        if outcome.error.is_none() {
            note(&bytes);
            count += 1;
        }
        restart += usize::from(number != 0);
    }
    stop.store(true, Ordering::Relaxed);
    canceler.join().unwrap();
    let _client = writer.join().unwrap();
    reader.join().unwrap();
}
