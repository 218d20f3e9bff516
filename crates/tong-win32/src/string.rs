//! Strings of C callers, and the conversions between UTF-8 and UTF-16.

#![allow(
    unsafe_code,
    reason = "exported C symbols that read strings of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::borrow::Cow;
use std::ffi::{c_char, CStr};

use crate::border::{call, put};
use crate::error::Code;
use crate::types::{BOOL, DWORD, FALSE, LPCSTR, LPCWSTR};

/// Code pages that mean UTF-8 here: the ANSI, OEM and thread's own page, and UTF-8 itself.
const UTF_8_PAGES: [u32; 4] = [0, 1, 3, 65_001];
/// MultiByteToWideChar: fail rather than put U+FFFD for what is no text.
const MB_ERR_INVALID_CHARS: DWORD = 0x8;
/// MultiByteToWideChar: prefer single characters; all there is here.
const MB_PRECOMPOSED: DWORD = 0x1;
/// WideCharToMultiByte: fail rather than put U+FFFD for what is no text.
const WC_ERR_INVALID_CHARS: DWORD = 0x80;

/// The text of a narrow string; `None` for a null pointer.
///
/// # Safety
/// `text` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn narrow<'a>(text: LPCSTR) -> Result<Option<Cow<'a, str>>, Code> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let text = unsafe { CStr::from_ptr(text) };
    let text = text.to_str().map_err(|_| Code::NO_UNICODE_TRANSLATION)?;
    Ok(Some(Cow::Borrowed(text)))
}

/// The text of a wide string; `None` for a null pointer.
///
/// # Safety
/// `text` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn wide<'a>(text: LPCWSTR) -> Result<Option<Cow<'a, str>>, Code> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and the caller vouches for a zero at the end, within which `units` lie.
    let units = unsafe { std::slice::from_raw_parts(text, wide_len(text)) };
    let text = String::from_utf16(units).map_err(|_| Code::NO_UNICODE_TRANSLATION)?;
    Ok(Some(Cow::Owned(text)))
}

/// The number of units before the zero.
///
/// # Safety
/// `text` leads to a string with a zero at its end.
unsafe fn wide_len(text: LPCWSTR) -> usize {
    let mut len = 0;
    // SAFETY: every unit up to the zero belongs to the string.
    while unsafe { text.add(len).read() } != 0 {
        len += 1;
    }
    len
}

/// Converts UTF-8 to UTF-16. Returns the units written, or needed if `wide_len` is 0; 0 on failure.
///
/// A length of -1 means up to the zero, which is converted too.
#[no_mangle]
pub unsafe extern "C" fn MultiByteToWideChar(
    code_page: u32,
    flags: DWORD,
    text: *const c_char,
    text_len: i32,
    wide: *mut u16,
    wide_len: i32,
) -> i32 {
    call(0, || {
        check_page(code_page)?;
        if flags & !(MB_ERR_INVALID_CHARS | MB_PRECOMPOSED) != 0 {
            return Err(Code::INVALID_FLAGS);
        }
        // SAFETY: C passes a string of this length or, for -1, one that ends with a zero.
        let bytes = unsafe {
            source(text.cast::<u8>(), text_len, |text| {
                CStr::from_ptr(text.cast()).count_bytes()
            })
        }?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) if flags & MB_ERR_INVALID_CHARS != 0 => {
                return Err(Code::NO_UNICODE_TRANSLATION)
            }
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        // SAFETY: C passes room for this many units.
        unsafe { deliver(&units, wide, wide_len) }
    })
}

/// Converts UTF-16 to UTF-8. Returns the bytes written, or needed if `text_len` is 0; 0 on failure.
///
/// A length of -1 means up to the zero, which is converted too. Everything can be converted, so the default
/// character is not used; as on Windows it must not be given for UTF-8 (65001).
#[no_mangle]
pub unsafe extern "C" fn WideCharToMultiByte(
    code_page: u32,
    flags: DWORD,
    wide: *const u16,
    wide_len: i32,
    text: *mut c_char,
    text_len: i32,
    default_char: *const c_char,
    used_default_char: *mut BOOL,
) -> i32 {
    call(0, || {
        check_page(code_page)?;
        if flags & !WC_ERR_INVALID_CHARS != 0 {
            return Err(Code::INVALID_FLAGS);
        }
        if code_page == 65_001 && !(default_char.is_null() && used_default_char.is_null()) {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: C passes a string of this length or, for -1, one that ends with a zero.
        let units = unsafe { source(wide, wide_len, |wide| self::wide_len(wide)) }?;
        let converted = match String::from_utf16(units) {
            Ok(converted) => converted,
            Err(_) if flags & WC_ERR_INVALID_CHARS != 0 => {
                return Err(Code::NO_UNICODE_TRANSLATION)
            }
            Err(_) => String::from_utf16_lossy(units),
        };
        // SAFETY: C passes room for this many bytes, and for the flag or null.
        unsafe {
            put(used_default_char, FALSE);
            deliver(converted.as_bytes(), text.cast::<u8>(), text_len)
        }
    })
}

fn check_page(code_page: u32) -> Result<(), Code> {
    match UTF_8_PAGES.contains(&code_page) {
        true => Ok(()),
        false => Err(Code::INVALID_PARAMETER),
    }
}

/// The units to convert: `len` of them, or all and the zero if it is -1.
///
/// # Safety
/// `from` is null or leads to as many units as `len` says; to a zero if it is negative. `count` is sound for the latter.
unsafe fn source<'a, T>(
    from: *const T,
    len: i32,
    count: impl Fn(*const T) -> usize,
) -> Result<&'a [T], Code> {
    if from.is_null() || len == 0 || len < -1 {
        return Err(Code::INVALID_PARAMETER);
    }
    let len = usize::try_from(len).unwrap_or_else(|_| count(from) + 1);
    // SAFETY: not null, and the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts(from, len) })
}

/// Copies the result out if there is room, or says how much there must be.
///
/// # Safety
/// `to` is null or leads to room for `len` units, which nothing else uses during the call.
unsafe fn deliver<T: Copy>(result: &[T], to: *mut T, len: i32) -> Result<i32, Code> {
    let needed = i32::try_from(result.len()).map_err(|_| Code::INVALID_PARAMETER)?;
    match len {
        0 => Ok(needed),
        len if len < 0 || to.is_null() => Err(Code::INVALID_PARAMETER),
        len if len < needed => Err(Code::INSUFFICIENT_BUFFER),
        _ => {
            // SAFETY: `needed` units fit into the caller's room, which is not ours and so does not overlap.
            unsafe { std::ptr::copy_nonoverlapping(result.as_ptr(), to, result.len()) };
            Ok(needed)
        }
    }
}
