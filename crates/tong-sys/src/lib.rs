//! The Linux layer under tong.
//!
//! All `unsafe` code of the core lives here, in small modules with safe faces, so that `tong` can forbid it. The modules
//! know Linux and nothing of Windows:
//!
//! | module | what it supplies |
//! |---|---|
//! | [`map`] | shared mappings: words as atomics, bytes by copying in and out |
//! | [`memory`] | sealed memory files, ours and those that a peer hands us |
//! | [`socket`] | rendezvous by name, passing descriptors, who the peer is |
//! | [`dir`](mod@dir) | the directories behind the names, checked for owner, mode and type |
//! | [`lock`] | locks that belong to an open file and vanish with it |
//! | [`bell`] | wake-ups: event descriptors and the set of them that one thread sleeps on |
//! | [`barrier`] | a barrier on other processors, paid for by the side that sleeps |
//! | [`clock`] | one monotonic clock for stamps and deadlines |
//! | `reactor` | registering with tokio, under the feature of that name |
//! | [`cpu`] | may this thread spin? |
//! | [`fork`] | has the process forked since? |
//! | [`latch`] | a lock for moments |
//! | [`errno`] | error numbers to match on |

#[cfg(not(loom))]
pub mod barrier;
#[cfg(loom)]
#[path = "barrier_loom.rs"]
pub mod barrier;
#[cfg(not(loom))]
pub mod bell;
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod cpu;
#[cfg(not(loom))]
pub mod dir;
pub mod errno;
#[cfg(not(loom))]
pub mod fork;
#[cfg(not(loom))]
pub mod latch;
#[cfg(not(loom))]
pub mod lock;
#[cfg(not(loom))]
pub mod map;
#[cfg(loom)]
#[path = "map_loom.rs"]
pub mod map;
#[cfg(not(loom))]
pub mod memory;
#[cfg(loom)]
#[path = "memory_loom.rs"]
pub mod memory;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod reactor;
#[cfg(not(loom))]
pub mod socket;
