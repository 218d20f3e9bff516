//! Section 8: closing, by hand and by death.

use std::thread;
use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{drain, kind, next, pair, waiting, LIMIT};
use crate::support::{self, Actor, Watchdog};

#[test]
fn m8_1_closing_a_client_changes_neither_the_queue_nor_other_handles() {
    let _watchdog = Watchdog::new("m8_1", LIMIT);
    let (server, one) = pair("m8_1");
    let duplicate = one.clone();
    let other = MailslotClient::open(one.name()).unwrap();
    one.send(b"one").unwrap();
    drop(one);
    assert_eq!(server.info().unwrap().message_count, 1);
    other.send(b"other").unwrap();
    duplicate.send(b"duplicate").unwrap();
    drop(duplicate);
    assert_eq!(drain(&server), [&b"one"[..], b"other", b"duplicate"]);
    other.send(b"after").unwrap();
    assert_eq!(next(&server), b"after");
}

#[test]
fn m8_2_closing_one_of_several_server_handles_has_no_effect() {
    let _watchdog = Watchdog::new("m8_2", LIMIT);
    let (first, client) = pair("m8_2");
    let second = first.clone();
    client.send(b"one").unwrap();
    first.close();
    first.close();
    drop(first);
    client.send(b"two").unwrap();
    MailslotClient::open(client.name())
        .unwrap()
        .send(b"three")
        .unwrap();
    assert_eq!(drain(&second), [&b"one"[..], b"two", b"three"]);
}

#[test]
fn m8_3_closing_the_last_server_handle_discards_messages_name_and_clients() {
    let _watchdog = Watchdog::new("m8_3", LIMIT);
    let (first, client) = pair("m8_3");
    let second = first.clone();
    client.send(b"unread").unwrap();
    first.close();
    second.close();
    // The objects are still there, and say that the mailslot is not.
    for server in [&first, &second, &second.clone()] {
        assert_eq!(kind(server.try_recv(&mut [0; 8])), ErrorKind::Closed);
        assert_eq!(kind(server.recv(&mut [0; 8])), ErrorKind::Closed);
        assert_eq!(kind(server.info()), ErrorKind::Closed);
        assert_eq!(kind(server.set_read_timeout(None)), ErrorKind::Closed);
    }
    assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
    let again = MailslotServer::create(client.name()).unwrap();
    assert_eq!(again.info().unwrap().message_count, 0);
}

#[test]
fn m8_4_reads_that_wait_when_the_last_server_handle_closes_end_with_a_failure() {
    let _watchdog = Watchdog::new("m8_4", LIMIT);
    let (server, client) = pair("m8_4");
    let server = std::sync::Arc::new(server);
    let readers = [None, Some(Duration::from_secs(100)), None, None].map(|timeout| {
        let server = std::sync::Arc::clone(&server);
        waiting(move || server.recv_vec(timeout))
    });
    thread::sleep(Duration::from_millis(50));
    server.close();
    for reader in readers {
        assert_eq!(kind(reader.join().unwrap()), ErrorKind::Closed);
    }
    assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
}

#[test]
fn m8_4_close_ends_reads_that_begin_or_get_a_message_in_the_same_instant() {
    let _watchdog = Watchdog::new("m8_4 race", LIMIT);
    let name = support::name("m8_4-race");
    let mut random = fastrand::Rng::with_seed(84);
    for _ in 0..200 {
        let server = std::sync::Arc::new(MailslotServer::create(&name).unwrap());
        let client = MailslotClient::open(&name).unwrap();
        let readers = [(); 3].map(|()| {
            let server = std::sync::Arc::clone(&server);
            thread::spawn(move || server.recv_vec(None))
        });
        thread::sleep(Duration::from_micros(random.u64(..300)));
        let writer = thread::spawn(move || client.send(b"maybe"));
        server.close();
        let _ = writer.join().unwrap();
        let got = readers.map(|reader| reader.join().unwrap());
        let messages = got.iter().filter(|result| result.is_ok()).count();
        assert!(messages <= 1);
        let failures = got.into_iter().filter(Result::is_err);
        assert!(failures
            .into_iter()
            .all(|result| kind(result) == ErrorKind::Closed));
    }
}

#[test]
fn m8_5_process_that_ends_with_a_waiting_read_ends_its_mailslot() {
    let _watchdog = Watchdog::new("m8_5", LIMIT);
    let name = support::name("m8_5");
    let mut server = Actor::start("serve_and_tell", &[name.path()]);
    server.expect("serving");
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"read").unwrap();
    server.expect("read");
    server.kill();
    assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
    assert_eq!(kind(MailslotClient::open(&name)), ErrorKind::NotFound);
}

#[test]
fn m8_6_write_to_a_mailslot_that_is_gone_fails_every_time() {
    let _watchdog = Watchdog::new("m8_6", LIMIT);
    let (server, client) = pair("m8_6");
    drop(server);
    for _ in 0..1000 {
        assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
    }
}

#[test]
fn m8_6_write_after_the_server_was_killed_fails_every_time() {
    let _watchdog = Watchdog::new("m8_6 kill", LIMIT);
    let name = support::name("m8_6-kill");
    let mut server = Actor::start("serve", &[name.path()]);
    server.expect("serving");
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"unread").unwrap();
    server.kill();
    for round in 0..1000 {
        assert_eq!(
            kind(client.send(b"late")),
            ErrorKind::Closed,
            "write {round}"
        );
    }
}

#[test]
fn m8_6_error_of_a_late_write_comes_before_the_quota_and_after_the_limit() {
    let _watchdog = Watchdog::new("m8_6 order", LIMIT);
    let name = support::name("m8_6-order");
    let server = MailslotServer::options()
        .quota_bytes(4096)
        .max_message_len(5000)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    drop(server);
    assert_eq!(kind(client.send(&[0; 4500])), ErrorKind::Closed);
    assert_eq!(
        kind(client.send(&[0; 5001])),
        ErrorKind::MessageTooLong { limit: 5000 }
    );
}

/// Opens and closes clients and servers, and says by how many descriptors the process grew.
pub(crate) fn role_count_descriptors() {
    let name = MailslotName::short(&support::args()[0]).unwrap();
    let server = MailslotServer::create(&name).unwrap();
    let before = support::open_descriptors();
    for round in 0..300u32 {
        let client = MailslotClient::open(&name).unwrap();
        client.send(&round.to_le_bytes()).unwrap();
        assert_eq!(next(&server), round.to_le_bytes());
    }
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    let after_clients = support::open_descriptors();
    let stale = MailslotClient::open(&name).unwrap();
    server.close();
    drop(server);
    drop(stale);
    let after_all = support::open_descriptors();
    support::say(&format!(
        "{} {}",
        after_clients - before,
        after_all <= before
    ));
}

#[test]
fn m8_7_closing_gives_every_descriptor_back_on_both_sides() {
    let _watchdog = Watchdog::new("m8_7", LIMIT);
    let mut counts = Actor::start("count_descriptors", &[support::name("m8_7").path()]);
    counts.expect("0 true");
    counts.finish();
}

#[test]
fn m8_8_name_cannot_be_opened_after_the_last_server_handle_closed() {
    let _watchdog = Watchdog::new("m8_8", LIMIT);
    let (server, client) = pair("m8_8");
    let name = client.name().clone();
    drop(server);
    assert_eq!(kind(MailslotClient::open(&name)), ErrorKind::NotFound);
    drop(client);
    assert_eq!(kind(MailslotClient::open(&name)), ErrorKind::NotFound);
}
