//! `tong run`.

use crate::place::{ending_signal, eventually, finish, signal, start, Place};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn the_exit_code_is_passed_on_and_told() {
    let place = Place::new();
    for code in [0, 1, 7, 255] {
        let ran = place.run(&["run", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let told = format!("tong: sh ended with exit code {code} (0x{code:08x})\n");
        assert_eq!(ran.err, told);
        assert_eq!(ran.text(), "");
    }
    let quiet = place.run(&["run", "--quiet", "sh", "-c", "exit 3"]);
    assert_eq!((quiet.code, &*quiet.err), (Some(3), ""));
}

/// P-84.
#[test]
fn a_program_that_crashed_has_the_code_that_windows_has_for_it() {
    let place = Place::new();
    let crash = "ulimit -c 0; kill -SEGV $$";
    let ran = place
        .run(&["run", "--json", "sh", "-c", crash])
        .expect_code(5);
    assert!(
        ran.err
            .contains("3221225477 (0xc0000005, access violation)"),
        "{ran:?}"
    );
    let record = ran.json().remove(0);
    assert_eq!(
        (
            &record["exit_code"],
            &record["hex"],
            &record["running"],
            &record["timed_out"]
        ),
        (
            &json!(3_221_225_477_u32),
            &json!("0xc0000005"),
            &json!(false),
            &json!(false)
        )
    );
}

#[test]
fn arguments_input_and_output_are_the_programs_own() {
    let place = Place::new();
    let ran = place.run(&["run", "-q", "printf", "%s|", "--json", "a b", "", "-q"]);
    assert_eq!(ran.expect_code(0).text(), "--json|a b||-q|");
    let ran = place.run_with_input(&["run", "-q", "cat"], b"in\0\xff");
    assert_eq!(ran.expect_code(0).out, b"in\0\xff");
}

/// The program gets no descriptor beyond the standard ones.
#[test]
fn no_descriptor_of_ours_reaches_the_program() {
    let place = Place::new();
    let look =
        "for fd in 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true";
    let ran = place.run(&["run", "-q", "sh", "-c", look]).expect_code(0);
    assert_eq!(ran.text(), "");
}

#[test]
fn a_program_that_is_late_is_left_running_or_ended() {
    let place = Place::new();
    let begun = Instant::now();
    let args = [
        "run",
        "--json",
        "-t",
        "100",
        "sh",
        "-c",
        "exec sleep 60 >&- 2>&-",
    ];
    let left = place.run(&args).expect_code(124);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let record = left.json().remove(0);
    assert_eq!(
        (
            &record["running"],
            &record["exit_code"],
            &record["timed_out"]
        ),
        (&json!(true), &json!(null), &json!(true))
    );
    let pid = record["pid"].to_string();
    let ended = std::process::Command::new("kill").arg(&pid).status();
    assert!(ended.expect("kill runs").success(), "it was left running");

    let args = ["run", "--json", "-t", "100ms", "--kill", "sleep", "60"];
    let killed = place.run(&args).expect_code(124);
    let record = killed.json().remove(0);
    assert_eq!(
        (
            &record["running"],
            &record["exit_code"],
            &record["timed_out"]
        ),
        (&json!(false), &json!(258), &json!(true))
    );
    place.run(&["run", "--kill", "true"]).expect_code(2);
}

#[test]
fn a_program_that_cannot_be_started_is_told_from_one_that_fails() {
    let place = Place::new();
    let missing = place.run(&["run", "no-such-program"]).expect_code(127);
    assert!(missing.err.contains("no-such-program"), "{missing:?}");
    place.run(&["run", "/no/such/program"]).expect_code(127);
    let text = place.dir.path().join("text");
    std::fs::write(&text, "not a program").expect("a file");
    let text = text.to_str().expect("a path");
    place.run(&["run", text]).expect_code(126);
    place.run(&["run"]).expect_code(2);
    place.run(&["run", "--no-such-flag", "true"]).expect_code(2);
}

#[test]
fn a_request_to_end_goes_to_the_program_and_its_end_is_told() {
    let place = Place::new();
    let ready = place.dir.path().join("ready");
    let script = format!(
        "trap 'exit 42' TERM INT; : > {}; while :; do sleep 0.05; done",
        ready.display()
    );
    for name in ["TERM", "INT"] {
        let running = start(&mut place.tong(&["run", "sh", "-c", &script]));
        eventually("the trap is set", || ready.exists());
        signal(&running, name);
        let ran = finish(running).expect_code(42);
        assert!(ran.err.contains("exit code 42"), "{ran:?}");
        std::fs::remove_file(&ready).expect("it is there");
    }
}

/// What Ctrl-C does: both get the signal, and only the program acts on it.
#[test]
fn an_interrupt_of_the_program_is_an_exit_code_and_not_our_end() {
    let place = Place::new();
    let running = start(&mut place.tong(&["run", "sleep", "60"]));
    let child = || {
        let path = format!("/proc/{0}/task/{0}/children", running.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().next().map(str::to_owned)
    };
    eventually("it runs", || child().is_some());
    // The program itself; before it is one it would still be a copy of us.
    let pid = child().expect("a child");
    eventually("it sleeps", || {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    });
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("kill runs");
    let ran = finish(running).expect_code(0x3a);
    assert!(ran.err.contains("0xc000013a, ended by Ctrl-C"), "{ran:?}");
}

#[test]
fn a_program_that_dies_by_our_signal_does_not_take_us_with_it() {
    let place = Place::new();
    let running = start(&mut place.tong(&["run", "-q", "sleep", "60"]));
    std::thread::sleep(Duration::from_millis(300));
    signal(&running, "TERM");
    assert_eq!(ending_signal(running), None);
}
