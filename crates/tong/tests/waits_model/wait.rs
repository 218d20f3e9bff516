//! What `waits/{engine,sleeper,calls}.rs` do, step by step and under the same names.
//!
//! A mutex is acquired once at a time. Everything lies in one table, and nothing is a descriptor.

use crate::explorer::Steps;
use crate::signal::{Actor, Mistake, Section};
use crate::world::{Commit, Ended, Journal, Kind, Sleep, Slot, Step, Who, World, SLOTS};

/// A call that a thread makes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    WaitAny(&'static [usize]),
    /// May time out at any moment.
    WaitAnyTimed(&'static [usize]),
    WaitAll(&'static [usize]),
    WaitAllTimed(&'static [usize]),
    /// A wait with no time.
    TryTake(usize),
    Set(usize),
    Reset(usize),
    Pulse(usize),
    Release(usize, u8),
    ReleaseMutex(usize),
    /// Becomes another thread, in the record of that number.
    Claim(usize),
}

impl Call {
    fn cells(self) -> Vec<usize> {
        match self {
            Call::WaitAny(cells)
            | Call::WaitAnyTimed(cells)
            | Call::WaitAll(cells)
            | Call::WaitAllTimed(cells) => cells.to_vec(),
            Call::TryTake(cell)
            | Call::Set(cell)
            | Call::Reset(cell)
            | Call::Pulse(cell)
            | Call::Release(cell, _)
            | Call::ReleaseMutex(cell) => vec![cell],
            Call::Claim(_) => Vec::new(),
        }
    }
}

/// Makes the calls one after the other. A mutex is released only if the thread has it.
pub(crate) async fn program(steps: Steps, calls: &'static [Call], settles: bool, mistake: Mistake) {
    let who = Who {
        record: steps.thread,
        generation: 1,
    };
    let mut actor = Actor {
        steps,
        who,
        mistake,
        settles,
    };
    for (number, call) in calls.iter().enumerate() {
        let thread = actor.thread();
        actor.steps.forget((number, actor.who));
        let goes = actor
            .steps
            .step("call", move |world| world.begin(thread, *call))
            .await;
        if !goes {
            actor
                .steps
                .note(|world| world.threads[thread].log.push(Ended::Left));
            continue;
        }
        let ended = actor.call(*call).await;
        actor.steps.note(|world| world.end(thread, *call, ended));
    }
}

/// Takes and frees the locks of all cells.
pub(crate) async fn probe(steps: Steps, record: usize, cells: usize, mistake: Mistake) {
    let who = Who {
        record,
        generation: 1,
    };
    let actor = Actor {
        steps,
        who,
        mistake,
        settles: false,
    };
    for cell in 0..cells {
        let section = actor.lock(cell).await;
        actor.unlock(section).await;
    }
}

impl World {
    /// The thread enters a call; `false` if it is one that it must not make.
    fn begin(&mut self, thread: usize, call: Call) -> bool {
        if let Call::ReleaseMutex(cell) = call {
            if self.cells[cell].held_by != Some(thread) {
                return false;
            }
            self.cells[cell].held_by = None;
            let timed = |who: Who| self.threads.iter().any(|it| it.who == who && it.timed);
            let waits = |slot: &Slot| {
                let open = self.is_open(slot.who) && self.lives(slot.who);
                open && !slot.nudge && !timed(slot.who)
            };
            let gave = self.cells[cell].slots.iter().flatten().any(waits);
            self.threads.iter_mut().for_each(|it| it.gave = false);
            self.threads[thread].gave = gave;
        }
        self.threads[thread].call = call.cells();
        true
    }

    /// The call returns.
    fn end(&mut self, thread: usize, call: Call, ended: Ended) {
        let cells = call.cells();
        self.threads[thread].call = Vec::new();
        self.threads[thread].waits_for = None;
        self.threads[thread].log.push(ended);
        match (call, ended) {
            (Call::Claim(_), _) => {}
            (Call::TryTake(_), Ended::Object { .. }) if self.threads[thread].gave => {
                self.wrong = Some("a mutex was taken back from who waited for it");
            }
            (_, Ended::Object { index, abandoned }) => {
                self.acquired(cells[index], thread, abandoned);
            }
            (_, Ended::All { abandoned }) => self.acquired_all(&cells, thread, abandoned),
            _ => {}
        }
    }
}

/// A slot that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    cell: usize,
    place: usize,
}

impl Actor {
    async fn call(&mut self, call: Call) -> Ended {
        match call {
            Call::WaitAny(cells) => self.wait(cells, false, false).await,
            Call::WaitAnyTimed(cells) => self.wait(cells, false, true).await,
            Call::WaitAll(cells) => self.wait(cells, true, false).await,
            Call::WaitAllTimed(cells) => self.wait(cells, true, true).await,
            Call::TryTake(cell) => match self.try_take(cell).await {
                Some(abandoned) => Ended::Object {
                    index: 0,
                    abandoned,
                },
                None => Ended::TimedOut,
            },
            Call::Set(cell) => self.set(cell).await,
            Call::Reset(cell) => self.reset_event(cell).await,
            Call::Pulse(cell) => {
                let kind = self.steps.peek(|world| world.cells[cell].kind);
                let mut section = self.lock(cell).await;
                self.pulse(&mut section, kind).await;
                self.unlock(section).await;
                Ended::Done
            }
            Call::Release(cell, tokens) => self.release(cell, tokens).await,
            Call::ReleaseMutex(cell) => self.release_a_mutex(cell).await,
            Call::Claim(record) => {
                self.claim(record).await;
                Ended::Done
            }
        }
    }

    /// Changes the state if no lock is needed.
    async fn quick(
        &self,
        name: &'static str,
        cell: usize,
        change: impl FnOnce(&mut crate::world::State) + Unpin,
    ) -> bool {
        let blind = self.mistake == Mistake::FastBesideSlow;
        self.steps
            .step(name, move |world| {
                let state = &mut world.cells[cell].state;
                let quick = !state.slow || blind;
                if quick {
                    change(state);
                }
                quick
            })
            .await
    }

    async fn set(&self, cell: usize) -> Ended {
        if !self.quick("set", cell, |state| state.signaled = true).await {
            let mut section = self.lock(cell).await;
            self.signal(&mut section).await;
            self.unlock(section).await;
        }
        Ended::Done
    }

    async fn reset_event(&self, cell: usize) -> Ended {
        if !self
            .quick("reset", cell, |state| state.signaled = false)
            .await
        {
            let mut section = self.lock(cell).await;
            self.reset(&mut section).await;
            self.unlock(section).await;
        }
        Ended::Done
    }

    async fn release(&self, cell: usize, tokens: u8) -> Ended {
        if !self
            .quick("release", cell, move |state| state.count += tokens)
            .await
        {
            let mut section = self.lock(cell).await;
            self.release_rest(&mut section, tokens, false).await;
            self.unlock(section).await;
        }
        Ended::Done
    }

    async fn release_a_mutex(&self, cell: usize) -> Ended {
        if !self
            .quick("release", cell, |state| state.owner = None)
            .await
        {
            let mut section = self.lock(cell).await;
            self.release_mutex(&mut section).await;
            self.unlock(section).await;
        }
        Ended::Done
    }

    /// `Cell::try_take` with `try_take_fast`; says whether what it took was abandoned.
    async fn try_take(&self, cell: usize) -> Option<bool> {
        let who = self.who;
        let quick = self
            .steps
            .step("try to take", move |world| {
                let state = world.cells[cell].state;
                let taken = world.take(cell, who);
                if world.cells[cell].kind == Kind::ManualEvent {
                    return Some(taken.map(|taken| taken.1));
                }
                if state.slow {
                    return None;
                }
                if let Some((next, abandoned)) = taken {
                    world.cells[cell].state = next;
                    return Some(Some(abandoned));
                }
                let dead = state.owner.is_some_and(|owner| !world.lives(owner));
                (!dead).then_some(None)
            })
            .await;
        if let Some(outcome) = quick {
            return outcome;
        }
        let section = self.lock(cell).await;
        let taken = self
            .steps
            .step("take", move |world| {
                let (next, abandoned) = world.take(cell, who)?;
                world.cells[cell].state = next;
                Some(abandoned)
            })
            .await;
        self.unlock(section).await;
        taken
    }

    /// `Section::try_take_armed`.
    async fn try_take_armed(&self, section: &Section, index: usize) -> bool {
        let (who, cell) = (self.who, section.cell);
        let decided = self
            .steps
            .step("take armed", move |world| {
                let (next, abandoned) = world.take(cell, who)?;
                let outcome = Commit::Object { index, abandoned };
                world.decide(who, outcome).then_some(next)
            })
            .await;
        let Some(next) = decided else {
            return false;
        };
        self.steps
            .step("apply", move |world| world.cells[cell].state = next)
            .await;
        true
    }

    /// `wait_any` and `wait_all`.
    async fn wait(&self, cells: &'static [usize], all: bool, timed: bool) -> Ended {
        if all {
            if let Some(ended) = self.try_all(cells).await {
                self.rest().await;
                return ended;
            }
        } else {
            for (index, cell) in cells.iter().enumerate() {
                if let Some(abandoned) = self.try_take(*cell).await {
                    return Ended::Object { index, abandoned };
                }
            }
        }
        let mut left = Vec::new();
        let ended = self.run(cells, all, timed, &mut left).await;
        if self.mistake != Mistake::SlotsStay {
            self.take_slots_back(left).await;
        }
        self.rest().await;
        ended
    }

    async fn rest(&self) {
        let record = self.who.record;
        self.steps
            .step("rest", move |world| {
                world.records[record].commit = Commit::Rest
            })
            .await;
    }

    async fn arm(&self) {
        let who = self.who;
        self.steps
            .step("arm", move |world| {
                world.records[who.record].commit = Commit::Waiting(who.generation);
            })
            .await;
    }

    async fn run(
        &self,
        cells: &'static [usize],
        all: bool,
        timed: bool,
        left: &mut Vec<Left>,
    ) -> Ended {
        let (who, thread) = (self.who, self.thread());
        self.steps.note(|world| {
            world.records[who.record].ticket = world.ticket;
            world.ticket += 1;
            let its = &mut world.threads[thread];
            (its.timed, its.expired) = (timed, false);
            its.waits_for = Some((cells.to_vec(), all));
        });
        let late = self.mistake == Mistake::ArmLate;
        if !late {
            self.arm().await;
        }
        self.leave_slots(cells, all, left).await;
        if late {
            self.arm().await;
        }
        let mut may_settle = self.settles;
        let ended = loop {
            self.steps
                .forget((cells, all, timed, &*left, may_settle, self.who));
            if let Some(ended) = self.look(cells, all).await {
                break ended;
            }
            self.sleep(cells).await;
            self.after_sleep(cells, left, &mut may_settle).await;
        };
        self.steps.note(|world| {
            world.threads[thread].timed = false;
            world.threads[thread].waits_for = None;
        });
        ended
    }

    async fn is_decided(&self) -> bool {
        let record = self.who.record;
        self.steps
            .step("is it decided?", move |world| {
                world.records[record].commit.is_final()
            })
            .await
    }

    async fn leave_slots(&self, cells: &'static [usize], all: bool, left: &mut Vec<Left>) {
        for (index, cell) in cells.iter().enumerate() {
            let section = self.lock(*cell).await;
            let second_look = self.mistake != Mistake::NoSecondLook;
            if !all && second_look && self.try_take_armed(&section, index).await
                || !all && self.is_decided().await
            {
                self.unlock(section).await;
                break;
            }
            let (cell, slot) = (
                *cell,
                Slot {
                    who: self.who,
                    index,
                    nudge: all,
                    settled: false,
                },
            );
            let place = self
                .steps
                .step("add slot", move |world| {
                    let slots = &mut world.cells[cell].slots;
                    let place = slots.iter().position(Option::is_none)?;
                    slots[place] = Some(slot);
                    Some(place)
                })
                .await;
            left.push(Left {
                cell,
                place: place.unwrap_or_else(|| panic!("at most {SLOTS} wait for a cell")),
            });
            self.unlock(section).await;
        }
    }

    async fn decided(&self) -> Option<Ended> {
        let record = self.who.record;
        let commit = self
            .steps
            .step("what was decided?", move |world| {
                world.records[record].commit
            })
            .await;
        match commit {
            Commit::Object { index, abandoned } => Some(Ended::Object { index, abandoned }),
            _ => None,
        }
    }

    async fn look(&self, cells: &'static [usize], all: bool) -> Option<Ended> {
        if !all {
            if let Some(ended) = self.decided().await {
                return Some(ended);
            }
        }
        let (who, thread) = (self.who, self.thread());
        let nudged = self
            .steps
            .step("arm again", move |world| world.arm_again(who))
            .await;
        let ended = match all {
            true => self.try_all(cells).await,
            false => self.try_again(cells, nudged).await,
        };
        if ended.is_some() {
            return ended;
        }
        let expired = self
            .steps
            .step("is the time over?", move |world| {
                world.threads[thread].expired
            })
            .await;
        match expired {
            true => self.give_up(all).await,
            false => None,
        }
    }

    async fn give_up(&self, all: bool) -> Option<Ended> {
        if all || self.mistake == Mistake::TimeOutBlindly {
            return Some(Ended::TimedOut);
        }
        let who = self.who;
        loop {
            let given_up = self
                .steps
                .step("give up", move |world| world.decide(who, Commit::TimedOut))
                .await;
            if given_up {
                return Some(Ended::TimedOut);
            }
            if let Some(ended) = self.decided().await {
                return Some(ended);
            }
        }
    }

    async fn try_again(&self, cells: &'static [usize], everything: bool) -> Option<Ended> {
        for (index, cell) in cells.iter().enumerate() {
            let cell = *cell;
            let needs_look = self
                .steps
                .step("does it need a look?", move |world| {
                    let its = &world.cells[cell];
                    let dead = its.state.owner.is_some_and(|owner| !world.lives(owner));
                    dead || its.set && its.due
                })
                .await;
            if !everything && !needs_look {
                continue;
            }
            let section = self.lock(cell).await;
            let ended = self.try_take_armed(&section, index).await || self.is_decided().await;
            self.unlock(section).await;
            if ended {
                return self.decided().await;
            }
        }
        None
    }

    async fn try_all(&self, cells: &'static [usize]) -> Option<Ended> {
        let who = self.who;
        let mut order = cells.to_vec();
        order.sort_unstable();
        let mut sections = Vec::new();
        for cell in order {
            let mut section = self.lock(cell).await;
            self.flush(&mut section).await;
            sections.push(section);
        }
        let ended = self.take_all(&sections, who).await;
        for section in sections {
            self.unlock(section).await;
        }
        ended
    }

    async fn take_all(&self, sections: &[Section], who: Who) -> Option<Ended> {
        let could_take = |world: &World| {
            let mut cells = sections.iter().map(|section| section.cell);
            cells.all(|cell| world.take(cell, who).is_some())
        };
        if !self.steps.peek(could_take) {
            return None;
        }
        let mut abandoned = false;
        for section in sections {
            let cell = section.cell;
            self.steps
                .unseen("keep for undo", move |world| {
                    world.cells[cell].undo = world.cells[cell].state;
                })
                .await;
            self.announce(cell, Journal::new(Step::TakeAll)).await;
            abandoned |= self
                .steps
                .step("take with others", move |world| {
                    let (next, abandoned) = world.take(cell, who).expect("the lock is held");
                    world.cells[cell].state = next;
                    abandoned
                })
                .await;
            if self.mistake == Mistake::NoDecision {
                self.done(cell).await;
            }
        }
        self.steps
            .step("decide all", move |world| {
                world.records[who.record].commit = Commit::All
            })
            .await;
        for section in sections {
            self.done(section.cell).await;
        }
        Some(Ended::All { abandoned })
    }

    async fn sleep(&self, cells: &'static [usize]) {
        let who = self.who;
        let lives = self
            .steps
            .step("watch owners", move |world| {
                let owners = cells
                    .iter()
                    .filter_map(|cell| world.cells[*cell].state.owner);
                let mut lives = 0u8;
                for owner in owners {
                    if !world.lives(owner) {
                        return None;
                    }
                    lives |= 1 << owner.record;
                }
                let timer = cells.iter().any(|cell| world.cells[*cell].set);
                Some((lives, timer))
            })
            .await;
        let Some((lives, timer)) = lives else {
            return;
        };
        let sleep = Sleep {
            record: who.record,
            lives,
            timer,
        };
        let thread = self.thread();
        self.steps
            .sleep(sleep, move |world| {
                let waiting = world.records[who.record].commit == Commit::Waiting(who.generation);
                let dead = |record: usize| {
                    lives >> record & 1 == 1
                        && world.records[record].life == crate::world::Life::Dead
                };
                let due = |cell: &usize| world.cells[*cell].set && world.cells[*cell].due;
                let woken = (0..world.records.len()).any(dead)
                    || timer && cells.iter().any(due)
                    || world.threads[thread].expired && world.threads[thread].timed;
                waiting && !woken
            })
            .await;
    }

    async fn after_sleep(&self, cells: &'static [usize], left: &[Left], may_settle: &mut bool) {
        let owned = self
            .steps
            .step("pass on", move |world| {
                let mut owned = false;
                for cell in cells {
                    let Some(owner) = world.cells[*cell].state.owner else {
                        continue;
                    };
                    owned = true;
                    if !world.lives(owner) {
                        world.pass_on(owner.record);
                    }
                }
                owned
            })
            .await;
        // The slice may be over at any time, so here too: once is enough to see what it does.
        if owned && *may_settle {
            *may_settle = false;
            self.settle_slots(left).await;
        }
    }

    async fn settle_slots(&self, left: &[Left]) {
        let who = self.who;
        for Left { cell, place } in left.iter().copied() {
            let section = self.lock(cell).await;
            self.steps
                .unseen("settle slot", move |world| {
                    let mutex = world.cells[cell].kind == Kind::Mutex;
                    let slot = world.cells[cell].slots[place].as_mut();
                    if let Some(slot) = slot.filter(|slot| slot.who == who && mutex) {
                        slot.settled = true;
                    }
                })
                .await;
            self.unlock(section).await;
        }
    }

    async fn take_slots_back(&self, left: Vec<Left>) {
        let who = self.who;
        for Left { cell, place } in left {
            let own = move |world: &World| {
                world.cells[cell].slots[place].is_some_and(|slot| slot.who == who)
            };
            if !self.steps.step("own slot?", move |world| own(world)).await {
                continue;
            }
            let section = self.lock(cell).await;
            self.steps
                .step("take slot back", move |world| {
                    if own(world) {
                        world.cells[cell].slots[place] = None;
                    }
                })
                .await;
            self.unlock(section).await;
        }
    }
}
