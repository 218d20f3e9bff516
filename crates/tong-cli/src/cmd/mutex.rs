//! `tong mutex`.

use super::keep::{keep, tell_and_keep, End};
use super::{info, ls, note, object_name};
use crate::args::{CreateMutex, HoldArgs, MutexCommand};
use crate::exit::{complain, Code, Failure};
use crate::output;
use crate::signals::Signals;
use serde::Serialize;
use tong::{wait, Acquired, ErrorKind, Mutex, ObjectName};

/// What `hold --json` prints.
#[derive(Serialize)]
struct Record<'a> {
    kind: &'static str,
    name: &'a str,
    acquired: bool,
    abandoned: bool,
}

pub(crate) fn run(command: &MutexCommand) -> Result<(), Failure> {
    match command {
        MutexCommand::Create(args) => create(args),
        MutexCommand::Hold(args) => hold(args),
        MutexCommand::Info(args) => info::object("mutex", args),
    }
}

fn create(args: &CreateMutex) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = object_name(&args.make.name)?;
    let (mutex, made) = Mutex::create(&name, false)?;
    let outcome = tell_and_keep("mutex", &name, made, &args.make, &signals);
    drop(mutex);
    outcome
}

fn hold(args: &HoldArgs) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = object_name(&args.name)?;
    let (mutex, _made) = Mutex::create(&name, false)?;
    let acquired = acquire(&mutex, &name, args, &signals)?;
    let guard = mutex.adopt(acquired);
    let end = tell(&name, guard.abandoned(), args).and_then(|()| keep(&args.keep, &signals));
    let abandoned = guard.abandoned();
    // Before anything else: a signal may end us next, and the mutex is not to be abandoned by that.
    drop(guard);
    match end? {
        End::Done if abandoned => Err(Failure::Passed(Code::Abandoned.number())),
        end => end.pass_on(),
    }
}

/// Waits for the mutex, or for a signal that asks us to end.
fn acquire(
    mutex: &Mutex,
    name: &ObjectName,
    args: &HoldArgs,
    signals: &Signals,
) -> Result<Acquired, Failure> {
    loop {
        match wait::any(&[mutex, &wait::Fd::of(signals)], args.timeout) {
            Ok(ended) if ended.index == 0 && ended.abandoned => return Ok(Acquired::Abandoned),
            Ok(ended) if ended.index == 0 => return Ok(Acquired::Clean),
            Ok(_) => {
                if let Some(caught) = signals.next() {
                    return Err(Failure::Signal(caught.signal));
                }
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(still_owned(mutex, name, args));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn still_owned(mutex: &Mutex, name: &ObjectName, args: &HoldArgs) -> Failure {
    let owner = match mutex.owner() {
        Some((pid, tid)) => format!("thread {tid} of process {pid}"),
        None => "another thread".to_owned(),
    };
    let ms = args.timeout.unwrap_or_default().as_millis();
    Failure::Own(
        Code::TimedOut,
        format!("mutex {name} was not free within {ms} ms; {owner} owns it"),
    )
}

/// Says that the mutex is ours.
fn tell(name: &ObjectName, abandoned: bool, args: &HoldArgs) -> Result<(), Failure> {
    if abandoned {
        complain(&format!(
            "mutex {name} was abandoned: its last owner ended without releasing it, and what it guards may be half-changed"
        ));
    }
    if args.json {
        return output::print_json(&Record {
            kind: "mutex",
            name: name.as_str(),
            acquired: true,
            abandoned,
        });
    }
    if args.keep.program.is_empty() {
        output::print(&format!("holding mutex {}\n", ls::shown(name.as_str())))?;
        note(false, "Ctrl-C releases it");
    }
    Ok(())
}
