//! Has the process forked since?
//!
//! A child made by fork without exec has copies of everything: descriptors, mappings, and the objects that think they own
//! them. Two processes that both move the positions of one ring, or remove the files of one name, ruin each other's work.
//! So an object remembers the process that it was [born](Birth) in, and keeps still anywhere else.
//!
//! # References
//! Linux: fork(2), pthread_atfork(3).

#![allow(unsafe_code, reason = "pthread_atfork has no safe form")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Once;

/// How many forks lie between this process and the one that registered.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The process in which something was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    generation: u64,
}

impl Birth {
    /// Born here and now.
    #[must_use]
    pub fn here() -> Birth {
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            // SAFETY: the handler is a plain function that lives as long as the program and only adds to an atomic, which
            // is allowed between fork and exec. If there is no memory to register it, forks go unnoticed.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        });
        Birth {
            generation: GENERATION.load(Ordering::Relaxed),
        }
    }

    /// Whether this is still the process of the birth, and not a child that was forked from it.
    #[must_use]
    #[inline]
    pub fn is_here(self) -> bool {
        // Relaxed: the child has one thread, which changed it.
        GENERATION.load(Ordering::Relaxed) == self.generation
    }
}

extern "C" fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_knows_that_it_is_not_the_parent() {
        let birth = Birth::here();
        assert!(birth.is_here());
        // SAFETY: the child calls nothing but the check and `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let status = i32::from(birth.is_here());
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(status) };
        }
        let mut status = 1;
        // SAFETY: `status` is an integer that the kernel fills in.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert!(birth.is_here());
    }
}
