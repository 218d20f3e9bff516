//! The standard handles.
//!
//! A program starts with those that its creator named, or, if it named none, with handles for descriptors 0, 1 and 2. Of
//! these GetStdHandle makes one when first asked; it has a descriptor of its own, so closing it does not close the stream
//! for the rest of the program.
//!
//! The values -10, -11 and -12 are no handles, but some functions take them for the handle that stands for them at the
//! moment.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tong::handle::{Handle, Object, Table};
use tong::object::file::Standard;

use crate::border::{call, succeeds, to_c};
use crate::error::Code;
use crate::handle::CloseHandle;
use crate::types::{BOOL, DWORD, FALSE, HANDLE, INVALID_HANDLE_VALUE};

/// Standard input; output and errors are the next two below.
const STD_INPUT_HANDLE: i32 = -10;
const STREAM_COUNT: usize = 3;

/// A standard handle: 0 is input, 1 output, 2 errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream(usize);

/// What is known of one standard handle.
#[derive(Clone, Copy)]
enum Known {
    /// Nobody has asked yet: it is the descriptor of that number.
    Unasked,
    /// The number that somebody set, or that was made. Whether it is a handle (still) is not looked at.
    Value(usize),
}

static STREAMS: OnceLock<Mutex<[Known; STREAM_COUNT]>> = OnceLock::new();

fn streams() -> MutexGuard<'static, [Known; STREAM_COUNT]> {
    let streams = STREAMS.get_or_init(|| {
        let given = tong::process::standard_handles();
        let known = |value: u32| Known::Value(to_c(Handle::from_raw(value)) as usize);
        Mutex::new(given.map_or([Known::Unasked; STREAM_COUNT], |values| values.map(known)))
    });
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a standard handle: -10 for input, -11 for output, -12 for errors; NULL if there is none.
#[no_mangle]
pub extern "C" fn GetStdHandle(which: DWORD) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        let Stream(index) = stream(which as i32).ok_or(Code::INVALID_HANDLE)?;
        standard(index)
    })
}

/// A standard handle by index, made if need be; null if there is none.
fn standard(index: usize) -> Result<HANDLE, Code> {
    let mut streams = streams();
    if matches!(streams[index], Known::Unasked) {
        streams[index] = Known::Value(make(index)? as usize);
    }
    match streams[index] {
        Known::Value(value) => Ok(value as HANDLE),
        Known::Unasked => Ok(ptr::null_mut()),
    }
}

/// Sets what GetStdHandle returns from now on, and what children get as theirs. Closes and duplicates nothing.
#[no_mangle]
pub extern "C" fn SetStdHandle(which: DWORD, handle: HANDLE) -> BOOL {
    succeeds(|| {
        let Stream(index) = stream(which as i32).ok_or(Code::INVALID_HANDLE)?;
        streams()[index] = Known::Value(handle as usize);
        Ok(())
    })
}

/// The standard handle that was set or made: input, output or errors by index. `None` while it is the plain descriptor
/// of that number.
pub(crate) fn known(index: usize) -> Option<HANDLE> {
    match streams().get(index)? {
        Known::Value(value) => Some(*value as HANDLE),
        Known::Unasked => None,
    }
}

fn stream(value: i32) -> Option<Stream> {
    usize::try_from(STD_INPUT_HANDLE.checked_sub(value)?)
        .ok()
        .filter(|index| *index < STREAM_COUNT)
        .map(Stream)
}

/// Which standard handle a handle value of -10 to -12 means. The constants are DWORDs, and a cast to a handle
/// may or may not extend their sign.
pub(crate) fn stream_of(handle: HANDLE) -> Option<Stream> {
    let extended = i32::try_from(handle as isize).ok();
    let cut = u32::try_from(handle as usize)
        .ok()
        .map(|value| value as i32);
    extended.or(cut).and_then(stream)
}

/// What a handle argument means to the functions that take -10 to -12 for the standard handles.
pub(crate) fn translated(handle: HANDLE) -> HANDLE {
    match stream_of(handle) {
        Some(Stream(index)) => standard(index).unwrap_or(INVALID_HANDLE_VALUE),
        None => handle,
    }
}

fn make(index: usize) -> Result<HANDLE, Code> {
    let stream = [Standard::Input, Standard::Output, Standard::Error][index];
    let Ok((object, granted)) = Object::standard(stream) else {
        return Ok(ptr::null_mut());
    };
    let handle = Table::of_process().insert(object, granted, false)?;
    Ok(to_c(handle))
}

/// Closes a standard handle; there is none afterwards.
pub(crate) fn close(Stream(index): Stream) -> Result<(), Code> {
    let mut streams = streams();
    let value = match streams[index] {
        Known::Value(value) => value as HANDLE,
        Known::Unasked => ptr::null_mut(),
    };
    let unasked = matches!(streams[index], Known::Unasked);
    if !unasked && CloseHandle(value) == FALSE {
        return Err(Code::INVALID_HANDLE);
    }
    streams[index] = Known::Value(0);
    Ok(())
}
