//! The cases that are gone through, and what must hold when nobody moves any more.

use crate::calls::Call::{self, *};
use crate::lock::Mistake;
use crate::world::{Cell, Ended, Kind, Status, World};

/// A few threads and objects.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) cells: fn() -> Vec<Cell>,
    /// The calls of each thread.
    pub(crate) threads: &'static [&'static [Call]],
    pub(crate) check: Check,
    /// Waiters look after owners by themselves at any moment, and ask to be told of new ones.
    pub(crate) settles: bool,
    pub(crate) remembers_death: bool,
    /// Threads 0 and 1 are both killed.
    pub(crate) two_die: bool,
}

/// Looks at a world in which nobody moves any more, and at what the threads were to do.
pub(crate) type Check = fn(&World, &[&[Call]]) -> Result<(), String>;

/// What may have become of a call that never returned: so many at least, so many at most.
type Range = (u8, u8);

fn add(left: Range, right: Range) -> Range {
    (left.0 + right.0, left.1 + right.1)
}

/// The call that the thread was killed in.
fn cut_off(world: &World, threads: &[&[Call]], thread: usize) -> Option<Call> {
    let its = &world.threads[thread];
    (its.status == Status::Killed)
        .then(|| threads[thread].get(its.log.len()).copied())
        .flatten()
}

fn takes(call: Call, ended: Ended, cell: usize) -> bool {
    match (call, ended) {
        (WaitAny(cells) | WaitAnyTimed(cells), Ended::Object { index, .. }) => cells[index] == cell,
        (WaitAll(cells) | WaitAllTimed(cells), Ended::All { .. }) => cells.contains(&cell),
        (TryTake(it), Ended::Object { .. }) => it == cell,
        _ => false,
    }
}

fn may_take(call: Call, cell: usize) -> bool {
    match call {
        WaitAny(cells) | WaitAnyTimed(cells) | WaitAll(cells) | WaitAllTimed(cells) => {
            cells.contains(&cell)
        }
        TryTake(it) => it == cell,
        _ => false,
    }
}

fn gives(call: Call, cell: usize) -> u8 {
    match call {
        Set(it) if it == cell => 1,
        Release(it, tokens) if it == cell => tokens,
        _ => 0,
    }
}

/// How many tokens were taken from the cell and put into it; a call that was cut off counts wholly or not.
fn balance(world: &World, threads: &[&[Call]], cell: usize) -> (Range, Vec<u8>) {
    let (mut taken, mut given, mut perhaps) = ((0, 0), 0, 0);
    for (thread, calls) in threads.iter().enumerate() {
        for (call, ended) in calls.iter().zip(&world.threads[thread].log) {
            let took = u8::from(takes(*call, *ended, cell));
            taken = add(taken, (took, took));
            given += gives(*call, cell);
        }
        if let Some(call) = cut_off(world, threads, thread) {
            taken = add(taken, (0, u8::from(may_take(call, cell))));
            perhaps += gives(call, cell);
        }
    }
    (taken, vec![given, given + perhaps])
}

fn left(world: &World, cell: usize) -> u8 {
    world.cells[cell].state.count + u8::from(world.cells[cell].state.signaled)
}

/// The tokens of a semaphore, or of an auto event that is set once, add up; there were none at the start.
fn cell_adds_up(world: &World, threads: &[&[Call]], cell: usize) -> Result<(), String> {
    let (taken, given) = balance(world, threads, cell);
    let left = left(world, cell);
    let fits = |given: &u8| (taken.0 + left..=taken.1 + left).contains(given);
    if given.iter().any(fits) {
        return Ok(());
    }
    Err(format!("tokens of cell {cell} do not add up"))
}

const AUTO_SET_WAIT: &[&[Call]] = &[&[Set(0)], &[WaitAny(&[0])]];
const AUTO_TWO_WAIT: &[&[Call]] = &[&[Set(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const AUTO_TWO_SET: &[&[Call]] = &[&[Set(0)], &[Set(0)], &[WaitAny(&[0])]];
const AUTO_TIMED: &[&[Call]] = &[&[Set(0)], &[WaitAnyTimed(&[0])], &[WaitAny(&[0])]];
const AUTO_TAKE_BACK: &[&[Call]] = &[&[Set(0), TryTake(0)], &[WaitAny(&[0])]];
const AUTO_SET_RESET: &[&[Call]] = &[&[Set(0), Reset(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const AUTO_PULSE: &[&[Call]] = &[&[Pulse(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const AUTO_TWICE: &[&[Call]] = &[&[WaitAny(&[0, 0])], &[Set(0)]];
const MANUAL_SET: &[&[Call]] = &[&[Set(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const MANUAL_RESET: &[&[Call]] = &[&[Set(0), Reset(0)], &[WaitAny(&[0])], &[WaitAnyTimed(&[0])]];
const MANUAL_PULSE: &[&[Call]] = &[&[Pulse(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const SEMAPHORE: &[&[Call]] = &[&[Release(0, 2)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const SEMAPHORE_TWO: &[&[Call]] = &[
    &[Release(0, 1)],
    &[Release(0, 1)],
    &[WaitAny(&[0]), WaitAnyTimed(&[0])],
];
const MUTEX_TWO: &[&[Call]] = &[
    &[ReleaseMutex(0)],
    &[WaitAny(&[0]), ReleaseMutex(0)],
    &[WaitAny(&[0])],
];
const MUTEX_HEIR: &[&[Call]] = &[&[ReleaseMutex(0)], &[WaitAny(&[0])], &[WaitAny(&[0])]];
const MUTEX_BACK: &[&[Call]] = &[
    &[ReleaseMutex(0)],
    &[WaitAny(&[0]), ReleaseMutex(0), TryTake(0)],
    &[WaitAny(&[0])],
];
const MUTEX_TIMED: &[&[Call]] = &[&[ReleaseMutex(0)], &[WaitAnyTimed(&[0])], &[WaitAny(&[0])]];
const ONE_THEN_OTHER: &[&[Call]] = &[&[Set(0)], &[WaitAnyTimed(&[0]), WaitAnyTimed(&[1])]];
const ANY_TWO: &[&[Call]] = &[&[Set(0)], &[Set(1)], &[WaitAny(&[0, 1])]];
const ANY_TIMED: &[&[Call]] = &[&[Set(0)], &[Set(1)], &[WaitAnyTimed(&[0, 1])]];
const ANY_MIXED: &[&[Call]] = &[
    &[ReleaseMutex(0)],
    &[Release(1, 1)],
    &[WaitAny(&[0, 1]), ReleaseMutex(0)],
];
const ALL_MUTEXES: &[&[Call]] = &[
    &[WaitAll(&[0, 1]), ReleaseMutex(0), ReleaseMutex(1)],
    &[WaitAll(&[1, 0]), ReleaseMutex(1), ReleaseMutex(0)],
];
const ALL_SEMAPHORES: &[&[Call]] = &[&[Release(0, 1), Release(1, 1)], &[WaitAll(&[0, 1])]];
const ALL_EVENTS: &[&[Call]] = &[&[Set(0), Set(1)], &[WaitAll(&[0, 1])]];
const ALL_ANY: &[&[Call]] = &[&[Set(0), Set(1)], &[WaitAll(&[0, 1])], &[WaitAny(&[0])]];
const ALL_TIMED: &[&[Call]] = &[&[Release(0, 1)], &[Release(1, 1)], &[WaitAllTimed(&[0, 1])]];
const ALL_OWNED: &[&[Call]] = &[
    &[ReleaseMutex(0)],
    &[Set(1)],
    &[WaitAll(&[0, 1]), ReleaseMutex(0)],
];
const TIMER: &[&[Call]] = &[&[WaitAny(&[0])], &[WaitAny(&[0])]];
const REUSE: &[&[Call]] = &[&[WaitAny(&[0])], &[Claim(0)], &[Set(0)]];

fn auto() -> Vec<Cell> {
    vec![Cell::new(Kind::AutoEvent)]
}

fn manual() -> Vec<Cell> {
    vec![Cell::new(Kind::ManualEvent)]
}

fn semaphore() -> Vec<Cell> {
    vec![Cell::new(Kind::Semaphore)]
}

fn owned_mutex() -> Vec<Cell> {
    vec![Cell::new(Kind::Mutex).owned_by(0)]
}

fn two_autos() -> Vec<Cell> {
    vec![Cell::new(Kind::AutoEvent), Cell::new(Kind::AutoEvent)]
}

fn two_semaphores() -> Vec<Cell> {
    vec![Cell::new(Kind::Semaphore), Cell::new(Kind::Semaphore)]
}

fn mutex_and_event() -> Vec<Cell> {
    vec![
        Cell::new(Kind::Mutex).owned_by(0),
        Cell::new(Kind::AutoEvent),
    ]
}

fn mutex_and_semaphore() -> Vec<Cell> {
    vec![
        Cell::new(Kind::Mutex).owned_by(0),
        Cell::new(Kind::Semaphore),
    ]
}

fn two_mutexes() -> Vec<Cell> {
    vec![Cell::new(Kind::Mutex), Cell::new(Kind::Mutex)]
}

fn timer() -> Vec<Cell> {
    let mut cell = Cell::new(Kind::AutoTimer);
    cell.state.slow = true;
    vec![cell]
}

fn nothing(_: &World, _: &[&[Call]]) -> Result<(), String> {
    Ok(())
}

fn first_adds_up(world: &World, threads: &[&[Call]]) -> Result<(), String> {
    cell_adds_up(world, threads, 0)
}

fn both_add_up(world: &World, threads: &[&[Call]]) -> Result<(), String> {
    cell_adds_up(world, threads, 0)?;
    cell_adds_up(world, threads, 1)
}

fn second_adds_up(world: &World, threads: &[&[Call]]) -> Result<(), String> {
    cell_adds_up(world, threads, 1)
}

fn all_or_none(world: &World, threads: &[&[Call]]) -> Result<(), String> {
    both_add_up(world, threads)?;
    let released = world.threads[0].log.len() == 2;
    if released && left(world, 0) != left(world, 1) {
        return Err("half was taken".to_owned());
    }
    Ok(())
}

fn signaled_if_seen(world: &World, _: &[&[Call]]) -> Result<(), String> {
    let seen = world
        .threads
        .iter()
        .any(|it| matches!(it.log[..], [Ended::Object { .. }]));
    let set = world.threads[0].log.len() == 1;
    if (seen || set) && !world.cells[0].state.signaled {
        return Err("somebody saw the event set, and it is not".to_owned());
    }
    Ok(())
}

fn is_clear(world: &World, _: &[&[Call]]) -> Result<(), String> {
    match world.cells[0].state.signaled {
        true => Err("it is still set".to_owned()),
        false => Ok(()),
    }
}

fn expires_once(world: &World, threads: &[&[Call]]) -> Result<(), String> {
    let (taken, _) = balance(world, threads, 0);
    let expired = u8::from(!world.cells[0].set);
    let left = left(world, 0);
    if (taken.0 + left..=taken.1 + left).contains(&expired) {
        return Ok(());
    }
    Err("the timer did not expire once".to_owned())
}

fn dead_get_nothing(world: &World, _: &[&[Call]]) -> Result<(), String> {
    let Some(begun) = &world.begun_at_death else {
        return Ok(());
    };
    let dead_before = world.threads[0].status == Status::Killed && !begun[2];
    if dead_before && world.threads[2].log.len() == 1 && !world.cells[0].state.signaled {
        return Err("a thread that was dead before got the token".to_owned());
    }
    Ok(())
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, cells, threads, check| Case {
        name,
        cells,
        threads,
        check,
        settles: false,
        remembers_death: false,
        two_die: false,
    };
    vec![
        case(
            "auto event, set and wait",
            auto,
            AUTO_SET_WAIT,
            first_adds_up as Check,
        ),
        case(
            "auto event, set and two waits",
            auto,
            AUTO_TWO_WAIT,
            first_adds_up,
        ),
        case("auto event, two sets", auto, AUTO_TWO_SET, nothing),
        case(
            "auto event, set and time-out",
            auto,
            AUTO_TIMED,
            first_adds_up,
        ),
        case(
            "auto event, set and taken back",
            auto,
            AUTO_TAKE_BACK,
            first_adds_up,
        ),
        case("auto event, set and reset", auto, AUTO_SET_RESET, nothing),
        case("auto event, pulse", auto, AUTO_PULSE, is_clear),
        case(
            "auto event, twice in one wait",
            auto,
            AUTO_TWICE,
            first_adds_up,
        ),
        case("manual event, set", manual, MANUAL_SET, signaled_if_seen),
        case("manual event, set and reset", manual, MANUAL_RESET, nothing),
        case("manual event, pulse", manual, MANUAL_PULSE, is_clear),
        case(
            "semaphore, two at once",
            semaphore,
            SEMAPHORE,
            first_adds_up,
        ),
        case(
            "semaphore, two one by one",
            semaphore,
            SEMAPHORE_TWO,
            first_adds_up,
        ),
        case("mutex, two waiters", owned_mutex, MUTEX_TWO, nothing),
        Case {
            two_die: true,
            ..case("mutex, owner and heir", owned_mutex, MUTEX_HEIR, nothing)
        },
        Case {
            settles: true,
            ..case("mutex, taken back", owned_mutex, MUTEX_BACK, nothing)
        },
        case("mutex, time-out", owned_mutex, MUTEX_TIMED, nothing),
        case(
            "one event and then another",
            two_autos,
            ONE_THEN_OTHER,
            both_add_up,
        ),
        case("any of two events", two_autos, ANY_TWO, both_add_up),
        case(
            "any of two events, time-out",
            two_autos,
            ANY_TIMED,
            both_add_up,
        ),
        case(
            "any of mutex and semaphore",
            mutex_and_semaphore,
            ANY_MIXED,
            second_adds_up,
        ),
        case(
            "all of two mutexes, opposite orders",
            two_mutexes,
            ALL_MUTEXES,
            nothing,
        ),
        case(
            "all of two semaphores",
            two_semaphores,
            ALL_SEMAPHORES,
            all_or_none,
        ),
        case("all of two events", two_autos, ALL_EVENTS, all_or_none),
        case(
            "all of two events beside any",
            two_autos,
            ALL_ANY,
            both_add_up,
        ),
        case(
            "all of two semaphores, time-out",
            two_semaphores,
            ALL_TIMED,
            both_add_up,
        ),
        case(
            "all of owned mutex and event",
            mutex_and_event,
            ALL_OWNED,
            second_adds_up,
        ),
        case("timer, two waits", timer, TIMER, expires_once),
        Case {
            remembers_death: true,
            ..case("record used again", auto, REUSE, dead_get_nothing)
        },
    ]
}

/// Each mistake, and a case that finds it.
pub(crate) const MISTAKES: &[(Mistake, &str)] = &[
    (Mistake::NoSecondLook, "auto event, set and wait"),
    (Mistake::FastBesideSlow, "auto event, set and wait"),
    (Mistake::ArmLate, "auto event, set and wait"),
    (Mistake::NoJournal, "manual event, set"),
    (Mistake::ClearEarly, "manual event, set"),
    (Mistake::ClearEarly, "semaphore, two at once"),
    (Mistake::CommitLate, "mutex, time-out"),
    (Mistake::ClearBeforeCommit, "auto event, two sets"),
    (Mistake::NoPromise, "auto event, set and wait"),
    (Mistake::NudgeLate, "all of two events"),
    (Mistake::PassBy, "mutex, taken back"),
    (Mistake::FreeFirst, "mutex, owner and heir"),
    (Mistake::NoUndo, "all of two semaphores"),
    (Mistake::NoDecision, "all of two semaphores"),
    (Mistake::TimeOutBlindly, "auto event, set and time-out"),
    (Mistake::SlotsStay, "one event and then another"),
    (Mistake::NoRetire, "record used again"),
];
