//! Section 17: a question and the first thing that comes back.

use tong::pipe::{Direction, PipeEnd, ReadMode};
use tong::ErrorKind;

use super::op::{
    begin, joined, nothing, part, read, read_later, transact_later, whole, write_later, Begun, Got,
};
use super::{both, bytes, messages, pair, read_as, with_quota, LIMIT};
use crate::support::{kind, pattern, waiting, Watchdog};

fn transact(end: &PipeEnd, request: &[u8], len: usize) -> Got {
    let mut room = vec![0; len];
    let received = end
        .transact(request, &mut room)
        .map_err(|error| error.kind())?;
    Ok((room[..received.bytes].to_vec(), received.more))
}

/// P17.1: either end may.
#[test]
fn transact_sends_one_message_and_gets_one() {
    let _watchdog = Watchdog::new("p17_1", LIMIT);
    let (server, client) = pair("p17_1", &messages());
    for (end, peer) in both(&server, &client) {
        let twin = peer.clone();
        let answerer = std::thread::spawn(move || {
            for _ in 0..20 {
                let (request, _) = read(&twin, 64).unwrap();
                twin.send(&[&request[..], b"!"].concat()).unwrap();
            }
        });
        for number in 0..10 {
            assert_eq!(transact(end, &[number], 64), whole([number, b'!']));
            let begun = begin(64, |completion| end.start_transact(&[number], completion));
            // The answer may be there at once.
            let answer = match begun.unwrap() {
                Begun::Pending(op) => op.read(),
                now => now.now(),
            };
            assert_eq!(answer, whole([number, b'!']));
        }
        joined(answerer);
    }
}

/// P17.2, P7.5.
#[test]
fn transact_needs_messages_and_message_mode() {
    let _watchdog = Watchdog::new("p17_2", LIMIT);
    let (server, client) = pair("p17_2", &messages());
    for (end, peer) in both(&server, &client) {
        read_as(end, ReadMode::Byte);
        assert_eq!(transact(end, b"?", 8), Err(ErrorKind::BadPipe));
        nothing(peer);
        read_as(end, ReadMode::Message);
    }
    let (server, client) = pair("p17_2-bytes", &bytes());
    for (end, peer) in both(&server, &client) {
        assert_eq!(transact(end, b"?", 8), Err(ErrorKind::BadPipe));
        nothing(peer);
    }
}

/// P17.1, P6.3: one way is not enough.
#[test]
fn transact_needs_both_directions() {
    let _watchdog = Watchdog::new("p6_3", LIMIT);
    for direction in [Direction::Inbound, Direction::Outbound] {
        let mut options = messages();
        options.direction(direction);
        let (server, client) = pair(&format!("p6_3-{direction:?}"), &options);
        for (end, _) in both(&server, &client) {
            assert_eq!(transact(end, b"?", 8), Err(ErrorKind::AccessDenied));
        }
    }
}

/// P17.3.
#[test]
fn transact_is_refused_while_something_is_unread() {
    let _watchdog = Watchdog::new("p17_3", LIMIT);
    let (server, client) = pair("p17_3", &messages());
    for (end, peer) in both(&server, &client) {
        for unread in [&b"unread"[..], b""] {
            peer.send(unread).unwrap();
            assert_eq!(transact(end, b"?", 8), Err(ErrorKind::PipeBusy));
            nothing(peer);
            assert_eq!(read(end, 8), whole(unread));
        }
    }
}

/// P17.4.
#[test]
fn transact_is_refused_while_other_reads_wait() {
    let _watchdog = Watchdog::new("p17_4", LIMIT);
    let (server, client) = pair("p17_4", &messages());
    let read_op = read_later(&client, 8);
    assert_eq!(transact(&client, b"?", 8), Err(ErrorKind::PipeBusy));
    nothing(&server);
    server.send(b"x").unwrap();
    assert_eq!(read_op.read(), whole(b"x"));
}

/// P17.5.
#[test]
fn request_does_not_wait_for_the_quota() {
    let _watchdog = Watchdog::new("p17_5", LIMIT);
    let (server, client) = pair("p17_5", &with_quota(messages(), 4));
    let write = write_later(&client, b"a write that waits");
    let started = transact_later(&client, b"a request that is not short", 8);
    server.send(b"!").unwrap();
    assert_eq!(started.read(), whole(b"!"), "nothing was read yet");
    write.waits();
    assert_eq!(read(&server, 64), whole(b"a write that waits"));
    assert_eq!(write.wrote(), Ok(18));
    assert_eq!(read(&server, 64), whole(b"a request that is not short"));
}

/// P17.6.
#[test]
fn first_message_is_the_answer_whatever_it_is() {
    let _watchdog = Watchdog::new("p17_6", LIMIT);
    let (server, client) = pair("p17_6", &messages());
    let started = transact_later(&client, b"?", 8);
    server.send(b"unasked").unwrap();
    assert_eq!(started.read(), whole(b"unasked"));
    assert_eq!(read(&server, 8), whole(b"?"));
}

/// P17.7.
#[test]
fn rest_of_a_long_answer_can_be_read() {
    let _watchdog = Watchdog::new("p17_7", LIMIT);
    let (server, client) = pair("p17_7", &messages());
    let started = transact_later(&client, b"?", 3);
    server.send(b"longer").unwrap();
    assert_eq!(started.read(), part(b"lon"));
    assert_eq!(transact(&client, b"?", 8), Err(ErrorKind::PipeBusy));
    assert_eq!(read(&client, 8), whole(b"ger"));
    let twin = client.clone();
    let blocked = waiting(move || transact(&twin, b"?", 2));
    server.send(b"abc").unwrap();
    assert_eq!(joined(blocked), part(b"ab"));
    assert_eq!(read(&client, 8), whole(b"c"));
}

/// P17.8.
#[test]
fn request_and_answer_may_be_empty() {
    let _watchdog = Watchdog::new("p17_8", LIMIT);
    let (server, client) = pair("p17_8", &messages());
    let started = transact_later(&client, b"", 0);
    assert_eq!(read(&server, 8), whole(b""));
    server.send(b"").unwrap();
    assert_eq!(started.read(), whole(b""));
    let twin = client.clone();
    let blocked = waiting(move || transact(&twin, b"", 0));
    server.send(b"").unwrap();
    assert_eq!(joined(blocked), whole(b""));
}

/// P17.9.
#[test]
fn answer_can_be_a_transaction_too() {
    let _watchdog = Watchdog::new("p17_9", LIMIT);
    let (server, client) = pair("p17_9", &messages());
    let question = transact_later(&client, b"ping", 8);
    assert_eq!(read(&server, 8), whole(b"ping"));
    let counter = transact_later(&server, b"pong", 8);
    assert_eq!(question.read(), whole(b"pong"));
    counter.waits();
    client.send(b"done").unwrap();
    assert_eq!(counter.read(), whole(b"done"));
}

/// P17.12, P22.27.
#[test]
fn canceled_transaction_leaves_its_request() {
    let _watchdog = Watchdog::new("p17_12", LIMIT);
    let (server, client) = pair("p17_12", &messages());
    let started = transact_later(&client, b"asked", 8);
    assert!(started.cancel(&client));
    assert_eq!(started.read(), Err(ErrorKind::Canceled));
    assert_eq!(read(&server, 8), whole(b"asked"));
    server.send(b"late").unwrap();
    assert_eq!(read(&client, 8), whole(b"late"));
}

/// P17.14: what was completely written before the close is the answer.
#[test]
fn answer_of_one_that_closed_is_delivered() {
    let _watchdog = Watchdog::new("p17_14 answer", LIMIT);
    let (server, client) = pair("p17_14-answer", &messages());
    let started = transact_later(&client, b"?", 8);
    server.send(b"bye").unwrap();
    drop(server);
    assert_eq!(started.read(), whole(b"bye"));
    let begun = begin(8, |completion| client.start_transact(b"?", completion));
    assert_eq!(begun.unwrap_err(), ErrorKind::BadPipe);
}

/// P17.13 for a server whose client has left something: it is closing, and that comes first.
#[test]
fn closing_comes_before_unread() {
    let _watchdog = Watchdog::new("p17_13", LIMIT);
    let (server, client) = pair("p17_13", &messages());
    client.send(b"left").unwrap();
    drop(client);
    assert_eq!(kind(server.transact(b"?", &mut [0; 8])), ErrorKind::BadPipe);
}

/// P17.15.
#[test]
fn transactions_can_be_long() {
    let _watchdog = Watchdog::new("p17_15", LIMIT);
    let (server, client) = pair("p17_15", &messages());
    for len in [64 << 10, 3 << 20] {
        let started = transact_later(&client, &pattern(len), len);
        let (request, more) = read(&server, len).unwrap();
        assert!(request == pattern(len) && !more);
        let writer = std::thread::spawn({
            let server = server.clone();
            move || server.send(&request).unwrap()
        });
        let (answer, more) = started.read().unwrap();
        assert!(answer == pattern(len) && !more);
        assert_eq!(joined(writer), len);
    }
}
