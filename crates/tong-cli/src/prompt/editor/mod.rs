//! Commands from a person at a terminal.

use super::{language, Outcome, Shell};
use crate::exit::Failure;
use std::io::{self, Write};

/// Reads and runs lines until the person leaves; returns the code to end with.
///
/// # Errors
/// The terminal cannot be read.
pub(crate) fn interact(shell: &mut Shell) -> Result<u32, Failure> {
    let mut text = String::new();
    loop {
        if text.is_empty() {
            shell.tell_ended_jobs();
        }
        let sign = if text.is_empty() { "tong> " } else { "  ... " };
        eprint!("{sign}");
        let _ = io::stderr().flush();
        let read = io::stdin().read_line(&mut text);
        let read = read.map_err(|error| Failure::Io("cannot read the line".to_owned(), error))?;
        if read == 0 && shell.may_leave() {
            return Ok(shell.last_code());
        }
        if !language::is_complete(&text) {
            continue;
        }
        shell.history.push(text.trim_end().to_owned());
        if let Outcome::Exit(code) = shell.run_line(&std::mem::take(&mut text)) {
            return Ok(code);
        }
    }
}
