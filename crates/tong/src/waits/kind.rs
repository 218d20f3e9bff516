//! What each kind of object counts as a token, and what a wait does with it.
//!
//! | kind | state word | a wait may end when | and does |
//! |---|---|---|---|
//! | manual event, manual timer | SIGNALED | set | nothing |
//! | auto event, auto timer | SIGNALED | set | clears it |
//! | semaphore | count | above 0 | counts down |
//! | mutex | owner, or ABANDONED | no owner, or the waiter is | makes the waiter owner |
//! | thread | owner, or SIGNALED | set | nothing |

use super::record::Who;

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    AutoEvent,
    ManualEvent,
    Semaphore,
    Mutex,
    AutoTimer,
    ManualTimer,
    Thread,
}

/// Somebody waits, or holds the lock: nothing goes without the lock.
pub(super) const SLOW: u64 = 1 << 63;
/// The owner ended without releasing.
pub(super) const ABANDONED: u64 = 1 << 62;
pub(super) const SIGNALED: u64 = 1 << 61;
/// The bits that are tokens: an owner, a count, or a flag.
const TOKENS: u64 = Who::BITS;

/// What taking a token gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take {
    /// The mutex's last owner ended without releasing it.
    pub(crate) abandoned: bool,
    /// The taker had it already, and has it once more.
    pub(crate) again: bool,
}

impl CellKind {
    pub(crate) const ALL: [CellKind; 7] = [
        CellKind::AutoEvent,
        CellKind::ManualEvent,
        CellKind::Semaphore,
        CellKind::Mutex,
        CellKind::AutoTimer,
        CellKind::ManualTimer,
        CellKind::Thread,
    ];

    pub(super) fn code(self) -> u64 {
        match self {
            CellKind::AutoEvent => 1,
            CellKind::ManualEvent => 2,
            CellKind::Semaphore => 3,
            CellKind::Mutex => 4,
            CellKind::AutoTimer => 5,
            CellKind::ManualTimer => 6,
            CellKind::Thread => 7,
        }
    }

    pub(crate) fn from_code(code: u64) -> Option<CellKind> {
        CellKind::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub(super) fn is_timer(self) -> bool {
        matches!(self, CellKind::AutoTimer | CellKind::ManualTimer)
    }

    /// Whether the state names a thread whose end matters.
    pub(super) fn is_owned(self) -> bool {
        matches!(self, CellKind::Mutex | CellKind::Thread)
    }

    /// Whether one signal ends all waits, and stays.
    pub(super) fn is_manual(self) -> bool {
        matches!(
            self,
            CellKind::ManualEvent | CellKind::ManualTimer | CellKind::Thread
        )
    }

    /// Whether it is worth trying to take a token: a guess, without asking who asks.
    pub(super) fn take_hint(self, state: u64) -> bool {
        match self {
            CellKind::Semaphore => state & TOKENS != 0,
            CellKind::Mutex => state & TOKENS == 0,
            _ => state & SIGNALED != 0,
        }
    }

    /// The state after a wait by `me` ended on `state`, and what it got; `None` if it cannot end.
    #[inline]
    pub(super) fn take(self, state: u64, me: Who) -> Option<(u64, Take)> {
        let plain = Take {
            abandoned: false,
            again: false,
        };
        match self {
            CellKind::ManualEvent | CellKind::ManualTimer | CellKind::Thread => {
                (state & SIGNALED != 0).then_some((state, plain))
            }
            CellKind::AutoEvent | CellKind::AutoTimer => {
                (state & SIGNALED != 0).then_some((state & !SIGNALED, plain))
            }
            CellKind::Semaphore => (state & TOKENS != 0).then(|| (state - 1, plain)),
            CellKind::Mutex => take_mutex(state, me),
        }
    }
}

#[inline]
fn take_mutex(state: u64, me: Who) -> Option<(u64, Take)> {
    let owner = state & TOKENS;
    if owner == me.word() {
        let take = Take {
            abandoned: false,
            again: true,
        };
        return Some((state, take));
    }
    let take = Take {
        abandoned: state & ABANDONED != 0,
        again: false,
    };
    (owner == 0).then(|| (state & !ABANDONED | me.word(), take))
}

/// The thread that a state word names, if any.
pub(super) fn owner(state: u64) -> Option<Who> {
    Who::from_word(state & TOKENS)
}

/// The state with another owner, or none.
pub(super) fn owned_by(state: u64, owner: Option<Who>) -> u64 {
    state & !TOKENS | owner.map_or(0, Who::word)
}

/// A semaphore's count.
pub(super) fn count(state: u64) -> u64 {
    state & TOKENS
}
