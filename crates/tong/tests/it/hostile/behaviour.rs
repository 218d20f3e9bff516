//! Peers that behave badly without breaking the rules of the memory: they stay silent, ring without end, hang up half,
//! or never read.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tong::channel::duplex::{Channel, Listener};
use tong::{ErrorKind, MailslotClient, MailslotServer};

use super::{connect, send_honestly, socket_of, Foe, Honest};
use crate::support::{self, Actor, Watchdog};

const QUOTA: u64 = 1 << 20;

/// Lets a test process have many descriptors.
const MANY_DESCRIPTORS: &[&str] = &["sh", "-c", r#"ulimit -n 4096 && exec "$0" "$@""#];

/// Connects many times to the mailslot and says nothing.
pub(crate) fn role_keep_quiet() {
    let args = support::args();
    let name = tong::MailslotName::short(&args[0]).unwrap();
    let _connections: Vec<OwnedFd> = (0..1000).map(|_| connect(&socket_of(&name))).collect();
    support::say("connected");
    support::wait_for_go();
}

/// Serves a mailslot and says what comes.
pub(crate) fn role_serve_many() {
    let args = support::args();
    let server = MailslotServer::create(&tong::MailslotName::short(&args[0]).unwrap()).unwrap();
    support::say("serving");
    loop {
        let message = server.recv_vec(None).unwrap();
        support::say(&format!(
            "{} of {}",
            String::from_utf8_lossy(&message),
            server.info().unwrap().writers
        ));
    }
}

#[test]
fn thousand_connections_that_never_greet_hold_nobody_up() {
    let _watchdog = Watchdog::new("quiet connections", Duration::from_secs(120));
    let name = support::name("quiet");
    let mut server = Actor::start_by(MANY_DESCRIPTORS, "serve_many", &[name.path()]);
    server.expect("serving");
    let mut foes = Actor::start_by(MANY_DESCRIPTORS, "keep_quiet", &[name.path()]);
    foes.expect("connected");
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"heard").unwrap();
    server.expect("heard of 1001");
    foes.kill();
    support::eventually("they are let go", || {
        client.send(b"again").unwrap();
        server.line() == "again of 1"
    });
}

#[test]
fn client_that_rings_without_end_does_not_hold_a_time_out_back() {
    const EACH: u32 = 5000;
    let _watchdog = Watchdog::new("endless rings", Duration::from_secs(120));
    let name = support::name("endless-rings");
    let server = MailslotServer::create(&name).unwrap();
    let foe = Foe::enter(&name, QUOTA);
    let client = MailslotClient::open(&name).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                foe.bell.ring();
                // A stranger's way to ring.
                let _ = tong_sys::socket::send(&foe.socket, &[0], &[]);
            }
        });
        for _ in 0..5 {
            let started = Instant::now();
            let nothing = server
                .recv_timeout(&mut [0; 8], Duration::from_millis(20))
                .unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::TimedOut);
            assert!(started.elapsed() >= Duration::from_millis(20));
            assert_eq!(
                server.try_recv(&mut [0; 8]).unwrap_err().kind(),
                ErrorKind::TimedOut
            );
            assert_eq!(server.info().unwrap().message_count, 0);
        }
        scope.spawn(|| send_honestly(&client, 0, EACH));
        Honest::new(1).read_all(&server, EACH);
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn writer_that_shuts_down_one_side_is_read_to_the_end_and_let_go() {
    let _watchdog = Watchdog::new("half a hang-up", Duration::from_secs(60));
    let name = support::name("half");
    let server = MailslotServer::create(&name).unwrap();
    for how in [
        std::net::Shutdown::Read,
        std::net::Shutdown::Write,
        std::net::Shutdown::Both,
    ] {
        let foe = Foe::enter(&name, QUOTA);
        let mut producer = foe.producer(QUOTA);
        producer.push(1, b"before").unwrap();
        // Only the standard library's own types can be shut down safely; any socket will do for it.
        let stream = std::os::unix::net::UnixStream::from(foe.socket.try_clone().unwrap());
        stream.shutdown(how).unwrap();
        producer.push(2, b"after").unwrap();
        assert_eq!(server.recv_vec(None).unwrap(), b"before");
        assert_eq!(server.recv_vec(None).unwrap(), b"after");
        drop((foe, producer, stream));
        support::eventually("it is let go", || server.info().unwrap().writers == 0);
    }
}

#[test]
fn peer_that_never_reads_stops_only_the_sends_to_it() {
    let _watchdog = Watchdog::new("never reads", Duration::from_secs(60));
    let _ = MailslotServer::create(&support::name("makes-the-directory-3")).unwrap();
    let path = support::namespace().join("never-reads");
    let listener = Listener::bind(&path).unwrap();
    let mut foe = Channel::connect(&path, QUOTA).unwrap();
    let (mut sender, mut receiver) = listener.accept(None).unwrap().split();
    let mut queued = 0u64;
    let refused = loop {
        match sender.try_send(&[0; 1000]) {
            Ok(()) => queued += 1024,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::QueueFull);
    assert!(queued <= QUOTA, "{queued} bytes");
    let blocked = std::thread::spawn(move || sender.send(&[0; 1000]).unwrap_err());
    foe.send(b"speaks").unwrap();
    let mut buf = [0; 8];
    assert_eq!(receiver.recv(&mut buf).unwrap(), 6);
    assert!(!blocked.is_finished());
    drop(foe);
    assert_eq!(blocked.join().unwrap().kind(), ErrorKind::Closed);
}
