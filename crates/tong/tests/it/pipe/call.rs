//! Section 18: opening, asking and closing in one call.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tong::pipe::{self, Direction, PipeClient, PipeServer, WaitTime};
use tong::{ErrorKind, PipeName};

use super::op::{joined, part, read, whole, Got};
use super::{bytes, messages, name, LIMIT};
use crate::support::{kind, waiting, Watchdog};

fn call(name: &PipeName, request: &[u8], len: usize, time: WaitTime) -> Got {
    let mut room = vec![0; len];
    let received = pipe::call(name, request, &mut room, time).map_err(|error| error.kind())?;
    Ok((room[..received.bytes].to_vec(), received.more))
}

/// Serves one client after the other: answers one message with `answer`, and sees the client close.
fn serving(server: PipeServer, clients: u32, answer: &'static [u8]) -> JoinHandle<Vec<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..clients {
            if let Err(error) = server.connect() {
                assert_eq!(error.kind(), ErrorKind::PipeConnected);
            }
            asked.push(read(&server, 64).unwrap().0);
            server.send(answer).unwrap();
            assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe), "P18.10");
            server.disconnect().unwrap();
        }
        asked
    })
}

/// P18.1, P18.10.
#[test]
fn call_opens_asks_and_closes() {
    let _watchdog = Watchdog::new("p18_1", LIMIT);
    let name = name("p18_1");
    let server = serving(messages().create(&name).unwrap(), 2, b"answer");
    assert_eq!(
        call(&name, b"first", 64, WaitTime::Forever),
        whole(b"answer")
    );
    assert_eq!(
        call(&name, b"second", 64, WaitTime::Forever),
        whole(b"answer")
    );
    assert_eq!(joined(server), [&b"first"[..], b"second"]);
}

/// P18.2.
#[test]
fn call_waits_for_an_instance() {
    let _watchdog = Watchdog::new("p18_2", LIMIT);
    let name = name("p18_2");
    let server = messages().create(&name).unwrap();
    let first = PipeClient::open(&name).unwrap();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let name = name.clone();
            waiting(move || call(&name, b"?", 64, WaitTime::For(Duration::from_secs(60))))
        })
        .collect();
    drop(first);
    server.disconnect().unwrap();
    let server = serving(server, 4, b"!");
    for caller in callers {
        assert_eq!(joined(caller), whole(b"!"));
    }
    assert_eq!(joined(server).len(), 4);
}

/// P18.3, P18.4, P18.5.
#[test]
fn call_gives_up_as_a_wait_does() {
    let _watchdog = Watchdog::new("p18_3", LIMIT);
    let name = name("p18_3");
    assert_eq!(
        call(&name, b"?", 8, WaitTime::Forever),
        Err(ErrorKind::NotFound)
    );
    let mut options = messages();
    options.default_timeout(Duration::from_millis(120));
    let server = options.create(&name).unwrap();
    let _client = PipeClient::open(&name).unwrap();
    for (time, least) in [
        (WaitTime::For(Duration::from_millis(1)), 1),
        (WaitTime::For(Duration::from_millis(80)), 80),
        (WaitTime::Default, 120),
    ] {
        let started = Instant::now();
        assert_eq!(call(&name, b"?", 8, time), Err(ErrorKind::TimedOut));
        assert!(started.elapsed() >= Duration::from_millis(least));
    }
    let twin = name.clone();
    let caller = waiting(move || call(&twin, b"?", 8, WaitTime::Forever));
    drop(server);
    assert_eq!(joined(caller), Err(ErrorKind::NotFound));
}

/// P18.6.
#[test]
fn time_of_a_call_does_not_cover_the_answer() {
    let _watchdog = Watchdog::new("p18_6", LIMIT);
    let name = name("p18_6");
    let server = messages().create(&name).unwrap();
    let caller = waiting({
        let name = name.clone();
        move || call(&name, b"?", 8, WaitTime::For(Duration::from_millis(1)))
    });
    assert_eq!(read(&server, 8), whole(b"?"));
    std::thread::sleep(Duration::from_millis(100));
    assert!(!caller.is_finished());
    server.send(b"late").unwrap();
    assert_eq!(joined(caller), whole(b"late"));
}

/// P18.7.
#[test]
fn rest_of_a_long_answer_is_lost() {
    let _watchdog = Watchdog::new("p18_7", LIMIT);
    let name = name("p18_7");
    let server = serving(messages().create(&name).unwrap(), 1, b"longer");
    assert_eq!(call(&name, b"?", 4, WaitTime::Forever), part(b"long"));
    joined(server);
}

/// P18.8.
#[test]
fn pipe_of_bytes_cannot_be_called() {
    let _watchdog = Watchdog::new("p18_8", LIMIT);
    let name = name("p18_8");
    let server = bytes().create(&name).unwrap();
    assert_eq!(
        call(&name, b"?", 8, WaitTime::Forever),
        Err(ErrorKind::InvalidParameter)
    );
    assert_eq!(kind(server.connect()), ErrorKind::PipeClosing);
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
}

/// P18.9.
#[test]
fn pipe_of_one_way_cannot_be_called() {
    let _watchdog = Watchdog::new("p18_9", LIMIT);
    for direction in [Direction::Inbound, Direction::Outbound] {
        let name = name(&format!("p18_9-{direction:?}"));
        let _server = messages().direction(direction).create(&name).unwrap();
        assert_eq!(
            call(&name, b"?", 8, WaitTime::Forever),
            Err(ErrorKind::AccessDenied)
        );
    }
}

/// P18.6, P17.14.
#[test]
fn call_ends_with_its_server() {
    let _watchdog = Watchdog::new("p18 end", LIMIT);
    for (disconnect, expected) in [
        (true, ErrorKind::NotConnected),
        (false, ErrorKind::BrokenPipe),
    ] {
        let name = name(&format!("p18-end-{disconnect}"));
        let server = messages().create(&name).unwrap();
        let caller = waiting({
            let name = name.clone();
            move || call(&name, b"?", 8, WaitTime::Forever)
        });
        assert_eq!(read(&server, 8), whole(b"?"));
        if disconnect {
            server.disconnect().unwrap();
        }
        drop(server);
        assert_eq!(joined(caller), Err(expected));
    }
}
