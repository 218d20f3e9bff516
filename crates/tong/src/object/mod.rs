//! The objects, a file each.
pub(crate) mod anonymous_pipe;
pub mod event;
pub mod file;
pub mod mailslot;
pub mod mutex;
pub mod pipe;
pub mod process;
pub mod semaphore;
pub(crate) mod shared;
pub mod snapshot;
pub mod thread;
pub mod timer;
