//! What programs ask of an object apart from waiting: set, reset, release, look.
//!
//! Each call first tries the one compare-and-swap that suffices while nobody waits, and takes the cell's lock only if somebody
//! does.

use tong_sys::map::Ordering;

use super::cell::Cell;
use super::kind::{self, SIGNALED, SLOW};
use super::record::Who;
use super::slots::Slot;
use crate::{Error, ErrorKind, Result};

impl Cell {
    /// Signals an event.
    ///
    /// # Errors
    /// The calling thread gets no record.
    #[inline]
    pub(crate) fn set(&self) -> Result<()> {
        let state = self.state().load(Ordering::Relaxed);
        let quick = state & SLOW == 0
            && self
                .state()
                .compare_exchange(state, state | SIGNALED, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if !quick {
            self.lock()?.signal();
        }
        Ok(())
    }

    /// Clears an event.
    ///
    /// # Errors
    /// As [`Cell::set`].
    #[inline]
    pub(crate) fn reset(&self) -> Result<()> {
        let state = self.state().load(Ordering::Relaxed);
        let quick = state & SLOW == 0
            && self
                .state()
                .compare_exchange(
                    state,
                    state & !SIGNALED,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok();
        if !quick {
            self.lock()?.reset();
        }
        Ok(())
    }

    /// Releases who waits for an event now, and clears it.
    ///
    /// # Errors
    /// As [`Cell::set`].
    pub(crate) fn pulse(&self) -> Result<()> {
        self.lock()?.pulse();
        Ok(())
    }

    /// Adds to a semaphore's count; returns the count before.
    ///
    /// # Errors
    /// The count would pass the maximum, and stays; or as [`Cell::set`].
    #[inline]
    pub(crate) fn release(&self, tokens: u32) -> Result<u32> {
        let state = self.state().load(Ordering::Relaxed);
        let after = state + u64::from(tokens);
        if state & SLOW == 0 && after <= u64::from(self.maximum()) {
            let stored =
                self.state()
                    .compare_exchange(state, after, Ordering::AcqRel, Ordering::Relaxed);
            if stored.is_ok() {
                return Ok(state as u32);
            }
        }
        self.lock()?.release(tokens)
    }

    /// Releases a mutex once.
    ///
    /// # Errors
    /// The calling thread is not the owner; or as [`Cell::set`].
    #[inline]
    pub(crate) fn release_mutex(&self) -> Result<()> {
        let me = self.me()?;
        let state = self.state().load(Ordering::Relaxed);
        if state & Who::BITS != me.who.word() {
            return Err(Error::new("release mutex", ErrorKind::NotOwner));
        }
        let times = self.first().load(Ordering::Relaxed);
        if times > 1 {
            self.first().store(times - 1, Ordering::Relaxed);
            return Ok(());
        }
        let quick = state & SLOW == 0
            && self
                .state()
                .compare_exchange(state, 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if !quick {
            self.lock()?.release_mutex();
        }
        Ok(())
    }

    /// Whether a wait by the calling thread would end at once. Takes nothing.
    ///
    /// # Errors
    /// As [`Cell::set`].
    pub(crate) fn is_signaled(&self) -> Result<bool> {
        let state = self.state().load(Ordering::Acquire);
        if state & SLOW == 0 {
            let kind = self.kind();
            if kind.take(state, self.me()?.who).is_some() {
                return Ok(true);
            }
            if !kind.is_owned() || self.owner_lives(state) {
                return Ok(false);
            }
        }
        Ok(self.lock()?.could_take())
    }

    /// A semaphore's count.
    pub(crate) fn count(&self) -> u32 {
        kind::count(self.state().load(Ordering::Acquire)) as u32
    }

    /// How many living threads wait for the object.
    pub(crate) fn waiters(&self) -> usize {
        let living = |word: u64| {
            Slot::from_word(word).is_some_and(|slot| self.table().living(slot.who).is_some())
        };
        self.places()
            .filter(|place| living(self.slot(*place).load(Ordering::Acquire)))
            .count()
    }
}
