//! What the machine may be like: full file systems, too few descriptors, several PID namespaces.
//!
//! Sources: demand F5, F11, F14; mongodb/mongo-c-driver#1244 and shadow/shadow#2266 (a full tmpfs kills the process),
//! garrytan/gbrain#2840, DaveyHert/Dishylink#48, Intrect-io/OpenSwarm#456 (every container has a PID 1),
//! servo/ipc-channel#395 (limits that panic).

use std::path::Path;
use std::time::Duration;

use crate::puppet::{files, fresh_root, Puppet};
use crate::support::{eventually, skip, works, Watchdog};

/// A launcher that gives its program a file system of that size of its own, at the namespace's root.
pub(crate) fn on_tmpfs(options: &str) -> [String; 6] {
    let mount = format!("mount -t tmpfs -o mode=700,{options} tmpfs \"$TONG_DIR\" && exec \"$@\"");
    ["unshare", "-m", "sh", "-c", &mount, "sh"].map(str::to_owned)
}

/// Whether such a launcher works here.
pub(crate) fn can_mount() -> bool {
    let place = fresh_root();
    let place = format!("TONG_DIR={}", place.path().display());
    let launcher = on_tmpfs("size=64k");
    let launcher: Vec<&str> = launcher.iter().map(String::as_str).collect();
    works(&[&["env", &place], &launcher[..], &["true"]].concat())
}

fn puppet_on_tmpfs(root: &Path, options: &str) -> Puppet {
    let launcher = on_tmpfs(options);
    Puppet::by(
        root,
        &launcher.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// F11: an error instead of SIGBUS, and nothing left of the attempt.
#[test]
fn full_file_system_is_an_error_and_leaves_nothing() {
    const TEST: &str = "full_file_system_is_an_error_and_leaves_nothing";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let mut user = puppet_on_tmpfs(root.path(), "size=64k");
    user.must(&["use", "box"]);
    user.must(&["fill-disk", "0"]);
    for _ in 0..3 {
        assert_eq!(user.fails(&["create", "box"]), "DiskFull");
        assert_eq!(user.must(&["files"]), "");
        assert_eq!(user.fails(&["open", "box"]), "NotFound");
    }
    // A mailslot that exists goes on: the writers' memory is not on that file system.
    user.must(&["fill-disk", "1"]);
    user.must(&["create", "box"]);
    user.must(&["fill-disk", "0"]);
    user.must(&["open", "box"]);
    assert!(user.must(&["fill"]).parse::<u32>().unwrap() > 10);
    user.must(&["recv", "5000"]);
    user.must(&["close"]);
    assert_eq!(user.must(&["files"]), "");
    user.must(&["fill-disk", "1"]);
    user.must(&["use", "box"]);
}

#[test]
fn file_system_without_inodes_is_an_error_and_leaves_nothing() {
    const TEST: &str = "file_system_without_inodes_is_an_error_and_leaves_nothing";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let mut user = puppet_on_tmpfs(root.path(), "size=16m,nr_inodes=40");
    // A page and a socket need two.
    for free in ["0", "1"] {
        user.must(&["fill-disk", free]);
        assert_eq!(user.fails(&["create", "box"]), "DiskFull", "{free} free");
        assert_eq!(user.must(&["files"]), "", "{free} free");
    }
    user.must(&["fill-disk", "2"]);
    user.must(&["use", "box"]);
    assert_eq!(user.must(&["files"]), "");
}

#[test]
fn root_cannot_be_made_on_a_file_system_without_inodes() {
    const TEST: &str = "root_cannot_be_made_on_a_file_system_without_inodes";
    if !can_mount() {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    for inodes in ["nr_inodes=2", "nr_inodes=3"] {
        let root = fresh_root();
        let mut user = puppet_on_tmpfs(root.path(), inodes);
        assert_eq!(user.fails(&["create", "box"]), "DiskFull", "{inodes}");
    }
}

/// F14: every shortage of descriptors, wherever in the work it strikes, is an error that leaves no files.
#[test]
fn too_few_descriptors_is_an_error_and_leaves_nothing() {
    let _watchdog = Watchdog::new("too_few_descriptors", Duration::from_secs(120));
    let root = fresh_root();
    let mut server = Puppet::at(root.path());
    server.must(&["create", "stays"]);
    let standing = files(root.path());
    let (mut could_not_create, mut could_not_open) = (0, 0);
    for limit in 4..40 {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let mut user = Puppet::by(root.path(), &["sh", "-c", &script, "sh"]);
        // Too few even to be a process at all.
        user.actor.tell("pid");
        if user.actor.line().is_empty() {
            continue;
        }
        if let Err(failure) = user.ask(&["open", "stays"]) {
            assert_eq!(
                failure.kind, "NoResources",
                "open with {limit}: {failure:?}"
            );
            could_not_open += 1;
        }
        let _ = user.ask(&["leave"]);
        match user.ask(&["create", "box"]) {
            Ok(_) => {
                user.must(&["close"]);
            }
            Err(failure) => {
                assert_eq!(
                    failure.kind, "NoResources",
                    "create with {limit}: {failure:?}"
                );
                could_not_create += 1;
            }
        }
        assert_eq!(
            files(root.path()),
            standing,
            "with {limit} descriptors something was left"
        );
    }
    assert!(
        could_not_create > 2 && could_not_open > 2,
        "{could_not_create} {could_not_open}"
    );
    eventually("the server has let go of everybody", || {
        server.must(&["writers"]) == "0"
    });
}

/// A launcher into a PID namespace of its own, with its `/proc`.
const CONTAINER: &[&str] = &["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// F5, gbrain#2840: both sides are process 1, and cannot see each other's processes at all.
#[test]
fn two_containers_with_one_root_talk_and_notice_each_others_death() {
    const TEST: &str = "two_containers_with_one_root_talk_and_notice_each_others_death";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !works(&[CONTAINER, &["true"]].concat()) {
        return skip(TEST, "needs the right to make PID namespaces");
    }
    let root = fresh_root();
    let container = || Puppet::by(root.path(), CONTAINER);
    let mut server = container();
    assert_eq!(server.must(&["pid"]), "1");
    server.must(&["create", "box"]);
    for round in 0..3 {
        // Every writer is another process 1.
        let mut writer = container();
        assert_eq!(writer.must(&["pid"]), "1");
        assert_eq!(writer.fails(&["create", "box"]), "AlreadyExists");
        writer.must(&["open", "box"]);
        writer.must(&["send", &format!("message {round}")]);
        writer.actor.kill();
        assert_eq!(server.must(&["recv", "5000"]), format!("message {round}"));
        eventually("the writer's death is noticed", || {
            server.must(&["writers"]) == "0"
        });
    }
    let mut writer = container();
    writer.must(&["open", "box"]);
    server.actor.kill();
    // unshare is gone before the process inside it.
    eventually("the server's death is noticed", || {
        writer.ask(&["send", "x"]).is_err()
    });
    assert_eq!(writer.fails(&["send", "x"]), "Closed");
    // The next owner has the dead one's process id, and is somebody else.
    let mut next = container();
    assert_eq!(next.must(&["pid"]), "1");
    next.must(&["create", "box"]);
    assert_eq!(writer.fails(&["send", "x"]), "Closed");
    writer.must(&["open", "box"]);
    writer.must(&["send", "to the next"]);
    assert_eq!(next.must(&["recv", "5000"]), "to the next");
    assert_eq!(writer.must(&["gc"]), "");
}

/// F5: a dead owner's process id is in use again, by a process that has nothing to do with it.
#[test]
fn dead_owner_whose_process_id_is_taken_again_is_dead() {
    const TEST: &str = "dead_owner_whose_process_id_is_taken_again_is_dead";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    if !works(&[CONTAINER, &["true"]].concat()) {
        return skip(TEST, "needs the right to make PID namespaces");
    }
    let root = fresh_root();
    let mut first = Puppet::by(root.path(), CONTAINER);
    first.must(&["create", "box"]);
    first.actor.kill();
    let mut again = Puppet::by(root.path(), CONTAINER);
    assert_eq!(
        again.must(&["pid"]),
        "1",
        "as the page of the dead one says"
    );
    // unshare is gone before the process inside it.
    eventually("the dead one is gone", || {
        again.ask(&["open", "box"]).is_err()
    });
    assert_eq!(again.fails(&["open", "box"]), "NotFound");
    again.must(&["use", "box"]);
    assert!(files(root.path()).is_empty());
}

/// F10: two services with `PrivateTmp=yes` see different `/tmp`s, and the same run-time directory.
#[test]
fn two_services_with_a_tmp_each_meet_outside_of_it() {
    const TEST: &str = "two_services_with_a_tmp_each_meet_outside_of_it";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    // The program may itself lie below /tmp, so it is opened before that goes out of sight.
    let own_tmp = [
        "unshare",
        "-m",
        "sh",
        "-c",
        "exec 9<\"$1\"; shift; mount -t tmpfs tmpfs /tmp && exec /proc/self/fd/9 \"$@\"",
        "sh",
    ];
    if !works(&[&own_tmp[..], &["/bin/true"]].concat()) {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let place = tempfile::Builder::new()
        .prefix("tong-test-")
        .tempdir_in("/dev/shm")
        .unwrap();
    let root = place.path().join("root");
    let (mut server, mut client) = (Puppet::by(&root, &own_tmp), Puppet::by(&root, &own_tmp));
    server.must(&["create", "box"]);
    client.must(&["open", "box"]);
    client.must(&["send", "across"]);
    assert_eq!(server.must(&["recv", "5000"]), "across");
    // In the private /tmp itself they have nothing in common.
    let hidden = Path::new("/tmp/tong-test-hidden");
    let (mut server, mut client) = (Puppet::by(hidden, &own_tmp), Puppet::by(hidden, &own_tmp));
    server.must(&["create", "box"]);
    assert_eq!(client.fails(&["open", "box"]), "NotFound");
}

/// A sandbox without /proc is told so, instead of that a name does not exist.
#[test]
fn machine_without_proc_is_told_so() {
    const TEST: &str = "machine_without_proc_is_told_so";
    let no_proc = [
        "unshare",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /proc && exec \"$@\"",
        "sh",
    ];
    if !works(&[&no_proc[..], &["true"]].concat()) {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let root = fresh_root();
    let failure = Puppet::by(root.path(), &no_proc)
        .ask(&["create", "box"])
        .unwrap_err();
    assert_eq!(failure.kind, "Unsupported");
    assert!(failure.text.contains("/proc"), "{}", failure.text);
    assert!(files(root.path()).is_empty());
}
