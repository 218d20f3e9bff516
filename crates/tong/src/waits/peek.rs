//! Looking at an object's cell from outside: from a copy of its file, without its lock, without a trace.
//!
//! A copy is not one instant: words that change meanwhile may be old or new, each for itself. Whatever they say is only
//! shown to people, and only threads that live are named.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tong_sys::dir;

use super::cell::{AT_FIRST, AT_SECOND, AT_SETTINGS, AT_STATE, AT_WAITERS};
use super::ground::{AT_FRESH, AT_TABLE, UNIT};
use super::kind::{self, CellKind, ABANDONED};
use super::record::{Table, Who};
use super::schedule::Schedule;
use super::slots::Slot;
use super::thread_cell;

/// What a cell says of its object at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) kind: CellKind,
    /// Would a wait by a thread that does not own it end at once?
    pub(crate) signaled: bool,
    /// A semaphore's count.
    pub(crate) count: u32,
    /// A semaphore's maximum.
    pub(crate) maximum: u32,
    /// Process and thread id of a mutex's owner, as their own PID namespace counts.
    pub(crate) owner: Option<(i32, i32)>,
    /// How often the owner has acquired it.
    pub(crate) times: u64,
    /// The mutex's last owner ended without releasing it.
    pub(crate) abandoned: bool,
    /// How long until a timer is due, and its period; `None` for an inactive one.
    pub(crate) schedule: Option<(Duration, Option<Duration>)>,
    /// Process and thread ids of those who wait for it.
    pub(crate) waiters: Vec<(i32, i32)>,
    /// Process and thread id, if it is a thread.
    pub(crate) thread: Option<(i32, i32)>,
}

/// The cell at `at` in the bytes of a named object's file, whose room for waiters starts at `room_at`. `None` if there is
/// none, or if its threads are in another table.
pub(crate) fn peek(bytes: &[u8], at: usize, room_at: usize, table: &'static Table) -> Option<Seen> {
    let image = Image { bytes, room_at };
    if image.word(AT_TABLE)? != table.id() {
        return None;
    }
    let (state, settings) = (image.word(at + AT_STATE)?, image.word(at + AT_SETTINGS)?);
    let (first, second) = (image.word(at + AT_FIRST)?, image.word(at + AT_SECOND)?);
    let kind = CellKind::from_code(settings & 0xff)?;
    let ids = |who: Who| Some(table.living(who)?.ids());
    let named = kind.is_owned().then(|| kind::owner(state)).flatten();
    let owner = named.and_then(ids);
    let schedule = match kind.is_timer() {
        true => Schedule::from_words(first, second),
        false => None,
    };
    let period = |schedule: Schedule| Duration::from_millis(schedule.period_ms.into());
    let schedule = schedule.map(|it| (it.due_in(), Some(period(it)).filter(|it| !it.is_zero())));
    let is_due = schedule.is_some_and(|(due_in, _)| due_in.is_zero());
    let mut waiters: Vec<Who> = image.slots(at).map(|slot| slot.who).collect();
    waiters.sort_unstable_by_key(|who| who.word());
    waiters.dedup();
    Some(Seen {
        kind,
        signaled: match kind {
            CellKind::Mutex => owner.is_none(),
            _ => is_due || kind.take_hint(state),
        },
        count: u32::try_from(kind::count(state)).unwrap_or(u32::MAX),
        maximum: u32::try_from(settings >> 32).unwrap_or(u32::MAX),
        owner,
        times: owner.map_or(0, |_| first),
        abandoned: state & ABANDONED != 0 || named.is_some() && owner.is_none(),
        schedule,
        waiters: waiters.into_iter().filter_map(ids).collect(),
        thread: (kind == CellKind::Thread).then(|| thread_cell::ids(second)),
    })
}

/// The cell at `at` of an arena, without its waiters: only what its own bytes say. `None` as for [`peek`].
pub(crate) fn peek_unit(arena: &OwnedFd, at: usize, table: &'static Table) -> Option<Seen> {
    let mut bytes = vec![0; HEAD + UNIT];
    dir::read_at(arena, 0, &mut bytes[..HEAD]).ok()?;
    let is_unit = at >= HEAD && at % UNIT == 0;
    let offset = is_unit.then(|| u64::try_from(at).ok()).flatten()?;
    if dir::read_at(arena, offset, &mut bytes[HEAD..]).ok()? < UNIT {
        return None;
    }
    bytes[HEAD + AT_WAITERS..][..8].fill(0);
    peek(&bytes, HEAD, HEAD, table)
}

/// Bytes of an arena before its first unit.
const HEAD: usize = 4096;

/// How many bytes of the room for waiters are in use, as the head of the file says.
pub(crate) fn room_in_use(head: &[u8]) -> usize {
    let image = Image {
        bytes: head,
        room_at: 0,
    };
    let units = image.word(AT_FRESH).unwrap_or(0).min(UNITS_MAX);
    usize::try_from(units).unwrap_or(0) * UNIT
}

/// More units than any version has room for: a page that claims more is not believed.
const UNITS_MAX: u64 = 1 << 14;

/// The bytes of a ground.
#[derive(Clone, Copy)]
struct Image<'a> {
    bytes: &'a [u8],
    room_at: usize,
}

impl Image<'_> {
    fn word(self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Where the block starts that the link at `link` leads to.
    fn block(self, link: usize) -> Option<usize> {
        let unit = self.word(link)?.checked_sub(1)?;
        let exists = unit < self.word(AT_FRESH)?;
        let at = usize::try_from(unit).ok()?.checked_mul(UNIT)?;
        exists.then_some(())?;
        self.room_at.checked_add(at)
    }

    fn slots(self, at: usize) -> impl Iterator<Item = Slot> {
        let blocks_max = self.bytes.len() / UNIT;
        let blocks =
            std::iter::successors(self.block(at + AT_WAITERS), move |block| self.block(*block));
        // A chain that somebody bent into a ring ends too.
        let blocks = blocks.take(blocks_max);
        let places = blocks.flat_map(|block| (block + 8..block + UNIT).step_by(8));
        let words: Vec<u64> = places.filter_map(|place| self.word(place)).collect();
        words.into_iter().filter_map(Slot::from_word)
    }
}
