//! What an open that can have operations pending is tied to: a completion port, and how it wants to hear of ends.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use super::port::CompletionPort;
use crate::{Error, ErrorKind, Result};

/// Operations that succeed at once queue no packet.
pub const SKIP_PORT_ON_SUCCESS: u8 = 1;
/// Ends of operations do not signal the open itself.
pub const SKIP_SIGNAL: u8 = 2;

/// The open was made for operations that go on, where its kind does not say so itself.
pub const OVERLAPPED_OPEN: u8 = 4;

/// Where the ends of an open's operations are told. A clone is the same tie: it belongs to the open, and all its duplicates.
#[derive(Clone, Debug, Default)]
pub struct Tie {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    port: OnceLock<Tied>,
    modes: AtomicU8,
}

/// A port, and what it calls the open.
#[derive(Debug)]
pub struct Tied {
    /// The port.
    pub port: CompletionPort,
    /// The key of the open's packets.
    pub key: usize,
}

impl Tie {
    /// Ties the open to a port for ever. Operations that are pending are told there too.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it is tied already.
    pub fn attach(&self, port: &CompletionPort, key: usize) -> Result<()> {
        let port = port.clone();
        let attached = self.shared.port.set(Tied { port, key });
        attached.map_err(|_| {
            Error::new("tie to completion port", ErrorKind::InvalidParameter)
                .because("it is tied to a port already, and stays so")
        })
    }

    /// The port, if the open is tied to one.
    #[must_use]
    #[inline]
    pub fn port(&self) -> Option<&Tied> {
        self.shared.port.get()
    }

    /// Adds modes ([`SKIP_PORT_ON_SUCCESS`], [`SKIP_SIGNAL`], [`OVERLAPPED_OPEN`]), which are never taken back.
    pub fn add_modes(&self, modes: u8) {
        self.shared.modes.fetch_or(modes, Ordering::Relaxed);
    }

    /// Whether the open has the mode.
    #[must_use]
    #[inline]
    pub fn has_mode(&self, mode: u8) -> bool {
        self.shared.modes.load(Ordering::Relaxed) & mode != 0
    }
}
