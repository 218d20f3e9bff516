//! Share modes: every way to open a file beside every other, in one process and between two, races and deaths.

use std::path::Path;

use tong::handle::{Kind, Rights};
use tong::object::file::{Disposition, Share};
use tong::ErrorKind;

use super::{kind, open, open_existing, sharing, READ_WRITE};
use crate::support::{self, Actor};

/// The access sets of the share tests: every right alone, and the usual mixtures.
const ACCESSES: [u32; 24] = [
    0,
    0x1,
    0x2,
    0x4,
    0x8,
    0x10,
    0x20,
    0x80,
    0x100,
    0x1_0000,
    0x2_0000,
    0x4_0000,
    0x8_0000,
    0x10_0000,
    0x8000_0000,
    0x4000_0000,
    0x2000_0000,
    0xC000_0000,
    0x1000_0000,
    0x8001_0000,
    0x4001_0000,
    0x6,
    0x21,
    0x1_0004,
];

/// All pairs of an access set and a share set.
fn combinations() -> impl Iterator<Item = (Rights, Share)> {
    let shares = || (0..8).map(sharing);
    ACCESSES
        .iter()
        .flat_map(move |access| shares().map(|share| (Rights::from_bits(*access), share)))
}

/// H-126: reading, writing and deleting, as far as an access set has them.
fn relevant(access: Rights) -> Share {
    let access = access.mapped(Kind::File).unwrap();
    Share {
        read: access.intersects(Rights::from_bits(0x21)),
        write: access.intersects(Rights::from_bits(0x6)),
        delete: access.contains(Rights::DELETE),
    }
}

/// H-127, H-128.
fn compatible((one, one_shares): (Rights, Share), (other, other_shares): (Rights, Share)) -> bool {
    let allows = |has: Share, shared: Share| {
        (shared.read || !has.read) && (shared.write || !has.write) && (shared.delete || !has.delete)
    };
    let (one, other) = (relevant(one), relevant(other));
    one == Share::NONE
        || other == Share::NONE
        || (allows(one, other_shares) && allows(other, one_shares))
}

/// Opens a file that somebody has open as `first` in every other way, and checks what is refused.
fn check_against_all(path: &Path, first: (Rights, Share)) {
    for second in combinations() {
        let result = open_existing(path, second.0, second.1);
        match compatible(first, second) {
            true => assert!(result.is_ok(), "{second:?} beside {first:?}: {result:?}"),
            false => assert_eq!(
                kind(result),
                ErrorKind::SharingViolation,
                "{second:?} beside {first:?}"
            ),
        }
    }
}

/// H-126 to H-130: every access and share set beside every other, in both orders, inside one process.
#[test]
fn share_modes_hold_inside_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    for first in combinations() {
        let held = open_existing(&path, first.0, first.1).unwrap();
        check_against_all(&path, first);
        drop(held);
    }
}

/// H-126 to H-130: the same with the first open in another process.
#[test]
fn share_modes_hold_between_processes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let mut actor = Actor::start("hold_files", &[path.to_str().unwrap()]);
    for first in combinations() {
        actor.expect("open");
        check_against_all(&path, first);
        actor.go();
    }
    actor.finish();
}

/// Opens the file in every way, one after the other, each until told to go on.
pub(crate) fn role_hold_files() {
    let path = support::args().remove(0);
    for (access, share) in combinations() {
        let held = open_existing(Path::new(&path), access, share).unwrap();
        support::say("open");
        support::wait_for_go();
        drop(held);
    }
}

/// Opens the file exclusively and holds it until killed.
pub(crate) fn role_hold_exclusively() {
    let path = support::args().remove(0);
    let _held = open_existing(Path::new(&path), Rights::GENERIC_ALL, Share::NONE).unwrap();
    support::say("open");
    support::wait_for_go();
}

/// H-11 for the claims of files: a killed process denies nothing.
#[test]
fn share_mode_of_a_killed_process_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    for _ in 0..20 {
        let mut actor = Actor::start("hold_exclusively", &[path.to_str().unwrap()]);
        actor.expect("open");
        let refused = open_existing(&path, Rights::GENERIC_READ, Share::ALL);
        assert_eq!(kind(refused), ErrorKind::SharingViolation);
        actor.kill();
        open_existing(&path, Rights::GENERIC_READ, Share::NONE).unwrap();
    }
}

/// H-133.
#[test]
fn reader_beside_a_writer_must_share_writing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let _writer = open_existing(&path, READ_WRITE, sharing(1)).unwrap();
    assert_eq!(
        kind(open_existing(&path, Rights::GENERIC_READ, sharing(1))),
        ErrorKind::SharingViolation
    );
    open_existing(&path, Rights::GENERIC_READ, sharing(3)).unwrap();
}

/// H-132: the violation comes before anything is lost, and the claim to write does not outlast the truncation.
#[test]
fn truncating_counts_as_writing_while_it_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let reader = open_existing(&path, Rights::GENERIC_READ, sharing(1)).unwrap();
    for access in [Rights::NONE, Rights::GENERIC_READ] {
        let result = open(&path, access, Share::ALL, Disposition::CreateAlways);
        assert_eq!(kind(result), ErrorKind::SharingViolation);
    }
    assert_eq!(reader.len().unwrap(), 4);
    drop(reader);
    let _truncated = open(
        &path,
        Rights::GENERIC_READ,
        Share::ALL,
        Disposition::CreateAlways,
    )
    .unwrap();
    open_existing(&path, Rights::GENERIC_READ, sharing(1)).unwrap();
}

/// H-115, H-130: of many racing creators one makes the file and keeps it to itself; nobody slips in before its claim.
#[test]
fn exclusive_creation_has_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..200 {
        let path = dir.path().join(round.to_string());
        let barrier = std::sync::Barrier::new(4);
        let winners: usize = std::thread::scope(|scope| {
            let contender = |disposition| {
                let (path, barrier) = (&path, &barrier);
                move || {
                    barrier.wait();
                    let opened = open(path, READ_WRITE, Share::NONE, disposition);
                    barrier.wait();
                    usize::from(opened.is_ok())
                }
            };
            use Disposition::{CreateAlways, CreateNew, OpenAlways};
            let dispositions = [CreateNew, CreateAlways, OpenAlways, OpenAlways];
            let threads = dispositions.map(|disposition| scope.spawn(contender(disposition)));
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(winners, 1, "round {round}");
    }
}

/// H-129: opens that race for a file never both succeed, and one always does.
#[test]
fn racing_exclusive_opens_have_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    for round in 0..300 {
        let barrier = std::sync::Barrier::new(3);
        let accesses = [Rights::GENERIC_READ, Rights::GENERIC_WRITE, Rights::DELETE];
        let winners: usize = std::thread::scope(|scope| {
            let (path, barrier) = (&path, &barrier);
            let threads = accesses.map(|access| {
                scope.spawn(move || {
                    barrier.wait();
                    let opened = open_existing(path, access, Share::NONE);
                    barrier.wait();
                    usize::from(opened.is_ok())
                })
            });
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(winners, 1, "round {round}");
    }
}

/// Where the locks are that stand for claims; see docs/layout.md.
const CLAIMS: u64 = 1 << 62;
const AREA: u64 = 1 << 33;

/// Somebody who may only read the file places locks by hand: opens are refused, and none hangs.
#[test]
fn locks_placed_by_hand_refuse_and_never_hang() {
    use tong_sys::lock::{try_lock, Kind as LockKind};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let tentative_halves = (0..64)
        .map(|area| (CLAIMS + area * AREA, AREA / 2))
        .collect();
    let attacks: [Vec<(u64, u64)>; 2] = [vec![(CLAIMS, 64 * AREA)], tentative_halves];
    for attack in attacks {
        let hostile = std::fs::File::open(&path).unwrap();
        for (start, len) in attack {
            assert!(try_lock(&hostile, LockKind::Shared, start, len).unwrap());
        }
        for access in [Rights::GENERIC_READ, Rights::GENERIC_WRITE] {
            let refused = open_existing(&path, access, Share::NONE);
            assert_eq!(kind(refused), ErrorKind::SharingViolation);
        }
        // With nothing at odds there is still no byte left for the exclusive lock of an open that only writes.
        let refused = open_existing(&path, Rights::GENERIC_WRITE, Share::ALL);
        assert_eq!(kind(refused), ErrorKind::SharingViolation);
        drop(hostile);
        open_existing(&path, Rights::GENERIC_ALL, Share::NONE).unwrap();
    }
}

/// The page of the object promises that killed racers leave nothing that keeps others out.
#[test]
fn racers_killed_at_any_moment_leave_the_file_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    for round in 0..30 {
        let mut actors = [(); 3].map(|()| Actor::start("race_for_file", &[path.to_str().unwrap()]));
        actors.iter_mut().for_each(|actor| actor.expect("racing"));
        std::thread::sleep(std::time::Duration::from_micros(round * 37));
        actors.iter_mut().for_each(Actor::kill);
        open_existing(&path, Rights::GENERIC_ALL, Share::NONE).unwrap();
    }
}

/// Opens the file exclusively over and over, until killed.
pub(crate) fn role_race_for_file() {
    let path = support::args().remove(0);
    support::say("racing");
    loop {
        let _ = open_existing(Path::new(&path), Rights::GENERIC_ALL, Share::NONE);
    }
}
