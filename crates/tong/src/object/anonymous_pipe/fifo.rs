//! FIFOs: pipes of the kernel that have a path, for processes that have nothing else in common.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{self, FileType, Mode, OFlags, CWD};
use rustix::io::Errno;

use super::nap::Nap;
use super::{AnonymousReader, AnonymousWriter, Stop};
use crate::{Error, ErrorKind, Result};

/// The longest sleep between two looks for a reader, of whose coming the system tells unless it cannot.
const LOOK: Duration = Duration::from_millis(100);

/// The path of a FIFO.
///
/// Its ends behave as those of an anonymous pipe. What is written is for whoever reads first; several writers take turns
/// of up to 4096 bytes. Nothing is kept when nobody has it open.
///
/// ```
/// use tong::Fifo;
///
/// # let dir = tempfile::tempdir()?;
/// let fifo = Fifo::create(dir.path().join("orders"))?;
/// let reader = fifo.reader()?;
/// fifo.writer(None)?.send(b"two teas")?;
/// let mut order = [0; 20];
/// assert_eq!(reader.receive(&mut order)?, 8);
/// fifo.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Linux: fifo(7), mkfifo(3), inotify(7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    path: PathBuf,
}

impl Fifo {
    /// Makes a FIFO that only this user can open, mode 0600.
    ///
    /// # Errors
    /// As [`create_with_mode`](Self::create_with_mode).
    pub fn create(path: impl Into<PathBuf>) -> Result<Fifo> {
        Fifo::create_with_mode(path, 0o600)
    }

    /// Makes a FIFO with these permissions, less those in the process's umask.
    ///
    /// # Errors
    /// [`FileExists`](ErrorKind::FileExists) if the path leads to anything; [`PathNotFound`](ErrorKind::PathNotFound)
    /// if its directory does not exist; else what the system reports.
    pub fn create_with_mode(path: impl Into<PathBuf>, mode: u32) -> Result<Fifo> {
        let fifo = Fifo::at(path);
        let mode = Mode::from_raw_mode(mode & 0o7777);
        match fs::mknodat(CWD, &fifo.path, FileType::Fifo, mode, 0) {
            Ok(()) => Ok(fifo),
            Err(Errno::EXIST) => Err(fifo.error("make FIFO", ErrorKind::FileExists)),
            Err(Errno::NOENT) => Err(fifo.error("make FIFO", ErrorKind::PathNotFound)),
            Err(errno) => Err(fifo.failure("make FIFO", errno)),
        }
    }

    /// The FIFO that is, or shall be, at a path.
    pub fn at(path: impl Into<PathBuf>) -> Fifo {
        Fifo { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for reading, at once, whether or not anybody writes.
    ///
    /// The reader waits for its first writer when it reads; after that, [`BrokenPipe`](ErrorKind::BrokenPipe) says that
    /// all writers have closed it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`AccessDenied`](ErrorKind::AccessDenied);
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it is no FIFO; else what the system reports.
    pub fn reader(&self) -> Result<AnonymousReader> {
        const OP: &str = "open FIFO for reading";
        let fd = self
            .open(OFlags::RDONLY)
            .map_err(|stop| self.stop(OP, stop))?;
        AnonymousReader::from_fd(fd).map_err(|error| error.on(&*self.text()))
    }

    /// Opens it for writing, and waits for a reader if there is none, `None` for ever.
    ///
    /// # Errors
    /// As [`reader`](Self::reader), and [`PipeBusy`](ErrorKind::PipeBusy) if the time has passed and nobody has opened it
    /// for reading; [`Canceled`](ErrorKind::Canceled).
    pub fn writer(&self, timeout: Option<Duration>) -> Result<AnonymousWriter> {
        const OP: &str = "open FIFO for writing";
        let fd = match self.open(OFlags::WRONLY) {
            Err(Stop::Is(ErrorKind::PipeBusy)) => self.await_reader(timeout),
            result => result,
        };
        let fd = fd.map_err(|stop| self.stop(OP, stop))?;
        AnonymousWriter::from_fd(fd).map_err(|error| error.on(&*self.text()))
    }

    /// Removes the path. Those who have it open go on.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`InvalidParameter`](ErrorKind::InvalidParameter) if something else is
    /// there, which stays; else what the system reports.
    pub fn remove(&self) -> Result<()> {
        const OP: &str = "remove FIFO";
        let fail = |errno| self.failure(OP, errno);
        let flags = fs::AtFlags::SYMLINK_NOFOLLOW;
        let stat = fs::statat(CWD, &self.path, flags).map_err(fail)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            return Err(self.error(OP, ErrorKind::InvalidParameter));
        }
        fs::unlink(&self.path).map_err(fail)
    }

    /// Opens it without waiting, for calls that wait.
    fn open(&self, access: OFlags) -> std::result::Result<std::os::fd::OwnedFd, Stop> {
        let flags = access | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let open = || fs::open(&self.path, flags, Mode::empty());
        let fd = rustix::io::retry_on_intr(open).map_err(|errno| match errno {
            Errno::NXIO => Stop::Is(ErrorKind::PipeBusy),
            errno => Stop::System(errno),
        })?;
        let flags = fs::fcntl_getfl(&fd)?;
        fs::fcntl_setfl(&fd, flags - OFlags::NONBLOCK)?;
        Ok(fd)
    }

    /// Tries to open it for writing whenever somebody has opened it.
    fn await_reader(
        &self,
        timeout: Option<Duration>,
    ) -> std::result::Result<std::os::fd::OwnedFd, Stop> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let news = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&news, &self.path, WatchFlags::OPEN)?;
        let mut nap = Nap::new();
        loop {
            match self.open(OFlags::WRONLY) {
                Err(Stop::Is(ErrorKind::PipeBusy)) => {}
                result => return result,
            }
            let left = deadline.map_or(LOOK, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Err(Stop::Is(ErrorKind::PipeBusy));
            }
            nap.until(&news, PollFlags::IN, Some(left.min(LOOK)))?;
            // What it says does not matter; it must be read, so that the next news is heard.
            let _ = rustix::io::read(&news, &mut [0; 1024]);
        }
    }

    fn text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn error(&self, op: &'static str, kind: ErrorKind) -> Error {
        Error::new(op, kind).on(&*self.text())
    }

    fn failure(&self, op: &'static str, errno: Errno) -> Error {
        Error::from_io(op, errno.into()).on(&*self.text())
    }

    fn stop(&self, op: &'static str, stop: Stop) -> Error {
        stop.error(op).on(&*self.text())
    }
}
