//! Sockets for meeting: rendezvous by name, passing descriptors, who the peer is.
//!
//! Data never travels here. A connection carries one greeting with descriptors, tells the user and process of the other
//! side as the kernel knows them, and hangs up when the last holder of that side is gone.
//!
//! Names are bound and connected relative to a directory's descriptor, through `/proc/self/fd`, so that the 108 bytes of
//! a socket address bound no user's path.
//!
//! # References
//! Linux: unix(7), `SCM_RIGHTS`, `SO_PEERCRED`; proc_pid_fd(5).

#![allow(
    unsafe_code,
    reason = "the peer's process id may be 0, which the safe form of SO_PEERCRED cannot express"
)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

/// Most descriptors in one greeting.
pub const MAX_FDS: usize = 8;

/// The user and process at the other end, as of its connect, told by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id as seen from here, 0 if it lives in a PID namespace that is not visible from here. Decoration: the
    /// process may be gone and its number taken.
    pub pid: i32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// Makes a socket with the name `name` in the directory; nobody can connect until [`listen`].
///
/// # Errors
/// What the system reports: `EADDRINUSE` if something of that name exists, `ENOSPC`.
pub fn bind(dir: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let socket = new_socket(SocketFlags::NONBLOCK)?;
    rustix::net::bind(&socket, &address(dir, name)?)?;
    Ok(socket)
}

/// Makes a socket under a name that is in no directory: it goes with the socket, and every user of the machine may try it.
/// Nobody can connect until [`listen`].
///
/// # Errors
/// What the system reports: `EADDRINUSE`.
pub fn bind_hidden(name: &[u8]) -> io::Result<OwnedFd> {
    let socket = new_socket(SocketFlags::NONBLOCK)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
    Ok(socket)
}

/// Connects to the listener at a name that is in no directory, without waiting for an accept.
///
/// # Errors
/// `ECONNREFUSED`: nobody listens (any more); `EAGAIN`: the backlog is full.
pub fn connect_hidden(name: &[u8]) -> io::Result<OwnedFd> {
    let socket = new_socket(SocketFlags::NONBLOCK)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
    Ok(socket)
}

/// Lets clients connect; as many as `backlog` can be in without an accept, if the system allows so many.
///
/// # Errors
/// What listen reports.
pub fn listen(socket: impl AsFd, backlog: i32) -> io::Result<()> {
    Ok(rustix::net::listen(socket, backlog)?)
}

/// Connects to the listener at `name` in the directory, without waiting for an accept.
///
/// # Errors
/// `ENOENT`: no such name; `ECONNREFUSED`: nobody listens any more; `EAGAIN`: the backlog is full; `EACCES`: the file's
/// mode does not allow it.
pub fn connect(dir: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let socket = new_socket(SocketFlags::NONBLOCK)?;
    rustix::net::connect(&socket, &address(dir, name)?)?;
    Ok(socket)
}

/// Accepts the next client, or returns `None` if none waits.
///
/// # Errors
/// What accept4 reports: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    loop {
        match rustix::net::accept_with(&listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => return Ok(Some(socket)),
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            // The client that made these happen is gone already; the next may be fine.
            Err(rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends a connection in both directions: both sides see a hang-up. A listener that is shut down takes nobody in any more;
/// who is in already can still be accepted.
pub fn shut_down(socket: impl AsFd) {
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
}

/// Sends one greeting with its descriptors, whole or not at all. It outlives the sender.
///
/// # Errors
/// `EPIPE`: the other side is gone; `EAGAIN`: its buffer is full; `ETOOMANYREFS`: the user has too many descriptors
/// under way.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(&socket, &[IoSlice::new(bytes)], &mut ancillary, flags)
    })?;
    Ok(())
}

/// Receives one greeting into `bytes` and returns its length and descriptors, or `None` if none is there yet.
///
/// A length of 0 means that the other side hung up. Descriptors beyond [`MAX_FDS`] are closed by the kernel.
///
/// # Errors
/// `EMFILE` if this process has no room for the descriptors; the greeting stays and can be received later. Else what
/// recvmsg reports.
pub fn receive(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    // Looking first: a greeting that is taken while there is no room for its descriptors is lost, and with it every
    // message that its sender has written.
    let Some((len, fds)) = peek(&socket, bytes)? else {
        return Ok(None);
    };
    let taken = rustix::io::retry_on_intr(|| {
        rustix::net::recv(&socket, &mut [0u8; 1], RecvFlags::DONTWAIT)
    });
    match taken {
        Ok(_) | Err(rustix::io::Errno::CONNRESET) => Ok(Some((len, fds))),
        // Somebody else who shares the socket was quicker.
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Looks at the greeting that is in the socket and leaves it there, whose descriptors are copies; `None` if there is none.
///
/// # Errors
/// As [`receive`].
pub fn peek(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    let Some((len, fds, cut)) = receive_by(&socket, bytes, RecvFlags::PEEK)? else {
        return Ok(None);
    };
    if cut && fds.len() < MAX_FDS {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(Some((len, fds)))
}

/// How many bytes are in the socket, of all messages that nobody has taken out; 0 if the system does not say.
#[must_use]
pub fn unread_bytes(socket: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(socket).unwrap_or(0)
}

/// Two sockets that are connected to each other.
///
/// # Errors
/// What socketpair reports.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?)
}

/// Takes one message without descriptors out of the socket; returns its length, `None` if none is there.
///
/// # Errors
/// What recv reports.
pub fn receive_plain(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut *bytes, RecvFlags::DONTWAIT))
    {
        Ok((len, _)) => Ok(Some(len)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(rustix::io::Errno::CONNRESET) => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

/// The length, the descriptors, and whether some descriptors are missing.
type Received = (usize, Vec<OwnedFd>, bool);

fn receive_by(
    socket: impl AsFd,
    bytes: &mut [u8],
    flags: RecvFlags,
) -> io::Result<Option<Received>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = flags | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            &socket,
            &mut [IoSliceMut::new(bytes)],
            &mut ancillary,
            flags,
        )
    });
    let (len, cut) = match received {
        Ok(message) => (
            message.bytes,
            message.flags.contains(rustix::net::ReturnFlags::CTRUNC),
        ),
        Err(rustix::io::Errno::AGAIN) => return Ok(None),
        Err(rustix::io::Errno::CONNRESET) => (0, false),
        Err(error) => return Err(error.into()),
    };
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    Ok(Some((len, fds, cut)))
}

/// Says who connected, or who listens.
///
/// # Errors
/// What getsockopt reports.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the structure has 12 bytes"
    )]
    let mut len = std::mem::size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open for the length of the borrow; the kernel writes at most `len` bytes of integers to
    // the structure, and how many to `len`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut len,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(Peer {
        pid: credentials.pid,
        uid: credentials.uid,
        gid: credentials.gid,
    })
}

fn new_socket(extra: SocketFlags) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | extra;
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        flags,
        None,
    )?)
}

fn address(dir: BorrowedFd<'_>, name: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(format!(
        "/proc/self/fd/{}/{name}",
        dir.as_raw_fd()
    ))?)
}
