//! The processes of the tour, seen from inside.
//!
//! An actor does what its standard input says, one order a line, and reports each thing it did as a line of JSON on
//! standard output. When its input ends it leaves: however the tour ends, no actor stays behind. Workers can do the most
//! (`worker.rs`, and a module for each field of work); the programs that they start (`programs.rs`, `handles.rs`,
//! `environment.rs`) end with them.

mod clocks;
mod environment;
mod files;
mod handles;
mod letters;
mod overlapped;
mod pipes;
mod programs;
mod streams;
mod threads;
mod turns;
mod worker;

pub(super) use clocks::{Clocking, TIMER};
pub(super) use environment::Mooding;
pub(super) use files::{Filing, How};
pub(super) use handles::{Handing, WELCOME};
pub(super) use overlapped::Overlapping;
pub(super) use pipes::{Piping, INSTANCES, PIPE, SHORT};
pub(super) use programs::Hiring;
pub(super) use streams::Streaming;
pub(super) use threads::Threading;
pub(super) use turns::{Turning, BELL, FORK, MUTEX, SEATS, SPOON};
pub(super) use worker::Work;

use crate::args::{ActorArgs, Role};
use crate::cmd::mailslot_name;
use crate::exit::Failure;
use crate::output;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, thread};
use tong::ErrorKind;

/// How long an actor may still be busy when it is to leave.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long an actor waits for what others are going to do.
const PATIENCE: Duration = Duration::from_secs(10);

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
        Role::Receiver => letters::receive(&mailslot_name(&subject)?),
        Role::Sender => letters::send(&mailslot_name(&subject)?),
        Role::Broom => sweep(Path::new(&args.subject)),
        Role::Worker => worker::run(),
        Role::Adder => programs::add_up(&subject),
        Role::Sitter => programs::sit(),
        Role::Relay => streams::be_a_relay(&subject),
        Role::Guest => handles::be_a_guest(),
        Role::Mood => environment::tell_mood(&subject),
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

/// The orders on standard input, until it ends.
///
/// It ends when the actor is to leave, or when the tour was killed. Then whoever is still busy waits for something that
/// will not come, and is not waited for.
fn orders() -> impl Iterator<Item = Order> {
    let (pass_on, orders) = mpsc::channel();
    thread::spawn(move || {
        let lines = io::stdin().lines();
        let read = lines.map_while(|line| serde_json::from_str(&line.ok()?).ok());
        for order in read {
            let _ = pass_on.send(order);
        }
        drop(pass_on);
        thread::sleep(FAREWELL);
        std::process::exit(1);
    });
    orders.into_iter()
}

fn report(did: Did) -> Result<(), Failure> {
    output::print_json(&Event {
        at_ns: now_ns(),
        did,
    })
}

fn failed(error: &tong::Error) -> Did {
    match error.kind() {
        ErrorKind::Closed => Did::FindGone,
        _ => Did::Fail(error.to_string()),
    }
}

/// Says something in these words.
fn tell(text: &str) {
    say(Did::Tell(text.to_owned()));
}

/// Reports what was done. If nobody listens any more our input ends too, and so do we.
fn say(did: Did) {
    let _ = report(did);
}
