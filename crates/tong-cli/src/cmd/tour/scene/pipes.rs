//! A server of messages with two instances and three clients.

use crate::cmd::tour::actor::{Did, Piping, INSTANCES, PIPE, SHORT};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{last_word, one_told, told, Play, Stop};

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    two_are_served(play)?;
    the_third_waits(play)?;
    an_answer_is_too_long(play)?;
    a_client_dies(play)?;
    the_server_dies(play)?;
    // A killed server leaves files until somebody uses the name again or sweeps.
    play.cast.tong(&["gc"])?;
    Ok(format!("{INSTANCES} of 3 clients served, then the third"))
}

fn two_are_served(play: &mut Play) -> Result<(), Stop> {
    play.act(r"A server makes two instances of \\.\pipe\tour-pipe; ant and bee ask it.")?;
    play.stage.enter(Who::PIPES)?;
    play.start(&Who::PIPES)?;
    play.ask(Who::Server, Piping::Serve)?;
    let mut answers = Vec::new();
    for (who, factors) in [(Who::Ant, (6, 7)), (Who::Bee, (111, 111))] {
        play.ask(who, Piping::Open)?;
        let answer = play.ask(who, Piping::Ask(factors.0, factors.1))?;
        answers.push(answer.words());
    }
    let is_own = answers == ["= 42", "= 12321"];
    play.check_is("each client gets its own answer", is_own)
}

fn the_third_waits(play: &mut Play) -> Result<(), Stop> {
    play.act("The cat finds both instances taken, and waits until the ant has left.")?;
    let refused = play.ask(Who::Cat, Piping::Open)?;
    play.check("what a third client is told", "busy (231)", refused.words())?;
    let mut in_use = 0;
    play.cast.await_state(|cast| {
        let pipes = cast.json(&["pipe", "ls"])?;
        in_use = pipes
            .first()
            .map_or(0, |pipe| pipe["in_use"].as_u64().unwrap_or(0));
        Ok(in_use == u64::from(INSTANCES))
    })?;
    play.say(&format!(
        "$ tong pipe ls   {PIPE}: {in_use} of {INSTANCES} instances in use"
    ))?;
    play.check("instances in use, seen from outside", INSTANCES, in_use)?;
    play.ask(Who::Cat, Piping::WaitAndOpen)?;
    play.order(Who::Ant, Piping::Leave);
    let seen = play.watch(3)?;
    let is_in = one_told(&seen, Who::Cat, "is let in");
    play.check_is("then the one who waits is let in", is_in)
}

fn an_answer_is_too_long(play: &mut Play) -> Result<(), Stop> {
    play.act(&format!(
        "The bee has room for {SHORT} bytes. It reads on, and gets the rest."
    ))?;
    play.order(Who::Bee, Piping::AskShort(12_345, 2));
    let seen = play.watch(2)?;
    let parts = seen.iter().filter_map(|it| match &it.event.did {
        Did::Tell(text) => Some(text.replace(" (234)", "")),
        _ => None,
    });
    let parts: String = parts.collect();
    play.check("the parts of a message that was too long", "= 24690", parts)
}

fn a_client_dies(play: &mut Play) -> Result<(), Stop> {
    play.act("The bee is killed. Its instance is free again; the ant takes it.")?;
    play.kill(Who::Bee)?;
    let freed = last_word(&play.watch(1)?);
    play.check_is(
        "the server notices a killed client",
        freed.ends_with("is free"),
    )?;
    play.order(Who::Ant, Piping::WaitAndOpen);
    play.watch(2)?;
    let answer = play.ask(Who::Ant, Piping::Ask(3, 5))?;
    play.check("and its instance serves the next", "= 15", answer.words())
}

fn the_server_dies(play: &mut Play) -> Result<(), Stop> {
    play.act("The ant and the cat listen. The server is killed.")?;
    for who in [Who::Ant, Who::Cat] {
        play.order(who, Piping::Listen);
    }
    play.kill(Who::Server)?;
    let seen = play.watch(2)?;
    let broken = seen.iter().filter(|it| told(it, "109: broken")).count();
    play.check("clients that learn of the server's death", 2, broken)?;
    let (_, status) = play.cast.tong(&["pipe", "connect", PIPE])?;
    let code = status.code().unwrap_or(-1);
    play.check("exit code of the next who opens the pipe", 3, code)
}
