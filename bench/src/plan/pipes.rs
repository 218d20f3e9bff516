//! The part of the programme that is about pipes: in both modes, against what Linux and other crates have.

use super::{case, cases};
use crate::case::{Case, Contender, Group, Task, Unit, Waiting};

const SOCKETS: [Contender; 2] = [Contender::UnixStream, Contender::Seqpacket];
const CRATES: [Contender; 2] = [Contender::Interprocess, Contender::IpcChannel];
const PIPES: [Contender; 2] = [Contender::PipeMessages, Contender::PipeBytes];

/// Clients of one server where memory is counted: two descriptors each fit into a limit of 20,000.
const MANY: usize = 9000;

/// Every group, in the order of the report.
pub(super) fn groups() -> Vec<Group> {
    let mut groups = vec![one_thread()];
    groups.extend(round_trips());
    groups.push(rate());
    groups.extend([
        bulk("pipe-64k", 64 * 1024),
        bulk("pipe-1m", 1024 * 1024),
        handles(),
        pending(),
        anonymous(),
    ]);
    groups.extend(meetings());
    groups.extend(clients());
    groups
}

/// All that can be at the other side of a pipe.
fn everybody(task: Task, waiting: Waiting, cores: usize, baseline: Contender) -> Vec<Case> {
    let kernel = [Contender::Pipe];
    let all: [&[Contender]; 5] = [&[baseline], &PIPES, &SOCKETS, &kernel, &CRATES];
    cases(task, waiting, cores, &all)
}

fn group(id: &'static str, title: &str, goal: Option<f64>, cases: Vec<Case>) -> Group {
    Group {
        id,
        title: title.into(),
        unit: Unit::Seconds,
        goal,
        cases,
    }
}

/// What the calls alone cost.
fn one_thread() -> Group {
    use Contender::{Anonymous, PipeHandle, PipeOverlapped, PipePort};
    let ours = [PipeHandle, PipeOverlapped, PipePort, Anonymous];
    let all: [&[Contender]; 5] = [&[Contender::Pipe], &PIPES, &ours, &SOCKETS, &CRATES];
    group(
        "pipe-calls",
        "pipes: write 64 B and read them, one thread with both ends",
        None,
        cases(Task::WriteRead, Waiting::Blocked, 1, &all),
    )
}

fn round_trips() -> [Group; 3] {
    use Contender::{BareRing, Eventfd};
    [
        group(
            "pipe-spun",
            "pipes: 64 B round trip, both spinning, two cores",
            Some(1.25),
            everybody(Task::RoundTrip, Waiting::Spun, 2, BareRing),
        ),
        group(
            "pipe-slept-1",
            "pipes: 64 B round trip, both asleep between messages, one core",
            Some(1.15),
            everybody(Task::RoundTrip, Waiting::Slept, 1, Eventfd),
        ),
        group(
            "pipe-blocked-2",
            "pipes: 64 B round trip as programs write it, in blocking calls, two cores",
            None,
            everybody(Task::RoundTrip, Waiting::Blocked, 2, Eventfd),
        ),
    ]
}

fn rate() -> Group {
    let mut all = everybody(Task::Stream, Waiting::Spun, 2, Contender::BareRing);
    all.extend(blocked());
    Group {
        unit: Unit::PerSecond,
        ..group("pipe-rate", "pipes: 64 B messages one way", Some(0.8), all)
    }
}

/// The stream as programs write it.
fn blocked() -> Vec<Case> {
    let kernel = [Contender::Pipe];
    let all: [&[Contender]; 4] = [&PIPES, &SOCKETS, &kernel, &CRATES];
    cases(Task::Stream, Waiting::Blocked, 2, &all)
}

fn bulk(id: &'static str, message_len: usize) -> Group {
    let mut all = cases(Task::Memcpy, Waiting::Spun, 1, &[&[Contender::Memcpy]]);
    all.extend(everybody(
        Task::Stream,
        Waiting::Spun,
        2,
        Contender::BareRing,
    ));
    all.extend(blocked());
    for case in &mut all {
        case.message_len = message_len;
    }
    let title = format!("pipes: {} KiB messages one way", message_len / 1024);
    Group {
        unit: Unit::BytesPerSecond,
        ..group(id, &title, Some(0.5), all)
    }
}

/// What C programs pay on top of Rust ones.
fn handles() -> Group {
    use Contender::{PipeHandle, PipeMessages, PipeOverlapped, PipePort, Seqpacket};
    let all = [
        Seqpacket,
        PipeMessages,
        PipeHandle,
        PipeOverlapped,
        PipePort,
    ];
    group(
        "pipe-handles",
        "pipes: 64 B round trip through handles, in blocking calls, one core",
        None,
        cases(Task::RoundTrip, Waiting::Slept, 1, &[&all]),
    )
}

/// Operations that end later: as many reads as fit are pending at the reader's.
fn pending() -> Group {
    use Contender::{EpollPair, PipeHandle, PipeMessages, PipeOverlapped, PipePort};
    let all = [
        EpollPair,
        PipeMessages,
        PipeHandle,
        PipeOverlapped,
        PipePort,
    ];
    Group {
        unit: Unit::PerSecond,
        ..group(
            "pipe-pending",
            "pipes: 64 B messages one way, read by blocking calls, events, a completion port",
            None,
            cases(Task::Stream, Waiting::Blocked, 2, &[&all]),
        )
    }
}

fn anonymous() -> Group {
    use Contender::{Anonymous, Pipe};
    let all = [Pipe, Anonymous];
    group(
        "anonymous-pipe",
        "anonymous pipes: 64 B round trip, both asleep between messages, one core",
        None,
        cases(Task::RoundTrip, Waiting::Slept, 1, &[&all]),
    )
}

fn meetings() -> [Group; 2] {
    use Contender::{Interprocess, IpcChannel, PipeMessages, UnixStream};
    [
        group(
            "pipe-connect",
            "pipes: connect + accept + close, two processes on one core",
            Some(2.0),
            cases(
                Task::Connect,
                Waiting::Blocked,
                1,
                &[&[UnixStream, PipeMessages, Interprocess]],
            ),
        ),
        group(
            "pipe-life",
            "pipes: create a name, open, first 64 B message, close all, one thread",
            None,
            cases(
                Task::NameToMessage,
                Waiting::Blocked,
                1,
                &[&[UnixStream, PipeMessages, Interprocess, IpcChannel]],
            ),
        ),
    ]
}

/// Flat means, as for mailslots: no more than a quarter above the cost with one client.
fn clients() -> Vec<Group> {
    use Contender::{TokioPipe, TokioStream};
    use Task::{ClientsIdle, ClientsMemory, ClientsRounds, ClientsTurns};
    let sizes = |task, counts: &[usize], contender| -> Vec<Case> {
        let with = |&writers| Case {
            writers,
            cores: 1,
            ..case(task, Waiting::Slept, contender)
        };
        counts.iter().map(with).collect()
    };
    let growing = [1, 10, 100, 1000];
    let turns =
        "one server thread, one of the clients is active: time for a 64 B message and its answer";
    let rounds =
        "one server thread, all clients send before one reads: time for a 64 B message and its answer";
    let both = |task, counts| {
        [TokioStream, TokioPipe]
            .map(|it| sizes(task, counts, it))
            .concat()
    };
    vec![
        group(
            "clients-turns",
            turns,
            Some(1.25),
            sizes(ClientsTurns, &growing, TokioPipe),
        ),
        group(
            "clients-turns-stream",
            turns,
            None,
            sizes(ClientsTurns, &growing, TokioStream),
        ),
        group(
            "clients-rounds",
            rounds,
            Some(1.25),
            sizes(ClientsRounds, &growing, TokioPipe),
        ),
        group(
            "clients-rounds-stream",
            rounds,
            None,
            sizes(ClientsRounds, &growing, TokioStream),
        ),
        Group {
            unit: Unit::Load,
            ..group(
                "clients-idle",
                "processor time of a server thread whose 1,000 clients are silent",
                None,
                both(ClientsIdle, &[1000]),
            )
        },
        Group {
            unit: Unit::Bytes,
            ..group(
                "clients-memory",
                "resident memory of a server for each of its silent clients",
                None,
                both(ClientsMemory, &[1000, MANY]),
            )
        },
    ]
}
