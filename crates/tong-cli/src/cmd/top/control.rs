//! What keys do.

use super::keys::Key;
use super::list::Move;
use super::model::{Mode, Model};
use crate::args::Pane;
use std::time::Duration;

/// What only the loop around the screen can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Quit,
    /// Ctrl-Z: give the terminal back and stop.
    Suspend,
    /// Draw everything anew, whatever happened to the screen.
    Redraw,
    Look,
    /// Take hold of the process with this id, that started then if that is known, and ask whether to kill it.
    AskToKill(u32, Option<Duration>),
    /// The answer was yes.
    Kill,
    /// The answer was no.
    Spare,
}

impl Model {
    /// Does what a key is for.
    pub(super) fn press(&mut self, key: Key) -> Option<Request> {
        match key {
            Key::Ctrl('c') => return Some(Request::Quit),
            Key::Ctrl('z') => return Some(Request::Suspend),
            Key::Ctrl('l') => return Some(Request::Redraw),
            _ => {}
        }
        self.message = None;
        match self.mode.clone() {
            Mode::Browse => self.browse(key),
            Mode::Filter(before) => self.type_filter(key, before),
            Mode::Help(line) => self.read_help(key, line),
            Mode::Kill(_) => Some(self.answer(key)),
        }
    }

    fn browse(&mut self, key: Key) -> Option<Request> {
        match key {
            Key::Char('q') => return Some(Request::Quit),
            Key::Char('?' | 'h') => self.mode = Mode::Help(0),
            Key::Char('1') => self.show(Pane::Objects),
            Key::Char('2') => self.show(Pane::Processes),
            Key::Char('3') => self.show(Pane::Waits),
            Key::Tab => self.show(next(self.pane)),
            Key::BackTab => self.show(next(next(self.pane))),
            Key::Up => self.go(Move::Lines(-1)),
            Key::Down => self.go(Move::Lines(1)),
            Key::PageUp | Key::Ctrl('b') => self.go(Move::Pages(-1)),
            Key::PageDown | Key::Ctrl('f') => self.go(Move::Pages(1)),
            Key::Home | Key::Char('g') => self.go(Move::First),
            Key::End | Key::Char('G') => self.go(Move::Last),
            Key::Enter | Key::Right => self.open(),
            Key::Escape | Key::Backspace | Key::Left => self.back(key),
            Key::Char('/') => self.begin_filter(),
            Key::Char('s') => self.sort_by_next(),
            Key::Char('r') => self.reverse(),
            Key::Char('f') => self.follow(),
            Key::Char('k') => return self.ask_to_kill(),
            Key::Char('p' | ' ') => {
                self.is_paused = !self.is_paused;
                return (!self.is_paused).then_some(Request::Look);
            }
            Key::Char('+' | '=') => self.change_interval(true),
            Key::Char('-') => self.change_interval(false),
            _ => {}
        }
        None
    }

    /// Goes back a page; at the bottom, an escape takes the filter away.
    fn back(&mut self, key: Key) {
        let is_filtered = self.filter().is_some_and(|filter| !filter.is_empty());
        if key == Key::Escape && is_filtered {
            self.set_filter(String::new());
        } else if self.pages.pop().is_none() && key == Key::Escape {
            self.say("q quits");
        }
    }

    fn begin_filter(&mut self) {
        if let Some(filter) = self.filter() {
            self.mode = Mode::Filter(filter.to_owned());
        }
    }

    fn type_filter(&mut self, key: Key, before: String) -> Option<Request> {
        let mut filter = self.filter().unwrap_or_default().to_owned();
        match key {
            Key::Enter => {
                self.mode = Mode::Browse;
                return None;
            }
            Key::Escape => {
                self.mode = Mode::Browse;
                filter = before;
            }
            Key::Up => self.go(Move::Lines(-1)),
            Key::Down => self.go(Move::Lines(1)),
            Key::Backspace if filter.is_empty() => self.mode = Mode::Browse,
            Key::Backspace => {
                filter.pop();
            }
            Key::Ctrl('u') => filter.clear(),
            Key::Ctrl('w') => {
                let end = filter.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                filter.truncate(end);
            }
            Key::Char(character) => filter.push(character),
            _ => {}
        }
        if self.filter() != Some(&*filter) {
            self.set_filter(filter);
        }
        None
    }

    fn read_help(&mut self, key: Key, line: usize) -> Option<Request> {
        self.mode = match key {
            Key::Down => Mode::Help(line + 1),
            Key::Up => Mode::Help(line.saturating_sub(1)),
            Key::PageDown => Mode::Help(line + self.height),
            Key::PageUp => Mode::Help(line.saturating_sub(self.height)),
            _ => Mode::Browse,
        };
        None
    }

    fn ask_to_kill(&mut self) -> Option<Request> {
        let process = self.process();
        if process.is_none() {
            self.say("choose a process first: 2 lists them, and Enter shows who has an object");
        }
        process.map(|(pid, started)| Request::AskToKill(pid, started))
    }

    fn answer(&mut self, key: Key) -> Request {
        self.mode = Mode::Browse;
        match key {
            Key::Char('y' | 'Y') => Request::Kill,
            _ => {
                self.say("nothing was killed");
                Request::Spare
            }
        }
    }
}

fn next(pane: Pane) -> Pane {
    match pane {
        Pane::Objects => Pane::Processes,
        Pane::Processes => Pane::Waits,
        Pane::Waits => Pane::Objects,
    }
}
