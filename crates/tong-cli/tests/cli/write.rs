//! `tong mailslot write`.

use crate::place::{finish, signal, start, Place};
use std::io::Write;
use std::process::Stdio;

#[test]
fn each_line_of_standard_input_is_a_message() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "4", "--json"]);
    place
        .run_with_input(
            &["mailslot", "write", "box"],
            b"one\n\n\xff\r\nlast without end",
        )
        .expect_code(0);
    let records = finish(reader).expect_code(0).json();
    let bytes: Vec<_> = records
        .iter()
        .map(|record| record["bytes"].as_u64())
        .collect();
    assert_eq!(bytes, [Some(3), Some(0), Some(2), Some(16)]);
    assert_eq!(records[3]["message"], "last without end");
}

#[test]
fn messages_may_end_with_nul_bytes() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "3"]);
    place
        .run_with_input(&["mailslot", "write", "box", "--null"], b"a\nb\0\0c")
        .expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "a\\nb\n\nc\n");
}

#[test]
fn all_of_standard_input_may_be_one_message_even_an_empty_one() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "2"]);
    place
        .run_with_input(&["mailslot", "write", "box", "--whole"], b"a\nb\n")
        .expect_code(0);
    place
        .run_with_input(&["mailslot", "write", "box", "--whole"], b"")
        .expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "a\\nb\\n\n\n");
}

#[test]
fn a_message_may_look_like_a_flag() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "2"]);
    place.write("box", &["--json", "-n"]).expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "--json\n-n\n");
}

#[test]
fn m4_2_a_mailslot_that_does_not_exist_gives_exit_code_3() {
    let place = Place::new();
    let ran = place.write("box", &["x"]).expect_code(3);
    assert!(ran.err.contains(r"\\.\mailslot\box"), "{ran:?}");
    place
        .run(&["mailslot", "write", "box", "--wait", "100", "x"])
        .expect_code(3);
}

#[test]
fn m6_3_a_message_that_is_too_long_gives_exit_code_8() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--max-message", "4", "--count", "2"]);
    let ran = place
        .write("box", &["1234", "12345", "never sent"])
        .expect_code(8);
    assert!(ran.err.contains("1 message (4 bytes) went out"), "{ran:?}");
    place.write("box", &["end"]).expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "1234\nend\n");
}

#[test]
fn m6_6_a_full_queue_gives_exit_code_7_and_loses_nothing() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--quota", "65536", "--raw"]);
    signal(&reader, "STOP");
    let ran = place.run_with_input(&["mailslot", "write", "box"], "x".repeat(999).as_bytes());
    ran.expect_code(0);
    let line = format!("{}\n", "y".repeat(999));
    let ran = place
        .run_with_input(&["mailslot", "write", "box"], line.repeat(4000).as_bytes())
        .expect_code(7);
    let words: Vec<_> = ran.err.split_whitespace().collect();
    let sent: usize = words[1].parse().expect("tong: N messages went out");
    assert!((10..4000).contains(&sent), "{ran:?}");
    signal(&reader, "CONT");
    let mut reader = reader;
    let mut out = std::io::BufReader::new(reader.child.stdout.take().expect("a pipe"));
    let mut read = vec![0; 999 * (sent + 1)];
    std::io::Read::read_exact(&mut out, &mut read).expect("all that was sent");
    signal(&reader, "KILL");
    finish(reader);
    assert!(
        read[..999].iter().all(|byte| *byte == b'x')
            && read[999..].iter().all(|byte| *byte == b'y')
    );
}

#[test]
fn m8_6_a_mailslot_that_goes_away_gives_exit_code_9() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "1"]);
    let mut writer = start(
        place
            .tong(&["mailslot", "write", "box"])
            .stdin(Stdio::piped()),
    );
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    stdin.write_all(b"one\n").expect("it reads");
    assert_eq!(finish(reader).expect_code(0).text(), "one\n");
    stdin.write_all(b"two\n").expect("it reads");
    drop(stdin);
    finish(writer).expect_code(9);
}

#[test]
fn m1_4_messages_outlive_their_writer() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "3"]);
    signal(&reader, "STOP");
    for message in ["a", "b", "c"] {
        place.write("box", &[message]).expect_code(0);
    }
    signal(&reader, "CONT");
    assert_eq!(finish(reader).expect_code(0).text(), "a\nb\nc\n");
}

#[test]
fn waits_for_a_mailslot_when_told_to() {
    let place = Place::new();
    let args = ["mailslot", "write", "late", "--wait", "30000", "hello"];
    let writer = start(&mut place.tong(&args));
    let reader = place.run(&[
        "mailslot",
        "read",
        "late",
        "--count",
        "1",
        "--timeout",
        "30000",
    ]);
    assert_eq!(reader.expect_code(0).text(), "hello\n");
    finish(writer).expect_code(0);
}

#[test]
fn utf16_needs_text() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "1"]);
    place
        .run_with_input(&["mailslot", "write", "box", "--utf16"], b"\xff\n")
        .expect_code(2);
    place
        .run(&["mailslot", "write", "box", "--utf16", "ab"])
        .expect_code(0);
    assert_eq!(finish(reader).expect_code(0).text(), "a\\0b\\0\n");
}
