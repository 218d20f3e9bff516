//! Writers that lie about the time move only their own messages.

use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::Foe;
use crate::support;

const QUOTA: u64 = 1 << 16;

#[test]
fn stamp_of_the_end_of_time_does_not_disturb_the_order_of_others() {
    let name = support::name("end-of-time");
    let server = MailslotServer::create(&name).unwrap();
    let honest = [(); 2].map(|()| MailslotClient::open(&name).unwrap());
    let foe = Foe::enter(&name, QUOTA);
    let mut liar = foe.producer(QUOTA);
    for stamp in [u64::MAX, u64::MAX, u64::MAX - 1] {
        liar.push(stamp, b"late").unwrap();
        assert_eq!(server.recv_vec(None).unwrap(), b"late");
        // Empty looks at the honest rings.
        assert_eq!(
            server.try_recv(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        for number in 0..6u8 {
            honest[usize::from(number + 1) % 2].send(&[number]).unwrap();
        }
        for number in 0..6u8 {
            assert_eq!(server.recv_vec(None).unwrap(), [number]);
        }
    }
}

#[test]
fn message_from_the_end_of_time_is_read_when_nothing_else_is_there() {
    let name = support::name("nothing-else");
    let server = MailslotServer::create(&name).unwrap();
    let honest = MailslotClient::open(&name).unwrap();
    let foe = Foe::enter(&name, QUOTA);
    foe.producer(QUOTA).push(u64::MAX, b"late").unwrap();
    honest.send(b"one").unwrap();
    honest.send(b"two").unwrap();
    for expected in [&b"one"[..], b"two", b"late"] {
        assert_eq!(server.recv_vec(None).unwrap(), expected);
    }
}

#[test]
fn flood_of_old_stamps_does_not_hold_others_back_for_ever() {
    let standing: fn(u64) -> u64 = |_| 0;
    let rising: fn(u64) -> u64 = |number| number;
    for (case, stamp_of) in [("standing", standing), ("rising", rising)] {
        let name = support::name(case);
        let server = MailslotServer::create(&name).unwrap();
        let honest = MailslotClient::open(&name).unwrap();
        let foe = Foe::enter(&name, QUOTA);
        let mut liar = foe.producer(QUOTA);
        // Its ring is never empty from here on.
        for number in 0..8 {
            liar.push(stamp_of(number), b"jumps").unwrap();
        }
        honest.send(b"waits").unwrap();
        // What is in the ring may jump the queue, and what comes before the reader's clock moves.
        let most = 3 * QUOTA / 32;
        let heard = (8..most).any(|number| {
            let _ = liar.push(stamp_of(number), b"jumps");
            server.recv_vec(Some(Duration::ZERO)).unwrap() == b"waits"
        });
        assert!(heard, "{case} stamps: not heard in {most} reads");
    }
}
