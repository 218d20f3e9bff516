//! Pipes by name: instances, the clients that open them, and those that wait for one.
//!
//! # Purpose
//! A pipe exists while some process has a server end of it. Its page (see [`namespace::pipe`](crate::namespace::pipe))
//! tells what it is, and has a slot for each instance; an instance that listens has a *door* besides, a socket that lets
//! exactly one client in. A client that is in is connected, whatever the server does (P5.1): the rest of the connection is
//! theirs alone.
//!
//! # The door
//! | step | client | server |
//! |---|---|---|
//! | 1 | reads the hints, takes the listening slot with the oldest turn | opened the door, then wrote *listening* with its turn |
//! | 2 | connects to the door: in, or refused by the kernel | |
//! | 3 | changes the hint from *listening* to *taken*, if it still has that turn | |
//! | 4 | | sees that somebody is in; shuts the door, then takes the one who is in |
//! | 5 | | removes the door's name, writes *taken* |
//! | 6 | | later, disconnected: opens a new door at the same name, takes a new turn, writes *listening* |
//!
//! Only the kernel decides who is in. The hints are an order, and save tries; each can be wrong for a while, and is put
//! right by whoever notices:
//!
//! - *Listening*, but somebody is in (the client was stopped or killed after step 2, or cannot write to the page): the next
//!   client is refused, and does step 3 in the other's stead. Comparing turns keeps one that was stopped before step 3
//!   from touching the next door's hint.
//! - *Listening*, but the server is dead: the next client is refused, and does the same.
//! - A client that read the hint of one door and came to the next one of the same slot is in there; it took a place that
//!   was not yet its turn, which is as if it had come a moment earlier or later.
//! - Nothing leaves a door open without a hint: the hint is written after the door is opened, by its server, and taken
//!   back only by a client that was refused at it, or is in.
//!
//! A client that finds no listening slot looks at the count of *news* before and after: if an instance has begun to listen
//! meanwhile, it looks again. So it is told "busy" only if at one moment no instance listened.
//!
//! # Who lives
//! Each process holds a lock on the byte of each of its slots; the kernel drops it with the process. Slots of the dead
//! are freed by makers of new instances: all of them before a pipe is said to be full, and some now and then. They
//! count nowhere.
//!
//! # Waiting for an instance
//! Sleeps on the page's count of news, which goes up when an instance begins to listen and when the last server end is
//! closed, and looks every 100 ms whether a server still lives, for the case that the last one was killed.
//!
//! # Limits
//! A pipe has up to 65,536 instances, each of which takes a descriptor while it listens. If somebody removes the page of a
//! live pipe, its instances go on, but no client finds them, and the next server makes a new pipe; if somebody removes a
//! door, the instance is found again once it has been disconnected. Other users, to whom
//! a pipe was opened, see a copy of the page: they wait for instances by looking every 10 ms, and instances that they took
//! are seen as taken when the server has met them, or another client has tried.
//!
//! # References
//! Win32: CreateNamedPipe, WaitNamedPipe, "Named Pipe Instances". Rules P3 to P5, P8.7, P10.15, P19.

mod client;
mod instance;
mod kept;
mod making;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use super::options::{PipeOptions, USUAL_TIMEOUT};
use super::Direction;
use crate::channel::conduit::PipeType;
use crate::name::PipeName;
use crate::namespace::pipe::Facts;
use crate::namespace::{self, Openness, Space};
use crate::{Error, Result};

pub(crate) use client::{Opened, SeenPipe, Wanted};
pub(crate) use instance::{pipe_word, Instance, Parcel, Shown};
pub(crate) use waiting::wait_for_instance;

/// What all instances and clients of a pipe have in common, as its first creator said (P4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) name: PipeName,
    pub(crate) pipe_type: PipeType,
    pub(crate) direction: Direction,
    /// Most instances; `None` any number.
    pub(crate) max_instances: Option<u32>,
    pub(crate) default_timeout: Duration,
    pub(crate) openness: Openness,
}

impl Attributes {
    /// What a client end that came from another process says of its pipe, which may be gone.
    pub(crate) fn of_client(
        name: PipeName,
        pipe_type: PipeType,
        direction: Direction,
        max_instances: Option<u32>,
    ) -> Attributes {
        Attributes {
            name,
            pipe_type,
            direction,
            max_instances,
            default_timeout: Duration::ZERO,
            openness: Openness::Private,
        }
    }

    fn of(facts: &Facts) -> Result<Attributes> {
        Ok(Attributes {
            name: PipeName::parse(&facts.name)?,
            pipe_type: match facts.messages {
                true => PipeType::Message,
                false => PipeType::Byte,
            },
            direction: Direction::of(facts.inbound, facts.outbound),
            max_instances: facts.limit,
            default_timeout: Duration::from_millis(facts.default_timeout_ms),
            openness: facts.openness,
        })
    }
}

/// What the first instance of a name says of the pipe.
fn facts(name: &PipeName, options: &PipeOptions) -> Facts {
    let timeout = match options.default_timeout {
        Duration::ZERO => USUAL_TIMEOUT,
        timeout => timeout,
    };
    let timeout_ms = timeout.as_nanos().div_ceil(1_000_000);
    Facts {
        name: name.full(),
        messages: options.pipe_type == PipeType::Message,
        inbound: options.direction.is_inbound(),
        outbound: options.direction.is_outbound(),
        limit: options.limit(),
        default_timeout_ms: u64::try_from(timeout_ms).unwrap_or(u64::MAX),
        openness: options.access.openness(),
    }
}

/// How many bytes of completed writes may be unread, in each direction of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// From the client to the server.
    pub(crate) inbound: u32,
    /// From the server to the client.
    pub(crate) outbound: u32,
}

impl Quotas {
    fn word(self) -> u64 {
        u64::from(self.inbound) | u64::from(self.outbound) << 32
    }

    #[allow(clippy::cast_possible_truncation, reason = "the halves of a word")]
    fn from_word(word: u64) -> Quotas {
        Quotas {
            inbound: word as u32,
            outbound: (word >> 32) as u32,
        }
    }
}

/// The file name of a pipe's page.
pub(crate) fn stem(name: &PipeName) -> String {
    namespace::stem(Space::Pipe, name.folded())
}

/// Whether a full name, as a page has it, is that of this pipe.
fn is_name(name: &PipeName, written: &str) -> bool {
    PipeName::parse(written).is_ok_and(|written| written == *name)
}

/// A failure of the system in an operation on this pipe.
fn failed(op: &'static str, name: &PipeName) -> impl Fn(std::io::Error) -> Error {
    let name: Arc<str> = name.full().into();
    move |error| Error::from_io(op, error).on(Arc::clone(&name))
}

#[cfg(test)]
mod tests;
