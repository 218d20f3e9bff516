//! Joining two ends: what comes out of one goes into the other, both ways, until both have ended.
//!
//! An [`End`] is anything that bytes or messages come out of or go into: a pipe, a mailslot, a socket, a FIFO, a program, our
//! own streams. [`address`] names one, a [`door::Door`] waits for those who come to it, [`session`] joins two. Each
//! direction has a thread of its own that blocks in its source or its sink; [`Stop`] and [`Keeper::cut`] make it come back.
//!
//! Between two ends that know messages each message stays one, whatever its length. Bytes that go to a message end become
//! messages as they are read, or a message for each line ([`lines`]).

pub(crate) mod address;
pub(crate) mod door;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod mailslot;
pub(crate) mod open;
pub(crate) mod pipe;
pub(crate) mod program;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod stop;
pub(crate) mod stream;
pub(crate) mod tally;

use crate::exit::Failure;
use std::sync::Arc;
pub(crate) use stop::Stop;

/// How many bytes of a stream are taken at once.
const CHUNK_BYTES: usize = 128 << 10;

/// What came out of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// Bytes, or one whole message, which may be empty.
    Data,
    /// Nothing comes any more; what goes the other way may still be wanted.
    End,
    /// The other side is gone altogether.
    Gone,
    /// We were told to stop.
    Stopped,
}

/// Why nothing more can be put into a sink.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nobody takes it any more.
    Gone,
    /// Something else went wrong.
    Failed(Failure),
}

/// Did the other side learn that no more comes?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Yes, and it may go on sending.
    Yes,
    /// No: there is no way to say so but to close both directions.
    No,
}

/// The direction out of an end.
pub(crate) trait Source: Send {
    /// Waits for the next bytes or message, and puts it into `chunk` in place of what was there.
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure>;
}

/// The direction into an end.
pub(crate) trait Sink: Send {
    /// Puts all of it in, as one message if the end knows messages.
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault>;

    /// Says that no more comes, when the other side has taken everything if that can be known.
    fn finish(&mut self) -> Result<Told, Fault>;
}

/// What holds an end together while two threads use its directions.
pub(crate) trait Keeper: Send + Sync {
    /// Makes threads come back that are blocked in it. What was not taken yet may be lost.
    fn cut(&self) {}

    /// Ends what would go on by itself, because somebody asked us to end.
    fn interrupt(&self) {}

    /// Both directions have ended: waits for what must end with them.
    fn part(&self) {}
}

/// The keeper of an end that needs none.
#[derive(Debug)]
pub(crate) struct Loose;

impl Keeper for Loose {}

/// One side of what is joined.
pub(crate) struct End {
    /// What it is called in messages.
    pub(crate) label: String,
    /// Where its data come from, if any do.
    pub(crate) source: Option<Box<dyn Source>>,
    /// Where data go, if any can.
    pub(crate) sink: Option<Box<dyn Sink>>,
    /// Its chunks are messages.
    pub(crate) has_messages: bool,
    /// What comes out of it is taken even if nobody wants it any more, and the connection goes on until its end: a program
    /// that writes to a closed pipe would be killed before its work is done.
    pub(crate) is_drained: bool,
    pub(crate) keeper: Arc<dyn Keeper>,
    /// The process at the other side, where that is known.
    pub(crate) peer: Option<u32>,
}

impl End {
    /// An end without directions, to be filled in.
    pub(crate) fn new(label: impl Into<String>) -> End {
        End {
            label: label.into(),
            source: None,
            sink: None,
            has_messages: false,
            is_drained: false,
            keeper: Arc::new(Loose),
            peer: None,
        }
    }
}
