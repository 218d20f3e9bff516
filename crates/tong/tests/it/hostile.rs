//! Hostile peers: what they send, what they write into shared memory and how they behave costs them their own messages
//! and nobody else anything.
//!
//! A [`Foe`] is a client made by hand. It greets as an honest client does (`docs/layout.md`), and then keeps the memory
//! mapped, so that it can write any word at any time.

mod behaviour;
pub(crate) mod greeting;
mod memory;
mod time;

pub(crate) use behaviour::{role_keep_quiet, role_serve_many};
pub(crate) use greeting::role_outlive_foes;

use std::hash::Hasher;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher24};
use tong::channel::layout::{Geometry, VERSION};
use tong::channel::ring::{ChannelMemory, Producer};
use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};
use tong_sys::bell::Bell;
use tong_sys::dir::{Dir, Trust};
use tong_sys::map::{Map, Ordering};
use tong_sys::socket;

use crate::support;

/// Offsets of the words of the first direction's control block.
const TAIL: usize = 0x100;
const HEAD: usize = 0x140;
const FLAGS: usize = 0x180;

/// A client that is in, and can write the shared memory at any place.
struct Foe {
    socket: OwnedFd,
    memory: ChannelMemory,
    /// The whole memory file.
    map: Map,
    bell: Bell,
    /// Kept for the other side to ring.
    _answer_bell: Option<Bell>,
}

impl Foe {
    /// A writer of the mailslot.
    fn enter(name: &MailslotName, quota: u64) -> Foe {
        Foe::greet(connect(&socket_of(name)), 1, quota)
    }

    /// Greets like an honest client.
    fn greet(socket: OwnedFd, directions: u32, quota: u64) -> Foe {
        let memory =
            ChannelMemory::create(c"tong-foe", Geometry::new(directions, 65536, quota)).unwrap();
        let bell = Bell::create().unwrap();
        let answer_bell = (directions == 2).then(|| Bell::create().unwrap());
        let mut fds: Vec<BorrowedFd<'_>> = vec![memory.memory().unwrap().as_fd(), bell.as_fd()];
        fds.extend(answer_bell.as_ref().map(AsFd::as_fd));
        socket::send(&socket, &greeting_bytes(&memory, directions, quota), &fds).unwrap();
        let map = memory
            .memory()
            .unwrap()
            .map(0, memory.memory().unwrap().len().try_into().unwrap())
            .unwrap();
        Foe {
            socket,
            memory,
            map,
            bell,
            _answer_bell: answer_bell,
        }
    }

    /// Its ring used properly, but for what it says about time.
    fn producer(&self, quota: u64) -> Producer {
        self.memory.producer(0, quota)
    }

    /// Writes something somewhere.
    fn scribble(&self, random: &mut fastrand::Rng) {
        scribble(&self.map, random);
        if random.u32(..32) == 0 {
            let offset = 4096 * random.u64(..16);
            self.memory.memory().unwrap().release(offset, 4096).unwrap();
        }
    }
}

/// Writes something somewhere: mostly positions that are nearly right, or words of the first frames.
fn scribble(map: &Map, random: &mut fastrand::Rng) {
    let at = match random.u32(..4) {
        0 | 1 => {
            [TAIL, TAIL + 8, HEAD, HEAD + 8, FLAGS][random.usize(..5)] + 0x100 * random.usize(..2)
        }
        2 => 2048 + 8 * random.usize(..256),
        _ => 8 * random.usize(..map.len() / 8),
    };
    let word = map.word(at);
    let value = match random.u32(..6) {
        0 => word
            .load(Ordering::Relaxed)
            .wrapping_add(16 * random.u64(..256)),
        1 => word.load(Ordering::Relaxed) ^ 1 << random.u32(..64),
        2 => random.u64(1..3) << 32 | random.u64(..4096),
        3 => random.u64(..),
        4 => u64::MAX - random.u64(..32),
        _ => 0,
    };
    word.store(value, Ordering::Relaxed);
}

/// What an honest client sends with its descriptors.
fn greeting_bytes(memory: &ChannelMemory, directions: u32, quota: u64) -> [u8; 48] {
    let header = memory.memory().unwrap().map(0, 4096).unwrap();
    let shape = header.word(0x08).load(Ordering::Relaxed);
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(b"tonghey1");
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&directions.to_le_bytes());
    bytes[16..24].copy_from_slice(&header.word(0x10).load(Ordering::Relaxed).to_le_bytes());
    bytes[24..28].copy_from_slice(&(shape >> 40).to_le_bytes()[..4]);
    bytes[32..40].copy_from_slice(&quota.to_le_bytes());
    bytes
}

/// The name of the mailslot's page; its socket is called the same with `.s`.
fn stem_of(name: &MailslotName) -> String {
    stem_of_kind("mailslot", name.folded())
}

/// The name of the page of an object of that kind.
pub(crate) fn stem_of_kind(kind: &str, folded: &str) -> String {
    let mut hasher = SipHasher24::new_with_keys(0x746f_6e67_2d6e_616d, 0x6573_7061_6365_2d31);
    hasher.write(kind.as_bytes());
    hasher.write(b"\0");
    hasher.write(folded.as_bytes());
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

fn page_of(name: &MailslotName) -> PathBuf {
    support::namespace().join("mailslot").join(stem_of(name))
}

fn socket_of(name: &MailslotName) -> PathBuf {
    page_of(name).with_extension("s")
}

/// A connected socket that has not greeted.
pub(crate) fn connect(path: &Path) -> OwnedFd {
    let dir = Dir::open(path.parent().unwrap(), Trust::Private)
        .map_err(|_| "not private")
        .unwrap();
    socket::connect(dir.as_fd(), path.file_name().unwrap().to_str().unwrap()).unwrap()
}

/// An honest client's memory file, found among the descriptors of this process and mapped once more.
fn memory_of_client(name: &MailslotName) -> Map {
    let wanted = format!("/memfd:tong-mailslot-{}", stem_of(name));
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        if target.to_string_lossy().starts_with(&wanted) {
            let file = std::fs::File::options()
                .read(true)
                .write(true)
                .open(entry.path())
                .unwrap();
            let len = file.metadata().unwrap().len().try_into().unwrap();
            return Map::new(&file, 0, len).unwrap();
        }
    }
    panic!("no descriptor of this process is {wanted}");
}

/// Sends `count` messages that [`Honest::sort`] knows again.
fn send_honestly(client: &MailslotClient, writer: u32, count: u32) {
    for number in 0..count {
        let message = format!("{} {writer} {number}", Honest::MARK);
        while let Err(error) = client.send(message.as_bytes()) {
            assert_eq!(error.kind(), ErrorKind::QueueFull, "{error}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Checks that every honest writer's messages come in their order.
struct Honest {
    next: Vec<u32>,
}

impl Honest {
    const MARK: &'static str = "an honest message of writer and number";

    fn new(writers: usize) -> Honest {
        Honest {
            next: vec![0; writers],
        }
    }

    /// Looks at a message that was read; those of foes are passed over.
    fn sort(&mut self, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        let Some(rest) = text.strip_prefix(Honest::MARK) else {
            return;
        };
        let (writer, number) = rest.trim().split_once(' ').unwrap();
        let next = &mut self.next[writer.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next), "writer {writer}");
        *next += 1;
    }

    /// Reads until all writers have had `count` messages.
    fn read_all(&mut self, server: &MailslotServer, count: u32) {
        while self.next.iter().any(|next| *next < count) {
            let message = server
                .recv_vec(Some(Duration::from_secs(60)))
                .expect("honest messages are to come");
            self.sort(&message);
        }
    }
}
