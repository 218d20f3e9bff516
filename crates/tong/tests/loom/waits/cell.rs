//! The words of a cell and what `waits::cell` does without its lock.

use tong_sys::map::{AtomicU64, Ordering};

use super::ground::{Ground, UNIT};
use super::kind::{self, CellKind, Take, SIGNALED, SLOW};
use super::record::{Me, Table, Who};
use super::slots::{self, Places, Slot};
use crate::Result;

pub(super) const AT_LOCK: usize = 0x00;
const AT_STATE: usize = 0x08;
const AT_JOURNAL: usize = 0x10;
const AT_UNDO: usize = 0x18;
pub(super) const AT_WAITERS: usize = 0x28;
const AT_FIRST: usize = 0x30;
const AT_SECOND: usize = 0x38;

loom::lazy_static! {
    static ref GROUND: Ground = Ground::new();
    static ref TABLE: Table = Table::new();
}

/// The table of the model.
pub(crate) fn table() -> &'static Table {
    &TABLE
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    at: usize,
    kind: CellKind,
}

impl Cell {
    /// A new cell, which `owner` has if it is a mutex.
    pub(crate) fn new(kind: CellKind, owner: Option<Who>) -> Cell {
        let at = GROUND.place(GROUND.fresh().unwrap());
        let cell = Cell { at, kind };
        cell.state()
            .store(kind::owned_by(0, owner), Ordering::Release);
        cell.first()
            .store(u64::from(owner.is_some()), Ordering::Release);
        assert_eq!(at % UNIT, 0);
        cell
    }

    pub(crate) fn kind(&self) -> CellKind {
        self.kind
    }

    pub(crate) fn table(&self) -> &'static Table {
        table()
    }

    pub(crate) fn me(&self) -> Result<Me> {
        Me::in_table(table())
    }

    pub(super) fn word(&self, offset: usize) -> &AtomicU64 {
        GROUND.word(self.at + offset)
    }

    pub(super) fn state(&self) -> &AtomicU64 {
        self.word(AT_STATE)
    }

    pub(super) fn journal(&self) -> &AtomicU64 {
        self.word(AT_JOURNAL)
    }

    pub(super) fn undo(&self) -> &AtomicU64 {
        self.word(AT_UNDO)
    }

    pub(super) fn first(&self) -> &AtomicU64 {
        self.word(AT_FIRST)
    }

    pub(super) fn second(&self) -> &AtomicU64 {
        self.word(AT_SECOND)
    }

    pub(crate) fn maximum(&self) -> u32 {
        u32::MAX >> 1
    }

    pub(super) fn slot(&self, place: usize) -> &AtomicU64 {
        GROUND.word(place)
    }

    pub(super) fn slot_if(&self, known: bool, place: usize) -> Option<&AtomicU64> {
        known.then(|| self.slot(place))
    }

    pub(super) fn places(&self) -> Places<'_> {
        Places::of(&GROUND, self.at)
    }

    pub(super) fn add_slot(&self, slot: Slot) -> Result<usize> {
        slots::add(&GROUND, self.at, slot)
    }

    pub(crate) fn try_take(&self) -> Result<Option<Take>> {
        let mut state = self.state().load(Ordering::Acquire);
        let me = self.me()?;
        while state & SLOW == 0 {
            let Some((next, take)) = self.kind.take(state, me.who) else {
                if self.kind.is_owned() && !self.owner_lives(state) {
                    break;
                }
                return Ok(None);
            };
            match self
                .state()
                .compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(Some(take)),
                Err(now) => state = now,
            }
        }
        self.lock()?.try_take()
    }

    pub(super) fn check_once_more(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn once_more(&self) -> Result<()> {
        self.first().fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn owner_lives(&self, state: u64) -> bool {
        kind::owner(state).is_none_or(|owner| table().record(owner.number).is(owner))
    }

    /// Tokens, without flags.
    pub(crate) fn left(&self) -> u64 {
        let state = self.state().load(Ordering::Acquire);
        kind::count(state) + u64::from(state & SIGNALED != 0)
    }
}
