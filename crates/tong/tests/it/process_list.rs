//! The list of processes, with processes that tong makes, ends, suspends and leaves behind.

use crate::support::{eventually, say, wait_for_go, Actor};
use tong::object::process::{Process, ProcessOptions};
use tong::process::list::{all, find, process_of_thread, processes, Listed, State};

/// This binary in a role, made by tong and not by the standard library.
fn child(role: &str) -> ProcessOptions {
    ProcessOptions::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "support::actor",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("TONG_TEST_ROLE", role)
}

fn listed(pid: u32) -> Option<Listed> {
    processes()
        .unwrap()
        .into_iter()
        .find(|process| process.pid == pid)
}

/// Says the id of a new child, which it leaves to itself.
pub(crate) fn role_leave_a_child() {
    let child = child("outlive").spawn().unwrap();
    say(&child.id().to_string());
    wait_for_go();
}

/// Runs until it is ended.
pub(crate) fn role_outlive() {
    loop {
        std::thread::park();
    }
}

/// P-98, P-70, P-107: the kernel gives an orphan to another parent, the list does not.
#[test]
fn parent_stays_when_it_has_ended() {
    let mut parent = Actor::start("leave_a_child", &[]);
    let pid = parent.line().parse().unwrap();
    let alive = listed(pid).unwrap();
    assert_eq!(alive.parent, parent.child.id());
    parent.finish();
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kernel = format!("PPid:\t{}\n", parent.child.id());
    eventually("the orphan has another parent", || {
        !status().contains(&kernel)
    });
    let orphan = listed(pid).unwrap();
    assert_eq!(
        (orphan.parent, orphan.started),
        (alive.parent, alive.started)
    );
    let orphan = Process::open(pid).unwrap();
    orphan.terminate(1).unwrap();
    orphan.wait(None).unwrap();
    assert_eq!(listed(pid), None);
}

/// P-56: a creator may be named that is not the one who did the work.
#[test]
fn parent_is_the_one_that_was_named() {
    let first = Process::open(1).unwrap();
    let child = child("outlive").creator(&first).spawn().unwrap();
    assert_eq!(listed(child.id()).unwrap().parent, 1);
    child.terminate(1).unwrap();
    child.wait(None).unwrap();
}

/// P-99, P-103: suspended is alive; ended is not, whoever holds a handle.
#[test]
fn suspended_child_is_listed_and_ended_child_is_not() {
    let child = child("outlive").suspended(true).spawn().unwrap();
    let found = listed(child.id()).unwrap();
    assert_eq!((found.parent, found.threads), (std::process::id(), 1));
    eventually("it is stopped", || {
        listed(child.id()).is_some_and(|found| found.state == State::Stopped)
    });
    child.terminate(7).unwrap();
    child.wait(None).unwrap();
    assert_eq!(listed(child.id()), None);
    let everything = all().unwrap();
    let ended = everything
        .iter()
        .find(|process| process.pid == child.id())
        .unwrap();
    assert_eq!((ended.state, ended.started), (State::Ended, found.started));
    assert_eq!(find(child.id()).unwrap().as_ref(), Some(ended));
    assert_eq!(child.exit_code().unwrap(), Some(7));
}

/// P-101: processes of all users, in the order of their ids, each once.
#[test]
fn list_is_sorted_and_has_what_everybody_may_see() {
    let all = processes().unwrap();
    assert!(all.is_sorted_by(|one, next| one.pid < next.pid));
    let own = all
        .iter()
        .find(|process| process.pid == std::process::id())
        .unwrap();
    assert!(std::env::current_exe().unwrap().ends_with(&own.program));
    let first = all.first().unwrap();
    assert!(first.started <= own.started);
}

/// What a list says of this process is what the kernel says elsewhere.
#[test]
fn user_memory_and_time_are_those_of_the_process() {
    let block = vec![1_u8; 32 << 20];
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let mut numbers = line.unwrap().split_ascii_whitespace();
        numbers.next().unwrap().parse::<u64>().unwrap()
    };
    let own = find(std::process::id()).unwrap().unwrap();
    assert_eq!(u64::from(own.uid), field("Uid:"));
    let difference = own.memory.abs_diff(field("VmRSS:") << 10);
    assert!(difference < block.len() as u64 / 2, "{own:?} {difference}");
    assert!(own.memory > block.len() as u64, "{own:?}");
    assert!(!own.is_kernel && own.state != State::Ended);
    let begun = own.processor_time;
    while find(std::process::id()).unwrap().unwrap().processor_time == begun {}
}

/// P-86: a thread is no process.
#[test]
fn thread_is_not_found_as_a_process() {
    let (say, hear) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let id = std::fs::read_link("/proc/thread-self").unwrap();
        say.send(id.file_name().unwrap().to_str().unwrap().parse().unwrap())
            .unwrap();
        std::thread::park();
    });
    let id = hear.recv().unwrap();
    assert_eq!(find(id).unwrap(), None);
    assert_eq!(process_of_thread(id), Some(std::process::id()));
    thread.thread().unpark();
    thread.join().unwrap();
    assert_eq!(find(0).unwrap(), None);
}
