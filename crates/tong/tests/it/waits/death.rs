//! Death of owners: told once, and at once.
//!
//! Sources: demand F1, F3 and section 7; eclipse-iceoryx/iceoryx2#1584 and #1578, the iceoryx2 FAQ (a zombie that counts
//! as alive). Rules W-88 to W-95.

use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use tong::{Acquired, Event, Mutex, ObjectName, Process, Reset, Thread};

use super::{mutex, object_name, player, rounds, timed_out, LONG, NOW};
use crate::puppet::{fresh_root, Puppet};
use crate::support::{self, eventually, Actor, Watchdog};

/// Longest that the news of a death may take. It takes far less than a millisecond; this is for machines that stall.
const AT_ONCE: Duration = Duration::from_millis(2_000);

pub(super) fn named_mutex(word: &str) -> Mutex {
    let name = ObjectName::parse(word).unwrap();
    Mutex::create(&name, false).unwrap().0
}

/// In an actor: owns the mutex of that name until it is killed.
pub(crate) fn role_own_until_killed() {
    let mutex = named_mutex(&support::args()[0]);
    let acquired = mutex.acquire(None).unwrap();
    support::say(&format!("{acquired:?}"));
    support::wait_for_go();
}

/// Prints how long things took, for whoever runs the tests to see.
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{what}: {} times, median {median:?}, most {most:?}",
        times.len()
    );
    assert!(most < AT_ONCE, "{what} took {most:?}");
}

/// W-88, W-89, W-91, the thousand: each of many children killed as owner is told once, to a waiter that is blocked
/// (two of three times) or to the next who comes.
#[test]
fn each_owner_killed_is_told_exactly_once() {
    let rounds = rounds(50, 1_000);
    let limit = Duration::from_secs(60 + u64::from(rounds));
    let _watchdog = Watchdog::new("each_owner_killed_is_told_exactly_once", limit);
    let name = object_name("each_owner_killed");
    let (mutex, _) = Mutex::create(&name, false).unwrap();
    let mut times = Vec::new();
    let mut told = 0;
    for round in 0..rounds {
        let mut owner = Actor::start("own_until_killed", &[name.as_str()]);
        owner.expect("Clean");
        if round % 3 == 0 {
            owner.kill();
            let acquired = mutex.acquire(NOW).unwrap();
            told += u32::from(acquired == Acquired::Abandoned);
            mutex.release().unwrap();
            continue;
        }
        // Two waiters, so that the news has to go to one and not to the other.
        let outcomes = std::thread::scope(|scope| {
            let waiters = [(); 2].map(|()| {
                scope.spawn(|| {
                    let acquired = mutex.acquire(LONG).unwrap();
                    let at = Instant::now();
                    mutex.release().unwrap();
                    (acquired, at)
                })
            });
            eventually("they wait", || mutex.waiters() == 2);
            if round % 5 == 0 {
                // Beyond the time for which a waiter looks by itself.
                std::thread::sleep(Duration::from_millis(25));
            }
            let killed = Instant::now();
            owner.kill();
            waiters.map(|waiter| {
                let (acquired, at) = waiter.join().unwrap();
                times.push(at.duration_since(killed));
                acquired
            })
        });
        for acquired in outcomes {
            told += u32::from(acquired == Acquired::Abandoned);
        }
        assert_eq!(told, round + 1, "{outcomes:?}");
    }
    assert_eq!(told, rounds);
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean, "W-90");
    mutex.release().unwrap();
    report("from the kill to the waiter", times);
}

/// W-88, W-95: by whatever way an owner ends, the blocked waiter is told at once, and the mutex is its own.
#[test]
fn every_way_to_end_abandons() {
    let _watchdog = Watchdog::new("every_way_to_end_abandons", Duration::from_secs(120));
    let root = fresh_root();
    let mut waiter = player(root.path());
    waiter.must(&["mutex", "m"]);
    let mut times = Vec::new();
    for how in [
        "SIGKILL",
        "SIGTERM",
        "SIGQUIT",
        "exit",
        "abort",
        "exec",
        "main-thread",
    ] {
        for blocked in [true, false] {
            let mut owner = player(root.path());
            owner.must(&["mutex", "m"]);
            owner.must(&["wait", "m", "5000"]);
            if blocked {
                waiter.begin(&["wait", "m", "30000"]);
                eventually("it waits", || owner.must(&["waiters", "m"]) == "1");
            }
            let started = Instant::now();
            match how.parse::<Signal>() {
                Ok(signal) => kill(Pid::from_raw(owner.actor.pid()), signal).unwrap(),
                Err(_) => owner.begin(&["end", how]),
            }
            if blocked {
                let outcome = waiter.answer();
                assert_eq!(outcome.as_deref(), Ok("0 abandoned"), "{how}");
                times.push(started.elapsed());
            } else {
                assert_eq!(waiter.must(&["wait", "m", "30000"]), "0 abandoned", "{how}");
            }
            waiter.must(&["release", "m"]);
            assert_eq!(waiter.must(&["wait", "m", "0"]), "0", "{how}: told once");
            waiter.must(&["release", "m"]);
        }
    }
    report("from the end to the waiter", times);
}

/// W-88, W-94: it is the thread that owns: when it ends and the process goes on, all its mutexes are abandoned.
#[test]
fn end_of_a_thread_abandons_all_that_it_owned() {
    let _watchdog = Watchdog::new("end_of_a_thread_abandons_all", Duration::from_secs(60));
    let root = fresh_root();
    let (mut owner, mut other) = (player(root.path()), player(root.path()));
    for each in [&mut owner, &mut other] {
        for name in ["a", "b", "c"] {
            each.must(&["mutex", name]);
        }
    }
    assert_eq!(owner.must(&["own-and-end", "a", "b", "c"]), "owned");
    assert_eq!(other.must(&["wait", "a", "5000"]), "0 abandoned");
    assert_eq!(owner.must(&["wait", "b", "5000"]), "0 abandoned");
    assert_eq!(other.must(&["all", "5000", "a", "c"]), "all abandoned");
    assert_eq!(other.must(&["wait", "c", "0"]), "0", "told once");
}

/// W-95, W-153: whoever saw the thread or the process end gets its mutex without waiting, and is told.
#[test]
fn whoever_saw_the_end_gets_the_mutex_at_once() {
    let _watchdog = Watchdog::new("whoever_saw_the_end", Duration::from_secs(120));
    let mutex = mutex();
    for round in 0..200 {
        let own = mutex.clone();
        let thread = Thread::spawn(move || {
            let _ = own.acquire(None).unwrap();
            0
        })
        .unwrap();
        thread.wait(LONG).unwrap();
        assert_eq!(
            mutex.acquire(NOW).unwrap(),
            Acquired::Abandoned,
            "round {round}"
        );
        mutex.release().unwrap();
    }
    let name = object_name("whoever_saw_the_end");
    let (mutex, _) = Mutex::create(&name, false).unwrap();
    for _ in 0..10 {
        let mut owner = Actor::start("own_until_killed", &[name.as_str()]);
        owner.expect("Clean");
        let process = Process::open(owner.pid().unsigned_abs()).unwrap();
        owner.child.kill().unwrap();
        process.wait(LONG).unwrap();
        assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Abandoned);
        mutex.release().unwrap();
    }
}

/// W-88, W-150: so it is when the thread is terminated.
#[test]
fn terminated_thread_abandons() {
    let _watchdog = Watchdog::new("terminated_thread_abandons", Duration::from_secs(60));
    let (mutex, owned) = (mutex(), super::manual(false));
    let (own, tell) = (mutex.clone(), owned.clone());
    let thread = Thread::spawn(move || {
        let _ = own.acquire(None).unwrap();
        tell.set().unwrap();
        super::auto(false).wait(None).unwrap();
        0
    })
    .unwrap();
    owned.wait(LONG).unwrap();
    thread.terminate(3).unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(mutex.acquire(LONG).unwrap(), Acquired::Abandoned);
}

/// W-88 and design 4: owners change while somebody waits; the death of the last of them is told as fast as of the first.
#[test]
fn death_of_a_later_owner_is_told_at_once() {
    let _watchdog = Watchdog::new("death_of_a_later_owner", Duration::from_secs(120));
    let root = fresh_root();
    let mut owners: Vec<Puppet> = (0..4).map(|_| player(root.path())).collect();
    let mut waiter = player(root.path());
    for each in owners.iter_mut().chain([&mut waiter]) {
        each.must(&["mutex", "m"]);
    }
    owners[0].must(&["wait", "m", "5000"]);
    for next in 1..4 {
        owners[next].begin(&["wait", "m", "30000"]);
        eventually("it waits", || {
            owners[0].must(&["waiters", "m"]) == next.to_string()
        });
    }
    waiter.begin(&["wait", "m", "30000"]);
    eventually("it waits", || owners[0].must(&["waiters", "m"]) == "4");
    for owner in 0..3 {
        // Time enough for the waiter to settle for the present owner.
        std::thread::sleep(Duration::from_millis(40));
        owners[owner].must(&["release", "m"]);
        assert_eq!(owners[owner + 1].answer().unwrap(), "0");
    }
    std::thread::sleep(Duration::from_millis(40));
    let killed = Instant::now();
    owners[3].actor.kill();
    assert_eq!(waiter.answer().unwrap(), "0 abandoned");
    let took = killed.elapsed();
    println!("told after {took:?}");
    assert!(
        took < Duration::from_millis(250),
        "by being told, not by looking now and then: {took:?}"
    );
}

/// The same for a wait for all, whose mutex changes owners while it lacks another object.
#[test]
fn death_of_a_later_owner_completes_a_wait_for_all_at_once() {
    let _watchdog = Watchdog::new("death_completes_a_wait_for_all", Duration::from_secs(120));
    let root = fresh_root();
    let mut owners: Vec<Puppet> = (0..4).map(|_| player(root.path())).collect();
    let mut waiter = player(root.path());
    for each in owners.iter_mut().chain([&mut waiter]) {
        each.must(&["mutex", "m"]);
        each.must(&["event", "e", "auto", "0"]);
    }
    owners[0].must(&["wait", "m", "5000"]);
    waiter.begin(&["all", "30000", "m", "e"]);
    eventually("it waits", || owners[0].must(&["waiters", "e"]) == "1");
    for owner in 0..3 {
        owners[owner + 1].begin(&["wait", "m", "30000"]);
        eventually("it waits", || owners[owner].must(&["waiters", "m"]) == "2");
        std::thread::sleep(Duration::from_millis(40));
        owners[owner].must(&["release", "m"]);
        assert_eq!(owners[owner + 1].answer().unwrap(), "0");
    }
    owners[0].must(&["set", "e"]);
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(owners[0].must(&["peek", "e"]), "true", "W-33");
    let killed = Instant::now();
    owners[3].actor.kill();
    assert_eq!(waiter.answer().unwrap(), "all abandoned");
    let took = killed.elapsed();
    println!("told after {took:?}");
    assert!(
        took < Duration::from_millis(250),
        "by being told, not by looking now and then: {took:?}"
    );
    assert_eq!(owners[0].must(&["peek", "e"]), "false");
}

/// The iceoryx2 FAQ: a parent that does not collect its dead child keeps nothing owned.
#[test]
fn zombie_owner_is_dead() {
    let _watchdog = Watchdog::new("zombie_owner_is_dead", Duration::from_secs(60));
    let name = object_name("zombie_owner");
    let (mutex, _) = Mutex::create(&name, false).unwrap();
    for blocked in [true, false] {
        let mut owner = Actor::start("own_until_killed", &[name.as_str()]);
        owner.expect("Clean");
        let status = format!("/proc/{}/stat", owner.pid());
        let is_zombie = || std::fs::read_to_string(&status).unwrap().contains(") Z ");
        std::thread::scope(|scope| {
            let waiter = blocked.then(|| {
                let waiter = scope.spawn(|| {
                    let acquired = mutex.acquire(LONG).unwrap();
                    mutex.release().unwrap();
                    acquired
                });
                eventually("it waits", || mutex.waiters() == 1);
                waiter
            });
            owner.child.kill().unwrap();
            let acquired = match waiter {
                Some(waiter) => waiter.join().unwrap(),
                None => {
                    eventually("the owner is a zombie", is_zombie);
                    let acquired = mutex.acquire(NOW).unwrap();
                    mutex.release().unwrap();
                    acquired
                }
            };
            assert_eq!(acquired, Acquired::Abandoned);
        });
        eventually("still not collected", is_zombie);
    }
}

/// W-92, W-93: an owner that closes its handle owns on until it ends; nobody need be there to see that.
#[test]
fn closing_does_not_release() {
    let _watchdog = Watchdog::new("closing_does_not_release", Duration::from_secs(60));
    let root = fresh_root();
    let (mut owner, mut other) = (player(root.path()), player(root.path()));
    owner.must(&["mutex", "m", "1"]);
    other.must(&["open-mutex", "m"]);
    owner.must(&["close", "m"]);
    assert_eq!(other.fails(&["wait", "m", "30"]), "TimedOut");
    // It finds it again, and is its owner still.
    owner.must(&["open-mutex", "m"]);
    assert_eq!(owner.must(&["wait", "m", "0"]), "0");
    owner.must(&["release", "m"]);
    assert_eq!(other.fails(&["wait", "m", "0"]), "TimedOut");
    owner.must(&["close", "m"]);
    owner.actor.kill();
    // W-92: nobody waits, and a user who comes later is told.
    let mut later = player(root.path());
    assert_eq!(later.must(&["mutex", "m", "1"]), "Existing");
    other.must(&["close", "m"]);
    assert_eq!(later.must(&["wait", "m", "0"]), "0 abandoned");
    // The last handle: the object goes, and ownership with it.
    later.must(&["close", "m"]);
    assert_eq!(other.must(&["mutex", "m"]), "New");
    assert_eq!(other.must(&["wait", "m", "0"]), "0");
}

/// In an actor: has threads end as owners of the named mutex, one after another; says how often they were told.
pub(crate) fn role_abandon() {
    let args = support::args();
    let mutex = named_mutex(&args[0]);
    let mut told = 0;
    for _ in 0..args[1].parse().unwrap() {
        let acquired = std::thread::scope(|scope| {
            let owner = scope.spawn(|| mutex.acquire(LONG).unwrap());
            owner.join().unwrap()
        });
        told += u32::from(acquired == Acquired::Abandoned);
    }
    support::say(&told.to_string());
}

/// W-91: as many abandonments are told as there were, whatever processes and threads abandon and acquire.
#[test]
fn abandonments_are_told_as_often_as_they_happen() {
    let _watchdog = Watchdog::new("abandonments_are_told_as_often", Duration::from_secs(120));
    let name = object_name("abandonments");
    let (mutex, _) = Mutex::create(&name, false).unwrap();
    let times = 200;
    let mut actors: Vec<Actor> = (0..3)
        .map(|_| Actor::start("abandon", &[name.as_str(), &times.to_string()]))
        .collect();
    let done = Event::new(Reset::Manual, false).unwrap();
    let told = std::thread::scope(|scope| {
        // Releases what it gets, so it abandons nothing.
        let taker = scope.spawn(|| {
            let mut told = 0;
            while timed_out(done.wait(NOW)) {
                if let Ok(acquired) = mutex.acquire(Some(Duration::from_millis(5))) {
                    told += u32::from(acquired == Acquired::Abandoned);
                    mutex.release().unwrap();
                }
            }
            told
        });
        let told: u32 = actors
            .iter_mut()
            .map(|actor| actor.line().parse::<u32>().unwrap())
            .sum();
        done.set().unwrap();
        told + taker.join().unwrap()
    });
    let last = u32::from(mutex.acquire(NOW).unwrap() == Acquired::Abandoned);
    assert_eq!(told + last, 3 * times);
    assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean);
}
