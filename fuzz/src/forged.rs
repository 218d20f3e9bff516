//! Clients made by hand: they greet as an honest one does, or as they like, and keep their fingers in the memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use siphasher::sip128::{Hasher128, SipHasher24};
use tong::channel::layout::{Geometry, VERSION};
use tong::channel::ring::ChannelMemory;
use tong::MailslotName;
use tong_sys::bell::Bell;
use tong_sys::dir::{Dir, Trust};
use tong_sys::map::{Map, Ordering};
use tong_sys::socket;

use crate::input::Input;
use crate::place;

/// Where a control block's words lie that a peer can write; see `docs/layout.md`. The second direction's are 256 further.
const WORDS: [usize; 5] = [0x100, 0x108, 0x140, 0x148, 0x180];

/// A greeting as an honest client sends it.
pub(crate) fn greeting_bytes(memory: &ChannelMemory, quota: u64) -> [u8; 48] {
    let header = memory
        .memory()
        .expect("a file")
        .map(0, 4096)
        .expect("the first page");
    let shape = header.word(0x08).load(Ordering::Relaxed);
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(b"tonghey1");
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&[(shape >> 32).to_le_bytes()[0], 0, 0, 0]);
    bytes[16..24].copy_from_slice(&header.word(0x10).load(Ordering::Relaxed).to_le_bytes());
    bytes[24..28].copy_from_slice(&(shape >> 40).to_le_bytes()[..4]);
    bytes[32..40].copy_from_slice(&quota.to_le_bytes());
    bytes
}

/// Connects to a mailslot without a greeting.
pub(crate) fn connect_to_mailslot(name: &MailslotName) -> OwnedFd {
    let mut hasher = SipHasher24::new_with_keys(0x746f_6e67_2d6e_616d, 0x6573_7061_6365_2d31);
    std::hash::Hasher::write(&mut hasher, b"mailslot\0");
    std::hash::Hasher::write(&mut hasher, name.folded().as_bytes());
    let hash = hasher.finish128();
    connect(
        &place::dir()
            .join("mailslot")
            .join(format!("{:016x}{:016x}.s", hash.h1, hash.h2)),
    )
}

/// Connects to a listening socket without a greeting.
pub(crate) fn connect(path: &Path) -> OwnedFd {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        panic!("a path")
    };
    let Ok(dir) = Dir::open(parent, Trust::Private) else {
        panic!("a directory of ours")
    };
    socket::connect(dir.as_fd(), &name.to_string_lossy()).expect("somebody listens")
}

/// A client that is in, and can write the shared memory at any place.
pub(crate) struct Forged {
    pub(crate) socket: OwnedFd,
    pub(crate) memory: ChannelMemory,
    pub(crate) bell: Bell,
    /// Keeps the descriptor that the other side rings.
    _answer_bell: Option<Bell>,
    map: Map,
}

impl Forged {
    /// Greets like an honest client, over a connected socket.
    pub(crate) fn greet(socket: OwnedFd, directions: u32, quota: u64) -> Forged {
        let memory = ChannelMemory::create(c"tong-forged", Geometry::new(directions, 65536, quota))
            .expect("memory");
        let bell = Bell::create().expect("descriptors");
        let answer_bell = (directions == 2).then(|| Bell::create().expect("descriptors"));
        let mut fds: Vec<BorrowedFd<'_>> =
            vec![memory.memory().expect("a file").as_fd(), bell.as_fd()];
        fds.extend(answer_bell.as_ref().map(AsFd::as_fd));
        socket::send(&socket, &greeting_bytes(&memory, quota), &fds).expect("the greeting");
        let map = whole(&memory);
        Forged {
            socket,
            memory,
            bell,
            _answer_bell: answer_bell,
            map,
        }
    }

    /// Writes what the input says to where it says.
    pub(crate) fn scribble(&self, input: &mut Input<'_>) {
        scribble(&self.memory, &self.map, input);
    }
}

/// The whole memory file, mapped once more.
pub(crate) fn whole(memory: &ChannelMemory) -> Map {
    let len = usize::try_from(memory.memory().expect("a file").len()).expect("64 bits");
    memory
        .memory()
        .expect("a file")
        .map(0, len)
        .expect("a mapping")
}

/// Writes what the input says to where it says: a control word, a word anywhere, bytes anywhere, or a hole.
pub(crate) fn scribble(memory: &ChannelMemory, map: &Map, input: &mut Input<'_>) {
    match input.below(8) {
        0..=3 => {
            let at = WORDS[input.below(WORDS.len())] + 0x100 * input.below(2);
            let word = map.word(at);
            let value = match input.below(4) {
                0 => word
                    .load(Ordering::Relaxed)
                    .wrapping_add(16 * input.below(64) as u64),
                1 => word
                    .load(Ordering::Relaxed)
                    .wrapping_sub(16 * input.below(64) as u64),
                2 => word.load(Ordering::Relaxed) ^ 1 << input.below(64),
                _ => input.odd_word(),
            };
            word.store(value, Ordering::Relaxed);
        }
        4 | 5 => {
            // Mostly where the first frames are.
            let end = if input.one_in(4) { map.len() } else { 4096 };
            map.word(input.below(end / 8) * 8)
                .store(input.odd_word(), Ordering::Relaxed);
        }
        6 => {
            let bytes = input.take(64);
            map.copy_in(input.below(map.len() - bytes.len()), bytes);
        }
        _ => {
            let offset = 4096 * input.below(map.len() / 4096) as u64;
            let len = 4096 * (1 + input.below(8)) as u64;
            memory
                .memory()
                .expect("a file")
                .release(offset, len.min(map.len() as u64 - offset))
                .expect("a hole");
        }
    }
}
