//! Taking turns and waiting: mutexes, semaphores, events, and several kinds at once.

use super::worker::name;
use super::{tell, PATIENCE};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tong::wait::{self, Waitable};
use tong::{
    Acquired, Due, ErrorKind, Event, MailslotServer, Mutex, Process, Reset, Result, Semaphore,
    Timer,
};

/// What a worker may be told to do with objects that all share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Turning {
    /// Make the objects that all share, and keep them; the semaphore with so many seats.
    Prepare(u32),
    /// Acquire the mutex.
    Acquire,
    /// Release the mutex.
    Release,
    /// Release the mutex and try to have it back at once.
    ReleaseAndGrab,
    /// Take a seat of the semaphore.
    Sit,
    /// Give the seat back.
    StandUp,
    /// Wait for the semaphore and the event together.
    AwaitAll,
    /// Wait for whichever of five kinds of objects comes first: the process is the one with this id, and the timer takes
    /// so many milliseconds.
    AwaitAny(u32, u64),
    /// Signal the event.
    Ring,
    /// Acquire the mutex of this name, and keep it, whatever may come.
    Grab(String),
}

/// The names of what the workers share.
pub(in super::super) const MUTEX: &str = "tour-mutex";
pub(in super::super) const BELL: &str = "tour-bell";
pub(in super::super) const SEATS: &str = "tour-seats";
/// Two mutexes that two want in opposite order.
pub(in super::super) const FORK: &str = "tour-fork";
pub(in super::super) const SPOON: &str = "tour-spoon";

/// What a worker has of them.
#[derive(Default)]
pub(super) struct Turns {
    shared: Option<(Mutex, Event, Semaphore)>,
    grabbed: Vec<Mutex>,
}

impl Turns {
    pub(super) fn work(&mut self, order: &Turning) -> Result<()> {
        match order {
            Turning::Prepare(seats) => self.prepare(*seats),
            Turning::Acquire => acquire(),
            Turning::Release => release(),
            Turning::ReleaseAndGrab => release_and_grab(),
            Turning::Sit => sit(),
            Turning::StandUp => stand_up(),
            Turning::AwaitAll => await_all(),
            Turning::AwaitAny(pid, ms) => await_any(*pid, Duration::from_millis(*ms)),
            Turning::Ring => ring(),
            Turning::Grab(mutex) => self.grab(mutex),
        }
    }

    fn prepare(&mut self, seats: u32) -> Result<()> {
        let mutex = Mutex::create(&name(MUTEX)?, false)?.0;
        let bell = Event::create(&name(BELL)?, Reset::Auto, false)?.0;
        let seats = Semaphore::create(&name(SEATS)?, seats, seats)?.0;
        self.shared = Some((mutex, bell, seats));
        tell("makes the objects");
        Ok(())
    }

    fn grab(&mut self, mutex: &str) -> Result<()> {
        let what = mutex.trim_start_matches("tour-");
        let (mutex, _) = Mutex::create(&name(mutex)?, false)?;
        tell(&format!("wants {what}"));
        match mutex.acquire(Some(PATIENCE))? {
            Acquired::Clean => tell(&format!("has {what}")),
            Acquired::Abandoned => tell("abandoned!"),
        }
        self.grabbed.push(mutex);
        Ok(())
    }
}

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

// The same holds for the seats.

fn sit() -> Result<()> {
    let seats = Semaphore::open(&name(SEATS)?)?;
    tell("wants a seat");
    seats.acquire(Some(PATIENCE))?;
    tell("has a seat");
    Ok(())
}

fn stand_up() -> Result<()> {
    let seats = Semaphore::open(&name(SEATS)?)?;
    tell("stands up");
    seats.release(1).map(drop)
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
