//! May this thread spin?
//!
//! Spinning for a message pays only if the one who will send it can run meanwhile. On a single processor, or when the
//! process is confined to one, a spinner merely delays its peer.

use std::sync::OnceLock;

/// Returns whether more than one processor is available to the process, as of the first call.
#[must_use]
pub fn several() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}
