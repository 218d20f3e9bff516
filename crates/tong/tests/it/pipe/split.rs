//! Halves of ends in threads of their own, and streams of bytes both ways.

use std::io::{Read, Write};

use tong::pipe::{PipeReader, PipeWriter};
use tong::ErrorKind;

use super::op::{read, whole};
use super::{bytes, kinds, messages, pair, with_quota, LIMIT};
use crate::support::{kind, pattern, Watchdog};

/// Bytes that go each way.
const STREAM: usize = 100 << 20;
/// The stream repeats after so many bytes, which no buffer's length divides.
const PERIOD: usize = 65_537;

fn write_stream(mut writer: PipeWriter, total: usize) {
    let twice = pattern(PERIOD).repeat(3);
    let (mut written, mut turn) = (0, 0);
    while written < total {
        turn += 1;
        let len = (1 + turn * 7919 % 100_000).min(total - written);
        let from = written % PERIOD;
        let len = writer.write(&twice[from..from + len]).unwrap();
        written += len;
    }
}

fn read_stream(mut reader: PipeReader, total: usize) {
    let expected = pattern(PERIOD).repeat(3);
    let mut room = vec![0; 77_777];
    let mut got = 0;
    while got < total {
        let len = reader.read(&mut room).unwrap();
        assert_ne!(len, 0, "{got} bytes came");
        let from = got % PERIOD;
        assert!(room[..len] == expected[from..from + len], "at {got}");
        got += len;
    }
}

/// P22.14, P11.3, P13.3: 100 MB each way at once.
#[test]
fn streams_run_both_ways_at_once() {
    let _watchdog = Watchdog::new("streams", LIMIT);
    let (server, client) = pair("streams", &bytes());
    std::thread::scope(|scope| {
        for end in [&*server, &*client] {
            let (reader, writer) = end.split();
            scope.spawn(move || write_stream(writer, STREAM));
            scope.spawn(move || read_stream(reader, STREAM));
        }
    });
    drop(client);
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
}

/// The same with messages and a quota that is always in the way.
#[test]
fn streams_run_through_a_narrow_quota() {
    let _watchdog = Watchdog::new("narrow streams", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let options = with_quota(options, 1000);
        let (server, client) = pair(&format!("narrow-{round}"), &options);
        std::thread::scope(|scope| {
            for end in [&*server, &*client] {
                let (reader, writer) = end.split();
                scope.spawn(move || write_stream(writer, 5 << 20));
                scope.spawn(move || read_stream(reader, 5 << 20));
            }
        });
    }
}

/// P25.6 within a process: the end is closed with its last half.
#[test]
fn end_is_closed_with_its_last_half() {
    let _watchdog = Watchdog::new("halves", LIMIT);
    let (server, client) = pair("halves", &messages());
    let (reader, mut writer) = client.split();
    drop(client);
    drop(reader);
    writer.write_all(b"still").unwrap();
    writer.flush().unwrap();
    assert_eq!(read(&server, 8), whole(b"still"));
    assert!(writer.end().same_object(&writer.end().clone()));
    drop(writer);
    assert_eq!(read(&server, 8), Err(ErrorKind::BrokenPipe));
    assert_eq!(kind(server.send(b"x")), ErrorKind::PipeClosing);
}

/// The ends themselves are streams, too.
#[test]
fn ends_copy_to_and_from_other_streams() {
    let _watchdog = Watchdog::new("copy", LIMIT);
    let (server, mut client) = pair("copy", &bytes());
    let data = pattern(3 << 20);
    let copier = std::thread::spawn({
        let data = data.clone();
        move || {
            std::io::copy(&mut &data[..], &mut client).unwrap();
            client.flush().unwrap();
        }
    });
    let mut all = Vec::new();
    std::io::copy(&mut &server, &mut all).unwrap();
    assert!(all == data);
    copier.join().unwrap();
    let mut writer = &server;
    let refused = writer.write(b"x").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
}

/// P25.3: several threads share one end, and each message goes to one of them.
#[test]
fn threads_share_an_end() {
    let _watchdog = Watchdog::new("share", LIMIT);
    let (server, client) = pair("share", &messages());
    let counts: Vec<u32> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let twin = server.clone();
                scope.spawn(move || {
                    let mut count = 0;
                    while let Ok((message, _)) = read(&twin, 64) {
                        assert_eq!(message, [7; 33]);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let twin = client.clone();
                scope.spawn(move || {
                    for _ in 0..2500 {
                        twin.send(&[7; 33]).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        drop(client);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    assert_eq!(counts.iter().sum::<u32>(), 10_000);
}
