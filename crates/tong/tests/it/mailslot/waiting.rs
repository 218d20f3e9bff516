//! Section 10: waiting and duplicates. On Windows a program waits for a message by reading; tong also has a descriptor
//! that is readable while a message is queued.

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{drain, kind, next, pair, waiting, LIMIT};
use crate::support::{self, Actor, Watchdog};

/// Polls for up to `time`.
fn poll(server: &MailslotServer, time: Duration) -> bool {
    let fd = server.as_fd();
    let time = Timespec {
        tv_sec: time.as_secs().try_into().unwrap(),
        tv_nsec: time.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&time)).unwrap() > 0
}

fn readable(server: &MailslotServer) -> bool {
    poll(server, Duration::ZERO)
}

#[test]
fn m10_1_m10_2_arrival_ends_a_read_and_nothing_else_needs_to_be_asked() {
    let _watchdog = Watchdog::new("m10_2", LIMIT);
    let (server, client) = pair("m10_2");
    let reader = waiting(move || server.recv_vec(None).unwrap());
    client.send(b"here").unwrap();
    assert_eq!(reader.join().unwrap(), b"here");
}

#[test]
fn m10_4_m10_5_duplicates_are_handles_of_one_mailslot_and_of_one_open() {
    let _watchdog = Watchdog::new("m10_4", LIMIT);
    let (server, client) = pair("m10_4");
    let (server_2, client_2) = (server.clone(), client.clone());
    assert!(server.same_object(&server_2) && client.same_object(&client_2));
    assert!(!client.same_object(&MailslotClient::open(client.name()).unwrap()));
    client.send(b"one").unwrap();
    client_2.send(b"two").unwrap();
    drop(client);
    client_2.send(b"three").unwrap();
    assert_eq!(next(&server_2), b"one");
    drop(server);
    assert_eq!(drain(&server_2), [&b"two"[..], b"three"]);
}

#[test]
fn descriptor_is_readable_from_the_first_message_until_the_last_was_read() {
    let _watchdog = Watchdog::new("descriptor", LIMIT);
    let (server, client) = pair("descriptor");
    for round in 0..50 {
        assert!(!readable(&server), "round {round}: nothing is queued");
        client.send(b"one").unwrap();
        assert!(readable(&server), "round {round}: one message");
        client.send(b"two").unwrap();
        assert!(readable(&server), "round {round}: two messages");
        next(&server);
        assert!(readable(&server), "round {round}: one of two was read");
        next(&server);
    }
}

#[test]
fn descriptor_that_is_asked_for_when_messages_are_queued_is_readable() {
    let _watchdog = Watchdog::new("asked late", LIMIT);
    let (server, client) = pair("asked-late");
    for message in [b"a", b"b", b"c"] {
        client.send(message).unwrap();
    }
    next(&server);
    assert!(readable(&server));
    drain(&server);
    assert!(!readable(&server));
    assert!(!readable(&server), "it stays silent");
}

#[test]
fn descriptor_stays_readable_after_a_read_that_takes_nothing() {
    let _watchdog = Watchdog::new("takes nothing", LIMIT);
    let (server, client) = pair("takes-nothing");
    assert!(!readable(&server));
    client.send(b"too long").unwrap();
    for _ in 0..3 {
        assert_eq!(
            kind(server.try_recv(&mut [0; 2])),
            ErrorKind::BufferTooSmall { needed: 8 }
        );
        assert!(readable(&server));
        server.info().unwrap();
        assert!(readable(&server));
    }
    next(&server);
    assert!(!readable(&server));
}

#[test]
fn descriptor_is_readable_for_an_empty_message() {
    let _watchdog = Watchdog::new("descriptor is readable for an ", LIMIT);
    let (server, client) = pair("empty-message");
    assert!(!readable(&server));
    client.send(b"").unwrap();
    assert!(readable(&server));
    assert_eq!(next(&server), b"");
    assert!(!readable(&server));
}

#[test]
fn descriptor_wakes_for_every_writer_new_or_old_here_or_elsewhere() {
    let _watchdog = Watchdog::new("every writer", LIMIT);
    let name = support::name("every-writer");
    let server = MailslotServer::create(&name).unwrap();
    assert!(!readable(&server));
    let mut writers: Vec<Actor> = (0..3)
        .map(|_| {
            let mut writer = Actor::start("write_in_turn", &[name.path(), "x", "x", "x"]);
            writer.expect("open");
            writer
        })
        .collect();
    // That somebody opened is news to the descriptor too, until a read has looked.
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    for _ in 0..3 {
        for writer in &mut writers {
            assert!(!readable(&server));
            writer.go();
            assert!(poll(&server, LIMIT / 2));
            writer.expect("sent");
            assert_eq!(next(&server), b"x");
        }
    }
    for writer in &mut writers {
        writer.kill();
    }
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    assert!(!readable(&server), "the dead are no messages");
}

#[test]
fn poll_and_read_in_turn_miss_no_message_of_writers_that_never_pause() {
    let _watchdog = Watchdog::new("poll and read", LIMIT);
    const MESSAGES: u32 = 20_000;
    let (server, client) = pair("poll-and-read");
    let writers = [0, 1].map(|_| {
        let client = MailslotClient::open(client.name()).unwrap();
        thread::spawn(move || {
            (0..MESSAGES).for_each(|number| client.send(&number.to_le_bytes()).unwrap())
        })
    });
    let mut count = 0;
    while count < 2 * MESSAGES {
        assert!(poll(&server, LIMIT / 2), "silent after {count} messages");
        // Sometimes one message a poll, sometimes all there are.
        while server.try_recv(&mut [0; 4]).is_ok() {
            count += 1;
            if count % 3 == 0 {
                break;
            }
        }
    }
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    // That a writer left is news to the descriptor, until a read has looked.
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    assert!(!readable(&server));
}

#[test]
fn descriptor_is_readable_when_the_mailslot_was_closed_so_that_nobody_waits_in_vain() {
    let _watchdog = Watchdog::new("descriptor is readable when th", LIMIT);
    let (server, _client) = pair("closed-descriptor");
    assert!(!readable(&server));
    let kept = server.clone();
    kept.close();
    assert!(!readable(&server), "another handle is open");
    server.close();
    assert!(readable(&server));
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::Closed);
}

#[test]
fn descriptor_is_right_for_a_thread_that_polls_while_another_reads() {
    let _watchdog = Watchdog::new("polls while another reads", LIMIT);
    let (server, client) = pair("polls-while");
    assert!(!readable(&server));
    for round in 0..200u32 {
        let reader = server.clone();
        let reader = thread::spawn(move || reader.recv_vec(None).unwrap());
        client.send(&round.to_le_bytes()).unwrap();
        assert_eq!(reader.join().unwrap(), round.to_le_bytes());
        client.send(b"left").unwrap();
        assert!(readable(&server), "round {round}");
        assert_eq!(drain(&server), [b"left"]);
        assert!(!readable(&server), "round {round}");
    }
}
