//! The picture as one JSON object.

use super::picture::{Picture, Ring, Wait};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Record<'a> {
    place: &'a str,
    nodes: Vec<NodeRecord<'a>>,
    edges: Vec<EdgeRecord<'a>>,
    waits: Vec<WaitRecord<'a>>,
    deadlocks: Vec<RingRecord>,
}

/// Nodes are named by their place in the list.
#[derive(Serialize)]
struct NodeRecord<'a> {
    pid: Option<i32>,
    kind: &'a str,
    name: &'a str,
    state: &'a str,
    dead: bool,
    deadlocked: bool,
}

#[derive(Serialize)]
struct EdgeRecord<'a> {
    /// The node of the process.
    process: usize,
    /// The node at the other end.
    other: usize,
    link: &'static str,
    label: &'a str,
    deadlocked: bool,
}

#[derive(Serialize)]
struct WaitRecord<'a> {
    process: usize,
    tid: i32,
    count: u32,
    all: bool,
    waited_ms: u128,
    has_deadline: bool,
    awaited: Vec<AwaitedRecord<'a>>,
}

#[derive(Serialize)]
struct AwaitedRecord<'a> {
    what: &'a str,
    /// `null` for what is not drawn.
    node: Option<usize>,
}

#[derive(Serialize)]
struct RingRecord {
    will_end: bool,
    threads: Vec<ThreadRecord>,
}

#[derive(Serialize)]
struct ThreadRecord {
    process: usize,
    tid: i32,
    /// The node that it waits for.
    awaits: Option<usize>,
}

pub(super) fn record(picture: &Picture) -> Record<'_> {
    let nodes = picture.nodes.iter().map(|node| NodeRecord {
        pid: node.pid,
        kind: &node.kind,
        name: &node.name,
        state: &node.state,
        dead: node.is_dead,
        deadlocked: node.is_stuck,
    });
    let edges = picture.edges.iter().map(|edge| EdgeRecord {
        process: edge.process,
        other: edge.other,
        link: edge.link.word(),
        label: &edge.label,
        deadlocked: edge.is_stuck,
    });
    Record {
        place: &picture.place,
        nodes: nodes.collect(),
        edges: edges.collect(),
        waits: picture.waits.iter().map(wait).collect(),
        deadlocks: picture.rings.iter().map(ring).collect(),
    }
}

fn wait(wait: &Wait) -> WaitRecord<'_> {
    let awaited = wait.awaited.iter();
    WaitRecord {
        process: wait.process,
        tid: wait.tid,
        count: wait.count,
        all: wait.all,
        waited_ms: wait.waited.as_millis(),
        has_deadline: wait.has_deadline,
        awaited: awaited
            .map(|(what, node)| AwaitedRecord { what, node: *node })
            .collect(),
    }
}

fn ring(ring: &Ring) -> RingRecord {
    let threads = ring.steps.iter().map(|step| ThreadRecord {
        process: step.process,
        tid: step.tid,
        awaits: step.awaited.1,
    });
    RingRecord {
        will_end: ring.will_end,
        threads: threads.collect(),
    }
}
