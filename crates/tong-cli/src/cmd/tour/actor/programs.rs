//! Programs that a worker starts, and what becomes of them.

use super::worker::{myself, name, STARTER};
use super::{say, tell, Did, PATIENCE};
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use tong::wait::{self, Waitable};
use tong::{Error, ErrorKind, Event, Process, ProcessOptions, Reset, Result};

const GO: &str = "tour-go";
/// What Windows says of a process that has not ended.
pub(super) const STILL_ACTIVE: u32 = 259;
/// How a shell ends itself with a signal for bad memory, leaving no core file.
const CRASH: &str = "ulimit -c 0; kill -SEGV $$";

/// What a worker may be told to do with programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Hiring {
    /// Start a program for each range, that adds up its numbers.
    Hire(Vec<(u32, u32)>),
    /// Report the exit codes of these programs as they are.
    AskCodes,
    /// Let the programs begin.
    Go,
    /// Wait until all of them have ended.
    AwaitAll,
    /// Start a program that does nothing.
    Sit,
    /// End that program with this exit code.
    End(u32),
    /// Wait until that program ends, and report its exit code.
    AwaitSitter,
    /// Start a program that crashes, and report its exit code.
    Crash,
}

/// What a worker has of programs.
#[derive(Default)]
pub(super) struct Programs {
    adders: Vec<(String, Process)>,
    go: Option<Event>,
    sitter: Option<Process>,
}

impl Programs {
    pub(super) fn work(&mut self, order: &Hiring) -> Result<()> {
        match order {
            Hiring::Hire(ranges) => ranges.iter().try_for_each(|range| self.hire(*range)),
            Hiring::AskCodes => self.ask_codes(),
            Hiring::Go => self.go(),
            Hiring::AwaitAll => self.await_programs(),
            Hiring::Sit => self.sit(),
            Hiring::End(code) => {
                self.sitter
                    .as_ref()
                    .map_or(Ok(()), |it| it.terminate(*code))?;
                self.await_sitter()
            }
            Hiring::AwaitSitter => self.await_sitter(),
            Hiring::Crash => crash(),
        }
    }

    fn hire(&mut self, (first, last): (u32, u32)) -> Result<()> {
        if self.go.is_none() {
            self.go = Some(Event::create(&name(GO)?, Reset::Manual, false)?.0);
        }
        let range = format!("{first}-{last}");
        let program = myself("adder", &range).spawn()?;
        say(Did::Start(format!("adder {range}"), program.id()));
        self.adders.push((range, program));
        Ok(())
    }

    /// As a program would that does not wait: a program that still runs has the code 259.
    fn ask_codes(&self) -> Result<()> {
        for (range, program) in &self.adders {
            let code = program.exit_code()?.unwrap_or(STILL_ACTIVE);
            say(Did::Code(range.clone(), code));
        }
        Ok(())
    }

    fn go(&self) -> Result<()> {
        self.go.as_ref().map_or(Ok(()), Event::set)?;
        tell("lets them add");
        Ok(())
    }

    fn await_programs(&self) -> Result<()> {
        let all: Vec<&dyn Waitable> = self.adders.iter().map(|it| &it.1 as _).collect();
        wait::all(&all, Some(PATIENCE))?;
        tell("all have ended");
        Ok(())
    }

    fn sit(&mut self) -> Result<()> {
        let sitter = myself("sitter", "tour").spawn()?;
        say(Did::Start("a sitter".to_owned(), sitter.id()));
        self.sitter = Some(sitter);
        Ok(())
    }

    fn await_sitter(&mut self) -> Result<()> {
        if let Some(sitter) = self.sitter.take() {
            sitter.wait(Some(PATIENCE))?;
            let code = sitter.exit_code()?.unwrap_or(STILL_ACTIVE);
            say(Did::Code("sitter".to_owned(), code));
        }
        Ok(())
    }
}

fn crash() -> Result<()> {
    let program = ProcessOptions::new("sh").args(["-c", CRASH]).spawn()?;
    program.wait(Some(PATIENCE))?;
    let code = program.exit_code()?.unwrap_or(STILL_ACTIVE);
    say(Did::Code("sh".to_owned(), code));
    Ok(())
}

/// Adds up the numbers of a range such as `1-5`, and ends with the sum as the exit code.
pub(super) fn add_up(range: &str) -> std::result::Result<(), Failure> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    // Not before it may, so that what the manager sees meanwhile is no matter of luck.
    let (go, starter) = (Event::open(&name(GO)?)?, starter()?);
    wait::any(&[&go, &starter], Some(PATIENCE))?;
    let sum: u32 = (number(first)..=number(last)).sum();
    std::process::exit(i32::try_from(sum).unwrap_or(-1))
}

/// Does nothing, until the starter ends.
pub(super) fn sit() -> std::result::Result<(), Failure> {
    starter()?.wait(None)?;
    Ok(())
}

/// Who started us: with it we end too, if the tour is killed.
///
/// If it is gone already, somebody else is our parent now, who may live for ever.
pub(super) fn starter() -> Result<Process> {
    let parent = std::os::unix::process::parent_id();
    match std::env::var(STARTER) {
        Ok(pid) if pid == parent.to_string() => Process::open(parent),
        _ => Err(Error::new("open the starter", ErrorKind::Ended)),
    }
}
