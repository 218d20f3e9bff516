//! The rules of pipes that one direction decides, in one thread.

mod hostile;
mod model;
mod reading;
mod resume;
mod writing;

use super::*;
use crate::channel::ring::{ChannelMemory, PushError};

/// Memory of one direction whose ring starts tiny, so that entries soon wrap and move.
fn memory() -> ChannelMemory {
    let geometry = Geometry::new(1, 4096, 1 << 30).with_inner_len(256);
    ChannelMemory::create(c"tong-test", geometry).unwrap()
}

fn ends(quota: u64, kind: PipeType) -> (Inlet, Outlet) {
    let memory = memory();
    (
        Inlet::new(&memory, 0, quota, kind).unwrap(),
        Outlet::new(&memory, 0, quota, kind).unwrap(),
    )
}

fn messages(quota: u64) -> (Inlet, Outlet) {
    ends(quota, PipeType::Message)
}

fn bytes(quota: u64) -> (Inlet, Outlet) {
    ends(quota, PipeType::Byte)
}

/// Puts an entry that waits if it must; its ticket if it does.
fn put(inlet: &mut Inlet, bytes: &[u8]) -> Option<Ticket> {
    let placed = inlet.put(bytes, Put::Wait).unwrap();
    assert_eq!(placed.taken, bytes.len());
    placed.ticket
}

/// Puts without waiting; how much was taken.
fn try_put(inlet: &mut Inlet, bytes: &[u8]) -> usize {
    let placed = inlet.put(bytes, Put::NoWait).unwrap();
    assert!(placed.ticket.is_none());
    placed.taken
}

/// Reads with a buffer of `room`; the bytes and whether there is more.
fn read(outlet: &mut Outlet, room: usize, mode: ReadMode) -> Option<(Vec<u8>, bool)> {
    let mut buf = vec![0; room];
    let taken = outlet.take(&mut buf, mode).unwrap()?;
    buf.truncate(taken.bytes);
    Some((buf, taken.more))
}

fn whole(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    Some((bytes.to_vec(), false))
}

fn part(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    Some((bytes.to_vec(), true))
}

fn peek(outlet: &mut Outlet, room: usize) -> (Vec<u8>, u64, u64, bool) {
    let mut buf = vec![0; room];
    let seen = outlet.peek(&mut buf).unwrap();
    buf.truncate(seen.bytes);
    (buf, seen.available, seen.left_of_first, seen.any)
}

/// P10.1, P10.2, P10.11.
#[test]
fn what_was_complete_survives_its_writer() {
    let (mut inlet, mut outlet) = messages(8);
    put(&mut inlet, b"abcd");
    assert!(put(&mut inlet, b"efghij").is_some());
    put(&mut inlet, b"");
    inlet.close();
    drop(inlet);
    assert!(outlet.writer_closed());
    outlet.writer_gone();
    assert_eq!(peek(&mut outlet, 9), (b"abcd".to_vec(), 4, 0, true));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"abcd"));
    assert_eq!(peek(&mut outlet, 9), (vec![], 0, 0, true));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b""));
    assert_eq!(read(&mut outlet, 9, ReadMode::Message), None);
}

#[test]
fn pending_write_that_was_read_far_enough_survives_its_writer() {
    let (mut inlet, mut outlet) = bytes(8);
    put(&mut inlet, &[1; 12]);
    put(&mut inlet, &[2; 4]);
    drop(inlet);
    read(&mut outlet, 5, ReadMode::Byte).unwrap();
    outlet.writer_gone();
    // 7 of the first, and 4 beyond the quota: the second was never complete.
    assert_eq!(read(&mut outlet, 99, ReadMode::Byte), whole(&[1; 7]));
    assert_eq!(read(&mut outlet, 99, ReadMode::Byte), None);
}

/// P17.5.
#[test]
fn request_of_a_transaction_is_queued_behind_what_pends_and_is_complete() {
    let (mut inlet, mut outlet) = messages(4);
    let pending = put(&mut inlet, &[1; 10]).unwrap();
    let placed = inlet.put(&[2; 10], Put::Unlimited).unwrap();
    assert!(placed.ticket.is_none() && placed.taken == 10);
    inlet.withdraw(pending);
    assert_eq!(read(&mut outlet, 99, ReadMode::Message), whole(&[2; 10]));
}

#[test]
fn sleeping_writer_is_rung_by_a_read_of_part() {
    let (mut inlet, mut outlet) = messages(4);
    let ticket = put(&mut inlet, &[1; 10]).unwrap();
    assert!(!inlet.is_complete(&ticket).unwrap());
    assert!(inlet.ask_to_wake().unwrap());
    assert!(!inlet.reader_moved());
    let taken = outlet
        .take(&mut [0; 3], ReadMode::Message)
        .unwrap()
        .unwrap();
    assert!(taken.wake && taken.more);
    assert!(inlet.reader_moved());
    assert!(!inlet.ask_to_wake().unwrap(), "it moved since");
    assert!(inlet.ask_to_wake().unwrap());
}

#[test]
fn sleeping_reader_is_rung_by_an_entry() {
    let (mut inlet, mut outlet) = messages(4);
    outlet.ask_to_ring(false);
    assert!(outlet.may_sleep());
    let placed = inlet.put(b"", Put::Wait).unwrap();
    assert!(placed.wake && outlet.has_news());
    assert!(!outlet.may_sleep());
}

#[test]
fn entry_beyond_the_longest_is_refused() {
    let (mut inlet, mut outlet) = bytes(4);
    // Zero pages of the system, never written.
    let long = vec![0; LONGEST + 1];
    let refused = inlet.put(&long, Put::Wait);
    assert!(matches!(refused, Err(PushError::Full)));
    assert!(!peek(&mut outlet, 0).3);
}

#[test]
fn entry_without_memory_behind_it_was_not_put() {
    let geometry = Geometry::new(1, 4096, 4096).with_inner_len(256);
    let memory = ChannelMemory::create(c"tong-test", geometry).unwrap();
    let mut inlet = Inlet::new(&memory, 0, 100, PipeType::Byte).unwrap();
    let mut outlet = Outlet::new(&memory, 0, 100, PipeType::Byte).unwrap();
    put(&mut inlet, &[1; 10]);
    let refused = inlet.put(&[2; 1 << 20], Put::Wait);
    assert!(matches!(refused, Err(PushError::NoMemory(_))));
    assert_eq!(inlet.unread().unwrap(), 10);
    put(&mut inlet, &[3; 10]);
    let read = read(&mut outlet, 99, ReadMode::Byte).unwrap();
    assert_eq!(read.0, [[1; 10], [3; 10]].concat());
}
