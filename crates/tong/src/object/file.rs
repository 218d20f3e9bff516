//! Files: what `CreateFile` opens that is neither a mailslot nor a pipe.
//!
//! # Purpose
//! A [`File`] is a file of the system, opened with Windows' choice of what to do if it exists ([`Disposition`]), with
//! rights, and with a share mode that is kept between all processes that open it through tong.
//! [`FilePath`] understands names as Windows programs write them.
//!
//! # Rights
//! What was granted at the open is returned beside the file and belongs to the handle; the methods of [`File`] do not
//! check it. Reading needs `FILE_READ_DATA`; writing needs `FILE_WRITE_DATA`, or `FILE_APPEND_DATA` for [`File::append`].
//! An open without any right to data can ask questions only ([`File::len`]); it works on files that
//! the caller may not read, and takes no part in share modes.
//!
//! # Share modes
//! Two opens get along if each has only what the other shares, counting reading (or running), writing (or appending),
//! and deleting. Truncating counts as writing. The claim belongs to the open, not to the process or thread, and lasts
//! until the last duplicate is closed. Only regular files have share modes.
//!
//! # Lifetime and death
//! A killed process leaves no claim behind: claims are locks that the kernel drops with the descriptors. One thing
//! a killed process can leave is a file that it had open to be deleted on close.
//!
//! # Differences from Windows
//! - Names are compared as the file system does it, on most with case.
//! - The read-only attribute is the absence of every write permission. Other attributes do not exist and are accepted
//!   without effect.
//! - A file deleted on close goes when the last duplicate of the open that asked for it is closed in the process that
//!   opened it, even while others have it open; they keep the nameless file, as in the newest Windows. Opens after that find no
//!   file.
//! - Nothing is known of sections (file mappings) yet, nor of programs other than tong's.
//! - Devices, FIFOs and terminals open without waiting and then read as usual. A FIFO that nobody has open for reading
//!   does not open for writing: it is as busy as a pipe without a free instance. Opened for reading, it waits for its
//!   first writer when it is read.
//!
//! # References
//! Win32: CreateFile, DeleteFile, "Creating and Opening Files", "File Access Rights Constants", ReadFile, WriteFile,
//! SetFilePointerEx, SetEndOfFile. Linux: open(2), fcntl_locking(2).

mod open;
mod passed;
mod path;
mod pending;
mod share;
mod transfer;

pub(crate) use passed::name_behind;
pub use path::FilePath;
pub(crate) use share::keep_claims_after;
pub use share::Share;

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{self, AtFlags, FileType, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::handle::{Kind, Rights};
use crate::io::Tie;
use crate::object::anonymous_pipe::nap::Nap;
use crate::object::anonymous_pipe::{flow, peek, Stop};
use crate::object::pipe::Peeked;
use crate::{Error, ErrorKind, Result};
use pending::Reads;
use transfer::Place;

/// What to do if the file exists, and if it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Make the file; fail if it exists.
    CreateNew,
    /// Make the file; empty it if it exists.
    CreateAlways,
    /// Open the file; fail if it does not exist.
    #[default]
    OpenExisting,
    /// Open the file; make it if it does not exist.
    OpenAlways,
    /// Open the file and empty it; fail if it does not exist.
    TruncateExisting,
}

impl Disposition {
    fn truncates(self) -> bool {
        matches!(
            self,
            Disposition::CreateAlways | Disposition::TruncateExisting
        )
    }
}

/// What an open did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file did not exist and was made.
    Created,
    /// The file existed and was left as it was.
    Opened,
    /// The file existed and was emptied.
    Truncated,
}

/// A file that was opened, and how.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Whether it was made, opened or emptied.
    pub outcome: Outcome,
    /// The rights for its first handle.
    pub granted: Rights,
}

/// How to open a file.
///
/// ```
/// use tong::handle::Rights;
/// use tong::object::file::{Disposition, FileOptions, FilePath, Outcome};
///
/// # let dir = tempfile::tempdir()?;
/// let path = FilePath::native(dir.path().join("notes"));
/// let opened = FileOptions::new()
///     .access(Rights::GENERIC_WRITE)
///     .disposition(Disposition::CreateNew)
///     .open(&path)?;
/// assert_eq!(opened.outcome, Outcome::Created);
/// opened.file.write(b"first line\n")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileOptions {
    access: Rights,
    share: Share,
    disposition: Disposition,
    read_only: bool,
    delete_on_close: bool,
    allow_directory: bool,
    write_through: bool,
    overlapped: bool,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions::new()
    }
}

impl FileOptions {
    /// Opens an existing file, without any right to its data, sharing nothing.
    #[must_use]
    pub fn new() -> FileOptions {
        FileOptions {
            access: Rights::NONE,
            share: Share::NONE,
            disposition: Disposition::OpenExisting,
            read_only: false,
            delete_on_close: false,
            allow_directory: false,
            write_through: false,
            overlapped: false,
        }
    }

    /// The rights asked for, generic ones included.
    pub fn access(&mut self, rights: Rights) -> &mut FileOptions {
        self.access = rights;
        self
    }

    /// What others may do with the file while it is open.
    pub fn share(&mut self, share: Share) -> &mut FileOptions {
        self.share = share;
        self
    }

    /// What to do if the file exists, and if not.
    pub fn disposition(&mut self, disposition: Disposition) -> &mut FileOptions {
        self.disposition = disposition;
        self
    }

    /// Makes a new or emptied file read-only: later opens cannot write, this one can.
    pub fn read_only(&mut self, yes: bool) -> &mut FileOptions {
        self.read_only = yes;
        self
    }

    /// Deletes the file when the last duplicate of this open is closed. Asks for the right to delete.
    pub fn delete_on_close(&mut self, yes: bool) -> &mut FileOptions {
        self.delete_on_close = yes;
        self
    }

    /// Opens directories too, for questions about them.
    pub fn allow_directory(&mut self, yes: bool) -> &mut FileOptions {
        self.allow_directory = yes;
        self
    }

    /// Writes return only when the data is on the disk.
    pub fn write_through(&mut self, yes: bool) -> &mut FileOptions {
        self.write_through = yes;
        self
    }

    /// Transfers at an offset leave the file pointer alone.
    pub fn overlapped(&mut self, yes: bool) -> &mut FileOptions {
        self.overlapped = yes;
        self
    }

    /// Opens or makes the file.
    ///
    /// # Blocking
    /// Waits for the disk only, never for another process: FIFOs and devices are opened without waiting. An open that races
    /// with others over share modes may sleep for some milliseconds.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for `TruncateExisting` without `GENERIC_WRITE`;
    /// [`AccessDenied`](ErrorKind::AccessDenied) for rights that files do not have, if the system refuses, for a
    /// directory, and for a change to a read-only file; [`NotFound`](ErrorKind::NotFound) and
    /// [`PathNotFound`](ErrorKind::PathNotFound) if the last component or one before it does not exist;
    /// [`FileExists`](ErrorKind::FileExists) for `CreateNew`; [`InvalidName`](ErrorKind::InvalidName) if the name
    /// ends with a separator and is no directory;
    /// [`SharingViolation`](ErrorKind::SharingViolation) if another open is at odds with this one, or if a
    /// running program would be written; [`PipeBusy`](ErrorKind::PipeBusy) for a FIFO that shall be written and that
    /// nobody has open for reading; else what the system reports.
    pub fn open(&self, path: &FilePath) -> Result<Opened> {
        open::open(self, path)
    }
}

/// Which of the process's standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Descriptor 0.
    Input,
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

/// What sort of thing a [`File`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file, a directory or a block device.
    Disk,
    /// A character device: a terminal, `/dev/null`.
    Character,
    /// A FIFO, a kernel pipe or a socket.
    Pipe,
}

/// From where a move of the file pointer is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The start of the file.
    Start,
    /// Where the pointer is.
    Current,
    /// The end of the file.
    End,
}

/// A file to be removed when it is closed, and where its name is.
#[derive(Debug)]
struct Doomed {
    dir: OwnedFd,
    name: OsString,
    device: u64,
    inode: u64,
}

/// An open file. Duplicates of its handle share the file pointer and the share mode; another open has its own.
#[derive(Debug)]
pub struct File {
    doomed: Option<Doomed>,
    fd: OwnedFd,
    file_type: FileType,
    /// Do transfers at an offset move the pointer behind what they transferred?
    positioned: bool,
    name: Option<Box<str>>,
    /// A number that no other open has.
    open_id: u64,
    /// Was the open ever given to another process, or did it come from one?
    shared: AtomicBool,
    tie: Tie,
    /// Reads that wait, once there was one.
    reads: OnceLock<Arc<Reads>>,
}

impl File {
    fn new(
        fd: OwnedFd,
        file_type: FileType,
        positioned: bool,
        name: Option<&str>,
        doomed: Option<Doomed>,
    ) -> File {
        File {
            doomed,
            fd,
            file_type,
            positioned,
            name: name.map(Into::into),
            open_id: share::open_id(),
            shared: AtomicBool::new(false),
            tie: Tie::default(),
            reads: OnceLock::new(),
        }
    }

    /// A duplicate of one of the process's standard streams, and the rights its descriptor allows.
    ///
    /// # Errors
    /// What the system reports, if the descriptor is closed or none is free.
    pub fn standard(stream: Standard) -> Result<(File, Rights)> {
        let fail = |error| Error::from_io("open standard stream", error);
        let fd = match stream {
            Standard::Input => std::io::stdin().as_fd().try_clone_to_owned(),
            Standard::Output => std::io::stdout().as_fd().try_clone_to_owned(),
            Standard::Error => std::io::stderr().as_fd().try_clone_to_owned(),
        }
        .map_err(fail)?;
        let stat = fs::fstat(&fd).map_err(|errno| fail(errno.into()))?;
        let flags = fs::fcntl_getfl(&fd).map_err(|errno| fail(errno.into()))?;
        let generic = Kind::File.generic();
        let granted = match flags & OFlags::RWMODE {
            OFlags::RDWR => generic.read | generic.write,
            OFlags::WRONLY => generic.write | Rights::FILE_READ_ATTRIBUTES,
            _ => generic.read,
        };
        Ok((
            File::new(fd, FileType::from_raw_mode(stat.st_mode), true, None, None),
            granted,
        ))
    }

    /// Removes the name of a file. Those who have it open keep it, nameless.
    ///
    /// # Errors
    /// In this order: [`NotFound`](ErrorKind::NotFound) or [`PathNotFound`](ErrorKind::PathNotFound);
    /// [`AccessDenied`](ErrorKind::AccessDenied) for a directory or a read-only file;
    /// [`SharingViolation`](ErrorKind::SharingViolation) if somebody has it open without sharing deletion; else
    /// what the system reports.
    pub fn delete(path: &FilePath) -> Result<()> {
        open::delete(path)
    }

    /// The name it was opened with; standard streams have none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What the open is tied to. Its transfers do not look at that: who is told of their ends does.
    #[must_use]
    pub fn tie(&self) -> &Tie {
        &self.tie
    }

    /// Was it opened for transfers that each name their offset?
    #[must_use]
    pub fn is_overlapped(&self) -> bool {
        !self.positioned
    }

    /// What sort of thing this is.
    #[must_use]
    pub fn kind(&self) -> FileKind {
        match self.file_type {
            FileType::CharacterDevice => FileKind::Character,
            FileType::Fifo | FileType::Socket => FileKind::Pipe,
            _ => FileKind::Disk,
        }
    }

    /// Reads at the file pointer and moves it. Returns the bytes read; 0 at the end of the file.
    ///
    /// From a regular file, fewer bytes than `buf` takes are read only at the end of the file. Devices, FIFOs and
    /// terminals give what they have, and wait while they have nothing.
    ///
    /// # Errors
    /// [`InvalidFunction`](ErrorKind::InvalidFunction) for a directory; of a FIFO,
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) if everything is read and nobody has it open for writing any more, and
    /// [`Canceled`](ErrorKind::Canceled); else what the system reports.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.transfer_in(buf, Place::Pointer)
    }

    /// Reads at `offset` in bytes. The file pointer moves behind what was read, unless the file was opened
    /// overlapped. What has no positions is read as it comes.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if !self.has_positions() {
            return self.read(buf);
        }
        let bytes = self.transfer_in(buf, Place::Offset(offset))?;
        self.follow(offset, bytes);
        Ok(bytes)
    }

    /// Writes all of `buf` at the file pointer and moves it.
    ///
    /// # Errors
    /// [`DiskFull`](ErrorKind::DiskFull), and part of `buf` may be written; [`Closed`](ErrorKind::Closed) if the
    /// socket's other side is gone; of a FIFO, [`PipeClosing`](ErrorKind::PipeClosing) if nobody has it open for reading any
    /// more, [`BrokenPipe`](ErrorKind::BrokenPipe) if that came while the write waited, and
    /// [`Canceled`](ErrorKind::Canceled); else what the system reports. No signal is raised.
    pub fn write(&self, buf: &[u8]) -> Result<()> {
        self.transfer_out(buf, Place::Pointer)
    }

    /// Writes all of `buf` at `offset` in bytes. The file pointer moves behind it, unless the file was opened
    /// overlapped. What has no positions is written as it comes.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        if !self.has_positions() {
            return self.write(buf);
        }
        self.transfer_out(buf, Place::Offset(offset))?;
        self.follow(offset, buf.len());
        Ok(())
    }

    /// Writes all of `buf` at the end of the file, wherever others move that meanwhile, and the pointer behind it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn append(&self, buf: &[u8]) -> Result<()> {
        let place = if self.has_positions() {
            Place::End
        } else {
            Place::Pointer
        };
        self.transfer_out(buf, place)
    }

    /// Moves the file pointer to `distance` bytes from `origin` and returns where it is, from the start. Beyond the end
    /// of the file is allowed; the file grows when something is written there.
    ///
    /// # Errors
    /// [`NegativeSeek`](ErrorKind::NegativeSeek) for a place before the start, and the pointer stays;
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for one that no file can have;
    /// [`InvalidFunction`](ErrorKind::InvalidFunction) if this has no positions;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if it was opened without any right to data.
    pub fn seek(&self, origin: Origin, distance: i64) -> Result<u64> {
        let position = match (origin, u64::try_from(distance)) {
            (Origin::Start, Ok(distance)) => SeekFrom::Start(distance),
            (Origin::Start, Err(_)) => {
                return Err(self.error("move file pointer", ErrorKind::NegativeSeek))
            }
            (Origin::Current, _) => SeekFrom::Current(distance),
            (Origin::End, _) => SeekFrom::End(distance),
        };
        fs::seek(&self.fd, position).map_err(|errno| match errno {
            Errno::INVAL if distance < 0 => {
                self.error("move file pointer", ErrorKind::NegativeSeek)
            }
            Errno::INVAL | Errno::OVERFLOW => {
                self.error("move file pointer", ErrorKind::InvalidParameter)
            }
            errno => self.failure("move file pointer", errno),
        })
    }

    /// The length in bytes.
    ///
    /// # Errors
    /// [`InvalidFunction`](ErrorKind::InvalidFunction) if this is a device, FIFO or socket.
    pub fn len(&self) -> Result<u64> {
        if self.kind() != FileKind::Disk {
            return Err(self.error("get file size", ErrorKind::InvalidFunction));
        }
        let stat = fs::fstat(&self.fd).map_err(|errno| self.failure("get file size", errno))?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Says whether the file has no bytes.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Ends the file where the file pointer is: cuts it there, or lengthens it with zeroes.
    ///
    /// # Errors
    /// [`InvalidFunction`](ErrorKind::InvalidFunction) if this is no regular file;
    /// [`DiskFull`](ErrorKind::DiskFull); else what the system reports.
    pub fn end_here(&self) -> Result<()> {
        let fail = |errno| self.failure("set end of file", errno);
        if self.file_type != FileType::RegularFile {
            return Err(self.error("set end of file", ErrorKind::InvalidFunction));
        }
        let position = fs::tell(&self.fd).map_err(fail)?;
        rustix::io::retry_on_intr(|| fs::ftruncate(&self.fd, position)).map_err(fail)
    }

    /// Writes what the system holds back of the file to its disk. Does nothing for what is on no disk.
    ///
    /// # Errors
    /// What the system reports.
    pub fn flush(&self) -> Result<()> {
        match rustix::io::retry_on_intr(|| fs::fsync(&self.fd)) {
            Err(Errno::INVAL | Errno::ROFS | Errno::OPNOTSUPP) => Ok(()),
            result => result.map_err(|errno| self.failure("flush file", errno)),
        }
    }

    /// Copies what is at the front of a FIFO into `buf`, as much as it has room for, and leaves it there. Never waits.
    ///
    /// # Errors
    /// [`InvalidFunction`](ErrorKind::InvalidFunction) if this is no FIFO; [`BrokenPipe`](ErrorKind::BrokenPipe) if
    /// everything is read and nobody has it open for writing any more; else what the system reports.
    pub fn peek(&self, buf: &mut [u8]) -> Result<Peeked> {
        match self.file_type {
            FileType::Fifo => peek(&self.fd, buf).map_err(|stop| self.stop("look into FIFO", stop)),
            _ => Err(self.error("look into FIFO", ErrorKind::InvalidFunction)),
        }
    }

    fn transfer_in(&self, buf: &mut [u8], place: Place) -> Result<usize> {
        if self.file_type == FileType::Fifo && !buf.is_empty() {
            let taken = flow::receive(&self.fd, buf);
            return taken.map_err(|stop| self.stop("read file", stop));
        }
        let whole = self.file_type == FileType::RegularFile;
        transfer::read(&self.fd, buf, place, whole)
            .map_err(|errno| self.failure("read file", errno))
    }

    fn transfer_out(&self, buf: &[u8], place: Place) -> Result<()> {
        let write = || transfer::write(&self.fd, buf, place);
        let written = match self.file_type {
            FileType::Fifo => {
                let sent = flow::send(&self.fd, buf, &mut Nap::new());
                return sent.map_err(|stop| self.stop("write file", stop));
            }
            FileType::Socket => tong_sys::sigpipe::without(write),
            _ => write(),
        };
        written.map_err(|errno| self.failure("write file", errno))
    }

    fn has_positions(&self) -> bool {
        matches!(
            self.file_type,
            FileType::RegularFile | FileType::BlockDevice
        )
    }

    /// Moves the pointer behind a transfer at an offset, as synchronous handles do.
    fn follow(&self, offset: u64, bytes: usize) {
        if self.positioned {
            // The transfer itself succeeded; a position beyond what the system can seek to is not worth failing it.
            let _ = fs::seek(
                &self.fd,
                SeekFrom::Start(offset.saturating_add(bytes as u64)),
            );
        }
    }

    fn error(&self, op: &'static str, kind: ErrorKind) -> Error {
        self.named(Error::new(op, kind))
    }

    fn failure(&self, op: &'static str, errno: Errno) -> Error {
        let kind = match errno {
            Errno::ISDIR | Errno::SPIPE => ErrorKind::InvalidFunction,
            Errno::BADF => ErrorKind::AccessDenied,
            Errno::PIPE => ErrorKind::Closed,
            _ => return self.named(Error::from_io(op, errno.into())),
        };
        self.error(op, kind)
    }

    fn stop(&self, op: &'static str, stop: Stop) -> Error {
        match stop {
            Stop::System(errno) => self.failure(op, errno),
            stop => self.named(stop.error(op)),
        }
    }

    fn named(&self, error: Error) -> Error {
        match &self.name {
            Some(name) => error.on(&**name),
            None => error,
        }
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for File {
    /// Deletes the file if it was opened for that, then drops the claim.
    ///
    /// The claim would go with the descriptor, but a thread that is just starting a program has a copy of that until the
    /// program runs, and nobody should find the file taken for so long. If another process may have the same open, it is for
    /// the last of them to drop it.
    fn drop(&mut self) {
        // One that was started while the last handle was being closed.
        self.cancel(&|_| true);
        if let Some(doomed) = &self.doomed {
            doomed.remove();
        }
        if !self.shared.load(Ordering::Relaxed) {
            share::drop_all(self.fd.as_fd());
        }
    }
}

impl Doomed {
    /// Removes the name if it still leads to the file; somebody may have put another file there.
    fn remove(&self) {
        let Ok(stat) = fs::statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) else {
            return;
        };
        if (stat.st_dev, stat.st_ino) == (self.device, self.inode) {
            // Whoever may not delete here any more leaves the file; a close has nobody to tell.
            let _ = fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}
