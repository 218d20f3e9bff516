//! What the watcher of the tour sees: a lane for each process, time running down.

use super::actor::{now_ns, Did};
use super::cast::{Seen, Who};
use super::facts::Fact;
use super::keys::Keys;
use super::scene::Scene;
use super::summary::End;
use super::Stop;
use crate::args::TourArgs;
use crate::exit::Failure;
use crate::output;
use crate::text::count;
use anstyle::{AnsiColor, Effects, Style};
use std::time::Duration;

/// How long the watcher looks at one thing before the next happens.
const BEAT: Duration = Duration::from_millis(55);
const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The widest row.
const WIDTH: usize = 80;
/// Widths in columns of the time and of each lane; with them a row fits.
const TIME_WIDTH: usize = 10;
const FIRST_WIDTH: usize = 26;
const OTHER_WIDTH: usize = 14;

/// What is shown of a process that is killed.
const KILLED: &str = "✗ SIGKILL";

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
    keys: Keys,
    lanes: [Lane; 4],
    cast: [Who; 4],
    scene: usize,
    scenes: usize,
}

impl Stage {
    pub(super) fn new(args: &TourArgs, keys: Keys, scenes: usize) -> Stage {
        Stage {
            start_ns: now_ns(),
            is_plain: args.plain,
            beat: if args.fast { Duration::ZERO } else { BEAT },
            keys,
            lanes: [Lane::Empty; 4],
            cast: Who::WORKERS,
            scene: 0,
            scenes,
        }
    }

    /// Tells which keys there are.
    pub(super) fn greet(&self) -> Result<(), Failure> {
        if !self.keys.are_heard() {
            return Ok(());
        }
        let scenes = count(self.scenes as u64, "scene");
        output::print(&format!(
            "{DIM}{scenes}. space: next scene, q: end{DIM:#}\n"
        ))
    }

    /// Announces a scene.
    pub(super) fn open(&mut self, scene: &Scene) -> Result<(), Failure> {
        self.scene += 1;
        self.lanes = [Lane::Empty; 4];
        let (number, scenes, name) = (self.scene, self.scenes, scene.name);
        if self.is_plain {
            let head = format!("scene {number} of {scenes}: {name}");
            return output::print(&format!("{head}\n  {}\n", scene.about));
        }
        let head = format!("── {number} of {scenes} ── {name} ");
        let rule = "─".repeat(WIDTH.saturating_sub(head.chars().count()));
        let lead = if number == 1 { "" } else { "\n" };
        output::print(&format!(
            "{lead}{BOLD}{head}{BOLD:#}{DIM}{rule}{DIM:#}\n   {DIM}{}{DIM:#}\n",
            scene.about
        ))
    }

    /// Says what comes next, and leaves time to read it.
    pub(super) fn act(&mut self, title: &str) -> Result<(), Stop> {
        let sign = if self.is_plain { "*" } else { "▸" };
        output::print(&format!("{BOLD}{sign} {title}{BOLD:#}\n"))?;
        self.pause(7)
    }

    /// Names those who are on stage.
    pub(super) fn enter(&mut self, cast: [Who; 4]) -> Result<(), Stop> {
        self.cast = cast;
        if !self.is_plain {
            self.heads()?;
        }
        Ok(())
    }

    /// Says something between the lanes.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Stop> {
        let indent = if self.is_plain { 2 } else { TIME_WIDTH };
        output::print(&format!("{:indent$}{DIM}{text}{DIM:#}\n", ""))?;
        self.pause(2)
    }

    /// Shows whether something is as it should be.
    pub(super) fn show_fact(&mut self, fact: &Fact) -> Result<(), Stop> {
        let (indent, good, bad) = match self.is_plain {
            true => (2, "ok", "FAILED"),
            false => (TIME_WIDTH - 2, "✓", "✗"),
        };
        let (sign, style) = match fact.holds() {
            true => (good, GOOD),
            false => (bad, BAD),
        };
        let mut line = format!("{:indent$}{style}{sign}{style:#} {}", "", fact.what);
        if fact.seen != "yes" || !fact.holds() {
            line.push_str(&format!(": {}", fact.seen));
        }
        if !fact.holds() {
            line.push_str(&format!(" instead of {}", fact.expected));
        }
        output::print(&format!("{line}\n"))?;
        self.pause(1)
    }

    /// Ends a scene.
    pub(super) fn close(&mut self, end: &End) -> Result<(), Failure> {
        match end {
            End::Seen(_) => Ok(()),
            End::Skipped => output::print(&format!("{DIM}  skipped{DIM:#}\n")),
            End::Quit => output::print(&format!("{DIM}  the tour ends here{DIM:#}\n")),
        }
    }

    /// Shows an event, and leaves time to see it.
    ///
    /// `waited_ns` is how long a message that was just read had been on its way.
    pub(super) fn show(&mut self, seen: &Seen, waited_ns: Option<u64>) -> Result<(), Stop> {
        self.lanes[seen.who.lane()] = Lane::Alive;
        let waited = waited_ns.map(|ns| self.duration(ns)).unwrap_or_default();
        let text = self.describe(&seen.event.did);
        self.row(seen.event.at_ns, seen.who, &text, &waited)
    }

    /// Shows that a process was killed, and when.
    pub(super) fn show_killed(&mut self, who: Who, at_ns: u64) -> Result<(), Stop> {
        self.lanes[who.lane()] = Lane::Empty;
        let text = match self.is_plain {
            true => "is killed (SIGKILL)",
            false => KILLED,
        };
        self.row(at_ns, who, text, "")
    }

    /// Shows that those who were there have ended by themselves.
    pub(super) fn show_all_left(&mut self, present: &[Who]) -> Result<(), Stop> {
        if self.is_plain {
            for who in present {
                self.row(now_ns(), *who, "leaves", "")?;
            }
            return Ok(());
        }
        let seconds = self.seconds(now_ns());
        let mut row = format!("{DIM}{seconds:>width$.4}{DIM:#}  ", width = TIME_WIDTH - 2);
        for lane in self.cast {
            let style = colour(lane);
            let sign = if present.contains(&lane) { "┴" } else { " " };
            let gap = " ".repeat(width(lane) - 1);
            row.push_str(&format!("{style}{sign}{style:#}{gap}"));
            self.lanes[lane.lane()] = Lane::Empty;
        }
        if !present.is_empty() {
            output::print(&format!("{}\n", row.trim_end()))?;
        }
        self.pause(1)
    }

    /// Waits some beats, or until a key is pressed.
    pub(super) fn pause(&self, beats: u32) -> Result<(), Stop> {
        self.keys.pause(self.beat * beats)
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
            let gap = " ".repeat(width(who) - who.name().len());
            row.push_str(&format!("{style}{}{style:#}{gap}", who.name()));
        }
        output::print(&format!("{}\n", row.trim_end()))
    }

    /// A row: the time, and what happened in one lane.
    fn row(&self, at_ns: u64, who: Who, text: &str, waited: &str) -> Result<(), Stop> {
        let seconds = self.seconds(at_ns);
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
        self.pause(1)
    }

    /// The time since the tour began.
    fn seconds(&self, at_ns: u64) -> f64 {
        Duration::from_nanos(at_ns.saturating_sub(self.start_ns)).as_secs_f64()
    }

    fn lanes_row(&self, seconds: f64, who: Who, text: &str, waited: &str) -> String {
        let mut row = format!("{DIM}{seconds:>width$.4}{DIM:#}  ", width = TIME_WIDTH - 2);
        for lane in self.cast {
            let (style, width) = (colour(lane), width(lane));
            let is_alive = self.lanes[lane.lane()] == Lane::Alive;
            let shown = if lane == who {
                let gap = width.saturating_sub(2 + text.chars().count() + waited.chars().count());
                let style = if text == KILLED { BAD } else { style };
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
        Who::Receiver | Who::Manager | Who::Server => FIRST_WIDTH,
        Who::Ant | Who::Bee | Who::Cat => OTHER_WIDTH,
    }
}
