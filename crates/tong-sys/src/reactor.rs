//! Registering a descriptor with tokio's reactor.
//!
//! tokio keeps the bare number and asks its caller to vouch that it stays the same open file; an owned descriptor that
//! nobody else can reach vouches for that by its type.

#![allow(
    unsafe_code,
    reason = "registering a bare descriptor with the reactor is unsafe in tokio"
)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::io::unix::AsyncFd;
use tokio::io::Interest;

/// Registers a duplicate of the descriptor for readiness to read. The duplicate is closed with the registration.
///
/// # Errors
/// No descriptor is left for the duplicate, or the reactor refuses it.
///
/// # Panics
/// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
pub fn register(fd: impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let duplicate = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: an OwnedFd is open until it is dropped and always gives the same number, and the AsyncFd owns it.
    let registered = unsafe { AsyncFd::register_with_interest(duplicate, Interest::READABLE) };
    Ok(registered?)
}

/// Registers a descriptor that others hold too, without a duplicate.
///
/// # Errors
/// The reactor refuses it.
///
/// # Panics
/// Outside of a runtime whose I/O driver is enabled, as everything that registers with tokio.
pub fn register_shared(fd: &Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the descriptor is open for as long as the AsyncFd has its share of it, and always gives the same number.
    let registered = unsafe { AsyncFd::register_with_interest(Arc::clone(fd), Interest::READABLE) };
    Ok(registered?)
}
