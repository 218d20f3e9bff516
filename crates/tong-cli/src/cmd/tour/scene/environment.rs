//! Variables that a program sets, and what its children know of them.

use crate::cmd::tour::actor::Mooding;
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{Play, Stop};

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    let own = |text: &str| text.to_owned();
    play.act("The manager sets a variable. Its child asks for it in capitals.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&[Who::Manager])?;
    let set = Mooding::Set(own("Tour_Mood"), own("calm"));
    play.ask(Who::Manager, set)?;
    let child = play.ask(Who::Manager, Mooding::AskChild(own("TOUR_MOOD"), None))?;
    play.check("what the child knows", "child: calm", child.words())?;

    play.act("Another child is given a block of its own, in which the value differs.")?;
    let ask = Mooding::AskChild(own("TOUR_MOOD"), Some(own("merry")));
    let child = play.ask(Who::Manager, ask)?;
    play.check("what that one knows", "child: merry", child.words())?;
    let kept = play.ask(Who::Manager, Mooding::Show(own("tour_mood")))?;
    play.check("and the manager", "calm", kept.words())?;
    let text = Mooding::Expand(own("%TOUR_MOOD%, %NO_SUCH%"));
    let text = play.ask(Who::Manager, text)?;
    play.check("%NAME% in a text", "calm, %NO_SUCH%", text.words())?;
    Ok("inherited in any case; one child had its own".to_owned())
}
