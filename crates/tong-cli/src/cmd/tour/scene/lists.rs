//! The processes of the machine as a list, and one of them ended from the prompt.

use crate::cmd::tour::actor::Hiring;
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{code, started, Play, Stop};

/// What Windows calls the end by Ctrl-C.
const CONTROL_C: u32 = 0xc000_013a;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("The manager starts a program. The list shows both.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager])?;
    let sitter = started(&[play.ask(Who::Manager, Hiring::Sit)?]);
    let (manager, pid) = (play.cast.pid(Who::Manager), sitter.to_string());
    let (text, _) = play.cast.tong(&["lp", &manager.to_string(), &pid])?;
    play.say(&format!("$ tong lp {manager} {pid}"))?;
    for line in text.lines() {
        play.say(&format!("  {}", line.trim_end()))?;
    }
    let rows = play.cast.json(&["lp", &pid])?;
    let row = rows.into_iter().find(|row| row["pid"] == sitter);
    let row = row.unwrap_or_default();
    play.check_is("the manager is its parent", row["parent"] == manager)?;
    play.check_is("it is not signaled: it runs", row["signaled"] == false)?;

    play.act("Somebody at a prompt ends it, with an exit code.")?;
    play.order(Who::Manager, Hiring::AwaitSitter);
    let code_text = format!("{CONTROL_C:#x}");
    let kp = ["kp", "--yes", "--code", &code_text, &pid];
    let (_, first) = play.cast.tong(&kp)?;
    play.say(&format!(
        "$ tong {}: exit code {}",
        kp.join(" "),
        number(first)
    ))?;
    let seen = play.watch(1)?;
    let seen = format!("{:#x}", code(&seen, 0));
    play.check("the code that the manager sees", &code_text, &seen)?;
    // The id may be another's by now, so the time of the start is given as well.
    let gone = format!("{pid}@{}", row["started_s"]);
    let (_, second) = play.cast.tong(&["kp", "--yes", &gone])?;
    // No such process, or one that has ended and is not forgotten yet.
    let finds_nobody = matches!(number(second), 3 | 5);
    play.check_is("the next kp finds nobody to end", finds_nobody)?;
    Ok(format!("a program ended from outside, with {seen}"))
}

fn number(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}
