//! Section 4: opening a client handle.

use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{drain, kind, next, LIMIT};
use crate::support::{self, Actor, Watchdog};

#[test]
fn m4_1_client_opens_by_the_string_that_the_server_created_with() {
    let _watchdog = Watchdog::new("m4_1", LIMIT);
    let full = support::name("m4_1").full();
    let server = MailslotServer::create(&MailslotName::parse_for_create(&full).unwrap()).unwrap();
    let client = MailslotClient::open(&MailslotName::parse(&full).unwrap()).unwrap();
    assert_eq!(client.name(), server.name());
    client.send(b"hello").unwrap();
    assert_eq!(next(&server), b"hello");
}

#[test]
fn m4_2_m4_8_opening_what_does_not_exist_fails_and_creates_nothing() {
    let _watchdog = Watchdog::new("m4_2", LIMIT);
    let name = support::name("m4_2");
    for _ in 0..2 {
        assert_eq!(kind(MailslotClient::open(&name)), ErrorKind::NotFound);
    }
    MailslotServer::create(&name).unwrap();
    assert_eq!(
        kind(MailslotClient::open(&name)),
        ErrorKind::NotFound,
        "it is gone again"
    );
}

#[test]
fn m4_3_the_server_itself_and_any_other_process_may_open() {
    let _watchdog = Watchdog::new("m4_3", LIMIT);
    let name = support::name("m4_3");
    let server = MailslotServer::create(&name).unwrap();
    MailslotClient::open(&name).unwrap().send(b"self").unwrap();
    let mut child = Actor::start("write", &[name.path(), "child"]);
    child.expect("written");
    // A grandchild's parent has gone: nothing ties it to the server.
    let launcher = ["sh", "-c", r#""$0" "$@" & wait"#];
    let mut orphan = Actor::start_by(&launcher, "write", &[name.path(), "grandchild"]);
    orphan.expect("written");
    assert_eq!(drain(&server), [&b"self"[..], b"child", b"grandchild"]);
}

#[test]
fn m4_4_hundreds_of_clients_may_be_open_at_once() {
    let _watchdog = Watchdog::new("m4_4", LIMIT);
    let name = support::name("m4_4");
    let server = MailslotServer::create(&name).unwrap();
    let clients: Vec<_> = (0..200)
        .map(|_| MailslotClient::open(&name).unwrap())
        .collect();
    for round in 0..3u32 {
        for (number, client) in (0u32..).zip(&clients) {
            client.send(&(round * 1000 + number).to_le_bytes()).unwrap();
        }
        let expected: Vec<_> = (0..200)
            .map(|number| (round * 1000 + number).to_le_bytes().to_vec())
            .collect();
        assert_eq!(drain(&server), expected, "round {round}");
    }
    assert_eq!(server.info().unwrap().writers, 200);
    drop(clients);
    // A thread of another test that is just starting a program holds copies of the descriptors for a moment.
    support::eventually("all writers are gone", || {
        server.info().unwrap().writers == 0
    });
}

#[test]
fn m4_4_clients_of_many_processes_may_be_open_at_once() {
    let _watchdog = Watchdog::new("m4_4 processes", LIMIT);
    let name = support::name("m4_4-processes");
    let server = MailslotServer::create(&name).unwrap();
    let mut writers: Vec<Actor> = (0..20)
        .map(|number| Actor::start("write", &[name.path(), &format!("{number:02}")]))
        .collect();
    for writer in &mut writers {
        writer.expect("written");
    }
    assert_eq!(server.info().unwrap().writers, 20);
    let mut messages = drain(&server);
    messages.sort();
    let expected: Vec<Vec<u8>> = (0..20)
        .map(|number| format!("{number:02}").into_bytes())
        .collect();
    assert_eq!(messages, expected);
}

/// Serves with so few descriptors that no writer can be taken in; frees some when told to; then reads one message.
pub(crate) fn role_serve_out_of_descriptors() {
    let name = MailslotName::short(&support::args()[0]).unwrap();
    let spare: usize = support::args()[1].parse().unwrap();
    let server = MailslotServer::create(&name).unwrap();
    let mut hoard: Vec<std::fs::File> = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    hoard.truncate(hoard.len() - spare);
    support::say("serving");
    support::wait_for_go();
    assert_eq!(
        kind(server.recv_vec(Some(Duration::from_millis(50)))),
        ErrorKind::TimedOut
    );
    drop(hoard);
    let message = server.recv_vec(Some(Duration::from_secs(20))).unwrap();
    support::say(&String::from_utf8(message).unwrap());
}

#[test]
fn writer_that_came_while_the_server_had_no_descriptors_is_read_once_it_has() {
    let _watchdog = Watchdog::new("descriptors", LIMIT);
    let launcher = ["sh", "-c", r#"ulimit -n 40; exec "$0" "$@""#];
    // None to accept with; one, so that the greeting's two do not fit; two.
    for spare in ["0", "1", "2"] {
        let name = support::name(&format!("descriptors-{spare}"));
        let mut server =
            Actor::start_by(&launcher, "serve_out_of_descriptors", &[name.path(), spare]);
        server.expect("serving");
        let client = MailslotClient::open(&name).unwrap();
        client.send(b"patience").unwrap();
        server.go();
        server.expect("patience");
    }
}
