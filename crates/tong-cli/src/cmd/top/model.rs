//! What the screen is about: the last look, the lists and pages over it, and what is being asked.
//!
//! Nothing here draws, waits, or touches another process.

use super::known::Known;
use super::list::{List, Move};
use super::look::{Look, Object, Process};
use super::page::Page;
use super::rates::Rates;
use super::waits::{Target, Wait};
use crate::args::Pane;
use std::time::Duration;
use tong::inspect::View;

/// How long between two looks, in the steps of + and -.
const INTERVALS_MS: [u64; 8] = [100, 250, 500, 1000, 2000, 5000, 10_000, 60_000];

/// Everything that the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    /// The directory of the names.
    pub(super) place: String,
    pub(super) look: Look,
    pub(super) rates: Rates,
    known: Known,
    pub(super) pane: Pane,
    pub(super) objects: List<Object>,
    pub(super) processes: List<Process>,
    pub(super) waits: List<Wait>,
    /// What was opened, the last on top.
    pub(super) pages: Vec<Page>,
    pub(super) mode: Mode,
    /// What went wrong, or was done.
    pub(super) message: Option<Message>,
    pub(super) interval: Duration,
    pub(super) is_paused: bool,
    /// The part of a processor that looking and drawing takes.
    pub(super) cost: Option<f64>,
    /// How many lines of a list the screen had room for.
    pub(super) height: usize,
}

/// What keys are for at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    /// Typing a filter; this was there before.
    Filter(String),
    /// Reading the help, from this line.
    Help(usize),
    /// Answering this question about a kill.
    Kill(String),
}

/// A line for the person at the screen, until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) is_bad: bool,
}

impl Model {
    pub(super) fn new(place: String, view: View) -> Model {
        let (mut rates, mut known) = (Rates::default(), Known::default());
        let look = Look::of(view, &mut rates, &mut known);
        Model {
            known,
            ..Model::of(place, look, rates)
        }
    }

    /// A screen with this to show.
    pub(super) fn of(place: String, look: Look, rates: Rates) -> Model {
        let mut model = Model {
            place,
            look,
            rates,
            known: Known::default(),
            pane: Pane::Objects,
            objects: List::default(),
            processes: List::default(),
            waits: List::default(),
            pages: Vec::new(),
            mode: Mode::Browse,
            message: None,
            interval: Duration::from_secs(1),
            is_paused: false,
            cost: None,
            height: 1,
        };
        model.settle();
        model
    }

    /// Begins with this view, and this filter on all lists.
    pub(super) fn start_with(&mut self, pane: Option<Pane>, filter: &str) {
        self.pane = pane.unwrap_or(Pane::Objects);
        for own in [
            &mut self.objects.filter,
            &mut self.processes.filter,
            &mut self.waits.filter,
        ] {
            filter.clone_into(own);
        }
        self.settle();
    }

    /// Takes over a newer look.
    pub(super) fn update(&mut self, view: View) {
        self.look = Look::of(view, &mut self.rates, &mut self.known);
        self.settle();
    }

    /// Puts everything in order after a look.
    pub(super) fn settle(&mut self) {
        self.objects.settle(&self.look.objects);
        self.processes.settle(&self.look.processes);
        self.waits.settle(&self.look.waits);
        for page in &mut self.pages {
            page.refresh(&self.look);
        }
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.message = Some(Message {
            text: text.into(),
            is_bad: false,
        });
    }

    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.message = Some(Message {
            text: text.into(),
            is_bad: true,
        });
    }

    pub(super) fn go(&mut self, way: Move) {
        let height = self.height;
        match (self.pages.last_mut(), self.pane) {
            (Some(page), _) => page.go(way, height),
            (None, Pane::Objects) => self.objects.go(way, height, &self.look.objects),
            (None, Pane::Processes) => self.processes.go(way, height, &self.look.processes),
            (None, Pane::Waits) => self.waits.go(way, height, &self.look.waits),
        }
    }

    pub(super) fn sort_by_next(&mut self) {
        match (self.pages.last_mut(), self.pane) {
            (Some(page), _) => page.sort_by_next(),
            (None, Pane::Objects) => self.objects.sort_by_next(&self.look.objects),
            (None, Pane::Processes) => self.processes.sort_by_next(&self.look.processes),
            (None, Pane::Waits) => self.waits.sort_by_next(&self.look.waits),
        }
    }

    pub(super) fn reverse(&mut self) {
        match (self.pages.last_mut(), self.pane) {
            (Some(page), _) => page.reverse(),
            (None, Pane::Objects) => self.objects.reverse(&self.look.objects),
            (None, Pane::Processes) => self.processes.reverse(&self.look.processes),
            (None, Pane::Waits) => self.waits.reverse(&self.look.waits),
        }
    }

    /// The filter of what is shown; `None` where there is nothing to filter.
    pub(super) fn filter(&self) -> Option<&str> {
        match (self.pages.last(), self.pane) {
            (Some(page), _) => page.filter(),
            (None, Pane::Objects) => Some(&self.objects.filter),
            (None, Pane::Processes) => Some(&self.processes.filter),
            (None, Pane::Waits) => Some(&self.waits.filter),
        }
    }

    pub(super) fn set_filter(&mut self, filter: String) {
        match (self.pages.last_mut(), self.pane) {
            (Some(page), _) => page.set_filter(filter),
            (None, Pane::Objects) => {
                self.objects.filter = filter;
                self.objects.settle(&self.look.objects);
            }
            (None, Pane::Processes) => {
                self.processes.filter = filter;
                self.processes.settle(&self.look.processes);
            }
            (None, Pane::Waits) => {
                self.waits.filter = filter;
                self.waits.settle(&self.look.waits);
            }
        }
    }

    pub(super) fn show(&mut self, pane: Pane) {
        self.pane = pane;
        self.pages.clear();
    }

    /// What the chosen line leads to.
    pub(super) fn target(&self) -> Option<Target> {
        match (self.pages.last(), self.pane) {
            (Some(page), _) => page.target(&self.look),
            (None, Pane::Objects) => {
                let object = self.objects.chosen(&self.look.objects)?;
                Some(Target::Object(object.key.clone()))
            }
            (None, Pane::Processes) => {
                let process = self.processes.chosen(&self.look.processes)?;
                Some(Target::Process(process.key.0))
            }
            (None, Pane::Waits) => {
                let wait = self.waits.chosen(&self.look.waits)?;
                let own = || u32::try_from(wait.key.0).ok().map(Target::Process);
                wait.leads_to.clone().or_else(own)
            }
        }
    }

    /// The process that the chosen line, or the page, is about: its id, and when it started, as it was shown. What has
    /// that id by now may be another.
    pub(super) fn process(&self) -> Option<(u32, Option<Duration>)> {
        let exactly = |(pid, started)| (pid, Some(started));
        let by_id = |pid: i32| {
            let pid = u32::try_from(pid).ok()?;
            let key = self.look.process_key(pid);
            Some((pid, key.map(|(_, started)| started)))
        };
        match (self.pages.last(), self.pane) {
            (Some(Page::Process(page)), _) => Some(exactly(page.key)),
            (Some(Page::Object(page)), _) => by_id(page.list.chosen(&page.parties)?.pid),
            (Some(Page::Follow(_)), _) | (None, Pane::Objects) => None,
            (None, Pane::Processes) => {
                let process = self.processes.chosen(&self.look.processes)?;
                Some(exactly(process.key))
            }
            (None, Pane::Waits) => by_id(self.waits.chosen(&self.look.waits)?.key.0),
        }
    }

    /// Opens what the chosen line leads to.
    pub(super) fn open(&mut self) {
        match self.target() {
            Some(Target::Object(key)) => self.pages.push(Page::object(key, &self.look)),
            Some(Target::Process(pid)) => match self.look.process_key(pid) {
                Some(key) => self.pages.push(Page::process(key, &self.look)),
                None => self.complain(format!(
                    "process {pid} cannot be looked into: it has ended, or belongs to another user"
                )),
            },
            None if matches!(self.pages.last(), Some(Page::Process(_))) => {
                self.say("this handle leads to nothing that has a name here");
            }
            None => {}
        }
    }

    /// Shows the traffic of the object that is chosen, or open.
    pub(super) fn follow(&mut self) {
        let key = match (self.pages.last(), self.pane) {
            (Some(Page::Follow(_)), _) => {
                self.pages.pop();
                return;
            }
            (Some(Page::Object(page)), _) => Some(page.key.clone()),
            _ => match self.target() {
                Some(Target::Object(key)) => Some(key),
                _ => None,
            },
        };
        let carries = |key: &_| self.look.object(key).is_some_and(|object| object.carries);
        match key.filter(carries) {
            Some(key) => self.pages.push(Page::Follow(key)),
            None => self.say("only mailslots and pipes have traffic to follow"),
        }
    }

    /// Looks more (or less) often.
    pub(super) fn change_interval(&mut self, more_often: bool) {
        let now = self.interval;
        let mut steps = INTERVALS_MS.iter().copied().map(Duration::from_millis);
        let next = match more_often {
            true => steps.rev().find(|step| *step < now),
            false => steps.find(|step| *step > now),
        };
        self.interval = next.unwrap_or(now);
    }
}
