//! Stretches of payload that were taken back and that the reader has not passed yet.

use crate::channel::layout;
use tong_sys::map::{AtomicU64, Ordering};

/// The stretches, in their order, none touching another.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    list: Vec<(u64, u64)>,
}

impl Gaps {
    /// Bytes taken back between `passed` and `end`.
    #[inline]
    pub(super) fn between(&self, passed: u64, end: u64) -> u64 {
        if self.list.is_empty() {
            return 0;
        }
        self.list
            .iter()
            .map(|(from, to)| (*to).min(end).saturating_sub((*from).max(passed)))
            .sum()
    }

    /// Forgets what the reader has passed.
    #[inline]
    pub(super) fn prune(&mut self, passed: u64) {
        if !self.list.is_empty() {
            self.list.retain(|(_, to)| *to > passed);
        }
    }

    /// Adds a stretch that touches no other by more than an end.
    pub(super) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let at = self.list.partition_point(|(start, _)| *start < from);
        self.list.insert(at, (from, to));
        self.list.dedup_by(|later, earlier| {
            let touching = later.0 == earlier.1;
            if touching {
                earlier.1 = later.1;
            }
            touching
        });
    }

    /// How many stretches there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Publishes the list for whoever continues this end. If it is too long, the first are left out: those are passed soon,
    /// and until then writes after them are taken for incomplete.
    pub(super) fn store<'a>(&self, word: impl Fn(usize) -> &'a AtomicU64) {
        // While the count is 0 the pairs mean nothing.
        word(layout::GAP_COUNT).store(0, Ordering::SeqCst);
        let skipped = self.list.len().saturating_sub(layout::MOST_GAPS);
        let mut count = 0;
        for (index, (from, to)) in self.list.iter().skip(skipped).enumerate() {
            word(layout::GAPS + index * 16).store(*from, Ordering::Relaxed);
            word(layout::GAPS + index * 16 + 8).store(*to, Ordering::Relaxed);
            count += 1;
        }
        word(layout::GAP_COUNT).store(count, Ordering::Release);
    }

    /// Takes up a published list. What makes no sense in it ends it.
    pub(super) fn load<'a>(put: u64, word: impl Fn(usize) -> &'a AtomicU64) -> Gaps {
        let count = word(layout::GAP_COUNT).load(Ordering::Acquire);
        let mut list: Vec<(u64, u64)> = Vec::new();
        for index in (0..layout::MOST_GAPS).take_while(|index| (*index as u64) < count) {
            let from = word(layout::GAPS + index * 16).load(Ordering::Relaxed);
            let to = word(layout::GAPS + index * 16 + 8).load(Ordering::Relaxed);
            let after = list.last().map_or(0, |(_, end)| *end);
            if from < after || from >= to || to > put {
                break;
            }
            list.push((from, to));
        }
        Gaps { list }
    }
}
