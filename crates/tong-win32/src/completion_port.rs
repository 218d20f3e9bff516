//! Completion ports: made, tied to opens, waited at; and which ends of operations they hear of.
//!
//! A port belongs to its process: its handles can be neither inherited nor put into other processes. How many threads may run
//! at a time, which a port can be made with, is accepted and makes no difference.

#![allow(
    unsafe_code,
    reason = "exported C symbols that use pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions and members have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ptr;

use tong::handle::{Kind, Object, Ref, Rights, Table};
use tong::io::{CompletionPort, Got, Packet, Tie, SKIP_PORT_ON_SUCCESS, SKIP_SIGNAL};
use tong::{Error, ErrorKind};

use crate::border::{call, object, put, succeeds, to_c};
use crate::error::Code;
use crate::overlapped::Open;
use crate::pool;
use crate::status;
use crate::types::{BOOL, DWORD, FALSE, HANDLE, INVALID_HANDLE_VALUE, OVERLAPPED};
use crate::wait::time;

const IO_COMPLETION_MODIFY_STATE: Rights = Rights::from_bits(2);
const FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: u8 = 1;
const FILE_SKIP_SET_EVENT_ON_HANDLE: u8 = 2;

/// What is called on a thread of the pool when an operation has ended.
pub type IoCompletionRoutine = unsafe extern "C-unwind" fn(DWORD, DWORD, *mut OVERLAPPED);

/// One packet, as GetQueuedCompletionStatusEx gives it.
#[repr(C)]
#[derive(Debug)]
pub struct OVERLAPPED_ENTRY {
    /// What the port calls the open.
    pub lpCompletionKey: usize,
    /// The operation.
    pub lpOverlapped: *mut OVERLAPPED,
    /// Its status.
    pub Internal: usize,
    /// The bytes it moved.
    pub dwNumberOfBytesTransferred: DWORD,
}

const _: () = assert!(size_of::<OVERLAPPED_ENTRY>() == 32);

/// Makes a port, or ties an open to a port, or both at once.
#[no_mangle]
pub extern "C" fn CreateIoCompletionPort(
    file: HANDLE,
    existing: HANDLE,
    key: usize,
    _threads: DWORD,
) -> HANDLE {
    call(ptr::null_mut(), || {
        if file == INVALID_HANDLE_VALUE {
            return match existing.is_null() {
                true => make(CompletionPort::new()),
                false => Err(Code::INVALID_PARAMETER),
            };
        }
        if existing.is_null() {
            let port = CompletionPort::new();
            tie(file, &port, key)?;
            return make(port);
        }
        let found = object(existing)?;
        tie(file, port_of(&found)?, key)?;
        Ok(existing)
    })
}

fn make(port: CompletionPort) -> Result<HANDLE, Code> {
    let all = Kind::Completion.generic().all;
    let handle = Table::of_process().insert(Object::CompletionPort(port), all, false)?;
    Ok(to_c(handle))
}

/// Ties the open that a handle leads to to a port. Only operations that go on after their calls are told to ports, so the
/// open must be for those.
pub(crate) fn tie(file: HANDLE, port: &CompletionPort, key: usize) -> Result<(), Code> {
    let handle = object(file)?;
    Ok(tie_of(&handle)?.attach(port, key)?)
}

fn tie_of(handle: &Ref) -> Result<&Tie, Code> {
    let open = Open::of(handle.object()).ok_or(Code::INVALID_HANDLE)?;
    open.tie().ok_or(Code::INVALID_PARAMETER)
}

fn port_of(handle: &Ref) -> Result<&CompletionPort, Code> {
    let Object::CompletionPort(port) = handle.object() else {
        return Err(Code::INVALID_HANDLE);
    };
    handle.require_any(IO_COMPLETION_MODIFY_STATE)?;
    Ok(port)
}

/// Queues a packet of the program's own.
#[no_mangle]
pub extern "C" fn PostQueuedCompletionStatus(
    port: HANDLE,
    bytes: DWORD,
    key: usize,
    at: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        let handle = object(port)?;
        let tag = at.expose_provenance();
        let error = None;
        let packet = Packet {
            key,
            bytes,
            tag,
            error,
        };
        port_of(&handle)?
            .post(packet)
            .map_err(|error| ended(&error))
    })
}

/// Takes the next packet, waiting for one. FALSE with an OVERLAPPED means that the operation failed, FALSE without that there was
/// no packet.
#[no_mangle]
pub unsafe extern "C" fn GetQueuedCompletionStatus(
    port: HANDLE,
    bytes: *mut DWORD,
    key: *mut usize,
    at: *mut *mut OVERLAPPED,
    milliseconds: DWORD,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the pointer, or null.
        unsafe { put(at, ptr::null_mut()) };
        let handle = object(port)?;
        let got = port_of(&handle)?.get(time(milliseconds));
        let packet = got.map_err(|error| ended(&error))?;
        // SAFETY: C passes room for each result, or null.
        unsafe {
            put(bytes, packet.bytes);
            put(key, packet.key);
            put(at, ptr::with_exposed_provenance_mut(packet.tag));
        }
        match packet.error {
            None => Ok(()),
            Some(kind) => Err(kind.into()),
        }
    })
}

/// Takes up to `count` packets, waiting for the first. If alertable, calls that were queued for the thread end the wait with 192.
#[no_mangle]
pub unsafe extern "C" fn GetQueuedCompletionStatusEx(
    port: HANDLE,
    entries: *mut OVERLAPPED_ENTRY,
    count: DWORD,
    removed: *mut DWORD,
    milliseconds: DWORD,
    alertable: BOOL,
) -> BOOL {
    succeeds(|| {
        if count == 0 || entries.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: C passes room for the number, or null.
        unsafe { put(removed, 0) };
        let handle = object(port)?;
        let port = port_of(&handle)?;
        let (mut packets, most, time) = (Vec::new(), count as usize, time(milliseconds));
        let got = match alertable {
            FALSE => port.get_many(&mut packets, most, time).map(Got::Packets),
            _ => port.get_many_alertable(&mut packets, most, time),
        };
        if got.map_err(|error| ended(&error))? == Got::Alerted {
            return Err(Code::WAIT_IO_COMPLETION);
        }
        for (index, packet) in packets.iter().enumerate() {
            // SAFETY: C passes room for as many as it says, and there are no more.
            unsafe { entries.add(index).write_unaligned(to_entry(packet)) };
        }
        // SAFETY: as above.
        unsafe { put(removed, DWORD::try_from(packets.len()).unwrap_or(count)) };
        Ok(())
    })
}

fn to_entry(packet: &Packet) -> OVERLAPPED_ENTRY {
    OVERLAPPED_ENTRY {
        lpCompletionKey: packet.key,
        lpOverlapped: ptr::with_exposed_provenance_mut(packet.tag),
        Internal: status::of(packet.error),
        dwNumberOfBytesTransferred: packet.bytes,
    }
}

/// The number for a wait that ended without a packet.
fn ended(error: &Error) -> Code {
    match error.kind() {
        ErrorKind::TimedOut => Code::WAIT_TIMEOUT,
        ErrorKind::Closed => Code::ABANDONED_WAIT_0,
        kind => kind.into(),
    }
}

/// Says what an open does not want to be told of. What was said is never taken back.
#[no_mangle]
pub extern "C" fn SetFileCompletionNotificationModes(file: HANDLE, flags: u8) -> BOOL {
    succeeds(|| {
        if flags & !(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE) != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let handle = object(file)?;
        let tie = tie_of(&handle)?;
        let mode = |flag: u8, mode: u8| if flags & flag == 0 { 0 } else { mode };
        tie.add_modes(
            mode(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, SKIP_PORT_ON_SUCCESS)
                | mode(FILE_SKIP_SET_EVENT_ON_HANDLE, SKIP_SIGNAL),
        );
        Ok(())
    })
}

/// Has a function called on the threads of the pool for each operation on an open that ends.
#[no_mangle]
pub extern "C" fn BindIoCompletionCallback(
    file: HANDLE,
    routine: Option<IoCompletionRoutine>,
    flags: DWORD,
) -> BOOL {
    succeeds(|| {
        let routine = routine.ok_or(Code::INVALID_PARAMETER)?;
        if flags != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let port = CompletionPort::with_sink(move |packet| {
            let job = move || {
                let code = packet.error.map_or(0, |kind| Code::from(kind).0);
                let at = ptr::with_exposed_provenance_mut(packet.tag);
                // SAFETY: the program gave the function for the operations of this open.
                unsafe { routine(code, packet.bytes, at) };
            };
            // There is nobody to be told that there is no thread for it.
            let _ = pool::submit(Box::new(job));
        });
        tie(file, &port, 0)
    })
}
