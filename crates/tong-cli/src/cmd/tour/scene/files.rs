//! Dispositions and share modes.

use crate::cmd::tour::actor::{Filing, How};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{Play, Stop};

/// Ways to open a file, one after the other, and what each does.
const WAYS: [(How, &str); 6] = [
    (How::OpenExisting, "2"),
    (How::CreateNew, "made"),
    (How::CreateNew, "80"),
    (How::OpenAlways, "opened"),
    (How::TruncateExisting, "emptied"),
    (How::CreateAlways, "emptied"),
];

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    let path = play.cast.dir().join("diary").to_string_lossy().into_owned();
    play.act("The manager opens a diary in all five ways. Error 2: none, 80: there is one.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&Who::WORKERS)?;
    let mut as_said = 0;
    for (how, expected) in WAYS {
        let seen = play.ask(Who::Manager, Filing::Try(how, path.clone()))?;
        as_said += usize::from(seen.words() == format!("{}: {expected}", how.name()));
    }
    play.check("opens that did what Windows' do", WAYS.len(), as_said)?;

    play.act("The ant writes it and lets others read. The bee reads, the cat wants to write.")?;
    let ant = play.ask(Who::Ant, Filing::Write(path.clone()))?;
    let bee = play.ask(Who::Bee, Filing::Read(path.clone()))?;
    let cat = play.ask(Who::Cat, Filing::Write(path.clone()))?;
    let seen = [ant, bee, cat].map(|seen| seen.words()).join(", ");
    play.check("the three", "may write, may read, 32: in use", &seen)?;
    play.kill(Who::Ant)?;
    let cat = play.ask(Who::Cat, Filing::Write(path))?;
    play.check("the cat after the ant's death", "may write", cat.words())?;
    Ok(format!("{as_said} opens; a second writer got error 32"))
}
