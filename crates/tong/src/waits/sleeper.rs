//! A wait that sleeps: its slots, what it sleeps on, and how it ends.

use tong_sys::clock;
use tong_sys::futex::{self, Until, Watched};
use tong_sys::map::Ordering;

use super::cell::Cell;
use super::commit::{Commit, Decided};
use super::engine::{cells, Alert, Ending, Entry};
use super::kind::{self, CellKind};
use super::lock::Section;
use super::note::{Note, Terms};
use super::record::{Me, Table};
use super::slots::Slot;
use super::watcher::{self, Watch};
use super::{BACKSTOP_NS, SLICE_NS};
use crate::wait::Deadline;
use crate::Result;

/// A slot that was left, by its object's place in the list.
#[derive(Clone, Copy, Debug)]
struct Left {
    index: usize,
    place: usize,
}

/// A wait that sleeps.
pub(super) struct Wait<'a> {
    entries: &'a [Entry<'a>],
    all: bool,
    deadline: Deadline,
    alert: Option<&'a dyn Alert>,
    /// The thread, once for each table that objects lie in.
    mes: Vec<Me>,
    left: Vec<Left>,
    /// Descriptors that the watcher looks after.
    watch: Option<Watch>,
    /// What is said of it to those who look on.
    note: Option<Note>,
    /// Cells in the order in which their locks are taken.
    order: Vec<usize>,
    /// Until when owners are looked after without being told of new ones.
    slice: Option<u64>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(alert) = self.alert {
            alert.waits_with(&[]);
        }
        self.note = None;
        self.watch = None;
        self.take_slots_back();
        for me in &self.mes {
            me.record().commit().rest();
        }
    }
}

impl<'a> Wait<'a> {
    pub(super) fn new(
        entries: &'a [Entry<'a>],
        all: bool,
        deadline: Deadline,
        alert: Option<&'a dyn Alert>,
    ) -> Result<Wait<'a>> {
        let mut mes: Vec<Me> = Vec::with_capacity(1);
        for (_, cell) in cells(entries) {
            if !mes.iter().any(|me| me.table.same(cell.table())) {
                mes.push(cell.me()?);
            }
        }
        if mes.is_empty() {
            mes.push(Me::in_table(Table::of_process()?)?);
        }
        let mut order: Vec<usize> = cells(entries).map(|(index, _)| index).collect();
        if all {
            order.sort_by_key(|index| match &entries[*index] {
                Entry::Cell(cell) => cell.identity(),
                _ => (0, 0, 0),
            });
        }
        Ok(Wait {
            entries,
            all,
            deadline,
            alert,
            mes,
            left: Vec::new(),
            watch: None,
            note: None,
            order,
            slice: None,
        })
    }

    fn cell(&self, index: usize) -> &'a Cell {
        match &self.entries[index] {
            Entry::Cell(cell) => cell,
            _ => unreachable!("only cells are asked for by index"),
        }
    }

    fn me(&self, table: &Table) -> Me {
        let mine = self.mes.iter().find(|me| me.table.same(table));
        *mine.unwrap_or(&self.mes[0])
    }

    /// Whether signalers hand over: one commit word decides the whole wait.
    fn is_direct(&self) -> bool {
        !self.all && self.mes.len() == 1
    }

    pub(super) fn run(mut self) -> Result<Ending> {
        let now = clock::now_ns();
        for me in &self.mes {
            me.record().ticket().store(now, Ordering::Relaxed);
            me.record().commit().arm(me.who.generation);
        }
        if let Some(alert) = self.alert {
            alert.waits_with(&self.mes);
        }
        self.watch = Watch::start(self.entries, &self.mes)?;
        if self.cells_owned() {
            self.slice = Some(now + SLICE_NS);
        }
        let terms = Terms {
            all: self.all,
            alertable: self.alert.is_some(),
            deadline: self.deadline,
        };
        self.note = Some(Note::write(self.mes[0], self.entries, terms));
        match self.wait() {
            // A signaler may have been faster than the error, and what it gave must not be lost.
            Err(error) if self.is_direct() => match self.give_up(Ending::TimedOut) {
                Some(ending @ Ending::Object { .. }) => Ok(ending),
                _ => Err(error),
            },
            ended => ended,
        }
    }

    fn wait(&mut self) -> Result<Ending> {
        self.leave_slots()?;
        loop {
            if let Some(ending) = self.look()? {
                return Ok(ending);
            }
            self.sleep()?;
        }
    }

    fn cells_owned(&self) -> bool {
        cells(self.entries).any(|(_, cell)| cell.kind().is_owned())
    }

    /// Visits all cells in the order of the list, and takes the first token that is there.
    fn leave_slots(&mut self) -> Result<()> {
        let direct = self.is_direct();
        for (index, cell) in cells(self.entries) {
            let mut section = cell.lock()?;
            if direct && section.try_take_armed(index as u32)? {
                break;
            }
            if direct && self.is_decided() {
                break;
            }
            let slot = Slot {
                who: section.me.who,
                index: index as u32,
                nudge: !direct,
                settled: false,
            };
            let place = cell.add_slot(slot)?;
            self.left.push(Left { index, place });
        }
        Ok(())
    }

    /// Whether the wait has ended, looking at what may have changed.
    fn look(&mut self) -> Result<Option<Ending>> {
        if self.is_direct() {
            if let Some(ending) = self.decided(self.mes[0].record().commit()) {
                return Ok(Some(ending));
            }
        }
        // From here on a nudge is a new one, and what it was about is looked at now.
        let mut nudged = false;
        for me in &self.mes {
            nudged |= me.record().commit().arm_again(me.who.generation);
        }
        if nudged && self.cells_owned() {
            // There may be another owner from now on.
            self.slice = Some(clock::now_ns() + SLICE_NS);
        }
        let ending = match self.all {
            true => self.try_all()?,
            false => self.try_again(nudged || !self.is_direct())?,
        };
        if ending.is_some() {
            return Ok(ending);
        }
        if self.alert.is_some_and(Alert::is_pending) {
            return Ok(self.give_up(Ending::Alerted));
        }
        if self.deadline.passed() {
            return Ok(self.give_up(Ending::TimedOut));
        }
        Ok(None)
    }

    /// The ending that a signaler decided.
    fn decided(&self, commit: Commit) -> Option<Ending> {
        match commit.decided() {
            Some(Decided::Object { index, abandoned }) => Some(Ending::Object {
                index: index as usize,
                abandoned,
            }),
            _ => None,
        }
    }

    /// Ends the wait without an object, unless a signaler was faster (W-12).
    fn give_up(&mut self, ending: Ending) -> Option<Ending> {
        let me = self.mes[0];
        let commit = me.record().commit();
        if !self.is_direct() {
            return Some(ending);
        }
        loop {
            if commit.decide(me.who.generation, Decided::TimedOut) {
                return Some(ending);
            }
            if let Some(ended) = self.decided(commit) {
                return Some(ended);
            }
            commit.arm_again(me.who.generation);
        }
    }

    /// Looks at the objects of a wait for any; without `everything` at those that need it: time, death and descriptors bring
    /// no signaler along.
    fn try_again(&mut self, everything: bool) -> Result<Option<Ending>> {
        let direct = self.is_direct();
        for (index, entry) in self.entries.iter().enumerate() {
            let taken = match entry {
                Entry::Cell(cell) if !everything && !cell.needs_look() => None,
                Entry::Cell(cell) if direct => {
                    if cell.lock()?.try_take_armed(index as u32)? || self.is_decided() {
                        return Ok(self.decided(self.mes[0].record().commit()));
                    }
                    None
                }
                Entry::Cell(cell) => cell.lock()?.try_take()?.map(|take| take.abandoned),
                Entry::Fd(fd) => watcher::is_ready(*fd).then_some(false),
            };
            if let Some(abandoned) = taken {
                return Ok(self.give_up(Ending::Object { index, abandoned }));
            }
        }
        Ok(None)
    }

    fn is_decided(&self) -> bool {
        self.mes[0]
            .record()
            .commit()
            .decided()
            .is_some_and(is_final)
    }

    /// Takes all objects if all are signaled now.
    pub(super) fn try_all(&mut self) -> Result<Option<Ending>> {
        let others = self.entries.iter().all(|entry| match entry {
            Entry::Cell(_) => true,
            Entry::Fd(fd) => watcher::is_ready(*fd),
        });
        if !others {
            return Ok(None);
        }
        let mut sections: Vec<Section<'_>> = Vec::with_capacity(self.order.len());
        for index in &self.order {
            let mut section = self.cell(*index).lock()?;
            // One wake can be promised to the kernel at a time, and the next lock may take a while.
            drop(section.wake.take());
            sections.push(section);
        }
        if !sections.iter().all(Section::could_take) {
            return Ok(None);
        }
        sections.iter().try_for_each(Section::check_take)?;
        let mut abandoned = false;
        for section in &mut sections {
            abandoned |= section.take_with_others()?.abandoned;
        }
        for me in &self.mes {
            me.record().commit().decide_all();
        }
        sections.iter_mut().for_each(Section::keep_taken);
        Ok(Some(Ending::Object {
            index: 0,
            abandoned,
        }))
    }

    /// Sleeps until a commit word changes, an owner ends, or it is time for something.
    fn sleep(&mut self) -> Result<()> {
        let mut watched: Vec<Watched<'_>> = Vec::with_capacity(4);
        watched.extend(self.mes.iter().map(|me| me.record().commit().watched()));
        let owners = self.watch_owners(&mut watched);
        let Some(until) = self.until(owners.is_some()) else {
            return self.after_sleep();
        };
        if owners == Some(false) {
            // An owner ended just now.
            return Ok(());
        }
        if !futex::wait_many(&watched, until) {
            // This system sleeps on one word only: look after owners and other tables now and then.
            futex::wait(watched[0], earlier(until, clock::now_ns() + SLICE_NS));
        }
        self.after_sleep()
    }

    /// Adds the lives of owners to what is slept on. `None` if there are none, `Some(false)` if one has ended.
    fn watch_owners(&self, watched: &mut Vec<Watched<'static>>) -> Option<bool> {
        let mut owners = None;
        for (_, cell) in cells(self.entries).filter(|(_, cell)| cell.kind().is_owned()) {
            let state = cell.state().load(Ordering::Acquire);
            let Some(owner) = kind::owner(state) else {
                continue;
            };
            owners = owners.or(Some(true));
            match cell.table().record(owner.number).watch(owner) {
                Some(life) if watched.len() < futex::MANY => watched.push(life),
                Some(_) => {}
                None => return Some(false),
            }
        }
        owners
    }

    /// When to wake up by itself; `None` if that is now.
    fn until(&self, owners: bool) -> Option<Until> {
        let now = clock::now_ns();
        let mut until = match self.deadline.left() {
            None => Until::Changed,
            Some(left) => Until::Monotonic(
                now.saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)),
            ),
        };
        if let Some(due) = self.alert.and_then(Alert::due_ns) {
            until = earlier(until, due);
        }
        for (_, cell) in cells(self.entries).filter(|(_, cell)| cell.kind().is_timer()) {
            let Some(schedule) = cell.schedule() else {
                continue;
            };
            let due = match schedule.realtime {
                false => schedule.due,
                true => {
                    // The system's clock may be set meanwhile, so look at it now and then.
                    let left = schedule.due.saturating_sub(clock::realtime_ns());
                    now + left.min(BACKSTOP_NS)
                }
            };
            until = earlier(until, due);
        }
        if owners {
            until = earlier(until, self.slice.unwrap_or(now + BACKSTOP_NS));
        }
        match until {
            Until::Monotonic(time) if time <= now => None,
            until => Some(until),
        }
    }

    /// Passes a death on, and settles for the present owners when the slice is over.
    fn after_sleep(&mut self) -> Result<()> {
        for (_, cell) in cells(self.entries).filter(|(_, cell)| cell.kind().is_owned()) {
            let state = cell.state().load(Ordering::Acquire);
            if let Some(owner) = kind::owner(state).filter(|_| !cell.owner_lives(state)) {
                cell.table().record(owner.number).life().pass_on();
            }
        }
        if self.slice.is_some_and(|slice| slice <= clock::now_ns()) {
            self.slice = None;
            self.settle_slots()?;
        }
        Ok(())
    }

    /// Asks to be told of new owners.
    fn settle_slots(&self) -> Result<()> {
        for left in &self.left {
            let cell = self.cell(left.index);
            if cell.kind() != CellKind::Mutex {
                continue;
            }
            let _section = cell.lock()?;
            let word = cell.slot(left.place);
            if let Some(slot) = self.own(cell, left.place) {
                let settled = Slot {
                    settled: true,
                    ..slot
                };
                word.store(settled.word(), Ordering::Release);
            }
        }
        Ok(())
    }

    /// The slot at the place, if it is this wait's.
    fn own(&self, cell: &Cell, place: usize) -> Option<Slot> {
        let who = self.me(cell.table()).who;
        let slot = Slot::from_word(cell.slot(place).load(Ordering::Acquire))?;
        (slot.who == who).then_some(slot)
    }

    fn take_slots_back(&mut self) {
        for left in std::mem::take(&mut self.left) {
            let cell = self.cell(left.index);
            // A slot that a signaler has cleared is nobody's business any more.
            if self.own(cell, left.place).is_none() {
                continue;
            }
            // The lock needs the record that the slot was left with, so it cannot fail.
            if let Ok(_section) = cell.lock() {
                if self.own(cell, left.place).is_some() {
                    cell.slot(left.place).store(0, Ordering::Release);
                }
            }
        }
    }
}

fn is_final(decided: Decided) -> bool {
    decided != Decided::Nudged
}

fn earlier(until: Until, time: u64) -> Until {
    match until {
        Until::Monotonic(other) => Until::Monotonic(other.min(time)),
        _ => Until::Monotonic(time),
    }
}
