//! Named pipes: one name, several instances, each a conduit between one server end and one client end.
//!
//! A server makes an instance ([`PipeServer::options`]); a client opens the pipe ([`PipeClient::open`]) and is connected to
//! the instance that has been listening longest, without any act of the server. Pipes carry bytes or messages
//! ([`PipeType`]), one way or both ([`Direction`]). What each end reads and writes it does by [`PipeEnd`], which both are.
//!
//! ```
//! use tong::pipe::{PipeClient, PipeServer, PipeType, ReadMode};
//!
//! # let dir = std::env::temp_dir().join(format!("tong-doc-pipe-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! # std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
//! # std::env::set_var("TONG_DIR", &dir);
//! let name = tong::PipeName::short("answers")?;
//! let server = PipeServer::options()
//!     .pipe_type(PipeType::Message)
//!     .read_mode(ReadMode::Message)
//!     .create(&name)?;
//! let client = PipeClient::open(&name)?;
//! client.send(b"how many?")?;
//!
//! let mut request = [0; 64];
//! let received = server.receive(&mut request)?;
//! assert_eq!(&request[..received.bytes], b"how many?");
//! server.send(b"42")?;
//! # Ok::<(), tong::Error>(())
//! ```
//!
//! - `registry`: names, instances, and who gets in.
//! - `link`: one connection, and how its ends wake each other.
//! - `end`: one end; `transfer`: reads and writes; `pending`: those that were started and go on.
//!
//! # Quotas
//! Each direction has a quota: a write is complete once what is unread of it, and of all before it, is no more than that.
//! Its bytes can be read before. A quota takes no memory until it is used.
//!
//! # Death
//! If a client dies, the server reads all that it completely wrote, and then [`ErrorKind::BrokenPipe`]; the same the other
//! way round. A name goes with the last server end, however its process ended. A client that wrote and died before the
//! server looked is served all the same.
//!
//! # Trust
//! The ends need not trust each other: see [`ring`](crate::channel::ring). A peer that breaks the rules of the shared
//! memory is cut off, and nobody else notices.
//!
//! # References
//! Win32: "Named Pipes", CreateNamedPipe, ConnectNamedPipe, CallNamedPipe. Rules P1.1 to P25.8.
//!
//! [`ErrorKind::BrokenPipe`]: crate::ErrorKind::BrokenPipe

#[cfg(feature = "tokio")]
mod asynchronous;
mod behind;
mod calls;
mod client;
mod end;
mod link;
mod options;
mod pending;
pub(crate) mod registry;
mod server;
mod shared;
mod transfer;

pub use super::anonymous_pipe::{anonymous, AnonymousReader, AnonymousWriter, Fifo};
pub use crate::channel::conduit::{PipeType, ReadMode};
#[cfg(feature = "tokio")]
pub(crate) use asynchronous::{Portion, Step};
pub use calls::{PipeInfo, PipeReader, PipeWriter, Received};
pub use client::{call, wait, ClientOptions, PipeClient};
pub use end::PipeEnd;
pub(crate) use end::CLIENT_MARK;
pub use options::{Direction, Modes, PipeOptions, WaitTime};
pub use server::PipeServer;

/// What a look into a pipe found, without taking anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// Bytes copied.
    pub bytes: usize,
    /// All bytes that can be read, those copied included.
    pub available: usize,
    /// Bytes of the first message that were not copied. In a byte pipe, which has no messages, 0 less the bytes copied, as a
    /// number that wraps around.
    pub left: u32,
}
