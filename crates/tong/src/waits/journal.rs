//! The journal of a cell: what the holder of its lock is in the middle of, for whoever takes the lock over.
//!
//! Steps that belong together are announced in the journal word first. The step that counts is always a waiter's commit
//! word: as long as no waiter was reached, the signal never happened; from then on it is carried through by whoever takes
//! the lock over. A reached waiter does that itself if nobody else does, because it takes its slot back: so the slots of
//! those who were reached are cleared only when all is done. Who is to look at a change is nudged before the change: they
//! come through the lock, and take it over if the one who nudged them was killed.
//!
//! ```text
//! bit  63 .......... 33    32 ...... 9   8       7 .. 0
//!      tokens left         place / 8     begun   what
//! ```

/// What a journal announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// The token goes to the waiter at the place.
    Pass,
    /// All waiters are released and the object stays signaled.
    Set,
    /// All waiters are released and the object does not stay signaled.
    Pulse,
    /// So many waiters are released, the rest is added to the count.
    Release,
    /// The count becomes this.
    Store,
    /// The holder takes this object together with others; the state before is in the undo word.
    TakeAll,
}

impl Step {
    const ALL: [Step; 7] = [
        Step::Nothing,
        Step::Pass,
        Step::Set,
        Step::Pulse,
        Step::Release,
        Step::Store,
        Step::TakeAll,
    ];
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Journal {
    pub(super) step: Step,
    pub(super) begun: bool,
    pub(super) place: usize,
    pub(super) left: u32,
}

impl Journal {
    pub(super) fn new(step: Step) -> Journal {
        Journal {
            step,
            begun: false,
            place: 0,
            left: 0,
        }
    }

    pub(super) fn word(self) -> u64 {
        self.step as u64
            | u64::from(self.begun) << 8
            | (self.place as u64 / 8) << 9
            | u64::from(self.left) << 33
    }

    pub(super) fn from_word(word: u64) -> Journal {
        Journal {
            step: Step::ALL
                .get((word & 0xff) as usize)
                .copied()
                .unwrap_or(Step::Nothing),
            begun: word >> 8 & 1 == 1,
            place: ((word >> 9) as usize & 0xff_ffff) * 8,
            left: (word >> 33) as u32,
        }
    }
}
