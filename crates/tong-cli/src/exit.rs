//! Exit codes: a documented promise.
//!
//! [`Code`] is the table that `--help` and the man pages print; [`Code::of`] is the one place that says which kind
//! of error has which code. A code keeps its meaning once it is given out.

use nix::sys::signal::Signal;
use std::io;
use std::process::ExitCode;
use tong::ErrorKind;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Done,
    Other,
    Usage,
    NotFound,
    Exists,
    Denied,
    TimedOut,
    QueueFull,
    TooLong,
    Closed,
    Abandoned,
    OtherKind,
    Busy,
    ProgramTimedOut,
    NotRun,
    NotRunnable,
    NoProgram,
    Interrupted,
}

impl Code {
    /// Every code, in the order of the help text.
    const ALL: [Code; 18] = [
        Code::Done,
        Code::Other,
        Code::Usage,
        Code::NotFound,
        Code::Exists,
        Code::Denied,
        Code::TimedOut,
        Code::QueueFull,
        Code::TooLong,
        Code::Closed,
        Code::Abandoned,
        Code::OtherKind,
        Code::Busy,
        Code::ProgramTimedOut,
        Code::NotRun,
        Code::NotRunnable,
        Code::NoProgram,
        Code::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) fn number(self) -> u8 {
        self.row().0
    }

    /// The number, and what the help text says about it.
    fn row(self) -> (u8, &'static str) {
        match self {
            Code::Done => (0, "done, or the reader of the output went away"),
            Code::Other => (1, "another failure; the message says which"),
            Code::Usage => (2, "the command line or a name in it is not valid"),
            Code::NotFound => (3, "no such object"),
            Code::Exists => (4, "an object of that name exists already"),
            Code::Denied => (5, "access denied"),
            Code::TimedOut => (6, "the time allowed has passed"),
            Code::QueueFull => (
                7,
                "the queue is full, or the semaphore's count at its maximum",
            ),
            Code::TooLong => (8, "the message is longer than the object allows"),
            Code::Closed => (9, "the other side is gone"),
            Code::Abandoned => (
                10,
                "the mutex was acquired, but abandoned by its last owner",
            ),
            Code::OtherKind => (11, "the name belongs to an object of another kind"),
            Code::Busy => (12, "all instances of the pipe are taken"),
            Code::ProgramTimedOut => (124, "PROGRAM did not end within the time allowed"),
            Code::NotRun => (125, "a failure of tong itself when it was to run PROGRAM"),
            Code::NotRunnable => (126, "PROGRAM cannot be run"),
            Code::NoProgram => (127, "PROGRAM was not found"),
            Code::Interrupted => (130, "ended by Ctrl-C (as shells report SIGINT)"),
        }
    }

    /// The code for an error of the library.
    fn of(kind: ErrorKind) -> Code {
        match kind {
            ErrorKind::NotFound | ErrorKind::PathNotFound => Code::NotFound,
            ErrorKind::AlreadyExists | ErrorKind::FileExists => Code::Exists,
            ErrorKind::AccessDenied | ErrorKind::SharingViolation => Code::Denied,
            ErrorKind::PipeBusy => Code::Busy,
            ErrorKind::InvalidName
            | ErrorKind::NameTooLong
            | ErrorKind::BadPath
            | ErrorKind::InvalidParameter => Code::Usage,
            ErrorKind::TimedOut => Code::TimedOut,
            ErrorKind::QueueFull | ErrorKind::TooManyPosts => Code::QueueFull,
            ErrorKind::MessageTooLong { .. } | ErrorKind::BufferTooSmall { .. } => Code::TooLong,
            ErrorKind::Closed
            | ErrorKind::BrokenPipe
            | ErrorKind::PipeClosing
            | ErrorKind::NotConnected => Code::Closed,
            ErrorKind::WrongKind => Code::OtherKind,
            _ => Code::Other,
        }
    }
}

impl Code {
    /// The code for a program that could not be started.
    fn of_start(kind: ErrorKind) -> Code {
        match kind {
            ErrorKind::NotFound | ErrorKind::PathNotFound => Code::NoProgram,
            ErrorKind::AccessDenied | ErrorKind::NotAProgram | ErrorKind::SharingViolation => {
                Code::NotRunnable
            }
            _ => Code::NotRun,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> ExitCode {
        ExitCode::from(code.number())
    }
}

/// The table of exit codes, for help and man pages.
pub(crate) fn table() -> String {
    let mut text = String::from("Exit codes:\n");
    for (number, meaning) in Code::ALL.map(Code::row) {
        text.push_str(&format!("  {number:>3}  {meaning}\n"));
    }
    text
}

/// Why the command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library says no.
    Tong(tong::Error),
    /// A file or stream of the command itself failed; the text says which.
    Io(String, io::Error),
    /// Nobody reads our output any more, which is no reason to complain.
    ReaderGone,
    /// Something that only the command knows about; the text says what, the code how to end.
    Own(Code, String),
    /// A program could not be started.
    NotStarted(tong::Error),
    /// Nothing went wrong with us; we only pass on how something ended, with this number.
    Passed(u8),
    /// This signal asks us to end, and everything is put away.
    Signal(Signal),
}

impl Failure {
    /// The number that the command ends with because of this. Does not return if a signal is to end it.
    pub(crate) fn number(&self) -> u8 {
        let code = match self {
            Failure::Tong(error) => Code::of(error.kind()),
            Failure::Io(_, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Code::Denied
            }
            Failure::Io(..) => Code::Other,
            Failure::ReaderGone => Code::Done,
            Failure::Own(code, _) => *code,
            Failure::NotStarted(error) => Code::of_start(error.kind()),
            Failure::Passed(number) => return *number,
            Failure::Signal(signal) => return crate::signals::end_by(*signal),
        };
        code.number()
    }

    /// Says on standard error what went wrong.
    pub(crate) fn report(&self) {
        match self {
            Failure::ReaderGone | Failure::Passed(_) | Failure::Signal(_) => {}
            _ => complain(&self.text()),
        }
    }

    /// What went wrong, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Failure::Tong(error) | Failure::NotStarted(error) => error.to_string(),
            Failure::Io(what, error) => format!("{what}: {error}"),
            Failure::Own(_, text) => text.clone(),
            Failure::ReaderGone => "nobody reads the output".to_owned(),
            Failure::Passed(number) => format!("exit code {number}"),
            Failure::Signal(signal) => signal.as_str().to_owned(),
        }
    }
}

impl From<tong::Error> for Failure {
    fn from(error: tong::Error) -> Failure {
        Failure::Tong(error)
    }
}

/// Writes a line to standard error, with the name of the command before it.
///
/// A message that cannot be written is lost: there is nowhere left to say so.
pub(crate) fn complain(text: &str) {
    use io::Write;
    let _ = writeln!(anstream::stderr(), "tong: {}", crate::text::visible(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_number_of_its_own_and_a_line_of_help() {
        let mut numbers = Code::ALL.map(Code::number).to_vec();
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert_eq!(table().lines().count(), Code::ALL.len() + 1);
    }
}
