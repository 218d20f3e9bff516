//! Streams of bytes that have a descriptor: our own streams, sockets, FIFOs, the streams of programs.

use super::{End, Fault, Got, Keeper, Sink, Source, Stop, Told, CHUNK_BYTES};
use crate::exit::Failure;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

/// What a stream can be, as far as its end is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Both directions in one: a hang-up is the end of both.
    Socket,
    OneWay,
}

/// The bytes that come out of a descriptor.
pub(crate) struct Reader<T> {
    pub(crate) from: T,
    pub(crate) label: String,
    pub(crate) nature: Nature,
}

impl<T: Read + AsFd + Send> Source for Reader<T> {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        let failed = |error| Failure::Io(format!("cannot read from {}", self.label), error);
        chunk.resize(CHUNK_BYTES, 0);
        loop {
            if !await_input(&self.from, stop).map_err(failed)? {
                return Ok(Got::Stopped);
            }
            match self.from.read(chunk) {
                Ok(0) => return Ok(self.kind_of_end()),
                Ok(len) => {
                    chunk.truncate(len);
                    return Ok(Got::Data);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) if is_gone(&error) => return Ok(Got::Gone),
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

impl<T: AsFd> Reader<T> {
    fn kind_of_end(&self) -> Got {
        let mut fds = [PollFd::new(self.from.as_fd(), PollFlags::empty())];
        let _ = poll(&mut fds, PollTimeout::ZERO);
        let is_hung_up = fds[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLHUP));
        match self.nature {
            Nature::Socket if is_hung_up => Got::Gone,
            _ => Got::End,
        }
    }
}

/// Waits until there is something to read, or the end of it; `false` if we are to stop.
fn await_input(from: &impl AsFd, stop: &Stop) -> io::Result<bool> {
    let mut fds = [
        PollFd::new(from.as_fd(), PollFlags::POLLIN),
        PollFd::new(stop.as_fd(), PollFlags::POLLIN),
    ];
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let is_asked = fds[1].revents().is_some_and(|events| !events.is_empty());
                return Ok(!is_asked);
            }
        }
    }
}

/// Will a second try do?
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// Is it the other side that ended this?
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
    )
}

/// The bytes that go into a descriptor; none when they have ended.
pub(crate) struct Writer<T> {
    pub(crate) to: Option<T>,
    pub(crate) label: String,
    /// Called instead of closing it, where closing is not enough.
    pub(crate) finish: fn(&T) -> io::Result<()>,
}

impl<T: Write + Send> Sink for Writer<T> {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        let to = self.to.as_mut().ok_or(Fault::Gone)?;
        to.write_all(chunk)
            .and_then(|()| to.flush())
            .map_err(|error| match is_gone(&error) {
                true => Fault::Gone,
                false => Fault::Failed(Failure::Io(
                    format!("cannot write to {}", self.label),
                    error,
                )),
            })
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        if let Some(to) = self.to.take() {
            // A side that is gone needs not be told.
            let _ = (self.finish)(&to);
        }
        Ok(Told::Yes)
    }
}

/// Closing is enough.
pub(crate) fn just_close<T>(_: &T) -> io::Result<()> {
    Ok(())
}

/// Our own standard streams.
pub(crate) fn standard() -> Result<End, Failure> {
    let failed = |error| Failure::Io("cannot use the standard streams".to_owned(), error);
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let mut end = End::new("stdio");
    end.source = Some(Box::new(Reader {
        from: File::from(input),
        label: "standard input".to_owned(),
        nature: Nature::OneWay,
    }));
    end.sink = Some(Box::new(Writer {
        to: Some(io::stdout()),
        label: "standard output".to_owned(),
        finish: |_| give_up_output(),
    }));
    Ok(end)
}

/// Lets whoever reads our standard output see its end, while we go on.
fn give_up_output() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(nowhere)?;
    Ok(())
}

/// A sink for what nobody wants.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        Ok(Told::Yes)
    }
}

/// Opens a FIFO or another file: to read from, or to write to.
pub(crate) fn fifo(path: &std::path::Path, is_read: bool) -> Result<End, Failure> {
    let label = format!("fifo:{}", path.display());
    let opened = match is_read {
        true => File::open(path),
        false => File::options().write(true).open(path),
    };
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => super::open::missing(&label, "mkfifo makes one"),
        _ => Failure::Io(format!("cannot open {label}"), error),
    })?;
    let mut end = End::new(label.clone());
    match is_read {
        true => {
            let nature = Nature::OneWay;
            end.source = Some(Box::new(Reader {
                from: file,
                label,
                nature,
            }));
        }
        false => {
            let finish = just_close;
            end.sink = Some(Box::new(Writer {
                to: Some(file),
                label,
                finish,
            }));
        }
    }
    Ok(end)
}

/// What makes a blocked socket come back.
pub(crate) struct Cut<T>(pub(crate) T, pub(crate) fn(&T) -> io::Result<()>);

impl<T: Send + Sync> Keeper for Cut<T> {
    fn cut(&self) {
        let _ = (self.1)(&self.0);
    }
}
