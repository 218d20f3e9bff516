//! What a pipe is, and the modes of its ends.

#![allow(
    unsafe_code,
    reason = "exported C symbols that use pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ffi::{CStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::ptr;

use tong::handle::Rights;
use tong::object::pipe::{Modes, PipeEnd, PipeType, ReadMode};
use tong::{Error, ErrorKind};

use super::{
    read_mode, End, PIPE_NOWAIT, PIPE_READMODE_MESSAGE, PIPE_TYPE_MESSAGE, PIPE_UNLIMITED_INSTANCES,
};
use crate::border::{object, put, succeeds};
use crate::buffer::{fill, Unit};
use crate::error::Code;
use crate::types::{BOOL, DWORD, HANDLE, LPSTR, LPWSTR};

const PIPE_SERVER_END: DWORD = 1;
/// Room for what the system knows of a user.
const LONGEST_ENTRY: usize = 16 << 10;

/// Tells the type of a pipe, which end the handle is, the sizes as this end sees them, and the most instances. Each pointer may
/// be null.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeInfo(
    pipe: HANDLE,
    flags: *mut DWORD,
    out_buffer_size: *mut DWORD,
    in_buffer_size: *mut DWORD,
    max_instances: *mut DWORD,
) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        let end = End::of(&pipe)?;
        pipe.require_any(Rights::FILE_READ_ATTRIBUTES)?;
        let [type_and_side, out_quota, in_quota, max] = match end.named() {
            Ok(end) => info_of(end)?,
            Err(unnamed) => {
                let facts = unnamed.facts()?;
                [side(facts.is_server), facts.quota, facts.quota, 1]
            }
        };
        // SAFETY: C passes room for each number, or null.
        unsafe {
            put(flags, type_and_side);
            put(out_buffer_size, out_quota);
            put(in_buffer_size, in_quota);
            put(max_instances, max);
        }
        Ok(())
    })
}

fn info_of(end: &PipeEnd) -> Result<[DWORD; 4], Error> {
    let info = end.info()?;
    let message = match info.pipe_type {
        PipeType::Byte => 0,
        PipeType::Message => PIPE_TYPE_MESSAGE,
    };
    let max = info.max_instances.unwrap_or(PIPE_UNLIMITED_INSTANCES);
    let flags = side(end.is_server()) | message;
    Ok([flags, info.out_quota, info.in_quota, max])
}

fn side(is_server: bool) -> DWORD {
    if is_server {
        PIPE_SERVER_END
    } else {
        0
    }
}

/// Tells the modes of an end, the number of instances, and for a server the name of the client's user, in UTF-8. Each pointer
/// may be null, and the two for collecting data must be.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeHandleStateA(
    pipe: HANDLE,
    state: *mut DWORD,
    instances: *mut DWORD,
    max_collection: *mut DWORD,
    collect_timeout: *mut DWORD,
    user: LPSTR,
    user_size: DWORD,
) -> BOOL {
    let collection = [max_collection, collect_timeout];
    // SAFETY: C passes room for each number and this many bytes for the name, or null.
    succeeds(|| unsafe {
        handle_state(
            pipe,
            [state, instances],
            collection,
            user.cast::<u8>(),
            user_size,
        )
    })
}

/// Tells the modes of an end, the number of instances, and for a server the name of the client's user, in UTF-16. Each pointer
/// may be null, and the two for collecting data must be.
#[no_mangle]
pub unsafe extern "C" fn GetNamedPipeHandleStateW(
    pipe: HANDLE,
    state: *mut DWORD,
    instances: *mut DWORD,
    max_collection: *mut DWORD,
    collect_timeout: *mut DWORD,
    user: LPWSTR,
    user_size: DWORD,
) -> BOOL {
    let collection = [max_collection, collect_timeout];
    // SAFETY: C passes room for each number and this many units for the name, or null.
    succeeds(|| unsafe { handle_state(pipe, [state, instances], collection, user, user_size) })
}

/// # Safety
/// Each pointer is null or leads to room for a number, `user` for as many units as `user_size` says.
unsafe fn handle_state<U: Unit>(
    pipe: HANDLE,
    [state, instances]: [*mut DWORD; 2],
    collection: [*mut DWORD; 2],
    user: *mut U,
    user_size: DWORD,
) -> Result<(), Code> {
    let pipe = object(pipe)?;
    let end = End::of(&pipe)?;
    pipe.require_any(Rights::FILE_READ_ATTRIBUTES)?;
    let (end, told) = match end.named() {
        Ok(end) => (Some(end), [to_bits(end.modes()?), end.instances()?]),
        Err(unnamed) => {
            let facts = unnamed.facts()?;
            (None, [facts.state, facts.instances])
        }
    };
    if collection.iter().any(|pointer| !pointer.is_null()) {
        return Err(Code::INVALID_PARAMETER);
    }
    if !user.is_null() {
        let name = name_of_client(end)?;
        let text = U::encode(&name);
        if text.len() >= user_size as usize {
            return Err(Code::INSUFFICIENT_BUFFER);
        }
        // SAFETY: the caller vouches for it, and the text and its zero fit.
        unsafe { fill(&text, user, user_size) };
    }
    // SAFETY: the caller vouches for both.
    unsafe {
        put(state, told[0]);
        put(instances, told[1]);
    }
    Ok(())
}

/// The name of the user that the client is, which only the server may ask for.
fn name_of_client(end: Option<&PipeEnd>) -> Result<OsString, Code> {
    let server = end.filter(|end| end.is_server());
    let end = server.ok_or(Code::INVALID_PARAMETER)?;
    let user = end.peer_user().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Code::CANNOT_IMPERSONATE,
        kind => Code::from(kind),
    })?;
    Ok(name_of(user))
}

/// The name of a user, or the number of one without a name.
fn name_of(user: u32) -> OsString {
    let mut room = vec![0_u8; LONGEST_ENTRY];
    // SAFETY: all zeroes is a valid value: numbers, and pointers that are null.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = ptr::null_mut();
    // SAFETY: the entry is filled with pointers into the room, which is as large as is said, and outlives their use.
    unsafe {
        libc::getpwuid_r(
            user,
            &mut entry,
            room.as_mut_ptr().cast(),
            room.len(),
            &mut found,
        );
    }
    if found.is_null() || entry.pw_name.is_null() {
        return user.to_string().into();
    }
    // SAFETY: a name that was found is a string in the room.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    OsString::from_vec(name.to_bytes().to_vec())
}

fn to_bits(modes: Modes) -> DWORD {
    let nowait = if modes.nowait { PIPE_NOWAIT } else { 0 };
    match modes.read {
        ReadMode::Byte => nowait,
        ReadMode::Message => nowait | PIPE_READMODE_MESSAGE,
    }
}

/// Sets both modes of an end at once; without `mode` nothing changes. The two pointers for collecting data must be null.
#[no_mangle]
pub unsafe extern "C" fn SetNamedPipeHandleState(
    pipe: HANDLE,
    mode: *const DWORD,
    max_collection: *const DWORD,
    collect_timeout: *const DWORD,
) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        let end = End::of(&pipe)?;
        pipe.require_any(Rights::FILE_WRITE_ATTRIBUTES)?;
        // SAFETY: C passes the number, or null.
        let mode = unsafe { mode.as_ref() }.copied();
        let is_known = mode.unwrap_or(0) & !(PIPE_NOWAIT | PIPE_READMODE_MESSAGE) == 0;
        if !is_known || !max_collection.is_null() || !collect_timeout.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        match (end.named(), mode) {
            (Ok(end), None) => Ok(end.modes().map(drop)?),
            (Ok(end), Some(mode)) => Ok(end.set_modes(Modes {
                read: read_mode(mode),
                nowait: mode & PIPE_NOWAIT != 0,
            })?),
            (Err(unnamed), None) => unnamed.facts().map(drop),
            (Err(unnamed), Some(mode)) => unnamed.set_modes(mode),
        }
    })
}
