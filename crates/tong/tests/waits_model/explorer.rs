//! Goes through every order of steps of a few threads, with one of them killed at any step.
//!
//! A thread is a future that stops before each step that others can see. What it has in its registers follows from what
//! its steps returned, so a state is the world and, for each thread, a hash of that history; where a thread starts over
//! with nothing but what it names, it [forgets](Steps::forget) the history before. A state that was seen is not gone
//! through again. To return to a state, its steps are run again from the start.

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::world::{Sleep, Status, Who, World};

/// What a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Now,
    /// Now, and no other thread can see the step or make a difference to it.
    Unseen,
    /// The same, but for the end of the thread.
    UnseenButEndOf(Who),
    Lockable(usize),
    Awake,
}

/// What all threads of a run reach.
struct Run {
    world: RefCell<World>,
    /// For each thread, what its next step waits for, its name, and the history.
    next: RefCell<Vec<(Until, &'static str, u64)>>,
}

/// A thread's way to make steps.
#[derive(Clone)]
pub(crate) struct Steps {
    run: Rc<Run>,
    pub(crate) thread: usize,
}

/// A quick hash with good bits.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ mixed >> 32
    }
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = Mixer::default();
    value.hash(&mut hasher);
    hasher.finish()
}

struct Step<'a, F> {
    steps: &'a Steps,
    until: Until,
    name: &'static str,
    act: Option<F>,
    offered: bool,
}

impl<T: Hash, F: FnOnce(&mut World) -> T + Unpin> Future for Step<'_, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let steps = self.steps;
        let next = &mut steps.run.next.borrow_mut()[steps.thread];
        if !self.offered {
            self.offered = true;
            (next.0, next.1) = (self.until, self.name);
            return Poll::Pending;
        }
        let act = self.act.take().expect("a step is made once");
        let outcome = act(&mut steps.run.world.borrow_mut());
        next.2 = hash_of((next.2, &outcome));
        Poll::Ready(outcome)
    }
}

impl Steps {
    fn offer<'a, T: Hash, F: FnOnce(&mut World) -> T + Unpin + 'a>(
        &'a self,
        until: Until,
        name: &'static str,
        act: F,
    ) -> impl Future<Output = T> + 'a {
        Step {
            steps: self,
            until,
            name,
            act: Some(act),
            offered: false,
        }
    }

    /// One step.
    pub(crate) fn step<'a, T: Hash>(
        &'a self,
        name: &'static str,
        act: impl FnOnce(&mut World) -> T + Unpin + 'a,
    ) -> impl Future<Output = T> + 'a {
        self.offer(Until::Now, name, act)
    }

    /// One step that only whoever holds a lock can see, and this thread does.
    pub(crate) fn unseen<'a, T: Hash>(
        &'a self,
        name: &'static str,
        act: impl FnOnce(&mut World) -> T + Unpin + 'a,
    ) -> impl Future<Output = T> + 'a {
        self.offer(Until::Unseen, name, act)
    }

    /// The same, but that the end of `who` makes a difference to it.
    pub(crate) fn unseen_but_end_of<'a, T: Hash>(
        &'a self,
        who: Who,
        name: &'static str,
        act: impl FnOnce(&mut World) -> T + Unpin + 'a,
    ) -> impl Future<Output = T> + 'a {
        self.offer(Until::UnseenButEndOf(who), name, act)
    }

    /// One step that can be made when the cell's lock is free or its holder has ended.
    pub(crate) fn when_lockable<'a, T: Hash>(
        &'a self,
        cell: usize,
        act: impl FnOnce(&mut World) -> T + Unpin + 'a,
    ) -> impl Future<Output = T> + 'a {
        self.offer(Until::Lockable(cell), "lock", act)
    }

    /// Sleeps unless the words have changed, until somebody or something wakes the thread.
    pub(crate) async fn sleep(&self, sleep: Sleep, still: impl FnOnce(&World) -> bool + Unpin) {
        let thread = self.thread;
        let asleep = self.step("sleep", move |world: &mut World| {
            let sleeps = still(world);
            world.threads[thread].asleep = sleeps.then_some(sleep);
            sleeps
        });
        if asleep.await {
            self.offer(Until::Awake, "wake up", |_: &mut World| ())
                .await;
        }
    }

    /// From here on only `known` matters of what the thread has seen.
    pub(crate) fn forget(&self, known: impl Hash) {
        self.run.next.borrow_mut()[self.thread].2 = hash_of(known);
    }

    /// Reads something together with the step before.
    pub(crate) fn peek<T: Hash>(&self, read: impl FnOnce(&World) -> T) -> T {
        let seen = read(&self.run.world.borrow());
        let history = &mut self.run.next.borrow_mut()[self.thread].2;
        *history = hash_of((*history, &seen));
        seen
    }

    /// Notes something that costs no step, together with the step before.
    pub(crate) fn note(&self, note: impl FnOnce(&mut World)) {
        note(&mut self.run.world.borrow_mut());
    }
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Step(usize),
    /// The thread is killed; the kernel wakes that watcher of its life.
    Kill(usize, Option<usize>),
    /// The thread's time is over.
    Expire(usize),
    /// The thread looks after owners by itself.
    LookAgain(usize),
    /// The timer is due.
    Tick(usize),
}

pub(crate) type Program = Pin<Box<dyn Future<Output = ()>>>;

/// What is explored.
pub(crate) struct Model<'a> {
    pub(crate) world: World,
    /// Makes the future of a thread.
    pub(crate) program: &'a dyn Fn(Steps) -> Program,
    /// Makes the future of one more thread that takes and frees the locks of all cells, when nobody moves any more.
    pub(crate) probe: &'a dyn Fn(Steps) -> Program,
    /// The threads that are killed, each at any step or not at all.
    pub(crate) mortals: Vec<usize>,
    /// Checks a state in which nobody moves any more.
    pub(crate) check: &'a dyn Fn(&World) -> Result<(), String>,
}

/// How an exploration ended.
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) ends: usize,
    /// What went wrong, and the steps that led to it.
    pub(crate) wrong: Option<(String, Vec<String>)>,
}

struct Live {
    run: Rc<Run>,
    futures: Vec<Option<Program>>,
    names: Vec<String>,
}

impl Live {
    fn start(model: &Model<'_>) -> Live {
        let threads = model.world.threads.len();
        let run = Rc::new(Run {
            world: RefCell::new(model.world.clone()),
            next: RefCell::new(vec![(Until::Now, "start", 0); threads]),
        });
        let mut live = Live {
            run,
            futures: Vec::new(),
            names: Vec::new(),
        };
        for thread in 0..threads {
            let steps = live.steps(thread);
            live.futures.push(Some((model.program)(steps)));
            live.poll(thread);
        }
        live
    }

    fn steps(&self, thread: usize) -> Steps {
        Steps {
            run: Rc::clone(&self.run),
            thread,
        }
    }

    fn poll(&mut self, thread: usize) {
        let mut context = Context::from_waker(Waker::noop());
        let future = self.futures[thread]
            .as_mut()
            .expect("only living threads step");
        if future.as_mut().poll(&mut context).is_ready() {
            self.futures[thread] = None;
            self.run.world.borrow_mut().threads[thread].status = Status::Finished;
        }
    }

    fn apply(&mut self, choice: Choice) {
        match choice {
            Choice::Step(thread) => self.poll(thread),
            Choice::Kill(thread, watcher) => {
                self.futures[thread] = None;
                self.run.world.borrow_mut().kill(thread, watcher);
            }
            Choice::Expire(thread) => {
                let mut world = self.run.world.borrow_mut();
                world.threads[thread].expired = true;
                world.threads[thread].asleep = None;
            }
            Choice::LookAgain(thread) => {
                let mut world = self.run.world.borrow_mut();
                world.threads[thread].looked = true;
                world.threads[thread].asleep = None;
            }
            Choice::Tick(cell) => self.run.world.borrow_mut().tick(cell),
        }
    }

    fn apply_aloud(&mut self, choice: Choice) {
        let name = match choice {
            Choice::Step(thread) => {
                format!("{thread}: {}", self.run.next.borrow()[thread].1)
            }
            other => format!("{other:?}"),
        };
        self.names.push(name);
        self.apply(choice);
    }

    fn key(&self) -> u64 {
        let next = self.run.next.borrow();
        let world = self.run.world.borrow();
        let mut hasher = Mixer::default();
        world.hash(&mut hasher);
        for (thread, next) in next.iter().enumerate() {
            if world.threads[thread].status == Status::Runs {
                next.2.hash(&mut hasher);
                next.1.hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn can_step(&self, thread: usize) -> bool {
        let world = self.run.world.borrow();
        world.threads[thread].status == Status::Runs
            && match self.run.next.borrow()[thread].0 {
                Until::Now | Until::Unseen | Until::UnseenButEndOf(_) => true,
                Until::Lockable(cell) => world.lockable(cell),
                Until::Awake => world.threads[thread].asleep.is_none(),
            }
    }

    /// What can happen, and whether anything of it happens by itself at once.
    fn choices(&self, mortals: &[usize]) -> (Vec<Choice>, bool) {
        let world = self.run.world.borrow();
        let threads = 0..self.futures.len();
        // Nobody but death can come between such a step and anything else.
        let unseen = |thread: &usize| {
            let runs = world.threads[*thread].status == Status::Runs;
            let threatened = |it: &usize| world.threads[*it].status == Status::Runs;
            let unseen = match self.run.next.borrow()[*thread].0 {
                Until::Unseen => true,
                Until::UnseenButEndOf(who) => {
                    let mut threatened = mortals.iter().filter(|it| threatened(it));
                    threatened.all(|it| world.threads[*it].who != who)
                }
                _ => false,
            };
            runs && unseen && !mortals.contains(thread)
        };
        if let Some(thread) = threads.clone().find(unseen) {
            return (vec![Choice::Step(thread)], true);
        }
        let mut choices: Vec<Choice> = threads
            .clone()
            .filter(|thread| self.can_step(*thread))
            .map(Choice::Step)
            .collect();
        let busy = !choices.is_empty();
        for thread in threads {
            let its = &world.threads[thread];
            if its.status != Status::Runs {
                continue;
            }
            if its.timed && !its.expired {
                choices.push(Choice::Expire(thread));
            }
            if !its.looked && its.asleep.is_some_and(|sleep| sleep.lives != 0) {
                choices.push(Choice::LookAgain(thread));
            }
            if mortals.contains(&thread) {
                let watchers = world.watchers(thread);
                match watchers.is_empty() {
                    true => choices.push(Choice::Kill(thread, None)),
                    false => {
                        choices.extend(watchers.iter().map(|it| Choice::Kill(thread, Some(*it))));
                    }
                }
            }
        }
        for (number, cell) in world.cells.iter().enumerate() {
            if cell.set && !cell.due {
                choices.push(Choice::Tick(number));
            }
        }
        (choices, busy)
    }

    /// Lets a thread go on alone until it has finished, sleeps or hangs; `true` if it has finished.
    fn alone(&mut self, thread: usize) -> bool {
        while self.can_step(thread) {
            self.apply_aloud(Choice::Step(thread));
        }
        self.run.world.borrow().threads[thread].status == Status::Finished
    }
}

/// Goes through all states of the model.
pub(crate) fn explore(model: &Model<'_>) -> Explored {
    let mut explored = Explored {
        states: 0,
        ends: 0,
        wrong: None,
    };
    let mut seen: HashSet<u64, BuildHasherDefault<Mixer>> = HashSet::default();
    // For each step of the present path, what else can be chosen there.
    let mut path: Vec<(Choice, Vec<Choice>)> = Vec::new();
    let mut live = Live::start(model);
    loop {
        let mut dead_end = true;
        if seen.insert(live.key()) {
            explored.states += 1;
            let taken: Vec<Choice> = path.iter().map(|step| step.0).collect();
            let (mut choices, busy) = live.choices(&model.mortals);
            let mut wrong = live.run.world.borrow().wrong.map(str::to_owned);
            if wrong.is_none() && !busy {
                explored.ends += 1;
                wrong = judge(model, &taken).err();
            }
            if let Some(wrong) = wrong {
                explored.wrong = Some((wrong, replay(model, &taken).names));
                return explored;
            }
            if let Some(choice) = choices.pop() {
                path.push((choice, choices));
                live.apply(choice);
                dead_end = false;
            }
        }
        if dead_end {
            while path.last().is_some_and(|(_, others)| others.is_empty()) {
                path.pop();
            }
            let Some((choice, others)) = path.last_mut() else {
                return explored;
            };
            *choice = others.pop().expect("only steps with others are left");
            live = Live::start(model);
            for (choice, _) in &path {
                live.apply(*choice);
            }
        }
    }
}

fn replay(model: &Model<'_>, taken: &[Choice]) -> Live {
    let mut live = Live::start(model);
    taken.iter().for_each(|choice| live.apply_aloud(*choice));
    live
}

/// Whether it is right that nobody moves any more.
fn judge(model: &Model<'_>, taken: &[Choice]) -> Result<(), String> {
    let mut live = replay(model, taken);
    let threads = live.futures.len();
    let sleepers: Vec<usize> = (0..threads)
        .filter(|thread| live.run.world.borrow().threads[*thread].status == Status::Runs)
        .collect();
    for thread in &sleepers {
        let world = live.run.world.borrow();
        if world.threads[*thread].asleep.is_none() {
            return Err(format!("thread {thread} waits for a lock for ever"));
        }
    }
    // Who looks after owners by itself does so now, one after the other until nobody finds anything.
    let looks_again = |live: &Live, thread: usize| {
        let world = live.run.world.borrow();
        world.threads[thread]
            .asleep
            .is_some_and(|sleep| sleep.lives != 0)
    };
    for _ in 0..=threads {
        for thread in &sleepers {
            if looks_again(&live, *thread) {
                live.apply_aloud(Choice::LookAgain(*thread));
                for thread in 0..threads {
                    live.alone(thread);
                }
            }
        }
    }
    let before = live.run.world.borrow().threads.clone();
    for thread in &sleepers {
        if live.run.world.borrow().sleeps_through(*thread) {
            return Err(format!("thread {thread} sleeps though it was called"));
        }
    }
    probe(model, &mut live)?;
    let world = live.run.world.borrow();
    for thread in sleepers {
        if before[thread].status == Status::Finished {
            continue;
        }
        if world.threads[thread].asleep.is_none() {
            return Err(format!(
                "thread {thread} slept until somebody passed by: {world:#?}"
            ));
        }
        if world.could_end(thread) {
            return Err(format!(
                "thread {thread} sleeps though it could go on: {world:#?}"
            ));
        }
    }
    (model.check)(&world).map_err(|wrong| format!("{wrong}: {world:#?}"))
}

/// Lets one more thread look at everything, so that what dead ones left is cleared up.
fn probe(model: &Model<'_>, live: &mut Live) -> Result<(), String> {
    let thread = live.futures.len();
    {
        let mut world = live.run.world.borrow_mut();
        let one_more = World::new(Vec::new(), thread + 1);
        world.records.push(one_more.records[thread]);
        let mut its = one_more.threads[thread].clone();
        its.who.record = world.records.len() - 1;
        world.threads.push(its);
    }
    live.run.next.borrow_mut().push((Until::Now, "start", 0));
    let steps = live.steps(thread);
    live.futures.push(Some((model.probe)(steps)));
    live.poll(thread);
    match live.alone(thread) {
        true => Ok(()),
        false => Err("a lock is held for ever".to_owned()),
    }
}
