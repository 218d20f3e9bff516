//! Two-way channels between two ends of one process: order, sleeps, full rings, time-outs, ends that go.

#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers of messages are cut down to bytes that fill them"
)]

use super::*;

fn private_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    dir
}

fn pair() -> (Channel, Channel, tempfile::TempDir) {
    let dir = private_dir();
    let path = dir.path().join("channel");
    let listener = Listener::bind(&path).unwrap();
    let client = Channel::connect(&path, DEFAULT_QUOTA).unwrap();
    let server = listener.accept(Some(Duration::from_secs(5))).unwrap();
    (client, server, dir)
}

#[test]
fn what_was_sent_before_the_accept_arrives_though_the_sender_is_gone() {
    let dir = private_dir();
    let path = dir.path().join("channel");
    let listener = Listener::bind(&path).unwrap();
    let mut client = Channel::connect(&path, DEFAULT_QUOTA).unwrap();
    client.send(b"early").unwrap();
    drop(client);
    let mut server = listener.accept(Some(Duration::from_secs(5))).unwrap();
    let mut buf = [0; 16];
    assert_eq!(server.recv(&mut buf).unwrap(), 5);
    assert_eq!(server.recv(&mut buf).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(server.send(b"late").unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn two_threads_echo_through_sleeps_and_full_rings() {
    let (client, mut server, _dir) = pair();
    let (mut sender, mut receiver) = client.split();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut buf = vec![0; 70_000];
            while let Ok(len) = server.recv(&mut buf) {
                server.send(&buf[..len]).unwrap();
            }
        });
        scope.spawn(move || {
            let mut random = fastrand::Rng::with_seed(3);
            for number in 0..3_000u32 {
                let len = if random.u8(..) == 0 {
                    70_000
                } else {
                    random.usize(4..2000)
                };
                let mut message = vec![number as u8; len];
                message[..4].copy_from_slice(&number.to_le_bytes());
                sender.send(&message).unwrap();
            }
        });
        let mut buf = vec![0; 70_000];
        for number in 0..3_000u32 {
            let len = receiver.recv(&mut buf).unwrap();
            assert_eq!(buf[..4], number.to_le_bytes());
            assert!(buf[4..len].iter().all(|byte| *byte == number as u8));
        }
        drop(receiver);
    });
}

#[test]
fn message_longer_than_the_quota_is_refused() {
    let (mut client, _server, _dir) = pair();
    let limit = match client
        .send(&vec![0; DEFAULT_QUOTA as usize])
        .unwrap_err()
        .kind()
    {
        ErrorKind::MessageTooLong { limit } => limit,
        other => panic!("{other:?}"),
    };
    client.send(&vec![0; limit]).unwrap();
}

#[test]
fn receive_times_out_and_small_buffer_leaves_the_message() {
    let (mut client, mut server, _dir) = pair();
    let mut buf = [0; 4];
    assert_eq!(
        server.receiver.try_recv(&mut buf).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    client.send(b"longer").unwrap();
    let error = server.recv(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTooSmall { needed: 6 });
    assert_eq!(server.recv(&mut [0; 6]).unwrap(), 6);
}

#[test]
fn client_that_breaks_the_rules_costs_only_itself() {
    let dir = private_dir();
    let path = dir.path().join("channel");
    let listener = Listener::bind(&path).unwrap();
    let place = Dir::open(dir.path(), Trust::Private).unwrap();
    let rude = socket::connect(place.as_fd(), "channel").unwrap();
    socket::send(&rude, b"nonsense", &[]).unwrap();
    let silent = socket::connect(place.as_fd(), "channel").unwrap();
    drop(silent);
    let mut client = Channel::connect(&path, DEFAULT_QUOTA).unwrap();
    client.send(b"hello").unwrap();
    let mut server = listener.accept(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(server.recv(&mut [0; 8]).unwrap(), 5);
}
