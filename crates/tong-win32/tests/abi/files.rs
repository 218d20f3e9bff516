//! Files through C: results of CreateFile, transfers, the file pointer, deletion.

use std::os::unix::fs::PermissionsExt;
use std::ptr;

use tong_win32::file::{
    CreateFileA, CreateFileW, DeleteFileA, DeleteFileW, FlushFileBuffers, GetFileSize,
    GetFileSizeEx, GetFileType, SetEndOfFile, SetFilePointer, SetFilePointerEx,
};
use tong_win32::handle::{CompareObjectHandles, DuplicateHandle, GetCurrentProcess};
use tong_win32::transfer::{ReadFile, WriteFile};
use tong_win32::types::INVALID_HANDLE_VALUE;

use crate::*;

const READ_WRITE: u32 = GENERIC_READ | GENERIC_WRITE;
const SHARE_ALL: u32 = 7;

/// A directory, and the name of a file in it that does not exist.
fn fresh() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("file").to_str().unwrap().to_owned();
    (dir, name)
}

/// A file with this content, open for reading and writing.
fn filled(content: &str) -> (tempfile::TempDir, String, HANDLE) {
    let (dir, name) = fresh();
    std::fs::write(&name, content).unwrap();
    let handle = create_file(&name, READ_WRITE, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    (dir, name, handle)
}

fn opens(name: &str, access: u32, disposition: u32) -> Result<u32, u32> {
    create_file(name, access, SHARE_ALL, disposition, 0).map(|(handle, code)| {
        close(handle);
        code
    })
}

/// H-114, H-115, H-148.
#[test]
fn dispositions_tell_by_last_error_what_they_found() {
    let (_dir, name) = fresh();
    assert_eq!(opens(&name, READ_WRITE, 0), Err(87));
    assert_eq!(opens(&name, READ_WRITE, 6), Err(87));
    let expected = [
        (CREATE_NEW, Ok(0), Err(80)),
        (CREATE_ALWAYS, Ok(0), Ok(183)),
        (OPEN_EXISTING, Err(2), Ok(0)),
        (OPEN_ALWAYS, Ok(0), Ok(183)),
        (TRUNCATE_EXISTING, Err(2), Ok(0)),
    ];
    for (disposition, absent, present) in expected {
        let _ = std::fs::remove_file(&name);
        assert_eq!(
            opens(&name, READ_WRITE, disposition),
            absent,
            "{disposition}, absent"
        );
        std::fs::write(&name, "text").unwrap();
        assert_eq!(
            opens(&name, READ_WRITE, disposition),
            present,
            "{disposition}, present"
        );
    }
}

/// H-21, H-116, H-118 to H-122.
#[test]
fn names_and_arguments_that_lead_to_nothing() {
    let (dir, name) = fresh();
    let dir = dir.path().to_str().unwrap();
    assert_eq!(
        opens(&format!("{dir}/none/file"), GENERIC_READ, OPEN_EXISTING),
        Err(3)
    );
    assert_eq!(opens("", GENERIC_READ, OPEN_EXISTING), Err(3));
    assert_eq!(opens("Z:\\file", GENERIC_READ, OPEN_EXISTING), Err(3));
    assert_eq!(
        opens(&format!("{dir}/fi*le"), GENERIC_READ, OPEN_EXISTING),
        Err(123)
    );
    assert_eq!(
        opens(&"x".repeat(256), GENERIC_READ, OPEN_EXISTING),
        Err(123)
    );
    assert_eq!(
        opens(&"x/".repeat(150), GENERIC_READ, OPEN_EXISTING),
        Err(206)
    );
    assert_eq!(
        opens(r"\\host\share\file", GENERIC_READ, OPEN_EXISTING),
        Err(53)
    );
    assert_eq!(opens(r"\\.\pipe\none", GENERIC_READ, OPEN_EXISTING), Err(2));
    for disposition in 1..=4 {
        assert_eq!(
            opens(dir, GENERIC_READ, disposition),
            Err(5),
            "{disposition}"
        );
    }
    assert_eq!(opens(dir, GENERIC_READ, TRUNCATE_EXISTING), Err(87));
    assert_eq!(opens(dir, GENERIC_WRITE, TRUNCATE_EXISTING), Err(5));
    let directory = create_file(dir, GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0x0200_0000)
        .unwrap()
        .0;
    close(directory);
    std::fs::write(&name, "text").unwrap();
    assert_eq!(create_file(&name, READ_WRITE, 8, OPEN_EXISTING, 0), Err(87));
    assert_eq!(
        create_file(&name, 0x0100_0000, 0, OPEN_EXISTING, 0),
        Err(1314)
    );
    for access in [0, GENERIC_READ, 2] {
        assert_eq!(opens(&name, access, TRUNCATE_EXISTING), Err(87));
    }
    std::fs::set_permissions(&name, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(opens(&name, GENERIC_WRITE, OPEN_EXISTING), Err(5));
    assert_eq!(opens(&name, GENERIC_READ, OPEN_EXISTING), Ok(0));
    let null = unsafe { CreateFileA(ptr::null(), 0, 0, ptr::null(), 3, 0, ptr::null_mut()) };
    assert_eq!(
        (null, tong_win32::error::GetLastError()),
        (INVALID_HANDLE_VALUE, 3)
    );
}

/// H-120: backslashes, drive C, and wide names lead to the same file.
#[test]
fn windows_spellings_reach_linux_files() {
    let (_dir, name) = fresh();
    std::fs::write(&name, "text").unwrap();
    let windows = format!("C:{}", name.replace('/', "\\"));
    for spelling in [
        windows.clone(),
        format!(r"\\?\{windows}"),
        name.replace('/', "\\"),
    ] {
        assert_eq!(
            opens(&spelling, GENERIC_READ, OPEN_EXISTING),
            Ok(0),
            "{spelling}"
        );
        let wide = w(&spelling);
        let handle = unsafe {
            CreateFileW(
                wide.as_ptr(),
                0,
                0,
                ptr::null(),
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            )
        };
        assert_ne!(handle, INVALID_HANDLE_VALUE);
        close(handle);
    }
    succeeds(|| unsafe { DeleteFileW(w(&windows).as_ptr()) });
    assert!(!std::path::Path::new(&name).exists());
}

/// H-129, H-131: a sharing violation, until the last duplicate of the other open is closed.
#[test]
fn sharing_violation_lasts_as_long_as_the_open() {
    let (_dir, name) = fresh();
    std::fs::write(&name, "text").unwrap();
    let first = create_file(&name, GENERIC_READ, 1, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let this = GetCurrentProcess();
    let mut duplicate = ptr::null_mut();
    succeeds(|| unsafe { DuplicateHandle(this, first, this, &mut duplicate, 0, 0, 2) });
    assert_eq!(opens(&name, GENERIC_WRITE, OPEN_EXISTING), Err(32));
    close(first);
    assert_eq!(opens(&name, GENERIC_WRITE, OPEN_EXISTING), Err(32));
    close(duplicate);
    assert_eq!(opens(&name, GENERIC_WRITE, OPEN_EXISTING), Ok(0));
}

/// H-136 to H-138.
#[test]
fn deletion_says_why_not() {
    let delete = |name: &str| last_error_of(|| unsafe { DeleteFileA(c(name).as_ptr()) });
    let (dir, name) = fresh();
    assert_eq!(delete(&name), (0, 2));
    assert_eq!(delete(""), (0, 3));
    fails(3, || unsafe { DeleteFileA(ptr::null()) });
    fails(3, || unsafe { DeleteFileW(ptr::null()) });
    assert_eq!(delete(dir.path().to_str().unwrap()), (0, 5));
    let handle = create_file(&name, GENERIC_WRITE, 3, CREATE_NEW, 0)
        .unwrap()
        .0;
    assert_eq!(delete(&name), (0, 32));
    close(handle);
    assert_eq!(delete(&name), (1, UNTOUCHED));
    assert_eq!(delete(&name), (0, 2));
    let doomed = create_file(&name, GENERIC_WRITE, 7, CREATE_NEW, 0x0400_0000)
        .unwrap()
        .0;
    assert_eq!(
        create_file(&name, GENERIC_READ, 3, OPEN_EXISTING, 0),
        Err(32)
    );
    close(doomed);
    assert!(!std::path::Path::new(&name).exists());
}

/// H-139 to H-141.
#[test]
fn transfers_check_rights_then_buffers() {
    let (_dir, name, handle) = filled("abc");
    let reader = create_file(&name, GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let writer = create_file(&name, GENERIC_WRITE, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let neither = create_file(&name, 0, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    assert_eq!(read(writer, 1), Err(5));
    assert_eq!(write(reader, b"x"), Err(5));
    assert_eq!(read(neither, 0), Err(5));
    assert_eq!(write(neither, b""), Err(5));
    let (null, mut count) = (ptr::null_mut(), 7);
    succeeds(|| unsafe { ReadFile(handle, null, 0, &mut count, ptr::null_mut()) });
    succeeds(|| unsafe { WriteFile(handle, null, 0, &mut count, ptr::null_mut()) });
    fails(998, || unsafe {
        ReadFile(handle, null, 1, &mut count, ptr::null_mut())
    });
    fails(1784, || unsafe {
        WriteFile(handle, null, 1, &mut count, ptr::null_mut())
    });
    fails(5, || unsafe {
        ReadFile(writer, null, 1, &mut count, ptr::null_mut())
    });
    assert_eq!(read(handle, 10).unwrap(), b"abc");
    assert_eq!(
        read(handle, 10).unwrap(),
        b"",
        "the end of the file is no failure"
    );
    [handle, reader, writer, neither]
        .into_iter()
        .for_each(close);
}

/// H-140 with an OVERLAPPED.
#[test]
fn overlapped_gives_the_offset() {
    let (_dir, name, handle) = filled("abcdef");
    let mut overlapped = at(2);
    assert_eq!(read_at(handle, 3, &mut overlapped).unwrap(), b"cde");
    assert_eq!((overlapped.Internal, overlapped.InternalHigh), (0, 3));
    for past in [6, 7, 1 << 40] {
        let mut overlapped = at(past);
        assert_eq!(read_at(handle, 3, &mut overlapped), Err(38));
        assert_eq!(
            (overlapped.Internal, overlapped.InternalHigh),
            (0xC000_0011, 0)
        );
        assert_eq!(read_at(handle, 0, &mut at(past)).unwrap(), b"");
    }
    let write_at = |offset, text: &[u8]| {
        let (len, mut written) = (text.len() as u32, 0);
        succeeds(|| unsafe {
            WriteFile(
                handle,
                text.as_ptr().cast(),
                len,
                &mut written,
                &mut at(offset),
            )
        });
        assert_eq!(written, len);
    };
    write_at(1, b"BC");
    write_at(u64::MAX, b"g");
    assert_eq!(std::fs::read(&name).unwrap(), b"aBCdefg");
    close(handle);

    let overlapped_only = create_file(&name, READ_WRITE, SHARE_ALL, OPEN_EXISTING, 0x4000_0000)
        .unwrap()
        .0;
    assert_eq!(read(overlapped_only, 1), Err(87));
    assert_eq!(write(overlapped_only, b"x"), Err(87));
    assert_eq!(read_at(overlapped_only, 1, &mut at(3)).unwrap(), b"d");
    close(overlapped_only);
}

/// H-75, H-142: duplicates share the pointer, another open has its own.
#[test]
fn file_pointer_belongs_to_the_open() {
    let (_dir, name, handle) = filled("abcdef");
    let copy = duplicate(handle, 0, 0, 2).unwrap();
    let other = create_file(&name, GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    assert_eq!(read(handle, 2).unwrap(), b"ab");
    assert_eq!(read(copy, 2).unwrap(), b"cd");
    assert_eq!(read(handle, 2).unwrap(), b"ef");
    assert_eq!(read(other, 2).unwrap(), b"ab");
    fails(1656, || CompareObjectHandles(handle, other));
    [handle, copy, other].into_iter().for_each(close);
}

/// H-28: what was granted stays granted.
#[test]
fn handle_keeps_its_rights_when_the_file_changes_its_own() {
    let (_dir, name, handle) = filled("abc");
    std::fs::set_permissions(&name, std::fs::Permissions::from_mode(0o000)).unwrap();
    write(handle, b"x").unwrap();
    assert_eq!(opens(&name, GENERIC_WRITE, OPEN_EXISTING), Err(5));
    close(handle);
}

/// H-31: a security descriptor is taken, and the creator has full access whatever it says.
#[test]
fn security_descriptor_is_accepted() {
    let (_dir, name) = fresh();
    let mut blank = [0_u64; 5];
    let mut attributes = inheritable(0);
    attributes.lpSecurityDescriptor = blank.as_mut_ptr().cast();
    let (name, null) = (w(&name), ptr::null_mut());
    let file = unsafe {
        CreateFileW(
            name.as_ptr(),
            READ_WRITE,
            0,
            &attributes,
            CREATE_NEW,
            0,
            null,
        )
    };
    assert_eq!(write(file, b"abc"), Ok(3));
    close(file);
}

/// H-87: neither waits for a call that is under way nor ends it.
#[test]
fn close_leaves_a_read_of_another_thread_alone() {
    let (_dir, name) = fresh();
    let made = std::process::Command::new("mkfifo").arg(&name).status();
    assert!(made.unwrap().success());
    let open = |access| create_file(&name, access, SHARE_ALL, OPEN_EXISTING, 0).unwrap();
    let (reader, writer) = (open(GENERIC_READ).0, open(GENERIC_WRITE).0);
    let value = reader as usize;
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read(value as HANDLE, 10));
        std::thread::sleep(std::time::Duration::from_millis(100));
        close(reader);
        write(writer, b"late").unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), b"late");
    });
    close(writer);
}

/// H-143.
#[test]
fn append_right_alone_writes_at_the_end() {
    let (_dir, name) = fresh();
    std::fs::write(&name, "abc").unwrap();
    let handle = create_file(&name, 0x4, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    write(handle, b"d").unwrap();
    let mut written = 0;
    succeeds(|| unsafe { WriteFile(handle, b"e".as_ptr().cast(), 1, &mut written, &mut at(0)) });
    assert_eq!(std::fs::read(&name).unwrap(), b"abcde");
    fails(5, || SetEndOfFile(handle));
    close(handle);
}

/// H-144, and the two halves of large positions.
#[test]
fn file_pointer_moves_in_halves_or_whole() {
    let (_dir, _name, handle) = filled("abcdef");
    let mut position = 99;
    let set = |low, origin| {
        last_error_of(|| unsafe { SetFilePointer(handle, low, ptr::null_mut(), origin) })
    };
    assert_eq!(set(4, 0), (4, UNTOUCHED));
    assert_eq!(set(-1, 1), (3, UNTOUCHED));
    assert_eq!(set(-2, 2), (4, UNTOUCHED));
    assert_eq!(set(-5, 1), (u32::MAX, 131));
    assert_eq!(set(0, 3), (u32::MAX, 87));
    assert_eq!(set(0, 1), (4, UNTOUCHED));
    let mut high = 3;
    let far = last_error_of(|| unsafe { SetFilePointer(handle, -1, &mut high, 0) });
    assert_eq!(
        (far, high),
        ((u32::MAX, 0), 3),
        "a low half of all ones is told from a failure by error 0"
    );
    assert_eq!(set(1, 1), (u32::MAX, 87), "no room for the high half");
    succeeds(|| unsafe { SetFilePointerEx(handle, 0, &mut position, 1) });
    assert_eq!(position, (4 << 32) - 1, "and nothing moved");
    fails(131, || unsafe {
        SetFilePointerEx(handle, -1, &mut position, 0)
    });
    succeeds(|| unsafe { SetFilePointerEx(handle, -1, ptr::null_mut(), 2) });
    assert_eq!(read(handle, 10).unwrap(), b"f");
    close(handle);
}

#[test]
fn sizes_come_in_halves_or_whole() {
    let (_dir, name, handle) = filled("abcdef");
    let mut size = 0;
    succeeds(|| unsafe { GetFileSizeEx(handle, &mut size) });
    assert_eq!(size, 6);
    succeeds(|| unsafe { SetFilePointerEx(handle, (4 << 32) - 1, ptr::null_mut(), 0) });
    succeeds(|| SetEndOfFile(handle));
    let mut high = 9;
    assert_eq!(
        last_error_of(|| unsafe { GetFileSize(handle, &mut high) }),
        (u32::MAX, 0)
    );
    assert_eq!(high, 3);
    let metadata = create_file(&name, 0, 0, OPEN_EXISTING, 0).unwrap().0;
    succeeds(|| unsafe { GetFileSizeEx(metadata, &mut size) });
    assert_eq!(size, (4 << 32) - 1);
    fails(6, || unsafe { GetFileSizeEx(ptr::null_mut(), &mut size) });
    fails(998, || unsafe { GetFileSizeEx(handle, ptr::null_mut()) });
    close(metadata);
    close(handle);
}

#[test]
fn file_types_and_flushing() {
    let (_dir, name, handle) = filled("abc");
    assert_eq!(last_error_of(|| GetFileType(handle)), (1, UNTOUCHED));
    succeeds(|| FlushFileBuffers(handle));
    let reader = create_file(&name, GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    fails(5, || FlushFileBuffers(reader));
    let null = create_file("nul", READ_WRITE, 0, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    assert_eq!(last_error_of(|| GetFileType(null)), (2, UNTOUCHED));
    succeeds(|| FlushFileBuffers(null));
    assert_eq!(last_error_of(|| GetFileType(ptr::null_mut())), (0, 6));
    [handle, reader, null].into_iter().for_each(close);
}

/// A FIFO without a reader fails the write with 232 and raises no signal, also where SIGPIPE would kill.
#[test]
fn writing_to_a_pipe_without_reader_is_an_error_and_no_signal() {
    let (_dir, name) = fresh();
    assert!(std::process::Command::new("mkfifo")
        .arg(&name)
        .status()
        .unwrap()
        .success());
    let reader = create_file(&name, GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    let writer = create_file(&name, GENERIC_WRITE, SHARE_ALL, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    assert_eq!(GetFileType(writer), 3);
    write(writer, b"abc").unwrap();
    assert_eq!(read(reader, 10).unwrap(), b"abc");
    close(reader);
    // The test harness ignores the signal; a C program does not.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(write(writer, b"x"), Err(232));
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    close(writer);
}
