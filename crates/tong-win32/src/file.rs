//! Files: opening and deleting them, the file pointer, sizes.
//!
//! CreateFile opens everything that has a name: one among the mailslots or pipes leads to a client handle, any other to a file.

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

use tong::handle::{Object, Ref, Rights, Table};
use tong::object::file::{
    Disposition, File, FileKind, FileOptions, FilePath, Origin, Outcome, Share,
};
use tong::{Error, ErrorKind, MailslotName, PipeName};

use crate::border::{call, object, put, succeeds, to_c, wants_inheritance};
use crate::error::{Code, SetLastError};
use crate::exit;
use crate::mailslot;
use crate::pipe;
use crate::string::{narrow, wide};
use crate::types::{
    BOOL, DWORD, HANDLE, INVALID_DWORD, INVALID_HANDLE_VALUE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES,
};

/// The units of a name, its zero included, that narrow calls take, unless the name starts with `\\?\`.
const MAX_PATH: usize = 260;
const FILE_ATTRIBUTE_READONLY: DWORD = 0x1;
const FILE_FLAG_BACKUP_SEMANTICS: DWORD = 0x0200_0000;
const FILE_FLAG_DELETE_ON_CLOSE: DWORD = 0x0400_0000;
const FILE_TYPE_PIPE: DWORD = 3;
const FILE_FLAG_OVERLAPPED: DWORD = 0x4000_0000;
const FILE_FLAG_WRITE_THROUGH: DWORD = 0x8000_0000;
const WRITES: Rights = Rights::FILE_WRITE_DATA.union(Rights::FILE_APPEND_DATA);

/// Opens or makes a file, or opens a mailslot or a pipe; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateFileA(
    name: LPCSTR,
    access: DWORD,
    share: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
    disposition: DWORD,
    flags: DWORD,
    _template: HANDLE,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe {
            (
                narrow(name)?.unwrap_or_default(),
                wants_inheritance(attributes),
            )
        };
        check_narrow_length(&name)?;
        create(&name, access, share, inherit, disposition, flags)
    })
}

/// Opens or makes a file, or opens a mailslot or a pipe; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateFileW(
    name: LPCWSTR,
    access: DWORD,
    share: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
    disposition: DWORD,
    flags: DWORD,
    _template: HANDLE,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe {
            (
                wide(name)?.unwrap_or_default(),
                wants_inheritance(attributes),
            )
        };
        create(&name, access, share, inherit, disposition, flags)
    })
}

fn check_narrow_length(name: &str) -> Result<(), Code> {
    match name.starts_with(r"\\?\") || name.encode_utf16().count() < MAX_PATH {
        true => Ok(()),
        false => Err(Code::FILENAME_EXCED_RANGE),
    }
}

fn create(
    name: &str,
    access: DWORD,
    share: DWORD,
    inherit: bool,
    disposition: DWORD,
    flags: DWORD,
) -> Result<HANDLE, Code> {
    let (access, disposition) = (Rights::from_bits(access), to_disposition(disposition)?);
    if access.contains(Rights::ACCESS_SYSTEM_SECURITY) {
        return Err(Code::PRIVILEGE_NOT_HELD);
    }
    if MailslotName::leads_to_mailslot(name) {
        let handle = mailslot::open(name, access, inherit, flags & FILE_FLAG_OVERLAPPED != 0)?;
        SetLastError(0);
        return Ok(handle);
    }
    let flag = |bit: DWORD| flags & bit != 0;
    if PipeName::leads_to_pipe(name) {
        let handle = pipe::client::open(name, access, flag(FILE_FLAG_OVERLAPPED), inherit)?;
        SetLastError(0);
        return Ok(handle);
    }
    exit::note_owner();
    let opened = FileOptions::new()
        .access(access)
        .share(to_share(share)?)
        .disposition(disposition)
        .read_only(flag(FILE_ATTRIBUTE_READONLY))
        .delete_on_close(flag(FILE_FLAG_DELETE_ON_CLOSE))
        .allow_directory(flag(FILE_FLAG_BACKUP_SEMANTICS))
        .write_through(flag(FILE_FLAG_WRITE_THROUGH))
        .overlapped(flag(FILE_FLAG_OVERLAPPED))
        .open(&to_path(name)?)?;
    let existed = opened.outcome != Outcome::Created;
    let either_way = matches!(
        disposition,
        Disposition::CreateAlways | Disposition::OpenAlways
    );
    let handle = Table::of_process().insert(Object::File(opened.file), opened.granted, inherit)?;
    SetLastError(if existed && either_way {
        Code::ALREADY_EXISTS.0
    } else {
        0
    });
    Ok(to_c(handle))
}

fn to_disposition(number: DWORD) -> Result<Disposition, Code> {
    match number {
        1 => Ok(Disposition::CreateNew),
        2 => Ok(Disposition::CreateAlways),
        3 => Ok(Disposition::OpenExisting),
        4 => Ok(Disposition::OpenAlways),
        5 => Ok(Disposition::TruncateExisting),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

fn to_share(bits: DWORD) -> Result<Share, Code> {
    if bits > 7 {
        return Err(Code::INVALID_PARAMETER);
    }
    Ok(Share {
        read: bits & 1 != 0,
        write: bits & 2 != 0,
        delete: bits & 4 != 0,
    })
}

/// Files of other machines are not reached this way, and their answer differs from that of mailslots.
fn to_path(name: &str) -> Result<FilePath, Code> {
    FilePath::parse(name).map_err(|error| match error.kind() {
        ErrorKind::Remote => Code::BAD_NETPATH,
        kind => Code::from(kind),
    })
}

/// Removes a file's name; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn DeleteFileA(name: LPCSTR) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { narrow(name) }?.unwrap_or_default();
        check_narrow_length(&name)?;
        Ok(File::delete(&to_path(&name)?)?)
    })
}

/// Removes a file's name; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn DeleteFileW(name: LPCWSTR) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes null or a string.
        let name = unsafe { wide(name) }?.unwrap_or_default();
        Ok(File::delete(&to_path(&name)?)?)
    })
}

/// The file that a handle leads to. To Windows mailslots and pipes are files that do not know these functions.
fn file(handle: &Ref) -> Result<&File, Code> {
    match handle.object() {
        Object::File(file) => Ok(file),
        Object::MailslotServer(_)
        | Object::MailslotClient(_)
        | Object::PipeServer(_)
        | Object::PipeClient(_)
        | Object::AnonymousReader(_)
        | Object::AnonymousWriter(_) => Err(Code::INVALID_FUNCTION),
        _ => Err(Code::INVALID_HANDLE),
    }
}

/// Moves the file pointer by a 64-bit distance and tells where it is.
#[no_mangle]
pub unsafe extern "C" fn SetFilePointerEx(
    handle: HANDLE,
    distance: i64,
    position: *mut i64,
    origin: DWORD,
) -> BOOL {
    succeeds(|| {
        let handle = object(handle)?;
        let moved = file(&handle)?.seek(to_origin(origin)?, distance)?;
        // SAFETY: C passes room for the position, or null.
        unsafe { put(position, i64::try_from(moved).unwrap_or(i64::MAX)) };
        Ok(())
    })
}

/// Moves the file pointer and returns the low half of where it is.
///
/// The high half goes in and out through `high`. Without that pointer, the distance is a signed number of 32 bits, and
/// a position of more than 32 bits fails with 87 and moves nothing.
#[no_mangle]
pub unsafe extern "C" fn SetFilePointer(
    handle: HANDLE,
    low: i32,
    high: *mut i32,
    origin: DWORD,
) -> DWORD {
    call(INVALID_DWORD, || {
        let handle = object(handle)?;
        let (file, origin) = (file(&handle)?, to_origin(origin)?);
        // SAFETY: C passes a number, or null.
        let high_in = unsafe { high.as_ref() }.copied();
        let moved = match high_in {
            Some(high) => file.seek(origin, joined(low, high))?,
            None => seek_within_32_bits(file, origin, low.into())?,
        };
        let (low_half, high_half) = halves(moved);
        // SAFETY: as above.
        unsafe { put(high, high_half as i32) };
        Ok(tell_apart(low_half))
    })
}

/// Moves the pointer, or moves it back and fails if it would not fit into 32 bits.
fn seek_within_32_bits(file: &File, origin: Origin, distance: i64) -> Result<u64, Code> {
    let before = file.seek(Origin::Current, 0)?;
    let moved = file.seek(origin, distance)?;
    if moved <= u64::from(INVALID_DWORD) {
        return Ok(moved);
    }
    file.seek(Origin::Start, i64::try_from(before).unwrap_or(i64::MAX))?;
    Err(Code::INVALID_PARAMETER)
}

/// A half that looks like a failure is told apart by a last error of 0.
fn tell_apart(low_half: DWORD) -> DWORD {
    if low_half == INVALID_DWORD {
        SetLastError(0);
    }
    low_half
}

fn joined(low: i32, high: i32) -> i64 {
    i64::from(high) << 32 | i64::from(low as u32)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the high half is delivered beside the low one"
)]
fn halves(number: u64) -> (DWORD, DWORD) {
    (number as DWORD, (number >> 32) as DWORD)
}

fn to_origin(number: DWORD) -> Result<Origin, Code> {
    match number {
        0 => Ok(Origin::Start),
        1 => Ok(Origin::Current),
        2 => Ok(Origin::End),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

/// Ends the file where the file pointer is.
#[no_mangle]
pub extern "C" fn SetEndOfFile(handle: HANDLE) -> BOOL {
    succeeds(|| {
        let handle = object(handle)?;
        let file = file(&handle)?;
        handle.require_any(Rights::FILE_WRITE_DATA)?;
        Ok(file.end_here()?)
    })
}

/// Tells the size of a file in bytes.
#[no_mangle]
pub unsafe extern "C" fn GetFileSizeEx(handle: HANDLE, size: *mut i64) -> BOOL {
    succeeds(|| {
        let bytes = size_of_file(handle)?;
        if size.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes room for the size.
        unsafe { put(size, i64::try_from(bytes).unwrap_or(i64::MAX)) };
        Ok(())
    })
}

/// Returns the low half of the size of a file in bytes; the high half goes through `high`.
#[no_mangle]
pub unsafe extern "C" fn GetFileSize(handle: HANDLE, high: *mut DWORD) -> DWORD {
    call(INVALID_DWORD, || {
        let (low_half, high_half) = halves(size_of_file(handle)?);
        // SAFETY: C passes room for the number, or null.
        unsafe { put(high, high_half) };
        Ok(tell_apart(low_half))
    })
}

fn size_of_file(handle: HANDLE) -> Result<u64, Code> {
    let handle = object(handle)?;
    let file = file(&handle)?;
    handle.require_any(Rights::FILE_READ_ATTRIBUTES)?;
    Ok(file.len()?)
}

/// Tells what sort of file a handle leads to: 1 disk, 2 character device, 3 pipe, 0 other (mailslots; the last error is 0 then).
#[no_mangle]
pub extern "C" fn GetFileType(handle: HANDLE) -> DWORD {
    call(0, || {
        let handle = object(handle)?;
        match handle.object() {
            Object::File(file) => Ok(match file.kind() {
                FileKind::Disk => 1,
                FileKind::Character => 2,
                FileKind::Pipe => FILE_TYPE_PIPE,
            }),
            Object::MailslotServer(_) | Object::MailslotClient(_) => {
                SetLastError(0);
                Ok(0)
            }
            Object::PipeServer(_)
            | Object::PipeClient(_)
            | Object::AnonymousReader(_)
            | Object::AnonymousWriter(_) => Ok(FILE_TYPE_PIPE),
            _ => Err(Code::INVALID_HANDLE),
        }
    })
}

/// Writes what the system holds back of a file to its disk, or waits until everything written to a pipe has been read.
#[no_mangle]
pub extern "C" fn FlushFileBuffers(handle: HANDLE) -> BOOL {
    succeeds(|| {
        let handle = object(handle)?;
        let may_write = || handle.require_any(WRITES);
        let flushed = match handle.object() {
            Object::PipeServer(server) => may_write().and_then(|()| server.flush()),
            Object::PipeClient(client) => may_write().and_then(|()| client.flush()),
            Object::AnonymousReader(_) => Err(Code::ACCESS_DENIED)?,
            Object::AnonymousWriter(writer) => may_write().and_then(|()| writer.flush()),
            _ => {
                let file = file(&handle)?;
                may_write().and_then(|()| file.flush())
            }
        };
        flushed.map_err(|error: Error| Code::from(error))
    })
}
