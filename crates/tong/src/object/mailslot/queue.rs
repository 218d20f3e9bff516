//! A mailslot's queue, and how its readers wait for it.
//! How several of them take turns: see [`line`](super::line).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tong_sys::bell::{Bell, BellSet, Report, Ticker};
use tong_sys::fork::Birth;
use tong_sys::{clock, socket};

use super::line::{Ended, Pending, Place, Turn, Waiting};
use super::published::Published;
use super::rings::{Rings, Token};
use super::MailslotOptions;
use crate::channel::layout::Geometry;
use crate::channel::ring::{Consumer, Frame};
use crate::channel::FIRST_LEN;
use crate::io::{Pump, Tie, Timer, Watch};
use crate::name::MailslotName;
use crate::namespace::FOREVER;
use crate::wait::{Deadline, Spinner};
use crate::waits::{Doing, Note};
use crate::{Error, ErrorKind, Result};

const OP_READ: &str = "read mailslot";

/// How often a server looks whether its name was taken from it by a cleaner, also while it sleeps.
const NAME_CHECK: Duration = Duration::from_secs(10);

/// How long a reader sleeps at most while writers wait for descriptors to be free.
pub(super) const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Looks outside of the active rings before a read goes on with what it has. Only a flood of wake-ups needs more.
const OUTSIDE_LOOKS: u32 = 64;

/// Clients accepted in one look: as many as a backlog can hold.
const ACCEPTS: u32 = 65_536;

/// How often reads that do not wait, or never have to, look outside without being told to.
const LOOK_EVERY_NS: u64 = 200_000;

/// The mailslot itself, while it lives.
#[derive(Debug)]
pub(super) struct Slot {
    /// A forked child must not read from its parent's rings, nor take the name from it.
    pub(super) birth: Birth,
    pub(super) name: MailslotName,
    /// The full name, for errors.
    pub(super) full_name: Arc<str>,
    /// What tells the mailslot from all others.
    identity: [u64; 2],
    pub(super) max_message: u32,
    pub(super) tie: Tie,
    /// Access is widened: writers may be of other users, and none counts up the activity word.
    strangers: bool,
    pub(super) handles: AtomicUsize,
    pub(super) set: BellSet,
    ticker: Ticker,
    /// Rung to wake the front reader, and to show others that the descriptor is readable.
    own_bell: Bell,
    /// The descriptor was asked for: keep it readable exactly while there is a message.
    pub(super) watched: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) name: Option<Published>,
    pub(super) rings: Rings,
    /// The page's activity word as of the last look outside.
    seen_activity: u64,
    /// When a read that did not wait looked outside last.
    looked_ns: u64,
    /// The own bell has been rung and not silenced.
    rung: bool,
    /// Readers behind the front, in the order in which they came.
    pub(super) line: VecDeque<Place>,
    /// A reader sleeps on the descriptors, or the servant does for an operation.
    pub(super) front_sleeps: bool,
    /// A thread or an operation is the front.
    pub(super) front_taken: bool,
    /// The thread at the front, if it has slept.
    pub(super) front_turn: Option<Arc<Turn>>,
    /// The operation at the front.
    pub(super) operation: Option<Pending>,
    /// The servant watches the descriptors, and calls the slot.
    pub(super) watch: Option<Watch>,
    pub(super) pump: Option<Weak<dyn Pump>>,
    /// The servant comes again for writers that could not be taken in.
    pub(super) retry: Option<Timer>,
    spinner: Spinner,
    name_checked: Instant,
    reports: Vec<Report>,
}

impl Slot {
    pub(super) fn new(name: &MailslotName, options: &MailslotOptions) -> Result<Slot> {
        let failed = |error| Error::from_io("create mailslot", error);
        // Before the name, so that there is nothing to take back if descriptors are short.
        let set = BellSet::create().map_err(failed)?;
        let own_bell = Bell::create().map_err(failed)?;
        set.add_level(&own_bell, Token::Own.to_word())
            .map_err(failed)?;
        // A tick wakes a sleeping reader now and then, to look after the name. A deadline for every sleep would do as
        // well, but makes each of them dearer.
        let ticker = Ticker::start(NAME_CHECK).map_err(failed)?;
        set.add(&ticker, Token::Ticker.to_word()).map_err(failed)?;
        let held = Published::make(name, options)?;
        if let Err(error) = held.watch(&set) {
            held.give_up();
            return Err(failed(error));
        }
        let state = State {
            rings: Rings::new(Geometry::new(1, FIRST_LEN, options.quota_bytes).file_len()),
            name: Some(held),
            seen_activity: 0,
            looked_ns: 0,
            rung: false,
            line: VecDeque::new(),
            front_sleeps: false,
            front_taken: false,
            front_turn: None,
            operation: None,
            watch: None,
            pump: None,
            retry: None,
            spinner: Spinner::new(),
            name_checked: Instant::now(),
            reports: Vec::new(),
        };
        Ok(Slot {
            birth: Birth::here(),
            name: name.clone(),
            full_name: name.full().into(),
            identity: super::identity(name),
            max_message: options.max_message_len,
            tie: Tie::default(),
            strangers: options.access != super::Access::Private,
            handles: AtomicUsize::new(1),
            set,
            ticker,
            own_bell,
            watched: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves positions that were not moved yet, so the message is simply delivered again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(OP_READ, kind).on(Arc::clone(&self.full_name))
    }

    /// Whether the mailslot still has its name, that is, an open handle.
    pub(super) fn check_open(&self, state: &State) -> Result<()> {
        match state.name {
            Some(_) => Ok(()),
            None => Err(self.error(ErrorKind::Closed)),
        }
    }

    /// Waits for the oldest message and hands it to `take`, which copies it or refuses it.
    pub(super) fn receive<T>(
        self: &Arc<Slot>,
        deadline: Deadline,
        mut take: impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Result<T> {
        let mut state = self.lock();
        let mut waiting = None;
        if state.front_taken {
            if deadline == Deadline::Now {
                return self.receive_beside(state, take);
            }
            let waiting = waiting.get_or_insert_with(|| Waiting::new(self));
            state = self.stand_in_line(state, &waiting.turn, deadline)?;
        }
        state.front_taken = true;
        let taken = loop {
            if let Err(error) = self.check_open(&state) {
                break Err(error);
            }
            if let Some(taken) = state.take(self, &mut take) {
                break taken.map_err(|kind| self.error(kind));
            }
            if deadline.passed() {
                state.last_look_outside(self);
                break match state.take(self, &mut take) {
                    Some(taken) => taken.map_err(|kind| self.error(kind)),
                    None => Err(self.error(ErrorKind::TimedOut)),
                };
            }
            if waiting.as_ref().is_some_and(Waiting::is_canceled) {
                break Err(self.error(ErrorKind::Canceled));
            }
            state = self.sleep(state, deadline, &mut waiting);
        };
        state.spinner.ended();
        let mut ended = Ended::default();
        state.call_next(self, &mut ended);
        // Who waits for an edge has had the last one when nothing was found; if there is a message after all, it needs
        // another.
        state.settle(self, taken.is_err());
        drop(state);
        ended.tell();
        taken
    }

    /// Takes a message without waiting while others wait, if there are more messages than waiting readers.
    fn receive_beside<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        mut take: impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Result<T> {
        self.check_open(&state)?;
        match state.take_spare(self, &mut take) {
            Some(taken) => taken.map_err(|kind| self.error(kind)),
            None => Err(self.error(ErrorKind::TimedOut)),
        }
    }

    /// Lets the front reader spin, then sleep, until something may have changed or the deadline has passed.
    fn sleep<'a>(
        self: &'a Arc<Slot>,
        mut state: MutexGuard<'a, State>,
        deadline: Deadline,
        waiting: &mut Option<Waiting>,
    ) -> MutexGuard<'a, State> {
        let sleepy = state.spinner.is_sleepy();
        if state.spin() {
            return state;
        }
        // Before the rings are asked to ring: it may take in a writer who has not been asked.
        state.keep_name(self);
        if !state.rings.make_all_idle(sleepy) || state.activity_changed() {
            return state;
        }
        let mut left = deadline.left();
        if state.rings.is_short() {
            left = Some(left.map_or(SHORTAGE_PAUSE, |left| left.min(SHORTAGE_PAUSE)));
        }
        let waiting = waiting.get_or_insert_with(|| Waiting::new(self));
        if waiting.is_canceled() {
            return state;
        }
        state.front_turn = Some(Arc::clone(&waiting.turn));
        state.unwatch();
        let mut reports = std::mem::take(&mut state.reports);
        state.front_sleeps = true;
        drop(state);
        let note = Note::of_call(Doing::Receive, self.identity, deadline);
        let woken = self.set.wait(&mut reports, left);
        drop(note);
        let mut state = self.lock();
        state.front_sleeps = false;
        state.looked_ns = clock::now_ns();
        if let Err(error) = woken {
            tracing::error!(%error, "a mailslot's descriptors cannot be waited on");
        }
        state.handle(self, reports);
        if state.rings.is_short() {
            state.look_outside(self);
        }
        state
    }

    /// The last handle is gone.
    pub(super) fn shut(&self) {
        let mut state = self.lock();
        // Take in who has connected, to tell them too.
        state.look_outside(self);
        state.rings.close();
        if let Some(held) = state.name.take() {
            held.give_up();
        }
        self.own_bell.ring();
        state.rung = true;
        let mut ended = Ended::default();
        state.dismiss(&mut ended);
        drop(state);
        ended.tell();
    }
}

impl State {
    pub(super) fn read_timeout(&self) -> Option<Duration> {
        let held = self.name.as_ref()?;
        match held.page.read_timeout_ms().load(Ordering::Relaxed) {
            FOREVER => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }

    fn activity(&self) -> u64 {
        // Acquire: pairs with a writer's count, so that what it announces is visible to the look that follows.
        self.name
            .as_ref()
            .map_or(0, |held| held.page.activity().load(Ordering::Acquire))
    }

    pub(super) fn activity_changed(&self) -> bool {
        self.activity() != self.seen_activity
    }

    /// Hands the oldest message to `take`; `None` if there is none.
    fn take<T>(
        &mut self,
        slot: &Slot,
        take: &mut impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Option<std::result::Result<T, ErrorKind>> {
        // However busy the active rings are, others are heard too: strangers, and writers that could not count up.
        if self.rings.now_ns().saturating_sub(self.looked_ns) > LOOK_EVERY_NS {
            self.last_look_outside(slot);
        }
        let (place, frame) = self.oldest(slot)?;
        let taken = take(self.rings.consumer(place)?, frame);
        if taken.is_ok() {
            self.rings.advance(place, frame, &slot.set);
        }
        Some(taken)
    }

    /// The oldest message of all.
    pub(super) fn oldest(&mut self, slot: &Slot) -> Option<(u32, Frame)> {
        for _ in 0..OUTSIDE_LOOKS {
            if self.activity_changed() {
                self.look_outside(slot);
            }
            let (page, seen) = (
                self.name.as_ref().map(|held| &held.page),
                self.seen_activity,
            );
            let changed =
                || page.is_some_and(|page| page.activity().load(Ordering::Acquire) != seen);
            if let Some(found) = self.rings.oldest(&slot.set, changed) {
                return Some(found);
            }
            if !self.activity_changed() {
                return None;
            }
        }
        self.rings.oldest(&slot.set, || false)
    }

    /// As [`take`](Self::take), for reads that do not wait: with a look outside before it says that there is none.
    pub(super) fn take_at_once<T>(
        &mut self,
        slot: &Slot,
        take: &mut impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Option<std::result::Result<T, ErrorKind>> {
        if let Some(taken) = self.take(slot, take) {
            return Some(taken);
        }
        self.looked_ns = clock::now_ns();
        self.look_outside(slot);
        self.take(slot, take)
    }

    /// Takes a message that is more than others wait for.
    pub(super) fn take_spare<T>(
        &mut self,
        slot: &Slot,
        take: &mut impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Option<std::result::Result<T, ErrorKind>> {
        self.look_outside(slot);
        let waiting = 1 + self.line.len() as u64;
        let spare = self.rings.count().0 > waiting;
        spare.then(|| self.take(slot, take)).flatten()
    }

    fn spin(&mut self) -> bool {
        let Some(held) = &self.name else { return true };
        let (activity, seen, rings) = (held.page.activity(), self.seen_activity, &self.rings);
        self.spinner
            .spin(|| rings.has_news() || activity.load(Ordering::Relaxed) != seen)
    }

    /// A look outside before a read that does not wait gives up, and now and then while there is always something to
    /// read. Writers of the same user announce themselves in the activity word, but one that was killed or stopped between
    /// publishing and announcing did not. If the descriptor is watched, its edge may be what brought the caller here.
    fn last_look_outside(&mut self, slot: &Slot) {
        let now = clock::now_ns();
        let told = slot.strangers || slot.watched.load(Ordering::Acquire);
        if told || now.wrapping_sub(self.looked_ns) > LOOK_EVERY_NS {
            self.looked_ns = now;
            self.keep_name(slot);
            self.look_outside(slot);
        }
    }

    /// Asks the kernel what happened outside of the active rings.
    pub(super) fn look_outside(&mut self, slot: &Slot) {
        // The count first: what is counted later is looked for again.
        self.seen_activity = self.activity();
        if self.rings.is_short() {
            // What was reported once is not reported again.
            self.rings.try_again(&slot.set);
            self.accept(slot);
        }
        for _ in 0..OUTSIDE_LOOKS {
            let mut reports = std::mem::take(&mut self.reports);
            if let Err(error) = slot.set.wait(&mut reports, Some(Duration::ZERO)) {
                tracing::error!(%error, "a mailslot's descriptors cannot be looked at");
            }
            let all = reports.len() < BellSet::BATCH;
            self.handle(slot, reports);
            if all {
                break;
            }
        }
        if self.front_sleeps && (self.rings.any_active() || self.rings.is_short()) {
            // We have taken what would have woken it.
            self.ring(slot);
        }
    }

    fn handle(&mut self, slot: &Slot, mut reports: Vec<Report>) {
        for report in reports.drain(..) {
            match Token::from_word(report.token) {
                Token::Listener => self.accept(slot),
                // Who sleeps has yet to hear it.
                Token::Own if self.front_sleeps => {}
                Token::Own => self.silence(slot),
                // Only to wake up now and then; going back to sleep looks after the name.
                Token::Ticker => slot.ticker.silence(),
                token => self.rings.handle(token, report, &slot.set),
            }
        }
        self.reports = reports;
    }

    fn accept(&mut self, slot: &Slot) {
        let Some(held) = &self.name else { return };
        'listeners: for listener in &held.listeners {
            // No more than can wait at once: somebody may connect as fast as we accept. The rest is for the next look.
            for _ in 0..ACCEPTS {
                match socket::accept(listener) {
                    Ok(Some(client)) => self.rings.add(client, &slot.set),
                    Ok(None) => continue 'listeners,
                    Err(error) => {
                        tracing::warn!(%error, "writers wait that cannot be taken in");
                        break;
                    }
                }
            }
            self.rings.set_short();
        }
    }

    /// Keeps the descriptor readable exactly while there is a message, if somebody watches it. `again`: with a new edge,
    /// even if it is readable already.
    pub(super) fn settle(&mut self, slot: &Slot, again: bool) {
        if !slot.watched.load(Ordering::Acquire) || self.name.is_none() {
            return;
        }
        if self.oldest(slot).is_some() || !self.rings.make_all_idle(true) {
            self.rung &= !again;
            self.ring(slot);
        } else if self.rung && !self.front_sleeps {
            self.silence(slot);
        }
    }

    pub(super) fn ring(&mut self, slot: &Slot) {
        if !self.rung {
            self.rung = true;
            slot.own_bell.ring();
        }
    }

    fn silence(&mut self, slot: &Slot) {
        if self.name.is_some() {
            self.rung = false;
            slot.own_bell.silence();
        }
    }

    /// Publishes the name again if somebody removed it.
    pub(super) fn keep_name(&mut self, slot: &Slot) {
        if self.name_checked.elapsed() < NAME_CHECK / 10 {
            return;
        }
        self.name_checked = Instant::now();
        let Some(held) = &mut self.name else { return };
        match held.publish_again(&slot.name, &slot.set) {
            Ok(false) => {}
            Ok(true) => {
                self.accept(slot);
                let all_in = !self.rings.is_short();
                if let Some(held) = self.name.as_mut().filter(|_| all_in) {
                    held.retire_listeners(&slot.set);
                }
            }
            Err(error) => {
                tracing::warn!(%error, name = %slot.name, "the name was removed and cannot be published again");
            }
        }
    }
}
