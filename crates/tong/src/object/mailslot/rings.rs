//! The reader's side of all writers' rings: which have something, and which message is the oldest.
//!
//! # Active and idle
//! An *active* ring is looked at for every message; its writer does not ring. An *idle* ring is not looked at; it was
//! asked to ring, and its writer then counts up the page's activity word, before its write returns, and rings the bell.
//! A new writer does the same when it has connected. So one load of the activity word tells whether there is anything
//! outside of the active rings that an order must respect.
//!
//! # Order
//! Of the messages at the heads of the active rings the one with the oldest stamp is next. Looking at many rings takes
//! time, and a message may have been written to a ring already looked at, and after it another one, which we then find
//! in a later ring. Therefore the rings that were empty, and the activity word, are looked at again once a message was
//! found; whatever was written before that message is visible by then. Only if nothing new appeared, it is taken.
//!
//! A stamp is the writer's word. What a look at a ring did not show was written after that look, so its stamp counts from
//! there at least; within a ring stamps never go down. Only the reader's own clock tells when a look was: a message of one
//! writer says nothing about the time of another's.

use std::os::fd::{AsFd, OwnedFd};

use tong_sys::bell::{Bell, BellSet, Report};
use tong_sys::{clock, errno};

use crate::channel::greeting::{self, Greeting};
use crate::channel::ring::{self, Consumer, Corrupt, Frame};

/// Active rings beyond this are made idle when they stay empty; fewer are cheaper to look at than to wake.
const ALWAYS_ACTIVE: usize = 8;
/// Looks in a row that find a ring empty before it becomes idle.
const EMPTY_LOOKS: u32 = 64;
/// The clock is read again after so many messages, and before a sleep.
const CLOCK_EVERY: u32 = 64;
/// How often a message is given up for an older one that appeared meanwhile. Only a flood of lies needs more.
const SECOND_LOOKS: u32 = 64;

/// What a report's token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Something to accept.
    Listener,
    /// The reader's own bell.
    Own,
    /// The reader's own tick.
    Ticker,
    /// A writer's bell.
    Bell(Id),
    /// A writer's socket.
    Socket(Id),
}

/// A writer's place, and how many had the place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    place: u32,
    turn: u32,
}

impl Token {
    pub(super) fn to_word(self) -> u64 {
        let id = |id: Id, low: u64| {
            u64::from(id.turn & 0x3fff_ffff) << 34 | u64::from(id.place) << 2 | low
        };
        match self {
            Token::Listener => 0,
            Token::Own => 4,
            Token::Ticker => 8,
            Token::Bell(which) => id(which, 1),
            Token::Socket(which) => id(which, 2),
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the word is cut into its fields"
    )]
    pub(super) fn from_word(word: u64) -> Token {
        let id = Id {
            place: (word >> 2) as u32,
            turn: (word >> 34) as u32,
        };
        match word & 3 {
            1 => Token::Bell(id),
            2 => Token::Socket(id),
            _ if word == 4 => Token::Own,
            _ if word == 8 => Token::Ticker,
            _ => Token::Listener,
        }
    }
}

/// One writer, as the reader sees it.
#[derive(Debug)]
struct Writer {
    socket: OwnedFd,
    /// `None` until its greeting has come.
    ring: Option<Ring>,
    /// Its last holder is gone.
    gone: bool,
}

#[derive(Debug)]
struct Ring {
    consumer: Consumer,
    bell: Bell,
    active: bool,
    /// Looks in a row that found nothing.
    empty_looks: u32,
    /// Stamps older than this are not believed.
    floor: u64,
    /// The reader's clock as of the last look at what the writer has published, or a little before.
    looked_ns: u64,
    /// The message at the head, as far as it has been looked at.
    front: Option<Frame>,
}

/// All writers of a mailslot.
#[derive(Debug)]
pub(super) struct Rings {
    places: Vec<(u32, Option<Writer>)>,
    free: Vec<u32>,
    /// Places of the active rings.
    active: Vec<u32>,
    /// The clock, as of a short while ago.
    now_ns: u64,
    /// Messages until the clock is read again.
    clock_in: u32,
    /// Longest memory file that a writer may bring.
    most_len: u64,
    /// Somebody could not be taken in for want of descriptors or memory.
    short: bool,
}

impl Rings {
    pub(super) fn new(most_len: u64) -> Rings {
        Rings {
            places: Vec::new(),
            free: Vec::new(),
            active: Vec::new(),
            now_ns: 0,
            clock_in: 0,
            most_len,
            short: false,
        }
    }

    /// Takes a client in. Its greeting may come later.
    pub(super) fn add(&mut self, socket: OwnedFd, set: &BellSet) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.places[place as usize];
        slot.0 = slot.0.wrapping_add(1);
        let id = Id {
            place,
            turn: slot.0,
        };
        if let Err(error) = set.add(&socket, Token::Socket(id).to_word()) {
            tracing::warn!(%error, "a writer could not be watched and was dropped");
            self.free.push(place);
            return;
        }
        slot.1 = Some(Writer {
            socket,
            ring: None,
            gone: false,
        });
        self.greet(id, set);
    }

    /// Whether the system was out of descriptors or memory when a writer was to be taken in.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    /// Whether some writers are looked at and do not ring.
    pub(super) fn any_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// The clock, as of a few messages ago or the last sleep.
    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Notes that clients wait who could not be accepted.
    pub(super) fn set_short(&mut self) {
        self.short = true;
    }

    /// Tries again to take in those who could not be; the caller accepts the others.
    pub(super) fn try_again(&mut self, set: &BellSet) {
        self.short = false;
        let waiting = |(place, (turn, writer)): (usize, &(u32, Option<Writer>))| {
            let id = Id {
                place: u32::try_from(place).ok()?,
                turn: *turn,
            };
            writer.as_ref()?.ring.is_none().then_some(id)
        };
        let ids: Vec<Id> = self.places.iter().enumerate().filter_map(waiting).collect();
        for id in ids {
            self.greet(id, set);
        }
    }

    /// Handles what a writer's descriptor reported.
    pub(super) fn handle(&mut self, token: Token, report: Report, set: &BellSet) {
        let id = match token {
            Token::Bell(id) | Token::Socket(id) => id,
            Token::Listener | Token::Own | Token::Ticker => return,
        };
        let Some(writer) = self.get(id) else { return };
        match &writer.ring {
            None => return self.greet(id, set),
            // A stranger's way to ring.
            Some(_) if token == Token::Socket(id) && report.readable => {
                greeting::drain(&writer.socket)
            }
            Some(_) => {}
        }
        self.activate(id.place);
        if report.hung_up && token == Token::Socket(id) {
            if let Some(writer) = self.get(id) {
                writer.gone = true;
            }
            self.bury_if_empty(id.place, set);
        }
    }

    /// The oldest message of all, found by its ring. `changed` says whether a look outside of the active rings is due.
    pub(super) fn oldest(
        &mut self,
        set: &BellSet,
        changed: impl Fn() -> bool,
    ) -> Option<(u32, Frame)> {
        let mut best = self.look_at_all(set)?;
        for _ in 0..SECOND_LOOKS {
            if changed() {
                // The caller looks outside and comes again.
                return None;
            }
            if !self.has_news() {
                break;
            }
            best = self.look_at_all(set)?;
        }
        Some(best)
    }

    /// The consumer of the ring, with the message that [`Rings::oldest`] found.
    pub(super) fn consumer(&self, place: u32) -> Option<&Consumer> {
        self.places
            .get(place as usize)?
            .1
            .as_ref()?
            .ring
            .as_ref()
            .map(|ring| &ring.consumer)
    }

    /// Takes the message that [`Rings::oldest`] found out of its ring.
    pub(super) fn advance(&mut self, place: u32, frame: Frame, set: &BellSet) {
        let Some(writer) = self.places[place as usize].1.as_mut() else {
            return;
        };
        let Some(ring) = writer.ring.as_mut() else {
            return;
        };
        ring.consumer.advance(frame);
        ring.front = None;
        ring.floor = ring.floor.max(frame.stamp);
        if writer.gone {
            self.bury_if_empty(place, set);
        }
        match self.clock_in.checked_sub(1) {
            Some(left) => self.clock_in = left,
            None => self.read_clock(),
        }
    }

    fn read_clock(&mut self) {
        self.now_ns = clock::now_ns();
        self.clock_in = CLOCK_EVERY;
    }

    /// Whether an active ring that was empty is not any more. Cheap: one load a ring.
    pub(super) fn has_news(&self) -> bool {
        self.active.iter().any(|place| {
            self.ring_at(*place)
                .is_some_and(|ring| ring.front.is_none() && ring.consumer.has_news())
        })
    }

    /// Asks all writers to ring, at every message if `sleepy`; returns `false` if there is something to read instead.
    pub(super) fn make_all_idle(&mut self, sleepy: bool) -> bool {
        self.read_clock();
        let mut news_to_some = false;
        for index in 0..self.active.len() {
            if let Some(ring) = self.ring_at_mut(self.active[index]) {
                news_to_some |= ring.consumer.ask_to_ring(sleepy);
            }
        }
        if news_to_some {
            ring::settle();
        }
        let places = std::mem::take(&mut self.active);
        self.active = places
            .into_iter()
            .filter(|place| !self.is_idle_now(*place))
            .collect();
        self.active.is_empty()
    }

    /// Messages and bytes queued, and writers.
    pub(super) fn count(&self) -> (u64, u64, usize) {
        let rings = || {
            self.places
                .iter()
                .filter_map(|(_, writer)| writer.as_ref()?.ring.as_ref())
        };
        let messages = rings().map(|ring| ring.consumer.message_count()).sum();
        let bytes = rings().map(|ring| ring.consumer.queued_bytes()).sum();
        (
            messages,
            bytes,
            self.places
                .iter()
                .filter(|(_, writer)| writer.is_some())
                .count(),
        )
    }

    /// Tells every writer that nobody reads any more.
    pub(super) fn close(&mut self) {
        for (_, writer) in &mut self.places {
            if let Some(ring) = writer.take().and_then(|writer| writer.ring) {
                ring.consumer.close();
            }
        }
        *self = Rings::new(self.most_len);
    }

    fn get(&mut self, id: Id) -> Option<&mut Writer> {
        let (turn, writer) = self.places.get_mut(id.place as usize)?;
        if *turn & 0x3fff_ffff != id.turn & 0x3fff_ffff {
            return None;
        }
        writer.as_mut()
    }

    fn ring_at(&self, place: u32) -> Option<&Ring> {
        self.places[place as usize].1.as_ref()?.ring.as_ref()
    }

    fn ring_at_mut(&mut self, place: u32) -> Option<&mut Ring> {
        self.places[place as usize].1.as_mut()?.ring.as_mut()
    }

    /// Receives a client's greeting, if it is there.
    fn greet(&mut self, id: Id, set: &BellSet) {
        let most_len = self.most_len;
        let Some(writer) = self.get(id) else { return };
        match Greeting::receive(&writer.socket, 1, most_len) {
            Ok(None) => {}
            Ok(Some(greeting)) if set.add(&greeting.bell, Token::Bell(id).to_word()).is_ok() => {
                writer.ring = Some(Ring {
                    consumer: greeting.memory.consumer(0),
                    bell: greeting.bell,
                    active: false,
                    empty_looks: 0,
                    floor: 0,
                    looked_ns: 0,
                    front: None,
                });
                // It may have gone already; the edge that told so came before the greeting was read.
                writer.gone = tong_sys::bell::hung_up(&writer.socket);
                self.activate(id.place);
                self.bury_if_empty(id.place, set);
            }
            Ok(Some(_)) => self.bury(id.place, set, "its bell cannot be watched"),
            Err(error) if is_shortage(&error) => {
                tracing::warn!(%error, "a writer waits that cannot be taken in");
                self.short = true;
            }
            Err(error) => {
                tracing::debug!(%error, "a client went without a proper greeting");
                self.bury(id.place, set, "no proper greeting");
            }
        }
    }

    fn activate(&mut self, place: u32) {
        let Some(ring) = self.ring_at_mut(place) else {
            return;
        };
        ring.empty_looks = 0;
        if !ring.active {
            ring.active = true;
            self.active.push(place);
        }
    }

    /// After it was asked to ring: whether the ring is idle, or there is something to read instead.
    fn is_idle_now(&mut self, place: u32) -> bool {
        let ring = self.ring_at_mut(place);
        let Some(ring) = ring else { return true };
        ring.active = ring.front.is_some() || !ring.consumer.may_sleep();
        !ring.active
    }

    /// Looks at every active ring once; returns the one with the oldest message.
    fn look_at_all(&mut self, set: &BellSet) -> Option<(u32, Frame)> {
        let mut best: Option<(u32, Frame)> = None;
        let mut index = 0;
        while index < self.active.len() {
            let place = self.active[index];
            match self.look_at(place) {
                Ok(Some(frame)) => {
                    if best.is_none_or(|(_, other)| frame.stamp < other.stamp) {
                        best = Some((place, frame));
                    }
                }
                Ok(None) if self.active.len() > ALWAYS_ACTIVE && self.tired_of(place) => {
                    self.active.swap_remove(index);
                    continue;
                }
                Ok(None) => {}
                Err(Corrupt) => {
                    self.bury(place, set, "its ring makes no sense");
                    continue;
                }
            }
            index += 1;
        }
        best
    }

    /// The message at the head of one ring, with the stamp that is believed.
    #[inline]
    fn look_at(&mut self, place: u32) -> Result<Option<Frame>, Corrupt> {
        let now_ns = self.now_ns;
        let Some(ring) = self.ring_at_mut(place) else {
            return Ok(None);
        };
        if ring.front.is_none() {
            let seen = ring.consumer.seen();
            match ring.consumer.front()? {
                Some(frame) => {
                    if ring.consumer.seen() != seen {
                        ring.floor = ring.floor.max(ring.looked_ns);
                        ring.looked_ns = now_ns;
                    }
                    ring.front = Some(Frame {
                        stamp: frame.stamp.max(ring.floor),
                        ..frame
                    });
                    ring.empty_looks = 0;
                }
                None => {
                    ring.looked_ns = now_ns;
                    ring.empty_looks = ring.empty_looks.saturating_add(1);
                }
            }
        }
        Ok(ring.front)
    }

    /// Whether the ring was empty for so long that it became idle just now.
    fn tired_of(&mut self, place: u32) -> bool {
        let Some(ring) = self
            .ring_at_mut(place)
            .filter(|ring| ring.empty_looks >= EMPTY_LOOKS)
        else {
            return false;
        };
        if ring.consumer.ask_to_ring(false) {
            ring::settle();
        }
        self.is_idle_now(place)
    }

    /// Lets go of a writer that is gone, if nothing of it is left to read.
    fn bury_if_empty(&mut self, place: u32, set: &BellSet) {
        let Some(writer) = self.places[place as usize].1.as_mut() else {
            return;
        };
        let Some(ring) = writer.ring.as_mut() else {
            return;
        };
        if !writer.gone || ring.front.is_some() {
            return;
        }
        match ring.consumer.front() {
            Ok(Some(_)) => {}
            Ok(None) if !ring.consumer.is_drained() => {}
            Ok(None) => self.bury(place, set, "it is gone and everything was read"),
            Err(Corrupt) => self.bury(place, set, "its ring makes no sense"),
        }
    }

    fn bury(&mut self, place: u32, set: &BellSet, why: &str) {
        let Some(writer) = self.places[place as usize].1.take() else {
            return;
        };
        tracing::trace!(place, why, "writer dropped");
        let _ = set.remove(writer.socket.as_fd());
        if let Some(ring) = &writer.ring {
            ring.consumer.close();
            let _ = set.remove(&ring.bell);
            self.active.retain(|active| *active != place);
        }
        self.free.push(place);
    }
}

/// Whether trying again later may help.
fn is_shortage(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(errno::EMFILE | errno::ENFILE | errno::ENOMEM)
    )
}
