//! What cleans up: the system's cleaners, which know nothing of us, and our own `gc`, which removes the dead only.
//!
//! Sources: design 3; demand F4, F9, F10; grafana/grafana#131592 (systemd-tmpfiles removes live sockets),
//! systemd/systemd#20635 (a renamed socket looks dead), systemd/systemd#2039 (`RemoveIPC`), EtanHey/cmuxlayer#532
//! (a cleaner kills a live object), eclipse-iceoryx/iceoryx2#1584 (leftovers that no cleaner covers).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::puppet::{files, fresh_root, mailslots, paths_of, Puppet};
use crate::support::{eventually, works, Watchdog};

fn remove_files(root: &Path) {
    for file in files(root) {
        fs::remove_file(mailslots(root).join(file)).unwrap();
    }
}

/// Asks the server to read for longer than it needs to notice that its name is gone.
fn begin_long_read(server: &mut Puppet, how: &str) {
    server.begin(&[how, "60000"]);
}

/// Cleans with `clean` while `server` reads in the way `how`; the connected writer goes on, and the name comes back.
fn name_comes_back(test: &'static str, how: &str, clean: impl Fn(&Path)) {
    let _watchdog = Watchdog::new(test, Duration::from_secs(120));
    let root = fresh_root();
    let (mut server, mut old, mut new) = (
        Puppet::at(root.path()),
        Puppet::at(root.path()),
        Puppet::at(root.path()),
    );
    server.must(&["create", "box"]);
    old.must(&["open", "box"]);
    clean(root.path());
    old.must(&["send", "still connected"]);
    assert_eq!(server.must(&[how, "5000"]), "still connected");
    begin_long_read(&mut server, how);
    eventually("the name is published again", || {
        new.ask(&["open", "box"]).is_ok()
    });
    new.must(&["send", "found it again"]);
    assert_eq!(server.answer().unwrap(), "found it again");
    old.must(&["send", "me too"]);
    assert_eq!(server.must(&[how, "5000"]), "me too");
    assert_eq!(new.fails(&["create", "box"]), "AlreadyExists");
    assert_eq!(files(root.path()).len(), 2);
    server.must(&["close"]);
    assert!(files(root.path()).is_empty());
    assert_eq!(old.fails(&["send", "x"]), "Closed");
    assert_eq!(new.fails(&["send", "x"]), "Closed");
    new.must(&["use", "box"]);
}

/// grafana#131592: everything was removed for its age.
#[test]
fn name_comes_back_after_a_cleaner_while_the_server_sleeps() {
    name_comes_back(
        "name_comes_back_after_a_cleaner_while_the_server_sleeps",
        "recv",
        remove_files,
    );
}

#[test]
fn name_comes_back_after_a_cleaner_while_the_server_only_looks() {
    name_comes_back(
        "name_comes_back_after_a_cleaner_while_the_server_only_looks",
        "poll",
        remove_files,
    );
}

/// A cleaner that knows sockets and removes only old files.
#[test]
fn name_comes_back_when_only_the_page_was_removed() {
    name_comes_back(
        "name_comes_back_when_only_the_page_was_removed",
        "recv",
        |root| {
            fs::remove_file(mailslots(root).join(&files(root)[0])).unwrap();
        },
    );
}

#[test]
fn name_comes_back_when_only_the_socket_was_removed() {
    name_comes_back(
        "name_comes_back_when_only_the_socket_was_removed",
        "recv",
        |root| {
            fs::remove_file(mailslots(root).join(&files(root)[1])).unwrap();
        },
    );
}

/// systemd#2039: the run-time directory goes with the last login, and comes back with the next.
#[test]
fn name_comes_back_after_the_whole_root_was_removed_and_made_again() {
    name_comes_back(
        "name_comes_back_after_the_whole_root_was_removed",
        "recv",
        |root| {
            fs::remove_dir_all(root).unwrap();
            fs::create_dir(root).unwrap();
            fs::set_permissions(root, fs::Permissions::from_mode(0o700)).unwrap();
        },
    );
}

#[test]
fn name_comes_back_after_the_whole_root_was_removed() {
    name_comes_back(
        "name_comes_back_after_the_whole_root_was_removed",
        "recv",
        |root| {
            fs::remove_dir_all(root).unwrap();
        },
    );
}

/// While its name is gone, somebody else may have taken it: then it is theirs.
#[test]
fn name_that_was_cleaned_away_and_taken_is_not_taken_back() {
    let _watchdog = Watchdog::new(
        "name_that_was_cleaned_away_and_taken",
        Duration::from_secs(120),
    );
    let root = fresh_root();
    let (mut first, mut second, mut writer) = (
        Puppet::at(root.path()),
        Puppet::at(root.path()),
        Puppet::at(root.path()),
    );
    first.must(&["create", "box"]);
    remove_files(root.path());
    second.must(&["create", "box"]);
    let taken = files(root.path());
    assert_eq!(first.fails(&["recv", "2500"]), "TimedOut");
    assert_eq!(first.fails(&["recv", "2500"]), "TimedOut");
    writer.must(&["open", "box"]);
    writer.must(&["send", "to the second"]);
    assert_eq!(second.must(&["recv", "5000"]), "to the second");
    first.must(&["close"]);
    assert_eq!(files(root.path()), taken);
    writer.must(&["open", "box"]);
    second.must(&["close"]);
    assert!(files(root.path()).is_empty());
}

/// A page that was removed does not make the living owner of the socket dead (cmuxlayer#532).
#[test]
fn live_mailslot_without_its_page_is_not_replaced() {
    let root = fresh_root();
    let (mut server, mut other) = (Puppet::at(root.path()), Puppet::at(root.path()));
    server.must(&["create", "box"]);
    fs::remove_file(mailslots(root.path()).join(&files(root.path())[0])).unwrap();
    let socket = files(root.path());
    assert_eq!(other.fails(&["create", "box"]), "AlreadyExists");
    other.must(&["gc"]);
    assert_eq!(files(root.path()), socket);
}

/// F9: systemd-tmpfiles leaves a directory alone on which it cannot get an exclusive lock.
#[test]
fn directories_in_use_are_locked_against_cleaners() {
    let root = fresh_root();
    let directories = [root.path().to_owned(), mailslots(root.path())];
    let cleaner_may_enter = |dir: &Path| {
        works(&[
            "flock",
            "--exclusive",
            "--nonblock",
            dir.to_str().unwrap(),
            "true",
        ])
    };
    let mut user = Puppet::at(root.path());
    user.must(&["create", "box"]);
    for dir in &directories {
        assert!(!cleaner_may_enter(dir), "{}", dir.display());
    }
    user.actor.kill();
    for dir in &directories {
        assert!(cleaner_may_enter(dir), "{}", dir.display());
    }
}

/// The cleaner itself, where there is one; elsewhere the test above stands for it.
#[test]
fn systemd_tmpfiles_with_age_zero_leaves_a_mailslot_in_use() {
    const TEST: &str = "systemd_tmpfiles_with_age_zero_leaves_a_mailslot_in_use";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(120));
    if !works(&["systemd-tmpfiles", "--version"]) {
        return;
    }
    let place = fresh_root();
    let root = place.path().join("root");
    let (mut server, mut client) = (Puppet::at(&root), Puppet::at(&root));
    server.must(&["create", "box"]);
    client.must(&["open", "box"]);
    let standing = files(&root);
    let beside = tempfile::tempdir().unwrap();
    let clean = |dir: &Path| {
        let rules = beside.path().join("clean.conf");
        fs::write(&rules, format!("e {} - - - 0\n", dir.display())).unwrap();
        assert!(works(&[
            "systemd-tmpfiles",
            "--clean",
            rules.to_str().unwrap()
        ]));
    };
    // Rules name places like /tmp and /run/user; locks are asked for in what is below them.
    clean(place.path());
    clean(&root);
    assert_eq!(files(&root), standing);
    client.must(&["open", "box"]);
    // A rule that names just our directory gets no lock in its way: then the name comes back.
    clean(&mailslots(&root));
    begin_long_read(&mut server, "recv");
    eventually("the name is published again", || {
        client.ask(&["open", "box"]).is_ok()
    });
    client.must(&["send", "back"]);
    assert_eq!(server.answer().unwrap(), "back");
}

/// iceoryx2#1584: everything that a crash leaves is found by the name's next user or by gc, and removed once.
#[test]
fn gc_removes_the_dead_once_and_nothing_else() {
    let root = fresh_root();
    let (page, _) = paths_of(root.path(), "hostile");
    let (mut live, mut dead, mut cleaner) = (
        Puppet::at(root.path()),
        Puppet::at(root.path()),
        Puppet::at(root.path()),
    );
    live.must(&["create", "live"]);
    let living = files(root.path());
    dead.must(&["create", "Dead One"]);
    dead.actor.kill();
    fs::write(mailslots(root.path()).join("notes.txt"), "precious").unwrap();
    fs::write(&page, "precious").unwrap();
    let hostile = page.file_name().unwrap().to_str().unwrap();
    let all = files(root.path());
    let found = [
        r"dead \\.\mailslot\Dead One".to_owned(),
        format!("foreign {hostile}"),
        "foreign notes.txt".to_owned(),
    ];
    assert_eq!(cleaner.must(&["gc-dry"]), found.join("\u{1f}"));
    assert_eq!(files(root.path()), all, "looking removed something");
    assert_eq!(cleaner.must(&["gc"]), found.join("\u{1f}"));
    assert_eq!(cleaner.must(&["gc"]), found[1..].join("\u{1f}"));
    assert_eq!(fs::read(&page).unwrap(), b"precious");
    let left: Vec<String> = files(root.path())
        .into_iter()
        .filter(|file| file != hostile && file != "notes.txt")
        .collect();
    assert_eq!(left, living);
    cleaner.must(&["open", "live"]);
    cleaner.must(&["send", "x"]);
    assert_eq!(live.must(&["recv", "5000"]), "x");
}

/// Half of what a crash can leave: each half alone is found dead too.
#[test]
fn gc_and_the_next_user_find_halves_of_the_dead() {
    for keep in [0, 1] {
        for remedy in ["gc", "use", "open"] {
            let root = fresh_root();
            let (mut dead, mut next) = (Puppet::at(root.path()), Puppet::at(root.path()));
            dead.must(&["create", "box"]);
            dead.actor.kill();
            fs::remove_file(mailslots(root.path()).join(&files(root.path())[1 - keep])).unwrap();
            match remedy {
                "gc" => assert!(next.must(&["gc"]).starts_with("dead ")),
                "use" => drop(next.must(&["use", "box"])),
                _ => assert_eq!(next.fails(&["open", "box"]), "NotFound"),
            }
            if remedy != "open" {
                assert!(files(root.path()).is_empty(), "{remedy} after {keep}");
            }
            next.must(&["use", "box"]);
            assert!(files(root.path()).is_empty());
        }
    }
}
