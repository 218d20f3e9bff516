//! How fast things go: the difference between two looks, and a while of it to draw.

use super::look::{ObjectKey, ProcessKey};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};
use tong::namespace::Traffic;

/// So many looks are remembered of an object, which is more than a terminal is wide.
const SAMPLES_MAX: usize = 300;

/// Bytes and messages of each second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    /// Bytes to the server.
    pub(super) bytes_in: f64,
    /// Bytes to the clients.
    pub(super) bytes_out: f64,
    pub(super) messages: f64,
}

impl Rate {
    /// All bytes together.
    pub(super) fn bytes(&self) -> f64 {
        self.bytes_in + self.bytes_out
    }
}

/// What one look found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) rate: Rate,
    pub(super) queued: u64,
}

/// What is remembered of an object that carries something.
#[derive(Debug, Default)]
struct Past {
    total: Traffic,
    samples: VecDeque<Sample>,
    look: u64,
}

/// What is remembered of all of them.
#[derive(Debug, Default)]
pub(super) struct Rates {
    past: HashMap<ObjectKey, Past>,
    /// For how long processors had worked for each process, and the look that found it.
    worked: HashMap<ProcessKey, (Duration, u64)>,
    look: u64,
    taken: Option<Instant>,
    between: Duration,
}

impl Rates {
    /// A look was taken at this moment; what it found follows.
    pub(super) fn begin(&mut self, taken: Instant) {
        self.look += 1;
        self.between = self
            .taken
            .map_or(Duration::ZERO, |last| taken.saturating_duration_since(last));
        self.taken = Some(taken);
    }

    /// An object was found with so much that has gone through it. Its rate is known from the second time on.
    pub(super) fn note(
        &mut self,
        key: &ObjectKey,
        total: Option<&Traffic>,
        queued: Option<u64>,
    ) -> Option<Rate> {
        let total = *total?;
        let Some(past) = self.past.get_mut(key) else {
            let past = Past {
                total,
                look: self.look,
                ..Past::default()
            };
            self.past.insert(key.clone(), past);
            return None;
        };
        past.look = self.look;
        let rate = rate(&past.total, &total, self.between)?;
        past.total = total;
        if past.samples.len() == SAMPLES_MAX {
            past.samples.pop_front();
        }
        past.samples.push_back(Sample {
            rate,
            queued: queued.unwrap_or(0),
        });
        Some(rate)
    }

    /// A process was found for which processors have worked so long: the part of one that it takes now.
    pub(super) fn load(&mut self, key: ProcessKey, worked: Duration) -> Option<f64> {
        let (before, _) = self.worked.insert(key, (worked, self.look))?;
        let between = self.between.as_secs_f64();
        let more = worked.saturating_sub(before).as_secs_f64();
        (between > 0.0).then(|| more / between)
    }

    /// Everything was told: forgets what is no more.
    pub(super) fn end(&mut self) {
        let look = self.look;
        self.past.retain(|_, past| past.look == look);
        self.worked.retain(|_, (_, seen)| *seen == look);
    }

    /// What the last looks found of an object, the newest last.
    pub(super) fn samples(&self, key: &ObjectKey) -> impl DoubleEndedIterator<Item = &Sample> {
        self.past
            .get(key)
            .into_iter()
            .flat_map(|past| &past.samples)
    }

    /// What has gone through an object in all.
    pub(super) fn total(&self, key: &ObjectKey) -> Option<Traffic> {
        self.past.get(key).map(|past| past.total)
    }
}

fn rate(before: &Traffic, now: &Traffic, between: Duration) -> Option<Rate> {
    let seconds = between.as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    // What could not be seen for a while counts as nothing, never as less than nothing.
    let each_second = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
    Some(Rate {
        bytes_in: each_second(before.bytes_in, now.bytes_in),
        bytes_out: each_second(before.bytes_out, now.bytes_out),
        messages: each_second(before.messages, now.messages),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn traffic(bytes_in: u64, messages: u64) -> Traffic {
        let mut traffic = Traffic::default();
        (traffic.bytes_in, traffic.messages) = (bytes_in, messages);
        traffic
    }

    #[test]
    fn rates_are_differences_between_looks() {
        let mut rates = Rates::default();
        let key: ObjectKey = ("mailslot", "box".to_owned(), SystemTime::UNIX_EPOCH);
        let start = Instant::now();
        let mut note = |seconds, traffic: Traffic| {
            rates.begin(start + Duration::from_secs(seconds));
            let rate = rates.note(&key, Some(&traffic), Some(7));
            rates.end();
            rate
        };
        assert_eq!(note(0, traffic(1000, 5)), None);
        let rate = note(2, traffic(3000, 9)).expect("a second look");
        assert_eq!(
            (rate.bytes_in, rate.messages, rate.bytes()),
            (1000.0, 2.0, 1000.0)
        );
        // Some of what was seen is hidden now.
        assert_eq!(note(3, traffic(10, 9)), Some(Rate::default()));
        // The same moment twice says nothing.
        assert_eq!(note(3, traffic(20, 9)), None);
        assert_eq!(rates.samples(&key).count(), 2);
        assert_eq!(rates.samples(&key).next_back().map(|it| it.queued), Some(7));
    }

    #[test]
    fn what_is_gone_is_forgotten_and_the_past_is_bounded() {
        let mut rates = Rates::default();
        let key: ObjectKey = ("pipe", "x".to_owned(), SystemTime::UNIX_EPOCH);
        let start = Instant::now();
        for second in 0..2 * SAMPLES_MAX as u64 {
            rates.begin(start + Duration::from_secs(second));
            rates.note(&key, Some(&traffic(second, 0)), None);
            rates.end();
        }
        assert_eq!(rates.samples(&key).count(), SAMPLES_MAX);
        rates.begin(start + Duration::from_secs(10_000));
        rates.end();
        assert_eq!(rates.samples(&key).count(), 0);
        assert_eq!(rates.total(&key), None);
    }
}
