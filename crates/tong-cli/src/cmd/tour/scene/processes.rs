//! Programs that are started, looked at, waited for and ended, and their exit codes.

use crate::cmd::tour::actor::Hiring;
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{code, Play, Stop};

/// An exit code of 32 bits.
const CODE: u32 = 0xdead_beef;
/// What Windows calls an access violation.
const VIOLATION: u32 = 0xc000_0005;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("A manager starts two programs that add numbers, and does not wait.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager])?;
    play.order(Who::Manager, Hiring::Hire(vec![(1, 5), (6, 10)]));
    play.watch(2)?;
    play.order(Who::Manager, Hiring::AskCodes);
    let asked = play.watch(2)?;
    let [one, two] = [0, 1].map(|at| code(&asked, at));
    let early = format!("{one}, {two}");
    play.check(
        "exit codes without waiting (259: not ended)",
        "259, 259",
        early,
    )?;

    play.act("Now it waits for both, and for a third one with a larger sum.")?;
    play.order(Who::Manager, Hiring::Hire(vec![(1, 100)]));
    play.watch(1)?;
    play.order(Who::Manager, Hiring::Go);
    play.order(Who::Manager, Hiring::AwaitAll);
    play.watch(2)?;
    play.order(Who::Manager, Hiring::AskCodes);
    let asked = play.watch(3)?;
    let [one, two, three] = [0, 1, 2].map(|at| code(&asked, at));
    let both = format!("{one} + {two} = {}", one + two);
    play.check("the same two after a wait for all", "15 + 40 = 55", &both)?;
    play.check("an exit code of more than 8 bits", 5050, three)?;

    play.act("One program is ended with a code, another one crashes.")?;
    play.order(Who::Manager, Hiring::Sit);
    play.watch(1)?;
    play.order(Who::Manager, Hiring::End(CODE));
    play.order(Who::Manager, Hiring::Crash);
    let ends = play.watch(2)?;
    let hex = |number: u32| format!("{number:#010x}");
    let [given, crash] = [0, 1].map(|at| hex(code(&ends, at)));
    play.check("the code that the first one was given", hex(CODE), &given)?;
    play.check("that of a segmentation fault", hex(VIOLATION), &crash)?;
    Ok(format!("{both}; {three}, {given}, {crash}"))
}
