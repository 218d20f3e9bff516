//! The calls that threads make, and what `waits/{cell,calls}.rs` do for them, step by step and under the same names.

use crate::explorer::Steps;
use crate::lock::{Actor, Mistake, Section};
use crate::world::{Commit, Ended, Kind, Slot, State, Who, World};

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
        change: impl FnOnce(&mut State) + Unpin,
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
    pub(crate) async fn try_take(&self, cell: usize) -> Option<bool> {
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
    pub(crate) async fn try_take_armed(&self, section: &Section, index: usize) -> bool {
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
}
