//! A thread that is suspended, resumed, called and waited for.

use crate::cmd::tour::actor::Threading;
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{code, Play, Stop};

/// An exit code of a thread.
const CODE: u32 = 0x00c0_ffee;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("A thread that counts is made suspended; it is resumed and suspended again.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager])?;
    play.ask(Who::Manager, Threading::Start(CODE))?;
    let mut looks = Vec::new();
    for change in [None, Some(Threading::Resume), Some(Threading::Suspend)] {
        if let Some(change) = change {
            play.ask(Who::Manager, change)?;
        }
        let look = play.ask(Who::Manager, Threading::Look)?.words();
        looks.push(if look == "it counts" { "yes" } else { "no" });
    }
    play.check(
        "it counts: suspended, resumed, suspended",
        "no, yes, no",
        looks.join(", "),
    )?;

    play.act("It is called while it waits, and ends with a code.")?;
    play.ask(Who::Manager, Threading::Resume)?;
    play.order(Who::Manager, Threading::Call);
    let called = play.watch(2)?;
    let ran_there = called
        .last()
        .is_some_and(|it| it.words() == "the call ran in it");
    play.check_is(
        "a call (APC) runs in the thread that waits alertably",
        ran_there,
    )?;
    let end = play.ask(Who::Manager, Threading::End)?;
    let code = format!("{:#x}", code(&[end], 0));
    play.check("its exit code", format!("{CODE:#x}"), &code)?;
    Ok(format!("suspended, called, ended with {code}"))
}
