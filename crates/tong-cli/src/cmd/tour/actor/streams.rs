//! Pipes of the kernel: a program between two anonymous ones, and FIFOs.

use super::programs::starter;
use super::worker::myself;
use super::{say, tell, Did, PATIENCE};
use crate::args::{Args, Command};
use crate::exit::Failure;
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::thread;
use tong::pipe;
use tong::{AnonymousReader, ErrorKind, Fifo, Process, ProcessOptions, Result, Stream};

/// What is read at once.
const PIECE: usize = 64;

/// What a worker may be told to do with such pipes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Streaming {
    /// Have the program `sort` bring words into order.
    Sort(Vec<String>),
    /// Make a FIFO at this path, and read from it until all its writers have gone.
    Read(String),
    /// Write a word into the FIFO at this path, which somebody reads or is going to.
    Write(String, String),
    /// Join these two ends with a relay.
    Relay(String, String),
}

/// What a worker has of them.
#[derive(Default)]
pub(super) struct Streams {
    relay: Option<Process>,
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.take() {
            let _ = relay.terminate(0).and_then(|()| relay.wait(Some(PATIENCE)));
        }
    }
}

impl Streams {
    pub(super) fn work(&mut self, order: &Streaming) -> Result<()> {
        match order {
            Streaming::Relay(near, far) => {
                let relay = start_relay(near, far)?;
                say(Did::Start("a relay".to_owned(), relay.id()));
                self.relay = Some(relay);
                Ok(())
            }
            Streaming::Sort(words) => sort(words),
            Streaming::Read(path) => read(path),
            Streaming::Write(path, word) => write(path, word),
        }
    }
}

/// Starts a relay between two ends.
fn start_relay(near: &str, far: &str) -> Result<Process> {
    myself("relay", &format!("{near}\n{far}"))
        .stdin(Stream::Null)
        .stdout(Stream::Null)
        .stderr(Stream::Null)
        .spawn()
}

/// Is a relay between two ends, a line each, that serves everyone who comes, until the starter ends.
pub(super) fn be_a_relay(ends: &str) -> std::result::Result<(), Failure> {
    let starter = starter()?;
    thread::spawn(move || {
        let _ = starter.wait(None);
        std::process::exit(0);
    });
    let (near, far) = ends.rsplit_once('\n').unwrap_or((ends, ""));
    let line = [
        "tong", "relay", "--many", "--quiet", "--wait", "5s", near, far,
    ];
    match Args::try_parse_from(line).map(|args| args.command) {
        Ok(Command::Relay(args)) => crate::cmd::relay::run(&args),
        _ => Ok(()),
    }
}

fn write(path: &str, word: &str) -> Result<()> {
    let writer = Fifo::at(path).writer(Some(PATIENCE))?;
    writer.send(word.as_bytes())?;
    tell(&format!("writes {word}"));
    Ok(())
}

fn read(path: &str) -> Result<()> {
    let fifo = Fifo::create(path)?;
    let reader = fifo.reader()?;
    tell("makes a FIFO");
    let (text, end) = read_all(&reader);
    tell(&text);
    tell(words_of(end));
    fifo.remove()
}

/// Reads to the end, and returns the words and how it ended.
fn read_all(reader: &AnonymousReader) -> (String, ErrorKind) {
    let (mut bytes, mut piece) = (Vec::new(), [0; PIECE]);
    let end = loop {
        match reader.receive(&mut piece) {
            Ok(len) => bytes.extend_from_slice(&piece[..len]),
            Err(error) => break error.kind(),
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    (words.join(" "), end)
}

fn words_of(end: ErrorKind) -> &'static str {
    match end {
        ErrorKind::BrokenPipe => "109: end",
        _ => "something else",
    }
}

/// Starts a program between two anonymous pipes, and reads what it says until it has ended.
fn sort(words: &[String]) -> Result<()> {
    let (its_input, our_writer) = pipe::anonymous(0)?;
    let (our_reader, its_output) = pipe::anonymous(0)?;
    let program = ProcessOptions::new("sort")
        .env("LC_ALL", "C")
        .stdin(its_input.to_fd()?)
        .stdout(its_output.to_fd()?)
        .spawn()?;
    // What we keep of the program's ends would hold back the end of its output.
    drop((its_input, its_output));
    say(Did::Start("sort".to_owned(), program.id()));
    our_writer.send((words.join("\n") + "\n").as_bytes())?;
    drop(our_writer);
    let (sorted, end) = read_all(&our_reader);
    tell(&sorted);
    tell(words_of(end));
    program.wait(Some(PATIENCE))?;
    Ok(())
}
