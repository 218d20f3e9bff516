//! The channel: the one message primitive that every message flow is made of.
//!
//! A channel is a connected socket, a bell per direction and a sealed memory file with one ring per direction. The
//! connecting side makes the memory and sends it over; it need not wait for anybody, and what it wrote survives it,
//! because the greeting that holds the descriptors does.
//!
//! - [`layout`]: where everything lies in the memory file.
//! - [`ring`]: frames and positions; the only code that moves them.
//! - `greeting`: what the connecting side sends, and what the other side believes of it.
//! - [`duplex`]: two-way channels with blocking ends.
//!
//! A mailslot ([`crate::object::mailslot`]) is many one-way channels with one reader.
//!
//! # Death
//! The socket hangs up when the last holder of the other end is gone. Whole messages that were published before stay
//! readable; a message that was being written does not exist.
//!
//! # Trust
//! The two sides need not trust each other: see [`ring`]. A peer can make its own messages nonsense, stop, flood up to
//! its quota, ring without reason, and nothing else.

pub mod conduit;
pub mod layout;
pub mod ring;

#[cfg(not(loom))]
pub mod duplex;
#[cfg(not(loom))]
pub(crate) mod greeting;
#[cfg(not(loom))]
mod status;

#[cfg(not(loom))]
pub(crate) use status::{RingStatus, Unread};

/// Length in bytes of the segment that a ring grows to first. Small enough to stay in a processor's cache.
#[cfg(not(loom))]
pub(crate) const FIRST_LEN: u64 = 64 << 10;

/// How long an end goes on without asking the kernel whether its peer lives, where asking costs more than all the rest.
/// Short against the time that the end of a process takes to be noticed by anybody.
#[cfg(not(loom))]
pub(crate) const TRUST_NS: u64 = 20_000;
