//! The model's stand-in for [`memory`](crate::memory): a file is a modelled map.
//!
//! There is always memory, so nothing fails for want of it. What is released reads as zero again.

use std::ffi::CStr;
use std::io;

use crate::map::Map;

/// A modelled memory file.
#[derive(Debug)]
pub struct Memory {
    map: Map,
}

impl Memory {
    /// Makes a file of `len` zero bytes.
    ///
    /// # Errors
    /// Never.
    pub fn create(_name: &CStr, len: u64) -> io::Result<Memory> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Memory {
            map: Map::zero(len),
        })
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// A view of part of the file.
    ///
    /// # Errors
    /// Never.
    pub fn map(&self, offset: u64, len: usize) -> io::Result<Map> {
        self.map.part(offset, len)
    }

    /// There is always memory in a model.
    ///
    /// # Errors
    /// Never.
    pub fn reserve(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    /// Zeroes the part, as punching a hole does.
    ///
    /// # Errors
    /// Never.
    pub fn release(&self, offset: u64, len: u64) -> io::Result<()> {
        for at in (offset..offset + len).step_by(8) {
            let at = usize::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?;
            self.map.place(at).clear();
        }
        Ok(())
    }
}
