//! Three handles: one is inherited by a child, another one is put into its table.

use crate::cmd::tour::actor::{Handing, Turning, SEATS, WELCOME};
use crate::cmd::tour::cast::{Cast, Who};
use crate::cmd::tour::{code, started, Play, Stop};
use serde_json::Value;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("The manager has three handles. A child inherits one.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager])?;
    play.ask(Who::Manager, Turning::Prepare(1))?;
    // The child is to need the seat that it is given; this one is taken.
    play.cast.tong(&["semaphore", "acquire", SEATS])?;
    let guest = started(&[play.ask(Who::Manager, Handing::Invite)?]);
    let manager = play.cast.pid(Who::Manager);
    let own = show_table(play, "manager", manager)?;
    await_handles(play, guest, 1)?;
    let inherited = show_table(play, "child", guest)?;
    let is_same = |row: &Value| {
        let mut own = own.iter();
        own.any(|own| own["value"] == row["value"] && own["inherit"] == true)
    };
    let seen = format!("{} of {}", inherited.len(), own.len());
    play.check("handles that the child inherited", "1 of 3", &seen)?;
    let same = inherited.iter().all(is_same);
    play.check_is("its value is the same in both tables", same)?;

    play.act("It is given another one, with fewer rights, and uses both.")?;
    play.ask(Who::Manager, Handing::Give)?;
    await_handles(play, guest, 2)?;
    let given = show_table(play, "child", guest)?;
    let semaphore = given.iter().find(|row| row["kind"] == "semaphore");
    let rights = semaphore.map_or(String::new(), |row| words(&row["rights_names"]));
    play.check(
        "the rights of the handle that it was given",
        "SYNCHRONIZE",
        rights,
    )?;
    let (before, _) = play.cast.tong(&["semaphore", "release", SEATS])?;
    play.say(&format!(
        "$ tong semaphore release   count was {}",
        before.trim()
    ))?;
    let end = play.ask(Who::Manager, Handing::Farewell)?;
    let code = code(&[end], 0);
    play.check("exit code of the child that used both", WELCOME, code)?;
    Ok(format!("{seen} inherited; one given, with one right"))
}

/// The handle table of a process as `tong handles` sees it.
fn table(play: &Play, pid: u32) -> Result<Vec<Value>, Stop> {
    Ok(play.cast.json(&["handles", &pid.to_string()])?)
}

/// Waits until a process has so many handles with names. If it never does, the facts will say so.
///
/// One that is put into its table has no name to show before the process itself has seen it.
fn await_handles(play: &Play, pid: u32, count: usize) -> Result<(), Stop> {
    let pid = pid.to_string();
    let has_them = |cast: &Cast| {
        let rows = cast.json(&["handles", &pid])?;
        Ok(rows.iter().filter(|row| row["name"].is_string()).count() >= count)
    };
    Ok(play.cast.await_state(has_them)?)
}

/// Shows the handle table of a process.
fn show_table(play: &mut Play, whose: &str, pid: u32) -> Result<Vec<Value>, Stop> {
    let rows = table(play, pid)?;
    play.say(&format!("$ tong handles {pid} (the {whose})"))?;
    for row in &rows {
        let inherit = if row["inherit"] == true {
            "inherit"
        } else {
            ""
        };
        let text = format!(
            "  {:>10}  {:<9}  {:<10}  {:<20} {inherit}",
            word(&row["hex"]),
            word(&row["kind"]),
            row["name"].as_str().unwrap_or("-"),
            words(&row["rights_names"]),
        );
        play.say(text.trim_end())?;
    }
    Ok(rows)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn words(value: &Value) -> String {
    let words = value.as_array().map(|list| list.iter().map(word));
    words.map_or_else(String::new, |words| words.collect::<Vec<_>>().join(" "))
}
