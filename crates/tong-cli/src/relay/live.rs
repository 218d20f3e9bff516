//! Doing something long while signals and people are attended to: the rate on a terminal, and Ctrl-C.

use super::tally::Tally;
use super::Stop;
use crate::exit::Failure;
use crate::signals::Signals;
use crate::text;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How often the rate is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How long connections may take to end when we are asked to.
const LEAVING: Duration = Duration::from_secs(5);

/// How the work ended, and the signal that asked for it.
pub(crate) struct Attended<T> {
    pub(crate) outcome: Option<Result<T, Failure>>,
    pub(crate) signal: Option<Signal>,
}

impl<T> Attended<T> {
    /// What the command ends with: what went wrong, or the signal.
    pub(crate) fn conclude(self) -> Result<Option<T>, Failure> {
        match (self.signal, self.outcome) {
            (Some(signal), _) => Err(Failure::Signal(signal)),
            (None, Some(outcome)) => outcome.map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Does the work in a thread of its own. A signal sets `stop`, and the work has some time to end then.
pub(crate) fn attend<T: Send + 'static>(
    signals: &Signals,
    stop: &Stop,
    mut show: Option<Show>,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<Attended<T>, Failure> {
    let done = Stop::new()?;
    let (tell, heard) = mpsc::channel();
    let latch = Latch(done.clone());
    thread::spawn(move || {
        let _ = tell.send(work());
        drop(latch);
    });
    let mut signal = None;
    while signal.is_none() && !done.is_set() {
        let timeout = show.as_ref().map(|_| SHOW_EVERY);
        await_either(signals, &done, timeout)?;
        signal = signals.next().map(|caught| caught.signal);
        if let Some(show) = &mut show {
            show.draw();
        }
    }
    if signal.is_some() {
        stop.set();
    }
    if let Some(show) = &mut show {
        show.wipe();
    }
    // A thread that is blocked in a stream which cannot be interrupted is left behind.
    let outcome = heard.recv_timeout(LEAVING).ok();
    Ok(Attended { outcome, signal })
}

/// Says that a thread has ended, also if it panics.
struct Latch(Stop);

impl Drop for Latch {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Waits for a signal or the end of the work.
fn await_either(signals: &Signals, done: &Stop, timeout: Option<Duration>) -> Result<(), Failure> {
    let mut fds = [
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        PollFd::new(done.as_fd(), PollFlags::POLLIN),
    ];
    let timeout = timeout.map_or(PollTimeout::NONE, |time| {
        PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut fds, timeout) {
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(error) => Err(Failure::Io("cannot wait".to_owned(), error.into())),
    }
}

/// A line on the terminal that shows what goes through.
pub(crate) struct Show {
    tally: Arc<Tally>,
    last: (Instant, u64, u64),
    is_drawn: bool,
}

impl Show {
    /// Shows the tally if somebody sees it, and it does not stand between other text.
    pub(crate) fn on_terminal(tally: &Arc<Tally>, quiet: bool) -> Option<Show> {
        let is_seen = !quiet && io::stderr().is_terminal();
        is_seen.then(|| Show {
            tally: Arc::clone(tally),
            last: (Instant::now(), 0, 0),
            is_drawn: false,
        })
    }

    fn draw(&mut self) {
        let now = Instant::now();
        let (there, back) = (self.tally.there.bytes(), self.tally.back.bytes());
        let seconds = now.duration_since(self.last.0).as_secs_f64();
        if seconds < SHOW_EVERY.as_secs_f64() / 2.0 {
            return;
        }
        let rate = |now: u64, before: u64| text::rate((now - before) as f64 / seconds);
        let line = format!(
            "> {} ({})  < {} ({})  {} open, {} in all",
            rate(there, self.last.1),
            text::size(there),
            rate(back, self.last.2),
            text::size(back),
            self.tally.open.load(Relaxed),
            self.tally.begun.load(Relaxed),
        );
        self.last = (now, there, back);
        self.is_drawn = true;
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
    }

    fn wipe(&mut self) {
        if self.is_drawn {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
