//! The last error: whose it is, who sets it, and which numbers it can have.

use std::ptr;

use tong::ErrorKind;
use tong_win32::error::{Code, GetLastError, SetLastError};
use tong_win32::file::CreateFileW;
use tong_win32::handle::{CloseHandle, SetHandleInformation};
use tong_win32::mailslot::{CreateMailslotA, CreateMailslotW};
use tong_win32::types::INVALID_HANDLE_VALUE;

use crate::*;

/// H-146.
#[test]
fn last_error_belongs_to_its_thread() {
    SetLastError(5);
    std::thread::spawn(|| {
        assert_eq!(GetLastError(), 0);
        SetLastError(7);
    })
    .join()
    .unwrap();
    assert_eq!(GetLastError(), 5);
}

/// H-5, H-6: the value of a failed creation is that of a pseudo handle, which closes without effect.
#[test]
fn failed_creations_return_the_invalid_handle_value() {
    let null = ptr::null_mut();
    let made = [
        unsafe { CreateMailslotA(c("blah").as_ptr(), 0, 0, ptr::null()) },
        unsafe { CreateMailslotW(w("blah").as_ptr(), 0, 0, ptr::null()) },
        unsafe { CreateFileW(w("").as_ptr(), 0, 0, ptr::null(), OPEN_EXISTING, 0, null) },
        unsafe { CreateFileA(c("").as_ptr(), 0, 0, ptr::null(), OPEN_EXISTING, 0, null) },
    ];
    assert_eq!(made, [INVALID_HANDLE_VALUE; 4]);
    succeeds(|| CloseHandle(made[0]));
}

/// H-149, H-150: nothing that tong tries on the way shows, such as the look at a name that is free.
#[test]
fn successes_leave_the_last_error_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file").to_str().unwrap().to_owned();
    let (file, code) = create_file(&file, GENERIC_WRITE, 0, OPEN_ALWAYS, 0).unwrap();
    assert_eq!(code, 0);
    let (first, name) = mailslot("errors-success", 0, 0);
    close(first);
    let (server, code) =
        last_error_of(|| unsafe { CreateMailslotA(c(&name).as_ptr(), 0, 0, ptr::null()) });
    assert_eq!(code, UNTOUCHED);
    let client = client(&name);
    for empty_or_not in [&b""[..], b"message"] {
        write(file, empty_or_not).unwrap();
        write(client, empty_or_not).unwrap();
        assert_eq!(read(server, 10).unwrap(), empty_or_not);
    }
    let copy = duplicate(server, 0, 0, 2).unwrap();
    succeeds(|| SetHandleInformation(copy, 1, 1));
    [file, server, client, copy].into_iter().for_each(close);
}

/// H-152, M3.7, M6.3, M6.6, M7.3, M7.8, M8.4, M11.11: kind for kind.
#[test]
fn kinds_of_errors_have_the_numbers_of_windows() {
    let needed = ErrorKind::BufferTooSmall { needed: 1 };
    let numbers = [
        (ErrorKind::NotFound, 2),
        (ErrorKind::PathNotFound, 3),
        (ErrorKind::AccessDenied, 5),
        (ErrorKind::Foreign, 5),
        (ErrorKind::InvalidHandle, 6),
        (ErrorKind::NoMemory, 8),
        (ErrorKind::QueueFull, 8),
        (ErrorKind::Io, 31),
        (ErrorKind::SharingViolation, 32),
        (ErrorKind::Closed, 38),
        (ErrorKind::Unsupported, 50),
        (ErrorKind::FileExists, 80),
        (ErrorKind::InvalidParameter, 87),
        (ErrorKind::MessageTooLong { limit: 1 }, 87),
        (ErrorKind::DiskFull, 112),
        (ErrorKind::TimedOut, 121),
        (needed, 122),
        (ErrorKind::InvalidName, 123),
        (ErrorKind::NegativeSeek, 131),
        (ErrorKind::AlreadyExists, 183),
        (ErrorKind::NameTooLong, 206),
        (ErrorKind::NoResources, 1450),
        (ErrorKind::Remote, 3025),
    ];
    for (kind, number) in numbers {
        assert_eq!(Code::from(kind), Code(number), "{kind:?}");
    }
}

/// H-151: numbers with bit 29 are the program's own, and pass through unchanged.
#[test]
fn numbers_of_the_application_are_left_to_it() {
    SetLastError(1 << 29 | 5);
    assert_eq!(GetLastError(), 1 << 29 | 5);
    let internal = [Code::INTERNAL_ERROR, Code::REMOTE_MAILSLOTS_DEPRECATED];
    assert!(internal.iter().all(|code| code.0 < 1 << 29));
}
