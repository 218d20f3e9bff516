//! The model's stand-in for [`map`](crate::map): the same face over memory that the model checker watches.
//!
//! Each 8 bytes of a file are kept twice: as a word, for those who use it as an atomic, and as plain bytes, for those who
//! copy. Plain bytes are guarded: a copy that meets another one which nothing orders before it fails the model, which is
//! stronger than finding torn bytes by luck.
//!
//! A thread of a model can be [killed](die_after) at any of its steps. What it does while it unwinds changes nothing.

use std::cell::Cell;
use std::io;
use std::sync::{Arc, OnceLock};

use loom::cell::UnsafeCell;
pub use loom::sync::atomic::Ordering;

/// How long a thread lives.
#[derive(Clone, Copy)]
enum Left {
    Ever,
    Steps(u32),
    Dead,
}

loom::thread_local! {
    static LEFT: Cell<Left> = Cell::new(Left::Ever);
}

/// What a killed thread unwinds with.
#[derive(Debug)]
pub struct Killed;

/// Lets the current thread make `steps` more steps in mapped memory and kills it before the next: it unwinds with
/// [`Killed`], and what it did before stays.
pub fn die_after(steps: u32) {
    LEFT.with(|left| left.set(Left::Steps(steps)));
}

/// Whether the current thread was killed.
#[must_use]
pub fn is_dead() -> bool {
    LEFT.with(|left| matches!(left.get(), Left::Dead))
}

/// Does what is done on behalf of a thread, whether it lives or not.
pub(crate) fn without_death<T>(call: impl FnOnce() -> T) -> T {
    let before = LEFT.with(|left| left.replace(Left::Ever));
    let outcome = call();
    LEFT.with(|left| left.set(before));
    outcome
}

/// `false` if the thread is dead and only unwinds.
fn step() -> bool {
    LEFT.with(|left| match left.get() {
        Left::Ever => true,
        Left::Steps(0) => {
            left.set(Left::Dead);
            std::panic::resume_unwind(Box::new(Killed))
        }
        Left::Steps(some) => {
            left.set(Left::Steps(some - 1));
            true
        }
        Left::Dead => false,
    })
}

/// A 64-bit word; each operation is a step.
#[derive(Debug)]
pub struct AtomicU64 {
    word: loom::sync::atomic::AtomicU64,
}

impl AtomicU64 {
    fn zero() -> AtomicU64 {
        AtomicU64 {
            word: loom::sync::atomic::AtomicU64::new(0),
        }
    }

    /// As the standard library's.
    pub fn load(&self, order: Ordering) -> u64 {
        if step() {
            self.word.load(order)
        } else {
            0
        }
    }

    /// As the standard library's.
    pub fn store(&self, value: u64, order: Ordering) {
        if step() {
            self.word.store(value, order);
        }
    }

    /// As the standard library's.
    pub fn swap(&self, value: u64, order: Ordering) -> u64 {
        if step() {
            self.word.swap(value, order)
        } else {
            0
        }
    }

    /// As the standard library's.
    pub fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        if step() {
            self.word.fetch_or(bits, order)
        } else {
            0
        }
    }

    /// As the standard library's.
    pub fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
        if step() {
            self.word.fetch_and(bits, order)
        } else {
            0
        }
    }

    /// As the standard library's.
    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        if step() {
            self.word.fetch_add(value, order)
        } else {
            0
        }
    }

    /// As the standard library's.
    pub fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        if step() {
            self.word.fetch_max(value, order)
        } else {
            0
        }
    }

    /// As the standard library's.
    ///
    /// # Errors
    /// The value that it has instead.
    pub fn compare_exchange(
        &self,
        old: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        if step() {
            self.word.compare_exchange(old, new, success, failure)
        } else {
            Ok(old)
        }
    }
}

/// 8 plain bytes and the guard that sees who touches them.
#[derive(Debug)]
struct Bytes {
    guard: UnsafeCell<()>,
    /// Not an atomic of the model: the guard makes sure that nobody writes while another one looks.
    value: std::sync::atomic::AtomicU64,
}

impl Bytes {
    fn zero() -> Bytes {
        Bytes {
            guard: UnsafeCell::new(()),
            value: std::sync::atomic::AtomicU64::new(0),
        }
    }

    fn get(&self) -> [u8; 8] {
        if !step() {
            return [0; 8];
        }
        self.guard
            .with(|_| self.value.load(Ordering::Relaxed))
            .to_le_bytes()
    }

    fn set(&self, value: [u8; 8]) {
        if !step() {
            return;
        }
        self.guard.with_mut(|_| {
            self.value
                .store(u64::from_le_bytes(value), Ordering::Relaxed)
        });
    }
}

/// 8 bytes of a file.
#[derive(Debug)]
pub(crate) struct Place {
    word: AtomicU64,
    /// Made when they are first copied: most places only ever hold words.
    bytes: OnceLock<Bytes>,
}

impl Place {
    /// What a hole reads as.
    pub(crate) fn clear(&self) {
        self.word.store(0, Ordering::Relaxed);
        if let Some(bytes) = self.bytes.get() {
            bytes.set([0; 8]);
        }
    }
}

/// The words of a stretch of modelled memory.
#[derive(Clone, Debug)]
pub struct Block {
    map: Arc<Map>,
    offset: usize,
}

impl Block {
    /// The block at `offset`.
    #[must_use]
    pub fn new(map: Arc<Map>, offset: usize) -> Block {
        Block { map, offset }
    }

    /// The word at `which` bytes into the block.
    #[must_use]
    pub fn word(&self, which: usize) -> &AtomicU64 {
        self.map.word(self.offset + which)
    }
}

/// A stretch of modelled memory.
#[derive(Clone, Debug)]
pub struct Map {
    places: Arc<Vec<Place>>,
    start: usize,
    len: usize,
}

impl Map {
    /// A whole file of `len` zero bytes.
    pub(crate) fn zero(len: usize) -> Map {
        let places = (0..len / 8)
            .map(|_| Place {
                word: AtomicU64::zero(),
                bytes: OnceLock::new(),
            })
            .collect();
        Map {
            places: Arc::new(places),
            start: 0,
            len,
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The word at `offset`.
    #[must_use]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        &self.place(offset).word
    }

    /// Copies bytes in, whole words at a time.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.bytes(offset + index * 8).set(word);
        }
    }

    /// Copies bytes out, whole words at a time.
    pub fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        for (index, chunk) in bytes.chunks_mut(8).enumerate() {
            chunk.copy_from_slice(&self.bytes(offset + index * 8).get()[..chunk.len()]);
        }
    }

    /// Appends bytes to `target`.
    pub fn append_to(&self, offset: usize, len: usize, target: &mut Vec<u8>) {
        let mut bytes = vec![0; len];
        self.copy_out(offset, &mut bytes);
        target.extend(bytes);
    }

    /// The same memory, a part of it.
    pub(crate) fn part(&self, offset: u64, len: usize) -> io::Result<Map> {
        let start =
            self.start + usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        if start + len > self.start + self.len {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Map {
            places: Arc::clone(&self.places),
            start,
            len,
        })
    }

    pub(crate) fn place(&self, offset: usize) -> &Place {
        assert!(
            offset % 8 == 0 && offset + 8 <= self.len,
            "outside of the mapping"
        );
        &self.places[(self.start + offset) / 8]
    }

    fn bytes(&self, offset: usize) -> &Bytes {
        self.place(offset).bytes.get_or_init(Bytes::zero)
    }
}
