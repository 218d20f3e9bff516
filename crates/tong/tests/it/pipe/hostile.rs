//! Clients that break the rules: each costs its server that one connection and nothing else.
//!
//! A foe opens the door of an instance by hand, with whatever it likes to send. Another instance of the same pipe has an
//! honest client, which must not notice; and after each foe the same instance serves the next client.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use tong::channel::conduit;
use tong::channel::layout::VERSION;
use tong::channel::ring::ChannelMemory;
use tong::pipe::{PipeClient, PipeServer};
use tong::{ErrorKind, PipeName};
use tong_sys::bell::Bell;
use tong_sys::map::{Map, Ordering};
use tong_sys::socket;

use super::{messages, name, with_quota, LIMIT};
use crate::hostile::{connect, greeting::not_memory, stem_of_kind};
use crate::support::{self, Watchdog};

/// How long a test waits for what never comes.
const SHORT: Duration = Duration::from_millis(20);

/// The door of the only instance of the pipe that listens.
fn knock(name: &PipeName) -> OwnedFd {
    let dir = support::namespace().join("pipe");
    let stem = format!("{}.", stem_of_kind("pipe", name.folded()));
    let is_door =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&stem);
    let doors = std::fs::read_dir(dir).unwrap().flatten().filter(is_door);
    let doors: Vec<_> = doors.collect();
    assert_eq!(doors.len(), 1, "{stem}: {doors:?}");
    connect(&doors[0].path())
}

/// What an honest client sends, with its descriptors.
struct Greeting {
    bytes: [u8; 16],
    memory: ChannelMemory,
    bells: [Bell; 2],
}

impl Greeting {
    fn new() -> Greeting {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(b"tongpip1");
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        Greeting {
            bytes,
            memory: ChannelMemory::create(c"tong-foe", conduit::geometry(64 << 10)).unwrap(),
            bells: [Bell::create().unwrap(), Bell::create().unwrap()],
        }
    }

    fn memory(&self) -> BorrowedFd<'_> {
        self.memory.memory().unwrap().as_fd()
    }

    /// The header page, which the foe writes whatever it likes to.
    fn page(&self) -> Map {
        self.memory.memory().unwrap().map(0, 4096).unwrap()
    }
}

/// A server, and beside it an instance with an honest client.
struct Scene {
    name: PipeName,
    server: PipeServer,
    neighbour: PipeServer,
    client: PipeClient,
}

impl Scene {
    fn new(test: &str) -> Scene {
        let name = name(test);
        let options = with_quota(messages(), 4096);
        let neighbour = options.create(&name).unwrap();
        let client = PipeClient::open(&name).unwrap();
        client.set_modes(neighbour.modes().unwrap()).unwrap();
        assert_eq!(
            neighbour.connect().unwrap_err().kind(),
            ErrorKind::PipeConnected
        );
        Scene {
            server: options.create(&name).unwrap(),
            name,
            neighbour,
            client,
        }
    }

    /// The server does what servers do, whoever its client is, and never takes long.
    fn suffer(&self) {
        let started = Instant::now();
        let _ = self.server.connect_timeout(SHORT);
        let mut buf = [0; 64];
        for _ in 0..3 {
            let _ = self.server.peek(&mut buf);
            let _ = self.server.receive_timeout(&mut buf, SHORT);
            let _ = self.server.try_send(b"an answer");
            let _ = self.server.client_process_id();
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it hung");
    }

    /// The neighbour is as well as ever, and the instance serves the next client.
    fn recover(&self) {
        let mut buf = [0; 64];
        self.client.send(b"still there?").unwrap();
        let received = self.neighbour.receive(&mut buf).unwrap();
        assert_eq!(&buf[..received.bytes], b"still there?");
        self.server.disconnect().unwrap();
        assert_eq!(
            self.server
                .connect_timeout(Duration::ZERO)
                .unwrap_err()
                .kind(),
            ErrorKind::TimedOut
        );
        let client = PipeClient::open(&self.name).unwrap();
        client.send(b"the next").unwrap();
        let received = self.server.receive(&mut buf).unwrap();
        assert_eq!(&buf[..received.bytes], b"the next");
        drop(client);
        self.server.disconnect().unwrap();
        let _ = self.server.connect_timeout(Duration::ZERO);
    }
}

#[test]
fn wrong_greetings_cost_their_connection_only() {
    let _watchdog = Watchdog::new("wrong_greetings_cost_their_connection_only", LIMIT);
    let scene = Scene::new("foe-greets");
    let right = Greeting::new();
    let all = [
        right.memory(),
        right.bells[0].as_fd(),
        right.bells[1].as_fd(),
    ];
    let extra = right.bells[0].as_fd();
    let mut wrong: Vec<(Vec<u8>, Vec<BorrowedFd<'_>>)> = vec![
        (right.bytes.to_vec(), vec![]),
        (right.bytes.to_vec(), all[..1].to_vec()),
        (right.bytes.to_vec(), all[..2].to_vec()),
        (right.bytes.to_vec(), [&all[..], &[extra; 5][..]].concat()),
        (right.bytes.to_vec(), vec![all[1], all[0], all[2]]),
        (vec![], all.to_vec()),
        (right.bytes[..15].to_vec(), all.to_vec()),
        ([&right.bytes[..], &[0][..]].concat(), all.to_vec()),
        (vec![0xff; 4000], all.to_vec()),
    ];
    for (at, value) in [(0, b'T'), (8, 9), (12, 2), (13, 1), (15, 0xff)] {
        let mut bytes = right.bytes.to_vec();
        bytes[at] = value;
        wrong.push((bytes, all.to_vec()));
    }
    let others = not_memory(right.memory.memory().unwrap().len());
    for other in &others {
        wrong.push((right.bytes.to_vec(), vec![other.as_fd(), all[1], all[2]]));
    }
    let before = support::open_descriptors();
    for (bytes, fds) in wrong {
        let foe = knock(&scene.name);
        socket::send(&foe, &bytes, &fds).unwrap();
        scene.suffer();
        scene.recover();
    }
    assert!(
        support::open_descriptors() <= before + 8,
        "descriptors stay"
    );
}

#[test]
fn clients_that_come_and_say_nothing_cost_nothing() {
    let _watchdog = Watchdog::new("clients_that_come_and_say_nothing", LIMIT);
    let scene = Scene::new("foe-is-silent");
    for stays in [false, true, false, true] {
        let foe = knock(&scene.name);
        let foe = stays.then_some(foe);
        scene.suffer();
        scene.recover();
        drop(foe);
    }
}

#[test]
fn client_that_scribbles_over_its_memory_costs_its_connection_only() {
    let _watchdog = Watchdog::new("client_that_scribbles_over_its_memory", LIMIT);
    let scene = Scene::new("foe-scribbles");
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let foe = knock(&scene.name);
        let greeting = Greeting::new();
        let fds = [
            greeting.memory(),
            greeting.bells[0].as_fd(),
            greeting.bells[1].as_fd(),
        ];
        let page = greeting.page();
        let mut scribble = |times: u32| {
            for _ in 0..times {
                let at = 8 * random.usize(..512);
                let value = match random.u32(..4) {
                    0 => u64::MAX - random.u64(..64),
                    1 => 16 * random.u64(..300),
                    2 => 1 << random.u32(..64),
                    _ => random.u64(..),
                };
                page.word(at).store(value, Ordering::Relaxed);
            }
        };
        scribble(if round % 2 == 0 { 600 } else { 0 });
        socket::send(&foe, &greeting.bytes, &fds).unwrap();
        std::thread::scope(|scope| {
            let suffering = scope.spawn(|| scene.suffer());
            while !suffering.is_finished() {
                scribble(50);
            }
        });
        scene.recover();
    }
}

/// A client that never reads makes its own server's writes wait, which the server can bound, cancel or refuse.
#[test]
fn client_that_never_reads_makes_only_its_own_writes_wait() {
    let _watchdog = Watchdog::new("client_that_never_reads", LIMIT);
    let scene = Scene::new("foe-never-reads");
    let foe = PipeClient::open(&scene.name).unwrap();
    let mut written = 0;
    while scene.server.try_send(&[7; 1000]).unwrap() > 0 {
        written += 1000;
    }
    assert!(written <= 4096);
    scene.recover();
    assert_eq!(
        foe.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::NotConnected
    );
}

#[test]
fn ten_thousand_connects_of_one_client_leave_nothing() {
    let _watchdog = Watchdog::new("ten_thousand_connects", LIMIT);
    let scene = Scene::new("foe-comes-often");
    let before = support::open_descriptors();
    for _ in 0..10_000 {
        drop(PipeClient::open(&scene.name).unwrap());
        scene.server.disconnect().unwrap();
        let connected = scene.server.connect_timeout(Duration::ZERO);
        assert_eq!(connected.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert!(
        support::open_descriptors() <= before + 8,
        "descriptors stay"
    );
    scene.server.disconnect().unwrap();
    let _ = scene.server.connect_timeout(Duration::ZERO);
    scene.recover();
}
