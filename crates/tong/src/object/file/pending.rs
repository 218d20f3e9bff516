//! Reads that were started on an overlapped open and wait for something to read: of FIFOs, terminals, sockets.
//!
//! The process's servant watches a duplicate of the descriptor while there are any, and serves them in the order in which they
//! came. Another process that reads the same terminal at the same moment can take what was seen to be there; a read of
//! that terminal then holds the servant up until there is more.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::FileType;
use rustix::io::Errno;
use tong_sys::bell;

use super::transfer::{self, Place};
use super::File;
use crate::io::{self, Completion, Key, Outcome, Pump, Started, Watch};
use crate::object::anonymous_pipe::{flow, Stop};
use crate::{Error, ErrorKind, Result};

/// The reads that wait.
pub(super) struct Reads {
    fd: Arc<OwnedFd>,
    is_fifo: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Completion>>,
    watch: Option<Watch>,
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads")
            .field("waiting", &self.lock().waiting.len())
            .finish_non_exhaustive()
    }
}

type Ended = Vec<(Box<dyn Completion>, Outcome)>;

fn tell(ended: Ended) {
    for (completion, outcome) in ended {
        completion.done(outcome);
    }
}

impl Reads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is there; `None` if nothing is.
    fn take(&self, room: &mut [u8]) -> std::result::Result<Option<usize>, Stop> {
        if self.is_fifo {
            return flow::take(&self.fd, room);
        }
        if !bell::is_readable(&self.fd) {
            return Ok(None);
        }
        if room.is_empty() {
            return Ok(Some(0));
        }
        match transfer::read(&self.fd, room, Place::Pointer, false)? {
            0 => Err(Stop::Is(ErrorKind::Closed)),
            bytes => Ok(Some(bytes)),
        }
    }

    fn outcome(&self, room: &mut [u8]) -> Option<Outcome> {
        match self.take(room) {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(Outcome::success(bytes)),
            Err(stop) => Some(Outcome::failure(stop.error("read file").kind())),
        }
    }

    fn serve(&self, state: &mut State, ended: &mut Ended) {
        while let Some(mut first) = state.waiting.pop_front() {
            match self.outcome(first.room()) {
                Some(outcome) => ended.push((first, outcome)),
                None => {
                    state.waiting.push_front(first);
                    return;
                }
            }
        }
        state.watch = None;
    }

    fn cancel(&self, chosen: &dyn Fn(Key) -> bool) -> usize {
        let mut ended = Ended::new();
        let mut state = self.lock();
        for waiting in std::mem::take(&mut state.waiting) {
            match chosen(waiting.key()) {
                true => ended.push((waiting, Outcome::failure(ErrorKind::Canceled))),
                false => state.waiting.push_back(waiting),
            }
        }
        if state.waiting.is_empty() {
            state.watch = None;
        }
        drop(state);
        let count = ended.len();
        tell(ended);
        count
    }
}

impl Pump for Reads {
    fn pump(&self) {
        let mut ended = Ended::new();
        self.serve(&mut self.lock(), &mut ended);
        tell(ended);
    }
}

impl File {
    /// Starts a read of what is no regular file into the room of `completion`, and goes on without waiting for it. Reads that
    /// wait are served in the order in which they were started.
    ///
    /// # Errors
    /// Of a FIFO, [`BrokenPipe`](ErrorKind::BrokenPipe) at the end; of what else has an end,
    /// [`Closed`](ErrorKind::Closed); no descriptors or threads are left; else what the system reports.
    pub fn start_read(&self, mut completion: Box<dyn Completion>) -> Result<Started> {
        const OP: &str = "read file";
        let reads = self.reads()?;
        let mut state = reads.lock();
        if state.waiting.is_empty() {
            let taken = reads.take(completion.room());
            if let Some(bytes) = taken.map_err(|stop| self.stop(OP, stop))? {
                return Ok(Started::Now(Outcome::success(bytes), completion));
            }
            let weak: Weak<Reads> = Arc::downgrade(&reads);
            match io::servant()?.watch(Arc::clone(&reads.fd), weak) {
                Ok(watch) => state.watch = Some(watch),
                // What cannot be watched never waits long: a device without an end that is not ready yet.
                Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
                    let bytes = self.read(completion.room())?;
                    return Ok(Started::Now(Outcome::success(bytes), completion));
                }
                Err(error) => return Err(error),
            }
        }
        // What comes from now on, or came since the look, is reported by the watch.
        state.waiting.push_back(completion);
        Ok(Started::Pending)
    }

    fn reads(&self) -> Result<Arc<Reads>> {
        if let Some(reads) = self.reads.get() {
            return Ok(Arc::clone(reads));
        }
        let fd = self.fd.as_fd().try_clone_to_owned();
        let fd = fd.map_err(|error| self.named(Error::from_io("read file", error)))?;
        let reads = Arc::new(Reads {
            fd: Arc::new(fd),
            is_fifo: self.file_type == FileType::Fifo,
            state: Mutex::default(),
        });
        Ok(Arc::clone(self.reads.get_or_init(|| reads)))
    }

    /// Ends reads that wait with [`Canceled`](ErrorKind::Canceled); returns how many there were.
    pub fn cancel(&self, chosen: &dyn Fn(Key) -> bool) -> usize {
        self.reads.get().map_or(0, |reads| reads.cancel(chosen))
    }
}
