//! What went through: counts of both directions, of one connection and of all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What went in one direction.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    chunks: AtomicU64,
    /// The same direction of all connections.
    all: Option<Arc<Meter>>,
}

impl Meter {
    /// A part of this one.
    fn part(self: &Arc<Meter>) -> Arc<Meter> {
        Arc::new(Meter {
            all: Some(Arc::clone(self)),
            ..Meter::default()
        })
    }

    /// Notes that a chunk of so many bytes went through.
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.chunks.fetch_add(1, Relaxed);
        if let Some(all) = &self.all {
            all.add(bytes);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Messages, or pieces of a stream as they were read.
    pub(crate) fn chunks(&self) -> u64 {
        self.chunks.load(Relaxed)
    }
}

/// Both directions, and how many connections there were.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) there: Arc<Meter>,
    pub(crate) back: Arc<Meter>,
    pub(crate) open: AtomicU64,
    pub(crate) begun: AtomicU64,
    pub(crate) failed: AtomicU64,
    start: Instant,
}

impl Tally {
    pub(crate) fn new() -> Arc<Tally> {
        Arc::new(Tally {
            there: Arc::default(),
            back: Arc::default(),
            open: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            start: Instant::now(),
        })
    }

    /// The meters of one more connection, which count here too.
    pub(crate) fn meters(&self) -> (Arc<Meter>, Arc<Meter>) {
        (self.there.part(), self.back.part())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
