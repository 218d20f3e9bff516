//! The keys that the watcher of the tour may press, and signals that ask it to end.
//!
//! While the tour runs at a terminal, keys come at once and are not echoed. Everything else stays as it was: Ctrl-C is a signal
//! (a mode in which it is a byte would also have lines begin where the last one ended), which is held back and ends the tour
//! when the terminal has been set right again. Whoever only watches, from the background or with the output elsewhere, has
//! no keys.

use super::Stop;
use crate::exit::Failure;
use crate::signals::Signals;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use nix::unistd;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// The right arrow.
const RIGHT: &[u8] = b"\x1b[C";

/// Listens to the terminal, if there is one.
pub(super) struct Keys {
    terminal: Option<Terminal>,
}

/// A terminal whose keys come at once, until this is dropped.
struct Terminal {
    before: Termios,
    signals: Signals,
}

/// What somebody wants by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Next,
    Quit,
    Nothing,
}

impl Keys {
    /// Begins to listen, if that is wanted and somebody can press keys.
    pub(super) fn listen(is_wanted: bool) -> Result<Keys, Failure> {
        let can_be_pressed = is_wanted && io::stdout().is_terminal() && is_in_front();
        let terminal = match can_be_pressed {
            true => Some(Terminal::set_up()?),
            false => None,
        };
        Ok(Keys { terminal })
    }

    /// Whether a key would do anything.
    pub(super) fn are_heard(&self) -> bool {
        self.terminal.is_some()
    }

    /// Lets time pass, unless somebody has a wish.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Stop> {
        match &self.terminal {
            Some(terminal) => terminal.pause(time),
            None => {
                thread::sleep(time);
                Ok(())
            }
        }
    }
}

/// Whether standard input is a terminal, and we are who it listens to.
fn is_in_front() -> bool {
    let front = unistd::tcgetpgrp(io::stdin());
    front.is_ok_and(|front| front == unistd::getpgrp())
}

impl Terminal {
    fn set_up() -> Result<Terminal, Failure> {
        // Before the terminal is changed, so that no signal can end us in between.
        let signals = Signals::catch()?;
        let failed =
            |error: nix::Error| Failure::Io("cannot set up the terminal".to_owned(), error.into());
        let before = termios::tcgetattr(io::stdin()).map_err(failed)?;
        let mut at_once = before.clone();
        at_once
            .local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &at_once).map_err(failed)?;
        Ok(Terminal { before, signals })
    }

    fn pause(&self, time: Duration) -> Result<(), Stop> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Up to the next millisecond, so that it is not looked again and again during the last one.
            let left_ms = left
                .as_micros()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u16::MAX);
            let stdin = io::stdin();
            let mut ready = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            // An interrupted poll is as one that found nothing.
            let _ = poll(&mut ready, PollTimeout::from(left_ms));
            let has = |fd: &PollFd| fd.any().unwrap_or(false);
            if has(&ready[1]) {
                if let Some(caught) = self.signals.next() {
                    return Err(Stop::Failed(Failure::Signal(caught.signal)));
                }
            }
            if has(&ready[0]) {
                match read_wish() {
                    Wish::Next => return Err(Stop::Skip),
                    Wish::Quit => return Err(Stop::Quit),
                    Wish::Nothing => {}
                }
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.before);
    }
}

/// What the keys mean that were pressed.
fn read_wish() -> Wish {
    let mut bytes = [0; 64];
    match unistd::read(io::stdin(), &mut bytes) {
        // The terminal is gone.
        Ok(0) | Err(nix::Error::EIO) => Wish::Quit,
        Ok(count) => wish(&bytes[..count]),
        Err(_) => Wish::Nothing,
    }
}

fn wish(bytes: &[u8]) -> Wish {
    match bytes {
        RIGHT | [b' ' | b'\n' | b'\r' | b'n' | b'N', ..] => Wish::Next,
        // Ctrl-D is the end of the input.
        [b'q' | b'Q' | 4, ..] => Wish::Quit,
        _ => Wish::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_enter_n_and_right_are_for_the_next_scene_and_q_ends() {
        for next in [&b" "[..], b"\n", b"\r", b"n", b"N", b"\x1b[C", b"  "] {
            assert_eq!(wish(next), Wish::Next, "{next:?}");
        }
        for quit in [&b"q"[..], b"Q", b"\x04"] {
            assert_eq!(wish(quit), Wish::Quit, "{quit:?}");
        }
        for nothing in [&b""[..], b"x", b"\x1b", b"\x1b[A", b"\x1b[15~"] {
            assert_eq!(wish(nothing), Wish::Nothing, "{nothing:?}");
        }
    }
}
