//! A mutex whose owner is killed, and who gets it next.

use crate::cmd::tour::actor::{Turning, MUTEX};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{one_told, told, Play, Stop};

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    let owner = an_owner_dies(play)?;
    // The next act begins with the cat as the owner.
    if owner == Who::Bee {
        play.order(Who::Bee, Turning::Release);
        play.order(Who::Cat, Turning::Acquire);
        play.watch(3)?;
    }
    play.act("The bee waits; the cat releases the mutex and wants it back at once.")?;
    play.ask(Who::Bee, Turning::Acquire)?;
    play.cast.await_waiters("mutex", MUTEX, 1)?;
    play.order(Who::Cat, Turning::ReleaseAndGrab);
    let seen = play.watch(2)?;
    let is_fair = one_told(&seen, Who::Bee, "owns it") && one_told(&seen, Who::Cat, "too late");
    play.check_is("a released mutex goes to who waits, not back", is_fair)?;
    play.ask(Who::Bee, Turning::Release)?;
    Ok("of two who wait, one hears of the owner's death".to_owned())
}

/// The ant owns a mutex and is killed. Returns who owns it in the end.
fn an_owner_dies(play: &mut Play) -> Result<Who, Stop> {
    play.act("The ant owns a mutex, the bee and the cat wait for it. The ant is killed.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&Who::WORKERS)?;
    play.ask(Who::Manager, Turning::Prepare(1))?;
    play.order(Who::Ant, Turning::Acquire);
    play.watch(2)?;
    for (who, waiters) in [(Who::Bee, 1), (Who::Cat, 2)] {
        play.ask(who, Turning::Acquire)?;
        play.cast.await_waiters("mutex", MUTEX, waiters)?;
    }
    let info = play.cast.info("mutex", MUTEX)?;
    let waiters = info["waiters"].as_array().map_or(0, Vec::len);
    let owner = &info["owner_pid"];
    play.say(&format!(
        "$ tong mutex info   owner: process {owner}, {waiters} wait"
    ))?;
    let is_ant = *owner == play.cast.pid(Who::Ant);
    play.check_is("others see who owns it", is_ant)?;
    play.kill(Who::Ant)?;
    let first = play.watch(1)?;
    let heir = first.first().map_or(Who::Bee, |seen| seen.who);
    play.order(heir, Turning::Release);
    let next = play.watch(2)?;
    let all = first.iter().chain(&next);
    let abandoned = all.filter(|seen| told(seen, "abandoned!")).count();
    play.check("owners that hear of the death", 1, abandoned)?;
    let is_usual = next.iter().any(|seen| told(seen, "owns it"));
    play.check_is("the one after that owns it as usual", is_usual)?;
    Ok(if heir == Who::Bee { Who::Cat } else { Who::Bee })
}
