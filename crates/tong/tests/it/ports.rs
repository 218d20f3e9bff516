//! Completion ports without C: order, waits, and threads that die at them.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tong::io::{CompletionPort, Got, Packet, Tie};
use tong::{ErrorKind, Thread};

use crate::support::{self, kind, Watchdog};

const LIMIT: Duration = Duration::from_secs(120);

fn packet(key: usize) -> Packet {
    Packet {
        key,
        bytes: 0,
        tag: 0,
        error: None,
    }
}

#[test]
fn packets_come_in_order_and_waits_last_as_long_as_they_say() {
    let _watchdog = Watchdog::new("port order", LIMIT);
    let port = CompletionPort::new();
    for key in 1..=3 {
        port.post(packet(key)).unwrap();
    }
    let mut packets = Vec::new();
    assert_eq!(port.get_many(&mut packets, 2, None).unwrap(), 2);
    assert_eq!(packets, [packet(1), packet(2)]);
    assert_eq!(port.get(Some(Duration::ZERO)).unwrap(), packet(3));
    assert_eq!(kind(port.get(Some(Duration::ZERO))), ErrorKind::TimedOut);
    let began = Instant::now();
    let time = Duration::from_millis(25);
    assert_eq!(kind(port.get(Some(time))), ErrorKind::TimedOut);
    assert!(began.elapsed() >= time);
    let got = port.get_many_alertable(&mut packets, 1, Some(time));
    assert_eq!(kind(got), ErrorKind::TimedOut);
    port.post(packet(4)).unwrap();
    let got = port.get_many_alertable(&mut packets, 9, None).unwrap();
    assert_eq!(got, Got::Packets(1));
}

/// The one that came last is served first.
#[test]
fn last_thread_that_waits_gets_the_first_packet() {
    let _watchdog = Watchdog::new("port waiters", LIMIT);
    let port = CompletionPort::new();
    let (tell, told) = mpsc::channel();
    let waiters: Vec<_> = (1..=3)
        .map(|number| {
            let (own, tell) = (port.clone(), tell.clone());
            let waiter = thread::spawn(move || {
                let got = own.get(None).unwrap().key;
                tell.send((number, got)).unwrap();
            });
            let waiting = format!("waiters: {number}");
            support::eventually("it waits", || format!("{port:?}").contains(&waiting));
            waiter
        })
        .collect();
    for (number, key) in [(3, 10), (2, 20), (1, 30)] {
        port.post(packet(key)).unwrap();
        assert_eq!(told.recv().unwrap(), (number, key));
    }
    waiters
        .into_iter()
        .for_each(|waiter| waiter.join().unwrap());
}

#[test]
fn closed_port_sends_everybody_away() {
    let _watchdog = Watchdog::new("port closed", LIMIT);
    let port = CompletionPort::new();
    let own = port.clone();
    let waiter = thread::spawn(move || kind(own.get(None)));
    support::eventually("it waits", || format!("{port:?}").contains("waiters: 1"));
    port.close();
    assert_eq!(waiter.join().unwrap(), ErrorKind::Closed);
    assert_eq!(kind(port.post(packet(1))), ErrorKind::Closed);
    assert_eq!(kind(port.get(None)), ErrorKind::Closed);
}

#[test]
fn killed_thread_is_passed_over() {
    let _watchdog = Watchdog::new("port killed", LIMIT);
    let port = CompletionPort::new();
    let own = port.clone();
    let victim = Thread::spawn(move || {
        let _ = own.get(None);
        0
    })
    .unwrap();
    support::eventually("it waits", || format!("{port:?}").contains("waiters: 1"));
    victim.terminate(7).unwrap();
    victim.wait(None).unwrap();
    port.post(packet(1)).unwrap();
    assert_eq!(port.get(None).unwrap(), packet(1));
}

/// P22.40, P22.49.
#[test]
fn tie_is_for_ever_and_for_all_duplicates() {
    let (tie, port) = (Tie::default(), CompletionPort::new());
    let duplicate = tie.clone();
    assert!(duplicate.port().is_none());
    tie.attach(&port, 5).unwrap();
    let tied = duplicate.port().unwrap();
    assert!(tied.port.same_object(&port) && tied.key == 5);
    let again = duplicate.attach(&CompletionPort::new(), 6);
    assert_eq!(kind(again), ErrorKind::InvalidParameter);
}
