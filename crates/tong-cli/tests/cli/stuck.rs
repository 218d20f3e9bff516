//! Two processes that wait for each other: this binary again, twice. Each owns a mutex and wants that of the other.

use crate::place::{eventually, first_line, start, Place, Running};
use std::io::Write;
use std::process::{Command, Stdio};
use tong::{Mutex, ObjectName};

/// Names the mutex that a process owns, and the one that it wants.
const ROLE: &str = "TONG_TEST_STUCK";

/// The two processes. They are killed when dropped.
pub(crate) struct Stuck {
    pub(crate) left: Running,
    pub(crate) right: Running,
}

impl Stuck {
    /// Starts both, and returns when they are stuck.
    pub(crate) fn start(place: &Place) -> Stuck {
        let mut stuck = Stuck {
            left: worker(place, "left right"),
            right: worker(place, "right left"),
        };
        for running in [&mut stuck.left, &mut stuck.right] {
            while !first_line(running).ends_with("owns") {}
        }
        for running in [&mut stuck.left, &mut stuck.right] {
            let stdin = running.child.stdin.as_mut().expect("a pipe");
            stdin.write_all(b"go\n").expect("it reads");
        }
        for name in ["left", "right"] {
            place.await_waiters("mutex", name, 1);
        }
        stuck
    }

    pub(crate) fn pids(&self) -> [u32; 2] {
        [self.left.child.id(), self.right.child.id()]
    }
}

fn worker(place: &Place, role: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "stuck::worker_that_gets_stuck", "--nocapture"])
        .arg("--test-threads=1")
        .env("TONG_DIR", place.dir.path().join("names"))
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    start(&mut command)
}

/// What each of the two does; as a test of its own it does nothing.
#[test]
fn worker_that_gets_stuck() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (own, other) = role.split_once(' ').expect("two names");
    let name = |text| ObjectName::parse(text).expect("a name");
    let (_own, _) = Mutex::create(&name(own), true).expect("a mutex");
    println!("\nowns");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let other = Mutex::create(&name(other), false).expect("a mutex").0;
    let _ = other.acquire(None).expect("nobody stops us");
}

#[test]
fn processes_that_are_stuck_show_who_owns_what() {
    let place = Place::new();
    let stuck = Stuck::start(&place);
    let [left, right] = stuck.pids();
    eventually("each waits for the other", || {
        let owner = |name| place.info("mutex", name)["owner_pid"].clone();
        (owner("left"), owner("right")) == (left.into(), right.into())
    });
}
