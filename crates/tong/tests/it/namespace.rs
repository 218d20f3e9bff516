//! The namespace under attack: what stands in the way is neither followed, nor changed, nor waited for.
//!
//! Sources: design 3; demand F4, F6, F9, F10, F12, F17; dotnet/runtime#131200 (a server's constructor deleted a file),
//! solana-labs/solana#9141, Mibayy/token-savior#98 (hostile entries under our name), aperturerobotics/util#113 (long paths).

use std::fs;
use std::os::unix::fs::{chown, symlink, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::puppet::{files, fresh_root, mailslots, paths_of, Puppet};
use crate::support::{eventually, skip, works, Watchdog};

/// A user that owns nothing here.
const STRANGER: u32 = 12_345;

/// What was put where a file of ours should be, and how it looked then.
struct Obstacle {
    what: &'static str,
    path: PathBuf,
    looks: String,
    /// What it leads to, or keeps alive.
    _keep: Vec<Box<dyn std::any::Any>>,
}

impl Obstacle {
    /// Every obstacle that we can think of, by what it is.
    const KINDS: &'static [&'static str] = &[
        "link to a file",
        "link to nowhere",
        "link to a directory",
        "link to a socket",
        "directory",
        "directory with a file",
        "file",
        "FIFO",
        "socket with a listener",
        "socket without a listener",
        "file of another user",
        "empty file of another user",
        "socket of another user",
    ];

    fn place(what: &'static str, path: &Path) -> Obstacle {
        let beside = tempfile::tempdir().unwrap();
        let other = beside.path().join("other");
        let mut keep: Vec<Box<dyn std::any::Any>> = Vec::new();
        match what {
            "link to a file" => {
                fs::write(&other, "precious").unwrap();
                symlink(&other, path).unwrap();
            }
            "link to nowhere" => symlink(&other, path).unwrap(),
            "link to a directory" => symlink(beside.path(), path).unwrap(),
            "link to a socket" => {
                keep.push(Box::new(UnixListener::bind(&other).unwrap()));
                symlink(&other, path).unwrap();
            }
            "directory" => fs::create_dir(path).unwrap(),
            "directory with a file" => {
                fs::create_dir(path).unwrap();
                fs::write(path.join("file"), "precious").unwrap();
            }
            "file" => fs::write(path, "precious").unwrap(),
            "FIFO" => assert!(works(&["mkfifo", path.to_str().unwrap()])),
            "socket with a listener" => keep.push(Box::new(UnixListener::bind(path).unwrap())),
            "socket without a listener" => drop(UnixListener::bind(path).unwrap()),
            "file of another user" => fs::write(path, "precious").unwrap(),
            "empty file of another user" => fs::write(path, "").unwrap(),
            "socket of another user" => drop(UnixListener::bind(path).unwrap()),
            _ => panic!("what is a {what}?"),
        }
        if what.ends_with("of another user") {
            chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
        }
        let looks = looks(path);
        keep.push(Box::new(beside));
        Obstacle {
            what,
            path: path.to_owned(),
            looks,
            _keep: keep,
        }
    }

    fn assert_untouched(&self) {
        assert_eq!(looks(&self.path), self.looks, "{} was changed", self.what);
    }

    fn remove(self) {
        if self.path.symlink_metadata().unwrap().is_dir() {
            fs::remove_dir_all(&self.path).unwrap();
        } else {
            fs::remove_file(&self.path).unwrap();
        }
    }
}

/// Everything about an entry that must not change: which file it is, its rights, its content, and where it leads.
fn looks(path: &Path) -> String {
    let meta = path.symlink_metadata().unwrap();
    let mut looks = format!(
        "inode {} mode {:o} owner {}:{} length {} changed {}.{}",
        meta.ino(),
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.len(),
        meta.ctime(),
        meta.ctime_nsec()
    );
    if meta.is_symlink() {
        looks += &format!(" to {}", fs::read_link(path).unwrap().display());
    }
    let content = if meta.file_type().is_fifo() || meta.file_type().is_socket() {
        None
    } else {
        fs::read(path).ok()
    };
    looks += &format!(" content {content:?}");
    if meta.is_dir() {
        let names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        looks += &format!(" names {names:?}");
    }
    looks
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Puts every obstacle at the place that `place` picks from the page's and the socket's, and uses the name.
fn meet_obstacles(
    test: &'static str,
    kinds: &[&'static str],
    place: fn((PathBuf, PathBuf)) -> PathBuf,
) {
    let _watchdog = Watchdog::new(test, Duration::from_secs(120));
    let root = fresh_root();
    let path = place(paths_of(root.path(), "box"));
    let mut user = Puppet::at(root.path());
    if !is_root() {
        skip(
            test,
            "without those of other users: needs the administrator to give files away",
        );
    }
    for what in kinds {
        if what.ends_with("of another user") && !is_root() {
            continue;
        }
        let obstacle = Obstacle::place(what, &path);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(user.fails(&["create", "box"]), "Foreign", "{what}");
        let opened = user.fails(&["open", "box"]);
        assert!(
            ["Foreign", "NotFound"].contains(&opened.as_str()),
            "{what}: {opened}"
        );
        obstacle.assert_untouched();
        assert_eq!(user.must(&["gc-dry"]), format!("foreign {name}"), "{what}");
        assert_eq!(user.must(&["gc"]), format!("foreign {name}"), "{what}");
        assert_eq!(user.must(&["ls"]), "", "{what}");
        obstacle.assert_untouched();
        assert_eq!(files(root.path()), [name], "{what}: something was added");
        user.must(&["use", "another"]);
        obstacle.remove();
        user.must(&["use", "box"]);
        assert!(files(root.path()).is_empty(), "{what}");
    }
}

#[test]
fn whatever_stands_at_the_page_is_left_alone() {
    meet_obstacles(
        "whatever_stands_at_the_page_is_left_alone",
        Obstacle::KINDS,
        |(page, _)| page,
    );
}

#[test]
fn whatever_stands_at_the_socket_is_left_alone() {
    let kinds: Vec<_> = Obstacle::KINDS
        .iter()
        .copied()
        .filter(|what| *what != "socket without a listener")
        .collect();
    meet_obstacles(
        "whatever_stands_at_the_socket_is_left_alone",
        &kinds,
        |(_, socket)| socket,
    );
}

/// The one thing that cannot be told from what a crash of ours leaves, in a directory that is the user's own.
#[test]
fn dead_socket_of_the_same_user_is_a_leftover() {
    let root = fresh_root();
    let (_, socket) = paths_of(root.path(), "box");
    let mut user = Puppet::at(root.path());
    let leave_dead = || {
        drop(UnixListener::bind(&socket).unwrap());
        // A child that another test is just starting has the listener too, until it becomes its program.
        eventually("nobody listens", || UnixStream::connect(&socket).is_err());
    };
    leave_dead();
    user.must(&["use", "box"]);
    leave_dead();
    assert_eq!(user.fails(&["open", "box"]), "NotFound");
    assert!(files(root.path()).is_empty());
}

/// A link is not even followed to see who is there.
#[test]
fn link_at_the_socket_leads_nobody_to_another_listener() {
    let root = fresh_root();
    let (_, socket) = paths_of(root.path(), "box");
    let (_, victim) = paths_of(root.path(), "victim");
    let mut server = Puppet::at(root.path());
    server.must(&["create", "victim"]);
    symlink(&victim, &socket).unwrap();
    let mut client = Puppet::at(root.path());
    assert!(["Foreign", "NotFound"].contains(&client.fails(&["open", "box"]).as_str()));
    assert_eq!(client.fails(&["create", "box"]), "Foreign");
    assert_eq!(server.must(&["writers"]), "0");
    // With a page that says "victim" as well, everything but the link would be right.
    fs::hard_link(victim.with_extension(""), socket.with_extension("")).unwrap();
    let kind = client.fails(&["open", "box"]);
    assert!(["Foreign", "NotFound"].contains(&kind.as_str()), "{kind}");
    assert_eq!(server.must(&["writers"]), "0");
}

/// A file of the same user that happens to begin with zeroes is no half-made page.
#[test]
fn file_that_begins_with_zeroes_keeps_its_content() {
    let root = fresh_root();
    let (page, _) = paths_of(root.path(), "box");
    let mut content = vec![0; 4096];
    content.extend_from_slice(b"precious");
    fs::write(&page, &content).unwrap();
    let mut user = Puppet::at(root.path());
    assert_eq!(user.fails(&["create", "box"]), "Foreign");
    assert_eq!(fs::read(&page).unwrap(), content);
}

/// iceoryx2#1584: whatever instant a maker was killed at, its file is known as ours.
#[test]
fn page_that_was_never_finished_is_replaced() {
    let root = fresh_root();
    let (page, _) = paths_of(root.path(), "box");
    let mut user = Puppet::at(root.path());
    let mut begun = b"tongpag1".to_vec();
    begun.resize(4096, 0);
    for unfinished in [
        Vec::new(),
        vec![0; 4096],
        vec![0; 8192],
        b"tongpag1".to_vec(),
        begun,
    ] {
        for use_it in [&["use", "box"][..], &["gc"]] {
            fs::write(&page, &unfinished).unwrap();
            assert_eq!(user.fails(&["open", "box"]), "NotFound");
            assert_eq!(user.must(&["ls"]), "");
            user.must(use_it);
            assert!(files(root.path()).is_empty());
        }
    }
}

#[test]
fn entry_in_the_way_of_one_name_is_explained() {
    let root = fresh_root();
    let (page, _) = paths_of(root.path(), "box");
    symlink("/nowhere", page).unwrap();
    let failure = Puppet::at(root.path()).ask(&["create", "box"]).unwrap_err();
    assert!(
        failure.text.contains("symbolic link") && failure.text.contains("box"),
        "{}",
        failure.text
    );
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

/// F6, F17: a directory that others can reach, or that is somebody else's, holds no names of ours.
#[test]
fn root_with_a_wrong_mode_is_refused() {
    for wrong in [0o755, 0o770, 0o701, 0o777, 0o1777, 0o720, 0o500, 0o000] {
        let root = fresh_root();
        set_mode(root.path(), wrong);
        let failure = Puppet::at(root.path()).ask(&["create", "box"]).unwrap_err();
        // The administrator gets into any directory; others are stopped at the door of one closed to themselves.
        assert!(
            ["Foreign", "AccessDenied"].contains(&failure.kind.as_str()),
            "{wrong:o}: {failure:?}"
        );
        assert!(
            failure.text.contains(&root.path().display().to_string()),
            "{}",
            failure.text
        );
        assert_eq!(mode(root.path()), wrong, "the mode was changed");
        set_mode(root.path(), 0o700);
        assert_eq!(
            fs::read_dir(root.path()).unwrap().count(),
            0,
            "something was put into it"
        );
    }
}

#[test]
fn root_of_another_user_is_refused() {
    const TEST: &str = "root_of_another_user_is_refused";
    if !is_root() {
        return skip(TEST, "needs the administrator to give a directory away");
    }
    let root = fresh_root();
    chown(root.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let failure = Puppet::at(root.path()).ask(&["create", "box"]).unwrap_err();
    assert_eq!(failure.kind, "Foreign");
    assert!(
        failure.text.contains("belongs to user 12345"),
        "{}",
        failure.text
    );
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        0,
        "something was put into it"
    );
}

#[test]
fn root_that_is_no_directory_is_refused() {
    let place = fresh_root();
    let (root, real) = (place.path().join("root"), place.path().join("real"));
    fs::create_dir(&real).unwrap();
    set_mode(&real, 0o700);
    let refused = |what: &str| {
        let mut user = Puppet::at(&root);
        assert_eq!(user.fails(&["create", "box"]), "Foreign", "{what}");
        assert_eq!(user.fails(&["open", "box"]), "Foreign", "{what}");
        assert_eq!(user.fails(&["ls"]), "Foreign", "{what}");
        fs::remove_file(&root).unwrap();
    };
    symlink(&real, &root).unwrap();
    refused("link to a directory");
    symlink("/nowhere/at/all", &root).unwrap();
    refused("link to nowhere");
    fs::write(&root, "precious").unwrap();
    refused("file");
    drop(UnixListener::bind(&root).unwrap());
    refused("socket");
    assert!(works(&["mkfifo", root.to_str().unwrap()]));
    refused("FIFO");
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
}

#[test]
fn directory_inside_the_root_is_checked_like_the_root() {
    let root = fresh_root();
    let inner = mailslots(root.path());
    fs::create_dir(&inner).unwrap();
    set_mode(&inner, 0o755);
    assert_eq!(Puppet::at(root.path()).fails(&["create", "box"]), "Foreign");
    fs::remove_dir(&inner).unwrap();
    symlink("/tmp", &inner).unwrap();
    assert_eq!(Puppet::at(root.path()).fails(&["create", "box"]), "Foreign");
    fs::remove_file(&inner).unwrap();
    Puppet::at(root.path()).must(&["use", "box"]);
}

#[test]
fn relative_root_is_refused_and_an_unmakeable_one_is_explained() {
    let mut user = Puppet::at(Path::new("some/where"));
    assert_eq!(user.fails(&["create", "box"]), "InvalidParameter");
    let place = fresh_root();
    let failure = Puppet::at(&place.path().join("missing/root"))
        .ask(&["create", "box"])
        .unwrap_err();
    assert_eq!(failure.kind, "PathNotFound");
    assert!(failure.text.contains("missing"), "{}", failure.text);
    assert!(
        !failure.text.contains("create it first"),
        "speaks of the mailslot: {}",
        failure.text
    );
}

/// F12, aperturerobotics/util#113: socket addresses have 108 bytes, which must bound nobody's paths.
#[test]
fn root_path_of_300_characters_works() {
    let place = fresh_root();
    let mut root = place.path().to_owned();
    while root.as_os_str().len() < 300 {
        root.push("a-rather-long-name-of-a-directory-with-통-in-it");
        fs::create_dir(&root).unwrap();
    }
    let root = root.join("root");
    let (mut server, mut client) = (Puppet::at(&root), Puppet::at(&root));
    server.must(&["create", "box"]);
    client.must(&["open", "box"]);
    client.must(&["send", "from far below"]);
    assert_eq!(server.must(&["recv", "5000"]), "from far below");
    server.must(&["close"]);
    server.must(&["use", "box"]);
}

/// F10, systemd/systemd#40604: under sudo the variable still names the first user's directory.
#[test]
fn runtime_directory_of_another_user_is_passed_over() {
    const TEST: &str = "runtime_directory_of_another_user_is_passed_over";
    let own_shm = [
        "unshare",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /dev/shm && exec \"$@\"",
        "sh",
    ];
    if !works(&[&own_shm[..], &["true"]].concat()) {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let place = fresh_root();
    let runtime = place.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    let variable = format!("XDG_RUNTIME_DIR={}", runtime.display());
    let launcher = [&own_shm[..], &["env", "-u", "TONG_DIR", &variable]].concat();
    let mut user = Puppet::by(place.path(), &launcher);
    user.must(&["use", "box"]);
    assert_eq!(
        user.must(&["root"]),
        runtime.join("tong").display().to_string()
    );
    chown(&runtime, Some(STRANGER), Some(STRANGER)).unwrap();
    let before = runtime.metadata().unwrap().ctime_nsec();
    let mut user = Puppet::by(place.path(), &launcher);
    user.must(&["use", "box"]);
    assert_eq!(user.must(&["root"]), "/dev/shm/tong-0");
    assert_eq!(runtime.metadata().unwrap().ctime_nsec(), before);
}

/// F10: containers without any of the usual places get an error that says what to do.
#[test]
fn no_usable_directory_is_an_error_that_names_the_remedy() {
    const TEST: &str = "no_usable_directory_is_an_error_that_names_the_remedy";
    let no_shm = [
        "unshare",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs -o ro tmpfs /dev/shm && exec \"$@\"",
        "sh",
    ];
    if !works(&[&no_shm[..], &["true"]].concat()) {
        return skip(TEST, "needs the right to mount in a namespace of its own");
    }
    let place = fresh_root();
    let mut user = Puppet::by(
        place.path(),
        &[
            &no_shm[..],
            &["env", "-u", "TONG_DIR", "-u", "XDG_RUNTIME_DIR"],
        ]
        .concat(),
    );
    let failure = user.ask(&["create", "box"]).unwrap_err();
    assert_eq!(failure.kind, "AccessDenied");
    assert!(
        failure.text.contains("/dev/shm/tong-0") && failure.text.contains("TONG_DIR"),
        "{}",
        failure.text
    );
}

/// F7, joewalnes/websocketd#474: what may be done with our files does not hang on the umask of whoever started us.
#[test]
fn modes_are_the_same_under_every_umask() {
    for umask in ["0", "022", "077", "0777"] {
        let place = fresh_root();
        let root = place.path().join("root");
        let script = format!("umask {umask}; exec \"$@\"");
        let mut server = Puppet::by(&root, &["sh", "-c", &script, "sh"]);
        server.must(&["create", "box"]);
        let names = files(&root);
        assert_eq!(names.len(), 2);
        assert_eq!(mode(&root), 0o700, "umask {umask}");
        assert_eq!(mode(&mailslots(&root)), 0o700, "umask {umask}");
        assert_eq!(
            mode(&mailslots(&root).join(&names[0])),
            0o600,
            "umask {umask}"
        );
        assert_eq!(
            mode(&mailslots(&root).join(&names[1])),
            0o600,
            "umask {umask}"
        );
        let mut client = Puppet::by(&root, &["sh", "-c", &script, "sh"]);
        client.must(&["open", "box"]);
        client.must(&["send", "x"]);
        assert_eq!(server.must(&["recv", "5000"]), "x");
    }
}

/// N15, F12: any text is a name, however the file system would like it.
#[test]
fn any_characters_make_a_name() {
    let root = fresh_root();
    let longest = "n".repeat(256 - r"\\.\mailslot\".len());
    let wide = "통".repeat(100);
    let names = [
        "a b",
        "a\tb",
        "*",
        "?",
        "a:b",
        "a|b",
        "<>",
        "\"quoted\"",
        "deep/er/and\\deeper",
        "box.s",
        ".hidden",
        "-n",
        "%s%n",
        "통",
        "우체통",
        "Ünï",
        "日本語",
        "🦀",
        "\u{202e}reversed",
        "\u{feff}",
        "é",
        "e\u{301}",
        &longest,
        &wide,
    ];
    let (mut server, mut client) = (Puppet::at(root.path()), Puppet::at(root.path()));
    for name in names {
        server.must(&["create", name]);
        assert_eq!(client.fails(&["create", name]), "AlreadyExists", "{name:?}");
        client.must(&["open", name]);
        client.must(&["send", name]);
        assert_eq!(server.must(&["recv", "5000"]), name);
        assert_eq!(
            client.must(&["ls"]),
            format!(r"\\.\mailslot\{}", name.replace('/', r"\"))
        );
        assert!(files(root.path())
            .iter()
            .all(|file| file.len() <= 34 && file.is_ascii()));
        server.must(&["close"]);
        client.must(&["leave"]);
    }
    assert!(files(root.path()).is_empty());
}

#[test]
fn names_are_compared_by_case_fold_and_without_normalisation() {
    let root = fresh_root();
    let (mut server, mut other) = (Puppet::at(root.path()), Puppet::at(root.path()));
    for (one, same) in [
        ("Box", "bOX"),
        ("ÜBER", "über"),
        ("Ж", "ж"),
        ("a/b", r"A\B"),
    ] {
        server.must(&["create", one]);
        assert_eq!(other.fails(&["create", same]), "AlreadyExists");
        other.must(&["open", same]);
        server.must(&["close"]);
    }
    for (one, different) in [
        ("é", "e\u{301}"),
        ("ß", "SS"),
        ("ı", "I\u{307}"),
        ("𐐀", "𐐨"),
        ("box", "box\u{200b}"),
    ] {
        server.must(&["create", one]);
        assert_eq!(
            other.fails(&["open", different]),
            "NotFound",
            "{one} is not {different}"
        );
        other.must(&["create", different]);
        server.must(&["close"]);
        other.must(&["close"]);
    }
}

/// N15: file systems allow 255 bytes; we allow what Windows allows, and say so beyond.
#[test]
fn name_of_a_thousand_characters_is_too_long_not_something_else() {
    let root = fresh_root();
    let mut user = Puppet::at(root.path());
    for name in ["n".repeat(1000), "통".repeat(244), "🦀".repeat(122)] {
        assert_eq!(user.fails(&["create", &name]), "NameTooLong");
        assert_eq!(user.fails(&["open", &name]), "NameTooLong");
    }
    user.must(&["use", &"통".repeat(243)]);
    user.must(&["use", &"🦀".repeat(121)]);
}
