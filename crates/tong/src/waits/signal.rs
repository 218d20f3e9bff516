//! What happens under a cell's lock: tokens go to waiters, and what a dead holder began is finished or undone.
//!
//! Steps that belong together are announced in the journal first, see journal.rs.

use tong_sys::clock;
use tong_sys::map::Ordering;

use super::commit::Decided;
use super::journal::{Journal, Step};
use super::kind::{self, CellKind, Take, ABANDONED, SIGNALED, SLOW};
use super::lock::Section;
use super::record::Who;
use super::schedule::Schedule;
use super::slots::Slot;
use crate::{Error, ErrorKind, Result};

impl Section<'_> {
    fn state(&self) -> u64 {
        self.cell.state().load(Ordering::Acquire)
    }

    /// Stores a state; nobody else writes it while the lock is held.
    fn set_state(&self, state: u64) {
        self.cell.state().store(state | SLOW, Ordering::Release);
    }

    fn announce(&self, journal: Journal) {
        self.cell.journal().store(journal.word(), Ordering::SeqCst);
    }

    fn done(&self) {
        self.cell.journal().store(0, Ordering::SeqCst);
    }

    /// Takes a token for the calling thread if there is one.
    pub(super) fn try_take(&mut self) -> Result<Option<Take>> {
        let Some((next, take)) = self.cell.kind().take(self.state(), self.me.who) else {
            return Ok(None);
        };
        self.apply(next, take)?;
        Ok(Some(take))
    }

    /// The same for a thread whose wait is armed: only if nothing else ends that wait first.
    pub(super) fn try_take_armed(&mut self, index: u32) -> Result<bool> {
        let Some((next, take)) = self.cell.kind().take(self.state(), self.me.who) else {
            return Ok(false);
        };
        self.check(take)?;
        let outcome = Decided::Object {
            index,
            abandoned: take.abandoned,
        };
        if !self
            .me
            .record()
            .commit()
            .decide(self.me.who.generation, outcome)
        {
            return Ok(false);
        }
        // Killed here, we have taken nothing.
        self.apply(next, take)?;
        Ok(true)
    }

    /// Whether [`Section::apply`] will succeed.
    fn check(&self, take: Take) -> Result<()> {
        match take.again {
            true => self.cell.check_once_more(),
            false => Ok(()),
        }
    }

    fn apply(&mut self, next: u64, take: Take) -> Result<()> {
        if take.again {
            return self.cell.once_more();
        }
        if self.cell.kind() == CellKind::Mutex {
            self.cell.first().store(1, Ordering::Relaxed);
        }
        self.set_state(next);
        Ok(())
    }

    /// Whether the calling thread could take a token.
    pub(super) fn could_take(&self) -> bool {
        self.cell.kind().take(self.state(), self.me.who).is_some()
    }

    /// Whether taking the token, which is there, will succeed.
    ///
    /// # Errors
    /// A mutex was acquired too often.
    pub(super) fn check_take(&self) -> Result<()> {
        match self.cell.kind().take(self.state(), self.me.who) {
            Some((_, take)) => self.check(take),
            None => Ok(()),
        }
    }

    /// Takes the token as one of several objects that are taken together; undone if the thread dies before it
    /// decided ([`Section::keep_taken`]).
    pub(super) fn take_with_others(&mut self) -> Result<Take> {
        let state = self.state();
        let Some((next, take)) = self.cell.kind().take(state, self.me.who) else {
            return Err(Error::new("wait", ErrorKind::Corrupt));
        };
        self.cell.undo().store(state, Ordering::SeqCst);
        self.announce(Journal::new(Step::TakeAll));
        self.apply(next, take)?;
        Ok(take)
    }

    /// The taking of all was decided.
    pub(super) fn keep_taken(&mut self) {
        self.done();
    }

    /// The waiter that waits longest among those that a token may be given to. Clears away the dead.
    fn longest_waiter(&self) -> Option<(usize, Slot)> {
        let mut longest: Option<(u64, usize, Slot)> = None;
        for (place, slot) in self.waiters() {
            if slot.nudge {
                continue;
            }
            let record = self.cell.table().record(slot.who.number);
            if !record.commit().is_open(slot.who.generation) {
                continue;
            }
            let ticket = record.ticket().load(Ordering::Relaxed);
            let sooner =
                |(least, _, other): (u64, usize, Slot)| (ticket, slot.index) < (least, other.index);
            if longest.is_none_or(sooner) {
                longest = Some((ticket, place, slot));
            }
        }
        longest.map(|(_, place, slot)| (place, slot))
    }

    /// All slots of living threads. Clears away the others.
    fn waiters(&self) -> impl Iterator<Item = (usize, Slot)> + '_ {
        self.cell.places().filter_map(|place| {
            let word = self.cell.slot(place);
            let slot = Slot::from_word(word.load(Ordering::Acquire))?;
            if self.cell.table().living(slot.who).is_none() {
                word.store(0, Ordering::Release);
                return None;
            }
            Some((place, slot))
        })
    }

    /// Ends the wait of a slot's thread with this object; `false` if that wait has ended otherwise.
    fn reach(&mut self, slot: Slot, outcome: Decided) -> bool {
        // One wake can be owed at a time.
        drop(self.wake.take());
        let record = self.cell.table().record(slot.who.number);
        self.wake = record
            .commit()
            .decide_and_wake(slot.who.generation, outcome);
        self.wake.is_some()
    }

    /// Whether the dead holder had reached the waiter at the place.
    fn reached(&self, place: usize) -> Option<Slot> {
        let known = self.cell.places().any(|known| known == place);
        let slot = Slot::from_word(self.cell.slot_if(known, place)?.load(Ordering::Acquire))?;
        let record = self.cell.table().record(slot.who.number);
        let same = record.generation() == slot.who.generation;
        match record.commit().decided() {
            Some(Decided::Object { index, .. }) if same && index == slot.index => Some(slot),
            _ => None,
        }
    }

    fn clear(&self, place: usize) {
        self.cell.slot(place).store(0, Ordering::Release);
    }

    /// Wakes those who take for themselves, and those who must look at the object anew. They come when the lock is free.
    pub(super) fn nudge(&mut self, whom: impl Fn(Slot) -> bool) {
        let places: Vec<_> = self.waiters().filter(|(_, slot)| whom(*slot)).collect();
        for (place, slot) in places {
            if slot.settled {
                let unsettled = Slot {
                    settled: false,
                    ..slot
                };
                self.cell
                    .slot(place)
                    .store(unsettled.word(), Ordering::Release);
            }
            self.reach(slot, Decided::Nudged);
        }
    }

    /// Gives the one token to the waiter that waits longest; `false` if nobody can have it.
    fn hand_over(&mut self, abandoned: bool) -> bool {
        while let Some((place, slot)) = self.longest_waiter() {
            self.announce(Journal {
                place,
                ..Journal::new(Step::Pass)
            });
            let outcome = Decided::Object {
                index: slot.index,
                abandoned,
            };
            if self.reach(slot, outcome) {
                self.passed(place, slot);
                return true;
            }
        }
        self.done();
        false
    }

    /// After the waiter was reached: the token is its own.
    fn passed(&mut self, place: usize, slot: Slot) {
        match self.cell.kind() {
            CellKind::Mutex => {
                self.cell.first().store(1, Ordering::Relaxed);
                let state = kind::owned_by(self.state() & !ABANDONED, Some(slot.who));
                self.set_state(state);
            }
            CellKind::AutoTimer => self.advance(),
            _ => {}
        }
        self.clear(place);
        self.done();
        if self.cell.kind() == CellKind::Mutex {
            self.nudge(|slot| slot.settled);
        }
    }

    /// Makes the one token available: to a waiter, or to whoever comes.
    fn signal_one(&mut self) {
        if self.state() & SIGNALED != 0 || self.hand_over(false) {
            return;
        }
        self.nudge(|slot| slot.nudge);
        self.set_state(self.state() | SIGNALED);
    }

    /// Releases all waiters; the object stays signaled if `step` is [`Step::Set`].
    fn signal_all(&mut self, step: Step, begun: bool) {
        let mut journal = Journal {
            begun,
            ..Journal::new(step)
        };
        let waiters: Vec<_> = self.waiters().collect();
        let mut reached = Vec::new();
        for (place, slot) in waiters {
            if slot.nudge {
                // They see the object when they have its lock, and then it stays signaled or never was.
                if step == Step::Set {
                    self.reach(slot, Decided::Nudged);
                }
                continue;
            }
            journal.place = place;
            self.announce(journal);
            let outcome = Decided::Object {
                index: slot.index,
                abandoned: false,
            };
            if self.reach(slot, outcome) {
                journal.begun = true;
                self.announce(journal);
                reached.push(place);
            }
        }
        match step {
            Step::Set => self.set_state(self.state() | SIGNALED),
            _ => self.set_state(self.state() & !SIGNALED),
        }
        self.done();
        reached.into_iter().for_each(|place| self.clear(place));
    }

    /// Sets an event, or lets a timer or thread be signaled.
    pub(super) fn signal(&mut self) {
        match self.cell.kind().is_manual() {
            true if self.state() & SIGNALED != 0 => {}
            true => self.signal_all(Step::Set, false),
            false => self.signal_one(),
        }
    }

    /// Clears an event or timer.
    pub(super) fn reset(&mut self) {
        self.set_state(self.state() & !SIGNALED);
    }

    /// Releases who waits now, and clears the event.
    pub(super) fn pulse(&mut self) {
        if self.cell.kind().is_manual() {
            return self.signal_all(Step::Pulse, false);
        }
        if self.state() & SIGNALED == 0 {
            self.hand_over(false);
        }
        self.reset();
    }

    /// Adds to a semaphore's count, or releases waiters; returns the count before.
    pub(super) fn release(&mut self, tokens: u32) -> Result<u32> {
        let before = kind::count(self.state());
        if before + u64::from(tokens) > u64::from(self.cell.maximum()) {
            return Err(Error::new("release semaphore", ErrorKind::TooManyPosts));
        }
        self.release_rest(tokens, false);
        Ok(u32::try_from(before).unwrap_or(u32::MAX))
    }

    fn release_rest(&mut self, mut tokens: u32, begun: bool) {
        let mut reached = Vec::new();
        let rest = |left: u32| Journal {
            begun: true,
            left,
            ..Journal::new(Step::Release)
        };
        if begun {
            self.announce(rest(tokens));
        }
        while tokens > 0 {
            let Some((place, slot)) = self.longest_waiter() else {
                break;
            };
            self.announce(Journal {
                begun: begun || !reached.is_empty(),
                place,
                ..rest(tokens)
            });
            let outcome = Decided::Object {
                index: slot.index,
                abandoned: false,
            };
            if self.reach(slot, outcome) {
                tokens -= 1;
                self.announce(rest(tokens));
                reached.push(place);
            }
        }
        if tokens > 0 {
            self.nudge(|slot| slot.nudge);
        }
        let count = u32::try_from(kind::count(self.state())).unwrap_or(u32::MAX);
        self.store_count(count.saturating_add(tokens));
        reached.into_iter().for_each(|place| self.clear(place));
    }

    fn store_count(&mut self, count: u32) {
        self.announce(Journal {
            left: count,
            ..Journal::new(Step::Store)
        });
        self.set_state(u64::from(count));
        self.done();
    }

    /// Lets a mutex go that the calling thread owns once.
    pub(super) fn release_mutex(&mut self) {
        if !self.hand_over(false) {
            self.free_mutex(0);
        }
    }

    fn free_mutex(&mut self, flags: u64) {
        self.nudge(|slot| slot.nudge || slot.settled);
        self.set_state(flags);
    }

    /// Does what time or death has brought about.
    pub(super) fn settle(&mut self) {
        let kind = self.cell.kind();
        if kind.is_timer() {
            self.expire();
        } else if kind.is_owned() && !self.cell.owner_lives(self.state()) {
            match kind {
                CellKind::Mutex => self.abandon(),
                _ => self.end_thread(),
            }
        }
    }

    /// The owner ended: the next one gets the mutex, and is told. Until then the state names the dead owner, so that
    /// whoever comes after us does the same if we are killed.
    fn abandon(&mut self) {
        if !self.hand_over(true) {
            self.free_mutex(ABANDONED);
        }
    }

    /// The thread ended.
    pub(super) fn end_thread(&mut self) {
        self.signal_all(Step::Set, false);
        self.set_state(SIGNALED);
    }

    /// Signals a timer that is due.
    fn expire(&mut self) {
        let schedule = self.cell.schedule();
        if !schedule.is_some_and(|schedule| schedule.is_due(clock::now_ns())) {
            return;
        }
        match self.cell.kind() {
            CellKind::ManualTimer => self.signal(),
            _ if self.state() & SIGNALED != 0 => {}
            // A token that went to a waiter has moved the schedule on in the same step.
            _ if self.hand_over(false) => return,
            _ => {
                self.nudge(|slot| slot.nudge);
                self.set_state(self.state() | SIGNALED);
            }
        }
        self.advance();
    }

    /// Moves a timer's schedule on to the next time that is not past. Once: who finishes this for a dead one may have to
    /// do nothing.
    fn advance(&mut self) {
        let now = clock::now_ns();
        if let Some(schedule) = self.cell.schedule().filter(|schedule| schedule.is_due(now)) {
            let due = schedule.next(now).map_or(0, |next| next.due.max(1));
            self.cell.first().store(due, Ordering::Release);
        }
    }

    /// Gives a timer another schedule, or none. Who waits for it counts anew.
    pub(super) fn schedule(&mut self, schedule: Option<Schedule>, clear: bool) {
        self.nudge(|_| true);
        if clear {
            self.reset();
        }
        self.cell.count_setting();
        self.cell.set_schedule(schedule);
        self.expire();
    }

    /// Finishes or undoes what the dead holder of the lock was in the middle of.
    pub(super) fn recover(&mut self, dead: Option<Who>) {
        let journal = Journal::from_word(self.cell.journal().load(Ordering::SeqCst));
        let reached = self.reached(journal.place);
        match journal.step {
            Step::Nothing => {}
            Step::Pass => {
                if let Some(slot) = reached {
                    self.passed(journal.place, slot);
                }
            }
            Step::Set | Step::Pulse => {
                if journal.begun || reached.is_some() {
                    self.signal_all(journal.step, true);
                }
            }
            Step::Release => {
                let left = journal.left.saturating_sub(u32::from(reached.is_some()));
                if journal.begun || reached.is_some() {
                    self.release_rest(left, true);
                }
            }
            Step::Store => self.set_state(u64::from(journal.left)),
            Step::TakeAll => {
                if !self.took_all(dead) {
                    self.set_state(self.cell.undo().load(Ordering::SeqCst));
                }
            }
        }
        self.done();
    }

    fn took_all(&self, dead: Option<Who>) -> bool {
        dead.is_some_and(|who| {
            let record = self.cell.table().record(who.number);
            record.generation() == who.generation && record.commit().decided() == Some(Decided::All)
        })
    }
}
