//! Sections 4 and 5 with servers and clients in several processes.

use tong::pipe::PipeClient;
use tong::ErrorKind;

use super::op::{poll, read, whole};
use super::player::Player;
use super::{bytes, messages, name, LIMIT};
use crate::support::{kind, Watchdog};

/// P4.2, P4.4, P4.5, P20.7.
#[test]
fn processes_add_instances_to_one_pipe() {
    let _watchdog = Watchdog::new("p4_2", LIMIT);
    let name = name("p4_2");
    let mut players: Vec<Player> = (0..3).map(|_| Player::start()).collect();
    for (player, number) in players.iter_mut().zip(0..) {
        for each in 1..=2 {
            player.must(&["create", name.path(), "message", "max=6"]);
            let count = (number * 2 + each).to_string();
            assert_eq!(player.must(&["instances", "s0"]), count);
        }
    }
    assert_eq!(
        players[0].ask(&["create", name.path(), "message"]),
        Err("PipeBusy".to_owned())
    );
    assert_eq!(kind(messages().create(&name)), ErrorKind::PipeBusy);
    // Each meets another one, in the order of their making.
    let clients: Vec<PipeClient> = (0..6).map(|_| PipeClient::open(&name).unwrap()).collect();
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
    for (client, number) in clients.iter().zip(0..) {
        assert_eq!(client.instances().unwrap(), 6);
        client.send(format!("client {number}").as_bytes()).unwrap();
        let (process, end) = (number / 2, format!("s{}", number % 2));
        assert_eq!(client.server_process_id().unwrap(), players[process].pid());
        let told = players[process].must(&["recv", &end, "64"]);
        assert_eq!(told, format!("client {number}"));
    }
    players[1].must(&["close", "s1"]);
    assert_eq!(clients[0].instances().unwrap(), 5);
    assert_eq!(players[2].must(&["instances", "s1"]), "5");
    players[1].must(&["create", name.path()]);
    assert_eq!(players[0].must(&["instances", "s0"]), "6");
}

/// P1.8, P4.14: the name lives as long as any process has a server end.
#[test]
fn name_outlives_its_first_server() {
    let _watchdog = Watchdog::new("p1_8 processes", LIMIT);
    let name = name("p1_8-processes");
    let mut first = Player::start();
    first.must(&["create", name.path(), "message", "max=3"]);
    let mut second = Player::start();
    second.must(&["create", name.path(), "message"]);
    first.must(&["close", "s0"]);
    drop(first);
    let client = PipeClient::open(&name).unwrap();
    assert_eq!(client.info().unwrap().max_instances, Some(3));
    client.send(b"hello").unwrap();
    assert_eq!(second.must(&["recv", "s0", "64"]), "hello");
    second.must(&["close", "s0"]);
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::NotFound);
    let fresh = bytes().create(&name).unwrap();
    assert_eq!(fresh.info().unwrap().max_instances, None);
}

/// P5.4, P8.7 across processes.
#[test]
fn order_of_listening_goes_across_processes() {
    let _watchdog = Watchdog::new("p5_4 processes", LIMIT);
    let name = name("p5_4-processes");
    let mine = messages().create(&name).unwrap();
    let mut player = Player::start();
    player.must(&["create", name.path(), "message"]);
    let first = PipeClient::open(&name).unwrap();
    let second = PipeClient::open(&name).unwrap();
    assert_eq!(first.server_process_id().unwrap(), std::process::id());
    assert_eq!(second.server_process_id().unwrap(), player.pid());
    player.must(&["disconnect", "s0"]);
    player.begin(&["connect", "s0"]);
    mine.disconnect().unwrap();
    tong::pipe::wait(&name, tong::pipe::WaitTime::Forever).unwrap();
    let _ = mine.connect_timeout(std::time::Duration::ZERO);
    let third = PipeClient::open(&name).unwrap();
    let fourth = PipeClient::open(&name).unwrap();
    assert_eq!(third.server_process_id().unwrap(), player.pid());
    assert_eq!(fourth.server_process_id().unwrap(), std::process::id());
    assert_eq!(player.answer(), Ok(String::new()));
    assert_eq!(poll(&first, 8), Err(ErrorKind::NotConnected));
}

/// P13.3, P15.1, P17.1 between processes, where nothing is shared but the memory.
#[test]
fn processes_write_flush_and_transact() {
    let _watchdog = Watchdog::new("processes", LIMIT);
    let name = name("processes");
    let server = super::with_quota(messages(), 10).create(&name).unwrap();
    let mut player = Player::start();
    player.must(&["open", name.path()]);
    player.sleeps_in(&["send", "c0", "more than ten bytes"]);
    assert_eq!(read(&server, 9).unwrap().0, b"more than");
    assert_eq!(player.answer(), Ok("19".to_owned()));
    player.sleeps_in(&["flush", "c0"]);
    assert_eq!(read(&server, 64), whole(b" ten bytes"));
    assert_eq!(player.answer(), Ok(String::new()));
    player.sleeps_in(&["transact", "c0", "question"]);
    assert_eq!(read(&server, 64), whole(b"question"));
    server.send(b"answer").unwrap();
    assert_eq!(player.answer(), Ok("answer".to_owned()));
    player.sleeps_in(&["recv", "c0", "64"]);
    server.send(b"news").unwrap();
    assert_eq!(player.answer(), Ok("news".to_owned()));
    player.sleeps_in(&["recv", "c0", "64"]);
    server.disconnect().unwrap();
    assert_eq!(player.answer(), Err("NotConnected".to_owned()));
    player.must(&["close", "c0"]);
}

/// P9.10: one instance serves a thousand clients, and nothing of them stays.
#[test]
fn thousand_clients_leave_nothing_behind() {
    let _watchdog = Watchdog::new("thousand clients", LIMIT);
    let name = name("thousand-clients");
    let mut player = Player::start();
    player.must(&["create", name.path(), "message"]);
    player.must(&["serve-clients", "s0", "200"]);
    let before = player.holdings();
    player.must(&["serve-clients", "s0", "1000"]);
    let after = player.holdings();
    assert_eq!(after.descriptors, before.descriptors);
    assert!(
        after.mappings <= before.mappings + 8,
        "{before:?}, {after:?}"
    );
    assert!(
        after.resident <= before.resident + (2 << 20),
        "{before:?}, {after:?}"
    );
}
