//! Processes that are killed: what the other end gets, and what is left.

use std::time::Duration;

use tong::pipe::PipeClient;
use tong::ErrorKind;

use super::op::{connect_later, joined, poll, read, read_later, whole, write_later, Got};
use super::player::Player;
use super::{bytes, messages, name, unread, with_quota, LIMIT};
use crate::support::{eventually, kind, pattern, waiting, Watchdog};

/// A process with a server end of messages, and a client end of ours.
fn server_elsewhere(test: &str, quota: u32) -> (Player, PipeClient) {
    let name = name(test);
    let mut player = Player::start();
    player.must(&["create", name.path(), "message", &format!("quota={quota}")]);
    let client = PipeClient::open(&name).unwrap();
    super::read_as(&client, tong::pipe::ReadMode::Message);
    (player, client)
}

/// A server end of messages of ours, and a process with a client end.
fn client_elsewhere(test: &str, quota: u32) -> (tong::pipe::PipeServer, Player) {
    let name = name(test);
    let server = with_quota(messages(), quota).create(&name).unwrap();
    let mut player = Player::start();
    player.must(&["open", name.path()]);
    (server, player)
}

/// P8.6, P10.1, P10.15: the server has not even looked when the client dies.
#[test]
fn client_that_wrote_and_died_before_the_server_connected_is_served() {
    let _watchdog = Watchdog::new("death p8_6", LIMIT);
    let (server, mut player) = client_elsewhere("death-p8_6", 1000);
    player.must(&["send", "c0", "first"]);
    player.must(&["send", "c0", ""]);
    player.must(&["send", "c0", "last words"]);
    let id = player.pid();
    player.kill();
    assert_eq!(kind(server.connect()), ErrorKind::PipeClosing);
    assert_eq!(server.client_process_id().unwrap(), id);
    assert_eq!(read(&server, 64), whole(b"first"));
    assert_eq!(read(&server, 64), whole(b""));
    assert_eq!(read(&server, 64), whole(b"last words"));
    assert_eq!(read(&server, 64), Err(ErrorKind::BrokenPipe));
    server.disconnect().unwrap();
    let connect = connect_later(&server);
    let _next = PipeClient::open(server.name()).unwrap();
    assert_eq!(connect.wrote(), Ok(0));
}

/// P10.1, P10.15, P1.6.
#[test]
fn client_gets_all_that_a_killed_server_wrote() {
    let _watchdog = Watchdog::new("death p10_1", LIMIT);
    let (mut player, client) = server_elsewhere("death-p10_1", 1 << 20);
    for number in 0..50 {
        player.must(&["send", "s0", &format!("answer {number}")]);
    }
    player.must(&["send-pattern", "s0", "500000"]);
    player.kill();
    for number in 0..50 {
        assert_eq!(read(&client, 64), whole(format!("answer {number}")));
    }
    assert_eq!(read(&client, 500_000), whole(pattern(500_000)));
    assert_eq!(read(&client, 64), Err(ErrorKind::BrokenPipe));
    assert_eq!(kind(client.send(b"x")), ErrorKind::PipeClosing);
    assert_eq!(client.instances().unwrap(), 0);
    assert_eq!(kind(PipeClient::open(client.name())), ErrorKind::NotFound);
}

/// P10.4, P10.1: the writes of the client are blocked when the server dies.
#[test]
fn blocked_client_learns_of_the_death_and_still_gets_the_answers() {
    let _watchdog = Watchdog::new("death p10_4", LIMIT);
    let (mut player, client) = server_elsewhere("death-p10_4", 10);
    player.must(&["send", "s0", "answer"]);
    let twin = client.clone();
    let writer = waiting(move || {
        twin.send(b"more than ten bytes")
            .map_err(|error| error.kind())
    });
    let twin = client.clone();
    let flusher = waiting(move || twin.flush().map_err(|error| error.kind()));
    let started = write_later(&client, b"me too");
    player.kill();
    assert_eq!(joined(writer), Err(ErrorKind::BrokenPipe));
    assert_eq!(joined(flusher), Err(ErrorKind::BrokenPipe));
    assert_eq!(started.wrote(), Err(ErrorKind::BrokenPipe));
    assert_eq!(read(&client, 64), whole(b"answer"));
    assert_eq!(read(&client, 64), Err(ErrorKind::BrokenPipe));
    assert_eq!(kind(client.send(b"x")), ErrorKind::PipeClosing);
}

/// P10.5.
#[test]
fn reads_that_wait_break_when_the_writer_is_killed() {
    let _watchdog = Watchdog::new("death p10_5", LIMIT);
    let (server, mut player) = client_elsewhere("death-p10_5", 10);
    player.must(&["send", "c0", "x"]);
    assert_eq!(read(&server, 8), whole(b"x"));
    let twin = server.clone();
    let blocked = waiting(move || read(&twin, 8));
    player.kill();
    assert_eq!(joined(blocked), Err(ErrorKind::BrokenPipe));
    let (server, mut player) = client_elsewhere("death-p10_5-started", 10);
    let reads = [read_later(&server, 8), read_later(&server, 0)];
    reads[0].waits();
    player.kill();
    for read in reads {
        assert_eq!(read.read(), Err(ErrorKind::BrokenPipe));
    }
}

/// P10.11, P13.3: what a killed process had not completely written is dropped, and nothing else.
#[test]
fn unfinished_write_of_a_killed_process_is_dropped() {
    let _watchdog = Watchdog::new("death p10_11", LIMIT);
    let (server, mut player) = client_elsewhere("death-p10_11", 8);
    player.must(&["send", "c0", "complete"]);
    player.sleeps_in(&["send", "c0", "never complete"]);
    assert_eq!(unread(&server), 22);
    player.kill();
    eventually("the unfinished write is gone", || unread(&server) == 8);
    assert_eq!(read(&server, 64), whole(b"complete"));
    assert_eq!(read(&server, 64), Err(ErrorKind::BrokenPipe));
    let (server, mut player) = client_elsewhere("death-p10_11-only", 8);
    player.sleeps_in(&["send", "c0", "never complete"]);
    assert_eq!(read(&server, 3).unwrap().0, b"nev");
    player.kill();
    assert_eq!(read(&server, 64), Err(ErrorKind::BrokenPipe));
}

/// P10.15, P4.4: a killed server's instances count no more.
#[test]
fn instances_of_killed_servers_make_room() {
    let _watchdog = Watchdog::new("death p4_4", LIMIT);
    let name = name("death-p4_4");
    let mut options = bytes();
    options.max_instances(Some(4));
    let mine = options.create(&name).unwrap();
    let mut player = Player::start();
    for _ in 0..3 {
        player.must(&["create", name.path(), "max=9"]);
    }
    assert_eq!(kind(options.create(&name)), ErrorKind::PipeBusy);
    let clients = [(); 2].map(|()| PipeClient::open(&name).unwrap());
    player.kill();
    assert_eq!(clients[0].instances().unwrap(), 1);
    let more = [(); 3].map(|()| options.create(&name).unwrap());
    assert_eq!(mine.instances().unwrap(), 4);
    assert_eq!(kind(options.create(&name)), ErrorKind::PipeBusy);
    // One of the two was served by the killed one.
    assert_eq!(
        read_all(&clients),
        [Err(ErrorKind::PipeEmpty), Err(ErrorKind::BrokenPipe)]
    );
    let _others = [(); 3].map(|()| PipeClient::open(&name).unwrap());
    drop(more);
}

fn read_all(clients: &[PipeClient; 2]) -> [Got; 2] {
    [poll(&clients[0], 8), poll(&clients[1], 8)]
}

/// P10.15, P5.3: a client does not meet the instance of a killed server.
#[test]
fn client_passes_over_the_instances_of_killed_servers() {
    let _watchdog = Watchdog::new("death p5_3", LIMIT);
    let name = name("death-p5_3");
    let mut first = Player::start();
    first.must(&["create", name.path(), "message"]);
    first.must(&["create", name.path(), "message"]);
    let mut second = Player::start();
    second.must(&["create", name.path(), "message"]);
    first.kill();
    let client = PipeClient::open(&name).unwrap();
    client.send(b"found").unwrap();
    assert_eq!(second.must(&["recv", "s0", "64"]), "found");
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
    second.kill();
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::NotFound);
    let mut first_again = messages();
    first_again.first_instance(true);
    let server = first_again.create(&name).unwrap();
    assert_eq!(server.instances().unwrap(), 1);
}

/// P17.14, P10.15.
#[test]
fn transaction_with_a_server_that_is_killed_breaks() {
    let _watchdog = Watchdog::new("death p17_14", LIMIT);
    let (mut player, client) = server_elsewhere("death-p17_14", 100);
    let twin = client.clone();
    let thread = waiting(move || {
        let mut room = [0; 8];
        twin.transact(b"?", &mut room).map_err(|error| error.kind())
    });
    player.kill();
    assert_eq!(joined(thread).unwrap_err(), ErrorKind::BrokenPipe);
}

/// P10.14, P9.10: clients that are killed at any moment cost their instance nothing but the connection.
#[test]
fn server_outlives_clients_that_are_killed_while_they_write() {
    let _watchdog = Watchdog::new("death many", LIMIT);
    let name = name("death-many");
    let server = with_quota(messages(), 100).create(&name).unwrap();
    for round in 0..25u64 {
        let mut player = Player::start();
        player.must(&["open", name.path()]);
        player.begin(&["flood", "c0"]);
        let mut number = 0u32;
        for _ in 0..round * 7 {
            let (message, more) = read(&server, 1 << 10).unwrap();
            assert_eq!(message, number.to_le_bytes());
            assert!(!more);
            number += 1;
        }
        player.kill();
        loop {
            match read(&server, 1 << 10) {
                Ok((message, false)) => assert_eq!(message, number.to_le_bytes()),
                Ok(part) => panic!("{part:?}"),
                Err(kind) => break assert_eq!(kind, ErrorKind::BrokenPipe),
            }
            number += 1;
        }
        server.disconnect().unwrap();
        let timeout = server.connect_timeout(Duration::ZERO);
        assert_eq!(kind(timeout), ErrorKind::TimedOut);
    }
}
