//! Plain lines, as the terminal itself edits them.

use super::banner::{Banner, CONTINUED};
use super::Entered;
use crate::exit::Failure;
use crate::prompt::language::is_complete;
use crate::prompt::Shell;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;

/// Reads lines without any help from us.
pub(super) struct Plain;

impl Plain {
    /// Reads one whole input.
    pub(super) fn read(&mut self, banner: &Banner, shell: &mut Shell) -> Result<Entered, Failure> {
        let mut text = String::new();
        let mut before = banner.plain();
        loop {
            ask(&before);
            if is_interrupted(shell) {
                ask("\n");
                return Ok(Entered::Nothing);
            }
            let Some(line) = line()? else {
                // The next words on the terminal are not the person's.
                ask("\n");
                return Ok(match text.is_empty() {
                    true => Entered::End,
                    false => Entered::Nothing,
                });
            };
            text.push_str(&line);
            if is_complete(&text) {
                return Ok(match text.trim().is_empty() {
                    true => Entered::Nothing,
                    false => Entered::Text(text),
                });
            }
            text.push('\n');
            before = CONTINUED.to_owned();
        }
    }
}

/// Says on standard error that a line is welcome, so that redirected output stays clean.
fn ask(text: &str) {
    let mut errors = io::stderr().lock();
    // Without a place for it the line is welcome all the same.
    let _ = errors
        .write_all(text.as_bytes())
        .and_then(|()| errors.flush());
}

/// Waits for a line. True if Ctrl-C comes first, upon which the terminal throws away what was begun.
fn is_interrupted(shell: &mut Shell) -> bool {
    let input = io::stdin();
    shell.children.forget();
    loop {
        shell.children.sleep(&[input.as_fd()]);
        if shell.children.take_interrupted() {
            return true;
        }
        let mut watched = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        if poll(&mut watched, PollTimeout::ZERO) != Ok(0) {
            return false;
        }
    }
}

/// A line without its end; `None` if there are no more.
fn line() -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    // A terminal gives one line at a time, so nothing of the next is taken from the programs that are started.
    let read = io::stdin().lock().read_until(b'\n', &mut bytes);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
        }
        Err(error) => Err(Failure::Io("cannot read the terminal".to_owned(), error)),
    }
}
