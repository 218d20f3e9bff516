//! The commit word: what a waiting thread sleeps on, and where it is decided what woke it.
//!
//! ```text
//! waiting    generation of the record             │ 0x8000_0000
//! nudged     generation of the record, bit 31 set │ 0
//! decided    outcome                              │ 0
//! ```
//!
//! The lower half, on which the kernel looks, is zero as soon as there is something to wake up for: that is what lets the
//! kernel deliver the wake of a signaler that died (`tong_sys::robust`). The generation in the upper half keeps a late
//! signaler from deciding the wait of another thread that has the record now. A nudge keeps it: until the thread has looked,
//! a token can still be given to it.

use tong_sys::futex::{self, Watched};
use tong_sys::map::{AtomicU64, Ordering};
use tong_sys::robust::{promise, Promise, WAITING};

/// What ended a wait, or interrupted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// The object at this place of the wait, its token taken for the waiter.
    Object { index: u32, abandoned: bool },
    /// Look again.
    Nudged,
    /// Nothing in time.
    TimedOut,
    /// All objects at once.
    All,
    /// No wait is going on.
    Rest,
}

const ABANDONED: u32 = 1 << 30;
/// With the generation in the other bits.
const NUDGED: u32 = 1 << 31;
const TIMED_OUT: u32 = 0x7fff_fffe;
const ALL: u32 = 0x7fff_fffd;
const REST: u32 = 0x7fff_fffc;

impl Decided {
    fn code(self) -> u32 {
        match self {
            Decided::Object { index, abandoned } => index | if abandoned { ABANDONED } else { 0 },
            Decided::Nudged => NUDGED,
            Decided::TimedOut => TIMED_OUT,
            Decided::All => ALL,
            Decided::Rest => REST,
        }
    }

    fn word(self, generation: u32) -> u64 {
        let of = if self == Decided::Nudged {
            generation
        } else {
            0
        };
        u64::from(self.code() | of) << 32
    }

    fn from_code(code: u32) -> Decided {
        match code {
            code if code & NUDGED != 0 => Decided::Nudged,
            TIMED_OUT => Decided::TimedOut,
            ALL => Decided::All,
            REST => Decided::Rest,
            code => Decided::Object {
                index: code & !ABANDONED,
                abandoned: code & ABANDONED != 0,
            },
        }
    }
}

/// A record's commit word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    word: &'static AtomicU64,
}

fn waiting(generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(WAITING)
}

impl Commit {
    pub(crate) fn new(word: &'static AtomicU64) -> Commit {
        Commit { word }
    }

    /// No wait: nobody can decide anything.
    pub(crate) fn rest(self) {
        self.word.store(Decided::Rest.word(0), Ordering::SeqCst);
    }

    /// From here on the wait of that generation can be decided.
    pub(crate) fn arm(self, generation: u32) {
        self.word.store(waiting(generation), Ordering::SeqCst);
    }

    /// What was decided; `None` while the thread waits.
    #[inline]
    pub(crate) fn decided(self) -> Option<Decided> {
        let word = self.word.load(Ordering::SeqCst);
        (word as u32 == 0).then(|| Decided::from_code((word >> 32) as u32))
    }

    /// Whether a token can be given to the wait of that generation: it goes on, looking again or asleep.
    pub(crate) fn is_open(self, generation: u32) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        word == waiting(generation) || word == Decided::Nudged.word(generation)
    }

    /// Decides the wait of that generation; `false` if that has been decided. Who is nudged needs no second nudge.
    pub(crate) fn decide(self, generation: u32, outcome: Decided) -> bool {
        let (waiting, nudged) = (waiting(generation), Decided::Nudged.word(generation));
        let mut word = self.word.load(Ordering::SeqCst);
        while word == waiting || word == nudged && outcome != Decided::Nudged {
            let next = outcome.word(generation);
            match self
                .word
                .compare_exchange(word, next, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// The same, and wakes the thread when the result is dropped; the kernel does if this thread is killed before.
    ///
    /// A thread has one such wake outstanding at a time.
    pub(crate) fn decide_and_wake(self, generation: u32, outcome: Decided) -> Option<Wake> {
        let promise = promise(self.word);
        self.decide(generation, outcome).then_some(Wake {
            word: self.word,
            _promise: promise,
        })
    }

    /// Goes on waiting after a nudge; `false` if there was none.
    pub(crate) fn arm_again(self, generation: u32) -> bool {
        self.word
            .compare_exchange(
                Decided::Nudged.word(generation),
                waiting(generation),
                Ordering::SeqCst,
                Ordering::SeqCst,
            )
            .is_ok()
    }

    /// Decides the own wait for all, nudged or not.
    pub(crate) fn decide_all(self) {
        self.word.store(Decided::All.word(0), Ordering::SeqCst);
    }

    /// What to sleep on while waiting.
    pub(crate) fn watched(self) -> Watched<'static> {
        Watched::low(self.word, WAITING)
    }
}

/// A wake that is due.
#[derive(Debug)]
pub(crate) struct Wake {
    word: &'static AtomicU64,
    /// Dropped after the wake.
    _promise: Promise,
}

impl Drop for Wake {
    fn drop(&mut self) {
        futex::wake_one(self.word);
    }
}
