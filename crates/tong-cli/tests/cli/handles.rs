//! `tong handles`.

use crate::place::{finish, first_line, start, Place, Running};
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

/// A process with three handles: a mutex, an event that children inherit, and a semaphore; and its child.
///
/// It is a process of the tour, which has what this needs.
pub(crate) fn with_handles(place: &Place) -> (Running, u64) {
    let mut worker = start(
        place
            .tong(&["tour-actor", "worker", "x"])
            .stdin(Stdio::piped()),
    );
    let stdin = worker.child.stdin.as_mut().expect("a pipe");
    stdin
        .write_all(b"{\"Work\":{\"Turn\":{\"Prepare\":1}}}\n{\"Work\":{\"Hand\":\"Invite\"}}\n")
        .expect("it reads");
    first_line(&mut worker);
    let started: serde_json::Value =
        serde_json::from_str(&first_line(&mut worker)).expect("a report");
    let guest = started["did"]["Start"][1].as_u64().expect("a process id");
    (worker, guest)
}

/// Ends the child, which would wait for its event for a while and keep the worker's output open.
pub(crate) fn end(guest: u64) {
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &guest.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn a_process_without_a_table_is_told() {
    let place = Place::new();
    let own = std::process::id().to_string();
    for pid in [&*own, "4194305"] {
        let ran = place.run(&["handles", pid]).expect_code(3);
        assert!(
            ran.err.contains("no handle table") && ran.err.contains(pid),
            "{ran:?}"
        );
    }
    place.run(&["handles", "x"]).expect_code(2);
    place.run(&["handles"]).expect_code(2);
}

#[test]
fn each_handle_has_its_value_kind_name_rights_and_flags() {
    let place = Place::new();
    let (worker, guest) = with_handles(&place);
    let pid = worker.child.id().to_string();
    let records = place
        .run(&["handles", &pid, "--json"])
        .expect_code(0)
        .json();
    let field =
        |name: &str| -> Vec<_> { records.iter().map(|record| record[name].clone()).collect() };
    assert_eq!(field("kind"), ["mutex", "event", "semaphore"]);
    assert_eq!(
        field("name"),
        [json!(null), json!("tour-gate"), json!("tour-seats")]
    );
    assert_eq!(field("rights"), ["0x001f0001", "0x001f0003", "0x001f0003"]);
    assert_eq!(field("inherit"), [false, true, false]);
    assert_eq!(field("protect_from_close"), [false; 3]);
    assert_eq!(field("rights_names")[1], json!(["EVENT_ALL_ACCESS"]));
    for record in &records {
        let value = record["value"].as_u64().expect("a number");
        assert!(value > 0 && value % 4 == 0, "{record}");
        assert_eq!(record["hex"], format!("{value:#x}"));
    }

    let table = place.run(&["handles", &pid]).expect_code(0);
    let rows: Vec<Vec<_>> = table
        .text()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["HANDLE", "KIND", "NAME", "RIGHTS", "FLAGS"]);
    assert_eq!(
        rows[1][1..],
        ["mutex", "-", "0x001f0001", "MUTEX_ALL_ACCESS", "-"]
    );
    assert_eq!(
        rows[2][1..],
        [
            "event",
            "tour-gate",
            "0x001f0003",
            "EVENT_ALL_ACCESS",
            "inherit"
        ]
    );
    assert_eq!(rows.len(), 4);
    end(guest);
    finish(worker).expect_code(0);
}

#[test]
fn a_child_has_the_inherited_handle_under_the_same_value() {
    let place = Place::new();
    let (worker, guest) = with_handles(&place);
    let pid = worker.child.id().to_string();
    let own = place.run(&["handles", &pid, "--json"]).json();
    let inherited = place
        .run(&["handles", &guest.to_string(), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(inherited, [own[1].clone()]);
    end(guest);
    drop(worker);
}
