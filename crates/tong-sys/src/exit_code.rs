//! The exit code with all its bits.
//!
//! A program that returns 5050 from its main function, or calls `exit(-1)`, hands the C library 32 bits; the kernel keeps
//! eight. glibc's `on_exit` handlers are shown all of them, so a handler writes them into the process page, where others can read them. It
//! runs for every ordinary end of the process, in whatever language the program is written; not for `_exit`, signals and the
//! like.
//!
//! # References
//! Linux: on_exit(3), exit(3).

#![allow(unsafe_code, reason = "on_exit and _exit have no safe form")]

use std::ffi::{c_int, c_void};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use crate::fork::Birth;
use crate::map::{Map, Ordering};
use crate::memory::Memory;

/// Where a process page has the id of its process; 0 while that does not exist.
pub const AT_PID: usize = 0x10;
/// Where a process page has the exit code of its process: 0 until it is known, else the code beside [`KNOWN`].
pub const AT_CODE: usize = 0x28;
/// Set beside an exit code, because 0 is a code too.
pub const KNOWN: u64 = 1 << 32;
/// As much of the page as is looked at here.
const HEADER: usize = 4096;

/// Where this process's exit code goes.
struct Place {
    header: Map,
    birth: Birth,
}

static PLACE: OnceLock<Place> = OnceLock::new();

#[cfg(target_env = "gnu")]
extern "C" {
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Has the exit code of this process written into its page when it exits, unless somebody sets one before. Only the first
/// page counts, and only if it is for this process or for none yet.
///
/// A copy of the process made by fork does not write. With a C library other than glibc nothing is written.
pub fn record(page: impl AsFd) {
    // What is not of fixed length, and long enough, is no page.
    let Ok(page) = page.as_fd().try_clone_to_owned() else {
        return;
    };
    let header = Memory::adopt(page).and_then(|page| page.map(0, HEADER));
    let Ok(header) = header else { return };
    let this = u64::from(std::process::id());
    let owner = header
        .word(AT_PID)
        .compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire);
    if owner.is_err_and(|owner| owner != this) {
        return;
    }
    let birth = Birth::here();
    if PLACE.set(Place { header, birth }).is_ok() {
        #[cfg(target_env = "gnu")]
        // SAFETY: the handler is a plain function that lives as long as the program and takes no argument. Without memory to
        // register it nothing is recorded.
        let _ = unsafe { on_exit(write, std::ptr::null_mut()) };
    }
}

#[cfg_attr(
    not(target_env = "gnu"),
    allow(dead_code, reason = "nothing calls it there")
)]
extern "C" fn write(code: c_int, _: *mut c_void) {
    let Some(place) = PLACE.get().filter(|place| place.birth.is_here()) else {
        return;
    };
    let value = KNOWN | u64::from(code as u32);
    // It may have been set already, by whoever is just ending this process.
    let word = place.header.word(AT_CODE);
    let _ = word.compare_exchange(0, value, Ordering::AcqRel, Ordering::Relaxed);
}

/// Ends this process at once: no exit function, destructor or other thread runs any more. The system keeps the low eight
/// bits of the code.
pub fn end_now(code: u32) -> ! {
    // SAFETY: the call takes an integer and does not return.
    unsafe { libc::_exit(code as c_int) }
}

/// Ends this process as returning `code` from its main function does. Must not be called by exit functions.
pub fn exit(code: u32) -> ! {
    // SAFETY: the call takes an integer and does not return. Two threads that call it at once are told apart by the C
    // library of today; older ones leave that undefined, as for any two threads that exit.
    unsafe { libc::exit(code as c_int) }
}
