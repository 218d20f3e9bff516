//! Windows inter-process communication as a native, daemonless Linux library.

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
