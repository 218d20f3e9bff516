//! `tong tour`.

use crate::golden;
use crate::place::{eventually, finish, signal, start, Place};
use crate::screen::Screen;

/// The tour's directories that exist at the moment.
fn directories(place: &Place) -> usize {
    let names = std::fs::read_dir(place.dir.path()).expect("a directory");
    names
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("tong-tour-")
        })
        .count()
}

#[test]
fn everything_it_promises_is_so_and_nothing_is_left() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast", "--plain"]);
    let text = ran.text();
    assert_eq!(ran.code, Some(0), "{}{text}", ran.err);
    assert!(text.is_ascii() && !text.contains("FAILED"), "{text}");
    assert!(text.contains("bee       is killed (SIGKILL)"), "{text}");
    assert!(text.contains("receiver  reads \"bee: honey 8\""), "{text}");
    for fact in [
        "manager   sees exit code 259 of 1-5",
        "manager   sees exit code 5050 of 1-100",
        "abandoned!",
        "manager   sees exit code 7700077 of guest",
        "cat       busy (231)",
        "bee       = 24 (234)",
        "cat       109: broken",
        "manager   ant bee cat",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
    assert_eq!(ran.err, "");
    assert_eq!(directories(&place), 0);
}

#[test]
fn lanes_have_no_colours_in_a_pipe_and_fit_80_columns() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast"]);
    let text = ran.text();
    assert_eq!(ran.code, Some(0), "{}{text}", ran.err);
    assert!(
        text.contains('│') && text.contains("← ant: leaf 1") && !text.contains('\x1b'),
        "{text}"
    );
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
}

#[test]
fn a_tour_that_is_killed_leaves_neither_directory_nor_process() {
    let place = Place::new();
    let tour = start(&mut place.tong(&["tour"]));
    eventually("the tour makes its directory", || directories(&place) == 1);
    signal(&tour, "KILL");
    // The processes of the tour hold its output open, so this also waits for their end.
    finish(tour);
    eventually("the broom sweeps", || directories(&place) == 0);
}

/// What is different each time: process ids, times, and how wide they make a table.
const MASKS: [(&str, &str); 8] = [
    ("(process #)", "(process PID)"),
    ("process #,", "process PID,"),
    ("handles #", "handles PID"),
    ("lp # #", "lp PID PID"),
    ("0xc000013a #", "0xc000013a PID"),
    (" after # us", " after TIME"),
    (" after # ms", " after TIME"),
    ("instance # is free", "instance N is free"),
];

/// The acts in which several do something at the same time.
const FREE: [&str; 4] = [
    "All three write at once",
    "The bee waits; the cat releases",
    "One that stays signaled",
    "The ant and the cat listen",
];

/// A screen or output of a tour without what is different each time.
fn masked(text: &str) -> String {
    let lines = golden::mask(text, &MASKS);
    let lines: Vec<String> = lines.lines().map(without_time).collect();
    lines.join("\n") + "\n"
}

/// The line without the time at its beginning, or a row of a table of processes without what stands in it.
fn without_time(line: &str) -> String {
    let text = line.trim_start();
    if text.starts_with("PID  ") || text.ends_with("  tong") {
        return "    ROW".to_owned();
    }
    let word = text.split(' ').next().unwrap_or("");
    match word.contains('.') && word.parse::<f64>().is_ok() {
        true => {
            let (width, rest) = (line.len() - text.len() + word.len(), &text[word.len()..]);
            format!("{:>width$}{rest}", "TIME")
        }
        false => line.to_owned(),
    }
}

/// Puts what several do at the same time into an order.
fn in_order(text: &str) -> String {
    let (mut lines, mut together): (Vec<&str>, Vec<&str>) = Default::default();
    let mut is_free = false;
    for line in text.lines() {
        if line.starts_with("* ") {
            is_free = FREE.iter().any(|act| line.contains(act));
        }
        if is_free && line.trim_start().starts_with("TIME ") && !line.ends_with(" leaves") {
            together.push(line);
            continue;
        }
        together.sort_unstable();
        lines.append(&mut together);
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_plain_tour_is_as_it_is_kept() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast", "--plain"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.err, ran.text());
    golden::check("tour", &in_order(&masked(ran.text())));
}

#[test]
fn scenes_are_listed_with_number_and_name() {
    let ran = Place::new().run(&["tour", "--list"]).expect_code(0);
    let lines: Vec<&str> = ran.text().lines().skip(1).collect();
    for (number, line) in (1..).zip(&lines) {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some(&*format!("{number}")), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(lines.len() > 15, "{lines:?}");
}

/// In the order of the tour, and only those.
#[test]
fn scenes_can_be_asked_for_by_name_and_number() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast", "--plain", "--only", "Threads,5"]);
    let text = ran.expect_code(0);
    let text = text.text();
    assert!(text.starts_with("scene 1 of 2: mutexes\n"), "{text}");
    assert!(text.contains("scene 2 of 2: threads\n"), "{text}");
    assert!(text.contains("2 scenes seen"), "{text}");
    assert!(!text.contains("mailslots"), "{text}");
}

#[test]
fn a_scene_that_is_left_out_is_not_called_right() {
    let place = Place::new();
    let args = ["tour", "--fast", "--plain", "--only", "mutexes,threads"];
    let ran = place.run(&[&args[..], &["--skip", "mutexes"]].concat());
    let text = ran.expect_code(0);
    let text = text.text();
    assert!(text.contains("scene 1 of 1: threads"), "{text}");
    assert!(text.contains("skipped   mutexes"), "{text}");
    assert!(text.contains("1 scene skipped"), "{text}");
}

#[test]
fn an_unknown_scene_is_a_mistake_and_so_is_a_tour_without_scenes() {
    let place = Place::new();
    let ran = place.run(&["tour", "--only", "sections"]).expect_code(2);
    assert!(ran.err.contains("mailslots, pipes"), "{}", ran.err);
    let args = ["tour", "--only", "threads", "--skip", "threads"];
    assert!(place.run(&args).expect_code(2).err.contains("--skip"));
}

/// A shell that takes the tour, and notes how the terminal was before and after it.
fn at_terminal(place: &Place, size: (u16, u16), arguments: &str) -> Option<Screen> {
    let tong = env!("CARGO_BIN_EXE_tong");
    let script = format!(
        "trap : INT; stty -a >before; '{tong}' tour {arguments}; code=$?; stty -a >after; exit $code"
    );
    Screen::start(place, size, &["run", "-q", "sh", "-c", &script])
}

/// The terminal is as it was before the tour.
fn is_restored(place: &Place) -> bool {
    let [before, after] = ["before", "after"].map(|name| {
        let path = place.dir.path().join(name);
        std::fs::read_to_string(path).expect("the terminal's settings")
    });
    !before.is_empty() && before == after
}

#[test]
fn lanes_on_a_screen_are_as_they_are_kept() {
    let place = Place::new();
    let Some(screen) = at_terminal(&place, (80, 60), "--fast --only deadlocks") else {
        return;
    };
    screen.wait_for("1 scene seen");
    golden::check("tour-lanes", &masked(&screen.text()));
    let styled = screen.styled();
    assert!(styled.contains("{green}✓{}"), "{styled}");
    assert!(styled.contains("{bold red}✗ SIGKILL{}"), "{styled}");
    assert_eq!(screen.code(), 0);
    assert!(is_restored(&place));
}

#[test]
fn a_key_goes_on_with_the_next_scene_and_another_one_ends_the_tour() {
    let place = Place::new();
    let scenes = "--only mailslots,threads,timers";
    let Some(screen) = at_terminal(&place, (80, 60), scenes) else {
        return;
    };
    screen.wait_for("opens it");
    screen.keys(&["Space"]);
    screen.wait_for("2 of 3 ── timers");
    screen.keys(&["q"]);
    assert_eq!(screen.code(), 0);
    let text = screen.text();
    for skipped in ["mailslots", "threads", "timers"] {
        let row = format!("skipped   {skipped}");
        assert!(text.contains(&row), "{text}");
    }
    assert!(text.contains("0 scenes seen"), "{text}");
    assert!(is_restored(&place));
    assert_eq!(directories(&place), 0);
}

#[test]
fn ctrl_c_ends_the_tour_and_nothing_is_left() {
    let place = Place::new();
    let Some(screen) = at_terminal(&place, (80, 60), "--only mailslots") else {
        return;
    };
    screen.wait_for("opens it");
    screen.keys(&["C-c"]);
    assert_eq!(screen.code(), 130);
    assert!(is_restored(&place));
    eventually("the broom sweeps", || directories(&place) == 0);
}
