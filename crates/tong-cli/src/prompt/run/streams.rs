//! The three streams of a command, and redirecting them.

use super::Children;
use crate::prompt::language::{Action, Expander, Redirect};
use crate::prompt::path_of;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use tong::{ProcessOptions, Stream};

/// Where a stream goes.
#[derive(Debug)]
enum End {
    /// Where this stream of the prompt goes.
    Own(u8),
    Null,
    File(OwnedFd),
    /// A FIFO that nobody has opened at the other end yet.
    Opening(Opening),
}

/// A FIFO that a thread is opening. If the person does not want to wait any longer, the thread is left alone with it.
#[derive(Debug)]
struct Opening {
    /// How people call it, and what they want of it.
    what: String,
    opened: mpsc::Receiver<io::Result<File>>,
    /// Hung up on when it is open.
    end: PipeReader,
}

/// The input, output and errors of a command.
#[derive(Debug)]
pub(in crate::prompt) struct Streams {
    ends: [End; 3],
    /// Is the output the pipe to the next command?
    feeds_next: bool,
}

impl Streams {
    /// Those of the prompt.
    pub(in crate::prompt) fn own() -> Streams {
        Streams {
            ends: [End::Own(0), End::Own(1), End::Own(2)],
            feeds_next: false,
        }
    }

    pub(super) fn without_input(mut self) -> Streams {
        self.ends[0] = End::Null;
        self
    }

    pub(super) fn reading(mut self, pipe: PipeReader) -> Streams {
        self.ends[0] = End::File(pipe.into());
        self
    }

    pub(super) fn writing(mut self, pipe: PipeWriter) -> Streams {
        self.ends[1] = End::File(pipe.into());
        self.feeds_next = true;
        self
    }

    /// Redirects them, one after the other. FIFOs are open only once they are [settled](Streams::settle).
    pub(super) fn redirect(
        mut self,
        targets: &[(u8, Target)],
        children: &mut Children,
    ) -> Result<Streams, String> {
        for (stream, target) in targets {
            let stream = usize::from(*stream);
            let mut write = OpenOptions::new();
            write.create(true);
            self.ends[stream] = match target {
                Target::Read(name) => open(OpenOptions::new().read(true), name, "read")?,
                Target::Write(name) => open(write.write(true).truncate(true), name, "write")?,
                Target::Append(name) => open(write.append(true), name, "write")?,
                Target::Same(other) => {
                    let other = &mut self.ends[usize::from(*other)];
                    other.settle(children)?;
                    other.same()?
                }
            };
            self.feeds_next &= stream != 1;
        }
        Ok(self)
    }

    /// Waits until all of them are open, or Ctrl-C is pressed.
    pub(super) fn settle(mut self, children: &mut Children) -> Result<Streams, String> {
        for end in &mut self.ends {
            end.settle(children)?;
        }
        Ok(self)
    }

    /// Another descriptor for one of them.
    pub(in crate::prompt) fn copy(&self, stream: u8) -> io::Result<OwnedFd> {
        match &self.ends[usize::from(stream)] {
            End::Own(number) => own(*number).try_clone_to_owned(),
            End::Null | End::Opening(_) => {
                let mut null = OpenOptions::new();
                Ok(null.read(true).write(true).open("/dev/null")?.into())
            }
            End::File(file) => file.try_clone(),
        }
    }

    /// Is the output the pipe to the next command?
    pub(super) fn feeds_next(&self) -> bool {
        self.feeds_next
    }

    /// Hands them to a program.
    pub(super) fn give_to(self, options: ProcessOptions) -> io::Result<ProcessOptions> {
        let [input, output, errors] = self.ends;
        let options = options.stdin(input.into_stream(0)?);
        let options = options.stdout(output.into_stream(1)?);
        Ok(options.stderr(errors.into_stream(2)?))
    }

    /// The input, for reading here.
    pub(in crate::prompt) fn reader(&self) -> io::Result<Box<dyn Read>> {
        Ok(match &self.ends[0] {
            End::Own(_) => Box::new(io::stdin()),
            End::Null | End::Opening(_) => Box::new(io::empty()),
            End::File(file) => Box::new(File::from(file.try_clone()?)),
        })
    }

    /// The output or the errors, for writing here.
    pub(in crate::prompt) fn writer(&self, stream: u8) -> io::Result<Box<dyn Write>> {
        Ok(match &self.ends[usize::from(stream)] {
            End::Own(2) => Box::new(io::stderr()),
            End::Own(_) => Box::new(io::stdout()),
            End::Null | End::Opening(_) => Box::new(io::sink()),
            End::File(file) => Box::new(File::from(file.try_clone()?)),
        })
    }

    /// Takes the output, if that is not the prompt's own.
    pub(super) fn take_output(&mut self) -> Option<OwnedFd> {
        match std::mem::replace(&mut self.ends[1], End::Null) {
            End::File(file) => Some(file),
            End::Own(_) | End::Null | End::Opening(_) => None,
        }
    }

    /// Does the output go to a terminal?
    pub(in crate::prompt) fn is_terminal(&self) -> bool {
        match &self.ends[1] {
            End::Own(number) => own(*number).is_terminal(),
            End::Null | End::Opening(_) => false,
            End::File(file) => file.is_terminal(),
        }
    }
}

impl End {
    /// Waits until it is open, if it is a FIFO.
    fn settle(&mut self, children: &mut Children) -> Result<(), String> {
        let End::Opening(opening) = self else {
            return Ok(());
        };
        let failed = |why: &str| format!("cannot {}: {why}", opening.what);
        loop {
            if let Ok(opened) = opening.opened.try_recv() {
                let file = opened.map_err(|error| failed(&error.to_string()))?;
                *self = End::File(file.into());
                return Ok(());
            }
            if children.is_interrupted() {
                return Err(failed("interrupted"));
            }
            children.sleep(&[opening.end.as_fd()]);
        }
    }

    /// Another one that goes to the same place.
    fn same(&self) -> Result<End, String> {
        Ok(match self {
            End::Own(number) => End::Own(*number),
            End::Null | End::Opening(_) => End::Null,
            End::File(file) => {
                let copy = file.try_clone();
                End::File(copy.map_err(|error| format!("cannot copy a stream: {error}"))?)
            }
        })
    }

    fn into_stream(self, number: u8) -> io::Result<Stream> {
        Ok(match self {
            End::Own(same) if same == number => Stream::Inherit,
            End::Own(other) => own(other).try_clone_to_owned()?.into(),
            End::Null | End::Opening(_) => Stream::Null,
            End::File(file) => file.into(),
        })
    }
}

fn own(number: u8) -> BorrowedFd<'static> {
    /// Lives as long as the program.
    static STREAMS: std::sync::LazyLock<(io::Stdin, io::Stdout, io::Stderr)> =
        std::sync::LazyLock::new(|| (io::stdin(), io::stdout(), io::stderr()));
    match number {
        0 => STREAMS.0.as_fd(),
        1 => STREAMS.1.as_fd(),
        _ => STREAMS.2.as_fd(),
    }
}

/// Where a stream is redirected to.
#[derive(Debug)]
pub(super) enum Target {
    Read(String),
    Write(String),
    Append(String),
    /// Where this stream goes at that moment.
    Same(u8),
}

/// What the redirections of a command mean.
pub(super) fn targets(redirects: &[Redirect], expander: &Expander<'_>) -> Vec<(u8, Target)> {
    let target = |action: &Action| match action {
        Action::Read(word) => Target::Read(expander.single(word)),
        Action::Write(word) => Target::Write(expander.single(word)),
        Action::Append(word) => Target::Append(expander.single(word)),
        Action::Same(other) => Target::Same(*other),
    };
    let redirects = redirects.iter();
    redirects
        .map(|redirect| (redirect.stream, target(&redirect.action)))
        .collect()
}

fn open(options: &OpenOptions, name: &str, what: &str) -> Result<End, String> {
    let path = path_of(name);
    let what = format!("{what} {name}");
    let failed = |error: io::Error| format!("cannot {what}: {error}");
    let is_fifo = path.metadata().is_ok_and(|meta| meta.file_type().is_fifo());
    match is_fifo {
        true => start_opening(options.clone(), path, what.clone()).map_err(failed),
        false => {
            let file = options.open(path).map_err(failed)?;
            Ok(End::File(file.into()))
        }
    }
}

fn start_opening(options: OpenOptions, path: PathBuf, what: String) -> io::Result<End> {
    let (end, held) = io::pipe()?;
    let (send, opened) = mpsc::channel();
    let open = move || {
        let _ = send.send(options.open(path));
        drop(held);
    };
    thread::Builder::new().name("open".to_owned()).spawn(open)?;
    Ok(End::Opening(Opening { what, opened, end }))
}
