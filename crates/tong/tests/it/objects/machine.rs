//! What the machine may be like: full file systems, few descriptors, several PID namespaces, very many objects.
//!
//! Sources: demand F5, F11, F14 and section 7; mongodb/mongo-c-driver#1244 and shadow/shadow#2266 (a full tmpfs kills the
//! process), garrytan/gbrain#2840, DaveyHert/Dishylink#48, Intrect-io/OpenSwarm#456 (every container has a PID 1).

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tong::{Event, Reset};

use crate::machine::{can_mount, on_tmpfs};
use crate::puppet::{fresh_root, Puppet};
use crate::support::{self, eventually, namespace, open_descriptors, skip, works, Watchdog};
use crate::waits::{object_files, player, player_by};

fn player_on_tmpfs(root: &Path, options: &str) -> Puppet {
    let launcher = on_tmpfs(options);
    let launcher: Vec<&str> = launcher.iter().map(String::as_str).collect();
    player_by(root, &launcher)
}

/// F11: an error instead of SIGBUS when an object is made on a full file system, and nothing left of the attempt.
#[test]
fn making_objects_on_a_full_file_system_is_an_error() {
    const TEST: &str = "making_objects_on_a_full_file_system_is_an_error";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let mut user = player_on_tmpfs(root.path(), "size=256k");
    user.must(&["event", "first", "auto", "1"]);
    // The first wait of a thread makes room for it.
    user.must(&["wait", "first", "0"]);
    assert_ne!(user.must(&["fill-disk", "0"]), "0");
    for create in [["event", "x", "auto", "0"], ["semaphore", "x", "0", "9"]] {
        assert_eq!(user.fails(&create), "DiskFull");
        assert_eq!(
            user.must(&["files"]).split(' ').count(),
            1,
            "the first one's only"
        );
        assert_eq!(user.fails(&["open-event", "x"]), "NotFound");
    }
    // What exists goes on.
    user.must(&["set", "first"]);
    user.must(&["wait", "first", "0"]);
    user.must(&["fill-disk", "4"]);
    assert_eq!(user.must(&["event", "x", "auto", "1"]), "New");
    user.must(&["wait", "x", "0"]);
}

/// F11: nor does the first use of a namespace crash that has no room for its wait table.
#[test]
fn wait_table_that_finds_no_room_is_an_error() {
    const TEST: &str = "wait_table_that_finds_no_room_is_an_error";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let mut user = player_on_tmpfs(root.path(), "size=64k");
    // This makes the directories, and no file of ours.
    assert_ne!(user.must(&["fill-disk", "0"]), "0");
    assert_eq!(user.fails(&["event", "x", "auto", "0"]), "DiskFull");
    user.must(&["fill-disk", "1"]);
    assert_eq!(user.fails(&["event", "x", "auto", "0"]), "DiskFull");
    user.must(&["fill-disk", "8"]);
    user.must(&["event", "x", "auto", "1"]);
    user.must(&["wait", "x", "0"]);
}

/// F11: waiters need memory too. More of them than there is room for get an error, the others wait on and are served.
#[test]
fn more_waiters_than_there_is_room_for_are_an_error() {
    const TEST: &str = "more_waiters_than_there_is_room_for_are_an_error";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(120));
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let mut user = player_on_tmpfs(root.path(), "size=256k");
    user.must(&["semaphore", "s", "0", "1000"]);
    // Eight pages are nearly what 600 waiters and their records need, and less.
    for free in ["0", "1", "3", "8"] {
        user.must(&["fill-disk", free]);
        match user.ask(&["crowd", "s", "600", "300"]) {
            Ok(got) => assert_eq!(got, "0", "{free} pages free"),
            Err(failure) => assert_eq!(failure.kind, "DiskFull", "{free} pages free: {failure:?}"),
        }
        assert_eq!(user.must(&["waiters", "s"]), "0");
    }
    assert_eq!(user.must(&["release", "s", "3"]), "0");
    user.must(&["wait", "s", "0"]);
}

/// As many waiters at one named object as it has room for, and a few more.
#[test]
fn hundreds_of_waiters_at_one_named_object() {
    let _watchdog = Watchdog::new("hundreds_of_waiters", Duration::from_secs(120));
    let root = fresh_root();
    let (mut crowd, mut other) = (player(root.path()), player(root.path()));
    for each in [&mut crowd, &mut other] {
        each.must(&["semaphore", "s", "0", "5000"]);
    }
    for round in 0..2 {
        crowd.begin(&["crowd", "s", "1500", "60000"]);
        eventually("they wait", || other.must(&["waiters", "s"]) == "1500");
        assert_eq!(other.must(&["release", "s", "1500"]), "0", "round {round}");
        assert_eq!(crowd.answer().unwrap(), "1500");
        assert_eq!(other.must(&["peek", "s"]), "0");
        assert_eq!(other.must(&["waiters", "s"]), "0");
    }
}

/// F14: a shortage of descriptors, wherever in the work it strikes, is an error that leaves no files.
#[test]
fn too_few_descriptors_is_an_error_and_leaves_nothing() {
    let _watchdog = Watchdog::new("too_few_descriptors_for_objects", Duration::from_secs(120));
    let root = fresh_root();
    let mut server = player(root.path());
    server.must(&["event", "stays", "auto", "0"]);
    let mut refused = 0;
    for limit in 4..32 {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let mut user = player_by(root.path(), &["sh", "-c", &script, "sh"]);
        // Too few even to be a process at all.
        user.actor.tell("files");
        if user.actor.line().is_empty() {
            continue;
        }
        for command in [&["open-event", "stays"][..], &["event", "x", "auto", "0"]] {
            match user.ask(command) {
                Ok(_) => drop(user.must(&["close", command[1]])),
                Err(failure) => {
                    assert_eq!(
                        failure.kind, "NoResources",
                        "{command:?}, {limit}: {failure:?}"
                    );
                    refused += 1;
                }
            }
        }
        assert_eq!(
            object_files(root.path()).len(),
            1,
            "with {limit} descriptors"
        );
    }
    assert!(refused > 2, "{refused}");
    assert_eq!(server.must(&["event", "stays", "auto", "0"]), "Existing");
}

/// F14: 100,000 events without names need no descriptor, and less than 100 bytes each.
#[test]
fn hundred_thousand_events_need_no_descriptors() {
    namespace();
    let arena = || -> u64 {
        // Memory of files that are no files: the arenas of this process.
        let fds = std::fs::read_dir("/proc/self/fd").unwrap();
        fds.flatten()
            .filter(|fd| {
                std::fs::read_link(fd.path())
                    .is_ok_and(|link| link.to_string_lossy().contains("tong-arena"))
            })
            .filter_map(|fd| std::fs::metadata(fd.path()).ok())
            .map(|entry| entry.blocks() * 512)
            .sum()
    };
    // The arena is there before the count.
    let first = Event::new(Reset::Auto, false).unwrap();
    let (descriptors, memory) = (open_descriptors(), arena());
    let count = 100_000_u32;
    let events: Vec<Event> = (0..count)
        .map(|_| Event::new(Reset::Auto, false).unwrap())
        .collect();
    let each = (arena() - memory) as f64 / f64::from(count);
    println!("{each:.1} bytes of shared memory each");
    assert!(each < 100.0, "{each} bytes each");
    // Other tests of this process open and close theirs meanwhile.
    let more = open_descriptors().saturating_sub(descriptors);
    assert!(more < 500, "{more} descriptors for {count} events");
    events[99_999].set().unwrap();
    assert!(events[99_999].is_signaled() && !events[0].is_signaled() && !first.is_signaled());
    drop(events);
    let again: Vec<Event> = (0..count)
        .map(|_| Event::new(Reset::Auto, false).unwrap())
        .collect();
    assert!(again.iter().all(|event| !event.is_signaled()));
    assert!(arena() <= memory + 100 * u64::from(count), "used again");
}

/// F5, gbrain#2840, Dishylink#48, OpenSwarm#456: two containers, both with a PID 1, share the run directory. Events,
/// mutexes, their owners and the death of these work between them as between neighbours.
#[test]
fn containers_that_share_the_directory_share_the_objects() {
    const TEST: &str = "containers_that_share_the_directory_share_the_objects";
    let launcher = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !works(&[&launcher[..], &["true"]].concat()) {
        return skip(TEST, "needs the right to make PID namespaces");
    }
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(120));
    let root = fresh_root();
    let contained = || player_by(root.path(), &launcher);
    let (mut here, mut there, mut outside) = (contained(), contained(), player(root.path()));
    for each in [&mut here, &mut there, &mut outside] {
        each.must(&["event", "e", "auto", "0"]);
        each.must(&["mutex", "m"]);
    }
    // Both have the same process id, and the same thread id too.
    there.begin(&["wait", "e", "30000"]);
    eventually("it waits", || here.must(&["waiters", "e"]) == "1");
    here.must(&["set", "e"]);
    assert_eq!(there.answer().unwrap(), "0");
    for round in 0..3 {
        here.must(&["wait", "m", "5000"]);
        assert_eq!(
            there.fails(&["release", "m"]),
            "NotOwner",
            "round {round}: not by its number"
        );
        assert_eq!(there.fails(&["wait", "m", "20"]), "TimedOut");
        there.begin(&["wait", "m", "30000"]);
        eventually("it waits", || outside.must(&["waiters", "m"]) == "1");
        here.must(&["release", "m"]);
        assert_eq!(there.answer().unwrap(), "0");
        here.begin(&["wait", "m", "30000"]);
        eventually("it waits", || outside.must(&["waiters", "m"]) == "1");
        there.actor.kill();
        assert_eq!(here.answer().unwrap(), "0 abandoned");
        here.must(&["release", "m"]);
        // The next one has the same ids as the dead: it is nobody's heir.
        there = contained();
        there.must(&["open-event", "e"]);
        there.must(&["open-mutex", "m"]);
        outside.must(&["wait", "m", "0"]);
        assert_eq!(there.fails(&["release", "m"]), "NotOwner");
        outside.must(&["release", "m"]);
    }
    // A dead owner's ids belong to somebody who lives: still it counts as dead.
    there.must(&["wait", "m", "0"]);
    there.actor.kill();
    let mut namesake = contained();
    namesake.must(&["open-mutex", "m"]);
    assert_eq!(namesake.must(&["wait", "m", "1000"]), "0 abandoned");
    support::eventually("nobody waits", || outside.must(&["waiters", "m"]) == "0");
}
