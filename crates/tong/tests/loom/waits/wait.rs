//! `waits::sleeper` in its smallest faithful form: a wait for one of several cells, without time and without NUDGE slots.

use tong_sys::futex::{self, Until};
use tong_sys::map::Ordering;

use super::cell::Cell;
use super::commit::Decided;
use super::kind;
use super::record::Me;
use super::slots::Slot;

/// Waits for one of the cells; says which, and whether it was abandoned.
pub(crate) fn wait_any(cells: &[Cell]) -> (usize, bool) {
    for (index, cell) in cells.iter().enumerate() {
        if let Some(take) = cell.try_take().unwrap() {
            return (index, take.abandoned);
        }
    }
    let me = cells[0].me().unwrap();
    let commit = me.record().commit();
    me.record()
        .ticket()
        .store(u64::from(me.who.number), Ordering::Relaxed);
    commit.arm(me.who.generation);
    let left = leave_slots(cells, me);
    let ended = loop {
        if let Some(ended) = decided(me) {
            break ended;
        }
        let nudged = commit.arm_again(me.who.generation);
        if let Some(ended) = try_again(cells, me, nudged) {
            break ended;
        }
        sleep(cells, me);
    };
    for (cell, place) in left {
        take_slot_back(&cell, place, me);
    }
    commit.rest();
    ended
}

fn decided(me: Me) -> Option<(usize, bool)> {
    match me.record().commit().decided() {
        Some(Decided::Object { index, abandoned }) => Some((index as usize, abandoned)),
        _ => None,
    }
}

fn leave_slots(cells: &[Cell], me: Me) -> Vec<(Cell, usize)> {
    let mut left = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let mut section = cell.lock().unwrap();
        if section.try_take_armed(index as u32).unwrap() || decided(me).is_some() {
            break;
        }
        let slot = Slot {
            who: me.who,
            index: index as u32,
            nudge: false,
            settled: false,
        };
        left.push((*cell, cell.add_slot(slot).unwrap()));
    }
    left
}

fn try_again(cells: &[Cell], me: Me, everything: bool) -> Option<(usize, bool)> {
    for (index, cell) in cells.iter().enumerate() {
        let needs_look =
            cell.kind().is_owned() && !cell.owner_lives(cell.state().load(Ordering::Acquire));
        if !everything && !needs_look {
            continue;
        }
        let taken = cell.lock().unwrap().try_take_armed(index as u32).unwrap();
        if taken || decided(me).is_some() {
            return decided(me);
        }
    }
    None
}

fn sleep(cells: &[Cell], me: Me) {
    let mut watched = vec![me.record().commit().watched()];
    for cell in cells.iter().filter(|cell| cell.kind().is_owned()) {
        let Some(owner) = kind::owner(cell.state().load(Ordering::Acquire)) else {
            continue;
        };
        match cell.table().record(owner.number).watch(owner) {
            Some(life) => watched.push(life),
            None => return,
        }
    }
    let _ = futex::wait_many(&watched, Until::Changed);
    for cell in cells.iter().filter(|cell| cell.kind().is_owned()) {
        let state = cell.state().load(Ordering::Acquire);
        if let Some(owner) = kind::owner(state).filter(|_| !cell.owner_lives(state)) {
            cell.table().record(owner.number).life().pass_on();
        }
    }
}

fn take_slot_back(cell: &Cell, place: usize, me: Me) {
    let own = || {
        let slot = Slot::from_word(cell.slot(place).load(Ordering::Acquire));
        slot.is_some_and(|slot| slot.who == me.who)
    };
    if !own() {
        return;
    }
    let _section = cell.lock().unwrap();
    if own() {
        cell.slot(place).store(0, Ordering::Release);
    }
}
