//! The greeting: what the connecting side sends, and what the other side believes of it.
//!
//! One datagram of 48 bytes with the descriptors of the memory file, of the bell that wakes the accepting side and, for
//! two-way channels, of the bell that wakes the connecting side. The bytes are drawn in `docs/layout.md`. It is sent right
//! after connecting and waits in the socket until the other side accepts, however long that is and whoever has died.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tong_sys::bell::Bell;
use tong_sys::memory::Memory;
use tong_sys::socket;

use super::layout::{Geometry, VERSION};
use super::ring::ChannelMemory;

const MAGIC: [u8; 8] = *b"tonghey1";
const LEN: usize = 48;

/// Everything that makes up one end of a channel but the rings' ends.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) memory: ChannelMemory,
    /// Wakes the accepting side.
    pub(crate) bell: Bell,
    /// Wakes the connecting side; only two-way channels have it.
    pub(crate) answer_bell: Option<Bell>,
    /// Most bytes that the connecting side will keep queued, by its word.
    pub(crate) quota_bytes: u64,
}

impl Greeting {
    /// Sends the greeting, whole or not at all.
    ///
    /// # Errors
    /// What the socket reports: the other side is gone; too many descriptors are under way.
    pub(crate) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let geometry = self.memory.geometry();
        let mut bytes = [0u8; LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&geometry.directions.to_le_bytes());
        bytes[16..24].copy_from_slice(&geometry.first_len.to_le_bytes());
        bytes[24..28].copy_from_slice(&geometry.later.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.quota_bytes.to_le_bytes());
        let memory = self.memory.memory().ok_or(io::ErrorKind::Unsupported)?;
        let mut fds = vec![memory.as_fd(), self.bell.as_fd()];
        fds.extend(self.answer_bell.as_ref().map(AsFd::as_fd));
        socket::send(socket, &bytes, &fds)
    }

    /// Receives a greeting and checks all of it; `None` if it is not there yet.
    ///
    /// `directions` is what the listener serves; the memory file may be at most `most_len` bytes long.
    ///
    /// # Errors
    /// `InvalidData` if anything is not as it should be, `ConnectionReset` if the client went without a greeting; else
    /// what the system reports: if it is out of descriptors the greeting stays and can be received later.
    pub(crate) fn receive(
        socket: impl AsFd,
        directions: u32,
        most_len: u64,
    ) -> io::Result<Option<Greeting>> {
        let mut bytes = [0u8; LEN + 1];
        let Some((len, fds)) = socket::receive(&socket, &mut bytes)? else {
            return Ok(None);
        };
        if len == 0 && fds.is_empty() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let geometry = parse(&bytes[..len], directions).ok_or(io::ErrorKind::InvalidData)?;
        if geometry.file_len() > most_len {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut fds = fds.into_iter();
        let (Some(memory), Some(bell)) = (fds.next(), fds.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let answer_bell = fds.next();
        if answer_bell.is_some() != (directions == 2) || fds.next().is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let greeting = Greeting::believe(memory, bell, answer_bell, geometry, quota(&bytes))?;
        if is_stranger(&socket)? && !greeting.bells().all(Bell::is_genuine) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(greeting))
    }

    fn bells(&self) -> impl Iterator<Item = &Bell> {
        std::iter::once(&self.bell).chain(&self.answer_bell)
    }

    fn believe(
        memory: OwnedFd,
        bell: OwnedFd,
        answer_bell: Option<OwnedFd>,
        geometry: Geometry,
        quota_bytes: u64,
    ) -> io::Result<Greeting> {
        let memory = ChannelMemory::open(Memory::adopt(memory)?, geometry)?;
        let answer_bell = answer_bell.map(Bell::adopt);
        Ok(Greeting {
            memory,
            bell: Bell::adopt(bell),
            answer_bell,
            quota_bytes,
        })
    }
}

fn parse(bytes: &[u8], directions: u32) -> Option<Geometry> {
    let half = |at: usize| {
        bytes
            .get(at..at + 4)?
            .try_into()
            .ok()
            .map(u32::from_le_bytes)
    };
    let whole = |at: usize| {
        bytes
            .get(at..at + 8)?
            .try_into()
            .ok()
            .map(u64::from_le_bytes)
    };
    if bytes.len() != LEN || bytes[..8] != MAGIC || half(8)? != VERSION || half(12)? != directions {
        return None;
    }
    Geometry::checked(directions, whole(16)?, half(24)?)
}

fn quota(bytes: &[u8]) -> u64 {
    bytes
        .get(32..40)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// Wakes the sleeper at the other end of a connection.
///
/// A bell can be made to block by whoever holds it, so it is rung only for a peer of the same user; a stranger is woken
/// through the socket, where a send that would block is simply refused (and then the stranger has unheard wake-ups).
#[derive(Debug)]
pub(crate) struct Waker {
    bell: Bell,
    stranger: bool,
}

impl Waker {
    /// A waker for the peer of `socket` by `bell`.
    ///
    /// # Errors
    /// The socket does not tell who the peer is.
    pub(crate) fn new(socket: impl AsFd, bell: Bell) -> io::Result<Waker> {
        Ok(Waker {
            bell,
            stranger: is_stranger(socket)?,
        })
    }

    /// Wakes. Never blocks, never fails: a peer that is gone needs no waking.
    pub(crate) fn wake(&self, socket: impl AsFd) {
        if self.stranger {
            let _ = socket::send(socket, &[0], &[]);
        } else {
            self.bell.ring();
        }
    }
}

/// Whether the peer is another user, who could as well be hostile. One of our own user could do worse by other means.
pub(crate) fn is_stranger(socket: impl AsFd) -> io::Result<bool> {
    Ok(socket::peer(socket)?.uid != tong_sys::dir::effective_uid())
}

/// Takes the wake-ups that came through the socket out of it.
pub(crate) fn drain(socket: impl AsFd) {
    let mut byte = [0u8; LEN];
    // A stranger can send without end; what is left after this many stays readable and is taken next time.
    for _ in 0..64 {
        match socket::receive_plain(&socket, &mut byte) {
            Ok(Some(len)) if len > 0 => {}
            _ => return,
        }
    }
}
