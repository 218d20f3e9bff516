//! `waits::record` of a few threads in modelled memory.

use std::cell::Cell as StdCell;

use tong_sys::futex::Watched;
use tong_sys::map::{AtomicU64, Map, Ordering};
use tong_sys::memory::Memory;
use tong_sys::robust::{Life, Taken};

use super::commit::Commit;
use crate::Result;

pub(crate) const GENERATION_MASK: u32 = 0x7fff_ffff;
const NUMBER_BITS: u32 = 17;
const RECORDS: u32 = 3;
const RECORD: usize = 32;
const AT_GENERATION: usize = 8;
const AT_COMMIT: usize = 16;
const AT_TICKET: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

impl Who {
    pub(crate) const BITS: u64 = (1 << 48) - 1;

    pub(crate) fn word(self) -> u64 {
        u64::from(self.number + 1) | u64::from(self.generation) << NUMBER_BITS
    }

    pub(crate) fn from_word(word: u64) -> Option<Who> {
        let number = (word & ((1 << NUMBER_BITS) - 1)) as u32;
        let generation = (word >> NUMBER_BITS) as u32 & GENERATION_MASK;
        (1..=RECORDS).contains(&number).then(|| Who {
            number: number - 1,
            generation,
        })
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    map: Map,
}

impl Table {
    pub(crate) fn new() -> Table {
        let len = RECORDS as usize * RECORD;
        let memory = Memory::create(c"tong-model", len as u64).unwrap();
        Table {
            map: memory.map(0, len).unwrap(),
        }
    }

    pub(crate) fn record(&'static self, number: u32) -> Record {
        Record {
            table: self,
            at: number as usize * RECORD,
        }
    }

    pub(crate) fn living(&'static self, who: Who) -> Option<Record> {
        let record = self.record(who.number);
        record.is(who).then_some(record)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    table: &'static Table,
    at: usize,
}

impl Record {
    fn word(self, offset: usize) -> &'static AtomicU64 {
        self.table.map.word(self.at + offset)
    }

    pub(crate) fn life(self) -> Life {
        Life::at(&self.table.map, self.at)
    }

    pub(crate) fn commit(self) -> Commit {
        Commit::new(self.word(AT_COMMIT))
    }

    pub(crate) fn ticket(self) -> &'static AtomicU64 {
        self.word(AT_TICKET)
    }

    pub(crate) fn generation(self) -> u32 {
        self.word(AT_GENERATION).load(Ordering::SeqCst) as u32 & GENERATION_MASK
    }

    pub(crate) fn is(self, who: Who) -> bool {
        self.life().lives() && self.generation() == who.generation
    }

    pub(crate) fn watch(self, who: Who) -> Option<Watched<'static>> {
        let watched = self.life().watch()?;
        self.is(who).then_some(watched)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Me {
    pub(crate) who: Who,
    table: &'static Table,
}

loom::thread_local! {
    static ME: StdCell<Option<Me>> = StdCell::new(None);
}

impl Me {
    /// The calling thread takes the record of that number, which is new.
    pub(crate) fn begin(table: &'static Table, number: u32) -> Me {
        let record = table.record(number);
        assert_eq!(record.life().take(), Some(Taken::New));
        record.word(AT_GENERATION).store(1, Ordering::SeqCst);
        record.commit().rest();
        let who = Who {
            number,
            generation: 1,
        };
        let me = Me { who, table };
        ME.with(|mine| mine.set(Some(me)));
        me
    }

    pub(crate) fn in_table(_: &'static Table) -> Result<Me> {
        Ok(ME.with(StdCell::get).expect("a thread begins first"))
    }

    pub(crate) fn record(self) -> Record {
        self.table.record(self.who.number)
    }
}
