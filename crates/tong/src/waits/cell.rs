//! Cells: the shared 64 bytes of an object, and the lock under which anything but the simplest happens to them.
//!
//! ```text
//! 0x00  lock       the record that holds it, or 0
//! 0x08  state      tokens and flags, see kind.rs; SLOW: go by the lock
//! 0x10  journal    what the holder of the lock is in the middle of
//! 0x18  undo       the state before the taking of all
//! 0x20  settings   kind, how often its maker holds it, a semaphore's maximum
//! 0x28  waiters    the first block of slots
//! 0x30  first      mutex: how often acquired; timer: when due; thread: exit code
//! 0x38  second     timer: period and clock; thread: process and thread id
//! ```

use std::sync::{Arc, Weak};

use tong_sys::map::{AtomicU64, Ordering};

use super::arena::Arena;
use super::ground::{Ground, UNIT};
use super::kind::{self, CellKind, Take, SIGNALED, SLOW};
use super::record::{Me, Table, Who};
use super::schedule::Schedule;
use super::slots::{self, Places, Slot};
use crate::namespace::Hold;
use crate::object_name::ObjectName;
use crate::{Error, ErrorKind, Result};

pub(super) const AT_LOCK: usize = 0x00;
pub(super) const AT_STATE: usize = 0x08;
const AT_JOURNAL: usize = 0x10;
const AT_UNDO: usize = 0x18;
pub(super) const AT_SETTINGS: usize = 0x20;
pub(super) const AT_WAITERS: usize = 0x28;
pub(super) const AT_FIRST: usize = 0x30;
pub(super) const AT_SECOND: usize = 0x38;

/// Most times that a mutex can be acquired by its owner (W-87).
const RECURSION_MAX: u64 = 1 << 31;

/// What keeps the memory of a cell, and frees it in the end.
#[derive(Debug)]
pub(crate) enum Keep {
    /// A unit of an arena of this process.
    Arena(&'static Arena),
    /// A named object's page.
    Named(Box<Named>),
    /// A unit of another process's arena.
    Borrowed {
        /// An open of the arena's file that holds the lock on the unit's byte.
        _lock: std::os::fd::OwnedFd,
    },
}

/// A name that is held.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) hold: Hold,
    pub(crate) name: ObjectName,
}

/// An event, mutex, semaphore, timer or thread in shared memory. A clone is the same object.
#[derive(Debug)]
pub(crate) struct Cell(Home);

/// Where a cell is. The common case, an event, mutex or semaphore without a name, takes no memory beside its unit: how often
/// it is held in this process stands there too.
#[derive(Debug)]
enum Home {
    Unit(Unit),
    Body(Arc<Body>),
}

#[derive(Debug)]
struct Unit {
    arena: &'static Arena,
    at: u32,
    kind: CellKind,
}

#[derive(Debug)]
struct Body {
    ground: Arc<Ground>,
    at: usize,
    table: &'static Table,
    kind: CellKind,
    keep: Keep,
}

/// How often a unit's maker holds it, in the settings word.
const HELD_ONCE: u64 = 1 << 8;
const HELD: u64 = (1 << 31) - HELD_ONCE;
/// The unit was handed to another process once.
const LENT: u64 = 1 << 31;

impl Clone for Cell {
    fn clone(&self) -> Cell {
        Cell(match &self.0 {
            Home::Body(body) => Home::Body(Arc::clone(body)),
            Home::Unit(unit) => {
                // In a forked child they are the parent's to count.
                if unit.arena.is_here() {
                    let before = self.settings().fetch_add(HELD_ONCE, Ordering::Relaxed);
                    assert!(before & HELD < HELD / 2, "an object is held too often");
                }
                Home::Unit(Unit { ..*unit })
            }
        })
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let Home::Unit(unit) = &self.0 else {
            return;
        };
        if !unit.arena.is_here() {
            return;
        }
        let before = self.settings().fetch_sub(HELD_ONCE, Ordering::AcqRel);
        if before & HELD == HELD_ONCE {
            unit.arena.give_back(unit.at as usize, before & LENT != 0);
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        match &self.keep {
            Keep::Arena(arena) => {
                let settings = self.ground.word(self.at + AT_SETTINGS);
                arena.give_back(self.at, settings.load(Ordering::Relaxed) & LENT != 0);
            }
            Keep::Named(named) => named.hold.give_up(self.ground.fd()),
            Keep::Borrowed { .. } => {}
        }
    }
}

/// A cell, for as long as somebody else holds it.
#[derive(Clone, Debug)]
pub(crate) struct WeakCell(Weak<Body>);

impl WeakCell {
    /// The cell, if anybody holds it still.
    pub(crate) fn upgrade(&self) -> Option<Cell> {
        self.0.upgrade().map(|body| Cell(Home::Body(body)))
    }
}

impl Cell {
    /// A reference that does not hold the cell; to events, mutexes and semaphores without a name there is none.
    pub(crate) fn downgrade(&self) -> WeakCell {
        match &self.0 {
            Home::Body(body) => WeakCell(Arc::downgrade(body)),
            Home::Unit(_) => WeakCell(Weak::new()),
        }
    }
}

/// Device and inode of a file as one word.
pub(crate) fn mixed((device, inode): (u64, u64)) -> u64 {
    device.rotate_left(32) ^ inode
}

/// The state that a new cell starts in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) kind: CellKind,
    /// A semaphore's maximum.
    pub(crate) maximum: u32,
    /// Signaled, or a semaphore's count.
    pub(crate) tokens: u32,
    /// A mutex that the calling thread owns from the start.
    pub(crate) owned: bool,
}

impl Start {
    /// Writes a cell that nobody else can reach yet.
    ///
    /// # Errors
    /// The calling thread, which is to own the mutex, gets no record.
    pub(crate) fn write(self, ground: &Ground, at: usize, table: &'static Table) -> Result<()> {
        let owner = match self.owned {
            true => Some(Me::in_table(table)?.who),
            false => None,
        };
        let set =
            |offset: usize, value: u64| ground.word(at + offset).store(value, Ordering::Relaxed);
        let tokens = match self.kind {
            CellKind::Semaphore => u64::from(self.tokens),
            _ if self.tokens != 0 => SIGNALED,
            _ => 0,
        };
        // A timer is looked after by whoever waits for it, so nothing goes without its lock.
        let slow = if self.kind.is_timer() { SLOW } else { 0 };
        set(AT_LOCK, 0);
        set(AT_JOURNAL, 0);
        set(
            AT_SETTINGS,
            self.kind.code() | u64::from(self.maximum) << 32,
        );
        set(AT_WAITERS, 0);
        set(AT_FIRST, u64::from(self.owned));
        set(AT_SECOND, 0);
        let state = match owner {
            Some(owner) => kind::owned_by(tokens, Some(owner)),
            None => tokens,
        };
        ground
            .word(at + AT_STATE)
            .store(state | slow, Ordering::Release);
        Ok(())
    }
}

/// Makes a unit zero.
pub(super) fn wipe(ground: &Ground, at: usize) {
    for offset in (0..UNIT).step_by(8) {
        ground.word(at + offset).store(0, Ordering::Relaxed);
    }
}

/// The kind of the cell at `at`, if there is one.
pub(crate) fn kind_at(ground: &Ground, at: usize) -> Option<CellKind> {
    CellKind::from_code(ground.word(at + AT_SETTINGS).load(Ordering::Acquire) & 0xff)
}

impl Cell {
    /// A new object without a name.
    pub(crate) fn unnamed(start: Start) -> Result<Cell> {
        let (arena, at) = Arena::unit()?;
        start.write(arena.ground(), at, arena.table())?;
        if matches!(start.kind, CellKind::Thread) || start.kind.is_timer() {
            let keep = Keep::Arena(arena);
            let ground = Arc::clone(arena.ground());
            return Ok(Cell(Home::Body(Arc::new(Body {
                ground,
                at,
                table: arena.table(),
                kind: start.kind,
                keep,
            }))));
        }
        let cell = Cell(Home::Unit(Unit {
            arena,
            at: u32::try_from(at).unwrap_or(u32::MAX),
            kind: start.kind,
        }));
        cell.settings().fetch_add(HELD_ONCE, Ordering::Relaxed);
        Ok(cell)
    }

    /// The cell that lies at `at`; `None` if there is none.
    pub(crate) fn at(
        ground: Arc<Ground>,
        at: usize,
        table: &'static Table,
        keep: Keep,
    ) -> Option<Cell> {
        let kind = kind_at(&ground, at)?;
        Some(Cell(Home::Body(Arc::new(Body {
            ground,
            at,
            table,
            kind,
            keep,
        }))))
    }

    #[inline]
    pub(crate) fn kind(&self) -> CellKind {
        match &self.0 {
            Home::Unit(unit) => unit.kind,
            Home::Body(body) => body.kind,
        }
    }

    #[inline]
    pub(crate) fn table(&self) -> &'static Table {
        match &self.0 {
            Home::Unit(unit) => unit.arena.table(),
            Home::Body(body) => body.table,
        }
    }

    /// What keeps the cell's memory.
    pub(crate) fn keep(&self) -> &Keep {
        match &self.0 {
            Home::Unit(unit) => unit.arena.keep(),
            Home::Body(body) => &body.keep,
        }
    }

    /// The name, if the object has one.
    pub(crate) fn name(&self) -> Option<&ObjectName> {
        match self.keep() {
            Keep::Named(named) => Some(&named.name),
            _ => None,
        }
    }

    /// Lets the name go before the cell: nobody finds the object any more.
    pub(crate) fn give_name_up(&self) {
        if let Keep::Named(named) = self.keep() {
            named.hold.give_up(self.ground().fd());
        }
    }

    /// Notes that other processes may have the object from now on.
    pub(crate) fn lend(&self) {
        self.settings().fetch_or(LENT, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn ground(&self) -> &Arc<Ground> {
        match &self.0 {
            Home::Unit(unit) => unit.arena.ground(),
            Home::Body(body) => &body.ground,
        }
    }

    /// Where in its ground the cell lies.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        match &self.0 {
            Home::Unit(unit) => unit.at as usize,
            Home::Body(body) => body.at,
        }
    }

    /// What tells the object from all others, in every process: device, inode and offset.
    pub(crate) fn identity(&self) -> (u64, u64, usize) {
        let (device, inode) = self.ground().identity();
        (device, inode, self.offset())
    }

    /// Equal if, and only if, the object is the same, in any process: file, mixed to one word, and place in it.
    pub(crate) fn place(&self) -> [u64; 2] {
        let (device, inode, at) = self.identity();
        [mixed((device, inode)), at as u64]
    }

    /// The calling thread, as the object's table knows it.
    #[inline]
    pub(crate) fn me(&self) -> Result<Me> {
        Me::in_table(self.table())
    }

    #[inline]
    pub(super) fn word(&self, offset: usize) -> &AtomicU64 {
        match &self.0 {
            Home::Unit(unit) => unit.arena.ground().word(unit.at as usize + offset),
            Home::Body(body) => body.ground.word(body.at + offset),
        }
    }

    fn settings(&self) -> &AtomicU64 {
        self.word(AT_SETTINGS)
    }

    #[inline]
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

    /// A semaphore's maximum.
    pub(crate) fn maximum(&self) -> u32 {
        (self.word(AT_SETTINGS).load(Ordering::Relaxed) >> 32) as u32
    }

    /// A word of the cell's slots, by its offset in the ground.
    pub(super) fn slot(&self, place: usize) -> &AtomicU64 {
        self.ground().word(place)
    }

    /// The same, if the offset was found to be a slot's.
    pub(super) fn slot_if(&self, known: bool, place: usize) -> Option<&AtomicU64> {
        known.then(|| self.slot(place))
    }

    pub(super) fn places(&self) -> Places<'_> {
        Places::of(self.ground(), self.offset())
    }

    pub(super) fn add_slot(&self, slot: Slot) -> Result<usize> {
        slots::add(self.ground(), self.offset(), slot)
    }

    /// Takes a token if there is one, without leaving a trace if there is none.
    ///
    /// # Errors
    /// The thread gets no record; a mutex was acquired too often.
    #[inline]
    pub(crate) fn try_take(&self) -> Result<Option<Take>> {
        let state = self.state().load(Ordering::Acquire);
        if self.kind() == CellKind::ManualEvent {
            // Takes nothing, so it needs no lock and no record.
            let take = Take {
                abandoned: false,
                again: false,
            };
            return Ok((state & SIGNALED != 0).then_some(take));
        }
        if state & SLOW == 0 {
            if self.kind() == CellKind::AutoEvent && state & SIGNALED == 0 {
                return Ok(None);
            }
            if let Some(done) = self.try_take_fast(state)? {
                return Ok(done);
            }
        }
        self.lock()?.try_take()
    }

    /// The outcome without the lock; `None` if the lock is needed.
    #[inline]
    fn try_take_fast(&self, mut state: u64) -> Result<Option<Option<Take>>> {
        let me = self.me()?;
        loop {
            if state & SLOW != 0 {
                return Ok(None);
            }
            let Some((next, take)) = self.kind().take(state, me.who) else {
                // A mutex or thread whose owner died says so under the lock.
                let dead = self.kind().is_owned() && !self.owner_lives(state);
                return Ok(if dead { None } else { Some(None) });
            };
            if take.again {
                self.once_more()?;
                return Ok(Some(Some(take)));
            }
            match self
                .state()
                .compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    if self.kind() == CellKind::Mutex {
                        self.first().store(1, Ordering::Relaxed);
                    }
                    return Ok(Some(Some(take)));
                }
                Err(now) => state = now,
            }
        }
    }

    /// Whether the owner, which the caller is, may acquire the mutex once more.
    pub(super) fn check_once_more(&self) -> Result<()> {
        if self.first().load(Ordering::Relaxed) < RECURSION_MAX {
            return Ok(());
        }
        Err(Error::new("acquire mutex", ErrorKind::TooManyRecursions))
    }

    /// Counts one more acquisition by the owner, which the caller is.
    pub(super) fn once_more(&self) -> Result<()> {
        self.check_once_more()?;
        let times = self.first().load(Ordering::Relaxed);
        self.first().store(times + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the thread that the state names lives; nobody counts as living.
    pub(super) fn owner_lives(&self, state: u64) -> bool {
        kind::owner(state).is_none_or(|owner| self.table().record(owner.number).is(owner))
    }

    /// Whether time or death has brought about what nobody has noticed yet.
    pub(super) fn needs_look(&self) -> bool {
        match self.kind() {
            CellKind::Mutex | CellKind::Thread => {
                !self.owner_lives(self.state().load(Ordering::Acquire))
            }
            kind if kind.is_timer() => self.schedule().is_some_and(Schedule::is_over),
            _ => false,
        }
    }

    /// Who owns the mutex, or runs the thread, if that one lives.
    pub(crate) fn owner(&self) -> Option<Who> {
        let state = self.state().load(Ordering::Acquire);
        kind::owner(state).filter(|owner| self.table().record(owner.number).is(*owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-87: the next acquisition fails, and takes nothing.
    #[test]
    fn mutex_cannot_be_acquired_too_often() {
        let cell = Cell::unnamed(Start {
            kind: CellKind::Mutex,
            maximum: 0,
            tokens: 0,
            owned: true,
        })
        .unwrap();
        cell.first().store(RECURSION_MAX - 1, Ordering::Relaxed);
        assert!(cell.try_take().unwrap().is_some());
        let refused = cell.try_take().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooManyRecursions);
        assert_eq!(cell.first().load(Ordering::Relaxed), RECURSION_MAX);
    }
}
