//! The stress: many processes over many named objects, with every token counted, while workers are killed all the time.
//!
//! Sixteen workers wait for any and all of 64 named objects, signal, time out, close, open again and are killed at random
//! instants. Each keeps a page of a *ledger*: what it gave to and took from each object, and the call that it is in the
//! middle of. A page is written with one call to the kernel, so a kill leaves it before or after a call, never between.
//! Rounds end with a count: what all objects hold must be what the ledger says, where the last call of a killed worker
//! may have happened or not, but as a whole.
//!
//! | part | what it is |
//! |---|---|
//! | [`ledger`] | the pages, and the marks by which owners of mutexes notice each other |
//! | [`worker`] | the processes that are killed |
//! | [`coordinator`] | the process that starts, kills, counts |

mod coordinator;
mod ledger;
mod worker;

use std::time::Duration;

use tong::wait::Waitable;
use tong::{Event, Made, Mutex, ObjectName, Reset, Semaphore, Timer};

use crate::puppet::fresh_root;
use crate::support::{Actor, Watchdog};

pub(crate) use coordinator::role_stress_coordinator;
pub(crate) use worker::role_stress_worker;

/// How many workers there are at any time.
const WORKERS: usize = 16;
/// How many named objects that live as long as the run.
const OBJECTS: usize = 64;
/// What each semaphore holds at the start of a round.
const START: u32 = 3;
/// Names that come and go, besides.
const PASSING: usize = 8;

/// What an object of the stress is, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Tokens are counted.
    Semaphore,
    /// An auto event that is set only by whoever took it: one token.
    Baton,
    Mutex,
    /// A manual event, for disturbance.
    Gate,
    /// For disturbance.
    Timer,
}

impl Kind {
    fn of(number: usize) -> Kind {
        match number {
            0..=27 => Kind::Semaphore,
            28..=43 => Kind::Baton,
            44..=55 => Kind::Mutex,
            56..=59 => Kind::Gate,
            _ => Kind::Timer,
        }
    }

    /// The numbers of the objects of this kind.
    fn all(self) -> impl Iterator<Item = usize> {
        (0..OBJECTS).filter(move |number| Kind::of(*number) == self)
    }

    /// Whether the ledger counts its tokens.
    fn is_counted(self) -> bool {
        matches!(self, Kind::Semaphore | Kind::Baton)
    }
}

/// An open object of the stress.
enum Object {
    Semaphore(Semaphore),
    Event(Event),
    Mutex(Mutex),
    Timer(Timer),
}

impl Object {
    /// Makes or opens the object of that number.
    fn open(number: usize) -> (Object, Made) {
        let name = ObjectName::parse(&format!("stress-{number}")).unwrap();
        match Kind::of(number) {
            Kind::Semaphore => {
                let (semaphore, made) = Semaphore::create(&name, START, 1_000_000).unwrap();
                (Object::Semaphore(semaphore), made)
            }
            Kind::Baton => {
                let (event, made) = Event::create(&name, Reset::Auto, true).unwrap();
                (Object::Event(event), made)
            }
            Kind::Gate => {
                let (event, made) = Event::create(&name, Reset::Manual, false).unwrap();
                (Object::Event(event), made)
            }
            Kind::Mutex => {
                let (mutex, made) = Mutex::create(&name, false).unwrap();
                (Object::Mutex(mutex), made)
            }
            Kind::Timer => {
                let (timer, made) = Timer::create(&name, Reset::Auto).unwrap();
                (Object::Timer(timer), made)
            }
        }
    }

    fn waitable(&self) -> &dyn Waitable {
        match self {
            Object::Semaphore(semaphore) => semaphore,
            Object::Event(event) => event,
            Object::Mutex(mutex) => mutex,
            Object::Timer(timer) => timer,
        }
    }

    fn semaphore(&self) -> &Semaphore {
        match self {
            Object::Semaphore(semaphore) => semaphore,
            _ => unreachable!("asked for by its number"),
        }
    }

    fn event(&self) -> &Event {
        match self {
            Object::Event(event) => event,
            _ => unreachable!("asked for by its number"),
        }
    }

    fn mutex(&self) -> &Mutex {
        match self {
            Object::Mutex(mutex) => mutex,
            _ => unreachable!("asked for by its number"),
        }
    }

    /// How many tokens it holds now.
    fn tokens(&self) -> i64 {
        match self {
            Object::Semaphore(semaphore) => semaphore.count().into(),
            Object::Event(event) => event.is_signaled().into(),
            _ => 0,
        }
    }

    fn waiters(&self) -> usize {
        match self {
            Object::Semaphore(semaphore) => semaphore.waiters(),
            Object::Event(event) => event.waiters(),
            Object::Mutex(mutex) => mutex.waiters(),
            Object::Timer(timer) => timer.waiters(),
        }
    }
}

/// The stress: no token is lost or made, no wait hangs, no name has two objects, nothing is left.
///
/// W-1, W-2, W-30 to W-33, W-40, W-44, W-46 to W-48, W-88 to W-91, W-97, H-99, all at once. Ten seconds; ten minutes with
/// `TONG_STRESS=1`.
#[test]
fn no_token_is_lost_by_many_processes_that_are_killed_all_the_time() {
    const TEST: &str = "no_token_is_lost_by_many_processes";
    let seconds = super::rounds(10, 600);
    let limit = Duration::from_secs(u64::from(seconds) * 2 + 60);
    let _watchdog = Watchdog::new(TEST, limit);
    let root = fresh_root();
    let place = format!("TONG_DIR={}", root.path().display());
    let mut coordinator = Actor::start_by(
        &["env", &place],
        "stress_coordinator",
        &[&seconds.to_string()],
    );
    loop {
        let line = coordinator.line();
        if line.is_empty() || line == "done" {
            assert_eq!(line, "done", "see the coordinator's last words");
            break;
        }
        println!("{line}");
    }
    coordinator.finish();
    let left = super::object_files(root.path());
    assert!(left.is_empty(), "left behind: {left:?}");
}
