//! Section 8: waiting for a client.

use std::time::{Duration, Instant};

use tong::pipe::PipeClient;
use tong::ErrorKind;

use super::op::{begin, connect_later, nothing, read, whole, Begun};
use super::{bytes, kinds, messages, name, never_wait, pair, LIMIT};
use crate::support::{kind, waiting, Watchdog};

/// P8.1.
#[test]
fn connect_blocks_until_a_client_opens() {
    let _watchdog = Watchdog::new("p8_1", LIMIT);
    for synchronous in [true, false] {
        let name = name(&format!("p8_1-{synchronous}"));
        let server = bytes().synchronous(synchronous).create(&name).unwrap();
        let twin = server.clone();
        let connect = waiting(move || twin.connect());
        assert!(!connect.is_finished());
        let client = PipeClient::open(&name).unwrap();
        connect.join().unwrap().unwrap();
        client.send(b"x").unwrap();
        assert_eq!(read(&server, 8), whole(b"x"));
    }
}

/// P8.1 with a time-out, which is ours.
#[test]
fn connect_gives_up_when_its_time_is_over() {
    let _watchdog = Watchdog::new("p8_1 time", LIMIT);
    let name = name("p8_1-time");
    let server = bytes().create(&name).unwrap();
    let (started, time) = (Instant::now(), Duration::from_millis(120));
    assert_eq!(kind(server.connect_timeout(time)), ErrorKind::TimedOut);
    assert!(started.elapsed() >= time);
    PipeClient::open(&name).expect("the instance listens on");
}

/// P8.2, P8.10.
#[test]
fn connects_that_wait_end_together_when_a_client_opens() {
    let _watchdog = Watchdog::new("p8_2", LIMIT);
    let name = name("p8_2");
    let server = bytes().create(&name).unwrap();
    let connects = [(); 3].map(|()| connect_later(&server));
    connects[0].waits();
    let _client = PipeClient::open(&name).unwrap();
    for connect in connects {
        assert_eq!(connect.wrote(), Ok(0));
    }
}

/// P8.3, P8.9.
#[test]
fn connect_says_that_a_client_is_there_already() {
    let _watchdog = Watchdog::new("p8_3", LIMIT);
    for nowait in [false, true] {
        let (server, client) = pair(&format!("p8_3-{nowait}"), bytes().nowait(nowait));
        for _ in 0..2 {
            assert_eq!(kind(server.connect()), ErrorKind::PipeConnected);
            let begun = begin(0, |completion| server.start_connect(completion));
            assert_eq!(begun.unwrap_err(), ErrorKind::PipeConnected);
        }
        client.send(b"x").unwrap();
        assert_eq!(read(&server, 8), whole(b"x"));
    }
}

/// P8.5, P8.6, P10.1.
#[test]
fn client_that_came_wrote_and_went_is_served() {
    let _watchdog = Watchdog::new("p8_6", LIMIT);
    for (options, round) in kinds().iter().zip(0..) {
        let name = name(&format!("p8_6-{round}"));
        let server = options.create(&name).unwrap();
        let client = PipeClient::open(&name).unwrap();
        client.send(b"I was here").unwrap();
        drop(client);
        assert_eq!(kind(server.connect()), ErrorKind::PipeClosing);
        let begun = begin(0, |completion| server.start_connect(completion));
        assert_eq!(begun.unwrap_err(), ErrorKind::PipeClosing);
        assert_eq!(read(&server, 64), whole(b"I was here"));
        assert_eq!(read(&server, 64), Err(ErrorKind::BrokenPipe));
        assert_eq!(kind(server.connect()), ErrorKind::PipeClosing);
    }
}

/// P8.7, P9.10.
#[test]
fn connect_after_a_disconnect_listens_for_the_next_client() {
    let _watchdog = Watchdog::new("p8_7", LIMIT);
    let (server, first) = pair("p8_7", &messages());
    let name = server.name().clone();
    first.send(b"unread").unwrap();
    server.disconnect().unwrap();
    let twin = server.clone();
    let connect = waiting(move || twin.connect());
    let second = PipeClient::open(&name).unwrap();
    connect.join().unwrap().unwrap();
    nothing(&server);
    second.send(b"second").unwrap();
    assert_eq!(read(&server, 64), whole(b"second"));
    assert_eq!(kind(first.send(b"x")), ErrorKind::NotConnected);
}

/// P8.8, P14.12.
#[test]
fn connect_of_an_end_that_does_not_wait_only_tells() {
    let _watchdog = Watchdog::new("p8_8", LIMIT);
    let name = name("p8_8");
    let server = bytes().nowait(true).create(&name).unwrap();
    let started = || begin(0, |completion| server.start_connect(completion)).unwrap_err();
    let tells = |expected: ErrorKind| {
        assert_eq!(kind(server.connect()), expected);
        assert_eq!(started(), expected);
    };
    tells(ErrorKind::PipeListening);
    let client = PipeClient::open(&name).unwrap();
    tells(ErrorKind::PipeConnected);
    drop(client);
    tells(ErrorKind::PipeClosing);
    server.disconnect().unwrap();
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
    assert_eq!(
        kind(server.connect()),
        ErrorKind::PipeListening,
        "also the first call, which makes it listen"
    );
    let client = PipeClient::open(&name).unwrap();
    tells(ErrorKind::PipeConnected);
    drop(client);
    server.disconnect().unwrap();
    assert_eq!(started(), ErrorKind::PipeListening);
    PipeClient::open(&name).unwrap();
}

/// P8.11.
#[test]
fn canceled_connect_leaves_the_instance_listening() {
    let _watchdog = Watchdog::new("p8_11", LIMIT);
    let name = name("p8_11");
    let server = bytes().create(&name).unwrap();
    let connect = connect_later(&server);
    assert!(connect.cancel(&server));
    assert_eq!(connect.wrote(), Err(ErrorKind::Canceled));
    let next = connect_later(&server);
    next.waits();
    let _client = PipeClient::open(&name).unwrap();
    assert_eq!(next.wrote(), Ok(0));
}

/// P8.12.
#[test]
fn closing_the_server_ends_a_connect_that_waits() {
    let _watchdog = Watchdog::new("p8_12", LIMIT);
    let name = name("p8_12");
    let server = bytes().create(&name).unwrap();
    let connect = connect_later(&server);
    drop(server);
    assert_eq!(connect.wrote(), Err(ErrorKind::BrokenPipe));
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::NotFound);
}

/// P20.18: an end with operations that wait cannot be made one that does not wait.
#[test]
fn end_with_a_read_that_waits_goes_on_waiting() {
    let _watchdog = Watchdog::new("p20_18", LIMIT);
    let (server, client) = pair("p20_18", &bytes());
    let waits = begin(8, |completion| server.start_receive(completion)).unwrap();
    let mut modes = server.modes().unwrap();
    modes.nowait = true;
    assert_eq!(kind(server.set_modes(modes)), ErrorKind::PipeBusy);
    assert!(!server.modes().unwrap().nowait);
    client.send(b"x").unwrap();
    let Begun::Pending(op) = waits else {
        panic!("it has nothing to read yet")
    };
    assert_eq!(op.read(), whole(b"x"));
    never_wait(&server, true);
}
