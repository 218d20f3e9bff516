//! The ledger: a file with a page for each worker that ever was, and one word for each mutex.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{OBJECTS, PASSING};

const PAGE: usize = 4096;
/// Words of a page that are written.
const WORDS: usize = 30 + 2 * OBJECTS;
/// Most objects of a call.
pub(super) const MOST: usize = 8;

/// A call that is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    None,
    /// Gives so many tokens to an object.
    Give {
        to: usize,
        tokens: u32,
    },
    /// Waits for any, takes one token at most.
    Any(Vec<usize>),
    /// Waits for all, takes a token of each or none at all.
    All(Vec<usize>),
}

/// What one worker says of itself.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The phase in which it has nothing to do any more, holds nothing, and waits for the next one.
    pub(super) rests_in: u64,
    pub(super) call: Call,
    pub(super) gave: [u64; OBJECTS],
    pub(super) took: [u64; OBJECTS],
    pub(super) calls: u64,
    /// How often it was told of an abandoned mutex.
    pub(super) told: u64,
    /// Longest by which a wait outlasted its time, in microseconds.
    pub(super) late_us: u64,
}

impl Page {
    pub(super) fn new() -> Page {
        Page {
            rests_in: 0,
            call: Call::None,
            gave: [0; OBJECTS],
            took: [0; OBJECTS],
            calls: 0,
            told: 0,
            late_us: 0,
        }
    }

    fn words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        let (code, amount, objects) = match &self.call {
            Call::None => (0, 0, &[][..]),
            Call::Give { to, tokens } => (1, u64::from(*tokens), &[*to][..]),
            Call::Any(objects) => (2, 0, &objects[..]),
            Call::All(objects) => (3, 0, &objects[..]),
        };
        words[..8].copy_from_slice(&[
            self.rests_in,
            code,
            amount,
            objects.len() as u64,
            self.calls,
            self.told,
            self.late_us,
            0,
        ]);
        for (word, object) in words[8..].iter_mut().zip(objects) {
            *word = *object as u64;
        }
        words[30..30 + OBJECTS].copy_from_slice(&self.gave);
        words[30 + OBJECTS..].copy_from_slice(&self.took);
        words
    }

    fn from_words(words: &[u64; WORDS]) -> Page {
        let number = |word: &u64| usize::try_from(*word).unwrap();
        let count = number(&words[3]);
        let objects: Vec<usize> = words[8..8 + count].iter().map(number).collect();
        Page {
            rests_in: words[0],
            call: match words[1] {
                0 => Call::None,
                1 => Call::Give {
                    to: objects[0],
                    tokens: words[2].try_into().unwrap(),
                },
                2 => Call::Any(objects),
                _ => Call::All(objects),
            },
            gave: words[30..30 + OBJECTS].try_into().unwrap(),
            took: words[30 + OBJECTS..].try_into().unwrap(),
            calls: words[4],
            told: words[5],
            late_us: words[6],
        }
    }
}

/// The file. Its first page has the phase and the marks.
pub(super) struct Ledger {
    file: File,
}

impl Ledger {
    pub(super) fn at(path: &Path) -> Ledger {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .unwrap();
        Ledger { file }
    }

    fn word(&self, number: usize) -> u64 {
        let mut bytes = [0; 8];
        // Beyond the end there are zeros.
        let _ = self.file.read_at(&mut bytes, number as u64 * 8).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn set_word(&self, number: usize, value: u64) {
        self.file
            .write_all_at(&value.to_le_bytes(), number as u64 * 8)
            .unwrap();
    }

    /// Odd: work. Even: come to rest. The last: end.
    pub(super) fn phase(&self) -> u64 {
        self.word(0)
    }

    pub(super) fn set_phase(&self, phase: u64) {
        self.set_word(0, phase);
    }

    /// Which process says that it owns the mutex; the passing ones come after the 64 objects.
    pub(super) fn mark(&self, mutex: usize) -> u64 {
        assert!(mutex < OBJECTS + PASSING);
        self.word(1 + mutex)
    }

    pub(super) fn set_mark(&self, mutex: usize, pid: u64) {
        self.set_word(1 + mutex, pid);
    }

    /// Writes the page of a worker, in one piece.
    pub(super) fn write(&self, worker: usize, page: &Page) {
        let mut bytes = [0; WORDS * 8];
        for (place, word) in bytes.chunks_exact_mut(8).zip(page.words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let at = ((worker + 1) * PAGE) as u64;
        assert_eq!(self.file.write_at(&bytes, at).unwrap(), bytes.len());
    }

    pub(super) fn read(&self, worker: usize) -> Page {
        let mut bytes = [0; WORDS * 8];
        let _ = self
            .file
            .read_at(&mut bytes, ((worker + 1) * PAGE) as u64)
            .unwrap();
        let mut words = [0; WORDS];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(place.try_into().unwrap());
        }
        Page::from_words(&words)
    }
}
