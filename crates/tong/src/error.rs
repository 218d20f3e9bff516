//! The one error type of tong.
//!
//! An [`Error`] says which operation failed ([`Error::op`]), on which object ([`Error::name`]), of what kind
//! ([`Error::kind`]), and what the system said if the system was asked. Callers match on the kind; people read the
//! text, which says what was wrong and what would be right.
//!
//! Outcomes that a program plans for (a time-out, a full queue) are kinds too, so that one `match` covers a call.
//! The numbers of other worlds live elsewhere: the Win32 codes in `tong-win32`, the exit codes in the command.

use std::fmt;
use std::io;
use std::sync::Arc;

/// What went wrong, as far as a caller can act on it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No object of that name exists.
    NotFound,
    /// A directory on the way to the name does not exist, or the name is empty.
    PathNotFound,
    /// The name is taken by a live object.
    AlreadyExists,
    /// A regular file of that name exists and the call demanded a new one.
    FileExists,
    /// The handle, the object or its directory does not allow this to the caller.
    AccessDenied,
    /// The handle is not open, or is of the wrong kind.
    InvalidHandle,
    /// The name does not follow the rules for names of this kind.
    InvalidName,
    /// The name is longer than names of this kind may be.
    NameTooLong,
    /// An argument is outside its range, or does not fit the others.
    InvalidParameter,
    /// The object does not know this operation.
    InvalidFunction,
    /// The time allowed for the call passed.
    TimedOut,
    /// The buffer is smaller than the message, which stays queued; the message has `needed` bytes.
    BufferTooSmall {
        /// Length in bytes of the message that did not fit.
        needed: usize,
    },
    /// The message is longer than the object's largest message of `limit` bytes.
    MessageTooLong {
        /// The object's largest message in bytes.
        limit: usize,
    },
    /// The queue holds as much as it may; nothing was queued.
    QueueFull,
    /// The system has no memory for this.
    NoMemory,
    /// The system is out of descriptors, locks or another such resource.
    NoResources,
    /// The file system holding the namespace, or the file, is full.
    DiskFull,
    /// Another open of the file excludes this one by its share mode, or is excluded by it.
    SharingViolation,
    /// The other side, or the last handle of the object, is gone.
    Closed,
    /// The position asked for lies before the start of the file.
    NegativeSeek,
    /// The peer broke the rules of the shared memory; the connection is given up.
    Corrupt,
    /// The name leads to another machine, and names of this kind do not.
    Remote,
    /// Something that is not tong's own stands where the object should be; it was left alone.
    Foreign,
    /// Neither this library version nor this kernel can do that.
    Unsupported,
    /// The name has the form of a path that leads nowhere, such as one that starts with a backslash.
    BadPath,
    /// The calling thread does not own the mutex.
    NotOwner,
    /// The semaphore's count would pass its maximum.
    TooManyPosts,
    /// The mutex was acquired too often by its owner.
    TooManyRecursions,
    /// The thread is suspended too often.
    TooManySuspensions,
    /// The object or the thread is of another kind than the call needs, or the name is another kind's.
    WrongKind,
    /// The thread or process has ended.
    Ended,
    /// The file is not a program that can be run here.
    NotAProgram,
    /// What should be the current directory of a process is no directory, or cannot be entered.
    NotADirectory,
    /// The pipe's other end is closed, and nothing of what it wrote is left to read.
    BrokenPipe,
    /// The pipe's other end is closed; nothing was written, or the client that was there has gone.
    PipeClosing,
    /// Nothing can be read from the pipe at the moment, and the call does not wait.
    PipeEmpty,
    /// The server has disconnected this end of the pipe.
    NotConnected,
    /// No client has opened the pipe instance yet.
    PipeListening,
    /// A client is connected already; for a server that waits for one, this is a success.
    PipeConnected,
    /// The pipe is in a state, or of a type, that does not allow this.
    BadPipe,
    /// All instances of the pipe are taken, or the pipe has something to read first.
    PipeBusy,
    /// The operation was canceled.
    Canceled,
    /// The buffer holds the beginning of a message, and the rest can be read next.
    MoreData,
    /// The system refused for another reason; see [`Error::source`](std::error::Error::source).
    Io,
}

impl ErrorKind {
    /// A sentence without subject: what was wrong, and what would be right.
    fn text(self) -> &'static str {
        match self {
            ErrorKind::NotFound => {
                "no object of this name exists; create it first, or check the name and TONG_DIR"
            }
            ErrorKind::PathNotFound => {
                "a directory of the path does not exist, or the name is empty"
            }
            ErrorKind::AlreadyExists => {
                "an object of this name exists already; open it, or choose another name"
            }
            ErrorKind::FileExists => "the file exists already; open it, or choose another name",
            ErrorKind::AccessDenied => "access denied",
            ErrorKind::InvalidHandle => "the handle is not open or of the wrong kind",
            ErrorKind::InvalidName => "the name is not valid",
            ErrorKind::NameTooLong => "the name is too long",
            ErrorKind::InvalidParameter => "an argument is out of range",
            ErrorKind::InvalidFunction => "the object does not know this operation",
            ErrorKind::TimedOut => "timed out",
            ErrorKind::BufferTooSmall { .. } => "the buffer is smaller than the message",
            ErrorKind::MessageTooLong { .. } => "the message is longer than the object allows",
            ErrorKind::QueueFull => {
                "the queue is full; try again when the reader has caught up, or raise its quota"
            }
            ErrorKind::NoMemory => "out of memory",
            ErrorKind::NoResources => {
                "out of descriptors or another system resource; close some, or raise the limit"
            }
            ErrorKind::DiskFull => "no space is left on the file system",
            ErrorKind::SharingViolation => {
                "another open of the file excludes this one by its share mode"
            }
            ErrorKind::BrokenPipe => "the pipe's other end is closed, and everything it wrote has been read",
            ErrorKind::PipeClosing => "the pipe's other end is closed",
            ErrorKind::PipeEmpty => "the pipe has nothing to read at the moment",
            ErrorKind::NotConnected => {
                "the server has disconnected this end of the pipe; close it and open the pipe again"
            }
            ErrorKind::PipeListening => "no client has opened this pipe instance yet",
            ErrorKind::PipeConnected => "a client is connected to this pipe instance already",
            ErrorKind::BadPipe => "the pipe's state, type or read mode does not allow this",
            ErrorKind::PipeBusy => {
                "all instances of the pipe are taken; wait for one, and try again"
            }
            ErrorKind::Canceled => "the operation was canceled",
            ErrorKind::MoreData => "the message is longer than the buffer; its rest can be read next",
            ErrorKind::Closed => "the other side is gone",
            ErrorKind::NegativeSeek => "the position lies before the start of the file",
            ErrorKind::Corrupt => "the peer broke the rules of the shared memory, and was cut off",
            ErrorKind::Remote => {
                "the name leads to another machine; only names on this machine (\\\\.\\) work here"
            }
            ErrorKind::Foreign => {
                "something that is not tong's own stands in the way, and was left alone"
            }
            ErrorKind::Unsupported => "not supported here",
            ErrorKind::BadPath => "the name must not start with a backslash",
            ErrorKind::NotOwner => {
                "the calling thread does not own the mutex; only the thread that acquired it can release it"
            }
            ErrorKind::TooManyPosts => {
                "the count would pass the semaphore's maximum; nothing was released"
            }
            ErrorKind::TooManyRecursions => "the mutex was acquired too often by its owner",
            ErrorKind::TooManySuspensions => "the thread is suspended too often; resume it first",
            ErrorKind::WrongKind => "the object is of another kind than the call needs",
            ErrorKind::Ended => "the thread or process has ended",
            ErrorKind::NotAProgram => "the file is not a program that can be run here",
            ErrorKind::NotADirectory => "the directory does not exist or cannot be entered",
            ErrorKind::Io => "the system refused",
        }
    }
}

/// A failed call: what was tried, on what, and why it failed.
///
/// Its debug form is the text with the kind behind it, because that is what a `main` that returns it shows to people.
pub struct Error {
    kind: ErrorKind,
    op: &'static str,
    name: Option<Arc<str>>,
    detail: Option<Box<str>>,
    source: Option<io::Error>,
}

/// The result of a call of this library.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of `kind` in the operation `op`, such as `"create mailslot"`.
    #[must_use]
    pub fn new(op: &'static str, kind: ErrorKind) -> Error {
        Error {
            kind,
            op,
            name: None,
            detail: None,
            source: None,
        }
    }

    /// A failure that the system reported. The kind follows from its error number.
    #[must_use]
    pub fn from_io(op: &'static str, source: io::Error) -> Error {
        let kind = kind_of(&source);
        Error {
            source: Some(source),
            ..Error::new(op, kind)
        }
    }

    /// Names the object that the operation was about.
    #[must_use]
    pub fn on(mut self, name: impl Into<Arc<str>>) -> Error {
        self.name = Some(name.into());
        self
    }

    /// Replaces the general sentence by one that knows the case: what was wrong, and what would be right.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Error {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// What went wrong, to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The operation that failed, such as `"create mailslot"`.
    #[must_use]
    pub fn op(&self) -> &'static str {
        self.op
    }

    /// The object that the operation was about, if it has a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The system's error number, if the system was asked.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.as_ref().and_then(io::Error::raw_os_error)
    }
}

/// The kind that a system error number stands for.
fn kind_of(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(libc_errno::ENOENT) => ErrorKind::NotFound,
        Some(libc_errno::ENOTDIR) => ErrorKind::PathNotFound,
        Some(libc_errno::EACCES | libc_errno::EPERM | libc_errno::EROFS) => ErrorKind::AccessDenied,
        Some(libc_errno::ENOMEM) => ErrorKind::NoMemory,
        Some(libc_errno::ENOSPC | libc_errno::EDQUOT | libc_errno::EFBIG) => ErrorKind::DiskFull,
        Some(
            libc_errno::EMFILE | libc_errno::ENFILE | libc_errno::ENOLCK | libc_errno::ETOOMANYREFS,
        ) => ErrorKind::NoResources,
        Some(libc_errno::ENAMETOOLONG) => ErrorKind::NameTooLong,
        _ => ErrorKind::Io,
    }
}

use tong_sys::errno as libc_errno;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}")?,
            None => write!(f, ": {}", self.kind.text())?,
        }
        match self.kind {
            ErrorKind::BufferTooSmall { needed } => {
                write!(f, " (it has {needed} bytes and stays queued)")?
            }
            ErrorKind::MessageTooLong { limit } => write!(f, " (at most {limit} bytes)")?,
            _ => {}
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [{:?}]", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.kind {
            ErrorKind::NotFound | ErrorKind::PathNotFound => io::ErrorKind::NotFound,
            ErrorKind::AlreadyExists | ErrorKind::FileExists => io::ErrorKind::AlreadyExists,
            ErrorKind::AccessDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::QueueFull => io::ErrorKind::WouldBlock,
            ErrorKind::NoMemory => io::ErrorKind::OutOfMemory,
            ErrorKind::Closed | ErrorKind::BrokenPipe | ErrorKind::PipeClosing => {
                io::ErrorKind::BrokenPipe
            }
            ErrorKind::PipeEmpty => io::ErrorKind::WouldBlock,
            ErrorKind::NotConnected => io::ErrorKind::NotConnected,
            ErrorKind::Corrupt => io::ErrorKind::InvalidData,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::InvalidName | ErrorKind::NameTooLong | ErrorKind::InvalidParameter => {
                io::ErrorKind::InvalidInput
            }
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
