//! The inbox of a process: how another one puts a handle into its table, or takes one out.
//!
//! A listening socket under a random name that stands in the process page. Whoever has something for the process connects,
//! sends one message with its descriptors, adds to the count of mails in the page, and need not wait: the message is there
//! even if the sender has ended. The process reads its mails when it next looks up any handle and finds the count changed; no thread
//! of its own waits for them.
//!
//! ```text
//!         0                               8
//! 0x00    1 put, 2 close
//! 0x08    a handle's record, 0x20 bytes
//! ```
//!
//! # Trust
//! The socket has no file, so every user of the machine may connect. Both sides ask the kernel who the other is, and go on
//! only with their own user or the administrator, who could do as much without it.
//!
//! # References
//! Linux: unix(7), "Abstract sockets", `SO_PEERCRED`, `SCM_RIGHTS`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use tong_sys::{dir, errno, socket};

use super::record::{self, Record};
use super::{parcel, Handle, Object};
use crate::{Error, ErrorKind, Result};

const PUT: u64 = 1;
const CLOSE: u64 = 2;
const LEN: usize = 8 + record::LEN;
/// Senders that can be in before the process looks; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// What an inbox is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name([u64; 2]);

impl Name {
    /// The name that stands in these words of a page, if one does.
    pub(super) fn read(words: [&AtomicU64; 2]) -> Option<Name> {
        let name = words.map(|word| word.load(Ordering::Acquire));
        (name[0] != 0).then_some(Name(name))
    }

    fn text(self) -> String {
        format!("tong-inbox-{:016x}{:016x}", self.0[0], self.0[1])
    }
}

/// Makes an inbox and writes its name into two words of a page. Returns the listener.
pub(super) fn make(words: [&AtomicU64; 2]) -> Result<OwnedFd> {
    let failed = |error| Error::from_io("make inbox", error);
    let name = Name([random() | 1, random()]);
    let listener = socket::bind_hidden(name.text().as_bytes()).map_err(failed)?;
    socket::listen(&listener, BACKLOG).map_err(failed)?;
    words[1].store(name.0[1], Ordering::Relaxed);
    // Release, and last: a first word that is not 0 says that both are there.
    words[0].store(name.0[0], Ordering::Release);
    Ok(listener)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Sends a handle for the table behind the inbox.
pub(super) fn put(name: Name, record: &Record, fds: &[BorrowedFd<'_>]) -> Result<()> {
    send(name, PUT, record, fds)
}

/// Asks the process behind the inbox to close a handle.
pub(super) fn close(name: Name, record: &Record) -> Result<()> {
    send(name, CLOSE, record, &[])
}

fn send(name: Name, what: u64, record: &Record, fds: &[BorrowedFd<'_>]) -> Result<()> {
    const OP: &str = "send handle";
    let failed = |error: std::io::Error| match error.raw_os_error() {
        Some(errno::ECONNREFUSED | errno::EPIPE | errno::ECONNRESET) => {
            Error::new(OP, ErrorKind::AccessDenied)
                .because("the process has ended, or knows nothing of handles")
        }
        Some(errno::EAGAIN) => Error::new(OP, ErrorKind::NoResources)
            .because("too many handles wait for a process that does not use its table"),
        _ => Error::from_io(OP, error),
    };
    let socket = socket::connect_hidden(name.text().as_bytes()).map_err(failed)?;
    if !is_trusted(&socket) {
        return Err(Error::new(OP, ErrorKind::AccessDenied)
            .because("another user stands where the process should be"));
    }
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&what.to_le_bytes());
    bytes[8..].copy_from_slice(&record.to_bytes());
    socket::send(&socket, &bytes, fds).map_err(failed)
}

/// Is the other side of the same user, or the administrator?
fn is_trusted(socket: &OwnedFd) -> bool {
    let own = dir::effective_uid();
    socket::peer(socket).is_ok_and(|peer| peer.uid == own || peer.uid == 0)
}

/// What another process sent.
#[derive(Debug)]
pub(super) enum Mail {
    /// A handle, under the value that its record has.
    Put(Record, Object),
    /// This handle is to be closed.
    Close(Handle),
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Inbox {
    listener: Option<OwnedFd>,
    /// Senders that have connected and not sent yet.
    unread: Vec<OwnedFd>,
}

impl Inbox {
    pub(super) fn new(listener: Option<OwnedFd>) -> Inbox {
        Inbox {
            listener,
            unread: Vec::new(),
        }
    }

    /// Takes what is there, in the order in which the senders came, and whether that is all: some must wait
    /// until this process has descriptors to spare.
    pub(super) fn take(&mut self) -> (Vec<Mail>, bool) {
        let mut all = self.accept();
        let mut mails = Vec::new();
        self.unread.retain(|socket| {
            let mut bytes = [0; LEN];
            match socket::receive(socket, &mut bytes) {
                Ok(None) => true,
                Ok(Some((len, fds))) => {
                    mails.extend(read(&bytes[..len], fds));
                    false
                }
                Err(error) if error.raw_os_error() == Some(errno::EMFILE) => {
                    all = false;
                    true
                }
                Err(_) => false,
            }
        });
        (mails, all)
    }

    fn accept(&mut self) -> bool {
        let Some(listener) = &self.listener else {
            return true;
        };
        loop {
            match socket::accept(listener) {
                Ok(Some(socket)) if is_trusted(&socket) => self.unread.push(socket),
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

/// Understands one message; what makes no sense is dropped.
fn read(bytes: &[u8], fds: Vec<OwnedFd>) -> Option<Mail> {
    let (what, record) = bytes.split_at_checked(8)?;
    let what = u64::from_le_bytes(what.try_into().ok()?);
    let record = Record::from_bytes(record)?;
    match what {
        PUT => {
            let mut fds = fds.into_iter();
            let object = parcel::unpack(&record, fds.next(), fds.next());
            Some(Mail::Put(record, object.ok()?))
        }
        CLOSE => Some(Mail::Close(record.handle)),
        _ => None,
    }
}
