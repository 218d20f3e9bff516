//! A namespace made up for tests: two stuck processes, a pipe that is busy, a name that is nasty.

use super::look::{Look, Mood, Object, ObjectKey, Process};
use super::model::Model;
use super::rates::{Rate, Rates};
use super::waits::{Ring, Target, Wait};
use std::time::{Duration, SystemTime};

pub(super) fn key(kind: &'static str, name: &str) -> ObjectKey {
    (kind, name.to_owned(), SystemTime::UNIX_EPOCH)
}

pub(super) fn object(kind: &'static str, name: &str) -> Object {
    Object {
        key: key(kind, name),
        entry: None,
        short: super::look::short(kind, name),
        state: "not signaled".to_owned(),
        mood: Mood::Usual,
        owner: "-".to_owned(),
        owner_pid: None,
        waiters: Some(0),
        queued: None,
        carries: false,
        rate: None,
        holders: 1,
    }
}

fn mutex(name: &str, owner: i32) -> Object {
    Object {
        state: "owned".to_owned(),
        owner: format!("{owner} worker"),
        owner_pid: Some(owner),
        waiters: Some(1),
        ..object("mutex", name)
    }
}

pub(super) fn process(pid: u32, program: &str) -> Process {
    Process {
        key: (pid, Duration::from_secs(pid.into())),
        parent: 1,
        program: program.to_owned(),
        command: format!("{program} --quickly"),
        threads: 1,
        handles: Some(3),
        objects: 2,
        owns: 1,
        waits: 1,
        is_stuck: pid != 103,
        user: "kim".to_owned(),
        memory: 3 << 20,
        load: Some(0.021),
        is_suspended: false,
        age: Some(Duration::from_secs(61)),
    }
}

fn wait(pid: i32, target: &str, holder: i32, place: usize) -> Wait {
    Wait {
        key: (pid, pid),
        program: "worker".to_owned(),
        target: format!("mutex {target}"),
        leads_to: Some(Target::Object(key("mutex", target))),
        held_by: format!("{holder} worker"),
        waited: Duration::from_secs(7),
        has_deadline: false,
        ring: Some((0, place)),
        ring_len: 2,
    }
}

pub(super) fn look() -> Look {
    let pipe = Object {
        state: "1 of 2 in use".to_owned(),
        mood: Mood::Lively,
        owner: "103 server".to_owned(),
        owner_pid: Some(103),
        waiters: None,
        queued: Some(70_000),
        carries: true,
        rate: Some(Rate {
            bytes_in: 12_595.2,
            bytes_out: 0.0,
            messages: 0.0,
        }),
        ..object("pipe", r"\\.\pipe\chat")
    };
    Look {
        objects: vec![
            pipe,
            object("event", "ready"),
            object("event", "\u{1b}[2Jnasty\u{202e}"),
            mutex("left", 101),
            mutex("right", 102),
        ],
        processes: vec![
            process(101, "worker"),
            process(102, "worker"),
            process(103, "server"),
        ],
        waits: vec![
            Wait {
                ring: None,
                ring_len: 0,
                target: "event ready".to_owned(),
                leads_to: Some(Target::Object(key("event", "ready"))),
                held_by: "-".to_owned(),
                has_deadline: true,
                ..wait(103, "", 0, 0)
            },
            wait(101, "right", 102, 0),
            wait(102, "left", 101, 1),
        ],
        rings: vec![Ring {
            len: 2,
            will_end: false,
            story:
                "101 worker waits for mutex right of 102 worker waits for mutex left of 101 worker"
                    .to_owned(),
        }],
    }
}

pub(super) fn empty() -> Look {
    Look {
        objects: Vec::new(),
        processes: Vec::new(),
        waits: Vec::new(),
        rings: Vec::new(),
    }
}

pub(super) fn model() -> Model {
    Model::of("/run/user/1/tong".to_owned(), look(), Rates::default())
}
