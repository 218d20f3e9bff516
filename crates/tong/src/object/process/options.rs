//! Starting a program.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use tong_sys::exe::{self, Format};
use tong_sys::fork::Birth;
use tong_sys::spawn::{Failure, Spawn};
use tong_sys::{errno, start};

use super::{Held, Process};
use crate::environment;
use crate::handle::{Handle, Inheritance, Table};
use crate::process::command_line::{self, Dialect};
use crate::process::page::Page;
use crate::process::{children, lookup, Start, Startup};
use crate::{Error, ErrorKind, Result};

const OP: &str = "create process";

/// What becomes of a standard stream of a child.
#[derive(Debug)]
pub enum Stream {
    /// It is that of the caller; absent if the caller has closed it.
    Inherit,
    /// What is read is empty, what is written vanishes.
    Null,
    /// It is this descriptor.
    Descriptor(OwnedFd),
}

impl From<OwnedFd> for Stream {
    fn from(fd: OwnedFd) -> Stream {
        Stream::Descriptor(fd)
    }
}

impl From<File> for Stream {
    fn from(file: File) -> Stream {
        Stream::Descriptor(file.into())
    }
}

/// Which handles of the caller's table a child gets, under the same values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inherit {
    /// None.
    #[default]
    None,
    /// All that are inheritable.
    All,
    /// These, which must be inheritable.
    Listed(Vec<Handle>),
}

/// What to start: a program with its arguments, or what a Windows program says to mean one.
#[derive(Debug)]
enum Target {
    Program {
        program: OsString,
        arguments: Vec<OsString>,
    },
    Line {
        application: Option<String>,
        line: Option<String>,
    },
}

/// The environment of the child.
#[derive(Debug)]
enum Environment {
    /// That of the caller at the start, with these changes; `None` takes a variable away.
    Changed(Vec<(OsString, Option<OsString>)>),
    /// Exactly these entries, `name=value`.
    Exactly(Vec<CString>),
}

/// How to start a program.
///
/// ```no_run
/// use tong::ProcessOptions;
///
/// # fn main() -> tong::Result<()> {
/// let adder = ProcessOptions::new("./part-adder").args(["1", "5"]).spawn()?;
/// adder.wait(None)?;
/// assert_eq!(adder.exit_code()?, Some(15));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ProcessOptions {
    target: Target,
    environment: Environment,
    directory: Option<PathBuf>,
    streams: [Stream; 3],
    inherit: Inherit,
    suspended: bool,
    new_group: bool,
    detached: bool,
    group: Option<u32>,
    startup: Startup,
    creator: Option<Process>,
}

impl ProcessOptions {
    /// Starts the program at a path, or, for a name without a slash, the first of that name in the directories of `PATH`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> ProcessOptions {
        ProcessOptions::of(Target::Program {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
        })
    }

    /// Starts what a Windows program means by a command line and, if there is one, by an application name. See
    /// [`process`](crate::process) for how that is found out. The child gets the command line character for character.
    #[must_use]
    pub fn windows(application: Option<&str>, line: Option<&str>) -> ProcessOptions {
        ProcessOptions::of(Target::Line {
            application: application.map(str::to_owned),
            line: line.map(str::to_owned),
        })
    }

    fn of(target: Target) -> ProcessOptions {
        ProcessOptions {
            target,
            environment: Environment::Changed(Vec::new()),
            directory: None,
            streams: [Stream::Inherit, Stream::Inherit, Stream::Inherit],
            inherit: Inherit::None,
            suspended: false,
            new_group: false,
            detached: false,
            group: None,
            startup: Startup::default(),
            creator: None,
        }
    }

    /// Adds an argument. A command line stays as it is.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> ProcessOptions {
        if let Target::Program { arguments, .. } = &mut self.target {
            arguments.push(argument.as_ref().to_owned());
        }
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> ProcessOptions {
        arguments.into_iter().fold(self, ProcessOptions::arg)
    }

    /// Gives the child a variable, instead of any of that name.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> ProcessOptions {
        let value = Some(value.as_ref().to_owned());
        if let Environment::Changed(changes) = &mut self.environment {
            changes.push((name.as_ref().to_owned(), value));
        }
        self
    }

    /// Takes a variable away from the child.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> ProcessOptions {
        if let Environment::Changed(changes) = &mut self.environment {
            changes.push((name.as_ref().to_owned(), None));
        }
        self
    }

    /// Gives the child exactly these variables, `name=value` each, in this order.
    #[must_use]
    pub fn environment(mut self, entries: Vec<CString>) -> ProcessOptions {
        self.environment = Environment::Exactly(entries);
        self
    }

    /// Starts the child in this directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> ProcessOptions {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin(self, stream: impl Into<Stream>) -> ProcessOptions {
        self.stream(0, stream.into())
    }

    /// Sets the standard output.
    #[must_use]
    pub fn stdout(self, stream: impl Into<Stream>) -> ProcessOptions {
        self.stream(1, stream.into())
    }

    /// Sets where errors are written.
    #[must_use]
    pub fn stderr(self, stream: impl Into<Stream>) -> ProcessOptions {
        self.stream(2, stream.into())
    }

    fn stream(mut self, number: usize, stream: Stream) -> ProcessOptions {
        self.streams[number] = stream;
        self
    }

    /// Says which handles the child gets. None, if this is not called.
    #[must_use]
    pub fn inherit(mut self, inherit: Inherit) -> ProcessOptions {
        self.inherit = inherit;
        self
    }

    /// Starts the child suspended: it runs nothing until [`Process::resume`].
    #[must_use]
    pub fn suspended(mut self, yes: bool) -> ProcessOptions {
        self.suspended = yes;
        self
    }

    /// Makes the child the first of a process group, which the interrupt key does not reach.
    #[must_use]
    pub fn new_group(mut self, yes: bool) -> ProcessOptions {
        self.new_group = yes;
        self
    }

    /// Starts the child without a controlling terminal, in a session of its own.
    #[must_use]
    pub fn detached(mut self, yes: bool) -> ProcessOptions {
        self.detached = yes;
        self
    }

    /// Has the child join a process group of the same session, which is named by the id of its leader, before it does anything
    /// else. Shells give each of their jobs a group, and the terminal to one of them.
    ///
    /// The leader must not have been waited for, or the id may be another's by now. 0 is no group's id.
    #[must_use]
    pub fn group(mut self, leader: u32) -> ProcessOptions {
        self.group = Some(leader);
        self
    }

    /// Tells the child these start-up settings, if it asks for them.
    #[must_use]
    pub fn startup(mut self, startup: Startup) -> ProcessOptions {
        self.startup = startup;
        self
    }

    /// Has the child inherit from this process instead of the caller, and tells it, and whoever asks, that this process
    /// created it. Its parent as Linux sees it is still the caller.
    #[must_use]
    pub fn creator(mut self, creator: &Process) -> ProcessOptions {
        self.creator = Some(creator.clone());
        self
    }

    /// Starts the program.
    ///
    /// Returns when the child has become the program, or, if it is to be suspended, has stopped just before.
    ///
    /// # Errors
    /// In this order: what is wrong with the arguments, [`InvalidParameter`](ErrorKind::InvalidParameter) or
    /// [`NameTooLong`](ErrorKind::NameTooLong); with the program, [`NotFound`](ErrorKind::NotFound),
    /// [`PathNotFound`](ErrorKind::PathNotFound), [`AccessDenied`](ErrorKind::AccessDenied),
    /// [`NotAProgram`](ErrorKind::NotAProgram); with the list of handles,
    /// [`InvalidParameter`](ErrorKind::InvalidParameter); with the directory,
    /// [`NotADirectory`](ErrorKind::NotADirectory); with the group,
    /// [`InvalidParameter`](ErrorKind::InvalidParameter); else what the system reports, such as
    /// [`NoResources`](ErrorKind::NoResources).
    pub fn spawn(&self) -> Result<Process> {
        children::sweep();
        let program = self.program()?;
        let mut inheritance = self.inheritance()?;
        let page = self.page(&program, &mut inheritance)?;
        self.start(program, page, &inheritance)
    }

    /// Takes stock of the handles that the child gets.
    fn inheritance(&self) -> Result<Inheritance> {
        let other = |creator: &&Process| creator.id() != std::process::id();
        match (&self.inherit, self.creator.as_ref().filter(other)) {
            (Inherit::None, _) => Ok(Inheritance::none()),
            (Inherit::All, None) => Inheritance::all(Table::of_process()),
            (Inherit::Listed(handles), None) => Inheritance::listed(Table::of_process(), handles),
            (Inherit::All, Some(creator)) => Inheritance::of_process(creator, None),
            (Inherit::Listed(handles), Some(creator)) => {
                Inheritance::of_process(creator, Some(handles))
            }
        }
    }

    /// Finds the program and what it is told.
    fn program(&self) -> Result<Program> {
        match &self.target {
            Target::Program { program, arguments } => {
                let list = || {
                    std::iter::once(program)
                        .chain(arguments)
                        .map(|it| it.as_bytes())
                };
                Program::new(lookup::native(program)?, command_line::join(list()), list())
            }
            Target::Line { application, line } => {
                let found = lookup::find(application.as_deref(), line.as_deref())?;
                let line = found.line.into_bytes();
                let list = command_line::split(&line, Dialect::Current);
                Program::new(found.program, line, list.iter().map(|it| &it[..]))
            }
        }
    }

    /// The page of the child, if there is anything to tell it: it is a program of ours, or gets handles.
    fn page(&self, program: &Program, inheritance: &mut Inheritance) -> Result<Option<Page>> {
        let format = exe::format(&program.path);
        if self.suspended && format == Format::Other {
            // Otherwise the kernel says so.
            return Err(Error::new(OP, ErrorKind::NotAProgram).on(program.path.to_string_lossy()));
        }
        let uses_tong = format == Format::Elf { uses_tong: true };
        if !uses_tong && inheritance.is_empty() {
            return Ok(None);
        }
        let start = Start {
            creator: self
                .creator
                .as_ref()
                .map_or_else(std::process::id, Process::id),
            command_line: program.line.clone(),
            startup: self.startup.clone(),
        };
        let page = Page::create(&start).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => Error::new(OP, ErrorKind::NameTooLong)
                .because("command line and start-up settings are too long together"),
            _ => Error::from_io(OP, error),
        })?;
        inheritance.write_to(&page)?;
        Ok(Some(page))
    }

    fn start(
        &self,
        program: Program,
        page: Option<Page>,
        inheritance: &Inheritance,
    ) -> Result<Process> {
        let null = open_null()?;
        let mut descriptors = self.streams(&null);
        let mut environment = self.entries()?;
        if let Some(page) = &page {
            let first = Inheritance::FIRST_FD;
            let ours = std::iter::once(page.as_fd()).chain(inheritance.descriptors());
            descriptors.extend(ours.zip(first..));
            let last = descriptors.last().map_or(first, |(_, number)| *number);
            let text = format!("{}={}", start::VARIABLE, start::announcement(first..=last));
            environment.push(c_string(text.into_bytes())?);
        }
        let directory = self
            .directory
            .as_deref()
            .map(|path| c_string(path.as_os_str().as_bytes().to_vec()));
        let directory = directory.transpose()?;
        let path = c_string(program.path.as_os_str().as_bytes().to_vec())?;
        let child = Spawn {
            program: &path,
            arguments: &program.arguments,
            environment: &environment,
            directory: directory.as_deref(),
            descriptors: &descriptors,
            suspended: self.suspended,
            new_group: self.new_group,
            new_session: self.detached,
            group: self.group,
        };
        let child = child
            .start()
            .map_err(|failure| self.failed(failure, &program.path))?;
        if let Some(page) = &page {
            page.claim(child.pid);
        }
        Ok(Process::new(Held {
            process: Some(child.process),
            pid: child.pid,
            start_time: OnceLock::new(),
            page,
            image: OnceLock::from(program.path),
            code: AtomicU64::new(0),
            planned: AtomicU64::new(0),
            suspensions: AtomicU32::new(self.suspended.into()),
            is_child: true,
            birth: Birth::here(),
        }))
    }

    /// The standard streams that the child gets, with their numbers.
    fn streams<'a>(&'a self, null: &'a OwnedFd) -> Vec<(BorrowedFd<'a>, RawFd)> {
        let own = [
            rustix::stdio::stdin(),
            rustix::stdio::stdout(),
            rustix::stdio::stderr(),
        ];
        let streams = self.streams.iter().zip(own).zip(0..);
        streams
            .filter_map(|((stream, own), number)| match stream {
                Stream::Inherit => rustix::io::fcntl_getfd(own)
                    .is_ok()
                    .then_some((own, number)),
                Stream::Null => Some((null.as_fd(), number)),
                Stream::Descriptor(fd) => Some((fd.as_fd(), number)),
            })
            .collect()
    }

    /// The environment of the child.
    fn entries(&self) -> Result<Vec<CString>> {
        let changes = match &self.environment {
            Environment::Exactly(entries) => return Ok(entries.clone()),
            Environment::Changed(changes) => changes,
        };
        let mut variables = environment::all();
        for (name, value) in changes {
            variables.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            variables.extend(value.iter().map(|value| (name.clone(), value.clone())));
        }
        let entry = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            c_string(name.into_vec())
        };
        variables.into_iter().map(entry).collect()
    }

    fn failed(&self, failure: Failure, program: &Path) -> Error {
        let failed = match failure {
            Failure::Directory(_) => {
                let directory = self.directory.as_deref().unwrap_or(Path::new(""));
                return Error::new(OP, ErrorKind::NotADirectory).on(directory.to_string_lossy());
            }
            Failure::Group(_) => {
                let why = "there is no such process group in this session";
                return Error::new(OP, ErrorKind::InvalidParameter).because(why);
            }
            Failure::Process(error) | Failure::Descriptors(error) => match error.raw_os_error() {
                Some(errno::EAGAIN) => Error::new(OP, ErrorKind::NoResources)
                    .because("the user may not have more processes"),
                _ => Error::from_io(OP, error),
            },
            Failure::Program(error) => match error.raw_os_error() {
                Some(errno::ENOEXEC | errno::ELIBBAD) => Error::new(OP, ErrorKind::NotAProgram),
                Some(errno::E2BIG) => Error::new(OP, ErrorKind::NameTooLong)
                    .because("the arguments and the environment are too long together"),
                Some(errno::ETXTBSY) => Error::new(OP, ErrorKind::SharingViolation)
                    .because("somebody is writing to the program's file"),
                _ => Error::from_io(OP, error),
            },
        };
        failed.on(program.to_string_lossy())
    }
}

/// A program that was found, and what it is told.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    line: Vec<u8>,
    arguments: Vec<CString>,
}

impl Program {
    fn new<'a>(
        path: PathBuf,
        line: Vec<u8>,
        arguments: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Program> {
        let arguments = arguments.map(|argument| c_string(argument.to_vec()));
        Ok(Program {
            path,
            line,
            arguments: arguments.collect::<Result<_>>()?,
        })
    }
}

fn c_string(bytes: Vec<u8>) -> Result<CString> {
    CString::new(bytes).map_err(|_| {
        Error::new(OP, ErrorKind::InvalidParameter).because("an argument holds a zero byte")
    })
}

fn open_null() -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open("/dev/null", flags, Mode::empty())
        .map_err(|error| Error::from_io(OP, error.into()))
}
