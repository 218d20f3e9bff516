//! The thread that waits for all registered waits of the process.
//!
//! It waits for a bell and for the objects of all armed waits. Whoever adds a wait rings the bell. Whoever removes one rings
//! it too, and then waits until the thread has left the wait that it was in: after that nothing can be taken from the object any
//! more, and either the callback is under way or it never will be.

use std::collections::HashMap;
use std::ptr;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tong::handle::Ref;
use tong::object::thread::set_servant;
use tong::wait::{self, Waitable};
use tong::{ErrorKind, Event, Reset};

use crate::completion::Ended;
use crate::error::Code;
use crate::pool;
use crate::timer_queue::WaitOrTimerCallback;
use crate::wait::Source;

/// One registered wait.
pub(super) struct Registered {
    object: Ref,
    callback: WaitOrTimerCallback,
    context: usize,
    time: Option<Duration>,
    once: bool,
    on_waiter: bool,
    ended: Arc<Ended>,
}

impl Registered {
    pub(super) fn new(
        object: Ref,
        callback: WaitOrTimerCallback,
        context: usize,
        time: Option<Duration>,
        once: bool,
        on_waiter: bool,
    ) -> Registered {
        Registered {
            object,
            callback,
            context,
            time,
            once,
            on_waiter,
            ended: Arc::default(),
        }
    }
}

/// A registered wait that is not removed.
struct Present {
    registered: Arc<Registered>,
    /// Until when it waits, while it is armed.
    armed: Option<Until>,
    /// When it was armed, counted over all: what waits longest is looked at first.
    turn: u64,
    /// Somebody is removing it: it is in no further wait, but the present one may still end with it.
    leaving: bool,
}

#[derive(Clone, Copy)]
enum Until {
    Ever,
    At(Instant),
}

impl Until {
    fn after(time: Option<Duration>) -> Until {
        time.and_then(|time| Instant::now().checked_add(time))
            .map_or(Until::Ever, Until::At)
    }

    fn instant(self) -> Option<Instant> {
        match self {
            Until::Ever => None,
            Until::At(at) => Some(at),
        }
    }
}

#[derive(Default)]
struct Waits {
    last_number: u64,
    last_turn: u64,
    present: HashMap<u64, Present>,
    bell: Option<Event>,
    /// Counts the waits that the thread has left.
    rounds: u64,
    /// The thread waits, or is about to, for the waits that were present then.
    waiting: bool,
}

static WAITS: LazyLock<Mutex<Waits>> = LazyLock::new(Mutex::default);
static LEFT: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Waits> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number for a wait to be added.
pub(super) fn reserve() -> u64 {
    let mut waits = lock();
    waits.last_number += 1;
    waits.last_number
}

/// Begins a wait under a reserved number.
pub(super) fn add(number: u64, registered: Registered) -> Result<(), Code> {
    let mut waits = lock();
    if waits.bell.is_none() {
        let bell = Event::new(Reset::Auto, false)?;
        let inside = bell.clone();
        std::thread::Builder::new()
            .name("tong-waits".to_owned())
            .spawn(move || run(&inside))
            .map_err(|_| Code::NOT_ENOUGH_MEMORY)?;
        waits.bell = Some(bell);
    }
    let present = Present {
        registered: Arc::new(registered),
        armed: None,
        turn: 0,
        leaving: false,
    };
    waits.present.insert(number, present);
    waits.arm(number)
}

/// Ends a wait. When this returns its callback is under way or has returned, or it never will be called again.
pub(super) fn remove(number: u64) -> Result<Arc<Ended>, Code> {
    let mut waits = lock();
    let present = waits
        .present
        .get_mut(&number)
        .filter(|present| !present.leaving)
        .ok_or(Code::INVALID_HANDLE)?;
    present.leaving = true;
    let ended = Arc::clone(&present.registered.ended);
    if present.armed.is_some() && waits.waiting {
        waits.ring()?;
        let round = waits.rounds;
        waits = LEFT
            .wait_while(waits, |waits| waits.rounds == round)
            .unwrap_or_else(PoisonError::into_inner);
    }
    waits.present.remove(&number);
    Ok(ended)
}

impl Waits {
    /// Lets the thread leave its wait.
    fn ring(&self) -> Result<(), Code> {
        match &self.bell {
            Some(bell) => Ok(bell.set()?),
            None => Ok(()),
        }
    }

    /// Lets a wait begin, or begin anew.
    fn arm(&mut self, number: u64) -> Result<(), Code> {
        self.last_turn += 1;
        if let Some(present) = self
            .present
            .get_mut(&number)
            .filter(|present| !present.leaving)
        {
            present.armed = Some(Until::after(present.registered.time));
            present.turn = self.last_turn;
        }
        self.ring()
    }

    /// The armed waits, what waits longest first.
    fn armed(&self) -> Vec<(u64, Arc<Registered>, Until)> {
        let armed = |(number, present): (&u64, &Present)| {
            let until = present.armed.filter(|_| !present.leaving)?;
            Some((
                present.turn,
                *number,
                Arc::clone(&present.registered),
                until,
            ))
        };
        let mut armed: Vec<_> = self.present.iter().filter_map(armed).collect();
        armed.sort_unstable_by_key(|(turn, ..)| *turn);
        armed
            .into_iter()
            .map(|(_, number, registered, until)| (number, registered, until))
            .collect()
    }

    /// Counts a callback that is going to run. The wait is not armed until it has returned.
    fn fire(&mut self, number: u64) -> bool {
        let Some(present) = self.present.get_mut(&number) else {
            return false;
        };
        if present.armed.take().is_none() {
            return false;
        }
        present.registered.ended.begin();
        true
    }
}

/// What the thread does.
fn run(bell: &Event) {
    loop {
        let armed = {
            let mut waits = lock();
            waits.waiting = true;
            waits.armed()
        };
        // Without a wait to look after, the thread must not keep a process alive that has ended otherwise.
        set_servant(armed.is_empty());
        let outcome = wait_for(bell, &armed);
        let fired = leave_wait(outcome, &armed);
        for (number, registered, timed_out) in fired {
            start(number, registered, timed_out);
        }
    }
}

/// How a wait of the thread ended.
enum Outcome {
    Nothing,
    Signaled(usize),
    TimePassed,
    /// The wait itself failed.
    Failed,
}

fn wait_for(bell: &Event, armed: &[(u64, Arc<Registered>, Until)]) -> Outcome {
    let sources: Result<Vec<Source<'_>>, Code> = armed
        .iter()
        .map(|(_, registered, _)| Source::of_object(registered.object.object()))
        .collect();
    let Ok(sources) = sources else {
        return Outcome::Failed;
    };
    let mut objects: Vec<&dyn Waitable> = vec![bell];
    objects.extend(sources.iter().map(Source::waitable));
    let next = armed.iter().filter_map(|(.., until)| until.instant()).min();
    let left = next.map(|next| next.saturating_duration_since(Instant::now()));
    match wait::any(&objects, left) {
        Ok(satisfied) if satisfied.index == 0 => Outcome::Nothing,
        Ok(satisfied) => Outcome::Signaled(satisfied.index - 1),
        Err(error) if error.kind() == ErrorKind::TimedOut => Outcome::TimePassed,
        Err(_) => Outcome::Failed,
    }
}

/// Notes which callbacks are to run, and lets those go on who wait for the thread to leave its wait.
fn leave_wait(
    outcome: Outcome,
    armed: &[(u64, Arc<Registered>, Until)],
) -> Vec<(u64, Arc<Registered>, bool)> {
    let mut waits = lock();
    waits.waiting = false;
    waits.rounds += 1;
    LEFT.notify_all();
    let now = Instant::now();
    let over = |until: Until| until.instant().is_some_and(|at| at <= now);
    let fired: Vec<_> = match outcome {
        Outcome::Nothing => Vec::new(),
        Outcome::Signaled(index) => vec![(&armed[index], false)],
        Outcome::TimePassed => armed
            .iter()
            .filter(|(.., until)| over(*until))
            .map(|wait| (wait, true))
            .collect(),
        // An object that cannot be waited for any more must not stop the others: each is tried by itself.
        Outcome::Failed => armed
            .iter()
            .filter(|(_, registered, _)| try_alone(&registered.object))
            .map(|wait| (wait, false))
            .collect(),
    };
    let mut counted = Vec::new();
    for ((number, registered, _), timed_out) in fired {
        if waits.fire(*number) {
            counted.push((*number, Arc::clone(registered), timed_out));
        }
    }
    counted
}

/// Whether a wait for the object alone is satisfied or fails: both end it.
fn try_alone(object: &Ref) -> bool {
    let Ok(source) = Source::of_object(object.object()) else {
        return true;
    };
    let outcome = wait::any(&[source.waitable()], Some(Duration::ZERO));
    !matches!(outcome, Err(error) if error.kind() == ErrorKind::TimedOut)
}

/// Runs a callback that was counted, here or on the pool.
fn start(number: u64, registered: Arc<Registered>, timed_out: bool) {
    if registered.on_waiter {
        call(number, &registered, timed_out);
        return;
    }
    let inside = Arc::clone(&registered);
    let submitted = pool::submit(Box::new(move || call(number, &inside, timed_out)));
    if submitted.is_err() {
        // Without memory for a thread this callback is lost.
        registered.ended.end();
    }
}

/// Runs a callback that was counted, and arms the wait again.
fn call(number: u64, registered: &Registered, timed_out: bool) {
    let context = ptr::with_exposed_provenance_mut(registered.context);
    (registered.callback)(context, u8::from(timed_out));
    if !registered.once {
        // If it was removed meanwhile, nothing is armed. The bell can always be rung.
        let _ = lock().arm(number);
    }
    registered.ended.end();
}
