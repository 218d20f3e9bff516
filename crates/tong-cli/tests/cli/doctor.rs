//! `tong doctor`, in good surroundings and in bad ones.

use crate::place::{signal, works, Place, Ran};
use crate::screen::{skip, Screen};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{chown, symlink, PermissionsExt};
use std::path::{Path, PathBuf};

/// Starts the command in a mount namespace of its own, after a shell has done what `$0` says.
fn in_mounts(script: &str) -> Vec<String> {
    let script = format!("{script} && exec \"$@\"");
    ["unshare", "-m", "sh", "-c", &script, "sh"]
        .map(str::to_owned)
        .to_vec()
}

fn may_mount() -> bool {
    let may = works(&["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    if !may {
        skip("needs the right to mount in a namespace of its own");
    }
    may
}

impl Place {
    fn names(&self) -> PathBuf {
        self.dir.path().join("names")
    }

    /// What `tong doctor --json` finds, started by way of other programs.
    fn doctor_by(&self, by: &[&str]) -> Report {
        let mut command = self.tong_by(by, &["doctor", "--json"]);
        command.env_remove("XDG_RUNTIME_DIR");
        command.env("TONG_GLOBAL_DIR", self.dir.path().join("global"));
        Report::of(crate::place::finish(crate::place::start(&mut command)))
    }

    fn doctor(&self) -> Report {
        self.doctor_by(&["env"])
    }

    /// A shell does something, such as setting a limit, before it becomes the command.
    fn doctor_after(&self, script: &str) -> Report {
        self.doctor_by(&["sh", "-c", &format!("{script}; exec \"$@\""), "sh"])
    }

    /// An event is made, so that the namespace is there, and is gone again.
    fn use_namespace(&self) {
        drop(self.keep("event", "once", &[]));
        self.run(&["gc"]).expect_code(0);
    }
}

/// What the doctor found, and the verdict.
struct Report {
    findings: Vec<Value>,
    ran: Ran,
}

impl Report {
    fn of(ran: Ran) -> Report {
        Report {
            findings: ran.json(),
            ran,
        }
    }

    /// The findings of one check.
    fn all(&self, group: &str, check: &str) -> Vec<&Value> {
        let same = |it: &&Value| it["group"] == group && it["check"] == check;
        self.findings.iter().filter(same).collect()
    }

    /// The one finding of a check: its level, what was found, and the advice.
    #[track_caller]
    fn one(&self, group: &str, check: &str) -> (&str, &str, &str) {
        let [one] = self.all(group, check)[..] else {
            panic!("{group}, {check}: {:?}", self.ran);
        };
        (
            one["level"].as_str().expect("a level"),
            one["found"].as_str().expect("a text"),
            one["advice"].as_str().unwrap_or_default(),
        )
    }

    /// Expects an error that says this and advises that, and the exit code that goes with it.
    #[track_caller]
    fn expect_error(&self, group: &str, check: &str, found: &str, advice: &str) {
        self.expect(group, check, "error", found, advice);
        assert_eq!(self.ran.code, Some(1), "{:?}", self.ran);
        assert!(
            self.ran.err.starts_with("tong: something is broken: "),
            "{:?}",
            self.ran
        );
    }

    #[track_caller]
    fn expect(&self, group: &str, check: &str, level: &str, found: &str, advice: &str) {
        let one = self.one(group, check);
        assert!(
            one.0 == level && one.1.contains(found) && one.2.contains(advice),
            "{one:?}"
        );
    }

    #[track_caller]
    fn expect_no_errors(&self) {
        assert_eq!(self.ran.code, Some(0), "{:?}", self.ran);
        assert!(self.ran.err.is_empty(), "{:?}", self.ran);
    }
}

/// Everything below a directory: what it is called, whose it is, and what is in it.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let listed = std::process::Command::new("find")
        .arg(dir)
        .args(["-printf", "%p\n%p %i %s %m %u\n"])
        .output()
        .expect("find runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let lines: Vec<&str> = listed.lines().collect();
    let mut entries: Vec<(String, Vec<u8>)> = lines
        .chunks_exact(2)
        .map(|pair| (pair[1].to_owned(), fs::read(pair[0]).unwrap_or_default()))
        .collect();
    entries.sort();
    entries
}

#[test]
fn a_machine_in_order_is_said_to_be_and_looking_makes_nothing() {
    let place = Place::new();
    let report = place.doctor();
    report.expect_no_errors();
    report.expect("namespace", "place", "ok", "because TONG_DIR says so", "");
    report.expect(
        "namespace",
        "directory",
        "ok",
        "will be made when first needed",
        "",
    );
    report.expect(
        "machine-wide",
        "directory",
        "ok",
        "is not there",
        "tong global init",
    );
    report.expect("kernel", "programs", "ok", "0xc0000005", "");
    assert!(!place.names().exists() && !place.dir.path().join("global").exists());

    place.use_namespace();
    let before = tree(&place.names());
    let report = place.doctor();
    report.expect_no_errors();
    report.expect("namespace", "directory", "ok", "complete", "");
    report.expect("namespace", "wait table", "ok", "of this version", "");
    report.expect("namespace", "objects", "ok", "none", "");
    report.expect("leftovers", "dead objects", "ok", "none", "");
    assert!(tree(&place.names()) == before, "looking changed something");
}

#[test]
fn people_get_groups_and_a_verdict_and_quiet_leaves_out_what_is_well() {
    let place = Place::new();
    let ran = place.run(&["doctor"]).expect_code(0);
    let text = ran.text();
    let groups = [
        "kernel",
        "limits",
        "namespace",
        "machine-wide",
        "containers",
        "leftovers",
        "processors",
    ];
    let heads: Vec<&str> = text.lines().filter(|line| groups.contains(line)).collect();
    assert_eq!(heads, groups);
    assert!(text.contains("\ntong works here") && !text.contains('\x1b'));

    fs::create_dir(place.names()).expect("a directory");
    fs::set_permissions(place.names(), fs::Permissions::from_mode(0o777)).expect("its mode");
    let ran = place.run(&["doctor", "--quiet"]).expect_code(1);
    assert!(ran.text().contains("\n  error    directory"), "{ran:?}");
    assert!(ran.text().contains("-> chmod 700 "), "{ran:?}");
    assert!(!ran.text().contains("  ok "), "{ran:?}");
}

#[test]
fn objects_in_use_are_counted() {
    let place = Place::new();
    let _keepers = [
        place.keep("event", "one", &[]),
        place.keep("event", "two", &[]),
        place.keep("mutex", "three", &[]),
    ];
    place
        .doctor()
        .expect("namespace", "objects", "ok", "2 events, 1 mutex", "");
}

#[test]
fn a_directory_that_cannot_be_trusted_is_an_error_with_its_remedy() {
    let place = Place::new();
    let names = place.names();
    fs::create_dir(&names).expect("a directory");
    fs::set_permissions(&names, fs::Permissions::from_mode(0o777)).expect("its mode");
    let remedy = format!("chmod 700 {}", names.display());
    place
        .doctor()
        .expect_error("namespace", "directory", "has mode 0777", &remedy);

    fs::remove_dir(&names).expect("it was empty");
    fs::write(&names, "precious").expect("a file");
    place
        .doctor()
        .expect_error("namespace", "directory", "not a directory", "mv ");
    assert_eq!(fs::read(&names).expect("still there"), b"precious");

    fs::remove_file(&names).expect("a file");
    symlink(place.dir.path(), &names).expect("a link");
    place
        .doctor()
        .expect_error("namespace", "directory", "is a link", "mv ");
}

#[test]
fn a_part_of_the_namespace_that_cannot_be_trusted_is_an_error() {
    let place = Place::new();
    place.use_namespace();
    let part = place.names().join("object");
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).expect("its mode");
    let remedy = format!("chmod 700 {}", part.display());
    place
        .doctor()
        .expect_error("namespace", "directory", "has mode 0755", &remedy);
}

#[test]
fn a_directory_of_another_user_is_an_error() {
    let place = Place::new();
    fs::create_dir(place.names()).expect("a directory");
    if chown(place.names(), Some(12_345), None).is_err() {
        return skip("needs the administrator, to give a directory away");
    }
    place.doctor().expect_error(
        "namespace",
        "directory",
        "belongs to user 12345",
        "chown 0 ",
    );
    // Under sudo, the run-time directory is the caller's, and is not meant.
    let report =
        place.doctor_after("XDG_RUNTIME_DIR=\"$TONG_DIR\"; unset TONG_DIR; export XDG_RUNTIME_DIR");
    report.expect(
        "namespace",
        "place",
        "warning",
        "belongs to user 12345",
        "unset XDG_RUNTIME_DIR",
    );
}

#[test]
fn a_place_where_no_directory_can_be_is_an_error() {
    let place = Place::new();
    let by = |dir: &str| place.doctor_after(&format!("export TONG_DIR={dir}"));
    by("names").expect_error("namespace", "place", "absolute", "TONG_DIR=");
    by("/no/such/names").expect_error(
        "namespace",
        "directory",
        "/no/such does not exist",
        "mkdir -p /no/such",
    );
    by("/dev/null/names").expect_error("namespace", "directory", "", "set TONG_DIR");
}

#[test]
fn a_file_system_that_is_full_or_read_only_is_an_error() {
    if !may_mount() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.names()).expect("a directory");
    let mount = "mount -t tmpfs -o mode=700,size=2m tmpfs \"$TONG_DIR\"";
    let by = |script: &str| {
        let by = in_mounts(script);
        place.doctor_by(&by.iter().map(String::as_str).collect::<Vec<_>>())
    };
    by(mount).expect("namespace", "room", "warning", "2.0 MiB", "make room on");
    by(&format!(
        "{mount} && {{ head -c 3m /dev/zero > \"$TONG_DIR/filler\" 2> /dev/null; true; }}"
    ))
    .expect_error("namespace", "room", "No space left", "make room on");
    by(&format!("{mount} && mount -o remount,ro \"$TONG_DIR\"")).expect_error(
        "namespace",
        "file system",
        "tmpfs, read-only",
        "set TONG_DIR",
    );
}

#[test]
fn limits_that_are_too_low_are_errors() {
    let place = Place::new();
    place
        .doctor_after("ulimit -n 16")
        .expect_error("limits", "open files", "16", "LimitNOFILE");
    let report = place.doctor_after("ulimit -S -f 100");
    report.expect_error("limits", "file size", "need 513 MiB", "ulimit -f unlimited");
    // What that breaks was tried: the page of this process, and those of others.
    assert_eq!(report.one("kernel", "process page").0, "error");
    assert_eq!(report.one("kernel", "programs").0, "error");
    place.doctor_after("ulimit -S -n 500").expect(
        "limits",
        "open files",
        "warning",
        "500",
        "ulimit -n",
    );
}

/// With so few descriptors not even a second process can be started.
#[test]
fn hardly_any_descriptors_do_not_keep_the_doctor_from_saying_so() {
    let report = Place::new().doctor_after("exec 3<&- 4<&- 5<&- 6<&-; ulimit -n 4");
    report.expect_error("limits", "open files", "4", "");
    report.expect_error("kernel", "trials", "no second process", "");
}

#[test]
fn a_machine_without_proc_is_told_so() {
    if !may_mount() {
        return;
    }
    let place = Place::new();
    let by = in_mounts("mount -t tmpfs tmpfs /proc");
    let report = place.doctor_by(&by.iter().map(String::as_str).collect::<Vec<_>>());
    report.expect_error("kernel", "/proc", "not mounted", "mount -t proc proc /proc");
    report.expect("kernel", "trials", "warning", "nothing was tried", "");
}

#[test]
fn the_proc_of_another_pid_namespace_is_an_error_and_ones_own_is_not() {
    let own = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !works(&[&own[..], &["true"]].concat()) {
        return skip("needs the right to make PID namespaces");
    }
    let place = Place::new();
    let report = place.doctor_by(&own);
    report.expect_no_errors();
    report.expect(
        "containers",
        "processes",
        "ok",
        "a PID namespace of its own",
        "TONG_DIR",
    );
    // An outer process has the id that is ours in here.
    place.doctor_by(&own[..4]).expect_error(
        "kernel",
        "/proc",
        "another PID namespace",
        "mount -t proc",
    );
}

#[test]
fn a_wait_table_of_another_version_is_an_error_and_left_alone() {
    let place = Place::new();
    place.use_namespace();
    let table = place.names().join("waits");
    let mut bytes = fs::read(&table).expect("the table");
    bytes[..8].copy_from_slice(b"tongwai9");
    fs::write(&table, &bytes).expect("the table");
    place
        .doctor()
        .expect_error("namespace", "wait table", "not a wait table", "mv ");
    assert_eq!(fs::read(&table).expect("the table"), bytes);
}

#[test]
fn a_wait_table_that_was_removed_under_its_users_is_told() {
    let place = Place::new();
    let _keeper = place.keep("event", "ready", &[]);
    let table = place.names().join("waits");
    fs::remove_file(&table).expect("the table");
    place.doctor().expect(
        "namespace",
        "wait table",
        "warning",
        "removed",
        "start them again",
    );
    assert!(!table.exists(), "looking made one");
}

#[test]
fn a_stopped_process_that_others_may_wait_for_is_told() {
    let place = Place::new();
    let keeper = place.keep("mutex", "build", &[]);
    place
        .doctor()
        .expect("namespace", "deadlocks", "ok", "none", "");
    signal(&keeper, "STOP");
    let pid = keeper.child.id();
    crate::place::eventually("it is stopped", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        stat.contains(") T ")
    });
    place.doctor().expect(
        "namespace",
        "stopped processes",
        "warning",
        &format!("{pid} tong"),
        &format!("kill -CONT {pid}"),
    );
}

/// At a terminal levels have colours, and what is long is folded below itself.
#[test]
fn findings_fit_on_a_terminal() {
    let place = Place::new();
    fs::create_dir(place.names()).expect("a directory");
    fs::set_permissions(place.names(), fs::Permissions::from_mode(0o777)).expect("its mode");
    let Some(screen) = Screen::start(&place, (80, 60), &["doctor"]) else {
        return;
    };
    screen.wait_for("something is broken");
    let styled = screen.styled();
    assert!(styled.contains("{bold}kernel{}"), "{styled}");
    assert!(styled.contains("{bold green}ok       {}"), "{styled}");
    assert!(
        styled.contains("{bold red}error    {}directory"),
        "{styled}"
    );
    let text = screen.text();
    let folded = text
        .lines()
        .skip_while(|line| !line.contains("trials") && !line.contains("death of an owner"))
        .nth(1)
        .expect("the next line");
    assert!(folded.starts_with(&" ".repeat(30)), "{text}");
    assert_eq!(screen.code(), 1);
}

#[test]
fn what_a_killed_process_left_is_named_and_left_for_gc() {
    let place = Place::new();
    let mut reader = place.start_reader(&["Old Box"]);
    place
        .doctor()
        .expect("leftovers", "dead objects", "ok", "none", "");
    signal(&reader, "KILL");
    reader.child.wait().expect("it ends");
    let before = tree(&place.names());
    let report = place.doctor();
    report.expect_no_errors();
    report.expect(
        "leftovers",
        "dead objects",
        "warning",
        r"1: \\.\mailslot\Old Box",
        "tong gc",
    );
    assert!(tree(&place.names()) == before, "looking changed something");
    place.run(&["gc"]).expect_code(0);
    place
        .doctor()
        .expect("leftovers", "dead objects", "ok", "none", "");

    fs::write(place.names().join("mailslot/notes.txt"), "precious").expect("a file");
    place.doctor().expect(
        "leftovers",
        "foreign files",
        "warning",
        "notes.txt",
        "move them",
    );
}

#[test]
fn the_machine_wide_directory_is_checked_if_it_is_there() {
    let place = Place::new();
    let global = place.dir.path().join("global");
    let mut init = place.tong(&["global", "init"]);
    init.env("TONG_GLOBAL_DIR", &global);
    crate::place::finish(crate::place::start(&mut init)).expect_code(0);
    place
        .doctor()
        .expect("machine-wide", "directory", "ok", "is ready", "");

    fs::remove_dir(global.join("pipe")).expect("it was empty");
    place.doctor().expect(
        "machine-wide",
        "directory",
        "warning",
        "pipe is missing",
        "tong global init",
    );

    let part = global.join("object");
    fs::set_permissions(&part, fs::Permissions::from_mode(0o777)).expect("its mode");
    let report = place.doctor();
    let complaint = &report.all("machine-wide", "directory")[0];
    assert_eq!(complaint["level"], "error", "{complaint}");
    let advice = complaint["advice"].as_str().expect("advice");
    assert!(
        advice.ends_with(&format!("chmod 1777 {}", part.display())),
        "{advice}"
    );
}

/// A name that somebody else chose cannot move the cursor or look like another line.
#[test]
fn names_are_shown_as_visible_text() {
    let place = Place::new();
    place.use_namespace();
    fs::write(place.names().join("mailslot/a\x1b[2J\nb"), "").expect("a file");
    let ran = place.run(&["doctor", "-q"]).expect_code(0);
    assert!(ran.text().contains(r"a\x1b[2J\nb"), "{ran:?}");
}

#[test]
fn the_help_says_what_levels_and_exit_codes_mean() {
    let ran = Place::new().run(&["doctor", "--help"]).expect_code(0);
    for part in ["Levels:", "warning", "Exit codes:", "--json", "--quiet"] {
        assert!(ran.text().contains(part), "{part}: {ran:?}");
    }
    assert!(!ran.text().contains("--trials"), "{ran:?}");
}
