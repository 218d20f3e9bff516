//! The bridge: one thread that sleeps on behalf of any number of asynchronous waits.
//!
//! A task cannot sleep on a commit word. It leaves a NUDGE slot of the bridge's record at each of its objects, and a waker
//! here. When the bridge is nudged it looks at all objects that tasks wait for, and wakes the tasks of those that are
//! signaled; a task takes the token itself, when it is polled. So a task that is dropped in between has taken nothing.
//!
//! There is one bridge for each wait table in use, started when first needed.

use std::collections::HashMap;
use std::io;
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::task::Waker;

use tong_sys::clock;
use tong_sys::fork::Birth;
use tong_sys::futex::{self, Until};

use super::cell::Cell;
use super::record::{Me, Table};
use super::slots::Slot;
use crate::{Error, Result};

/// How often threads that tasks wait for are looked after, which may be killed with their process.
const OWNERS_NS: u64 = 50_000_000;

/// The bridge of one table.
#[derive(Debug)]
struct Bridge {
    me: Me,
    watched: Mutex<Watched>,
    birth: Birth,
}

#[derive(Debug, Default)]
struct Watched {
    last: u64,
    entries: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    cell: Cell,
    place: usize,
    waker: Waker,
}

static BRIDGES: Mutex<Vec<Arc<Bridge>>> = Mutex::new(Vec::new());

impl Bridge {
    fn of(table: &'static Table) -> Result<Arc<Bridge>> {
        let mut bridges = BRIDGES.lock().unwrap_or_else(PoisonError::into_inner);
        bridges.retain(|bridge| bridge.birth.is_here());
        if let Some(bridge) = bridges.iter().find(|bridge| bridge.me.table.same(table)) {
            return Ok(Arc::clone(bridge));
        }
        let bridge = Bridge::start(table)?;
        bridges.push(Arc::clone(&bridge));
        Ok(bridge)
    }

    fn start(table: &'static Table) -> Result<Arc<Bridge>> {
        let (tell, told) = mpsc::channel();
        let thread = move || {
            // The record belongs to this thread, so this thread must take it.
            let bridge = Me::in_table(table).map(|me| {
                me.record().commit().arm(me.who.generation);
                Arc::new(Bridge {
                    me,
                    watched: Mutex::default(),
                    birth: Birth::here(),
                })
            });
            let running = bridge.as_ref().ok().cloned();
            let _ = tell.send(bridge);
            if let Some(bridge) = running {
                bridge.run();
            }
        };
        let failed = |error: io::Error| Error::from_io("start bridge thread", error);
        tong_sys::without_signals(|| {
            std::thread::Builder::new()
                .name("tong-bridge".to_owned())
                .spawn(thread)
        })
        .map_err(failed)?;
        told.recv()
            .map_err(|_| failed(io::ErrorKind::Other.into()))?
    }

    fn run(&self) {
        tong_sys::thread::mark_servant();
        let commit = self.me.record().commit();
        loop {
            // Armed before looking, so that what comes meanwhile is not slept through.
            commit.arm_again(self.me.who.generation);
            let until = self.look();
            futex::wait(commit.watched(), until);
        }
    }

    /// Wakes the tasks whose objects are signaled; returns when to look again by itself.
    fn look(&self) -> Until {
        let mut until = Until::Changed;
        let mut wakers = Vec::new();
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now_ns();
        for entry in watched.entries.values() {
            if entry.cell.is_signaled().unwrap_or(true) {
                wakers.push(entry.waker.clone());
            } else if let Some(next) = next_look(&entry.cell, now) {
                until = match until {
                    Until::Monotonic(time) => Until::Monotonic(time.min(next)),
                    _ => Until::Monotonic(next),
                };
            }
        }
        drop(watched);
        wakers.into_iter().for_each(Waker::wake);
        until
    }

    fn add(self: Arc<Bridge>, cell: &Cell, waker: Waker) -> Result<Watch> {
        let section = cell.lock()?;
        let place = cell.add_slot(Slot {
            who: self.me.who,
            index: 0,
            nudge: true,
            settled: false,
        })?;
        drop(section);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.last += 1;
        let number = watched.last;
        let entry = Entry {
            cell: cell.clone(),
            place,
            waker,
        };
        watched.entries.insert(number, entry);
        drop(watched);
        if cell.kind().is_timer() || cell.kind().is_owned() {
            // It has to know when to look.
            self.me.nudge();
        }
        Ok(Watch {
            bridge: self,
            number,
        })
    }
}

/// When to look at an object that no signaler tells about.
fn next_look(cell: &Cell, now: u64) -> Option<u64> {
    if cell.kind().is_owned() {
        return Some(now + OWNERS_NS);
    }
    let schedule = cell.schedule().filter(|_| cell.kind().is_timer())?;
    Some(match schedule.realtime {
        false => schedule.due,
        // The system's clock may be set meanwhile.
        true => {
            now + schedule
                .due
                .saturating_sub(clock::realtime_ns())
                .min(super::BACKSTOP_NS)
        }
    })
}

/// An object that a task waits for, until this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    bridge: Arc<Bridge>,
    number: u64,
}

impl Watch {
    /// Has `waker` woken whenever the object becomes signaled. The caller looks at the object once more afterwards.
    ///
    /// # Errors
    /// The bridge cannot be started; no memory for the slot.
    pub(crate) fn start(cell: &Cell, waker: &Waker) -> Result<Watch> {
        Bridge::of(cell.table())?.add(cell, waker.clone())
    }

    /// Has another waker woken from now on.
    pub(crate) fn wake_instead(&self, waker: &Waker) {
        let mut watched = self
            .bridge
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = watched.entries.get_mut(&self.number) {
            entry.waker.clone_from(waker);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self
            .bridge
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = watched.entries.remove(&self.number) else {
            return;
        };
        drop(watched);
        // Without a record for this thread the slot stays until the bridge's thread ends; it costs a nudge now and then.
        let section = entry.cell.lock();
        if section.is_ok() {
            let slot = entry.cell.slot(entry.place);
            let own = Slot::from_word(slot.load(tong_sys::map::Ordering::Acquire));
            if own.is_some_and(|own| own.who == self.bridge.me.who) {
                slot.store(0, tong_sys::map::Ordering::Release);
            }
        }
        drop(section);
    }
}
