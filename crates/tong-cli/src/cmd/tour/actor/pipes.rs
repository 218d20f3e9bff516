//! Named pipes: a server of messages, and its clients.

use super::{say, tell, Did, PATIENCE};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tong::pipe::{self, Modes, PipeClient, PipeServer, PipeType, ReadMode, Received, WaitTime};
use tong::{Error, ErrorKind, PipeName, Result};

/// The pipe of the tour.
pub(in super::super) const PIPE: &str = "tour-pipe";
/// How many clients are served at once.
pub(in super::super) const INSTANCES: u32 = 2;
/// The longest question and the longest answer.
const LONGEST: usize = 64;
/// The room that a client has which asks for too much.
pub(in super::super) const SHORT: usize = 4;

/// What a worker may be told to do with pipes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Piping {
    /// Make the instances, and serve whoever comes.
    Serve,
    /// Open the pipe.
    Open,
    /// Wait until an instance is free, and open the pipe.
    WaitAndOpen,
    /// Ask the server to multiply two numbers, as one call.
    Ask(u32, u32),
    /// Send this, and want no answer.
    Send(String),
    /// Ask with little room for the answer.
    AskShort(u32, u32),
    /// Wait for an answer, although nothing was asked.
    Listen,
    /// Close the pipe.
    Leave,
}

/// What a worker has of pipes.
#[derive(Default)]
pub(super) struct Piper {
    client: Option<PipeClient>,
    /// Each with the thread that serves its clients.
    instances: Vec<(PipeServer, JoinHandle<()>)>,
    /// Whether the threads are to end.
    is_over: Arc<AtomicBool>,
}

impl Drop for Piper {
    /// Closes all, so that no files stay behind.
    fn drop(&mut self) {
        self.client = None;
        self.is_over.store(true, Ordering::SeqCst);
        for (instance, thread) in self.instances.drain(..) {
            // It waits for a client's next question, or for the next client.
            while !thread.is_finished() {
                let _ = instance.disconnect();
                let _ = name().and_then(|name| PipeClient::open(&name));
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Piper {
    pub(super) fn work(&mut self, piping: &Piping) -> Result<()> {
        match piping {
            Piping::Serve => self.serve(),
            Piping::Open => self.open(),
            Piping::WaitAndOpen => {
                tell("waits");
                pipe::wait(&name()?, WaitTime::For(PATIENCE))?;
                self.open()
            }
            Piping::Ask(one, other) => self.ask(*one, *other),
            Piping::Send(text) => {
                // The server may be faster to report than we are.
                tell("writes");
                self.client()?.send(text.as_bytes()).map(drop)
            }
            Piping::AskShort(one, other) => self.ask_short(*one, *other),
            Piping::Listen => self.listen(),
            Piping::Leave => {
                // What others do because of it may be reported before the call comes back.
                tell("closes it");
                self.client = None;
                Ok(())
            }
        }
    }

    fn serve(&mut self) -> Result<()> {
        for number in 1..=INSTANCES {
            let instance = PipeServer::options()
                .pipe_type(PipeType::Message)
                .read_mode(ReadMode::Message)
                .max_instances(Some(INSTANCES))
                .create(&name()?)?;
            let (own, is_over) = (instance.clone(), Arc::clone(&self.is_over));
            let thread = thread::spawn(move || serve_all(&own, number, &is_over));
            self.instances.push((instance, thread));
        }
        tell("makes 2 instances");
        Ok(())
    }

    fn open(&mut self) -> Result<()> {
        match PipeClient::open(&name()?) {
            Ok(client) => {
                let read = ReadMode::Message;
                client.set_modes(Modes {
                    read,
                    nowait: false,
                })?;
                self.client = Some(client);
                tell("is let in");
            }
            Err(error) if error.kind() == ErrorKind::PipeBusy => tell("busy (231)"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn ask(&self, one: u32, other: u32) -> Result<()> {
        let mut answer = [0; LONGEST];
        let question = format!("{one} x {other}");
        let received = self.client()?.transact(question.as_bytes(), &mut answer)?;
        tell(&text(&answer, received));
        Ok(())
    }

    fn ask_short(&self, one: u32, other: u32) -> Result<()> {
        let client = self.client()?;
        let mut room = [0; SHORT];
        let question = format!("{one} x {other}");
        let mut received = client.transact(question.as_bytes(), &mut room)?;
        while received.more {
            tell(&format!("{} (234)", text(&room, received)));
            received = client.receive(&mut room)?;
        }
        tell(&text(&room, received));
        Ok(())
    }

    fn listen(&self) -> Result<()> {
        let mut room = [0; LONGEST];
        match self.client()?.receive_timeout(&mut room, PATIENCE) {
            Ok(received) => tell(&text(&room, received)),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => tell("109: broken"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn client(&self) -> Result<&PipeClient> {
        let missing = || Error::new("use pipe", ErrorKind::NotConnected);
        self.client.as_ref().ok_or_else(missing)
    }
}

fn name() -> Result<PipeName> {
    PipeName::short(PIPE)
}

fn text(room: &[u8], received: Received) -> String {
    String::from_utf8_lossy(&room[..received.bytes]).into_owned()
}

/// Serves one client after the other, until the worker leaves.
fn serve_all(instance: &PipeServer, number: u32, is_over: &AtomicBool) {
    while !is_over.load(Ordering::SeqCst) {
        match instance.connect() {
            Ok(()) => {}
            Err(error) if is_somebody(error.kind()) => {}
            Err(_) => return,
        }
        let mut room = [0; LONGEST];
        while let Ok(received) = instance.receive(&mut room) {
            let question = text(&room, received);
            if instance.send(answer(&question).as_bytes()).is_err() {
                break;
            }
        }
        // The worker may have been faster when it leaves.
        if instance.disconnect().is_err() {
            continue;
        }
        say(Did::Tell(format!("instance {number} is free")));
    }
}

/// A client is there, or was and may have left something.
fn is_somebody(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PipeConnected | ErrorKind::PipeClosing)
}

/// What the server answers to `6 x 7`.
fn answer(question: &str) -> String {
    let factors: Option<Vec<u64>> = question.split(" x ").map(|it| it.parse().ok()).collect();
    match factors.as_deref() {
        Some([one, other]) => format!("= {}", one * other),
        _ => "?".to_owned(),
    }
}
