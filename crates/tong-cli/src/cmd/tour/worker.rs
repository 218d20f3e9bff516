//! The workers of the tour's second part, seen from inside: a manager, those who share objects with it, and the programs
//! that the manager starts.

use super::actor::{failed, orders, report, Did, Order, PATIENCE};
use super::piper::{Piper, Piping};
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tong::handle::{
    duplicate, DuplicateRights, Handle, Kind, Object, Party, Rights, Source, Table, Wish,
};
use tong::wait::{self, Waitable};
use tong::{
    Acquired, Due, ErrorKind, Event, Inherit, MailslotServer, Mutex, ObjectName, Process,
    ProcessOptions, Reset, Result, Semaphore, Timer,
};

/// The exit code of a guest that could use both of its handles.
pub(super) const WELCOME: u32 = 7_700_077;
/// How often a guest looks whether it was given something.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a worker may be told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Work {
    /// Start a program for each range, that adds up its numbers.
    Hire(Vec<(u32, u32)>),
    /// Report the exit codes of these programs as they are.
    AskCodes,
    /// Let the programs begin.
    Go,
    /// Wait until all of them have ended.
    AwaitPrograms,
    /// Make the objects that all share, and keep them.
    Prepare,
    /// Acquire the mutex.
    Acquire,
    /// Release the mutex.
    Release,
    /// Release the mutex and try to have it back at once.
    ReleaseAndGrab,
    /// Wait for the semaphore and the event together.
    AwaitAll,
    /// Wait for whichever of five kinds of objects comes first: the process is the one with this id, and the timer takes
    /// so many milliseconds.
    AwaitAny(u32, u64),
    /// Signal the event.
    Ring,
    /// Start a program that inherits a handle.
    Invite,
    /// Put one more handle into that program's table.
    Give,
    /// Signal what the guest waits for, and wait for its end.
    Farewell,
    /// Something with pipes.
    Pipe(Piping),
}

/// The names of what the workers share.
pub(super) const MUTEX: &str = "tour-mutex";
pub(super) const BELL: &str = "tour-bell";
pub(super) const SEATS: &str = "tour-seats";
const GO: &str = "tour-go";
const GATE: &str = "tour-gate";

/// Does what it is told to until its input ends.
pub(super) fn run() -> std::result::Result<(), Failure> {
    let mut worker = Worker::default();
    for order in orders() {
        if let Order::Work(work) = order {
            if let Err(error) = worker.work(&work) {
                report(failed(&error))?;
            }
        }
    }
    Ok(())
}

/// What a worker has.
#[derive(Default)]
struct Worker {
    programs: Vec<(String, Process)>,
    go: Option<Event>,
    shared: Option<(Mutex, Event, Semaphore)>,
    guest: Option<(Process, Handle)>,
    gate: Option<Event>,
    handles: Vec<Handle>,
    piper: Piper,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.piper.put_away();
        // The table itself is only given up with the process, which would leave the files of names behind.
        for handle in self.handles.drain(..) {
            let _ = Table::of_process().close(handle);
        }
    }
}

impl Worker {
    fn work(&mut self, work: &Work) -> Result<()> {
        match work {
            Work::Hire(ranges) => ranges.iter().try_for_each(|range| self.hire(*range)),
            Work::AskCodes => self.ask_codes(),
            Work::Go => self.go(),
            Work::AwaitPrograms => self.await_programs(),
            Work::Prepare => self.prepare(),
            Work::Acquire => acquire(),
            Work::Release => release(),
            Work::ReleaseAndGrab => release_and_grab(),
            Work::AwaitAll => await_all(),
            Work::AwaitAny(pid, ms) => await_any(*pid, Duration::from_millis(*ms)),
            Work::Ring => ring(),
            Work::Invite => self.invite(),
            Work::Give => self.give(),
            Work::Farewell => self.farewell(),
            Work::Pipe(piping) => self.piper.work(piping),
        }
    }

    fn hire(&mut self, (first, last): (u32, u32)) -> Result<()> {
        if self.go.is_none() {
            self.go = Some(Event::create(&name(GO)?, Reset::Manual, false)?.0);
        }
        let range = format!("{first}-{last}");
        let program = myself("adder", &range).spawn()?;
        say(Did::Start(format!("adder {range}"), program.id()));
        self.programs.push((range, program));
        Ok(())
    }

    /// As a program would that does not wait: a program that still runs has the code 259.
    fn ask_codes(&self) -> Result<()> {
        for (range, program) in &self.programs {
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
        let all: Vec<&dyn Waitable> = self.programs.iter().map(|it| &it.1 as _).collect();
        wait::all(&all, Some(PATIENCE))?;
        tell("all have ended");
        Ok(())
    }

    fn prepare(&mut self) -> Result<()> {
        let mutex = Mutex::create(&name(MUTEX)?, false)?.0;
        let bell = Event::create(&name(BELL)?, Reset::Auto, false)?.0;
        let seats = Semaphore::create(&name(SEATS)?, 1, 1)?.0;
        self.shared = Some((mutex, bell, seats));
        tell("makes the objects");
        Ok(())
    }

    /// Two handles, of which a child is to inherit one.
    fn invite(&mut self) -> Result<()> {
        let table = Table::of_process();
        let gate = Event::create(&name(GATE)?, Reset::Manual, false)?.0;
        let mut keep = |object: Object, inherit: bool| -> Result<Handle> {
            let rights = object.kind().generic().all;
            let handle = table.insert(object, rights, inherit)?;
            self.handles.push(handle);
            Ok(handle)
        };
        keep(Object::Mutex(Mutex::new(false)?), false)?;
        keep(Object::Event(gate.clone()), true)?;
        let seats = keep(Object::Semaphore(Semaphore::open(&name(SEATS)?)?), false)?;
        let guest = myself("guest", "tour").inherit(Inherit::All).spawn()?;
        say(Did::Start("a guest".to_owned(), guest.id()));
        self.guest = Some((guest, seats));
        self.gate = Some(gate);
        Ok(())
    }

    fn give(&self) -> Result<()> {
        if let Some((guest, seats)) = &self.guest {
            let wish = Wish {
                rights: DuplicateRights::Exactly(Rights::SYNCHRONIZE),
                inherit: false,
                close_source: false,
            };
            let to = Party::Process(guest);
            duplicate(Party::This, Source::Handle(*seats), to, wish)?;
            tell("gives it a semaphore");
        }
        Ok(())
    }

    fn farewell(&self) -> Result<()> {
        self.gate.as_ref().map_or(Ok(()), Event::set)?;
        if let Some((guest, _)) = &self.guest {
            guest.wait(Some(PATIENCE))?;
            let code = guest.exit_code()?.unwrap_or(STILL_ACTIVE);
            say(Did::Code("guest".to_owned(), code));
        }
        Ok(())
    }
}

/// What Windows says of a process that has not ended.
const STILL_ACTIVE: u32 = 259;

fn acquire() -> Result<()> {
    let mutex = Mutex::open(&name(MUTEX)?)?;
    tell("wants it");
    match mutex.acquire(Some(PATIENCE))? {
        Acquired::Clean => tell("owns it"),
        Acquired::Abandoned => tell("abandoned!"),
    }
    // The object stays while others have it open; the manager does.
    Ok(())
}

// What others do because of these two may be reported before the call comes back, so they are told first.

fn release() -> Result<()> {
    let mutex = Mutex::open(&name(MUTEX)?)?;
    tell("releases");
    mutex.release()
}

fn ring() -> Result<()> {
    let bell = Event::open(&name(BELL)?)?;
    tell("rings the bell");
    bell.set()
}

fn release_and_grab() -> Result<()> {
    let mutex = Mutex::open(&name(MUTEX)?)?;
    mutex.release()?;
    match mutex.acquire(Some(Duration::ZERO)) {
        Ok(_) => tell("has it back"),
        Err(error) if error.kind() == ErrorKind::TimedOut => tell("too late"),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn await_all() -> Result<()> {
    let (seats, bell) = (Semaphore::open(&name(SEATS)?)?, Event::open(&name(BELL)?)?);
    tell("wants both");
    wait::all(&[&seats, &bell], Some(PATIENCE))?;
    tell("has both");
    Ok(())
}

fn await_any(pid: u32, time: Duration) -> Result<()> {
    let (seats, bell) = (Semaphore::open(&name(SEATS)?)?, Event::open(&name(BELL)?)?);
    let process = Process::open(pid)?;
    let slot = tong::MailslotName::short("tour-any")?;
    let slot = MailslotServer::create(&slot)?;
    let timer = Timer::new(Reset::Auto)?;
    timer.set(Due::After(time), None)?;
    tell("wants any");
    let objects: [&dyn Waitable; 5] = [&seats, &bell, &process, &slot, &timer];
    let ended = wait::any(&objects, Some(PATIENCE))?;
    let kind = ["semaphore", "event", "process", "mailslot", "timer"][ended.index];
    tell(&format!("{kind}!"));
    Ok(())
}

/// Adds up the numbers of a range such as `1-5`, and ends with the sum as the exit code.
pub(super) fn add_up(range: &str) -> std::result::Result<(), Failure> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    // Not before it may, so that what the manager sees meanwhile is no matter of luck.
    Event::open(&name(GO)?)?.wait(Some(PATIENCE))?;
    let sum: u32 = (number(first)..=number(last)).sum();
    std::process::exit(i32::try_from(sum).unwrap_or(-1))
}

/// Waits for the event that it inherited, takes the semaphore that it was given, and tells so by its exit code.
pub(super) fn be_a_guest() -> std::result::Result<(), Failure> {
    Table::take_over_inherited();
    let table = Table::of_process();
    let find = |kind: Kind| {
        let row = table.rows().into_iter().find(|row| row.kind == kind)?;
        table.get(row.handle).ok()
    };
    let use_up = |kind: Kind| -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let found = find(kind);
            // What it is given meanwhile comes into the table when it uses a handle.
            let object = found
                .as_ref()
                .and_then(|found| found.object().as_waitable());
            if object.is_some_and(|object| wait::any(&[object], Some(LOOK_EVERY)).is_ok()) {
                return true;
            }
        }
        false
    };
    let both = use_up(Kind::Event) && use_up(Kind::Semaphore);
    let code = if both { WELCOME } else { 1 };
    std::process::exit(i32::try_from(code).unwrap_or(-1))
}

/// This program in another role, as a child that the library starts.
fn myself(role: &str, subject: &str) -> ProcessOptions {
    ProcessOptions::new("/proc/self/exe").args(["tour-actor", role, subject])
}

fn name(text: &str) -> Result<ObjectName> {
    ObjectName::parse(text)
}

pub(super) fn tell(text: &str) {
    say(Did::Tell(text.to_owned()));
}

/// Reports what was done. If nobody listens any more our input ends too, and so do we.
pub(super) fn say(did: Did) {
    let _ = report(did);
}
