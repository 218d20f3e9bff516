//! The lock of a cell: held for moments by a record, and taken over when that record has ended.

#[cfg(not(loom))]
use std::time::Duration;

use tong_sys::map::Ordering;
use tong_sys::thread::{steady, Steady};

use super::cell::{Cell, AT_LOCK};
use super::commit::Wake;
use super::kind::SLOW;
use super::record::{Me, Who};
use crate::Result;

impl Cell {
    /// Takes the cell's lock, for moments.
    ///
    /// # Errors
    /// The thread gets no record.
    pub(super) fn lock(&self) -> Result<Section<'_>> {
        let me = self.me()?;
        let lock = self.word(AT_LOCK);
        let mut looks = 0;
        loop {
            let steady = steady();
            // Released too: who sees our name in it must not see us from before our life began.
            match lock.compare_exchange(0, me.who.word(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(self.enter(me, steady, None)),
                Err(holder) => {
                    if let Some(dead) = self.dead_holder(holder) {
                        let stolen = lock.compare_exchange(
                            holder,
                            me.who.word(),
                            Ordering::AcqRel,
                            Ordering::Acquire,
                        );
                        if stolen.is_ok() {
                            return Ok(self.enter(me, steady, Some(dead)));
                        }
                    }
                }
            }
            drop(steady);
            looks += 1;
            pause(looks);
        }
    }

    /// The holder that a lock word names, if that thread has ended. A word that names nobody is dead too.
    fn dead_holder(&self, holder: u64) -> Option<Option<Who>> {
        match Who::from_word(holder) {
            _ if holder == 0 => None,
            None => Some(None),
            Some(who) if self.table().record(who.number).is(who) => None,
            Some(who) => Some(Some(who)),
        }
    }

    fn enter(&self, me: Me, steady: Steady, dead: Option<Option<Who>>) -> Section<'_> {
        // From here on nobody touches the state without the lock.
        self.state().fetch_or(SLOW, Ordering::AcqRel);
        let mut section = Section {
            cell: self,
            me,
            wake: None,
            _steady: steady,
        };
        if let Some(dead) = dead {
            section.recover(dead);
        }
        section.settle();
        section
    }

    fn unlock(&self) {
        self.word(AT_LOCK).store(0, Ordering::Release);
    }
}

/// Waits a little for a lock that is held for moments; longer if its holder was put to sleep.
#[cfg(not(loom))]
fn pause(looks: u32) {
    match looks {
        0..=100 if tong_sys::cpu::several() => std::hint::spin_loop(),
        0..=120 => std::thread::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}

/// In a model, others go on first.
#[cfg(loom)]
fn pause(_looks: u32) {
    loom::thread::yield_now();
}

/// A cell whose lock is held.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) cell: &'a Cell,
    pub(super) me: Me,
    /// Goes to the waiter that was served last, when the lock is free again.
    pub(super) wake: Option<Wake>,
    /// Nobody stops this thread while it holds the lock.
    _steady: Steady,
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let cell = self.cell;
        let waited_for = || {
            cell.places()
                .any(|place| cell.slot(place).load(Ordering::Relaxed) != 0)
        };
        if !cell.kind().is_timer() && !waited_for() {
            cell.state().fetch_and(!SLOW, Ordering::Release);
        }
        cell.unlock();
    }
}
