//! Pipes of the kernel: a program between two anonymous ones, and FIFOs.

use super::{say, tell, Did, PATIENCE};
use serde::{Deserialize, Serialize};
use tong::pipe;
use tong::{AnonymousReader, ErrorKind, Fifo, ProcessOptions, Result};

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
}

pub(super) fn work(order: &Streaming) -> Result<()> {
    match order {
        Streaming::Sort(words) => sort(words),
        Streaming::Read(path) => read(path),
        Streaming::Write(path, word) => {
            let writer = Fifo::at(path).writer(Some(PATIENCE))?;
            writer.send(word.as_bytes())?;
            tell(&format!("writes {word}"));
            Ok(())
        }
    }
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
