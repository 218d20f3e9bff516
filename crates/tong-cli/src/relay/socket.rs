//! Unix and TCP stream sockets as ends.

use super::door::Door;
use super::open::missing;
use super::stream::{Cut, Nature, Reader, Writer};
use super::{End, Stop};
use crate::exit::{Code, Failure};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::stat::{umask, Mode};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A connected socket of either family.
trait Connected: Read + Write + AsFd + Send + Sync + Sized + 'static {
    fn again(&self) -> io::Result<Self>;
    fn shut(&self, how: Shutdown) -> io::Result<()>;
}

impl Connected for UnixStream {
    fn again(&self) -> io::Result<UnixStream> {
        self.try_clone()
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Connected for TcpStream {
    fn again(&self) -> io::Result<TcpStream> {
        // Whoever sends small pieces through us does not want them to be kept back.
        self.set_nodelay(true)?;
        self.try_clone()
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

/// Both directions of a connected socket.
fn end(label: String, socket: impl Connected) -> Result<End, Failure> {
    let failed = |error| Failure::Io(format!("cannot use {label}"), error);
    let (from, keeper) = (
        socket.again().map_err(failed)?,
        socket.again().map_err(failed)?,
    );
    let mut end = End::new(label.clone());
    end.source = Some(Box::new(Reader {
        from,
        label: label.clone(),
        nature: Nature::Socket,
    }));
    end.sink = Some(Box::new(Writer {
        to: Some(socket),
        label,
        finish: |socket| socket.shut(Shutdown::Write),
    }));
    end.keeper = Arc::new(Cut(keeper, |socket| socket.shut(Shutdown::Both)));
    Ok(end)
}

/// Connects to a Unix socket; `@NAME` is one in the abstract namespace.
pub(crate) fn connect_unix(path: &Path) -> Result<End, Failure> {
    let label = format!("unix:{}", path.display());
    let connected = address(path).and_then(|address| UnixStream::connect_addr(&address));
    let socket = connected.map_err(|error| unreachable(&label, error))?;
    end(label, socket)
}

/// Connects to a TCP port.
pub(crate) fn connect_tcp(to: &str) -> Result<End, Failure> {
    let label = format!("tcp:{to}");
    let socket = TcpStream::connect(to).map_err(|error| unreachable(&label, error))?;
    end(label, socket)
}

fn unreachable(label: &str, error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => missing(label, "start its server first, or use --wait"),
        ErrorKind::ConnectionRefused => missing(
            label,
            "nobody listens there; start its server first, or use --wait",
        ),
        _ => Failure::Io(format!("cannot connect to {label}"), error),
    }
}

fn address(path: &Path) -> io::Result<SocketAddr> {
    match path.as_os_str().as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

/// A listening socket.
struct Listening<L> {
    label: String,
    socket: Arc<L>,
    accept: fn(&L, String) -> io::Result<Result<End, Failure>>,
    /// Removed with the last of those who wait at it.
    _file: Option<Arc<SocketFile>>,
}

/// The file of a listening Unix socket.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens at a path, for our own user only.
pub(crate) fn listen_unix(path: &Path) -> Result<Box<dyn Door>, Failure> {
    let label = format!("unix-listen:{}", path.display());
    remove_stale(path, &label)?;
    // Nobody else may connect, not even before its mode could be changed.
    let old = umask(Mode::from_bits_truncate(0o177));
    let bound = address(path).and_then(|address| UnixListener::bind_addr(&address));
    umask(old);
    let socket = bound.map_err(|error| unusable(&label, error))?;
    let file = address(path).ok().filter(|address| !address.is_unnamed());
    let file = file.and_then(|address| Some(SocketFile(address.as_pathname()?.to_owned())));
    socket
        .set_nonblocking(true)
        .map_err(|error| unusable(&label, error))?;
    Ok(Box::new(Listening {
        label,
        socket: Arc::new(socket),
        accept: |socket, label| {
            let (socket, _) = socket.accept()?;
            socket.set_nonblocking(false)?;
            Ok(end(label, socket))
        },
        _file: file.map(Arc::new),
    }))
}

/// Removes a socket file that nobody listens at any more. What else stands there is not ours.
fn remove_stale(path: &Path, label: &str) -> Result<(), Failure> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    // Another type of socket is refused by one that lives, which does not notice, and cannot reach one that does not.
    match UnixDatagram::unbound().and_then(|probe| probe.connect(path)) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| unusable(label, error))
        }
        _ => Ok(()),
    }
}

/// Listens at a TCP port.
pub(crate) fn listen_tcp(at: &str) -> Result<Box<dyn Door>, Failure> {
    let label = format!("tcp-listen:{at}");
    let failed = |error| unusable(&label, error);
    let socket = TcpListener::bind(at).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let label = match socket.local_addr() {
        Ok(address) => format!("tcp-listen:{address}"),
        Err(_) => label,
    };
    Ok(Box::new(Listening {
        label,
        socket: Arc::new(socket),
        accept: |socket, label| {
            let (socket, _) = socket.accept()?;
            socket.set_nonblocking(false)?;
            Ok(end(label, socket))
        },
        _file: None,
    }))
}

fn unusable(label: &str, error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AddrInUse => Failure::Own(
            Code::Exists,
            format!("{label} is taken: something else is there already"),
        ),
        _ => Failure::Io(format!("cannot listen at {label}"), error),
    }
}

impl<L: AsFd + Send + Sync + 'static> Door for Listening<L> {
    fn label(&self) -> &str {
        &self.label
    }

    fn accept(&mut self, stop: &Stop) -> Result<Option<End>, Failure> {
        loop {
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            ];
            // An interrupted poll is the same as one that saw nothing.
            let _ = poll(&mut fds, PollTimeout::NONE);
            if fds[1].revents().is_some_and(|events| !events.is_empty()) {
                return Ok(None);
            }
            match (self.accept)(&self.socket, self.label.clone()) {
                Ok(end) => return end.map(Some),
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    return Err(Failure::Io(
                        format!("cannot accept at {}", self.label),
                        error,
                    ))
                }
            }
        }
    }

    fn another(&self) -> Result<Box<dyn Door>, Failure> {
        Ok(Box::new(Listening {
            label: self.label.clone(),
            socket: Arc::clone(&self.socket),
            accept: self.accept,
            _file: self._file.clone(),
        }))
    }
}

/// Another took the client, or the client has left.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
    )
}
