//! A worker: does whatever it is told to, in any of the fields there are.

use super::clocks::{Clocking, Clocks};
use super::environment::{self, Mooding};
use super::files::{Files, Filing};
use super::handles::{Handing, Hands};
use super::overlapped::{Overlapped, Overlapping};
use super::pipes::{Piper, Piping};
use super::programs::{Hiring, Programs};
use super::streams::{Streaming, Streams};
use super::threads::{Threading, Threads};
use super::turns::{Turning, Turns};
use super::{failed, orders, report, Order};
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use tong::{ObjectName, ProcessOptions, Result};

/// What a worker may be told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Work {
    Hire(Hiring),
    Turn(Turning),
    Hand(Handing),
    Pipe(Piping),
    Stream(Streaming),
    Clock(Clocking),
    Thread(Threading),
    File(Filing),
    Overlap(Overlapping),
    Mood(Mooding),
}

/// Makes an order of what a field of work understands.
macro_rules! orders_of {
    ($($variant:ident($field:ty)),*) => {
        $(impl From<$field> for Work {
            fn from(order: $field) -> Work {
                Work::$variant(order)
            }
        })*
    };
}
orders_of!(
    Hire(Hiring),
    Turn(Turning),
    Hand(Handing),
    Pipe(Piping),
    Stream(Streaming),
    Clock(Clocking),
    Thread(Threading),
    File(Filing),
    Overlap(Overlapping),
    Mood(Mooding)
);

/// Does what it is told to until its input ends.
pub(super) fn run() -> std::result::Result<(), Failure> {
    let mut worker = Worker::default();
    for order in orders() {
        if let Order::Work(work) = order {
            if let Err(error) = worker.work(&work) {
                report(failed(&error))?;
            }
        }
    }
    Ok(())
}

/// What a worker has.
#[derive(Default)]
struct Worker {
    programs: Programs,
    turns: Turns,
    hands: Hands,
    piper: Piper,
    streams: Streams,
    clocks: Clocks,
    threads: Threads,
    files: Files,
    overlapped: Overlapped,
}

impl Worker {
    fn work(&mut self, work: &Work) -> Result<()> {
        match work {
            Work::Hire(order) => self.programs.work(order),
            Work::Turn(order) => self.turns.work(order),
            Work::Hand(order) => self.hands.work(order),
            Work::Pipe(order) => self.piper.work(order),
            Work::Stream(order) => self.streams.work(order),
            Work::Clock(order) => self.clocks.work(order),
            Work::Thread(order) => self.threads.work(order),
            Work::File(order) => self.files.work(order),
            Work::Overlap(order) => self.overlapped.work(order),
            Work::Mood(order) => environment::work(order),
        }
    }
}

/// In this variable a child finds the process id of the one that started it.
pub(super) const STARTER: &str = "TONG_TOUR_STARTER";

/// This program in another role, as a child that the library starts.
pub(super) fn myself(role: &str, subject: &str) -> ProcessOptions {
    ProcessOptions::new("/proc/self/exe")
        .args(["tour-actor", role, subject])
        .env(STARTER, std::process::id().to_string())
}

pub(super) fn name(text: &str) -> Result<ObjectName> {
    ObjectName::parse(text)
}
