//! `tong kp`: ends processes, and says what happened to each.
//!
//! First all processes are held that are meant, then the question is asked, then they are ended. What is wrong with single
//! ones is told, and the others are ended nevertheless; what is wrong with the command line stops everything.

mod target;
mod tree;
mod victim;

pub(crate) use victim::Victim;

use super::lp::users::{self, Users};
use super::program::describe;
use crate::args::KpArgs;
use crate::exit::{complain, Code, Failure};
use crate::{output, text};
use nix::unistd::geteuid;
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};
use target::{is_called, Target};
use tong::process::list::{self, Listed};
use tree::{Family, Held};
use victim::{Refusal, Why};

/// How many processes a question names one by one.
const SHOWN_MAX: usize = 20;

/// What happened to a process, as `--json` prints it.
#[derive(Serialize)]
struct Record<'a> {
    pid: Option<u32>,
    program: Option<&'a str>,
    outcome: &'a str,
    exit_code: Option<u32>,
    hex: Option<String>,
    message: &'a str,
}

/// What is told, and how the command ends.
struct Report {
    json: bool,
    /// The code of the first failure.
    failed: Option<Code>,
}

pub(crate) fn run(args: &KpArgs) -> Result<(), Failure> {
    end(args, Family::new(false)).0
}

/// The same in the process of a prompt, which can end itself: the second value says whether it is to, once all is told.
pub(crate) fn run_in_prompt(args: &KpArgs) -> (Result<(), Failure>, bool) {
    end(args, Family::new(true))
}

fn end(args: &KpArgs, mut family: Family) -> (Result<(), Failure>, bool) {
    // Who is stopped is ended or goes on, whatever is typed meanwhile.
    let _held = args.tree.then(Held::back);
    let mut is_agreed = false;
    let ended = end_all(args, &mut family, &mut is_agreed);
    (ended, is_agreed && family.itself)
}

fn end_all(args: &KpArgs, family: &mut Family, is_agreed: &mut bool) -> Result<(), Failure> {
    let targets: Result<Vec<_>, _> = args
        .processes
        .iter()
        .map(|text| Target::parse(text))
        .collect();
    let mut report = Report {
        json: args.json,
        failed: None,
    };
    let targets = targets?;
    let whose = match (&args.user, args.all_users) {
        (_, true) => None,
        (Some(user), false) => Some(users::id(user)?),
        (None, false) => Some(geteuid().as_raw()),
    };
    for target in targets {
        open(&target, whose, family, &mut report)?;
    }
    if args.tree {
        family.extend()?;
    }
    if !args.yes && needs_question(family) {
        ask(family)?;
    }
    *is_agreed = true;
    if args.tree {
        family.freeze()?;
        // What was started goes before what started it: if one of them is what we run in, it is the last.
        family.members.reverse();
    }
    for victim in &family.members {
        match victim.kill(args.code, args.wait) {
            Ok(code) => report.ended(victim, code)?,
            Err(refusal) => report.refused(&refusal)?,
        }
    }
    if family.itself {
        report.itself(args.code)?;
    }
    // This command itself may be below them; it ends anyway. Others may have ended meanwhile.
    let is_news = |refusal: &&Refusal| matches!(refusal.why, Why::Denied(_) | Why::Other(..));
    for refusal in family.refused.iter().filter(is_news) {
        report.refused(refusal)?;
    }
    match report.failed {
        None => Ok(()),
        Some(code) => Err(Failure::Passed(code.number())),
    }
}

/// Takes hold of what a word means, once.
fn open(
    target: &Target,
    whose: Option<u32>,
    family: &mut Family,
    report: &mut Report,
) -> Result<(), Failure> {
    let name = match target {
        Target::Process { pid, .. } if family.has(*pid) => return Ok(()),
        Target::Process { pid, started } => {
            return match family.take(*pid, *started) {
                Ok(()) => Ok(()),
                Err(refusal) => report.refused(&refusal),
            };
        }
        Target::Name(name) => name,
    };
    let mut is_there = false;
    let called = called(name)?;
    let (ours, others): (Vec<_>, Vec<_>) = called
        .into_iter()
        .partition(|process| whose.is_none_or(|uid| uid == process.uid));
    for Listed { pid, started, .. } in ours {
        match family.take(pid, Some(started)) {
            Ok(()) => {}
            // It has ended since the list was made.
            Err(refusal) if matches!(refusal.why, Why::NoSuch | Why::Ended(_)) => continue,
            Err(refusal) => report.refused(&refusal)?,
        }
        is_there = true;
    }
    match is_there {
        true => Ok(()),
        false => report.nobody(name, !others.is_empty()),
    }
}

/// The processes that run a program of this name, but for this one: whoever wants to end it does not do so by name.
fn called(name: &str) -> Result<Vec<Listed>, Failure> {
    let processes = list::processes()?.into_iter();
    let called = processes
        .filter(|process| is_called(&process.program, name) && process.pid != std::process::id());
    Ok(called.collect())
}

fn needs_question(family: &Family) -> bool {
    family.len() > 1 || family.members.iter().any(Victim::is_foreign)
}

/// Asks whether these are to be ended. Without somebody to ask that is a failure.
fn ask(family: &Family) -> Result<(), Failure> {
    let users = Users::default();
    let line = |victim: &Victim| {
        let listed = victim.listed();
        let program = text::line(listed.program.as_bytes());
        format!("  {:>7}  {}  {program}", listed.pid, users.name(listed.uid))
    };
    let mut lines: Vec<_> = family.members.iter().take(SHOWN_MAX).map(line).collect();
    if family.members.len() > SHOWN_MAX {
        lines.push(format!("  and {} more", family.members.len() - SHOWN_MAX));
    }
    if family.itself {
        lines.push("  and this prompt itself".to_owned());
    }
    let lines = lines.join("\n");
    let what = match family.len() {
        1 => "this process of another user".to_owned(),
        count => format!("these {count} processes"),
    };
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let text = format!("nothing was ended; to end {what}, add --yes:\n{lines}");
        return Err(Failure::Own(Code::Usage, text));
    }
    let question = format!("tong: end {what}?\n{lines}\nyes or no [no]: ");
    let answer = answer(&question)
        .map_err(|error| Failure::Io("cannot ask at the terminal".to_owned(), error))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Own(Code::Other, "nothing was ended".to_owned())),
    }
}

fn answer(question: &str) -> io::Result<String> {
    let mut stderr = io::stderr();
    stderr.write_all(text::visible(question).as_bytes())?;
    stderr.flush()?;
    let mut answer = String::new();
    if crate::signals::await_input()? {
        io::stdin().lock().read_line(&mut answer)?;
    } else {
        // The cursor stands behind the terminal's ^C.
        writeln!(stderr)?;
    }
    Ok(answer)
}

impl Report {
    fn ended(&self, victim: &Victim, code: u32) -> Result<(), Failure> {
        let listed = victim.listed();
        self.told(Some(listed.pid), &listed.program, code, &victim.told(code))
    }

    fn told(
        &self,
        pid: Option<u32>,
        program: &str,
        code: u32,
        message: &str,
    ) -> Result<(), Failure> {
        match self.json {
            true => output::print_json(&Record {
                pid,
                program: Some(program),
                outcome: "ended",
                exit_code: Some(code),
                hex: Some(format!("0x{code:08x}")),
                message,
            }),
            false => output::print(&format!("{message}\n")),
        }
    }

    /// The prompt ends, in a moment.
    fn itself(&self, code: u32) -> Result<(), Failure> {
        let pid = std::process::id();
        let message = format!(
            "process {pid} (this prompt) ends with exit code {}",
            describe(code)
        );
        self.told(Some(pid), "tong", code, &message)
    }

    fn refused(&mut self, refusal: &Refusal) -> Result<(), Failure> {
        let message = refusal.text();
        let code = match refusal.why {
            Why::Ended(code) => code,
            _ => None,
        };
        self.fail(
            refusal.code(),
            &Record {
                pid: Some(refusal.pid),
                program: refusal.program.as_deref(),
                outcome: refusal.word(),
                exit_code: code,
                hex: code.map(|code| format!("0x{code:08x}")),
                message: &message,
            },
        )
    }

    /// There is no process that runs a program of this name, or only other users' do.
    fn nobody(&mut self, name: &str, others_do: bool) -> Result<(), Failure> {
        let message = match others_do {
            true => format!(
                "only processes of other users run a program called {name}; see --user and --all-users"
            ),
            false => format!("no process runs a program called {name}; tong lp shows what runs"),
        };
        self.fail(
            Code::NotFound,
            &Record {
                pid: None,
                program: Some(name),
                outcome: "no_such_process",
                exit_code: None,
                hex: None,
                message: &message,
            },
        )
    }

    fn fail(&mut self, code: Code, record: &Record<'_>) -> Result<(), Failure> {
        self.failed.get_or_insert(code);
        complain(record.message);
        match self.json {
            true => output::print_json(record),
            false => Ok(()),
        }
    }
}
