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
//! | M3.2, M3.6 | *abi* as far as they are built: see `docs/differences.md`; that nothing is inherited: [`create`] |
//! | M4.1 ... M4.4, M4.8 | [`open`] |
//! | M4.5 ... M4.7, M4.9 ... M4.11 | *abi*: access masks, share modes, flags and attributes exist only there |
//! | M5.1, M5.3 ... M5.6 | *abi*: a server has no `send` and a client no `recv`, so nothing can be called wrongly |
//! | M5.2 | [`access`] |
//! | M5.5, M5.7 | not offered: see `docs/differences.md` |
//! | M6.1 ... M6.9 | [`write`]; the number of M6.3 in *abi*, that of M6.6 in the table of `tong-win32`'s `error.rs` |
//! | M6.10 | *abi* |
//! | M7.1 ... M7.13, M7.15 | [`read`], several readers in [`readers`] |
//! | M7.14 | *abi*: the Rust calls return either a length or an error |
//! | M7.20, M7.21, M7.23 | *abi* |
//! | M7.22, M7.24 ... M7.26 | not built yet: see `docs/differences.md` |
//! | M7.27 | [`readers`] |
//! | M8.1 ... M8.8 | [`close`]; M8.5 for one process, which is all that can hold a server handle so far |
//! | M9.1 | *abi*: the Rust call returns everything |
//! | M9.2 ... M9.12 | [`info`] |
//! | M10.1, M10.2 | [`waiting`], with the descriptor that tong offers beyond them |
//! | M10.3 | not built yet: see `docs/differences.md` |
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
mod read;
mod readers;
mod remote;
mod stress;
mod waiting;
mod write;

use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use crate::support;

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

/// What kind of failure it is.
fn kind<T: Debug>(result: tong::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
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

/// Bytes in which a shift or a hole would show, different for each length.
fn pattern(len: usize) -> Vec<u8> {
    let words = (len as u64..).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.flatten().take(len).collect()
}

/// Starts a thread that runs `read`, and returns when it sleeps in it.
fn waiting<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        tell.send(fs::read_link("/proc/thread-self").unwrap())
            .unwrap();
        read()
    });
    let stat = Path::new("/proc").join(told.recv().unwrap()).join("stat");
    let mut looks_asleep = 0;
    support::eventually("the reader sleeps", || {
        // A thread that has ended is asleep for good.
        let stat = fs::read_to_string(&stat).unwrap_or_else(|_| ") S".to_owned());
        let asleep = stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'));
        looks_asleep = if asleep { looks_asleep + 1 } else { 0 };
        looks_asleep > 5
    });
    thread
}
