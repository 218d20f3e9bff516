//! Where threads that start operations, end them and wait for ends meet: by the address of the OVERLAPPED.
//!
//! Two needs bring them here. Who starts an operation must not reset an event that an end of the same OVERLAPPED is about to set.
//! And who waits for an end without an event has to be told of this end, not of just any on the same open.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tong::object::thread::steady;
use tong::Event;

const DESKS: usize = 64;

/// One of the meeting points.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Ends under way.
    ending: AtomicUsize,
    /// Who waits, counted apart so that ends without anybody waiting need no lock.
    waiting: AtomicUsize,
    waiters: Mutex<Vec<(usize, Event)>>,
}

static ALL: [Desk; DESKS] = [const {
    Desk {
        ending: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        waiters: Mutex::new(Vec::new()),
    }
}; DESKS];

impl Desk {
    /// The desk for an address.
    pub(crate) fn of(address: usize) -> &'static Desk {
        // Structures are some ten bytes apart at least; the factor spreads what is left.
        let mixed = (address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &ALL[mixed >> (usize::BITS - DESKS.ilog2())]
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Event)>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what ends an operation, then tells who waits for it. Nobody can suspend the thread meanwhile, who would keep all
    /// others from starting operations.
    pub(crate) fn ending(&self, address: usize, end: impl FnOnce()) {
        let _steady = steady();
        self.ending.fetch_add(1, Ordering::SeqCst);
        end();
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let waiters = self.lock();
            for (_, event) in waiters.iter().filter(|(other, _)| *other == address) {
                // Its waiter looks by itself if this fails, a little later.
                let _ = event.set();
            }
        }
        self.ending.fetch_sub(1, Ordering::SeqCst);
    }

    /// Returns when no end is under way that began before.
    pub(crate) fn await_endings(&self) {
        let mut looks = 0_u32;
        while self.ending.load(Ordering::SeqCst) > 0 {
            looks += 1;
            match looks {
                0..100 => std::hint::spin_loop(),
                _ => std::thread::yield_now(),
            }
        }
    }

    /// Has the event set by each end at the address, until the result is dropped.
    pub(crate) fn wait_with(&'static self, address: usize, event: Event) -> Waiting {
        let _steady = steady();
        self.lock().push((address, event.clone()));
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting { desk: self, event }
    }
}

/// Somebody who waits at a desk.
#[derive(Debug)]
pub(crate) struct Waiting {
    desk: &'static Desk,
    pub(crate) event: Event,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _steady = steady();
        let mut waiters = self.desk.lock();
        let place = waiters
            .iter()
            .position(|(_, event)| event.same_object(&self.event));
        if let Some(place) = place {
            waiters.swap_remove(place);
        }
        self.desk.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
