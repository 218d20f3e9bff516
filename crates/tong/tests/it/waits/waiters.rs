//! Death of waiters: no signal is lost with one that was blocked.
//!
//! Source: the issue; demand F1 and section 7. Rules W-47, W-48, W-104.

use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::{player, rounds};
use crate::puppet::{fresh_root, Puppet};
use crate::support::{eventually, Watchdog};

/// W-47, the issue: a waiter that is killed while it is blocked takes no signal with it, in whatever wait it was.
#[test]
fn killed_waiter_swallows_no_signal() {
    let rounds = rounds(3, 60);
    let limit = Duration::from_secs(120 + u64::from(rounds) * 5);
    let _watchdog = Watchdog::new("killed_waiter_swallows_no_signal", limit);
    let root = fresh_root();
    let mut here = player(root.path());
    let objects = |each: &mut Puppet| {
        each.must(&["event", "e", "auto", "0"]);
        each.must(&["event", "never", "auto", "0"]);
        each.must(&["semaphore", "s", "0", "10"]);
        each.must(&["mutex", "m"]);
    };
    objects(&mut here);
    let waits: [&[&str]; 6] = [
        &["wait", "e", "30000"],
        &["any", "30000", "never", "s", "e"],
        &["all", "30000", "e", "s", "never"],
        &["wait", "s", "30000"],
        &["wait", "m", "30000"],
        &["any", "30000", "m", "e"],
    ];
    for round in 0..rounds {
        for wait in waits {
            here.must(&["wait", "m", "0"]);
            let (mut victim, mut second) = (player(root.path()), player(root.path()));
            objects(&mut victim);
            victim.begin(wait);
            let word = wait[1..]
                .iter()
                .find(|word| word.parse::<u32>().is_err())
                .unwrap();
            eventually("it waits", || here.must(&["waiters", word]) == "1");
            let with_second = round % 2 == 0;
            if with_second {
                objects(&mut second);
                second.begin(&["any", "30000", "e", "s", "m"]);
                eventually("both wait", || {
                    ["e", "s", "m"]
                        .iter()
                        .any(|word| here.must(&["waiters", word]) == "2")
                });
            }
            victim.actor.kill();
            let (signal, index): (&[&str], &str) = match wait[1] {
                "s" => (&["release", "s", "1"], "1"),
                "m" => (&["release", "m"], "2"),
                _ => (&["set", "e"], "0"),
            };
            here.must(signal);
            if with_second {
                assert_eq!(
                    second.answer().unwrap(),
                    index,
                    "{wait:?}: it went to the other"
                );
                second.actor.kill();
                if index == "2" {
                    assert_eq!(here.must(&["wait", "m", "0"]), "0 abandoned");
                }
            } else {
                assert_eq!(
                    here.must(&["any", "0", "e", "s", "m"]),
                    index,
                    "{wait:?}: it is there"
                );
            }
            here.must(&["release", "m"]);
            for word in ["e", "s", "m", "never"] {
                assert_eq!(here.must(&["waiters", word]), "0", "{wait:?}");
            }
            assert_eq!(here.fails(&["any", "0", "e", "s"]), "TimedOut", "{wait:?}");
        }
    }
}

/// W-48: what was given to a thread that is killed before it runs is lost with it; a mutex is abandoned.
#[test]
fn what_was_given_to_the_dead_is_gone() {
    let _watchdog = Watchdog::new(
        "what_was_given_to_the_dead_is_gone",
        Duration::from_secs(60),
    );
    let root = fresh_root();
    let mut here = player(root.path());
    here.must(&["semaphore", "s", "0", "10"]);
    here.must(&["mutex", "m"]);
    for word in ["s", "m"] {
        let mut victim = player(root.path());
        victim.must(&["open-semaphore", "s"]);
        victim.must(&["open-mutex", "m"]);
        here.must(&["wait", "m", "0"]);
        victim.begin(&["wait", word, "30000"]);
        eventually("it waits", || here.must(&["waiters", word]) == "1");
        kill(Pid::from_raw(victim.actor.pid()), Signal::SIGSTOP).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        here.must(&["release", word]);
        assert_eq!(
            here.fails(&["wait", word, "20"]),
            "TimedOut",
            "it is the victim's"
        );
        victim.actor.kill();
        match word {
            "s" => {
                assert_eq!(here.fails(&["wait", "s", "50"]), "TimedOut");
                assert_eq!(
                    here.must(&["release", "s"]),
                    "0",
                    "the count was not restored"
                );
                here.must(&["release", "m"]);
            }
            _ => assert_eq!(here.must(&["wait", "m", "5000"]), "0 abandoned"),
        }
    }
}

/// W-104: what a process took from a semaphore stays taken when it is killed.
#[test]
fn death_does_not_give_back_what_was_taken() {
    let root = fresh_root();
    let (mut here, mut victim) = (player(root.path()), player(root.path()));
    here.must(&["semaphore", "s", "3", "3"]);
    victim.must(&["open-semaphore", "s"]);
    victim.must(&["wait", "s", "0"]);
    victim.must(&["wait", "s", "0"]);
    victim.actor.kill();
    assert_eq!(here.must(&["peek", "s"]), "1");
}
