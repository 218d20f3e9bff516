//! Threads as objects: signaled when the thread has ended, whoever ended it.

use tong_sys::map::Ordering;

use super::cell::{Cell, Start};
use super::kind::{self, CellKind};
use super::record::Me;
use crate::Result;

/// Process and thread id, from the second word of a thread's cell.
pub(super) fn ids(word: u64) -> (i32, i32) {
    ((word >> 32) as i32, word as i32)
}

/// The shared state of a thread.
#[derive(Clone, Debug)]
pub(crate) struct ThreadCell {
    cell: Cell,
}

impl ThreadCell {
    /// A thread that has not started yet.
    ///
    /// # Errors
    /// No memory for the object.
    pub(crate) fn new() -> Result<ThreadCell> {
        let cell = Cell::unnamed(Start {
            kind: CellKind::Thread,
            maximum: 0,
            tokens: 0,
            owned: false,
        })?;
        Ok(ThreadCell { cell })
    }

    /// The calling thread is the one: from here on its death signals the object.
    ///
    /// # Errors
    /// The thread gets no record.
    pub(crate) fn begin(&self) -> Result<()> {
        let me = self.cell.me()?;
        let ids = u64::from(std::process::id()) << 32 | u64::from(tong_sys::thread_id());
        // As `ids` takes them apart.
        self.cell.second().store(ids, Ordering::Release);
        let mut section = self.cell.lock()?;
        // Who waits already has nobody's life to watch yet. They look again when the lock is free.
        section.nudge(|_| true);
        let state = self.cell.state();
        state.store(
            kind::owned_by(state.load(Ordering::Acquire), Some(me.who)),
            Ordering::Release,
        );
        drop(section);
        Ok(())
    }

    /// Abandons what the calling thread owns, and then signals the object with the exit code (W-95).
    ///
    /// # Errors
    /// The thread gets no record.
    pub(crate) fn end(&self, code: u32) -> Result<()> {
        Me::end_all();
        self.end_for(code)
    }

    /// Signals the object on behalf of a thread that will not run (again).
    ///
    /// # Errors
    /// As [`ThreadCell::end`].
    pub(crate) fn end_for(&self, code: u32) -> Result<()> {
        self.set_code(code);
        self.cell.lock()?.end_thread();
        Ok(())
    }

    /// Says with which code the thread will have ended, if it does not say so itself: the first one counts.
    pub(crate) fn set_code(&self, code: u32) {
        let code = 1 << 32 | u64::from(code);
        let _ = self
            .cell
            .first()
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The exit code, when the thread has ended; 1 if it was killed from outside.
    pub(crate) fn code(&self) -> Result<Option<u32>> {
        let ended = self.cell.try_take()?.is_some();
        Ok(
            ended.then(|| match self.cell.first().load(Ordering::Acquire) {
                0 => 1,
                code => code as u32,
            }),
        )
    }

    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }
}
