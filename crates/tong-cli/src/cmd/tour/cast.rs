//! The processes of the tour, seen from outside: starting, telling, hearing and killing them.

use super::actor::{Event, Order};
use crate::exit::Failure;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// The mailslot that the tour is about.
pub(super) const NAME: &str = "tour";
/// How long the tour waits for its actors before it goes on without their report.
const PATIENCE: Duration = Duration::from_secs(8);

/// The lanes of the tour, in the order in which they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Receiver,
    /// In the receiver's lane, when that one has left.
    Manager,
    /// In the same lane, in the third part.
    Server,
    Ant,
    Bee,
    Cat,
}

impl Who {
    /// Who is on stage in the first part, from left to right.
    pub(super) const MAILSLOT: [Who; 4] = [Who::Receiver, Who::Ant, Who::Bee, Who::Cat];
    /// Who is on stage in the second part.
    pub(super) const WORKERS: [Who; 4] = [Who::Manager, Who::Ant, Who::Bee, Who::Cat];
    /// Who is on stage in the third part.
    pub(super) const PIPES: [Who; 4] = [Who::Server, Who::Ant, Who::Bee, Who::Cat];
    pub(super) const SENDERS: [Who; 3] = [Who::Ant, Who::Bee, Who::Cat];

    pub(super) fn name(self) -> &'static str {
        match self {
            Who::Receiver => "receiver",
            Who::Manager => "manager",
            Who::Server => "server",
            Who::Ant => "ant",
            Who::Bee => "bee",
            Who::Cat => "cat",
        }
    }

    /// What this sender sends, the `number`th time: its name and something of its own.
    pub(super) fn message(self, number: usize) -> String {
        let thing = match self {
            Who::Receiver | Who::Manager | Who::Server => "letter",
            Who::Ant => "leaf",
            Who::Bee => "honey",
            Who::Cat => "mouse",
        };
        format!("{}: {thing} {number}", self.name())
    }

    /// The lane, counted from the left.
    pub(super) fn lane(self) -> usize {
        match self {
            Who::Receiver | Who::Manager | Who::Server => 0,
            Who::Ant => 1,
            Who::Bee => 2,
            Who::Cat => 3,
        }
    }

    /// What the process in that lane does in the first part.
    fn role(self) -> &'static str {
        match self {
            Who::Receiver => "receiver",
            Who::Manager | Who::Server => "worker",
            Who::Ant | Who::Bee | Who::Cat => "sender",
        }
    }
}

/// An event, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) who: Who,
    pub(super) event: Event,
}

/// A process of the tour.
struct Actor {
    who: Who,
    child: Child,
    orders: ChildStdin,
}

/// All processes of the tour, and the namespace they share with nobody else.
pub(super) struct Cast {
    dir: PathBuf,
    actors: Vec<Actor>,
    broom: Child,
    events: mpsc::Receiver<Seen>,
    report: mpsc::Sender<Seen>,
}

impl Cast {
    /// Starts the broom that will remove the namespace, and makes the namespace.
    pub(super) fn gather() -> Result<Cast, Failure> {
        let dir = new_path().map_err(failure("find a place for the tour"))?;
        // The broom comes first, so that a tour that is killed at this very moment leaves no directory.
        let mut broom = itself(&dir, &["tour-actor", "broom"]);
        broom.arg(&dir).stdin(Stdio::piped()).process_group(0);
        let mut broom = broom.spawn().map_err(failure("start a process"))?;
        if let Err(error) = fs::DirBuilder::new().mode(0o700).create(&dir) {
            // What stands there is not ours to sweep.
            let _ = broom.kill().and_then(|()| broom.wait());
            return Err(failure("make a directory for the tour")(error));
        }
        let (report, events) = mpsc::channel();
        Ok(Cast {
            dir,
            actors: Vec::new(),
            broom,
            events,
            report,
        })
    }

    /// The directory of the tour's namespace.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the process of a lane.
    pub(super) fn start(&mut self, who: Who) -> Result<(), Failure> {
        self.start_as(who, who.role())
    }

    /// Starts the process of a lane for the second part.
    pub(super) fn start_worker(&mut self, who: Who) -> Result<(), Failure> {
        self.start_as(who, "worker")
    }

    /// The process id of an actor.
    pub(super) fn pid(&self, who: Who) -> Option<u32> {
        let actor = self.actors.iter().find(|actor| actor.who == who)?;
        Some(actor.child.id())
    }

    fn start_as(&mut self, who: Who, role: &str) -> Result<(), Failure> {
        let mut command = itself(&self.dir, &["tour-actor", role, NAME]);
        // A group of its own keeps Ctrl-C away from the actor. It leaves when the tour is gone, as its input ends.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(failure("start a process"))?;
        let missing = || {
            Failure::Io(
                "cannot start a process".to_owned(),
                io::ErrorKind::BrokenPipe.into(),
            )
        };
        let orders = child.stdin.take().ok_or_else(missing)?;
        let lines = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        let report = self.report.clone();
        thread::spawn(move || {
            let events = lines.map_while(|line| serde_json::from_str(&line.ok()?).ok());
            for event in events {
                if report.send(Seen { who, event }).is_err() {
                    break;
                }
            }
        });
        self.actors.push(Actor { who, child, orders });
        Ok(())
    }

    /// Tells an actor to do something. One that is gone does not hear it, and its report will be missing.
    pub(super) fn tell(&mut self, who: Who, order: &Order) {
        let Some(actor) = self.actors.iter_mut().find(|actor| actor.who == who) else {
            return;
        };
        if let Ok(line) = serde_json::to_string(order) {
            let _ = writeln!(actor.orders, "{line}");
        }
    }

    /// Waits for so many events and returns them in the order of their time; fewer, if no more come.
    pub(super) fn hear(&self, count: usize) -> Vec<Seen> {
        let start = Instant::now();
        let mut seen = Vec::with_capacity(count);
        while seen.len() < count {
            match self
                .events
                .recv_timeout(PATIENCE.saturating_sub(start.elapsed()))
            {
                Ok(event) => seen.push(event),
                Err(_) => break,
            }
        }
        seen.sort_by_key(|seen| seen.event.at_ns);
        seen
    }

    /// Kills a process with SIGKILL, which it can neither see coming nor clean up after.
    pub(super) fn kill(&mut self, who: Who) -> Result<(), Failure> {
        let Some(index) = self.actors.iter().position(|actor| actor.who == who) else {
            return Ok(());
        };
        let mut actor = self.actors.remove(index);
        let killed = actor.child.kill().and_then(|()| actor.child.wait());
        killed.map(drop).map_err(failure("kill a process"))
    }

    /// Lets all actors leave, and says how many did so in good order.
    pub(super) fn dismiss(&mut self) -> usize {
        let actors = self.actors.drain(..);
        let leave = |actor: Actor| {
            drop(actor.orders);
            let mut child = actor.child;
            child.wait().is_ok_and(|status| status.success())
        };
        actors.map(leave).filter(|&in_order| in_order).count()
    }

    /// Runs this command once more, in the tour's namespace, and returns what it printed and how it ended.
    pub(super) fn tong(&self, args: &[&str]) -> Result<(String, ExitStatus), Failure> {
        let ran: Output = itself(&self.dir, args)
            .stdin(Stdio::null())
            .output()
            .map_err(failure("start a process"))?;
        Ok((
            String::from_utf8_lossy(&ran.stdout).into_owned(),
            ran.status,
        ))
    }

    /// Removes the namespace, and says whether it is gone.
    pub(super) fn sweep(mut self) -> bool {
        drop(self.broom.stdin.take());
        let swept = self.broom.wait().is_ok_and(|status| status.success());
        swept && !self.dir.exists()
    }
}

/// This very program with these arguments, in the namespace of `dir`.
fn itself(dir: &Path, args: &[&str]) -> Command {
    // The path through /proc still leads to us if the file was replaced or removed since we started.
    let program = match Path::new("/proc/self/exe") {
        link if link.exists() => link.to_owned(),
        _ => env::current_exe().unwrap_or_else(|_| "tong".into()),
    };
    let mut command = Command::new(program);
    command
        .arg0("tong")
        .args(args)
        .env("TONG_DIR", dir)
        .env_remove("RUST_LOG");
    command
}

/// A path that nothing has, for a directory that only this user will enter.
fn new_path() -> io::Result<PathBuf> {
    let number = super::actor::now_ns();
    let name = format!("tong-tour-{}-{number:x}", std::process::id());
    std::path::absolute(env::temp_dir().join(name))
}

fn failure(what: &str) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::Io(format!("cannot {what}"), error)
}
