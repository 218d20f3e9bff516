//! The terminal while the screen has it, and how it is given back.
//!
//! It is given back on every way out: when this is dropped, by quitting, a signal or a failure; by the hook that ratatui
//! puts before the message of a panic; and while this program is stopped.

use crate::exit::Failure;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode, EnterAlternateScreen};
use ratatui::{DefaultTerminal, Frame};
use std::io;

/// A terminal that is ours to draw on.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> Result<Screen, Failure> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(error) => {
                let _ = ratatui::try_restore();
                Err(failure(error))
            }
        }
    }

    pub(super) fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        self.terminal.draw(paint).map(|_| ()).map_err(failure)
    }

    /// What was drawn cannot be relied on: the next drawing is complete.
    pub(super) fn forget(&mut self) -> Result<(), Failure> {
        self.terminal.clear().map_err(failure)
    }

    /// Gives the terminal back for a while.
    pub(super) fn leave(&mut self) {
        give_back();
    }

    /// Takes it again, whatever somebody did to it meanwhile.
    pub(super) fn come_back(&mut self) -> Result<(), Failure> {
        disable_raw_mode()
            .and_then(|()| enable_raw_mode())
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen))
            .map_err(failure)?;
        self.forget()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // In a panic the hook has done so before its message, which a second time would make the prompt overwrite.
        if !std::thread::panicking() {
            give_back();
        }
    }
}

/// A terminal that is gone needs nothing back.
fn give_back() {
    let _ = ratatui::try_restore();
    let _ = execute!(io::stdout(), Show);
}

fn failure(error: io::Error) -> Failure {
    Failure::Io("cannot draw on the terminal".to_owned(), error)
}
