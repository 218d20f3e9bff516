//! Threads of the model with their records, and the lock of a cell: what `waits/{lock,record}.rs` do, step by step and under
//! the same names.

use crate::explorer::Steps;
use crate::world::{Commit, Kind, Life, Who};

/// A mistake in the protocol, to see that the checker finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// A waiter leaves its slot without looking for a token under the same lock.
    NoSecondLook,
    /// Fast paths do not ask whether somebody waits.
    FastBesideSlow,
    /// A waiter arms its commit word when its slots are left.
    ArmLate,
    /// Nothing is announced.
    NoJournal,
    /// A reached waiter's slot is cleared before all are reached.
    ClearEarly,
    /// The new owner is written before the waiter was reached.
    CommitLate,
    /// The token goes into the state before the waiter is asked, and stays if it was gone.
    ClearBeforeCommit,
    /// The wake is not promised to the kernel.
    NoPromise,
    /// Who waits for all is nudged after the change.
    NudgeLate,
    /// Who was nudged and has not looked yet is passed by.
    PassBy,
    /// An abandoned mutex is free before it is handed over.
    FreeFirst,
    /// Taking all is not undone.
    NoUndo,
    /// Taking all keeps what was taken, object by object, without a decision.
    NoDecision,
    /// A timed-out waiter does not ask its commit word.
    TimeOutBlindly,
    /// A waiter leaves its slots behind.
    SlotsStay,
    /// A record is taken with the name of its last thread.
    NoRetire,
}

impl Commit {
    pub(crate) fn nudged(who: Who) -> Commit {
        Commit::Nudged(who.generation)
    }
}

/// A thread of the model with the protocol's routines.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) steps: Steps,
    pub(crate) who: Who,
    pub(crate) mistake: Mistake,
    /// It settles for the owners that it finds, once.
    pub(crate) settles: bool,
}

/// A cell whose lock is held.
pub(crate) struct Section {
    pub(crate) cell: usize,
    pub(crate) wake: Option<usize>,
}

impl Actor {
    pub(crate) fn thread(&self) -> usize {
        self.steps.thread
    }

    /// `Cell::lock` and `Cell::enter`.
    pub(crate) async fn lock(&self, cell: usize) -> Section {
        let who = self.who;
        let dead = self
            .steps
            .when_lockable(cell, move |world| world.cells[cell].lock.replace(who))
            .await;
        self.steps
            .step("enter", move |world| world.cells[cell].state.slow = true)
            .await;
        let mut section = Section { cell, wake: None };
        if let Some(dead) = dead {
            self.recover(&mut section, dead).await;
        }
        self.settle(&mut section).await;
        section
    }

    /// `Drop for Section`.
    pub(crate) async fn unlock(&self, mut section: Section) {
        let cell = section.cell;
        self.steps
            .step("clear slow", move |world| {
                let cell = &mut world.cells[cell];
                cell.state.slow = cell.kind == Kind::AutoTimer || cell.waited_for();
            })
            .await;
        self.steps
            .step("unlock", move |world| world.cells[cell].lock = None)
            .await;
        self.flush(&mut section).await;
    }

    /// `Drop for Wake`.
    pub(crate) async fn flush(&self, section: &mut Section) {
        let thread = self.thread();
        if let Some(record) = section.wake.take() {
            self.steps
                .step("wake", move |world| {
                    world.wake(record);
                    world.threads[thread].promise = None;
                })
                .await;
        }
    }

    /// `Table::claim` for the record of a thread that has ended, as the calling thread's own.
    pub(crate) async fn claim(&mut self, record: usize) {
        if self.mistake != Mistake::NoRetire {
            let generation = self
                .steps
                .step("read generation", move |world| {
                    world.records[record].generation
                })
                .await;
            let had = self
                .steps
                .step("does it live?", move |world| {
                    let it = world.records[record];
                    !matches!(it.life, Life::Of(_)) && it.commit != Commit::All
                })
                .await;
            if !had {
                return;
            }
            self.steps
                .step("retire", move |world| {
                    let it = &mut world.records[record].generation;
                    *it += u8::from(*it == generation);
                })
                .await;
        }
        let thread = self.thread();
        let taken = self
            .steps
            .step("take life", move |world| {
                let dead = world.records[record].life == Life::Dead;
                if dead {
                    world.records[record].life = Life::Of(thread);
                }
                dead
            })
            .await;
        if !taken {
            return;
        }
        let generation = self
            .steps
            .step("next generation", move |world| {
                world.records[record].generation += 1;
                world.pass_on(record);
                world.records[record].generation
            })
            .await;
        self.who = Who { record, generation };
        let who = self.who;
        self.steps
            .step("rest", move |world| {
                world.records[record].commit = Commit::Rest;
                world.threads[thread].who = who;
            })
            .await;
    }
}
