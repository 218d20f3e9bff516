//! The model's stand-in for [`futex`](crate::futex): sleepers queue at words, and only who was woken goes on.
//!
//! Nobody wakes up early or by the time here, so a wake-up that is lost shows as a deadlock.

use loom::sync::{Condvar, Mutex};

use crate::map::{is_dead, AtomicU64, Ordering};

/// Most words that [`wait_many`] can watch.
pub const MANY: usize = 128;

/// When a sleep ends by itself: never, in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Changed,
    /// Never either.
    Monotonic(u64),
    /// Never either.
    Realtime(u64),
}

/// A word that somebody sleeps on, and the value of its lower half that the sleeper saw.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    word: &'a AtomicU64,
    seen: u32,
}

impl<'a> Watched<'a> {
    /// Watches the lower half of a 64-bit word.
    #[must_use]
    pub fn low(word: &'a AtomicU64, seen: u32) -> Watched<'a> {
        Watched { word, seen }
    }

    fn stands(&self) -> bool {
        self.word.load(Ordering::SeqCst) as u32 == self.seen
    }
}

/// The queue of the whole model.
#[derive(Default)]
struct Queue {
    last: usize,
    /// Each sleeper's number, and where the words are that it sleeps on.
    sleepers: Vec<(usize, Vec<usize>)>,
}

loom::lazy_static! {
    static ref QUEUE: Mutex<Queue> = Mutex::new(Queue::default());
    static ref WOKEN: Condvar = Condvar::new();
}

/// Where a word is.
pub(crate) fn address(word: &AtomicU64) -> usize {
    std::ptr::from_ref(word) as usize
}

/// Sleeps while the word stands as it was seen.
pub fn wait(watched: Watched<'_>, until: Until) {
    let _ = wait_many(&[watched], until);
}

/// Sleeps while all words stand as they were seen.
#[must_use]
pub fn wait_many(watched: &[Watched<'_>], _until: Until) -> bool {
    // Looked at under the lock, as the kernel does: who changes a word wakes afterwards.
    let mut queue = QUEUE.lock().unwrap();
    if !watched.iter().all(Watched::stands) {
        return true;
    }
    queue.last += 1;
    let own = queue.last;
    let words = watched.iter().map(|it| address(it.word)).collect();
    queue.sleepers.push((own, words));
    while queue.sleepers.iter().any(|sleeper| sleeper.0 == own) {
        queue = WOKEN.wait(queue).unwrap();
    }
    true
}

/// Wakes one sleeper of the lower half of a word.
pub fn wake_one(word: &AtomicU64) {
    if is_dead() {
        return;
    }
    wake_at(address(word), 1);
}

/// Wakes up to `most` sleepers of the word at that address.
pub(crate) fn wake_at(address: usize, most: usize) {
    let mut queue = QUEUE.lock().unwrap();
    for _ in 0..most {
        let found = queue
            .sleepers
            .iter()
            .position(|sleeper| sleeper.1.contains(&address));
        match found {
            Some(place) => queue.sleepers.remove(place),
            None => break,
        };
    }
    drop(queue);
    WOKEN.notify_all();
}
