//! Messages of all lengths, from none to more than any other message system takes.

use tong::pipe::{PipeEnd, ReadMode};
use tong::ErrorKind;

use super::op::{joined, nothing, part, read, whole, write_later};
use super::{both, messages, pair, read_as, unread, with_quota, LIMIT};
use crate::support::{pattern, Watchdog};

const LENGTHS: [usize; 5] = [0, 64 << 10, 1 << 20, 8 << 20, 64 << 20];

/// Writes from a thread, because it waits for its reader.
fn sending(end: &PipeEnd, len: usize) -> std::thread::JoinHandle<usize> {
    let twin = end.clone();
    std::thread::spawn(move || twin.send(&pattern(len)).unwrap())
}

/// P13.1, P13.10, P11.5.
#[test]
fn messages_of_all_lengths_come_in_one_piece() {
    let _watchdog = Watchdog::new("large", LIMIT);
    let (server, client) = pair("large", &messages());
    for (end, peer) in both(&server, &client) {
        for len in LENGTHS {
            let writer = sending(peer, len);
            let got = read(end, len.max(1));
            assert!(got == whole(pattern(len)), "{len} bytes");
            assert_eq!(joined(writer), len);
            nothing(end);
        }
    }
}

/// P11.6, P13.5, P13.7.
#[test]
fn large_message_is_read_in_parts() {
    let _watchdog = Watchdog::new("large parts", LIMIT);
    let (server, client) = pair("large-parts", &with_quota(messages(), 1 << 20));
    let len = 8 << 20;
    let write = write_later(&client, &pattern(len));
    assert_eq!(unread(&server), len);
    let mut all = Vec::new();
    loop {
        let (bytes, more) = read(&server, 1 << 20).unwrap();
        all.extend(bytes);
        if !more {
            break;
        }
    }
    assert!(all == pattern(len));
    assert_eq!(write.wrote(), Ok(len));
}

/// P10.1, P10.15 for what is large.
#[test]
fn large_message_survives_its_writer() {
    let _watchdog = Watchdog::new("large close", LIMIT);
    let len = 8 << 20;
    let quota = u32::try_from(len).unwrap();
    let (server, client) = pair("large-close", &with_quota(messages(), quota));
    client.send(&pattern(len)).unwrap();
    drop(client);
    assert!(read(&server, len / 2) == part(&pattern(len)[..len / 2]));
    read_as(&server, ReadMode::Byte);
    assert!(read(&server, len) == whole(&pattern(len)[len / 2..]));
    assert_eq!(read(&server, len), Err(ErrorKind::BrokenPipe));
}

/// P13.11 for what is large: memory that was used is of use again.
#[test]
fn large_writes_are_taken_back_again_and_again() {
    let _watchdog = Watchdog::new("large cancel", LIMIT);
    let (server, client) = pair("large-cancel", &with_quota(messages(), 0));
    let bytes = pattern(4 << 20);
    for round in 0..20 {
        let write = write_later(&client, &bytes);
        if round % 2 == 1 {
            assert!(read(&server, 1 << 20) == part(&bytes[..1 << 20]));
        }
        assert!(write.cancel(&client));
        assert_eq!(write.wrote(), Err(ErrorKind::Canceled));
        nothing(&server);
    }
    let writer = sending(&client, 1000);
    assert_eq!(read(&server, 1000), whole(pattern(1000)));
    assert_eq!(joined(writer), 1000);
}
