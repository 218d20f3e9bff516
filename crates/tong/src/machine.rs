//! What the kernel of this machine lets tong do, found out by trying.
//!
//! A version number says little: distributions bring features back to older kernels, and sandboxes forbid calls that the
//! kernel has. Without the features here everything works too, but some of it costs more.

use std::sync::atomic::AtomicU64;

use tong_sys::barrier;
use tong_sys::futex::{self, Until, Watched};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// A thread can sleep on several words at once (`futex_waitv`, Linux 5.16). Without it, the death of a mutex's owner is
    /// noticed within 10 ms instead of at once.
    pub sleeps_on_many: bool,
    /// One processor can pass a memory barrier on behalf of others (`membarrier`, Linux 4.16). Without it, each message
    /// costs more.
    pub barriers_for_others: bool,
}

impl Features {
    /// Tries what there is. Takes some microseconds.
    #[must_use]
    pub fn of_this_machine() -> Features {
        Features {
            sleeps_on_many: sleeps_on_many(),
            barriers_for_others: barrier::ready(),
        }
    }
}

/// Sleeps on two words, one of which has changed already, so that the sleep is over at once.
fn sleeps_on_many() -> bool {
    let word = AtomicU64::new(1);
    futex::wait_many(
        &[Watched::low(&word, 1), Watched::low(&word, 0)],
        Until::Changed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_changes_nothing() {
        assert_eq!(Features::of_this_machine(), Features::of_this_machine());
    }
}
