//! Whatever a client sends when it connects.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{MemfdFlags, OFlags, SealFlags};
use tong::channel::duplex::{Channel, Listener};
use tong::channel::layout::Geometry;
use tong::channel::ring::ChannelMemory;
use tong::{ErrorKind, MailslotClient, MailslotServer};
use tong_sys::bell::{Bell, BellSet};
use tong_sys::socket;

use crate::forged::{connect, connect_to_mailslot, greeting_bytes};
use crate::input::Input;
use crate::place;

const QUOTA: u64 = 1 << 17;

/// Greets a mailslot and a listener with random bytes and descriptors; then an honest client comes.
///
/// # Panics
/// If the server does, or the honest client is not served.
pub fn greetings(data: &[u8]) {
    let mut input = Input::new(data);
    if input.one_in(2) {
        greet_mailslot(&mut input);
    } else {
        greet_listener(&mut input);
    }
}

fn greet_mailslot(input: &mut Input<'_>) {
    let name = place::fresh_name();
    let server = MailslotServer::options()
        .quota_bytes(QUOTA)
        .create(&name)
        .expect("a fresh name");
    let mut foes = Vec::new();
    for _ in 0..=input.below(4) {
        let socket = connect_to_mailslot(&name);
        greet(&socket, 1, input);
        if input.one_in(2) {
            foes.push(socket);
        }
        if input.one_in(4) {
            let quiet = server.try_recv(&mut [0; 8]).map_err(|error| error.kind());
            assert_eq!(quiet, Err(ErrorKind::TimedOut));
        }
    }
    let client = MailslotClient::open(&name).expect("the mailslot is there");
    client.send(b"honest").expect("room");
    assert_eq!(
        server
            .recv_vec(Some(Duration::from_secs(60)))
            .expect("the message"),
        b"honest"
    );
}

fn greet_listener(input: &mut Input<'_>) {
    let path = place::fresh_path();
    let listener = Listener::bind(&path).expect("a fresh path");
    let mut foes = Vec::new();
    for _ in 0..=input.below(4) {
        let socket = connect(&path);
        greet(&socket, 2, input);
        if input.one_in(4) {
            foes.push(socket);
        }
        // Whoever greeted properly by chance is in; the others cost at most the time-out.
        match listener.accept(Some(Duration::from_millis(1))) {
            Ok(channel) => drop(channel),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
        }
    }
    let mut client = Channel::connect(&path, QUOTA).expect("somebody listens");
    client.send(b"honest").expect("room");
    let (mut sender, _receiver) = loop {
        let channel = listener
            .accept(Some(Duration::from_secs(60)))
            .expect("an honest client waits");
        let (sender, mut receiver) = channel.split();
        // A foe may have greeted properly and be in the line before.
        let mut buf = [0; 8];
        if let Ok(6) = receiver.recv_timeout(&mut buf, Duration::from_millis(1)) {
            assert_eq!(&buf[..6], b"honest");
            break (sender, receiver);
        }
    };
    sender.send(b"answer").expect("room");
    let mut buf = [0; 8];
    assert_eq!(client.recv(&mut buf).expect("the answer"), 6);
}

/// Sends one greeting, nearly right or not at all.
fn greet(socket: &OwnedFd, directions: u32, input: &mut Input<'_>) {
    let geometry = Geometry::new(directions, 4096 << input.below(5), QUOTA);
    let memory = ChannelMemory::create(c"tong-fuzz", geometry).expect("memory");
    let mut bytes = greeting_bytes(&memory, QUOTA).to_vec();
    match input.below(4) {
        0 => bytes = input.take(60).to_vec(),
        1 => {
            let at = input.below(bytes.len());
            bytes[at] ^= input.byte();
        }
        2 => bytes.resize(input.below(60), 0),
        _ => {}
    }
    let mut fds: Vec<OwnedFd> = vec![memory
        .memory()
        .expect("a file")
        .as_fd()
        .try_clone_to_owned()
        .expect("descriptors")];
    fds.extend((0..directions).map(|_| descriptor(2)));
    for _ in 0..input.below(3) {
        let which = input.below(fds.len().max(1));
        match input.below(3) {
            0 => drop(fds.pop()),
            1 if which < fds.len() => fds[which] = descriptor(input.below(14)),
            _ => fds.push(descriptor(input.below(14))),
        }
    }
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).take(socket::MAX_FDS).collect();
    // The server may have seen through it already.
    let _ = socket::send(socket, &bytes, &fds);
    if input.one_in(4) {
        let how = [
            rustix::net::Shutdown::Read,
            rustix::net::Shutdown::Write,
            rustix::net::Shutdown::Both,
        ];
        let _ = rustix::net::shutdown(socket, how[input.below(3)]);
    }
}

/// A descriptor of one of many kinds.
fn descriptor(kind: usize) -> OwnedFd {
    let open = |path: &str, flags| {
        rustix::fs::open(path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty())
    };
    let memfd = |seals: SealFlags, len: u64| {
        let fd = rustix::fs::memfd_create(
            c"tong-fuzz",
            MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
        )?;
        rustix::fs::ftruncate(&fd, len)?;
        rustix::fs::fcntl_add_seals(&fd, seals)?;
        Ok(fd)
    };
    let len_seals = SealFlags::SHRINK | SealFlags::GROW;
    let fd = match kind {
        0 => open("/dev/null", OFlags::RDWR),
        1 => open("/dev/zero", OFlags::RDWR),
        2 => {
            return Bell::create()
                .expect("descriptors")
                .as_fd()
                .try_clone_to_owned()
                .expect("descriptors")
        }
        3 => open("/", OFlags::DIRECTORY),
        4 => rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map(|(reader, _)| reader),
        5 => rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map(|(_, writer)| writer),
        6 => {
            return BellSet::create()
                .expect("descriptors")
                .as_fd()
                .try_clone_to_owned()
                .expect("descriptors")
        }
        7 => rustix::net::socket(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            None,
        ),
        8 => memfd(SealFlags::empty(), 1 << 17),
        9 => memfd(len_seals, 4096),
        10 => memfd(len_seals | SealFlags::WRITE, 1 << 17),
        11 => memfd(len_seals, u64::MAX >> 2),
        12 => open("/proc/self/exe", OFlags::RDONLY),
        _ => open("/proc/self", OFlags::PATH),
    };
    fd.expect("descriptors")
}
