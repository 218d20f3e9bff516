//! Section 24: opens that do one operation at a time.

use std::time::Duration;

use tong::pipe::PipeClient;
use tong::{ErrorKind, Thread};

use super::op::{joined, nothing, read, whole};
use super::{bytes, messages, name, pair, with_quota, LIMIT};
use crate::support::{eventually, kind, waiting, Watchdog};

/// P24.1, P16.2.
#[test]
fn every_other_call_waits_while_one_is_blocked() {
    let _watchdog = Watchdog::new("p24_1", LIMIT);
    let (server, client) = pair("p24_1", bytes().synchronous(true));
    assert!(server.is_synchronous());
    let twin = server.clone();
    let reader = waiting(move || read(&twin, 8));
    let calls: [fn(&tong::pipe::PipeServer); 5] = [
        |server| assert_eq!(server.peek(&mut []).unwrap().bytes, 0),
        |server| assert_eq!(server.send(b"x").unwrap(), 1),
        |server| server.set_modes(server.modes().unwrap()).unwrap(),
        |server| assert_eq!(server.info().unwrap().max_instances, None),
        |server| server.flush().unwrap(),
    ];
    let others: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let twin = server.clone();
            waiting(move || call(&twin))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    assert!(others.iter().all(|other| !other.is_finished()));
    nothing(&client);
    client.send(b"y").unwrap();
    assert_eq!(joined(reader), whole(b"y"));
    assert_eq!(read(&client, 8), whole(b"x"));
    for other in others {
        joined(other);
    }
}

/// P24.1, P22.14: without that, read and write are independent.
#[test]
fn other_opens_read_and_write_at_once() {
    let _watchdog = Watchdog::new("p24_1 not", LIMIT);
    let (server, client) = pair("p24_1-not", &bytes());
    assert!(!server.is_synchronous());
    let twin = server.clone();
    let reader = waiting(move || read(&twin, 8));
    server.send(b"x").unwrap();
    assert_eq!(server.peek(&mut []).unwrap().available, 0);
    assert_eq!(read(&client, 8), whole(b"x"));
    client.send(b"y").unwrap();
    assert_eq!(joined(reader), whole(b"y"));
}

/// P24.1 for a client.
#[test]
fn client_can_be_synchronous_too() {
    let _watchdog = Watchdog::new("p24_1 client", LIMIT);
    let name = name("p24_1-client");
    let server = bytes().create(&name).unwrap();
    let client = PipeClient::options().synchronous(true).open(&name).unwrap();
    let twin = client.clone();
    let reader = waiting(move || read(&twin, 8));
    let twin = client.clone();
    let writer = waiting(move || twin.send(b"x").unwrap());
    std::thread::sleep(Duration::from_millis(50));
    assert!(!writer.is_finished());
    nothing(&server);
    server.send(b"y").unwrap();
    assert_eq!(joined(reader), whole(b"y"));
    assert_eq!(joined(writer), 1);
    assert_eq!(read(&server, 8), whole(b"x"));
}

/// P24.4.
#[test]
fn blocked_call_keeps_its_end_open() {
    let _watchdog = Watchdog::new("p24_4", LIMIT);
    let (server, client) = pair("p24_4", bytes().synchronous(true));
    let reader = waiting(move || read(&server, 8));
    client.send(b"x").unwrap();
    assert_eq!(joined(reader), whole(b"x"));
    eventually("the end is closed now", || {
        client
            .send(b"x")
            .is_err_and(|error| error.kind() == ErrorKind::PipeClosing)
    });
}

/// Runs `call` in a thread that can be canceled, cancels it, and returns what it came to.
fn canceled(call: impl FnOnce() -> tong::Result<()> + Send + 'static) -> Result<(), ErrorKind> {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = Thread::spawn(move || {
        tell.send(call().map_err(|error| error.kind())).unwrap();
        0
    })
    .unwrap();
    eventually("the thread is blocked", || {
        thread.cancel_synchronous().is_ok()
    });
    told.recv().unwrap()
}

/// P22.25, P24.4.
#[test]
fn blocked_calls_can_be_canceled() {
    let _watchdog = Watchdog::new("p22_25", LIMIT);
    let mut options = with_quota(messages(), 4);
    options.synchronous(true);
    let (server, client) = pair("p22_25", &options);
    let twin = server.clone();
    let came = canceled(move || twin.receive(&mut [0; 8]).map(drop));
    assert_eq!(came, Err(ErrorKind::Canceled));
    let twin = server.clone();
    let came = canceled(move || twin.send(b"too much").map(drop));
    assert_eq!(came, Err(ErrorKind::Canceled));
    nothing(&client);
    let twin = server.clone();
    let came = canceled(move || twin.transact(b"?", &mut [0; 8]).map(drop));
    assert_eq!(came, Err(ErrorKind::Canceled));
    assert_eq!(read(&client, 8), whole(b"?"), "P17.12");
    server.send(b"x").unwrap();
    let twin = server.clone();
    assert_eq!(canceled(move || twin.flush()), Err(ErrorKind::Canceled));
    assert_eq!(read(&client, 8), whole(b"x"));
    let listening = options.create(server.name()).unwrap();
    let twin = listening.clone();
    assert_eq!(canceled(move || twin.connect()), Err(ErrorKind::Canceled));
    let other = PipeClient::open(server.name()).unwrap();
    assert_eq!(kind(listening.connect()), ErrorKind::PipeConnected);
    // All of them work on.
    client.send(b"on").unwrap();
    assert_eq!(read(&server, 8), whole(b"on"));
    other.send(b"on").unwrap();
    assert_eq!(read(&listening, 8), whole(b"on"));
}
