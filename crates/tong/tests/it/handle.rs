//! The handle table: values, flags, duplicates, ends of objects.

mod across;
mod inherit;
mod minion;

pub(crate) use minion::role_minion;

use tong::handle::{DuplicateRights, FlagChange, Flags, Handle, Kind, Object, Rights, Table};
use tong::object::file::{FileOptions, FilePath};
use tong::{ErrorKind, MailslotClient, MailslotServer, Result};

use crate::support;

fn null_device() -> Object {
    let opened = FileOptions::new()
        .open(&FilePath::native("/dev/null"))
        .unwrap();
    Object::File(opened.file)
}

fn insert(table: &Table) -> Handle {
    table
        .insert(null_device(), Kind::File.generic().all, false)
        .unwrap()
}

fn is_invalid<T: std::fmt::Debug>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::InvalidHandle)
}

/// H-7, H-8: multiples of four, not zero, the same in 32 bits and sign-extended, and the two low bits do not count.
#[test]
fn values_are_multiples_of_four() {
    let table = Table::new();
    for _ in 0..1_000 {
        let handle = insert(&table);
        assert!(
            handle.raw() > 0 && handle.raw() % 4 == 0 && handle.raw() < 1 << 31,
            "{handle:?}"
        );
        for low in 0..4 {
            assert!(table.get(Handle::from_raw(handle.raw() | low)).is_ok());
        }
        if handle.raw() % 8 == 0 {
            table.close(handle).unwrap();
        }
    }
}

/// H-4, H-83.
#[test]
fn values_that_were_never_given_out_are_invalid() {
    let table = Table::new();
    let handle = insert(&table);
    for value in [
        0,
        1,
        3,
        handle.raw() + 4,
        handle.raw() | 1 << 31,
        u32::MAX,
        u32::MAX - 6,
    ] {
        assert!(is_invalid(table.get(Handle::from_raw(value))), "{value:#x}");
        assert!(
            is_invalid(table.close(Handle::from_raw(value))),
            "{value:#x}"
        );
        assert!(
            is_invalid(table.flags(Handle::from_raw(value))),
            "{value:#x}"
        );
    }
}

/// H-82, H-85: a stale value is noticed although its slot is in use again many times over.
#[test]
fn closed_handle_stays_invalid_for_a_thousand_others() {
    let table = Table::new();
    let stale = insert(&table);
    table.close(stale).unwrap();
    for _ in 0..1_000 {
        assert!(is_invalid(table.close(stale)));
        let handle = insert(&table);
        assert_ne!(handle, stale);
        table.close(handle).unwrap();
    }
}

/// H-9.
#[test]
fn full_table_refuses_and_recovers() {
    let table = Table::with_limit(100);
    let handles: Vec<_> = (0..100).map(|_| insert(&table)).collect();
    let refused = table
        .insert(null_device(), Rights::NONE, false)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NoResources);
    let duplicate = table
        .duplicate(handles[0], DuplicateRights::Same, false)
        .unwrap_err();
    assert_eq!(duplicate.kind(), ErrorKind::NoResources);
    table.close(handles[50]).unwrap();
    insert(&table);
}

/// H-30, H-33 to H-35.
#[test]
fn flags_change_one_by_one() {
    let table = Table::new();
    let handle = table.insert(null_device(), Rights::NONE, true).unwrap();
    let change = |inherit, protect_from_close| {
        let change = FlagChange {
            inherit,
            protect_from_close,
        };
        table.set_flags(handle, change).unwrap();
        let flags = table.flags(handle).unwrap();
        (flags.inherit, flags.protect_from_close)
    };
    assert_eq!(change(None, None), (true, false));
    assert_eq!(change(None, Some(true)), (true, true));
    assert_eq!(change(Some(false), None), (false, true));
    assert_eq!(change(Some(true), Some(false)), (true, false));
}

/// H-84.
#[test]
fn protected_handle_is_not_closed() {
    let table = Table::new();
    let handle = insert(&table);
    let protect = |yes| FlagChange {
        protect_from_close: Some(yes),
        ..FlagChange::default()
    };
    table.set_flags(handle, protect(true)).unwrap();
    assert!(is_invalid(table.close(handle)));
    table.get(handle).unwrap();
    table.set_flags(handle, protect(false)).unwrap();
    table.close(handle).unwrap();
}

/// H-2, H-49, H-59, H-60, H-75, H-78, H-79.
#[test]
fn duplicate_is_the_same_object_with_flags_of_its_own() {
    let table = Table::new();
    let read = Kind::File.generic().read;
    let source = table.insert(null_device(), read, true).unwrap();
    let duplicate = table
        .duplicate(source, DuplicateRights::Same, false)
        .unwrap();
    let less = DuplicateRights::Exactly(Rights::FILE_READ_DATA);
    let lesser = table.duplicate(source, less, true).unwrap();
    assert_eq!(table.flags(duplicate).unwrap(), Flags::default());
    assert!(table.flags(lesser).unwrap().inherit);
    assert_eq!(table.get(duplicate).unwrap().granted(), read);
    assert_eq!(table.get(lesser).unwrap().granted(), Rights::FILE_READ_DATA);
    assert!(table.same_object(source, lesser).unwrap());
    assert!(!table.same_object(source, insert(&table)).unwrap());
    table.close(source).unwrap();
    assert!(
        table.get(duplicate).is_ok(),
        "closing the source closes only that"
    );
    assert!(is_invalid(table.same_object(source, duplicate)));
}

/// H-24, H-61, H-62.
#[test]
fn duplicate_of_a_file_never_has_more_rights() {
    let table = Table::new();
    let read = Kind::File.generic().read;
    let source = table.insert(null_device(), read, false).unwrap();
    let duplicate = |rights| table.duplicate(source, DuplicateRights::Exactly(rights), false);
    let granted = |rights| table.get(duplicate(rights).unwrap()).unwrap().granted();
    assert_eq!(granted(Rights::NONE), Rights::NONE);
    assert_eq!(granted(Rights::GENERIC_READ), read);
    assert_eq!(granted(Rights::MAXIMUM_ALLOWED), read);
    for more in [
        Rights::GENERIC_WRITE,
        Rights::FILE_APPEND_DATA,
        Rights::DELETE,
        Rights::from_bits(u32::MAX),
    ] {
        assert_eq!(
            duplicate(more).unwrap_err().kind(),
            ErrorKind::AccessDenied,
            "{more:?}"
        );
    }
    let without = table.get(duplicate(Rights::NONE).unwrap()).unwrap();
    let error = without.require_any(Rights::FILE_READ_DATA).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}

/// H-66, H-67, H-68.
#[test]
fn replacing_keeps_the_value_unless_the_source_is_protected() {
    let table = Table::new();
    let handle = insert(&table);
    let less = DuplicateRights::Exactly(Rights::FILE_READ_DATA);
    assert_eq!(table.replace(handle, less, true).unwrap(), handle);
    assert_eq!(table.get(handle).unwrap().granted(), Rights::FILE_READ_DATA);
    assert!(table.flags(handle).unwrap().inherit);

    let protect = FlagChange {
        protect_from_close: Some(true),
        ..FlagChange::default()
    };
    table.set_flags(handle, protect).unwrap();
    let new = table.replace(handle, DuplicateRights::Same, false).unwrap();
    assert_ne!(new, handle);
    assert!(table.flags(handle).unwrap().protect_from_close);

    let too_much = DuplicateRights::Exactly(Rights::GENERIC_ALL);
    assert!(table.replace(new, too_much, false).is_err());
    assert!(
        is_invalid(table.get(new)),
        "the source is closed on failure too"
    );
}

/// H-14, H-15: every cell of the table of generic rights.
#[test]
fn generic_rights_are_translated_by_kind() {
    let rows = [
        (
            Kind::Event,
            [0x0002_0001, 0x0002_0002, 0x0012_0000, 0x001F_0003],
        ),
        (
            Kind::Mutex,
            [0x0002_0001, 0x0002_0000, 0x0012_0000, 0x001F_0001],
        ),
        (
            Kind::Semaphore,
            [0x0002_0001, 0x0002_0002, 0x0012_0000, 0x001F_0003],
        ),
        (
            Kind::Timer,
            [0x0002_0001, 0x0002_0002, 0x0012_0000, 0x001F_0003],
        ),
        (
            Kind::Section,
            [0x0002_0005, 0x0002_0002, 0x0002_0008, 0x000F_001F],
        ),
        (
            Kind::Process,
            [0x0002_1410, 0x0002_0BEA, 0x0012_1001, 0x001F_FFFF],
        ),
        (
            Kind::Thread,
            [0x0002_0848, 0x0002_0437, 0x0012_1800, 0x001F_FFFF],
        ),
        (
            Kind::Job,
            [0x0002_0004, 0x0002_000B, 0x0012_0000, 0x001F_003F],
        ),
        (
            Kind::File,
            [0x0012_0089, 0x0012_0116, 0x0012_00A0, 0x001F_01FF],
        ),
        (
            Kind::Completion,
            [0x0002_0001, 0x0002_0002, 0x0012_0000, 0x001F_0003],
        ),
    ];
    let generic = [
        Rights::GENERIC_READ,
        Rights::GENERIC_WRITE,
        Rights::GENERIC_EXECUTE,
        Rights::GENERIC_ALL,
    ];
    for (kind, masks) in rows {
        for (asked, mask) in generic.into_iter().zip(masks) {
            // With the implied rights of H-19, which processes and threads add to their read rights.
            assert_eq!(asked.mapped(kind).unwrap().bits(), mask, "{kind} {asked:?}");
        }
    }
}

/// H-20: the bits that a mutex has not, each alone.
#[test]
fn rights_outside_the_kind_are_denied() {
    for bit in 0..32 {
        let asked = Rights::from_bits(1 << bit);
        // Bit 24 needs a privilege and is the caller's own business.
        let exists = matches!(bit, 0 | 16..=20 | 25 | 28..=31);
        assert_eq!(asked.mapped(Kind::Mutex).is_ok(), exists, "bit {bit}");
    }
}

/// H-19.
#[test]
fn greater_rights_imply_lesser_ones() {
    let mapped = |bits, kind| Rights::from_bits(bits).mapped(kind).unwrap().bits();
    assert_eq!(mapped(0x400, Kind::Process), 0x1400);
    assert_eq!(mapped(0x40, Kind::Thread), 0x840);
    assert_eq!(mapped(0x20, Kind::Thread), 0x420);
    assert_eq!(mapped(0x20, Kind::File), 0x20);
}

/// H-1 to H-3, as far as one process can see them: the rows tell what the table holds.
#[test]
fn rows_list_every_handle() {
    let table = Table::new();
    let first = insert(&table);
    let second = table
        .duplicate(first, DuplicateRights::Exactly(Rights::SYNCHRONIZE), true)
        .unwrap();
    let rows = table.rows();
    assert_eq!(
        rows.iter().map(|row| row.handle).collect::<Vec<_>>(),
        [first, second]
    );
    assert_eq!(rows[1].kind, Kind::File);
    assert_eq!(rows[1].granted, Rights::SYNCHRONIZE);
    assert!(rows[1].flags.inherit);
    assert_eq!(rows[0].name.as_deref(), Some("/dev/null"));
    table.close(first).unwrap();
    assert_eq!(table.rows().len(), 1);
}

/// H-3: any thread may use and close any handle; whoever closes first wins.
#[test]
fn threads_share_the_table() {
    let table = Table::new();
    let handles: Vec<_> = (0..2_000).map(|_| insert(&table)).collect();
    let closed: usize = std::thread::scope(|scope| {
        let close_all = || {
            handles
                .iter()
                .filter(|handle| table.close(**handle).is_ok())
                .count()
        };
        let threads = [scope.spawn(close_all), scope.spawn(close_all)];
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(closed, 2_000);
    assert!(table.rows().is_empty());
}

/// M1.6, M8.2, M8.3, M8.4: the last handle ends the mailslot, also for a read that still waits.
#[test]
fn last_handle_ends_a_mailslot_under_its_reader() {
    let name = support::name("handle-end");
    let table = Table::new();
    let server = MailslotServer::create(&name).unwrap();
    let handle = table
        .insert(
            Object::MailslotServer(server),
            Rights::FILE_READ_DATA,
            false,
        )
        .unwrap();
    let duplicate = table
        .duplicate(handle, DuplicateRights::Same, false)
        .unwrap();
    table.close(handle).unwrap();
    MailslotClient::open(&name).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let held = table.get(duplicate).unwrap();
            let Object::MailslotServer(server) = held.object() else {
                unreachable!()
            };
            server.recv(&mut [0; 10]).unwrap_err().kind()
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        table.close(duplicate).unwrap();
        assert_eq!(reader.join().unwrap(), ErrorKind::Closed);
    });
    assert_eq!(
        MailslotClient::open(&name).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
