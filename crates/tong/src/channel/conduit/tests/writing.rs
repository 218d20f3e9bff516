//! When writes are complete, what they leave when they are cancelled, and what flushes wait for.

use super::*;

/// P13.3, P13.4.
#[test]
fn write_is_complete_if_what_is_unread_fits_the_quota() {
    for (len, complete) in [(2000, true), (2001, false)] {
        let (mut inlet, _outlet) = bytes(5000);
        assert!(put(&mut inlet, &[1; 3000]).is_none());
        assert_eq!(put(&mut inlet, &vec![2; len]).is_none(), complete);
    }
}

/// P13.5, P13.7, P11.13.
#[test]
fn pending_write_completes_when_enough_of_it_was_read() {
    let (mut inlet, mut outlet) = messages(5000);
    let ticket = put(&mut inlet, &[7; 7000]).unwrap();
    assert_eq!(peek(&mut outlet, 0).1, 7000);
    assert!(!inlet.is_complete(&ticket).unwrap());
    read(&mut outlet, 1999, ReadMode::Message).unwrap();
    assert!(!inlet.is_complete(&ticket).unwrap());
    read(&mut outlet, 1, ReadMode::Message).unwrap();
    assert!(inlet.is_complete(&ticket).unwrap());
}

/// P13.6.
#[test]
fn small_write_pends_behind_a_pending_one() {
    let (mut inlet, mut outlet) = bytes(10);
    let first = put(&mut inlet, &[1; 15]).unwrap();
    let second = put(&mut inlet, &[2]).unwrap();
    assert_eq!(try_put(&mut inlet, &[3]), 0);
    read(&mut outlet, 5, ReadMode::Byte).unwrap();
    assert!(inlet.is_complete(&first).unwrap());
    assert!(!inlet.is_complete(&second).unwrap());
    read(&mut outlet, 1, ReadMode::Byte).unwrap();
    assert!(inlet.is_complete(&second).unwrap());
}

/// P13.9.
#[test]
fn with_no_quota_a_write_pends_until_all_of_it_was_read() {
    let (mut inlet, mut outlet) = messages(0);
    let ticket = put(&mut inlet, b"abc").unwrap();
    read(&mut outlet, 2, ReadMode::Message).unwrap();
    assert!(!inlet.is_complete(&ticket).unwrap());
    read(&mut outlet, 2, ReadMode::Message).unwrap();
    assert!(inlet.is_complete(&ticket).unwrap());
}

/// P13.10, P13.1.
#[test]
fn message_larger_than_the_quota_stays_one_message() {
    let (mut inlet, mut outlet) = messages(16);
    let long: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    assert!(put(&mut inlet, &long).is_some());
    assert_eq!(
        read(&mut outlet, long.len(), ReadMode::Message),
        whole(&long)
    );
}

/// P13.2.
#[test]
fn bytes_that_waiting_reads_take_do_not_count() {
    let (mut inlet, mut outlet) = bytes(4);
    outlet.set_wanted(10);
    assert!(put(&mut inlet, &[1; 14]).is_none());
    assert!(
        put(&mut inlet, &[2]).is_some(),
        "the 4 beyond are in the queue"
    );
    read(&mut outlet, 10, ReadMode::Byte).unwrap();
    assert!(put(&mut inlet, &[3; 2]).is_some(), "5 are unread");
    assert_eq!(peek(&mut outlet, 0).1, 7);
}

#[test]
fn what_waiting_reads_take_leaves_the_quota_to_the_next_write() {
    let (mut inlet, mut outlet) = bytes(5);
    outlet.set_wanted(5);
    assert_eq!(try_put(&mut inlet, &[1; 5]), 5);
    assert_eq!(try_put(&mut inlet, &[2; 5]), 5);
    assert_eq!(try_put(&mut inlet, &[3]), 0);
    assert_eq!(read(&mut outlet, 5, ReadMode::Byte), whole(&[1; 5]));
    assert_eq!(try_put(&mut inlet, &[3]), 0);
}

#[test]
fn take_ends_what_was_wanted() {
    let (mut inlet, mut outlet) = bytes(5);
    outlet.set_wanted(100);
    assert_eq!(try_put(&mut inlet, &[1; 5]), 5);
    read(&mut outlet, 5, ReadMode::Byte).unwrap();
    assert_eq!(try_put(&mut inlet, &[1; 6]), 0);
}

/// P13.11, P13.8.
#[test]
fn cancelled_write_takes_its_unread_bytes_back() {
    let (mut inlet, mut outlet) = messages(4);
    let ticket = put(&mut inlet, b"abcdefgh").unwrap();
    put(&mut inlet, b"next");
    assert_eq!(read(&mut outlet, 3, ReadMode::Message), part(b"abc"));
    assert!(!inlet.withdraw(ticket).was_complete);
    assert_eq!(inlet.unread().unwrap(), 4);
    assert_eq!(peek(&mut outlet, 9), (b"next".to_vec(), 4, 0, true));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"next"));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), None);
}

#[test]
fn byte_read_goes_over_what_was_taken_back() {
    let (mut inlet, mut outlet) = bytes(4);
    put(&mut inlet, b"ab");
    let first = put(&mut inlet, b"cdefg").unwrap();
    let second = put(&mut inlet, b"hij").unwrap();
    put(&mut inlet, b"kl");
    inlet.withdraw(first);
    assert_eq!(peek(&mut outlet, 99), (b"abhijkl".to_vec(), 7, 0, true));
    assert!(!inlet.is_complete(&second).unwrap());
    assert_eq!(read(&mut outlet, 99, ReadMode::Byte), whole(b"abhijkl"));
}

#[test]
fn write_that_is_complete_is_not_taken_back() {
    let (mut inlet, mut outlet) = messages(4);
    let ticket = put(&mut inlet, b"abcdefgh").unwrap();
    read(&mut outlet, 4, ReadMode::Message).unwrap();
    assert!(inlet.withdraw(ticket).was_complete);
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"efgh"));
}

#[test]
fn write_that_was_read_long_ago_is_not_taken_back() {
    let (mut inlet, mut outlet) = messages(4);
    let ticket = put(&mut inlet, b"abcdefgh").unwrap();
    for _ in 0..100 {
        read(&mut outlet, 2000, ReadMode::Message).unwrap();
        put(&mut inlet, &[1; 1000]);
    }
    assert!(inlet.withdraw(ticket).was_complete);
    assert_eq!(
        read(&mut outlet, 2000, ReadMode::Message),
        whole(&[1; 1000])
    );
}

/// P13.12.
#[test]
fn later_writes_complete_when_a_cancelled_one_makes_room() {
    let (mut inlet, mut outlet) = bytes(4);
    let first = put(&mut inlet, &[1; 100]).unwrap();
    let second = put(&mut inlet, &[2; 3]).unwrap();
    let third = put(&mut inlet, &[3; 2]).unwrap();
    assert!(!inlet.is_complete(&second).unwrap());
    inlet.withdraw(first);
    assert!(inlet.is_complete(&second).unwrap());
    assert!(!inlet.is_complete(&third).unwrap());
    inlet.withdraw(third);
    assert!(put(&mut inlet, &[4]).is_none());
    assert_eq!(read(&mut outlet, 99, ReadMode::Byte), whole(&[2, 2, 2, 4]));
}

#[test]
fn memory_of_what_is_taken_back_comes_back_though_nobody_reads() {
    let (geometry, quota) = (Geometry::new(1, 4096, 1 << 30), 4);
    let memory = ChannelMemory::create(c"tong-test", geometry).unwrap();
    let mut inlet = Inlet::new(&memory, 0, quota, PipeType::Message).unwrap();
    let mut outlet = Outlet::new(&memory, 0, quota, PipeType::Message).unwrap();
    put(&mut inlet, b"abc");
    for _ in 0..200 {
        let ticket = put(&mut inlet, &vec![1; 1 << 20]).unwrap();
        assert!(!inlet.withdraw(ticket).was_complete);
    }
    let used = rustix::fs::fstat(memory.memory().unwrap())
        .unwrap()
        .st_blocks
        * 512;
    assert!(used < 20 << 20, "{used} bytes of 200 MiB are left");
    put(&mut inlet, &vec![2; 1 << 20]);
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"abc"));
    let last = read(&mut outlet, 1 << 20, ReadMode::Message);
    assert_eq!(last, whole(&vec![2; 1 << 20]));
}

#[test]
fn places_of_what_was_taken_back_are_used_again() {
    let (mut inlet, mut outlet) = messages(100);
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2000 {
        let long = vec![1; 20_000 + random.usize(..20_000)];
        let ticket = put(&mut inlet, &long).unwrap();
        if random.bool() {
            read(&mut outlet, random.usize(..9000), ReadMode::Message);
        }
        inlet.withdraw(ticket);
        let message = vec![random.u8(..); random.usize(1..50_000)];
        inlet.put(&message, Put::Unlimited).unwrap();
        assert_eq!(
            read(&mut outlet, 50_000, ReadMode::Message),
            whole(&message)
        );
    }
}

/// P14.10: what waits, what is written, what a byte pipe and a message pipe take.
#[test]
fn table_of_writes_that_do_not_wait() {
    for (waiting, len, of_bytes, of_message) in [
        (None, 512, 512, 512),
        (None, 513, 0, 0),
        (Some(32768), 513, 513, 513),
        (Some(1), 513, 513, 513),
        (Some(1), 514, 1, 0),
    ] {
        for (kind, expected) in [(PipeType::Byte, of_bytes), (PipeType::Message, of_message)] {
            let (mut inlet, mut outlet) = ends(512, kind);
            outlet.set_wanted(waiting.unwrap_or(0));
            let case = format!("{waiting:?} waits, write of {len}, {kind:?}");
            assert_eq!(try_put(&mut inlet, &vec![5; len]), expected, "{case}");
            assert_eq!(inlet.unread().unwrap(), expected as u64, "{case}");
            assert_eq!(peek(&mut outlet, 0).3, expected != 0, "{case}");
        }
    }
}

/// P14.7, P14.8: waiting reads take of the first entry only.
#[test]
fn write_that_does_not_wait_fits_beside_what_is_queued_or_not_at_all() {
    let (mut inlet, mut outlet) = bytes(10);
    outlet.set_wanted(3);
    put(&mut inlet, &[1; 4]);
    assert_eq!(try_put(&mut inlet, &[2; 10]), 0, "1 beside the read");
    assert_eq!(try_put(&mut inlet, &[2; 9]), 9);
    assert_eq!(try_put(&mut inlet, &[3]), 0);
}

/// P15.1, P15.3.
#[test]
fn flush_ends_when_everything_before_it_was_read() {
    let (mut inlet, mut outlet) = bytes(4);
    put(&mut inlet, b"abc");
    put(&mut inlet, b"pending");
    let mark = inlet.mark();
    put(&mut inlet, b"later");
    assert!(!inlet.is_flushed(&mark).unwrap());
    read(&mut outlet, 9, ReadMode::Byte).unwrap();
    assert!(!inlet.is_flushed(&mark).unwrap());
    read(&mut outlet, 1, ReadMode::Byte).unwrap();
    assert!(inlet.is_flushed(&mark).unwrap());
}

/// P15.2.
#[test]
fn flush_of_an_empty_queue_ends_at_once() {
    let (mut inlet, mut outlet) = messages(4);
    let mark = inlet.mark();
    assert!(inlet.is_flushed(&mark).unwrap());
    put(&mut inlet, b"abc");
    read(&mut outlet, 9, ReadMode::Message).unwrap();
    let mark = inlet.mark();
    assert!(inlet.is_flushed(&mark).unwrap());
}

/// P15.6, P13.12.
#[test]
fn flush_ends_when_the_rest_was_taken_back() {
    let (mut inlet, mut outlet) = bytes(2);
    put(&mut inlet, b"ab");
    let ticket = put(&mut inlet, b"cd").unwrap();
    let mark = inlet.mark();
    read(&mut outlet, 1, ReadMode::Byte).unwrap();
    inlet.withdraw(ticket);
    assert!(!inlet.is_flushed(&mark).unwrap());
    read(&mut outlet, 1, ReadMode::Byte).unwrap();
    assert!(inlet.is_flushed(&mark).unwrap());
}

/// P15.8.
#[test]
fn flush_waits_for_an_empty_message() {
    let (mut inlet, mut outlet) = messages(100);
    put(&mut inlet, b"abc");
    put(&mut inlet, b"");
    let mark = inlet.mark();
    put(&mut inlet, b"");
    read(&mut outlet, 9, ReadMode::Message).unwrap();
    assert!(!inlet.is_flushed(&mark).unwrap());
    read(&mut outlet, 9, ReadMode::Message).unwrap();
    assert!(inlet.is_flushed(&mark).unwrap());
}
