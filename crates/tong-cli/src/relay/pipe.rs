//! Named pipes as ends, from both sides.
//!
//! Operations are started and waited for apart, so that another thread can cancel them: a thread that is blocked in a pipe
//! comes back when the connection is over for another reason.

use super::door::Door;
use super::{End, Fault, Got, Keeper, Sink, Source, Stop, Told, CHUNK_BYTES};
use crate::exit::Failure;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tong::io::{Completion, Key, Outcome, Started};
use tong::pipe::{
    Direction, PipeClient, PipeEnd, PipeOptions, PipeServer, PipeType, ReadMode, WaitTime,
};
use tong::{ErrorKind, PipeName};

/// How often a pipe is looked for that nobody has created yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An end whose operations can be cut off.
struct Line {
    end: PipeEnd,
    label: String,
    is_cut: Mutex<bool>,
    is_flushing: AtomicBool,
    /// Of a server, who can throw its client out.
    server: Option<PipeServer>,
}

/// An operation in progress, and the bytes of a read.
struct Pending {
    room: Vec<u8>,
    tell: Sender<(Outcome, Vec<u8>)>,
}

impl Completion for Pending {
    fn key(&self) -> Key {
        Key { tag: 0, thread: 0 }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn done(self: Box<Self>, outcome: Outcome) {
        let _ = self.tell.send((outcome, self.room));
    }
}

impl Line {
    fn new(end: PipeEnd, server: Option<PipeServer>) -> Line {
        Line {
            label: format!("pipe:{}", end.name().full()),
            end,
            is_cut: Mutex::new(false),
            is_flushing: AtomicBool::new(false),
            server,
        }
    }

    /// Starts an operation and waits for its end; what failed at once is an outcome as well.
    fn operate(
        &self,
        room: Vec<u8>,
        start: impl FnOnce(Box<dyn Completion>) -> tong::Result<Started>,
    ) -> tong::Result<(Outcome, Vec<u8>)> {
        let (tell, heard) = mpsc::channel();
        {
            // Held while it starts, so that it is either canceled or never begins.
            let is_cut = self.is_cut.lock().unwrap_or_else(PoisonError::into_inner);
            if *is_cut {
                return Ok((Outcome::failure(ErrorKind::Canceled), room));
            }
            if let Started::Now(outcome, completion) = start(Box::new(Pending { room, tell }))? {
                completion.done(outcome);
            }
        }
        let lost = || (Outcome::failure(ErrorKind::Canceled), Vec::new());
        Ok(heard.recv().unwrap_or_else(|_| lost()))
    }

    fn failure(&self, what: &'static str, kind: ErrorKind) -> Failure {
        tong::Error::new(what, kind).on(self.label.clone()).into()
    }
}

impl Keeper for Line {
    fn cut(&self) {
        *self.is_cut.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.cancel(&|_| true);
        // A flush cannot be canceled, but it ends with the connection.
        if let (true, Some(server)) = (self.is_flushing.load(Ordering::Acquire), &self.server) {
            let _ = server.disconnect();
        }
    }
}

/// What the other end writes.
struct FromPipe {
    line: Arc<Line>,
}

impl Source for FromPipe {
    fn next(&mut self, chunk: &mut Vec<u8>, _: &Stop) -> Result<Got, Failure> {
        chunk.clear();
        let mut room = std::mem::take(chunk);
        loop {
            room.resize(CHUNK_BYTES, 0);
            let read = self
                .line
                .operate(room, |it| self.line.end.start_receive(it));
            let (outcome, came) = match read {
                Ok(read) => read,
                Err(error) => (Outcome::failure(error.kind()), Vec::new()),
            };
            room = came;
            match outcome.error {
                Some(ErrorKind::MoreData) => chunk.extend_from_slice(&room[..outcome.bytes]),
                None if chunk.is_empty() => {
                    room.truncate(outcome.bytes);
                    *chunk = room;
                    return Ok(Got::Data);
                }
                None => {
                    chunk.extend_from_slice(&room[..outcome.bytes]);
                    return Ok(Got::Data);
                }
                Some(ErrorKind::Canceled) => return Ok(Got::Stopped),
                Some(kind) if is_over(kind) => return Ok(Got::Gone),
                Some(kind) => return Err(self.line.failure("read from pipe", kind)),
            }
        }
    }
}

/// What the other end reads.
struct IntoPipe {
    line: Arc<Line>,
}

impl Sink for IntoPipe {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        let written = self
            .line
            .operate(Vec::new(), |it| self.line.end.start_send(chunk, it));
        let error = match written {
            Ok((outcome, _)) => outcome.error,
            Err(error) => Some(error.kind()),
        };
        match error {
            None => Ok(()),
            Some(kind) if is_over(kind) || kind == ErrorKind::Canceled => Err(Fault::Gone),
            Some(kind) => Err(Fault::Failed(self.line.failure("write to pipe", kind))),
        }
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        self.line.is_flushing.store(true, Ordering::Release);
        let flushed = self.line.end.flush();
        self.line.is_flushing.store(false, Ordering::Release);
        match flushed {
            Ok(()) => Ok(Told::No),
            Err(error) if is_over(error.kind()) => Err(Fault::Gone),
            Err(error) => Err(Fault::Failed(error.into())),
        }
    }
}

/// Is it the other end that ended this?
fn is_over(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe | ErrorKind::PipeClosing | ErrorKind::NotConnected
    )
}

/// Both directions of an end, as far as it has them.
fn end(line: Line, is_read: bool, is_written: bool) -> End {
    let line = Arc::new(line);
    let has_messages = line
        .end
        .info()
        .is_ok_and(|info| info.pipe_type == PipeType::Message);
    let mut end = End::new(line.label.clone());
    end.has_messages = has_messages;
    let from = FromPipe {
        line: Arc::clone(&line),
    };
    let into = IntoPipe {
        line: Arc::clone(&line),
    };
    end.source = is_read.then(|| Box::new(from) as Box<dyn Source>);
    end.sink = is_written.then(|| Box::new(into) as Box<dyn Sink>);
    end.keeper = line;
    end
}

/// Opens a pipe as a client, waiting until it exists and has an instance free.
pub(crate) fn open(name: &PipeName, wait: Duration) -> Result<End, Failure> {
    let (client, is_read, is_written) = open_client(name, wait)?;
    let pid = client.server_process_id().ok();
    let mut end = end(Line::new((*client).clone(), None), is_read, is_written);
    end.peer = pid;
    Ok(end)
}

/// Opens a client end, which reads messages if there are any, for as much as the pipe's direction allows.
pub(crate) fn open_client(
    name: &PipeName,
    wait: Duration,
) -> Result<(PipeClient, bool, bool), Failure> {
    let start = Instant::now();
    loop {
        let left = wait.saturating_sub(start.elapsed());
        match open_any(name) {
            Err(error) if error.kind() == ErrorKind::NotFound && !left.is_zero() => {
                thread::sleep(LOOK_EVERY.min(left));
            }
            Err(error) if error.kind() == ErrorKind::PipeBusy && !left.is_zero() => {
                // However this ends, the next attempt says more about it.
                let _ = tong::pipe::wait(name, WaitTime::For(left));
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn open_any(name: &PipeName) -> tong::Result<(PipeClient, bool, bool)> {
    let mut first = None;
    for (is_read, is_written) in [(true, true), (true, false), (false, true)] {
        let mut options = PipeClient::options();
        options
            .access(is_read, is_written)
            .read_mode(ReadMode::Message);
        match options.open(name) {
            Ok(client) => return Ok((client, is_read, is_written)),
            // Perhaps it only goes one way. If not, the first refusal is the one that counts.
            Err(error) if error.kind() == ErrorKind::AccessDenied => {
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first.unwrap_or_else(|| tong::Error::new("open pipe", ErrorKind::AccessDenied)))
}

/// An instance that clients come to, one after the other.
pub(crate) struct Instance {
    name: PipeName,
    options: PipeOptions,
    /// How many instances listen at any time if any number may come.
    spare: usize,
    label: String,
    direction: Direction,
    server: PipeServer,
    /// A client was here since the instance began to listen.
    is_used: bool,
}

impl Instance {
    /// Creates an instance of the pipe. `direction` is that of the options; a pipe that has another is refused.
    pub(crate) fn create(
        name: &PipeName,
        options: &PipeOptions,
        direction: Direction,
        spare: usize,
    ) -> Result<Instance, Failure> {
        let mut options = options.clone();
        let server = options.direction(direction).create(name)?;
        Ok(Instance {
            name: name.clone(),
            options,
            direction,
            spare,
            label: format!("pipe:{}", name.full()),
            server,
            is_used: false,
        })
    }

    /// Does it carry messages? Whoever created the first instance has decided.
    pub(crate) fn has_messages(&self) -> Result<bool, Failure> {
        Ok(self.server.info()?.pipe_type == PipeType::Message)
    }

    /// Waits for a client; `false` if it was cut off.
    fn connect(&self, line: &Line) -> Result<bool, Failure> {
        let connected = line.operate(Vec::new(), |it| self.server.start_connect(it));
        let error = match connected {
            Ok((outcome, _)) => outcome.error,
            Err(error) => Some(error.kind()),
        };
        match error {
            // One that has left again may have written something before.
            None | Some(ErrorKind::PipeConnected | ErrorKind::PipeClosing) => Ok(true),
            Some(ErrorKind::Canceled) => Ok(false),
            Some(kind) => Err(line.failure("wait for client", kind)),
        }
    }
}

impl Door for Instance {
    fn label(&self) -> &str {
        &self.label
    }

    fn accept(&mut self, stop: &Stop) -> Result<Option<End>, Failure> {
        if std::mem::take(&mut self.is_used) {
            // It fails only if nobody is there any more.
            let _ = self.server.disconnect();
        }
        let line = || Line::new(self.server.end().clone(), Some(self.server.clone()));
        let waiting = Arc::new(line());
        let hook = Arc::clone(&waiting);
        let hooked = stop.on_stop(move || hook.cut());
        let is_there = self.connect(&waiting)?;
        drop(hooked);
        if !is_there {
            return Ok(None);
        }
        self.is_used = true;
        let mut end = end(
            line(),
            self.direction.is_inbound(),
            self.direction.is_outbound(),
        );
        end.peer = self.server.client_process_id().ok();
        Ok(Some(end))
    }

    fn another(&self) -> Result<Box<dyn Door>, Failure> {
        let mut options = self.options.clone();
        options.first_instance(false);
        let another = Instance::create(&self.name, &options, self.direction, self.spare)?;
        Ok(Box::new(another))
    }

    fn spare_count(&self) -> usize {
        self.spare
    }
}
