//! Waiting for a variable to change, whatever its size: WaitOnAddress and what wakes it.
//!
//! The kernel's own means sleeps on words of 32 bits; here a variable has 1, 2, 4 or 8 bytes. So each sleeper has a
//! word of its own, and stands in line in one of a few lists that its variable's address chooses. It looks at the
//! variable once more with the list locked; whoever wakes has changed the variable before it locks the list, so that one of
//! the two sees the other.
//!
//! # References
//! Win32: WaitOnAddress, WakeByAddressSingle, WakeByAddressAll.

#![allow(
    unsafe_code,
    reason = "exported C symbols that read variables of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::border::succeeds;
use crate::error::Code;
use crate::futex::{self, Deadline, Outcome};
use crate::types::{BOOL, DWORD};

const LISTS: usize = 64;

/// A thread that waits for a change at an address.
#[derive(Debug)]
struct Sleeper {
    address: usize,
    /// 1 as soon as it was woken.
    woken: AtomicU32,
}

type List = VecDeque<Arc<Sleeper>>;

/// The line for an address, locked.
fn list(address: usize) -> MutexGuard<'static, List> {
    static LINES: [Mutex<List>; LISTS] = [const { Mutex::new(VecDeque::new()) }; LISTS];
    // Neighbouring variables fall into different lists: the golden ratio spreads the bits, and the top six choose.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58;
    LINES[hash as usize % LISTS]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// A variable of the program, and what it is compared with.
struct Compared {
    address: *const c_void,
    with: u64,
    bytes: usize,
}

impl Compared {
    /// # Safety
    /// `address` and `with` lead to variables of `bytes` bytes, or `bytes` is no size that there is.
    unsafe fn new(
        address: *const c_void,
        with: *const c_void,
        bytes: usize,
    ) -> Result<Compared, Code> {
        if address.is_null() || with.is_null() || address as usize % bytes.max(1) != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: the caller vouches for the size; nobody else needs to use the second variable, which is plain memory.
        let with = unsafe {
            match bytes {
                1 => u64::from(with.cast::<u8>().read()),
                2 => u64::from(with.cast::<u16>().read_unaligned()),
                4 => u64::from(with.cast::<u32>().read_unaligned()),
                8 => with.cast::<u64>().read_unaligned(),
                _ => return Err(Code::INVALID_PARAMETER),
            }
        };
        Ok(Compared {
            address,
            with,
            bytes,
        })
    }

    fn is_equal(&self) -> bool {
        // SAFETY: whoever made this vouches for the address and the size, and the address is a multiple of it. Other
        // threads may write there at any time, hence the atomics.
        let now = unsafe {
            match self.bytes {
                1 => u64::from((*self.address.cast::<AtomicU8>()).load(Ordering::Acquire)),
                2 => u64::from((*self.address.cast::<AtomicU16>()).load(Ordering::Acquire)),
                4 => u64::from((*self.address.cast::<AtomicU32>()).load(Ordering::Acquire)),
                _ => (*self.address.cast::<AtomicU64>()).load(Ordering::Acquire),
            }
        };
        now == self.with
    }
}

/// Sleeps until woken while the variable is equal to the one it is compared with. FALSE and 1460 after so many
/// milliseconds.
#[no_mangle]
pub unsafe extern "C" fn WaitOnAddress(
    address: *mut c_void,
    compare_address: *mut c_void,
    address_size: usize,
    milliseconds: DWORD,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes two variables of this size.
        let variable = unsafe { Compared::new(address, compare_address, address_size)? };
        if !variable.is_equal() {
            return Ok(());
        }
        wait(&variable, Deadline::after(milliseconds))
    })
}

fn wait(variable: &Compared, deadline: Deadline) -> Result<(), Code> {
    let address = variable.address as usize;
    let sleeper = {
        let mut list = list(address);
        if !variable.is_equal() {
            return Ok(());
        }
        let sleeper = Arc::new(Sleeper {
            address,
            woken: AtomicU32::new(0),
        });
        list.push_back(Arc::clone(&sleeper));
        sleeper
    };
    while sleeper.woken.load(Ordering::Acquire) == 0 {
        if futex::wait(&sleeper.woken, 0, deadline) == Outcome::TimedOut {
            return step_out(&sleeper);
        }
    }
    Ok(())
}

/// Leaves the line after the deadline, unless the sleeper was woken in the meantime.
fn step_out(sleeper: &Arc<Sleeper>) -> Result<(), Code> {
    let mut list = list(sleeper.address);
    let place = list.iter().position(|other| Arc::ptr_eq(other, sleeper));
    match place {
        Some(place) => {
            list.remove(place);
            Err(Code::TIMEOUT)
        }
        None => Ok(()),
    }
}

/// Wakes the thread that has waited longest for a change at the address.
#[no_mangle]
pub extern "C" fn WakeByAddressSingle(address: *mut c_void) {
    let address = address as usize;
    let first = {
        let mut list = list(address);
        let place = list.iter().position(|sleeper| sleeper.address == address);
        place.and_then(|place| list.remove(place))
    };
    if let Some(sleeper) = first {
        wake(&sleeper);
    }
}

/// Wakes all threads that wait for a change at the address.
#[no_mangle]
pub extern "C" fn WakeByAddressAll(address: *mut c_void) {
    let address = address as usize;
    let here = {
        let mut list = list(address);
        let (here, others): (List, List) = (list.drain(..)).partition(|s| s.address == address);
        *list = others;
        here
    };
    for sleeper in here {
        wake(&sleeper);
    }
}

fn wake(sleeper: &Sleeper) {
    sleeper.woken.store(1, Ordering::Release);
    futex::wake_one(&sleeper.woken);
}
