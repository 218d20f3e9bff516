//! A memory file mapped by several processes: words as atomics, bytes by copying in and out.
//!
//! This is as thin as it can be, because the bare ring on top of it is what the others are measured against.

#![allow(
    unsafe_code,
    reason = "the baseline maps memory itself, so that nothing of tong is in it"
)]

use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// A shared mapping.
#[derive(Debug)]
pub(crate) struct Shared {
    base: NonNull<u8>,
    len: usize,
}

impl Shared {
    /// Makes a memory file of `len` bytes and maps it; the descriptor is for the other process.
    pub(crate) fn create(len: usize) -> io::Result<(Shared, OwnedFd)> {
        let fd = rustix::fs::memfd_create("tong-bench", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&fd, u64::try_from(len).map_err(io::Error::other)?)?;
        Ok((Shared::map(&fd, len)?, fd))
    }

    /// Maps `len` bytes of a file that [`create`](Shared::create) made.
    pub(crate) fn map(fd: impl AsFd, len: usize) -> io::Result<Shared> {
        // POPULATE: page faults belong to the set-up, not to the figures.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
                fd,
                0,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Shared { base, len })
    }

    /// The 64-bit word at `offset`, a multiple of 8.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset % 8 == 0 && offset + 8 <= self.len,
            "a word lies outside the mapping"
        );
        // SAFETY: the range is inside the mapping and aligned as just checked, lives as long as `self`, and all
        // processes touch this word as an atomic only.
        unsafe { AtomicU64::from_ptr(self.base.add(offset).cast().as_ptr()) }
    }

    /// Copies `bytes` into the mapping at `offset`.
    #[inline]
    pub(crate) fn put(&self, offset: usize, bytes: &[u8]) {
        assert!(
            offset + bytes.len() <= self.len,
            "a write lies outside the mapping"
        );
        let to = self.base.as_ptr().wrapping_add(offset);
        // SAFETY: the range is inside the mapping as just checked. The ring's positions keep the other process away
        // from it meanwhile.
        unsafe {
            match <&[u8; 64]>::try_from(bytes) {
                // A length known to the compiler makes this four vector moves instead of a call.
                Ok(line) => ptr::copy_nonoverlapping(line.as_ptr(), to, 64),
                Err(_) => ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()),
            }
        }
    }

    /// Copies out of the mapping at `offset` until `bytes` is full.
    #[inline]
    pub(crate) fn take(&self, offset: usize, bytes: &mut [u8]) {
        assert!(
            offset + bytes.len() <= self.len,
            "a read lies outside the mapping"
        );
        let from = self.base.as_ptr().wrapping_add(offset);
        let len = bytes.len();
        // SAFETY: as in `put`; `bytes` is ours alone.
        unsafe {
            match <&mut [u8; 64]>::try_from(&mut *bytes) {
                Ok(line) => ptr::copy_nonoverlapping(from, line.as_mut_ptr(), 64),
                Err(_) => ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len),
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this mapping was made by `map`, and every reference into it borrowed `self`.
        // An error could only mean a broken invariant of ours, and the process is about to end anyway.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
