//! What `waits/signal.rs` does under a cell's lock, step by step and under the same names.
//!
//! Steps that only the holder of the lock can see are made together with the step before. A timer is due once.

use crate::lock::{Actor, Mistake, Section};
use crate::world::{Commit, Journal, Kind, Slot, State, Step, Who, SLOTS};

impl Actor {
    async fn write(&self, name: &'static str, cell: usize, write: impl FnOnce(&mut State) + Unpin) {
        self.steps
            .step(name, move |world| {
                write(&mut world.cells[cell].state);
                world.cells[cell].state.slow = true;
            })
            .await;
    }

    /// The state, which only the holder of the lock writes.
    fn read(&self, cell: usize) -> State {
        self.steps.peek(|world| world.cells[cell].state)
    }

    pub(crate) async fn announce(&self, cell: usize, journal: Journal) {
        if self.mistake != Mistake::NoJournal {
            self.steps
                .unseen("announce", move |world| world.cells[cell].journal = journal)
                .await;
        }
    }

    pub(crate) async fn done(&self, cell: usize) {
        self.announce(cell, Journal::new(Step::Nothing)).await;
    }

    async fn clear(&self, cell: usize, place: usize) {
        self.steps
            .step("clear", move |world| world.cells[cell].slots[place] = None)
            .await;
    }

    /// A living waiter's slot; a dead one's is cleared.
    async fn waiter(&self, cell: usize, place: usize) -> Option<Slot> {
        let slot = self.steps.peek(|world| world.cells[cell].slots[place])?;
        self.steps
            .unseen_but_end_of(slot.who, "look at slot", move |world| {
                let lives = world.lives(slot.who);
                if !lives {
                    world.cells[cell].slots[place] = None;
                }
                lives.then_some(slot)
            })
            .await
    }

    async fn longest_waiter(&self, cell: usize) -> Option<(usize, Slot)> {
        let mut longest: Option<(u8, usize, Slot)> = None;
        let pass_by = self.mistake == Mistake::PassBy;
        for place in 0..SLOTS {
            let Some(slot) = self.waiter(cell, place).await.filter(|slot| !slot.nudge) else {
                continue;
            };
            let ticket = self
                .steps
                .step("look at commit", move |world| {
                    let record = world.records[slot.who.record];
                    let nudged = record.commit == Commit::nudged(slot.who);
                    (world.is_open(slot.who) && !(nudged && pass_by)).then_some(record.ticket)
                })
                .await;
            let Some(ticket) = ticket else {
                continue;
            };
            if longest.is_none_or(|(least, _, other)| (ticket, slot.index) < (least, other.index)) {
                longest = Some((ticket, place, slot));
            }
        }
        longest.map(|(_, place, slot)| (place, slot))
    }

    async fn reach(&self, section: &mut Section, slot: Slot, outcome: Commit) -> bool {
        self.flush(section).await;
        let (thread, promises) = (self.thread(), self.mistake != Mistake::NoPromise);
        let reached = self
            .steps
            .step("reach", move |world| {
                let reached = world.decide(slot.who, outcome);
                if reached && promises {
                    world.threads[thread].promise = Some(slot.who.record);
                }
                reached
            })
            .await;
        section.wake = reached.then_some(slot.who.record);
        reached
    }

    async fn reached(&self, cell: usize, place: Option<usize>) -> Option<Slot> {
        let place = place?;
        self.steps
            .step("was it reached?", move |world| {
                let slot = world.cells[cell].slots[place]?;
                let record = world.records[slot.who.record];
                let same = record.generation == slot.who.generation;
                let this =
                    matches!(record.commit, Commit::Object { index, .. } if index == slot.index);
                (same && this).then_some(slot)
            })
            .await
    }

    async fn nudge(&self, section: &mut Section, whom: impl Fn(Slot) -> bool) {
        let cell = section.cell;
        for place in 0..SLOTS {
            let Some(slot) = self.waiter(cell, place).await.filter(|slot| whom(*slot)) else {
                continue;
            };
            if slot.settled {
                let unsettled = Some(Slot {
                    settled: false,
                    ..slot
                });
                self.steps
                    .unseen("unsettle", move |world| {
                        world.cells[cell].slots[place] = unsettled
                    })
                    .await;
            }
            self.reach(section, slot, Commit::nudged(slot.who)).await;
        }
    }

    async fn hand_over(&self, section: &mut Section, abandoned: bool) -> bool {
        let cell = section.cell;
        while let Some((place, slot)) = self.longest_waiter(cell).await {
            self.announce(
                cell,
                Journal {
                    place: Some(place),
                    ..Journal::new(Step::Pass)
                },
            )
            .await;
            if self.mistake == Mistake::ClearBeforeCommit {
                self.clear(cell, place).await;
            }
            if self.mistake == Mistake::CommitLate {
                self.pass(cell, slot).await;
            }
            let outcome = Commit::Object {
                index: slot.index,
                abandoned,
            };
            if self.reach(section, slot, outcome).await {
                self.passed(section, place, slot).await;
                return true;
            }
        }
        self.done(cell).await;
        false
    }

    async fn pass(&self, cell: usize, slot: Slot) {
        self.steps
            .step("pass", move |world| {
                let cell = &mut world.cells[cell];
                match cell.kind {
                    Kind::Mutex => {
                        cell.state.owner = Some(slot.who);
                        cell.state.abandoned = false;
                    }
                    Kind::AutoTimer => (cell.set, cell.due) = (false, false),
                    _ => {}
                }
            })
            .await;
    }

    async fn passed(&self, section: &mut Section, place: usize, slot: Slot) {
        let cell = section.cell;
        self.pass(cell, slot).await;
        self.clear(cell, place).await;
        self.done(cell).await;
        self.nudge(section, |slot| slot.settled).await;
    }

    async fn signal_one(&self, section: &mut Section) {
        let cell = section.cell;
        if self.read(cell).signaled || self.hand_over(section, false).await {
            return;
        }
        let late = self.mistake == Mistake::NudgeLate;
        if !late {
            self.nudge(section, |slot| slot.nudge).await;
        }
        self.write("signal", cell, |state| state.signaled = true)
            .await;
        if late {
            self.nudge(section, |slot| slot.nudge).await;
        }
    }

    async fn signal_all(&self, section: &mut Section, step: Step, begun: bool) {
        let cell = section.cell;
        let mut journal = Journal {
            begun,
            ..Journal::new(step)
        };
        let mut reached = Vec::new();
        for place in 0..SLOTS {
            let Some(slot) = self.waiter(cell, place).await else {
                continue;
            };
            if slot.nudge {
                if step == Step::Set {
                    self.reach(section, slot, Commit::nudged(slot.who)).await;
                }
                continue;
            }
            journal.place = Some(place);
            self.announce(cell, journal).await;
            let outcome = Commit::Object {
                index: slot.index,
                abandoned: false,
            };
            if self.reach(section, slot, outcome).await {
                journal.begun = true;
                self.announce(cell, journal).await;
                match self.mistake {
                    Mistake::ClearEarly => self.clear(cell, place).await,
                    _ => reached.push(place),
                }
            }
        }
        self.write("signal", cell, move |state| {
            state.signaled = step == Step::Set
        })
        .await;
        self.done(cell).await;
        for place in reached {
            self.clear(cell, place).await;
        }
    }

    pub(crate) async fn signal(&self, section: &mut Section) {
        let cell = section.cell;
        if self.steps.peek(|world| world.cells[cell].kind) != Kind::ManualEvent {
            self.signal_one(section).await;
        } else if !self.read(cell).signaled {
            self.signal_all(section, Step::Set, false).await;
        }
    }

    pub(crate) async fn reset(&self, section: &mut Section) {
        self.write("reset", section.cell, |state| state.signaled = false)
            .await;
    }

    pub(crate) async fn pulse(&self, section: &mut Section, kind: Kind) {
        let cell = section.cell;
        if kind == Kind::ManualEvent {
            return self.signal_all(section, Step::Pulse, false).await;
        }
        if !self.read(cell).signaled {
            self.hand_over(section, false).await;
        }
        self.reset(section).await;
    }

    /// `Section::release_rest`.
    pub(crate) async fn release_rest(&self, section: &mut Section, mut tokens: u8, begun: bool) {
        let cell = section.cell;
        let mut reached = Vec::new();
        let mut any = false;
        let rest = |left: u8| Journal {
            begun: true,
            left,
            ..Journal::new(Step::Release)
        };
        if begun {
            self.announce(cell, rest(tokens)).await;
        }
        while tokens > 0 {
            let Some((place, slot)) = self.longest_waiter(cell).await else {
                break;
            };
            let journal = Journal {
                begun: begun || any,
                place: Some(place),
                ..rest(tokens)
            };
            self.announce(cell, journal).await;
            let outcome = Commit::Object {
                index: slot.index,
                abandoned: false,
            };
            if self.reach(section, slot, outcome).await {
                (any, tokens) = (true, tokens - 1);
                self.announce(cell, rest(tokens)).await;
                match self.mistake {
                    Mistake::ClearEarly => self.clear(cell, place).await,
                    _ => reached.push(place),
                }
            }
        }
        if tokens > 0 {
            self.nudge(section, |slot| slot.nudge).await;
        }
        let count = self.read(cell).count + tokens;
        self.store_count(cell, count).await;
        for place in reached {
            self.clear(cell, place).await;
        }
    }

    async fn store_count(&self, cell: usize, count: u8) {
        self.announce(
            cell,
            Journal {
                left: count,
                ..Journal::new(Step::Store)
            },
        )
        .await;
        self.write("store count", cell, move |state| state.count = count)
            .await;
        self.done(cell).await;
    }

    /// `Section::release_mutex`.
    pub(crate) async fn release_mutex(&self, section: &mut Section) {
        if !self.hand_over(section, false).await {
            self.free_mutex(section, false).await;
        }
    }

    async fn free_mutex(&self, section: &mut Section, abandoned: bool) {
        let late = self.mistake == Mistake::NudgeLate;
        if !late {
            self.nudge(section, |slot| slot.nudge || slot.settled).await;
        }
        self.write("free", section.cell, move |state| {
            *state = State {
                abandoned,
                ..State::default()
            };
        })
        .await;
        if late {
            self.nudge(section, |slot| slot.nudge || slot.settled).await;
        }
    }

    pub(crate) async fn settle(&self, section: &mut Section) {
        let cell = section.cell;
        let (dead, due, kind) = self
            .steps
            .step("settle", move |world| {
                let its = &world.cells[cell];
                let dead = its.state.owner.is_some_and(|owner| !world.lives(owner));
                (dead, its.set && its.due, its.kind == Kind::AutoTimer)
            })
            .await;
        if kind && due {
            self.expire(section).await;
        }
        if dead {
            self.abandon(section).await;
        }
    }

    async fn abandon(&self, section: &mut Section) {
        if self.mistake == Mistake::FreeFirst {
            self.write("free", section.cell, |state| {
                (state.owner, state.abandoned) = (None, true);
            })
            .await;
        }
        if !self.hand_over(section, true).await {
            self.free_mutex(section, true).await;
        }
    }

    async fn expire(&self, section: &mut Section) {
        let cell = section.cell;
        if !self.read(cell).signaled {
            if self.hand_over(section, false).await {
                return;
            }
            self.nudge(section, |slot| slot.nudge).await;
            self.write("signal", cell, |state| state.signaled = true)
                .await;
        }
        self.steps
            .step("advance", move |world| {
                (world.cells[cell].set, world.cells[cell].due) = (false, false);
            })
            .await;
    }

    pub(crate) async fn recover(&self, section: &mut Section, dead: Who) {
        let cell = section.cell;
        let journal = self.steps.peek(|world| world.cells[cell].journal);
        let reached = self.reached(cell, journal.place).await;
        match journal.step {
            Step::Nothing => {}
            Step::Pass => {
                if let (Some(slot), Some(place)) = (reached, journal.place) {
                    self.passed(section, place, slot).await;
                }
            }
            Step::Set | Step::Pulse => {
                if journal.begun || reached.is_some() {
                    self.signal_all(section, journal.step, true).await;
                }
            }
            Step::Release => {
                let left = journal.left.saturating_sub(u8::from(reached.is_some()));
                if journal.begun || reached.is_some() {
                    self.release_rest(section, left, true).await;
                }
            }
            Step::Store => {
                let count = journal.left;
                self.write("store count", cell, move |state| state.count = count)
                    .await;
            }
            Step::TakeAll => {
                let took_all = self
                    .steps
                    .step("did it take all?", move |world| {
                        let record = world.records[dead.record];
                        record.generation == dead.generation && record.commit == Commit::All
                    })
                    .await;
                if !took_all && self.mistake != Mistake::NoUndo {
                    self.steps
                        .step("undo", move |world| {
                            world.cells[cell].state = world.cells[cell].undo;
                            world.cells[cell].state.slow = true;
                        })
                        .await;
                }
            }
        }
        self.done(cell).await;
    }
}
