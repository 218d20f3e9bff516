//! What the watcher of the tour sees: a lane for each process, time running down.

use super::actor::{now_ns, Did};
use super::cast::{Seen, Who};
use crate::args::TourArgs;
use crate::exit::Failure;
use crate::output;
use anstyle::{AnsiColor, Effects, Style};
use std::thread;
use std::time::Duration;

/// How long the watcher looks at one thing before the next happens.
const BEAT: Duration = Duration::from_millis(110);
const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// Widths in columns of the time and of each lane; with them a row fits into 80.
const TIME_WIDTH: usize = 10;
const RECEIVER_WIDTH: usize = 26;
const SENDER_WIDTH: usize = 14;

/// What a lane shows when nothing happens in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Empty,
    Alive,
}

pub(super) struct Stage {
    start_ns: u64,
    is_plain: bool,
    beat: Duration,
    lanes: [Lane; 4],
    cast: [Who; 4],
    act: usize,
}

impl Stage {
    pub(super) fn new(args: &TourArgs) -> Stage {
        let beat = if args.fast { Duration::ZERO } else { BEAT };
        Stage {
            start_ns: now_ns(),
            is_plain: args.plain,
            beat,
            lanes: [Lane::Empty; 4],
            cast: Who::MAILSLOT,
            act: 0,
        }
    }

    /// Announces what comes next, and leaves time to read it.
    pub(super) fn act(&mut self, title: &str) -> Result<(), Failure> {
        self.act += 1;
        let act = self.act;
        let lead = if self.is_plain || act == 1 { "" } else { "\n" };
        output::print(&format!("{lead}{BOLD}{act}. {title}{BOLD:#}\n"))?;
        self.pause(8);
        if self.act == 1 && !self.is_plain {
            self.heads()?;
        }
        Ok(())
    }

    /// Others come on stage.
    pub(super) fn enter(&mut self, cast: [Who; 4]) -> Result<(), Failure> {
        self.cast = cast;
        if self.is_plain {
            return Ok(());
        }
        self.heads()
    }

    /// Says something between the lanes.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        let indent = if self.is_plain { 2 } else { TIME_WIDTH };
        output::print(&format!("{:indent$}{DIM}{text}{DIM:#}\n", ""))?;
        self.pause(4);
        Ok(())
    }

    /// Shows an event, and leaves time to see it.
    ///
    /// `waited_ns` is how long a message that was just read had been on its way.
    pub(super) fn show(&mut self, seen: &Seen, waited_ns: Option<u64>) -> Result<(), Failure> {
        self.lanes[seen.who.lane()] = Lane::Alive;
        let waited = waited_ns.map(|ns| self.duration(ns)).unwrap_or_default();
        let text = self.describe(&seen.event.did);
        self.row(seen.event.at_ns, seen.who, &text, &waited)
    }

    /// Shows that a process was killed, and when.
    pub(super) fn show_killed(&mut self, who: Who, at_ns: u64) -> Result<(), Failure> {
        self.lanes[who.lane()] = Lane::Empty;
        let text = if self.is_plain {
            "is killed (SIGKILL)"
        } else {
            "✗ SIGKILL"
        };
        self.row(at_ns, who, text, "")
    }

    /// Shows that a process ended by itself.
    pub(super) fn show_left(&mut self, who: Who) -> Result<(), Failure> {
        self.lanes[who.lane()] = Lane::Empty;
        let text = if self.is_plain {
            "leaves"
        } else {
            "┴ leaves"
        };
        self.row(now_ns(), who, text, "")
    }

    /// Waits some beats.
    pub(super) fn pause(&self, beats: u32) {
        thread::sleep(self.beat * beats);
    }

    /// What someone did: a sentence, or for a lane a sign and a few words.
    fn describe(&self, did: &Did) -> String {
        if self.is_plain {
            return match did {
                Did::Create => "creates the mailslot".to_owned(),
                Did::Open => "opens the mailslot".to_owned(),
                Did::Send(message) => format!("sends {message:?}"),
                Did::Read(message) => format!("reads {message:?}"),
                Did::Count(count) => format!("has {count} unread"),
                Did::FindGone => "cannot send: the mailslot is gone".to_owned(),
                Did::Start(program, pid) => format!("starts {program} (process {pid})"),
                Did::Code(program, code) => format!("sees exit code {code} of {program}"),
                Did::Tell(text) => text.clone(),
                Did::Fail(text) => format!("fails: {text}"),
            };
        }
        match did {
            Did::Create => "┬ creates it".to_owned(),
            Did::Open => "┬ opens it".to_owned(),
            Did::Send(message) => format!(
                "→ {}",
                message
                    .split_once(": ")
                    .map_or(&**message, |(_, thing)| thing)
            ),
            Did::Read(message) => format!("← {message}"),
            Did::Count(count) => format!("= {count} unread"),
            Did::FindGone => "✗ it is gone".to_owned(),
            Did::Start(program, _) => format!("┬ starts {program}"),
            Did::Code(program, code) => format!("= {program}: {code}"),
            Did::Tell(text) => format!("• {text}"),
            Did::Fail(text) => format!("✗ {text}"),
        }
    }

    /// A time that a message took, in a unit that suits it.
    fn duration(&self, ns: u64) -> String {
        let micro = if self.is_plain { "u" } else { "µ" };
        match ns / 1000 {
            us @ 0..=9_999 => format!("{us} {micro}s"),
            us => format!("{} ms", us / 1000),
        }
    }

    /// The names above the lanes.
    fn heads(&self) -> Result<(), Failure> {
        let mut row = format!(
            "{DIM}{:>width$}{DIM:#}  ",
            "seconds",
            width = TIME_WIDTH - 2
        );
        for who in self.cast {
            let style = colour(who).effects(Effects::BOLD);
            row.push_str(&format!(
                "{style}{:<width$}{style:#}",
                who.name(),
                width = width(who)
            ));
        }
        output::print(&format!("{}\n", row.trim_end()))
    }

    /// A row: the time, and what happened in one lane.
    fn row(&self, at_ns: u64, who: Who, text: &str, waited: &str) -> Result<(), Failure> {
        let seconds = Duration::from_nanos(at_ns.saturating_sub(self.start_ns)).as_secs_f64();
        let line = if self.is_plain {
            let waited = if waited.is_empty() {
                String::new()
            } else {
                format!(" after {waited}")
            };
            format!("{seconds:>10.6}  {:<8}  {text}{waited}", who.name())
        } else {
            self.lanes_row(seconds, who, text, waited)
        };
        output::print(&format!("{line}\n"))?;
        self.pause(1);
        Ok(())
    }

    fn lanes_row(&self, seconds: f64, who: Who, text: &str, waited: &str) -> String {
        let mut row = format!("{DIM}{seconds:>width$.4}{DIM:#}  ", width = TIME_WIDTH - 2);
        for lane in self.cast {
            let (style, width) = (colour(lane), width(lane));
            let is_alive = self.lanes[lane.lane()] == Lane::Alive;
            let shown = if lane == who {
                let gap = width.saturating_sub(2 + text.chars().count() + waited.chars().count());
                row.push_str(&format!("{style}{text}{style:#}"));
                if !waited.is_empty() {
                    row.push_str(&format!("{:gap$}{DIM}{waited}{DIM:#}", ""));
                }
                text.chars().count()
                    + if waited.is_empty() {
                        0
                    } else {
                        gap + waited.chars().count()
                    }
            } else if is_alive {
                let style = style.effects(Effects::DIMMED);
                row.push_str(&format!("{style}│{style:#}"));
                1
            } else {
                0
            };
            row.push_str(&" ".repeat(width.saturating_sub(shown)));
        }
        row.trim_end().to_owned()
    }
}

/// The colour of a lane.
fn colour(who: Who) -> Style {
    let colour = match who {
        Who::Receiver | Who::Manager | Who::Server => AnsiColor::Cyan,
        Who::Ant => AnsiColor::Green,
        Who::Bee => AnsiColor::Yellow,
        Who::Cat => AnsiColor::Magenta,
    };
    colour.on_default()
}

fn width(who: Who) -> usize {
    match who {
        Who::Receiver | Who::Manager | Who::Server => RECEIVER_WIDTH,
        Who::Ant | Who::Bee | Who::Cat => SENDER_WIDTH,
    }
}
