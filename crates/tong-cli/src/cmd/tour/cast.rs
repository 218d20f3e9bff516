//! The processes of the tour, seen from outside: starting, telling, hearing and killing them.

use super::actor::{now_ns, Did, Event, Order};
use super::{Stop, LOOK_EVERY, PATIENCE};
use crate::exit::{Code, Failure};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// The name of the tour's mailslot, and the beginning of all others.
pub(super) const NAME: &str = "tour";
/// How long the tour waits for a report before it looks whether a key was pressed.
const NAP: Duration = Duration::from_millis(50);

/// The lanes of the tour, in the order in which they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Receiver,
    /// In the receiver's lane, in other scenes.
    Manager,
    /// In the same lane.
    Server,
    Ant,
    Bee,
    Cat,
}

impl Who {
    /// Who is on stage where letters are sent, from left to right.
    pub(super) const MAILSLOT: [Who; 4] = [Who::Receiver, Who::Ant, Who::Bee, Who::Cat];
    /// Who is on stage where somebody has others work.
    pub(super) const WORKERS: [Who; 4] = [Who::Manager, Who::Ant, Who::Bee, Who::Cat];
    /// Who is on stage where somebody serves others.
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
}

/// An event, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) who: Who,
    pub(super) event: Event,
}

impl Seen {
    /// Stands for a report that did not come.
    pub(super) fn nothing(who: Who) -> Seen {
        let event = Event {
            at_ns: now_ns(),
            did: Did::Tell("nothing".to_owned()),
        };
        Seen { who, event }
    }

    /// The words in which something was reported.
    pub(super) fn words(&self) -> String {
        match &self.event.did {
            Did::Tell(text) => text.clone(),
            other => format!("{other:?}"),
        }
    }
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

    /// The process id of an actor.
    pub(super) fn pid(&self, who: Who) -> u32 {
        let actor = self.actors.iter().find(|actor| actor.who == who);
        actor.map_or(0, |actor| actor.child.id())
    }

    /// Those who are there.
    pub(super) fn present(&self) -> Vec<Who> {
        self.actors.iter().map(|actor| actor.who).collect()
    }

    /// Starts the process of a lane.
    pub(super) fn start(&mut self, who: Who, role: &str) -> Result<(), Failure> {
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
    ///
    /// Now and then, asks whether it shall wait on.
    pub(super) fn hear(
        &self,
        count: usize,
        go_on: impl Fn() -> Result<(), Stop>,
    ) -> Result<Vec<Seen>, Stop> {
        let start = Instant::now();
        let mut seen = Vec::with_capacity(count);
        while seen.len() < count && start.elapsed() < PATIENCE {
            match self.events.recv_timeout(NAP) {
                Ok(event) => seen.push(event),
                Err(_) => go_on()?,
            }
        }
        seen.sort_by_key(|seen| seen.event.at_ns);
        Ok(seen)
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
        let ran: Output = self
            .command(args)
            .output()
            .map_err(failure("start a process"))?;
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        Ok((text, ran.status))
    }

    /// This command with these arguments in the tour's namespace, not started yet.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = itself(&self.dir, args);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The values that this command prints, one a line.
    pub(super) fn json(&self, args: &[&str]) -> Result<Vec<Value>, Failure> {
        let (text, _) = self.tong(&[args, &["--json"]].concat())?;
        let parse = |line: &str| serde_json::from_str(line).ok();
        Ok(text.lines().filter_map(parse).collect())
    }

    /// What `tong KIND info` says of an object of the tour.
    pub(super) fn info(&self, kind: &str, name: &str) -> Result<Value, Failure> {
        let mut lines = self.json(&[kind, "info", name])?;
        Ok(lines.pop().unwrap_or(Value::Null))
    }

    /// Waits until something is so, which nobody reports. If it never is, the facts will say so.
    pub(super) fn await_state(
        &self,
        mut is_so: impl FnMut(&Cast) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !is_so(self)? {
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits until so many threads wait for an object.
    pub(super) fn await_waiters(
        &self,
        kind: &str,
        name: &str,
        count: usize,
    ) -> Result<(), Failure> {
        self.await_state(|cast| {
            let info = cast.info(kind, name)?;
            Ok(info["waiters"].as_array().map_or(0, Vec::len) >= count)
        })
    }

    /// How many objects, leftovers and files of names there are.
    pub(super) fn what_remains(&self) -> Result<String, Failure> {
        let objects = self.lines_of(&["ls", "--json"])?;
        let leftovers = self.lines_of(&["gc", "--dry-run", "--json"])?;
        let kinds = ["mailslot", "object", "pipe"];
        let files: usize = kinds
            .map(|kind| files_below(&self.dir.join(kind)))
            .iter()
            .sum();
        Ok(format!("{objects}, {leftovers}, {files}"))
    }

    /// How many lines this command prints in the tour's namespace; a failure of it is ours.
    pub(super) fn lines_of(&self, args: &[&str]) -> Result<usize, Failure> {
        match self.tong(args)? {
            (text, status) if status.success() => Ok(text.lines().count()),
            (_, status) => Err(Failure::Own(
                Code::Other,
                format!("tong {} failed: {status}", args.join(" ")),
            )),
        }
    }

    /// Removes the namespace, and says whether it is gone.
    pub(super) fn sweep(mut self) -> bool {
        // Nobody is left unless the scene was broken off.
        for actor in &mut self.actors {
            let _ = actor.child.kill().and_then(|()| actor.child.wait());
        }
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

/// How many files and sockets there are in a directory and below.
fn files_below(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => 1,
    };
    entries.flatten().map(count).sum()
}

pub(super) fn failure(what: &str) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::Io(format!("cannot {what}"), error)
}
