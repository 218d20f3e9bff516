//! Pipes in `tong pipe ls`, `tong pipe info`, `tong ls` and `tong gc`.

use crate::pipe::serve;
use crate::place::{eventually, finish, first_line, signal, start, Place, Running};
use serde_json::{json, Value};
use std::io::Write;
use std::process::Stdio;

fn connect(place: &Place) -> Running {
    let args = ["pipe", "connect", "x", "--wait", "30000"];
    start(place.tong(&args).stdin(Stdio::piped()))
}

fn pipe(place: &Place) -> Value {
    let mut records = place.run(&["pipe", "ls", "--json"]).expect_code(0).json();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn without_pipes_nothing_is_listed() {
    let place = Place::new();
    for args in [&["pipe", "ls"][..], &["pipe", "ls", "--json"]] {
        let ran = place.run(args).expect_code(0);
        assert!(ran.out.is_empty() && ran.err.is_empty(), "{ran:?}");
    }
}

/// P4.4, P8.x: what is seen from outside is what there is.
#[test]
fn a_pipe_is_listed_with_its_instances_and_both_processes() {
    let place = Place::new();
    let server = serve(
        &place,
        &["--message", "--echo", "-i", "3", "--buffer", "5000"],
    );
    // Other threads of the server make them.
    eventually("all instances are there", || {
        pipe(&place)["instance_count"] == 3
    });
    let mut client = connect(&place);
    let stdin = client.child.stdin.as_mut().expect("a pipe");
    stdin.write_all(b"hello\n").expect("it reads");
    assert_eq!(first_line(&mut client), "hello");

    let record = pipe(&place);
    for (field, expected) in [
        ("kind", json!("pipe")),
        ("name", json!(r"\\.\pipe\x")),
        ("state", json!("live")),
        ("type", json!("message")),
        ("direction", json!("duplex")),
        ("in_use", json!(1)),
        ("max_instances", json!(null)),
        ("default_timeout_ms", json!(50)),
        ("queued_in", json!(0)),
        ("queued_out", json!(0)),
        ("owner_pid", json!(server.child.id())),
    ] {
        assert_eq!(record[field], expected, "{field} {record}");
    }
    let instances = record["instances"].as_array().expect("a list");
    let used: Vec<_> = instances
        .iter()
        .filter(|it| it["state"] == "connected")
        .collect();
    assert_eq!(used.len(), 1, "{record}");
    assert_eq!(used[0]["client_pid"], json!(client.child.id()));
    assert_eq!(used[0]["in_quota"], json!(5000));
    for instance in instances {
        assert_eq!(instance["server_pid"], json!(server.child.id()));
    }

    let table = place.run(&["pipe", "ls"]).expect_code(0);
    let lines: Vec<_> = table.text().lines().collect();
    assert!(
        lines[0].starts_with("NAME") && lines.len() == 2,
        "{table:?}"
    );
    let (server_pid, client_pid) = (server.child.id().to_string(), client.child.id().to_string());
    for part in [
        r"\\.\pipe\x",
        "1 of 3",
        "any",
        "message",
        "duplex",
        &server_pid,
        &client_pid,
    ] {
        assert!(lines[1].contains(part), "{part} {table:?}");
    }
    let list = place.run(&["ls"]).expect_code(0);
    assert!(
        list.text().contains("pipe") && list.text().contains("1 of 3 in use"),
        "{list:?}"
    );
    assert_eq!(
        place.run(&["ls", "--json"]).json(),
        place.run(&["pipe", "ls", "--json"]).json()
    );

    assert_eq!(
        place.run(&["pipe", "info", "X", "--json"]).json()[0],
        record
    );
    let info = place.run(&["pipe", "info", "//./pipe/x"]).expect_code(0);
    assert!(
        info.text().contains("message pipe, duplex") && info.text().contains(&client_pid),
        "{info:?}"
    );
    finish(client);
}

/// What a server that stands still has not read is seen from outside.
#[test]
fn unread_bytes_are_shown() {
    let place = Place::new();
    let server = serve(&place, &["--message"]);
    let mut client = connect(&place);
    // What is queued can be seen once the server has met the client.
    eventually("the client is in", || {
        let record = pipe(&place);
        record["in_use"] == 1 && record["queued_in"] == 0
    });
    signal(&server, "STOP");
    let stdin = client.child.stdin.as_mut().expect("a pipe");
    stdin.write_all(b"one\nthree\n").expect("it reads");
    eventually("both messages are queued", || {
        pipe(&place)["queued_in"] == 8
    });
    let table = place.run(&["pipe", "ls"]).expect_code(0);
    assert!(table.text().contains("8 in, 0 out"), "{table:?}");
    signal(&server, "CONT");
    eventually("both are read", || pipe(&place)["queued_in"] == 0);
    drop(client);
}

/// P10.15: what a killed server left is dead, and goes.
#[test]
fn gc_removes_what_a_killed_server_left() {
    let place = Place::new();
    let server = serve(&place, &["--echo", "-i", "2"]);
    assert_eq!(place.run(&["gc"]).expect_code(0).text(), "");
    signal(&server, "KILL");
    finish(server);
    let dead = pipe(&place);
    assert_eq!(
        (&dead["state"], &dead["name"]),
        (&json!("dead"), &json!(r"\\.\pipe\x"))
    );
    assert!(place.run(&["pipe", "ls"]).text().contains("dead"));
    place.run(&["pipe", "info", "x"]).expect_code(3);
    let did = place.run(&["gc"]).expect_code(0);
    assert_eq!(did.text(), "removed what is left of \\\\.\\pipe\\x\n");
    assert_eq!(place.run(&["ls"]).expect_code(0).text(), "");
}
