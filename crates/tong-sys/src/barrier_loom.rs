//! The model's stand-in for [`barrier`](crate::barrier): there is no barrier on behalf of others, so both sides use full
//! fences, which is the form that the protocol falls back to.

use loom::sync::atomic::{fence, Ordering};

/// Never: the model checks the form with two full fences.
#[must_use]
pub fn ready() -> bool {
    false
}

/// Not used in a model.
pub fn light() {
    full();
}

/// Not used in a model.
pub fn heavy() {
    full();
}

/// A full barrier.
pub fn full() {
    fence(Ordering::SeqCst);
}
