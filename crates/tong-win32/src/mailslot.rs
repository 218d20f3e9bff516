//! Mailslots: making one, and asking for and changing its settings.
//!
//! Writers open a mailslot with CreateFile; messages are moved by ReadFile and WriteFile.

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

use std::time::Duration;

use tong::handle::{Kind, Object, Ref, Rights, Table};
use tong::io::OVERLAPPED_OPEN;
use tong::{MailslotClient, MailslotName, MailslotServer};

use crate::border::{call, object, put, succeeds, to_c, wants_inheritance};
use crate::error::Code;
use crate::exit;
use crate::string::{narrow, wide};
use crate::types::{
    BOOL, DWORD, HANDLE, INVALID_HANDLE_VALUE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES,
};

/// Reads wait without limit.
const MAILSLOT_WAIT_FOREVER: DWORD = DWORD::MAX;
/// There is no next message.
const MAILSLOT_NO_MESSAGE: DWORD = DWORD::MAX;

/// Makes a mailslot and returns its server handle; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateMailslotA(
    name: LPCSTR,
    max_message_size: DWORD,
    read_timeout: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe { (narrow(name)?, wants_inheritance(attributes)) };
        create(
            &name.unwrap_or_default(),
            max_message_size,
            read_timeout,
            inherit,
        )
    })
}

/// Makes a mailslot and returns its server handle; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateMailslotW(
    name: LPCWSTR,
    max_message_size: DWORD,
    read_timeout: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe { (wide(name)?, wants_inheritance(attributes)) };
        create(
            &name.unwrap_or_default(),
            max_message_size,
            read_timeout,
            inherit,
        )
    })
}

fn create(
    name: &str,
    max_message_size: DWORD,
    read_timeout: DWORD,
    inherit: bool,
) -> Result<HANDLE, Code> {
    let name = MailslotName::parse_for_create(name)?;
    exit::note_owner();
    let mut options = MailslotServer::options();
    options
        .max_message_len(max_message_size)
        .read_timeout(to_timeout(read_timeout));
    let server = options.create(&name)?;
    let granted = Kind::MailslotServer.generic().read | Rights::WRITE_DAC;
    let handle = Table::of_process().insert(Object::MailslotServer(server), granted, inherit)?;
    Ok(to_c(handle))
}

/// Opens a client handle, for CreateFile.
pub(crate) fn open(
    name: &str,
    access: Rights,
    inherit: bool,
    overlapped: bool,
) -> Result<HANDLE, Code> {
    let granted =
        access.mapped(Kind::MailslotClient)? | Rights::FILE_READ_ATTRIBUTES | Rights::SYNCHRONIZE;
    let client = MailslotClient::open(&MailslotName::parse(name)?)?;
    if overlapped {
        client.tie().add_modes(OVERLAPPED_OPEN);
    }
    let handle = Table::of_process().insert(Object::MailslotClient(client), granted, inherit)?;
    Ok(to_c(handle))
}

/// Tells the largest message, the size of the next one, the number of messages, and the read time-out. Each pointer may be null.
#[no_mangle]
pub unsafe extern "C" fn GetMailslotInfo(
    mailslot: HANDLE,
    max_message_size: *mut DWORD,
    next_size: *mut DWORD,
    message_count: *mut DWORD,
    read_timeout: *mut DWORD,
) -> BOOL {
    succeeds(|| {
        let mailslot = object(mailslot)?;
        let info = server(&mailslot)?.info()?;
        let next = info.next_len.map_or(MAILSLOT_NO_MESSAGE, saturated);
        // SAFETY: C passes room for each number, or null.
        unsafe {
            put(max_message_size, info.max_message_len);
            put(next_size, next);
            put(message_count, saturated(info.message_count));
            put(read_timeout, from_timeout(info.read_timeout));
        }
        Ok(())
    })
}

/// Sets the read time-out, in milliseconds, for reads that start from now on.
#[no_mangle]
pub extern "C" fn SetMailslotInfo(mailslot: HANDLE, read_timeout: DWORD) -> BOOL {
    succeeds(|| {
        let mailslot = object(mailslot)?;
        Ok(server(&mailslot)?.set_read_timeout(to_timeout(read_timeout))?)
    })
}

/// The mailslot that a server handle leads to. To Windows all these kinds are files, so a wrong one is a wrong argument.
fn server(mailslot: &Ref) -> Result<&MailslotServer, Code> {
    match mailslot.object() {
        Object::MailslotServer(server) => Ok(server),
        Object::MailslotClient(_)
        | Object::File(_)
        | Object::PipeServer(_)
        | Object::PipeClient(_)
        | Object::AnonymousReader(_)
        | Object::AnonymousWriter(_) => Err(Code::INVALID_PARAMETER),
        _ => Err(Code::INVALID_HANDLE),
    }
}

fn to_timeout(milliseconds: DWORD) -> Option<Duration> {
    (milliseconds != MAILSLOT_WAIT_FOREVER).then(|| Duration::from_millis(milliseconds.into()))
}

fn from_timeout(timeout: Option<Duration>) -> DWORD {
    timeout.map_or(MAILSLOT_WAIT_FOREVER, |timeout| {
        saturated(timeout.as_millis())
    })
}

/// A number that may be too large for the answer, which then is one less than the special value at its end.
fn saturated(number: impl TryInto<DWORD>) -> DWORD {
    number.try_into().unwrap_or(DWORD::MAX).min(DWORD::MAX - 1)
}
