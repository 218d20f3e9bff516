//! Models of the ring and of everything that sleeps on it, under every order of steps that the memory model allows.
//!
//! Run with `cargo xtask loom`. The ring is the real code of `tong::channel::ring` over modelled memory in a tiny division
//! of 64 bytes and more: messages that lie in bytes are watched for unordered access, so a torn message fails a model
//! even where it would have come out whole by luck. What sleeps (`channel/duplex.rs`, `object/mailslot/rings.rs`) needs the
//! kernel and is mirrored here in its smallest faithful form; each mirror names the code that it follows.
//!
//! Models whose orders are too many are explored up to a number of preemptions, which the test says. Each prints how many
//! orders it went through (`--nocapture`).

#![cfg(loom)]

#[path = "loom/conduit.rs"]
mod conduit;
#[path = "loom/frames.rs"]
mod frames;
#[path = "loom/order.rs"]
mod order;
#[path = "loom/sleep.rs"]
mod sleep;
#[path = "loom/waits.rs"]
mod waits;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use tong::channel::layout::Geometry;
use tong::channel::ring::{ChannelMemory, Consumer, Producer};

/// What the real code of waits names from its crate.
type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
struct Error(#[allow(dead_code, reason = "shown when a model fails")] ErrorKind);

impl Error {
    fn new(_: &'static str, kind: ErrorKind) -> Error {
        Error(kind)
    }
}

/// The kinds that it makes.
#[derive(Clone, Copy, Debug)]
enum ErrorKind {
    Corrupt,
    NotOwner,
    TooManyPosts,
}

/// Runs `model` in every order of steps, or in those with at most `preemptions` if that is given.
fn explore(name: &str, preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicU64::new(0));
    let started = std::time::Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    let count = Arc::clone(&orders);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!(
        "{name}: {} orders in {:.1?}",
        orders.load(Ordering::Relaxed),
        started.elapsed()
    );
}

/// The two ends of a ring whose segments 0 and 1 have `first_len` bytes, and that may hold `quota`.
fn ring(first_len: u64, quota: u64) -> (Producer, Consumer) {
    let geometry = Geometry::new(1, first_len, quota).with_inner_len(first_len);
    let memory = ChannelMemory::create(c"tong-model", geometry).unwrap();
    (memory.producer(0, quota), memory.consumer(0))
}

/// A message of `len` bytes that differs from others in all of them.
fn message(number: u8, len: usize) -> Vec<u8> {
    vec![number; len]
}

/// The oldest message and whether the producer wants to be woken.
fn pop(consumer: &mut Consumer) -> Option<(Vec<u8>, bool)> {
    let frame = consumer.front().expect("an honest ring makes sense")?;
    let mut message = Vec::new();
    consumer.append_to(frame, &mut message);
    assert_eq!(message.len(), frame.len);
    Some((message, consumer.advance_and_see(frame)))
}
