//! Two who each hold what the other one wants, seen from outside.

use crate::cmd::tour::actor::{Turning, FORK, SPOON};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{Play, Stop};
use serde_json::Value;
use std::fs;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    let grab = |what: &str| Turning::Grab(what.to_owned());
    play.act("The ant has a fork, the bee a spoon. Each of them wants both.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Ant, Who::Bee])?;
    for (who, what) in [(Who::Ant, FORK), (Who::Bee, SPOON)] {
        play.order(who, grab(what));
        play.watch(2)?;
    }
    for (who, what) in [(Who::Ant, SPOON), (Who::Bee, FORK)] {
        play.ask(who, grab(what))?;
        play.cast.await_waiters("mutex", what, 1)?;
    }
    let view = look(play)?;
    play.say("$ tong top --view waits")?;
    for wait in view["waits"].as_array().unwrap_or(&Vec::new()) {
        let word = |key: &str| wait[key].as_str().unwrap_or("?").to_owned();
        let what = word("waits_for");
        let waiter = name(play, &wait["pid"].to_string());
        let holder = name(play, &word("held_by"));
        play.say(&format!("  {waiter} waits for {what}, held by {holder}"))?;
    }
    let rings = rings(&view);
    play.check("rings of threads that wait for each other", 1, rings)?;
    let file = play.cast.dir().join("waits.svg");
    play.cast.tong(&["graph", "-o", &file.to_string_lossy()])?;
    play.say("$ tong graph -o waits.svg")?;
    let picture = fs::read_to_string(file).unwrap_or_default();
    let has_both = [FORK, SPOON].iter().all(|name| picture.contains(name));
    play.check_is("a picture of the same shows both mutexes", has_both)?;

    play.act("The bee is killed, and the ant can eat.")?;
    play.kill(Who::Bee)?;
    let heir = play
        .watch(1)?
        .pop()
        .map_or(String::new(), |seen| seen.words());
    play.check("what the ant is told", "abandoned!", heir)?;
    let rings = self::rings(&look(play)?);
    play.check("rings now", 0, rings)?;
    Ok("a ring of two who wait, and its end by a kill".to_owned())
}

/// What there is at this moment.
fn look(play: &Play) -> Result<Value, Stop> {
    let views = play.cast.json(&["top", "--count", "1"])?;
    Ok(views.into_iter().next().unwrap_or_default())
}

/// The name of the one whose process id a text begins with.
fn name(play: &Play, text: &str) -> &'static str {
    let pid = text.split(' ').next().and_then(|pid| pid.parse().ok());
    let is_it = |who: &&Who| pid == Some(play.cast.pid(**who));
    let who = Who::SENDERS.iter().find(is_it);
    who.map_or("somebody", |who| who.name())
}

/// How many deadlocks there are.
fn rings(view: &Value) -> usize {
    view["deadlocks"].as_array().map_or(0, Vec::len)
}
