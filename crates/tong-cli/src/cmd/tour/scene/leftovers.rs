//! What a killed process leaves of its objects, and who removes it.

use crate::cmd::tour::actor::{Clocking, Piping, Turning};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{Play, Stop};
use serde_json::Value;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("The ant makes a mutex, an event, a semaphore, a timer and a pipe.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Ant])?;
    play.ask(Who::Ant, Turning::Prepare(1))?;
    play.ask(Who::Ant, Clocking::Prepare)?;
    play.ask(Who::Ant, Piping::Serve)?;
    let before = play.cast.json(&["ls"])?;
    play.say("$ tong ls")?;
    for row in &before {
        let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        play.say(&format!("  {:<10} {}", word("kind"), word("name")))?;
    }
    play.check("objects that are alive", 5, alive(&before))?;

    play.act("It is killed. Its names are free at once, and files can be swept.")?;
    play.kill(Who::Ant)?;
    let after = play.cast.json(&["ls"])?;
    let (dead, alive) = (after.len() - alive(&after), alive(&after));
    play.say(&format!("$ tong ls   {dead} are dead"))?;
    play.check("objects that are alive now", 0, alive)?;
    let swept = play.cast.lines_of(&["gc", "--json"])?;
    play.say(&format!("$ tong gc   {swept} removed"))?;
    play.check_is("all that the ant left is swept", swept == dead)?;
    Ok(format!(
        "{} objects, {alive} after a kill, {swept} leftovers swept",
        before.len()
    ))
}

/// How many of these objects somebody has.
fn alive(rows: &[Value]) -> usize {
    rows.iter().filter(|row| row["state"] != "dead").count()
}
