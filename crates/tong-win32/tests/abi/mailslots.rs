//! Mailslots through C: names, access by kind of handle, reading, writing, information.

use std::ptr;
use std::time::{Duration, Instant};

use tong_win32::error::GetLastError;
use tong_win32::file::{CreateFileW, FlushFileBuffers, GetFileSize, GetFileType, SetFilePointer};
use tong_win32::handle::{CloseHandle, DuplicateHandle, GetCurrentProcess, GetHandleInformation};
use tong_win32::mailslot::{CreateMailslotA, CreateMailslotW, GetMailslotInfo, SetMailslotInfo};
use tong_win32::transfer::{ReadFile, WriteFile};
use tong_win32::types::{HANDLE, INVALID_HANDLE_VALUE, TRUE};

use crate::*;

/// Maximum, next, count and time-out.
fn info(mailslot: HANDLE) -> [u32; 4] {
    let [mut max, mut next, mut count, mut timeout] = [1, 2, 3, 4];
    succeeds(|| unsafe {
        GetMailslotInfo(mailslot, &mut max, &mut next, &mut count, &mut timeout)
    });
    [max, next, count, timeout]
}

fn creation_error(name: *const std::ffi::c_char) -> u32 {
    let (handle, code) = last_error_of(|| unsafe { CreateMailslotA(name, 0, 0, ptr::null()) });
    assert_eq!(handle, INVALID_HANDLE_VALUE);
    code
}

/// M2.7, M2.8, M2.9, M2.10, M11.12.
#[test]
fn creation_says_what_is_wrong_with_a_name() {
    assert_eq!(creation_error(ptr::null()), 3);
    assert_eq!(creation_error(c("").as_ptr()), 3);
    for name in [
        "blah",
        r"\\.\mailslot",
        r"\\.\mailslot\",
        r"\\*\mailslot\x",
        r"\\host\mailslot\x",
        r"\\.\pipe\x",
    ] {
        assert_eq!(creation_error(c(name).as_ptr()), 123, "{name}");
    }
    let long = format!(r"\\.\mailslot\{}", "x".repeat(300));
    assert_eq!(creation_error(c(&long).as_ptr()), 206);
    assert_eq!(creation_error(c"\\\\.\\mailslot\\\xff".as_ptr()), 1113);
    let lone = [0x5C, 0x5C, 0x2E, 0x5C, 0xD800, 0_u16];
    let wide = last_error_of(|| unsafe { CreateMailslotW(lone.as_ptr(), 0, 0, ptr::null()) });
    assert_eq!(wide, (INVALID_HANDLE_VALUE, 1113));
}

/// M2.3, M3.3.
#[test]
fn second_creation_fails_in_any_case_of_letters() {
    let (server, name) = mailslot("abi-second", 0, 0);
    assert_eq!(creation_error(c(&name).as_ptr()), 183);
    assert_eq!(creation_error(c(&name.to_uppercase()).as_ptr()), 183);
    close(server);
    close(mailslot("abi-second", 0, 0).0);
}

/// M2.3, M2.5, M4.1: the same mailslot through narrow and wide names of several spellings.
#[test]
fn spellings_of_one_name_lead_to_one_mailslot() {
    let (server, _) = mailslot("abi-통-spelled", 0, 0);
    for name in [
        r"\\.\mailslot\abi-통-spelled",
        "//./MAILSLOT//ABI-통-SPELLED.",
        r"\\.\MailSlot\x\..\abi-통-spelled ",
    ] {
        close(client(name));
        let wide = w(name);
        let handle = unsafe {
            CreateFileW(
                wide.as_ptr(),
                GENERIC_WRITE,
                0,
                ptr::null(),
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            )
        };
        assert_ne!(handle, INVALID_HANDLE_VALUE, "{name}");
        close(handle);
    }
    close(server);
}

/// M2.9, M4.2, M4.8, M8.8, M11.11: what leads to no mailslot.
#[test]
fn opening_what_is_not_there_fails() {
    for name in [r"\\.\mailslot\abi-none", r"\\.\mailslot", r"\\.\mailslot\"] {
        for disposition in [CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS] {
            assert_eq!(
                create_file(name, GENERIC_WRITE, 3, disposition, 0),
                Err(2),
                "{name} {disposition}"
            );
        }
    }
    for name in [
        r"\\*\mailslot\x",
        r"\\some-other-host\mailslot\x",
        r"//some-other-host/MailSlot/x",
    ] {
        assert_eq!(
            create_file(name, GENERIC_WRITE, 3, OPEN_EXISTING, 0),
            Err(3025),
            "{name}"
        );
    }
    let (server, name) = mailslot("abi-gone", 0, 0);
    close(server);
    assert_eq!(
        create_file(&name, GENERIC_WRITE, 3, OPEN_EXISTING, 0),
        Err(2)
    );
}

/// M4.3 to M4.9, M4.11, H-148: every access, share mode and disposition opens, and sets the last error to 0.
#[test]
fn clients_open_with_any_access_and_share_mode() {
    let (server, name) = mailslot("abi-open", 0, 0);
    let mut handles = Vec::new();
    for access in [0, GENERIC_READ, GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE] {
        for share in 0..8 {
            for disposition in 1..=5 {
                let (handle, code) = create_file(&name, access, share, disposition, 0).unwrap();
                assert_eq!(code, 0);
                let expected = if access & GENERIC_WRITE == 0 {
                    Err(5)
                } else {
                    Ok(1)
                };
                assert_eq!(write(handle, b"x"), expected, "access {access:#x}");
                handles.push(handle);
            }
        }
    }
    assert_eq!(create_file(&name, GENERIC_WRITE, 1, 0, 0), Err(87));
    assert_eq!(create_file(&name, GENERIC_WRITE, 1, 6, 0), Err(87));
    assert_eq!(
        create_file(&name, 0x0100_0000, 1, OPEN_EXISTING, 0),
        Err(1314)
    );
    handles.into_iter().for_each(close);
    close(server);
}

/// M3.6, M4.10, H-30.
#[test]
fn security_attributes_set_the_inherit_flag() {
    let name = r"\\.\mailslot\abi-inherit";
    let (_server, _) = mailslot("abi-inherit-dir", 0, 0);
    for (attributes, expected) in [(None, 0), (Some(0), 0), (Some(1), 1), (Some(-7), 1)] {
        let attributes = attributes.map(inheritable);
        let attributes = attributes.as_ref().map_or(ptr::null(), ptr::from_ref);
        let server = unsafe { CreateMailslotA(c(name).as_ptr(), 0, 0, attributes) };
        let client = unsafe {
            CreateFileW(
                w(name).as_ptr(),
                0,
                0,
                attributes,
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            )
        };
        for handle in [server, client] {
            let mut flags = 9;
            succeeds(|| unsafe { GetHandleInformation(handle, &mut flags) });
            assert_eq!(flags, expected);
            close(handle);
        }
    }
}

/// M5.1, M5.3, M5.4, M5.6.
#[test]
fn each_kind_of_handle_knows_its_own_calls() {
    let (server, name) = mailslot("abi-kinds", 0, 0);
    assert_eq!(write(server, b"x"), Err(5));
    let client = create_file(&name, GENERIC_READ | GENERIC_WRITE, 3, OPEN_EXISTING, 0)
        .unwrap()
        .0;
    assert_eq!(write(server, b"x"), Err(5));
    write(client, b"kept").unwrap();
    assert_eq!(read(client, 10), Err(5));
    let null = ptr::null_mut();
    fails(87, || unsafe {
        GetMailslotInfo(client, null, null, null, null)
    });
    fails(87, || SetMailslotInfo(client, 5));
    fails(6, || unsafe {
        GetMailslotInfo(INVALID_HANDLE_VALUE, null, null, null, null)
    });
    fails(6, || SetMailslotInfo(ptr::null_mut(), 5));
    for handle in [server, client] {
        assert_eq!(last_error_of(|| GetFileType(handle)), (0, 0));
        assert_eq!(
            last_error_of(|| unsafe { GetFileSize(handle, null) }),
            (u32::MAX, 1)
        );
        assert_eq!(
            last_error_of(|| unsafe { SetFilePointer(handle, 0, ptr::null_mut(), 0) }),
            (u32::MAX, 1)
        );
        fails(1, || FlushFileBuffers(handle));
    }
    assert_eq!(
        read(server, 10).unwrap(),
        b"kept",
        "the queue is untouched by all this"
    );
    close(client);
    close(server);
}

/// M3.4, M3.5, M9.1 to M9.8.
#[test]
fn information_follows_the_queue() {
    for (max, timeout) in [(0, 0), (64, 1_000), (u32::MAX, FOREVER)] {
        let (server, _) = mailslot("abi-info", max, timeout);
        assert_eq!(info(server), [max, u32::MAX, 0, timeout]);
        close(server);
    }
    let (server, name) = mailslot("abi-info", 0, 0);
    let client = client(&name);
    for (message, expected) in [
        ("", [0, 0, 1, 0]),
        ("abc", [0, 0, 2, 0]),
        ("", [0, 0, 3, 0]),
    ] {
        write(client, message.as_bytes()).unwrap();
        assert_eq!(info(server), expected);
    }
    assert_eq!(read(server, 10).unwrap(), b"");
    assert_eq!(info(server), [0, 3, 2, 0]);
    assert_eq!(read(server, 10).unwrap(), b"abc");
    assert_eq!(info(server), [0, 0, 1, 0]);
    let null = ptr::null_mut();
    succeeds(|| unsafe { GetMailslotInfo(server, null, null, null, null) });
    close(client);
    close(server);
}

/// M6.1 to M6.5, M7.1 to M7.7.
#[test]
fn messages_are_whole_and_kept_until_they_fit() {
    let (server, name) = mailslot("abi-whole", 4, 0);
    let client = client(&name);
    assert_eq!(write(client, b"four"), Ok(4));
    assert_eq!(write(client, b"fives"), Err(87));
    assert_eq!(write(client, b""), Ok(0));
    assert_eq!(read(server, 3), Err(122));
    assert_eq!(read(server, 0), Err(122));
    assert_eq!(info(server), [4, 4, 2, 0]);
    assert_eq!(read(server, 100).unwrap(), b"four");
    assert_eq!(
        read(server, 0).unwrap(),
        b"",
        "an empty message fits everywhere"
    );
    assert_eq!(read(server, 0), Err(121));
    close(client);
    close(server);
}

/// M6.6: a write that cannot be stored fails and queues nothing.
#[test]
fn full_queue_is_not_enough_memory() {
    let (server, name) = mailslot("abi-full", 0, 0);
    let client = client(&name);
    let message = vec![7; 1 << 20];
    let stored = (0..100).take_while(|_| write(client, &message).is_ok());
    let stored = stored.count() as u32;
    assert_eq!(write(client, &message), Err(8));
    assert_eq!(info(server)[2], stored);
    assert_eq!(read(server, 1 << 20).unwrap(), message);
    assert_eq!(write(client, &message), Ok(1 << 20));
    close(client);
    close(server);
}

/// M7.8, M7.9, M7.10, M9.10, M7.20.
#[test]
fn empty_queue_times_out_as_the_mailslot_says() {
    let (server, _) = mailslot("abi-timeout", 0, 0);
    assert_eq!(read(server, 10), Err(121));
    assert_eq!(read(server, 0), Err(121));
    succeeds(|| SetMailslotInfo(server, 120));
    assert_eq!(info(server)[3], 120);
    let start = Instant::now();
    assert_eq!(read(server, 10), Err(121));
    assert!(start.elapsed() >= Duration::from_millis(119));
    succeeds(|| SetMailslotInfo(server, FOREVER));
    assert_eq!(info(server)[3], FOREVER);
    close(server);
}

/// M7.11, M7.12.
#[test]
fn read_waits_for_a_message() {
    let (server, name) = mailslot("abi-wait", 0, FOREVER);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            let client = client(&name);
            write(client, b"late").unwrap();
            close(client);
        });
        assert_eq!(read(server, 10).unwrap(), b"late");
    });
    close(server);
}

/// M7.14, H-27, H-141: the order of checks: count, handle, right, buffer.
#[test]
fn count_is_cleared_before_anything_is_checked() {
    let (server, name) = mailslot("abi-order", 0, 0);
    let client = client(&name);
    let null = ptr::null_mut();
    for (handle, code) in [
        (ptr::null_mut(), 6),
        (INVALID_HANDLE_VALUE, 6),
        (client, 5),
        (server, 998),
    ] {
        let mut count = 77;
        fails(code, || unsafe {
            ReadFile(handle, null, 4, &mut count, ptr::null_mut())
        });
        assert_eq!(count, 0);
    }
    for (handle, code) in [
        (ptr::null_mut(), 6),
        (INVALID_HANDLE_VALUE, 6),
        (server, 5),
        (client, 1784),
    ] {
        let mut count = 77;
        fails(code, || unsafe {
            WriteFile(handle, null, 4, &mut count, ptr::null_mut())
        });
        assert_eq!(count, 0);
    }
    close(client);
    close(server);
}

/// M3.2, M6.10, M7.21, M7.23.
#[test]
fn overlapped_calls_that_need_no_waiting_complete_at_once() {
    let (server, name) = mailslot("abi-overlapped", 0, 0);
    let client = client(&name);
    assert_eq!(read_at(server, 10, &mut at(0)), Err(121));
    let mut overlapped = at(0);
    let mut written = 0;
    succeeds(|| unsafe {
        WriteFile(
            client,
            b"abc".as_ptr().cast(),
            3,
            &mut written,
            &mut overlapped,
        )
    });
    assert_eq!(
        (written, overlapped.Internal, overlapped.InternalHigh),
        (3, 0, 3)
    );
    assert_eq!(read_at(server, 2, &mut at(0)), Err(122));
    let mut overlapped = at(0);
    assert_eq!(read_at(server, 10, &mut overlapped).unwrap(), b"abc");
    assert_eq!((overlapped.Internal, overlapped.InternalHigh), (0, 3));
    let mut with_event = at(0);
    with_event.hEvent = server;
    assert_eq!(read_at(server, 10, &mut with_event), Err(6), "no event");
    let event = super::events::event(true, true);
    with_event.hEvent = event;
    assert_eq!(read_at(server, 10, &mut with_event), Err(121));
    assert_eq!(super::waits::look(event), 258, "reset when the call began");
    write(client, b"abc").unwrap();
    assert_eq!(read_at(server, 10, &mut with_event).unwrap(), b"abc");
    assert_eq!(super::waits::look(event), 0, "and set when it was done");
    let waiting_only = duplicate(event, 0x10_0000, 0, 0).unwrap();
    with_event.hEvent = waiting_only;
    assert_eq!(read_at(server, 10, &mut with_event), Err(5));
    close(event);
    close(waiting_only);
    close(client);
    close(server);
}

/// M1.7, M3.8, M8.3, M8.6, M8.7.
#[test]
fn client_of_a_closed_mailslot_fails_and_still_closes() {
    let (server, name) = mailslot("abi-closed", 0, 0);
    let old = client(&name);
    write(old, b"unread").unwrap();
    close(server);
    assert_eq!(write(old, b"x"), Err(38));
    let (server, name) = mailslot("abi-closed", 0, 0);
    assert_eq!(write(old, b"x"), Err(38), "the new mailslot is another one");
    assert_eq!(read(server, 10), Err(121));
    let new = client(&name);
    write(new, b"x").unwrap();
    [old, new, server].into_iter().for_each(close);
}

/// M8.4.
#[test]
fn read_ends_when_the_last_server_handle_is_closed() {
    let (server, _) = mailslot("abi-close-read", 0, FOREVER);
    let value = server as usize;
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || read(value as HANDLE, 10));
        std::thread::sleep(Duration::from_millis(100));
        close(server);
        assert_eq!(reader.join().unwrap(), Err(38));
    });
}

/// M1.6, M1.10, M8.2, M10.4, M10.6; H-43, H-61.
#[test]
fn duplicate_of_a_server_handle_keeps_the_mailslot() {
    let (server, name) = mailslot("abi-duplicate", 0, 0);
    let mut duplicate = ptr::null_mut();
    let this = GetCurrentProcess();
    succeeds(|| unsafe { DuplicateHandle(this, server, this, &mut duplicate, 0, 0, 2) });
    fails(5, || unsafe {
        DuplicateHandle(
            this,
            server,
            this,
            &mut ptr::null_mut(),
            GENERIC_WRITE,
            0,
            0,
        )
    });
    succeeds(|| SetMailslotInfo(server, 3));
    close(server);
    assert_eq!(info(duplicate)[3], 3);
    let client = client(&name);
    write(client, b"abc").unwrap();
    assert_eq!(read(duplicate, 10).unwrap(), b"abc");
    let mut blind = ptr::null_mut();
    assert_eq!(
        unsafe { DuplicateHandle(this, duplicate, this, &mut blind, 0, 0, 0) },
        TRUE
    );
    assert_eq!(
        read(blind, 10),
        Err(5),
        "a duplicate without rights reads nothing"
    );
    [blind, client, duplicate].into_iter().for_each(close);
    assert_eq!(CloseHandle(duplicate), 0);
    assert_eq!(GetLastError(), 6);
}
