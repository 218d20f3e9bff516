//! Handles of any kind: closing, flags, duplicates, comparison, and the standard handles.
//!
//! # Standard handles
//! GetStdHandle makes a handle for descriptor 0, 1 or 2 when first asked. The handle has a descriptor of its own, so
//! closing it does not close the stream for the rest of the program.
//!
//! # Today
//! There are no process handles yet: DuplicateHandle works inside the calling process, and a pseudo handle as its
//! source fails with 50.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ptr;
use std::sync::{Mutex, PoisonError};

use tong::handle::{DuplicateRights, FlagChange, Handle, Object, Rights, Table};
use tong::object::file::{File, Standard};

use crate::border::{argument, call, put, succeeds, to_c, Argument};
use crate::error::Code;
use crate::types::{BOOL, DWORD, FALSE, HANDLE, INVALID_HANDLE_VALUE};

const HANDLE_FLAG_INHERIT: DWORD = 1;
const HANDLE_FLAG_PROTECT_FROM_CLOSE: DWORD = 2;
const DUPLICATE_CLOSE_SOURCE: DWORD = 1;
const DUPLICATE_SAME_ACCESS: DWORD = 2;
/// Standard input; output and errors are the next two below.
const STD_INPUT_HANDLE: i32 = -10;
const STREAM_COUNT: usize = 3;

/// Closes a handle. Pseudo handles are left alone; -10 to -12 stand for the standard handles.
#[no_mangle]
pub extern "C" fn CloseHandle(handle: HANDLE) -> BOOL {
    succeeds(|| {
        if let Some(index) = standard_index(handle) {
            return close_standard(index);
        }
        match argument(handle)? {
            Argument::Pseudo(_) => Ok(()),
            // The one value among the pseudo handles that means nothing, and still may be closed.
            Argument::Value(_) if handle as isize == -3 => Ok(()),
            Argument::Value(handle) => Ok(Table::of_process().close(handle)?),
        }
    })
}

/// Says which of HANDLE_FLAG_INHERIT and HANDLE_FLAG_PROTECT_FROM_CLOSE a handle has.
#[no_mangle]
pub unsafe extern "C" fn GetHandleInformation(handle: HANDLE, flags: *mut DWORD) -> BOOL {
    succeeds(|| {
        let bits = match argument(handle)? {
            Argument::Pseudo(_) => 0,
            Argument::Value(handle) => flag_bits(handle)?,
        };
        if flags.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes room for the flags.
        unsafe { put(flags, bits) };
        Ok(())
    })
}

fn flag_bits(handle: Handle) -> Result<DWORD, Code> {
    let flags = Table::of_process().flags(handle)?;
    let inherit = if flags.inherit {
        HANDLE_FLAG_INHERIT
    } else {
        0
    };
    let protect = if flags.protect_from_close {
        HANDLE_FLAG_PROTECT_FROM_CLOSE
    } else {
        0
    };
    Ok(inherit | protect)
}

/// Sets those flags of a handle that are in `mask` to what `flags` says.
#[no_mangle]
pub extern "C" fn SetHandleInformation(handle: HANDLE, mask: DWORD, flags: DWORD) -> BOOL {
    let change = |flag: DWORD| (mask & flag != 0).then_some(flags & flag != 0);
    succeeds(|| match argument(handle)? {
        Argument::Pseudo(_) if mask != 0 => Err(Code::ACCESS_DENIED),
        Argument::Pseudo(_) => Ok(()),
        Argument::Value(handle) => {
            let change = FlagChange {
                inherit: change(HANDLE_FLAG_INHERIT),
                protect_from_close: change(HANDLE_FLAG_PROTECT_FROM_CLOSE),
            };
            Ok(Table::of_process().set_flags(handle, change)?)
        }
    })
}

/// Says whether two handles lead to one object: TRUE, or FALSE and 1656.
#[no_mangle]
pub extern "C" fn CompareObjectHandles(first: HANDLE, second: HANDLE) -> BOOL {
    let table = Table::of_process();
    succeeds(|| {
        let same = match (argument(first)?, argument(second)?) {
            (Argument::Pseudo(first), Argument::Pseudo(second)) => first == second,
            (Argument::Value(first), Argument::Value(second)) => {
                table.same_object(first, second)?
            }
            (Argument::Value(value), Argument::Pseudo(_))
            | (Argument::Pseudo(_), Argument::Value(value)) => {
                table.flags(value)?;
                false
            }
        };
        match same {
            true => Ok(()),
            false => Err(Code::NOT_SAME_OBJECT),
        }
    })
}

/// Makes another handle of the object that `source` leads to, or closes `source`, or both at once.
#[no_mangle]
pub unsafe extern "C" fn DuplicateHandle(
    source_process: HANDLE,
    source: HANDLE,
    target_process: HANDLE,
    target: *mut HANDLE,
    access: DWORD,
    inherit: BOOL,
    options: DWORD,
) -> BOOL {
    let (close_source, same_access) = (
        options & DUPLICATE_CLOSE_SOURCE != 0,
        options & DUPLICATE_SAME_ACCESS != 0,
    );
    let rights = match same_access {
        true => DuplicateRights::Same,
        false => DuplicateRights::Exactly(Rights::from_bits(access)),
    };
    succeeds(|| {
        // SAFETY: C passes room for the handle, or null.
        unsafe { put(target, ptr::null_mut()) };
        require_this_process(source_process)?;
        if close_source && target_process.is_null() {
            return close_source_only(source);
        }
        if let Err(code) = require_this_process(target_process) {
            // The source goes whatever the outcome.
            let _ = close_source.then(|| close_source_only(source));
            return Err(code);
        }
        let made = duplicate(source, rights, inherit != FALSE, close_source)?;
        // SAFETY: as above.
        unsafe { put(target, to_c(made)) };
        Ok(())
    })
}

fn duplicate(
    source: HANDLE,
    rights: DuplicateRights,
    inherit: bool,
    close_source: bool,
) -> Result<Handle, Code> {
    match argument(source)? {
        Argument::Pseudo(_) => Err(Code::NOT_SUPPORTED),
        Argument::Value(source) if close_source => {
            Ok(Table::of_process().replace(source, rights, inherit)?)
        }
        Argument::Value(source) => Ok(Table::of_process().duplicate(source, rights, inherit)?),
    }
}

/// Closes the source of a duplication that makes no duplicate. A protected source stays, and that is no failure.
fn close_source_only(source: HANDLE) -> Result<(), Code> {
    let Argument::Value(source) = argument(source)? else {
        return Ok(());
    };
    let table = Table::of_process();
    match table.flags(source)?.protect_from_close {
        true => Ok(()),
        false => Ok(table.close(source)?),
    }
}

/// The only process there can be a handle of, today, is the caller itself.
fn require_this_process(process: HANDLE) -> Result<(), Code> {
    match argument(process)? {
        Argument::Pseudo(-1) => Ok(()),
        _ => Err(Code::INVALID_HANDLE),
    }
}

/// Returns the pseudo handle of the calling process, which is -1.
#[no_mangle]
pub extern "C" fn GetCurrentProcess() -> HANDLE {
    INVALID_HANDLE_VALUE
}

/// What is known of one standard handle.
#[derive(Clone, Copy)]
enum Stream {
    /// Nobody has asked yet.
    Unasked,
    /// It was made; the program may have closed it since, as any other.
    Made(Handle),
    /// There is none: the descriptor is closed, or the handle was closed as -10, -11 or -12.
    None,
}

static STREAMS: Mutex<[Stream; STREAM_COUNT]> = Mutex::new([Stream::Unasked; STREAM_COUNT]);

/// Returns a standard handle: -10 for input, -11 for output, -12 for errors; NULL if the stream is closed.
#[no_mangle]
pub extern "C" fn GetStdHandle(which: DWORD) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        let index = stream_index(which as i32).ok_or(Code::INVALID_HANDLE)?;
        let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(streams[index], Stream::Unasked) {
            streams[index] = make_standard(index)?;
        }
        match streams[index] {
            Stream::Made(handle) => Ok(to_c(handle)),
            Stream::Unasked | Stream::None => Ok(ptr::null_mut()),
        }
    })
}

fn stream_index(value: i32) -> Option<usize> {
    usize::try_from(STD_INPUT_HANDLE.checked_sub(value)?)
        .ok()
        .filter(|index| *index < STREAM_COUNT)
}

/// Which standard stream a handle value of -10 to -12 means. The constants are DWORDs, and a cast to a handle
/// may or may not extend their sign.
fn standard_index(handle: HANDLE) -> Option<usize> {
    let extended = i32::try_from(handle as isize).ok();
    let cut = u32::try_from(handle as usize)
        .ok()
        .map(|value| value as i32);
    extended.or(cut).and_then(stream_index)
}

fn make_standard(index: usize) -> Result<Stream, Code> {
    let stream = [Standard::Input, Standard::Output, Standard::Error][index];
    let Ok((file, granted)) = File::standard(stream) else {
        return Ok(Stream::None);
    };
    let handle = Table::of_process().insert(Object::File(file), granted, false)?;
    Ok(Stream::Made(handle))
}

fn close_standard(index: usize) -> Result<(), Code> {
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    match streams[index] {
        Stream::Made(handle) => Table::of_process().close(handle)?,
        Stream::Unasked => {}
        Stream::None => return Err(Code::INVALID_HANDLE),
    }
    streams[index] = Stream::None;
    Ok(())
}
