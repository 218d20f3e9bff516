//! The last error of each thread, and the one table from tong's errors to Win32's numbers.

#![allow(unsafe_code, reason = "exported C symbols")]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]

use std::cell::Cell;
use tong::ErrorKind;

thread_local! {
    static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
}

/// Returns the calling thread's last error; 0 in a new thread.
#[no_mangle]
pub extern "C" fn GetLastError() -> u32 {
    LAST_ERROR.get()
}

/// Sets the calling thread's last error.
#[no_mangle]
pub extern "C" fn SetLastError(code: u32) {
    LAST_ERROR.set(code);
}

/// A Win32 error number that a failing call leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

#[allow(
    missing_docs,
    reason = "Win32 documents its error numbers under these names"
)]
impl Code {
    pub const INVALID_FUNCTION: Code = Code(1);
    pub const FILE_NOT_FOUND: Code = Code(2);
    pub const PATH_NOT_FOUND: Code = Code(3);
    pub const ACCESS_DENIED: Code = Code(5);
    pub const INVALID_HANDLE: Code = Code(6);
    pub const NOT_ENOUGH_MEMORY: Code = Code(8);
    pub const INVALID_DATA: Code = Code(13);
    pub const NO_MORE_FILES: Code = Code(18);
    pub const BAD_LENGTH: Code = Code(24);
    pub const GEN_FAILURE: Code = Code(31);
    pub const SHARING_VIOLATION: Code = Code(32);
    pub const HANDLE_EOF: Code = Code(38);
    pub const NOT_SUPPORTED: Code = Code(50);
    pub const BAD_NETPATH: Code = Code(53);
    pub const FILE_EXISTS: Code = Code(80);
    pub const INVALID_PARAMETER: Code = Code(87);
    pub const BROKEN_PIPE: Code = Code(109);
    pub const DISK_FULL: Code = Code(112);
    pub const SEM_TIMEOUT: Code = Code(121);
    pub const INSUFFICIENT_BUFFER: Code = Code(122);
    pub const INVALID_NAME: Code = Code(123);
    pub const MOD_NOT_FOUND: Code = Code(126);
    pub const NEGATIVE_SEEK: Code = Code(131);
    pub const ALREADY_EXISTS: Code = Code(183);
    pub const BAD_EXE_FORMAT: Code = Code(193);
    pub const ENVVAR_NOT_FOUND: Code = Code(203);
    pub const FILENAME_EXCED_RANGE: Code = Code(206);
    pub const PIPE_LOCAL: Code = Code(229);
    pub const BAD_PIPE: Code = Code(230);
    pub const PIPE_BUSY: Code = Code(231);
    pub const NO_DATA: Code = Code(232);
    pub const PIPE_NOT_CONNECTED: Code = Code(233);
    pub const MORE_DATA: Code = Code(234);
    pub const DIRECTORY: Code = Code(267);
    pub const NO_MORE_ITEMS: Code = Code(259);
    pub const WAIT_IO_COMPLETION: Code = Code(192);
    pub const WAIT_TIMEOUT: Code = Code(258);
    pub const PIPE_CONNECTED: Code = Code(535);
    pub const PIPE_LISTENING: Code = Code(536);
    pub const ABANDONED_WAIT_0: Code = Code(735);
    pub const OPERATION_ABORTED: Code = Code(995);
    pub const IO_INCOMPLETE: Code = Code(996);
    pub const IO_PENDING: Code = Code(997);
    pub const OBJECT_NAME_EXISTS: Code = Code(698);
    pub const NOACCESS: Code = Code(998);
    pub const INVALID_FLAGS: Code = Code(1004);
    pub const NO_UNICODE_TRANSLATION: Code = Code(1113);
    pub const PRIVILEGE_NOT_HELD: Code = Code(1314);
    pub const NOT_FOUND: Code = Code(1168);
    pub const INTERNAL_ERROR: Code = Code(1359);
    pub const CANNOT_IMPERSONATE: Code = Code(1368);
    pub const NO_SYSTEM_RESOURCES: Code = Code(1450);
    pub const TIMEOUT: Code = Code(1460);
    pub const SIGNAL_REFUSED: Code = Code(156);
    pub const BAD_PATHNAME: Code = Code(161);
    pub const NOT_OWNER: Code = Code(288);
    pub const TOO_MANY_POSTS: Code = Code(298);
    pub const MUTANT_LIMIT_EXCEEDED: Code = Code(587);
    pub const NOT_SAME_OBJECT: Code = Code(1656);
    pub const INVALID_USER_BUFFER: Code = Code(1784);
    pub const REMOTE_MAILSLOTS_DEPRECATED: Code = Code(3025);
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Code {
        match kind {
            ErrorKind::NotFound => Code::FILE_NOT_FOUND,
            ErrorKind::PathNotFound => Code::PATH_NOT_FOUND,
            ErrorKind::AlreadyExists => Code::ALREADY_EXISTS,
            ErrorKind::FileExists => Code::FILE_EXISTS,
            ErrorKind::AccessDenied | ErrorKind::Foreign => Code::ACCESS_DENIED,
            ErrorKind::InvalidHandle => Code::INVALID_HANDLE,
            ErrorKind::InvalidName => Code::INVALID_NAME,
            ErrorKind::NameTooLong => Code::FILENAME_EXCED_RANGE,
            ErrorKind::InvalidParameter | ErrorKind::MessageTooLong { .. } => {
                Code::INVALID_PARAMETER
            }
            ErrorKind::InvalidFunction => Code::INVALID_FUNCTION,
            ErrorKind::TimedOut => Code::SEM_TIMEOUT,
            ErrorKind::BufferTooSmall { .. } => Code::INSUFFICIENT_BUFFER,
            ErrorKind::QueueFull | ErrorKind::NoMemory => Code::NOT_ENOUGH_MEMORY,
            ErrorKind::NoResources => Code::NO_SYSTEM_RESOURCES,
            ErrorKind::DiskFull => Code::DISK_FULL,
            ErrorKind::SharingViolation => Code::SHARING_VIOLATION,
            ErrorKind::Closed => Code::HANDLE_EOF,
            ErrorKind::NegativeSeek => Code::NEGATIVE_SEEK,
            ErrorKind::Corrupt => Code::INVALID_DATA,
            ErrorKind::Remote => Code::REMOTE_MAILSLOTS_DEPRECATED,
            ErrorKind::Unsupported => Code::NOT_SUPPORTED,
            ErrorKind::BadPath => Code::BAD_PATHNAME,
            ErrorKind::NotOwner => Code::NOT_OWNER,
            ErrorKind::TooManyPosts => Code::TOO_MANY_POSTS,
            ErrorKind::TooManyRecursions => Code::MUTANT_LIMIT_EXCEEDED,
            ErrorKind::TooManySuspensions => Code::SIGNAL_REFUSED,
            ErrorKind::WrongKind => Code::INVALID_HANDLE,
            ErrorKind::Ended => Code::GEN_FAILURE,
            ErrorKind::NotAProgram => Code::BAD_EXE_FORMAT,
            ErrorKind::NotADirectory => Code::DIRECTORY,
            ErrorKind::BrokenPipe => Code::BROKEN_PIPE,
            ErrorKind::PipeClosing | ErrorKind::PipeEmpty => Code::NO_DATA,
            ErrorKind::NotConnected => Code::PIPE_NOT_CONNECTED,
            ErrorKind::PipeListening => Code::PIPE_LISTENING,
            ErrorKind::PipeConnected => Code::PIPE_CONNECTED,
            ErrorKind::BadPipe => Code::BAD_PIPE,
            ErrorKind::PipeBusy => Code::PIPE_BUSY,
            ErrorKind::Canceled => Code::OPERATION_ABORTED,
            ErrorKind::MoreData => Code::MORE_DATA,
            _ => Code::GEN_FAILURE,
        }
    }
}

impl From<tong::Error> for Code {
    fn from(error: tong::Error) -> Code {
        Code::from(error.kind())
    }
}
