//! The writing end of a mailslot.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tong_sys::bell::{self, Bell};
use tong_sys::fork::Birth;
use tong_sys::latch::Latch;
use tong_sys::{clock, errno, socket};

use crate::channel::greeting::{Greeting, Waker};
use crate::channel::layout::Geometry;
use crate::channel::ring::{ChannelMemory, Producer, PushError};
use crate::channel::{duplex, FIRST_LEN, TRUST_NS};
use crate::io::Tie;
use crate::namespace::{self, Page, PageInfo, Space};
use crate::{Error, ErrorKind, MailslotName, Namespace, Result};

use super::{forked, is_name, stem, QUOTA_RANGE};

/// A client handle: writes to a mailslot.
///
/// Clones are duplicates: they share one place in the queue's order and one quota. A handle can be used from several
/// threads.
///
/// ```no_run
/// # fn main() -> tong::Result<()> {
/// let client = tong::MailslotClient::open(&tong::MailslotName::short("mailbox")?)?;
/// client.send(b"hello")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MailslotClient {
    end: Arc<End>,
}

#[derive(Debug)]
struct End {
    /// A forked child must not write into its parent's ring.
    birth: Birth,
    name: MailslotName,
    /// The full name, for errors.
    full_name: Arc<str>,
    max_message: u32,
    socket: OwnedFd,
    waker: Waker,
    server_uid: u32,
    tie: Tie,
    /// `None` if access to the mailslot is widened: such a page is only read.
    page: Option<Page>,
    writing: Latch<Writing>,
}

#[derive(Debug)]
struct Writing {
    producer: Producer,
    /// When the server was last known to live.
    checked_ns: u64,
}

impl MailslotClient {
    /// Opens a client handle to the mailslot of that name: the user's own, else one that another user opened to others.
    ///
    /// # Blocking
    /// Never waits for the server.
    ///
    /// # Errors
    /// In this order: no usable namespace; no such mailslot, or its server died ([`ErrorKind::NotFound`]); its creator
    /// did not allow it ([`ErrorKind::AccessDenied`]); too many writers wait to be taken in, no descriptors
    /// ([`ErrorKind::NoResources`]); no memory.
    ///
    /// # References
    /// Win32: CreateFile, "Writing to a Mailslot".
    pub fn open(name: &MailslotName) -> Result<MailslotClient> {
        let failed = |error: Error| error.on(name.full());
        let found = find(name).map_err(failed)?;
        let end = End::connect(name, found).map_err(failed)?;
        Ok(MailslotClient { end: Arc::new(end) })
    }

    /// The name as it was given.
    #[must_use]
    pub fn name(&self) -> &MailslotName {
        &self.end.name
    }

    /// The longest message in bytes that the mailslot takes, 0 for any.
    #[must_use]
    pub fn max_message_len(&self) -> u32 {
        self.end.max_message
    }

    /// The user who runs the server, as the kernel says.
    #[must_use]
    pub fn server_uid(&self) -> u32 {
        self.end.server_uid
    }

    /// Queues one message of 0 or more bytes, whole or not at all.
    ///
    /// # Blocking
    /// Never waits for the reader.
    ///
    /// # Errors
    /// In this order: [`ErrorKind::MessageTooLong`]; the mailslot is gone ([`ErrorKind::Closed`]); this writer's quota is
    /// used up, nothing was queued ([`ErrorKind::QueueFull`]); the reader's words make no sense ([`ErrorKind::Corrupt`]);
    /// no memory.
    ///
    /// # References
    /// Win32: WriteFile.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.end
            .send(message)
            .map_err(|error| error.on(Arc::clone(&self.end.full_name)))
    }

    /// What the open is tied to. Its writes do not look at that: who is told of their ends does.
    #[must_use]
    pub fn tie(&self) -> &Tie {
        &self.end.tie
    }

    /// Whether both are handles of one open: one is a clone of the other.
    #[must_use]
    pub fn same_object(&self, other: &MailslotClient) -> bool {
        Arc::ptr_eq(&self.end, &other.end)
    }
}

impl End {
    fn connect(name: &MailslotName, found: Found) -> Result<End> {
        const OP: &str = "open mailslot";
        let failed = |error| Error::from_io(OP, error);
        let quota_bytes = found
            .info
            .quota_bytes
            .clamp(*QUOTA_RANGE.start(), *QUOTA_RANGE.end());
        let geometry = Geometry::new(1, FIRST_LEN, quota_bytes);
        let memory = ChannelMemory::create(&memory_name(&found), geometry).map_err(failed)?;
        let bell = Bell::create().map_err(failed)?;
        let greeting = Greeting {
            memory,
            bell,
            answer_bell: None,
            quota_bytes,
        };
        greeting
            .send(&found.socket)
            .map_err(|error| match error.raw_os_error() {
                // It died between the connect and now.
                Some(errno::EPIPE | errno::ECONNRESET) => Error::new(OP, ErrorKind::NotFound),
                _ => Error::from_io(OP, error),
            })?;
        if let Some(page) = &found.page {
            // After the greeting: whoever sees the count finds it.
            page.activity()
                .fetch_add(1, tong_sys::map::Ordering::Release);
        }
        let server_uid = socket::peer(&found.socket).map_err(failed)?.uid;
        let Greeting { memory, bell, .. } = greeting;
        Ok(End {
            birth: Birth::here(),
            name: name.clone(),
            full_name: name.full().into(),
            max_message: found.info.max_message,
            waker: Waker::new(&found.socket, bell).map_err(failed)?,
            server_uid,
            tie: Tie::default(),
            socket: found.socket,
            page: found.page,
            writing: Latch::new(Writing {
                producer: memory.producer(0, quota_bytes),
                checked_ns: 0,
            }),
        })
    }

    fn send(&self, message: &[u8]) -> Result<()> {
        const OP: &str = "write to mailslot";
        let limit = self.max_message as usize;
        if limit != 0 && message.len() > limit {
            return Err(Error::new(OP, ErrorKind::MessageTooLong { limit }));
        }
        if !self.birth.is_here() {
            return Err(forked(OP));
        }
        // A panic cannot leave the ring half-moved: positions change last.
        self.writing.with(|writing| self.write(writing, message))
    }

    fn write(&self, writing: &mut Writing, message: &[u8]) -> Result<()> {
        const OP: &str = "write to mailslot";
        let now = clock::now_ns();
        if self.server_gone(writing, now) {
            return Err(Error::new(OP, ErrorKind::Closed)
                .because("the mailslot is gone: its last reader has closed or died"));
        }
        match writing.producer.push(now, message) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.wake();
                Ok(())
            }
            Err(PushError::Full) if writing.producer.never_fits(message.len()) => {
                let longest = writing.producer.longest_message();
                Err(Error::new(OP, ErrorKind::QueueFull).because(format!(
                    "a message of {} bytes can never be queued: the creator's quota allows {longest} bytes a writer",
                    message.len()
                )))
            }
            Err(error) => Err(duplex::push_failed(OP, error)),
        }
    }

    /// Asks the kernel only now and then, because asking costs more than writing.
    fn server_gone(&self, writing: &mut Writing, now: u64) -> bool {
        if writing.producer.peer_closed() {
            return true;
        }
        if now.wrapping_sub(writing.checked_ns) < TRUST_NS {
            return false;
        }
        // Only a server that lives is trusted for a while: once gone is gone for the next write too.
        if bell::hung_up(&self.socket) {
            return true;
        }
        writing.checked_ns = now;
        false
    }

    fn wake(&self) {
        self.waker.wake(&self.socket);
        if let Some(page) = &self.page {
            // After the bell, so that whoever sees the count finds the ring that rang; and before the write returns, so
            // that what is written after it is not delivered before it.
            page.activity()
                .fetch_add(1, tong_sys::map::Ordering::Release);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.birth.is_here() {
            self.writing.get_mut().producer.close();
        }
    }
}

/// A mailslot that answers at its name.
struct Found {
    /// What its files are called.
    stem: String,
    socket: OwnedFd,
    page: Option<Page>,
    info: PageInfo,
}

fn find(name: &MailslotName) -> Result<Found> {
    const OP: &str = "open mailslot";
    let namespace = Namespace::current()?;
    let stem = stem(name);
    let same = |written: &str| is_name(name, written);
    if let Some(found) = find_in(namespace.dir(Space::Mailslot), &stem, true, same)? {
        return Ok(found);
    }
    match namespace::global(Space::Mailslot)? {
        Some(global) => {
            find_in(&global, &stem, false, same)?.ok_or_else(|| Error::new(OP, ErrorKind::NotFound))
        }
        None => Err(Error::new(OP, ErrorKind::NotFound)),
    }
}

fn find_in(
    dir: &tong_sys::dir::Dir,
    stem: &str,
    own: bool,
    same: impl Fn(&str) -> bool,
) -> Result<Option<Found>> {
    const OP: &str = "open mailslot";
    let mut swept = false;
    loop {
        namespace::check_socket(dir, stem)?;
        match socket::connect(dir.as_fd(), &namespace::socket_name(stem)) {
            Ok(socket) => {
                let Some((page, info)) = namespace::open_page(dir, Space::Mailslot, stem, own)?
                else {
                    return Ok(None);
                };
                if !same(&info.name) {
                    return Err(Error::new(OP, ErrorKind::NotFound).because(format!(
                        "the hash of the name is that of another one, {}",
                        info.name
                    )));
                }
                return Ok(Some(Found {
                    stem: stem.to_owned(),
                    socket,
                    page,
                    info,
                }));
            }
            Err(error) => match error.raw_os_error() {
                Some(errno::ENOENT) => return Ok(None),
                // Dead, or not listening yet: cleaning up waits for a maker who is at work, so look once more after it.
                Some(errno::ECONNREFUSED) if own && !swept => {
                    namespace::sweep(dir, stem)?;
                    swept = true;
                }
                Some(errno::ECONNREFUSED) => return Ok(None),
                Some(errno::EPROTOTYPE) => {
                    return Err(Error::new(OP, ErrorKind::Foreign).because(
                        "a socket that is not tong's stands where the object's should be; it was left alone",
                    ));
                }
                Some(errno::EACCES | errno::EPERM) => {
                    return Err(Error::from_io(OP, error)
                        .because("its creator did not open it to this user"));
                }
                Some(errno::EAGAIN) => {
                    return Err(Error::new(OP, ErrorKind::NoResources).because(
                        "too many writers wait to be taken in by its server, which does not read; raise \
                         net.core.somaxconn or make the server read",
                    ));
                }
                _ => return Err(Error::from_io(OP, error)),
            },
        }
    }
}

/// Tells tools whose ring it is: that of this very mailslot, not of another one of the same name in another namespace.
fn memory_name(found: &Found) -> std::ffi::CString {
    let mark = namespace::ring_mark(&found.stem, found.info.created_ns);
    std::ffi::CString::new(format!("tong-mailslot-{mark}")).unwrap_or_default()
}
