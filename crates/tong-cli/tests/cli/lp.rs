//! `tong lp`.

use crate::golden;
use crate::handles::{end, with_handles};
use crate::naps::{await_program, copy, in_pid_namespace, listed, unique, Nap};
use crate::place::{eventually, finish, start, Place};
use crate::screen::Screen;
use serde_json::{json, Value};
use std::path::Path;
use std::process::Command;

fn pids(records: &[Value]) -> Vec<String> {
    records
        .iter()
        .map(|record| record["pid"].to_string())
        .collect()
}

/// P-102: one line for each process, the command itself among them.
#[test]
fn every_process_has_a_line_and_so_has_the_command() {
    let place = Place::new();
    let mut lp = start(&mut place.tong(&["lp", "--json"]));
    let own = lp.child.id();
    let records = finish_running(&mut lp);
    let find = |pid: u32| records.iter().find(|record| record["pid"] == pid);
    let command = find(own).expect("the command itself");
    assert_eq!(command["program"], "tong");
    assert_eq!(command["parent"], std::process::id());
    assert_eq!(command["parent_running"], true);
    let test = find(std::process::id()).expect("this test");
    assert!(test["threads"].as_u64() > Some(1), "{test}");
    assert!(find(1).is_some());
    let all: Vec<_> = records
        .iter()
        .map(|record| record["pid"].as_u64())
        .collect();
    assert!(all.is_sorted_by(|one, next| one < next), "{all:?}");
}

fn finish_running(running: &mut crate::place::Running) -> Vec<Value> {
    let mut out = String::new();
    let mut stdout = running.child.stdout.take().expect("a pipe");
    std::io::Read::read_to_string(&mut stdout, &mut out).expect("its output");
    let lines = out
        .lines()
        .map(|line| serde_json::from_str(line).expect(line));
    lines.collect()
}

#[test]
fn a_process_is_told_with_its_user_memory_state_and_start() {
    let place = Place::new();
    let name = unique("told");
    let nap = Nap::start(&copy(&place, "sleep", &name));
    await_program(&place, &nap.pid(), &name);
    let is_asleep = |found: &Value| found["state"] == "sleeping" && found["memory_bytes"] != 0;
    eventually("it sleeps", || {
        listed(&place, &nap.pid(), &[])
            .as_ref()
            .is_some_and(is_asleep)
    });
    let found = listed(&place, &nap.pid(), &[]).expect("it runs");
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).expect("an answer");
    let user = user.map_or(uid.to_string(), |user| user.name);
    for (field, expected) in [
        ("parent", json!(std::process::id())),
        ("uid", json!(uid.as_raw())),
        ("user", json!(user)),
        ("threads", json!(1)),
        ("handles", json!(null)),
        ("signaled", json!(false)),
        ("kernel", json!(false)),
    ] {
        assert_eq!(found[field], expected, "{field} {found}");
    }
    let memory = found["memory_bytes"].as_u64().expect("a number");
    assert!((4096..1 << 30).contains(&memory), "{found}");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", nap.pid())).expect("it runs");
    let ticks = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(19));
    let ticks: f64 = ticks
        .and_then(|ticks| ticks.parse().ok())
        .expect("a number");
    let started = found["started_s"].as_f64().expect("a number");
    assert!((started - ticks / 100.0).abs() < 0.001, "{found}");
}

/// P-103: what is stopped is there; what has ended is not, whoever holds on to it, unless it is asked for.
#[test]
fn stopped_processes_are_listed_and_ended_ones_with_all() {
    let place = Place::new();
    let mut nap = Nap::start(&copy(&place, "sleep", &unique("stop")));
    nap.signal("STOP");
    eventually("it is stopped", || {
        listed(&place, &nap.pid(), &[]).is_some_and(|found| found["state"] == "stopped")
    });
    nap.child.kill().expect("it is ours");
    eventually("it has ended", || listed(&place, &nap.pid(), &[]).is_none());
    let found = listed(&place, &nap.pid(), &["--all"]).expect("nobody has waited for it");
    assert_eq!(
        (&found["state"], &found["signaled"]),
        (&json!("ended"), &json!(true))
    );
    assert!(!nap.runs());
    assert_eq!(listed(&place, &nap.pid(), &["--all"]), None);
}

/// P-98, P-70: programs of ours name their creator also after it ended, and it is not mistaken for one that runs.
#[test]
fn an_orphan_keeps_its_creator() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_tong");
    let args = ["run", program, "mailslot", "read", "box", "--count", "1"];
    let mut creator = start(&mut place.tong(&args));
    let pid = creator.child.id();
    place
        .run(&["mailslot", "write", "box", "--wait", "30s"])
        .expect_code(0);
    let child = || {
        let all = place.run(&["lp", "--json"]).expect_code(0).json();
        let child = all.into_iter().find(|it| it["parent"] == pid);
        child.expect("it runs")
    };
    let found = child();
    assert_eq!(found["parent_running"], true);
    creator.child.kill().expect("it is ours");
    creator.child.wait().expect("it ends");
    let orphan = child();
    assert_eq!(
        (&orphan["pid"], &orphan["started_s"]),
        (&found["pid"], &found["started_s"])
    );
    assert_eq!(orphan["parent_running"], false);
    place.write("box", &["end"]).expect_code(0);
}

#[test]
fn handles_are_counted_where_there_is_a_table() {
    let place = Place::new();
    let (worker, guest) = with_handles(&place);
    let pid = worker.child.id().to_string();
    let handles = |pid: &str| listed(&place, pid, &[]).expect("it runs")["handles"].clone();
    assert_eq!(handles(&pid), 3);
    assert_eq!(handles(&guest.to_string()), 1);
    let users = place.run(&["lp", "--tong", "--json"]).expect_code(0);
    let users = pids(&users.json());
    assert!(users.contains(&pid) && users.contains(&guest.to_string()));
    assert!(!users.contains(&std::process::id().to_string()));
    let row = place.run(&["lp", &pid]).expect_code(0);
    let row: Vec<_> = row.text().lines().skip(1).collect();
    let cells: Vec<_> = row[0].split_whitespace().collect();
    assert_eq!(cells[cells.len() - 3..], ["3", "no", "tong"]);
    end(guest);
    drop(worker);
}

#[test]
fn patterns_and_users_choose_who_is_shown() {
    let place = Place::new();
    let name = unique("chosen");
    let program = copy(&place, "sleep", &name);
    let naps = [Nap::start(&program), Nap::start(&program)];
    for nap in &naps {
        await_program(&place, &nap.pid(), &name);
    }
    let both = naps.each_ref().map(Nap::pid);
    let shown = |args: &[&str]| {
        let ran = place
            .run(&[&["lp", "--json"], args].concat())
            .expect_code(0);
        pids(&ran.json())
    };
    let part = &name[2..];
    assert_eq!(shown(&[&part.to_uppercase()]), both);
    assert_eq!(shown(&[&format!("c?*{}", &name[6..])]), both);
    assert_eq!(shown(&[&name, &both[0]]), both);
    assert_eq!(
        shown(&["--reverse", &name]),
        [both[1].clone(), both[0].clone()]
    );
    let user = nix::unistd::geteuid().to_string();
    assert_eq!(shown(&["--user", &user, &name]), both);
    place
        .run(&["lp", "--user", "4000000001", &name])
        .expect_code(3);
    let refused = place.run(&["lp", "--user", "no-such-user"]).expect_code(2);
    assert!(refused.err.contains("no-such-user"), "{refused:?}");
    let nobody = place.run(&["lp", &format!("{name}?")]).expect_code(3);
    assert!(nobody.err.contains("--all shows more"), "{nobody:?}");
}

#[test]
fn numbers_are_sorted_with_the_largest_first() {
    let place = Place::new();
    for (key, field) in [
        ("memory", "memory_bytes"),
        ("cpu", "cpu_ms"),
        ("started", "started_s"),
    ] {
        let ran = place.run(&["lp", "--json", "--sort", key]).expect_code(0);
        let numbers: Vec<_> = ran.json().iter().map(|it| it[field].as_f64()).collect();
        assert!(
            numbers.is_sorted_by(|one, next| one >= next),
            "{key} {numbers:?}"
        );
        let ran = place
            .run(&["lp", "--json", "--sort", key, "--reverse"])
            .expect_code(0);
        let numbers: Vec<_> = ran.json().iter().map(|it| it[field].as_f64()).collect();
        assert!(
            numbers.is_sorted_by(|one, next| one <= next),
            "{key} {numbers:?}"
        );
    }
    place.run(&["lp", "--sort", "beauty"]).expect_code(2);
}

#[test]
fn a_tree_shows_whoever_leads_to_what_is_wanted() {
    let place = Place::new();
    let name = unique("leaf");
    let program = copy(&place, "sleep", &name);
    let script = format!("{} 30 & wait", program.display());
    let host = Nap::by(Command::new(copy(&place, "sh", &unique("host"))).args(["-c", &script]));
    eventually("the leaf is there", || {
        place.run(&["lp", &name]).code == Some(0)
    });
    let ran = place.run(&["lp", "--tree", "--json", &name]).expect_code(0);
    let records = ran.json();
    let depth = |record: &Value| record["depth"].as_u64().expect("a depth");
    let [.., parent, leaf] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(leaf["program"], name.as_str());
    assert_eq!(leaf["parent"].to_string(), host.pid());
    assert_eq!(parent["pid"].to_string(), host.pid());
    assert_eq!(depth(leaf), depth(parent) + 1);
    let depths: Vec<_> = records.iter().map(depth).collect();
    assert!(
        depths.iter().copied().eq(0..depths.len() as u64),
        "just one branch: {depths:?}"
    );
    place.run(&["kp", "--yes", &name]).expect_code(0);
}

/// The whole output, as it is kept.
#[test]
fn tables_and_trees_of_a_small_world() {
    let place = Place::new();
    let shell = copy(&place, "sh", "host");
    copy(&place, "sleep", "nap");
    copy(&place, "sleep", "a-nap");
    // The shell looks whether its children have become what they shall be, without starting any more.
    let script = "./nap 60 & ./a-nap 61 & \
        while ! [ /proc/2/exe -ef ./nap ] || ! [ /proc/3/exe -ef ./a-nap ]; do :; done; \
        \"$TONG\" lp; echo; \"$TONG\" lp --tree --sort program; echo; \
        \"$TONG\" lp --all --tree --sort user --reverse nap; exit";
    let Some(mut command) = in_pid_namespace(&place, shell.to_str().expect("text"), script) else {
        return;
    };
    let ran = finish(start(&mut command)).expect_code(0);
    let sizes = [
        ("#.# MiB", "SIZE"),
        ("# KiB", "SIZE"),
        ("#.# KiB", "SIZE"),
        ("# B", "SIZE"),
    ];
    let text = golden::squeeze(&golden::mask(ran.text(), &sizes));
    golden::check("lp", &text);
}

#[test]
fn long_names_are_cut_at_the_edge_of_the_terminal() {
    let place = Place::new();
    let name = unique("a-program-with-a-name-that-no-terminal-of-seventy-columns-has-room-for");
    let program = copy(&place, "sleep", &name);
    let nap = Nap::start(&program);
    await_program(&place, &nap.pid(), &name);
    let Some(screen) = Screen::start(&place, (70, 20), &["lp", &nap.pid()]) else {
        return;
    };
    assert_eq!(screen.code(), 0);
    let text = screen.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[1].contains("  a-program-") && lines[1].ends_with('…'),
        "{text}"
    );
    assert_eq!(lines[1].chars().count(), 70, "{text}");
    let styled = screen.styled();
    assert!(
        styled.starts_with("{bold}") && styled.contains("PROGRAM{}"),
        "{styled}"
    );
    let piped = place.run(&["lp", &nap.pid()]).expect_code(0);
    assert!(
        piped.text().contains(&name) && !piped.text().contains('\x1b'),
        "{piped:?}"
    );
}

/// What a program is called can do nothing to the terminal.
#[test]
fn names_are_shown_harmlessly() {
    let place = Place::new();
    let odd = format!("{}-\x1b[2J\n\t", unique("odd"));
    let nap = Nap::start(&copy(&place, "sleep", &odd));
    await_program(&place, &nap.pid(), &odd);
    let ran = place.run(&["lp", &nap.pid()]).expect_code(0);
    assert!(ran.text().ends_with("-\\x1b[2J\\n\\t\n"), "{ran:?}");
    assert!(Path::new(&place.dir.path().join(&odd)).exists());
}
