//! Letters: three who write, one who reads, and what becomes of the letters of those who are killed.

use crate::cmd::tour::actor::{Did, Order};
use crate::cmd::tour::cast::{Seen, Who, NAME};
use crate::cmd::tour::{Play, Stop};
use crate::exit::Code;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The letters so far.
#[derive(Default)]
struct Letters {
    /// The messages whose write returned, with the time before the write, oldest first.
    sent: Vec<(u64, String)>,
    /// The messages that were read, in the order of reading.
    read: Vec<String>,
    /// How many messages died unread with the receiver.
    lost: usize,
}

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    let mut letters = Letters::default();
    letters.three_write_one_reads(play)?;
    letters.all_at_once(play)?;
    letters.a_sender_dies(play)?;
    a_name_is_taken_once(play)?;
    letters.the_receiver_dies(play)?;
    let (sent, read, lost) = (letters.sent.len(), letters.read.len(), letters.lost);
    play.check(
        "messages sent = read + lost with the receiver",
        sent,
        read + lost,
    )?;
    play.check("messages torn, doubled or made up", 0, letters.strange())?;
    Ok(format!(
        "{read} of {sent} messages read, {lost} died with its reader"
    ))
}

impl Letters {
    fn three_write_one_reads(&mut self, play: &mut Play) -> Result<(), Stop> {
        play.act(r"A receiver creates \\.\mailslot\tour; three senders open it and write.")?;
        play.stage.enter(Who::MAILSLOT)?;
        play.cast.start(Who::Receiver, "receiver")?;
        self.watch(play, 1)?;
        for who in Who::SENDERS {
            play.cast.start(who, "sender")?;
            play.cast.tell(who, &Order::Open);
            self.watch(play, 1)?;
        }
        play.cast.tell(Who::Receiver, &Order::Read(6));
        for number in 1..=2 {
            for who in Who::SENDERS {
                send(play, who, number..=number);
                self.watch(play, 2)?;
            }
        }
        play.check_is(
            "messages are read in the order of writing",
            self.are_in_order(),
        )
    }

    fn all_at_once(&mut self, play: &mut Play) -> Result<(), Stop> {
        play.act("All three write at once; each has a queue of its own, so nobody waits.")?;
        play.cast.tell(Who::Receiver, &Order::Read(9));
        for who in Who::SENDERS {
            send(play, who, 3..=5);
        }
        self.watch(play, 18)?;
        let kept = Who::SENDERS.iter().filter(|who| self.kept_its_order(**who));
        let kept = kept.count();
        play.check("senders whose messages stay in order", 3, kept)
    }

    fn a_sender_dies(&mut self, play: &mut Play) -> Result<(), Stop> {
        play.act("The receiver looks away. The bee writes three messages and is killed.")?;
        send(play, Who::Bee, 6..=8);
        self.watch(play, 3)?;
        play.kill(Who::Bee)?;
        send(play, Who::Cat, 6..=6);
        self.watch(play, 1)?;
        play.cast.tell(Who::Receiver, &Order::Count);
        let unread = self.watch(play, 1)?;
        play.check(
            "messages waiting after the sender's death",
            4,
            counted(&unread),
        )?;
        play.cast.tell(Who::Receiver, &Order::Read(4));
        self.watch(play, 4)?;
        let is_of_bee =
            |message: &&String| (6..=8).any(|number| **message == Who::Bee.message(number));
        let of_bee = self.read.iter().filter(is_of_bee).count();
        play.check("messages of the killed sender that are read", 3, of_bee)?;
        play.check_is("they keep their place", self.are_in_order())
    }

    fn the_receiver_dies(&mut self, play: &mut Play) -> Result<(), Stop> {
        play.act("The receiver is killed with a message unread; another takes its place.")?;
        send(play, Who::Ant, 6..=6);
        self.watch(play, 1)?;
        self.lost += 1;
        play.kill(Who::Receiver)?;
        send(play, Who::Ant, 7..=7);
        let gone = did(&self.watch(play, 1)?, &Did::FindGone);
        play.check_is("writing to a dead receiver says so", gone)?;
        play.cast.start(Who::Receiver, "receiver")?;
        let created = did(&self.watch(play, 1)?, &Did::Create);
        play.check_is("the name can be used again at once", created)?;
        play.cast.tell(Who::Receiver, &Order::Count);
        let unread = self.watch(play, 1)?;
        play.check("messages in the new mailslot", 0, counted(&unread))?;
        send(play, Who::Cat, 7..=7);
        let gone = did(&self.watch(play, 1)?, &Did::FindGone);
        play.check_is("old handles do not lead to the new mailslot", gone)?;
        play.cast.tell(Who::Receiver, &Order::Read(2));
        for who in [Who::Ant, Who::Cat] {
            play.cast.tell(who, &Order::Open);
            self.watch(play, 1)?;
            send(play, who, 8..=8);
            self.watch(play, 2)?;
        }
        Ok(())
    }

    /// Waits for so many events, shows them, and remembers what was sent and read.
    fn watch(&mut self, play: &mut Play, count: usize) -> Result<Vec<Seen>, Stop> {
        let seen = play.cast.hear(count, || play.stage.pause(0))?;
        for Seen { event, .. } in &seen {
            match &event.did {
                Did::Send(message) => self.sent.push((event.at_ns, message.clone())),
                Did::Read(message) => self.read.push(message.clone()),
                _ => {}
            }
        }
        self.sent.sort();
        for seen in &seen {
            play.stage.show(seen, self.waited_ns(seen))?;
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

    /// Whether what was read is what was sent, in the same order.
    fn are_in_order(&self) -> bool {
        let sent = self.sent.iter().map(|(_, message)| message);
        // Within the burst the order over all senders is theirs to settle, so compare what came before or after it.
        let is_single = |message: &&String| {
            !Who::SENDERS
                .iter()
                .any(|who| (3..=5).any(|n| **message == who.message(n)))
        };
        let read = self.read.iter().filter(is_single);
        sent.filter(is_single).eq(read)
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
}

fn a_name_is_taken_once(play: &mut Play) -> Result<(), Stop> {
    play.act("Another program tries to create the same mailslot.")?;
    let name = NAME.to_uppercase();
    let read = ["mailslot", "read", &name, "-q"];
    let (_, status) = play
        .cast
        .tong(&[&read[..], &["-n", "1", "--timeout", "0"]].concat())?;
    let code = status.code().unwrap_or_default();
    play.say(&format!(
        "$ tong mailslot read {name}   ends with exit code {code}"
    ))?;
    play.check("exit code of a second creator", Code::Exists.number(), code)
}

/// Tells a sender to send its messages of these numbers.
fn send(play: &mut Play, who: Who, numbers: RangeInclusive<usize>) {
    let messages = numbers.map(|number| who.message(number)).collect();
    play.cast.tell(who, &Order::Send(messages));
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
