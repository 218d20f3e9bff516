//! Anonymous pipes: CreatePipe, and their part of what pipe handles know beyond reading and writing.
//!
//! The reading end counts as the server's, the writing end as the client's. Standard handles that are pipes are such ends too,
//! whoever made the pipe. Of the calls of this module a FIFO that was opened by its path knows only PeekNamedPipe.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use tong::handle::{Object, Ref, Table};
use tong::object::file::File;
use tong::object::pipe::{self, Peeked};
use tong::{AnonymousReader, AnonymousWriter};

use super::{PIPE_NOWAIT, PIPE_READMODE_MESSAGE};
use crate::border::{put, succeeds, to_c, wants_inheritance};
use crate::error::Code;
use crate::exit;
use crate::types::{BOOL, DWORD, HANDLE, SECURITY_ATTRIBUTES};

/// Makes a pipe and two handles: one that reads and one that writes.
#[no_mangle]
pub unsafe extern "C" fn CreatePipe(
    read: *mut HANDLE,
    write: *mut HANDLE,
    attributes: *const SECURITY_ATTRIBUTES,
    size: DWORD,
) -> BOOL {
    succeeds(|| {
        if read.is_null() || write.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes the structure, or null.
        let inherit = unsafe { wants_inheritance(attributes) };
        exit::note_owner();
        let (reader, writer) = pipe::anonymous(size)?;
        let table = Table::of_process();
        let reader = Object::AnonymousReader(reader);
        let reader = table.insert(reader, AnonymousReader::RIGHTS, inherit)?;
        let writer = Object::AnonymousWriter(writer);
        let writer = table
            .insert(writer, AnonymousWriter::RIGHTS, inherit)
            .inspect_err(|_| {
                // Half a pipe is no use to anybody.
                let _ = table.close(reader);
            })?;
        // SAFETY: C passes room for both handles.
        unsafe {
            put(read, to_c(reader));
            put(write, to_c(writer));
        }
        Ok(())
    })
}

/// What GetNamedPipeInfo and GetNamedPipeHandleState tell of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) is_server: bool,
    /// The size of either direction's buffer, of which there is one.
    pub(crate) quota: DWORD,
    /// The modes, as SetNamedPipeHandleState takes them.
    pub(crate) state: DWORD,
    /// How many server ends there are now.
    pub(crate) instances: DWORD,
}

/// What is no named pipe, and knows some of what pipes know.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    Reader(&'a AnonymousReader),
    Writer(&'a AnonymousWriter),
    File(&'a File),
}

impl<'a> End<'a> {
    /// `None` for all other objects.
    pub(crate) fn of(handle: &'a Ref) -> Option<End<'a>> {
        match handle.object() {
            Object::AnonymousReader(reader) => Some(End::Reader(reader)),
            Object::AnonymousWriter(writer) => Some(End::Writer(writer)),
            Object::File(file) => Some(End::File(file)),
            _ => None,
        }
    }

    /// Looks at what is queued. The caller has checked that the handle may read.
    pub(crate) fn peek(self, buffer: &mut [u8]) -> Result<Peeked, Code> {
        match self {
            End::Reader(reader) => Ok(reader.peek(buffer)?),
            End::Writer(_) => Err(Code::ACCESS_DENIED),
            End::File(file) => Ok(file.peek(buffer)?),
        }
    }

    pub(crate) fn facts(self) -> Result<Facts, Code> {
        let state = |nowait| if nowait { PIPE_NOWAIT } else { 0 };
        match self {
            End::Reader(reader) => Ok(Facts {
                is_server: true,
                quota: reader.quota(),
                state: state(reader.is_nowait()),
                instances: reader.instances(),
            }),
            End::Writer(writer) => Ok(Facts {
                is_server: false,
                quota: writer.quota(),
                state: state(writer.is_nowait()),
                instances: writer.instances()?,
            }),
            End::File(_) => Err(Code::INVALID_FUNCTION),
        }
    }

    /// Sets the modes. The caller has checked that there are no unknown ones.
    pub(crate) fn set_modes(self, modes: DWORD) -> Result<(), Code> {
        if matches!(self, End::File(_)) {
            return Err(Code::INVALID_FUNCTION);
        }
        if modes & PIPE_READMODE_MESSAGE != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let nowait = modes & PIPE_NOWAIT != 0;
        match self {
            End::Reader(reader) => reader.set_nowait(nowait),
            End::Writer(writer) => writer.set_nowait(nowait)?,
            End::File(_) => {}
        }
        Ok(())
    }

    /// The end that counts as the server's; the others do not know what is asked of it.
    pub(crate) fn server(self) -> Result<&'a AnonymousReader, Code> {
        match self {
            End::Reader(reader) => Ok(reader),
            End::Writer(_) | End::File(_) => Err(Code::INVALID_FUNCTION),
        }
    }
}
