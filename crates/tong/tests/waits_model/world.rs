//! What threads share in the model: the words of cells and records, and what the kernel knows of the threads.
//!
//! Everything here is part of a state of the model. A word of the real code is one field; fields of one word are changed
//! together.

/// Slots of a cell.
pub(crate) const SLOTS: usize = 4;

/// A thread by record and generation, as `waits::record::Who`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub(crate) record: usize,
    pub(crate) generation: u8,
}

/// What a cell is. Manual timers and threads are signaled as manual events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    AutoEvent,
    ManualEvent,
    Semaphore,
    Mutex,
    AutoTimer,
}

/// The state word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) slow: bool,
    pub(crate) signaled: bool,
    pub(crate) abandoned: bool,
    pub(crate) count: u8,
    pub(crate) owner: Option<Who>,
}

/// What the journal word announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Nothing,
    Pass,
    Set,
    Pulse,
    Release,
    Store,
    TakeAll,
}

/// The journal word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Journal {
    pub(crate) step: Step,
    pub(crate) begun: bool,
    pub(crate) place: Option<usize>,
    pub(crate) left: u8,
}

impl Journal {
    pub(crate) fn new(step: Step) -> Journal {
        Journal {
            step,
            begun: false,
            place: None,
            left: 0,
        }
    }
}

/// A slot word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) who: Who,
    pub(crate) index: usize,
    pub(crate) nudge: bool,
    pub(crate) settled: bool,
}

/// The 64 bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) kind: Kind,
    pub(crate) lock: Option<Who>,
    pub(crate) state: State,
    pub(crate) journal: Journal,
    pub(crate) undo: State,
    /// A timer is set for once.
    pub(crate) set: bool,
    pub(crate) slots: [Option<Slot>; SLOTS],
    /// Its time has come.
    pub(crate) due: bool,
    /// Who has the mutex as far as callers were told.
    pub(crate) held_by: Option<usize>,
    /// What the next one to acquire the mutex is to be told.
    pub(crate) told: Told,
}

/// Whether an abandonment is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Clean,
    /// Its owner was killed in a call for it, which may count or not.
    Either,
    Abandoned,
}

impl Cell {
    pub(crate) fn new(kind: Kind) -> Cell {
        Cell {
            kind,
            lock: None,
            state: State::default(),
            journal: Journal::new(Step::Nothing),
            undo: State::default(),
            set: kind == Kind::AutoTimer,
            slots: [None; SLOTS],
            due: false,
            held_by: None,
            told: Told::Clean,
        }
    }

    /// A mutex that the thread owns, which has the record of the same number.
    pub(crate) fn owned_by(mut self, thread: usize) -> Cell {
        self.state.owner = Some(Who {
            record: thread,
            generation: 1,
        });
        self.held_by = Some(thread);
        self
    }

    pub(crate) fn waited_for(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }
}

/// A record's commit word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Commit {
    Rest,
    Waiting(u8),
    Nudged(u8),
    Object { index: usize, abandoned: bool },
    TimedOut,
    All,
}

impl Commit {
    /// Decided for good.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Commit::Waiting(_) | Commit::Nudged(_))
    }
}

/// A life lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Of(usize),
    Dead,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) life: Life,
    pub(crate) generation: u8,
    pub(crate) commit: Commit,
    pub(crate) ticket: u8,
}

/// What a thread sleeps on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sleep {
    /// The record whose commit word it is.
    pub(crate) record: usize,
    /// Records whose lives are watched, by bits.
    pub(crate) lives: u8,
    /// Wakes up when a timer is due.
    pub(crate) timer: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ended {
    Done,
    Object {
        index: usize,
        abandoned: bool,
    },
    All {
        abandoned: bool,
    },
    TimedOut,
    /// It was not made.
    Left,
}

/// How far a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Runs,
    Finished,
    Killed,
}

/// A thread, as the kernel and the checker know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Thread {
    pub(crate) status: Status,
    pub(crate) who: Who,
    pub(crate) asleep: Option<Sleep>,
    /// The record to whose thread the kernel owes a wake.
    pub(crate) promise: Option<usize>,
    /// In a wait that may time out.
    pub(crate) timed: bool,
    /// It has looked after owners by itself. That once is enough to come at every moment.
    pub(crate) looked: bool,
    /// The time is over.
    pub(crate) expired: bool,
    /// The cells of the call that it is in.
    pub(crate) call: Vec<usize>,
    /// The cells that it waits for, and whether for all of them.
    pub(crate) waits_for: Option<(Vec<usize>, bool)>,
    /// It released a mutex that another one waited for without end.
    pub(crate) gave: bool,
    /// Results of the calls that returned.
    pub(crate) log: Vec<Ended>,
}

/// A state of the model, without what the threads have in their registers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) cells: Vec<Cell>,
    pub(crate) records: Vec<Record>,
    pub(crate) threads: Vec<Thread>,
    /// The next ticket.
    pub(crate) ticket: u8,
    /// Whether each thread had begun its calls when one was killed, if that matters.
    pub(crate) begun_at_death: Option<Vec<bool>>,
    /// What went wrong, if anything.
    pub(crate) wrong: Option<&'static str>,
}

impl World {
    /// Threads with a record each.
    pub(crate) fn new(cells: Vec<Cell>, threads: usize) -> World {
        let thread = |number| Thread {
            status: Status::Runs,
            who: Who {
                record: number,
                generation: 1,
            },
            asleep: None,
            promise: None,
            timed: false,
            looked: false,
            expired: false,
            call: Vec::new(),
            waits_for: None,
            gave: false,
            log: Vec::new(),
        };
        let record = |number| Record {
            life: Life::Of(number),
            generation: 1,
            commit: Commit::Rest,
            ticket: 0,
        };
        World {
            cells,
            records: (0..threads).map(record).collect(),
            threads: (0..threads).map(thread).collect(),
            ticket: 1,
            begun_at_death: None,
            wrong: None,
        }
    }

    /// `Record::is`.
    pub(crate) fn lives(&self, who: Who) -> bool {
        let record = self.records[who.record];
        record.generation == who.generation && matches!(record.life, Life::Of(_))
    }

    /// Whether the lock can be had: it is free, or its holder has ended.
    pub(crate) fn lockable(&self, cell: usize) -> bool {
        self.cells[cell].lock.is_none_or(|who| !self.lives(who))
    }

    /// futex(2): wakes who sleeps on the commit word.
    pub(crate) fn wake(&mut self, record: usize) {
        for thread in &mut self.threads {
            if thread.asleep.is_some_and(|sleep| sleep.record == record) {
                thread.asleep = None;
            }
        }
    }

    /// `Life::pass_on`: wakes all who sleep on the life.
    pub(crate) fn pass_on(&mut self, record: usize) {
        for thread in &mut self.threads {
            if thread
                .asleep
                .is_some_and(|sleep| sleep.lives >> record & 1 == 1)
            {
                thread.asleep = None;
            }
        }
    }

    /// Who sleeps on the life of the thread.
    pub(crate) fn watchers(&self, thread: usize) -> Vec<usize> {
        let record = self.threads[thread].who.record;
        let watches = |sleep: Sleep| sleep.lives >> record & 1 == 1;
        (0..self.threads.len())
            .filter(|other| self.threads[*other].asleep.is_some_and(watches))
            .collect()
    }

    /// The kernel's part of a thread's end: marks its life lock, wakes one watcher and whom it owed a wake.
    pub(crate) fn kill(&mut self, thread: usize, watcher: Option<usize>) {
        let who = self.threads[thread].who;
        if let Some(begun) = &mut self.begun_at_death {
            let has_begun = |thread: &Thread| !thread.call.is_empty() || !thread.log.is_empty();
            *begun = self.threads.iter().map(has_begun).collect();
        }
        self.threads[thread].status = Status::Killed;
        self.threads.iter_mut().for_each(|it| it.gave = false);
        self.threads[thread].asleep = None;
        self.records[who.record].life = Life::Dead;
        if let Some(watcher) = watcher {
            self.threads[watcher].asleep = None;
        }
        if let Some(record) = self.threads[thread].promise.take() {
            self.wake(record);
        }
        for cell in &mut self.cells {
            if cell.held_by == Some(thread) {
                cell.told = Told::Abandoned;
            }
        }
        for cell in std::mem::take(&mut self.threads[thread].call) {
            let cell = &mut self.cells[cell];
            // What it was about to get or to let go counts or not.
            if cell.held_by.is_none() && cell.told == Told::Clean {
                cell.told = Told::Either;
            }
        }
    }

    /// Time passes until the timer is due.
    pub(crate) fn tick(&mut self, cell: usize) {
        self.cells[cell].due = true;
        for thread in &mut self.threads {
            if thread.asleep.is_some_and(|sleep| sleep.timer) {
                thread.asleep = None;
            }
        }
    }

    /// `Commit::decide`.
    pub(crate) fn decide(&mut self, who: Who, outcome: Commit) -> bool {
        let commit = &mut self.records[who.record].commit;
        let open = *commit == Commit::Waiting(who.generation)
            || *commit == Commit::Nudged(who.generation)
                && outcome != Commit::Nudged(who.generation);
        if open {
            *commit = outcome;
        }
        open
    }

    /// `Commit::is_open`.
    pub(crate) fn is_open(&self, who: Who) -> bool {
        let commit = self.records[who.record].commit;
        commit == Commit::Waiting(who.generation) || commit == Commit::Nudged(who.generation)
    }

    /// `Commit::arm_again`.
    pub(crate) fn arm_again(&mut self, who: Who) -> bool {
        let commit = &mut self.records[who.record].commit;
        let nudged = *commit == Commit::Nudged(who.generation);
        if nudged {
            *commit = Commit::Waiting(who.generation);
        }
        nudged
    }

    /// `CellKind::take`: the state after a wait by `who` ended on the cell, and whether the mutex was abandoned.
    pub(crate) fn take(&self, cell: usize, who: Who) -> Option<(State, bool)> {
        let mut state = self.cells[cell].state;
        match self.cells[cell].kind {
            Kind::ManualEvent => state.signaled.then_some((state, false)),
            Kind::AutoEvent | Kind::AutoTimer => state.signaled.then(|| {
                state.signaled = false;
                (state, false)
            }),
            Kind::Semaphore => (state.count > 0).then(|| {
                state.count -= 1;
                (state, false)
            }),
            Kind::Mutex if state.owner == Some(who) => Some((state, false)),
            Kind::Mutex => state.owner.is_none().then(|| {
                let abandoned = state.abandoned;
                (state.owner, state.abandoned) = (Some(who), false);
                (state, abandoned)
            }),
        }
    }

    /// Whether the thread sleeps though its commit word says that it must not.
    pub(crate) fn sleeps_through(&self, thread: usize) -> bool {
        let Thread { asleep, who, .. } = self.threads[thread];
        let waiting = Commit::Waiting(who.generation);
        asleep.is_some_and(|sleep| self.records[sleep.record].commit != waiting)
    }

    /// Whether the wait that the thread sleeps in could end.
    pub(crate) fn could_end(&self, thread: usize) -> bool {
        let thread = &self.threads[thread];
        let could_take = |cell: &usize| self.take(*cell, thread.who).is_some();
        match &thread.waits_for {
            None => false,
            Some((cells, true)) => cells.iter().all(could_take),
            Some((cells, false)) => cells.iter().any(could_take),
        }
    }

    /// A call told the thread that it has the mutex.
    pub(crate) fn acquired(&mut self, cell: usize, thread: usize, abandoned: bool) {
        if self.cells[cell].kind != Kind::Mutex {
            return;
        }
        let killed = |owner: usize| self.threads[owner].status == Status::Killed;
        let free = self.cells[cell]
            .held_by
            .is_none_or(|owner| owner == thread || killed(owner));
        let told = self.cells[cell].told;
        if !free {
            self.wrong = Some("two threads own a mutex");
        } else if told == Told::Abandoned && !abandoned {
            self.wrong = Some("an abandonment was not reported");
        } else if told == Told::Clean && abandoned {
            self.wrong = Some("an abandonment was reported that was none, or twice");
        }
        self.cells[cell].held_by = Some(thread);
        self.cells[cell].told = Told::Clean;
    }

    /// The same for several, of which one or more are said to be abandoned.
    pub(crate) fn acquired_all(&mut self, cells: &[usize], thread: usize, abandoned: bool) {
        let told = |told: Told| cells.iter().any(|cell| self.cells[*cell].told == told);
        let (must, may) = (told(Told::Abandoned), told(Told::Either));
        if must && !abandoned || abandoned && !must && !may {
            self.wrong = Some("taking all reported abandonment wrongly");
        }
        for cell in cells {
            let abandoned = self.cells[*cell].told == Told::Abandoned;
            self.acquired(*cell, thread, abandoned);
        }
    }
}
