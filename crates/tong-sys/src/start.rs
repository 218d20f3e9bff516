//! What a process was given at its start, beyond the standard streams.
//!
//! A creator passes descriptors to its child at numbers in a row, and tells the first and the last in an environment
//! variable: `TONG_START=3-7`. The first is the child's process page, the others are what its handles need.
//!
//! Before the main function runs, the variable is taken out of the environment, so that neither the program nor its own
//! children see it, and the descriptors are marked to be closed at the next exec: what children of this process
//! get is for its own handle table to say.
//!
//! # References
//! Linux: close_range(2), environ(7); the System V ABI, "Initialization and Termination Functions".

#![allow(
    unsafe_code,
    reason = "runs before main, reads the list of variables in place, takes over descriptors by number"
)]

use std::ffi::CStr;
use std::ops::RangeInclusive;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The variable, as it begins in the list of variables.
pub const VARIABLE: &str = "TONG_START";

/// The page's descriptor until somebody takes it, else -1.
static PAGE: AtomicI32 = AtomicI32::new(-1);
/// The first of the others until somebody takes them, else -1.
static OTHERS: AtomicI32 = AtomicI32::new(-1);
/// The last of all.
static LAST: AtomicI32 = AtomicI32::new(-1);

#[used]
#[link_section = ".init_array"]
static BEFORE_MAIN: extern "C" fn() = take_variable;

extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

/// The text of the variable for these descriptors.
#[must_use]
pub fn announcement(descriptors: RangeInclusive<RawFd>) -> String {
    format!("{}-{}", descriptors.start(), descriptors.end())
}

/// Whether the creator gave a page that nobody has taken yet.
#[must_use]
pub fn has_page() -> bool {
    PAGE.load(Ordering::Acquire) >= 0
}

/// The process page that the creator gave, once.
#[must_use]
pub fn page() -> Option<OwnedFd> {
    let page = PAGE.swap(-1, Ordering::AcqRel);
    // SAFETY: the number was announced to this process as its own, was open at the start, and is given out only once.
    (page >= 0).then(|| unsafe { OwnedFd::from_raw_fd(page) })
}

/// The descriptors behind the page, in the creator's order, once. What is dropped of them is closed.
#[must_use]
pub fn others() -> Vec<OwnedFd> {
    let first = OTHERS.swap(-1, Ordering::AcqRel);
    if first < 0 {
        return Vec::new();
    }
    (first..=LAST.load(Ordering::Acquire))
        // SAFETY: as for the page.
        .map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect()
}

/// Looks at the variable, if nobody has yet, and says whether there is a page. Only for code that runs before main, in no
/// certain order.
pub fn look() -> bool {
    take_variable();
    has_page()
}

extern "C" fn take_variable() {
    if let Some(text) = remove_variable() {
        if let Some(descriptors) = parse(&text) {
            adopt(descriptors);
        }
    }
}

/// Takes the variable out of the list and returns its value.
fn remove_variable() -> Option<Vec<u8>> {
    let mut found = None;
    // SAFETY: before main there is one thread, so nobody else reads or changes the list. It is null, or ends with a null
    // pointer, and each pointer before that leads to a string.
    unsafe {
        let mut from = environ;
        if from.is_null() {
            return None;
        }
        let mut to = from;
        while !(*from).is_null() {
            let entry = CStr::from_ptr(*from).to_bytes();
            let value = entry
                .strip_prefix(VARIABLE.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="));
            match value {
                Some(value) => found = Some(value.to_vec()),
                None => {
                    *to = *from;
                    to = to.add(1);
                }
            }
            from = from.add(1);
        }
        *to = std::ptr::null_mut();
    }
    found
}

/// Reads `first-last`.
fn parse(text: &[u8]) -> Option<RangeInclusive<RawFd>> {
    let (first, last) = std::str::from_utf8(text).ok()?.split_once('-')?;
    let (first, last): (RawFd, RawFd) = (first.parse().ok()?, last.parse().ok()?);
    (2 < first && first <= last && last - first < 1 << 20).then_some(first..=last)
}

/// Takes the descriptors over, if they are all there and the first is a memory file; a program in between may have closed
/// them and opened others.
fn adopt(descriptors: RangeInclusive<RawFd>) {
    let (first, last) = (*descriptors.start(), *descriptors.end());
    // SAFETY: asks the kernel about a number, whatever it stands for.
    let is_memory = unsafe { libc::fcntl(first, libc::F_GET_SEALS) } > 0;
    if !is_memory {
        return;
    }
    for number in descriptors {
        // SAFETY: sets a flag of a descriptor that was announced as ours; if it is not open, nothing happens.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
            return;
        }
    }
    // SAFETY: the number is open, and nobody closes it before it is taken over.
    let page = unsafe { BorrowedFd::borrow_raw(first) };
    // A program may use nothing else of tong, and still its exit code is to be known.
    crate::exit_code::record(page);
    LAST.store(last, Ordering::Release);
    OTHERS.store(first + 1, Ordering::Release);
    PAGE.store(first, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcement_is_understood() {
        assert_eq!(parse(announcement(3..=7).as_bytes()), Some(3..=7));
        assert_eq!(parse(b"4-4"), Some(4..=4));
        for nonsense in [
            "",
            "3",
            "-",
            "3-",
            "5-4",
            "2-3",
            "-1-3",
            "3-99999999",
            "x-y",
        ] {
            assert_eq!(parse(nonsense.as_bytes()), None, "{nonsense}");
        }
    }
}
