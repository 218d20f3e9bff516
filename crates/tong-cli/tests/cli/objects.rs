//! `tong event`, `tong semaphore` and `tong timer`.

use crate::place::{ending_signal, eventually, finish, first_line, signal, start, Place};
use serde_json::{json, Value};
use std::process::Stdio;
use std::time::{Duration, Instant};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

#[test]
fn an_event_is_there_while_its_keeper_runs_and_gone_after() {
    let place = Place::new();
    let keeper = place.keep("event", "ready", &[]);
    let info = place.info("event", "ready");
    assert_eq!(
        (&info["kind"], &info["name"], &info["state"]),
        (&json!("event"), &json!("ready"), &json!("live"))
    );
    assert_eq!(
        (&info["reset"], &info["signaled"]),
        (&json!("auto"), &json!(false))
    );
    assert_eq!(info["holders"], json!([keeper.child.id()]));
    assert_eq!(info["waiters"], json!([]));

    signal(&keeper, "INT");
    assert_eq!(ending_signal(keeper), Some(SIGINT));
    place.run(&["event", "info", "ready"]).expect_code(3);
    assert_eq!(place.run(&["gc", "--dry-run"]).expect_code(0).text(), "");
}

#[test]
fn set_and_reset_change_the_event_and_a_wait_resets_an_auto_event() {
    let place = Place::new();
    let _keeper = place.keep("event", "ready", &["--signaled"]);
    let is_signaled = || place.info("event", "ready")["signaled"].clone();
    assert_eq!(is_signaled(), json!(true));
    place.run(&["event", "reset", "ready"]).expect_code(0);
    assert_eq!(is_signaled(), json!(false));
    let set = place
        .run(&["event", "set", "ready", "--json"])
        .expect_code(0);
    assert_eq!(
        set.json(),
        [json!({"kind": "event", "name": "ready", "done": "set"})]
    );
    let waited = place.run(&["event", "wait", "ready"]).expect_code(0);
    assert_eq!(waited.text(), "event:ready\n");
    assert_eq!(is_signaled(), json!(false));
    place
        .run(&["event", "wait", "ready", "--timeout", "50ms"])
        .expect_code(6);
}

#[test]
fn a_manual_event_stays_signaled_and_a_pulse_releases_who_waits() {
    let place = Place::new();
    let _keeper = place.keep("event", "gate", &["--manual", "--signaled"]);
    for _ in 0..2 {
        place.run(&["event", "wait", "gate"]).expect_code(0);
    }
    place.run(&["event", "reset", "gate"]).expect_code(0);
    let waiters = [(); 2].map(|()| start(&mut place.tong(&["event", "wait", "gate"])));
    place.await_waiters("event", "gate", 2);
    let pids = waiters.each_ref().map(|waiter| waiter.child.id());
    let seen = place.info("event", "gate");
    for waiter in seen["waiters"].as_array().expect("a list") {
        assert!(pids.iter().any(|pid| waiter["pid"] == *pid), "{seen}");
    }
    place.run(&["event", "pulse", "gate"]).expect_code(0);
    for waiter in waiters {
        finish(waiter).expect_code(0);
    }
    assert_eq!(place.info("event", "gate")["signaled"], json!(false));
}

#[test]
fn create_opens_what_exists_and_new_refuses_that() {
    let place = Place::new();
    let mut keeper = start(&mut place.tong(&["event", "create", "ready", "--json"]));
    let made: Value = serde_json::from_str(&first_line(&mut keeper)).expect("json");
    assert_eq!(made, json!({"kind": "event", "name": "ready", "new": true}));
    let again = place.run(&["event", "create", "ready", "--hold", "0", "--json"]);
    assert_eq!(again.expect_code(0).json()[0]["new"], json!(false));
    let text = place.run(&["event", "create", r"Local\ready", "--hold", "0"]);
    assert_eq!(
        text.expect_code(0).text(),
        "opened the existing event ready\n"
    );
    place
        .run(&["event", "create", "ready", "--new"])
        .expect_code(4);
}

#[test]
fn a_name_has_one_kind_and_other_kinds_say_which() {
    let place = Place::new();
    let _keeper = place.keep("event", "ready", &[]);
    for args in [
        &["mutex", "create", "ready"][..],
        &["semaphore", "release", "ready"],
        &["timer", "cancel", "ready"],
        &["mutex", "info", "ready"],
        &["wait", "semaphore:ready"],
    ] {
        let ran = place.run(args).expect_code(11);
        assert!(ran.err.contains("another kind"), "{ran:?}");
    }
}

#[test]
fn names_that_cannot_be_and_objects_that_are_not_are_told_apart() {
    let place = Place::new();
    for name in [r"a\b", "", r"Global\", r"\x"] {
        place.run(&["event", "set", name]).expect_code(2);
    }
    for args in [
        &["event", "set", "none"][..],
        &["event", "reset", "none"],
        &["event", "pulse", "none"],
        &["event", "wait", "none"],
        &["event", "info", "none"],
        &["semaphore", "acquire", "none"],
        &["semaphore", "release", "none"],
        &["timer", "set", "none", "1s"],
        &["timer", "cancel", "none"],
        &["timer", "wait", "none"],
        &["timer", "info", "none"],
    ] {
        let ran = place.run(args).expect_code(3);
        assert!(ran.err.contains("none"), "{ran:?}");
    }
    place.keep("event", "Ready", &[]);
    place.run(&["event", "set", "ready"]).expect_code(3);
}

#[test]
fn what_is_kept_ends_with_its_time_its_input_its_program_or_a_signal() {
    let place = Place::new();
    let begun = Instant::now();
    place
        .run(&["event", "create", "x", "--hold", "200ms"])
        .expect_code(0);
    assert!(begun.elapsed() >= Duration::from_millis(200));

    let keeper = start(place.tong(&["event", "create", "x"]).stdin(Stdio::piped()));
    eventually("it is there", || {
        place.run(&["event", "info", "x"]).code == Some(0)
    });
    finish(keeper).expect_code(0);

    let ran = place.run(&["event", "create", "x", "--", "sh", "-c", "exit 9"]);
    assert_eq!((ran.code, ran.text()), (Some(9), "created event x\n"));
    place
        .run(&["event", "create", "x", "--", "no-such-program"])
        .expect_code(127);
    let late = ["event", "create", "x", "--hold", "50", "--", "sleep", "1"];
    place.run(&late).expect_code(124);

    let keeper = place.keep("event", "x", &[]);
    signal(&keeper, "TERM");
    assert_eq!(ending_signal(keeper), Some(SIGTERM));
    assert_eq!(place.run(&["ls"]).expect_code(0).text(), "");
}

/// As under `nohup`.
#[test]
fn a_signal_that_the_caller_ignores_ends_nothing() {
    let place = Place::new();
    let script = "trap '' HUP; exec \"$0\" event create x --hold 400ms";
    let mut keeper = start(&mut place.tong_by(&["sh", "-c", script], &[]));
    first_line(&mut keeper);
    signal(&keeper, "HUP");
    finish(keeper).expect_code(0);
}

#[test]
fn a_semaphore_counts_and_never_passes_its_maximum() {
    let place = Place::new();
    let _keeper = place.keep("semaphore", "slots", &["--max", "3", "--initial", "1"]);
    let count = || place.info("semaphore", "slots")["count"].clone();
    assert_eq!(place.info("semaphore", "slots")["maximum"], json!(3));
    place.run(&["semaphore", "acquire", "slots"]).expect_code(0);
    assert_eq!(count(), json!(0));
    place
        .run(&["semaphore", "acquire", "slots", "-t", "50"])
        .expect_code(6);
    let released = place
        .run(&["semaphore", "release", "slots", "2"])
        .expect_code(0);
    assert_eq!(released.text(), "0\n");
    let released = place
        .run(&["semaphore", "release", "slots", "--json"])
        .expect_code(0);
    assert_eq!(
        released.json(),
        [json!({"kind": "semaphore", "name": "slots", "released": 1, "previous": 2})]
    );
    place.run(&["semaphore", "release", "slots"]).expect_code(7);
    assert_eq!(count(), json!(3));
    place
        .run(&["semaphore", "release", "slots", "0"])
        .expect_code(2);
    for bad in [["--max", "0"], ["--initial", "2"]] {
        let args = [&["semaphore", "create", "other"][..], &bad].concat();
        place.run(&args).expect_code(2);
    }
    let table = place.run(&["ls"]).expect_code(0);
    assert!(table.text().contains("3 of 3"), "{table:?}");
}

#[test]
fn a_timer_is_due_when_it_was_set_to_be() {
    let place = Place::new();
    let _keeper = place.keep("timer", "tick", &[]);
    let info = || place.info("timer", "tick");
    assert_eq!(
        (&info()["signaled"], &info()["due_in_ms"]),
        (&json!(false), &Value::Null)
    );
    let begun = Instant::now();
    let set = place
        .run(&["timer", "set", "tick", "300ms", "--json"])
        .expect_code(0);
    assert_eq!(set.json()[0]["done"], "set");
    place.run(&["timer", "wait", "tick"]).expect_code(0);
    assert!(begun.elapsed() >= Duration::from_millis(300));

    place
        .run(&["timer", "set", "tick", "1h", "--every", "2s"])
        .expect_code(0);
    let hour = info();
    assert!(hour["due_in_ms"].as_u64() > Some(3_500_000), "{hour}");
    assert_eq!(hour["period_ms"], json!(2000));
    place
        .run(&["timer", "wait", "tick", "-t", "50"])
        .expect_code(6);
    place.run(&["timer", "cancel", "tick"]).expect_code(0);
    assert_eq!(info()["due_in_ms"], Value::Null);

    // A moment that is past is due at once.
    place
        .run(&["timer", "set", "tick", "2020-01-31T08:00:00+09:00"])
        .expect_code(0);
    assert_eq!(info()["signaled"], json!(true));
    place.run(&["timer", "set", "tick", "soon"]).expect_code(2);
}

#[test]
fn a_timer_can_be_created_set_and_periodic() {
    let place = Place::new();
    let args = ["--manual", "--due", "1ms", "--every", "1h"];
    let _keeper = place.keep("timer", "tick", &args);
    for _ in 0..2 {
        place
            .run(&["timer", "wait", "tick", "-t", "10s"])
            .expect_code(0);
    }
    let table = place.run(&["ls"]).expect_code(0);
    assert!(table.text().contains("signaled, every 60 min"), "{table:?}");
    let info = place.run(&["timer", "info", "tick"]).expect_code(0);
    assert!(info.text().contains("manual"), "{info:?}");
}
