//! `tong lp`: the running processes.
//!
//! One list is taken, and of each process in it the number of handles, if it has any. Nothing is written anywhere, and no
//! process is asked anything.

mod select;
mod table;
mod tree;
pub(in crate::cmd) mod users;

pub(in crate::cmd) use tree::Creators;

use crate::args::LpArgs;
use crate::exit::{Code, Failure};
use crate::output;
use select::Wanted;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use table::Look;
use tong::handle;
use tong::process::list::{self, Listed, Priority, State};
pub(in crate::cmd) use users::Users;

/// A process, and what only tong knows of it.
#[derive(Debug)]
struct Row {
    process: Listed,
    handles: Option<u32>,
}

/// A process in the place where it is shown.
#[derive(Debug)]
struct Shown<'a> {
    row: &'a Row,
    user: String,
    age: Duration,
    /// Whether its creator is there still.
    has_creator: bool,
    /// How deep in the tree it stands, and the lines that lead there.
    depth: Option<usize>,
    branch: String,
    /// Not wanted itself, but the creator of one that is.
    is_beside: bool,
}

/// A process as `--json` prints it.
#[derive(Serialize)]
struct Record<'a> {
    pid: u32,
    parent: u32,
    /// Whether the parent is still there; if not, its id may be a stranger's by now.
    parent_running: bool,
    user: &'a str,
    uid: u32,
    program: &'a str,
    kernel: bool,
    memory_bytes: u64,
    threads: u32,
    /// `null` without a handle table, or if it is hidden from us.
    handles: Option<u32>,
    signaled: bool,
    state: &'a str,
    /// `null` for one that goes before all others.
    nice: Option<i8>,
    cpu_ms: u64,
    /// Seconds after the machine started.
    started_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<usize>,
}

pub(crate) fn run(args: &LpArgs) -> Result<(), Failure> {
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    write(args, &mut stdout.lock(), is_terminal)
}

/// Lists the processes to `out`, for people if that is a terminal.
pub(crate) fn write(args: &LpArgs, out: &mut dyn Write, is_terminal: bool) -> Result<(), Failure> {
    let wanted = Wanted::of(args)?;
    let users = Users::default();
    let mut rows = rows(args.all)?;
    select::sort(&mut rows, args, &users);
    let creators = Creators::among(rows.iter().map(|row| &row.process));
    let shown = match args.tree {
        true => in_tree(&rows, &creators, &wanted, &users),
        false => in_line(&rows, &creators, &wanted, &users),
    };
    if shown.is_empty() && !args.patterns.is_empty() {
        let patterns = args.patterns.join(", ");
        return Err(Failure::Own(
            Code::NotFound,
            match args.all {
                true => format!("no process fits {patterns}"),
                false => format!("no running process fits {patterns}; --all shows more"),
            },
        ));
    }
    let text = match args.json {
        true => json(&shown)?,
        false => table::table(&shown, args, look(is_terminal)),
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(output::failure)
}

/// The processes; with `all` also those that have ended, and the threads of the kernel.
fn rows(all: bool) -> Result<Vec<Row>, Failure> {
    let mut processes = list::all()?;
    processes.retain(|process| all || !(process.is_kernel || process.state == State::Ended));
    let row = |process: Listed| Row {
        handles: match process.is_kernel || process.state == State::Ended {
            true => None,
            false => handle::count(process.pid),
        },
        process,
    };
    Ok(processes.into_iter().map(row).collect())
}

/// The wanted rows, one after the other.
fn in_line<'a>(
    rows: &'a [Row],
    creators: &Creators,
    wanted: &Wanted,
    users: &Users,
) -> Vec<Shown<'a>> {
    let uptime = uptime();
    let rows = rows.iter().enumerate().filter(|(_, row)| wanted.has(row));
    rows.map(|(index, row)| Shown::new(row, uptime, users, creators.has(index)))
        .collect()
}

/// The wanted rows and those that lead to them, as a tree.
fn in_tree<'a>(
    rows: &'a [Row],
    creators: &Creators,
    wanted: &Wanted,
    users: &Users,
) -> Vec<Shown<'a>> {
    let uptime = uptime();
    let is_wanted: Vec<bool> = rows.iter().map(|row| wanted.has(row)).collect();
    let mut is_shown = is_wanted.clone();
    creators.mark_creators(&mut is_shown);
    let kept: Vec<usize> = (0..rows.len()).filter(|index| is_shown[*index]).collect();
    let creators = Creators::among(kept.iter().map(|index| &rows[*index].process));
    let places = tree::places(&creators);
    let shown = places.into_iter().map(|place| {
        let index = kept[place.index];
        Shown {
            depth: Some(place.depth),
            branch: place.branch,
            is_beside: !is_wanted[index],
            ..Shown::new(&rows[index], uptime, users, creators.has(place.index))
        }
    });
    shown.collect()
}

impl<'a> Shown<'a> {
    fn new(row: &'a Row, uptime: Duration, users: &Users, has_creator: bool) -> Shown<'a> {
        Shown {
            row,
            user: users.name(row.process.uid),
            age: uptime.saturating_sub(row.process.started),
            has_creator,
            depth: None,
            branch: String::new(),
            is_beside: false,
        }
    }

    fn process(&self) -> &Listed {
        &self.row.process
    }

    fn is_signaled(&self) -> bool {
        self.row.process.state == State::Ended
    }

    fn state(&self) -> &'static str {
        match self.row.process.state {
            State::Running => "running",
            State::Sleeping => "sleeping",
            State::Blocked => "blocked",
            State::Stopped => "stopped",
            State::Idle => "idle",
            State::Ended => "ended",
            _ => "?",
        }
    }
}

fn json(shown: &[Shown<'_>]) -> Result<String, Failure> {
    let mut lines = Vec::new();
    for row in shown {
        serde_json::to_writer(&mut lines, &record(row))
            .map_err(|error| output::failure(error.into()))?;
        lines.push(b'\n');
    }
    // What is written as JSON is text.
    Ok(String::from_utf8_lossy(&lines).into_owned())
}

fn record<'a>(shown: &'a Shown<'_>) -> Record<'a> {
    let process = shown.process();
    Record {
        pid: process.pid,
        parent: process.parent,
        parent_running: shown.has_creator,
        user: &shown.user,
        uid: process.uid,
        program: &process.program,
        kernel: process.is_kernel,
        memory_bytes: process.memory,
        threads: process.threads,
        handles: shown.row.handles,
        signaled: shown.is_signaled(),
        state: shown.state(),
        nice: match process.priority {
            Priority::Nice(nice) => Some(nice),
            Priority::RealTime => None,
        },
        cpu_ms: u64::try_from(process.processor_time.as_millis()).unwrap_or(u64::MAX),
        started_s: process.started.as_secs_f64(),
        depth: shown.depth,
    }
}

fn look(is_terminal: bool) -> Look {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let size = is_terminal.then(crossterm::terminal::size);
    Look {
        width: size.and_then(Result::ok).map(|(width, _)| width.into()),
        colours: is_terminal && !is_set("NO_COLOR") && !is_dumb,
    }
}

/// How long the machine has been up.
fn uptime() -> Duration {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_ascii_whitespace().next();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default()
}
