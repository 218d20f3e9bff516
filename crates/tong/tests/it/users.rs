//! Several users: what is private stays so, what was opened is open to just those it was opened to.
//!
//! Sources: design 1 (promise 5) and 3; demand F6, F17; eProsima/Fast-DDS#3535 (another user's leftovers block),
//! redhat-developer/s2i-dotnetcore#437 (a directory made as root), targetcli-fb#162 (CVE-2020-10699).

use std::fs;
use std::os::unix::fs::{chown, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::puppet::{files, fresh_root, mailslots, Puppet};
use crate::support::{eventually, skip, works, Watchdog};

pub(crate) const ANN: u32 = 12_345;
pub(crate) const BOB: u32 = 12_346;
/// A group that Ann and nobody else is in at first.
pub(crate) const CHOIR: u32 = 22_222;

/// A machine with several users: their private roots, and a machine-wide directory.
pub(crate) struct Machine {
    place: tempfile::TempDir,
}

impl Machine {
    /// `None`, said loudly, if this process cannot become other users.
    pub(crate) fn new(test: &str) -> Option<Machine> {
        if !works(&[
            "setpriv",
            "--reuid",
            "12345",
            "--regid",
            "12345",
            "--clear-groups",
            "true",
        ]) {
            skip(
                test,
                "needs the administrator and setpriv, to run as other users",
            );
            return None;
        }
        let place = fresh_root();
        // The test program may lie where other users cannot go.
        let program = place.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        set_mode(&program, 0o755);
        set_mode(place.path(), 0o755);
        Some(Machine { place })
    }

    pub(crate) fn root_of(&self, uid: u32) -> PathBuf {
        let root = self.place.path().join(format!("user-{uid}"));
        if !root.exists() {
            fs::create_dir(&root).unwrap();
            set_mode(&root, 0o700);
            chown(&root, Some(uid), Some(uid)).unwrap();
        }
        root
    }

    pub(crate) fn global(&self) -> PathBuf {
        self.place.path().join("global")
    }

    /// A process of the user, in `groups` besides its own.
    pub(crate) fn user(&self, uid: u32, groups: &[u32], root: &Path) -> Puppet {
        self.user_after(uid, groups, root, "")
    }

    /// The same, started by a shell that does something first.
    pub(crate) fn user_after(&self, uid: u32, groups: &[u32], root: &Path, first: &str) -> Puppet {
        let global = format!("TONG_GLOBAL_DIR={}", self.global().display());
        let program = self.place.path().join("program").display().to_string();
        let id = uid.to_string();
        let groups = match groups {
            [] => "--clear-groups".to_owned(),
            groups => format!(
                "--groups={}",
                groups
                    .iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        };
        let script = format!("{first} shift; exec \"$0\" \"$@\"");
        Puppet::by(
            root,
            &[
                "env", &global, "setpriv", "--reuid", &id, "--regid", &id, &groups, "sh", "-c",
                &script, &program,
            ],
        )
    }

    pub(crate) fn ann(&self) -> Puppet {
        self.user(ANN, &[], &self.root_of(ANN))
    }

    pub(crate) fn bob(&self) -> Puppet {
        self.user(BOB, &[], &self.root_of(BOB))
    }

    pub(crate) fn administrator(&self) -> Puppet {
        self.user(0, &[], &self.root_of(0))
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn private_mailslot_is_neither_seen_nor_opened_nor_filled_by_others() {
    const TEST: &str = "private_mailslot_is_neither_seen_nor_opened_nor_filled_by_others";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    let mut ann = machine.ann();
    ann.must(&["create", "box"]);
    let mut bob = machine.bob();
    assert_eq!(bob.fails(&["open", "box"]), "NotFound");
    assert_eq!(bob.must(&["ls"]), "");
    // Bob's own of that name is another one.
    bob.must(&["use", "box"]);
    // Bob knows the place, and says it is his.
    let mut bold = machine.user(BOB, &[], &machine.root_of(ANN));
    for command in [&["open", "box"][..], &["create", "box"], &["ls"], &["gc"]] {
        let kind = bold.fails(command);
        assert!(
            ["AccessDenied", "Foreign"].contains(&kind.as_str()),
            "{command:?}: {kind}"
        );
    }
    assert_eq!(ann.must(&["writers"]), "0");
    // The directory alone keeps others out; the files would, too.
    set_mode(&machine.root_of(ANN), 0o711);
    set_mode(&mailslots(&machine.root_of(ANN)), 0o711);
    let socket = mailslots(&machine.root_of(ANN)).join(&files(&machine.root_of(ANN))[1]);
    let knock = [
        "setpriv",
        "--reuid",
        "12346",
        "--regid",
        "12346",
        "--clear-groups",
        "test",
        "-w",
    ];
    assert!(works(&["test", "-w", socket.to_str().unwrap()]));
    assert!(!works(&[&knock[..], &[socket.to_str().unwrap()]].concat()));
}

#[test]
fn root_and_an_ordinary_user_keep_out_of_each_others_namespace() {
    const TEST: &str = "root_and_an_ordinary_user_keep_out_of_each_others_namespace";
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    let (mut ann, mut root) = (machine.ann(), machine.administrator());
    ann.must(&["create", "box"]);
    assert_eq!(root.fails(&["open", "box"]), "NotFound");
    root.must(&["use", "box"]);
    // The administrator could, but must not leave files of his own in a user's namespace (s2i-dotnetcore#437).
    let mut careless = machine.user(0, &[], &machine.root_of(ANN));
    assert_eq!(careless.fails(&["create", "another"]), "Foreign");
    assert_eq!(careless.fails(&["open", "box"]), "Foreign");
    assert_eq!(files(&machine.root_of(ANN)).len(), 2);
    let mut curious = machine.user(ANN, &[], &machine.root_of(0));
    assert_eq!(curious.fails(&["open", "box"]), "AccessDenied");
    ann.must(&["close"]);
    ann.must(&["use", "box"]);
}

#[test]
fn widened_access_needs_the_machine_wide_directory() {
    const TEST: &str = "widened_access_needs_the_machine_wide_directory";
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    let failure = machine
        .ann()
        .ask(&["create", "box", "everyone"])
        .unwrap_err();
    assert_eq!(failure.kind, "PathNotFound");
    assert!(
        failure.text.contains("tong global init"),
        "{}",
        failure.text
    );
    assert!(files(&machine.root_of(ANN)).is_empty());
    // Only the administrator makes it: its parent is not Ann's.
    assert_eq!(machine.ann().fails(&["init-global"]), "AccessDenied");
    machine.administrator().must(&["init-global"]);
    machine.administrator().must(&["init-global"]);
    assert_eq!(mode(&machine.global()), 0o755);
    assert_eq!(mode(&machine.global().join("mailslot")), 0o1777);
    machine.ann().must(&["create", "box", "everyone"]);
}

/// A machine-wide directory that an ordinary user made holds a trap, not names.
#[test]
fn machine_wide_directory_of_an_ordinary_user_is_refused() {
    const TEST: &str = "machine_wide_directory_of_an_ordinary_user_is_refused";
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    chown(machine.global(), Some(BOB), Some(BOB)).unwrap();
    assert_eq!(
        machine.ann().fails(&["create", "box", "everyone"]),
        "Foreign"
    );
    assert_eq!(machine.ann().fails(&["open", "box"]), "Foreign");
    chown(machine.global(), Some(0), Some(0)).unwrap();
    set_mode(&machine.global().join("mailslot"), 0o777);
    assert_eq!(
        machine.ann().fails(&["create", "box", "everyone"]),
        "Foreign"
    );
}

#[test]
fn mailslot_for_everyone_is_filled_by_everyone_and_read_by_its_owner() {
    const TEST: &str = "mailslot_for_everyone_is_filled_by_everyone_and_read_by_its_owner";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    for umask in ["0", "077", "0777"] {
        let mut ann =
            machine.user_after(ANN, &[], &machine.root_of(ANN), &format!("umask {umask};"));
        ann.must(&["create", "box", "everyone"]);
        let there = files(&machine.global());
        assert_eq!(there.len(), 2);
        assert_eq!(
            mode(&machine.global().join("mailslot").join(&there[0])),
            0o644,
            "umask {umask}"
        );
        assert_eq!(
            mode(&machine.global().join("mailslot").join(&there[1])),
            0o666,
            "umask {umask}"
        );
        for (number, mut writer) in [machine.ann(), machine.bob(), machine.administrator()]
            .into_iter()
            .enumerate()
        {
            writer.must(&["open", "box"]);
            writer.must(&["send", &format!("hello {number}")]);
            assert_eq!(ann.must(&["recv", "5000"]), format!("hello {number}"));
            assert!(writer.must(&["ls"]).contains("box"));
        }
        // Nobody else gets to be the reader, nor takes the files away.
        let mut bob = machine.bob();
        let kind = bob.fails(&["create", "box", "everyone"]);
        assert!(
            ["Foreign", "AlreadyExists", "AccessDenied"].contains(&kind.as_str()),
            "{kind}"
        );
        assert_eq!(files(&machine.global()), there);
        assert!(
            files(&machine.root_of(BOB)).is_empty(),
            "left by the attempt"
        );
        ann.must(&["close"]);
        assert!(files(&machine.global()).is_empty());
    }
    assert!(files(&machine.root_of(ANN)).is_empty());
}

/// A umask that takes rights from the owner as well does not keep the owner out.
#[test]
fn ordinary_user_makes_the_root_under_every_umask() {
    const TEST: &str = "ordinary_user_makes_the_root_under_every_umask";
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    for umask in ["0", "022", "077", "0777"] {
        let root = machine.root_of(ANN).join(umask);
        let mut ann = machine.user_after(ANN, &[], &root, &format!("umask {umask};"));
        ann.must(&["create", "box"]);
        assert_eq!(mode(&root), 0o700, "umask {umask}");
        assert_eq!(mode(&mailslots(&root)), 0o700, "umask {umask}");
        for file in files(&root) {
            assert_eq!(mode(&mailslots(&root).join(file)), 0o600, "umask {umask}");
        }
    }
}

#[test]
fn stranger_fills_its_own_quota_and_nobody_elses() {
    const TEST: &str = "stranger_fills_its_own_quota_and_nobody_elses";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let (mut ann, mut bob, mut other) = (machine.ann(), machine.bob(), machine.ann());
    ann.must(&["create", "box", "everyone"]);
    bob.must(&["open", "box"]);
    assert!(bob.must(&["fill"]).parse::<u32>().unwrap() > 10);
    assert_eq!(bob.fails(&["send", "x"]), "QueueFull");
    other.must(&["open", "box"]);
    other.must(&["send", "still room"]);
    let mut got = String::new();
    while got != "still room" {
        got = ann.must(&["recv", "5000"]);
    }
}

#[test]
fn mailslot_for_a_group_is_for_its_members() {
    const TEST: &str = "mailslot_for_a_group_is_for_its_members";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let mut ann = machine.user(ANN, &[CHOIR], &machine.root_of(ANN));
    ann.must(&["create", "box", &CHOIR.to_string()]);
    let there = files(&machine.global());
    assert_eq!(
        mode(&machine.global().join("mailslot").join(&there[0])),
        0o640
    );
    assert_eq!(
        mode(&machine.global().join("mailslot").join(&there[1])),
        0o660
    );
    let mut member = machine.user(BOB, &[CHOIR], &machine.root_of(BOB));
    member.must(&["open", "box"]);
    member.must(&["send", "in tune"]);
    assert_eq!(ann.must(&["recv", "5000"]), "in tune");
    let mut stranger = machine.bob();
    assert_eq!(stranger.fails(&["open", "box"]), "AccessDenied");
    assert!(!stranger.must(&["ls"]).contains("box"));
    // Who is not in the group cannot open anything to it.
    let kind = stranger.fails(&["create", "other", &CHOIR.to_string()]);
    assert_eq!(kind, "AccessDenied");
    assert_eq!(files(&machine.global()), there);
    assert!(files(&machine.root_of(BOB)).is_empty());
}

/// F17, Fast-DDS#3535: what one user's crash left does not keep another user from starting.
#[test]
fn leftovers_of_one_user_do_not_stop_another() {
    const TEST: &str = "leftovers_of_one_user_do_not_stop_another";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let (mut private, mut public) = (machine.ann(), machine.ann());
    private.must(&["create", "private"]);
    public.must(&["create", "public", "everyone"]);
    private.actor.kill();
    public.actor.kill();
    let mut bob = machine.bob();
    bob.must(&["use", "private"]);
    assert_eq!(bob.fails(&["open", "public"]), "NotFound");
    bob.must(&["use", "public"]);
    bob.must(&["create", "another", "everyone"]);
    // In a directory for everyone nobody can remove what is not theirs: Ann's dead file keeps the name to her.
    let failure = machine
        .bob()
        .ask(&["create", "public", "everyone"])
        .unwrap_err();
    assert_eq!(failure.kind, "Foreign", "{}", failure.text);
    let mut ann = machine.ann();
    ann.must(&["use", "private"]);
    ann.must(&["create", "public", "everyone"]);
    bob.must(&["open", "public"]);
    ann.must(&["close"]);
    bob.must(&["close"]);
    assert!(files(&machine.global()).is_empty());
    assert!(files(&machine.root_of(ANN)).is_empty());
}

/// F10: the last resort lies in a directory that everybody can write to, so somebody may have been there first.
#[test]
fn squatted_last_resort_is_refused() {
    const TEST: &str = "squatted_last_resort_is_refused";
    /// Nobody's number, so that nobody's names are in the way.
    const UID: u32 = 1_987_654_321;
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    let squatted = Path::new("/dev/shm").join(format!("tong-{UID}"));
    let _ = fs::remove_dir_all(&squatted);
    fs::create_dir(&squatted).unwrap();
    set_mode(&squatted, 0o777);
    chown(&squatted, Some(BOB), Some(BOB)).unwrap();
    let mut victim = machine.user_after(
        UID,
        &[],
        machine.place.path(),
        "unset TONG_DIR XDG_RUNTIME_DIR;",
    );
    let failure = victim.ask(&["create", "box"]).unwrap_err();
    let inside = fs::read_dir(&squatted).unwrap().count();
    fs::remove_dir_all(&squatted).unwrap();
    assert_eq!(failure.kind, "Foreign");
    assert!(
        failure.text.contains("belongs to user 12346"),
        "{}",
        failure.text
    );
    assert_eq!(inside, 0);
    let done = victim.ask(&["use", "box"]);
    fs::remove_dir_all(&squatted).unwrap();
    assert_eq!(done, Ok(String::new()));
}

/// What a stranger puts into the machine-wide directory is no trap for those who open names there.
#[test]
fn hostile_entries_in_the_machine_wide_directory_harm_nobody() {
    const TEST: &str = "hostile_entries_in_the_machine_wide_directory_harm_nobody";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let shared = machine.global().join("mailslot");
    let mut bob = machine.bob();
    bob.must(&["create", "box", "everyone"]);
    let names = files(&machine.global());
    let (page, socket) = (shared.join(&names[0]), shared.join(&names[1]));
    let mut ann = machine.ann();
    let mut expect_no_trap = |what: &str, kinds: &[&str]| {
        let kind = ann.fails(&["open", "box"]);
        assert!(kinds.contains(&kind.as_str()), "{what}: {kind}");
        assert_eq!(
            ann.fails(&["create", "box", "everyone"]),
            "Foreign",
            "{what}"
        );
        assert_eq!(ann.must(&["gc"]), "", "{what}");
        ann.must(&["use", "box"]);
    };
    // A page that says something else, or is no page, beside Bob's socket, which answers.
    let original = fs::read(&page).unwrap();
    let mut endless = original.clone();
    endless[0x28..0x30].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut misnamed = original.clone();
    misnamed[0x100 + 13] ^= 1;
    for (what, bytes) in [
        ("endless name", &endless),
        ("other name", &misnamed),
        ("cut", &original[..260].to_vec()),
    ] {
        fs::write(&page, bytes).unwrap();
        expect_no_trap(what, &["NotFound", "Foreign"]);
    }
    fs::remove_file(&page).unwrap();
    assert!(works(&["mkfifo", page.to_str().unwrap()]));
    set_mode(&page, 0o666);
    chown(&page, Some(BOB), Some(BOB)).unwrap();
    expect_no_trap("FIFO", &["Foreign"]);
    fs::remove_file(&page).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &page).unwrap();
    std::os::unix::fs::lchown(&page, Some(BOB), Some(BOB)).unwrap();
    expect_no_trap("link", &["Foreign"]);
    // A link instead of the socket leads nobody anywhere.
    fs::remove_file(&page).unwrap();
    fs::write(&page, &original).unwrap();
    chown(&page, Some(BOB), Some(BOB)).unwrap();
    let elsewhere = machine.place.path().join("elsewhere");
    fs::rename(&socket, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &socket).unwrap();
    std::os::unix::fs::lchown(&socket, Some(BOB), Some(BOB)).unwrap();
    expect_no_trap("link at the socket", &["Foreign"]);
    assert_eq!(bob.must(&["writers"]), "0");
}

/// Promise 1 for widened access: the files are in two directories, and go from both.
#[test]
fn killed_owner_of_a_mailslot_for_everyone_leaves_nothing_that_its_user_cannot_clean() {
    const TEST: &str =
        "killed_owner_of_a_mailslot_for_everyone_leaves_nothing_that_its_user_cannot_clean";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(60));
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let (mut ann, mut bob) = (machine.ann(), machine.bob());
    ann.must(&["create", "box", "everyone"]);
    bob.must(&["open", "box"]);
    bob.must(&["send", "last words"]);
    ann.actor.kill();
    eventually("the death is noticed", || bob.ask(&["send", "x"]).is_err());
    assert_eq!(bob.fails(&["send", "x"]), "Closed");
    assert_eq!(bob.fails(&["open", "box"]), "NotFound");
    assert_eq!(bob.must(&["gc"]), "", "not Bob's to remove");
    let mut ann = machine.ann();
    let found = ann.must(&["gc"]);
    assert!(found.contains("dead"), "{found}");
    assert!(files(&machine.root_of(ANN)).is_empty());
    assert!(files(&machine.global()).is_empty());
    assert_eq!(ann.must(&["gc"]), "");
}
