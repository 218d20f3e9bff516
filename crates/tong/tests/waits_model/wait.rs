//! What `waits/{engine,sleeper}.rs` do, step by step and under the same names.
//!
//! A mutex is acquired once at a time. Everything lies in one table, and nothing is a descriptor.

use crate::lock::{Actor, Mistake, Section};
use crate::world::{Commit, Ended, Journal, Kind, Life, Sleep, Slot, Step, Who, World, SLOTS};

/// A slot that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    cell: usize,
    place: usize,
}

impl Actor {
    /// `wait_any` and `wait_all`.
    pub(crate) async fn wait(&self, cells: &'static [usize], all: bool, timed: bool) -> Ended {
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
                    lives >> record & 1 == 1 && world.records[record].life == Life::Dead
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
