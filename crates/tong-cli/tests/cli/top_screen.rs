//! The screens of `tong top`, as they are kept in `golden/`.

use crate::golden;
use crate::place::{Place, Running};
use crate::screen::Screen;
use crate::stuck::Stuck;

const SIZE: (u16, u16) = (120, 20);

/// Puts words in the place of what is different each time. Words for people are short, so that columns keep their gaps.
fn masked(screen: &str, place: &Place, people: &[(&Running, &str)]) -> String {
    let names = place.dir.path().join("names");
    let times = [
        (names.to_str().expect("a path"), "NAMES"),
        ("  every 1 s, cost #.# %", "  every 1 s, cost COST %"),
        ("#-#-#T#:#:#.#Z (# s ago)", "MOMENT (AGE ago)"),
        ("started   # s", "started   AGE"),
        ("  #.# s", "  TIME"),
        ("  # ms", "  TIME"),
        ("  # us", "  TIME"),
        ("  # s", "  AGE"),
        ("}# ms{", "}TIME{"),
        ("}#.# s{", "}TIME{"),
        ("#.# MiB", "MEMORY"),
    ];
    let mut text = golden::mask(screen, &times);
    let own = std::process::id().to_string();
    for (running, word) in people {
        let pid = running.child.id().to_string();
        let thread = (format!("{pid}/#"), format!("{word}/T"));
        text = golden::mask(&text, &[(&thread.0, &thread.1), (&pid, word)]);
    }
    golden::mask(
        &text,
        &[
            (&own, "TEST"),
            ("cli-*", "worker"),
            ("Processes #  3 Waits #", "Processes N  3 Waits N"),
            ("2 Processes #", "2 Processes N"),
            ("user      *", "user      USER"),
            ("threads   #", "threads   N"),
            ("by user #", "by user USER"),
        ],
    )
}

fn top(place: &Place) -> Option<Screen> {
    let screen = Screen::start(place, SIZE, &["top"])?;
    // Rates are known from the second look on, and so is the cost.
    screen.wait_for("cost");
    Some(screen)
}

#[test]
fn objects_of_every_kind() {
    let place = Place::new();
    let ready = place.keep("event", "ready", &["--manual"]);
    let build = place.keep("mutex", "build", &[]);
    let seats = place.keep("semaphore", "seats", &["--initial", "2", "--max", "3"]);
    let tick = place.keep("timer", "tick", &[]);
    let reader = place.start_reader(&["box"]);
    let server = crate::pipe::serve(&place, &["--echo"]);
    let people = [
        (&ready, "E"),
        (&build, "M"),
        (&seats, "S"),
        (&tick, "T"),
        (&reader, "READ"),
        (&server, "SERV"),
    ];
    let Some(screen) = top(&place) else { return };
    let objects = masked(&screen.text(), &place, &people);
    golden::check("top-objects", &objects);

    screen.keys(&["/"]);
    screen.type_text("MU build");
    screen.wait_for("1 of 6");
    golden::check("top-filter", &masked(&screen.text(), &place, &people));
}

#[test]
fn an_empty_namespace() {
    let place = Place::new();
    let Some(screen) = top(&place) else { return };
    golden::check("top-empty", &masked(&screen.text(), &place, &[]));
}

#[test]
fn a_deadlock_and_the_process_behind_it() {
    let place = Place::new();
    let stuck = Stuck::start(&place);
    let people = [(&stuck.left, "L"), (&stuck.right, "R")];
    let Some(screen) = top(&place) else { return };
    // The name of this program is a long one.
    screen.resize((160, 12));
    screen.keys(&["3"]);
    screen.wait_for("WAITS FOR");
    // How wide the columns are depends on how long the numbers are.
    for (name, shown) in [
        ("top-waits", screen.text()),
        ("top-waits-styled", screen.styled()),
    ] {
        let shown = masked(&shown, &place, &people);
        golden::check(name, &golden::squeeze(&shown));
    }
}

#[test]
fn a_process_with_its_handles() {
    let place = Place::new();
    let (worker, guest) = crate::handles::with_handles(&place);
    let Some(screen) = top(&place) else { return };
    screen.keys(&["/"]);
    screen.type_text("tour-gate");
    screen.keys(&["Enter"]);
    screen.wait_for("filter: tour-gate");
    screen.keys(&["Enter"]);
    screen.wait_for("holder");
    screen.keys(&["/"]);
    screen.type_text(&worker.child.id().to_string());
    screen.keys(&["Enter", "Enter"]);
    screen.wait_for("RIGHTS");
    let shown = masked(&screen.text(), &place, &[(&worker, "WORKER")]);
    crate::handles::end(guest);
    golden::check("top-process", &shown);
}

#[test]
fn the_help() {
    let place = Place::new();
    let Some(screen) = Screen::start(&place, (80, 32), &["top"]) else {
        return;
    };
    screen.wait_for("cost");
    screen.keys(&["?"]);
    screen.wait_for("any key");
    golden::check("top-help", &masked(&screen.text(), &place, &[]));
    golden::check("top-help-styled", &masked(&screen.styled(), &place, &[]));
}
