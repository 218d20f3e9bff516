//! What is measured: a *case* is one contender at one task, a *group* is the cases that are compared.
//!
//! A case travels to the measuring process and to its peers as JSON on their command line, so everything that they
//! must agree on (message length, number of writers, who sleeps) is a field here and nowhere else.

use serde::{Deserialize, Serialize};

/// A way of moving messages, or the bare machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    Memcpy,
    CacheLine,
    BareRing,
    Eventfd,
    Seqpacket,
    Pipe,
    Mq,
    UnixStream,
    Interprocess,
    IpcChannel,
    Channel,
    Mailslot,
    MailslotDefaultQuota,
    Event,
    NamedEvent,
    EventHandle,
    Mutex,
    MutexHandle,
    Semaphore,
    SemaphoreHandle,
    Process,
    PthreadMutex,
    RobustMutex,
    PosixSemaphore,
    Poll,
    SharedMemory,
    PosixSpawn,
    PipeMessages,
    PipeBytes,
    PipeHandle,
    PipeOverlapped,
    PipePort,
    Anonymous,
    TokioStream,
    TokioPipe,
    EpollPair,
    Wine,
    CProgram,
}

impl Contender {
    /// The name in tables and plots.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Contender::Memcpy => "memcpy",
            Contender::CacheLine => "cache line",
            Contender::BareRing => "bare ring",
            Contender::Eventfd => "bare eventfd",
            Contender::Seqpacket => "SEQPACKET socket",
            Contender::Pipe => "kernel pipe",
            Contender::Mq => "POSIX mq",
            Contender::UnixStream => "Unix stream socket",
            Contender::Interprocess => "crate interprocess",
            Contender::IpcChannel => "crate ipc-channel",
            Contender::Channel => "tong channel",
            Contender::Mailslot => "tong mailslot",
            Contender::MailslotDefaultQuota => "tong mailslot, default quota",
            Contender::Event => "tong event",
            Contender::NamedEvent => "tong named event",
            Contender::EventHandle => "tong event, C",
            Contender::Mutex => "tong mutex",
            Contender::MutexHandle => "tong mutex, C",
            Contender::Semaphore => "tong semaphore",
            Contender::SemaphoreHandle => "tong semaphore, C",
            Contender::Process => "tong process",
            Contender::PthreadMutex => "pthread mutex",
            Contender::RobustMutex => "pthread robust mutex",
            Contender::PosixSemaphore => "POSIX semaphore",
            Contender::Poll => "poll of eventfds",
            Contender::SharedMemory => "shm_open + mmap",
            Contender::PosixSpawn => "posix_spawn + waitpid",
            Contender::PipeMessages => "tong pipe, messages",
            Contender::PipeBytes => "tong pipe, bytes",
            Contender::PipeHandle => "tong pipe, C",
            Contender::PipeOverlapped => "tong pipe, C, overlapped",
            Contender::PipePort => "tong pipe, C, port",
            Contender::Anonymous => "tong anonymous pipe",
            Contender::TokioStream => "tokio Unix stream socket",
            Contender::TokioPipe => "tong pipe, tokio",
            Contender::EpollPair => "SEQPACKET socket, epoll",
            Contender::Wine => "Wine",
            Contender::CProgram => "tong",
        }
    }

    /// Whether this is ours, so that the goals are meant for it.
    pub(crate) fn is_tong(self) -> bool {
        matches!(
            self,
            Contender::Channel
                | Contender::Mailslot
                | Contender::MailslotDefaultQuota
                | Contender::Event
                | Contender::NamedEvent
                | Contender::EventHandle
                | Contender::Mutex
                | Contender::MutexHandle
                | Contender::Semaphore
                | Contender::SemaphoreHandle
                | Contender::Process
                | Contender::PipeMessages
                | Contender::PipeBytes
                | Contender::PipeHandle
                | Contender::PipeOverlapped
                | Contender::PipePort
                | Contender::Anonymous
                | Contender::TokioPipe
                | Contender::CProgram
        )
    }
}

/// What the processes of a case do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// A message there and one back, the next at once.
    RoundTrip,
    /// The same, but each side lets the other fall asleep before it sends; the pauses are not counted.
    PausedRoundTrip,
    /// Messages one way, as fast as they go.
    Stream,
    /// A message is sent and received by one thread, which holds both ends.
    WriteRead,
    /// Copies in one thread.
    Memcpy,
    /// Connect, accept, close on both sides; no message.
    Connect,
    /// Connect or open, send one message, receive it, close.
    FirstMessage,
    /// The same with the name itself made and removed each time, all in one thread.
    NameToMessage,
    /// One of many connected writers streams.
    CrowdStream,
    /// One of many connected writers sends and waits for an eventfd after each message.
    CrowdTurns,
    /// Many writers are connected and nobody sends: the processor time of the blocked reader.
    CrowdIdle,
    /// An event is set and waited for by one thread.
    SetWait,
    /// A lock is taken and let go by one thread.
    LockUnlock,
    /// A semaphore is released and waited for by one thread.
    ReleaseWait,
    /// A wait for any of as many objects as the case has writers, the last of which is signaled before.
    WaitAny,
    /// All of as many objects are signaled, and one wait for all takes them.
    WaitAll,
    /// An object without a name is made and closed.
    MakeClose,
    /// An object with a name is made and closed.
    NameClose,
    /// As many threads as the case has writers take one lock, again and again.
    Threads,
    /// A program is started, its end awaited, its exit code asked for.
    StartProcess,
    /// Memory of each of as many objects as the case has writers.
    Footprint,
    /// Many clients are connected to one server thread, and one of them sends and awaits the answer.
    ClientsTurns,
    /// Many clients are connected to one server thread, and all of them send before the first takes its answer.
    ClientsRounds,
    /// Many clients are connected and silent: the processor time of the server.
    ClientsIdle,
    /// Many clients are connected and silent: the server's memory for each.
    ClientsMemory,
    /// A call of a C program that measures itself; which one is the number in `wine`'s list.
    LocalCall(usize),
}

impl Task {
    /// Whether the task is one server's with as many clients as the case has writers.
    pub(crate) fn is_for_clients(self) -> bool {
        matches!(
            self,
            Task::ClientsTurns | Task::ClientsRounds | Task::ClientsIdle | Task::ClientsMemory
        )
    }

    /// Whether the task has no other process: what it has many of are objects or threads.
    pub(crate) fn is_alone(self) -> bool {
        matches!(
            self,
            Task::WriteRead
                | Task::SetWait
                | Task::LockUnlock
                | Task::ReleaseWait
                | Task::WaitAny
                | Task::WaitAll
                | Task::MakeClose
                | Task::NameClose
                | Task::Threads
                | Task::StartProcess
                | Task::Footprint
        )
    }
}

/// How a receiver passes the time until a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Waiting {
    /// It tries again and again.
    Spun,
    /// It blocks in the receiving call, as a program would; what that call does inside is its own business.
    Blocked,
    /// It blocks, and the task sees to it that it is asleep when the message comes.
    Slept,
}

/// One contender at one task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) contender: Contender,
    pub(crate) task: Task,
    pub(crate) waiting: Waiting,
    /// Processors in use. If two and [pinned](Case::is_pinned), the reader has one, all writers the other.
    pub(crate) cores: usize,
    pub(crate) writers: usize,
    pub(crate) message_len: usize,
    /// How long one sample should take.
    pub(crate) sample_ms: u32,
}

impl Case {
    pub(crate) fn spins(&self) -> bool {
        self.waiting == Waiting::Spun
    }

    /// Whether each process is bound to one processor.
    pub(crate) fn is_pinned(&self) -> bool {
        self.cores == 1 || self.waiting != Waiting::Blocked
    }

    /// How much tong may queue: a quarter of a second-level cache of 1 MiB, but room for two messages.
    pub(crate) fn queue_bytes(&self) -> u64 {
        let bytes = (256 * 1024).max(2 * self.message_len + 64 * 1024);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Passes the time of a sender that met a full queue, or of a receiver that spins.
    ///
    /// Writers that share a processor must let each other run; alone on one, it is best to stay on it.
    pub(crate) fn relax(&self) {
        if self.writers > 1 || self.cores == 1 {
            rustix::thread::sched_yield();
        } else {
            std::hint::spin_loop();
        }
    }

    /// "slept, 1 core" and the like; empty where nobody waits.
    pub(crate) fn circumstances(&self) -> String {
        if matches!(self.task, Task::LocalCall(_)) {
            return "C program".to_owned();
        }
        let waiting = match self.waiting {
            _ if self.task == Task::Memcpy || self.task.is_alone() => "no peer",
            Waiting::Spun => "spun",
            Waiting::Blocked => "blocked",
            Waiting::Slept => "slept",
        };
        let cores = match self.cores {
            1 => "1 core",
            _ if self.is_pinned() => "2 cores",
            _ => "2 cores unpinned",
        };
        match self.writers {
            0 | 1 => format!("{waiting}, {cores}"),
            threads if self.task == Task::Threads => format!("{threads} threads"),
            objects if self.task.is_alone() => format!("{objects} objects"),
            clients if self.task.is_for_clients() => {
                format!("{waiting}, {cores}, {clients} clients")
            }
            writers => format!("{waiting}, {cores}, {writers} writers"),
        }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// Seconds for one of something; less is better.
    Seconds,
    /// Messages in a second; more is better.
    PerSecond,
    /// Payload bytes in a second; more is better.
    BytesPerSecond,
    /// Processor seconds in a second; less is better.
    Load,
    /// Bytes; less is better.
    Bytes,
}

impl Unit {
    pub(crate) fn less_is_better(self) -> bool {
        matches!(self, Unit::Seconds | Unit::Load | Unit::Bytes)
    }

    /// A figure with three digits and its unit.
    pub(crate) fn show(self, value: f64) -> String {
        let scaled = |value: f64, steps: &[&str]| {
            let mut value = value;
            let mut step = 0;
            while value >= 999.5 && step + 1 < steps.len() {
                value /= 1000.0;
                step += 1;
            }
            let digits = if value < 9.995 {
                2
            } else {
                usize::from(value < 99.95)
            };
            format!("{value:.digits$} {}", steps[step])
        };
        match self {
            Unit::Seconds => scaled(value * 1e9, &["ns", "us", "ms", "s"]),
            Unit::PerSecond => scaled(value, &["/s", "k/s", "M/s"]),
            Unit::BytesPerSecond => scaled(value / 1e6, &["MB/s", "GB/s"]),
            Unit::Bytes => scaled(value, &["B", "kB", "MB"]),
            Unit::Load => scaled(value * 1e9, &["ns/s", "us/s", "ms/s", "s/s"]),
        }
    }
}

/// Cases that are measured in turns and compared with the first of them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// A short word for `--only` and for the JSON file.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    /// The ratio to the first case that tong should reach, if the design names one.
    pub(crate) goal: Option<f64>,
    /// The first is the baseline.
    pub(crate) cases: Vec<Case>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_three_digits_and_the_fitting_unit() {
        assert_eq!(Unit::Seconds.show(469e-9), "469 ns");
        assert_eq!(Unit::Seconds.show(2.5e-6), "2.50 us");
        assert_eq!(Unit::Seconds.show(999.9e-9), "1.00 us");
        assert_eq!(Unit::PerSecond.show(12.04e6), "12.0 M/s");
        assert_eq!(Unit::BytesPerSecond.show(41e9), "41.0 GB/s");
    }
}
