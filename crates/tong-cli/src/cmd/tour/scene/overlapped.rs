//! One thread reads from three clients at once, and a completion port tells it which was first.

use crate::cmd::tour::actor::{Overlapping, Piping, PIPE};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{told, Play, Stop};

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("A server starts a read for each of three clients, and goes on at once.")?;
    play.stage.enter(Who::PIPES)?;
    play.start(&Who::PIPES)?;
    play.ask(Who::Server, Overlapping::Prepare(Who::SENDERS.len()))?;
    for who in Who::SENDERS {
        play.ask(who, Piping::Open)?;
    }
    let pending = play.ask(Who::Server, Overlapping::StartReads)?.words();
    play.check("reads of one thread", "3 reads pend", &pending)?;

    play.act("They write in another order, and the port tells of each.")?;
    play.order(Who::Server, Overlapping::Collect(3));
    let (mut packets, order) = (0, [Who::Cat, Who::Ant, Who::Bee]);
    for who in order {
        play.order(who, Piping::Send(format!("from {}", who.name())));
        let seen = play.watch(2)?;
        let packet = format!("packet: from {}", who.name());
        packets += usize::from(seen.iter().any(|it| told(it, &packet)));
    }
    play.check("packets that told of the right client", 3, packets)?;

    play.act("One more read is started, and cancelled.")?;
    let canceled = play.ask(Who::Server, Overlapping::Cancel)?;
    play.check("its packet", "packet: 995, canceled", canceled.words())?;
    play.say(&format!(
        "$ tong pipe ls   {PIPE}: all three are still connected"
    ))?;
    let pipes = play.cast.json(&["pipe", "ls"])?;
    let in_use = pipes
        .first()
        .map_or(0, |pipe| pipe["in_use"].as_u64().unwrap_or(0));
    play.check("instances in use", 3, in_use)?;
    Ok(format!("{packets} reads at once in one thread, 1 canceled"))
}
