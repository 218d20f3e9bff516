//! A model of waits, gone through in every order of steps, with one thread killed at any step.
//!
//! `waits_model/{lock,signal,calls,wait}.rs` follow `src/waits/{cell,lock,signal,calls,sleeper,commit,record}.rs` routine by
//! routine, under the same names: each access to a word that others see is a step, and so is each call of the kernel. What
//! the kernel does at a death (marking the life lock, one wake on it, the promised wake) is in `waits_model/world.rs`.
//! Two or three threads, one or two objects; any one thread is killed before any of its steps, or none is, in one case two
//! are; waits with a time run out of it at any moment; who looks after owners by itself does so at any moment once, and
//! always when nobody else moves.
//!
//! In every state: a mutex has one owner, and an abandonment is reported once to the next one and to nobody else. In every
//! state in which nobody moves: nobody waits for a lock or sleeps while its wait could end, nobody is woken by somebody
//! who only passes by, and the tokens add up: what was released was taken or is left, where a call that never returned
//! counts wholly or not at all; waits for all have taken all or none.
//!
//! # That it can fail
//! [`mistakes_are_found`] makes the mistakes of [`Mistake`] one at a time and sees that each is found: no second look under
//! the lock, fast paths beside the lock, arming after the slots are left, no journal, clearing slots or tokens before the
//! waiter was reached or before all were, no promised wake, nudging after the change, passing by who was nudged, freeing an
//! abandoned mutex before it is handed over, taking all without undo or without a decision, timing out without asking the
//! commit word, slots left behind, a record's new thread under the old name.

#[path = "waits_model/calls.rs"]
mod calls;
#[path = "waits_model/cases.rs"]
mod cases;
#[path = "waits_model/explorer.rs"]
mod explorer;
#[path = "waits_model/lock.rs"]
mod lock;
#[path = "waits_model/signal.rs"]
mod signal;
#[path = "waits_model/wait.rs"]
mod wait;
#[path = "waits_model/world.rs"]
mod world;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use cases::{cases, Case, MISTAKES};
use explorer::{explore, Explored, Model, Program, Steps};
use lock::Mistake;
use world::World;

/// Goes through a case with that thread killed somewhere, or none.
fn run(case: &Case, mortals: &[usize], mistake: Mistake) -> Explored {
    let mut world = World::new((case.cells)(), case.threads.len());
    world
        .threads
        .iter_mut()
        .for_each(|thread| thread.looked = !case.settles);
    if case.remembers_death {
        world.begun_at_death = Some(vec![false; case.threads.len()]);
    }
    let (records, cells) = (world.records.len(), world.cells.len());
    let program = |steps: Steps| -> Program {
        let calls = case.threads[steps.thread];
        Box::pin(calls::program(steps, calls, case.settles, mistake))
    };
    let probe =
        |steps: Steps| -> Program { Box::pin(calls::probe(steps, records, cells, mistake)) };
    explore(&Model {
        world,
        program: &program,
        probe: &probe,
        mortals: mortals.to_vec(),
        check: &|world| (case.check)(world, case.threads),
    })
}

/// Nobody is killed, or one thread, or two.
fn mortals(case: &Case) -> Vec<Vec<usize>> {
    if case.two_die {
        return vec![vec![0, 1]];
    }
    let one = (0..case.threads.len()).map(|thread| vec![thread]);
    std::iter::once(Vec::new()).chain(one).collect()
}

/// Goes through a case; says how many states it has.
fn go_through(case: &Case) -> usize {
    let started = Instant::now();
    let (mut states, mut ends) = (0, 0);
    for mortal in mortals(case) {
        let explored = run(case, &mortal, Mistake::None);
        if let Some((wrong, steps)) = explored.wrong {
            let steps = steps.join("\n");
            panic!("{}, {mortal:?} killed: {wrong}\n{steps}", case.name);
        }
        states += explored.states;
        ends += explored.ends;
    }
    let elapsed = started.elapsed();
    println!(
        "{}: {states} states, {ends} of them ends, in {elapsed:.1?}",
        case.name
    );
    states
}

#[test]
fn every_order_and_every_death_keep_tokens_and_wake_waiters() {
    let (cases, next, states) = (cases(), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            states.fetch_add(go_through(case), Relaxed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    println!("{} states", states.into_inner());
}

#[test]
fn mistakes_are_found() {
    for (mistake, name) in MISTAKES {
        let case = cases().into_iter().find(|case| case.name == *name);
        let case = case.unwrap_or_else(|| panic!("no case {name}"));
        let found = mortals(&case).into_iter().find_map(|mortal| {
            let (wrong, steps) = run(&case, &mortal, *mistake).wrong?;
            Some((mortal, wrong, steps.len()))
        });
        let (mortal, wrong, steps) =
            found.unwrap_or_else(|| panic!("{mistake:?} is not found in {name}"));
        let wrong = wrong.lines().next().unwrap_or_default();
        println!("{mistake:?} in {name}, {mortal:?} killed, after {steps} steps: {wrong}");
    }
}
