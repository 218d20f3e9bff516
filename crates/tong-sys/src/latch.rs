//! A lock for moments: cheap to take and cheaper to let go.
//!
//! Letting go of an ordinary mutex is an atomic exchange, because it must see whether somebody sleeps. An exchange waits
//! until everything written before has reached the cache, which after writing a message to another processor is most of
//! what the message costs. A [`Latch`] lets go with a plain store. Whoever finds it held looks again, first at once, then
//! after pauses; so it is only for what is over in far less than a microsecond nearly always, and never for waiting.

#![allow(
    unsafe_code,
    reason = "a lock hands out the one reference to what it guards"
)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Looks before the first pause.
const QUICK_LOOKS: u32 = 100;
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_micros(500);

/// A value that one thread at a time uses for a moment.
#[derive(Debug, Default)]
pub struct Latch<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached by the thread that holds the latch, so sharing the latch means sending the value.
unsafe impl<T: Send> Sync for Latch<T> {}

impl<T> Latch<T> {
    /// A latch that nobody holds.
    pub const fn new(value: T) -> Latch<T> {
        Latch {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Uses the value, waiting until no other thread does. Do not come back here from inside `using`: it never ends.
    ///
    /// If `using` panics the latch is let go, with the value as it is then.
    #[inline]
    pub fn with<R>(&self, using: impl FnOnce(&mut T) -> R) -> R {
        // Acquire: pairs with the release by the last holder.
        if self
            .held
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.wait();
        }
        let _letting_go = LetGo(&self.held);
        // SAFETY: we hold the latch until `_letting_go` is dropped, which is after the reference was last used.
        using(unsafe { &mut *self.value.get() })
    }

    /// The value, through an exclusive reference, which no other thread can be using.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn wait(&self) {
        let (mut looks, mut pause) = (0, Duration::from_micros(10));
        loop {
            if !self.held.load(Ordering::Relaxed)
                && self
                    .held
                    .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return;
            }
            looks += 1;
            if looks < QUICK_LOOKS {
                std::hint::spin_loop();
            } else {
                // The holder was stopped in the middle, or does something longer for once.
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Lets go of the latch, also when a panic passes by.
struct LetGo<'a>(&'a AtomicBool);

impl Drop for LetGo<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_take_turns() {
        let latch = Latch::new(0u64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20_000).for_each(|_| latch.with(|count| *count += 1)));
            }
        });
        assert_eq!(latch.with(|count| *count), 80_000);
    }

    #[test]
    fn panic_lets_go() {
        let latch = Latch::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            latch.with(|_| panic!("inside"))
        }));
        assert!(panicked.is_err());
        assert_eq!(latch.with(|value| *value), 1);
    }
}
