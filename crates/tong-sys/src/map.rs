//! Shared mappings of files: words as atomics, bytes by copying in and out.
//!
//! Memory that another process may write at any moment must not be seen through a reference to plain data: the compiler
//! may assume that such data stands still. A [`Map`] therefore hands out only atomics (any bit pattern is a valid value)
//! and copies of bytes. What is copied out is a claim of whoever wrote it; it is checked after the copy, never before.
//!
//! A mapping is safe to touch as long as the file keeps its length. Files from [`memory`](crate::memory) are sealed
//! against any change of length; files of a namespace directory belong to the user alone (see [`dir`](mod@crate::dir)).
//!
//! # References
//! Linux: mmap(2), memfd_create(2).

#![allow(
    unsafe_code,
    reason = "mapping memory and touching it through raw pointers is what this module is for"
)]

use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
pub use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags};

/// A shared, readable and writable mapping of part of a file.
#[derive(Debug)]
pub struct Map {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and every access goes through atomics or copies that
// tolerate concurrent change.
unsafe impl Send for Map {}
// SAFETY: as for `Send`; no method gives out a reference to plain data.
unsafe impl Sync for Map {}

impl Map {
    /// Maps `len` bytes of the file from `offset`, which must be a multiple of the page size.
    ///
    /// The caller vouches that the file is at least that long for the life of the mapping: it is sealed, or only
    /// processes that are trusted with this process's life can shorten it.
    ///
    /// # Errors
    /// What mmap reports: `ENOMEM` when the process has too many mappings, `EACCES`, `EPERM` for a sealed-off write.
    pub fn new(fd: impl AsFd, offset: u64, len: usize) -> io::Result<Map> {
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                offset,
            )?
        };
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Map { start, len })
    }

    /// Maps another part of the file that this maps from its start, without a descriptor of it.
    ///
    /// # Errors
    /// What mremap reports, such as `ENOMEM` when the process has too many mappings.
    pub fn again(&self, offset: usize, len: usize) -> io::Result<Map> {
        let whole = offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: with an old size of 0 the kernel leaves the old mapping as it is and makes a new one of the same file, at
        // an address of its choice, which overlaps nothing that exists.
        let start = unsafe {
            rustix::mm::mremap(
                self.start.as_ptr().cast(),
                0,
                whole,
                rustix::mm::MremapFlags::MAYMOVE,
            )?
        };
        if offset > 0 {
            // SAFETY: this is the beginning of the new mapping, which nobody knows of yet. If it stays it is only unused.
            let _ = unsafe { rustix::mm::munmap(start, offset) };
        }
        // SAFETY: the new mapping has `offset` bytes and more.
        let start = unsafe { start.cast::<u8>().add(offset) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Map { start, len })
    }

    /// Makes sure that memory stands behind the mapping from `offset` on, so that touching it cannot fail.
    ///
    /// # Errors
    /// `EINVAL` from kernels before 5.14; what madvise reports when there is no memory.
    pub fn populate(&self, offset: usize) -> io::Result<()> {
        let page = rustix::param::page_size();
        let start = offset - offset % page;
        self.advise(start, self.len, rustix::mm::Advice::LinuxPopulateWrite)
    }

    /// Gives the memory behind the whole pages from `offset` on back to the system; the file reads as zero there.
    ///
    /// # Errors
    /// What madvise reports.
    pub fn discard(&self, offset: usize) -> io::Result<()> {
        let page = rustix::param::page_size();
        let (start, end) = (offset.next_multiple_of(page), self.len - self.len % page);
        self.advise(start, end, rustix::mm::Advice::LinuxRemove)
    }

    fn advise(&self, start: usize, end: usize, advice: rustix::mm::Advice) -> io::Result<()> {
        if start >= end.min(self.len) {
            return Ok(());
        }
        // SAFETY: the range is part of a mapping of ours, checked above, of memory that is only seen through atomics and
        // copies, so that it may change at any time.
        let advised = rustix::io::retry_on_intr(|| unsafe {
            let from = self.start.as_ptr().add(start);
            rustix::mm::madvise(from.cast(), end.min(self.len) - start, advice)
        });
        Ok(advised?)
    }

    /// Length of the mapping in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the mapping is empty; the kernel makes no such mapping.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// If the word is not aligned or not inside the mapping, which is an error of the caller's arithmetic.
    #[must_use]
    #[inline]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset % 8 == 0 && offset < self.len && self.len - offset >= 8,
            "word outside of the mapping"
        );
        // SAFETY:
        // 1. The check above keeps the word inside the mapping, which lives as long as the borrow of `self`.
        // 2. Mappings start on a page, so a multiple of 8 is aligned.
        // 3. AtomicU64 has no invalid bit patterns, and other processes may change it at will.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(offset).cast::<u64>()) }
    }

    /// Copies `bytes` into the mapping at `offset`.
    ///
    /// # Panics
    /// If they do not fit.
    #[inline]
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the check keeps the target inside the mapping; a mapping and a live slice of ours never overlap.
        // Whoever reads the target meanwhile gets torn bytes, and reads only after a word published them.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.start.as_ptr().add(offset),
                bytes.len(),
            )
        }
    }

    /// Fills `bytes` from the mapping at `offset`.
    ///
    /// # Panics
    /// If the mapping has not so many there.
    #[inline]
    pub fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the check keeps the source inside the mapping; a mapping and a live slice of ours never overlap.
        // A peer that writes meanwhile spoils the copy, not its length nor its place.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.start.as_ptr().add(offset),
                bytes.as_mut_ptr(),
                bytes.len(),
            )
        }
    }

    /// Appends `len` bytes at `offset` of the mapping to `target`.
    ///
    /// # Panics
    /// If the mapping has not so many there.
    pub fn append_to(&self, offset: usize, len: usize, target: &mut Vec<u8>) {
        self.check(offset, len);
        target.reserve(len);
        // SAFETY:
        // 1. The check keeps the source inside the mapping, and `reserve` makes room for `len` bytes after the end.
        // 2. The bytes are initialised by the copy before the length covers them.
        unsafe {
            let end = target.as_mut_ptr().add(target.len());
            std::ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), end, len);
            target.set_len(target.len() + len);
        }
    }

    #[inline]
    fn check(&self, offset: usize, len: usize) {
        assert!(
            offset <= self.len && self.len - offset >= len,
            "bytes outside of the mapping"
        );
    }
}

/// Length in bytes of a [`Block`].
pub const BLOCK_LEN: usize = 256;

/// The words of 256 bytes of a mapping, which it keeps: checked once, for those who use them all the time.
#[derive(Clone, Debug)]
pub struct Block {
    map: Arc<Map>,
    offset: usize,
}

impl Block {
    /// The block at `offset` of the mapping.
    ///
    /// # Panics
    /// If it is not aligned or not inside the mapping, which is an error of the caller's arithmetic.
    #[must_use]
    pub fn new(map: Arc<Map>, offset: usize) -> Block {
        map.check(offset, BLOCK_LEN);
        assert!(offset % 8 == 0, "block of words out of line");
        Block { map, offset }
    }

    /// The word at `which` bytes into the block.
    ///
    /// # Panics
    /// If `which` is not aligned or not inside the block. There is nothing left of that check where it is a constant.
    #[must_use]
    #[inline]
    pub fn word(&self, which: usize) -> &AtomicU64 {
        assert!(
            which % 8 == 0 && which < BLOCK_LEN,
            "word outside of the block"
        );
        // SAFETY:
        // 1. `new` checked that the block is inside the mapping, which never changes, and the check above that the word is
        //    inside the block; `self` keeps the mapping.
        // 2. Mappings start on a page and the block on a multiple of 8 in it, so the word is aligned.
        // 3. AtomicU64 has no invalid bit patterns, and other processes may change it at will.
        unsafe {
            AtomicU64::from_ptr(
                self.map
                    .start
                    .as_ptr()
                    .add(self.offset + which)
                    .cast::<u64>(),
            )
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the one that `new` mapped, and no reference into it outlives `self`.
        // Unmapping can fail only for want of memory to split a mapping; then it stays, which harms nothing.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
