//! The reading end of a mailslot.
//!
//! # Several readers
//! Threads that read at the same time are served in the order in which they came. The first of them, the *front*, sleeps
//! on the descriptors; the others stand in line behind it, each with its own deadline, and the next becomes the front
//! when it leaves. A message therefore goes to exactly one reader, the one that has waited longest.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tong_sys::bell::{Bell, BellSet, Report, Ticker};
use tong_sys::{clock, socket};

use super::rings::{Rings, Token};
use super::{MailslotInfo, MailslotOptions};
use crate::channel::layout::Geometry;
use crate::channel::ring::{Consumer, Frame};
use crate::channel::FIRST_LEN;
use crate::name::MailslotName;
use crate::namespace::{self, Claim, Page, PageInfo, Space, FOREVER};
use crate::wait::{Deadline, Spinner};
use crate::{Error, ErrorKind, Namespace, Result};

const OP_READ: &str = "read mailslot";

/// How often a server looks whether its name was taken from it by a cleaner, also while it sleeps.
const NAME_CHECK: Duration = Duration::from_secs(10);

/// How long a reader sleeps at most while writers wait for descriptors to be free.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Looks outside of the active rings before a read goes on with what it has. Only a flood of wake-ups needs more.
const OUTSIDE_LOOKS: u32 = 64;

/// How often reads that do not wait look outside without being told to.
const LOOK_EVERY_NS: u64 = 200_000;

/// A server handle: creates a mailslot, and reads from it.
///
/// Clones are duplicates of the handle: they read from the same queue, and the mailslot lives until the last is dropped
/// or [closed](MailslotServer::close). A handle can be used from several threads; each message goes to one reader.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// let server = tong::MailslotServer::create(&tong::MailslotName::short("mailbox")?)?;
/// let mut buf = [0; 424];
/// loop {
///     let len = server.recv(&mut buf)?;
///     println!("{}", String::from_utf8_lossy(&buf[..len]));
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct MailslotServer {
    slot: Arc<Slot>,
    closed: AtomicBool,
}

/// The mailslot itself, while it lives.
#[derive(Debug)]
struct Slot {
    name: MailslotName,
    /// The full name, for errors.
    full_name: Arc<str>,
    max_message: u32,
    /// Writers of other users may connect; they do not count up the activity word.
    strangers: bool,
    handles: AtomicUsize,
    set: BellSet,
    /// Rung to wake the front reader, and to show others that the descriptor is readable.
    own_bell: Bell,
    /// The descriptor was asked for: keep it readable exactly while there is a message.
    watched: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    name: Option<Held>,
    rings: Rings,
    /// The page's activity word as of the last look outside.
    seen_activity: u64,
    /// When a read that did not wait looked outside last.
    looked_ns: u64,
    /// The own bell has been rung and not silenced.
    rung: bool,
    /// Readers behind the front, in the order in which they came.
    line: VecDeque<Arc<Turn>>,
    /// A reader sleeps on the descriptors.
    front_sleeps: bool,
    /// A thread is the front.
    front_taken: bool,
    spinner: Spinner,
    name_checked: Instant,
    ticker: Option<Ticker>,
    reports: Vec<Report>,
}

/// The name, and what is published under it.
#[derive(Debug)]
struct Held {
    claim: Claim,
    namespace: Arc<Namespace>,
    page: Page,
    info: PageInfo,
    options: MailslotOptions,
    listeners: Vec<OwnedFd>,
    /// Claims the name among the user's own when the mailslot itself is in the machine-wide directory.
    local_claim: Option<namespace::Made>,
    global: Option<tong_sys::dir::Dir>,
}

/// A place in the line of readers.
#[derive(Debug)]
struct Turn {
    come: AtomicBool,
    changed: Condvar,
}

impl MailslotServer {
    /// Creates the mailslot with no limit on messages but the quota, for the creator's user only.
    ///
    /// # Errors
    /// As [`MailslotOptions::create`].
    pub fn create(name: &MailslotName) -> Result<MailslotServer> {
        MailslotServer::options().create(name)
    }

    /// Options to create a mailslot with.
    #[must_use]
    pub fn options() -> MailslotOptions {
        MailslotOptions::new()
    }

    pub(super) fn make(name: &MailslotName, options: &MailslotOptions) -> Result<MailslotServer> {
        let failed = |error: Error| error.on(name.full());
        let held = Held::make(name, options).map_err(failed)?;
        let slot = Slot::new(name, options, held).map_err(failed)?;
        Ok(MailslotServer {
            slot: Arc::new(slot),
            closed: AtomicBool::new(false),
        })
    }

    /// The mailslot's name as it was given.
    #[must_use]
    pub fn name(&self) -> &MailslotName {
        &self.slot.name
    }

    /// Receives the oldest message into `buf` and returns its length, waiting as long as the mailslot's own read time-out
    /// says. This is what ReadFile does.
    ///
    /// # Blocking
    /// Returns at once if a message is queued, else sleeps until one comes or the time-out passes. The time-out counts
    /// from the start of this call; changing it does not change a wait that has begun.
    ///
    /// # Errors
    /// In this order: the mailslot's last handle was closed ([`ErrorKind::Closed`]); the message is longer than `buf` and
    /// stays queued ([`ErrorKind::BufferTooSmall`]); [`ErrorKind::TimedOut`].
    ///
    /// # References
    /// Win32: ReadFile, "Reading from a Mailslot".
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        let timeout = self.slot.lock().read_timeout();
        self.recv_until(buf, Deadline::after(timeout))
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one without limit.
    ///
    /// # Errors
    /// As [`MailslotServer::read`], without the time-out.
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Never)
    }

    /// Receives the oldest message into `buf` and returns its length, if one is queued.
    ///
    /// # Errors
    /// As [`MailslotServer::read`]; [`ErrorKind::TimedOut`] if none is queued.
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Deadline::Now)
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one up to `timeout`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`].
    pub fn recv_timeout(&self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_until(buf, Deadline::after(Some(timeout)))
    }

    /// Receives the oldest message into `buf` and returns its length, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`].
    pub fn recv_deadline(&self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.recv_until(buf, Deadline::At(deadline))
    }

    /// Receives the oldest message into a vector of its length, waiting up to `timeout`, for ever if `None`.
    ///
    /// # Errors
    /// As [`MailslotServer::read`], but no buffer is too small.
    pub fn recv_vec(&self, timeout: Option<Duration>) -> Result<Vec<u8>> {
        self.check_open()?;
        self.slot
            .receive(Deadline::after(timeout), |consumer, frame| {
                let mut message = Vec::with_capacity(frame.len);
                consumer.append_to(frame, &mut message);
                Ok(message)
            })
    }

    fn recv_until(&self, buf: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.check_open()?;
        self.slot.receive(deadline, |consumer, frame| {
            if frame.len > buf.len() {
                return Err(ErrorKind::BufferTooSmall { needed: frame.len });
            }
            consumer.copy_to(frame, buf);
            Ok(frame.len)
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.slot.error(ErrorKind::Closed));
        }
        Ok(())
    }

    /// Describes the queue and the settings. Never waits and never changes the queue.
    ///
    /// # Errors
    /// The mailslot's last handle was closed ([`ErrorKind::Closed`]).
    ///
    /// # References
    /// Win32: GetMailslotInfo.
    pub fn info(&self) -> Result<MailslotInfo> {
        let mut state = self.slot.lock();
        state
            .check_open()
            .map_err(|error| error.on(Arc::clone(&self.slot.full_name)))?;
        state.look_outside(&self.slot);
        let next_len = state.oldest(&self.slot).map(|(_, frame)| frame.len);
        let (message_count, queued_bytes, writers) = state.rings.count();
        let info = MailslotInfo {
            max_message_len: self.slot.max_message,
            next_len,
            message_count,
            queued_bytes,
            read_timeout: state.read_timeout(),
            writers,
        };
        state.settle(&self.slot);
        Ok(info)
    }

    /// Sets the mailslot's read time-out for reads that start later, on every handle of the mailslot.
    ///
    /// `None` is for ever, zero not at all; else whole milliseconds, rounded up.
    ///
    /// # Errors
    /// The mailslot's last handle was closed ([`ErrorKind::Closed`]).
    ///
    /// # References
    /// Win32: SetMailslotInfo.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        let mut state = self.slot.lock();
        state
            .check_open()
            .map_err(|error| error.on(Arc::clone(&self.slot.full_name)))?;
        if let Some(held) = &mut state.name {
            held.info.read_timeout_ms = timeout_ms(timeout);
            held.page
                .read_timeout_ms()
                .store(timeout_ms(timeout), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Closes this handle before it is dropped. If it was the last one, the mailslot is gone at once: unread messages are
    /// discarded, the name is free, writers get [`ErrorKind::Closed`], and so do reads that wait in other threads.
    pub fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel)
            && self.slot.handles.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.slot.shut();
        }
    }

    /// Whether both are handles of the same mailslot.
    #[must_use]
    pub fn same_object(&self, other: &MailslotServer) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl Clone for MailslotServer {
    /// Duplicates the handle. The duplicate of a closed handle is closed.
    fn clone(&self) -> MailslotServer {
        let closed = self.closed.load(Ordering::Acquire);
        if !closed {
            self.slot.handles.fetch_add(1, Ordering::Relaxed);
        }
        MailslotServer {
            slot: Arc::clone(&self.slot),
            closed: AtomicBool::new(closed),
        }
    }
}

impl Drop for MailslotServer {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsFd for MailslotServer {
    /// A descriptor that is readable exactly while a message is queued: poll it, or register it with a reactor.
    ///
    /// It may be reported readable once without need, when a writer came or went or another thread has taken the message;
    /// it is never silent while a message is queued. Do not read from it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        if !self.slot.watched.swap(true, Ordering::AcqRel) {
            let mut state = self.slot.lock();
            state.look_outside(&self.slot);
            state.settle(&self.slot);
        }
        self.slot.set.as_fd()
    }
}

impl Slot {
    fn new(name: &MailslotName, options: &MailslotOptions, held: Held) -> Result<Slot> {
        let failed = |error| Error::from_io("create mailslot", error);
        let set = BellSet::create().map_err(failed)?;
        let own_bell = Bell::create().map_err(failed)?;
        set.add_level(&own_bell, Token::Own.to_word())
            .map_err(failed)?;
        for listener in &held.listeners {
            set.add(listener, Token::Listener.to_word())
                .map_err(failed)?;
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
            spinner: Spinner::new(),
            name_checked: Instant::now(),
            ticker: None,
            reports: Vec::new(),
        };
        Ok(Slot {
            name: name.clone(),
            full_name: name.full().into(),
            max_message: options.max_message_len,
            strangers: options.access != super::Access::Private,
            handles: AtomicUsize::new(1),
            set,
            own_bell,
            watched: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves positions that were not moved yet, so the message is simply delivered again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(OP_READ, kind).on(Arc::clone(&self.full_name))
    }

    /// Waits for the oldest message and hands it to `take`, which copies it or refuses it.
    fn receive<T>(
        &self,
        deadline: Deadline,
        mut take: impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Result<T> {
        let mut state = self.lock();
        if state.front_taken {
            if deadline == Deadline::Now {
                return self.receive_beside(state, take);
            }
            state = self.stand_in_line(state, deadline)?;
        }
        state.front_taken = true;
        let taken = loop {
            if let Err(error) = state.check_open() {
                break Err(error.on(Arc::clone(&self.full_name)));
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
            state = self.sleep(state, deadline);
        };
        state.spinner.ended();
        state.front_taken = false;
        state.call_next();
        state.settle(self);
        taken
    }

    /// Takes a message without waiting while others wait, if there are more messages than waiting readers.
    fn receive_beside<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        mut take: impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Result<T> {
        state
            .check_open()
            .map_err(|error| error.on(Arc::clone(&self.full_name)))?;
        state.look_outside(self);
        let waiting = 1 + state.line.len() as u64;
        let spare = state.rings.count().0 > waiting;
        match spare.then(|| state.take(self, &mut take)).flatten() {
            Some(taken) => taken.map_err(|kind| self.error(kind)),
            None => Err(self.error(ErrorKind::TimedOut)),
        }
    }

    /// Waits behind the front until it is our turn.
    fn stand_in_line<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Deadline,
    ) -> Result<MutexGuard<'a, State>> {
        let turn = Arc::new(Turn {
            come: AtomicBool::new(false),
            changed: Condvar::new(),
        });
        state.line.push_back(Arc::clone(&turn));
        while !turn.come.load(Ordering::Relaxed) {
            let left = deadline.left();
            if left == Some(Duration::ZERO) {
                state.line.retain(|other| !Arc::ptr_eq(other, &turn));
                return Err(self.error(ErrorKind::TimedOut));
            }
            state = match left {
                Some(left) => {
                    turn.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => turn
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        Ok(state)
    }

    /// Lets the front reader spin, then sleep, until something may have changed or the deadline has passed.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Deadline,
    ) -> MutexGuard<'a, State> {
        let sleepy = state.spinner.is_sleepy();
        if state.spin() || !state.rings.make_all_idle(sleepy) || state.activity_changed() {
            return state;
        }
        state.keep_name(self);
        let mut left = deadline.left();
        if state.rings.is_short() {
            left = Some(left.map_or(SHORTAGE_PAUSE, |left| left.min(SHORTAGE_PAUSE)));
        } else if state.ticker.is_none() {
            left = Some(left.map_or(NAME_CHECK, |left| left.min(NAME_CHECK)));
        }
        let mut reports = std::mem::take(&mut state.reports);
        state.front_sleeps = true;
        drop(state);
        let woken = self.set.wait(&mut reports, left);
        let mut state = self.lock();
        state.front_sleeps = false;
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
    fn shut(&self) {
        let mut state = self.lock();
        // Take in who has connected, to tell them too.
        state.look_outside(self);
        state.rings.close();
        if let Some(held) = state.name.take() {
            held.give_up();
        }
        self.own_bell.ring();
        state.rung = true;
        for turn in state.line.drain(..) {
            turn.come.store(true, Ordering::Relaxed);
            turn.changed.notify_one();
        }
    }
}

impl State {
    fn check_open(&self) -> Result<()> {
        match self.name {
            Some(_) => Ok(()),
            None => Err(Error::new(OP_READ, ErrorKind::Closed)),
        }
    }

    fn read_timeout(&self) -> Option<Duration> {
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

    fn activity_changed(&self) -> bool {
        self.activity() != self.seen_activity
    }

    /// Hands the oldest message to `take`; `None` if there is none.
    fn take<T>(
        &mut self,
        slot: &Slot,
        take: &mut impl FnMut(&Consumer, Frame) -> std::result::Result<T, ErrorKind>,
    ) -> Option<std::result::Result<T, ErrorKind>> {
        let (place, frame) = self.oldest(slot)?;
        let taken = take(self.rings.consumer(place)?, frame);
        if taken.is_ok() {
            self.rings.advance(place, frame, &slot.set);
        }
        Some(taken)
    }

    /// The oldest message of all.
    fn oldest(&mut self, slot: &Slot) -> Option<(u32, Frame)> {
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

    fn spin(&mut self) -> bool {
        let Some(held) = &self.name else { return true };
        let (activity, seen, rings) = (held.page.activity(), self.seen_activity, &self.rings);
        self.spinner
            .spin(|| rings.has_news() || activity.load(Ordering::Relaxed) != seen)
    }

    /// A look outside before a read that does not wait gives up. Writers of the same user announce themselves in the
    /// activity word, but one that was killed between publishing and announcing did not, so there is a look now and then.
    fn last_look_outside(&mut self, slot: &Slot) {
        let now = clock::now_ns();
        if slot.strangers || now.wrapping_sub(self.looked_ns) > LOOK_EVERY_NS {
            self.looked_ns = now;
            self.look_outside(slot);
        }
    }

    /// Asks the kernel what happened outside of the active rings.
    fn look_outside(&mut self, slot: &Slot) {
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
        if self.front_sleeps {
            // We may have taken what would have woken it.
            self.ring(slot);
        }
    }

    fn handle(&mut self, slot: &Slot, mut reports: Vec<Report>) {
        for report in reports.drain(..) {
            match Token::from_word(report.token) {
                Token::Listener => self.accept(slot),
                Token::Own => self.silence(slot),
                // Only to wake up now and then; going back to sleep looks after the name.
                Token::Ticker => {}
                token => self.rings.handle(token, report, &slot.set),
            }
        }
        self.reports = reports;
    }

    fn accept(&mut self, slot: &Slot) {
        let Some(held) = &self.name else { return };
        for listener in &held.listeners {
            loop {
                match socket::accept(listener) {
                    Ok(Some(client)) => self.rings.add(client, &slot.set),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "writers wait that cannot be taken in");
                        self.rings.set_short();
                        break;
                    }
                }
            }
        }
    }

    /// Keeps the descriptor readable exactly while there is a message, if somebody watches it.
    fn settle(&mut self, slot: &Slot) {
        if !slot.watched.load(Ordering::Acquire) || self.name.is_none() {
            return;
        }
        if self.oldest(slot).is_some() || !self.rings.make_all_idle(true) {
            self.ring(slot);
        } else if self.rung && !self.front_sleeps {
            self.silence(slot);
        }
    }

    fn ring(&mut self, slot: &Slot) {
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

    fn call_next(&mut self) {
        if let Some(turn) = self.line.pop_front() {
            // The place is taken for it already, so that nobody slips in before it wakes.
            self.front_taken = true;
            turn.come.store(true, Ordering::Relaxed);
            turn.changed.notify_one();
        }
    }

    /// From the first longer sleep on, a tick wakes the reader now and then. A deadline for every sleep would do as well,
    /// but makes each of them dearer.
    fn start_ticker(&mut self, slot: &Slot) {
        if self.ticker.is_none() {
            self.ticker = Ticker::start(NAME_CHECK)
                .and_then(|ticker| slot.set.add(&ticker, Token::Ticker.to_word()).map(|()| ticker))
                .map_err(|error| tracing::warn!(%error, "a sleeping mailslot will not notice if its name is removed"))
                .ok();
        }
    }

    /// Publishes the name again if somebody removed it.
    fn keep_name(&mut self, slot: &Slot) {
        if self.name_checked.elapsed() < NAME_CHECK / 10 {
            return;
        }
        self.name_checked = Instant::now();
        self.start_ticker(slot);
        let Some(held) = &mut self.name else { return };
        if let Err(error) = held.publish_again(slot) {
            tracing::warn!(%error, name = %slot.name, "the name was removed and cannot be published again");
        }
    }
}

impl Held {
    fn make(name: &MailslotName, options: &MailslotOptions) -> Result<Held> {
        const OP: &str = "create mailslot";
        let namespace = Namespace::current()?;
        let info = PageInfo {
            name: name.full(),
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            created_ns: namespace::created_now(),
            max_message: options.max_message_len,
            quota_bytes: options.quota_bytes,
            read_timeout_ms: timeout_ms(options.read_timeout),
        };
        let private = namespace::Openness::Private;
        let openness = options.access.openness();
        let own = namespace.dir(Space::Mailslot);
        let (global, local_claim, made) = if openness == private {
            (None, None, claim(own, name, private, &info)?)
        } else {
            let global = namespace::global(Space::Mailslot)?.ok_or_else(|| {
                Error::new(OP, ErrorKind::PathNotFound).because(
                    "there is no machine-wide directory for what other users may open; an administrator makes it with \
                     `tong global init`",
                )
            })?;
            let local = claim(own, name, private, &info)?;
            // The own name is only held; clients go to the machine-wide one.
            own.remove(&namespace::socket_name(&namespace::stem(
                Space::Mailslot,
                name.folded(),
            )))
            .map_err(|error| Error::from_io(OP, error))?;
            match claim(&global, name, openness, &info) {
                Ok(made) => (Some(global), Some(local), made),
                Err(error) => {
                    local.claim.give_up(own);
                    return Err(error);
                }
            }
        };
        Ok(Held {
            claim: made.claim,
            namespace: Arc::clone(&namespace),
            page: made.page,
            info,
            options: options.clone(),
            listeners: vec![made.listener],
            local_claim,
            global,
        })
    }

    fn dir(&self) -> &tong_sys::dir::Dir {
        self.global
            .as_ref()
            .unwrap_or_else(|| self.namespace.dir(Space::Mailslot))
    }

    fn give_up(self) {
        let dir = self
            .global
            .as_ref()
            .unwrap_or_else(|| self.namespace.dir(Space::Mailslot));
        self.claim.give_up(dir);
        if let Some(local) = self.local_claim {
            local.claim.give_up(self.namespace.dir(Space::Mailslot));
        }
    }

    /// Makes the files of the name anew if they are gone. Clients of the old ones stay connected.
    fn publish_again(&mut self, slot: &Slot) -> Result<()> {
        if self.claim.still_named(self.dir()) {
            return Ok(());
        }
        if self.global.is_none() {
            // The whole directory may have been removed and made again.
            self.namespace = Namespace::current()?;
        }
        let made = claim(
            self.dir(),
            &slot.name,
            self.options.access.openness(),
            &self.info,
        )?;
        slot.set
            .add(&made.listener, Token::Listener.to_word())
            .map_err(|error| Error::from_io("publish mailslot", error))?;
        tracing::info!(name = %slot.name, "the name was removed by somebody and is published again");
        // Whoever opened the old page counts up a word that nobody reads any more; their bells still ring.
        self.claim = made.claim;
        self.page = made.page;
        self.listeners.push(made.listener);
        Ok(())
    }
}

fn claim(
    dir: &tong_sys::dir::Dir,
    name: &MailslotName,
    openness: namespace::Openness,
    info: &PageInfo,
) -> Result<namespace::Made> {
    let stem = namespace::stem(Space::Mailslot, name.folded());
    let same = |written: &str| MailslotName::parse(written).is_ok_and(|written| written == *name);
    Claim::make(dir, Space::Mailslot, &stem, openness, info, same)
}

fn timeout_ms(timeout: Option<Duration>) -> u64 {
    match timeout {
        None => FOREVER,
        Some(time) => u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(FOREVER),
    }
}
