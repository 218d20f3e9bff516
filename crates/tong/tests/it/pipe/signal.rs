//! Section 23: what waits see of an end, and the sign of readiness that tong offers beyond it.

use std::time::Duration;

use tong::wait::{self, Waitable};
use tong::ErrorKind;

use super::op::{joined, read, read_later, whole};
use super::{both, bytes, kinds, messages, name, pair, LIMIT};
use crate::support::{eventually, kind, waiting, Watchdog};

/// P23.1, P23.2, P23.9.
#[test]
fn ends_start_signaled_and_data_changes_nothing() {
    let _watchdog = Watchdog::new("p23_2", LIMIT);
    let (server, client) = pair("p23_2", &bytes());
    for (end, peer) in both(&server, &client) {
        assert!(end.signal().unwrap().is_signaled());
        assert!(end.clone().signal().unwrap().is_signaled());
        end.signal().unwrap().reset().unwrap();
        peer.send(b"x").unwrap();
        assert!(!end.signal().unwrap().is_signaled());
        read(end, 8).unwrap();
    }
    drop(client);
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
    assert!(!server.signal().unwrap().is_signaled());
}

/// P23.9: nor does a client without a connect that waits.
#[test]
fn client_that_opens_does_not_signal_the_server() {
    let _watchdog = Watchdog::new("p23_9", LIMIT);
    let name = name("p23_9");
    let server = bytes().create(&name).unwrap();
    server.signal().unwrap().reset().unwrap();
    let _client = tong::pipe::PipeClient::open(&name).unwrap();
    assert_eq!(kind(server.connect()), ErrorKind::PipeConnected);
    assert!(!server.signal().unwrap().is_signaled());
}

/// P23.6.
#[test]
fn synchronous_end_is_signaled_except_during_an_operation() {
    let _watchdog = Watchdog::new("p23_6", LIMIT);
    let (server, client) = pair("p23_6", bytes().synchronous(true));
    let twin = server.clone();
    let reader = waiting(move || read(&twin, 8));
    assert!(!server.signal().unwrap().is_signaled());
    client.send(b"x").unwrap();
    assert_eq!(joined(reader), whole(b"x"));
    assert!(server.signal().unwrap().is_signaled());
}

/// The event of `readable` is set once a read would not wait.
#[test]
fn readable_tells_of_data_and_of_the_end() {
    let _watchdog = Watchdog::new("readable", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("readable-{round}"), &options);
        let event = server.readable().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(!event.is_signaled());
        client.send(b"x").unwrap();
        event.wait(None).unwrap();
        assert_eq!(read(&server, 8), whole(b"x"));
        assert!(event.is_signaled(), "it is told once");
        let event = server.readable().unwrap();
        let both = [server.readable().unwrap(), server.readable().unwrap()];
        assert!(!event.is_signaled());
        drop(client);
        event.wait(None).unwrap();
        for event in both {
            event.wait(None).unwrap();
        }
        assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
        assert!(server.readable().unwrap().is_signaled());
    }
}

/// The event can be waited for with others, for many ends at once.
#[test]
fn one_thread_waits_for_many_ends() {
    let _watchdog = Watchdog::new("readable many", LIMIT);
    let name = name("readable-many");
    let pairs: Vec<_> = (0..20)
        .map(|_| {
            let server = messages().create(&name).unwrap();
            let client = tong::pipe::PipeClient::open(&name).unwrap();
            (server, client)
        })
        .collect();
    let mut events: Vec<_> = pairs
        .iter()
        .map(|(server, _)| server.readable().unwrap())
        .collect();
    for turn in (0..20).chain((0..20).rev()) {
        pairs[turn].1.send(&[7]).unwrap();
        let waits: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
        let woken = wait::any(&waits, None).unwrap();
        drop(waits);
        assert_eq!(woken.index, turn);
        assert_eq!(read(&pairs[turn].0, 8), whole([7]));
        events[turn] = pairs[turn].0.readable().unwrap();
    }
}

/// A server that listens has nothing to read yet, and a disconnected end never again.
#[test]
fn readable_needs_a_client() {
    let _watchdog = Watchdog::new("readable states", LIMIT);
    let name = name("readable-states");
    let server = bytes().create(&name).unwrap();
    assert_eq!(kind(server.readable()), ErrorKind::PipeListening);
    let client = tong::pipe::PipeClient::open(&name).unwrap();
    let event = client.readable().unwrap();
    let read_op = read_later(&client, 8);
    server.disconnect().unwrap();
    event.wait(None).unwrap();
    assert_eq!(read_op.read(), Err(ErrorKind::NotConnected));
    eventually("the server's event", || {
        server.readable().unwrap().is_signaled()
    });
}
