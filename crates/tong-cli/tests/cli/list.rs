//! `tong ls`, `tong mailslot info`, `tong gc` and `tong global`.

use crate::place::{eventually, finish, signal, start, Place};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

#[test]
fn an_empty_namespace_lists_nothing() {
    let place = Place::new();
    for args in [
        &["ls"][..],
        &["ls", "--json"],
        &["gc"],
        &["gc", "--json"],
        &["gc", "--dry-run"],
    ] {
        let ran = place.run(args).expect_code(0);
        assert!(ran.out.is_empty() && ran.err.is_empty(), "{args:?} {ran:?}");
    }
}

#[test]
fn a_mailslot_is_listed_with_owner_queue_and_writers() {
    let place = Place::new();
    let reader = place.start_reader(&["a/Box", "--max-message", "100"]);
    signal(&reader, "STOP");
    let mut writer = start(
        place
            .tong(&["mailslot", "write", "a/box"])
            .stdin(Stdio::piped()),
    );
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    stdin.write_all(b"one\ntwo\nthree\n").expect("it reads");
    eventually("the writer is in", || {
        place.run(&["ls", "--json"]).json()[0]["messages"] == 3
    });

    let records = place.run(&["ls", "--json"]).expect_code(0).json();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["kind"], "mailslot");
    assert_eq!(record["name"], r"\\.\mailslot\a\Box");
    assert_eq!(record["state"], "live");
    assert_eq!(record["owner_pid"], reader.child.id());
    assert_eq!(record["program"], "tong");
    assert_eq!(record["max_message_bytes"], 100);
    assert_eq!(record["read_timeout_ms"], 30_000);
    assert!(record["bytes"].as_u64() >= Some(11), "{record}");
    assert_eq!(record["writers"], Value::from(vec![writer.child.id()]));

    assert_eq!(record["holders"], Value::from(vec![reader.child.id()]));

    let table = place.run(&["ls"]).expect_code(0);
    let lines: Vec<_> = table.text().lines().collect();
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert!(
        lines[0].starts_with("KIND") && lines.len() == 2,
        "{table:?}"
    );
    let reader_pid = reader.child.id().to_string();
    assert_eq!(
        words[..4],
        ["mailslot", r"\\.\mailslot\a\Box", "3", "messages,"]
    );
    assert_eq!(words[6..8], [&*reader_pid, "tong"]);
    let mut pids = [reader.child.id(), writer.child.id()];
    pids.sort_unstable();
    assert_eq!(words[9], pids.map(|pid| pid.to_string()).join(","));

    assert_eq!(
        place
            .run(&["mailslot", "info", "A/BOX", "--json"])
            .expect_code(0)
            .json()[0],
        *record
    );
    let info = place.run(&["mailslot", "info", "A/BOX"]).expect_code(0);
    assert!(
        info.text().contains("100 bytes")
            && info.text().contains("3 messages")
            && info.text().contains("30000 ms"),
        "{info:?}"
    );

    drop(stdin);
    finish(writer).expect_code(0);
    signal(&reader, "KILL");
    finish(reader);
}

#[test]
fn info_about_no_mailslot_gives_exit_code_3() {
    let place = Place::new();
    place.run(&["mailslot", "info", "box"]).expect_code(3);
    let reader = place.start_reader(&["box"]);
    signal(&reader, "KILL");
    finish(reader);
    place.run(&["mailslot", "info", "box"]).expect_code(3);
    place.run(&["mailslot", "info", ""]).expect_code(2);
}

#[test]
fn gc_says_what_a_crash_left_and_removes_it() {
    let place = Place::new();
    let reader = place.start_reader(&["box"]);
    assert_eq!(
        place.run(&["gc", "--json"]).expect_code(0).text(),
        "",
        "a live mailslot is no leftover"
    );
    signal(&reader, "KILL");
    finish(reader);
    for _ in 0..2 {
        let would = place
            .run(&["gc", "--dry-run", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(would[0]["name"], r"\\.\mailslot\box");
        assert_eq!(
            (&would[0]["state"], &would[0]["removed"]),
            (&Value::from("dead"), &Value::from(false))
        );
    }
    let dead = place.run(&["ls", "--json"]).expect_code(0).json();
    assert_eq!(
        (&dead[0]["state"], &dead[0]["owner_pid"]),
        (&Value::from("dead"), &Value::Null)
    );
    let did = place.run(&["gc"]).expect_code(0);
    assert_eq!(did.text(), "removed what is left of \\\\.\\mailslot\\box\n");
    assert_eq!(place.run(&["gc"]).expect_code(0).text(), "");
    assert_eq!(place.run(&["ls"]).expect_code(0).text(), "");
}

#[test]
fn an_object_whose_keeper_was_killed_is_dead_until_gc_or_its_next_maker() {
    let place = Place::new();
    for next in ["gc", "maker"] {
        let keeper = place.keep("semaphore", "slots", &["--max", "5"]);
        assert_eq!(place.run(&["gc"]).expect_code(0).text(), "");
        signal(&keeper, "KILL");
        finish(keeper);
        let dead = place.run(&["ls", "--json"]).expect_code(0).json();
        assert_eq!(
            (&dead[0]["name"], &dead[0]["state"], &dead[0]["holders"]),
            (
                &Value::from("slots"),
                &Value::from("dead"),
                &serde_json::json!([])
            )
        );
        let table = place.run(&["ls"]).expect_code(0);
        assert!(table.text().contains("dead"), "{table:?}");
        place.run(&["semaphore", "info", "slots"]).expect_code(3);
        if next == "gc" {
            assert_eq!(
                place.run(&["gc"]).expect_code(0).text(),
                "removed what is left of slots\n"
            );
        } else {
            let made = place.run(&["event", "create", "slots", "--new", "--hold", "0"]);
            assert_eq!(made.expect_code(0).text(), "created event slots\n");
        }
        assert_eq!(place.run(&["ls"]).expect_code(0).text(), "");
    }
}

#[test]
fn all_kinds_stand_in_one_list_by_name() {
    let place = Place::new();
    let _keepers = [
        place.keep("timer", "d", &["--due", "1h"]),
        place.keep("event", "a\x1b[2J", &["--manual"]),
        place.keep("semaphore", "c", &[]),
        place.keep("mutex", "b", &[]),
    ];
    let ran = place.run(&["ls"]).expect_code(0);
    let kinds: Vec<_> = ran
        .text()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(kinds, ["KIND", "event", "mutex", "semaphore", "timer"]);
    for state in [
        "not signaled",
        "free",
        "1 of 1",
        "due in 59 min",
        r"a\x1b[2J",
    ] {
        assert!(ran.text().contains(state), "{state} {ran:?}");
    }
    let json = place.run(&["ls", "--json"]).expect_code(0).json();
    let field = |name: &str| -> Vec<_> { json.iter().map(|record| record[name].clone()).collect() };
    assert_eq!(field("kind"), ["event", "mutex", "semaphore", "timer"]);
    for record in &json {
        assert_eq!(record["state"], "live");
        assert_eq!(record["waiters"], serde_json::json!([]));
        assert_eq!(record["holders"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn gc_leaves_alone_what_is_not_ours() {
    let place = Place::new();
    place.run(&["ls"]).expect_code(0);
    let foreign = place.dir.path().join("names/mailslot/notes.txt");
    std::fs::write(&foreign, "mine").expect("a file");
    let ran = place.run(&["gc"]).expect_code(0);
    assert!(
        ran.text().contains("not tong's") && ran.text().contains("notes.txt"),
        "{ran:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&foreign).expect("still there"),
        "mine"
    );
}

#[test]
fn names_are_listed_so_that_they_cannot_move_the_cursor() {
    let place = Place::new();
    let reader = place.start_reader(&["a\x1b[2J\nb"]);
    let ran = place.run(&["ls"]).expect_code(0);
    assert!(
        ran.text().contains(r"a\x1b[2J\nb") && ran.text().lines().count() == 2,
        "{ran:?}"
    );
    assert_eq!(
        place.run(&["ls", "--json"]).json()[0]["name"],
        "\\\\.\\mailslot\\a\x1b[2J\nb"
    );
    signal(&reader, "KILL");
    finish(reader);
}

#[test]
fn a_root_that_others_may_enter_is_refused() {
    let place = Place::new();
    let open = place.dir.path().join("open");
    std::fs::create_dir(&open).expect("a directory");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    for args in [
        &["ls"][..],
        &["gc"],
        &["mailslot", "read", "box", "--timeout", "0"],
        &["mailslot", "write", "box", "x"],
    ] {
        let ran = finish(start(place.tong(args).env("TONG_DIR", &open))).expect_code(1);
        assert!(ran.err.contains(open.to_str().expect("a path")), "{ran:?}");
    }
}

#[test]
fn the_machine_wide_directory_is_made_where_the_environment_says() {
    let place = Place::new();
    let inside = place.dir.path().join("missing/tong");
    let ran = finish(start(
        place
            .tong(&["global", "init"])
            .env("TONG_GLOBAL_DIR", &inside),
    ));
    assert!(
        matches!(ran.code, Some(1 | 3 | 5)) && ran.err.starts_with("tong: "),
        "{ran:?}"
    );
}
