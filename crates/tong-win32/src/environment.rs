//! Environment variables.
//!
//! They are those of the C library, with Windows' rules for their names on top; see [`tong::environment`]. So `getenv`,
//! `setenv` and `putenv` work on the same variables, and a child gets them however it is started. (Variables whose
//! names begin with `=` only reach children of CreateProcess.)
//!
//! # Differences between the widths
//! The narrow functions pass values through byte for byte. The wide ones show bytes that are not UTF-8 as U+FFFD, and
//! refuse to set what is not UTF-16 with 1113.

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

use std::ffi::{c_void, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use tong::environment::{self, Variable};

use crate::border::{call, succeeds};
use crate::buffer::{fill, saturated, Unit};
use crate::error::Code;
use crate::types::{BOOL, DWORD, LPCSTR, LPCWSTR, LPSTR, LPWSTR, TRUE};

/// The most units of a text with references, and of a narrow block for a child, the final zero included.
const MAX_UNITS: usize = 32_767;

/// Sets a variable, or removes it if `value` is null.
#[no_mangle]
pub unsafe extern "C" fn SetEnvironmentVariableA(name: LPCSTR, value: LPCSTR) -> BOOL {
    // SAFETY: C passes strings, or null.
    unsafe { set(name.cast::<u8>(), value.cast::<u8>()) }
}

/// Sets a variable, or removes it if `value` is null.
#[no_mangle]
pub unsafe extern "C" fn SetEnvironmentVariableW(name: LPCWSTR, value: LPCWSTR) -> BOOL {
    // SAFETY: C passes strings, or null.
    unsafe { set(name, value) }
}

/// # Safety
/// Both are null or lead to strings.
unsafe fn set<U: Unit>(name: *const U, value: *const U) -> BOOL {
    succeeds(|| {
        // SAFETY: the caller vouches for both.
        let (name, value) = unsafe { (U::decode(name)?, U::decode(value)?) };
        let name = name.unwrap_or_default();
        match value {
            Some(value) => Ok(environment::set(&name, &value)?),
            None => Ok(environment::remove(&name)?),
        }
    })
}

/// Copies a variable's value to a buffer of `size` bytes and returns its length; or returns the size it needs; or 0 and
/// 203 if there is no such variable.
#[no_mangle]
pub unsafe extern "C" fn GetEnvironmentVariableA(
    name: LPCSTR,
    buffer: LPSTR,
    size: DWORD,
) -> DWORD {
    // SAFETY: C passes a string and room for `size` bytes, or null.
    unsafe { get(name.cast::<u8>(), buffer.cast::<u8>(), size) }
}

/// Copies a variable's value to a buffer of `size` units and returns its length; or returns the size it needs; or 0 and
/// 203 if there is no such variable.
#[no_mangle]
pub unsafe extern "C" fn GetEnvironmentVariableW(
    name: LPCWSTR,
    buffer: LPWSTR,
    size: DWORD,
) -> DWORD {
    // SAFETY: C passes a string and room for `size` units, or null.
    unsafe { get(name, buffer, size) }
}

/// # Safety
/// `name` is null or leads to a string, `buffer` is null or leads to room for `size` units.
unsafe fn get<U: Unit>(name: *const U, buffer: *mut U, size: DWORD) -> DWORD {
    call(0, || {
        // SAFETY: the caller vouches for the string.
        let name = unsafe { U::decode(name)? }.unwrap_or_default();
        let value = environment::get(&name).ok_or(Code::ENVVAR_NOT_FOUND)?;
        // SAFETY: the caller vouches for the room.
        Ok(unsafe { fill(&U::encode(&value), buffer, size) })
    })
}

/// Returns a copy of all variables, for FreeEnvironmentStringsA; NULL and 8 if there is no memory.
#[no_mangle]
pub extern "C" fn GetEnvironmentStringsA() -> LPSTR {
    copy_of_all::<u8>().cast()
}

/// Returns a copy of all variables, for FreeEnvironmentStringsW; NULL and 8 if there is no memory.
#[no_mangle]
pub extern "C" fn GetEnvironmentStringsW() -> LPWSTR {
    copy_of_all::<u16>()
}

fn copy_of_all<U: Unit>() -> *mut U {
    call(std::ptr::null_mut(), || {
        let mut block = Vec::new();
        for variable in environment::all() {
            block.extend(U::encode(&entry(variable)));
            block.push(U::default());
        }
        if block.is_empty() {
            block.push(U::default());
        }
        block.push(U::default());
        // SAFETY: any size may be asked for; the memory is as aligned as any type needs.
        let memory = unsafe { libc::malloc(size_of_val(&block[..])) }.cast::<U>();
        if memory.is_null() {
            return Err(Code::NOT_ENOUGH_MEMORY);
        }
        // SAFETY: the new memory has room for the block.
        unsafe { std::ptr::copy_nonoverlapping(block.as_ptr(), memory, block.len()) };
        Ok(memory)
    })
}

fn entry((mut name, value): Variable) -> OsString {
    name.push("=");
    name.push(value);
    name
}

/// Frees what GetEnvironmentStringsA returned.
#[no_mangle]
pub unsafe extern "C" fn FreeEnvironmentStringsA(block: LPSTR) -> BOOL {
    // SAFETY: C passes null or a block from above, which it does not use any more.
    unsafe { libc::free(block.cast()) };
    TRUE
}

/// Frees what GetEnvironmentStringsW returned.
#[no_mangle]
pub unsafe extern "C" fn FreeEnvironmentStringsW(block: LPWSTR) -> BOOL {
    // SAFETY: C passes null or a block from above, which it does not use any more.
    unsafe { libc::free(block.cast()) };
    TRUE
}

/// Replaces all variables by those of a block, which is only read.
#[no_mangle]
pub unsafe extern "C" fn SetEnvironmentStringsA(block: LPSTR) -> BOOL {
    // SAFETY: C passes a block, or null.
    unsafe { replace(block.cast_const().cast::<u8>()) }
}

/// Replaces all variables by those of a block, which is only read.
#[no_mangle]
pub unsafe extern "C" fn SetEnvironmentStringsW(block: LPWSTR) -> BOOL {
    // SAFETY: C passes a block, or null.
    unsafe { replace(block.cast_const()) }
}

/// # Safety
/// `block` is null or leads to an environment block.
unsafe fn replace<U: Unit>(block: *const U) -> BOOL {
    succeeds(|| {
        // SAFETY: the caller vouches for the block.
        let entries = unsafe { entries(block)? };
        let variables: Option<Vec<Variable>> = entries.iter().map(|entry| split(entry)).collect();
        Ok(environment::replace(
            &variables.ok_or(Code::INVALID_PARAMETER)?,
        )?)
    })
}

/// Cuts an entry at its first `=`, which must not be in front.
fn split(entry: &OsStr) -> Option<Variable> {
    let bytes = entry.as_bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b'=')
        .filter(|end| *end > 0)?;
    let (name, value) = (&bytes[..end], &bytes[end + 1..]);
    Some((
        OsStr::from_bytes(name).to_owned(),
        OsStr::from_bytes(value).to_owned(),
    ))
}

/// The strings of a block: up to the first empty one.
///
/// # Safety
/// `block` is null or leads to strings, the last of which is empty, that nobody changes during the call.
unsafe fn entries<U: Unit>(block: *const U) -> Result<Vec<OsString>, Code> {
    let mut entries = Vec::new();
    let mut next = block;
    loop {
        // SAFETY: `next` is `block`, or follows an entry that was not empty and so not the last.
        let entry = unsafe { U::decode(next)? }.ok_or(Code::INVALID_PARAMETER)?;
        if entry.is_empty() {
            return Ok(entries);
        }
        // SAFETY: the entry that was just read has this many units and a zero.
        next = unsafe { next.add(U::encode(&entry).len() + 1) };
        entries.push(entry);
    }
}

/// Replaces `%name%` by the variable's value, and returns the length of the result with its zero, whether it fits or not.
#[no_mangle]
pub unsafe extern "C" fn ExpandEnvironmentStringsA(from: LPCSTR, to: LPSTR, size: DWORD) -> DWORD {
    // SAFETY: C passes a string and room for `size` bytes, or null.
    unsafe { expand(from.cast::<u8>(), to.cast::<u8>(), size) }
}

/// Replaces `%name%` by the variable's value, and returns the length of the result with its zero, whether it fits or not.
#[no_mangle]
pub unsafe extern "C" fn ExpandEnvironmentStringsW(
    from: LPCWSTR,
    to: LPWSTR,
    size: DWORD,
) -> DWORD {
    // SAFETY: C passes a string and room for `size` units, or null.
    unsafe { expand(from, to, size) }
}

/// # Safety
/// `from` is null or leads to a string, `to` is null or leads to room for `size` units.
unsafe fn expand<U: Unit>(from: *const U, to: *mut U, size: DWORD) -> DWORD {
    call(0, || {
        // SAFETY: the caller vouches for the string.
        let text = unsafe { U::decode(from)? }.ok_or(Code::INVALID_PARAMETER)?;
        if U::encode(&text).len() >= MAX_UNITS {
            return Err(Code::FILENAME_EXCED_RANGE);
        }
        let expanded = U::encode(&environment::expand(&text));
        let needed = saturated(expanded.len() + 1);
        // SAFETY: the caller vouches for the room.
        let fits = unsafe { fill(&expanded, to, size) } < needed;
        if !fits && !to.is_null() && size > 0 {
            // SAFETY: there is room for one unit at least.
            unsafe { to.write(U::default()) };
        }
        Ok(needed)
    })
}

/// The variables for a child, as CreateProcess takes them: those of a block exactly as they are, or for null a copy of
/// the caller's.
///
/// # Errors
/// 1113 for wide text that is none; 87 for a narrow block of more than 32,767 bytes.
///
/// # Safety
/// `block` is null or leads to an environment block, of wide characters if `wide` says so.
pub(crate) unsafe fn child_block(block: *const c_void, wide: bool) -> Result<Vec<CString>, Code> {
    let entries = match (block.is_null(), wide) {
        (true, _) => environment::all().into_iter().map(entry).collect(),
        // SAFETY: the caller vouches for the block.
        (false, true) => unsafe { entries(block.cast::<u16>())? },
        // SAFETY: as above.
        (false, false) => unsafe { entries(block.cast::<u8>())? },
    };
    let total: usize = entries.iter().map(|entry| entry.len() + 1).sum();
    if !block.is_null() && !wide && total + 1 > MAX_UNITS {
        return Err(Code::INVALID_PARAMETER);
    }
    let to_c =
        |entry: OsString| CString::new(entry.into_vec()).map_err(|_| Code::INVALID_PARAMETER);
    entries.into_iter().map(to_c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str, wide: bool) -> Result<Vec<CString>, Code> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let block: *const c_void = match wide {
            true => units.as_ptr().cast(),
            false => text.as_ptr().cast(),
        };
        // SAFETY: the texts of the tests end in an empty string.
        unsafe { child_block(block, wide) }
    }

    /// P-31, P-32, P-34, P-35: exactly the block, in its order, hidden and double names and all.
    #[test]
    fn block_for_a_child_is_taken_as_it_is() {
        let entries = [c"z=1", c"=C:=C:\\통", c"a=", c"Z=2", c"no value"];
        for wide in [false, true] {
            let given = "z=1\0=C:=C:\\통\0a=\0Z=2\0no value\0\0after\0\0";
            assert_eq!(block(given, wide).unwrap(), entries.map(CString::from));
            assert!(block("\0\0", wide).unwrap().is_empty());
        }
    }

    /// P-32.
    #[test]
    fn narrow_block_for_a_child_has_a_largest_size() {
        let entry = |len: usize| format!("a={}\0\0", "x".repeat(len - 4));
        assert!(block(&entry(MAX_UNITS), false).is_ok());
        assert_eq!(
            block(&entry(MAX_UNITS + 1), false),
            Err(Code::INVALID_PARAMETER)
        );
        assert!(block(&entry(MAX_UNITS + 1), true).is_ok());
    }

    /// P-30: without a block, the variables as they are now, the hidden ones in front.
    #[test]
    fn child_without_a_block_gets_a_copy() {
        for (name, value) in [("tong_child", "통"), ("=tong_child", "hidden")] {
            environment::set(name.as_ref(), value.as_ref()).unwrap();
        }
        // SAFETY: null stands for no block.
        let copy = unsafe { child_block(std::ptr::null(), true) }.unwrap();
        let place = |entry: &CString| copy.iter().position(|other| other == entry);
        let hidden = place(&c"=tong_child=hidden".into()).unwrap();
        assert!(hidden < place(&c"tong_child=통".into()).unwrap());
    }
}
