//! `tong timer`.

use super::keep::tell_and_keep;
use super::{info, object_name, wait, Done};
use crate::args::{ActArgs, CreateTimer, SetTimer, TimerCommand};
use crate::exit::Failure;
use crate::signals::Signals;
use tong::{Reset, Timer};

pub(crate) fn run(command: &TimerCommand) -> Result<(), Failure> {
    match command {
        TimerCommand::Create(args) => create(args),
        TimerCommand::Set(args) => set(args),
        TimerCommand::Cancel(args) => cancel(args),
        TimerCommand::Wait(args) => wait::one("timer", args),
        TimerCommand::Info(args) => info::object("timer", args),
    }
}

fn create(args: &CreateTimer) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = object_name(&args.make.name)?;
    let reset = if args.manual {
        Reset::Manual
    } else {
        Reset::Auto
    };
    let (timer, made) = Timer::create(&name, reset)?;
    let is_ours = made == tong::Made::New || !args.make.new;
    if let Some(due) = args.due.filter(|_| is_ours) {
        timer.set(due, args.every)?;
    }
    let outcome = tell_and_keep("timer", &name, made, &args.make, &signals);
    drop(timer);
    outcome
}

fn set(args: &SetTimer) -> Result<(), Failure> {
    let name = object_name(&args.name)?;
    Timer::open(&name)?.set(args.due, args.every)?;
    Done::new("timer", &name, "set").tell(args.json)
}

fn cancel(args: &ActArgs) -> Result<(), Failure> {
    let name = object_name(&args.name)?;
    Timer::open(&name)?.cancel()?;
    Done::new("timer", &name, "cancel").tell(args.json)
}
