//! The second part of the tour: processes and their exit codes, objects to wait for, handles.

use super::actor::{now_ns, Did, Order};
use super::cast::{Seen, Who};
use super::worker::{Work, BELL, MUTEX, SEATS, WELCOME};
use super::{yes, Tour};
use crate::exit::Failure;
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};

/// How long the tour waits for a state that it cannot be told of.
const PATIENCE: Duration = Duration::from_secs(5);

impl Tour {
    pub(super) fn second_part(&mut self) -> Result<(), Failure> {
        self.nobody_waits()?;
        self.the_manager_waits()?;
        self.an_owner_dies()?;
        self.a_mutex_is_handed_over()?;
        self.all_or_nothing()?;
        self.whichever_comes_first()?;
        self.handles_go_to_a_child()?;
        self.all_have_left()
    }

    fn nobody_waits(&mut self) -> Result<(), Failure> {
        self.stage
            .act("A manager starts two programs that add numbers, and does not wait for them.")?;
        self.stage.enter(Who::WORKERS)?;
        self.cast.start_worker(Who::Manager)?;
        self.order(Who::Manager, Work::Hire(vec![(1, 5), (6, 10)]));
        self.watch(2)?;
        self.order(Who::Manager, Work::AskCodes);
        let asked = self.watch(2)?;
        self.stage
            .say("259 is Windows' STILL_ACTIVE: the program has not ended")?;
        for (what, at) in [
            ("exit code of the first program, without waiting", 0),
            ("exit code of the second", 1),
        ] {
            let seen = code(&asked, at).unwrap_or_default();
            self.facts.check(what, 259, seen);
        }
        Ok(())
    }

    fn the_manager_waits(&mut self) -> Result<(), Failure> {
        self.stage
            .act("Now it waits for both, and for a third one with a larger sum.")?;
        self.order(Who::Manager, Work::Hire(vec![(1, 100)]));
        self.watch(1)?;
        self.order(Who::Manager, Work::Go);
        self.order(Who::Manager, Work::AwaitPrograms);
        self.watch(2)?;
        self.order(Who::Manager, Work::AskCodes);
        let asked = self.watch(3)?;
        let [one, two] = [0, 1].map(|at| code(&asked, at).unwrap_or_default());
        self.stage.say(&format!("{one} + {two} = {}", one + two))?;
        self.facts.check(
            "the same two after a wait for all",
            "15, 40",
            format!("{one}, {two}"),
        );
        self.facts.check("and their sum", 55, one + two);
        self.facts.check(
            "an exit code of more than 8 bits",
            5050,
            code(&asked, 2).unwrap_or_default(),
        );
        Ok(())
    }

    fn an_owner_dies(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The ant owns a mutex, the bee and the cat wait for it. The ant is killed.")?;
        self.order(Who::Manager, Work::Prepare);
        self.watch(1)?;
        for who in Who::SENDERS {
            self.cast.start_worker(who)?;
        }
        self.order(Who::Ant, Work::Acquire);
        self.watch(2)?;
        for (who, waiters) in [(Who::Bee, 1), (Who::Cat, 2)] {
            self.order(who, Work::Acquire);
            self.watch(1)?;
            self.await_waiters("mutex", MUTEX, waiters)?;
        }
        let info = self.info("mutex", MUTEX)?;
        self.stage.say(&format!(
            "$ tong mutex info   owner: process {}, {} wait",
            info["owner_pid"],
            info["waiters"].as_array().map_or(0, Vec::len)
        ))?;
        self.facts.check(
            "the owner that others see",
            self.cast.pid(Who::Ant).unwrap_or_default(),
            &info["owner_pid"],
        );
        let at_ns = now_ns();
        self.cast.kill(Who::Ant)?;
        self.stage.show_killed(Who::Ant, at_ns)?;
        let first = self.watch(1)?;
        let heir = first.first().map_or(Who::Bee, |seen| seen.who);
        self.order(heir, Work::Release);
        let next = self.watch(2)?;
        let abandoned = first
            .iter()
            .chain(&next)
            .filter(|seen| told(seen, "abandoned!"));
        self.facts.check(
            "owners that hear of the death: the next one, once",
            1,
            abandoned.count(),
        );
        self.facts.check(
            "the one after that owns the mutex as usual",
            "yes",
            yes(next.iter().any(|seen| told(seen, "owns it"))),
        );
        // The next act begins with the cat as the owner.
        if heir == Who::Cat {
            self.order(Who::Bee, Work::Release);
            self.order(Who::Cat, Work::Acquire);
            self.watch(3)?;
        }
        Ok(())
    }

    fn a_mutex_is_handed_over(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The bee waits; the cat releases the mutex and wants it back at once.")?;
        self.order(Who::Bee, Work::Acquire);
        self.watch(1)?;
        self.await_waiters("mutex", MUTEX, 1)?;
        self.order(Who::Cat, Work::ReleaseAndGrab);
        let seen = self.watch(2)?;
        self.facts.check(
            "a released mutex goes to who waits, not back",
            "yes",
            yes(seen
                .iter()
                .any(|seen| seen.who == Who::Bee && told(seen, "owns it"))
                && seen
                    .iter()
                    .any(|seen| seen.who == Who::Cat && told(seen, "too late"))),
        );
        self.order(Who::Bee, Work::Release);
        self.watch(1)?;
        Ok(())
    }

    fn all_or_nothing(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The bee wants a semaphore and an event together. Only the semaphore is free.")?;
        self.order(Who::Bee, Work::AwaitAll);
        self.watch(1)?;
        self.await_waiters("event", BELL, 1)?;
        let count = self.info("semaphore", SEATS)?["count"].clone();
        self.stage.say(&format!(
            "$ tong semaphore info   count: {count}, still free"
        ))?;
        let held = if count == 1 { "nothing" } else { "a seat" };
        self.facts
            .check("what a wait for all holds back meanwhile", "nothing", held);
        self.order(Who::Manager, Work::Ring);
        let seen = self.watch(2)?;
        let count = self.info("semaphore", SEATS)?["count"].clone();
        let has_both = seen.iter().any(|seen| told(seen, "has both"));
        self.facts
            .check("then it gets all of it", "yes", yes(has_both));
        self.facts.check("and the semaphore's count is", 0, count);
        Ok(())
    }

    fn whichever_comes_first(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The cat waits for a semaphore, an event, a process, a mailslot or a timer.")?;
        let manager = self.cast.pid(Who::Manager).unwrap_or_default();
        self.order(Who::Cat, Work::AwaitAny(manager, 150));
        let mut firsts = vec![last_word(&self.watch(2)?)];
        self.order(Who::Cat, Work::AwaitAny(manager, 60_000));
        self.watch(1)?;
        self.order(Who::Manager, Work::Ring);
        let seen = self.watch(2)?;
        let of_cat: Vec<_> = seen
            .into_iter()
            .filter(|seen| seen.who == Who::Cat)
            .collect();
        firsts.push(last_word(&of_cat));
        for (what, expected, seen) in [
            (
                "what ends a wait for any of five kinds",
                "timer",
                &firsts[0],
            ),
            ("and after a ring of the bell", "event", &firsts[1]),
        ] {
            self.facts.check(what, expected, seen.trim_end_matches('!'));
        }
        Ok(())
    }

    fn handles_go_to_a_child(&mut self) -> Result<(), Failure> {
        self.stage
            .act("The manager has three handles. A child inherits one, and is given another.")?;
        self.order(Who::Manager, Work::Invite);
        let started = self.watch(1)?;
        let guest = started.iter().find_map(|seen| match seen.event.did {
            Did::Start(_, pid) => Some(pid),
            _ => None,
        });
        let (manager, guest) = (
            self.cast.pid(Who::Manager).unwrap_or_default(),
            guest.unwrap_or_default(),
        );
        let own = self.handles("manager", manager)?;
        self.await_handles(guest, 1)?;
        let inherited = self.handles("child", guest)?;
        let is_same = |row: &Value| {
            own.iter()
                .any(|own| own["value"] == row["value"] && own["inherit"] == true)
        };
        self.facts.check(
            "handles that the child inherited",
            "1 of 3",
            format!("{} of {}", inherited.len(), own.len()),
        );
        self.facts.check(
            "their values are the same in both tables",
            "yes",
            yes(inherited.iter().all(is_same)),
        );
        self.order(Who::Manager, Work::Give);
        self.watch(1)?;
        self.await_handles(guest, 2)?;
        let given = self.handles("child", guest)?;
        let semaphore = given.iter().find(|row| row["kind"] == "semaphore");
        let is_right = |row: &Value| words(&row["rights_names"]) == "SYNCHRONIZE";
        self.facts.check(
            "the handle put into its table has just the right to wait",
            "yes",
            yes(semaphore.is_some_and(is_right)),
        );
        self.release_seat()?;
        self.order(Who::Manager, Work::Farewell);
        let end = self.watch(1)?;
        self.facts.check(
            "exit code of the child that used both",
            WELCOME,
            code(&end, 0).unwrap_or_default(),
        );
        Ok(())
    }

    /// Makes the semaphore free again, from the prompt.
    fn release_seat(&mut self) -> Result<(), Failure> {
        let (before, _) = self.cast.tong(&["semaphore", "release", SEATS])?;
        let before = before.trim();
        self.stage
            .say(&format!("$ tong semaphore release   count was {before}"))
    }

    fn all_have_left(&mut self) -> Result<(), Failure> {
        self.stage
            .act("Everyone leaves, and the names go with the last who has them open.")?;
        let left = self.cast.dismiss();
        for who in [Who::Manager, Who::Bee, Who::Cat] {
            self.stage.show_left(who)?;
        }
        let remains = self.what_remains()?;
        self.facts.check("workers that left in good order", 3, left);
        self.facts.check(
            "objects, leftovers and files of names that remain",
            "0, 0, 0",
            remains,
        );
        Ok(())
    }

    pub(super) fn order(&mut self, who: Who, work: Work) {
        self.cast.tell(who, &Order::Work(work));
    }

    /// What `tong KIND info` says of an object of the tour.
    fn info(&self, kind: &str, name: &str) -> Result<Value, Failure> {
        let (text, _) = self.cast.tong(&[kind, "info", name, "--json"])?;
        Ok(serde_json::from_str(text.trim()).unwrap_or(Value::Null))
    }

    /// Waits until so many threads wait for an object. If they never do, the facts will say so.
    fn await_waiters(&self, kind: &str, name: &str, count: usize) -> Result<(), Failure> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let info = self.info(kind, name)?;
            if info["waiters"].as_array().map_or(0, Vec::len) >= count {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The handle table of a process as `tong handles` sees it.
    fn table(&self, pid: u32) -> Result<Vec<Value>, Failure> {
        let (text, _) = self.cast.tong(&["handles", &pid.to_string(), "--json"])?;
        let parse = |line: &str| serde_json::from_str(line).ok();
        Ok(text.lines().filter_map(parse).collect())
    }

    /// Waits until a process has so many handles. If it never does, the facts will say so.
    fn await_handles(&self, pid: u32, count: usize) -> Result<(), Failure> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.table(pid)?.len() < count {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Shows the handle table of a process.
    fn handles(&mut self, whose: &str, pid: u32) -> Result<Vec<Value>, Failure> {
        let rows = self.table(pid)?;
        self.stage
            .say(&format!("$ tong handles {pid}   (the {whose})"))?;
        for row in &rows {
            let inherit = if row["inherit"] == true {
                "inherit"
            } else {
                ""
            };
            let text = format!(
                "  {:>10}  {:<9}  {:<10}  {:<20} {inherit}",
                word(&row["hex"]),
                word(&row["kind"]),
                row["name"].as_str().unwrap_or("-"),
                words(&row["rights_names"]),
            );
            self.stage.say(text.trim_end())?;
        }
        Ok(rows)
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn words(value: &Value) -> String {
    let words = value.as_array().map(|list| list.iter().map(word));
    words.map_or_else(String::new, |words| words.collect::<Vec<_>>().join(" "))
}

/// Did this one say that?
pub(super) fn told(seen: &Seen, text: &str) -> bool {
    matches!(&seen.event.did, Did::Tell(told) if told == text)
}

/// What was said last.
pub(super) fn last_word(seen: &[Seen]) -> String {
    match seen.last().map(|seen| &seen.event.did) {
        Some(Did::Tell(text)) => text.clone(),
        _ => "nothing".to_owned(),
    }
}

/// The exit code that was seen at this place.
fn code(seen: &[Seen], at: usize) -> Option<u32> {
    let codes = seen.iter().filter_map(|seen| match seen.event.did {
        Did::Code(_, code) => Some(code),
        _ => None,
    });
    codes.into_iter().nth(at)
}
