//! Peers that write anything anywhere into the shared memory while the other side reads and writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tong::channel::duplex::Listener;
use tong::{ErrorKind, MailslotClient, MailslotServer};
use tong_sys::map::Map;

use super::{connect, memory_of_client, page_of, scribble, send_honestly, Foe, Honest, HEAD, TAIL};
use crate::support::{self, eventually, Watchdog};

const QUOTA: u64 = 1 << 20;

#[test]
fn writer_that_scribbles_costs_only_its_own_messages() {
    const EACH: u32 = 10_000;
    let _watchdog = Watchdog::new("scribbling writer", Duration::from_secs(240));
    let name = support::name("scribbling-writer");
    let server = MailslotServer::options()
        .quota_bytes(QUOTA)
        .create(&name)
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let client = MailslotClient::open(&name).unwrap();
            scope.spawn(move || send_honestly(&client, writer, EACH));
        }
        scope.spawn(|| {
            let mut random = fastrand::Rng::with_seed(41);
            while !done.load(Ordering::Relaxed) {
                // The server throws it out when its ring makes no sense, and it comes again.
                let foe = Foe::enter(&name, QUOTA);
                let mut producer = foe.producer(QUOTA);
                for _ in 0..200 {
                    let _ = producer.push(random.u64(..), &[7; 40]);
                    foe.bell.ring();
                    for _ in 0..random.u32(..8) {
                        foe.scribble(&mut random);
                    }
                }
            }
        });
        let mut honest = Honest::new(2);
        honest.read_all(&server, EACH);
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn writer_whose_ring_makes_no_sense_is_cut_off() {
    let _watchdog = Watchdog::new("cut off", Duration::from_secs(60));
    let name = support::name("cut-off");
    let server = MailslotServer::create(&name).unwrap();
    for claim in [8, 1 << 40, u64::MAX - 15] {
        let foe = Foe::enter(&name, QUOTA);
        foe.producer(QUOTA).push(0, b"lost with the rest").unwrap();
        assert_eq!(server.info().unwrap().writers, 1);
        assert_eq!(server.recv_vec(None).unwrap(), b"lost with the rest");
        foe.map.word(TAIL).store(claim, Ordering::Relaxed);
        assert_eq!(
            server.try_recv(&mut [0; 64]).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        assert_eq!(server.info().unwrap().writers, 0, "claim {claim:#x}");
        assert!(tong_sys::bell::hung_up(&foe.socket));
    }
}

#[test]
fn client_whose_server_claims_nonsense_gets_an_error() {
    let name = support::name("nonsense-head");
    let server = MailslotServer::options()
        .quota_bytes(8192)
        .create(&name)
        .unwrap();
    for claim in [24, 1 << 40, u64::MAX - 15] {
        let client = MailslotClient::open(&name).unwrap();
        client.send(b"the first").unwrap();
        memory_of_client(&name)
            .word(HEAD)
            .store(claim, Ordering::Relaxed);
        // It looks at the head only when it needs the room.
        let refused = (0..10_000)
            .find_map(|_| client.send(&[0; 1000]).err())
            .unwrap();
        assert_eq!(
            refused.kind(),
            ErrorKind::Corrupt,
            "claim {claim:#x}: {refused}"
        );
    }
    drop(server);
}

#[test]
fn client_lives_on_while_its_server_scribbles() {
    let _watchdog = Watchdog::new("scribbling server", Duration::from_secs(120));
    let name = support::name("scribbling-server");
    let server = MailslotServer::options()
        .quota_bytes(QUOTA)
        .create(&name)
        .unwrap();
    let mut random = fastrand::Rng::with_seed(43);
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let client = MailslotClient::open(&name).unwrap();
        let map = memory_of_client(&name);
        let _ = server.try_recv(&mut [0; 2000]);
        scribble_beside(&map, random.fork(), || {
            for round in 0..2000 {
                if let Err(error) = client.send(&vec![1; round % 1500]) {
                    assert!(
                        matches!(
                            error.kind(),
                            ErrorKind::Corrupt | ErrorKind::Closed | ErrorKind::QueueFull
                        ),
                        "{error}"
                    );
                }
            }
        });
    }
}

/// Runs `work` while another thread writes anything anywhere into the map.
fn scribble_beside(map: &Map, mut random: fastrand::Rng, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                scribble(map, &mut random);
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn two_way_channel_lives_on_while_its_peer_scribbles() {
    let _watchdog = Watchdog::new("scribbling peer", Duration::from_secs(120));
    let path = support::namespace().join("scribbling-peer");
    let _ = MailslotServer::create(&support::name("makes-the-directory")).unwrap();
    let listener = Listener::bind(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(44);
    let mut buf = vec![0; 4096];
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let foe = Foe::greet(connect(&path), 2, QUOTA);
        let (mut sender, mut receiver) = listener
            .accept(Some(Duration::from_secs(30)))
            .unwrap()
            .split();
        scribble_beside(&foe.map, random.fork(), || {
            for round in 0..2000 {
                let _ = sender.try_send(&vec![1; round % 1500]);
                let received = match round % 10 {
                    0 => receiver.recv_timeout(&mut buf, Duration::from_micros(50)),
                    _ => receiver.try_recv(&mut buf),
                };
                assert!(received.is_err() || received.is_ok_and(|len| len <= buf.len()));
            }
        });
    }
}

#[test]
fn server_lives_on_while_its_page_is_scribbled_over() {
    const EACH: u32 = 2000;
    let _watchdog = Watchdog::new("scribbled page", Duration::from_secs(120));
    let name = support::name("scribbled-page");
    let server = MailslotServer::options()
        .quota_bytes(QUOTA)
        .create(&name)
        .unwrap();
    let page = std::fs::File::options()
        .read(true)
        .write(true)
        .open(page_of(&name))
        .unwrap();
    let map = Map::new(&page, 0, 4096).unwrap();
    let clients = [(); 2].map(|()| MailslotClient::open(&name).unwrap());
    scribble_beside(&map, fastrand::Rng::with_seed(45), || {
        std::thread::scope(|scope| {
            for (writer, client) in (0..).zip(&clients) {
                scope.spawn(move || send_honestly(client, writer, EACH));
            }
            let mut honest = Honest::new(2);
            honest.read_all(&server, EACH);
        });
        // Whatever the page says by now, a read with a time-out of its own comes back.
        eventually("an empty read", || {
            server
                .recv_timeout(&mut [0; 100], Duration::from_millis(1))
                .is_err_and(|error| error.kind() == ErrorKind::TimedOut)
        });
        // And so does an open, whatever it finds.
        for _ in 0..200 {
            let _ = MailslotClient::open(&name);
            let _ = server.info();
        }
    });
}
