//! The servant: one thread of the process that makes progress for everything that has operations pending.
//!
//! It sleeps on the descriptors that were given to it ([`Servant::watch`]) and until the next of the times that were
//! ([`Servant::at`]), and calls the [`Pump`] behind whatever became ready or due. It is started when first needed, handles
//! none of the program's signals, and does not keep the process alive.
//!
//! # References
//! Linux: epoll(7).

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use std::{fmt, io};

use tong_sys::bell::{Bell, BellSet, Report};
use tong_sys::clock;
use tong_sys::fork::Birth;
use tong_sys::thread::{steady, Steady};

use crate::{Error, Result};

/// Something with operations pending.
pub(crate) trait Pump: Send + Sync {
    /// Makes what progress is possible, all of it: a change of a descriptor is reported once.
    ///
    /// Called by the servant, also when there turns out to be nothing to do. What it holds up, it holds up for all others.
    fn pump(&self);
}

/// What the servant's own bell is reported as; no place has this number.
const OWN: u64 = u64::MAX;

/// The servant of a process.
pub(crate) struct Servant {
    set: BellSet,
    /// Rung when the time until which the servant sleeps has become an earlier one.
    bell: Bell,
    state: Mutex<State>,
    birth: Birth,
}

#[derive(Default)]
struct State {
    /// What is watched: how often the place was given away, and whom to call. A report that comes too late names an old turn.
    places: Vec<(u32, Option<Weak<dyn Pump>>)>,
    free: Vec<u32>,
    /// By time, and by a number that tells equal times apart.
    timers: BTreeMap<(u64, u64), Weak<dyn Pump>>,
    last_timer: u64,
    /// Until when the servant sleeps, or is about to.
    sleeps_until: u64,
}

static SERVANT: Mutex<Option<&'static Servant>> = Mutex::new(None);

/// A locked part of the servant. Nobody can suspend the thread that has it.
struct Locked<'a, T>(
    MutexGuard<'a, T>,
    #[allow(dead_code, reason = "held")] Steady,
);

impl<T> std::ops::Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

fn lock<T>(part: &Mutex<T>) -> Locked<'_, T> {
    let steady = steady();
    Locked(part.lock().unwrap_or_else(PoisonError::into_inner), steady)
}

/// The servant of this process, started if there is none. A forked child gets its own.
///
/// # Errors
/// No memory, descriptors or threads are left.
pub(crate) fn servant() -> Result<&'static Servant> {
    let mut known = lock(&SERVANT);
    if let Some(servant) = known.filter(|servant| servant.birth.is_here()) {
        return Ok(servant);
    }
    let servant =
        Servant::start().map_err(|error| Error::from_io("start servant thread", error))?;
    *known = Some(servant);
    Ok(servant)
}

impl Servant {
    fn start() -> io::Result<&'static Servant> {
        let servant = Servant {
            set: BellSet::create()?,
            bell: Bell::create()?,
            state: Mutex::default(),
            birth: Birth::here(),
        };
        servant.set.add(&servant.bell, OWN)?;
        // It lives as long as its thread, which is as long as the process.
        let servant: &'static Servant = Box::leak(Box::new(servant));
        tong_sys::without_signals(|| {
            std::thread::Builder::new()
                .name("tong-io".to_owned())
                .spawn(|| servant.run())
        })?;
        Ok(servant)
    }

    fn run(&self) {
        tong_sys::thread::mark_servant();
        let mut reports = Vec::new();
        loop {
            let left = self.serve_timers();
            reports.clear();
            if let Err(error) = self.set.wait(&mut reports, left) {
                tracing::error!(%error, "the servant cannot wait; operations that are pending stay so");
                return;
            }
            for report in &reports {
                self.serve(*report);
            }
        }
    }

    fn serve(&self, report: Report) {
        if report.token == OWN {
            return;
        }
        let [turn, place] = halves(report.token);
        let pump = {
            let state = lock(&self.state);
            let found = state.places.get(place as usize);
            found
                .filter(|(present, _)| *present == turn)
                .and_then(|(_, pump)| pump.as_ref()?.upgrade())
        };
        // With no lock held: it may watch, and stop watching.
        if let Some(pump) = pump {
            pump.pump();
        }
    }

    /// Calls whatever is due; returns how long the servant may sleep.
    fn serve_timers(&self) -> Option<Duration> {
        loop {
            let now = clock::now_ns();
            let pump = {
                let mut state = lock(&self.state);
                let Some((due, number)) = state.timers.keys().next().copied() else {
                    state.sleeps_until = u64::MAX;
                    return None;
                };
                if due > now {
                    state.sleeps_until = due;
                    return Some(Duration::from_nanos(due - now));
                }
                state.timers.remove(&(due, number))
            };
            if let Some(pump) = pump.and_then(|pump| pump.upgrade()) {
                pump.pump();
            }
        }
    }

    /// Has `pump` called after each change of the descriptor: something to read, or its other side is gone. If that is so
    /// already, it is called at once.
    ///
    /// `fd` is kept, and open, until the watch is dropped: give a duplicate, or a share in the owner (`Arc<OwnedFd>`). One
    /// descriptor can be watched once.
    ///
    /// # Errors
    /// What epoll_ctl reports, such as that the descriptor is watched already.
    pub(crate) fn watch(
        &'static self,
        fd: impl AsFd + Send + Sync + 'static,
        pump: Weak<dyn Pump>,
    ) -> Result<Watch> {
        let token = lock(&self.state).take_place(pump);
        if let Err(error) = self.set.add(fd.as_fd(), token) {
            // Not by dropping a watch: that would end the one which the descriptor has already.
            let left = lock(&self.state).leave_place(token);
            drop(left);
            return Err(Error::from_io("watch descriptor", error));
        }
        Ok(Watch {
            servant: self,
            token,
            fd: Box::new(fd),
        })
    }

    /// Has `pump` called once when the monotonic clock reads `due_ns` (see [`clock::now_ns`]), unless the timer is dropped
    /// before.
    pub(crate) fn at(&'static self, due_ns: u64, pump: Weak<dyn Pump>) -> Timer {
        let (key, earlier) = {
            let mut state = lock(&self.state);
            state.last_timer += 1;
            let key = (due_ns, state.last_timer);
            state.timers.insert(key, pump);
            (key, due_ns < state.sleeps_until)
        };
        if earlier {
            self.bell.ring();
        }
        Timer { servant: self, key }
    }
}

impl State {
    fn take_place(&mut self, pump: Weak<dyn Pump>) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 descriptors")
        });
        let (turn, entry) = &mut self.places[place as usize];
        *entry = Some(pump);
        u64::from(*turn) << 32 | u64::from(place)
    }

    /// Empties a place; returns what was in it, to be dropped without the lock.
    fn leave_place(&mut self, token: u64) -> Option<Weak<dyn Pump>> {
        let [_, place] = halves(token);
        let (turn, entry) = &mut self.places[place as usize];
        // The last turn stays clear of the bell's own number.
        *turn = (*turn + 1) % u32::MAX;
        self.free.push(place);
        entry.take()
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the word is cut into its halves"
)]
fn halves(token: u64) -> [u32; 2] {
    [(token >> 32) as u32, token as u32]
}

/// A descriptor that the servant watches, until this is dropped. A call that has begun may still go on then.
pub(crate) struct Watch {
    servant: &'static Servant,
    token: u64,
    fd: Box<dyn AsFd + Send + Sync>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("fd", &self.fd.as_fd())
            .finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In a forked child the set is still the parent's, who goes on watching; and the lock may be held for ever.
        if !self.servant.birth.is_here() {
            return;
        }
        let _ = self.servant.set.remove(self.fd.as_fd());
        let pump = lock(&self.servant.state).leave_place(self.token);
        drop(pump);
    }
}

/// A time at which the servant calls somebody, until this is dropped. A call that has begun may still go on then.
pub(crate) struct Timer {
    servant: &'static Servant,
    key: (u64, u64),
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("due_ns", &self.key.0)
            .finish_non_exhaustive()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.servant.birth.is_here() {
            let pump = lock(&self.servant.state).timers.remove(&self.key);
            drop(pump);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{mpsc, Arc};

    struct Counter {
        calls: AtomicUsize,
        tell: mpsc::Sender<()>,
    }

    impl Pump for Counter {
        fn pump(&self) {
            self.calls.fetch_add(1, Ordering::Relaxed);
            // The test may be over.
            let _ = self.tell.send(());
        }
    }

    fn counter() -> (Arc<Counter>, mpsc::Receiver<()>) {
        let (tell, told) = mpsc::channel();
        let calls = AtomicUsize::new(0);
        (Arc::new(Counter { calls, tell }), told)
    }

    fn weak(counter: &Arc<Counter>) -> Weak<dyn Pump> {
        let weak: Weak<Counter> = Arc::downgrade(counter);
        weak
    }

    const SOON: Duration = Duration::from_secs(60);
    const WHILE: Duration = Duration::from_millis(20);

    #[test]
    fn change_before_and_after_the_watch_is_reported() {
        let bell = Arc::new(Bell::create().unwrap());
        bell.ring();
        let (counter, told) = counter();
        let watch = servant().unwrap();
        let watch = watch.watch(Arc::clone(&bell), weak(&counter)).unwrap();
        told.recv_timeout(SOON).unwrap();
        bell.ring();
        told.recv_timeout(SOON).unwrap();
        drop(watch);
        bell.ring();
        told.recv_timeout(WHILE).unwrap_err();
    }

    #[test]
    fn place_that_was_left_is_given_to_others() {
        let (first, first_told) = counter();
        let (second, second_told) = counter();
        let bell = Arc::new(Bell::create().unwrap());
        let watch = servant()
            .unwrap()
            .watch(Arc::clone(&bell), weak(&first))
            .unwrap();
        drop(watch);
        let watch = servant()
            .unwrap()
            .watch(Arc::clone(&bell), weak(&second))
            .unwrap();
        bell.ring();
        second_told.recv_timeout(SOON).unwrap();
        first_told.recv_timeout(WHILE).unwrap_err();
        drop(watch);
    }

    #[test]
    fn thing_that_is_gone_is_not_called() {
        let bell = Arc::new(Bell::create().unwrap());
        let (counter, told) = counter();
        let watch = servant()
            .unwrap()
            .watch(Arc::clone(&bell), weak(&counter))
            .unwrap();
        drop(counter);
        bell.ring();
        // Its sender went with it.
        assert_eq!(
            told.recv_timeout(SOON),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
        drop(watch);
    }

    #[test]
    fn timers_come_in_the_order_of_their_times_and_not_early() {
        let servant = servant().unwrap();
        let ((late, late_told), (early, early_told)) = (counter(), counter());
        let now = clock::now_ns();
        let far = servant.at(now + 3_600_000_000_000, weak(&late));
        let near = servant.at(now + 5_000_000, weak(&early));
        early_told.recv_timeout(SOON).unwrap();
        assert!(clock::now_ns() >= now + 5_000_000);
        assert_eq!(late.calls.load(Ordering::Relaxed), 0);
        drop((near, far));
        let dropped = servant.at(clock::now_ns() + 2_000_000, weak(&late));
        drop(dropped);
        late_told.recv_timeout(WHILE).unwrap_err();
    }
}
