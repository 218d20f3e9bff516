//! Looking at what is queued, and transactions.

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

use std::ffi::c_void;

use std::sync::{Arc, Mutex, PoisonError};

use tong::handle::Rights;
use tong::io::{Completion, Key, Outcome, Started};
use tong::object::pipe::{PipeEnd, ReadMode, Received};
use tong::{Error, ErrorKind};

use super::{anonymous, End};
use crate::border::{input, object, output, put, succeeds};
use crate::buffer::saturated;
use crate::error::Code;
use crate::overlapped::{operate, Room};
use crate::types::{BOOL, DWORD, HANDLE, OVERLAPPED};

/// Copies what is queued without taking it, and tells how much there is. Each pointer may be null.
#[no_mangle]
pub unsafe extern "C" fn PeekNamedPipe(
    pipe: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    read: *mut DWORD,
    available: *mut DWORD,
    left: *mut DWORD,
) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        let end = End::of(&pipe)?;
        pipe.require_any(Rights::FILE_READ_DATA)?;
        // SAFETY: C passes the buffer, or null if only the numbers are wanted.
        let buffer = unsafe { output(buffer, len) }.unwrap_or_default();
        let peeked = match end.named() {
            Ok(end) => end.peek(buffer)?,
            Err(unnamed) => unnamed.peek(buffer)?,
        };
        // SAFETY: C passes room for each number, or null.
        unsafe {
            put(read, saturated(peeked.bytes));
            put(available, saturated(peeked.available));
            put(left, peeked.left);
        }
        Ok(())
    })
}

/// Writes a message, and reads the next one that comes.
#[no_mangle]
pub unsafe extern "C" fn TransactNamedPipe(
    pipe: HANDLE,
    request: *const c_void,
    request_len: DWORD,
    reply: *mut c_void,
    reply_len: DWORD,
    read: *mut DWORD,
    at: *mut OVERLAPPED,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes room for the count, or null.
        unsafe { put(read, 0) };
        let pipe = object(pipe)?;
        let end = End::of(&pipe)?;
        let end = end.named().map_err(|unnamed| match unnamed {
            anonymous::End::File(_) => Code::INVALID_FUNCTION,
            // Each of them lacks one of the rights.
            _ => Code::ACCESS_DENIED,
        })?;
        for right in [Rights::FILE_READ_DATA, Rights::FILE_WRITE_DATA] {
            pipe.require_any(right)?;
        }
        if read.is_null() && at.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes the buffers, or null.
        let request = unsafe { input(request, request_len) }.ok_or(Code::INVALID_USER_BUFFER)?;
        let room = Room::new(reply, reply_len)?;
        let wait = |room: &mut [u8]| end.transact(request, room).map(Received::outcome);
        let start = |completion| start_transact(end, request, completion);
        // SAFETY: C leaves buffer and structure in place until the operation has ended.
        unsafe { operate(&pipe, at, read, room, wait, start) }
    })
}

/// Starts a transaction. A wrong mode, and something unread in the way, are told as the newest Windows does: as the end of an
/// operation that pended.
fn start_transact(
    end: &PipeEnd,
    request: &[u8],
    completion: Box<dyn Completion>,
) -> Result<Started, Error> {
    let back = Arc::new(Mutex::new(None));
    let lent = Lent {
        completion: Some(completion),
        back: Arc::clone(&back),
    };
    let result = end.start_transact(request, Box::new(lent));
    let returned = || back.lock().unwrap_or_else(PoisonError::into_inner).take();
    match result {
        Ok(Started::Now(outcome, lent)) => {
            drop(lent);
            Ok(returned().map_or(Started::Pending, |completion| {
                Started::Now(outcome, completion)
            }))
        }
        Err(error) if is_told_later(end, error.kind()) => {
            let failed = Outcome::failure(error.kind());
            returned().map_or(Err(error), |completion| {
                Ok(Started::Now(failed, completion))
            })
        }
        other => other,
    }
}

/// Whether a failure to start is one of those that are told later. A pipe that is in the wrong state is not.
fn is_told_later(end: &PipeEnd, error: ErrorKind) -> bool {
    let knows_messages = || matches!(end.modes(), Ok(modes) if modes.read == ReadMode::Message);
    match error {
        ErrorKind::PipeBusy => true,
        ErrorKind::BadPipe => !knows_messages(),
        _ => false,
    }
}

/// A completion that is lent to an operation, and comes back if that does not begin.
struct Lent {
    /// There until the operation has ended.
    completion: Option<Box<dyn Completion>>,
    back: Arc<Mutex<Option<Box<dyn Completion>>>>,
}

impl Completion for Lent {
    fn key(&self) -> Key {
        let nobody = Key { tag: 0, thread: 0 };
        self.completion.as_ref().map_or(nobody, |lent| lent.key())
    }

    fn room(&mut self) -> &mut [u8] {
        match &mut self.completion {
            Some(lent) => lent.room(),
            None => &mut [],
        }
    }

    fn done(mut self: Box<Self>, outcome: Outcome) {
        if let Some(lent) = self.completion.take() {
            lent.done(outcome);
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = self.completion.take();
    }
}
