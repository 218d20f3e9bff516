//! Mailslots: the rules of their semantics, a file per section, each test named after the rules that it checks.
//!
//! What the types of the Rust API leave no way to say, or what is a matter of handles and numbers, is tested through
//! the C ABI. Below, *abi* stands for the tests of `tong-win32`, *names* for the unit tests beside `name.rs`.
//!
//! | rule | where |
//! |---|---|
//! | M1.1 ... M1.10 | [`object`] |
//! | M2.1 ... M2.6, M2.10, M2.11 | [`names`], and every form of a name in *names* |
//! | M2.7 ... M2.9 | [`names`] the kinds of errors, *abi* the numbers |
//! | M3.1, M3.3 ... M3.5, M3.8 | [`create`] |
//! | M3.7 | [`create`]; by a second user in `users.rs` |
//! | M3.2, M3.6 | *abi*; that nothing is inherited: [`create`] |
//! | M4.1 ... M4.4, M4.8 | [`open`] |
//! | M4.5 ... M4.7, M4.9 ... M4.11 | *abi*: access masks, share modes, flags and attributes exist only there |
//! | M5.1, M5.3 ... M5.6 | *abi*: a server has no `send` and a client no `recv`, so nothing can be called wrongly |
//! | M5.2 | [`access`] |
//! | M5.5, M5.7 | not offered: see `docs/differences.md` |
//! | M6.1 ... M6.9 | [`write`]; the number of M6.3 in *abi*, that of M6.6 in the table of `tong-win32`'s `error.rs` |
//! | M6.10 | *abi* |
//! | M7.1 ... M7.13, M7.15 | [`read`], several readers in [`readers`] |
//! | M7.14 | *abi*: the Rust calls return either a length or an error |
//! | M7.20 ... M7.26 | *abi*, and [`pending`] without C |
//! | M7.27 | [`readers`] |
//! | M8.1 ... M8.8 | [`close`]; M8.5 for one process, which is all that can hold a server handle so far |
//! | M9.1 | *abi*: the Rust call returns everything |
//! | M9.2 ... M9.12 | [`info`] |
//! | M10.1, M10.2 | [`waiting`], with the descriptor that tong offers beyond them |
//! | M10.3 | *abi* |
//! | M10.4 ... M10.6 | [`waiting`] for duplicates within a process; the rest is not built yet |
//! | M11.1 ... M11.12 | [`remote`], and every form in *names* |
//! | 8 processes that write as fast as they can, and that are killed | [`stress`] |

mod access;
mod close;
mod create;
mod info;
mod names;
mod object;
mod open;
mod pending;
mod read;
mod readers;
mod remote;
mod stress;
mod waiting;
mod write;

use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use crate::support::{self, kind, pattern, waiting};

pub(crate) use close::role_count_descriptors;
pub(crate) use create::role_try_to_serve;
pub(crate) use open::role_serve_out_of_descriptors;
pub(crate) use stress::{role_flood, role_flood_until_killed, role_number_through_many};

/// Longer than any of these tests takes on the slowest machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Opens the mailslot, writes each further argument as a message, says so, and waits.
pub(crate) fn role_write() {
    let args = support::args();
    let client = MailslotClient::open(&MailslotName::short(&args[0]).unwrap()).unwrap();
    for message in &args[1..] {
        client.send(message.as_bytes()).unwrap();
    }
    support::say("written");
    support::wait_for_go();
}

/// Opens the mailslot and writes one of the further arguments each time the test says go.
pub(crate) fn role_write_in_turn() {
    let args = support::args();
    let client = MailslotClient::open(&MailslotName::short(&args[0]).unwrap()).unwrap();
    support::say("open");
    for message in &args[1..] {
        support::wait_for_go();
        client.send(message.as_bytes()).unwrap();
        support::say("sent");
    }
    support::wait_for_go();
}

/// Opens the mailslot and writes a message of each length that the further arguments give, with [`pattern`] as content.
pub(crate) fn role_write_lengths() {
    let args = support::args();
    let client = MailslotClient::open(&MailslotName::short(&args[0]).unwrap()).unwrap();
    for len in &args[1..] {
        client.send(&pattern(len.parse().unwrap())).unwrap();
    }
    support::say("written");
    support::wait_for_go();
}

/// Creates the mailslot, says so, and ends when told to, without closing anything if the second argument is "leak".
pub(crate) fn role_serve() {
    let args = support::args();
    let server = MailslotServer::create(&MailslotName::short(&args[0]).unwrap()).unwrap();
    support::say("serving");
    support::wait_for_go();
    if args.get(1).is_some_and(|how| how == "leak") {
        std::mem::forget(server);
    }
}

/// Creates the mailslot, says so, and then says each message that comes.
pub(crate) fn role_serve_and_tell() {
    let args = support::args();
    let server = MailslotServer::create(&MailslotName::short(&args[0]).unwrap()).unwrap();
    support::say("serving");
    loop {
        let message = server.recv_vec(None).unwrap();
        support::say(&String::from_utf8(message).unwrap());
    }
}

/// A mailslot of the test's own and a client of it.
fn pair(test: &str) -> (MailslotServer, MailslotClient) {
    let name = support::name(test);
    let server = MailslotServer::create(&name).unwrap();
    let client = MailslotClient::open(&name).unwrap();
    (server, client)
}

/// The next message, which must be there already.
fn next(server: &MailslotServer) -> Vec<u8> {
    server.recv_vec(Some(Duration::ZERO)).unwrap()
}

/// Everything that is queued.
fn drain(server: &MailslotServer) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while server.info().unwrap().message_count > 0 {
        messages.push(next(server));
    }
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    messages
}
