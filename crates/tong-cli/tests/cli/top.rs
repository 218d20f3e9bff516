//! `tong top` without a screen, and what it does to a terminal.

use crate::place::{eventually, finish, first_line, signal, start, Place, PATIENCE};
use crate::screen::Screen;
use crate::stuck::Stuck;
use nix::sys::signal::{kill, Signal};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

/// The looks that `tong top --json` prints.
fn looks(place: &Place, args: &[&str]) -> Vec<Value> {
    let all = [&["top", "--json"], args].concat();
    place.run(&all).expect_code(0).json()
}

fn named<'a>(look: &'a Value, name: &str) -> &'a Value {
    let objects = look["objects"].as_array().expect("objects");
    let found = objects.iter().find(|object| object["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {look}"))
}

#[test]
fn an_empty_namespace_is_a_line_each_time() {
    let place = Place::new();
    let ran = place
        .run(&["top", "--count", "2", "--interval", "20ms"])
        .expect_code(0);
    assert_eq!(ran.text().matches("0 objects").count(), 2, "{ran:?}");
    assert!(!ran.text().contains('\x1b'), "{ran:?}");
    let looks = looks(&place, &["-n", "3", "-i", "20ms"]);
    assert_eq!(looks.len(), 3);
    assert_eq!(looks[2]["objects"], Value::Array(Vec::new()));
}

#[test]
fn json_has_objects_as_ls_has_them_and_rates_from_the_second_look_on() {
    let place = Place::new();
    let reader = place.start_reader(&["box"]);
    let mut writer = start(
        place
            .tong(&["mailslot", "write", "box"])
            .stdin(Stdio::piped()),
    );
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    let mut top = start(&mut place.tong(&["top", "--json", "--interval", "100ms"]));
    let look = |top: &mut _| -> Value { serde_json::from_str(&first_line(top)).expect("JSON") };
    let first = look(&mut top);
    let object = named(&first, r"\\.\mailslot\box");
    assert_eq!(object["kind"], "mailslot");
    assert_eq!(object["owner_pid"], reader.child.id());
    assert_eq!(object["rates"], Value::Null);
    eventually("messages are counted", || {
        stdin.write_all(b"tick\n").expect("it reads");
        let rates = named(&look(&mut top), r"\\.\mailslot\box")["rates"].clone();
        rates["messages"].as_f64() > Some(0.0) && rates["bytes_in"].as_f64() > Some(0.0)
    });
    drop(stdin);
    finish(writer).expect_code(0);
}

#[test]
fn a_deadlock_is_told_with_its_threads() {
    let place = Place::new();
    let stuck = Stuck::start(&place);
    let pids = stuck.pids();
    let look = looks(&place, &["-n", "1"]).remove(0);
    let deadlocks = look["deadlocks"].as_array().expect("deadlocks");
    assert_eq!(deadlocks.len(), 1, "{look}");
    assert_eq!(deadlocks[0]["will_end"], false);
    let threads = deadlocks[0]["threads"].as_array().expect("threads");
    let mut ring: Vec<u64> = threads.iter().filter_map(|it| it[0].as_u64()).collect();
    ring.sort_unstable();
    let mut expected = pids.map(u64::from);
    expected.sort_unstable();
    assert_eq!(ring, expected);
    let waits = look["waits"].as_array().expect("waits");
    let wait = waits
        .iter()
        .find(|wait| wait["pid"] == pids[0])
        .expect("the left one waits");
    assert_eq!(wait["waits_for"], "mutex right");
    assert_eq!(wait["deadlock"], 0);
    assert!(
        wait["held_by"]
            .as_str()
            .is_some_and(|who| who.starts_with(&pids[1].to_string())),
        "{wait}"
    );
    let processes = look["processes"].as_array().expect("processes");
    let left = processes.iter().find(|it| it["pid"] == pids[0]);
    let left = left.expect("the left one uses tong");
    assert_eq!(
        (&left["owns"], &left["deadlocked"]),
        (&1.into(), &true.into())
    );

    let plain = place.run(&["top", "--count", "1"]).expect_code(0);
    assert!(
        plain.text().contains("deadlock of 2 for ever")
            && plain.text().contains("WAITS FOR")
            && plain.text().contains("┌>"),
        "{plain:?}"
    );
    drop(stuck);
}

#[test]
fn a_view_and_a_filter_leave_out_the_rest() {
    let place = Place::new();
    let _ready = place.keep("event", "ready", &[]);
    let _build = place.keep("mutex", "build", &[]);
    let all = [
        "top",
        "-n",
        "1",
        "--view",
        "objects",
        "--filter",
        "EVENT rea",
    ];
    let ran = place.run(&all).expect_code(0);
    assert!(
        ran.text().contains("ready") && !ran.text().contains("build"),
        "{ran:?}"
    );
    assert!(!ran.text().contains("COMMAND"), "{ran:?}");
    let look = looks(&place, &["-n", "1", "--filter", "build mutex"]).remove(0);
    assert_eq!(look["objects"].as_array().map(Vec::len), Some(1), "{look}");
}

#[test]
fn times_and_counts_that_make_no_sense_are_refused() {
    let place = Place::new();
    for args in [
        &["--interval", "0"][..],
        &["--interval", "soon"],
        &["--count", "0"],
        &["--plain", "--json"],
        &["--view", "everything"],
    ] {
        place.run(&[&["top"], args].concat()).expect_code(2);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new();
    let mut top = start(&mut place.tong(&["top", "--interval", "20ms"]));
    first_line(&mut top);
    drop(top.child.stdout.take());
    let ran = finish(top).expect_code(0);
    assert_eq!(ran.err, "");
}

#[test]
fn signals_end_it_without_a_screen_as_usual() {
    let place = Place::new();
    let mut top = start(&mut place.tong(&["top", "--json"]));
    first_line(&mut top);
    signal(&top, "TERM");
    assert_eq!(crate::place::ending_signal(top), Some(15));
}

/// Is the terminal as it was: no second screen, a cursor, keys that are shown and made into lines?
fn is_given_back(screen: &Screen) {
    assert_eq!(
        screen.ask("#{alternate_on} #{cursor_flag}"),
        "0 1",
        "{}",
        screen.text()
    );
    screen.wait_until("the cooked mode", |_| {
        let settings = screen.settings();
        [" icanon ", " echo ", " isig "]
            .iter()
            .all(|it| settings.contains(it))
    });
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    for (end, code) in [
        ("q", 0),
        ("C-c", 0),
        ("TERM", 143),
        ("HUP", 129),
        ("INT", 130),
    ] {
        let place = Place::new();
        let Some(screen) = Screen::start(&place, (80, 24), &["top"]) else {
            return;
        };
        screen.wait_for("There are no objects");
        assert_eq!(screen.ask("#{alternate_on}"), "1");
        match end {
            "q" | "C-c" => screen.keys(&[end]),
            _ => {
                let pid = nix::unistd::Pid::from_raw(screen.pid());
                let signal = format!("SIG{end}").parse::<Signal>().expect("a signal");
                kill(pid, signal).expect("it runs");
            }
        }
        assert_eq!(screen.code(), code, "{end}");
        is_given_back(&screen);
    }
}

/// Stopped by Ctrl-Z it leaves the terminal to the prompt, and has all of it again when it goes on.
#[test]
fn ctrl_z_stops_it_and_fg_brings_it_back() {
    let place = Place::new();
    let _keeper = place.keep("event", "ready", &[]);
    let Some(screen) = Screen::start(&place, (100, 24), &["prompt"]) else {
        return;
    };
    screen.type_text("tong top");
    screen.keys(&["Enter"]);
    screen.wait_for("1 Objects 1");
    screen.keys(&["C-z"]);
    screen.wait_for("stopped");
    assert_eq!(screen.ask("#{alternate_on}"), "0", "{}", screen.text());
    screen.type_text("fg");
    screen.keys(&["Enter"]);
    screen.wait_for("1 Objects 1");
    assert_eq!(screen.ask("#{alternate_on}"), "1");
    screen.keys(&["q"]);
    screen.wait_until("the prompt", |text| !text.contains("1 Objects 1"));
    screen.type_text("exit 7");
    screen.keys(&["Enter"]);
    assert_eq!(screen.code(), 7);
}

#[test]
fn a_change_of_size_is_drawn_at_once() {
    let place = Place::new();
    let _keeper = place.keep("event", "ready", &[]);
    let args = ["top", "--interval", "1h"];
    let Some(screen) = Screen::start(&place, (100, 24), &args) else {
        return;
    };
    screen.wait_for("OPEN");
    screen.resize((40, 10));
    screen.wait_until("fewer columns", |text| {
        text.contains("ready") && !text.contains("OPEN") && text.lines().count() == 10
    });
    screen.resize((120, 30));
    screen.wait_until("more columns again", |text| {
        text.contains("OPEN") && text.lines().count() == 30
    });
    screen.keys(&["q"]);
    assert_eq!(screen.code(), 0);
}

#[test]
fn without_a_terminal_that_can_draw_it_prints() {
    let place = Place::new();
    let args = ["top", "--count", "1", "--view", "objects"];
    let dumb = [("TERM", "dumb")];
    let Some(screen) = Screen::start_in(&place, (100, 24), &dumb, &args) else {
        return;
    };
    assert_eq!(screen.code(), 0);
    assert!(screen.text().contains("0 objects"), "{}", screen.text());
}

#[test]
fn a_process_is_killed_after_yes_and_only_then() {
    let place = Place::new();
    let mut keeper = place.keep("event", "ready", &[]);
    let pid = keeper.child.id();
    let question = format!("Kill process {pid} (tong)");
    let args = ["top", "--interval", "100ms"];
    let Some(screen) = Screen::start(&place, (110, 24), &args) else {
        return;
    };
    screen.wait_for("ready");
    screen.keys(&["Enter"]);
    screen.wait_for("holder");
    for answer in ["n", "Escape", "Enter"] {
        screen.keys(&["k"]);
        screen.wait_for(&question);
        screen.keys(&[answer]);
        screen.wait_for("nothing was killed");
    }
    assert!(keeper.child.try_wait().expect("its state").is_none());
    screen.keys(&["k"]);
    screen.wait_for(&question);
    screen.keys(&["y"]);
    let begun = std::time::Instant::now();
    while keeper.child.try_wait().expect("its state").is_none() {
        assert!(begun.elapsed() < PATIENCE, "it is killed");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    screen.wait_for("dead");
    screen.keys(&["q"]);
    assert_eq!(screen.code(), 0);
}

/// Whoever dies between the question and the answer is not mistaken for another.
#[test]
fn a_process_that_ends_before_the_answer_is_told() {
    let place = Place::new();
    let keeper = place.keep("event", "ready", &[]);
    let args = ["top", "--interval", "1h"];
    let Some(screen) = Screen::start(&place, (110, 24), &args) else {
        return;
    };
    screen.wait_for("ready");
    screen.keys(&["Enter", "k"]);
    screen.wait_for("Kill process");
    signal(&keeper, "KILL");
    finish(keeper);
    screen.keys(&["y"]);
    screen.wait_for("ended already");
    screen.keys(&["q"]);
    assert_eq!(screen.code(), 0);
}
