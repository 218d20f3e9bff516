//! The C functions called from Rust: what they return and what they leave in the last error, rule by rule.

#![allow(unsafe_code, reason = "calls the C functions as C does")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every call passes null or a pointer to a local value of the type it asks for"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "small numbers, or halves that are meant to be cut"
)]

#[path = "abi/callbacks.rs"]
mod callbacks;
#[path = "abi/completion_ports.rs"]
mod completion_ports;
#[path = "abi/environment.rs"]
mod environment;
#[path = "abi/errors.rs"]
mod errors;
#[path = "abi/events.rs"]
mod events;
#[path = "abi/files.rs"]
mod files;
#[path = "abi/handles.rs"]
mod handles;
#[path = "abi/heap.rs"]
mod heap;
#[path = "abi/locks.rs"]
mod locks;
#[path = "abi/mailslots.rs"]
mod mailslots;
#[path = "abi/mutexes.rs"]
mod mutexes;
#[path = "abi/names.rs"]
mod names;
#[path = "abi/overlapped.rs"]
mod overlapped;
#[path = "abi/processes.rs"]
mod processes;
#[path = "abi/semaphores.rs"]
mod semaphores;
#[path = "abi/slots.rs"]
mod slots;
#[path = "abi/strings.rs"]
mod strings;
#[path = "abi/system.rs"]
mod system;
#[path = "abi/threadpool.rs"]
mod threadpool;
#[path = "abi/threads.rs"]
mod threads;
#[path = "abi/timers.rs"]
mod timers;
#[path = "abi/toolhelp.rs"]
mod toolhelp;
#[path = "abi/waits.rs"]
mod waits;

use std::ffi::CString;
use std::path::PathBuf;
use std::ptr;
use std::sync::OnceLock;

use tong_win32::error::{GetLastError, SetLastError};
use tong_win32::file::CreateFileA;
use tong_win32::handle::{CloseHandle, DuplicateHandle, GetCurrentProcess};
use tong_win32::mailslot::CreateMailslotA;
use tong_win32::transfer::{ReadFile, WriteFile};
use tong_win32::types::{
    FALSE, HANDLE, INVALID_HANDLE_VALUE, OVERLAPPED, SECURITY_ATTRIBUTES, TRUE,
};

const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const CREATE_NEW: u32 = 1;
const CREATE_ALWAYS: u32 = 2;
const OPEN_EXISTING: u32 = 3;
const OPEN_ALWAYS: u32 = 4;
const TRUNCATE_EXISTING: u32 = 5;
const FOREVER: u32 = u32::MAX;
/// A last error that no call sets: whoever finds it knows that the call left the last error alone.
const UNTOUCHED: u32 = 0xABCD;

/// Calls, and returns the outcome with the last error afterwards.
fn last_error_of<T>(call: impl FnOnce() -> T) -> (T, u32) {
    SetLastError(UNTOUCHED);
    let outcome = call();
    (outcome, GetLastError())
}

/// Checks that a BOOL function succeeds and leaves the last error alone.
#[track_caller]
fn succeeds(call: impl FnOnce() -> i32) {
    assert_eq!(last_error_of(call), (TRUE, UNTOUCHED));
}

/// Checks that a BOOL function fails with this last error.
#[track_caller]
fn fails(code: u32, call: impl FnOnce() -> i32) {
    assert_eq!(last_error_of(call), (FALSE, code));
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn w(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Opens a file or mailslot; on failure, the last error.
fn create_file(
    name: &str,
    access: u32,
    share: u32,
    disposition: u32,
    flags: u32,
) -> Result<(HANDLE, u32), u32> {
    let name = c(name);
    let create = || unsafe {
        CreateFileA(
            name.as_ptr(),
            access,
            share,
            ptr::null(),
            disposition,
            flags,
            ptr::null_mut(),
        )
    };
    match last_error_of(create) {
        (INVALID_HANDLE_VALUE, code) => Err(code),
        (handle, code) => Ok((handle, code)),
    }
}

/// Sets up the namespace of this test run.
fn namespace() {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("tong-abi-{}", std::process::id()));
        std::env::set_var("TONG_DIR", &dir);
        dir
    });
}

/// A fresh mailslot of its own name, which it returns too.
fn mailslot(test: &str, max_message: u32, timeout: u32) -> (HANDLE, String) {
    namespace();
    let name = format!(r"\\.\mailslot\{test}");
    let handle = unsafe { CreateMailslotA(c(&name).as_ptr(), max_message, timeout, ptr::null()) };
    assert_ne!(handle, INVALID_HANDLE_VALUE, "{}", GetLastError());
    (handle, name)
}

/// A client handle of a mailslot.
fn client(name: &str) -> HANDLE {
    create_file(name, GENERIC_WRITE, 1, OPEN_EXISTING, 0)
        .unwrap()
        .0
}

/// Writes; on failure, the last error.
fn write(handle: HANDLE, data: &[u8]) -> Result<u32, u32> {
    let mut written = 77;
    let len = data.len().try_into().unwrap();
    let call = || unsafe {
        WriteFile(
            handle,
            data.as_ptr().cast(),
            len,
            &mut written,
            ptr::null_mut(),
        )
    };
    match last_error_of(call) {
        (TRUE, code) => assert_eq!(code, UNTOUCHED),
        (_, code) => {
            assert_eq!(written, 0, "the count is 0 after a failure");
            return Err(code);
        }
    }
    Ok(written)
}

/// Reads into a buffer of `len` bytes; on failure, the last error.
fn read(handle: HANDLE, len: u32) -> Result<Vec<u8>, u32> {
    read_at(handle, len, ptr::null_mut())
}

fn read_at(handle: HANDLE, len: u32, overlapped: *mut OVERLAPPED) -> Result<Vec<u8>, u32> {
    let mut buffer = vec![0x55_u8; len as usize + 8];
    let mut count = 77;
    let call = || unsafe {
        ReadFile(
            handle,
            buffer.as_mut_ptr().cast(),
            len,
            &mut count,
            overlapped,
        )
    };
    let (outcome, code) = last_error_of(call);
    let read = count as usize;
    assert!(
        buffer[read..].iter().all(|byte| *byte == 0x55),
        "only the bytes read are written"
    );
    if outcome == FALSE {
        assert_eq!(count, 0, "the count is 0 after a failure");
        return Err(code);
    }
    assert_eq!(code, UNTOUCHED);
    buffer.truncate(read);
    Ok(buffer)
}

fn at(offset: u64) -> OVERLAPPED {
    OVERLAPPED {
        Internal: 0x103,
        InternalHigh: 99,
        Offset: offset as u32,
        OffsetHigh: (offset >> 32) as u32,
        hEvent: ptr::null_mut(),
    }
}

fn duplicate(source: HANDLE, access: u32, inherit: i32, options: u32) -> Result<HANDLE, u32> {
    let this = GetCurrentProcess();
    let mut target = 0x77 as HANDLE;
    let call =
        || unsafe { DuplicateHandle(this, source, this, &mut target, access, inherit, options) };
    match last_error_of(call) {
        (0, code) => {
            assert!(target.is_null(), "a failure leaves no handle");
            Err(code)
        }
        (_, code) => {
            assert_eq!(code, UNTOUCHED);
            Ok(target)
        }
    }
}

fn inheritable(yes: i32) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: 24,
        lpSecurityDescriptor: ptr::null_mut(),
        bInheritHandle: yes,
    }
}

#[track_caller]
fn close(handle: HANDLE) {
    succeeds(|| CloseHandle(handle));
}
