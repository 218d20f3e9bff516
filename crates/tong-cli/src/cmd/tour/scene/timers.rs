//! A timer that ticks, and one that lets everybody go.

use crate::cmd::tour::actor::{Clocking, TIMER};
use crate::cmd::tour::cast::{Seen, Who};
use crate::cmd::tour::{told, Play, Stop};

/// When the first tick is due, and how much later each of the others.
const FIRST_MS: u64 = 90;
const EVERY_MS: u64 = 60;
const TICKS: u32 = 4;
/// How long three wait, and how long one waits in vain.
const WAIT_MS: u64 = 120;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act(&format!(
        "A timer is due in {FIRST_MS} ms, and then every {EVERY_MS} ms."
    ))?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&Who::WORKERS)?;
    let tick = Clocking::Tick(FIRST_MS, EVERY_MS, TICKS);
    play.order(Who::Manager, tick);
    let seen = play.watch(TICKS as usize)?;
    let in_time = (0..)
        .zip(&seen)
        .filter(|(at, tick)| is_in_time(*at, tick))
        .count();
    play.check("ticks, none of them too early", TICKS, in_time)?;

    play.act("One that stays signaled lets go all who wait; one that was stopped nobody.")?;
    play.ask(Who::Manager, Clocking::Prepare)?;
    for who in Who::SENDERS {
        play.ask(who, Clocking::Await)?;
    }
    play.cast.await_waiters("timer", TIMER, 3)?;
    play.order(Who::Manager, Clocking::Set(WAIT_MS));
    let seen = play.watch(4)?;
    let gone = seen.iter().filter(|seen| told(seen, "may go")).count();
    play.check("those who were let go", 3, gone)?;
    play.ask(Who::Manager, Clocking::SetAndCancel(WAIT_MS / 2))?;
    let vain = play.ask(Who::Ant, Clocking::AwaitInVain(WAIT_MS))?;
    play.check(
        "a wait for the one that was stopped",
        "timed out",
        vain.words(),
    )?;
    Ok(format!("{in_time} ticks in time; one timer let {gone} go"))
}

/// Whether a tick came when it was due, or later.
fn is_in_time(at: u64, tick: &Seen) -> bool {
    let words = tick.words();
    let time = words.split_once(" after ").map(|(_, time)| time);
    let ms = time.and_then(|time| time.strip_suffix(" ms")?.parse::<u64>().ok());
    ms.is_some_and(|ms| ms >= FIRST_MS + at * EVERY_MS)
}
