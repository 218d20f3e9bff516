//! Operations that the tests start, and what they hear of them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tong::io::{Completion, Key, Outcome, Started};
use tong::pipe::{PipeEnd, PipeServer};
use tong::ErrorKind;

/// What a read brought: bytes, and whether the message goes on.
pub(super) type Got = Result<(Vec<u8>, bool), ErrorKind>;

/// All of what was asked for, or all of a message.
pub(super) fn whole(bytes: impl AsRef<[u8]>) -> Got {
    Ok((bytes.as_ref().to_vec(), false))
}

/// A part of a message.
pub(super) fn part(bytes: impl AsRef<[u8]>) -> Got {
    Ok((bytes.as_ref().to_vec(), true))
}

/// Longer than anything takes to happen that is going to happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a test looks on to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(60);

/// The completion of an operation.
struct Waiter {
    tag: usize,
    room: Vec<u8>,
    tell: Sender<(Outcome, Vec<u8>)>,
}

impl Completion for Waiter {
    fn key(&self) -> Key {
        Key {
            tag: self.tag,
            thread: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn done(self: Box<Self>, outcome: Outcome) {
        let Waiter { room, tell, .. } = *self;
        let _ = tell.send((outcome, room));
    }
}

/// An operation that was started.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) tag: usize,
    told: Receiver<(Outcome, Vec<u8>)>,
}

/// What became of a start.
#[derive(Debug)]
pub(super) enum Begun {
    Pending(Op),
    Now(Outcome, Vec<u8>),
}

impl Begun {
    /// The operation, which must be pending.
    #[track_caller]
    pub(super) fn pending(self) -> Op {
        match self {
            Begun::Pending(op) => op,
            Begun::Now(outcome, _) => panic!("it ended at once: {outcome:?}"),
        }
    }

    /// What came at once.
    #[track_caller]
    pub(super) fn now(self) -> Got {
        match self {
            Begun::Pending(_) => panic!("it is pending"),
            Begun::Now(outcome, room) => got(outcome, &room),
        }
    }
}

/// Starts an operation by `start`, with room for `room` bytes.
pub(super) fn begin(
    room: usize,
    start: impl FnOnce(Box<dyn Completion>) -> tong::Result<Started>,
) -> Result<Begun, ErrorKind> {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let tag = NEXT.fetch_add(1, Ordering::Relaxed);
    let (tell, told) = mpsc::channel();
    let room = vec![0xEE; room];
    let started = start(Box::new(Waiter { tag, room, tell })).map_err(|error| error.kind())?;
    Ok(match started {
        Started::Pending => Begun::Pending(Op { tag, told }),
        Started::Now(outcome, mut completion) => {
            let room = completion.room().to_vec();
            assert!(
                told.try_recv().is_err(),
                "nothing is told of what ended at once"
            );
            Begun::Now(outcome, room)
        }
    })
}

fn got(outcome: Outcome, room: &[u8]) -> Got {
    let bytes = room.get(..outcome.bytes).unwrap_or(&[]).to_vec();
    match outcome.error {
        None => Ok((bytes, false)),
        Some(ErrorKind::MoreData) => Ok((bytes, true)),
        Some(kind) => {
            assert_eq!(outcome.bytes, 0, "a failure has no bytes");
            Err(kind)
        }
    }
}

/// Starts a read that has to wait.
#[track_caller]
pub(super) fn read_later(end: &PipeEnd, len: usize) -> Op {
    begin(len, |completion| end.start_receive(completion))
        .unwrap()
        .pending()
}

/// Starts a write that has to wait.
#[track_caller]
pub(super) fn write_later(end: &PipeEnd, bytes: &[u8]) -> Op {
    begin(0, |completion| end.start_send(bytes, completion))
        .unwrap()
        .pending()
}

/// Starts a write that does not have to wait.
#[track_caller]
pub(super) fn write_now(end: &PipeEnd, bytes: &[u8]) -> usize {
    match begin(0, |completion| end.start_send(bytes, completion)).unwrap() {
        Begun::Now(outcome, _) => outcome.bytes,
        Begun::Pending(_) => panic!("the write of {} bytes is pending", bytes.len()),
    }
}

/// Starts a transaction.
#[track_caller]
pub(super) fn transact_later(end: &PipeEnd, request: &[u8], len: usize) -> Op {
    begin(len, |completion| end.start_transact(request, completion))
        .unwrap()
        .pending()
}

/// Starts to wait for a client.
#[track_caller]
pub(super) fn connect_later(server: &PipeServer) -> Op {
    begin(0, |completion| server.start_connect(completion))
        .unwrap()
        .pending()
}

impl Op {
    /// The operation goes on, for as long as one can watch.
    #[track_caller]
    pub(super) fn waits(&self) {
        match self.told.recv_timeout(A_WHILE) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the completion was dropped"),
            Ok((outcome, _)) => panic!("it ended: {outcome:?}"),
        }
    }

    /// How a read ended.
    #[track_caller]
    pub(super) fn read(self) -> Got {
        let (outcome, room) = self.end();
        got(outcome, &room)
    }

    /// How a write or a connect ended.
    #[track_caller]
    pub(super) fn wrote(self) -> Result<usize, ErrorKind> {
        let (outcome, _) = self.end();
        match outcome.error {
            None => Ok(outcome.bytes),
            Some(kind) => {
                assert_eq!(outcome.bytes, 0, "a failure has no bytes");
                Err(kind)
            }
        }
    }

    #[track_caller]
    fn end(self) -> (Outcome, Vec<u8>) {
        let ended = match self.told.recv_timeout(PATIENCE) {
            Ok(ended) => ended,
            Err(why) => panic!("it did not end: {why}"),
        };
        assert!(
            self.told.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected),
            "it ended once"
        );
        ended
    }

    /// Cancels the operation; whether there was one to cancel.
    pub(super) fn cancel(&self, end: &PipeEnd) -> bool {
        match end.cancel(&|key| key.tag == self.tag) {
            0 => false,
            1 => true,
            more => panic!("canceled {more} operations"),
        }
    }
}

/// Reads, waiting if need be.
#[track_caller]
pub(super) fn read(end: &PipeEnd, len: usize) -> Got {
    let mut room = vec![0xEE; len];
    match end.receive_timeout(&mut room, PATIENCE) {
        Ok(received) => {
            assert!(
                room[received.bytes..].iter().all(|byte| *byte == 0xEE),
                "nothing is touched behind what was read"
            );
            Ok((room[..received.bytes].to_vec(), received.more))
        }
        Err(error) => Err(error.kind()),
    }
}

/// Reads what is there; [`ErrorKind::PipeEmpty`] if a read would have to wait.
#[track_caller]
pub(super) fn poll(end: &PipeEnd, len: usize) -> Got {
    let mut room = vec![0xEE; len];
    match end.try_receive(&mut room) {
        Ok(received) => Ok((room[..received.bytes].to_vec(), received.more)),
        Err(error) => Err(error.kind()),
    }
}

/// Asserts that nothing is there to be read.
#[track_caller]
pub(super) fn nothing(end: &PipeEnd) {
    assert_eq!(poll(end, 64), Err(ErrorKind::PipeEmpty));
}

/// What a call of a thread of its own came to.
#[track_caller]
pub(super) fn joined<T: Debug>(thread: std::thread::JoinHandle<T>) -> T {
    thread.join().unwrap()
}
