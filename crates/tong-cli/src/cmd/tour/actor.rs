//! The processes of the tour, seen from inside.
//!
//! An actor does what its standard input says, one order a line, and reports each thing it did as a line of JSON on
//! standard output. When its input ends it leaves: however the tour ends, no actor stays behind.

use super::worker::{self, Work};
use crate::args::{ActorArgs, Role};
use crate::cmd::mailslot_name;
use crate::exit::Failure;
use crate::output;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, thread};
use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

/// How long a receiver waits for a message that it was told to read.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What an actor may be told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Open the mailslot (again).
    Open,
    /// Queue each of these messages.
    Send(Vec<String>),
    /// Read so many messages, waiting for each.
    Read(usize),
    /// Report how many messages are unread.
    Count,
    /// Something for a worker.
    Work(Work),
}

/// What an actor did, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// Nanoseconds since 1970; all actors share the clock.
    pub(super) at_ns: u64,
    pub(super) did: Did,
}

/// What an actor did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Did {
    Create,
    Open,
    /// The write of this message returned.
    Send(String),
    Read(String),
    Count(u64),
    /// The mailslot of this handle is gone.
    FindGone,
    /// Started a program: which, and its process id.
    Start(String, u32),
    /// Asked for the exit code of that program.
    Code(String, u32),
    /// Something that needs no more than these words.
    Tell(String),
    /// Something else went wrong.
    Fail(String),
}

pub(crate) fn run(args: &ActorArgs) -> Result<(), Failure> {
    let subject = args.subject.to_string_lossy();
    match args.role {
        Role::Receiver => receiver(&mailslot_name(&subject)?),
        Role::Sender => sender(&mailslot_name(&subject)?),
        Role::Broom => sweep(Path::new(&args.subject)),
        Role::Worker => worker::run(),
        Role::Adder => worker::add_up(&subject),
        Role::Guest => worker::be_a_guest(),
    }
}

/// The time now, in nanoseconds since 1970.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Waits for the end of the tour, and removes its directory.
fn sweep(dir: &Path) -> Result<(), Failure> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
    // If the tour was killed, the other actors are leaving at this very moment and may still remove their files.
    for _ in 0..50 {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                thread::sleep(Duration::from_millis(20))
            }
            _ => return Ok(()),
        }
    }
    fs::remove_dir_all(dir)
        .map_err(|error| Failure::Io(format!("cannot remove {}", dir.display()), error))
}

fn receiver(name: &MailslotName) -> Result<(), Failure> {
    let server = match MailslotServer::create(name) {
        Ok(server) => server,
        Err(error) => return report(failed(&error)),
    };
    report(Did::Create)?;
    for order in orders() {
        match order {
            Order::Read(count) => read(&server, count)?,
            Order::Count => report(match server.info() {
                Ok(info) => Did::Count(info.message_count),
                Err(error) => failed(&error),
            })?,
            Order::Open | Order::Send(_) | Order::Work(_) => {}
        }
    }
    Ok(())
}

/// Reads messages until `count` have come or one fails to.
fn read(server: &MailslotServer, count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        match server.recv_vec(Some(PATIENCE)) {
            Ok(message) => report(Did::Read(String::from_utf8_lossy(&message).into_owned()))?,
            Err(error) => return report(failed(&error)),
        }
    }
    Ok(())
}

fn sender(name: &MailslotName) -> Result<(), Failure> {
    let mut client = None;
    for order in orders() {
        match (order, &client) {
            (Order::Open, _) => match MailslotClient::open(name) {
                Ok(opened) => {
                    client = Some(opened);
                    report(Did::Open)?;
                }
                Err(error) => report(failed(&error))?,
            },
            (Order::Send(messages), Some(client)) => send(client, messages)?,
            _ => {}
        }
    }
    Ok(())
}

/// Sends each message; ends at the first that cannot be sent.
fn send(client: &MailslotClient, messages: Vec<String>) -> Result<(), Failure> {
    for message in messages {
        // The time is taken before the write, because the reader may be faster than our return from it.
        let at_ns = now_ns();
        match client.send(message.as_bytes()) {
            Ok(()) => output::print_json(&Event {
                at_ns,
                did: Did::Send(message),
            })?,
            Err(error) => return report(failed(&error)),
        }
    }
    Ok(())
}

/// The orders on standard input, until it ends.
pub(super) fn orders() -> impl Iterator<Item = Order> {
    let lines = io::stdin().lock().lines();
    lines.map_while(|line| serde_json::from_str(&line.ok()?).ok())
}

pub(super) fn report(did: Did) -> Result<(), Failure> {
    output::print_json(&Event {
        at_ns: now_ns(),
        did,
    })
}

pub(super) fn failed(error: &tong::Error) -> Did {
    match error.kind() {
        ErrorKind::Closed => Did::FindGone,
        _ => Did::Fail(error.to_string()),
    }
}
