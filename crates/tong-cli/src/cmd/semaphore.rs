//! `tong semaphore`.

use super::keep::tell_and_keep;
use super::{info, object_name, wait};
use crate::args::{CreateSemaphore, ReleaseArgs, SemaphoreCommand};
use crate::exit::Failure;
use crate::output;
use crate::signals::Signals;
use serde::Serialize;
use tong::Semaphore;

/// What `release --json` prints.
#[derive(Serialize)]
struct Record<'a> {
    kind: &'static str,
    name: &'a str,
    released: u32,
    /// The count before.
    previous: u32,
}

pub(crate) fn run(command: &SemaphoreCommand) -> Result<(), Failure> {
    match command {
        SemaphoreCommand::Create(args) => create(args),
        SemaphoreCommand::Acquire(args) => wait::one("semaphore", args),
        SemaphoreCommand::Release(args) => release(args),
        SemaphoreCommand::Info(args) => info::object("semaphore", args),
    }
}

fn create(args: &CreateSemaphore) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = object_name(&args.make.name)?;
    let initial = args.initial.unwrap_or(args.max);
    let (semaphore, made) = Semaphore::create(&name, initial, args.max)?;
    let outcome = tell_and_keep("semaphore", &name, made, &args.make, &signals);
    drop(semaphore);
    outcome
}

fn release(args: &ReleaseArgs) -> Result<(), Failure> {
    let name = object_name(&args.name)?;
    let previous = Semaphore::open(&name)?.release(args.count)?;
    if !args.json {
        return output::print(&format!("{previous}\n"));
    }
    output::print_json(&Record {
        kind: "semaphore",
        name: name.as_str(),
        released: args.count,
        previous,
    })
}
