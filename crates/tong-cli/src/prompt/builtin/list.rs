//! `jobs` and `history`.

use super::{take_json, usage, Context};
use crate::cmd::table;
use crate::exit::Failure;
use crate::prompt::describe_end;
use crate::prompt::jobs::{Job, State};
use crate::text;
use serde::Serialize;

const HEADER: [&str; 4] = ["JOB", "STATE", "PIDS", "COMMAND"];

/// A job as `--json` prints it.
#[derive(Serialize)]
struct JobRecord<'a> {
    job: u32,
    state: &'static str,
    exit_code: Option<u32>,
    pids: Vec<u32>,
    command: &'a str,
}

/// A line as `--json` prints it.
#[derive(Serialize)]
struct LineRecord<'a> {
    number: usize,
    line: &'a str,
}

/// `jobs`: those that have ended are listed for the last time.
pub(super) fn jobs(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let (as_json, rest) = take_json("jobs", arguments)?;
    if !rest.is_empty() {
        return Err(usage("jobs", "it takes no arguments"));
    }
    context.shell.jobs.look();
    let jobs: Vec<&Job> = context.shell.jobs.iter().collect();
    if as_json {
        let records: Vec<String> = jobs.iter().map(|job| record(job)).collect();
        return context.print(&records.concat()).map(|()| 0);
    }
    if !jobs.is_empty() {
        let rows: Vec<_> = jobs.iter().map(|job| row(job)).collect();
        let table = table(&HEADER, &rows, &[0]);
        context.print_styled(&format!("{table}\n"))?;
    }
    Ok(0)
}

fn record(job: &Job) -> String {
    let state = job.state();
    let record = JobRecord {
        job: job.number(),
        state: state.word(),
        exit_code: match state {
            State::Ended(code) => Some(code),
            State::Running | State::Stopped => None,
        },
        pids: job.pids(),
        command: job.text(),
    };
    // Texts and numbers always are JSON.
    let line = serde_json::to_string(&record).unwrap_or_default();
    format!("{line}\n")
}

fn row(job: &Job) -> [String; 4] {
    let pids: Vec<String> = job.pids().iter().map(u32::to_string).collect();
    let state = match job.state() {
        State::Ended(code) => format!("ended, {}", describe_end(code)),
        state => state.word().to_owned(),
    };
    [
        job.number().to_string(),
        state,
        pids.join(" "),
        job.text().to_owned(),
    ]
}

/// `history [COUNT]`: the last lines, or all.
pub(super) fn history(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let (as_json, rest) = take_json("history", arguments)?;
    let count = match rest[..] {
        [] => usize::MAX,
        [count] => count
            .parse()
            .map_err(|_| usage("history", &format!("{count} is no number")))?,
        _ => return Err(usage("history", "there is one number at most")),
    };
    let lines = std::mem::take(&mut context.shell.history);
    let skipped = lines.len().saturating_sub(count);
    let numbered = lines.iter().enumerate().skip(skipped);
    let mut shown = Ok(());
    for (index, line) in numbered {
        let number = index + 1;
        shown = shown.and_then(|()| match as_json {
            true => context.print_json(&LineRecord { number, line }),
            false => {
                let text = text::visible(line).replace('\n', "\n       ");
                context.print(&format!("{number:>5}  {text}\n"))
            }
        });
    }
    context.shell.history = lines;
    shown.map(|()| 0)
}
