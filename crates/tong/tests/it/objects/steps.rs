//! Killed at every step: create, open, use and close of a named object, with a tracer that stops at every system call.
//!
//! Sources: demand section 7, first row; eclipse-iceoryx/iceoryx2#1584 and #1578 (a crash in the middle of a step).

use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag};
use nix::unistd::Pid;
use tong::{Event, Mutex, ObjectName, Reset};

use crate::crash::{attach, run_to_stop};
use crate::puppet::fresh_root;
use crate::support::{self, skip, Actor, Watchdog};
use crate::waits::{object_files, player};

/// What [`role_step_object`] does in small steps.
const SCENARIOS: [&str; 5] = [
    "create and close",
    "open and close",
    "create over the dead",
    "own and leave",
    "wait and time out",
];

/// In an actor: does what its argument says in one thread that a tracer can stop at every system call.
pub(crate) fn role_step_object() {
    let scenario = support::args().remove(0);
    let name = ObjectName::parse("x").unwrap();
    support::say(&nix::unistd::gettid().to_string());
    support::wait_for_go();
    match scenario.as_str() {
        "create and close" | "create over the dead" => {
            let (event, _) = Event::create(&name, Reset::Auto, true).unwrap();
            event.wait(None).unwrap();
            drop(event);
        }
        "open and close" => drop(Event::open(&name).unwrap()),
        "own and leave" => {
            let mutex = Mutex::open(&name).unwrap();
            let _ = mutex.acquire(None).unwrap();
            mutex.release().unwrap();
        }
        _ => {
            let event = Event::open(&name).unwrap();
            let _ = event.wait(Some(Duration::from_millis(1))).unwrap_err();
        }
    }
}

/// Demand 7, first row: nobody hangs, no name is stuck, no signal is lost, and an owner's death is told exactly once.
#[test]
fn killed_at_every_step_nothing_is_left_and_nobody_is_blocked() {
    const TEST: &str = "killed_at_every_step_of_an_object";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(300));
    for scenario in SCENARIOS {
        let root = fresh_root();
        let place = format!("TONG_DIR={}", root.path().display());
        let (mut user, mut holder) = (player(root.path()), player(root.path()));
        let create: &[&str] = match scenario {
            "own and leave" => &["mutex", "x"],
            _ => &["event", "x", "auto", "0"],
        };
        let held = !scenario.starts_with("create");
        let (mut step, mut told) = (1, 0);
        loop {
            if held {
                holder.must(create);
            } else if scenario == "create over the dead" {
                let mut dead = player(root.path());
                dead.must(create);
                dead.actor.kill();
            }
            let mut actor = Actor::start_by(&["env", &place], "step_object", &[scenario]);
            let thread = Pid::from_raw(actor.line().parse().unwrap());
            if !attach(thread) {
                return skip(TEST, "needs the right to trace a child");
            }
            actor.go();
            let stopped = run_to_stop(thread, step);
            // Stopped in the middle, it is in nobody's way who wants another name.
            user.must(&["event", "another", "auto", "0"]);
            user.must(&["close", "another"]);
            if stopped {
                let _ = kill(Pid::from_raw(actor.pid()), Signal::SIGKILL);
                let _ = waitpid(thread, Some(WaitPidFlag::__WALL));
            }
            let _ = actor.child.wait();
            let at = format!("{scenario}, step {step}");
            if held {
                assert_eq!(user.must(create), "Existing", "{at}");
                match scenario {
                    "own and leave" => {
                        let outcome = user.must(&["wait", "x", "5000"]);
                        told += u32::from(outcome == "0 abandoned");
                        assert_eq!(user.must(&["wait", "x", "0"]), "0", "{at}: told once");
                        user.must(&["release", "x"]);
                        user.must(&["release", "x"]);
                    }
                    _ => {
                        assert_eq!(user.must(&["waiters", "x"]), "0", "{at}");
                        holder.must(&["set", "x"]);
                        assert_eq!(
                            user.must(&["wait", "x", "0"]),
                            "0",
                            "{at}: the signal is there"
                        );
                    }
                }
                user.must(&["close", "x"]);
                holder.must(&["close", "x"]);
            } else {
                if step % 2 == 0 {
                    assert_eq!(user.fails(&["open-event", "x"]), "NotFound", "{at}");
                }
                assert_eq!(user.must(create), "New", "{at}");
                user.must(&["close", "x"]);
            }
            assert!(
                object_files(root.path()).is_empty(),
                "{at}: {:?}",
                object_files(root.path())
            );
            if !stopped {
                break;
            }
            step += 1;
        }
        println!("{scenario}: {step} steps, {told} told");
        assert!(
            step > 10,
            "{scenario} has {step} steps only: was it traced?"
        );
    }
}
