//! Waiting until an instance listens.

use std::time::Duration;

use tong_sys::clock;
use tong_sys::map::Ordering;

use super::client::SeenPipe;
use crate::name::PipeName;
use crate::namespace::pipe::{self, Hint, Sight};
use crate::object::pipe::options::WaitTime;
use crate::{Error, ErrorKind, Namespace, Result};

const WAIT: &str = "wait for pipe";

/// How often a waiter looks whether a server still lives.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often one looks who can only read the page.
const COPY_EVERY: Duration = Duration::from_millis(10);

/// Waits until an instance of the pipe listens. Reserves nothing: another client may take it first (P19.7).
///
/// # Errors
/// In this order: no such pipe, also while waiting ([`ErrorKind::NotFound`], P19.2, P19.6); [`ErrorKind::TimedOut`].
pub(crate) fn wait_for_instance(name: &PipeName, time: WaitTime) -> Result<()> {
    let named = |kind| Error::new(WAIT, kind).on(name.full());
    let started = clock::now_ns();
    let namespace = Namespace::current().map_err(|error| error.on(name.full()))?;
    let pipe = SeenPipe::find(&namespace, name, WAIT)?;
    let time = match time {
        WaitTime::Default => Some(pipe.attributes().default_timeout),
        WaitTime::Forever => None,
        WaitTime::For(time) => Some(time),
    };
    let deadline = time.map_or(u64::MAX, |time| {
        started.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    });
    loop {
        let news = news(&pipe);
        // Opened for this look only: it must not seem that we keep the pipe alive.
        let file = pipe
            .found()
            .reopen()
            .filter(|_| !pipe.has_ended())
            .filter(|file| pipe::is_live(file))
            .ok_or_else(|| named(ErrorKind::NotFound))?;
        if listens(&pipe, &file) {
            return Ok(());
        }
        drop(file);
        let now = clock::now_ns();
        if now >= deadline {
            return Err(named(ErrorKind::TimedOut));
        }
        match &pipe.found().sight {
            Sight::Mapped(table) => {
                table.wait_for_news(news, deadline.min(now.saturating_add(ns(LOOK_EVERY))));
            }
            Sight::Copied(_) => {
                std::thread::sleep(COPY_EVERY.min(Duration::from_nanos(deadline - now)));
            }
        }
    }
}

/// Whether an instance listens whose server lives.
fn listens(pipe: &SeenPipe, file: &std::os::fd::OwnedFd) -> bool {
    match &pipe.found().sight {
        Sight::Mapped(table) => {
            let mut after = 0;
            while let Some((turn, slot)) = table.next_listening(after) {
                if !pipe::is_dead(file, slot) {
                    return true;
                }
                // Its server was killed: no client needs to try.
                table.change_hint(slot, Hint::Listening(turn), Hint::Taken(turn));
                after = turn;
            }
            false
        }
        Sight::Copied(_) => pipe.found().copy(file).is_ok_and(|copy| {
            copy.taken().any(|slot| {
                matches!(copy.hint(slot), Hint::Listening(_)) && !pipe::is_dead(file, slot)
            })
        }),
    }
}

fn news(pipe: &SeenPipe) -> u64 {
    match &pipe.found().sight {
        Sight::Mapped(table) => table.news().load(Ordering::SeqCst),
        Sight::Copied(_) => 0,
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
