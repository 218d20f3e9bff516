//! Two seats, and three who want to sit.

use crate::cmd::tour::actor::{Turning, SEATS};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{one_told, Play, Stop};

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("There are two seats. The ant and the bee sit down, the cat has to wait.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&Who::WORKERS)?;
    play.ask(Who::Manager, Turning::Prepare(2))?;
    for who in [Who::Ant, Who::Bee] {
        play.order(who, Turning::Sit);
        play.watch(2)?;
    }
    play.ask(Who::Cat, Turning::Sit)?;
    play.cast.await_waiters("semaphore", SEATS, 1)?;
    let info = play.cast.info("semaphore", SEATS)?;
    let waiters = info["waiters"].as_array().map_or(0, Vec::len);
    let seen = format!("{} and {waiters}", info["count"]);
    play.check("free seats, and those who wait", "0 and 1", seen)?;

    play.act("The ant stands up; then the bee, while somebody brings two seats more.")?;
    play.order(Who::Ant, Turning::StandUp);
    let seen = play.watch(2)?;
    let is_seated = one_told(&seen, Who::Cat, "has a seat");
    play.check_is("the cat has the seat", is_seated)?;
    play.ask(Who::Bee, Turning::StandUp)?;
    // It said so just before it did.
    play.cast
        .await_state(|cast| Ok(cast.info("semaphore", SEATS)?["count"] == 1))?;
    let (_, status) = play.cast.tong(&["semaphore", "release", SEATS, "2"])?;
    let code = status.code().unwrap_or_default();
    play.say(&format!(
        "$ tong semaphore release {SEATS} 2   exit code {code}"
    ))?;
    let count = play.cast.info("semaphore", SEATS)?["count"].clone();
    play.check("what does not fit is not added: free seats", 1, &count)?;
    Ok("of three who want two seats, one waits".to_owned())
}
