//! The model's stand-in for [`thread`](crate::thread): nobody suspends a thread of a model.

/// Keeps others from stopping the thread, which nobody does here.
#[derive(Debug)]
pub struct Steady;

/// Nothing to guard against.
#[must_use]
pub fn steady() -> Steady {
    Steady
}
