//! Section 5: access by kind of handle. That a server cannot write and a client cannot read is a matter of types here.

use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{kind, next, LIMIT};
use crate::support::{self, Watchdog};

#[test]
fn m5_2_reads_are_the_same_before_the_first_client_during_and_after_the_last() {
    let _watchdog = Watchdog::new("m5_2", LIMIT);
    let name = support::name("m5_2");
    let server = MailslotServer::options()
        .read_timeout(Some(Duration::ZERO))
        .create(&name)
        .unwrap();
    let empty = |when: &str| {
        assert_eq!(
            kind(server.read(&mut [0; 8])),
            ErrorKind::TimedOut,
            "{when}"
        )
    };
    empty("before the first client");
    for round in 0..3 {
        let client = MailslotClient::open(&name).unwrap();
        empty("with a client");
        client.send(b"x").unwrap();
        if round == 1 {
            drop(client);
        }
        assert_eq!(next(&server), b"x");
        empty("with everything read");
    }
    empty("after the last client");
    let short = Duration::from_millis(20);
    assert_eq!(
        kind(server.recv_timeout(&mut [0; 8], short)),
        ErrorKind::TimedOut,
        "no end of file either"
    );
}
