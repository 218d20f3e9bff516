//! The coordinator: starts the workers, kills them, and counts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tong::{Made, Mutex, ObjectName};

use super::ledger::{Call, Ledger, Page};
use super::{Kind, Object, OBJECTS, PASSING, START, WORKERS};
use crate::support::{self, open_descriptors, Actor};

/// The phase in which workers end.
const LAST: u64 = u64::MAX;

/// More tokens than there are workers.
const ENOUGH: u32 = 20;
const _: () = assert!(ENOUGH as usize > WORKERS);

/// How long a wait may take that nothing stands against any more. On a machine that has the time it takes milliseconds.
const HANG: Duration = Duration::from_secs(5);

struct Worker {
    actor: Actor,
    number: usize,
}

struct Coordinator {
    ledger: Ledger,
    path: PathBuf,
    objects: Vec<Object>,
    workers: Vec<Worker>,
    /// Workers that were started.
    started: usize,
    phase: u64,
    /// What each object should hold, as far as the living workers' pages do not say it.
    base: [i64; OBJECTS],
    /// Calls that killed workers were in the middle of since the last count.
    unclear: Vec<Call>,
    figures: Figures,
}

#[derive(Debug, Default)]
struct Figures {
    rounds: u32,
    kills: u32,
    /// Kills in the middle of a call.
    unclear: u32,
    calls: u64,
    told: u64,
    late: Duration,
    slowest_end: Duration,
}

/// In an actor: runs the stress for so many seconds.
pub(crate) fn role_stress_coordinator() {
    let seconds: u64 = support::args()[0].parse().unwrap();
    let path = support::namespace().join("ledger");
    std::fs::create_dir_all(support::namespace()).unwrap();
    let objects = (0..OBJECTS)
        .map(|number| {
            let (object, made) = Object::open(number);
            assert_eq!(made, Made::New);
            object
        })
        .collect();
    let mut coordinator = Coordinator {
        ledger: Ledger::at(&path),
        path,
        objects,
        workers: Vec::new(),
        started: 0,
        phase: 0,
        base: std::array::from_fn(|number| match Kind::of(number) {
            Kind::Semaphore => i64::from(START),
            Kind::Baton => 1,
            _ => 0,
        }),
        unclear: Vec::new(),
        figures: Figures::default(),
    };
    coordinator.run(Duration::from_secs(seconds));
    support::say(&format!("{:?}", coordinator.figures));
    drop(coordinator);
    leave_no_name();
    support::say("done");
}

/// The names that came and went are free, and go with their last user.
fn leave_no_name() {
    for number in 0..PASSING {
        let name = ObjectName::parse(&format!("stress-passing-{number}")).unwrap();
        let (mutex, made) = Mutex::create(&name, true).unwrap();
        assert_eq!(made, Made::New);
        mutex.release().unwrap();
    }
}

impl Coordinator {
    fn run(&mut self, time: Duration) {
        for _ in 0..WORKERS {
            self.start_worker();
        }
        let descriptors = open_descriptors();
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.work_and_kill();
            self.come_to_rest();
            self.count();
            self.even_out();
            self.figures.rounds += 1;
            if self.figures.rounds % 60 == 0 {
                support::say(&format!("{:?}", self.figures));
            }
        }
        assert_eq!(open_descriptors(), descriptors, "descriptors");
        self.ledger.set_phase(LAST);
        for worker in &mut self.workers {
            worker.actor.finish();
        }
        let table = std::fs::metadata(support::namespace().join("waits")).unwrap();
        let memory = std::os::unix::fs::MetadataExt::blocks(&table) * 512;
        assert!(
            memory <= 256 << 10,
            "the wait table has grown to {memory} bytes"
        );
    }

    fn start_worker(&mut self) {
        let number = self.started;
        self.started += 1;
        self.ledger.write(number, &Page::new());
        let path = self.path.display().to_string();
        let args = [path.as_str(), &number.to_string(), &LAST.to_string()];
        self.workers.push(Worker {
            actor: Actor::start("stress_worker", &args),
            number,
        });
    }

    fn set_phase(&mut self, phase: u64) {
        self.phase = phase;
        self.ledger.set_phase(phase);
    }

    /// Has them work for a while, and kills a few.
    fn work_and_kill(&mut self) {
        self.set_phase(self.phase + 1);
        for _ in 0..=fastrand::usize(..4) {
            std::thread::sleep(Duration::from_micros(fastrand::u64(20_000..250_000)));
            self.look_after();
            let victim = fastrand::usize(..self.workers.len());
            let mut worker = self.workers.swap_remove(victim);
            worker.actor.kill();
            self.bury(worker.number);
            self.start_worker();
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Fails if a worker has ended by itself.
    fn look_after(&mut self) {
        for worker in &mut self.workers {
            let status = worker.actor.child.try_wait().unwrap();
            assert!(
                status.is_none(),
                "worker {} ended: {status:?}",
                worker.number
            );
        }
    }

    /// Takes over what a dead worker gave and took.
    fn bury(&mut self, number: usize) {
        let page = self.ledger.read(number);
        self.figures.kills += 1;
        self.take_in(&page);
        if page.call != Call::None {
            self.figures.unclear += 1;
            self.unclear.push(page.call);
        }
    }

    fn take_in(&mut self, page: &Page) {
        add(&mut self.base, page);
        self.figures.calls += page.calls;
        self.figures.told += page.told;
        self.figures.late = self.figures.late.max(Duration::from_micros(page.late_us));
    }

    /// Ends all waits, by giving enough to everybody, and waits until nobody does anything any more.
    fn come_to_rest(&mut self) {
        self.set_phase(self.phase + 1);
        for number in Kind::Semaphore.all() {
            let tokens = ENOUGH;
            let _ = self.objects[number].semaphore().release(tokens).unwrap();
            self.base[number] += i64::from(tokens);
        }
        let started = Instant::now();
        loop {
            let busy: Vec<&Worker> = self
                .workers
                .iter()
                .filter(|worker| self.ledger.read(worker.number).rests_in != self.phase)
                .collect();
            if busy.is_empty() {
                break;
            }
            if started.elapsed() > HANG {
                let calls: Vec<Page> = busy
                    .iter()
                    .map(|worker| self.ledger.read(worker.number))
                    .collect();
                panic!(
                    "hang: {} workers, the first in {:?}",
                    busy.len(),
                    calls[0].call
                );
            }
            self.look_after();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.figures.slowest_end = self.figures.slowest_end.max(started.elapsed());
    }

    /// What the objects hold is what the ledger says, and nobody owns or waits.
    fn count(&mut self) {
        let mut expected = self.base;
        for worker in &self.workers {
            add(&mut expected, &self.ledger.read(worker.number));
        }
        let mut missing = [0; OBJECTS];
        for (number, object) in self.objects.iter().enumerate() {
            if Kind::of(number).is_counted() {
                missing[number] = object.tokens() - expected[number];
            }
            assert_eq!(object.waiters(), 0, "object {number}: nobody waits");
        }
        assert!(
            explained(&mut missing.clone(), &self.unclear),
            "tokens do not add up: {missing:?} in round {}, where the dead were in {:?}",
            self.figures.rounds,
            self.unclear
        );
        for (base, missing) in self.base.iter_mut().zip(missing) {
            *base += missing;
        }
        self.unclear.clear();
        for number in Kind::Mutex.all() {
            self.check_mutex(number);
        }
    }

    /// The mutex is free, and told if its last owner was killed.
    fn check_mutex(&mut self, number: usize) {
        let mutex = self.objects[number].mutex();
        let acquired = mutex
            .acquire(Some(Duration::ZERO))
            .unwrap_or_else(|error| panic!("mutex {number}: {error}"));
        self.figures.told += u64::from(acquired == tong::Acquired::Abandoned);
        assert!(
            self.ledger.mark(number) == 0 || acquired == tong::Acquired::Abandoned,
            "mutex {number}: a death was not told"
        );
        self.ledger.set_mark(number, 0);
        mutex.release().unwrap();
    }

    /// Makes it as many tokens as there were at the start.
    fn even_out(&mut self) {
        for (number, object) in self.objects.iter().enumerate() {
            match Kind::of(number) {
                Kind::Semaphore => {
                    while object.tokens() > i64::from(START) {
                        object.semaphore().acquire(Some(Duration::ZERO)).unwrap();
                        self.base[number] -= 1;
                    }
                    while object.tokens() < i64::from(START) {
                        let _ = object.semaphore().release(1).unwrap();
                        self.base[number] += 1;
                    }
                }
                Kind::Baton if object.tokens() == 0 => {
                    object.event().set().unwrap();
                    self.base[number] += 1;
                }
                _ => {}
            }
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        for worker in std::mem::take(&mut self.workers) {
            let page = self.ledger.read(worker.number);
            self.take_in(&page);
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Adds what a worker gave, and takes off what it took.
fn add(tokens: &mut [i64; OBJECTS], page: &Page) {
    for (tokens, (gave, took)) in tokens.iter_mut().zip(page.gave.iter().zip(page.took)) {
        *tokens += *gave as i64 - took as i64;
    }
}

/// Whether each unclear call can have happened as a whole, or not at all, so that all tokens are where they should be.
fn explained(missing: &mut [i64; OBJECTS], unclear: &[Call]) -> bool {
    let Some((call, rest)) = unclear.split_first() else {
        return missing.iter().all(|missing| *missing == 0);
    };
    if explained(missing, rest) {
        return true;
    }
    let outcomes: Vec<Vec<(usize, i64)>> = match call {
        Call::None => Vec::new(),
        Call::Give { to, tokens } => vec![vec![(*to, i64::from(*tokens))]],
        Call::Any(objects) => objects.iter().map(|object| vec![(*object, -1)]).collect(),
        Call::All(objects) => vec![objects.iter().map(|object| (*object, -1)).collect()],
    };
    outcomes.iter().any(|changes| {
        let counted = || {
            changes
                .iter()
                .filter(|(object, _)| Kind::of(*object).is_counted())
        };
        counted().for_each(|(object, change)| missing[*object] -= change);
        let explained = explained(missing, rest);
        counted().for_each(|(object, change)| missing[*object] += change);
        explained
    })
}

#[test]
fn explanations_are_whole_calls() {
    let mut missing = [0; OBJECTS];
    assert!(explained(&mut missing, &[]));
    missing[3] = -1;
    assert!(!explained(&mut missing, &[]));
    assert!(explained(&mut missing, &[Call::Any(vec![50, 2, 3])]));
    assert!(
        !explained(&mut missing, &[Call::All(vec![2, 3])]),
        "half a take"
    );
    missing[2] = -1;
    assert!(explained(&mut missing, &[Call::All(vec![2, 3])]));
    assert!(
        !explained(&mut missing, &[Call::Any(vec![2, 3])]),
        "one takes one"
    );
    let give = Call::Give { to: 3, tokens: 2 };
    missing[3] = 1;
    assert!(explained(
        &mut missing,
        &[give.clone(), Call::All(vec![2, 3])]
    ));
    assert!(!explained(&mut missing, &[give]));
}
