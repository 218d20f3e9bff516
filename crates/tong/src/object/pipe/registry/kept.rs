//! The pipes that this process keeps alive: one open of the page for each, whatever number of instances it has there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tong_sys::fork::Birth;

use super::Attributes;
use crate::namespace::pipe::Held;

/// Where a pipe's page is looked for: the directory, and the file's name.
pub(super) type Place = ((u64, u64), String);

/// A place at which this process keeps pipes, for as long as somebody has this.
#[derive(Debug)]
pub(super) struct Kept {
    birth: Birth,
    place: Place,
    shared: Arc<Mutex<Option<Arc<Pipe>>>>,
}

/// A pipe with at least one instance in this process.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) held: Held,
    pub(super) attributes: Arc<Attributes>,
    /// The slots of this process's instances, and how many objects there are for each. Changed by whoever has the place
    /// locked.
    own: Mutex<BTreeMap<u32, u32>>,
}

impl Pipe {
    pub(super) fn new(held: Held, attributes: Attributes) -> Pipe {
        Pipe {
            held,
            attributes: Arc::new(attributes),
            own: Mutex::default(),
        }
    }

    /// The slots of this process's instances.
    pub(super) fn own(&self) -> MutexGuard<'_, BTreeMap<u32, u32>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the instance in the slot lives, here or in another process.
    pub(super) fn is_live(&self, slot: u32) -> bool {
        self.own().contains_key(&slot) || !self.held.is_dead(slot)
    }

    /// How many instances live.
    pub(super) fn count(&self) -> u32 {
        let live = self.held.table.taken().filter(|slot| self.is_live(*slot));
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }
}

/// All places of this process.
struct Places {
    birth: Birth,
    map: HashMap<Place, Arc<Mutex<Option<Arc<Pipe>>>>>,
}

static PLACES: Mutex<Option<Places>> = Mutex::new(None);

impl Kept {
    pub(super) fn at(place: Place) -> Kept {
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Places {
            birth: Birth::here(),
            map: HashMap::new(),
        };
        let places = places.get_or_insert_with(fresh);
        if !places.birth.is_here() {
            // A child that was forked shares its parent's opens, and so its locks: it begins with none of its own.
            *places = fresh();
        }
        let shared = Arc::clone(places.map.entry(place.clone()).or_default());
        Kept {
            birth: Birth::here(),
            place,
            shared,
        }
    }

    /// The pipe at the place, for as long as nobody else in this process may change what is kept there.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Arc<Pipe>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // In a child that was forked the lock may be held by a thread that does not exist there.
        if !self.birth.is_here() {
            return;
        }
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(places) = &mut *places else { return };
        // Ours and the map's: nobody else can come to have one while we hold the map.
        if Arc::strong_count(&self.shared) == 2 {
            let same = |known: &Arc<Mutex<Option<Arc<Pipe>>>>| Arc::ptr_eq(known, &self.shared);
            if places.map.get(&self.place).is_some_and(same) {
                places.map.remove(&self.place);
            }
        }
    }
}
