//! How a pipe, and one instance of it, is to be made.

use std::time::Duration;

use crate::channel::conduit::{PipeType, ReadMode};
use crate::{Access, Error, ErrorKind, Result};

/// Most instances that a limited pipe can have.
pub(crate) const MOST_INSTANCES: u32 = 254;
/// What [`WaitTime::Default`] stands for if the pipe's creator gave no time-out.
pub(crate) const USUAL_TIMEOUT: Duration = Duration::from_millis(50);
/// Quota of each direction unless the creator says otherwise.
const USUAL_QUOTA: u32 = 64 << 10;

/// Which way data goes through a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Inbound,
    /// From the server to the client.
    Outbound,
    /// Both ways.
    Duplex,
}

impl Direction {
    /// The direction in which data goes to the server, to the client, or both.
    pub(crate) fn of(inbound: bool, outbound: bool) -> Direction {
        match (inbound, outbound) {
            (true, false) => Direction::Inbound,
            (false, true) => Direction::Outbound,
            _ => Direction::Duplex,
        }
    }

    /// Whether the server reads and the client writes.
    #[must_use]
    pub fn is_inbound(self) -> bool {
        self != Direction::Outbound
    }

    /// Whether the server writes and the client reads.
    #[must_use]
    pub fn is_outbound(self) -> bool {
        self != Direction::Inbound
    }
}

/// The modes of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// How it reads.
    pub read: ReadMode,
    /// Whether its reads, writes and connects return at once instead of waiting.
    pub nowait: bool,
}

/// How long to wait for an instance of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitTime {
    /// As long as the pipe's creator said, 50 ms if nothing was said.
    Default,
    /// Without limit.
    Forever,
    /// This long; parts of a millisecond count.
    For(Duration),
}

/// How a pipe instance is to be made.
///
/// The first instance of a name makes the pipe. Later ones take its type, number of instances, default time-out and
/// access from the first, whatever is given here, and must have the same direction.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// use tong::pipe::{PipeServer, PipeType, ReadMode};
///
/// let name = tong::PipeName::short("calculator")?;
/// let server = PipeServer::options()
///     .pipe_type(PipeType::Message)
///     .read_mode(ReadMode::Message)
///     .create(&name)?;
/// server.connect()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PipeOptions {
    pub(crate) direction: Direction,
    pub(crate) pipe_type: PipeType,
    pub(crate) read_mode: ReadMode,
    pub(crate) nowait: bool,
    pub(crate) max_instances: Option<u32>,
    pub(crate) in_quota: u32,
    pub(crate) out_quota: u32,
    pub(crate) default_timeout: Duration,
    pub(crate) first_instance: bool,
    pub(crate) access: Access,
    pub(crate) synchronous: bool,
}

impl PipeOptions {
    pub(crate) fn new() -> PipeOptions {
        PipeOptions {
            direction: Direction::Duplex,
            pipe_type: PipeType::Byte,
            read_mode: ReadMode::Byte,
            nowait: false,
            max_instances: None,
            in_quota: USUAL_QUOTA,
            out_quota: USUAL_QUOTA,
            default_timeout: Duration::ZERO,
            first_instance: false,
            access: Access::Private,
            synchronous: false,
        }
    }

    /// Sets which way data goes; the default is both ways.
    pub fn direction(&mut self, direction: Direction) -> &mut Self {
        self.direction = direction;
        self
    }

    /// Sets whether the pipe carries bytes, the default, or messages.
    pub fn pipe_type(&mut self, pipe_type: PipeType) -> &mut Self {
        self.pipe_type = pipe_type;
        self
    }

    /// Sets how the server end reads at first; the default is bytes, also on a pipe that carries messages.
    pub fn read_mode(&mut self, read_mode: ReadMode) -> &mut Self {
        self.read_mode = read_mode;
        self
    }

    /// Sets whether the server end's calls return at once instead of waiting; the default is that they wait.
    pub fn nowait(&mut self, nowait: bool) -> &mut Self {
        self.nowait = nowait;
        self
    }

    /// Sets how many instances the pipe may have at once, 1 to 254; `None`, the default, and 255 are any number.
    pub fn max_instances(&mut self, instances: Option<u32>) -> &mut Self {
        self.max_instances = instances;
        self
    }

    /// Sets how many bytes of completed writes from the client may be unread, from 0 up; the default is 64 KiB.
    pub fn in_quota(&mut self, bytes: u32) -> &mut Self {
        self.in_quota = bytes;
        self
    }

    /// Sets how many bytes of completed writes to the client may be unread, from 0 up; the default is 64 KiB.
    pub fn out_quota(&mut self, bytes: u32) -> &mut Self {
        self.out_quota = bytes;
        self
    }

    /// Sets how long [`WaitTime::Default`] waits for an instance; zero, the default, is 50 ms. Kept in whole
    /// milliseconds, rounded up.
    pub fn default_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.default_timeout = timeout;
        self
    }

    /// Sets whether creating fails if the pipe exists.
    pub fn first_instance(&mut self, first: bool) -> &mut Self {
        self.first_instance = first;
        self
    }

    /// Sets who may open client ends; the default is the creator's user. Only that user can add instances.
    pub fn access(&mut self, access: Access) -> &mut Self {
        self.access = access;
        self
    }

    /// Sets whether the server end runs one operation at a time, of whichever thread; by default reading and writing are
    /// independent.
    pub fn synchronous(&mut self, synchronous: bool) -> &mut Self {
        self.synchronous = synchronous;
        self
    }

    /// Checks what can be checked without looking at the pipe.
    pub(crate) fn check(&self) -> Result<()> {
        let refused =
            |why: &str| Err(Error::new("create pipe", ErrorKind::InvalidParameter).because(why));
        if self.pipe_type == PipeType::Byte && self.read_mode == ReadMode::Message {
            return refused("a pipe that carries bytes has no messages to read");
        }
        match self.max_instances {
            Some(0) => refused("a pipe has at least one instance"),
            Some(256..) => refused("a pipe has 1 to 254 instances, or any number (255)"),
            _ => Ok(()),
        }
    }

    /// How many instances the pipe may have at once, if there is a limit.
    pub(crate) fn limit(&self) -> Option<u32> {
        self.max_instances.filter(|most| *most <= MOST_INSTANCES)
    }

    /// The modes that a server end starts with on a pipe of that type, which an earlier instance may have fixed.
    pub(crate) fn modes_on(&self, pipe_type: PipeType) -> Modes {
        let read = match pipe_type {
            PipeType::Byte => ReadMode::Byte,
            PipeType::Message => self.read_mode,
        };
        Modes {
            read,
            nowait: self.nowait,
        }
    }
}
