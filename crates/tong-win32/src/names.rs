//! What all creators and openers of events, mutexes, semaphores and timers share: names, rights, and the last error.
//!
//! - A creator without a name, or with an empty one, makes an object that only its handles lead to. Otherwise it makes the
//!   name's object or finds it; what describes the state of a new object is ignored then.
//! - A creator that succeeds sets the last error: 0 for a new object, 183 for one that was there. An opener leaves it alone.
//! - A narrow name has at most 260 characters, a wide one 32,766.

#![allow(unsafe_code, reason = "reads strings of C callers")]

use tong::handle::{Kind, Object, Rights, Table};
use tong::{Made, ObjectName};

use crate::border::{to_c, wants_inheritance};
use crate::error::{Code, SetLastError};
use crate::exit;
use crate::string::{narrow, wide};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

/// The most UTF-16 units in a name that a narrow function takes.
const MAX_PATH: usize = 260;
/// The privilege that this right asks for, nobody has here.
const ACCESS_SYSTEM_SECURITY: DWORD = 0x0100_0000;

/// The name argument of a narrow function, for a creator; `None` asks for an object without a name.
///
/// # Safety
/// `name` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn narrow_name(name: LPCSTR) -> Result<Option<ObjectName>, Code> {
    // SAFETY: the caller vouches for it.
    match unsafe { narrow(name)? } {
        Some(name) => {
            check_narrow_length(&name)?;
            parse(&name)
        }
        None => Ok(None),
    }
}

/// The name argument of a wide function, for a creator; `None` asks for an object without a name.
///
/// # Safety
/// `name` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn wide_name(name: LPCWSTR) -> Result<Option<ObjectName>, Code> {
    // SAFETY: the caller vouches for it.
    match unsafe { wide(name)? } {
        Some(name) => parse(&name),
        None => Ok(None),
    }
}

fn parse(name: &str) -> Result<Option<ObjectName>, Code> {
    match name {
        "" => Ok(None),
        name => Ok(Some(ObjectName::parse(name)?)),
    }
}

/// The name argument of a narrow function, for an opener: there must be one.
///
/// # Safety
/// `name` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn narrow_name_to_open(name: LPCSTR) -> Result<ObjectName, Code> {
    // SAFETY: the caller vouches for it.
    let name = unsafe { narrow(name)? }.ok_or(Code::INVALID_PARAMETER)?;
    check_narrow_length(&name)?;
    Ok(ObjectName::parse(&name)?)
}

/// The name argument of a wide function, for an opener: there must be one.
///
/// # Safety
/// `name` is null or leads to a string that nobody changes during the call.
pub(crate) unsafe fn wide_name_to_open(name: LPCWSTR) -> Result<ObjectName, Code> {
    // SAFETY: the caller vouches for it.
    let name = unsafe { wide(name)? }.ok_or(Code::INVALID_PARAMETER)?;
    Ok(ObjectName::parse(&name)?)
}

fn check_narrow_length(name: &str) -> Result<(), Code> {
    // A name of so few bytes has no more units; most need no counting.
    match name.len() > MAX_PATH && name.encode_utf16().count() > MAX_PATH {
        true => Err(Code::FILENAME_EXCED_RANGE),
        false => Ok(()),
    }
}

/// The handle that a caller wants of an object: its rights, and whether child processes get it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// `None` for all rights of the kind.
    access: Option<DWORD>,
    inherit: bool,
}

impl Wanted {
    /// What a plain creator wants: every right.
    ///
    /// # Safety
    /// `attributes` is null or leads to the structure.
    pub(crate) unsafe fn all(attributes: *const SECURITY_ATTRIBUTES) -> Wanted {
        Wanted {
            access: None,
            // SAFETY: the caller vouches for it.
            inherit: unsafe { wants_inheritance(attributes) },
        }
    }

    /// What an Ex creator wants.
    ///
    /// # Safety
    /// `attributes` is null or leads to the structure.
    pub(crate) unsafe fn some(attributes: *const SECURITY_ATTRIBUTES, access: DWORD) -> Wanted {
        Wanted {
            access: Some(access),
            // SAFETY: the caller vouches for it.
            inherit: unsafe { wants_inheritance(attributes) },
        }
    }

    /// What an opener wants.
    pub(crate) fn opened(access: DWORD, inherit: BOOL) -> Wanted {
        Wanted {
            access: Some(access),
            inherit: inherit != FALSE,
        }
    }

    /// Makes the handle of an object that was made or found, and sets the last error to say which.
    pub(crate) fn made(self, object: Object, made: Made) -> Result<HANDLE, Code> {
        let handle = self.handle(object)?;
        SetLastError(match made {
            Made::New => 0,
            Made::Existing => Code::ALREADY_EXISTS.0,
        });
        Ok(handle)
    }

    /// Makes the handle of an object.
    pub(crate) fn handle(self, object: Object) -> Result<HANDLE, Code> {
        let kind = object.kind();
        let granted = match self.access {
            None => kind.generic().all,
            Some(access) => granted(access, kind)?,
        };
        // An object with a name has a file that is to go at the end of the process.
        exit::note_owner();
        let handle = Table::of_process().insert(object, granted, self.inherit)?;
        Ok(to_c(handle))
    }
}

/// The rights that a handle gets when these are asked for.
fn granted(access: DWORD, kind: Kind) -> Result<Rights, Code> {
    if access == 0 {
        return Err(Code::ACCESS_DENIED);
    }
    let asked = Rights::from_bits(access & !ACCESS_SYSTEM_SECURITY);
    let granted = asked.mapped(kind)?;
    if access & ACCESS_SYSTEM_SECURITY != 0 {
        return Err(Code::PRIVILEGE_NOT_HELD);
    }
    match asked.contains(Rights::MAXIMUM_ALLOWED) {
        true => Ok(kind.generic().all),
        false => Ok(granted),
    }
}

/// Checks the flags of an Ex creator.
pub(crate) fn check_flags(flags: DWORD, known: DWORD) -> Result<(), Code> {
    match flags & !known {
        0 => Ok(()),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

/// Checks that a handle carries a right.
pub(crate) fn require(granted: Rights, right: Rights) -> Result<(), Code> {
    match granted.contains(right) {
        true => Ok(()),
        false => Err(Code::ACCESS_DENIED),
    }
}
