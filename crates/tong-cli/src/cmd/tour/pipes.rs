//! The third part of the tour: a server of messages with three clients, and a program between two anonymous pipes.

use super::actor::{now_ns, Did};
use super::cast::Who;
use super::piper::{Piping, INSTANCES, PIPE, SHORT};
use super::waits::{last_word, told};
use super::worker::Work;
use super::{yes, Tour};
use crate::exit::Failure;
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};

/// How long the tour waits for a state that it cannot be told of.
const PATIENCE: Duration = Duration::from_secs(5);

impl Tour {
    pub(super) fn third_part(&mut self) -> Result<(), Failure> {
        self.two_are_served()?;
        self.the_third_waits()?;
        self.an_answer_is_too_long()?;
        self.a_client_dies()?;
        self.the_server_dies()?;
        self.a_program_sorts()?;
        self.pipes_are_gone()
    }

    fn two_are_served(&mut self) -> Result<(), Failure> {
        self.stage
            .act(r"A server makes two instances of \\.\pipe\tour-pipe; ant and bee ask it.")?;
        self.stage.enter(Who::PIPES)?;
        self.cast.start_worker(Who::Server)?;
        self.pipe(Who::Server, Piping::Serve);
        self.watch(1)?;
        for who in Who::SENDERS {
            self.cast.start_worker(who)?;
        }
        let mut answers = Vec::new();
        for (who, factors) in [(Who::Ant, (6, 7)), (Who::Bee, (111, 111))] {
            self.pipe(who, Piping::Open);
            self.watch(1)?;
            self.pipe(who, Piping::Ask(factors.0, factors.1));
            answers.push(last_word(&self.watch(1)?));
        }
        self.facts.check(
            "each client gets its own answer",
            "yes",
            yes(answers == ["= 42", "= 12321"]),
        );
        Ok(())
    }

    fn the_third_waits(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The cat finds both instances taken, and waits until the ant has left.")?;
        self.pipe(Who::Cat, Piping::Open);
        let refused = last_word(&self.watch(1)?);
        self.facts.check(
            "a third client is told 231",
            "yes",
            yes(refused == "busy (231)"),
        );
        let in_use = self.instances_in_use()?;
        self.stage.say(&format!(
            "$ tong pipe ls   {PIPE}: {in_use} of {INSTANCES} instances in use"
        ))?;
        self.facts
            .check("instances in use, seen from outside", INSTANCES, in_use);
        self.pipe(Who::Cat, Piping::WaitAndOpen);
        self.watch(1)?;
        self.pipe(Who::Ant, Piping::Leave);
        let seen = self.watch(3)?;
        let is_in = |who: Who| seen.iter().any(|it| it.who == who && told(it, "is let in"));
        self.facts.check(
            "then the one who waits is let in",
            "yes",
            yes(is_in(Who::Cat)),
        );
        Ok(())
    }

    fn an_answer_is_too_long(&mut self) -> Result<(), Failure> {
        self.stage.act(&format!(
            "The bee has room for {SHORT} bytes. It reads on, and gets the rest."
        ))?;
        self.pipe(Who::Bee, Piping::AskShort(12_345, 2));
        let seen = self.watch(2)?;
        let parts: Vec<String> = seen
            .iter()
            .filter_map(|it| match &it.event.did {
                Did::Tell(text) => Some(text.replace(" (234)", "")),
                _ => None,
            })
            .collect();
        self.facts.check(
            "the parts of a message that was too long",
            "= 24690",
            parts.concat(),
        );
        Ok(())
    }

    fn a_client_dies(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The bee is killed. Its instance is free again; the ant takes it.")?;
        let at_ns = now_ns();
        self.cast.kill(Who::Bee)?;
        self.stage.show_killed(Who::Bee, at_ns)?;
        let freed = last_word(&self.watch(1)?);
        self.facts.check(
            "the server notices a killed client",
            "yes",
            yes(freed.ends_with("is free")),
        );
        self.pipe(Who::Ant, Piping::WaitAndOpen);
        self.watch(2)?;
        self.pipe(Who::Ant, Piping::Ask(3, 5));
        let answer = last_word(&self.watch(1)?);
        self.facts
            .check("and its instance serves the next", "= 15", answer);
        Ok(())
    }

    fn the_server_dies(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The ant and the cat listen. The server is killed.")?;
        for who in [Who::Ant, Who::Cat] {
            self.pipe(who, Piping::Listen);
        }
        let at_ns = now_ns();
        self.cast.kill(Who::Server)?;
        self.stage.show_killed(Who::Server, at_ns)?;
        let seen = self.watch(2)?;
        let broken = seen.iter().filter(|it| told(it, "109: broken")).count();
        self.facts
            .check("clients that learn of the server's death", 2, broken);
        let (_, status) = self.cast.tong(&["pipe", "connect", PIPE])?;
        self.facts.check(
            "exit code of the next who opens the pipe",
            3,
            status.code().unwrap_or(-1),
        );
        Ok(())
    }

    fn a_program_sorts(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The ant runs the program sort between two anonymous pipes.")?;
        let words = ["cat", "ant", "bee"].map(str::to_owned).to_vec();
        self.pipe(Who::Ant, Piping::Sort(words));
        let seen = self.watch(3)?;
        self.facts.check(
            "what came through two anonymous pipes",
            "yes",
            yes(seen.iter().any(|it| told(it, "ant bee cat"))),
        );
        self.facts.check(
            "and then the end of the output",
            "yes",
            yes(seen.iter().any(|it| told(it, "109: end"))),
        );
        Ok(())
    }

    fn pipes_are_gone(&mut self) -> Result<(), Failure> {
        self.stage
            .act("Everyone leaves. A killed server leaves files, which the next gc removes.")?;
        let left = self.cast.dismiss();
        for who in [Who::Ant, Who::Cat] {
            self.stage.show_left(who)?;
        }
        self.cast.tong(&["gc"])?;
        let remains = self.what_remains()?;
        self.facts.check("clients that left in good order", 2, left);
        self.facts.check(
            "pipes, leftovers and files of pipes that remain",
            "0, 0, 0",
            remains,
        );
        Ok(())
    }

    fn pipe(&mut self, who: Who, piping: Piping) {
        self.order(who, Work::Pipe(piping));
    }

    /// How many instances have a client, as `tong pipe ls` sees it.
    fn instances_in_use(&self) -> Result<u64, Failure> {
        let start = Instant::now();
        loop {
            let (text, _) = self.cast.tong(&["pipe", "ls", "--json"])?;
            let record: Value = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
            let in_use = record["in_use"].as_u64().unwrap_or(0);
            if in_use == u64::from(INSTANCES) || start.elapsed() > PATIENCE {
                return Ok(in_use);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
