//! Opening a file: dispositions, rights, share modes, and what stands under the name.
//!
//! A new file is made without a name, claimed, and then given its name, so that nobody can open it before its creator
//! has claimed it, and of many creators exactly one makes it. File systems that cannot do that (no `O_TMPFILE`, or no
//! `/proc`) get the plain way, in which another opener may come between.
//!
//! Truncation waits until the claim is made: an open that ends in a sharing violation changes nothing.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, CWD};
use rustix::io::Errno;
use tong_sys::lock::Kind as LockKind;

use super::share::{self, Claim, Established, Holder, Share};
use super::{Disposition, Doomed, File, FileOptions, FilePath, Opened, Outcome};
use crate::handle::{Kind, Rights};
use crate::{Error, ErrorKind, Result};

const OP: &str = "open file";
/// Rights that need a descriptor for reading.
const READS: Rights = Rights::FILE_READ_DATA.union(Rights::FILE_EXECUTE);
/// Rights that need a descriptor for writing.
const WRITES: Rights = Rights::FILE_WRITE_DATA.union(Rights::FILE_APPEND_DATA);
/// What every open may do.
const ALWAYS: Rights = Rights::FILE_READ_ATTRIBUTES.union(Rights::SYNCHRONIZE);
/// How often a name may appear and vanish between two looks before that is an error.
const ROUNDS: u32 = 64;

/// Opens or makes a file as [`FileOptions::open`] says.
pub(super) fn open(options: &FileOptions, path: &FilePath) -> Result<Opened> {
    Opening::new(options, path)?.run()
}

/// Removes a file's name as [`File::delete`] says.
pub(super) fn delete(path: &FilePath) -> Result<()> {
    let fail = |errno: Errno| failure_of("delete file", errno, path);
    let stat = fs::statat(CWD, path.path(), AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
    let file_type = FileType::from_raw_mode(stat.st_mode);
    if file_type == FileType::Directory
        || (file_type == FileType::RegularFile && is_read_only(stat.st_mode))
    {
        return Err(Error::new("delete file", ErrorKind::AccessDenied).on(path.text()));
    }
    if file_type == FileType::RegularFile && deletion_is_denied(path)? {
        return Err(Error::new("delete file", ErrorKind::SharingViolation).on(path.text()));
    }
    fs::unlink(path.path()).map_err(fail)
}

/// Has somebody the file open without sharing deletion? Nobody can tell of a file that may neither be read nor written;
/// then its directory alone decides.
fn deletion_is_denied(path: &FilePath) -> Result<bool> {
    let deletes = Share {
        delete: true,
        ..Share::NONE
    };
    match open_lockable(path, OFlags::NOFOLLOW) {
        Ok((fd, _)) => tolerate(share::is_denied(
            fd.as_fd(),
            Claim::new(deletes, Share::ALL),
        ))
        .map(|denied| denied.unwrap_or(false))
        .map_err(|error| Error::from_io("delete file", error).on(path.text())),
        Err(Errno::ACCESS | Errno::PERM) => Ok(false),
        Err(errno) => Err(failure_of("delete file", errno, path)),
    }
}

/// One call of [`open`]: the arguments, understood.
struct Opening<'a> {
    options: &'a FileOptions,
    path: &'a FilePath,
    wanted: Rights,
    has: Share,
    truncates: bool,
}

impl<'a> Opening<'a> {
    fn new(options: &'a FileOptions, path: &'a FilePath) -> Result<Opening<'a>> {
        if options.disposition == Disposition::TruncateExisting
            && !options.access.contains(Rights::GENERIC_WRITE)
        {
            let why = "truncating needs GENERIC_WRITE in the access asked for";
            return Err(Error::new(OP, ErrorKind::InvalidParameter)
                .on(path.text())
                .because(why));
        }
        let mut wanted = options.access.mapped(Kind::File)? | ALWAYS;
        if options.access.contains(Rights::MAXIMUM_ALLOWED) {
            wanted = wanted | entitled(path);
        }
        if options.delete_on_close {
            wanted = wanted | Rights::DELETE;
        }
        let has = Share {
            read: wanted.intersects(READS),
            write: wanted.intersects(WRITES),
            delete: wanted.contains(Rights::DELETE),
        };
        Ok(Opening {
            options,
            path,
            wanted,
            has,
            truncates: options.disposition.truncates(),
        })
    }

    fn run(self) -> Result<Opened> {
        for _ in 0..ROUNDS {
            match self.options.disposition {
                Disposition::CreateNew => return self.create(),
                Disposition::OpenExisting | Disposition::TruncateExisting => {
                    return self.open_existing()
                }
                Disposition::CreateAlways | Disposition::OpenAlways => {}
            }
            match self.open_existing() {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                result => return result,
            }
            match self.create() {
                Err(error) if error.kind() == ErrorKind::FileExists => {}
                result => return result,
            }
            if self.is_link() {
                return Err(self
                    .error(ErrorKind::NotFound)
                    .because("the name is a link that leads nowhere"));
            }
        }
        Err(self
            .error(ErrorKind::SharingViolation)
            .because("others keep making and removing the file"))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(OP, kind).on(self.path.text())
    }

    fn failure(&self, errno: Errno) -> Error {
        failure_of(OP, errno, self.path)
    }

    fn is_link(&self) -> bool {
        let stat = fs::statat(CWD, self.path.path(), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    /// Opens what stands under the name.
    fn open_existing(&self) -> Result<Opened> {
        let (fd, lock_kind) = self.descriptor().map_err(|errno| self.failure(errno))?;
        let stat = fs::fstat(&fd).map_err(|errno| self.failure(errno))?;
        let file_type = FileType::from_raw_mode(stat.st_mode);
        match file_type {
            FileType::Directory => self.check_directory()?,
            _ if self.path.names_directory() => return Err(self.error(ErrorKind::InvalidName)),
            FileType::RegularFile => self.check_regular(stat.st_mode)?,
            // It was opened without waiting, for whatever stood there; from now on reads wait as usual.
            _ if lock_kind.is_some() => blocking(&fd).map_err(|errno| self.failure(errno))?,
            _ => {}
        }
        let outcome = match lock_kind.filter(|_| file_type == FileType::RegularFile) {
            Some(kind) => self.claim_and_truncate(&fd, kind)?,
            None => Outcome::Opened,
        };
        let doomed = self.doomed(stat.st_dev, stat.st_ino)?;
        Ok(self.opened(fd, file_type, outcome, doomed))
    }

    /// A descriptor for what stands under the name, and how it can lock, if it can.
    fn descriptor(&self) -> rustix::io::Result<(OwnedFd, Option<LockKind>)> {
        let (reads, writes) = (self.has.read, self.has.write || self.truncates);
        let access = match (reads, writes) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (true, false) => OFlags::RDONLY,
            (false, false) if self.has.delete => match open_lockable(self.path, OFlags::empty()) {
                Ok((fd, kind)) => return Ok((fd, Some(kind))),
                Err(Errno::ACCESS) => return Ok((open_path(self.path)?, None)),
                Err(errno) => return Err(errno),
            },
            (false, false) => return Ok((open_path(self.path)?, None)),
        };
        let kind = if reads {
            LockKind::Shared
        } else {
            LockKind::Exclusive
        };
        let extra = if self.options.write_through {
            OFlags::DSYNC
        } else {
            OFlags::empty()
        };
        match open_now(self.path, access | extra) {
            // A directory may be opened with any rights; its descriptor can only read.
            Err(Errno::ISDIR) if writes => Ok((
                open_now(self.path, OFlags::RDONLY | OFlags::DIRECTORY)?,
                None,
            )),
            result => Ok((result?, Some(kind))),
        }
    }

    /// A directory opens only for those who say that they know it may be one.
    fn check_directory(&self) -> Result<()> {
        match self.options.disposition {
            Disposition::OpenExisting | Disposition::OpenAlways if self.options.allow_directory => {
                Ok(())
            }
            _ => Err(self
                .error(ErrorKind::AccessDenied)
                .because("it is a directory")),
        }
    }

    /// A file that nobody may write has the read-only attribute, also for those whom the system lets write anyway.
    fn check_regular(&self, mode: u32) -> Result<()> {
        let changes = self.has.write || self.truncates || self.options.delete_on_close;
        if changes && is_read_only(mode) {
            return Err(self
                .error(ErrorKind::AccessDenied)
                .because("the file is read-only"));
        }
        Ok(())
    }

    /// Claims an existing file, then truncates it if asked. Truncating counts as writing while it lasts.
    fn claim_and_truncate(&self, fd: &OwnedFd, kind: LockKind) -> Result<Outcome> {
        let lasting = Claim::new(self.has, self.options.share);
        let strongest = Share {
            write: self.has.write || self.truncates,
            ..self.has
        };
        let claim = Claim::new(strongest, self.options.share);
        let holder = Holder {
            fd: fd.as_fd(),
            kind,
        };
        let established = self.claim(holder, claim)?;
        if !self.truncates {
            return Ok(Outcome::Opened);
        }
        fs::ftruncate(fd, 0).map_err(|errno| self.failure(errno))?;
        if self.options.read_only {
            fs::fchmod(fd, Mode::from_raw_mode(0o444)).map_err(|errno| self.failure(errno))?;
        }
        if let Some(established) = established.filter(|_| lasting != claim) {
            self.weaken(holder, lasting, &established)
                .map_err(|error| Error::from_io(OP, error).on(self.path.text()))?;
        }
        Ok(Outcome::Truncated)
    }

    /// Makes the claim; `None` if there is nothing to claim, or the file system knows no locks.
    fn claim(&self, holder: Holder<'_>, claim: Claim) -> Result<Option<Established>> {
        if !claim.takes_part() {
            return Ok(None);
        }
        match tolerate(share::claim(holder, claim)) {
            Ok(Some(Some(established))) => Ok(Some(established)),
            Ok(Some(None)) => Err(self.error(ErrorKind::SharingViolation)),
            Ok(None) => Ok(None),
            Err(error) if error.raw_os_error() == Some(tong_sys::errno::EAGAIN) => {
                Err(self.error(ErrorKind::SharingViolation))
            }
            Err(error) => Err(Error::from_io(OP, error).on(self.path.text())),
        }
    }

    /// Exchanges the claim of a truncating open for the one that lasts.
    fn weaken(&self, holder: Holder<'_>, lasting: Claim, strong: &Established) -> io::Result<()> {
        if lasting.takes_part() {
            share::establish(holder, lasting)?;
        }
        share::drop_claim(holder.fd, strong)
    }

    /// Makes a new file.
    fn create(&self) -> Result<Opened> {
        if let Ok(stat) = fs::statat(CWD, self.path.path(), AtFlags::SYMLINK_NOFOLLOW) {
            let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            let denied = directory && !self.options.allow_directory;
            let kind = if denied {
                ErrorKind::AccessDenied
            } else {
                ErrorKind::FileExists
            };
            return Err(self.error(kind));
        }
        let Some((dir, _)) = self.path.split().filter(|_| !self.path.names_directory()) else {
            return Err(self.error(ErrorKind::InvalidName));
        };
        let fd = match self.create_claimed(dir) {
            Err(errno) if cannot_create_nameless(errno) => self.create_plainly()?,
            result => result.map_err(|errno| self.failure(errno))?,
        };
        let stat = fs::fstat(&fd).map_err(|errno| self.failure(errno))?;
        let doomed = self.doomed(stat.st_dev, stat.st_ino)?;
        Ok(self.opened(fd, FileType::RegularFile, Outcome::Created, doomed))
    }

    /// Makes the file without a name, claims it, and gives it the name.
    fn create_claimed(&self, dir: &Path) -> rustix::io::Result<OwnedFd> {
        let fd = fs::open(
            dir,
            OFlags::TMPFILE | self.creation_flags(),
            self.creation_mode(),
        )?;
        let claim = Claim::new(self.has, self.options.share);
        let holder = Holder {
            fd: fd.as_fd(),
            kind: LockKind::Shared,
        };
        if claim.takes_part() {
            tolerate(share::establish(holder, claim)).map_err(errno_of)?;
        }
        let nameless = format!("/proc/self/fd/{}", fd.as_raw_fd());
        fs::linkat(
            CWD,
            nameless,
            CWD,
            self.path.path(),
            AtFlags::SYMLINK_FOLLOW,
        )?;
        Ok(fd)
    }

    /// Makes the file under its name, then claims it as everybody does.
    fn create_plainly(&self) -> Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | self.creation_flags();
        let fd = fs::open(self.path.path(), flags, self.creation_mode())
            .map_err(|errno| self.failure(errno))?;
        let holder = Holder {
            fd: fd.as_fd(),
            kind: LockKind::Shared,
        };
        self.claim(holder, Claim::new(self.has, self.options.share))?;
        Ok(fd)
    }

    /// A creator's descriptor may do everything; what its handle may do, the handle's rights say.
    fn creation_flags(&self) -> OFlags {
        let through = if self.options.write_through {
            OFlags::DSYNC
        } else {
            OFlags::empty()
        };
        OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | through
    }

    /// The permissions of a new file, before the process's umask takes its share.
    fn creation_mode(&self) -> Mode {
        Mode::from_raw_mode(if self.options.read_only { 0o444 } else { 0o666 })
    }

    /// What to remove when the last duplicate is closed.
    fn doomed(&self, device: u64, inode: u64) -> Result<Option<Doomed>> {
        let Some((dir, name)) = self.path.split().filter(|_| self.options.delete_on_close) else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = fs::open(dir, flags, Mode::empty()).map_err(|errno| self.failure(errno))?;
        Ok(Some(Doomed {
            dir,
            name: OsString::from(name),
            device,
            inode,
        }))
    }

    fn opened(
        &self,
        fd: OwnedFd,
        file_type: FileType,
        outcome: Outcome,
        doomed: Option<Doomed>,
    ) -> Opened {
        let positioned = !self.options.overlapped;
        Opened {
            file: File::new(fd, file_type, positioned, Some(self.path.text()), doomed),
            outcome,
            granted: self.wanted,
        }
    }
}

/// Opens without waiting for anybody, whatever stands there.
fn open_now(path: &FilePath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    rustix::io::retry_on_intr(|| fs::open(path.path(), flags, Mode::empty()))
}

/// Opens for questions about the file only: that is allowed to everybody who can reach it, and touches no device.
fn open_path(path: &FilePath) -> rustix::io::Result<OwnedFd> {
    fs::open(path.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Opens with whatever right lets us place locks.
fn open_lockable(path: &FilePath, extra: OFlags) -> rustix::io::Result<(OwnedFd, LockKind)> {
    match open_now(path, OFlags::RDONLY | extra) {
        Err(Errno::ACCESS) => Ok((open_now(path, OFlags::WRONLY | extra)?, LockKind::Exclusive)),
        result => Ok((result?, LockKind::Shared)),
    }
}

fn blocking(fd: &OwnedFd) -> rustix::io::Result<()> {
    let flags = fs::fcntl_getfl(fd)?;
    fs::fcntl_setfl(fd, flags - OFlags::NONBLOCK)
}

/// No write permission for anybody: Windows' read-only attribute.
fn is_read_only(mode: u32) -> bool {
    mode & 0o222 == 0
}

/// All that the caller may do with the file, for `MAXIMUM_ALLOWED`.
fn entitled(path: &FilePath) -> Rights {
    let may = |path: &Path, access| fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
    let Ok(stat) = fs::stat(path.path()) else {
        return Kind::File.generic().all;
    };
    let generic = Kind::File.generic();
    let mut rights = ALWAYS;
    if may(path.path(), fs::Access::READ_OK) {
        rights = rights | generic.read;
    }
    if may(path.path(), fs::Access::WRITE_OK) && !is_read_only(stat.st_mode) {
        rights = rights | generic.write;
    }
    if path
        .split()
        .is_some_and(|(dir, _)| may(dir, fs::Access::WRITE_OK))
    {
        rights = rights | Rights::DELETE;
    }
    rights
}

/// A file system without locks has no share modes; that is no reason to refuse its files.
fn tolerate<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    let unsupported = [Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL].map(Errno::raw_os_error);
    match result {
        Err(error)
            if error
                .raw_os_error()
                .is_some_and(|code| unsupported.contains(&code)) =>
        {
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Answers to `O_TMPFILE` or the naming of its file that mean "not here" rather than "no".
///
/// ENOENT comes without `/proc`, EPERM from file systems without links; where they mean "no", the plain way says so too. Old
/// kernels take the flag for an attempt to write to the directory.
fn cannot_create_nameless(errno: Errno) -> bool {
    let not_here = [
        Errno::OPNOTSUPP,
        Errno::ISDIR,
        Errno::INVAL,
        Errno::NOENT,
        Errno::XDEV,
        Errno::PERM,
    ];
    not_here.contains(&errno)
}

fn errno_of(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// The error that a system error number means when a path is looked up.
fn failure_of(op: &'static str, errno: Errno, path: &FilePath) -> Error {
    let kind = match errno {
        Errno::NOENT if !directory_exists(path) => Some(ErrorKind::PathNotFound),
        Errno::EXIST => Some(ErrorKind::FileExists),
        Errno::ISDIR => Some(ErrorKind::AccessDenied),
        // A running program cannot be written; and an open without waiting was refused by a lease.
        Errno::TXTBSY | Errno::AGAIN => Some(ErrorKind::SharingViolation),
        // Nobody has it open for reading.
        Errno::NXIO if is_fifo(path) => Some(ErrorKind::PipeBusy),
        Errno::NAMETOOLONG if has_long_component(path) => Some(ErrorKind::InvalidName),
        _ => None,
    };
    match kind {
        Some(kind) => Error::new(op, kind).on(path.text()),
        None => Error::from_io(op, errno.into()).on(path.text()),
    }
}

fn is_fifo(path: &FilePath) -> bool {
    let stat = fs::stat(path.path());
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Does the directory exist in which the last component was looked for?
fn directory_exists(path: &FilePath) -> bool {
    match path.split() {
        Some((dir, _)) => fs::stat(dir).is_ok(),
        None => true,
    }
}

/// Has a component more than the 255 bytes that Linux' file systems allow?
fn has_long_component(path: &FilePath) -> bool {
    path.path().iter().any(|component| component.len() > 255)
}
