//! Operations that end later: what is told about them, and the thread that finishes them.
//!
//! A read, a write or a connect that was started on an overlapped open and could not end at once is *pending*. Its
//! [`Completion`] is kept by the object, and [`Completion::done`] is called once, by whichever thread makes the progress
//! that it waited for: one that reads at the other side of a lock, one that cancels, one that closes, or the *servant*, a
//! thread of this process that sleeps on the descriptors of everything that has operations pending.

mod blocked;
mod port;
mod servant;
mod tie;

pub(crate) use blocked::{Blockage, Blocked, Wake};
pub(crate) use servant::{servant, Pump, Timer, Watch};

pub use port::{CompletionPort, Got, Packet};
pub use tie::{Tie, Tied, OVERLAPPED_OPEN, SKIP_PORT_ON_SUCCESS, SKIP_SIGNAL};

use std::fmt;

use crate::ErrorKind;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes moved. Can be more than 0 beside an error: a part of a message was read ([`ErrorKind::MoreData`]).
    pub bytes: usize,
    /// What went wrong, if something did.
    pub error: Option<ErrorKind>,
}

impl Outcome {
    /// A success that moved so many bytes.
    #[must_use]
    pub fn success(bytes: usize) -> Outcome {
        Outcome { bytes, error: None }
    }

    /// A failure that moved nothing.
    #[must_use]
    pub fn failure(error: ErrorKind) -> Outcome {
        Outcome {
            bytes: 0,
            error: Some(error),
        }
    }
}

/// By what an operation is found again, to be canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The caller's own number for it: the address of its OVERLAPPED in C.
    pub tag: usize,
    /// Id of the thread that started it.
    pub thread: u32,
}

/// The caller's side of an operation: where bytes go, and who is told of the end.
pub trait Completion: Send {
    /// By what it is found again.
    fn key(&self) -> Key;

    /// Where a read puts its bytes; its length is how many are wanted. Empty for operations that read nothing.
    fn room(&mut self) -> &mut [u8] {
        &mut []
    }

    /// The operation has ended. Called once, by any thread, which holds no lock of this library.
    fn done(self: Box<Self>, outcome: Outcome);
}

/// What became of an operation that was started.
pub enum Started {
    /// It goes on; [`Completion::done`] is going to be called, or was called already.
    Pending,
    /// It ended at once. [`Completion::done`] is not called; the caller has it back.
    Now(Outcome, Box<dyn Completion>),
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Started::Pending => f.write_str("Pending"),
            Started::Now(outcome, _) => f.debug_tuple("Now").field(outcome).finish(),
        }
    }
}
