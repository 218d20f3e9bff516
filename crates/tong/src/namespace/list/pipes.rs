//! Pipes as they are seen from outside: the slots of their pages, and what is queued in their connections.

use std::time::Duration;

use tong_sys::dir::Dir;

use super::traces::Traces;
use super::{About, Entry, Found};
use crate::channel::conduit::PipeType;
use crate::namespace::claim;
use crate::namespace::pipe::{self, Column, Copy, Facts, Hint};
use crate::object::pipe::registry::Shown;
use crate::object::pipe::Direction;

/// The state of a pipe instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstanceState {
    /// A client can open it.
    Listening,
    /// A client has opened it.
    Connected,
    /// Its client has closed or died, and the server has not disconnected it yet.
    Closing,
    /// The server has disconnected its client, and does not listen again yet.
    Disconnected,
}

/// One instance of a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipeInstance {
    /// Its number in the pipe; numbers of closed instances are given out again.
    pub slot: u32,
    /// What can be done with it.
    pub state: InstanceState,
    /// The process that made it.
    pub server_pid: i32,
    /// The process that opened the client end, once the server has met it.
    pub client_pid: Option<i32>,
    /// Bytes to the server that may be unread of completed writes.
    pub in_quota: u32,
    /// Bytes to the client that may be unread of completed writes.
    pub out_quota: u32,
    /// Bytes to the server that are unread, if the connection can be seen from here.
    pub queued_in: Option<u64>,
    /// Bytes to the client that are unread, if the connection can be seen from here.
    pub queued_out: Option<u64>,
    /// The inode of the connection's memory, 0 without one.
    pub(crate) memory: u64,
    /// No other processes than its maker and its client were seen to have an end of the connection.
    pub(crate) is_private: bool,
}

/// What the file at a pipe's name has for the list: the words of the pipe, and its slots with whether they live.
pub(super) struct Slots {
    facts: Facts,
    copy: Copy,
    live: Vec<u32>,
}

impl Slots {
    /// Reads the page; `None` if it is not that of a pipe, or only says that the pipe is in another directory.
    pub(super) fn read(file: impl std::os::fd::AsFd) -> Option<Slots> {
        let (facts, copy) = pipe::read(&file)?;
        let live = copy
            .taken()
            .filter(|slot| !pipe::is_dead(&file, *slot))
            .collect();
        Some(Slots { facts, copy, live })
    }

    fn instance(&self, slot: u32, traces: &Traces) -> PipeInstance {
        let word = |column| self.copy.row(slot, column);
        let pid = |column| i32::try_from(word(column)).unwrap_or(0);
        let (server, client) = (pid(Column::Server), pid(Column::Client));
        let queued = traces.connection(word(Column::Memory));
        let shown = Shown::from_word(word(Column::Shown));
        let state = match self.copy.hint(slot) {
            Hint::Listening(_) | Hint::Made | Hint::Free => InstanceState::Listening,
            Hint::Disconnected => InstanceState::Disconnected,
            Hint::Taken(_) if shown == Some(Shown::Closing) => InstanceState::Closing,
            // A connection has two ends, each with a descriptor of its memory.
            Hint::Taken(_) if queued.is_some_and(|queued| queued.lost_an_end) => {
                InstanceState::Closing
            }
            Hint::Taken(_) => InstanceState::Connected,
        };
        let [low, high] = halves(word(Column::Quotas));
        PipeInstance {
            slot,
            state,
            server_pid: server,
            client_pid: Some(client).filter(|pid| *pid != 0),
            is_private: queued.is_some_and(|queued| queued.is_between(server, client)),
            in_quota: low,
            out_quota: high,
            queued_in: queued.map(|queued| queued.directions[0].bytes),
            queued_out: queued.map(|queued| queued.directions[1].bytes),
            memory: word(Column::Memory),
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the halves of a word")]
fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

impl Found {
    /// The inodes of the memory of a pipe's connections.
    pub(super) fn memories(&self) -> Vec<u64> {
        let slots = self.slots.iter();
        let memory = |slots: &Slots, slot: u32| slots.copy.row(slot, Column::Memory);
        slots
            .flat_map(|slots| slots.live.iter().map(|slot| memory(slots, *slot)))
            .filter(|inode| *inode != 0)
            .collect()
    }

    /// A pipe, whose page this is.
    pub(super) fn into_pipe(mut self, traces: &Traces) -> Option<Entry> {
        let slots = self.slots.take()?;
        let instances: Vec<PipeInstance> = slots
            .live
            .iter()
            .map(|slot| slots.instance(*slot, traces))
            .collect();
        let owner = instances.first().map(|instance| instance.server_pid);
        let facts = &slots.facts;
        let about = About::Pipe {
            pipe_type: match facts.messages {
                true => PipeType::Message,
                false => PipeType::Byte,
            },
            direction: Direction::of(facts.inbound, facts.outbound),
            max_instances: facts.limit,
            default_timeout: Duration::from_millis(facts.default_timeout_ms),
            instances,
        };
        Some(self.into_entry(traces, "pipe", owner, about))
    }
}

/// The door that a file of this name is, in the directory of pipes.
pub(super) fn door_of(file: &str) -> Option<pipe::DoorName> {
    let mut parts = file.split('.');
    let (stem, tag, slot) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let door = pipe::DoorName {
        stem: stem.to_owned(),
        tag: number(tag)?,
        slot: u32::try_from(number(slot)?).ok()?,
    };
    (super::is_stem(stem) && door.to_string() == file).then_some(door)
}

/// Whether a live instance may need the door, or a dead page does, with which it is going to be removed.
pub(super) fn is_needed(dir: &Dir, door: &pipe::DoorName) -> bool {
    let Ok(page) = dir.open_to_read(&door.stem) else {
        return is_listening(door);
    };
    match pipe::read(&page) {
        Some((_, copy)) if copy.tag() == door.tag => {
            !claim::is_live(&page) || !pipe::is_dead(&page, door.slot)
        }
        Some(_) => is_listening(door),
        // Perhaps it is being made at this moment.
        None => claim::is_live(&page),
    }
}

/// Whether somebody listens at the door of a pipe whose page was removed, as the kernel tells.
fn is_listening(door: &pipe::DoorName) -> bool {
    let name = format!("/{door}");
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    sockets.lines().any(|line| line.ends_with(&name))
}
