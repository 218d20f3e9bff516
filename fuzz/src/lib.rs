//! Fuzz targets: each is a function of a byte slice that panics when tong breaks a promise.
//!
//! | target | what it does |
//! |---|---|
//! | [`ring_operations`] | both ends of one ring against a plain queue |
//! | [`mailslot_operations`] | a mailslot and several clients against a plain queue |
//! | [`hostile_ring`] | a ring whose memory a peer writes at will |
//! | [`hostile_mailslot`] | a mailslot with one hostile writer and two honest ones |
//! | [`hostile_channel`] | the accepting end of a two-way channel with a hostile client |
//! | [`greetings`] | whatever bytes and descriptors a client sends when it connects |
//! | [`names`] | any text as a name |
//!
//! The program in `main.rs` feeds them random bytes on a stable toolchain. Being functions of bytes, they serve libFuzzer
//! as they are: `fuzz_target!(|data: &[u8]| tong_fuzz::ring_operations(data));`.

mod forged;
mod greeting;
mod hostile;
mod input;
mod mailslot;
mod message;
mod name;
mod place;
mod ring;

pub use greeting::greetings;
pub use hostile::{hostile_channel, hostile_mailslot, hostile_ring};
pub use mailslot::mailslot_operations;
pub use name::names;
pub use place::private_dir;
pub use ring::ring_operations;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("ring", ring_operations),
    ("mailslot", mailslot_operations),
    ("hostile-ring", hostile_ring),
    ("hostile-mailslot", hostile_mailslot),
    ("hostile-channel", hostile_channel),
    ("greeting", greetings),
    ("name", names),
];
