//! Overlapped I/O: one thread that reads from several pipes, and is told by a completion port.

use super::pipes::PIPE;
use super::{tell, PATIENCE};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tong::io::{Completion, CompletionPort, Key, Outcome, Packet, Started};
use tong::pipe::{PipeServer, PipeType, ReadMode};
use tong::{ErrorKind, PipeName, Result};

/// The longest message.
const LONGEST: usize = 64;

/// What a worker may be told to do with overlapped I/O.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Overlapping {
    /// Make so many instances of a pipe, and a port that is told of all of them.
    Prepare(usize),
    /// Start a read at each.
    StartReads,
    /// Report the next so many packets of the port.
    Collect(usize),
    /// Start a read, cancel it, and report its packet.
    Cancel,
}

/// What a worker has of it.
#[derive(Default)]
pub(super) struct Overlapped {
    instances: Vec<PipeServer>,
    port: Option<CompletionPort>,
    messages: Messages,
}

/// What was read, by the instance that it came from.
type Messages = Arc<Mutex<HashMap<usize, Vec<u8>>>>;

/// A read that ends later.
struct Reading {
    instance: usize,
    room: Vec<u8>,
    port: CompletionPort,
    messages: Messages,
}

impl Completion for Reading {
    fn key(&self) -> Key {
        Key {
            tag: self.instance,
            thread: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn done(mut self: Box<Self>, outcome: Outcome) {
        self.room.truncate(outcome.bytes);
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.insert(self.instance, std::mem::take(&mut self.room));
        drop(messages);
        // A port that was closed has nobody who would want to know.
        let _ = self.port.post(Packet {
            key: self.instance,
            bytes: u32::try_from(outcome.bytes).unwrap_or(u32::MAX),
            tag: 0,
            error: outcome.error,
        });
    }
}

impl Overlapped {
    pub(super) fn work(&mut self, order: &Overlapping) -> Result<()> {
        match order {
            Overlapping::Prepare(instances) => self.prepare(*instances),
            Overlapping::StartReads => self.start_reads(),
            Overlapping::Collect(packets) => (0..*packets).try_for_each(|_| self.collect()),
            Overlapping::Cancel => {
                self.start_read(0)?;
                self.instances[0].cancel(&|key| key.tag == 0);
                self.collect()
            }
        }
    }

    fn prepare(&mut self, instances: usize) -> Result<()> {
        for _ in 0..instances {
            let instance = PipeServer::options()
                .pipe_type(PipeType::Message)
                .read_mode(ReadMode::Message)
                .create(&PipeName::short(PIPE)?)?;
            self.instances.push(instance);
        }
        self.port = Some(CompletionPort::new());
        tell(&format!("{instances} instances, 1 port"));
        Ok(())
    }

    /// The clients are there already, so each read has somebody whom it waits for.
    fn start_reads(&mut self) -> Result<()> {
        let all = 0..self.instances.len();
        let mut pending = 0;
        for instance in all {
            pending += usize::from(self.start_read(instance)?);
        }
        tell(&format!("{pending} reads pend"));
        Ok(())
    }

    /// Starts a read, and says whether it is pending.
    fn start_read(&self, instance: usize) -> Result<bool> {
        let reading = Box::new(Reading {
            instance,
            room: vec![0; LONGEST],
            port: self.port.clone().unwrap_or_default(),
            messages: Arc::clone(&self.messages),
        });
        match self.instances[instance].start_receive(reading)? {
            Started::Pending => Ok(true),
            Started::Now(outcome, reading) => {
                reading.done(outcome);
                Ok(false)
            }
        }
    }

    fn collect(&self) -> Result<()> {
        let port = self.port.clone().unwrap_or_default();
        let packet = port.get(Some(PATIENCE))?;
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let message = messages.remove(&packet.key).unwrap_or_default();
        match packet.error {
            None => tell(&format!("packet: {}", String::from_utf8_lossy(&message))),
            Some(ErrorKind::Canceled) => tell("packet: 995, canceled"),
            Some(other) => tell(&format!("packet: {other:?}")),
        }
        Ok(())
    }
}
