//! Named pipes: making instances, connecting and disconnecting clients. Anonymous pipes beside them.
//!
//! Clients open a pipe with CreateFile; bytes and messages are moved by ReadFile, WriteFile and TransactNamedPipe. What all
//! these functions do is in `tong`; here are rights, names, flags and numbers.
//!
//! Checks come in one order: the handle exists, is of the right kind, carries the right, the arguments fit, and last the state
//! of the pipe. A handle that leads to a file or a mailslot is F 1 for all of these functions, any other kind F 6.

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

use std::ptr;
use std::time::Duration;

use tong::handle::{Kind, Object, Ref, Rights, Table};
use tong::io::Outcome;
use tong::object::file::FileKind;
use tong::object::pipe::{Direction, PipeClient, PipeEnd, PipeServer, PipeType, ReadMode};
use tong::{Error, ErrorKind, PipeName};

use crate::border::{call, object, succeeds, to_c, wants_inheritance};
use crate::error::Code;
use crate::exit;
use crate::overlapped::{operate, Room};
use crate::string::{narrow, wide};
use crate::types::{
    BOOL, DWORD, HANDLE, INVALID_HANDLE_VALUE, LPCSTR, LPCWSTR, OVERLAPPED, SECURITY_ATTRIBUTES,
};

pub mod anonymous;
pub mod client;
pub mod exchange;
pub mod identity;
pub mod state;

const PIPE_ACCESS_INBOUND: DWORD = 1;
const PIPE_ACCESS_OUTBOUND: DWORD = 2;
const PIPE_ACCESS_DUPLEX: DWORD = 3;
const FILE_FLAG_FIRST_PIPE_INSTANCE: DWORD = 0x0008_0000;
pub(crate) const FILE_FLAG_OVERLAPPED: DWORD = 0x4000_0000;
const FILE_FLAG_WRITE_THROUGH: DWORD = 0x8000_0000;
/// Rights that an instance's handle may be given beside those of its direction. WRITE_OWNER is the bit of the first instance.
const EXTRA_RIGHTS: Rights = Rights::WRITE_DAC.union(Rights::WRITE_OWNER);
const KNOWN_OPEN_MODES: DWORD = PIPE_ACCESS_DUPLEX
    | FILE_FLAG_FIRST_PIPE_INSTANCE
    | FILE_FLAG_OVERLAPPED
    | FILE_FLAG_WRITE_THROUGH
    | EXTRA_RIGHTS.bits()
    | Rights::ACCESS_SYSTEM_SECURITY.bits();

const PIPE_NOWAIT: DWORD = 1;
const PIPE_READMODE_MESSAGE: DWORD = 2;
const PIPE_TYPE_MESSAGE: DWORD = 4;
const PIPE_REJECT_REMOTE_CLIENTS: DWORD = 8;
const KNOWN_PIPE_MODES: DWORD =
    PIPE_NOWAIT | PIPE_READMODE_MESSAGE | PIPE_TYPE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS;

const PIPE_UNLIMITED_INSTANCES: DWORD = 255;
/// How long WaitNamedPipe waits by default if the pipe's creator does not say.
const DEFAULT_WAIT: Duration = Duration::from_millis(50);

/// Makes an instance of a pipe, which it makes too if there is none, and returns its server handle; the name is UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateNamedPipeA(
    name: LPCSTR,
    open_mode: DWORD,
    pipe_mode: DWORD,
    max_instances: DWORD,
    out_buffer_size: DWORD,
    in_buffer_size: DWORD,
    default_timeout: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe { (narrow(name)?, wants_inheritance(attributes)) };
        let wish = Wish {
            open_mode,
            pipe_mode,
            max_instances,
            quotas: [out_buffer_size, in_buffer_size],
            default_timeout,
        };
        wish.create(&name.unwrap_or_default(), inherit)
    })
}

/// Makes an instance of a pipe, which it makes too if there is none, and returns its server handle; the name is UTF-16.
#[no_mangle]
pub unsafe extern "C" fn CreateNamedPipeW(
    name: LPCWSTR,
    open_mode: DWORD,
    pipe_mode: DWORD,
    max_instances: DWORD,
    out_buffer_size: DWORD,
    in_buffer_size: DWORD,
    default_timeout: DWORD,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        // SAFETY: C passes null, or a string and the structure.
        let (name, inherit) = unsafe { (wide(name)?, wants_inheritance(attributes)) };
        let wish = Wish {
            open_mode,
            pipe_mode,
            max_instances,
            quotas: [out_buffer_size, in_buffer_size],
            default_timeout,
        };
        wish.create(&name.unwrap_or_default(), inherit)
    })
}

/// The numbers that say what instance is wanted.
struct Wish {
    open_mode: DWORD,
    pipe_mode: DWORD,
    max_instances: DWORD,
    /// Out and in, as the server sees it.
    quotas: [DWORD; 2],
    default_timeout: DWORD,
}

impl Wish {
    fn create(&self, name: &str, inherit: bool) -> Result<HANDLE, Code> {
        let name = PipeName::parse_for_create(name).map_err(name_code)?;
        let direction = self.direction()?;
        let (pipe_type, read_mode) = self.modes()?;
        if !(1..=PIPE_UNLIMITED_INSTANCES).contains(&self.max_instances) {
            return Err(Code::INVALID_PARAMETER);
        }
        if self.opens_with(Rights::ACCESS_SYSTEM_SECURITY.bits()) {
            return Err(Code::PRIVILEGE_NOT_HELD);
        }
        exit::note_owner();
        let mut options = PipeServer::options();
        options
            .direction(direction)
            .pipe_type(pipe_type)
            .read_mode(read_mode)
            .nowait(self.pipe_mode & PIPE_NOWAIT != 0)
            .max_instances(
                (self.max_instances != PIPE_UNLIMITED_INSTANCES).then_some(self.max_instances),
            )
            .out_quota(self.quotas[0])
            .in_quota(self.quotas[1])
            .default_timeout(self.default_timeout())
            .first_instance(self.opens_with(FILE_FLAG_FIRST_PIPE_INSTANCE))
            .synchronous(!self.opens_with(FILE_FLAG_OVERLAPPED));
        let server = options.create(&name)?;
        let granted = server_rights(direction) | self.extra_rights();
        let handle = Table::of_process().insert(Object::PipeServer(server), granted, inherit)?;
        Ok(to_c(handle))
    }

    fn opens_with(&self, flag: DWORD) -> bool {
        self.open_mode & flag != 0
    }

    fn direction(&self) -> Result<Direction, Code> {
        if self.open_mode & !KNOWN_OPEN_MODES != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        match self.open_mode & PIPE_ACCESS_DUPLEX {
            PIPE_ACCESS_INBOUND => Ok(Direction::Inbound),
            PIPE_ACCESS_OUTBOUND => Ok(Direction::Outbound),
            PIPE_ACCESS_DUPLEX => Ok(Direction::Duplex),
            _ => Err(Code::INVALID_PARAMETER),
        }
    }

    fn modes(&self) -> Result<(PipeType, ReadMode), Code> {
        if self.pipe_mode & !KNOWN_PIPE_MODES != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        let read_mode = read_mode(self.pipe_mode);
        match (self.pipe_mode & PIPE_TYPE_MESSAGE, read_mode) {
            (0, ReadMode::Message) => Err(Code::INVALID_PARAMETER),
            (0, ReadMode::Byte) => Ok((PipeType::Byte, read_mode)),
            _ => Ok((PipeType::Message, read_mode)),
        }
    }

    fn default_timeout(&self) -> Duration {
        match self.default_timeout {
            0 => DEFAULT_WAIT,
            milliseconds => Duration::from_millis(milliseconds.into()),
        }
    }

    fn extra_rights(&self) -> Rights {
        Rights::from_bits(self.open_mode) & EXTRA_RIGHTS
    }
}

/// What a server handle may do.
fn server_rights(direction: Direction) -> Rights {
    let generic = Kind::PipeServer.generic();
    match direction {
        Direction::Inbound => generic.read,
        Direction::Outbound => generic.write,
        Direction::Duplex => generic.read | generic.write,
    }
}

/// The read mode that a number asks for.
fn read_mode(modes: DWORD) -> ReadMode {
    match modes & PIPE_READMODE_MESSAGE {
        0 => ReadMode::Byte,
        _ => ReadMode::Message,
    }
}

/// The number for a bad name. Pipes of other machines are not reached, and their answer differs from that of mailslots.
fn name_code(error: Error) -> Code {
    match error.kind() {
        ErrorKind::Remote => Code::BAD_NETPATH,
        kind => Code::from(kind),
    }
}

/// The end of a pipe that a handle leads to.
pub(crate) enum End<'a> {
    Server(&'a PipeServer),
    Client(&'a PipeClient),
    Unnamed(anonymous::End<'a>),
}

impl<'a> End<'a> {
    /// To Windows files and mailslots are files that do not know what pipes know.
    pub(crate) fn of(handle: &'a Ref) -> Result<End<'a>, Code> {
        match handle.object() {
            Object::PipeServer(server) => Ok(End::Server(server)),
            Object::PipeClient(client) => Ok(End::Client(client)),
            Object::MailslotServer(_) | Object::MailslotClient(_) => Err(Code::INVALID_FUNCTION),
            _ => match anonymous::End::of(handle) {
                Some(anonymous::End::File(file)) if file.kind() != FileKind::Pipe => {
                    Err(Code::INVALID_FUNCTION)
                }
                Some(end) => Ok(End::Unnamed(end)),
                None => Err(Code::INVALID_HANDLE),
            },
        }
    }

    /// The end of a named pipe, or else that of another.
    fn named(self) -> Result<&'a PipeEnd, anonymous::End<'a>> {
        match self {
            End::Server(server) => Ok(server),
            End::Client(client) => Ok(client),
            End::Unnamed(end) => Err(end),
        }
    }
}

/// Waits until a client has opened the instance, or learns that one has (535), or was there and has gone (232).
#[no_mangle]
pub unsafe extern "C" fn ConnectNamedPipe(pipe: HANDLE, at: *mut OVERLAPPED) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        let server = match End::of(&pipe)? {
            End::Server(server) => server,
            End::Client(_) => return Err(Code::INVALID_FUNCTION),
            End::Unnamed(end) => return Ok(end.server()?.connect()?),
        };
        let wait = |_: &mut [u8]| server.connect().map(|()| Outcome::success(0));
        // SAFETY: C passes the structure, or null.
        unsafe {
            operate(&pipe, at, ptr::null_mut(), Room::NONE, wait, |completion| {
                server.start_connect(completion)
            })
        }
    })
}

/// Cuts the client off; what nobody has read yet is lost.
#[no_mangle]
pub extern "C" fn DisconnectNamedPipe(pipe: HANDLE) -> BOOL {
    succeeds(|| {
        let pipe = object(pipe)?;
        match End::of(&pipe)? {
            End::Server(server) => Ok(server.disconnect()?),
            End::Client(_) => Err(Code::INVALID_FUNCTION),
            End::Unnamed(end) => Ok(end.server()?.disconnect()?),
        }
    })
}
