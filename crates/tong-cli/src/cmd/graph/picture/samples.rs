//! Pictures for tests.

use super::*;

pub(in crate::cmd::graph) fn process(pid: i32, program: &str) -> Node {
    Node {
        pid: Some(pid),
        kind: "process".to_owned(),
        name: program.to_owned(),
        state: "no handles".to_owned(),
        is_dead: false,
        is_stuck: false,
    }
}

pub(in crate::cmd::graph) fn object(kind: &str, name: &str, state: &str) -> Node {
    Node {
        pid: None,
        kind: kind.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        is_dead: false,
        is_stuck: false,
    }
}

/// Two processes, each of which owns what the other waits for.
pub(in crate::cmd::graph) fn deadlock() -> Picture {
    let mut picture = Picture {
        place: "/run/names".to_owned(),
        nodes: vec![
            process(11, "left"),
            process(12, "right"),
            object("mutex", "a", "owned"),
            object("mutex", "b", "owned"),
        ],
        ..Picture::default()
    };
    for (process, tid, owned, awaited) in [(0, 11, 2, 3), (1, 12, 3, 2)] {
        picture.link(process, owned, Link::Owns, "");
        picture.link(process, awaited, Link::Waits, "");
        picture.waits.push(Wait {
            process,
            tid,
            awaited: vec![(picture.nodes[awaited].title(), Some(awaited))],
            count: 1,
            all: false,
            waited: Duration::from_secs(3),
            has_deadline: false,
        });
    }
    let step = |process: usize, tid: i32, awaited: usize| Step {
        process,
        tid,
        awaited: (picture.nodes[awaited].title(), Some(awaited)),
    };
    picture.rings = vec![Ring {
        steps: vec![step(0, 11, 3), step(1, 12, 2)],
        will_end: false,
    }];
    picture.mark_stuck();
    picture
}

/// So many processes and objects, each process with a few of its own and some that it shares.
pub(in crate::cmd::graph) fn crowd(processes: usize, objects: usize) -> Picture {
    let mut picture = Picture::default();
    for (pid, _) in (1000..).zip(0..processes) {
        picture.nodes.push(process(pid, "worker"));
    }
    let kinds = ["event", "mutex", "semaphore", "timer", "mailslot", "pipe"];
    for index in 0..objects {
        let kind = kinds[index % kinds.len()];
        let name = format!("object-{index:03}");
        picture.nodes.push(object(kind, &name, "signaled"));
        let own = index % processes;
        picture.link(own, processes + index, Link::Opens, "0x4");
        if index % 7 == 0 {
            picture.link((own + 1) % processes, processes + index, Link::Waits, "");
        }
    }
    picture
}
