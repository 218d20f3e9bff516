//! `tong event`.

use super::keep::tell_and_keep;
use super::{info, object_name, wait, Done};
use crate::args::{ActArgs, CreateEvent, EventCommand};
use crate::exit::Failure;
use crate::signals::Signals;
use tong::{Event, Reset};

pub(crate) fn run(command: &EventCommand) -> Result<(), Failure> {
    match command {
        EventCommand::Create(args) => create(args),
        EventCommand::Set(args) => act(args, "set", Event::set),
        EventCommand::Reset(args) => act(args, "reset", Event::reset),
        EventCommand::Pulse(args) => act(args, "pulse", Event::pulse),
        EventCommand::Wait(args) => wait::one("event", args),
        EventCommand::Info(args) => info::object("event", args),
    }
}

fn create(args: &CreateEvent) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = object_name(&args.make.name)?;
    let reset = if args.manual {
        Reset::Manual
    } else {
        Reset::Auto
    };
    let (event, made) = Event::create(&name, reset, args.signaled)?;
    let outcome = tell_and_keep("event", &name, made, &args.make, &signals);
    drop(event);
    outcome
}

fn act(
    args: &ActArgs,
    what: &'static str,
    call: fn(&Event) -> tong::Result<()>,
) -> Result<(), Failure> {
    let name = object_name(&args.name)?;
    call(&Event::open(&name)?)?;
    Done::new("event", &name, what).tell(args.json)
}
