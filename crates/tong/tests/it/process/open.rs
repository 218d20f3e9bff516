//! Opening processes, and what is left of those that ended.

use tong::{ErrorKind, Process};

use super::{actor, code_of, shell, state, LONG};
use crate::support::{args, eventually, open_descriptors, say, wait_for_go, Actor};

/// Opens a process, waits for its end and says how it ended.
pub(crate) fn role_watch() {
    let process = Process::open(args()[0].parse().unwrap()).unwrap();
    say("opened");
    process.wait(LONG).unwrap();
    say(&process.exit_code().unwrap().unwrap().to_string());
}

/// Starts a child, holds it until told, lets go of it, and waits to be told to end.
pub(crate) fn role_hold_child() {
    let child = shell(&args()[0]).spawn().unwrap();
    say(&child.id().to_string());
    wait_for_go();
    drop(child);
    say("dropped");
    wait_for_go();
}

/// Starts a child that runs on, and ends.
pub(crate) fn role_leave_child() {
    let child = shell("exec sleep 1000").spawn().unwrap();
    say(&child.id().to_string());
}

/// P-86.
#[test]
fn ids_of_no_process_cannot_be_opened() {
    let thread = std::thread::spawn(|| nix::unistd::gettid().as_raw() as u32);
    for pid in [0, u32::MAX, 0x3FFF_FFFE, thread.join().unwrap()] {
        let error = Process::open(pid).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter, "{pid}");
    }
    let (tell, told) = std::sync::mpsc::channel();
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let living = std::thread::spawn(move || {
        tell.send(nix::unistd::gettid().as_raw() as u32).unwrap();
        let _ = wait.recv();
    });
    let error = Process::open(told.recv().unwrap()).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::InvalidParameter,
        "a thread is no process"
    );
    drop(end);
    living.join().unwrap();
}

/// P-89, P-91: what is known of a process is known after its end too.
#[test]
fn process_is_known_after_its_end() {
    let process = shell("exit 1").spawn().unwrap();
    let id = process.id();
    let image = process.image_path().unwrap().to_owned();
    assert_eq!(image.file_name().unwrap(), "sh");
    assert_eq!(process.creator_id(), Some(std::process::id()));
    assert_eq!(code_of(&process), 1);
    assert_eq!(process.id(), id);
    assert_eq!(process.image_path().unwrap(), image);
    let own = Process::current().unwrap();
    assert_eq!(own.id(), std::process::id());
    assert_eq!(own.exit_code().unwrap(), None);
    assert_eq!(own.image_path().unwrap(), std::env::current_exe().unwrap());
}

/// P-87, P-69: while somebody here holds it, an ended process can be opened, and no other process has its id.
#[test]
fn ended_process_can_be_opened_while_it_is_held() {
    let process = shell("exit 9").spawn().unwrap();
    assert_eq!(code_of(&process), 9);
    let again = Process::open(process.id()).unwrap();
    assert!(again.same_object(&process));
    assert_eq!(again.exit_code().unwrap(), Some(9));
    let id = process.id();
    drop(process);
    assert!(Process::open(id).is_ok(), "the other still holds it");
    drop(again);
    eventually("it is forgotten", || {
        // Some other program may get the id at any time; then it is not that one.
        Process::open(id).map_or(true, |other| other.exit_code().unwrap() != Some(9))
    });
}

/// P-87: from other processes, too.
#[test]
fn ended_process_can_be_opened_while_its_parent_holds_it() {
    let mut holder = Actor::start("hold_child", &["exit 9"]);
    let id: u32 = holder.line().parse().unwrap();
    eventually("it ends", || state(id) == Some('Z'));
    let ended = Process::open(id).unwrap();
    assert_eq!(code_of(&ended), 9);
    holder.go();
    holder.expect("dropped");
    eventually("the parent lets go", || state(id).is_none());
    assert_eq!(ended.exit_code().unwrap(), Some(9));
    let again = Process::open(id).expect("this process still holds it");
    assert_eq!(again.exit_code().unwrap(), Some(9));
    holder.finish();
}

/// P-70: no zombie stays, whether the child is dropped after its end or before, and though this process does nothing more.
#[test]
fn no_zombie_stays_when_nobody_holds_the_child() {
    for script in ["exit 0", "sleep 0.1"] {
        let mut holder = Actor::start("hold_child", &[script]);
        let id: u32 = holder.line().parse().unwrap();
        holder.go();
        holder.expect("dropped");
        eventually("the child is gone", || state(id).is_none());
        holder.finish();
    }
}

/// P-70: a child outlives its parent, and others can wait for it.
#[test]
fn child_outlives_its_parent() {
    let mut parent = Actor::start("leave_child", &[]);
    let id: u32 = parent.line().parse().unwrap();
    parent.finish();
    let child = Process::open(id).unwrap();
    assert!(child.is_running().unwrap());
    child.terminate(77).unwrap();
    assert_eq!(code_of(&child), 77);
}

#[test]
fn processes_are_told_apart() {
    let [one, other] = [(); 2].map(|()| shell("exec sleep 1000").spawn().unwrap());
    assert!(one.same_object(&one.clone()));
    assert!(one.same_object(&Process::open(one.id()).unwrap()));
    assert!(!one.same_object(&other));
    let fd = std::os::fd::AsFd::as_fd(&one).try_clone_to_owned().unwrap();
    assert!(Process::from_pidfd(fd).unwrap().same_object(&one));
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(Process::from_pidfd(file.into()).is_err());
    for process in [one, other] {
        process.terminate(0).unwrap();
        process.wait(LONG).unwrap();
    }
}

/// Nothing is lost over many processes, those that could not be started among them. In a process of its own, because
/// other tests open descriptors.
#[test]
fn processes_leave_no_descriptors() {
    let options = actor("start_many", &["count"]);
    assert_eq!(super::said_by(options), ["even"]);
}

pub(super) fn count_descriptors() {
    let start_all = || {
        for _ in 0..10 {
            let child = shell("exit 0").spawn().unwrap();
            assert_eq!(code_of(&child), 0);
            let child = actor("exit", &["return", "0"]).spawn().unwrap();
            assert_eq!(code_of(&child), 0);
            let _left = shell("sleep 0.01")
                .suspended(true)
                .spawn()
                .unwrap()
                .resume();
            assert!(tong::ProcessOptions::new("/nonexistent").spawn().is_err());
            assert!(shell("exit 0").directory("/nonexistent").spawn().is_err());
            assert!(shell("exit 0")
                .directory("/nonexistent")
                .suspended(true)
                .spawn()
                .is_err());
        }
    };
    start_all();
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(Process::open(1));
    let before = open_descriptors();
    start_all();
    eventually("all are reaped", || {
        let _ = Process::open(u32::MAX);
        open_descriptors() == before
    });
    say("even");
}
