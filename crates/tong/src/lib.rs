//! Windows inter-process communication as a native, daemonless Linux library.
//!
//! Processes that know nothing of each other but a name pass whole messages through shared memory. There is no server to
//! start and nothing to clean up: what must survive or notice a death is held by the kernel. Programs in C, C++ and shell
//! use the same objects through `libtong`, which has Windows' own functions, and the command `tong`.
//!
//! ```
//! use tong::{MailslotClient, MailslotName, MailslotServer};
//!
//! # fn main() -> tong::Result<()> {
//! # let place = tempfile::tempdir().unwrap();
//! # std::env::set_var("TONG_DIR", place.path().join("tong"));
//! let name = MailslotName::short("box")?;
//!
//! // One process creates the mailslot and reads.
//! let server = MailslotServer::create(&name)?;
//!
//! // Any other opens it and writes. Messages stay when their writer has gone.
//! let client = MailslotClient::open(&name)?;
//! client.send(b"hello")?;
//! drop(client);
//!
//! let mut message = [0; 424];
//! let len = server.recv(&mut message)?;
//! assert_eq!(&message[..len], b"hello");
//! # Ok(()) }
//! ```
//!
//! # What there is
//!
//! | to | see |
//! |---|---|
//! | read messages under a name; wait for them blocking or through a descriptor | [`MailslotServer`] |
//! | write them | [`MailslotClient`] |
//! | await them under tokio (feature `tokio`) | `tong::tokio` |
//! | name a mailslot: `box`, `\\.\mailslot\dir\box`, `//./mailslot/dir/box` | [`MailslotName`] |
//! | open files with Windows' dispositions and share modes | [`object::file`] |
//! | keep numbered handles with rights, as C programs do | [`handle`] |
//! | see all objects of the namespace, their owners and queues | [`Namespace::list`] |
//!
//! Events, mutexes, semaphores, timers, waits for several objects, pipes, sections and processes are planned and not
//! there yet. [`channel`] is what mailslots are made of; its interface is for the crates of this project and may change.
//!
//! # Names
//! Names belong to a user, not to the machine. They live in the directory `$TONG_DIR`, else in `$XDG_RUNTIME_DIR/tong`,
//! else in `/dev/shm/tong-<uid>`; processes meet if they agree on it, also across containers that share it. It is made
//! when first needed, with mode 0700. An object that other users may open ([`Access`]) lives in a machine-wide directory,
//! which an administrator makes once with `tong global init`. See [`namespace`].
//!
//! # Death
//! Any process may be killed at any instruction. Then its names are free at once, whole messages that it wrote are still
//! delivered, half-written ones never existed, and whoever writes to it gets [`ErrorKind::Closed`]. Each object's page says
//! what the others see.
//!
//! # Errors
//! Every call fails with an [`Error`]: match on [`Error::kind`], show people its text, which says what would be right. A
//! time-out ([`ErrorKind::TimedOut`]) and a full queue ([`ErrorKind::QueueFull`]) are kinds like the others.
//!
//! # Requirements
//! 64-bit Linux with `/proc` mounted, kernel 3.17 or newer (from 4.16 on, messages cost less).

#![forbid(unsafe_code)]

pub mod channel;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
pub mod handle;
#[cfg(not(loom))]
pub mod name;
#[cfg(not(loom))]
pub mod namespace;
#[cfg(not(loom))]
pub mod object;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod tokio;
#[cfg(not(loom))]
mod wait;

#[cfg(not(loom))]
pub use error::{Error, ErrorKind, Result};
#[cfg(not(loom))]
pub use name::MailslotName;
#[cfg(not(loom))]
pub use namespace::Namespace;
#[cfg(not(loom))]
pub use object::mailslot::{Access, MailslotClient, MailslotInfo, MailslotOptions, MailslotServer};
