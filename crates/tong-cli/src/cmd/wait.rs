//! `tong wait`: waits for any or all of several objects.

mod target;

use super::program::describe;
use crate::args::{AwaitArgs, WaitArgs};
use crate::exit::{Code, Failure};
use crate::{output, text};
use serde::Serialize;
use std::time::Duration;
use target::Target;
use tong::wait::{self, Waitable};
use tong::{Error, ErrorKind};

/// The exit code that says "the first object", with `--which`; those that shells use for themselves begin at 126.
const FIRST: usize = 64;
const WHICH_MAX: usize = 126 - FIRST;

/// What `--json` prints.
#[derive(Serialize)]
struct Record<'a> {
    /// The object, as it was written; `all`; or nothing after a time-out.
    ended_by: Option<&'a str>,
    index: Option<usize>,
    abandoned: bool,
    /// Of a process.
    exit_code: Option<u32>,
    timed_out: bool,
}

/// How a wait is to be done and told.
struct Wish {
    all: bool,
    which: bool,
    json: bool,
    timeout: Option<Duration>,
}

pub(crate) fn run(args: &WaitArgs) -> Result<(), Failure> {
    if args.which && args.objects.len() > WHICH_MAX {
        let why = format!("--which can tell {WHICH_MAX} objects apart, and here are more");
        return Err(Failure::Own(Code::Usage, why));
    }
    let wish = Wish {
        all: args.all,
        which: args.which,
        json: args.json,
        timeout: args.timeout,
    };
    wait_for(&args.objects, &wish)
}

/// Waits for one object of this kind.
pub(super) fn one(kind: &str, args: &AwaitArgs) -> Result<(), Failure> {
    let wish = Wish {
        all: false,
        which: false,
        json: args.json,
        timeout: args.timeout,
    };
    let outcome = wait_for(&[format!("{kind}:{}", args.name)], &wish);
    outcome
}

fn wait_for(objects: &[String], wish: &Wish) -> Result<(), Failure> {
    let targets = objects
        .iter()
        .map(|text| Target::open(text))
        .collect::<Result<Vec<_>, _>>()?;
    let waitables: Vec<&dyn Waitable> = targets.iter().map(Target::waitable).collect();
    let ended = match wish.all {
        true => wait::all(&waitables, wish.timeout).map(|ended| (None, ended.abandoned)),
        false => {
            wait::any(&waitables, wish.timeout).map(|ended| (Some(ended.index), ended.abandoned))
        }
    };
    let (index, abandoned) = match ended {
        Ok(ended) => ended,
        Err(error) if error.kind() == ErrorKind::TimedOut => return too_late(wish),
        Err(error) => return Err(explain(error, wish)),
    };
    let taken = |at: usize| index.is_none_or(|index| index == at);
    for (_, target) in targets.iter().enumerate().filter(|(at, _)| taken(*at)) {
        target.put_away()?;
    }
    tell(objects, &targets, index, abandoned, wish)?;
    match (abandoned, index) {
        (true, _) => Err(Failure::Passed(Code::Abandoned.number())),
        (false, Some(index)) if wish.which => {
            let number = u8::try_from(FIRST + index).unwrap_or(u8::MAX);
            Err(Failure::Passed(number))
        }
        _ => Ok(()),
    }
}

/// Says which object ended the wait.
fn tell(
    objects: &[String],
    targets: &[Target],
    index: Option<usize>,
    abandoned: bool,
    wish: &Wish,
) -> Result<(), Failure> {
    let ended_by = index.map_or("all", |index| objects[index].as_str());
    let exit_code = match index {
        Some(index) => targets[index].exit_code()?,
        None => None,
    };
    if wish.json {
        return output::print_json(&Record {
            ended_by: Some(ended_by),
            index,
            abandoned,
            exit_code,
            timed_out: false,
        });
    }
    let mut line = text::line(ended_by.as_bytes());
    if abandoned {
        line.push_str(" abandoned");
    }
    if let Some(code) = exit_code {
        line.push_str(&format!(" exit code {}", describe(code)));
    }
    output::print(&format!("{line}\n"))
}

fn too_late(wish: &Wish) -> Result<(), Failure> {
    if wish.json {
        output::print_json(&Record {
            ended_by: None,
            index: None,
            abandoned: false,
            exit_code: None,
            timed_out: true,
        })?;
    }
    let ms = wish.timeout.unwrap_or_default().as_millis();
    let what = if wish.all {
        "all objects were not"
    } else {
        "no object was"
    };
    Err(Failure::Own(
        Code::TimedOut,
        format!("{what} signaled within {ms} ms"),
    ))
}

/// Says what people can do about it.
fn explain(error: Error, wish: &Wish) -> Failure {
    match error.kind() {
        ErrorKind::InvalidParameter if wish.all => Failure::Own(
            Code::Usage,
            "one object stands twice in the list, and cannot be taken twice at once".to_owned(),
        ),
        _ => error.into(),
    }
}
