//! `tong tour`: real processes that talk, wait for each other and die before your eyes.
//!
//! The story is told in acts: the first part is about a mailslot, the second (`waits.rs`, and from inside `worker.rs`)
//! about processes, objects to wait for, and handles, the third (`pipes.rs`, `piper.rs`) about pipes. In each, processes (`cast.rs`, and from inside `actor.rs`) are told what to do, what they
//! report is drawn (`stage.rs`), and what should be true of it is checked and summed up at the end (`facts.rs`). All of
//! it happens in a namespace of its own, which a process called the broom removes even if the tour is killed.

pub(crate) mod actor;
mod cast;
mod facts;
mod piper;
mod pipes;
mod stage;
mod waits;
mod worker;

use crate::args::TourArgs;
use crate::exit::{Code, Failure};
use actor::{Did, Order};
use cast::{Cast, Seen, Who, NAME};
use facts::Facts;
use stage::Stage;
use std::collections::HashMap;
use std::fs;

pub(crate) fn run(args: &TourArgs) -> Result<(), Failure> {
    let mut tour = Tour {
        cast: Cast::gather()?,
        stage: Stage::new(args),
        facts: Facts::default(),
        sent: Vec::new(),
        read: Vec::new(),
        lost: 0,
    };
    tour.three_write_one_reads()?;
    tour.all_at_once()?;
    tour.a_sender_dies()?;
    tour.a_name_is_taken_once()?;
    tour.the_receiver_dies()?;
    tour.nothing_stays()?;
    tour.second_part()?;
    tour.third_part()?;
    let Tour {
        cast, mut facts, ..
    } = tour;
    facts.check(
        "the tour's own directory is removed",
        "yes",
        yes(cast.sweep()),
    );
    facts.conclude(args.plain)
}

/// The tour so far.
struct Tour {
    cast: Cast,
    stage: Stage,
    facts: Facts,
    /// The messages whose write returned, with the time before the write, oldest first.
    sent: Vec<(u64, String)>,
    /// The messages that were read, in the order of reading.
    read: Vec<String>,
    /// How many messages died unread with the receiver.
    lost: usize,
}

impl Tour {
    fn three_write_one_reads(&mut self) -> Result<(), Failure> {
        self.stage
            .act(r"A receiver creates \\.\mailslot\tour; three senders open it and write.")?;
        self.cast.start(Who::Receiver)?;
        self.watch(1)?;
        for who in Who::SENDERS {
            self.cast.start(who)?;
            self.cast.tell(who, &Order::Open);
            self.watch(1)?;
        }
        self.cast.tell(Who::Receiver, &Order::Read(6));
        for number in 1..=2 {
            for who in Who::SENDERS {
                self.send(who, number..=number);
                self.watch(2)?;
            }
        }
        self.check_order("messages come out in the order in which they were written");
        Ok(())
    }

    fn all_at_once(&mut self) -> Result<(), Failure> {
        self.stage
            .act("All three write at once; each has a queue of its own, so nobody waits.")?;
        self.cast.tell(Who::Receiver, &Order::Read(9));
        Who::SENDERS.iter().for_each(|who| self.send(*who, 3..=5));
        self.watch(18)?;
        let kept = Who::SENDERS
            .iter()
            .filter(|who| self.kept_its_order(**who))
            .count();
        self.facts
            .check("each sender's messages stay in order", 3, kept);
        Ok(())
    }

    fn a_sender_dies(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The receiver looks away. The bee writes three messages and is killed.")?;
        self.send(Who::Bee, 6..=8);
        self.watch(3)?;
        let at_ns = actor::now_ns();
        self.cast.kill(Who::Bee)?;
        self.stage.show_killed(Who::Bee, at_ns)?;
        self.send(Who::Cat, 6..=6);
        self.watch(1)?;
        self.cast.tell(Who::Receiver, &Order::Count);
        let unread = self.watch(1)?;
        self.facts.check(
            "messages waiting after the sender's death",
            4,
            counted(&unread),
        );
        self.cast.tell(Who::Receiver, &Order::Read(4));
        self.watch(4)?;
        let of_bee = self
            .read
            .iter()
            .filter(|message| (6..=8).any(|number| **message == Who::Bee.message(number)));
        self.facts.check(
            "messages of the killed sender that are read",
            3,
            of_bee.count(),
        );
        self.check_order("the dead sender's messages keep their place");
        Ok(())
    }

    fn a_name_is_taken_once(&mut self) -> Result<(), Failure> {
        self.stage
            .act("Another program tries to create the same mailslot.")?;
        let other_case = NAME.to_uppercase();
        let (_, status) = self.cast.tong(&[
            "mailslot",
            "read",
            &other_case,
            "--count",
            "1",
            "--timeout",
            "0",
            "-q",
        ])?;
        let code = status
            .code()
            .map_or("none".to_owned(), |code| code.to_string());
        self.stage.say(&format!(
            "$ tong mailslot read {other_case}   ends with exit code {code}"
        ))?;
        self.facts
            .check("exit code of a second creator", Code::Exists.number(), code);
        Ok(())
    }

    fn the_receiver_dies(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The receiver is killed with a message unread; another takes its place.")?;
        self.send(Who::Ant, 6..=6);
        self.watch(1)?;
        self.lost += 1;
        let at_ns = actor::now_ns();
        self.cast.kill(Who::Receiver)?;
        self.stage.show_killed(Who::Receiver, at_ns)?;
        self.send(Who::Ant, 7..=7);
        let gone = self.watch(1)?;
        self.facts.check(
            "writing to a dead receiver says so",
            "yes",
            yes(did(&gone, &Did::FindGone)),
        );
        self.cast.start(Who::Receiver)?;
        let created = self.watch(1)?;
        self.facts.check(
            "the name can be used again at once",
            "yes",
            yes(did(&created, &Did::Create)),
        );
        self.cast.tell(Who::Receiver, &Order::Count);
        let unread = self.watch(1)?;
        self.facts
            .check("messages in the new mailslot", 0, counted(&unread));
        self.send(Who::Cat, 7..=7);
        let gone = self.watch(1)?;
        self.facts.check(
            "old handles do not lead to the new mailslot",
            "yes",
            yes(did(&gone, &Did::FindGone)),
        );
        self.cast.tell(Who::Receiver, &Order::Read(2));
        for who in [Who::Ant, Who::Cat] {
            self.cast.tell(who, &Order::Open);
            self.watch(1)?;
            self.send(who, 8..=8);
            self.watch(2)?;
        }
        Ok(())
    }

    fn nothing_stays(&mut self) -> Result<(), Failure> {
        self.stage
            .act("Everyone leaves. What did two crashes leave behind?")?;
        let left = self.cast.dismiss();
        for who in [Who::Receiver, Who::Ant, Who::Cat] {
            self.stage.show_left(who)?;
        }
        let remains = self.what_remains()?;
        let (sent, read) = (self.sent.len(), self.read.len());
        self.facts.check(
            "messages sent = read + lost with the receiver",
            sent,
            read + self.lost,
        );
        self.facts
            .check("messages torn, doubled or made up", 0, self.strange());
        self.facts
            .check("senders and receiver that left in good order", 3, left);
        self.facts.check(
            "objects, leftovers and files of mailslots that remain",
            "0, 0, 0",
            remains,
        );
        Ok(())
    }

    /// How many objects, leftovers and files of names there are.
    fn what_remains(&mut self) -> Result<String, Failure> {
        let (objects, leftovers) = (
            self.lines_of(&["ls", "--json"])?,
            self.lines_of(&["gc", "--dry-run", "--json"])?,
        );
        let inner =
            ["mailslot", "object", "pipe"].map(|name| files_below(&self.cast.dir().join(name)));
        let files: usize = inner.iter().sum();
        self.stage
            .say(&format!("$ tong ls        {objects} objects"))?;
        self.stage
            .say(&format!("$ tong gc -n     {leftovers} leftovers"))?;
        Ok(format!("{objects}, {leftovers}, {files}"))
    }

    /// Tells a sender to send its messages of these numbers.
    fn send(&mut self, who: Who, numbers: std::ops::RangeInclusive<usize>) {
        self.cast.tell(
            who,
            &Order::Send(numbers.map(|number| who.message(number)).collect()),
        );
    }

    /// Waits for so many events, shows them, and remembers what was sent and read.
    fn watch(&mut self, count: usize) -> Result<Vec<Seen>, Failure> {
        let seen = self.cast.hear(count);
        for Seen { event, .. } in &seen {
            match &event.did {
                Did::Send(message) => self.sent.push((event.at_ns, message.clone())),
                Did::Read(message) => self.read.push(message.clone()),
                _ => {}
            }
        }
        self.sent.sort();
        for seen in &seen {
            let waited = self.waited_ns(seen);
            self.stage.show(seen, waited)?;
        }
        Ok(seen)
    }

    /// How long the message of a read had been on its way.
    fn waited_ns(&self, seen: &Seen) -> Option<u64> {
        let Did::Read(message) = &seen.event.did else {
            return None;
        };
        let (sent_ns, _) = self.sent.iter().find(|(_, sent)| sent == message)?;
        Some(seen.event.at_ns.saturating_sub(*sent_ns))
    }

    /// Checks that what was read is what was sent, in the same order.
    fn check_order(&mut self, what: &'static str) {
        let sent = self.sent.iter().map(|(_, message)| message);
        // Within the burst the order over all senders is theirs to settle, so compare what came before or after it.
        let is_single = |message: &&String| {
            !Who::SENDERS
                .iter()
                .any(|who| (3..=5).any(|n| **message == who.message(n)))
        };
        let same = sent
            .filter(is_single)
            .eq(self.read.iter().filter(is_single));
        self.facts.check(what, "yes", yes(same));
    }

    /// Were all messages of a sender read in the order in which it sent them?
    fn kept_its_order(&self, who: Who) -> bool {
        let is_own = |message: &&String| message.starts_with(who.name());
        let sent = self.sent.iter().map(|(_, message)| message);
        sent.filter(is_own).eq(self.read.iter().filter(is_own))
    }

    /// How many messages were read that were not sent, or not so often.
    fn strange(&self) -> usize {
        let mut left: HashMap<&str, usize> = HashMap::new();
        for (_, message) in &self.sent {
            *left.entry(message).or_default() += 1;
        }
        let is_strange = |message: &&String| match left.get_mut(message.as_str()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        };
        self.read.iter().filter(is_strange).count()
    }

    /// How many lines this command prints in the tour's namespace; a failure of it is ours.
    fn lines_of(&self, args: &[&str]) -> Result<usize, Failure> {
        match self.cast.tong(args)? {
            (text, status) if status.success() => Ok(text.lines().count()),
            (_, status) => Err(Failure::Own(
                Code::Other,
                format!("tong {} failed: {status}", args.join(" ")),
            )),
        }
    }
}

/// How many files and sockets there are in a directory and below.
fn files_below(dir: &std::path::Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => 1,
    };
    entries.flatten().map(count).sum()
}

/// Did somebody do this?
fn did(seen: &[Seen], what: &Did) -> bool {
    seen.iter().any(|seen| seen.event.did == *what)
}

/// The number that a count reported.
fn counted(seen: &[Seen]) -> String {
    let number = seen.iter().find_map(|seen| match seen.event.did {
        Did::Count(count) => Some(count.to_string()),
        _ => None,
    });
    number.unwrap_or_else(|| "unknown".to_owned())
}

fn yes(is_so: bool) -> &'static str {
    if is_so {
        "yes"
    } else {
        "no"
    }
}
