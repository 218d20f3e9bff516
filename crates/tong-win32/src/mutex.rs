//! Mutexes: made, opened, released.

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

use tong::handle::Object;
use tong::{Made, Mutex, ObjectName};

use crate::border::{call, succeeds, with};
use crate::error::Code;
use crate::names::{
    check_flags, narrow_name, narrow_name_to_open, wide_name, wide_name_to_open, Wanted,
};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

const CREATE_MUTEX_INITIAL_OWNER: DWORD = 1;

/// Makes a mutex, which the calling thread owns if asked for, or opens the one of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateMutexA(
    attributes: *const SECURITY_ATTRIBUTES,
    initial_owner: BOOL,
    name: LPCSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::all(attributes)) };
        create(name, flags(initial_owner), wanted)
    })
}

/// Makes a mutex, which the calling thread owns if asked for, or opens the one of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateMutexW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial_owner: BOOL,
    name: LPCWSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::all(attributes)) };
        create(name, flags(initial_owner), wanted)
    })
}

/// As CreateMutexA, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateMutexExA(
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

/// As CreateMutexW, with flags, and with the rights that the handle is to have.
#[no_mangle]
pub unsafe extern "C" fn CreateMutexExW(
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

fn flags(initial_owner: BOOL) -> DWORD {
    match initial_owner {
        FALSE => 0,
        _ => CREATE_MUTEX_INITIAL_OWNER,
    }
}

fn create(name: Option<ObjectName>, flags: DWORD, wanted: Wanted) -> Result<HANDLE, Code> {
    check_flags(flags, CREATE_MUTEX_INITIAL_OWNER)?;
    let owned = flags & CREATE_MUTEX_INITIAL_OWNER != 0;
    let (mutex, made) = match &name {
        Some(name) => Mutex::create(name, owned)?,
        None => (Mutex::new(owned)?, Made::New),
    };
    wanted.made(Object::Mutex(mutex), made)
}

/// Opens the mutex of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn OpenMutexA(access: DWORD, inherit: BOOL, name: LPCSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Mutex(Mutex::open(&name)?))
    })
}

/// Opens the mutex of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn OpenMutexW(access: DWORD, inherit: BOOL, name: LPCWSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Mutex(Mutex::open(&name)?))
    })
}

/// Gives up one acquisition of a mutex that the calling thread owns; 288 if it does not. Any handle will do.
#[no_mangle]
pub extern "C" fn ReleaseMutex(mutex: HANDLE) -> BOOL {
    succeeds(|| {
        with(mutex, |object, _| match object {
            Object::Mutex(mutex) => Ok(mutex.release()?),
            _ => Err(Code::INVALID_HANDLE),
        })
    })
}
