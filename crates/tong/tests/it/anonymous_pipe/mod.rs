//! Anonymous pipes: their ends in one process; [`programs`] has what other processes see of them, [`fifo`] those with a path.

mod fifo;
mod programs;

pub(crate) use programs::{role_copy_standard, role_hold_pipe_end};

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tong::handle::Object;
use tong::pipe::{anonymous, Peeked};
use tong::{wait, AnonymousReader, AnonymousWriter, ErrorKind, Result, Thread};

use crate::support;

/// Long enough for a thread to have gone to sleep, and for one that should not go on to do so.
const WHILE: Duration = Duration::from_millis(40);
const LONG: Option<Duration> = Some(Duration::from_secs(60));

#[track_caller]
fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Makes the call until it fails like this. While another test starts a program there is a moment in which that has copies of
/// all descriptors, so that an end can be open a little longer than its last owner here.
#[track_caller]
fn comes_to<T: std::fmt::Debug>(expected: ErrorKind, mut call: impl FnMut() -> Result<T>) {
    support::eventually(&format!("{expected:?}"), || {
        call().is_err_and(|error| error.kind() == expected)
    });
}

/// Cancels what the thread is blocked in, as soon as it is.
fn cancel(thread: &Thread) {
    support::eventually("the thread is blocked", || {
        thread.cancel_synchronous().is_ok()
    });
}

/// What is read at once into a buffer of that size.
#[track_caller]
fn read(reader: &AnonymousReader, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    let bytes = reader.receive(&mut buf).unwrap();
    buf.truncate(bytes);
    buf
}

/// Has a thread write, and tells how that ended.
fn write_in_thread(
    writer: &AnonymousWriter,
    len: usize,
) -> (mpsc::Receiver<Result<usize>>, Thread) {
    support::namespace();
    let (tell, told) = mpsc::channel();
    let writer = writer.clone();
    let body = move || {
        let _ = tell.send(writer.send(&vec![b'w'; len]));
        0
    };
    (told, Thread::spawn(body).unwrap())
}

/// Has a thread read, and tells how that ended.
fn read_in_thread(reader: &AnonymousReader, len: usize) -> (mpsc::Receiver<Result<usize>>, Thread) {
    support::namespace();
    let (tell, told) = mpsc::channel();
    let reader = reader.clone();
    let body = move || {
        let _ = tell.send(reader.receive(&mut vec![0; len]));
        0
    };
    (told, Thread::spawn(body).unwrap())
}

#[track_caller]
fn goes_on<T: std::fmt::Debug>(told: &mpsc::Receiver<T>) {
    assert_eq!(
        told.recv_timeout(WHILE).unwrap_err(),
        mpsc::RecvTimeoutError::Timeout
    );
}

/// A7, P11.1: a read takes what is there, of several writes, and does not wait for more.
#[test]
fn read_takes_what_is_there() {
    let (reader, writer) = anonymous(0).unwrap();
    for piece in [&b"hello "[..], b"world"] {
        assert_eq!(writer.send(piece).unwrap(), piece.len());
    }
    assert_eq!(read(&reader, 8), b"hello wo");
    assert_eq!(read(&reader, 8), b"rld");
    let (told, _) = read_in_thread(&reader, 8);
    goes_on(&told);
    writer.send(b"late").unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), 4);
}

/// A3: the size is reported as given, and 0 is 4096. A1: both ends wait at first. A2: there is one instance.
#[test]
fn ends_tell_what_was_asked_for() {
    for (asked, told) in [
        (0, 4096),
        (1, 1),
        (512, 512),
        (0xF001, 0xF001),
        (u32::MAX, u32::MAX),
    ] {
        let (reader, writer) = anonymous(asked).unwrap();
        assert_eq!([reader.quota(), writer.quota()], [told; 2]);
        assert_eq!([reader.is_nowait(), writer.is_nowait()], [false; 2]);
        assert_eq!([reader.instances(), writer.instances().unwrap()], [1; 2]);
        drop(reader);
        support::eventually("P7.4", || writer.instances().unwrap() == 0);
    }
}

/// A8, P13.3, P13.5, P13.8: a write ends when what is unread fits the quota, and then has written everything.
#[test]
fn write_waits_until_what_is_unread_fits() {
    for (quota, len) in [(5_000, 7_000), (1, 3), (100_000, 150_001), (4_096, 300_000)] {
        let (reader, writer) = anonymous(quota).unwrap();
        let (told, _) = write_in_thread(&writer, len);
        let mut excess = len - quota as usize;
        while excess > 1 {
            excess -= read(&reader, excess - 1).len();
        }
        goes_on(&told);
        assert_eq!(read(&reader, 1).len(), 1);
        assert_eq!(told.recv().unwrap().unwrap(), len, "quota {quota}");
    }
}

/// P13.4, P13.6: what fits ends at once; what comes behind something that does not fit waits, however small.
#[test]
fn small_write_behind_a_full_quota_waits() {
    let (reader, writer) = anonymous(5_000).unwrap();
    writer.send(&[0; 3_000]).unwrap();
    writer.send(&[0; 2_000]).unwrap();
    let (told, _) = write_in_thread(&writer, 1);
    goes_on(&told);
    assert_eq!(read(&reader, 1).len(), 1);
    assert_eq!(told.recv().unwrap().unwrap(), 1);
}

/// A20: a large write within the quota goes in one piece, and comes out in one.
#[test]
fn large_write_needs_no_reader() {
    let (reader, writer) = anonymous(32_792).unwrap();
    assert_eq!(writer.send(&[7; 32_768]).unwrap(), 32_768);
    drop(writer);
    assert_eq!(read(&reader, 32_768), [7; 32_768]);
    assert_eq!(kind(reader.receive(&mut [0])), ErrorKind::BrokenPipe);
}

/// A9, P10.1, P10.7, P12.9: everything is read before the end is told, also to a read of nothing.
#[test]
fn reader_gets_everything_before_the_end() {
    let (mut reader, writer) = anonymous(0).unwrap();
    let second = writer.clone();
    writer.send(b"first").unwrap();
    drop(writer);
    second.send(b" second").unwrap();
    drop(second);
    assert_eq!(read(&reader, 5), b"first");
    assert_eq!(read(&reader, 100), b" second");
    assert_eq!(kind(reader.receive(&mut [0; 10])), ErrorKind::BrokenPipe);
    assert_eq!(kind(reader.receive(&mut [])), ErrorKind::BrokenPipe);
    assert_eq!(kind(reader.peek(&mut [0; 10])), ErrorKind::BrokenPipe);
    assert_eq!(Read::read(&mut reader, &mut [0; 10]).unwrap(), 0);
}

/// A9, P10.5: the last writer's end ends a read that waits.
#[test]
fn waiting_read_is_told_of_the_end() {
    let (reader, writer) = anonymous(0).unwrap();
    let (told, _) = read_in_thread(&reader, 10);
    goes_on(&told);
    drop(writer);
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::BrokenPipe);
}

/// A10, P10.4, P10.7, P10.8: 232 for a write that begins after the last reader has gone, 109 for one that was waiting.
#[test]
fn writer_is_told_of_the_readers_end() {
    for len in [10_000, 1_000_000] {
        let (reader, writer) = anonymous(0).unwrap();
        let (told, _) = write_in_thread(&writer, len);
        goes_on(&told);
        drop(reader);
        assert_eq!(kind(told.recv().unwrap()), ErrorKind::BrokenPipe);
        for data in [&b"x"[..], b""] {
            comes_to(ErrorKind::PipeClosing, || writer.try_send(data));
            assert_eq!(kind(writer.send(data)), ErrorKind::PipeClosing);
        }
        let error = (&writer).write(b"x").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
}

/// A12, P16.3, P16.4, P16.7, P16.9: a look takes nothing, tells of everything, and counts what is left below zero.
#[test]
fn look_takes_nothing() {
    let (reader, writer) = anonymous(0).unwrap();
    let nothing = Peeked {
        bytes: 0,
        available: 0,
        left: 0,
    };
    let mut buf = [0; 4];
    assert_eq!(reader.peek(&mut buf).unwrap(), nothing);
    writer.send(b"abc").unwrap();
    writer.send(b"def").unwrap();
    let seen = Peeked {
        bytes: 4,
        available: 6,
        left: 0xFFFF_FFFC,
    };
    for _ in 0..3 {
        assert_eq!(reader.peek(&mut buf).unwrap(), seen);
        assert_eq!(&buf, b"abcd");
    }
    let unseen = Peeked {
        available: 6,
        ..nothing
    };
    assert_eq!(reader.peek(&mut []).unwrap(), unseen);
    assert_eq!(read(&reader, 2), b"ab");
    assert_eq!(reader.peek(&mut [0; 100]).unwrap().bytes, 4);
    drop(writer);
    assert_eq!(reader.peek(&mut buf).unwrap().available, 4, "P16.13");
    assert_eq!(read(&reader, 100), b"cdef");
}

/// P13.7, P16.3: what a waiting write has put in can be seen and read.
#[test]
fn look_sees_a_waiting_write() {
    let (reader, writer) = anonymous(100).unwrap();
    let (told, _) = write_in_thread(&writer, 5_000);
    goes_on(&told);
    let mut buf = vec![0; 10_000];
    let seen = reader.peek(&mut buf).unwrap();
    assert_eq!((seen.bytes, seen.available), (5_000, 5_000));
    assert_eq!(read(&reader, 10_000).len(), 5_000);
    assert_eq!(told.recv().unwrap().unwrap(), 5_000);
}

/// A14, P12.2, P12.6, P12.7, P12.8: writing nothing wakes nobody; reading nothing waits for data and leaves it.
#[test]
fn zero_bytes() {
    let (reader, writer) = anonymous(0).unwrap();
    let (told, _) = read_in_thread(&reader, 0);
    goes_on(&told);
    assert_eq!(writer.send(b"").unwrap(), 0);
    goes_on(&told);
    writer.send(b"data").unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), 0);
    assert_eq!(reader.receive(&mut []).unwrap(), 0);
    assert_eq!(read(&reader, 10), b"data");
}

/// A15, P15.1, P15.2, P15.5: a flush ends when everything is read, or fails when the reader goes; nothing unread is no wait.
#[test]
fn flush_waits_for_the_reader() {
    let (reader, writer) = anonymous(0).unwrap();
    writer.flush().unwrap();
    let flush = || {
        let (tell, told) = mpsc::channel();
        let writer = writer.clone();
        std::thread::spawn(move || tell.send(writer.flush()));
        told
    };
    writer.send(b"abc").unwrap();
    let told = flush();
    goes_on(&told);
    read(&reader, 2);
    goes_on(&told);
    read(&reader, 1);
    told.recv().unwrap().unwrap();
    writer.send(b"abc").unwrap();
    let told = flush();
    goes_on(&told);
    drop(reader);
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::BrokenPipe);
    comes_to(ErrorKind::PipeClosing, || writer.try_send(b""));
    writer.flush().unwrap();
}

/// A16, P9.1, P9.2, P9.5: the reading end knows whether the writer is there, and can cut it off.
#[test]
fn reading_end_is_the_server() {
    let (reader, writer) = anonymous(0).unwrap();
    assert_eq!(kind(reader.connect()), ErrorKind::PipeConnected);
    writer.send(b"lost").unwrap();
    reader.disconnect().unwrap();
    assert_eq!(kind(reader.disconnect()), ErrorKind::NotConnected);
    assert_eq!(kind(reader.receive(&mut [0; 4])), ErrorKind::NotConnected);
    assert_eq!(kind(reader.peek(&mut [])), ErrorKind::BadPipe);
    assert_eq!(kind(writer.send(b"x")), ErrorKind::NotConnected);
    assert_eq!(kind(writer.flush()), ErrorKind::NotConnected);
    assert_eq!(kind(writer.instances()), ErrorKind::NotConnected);
    assert_eq!(kind(writer.set_nowait(true)), ErrorKind::NotConnected);
    reader.set_nowait(true);

    let (reader, writer) = anonymous(0).unwrap();
    drop(writer);
    comes_to(ErrorKind::PipeClosing, || reader.connect());
}

/// P9.3: a write that waits is cut off too.
#[test]
fn disconnecting_ends_a_waiting_write() {
    let (reader, writer) = anonymous(0).unwrap();
    let (told, _) = write_in_thread(&writer, 1_000_000);
    goes_on(&told);
    reader.disconnect().unwrap();
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::NotConnected);
}

/// P14.1, P14.3, P14.4, P14.5, P14.6, P14.9, P14.11: an end that does not wait takes all of a write or nothing, and the mode
/// is its clones' too and not the other end's.
#[test]
fn calls_that_do_not_wait() {
    let (reader, writer) = anonymous(512).unwrap();
    writer.clone().set_nowait(true).unwrap();
    assert!(writer.is_nowait() && !reader.is_nowait());
    assert_eq!(writer.send(&[0; 513]).unwrap(), 0);
    assert_eq!(writer.send(&[0; 512]).unwrap(), 512);
    assert_eq!(writer.send(&[0; 1]).unwrap(), 0);
    reader.set_nowait(true);
    assert_eq!(read(&reader, 500).len(), 500);
    assert_eq!(writer.send(&[0; 501]).unwrap(), 0);
    assert_eq!(writer.send(&[0; 500]).unwrap(), 500);
    assert_eq!(read(&reader, 600).len(), 512);
    assert_eq!(kind(reader.receive(&mut [0])), ErrorKind::PipeEmpty);
    assert_eq!(kind(reader.receive(&mut [])), ErrorKind::PipeEmpty);
    let error = (&reader).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(writer);
    comes_to(ErrorKind::BrokenPipe, || reader.receive(&mut [0]));
}

/// P14.8, P14.10: what a waiting read asks for counts, and is all that is taken if the rest does not fit.
#[test]
fn write_that_does_not_wait_serves_a_waiting_read() {
    let cases = [(32_768, 513, 513, 513), (1, 513, 513, 1), (1, 514, 1, 1)];
    for (asked, written, taken, got) in cases {
        let (reader, writer) = anonymous(512).unwrap();
        let (told, _) = read_in_thread(&reader, asked);
        goes_on(&told);
        assert_eq!(writer.try_send(&vec![0; written]).unwrap(), taken);
        assert_eq!(told.recv().unwrap().unwrap(), got, "{asked} {written}");
        assert_eq!(reader.peek(&mut []).unwrap().available, taken - got);
    }
}

/// P22.25, P10.8, A19: another thread calls a read, a write and a flush out of their wait, and a canceled read takes nothing.
#[test]
fn waiting_calls_can_be_canceled() {
    let (reader, writer) = anonymous(100).unwrap();
    let (told, thread) = read_in_thread(&reader, 10);
    goes_on(&told);
    cancel(&thread);
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::Canceled);
    thread.wait(LONG).unwrap();
    assert_eq!(kind(thread.cancel_synchronous()), ErrorKind::NotFound);
    writer.send(b"kept").unwrap();
    assert_eq!(read(&reader, 10), b"kept");
    for len in [200, 1_000_000] {
        let (told, thread) = write_in_thread(&writer, len);
        goes_on(&told);
        cancel(&thread);
        assert_eq!(kind(told.recv().unwrap()), ErrorKind::Canceled);
    }
}

/// P24.1, P16.2: one call at a time through one end, through clones too; the other end is free.
#[test]
fn look_waits_for_a_read_that_waits() {
    let (reader, writer) = anonymous(0).unwrap();
    let (read, _) = read_in_thread(&reader, 3);
    goes_on(&read);
    let (tell, told) = mpsc::channel();
    let second = reader.clone();
    std::thread::spawn(move || tell.send(second.peek(&mut [])));
    goes_on(&told);
    writer.send(b"abcdef").unwrap();
    assert_eq!(read.recv().unwrap().unwrap(), 3);
    assert_eq!(told.recv().unwrap().unwrap().available, 3);
}

/// P24.1: writes of several threads through one end do not come between each other, and a thread that was killed in its
/// turn holds nobody up.
#[test]
fn writes_of_threads_stay_whole() {
    let (reader, writer) = anonymous(0).unwrap();
    let (_never, thread) = write_in_thread(&writer, 60_000);
    support::eventually("the write has begun", || {
        reader.peek(&mut []).unwrap().available == 60_000
    });
    thread.terminate(0).unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(read(&reader, 65_536).len(), 60_000);
    const LEN: usize = 20_000;
    std::thread::scope(|scope| {
        for byte in 0..4 {
            let writer = writer.clone();
            scope.spawn(move || writer.send(&[byte; LEN]).unwrap());
        }
        let mut all = vec![0; 4 * LEN];
        (&reader).read_exact(&mut all).unwrap();
        for piece in all.chunks(LEN) {
            assert!(piece.iter().all(|byte| *byte == piece[0]));
        }
    });
}

/// P23.1, P23.2, P23.6, P23.9: an end is signaled while no call through it is going on, and data does not matter.
#[test]
fn end_is_signaled_while_nobody_uses_it() {
    let (reader, writer) = anonymous(0).unwrap();
    support::namespace();
    let object = Object::AnonymousReader(reader.clone());
    let signaled = || wait::any(&[object.as_waitable().unwrap()], Some(Duration::ZERO)).is_ok();
    assert!(signaled());
    let (told, _) = read_in_thread(&reader, 1);
    support::eventually("the read has begun", || !signaled());
    assert!(Object::AnonymousWriter(writer.clone())
        .as_waitable()
        .is_some_and(|writer| wait::any(&[writer], Some(Duration::ZERO)).is_ok()));
    writer.send(b"ab").unwrap();
    told.recv().unwrap().unwrap();
    support::eventually("the read has ended", signaled);
}

/// P10.10, P24.4: an end that is dropped under a call that waits stays open until the call has ended.
#[test]
fn call_keeps_its_end_open() {
    let (reader, writer) = anonymous(0).unwrap();
    let (told, _) = read_in_thread(&reader, 1);
    goes_on(&told);
    drop(reader);
    writer.send(b"ab").unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), 1);
    comes_to(ErrorKind::PipeClosing, || writer.try_send(b"x"));
}

/// A1: bytes go one way, and only that way.
#[test]
fn ends_are_what_they_are() {
    let (reader, writer) = anonymous(0).unwrap();
    assert_eq!(
        kind(AnonymousReader::from_fd(writer.to_fd().unwrap())),
        ErrorKind::InvalidParameter
    );
    assert_eq!(
        kind(AnonymousWriter::from_fd(reader.to_fd().unwrap())),
        ErrorKind::InvalidParameter
    );
    let file = tempfile::tempfile().unwrap();
    assert_eq!(
        kind(AnonymousReader::from_fd(file.into())),
        ErrorKind::InvalidParameter
    );
    let second = AnonymousWriter::from_fd(writer.to_fd().unwrap()).unwrap();
    second.send(b"by another way").unwrap();
    assert_eq!(read(&reader, 100), b"by another way");
}

/// A7, A8: much data, through a small quota, comes out as it went in.
#[test]
fn everything_comes_out_as_it_went_in() {
    let stop = AtomicBool::new(false);
    let (reader, writer) = anonymous(3_000).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = fastrand::Rng::with_seed(5);
            let mut next = 0u8;
            for _ in 0..300 {
                let piece: Vec<u8> = (0..random.usize(1..20_000))
                    .map(|_| {
                        next = next.wrapping_add(1);
                        next
                    })
                    .collect();
                writer.send(&piece).unwrap();
            }
            drop(writer);
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let mut buf = [0; 10];
                // The turns of looks and reads come between each other; a look sees a stretch of the same bytes.
                let Ok(seen) = reader.peek(&mut buf) else {
                    return;
                };
                let seen = &buf[..seen.bytes];
                assert!(seen
                    .windows(2)
                    .all(|pair| pair[1] == pair[0].wrapping_add(1)));
            }
        });
        let mut random = fastrand::Rng::with_seed(6);
        let (mut last, mut buf) = (0u8, vec![0; 30_000]);
        loop {
            let len = random.usize(1..buf.len());
            match reader.receive(&mut buf[..len]) {
                Ok(bytes) => {
                    for byte in &buf[..bytes] {
                        assert_eq!(*byte, last.wrapping_add(1));
                        last = *byte;
                    }
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                    break;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
