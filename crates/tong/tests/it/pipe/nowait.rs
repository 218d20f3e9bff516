//! Section 14: ends that do not wait.

use tong::ErrorKind;

use super::op::{begin, nothing, part, poll, read, read_later, whole, write_now, Got};
use super::{both, bytes, kinds, messages, never_wait, pair, unread, with_quota, LIMIT};
use crate::support::{kind, waiting, Watchdog};

/// P14.1.
#[test]
fn wait_mode_is_that_of_each_end() {
    let _watchdog = Watchdog::new("p14_1", LIMIT);
    let (server, client) = pair("p14_1", bytes().nowait(true));
    // The client was given the server's modes by the test.
    never_wait(&client, false);
    assert!(server.modes().unwrap().nowait);
    assert!(!client.modes().unwrap().nowait);
    let read_op = read_later(&client, 8);
    let mut room = [0; 8];
    assert_eq!(kind(server.receive(&mut room)), ErrorKind::PipeEmpty);
    server.send(b"x").unwrap();
    assert_eq!(read_op.read(), whole(b"x"));
}

/// P14.2, P14.3.
#[test]
fn read_of_nothing_is_empty_at_once() {
    let _watchdog = Watchdog::new("p14_3", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p14_3-{round}"), &options);
        for (end, _) in both(&server, &client) {
            never_wait(end, true);
            for len in [8, 0] {
                let mut room = vec![0; len];
                assert_eq!(kind(end.receive(&mut room)), ErrorKind::PipeEmpty);
                let begun = begin(len, |completion| end.start_receive(completion));
                assert_eq!(begun.unwrap_err(), ErrorKind::PipeEmpty);
            }
            let again = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
            assert!(std::io::Read::read(&mut &*end, &mut [0; 8]).is_err_and(again));
        }
    }
}

/// P14.4.
#[test]
fn read_after_the_end_is_broken_and_not_empty() {
    let _watchdog = Watchdog::new("p14_4", LIMIT);
    let (server, client) = pair("p14_4", bytes().nowait(true));
    client.send(b"x").unwrap();
    drop(client);
    assert_eq!(read(&server, 8), whole(b"x"));
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
}

/// P14.5.
#[test]
fn read_of_data_is_as_ever() {
    let _watchdog = Watchdog::new("p14_5", LIMIT);
    let (server, client) = pair("p14_5", messages().nowait(true));
    client.send(b"message").unwrap();
    assert_eq!(read(&server, 4), part(b"mess"));
    assert_eq!(read(&server, 4), whole(b"age"));
    nothing(&server);
}

/// P14.6, P14.9, P14.11: the rows of P14.10 without a read that waits.
#[test]
fn write_that_does_not_fit_writes_nothing() {
    let _watchdog = Watchdog::new("p14_6", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p14_6-{round}"), &with_quota(options, 512));
        for (end, peer) in both(&server, &client) {
            never_wait(peer, true);
            assert_eq!(peer.send(&[1; 513]).unwrap(), 0);
            assert_eq!(write_now(peer, &[1; 513]), 0);
            assert_eq!(unread(end), 0);
            assert_eq!(peer.send(&[1; 512]).unwrap(), 512);
            assert_eq!(peer.send(&[1]).unwrap(), 0);
            assert_eq!(unread(end), 512);
            read(end, 12).unwrap();
            assert_eq!(peer.send(&[1; 13]).unwrap(), 0);
            assert_eq!(write_now(peer, &[2; 12]), 12);
            assert_eq!(unread(end), 512);
            never_wait(peer, false);
            assert_eq!(
                peer.try_send(&[1]).unwrap(),
                0,
                "also if it never waits for once"
            );
            while poll(end, 1 << 10).is_ok() {}
        }
    }
}

/// A row of P14.10: a read that waits for so many bytes, a write of so many, and for either type what the write took, what
/// the read gets, and what is queued.
type Row = (usize, usize, [(usize, Option<usize>, usize); 2]);

/// P14.10, P14.7, P14.8.
#[test]
fn write_to_a_read_that_waits() {
    let _watchdog = Watchdog::new("p14_10", LIMIT);
    let rows: [Row; 3] = [
        (32768, 513, [(513, Some(513), 0), (513, Some(513), 0)]),
        (1, 513, [(513, Some(1), 512), (513, Some(1), 512)]),
        (1, 514, [(1, Some(1), 0), (0, None, 0)]),
    ];
    for (options, pipe_type) in kinds().into_iter().zip(0..) {
        for (number, (wanted, len, outcomes)) in rows.into_iter().enumerate() {
            for started in [true, false] {
                let test = format!("p14_10-{pipe_type}-{number}-{started}");
                let (server, client) = pair(&test, &with_quota(options.clone(), 512));
                for (end, peer) in both(&server, &client) {
                    never_wait(peer, true);
                    let outcome = outcomes[pipe_type];
                    let got = match started {
                        true => started_row(end, peer, wanted, len, outcome),
                        false => blocked_row(end, peer, wanted, len, outcome),
                    };
                    check(got, wanted, outcome, pipe_type == 1);
                    while poll(end, 1 << 10).is_ok() {}
                    never_wait(peer, false);
                }
            }
        }
    }
}

type Outcome = (usize, Option<usize>, usize);

fn started_row(
    end: &tong::pipe::PipeEnd,
    peer: &tong::pipe::PipeEnd,
    wanted: usize,
    len: usize,
    (taken, gets, queued): Outcome,
) -> Got {
    let op = read_later(end, wanted);
    op.waits();
    assert_eq!(write_now(peer, &vec![1; len]), taken);
    if gets.is_none() {
        op.waits();
        assert_eq!(unread(end), queued);
        assert!(op.cancel(end));
    }
    let got = op.read();
    assert_eq!(unread(end), queued);
    got
}

/// The same with a thread that is blocked in its read.
fn blocked_row(
    end: &tong::pipe::PipeEnd,
    peer: &tong::pipe::PipeEnd,
    wanted: usize,
    len: usize,
    (taken, gets, queued): Outcome,
) -> Got {
    let twin = end.clone();
    let reader = waiting(move || read(&twin, wanted));
    assert_eq!(peer.send(&vec![1; len]).unwrap(), taken);
    if gets.is_none() {
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(!reader.is_finished());
        assert_eq!(unread(end), queued);
        // Its end, so that the thread does: nothing of the write before is in it.
        assert_eq!(peer.send(&[2]).unwrap(), 1);
        assert_eq!(reader.join().unwrap(), whole([2]));
        return Err(ErrorKind::Canceled);
    }
    let got = reader.join().unwrap();
    assert_eq!(unread(end), queued);
    got
}

fn check(got: Got, wanted: usize, (_, gets, queued): Outcome, is_message: bool) {
    match gets {
        None => assert_eq!(got, Err(ErrorKind::Canceled)),
        Some(len) => {
            let (bytes, more) = got.unwrap();
            assert_eq!(bytes.len(), len.min(wanted));
            assert_eq!(more, is_message && queued > 0);
        }
    }
}

/// P14.8: a read that waits and one that was served already.
#[test]
fn only_reads_that_still_wait_make_room() {
    let _watchdog = Watchdog::new("p14_8", LIMIT);
    let (server, client) = pair("p14_8", &with_quota(bytes(), 10));
    never_wait(&client, true);
    let reads = [read_later(&server, 4), read_later(&server, 4)];
    assert_eq!(client.send(&[1; 4]).unwrap(), 4);
    let [first, second] = reads;
    assert_eq!(first.read(), whole([1; 4]));
    second.waits();
    assert_eq!(
        client.send(&[2; 15]).unwrap(),
        4,
        "4 were taken, 11 did not fit"
    );
    assert_eq!(second.read(), whole([2; 4]));
    assert_eq!(unread(&server), 0);
    assert_eq!(client.send(&[3; 11]).unwrap(), 0);
    let given_up = read_later(&server, 4);
    assert!(given_up.cancel(&server));
    assert_eq!(client.send(&[4; 11]).unwrap(), 0, "nor one that gave up");
    assert_eq!(client.send(&[4; 10]).unwrap(), 10);
}

/// P14.11 in the Rust interface: the byte view says "would block".
#[test]
fn std_write_would_block() {
    let _watchdog = Watchdog::new("p14_11", LIMIT);
    let (_server, client) = pair("p14_11", &with_quota(bytes(), 4));
    never_wait(&client, true);
    let mut writer: &tong::pipe::PipeEnd = &client;
    let refused = std::io::Write::write(&mut writer, b"12345").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(std::io::Write::write(&mut writer, b"1234").unwrap(), 4);
}

/// P14.13.
#[test]
fn flush_and_transact_wait_all_the_same() {
    let _watchdog = Watchdog::new("p14_13", LIMIT);
    let (server, client) = pair("p14_13", &messages());
    never_wait(&client, true);
    client.send(b"x").unwrap();
    let twin = client.clone();
    let flush = waiting(move || twin.flush());
    assert!(!flush.is_finished());
    assert_eq!(client.peek(&mut []).unwrap().available, 0);
    assert_eq!(read(&server, 8), whole(b"x"));
    flush.join().unwrap().unwrap();
    let twin = client.clone();
    let transact = waiting(move || {
        let mut room = [0; 8];
        let received = twin.transact(b"question", &mut room).unwrap();
        room[..received.bytes].to_vec()
    });
    assert_eq!(read(&server, 8), whole(b"question"));
    assert!(!transact.is_finished());
    server.send(b"answer").unwrap();
    assert_eq!(transact.join().unwrap(), b"answer");
}

/// P14.13 for a transaction that was started.
#[test]
fn started_transaction_waits_all_the_same() {
    let _watchdog = Watchdog::new("p14_13 started", LIMIT);
    let (server, client) = pair("p14_13-started", &messages());
    never_wait(&client, true);
    let transact = super::op::transact_later(&client, b"?", 8);
    transact.waits();
    assert_eq!(read(&server, 8), whole(b"?"));
    server.send(b"!").unwrap();
    assert_eq!(transact.read(), whole(b"!"));
}
