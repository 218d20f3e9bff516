//! `tong mailslot read`.

use crate::place::{eventually, finish, signal, start, Place};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

#[test]
fn prints_one_message_a_line_in_the_order_of_writing() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "4"]);
    place.write("box", &["one", "two"]).expect_code(0);
    place.write("box", &["", "통"]).expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "one\ntwo\n\n통\n");
}

#[test]
fn every_form_of_a_name_is_the_same_mailslot() {
    let place = Place::new();
    let forms = [
        "a/Box",
        r"A\box",
        "//./mailslot/a/box",
        r"\\.\MAILSLOT\a\box.",
        r"\\.\mailslot\a//box",
    ];
    let reader = place.start_reader(&["a/box", "--count", "5"]);
    for form in forms {
        place.write(form, &["x"]).expect_code(0);
    }
    assert_eq!(finish(reader).expect_code(0).text(), "x\n".repeat(5));
}

#[test]
fn shows_bytes_that_are_no_text_as_escapes() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "1"]);
    place
        .run_with_input(
            &["mailslot", "write", "box", "--whole"],
            b"a\nb\0\xff\x1b[2J",
        )
        .expect_code(0);
    assert_eq!(
        finish(reader).expect_code(0).text(),
        "a\\nb\\0\\xff\\x1b[2J\n"
    );
}

#[test]
fn raw_output_is_the_bytes_and_nothing_else() {
    let place = Place::new();
    let message: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let reader = place.start_reader(&["box", "--count", "2", "--raw"]);
    for _ in 0..2 {
        place
            .run_with_input(&["mailslot", "write", "box", "--whole"], &message)
            .expect_code(0);
    }
    assert!(finish(reader).expect_code(0).out == [&message[..], &message[..]].concat());
}

#[test]
fn json_is_an_object_a_line_with_text_or_base64() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "3", "--json"]);
    place.write("box", &["say \"통\"\n", ""]).expect_code(0);
    place
        .run_with_input(&["mailslot", "write", "box", "--whole"], b"\xff\0")
        .expect_code(0);
    let records = finish(reader).expect_code(0).json();
    let field = |name: &str| {
        records
            .iter()
            .map(|record| record[name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        field("message"),
        [Some("say \"통\"\n"), Some(""), None].map(serde_json::Value::from)
    );
    assert_eq!(
        field("base64"),
        [None, None, Some("/wA=")].map(serde_json::Value::from)
    );
    assert_eq!(field("bytes"), [10, 0, 2].map(serde_json::Value::from));
    assert_eq!(field("number"), [1, 2, 3].map(serde_json::Value::from));
    let time = records[0]["time"].as_str().expect("a time");
    assert!(
        time.starts_with("20") && time.ends_with('Z') && time.len() == 27,
        "{time}"
    );
}

#[test]
fn utf16_messages_are_shown_as_text() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "2", "--utf16"]);
    place
        .run(&["mailslot", "write", "box", "--utf16", "통 \u{1f4ec}"])
        .expect_code(0);
    place.write("box", &["odd"]).expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "통 \u{1f4ec}\nodd\n");
}

#[test]
fn m7_10_without_a_message_in_time_the_exit_code_is_6() {
    let place = Place::new();
    let start = std::time::Instant::now();
    let ran = place
        .run(&["mailslot", "read", "box", "--timeout", "200"])
        .expect_code(6);
    assert!(start.elapsed().as_millis() >= 200);
    assert!(ran.out.is_empty() && ran.err.contains("200 ms"), "{ran:?}");
    place
        .run(&["mailslot", "read", "box", "--timeout", "0"])
        .expect_code(6);
}

#[test]
fn m3_3_a_name_that_is_taken_gives_exit_code_4() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "1"]);
    let ran = place
        .run(&["mailslot", "read", "BOX", "--timeout", "0"])
        .expect_code(4);
    assert!(ran.err.contains(r"\\.\mailslot\BOX"), "{ran:?}");
    place.write("box", &["still there"]).expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "still there\n");
}

#[test]
fn m1_8_a_killed_reader_leaves_the_name_free() {
    let place = Place::new();
    for _ in 0..3 {
        let reader = place.start_reader(&["box"]);
        signal(&reader, "KILL");
        assert_eq!(finish(reader).code, None);
        place.write("box", &["x"]).expect_code(3);
    }
    place
        .run(&["mailslot", "read", "box", "--timeout", "0"])
        .expect_code(6);
}

#[test]
fn ctrl_c_ends_it_as_shells_expect() {
    let place = Place::new();
    // A test runner in the background may have SIGINT ignored, which its children would inherit.
    let by = ["env", "--default-signal=INT"];
    let mut reader = start(&mut place.tong_by(&by, &["mailslot", "read", "box"]));
    place
        .run(&["mailslot", "write", "box", "--wait", "30000", "hello"])
        .expect_code(0);
    let mut line = String::new();
    let mut out = std::io::BufReader::new(reader.child.stdout.take().expect("a pipe"));
    std::io::BufRead::read_line(&mut out, &mut line).expect("a line");
    assert_eq!(line, "hello\n");
    signal(&reader, "INT");
    // Ended by signal 2, which a shell shows as 130.
    assert_eq!(reader.child.wait().expect("it ends").signal(), Some(2));
}

#[test]
fn an_output_that_nobody_reads_ends_it_quietly() {
    let place = Place::new();
    let mut reader = place.start_reader(&["box"]);
    drop(reader.child.stdout.take());
    // Children that other tests start at this moment hold our end of the pipe too, until they become other programs.
    eventually("it notices that nobody reads", || {
        place.write("box", &["x"]);
        reader.child.try_wait().expect("its state").is_some()
    });
    let ran = finish(reader).expect_code(0);
    assert_eq!(ran.err, "");
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let reader = start(
        place
            .tong(&["mailslot", "read", "box"])
            .stdout(Stdio::from(full)),
    );
    place
        .run(&["mailslot", "write", "box", "--wait", "30000", "x"])
        .expect_code(0);
    let ran = finish(reader).expect_code(1);
    assert!(ran.err.contains("standard output"), "{ran:?}");
}

#[test]
fn names_that_are_not_valid_give_exit_code_2() {
    let place = Place::new();
    let long = "x".repeat(300);
    for name in [
        "",
        ".",
        "../pipe/x",
        r"\\.\pipe\x",
        &long,
        r"\.mailslotbox",
        r"\.\mailslot\box",
    ] {
        let ran = place
            .run(&["mailslot", "read", name, "--timeout", "0"])
            .expect_code(2);
        assert!(ran.out.is_empty(), "{ran:?}");
    }
    let eaten = place.run(&["mailslot", "read", r"\.mailslotbox", "--timeout", "0"]);
    assert!(eaten.err.contains("//./mailslot/NAME"), "{eaten:?}");
}

#[test]
fn m11_11_other_machines_are_refused() {
    let place = Place::new();
    let ran = place.write("//*/mailslot/box", &["x"]).expect_code(1);
    assert!(ran.err.contains("another machine"), "{ran:?}");
}

#[test]
fn command_lines_that_make_no_sense_give_exit_code_2() {
    let place = Place::new();
    for args in [
        &["mailslot", "read"][..],
        &["mailslot", "read", "box", "--count", "0"],
        &["mailslot", "read", "box", "--timeout", "soon"],
        &["mailslot", "read", "box", "--json", "--raw"],
        &["mailslot", "write", "box", "x", "--whole"],
        &["mailslot", "burn"],
        &["no-such-command"],
    ] {
        place.run(args).expect_code(2);
    }
}
