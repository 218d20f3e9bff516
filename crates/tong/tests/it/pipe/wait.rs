//! Section 19: waiting for an instance.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tong::pipe::{self, PipeClient, WaitTime};
use tong::{ErrorKind, PipeName};

use super::op::{connect_later, joined};
use super::player::Player;
use super::{bytes, name, LIMIT};
use crate::support::{kind, waiting, Watchdog};

/// Starts a thread that waits for an instance.
fn waiting_for(name: &PipeName, time: WaitTime) -> JoinHandle<Result<(), ErrorKind>> {
    let name = name.clone();
    waiting(move || pipe::wait(&name, time).map_err(|error| error.kind()))
}

fn short() -> WaitTime {
    WaitTime::For(Duration::from_millis(60))
}

/// P19.1, P19.8.
#[test]
fn instance_that_listens_is_enough_and_notices_nothing() {
    let _watchdog = Watchdog::new("p19_1", LIMIT);
    let name = name("p19_1");
    let server = bytes().create(&name).unwrap();
    let connect = connect_later(&server);
    for time in [
        WaitTime::Default,
        WaitTime::Forever,
        WaitTime::For(Duration::ZERO),
    ] {
        pipe::wait(&name, time).unwrap();
    }
    connect.waits();
    PipeClient::open(&name).unwrap();
    assert_eq!(connect.wrote(), Ok(0));
}

/// P19.2.
#[test]
fn wait_for_a_pipe_that_nobody_made_fails_at_once() {
    let _watchdog = Watchdog::new("p19_2", LIMIT);
    let name = name("p19_2");
    for time in [WaitTime::Default, WaitTime::Forever, short()] {
        assert_eq!(kind(pipe::wait(&name, time)), ErrorKind::NotFound);
    }
}

/// P19.3, P19.4.
#[test]
fn wait_for_a_busy_pipe_times_out() {
    let _watchdog = Watchdog::new("p19_3", LIMIT);
    for (given, meant) in [(0, 50), (150, 150)] {
        let name = name(&format!("p19_3-{given}"));
        let _server = bytes()
            .default_timeout(Duration::from_millis(given))
            .create(&name)
            .unwrap();
        let _client = PipeClient::open(&name).unwrap();
        for (time, least) in [
            (WaitTime::Default, meant),
            (WaitTime::For(Duration::from_millis(1)), 1),
            (WaitTime::For(Duration::from_millis(80)), 80),
        ] {
            let started = Instant::now();
            assert_eq!(kind(pipe::wait(&name, time)), ErrorKind::TimedOut);
            assert!(started.elapsed() >= Duration::from_millis(least));
            assert!(started.elapsed() < Duration::from_secs(30));
        }
    }
}

/// P19.5, P8.7, P19.7.
#[test]
fn new_instance_or_a_connect_releases_all_who_wait() {
    let _watchdog = Watchdog::new("p19_5", LIMIT);
    let name = name("p19_5");
    let server = bytes().create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    let waiters = [(); 3].map(|()| waiting_for(&name, WaitTime::Forever));
    let second = bytes().create(&name).unwrap();
    for waiter in waiters {
        assert_eq!(joined(waiter), Ok(()));
    }
    let _other = PipeClient::open(&name).unwrap();
    let waiters = [(); 3].map(|()| waiting_for(&name, WaitTime::Forever));
    drop(client);
    server.disconnect().unwrap();
    std::thread::sleep(Duration::from_millis(150));
    assert!(
        waiters.iter().all(|waiter| !waiter.is_finished()),
        "neither a close nor a disconnect is enough"
    );
    let _connect = connect_later(&server);
    for waiter in waiters {
        assert_eq!(joined(waiter), Ok(()));
    }
    // Nothing was reserved.
    let _taken = PipeClient::open(&name).unwrap();
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
    drop(second);
}

/// P19.6.
#[test]
fn wait_ends_when_the_last_server_closes() {
    let _watchdog = Watchdog::new("p19_6", LIMIT);
    let name = name("p19_6");
    let servers = [(); 2].map(|()| bytes().create(&name).unwrap());
    let _clients = [(); 2].map(|()| PipeClient::open(&name).unwrap());
    let waiters = [(); 3].map(|()| waiting_for(&name, WaitTime::Forever));
    let [first, second] = servers;
    drop(first);
    std::thread::sleep(Duration::from_millis(150));
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    drop(second);
    for waiter in waiters {
        assert_eq!(joined(waiter), Err(ErrorKind::NotFound));
    }
}

/// P19.5, P19.6, P10.15 for servers in other processes.
#[test]
fn wait_is_ended_by_other_processes_and_by_their_deaths() {
    let _watchdog = Watchdog::new("p19 processes", LIMIT);
    let name = name("p19-processes");
    let mut first = Player::start();
    first.must(&["create", name.path()]);
    let client = PipeClient::open(&name).unwrap();
    let waiter = waiting_for(&name, WaitTime::Forever);
    let mut second = Player::start();
    second.must(&["create", name.path()]);
    assert_eq!(joined(waiter), Ok(()));
    let other = PipeClient::open(&name).unwrap();
    let waiters = [(); 2].map(|()| waiting_for(&name, WaitTime::Forever));
    first.kill();
    std::thread::sleep(Duration::from_millis(250));
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    second.kill();
    for waiter in waiters {
        assert_eq!(joined(waiter), Err(ErrorKind::NotFound));
    }
    drop((client, other));
}

/// P19.7: clients beyond the instances wait, and each gets its turn.
#[test]
fn many_clients_get_their_turn_on_few_instances() {
    let _watchdog = Watchdog::new("p19_7", LIMIT);
    let name = name("p19_7");
    let servers: Vec<_> = (0..2)
        .map(|_| {
            let server = super::messages().create(&name).unwrap();
            std::thread::spawn(move || serve_until_told(&server))
        })
        .collect();
    let clients: Vec<_> = (0..8u8)
        .map(|number| {
            let name = name.clone();
            std::thread::spawn(move || {
                for round in 0..25u8 {
                    let client = open_when_possible(&name);
                    client.send(&[number, round]).unwrap();
                    assert_eq!(super::op::read(&client, 8).unwrap().0, [number, round]);
                }
            })
        })
        .collect();
    for client in clients {
        joined(client);
    }
    for _ in 0..2 {
        open_when_possible(&name).send(b"").unwrap();
    }
    assert_eq!(servers.into_iter().map(joined).sum::<u32>(), 200);
}

fn open_when_possible(name: &PipeName) -> PipeClient {
    loop {
        match PipeClient::open(name) {
            Ok(client) => return client,
            Err(error) => assert_eq!(error.kind(), ErrorKind::PipeBusy),
        }
        pipe::wait(name, WaitTime::Forever).unwrap();
    }
}

/// Echoes one message to each client, until one is empty; returns how many it echoed.
fn serve_until_told(server: &pipe::PipeServer) -> u32 {
    let mut served = 0;
    loop {
        match server.connect().map_err(|error| error.kind()) {
            Ok(()) | Err(ErrorKind::PipeConnected | ErrorKind::PipeClosing) => {}
            Err(kind) => panic!("{kind:?}"),
        }
        let (message, _) = super::op::read(server, 8).unwrap();
        if message.is_empty() {
            return served;
        }
        served += 1;
        server.send(&message).unwrap();
        let _ = server.flush();
        server.disconnect().unwrap();
    }
}
