//! Completion ports: packets, opens that are tied to them, and the pool's callbacks for ended operations.

use std::ffi::c_void;
use std::ptr;
use std::sync::{mpsc, Mutex};
use std::time::{Duration, Instant};

use tong_win32::cancel::CancelIoEx;
use tong_win32::completion_port::{
    BindIoCompletionCallback, CreateIoCompletionPort, GetQueuedCompletionStatus,
    GetQueuedCompletionStatusEx, PostQueuedCompletionStatus, SetFileCompletionNotificationModes,
    OVERLAPPED_ENTRY,
};
use tong_win32::handle::CloseHandle;
use tong_win32::thread::GetCurrentThread;
use tong_win32::threadpool::io::{
    CancelThreadpoolIo, CloseThreadpoolIo, CreateThreadpoolIo, StartThreadpoolIo,
    WaitForThreadpoolIoCallbacks,
};
use tong_win32::threadpool::{Instance, Item};
use tong_win32::transfer::ReadFileEx;
use tong_win32::types::{FALSE, HANDLE, INVALID_HANDLE_VALUE, OVERLAPPED, TRUE};

use super::events::event;
use super::overlapped::Read;
use super::waits::{look, look_for};
use crate::*;

fn port() -> HANDLE {
    let port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 0);
    assert!(!port.is_null());
    port
}

fn tie(file: HANDLE, port: HANDLE, key: usize) {
    assert_eq!(CreateIoCompletionPort(file, port, key, 0), port);
}

/// The next packet: outcome, last error, bytes, key and operation.
fn get(port: HANDLE, ms: u32) -> (i32, u32, u32, usize, usize) {
    let (mut bytes, mut key, mut at) = (77, 78, 79 as *mut OVERLAPPED);
    let get = || unsafe { GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut at, ms) };
    let (outcome, code) = last_error_of(get);
    (outcome, code, bytes, key, at.addr())
}

const NOTHING: (i32, u32, u32, usize, usize) = (FALSE, 258, 77, 78, 0);

#[test]
fn packets_of_the_program_come_out_in_order() {
    let port = port();
    assert_eq!(get(port, 0), NOTHING);
    for number in 1..=3_usize {
        let at = (number * 16) as *mut OVERLAPPED;
        succeeds(|| PostQueuedCompletionStatus(port, number as u32, number * 2, at));
    }
    assert_eq!(get(port, 0), (TRUE, UNTOUCHED, 1, 2, 16));
    assert_eq!(get(port, FOREVER), (TRUE, UNTOUCHED, 2, 4, 32));
    assert_eq!(get(port, 10), (TRUE, UNTOUCHED, 3, 6, 48));
    let began = Instant::now();
    assert_eq!(get(port, 30), NOTHING);
    assert!(began.elapsed() >= Duration::from_millis(30));
    close(port);
}

#[test]
fn many_packets_are_taken_at_once() {
    let port = port();
    let entry = || OVERLAPPED_ENTRY {
        lpCompletionKey: 0,
        lpOverlapped: ptr::null_mut(),
        Internal: 7,
        dwNumberOfBytesTransferred: 0,
    };
    let mut entries = [(); 4].map(|()| entry());
    let mut get = |count, ms, alertable| {
        let mut removed = 77;
        let entries = entries.as_mut_ptr();
        let get = || unsafe {
            GetQueuedCompletionStatusEx(port, entries, count, &mut removed, ms, alertable)
        };
        (last_error_of(get), removed)
    };
    assert_eq!(get(4, 0, FALSE), ((FALSE, 258), 0));
    assert_eq!(get(4, 5, TRUE), ((FALSE, 258), 0));
    assert_eq!(get(0, 0, FALSE).0, (FALSE, 87));
    for key in 0..6 {
        succeeds(|| PostQueuedCompletionStatus(port, 1, key, ptr::null_mut()));
    }
    assert_eq!(get(4, FOREVER, FALSE), ((TRUE, UNTOUCHED), 4));
    assert_eq!(get(4, FOREVER, TRUE), ((TRUE, UNTOUCHED), 2));
    extern "C-unwind" fn nothing(_data: usize) {}
    let thread = GetCurrentThread();
    assert_eq!(tong_win32::apc::QueueUserAPC(Some(nothing), thread, 0), 1);
    assert_eq!(get(4, 0, FALSE), ((FALSE, 258), 0));
    assert_eq!(get(4, FOREVER, TRUE), ((FALSE, 192), 0));
    assert_eq!((entries[0].lpCompletionKey, entries[0].Internal), (4, 0));
    assert_eq!(entries[1].dwNumberOfBytesTransferred, 1);
    close(port);
}

#[test]
fn closing_the_last_handle_ends_waits() {
    let port = port();
    let other = duplicate(port, 0, 0, 2).unwrap();
    let value = port as usize;
    std::thread::scope(|scope| {
        let waits = [false, true].map(|alertable| {
            scope.spawn(move || match alertable {
                false => get(value as HANDLE, FOREVER).1,
                true => {
                    let mut entry = std::mem::MaybeUninit::uninit();
                    let mut removed = 0;
                    let (port, entry) = (value as HANDLE, entry.as_mut_ptr());
                    let get = || unsafe {
                        GetQueuedCompletionStatusEx(port, entry, 1, &mut removed, FOREVER, TRUE)
                    };
                    last_error_of(get).1
                }
            })
        });
        std::thread::sleep(Duration::from_millis(50));
        close(other);
        close(port);
        for wait in waits {
            assert_eq!(wait.join().unwrap(), 735);
        }
    });
    fails(6, || {
        PostQueuedCompletionStatus(port, 0, 0, ptr::null_mut())
    });
}

/// P22.40; M10.3.
#[test]
fn ports_are_made_and_tied_by_the_rules() {
    let make = |file, port| last_error_of(|| CreateIoCompletionPort(file, port, 0, 0));
    let (server, name) = mailslot("abi-port-ties", 0, FOREVER);
    let (port, plain) = (port(), client(&name));
    let refused = |code| (ptr::null_mut(), code);
    assert_eq!(make(INVALID_HANDLE_VALUE, port), refused(87));
    assert_eq!(make(plain, port), refused(87), "a synchronous open");
    assert_eq!(make(port, port), refused(6));
    assert_eq!(make(server, server), refused(6));
    assert_eq!(make(ptr::null_mut(), port), refused(6));
    tie(server, port, 1);
    assert_eq!(make(server, port), refused(87), "tied already");
    let weak = duplicate(port, 1, 0, 0).unwrap();
    fails(5, || {
        PostQueuedCompletionStatus(weak, 0, 0, ptr::null_mut())
    });
    fails(6, || {
        PostQueuedCompletionStatus(server, 0, 0, ptr::null_mut())
    });
    // Both at once.
    let (other, _) = mailslot("abi-port-made", 0, FOREVER);
    let (made, code) = make(other, ptr::null_mut());
    assert_eq!(code, UNTOUCHED);
    let mut read = Read::new();
    read.pends(other);
    succeeds(|| CancelIoEx(other, ptr::null_mut()));
    let at = &raw const *read.at;
    assert_eq!(get(made, FOREVER), (FALSE, 995, 0, 0, at.addr()));
    // P22.37
    let room = read.room.as_mut_ptr().cast();
    unsafe extern "C-unwind" fn never(_code: u32, _count: u32, _at: *mut OVERLAPPED) {}
    fails(87, || unsafe {
        ReadFileEx(other, room, 4, &mut *read.at, Some(never))
    });
    [weak, made, other, plain, server, port]
        .into_iter()
        .for_each(close);
}

/// P22.41 to P22.43, P22.46 to P22.49; M10.5, M6.10.
#[test]
fn port_hears_of_what_succeeds_or_pends() {
    let (server, name) = mailslot("abi-port-hears", 0, FOREVER);
    let flag = 0x4000_0000;
    let client = create_file(&name, GENERIC_WRITE, 1, OPEN_EXISTING, flag)
        .unwrap()
        .0;
    let port = port();
    let mut early = Read::new();
    early.pends(server);
    tie(server, port, 5);
    write(client, b"early").unwrap();
    let at = (&raw const *early.at).addr();
    assert_eq!(get(port, FOREVER), (TRUE, UNTOUCHED, 5, 5, at));
    // At once, through a duplicate.
    write(client, b"there").unwrap();
    let other = duplicate(server, 0, 0, 2).unwrap();
    assert_eq!(early.start(other), Ok(5));
    assert_eq!(get(port, 0), (TRUE, UNTOUCHED, 5, 5, at));
    // Without an OVERLAPPED; and a failure at once.
    write(client, b"there").unwrap();
    assert_eq!(read(server, 10).unwrap(), b"there");
    write(client, &[1; 20]).unwrap();
    assert_eq!(early.start(server), Err(122));
    assert_eq!(get(port, 0), NOTHING);
    assert_eq!(read(server, 20).unwrap(), [1; 20]);
    // The lowest bit of the event.
    let event = event(true, false);
    early.at.hEvent = event.map_addr(|address| address | 1);
    early.pends(server);
    write(client, b"1").unwrap();
    assert_eq!(look_for(event, FOREVER), 0);
    assert_eq!(get(port, 0), NOTHING);
    assert_eq!(early.at.InternalHigh, 1);
    // Writes are operations too.
    tie(client, port, 6);
    let mut count = 0;
    let mut send = at_of_write();
    let data = b"abc".as_ptr().cast();
    succeeds(|| unsafe { WriteFile(client, data, 3, &mut count, &mut *send) });
    let at = (&raw const *send).addr();
    assert_eq!(get(port, 0), (TRUE, UNTOUCHED, 3, 6, at));
    [event, other, client, server, port]
        .into_iter()
        .for_each(close);
}

fn at_of_write() -> Box<OVERLAPPED> {
    Box::new(at(0))
}

/// P22.44.
#[test]
fn success_at_once_can_be_kept_from_the_port() {
    let (server, name) = mailslot("abi-port-skip", 0, FOREVER);
    let (client, port) = (client(&name), port());
    tie(server, port, 5);
    fails(87, || SetFileCompletionNotificationModes(server, 4));
    fails(87, || SetFileCompletionNotificationModes(client, 1));
    succeeds(|| SetFileCompletionNotificationModes(server, 1));
    write(client, b"there").unwrap();
    let mut read = Read::new();
    assert_eq!(read.start(server), Ok(5));
    assert_eq!(get(port, 0), NOTHING);
    read.pends(server);
    write(client, b"later").unwrap();
    let at = (&raw const *read.at).addr();
    assert_eq!(get(port, FOREVER), (TRUE, UNTOUCHED, 5, 5, at));
    [client, server, port].into_iter().for_each(close);
}

#[test]
fn each_packet_goes_to_one_of_the_threads_that_wait() {
    let port = port();
    let value = port as usize;
    let got = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| loop {
                let (outcome, _, _, key, _) = get(value as HANDLE, FOREVER);
                assert_eq!(outcome, TRUE);
                match key {
                    0 => break,
                    key => got.lock().unwrap().push(key),
                }
            });
        }
        for key in 1..=2000 {
            succeeds(|| PostQueuedCompletionStatus(port, 0, key, ptr::null_mut()));
            if key % 97 == 0 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        for _ in 0..4 {
            succeeds(|| PostQueuedCompletionStatus(port, 0, 0, ptr::null_mut()));
        }
    });
    let mut got = got.into_inner().unwrap();
    got.sort_unstable();
    assert_eq!(got, (1..=2000).collect::<Vec<_>>());
    close(port);
}

static BOUND: Mutex<Option<mpsc::Sender<(u32, u32, usize)>>> = Mutex::new(None);

unsafe extern "C-unwind" fn bound(code: u32, count: u32, at: *mut OVERLAPPED) {
    let tell = BOUND.lock().unwrap().clone().unwrap();
    tell.send((code, count, at.addr())).unwrap();
}

#[test]
fn function_is_called_on_the_pool_for_each_end() {
    let (server, name) = mailslot("abi-bound", 0, FOREVER);
    let client = client(&name);
    let (tell, told) = mpsc::channel();
    *BOUND.lock().unwrap() = Some(tell);
    fails(87, || BindIoCompletionCallback(server, None, 0));
    fails(87, || BindIoCompletionCallback(client, Some(bound), 0));
    succeeds(|| BindIoCompletionCallback(server, Some(bound), 0));
    let mut read = Read::new();
    read.pends(server);
    write(client, b"abc").unwrap();
    let at = (&raw const *read.at).addr();
    assert_eq!(told.recv().unwrap(), (0, 3, at));
    read.pends(server);
    succeeds(|| CancelIoEx(server, ptr::null_mut()));
    assert_eq!(told.recv().unwrap(), (995, 0, at));
    [client, server].into_iter().for_each(close);
}

/// What a callback was called with: operation, code and count.
type Ends = Mutex<Vec<(usize, u32, usize)>>;

unsafe extern "C-unwind" fn note(
    _instance: *mut Instance,
    ends: *mut c_void,
    at: *mut c_void,
    code: u32,
    count: usize,
    _io: *const Item,
) {
    let ends = unsafe { &*ends.cast::<Ends>() };
    ends.lock().unwrap().push((at.addr(), code, count));
}

#[test]
fn pool_calls_back_for_operations_that_were_announced() {
    let (server, name) = mailslot("abi-pool-io", 0, FOREVER);
    let client = client(&name);
    let ends = Ends::default();
    let context = (&raw const ends).cast_mut().cast();
    let create = |file| unsafe { CreateThreadpoolIo(file, Some(note), context, ptr::null()) };
    assert_eq!(last_error_of(|| create(client)), (ptr::null(), 87));
    let io = create(server);
    assert!(!io.is_null());
    let mut read = Read::new();
    let at = (&raw const *read.at).addr();
    unsafe {
        StartThreadpoolIo(io);
        read.pends(server);
        write(client, b"abc").unwrap();
        WaitForThreadpoolIoCallbacks(io, FALSE);
        assert_eq!(*ends.lock().unwrap(), [(at, 0, 3)]);
        // Failed at once: nothing will come.
        StartThreadpoolIo(io);
        write(client, &[1; 20]).unwrap();
        assert_eq!(read.start(server), Err(122));
        CancelThreadpoolIo(io);
        WaitForThreadpoolIoCallbacks(io, FALSE);
        crate::read(server, 20).unwrap();
        // Not waited for any longer.
        StartThreadpoolIo(io);
        read.pends(server);
        WaitForThreadpoolIoCallbacks(io, TRUE);
        write(client, b"x").unwrap();
        while read.internal() == 0x103 {
            std::thread::yield_now();
        }
        StartThreadpoolIo(io);
        read.pends(server);
        succeeds(|| CancelIoEx(server, ptr::null_mut()));
        WaitForThreadpoolIoCallbacks(io, FALSE);
        assert_eq!(*ends.lock().unwrap(), [(at, 0, 3), (at, 995, 0)]);
        CloseThreadpoolIo(io);
    }
    [client, server].into_iter().for_each(close);
}

/// Nobody else can have it, and waiting for it means nothing.
#[test]
fn port_is_of_its_own_kind() {
    let port = port();
    assert_eq!(look_for(port, 0), u32::MAX);
    assert_eq!(tong_win32::error::GetLastError(), 6);
    assert_eq!(look(port), u32::MAX);
    assert_eq!(read(port, 1), Err(6));
    assert_eq!(CloseHandle(port), TRUE);
}
