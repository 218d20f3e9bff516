//! Windows inter-process communication as a native, daemonless Linux library.
//!
//! Processes that know nothing of each other but a name pass whole messages through shared memory, wait for each other, and
//! take turns. There is no server to start and nothing to clean up: what must survive or notice a death is held by the
//! kernel. Programs in C, C++ and shell use the same objects through `libtong`, which has Windows' own functions, and the
//! command `tong`.
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
//! Everything that can be waited for can be waited for together, across processes:
//!
//! ```
//! use std::time::Duration;
//! use tong::{wait, ErrorKind, Event, Mutex, ObjectName, Reset};
//!
//! # fn main() -> tong::Result<()> {
//! # let place = tempfile::tempdir().unwrap();
//! # std::env::set_var("TONG_DIR", place.path().join("tong"));
//! let (ready, _) = Event::create(&ObjectName::parse("ready")?, Reset::Auto, false)?;
//! let (turn, _) = Mutex::create(&ObjectName::parse("turn")?, false)?;
//!
//! // Both at one instant, or neither: while nobody sets the event, the mutex stays free for others.
//! let waited = wait::all(&[&ready, &turn], Some(Duration::from_millis(10)));
//! assert_eq!(waited.unwrap_err().kind(), ErrorKind::TimedOut);
//!
//! ready.set()?;
//! wait::all(&[&ready, &turn], None)?;
//! turn.release()?;
//! # Ok(()) }
//! ```
//!
//! Pipes have both directions, and one client for each instance of a server:
//!
//! ```
//! use tong::{PipeClient, PipeName, PipeServer};
//!
//! # fn main() -> tong::Result<()> {
//! # let place = tempfile::tempdir().unwrap();
//! # std::env::set_var("TONG_DIR", place.path().join("tong"));
//! let name = PipeName::short("answers")?;
//! let server = PipeServer::options().create(&name)?;
//!
//! // A client is connected, and may write, before the server looks.
//! let client = PipeClient::open(&name)?;
//! client.send(b"how many?")?;
//!
//! let mut bytes = [0; 64];
//! let received = server.receive(&mut bytes)?;
//! assert_eq!(&bytes[..received.bytes], b"how many?");
//! server.send(b"42")?;
//! # Ok(()) }
//! ```
//!
//! # What there is
//!
//! | to | see |
//! |---|---|
//! | read messages under a name; wait for them blocking or through a descriptor | [`MailslotServer`] |
//! | write them | [`MailslotClient`] |
//! | name a mailslot: `box`, `\\.\mailslot\dir\box`, `//./mailslot/dir/box` | [`MailslotName`] |
//! | serve clients, bytes or messages, one way or both; connect to such a server | [`PipeServer`], [`PipeClient`] |
//! | name a pipe: `box`, `\\.\pipe\box`, `//./pipe/box` | [`PipeName`] |
//! | peek, transact, call, wait for an instance; anonymous pipes | [`mod@pipe`] |
//! | start operations that end later; completion ports | [`io`] |
//! | tell others that something happened; at a time | [`Event`]; [`Timer`] |
//! | take turns; count what there is | [`Mutex`]; [`Semaphore`] |
//! | name these: `ready`, `Global\ready` | [`ObjectName`] |
//! | wait for one, any or all of them, of processes, threads, mailslots and descriptors | [`mod@wait`] |
//! | await them, and serve pipes, under tokio (feature `tokio`) | `tong::tokio`: `wait`, `PipeListener`, `PipeStream` |
//! | start programs, wait for them, end them, get 32-bit exit codes | [`Process`], [`ProcessOptions`] |
//! | start, suspend and end threads, and queue calls to them | [`Thread`] |
//! | open files with Windows' dispositions and share modes | [`object::file`] |
//! | keep numbered handles with rights, as C programs do; let children inherit them, put them into other processes | [`handle`] |
//! | see all objects of the namespace, their owners and queues | [`Namespace::list`] |
//! | list all processes of the machine | [`process::list`] |
//! | know where the names are, and what the kernel can do | [`namespace::Place`], [`machine`] |
//! | use environment variables by Windows' rules | [`environment`] |
//!
//! Sections are planned and not there yet. [`channel`] is what mailslots and pipes are made of; its interface is for the
//! crates of this project and may change.
//!
//! # Names
//! Names belong to a user, not to the machine. They live in the directory `$TONG_DIR`, else in `$XDG_RUNTIME_DIR/tong`,
//! else in `/dev/shm/tong-<uid>`; processes meet if they agree on it, also across containers that share it. It is made
//! when first needed, with mode 0700. An object that other users may open ([`Access`]) lives in a machine-wide directory,
//! which an administrator makes once with `tong global init`. See [`namespace`].
//!
//! # Death
//! Any process may be killed at any instruction. Then its names are free at once, whole messages that it wrote are still
//! delivered, half-written ones never existed, and whoever writes to it gets [`ErrorKind::Closed`]; the other end of its
//! pipes reads all that it completely wrote, and then gets [`ErrorKind::BrokenPipe`]. Mutexes that it owned
//! are abandoned, and the next owner is told; signals that it waited for go to others. Each object's page says what the
//! others see.
//!
//! # Errors
//! Every call fails with an [`Error`]: match on [`Error::kind`], show people its text, which says what would be right. A
//! time-out ([`ErrorKind::TimedOut`]) and a full queue ([`ErrorKind::QueueFull`]) are kinds like the others.
//!
//! # Requirements
//! 64-bit Linux with `/proc` mounted. Mailslots and pipes work from kernel 3.17 on (from 4.16 on, messages cost less),
//! processes from 5.4 on. From 5.14 on a pipe's connection under tokio costs one descriptor instead of two. From 5.16
//! on a thread sleeps on several things at once; before, the death of a mutex's owner is noticed within 10 ms instead
//! of at once.

#![forbid(unsafe_code)]

#[cfg(not(loom))]
pub mod apc;
pub mod channel;
#[cfg(not(loom))]
pub mod environment;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
pub mod handle;
#[cfg(not(loom))]
pub mod inspect;
#[cfg(not(loom))]
pub mod io;
#[cfg(not(loom))]
pub mod machine;
#[cfg(not(loom))]
pub mod name;
#[cfg(not(loom))]
pub mod namespace;
#[cfg(not(loom))]
pub mod object;
#[cfg(not(loom))]
mod object_name;
#[cfg(not(loom))]
pub mod process;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod tokio;
#[cfg(not(loom))]
pub mod wait;
#[cfg(not(loom))]
mod waits;

#[cfg(not(loom))]
pub use error::{Error, ErrorKind, Result};
#[cfg(not(loom))]
pub use name::{MailslotName, PipeName};
#[cfg(not(loom))]
pub use namespace::Namespace;
#[cfg(not(loom))]
pub use object::event::{Event, Made, Reset};
#[cfg(not(loom))]
pub use object::mailslot::{Access, MailslotClient, MailslotInfo, MailslotOptions, MailslotServer};
#[cfg(not(loom))]
pub use object::mutex::{Acquired, Mutex, MutexGuard};
#[cfg(not(loom))]
pub use object::pipe::{
    self, AnonymousReader, AnonymousWriter, Fifo, PipeClient, PipeOptions, PipeServer,
};
#[cfg(not(loom))]
pub use object::process::{Inherit, Process, ProcessOptions, Stream};
#[cfg(not(loom))]
pub use object::semaphore::Semaphore;
#[cfg(not(loom))]
pub use object::thread::{Thread, ThreadOptions};
#[cfg(not(loom))]
pub use object::timer::{Due, Timer};
#[cfg(not(loom))]
pub use object_name::ObjectName;
