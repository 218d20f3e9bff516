//! `tong tour`: real processes that talk, wait for each other and die before your eyes.
//!
//! The tour is a row of scenes (`scene/`), one for each thing that the project can do. A scene has a namespace of its own
//! and processes of its own: they are started and told what to do (`cast.rs`), do it (`actor/`), and what they report is
//! drawn (`stage.rs`). What should be true of it is checked on the way (`facts.rs`) and summed up at the end
//! (`summary.rs`). A key skips the rest of a scene (`keys.rs`). The directory of a scene is removed by a process called the
//! broom, even if the tour is killed.

pub(crate) mod actor;
mod cast;
mod choice;
mod facts;
mod keys;
mod scene;
mod stage;
mod summary;

use crate::args::TourArgs;
use crate::exit::Failure;
use crate::output;
use actor::{Did, Order, Work};
use cast::{Cast, Seen, Who};
use choice::Choice;
use facts::Facts;
use keys::Keys;
use scene::Scene;
use stage::Stage;
use std::time::Duration;
use summary::{End, Summary};

/// How long the tour waits for a state that it cannot be told of.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long it sleeps between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) fn run(args: &TourArgs) -> Result<(), Failure> {
    if args.list {
        return output::print(&choice::list());
    }
    let choice = Choice::read(args)?;
    let keys = Keys::listen(!args.plain)?;
    let mut stage = Stage::new(args, keys, choice.played().count());
    let mut summary = Summary::default();
    let mut is_over = false;
    stage.greet()?;
    for (scene, is_wanted) in choice.scenes() {
        if !is_wanted || is_over {
            summary.skip(scene);
            continue;
        }
        let (end, facts) = play(&mut stage, scene)?;
        is_over = matches!(end, End::Quit);
        summary.add(scene, end, facts);
    }
    drop(stage);
    summary.conclude(args.plain)
}

/// Why a scene ends before its end.
#[derive(Debug)]
enum Stop {
    /// The watcher wants to see the next one.
    Skip,
    /// The watcher wants to see no more.
    Quit,
    /// The tour itself fails.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

/// Plays a scene from its beginning until nothing of it is left.
fn play(stage: &mut Stage, scene: &Scene) -> Result<(End, Facts), Failure> {
    stage.open(scene)?;
    let mut play = Play {
        cast: Cast::gather()?,
        stage,
        facts: Facts::default(),
    };
    let seen = (scene.play)(&mut play).and_then(|seen| play.leave().map(|()| seen));
    let Play {
        cast,
        stage,
        mut facts,
    } = play;
    let is_swept = cast.sweep();
    let end = match seen {
        Ok(seen) => {
            if !is_swept {
                facts.note("the scene's directory is removed", "yes", "no");
            }
            End::Seen(seen)
        }
        Err(Stop::Skip) => End::Skipped,
        Err(Stop::Quit) => End::Quit,
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    stage.close(&end)?;
    Ok((end, facts))
}

/// A scene that is being played.
struct Play<'a> {
    cast: Cast,
    stage: &'a mut Stage,
    facts: Facts,
}

impl Play<'_> {
    /// Says what comes next.
    fn act(&mut self, title: &str) -> Result<(), Stop> {
        self.stage.act(title)
    }

    /// Says something between the lanes.
    fn say(&mut self, text: &str) -> Result<(), Stop> {
        self.stage.say(text)
    }

    /// Checks that something is as it should be, and shows it.
    fn check(
        &mut self,
        what: &'static str,
        expected: impl ToString,
        seen: impl ToString,
    ) -> Result<(), Stop> {
        self.facts.note(what, expected, seen);
        match self.facts.last() {
            Some(fact) => self.stage.show_fact(fact),
            None => Ok(()),
        }
    }

    /// Checks that something is so.
    fn check_is(&mut self, what: &'static str, is_so: bool) -> Result<(), Stop> {
        self.check(what, "yes", if is_so { "yes" } else { "no" })
    }

    /// Starts workers.
    fn start(&mut self, workers: &[Who]) -> Result<(), Stop> {
        for who in workers {
            self.cast.start(*who, "worker")?;
        }
        Ok(())
    }

    fn order(&mut self, who: Who, work: impl Into<Work>) {
        self.cast.tell(who, &Order::Work(work.into()));
    }

    /// Waits for so many events, and shows them.
    fn watch(&mut self, count: usize) -> Result<Vec<Seen>, Stop> {
        let seen = self.cast.hear(count, || self.stage.pause(0))?;
        for seen in &seen {
            self.stage.show(seen, None)?;
        }
        Ok(seen)
    }

    /// Tells someone to do something, and shows the one thing that is reported of it.
    fn ask(&mut self, who: Who, work: impl Into<Work>) -> Result<Seen, Stop> {
        self.order(who, work);
        let seen = self.watch(1)?.pop();
        Ok(seen.unwrap_or_else(|| Seen::nothing(who)))
    }

    /// Kills a process, and shows it.
    fn kill(&mut self, who: Who) -> Result<(), Stop> {
        let at_ns = actor::now_ns();
        self.cast.kill(who)?;
        self.stage.show_killed(who, at_ns)
    }

    /// Lets everyone leave, and looks what stays behind.
    fn leave(&mut self) -> Result<(), Stop> {
        let present = self.cast.present();
        let left = self.cast.dismiss();
        self.stage.show_all_left(&present)?;
        if !present.is_empty() {
            let expected = format!("{0} of {0}", present.len());
            let seen = format!("{left} of {}", present.len());
            self.check("left in good order", expected, seen)?;
        }
        let remains = self.cast.what_remains()?;
        self.check(
            "objects, leftovers and files that remain",
            "0, 0, 0",
            remains,
        )
    }
}

/// Did this one say that?
fn told(seen: &Seen, text: &str) -> bool {
    matches!(&seen.event.did, Did::Tell(told) if told == text)
}

/// Did one of these say that?
fn one_told(seen: &[Seen], who: Who, text: &str) -> bool {
    seen.iter().any(|it| it.who == who && told(it, text))
}

/// What was said last.
fn last_word(seen: &[Seen]) -> String {
    seen.last().map_or("nothing".to_owned(), Seen::words)
}

/// The exit code that was seen at this place; 0 if there is none, which no scene expects.
fn code(seen: &[Seen], at: usize) -> u32 {
    let codes = seen.iter().filter_map(|seen| match seen.event.did {
        Did::Code(_, code) => Some(code),
        _ => None,
    });
    codes.into_iter().nth(at).unwrap_or_default()
}

/// The process that was started.
fn started(seen: &[Seen]) -> u32 {
    let pids = seen.iter().filter_map(|seen| match seen.event.did {
        Did::Start(_, pid) => Some(pid),
        _ => None,
    });
    pids.into_iter().next().unwrap_or_default()
}
