//! The model's stand-in for [`robust`](crate::robust): a life lock is a word, and [`end`] is what the kernel does when a
//! thread ends.

use std::cell::RefCell;

use crate::futex::{self, Watched};
use crate::map::{is_dead, without_death, AtomicU64, Map, Ordering};

/// Bytes of a life lock in shared memory; all zero when new.
pub const LIFE_LEN: usize = 56;

/// The value of a word that a sleeper waits with.
pub const WAITING: u32 = 0x8000_0000;

const HELD: u64 = 1;
const OWNER_DIED: u64 = 0x4000_0000;
const WAITERS: u64 = 0x8000_0000;

/// What taking a life lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nobody had it before.
    New,
    /// The thread that had it has ended.
    FromDead,
}

/// What the kernel knows of a thread.
#[derive(Default)]
struct Known {
    lives: Vec<Life>,
    promised: Option<usize>,
}

loom::thread_local! {
    static KNOWN: RefCell<Known> = RefCell::new(Known::default());
}

/// What the kernel does when the calling thread ends: marks its life locks, wakes one sleeper of each, and delivers the
/// wake that was promised last.
pub fn end() {
    without_death(|| {
        let known = KNOWN.with(RefCell::take);
        for life in known.lives {
            let word = life.word();
            let had_waiters = word.swap(OWNER_DIED | WAITERS, Ordering::SeqCst) & WAITERS != 0;
            if had_waiters {
                futex::wake_at(futex::address(word), 1);
            }
        }
        if let Some(address) = known.promised {
            futex::wake_at(address, 1);
        }
    });
}

/// A life lock somewhere in a modelled map.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    map: &'static Map,
    at: usize,
}

impl Life {
    /// The life lock at `at`.
    #[must_use]
    pub fn at(map: &'static Map, at: usize) -> Life {
        Life { map, at }
    }

    /// Takes the lock for the rest of the calling thread's life; `None` if a living thread has it.
    #[must_use]
    pub fn take(self) -> Option<Taken> {
        let word = self.word();
        let before = word.load(Ordering::Acquire);
        if lives(before) {
            return None;
        }
        let next = before & WAITERS | HELD;
        word.compare_exchange(before, next, Ordering::SeqCst, Ordering::SeqCst)
            .ok()?;
        KNOWN.with(|known| known.borrow_mut().lives.push(self));
        Some(match before & OWNER_DIED {
            0 => Taken::New,
            _ => Taken::FromDead,
        })
    }

    /// Whether the thread that took the lock last still lives.
    #[must_use]
    pub fn lives(self) -> bool {
        lives(self.word().load(Ordering::Acquire))
    }

    /// What to sleep on to hear of the end of the thread that has the lock; `None` if it has ended.
    #[must_use]
    pub fn watch(self) -> Option<Watched<'static>> {
        let word = self.word();
        let before = word.fetch_or(WAITERS, Ordering::SeqCst);
        lives(before).then(|| Watched::low(word, (before | WAITERS) as u32))
    }

    /// Wakes all who sleep on the word, if there may be any.
    pub fn pass_on(self) {
        let word = self.word();
        if word.load(Ordering::SeqCst) & WAITERS != 0 {
            futex::wake_at(futex::address(word), usize::MAX);
        }
    }

    fn word(self) -> &'static AtomicU64 {
        self.map.word(self.at)
    }
}

fn lives(word: u64) -> bool {
    word & OWNER_DIED == 0 && word & HELD != 0
}

/// A wake that the kernel delivers if the thread dies; taken back when this is dropped.
#[derive(Debug)]
pub struct Promise {
    address: usize,
}

/// Promises to the kernel to wake a sleeper of `word` if the thread dies before the promise is dropped.
#[must_use]
pub fn promise(word: &AtomicU64) -> Promise {
    let address = futex::address(word);
    KNOWN.with(|known| known.borrow_mut().promised = Some(address));
    Promise { address }
}

impl Drop for Promise {
    fn drop(&mut self) {
        // A thread that is killed takes nothing back.
        if is_dead() {
            return;
        }
        let address = self.address;
        KNOWN.with(|known| {
            let promised = &mut known.borrow_mut().promised;
            if *promised == Some(address) {
                *promised = None;
            }
        });
    }
}
