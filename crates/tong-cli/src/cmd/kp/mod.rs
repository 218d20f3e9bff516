//! `tong kp`: ends processes, and says what happened to each.
//!
//! First all processes are held that are meant, then the question is asked, then they are ended. What is wrong with single
//! ones is told, and the others are ended nevertheless; what is wrong with the command line stops everything.

mod target;
mod tree;
mod victim;

pub(crate) use victim::Victim;

use super::lp::users::{self, Users};
use crate::args::KpArgs;
use crate::exit::{complain, Code, Failure};
use crate::{output, text};
use nix::unistd::geteuid;
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};
use target::{is_called, Target};
use tong::process::list::{self, Listed};
use tree::Family;
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
    let mut family = Family::default();
    for target in targets {
        open(&target, whose, &mut family.members, &mut report)?;
    }
    if args.tree {
        family.extend()?;
    }
    if !args.yes && needs_question(&family.members) {
        ask(&family.members)?;
    }
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
    victims: &mut Vec<Victim>,
    report: &mut Report,
) -> Result<(), Failure> {
    let is_new = |victims: &[Victim], pid| victims.iter().all(|it| it.listed().pid != pid);
    let name = match target {
        Target::Process { pid, started } if is_new(victims, *pid) => {
            return match Victim::hold(*pid, *started) {
                Ok(victim) => {
                    victims.push(victim);
                    Ok(())
                }
                Err(refusal) => report.refused(&refusal),
            };
        }
        Target::Process { .. } => return Ok(()),
        Target::Name(name) => name,
    };
    let mut is_there = false;
    let called = called(name)?;
    let (ours, others): (Vec<_>, Vec<_>) = called
        .into_iter()
        .partition(|process| whose.is_none_or(|uid| uid == process.uid));
    for Listed { pid, started, .. } in ours {
        match Victim::hold(pid, Some(started)) {
            Ok(victim) if is_new(victims, pid) => victims.push(victim),
            Ok(_) => {}
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

fn needs_question(victims: &[Victim]) -> bool {
    victims.len() > 1 || victims.iter().any(Victim::is_foreign)
}

/// Asks whether these are to be ended. Without somebody to ask that is a failure.
fn ask(victims: &[Victim]) -> Result<(), Failure> {
    let users = Users::default();
    let line = |victim: &Victim| {
        let listed = victim.listed();
        let program = text::line(listed.program.as_bytes());
        format!("  {:>7}  {}  {program}", listed.pid, users.name(listed.uid))
    };
    let mut lines: Vec<_> = victims.iter().take(SHOWN_MAX).map(line).collect();
    if victims.len() > SHOWN_MAX {
        lines.push(format!("  and {} more", victims.len() - SHOWN_MAX));
    }
    let lines = lines.join("\n");
    let what = match victims.len() {
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
        let message = victim.told(code);
        match self.json {
            true => output::print_json(&Record {
                pid: Some(victim.listed().pid),
                program: Some(&victim.listed().program),
                outcome: "ended",
                exit_code: Some(code),
                hex: Some(format!("0x{code:08x}")),
                message: &message,
            }),
            false => output::print(&format!("{message}\n")),
        }
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
