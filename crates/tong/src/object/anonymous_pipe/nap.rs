//! Sleeping on a descriptor in a way that others can call the thread out of.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use tong_sys::bell::Bell;
use tong_sys::fork::Birth;

use super::Stop;
use crate::io::{Blocked, Wake};
use crate::ErrorKind;

thread_local! {
    /// The bell of the thread, which it has from its first nap on. A forked child needs one that its parent does not hear.
    static BED: RefCell<Option<(Birth, Arc<Bed>)>> = const { RefCell::new(None) };
}

/// Where a thread can be woken while it sleeps on a descriptor.
#[derive(Debug)]
struct Bed {
    bell: Bell,
}

impl Wake for Bed {
    fn wake(&self) {
        self.bell.ring();
    }
}

impl Bed {
    fn of_thread() -> Result<Arc<Bed>, Stop> {
        BED.with_borrow_mut(|bed| {
            if let Some((birth, bed)) = bed {
                if birth.is_here() {
                    return Ok(Arc::clone(bed));
                }
            }
            let bell = Bell::create().map_err(|error| Stop::from_io(&error))?;
            let made = Arc::new(Bed { bell });
            *bed = Some((Birth::here(), Arc::clone(&made)));
            Ok(made)
        })
    }
}

/// The sleep of one operation. It begins with the first [`Nap::until`]; an operation that does not wait pays nothing for it.
#[derive(Debug, Default)]
pub(crate) struct Nap {
    begun: Option<(Arc<Bed>, Blocked)>,
}

impl Nap {
    /// Nobody sleeps yet.
    pub(crate) fn new() -> Nap {
        Nap::default()
    }

    /// Whether another thread could call this one out of its sleep. If not, it may sleep in other ways than this one.
    pub(crate) fn can_be_canceled(&self) -> bool {
        self.begun.is_some() || Blocked::is_possible()
    }

    /// Sleeps until poll has something to say of the descriptor, beside errors and hang-ups of what is in `asked`, or the
    /// time has passed. Nothing is returned then. It may also return nothing for no reason.
    ///
    /// # Errors
    /// [`ErrorKind::Canceled`] if another thread has canceled the operation; what the system reports.
    pub(crate) fn until(
        &mut self,
        fd: impl AsFd,
        asked: PollFlags,
        timeout: Option<Duration>,
    ) -> Result<PollFlags, Stop> {
        let (bed, blocked) = match &self.begun {
            Some(begun) => begun,
            None => {
                let bed = Bed::of_thread()?;
                let blocked = Blocked::enter(bed.clone());
                self.begun.insert((bed, blocked))
            }
        };
        if blocked.is_canceled() {
            return Err(Stop::Is(ErrorKind::Canceled));
        }
        let mut polled = [
            PollFd::from_borrowed_fd(fd.as_fd(), asked),
            PollFd::new(&bed.bell, PollFlags::IN),
        ];
        let timeout = timeout.map(timespec);
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Stop::System(errno)),
        }
        let [seen, rung] = polled.map(|polled| polled.revents());
        if !rung.is_empty() {
            // Silenced before the look: a ring that comes later is heard by the next sleep.
            bed.bell.silence();
            if blocked.is_canceled() {
                return Err(Stop::Is(ErrorKind::Canceled));
            }
        }
        Ok(seen)
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
