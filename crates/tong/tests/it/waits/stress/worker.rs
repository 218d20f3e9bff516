//! A worker: takes tokens in all ways, gives them back, and may be killed at any instruction.

use std::time::{Duration, Instant};

use tong::wait::{self, Waitable};
use tong::{Acquired, Due, Made, Mutex, ObjectName};

use super::ledger::{Call, Ledger, Page, MOST};
use super::{Kind, Object, OBJECTS, PASSING};
use crate::support;

/// In an actor: works by the ledger until the last phase.
pub(crate) fn role_stress_worker() {
    let args = support::args();
    let number: usize = args[1].parse().unwrap();
    let last: u64 = args[2].parse().unwrap();
    fastrand::seed(number as u64 ^ u64::from(std::process::id()) << 20);
    let mut worker = Worker {
        ledger: Ledger::at(args[0].as_ref()),
        number,
        page: Page::new(),
        objects: (0..OBJECTS).map(|_| None).collect(),
        owed: 0,
        batons: Vec::new(),
        owned: Vec::new(),
    };
    worker.page = worker.ledger.read(number);
    worker.live(last);
}

struct Worker {
    ledger: Ledger,
    number: usize,
    page: Page,
    /// Open, or not at the moment.
    objects: Vec<Option<Object>>,
    /// Tokens of semaphores that it has, no matter of which.
    owed: u32,
    /// Batons that it has.
    batons: Vec<usize>,
    /// Mutexes that it owns.
    owned: Vec<usize>,
}

fn own_pid() -> u64 {
    std::process::id().into()
}

/// Whether the process is gone, or as good as.
fn is_dead(pid: u64) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(_) => true,
        Ok(stat) => stat.contains(") Z ") || stat.contains(") X "),
    }
}

impl Worker {
    fn live(&mut self, last: u64) {
        loop {
            let phase = self.ledger.phase();
            if phase >= last {
                return;
            }
            if phase % 2 == 1 {
                self.act();
            } else if self.page.rests_in == phase {
                std::thread::sleep(Duration::from_millis(1));
            } else {
                self.give_everything_back();
                self.page.rests_in = phase;
                self.write();
            }
        }
    }

    fn act(&mut self) {
        match fastrand::u32(..100) {
            0..=39 => self.wait_any(),
            40..=59 => self.wait_all(),
            60..=74 => self.close_or_open_some(),
            75..=84 => self.pass_through(),
            _ => self.disturb(),
        }
        if fastrand::u32(..8) == 0 {
            std::thread::sleep(Duration::from_micros(fastrand::u64(..300)));
        }
        // Nobody who has something waits for long, so all waits end.
        if fastrand::u32(..4) != 0 {
            self.give_everything_back();
        }
    }

    fn write(&mut self) {
        self.ledger.write(self.number, &self.page);
    }

    fn begin(&mut self, call: Call) {
        self.page.call = call;
        self.write();
    }

    fn end(&mut self) {
        self.page.call = Call::None;
        self.page.calls += 1;
        self.write();
    }

    fn object(&mut self, number: usize) -> &Object {
        self.objects[number].get_or_insert_with(|| {
            let (object, made) = Object::open(number);
            assert_eq!(made, Made::Existing, "a second object {number}");
            object
        })
    }

    fn has_something(&self) -> bool {
        self.owed > 0 || !self.batons.is_empty() || !self.owned.is_empty()
    }

    /// Some objects, all different.
    fn choose(&mut self, count: usize, may: impl Fn(Kind) -> bool) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::with_capacity(count);
        while chosen.len() < count {
            let number = fastrand::usize(..OBJECTS);
            if may(Kind::of(number)) && !chosen.contains(&number) {
                chosen.push(number);
                self.object(number);
            }
        }
        chosen
    }

    fn refs(&self, numbers: &[usize]) -> Vec<&dyn Waitable> {
        numbers
            .iter()
            .map(|number| self.objects[*number].as_ref().unwrap().waitable())
            .collect()
    }

    fn wait_any(&mut self) {
        let count = 1 + fastrand::usize(..6);
        let chosen = self.choose(count, |_| true);
        // The coordinator ends a round by giving to all semaphores, so a wait with one of them comes to an end.
        let endless = chosen
            .iter()
            .any(|number| Kind::of(*number) == Kind::Semaphore);
        let patience = self.patience(endless);
        self.begin(Call::Any(chosen.clone()));
        let started = Instant::now();
        let outcome = wait::any(&self.refs(&chosen), patience);
        match outcome {
            Ok(satisfied) => self.took(
                &chosen[satisfied.index..=satisfied.index],
                satisfied.abandoned,
            ),
            Err(error) => self.timed_out(&error, started, patience),
        }
        self.end();
    }

    fn wait_all(&mut self) {
        let endless = fastrand::u32(..4) == 0;
        let count = 2 + fastrand::usize(..3);
        let chosen = match endless {
            true => self.choose(count, |kind| matches!(kind, Kind::Semaphore | Kind::Mutex)),
            false => self.choose(count, |_| true),
        };
        let patience = self.patience(endless);
        self.begin(Call::All(chosen.clone()));
        let started = Instant::now();
        let outcome = wait::all(&self.refs(&chosen), patience);
        match outcome {
            Ok(satisfied) => self.took(&chosen, satisfied.abandoned),
            Err(error) => self.timed_out(&error, started, patience),
        }
        self.end();
    }

    fn patience(&self, endless: bool) -> Option<Duration> {
        match fastrand::u32(..4) {
            0 => Some(Duration::ZERO),
            _ if self.has_something() => Some(Duration::from_micros(fastrand::u64(..500))),
            1 if endless => None,
            _ => Some(Duration::from_micros(fastrand::u64(..20_000))),
        }
    }

    fn timed_out(&mut self, error: &tong::Error, started: Instant, patience: Option<Duration>) {
        assert_eq!(error.kind(), tong::ErrorKind::TimedOut, "{error}");
        let late = started.elapsed().saturating_sub(patience.unwrap());
        self.page.late_us = self
            .page
            .late_us
            .max(u64::try_from(late.as_micros()).unwrap());
    }

    fn took(&mut self, numbers: &[usize], abandoned: bool) {
        self.page.told += u64::from(abandoned);
        for &number in numbers {
            match Kind::of(number) {
                Kind::Semaphore => self.owed += 1,
                Kind::Baton => self.batons.push(number),
                Kind::Mutex => self.enter(number, abandoned),
                Kind::Gate | Kind::Timer => {}
            }
            if Kind::of(number).is_counted() {
                self.page.took[number] += 1;
            }
        }
    }

    /// Owns the mutex from here on, alone; `told` if somebody who owned it (or another of the same wait) was killed.
    fn enter(&mut self, number: usize, told: bool) {
        let mark = self.ledger.mark(number);
        let again = self.owned.contains(&number);
        self.owned.push(number);
        if again {
            assert_eq!(mark, own_pid(), "mutex {number}");
            return;
        }
        if mark != 0 {
            assert!(told, "mutex {number}: the death of {mark} was not told");
            expect_dead(mark, number);
        }
        self.ledger.set_mark(number, own_pid());
    }

    fn leave(&mut self, number: usize) {
        let at = self
            .owned
            .iter()
            .rposition(|owned| *owned == number)
            .unwrap();
        self.owned.remove(at);
        if !self.owned.contains(&number) {
            assert_eq!(
                self.ledger.mark(number),
                own_pid(),
                "mutex {number}: two owners"
            );
            self.ledger.set_mark(number, 0);
        }
        self.object(number).mutex().release().unwrap();
    }

    fn give_everything_back(&mut self) {
        while let Some(&number) = self.owned.last() {
            self.leave(number);
        }
        while let Some(number) = self.batons.pop() {
            self.give(number, 1);
        }
        while self.owed > 0 {
            let tokens = 1 + fastrand::u32(..self.owed);
            self.owed -= tokens;
            let to = self.choose(1, |kind| kind == Kind::Semaphore)[0];
            self.give(to, tokens);
        }
    }

    fn give(&mut self, to: usize, tokens: u32) {
        self.object(to);
        self.begin(Call::Give { to, tokens });
        match self.object(to) {
            Object::Semaphore(semaphore) => {
                let _ = semaphore.release(tokens).unwrap();
            }
            object => object.event().set().unwrap(),
        }
        self.page.gave[to] += u64::from(tokens);
        self.end();
    }

    /// Closes some objects, which others have open, and opens them again when they are needed.
    fn close_or_open_some(&mut self) {
        for _ in 0..fastrand::usize(..MOST) {
            let number = fastrand::usize(..OBJECTS);
            if fastrand::bool() && !self.owned.contains(&number) {
                self.objects[number] = None;
            } else {
                self.object(number);
            }
        }
        self.end();
    }

    /// Uses a mutex whose name comes and goes with its users.
    fn pass_through(&mut self) {
        let number = fastrand::usize(..PASSING);
        let name = ObjectName::parse(&format!("stress-passing-{number}")).unwrap();
        let owned = fastrand::bool();
        let (mutex, made) = Mutex::create(&name, owned).unwrap();
        if owned && made == Made::New {
            mutex.release().unwrap();
        }
        let acquired = match mutex.acquire(Some(Duration::from_millis(50))) {
            Ok(acquired) => acquired,
            Err(error) => {
                assert_eq!(error.kind(), tong::ErrorKind::TimedOut, "{error}");
                return;
            }
        };
        self.page.told += u64::from(acquired == Acquired::Abandoned);
        let mark = self.ledger.mark(OBJECTS + number);
        if mark != 0 {
            // Killed as the only user, it left no object to be abandoned.
            expect_dead(mark, OBJECTS + number);
        }
        self.ledger.set_mark(OBJECTS + number, own_pid());
        std::thread::yield_now();
        assert_eq!(
            self.ledger.mark(OBJECTS + number),
            own_pid(),
            "a second object of the name {name}"
        );
        self.ledger.set_mark(OBJECTS + number, 0);
        mutex.release().unwrap();
        drop(mutex);
        self.end();
    }

    fn disturb(&mut self) {
        if fastrand::bool() {
            let gate = self.choose(1, |kind| kind == Kind::Gate)[0];
            let gate = self.object(gate).event();
            match fastrand::u32(..4) {
                0 => gate.pulse(),
                1 => gate.set(),
                _ => gate.reset(),
            }
            .unwrap();
        } else {
            let timer = self.choose(1, |kind| kind == Kind::Timer)[0];
            let Object::Timer(timer) = self.object(timer) else {
                unreachable!("chosen by its kind");
            };
            let due = Due::After(Duration::from_micros(fastrand::u64(..5_000)));
            match fastrand::u32(..3) {
                0 => timer.cancel(),
                1 => timer.set(due, None),
                _ => timer.set(due, Some(Duration::from_millis(1 + fastrand::u64(..9)))),
            }
            .unwrap();
        }
        self.end();
    }
}

/// The process that left its mark must be gone: its death was told, or its object went with it.
fn expect_dead(pid: u64, mutex: usize) {
    let started = Instant::now();
    while !is_dead(pid) {
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "mutex {mutex} has two owners: {pid} lives"
        );
        std::thread::yield_now();
    }
}
