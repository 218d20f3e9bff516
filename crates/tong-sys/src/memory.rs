//! Sealed memory files: memory with a descriptor, whose length nobody can change.
//!
//! The maker of a channel creates the file, seals it and sends its descriptor. The seals are what lets the receiver map
//! a stranger's file without fear: a file that cannot shrink cannot turn a read into `SIGBUS`.
//!
//! # References
//! Linux: memfd_create(2), fcntl(2) "File Sealing", fallocate(2).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};

use crate::map::Map;

/// The file system that ordinary memory files are on: `TMPFS_MAGIC`.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// A memory file of fixed length.
#[derive(Debug)]
pub struct Memory {
    fd: OwnedFd,
    len: u64,
}

impl Memory {
    /// Makes a memory file of `len` bytes, all zero, and seals its length. `name` is only for people who look.
    ///
    /// No memory is used up until it is reserved or touched.
    ///
    /// # Errors
    /// What the system reports: no descriptors, no memory, or `EFBIG` for the process's limit on file sizes.
    pub fn create(name: &CStr, len: u64) -> io::Result<Memory> {
        crate::dir::check_file_limit(len)?;
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&fd, len)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
        Ok(Memory { fd, len })
    }

    /// Accepts a memory file that somebody else made, if its length is sealed.
    ///
    /// # Errors
    /// `InvalidData` if the descriptor is something else, or its length could change; else what the system reports.
    pub fn adopt(fd: OwnedFd) -> io::Result<Memory> {
        // No further seal from now on: one against writing would make parts that are mapped later useless. If that is
        // refused the seals are fixed already, or this is no memory file.
        let _ = rustix::fs::fcntl_add_seals(&fd, SealFlags::SEAL);
        let seals = rustix::fs::fcntl_get_seals(&fd).map_err(|_| io::ErrorKind::InvalidData)?;
        let wanted = SealFlags::SHRINK | SealFlags::GROW;
        let unwanted = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        if !seals.contains(wanted) || seals.intersects(unwanted) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // A file of the huge pages' own file system is mapped in steps that are not ours, and can run out of pages behind
        // its length. (Huge pages that the ordinary one uses by itself are fine, but show in the block size of the file.)
        if rustix::fs::fstatfs(&fd)?.f_type != TMPFS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let len = u64::try_from(rustix::fs::fstat(&fd)?.st_size)
            .map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Memory { fd, len })
    }

    /// The descriptor, for those who do without the rest.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Length of the file in bytes; it never changes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Maps part of the file.
    ///
    /// # Errors
    /// `InvalidInput` if the file has no such part; else what mmap reports.
    pub fn map(&self, offset: u64, len: usize) -> io::Result<Map> {
        let end = offset
            .checked_add(len as u64)
            .filter(|end| *end <= self.len);
        if end.is_none() || len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Map::new(&self.fd, offset, len)
    }

    /// Makes sure that memory stands behind part of the file, so that touching it cannot fail.
    ///
    /// # Errors
    /// What fallocate reports when there is no memory.
    pub fn reserve(&self, offset: u64, len: u64) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&self.fd, FallocateFlags::empty(), offset, len)
        })?)
    }

    /// Gives the memory behind part of the file back to the system; that part reads as zero again.
    ///
    /// # Errors
    /// What fallocate reports.
    pub fn release(&self, offset: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&self.fd, flags, offset, len)
        })?)
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes sure that memory stands behind part of a file of a memory file system, without changing its length.
///
/// # Errors
/// What fallocate reports when there is no memory.
pub fn reserve(fd: impl AsFd, offset: u64, len: u64) -> io::Result<()> {
    Ok(rustix::io::retry_on_intr(|| {
        rustix::fs::fallocate(&fd, FallocateFlags::KEEP_SIZE, offset, len)
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::Ordering;

    #[test]
    fn memory_file_keeps_its_length() {
        let memory = Memory::create(c"tong-test", 8192).unwrap();
        assert!(rustix::fs::ftruncate(&memory.fd, 0).is_err());
        assert!(rustix::fs::ftruncate(&memory.fd, 1 << 20).is_err());
        assert!(memory.map(4096, 8192).is_err(), "no mapping beyond the end");
    }

    #[test]
    fn unsealed_file_and_other_descriptors_are_not_adopted() {
        let open = rustix::fs::memfd_create(c"tong-test", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&open, 8192).unwrap();
        assert!(Memory::adopt(open).is_err());
        assert!(Memory::adopt(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }

    #[test]
    fn two_mappings_show_the_same_bytes_and_words() {
        let memory = Memory::create(c"tong-test", 8192).unwrap();
        let (one, two) = (
            memory.map(0, 8192).unwrap(),
            memory.map(4096, 4096).unwrap(),
        );
        one.copy_in(4096 + 8, b"bytes");
        one.word(4096).store(7, Ordering::Relaxed);
        let mut bytes = [0; 5];
        two.copy_out(8, &mut bytes);
        assert_eq!(&bytes, b"bytes");
        assert_eq!(two.word(0).load(Ordering::Relaxed), 7);
        memory.release(4096, 4096).unwrap();
        assert_eq!(two.word(0).load(Ordering::Relaxed), 0);
    }

    #[test]
    #[should_panic(expected = "outside of the mapping")]
    fn word_beyond_the_mapping_is_a_panic_not_an_access() {
        let memory = Memory::create(c"tong-test", 4096).unwrap();
        let _ = memory.map(0, 4096).unwrap().word(4096);
    }
}
