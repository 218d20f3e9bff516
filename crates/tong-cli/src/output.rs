//! Standard output.
//!
//! Everything that is printed is flushed at once, so that a reader at the other end of a pipe sees each message as
//! it comes. Colours are dropped by `anstream` where they have no place (a pipe, `NO_COLOR`).

use crate::exit::Failure;
use serde::Serialize;
use std::io::{self, Write};

/// Prints a text as it is, and flushes.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(failure)
}

/// Prints bytes exactly as they are, and flushes.
pub(crate) fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(failure)
}

/// Prints a value as one line of JSON, and flushes.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value).map_err(|error| failure(error.into()))?;
    line.push(b'\n');
    print_raw(&line)
}

/// What a failure to write means: a reader that went away is no reason to complain.
pub(crate) fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Io("cannot write to standard output".to_owned(), error),
    }
}
