//! Section 22: operations that were started, and how they are canceled.

use tong::ErrorKind;

use super::op::{
    begin, connect_later, nothing, poll, read, read_later, whole, write_later, write_now,
};
use super::{both, bytes, kinds, messages, name, pair, unread, with_quota, LIMIT};
use crate::support::{pattern, Watchdog};

/// P22.14.
#[test]
fn read_that_waits_does_not_delay_a_write() {
    let _watchdog = Watchdog::new("p22_14", LIMIT);
    let (server, client) = pair("p22_14", &with_quota(bytes(), 100));
    for (end, peer) in both(&server, &client) {
        let waits = read_later(end, 8);
        assert_eq!(write_now(end, &[1; 100]), 100);
        let blocked = write_later(end, &[2; 100]);
        peer.send(b"x").unwrap();
        assert_eq!(waits.read(), whole(b"x"));
        assert_eq!(read(peer, 200).unwrap().0.len(), 200);
        assert_eq!(blocked.wrote(), Ok(100));
    }
}

/// P22.15: many of both kinds on both ends, all in order.
#[test]
fn many_operations_end_in_order() {
    let _watchdog = Watchdog::new("p22_15", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p22_15-{round}"), &with_quota(options, 0));
        for (end, peer) in both(&server, &client) {
            let writes: Vec<_> = (0..500u16)
                .map(|number| write_later(peer, &number.to_le_bytes()))
                .collect();
            for number in 0..500u16 {
                let begun = begin(2, |completion| end.start_receive(completion)).unwrap();
                assert_eq!(begun.now(), whole(number.to_le_bytes()));
            }
            for write in writes {
                assert_eq!(write.wrote(), Ok(2));
            }
            let reads: Vec<_> = (0..500).map(|_| read_later(end, 2)).collect();
            for number in 0..500u16 {
                assert_eq!(peer.send(&number.to_le_bytes()).unwrap(), 2);
            }
            for (number, read) in (0..500u16).zip(reads) {
                assert_eq!(read.read(), whole(number.to_le_bytes()));
            }
        }
    }
}

/// P22.15 with the order in which they are told.
#[test]
fn ends_are_told_in_the_order_of_the_starts() {
    let _watchdog = Watchdog::new("p22_15 told", LIMIT);
    let (server, client) = pair("p22_15-told", &messages());
    let (tell, told) = std::sync::mpsc::channel();
    for number in 0..200 {
        let completion = Box::new(Numbered(number, tell.clone()));
        server.start_receive(completion).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                client.send(b"").unwrap();
            }
        });
    });
    for number in 0..200 {
        assert_eq!(told.recv().unwrap(), number);
    }
}

/// Says its number when it ends.
struct Numbered(u32, std::sync::mpsc::Sender<u32>);

impl tong::io::Completion for Numbered {
    fn key(&self) -> tong::io::Key {
        tong::io::Key { tag: 1, thread: 0 }
    }

    fn done(self: Box<Self>, outcome: tong::io::Outcome) {
        assert_eq!(outcome, tong::io::Outcome::success(0));
        self.1.send(self.0).unwrap();
    }
}

/// P22.20, P22.22, P22.27: canceling one read leaves the others, which take all the data.
#[test]
fn canceled_read_takes_nothing() {
    let _watchdog = Watchdog::new("p22_20", LIMIT);
    let (server, client) = pair("p22_20", &messages());
    let reads = [(); 3].map(|()| read_later(&server, 8));
    assert!(reads[1].cancel(&server));
    assert!(!reads[1].cancel(&server), "once");
    client.send(b"first").unwrap();
    client.send(b"second").unwrap();
    let [first, canceled, last] = reads;
    assert_eq!(canceled.read(), Err(ErrorKind::Canceled));
    assert_eq!(first.read(), whole(b"first"));
    assert_eq!(last.read(), whole(b"second"));
    nothing(&server);
}

/// P22.21.
#[test]
fn all_operations_of_an_end_can_be_canceled() {
    let _watchdog = Watchdog::new("p22_21", LIMIT);
    let (server, client) = pair("p22_21", &with_quota(bytes(), 4));
    let reads = [(); 2].map(|()| read_later(&client, 8));
    let writes = [(); 2].map(|()| write_later(&client, b"too much"));
    assert_eq!(unread(&server), 16);
    assert_eq!(client.cancel(&|_| true), 4);
    assert_eq!(client.cancel(&|_| true), 0);
    for read in reads {
        assert_eq!(read.read(), Err(ErrorKind::Canceled));
    }
    for write in writes {
        assert_eq!(write.wrote(), Err(ErrorKind::Canceled));
    }
    assert_eq!(unread(&server), 0);
    nothing(&server);
}

/// P22.24.
#[test]
fn operation_can_be_canceled_through_a_duplicate() {
    let _watchdog = Watchdog::new("p22_24", LIMIT);
    let (server, client) = pair("p22_24", &bytes());
    let twin = server.clone();
    let op = read_later(&server, 8);
    assert!(!op.cancel(&client), "it is not the other end's");
    drop(server);
    assert!(op.cancel(&twin));
    assert_eq!(op.read(), Err(ErrorKind::Canceled));
    let listening = bytes().create(&name("p22_24-connect")).unwrap();
    let twin = listening.clone();
    let op = connect_later(&listening);
    assert!(op.cancel(&twin));
    assert_eq!(op.wrote(), Err(ErrorKind::Canceled));
}

/// P22.26.
#[test]
fn one_tag_for_two_operations_cancels_both() {
    let _watchdog = Watchdog::new("p22_26", LIMIT);
    let (server, _client) = pair("p22_26", &messages());
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let completion = Box::new(Tagged(7, tell.clone()));
        server.start_receive(completion).unwrap();
    }
    let completion = Box::new(Tagged(8, tell.clone()));
    server.start_receive(completion).unwrap();
    assert_eq!(server.cancel(&|key| key.tag == 7), 2);
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], [7, 7]);
    assert_eq!(server.cancel(&|key| key.tag == 8), 1);
    assert_eq!(told.recv().unwrap(), 8);
}

/// Says its tag when it is canceled.
struct Tagged(usize, std::sync::mpsc::Sender<usize>);

impl tong::io::Completion for Tagged {
    fn key(&self) -> tong::io::Key {
        tong::io::Key {
            tag: self.0,
            thread: 0,
        }
    }

    fn done(self: Box<Self>, outcome: tong::io::Outcome) {
        assert_eq!(outcome.error, Some(ErrorKind::Canceled));
        self.1.send(self.0).unwrap();
    }
}

/// P22.27, P13.11 as a race: each part of a write is either read or taken back, never both, and a write that was read in
/// full is complete.
#[test]
fn cancel_and_read_race_for_each_byte() {
    let _watchdog = Watchdog::new("p22_27", LIMIT);
    for (options, round) in kinds().into_iter().zip(0..) {
        let (server, client) = pair(&format!("p22_27-{round}"), &with_quota(options, 0));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_words(&server));
            let mut kept = vec![false; 3000];
            for (number, kept) in kept.iter_mut().enumerate() {
                *kept = write_or_cancel(&client, number);
            }
            client.send(&END.to_le_bytes()).unwrap();
            let mut words = vec![0; kept.len()];
            for word in reader.join().unwrap() {
                words[word as usize] += 1;
            }
            for (number, (words, kept)) in words.into_iter().zip(kept).enumerate() {
                match kept {
                    true => assert_eq!(words, words_of(number), "write {number} is complete"),
                    false => assert!(words < words_of(number), "write {number} was canceled"),
                }
            }
        });
    }
}

/// What the last word is.
const END: u32 = u32::MAX;

fn words_of(number: usize) -> usize {
    1 + number % 10
}

/// Writes a number several times, and cancels the write if it waits; whether it completed.
fn write_or_cancel(client: &tong::pipe::PipeEnd, number: usize) -> bool {
    let word = u32::try_from(number).unwrap().to_le_bytes();
    let bytes = word.repeat(words_of(number));
    let begun = begin(0, |completion| client.start_send(&bytes, completion));
    let super::op::Begun::Pending(op) = begun.unwrap() else {
        return true;
    };
    for _ in 0..number % 7 {
        std::thread::yield_now();
    }
    op.cancel(client);
    match op.wrote() {
        Ok(written) => {
            assert_eq!(written, bytes.len());
            true
        }
        Err(kind) => {
            assert_eq!(kind, ErrorKind::Canceled);
            false
        }
    }
}

/// Reads two words at a time up to the last one; they come in the order of the writes.
fn read_words(server: &tong::pipe::PipeEnd) -> Vec<u32> {
    let mut words: Vec<u32> = Vec::new();
    loop {
        // Behind what was read there may be bytes that were taken back at that moment.
        let mut room = [0; 8];
        let bytes = server.receive(&mut room).unwrap().bytes;
        assert_eq!(bytes % 4, 0);
        for word in room[..bytes].chunks(4) {
            let word = u32::from_le_bytes(word.try_into().unwrap());
            assert!(words.last() <= Some(&word), "in order");
            if word == END {
                return words;
            }
            words.push(word);
        }
    }
}

/// P22.1 as far as it shows here: a write that fits ends at once, a read of what is there too.
#[test]
fn operations_that_need_not_wait_end_at_once() {
    let _watchdog = Watchdog::new("p22_5", LIMIT);
    let (server, client) = pair("p22_5", &messages());
    assert_eq!(write_now(&client, &pattern(1000)), 1000);
    let begun = begin(600, |completion| server.start_receive(completion)).unwrap();
    assert_eq!(begun.now(), super::op::part(&pattern(1000)[..600]));
    let begun = begin(600, |completion| server.start_receive(completion)).unwrap();
    assert_eq!(begun.now(), whole(&pattern(1000)[600..]));
    nothing(&server);
}

/// P14.2, P22.7: what fails at once is not told.
#[test]
fn operations_that_fail_at_once_are_not_told() {
    let _watchdog = Watchdog::new("p22_7", LIMIT);
    let (server, client) = pair("p22_7", &bytes());
    drop(client);
    let begun = begin(8, |completion| server.start_receive(completion));
    assert_eq!(begun.unwrap_err(), ErrorKind::BrokenPipe);
    let begun = begin(0, |completion| server.start_send(b"x", completion));
    assert_eq!(begun.unwrap_err(), ErrorKind::PipeClosing);
    assert_eq!(server.cancel(&|_| true), 0);
    assert_eq!(poll(&server, 8), Err(ErrorKind::BrokenPipe));
}
