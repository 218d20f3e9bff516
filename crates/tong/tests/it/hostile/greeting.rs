//! Wrong greetings: whoever sends one is dropped, and the next client is served as if nothing had been.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use tong::channel::duplex::{Channel, Listener};
use tong::channel::layout::Geometry;
use tong::channel::ring::ChannelMemory;
use tong::{ErrorKind, MailslotClient, MailslotServer};
use tong_sys::bell::{Bell, BellSet};
use tong_sys::socket;

use super::{connect, greeting_bytes, socket_of};
use crate::support::{self, Actor, Watchdog};

const QUOTA: u64 = 1 << 20;

/// Sends one wrong greeting after the other, each over a connection of its own, and keeps the connections.
fn greet_wrongly(connect: impl Fn() -> OwnedFd, directions: u32) -> Vec<OwnedFd> {
    let memory =
        ChannelMemory::create(c"tong-foe", Geometry::new(directions, 65536, QUOTA)).unwrap();
    let right = greeting_bytes(&memory, directions, QUOTA);
    let bells = [Bell::create().unwrap(), Bell::create().unwrap()];
    let bells: Vec<BorrowedFd<'_>> = bells
        .iter()
        .map(AsFd::as_fd)
        .take(directions as usize)
        .collect();
    let mut connections = Vec::new();
    let mut send = |bytes: &[u8], fds: &[BorrowedFd<'_>]| {
        let connection = connect();
        socket::send(&connection, bytes, fds).unwrap();
        connections.push(connection);
    };
    let all = [&[memory.memory().unwrap().as_fd()], &bells[..]].concat();
    // Descriptors: none, too few, too many, in the wrong order.
    send(&right, &[]);
    send(&right, &all[..1]);
    send(&right, &[&all[..], &bells[..1]].concat());
    send(&right, &[&bells[..1], &all[1..]].concat());
    // Bytes: none but descriptors, too few, too many, other versions and absurd lengths.
    send(&[], &all);
    send(&right[..47], &all);
    send(&[&right[..], &[0]].concat(), &all);
    send(&[0xff; 4000], &all);
    for (at, value) in [
        (0, b'T'),
        (8, 2),
        (12, 3),
        (16, 1),
        (20, 1),
        (23, 0xff),
        (24, 0),
        (24, 21),
        (27, 0xff),
    ] {
        let mut wrong = right;
        wrong[at] = value;
        send(&wrong, &all);
    }
    // Memory that is none.
    for other in not_memory(memory.memory().unwrap().len()) {
        send(&right, &[&[other.as_fd()], &bells[..]].concat());
    }
    connections
}

/// Descriptors that are not a memory file of `len` bytes whose length is sealed.
pub(crate) fn not_memory(len: u64) -> Vec<OwnedFd> {
    let memfd = |len: u64, seals: SealFlags| {
        let fd =
            rustix::fs::memfd_create(c"tong-foe", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
                .unwrap();
        rustix::fs::ftruncate(&fd, len).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    };
    let sealed = SealFlags::SHRINK | SealFlags::GROW;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![0; 8192]).unwrap();
    file.set_len(len).unwrap();
    let (reader, writer) = pipe();
    vec![
        file.into(),
        File::open("/dev/zero").unwrap().into(),
        File::open("/").unwrap().into(),
        reader,
        writer,
        BellSet::create()
            .unwrap()
            .as_fd()
            .try_clone_to_owned()
            .unwrap(),
        UnixStream::pair().unwrap().0.into(),
        memfd(len, SealFlags::empty()),
        memfd(len, SealFlags::SHRINK),
        memfd(len, SealFlags::GROW),
        memfd(len - 4096, sealed),
        memfd(len + 4096, sealed),
        memfd(0, sealed),
        // Can be mapped to read only.
        memfd(len, sealed | SealFlags::WRITE),
    ]
}

fn pipe() -> (OwnedFd, OwnedFd) {
    // A child's standard streams are pipes, and the standard library lets go of them.
    let mut child = std::process::Command::new("true")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ends = (
        child.stdout.take().unwrap().into(),
        child.stdin.take().unwrap().into(),
    );
    child.wait().unwrap();
    ends
}

/// Serves until it is told to end; says how many descriptors it has before and after.
pub(crate) fn role_outlive_foes() {
    let args = support::args();
    let mailslot = |name: &str| {
        let name = tong::MailslotName::short(name).unwrap();
        MailslotServer::create(&name).unwrap()
    };
    // What is made once stays: the wait table, which the first sleep opens, the first client and its end.
    let quiet = mailslot(&format!("{}-quiet", args[0]));
    let nothing = quiet.recv_timeout(&mut [0; 8], Duration::from_millis(5));
    assert_eq!(support::kind(nothing), ErrorKind::TimedOut);
    drop(quiet);
    let server = mailslot(&args[0]);
    let mut before = 0;
    loop {
        match server.recv_vec(None).unwrap().as_slice() {
            b"count" => {
                support::eventually("the writer is gone", || server.info().unwrap().writers == 0);
                match before {
                    0 => before = support::open_descriptors(),
                    _ => assert_eq!(support::open_descriptors(), before),
                }
                support::say("counted");
            }
            other => support::say(&String::from_utf8_lossy(other)),
        }
    }
}

#[test]
fn wrong_greeting_costs_the_mailslot_nothing() {
    let _watchdog = Watchdog::new("wrong greetings", Duration::from_secs(120));
    let name = support::name("wrong-greetings");
    let mut server = Actor::start("outlive_foes", &[name.path()]);
    let say = |word: &[u8]| {
        support::eventually("the mailslot is there", || {
            MailslotClient::open(&name).is_ok()
        });
        MailslotClient::open(&name).unwrap().send(word).unwrap();
    };
    say(b"count");
    server.expect("counted");
    let foes = greet_wrongly(|| connect(&socket_of(&name)), 1);
    say(b"served beside them");
    server.expect("served beside them");
    // Cut off, so nothing of them is kept on either side.
    for (index, foe) in foes.iter().enumerate() {
        support::eventually(&format!("foe {index} is cut off"), || {
            tong_sys::bell::hung_up(foe)
        });
    }
    say(b"count");
    server.expect("counted");
}

#[test]
fn wrong_greeting_costs_a_listener_nothing() {
    let _watchdog = Watchdog::new("wrong greetings to a listener", Duration::from_secs(120));
    let _ = MailslotServer::create(&support::name("makes-the-directory-2")).unwrap();
    let path = support::namespace().join("wrong-greetings");
    let listener = Listener::bind(&path).unwrap();
    let foes = greet_wrongly(|| connect(&path), 2);
    let mut client = Channel::connect(&path, QUOTA).unwrap();
    client.send(b"served").unwrap();
    let mut server = listener.accept(None).unwrap();
    let mut buf = [0; 16];
    assert_eq!(server.recv(&mut buf).unwrap(), 6);
    drop(foes);
    assert_eq!(
        listener.accept(Some(Duration::ZERO)).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
}
