//! `tong wait`.

use crate::place::{eventually, finish, first_line, signal, start, Place};
use serde_json::{json, Value};

#[test]
fn any_ends_with_the_first_of_mixed_objects_that_is_signaled() {
    let place = Place::new();
    let _event = place.keep("event", "e", &[]);
    let _timer = place.keep("timer", "t", &["--due", "50ms"]);
    let pid = format!("pid:{}", std::process::id());
    let ran = place
        .run(&["wait", "event:e", &pid, "timer:t"])
        .expect_code(0);
    assert_eq!(ran.text(), "timer:t\n");

    place.run(&["event", "set", "e"]).expect_code(0);
    let ran = place
        .run(&["wait", "--json", &pid, "event:e"])
        .expect_code(0);
    assert_eq!(
        ran.json(),
        [
            json!({"ended_by": "event:e", "index": 1, "abandoned": false, "exit_code": null, "timed_out": false})
        ]
    );
}

#[test]
fn which_makes_the_place_in_the_list_the_exit_code() {
    let place = Place::new();
    let _one = place.keep("event", "one", &["--manual"]);
    let _two = place.keep("event", "two", &["--manual", "--signaled"]);
    for (list, code) in [
        (["event:one", "event:two"], 65),
        (["event:two", "event:one"], 64),
    ] {
        let ran = place.run(&["wait", "--which", list[0], list[1]]);
        assert_eq!((ran.code, ran.text()), (Some(code), "event:two\n"));
    }
    let many = ["event:one"; 63];
    place
        .run(&[&["wait", "-w"][..], &many].concat())
        .expect_code(2);
}

#[test]
fn all_takes_nothing_until_it_can_take_everything() {
    let place = Place::new();
    let _slots = place.keep("semaphore", "slots", &["--max", "1"]);
    let _event = place.keep("event", "e", &[]);
    let waiter = start(&mut place.tong(&["wait", "--all", "semaphore:slots", "event:e"]));
    place.await_waiters("event", "e", 1);
    assert_eq!(place.info("semaphore", "slots")["count"], json!(1));
    place.run(&["event", "set", "e"]).expect_code(0);
    assert_eq!(finish(waiter).expect_code(0).text(), "all\n");
    assert_eq!(place.info("semaphore", "slots")["count"], json!(0));
    let ran = place
        .run(&[
            "wait",
            "--all",
            "-t",
            "50",
            "--json",
            "semaphore:slots",
            "event:e",
        ])
        .expect_code(6);
    assert_eq!(ran.json()[0]["timed_out"], json!(true));
    let twice = place
        .run(&["wait", "--all", "event:e", "event:e"])
        .expect_code(2);
    assert!(twice.err.contains("twice"), "{twice:?}");
}

#[test]
fn a_mutex_is_released_at_the_end_and_an_abandoned_one_is_told() {
    let place = Place::new();
    let _keeper = place.keep("mutex", "build", &[]);
    place.run(&["wait", "mutex:build"]).expect_code(0);
    let info = place.info("mutex", "build");
    assert_eq!(
        (&info["signaled"], &info["abandoned"]),
        (&json!(true), &json!(false))
    );

    let mut owner = start(&mut place.tong(&["mutex", "hold", "build"]));
    first_line(&mut owner);
    let waiter = start(&mut place.tong(&["wait", "--json", "mutex:build"]));
    place.await_waiters("mutex", "build", 1);
    signal(&owner, "KILL");
    finish(owner);
    let ran = finish(waiter);
    assert_eq!(ran.code, Some(10), "{ran:?}");
    assert_eq!(
        (&ran.json()[0]["ended_by"], &ran.json()[0]["abandoned"]),
        (&json!("mutex:build"), &json!(true))
    );
    let next = place.run(&["wait", "mutex:build"]).expect_code(0);
    assert_eq!(next.text(), "mutex:build\n");
}

#[test]
fn the_end_of_a_process_that_is_not_our_child_comes_with_its_exit_code() {
    let place = Place::new();
    let keeper = place.keep("event", "e", &["--hold", "60s"]);
    let pid = format!("pid:{}", keeper.child.id());
    place.run(&["wait", "-t", "50", &pid]).expect_code(6);
    let waiter = start(&mut place.tong(&["wait", "--json", &pid]));
    eventually("it has the process open", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", waiter.child.id()));
        fds.into_iter().flatten().flatten().any(|fd| {
            // "anon_inode:[pidfd]", or with newer kernels "pidfd:[12345]".
            std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().contains("pidfd"))
        })
    });
    signal(&keeper, "KILL");
    finish(keeper);
    let record = finish(waiter).expect_code(0).json().remove(0);
    assert_eq!(record["ended_by"], Value::from(pid));
    assert!(record["exit_code"].is_u64(), "{record}");
    place.run(&["wait", "pid:4194305"]).expect_code(3);
}

#[test]
fn a_mailslot_ends_the_wait_when_a_message_lies_in_it() {
    let place = Place::new();
    let reader = place.start_reader(&["box"]);
    place
        .run(&["wait", "-t", "200", "mailslot:box"])
        .expect_code(6);
    signal(&reader, "STOP");
    let waiter = start(&mut place.tong(&["wait", "mailslot:box"]));
    let mut writer = start(
        place
            .tong(&["mailslot", "write", "box"])
            .stdin(std::process::Stdio::piped()),
    );
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"one\n").expect("it reads");
    assert_eq!(finish(waiter).expect_code(0).text(), "mailslot:box\n");
    drop(stdin);
    finish(writer).expect_code(0);

    signal(&reader, "CONT");
    drop(reader);
    place.run(&["wait", "mailslot:box"]).expect_code(3);
    let reader = place.start_reader(&["box"]);
    let waiter = start(&mut place.tong(&["wait", "mailslot:box"]));
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&reader, "KILL");
    finish(reader);
    let ran = finish(waiter);
    assert!(matches!(ran.code, Some(9 | 3)), "{ran:?}");
}

#[test]
fn what_is_no_object_is_refused() {
    let place = Place::new();
    for bad in [
        "ready",
        "door:x",
        "pid:x",
        "pid:0",
        "pid:-1",
        r"event:a\b",
        "event:",
        ":x",
    ] {
        let ran = place.run(&["wait", bad]).expect_code(2);
        assert!(ran.text().is_empty(), "{ran:?}");
    }
    place.run(&["wait"]).expect_code(2);
    place.run(&["wait", "event:none"]).expect_code(3);
    place
        .run(&["wait", "--all", "--which", "event:x"])
        .expect_code(2);
}
