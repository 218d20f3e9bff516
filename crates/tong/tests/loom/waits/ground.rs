//! `waits::ground` of a few units in modelled memory.

use tong_sys::map::{AtomicU64, Map, Ordering};
use tong_sys::memory::Memory;

use crate::Result;

/// Bytes of a cell or block.
pub(crate) const UNIT: usize = 64;

/// Cells, and a block for each.
const UNITS: u32 = 4;
const AT_FRESH: usize = UNITS as usize * UNIT;

#[derive(Debug)]
pub(crate) struct Ground {
    map: Map,
}

impl Ground {
    pub(crate) fn new() -> Ground {
        let memory = Memory::create(c"tong-model", AT_FRESH as u64 + 8).unwrap();
        let map = memory.map(0, AT_FRESH + 8).unwrap();
        Ground { map }
    }

    pub(crate) fn word(&self, at: usize) -> &AtomicU64 {
        self.map.word(at)
    }

    pub(crate) fn place(&self, unit: u32) -> usize {
        unit as usize * UNIT
    }

    pub(crate) fn has(&self, unit: u32) -> bool {
        u64::from(unit) < self.word(AT_FRESH).load(Ordering::Acquire)
    }

    pub(crate) fn fresh(&self) -> Result<u32> {
        let unit = self.word(AT_FRESH).fetch_add(1, Ordering::AcqRel) as u32;
        assert!(unit < UNITS, "a model needs more units");
        Ok(unit)
    }
}
