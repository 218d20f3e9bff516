//! Events: made, opened, set, reset and pulsed.

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

use std::ptr;

use tong::handle::{Object, Rights};
use tong::{Event, Made, ObjectName, Reset};

use crate::border::{call, succeeds, with};
use crate::error::Code;
use crate::names::{
    check_flags, narrow_name, narrow_name_to_open, require, wide_name, wide_name_to_open, Wanted,
};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

const CREATE_EVENT_MANUAL_RESET: DWORD = 1;
const CREATE_EVENT_INITIAL_SET: DWORD = 2;
pub(crate) const EVENT_MODIFY_STATE: Rights = Rights::from_bits(2);

/// Makes an event, or opens the one of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateEventA(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    initial_state: BOOL,
    name: LPCSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::all(attributes)) };
        create(name, flags(manual_reset, initial_state), wanted)
    })
}

/// Makes an event, or opens the one of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateEventW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    initial_state: BOOL,
    name: LPCWSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::all(attributes)) };
        create(name, flags(manual_reset, initial_state), wanted)
    })
}

/// As CreateEventA, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateEventExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: LPCSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::some(attributes, access)) };
        create(name, flags, wanted)
    })
}

/// As CreateEventW, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateEventExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: LPCWSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::some(attributes, access)) };
        create(name, flags, wanted)
    })
}

fn flags(manual_reset: BOOL, initial_state: BOOL) -> DWORD {
    let flag = |wanted: BOOL, flag: DWORD| if wanted == FALSE { 0 } else { flag };
    flag(manual_reset, CREATE_EVENT_MANUAL_RESET) | flag(initial_state, CREATE_EVENT_INITIAL_SET)
}

fn create(name: Option<ObjectName>, flags: DWORD, wanted: Wanted) -> Result<HANDLE, Code> {
    check_flags(flags, CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET)?;
    let reset = match flags & CREATE_EVENT_MANUAL_RESET {
        0 => Reset::Auto,
        _ => Reset::Manual,
    };
    let signaled = flags & CREATE_EVENT_INITIAL_SET != 0;
    let (event, made) = match &name {
        Some(name) => Event::create(name, reset, signaled)?,
        None => (Event::new(reset, signaled)?, Made::New),
    };
    wanted.made(Object::Event(event), made)
}

/// Opens the event of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn OpenEventA(access: DWORD, inherit: BOOL, name: LPCSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Event(Event::open(&name)?))
    })
}

/// Opens the event of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn OpenEventW(access: DWORD, inherit: BOOL, name: LPCWSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Event(Event::open(&name)?))
    })
}

/// Signals an event: a manual-reset event for all, an auto-reset event for one wait.
#[no_mangle]
pub extern "C" fn SetEvent(event: HANDLE) -> BOOL {
    succeeds(|| change(event, Event::set))
}

/// Makes an event nonsignaled.
#[no_mangle]
pub extern "C" fn ResetEvent(event: HANDLE) -> BOOL {
    succeeds(|| change(event, Event::reset))
}

/// Releases the threads that wait now, of an auto-reset event one, and leaves the event nonsignaled.
#[no_mangle]
pub extern "C" fn PulseEvent(event: HANDLE) -> BOOL {
    succeeds(|| change(event, Event::pulse))
}

/// Changes the event that a handle leads to, if the handle has the right.
pub(crate) fn change(
    event: HANDLE,
    change: impl FnOnce(&Event) -> tong::Result<()>,
) -> Result<(), Code> {
    with(event, |object, granted| {
        let Object::Event(event) = object else {
            return Err(Code::INVALID_HANDLE);
        };
        require(granted, EVENT_MODIFY_STATE)?;
        Ok(change(event)?)
    })
}
