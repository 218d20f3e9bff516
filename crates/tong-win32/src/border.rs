//! The border to C: outcomes become return values and last errors, pointers become references.

#![allow(
    unsafe_code,
    reason = "reads and writes through the pointers of C callers"
)]

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::error::{Code, SetLastError};
use crate::exit;
use crate::types::{BOOL, FALSE, HANDLE, SECURITY_ATTRIBUTES, TRUE};
use tong::handle::{Handle, Object, Ref, Rights, Table};

/// Runs the body of a function; a failure becomes the last error and `failed`. The last error of a success is the
/// body's own business: most bodies leave it alone.
///
/// A panic is a bug of ours. It ends here, as failure 1359, because it cannot go on through C.
pub(crate) fn call<T>(failed: T, body: impl FnOnce() -> Result<T, Code>) -> T {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Code::INTERNAL_ERROR));
    exit::stay_if_ending();
    outcome.unwrap_or_else(|Code(code)| {
        SetLastError(code);
        failed
    })
}

/// [`call`] for functions that return TRUE or FALSE.
pub(crate) fn succeeds(body: impl FnOnce() -> Result<(), Code>) -> BOOL {
    call(FALSE, || body().map(|()| TRUE))
}

/// What a handle argument stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// -1, -2, -4, -5, -6: the caller's process, thread and tokens.
    Pseudo(i32),
    /// A value that may be in the table.
    Value(Handle),
}

/// Reads a handle argument. Of 64 bits, 32 count, and the others must be their sign extension.
pub(crate) fn argument(handle: HANDLE) -> Result<Argument, Code> {
    let value = i32::try_from(handle as isize).map_err(|_| Code::INVALID_HANDLE)?;
    match value {
        -2..=-1 | -6..=-4 => Ok(Argument::Pseudo(value)),
        _ => Ok(Argument::Value(Handle::from_raw(value as u32))),
    }
}

/// Looks a handle up. Pseudo handles lead to no object that the callers of this function could use: wrong kind.
pub(crate) fn object(handle: HANDLE) -> Result<Ref, Code> {
    match argument(handle)? {
        Argument::Value(handle) => Ok(Table::of_process().get(handle)?),
        Argument::Pseudo(_) => Err(Code::INVALID_HANDLE),
    }
}

/// Looks at the object of a handle and the handle's rights without taking a reference: for calls that return at once. Pseudo
/// handles lead to no object here.
#[inline]
pub(crate) fn with<R>(
    handle: HANDLE,
    look: impl FnOnce(&Object, Rights) -> Result<R, Code>,
) -> Result<R, Code> {
    match argument(handle)? {
        Argument::Value(handle) => {
            Table::of_process().with(handle, |object, granted| Ok(look(object, granted)))?
        }
        Argument::Pseudo(_) => Err(Code::INVALID_HANDLE),
    }
}

/// The pointer-sized form of a table's handle.
pub(crate) fn to_c(handle: Handle) -> HANDLE {
    handle.raw() as i32 as isize as HANDLE
}

/// Writes a result through an out pointer, unless it is null.
///
/// # Safety
/// `out` is null or leads to memory for a `T` that nothing else uses during the call.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not null, and the caller vouches for the rest; unaligned, because C compilers allow packed structures.
        unsafe { out.write_unaligned(value) }
    }
}

/// The bytes that a caller wants written; none if there are none, whatever the pointer. `None` for a null pointer.
///
/// # Safety
/// `data` is null or leads to `len` bytes that nobody changes during the call.
pub(crate) unsafe fn input<'a>(data: *const c_void, len: u32) -> Option<&'a [u8]> {
    match (len, data.is_null()) {
        (0, _) => Some(&[]),
        (_, true) => None,
        // SAFETY: not null, and the caller vouches for the rest.
        (_, false) => Some(unsafe { std::slice::from_raw_parts(data.cast(), len as usize) }),
    }
}

/// The buffer that a caller wants filled; an empty one if it has no bytes, whatever the pointer. `None` for a null pointer.
///
/// # Safety
/// `data` is null or leads to `len` bytes that nothing else uses during the call.
pub(crate) unsafe fn output<'a>(data: *mut c_void, len: u32) -> Option<&'a mut [u8]> {
    match (len, data.is_null()) {
        (0, _) => Some(&mut []),
        (_, true) => None,
        // SAFETY: not null, and the caller vouches for the rest. That the bytes may never have been written does not matter
        // for what is done with them: they are only written to.
        (_, false) => Some(unsafe { std::slice::from_raw_parts_mut(data.cast(), len as usize) }),
    }
}

/// Does the caller want child processes to get the handle?
///
/// # Safety
/// `attributes` is null or leads to the structure.
pub(crate) unsafe fn wants_inheritance(attributes: *const SECURITY_ATTRIBUTES) -> bool {
    // SAFETY: the caller vouches for the pointer if it is not null.
    unsafe { attributes.as_ref() }.is_some_and(|attributes| attributes.bInheritHandle != FALSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::GetLastError;

    #[test]
    fn panic_ends_at_the_border() {
        assert_eq!(succeeds(|| panic!("a bug")), FALSE);
        assert_eq!(GetLastError(), Code::INTERNAL_ERROR.0);
    }

    /// H-7, H-8, H-51.
    #[test]
    fn handle_arguments_are_sign_extended_numbers() {
        assert_eq!(argument(-1_isize as HANDLE), Ok(Argument::Pseudo(-1)));
        assert_eq!(
            argument(0x1_0000_0004_usize as HANDLE),
            Err(Code::INVALID_HANDLE)
        );
        assert_eq!(
            argument(7_usize as HANDLE),
            Ok(Argument::Value(Handle::from_raw(4)))
        );
        assert_eq!(to_c(Handle::from_raw(8)) as usize, 8);
    }
}
