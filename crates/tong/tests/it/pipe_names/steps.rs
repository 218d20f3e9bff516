//! Killed at every step: creating, closing, listening again, opening and waiting, with a tracer that stops at every system
//! call.

use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag};
use nix::unistd::Pid;
use tong::pipe::{self, PipeClient, PipeServer, WaitTime};
use tong::PipeName;

use super::player::Player;
use super::{files, LIMIT};
use crate::crash::{attach, run_to_stop};
use crate::puppet::fresh_root;
use crate::support::{self, skip, Actor, Watchdog};

/// What [`role_step_pipe`] does in small steps.
const SCENARIOS: [&str; 6] = [
    "create and close",
    "create over the dead",
    "add and close",
    "meet and listen again",
    "open and leave",
    "clean up",
];

/// In an actor: does what its argument says in one thread that a tracer can stop at every system call.
pub(crate) fn role_step_pipe() {
    let scenario = support::args().remove(0);
    let name = PipeName::short("x").unwrap();
    let namespace = tong::Namespace::current().unwrap();
    support::say(&nix::unistd::gettid().to_string());
    support::wait_for_go();
    match scenario.as_str() {
        "create and close" | "create over the dead" | "add and close" => {
            drop(PipeServer::options().create(&name).unwrap());
        }
        "meet and listen again" => {
            let server = PipeServer::options().create(&name).unwrap();
            let client = PipeClient::open(&name).unwrap();
            assert_eq!(
                server.connect().unwrap_err().kind(),
                tong::ErrorKind::PipeConnected
            );
            drop(client);
            server.disconnect().unwrap();
            let _ = server.connect_timeout(Duration::ZERO);
            drop(PipeClient::open(&name).unwrap());
        }
        "open and leave" => {
            pipe::wait(&name, WaitTime::Default).unwrap();
            drop(PipeClient::open(&name).unwrap());
        }
        _ => drop(namespace.gc(false).unwrap()),
    }
}

#[test]
fn killed_at_every_step_nothing_is_left_and_nobody_is_blocked() {
    const TEST: &str = "pipe killed_at_every_step";
    let _watchdog = Watchdog::new(TEST, LIMIT);
    for scenario in SCENARIOS {
        let root = fresh_root();
        let place = format!("TONG_DIR={}", root.path().display());
        let (mut user, mut owner) = (Player::at(root.path()), Player::at(root.path()));
        let owned = matches!(scenario, "add and close" | "open and leave");
        let mut step = 1;
        loop {
            if owned {
                owner.must("create x");
            } else if matches!(scenario, "create over the dead" | "clean up") {
                let mut dead = Player::at(root.path());
                dead.must("create x");
                dead.must("create x");
                dead.must("open x");
                dead.actor.kill();
            }
            let mut actor = Actor::start_by(&["env", &place], "step_pipe", &[scenario]);
            let thread = Pid::from_raw(actor.line().parse().unwrap());
            if !attach(thread) {
                return skip(TEST, "needs the right to trace a child");
            }
            actor.go();
            let stopped = run_to_stop(thread, step);
            // Stopped in the middle, it is in nobody's way who wants another name, or to open this one.
            user.must("create another");
            user.must("close 0");
            let opened = user.ask("open x");
            if stopped {
                let _ = kill(Pid::from_raw(actor.pid()), Signal::SIGKILL);
                let _ = waitpid(thread, Some(WaitPidFlag::__WALL));
            }
            let _ = actor.child.wait();
            let at = format!("{scenario}, step {step}");
            check(scenario, &mut user, &mut owner, opened, &at);
            user.must("leave");
            let left = files(root.path());
            assert!(left.is_empty(), "{at}: {left:?}");
            assert_eq!(user.must("gc"), "", "{at}");
            if !stopped {
                break;
            }
            step += 1;
        }
        println!("{scenario}: {step} steps");
        assert!(
            step > 10,
            "{scenario} has {step} steps only: was it traced?"
        );
    }
}

/// What must hold after the kill; leaves no server.
fn check(
    scenario: &str,
    user: &mut Player,
    owner: &mut Player,
    opened: Result<String, String>,
    at: &str,
) {
    if scenario == "add and close" || scenario == "open and leave" {
        assert_eq!(owner.must("count"), "1", "{at}");
        let taken = opened.is_ok() || scenario == "open and leave";
        if taken {
            // The one that was killed was in, perhaps, or the user is: either way the owner goes on.
            if let Err(kind) = user.ask("open x") {
                assert_eq!(kind, "PipeBusy", "{at}");
            }
        }
        owner.must("create x");
        owner.must("create x");
        user.must("open x");
        assert_eq!(user.must("client-count"), "3", "{at}");
        owner.must("close 0");
        return;
    }
    if let Err(kind) = opened {
        assert!(
            matches!(kind.as_str(), "NotFound" | "PipeBusy"),
            "{at}: {kind}"
        );
    }
    user.must("leave");
    user.must("create x first in");
    user.must("open x");
    assert_eq!(user.must("client-count"), "1", "{at}");
    user.must("close 0");
}
