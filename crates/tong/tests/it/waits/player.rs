//! A process that uses named objects as it is told, one command a line: the [`Puppet`] of the wait tests.
//!
//! It keeps the objects that it opened under the words that it was given for them, and answers with what came out.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use tong::wait::{self, Waitable};
use tong::{Acquired, Due, Event, Made, Mutex, Namespace, ObjectName, Reset, Semaphore, Timer};

use crate::puppet::{self, Puppet, BETWEEN};
use crate::support::{self, Actor};

/// Starts a process at our command whose namespace is `root`.
pub(crate) fn player(root: &Path) -> Puppet {
    player_by(root, &[])
}

/// The same by way of other programs, such as `unshare`.
pub(crate) fn player_by(root: &Path, launcher: &[&str]) -> Puppet {
    let place = format!("TONG_DIR={}", root.display());
    let launcher: Vec<&str> = ["env", &place].iter().chain(launcher).copied().collect();
    Puppet {
        actor: Actor::start_by(&launcher, "player", &[]),
    }
}

/// The files of the named objects of a namespace.
pub(crate) fn object_files(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root.join("object"))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Plays what [`player`] starts.
pub(crate) fn role_player() {
    let mut stage = Stage::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(BETWEEN).collect();
        let answer = match stage.obey(words[0], &words[1..]) {
            Ok(result) => format!("ok{BETWEEN}{result}"),
            Err(error) => format!("{:?}{BETWEEN}{error}", error.kind()),
        };
        support::say(&answer.replace('\n', " "));
    }
}

#[derive(Debug)]
enum Thing {
    Event(Event),
    Mutex(Mutex),
    Semaphore(Semaphore),
    Timer(Timer),
}

impl Thing {
    fn waitable(&self) -> &dyn Waitable {
        match self {
            Thing::Event(event) => event,
            Thing::Mutex(mutex) => mutex,
            Thing::Semaphore(semaphore) => semaphore,
            Thing::Timer(timer) => timer,
        }
    }

    fn waiters(&self) -> usize {
        match self {
            Thing::Event(event) => event.waiters(),
            Thing::Mutex(mutex) => mutex.waiters(),
            Thing::Semaphore(semaphore) => semaphore.waiters(),
            Thing::Timer(timer) => timer.waiters(),
        }
    }
}

#[derive(Default)]
struct Stage {
    things: BTreeMap<String, Thing>,
}

fn made(made: Made) -> String {
    format!("{made:?}")
}

fn reset(word: &str) -> Reset {
    match word {
        "manual" => Reset::Manual,
        _ => Reset::Auto,
    }
}

fn patience(ms: &str) -> Option<Duration> {
    ms.parse().ok().map(Duration::from_millis)
}

impl Stage {
    fn obey(&mut self, command: &str, words: &[&str]) -> tong::Result<String> {
        match command {
            "event" | "mutex" | "semaphore" | "timer" => self.create(command, words),
            "open-event" | "open-mutex" | "open-semaphore" | "open-timer" => {
                self.open(command, words[0])
            }
            "close" => {
                self.things.remove(words[0]).expect("an open object");
                Ok(String::new())
            }
            "set" => self.event(words[0]).set().map(|()| String::new()),
            "reset" => self.event(words[0]).reset().map(|()| String::new()),
            "pulse" => self.event(words[0]).pulse().map(|()| String::new()),
            "release" => self.release(words),
            "due" => self.due(words),
            "wait" => self.any(words[1], &words[..1]),
            "any" => self.any(words[0], &words[1..]),
            "all" => self.all(words[0], &words[1..]),
            "peek" => Ok(self.peek(words[0])),
            "waiters" => Ok(self.thing(words[0]).waiters().to_string()),
            "crowd" => self.crowd(words),
            "end" => end(words[0]),
            "churn" => churn(words[0], words[1].parse().unwrap()),
            "own-and-end" => self.own_and_end(words),
            "files" => Ok(object_files(Namespace::current()?.root()).join(" ")),
            "fill-disk" => Ok(fill_disk(words[0].parse().unwrap())),
            "holdings" => Ok(puppet::holdings()),
            _ => panic!("no command {command}"),
        }
    }

    fn create(&mut self, kind: &str, words: &[&str]) -> tong::Result<String> {
        let name = ObjectName::parse(words[0])?;
        let word = |index: usize| words.get(index).copied().unwrap_or("0");
        let number = |index: usize| word(index).parse::<u32>().unwrap();
        let (thing, how) = match kind {
            "event" => {
                let (event, how) = Event::create(&name, reset(word(1)), word(2) == "1")?;
                (Thing::Event(event), how)
            }
            "mutex" => {
                let (mutex, how) = Mutex::create(&name, word(1) == "1")?;
                (Thing::Mutex(mutex), how)
            }
            "semaphore" => {
                let (semaphore, how) = Semaphore::create(&name, number(1), number(2))?;
                (Thing::Semaphore(semaphore), how)
            }
            _ => {
                let (timer, how) = Timer::create(&name, reset(word(1)))?;
                (Thing::Timer(timer), how)
            }
        };
        self.things.insert(words[0].to_owned(), thing);
        Ok(made(how))
    }

    fn open(&mut self, command: &str, word: &str) -> tong::Result<String> {
        let name = ObjectName::parse(word)?;
        let thing = match command {
            "open-event" => Thing::Event(Event::open(&name)?),
            "open-mutex" => Thing::Mutex(Mutex::open(&name)?),
            "open-semaphore" => Thing::Semaphore(Semaphore::open(&name)?),
            _ => Thing::Timer(Timer::open(&name)?),
        };
        self.things.insert(word.to_owned(), thing);
        Ok(String::new())
    }

    fn thing(&self, word: &str) -> &Thing {
        self.things.get(word).expect("an open object")
    }

    fn event(&self, word: &str) -> &Event {
        match self.thing(word) {
            Thing::Event(event) => event,
            other => panic!("{other:?} is no event"),
        }
    }

    fn release(&self, words: &[&str]) -> tong::Result<String> {
        match self.thing(words[0]) {
            Thing::Mutex(mutex) => mutex.release().map(|()| String::new()),
            Thing::Semaphore(semaphore) => {
                let tokens = words.get(1).map_or(1, |word| word.parse().unwrap());
                semaphore.release(tokens).map(|before| before.to_string())
            }
            other => panic!("{other:?} is not released"),
        }
    }

    fn due(&self, words: &[&str]) -> tong::Result<String> {
        let Thing::Timer(timer) = self.thing(words[0]) else {
            panic!("no timer");
        };
        let after = patience(words[1]).expect("a time");
        let period = words.get(2).and_then(|ms| patience(ms));
        timer.set(Due::After(after), period).map(|()| String::new())
    }

    fn waitables(&self, words: &[&str]) -> Vec<&dyn Waitable> {
        words
            .iter()
            .map(|word| self.thing(word).waitable())
            .collect()
    }

    /// Waits for any; answers with the index, and `abandoned` if it was.
    fn any(&self, ms: &str, words: &[&str]) -> tong::Result<String> {
        let satisfied = wait::any(&self.waitables(words), patience(ms))?;
        Ok(match satisfied.abandoned {
            false => satisfied.index.to_string(),
            true => format!("{} abandoned", satisfied.index),
        })
    }

    fn all(&self, ms: &str, words: &[&str]) -> tong::Result<String> {
        let satisfied = wait::all(&self.waitables(words), patience(ms))?;
        Ok(match satisfied.abandoned {
            false => "all".to_owned(),
            true => "all abandoned".to_owned(),
        })
    }

    fn peek(&self, word: &str) -> String {
        match self.thing(word) {
            Thing::Event(event) => event.is_signaled().to_string(),
            Thing::Mutex(mutex) => match mutex.owner() {
                Some(_) => "owned".to_owned(),
                None => "free".to_owned(),
            },
            Thing::Semaphore(semaphore) => semaphore.count().to_string(),
            Thing::Timer(timer) => timer.is_signaled().to_string(),
        }
    }

    /// Has so many threads wait for the object for so long; answers how many got it, and the first error.
    fn crowd(&self, words: &[&str]) -> tong::Result<String> {
        let waitable = self.thing(words[0]).waitable();
        let threads: usize = words[1].parse().unwrap();
        let patience = patience(words[2]);
        // A `Waitable` need not be shared by threads, the objects behind it are.
        let outcomes: Vec<tong::Result<()>> = match self.thing(words[0]) {
            Thing::Semaphore(semaphore) => std::thread::scope(|scope| {
                let wait = || semaphore.acquire(patience);
                let waits: Vec<_> = (0..threads)
                    .map(|_| {
                        let builder = std::thread::Builder::new().stack_size(128 << 10);
                        builder.spawn_scoped(scope, wait).unwrap()
                    })
                    .collect();
                waits.into_iter().map(|wait| wait.join().unwrap()).collect()
            }),
            _ => vec![wait::any(&[waitable], patience).map(|_| ())],
        };
        let got = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let mut errors = outcomes.into_iter().filter_map(Result::err);
        let other = errors.find(|error| error.kind() != tong::ErrorKind::TimedOut);
        match other {
            Some(error) => Err(error),
            None => Ok(got.to_string()),
        }
    }

    /// A thread of this process acquires the mutexes and ends without releasing them.
    fn own_and_end(&self, words: &[&str]) -> tong::Result<String> {
        let mutexes: Vec<&Mutex> = words
            .iter()
            .map(|word| match self.thing(word) {
                Thing::Mutex(mutex) => mutex,
                other => panic!("{other:?} is no mutex"),
            })
            .collect();
        std::thread::scope(|scope| {
            let owner = scope.spawn(|| {
                for mutex in mutexes {
                    if mutex.acquire(None)? == Acquired::Abandoned {
                        return Ok("was abandoned".to_owned());
                    }
                }
                Ok("owned".to_owned())
            });
            owner.join().unwrap()
        })
    }
}

/// Ends the process in some way other than by a kill from outside.
fn end(how: &str) -> ! {
    match how {
        "exit" => std::process::exit(7),
        "abort" => std::process::abort(),
        // By another thread than the owner; see the limits in `tong_sys::robust` for one that owns and was not the first.
        "exec" => std::thread::spawn(|| {
            use std::os::unix::process::CommandExt;
            let error = std::process::Command::new("sleep").arg("60").exec();
            panic!("exec: {error}")
        })
        .join()
        .map(|()| unreachable!("the program was replaced"))
        .unwrap(),
        "main-thread" => std::thread::spawn(|| std::process::exit(0))
            .join()
            .map(|()| unreachable!("the process has ended"))
            .unwrap(),
        _ => panic!("no end {how}"),
    }
}

/// Makes, uses and closes objects again and again, as a program does that is restarted all the time.
fn churn(what: &str, times: u32) -> tong::Result<String> {
    let name = ObjectName::parse("churned")?;
    for _ in 0..times {
        match what {
            "event" => {
                let (event, how) = Event::create(&name, Reset::Auto, true)?;
                assert_eq!(how, Made::New);
                event.wait(Some(Duration::ZERO))?;
            }
            "mutex" => {
                let (mutex, how) = Mutex::create(&name, true)?;
                assert_eq!(how, Made::New);
                mutex.release()?;
            }
            "unnamed" => {
                let event = Event::new(Reset::Auto, true)?;
                event.wait(Some(Duration::ZERO))?;
            }
            "thread" => {
                let mutex = Mutex::new(false)?;
                let owner = || mutex.acquire(None);
                let acquired = std::thread::scope(|scope| scope.spawn(owner).join().unwrap())?;
                assert_eq!(acquired, Acquired::Clean);
                assert_eq!(mutex.acquire(None)?, Acquired::Abandoned);
                mutex.release()?;
            }
            "time-out" => {
                let events = [
                    Event::new(Reset::Auto, false)?,
                    Event::new(Reset::Auto, false)?,
                ];
                let late = wait::any(&[&events[0], &events[1]], Some(Duration::from_micros(50)));
                assert!(late.is_err());
            }
            "fail" => {
                Event::open(&name).expect_err("nobody made it");
            }
            _ => panic!("no churn {what}"),
        }
    }
    Ok(String::new())
}

/// Leaves room for just `free` more pages on the file system of the namespace; answers how many it filled.
fn fill_disk(free: usize) -> String {
    use std::io::Write;
    let dir = Namespace::current().unwrap().root().join("filler");
    std::fs::create_dir_all(&dir).unwrap();
    for entry in std::fs::read_dir(&dir).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let mut filled = 0;
    while let Ok(mut file) = std::fs::File::create(dir.join(filled.to_string())) {
        if file.write_all(&[1; 4096]).is_err() {
            break;
        }
        filled += 1;
    }
    // The last one, which failed, has no memory; these have.
    for number in 0..free.min(filled) {
        std::fs::remove_file(dir.join(number.to_string())).unwrap();
    }
    filled.to_string()
}
