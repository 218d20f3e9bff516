//! `tong mutex`.

use crate::place::{ending_signal, finish, first_line, signal, start, Place, Running};
use serde_json::json;
use std::process::Stdio;

/// Starts `tong mutex hold NAME` and waits until it holds.
fn holder(place: &Place, name: &str) -> Running {
    let mut holder = start(&mut place.tong(&["mutex", "hold", name]));
    assert_eq!(first_line(&mut holder), format!("holding mutex {name}"));
    holder
}

#[test]
fn a_held_mutex_shows_its_owner_and_who_waits() {
    let place = Place::new();
    let holder = holder(&place, "build");
    let pid = holder.child.id();
    let info = place.info("mutex", "build");
    assert_eq!(info["owner_pid"], json!(pid));
    assert_eq!(info["owner_tid"], json!(pid));
    assert_eq!(info["program"], json!("tong"));
    assert_eq!(
        (&info["times"], &info["signaled"]),
        (&json!(1), &json!(false))
    );

    let late = place
        .run(&["mutex", "hold", "build", "--timeout", "50", "--", "true"])
        .expect_code(6);
    assert!(late.err.contains(&format!("process {pid}")), "{late:?}");

    let waiter = start(&mut place.tong(&["mutex", "hold", "build", "--", "echo", "mine"]));
    place.await_waiters("mutex", "build", 1);
    let table = place.run(&["ls"]).expect_code(0);
    let row = table.text().lines().nth(1).expect("a row");
    let expected = format!("{pid}/{pid} tong");
    assert!(row.contains("owned") && row.contains(&expected), "{row}");
    assert!(row.contains(&format!("1: {}", waiter.child.id())), "{row}");

    signal(&holder, "INT");
    assert_eq!(ending_signal(holder), Some(2));
    let ran = finish(waiter).expect_code(0);
    assert_eq!(
        (ran.text(), &*ran.err),
        ("mine\n", ""),
        "released, not abandoned"
    );
}

#[test]
fn hold_ends_as_its_program_does_and_releases() {
    let place = Place::new();
    let _keeper = place.keep("mutex", "build", &[]);
    for code in [0, 7] {
        let script = format!("exit {code}");
        let ran = place.run(&["mutex", "hold", "build", "--", "sh", "-c", &script]);
        assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{ran:?}");
        assert_eq!(place.info("mutex", "build")["signaled"], json!(true));
    }
    place
        .run(&["mutex", "hold", "build", "--", "no-such-program"])
        .expect_code(127);
    assert_eq!(place.info("mutex", "build")["abandoned"], json!(false));
}

#[test]
fn an_owner_that_is_killed_abandons_the_mutex_once() {
    let place = Place::new();
    let _keeper = place.keep("mutex", "build", &[]);
    let killed = holder(&place, "build");
    signal(&killed, "KILL");
    finish(killed);
    assert_eq!(place.info("mutex", "build")["abandoned"], json!(true));
    let table = place.run(&["ls"]).expect_code(0);
    assert!(table.text().contains("abandoned"), "{table:?}");

    let first = place
        .run(&["mutex", "hold", "build", "--hold", "0", "--json"])
        .expect_code(10);
    assert_eq!(
        first.json(),
        [json!({"kind": "mutex", "name": "build", "acquired": true, "abandoned": true})]
    );
    assert!(first.err.contains("abandoned"), "{first:?}");
    let second = place
        .run(&["mutex", "hold", "build", "--hold", "0", "--json"])
        .expect_code(0);
    assert_eq!(second.json()[0]["abandoned"], json!(false));
}

#[test]
fn an_abandoned_mutex_is_told_beside_the_program() {
    let place = Place::new();
    let _keeper = place.keep("mutex", "build", &[]);
    let killed = holder(&place, "build");
    signal(&killed, "KILL");
    finish(killed);
    let ran = place.run(&["mutex", "hold", "build", "--", "true"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("abandoned"), "{ran:?}");
}

#[test]
fn hold_ends_with_its_input_and_a_wait_for_it_can_be_interrupted() {
    let place = Place::new();
    let mut command = place.tong(&["mutex", "hold", "build"]);
    let mut held = start(command.stdin(Stdio::piped()));
    first_line(&mut held);
    let waiter = start(&mut place.tong(&["mutex", "hold", "build"]));
    place.await_waiters("mutex", "build", 1);
    signal(&waiter, "TERM");
    assert_eq!(ending_signal(waiter), Some(15));
    finish(held).expect_code(0);
    place.run(&["mutex", "info", "build"]).expect_code(3);
}
