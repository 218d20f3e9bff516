//! Sections 1, 3 and 4: making pipes and instances, in one process.

use std::time::Duration;

use tong::pipe::{Direction, Modes, PipeClient, PipeServer, PipeType, ReadMode};
use tong::ErrorKind;

use super::op::{nothing, poll, read, whole};
use super::player::Player;
use super::{bytes, kinds, messages, name, pair, LIMIT};
use crate::support::{eventually, kind, Watchdog};

/// P3.1, P1.1, P1.2, P7.2.
#[test]
fn new_instance_can_be_opened_and_used_without_a_connect() {
    let _watchdog = Watchdog::new("p3_1", LIMIT);
    for (round, options) in kinds().iter().enumerate() {
        let name = name(&format!("p3_1-{round}"));
        let server = options.create(&name).unwrap();
        let client = PipeClient::open(&name).unwrap();
        client.send(b"to the server").unwrap();
        server.send(b"to the client").unwrap();
        assert_eq!(read(&server, 64), whole(b"to the server"));
        assert_eq!(read(&client, 64), whole(b"to the client"));
    }
}

/// P1.2: each instance is a conduit of its own.
#[test]
fn instances_do_not_mix() {
    let _watchdog = Watchdog::new("p1_2", LIMIT);
    let name = name("p1_2");
    let servers: Vec<PipeServer> = (0..3).map(|_| messages().create(&name).unwrap()).collect();
    let clients: Vec<PipeClient> = (0..3).map(|_| PipeClient::open(&name).unwrap()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(format!("from {number}").as_bytes()).unwrap();
    }
    for (number, (server, client)) in servers.iter().zip(&clients).enumerate() {
        assert_eq!(read(server, 64), whole(format!("from {number}")));
        nothing(server);
        server.send(format!("to {number}").as_bytes()).unwrap();
        assert_eq!(read(client, 64), whole(format!("to {number}")));
        nothing(client);
    }
}

/// P1.3.
#[test]
fn one_way_pipes_have_one_queue() {
    let _watchdog = Watchdog::new("p1_3", LIMIT);
    let (server, client) = pair("p1_3-in", bytes().direction(Direction::Inbound));
    client.send(b"in").unwrap();
    assert_eq!(read(&server, 8), whole(b"in"));
    assert_eq!(kind(server.send(b"x")), ErrorKind::AccessDenied);
    let (server, client) = pair("p1_3-out", bytes().direction(Direction::Outbound));
    server.send(b"out").unwrap();
    assert_eq!(read(&client, 8), whole(b"out"));
    assert_eq!(kind(client.send(b"x")), ErrorKind::AccessDenied);
}

/// P1.4, P1.5, P25.3: clones are duplicates of one open.
#[test]
fn duplicates_share_modes_and_data() {
    let _watchdog = Watchdog::new("p1_5", LIMIT);
    let (server, client) = pair("p1_5", &messages());
    let twin = client.clone();
    let bytes = Modes {
        read: ReadMode::Byte,
        nowait: true,
    };
    twin.set_modes(bytes).unwrap();
    assert_eq!(client.modes().unwrap(), bytes);
    server.send(b"once").unwrap();
    assert_eq!(poll(&twin, 8), whole(b"once"));
    nothing(&client);
    assert!(client.same_object(&twin));
    assert!(!client.same_object(&server));
}

/// P1.6: an end is closed with the last handle to it.
#[test]
fn closing_one_of_two_duplicates_closes_nothing() {
    let _watchdog = Watchdog::new("p1_6", LIMIT);
    let (server, client) = pair("p1_6", &messages());
    let (other_server, other_client) = (server.clone(), client.clone());
    drop((server, client));
    other_client.send(b"still").unwrap();
    assert_eq!(read(&other_server, 64), whole(b"still"));
    other_server.send(b"here").unwrap();
    assert_eq!(read(&other_client, 64), whole(b"here"));
    drop(other_client);
    assert_eq!(read(&other_server, 64), Err(ErrorKind::BrokenPipe));
}

/// P1.8, P4.6, P4.14, P7.4: the name lives with the server ends only.
#[test]
fn client_end_does_not_keep_the_name() {
    let _watchdog = Watchdog::new("p1_8", LIMIT);
    let (server, client) = pair("p1_8", &messages());
    let name = server.name().clone();
    server.send(b"left").unwrap();
    server.send(b"over").unwrap();
    drop(server);
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::NotFound);
    assert_eq!(client.instances().unwrap(), 0);
    assert_eq!(client.info().unwrap().pipe_type, PipeType::Message);

    // Everything about the new pipe differs.
    let mut other = bytes();
    other
        .direction(Direction::Outbound)
        .max_instances(Some(1))
        .first_instance(true);
    let other = other.create(&name).unwrap();
    let stranger = PipeClient::open(&name).unwrap();
    other.send(b"new").unwrap();
    assert_eq!(client.instances().unwrap(), 0, "the old pipe has none");
    assert_eq!(read(&client, 64), whole(b"left"));
    assert_eq!(read(&client, 64), whole(b"over"));
    assert_eq!(read(&client, 64), Err(ErrorKind::BrokenPipe));
    assert_eq!(kind(client.send(b"x")), ErrorKind::PipeClosing);
    assert_eq!(read(&stranger, 64), whole(b"new"));
}

/// P3.4.
#[test]
fn pipe_of_bytes_cannot_be_read_as_messages() {
    let mut options = bytes();
    options.read_mode(ReadMode::Message);
    assert_eq!(
        kind(options.create(&name("p3_4"))),
        ErrorKind::InvalidParameter
    );
}

/// P3.5, P20.4.
#[test]
fn number_of_instances_is_1_to_254_or_any() {
    let _watchdog = Watchdog::new("p3_5", LIMIT);
    let name = name("p3_5");
    for refused in [0, 256, 257, u32::MAX] {
        assert_eq!(
            kind(bytes().max_instances(Some(refused)).create(&name)),
            ErrorKind::InvalidParameter
        );
    }
    for (most, shown) in [
        (Some(1), Some(1)),
        (Some(254), Some(254)),
        (Some(255), None),
        (None, None),
    ] {
        let server = bytes().max_instances(most).create(&name).unwrap();
        assert_eq!(server.info().unwrap().max_instances, shown);
        let client = PipeClient::open(&name).unwrap();
        assert_eq!(client.info().unwrap().max_instances, shown);
    }
    let servers: Vec<PipeServer> = (0..300).map(|_| bytes().create(&name).unwrap()).collect();
    assert_eq!(servers[0].instances().unwrap(), 300, "255 is no limit");
}

/// P3.6, P20.2.
#[test]
fn quotas_cost_nothing_until_they_are_used() {
    let _watchdog = Watchdog::new("p3_6", LIMIT);
    let mut player = Player::start();
    let name = name("p3_6");
    let most = u32::MAX.to_string();
    player.must(&["create", name.path(), "message", &format!("quota={most}")]);
    player.must(&["open", name.path()]);
    player.must(&["send", "c0", "warm"]);
    player.must(&["recv", "s0", "64"]);
    let before = player.holdings();
    for number in 1..20 {
        player.must(&["create", name.path(), "message", &format!("quota={most}")]);
        player.must(&["open", name.path()]);
        player.must(&["send", &format!("c{number}"), "warm"]);
        player.must(&["recv", &format!("s{number}"), "64"]);
    }
    let grown = player.holdings().resident.saturating_sub(before.resident);
    assert!(grown < 20 << 20, "19 connections took {grown} bytes");
    assert_eq!(player.must(&["quotas", "c0"]), format!("{most} {most}"));
}

/// P3.11.
#[test]
fn modes_and_quotas_are_those_of_each_instance() {
    let _watchdog = Watchdog::new("p3_11", LIMIT);
    let name = name("p3_11");
    let first = messages().in_quota(10).out_quota(20).create(&name).unwrap();
    let second = messages()
        .read_mode(ReadMode::Byte)
        .nowait(true)
        .in_quota(0)
        .out_quota(0xF000)
        .create(&name)
        .unwrap();
    let (read, nowait) = (ReadMode::Message, false);
    assert_eq!(first.modes().unwrap(), Modes { read, nowait });
    let (read, nowait) = (ReadMode::Byte, true);
    assert_eq!(second.modes().unwrap(), Modes { read, nowait });
    for (server, quotas) in [(&first, (10, 20)), (&second, (0, 0xF000))] {
        let client = PipeClient::open(&name).unwrap();
        let (seen, turned) = (server.info().unwrap(), client.info().unwrap());
        assert_eq!((seen.in_quota, seen.out_quota), quotas);
        assert_eq!((turned.out_quota, turned.in_quota), quotas);
    }
}

/// P3.13.
#[test]
fn server_of_messages_reads_bytes_unless_it_asks() {
    let _watchdog = Watchdog::new("p3_13", LIMIT);
    let mut options = bytes();
    options.pipe_type(PipeType::Message);
    let server = options.create(&name("p3_13")).unwrap();
    assert_eq!(server.modes().unwrap().read, ReadMode::Byte);
    assert_eq!(server.info().unwrap().pipe_type, PipeType::Message);
}

/// P4.1, P4.8, P4.9: type, number and time-out of a later instance may differ, and mean nothing.
#[test]
fn first_instance_says_what_the_pipe_is() {
    let _watchdog = Watchdog::new("p4_8", LIMIT);
    let name = name("p4_8");
    let first = bytes()
        .max_instances(Some(3))
        .default_timeout(Duration::from_millis(150))
        .create(&name)
        .unwrap();
    let second = messages()
        .max_instances(Some(7))
        .default_timeout(Duration::from_secs(90))
        .create(&name)
        .unwrap();
    for server in [&first, &second] {
        let info = server.info().unwrap();
        assert_eq!(info.pipe_type, PipeType::Byte);
        assert_eq!(info.max_instances, Some(3));
        assert_eq!(server.modes().unwrap().read, ReadMode::Byte);
    }
    let third = bytes().create(&name).unwrap();
    assert_eq!(kind(bytes().create(&name)), ErrorKind::PipeBusy);
    let clients = [(); 3].map(|()| PipeClient::open(&name).unwrap());
    let waited = std::time::Instant::now();
    let time = tong::pipe::WaitTime::Default;
    assert_eq!(kind(tong::pipe::wait(&name, time)), ErrorKind::TimedOut);
    assert!(waited.elapsed() >= Duration::from_millis(140));
    assert!(waited.elapsed() < Duration::from_secs(60));
    clients[1].send(b"a").unwrap();
    clients[1].send(b"b").unwrap();
    assert_eq!(read(&second, 8), whole(b"ab"), "it carries bytes");
    drop(third);
}

/// P4.9 the other way round: a later instance of a pipe of messages starts as it asks.
#[test]
fn later_instance_of_a_pipe_of_messages_starts_in_its_own_read_mode() {
    let _watchdog = Watchdog::new("p4_9", LIMIT);
    let name = name("p4_9");
    let _first = messages().create(&name).unwrap();
    let second = bytes().create(&name).unwrap();
    assert_eq!(second.info().unwrap().pipe_type, PipeType::Message);
    assert_eq!(second.modes().unwrap().read, ReadMode::Byte);
}

/// P4.4, P4.5, P20.7.
#[test]
fn every_server_end_counts_whatever_its_state() {
    let _watchdog = Watchdog::new("p4_4", LIMIT);
    let name = name("p4_4");
    let mut options = bytes();
    options.max_instances(Some(4));
    let open = |state: &str| {
        let server = options.create(&name).unwrap();
        let client = (state != "listening").then(|| PipeClient::open(&name).unwrap());
        match state {
            "closing" => drop(client),
            "disconnected" => server.disconnect().unwrap(),
            _ => return (server, client),
        }
        (server, None)
    };
    let ends = ["connected", "closing", "disconnected", "listening"].map(open);
    for (server, _) in &ends {
        assert_eq!(server.instances().unwrap(), 4);
    }
    assert_eq!(ends[0].1.as_ref().unwrap().instances().unwrap(), 4);
    assert_eq!(kind(options.create(&name)), ErrorKind::PipeBusy);
    drop(ends);
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::NotFound);
}

/// P4.6.
#[test]
fn closing_a_server_end_makes_room_at_once() {
    let _watchdog = Watchdog::new("p4_6", LIMIT);
    let name = name("p4_6");
    let mut options = bytes();
    options.max_instances(Some(2));
    let first = options.create(&name).unwrap();
    let second = options.create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    let other = PipeClient::open(&name).unwrap();
    drop(first);
    assert_eq!(client.instances().unwrap(), 1);
    assert_eq!(other.instances().unwrap(), 1);
    assert_eq!(second.instances().unwrap(), 1);
    let third = options.create(&name).unwrap();
    assert_eq!(third.instances().unwrap(), 2);
}

/// P4.7.
#[test]
fn every_instance_has_the_same_direction() {
    let _watchdog = Watchdog::new("p4_7", LIMIT);
    let all = [Direction::Inbound, Direction::Outbound, Direction::Duplex];
    for first in all {
        let name = name(&format!("p4_7-{first:?}"));
        let server = bytes().direction(first).create(&name).unwrap();
        for other in all {
            let second = bytes().direction(other).create(&name);
            match other == first {
                true => assert!(second.is_ok()),
                false => assert_eq!(kind(second), ErrorKind::AccessDenied),
            }
        }
        assert_eq!(server.instances().unwrap(), 1, "nothing was left behind");
    }
}

/// P4.11, P4.12.
#[test]
fn first_instance_only_refuses_to_be_a_later_one() {
    let _watchdog = Watchdog::new("p4_12", LIMIT);
    let name = name("p4_12");
    let mut first = bytes();
    first.first_instance(true);
    let server = first.create(&name).unwrap();
    assert_eq!(kind(first.create(&name)), ErrorKind::AccessDenied);
    let other = bytes().create(&name).unwrap();
    drop(server);
    assert_eq!(
        kind(first.create(&name)),
        ErrorKind::AccessDenied,
        "the pipe exists, although its first instance does not"
    );
    drop(other);
    eventually("the name is free", || first.create(&name).is_ok());
}

/// P4.13.
#[test]
fn full_pipe_is_told_before_the_flag_and_the_direction() {
    let _watchdog = Watchdog::new("p4_13", LIMIT);
    let name = name("p4_13");
    let mut full = bytes();
    full.max_instances(Some(1));
    let _server = full.create(&name).unwrap();
    let mut first = bytes();
    first.first_instance(true);
    assert_eq!(kind(first.create(&name)), ErrorKind::PipeBusy);
    let mut inbound = bytes();
    inbound.direction(Direction::Inbound);
    assert_eq!(kind(inbound.create(&name)), ErrorKind::PipeBusy);
    inbound.max_instances(Some(300));
    assert_eq!(kind(inbound.create(&name)), ErrorKind::InvalidParameter);
}

/// P4.14 for a client that was disconnected.
#[test]
fn disconnected_client_never_sees_the_next_pipe_of_that_name() {
    let _watchdog = Watchdog::new("p4_14", LIMIT);
    let (server, client) = pair("p4_14", &bytes());
    server.disconnect().unwrap();
    drop(server);
    let next = bytes().create(client.name()).unwrap();
    let other = PipeClient::open(client.name()).unwrap();
    other.send(b"new").unwrap();
    assert_eq!(kind(client.send(b"old")), ErrorKind::NotConnected);
    assert_eq!(poll(&client, 8), Err(ErrorKind::NotConnected));
    assert_eq!(read(&next, 8), whole(b"new"));
}
