//! Wake-ups: event descriptors and the set of them that one thread sleeps on.
//!
//! A [`Bell`] is rung by one process and heard by another. It need not be emptied: a [`BellSet`] watches for the edge, so
//! a wake-up costs the ringer one write and the sleeper one wait. A set is itself a descriptor that can be polled, also by
//! another set.
//!
//! # References
//! Linux: eventfd(2), epoll(7).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll;
use rustix::event::{EventfdFlags, Timespec};

/// Longest single wait; callers come again. Older kernels count milliseconds in 31 bits, which is less than 25 days.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// An event descriptor: one side rings, the other sleeps until it does.
#[derive(Debug)]
pub struct Bell {
    fd: OwnedFd,
}

impl Bell {
    /// Makes a bell that has not been rung.
    ///
    /// # Errors
    /// What eventfd reports: no descriptors or no memory.
    pub fn create() -> io::Result<Bell> {
        let fd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell { fd })
    }

    /// Takes a bell that a peer made. Anything may hide behind the descriptor; see [`Bell::ring`].
    #[must_use]
    pub fn adopt(fd: OwnedFd) -> Bell {
        Bell { fd }
    }

    /// Whether the descriptor really is an event descriptor. Anything else may block whoever watches or rings it.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        let link = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&self.fd)
        );
        rustix::fs::readlink(link, Vec::new())
            .is_ok_and(|target| target.to_bytes() == b"anon_inode:[eventfd]")
    }

    /// Rings. Whoever else holds the descriptor can make this block, so it is only for bells that are shared with processes
    /// of the same user.
    pub fn ring(&self) {
        // The counter is full only after 2^64 - 2 rings, and then the sleeper has been woken anyway.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Takes back all rings so far: whoever polls the descriptor sees it silent until the next ring.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A descriptor that becomes ready again and again, every so often.
#[derive(Debug)]
pub struct Ticker {
    fd: OwnedFd,
}

impl Ticker {
    /// Starts a ticker.
    ///
    /// # Errors
    /// What timerfd_create and timerfd_settime report.
    pub fn start(every: Duration) -> io::Result<Ticker> {
        use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let every = timespec(every);
        let times = Itimerspec {
            it_interval: every,
            it_value: every,
        };
        rustix::time::timerfd_settime(&fd, TimerfdTimerFlags::empty(), &times)?;
        Ok(Ticker { fd })
    }

    /// Takes back the ticks so far. Without that there is no further one: the kernel starts the timer anew when it is read.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0u8; 8]);
    }
}

impl AsFd for Ticker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a member of a set reported.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// The number that the member was added with.
    pub token: u64,
    /// There is something to read, accept or hear.
    pub readable: bool,
    /// The other side is gone.
    pub hung_up: bool,
}

/// The descriptors that one reader sleeps on. Each change of a member is reported once.
#[derive(Debug)]
pub struct BellSet {
    fd: OwnedFd,
}

impl BellSet {
    /// Most reports of one wait. Fewer than these are all there were.
    pub const BATCH: usize = 64;

    /// Makes an empty set.
    ///
    /// # Errors
    /// What epoll_create1 reports.
    pub fn create() -> io::Result<BellSet> {
        Ok(BellSet {
            fd: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        })
    }

    /// Watches `member` for something to read and for its hang-up, reported as `token`.
    ///
    /// # Errors
    /// What epoll_ctl reports: `EPERM` if the descriptor cannot be watched, `ENOSPC`, `ENOMEM`.
    pub fn add(&self, member: impl AsFd, token: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        Ok(epoll::add(
            &self.fd,
            member,
            epoll::EventData::new_u64(token),
            flags,
        )?)
    }

    /// Watches `member` as a level: the set is readable for as long as it is.
    ///
    /// # Errors
    /// As [`BellSet::add`].
    pub fn add_level(&self, member: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(
            &self.fd,
            member,
            epoll::EventData::new_u64(token),
            epoll::EventFlags::IN,
        )?)
    }

    /// Stops watching `member`.
    ///
    /// # Errors
    /// What epoll_ctl reports, such as that it was not a member.
    pub fn remove(&self, member: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, member)?)
    }

    /// Appends the reports to `reports`, sleeping up to `timeout` (for ever if `None`) while there are none.
    ///
    /// Returns after a signal, or after a day, without reports.
    ///
    /// # Errors
    /// What epoll_wait reports.
    pub fn wait(&self, reports: &mut Vec<Report>, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|time| timespec(time.min(LONGEST_WAIT)));
        let mut space = [const { std::mem::MaybeUninit::<epoll::Event>::uninit() }; BellSet::BATCH];
        let (events, _) = match epoll::wait(&self.fd, &mut space, timeout.as_ref()) {
            Ok(events) => events,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let gone = epoll::EventFlags::HUP | epoll::EventFlags::RDHUP | epoll::EventFlags::ERR;
        reports.extend(events.iter().map(|event| {
            // Copied out, because the kernel's event is packed.
            let (flags, data) = (event.flags, event.data);
            Report {
                token: data.u64(),
                readable: flags.contains(epoll::EventFlags::IN),
                hung_up: flags.intersects(gone),
            }
        }));
        Ok(())
    }
}

impl AsFd for BellSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Says whether the other side of a connected socket is gone. Never blocks.
#[must_use]
pub fn hung_up(socket: impl AsFd) -> bool {
    let mut poll = [rustix::event::PollFd::new(
        &socket,
        rustix::event::PollFlags::RDHUP,
    )];
    let none = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    rustix::event::poll(&mut poll, Some(&none)).is_ok_and(|ready| ready > 0)
}

/// Waits until there is something to read or accept, up to `timeout`; may return early.
///
/// # Errors
/// What poll reports.
pub fn wait_readable(fd: impl AsFd, timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|time| timespec(time.min(LONGEST_WAIT)));
    let mut poll = [rustix::event::PollFd::new(
        &fd,
        rustix::event::PollFlags::IN,
    )];
    match rustix::event::poll(&mut poll, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Says whether there is something to read or accept, or the other side is gone. Never blocks.
#[must_use]
pub fn is_readable(fd: impl AsFd) -> bool {
    let mut poll = [rustix::event::PollFd::new(&fd, POLLED)];
    let none = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    rustix::event::poll(&mut poll, Some(&none)).is_ok_and(|ready| ready > 0)
}

/// Waits until there is something to read at one of the descriptors, or its other side is gone, up to `timeout`; may
/// return early.
///
/// # Errors
/// What poll reports.
pub fn wait_any_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|time| timespec(time.min(LONGEST_WAIT)));
    let mut polls: Vec<_> = fds
        .iter()
        .map(|fd| rustix::event::PollFd::new(fd, POLLED))
        .collect();
    match rustix::event::poll(&mut polls, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What makes a descriptor signaled; the end of its other side always does.
const POLLED: rustix::event::PollFlags = rustix::event::PollFlags::IN;

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
