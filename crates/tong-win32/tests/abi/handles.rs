//! Handles through C: pseudo handles, flags, duplicates, standard handles, the last error itself.

use std::ptr;

use tong_win32::file::{CreateFileW, GetFileType};
use tong_win32::handle::{
    CloseHandle, CompareObjectHandles, DuplicateHandle, GetCurrentProcess, GetHandleInformation,
    SetHandleInformation,
};
use tong_win32::memory::{GlobalAlloc, GlobalFree, GlobalSize, LocalAlloc, LocalFree};
use tong_win32::standard::GetStdHandle;
use tong_win32::system::{GetCurrentProcessId, GetTickCount, GetTickCount64};
use tong_win32::thread::{GetCurrentThreadId, Sleep};
use tong_win32::types::{HANDLE, INVALID_HANDLE_VALUE};

use crate::*;

fn null_device() -> HANDLE {
    create_file("NUL", GENERIC_READ | GENERIC_WRITE, 3, OPEN_EXISTING, 0)
        .unwrap()
        .0
}

fn flags(handle: HANDLE) -> u32 {
    let mut flags = 99;
    succeeds(|| unsafe { GetHandleInformation(handle, &mut flags) });
    flags
}

/// H-4, H-7, H-8, H-82, H-83, H-85.
#[test]
fn close_knows_its_handles() {
    let handle = null_device();
    let value = handle as usize;
    assert_eq!(value % 4, 0);
    fails(6, || CloseHandle((value | 1 << 32) as HANDLE));
    fails(6, || CloseHandle((value | 1 << 63) as HANDLE));
    succeeds(|| CloseHandle((value | 3) as HANDLE));
    fails(6, || CloseHandle(handle));
    fails(6, || CloseHandle(ptr::null_mut()));
    fails(6, || CloseHandle(0xFFFF_FFFF_usize as HANDLE));
}

/// H-36, H-51, H-53.
#[test]
fn pseudo_handles_close_without_effect() {
    assert_eq!(GetCurrentProcess(), INVALID_HANDLE_VALUE);
    for value in -6..=-1_isize {
        succeeds(|| CloseHandle(value as HANDLE));
    }
    fails(6, || CloseHandle(-7_isize as HANDLE));
    assert_eq!(flags(GetCurrentProcess()), 0);
    fails(5, || SetHandleInformation(GetCurrentProcess(), 1, 1));
}

/// H-33 to H-35, H-84.
#[test]
fn flags_change_by_mask_and_protect_from_close() {
    let handle = null_device();
    succeeds(|| SetHandleInformation(handle, 1, 3));
    assert_eq!(flags(handle), 1, "bits outside the mask do not count");
    succeeds(|| SetHandleInformation(handle, 3, 2));
    assert_eq!(flags(handle), 2);
    fails(6, || CloseHandle(handle));
    succeeds(|| SetHandleInformation(handle, 0, 0));
    assert_eq!(flags(handle), 2);
    succeeds(|| SetHandleInformation(handle, 2, 0));
    close(handle);
    fails(6, || SetHandleInformation(handle, 0, 0));
    fails(6, || unsafe { GetHandleInformation(handle, &mut 0) });
}

/// H-53, H-78 to H-80.
#[test]
fn comparison_sees_through_duplicates() {
    let (one, other) = (null_device(), null_device());
    let copy = duplicate(one, 0, 0, 0).unwrap();
    succeeds(|| CompareObjectHandles(one, copy));
    fails(1656, || CompareObjectHandles(one, other));
    fails(1656, || CompareObjectHandles(one, GetCurrentProcess()));
    succeeds(|| CompareObjectHandles(GetCurrentProcess(), GetCurrentProcess()));
    fails(1656, || {
        CompareObjectHandles(GetCurrentProcess(), -2_isize as HANDLE)
    });
    [one, other, copy].into_iter().for_each(close);
    fails(6, || CompareObjectHandles(one, GetCurrentProcess()));
}

/// H-10: a program that uses a stale value is told so, not served from somebody else's object.
#[test]
fn value_of_a_closed_handle_is_not_used_again_soon() {
    let stale = null_device();
    close(stale);
    for _ in 0..100 {
        let handle = null_device();
        assert_ne!(handle, stale);
        fails(6, || CloseHandle(stale));
        close(handle);
    }
}

/// H-24, H-29: the calls about handles themselves ask for no right.
#[test]
fn handle_without_rights_can_be_asked_about_and_closed() {
    let source = null_device();
    let blind = duplicate(source, 0, 0, 0).unwrap();
    assert_eq!(read(blind, 1), Err(5));
    assert_eq!(write(blind, b"x"), Err(5));
    succeeds(|| CompareObjectHandles(source, blind));
    succeeds(|| SetHandleInformation(blind, 1, 1));
    assert_eq!(flags(blind), 1);
    let copy = duplicate(blind, 0, 0, 2).unwrap();
    assert_eq!(read(copy, 1), Err(5), "nor does a duplicate gain any");
    assert_eq!(duplicate(blind, GENERIC_READ, 0, 0), Err(5));
    [source, blind, copy].into_iter().for_each(close);
}

/// H-24, H-56, H-59 to H-64.
#[test]
fn duplicate_gets_the_rights_and_the_flag_of_the_call() {
    let source = null_device();
    succeeds(|| SetHandleInformation(source, 3, 1));
    let same = duplicate(source, 0, 0, 2).unwrap();
    assert_eq!(flags(same), 0);
    assert_eq!(write(same, b"x"), Ok(1));
    let reader = duplicate(source, GENERIC_READ, 1, 0).unwrap();
    assert_eq!(flags(reader), 1);
    assert_eq!(write(reader, b"x"), Err(5));
    assert_eq!(duplicate(reader, GENERIC_WRITE, 0, 0), Err(5));
    assert_eq!(duplicate(source, u32::MAX, 0, 0), Err(5));
    assert_eq!(duplicate(0x7654 as HANDLE, 0, 0, 2), Err(6));
    let process = duplicate(GetCurrentProcess(), 0, 0, 2).unwrap();
    succeeds(|| CompareObjectHandles(process, GetCurrentProcess()));
    succeeds(|| CompareObjectHandles(GetCurrentProcess(), process));
    close(process);
    let this = GetCurrentProcess();
    succeeds(|| unsafe { DuplicateHandle(this, source, this, ptr::null_mut(), 0, 0, 2) });
    fails(6, || unsafe {
        DuplicateHandle(source, source, this, ptr::null_mut(), 0, 0, 2)
    });
    [source, same, reader].into_iter().for_each(close);
}

/// H-66 to H-68, H-70.
#[test]
fn close_source_moves_a_handle() {
    let source = null_device();
    assert_eq!(
        duplicate(source, GENERIC_READ, 1, 1),
        Ok(source),
        "the value is kept"
    );
    assert_eq!(flags(source), 1);
    assert_eq!(write(source, b"x"), Err(5));
    assert_eq!(duplicate(source, GENERIC_WRITE, 0, 1), Err(5));
    fails(6, || CloseHandle(source));

    let source = null_device();
    succeeds(|| SetHandleInformation(source, 2, 2));
    let moved = duplicate(source, 0, 0, 3).unwrap();
    assert_ne!(moved, source);
    assert_eq!(flags(source), 2);
    succeeds(|| SetHandleInformation(source, 2, 0));
    close(moved);

    let this = GetCurrentProcess();
    let null = ptr::null_mut();
    succeeds(|| unsafe { DuplicateHandle(this, source, null, ptr::null_mut(), 0, 0, 1) });
    fails(6, || CloseHandle(source));
}

/// H-30, and H-32 for files: the flag is the attributes' also if the object exists already. H-125.
#[test]
fn opened_file_is_inheritable_if_the_attributes_say_so() {
    let attributes = inheritable(1);
    let name = w("NUL");
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_READ,
            0,
            &attributes,
            OPEN_EXISTING,
            0,
            ptr::null_mut(),
        )
    };
    assert_eq!(flags(handle), 1);
    close(handle);
}

/// H-55.
#[test]
fn standard_handles_are_the_streams() {
    let [input, output, error] = [-10_i32, -11, -12].map(|which| GetStdHandle(which as u32));
    for handle in [input, output, error] {
        assert!(matches!(GetFileType(handle), 1..=3));
    }
    assert_eq!(GetStdHandle(-11_i32 as u32), output);
    assert_eq!(write(error, b""), Ok(0));
    assert_eq!(last_error_of(|| GetStdHandle(5)), (INVALID_HANDLE_VALUE, 6));
    succeeds(|| CloseHandle(-12_i32 as u32 as usize as HANDLE));
    assert_eq!(last_error_of(|| GetFileType(error)), (0, 6));
    assert!(GetStdHandle(-12_i32 as u32).is_null());
    fails(6, || CloseHandle(-12_isize as HANDLE));
    assert!(!GetStdHandle(-10_i32 as u32).is_null());
}

#[test]
fn ids_and_times_are_those_of_the_system() {
    assert_eq!(GetCurrentProcessId(), std::process::id());
    let other = std::thread::spawn(|| GetCurrentThreadId()).join().unwrap();
    assert_ne!(GetCurrentThreadId(), other);
    let before = GetTickCount64();
    Sleep(30);
    Sleep(0);
    assert!(GetTickCount64() >= before + 29);
    assert!(GetTickCount().wrapping_sub(before as u32) >= 29);
}

#[test]
fn local_memory_is_zeroed_if_asked() {
    let block = LocalAlloc(0x40, 1_000).cast::<u8>();
    let bytes = unsafe { std::slice::from_raw_parts_mut(block, 1_000) };
    assert!(bytes.iter().all(|byte| *byte == 0));
    bytes.fill(1);
    assert!(unsafe { LocalFree(block.cast()) }.is_null());
    assert!(unsafe { LocalFree(ptr::null_mut()) }.is_null());
    assert_eq!(
        last_error_of(|| LocalAlloc(0, usize::MAX)),
        (ptr::null_mut(), 8)
    );
    let empty = LocalAlloc(0, 0);
    assert!(!empty.is_null());
    unsafe { LocalFree(empty) };
    let block = GlobalAlloc(0x40, 100).cast::<u8>();
    assert!(unsafe { GlobalSize(block.cast()) } >= 100);
    assert_eq!(unsafe { *block.add(99) }, 0);
    assert!(unsafe { GlobalFree(block.cast()) }.is_null());
}
