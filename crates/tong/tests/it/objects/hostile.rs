//! Things that stand where our files should be, and cleaners that take ours away.
//!
//! Sources: demand F4, F6, F9 and section 7; dotnet/runtime#131200, solana-labs/solana#9141, ooples/token-savior#98
//! (what stands under the name is followed or overwritten), grafana/grafana#131592 (cleaners remove live files).

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::puppet::{fresh_root, Puppet};
use crate::support::{skip, works, Watchdog};
use crate::waits::{object_files, player, player_by};

const CREATE: &[&str] = &["event", "x", "auto", "1"];

/// The file that the object `x` has when it lives.
fn file_of_x(root: &Path) -> PathBuf {
    let mut maker = player(root);
    maker.must(CREATE);
    let files = object_files(root);
    assert_eq!(files.len(), 1, "one file an object: {files:?}");
    maker.must(&["close", "x"]);
    root.join("object").join(&files[0])
}

/// What can stand at a path, and how it is put there.
type Obstacle = (&'static str, Box<dyn Fn(&Path)>);

fn obstacles() -> Vec<Obstacle> {
    vec![
        (
            "link to nothing",
            Box::new(|path| symlink("nowhere", path).unwrap()),
        ),
        (
            "link to a file",
            Box::new(|path| symlink("/etc/hostname", path).unwrap()),
        ),
        (
            "link to itself",
            Box::new(|path| symlink(path, path).unwrap()),
        ),
        ("directory", Box::new(|path| fs::create_dir(path).unwrap())),
        (
            "text",
            Box::new(|path| fs::write(path, "somebody's notes\n".repeat(1_000)).unwrap()),
        ),
        ("short text", Box::new(|path| fs::write(path, "x").unwrap())),
        (
            "fifo",
            Box::new(|path| assert!(works(&["mkfifo", "-m", "700", path.to_str().unwrap()]))),
        ),
        (
            "socket",
            Box::new(|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
        ),
    ]
}

fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        fs::remove_dir(path).unwrap();
    }
}

/// How the thing looks, and what it holds.
fn look(path: &Path) -> (u32, u64, Option<Vec<u8>>) {
    let entry = path.symlink_metadata().unwrap();
    let content = entry.is_file().then(|| fs::read(path).unwrap());
    (entry.permissions().mode(), entry.len(), content)
}

/// dotnet/runtime#131200, solana#9141, token-savior#98: it is neither followed nor removed nor overwritten, for no kind.
#[test]
fn strange_things_under_the_name_are_left_alone() {
    let _watchdog = Watchdog::new("strange_things_under_the_name", Duration::from_secs(120));
    let root = fresh_root();
    let path = file_of_x(root.path());
    let mut user = player(root.path());
    for (what, put) in obstacles() {
        put(&path);
        let before = look(&path);
        for command in [
            CREATE,
            &["mutex", "x"],
            &["open-event", "x"],
            &["timer", "x", "auto"],
        ] {
            let kind = user.fails(command);
            assert!(
                kind == "Foreign" || (kind == "NotFound" && command[0].starts_with("open")),
                "{command:?} on a {what}: {kind}"
            );
        }
        assert_eq!(look(&path), before, "{what}");
        // Other names are as usable as ever.
        assert_eq!(user.must(&["event", "y", "auto", "0"]), "New");
        user.must(&["close", "y"]);
        remove(&path);
        assert_eq!(user.must(CREATE), "New", "after the {what}");
        user.must(&["close", "x"]);
    }
}

/// The same where the wait table should be: an error, no harm, and no crash of those who need no table of others.
#[test]
fn strange_things_instead_of_the_wait_table_are_left_alone() {
    let _watchdog = Watchdog::new(
        "strange_things_instead_of_the_table",
        Duration::from_secs(120),
    );
    for (what, put) in obstacles() {
        let root = fresh_root();
        let path = root.path().join("waits");
        put(&path);
        let before = look(&path);
        let mut user = player(root.path());
        let kind = user.fails(CREATE);
        assert_eq!(kind, "Foreign", "{what}");
        assert_eq!(look(&path), before, "{what}");
        assert!(object_files(root.path()).is_empty(), "{what}");
        // Without names everything works.
        user.must(&["churn", "unnamed", "10"]);
        user.must(&["churn", "thread", "10"]);
        remove(&path);
        let mut later = player(root.path());
        assert_eq!(later.must(CREATE), "New");
    }
}

/// A file that was cut off, or filled with rubbish, under a live object is at worst an error to who opens it.
#[test]
fn spoiled_file_is_an_error_to_who_opens_it() {
    let _watchdog = Watchdog::new("spoiled_file_is_an_error", Duration::from_secs(60));
    let root = fresh_root();
    let path = file_of_x(root.path());
    for rubbish in [vec![0xff; 70_000], vec![0; 70_000], vec![0x5a; 4_096]] {
        fs::write(&path, &rubbish).unwrap();
        let mut user = player(root.path());
        for command in [CREATE, &["open-event", "x"]] {
            if let Err(failure) = user.ask(command) {
                assert!(
                    ["Foreign", "Corrupt", "NotFound"].contains(&failure.kind.as_str()),
                    "{failure:?}"
                );
            }
        }
        let _ = fs::remove_file(&path);
    }
}

/// Fast-DDS#3535, s2i-dotnetcore#437: what another user made at our place is refused, and said so.
#[test]
fn files_of_another_user_are_refused() {
    const TEST: &str = "files_of_another_user_are_refused";
    if !works(&["setpriv", "--reuid", "12345", "true"]) {
        return skip(TEST, "needs the administrator and setpriv");
    }
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let root = fresh_root();
    let path = file_of_x(root.path());
    fs::write(&path, "").unwrap();
    std::os::unix::fs::chown(&path, Some(12_345), Some(12_345)).unwrap();
    let mut user = player(root.path());
    assert_eq!(user.fails(CREATE), "Foreign");
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
    let table = root.path().join("waits");
    fs::remove_file(&table).unwrap();
    fs::write(&table, "").unwrap();
    std::os::unix::fs::chown(&table, Some(12_345), Some(12_345)).unwrap();
    let mut user = player(root.path());
    assert_eq!(user.fails(CREATE), "Foreign");
    assert_eq!(fs::metadata(&table).unwrap().len(), 0, "left alone");
}

/// Two users with roots of their own: the same name is two objects, and nobody sees the other's.
#[test]
fn users_do_not_meet_in_private_roots() {
    const TEST: &str = "users_do_not_meet_in_private_roots";
    if !works(&["setpriv", "--reuid", "12345", "--clear-groups", "true"]) {
        return skip(TEST, "needs the administrator and setpriv");
    }
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let (ours, theirs) = (fresh_root(), fresh_root());
    // The test program may lie where the other user cannot go.
    let place = fresh_root();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let program = program.display().to_string();
    std::os::unix::fs::chown(theirs.path(), Some(12_345), Some(12_345)).unwrap();
    let become_other = |root: &Path| -> Puppet {
        let launcher = [
            "setpriv",
            "--reuid",
            "12345",
            "--regid",
            "12345",
            "--clear-groups",
            "sh",
            "-c",
            "shift; exec \"$0\" \"$@\"",
            &program,
        ];
        player_by(root, &launcher)
    };
    let (mut here, mut there) = (player(ours.path()), become_other(theirs.path()));
    assert_eq!(here.must(CREATE), "New");
    assert_eq!(there.must(CREATE), "New");
    // In our root the other user can do nothing at all.
    let mut intruder = become_other(ours.path());
    let kind = intruder.fails(&["open-event", "x"]);
    assert!(
        ["AccessDenied", "Foreign"].contains(&kind.as_str()),
        "{kind}"
    );
    let kind = intruder.fails(&["mutex", "y"]);
    assert!(
        ["AccessDenied", "Foreign"].contains(&kind.as_str()),
        "{kind}"
    );
    assert_eq!(here.must(&["wait", "x", "0"]), "0");
}

/// grafana#131592: a cleaner that removes everything breaks nobody who has the objects open: waits, hand-over and death go
/// on, and the names can be used anew.
#[test]
fn cleaner_breaks_nobody_who_has_the_objects() {
    let _watchdog = Watchdog::new("cleaner_breaks_nobody", Duration::from_secs(120));
    let root = fresh_root();
    let (mut one, mut two) = (player(root.path()), player(root.path()));
    for each in [&mut one, &mut two] {
        each.must(&["event", "x", "auto", "0"]);
        each.must(&["mutex", "m"]);
    }
    two.begin(&["wait", "x", "30000"]);
    crate::support::eventually("it waits", || one.must(&["waiters", "x"]) == "1");
    for file in object_files(root.path()) {
        fs::remove_file(root.path().join("object").join(file)).unwrap();
    }
    one.must(&["set", "x"]);
    assert_eq!(two.answer().unwrap(), "0");
    two.must(&["wait", "m", "1000"]);
    one.begin(&["wait", "m", "30000"]);
    crate::support::eventually("it waits", || two.must(&["waiters", "m"]) == "1");
    two.actor.kill();
    assert_eq!(one.answer().unwrap(), "0 abandoned");
    one.must(&["release", "m"]);
    // The names are free; who closes the old objects leaves the new ones alone.
    let mut third = player(root.path());
    assert_eq!(third.must(&["event", "x", "manual", "1"]), "New");
    one.must(&["close", "x"]);
    one.must(&["close", "m"]);
    assert_eq!(object_files(root.path()).len(), 1);
    one.must(&["open-event", "x"]);
    assert_eq!(one.must(&["peek", "x"]), "true");
}

/// The wait table removed as well: who is in goes on; who comes later is told, and never waits for ever.
#[test]
fn cleaner_that_takes_the_wait_table_is_told_of() {
    let _watchdog = Watchdog::new("cleaner_that_takes_the_table", Duration::from_secs(120));
    let root = fresh_root();
    let (mut one, mut two) = (player(root.path()), player(root.path()));
    for each in [&mut one, &mut two] {
        each.must(&["event", "x", "auto", "0"]);
    }
    fs::remove_file(root.path().join("waits")).unwrap();
    two.begin(&["wait", "x", "30000"]);
    crate::support::eventually("it waits", || one.must(&["waiters", "x"]) == "1");
    one.must(&["set", "x"]);
    assert_eq!(two.answer().unwrap(), "0");
    let mut later = player(root.path());
    assert_eq!(
        later.fails(&["open-event", "x"]),
        "Foreign",
        "another table, another world"
    );
    assert_eq!(later.must(&["event", "other", "auto", "1"]), "New");
    one.must(&["close", "x"]);
    two.must(&["close", "x"]);
    assert_eq!(later.must(&["event", "x", "auto", "1"]), "New");
}
