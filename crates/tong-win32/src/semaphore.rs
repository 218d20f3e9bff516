//! Semaphores: made, opened, released.

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
use tong::{Made, ObjectName, Semaphore};

use crate::border::{call, put, succeeds, with};
use crate::error::Code;
use crate::names::{
    check_flags, narrow_name, narrow_name_to_open, require, wide_name, wide_name_to_open, Wanted,
};
use crate::types::{BOOL, DWORD, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

pub(crate) const SEMAPHORE_MODIFY_STATE: Rights = Rights::from_bits(2);

/// Makes a semaphore, or opens the one of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateSemaphoreA(
    attributes: *const SECURITY_ATTRIBUTES,
    initial: i32,
    maximum: i32,
    name: LPCSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::all(attributes)) };
        create(name, initial, maximum, wanted)
    })
}

/// Makes a semaphore, or opens the one of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateSemaphoreW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial: i32,
    maximum: i32,
    name: LPCWSTR,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::all(attributes)) };
        create(name, initial, maximum, wanted)
    })
}

/// As CreateSemaphoreA, with the rights that the handle is to have. There are no flags.
#[no_mangle]
pub unsafe extern "C" fn CreateSemaphoreExA(
    attributes: *const SECURITY_ATTRIBUTES,
    initial: i32,
    maximum: i32,
    name: LPCSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (narrow_name(name)?, Wanted::some(attributes, access)) };
        check_flags(flags, 0)?;
        create(name, initial, maximum, wanted)
    })
}

/// As CreateSemaphoreW, with the rights that the handle is to have. There are no flags.
#[no_mangle]
pub unsafe extern "C" fn CreateSemaphoreExW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial: i32,
    maximum: i32,
    name: LPCWSTR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, wanted) = unsafe { (wide_name(name)?, Wanted::some(attributes, access)) };
        check_flags(flags, 0)?;
        create(name, initial, maximum, wanted)
    })
}

fn create(
    name: Option<ObjectName>,
    initial: i32,
    maximum: i32,
    wanted: Wanted,
) -> Result<HANDLE, Code> {
    let (initial, maximum) = match (u32::try_from(initial), u32::try_from(maximum)) {
        (Ok(initial), Ok(maximum)) if maximum > 0 && initial <= maximum => (initial, maximum),
        _ => return Err(Code::INVALID_PARAMETER),
    };
    let (semaphore, made) = match &name {
        Some(name) => Semaphore::create(name, initial, maximum)?,
        None => (Semaphore::new(initial, maximum)?, Made::New),
    };
    wanted.made(Object::Semaphore(semaphore), made)
}

/// Opens the semaphore of this name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn OpenSemaphoreA(access: DWORD, inherit: BOOL, name: LPCSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Semaphore(Semaphore::open(&name)?))
    })
}

/// Opens the semaphore of this name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn OpenSemaphoreW(access: DWORD, inherit: BOOL, name: LPCWSTR) -> HANDLE {
    call(ptr::null_mut(), || {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide_name_to_open(name)? };
        Wanted::opened(access, inherit).handle(Object::Semaphore(Semaphore::open(&name)?))
    })
}

/// Adds to the count of a semaphore, and tells the count before through `previous` unless that is null.
///
/// 298 beyond the maximum; then nothing is added and nothing is told.
#[no_mangle]
pub unsafe extern "C" fn ReleaseSemaphore(
    semaphore: HANDLE,
    count: i32,
    previous: *mut i32,
) -> BOOL {
    succeeds(|| {
        let before = with(semaphore, |object, granted| {
            let Object::Semaphore(semaphore) = object else {
                return Err(Code::INVALID_HANDLE);
            };
            require(granted, SEMAPHORE_MODIFY_STATE)?;
            let count = u32::try_from(count).map_err(|_| Code::INVALID_PARAMETER)?;
            if count == 0 {
                return Err(Code::INVALID_PARAMETER);
            }
            Ok(semaphore.release(count)?)
        })?;
        // SAFETY: C passes room for the count, or null.
        unsafe { put(previous, i32::try_from(before).unwrap_or(i32::MAX)) };
        Ok(())
    })
}
