//! Operations that go on after their calls, on mailslots and files: results, waiting, cancelling, completion routines.

use std::cell::RefCell;
use std::ptr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tong_win32::cancel::{CancelIo, CancelIoEx, CancelSynchronousIo};
use tong_win32::event::SetEvent;
use tong_win32::mailslot::SetMailslotInfo;
use tong_win32::overlapped_result::{GetOverlappedResult, GetOverlappedResultEx};
use tong_win32::thread::{GetCurrentThread, SleepEx};
use tong_win32::transfer::{ReadFile, ReadFileEx, WriteFileEx};
use tong_win32::types::{FALSE, HANDLE, OVERLAPPED, TRUE};

use super::events::event;
use super::waits::look;
use crate::*;

const PENDING: usize = 0x103;
const OVERLAPPED_FLAG: u32 = 0x4000_0000;

/// One read, and where its bytes go.
pub(super) struct Read {
    pub(super) at: Box<OVERLAPPED>,
    pub(super) room: Box<[u8; 16]>,
}

impl Read {
    pub(super) fn new() -> Read {
        let at = OVERLAPPED {
            Internal: 42,
            InternalHigh: 43,
            ..at(0)
        };
        Read {
            at: Box::new(at),
            room: Box::new([0x55; 16]),
        }
    }

    pub(super) fn with_event(event: HANDLE) -> Read {
        let mut read = Read::new();
        read.at.hEvent = event;
        read
    }

    /// Starts it; on failure, the last error.
    pub(super) fn start(&mut self, handle: HANDLE) -> Result<u32, u32> {
        let mut count = 77;
        let room = self.room.as_mut_ptr().cast();
        let call = || unsafe { ReadFile(handle, room, 16, &mut count, &mut *self.at) };
        match last_error_of(call) {
            (FALSE, code) => {
                assert_eq!(count, 0);
                Err(code)
            }
            _ => Ok(count),
        }
    }

    #[track_caller]
    pub(super) fn pends(&mut self, handle: HANDLE) {
        assert_eq!(self.start(handle), Err(997));
        assert_eq!(self.internal(), PENDING);
    }

    pub(super) fn internal(&self) -> usize {
        unsafe { ptr::read_volatile(&self.at.Internal) }
    }

    /// Its result: the count, or the last error and the count.
    fn result(&mut self, handle: HANDLE, wait: i32) -> Result<u32, (u32, u32)> {
        let mut count = 77;
        let call = || unsafe { GetOverlappedResult(handle, &mut *self.at, &mut count, wait) };
        match last_error_of(call) {
            (FALSE, code) => Err((code, count)),
            _ => Ok(count),
        }
    }

    fn result_ex(&mut self, handle: HANDLE, ms: u32, alertable: i32) -> Result<u32, u32> {
        let mut count = 77;
        let call =
            || unsafe { GetOverlappedResultEx(handle, &mut *self.at, &mut count, ms, alertable) };
        match last_error_of(call) {
            (FALSE, code) => Err(code),
            _ => Ok(count),
        }
    }
}

/// M7.22, M7.24, M10.1; P22.4, P22.9, P22.10, P22.11.
#[test]
fn read_of_an_empty_mailslot_ends_when_a_message_comes() {
    let (server, name) = mailslot("abi-pends", 0, FOREVER);
    let client = client(&name);
    let event = event(true, true);
    let mut read = Read::with_event(event);
    read.pends(server);
    assert_eq!(read.at.InternalHigh, 43, "left alone");
    assert_eq!(look(event), 258);
    assert_eq!(read.result(server, FALSE), Err((996, 77)));
    write(client, b"message").unwrap();
    assert_eq!(read.result(server, TRUE), Ok(7));
    assert_eq!(&read.room[..8], b"message\x55");
    assert_eq!((read.at.Internal, read.at.InternalHigh), (0, 7));
    assert_eq!(look(event), 0);
    // Without an event.
    let mut read = Read::new();
    read.pends(server);
    write(client, b"again").unwrap();
    assert_eq!(read.result(server, TRUE), Ok(5));
    [event, client, server].into_iter().for_each(close);
}

/// M7.15: by the order in which they were started; M6.9.
#[test]
fn reads_that_wait_are_served_in_order() {
    let (server, name) = mailslot("abi-in-order", 0, FOREVER);
    let client = client(&name);
    let mut small = Read::new();
    let mut reads: Vec<_> = (0..4).map(|_| Read::new()).collect();
    let mut count = 0;
    let room = small.room.as_mut_ptr().cast();
    fails(997, || unsafe {
        ReadFile(server, room, 2, &mut count, &mut *small.at)
    });
    reads.iter_mut().for_each(|read| read.pends(server));
    for number in 0..4_u8 {
        write(client, &[number; 3]).unwrap();
    }
    assert_eq!(small.result(server, TRUE), Err((122, 0)));
    for (number, read) in (0..).zip(&mut reads) {
        assert_eq!(read.result(server, TRUE), Ok(3));
        assert_eq!(read.room[..3], [number; 3]);
    }
    [client, server].into_iter().for_each(close);
}

/// M7.20, M7.15: a thread that waits has its place among them.
#[test]
fn waiting_thread_stands_in_line_with_operations() {
    let (server, name) = mailslot("abi-mixed-line", 0, FOREVER);
    let client = client(&name);
    let (mut first, mut last) = (Read::new(), Read::new());
    first.pends(server);
    let value = server as usize;
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        scope.spawn(move || tell.send(read(value as HANDLE, 10).unwrap()).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        last.pends(server);
        write(client, b"1").unwrap();
        write(client, b"2").unwrap();
        write(client, b"3").unwrap();
        assert_eq!(told.recv().unwrap(), b"2");
    });
    assert_eq!(first.result(server, TRUE), Ok(1));
    assert_eq!(last.result(server, TRUE), Ok(1));
    assert_eq!((first.room[0], last.room[0]), (b'1', b'3'));
    [client, server].into_iter().for_each(close);
}

/// M7.22, M7.23, M7.27.
#[test]
fn read_ends_when_its_own_time_is_up() {
    let (server, _) = mailslot("abi-pending-timeout", 0, 80);
    let mut read = Read::new();
    let began = Instant::now();
    read.pends(server);
    succeeds(|| SetMailslotInfo(server, FOREVER));
    assert_eq!(read.result(server, TRUE), Err((121, 0)));
    assert!(began.elapsed() >= Duration::from_millis(80));
    assert_eq!(read.internal(), 0xC000_00B5);
    succeeds(|| SetMailslotInfo(server, 0));
    assert_eq!(Read::new().start(server), Err(121));
    close(server);
}

/// M7.25; P22.12, P22.20 to P22.24, P22.26, P22.27.
#[test]
fn canceled_reads_end_and_take_no_message() {
    let (server, name) = mailslot("abi-cancel", 0, FOREVER);
    let client = client(&name);
    let other = duplicate(server, 0, 0, 2).unwrap();
    let event = event(true, false);
    let (mut one, mut two, mut three) = (Read::with_event(event), Read::new(), Read::new());
    fails(1168, || CancelIoEx(server, ptr::null_mut()));
    succeeds(|| CancelIo(server));
    one.pends(server);
    two.pends(server);
    three.pends(server);
    // Through a duplicate: what counts is the open.
    let at: *mut OVERLAPPED = &mut *one.at;
    succeeds(|| CancelIoEx(other, at));
    assert_eq!(one.result(server, TRUE), Err((995, 0)));
    assert_eq!(one.internal(), 0xC000_0120);
    assert_eq!(look(event), 0);
    fails(1168, || CancelIoEx(server, at));
    // Another thread has started nothing.
    let value = server as usize;
    std::thread::spawn(move || succeeds(|| CancelIo(value as HANDLE)))
        .join()
        .unwrap();
    assert_eq!((two.internal(), three.internal()), (PENDING, PENDING));
    succeeds(|| CancelIo(other));
    assert_eq!(two.result(server, TRUE), Err((995, 0)));
    assert_eq!(three.result(server, TRUE), Err((995, 0)));
    one.pends(server);
    two.pends(server);
    succeeds(|| CancelIoEx(server, ptr::null_mut()));
    assert_eq!(one.result(server, TRUE), Err((995, 0)));
    write(client, b"kept").unwrap();
    assert_eq!(read(server, 10).unwrap(), b"kept");
    fails(6, || CancelIoEx(event, ptr::null_mut()));
    fails(6, || CancelIo(ptr::null_mut()));
    fails(1168, || CancelIoEx(client, ptr::null_mut()));
    [other, event, client, server].into_iter().for_each(close);
}

/// M8.4, P10.9.
#[test]
fn closing_the_last_handle_ends_reads_that_wait() {
    let (server, _) = mailslot("abi-close-pending", 0, FOREVER);
    let event = event(true, false);
    let mut read = Read::with_event(event);
    read.pends(server);
    let other = duplicate(server, 0, 0, 2).unwrap();
    close(server);
    // P10.10.
    assert_eq!(read.internal(), PENDING);
    close(other);
    assert_eq!(look(event), 0);
    assert_eq!(read.result(event, TRUE), Err((38, 0)));
    close(event);
}

/// P22.25.
#[test]
fn thread_is_called_out_of_a_read() {
    let (server, name) = mailslot("abi-cancel-synchronous", 0, FOREVER);
    let client = client(&name);
    fails(1168, || CancelSynchronousIo(GetCurrentThread()));
    let value = server as usize;
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let reader = scope.spawn(move || {
            let thread = duplicate(GetCurrentThread(), 0, 0, 2).unwrap();
            tell.send(thread as usize).unwrap();
            read(value as HANDLE, 10)
        });
        let thread = told.recv().unwrap() as HANDLE;
        let started = Instant::now();
        while last_error_of(|| CancelSynchronousIo(thread)).0 == FALSE {
            assert!(started.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
        assert_eq!(reader.join().unwrap(), Err(995));
        fails(1168, || CancelSynchronousIo(thread));
        close(thread);
    });
    // Operations that go on are not meant.
    let mut waits = Read::new();
    waits.pends(server);
    fails(1168, || CancelSynchronousIo(GetCurrentThread()));
    write(client, b"1").unwrap();
    assert_eq!(waits.result(server, TRUE), Ok(1));
    fails(6, || CancelSynchronousIo(server));
    [client, server].into_iter().for_each(close);
}

/// P22.13.
#[test]
fn result_is_waited_for_as_long_as_it_is_said() {
    let (server, name) = mailslot("abi-result-ex", 0, FOREVER);
    let client = client(&name);
    let mut read = Read::new();
    read.pends(server);
    let began = Instant::now();
    assert_eq!(read.result_ex(server, 30, FALSE), Err(258));
    assert!(began.elapsed() >= Duration::from_millis(30));
    queue_call();
    assert_eq!(read.result_ex(server, 0, TRUE), Err(996), "no call runs");
    assert_eq!(read.result_ex(server, FOREVER, TRUE), Err(192));
    assert_eq!(read.result_ex(server, 20, TRUE), Err(258));
    let value = server as usize;
    std::thread::scope(|scope| {
        let read = &mut read;
        let address = &mut *read.at as *mut OVERLAPPED as usize;
        let waiter = scope.spawn(move || {
            let mut count = 0;
            let at = address as *mut OVERLAPPED;
            let done = unsafe { GetOverlappedResultEx(value as HANDLE, at, &mut count, 60_000, 1) };
            (done, count)
        });
        std::thread::sleep(Duration::from_millis(50));
        write(client, b"12345").unwrap();
        assert_eq!(waiter.join().unwrap(), (TRUE, 5));
    });
    [client, server].into_iter().for_each(close);
}

fn queue_call() {
    extern "C-unwind" fn nothing(_data: usize) {}
    let queued = tong_win32::apc::QueueUserAPC(Some(nothing), GetCurrentThread(), 0);
    assert_eq!(queued, 1);
}

thread_local! {
    /// Codes, counts and operations that completion routines of this thread were called with.
    static CALLS: RefCell<Vec<(u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C-unwind" fn note(code: u32, count: u32, at: *mut OVERLAPPED) {
    CALLS.with_borrow_mut(|calls| calls.push((code, count, at.addr())));
}

fn calls() -> Vec<(u32, u32, usize)> {
    CALLS.take()
}

/// M7.26; P22.30 to P22.36.
#[test]
fn completion_routine_is_called_in_an_alertable_wait() {
    let (server, name) = mailslot("abi-routine", 0, FOREVER);
    let client = client(&name);
    let event = event(true, true);
    let mut read = Read::with_event(event);
    let at: *mut OVERLAPPED = &mut *read.at;
    let room = read.room.as_mut_ptr().cast();
    let start = |len| unsafe { ReadFileEx(server, room, len, at, Some(note)) };
    fails(87, || unsafe {
        ReadFileEx(server, room, 16, ptr::null_mut(), Some(note))
    });
    // Started, and ended by a message.
    assert_eq!(start(16), TRUE);
    assert_eq!(SleepEx(0, TRUE), 0);
    write(client, b"later").unwrap();
    assert_eq!(read.result(server, TRUE), Ok(5));
    assert_eq!(calls(), [], "not before an alertable wait");
    assert_eq!(SleepEx(FOREVER, TRUE), 192);
    assert_eq!(calls(), [(0, 5, at.addr())]);
    // Complete already.
    write(client, b"there").unwrap();
    let (started, code) = last_error_of(|| start(16));
    assert_eq!((started, code), (TRUE, 0));
    assert_eq!(calls(), []);
    assert_eq!(SleepEx(0, TRUE), 192);
    assert_eq!(calls(), [(0, 5, at.addr())]);
    assert_eq!(look(event), 0, "nobody touches the event");
    // Failed at once.
    write(client, b"long").unwrap();
    fails(122, || start(2));
    assert_eq!(SleepEx(0, TRUE), 0);
    assert_eq!(crate::read(server, 10).unwrap(), b"long");
    // Canceled.
    assert_eq!(start(16), TRUE);
    succeeds(|| CancelIoEx(server, at));
    assert_eq!(SleepEx(FOREVER, TRUE), 192);
    assert_eq!(calls(), [(995, 0, at.addr())]);
    [event, client, server].into_iter().for_each(close);
}

/// P22.30, P22.31, P22.34 for writes, and reads of files.
#[test]
fn completion_routines_of_files_and_of_writes() {
    let (server, name) = mailslot("abi-write-routine", 5, FOREVER);
    let plain = client(&name);
    let overlapped = create_file(&name, GENERIC_WRITE, 1, OPEN_EXISTING, OVERLAPPED_FLAG);
    let overlapped = overlapped.unwrap().0;
    let mut operation = Read::new();
    let at: *mut OVERLAPPED = &mut *operation.at;
    let send = |handle, len| unsafe {
        WriteFileEx(handle, b"message".as_ptr().cast(), len, at, Some(note))
    };
    fails(87, || send(plain, 3));
    fails(87, || send(overlapped, 7));
    assert_eq!(send(overlapped, 3), TRUE);
    assert_eq!(SleepEx(0, TRUE), 192);
    assert_eq!(calls(), [(0, 3, at.addr())]);
    assert_eq!(read(server, 10).unwrap(), b"mes");
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("file");
    std::fs::write(&name, b"0123456789").unwrap();
    let name = name.to_str().unwrap();
    let handle = create_file(
        name,
        GENERIC_READ | GENERIC_WRITE,
        7,
        OPEN_EXISTING,
        OVERLAPPED_FLAG,
    );
    let handle = handle.unwrap().0;
    operation.at.Offset = 7;
    let room = operation.room.as_mut_ptr().cast();
    assert_eq!(
        unsafe { ReadFileEx(handle, room, 16, at, Some(note)) },
        TRUE
    );
    assert_eq!(SleepEx(0, TRUE), 192);
    assert_eq!(calls(), [(0, 3, at.addr())]);
    assert_eq!(&operation.room[..3], b"789");
    operation.at.Offset = 10;
    fails(38, || unsafe {
        ReadFileEx(handle, room, 16, at, Some(note))
    });
    [handle, plain, overlapped, server]
        .into_iter()
        .for_each(close);
}

/// A FIFO that is opened overlapped is read as a pipe is.
#[test]
fn read_of_an_empty_fifo_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    let path = path.to_str().unwrap();
    assert_eq!(unsafe { libc::mkfifo(c(path).as_ptr(), 0o600) }, 0);
    let reader = create_file(path, GENERIC_READ, 7, OPEN_EXISTING, OVERLAPPED_FLAG);
    let reader = reader.unwrap().0;
    let event = event(true, false);
    let (mut first, mut second) = (Read::with_event(event), Read::new());
    first.pends(reader);
    second.pends(reader);
    let writer = create_file(path, GENERIC_WRITE, 7, OPEN_EXISTING, 0);
    let writer = writer.unwrap().0;
    assert_eq!(write(writer, b"through").unwrap(), 7);
    assert_eq!(first.result(reader, TRUE), Ok(7));
    assert_eq!(&first.room[..7], b"through");
    assert_eq!(second.internal(), PENDING);
    let at: *mut OVERLAPPED = &mut *second.at;
    succeeds(|| CancelIoEx(reader, at));
    assert_eq!(second.result(reader, TRUE), Err((995, 0)));
    second.pends(reader);
    close(writer);
    assert_eq!(second.result(reader, TRUE), Err((109, 0)));
    first.at.hEvent = event;
    assert_eq!(first.start(reader), Err(109));
    [reader, event].into_iter().for_each(close);
}

/// The event of an operation is not set by the end of the one before: a program that polls may be that quick.
#[test]
fn end_of_one_operation_is_never_taken_for_that_of_the_next() {
    let (server, name) = mailslot("abi-quick-reuse", 0, FOREVER);
    let client = client(&name);
    let event = event(true, false);
    let mut read = Read::with_event(event);
    for number in 0..2000_u32 {
        read.pends(server);
        write(client, &number.to_le_bytes()).unwrap();
        while read.internal() == PENDING {
            std::hint::spin_loop();
        }
        read.pends(server);
        assert_eq!(look(event), 258, "round {number}");
        let at: *mut OVERLAPPED = &mut *read.at;
        succeeds(|| CancelIoEx(server, at));
        while read.internal() == PENDING {
            std::hint::spin_loop();
        }
    }
    assert_eq!(SetEvent(event), TRUE);
    [event, client, server].into_iter().for_each(close);
}
