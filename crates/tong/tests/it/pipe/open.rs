//! Sections 5 and 6: opening a client's end, and what it may do.

use tong::pipe::{Direction, Modes, PipeClient, PipeServer, ReadMode};
use tong::{ErrorKind, PipeName};

use super::op::{connect_later, poll, read, whole};
use super::player::Player;
use super::{bytes, kinds, messages, name, LIMIT};
use crate::support::{kind, waiting, Watchdog};

fn open(name: &PipeName, reads: bool, writes: bool) -> tong::Result<PipeClient> {
    PipeClient::options().access(reads, writes).open(name)
}

/// P5.1: the server need not even run.
#[test]
fn client_is_connected_without_any_act_of_the_server() {
    let _watchdog = Watchdog::new("p5_1", LIMIT);
    let name = name("p5_1");
    let mut server = Player::start();
    server.must(&["create", name.path(), "message"]);
    server.stop();
    let client = PipeClient::open(&name).unwrap();
    client.send(b"written to one who sleeps").unwrap();
    server.resume();
    assert_eq!(
        server.must(&["recv", "s0", "64"]),
        "written to one who sleeps"
    );
}

/// P5.1: a connect that waits ends.
#[test]
fn opening_ends_every_connect_that_waits() {
    let _watchdog = Watchdog::new("p5_1 connect", LIMIT);
    let name = name("p5_1-connect");
    let server = bytes().create(&name).unwrap();
    let pending = connect_later(&server);
    let twin = server.clone();
    let blocked = waiting(move || twin.connect());
    pending.waits();
    let _client = PipeClient::open(&name).unwrap();
    assert_eq!(pending.wrote(), Ok(0));
    blocked.join().unwrap().unwrap();
}

/// P5.2.
#[test]
fn pipe_that_nobody_made_is_not_found() {
    assert_eq!(kind(PipeClient::open(&name("p5_2"))), ErrorKind::NotFound);
}

/// P5.3, P5.5, P9.8, P10.14.
#[test]
fn pipe_without_a_listening_instance_is_busy() {
    let _watchdog = Watchdog::new("p5_3", LIMIT);
    let name = name("p5_3");
    let server = bytes().create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    let busy = |why: &str| assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy, "{why}");
    busy("connected");
    server.connect().unwrap_err();
    busy("connected, and the server knows");
    drop(client);
    busy("closing");
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
    busy("closing, and the server knows");
    server.disconnect().unwrap();
    busy("disconnected");
    let connect = connect_later(&server);
    let _client = PipeClient::open(&name).unwrap();
    assert_eq!(connect.wrote(), Ok(0));
    busy("connected again");
    let _other = bytes().create(&name).unwrap();
    PipeClient::open(&name).unwrap();
}

/// Which of the servers the next client meets.
fn meets(name: &PipeName, servers: &[PipeServer]) -> (usize, PipeClient) {
    let client = PipeClient::open(name).unwrap();
    client.send(b"me").unwrap();
    let met = servers.iter().position(|server| poll(server, 8).is_ok());
    (met.expect("one of them has the message"), client)
}

/// P5.4.
#[test]
fn instance_that_has_been_listening_longest_is_taken() {
    let _watchdog = Watchdog::new("p5_4", LIMIT);
    let name = name("p5_4");
    let servers: Vec<PipeServer> = (0..4).map(|_| messages().create(&name).unwrap()).collect();
    // A connect of one that listens already does not move it.
    let connect = connect_later(&servers[0]);
    assert!(connect.cancel(&servers[0]));
    let _late = connect_later(&servers[3]);
    let mut clients = Vec::new();
    for expected in 0..4 {
        let (met, client) = meets(&name, &servers);
        assert_eq!(met, expected, "in the order of creation");
        clients.push(client);
    }
    // Each enters the order anew when it goes on listening.
    let order = [2, 0, 3, 1];
    let mut connects = Vec::new();
    for number in order {
        servers[number].disconnect().unwrap();
        connects.push(connect_later(&servers[number]));
    }
    for expected in order {
        let (met, client) = meets(&name, &servers);
        assert_eq!(met, expected, "in the order of the connects");
        clients.push(client);
    }
}

/// P5.6, P6.1, P6.2, P6.6.
#[test]
fn access_must_fit_the_direction_and_is_kept_to() {
    let _watchdog = Watchdog::new("p5_6", LIMIT);
    for (direction, reads, writes) in [
        (Direction::Inbound, false, true),
        (Direction::Outbound, true, false),
    ] {
        let name = name(&format!("p5_6-{direction:?}"));
        let server = bytes().direction(direction).create(&name).unwrap();
        assert_eq!(kind(open(&name, writes, reads)), ErrorKind::AccessDenied);
        assert_eq!(kind(open(&name, true, true)), ErrorKind::AccessDenied);
        let connect = connect_later(&server);
        connect.waits();
        let client = open(&name, reads, writes).expect("the instance was not used up");
        assert_eq!(connect.wrote(), Ok(0));
        for (end, reads, writes) in [(&*client, reads, writes), (&*server, writes, reads)] {
            assert_eq!(may_read(end), reads);
            assert_eq!(may_write(end), writes);
        }
    }
}

fn may_read(end: &tong::pipe::PipeEnd) -> bool {
    let refused = poll(end, 8) == Err(ErrorKind::AccessDenied);
    let peek = end.peek(&mut []).map_err(|error| error.kind());
    assert_eq!(peek == Err(ErrorKind::AccessDenied), refused);
    !refused
}

fn may_write(end: &tong::pipe::PipeEnd) -> bool {
    let write = end.try_send(b"x").map_err(|error| error.kind());
    let refused = write == Err(ErrorKind::AccessDenied);
    if refused {
        assert_eq!(kind(end.flush()), ErrorKind::AccessDenied);
    }
    !refused
}

/// P5.7, P6.3.
#[test]
fn client_of_a_duplex_pipe_may_ask_for_less() {
    let _watchdog = Watchdog::new("p5_7", LIMIT);
    for (options, round) in kinds().iter().zip(0..) {
        let name = name(&format!("p5_7-{round}"));
        for (reads, writes) in [(true, true), (true, false), (false, true)] {
            let server = options.create(&name).unwrap();
            let client = open(&name, reads, writes).unwrap();
            assert_eq!((may_read(&client), may_write(&client)), (reads, writes));
            if !(reads && writes) {
                assert_eq!(
                    kind(client.transact(b"q", &mut [0; 8])),
                    ErrorKind::AccessDenied
                );
            }
            drop(server);
        }
    }
}

/// P5.8.
#[test]
fn client_without_access_uses_up_an_instance() {
    let _watchdog = Watchdog::new("p5_8", LIMIT);
    for direction in [Direction::Inbound, Direction::Outbound, Direction::Duplex] {
        let name = name(&format!("p5_8-{direction:?}"));
        let server = bytes().direction(direction).create(&name).unwrap();
        let connect = connect_later(&server);
        let client = open(&name, false, false).unwrap();
        assert_eq!(connect.wrote(), Ok(0));
        assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
        assert!(!may_read(&client) && !may_write(&client));
        assert_eq!(client.instances().unwrap(), 1);
    }
}

/// P5.10, P14.1.
#[test]
fn client_starts_with_bytes_and_waits() {
    let _watchdog = Watchdog::new("p5_10", LIMIT);
    let name = name("p5_10");
    let server = messages().nowait(true).create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    let (read_mode, nowait) = (ReadMode::Byte, false);
    assert_eq!(
        client.modes().unwrap(),
        Modes {
            read: read_mode,
            nowait
        }
    );
    server.send(b"a message").unwrap();
    assert_eq!(read(&client, 4), whole(b"a me"), "never a part");
}

/// P5.14.
#[test]
fn one_thread_can_be_server_and_client() {
    let _watchdog = Watchdog::new("p5_14", LIMIT);
    let name = name("p5_14");
    let server = messages().create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    for number in 0..100 {
        client.send(&[number]).unwrap();
        assert_eq!(read(&server, 8), whole([number]));
        server.send(&[number, number]).unwrap();
        assert_eq!(read(&client, 8), whole([number, number]));
    }
}
