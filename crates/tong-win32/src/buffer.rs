//! Text of both widths: what C callers pass in, and the buffers they want filled.

#![allow(unsafe_code, reason = "reads strings and fills buffers of C callers")]

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::error::Code;
use crate::string::wide;
use crate::types::DWORD;

/// A unit of text: a byte of UTF-8, or two of UTF-16.
pub(crate) trait Unit: Copy + Default + PartialEq {
    /// The text of a string; `None` for a null pointer. UTF-16 must be text, UTF-8 may be any bytes, as file names may.
    ///
    /// # Safety
    /// `text` is null or leads to a string that nobody changes during the call.
    unsafe fn decode(text: *const Self) -> Result<Option<OsString>, Code>;

    /// The units of a text. What is not text cannot be said in UTF-16 and becomes U+FFFD there.
    fn encode(text: &OsStr) -> Vec<Self>;
}

impl Unit for u8 {
    unsafe fn decode(text: *const u8) -> Result<Option<OsString>, Code> {
        if text.is_null() {
            return Ok(None);
        }
        // SAFETY: not null, and the caller vouches for the rest.
        let text = unsafe { CStr::from_ptr(text.cast()) };
        Ok(Some(OsString::from_vec(text.to_bytes().to_vec())))
    }

    fn encode(text: &OsStr) -> Vec<u8> {
        text.as_bytes().to_vec()
    }
}

impl Unit for u16 {
    unsafe fn decode(text: *const u16) -> Result<Option<OsString>, Code> {
        // SAFETY: the caller vouches for the string.
        let text = unsafe { wide(text)? };
        Ok(text.map(|text| text.into_owned().into()))
    }

    fn encode(text: &OsStr) -> Vec<u16> {
        text.to_string_lossy().encode_utf16().collect()
    }
}

/// Copies a text and a zero to a buffer with room for `room` units, and returns the length of the text. If there is too
/// little room or no buffer, nothing is written, and the room that is needed is returned.
///
/// # Safety
/// `to` is null or leads to room for this many units, which nothing else uses during the call.
pub(crate) unsafe fn fill<U: Unit>(text: &[U], to: *mut U, room: DWORD) -> DWORD {
    if to.is_null() || text.len() >= room as usize {
        return saturated(text.len() + 1);
    }
    // SAFETY: the text and a zero fit into the caller's room, which is not ours and so does not overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
        to.add(text.len()).write(U::default());
    }
    saturated(text.len())
}

/// A text in a field of fixed length, with a zero at its end: cut off if it is too long.
pub(crate) fn field<U: Unit, const LEN: usize>(text: &OsStr) -> [U; LEN] {
    let mut field = [U::default(); LEN];
    let text = U::encode(text);
    let len = text.len().min(LEN.saturating_sub(1));
    field[..len].copy_from_slice(&text[..len]);
    field
}

pub(crate) fn saturated(len: usize) -> DWORD {
    DWORD::try_from(len).unwrap_or(DWORD::MAX)
}
