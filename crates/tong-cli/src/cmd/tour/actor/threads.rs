//! Threads: one that counts, is stopped and let go on, is called, and ends with a code.

use super::{say, tell, Did, PATIENCE};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};
use tong::wait::{self, Outcome};
use tong::{Error, ErrorKind, Event, Reset, Result, Thread, ThreadOptions};

/// How long it takes to count by one.
const COUNT_EVERY: Duration = Duration::from_millis(1);
/// How long a thread is looked at that may stand still.
const LOOK: Duration = Duration::from_millis(40);

/// What a worker may be told to do with its thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Threading {
    /// Start it, suspended, with this exit code in the end.
    Start(u32),
    /// Suspend it once more.
    Suspend,
    /// Resume it once.
    Resume,
    /// Report whether it counts.
    Look,
    /// Queue a call to it, and report where that ran.
    Call,
    /// Let it end, and report its exit code.
    End,
}

/// What a worker has of threads.
#[derive(Default)]
pub(super) struct Threads {
    counter: Option<Counter>,
}

struct Counter {
    thread: Thread,
    stop: Event,
    count: Arc<AtomicU64>,
}

impl Threads {
    pub(super) fn work(&mut self, order: &Threading) -> Result<()> {
        if let Threading::Start(code) = order {
            self.counter = Some(Counter::start(*code)?);
            tell("starts a thread");
            return Ok(());
        }
        let missing = || Error::new("use thread", ErrorKind::NotFound);
        let counter = self.counter.as_ref().ok_or_else(missing)?;
        match order {
            Threading::Start(_) => {}
            Threading::Suspend => {
                let before = counter.thread.suspend()?;
                tell(&format!("suspends it: {}", before + 1));
            }
            Threading::Resume => {
                let before = counter.thread.resume()?;
                tell(&format!("resumes it: {}", before.saturating_sub(1)));
            }
            Threading::Look => tell(if counter.counts() {
                "it counts"
            } else {
                "it stands still"
            }),
            Threading::Call => counter.call()?,
            Threading::End => {
                counter.stop.set()?;
                counter.thread.wait(Some(PATIENCE))?;
                let code = counter.thread.exit_code()?.unwrap_or_default();
                say(Did::Code("the thread".to_owned(), code));
            }
        }
        Ok(())
    }
}

impl Counter {
    fn start(code: u32) -> Result<Counter> {
        let stop = Event::new(Reset::Manual, false)?;
        let count = Arc::new(AtomicU64::new(0));
        let (ours, asked) = (Arc::clone(&count), stop.clone());
        let body = move || {
            // An alertable wait: calls that are queued run in it.
            while let Ok(Outcome::TimedOut | Outcome::Alerted) =
                wait::any_alertable(&[&asked], Some(COUNT_EVERY))
            {
                ours.fetch_add(1, Ordering::Relaxed);
            }
            code
        };
        let thread = ThreadOptions::new().suspended(true).spawn(body)?;
        Ok(Counter {
            thread,
            stop,
            count,
        })
    }

    /// Looks for a while, as long as needed if it counts.
    fn counts(&self) -> bool {
        let (before, begun) = (self.count.load(Ordering::Relaxed), Instant::now());
        while begun.elapsed() < LOOK {
            std::thread::sleep(COUNT_EVERY);
        }
        self.count.load(Ordering::Relaxed) > before
    }

    fn call(&self) -> Result<()> {
        let (tell_id, id) = mpsc::channel();
        self.thread.queue_apc(move || {
            let here = Thread::current().map_or(0, |thread| thread.id());
            let _ = tell_id.send(here);
        })?;
        tell("queues a call");
        let is_there = id.recv_timeout(PATIENCE) == Ok(self.thread.id());
        tell(if is_there {
            "the call ran in it"
        } else {
            "the call ran elsewhere"
        });
        Ok(())
    }
}
