//! Section 9: throwing a client out.

use tong::pipe::{Modes, PipeClient, ReadMode};
use tong::ErrorKind;

use super::op::{
    connect_later, joined, nothing, poll, read, read_later, transact_later, whole, write_later,
};
use super::{both, bytes, kinds, messages, name, pair, with_quota, LIMIT};
use crate::support::{kind, waiting, Watchdog};

/// P9.1, P9.5.
#[test]
fn client_stays_an_open_end_that_is_disconnected() {
    let _watchdog = Watchdog::new("p9_1", LIMIT);
    let (server, client) = pair("p9_1", &messages());
    assert!(!client.is_disconnected());
    server.disconnect().unwrap();
    assert!(client.is_disconnected());
    assert_eq!(poll(&client, 8), Err(ErrorKind::NotConnected));
    assert_eq!(kind(client.send(b"x")), ErrorKind::NotConnected);
    assert_eq!(kind(server.disconnect()), ErrorKind::NotConnected);
}

/// Section 7: a client that was disconnected stays so, whatever the server does next.
#[test]
fn disconnected_client_stays_so_while_the_server_goes_on_and_closes() {
    let _watchdog = Watchdog::new("p9 stays", LIMIT);
    let (server, client) = pair("p9-stays", &bytes());
    let refused = || {
        assert_eq!(poll(&client, 8), Err(ErrorKind::NotConnected));
        assert_eq!(kind(client.send(b"x")), ErrorKind::NotConnected);
        assert_eq!(kind(client.info()), ErrorKind::NotConnected);
    };
    server.disconnect().unwrap();
    refused();
    let connect = connect_later(&server);
    refused();
    let next = PipeClient::open(server.name()).unwrap();
    assert_eq!(connect.wrote(), Ok(0));
    refused();
    next.send(b"next").unwrap();
    assert_eq!(read(&server, 8), whole(b"next"));
    drop((server, next));
    refused();
}

/// P9.2, P9.7.
#[test]
fn unread_data_of_both_directions_is_gone() {
    let _watchdog = Watchdog::new("p9_2", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p9_2-{round}"), &with_quota(options, 10));
        server.send(b"complete").unwrap();
        client.send(b"complete").unwrap();
        let writes = [
            write_later(&server, b"and more than fits"),
            write_later(&client, b"and more than fits"),
        ];
        server.disconnect().unwrap();
        for write in writes {
            assert_eq!(write.wrote(), Err(ErrorKind::NotConnected));
        }
        assert_eq!(poll(&client, 64), Err(ErrorKind::NotConnected));
        assert_eq!(poll(&server, 64), Err(ErrorKind::NotConnected));
        assert_eq!(kind(client.peek(&mut [])), ErrorKind::NotConnected);
        let connect = connect_later(&server);
        let next = PipeClient::open(server.name()).unwrap();
        assert_eq!(connect.wrote(), Ok(0));
        nothing(&server);
        nothing(&next);
    }
}

/// P9.3 for operations that were started.
#[test]
fn operations_of_both_ends_that_wait_end() {
    let _watchdog = Watchdog::new("p9_3", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p9_3-{round}"), &with_quota(options, 0));
        let reads = [read_later(&server, 8), read_later(&client, 8)];
        server.disconnect().unwrap();
        for read in reads {
            assert_eq!(read.read(), Err(ErrorKind::NotConnected));
        }
    }
    let (server, _client) = pair("p9_3-transact", &messages());
    let transact = transact_later(&server, b"?", 8);
    server.disconnect().unwrap();
    assert_eq!(transact.read(), Err(ErrorKind::NotConnected));
    let (server, client) = pair("p9_3-transact-client", &messages());
    let transact = transact_later(&client, b"?", 8);
    server.disconnect().unwrap();
    assert_eq!(transact.read(), Err(ErrorKind::NotConnected));
}

/// P9.3, P15.5 for threads that are blocked.
#[test]
fn threads_that_are_blocked_in_either_end_come_out() {
    let _watchdog = Watchdog::new("p9_3 blocked", LIMIT);
    for side in 0..2 {
        let (server, client) = pair(&format!("p9_3-blocked-{side}"), &with_quota(bytes(), 4));
        let (end, _) = both(&server, &client)[side];
        let twin = end.clone();
        let reader = waiting(move || twin.receive(&mut [0; 8]).map_err(|error| error.kind()));
        let twin = end.clone();
        let writer = waiting(move || twin.send(b"too much").map_err(|error| error.kind()));
        let twin = end.clone();
        let flusher = waiting(move || twin.flush().map_err(|error| error.kind()));
        server.disconnect().unwrap();
        assert_eq!(joined(reader), Err(ErrorKind::NotConnected));
        assert_eq!(joined(writer), Err(ErrorKind::NotConnected));
        assert_eq!(joined(flusher), Err(ErrorKind::NotConnected));
    }
}

/// P9.3 for a thread that transacts.
#[test]
fn thread_that_waits_for_an_answer_comes_out() {
    let _watchdog = Watchdog::new("p9_3 transact", LIMIT);
    let (server, client) = pair("p9_3-answer", &messages());
    let twin = client.clone();
    let thread = waiting(move || {
        twin.transact(b"?", &mut [0; 8])
            .map_err(|error| error.kind())
    });
    server.disconnect().unwrap();
    assert_eq!(joined(thread), Err(ErrorKind::NotConnected));
}

/// P9.4.
#[test]
fn leftovers_of_a_client_that_went_are_gone_too() {
    let _watchdog = Watchdog::new("p9_4", LIMIT);
    let (server, client) = pair("p9_4", &messages());
    client.send(b"left").unwrap();
    drop(client);
    server.disconnect().unwrap();
    assert_eq!(poll(&server, 8), Err(ErrorKind::NotConnected));
    assert_eq!(kind(server.peek(&mut [])), ErrorKind::BadPipe);
}

/// P9.6.
#[test]
fn instance_that_listens_can_be_disconnected() {
    let _watchdog = Watchdog::new("p9_6", LIMIT);
    let name = name("p9_6");
    let server = bytes().create(&name).unwrap();
    let connects = [connect_later(&server), connect_later(&server)];
    let twin = server.clone();
    let blocked = waiting(move || twin.connect().map_err(|error| error.kind()));
    server.disconnect().unwrap();
    for connect in connects {
        assert_eq!(connect.wrote(), Err(ErrorKind::NotConnected));
    }
    assert_eq!(joined(blocked), Err(ErrorKind::NotConnected));
    assert_eq!(kind(PipeClient::open(&name)), ErrorKind::PipeBusy);
    assert_eq!(kind(server.disconnect()), ErrorKind::NotConnected);
    let connect = connect_later(&server);
    PipeClient::open(&name).unwrap();
    assert_eq!(connect.wrote(), Ok(0));
}

/// P9.7: a server that wants its data read flushes before.
#[test]
fn flush_before_the_disconnect_saves_the_last_words() {
    let _watchdog = Watchdog::new("p9_7", LIMIT);
    let (server, client) = pair("p9_7", &messages());
    server.send(b"last words").unwrap();
    let reader = std::thread::spawn(move || (read(&client, 64), client));
    server.flush().unwrap();
    server.disconnect().unwrap();
    let (got, client) = joined(reader);
    assert_eq!(got, whole(b"last words"));
    assert_eq!(poll(&client, 8), Err(ErrorKind::NotConnected));
}

/// P9.8, P4.4.
#[test]
fn disconnected_instance_counts_and_is_not_found() {
    let _watchdog = Watchdog::new("p9_8", LIMIT);
    let mut options = bytes();
    options.max_instances(Some(1));
    let (server, client) = pair("p9_8", &options);
    server.disconnect().unwrap();
    drop(client);
    assert_eq!(server.instances().unwrap(), 1);
    assert_eq!(kind(PipeClient::open(server.name())), ErrorKind::PipeBusy);
    assert_eq!(kind(options.create(server.name())), ErrorKind::PipeBusy);
}

/// P9.9.
#[test]
fn disconnected_client_is_not_signaled() {
    let _watchdog = Watchdog::new("p9_9", LIMIT);
    let (server, client) = pair("p9_9", &bytes());
    assert!(client.signal().unwrap().is_signaled());
    server.disconnect().unwrap();
    assert_eq!(poll(&client, 8), Err(ErrorKind::NotConnected));
    assert!(!client.signal().unwrap().is_signaled());
}

/// P9.10.
#[test]
fn next_client_sees_nothing_of_the_one_before() {
    let _watchdog = Watchdog::new("p9_10", LIMIT);
    let (server, first) = pair("p9_10", &messages());
    let (read_mode, nowait) = (ReadMode::Message, true);
    first
        .set_modes(Modes {
            read: read_mode,
            nowait,
        })
        .unwrap();
    let kept = Modes {
        read: ReadMode::Byte,
        nowait: false,
    };
    server.set_modes(kept).unwrap();
    first.send(b"from the first").unwrap();
    server.send(b"to the first").unwrap();
    for _ in 0..3 {
        server.disconnect().unwrap();
        let connect = connect_later(&server);
        let next = PipeClient::open(server.name()).unwrap();
        assert_eq!(connect.wrote(), Ok(0));
        assert_eq!(server.modes().unwrap(), kept, "the server keeps its modes");
        assert_eq!(
            next.modes().unwrap(),
            Modes {
                read: ReadMode::Byte,
                nowait: false
            }
        );
        nothing(&next);
        nothing(&server);
        next.send(b"next").unwrap();
        assert_eq!(read(&server, 8), whole(b"next"));
        server.send(b"welcome").unwrap();
        assert_eq!(read(&next, 8), whole(b"welcome"));
        next.set_modes(Modes {
            read: read_mode,
            nowait,
        })
        .unwrap();
    }
}
