//! Waits for all in opposite orders, from several processes: no deadlock, and nobody ever holds one of two.
//!
//! Source: the issue; demand N14 and section 7, WinPR's wait.c (waits for all that take one by one). Rules W-30 to W-32.

use std::time::{Duration, Instant};

use tong::wait::{self, Waitable};
use tong::{Acquired, ObjectName, Semaphore};

use super::death::named_mutex;
use super::{object_name, rounds, timed_out, LONG, NOW};
use crate::support::{self, Actor, Watchdog};

/// In an actor: takes both mutexes together, in the order that it is told, until the time is over.
pub(crate) fn role_wait_in_opposite_order() {
    let args = support::args();
    let (first, second) = (named_mutex(&args[0]), named_mutex(&args[1]));
    // Whoever has the one of this name may count on the other being free.
    let (outer, inner) = if args[0] < args[1] {
        (&first, &second)
    } else {
        (&second, &first)
    };
    let both: [&dyn Waitable; 2] = [&first, &second];
    support::say("ready");
    support::wait_for_go();
    let until = Instant::now() + Duration::from_millis(args[2].parse().unwrap());
    let mut taken = 0;
    while Instant::now() < until {
        let _ = wait::all(&both, LONG).unwrap();
        inner.release().unwrap();
        outer.release().unwrap();
        taken += 1;
    }
    support::say(&taken.to_string());
}

/// The issue, WinPR's wait.c, demand N14: two waits for all in opposite orders from two processes come to an end, and a
/// third process that has the one mutex always finds the other free: nobody ever holds just that.
#[test]
fn opposite_orders_from_two_processes_never_hold_one() {
    let _watchdog = Watchdog::new(
        "opposite_orders_from_two_processes",
        Duration::from_secs(120),
    );
    let names = ["opposite-a", "opposite-b"].map(object_name);
    let (outer, inner) = (
        named_mutex(names[0].as_str()),
        named_mutex(names[1].as_str()),
    );
    let ms = if rounds(0, 1) == 0 { "1500" } else { "20000" };
    let start = |one: usize, two: usize| {
        let args = [names[one].as_str(), names[two].as_str(), ms];
        Actor::start("wait_in_opposite_order", &args)
    };
    let mut actors = [start(0, 1), start(1, 0)];
    for actor in &mut actors {
        actor.expect("ready");
    }
    let until = Instant::now() + Duration::from_millis(ms.parse().unwrap());
    actors.iter_mut().for_each(Actor::go);
    let mut watched = 0;
    while Instant::now() < until {
        assert_eq!(outer.acquire(LONG).unwrap(), Acquired::Clean);
        let free = !timed_out(inner.acquire(NOW));
        assert!(free, "somebody held one of the two, after {watched} looks");
        inner.release().unwrap();
        outer.release().unwrap();
        watched += 1;
        if watched % 16 == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    let taken: Vec<u32> = actors
        .iter_mut()
        .map(|actor| actor.line().parse().unwrap())
        .collect();
    println!("taken {taken:?}, watched {watched}");
    assert!(taken.iter().all(|taken| *taken > 10) && watched > 10);
    actors.iter_mut().for_each(Actor::finish);
}

/// The same while the takers are killed again and again: the other mutex is free, or abandoned, and never held.
#[test]
fn takers_of_both_killed_at_random_never_leave_one_held() {
    let rounds = rounds(30, 500);
    let limit = Duration::from_secs(120 + u64::from(rounds));
    let _watchdog = Watchdog::new("takers_of_both_killed_at_random", limit);
    let names = ["killed-a", "killed-b"].map(object_name);
    let (outer, inner) = (
        named_mutex(names[0].as_str()),
        named_mutex(names[1].as_str()),
    );
    let mut told = 0;
    for _ in 0..rounds {
        let mut actors = [[0, 1], [1, 0]].map(|[one, two]: [usize; 2]| {
            let args = [names[one].as_str(), names[two].as_str(), "60000"];
            Actor::start("wait_in_opposite_order", &args)
        });
        for actor in &mut actors {
            actor.expect("ready");
        }
        actors.iter_mut().for_each(Actor::go);
        std::thread::sleep(Duration::from_micros(fastrand::u64(..3_000)));
        actors.iter_mut().for_each(Actor::kill);
        // Neither of the two lives: both mutexes are there for the taking, at once.
        for mutex in [&inner, &outer] {
            told += u32::from(mutex.acquire(NOW).unwrap() == Acquired::Abandoned);
        }
        for mutex in [&inner, &outer] {
            assert_eq!(mutex.acquire(NOW).unwrap(), Acquired::Clean);
            mutex.release().unwrap();
            mutex.release().unwrap();
        }
    }
    println!("{told} abandoned in {rounds} rounds");
}

/// In an actor: takes from both semaphores together, without a pause, until it is killed.
pub(crate) fn role_take_pairs() {
    let semaphores = semaphores(&support::args().try_into().unwrap());
    support::say("ready");
    loop {
        let _ = wait::all(&super::list(&semaphores), NOW).unwrap();
    }
}

/// W-30, W-48: whoever is killed in the middle of taking two has taken both or none: the counts stay the same.
#[test]
fn killed_taker_has_taken_both_or_none() {
    let rounds = rounds(200, 1_000);
    let limit = Duration::from_secs(120 + u64::from(rounds));
    let _watchdog = Watchdog::new("killed_taker_has_taken_both_or_none", limit);
    let names = ["pair-a", "pair-b"].map(|name| object_name(name).to_string());
    let [one, two] = semaphores(&names);
    let _ = one.release(PAIRS).unwrap();
    let _ = two.release(PAIRS).unwrap();
    let mut taken = 0;
    for round in 0..rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut actor = Actor::start("take_pairs", &order.map(|place| names[place].as_str()));
        actor.expect("ready");
        std::thread::sleep(Duration::from_micros(fastrand::u64(..2_000)));
        actor.kill();
        for semaphore in [&one, &two] {
            // What the dead one began is finished or undone by the next who does something.
            semaphore.acquire(NOW).unwrap();
            let _ = semaphore.release(1).unwrap();
        }
        assert_eq!(one.count(), two.count(), "round {round}: half a take");
        let lacking = PAIRS - one.count();
        taken += lacking;
        if lacking > 0 {
            let _ = one.release(lacking).unwrap();
            let _ = two.release(lacking).unwrap();
        }
        assert_eq!((one.count(), two.count()), (PAIRS, PAIRS));
    }
    println!("{taken} pairs taken in {rounds} rounds");
    assert!(taken > rounds, "{taken}");
}

/// More than are taken in one round.
const PAIRS: u32 = 10_000_000;

fn semaphores(names: &[String; 2]) -> [Semaphore; 2] {
    [0, 1].map(|place| {
        let name = ObjectName::parse(&names[place]).unwrap();
        Semaphore::create(&name, 0, PAIRS).unwrap().0
    })
}
