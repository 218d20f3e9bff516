//! The whole programme: which contenders meet at which task, and what the design asks of tong there.
//!
//! The first contender of a group is its baseline; goals are ratios to it.

mod pipes;

use crate::case::{Case, Contender, Group, Task, Unit, Waiting};
use crate::wine;

const SMALL: usize = 64;
const KERNEL: [Contender; 3] = [Contender::Seqpacket, Contender::Pipe, Contender::Mq];
const TONG: [Contender; 2] = [Contender::Channel, Contender::Mailslot];

/// A case with the usual circumstances: 64 bytes, one writer, two processors.
fn case(task: Task, waiting: Waiting, contender: Contender) -> Case {
    Case {
        contender,
        task,
        waiting,
        cores: 2,
        writers: 1,
        message_len: SMALL,
        sample_ms: 0,
    }
}

/// The contenders of a task under the same circumstances.
fn cases(task: Task, waiting: Waiting, cores: usize, contenders: &[&[Contender]]) -> Vec<Case> {
    let contenders = contenders.concat();
    contenders
        .into_iter()
        .map(|contender| Case {
            cores,
            ..case(task, waiting, contender)
        })
        .collect()
}

/// Every group, in the order of the report.
pub(crate) fn groups() -> Vec<Group> {
    let mut groups = Vec::from(round_trips());
    groups.extend(rates());
    groups.extend([bulk("bulk-64k", 64 * 1024), bulk("bulk-1m", 1024 * 1024)]);
    groups.extend(meetings());
    groups.extend(crowds());
    groups.extend(pipes::groups());
    groups.extend(objects());
    groups.extend(waits());
    groups.extend(wine::groups());
    groups
}

/// A group of tasks without a peer.
fn alone(
    id: &'static str,
    title: &str,
    task: Task,
    goal: Option<f64>,
    contenders: &[Contender],
) -> Group {
    Group {
        id,
        title: title.into(),
        unit: Unit::Seconds,
        goal,
        cases: cases(task, Waiting::Spun, 1, &[contenders]),
    }
}

fn objects() -> Vec<Group> {
    use Contender::{
        Event, EventHandle, Eventfd, Mutex, MutexHandle, NamedEvent, PosixSemaphore, PosixSpawn,
        Process, PthreadMutex, RobustMutex, Semaphore, SemaphoreHandle, SharedMemory,
    };
    vec![
        // The design asks for 40 ns where a pthread mutex takes 21 and an eventfd 320.
        alone(
            "set-wait",
            "set an event and wait for it, one thread",
            Task::SetWait,
            Some(0.19),
            &[Eventfd, Event, NamedEvent, EventHandle],
        ),
        alone(
            "lock-unlock",
            "take and let go of a lock, one thread",
            Task::LockUnlock,
            Some(2.86),
            &[PthreadMutex, RobustMutex, Mutex, MutexHandle],
        ),
        alone(
            "release-wait",
            "release a semaphore and wait for it, one thread",
            Task::ReleaseWait,
            None,
            &[PosixSemaphore, Semaphore, SemaphoreHandle],
        ),
        alone(
            "make-close",
            "make and close an object without a name",
            Task::MakeClose,
            Some(0.22),
            &[Eventfd, Event, EventHandle],
        ),
        alone(
            "name-close",
            "make and close an object with a name",
            Task::NameClose,
            None,
            &[SharedMemory, NamedEvent],
        ),
        alone(
            "start-process",
            "start a program, await its end, ask for its exit code",
            Task::StartProcess,
            Some(1.1),
            &[PosixSpawn, Process],
        ),
        Group {
            unit: Unit::Bytes,
            cases: [1_000, 100_000]
                .map(|writers| Case {
                    writers,
                    ..case(Task::Footprint, Waiting::Spun, Event)
                })
                .to_vec(),
            ..alone(
                "footprint",
                "resident memory of each of many events without a name",
                Task::Footprint,
                None,
                &[Event],
            )
        },
    ]
}

fn waits() -> Vec<Group> {
    use Contender::{CacheLine, Event, Eventfd, Mutex, NamedEvent, Poll, PthreadMutex};
    let sizes = |task, contenders: &[Contender]| -> Vec<Case> {
        [2, 64, 1000]
            .into_iter()
            .flat_map(|writers| {
                let all = cases(task, Waiting::Spun, 1, &[contenders]);
                all.into_iter().map(move |case| Case { writers, ..case })
            })
            .collect()
    };
    vec![
        Group {
            cases: sizes(Task::WaitAny, &[Poll, Event]),
            ..alone(
                "wait-any",
                "signal the last of many objects and wait for any",
                Task::WaitAny,
                None,
                &[],
            )
        },
        Group {
            cases: sizes(Task::WaitAll, &[Event]),
            ..alone(
                "wait-all",
                "signal many objects and wait for all",
                Task::WaitAll,
                None,
                &[],
            )
        },
        Group {
            cases: cases(
                Task::Threads,
                Waiting::Blocked,
                2,
                &[&[PthreadMutex, Mutex]],
            )
            .into_iter()
            .map(|case| Case {
                writers: 16,
                ..case
            })
            .collect(),
            ..alone(
                "threads",
                "16 threads take one lock, two cores: time per turn",
                Task::Threads,
                None,
                &[],
            )
        },
        Group {
            cases: cases(
                Task::RoundTrip,
                Waiting::Spun,
                2,
                &[&[CacheLine, NamedEvent]],
            ),
            ..alone(
                "signal-spun",
                "signal and back by two named events, both spinning, two cores",
                Task::RoundTrip,
                None,
                &[],
            )
        },
        Group {
            cases: cases(
                Task::RoundTrip,
                Waiting::Slept,
                1,
                &[&[Eventfd, NamedEvent]],
            ),
            ..alone(
                "signal-slept-1",
                "signal and back, both asleep in between, one core",
                Task::RoundTrip,
                None,
                &[],
            )
        },
        Group {
            cases: cases(
                Task::RoundTrip,
                Waiting::Blocked,
                2,
                &[&[Eventfd, NamedEvent]],
            ),
            ..alone(
                "signal-blocked-2",
                "signal and back in blocking calls, two cores",
                Task::RoundTrip,
                None,
                &[],
            )
        },
    ]
}

fn round_trips() -> [Group; 4] {
    use Contender::{BareRing, CacheLine, Eventfd};
    [
        Group {
            id: "round-trip-spun",
            title: "64 B round trip, both spinning, two cores".into(),
            unit: Unit::Seconds,
            goal: Some(1.25),
            cases: cases(
                Task::RoundTrip,
                Waiting::Spun,
                2,
                &[&[BareRing, CacheLine], &TONG, &KERNEL],
            ),
        },
        Group {
            id: "round-trip-slept-1",
            title: "64 B round trip, both asleep between messages, one core".into(),
            unit: Unit::Seconds,
            goal: Some(1.15),
            cases: cases(
                Task::RoundTrip,
                Waiting::Slept,
                1,
                &[&[Eventfd], &TONG, &KERNEL],
            ),
        },
        Group {
            id: "round-trip-slept-2",
            title: "64 B round trip, both asleep when the message comes, two cores".into(),
            unit: Unit::Seconds,
            goal: None,
            cases: cases(
                Task::PausedRoundTrip,
                Waiting::Slept,
                2,
                &[&[Eventfd], &TONG, &KERNEL],
            ),
        },
        Group {
            id: "round-trip-blocked-2",
            title: "64 B round trip as programs write it, in blocking calls, two cores".into(),
            unit: Unit::Seconds,
            goal: None,
            cases: cases(
                Task::RoundTrip,
                Waiting::Blocked,
                2,
                &[&[Eventfd], &TONG, &KERNEL],
            ),
        },
    ]
}

fn rates() -> [Group; 2] {
    use Contender::{BareRing, Mailslot, MailslotDefaultQuota};
    let mut one = cases(
        Task::Stream,
        Waiting::Spun,
        2,
        &[&[BareRing], &TONG, &[MailslotDefaultQuota], &KERNEL],
    );
    one.extend(cases(Task::Stream, Waiting::Blocked, 2, &[&TONG, &KERNEL]));
    // The design compares with one bare ring; eight of them, read in turn, show what is lost to eight writers alone.
    let mut eight = cases(Task::Stream, Waiting::Spun, 2, &[&[BareRing]]);
    let many = cases(
        Task::Stream,
        Waiting::Spun,
        2,
        &[&[BareRing, Mailslot, MailslotDefaultQuota], &KERNEL],
    );
    let blocked = cases(Task::Stream, Waiting::Blocked, 2, &[&[Mailslot], &KERNEL]);
    eight.extend(
        many.into_iter()
            .chain(blocked)
            .map(|case| Case { writers: 8, ..case }),
    );
    [
        Group {
            id: "rate-1",
            title: "64 B messages one way, one writer".into(),
            unit: Unit::PerSecond,
            goal: Some(0.8),
            cases: one,
        },
        Group {
            id: "rate-8",
            title: "64 B messages one way, 8 writer processes to one reader".into(),
            unit: Unit::PerSecond,
            goal: Some(0.65),
            cases: eight,
        },
    ]
}

fn bulk(id: &'static str, message_len: usize) -> Group {
    use Contender::{BareRing, Memcpy, Pipe, Seqpacket};
    let mut all = cases(Task::Memcpy, Waiting::Spun, 1, &[&[Memcpy]]);
    all.extend(cases(
        Task::Stream,
        Waiting::Spun,
        2,
        &[&[BareRing], &TONG, &[Seqpacket, Pipe]],
    ));
    all.extend(cases(
        Task::Stream,
        Waiting::Blocked,
        2,
        &[&TONG, &[Seqpacket, Pipe]],
    ));
    Group {
        id,
        title: format!("{} KiB messages one way, one writer", message_len / 1024),
        unit: Unit::BytesPerSecond,
        goal: Some(0.5),
        cases: all
            .into_iter()
            .map(|case| Case {
                message_len,
                ..case
            })
            .collect(),
    }
}

fn meetings() -> [Group; 3] {
    use Contender::{Channel, UnixStream};
    [
        Group {
            id: "connect",
            title: "connect + accept + close, two processes on one core".into(),
            unit: Unit::Seconds,
            goal: Some(2.0),
            cases: cases(
                Task::Connect,
                Waiting::Blocked,
                1,
                &[&[UnixStream, Channel]],
            ),
        },
        Group {
            id: "first-message",
            title: "open, first 64 B message, close, two processes on one core".into(),
            unit: Unit::Seconds,
            goal: Some(2.0),
            cases: cases(
                Task::FirstMessage,
                Waiting::Blocked,
                1,
                &[&[UnixStream], &TONG],
            ),
        },
        Group {
            id: "name-to-message",
            title: "create a name, open, first 64 B message, close all, one thread".into(),
            unit: Unit::Seconds,
            goal: None,
            cases: cases(
                Task::NameToMessage,
                Waiting::Blocked,
                1,
                &[&[UnixStream], &TONG],
            ),
        },
    ]
}

/// Flat means: no more than a quarter above the cost with one writer.
fn crowds() -> Vec<Group> {
    use Contender::{Mailslot, Seqpacket};
    use Task::{CrowdIdle, CrowdStream, CrowdTurns};
    let sizes = |task, waiting, cores, contender| {
        [1, 10, 100, 1000]
            .map(|writers| Case {
                writers,
                cores,
                ..case(task, waiting, contender)
            })
            .to_vec()
    };
    let group = |id, title: &str, goal, cases| Group {
        id,
        title: title.into(),
        unit: Unit::Seconds,
        goal,
        cases,
    };
    let streams = "64 B messages one way, one of the connected writers is active: time per message";
    let turns =
        "64 B message and an eventfd back, one of the connected writers is active: time per turn";
    vec![
        group(
            "crowd-stream",
            streams,
            Some(1.25),
            sizes(CrowdStream, Waiting::Spun, 2, Mailslot),
        ),
        group(
            "crowd-stream-epoll",
            streams,
            None,
            sizes(CrowdStream, Waiting::Spun, 2, Seqpacket),
        ),
        group(
            "crowd-turns",
            turns,
            Some(1.25),
            sizes(CrowdTurns, Waiting::Slept, 1, Mailslot),
        ),
        group(
            "crowd-turns-epoll",
            turns,
            None,
            sizes(CrowdTurns, Waiting::Slept, 1, Seqpacket),
        ),
        Group {
            id: "crowd-idle",
            title: "processor time of a reader whose 1,000 connected writers are silent".into(),
            unit: Unit::Load,
            goal: None,
            cases: [Seqpacket, Mailslot]
                .map(|contender| Case {
                    writers: 1000,
                    cores: 1,
                    ..case(CrowdIdle, Waiting::Slept, contender)
                })
                .to_vec(),
        },
    ]
}
