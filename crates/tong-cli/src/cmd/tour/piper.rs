//! The third part of the tour, seen from inside: a server of messages, its clients, and one who has a program sort words.

use super::actor::{Did, PATIENCE};
use super::worker::{say, tell};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};
use std::thread;
use tong::pipe::{self, Modes, PipeClient, PipeServer, PipeType, ReadMode, Received, WaitTime};
use tong::{Error, ErrorKind, PipeName, ProcessOptions, Result};

/// The pipe of the tour.
pub(super) const PIPE: &str = "tour-pipe";
/// How many clients are served at once.
pub(super) const INSTANCES: u32 = 2;
/// The longest question and the longest answer.
const LONGEST: usize = 64;
/// The room that a client has which asks for too much.
pub(super) const SHORT: usize = 4;

/// What a worker may be told to do with pipes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Piping {
    /// Make the instances, and serve whoever comes.
    Serve,
    /// Open the pipe.
    Open,
    /// Wait until an instance is free, and open the pipe.
    WaitAndOpen,
    /// Ask the server to multiply two numbers, as one call.
    Ask(u32, u32),
    /// Ask with little room for the answer.
    AskShort(u32, u32),
    /// Wait for an answer, although nothing was asked.
    Listen,
    /// Close the pipe.
    Leave,
    /// Have the program `sort` bring words into order.
    Sort(Vec<String>),
}

/// What a worker has of pipes.
#[derive(Default)]
pub(super) struct Piper {
    client: Option<PipeClient>,
    /// Threads that serve hold them too, but only the process's end closes what those wait for.
    instances: Arc<Mutex<Vec<PipeServer>>>,
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
            Piping::AskShort(one, other) => self.ask_short(*one, *other),
            Piping::Listen => self.listen(),
            Piping::Leave => {
                // What others do because of it may be reported before the call comes back.
                tell("closes it");
                self.client = None;
                Ok(())
            }
            Piping::Sort(words) => sort(words),
        }
    }

    /// Ends the instances, so that nothing of them stays behind.
    pub(super) fn put_away(&mut self) {
        self.client = None;
        if let Ok(mut instances) = self.instances.lock() {
            for instance in instances.drain(..) {
                // The thread that serves it finds it disconnected, and ends.
                let _ = instance.disconnect();
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
            if let Ok(mut instances) = self.instances.lock() {
                instances.push(instance.clone());
            }
            thread::spawn(move || serve_all(&instance, number));
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

/// Serves one client after the other, until the instance is put away.
fn serve_all(instance: &PipeServer, number: u32) {
    loop {
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
        if instance.disconnect().is_err() {
            return;
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

/// Starts a program between two anonymous pipes, and reads what it says until it has ended.
fn sort(words: &[String]) -> Result<()> {
    let (its_input, our_writer) = pipe::anonymous(0)?;
    let (our_reader, its_output) = pipe::anonymous(0)?;
    let program = ProcessOptions::new("sort")
        .stdin(its_input.to_fd()?)
        .stdout(its_output.to_fd()?)
        .spawn()?;
    // What we keep of the program's ends would hold back the end of its output.
    drop((its_input, its_output));
    say(Did::Start("sort".to_owned(), program.id()));
    our_writer.send((words.join("\n") + "\n").as_bytes())?;
    drop(our_writer);
    let (mut sorted, mut piece) = (Vec::new(), [0; LONGEST]);
    let end = loop {
        match our_reader.receive(&mut piece) {
            Ok(len) => sorted.extend_from_slice(&piece[..len]),
            Err(error) => break error.kind(),
        }
    };
    let sorted = String::from_utf8_lossy(&sorted);
    let sorted: Vec<&str> = sorted.split_whitespace().collect();
    tell(&sorted.join(" "));
    tell(match end {
        ErrorKind::BrokenPipe => "109: end",
        _ => "something else",
    });
    program.wait(Some(PATIENCE))?;
    Ok(())
}
