//! Waits for several objects: all of them together, or whichever comes first.

use crate::cmd::tour::actor::{Turning, BELL, SEATS};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{last_word, one_told, Play, Stop};

/// How long the timer takes that is to come first.
const SOON_MS: u64 = 150;
/// How long it takes when something else is to come first.
const LATE_MS: u64 = 60_000;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("The bee wants a semaphore and an event together; the semaphore is free.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager, Who::Bee, Who::Cat])?;
    play.ask(Who::Manager, Turning::Prepare(1))?;
    play.ask(Who::Bee, Turning::AwaitAll)?;
    play.cast.await_waiters("event", BELL, 1)?;
    let free = seats(play)?;
    play.check("seats that are free while it waits for the event", 1, free)?;
    play.order(Who::Manager, Turning::Ring);
    let seen = play.watch(2)?;
    let has_both = one_told(&seen, Who::Bee, "has both");
    play.check_is("then it gets both at once", has_both)?;
    let free = seats(play)?;
    play.check("seats that are free now", 0, free)?;

    play.act("The cat waits for a semaphore, an event, a process, a mailslot or a timer.")?;
    let manager = play.cast.pid(Who::Manager);
    play.order(Who::Cat, Turning::AwaitAny(manager, SOON_MS));
    let first = last_word(&play.watch(2)?);
    play.check("what came first", "timer!", &first)?;
    play.ask(Who::Cat, Turning::AwaitAny(manager, LATE_MS))?;
    play.order(Who::Manager, Turning::Ring);
    let seen = play.watch(2)?;
    let is_event = one_told(&seen, Who::Cat, "event!");
    play.check_is("and after a ring of the bell: the event", is_event)?;
    play.ask(Who::Cat, Turning::AwaitAny(manager, LATE_MS))?;
    play.kill(Who::Manager)?;
    let last = last_word(&play.watch(1)?);
    play.check("and when the process is killed", "process!", &last)?;
    // It was the last one that had the objects open, so files of them are left until somebody makes others or sweeps.
    play.cast.tong(&["gc"])?;
    Ok("all or nothing; a timer, an event, a process".to_owned())
}

/// How many seats the semaphore has, seen from outside.
fn seats(play: &mut Play) -> Result<String, Stop> {
    let count = play.cast.info("semaphore", SEATS)?["count"].clone();
    play.say(&format!("$ tong semaphore info   count: {count}"))?;
    Ok(count.to_string())
}
